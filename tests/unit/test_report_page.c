/* Reports as pages: well formed, accessible, self-contained, harmless whatever
 * the data says, and small enough to open at once. */
#include "test_report_fixture.h"
#include <math.h>
#include "base/hash.h"
#include "report/page.h"

/* ---- a reader of pages, for the tests ---- */

struct tag {
    char name[24];
    const char *attrs; /* up to the '>' */
    size_t n_attrs;
    bool end;
    const char *after; /* what follows the '>' */
};

/* The next tag from *at on; style and script have none inside. */
static bool next_tag(const char **at, struct tag *ret)
{
    const char *p = strchr(*at, '<');
    if (p && strncmp(p, "<!doctype", 9) == 0)
        p = strchr(p + 1, '<');
    if (!p)
        return false;
    ret->end = p[1] == '/';
    const char *name = p + 1 + ret->end;
    size_t n = strcspn(name, " >");
    assert_true(n > 0 && n < sizeof(ret->name));
    memcpy(ret->name, name, n);
    ret->name[n] = 0;
    ret->attrs = name + n;
    /* No attribute value may hold a bare '>': libxml2 writes &gt;. */
    ret->n_attrs = strcspn(ret->attrs, ">");
    ret->after = ret->attrs + ret->n_attrs + 1;
    *at = ret->after;
    if (!ret->end && (dr_streq(ret->name, "style") || dr_streq(ret->name, "script")))
        *at = strstr(ret->after, "</");
    return true;
}

static bool attr(const struct tag *t, const char *name, char *ret, size_t size)
{
    DR_AUTO_BUF key = { 0 };
    dr_buf_printf(&key, " %s=\"", name);
    const char *p = t->attrs;
    for (; (size_t)(p - t->attrs) + key.n <= t->n_attrs; p++)
        if (memcmp(p, key.p, key.n) == 0)
            break;
    if ((size_t)(p - t->attrs) + key.n > t->n_attrs)
        return false;
    p += key.n;
    size_t n = strcspn(p, "\"");
    assert_true(n < size);
    memcpy(ret, p, n);
    ret[n] = 0;
    return true;
}

static bool is_void(const char *name)
{
    static const char *const names[] = { "meta", "br", "input", "link", "img", "hr" };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (dr_streq(name, names[i]))
            return true;
    return false;
}

static void assert_balanced(const char *page)
{
    enum { DEPTH = 64 };
    char open[DEPTH][24];
    int depth = 0;
    struct tag t;
    while (next_tag(&page, &t)) {
        if (t.end) {
            assert_true(depth > 0);
            assert_string_equal(open[--depth], t.name);
        } else if (!is_void(t.name)) {
            assert_true(depth < DEPTH);
            snprintf(open[depth++], sizeof(open[0]), "%s", t.name);
        }
    }
    assert_int_equal(depth, 0);
}

static void assert_headings_in_order(const char *page)
{
    int last = 0, ones = 0;
    struct tag t;
    while (next_tag(&page, &t)) {
        if (t.end || t.name[0] != 'h' || t.name[1] < '1' || t.name[1] > '6')
            continue;
        int level = t.name[1] - '0';
        assert_true(level <= last + 1);
        last = level;
        ones += level == 1;
    }
    assert_int_equal(ones, 1);
}

/* A caption comes first, and every head cell says what it is a head of. */
static void assert_tables_accessible(const char *page)
{
    struct tag t;
    char value[200];
    while (next_tag(&page, &t)) {
        if (!t.end && dr_streq(t.name, "table"))
            assert_int_equal(strncmp(t.after, "<caption>", 9), 0);
        if (!t.end && dr_streq(t.name, "th"))
            assert_true(attr(&t, "scope", value, sizeof(value)));
    }
}

static void assert_drawings_accessible(const char *page)
{
    struct tag t;
    char value[200];
    while (next_tag(&page, &t)) {
        if (t.end || !dr_streq(t.name, "svg") || attr(&t, "aria-hidden", value, sizeof(value)))
            continue;
        assert_true(attr(&t, "role", value, sizeof(value)));
        assert_string_equal(value, "img");
        assert_int_equal(strncmp(t.after, "<title>", 7), 0);
        const char *desc = strstr(t.after, "</title><desc>");
        assert_non_null(desc);
    }
}

