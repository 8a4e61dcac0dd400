/* SPDX-License-Identifier: Apache-2.0
 * porter.c: suffix stripping for English, in the variant that rouge-score uses.
 *
 * M. Porter, "An algorithm for suffix stripping", Program 14(3), 1980, with the extensions of NLTK's PorterStemmer in
 * its default mode: a short list of irregular forms, "ies"/"ied" of four-letter words, y -> i only after a consonant,
 * the suffixes "bli", "fulli" and "logi", "alli" taken first, and "vc" counted as ending in cvc.
 *
 * Letters: c a consonant, v a vowel; m, the measure, counts the changes from vowels to consonants in a stem.
 */
#include "porter.h"
#include <stdbool.h>
#include <string.h>

typedef bool (*Condition)(const GString *word, size_t length); /* holds for the first `length` letters? */

typedef struct Rule {
    const char *suffix, *replacement;
    Condition condition;
} Rule;

/* A y is a consonant at the start and after a vowel; so in a run of them they alternate. */
static bool is_consonant(const GString *word, size_t i)
{
    size_t run = 0;

    if (strchr("aeiou", word->str[i])) {
        return false;
    }
    while (i > run && word->str[i - run] == 'y') {
        run++;
    }
    return (strchr("aeiou", word->str[i - run]) == NULL) != (run % 2 == 1);
}

static size_t measure(const GString *word, size_t length)
{
    size_t m = 0;
    bool before = true; /* as if after a consonant: an initial consonant is no change */

    for (size_t i = 0; i < length; i++) {
        bool consonant = word->str[i] == 'y' ? i == 0 || !before : !strchr("aeiou", word->str[i]);

        m += i > 0 && consonant && !before;
        before = consonant;
    }
    return m;
}

static bool measure_above_0(const GString *word, size_t length)
{
    return measure(word, length) > 0;
}

static bool measure_above_1(const GString *word, size_t length)
{
    return measure(word, length) > 1;
}

/* The first y that is not the first letter is a vowel, since what precedes it is then a consonant or a vowel itself. */
static bool has_vowel(const GString *word, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (strchr(i > 0 ? "aeiouy" : "aeiou", word->str[i])) {
            return true;
        }
    }
    return false;
}

/* Ends in consonant, vowel, consonant other than w, x, y; or is just vowel, consonant. */
static bool ends_cvc(const GString *word, size_t length)
{
    if (length == 2) {
        return !is_consonant(word, 0) && is_consonant(word, 1);
    }
    return length > 2 && is_consonant(word, length - 3) && !is_consonant(word, length - 2) &&
           is_consonant(word, length - 1) && !strchr("wxy", word->str[length - 1]);
}

static bool ends_double_consonant(const GString *word)
{
    size_t n = word->len;

    return n >= 2 && word->str[n - 1] == word->str[n - 2] && is_consonant(word, n - 1);
}

static bool ends_with(const GString *word, const char *suffix)
{
    return g_str_has_suffix(word->str, suffix);
}

static void replace_end(GString *word, const char *suffix, const char *replacement)
{
    g_string_truncate(word, word->len - strlen(suffix));
    g_string_append(word, replacement);
}

/* The first rule whose suffix fits decides, whether or not its condition holds. */
static void apply(GString *word, const Rule *rules)
{
    for (; rules->suffix; rules++) {
        if (ends_with(word, rules->suffix)) {
            if (!rules->condition || rules->condition(word, word->len - strlen(rules->suffix))) {
                replace_end(word, rules->suffix, rules->replacement);
            }
            return;
        }
    }
}

/* Plurals. */
static void step_1a(GString *word)
{
    static const Rule rules[] = {{"sses", "ss"}, {"ies", "i"}, {"ss", "ss"}, {"s", ""}, {0}};

    if (word->len == 4 && ends_with(word, "ies")) {
        replace_end(word, "ies", "ie");
    } else {
        apply(word, rules);
    }
}

/* What is left after "ed" or "ing" gets back an e, or loses half of a double consonant. */
static void repair_1b(GString *word)
{
    if (ends_with(word, "at") || ends_with(word, "bl") || ends_with(word, "iz")) {
        g_string_append_c(word, 'e');
    } else if (ends_double_consonant(word)) {
        if (!strchr("lsz", word->str[word->len - 1])) {
            g_string_truncate(word, word->len - 1);
        }
    } else if (measure(word, word->len) == 1 && ends_cvc(word, word->len)) {
        g_string_append_c(word, 'e');
    }
}

/* Past tenses and participles. */
static void step_1b(GString *word)
{
    static const char *const suffixes[] = {"ed", "ing"};

    if (ends_with(word, "ied")) {
        replace_end(word, "ied", word->len == 4 ? "ie" : "i");
        return;
    }
    if (ends_with(word, "eed")) {
        if (measure_above_0(word, word->len - 3)) {
            replace_end(word, "eed", "ee");
        }
        return;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        if (ends_with(word, suffixes[i]) && has_vowel(word, word->len - strlen(suffixes[i]))) {
            replace_end(word, suffixes[i], "");
            repair_1b(word);
            return;
        }
    }
}

