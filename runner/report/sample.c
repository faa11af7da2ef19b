/* sample.c - see sample.h. Everything shown here is data: hostile, long, or not
 * text at all, so it goes through dr_html_data. */
#include "report/sample.h"
#include "base/json.h"

enum { ROWS_MAX = 10, COUNTS_MAX = 10, COLUMNS_MAX = 12 };

const char *dr_sample_column(const char *name)
{
    return dr_streq(name, "_line") ? "line" : name;
}

void dr_sample_text(struct dr_page *p, struct dr_str text)
{
    if (dr_str_trim(text).n > 0)
        dr_html_data(p->h, text, DR_HTML_CELL_MAX);
    else
        dr_html_leaf(p->h, "span", text.n ? "(blank)" : "(empty)", "class", "muted", NULL);
}

static void put_value(struct dr_page *p, const struct dr_node *v)
{
    if (dr_node_kind(v) == DR_NODE_STRING) {
        dr_sample_text(p, v->text);
        return;
    }
    if (dr_node_kind(v) == DR_NODE_NULL) {
        dr_html_leaf(p->h, "span", "missing", "class", "muted", NULL);
        return;
    }
    DR_AUTO_BUF b = { 0 };
    dr_json_put_node(&b, v, 0);
    dr_html_data(p->h, dr_buf_str(&b), DR_HTML_CELL_MAX);
}

bool dr_check_is_about(const struct dr_fact_check *c, const char *column)
{
    struct dr_str rest = dr_str_of(c->r->column), one;
    while (rest.p && dr_str_split(&rest, ',', &one))
        if (dr_str_eq(dr_str_trim(one), dr_str_of(column)))
            return true;
    return false;
}

/* ---- failing rows by their key ---- */

static int32_t row_columns(const struct dr_node *row, const char *ret[COLUMNS_MAX])
{
    int32_t n = 0;
    for (int64_t i = 0; i < dr_node_size(row) && n < COLUMNS_MAX; i++)
        ret[n++] = dr_node_key(row, i);
    return n;
}

static void put_row_head(struct dr_page *p, const char *const *columns, int32_t n)
{
    dr_html_open(p->h, "thead", NULL);
    dr_html_open(p->h, "tr", NULL);
    for (int32_t i = 0; i < n; i++) {
        dr_html_open(p->h, "th", "scope", "col", NULL);
        dr_html_data(p->h, dr_str_of(dr_sample_column(columns[i])), DR_HTML_CELL_MAX);
        dr_html_close(p->h, "th");
    }
    dr_html_close(p->h, "tr");
    dr_html_close(p->h, "thead");
}

static void put_row(struct dr_page *p, const struct dr_fact_check *c, const struct dr_node *row,
                    const char *const *columns, int32_t n, bool mark)
{
    dr_html_open(p->h, "tr", NULL);
    for (int32_t i = 0; i < n; i++) {
        dr_html_open(p->h, "td", "class", mark && dr_check_is_about(c, columns[i]) ? "hit" : NULL, NULL);
        put_value(p, dr_node_get(row, columns[i]));
        dr_html_close(p->h, "td");
    }
    dr_html_close(p->h, "tr");
}

static bool is_about_all(const struct dr_fact_check *c, const char *const *columns, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        if (!dr_check_is_about(c, columns[i]))
            return false;
    return true;
}

static void put_rows(struct dr_page *p, const struct dr_fact_check *c, const struct dr_node *list)
{
    const char *columns[COLUMNS_MAX];
    int32_t n = row_columns(dr_node_at(list, 0), columns);
    /* Where the check is about the whole key, marking all of it marks nothing. */
    bool mark = !is_about_all(c, columns, n);
    dr_html_open(p->h, "div", "class", "scroll", "tabindex", "0", "role", "group", "aria-label",
                 "Failing rows", NULL);
    dr_html_open(p->h, "table", NULL);
    dr_html_leaf(p->h, "caption",
                 mark ? "Failing rows by their key; the value in question is marked"
                      : "Failing rows by their key",
                 NULL);
    put_row_head(p, columns, n);
    dr_html_open(p->h, "tbody", NULL);
    for (int64_t i = 0; i < dr_node_size(list) && i < ROWS_MAX; i++)
        put_row(p, c, dr_node_at(list, i), columns, n, mark);
    dr_html_close(p->h, "tbody");
    dr_html_close(p->h, "table");
    dr_html_close(p->h, "div");
}

/* Values alone, where the suite has no key to tell rows by. */
static void put_values(struct dr_page *p, const struct dr_node *list)
{
    dr_page_table(p->h, "Failing values", NULL, "Value", NULL);
    for (int64_t i = 0; i < dr_node_size(list) && i < ROWS_MAX; i++) {
        dr_html_open(p->h, "tr", NULL);
        dr_html_open(p->h, "td", "class", "hit", NULL);
        put_value(p, dr_node_at(list, i));
        dr_html_close(p->h, "td");
        dr_html_close(p->h, "tr");
    }
    dr_page_table_end(p->h);
}

