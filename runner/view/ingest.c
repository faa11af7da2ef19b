/* ingest.c - the pipeline: while the files of one round are written, those of the next
 * are read. A round has as many files as there are threads, less the one that writes. */
#include "view/ingest.h"
#include "data/pool.h"

#define ROUND_MAX 64

/* One round's files. */
struct round {
    struct dr_batch batches[ROUND_MAX];
    const char *known[ROUND_MAX];
    size_t first, n;
};
struct pipeline {
    const struct dr_fhir_job *job;
    struct dr_fhir_result *result;
    struct round *reading, *writing;
    struct dr_err *err;
    int32_t rc;
};

static int32_t write_batch(struct pipeline *p, size_t i, const struct dr_batch *b)
{
    struct dr_fhir_result *r = p->result;
    const char *name = p->job->names[i];
    if (b->unchanged) {
        r->files_unchanged++;
    } else {
        DR_TRY(dr_fhir_store_write(p->job->store, name, b, &r->counts, p->err));
        r->files_read++;
        r->files_refused += b->err.rc != 0;
        r->bytes += (int64_t)b->size;
    }
    if (p->job->progress && !p->job->progress(p->job->ctx, i + 1, name, b->err.rc ? b->err.msg : NULL))
        return dr_fail(p->err, DR_ECANCEL, "stopped after %zu of %zu files", i + 1, p->job->n);
    return DR_OK;
}

static void write_round(struct pipeline *p)
{
    const struct round *w = p->writing;
    for (size_t i = 0; i < w->n && !p->rc; i++)
        p->rc = write_batch(p, w->first + i, &w->batches[i]);
}

/* Piece 0 writes the last round, the others read a file each of this one. */
static void work(void *ctx, int64_t i)
{
    struct pipeline *p = ctx;
    struct round *r = p->reading;
    if (i == 0)
        write_round(p);
    else
        dr_batch_read(&r->batches[i - 1], p->job->set, p->job->paths[r->first + (size_t)i - 1],
                      p->job->names[r->first + (size_t)i - 1], r->known[i - 1]);
}

static int32_t look_up_known(struct pipeline *p, struct dr_arena *a)
{
    struct round *r = p->reading;
    for (size_t i = 0; i < r->n; i++)
        DR_TRY(dr_fhir_store_known(p->job->store, a, p->job->names[r->first + i], &r->known[i], p->err));
    return DR_OK;
}

static int32_t run_rounds(struct pipeline *p, size_t width)
{
    for (size_t at = 0; at < p->job->n || p->writing->n;) {
        DR_AUTO_ARENA a = { 0 };
        size_t left = p->job->n - at;
        p->reading->first = at;
        p->reading->n = left < width ? left : width;
        DR_TRY(look_up_known(p, &a));
        dr_pool_run((int64_t)p->reading->n + 1, work, p);
        DR_TRY(p->rc);
        at += p->reading->n;
        struct round *done = p->reading;
        p->reading = p->writing;
        p->writing = done;
        p->reading->n = 0;
    }
    return DR_OK;
}

int32_t dr_fhir_ingest(const struct dr_fhir_job *job, struct dr_fhir_result *ret, struct dr_err *err)
{
    int32_t threads = dr_pool_threads();
    size_t width = threads <= 2 ? 1 : threads > ROUND_MAX ? ROUND_MAX : (size_t)threads - 1;
    struct round *rounds = dr_calloc(2, sizeof *rounds);
    struct pipeline p = {
        .job = job, .result = ret, .reading = &rounds[0], .writing = &rounds[1], .err = err
    };
    for (size_t i = 0; i < 2 * width; i++)
        dr_batch_init(&rounds[i % 2].batches[i / 2]);
    *ret = (struct dr_fhir_result){ 0 };
    int32_t rc = run_rounds(&p, width);
    for (size_t i = 0; i < 2 * width; i++)
        dr_batch_done(&rounds[i % 2].batches[i / 2]);
    free(rounds);
    return rc;
}

enum { SUMMARY_COLUMNS = 8 };

static void append_count(struct dr_builder *const builders[SUMMARY_COLUMNS], const struct dr_fhir_count *c)
{
    const int64_t values[SUMMARY_COLUMNS] = {
        0, c->resources, c->loaded, c->unchanged, c->quarantined, c->superseded, c->removed, c->rows
    };
    dr_builder_append_bytes(builders[0], c->type, (int64_t)strlen(c->type));
    for (int i = 1; i < SUMMARY_COLUMNS; i++)
        dr_builder_append_int(builders[i], values[i]);
}

int32_t dr_fhir_summary(const struct dr_fhir_result *r, struct dr_table **ret, struct dr_err *err)
{
    static const char *const names[SUMMARY_COLUMNS] = { "resource_type", "resources",   "loaded",
                                                        "unchanged",     "quarantined", "superseded",
                                                        "removed",       "rows_written" };
    struct dr_builder *builders[SUMMARY_COLUMNS];
    struct dr_column *columns[SUMMARY_COLUMNS];
    const struct dr_fhir_count files = { .type = "(file)",
                                         .resources = r->files_read + r->files_unchanged,
                                         .loaded = r->files_read - r->files_refused,
                                         .unchanged = r->files_unchanged,
                                         .quarantined = r->files_refused };
    for (int i = 0; i < SUMMARY_COLUMNS; i++)
        builders[i] = dr_builder_new(i ? DR_TYPE_INT64 : DR_TYPE_DICT);
    append_count(builders, &files);
    for (int32_t k = 0; k < r->counts.n; k++)
        append_count(builders, &r->counts.types[k]);
    for (int i = 0; i < SUMMARY_COLUMNS; i++)
        columns[i] = dr_builder_finish(builders[i]);
    int32_t rc = dr_table_new(SUMMARY_COLUMNS, names, (const struct dr_column *const *)columns, ret, err);
    for (int i = 0; i < SUMMARY_COLUMNS; i++)
        dr_column_unref(columns[i]);
    return rc;
}
