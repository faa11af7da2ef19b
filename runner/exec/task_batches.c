/* task_batches.c - an input batch by batch, in the worker. */
#include "exec/task_impl.h"
#include "data/column.h"
#include "data/file_format.h"
#include "data/scratch.h"
#include "data/stream.h"

int32_t dr_task_open_batches(const char *path, const struct dr_csv_options *csv, struct dr_rejects *rejects,
                             struct dr_reader **ret, struct dr_err *err)
{
    struct dr_csv_options options = { .size = sizeof(options) };
    if (csv)
        options = *csv;
    switch (dr_file_format_of(path)) {
    case DR_FORMAT_JSON:
        return dr_fail(
            err, DR_EINPUT,
            "'%s': CSV and Arrow files are read batch by batch; read JSON by an extract task first", path);
    case DR_FORMAT_ARROW:
        return dr_arrow_open(path, ret, err);
    case DR_FORMAT_TSV:
        options.delimiter = options.delimiter ? options.delimiter : '\t';
        break;
    default:
        break;
    }
    return dr_csv_open_hashed(path, &options, rejects, ret, err);
}

int32_t dr_task_memory_limit(struct dr_task *t, int64_t *ret)
{
    uint64_t limit;
    DR_TRY(dr_scratch_limit(&limit, &t->err));
    *ret = limit > INT64_MAX ? INT64_MAX : (int64_t)limit;
    return DR_OK;
}

void dr_task_limit_kernels(struct dr_task *t, int64_t bytes)
{
    (void)t; /* a process has one task */
    dr_scratch_set_limit(bytes > 0 ? (uint64_t)bytes : 0);
}

struct reading {
    struct dr_task *t;
    struct dr_reader *reader; /* owned */
    struct dr_table **batch;  /* owned: n of them, that go together */
    int32_t n, cap;
    uint64_t bytes, at_least; /* of batch; before it is given out */
    dr_task_take_fn take;
    void *ctx;
    int64_t rows;
    struct dr_table *like; /* owned: no rows; NULL until a batch was given out */
};

static void drop(struct reading *r)
{
    for (int32_t i = 0; i < r->n; i++)
        dr_table_unref(r->batch[i]);
    r->n = 0;
    r->bytes = 0;
}

static int32_t give(struct reading *r)
{
    struct dr_table *batch = NULL;
    int32_t rc = dr_table_concat(r->n, (const struct dr_table *const *)r->batch, &batch, &r->t->err);
    drop(r);
    DR_TRY(rc);
    r->rows += batch->rows;
    if (!r->like)
        rc = dr_table_take(batch, 0, NULL, &r->like, &r->t->err);
    if (!rc)
        rc = r->take(r->ctx, batch, r->reader->done, r->reader->total);
    dr_table_let_go(batch);
    dr_table_unref(batch);
    return rc;
}

static int32_t add(struct reading *r, struct dr_table *batch)
{
    if (r->n == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 8;
        r->batch = dr_realloc(r->batch, (size_t)r->cap * sizeof(struct dr_table *));
    }
    r->batch[r->n++] = batch;
    r->bytes += dr_table_bytes(batch);
    return r->bytes >= r->at_least ? give(r) : DR_OK;
}

static int32_t read_all(struct reading *r)
{
    struct dr_table *batch;
    do {
        if (dr_task_cancelled(r->t))
            return dr_fail(&r->t->err, DR_ECANCEL, "asked to stop");
        DR_TRY(r->reader->next(r->reader, &batch, &r->t->err));
        if (batch)
            DR_TRY(add(r, batch));
    } while (batch);
    if (r->n > 0)
        DR_TRY(give(r));
    return r->like ? DR_OK : dr_fail(&r->t->err, DR_EBUG, "the reader gave no batch");
}

int32_t dr_task_read_batches(struct dr_task *t, const char *name, int32_t i, const struct dr_csv_options *csv,
                             int64_t bytes, dr_task_take_fn take, void *ctx)
{
    struct dr_task_file *f;
    char hash[DR_HASH_HEX];
    DR_TRY(dr_task_input_file(t, name, i, &f));
    struct reading r = { .t = t, .at_least = bytes > 0 ? (uint64_t)bytes : 0, .take = take, .ctx = ctx };
    DR_TRY(dr_task_open_batches(f->path, csv, NULL, &r.reader, &t->err));
    if (!r.reader->hash)
        dr_task_hash_ahead(t, f);
    int32_t rc = read_all(&r);
    if (!rc && r.reader->hash && r.reader->hash(r.reader, hash))
        dr_task_hash_is(t, f, hash, (uint64_t)r.reader->total);
    drop(&r);
    free(r.batch);
    dr_reader_close(r.reader);
    if (!rc)
        rc = dr_task_record_rows(t, f, r.like, r.rows);
    dr_table_unref(r.like);
    return rc;
}
