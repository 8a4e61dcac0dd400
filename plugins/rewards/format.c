/* SPDX-License-Identifier: Apache-2.0
 * format.c: 1 where a pattern is found in an answer, else 0. To ask for all of the answer, write ^ and $ around it.
 *
 * A pattern that needs too many steps on some text (PCRE's limit) is not found there.
 */
#include <hone/reward.h>

typedef struct Format {
    char *pattern;
    bool ignore_case, dot_all;
} Format;

static const HoneParam params_table[] = {
    HONE_STRING(Format, pattern, NULL, "a regular expression, in Perl's syntax"),
    HONE_BOOL(Format, ignore_case, "false", "upper and lower case do not matter"),
    HONE_BOOL(Format, dot_all, "true", "a dot stands for the end of a line too"),
    {0},
};
static const HoneParamGroup params_groups[] = {HONE_OWN_PARAMS(params_table), {0}};

static void *prepare(const void *params, HoneStage *stage, GError **error)
{
    const Format *own = params;
    g_autoptr(GError) problem = NULL;
    GRegexCompileFlags flags = (own->ignore_case ? G_REGEX_CASELESS : 0) | (own->dot_all ? G_REGEX_DOTALL : 0);
    GRegex *regex = own->pattern ? g_regex_new(own->pattern, flags, 0, &problem) : NULL;
    if (!regex)
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "pattern: %s",
                    problem ? problem->message : "give a regular expression");
    return regex;
}

static void finish(void *prepared)
{
    g_regex_unref(prepared);
}

static bool score(const void *params, void *prepared, const HoneAnswers *answers, double *rewards, GError **error)
{
    for (size_t i = 0; i < answers->n; i++)
        rewards[i] = g_regex_match(prepared, answers->texts[i], 0, NULL);
    return true;
}

static const HoneRewardOps ops = {.size = sizeof(HoneRewardOps), .prepare = prepare, .score = score, .finish = finish};

static const HoneComponent component = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_REWARD,
    .name = "format",
    .version = "1",
    .summary = "1 where a pattern is found in the answer, else 0",
    .params = params_groups,
    .instance_size = sizeof(Format),
    .ops = &ops,
};

HONE_DEFINE_PLUGIN("reward_format", "1", "Apache-2.0", "a pattern as a reward", &component)
