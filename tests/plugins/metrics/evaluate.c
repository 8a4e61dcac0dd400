/* SPDX-License-Identifier: Apache-2.0
 * The stage `evaluate` around a made-up model whose tokens are bytes and whose numbers are known: what it asks of a
 * model, what it writes, and that a killed run ends in the same bytes. The functions of model.h and chat.h that it
 * calls are defined here and take the place of libhone's in this program.
 */
#include "fixture.h"
#include "scratch.h"
#include <glib/gstdio.h>
#include <hone/file.h>
#include <hone/model.h>
#include <math.h>
#include <string.h>

#define END_OF_TURN 300
#define ROLE 301
#define CONTEXT 3000

/* ---- The model. ---- */

static HoneModelConfig config = {.context = CONTEXT};
static struct {
    size_t forwards, generations;           /* calls */
    size_t tokens;                          /* of all forwards */
    size_t forwards_left, generations_left; /* before it stops as a killed one would */
} calls;

static void start(void)
{
    calls.forwards = calls.generations = calls.tokens = 0;
    calls.forwards_left = calls.generations_left = SIZE_MAX;
}

/* log p of a token: a multiple of 1/8, so sums are exact. */
static double logprob_of(int32_t id)
{
    return -(double)(id % 7 + 1) / 8;
}

HoneModel *hone_model_open_artifact(HoneArtifact *artifact, HoneBackend *backend, const char *hash_folder,
                                    HoneProgress *progress, GError **error)
{
    return (HoneModel *)&config;
}

void hone_model_free(HoneModel *model)
{
}

const HoneModelConfig *hone_model_config(const HoneModel *model)
{
    return &config;
}

const HoneTokenizer *hone_model_tokenizer(const HoneModel *model)
{
    return (const HoneTokenizer *)&config;
}

const HoneChat *hone_model_chat(const HoneModel *model, GError **error)
{
    return (const HoneChat *)&config;
}

bool hone_tokenizer_is_special(const HoneTokenizer *tokenizer, int32_t id)
{
    return id > 255;
}

const char *hone_tokenizer_piece(const HoneTokenizer *tokenizer, int32_t id, size_t *length)
{
    *length = 1;
    return "x";
}

static void add_token(HoneTokens *tokens, int32_t id, float weight)
{
    g_array_append_val(tokens->ids, id);
    g_array_append_val(tokens->weights, weight);
}

HoneTokens *hone_chat_encode_with(const HoneChat *chat, const GPtrArray *messages, JsonArray *tools, GError **error)
{
    HoneTokens *tokens = g_new0(HoneTokens, 1);

    tokens->ids = g_array_new(FALSE, FALSE, sizeof(int32_t));
    tokens->weights = g_array_new(FALSE, FALSE, sizeof(float));
    for (guint i = 0; i < messages->len; i++) {
        const HoneMessage *message = messages->pdata[i];

        add_token(tokens, ROLE, 0);
        if (g_str_equal(message->role, "assistant")) {
            tokens->prompt = tokens->ids->len;
        }
        for (const char *at = message->content; *at; at++) {
            add_token(tokens, (unsigned char)*at, (float)message->weight);
        }
        add_token(tokens, END_OF_TURN, (float)message->weight);
    }
    return tokens;
}

void hone_tokens_free(HoneTokens *tokens)
{
    if (tokens) {
        g_array_unref(tokens->ids);
        g_array_unref(tokens->weights);
        g_free(tokens);
    }
}

static bool killed(GError **error)
{
    g_set_error(error, HONE_ERROR, HONE_ERROR_CANCELLED, "killed");
    return false;
}

bool hone_model_forward(HoneModel *model, const HoneBatch *batch, const HoneForward *options, float *logprob,
                        GError **error)
{
    if (calls.forwards == calls.forwards_left) {
        return killed(error);
    }
    calls.forwards++;
    calls.tokens += batch->n_tokens;
    g_assert_false(options->keep);
    g_assert_cmpint(batch->starts[0], ==, 0);
    g_assert_cmpint(batch->starts[batch->n_sequences], ==, (int)batch->n_tokens);
    g_assert_true(batch->n_tokens <= 2048 || batch->n_sequences == 1);
    for (size_t s = 0; s < batch->n_sequences; s++) {
        g_assert_cmpint(batch->starts[s], <, batch->starts[s + 1]);
        g_assert_cmpint(batch->ids[batch->starts[s]], ==, ROLE);
    }
    for (size_t k = 0; k < batch->n_targets; k++) {
        g_assert_true(k == 0 || batch->target_rows[k] > batch->target_rows[k - 1]);
        g_assert_cmpint(batch->ids[batch->target_rows[k] + 1], ==, batch->targets[k]);
        logprob[k] = (float)logprob_of(batch->targets[k]);
    }
    return true;
}

