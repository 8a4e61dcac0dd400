/* SPDX-License-Identifier: Apache-2.0
 * rows: the canonical JSON form, both ways; what breaks it; a dataset artifact written, sealed and read back.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <hone/dataset.h>
#include <hone/json.h>
#include <string.h>
#include <unistd.h>

static HoneRow *parse_row(const char *text, GError **error)
{
    g_autoptr(GError) bad = NULL;
    g_autoptr(JsonNode) node = hone_json_parse(text, strlen(text), NULL, &bad);
    g_assert_no_error(bad);
    return hone_row_from_json(node, "rows.jsonl:3", error);
}

/* The form is canonical: what is read is written with the same bytes. */
static void test_round_trip(void)
{
    const char *const rows[] = {
        "{\"id\":\"a\",\"messages\":[]}",
        "{\"id\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"\"}]}",
        "{\"id\":\"t-17\",\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"é "
        "\\\"q\\\" \\n 😀\"},{\"role\":\"assistant\",\"content\":\"x\"},{\"role\":\"tool\",\"content\":\"y\"}]}",
        "{\"id\":\"w\",\"messages\":[{\"role\":\"user\",\"content\":\"u\",\"weight\":0.25},{\"role\":\"assistant\","
        "\"content\":\"a\",\"weight\":0.0}],\"extra\":{\"n\":1,\"d\":[0.1,null,true],\"o\":{\"z\":\"\"}}}",
        "{\"id\":\"p\",\"messages\":[{\"role\":\"user\",\"content\":\"u\"}],\"chosen\":[{\"role\":\"assistant\","
        "\"content\":\"good\"}],\"rejected\":[{\"role\":\"assistant\",\"content\":\"bad\"}]}",
        "{\"id\":\"k\",\"messages\":[{\"role\":\"user\",\"content\":\"u\"}],\"rejected\":[{\"role\":\"assistant\","
        "\"content\":\"bad\"}]}",
        "{\"id\":\"c\",\"messages\":[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"function\":{\"name\":"
        "\"f\","
        "\"arguments\":{\"b\":1,\"a\":[2.5,null]}},\"id\":\"1\"}]},{\"role\":\"tool\",\"content\":\"3\",\"name\":\"f\","
        "\"tool_call_id\":\"1\"},{\"role\":\"assistant\",\"content\":\"x\",\"reasoning_content\":\"r\",\"weight\":0.5}]"
        ","
        "\"tools\":[{\"z\":1,\"a\":{\"y\":0,\"b\":[]}}]}",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(HoneRow) row = parse_row(rows[i], &error);
        g_assert_no_error(error);
        g_autoptr(JsonNode) node = hone_row_to_json(row);
        g_autofree char *text = hone_json_text(node);
        g_assert_cmpstr(text, ==, rows[i]);
    }
}

static void test_weights(void)
{
    g_autoptr(HoneRow) row = parse_row("{\"id\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"u\"},"
                                       "{\"role\":\"assistant\",\"content\":\"a\"},"
                                       "{\"role\":\"assistant\",\"content\":\"b\",\"weight\":2}]}",
                                       NULL);
    const double wanted[] = {0, 1, 2};
    for (guint i = 0; i < 3; i++)
        g_assert_cmpfloat(((HoneMessage *)row->messages->pdata[i])->weight, ==, wanted[i]);
    g_assert_cmpstr(hone_row_reference(row), ==, "b");
    g_autoptr(HoneRow) none = hone_row_new("n");
    g_assert_null(hone_row_reference(none));
}

/* A document is one message of the role text, alone. */
static void test_documents(void)
{
    g_autoptr(GError) error = NULL;
    static const char one[] = "{\"id\":\"a\",\"messages\":[{\"content\":\"t\",\"role\":\"text\"}]}";
    g_autoptr(HoneRow) row = parse_row(one, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(hone_row_text(row), ==, "t");
    g_assert_cmpstr(hone_row_reference(row), ==, "t");
    g_assert_cmpfloat(((HoneMessage *)row->messages->pdata[0])->weight, ==, 1);
    g_autoptr(HoneRow) turns = parse_row("{\"id\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"u\"}]}", &error);
    g_assert_null(hone_row_text(turns));
    g_autoptr(HoneRow) both = parse_row("{\"id\":\"a\",\"messages\":[{\"role\":\"text\",\"content\":\"t\"},"
                                        "{\"role\":\"user\",\"content\":\"u\"}]}",
                                        &error);
    g_assert_null(both);
    g_assert_error(error, HONE_ERROR, HONE_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, "messages[0] has the role \"text\""));
}

