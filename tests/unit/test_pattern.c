/* Plain patterns against PCRE2, which reads the same pattern in parentheses. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "expect/pattern.h"
#include "expect/regex.h"
#include "random_table.h"

static bool is_plain(const char *pattern)
{
    struct dr_pattern p;
    return dr_pattern_parse(pattern, &p);
}

static void fixed_sequences_are_plain(void **state)
{
    (void)state;
    assert_true(is_plain("^P\\d{7}$"));
    assert_true(is_plain("[A-Z][0-9]{2}\\.[0-9A-TV-Z]"));
    assert_true(is_plain("^$"));
    assert_true(is_plain("^HOSP\\d{3}"));
}

static void anything_else_is_left_to_an_engine(void **state)
{
    static const char *const patterns[] = {
        "a*",     "a+",    "a?",       "(a)",   "a|b",   ".",       "\\w",   "[^a]", "[[:digit:]]",
        "a{1,2}", "a{2}+", "a{0}",     "a{",    "a{x}",  "[a",      "[]a]",  "\\b",  "(?i)a",
        "a$b",    "a^",    "\xC3\xBC", "[\\w]", "[z-a]", "a{2}{3}", "a{65}", "\\",   "[a\\",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
        if (is_plain(patterns[i]))
            fail_msg("'%s' was taken as plain", patterns[i]);
}

static void put_random_pattern(uint64_t *s, struct dr_buf *b)
{
    static const char *const atoms[] = { "a",     "B",      "7",    "-",   "\\d", "\\.",
                                         "[0-9]", "[a-cX]", "[-a]", "\\$", " ",   "[A-Z\\d]" };
    if (random_below(s, 4))
        dr_buf_putc(b, '^');
    for (int64_t n = random_below(s, 5); n > 0; n--) {
        dr_buf_puts(b, atoms[random_below(s, 12)]);
        if (random_below(s, 3) == 0)
            dr_buf_printf(b, "{%d}", (int)random_between(s, 1, 3));
    }
    if (random_below(s, 4))
        dr_buf_putc(b, '$');
}

static void put_random_text(uint64_t *s, struct dr_buf *b)
{
    static const char *const pieces[] = { "a", "B",  "7", "-", "0", ".",        "c",
                                          "X", "\n", "$", " ", "Z", "\xD9\xA3", "\xC3\xBC" };
    for (int64_t n = random_below(s, 7); n > 0; n--)
        dr_buf_puts(b, pieces[random_below(s, 14)]);
}

/* Many texts at once, as a column has them. */
static void check_run(const char *pattern, const struct dr_buf *texts, const int64_t *offsets, int n)
{
    struct dr_pattern p;
    uint64_t unsure, hits;
    assert_true(dr_pattern_parse(pattern, &p));
    hits = dr_pattern_match_run(&p, texts->p, offsets, n, &unsure);
    assert_int_equal(0, hits & unsure);
    for (int i = 0; i < n; i++) {
        int hit = dr_pattern_match(
            &p, (struct dr_str){ texts->p + offsets[i], (size_t)(offsets[i + 1] - offsets[i]) });
        if (!(unsure >> i & 1) && hit != (int)(hits >> i & 1))
            fail_msg("pattern '%s', text %d in a run", pattern, i);
    }
}

static void check_texts(uint64_t *s, const char *pattern)
{
    struct dr_regex *plain = NULL, *engine = NULL;
    struct dr_err err = { 0 };
    DR_AUTO_BUF wrapped = { 0 };
    DR_AUTO_BUF all = { 0 };
    int64_t offsets[61] = { 0 };
    dr_buf_printf(&wrapped, "(?:%s)", pattern);
    assert_true(is_plain(pattern));
    assert_false(is_plain(dr_buf_cstr(&wrapped)));
    assert_int_equal(DR_OK, dr_regex_new(pattern, &plain, &err));
    assert_int_equal(DR_OK, dr_regex_new(dr_buf_cstr(&wrapped), &engine, &err));
    for (int i = 0; i < 60; i++) {
        DR_AUTO_BUF text = { 0 };
        put_random_text(s, &text);
        struct dr_str t = { dr_buf_cstr(&text), text.n };
        if (dr_regex_match(plain, t, &err) != dr_regex_match(engine, t, &err) ||
            dr_regex_search(plain, t, &err) != dr_regex_search(engine, t, &err))
            fail_msg("pattern '%s', text '%s'", pattern, dr_buf_cstr(&text));
        dr_buf_append(&all, text.p, text.n);
        offsets[i + 1] = (int64_t)all.n;
    }
    dr_buf_putc(&all, '\0'); /* never empty */
    check_run(pattern, &all, offsets, 60);
    dr_regex_free(plain);
    dr_regex_free(engine);
}

static void a_plain_pattern_matches_what_the_engine_matches(void **state)
{
    (void)state;
    uint64_t s = 11;
    for (int i = 0; i < 1500; i++) {
        DR_AUTO_BUF pattern = { 0 };
        put_random_pattern(&s, &pattern);
        check_texts(&s, dr_buf_cstr(&pattern));
    }
}

/* Of 4 to 16 characters of one range each, which are compared several at a time: every place
 * decides for itself. */
static void one_wrong_character_is_enough(void **state)
{
    (void)state;
    for (int n = 4; n <= 17; n++) {
        char pattern[40], text[20];
        struct dr_pattern p;
        snprintf(pattern, sizeof(pattern), "^[B-Y][3-7]{%d}Z$", n - 2);
        snprintf(text, sizeof(text), "%cZ", 'C');
        memset(text + 1, '5', (size_t)n - 2);
        text[n - 1] = 'Z';
        assert_true(dr_pattern_parse(pattern, &p));
        assert_int_equal(1, dr_pattern_match(&p, (struct dr_str){ text, (size_t)n }));
        assert_int_equal(0, dr_pattern_match(&p, (struct dr_str){ text, (size_t)n - 1 }));
        for (int at = 0; at < n; at++) {
            char right = text[at],
                 low = at == 0      ? 'B'
                       : at < n - 1 ? '3'
                                    : 'Z',
                 high = at == 0      ? 'Y'
                        : at < n - 1 ? '7'
                                     : 'Z';
            for (int c = 0; c < 256; c++) {
                text[at] = (char)c;
                int wanted = c >= 0x80 ? -1 : c >= low && c <= high;
                assert_int_equal(wanted, dr_pattern_match(&p, (struct dr_str){ text, (size_t)n }));
            }
            text[at] = right;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixed_sequences_are_plain),
        cmocka_unit_test(anything_else_is_left_to_an_engine),
        cmocka_unit_test(a_plain_pattern_matches_what_the_engine_matches),
        cmocka_unit_test(one_wrong_character_is_enough),
    };
    return cmocka_run_group_tests_name("pattern", tests, NULL, NULL);
}
