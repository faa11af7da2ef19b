/* json_show.h - JSON texts through the reader, and tables as text to compare.
 * Shared by the tests and the fuzzer of the JSON reader. */
#ifndef JSON_SHOW_H
#define JSON_SHOW_H
#include "json/reader.h"
#include "data/kernel.h"

/* One line for each row, '|' between the cells, '-' for a missing value. */
static void show_table(struct dr_buf *out, const struct dr_table *t)
{
    for (int32_t c = 0; c < t->n; c++)
        dr_buf_printf(out, "%s%s:%s", c ? "|" : "", t->names[c], dr_type_name(t->columns[c]->type));
    dr_buf_putc(out, '\n');
    for (int64_t i = 0; i < t->rows; i++) {
        for (int32_t c = 0; c < t->n; c++) {
            const struct dr_column *column = t->columns[c];
            int32_t k = dr_column_chunk_of(column, i);
            const struct dr_array *a = column->chunk[k];
            if (c)
                dr_buf_putc(out, '|');
            if (dr_array_valid(a, i - column->start[k]))
                dr_array_put_text(a, i - column->start[k], out);
            else
                dr_buf_putc(out, '-');
        }
        dr_buf_putc(out, '\n');
    }
}

/* The records, then each child after "== name", then rejects after "== rejects"
 * where there are any; or the message. */
static void show_json(struct dr_buf *out, struct dr_str text, const struct dr_json_options *opts,
                      const struct dr_json_tuning *tuning)
{
    struct dr_input in;
    struct dr_table *t, *children[4] = { 0 };
    struct dr_err err = { 0 };
    struct dr_json_extras extras = { .size = sizeof extras, .n_children = 4, .children = children };
    int32_t rc = dr_input_open_bytes(&in, text, opts->encoding, &err);
    if (!rc)
        rc = dr_json_read_input(&in, opts, tuning, &t, &extras, &err);
    if (rc) {
        dr_buf_printf(out, "%s", err.msg);
        return;
    }
    show_table(out, t);
    for (int32_t i = 0; i < opts->n_children && i < 4; i++) {
        dr_buf_printf(out, "== %s\n", opts->children[i].name);
        show_table(out, children[i]);
    }
    if (extras.rejects->rows > 0) {
        dr_buf_puts(out, "== rejects\n");
        show_table(out, extras.rejects);
    }
    dr_table_unref(t);
    dr_table_unref(extras.rejects);
    dr_table_unref(extras.columns);
    for (int32_t i = 0; i < 4; i++)
        dr_table_unref(children[i]);
}
#endif
