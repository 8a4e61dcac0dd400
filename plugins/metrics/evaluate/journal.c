/* SPDX-License-Identifier: Apache-2.0
 * journal.c: work that outlives a kill: a file of JSON lines, the first of which says what work it is of.
 *
 * A line is one write. A kill can leave half of the last one, which is cut off when the file is opened again.
 */
#include "evaluate.h"
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <hone/json.h>
#include <string.h>
#include <unistd.h>

struct Journal {
    int fd;
    char *path;
    GPtrArray *records;
};

void journal_free(Journal *journal)
{
    if (!journal) {
        return;
    }
    if (journal->fd >= 0) {
        close(journal->fd);
    }
    g_free(journal->path);
    g_clear_pointer(&journal->records, g_ptr_array_unref);
    g_free(journal);
}

const GPtrArray *journal_records(const Journal *journal)
{
    return journal->records;
}

static bool fail(const Journal *journal, const char *what, GError **error)
{
    g_set_error(error, HONE_ERROR, HONE_ERROR_IO, "%s: cannot %s: %s", journal->path, what, g_strerror(errno));
    return false;
}

static bool write_line(Journal *journal, JsonObject *record, GError **error)
{
    g_autoptr(JsonNode) node = json_node_init_object(json_node_alloc(), record);
    g_autofree char *text = hone_json_text(node);
    g_autofree char *line = g_strconcat(text, "\n", NULL);
    size_t length = strlen(line);

    for (size_t done = 0; done < length;) {
        ssize_t n = write(journal->fd, line + done, length - done);

        if (n < 0 && errno != EINTR) {
            return fail(journal, "write", error);
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* The whole lines that belong to this work. Returns how many bytes of the file they are; 0: start over. */
static size_t read_lines(Journal *journal, const char *text, const char *fingerprint)
{
    const char *at = text, *end;

    while ((end = strchr(at, '\n'))) {
        g_autoptr(JsonNode) node = hone_json_parse(at, (size_t)(end - at), NULL, NULL);
        JsonObject *record = node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;

        if (!record) {
            break;
        }
        if (at == text) {
            if (g_strcmp0(json_object_get_string_member_with_default(record, "work", NULL), fingerprint) != 0) {
                break;
            }
        } else {
            g_ptr_array_add(journal->records, json_object_ref(record));
        }
        at = end + 1;
    }
    return (size_t)(at - text);
}

Journal *journal_open(const char *folder, const char *name, const char *fingerprint, GError **error)
{
    g_autoptr(Journal) journal = g_new0(Journal, 1);
    g_autofree char *text = NULL;
    size_t whole = 0;

    journal->fd = -1;
    journal->path = g_build_filename(folder, name, NULL);
    journal->records = g_ptr_array_new_with_free_func((GDestroyNotify)json_object_unref);
    if (g_file_get_contents(journal->path, &text, NULL, NULL)) {
        whole = read_lines(journal, text, fingerprint);
    }
    journal->fd = g_open(journal->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (journal->fd < 0) {
        fail(journal, "open", error);
        return NULL;
    }
    if (ftruncate(journal->fd, (off_t)whole) != 0) {
        fail(journal, "shorten", error);
        return NULL;
    }
    if (whole == 0) {
        g_autoptr(JsonObject) head = json_object_new();

        json_object_set_string_member(head, "work", fingerprint);
        if (!write_line(journal, head, error)) {
            return NULL;
        }
    }
    return g_steal_pointer(&journal);
}

Journal *eval_journal(const EvalWork *work, const char *name, GError **error)
{
    g_autofree char *full = g_strconcat(work->journal_prefix ? work->journal_prefix : "", name, NULL);

    return journal_open(hone_stage_work_folder(work->stage), full, work->fingerprint, error);
}

bool journal_add(Journal *journal, JsonObject *record, GError **error)
{
    g_ptr_array_add(journal->records, record);
    return write_line(journal, record, error);
}
