/* write.c - tables to JSON lines.
 *
 * The keys, quotes and colons of a row are the same in every row, so they are
 * written once, into w->keys. Strings are escaped by base/json.h, values of a
 * dictionary once for each value. */
#include <math.h>
#include "base/file.h"
#include "base/json.h"
#include "data/kernel.h"
#include "data/stream.h"

enum { BUFFER = 512 << 10 };

struct json_writer {
    struct dr_writer base;
    struct dr_out out;
    struct dr_buf text;   /* rows that are not yet in the file */
    char **names;         /* owned: of the first batch */
    struct dr_buf *keys;  /* owned: ',' (but for the first), name and ':' of each column */
    struct dr_buf *dicts; /* owned: the values of each DICT column as JSON, one after the other */
    int64_t **starts;     /* owned: where each value starts in dicts */
    int32_t columns;      /* -1: none seen */
    int64_t rows;
    int32_t rc; /* what failed inside a batch */
};

static void put_json_string(struct dr_buf *out, struct dr_str s)
{
    struct dr_json j = { .out = out, .first = true };
    dr_json_str(&j, s);
}

/* ---- cells ------------------------------------------------------------------------------- */

static int32_t put_float(struct json_writer *w, int32_t c, double v, struct dr_err *err)
{
    char text[DR_F64_TEXT];
    if (!isfinite(v))
        return dr_fail(err, DR_EINPUT,
                       "cannot write '%s': row %lld of column '%s' is %s, which JSON cannot say", w->out.path,
                       (long long)w->rows + 1, w->names[c], isnan(v) ? "not a number" : "infinite");
    return dr_buf_append(&w->text, text, dr_format_f64(v, text));
}

static void put_value(struct json_writer *w, int32_t c, const struct dr_array *a, int64_t i)
{
    struct dr_buf *out = &w->text;
    switch (a->type) {
    case DR_TYPE_BOOL:
        dr_buf_puts(out, dr_bit(a->values, i) ? "true" : "false");
        break;
    case DR_TYPE_DICT: {
        const int64_t *at = w->starts[c] + ((const int32_t *)a->values)[i];
        dr_buf_append(out, w->dicts[c].p + at[0], (size_t)(at[1] - at[0]));
        break;
    }
    case DR_TYPE_STRING:
        put_json_string(out, dr_array_str(a, i));
        break;
    case DR_TYPE_DATE:
    case DR_TYPE_TIMESTAMP:
        dr_buf_putc(out, '"');
        dr_array_put_text(a, i, out);
        dr_buf_putc(out, '"');
        break;
    default:
        dr_array_put_text(a, i, out);
    }
}

static int32_t put_row(struct json_writer *w, const struct dr_table *t, int32_t k, int64_t i,
                       struct dr_err *err)
{
    dr_buf_putc(&w->text, '{');
    for (int32_t c = 0; c < t->n; c++) {
        const struct dr_array *a = t->columns[c]->chunk[k];
        dr_buf_append(&w->text, w->keys[c].p, w->keys[c].n);
        if (a->type == DR_TYPE_NULL || !dr_array_valid(a, i))
            dr_buf_puts(&w->text, "null");
        else if (a->type == DR_TYPE_FLOAT64)
            DR_TRY(put_float(w, c, ((const double *)a->values)[i], err));
        else
            put_value(w, c, a, i);
    }
    dr_buf_puts(&w->text, "}\n");
    w->rows++;
    return dr_buf_ok(&w->text) ? DR_OK
                               : dr_fail(err, DR_ELIMIT, "cannot write '%s': row %lld is too long",
                                         w->out.path, (long long)w->rows);
}

static int32_t flush(struct json_writer *w, struct dr_err *err)
{
    DR_TRY(dr_write_all(w->out.fd, w->text.p, w->text.n, err));
    dr_buf_clear(&w->text);
    return DR_OK;
}

/* ---- batches --------------------------------------------------------------------------------- */

static int32_t start(struct json_writer *w, const struct dr_table *t, struct dr_err *err)
{
    if (t->n == 0)
        return dr_fail(err, DR_EINPUT, "cannot write '%s': the table has no columns", w->out.path);
    w->columns = t->n;
    w->names = dr_calloc((size_t)t->n, sizeof *w->names);
    w->keys = dr_calloc((size_t)t->n, sizeof *w->keys);
    w->dicts = dr_calloc((size_t)t->n, sizeof *w->dicts);
    w->starts = dr_calloc((size_t)t->n, sizeof *w->starts);
    for (int32_t c = 0; c < t->n; c++) {
        w->names[c] = dr_strdup(t->names[c]);
        if (c > 0)
            dr_buf_putc(&w->keys[c], ',');
        put_json_string(&w->keys[c], dr_str_of(t->names[c]));
        dr_buf_putc(&w->keys[c], ':');
    }
    return DR_OK;
}

