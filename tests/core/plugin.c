/* SPDX-License-Identifier: Apache-2.0
 * Descriptors: a good one passes; each single fault in it is refused, by name.
 */
#include <hone/hone.h>
#include <string.h>

typedef struct {
    int64_t count;
    double rate;
    char *mode;
    bool flag;
} Instance;

static bool run(HoneStage *stage, void *params, GError **error)
{
    return true;
}

static bool score(const void *params, void *prepared, const HoneScored *scored, HoneMetricValue *values, GError **error)
{
    return true;
}

static void *prepare(const void *params, GError **error)
{
    return NULL;
}

static bool evaluate(const void *params, const HoneObjectiveBatch *batch, double *loss, float *derivative,
                     double *figures, GError **error)
{
    return true;
}

static bool score_answers(const void *params, void *prepared, const HoneAnswers *answers, double *rewards,
                          GError **error)
{
    return true;
}

static void *prepare_reward(const void *params, HoneStage *stage, GError **error)
{
    return NULL;
}

/* A good plugin, and every piece of it open to change. */
typedef struct {
    const char *choices[3];
    HoneParam params[5];
    HoneParamGroup groups[2];
    HonePort ports[4];
    HoneStageOps stage_ops;
    HoneFigureInfo figures[3];
    HoneMetricOps metric_ops;
    const char *figure_names[2];
    HoneObjectiveOps objective_ops;
    HoneRewardOps reward_ops;
    HoneComponent stage, metric, objective, reward;
    const HoneComponent *components[5];
    HonePlugin plugin;
} Parts;

static void make(Parts *p)
{
    *p = (Parts){
        .choices = {"a", "b", NULL},
        .groups = {HONE_OWN_PARAMS(NULL)},
        .ports = {{"dataset", HONE_PORT_IN, HONE_DATASET, HONE_PORT_REPEATED, "Rows"},
                  {"dataset", HONE_PORT_OUT, HONE_DATASET, 0, "Rows"},
                  {"report", HONE_PORT_OUT, HONE_REPORT, HONE_PORT_OPTIONAL, "A page"}},
        .stage_ops = {.size = sizeof(HoneStageOps), .run = run},
        .figures = {{"rougeL", "ROUGE-L", "help", "%", false, HONE_SCALE_IDENTITY},
                    {"other", "Other", "help", NULL, true, HONE_SCALE_EXP}},
        .figure_names = {"margin", NULL},
        .stage = {HONE_COMPONENT_HEADER, .kind = HONE_STAGE, .name = "x", .version = "1", .summary = "s",
                  .instance_size = sizeof(Instance)},
        .metric = {HONE_COMPONENT_HEADER, .kind = HONE_METRIC, .name = "x", .version = "1", .summary = "s"},
        .objective = {HONE_COMPONENT_HEADER, .kind = HONE_OBJECTIVE, .name = "x", .version = "1", .summary = "s"},
        .plugin = {HONE_PLUGIN_HEADER, .name = "my-plugin_2", .version = "1", .licence = "MIT", .summary = "s"},
    };
    p->params[0] = (HoneParam)HONE_INT(Instance, count, "1", 0, 9, "help", .unit = "rows");
    p->params[1] = (HoneParam)HONE_NUMBER(Instance, rate, NULL, 0, 1, "help");
    p->params[2] = (HoneParam)HONE_CHOICE(Instance, mode, "\"a\"", p->choices, "help");
    p->params[3] = (HoneParam)HONE_BOOL(Instance, flag, "false", "help");
    p->groups[0].params = p->params;
    p->metric_ops = (HoneMetricOps){
        .size = sizeof(HoneMetricOps), .figures = p->figures, .figure_size = sizeof(HoneFigureInfo), .score = score};
    p->objective_ops =
        (HoneObjectiveOps){.size = sizeof(HoneObjectiveOps), .evaluate = evaluate, .figure_names = p->figure_names};
    p->reward_ops = (HoneRewardOps){.size = sizeof(HoneRewardOps), .score = score_answers};
    p->reward = (HoneComponent){HONE_COMPONENT_HEADER, .kind = HONE_REWARD, .name = "x",
                                .version = "1",        .summary = "s",      .ops = &p->reward_ops};
    p->stage.params = p->groups;
    p->stage.ports = p->ports;
    p->stage.ops = &p->stage_ops;
    p->metric.ops = &p->metric_ops;
    p->objective.ops = &p->objective_ops;
    p->components[0] = &p->stage;
    p->components[1] = &p->metric;
    p->components[2] = &p->objective;
    p->components[3] = &p->reward;
    p->plugin.components = p->components;
}

static void test_good(void)
{
    Parts p;
    make(&p);
    g_autoptr(GError) error = NULL;
    g_assert_true(hone_plugin_validate(&p.plugin, &error));
    g_assert_no_error(error);
}

