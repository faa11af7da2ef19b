/* The page builder: what goes in as text comes out as text. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "report/html.h"

struct page {
    struct dr_html *h;
    struct dr_buf out;
    struct dr_err err;
};

static int setup(void **state)
{
    struct page *p = test_calloc(1, sizeof(*p));
    *state = p;
    p->h = dr_html_new();
    return 0;
}

static int teardown(void **state)
{
    struct page *p = *state;
    dr_html_free(p->h);
    dr_buf_done(&p->out);
    test_free(p);
    return 0;
}

static const char *put(struct page *p)
{
    assert_int_equal(dr_html_put(p->h, &p->out, &p->err), DR_OK);
    return dr_buf_cstr(&p->out);
}

#define assert_page(p, inner)                                                                                \
    assert_string_equal(put(p), "<!doctype html>\n<html lang=\"en\">" inner "</html>\n")

static void an_empty_page_has_doctype_and_language(void **state)
{
    assert_page(*state, "");
}

static void text_never_becomes_markup(void **state)
{
    struct page *p = *state;
    dr_html_leaf(p->h, "p", "<script>alert(1)</script> & \"x\"", NULL);
    assert_page(p, "<p>&lt;script&gt;alert(1)&lt;/script&gt; &amp; \"x\"</p>");
}

static void an_attribute_cannot_be_left(void **state)
{
    struct page *p = *state;
    dr_html_open(p->h, "p", "title", "a\" onclick='x' <b> &amp;", NULL);
    dr_html_close(p->h, "p");
    const char *text = put(p);
    assert_null(strstr(text, "\" onclick"));
    assert_non_null(strstr(text, "&lt;b&gt; &amp;amp;"));
}

static void an_attribute_without_value_is_left_out(void **state)
{
    struct page *p = *state;
    dr_html_leaf(p->h, "p", "x", "class", NULL, "id", "y", NULL);
    assert_page(p, "<p id=\"y\">x</p>");
}

static void void_elements_have_no_end_and_others_do(void **state)
{
    struct page *p = *state;
    dr_html_leaf(p->h, "br", NULL, NULL);
    dr_html_leaf(p->h, "td", NULL, NULL);
    dr_html_open(p->h, "svg", "viewBox", "0 0 1 1", NULL);
    dr_html_leaf(p->h, "path", NULL, "d", "M0 0", NULL);
    dr_html_close(p->h, "svg");
    assert_page(p, "<br><td></td><svg viewBox=\"0 0 1 1\"><path d=\"M0 0\"></path></svg>");
}

static void style_and_script_are_left_as_they_are(void **state)
{
    struct page *p = *state;
    dr_html_open(p->h, "style", NULL);
    dr_html_raw(p->h, "a>b{c:'&'}");
    dr_html_raw(p->h, "d{}");
    dr_html_close(p->h, "style");
    assert_page(p, "<style>a>b{c:'&'}d{}</style>");
}

static void text_of_all_languages_stays(void **state)
{
    struct page *p = *state;
    dr_html_leaf(p->h, "p", "\u00b0C \u0645\u0631\u062d\u0628\u0627 \u65e5\u672c \U0001F600", NULL);
    assert_page(p, "<p>\u00b0C \u0645\u0631\u062d\u0628\u0627 \u65e5\u672c \U0001F600</p>");
}

static void what_hides_or_reorders_becomes_visible(void **state)
{
    struct page *p = *state;
    dr_html_leaf(p->h, "p",
                 "a\x01"
                 "b\u202Ec\u200Bd\x7F",
                 "title", "x\u2066y\n", NULL);
    const char *text = put(p);
    assert_non_null(strstr(text, "a\\x01b\\u{202E}c\\u{200B}d\\x7F"));
    assert_non_null(strstr(text, "title=\"x\\u{2066}y\\x0A\""));
}

static void bytes_that_are_not_utf8_become_visible(void **state)
{
    struct page *p = *state;
    dr_html_data(p->h, (struct dr_str){ "37\xB0\xC0\xAF", 5 }, 100);
    assert_true(dr_utf8_valid(dr_str_of(put(p))));
    assert_non_null(strstr(dr_buf_cstr(&p->out), "37\\xB0\\xC0\\xAF"));
}

static void a_zero_byte_does_not_end_a_text(void **state)
{
    struct page *p = *state;
    dr_html_data(p->h, (struct dr_str){ "a\0b", 3 }, 100);
    assert_page(p, "a\\x00b");
}

static void a_long_text_is_cut_and_says_how_long_it_was(void **state)
{
    struct page *p = *state;
    enum { LONG = 1 << 20 };
    char *text = test_malloc(LONG);
    memset(text, 'x', LONG);
    dr_html_data(p->h, (struct dr_str){ text, LONG }, 10);
    test_free(text);
    assert_page(p, "xxxxxxxxxx... (cut; 1048576 characters in all)");
}

static void a_text_of_just_the_limit_is_whole(void **state)
{
    struct page *p = *state;
    dr_html_data(p->h, dr_str_of("\u00e9\u00e9\u00e9"), 3);
    assert_page(p, "\u00e9\u00e9\u00e9");
}

static void lines_keep_their_ends_and_tabs(void **state)
{
    struct page *p = *state;
    dr_html_open(p->h, "pre", NULL);
    dr_html_lines(p->h, DR_LIT("a:\n\tb\x1b[31m"));
    dr_html_close(p->h, "pre");
    assert_page(p, "<pre>a:\n\tb\\x1B[31m\n</pre>");
}

static void links_hold_what_a_url_may_hold(void **state)
{
    struct page *p = *state;
    dr_html_leaf(p->h, "a", "x", "href", "a b/\u00e9\"'<>?q=1&r#top%20", NULL);
    assert_page(p, "<a href=\"a%20b/%C3%A9%22'%3C%3E?q=1&amp;r#top%20\">x</a>");
}

static void attributes_may_follow_until_something_is_in_the_element(void **state)
{
    struct page *p = *state;
    dr_html_open(p->h, "td", "class", "n", NULL);
    dr_html_attrf(p->h, "colspan", "%d", 2);
    dr_html_text(p->h, "1 < 2");
    dr_html_close(p->h, "td");
    assert_page(p, "<td class=\"n\" colspan=\"2\">1 &lt; 2</td>");
}

static void a_page_over_the_limit_is_an_error(void **state)
{
    struct page *p = *state;
    p->out.max = 64;
    for (int i = 0; i < 10; i++)
        dr_html_leaf(p->h, "p", "a text that fills", NULL);
    assert_int_equal(dr_html_put(p->h, &p->out, &p->err), DR_ELIMIT);
    assert_non_null(strstr(p->err.msg, "report"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_empty_page_has_doctype_and_language, setup, teardown),
        cmocka_unit_test_setup_teardown(text_never_becomes_markup, setup, teardown),
        cmocka_unit_test_setup_teardown(an_attribute_cannot_be_left, setup, teardown),
        cmocka_unit_test_setup_teardown(an_attribute_without_value_is_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(void_elements_have_no_end_and_others_do, setup, teardown),
        cmocka_unit_test_setup_teardown(style_and_script_are_left_as_they_are, setup, teardown),
        cmocka_unit_test_setup_teardown(text_of_all_languages_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(what_hides_or_reorders_becomes_visible, setup, teardown),
        cmocka_unit_test_setup_teardown(bytes_that_are_not_utf8_become_visible, setup, teardown),
        cmocka_unit_test_setup_teardown(a_zero_byte_does_not_end_a_text, setup, teardown),
        cmocka_unit_test_setup_teardown(a_long_text_is_cut_and_says_how_long_it_was, setup, teardown),
        cmocka_unit_test_setup_teardown(a_text_of_just_the_limit_is_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(lines_keep_their_ends_and_tabs, setup, teardown),
        cmocka_unit_test_setup_teardown(links_hold_what_a_url_may_hold, setup, teardown),
        cmocka_unit_test_setup_teardown(attributes_may_follow_until_something_is_in_the_element, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_page_over_the_limit_is_an_error, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
