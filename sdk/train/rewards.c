/* SPDX-License-Identifier: Apache-2.0
 * rewards.c: the rewards that a stage names: found, given their parameters, asked about answers, added up.
 */
#include "rollout.h"
#include <math.h>

#define MOST 16 /* rewards; a longer list is a mistake */

static void reward_free(void *data)
{
    Reward *reward = data;
    if (reward->prepared && reward->ops->finish)
        reward->ops->finish(reward->prepared);
    if (reward->params) {
        hone_params_clear(reward->component, reward->params);
        g_free(reward->params);
    }
    g_free(reward->figure);
    g_free(reward);
}

static bool open_reward(Rewards *rewards, HoneStage *stage, const HoneRewardUse *use, GError **error)
{
    const HoneComponent *component = hone_stage_component(stage, HONE_REWARD, use->name, error);
    if (!component)
        return false;
    Reward *reward = g_new0(Reward, 1);
    g_ptr_array_add(rewards->list, reward);
    reward->component = component;
    reward->ops = component->ops;
    reward->weight = use->weight;
    reward->figure = g_strdup_printf("reward_%s", use->name);
    for (guint i = 0; i + 1 < rewards->list->len; i++)
        if (g_str_equal(((const Reward *)rewards->list->pdata[i])->figure, reward->figure)) {
            g_free(reward->figure); /* the same reward twice, with other parameters */
            reward->figure = g_strdup_printf("reward_%s_%u", use->name, rewards->list->len);
        }
    void *instance = g_malloc0(MAX(component->instance_size, 1));
    if (!hone_params_fill(component, use->params, hone_stage_folder(stage), instance, error)) {
        g_free(instance);
        g_prefix_error(error, "reward \"%s\": ", use->name);
        return false;
    }
    reward->params = instance;
    if (reward->ops->prepare && !(reward->prepared = reward->ops->prepare(instance, stage, error))) {
        g_prefix_error(error, "reward \"%s\": ", use->name);
        return false;
    }
    return true;
}

bool rewards_open(Rewards *rewards, HoneStage *stage, JsonNode *list, GError **error)
{
    rewards->list = g_ptr_array_new_with_free_func(reward_free);
    JsonArray *array = list && JSON_NODE_HOLDS_ARRAY(list) ? json_node_get_array(list) : NULL;
    guint n = array ? json_array_get_length(array) : 0;
    if (n == 0 || n > MOST) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "rewards: give a list of 1 to %d rewards, such as [\"exact_answer\"]", MOST);
        return false;
    }
    for (guint i = 0; i < n; i++) {
        HoneRewardUse use;
        if (!hone_reward_use_read(json_array_get_element(array, i), &use, error)) {
            g_prefix_error(error, "rewards, number %u: ", i + 1);
            return false;
        }
        if (!open_reward(rewards, stage, &use, error))
            return false;
    }
    return true;
}

void rewards_clear(Rewards *rewards)
{
    g_clear_pointer(&rewards->list, g_ptr_array_unref);
}

bool rewards_score(Rewards *rewards, const HoneAnswers *answers, double *sums, GError **error)
{
    g_autofree double *values = g_new(double, answers->n);
    for (size_t i = 0; i < answers->n; i++)
        sums[i] = 0;
    for (guint r = 0; r < rewards->list->len; r++) {
        Reward *reward = rewards->list->pdata[r];
        reward->mean = 0;
        for (size_t i = 0; i < answers->n; i++)
            values[i] = NAN;
        if (!reward->ops->score(reward->params, reward->prepared, answers, values, error)) {
            g_prefix_error(error, "reward \"%s\": ", reward->component->name);
            return false;
        }
        for (size_t i = 0; i < answers->n; i++) {
            if (!isfinite(values[i])) {
                g_set_error(error, HONE_ERROR, HONE_ERROR_PLUGIN,
                            "reward \"%s\", row \"%s\": it gave no finite number for an answer",
                            reward->component->name, answers->rows[i]->id);
                return false;
            }
            sums[i] += reward->weight * values[i];
            reward->mean += values[i] / (double)answers->n;
        }
    }
    return true;
}
