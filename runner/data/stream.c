/* stream.c - what all readers share: collecting batches, and records kept aside; and all writers. */
#include "data/stream.h"
#include "data/kernel.h"

void dr_reader_close(struct dr_reader *r)
{
    if (r)
        r->close(r);
}

int32_t dr_writer_finish_with(struct dr_writer *w, const struct dr_table *t, struct dr_err *err)
{
    int32_t rc = w->write(w, t, err);
    if (!rc)
        return w->commit(w, err);
    w->abort(w);
    return rc;
}

/* ---- collecting --------------------------------------------------------------- */

struct batches {
    struct dr_table **t; /* owned references */
    int32_t n, cap;
};

static int32_t read_all(struct dr_reader *r, struct batches *all, struct dr_err *err)
{
    for (;;) {
        struct dr_table *t;
        DR_TRY(r->next(r, &t, err));
        if (!t)
            return DR_OK;
        if (all->n == all->cap) {
            all->cap = all->cap ? all->cap * 2 : 16;
            all->t = dr_realloc(all->t, (size_t)all->cap * sizeof(struct dr_table *));
        }
        all->t[all->n++] = t;
    }
}

/* Column c of all batches: their chunks, shared. */
static struct dr_column *join_column(const struct batches *all, int32_t c)
{
    int32_t n = 0;
    for (int32_t i = 0; i < all->n; i++)
        n += all->t[i]->columns[c]->n;
    struct dr_array **chunks = dr_malloc((size_t)n * sizeof(struct dr_array *));
    n = 0;
    for (int32_t i = 0; i < all->n; i++) {
        const struct dr_column *part = all->t[i]->columns[c];
        for (int32_t k = 0; k < part->n; k++)
            chunks[n++] = dr_array_ref(part->chunk[k]);
    }
    struct dr_column *joined = dr_column_like(all->t[0]->columns[c], n, chunks);
    free(chunks);
    return joined;
}

static struct dr_table *join(const struct batches *all)
{
    const struct dr_table *first = all->t[0];
    if (all->n == 1)
        return dr_table_ref(first);
    struct dr_column **columns = dr_malloc((size_t)first->n * sizeof(struct dr_column *));
    for (int32_t c = 0; c < first->n; c++)
        columns[c] = join_column(all, c);
    struct dr_table *t = dr_table_adopt(first->n, (const char *const *)first->names, columns);
    free(columns);
    return t;
}

int32_t dr_reader_collect(struct dr_reader *r, struct dr_table **ret, struct dr_err *err)
{
    struct batches all = { 0 };
    int32_t rc = read_all(r, &all, err);
    if (!rc && all.n == 0)
        rc = dr_fail(err, DR_EINPUT, "the stream has no batch that tells its columns");
    if (!rc)
        *ret = join(&all);
    for (int32_t i = 0; i < all.n; i++)
        dr_table_unref(all.t[i]);
    free(all.t);
    r->close(r);
    return rc;
}

/* ---- records kept aside ---------------------------------------------------------- */

static void start_rejects(struct dr_rejects *r)
{
    r->line = dr_builder_new(DR_TYPE_INT64);
    r->reason = dr_builder_new(DR_TYPE_STRING);
    r->text = dr_builder_new(DR_TYPE_STRING);
}

void dr_rejects_add(struct dr_rejects *r, int64_t line, const char *reason, struct dr_str text)
{
    if (r->only_first && r->n++ > 0)
        return;
    if (!r->line)
        start_rejects(r);
    dr_builder_append_int(r->line, line);
    dr_builder_append_bytes(r->reason, reason, (int64_t)strlen(reason));
    dr_builder_append_bytes(r->text, text.p, (int64_t)text.n);
    r->n += !r->only_first;
}

void dr_rejects_clear(struct dr_rejects *r)
{
    dr_builder_free(r->line);
    dr_builder_free(r->reason);
    dr_builder_free(r->text);
    *r = (struct dr_rejects){ 0 };
}

int32_t dr_rejects_finish(struct dr_rejects *r, struct dr_table **ret, struct dr_err *err)
{
    static const char *const names[] = { "line", "reason", "text" };
    if (!r->line)
        start_rejects(r);
    struct dr_column *columns[] = { dr_builder_finish(r->line), dr_builder_finish(r->reason),
                                    dr_builder_finish(r->text) };
    *r = (struct dr_rejects){ 0 };
    int32_t rc = dr_table_new(3, names, (const struct dr_column *const *)columns, ret, err);
    for (int i = 0; i < 3; i++)
        dr_column_unref(columns[i]);
    return rc;
}
