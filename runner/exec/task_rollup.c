/* task_rollup.c - one pass over a file, in the worker: read, check, keep the first of each
 * key, summarise.
 *
 *   reader --batches--> checks (expect/batches.h) --refused rows--> rollup (data/rollup.h)
 *
 * Some batches for each thread are taken from the reader, and the threads share them out;
 * nothing of a batch is kept but what those two keep. Who wants the rows gets them batch by batch, in
 * order. */
#include <malloc.h>
#include <sys/resource.h>
#include "exec/task_impl.h"
#include "base/file.h"
#include "data/pages.h"
#include "data/pool.h"
#include "rollup/rollup.h"
#include "data/scratch.h"
#include "data/stream.h"
#include "expect/batches.h"
#include "expect/bits.h"

enum { TURNS_PER_WORKER = 2, TURNS_MAX = 64 };
/* What is resident beside the rollup, as measured: the program; while it reads, also the reader, for each
 * thread the text and the columns of its batches, and what wide batches take beyond WIDE. A rollup of less
 * than LEAST is of no use. */
enum { PROGRAM = 12 << 20, READING = 12 << 20, READING_EACH = 20 << 20, WIDE = 4 << 20, LEAST = 16 << 20 };

struct turn {
    struct dr_table *batch;
    int64_t first_row, passed;
    struct dr_batch_split split; /* where the caller takes the rows */
    struct dr_err err;
};
struct pass {
    struct dr_task *t;
    struct dr_task_rollup *o;
    const struct dr_suite *suite; /* or NULL */
    struct dr_batches *checks;    /* or NULL */
    struct dr_expect_options expect;
    struct dr_rollup *rollup; /* or NULL: there is nothing to summarise, and no key */
    struct dr_rollup_options rollup_options;
    struct dr_csv_type *types;
    struct dr_rejects rejects;
    struct dr_rollup_counts counts; /* rows and selected */
    const char *line_column;        /* or NULL */
    bool started;
    struct dr_reader *reader;
    struct turn turns[TURNS_MAX];
    struct dr_share share; /* of the turns at hand */
    int32_t n_turns;       /* at once */
    int32_t workers;
    int64_t rows;
    uint64_t limit;        /* 0: none */
    uint64_t batch;        /* bytes of the first batch */
    struct dr_table *like; /* owned: its columns, without rows */
};

/* ---- what is asked for ------------------------------------------------------------ */

static bool same_columns(const char *const *a, int32_t n_a, const char *const *b, int32_t n_b)
{
    for (int32_t i = 0; i < n_a; i++) {
        int32_t k = 0;
        while (k < n_b && !dr_streq(a[i], b[k]))
            k++;
        if (k == n_b)
            return false;
    }
    return n_a == n_b;
}

static bool only_checks(const struct dr_task_rollup *o)
{
    return o->n_keys == 0 && o->n_aggs == 0;
}

/* Which of several rows repeat a key is known when all have been passed on. */
static int32_t refuse_to_split_by_key(const struct dr_suite *s, struct dr_err *err)
{
    for (int32_t i = 0; i < s->n; i++)
        if (dr_streq(s->expectations[i].type, "expect_compound_columns_to_be_unique") &&
            s->expectations[i].on_failure == DR_ON_FAILURE_QUARANTINE)
            return dr_fail(err, DR_EDEF,
                           "suite %s: in one pass rows with a repeated key are counted and cannot be "
                           "quarantined; give the expectation another on_failure, or leave out `memory`",
                           s->name);
    return DR_OK;
}

static int32_t load_checks(struct pass *p)
{
    int32_t n;
    struct dr_err *err = &p->t->err;
    p->rollup_options.keys = p->o->keys;
    p->rollup_options.n_keys = p->o->n_keys;
    if (!p->o->suite)
        return DR_OK;
    DR_TRY(dr_task_load_suite(p->t, p->o->suite, &p->suite));
    p->expect = dr_task_expect_options(p->t, p->line_column);
    DR_TRY(dr_batches_new(p->suite, &p->expect, p->workers, &p->checks, err));
    const char *const *key = dr_batches_key(p->checks, &n);
    if (only_checks(p->o)) {
        DR_TRY(refuse_to_split_by_key(p->suite, err));
        p->rollup_options.keys = key;
        p->rollup_options.n_keys = n;
    } else if (n > 0 && !same_columns(key, n, p->o->keys, p->o->n_keys))
        return dr_fail(err, DR_EDEF,
                       "suite %s: in one pass, expect_compound_columns_to_be_unique must be about the "
                       "columns of the task's key",
                       p->suite->name);
    return DR_OK;
}

/* How a column is read. Summarised, it is typed as the suite declares it, unless a check looks at its text or
 * it has a format of its own. Rows that are passed on keep their text: of columns that a dictionary would
 * grow with as strings, and what is left to the reader is DICT. 0: that. */
