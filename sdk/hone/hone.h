/* SPDX-License-Identifier: Apache-2.0
 * hone.h: everything, for those who do not mind.
 */
#ifndef HONE_HONE_H
#define HONE_HONE_H

#include <hone/artifact.h>
#include <hone/backend.h>
#include <hone/chat.h>
#include <hone/checkpoint.h>
#include <hone/dataset.h>
#include <hone/error.h>
#include <hone/file.h>
#include <hone/gguf.h>
#include <hone/hub.h>
#include <hone/json.h>
#include <hone/metric.h>
#include <hone/model.h>
#include <hone/objective.h>
#include <hone/params.h>
#include <hone/plugin.h>
#include <hone/progress.h>
#include <hone/random.h>
#include <hone/reward.h>
#include <hone/safetensors.h>
#include <hone/stage.h>
#include <hone/tensor.h>
#include <hone/tokenizer.h>
#include <hone/tracker.h>
#include <hone/train.h>

#endif
