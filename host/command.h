/* SPDX-License-Identifier: Apache-2.0
 * command.h: the commands of `hone`, one row each. A new command is a row here and a file in commands/.
 *
 * A command gets argv with its own name at argv[0] and returns the exit status: 0 ok, 1 failed or not found, 2 usage
 * or an invalid pipeline, 130 stopped by the user.
 */
#ifndef HONE_HOST_COMMAND_H
#define HONE_HOST_COMMAND_H

#include "mistakes.h"
#include "pipeline.h"
#include "registry.h"

/* ROW(function's ending, name, arguments, one line). An empty line hides the command from `hone help`. */
#define HONE_COMMANDS(ROW)                                                                                             \
    ROW(run, "run", "FILE", "run a pipeline: what has changed, and nothing else")                                      \
    ROW(check, "check", "FILE...", "find every mistake in a pipeline, before anything runs")                           \
    ROW(plan, "plan", "FILE", "show what a run would do, and why")                                                     \
    ROW(graph, "graph", "FILE", "print a pipeline as a DOT graph")                                                     \
    ROW(runs, "runs", "", "list the runs in the store")                                                                \
    ROW(show, "show", "NODE", "show a node's newest result, or rows as tokens")                                        \
    ROW(copy, "copy", "NODE PLACE", "take the files of a node's result out of the store")                              \
    ROW(generate, "generate", "MODEL|NODE", "complete a prompt, or every row of a file")                               \
    ROW(chat, "chat", "MODEL|NODE", "talk with a model")                                                               \
    ROW(gc, "gc", "", "remove results that no run refers to")                                                          \
    ROW(plugins, "plugins", "", "list the plugins that load, and why others do not")                                   \
    ROW(inspect, "inspect", "[NAME]", "describe a component: its ports and parameters")                                \
    ROW(new_plugin, "new-plugin", "NAME --kind KIND", "write a plugin project that builds and passes its test")        \
    ROW(check_plugin, "check-plugin", "FILE.so...", "run the SDK's conformance tests on plugins")                      \
    ROW(node, "node", "SPEC.json", "")

typedef enum {
    HONE_EXIT_OK = 0,
    HONE_EXIT_FAILED = 1,
    HONE_EXIT_USAGE = 2,
    HONE_EXIT_STOPPED = 130,
} HoneExit;

typedef struct HoneCommand {
    const char *name, *arguments, *summary;
    int (*run)(int argc, char **argv);
} HoneCommand;

extern const HoneCommand hone_commands[]; /* ends with a NULL name */

#define HONE_COMMAND_PROTOTYPE(ending, name, arguments, summary) int hone_command_##ending(int argc, char **argv);
HONE_COMMANDS(HONE_COMMAND_PROTOTYPE)

/* argv[0] is the program, argv[1] the command. */
int hone_main(int argc, char **argv);

/* Parses the options of the command argv[0], --help among them. Returns true when the command may go on, with *argc
 * and *argv reduced to argv[0] and `min` to `max` arguments (max < 0: any number); else *status is what to return. */
bool hone_command_parse(const GOptionEntry *entries, int min, int max, int *argc, char ***argv, int *status);

/* What all commands that load a pipeline take: put HONE_PIPELINE_OPTIONS(o) among the entries. Clear with
 * hone_command_options_clear. */
typedef struct HoneCommandOptions {
    char **plugin_path, **vars, **sets;
} HoneCommandOptions;
#define HONE_PLUGIN_PATH_OPTION(o)                                                                                     \
    {                                                                                                                  \
        "plugin-path", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &(o).plugin_path, "Folder to search for plugins first",      \
            "FOLDER"                                                                                                   \
    }
#define HONE_PIPELINE_OPTIONS(o)                                                                                       \
    HONE_PLUGIN_PATH_OPTION(o), {"var", 0, 0, G_OPTION_ARG_STRING_ARRAY, &(o).vars, "Set a variable", "NAME=VALUE"},   \
    {                                                                                                                  \
        "set", 0, 0, G_OPTION_ARG_STRING_ARRAY, &(o).sets, "Set a parameter of a node", "NODE.PARAM=VALUE"             \
    }
void hone_command_options_clear(HoneCommandOptions *options);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(HoneCommandOptions, hone_command_options_clear)

/* Loads a pipeline with these options; prints mistakes and warnings to stderr. NULL: return HONE_EXIT_USAGE. */
HonePipeline *hone_command_load(const char *file, const HoneCommandOptions *options, const HoneRegistry *registry,
                                bool skip_hooks);

/* "hone: message" to stderr. */
void hone_complain(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* JSON to stdout, indented, with a final newline. Takes the node. */
void hone_print_json(JsonNode *node);

#endif
