/* SPDX-License-Identifier: Apache-2.0
 * advantage.c: how much better an answer is than the others to the same prompt.
 *
 *     A_i = (r_i - mean(r)) / (std(r) + 1e-4)        over the group's rewards r, std with n - 1
 *
 * Shao et al., "DeepSeekMath", 2024, section 4.1. With scale "batch" the deviation is that of all rewards of the step
 * (the mean stays the group's); with "none" nothing is divided (Liu et al., "Understanding R1-Zero-Like Training",
 * 2025: dividing by the group's deviation weights up prompts that are nearly always, or never, answered well).
 */
#include "rollout.h"
#include <math.h>
#include <string.h>

#define EPSILON 1e-4

static double mean_of(const double *values, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += values[i];
    return sum / (double)n;
}

static double deviation_of(const double *values, size_t n)
{
    double mean = mean_of(values, n), squares = 0;
    for (size_t i = 0; i < n; i++)
        squares += (values[i] - mean) * (values[i] - mean);
    return n > 1 ? sqrt(squares / (double)(n - 1)) : 0;
}

void train_advantages(const double *rewards, size_t n, size_t group, const char *scale, double *advantage,
                      double *spread, double *flat)
{
    double whole = deviation_of(rewards, n), groups = (double)(n / group);
    *spread = *flat = 0;
    for (size_t first = 0; first < n; first += group) {
        double mean = mean_of(rewards + first, group), deviation = deviation_of(rewards + first, group);
        double divisor = strcmp(scale, "group") == 0   ? deviation + EPSILON
                         : strcmp(scale, "batch") == 0 ? whole + EPSILON
                                                       : 1;
        for (size_t i = first; i < first + group; i++)
            advantage[i] = (rewards[i] - mean) / divisor;
        *spread += deviation / groups;
        *flat += deviation < 1e-8 ? 1 / groups : 0;
    }
}
