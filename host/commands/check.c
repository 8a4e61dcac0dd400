/* SPDX-License-Identifier: Apache-2.0
 * check.c: `hone check FILE...` reports every mistake at once; nothing runs.
 */
#include "command.h"

static void print_summary(const char *file, HoneMistakes *mistakes, const HonePipeline *pipeline)
{
    guint errors = hone_mistakes_errors(mistakes);
    if (pipeline != NULL)
        printf("%s: good; %u node%s\n", file, pipeline->nodes->len, pipeline->nodes->len == 1 ? "" : "s");
    else
        printf("%s: %u mistake%s\n", file, errors, errors == 1 ? "" : "s");
}

int hone_command_check(int argc, char **argv)
{
    g_auto(HoneCommandOptions) options = {0};
    gboolean as_json = FALSE;
    const GOptionEntry entries[] = {HONE_PIPELINE_OPTIONS(options),
                                    {"json", 0, 0, G_OPTION_ARG_NONE, &as_json, "Print the mistakes as JSON", NULL},
                                    {NULL}};
    int status;
    if (!hone_command_parse(entries, 1, -1, &argc, &argv, &status))
        return status;
    g_autoptr(HoneRegistry) registry = hone_registry_new((const char *const *)options.plugin_path);
    HonePipelineOptions pipeline_options = {.vars = (const char *const *)options.vars,
                                            .sets = (const char *const *)options.sets};
    g_autoptr(HoneMistakes) all = hone_mistakes_new();
    bool good = true;
    for (int i = 1; i < argc; i++) {
        g_autoptr(HoneMistakes) own = hone_mistakes_new();
        HoneMistakes *mistakes = as_json ? all : own;
        g_autoptr(HonePipeline) pipeline = hone_pipeline_load(argv[i], &pipeline_options, registry, mistakes);
        good = good && pipeline != NULL;
        if (as_json)
            continue;
        hone_mistakes_print(mistakes, stdout);
        print_summary(argv[i], mistakes, pipeline);
    }
    if (as_json)
        hone_print_json(hone_mistakes_to_json(all));
    return good ? HONE_EXIT_OK : HONE_EXIT_USAGE;
}
