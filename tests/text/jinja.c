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
static char *render_within(const char *source, JsonObject *variables, const JinjaLimits *limits, GError **error)
{
    g_autoptr(Jinja) template = jinja_parse(source, "test", error);
    g_auto(JinjaText) text = {0};
    if (!template || !jinja_render(template, set_variables, variables, &now, limits, &text, error))
        return NULL;
    return g_steal_pointer(&text.bytes);
}

static char *render(const char *source, JsonObject *variables, GError **error)
{
    JinjaLimits limits = jinja_limits(1000);
    return render_within(source, variables, &limits, error);
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

/* ---- Owners. ---- */

static void set_owned(JinjaVm *vm, const void *data)
{
    jinja_set(vm, "a", value_str(str_copy(vm, "Ab, ß!", 7, 1)));
    jinja_set(vm, "b", value_str(str_copy(vm, "xyz", 3, 2)));
    List *list = list_new(vm, 2);
    list_add(vm, list, value_str(str_copy(vm, "one", 3, 3)));
    list_add(vm, list, value_str(str_copy(vm, "two", 3, 4)));
    jinja_set(vm, "list", value_list(list));
}

/* What each template writes, and whose it is: the owner's number under each byte, "." the template's. */
static void test_owners(void)
{
    static const struct {
        const char *source, *text, *owners;
    } cases[] = {
        {"<{{ a }}>", "<Ab, ß!>", ".1111111."},
        {"{{ '[' + b + ']' ~ a }}", "[xyz]Ab, ß!", ".222.1111111"},
        {"{% set s = '' %}{% set s = s + b %}{% set s = s + '-' %}{% set t = s + a %}{{ s }}{{ t }}", "xyz-xyz-Ab, ß!",
         "222.222.1111111"},
        {"{{ a[1:] }}{{ b[::-1] }}{{ a[0] }}", "b, ß!zyxA", "1111112221"},
        {"{{ a|upper }}{{ a.lower() }}", "AB, SS!ab, ß!", "11111111111111"},
        {"{{ ('-' ~ b)|replace('y', '<y>') }}", "-x<y>z", ".2...2"},
        {"{{ '<b>'|replace('b', b) }}", "<xyz>", ".222."},
        {"{{ list|join(', ') }}", "one, two", "333..444"},
        {"{{ list|tojson }}", "[\"one\", \"two\"]", "..333....444.."},
        {"{{ list }}", "['one', 'two']", "..333....444.."},
        {"{{ {'k': b}|tojson(indent=1) }}", "{\n \"k\": \"xyz\"\n}", ".........222..."},
        {"{{ a.split(', ')[1] ~ (' ' + b + ' ')|trim }}", "ß!xyz", "111222"},
        {"{{ '%s|%5s|%d' % (a, b, 7) }}", "Ab, ß!|  xyz|7", "1111111...222.."},
        {"{{ '{}-{x}'.format(b, x=b) }}", "xyz-xyz", "222.222"},
        {"{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(b) }}", "<xyz>", ".222."},
        {"{% set s %}({{ b }}){% endset %}{{ s|title }}", "(Xyz)", ".222."},
        {"{% filter indent(1) %}{{ b }}\n{{ b }}{% endfilter %}", "xyz\n xyz", "222..222"},
        {"{{ b * 2 }}{{ b|length }}", "xyzxyz3", "222222."},
        {"{{ b|list|join('') }}{{ b.join('12') }}", "xyz1xyz2", "222.222."},
        {"{{ b.center(5, '*') }}{{ b|reverse }}", "*xyz*zyx", ".222.222"},
        {"{{ a|escape }}{{ (b ~ '<')|e }}", "Ab, ß!xyz&lt;", "1111111222...."},
        {"{{ list|map('upper')|join }}", "ONETWO", "333444"},
        {"{{ b if b == 'xyz' else a }}", "xyz", "222"},
        {"{{ (list|first)[1:] ~ (list|last).title() }}", "neTwo", "33444"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        JinjaLimits limits = jinja_limits(1000);
        g_autoptr(Jinja) template = jinja_parse(cases[i].source, "test", &error);
        g_assert_no_error(error);
        g_auto(JinjaText) text = {0};
        g_assert_true(jinja_render(template, set_owned, NULL, &now, &limits, &text, &error));
        g_assert_cmpstr(text.bytes, ==, cases[i].text);
        g_autoptr(GString) owners = g_string_new(NULL);
        for (size_t at = 0; at < text.length; at++) {
            uint32_t owner = jinja_text_owner(&text, at);
            g_string_append_c(owners, owner == JINJA_TEMPLATE ? '.' : (char)('0' + owner));
        }
        g_assert_cmpstr(owners->str, ==, cases[i].owners);
        g_assert_cmpuint(text.runs[text.n_runs - 1].end, ==, text.length);
    }
}

/* Generation blocks mark what stands in them, through macros and set blocks too. */
static void test_generation(void)
{
    static const struct {
        const char *source, *marked;
    } cases[] = {
        {"a{% generation %}{{ b }}c{% endgeneration %}d", "-++++-"},
        {"{% macro m() %}<{% generation %}{{ b }}{% endgeneration %}>{% endmacro %}.{{ m() }}.", "--+++--"},
        {"{% set s %}1{% generation %}2{% endgeneration %}3{% endset %}{{ b }}{{ s }}{{ s[1:] }}", "----+-+-"},
        {"{% for x in [1, 2] %}{{ x }}{% generation %}{{ x }}{% endgeneration %}{% endfor %}", "-+-+"},
        {"{% generation %}{% endgeneration %}x", "-"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        JinjaLimits limits = jinja_limits(1000);
        g_autoptr(Jinja) template = jinja_parse(cases[i].source, "test", &error);
        g_assert_no_error(error);
        g_assert_true(jinja_generates(template));
        g_auto(JinjaText) text = {0};
        g_assert_true(jinja_render(template, set_owned, NULL, &now, &limits, &text, &error));
        g_autoptr(GString) marked = g_string_new(NULL);
        for (size_t at = 0; at < text.length; at++)
            g_string_append_c(marked, jinja_text_owner(&text, at) & JINJA_GENERATED ? '+' : '-');
        g_assert_cmpstr(marked->str, ==, cases[i].marked);
    }
}

/* ---- Templates that mean no good. ---- */

static char *repeat(const char *before, const char *what, size_t n, const char *after)
{
    GString *text = g_string_new(before);
    for (size_t i = 0; i < n; i++)
        g_string_append(text, what);
    g_string_append(text, after);
    return g_string_free(text, FALSE);
}

/* `part` of the limits, to spare time. */
static void assert_refused(const char *source, const char *says, unsigned part)
{
    g_autoptr(JsonObject) none = json_object_new();
    g_autoptr(GError) error = NULL;
    JinjaLimits limits = jinja_limits(1000);
    limits.steps /= part;
    limits.memory /= part;
    limits.output /= part;
    g_autofree char *text = render_within(source, none, &limits, &error);
    if (text)
        g_error("%.80s ... is rendered: %.80s", source, text);
    if (says && !strstr(error->message, says))
        g_error("%.80s ...: %s (wanted: %s)", source, error->message, says);
}

#define STEPS "more steps"
#define MEMORY "memory is limited"
#define DEEP "too deep"
#define NS "{% set ns = namespace(s='x', l=[]) %}"
#define LOOP "{% for i in range(100000) %}"
#define NEST "{% for i in range(2000) %}"

static void test_hostile(void)
{
    static const struct {
        const char *source, *says;
    } cases[] = {
        {LOOP LOOP LOOP "{% endfor %}{% endfor %}{% endfor %}", STEPS},
        {"{% for i in range(10 ** 9) %}{% endfor %}", "too long"},
        {"{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", DEEP},
        {"{% macro m(x) %}{{ m(x ~ x) }}{% endmacro %}{{ m('x') }}", NULL},
        {"{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}", DEEP},
        {NS LOOP "{% set ns.s = ns.s ~ ns.s %}{% endfor %}", MEMORY},
        {NS LOOP "{% set ns.s = ns.s.replace('x', 'xx') %}{% endfor %}", NULL},
        {NS LOOP "{% set ns.s = ns.s|replace('', 'yy') %}{% endfor %}", NULL},
        {NS LOOP "{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s|string }}", NULL},
        {NS LOOP "{% set ns.l = ns.l + ns.l + [1] %}{% endfor %}", NULL},
        {NS NEST "{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l }}", DEEP},
        {NS NEST "{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l|tojson }}", DEEP},
        {NS NEST "{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l == [ns.l] }}", DEEP},
        {NS LOOP "{% set ns.l = (ns.l,) %}{% endfor %}{{ {ns.l: 1} }}", NULL},
        {NS LOOP "{% set ns.l = ns.l ~ [ns.l] %}{% endfor %}", NULL},
        {"{{ 'x' * 10 ** 12 }}", NULL},
        {"{{ 10 ** 18 * 'xy' }}", NULL},
        {"{{ [1] * 10 ** 12 }}", NULL},
        {"{% set s = 'x' * 10000 %}" LOOP "{{ s }}{% endfor %}", "more than a conversation"},
        {"{{ '%1000000000d' % 1 }}", NULL},
        {"{{ '%.1000000000f' % 1 }}", "digits"},
        {"{{ '%.1000000000d' % 1 }}", "digits"},
        {"{{ '%*d' % (2 ** 62, 1) }}", NULL},
        {"{{ '%99999999999999999999d' % 1 }}", "too large"},
        {"{{ '{:1000000000}'.format(1) }}", NULL},
        {"{{ '{:.999999999}'.format(1.5) }}", "digits"},
        {"{{ ('{0}' * 100000).format('x' * 100000) }}", NULL},
        {"{{ 'x'.center(10 ** 12) }}", NULL},
        {"{{ 'x'.zfill(10 ** 12) }}", NULL},
        {"{{ 'x'|center(10 ** 18) }}", NULL},
        {"{{ ('x\n' * 100000)|indent(10 ** 9) }}", NULL},
        {"{{ [1]|tojson(indent=10 ** 9) }}", "too wide"},
        {"{{ [1]|batch(10 ** 12, 'x')|list }}", NULL},
        {"{{ [1]|slice(10 ** 12)|list }}", NULL},
        {"{{ ('x' * 100000)|join('y' * 100000) }}", NULL},
        {"{{ (('a' * 250000) + 'b').join('x' * 1000000) }}", NULL},
        {LOOP "{{ ('a' * 100000).rfind('a' * 50000 + 'b') }}{% endfor %}", NULL},
        {LOOP "{{ ('a' * 100000).strip('b' * 100000 ~ 'a') }}{% endfor %}", NULL},
        {LOOP "{{ ('a' * 100000).count('a') }}{% endfor %}", NULL},
        {LOOP "{% if (range(100000)|list) == (range(100000)|list) %}{% endif %}{% endfor %}", NULL},
        {LOOP "{% if 1 in range(2, 100000)|list %}{% endif %}{% endfor %}", NULL},
        {LOOP "{{ range(100000)|sort }}{% endfor %}", NULL},
        {"{{ ['x' * 1000000] * 1000 }}", NULL},
        {"{{ 9223372036854775807 + 1 }}", "too large"},
        {"{{ 10 ** 10 ** 10 }}", "too large"},
        {"{{ 99999999999999999999 }}", "too large"},
        {"{{ -9223372036854775807 - 2 }}", "too large"},
        {"{{ (-9223372036854775807 - 1) // -1 }}", "too large"},
        {"{{ 'x'[9223372036854775807 + 0:-9223372036854775807 - 1:-9223372036854775807 - 1] }}{{ nope.x }}",
         "undefined"},
        {"{{ range(-9223372036854775807, 9223372036854775807) }}", "too long"},
        {"{{ range(9223372036854775806, 9223372036854775807, 9223372036854775807)|list }}{{ nope.x }}", "undefined"},
        {"{{ '%c' % 0 }}", "no character"},
        {"{{ '\\x00' }}", "no character"},
        {"{{ strftime_now('%c' * 1000) }}", "too long"},
        {"{{ dict(**dict(range(100000)|batch(2)|list)) }}", NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        assert_refused(cases[i].source, cases[i].says, i == 0 || i == 5 ? 1 : 20);
}

/* Deep, wide and long sources. */
static void test_hostile_sources(void)
{
    static const struct {
        const char *before, *what, *after, *says;
    } cases[] = {
        {"{{ ", "(", "", DEEP},
        {"{{ ", "[", "", DEEP},
        {"{{ ", "{1:", "", DEEP},
        {"{{ ", "not ", "x }}", DEEP},
        {"{{ ", "-", "1 }}", DEEP},
        {"{{ 1", " + 1", " }}", DEEP},
        {"{{ x", ".a", " }}", DEEP},
        {"{{ x", "[0]", " }}", DEEP},
        {"{{ x", "()", " }}", DEEP},
        {"{{ x", "|upper", " }}", DEEP},
        {"{{ x", " if x else x", " }}", DEEP},
        {"{{ x", " and x", " }}", DEEP},
        {"", "{% if x %}", "", DEEP},
        {"", "{% for x in y %}", "", DEEP},
        {"", "{% macro m() %}", "", DEEP},
        {"", "{% set x %}", "", DEEP},
        {"", "{% filter upper %}", "", DEEP},
        {"{% set ", "(", "", DEEP},
        {"{% for ", "(", "", DEEP},
        {"{{ f(", "f(", "", DEEP},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *source = repeat(cases[i].before, cases[i].what, 40000, cases[i].after);
        assert_refused(source, cases[i].says, 1);
    }
    g_autofree char *long_source = repeat("", "0123456789", 1 << 20, "");
    assert_refused(long_source, "longer than", 1);
    assert_refused("\xFF{{ 1 }}", "UTF-8", 1);
}

/* Whatever has many parts is either rendered or refused; none of it takes long. */
static void test_wide_sources(void)
{
    static const struct {
        const char *before, *part, *after; /* %zu: the part's number */
    } cases[] = {
        {"{% macro m(", "a%zu, ", "z) %}{% endmacro %}{{ m() }}"},
        {"{{ dict(", "a%zu=1, ", "z=1)|length }}"},
        {"{{ {", "%zu: 1, ", "}|length }}"},
        {"", "{% set a%zu = 1 %}", ""},
        {"{% for i in range(1000) %}{% if i < 0 %}", "{% set a%zu = 1 %}", "{% endif %}{% endfor %}"},
        {"", "{% if a%zu %}{% set b = 1 %}{% endif %}", ""},
        {"", "{% if x %}{% elif a%zu %}{% set b%zu = 1 %}{% endif %}", ""},
        {"{% if x %}", "{% elif a%zu %}", "{% endif %}"},
        {"", "{% macro m%zu() %}{% endmacro %}", ""},
        {"{{ ", "a%zu ~ ", "1 }}"},
        {"{% for x in y %}", "{% for z in a%zu %}{{ loop.index }}{% endfor %}", "{% endfor %}"},
        {"{{ x", " < a%zu", " }}"},
        {"", "{# %zu #}\n", ""},
        {"{% raw %}", "{%% %zu %%}", "{% endraw %}"},
    };
    g_autoptr(JsonObject) none = json_object_new();
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GString) source = g_string_new(cases[i].before);
        for (size_t k = 0; source->len < 200000; k++) {
            const char *number = strstr(cases[i].part, "%zu");
            g_string_append_len(source, cases[i].part, number - cases[i].part);
            g_string_append_printf(source, "%zu%s", k, number + 3);
        }
        g_string_append(source, cases[i].after);
        g_autoptr(GError) error = NULL;
        g_autofree char *text = render(source->str, none, &error);
        g_assert_true((text == NULL) == (error != NULL));
    }
}

/* An error says in which line, and what. */
static void test_errors(void)
{
    static const struct {
        const char *source, *line, *says;
    } cases[] = {
        {"a\nb\n{{ 1 / 0 }}", "line 3", "division by zero"},
        {"{% if x %}\n\n", "line 1", "before endif"},
        {"\n{{ x.y.z }}", "line 2", "'x' is undefined"},
        {"\n\n{{ ('a' if 0).b }}", "line 3", "inline if"},
        {"{{ raise_exception('no system\nmessage') }}", "line 1", "no system\nmessage"},
        {"\n{{ 'a' + 1 }}", "line 2", "'+' does not work on str and int"},
        {"{% set x = [] %}\n{{ x.append(1) }}", "line 2", "cannot change"},
        {"\n{% include 'x' %}", "line 2", "'include'"},
        {"{{ {'a': 1}.b.c }}", "line 1", "'dict' has no attribute or item 'b'"},
        {"{{ 'abc'\n}", "line 2", "}"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(JsonObject) none = json_object_new();
        g_autoptr(GError) error = NULL;
        g_autofree char *text = render(cases[i].source, none, &error);
        g_assert_null(text);
        g_autofree char *start = g_strdup_printf("test, %s of the template: ", cases[i].line);
        if (!g_str_has_prefix(error->message, start) || !strstr(error->message, cases[i].says))
            g_error("%s: %s", cases[i].source, error->message);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/jinja/cases", test_cases);
    g_test_add_func("/jinja/owners", test_owners);
    g_test_add_func("/jinja/generation", test_generation);
    g_test_add_func("/jinja/errors", test_errors);
    g_test_add_func("/jinja/hostile", test_hostile);
    g_test_add_func("/jinja/hostile-sources", test_hostile_sources);
    g_test_add_func("/jinja/wide-sources", test_wide_sources);
    return g_test_run();
}