static void test_messages(void)
{
    g_autoptr(HoneRow) row =
        parse_row("{\"id\":\"a\",\"messages\":[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":"
                  "[{\"a\":1}]},{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"a\":1}]},"
                  "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"a\":2}]}]}",
                  NULL);
    const HoneMessage *first = row->messages->pdata[0];
    HoneMessage *copy = hone_message_copy(first, 0.5);
    g_assert_true(hone_message_equal(first, copy));
    g_assert_cmpfloat(copy->weight, ==, 0.5);
    g_assert_true(copy->no_content);
    g_assert_cmpstr(copy->content, ==, "");
    g_assert_false(hone_message_equal(first, row->messages->pdata[1])); /* "" is not null */
    g_assert_false(hone_message_equal(first, row->messages->pdata[2])); /* another call */
    hone_message_free(copy);
}

static void test_broken(void)
{
    const struct {
        const char *row, *says;
    } cases[] = {
        {"[]", "must be a JSON object"},
        {"{\"messages\":[]}", "lacks an id"},
        {"{\"id\":\"\",\"messages\":[]}", "lacks an id"},
        {"{\"id\":7,\"messages\":[]}", "\"id\" is unknown or of the wrong type"},
        {"{\"id\":\"a\"}", "lacks \"messages\""},
        {"{\"id\":\"a\",\"messages\":{}}", "lists of messages"},
        {"{\"id\":\"a\",\"messages\":[3]}", "must be an object"},
        {"{\"id\":\"a\",\"messages\":[{\"role\":\"user\"}]}", "lacks its \"content\""},
        {"{\"id\":\"a\",\"messages\":[{\"content\":\"x\"}]}", "lacks its \"role\""},
        {"{\"id\":\"a\",\"messages\":[{\"role\":\"human\",\"content\":\"x\"}]}", "role \"human\""},
        {"{\"id\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":null}]}", "only a message with \"tool_calls\""},
        {"{\"id\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":7}]}", "\"content\" in a message"},
        {"{\"id\":\"a\",\"messages\":[{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[]}]}", "list of calls"},
        {"{\"id\":\"a\",\"messages\":[{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[\"f\"]}]}",
         "list of calls"},
        {"{\"id\":\"a\",\"messages\":[{\"role\":\"tool\",\"content\":\"x\",\"name\":3}]}", "\"name\" in a message"},
        {"{\"id\":\"a\",\"messages\":[],\"tools\":{}}", "\"tools\""},
        {"{\"id\":\"a\",\"messages\":[],\"tools\":[1]}", "\"tools\""},
        {"{\"id\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"x\",\"weight\":-1}]}", "weight"},
        {"{\"id\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"x\",\"refusal\":\"y\"}]}", "\"refusal\""},
        {"{\"id\":\"a\",\"messages\":[],\"chosen\":true}", "\"chosen\""},
        {"{\"id\":\"a\",\"messages\":[],\"note\":1}", "\"note\""},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(parse_row(cases[i].row, &error));
        g_assert_error(error, HONE_ERROR, HONE_ERROR_INVALID);
        g_assert_true(g_str_has_prefix(error->message, "rows.jsonl:3: "));
        if (strstr(error->message, cases[i].says) == NULL)
            g_test_message("%s", error->message);
        g_assert_nonnull(strstr(error->message, cases[i].says));
    }
}