void hone_completion_free(HoneCompletion *completion)
{
    g_free(completion->text);
    g_array_unref(completion->ids);
    g_free(completion);
}

/* Says what the last message said; a text with a "z" in it does not end. */
bool hone_model_generate(HoneModel *model, GArray *const *prompts, size_t n, size_t batch, const HoneSampling *sampling,
                         HonePieceFunc piece, void *data, HoneCompletion **out, GError **error)
{
    if (calls.generations == calls.generations_left) {
        return killed(error);
    }
    calls.generations++;
    for (size_t i = 0; i < n; i++) {
        g_autoptr(GString) text = g_string_new(NULL);

        g_assert_cmpint(g_array_index(prompts[i], int32_t, prompts[i]->len - 1), ==, ROLE);
        for (guint t = prompts[i]->len - 2; t > 0 && g_array_index(prompts[i], int32_t, t - 1) != ROLE; t--) {
            g_string_prepend_c(text, (char)g_array_index(prompts[i], int32_t, t - 1));
        }
        out[i] = g_new0(HoneCompletion, 1);
        out[i]->finished = !strchr(text->str, 'z');
        out[i]->text = g_string_free(g_steal_pointer(&text), FALSE);
        out[i]->ids = g_array_new(FALSE, FALSE, sizeof(int32_t));
        g_assert_true(piece(i, out[i]->text, data));
    }
    return true;
}

/* ---- Runs. ---- */

#define ROWS 61

/* Every third row is answered right by an echo; row 7 does not end; rows differ in length. */
static char *make_rows(int n)
{
    GString *rows = g_string_new(NULL);

    for (int i = 0; i < n; i++) {
        g_autofree char *text = g_strnfill((gsize)(1 + i * 37 % 200), (char)('a' + i % 20));

        g_string_append_printf(
            rows,
            "{\"id\": \"r%d\", \"messages\": [{\"role\": \"user\", \"content\": \"%s%s\"}, {\"role\": "
            "\"assistant\", \"content\": \"%s%s\"}]}\n",
            i, text, i == 7 ? "z" : "", text, i % 3 ? "!" : "");
    }
    return g_string_free(rows, FALSE);
}

static bool evaluate_rows(const char *folder, HoneArtifactType type, const char *rows, const char *params,
                          GError **error)
{
    g_autofree char *n = g_strdup_printf("d%u", g_random_int());
    g_autofree char *m = g_strdup_printf("m%u", g_random_int());
    ScratchInput inputs[] = {
        {"model", "base", scratch_artifact(folder, m, HONE_MODEL, "{\"family\": \"bytes\"}", NULL)},
        {"dataset", "parts.test", scratch_artifact(folder, n, type, NULL, "rows.jsonl", rows, NULL)},
        {0}};

    return scratch_run(folder, hone_plugin()->components[0], params, inputs, NULL, error);
}

static bool evaluate(const char *folder, const char *rows, const char *params, GError **error)
{
    return evaluate_rows(folder, HONE_DATASET, rows, params, error);
}

static const char both[] = "{\"metrics\": [\"perplexity\", \"exact_match\"], \"batch\": 3, \"draws\": 200}";

static JsonObject *figure(JsonObject *scores, const char *name)
{
    JsonArray *figures = json_object_get_array_member(scores, "figures");

    for (guint i = 0; i < json_array_get_length(figures); i++) {
        JsonObject *one = json_array_get_object_element(figures, i);

        if (g_str_equal(json_object_get_string_member(one, "name"), name)) {
            return one;
        }
    }
    g_error("no figure %s", name);
}

