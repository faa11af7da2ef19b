/* write.c - tables to JSON lines.
 *
 * The keys, quotes and colons of a row are the same in every row, so they are
 * written once, into w->keys. Strings are escaped by base/json.h, values of a
 * dictionary once for each value. */
#include <math.h>
#include "base/json.h"
#include "data/file_writer.h"
#include "data/kernel.h"

enum { BUFFER = 512 << 10 };

struct json_writer {
    struct dr_file_writer file;
    struct dr_buf text;   /* rows that are not yet in the file */
    struct dr_buf *keys;  /* owned: ',' (but for the first), name and ':' of each column */
    struct dr_buf *dicts; /* owned: the values of each DICT column as JSON, one after the other */
    int64_t **starts;     /* owned: where each value starts in dicts */
    int64_t rows;
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
                       "cannot write '%s': row %lld of column '%s' is %s, which JSON cannot say",
                       w->file.out.path, (long long)w->rows + 1, w->file.names[c],
                       isnan(v) ? "not a number" : "infinite");
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
                                         w->file.out.path, (long long)w->rows);
}

static int32_t flush(struct dr_file_writer *file, struct dr_err *err)
{
    struct json_writer *w = (struct json_writer *)file;
    DR_TRY(dr_write_all(w->file.out.fd, w->text.p, w->text.n, err));
    dr_buf_clear(&w->text);
    return DR_OK;
}

/* ---- batches --------------------------------------------------------------------------------- */

static int32_t start(struct dr_file_writer *file, struct dr_err *err)
{
    struct json_writer *w = (struct json_writer *)file;
    size_t n = (size_t)file->columns;
    (void)err;
    w->keys = dr_calloc(n, sizeof *w->keys);
    w->dicts = dr_calloc(n, sizeof *w->dicts);
    w->starts = dr_calloc(n, sizeof *w->starts);
    for (int32_t c = 0; c < file->columns; c++) {
        if (c > 0)
            dr_buf_putc(&w->keys[c], ',');
        put_json_string(&w->keys[c], dr_str_of(file->names[c]));
        dr_buf_putc(&w->keys[c], ':');
    }
    return DR_OK;
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
                           w->file.out.path, w->file.names[c]);
    }
    return DR_OK;
}

static int32_t put_batch(struct dr_file_writer *file, const struct dr_table *t, struct dr_err *err)
{
    struct json_writer *w = (struct json_writer *)file;
    DR_TRY(escape_dicts(w, t, err));
    for (int32_t k = 0; k < t->columns[0]->n; k++) {
        for (int64_t i = 0; i < t->columns[0]->chunk[k]->n; i++) {
            DR_TRY(put_row(w, t, k, i, err));
            if (w->text.n >= BUFFER)
                DR_TRY(flush(file, err));
        }
    }
    return DR_OK;
}

/* ---- the writer ---------------------------------------------------------------------------------- */

static void done(struct dr_file_writer *file)
{
    struct json_writer *w = (struct json_writer *)file;
    for (int32_t c = 0; c < file->columns && w->keys; c++) {
        free(w->starts[c]);
        dr_buf_done(&w->keys[c]);
        dr_buf_done(&w->dicts[c]);
    }
    free(w->starts);
    free(w->keys);
    free(w->dicts);
    dr_buf_done(&w->text);
}

int32_t dr_json_writer(const char *path, struct dr_writer **ret, struct dr_err *err)
{
    static const struct dr_file_format json = { sizeof(struct json_writer), start, put_batch, flush, done };
    return dr_file_writer_open(&json, path, ret, err);
}

int32_t dr_table_write_json(const struct dr_table *t, const char *path, struct dr_err *err)
{
    struct dr_writer *w;
    DR_TRY(dr_json_writer(path, &w, err));
    return dr_writer_finish_with(w, t, err);
}