static int32_t check_batch(const struct json_writer *w, const struct dr_table *t, struct dr_err *err)
{
    bool same = t->n == w->columns;
    for (int32_t c = 0; same && c < t->n; c++)
        same = dr_streq(t->names[c], w->names[c]);
    return same ? DR_OK
                : dr_fail(err, DR_EBUG, "cannot write '%s': a batch has other columns than the first",
                          w->out.path);
}

/* A dictionary may have grown since the last batch, or be another one. */
static int32_t escape_dicts(struct json_writer *w, const struct dr_table *t, struct dr_err *err)
{
    for (int32_t c = 0; c < t->n; c++) {
        const struct dr_dict *dict = t->columns[c]->dict;
        if (!dict || t->columns[c]->type != DR_TYPE_DICT)
            continue;
        free(w->starts[c]);
        w->starts[c] = dr_malloc(((size_t)dict->n + 1) * sizeof **w->starts);
        dr_buf_clear(&w->dicts[c]);
        for (int32_t i = 0; i < dict->n; i++) {
            w->starts[c][i] = (int64_t)w->dicts[c].n;
            put_json_string(&w->dicts[c], dict->values[i]);
        }
        w->starts[c][dict->n] = (int64_t)w->dicts[c].n;
        if (!dr_buf_ok(&w->dicts[c]))
            return dr_fail(err, DR_ELIMIT, "cannot write '%s': the texts of column '%s' are too many",
                           w->out.path, w->names[c]);
    }
    return DR_OK;
}

static int32_t write_batch(struct json_writer *w, const struct dr_table *t, struct dr_err *err)
{
    DR_TRY(w->columns < 0 ? start(w, t, err) : check_batch(w, t, err));
    DR_TRY(escape_dicts(w, t, err));
    for (int32_t k = 0; k < t->columns[0]->n; k++) {
        for (int64_t i = 0; i < t->columns[0]->chunk[k]->n; i++) {
            DR_TRY(put_row(w, t, k, i, err));
            if (w->text.n >= BUFFER)
                DR_TRY(flush(w, err));
        }
    }
    return DR_OK;
}

/* ---- the writer ---------------------------------------------------------------------------------- */

static int32_t writer_write(struct dr_writer *base, const struct dr_table *t, struct dr_err *err)
{
    struct json_writer *w = (struct json_writer *)base;
    return w->rc = write_batch(w, t, err);
}

static void writer_free(struct json_writer *w)
{
    for (int32_t c = 0; c < w->columns; c++) {
        free(w->names[c]);
        free(w->starts[c]);
        dr_buf_done(&w->keys[c]);
        dr_buf_done(&w->dicts[c]);
    }
    free(w->names);
    free(w->starts);
    free(w->keys);
    free(w->dicts);
    dr_buf_done(&w->text);
    free(w);
}

static void writer_abort(struct dr_writer *base)
{
    struct json_writer *w = (struct json_writer *)base;
    dr_out_abort(&w->out);
    writer_free(w);
}

static int32_t writer_commit(struct dr_writer *base, struct dr_err *err)
{
    struct json_writer *w = (struct json_writer *)base;
    int32_t rc = w->rc;
    if (rc)
        dr_fail(err, rc, "cannot finish '%s': a batch of it could not be written", w->out.path);
    else if (w->columns < 0)
        rc = dr_fail(err, DR_EBUG, "cannot finish '%s': no batch tells its columns", w->out.path);
    else
        rc = flush(w, err);
    if (rc)
        dr_out_abort(&w->out);
    else
        rc = dr_out_commit(&w->out, err);
    writer_free(w);
    return rc;
}

int32_t dr_json_writer(const char *path, struct dr_writer **ret, struct dr_err *err)
{
    struct json_writer *w = dr_calloc(1, sizeof *w);
    w->base = (struct dr_writer){ .write = writer_write, .commit = writer_commit, .abort = writer_abort };
    w->columns = -1;
    int32_t rc = dr_out_open(&w->out, path, err);
    if (rc)
        writer_free(w);
    else
        *ret = &w->base;
    return rc;
}

int32_t dr_table_write_json(const struct dr_table *t, const char *path, struct dr_err *err)
{
    struct dr_writer *w;
    DR_TRY(dr_json_writer(path, &w, err));
    return dr_writer_finish_with(w, t, err);
}