static void assert_links_lead_somewhere(const char *page)
{
    struct dr_map ids = { 0 };
    DR_AUTO_ARENA arena = { 0 };
    struct tag t;
    char value[1200];
    for (const char *at = page; next_tag(&at, &t);) {
        bool is_new;
        if (t.end || !attr(&t, "id", value, sizeof(value)))
            continue;
        dr_map_put(&ids, dr_str_of(dr_arena_strdup(&arena, value)), &is_new);
        if (!is_new)
            print_error("the id %s stands twice\n", value);
        assert_true(is_new);
    }
    for (const char *at = page; next_tag(&at, &t);)
        if (!t.end && attr(&t, "href", value, sizeof(value)) && value[0] == '#') {
            if (!dr_map_get(&ids, dr_str_of(value + 1)))
                print_error("nothing has the id %s\n", value + 1);
            assert_non_null(dr_map_get(&ids, dr_str_of(value + 1)));
        }
    dr_map_done(&ids);
}

static void assert_self_contained(const char *page)
{
    assert_has(page, "http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'");
    assert_lacks(page, "@import");
    assert_lacks(page, "url(");
    assert_lacks(page, "https:");
    assert_int_equal(count_of(page, "http:"), count_of(page, "xmlns=\"http://www.w3.org/2000/svg\""));
    struct tag t;
    char value[1200];
    while (next_tag(&page, &t))
        assert_false(!t.end && attr(&t, "src", value, sizeof(value)));
}

static void assert_good_page(const char *page)
{
    assert_true(dr_utf8_valid(dr_str_of(page)));
    assert_has(page, "<!doctype html>\n<html lang=\"en\">");
    assert_has(page, "<meta charset=\"utf-8\">");
    assert_has(page, "<a class=\"skip\" href=\"#main\">");
    assert_balanced(page);
    assert_headings_in_order(page);
    assert_tables_accessible(page);
    assert_drawings_accessible(page);
    assert_links_lead_somewhere(page);
    assert_self_contained(page);
}

/* ---- pages ---- */

static const char *rich_report(struct fixture *f)
{
    for (int day = 1; day <= 5; day++) {
        struct dr_result_record r[] = { a_result("a", "critical", day < 3, day),
                                        a_result("b", "warning", day > 3, 1), a_result("c", "info", true, 0),
                                        a_result("d", "warning", false, -1) };
        r[3].exception = "no such column";
        r[0].result =
            "{\"partial_unexpected_index_list\":[{\"value\":7,\"hospital_id\":\"H\"}],"
            "\"partial_unexpected_counts\":[{\"value\":[1,\"x\"],\"count\":2}],\"details\":{\"a\":[1]}}";
        whole_run(f, day, r, 4);
    }
    begin_run(f, 6);
    begin_task(f, VALIDATE_VITALS, T0);
    put_result(f, VALIDATE_VITALS, a_result("a", "critical", false, 3));
    put_account(f, VALIDATE_VITALS, "HOSP1", "raw", 10);
    put_account(f, VALIDATE_VITALS, "HOSP1", "clean", 9);
    put_account(f, VALIDATE_VITALS, "(missing)", "raw", 1);
    end_task(f, VALIDATE_VITALS, DR_TASK_SUCCESS, NULL, T0 + MS);
    begin_task(f, TRANSFORM_VITALS, T0 + MS);
    end_task(f, TRANSFORM_VITALS, DR_TASK_FAILED, "killed by signal 11", T0 + 2 * MS);
    assert_ok(f, dr_state_put_plugin(f->state, f->run, "validate", "abcd", "1.0", &f->err));
    assert_ok(f, dr_state_put_metric(f->state, f->attempt[VALIDATE_VITALS], "rows", 10, &f->err));
    end_run(f, DR_RUN_FAILED);
    return write_report(f);
}

