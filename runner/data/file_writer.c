/* file_writer.c - a file that appears whole or not at all, batch by batch. */
#include "data/file_writer.h"

static int32_t take_names(struct dr_file_writer *w, const struct dr_table *t, struct dr_err *err)
{
    if (t->n == 0)
        return dr_fail(err, DR_EINPUT, "cannot write '%s': the table has no columns", w->out.path);
    w->columns = t->n;
    w->names = dr_calloc((size_t)t->n, sizeof *w->names);
    for (int32_t c = 0; c < t->n; c++)
        w->names[c] = dr_strdup(t->names[c]);
    return DR_OK;
}

static int32_t check_names(const struct dr_file_writer *w, const struct dr_table *t, struct dr_err *err)
{
    if (t->n != w->columns)
        return dr_fail(err, DR_EBUG, "cannot write '%s': a batch of %d columns follows one of %d",
                       w->out.path, (int)t->n, (int)w->columns);
    for (int32_t c = 0; c < t->n; c++)
        if (!dr_streq(t->names[c], w->names[c]))
            return dr_fail(err, DR_EBUG, "cannot write '%s': column '%s' stands where '%s' stood",
                           w->out.path, t->names[c], w->names[c]);
    return DR_OK;
}

static int32_t put_batch(struct dr_file_writer *w, const struct dr_table *t, struct dr_err *err)
{
    if (w->names) {
        DR_TRY(check_names(w, t, err));
    } else {
        DR_TRY(take_names(w, t, err));
        DR_TRY(w->format->start(w, err));
    }
    return w->format->batch(w, t, err);
}

static int32_t write_batch(struct dr_writer *base, const struct dr_table *t, struct dr_err *err)
{
    struct dr_file_writer *w = (struct dr_file_writer *)base;
    int32_t rc = put_batch(w, t, err);
    if (!w->rc)
        w->rc = rc;
    return rc;
}

/* dr_out_abort does nothing to what was committed. */
static void abort_writer(struct dr_writer *base)
{
    struct dr_file_writer *w = (struct dr_file_writer *)base;
    dr_out_abort(&w->out);
    w->format->done(w);
    for (int32_t c = 0; c < w->columns; c++)
        free(w->names[c]);
    free(w->names);
    free(w);
}

static int32_t finish(struct dr_file_writer *w, struct dr_err *err)
{
    if (w->rc)
        return dr_fail(err, w->rc, "cannot finish '%s': a batch of it could not be written", w->out.path);
    if (!w->names)
        return dr_fail(err, DR_EBUG, "cannot finish '%s': no batch tells its columns", w->out.path);
    DR_TRY(w->format->flush(w, err));
    return dr_out_commit(&w->out, err);
}

static int32_t commit_writer(struct dr_writer *base, struct dr_err *err)
{
    int32_t rc = finish((struct dr_file_writer *)base, err);
    abort_writer(base);
    return rc;
}

int32_t dr_file_writer_open(const struct dr_file_format *format, const char *path, struct dr_writer **ret,
                            struct dr_err *err)
{
    struct dr_out out;
    DR_TRY(dr_out_open(&out, path, err));
    struct dr_file_writer *w = dr_calloc(1, format->size);
    w->base = (struct dr_writer){ .write = write_batch, .commit = commit_writer, .abort = abort_writer };
    w->format = format;
    w->out = out;
    *ret = &w->base;
    return DR_OK;
}
