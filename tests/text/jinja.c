/* SPDX-License-Identifier: Apache-2.0
 * jinja.c: what templates write, against jinja2 as transformers runs it (tests/oracle/templates.py).
 */
#include "support.h"
#include "text/jinja/value.h"

#include <string.h>

/* The oracle's time. */
static const struct tm now = {
    .tm_year = 124, .tm_mon = 6, .tm_mday = 4, .tm_hour = 9, .tm_min = 5, .tm_sec = 6, .tm_wday = 4, .tm_yday = 185};

static void set_variables(JinjaVm *vm, const void *data)
{
    JsonObjectIter iter;
    const char *name;
    JsonNode *member;
    json_object_iter_init_ordered(&iter, (JsonObject *)data);
    while (json_object_iter_next_ordered(&iter, &name, &member))
        jinja_set(vm, name, value_from_json(vm, member, 1));
}

/* Caller frees; NULL with an error. */
static char *render(const char *source, JsonObject *variables, GError **error)
{
    JinjaLimits limits = jinja_limits(1000);
    g_autoptr(Jinja) template = jinja_parse(source, "test", error);
    g_auto(JinjaText) text = {0};
    if (!template || !jinja_render(template, set_variables, variables, &now, &limits, &text, error))
        return NULL;
    return g_steal_pointer(&text.bytes);
}

static void test_cases(void)
{
    g_autoptr(JsonObject) all = support_json("jinja.json");
    JsonObject *variables = json_object_get_object_member(all, "variables");
    JsonArray *cases = json_object_get_array_member(all, "cases");
    unsigned wrong = 0;
    g_assert_cmpuint(json_array_get_length(cases), >, 900);
    for (guint i = 0; i < json_array_get_length(cases); i++) {
        JsonArray *one = json_array_get_array_element(cases, i);
        const char *source = json_array_get_string_element(one, 0);
        const char *wanted = json_array_get_null_element(one, 1) ? NULL : json_array_get_string_element(one, 1);
        g_autoptr(GError) error = NULL;
        g_autofree char *text = render(source, variables, &error);
        g_assert_true((text == NULL) == (error != NULL));
        if (g_strcmp0(text, wanted) == 0)
            continue;
        g_test_message("%s\n  gives   %s\n  wanted  %s", source, text ? text : error->message,
                       wanted ? wanted : "(refused)");
        wrong++;
    }
    g_assert_cmpuint(wrong, ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/jinja/cases", test_cases);
    return g_test_run();
}
