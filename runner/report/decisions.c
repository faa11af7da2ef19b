/* decisions.c - what was decided about rows: each rule, what it did, and to how many rows.
 *
 * The tables are those with columns `rule`, `action` and `rows`, and what else they have before
 * or behind: a source, say. They stand in the order in which their task wrote them. */
#include "report/page.h"

enum { ROWS_MAX = 500 };

static void put_head(struct dr_page *p, const struct dr_table *t)
{
    dr_html_open(p->h, "thead", NULL);
    dr_html_open(p->h, "tr", NULL);
    for (int32_t i = 0; i < dr_table_columns(t); i++) {
        bool number = dr_column_type(dr_table_column(t, i)) == DR_TYPE_INT64;
        dr_html_open(p->h, "th", "scope", "col", "class", number ? "n" : NULL, NULL);
        dr_html_data(p->h, dr_str_of(dr_table_column_name(t, i)), DR_HTML_CELL_MAX);
        dr_html_close(p->h, "th");
    }
    dr_html_close(p->h, "tr");
    dr_html_close(p->h, "thead");
}

static void put_cell(struct dr_page *p, const struct dr_column *c, int64_t row)
{
    DR_AUTO_BUF text = { 0 };
    int32_t hint = 0;
    int64_t i;
    const struct dr_array *a = dr_column_at(c, row, &hint, &i);
    bool valid = a->type != DR_TYPE_NULL && dr_array_valid(a, i);
    if (valid && a->type == DR_TYPE_INT64) {
        dr_page_number(p->h, ((const int64_t *)a->values)[i]);
        return;
    }
    if (valid)
        dr_array_put_text(a, i, &text);
    dr_html_open(p->h, "td", NULL);
    dr_html_data(p->h, valid ? dr_buf_str(&text) : DR_LIT("\u2013"), DR_HTML_CELL_MAX);
    dr_html_close(p->h, "td");
}

static void put_rows(struct dr_page *p, const struct dr_table *t)
{
    dr_html_open(p->h, "tbody", NULL);
    for (int64_t row = 0; row < dr_table_rows(t) && row < ROWS_MAX; row++) {
        dr_html_open(p->h, "tr", NULL);
        for (int32_t i = 0; i < dr_table_columns(t); i++)
            put_cell(p, dr_table_column(t, i), row);
        dr_html_close(p->h, "tr");
    }
    dr_html_close(p->h, "tbody");
}

static void put_dataset(struct dr_page *p, const struct dr_export *e)
{
    struct dr_arena *a = p->f->a;
    dr_html_leaf(p->h, "h3", e->dataset, NULL);
    dr_html_open(p->h, "div", "class", "scroll", "tabindex", "0", "role", "group", NULL);
    dr_html_attrf(p->h, "aria-label", "%s", e->dataset);
    dr_html_open(p->h, "table", NULL);
    dr_html_leaf(p->h, "caption", "Each rule, what was done where it applied, and to how many rows", NULL);
    put_head(p, e->table);
    put_rows(p, e->table);
    dr_html_close(p->h, "table");
    dr_html_close(p->h, "div");
    dr_html_open(p->h, "p", "class", "muted", NULL);
    if (e->rows > ROWS_MAX)
        dr_html_textf(p->h, "The first %d of %s lines. ", ROWS_MAX, dr_words_count(a, e->rows));
    if (e->file)
        dr_html_leaf(p->h, "a", e->file, "href", e->file, NULL);
    dr_html_close(p->h, "p");
}

bool dr_has_decisions(const struct dr_page *p)
{
    for (int32_t i = 0; i < p->exports->n; i++)
        if (p->exports->items[i].kind == DR_EXPORT_DECISIONS && p->exports->items[i].rows > 0)
            return true;
    return false;
}

void dr_section_decisions(struct dr_page *p)
{
    dr_page_section(p->h, "decisions", "Decisions",
                    "What was done to rows that are not as they should be, and to how many of them.");
    for (int32_t i = 0; i < p->exports->n; i++)
        if (p->exports->items[i].kind == DR_EXPORT_DECISIONS && p->exports->items[i].table)
            put_dataset(p, &p->exports->items[i]);
    dr_html_close(p->h, "section");
}