static void a_report_is_a_good_page(void **state)
{
    assert_good_page(rich_report(*state));
}

static void a_report_of_a_run_in_which_nothing_ran_is_a_good_page(void **state)
{
    struct fixture *f = *state;
    begin_run(f, 1);
    assert_good_page(write_report(f));
}

static void the_index_is_a_good_page(void **state)
{
    struct fixture *f = *state;
    rich_report(f);
    assert_good_page(read_page(f, "reports/index.html"));
}

static void files_that_a_report_links_to_are_there(void **state)
{
    struct fixture *f = *state;
    const char *page = rich_report(f);
    struct tag t;
    char value[1200];
    while (next_tag(&page, &t)) {
        if (t.end || !attr(&t, "href", value, sizeof(value)) || value[0] == '#' || strstr(value, ".log"))
            continue;
        assert_true(dr_path_exists(
            in_home(f, dr_arena_printf(&f->arena, "reports/healthcare/%s/%s", f->run_id, value))));
    }
}

/* ---- hostile data ---- */

#define EVIL "<script>alert('x')</script>\"'&\u202Egnp.exe\x01\x1b[31m\xff\xc0"

static struct dr_result_record hostile_result(void)
{
    struct dr_result_record r = a_result(EVIL, "warning", false, 3);
    r.suite = "vitals";
    r.dataset = EVIL;
    r.column = EVIL;
    r.description = EVIL;
    r.owner = EVIL;
    r.expectation_type = EVIL;
    r.sentence = EVIL;
    r.kwargs = "{\"regex\":\"<script>\\\"'\\u0000\\u202e\"}";
    r.result = "{\"observed_value\":\"<img src=x onerror=alert(1)>\",\"partial_unexpected_index_list\":"
               "[{\"<b>\":\"</td><script>\\u001b[31m\\u202e\"}],"
               "\"partial_unexpected_counts\":[{\"value\":\"<i>\",\"count\":2}]}";
    return r;
}

static void hostile_text_is_shown_as_harmless_text(void **state)
{
    struct fixture *f = *state;
    begin_run(f, 1);
    begin_task(f, VALIDATE_VITALS, T0);
    put_result(f, VALIDATE_VITALS, hostile_result());
    put_account(f, VALIDATE_VITALS, EVIL, "raw", 3);
    end_task(f, VALIDATE_VITALS, DR_TASK_FAILED, EVIL, T0 + MS);
    end_run(f, DR_RUN_FAILED);
    const char *page = write_report(f);
    assert_good_page(page);
    assert_int_equal(count_of(page, "<script"), 1); /* ours */
    assert_lacks(page, "<img");
    assert_lacks(page, "<b>:");
    assert_lacks(page, "\u202E");
    assert_lacks(page, "\x1b");
    assert_has(page, "&lt;script&gt;alert('x')");
    assert_has(page, "\\u{202E}gnp.exe\\x01");
}

static void a_megabyte_in_a_cell_is_cut_with_a_note(void **state)
{
    struct fixture *f = *state;
    enum { LONG = 1 << 20 };
    DR_AUTO_BUF json = { 0 };
    struct dr_result_record r = a_result("a", "warning", false, 1);
    dr_buf_puts(&json, "{\"partial_unexpected_list\":[\"");
    for (int i = 0; i < LONG; i++)
        dr_buf_putc(&json, 'x');
    dr_buf_puts(&json, "\"]}");
    r.result = dr_buf_cstr(&json);
    whole_run(f, 1, &r, 1);
    const char *page = write_report(f);
    assert_has(page, "(cut; 1048576 characters in all)");
    assert_true(strlen(page) < 200000);
}

/* ---- size ---- */