/* ---- how often each value occurs ---- */

static void put_counts(struct dr_page *p, const struct dr_node *counts)
{
    dr_page_table(p->h, "How often each failing value occurs", NULL, "Value", "#Times", NULL);
    for (int64_t i = 0; i < dr_node_size(counts) && i < COUNTS_MAX; i++) {
        const struct dr_node *one = dr_node_at(counts, i), *value = dr_node_get(one, "value");
        dr_html_open(p->h, "tr", NULL);
        dr_html_open(p->h, "td", NULL);
        for (int64_t k = 0; k < dr_node_size(value); k++) {
            dr_html_text(p->h, k ? " \u00b7 " : "");
            put_value(p, dr_node_at(value, k));
        }
        if (dr_node_size(value) == 0)
            put_value(p, value);
        dr_html_close(p->h, "td");
        dr_page_number(p->h, dr_node_int(dr_node_get(one, "count"), 0));
        dr_html_close(p->h, "tr");
    }
    dr_page_table_end(p->h);
}

/* The file of the rows that the check's task set apart. */
static void put_file(struct dr_page *p, const struct dr_fact_check *c)
{
    if (!dr_streq(c->r->on_failure, "quarantine"))
        return;
    for (int32_t i = 0; i < p->exports->n; i++) {
        const struct dr_export *e = &p->exports->items[i];
        if (e->kind != DR_EXPORT_SET_APART || !e->file || !dr_streq(e->task_id, c->task_id))
            continue;
        dr_html_open(p->h, "p", NULL);
        dr_html_text(p->h, "All quarantined rows of the task: ");
        dr_html_leaf(p->h, "a", e->file, "href", e->file, NULL);
        dr_html_textf(p->h, " (%s)", dr_words_count_of(p->f->a, e->rows, "row", "rows"));
        dr_html_close(p->h, "p");
    }
}

static void put_shown(struct dr_page *p, int64_t shown, int64_t all, bool has_runs)
{
    dr_html_open(p->h, "summary", NULL);
    if (shown > 0 && all > shown)
        dr_html_textf(p->h, "%s of %s failing values", dr_words_count(p->f->a, shown),
                      dr_words_count(p->f->a, all));
    else if (shown > 0)
        dr_html_textf(p->h, "The %s", dr_words_count_of(p->f->a, shown, "failing value", "failing values"));
    else
        dr_html_text(p->h, "Details");
    dr_html_text(p->h, shown > 0 && has_runs ? ", and the last runs" : "");
    dr_html_close(p->h, "summary");
}

/* What an expectation about a table says beside the observed value. */
static void put_more(struct dr_page *p, const struct dr_node *result)
{
    const struct dr_node *more = dr_node_get(result, "details");
    if (dr_node_size(more) == 0)
        return;
    DR_AUTO_BUF b = { 0 };
    dr_json_put_node(&b, more, 2);
    dr_html_open(p->h, "pre", NULL);
    struct dr_str all = dr_buf_str(&b);
    if (all.n > DR_HTML_TEXT_MAX)
        all.n = DR_HTML_TEXT_MAX;
    dr_html_lines(p->h, all);
    dr_html_close(p->h, "pre");
}

void dr_sample(struct dr_page *p, const struct dr_fact_check *c, const struct dr_node *result)
{
    const struct dr_node *rows = dr_node_get(result, "partial_unexpected_index_list");
    const struct dr_node *values = dr_node_get(result, "partial_unexpected_list");
    const struct dr_node *counts = dr_node_get(result, "partial_unexpected_counts");
    bool keyed = dr_node_size(rows) > 0 && dr_node_kind(dr_node_at(rows, 0)) == DR_NODE_MAP;
    int64_t listed = keyed ? dr_node_size(rows) : dr_node_size(values);
    bool has_more =
        listed > 0 || dr_node_size(counts) > 0 || dr_node_size(dr_node_get(result, "details")) > 0;
    bool has_runs = c->history && c->history->n >= 2; /* see dr_strip_table */
    if (!has_more && !has_runs)
        return;
    dr_html_open(p->h, "details", NULL);
    put_shown(p, listed < ROWS_MAX ? listed : ROWS_MAX, c->r->unexpected_count, has_runs);
    /* Whole rows say more than keys do, and keys more than values. */
    bool whole = dr_sample_apart(p, c) > 0;
    if (!whole && keyed)
        put_rows(p, c, rows);
    else if (!whole && listed > 0)
        put_values(p, values);
    if (dr_node_size(counts) > 0)
        put_counts(p, counts);
    put_more(p, result);
    put_file(p, c);
    dr_strip_table(p, c);
    dr_html_close(p->h, "details");
}
