/* SPDX-License-Identifier: Apache-2.0
 * rollout_params.c: the parameters of training on the model's own answers, and what must hold between them and the
 * others.
 */
#include <hone/train.h>

static const char *const scales[] = {"group", "batch", "none", NULL};

const HoneParam hone_rollout_params[] = {
    HONE_JSON(HoneRolloutParams, rewards, NULL,
              "what makes an answer good: names, or {\"name\", \"weight\", \"params\"}; the weighted rewards are added",
              .flags = HONE_PARAM_NAMES_REWARDS),
    HONE_INT(HoneRolloutParams, group, "8", 2, 1024, "answers to each prompt, which are compared with one another",
             .unit = "answers"),
    HONE_INT(HoneRolloutParams, max_tokens, "256", 1, 1048576, "longest answer", .unit = "tokens"),
    HONE_INT(HoneRolloutParams, iterations, "1", 1, 64, "optimizer steps on the same answers", .unit = "steps"),
    HONE_INT(HoneRolloutParams, rollout_batch, "16", 1, 4096, "answers that are generated at once", .unit = "answers"),
    HONE_CHOICE(HoneRolloutParams, scale_rewards, "\"group\"", scales,
                "advantages are divided by the rewards' deviation in the group, in the step's whole batch, or not"),
    {0},
};

char *hone_rollout_problem(const HoneTrainParams *params, const HoneRolloutParams *rollouts)
{
    int64_t window = params->batch_size * params->accumulate;
    if (window % rollouts->group != 0)
        return g_strdup_printf("a step takes batch_size·accumulate = %" G_GINT64_FORMAT
                               " answers, which groups of %" G_GINT64_FORMAT " do not fill: make group a divisor of it",
                               window, rollouts->group);
    if (g_str_equal(params->over_length, "truncate"))
        return g_strdup("over_length: a prompt that is cut asks for something else; take drop or fail");
    if (rollouts->max_tokens + 1 > params->max_length)
        return g_strdup_printf("max_length of %" G_GINT64_FORMAT
                               " tokens leaves no room for a prompt before max_tokens of %" G_GINT64_FORMAT
                               ": raise the one or lower the other",
                               params->max_length, rollouts->max_tokens);
    return NULL;
}