static int32_t type_to_read(const struct pass *p, const struct dr_suite_column *c)
{
    bool grows = c->type == DR_TYPE_INT64 || c->type == DR_TYPE_FLOAT64 || c->type == DR_TYPE_TIMESTAMP;
    if (c->type == DR_TYPE_STRING || (p->o->take && grows))
        return DR_TYPE_STRING;
    return p->o->take || c->format || !dr_batches_typed(p->checks, c->name) ? 0 : c->type;
}

static void choose_types(struct pass *p, struct dr_csv_options *csv)
{
    int32_t n = 0;
    if (!p->suite)
        return;
    p->types = dr_arena_array(&p->t->arena, (size_t)p->suite->n_columns + 1, sizeof(*p->types));
    for (int32_t i = 0; i < p->suite->n_columns; i++) {
        const struct dr_suite_column *c = &p->suite->columns[i];
        int32_t type = type_to_read(p, c);
        if (type > DR_TYPE_NULL)
            p->types[n++] = (struct dr_csv_type){ .column = c->name, .type = type };
    }
    csv->types = p->types;
    csv->n_types = n;
}

/* A list as the CSV reader takes it; a spelling with a line end in it cannot be told there, and
 * the checks still know it. */
static const char *null_values(struct pass *p)
{
    const struct dr_suite *s = p->suite;
    DR_AUTO_BUF list = { 0 };
    for (int32_t i = 0; s && i < s->n_null_values; i++)
        if (!strchr(s->null_values[i], '\n'))
            (void)dr_buf_printf(&list, "%s%s", list.n ? "\n" : "", s->null_values[i]);
    return list.n ? dr_arena_dup(&p->t->arena, list.p, list.n) : NULL;
}

static int32_t open_reader(struct pass *p, const char *path)
{
    struct dr_csv_options csv = { .size = sizeof(csv) };
    if (p->o->csv)
        csv = *p->o->csv;
    if (!csv.null_values)
        csv.null_values = null_values(p);
    choose_types(p, &csv);
    int32_t rc = dr_task_open_batches(path, &csv, &p->rejects, &p->reader, &p->t->err);
    if (rc == DR_ENOTFOUND && csv.n_types > 0 && dr_path_exists(path)) /* a column */
        (void)dr_err_prefix(&p->t->err, "suite %s has columns that the file lacks; correct either",
                            p->suite->name);
    return rc;
}

/* ---- batches ------------------------------------------------------------------------- */

/* In all, from those that were read so far; 0: unknown. */
static int64_t expected_rows(const struct dr_reader *r)
{
    double each = (double)r->rows / (double)(r->done > 0 ? r->done : 1);
    return r->total > 0 ? (int64_t)((double)r->total * each) + 1 : 0;
}

/* What is left of a limit for this much beside: of a small limit some all the same. */
static size_t left_of(uint64_t limit, uint64_t beside)
{
    uint64_t least = (limit + 1) / 2 < LEAST ? (limit + 1) / 2 : LEAST;
    return (size_t)(limit > beside + least ? limit - beside : least);
}

/* What is unusual: batches of the turns and one in the reader where they are wide, and rows that are passed
 * on, which are a copy. */
static uint64_t for_batches(const struct pass *p)
{
    uint64_t batches = (uint64_t)p->n_turns * (p->o->take ? 2 : 1) + 1;
    uint64_t usual = p->o->take ? 0 : WIDE;
    return p->batch > usual ? batches * (p->batch - usual) : 0;
}

static uint64_t while_reading(const struct pass *p)
{
    return PROGRAM + READING + (uint64_t)p->workers * READING_EACH + for_batches(p);
}

/* Where batches are wide for the limit, fewer are worked on at a time. */
static void choose_turns(struct pass *p)
{
    while (p->limit > 0 && p->n_turns > 1 && for_batches(p) > p->limit / 4)
        p->n_turns--;
}

static int32_t start_rollup(struct pass *p, const struct dr_table *first)
{
    uint64_t limit = (uint64_t)p->o->memory;
    if (limit == 0)
        DR_TRY(dr_scratch_limit(&limit, &p->t->err));
    p->started = true;
    p->limit = limit;
    p->batch = dr_table_bytes(first);
    DR_TRY(dr_table_take(first, 0, NULL, &p->like, &p->t->err));
    choose_turns(p);
    if (p->rollup_options.n_keys == 0 && p->o->n_aggs == 0)
        return DR_OK;
    p->rollup_options = (struct dr_rollup_options){
        .n_keys = p->rollup_options.n_keys,
        .keys = p->rollup_options.keys,
        .n_groups = p->o->n_groups,
        .groups = p->o->groups,
        .n_aggs = p->o->n_aggs,
        .aggs = p->o->aggs,
        .workers = p->workers,
        .expected_rows = expected_rows(p->reader),
        .memory_limit = left_of(limit, PROGRAM),
        .spill_folder = p->t->info.work_dir,
    };
    p->rollup_options.memory_beside = p->rollup_options.memory_limit - left_of(limit, while_reading(p));
    if (limit > 0)
        DR_TRY(dr_task_make_work(p->t, &p->t->err));
    return dr_rollup_new(&p->rollup_options, first, &p->rollup, &p->t->err);
}