static void test_figures(void)
{
    g_autoptr(char) folder = scratch_new();
    g_autofree char *rows = make_rows(ROWS);
    g_autoptr(JsonObject) scores = NULL;
    g_autoptr(GError) error = NULL;
    double nll = 0, bytes = 0, tokens = 0, right = 0, value;

    start();
    evaluate(folder, rows, both, &error);
    g_assert_no_error(error);
    scores = scratch_json(folder, "out-evaluate/scores/scores.json");
    for (int i = 0; i < ROWS; i++) {
        int n = 1 + i * 37 % 200;

        nll -= n * logprob_of('a' + i % 20) + logprob_of(END_OF_TURN) + (i % 3 ? logprob_of('!') : 0);
        bytes += n + (i % 3 != 0);
        right += i % 3 == 0; /* row 7, which ends in z, is none of them */
    }
    tokens = bytes + ROWS;
    /* Sums of eighths are exact; a quotient and an exp are not. */
    value = json_object_get_double_member(figure(scores, "perplexity"), "value");
    g_assert_true(fabs(value - exp(nll / tokens)) <= 1e-12 * value);
    value = json_object_get_double_member(figure(scores, "bits_per_byte"), "value");
    g_assert_true(fabs(value - nll / G_LN2 / bytes) <= 1e-12 * value);
    value = json_object_get_double_member(figure(scores, "exact_match"), "value");
    g_assert_true(fabs(value - right / ROWS) <= 1e-12);
    g_assert_cmpint(json_object_get_int_member(figure(scores, "exact_match"), "rows"), ==, ROWS);
    g_assert_cmpfloat(json_object_get_double_member(figure(scores, "exact_match"), "low"), <, value);
    g_assert_cmpint(json_object_get_int_member(scores, "rows"), ==, ROWS);
}

#define JUDGED(id, prompt, answers)                                                                                    \
    "{\"id\": \"" id "\", \"messages\": [{\"role\": \"user\", \"content\": \"" prompt "\"}]" answers "}\n"
#define ANSWER(kind, text) ", \"" kind "\": [{\"role\": \"assistant\", \"content\": \"" text "\"}]"

/* Of an answer: the sum over its letters and its end. */
static double judged_logprob(const char *text)
{
    double sum = logprob_of(END_OF_TURN);

    for (; *text; text++) {
        sum += logprob_of((unsigned char)*text);
    }
    return sum;
}

/* Pairs, and answers without a partner, which count for their own figure alone. */
static void test_preferences(void)
{
    static const char *const pairs[][2] = {{"ab", "cde"}, {"a", "cccccc"}, {"e", "e"}, {"bdb", "cacaca"}};
    static const char rows[] = JUDGED("p0", "q", ANSWER("chosen", "ab") ANSWER("rejected", "cde"))
        JUDGED("p1", "longer", ANSWER("chosen", "a") ANSWER("rejected", "cccccc"))
            JUDGED("p2", "q", ANSWER("chosen", "e") ANSWER("rejected", "e"))
                JUDGED("p3", "q", ANSWER("chosen", "bdb") ANSWER("rejected", "cacaca"))
                    JUDGED("good", "q", ANSWER("chosen", "dada")) JUDGED("bad", "q", ANSWER("rejected", "eee"));
    static const char params[] = "{\"metrics\": [\"preference\", \"perplexity\"], \"draws\": 100}";
    g_autoptr(char) folder = scratch_new();
    g_autoptr(JsonObject) scores = NULL;
    g_autoptr(GError) error = NULL;
    double chosen = judged_logprob("dada"), rejected = judged_logprob("eee"), n_chosen = 5, n_rejected = 4;
    double right = 0, right_sum = 0, margin = 0, margin_sum = 0;

    start();
    evaluate_rows(folder, HONE_PREFERENCES, rows, params, &error);
    g_assert_no_error(error);
    scores = scratch_json(folder, "out-evaluate/scores/scores.json");
    for (size_t i = 0; i < G_N_ELEMENTS(pairs); i++) {
        double c = judged_logprob(pairs[i][0]), r = judged_logprob(pairs[i][1]);
        double n_c = (double)strlen(pairs[i][0]) + 1, n_r = (double)strlen(pairs[i][1]) + 1;

        chosen += c, rejected += r, n_chosen += n_c, n_rejected += n_r;
        margin += (c / n_c - r / n_r) / G_N_ELEMENTS(pairs);
        margin_sum += (c - r) / G_N_ELEMENTS(pairs);
        right += (c / n_c > r / n_r) / (double)G_N_ELEMENTS(pairs);
        right_sum += (c > r) / (double)G_N_ELEMENTS(pairs);
    }
    g_assert_cmpfloat(right, !=, right_sum); /* the rows tell the two apart */
    const struct {
        const char *name;
        double value;
        int rows;
    } wanted[] = {{"preference_accuracy", right, 4},         {"preference_margin", margin, 4},
                  {"preference_accuracy_sum", right_sum, 4}, {"preference_margin_sum", margin_sum, 4},
                  {"logprob_chosen", chosen / n_chosen, 5},  {"logprob_rejected", rejected / n_rejected, 5},
                  {"perplexity", exp(-chosen / n_chosen), 5}};
    for (size_t i = 0; i < G_N_ELEMENTS(wanted); i++) {
        JsonObject *one = figure(scores, wanted[i].name);
        double value = json_object_get_double_member(one, "value");

        /* Sums of eighths are exact; quotients and an exp are not. */
        if (!(fabs(value - wanted[i].value) <= 1e-12 * fmax(1, fabs(wanted[i].value)))) {
            g_error("%s is %.17g, not %.17g", wanted[i].name, value, wanted[i].value);
        }
        g_assert_cmpint(json_object_get_int_member(one, "rows"), ==, wanted[i].rows);
    }
    g_assert_false(evaluate_rows(folder, HONE_PREFERENCES, rows, "{\"metrics\": [\"exact_match\"]}", &error));
    g_assert_nonnull(strstr(error->message, "leave out `shots`"));
    g_clear_error(&error);
    g_autofree char *plain = make_rows(3);
    g_assert_false(evaluate(folder, plain, params, &error));
    g_assert_nonnull(strstr(error->message, "holds no preferences"));
}