static bool consonant_before_y(const GString *word, size_t length)
{
    return length > 1 && is_consonant(word, length - 1);
}

static bool measure_with_l(const GString *word, size_t length)
{
    return measure(word, length + 1) > 0; /* the l of "logi" belongs to the stem: "geo" + "l" */
}

/* Double suffixes to single ones. */
static void step_2(GString *word)
{
    static const Rule rules[] = {
        {"ational", "ate", measure_above_0},
        {"tional", "tion", measure_above_0},
        {"enci", "ence", measure_above_0},
        {"anci", "ance", measure_above_0},
        {"izer", "ize", measure_above_0},
        {"bli", "ble", measure_above_0},
        {"alli", "al", measure_above_0},
        {"entli", "ent", measure_above_0},
        {"eli", "e", measure_above_0},
        {"ousli", "ous", measure_above_0},
        {"ization", "ize", measure_above_0},
        {"ation", "ate", measure_above_0},
        {"ator", "ate", measure_above_0},
        {"alism", "al", measure_above_0},
        {"iveness", "ive", measure_above_0},
        {"fulness", "ful", measure_above_0},
        {"ousness", "ous", measure_above_0},
        {"aliti", "al", measure_above_0},
        {"iviti", "ive", measure_above_0},
        {"biliti", "ble", measure_above_0},
        {"fulli", "ful", measure_above_0},
        {"logi", "log", measure_with_l},
        {0},
    };

    if (ends_with(word, "alli") && measure_above_0(word, word->len - 4)) {
        replace_end(word, "alli", "al"); /* first, so that what is left meets the rules too */
    }
    apply(word, rules);
}

static void step_3(GString *word)
{
    static const Rule rules[] = {
        {"icate", "ic", measure_above_0}, {"ative", "", measure_above_0},
        {"alize", "al", measure_above_0}, {"iciti", "ic", measure_above_0},
        {"ical", "ic", measure_above_0},  {"ful", "", measure_above_0},
        {"ness", "", measure_above_0},    {0},
    };

    apply(word, rules);
}

static bool ion_leaves(const GString *word, size_t length)
{
    return measure_above_1(word, length) && strchr("st", word->str[length - 1]);
}

static void step_4(GString *word)
{
    static const Rule rules[] = {
        {"al", "", measure_above_1},    {"ance", "", measure_above_1},
        {"ence", "", measure_above_1},  {"er", "", measure_above_1},
        {"ic", "", measure_above_1},    {"able", "", measure_above_1},
        {"ible", "", measure_above_1},  {"ant", "", measure_above_1},
        {"ement", "", measure_above_1}, {"ment", "", measure_above_1},
        {"ent", "", measure_above_1},   {"ion", "", ion_leaves},
        {"ou", "", measure_above_1},    {"ism", "", measure_above_1},
        {"ate", "", measure_above_1},   {"iti", "", measure_above_1},
        {"ous", "", measure_above_1},   {"ive", "", measure_above_1},
        {"ize", "", measure_above_1},   {0},
    };

    apply(word, rules);
}

/* A final e, a final double l. */
static void step_5(GString *word)
{
    if (ends_with(word, "e")) {
        size_t m = measure(word, word->len - 1);

        if (m > 1 || (m == 1 && !ends_cvc(word, word->len - 1))) {
            g_string_truncate(word, word->len - 1);
        }
    }
    if (ends_with(word, "ll") && measure(word, word->len - 1) > 1) {
        g_string_truncate(word, word->len - 1);
    }
}

static bool irregular(GString *word)
{
    static const char *const forms[][2] = {
        {"sky", "sky"},        {"skies", "sky"},       {"dying", "die"},        {"lying", "lie"},
        {"tying", "tie"},      {"news", "news"},       {"innings", "inning"},   {"inning", "inning"},
        {"outings", "outing"}, {"outing", "outing"},   {"cannings", "canning"}, {"canning", "canning"},
        {"howe", "howe"},      {"proceed", "proceed"}, {"exceed", "exceed"},    {"succeed", "succeed"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(forms); i++) {
        if (strcmp(word->str, forms[i][0]) == 0) {
            g_string_assign(word, forms[i][1]);
            return true;
        }
    }
    return false;
}

void porter_stem(GString *word)
{
    static const Rule step_1c[] = {{"y", "i", consonant_before_y}, {0}};

    if (irregular(word) || word->len <= 2) {
        return;
    }
    step_1a(word);
    step_1b(word);
    apply(word, step_1c);
    step_2(word);
    step_3(word);
    step_4(word);
    step_5(word);
}