/* Rows to keep, from rows that were refused. */
static void turn_over(uint64_t *bits, int64_t rows)
{
    for (int64_t w = 0; w < (rows + 63) / 64; w++)
        bits[w] = ~bits[w];
    if (rows % 64)
        bits[rows / 64] &= (UINT64_C(1) << rows % 64) - 1;
}

/* Check a batch: *bits are the rows that pass. */
static int32_t check_batch(struct pass *p, struct turn *turn, int64_t worker, uint64_t *bits)
{
    int64_t rows = turn->batch->rows;
    struct dr_batch_split *split = p->o->take ? &turn->split : NULL;
    DR_TRY(dr_batches_add(p->checks, (int32_t)worker, turn->first_row, turn->batch, bits, split, &turn->err));
    turn_over(bits, rows);
    turn->passed = dr_rows_count(bits, rows);
    return DR_OK;
}

static void work_on_batch(struct pass *p, struct turn *turn, int64_t worker)
{
    int32_t rc = DR_OK;
    int64_t rows = turn->batch->rows;
    DR_AUTO_FREE uint64_t *bits = p->checks ? dr_malloc((size_t)rows / 8 + 16) : NULL;
    turn->passed = rows;
    if (!rc && bits)
        rc = check_batch(p, turn, worker, bits);
    if (!rc && p->rollup)
        rc = dr_rollup_add(p->rollup, (int32_t)worker, turn->first_row, turn->batch, bits, &turn->err);
    turn->err.rc = rc;
}

static void work_on_some(void *ctx, int64_t worker)
{
    struct pass *p = ctx;
    for (int64_t i; (i = dr_share_next(&p->share)) >= 0;)
        work_on_batch(p, &p->turns[i], worker);
}

/* Records that no row was made of. */
static int32_t hand_on_rejects(struct pass *p)
{
    struct dr_table *table = NULL;
    int64_t n = p->rejects.n;
    p->o->ret_unreadable += n;
    if (n == 0 || !p->o->take) {
        dr_rejects_clear(&p->rejects);
        return DR_OK;
    }
    DR_TRY(dr_rejects_finish(&p->rejects, &table, &p->t->err));
    int32_t rc = p->o->take(p->o->ctx, NULL, NULL, table);
    dr_table_unref(table);
    return rc;
}

/* The rows of a batch that was worked on go to the caller, in their turn. */
static int32_t hand_on(struct pass *p, const struct turn *turn)
{
    const struct dr_task_rollup *o = p->o;
    p->counts.rows += turn->batch->rows;
    p->counts.selected += turn->passed;
    return o->take ? o->take(o->ctx, turn->split.valid, turn->split.quarantined, NULL) : DR_OK;
}

static void turn_done(struct turn *turn)
{
    if (turn->batch)
        dr_table_let_go(turn->batch);
    dr_table_unref(turn->batch);
    dr_table_unref(turn->split.valid);
    dr_table_unref(turn->split.quarantined);
    *turn = (struct turn){ 0 };
}

static int32_t work_on(struct pass *p, int32_t n)
{
    int32_t rc = DR_OK;
    dr_share_start(&p->share, n);
    dr_pool_run(n < p->workers ? n : p->workers, work_on_some, p);
    for (int32_t i = 0; i < n; i++) {
        struct turn *turn = &p->turns[i];
        if (turn->err.rc && !rc) {
            p->t->err = turn->err;
            rc = p->t->err.rc;
        }
        if (!rc)
            rc = hand_on(p, turn);
        turn_done(turn);
    }
    return rc;
}

static int32_t take_batches(struct pass *p, int32_t *ret_n, bool *ret_more)
{
    for (*ret_n = 0; *ret_n < p->n_turns;) {
        struct dr_table *batch;
        int32_t rc = dr_task_cancelled(p->t) ? dr_fail(&p->t->err, DR_ECANCEL, "asked to stop")
                                             : p->reader->next(p->reader, &batch, &p->t->err);
        if (!rc && batch && !p->started)
            rc = start_rollup(p, batch);
        if (rc || !batch) {
            *ret_more = false;
            return rc;
        }
        p->turns[*ret_n].batch = batch;
        p->turns[(*ret_n)++].first_row = p->rows;
        p->rows += batch->rows;
    }
    return DR_OK;
}

