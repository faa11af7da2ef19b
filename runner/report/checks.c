/* checks.c - all checks in one table that a reader can filter. */
#include "report/page.h"
#include "base/hash.h"

static void put_filter(struct dr_html *h, const char *key, const char *label)
{
    DR_AUTO_BUF id = { 0 };
    dr_buf_printf(&id, "f-%s", key);
    dr_html_open(h, "label", "for", dr_buf_cstr(&id), NULL);
    dr_html_text(h, label);
    dr_html_open(h, "select", "id", dr_buf_cstr(&id), NULL);
    dr_html_leaf(h, "option", "all", "value", "", NULL);
}

static void end_filter(struct dr_html *h)
{
    dr_html_close(h, "select");
    dr_html_close(h, "label");
}

static const char *dataset_of(const struct dr_fact_check *c)
{
    return c->r->dataset;
}

static const char *type_of(const struct dr_fact_check *c)
{
    return c->r->expectation_type;
}

/* One option for each distinct text. */
static void put_distinct(struct dr_page *p, const char *key, const char *label,
                         const char *(*text)(const struct dr_fact_check *c))
{
    struct dr_map seen = { 0 };
    put_filter(p->h, key, label);
    for (int32_t i = 0; i < p->f->n_checks; i++) {
        bool is_new;
        dr_map_put(&seen, dr_str_of(text(&p->f->checks[i])), &is_new);
        if (is_new)
            dr_html_leaf(p->h, "option", text(&p->f->checks[i]), NULL);
    }
    end_filter(p->h);
    dr_map_done(&seen);
}

/* Hidden until the script shows it: without it there is nothing it could do. */
static void put_tools(struct dr_page *p)
{
    dr_html_open(p->h, "form", "id", "tools", "class", "tools", "role", "search", "hidden", "hidden", NULL);
    dr_html_open(p->h, "label", "for", "f-text", NULL);
    dr_html_text(p->h, "Search ( / )");
    dr_html_leaf(p->h, "input", NULL, "id", "f-text", "type", "search", "autocomplete", "off", "placeholder",
                 "column, expectation, words", NULL);
    dr_html_close(p->h, "label");
    put_filter(p->h, "status", "Status");
    dr_html_leaf(p->h, "option", "failed", NULL);
    dr_html_leaf(p->h, "option", "not evaluated", NULL);
    dr_html_leaf(p->h, "option", "passed", NULL);
    end_filter(p->h);
    put_filter(p->h, "severity", "Severity");
    for (int s = DR_SEVERITY_CRITICAL; s >= DR_SEVERITY_INFO; s--)
        dr_html_leaf(p->h, "option", dr_severity_name((enum dr_severity)s), NULL);
    end_filter(p->h);
    put_distinct(p, "dataset", "Dataset", dataset_of);
    put_distinct(p, "type", "Expectation", type_of);
    dr_html_open(p->h, "output", "id", "f-count", "aria-live", "polite", NULL);
    dr_html_textf(p->h, "%d of %d shown", (int)p->f->n_checks, (int)p->f->n_checks);
    dr_html_close(p->h, "output");
    dr_html_close(p->h, "form");
}

static void put_check(struct dr_page *p, const struct dr_fact_check *c, bool has_card)
{
    const struct dr_result_record *r = c->r;
    const char *word = dr_word_of_check(c), *severity = dr_severity_name((enum dr_severity)c->severity);
    const char *name = r->description ? r->description : r->expectation_type;
    dr_html_open(p->h, "tr", "id", has_card ? NULL : c->anchor, "data-status", word, "data-severity",
                 severity, "data-dataset", r->dataset, "data-type", r->expectation_type, NULL);
    dr_html_open(p->h, "td", NULL);
    dr_page_badge(p->h, dr_tone_of_check(c), word);
    dr_html_close(p->h, "td");
    dr_html_leaf(p->h, "td", severity, NULL);
    dr_page_cell(p->h, r->dataset);
    dr_html_open(p->h, "td", NULL);
    dr_page_columns(p->h, r->column);
    dr_html_close(p->h, "td");
    dr_html_open(p->h, "td", "title", r->expectation_type, NULL);
    dr_html_open(p->h, "a", "href", dr_arena_printf(p->f->a, "#%s", c->anchor), NULL);
    dr_html_data(p->h, dr_str_of(name), DR_HTML_CELL_MAX);
    dr_html_close(p->h, "a");
    dr_html_close(p->h, "td");
    dr_html_open(p->h, "td", NULL);
    dr_html_data(p->h, dr_str_of(r->exception ? r->exception : r->sentence), 2 * DR_HTML_CELL_MAX);
    dr_html_close(p->h, "td");
    dr_html_close(p->h, "tr");
}

static void put_table(struct dr_page *p)
{
    const struct dr_fact_check **bad;
    int32_t n = dr_failures_sorted(p->f, &bad);
    dr_html_open(p->h, "div", "class", "scroll", "tabindex", "0", "role", "group", "aria-label", "All checks",
                 NULL);
    dr_html_open(p->h, "table", "class", "checks", NULL);
    dr_html_leaf(p->h, "caption", "All checks, those that did not pass first", NULL);
    dr_html_open(p->h, "thead", NULL);
    dr_html_open(p->h, "tr", NULL);
    static const char *const heads[] = { "Status", "Severity", "Dataset", "Column", "Check", "Result" };
    for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++)
        dr_html_leaf(p->h, "th", heads[i], "scope", "col", NULL);
    dr_html_close(p->h, "tr");
    dr_html_close(p->h, "thead");
    dr_html_open(p->h, "tbody", "id", "checks-body", NULL);
    for (int32_t i = 0; i < n; i++)
        put_check(p, bad[i], dr_failure_has_card(i));
    for (int32_t i = 0; i < p->f->n_checks; i++)
        if (p->f->checks[i].outcome == DR_OUTCOME_PASSED)
            put_check(p, &p->f->checks[i], false);
    dr_html_close(p->h, "tbody");
    dr_html_close(p->h, "table");
    dr_html_close(p->h, "div");
}

void dr_section_checks(struct dr_page *p)
{
    dr_page_section(p->h, "checks", "All checks", NULL);
    put_tools(p);
    put_table(p);
    dr_html_close(p->h, "section");
}
