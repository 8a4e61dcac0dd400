/* SPDX-License-Identifier: Apache-2.0
 * exact_answer.c: 1 where an answer's result is that of the wanted answer, else 0.
 *
 * The result is what follows the last marker ("####", as GSM8K writes it), or the whole text where it has none. Of
 * that, the last number counts: "$1,200.50" is 1200.5. Where either has no number, the texts are compared as they are.
 * Cobbe et al., "Training Verifiers to Solve Math Word Problems", 2021.
 */
#include <hone/reward.h>
#include <math.h>
#include <string.h>

typedef struct ExactAnswer {
    char *marker;
    bool needs_marker;
} ExactAnswer;

static const HoneParam params_table[] = {
    HONE_STRING(ExactAnswer, marker, "\"####\"", "the result follows this; empty: the whole text is it"),
    HONE_BOOL(ExactAnswer, needs_marker, "false", "an answer without the marker is wrong"),
    {0},
};
static const HoneParamGroup params_groups[] = {HONE_OWN_PARAMS(params_table), {0}};

static const char *last_marker(const char *text, const char *marker)
{
    const char *found = NULL;
    for (const char *at = text; marker && *marker && (at = strstr(at, marker)); at += strlen(marker))
        found = at + strlen(marker);
    return found;
}

/* The last number in the text: digits, commas between them, a fraction, a sign that no letter or digit precedes. */
static bool last_number(const char *text, double *value)
{
    bool found = false;
    for (const char *at = text; *at;) {
        if (!g_ascii_isdigit(*at)) {
            at++;
            continue;
        }
        g_autoptr(GString) digits = g_string_new(NULL);
        bool negative = at > text && at[-1] == '-' && (at - 1 == text || !g_ascii_isalnum(at[-2]));
        while (g_ascii_isdigit(*at) || (*at == ',' && g_ascii_isdigit(at[1])) ||
               (*at == '.' && g_ascii_isdigit(at[1]) && !strchr(digits->str, '.'))) {
            if (*at != ',')
                g_string_append_c(digits, *at);
            at++;
        }
        double size = g_ascii_strtod(digits->str, NULL);
        *value = negative ? -size : size;
        found = isfinite(size);
    }
    return found;
}

static bool is_right(const ExactAnswer *params, const char *wanted, const char *given)
{
    const char *want = last_marker(wanted, params->marker), *got = last_marker(given, params->marker);
    double a, b;
    if (!got && params->needs_marker)
        return false;
    want = want ? want : wanted;
    got = got ? got : given;
    if (last_number(want, &a) && last_number(got, &b))
        return a == b; /* the same digits give the same double */
    g_autofree char *x = g_strstrip(g_strdup(want)), *y = g_strstrip(g_strdup(got));
    return strcmp(x, y) == 0;
}

static bool score(const void *params, void *prepared, const HoneAnswers *answers, double *rewards, GError **error)
{
    for (size_t i = 0; i < answers->n; i++) {
        const char *wanted = hone_row_reference(answers->rows[i]);
        if (!wanted) {
            g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                        "row \"%s\" has no answer to compare with: give it an assistant message", answers->rows[i]->id);
            return false;
        }
        rewards[i] = is_right(params, wanted, answers->texts[i]);
    }
    return true;
}

static const HoneRewardOps ops = {.size = sizeof(HoneRewardOps), .score = score};

static const HoneComponent component = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_REWARD,
    .name = "exact_answer",
    .version = "1",
    .summary = "1 where the result is the wanted one, else 0",
    .help = "The result is what follows the last marker (\"####\"), or the whole text; of that the last number.",
    .params = params_groups,
    .instance_size = sizeof(ExactAnswer),
    .ops = &ops,
};

HONE_DEFINE_PLUGIN("reward_exact_answer", "1", "Apache-2.0", "exact answers as a reward", &component)
