/* SPDX-License-Identifier: Apache-2.0
 * follow.h: a training beside the same training by torch: from the same start, step by step.
 */
#ifndef HONE_TRAIN_FOLLOW_H
#define HONE_TRAIN_FOLLOW_H

#include <hone/json.h>
#include <hone/safetensors.h>

HoneSafetensors *test_open_tensors(const char *path);
JsonObject *test_read_object(const char *path);
/* Replaces the adapter in the checkpoint of step 0 (what a training leaves that was asked to stop at once) by the one
 * that the other side started from, start.safetensors. */
void test_put_start(const char *work);
/* Compares the log of an adapter's artifact with that of the other side: [{"loss", "grad_norm", "lr"}, ...]. */
void test_follow(const char *adapter, JsonArray *steps, double loss_tolerance, double norm_tolerance);

#endif
