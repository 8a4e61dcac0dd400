/* SPDX-License-Identifier: Apache-2.0
 * likelihood.h: the objective of the supervised methods (sft, instruct, pretrain): make the wanted tokens likely.
 */
#ifndef HONE_LIKELIHOOD_H
#define HONE_LIKELIHOOD_H

#include <hone/objective.h>

extern const HoneObjectiveOps likelihood_ops;

#endif