static void test_rows(void)
{
    g_autoptr(char) folder = scratch_new();
    g_autofree char *rows = make_rows(ROWS), *text = NULL;
    g_auto(GStrv) lines = NULL;

    start();
    g_assert_true(evaluate(folder, rows, both, NULL));
    text = scratch_text(folder, "out-evaluate/scores/rows.jsonl");
    lines = g_strsplit(g_strchomp(text), "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, ROWS);
    for (int i = 0; i < ROWS; i++) {
        g_autoptr(JsonNode) node = test_json(lines[i]);
        g_autofree char *id = g_strdup_printf("r%d", i);
        JsonObject *row = json_node_get_object(node), *turn;
        JsonArray *prompt = json_object_get_array_member(row, "prompt");

        g_assert_cmpstr(json_object_get_string_member(row, "id"), ==, id);
        g_assert_cmpuint(json_array_get_length(prompt), ==, 1);
        turn = json_array_get_object_element(prompt, 0);
        g_assert_cmpstr(json_object_get_string_member(turn, "content"), ==,
                        json_object_get_string_member(row, "prediction"));
        g_assert_true(json_object_get_boolean_member(row, "finished") == (i != 7));
    }
}

/* Killed after any number of calls, then started again: nothing is computed twice, and the result is that of a run that
 * was left alone. */
static void test_resume(void)
{
    g_autoptr(char) whole = scratch_new();
    g_autofree char *rows = make_rows(ROWS), *want_scores = NULL, *want_rows = NULL;
    size_t forwards, generations;

    start();
    g_assert_true(evaluate(whole, rows, both, NULL));
    forwards = calls.forwards;
    generations = calls.generations;
    g_assert_cmpuint(forwards, >=, 4);
    g_assert_cmpuint(generations, >=, 4);
    want_scores = scratch_text(whole, "out-evaluate/scores/scores.json");
    want_rows = scratch_text(whole, "out-evaluate/scores/rows.jsonl");

    for (size_t stop = 0; stop < forwards + generations; stop++) {
        g_autoptr(char) folder = scratch_new();
        g_autofree char *got_scores = NULL, *got_rows = NULL;
        g_autofree char *journal =
            g_build_filename(folder, "work-evaluate", stop < forwards ? "logprob.jsonl" : "answers.jsonl", NULL);
        g_autoptr(GError) error = NULL;
        FILE *file;

        start();
        calls.forwards_left = stop;
        calls.generations_left = stop < forwards ? SIZE_MAX : stop - forwards;
        calls.forwards_left = stop < forwards ? stop : SIZE_MAX;
        g_assert_false(evaluate(folder, rows, both, &error));
        g_assert_error(error, HONE_ERROR, HONE_ERROR_CANCELLED);
        /* The kill came in the middle of a line. */
        file = g_fopen(journal, "a");
        g_assert_nonnull(file);
        fputs("{\"first\": 3, \"logprob\": [-0.1", file);
        fclose(file);

        start();
        g_assert_true(evaluate(folder, rows, both, NULL));
        g_assert_cmpuint(calls.forwards, ==, stop < forwards ? forwards - stop : 0);
        g_assert_cmpuint(calls.generations, ==, stop < forwards ? generations : generations - (stop - forwards));
        got_scores = scratch_text(folder, "out-evaluate/scores/scores.json");
        got_rows = scratch_text(folder, "out-evaluate/scores/rows.jsonl");
        g_assert_cmpstr(got_scores, ==, want_scores);
        g_assert_cmpstr(got_rows, ==, want_rows);
    }
}

/* What is in the work folder of another data set or another setting is of no use. */
static void test_other_work(void)
{
    g_autoptr(char) folder = scratch_new();
    g_autofree char *rows = make_rows(ROWS), *fewer = make_rows(ROWS - 1);

    start();
    g_assert_true(evaluate(folder, rows, both, NULL));
    start();
    g_assert_true(evaluate(folder, fewer, both, NULL));
    g_assert_cmpuint(calls.forwards, >, 0);
    g_assert_cmpuint(calls.generations, >, 0);
    start();
    g_assert_true(evaluate(folder, fewer, both, NULL));
    g_assert_cmpuint(calls.forwards + calls.generations, ==, 0);
    start();
    g_assert_true(evaluate(folder, fewer, "{\"metrics\": [\"exact_match\"], \"batch\": 3, \"max_tokens\": 5}", NULL));
    g_assert_cmpuint(calls.generations, >, 0);
}

/* Only what some metric wants is computed. */
static void test_needs(void)
{
    g_autoptr(char) folder = scratch_new();
    g_autofree char *rows = make_rows(20);

    start();
    g_assert_true(evaluate(folder, rows, "{\"metrics\": [\"perplexity\"]}", NULL));
    g_assert_cmpuint(calls.generations, ==, 0);
    start();
    g_assert_true(evaluate(folder, rows, "{\"metrics\": [\"rouge\"], \"limit\": 4}", NULL));
    g_assert_cmpuint(calls.forwards, ==, 0);
}

static void test_left_out(void)
{
    g_autoptr(char) folder = scratch_new();
    g_autofree char *long_text = g_strnfill(CONTEXT, 'q');
    g_autofree char *rows =
        g_strdup_printf("{\"id\": \"a\", \"messages\": [{\"role\": \"user\", \"content\": \"u\"}]}\n"
                        "{\"id\": \"b\", \"messages\": [{\"role\": \"user\", \"content\": \"%s\"}, {\"role\": "
                        "\"assistant\", \"content\": "
                        "\"x\"}]}\n"
                        "{\"id\": \"c\", \"messages\": [{\"role\": \"user\", \"content\": \"u\"}, {\"role\": "
                        "\"assistant\", \"content\": "
                        "\"x\"}, {\"role\": \"user\", \"content\": \"more\"}]}\n"
                        "{\"id\": \"d\", \"messages\": [{\"role\": \"user\", \"content\": \"u\"}, {\"role\": "
                        "\"assistant\", \"content\": "
                        "\"x\"}]}\n",
                        long_text);
    g_autoptr(JsonObject) scores = NULL;
    g_autoptr(GError) error = NULL;
    JsonObject *left_out;

    start();
    g_assert_true(evaluate(folder, rows, "{\"metrics\": [\"exact_match\"], \"limit\": 1}", NULL));
    scores = scratch_json(folder, "out-evaluate/scores/scores.json");
    left_out = json_object_get_object_member(scores, "left_out");
    g_assert_cmpint(json_object_get_int_member(scores, "rows"), ==, 1);
    g_assert_cmpint(json_object_get_int_member(left_out, "without_answer"), ==, 1);
    g_assert_cmpint(json_object_get_int_member(left_out, "too_long"), ==, 1);
    g_assert_cmpint(json_object_get_int_member(left_out, "over_limit"), ==, 1);

    g_assert_false(
        evaluate(folder, "{\"id\": \"a\", \"messages\": [{\"role\": \"user\", \"content\": \"u\"}]}\n", both, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, "no row that can be evaluated (1 rows, 1 without an assistant message"));
}

/* Fields become figures of their own, in the order in which they are met. */
static void test_parts(void)
{
    g_autoptr(char) folder = scratch_new();
    g_autoptr(JsonObject) scores = NULL;
    JsonObject *b;

    start();
    g_assert_true(
        evaluate(folder,
                 "{\"id\": \"x\", \"messages\": [{\"role\": \"user\", \"content\": \"{\\\"a\\\": 1, \\\"b\\\": "
                 "2}\"}, {\"role\": \"assistant\", \"content\": \"{\\\"a\\\": 1, \\\"b\\\": 3}\"}]}\n"
                 "{\"id\": \"y\", \"messages\": [{\"role\": \"user\", \"content\": \"{\\\"b\\\": 2}\"}, {\"role\": "
                 "\"assistant\", \"content\": \"{\\\"b\\\": 2, \\\"c\\\": 0}\"}]}\n",
                 "{\"metrics\": [\"field_accuracy\"]}", NULL));
    scores = scratch_json(folder, "out-evaluate/scores/scores.json");
    g_assert_cmpfloat(json_object_get_double_member(figure(scores, "field_accuracy"), "value"), ==, 0.5);
    g_assert_cmpfloat(json_object_get_double_member(figure(scores, "field_accuracy/a"), "value"), ==, 1);
    b = figure(scores, "field_accuracy/b");
    g_assert_cmpfloat(json_object_get_double_member(b, "value"), ==, 0.5);
    g_assert_cmpstr(json_object_get_string_member(b, "part"), ==, "b");
    g_assert_cmpint(json_object_get_int_member(b, "rows"), ==, 2);
    g_assert_cmpfloat(json_object_get_double_member(figure(scores, "field_accuracy/c"), "value"), ==, 0);
}

/* With shots, the examples' turns stand between the row's system message and its own, bear no loss, and a row that is
 * one of them sees the spare one in its place. */
static void test_shots(void)
{
    static const char rows[] =
        "{\"id\": \"a\", \"messages\": [{\"role\": \"system\", \"content\": \"S\"}, {\"role\": \"user\", \"content\": "
        "\"u\"}, {\"role\": \"assistant\", \"content\": \"x\"}]}\n"
        "{\"id\": \"e1\", \"messages\": [{\"role\": \"user\", \"content\": \"uuu\"}, {\"role\": \"assistant\", "
        "\"content\": \"yyy\"}]}\n";
    static const char examples[] =
        "{\"id\": \"e0\", \"messages\": [{\"role\": \"system\", \"content\": \"other\"}, {\"role\": \"user\", "
        "\"content\": \"uu\"}, {\"role\": \"assistant\", \"content\": \"yy\"}]}\n"
        "{\"id\": \"no-answer\", \"messages\": [{\"role\": \"user\", \"content\": \"u\"}]}\n"
        "{\"id\": \"e1\", \"messages\": [{\"role\": \"user\", \"content\": \"uuu\"}, {\"role\": \"assistant\", "
        "\"content\": \"yyy\"}]}\n";
    static const char params[] = "{\"metrics\": [\"perplexity\"], \"shots\": 1, \"seed\": %d, \"draws\": 100}";

    for (int seed = 0; seed < 4; seed++) {
        g_autoptr(char) folder = scratch_new();
        g_autofree char *with_seed = g_strdup_printf(params, seed);
        g_autoptr(JsonObject) scores = NULL;
        g_autoptr(GError) error = NULL;
        double nll = -(logprob_of('x') + 3 * logprob_of('y') + 2 * logprob_of(END_OF_TURN)), value;
        ScratchInput inputs[] = {
            {"model", "base", scratch_artifact(folder, "m", HONE_MODEL, "{\"family\": \"bytes\"}", NULL)},
            {"dataset", "test", scratch_artifact(folder, "d", HONE_DATASET, NULL, "rows.jsonl", rows, NULL)},
            {"examples", "train", scratch_artifact(folder, "e", HONE_DATASET, NULL, "rows.jsonl", examples, NULL)},
            {0}};

        start();
        scratch_run(folder, hone_plugin()->components[0], with_seed, inputs, NULL, &error);
        g_assert_no_error(error);
        /* [S] u0 y0 | u x, and u0 y0 | u1 y1: the row e1 gets e0, whichever was drawn first. Token counts: a marker
         * and an end for each turn. */
        g_assert_true(calls.tokens == 3 + (4 + 4) + 3 + 3 + (4 + 4) + 5 + 5 ||
                      calls.tokens == 3 + (5 + 5) + 3 + 3 + (4 + 4) + 5 + 5);
        scores = scratch_json(folder, "out-evaluate/scores/scores.json");
        value = json_object_get_double_member(figure(scores, "perplexity"), "value");
        /* One rounding each in the quotient and in exp. */
        g_assert_true(fabs(value - exp(nll / 6)) <= 1e-12 * value);
        g_assert_cmpint(json_object_get_int_member(json_object_get_object_member(scores, "decoding"), "shots"), ==, 1);
    }
}

static void test_refused(void)
{
    static const struct {
        const char *params, *says;
    } table[] = {
        {"{\"metrics\": []}", "name at least one"},
        {"{\"metrics\": [\"rouge\"], \"metric_params\": 3}", "metric_params must be an object"},
        {"{\"metrics\": [\"rouge\"], \"metric_params\": {\"rouge\": 3}}", "\"rouge\" must be an object"},
        {"{\"metrics\": [\"rouge\"], \"metric_params\": {\"rogue\": {}}}", "did you mean \"rouge\""},
        {"{\"metrics\": [\"rouge\"], \"metric_params\": {\"rouge\": {\"stemer\": true}}}", "stemmer"},
        {"{\"metrics\": [\"rouge\", \"rouge\"]}", "both have a figure \"rouge1\""},
        {"{\"metrics\": [\"json_schema\"]}", "schema"},
        {"{\"metrics\": [\"rouge\"], \"shots\": 2}", "nothing is connected to the port \"examples\""},
        {"{\"metrics\": [\"json_schema\"], \"metric_params\": {\"json_schema\": {\"schema\": \"gone.json\"}}}",
         "gone.json"},
    };
    g_autofree char *rows = make_rows(3);

    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(char) folder = scratch_new();
        g_autoptr(GError) error = NULL;

        start();
        g_assert_false(evaluate(folder, rows, table[i].params, &error));
        if (!strstr(error->message, table[i].says)) {
            g_error("%s: says \"%s\"", table[i].params, error->message);
        }
        g_assert_cmpuint(calls.forwards + calls.generations, ==, 0);
    }
}

