/* SPDX-License-Identifier: Apache-2.0
 * command.c: the table of commands, `hone help`, and what the commands share.
 */
#include "command.h"
#include <locale.h>
#include <string.h>

#define COMMAND_ROW(ending, name, arguments, summary) {name, arguments, summary, hone_command_##ending},
const HoneCommand hone_commands[] = {HONE_COMMANDS(COMMAND_ROW){NULL, NULL, NULL, NULL}};

static const HoneCommand *find_command(const char *name)
{
    for (const HoneCommand *c = hone_commands; c->name != NULL; c++) {
        if (strcmp(c->name, name) == 0)
            return c;
    }
    return NULL;
}

void hone_complain(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    fprintf(stderr, "hone: %s\n", text);
}

void hone_print_json(JsonNode *node)
{
    g_autofree char *text = json_to_string(node, TRUE);
    puts(text);
    json_node_unref(node);
}

static void print_help(FILE *out)
{
    fputs("Usage: hone COMMAND [OPTION...] [ARGUMENT...]\n\nFine-tunes language models by pipelines of plugins.\n\n",
          out);
    int width = 0;
    for (const HoneCommand *c = hone_commands; c->name != NULL; c++)
        width = *c->summary != 0 ? MAX(width, (int)strlen(c->name)) : width;
    for (const HoneCommand *c = hone_commands; c->name != NULL; c++) {
        if (*c->summary != 0)
            fprintf(out, "  %-*s  %s\n", width, c->name, c->summary);
    }
    fputs("\nhone COMMAND --help tells more.\n", out);
}

static int refuse_command(const char *name)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (const HoneCommand *c = hone_commands; c->name != NULL; c++)
        g_ptr_array_add(names, *c->summary != 0 ? (gpointer)c->name : NULL);
    g_autofree char *hint = hone_did_you_mean(name, (const char *const *)names->pdata, names->len);
    hone_complain("no command \"%s\"%s", name, *hint != 0 ? hint : "; \"hone help\" lists them");
    return HONE_EXIT_USAGE;
}

int hone_main(int argc, char **argv)
{
    setlocale(LC_CTYPE, ""); /* not LC_NUMERIC: numbers look the same everywhere */
    const char *name = argc > 1 ? argv[1] : NULL;
    if (name == NULL) {
        print_help(stderr);
        return HONE_EXIT_USAGE;
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "version") == 0) {
        printf("hone %s (plugin ABI %d.%d)\n", HONE_VERSION, HONE_ABI_MAJOR, HONE_ABI_MINOR);
        return HONE_EXIT_OK;
    }
    bool help = strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0;
    if (help && argc == 2) {
        print_help(stdout);
        return HONE_EXIT_OK;
    }
    const HoneCommand *command = find_command(help ? argv[2] : name);
    if (command == NULL)
        return refuse_command(help ? argv[2] : name);
    if (help) {
        char *arguments[] = {argv[2], (char[]){"--help"}, NULL};
        return command->run(2, arguments);
    }
    int status = command->run(argc - 1, argv + 1);
    /* What the user was to read did not arrive: a full disk, a closed pipe. */
    if (fflush(stdout) != 0 && status == HONE_EXIT_OK) {
        hone_complain("the output could not be written");
        return HONE_EXIT_FAILED;
    }
    return status;
}

bool hone_command_parse(const GOptionEntry *entries, int min, int max, int *argc, char ***argv, int *status)
{
    const HoneCommand *command = find_command((*argv)[0]);
    g_return_val_if_fail(command != NULL, false);
    g_autofree char *arguments = g_strdup_printf("- %s", command->summary);
    g_autoptr(GOptionContext) context = g_option_context_new(arguments);
    gboolean help = FALSE;
    const GOptionEntry own[] = {{"help", 'h', 0, G_OPTION_ARG_NONE, &help, "Show this text", NULL}, {NULL}};
    g_option_context_set_help_enabled(context, FALSE);
    g_option_context_add_main_entries(context, own, NULL);
    if (entries != NULL)
        g_option_context_add_main_entries(context, entries, NULL);
    g_autofree char *program = g_strdup_printf("hone %s %s", command->name, command->arguments);
    g_autoptr(GError) error = NULL;
    *status = HONE_EXIT_USAGE;
    if (!g_option_context_parse(context, argc, argv, &error)) {
        hone_complain("%s: %s; \"hone %s --help\" lists the options", command->name, error->message, command->name);
        return false;
    }
    if (help) {
        g_set_prgname(program);
        g_autofree char *text = g_option_context_get_help(context, TRUE, NULL);
        fputs(text, stdout);
        *status = HONE_EXIT_OK;
        return false;
    }
    if (*argc > 1 && strcmp((*argv)[1], "--") == 0) {
        memmove(*argv + 1, *argv + 2, sizeof(char *) * (size_t)(*argc - 1));
        (*argc)--;
    }
    if (*argc - 1 < min || (max >= 0 && *argc - 1 > max)) {
        hone_complain("usage: %s", program);
        return false;
    }
    return true;
}

void hone_command_options_clear(HoneCommandOptions *options)
{
    g_clear_pointer(&options->plugin_path, g_strfreev);
    g_clear_pointer(&options->vars, g_strfreev);
    g_clear_pointer(&options->sets, g_strfreev);
}

HonePipeline *hone_command_load(const char *file, const HoneCommandOptions *options, const HoneRegistry *registry,
                                bool skip_hooks)
{
    g_autoptr(HoneMistakes) mistakes = hone_mistakes_new();
    HonePipelineOptions pipeline_options = {.vars = (const char *const *)options->vars,
                                            .sets = (const char *const *)options->sets,
                                            .skip_hooks = skip_hooks};
    HonePipeline *pipeline = hone_pipeline_load(file, &pipeline_options, registry, mistakes);
    hone_mistakes_print(mistakes, stderr);
    return pipeline;
}