/* Makes a good plugin, changes one thing, and wants it refused with that fragment in the message. */
#define REFUSED(fragment, change)                                                                                      \
    do {                                                                                                               \
        Parts p;                                                                                                       \
        make(&p);                                                                                                      \
        change;                                                                                                        \
        g_autoptr(GError) error = NULL;                                                                                \
        g_assert_false(hone_plugin_validate(&p.plugin, &error));                                                       \
        g_assert_error(error, HONE_ERROR, HONE_ERROR_PLUGIN);                                                          \
        if (strstr(error->message, (fragment)) == NULL)                                                                \
            g_test_message("wanted: %s; got: %s", (fragment), error->message);                                         \
        g_assert_nonnull(strstr(error->message, (fragment)));                                                          \
    } while (0)

static void test_plugin(void)
{
    g_autoptr(GError) none = NULL;
    g_assert_false(hone_plugin_validate(NULL, &none));
    g_assert_error(none, HONE_ERROR, HONE_ERROR_PLUGIN);
    REFUSED("rebuild the plugin", p.plugin.abi_major++);
    REFUSED("update Hone", p.plugin.abi_minor = HONE_ABI_MINOR + 1);
    REFUSED("HONE_PLUGIN_HEADER", p.plugin.size -= 8);
    REFUSED("name", p.plugin.name = NULL);
    REFUSED("name", p.plugin.name = "My");
    REFUSED("name", p.plugin.name = "a.b");
    REFUSED("one line each", p.plugin.licence = "");
    REFUSED("one line each", p.plugin.summary = "two\nlines");
    REFUSED("one line each", p.plugin.version = "\xff");
    REFUSED("no components", p.plugin.components = NULL);
    REFUSED("no components", p.components[0] = NULL);
    REFUSED("two components", (p.components[1] = &p.stage));
}

static void test_component(void)
{
    REFUSED("HONE_COMPONENT_HEADER", p.stage.size = 8);
    REFUSED("unknown kind", p.stage.kind = 0);
    REFUSED("unknown kind", p.metric.kind = 99);
    REFUSED("no name", p.stage.name = "a-b");
    REFUSED("no name", p.stage.name = NULL);
    REFUSED("version", p.metric.version = NULL);
    REFUSED("summary", p.metric.summary = "");
    REFUSED("help is not UTF-8", p.metric.help = "\xff");
    REFUSED("no table of functions", p.metric.ops = NULL);
    REFUSED("only a stage has ports", (p.metric.ports = p.ports));
}

static void test_params(void)
{
    REFUSED("name", p.params[0].name = "Count");
    REFUSED("name", p.params[0].name = "");
    REFUSED("unknown type", p.params[0].type = 0);
    REFUSED("unknown type", p.params[0].type = 99);
    REFUSED("outside the instance", p.params[0].offset = sizeof(Instance));
    REFUSED("outside the instance", p.params[0].offset = SIZE_MAX - 3);
    REFUSED("outside the instance", p.groups[0].base = SIZE_MAX - 3);
    REFUSED("outside the instance", p.stage.instance_size = 4);
    REFUSED("not aligned", p.params[0].offset = 1);
    REFUSED("shares its field", p.params[1].offset = p.params[0].offset);
    REFUSED("two parameters are named", p.params[1].name = "count");
    REFUSED("unknown flags", p.params[0].flags = 1u << 20);
    REFUSED("HONE_STRINGS only", p.params[0].flags = HONE_PARAM_NAMES_METRICS);
    REFUSED("HONE_JSON only", p.params[0].flags = HONE_PARAM_NAMES_REWARDS);
    REFUSED("HONE_PATH only", p.params[0].flags = HONE_PARAM_MAY_BE_ABSENT);
    REFUSED("HONE_PATH only", p.params[0].flags = HONE_PARAM_MAY_BE_HUB);
    REFUSED("one line of help", p.params[0].help = NULL);
    REFUSED("unit", p.params[0].unit = "");
    REFUSED("is empty", p.params[0].min = 10);
    REFUSED("is empty", p.params[0].max = __builtin_nan(""));
    REFUSED("a range is for", p.params[3].max = 1);
    REFUSED("choices are for", (p.params[0].choices = p.choices));
    REFUSED("no choices", p.params[2].choices = NULL);
    REFUSED("no choices", p.choices[0] = NULL);
    REFUSED("choice 2", p.choices[1] = "");
    REFUSED("breaks the parameter's own rule", p.params[0].fallback = "10");
    REFUSED("breaks the parameter's own rule", p.params[0].fallback = "null");
    REFUSED("breaks the parameter's own rule", p.params[2].fallback = "\"c\"");
    REFUSED("is not JSON", p.params[2].fallback = "a");
    REFUSED("param_size", p.groups[0].param_size = 16);
    REFUSED("param_size", p.groups[0].param_size = sizeof(HoneParam) + 1);
    REFUSED("title", p.groups[0].title = "");
    REFUSED("more than a set of parameters needs", p.stage.instance_size = (size_t)1 << 40);
}