/* A path in metric_params is relative to the pipeline's folder. */
static void test_schema_path(void)
{
    g_autoptr(char) folder = scratch_new();
    g_autofree char *path = g_build_filename(folder, "s.json", NULL);
    g_autoptr(JsonObject) scores = NULL;
    g_autoptr(GError) error = NULL;

    start();
    g_assert_true(g_file_set_contents(path, "{\"required\": [\"a\"]}", -1, NULL));
    evaluate(folder,
             "{\"id\": \"x\", \"messages\": [{\"role\": \"user\", \"content\": \"{\\\"a\\\": 1}\"}, {\"role\": "
             "\"assistant\", \"content\": \"{}\"}]}\n",
             "{\"metrics\": [\"json_schema\"], \"metric_params\": {\"json_schema\": {\"schema\": \"s.json\"}}}",
             &error);
    g_assert_no_error(error);
    scores = scratch_json(folder, "out-evaluate/scores/scores.json");
    g_assert_cmpfloat(json_object_get_double_member(figure(scores, "json_schema"), "value"), ==, 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/evaluate/figures", test_figures);
    g_test_add_func("/evaluate/preferences", test_preferences);
    g_test_add_func("/evaluate/rows", test_rows);
    g_test_add_func("/evaluate/resume", test_resume);
    g_test_add_func("/evaluate/other-work", test_other_work);
    g_test_add_func("/evaluate/needs", test_needs);
    g_test_add_func("/evaluate/left-out", test_left_out);
    g_test_add_func("/evaluate/parts", test_parts);
    g_test_add_func("/evaluate/shots", test_shots);
    g_test_add_func("/evaluate/refused", test_refused);
    g_test_add_func("/evaluate/schema-path", test_schema_path);
    return g_test_run();
}
