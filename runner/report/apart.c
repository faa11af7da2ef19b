/* apart.c - failing rows as the task set them apart: whole, with their key, and
 * masked like the file beside the report. Which check refused a row stands in its
 * column _expectations ("ID, ID"). */
#include "report/sample.h"

enum { ROWS_MAX = 10, SCANNED_MAX = 200000 };

static bool names_check(struct dr_str list, const char *id)
{
    struct dr_str one;
    while (dr_str_split(&list, ',', &one))
        if (dr_str_eq(dr_str_trim(one), dr_str_of(id)))
            return true;
    return false;
}

static const struct dr_export *export_of(const struct dr_page *p, const struct dr_fact_check *c)
{
    for (int32_t i = 0; i < p->exports->n; i++) {
        const struct dr_export *e = &p->exports->items[i];
        if (e->kind == DR_EXPORT_SET_APART && e->table && dr_streq(e->task_id, c->task_id) &&
            dr_table_find(e->table, "_expectations") >= 0)
            return e;
    }
    return NULL;
}

static int32_t find_rows(const struct dr_table *t, const char *id, int64_t ret[ROWS_MAX])
{
    const struct dr_column *ids = dr_table_column(t, dr_table_find(t, "_expectations"));
    int64_t last = dr_table_rows(t) < SCANNED_MAX ? dr_table_rows(t) : SCANNED_MAX;
    int32_t n = 0, hint = 0;
    for (int64_t row = 0; row < last && n < ROWS_MAX; row++) {
        int64_t i;
        const struct dr_array *a = dr_column_at(ids, row, &hint, &i);
        bool text = a->type == DR_TYPE_STRING || a->type == DR_TYPE_DICT;
        if (text && dr_array_valid(a, i) && names_check(dr_array_str(a, i), id))
            ret[n++] = row;
    }
    return n;
}

/* Columns of ours begin with '_'; of them a reader wants the line. */
static const char *shown_name(const char *column)
{
    return column[0] != '_' || dr_streq(column, "_line") ? dr_sample_column(column) : NULL;
}

static void put_head(struct dr_page *p, const struct dr_table *t)
{
    dr_html_open(p->h, "thead", NULL);
    dr_html_open(p->h, "tr", NULL);
    for (int32_t i = 0; i < dr_table_columns(t); i++) {
        const char *name = shown_name(dr_table_column_name(t, i));
        if (!name)
            continue;
        dr_html_open(p->h, "th", "scope", "col", NULL);
        dr_html_data(p->h, dr_str_of(name), DR_HTML_CELL_MAX);
        dr_html_close(p->h, "th");
    }
    dr_html_close(p->h, "tr");
    dr_html_close(p->h, "thead");
}

static void put_cell(struct dr_page *p, const struct dr_column *column, int64_t row, bool mark)
{
    int32_t hint = 0;
    int64_t i;
    const struct dr_array *a = dr_column_at(column, row, &hint, &i);
    dr_html_open(p->h, "td", "class", mark ? "hit" : NULL, NULL);
    if (a->type == DR_TYPE_NULL || !dr_array_valid(a, i)) {
        dr_html_leaf(p->h, "span", "missing", "class", "muted", NULL);
    } else {
        DR_AUTO_BUF text = { 0 };
        dr_array_put_text(a, i, &text);
        dr_sample_text(p, dr_buf_str(&text));
    }
    dr_html_close(p->h, "td");
}

int32_t dr_sample_apart(struct dr_page *p, const struct dr_fact_check *c)
{
    int64_t rows[ROWS_MAX];
    const struct dr_export *e = export_of(p, c);
    int32_t n = e ? find_rows(e->table, c->r->expectation_id, rows) : 0;
    if (n == 0)
        return 0;
    dr_html_open(p->h, "div", "class", "scroll", "tabindex", "0", "role", "group", "aria-label",
                 "Failing rows", NULL);
    dr_html_open(p->h, "table", NULL);
    dr_html_leaf(p->h, "caption", "Failing rows as they were delivered; the value in question is marked",
                 NULL);
    put_head(p, e->table);
    dr_html_open(p->h, "tbody", NULL);
    for (int32_t k = 0; k < n; k++) {
        dr_html_open(p->h, "tr", NULL);
        for (int32_t i = 0; i < dr_table_columns(e->table); i++) {
            const char *name = dr_table_column_name(e->table, i);
            if (shown_name(name))
                put_cell(p, dr_table_column(e->table, i), rows[k], dr_check_is_about(c, name));
        }
        dr_html_close(p->h, "tr");
    }
    dr_html_close(p->h, "tbody");
    dr_html_close(p->h, "table");
    dr_html_close(p->h, "div");
    return n;
}