static void test_ports(void)
{
    REFUSED("table of ports", p.stage.ports = NULL);
    REFUSED("port_size", p.stage.port_size = 8);
    REFUSED("no name", p.ports[0].name = "Dataset");
    REFUSED("neither in nor out", p.ports[0].direction = 0);
    REFUSED("no type", p.ports[0].types = 0);
    REFUSED("no type", p.ports[0].types = 1u << 20);
    REFUSED("unknown flags", p.ports[0].flags = 1u << 20);
    REFUSED("cannot be repeated", p.ports[1].flags = HONE_PORT_REPEATED);
    REFUSED("one line of help", p.ports[1].help = "");
    REFUSED("two ports", p.ports[2].name = "dataset");
    REFUSED("needs an output", p.ports[1].name = NULL);
}

static void test_functions(void)
{
    REFUSED("too small", p.stage_ops.size = 8);
    REFUSED("no run", p.stage_ops.run = NULL);
    REFUSED("unknown flags", p.stage_ops.flags = 1u << 20);
    REFUSED("too small", p.metric_ops.size = 8);
    REFUSED("no score", p.metric_ops.score = NULL);
    REFUSED("come together", (p.metric_ops.prepare = prepare));
    REFUSED("no figures", p.metric_ops.figures = NULL);
    REFUSED("no figures", p.figures[0].name = NULL);
    REFUSED("figure_size", p.metric_ops.figure_size = 1);
    REFUSED("figure 2", p.figures[1].name = "rougeL");
    REFUSED("figure 2", p.figures[1].name = "2");
    REFUSED("label", p.figures[1].label = NULL);
    REFUSED("unknown scale", p.figures[1].scale = 9);
    REFUSED("too small", p.objective_ops.size = 8);
    REFUSED("no evaluate", p.objective_ops.evaluate = NULL);
    REFUSED("too small", p.reward_ops.size = 8);
    REFUSED("no score function", p.reward_ops.score = NULL);
    REFUSED("unknown flags", p.reward_ops.flags = 1);
    REFUSED("come together", p.reward_ops.prepare = prepare_reward);
    REFUSED("unknown kind", p.reward.kind = HONE_LAST_KIND + 1);
    REFUSED("figure 1", p.figure_names[0] = "a b");
}

/* A plugin of a later minor version of the ABI has longer structs; those of today are read with their own stride. */
static void test_strides(void)
{
    struct {
        HonePort port;
        char later[16];
    } ports[] = {
        {{"a", HONE_PORT_IN, HONE_MODEL, 0, "h"}, ""}, {{"b", HONE_PORT_OUT, HONE_MODEL, 0, "h"}, ""}, {{0}, ""}};
    const HoneComponent component = {
        .size = sizeof component, .kind = HONE_STAGE, .ports = &ports[0].port, .port_size = sizeof ports[0]};
    g_assert_cmpstr(hone_component_port(&component, 1)->name, ==, "b");
    g_assert_null(hone_component_port(&component, 2));
    g_assert_null(hone_component_port(&component, 200));
    g_assert_true(hone_component_find_port(&component, HONE_PORT_OUT, "b") == &ports[1].port);
    g_assert_null(hone_component_find_port(&component, HONE_PORT_IN, "b"));
}

static void test_names(void)
{
    g_assert_cmpstr(hone_kind_name(HONE_STAGE), ==, "stage");
    g_assert_cmpstr(hone_kind_name(HONE_METRIC), ==, "metric");
    g_assert_cmpstr(hone_kind_name(HONE_REWARD), ==, "reward");
    g_assert_cmpstr(hone_kind_name(77), ==, "component");
    g_autofree char *two = hone_artifact_types_name(HONE_MODEL | HONE_ADAPTER),
                    *any = hone_artifact_types_name(HONE_ANY);
    g_autofree char *none = hone_artifact_types_name(0);
    g_assert_cmpstr(two, ==, "model or adapter");
    g_assert_cmpstr(any, ==, "any");
    g_assert_cmpstr(none, ==, "nothing");
    for (uint32_t bit = 1; bit <= HONE_ANY; bit <<= 1) {
        g_autofree char *name = hone_artifact_types_name(bit);
        g_assert_cmpuint(hone_artifact_type_parse(name), ==, bit);
    }
    g_assert_cmpuint(hone_artifact_type_parse("modle"), ==, 0);
    g_assert_cmpuint(hone_artifact_type_parse(NULL), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/plugin/good", test_good);
    g_test_add_func("/plugin/plugin", test_plugin);
    g_test_add_func("/plugin/component", test_component);
    g_test_add_func("/plugin/params", test_params);
    g_test_add_func("/plugin/ports", test_ports);
    g_test_add_func("/plugin/functions", test_functions);
    g_test_add_func("/plugin/strides", test_strides);
    g_test_add_func("/plugin/names", test_names);
    return g_test_run();
}