static void remove_folder(const char *folder)
{
    GDir *dir = g_dir_open(folder, 0, NULL);
    for (const char *name; (name = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        g_assert_cmpint(g_remove(path), ==, 0);
    }
    g_dir_close(dir);
    g_assert_cmpint(g_rmdir(folder), ==, 0);
}

static void test_artifact(void)
{
    g_autofree char *folder = g_dir_make_tmp("hone-rows-XXXXXX", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneArtifact) out = hone_artifact_create(folder, HONE_DATASET, &error);
    g_assert_no_error(error);
    g_autoptr(HoneRowWriter) writer = hone_row_writer_open(out, &error);
    g_assert_no_error(error);
    enum { N = 300 };
    for (int i = 0; i < N; i++) {
        g_autofree char *id = g_strdup_printf("r%d", i);
        g_autofree char *text = g_strnfill((gsize)(i * i), 'x');
        g_autoptr(HoneRow) row = hone_row_new(id);
        g_ptr_array_add(row->messages, hone_message_new("user", text, 0));
        g_assert_true(hone_row_writer_add(writer, row, &error));
    }
    /* A row that breaks the rules is refused and leaves nothing behind. */
    g_autoptr(HoneRow) broken = hone_row_new("x");
    g_ptr_array_add(broken->messages, hone_message_new("user", "\xFF", 0));
    g_assert_false(hone_row_writer_add(writer, broken, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_INVALID);
    g_clear_error(&error);
    g_assert_true(hone_row_writer_close(writer, &error));
    g_assert_cmpint(json_object_get_int_member(hone_artifact_meta(out), "rows"), ==, N);
    g_assert_true(hone_artifact_seal(out, &error));

    g_autoptr(HoneArtifact) in = hone_artifact_open(folder, true, &error);
    g_assert_no_error(error);
    g_autoptr(GPtrArray) rows = hone_rows_read(in, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(rows->len, ==, N);
    for (guint i = 0; i < N; i++) {
        const HoneRow *row = rows->pdata[i];
        const HoneMessage *message = row->messages->pdata[0];
        g_assert_cmpuint(strlen(message->content), ==, i * i);
    }
    remove_folder(folder);
}

/* A line that is no row ends the reading with its number; a report is no dataset. */
static void test_artifact_broken(void)
{
    g_autofree char *folder = g_dir_make_tmp("hone-rows-XXXXXX", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneArtifact) out = hone_artifact_create(folder, HONE_DATASET, &error);
    g_assert_no_error(error);
    g_autofree char *path = hone_artifact_file(out, "rows.jsonl");
    g_assert_true(g_file_set_contents(path, "{\"id\":\"a\",\"messages\":[]}\n{\"id\":\n", -1, NULL));
    g_assert_true(hone_artifact_seal(out, &error));
    hone_artifact_set_label(out, "parts.train");
    g_assert_null(hone_rows_read(out, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, "parts.train, rows.jsonl:2: "));
    g_clear_error(&error);
    remove_folder(folder);

    g_autofree char *other = g_dir_make_tmp("hone-rows-XXXXXX", NULL);
    g_autoptr(HoneArtifact) report = hone_artifact_create(other, HONE_REPORT, &error);
    g_assert_no_error(error);
    g_assert_null(hone_row_reader_open(report, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, "report"));
    remove_folder(other);
}

/* /dev/full accepts an open and refuses every byte: the writer must say so, at the latest on closing. */
static void test_full_disk(void)
{
    g_autofree char *folder = g_dir_make_tmp("hone-rows-XXXXXX", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneArtifact) out = hone_artifact_create(folder, HONE_DATASET, &error);
    g_assert_no_error(error);
    g_autoptr(HoneRowWriter) writer = hone_row_writer_open(out, &error);
    g_assert_no_error(error);
    /* The open file description is swapped below the writer: the descriptor opened last is the writer's. */
    g_autofree char *path = hone_artifact_file(out, "rows.jsonl");
    int found = -1;
    for (int fd = 3; fd < 64 && found < 0; fd++) {
        g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", fd);
        g_autofree char *target = g_file_read_link(link, NULL);
        if (g_strcmp0(target, path) == 0)
            found = fd;
    }
    if (found < 0) {
        g_test_skip("no /proc to find the writer's descriptor");
    } else {
        int full = g_open("/dev/full", O_WRONLY | O_CLOEXEC, 0);
        g_assert_cmpint(dup2(full, found), ==, found);
        g_close(full, NULL);
        g_autoptr(HoneRow) row = hone_row_new("a");
        bool ok = hone_row_writer_add(writer, row, &error) && hone_row_writer_close(writer, &error);
        g_assert_false(ok);
        g_assert_error(error, HONE_ERROR, HONE_ERROR_IO);
        g_assert_nonnull(strstr(error->message, g_strerror(ENOSPC)));
    }
    remove_folder(folder);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rows/round-trip", test_round_trip);
    g_test_add_func("/rows/weights", test_weights);
    g_test_add_func("/rows/documents", test_documents);
    g_test_add_func("/rows/messages", test_messages);
    g_test_add_func("/rows/broken", test_broken);
    g_test_add_func("/rows/artifact", test_artifact);
    g_test_add_func("/rows/artifact-broken", test_artifact_broken);
    g_test_add_func("/rows/full-disk", test_full_disk);
    return g_test_run();
}
