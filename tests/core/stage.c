/* SPDX-License-Identifier: Apache-2.0
 * stage: a stage runs between folders with nobody but a test as its host.
 */
#include <glib/gstdio.h>
#include <hone/stage.h>
#include <string.h>

typedef struct {
    int64_t count;
    char *way;
} Toy;

static const HoneParam params[] = {
    HONE_INT(Toy, count, "3", 1, 9, "A number"), HONE_STRING(Toy, way, "\"good\"", "What to do"), {0}};
static const HoneParamGroup groups[] = {HONE_OWN_PARAMS(params), {0}};
static const HonePort ports[] = {
    {"first", HONE_PORT_IN, HONE_DATASET, 0, "One"},
    {"many", HONE_PORT_IN, HONE_DATASET | HONE_SCORES, HONE_PORT_OPTIONAL | HONE_PORT_REPEATED, "Any number"},
    {"result", HONE_PORT_OUT, HONE_SCORES, 0, "Always"},
    {"extra", HONE_PORT_OUT, HONE_REPORT, HONE_PORT_OPTIONAL, "At times"},
    {0}};

static bool run(HoneStage *stage, void *instance, GError **error)
{
    const Toy *toy = instance;
    if (hone_stage_cancelled(stage))
        return hone_stage_stop(stage, error);
    if (strcmp(toy->way, "silent") == 0)
        return false;
    if (strcmp(toy->way, "nothing") == 0)
        return true;
    if (strcmp(toy->way, "type") == 0)
        return hone_stage_output(stage, "result", HONE_MODEL, error) != NULL;
    if (strcmp(toy->way, "port") == 0)
        return hone_stage_output(stage, "reslut", HONE_SCORES, error) != NULL;
    HoneArtifact *artifact = hone_stage_output(stage, "result", HONE_SCORES, error);
    if (!artifact)
        return false;
    if (strcmp(toy->way, "both") == 0) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_IO, "something");
        return true;
    }
    g_assert_true(hone_stage_output(stage, "result", HONE_SCORES, error) == artifact);
    size_t n;
    HoneArtifact *const *many = hone_stage_inputs(stage, "many", &n);
    g_autoptr(GString) text = g_string_new(hone_artifact_label(hone_stage_input(stage, "first")));
    for (size_t i = 0; i < n; i++)
        g_string_append_printf(text, " %s", hone_artifact_label(many[i]));
    g_autofree char *path = hone_artifact_file(artifact, "text");
    json_object_set_int_member(hone_artifact_meta(artifact), "count", toy->count);
    return g_file_set_contents(path, text->str, -1, error);
}

static const HoneStageOps ops = {.size = sizeof(HoneStageOps), .run = run};
static const HoneComponent component = {
    HONE_COMPONENT_HEADER, .kind = HONE_STAGE,           .name = "toy",  .version = "1", .summary = "A toy",
    .params = groups,      .instance_size = sizeof(Toy), .ports = ports, .ops = &ops};

static void remove_all(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    for (const char *name = dir ? g_dir_read_name(dir) : NULL; name; name = g_dir_read_name(dir)) {
        g_autofree char *below = g_build_filename(path, name, NULL);
        remove_all(below);
    }
    g_remove(path);
}

static HoneArtifact *input(const char *root, const char *name, HoneArtifactType type)
{
    g_autofree char *folder = g_build_filename(root, name, NULL);
    g_autoptr(GError) error = NULL;
    HoneArtifact *artifact = hone_artifact_create(folder, type, &error);
    g_assert_no_error(error);
    g_assert_true(hone_artifact_seal(artifact, &error));
    return artifact;
}

/* Runs the toy. type of the first input; 0: not connected. said: part of the error, NULL: none. */
static void try(const char *way, int count, HoneArtifactType type, bool cancel, int code, const char *said)
{
    g_autofree char *root = g_dir_make_tmp("hone-stage-XXXXXX", NULL);
    g_autofree char *outputs = g_build_filename(root, "out", NULL);
    g_autoptr(JsonObject) given = json_object_new();
    json_object_set_int_member(given, "count", count);
    json_object_set_string_member(given, "way", way);
    HoneStageSetup setup = {.size = sizeof setup,
                            .component = &component,
                            .name = "node",
                            .params = given,
                            .output_folder = outputs,
                            .work_folder = root,
                            .events_fd = -1};
    HoneStage *stage = hone_stage_new(&setup);
    if (type != 0)
        hone_stage_add_input(stage, "first", "a.x", input(root, "first", type));
    hone_stage_add_input(stage, "many", "b", input(root, "second", HONE_DATASET));
    hone_stage_add_input(stage, "many", "c.y", input(root, "third", HONE_SCORES));
    g_assert_nonnull(hone_stage_run_info(stage));
    if (cancel)
        hone_stage_cancel(stage);
    g_autoptr(GError) error = NULL;
    bool ok = hone_stage_execute(stage, &error);
    g_assert_true(ok == (said == NULL));
    if (said) {
        g_assert_error(error, HONE_ERROR, code);
        g_assert_nonnull(strstr(error->message, said));
    } else {
        g_autofree char *folder = g_build_filename(outputs, "result", NULL);
        g_autoptr(HoneArtifact) result = hone_artifact_open(folder, true, &error);
        g_assert_no_error(error);
        g_autofree char *path = hone_artifact_file(result, "text"), *text = NULL;
        g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
        g_assert_cmpstr(text, ==, "a.x b c.y");
        g_assert_cmpint(json_object_get_int_member(hone_artifact_meta(result), "count"), ==, count);
    }
    hone_stage_free(stage);
    remove_all(root);
}

static void test_good(void)
{
    try("good", 5, HONE_DATASET, false, 0, NULL);
}

static void test_bad(void)
{
    try("good", 50, HONE_DATASET, false, HONE_ERROR_INVALID, "count");
    try("good", 5, 0, false, HONE_ERROR_INVALID, "\"first\" is not connected");
    try("good", 5, HONE_MODEL, false, HONE_ERROR_INVALID, "takes dataset");
    try("silent", 5, HONE_DATASET, false, HONE_ERROR_PLUGIN, "without saying why");
    try("nothing", 5, HONE_DATASET, false, HONE_ERROR_PLUGIN, "without writing its output \"result\"");
    try("both", 5, HONE_DATASET, false, HONE_ERROR_IO, "success and an error at once: something");
    try("type", 5, HONE_DATASET, false, HONE_ERROR_PLUGIN, "no output \"result\" of type model");
    try("port", 5, HONE_DATASET, false, HONE_ERROR_PLUGIN, "no output \"reslut\"");
    try("good", 5, HONE_DATASET, true, HONE_ERROR_CANCELLED, "node");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/stage/good", test_good);
    g_test_add_func("/stage/bad", test_bad);
    return g_test_run();
}