static void three_thousand_checks_open_at_once(void **state)
{
    struct fixture *f = *state;
    enum { CHECKS = 3000 };
    begin_run(f, 1);
    begin_task(f, VALIDATE_VITALS, T0);
    assert_ok(f, dr_state_begin(f->state, &f->err));
    for (int i = 0; i < CHECKS; i++) {
        char id[40];
        snprintf(id, sizeof(id), "column_%d.expect", i);
        put_result(f, VALIDATE_VITALS, a_result(id, "warning", i % 10 != 0, i % 10 ? 0 : i));
    }
    assert_ok(f, dr_state_commit(f->state, &f->err));
    end_task(f, VALIDATE_VITALS, DR_TASK_SUCCESS, NULL, T0 + MS);
    end_run(f, DR_RUN_SUCCESS);
    const char *page = write_report(f);
    assert_true(strlen(page) < 2200000);
    assert_int_equal(count_of(page, "data-status=\"failed\""), CHECKS / 10);
    assert_has(page, "240 more are in the table of ");
    assert_links_lead_somewhere(page);
}

/* ---- colours ---- */

static double channel(const char *hex)
{
    static const char digits[] = "0123456789abcdef";
    int v = (int)((strchr(digits, hex[0]) - digits) * 16 + (strchr(digits, hex[1]) - digits));
    double s = v / 255.0;
    return s <= 0.03928 ? s / 12.92 : pow((s + 0.055) / 1.055, 2.4);
}

/* Of "--name:#rrggbb" in a theme (WCAG 2.2, relative luminance). */
static double luminance(const char *theme, const char *name)
{
    DR_AUTO_BUF key = { 0 };
    dr_buf_printf(&key, "--%s:#", name);
    const char *at = strstr(theme, dr_buf_cstr(&key));
    assert_non_null(at);
    at += key.n;
    return 0.2126 * channel(at) + 0.7152 * channel(at + 2) + 0.0722 * channel(at + 4);
}

static void assert_contrast(const char *theme, const char *text, const char *ground, double least)
{
    double a = luminance(theme, text), b = luminance(theme, ground);
    double ratio = (fmax(a, b) + 0.05) / (fmin(a, b) + 0.05);
    if (ratio < least)
        print_error("%s on %s: %.2f\n", text, ground, ratio);
    assert_true(ratio >= least);
}

static void assert_theme(const char *theme)
{
    static const char *const tones[] = { "good", "note", "warn", "bad", "odd", "idle" };
    static const char *const texts[] = { "ink", "soft", "link" }, *const grounds[] = { "bg", "card" };
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 2; k++)
            assert_contrast(theme, texts[i], grounds[k], 4.5);
    assert_contrast(theme, "ink", "mark", 4.5);
    assert_contrast(theme, "soft", "mark", 4.5);
    for (int i = 0; i < 6; i++) {
        char ground[20], series[16];
        snprintf(ground, sizeof(ground), "%s-bg", tones[i]);
        snprintf(series, sizeof(series), "s%d", i);
        assert_contrast(theme, tones[i], ground, 4.5);
        assert_contrast(theme, tones[i], "card", 4.5);
        assert_contrast(theme, "ink", ground, 4.5);
        assert_contrast(theme, series, "card", 3); /* lines */
    }
}

static void colours_have_contrast_in_light_dark_and_print(void **state)
{
    (void)state;
    DR_AUTO_BUF css = { 0 };
    for (int i = 0; dr_page_style[i]; i++)
        dr_buf_puts(&css, dr_page_style[i]);
    const char *dark = strstr(dr_buf_cstr(&css), "prefers-color-scheme:dark"),
               *print = strstr(dr_buf_cstr(&css), "@media print");
    assert_non_null(dark);
    assert_non_null(print);
    assert_theme(print);
    assert_theme(dark);
    assert_theme(dr_buf_cstr(&css));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_report_is_a_good_page),
        TEST(a_report_of_a_run_in_which_nothing_ran_is_a_good_page),
        TEST(the_index_is_a_good_page),
        TEST(files_that_a_report_links_to_are_there),
        TEST(hostile_text_is_shown_as_harmless_text),
        TEST(a_megabyte_in_a_cell_is_cut_with_a_note),
        TEST(three_thousand_checks_open_at_once),
        TEST(colours_have_contrast_in_light_dark_and_print),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
