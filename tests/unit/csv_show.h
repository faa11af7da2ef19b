/* csv_show.h - read CSV text from memory and show what came of it as text; for
 * unit tests and the fuzzer. */
#ifndef CSV_SHOW_H
#define CSV_SHOW_H
#include <stdlib.h>
#include "csv/reader.h"

/* Append a table: names, then rows; cells separated by '|', a missing one is '~'. */
static inline void show_table(struct dr_buf *out, const struct dr_table *t)
{
    for (int32_t c = 0; c < t->n; c++)
        dr_buf_printf(out, "%s%s", c ? "|" : "", t->names[c]);
    dr_buf_puts(out, "\n");
    int32_t *hint = dr_calloc((size_t)t->n, sizeof *hint);
    for (int64_t row = 0; row < t->rows; row++) {
        for (int32_t c = 0; c < t->n; c++) {
            int64_t i;
            const struct dr_array *a = dr_column_at(t->columns[c], row, &hint[c], &i);
            dr_buf_puts(out, c ? "|" : "");
            if (a->type != t->columns[c]->type)
                abort(); /* a column's chunks have its type */
            if (dr_array_valid(a, i))
                dr_array_put_text(a, i, out);
            else
                dr_buf_puts(out, "~");
        }
        dr_buf_puts(out, "\n");
    }
    free(hint);
}

/* The order of the values in each dictionary, which must not depend on the way of reading. */
static inline void show_dicts(struct dr_buf *out, const struct dr_table *t)
{
    for (int32_t c = 0; c < t->n; c++) {
        const struct dr_dict *d = t->columns[c]->dict;
        dr_buf_printf(out, "%s %s:", t->names[c], dr_type_name(t->columns[c]->type));
        for (int32_t i = 0; d && i < d->n; i++) {
            dr_buf_puts(out, " ");
            dr_buf_append(out, d->values[i].p, d->values[i].n);
        }
        dr_buf_puts(out, "\n");
    }
}

static inline int32_t open_bytes(const struct dr_csv_source *s, struct dr_input *ret, struct dr_err *err)
{
    return dr_input_open_bytes(ret, s->bytes, s->encoding, err);
}

/* Read text and show the table and, after "--", the rejects; or "error: ...". */
static inline void show_csv(struct dr_buf *out, struct dr_str text, const struct dr_csv_options *opts,
                            const struct dr_csv_tuning *tuning, bool dicts)
{
    struct dr_err err = { 0 };
    struct dr_table *t = NULL, *aside = NULL;
    struct dr_csv_source source = { .open = open_bytes,
                                    .bytes = text,
                                    .encoding = opts ? opts->encoding : NULL };
    int32_t rc = dr_csv_read_source(&source, opts, tuning, &t, &aside, &err);
    if (rc && rc != err.rc)
        abort();
    if (rc) {
        dr_buf_printf(out, "%s error: %s\n", dr_rc_name(rc), err.msg);
    } else {
        show_table(out, t);
        if (dicts)
            show_dicts(out, t);
    }
    if (aside && aside->rows > 0) {
        dr_buf_puts(out, "--\n");
        show_table(out, aside);
    }
    dr_table_unref(t);
    dr_table_unref(aside);
}

#endif
