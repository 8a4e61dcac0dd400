/* SPDX-License-Identifier: Apache-2.0
 * killed.h: trainings that are killed and go on. They run in a child: the test's own program with --train.
 */
#ifndef HONE_TRAIN_KILLED_H
#define HONE_TRAIN_KILLED_H

#include "harness.h"

/* What main does first: where the program is such a child, it trains and returns the exit status. */
bool test_is_child(int argc, char **argv);
int test_child(char **argv);
/* The training whole, then killed at steps stops [n], first by SIGKILL and again by SIGTERM: each time the end has the
 * same bytes. Uses the training's stage by name; output and work are left with the last one's. */
void test_kill_and_resume(const TestTraining *training, const unsigned *stops, size_t n);

#endif