static int32_t run(struct pass *p)
{
    int32_t n, rc = DR_OK;
    for (bool more = true; more && !rc;) {
        rc = take_batches(p, &n, &more);
        int32_t work_rc = work_on(p, n); /* also after a failure: it drops the batches */
        rc = rc ? rc : work_rc;
        rc = rc ? rc : hand_on_rejects(p);
        dr_task_progress(p->t, p->reader->done, p->reader->total);
    }
    return !rc && !p->started ? dr_fail(&p->t->err, DR_EBUG, "the reader gave no batch") : rc;
}

/* ---- the end ---------------------------------------------------------------------------- */

/* What the reader held is for the rollup then, within a limit. */
static void stop_reading(struct pass *p)
{
    dr_reader_close(p->reader);
    p->reader = NULL;
    if (p->limit > 0) {
        dr_pages_drop();
        (void)malloc_trim(0);
    }
}

/* Whatever the reason: groups and dictionaries lie in memory, and a limit may be less than reading takes. */
static void tell_of_excess(const struct pass *p)
{
    struct rusage used;
    if (p->limit == 0 || getrusage(RUSAGE_SELF, &used) != 0 || (uint64_t)used.ru_maxrss * 1024 <= p->limit)
        return;
    dr_task_log(
        p->t, DR_WARN,
        "memory: %llu bytes were not enough, and up to %llu were resident; reading on %d threads takes "
        "up to %llu, and beside that the result and columns with a dictionary lie in memory",
        (unsigned long long)p->limit, (unsigned long long)used.ru_maxrss * 1024, (int)p->workers,
        (unsigned long long)while_reading(p));
}

static int32_t finish(struct pass *p, struct dr_task_file *f, struct dr_table **ret)
{
    struct dr_task_rollup *o = p->o;
    struct dr_results *results = NULL;
    struct dr_err *err = &p->t->err;
    char hash[DR_HASH_HEX];
    o->ret_counts = p->counts;
    o->ret_counts.kept = p->counts.selected;
    if (p->reader->hash && p->reader->hash(p->reader, hash))
        dr_task_hash_is(p->t, f, hash, (uint64_t)p->reader->total);
    stop_reading(p);
    if (p->rollup)
        DR_TRY(dr_rollup_finish(p->rollup, ret, &o->ret_counts, err));
    int32_t rc = dr_task_record_rows(p->t, f, p->like, p->rows);
    if (!rc && p->checks)
        rc = dr_batches_finish(p->checks, o->ret_counts.duplicate_rows, &results, err);
    if (rc && ret)
        dr_table_unref(*ret);
    DR_TRY(rc);
    tell_of_excess(p);
    if (results) {
        dr_task_report_results(p->t, p->suite, o->dataset ? o->dataset : f->name, results);
        dr_task_fill_validation(&o->ret_validation, results, o->ret_counts.rows - o->ret_counts.selected);
        dr_results_free(results);
    }
    return DR_OK;
}

static void pass_done(struct pass *p)
{
    dr_reader_close(p->reader);
    dr_rollup_free(p->rollup);
    dr_batches_free(p->checks);
    dr_rejects_clear(&p->rejects);
    dr_table_unref(p->like);
    free(p);
}

int32_t dr_task_rollup(struct dr_task *t, const char *input, int32_t i, struct dr_task_rollup *o,
                       struct dr_table **ret)
{
    struct dr_task_file *f;
    if (o->size != sizeof(*o) || o->ret_validation.size != sizeof(o->ret_validation))
        return dr_fail(&t->err, DR_EPLUGIN, "struct dr_task_rollup: size is %u, expected %zu", o->size,
                       sizeof(*o));
    if (o->take && !o->suite)
        return dr_fail(&t->err, DR_EPLUGIN, "struct dr_task_rollup: take needs a suite to split rows by");
    if (o->memory < 0)
        return dr_fail(&t->err, DR_EDEF, "memory: %lld is no number of bytes", (long long)o->memory);
    DR_TRY(dr_task_input_file(t, input, i, &f));
    o->ret_unreadable = 0;
    struct pass *p = dr_calloc(1, sizeof(*p));
    p->line_column = o->csv ? o->csv->line_column : NULL;
    p->t = t;
    p->o = o;
    p->workers = dr_pool_threads() < TURNS_MAX ? dr_pool_threads() : TURNS_MAX;
    p->n_turns = p->workers > 1 ? p->workers * TURNS_PER_WORKER : 1;
    p->n_turns = p->n_turns < TURNS_MAX ? p->n_turns : TURNS_MAX;
    int32_t rc = load_checks(p);
    if (!rc)
        rc = open_reader(p, f->path);
    if (!rc && !p->reader->hash)
        dr_task_hash_ahead(t, f);
    if (!rc)
        rc = run(p);
    if (!rc)
        rc = finish(p, f, ret);
    pass_done(p);
    return rc;
}
