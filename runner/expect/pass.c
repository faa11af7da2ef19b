/* pass.c - see pass.h.
 *
 *   reader --batches--> batches.h, and a rollup for each key   (threads, a batch each)
 *                   `-> the columns that are needed, in order, to the temporary file
 *
 * Expectations that need the same columns are evaluated together, with the files of these mapped; the other
 * columns are there by name and without values, so that messages are those of the whole table. */
#include "expect/pass.h"
#include <malloc.h>
#include "base/date.h"
#include "base/resident.h"
#include "data/kernel.h"
#include "data/pages.h"
#include "data/pool.h"
#include "data/scratch.h"
#include "expect/batches.h"
#include "spill/kept.h"
#include "expect/needs.h"
#include "rollup/rollup.h"

enum { TURNS_PER_WORKER = 2, TURNS_MAX = 64, FILES_MAX = 64 };

/* Some expectations of the suite, by place. */
struct part {
    struct dr_suite suite;
    int32_t *place;
};
/* A key that must not repeat. */
struct key {
    int32_t place;
    struct dr_rollup_options options;
    struct dr_rollup *rollup; /* owned; NULL: it cannot tell of such columns */
    bool repeats;
};
/* Columns [from, to) of those that are kept, in a temporary file. */
struct file {
    struct dr_kept kept;
    int32_t from, to;
    struct dr_table *table; /* owned: while expectations look at it */
};
struct turn {
    struct dr_table *batch; /* owned */
    int64_t first_row;
    struct dr_err err;
};
struct pass {
    struct dr_arena arena;
    const struct dr_suite *suite;
    const struct dr_pass_options *o;
    struct dr_expect_options expect; /* with one clock for all */
    struct dr_reader *reader;        /* borrowed */
    struct dr_table *columns;        /* owned: the first batch without its rows; NULL before it */
    struct part streamed;
    struct dr_batches *batches; /* owned */
    struct key *keys;
    int32_t n_keys;
    bool **needs;      /* of each expectation that may need files: the columns; else NULL */
    const char **kept; /* names of the columns that go to files */
    int32_t n_kept;
    struct file files[FILES_MAX];
    int32_t n_files;
    struct turn turns[TURNS_MAX];
    struct dr_share share;
    int32_t workers, n_turns;
    int64_t rows;
    struct dr_pass_peak peak;
};

/* ---- who looks at what ------------------------------------------------------------------ */

static void part_init(struct pass *p, struct part *part)
{
    part->suite = *p->suite;
    part->suite.n = 0;
    part->suite.expectations =
        dr_arena_array(&p->arena, (size_t)p->suite->n + 1, sizeof *part->suite.expectations);
    part->place = dr_arena_array(&p->arena, (size_t)p->suite->n + 1, sizeof *part->place);
}

static void part_add(struct pass *p, struct part *part, int32_t place)
{
    part->place[part->suite.n] = place;
    part->suite.expectations[part->suite.n++] = p->suite->expectations[place];
}

/* Which values a column of mixed kinds has is known when all are. */
static bool needs_mixed(const struct pass *p, const bool *needs)
{
    for (int32_t i = 0; i < p->columns->n; i++)
        if (needs[i] && dr_expect_is_mixed(&p->expect, p->columns->names[i]))
            return true;
    return false;
}

/* memory: what of the limit is this key's. */
static int32_t add_key(struct pass *p, int32_t place, const struct dr_table *first, size_t memory,
                       struct dr_err *err)
{
    struct key *key = &p->keys[p->n_keys++];
    const struct dr_expectation *x = &p->suite->expectations[place];
    double each = (double)p->reader->rows / (double)(p->reader->done > 0 ? p->reader->done : 1);
    key->place = place;
    key->options = (struct dr_rollup_options){ .workers = p->workers,
                                               .expected_rows = (int64_t)((double)p->reader->total * each),
                                               .memory_limit = memory,
                                               .spill_folder = p->o->folder };
    key->options.keys = dr_expect_key(&p->arena, x, &key->options.n_keys);
    struct dr_err why = { 0 };
    int32_t rc = dr_rollup_new(&key->options, first, &key->rollup, &why);
    if (rc == DR_OK || rc == DR_EDEF || rc == DR_ENOTFOUND) /* a column that it cannot take: the file tells */
        return DR_OK;
    *err = why;
    return rc;
}

static int32_t sort_out(struct pass *p, const struct dr_table *first, struct dr_err *err)
{
    const struct dr_suite *s = p->suite;
    int32_t n_keys = 0;
    part_init(p, &p->streamed);
    p->needs = dr_arena_array(&p->arena, (size_t)s->n + 1, sizeof *p->needs);
    p->keys = dr_arena_array(&p->arena, (size_t)s->n + 1, sizeof *p->keys);
    for (int32_t i = 0; i < s->n; i++)
        n_keys += dr_expect_scope(&s->expectations[i], p->columns) == DR_SCOPE_KEY;
    for (int32_t i = 0; i < s->n; i++) {
        const struct dr_expectation *x = &s->expectations[i];
        bool *needs = dr_arena_array(&p->arena, (size_t)p->columns->n + 1, sizeof *needs);
        enum dr_scope scope = dr_expect_scope(x, p->columns);
        dr_expect_needs(s, x, &p->expect, p->columns, needs);
        if (scope == DR_SCOPE_ROW && needs_mixed(p, needs))
            scope = DR_SCOPE_WHOLE;
        if (scope == DR_SCOPE_KEY)
            DR_TRY(add_key(p, i, first, p->o->memory / 2 / (size_t)n_keys + 1, err));
        if (scope == DR_SCOPE_KEY || scope == DR_SCOPE_WHOLE)
            p->needs[i] = needs;
        if (scope != DR_SCOPE_WHOLE)
            part_add(p, &p->streamed, i);
    }
    return DR_OK;
}

static void choose_kept(struct pass *p)
{
    p->kept = dr_arena_array(&p->arena, (size_t)p->columns->n + 1, sizeof *p->kept);
    for (int32_t c = 0; c < p->columns->n; c++)
        for (int32_t i = 0; i < p->suite->n; i++)
            if (p->needs[i] && p->needs[i][c]) {
                p->kept[p->n_kept++] = p->columns->names[c];
                break;
            }
}

static int32_t open_file(struct pass *p, int32_t from, int32_t to, struct dr_err *err)
{
    struct file *f = &p->files[p->n_files++];
    *f = (struct file){ .from = from, .to = to };
    return dr_kept_open(&f->kept, p->o->folder, err);
}

/* A file for each column, so that an evaluation maps what it looks at, or for some where there are many. */
static int32_t open_files(struct pass *p, struct dr_err *err)
{
    int32_t each = (p->n_kept + FILES_MAX - 1) / FILES_MAX;
    for (int32_t from = 0; from < p->n_kept; from += each)
        DR_TRY(open_file(p, from, from + each < p->n_kept ? from + each : p->n_kept, err));
    return DR_OK;
}

static int32_t start(struct pass *p, const struct dr_table *first, struct dr_err *err)
{
    DR_TRY(dr_table_take(first, 0, NULL, &p->columns, err));
    DR_TRY(sort_out(p, first, err));
    choose_kept(p);
    DR_TRY(open_files(p, err));
    return dr_batches_new_exact(&p->streamed.suite, &p->expect, p->workers, &p->batches, err);
}

/* ---- batches ----------------------------------------------------------------------------- */

static int32_t work_on(struct pass *p, struct turn *turn, int32_t worker)
{
    DR_AUTO_FREE uint64_t *refused = dr_malloc((size_t)turn->batch->rows / 8 + 16);
    DR_TRY(dr_batches_add(p->batches, worker, turn->first_row, turn->batch, refused, NULL, &turn->err));
    for (int32_t k = 0; k < p->n_keys; k++)
        if (p->keys[k].rollup)
            DR_TRY(dr_rollup_add(p->keys[k].rollup, worker, turn->first_row, turn->batch, NULL, &turn->err));
    return DR_OK;
}

static void work_on_some(void *ctx, int64_t worker)
{
    struct pass *p = ctx;
    for (int64_t i; (i = dr_share_next(&p->share)) >= 0;)
        p->turns[i].err.rc = work_on(p, &p->turns[i], (int32_t)worker);
}

static int32_t keep_columns(struct pass *p, const struct dr_table *batch, struct dr_err *err)
{
    for (int32_t k = 0; k < p->n_files; k++) {
        struct file *f = &p->files[k];
        struct dr_table *kept;
        DR_TRY(dr_table_select(batch, f->to - f->from, p->kept + f->from, &kept, err));
        int32_t rc = dr_kept_add(&f->kept, kept, err);
        dr_table_unref(kept);
        DR_TRY(rc);
    }
    return DR_OK;
}

static int32_t work_on_turns(struct pass *p, int32_t n, struct dr_err *err)
{
    int32_t rc = DR_OK;
    dr_share_start(&p->share, n);
    dr_pool_run(n < p->workers ? n : p->workers, work_on_some, p);
    for (int32_t i = 0; i < n; i++) {
        struct turn *turn = &p->turns[i];
        if (turn->err.rc && !rc) {
            *err = turn->err;
            rc = err->rc;
        }
        if (!rc)
            rc = keep_columns(p, turn->batch, err);
        dr_table_unref(turn->batch);
        *turn = (struct turn){ 0 };
    }
    return rc;
}

static int32_t take_batches(struct pass *p, int32_t *ret_n, bool *ret_more, struct dr_err *err)
{
    for (*ret_n = 0; *ret_n < p->n_turns;) {
        struct dr_table *batch;
        int32_t rc = p->reader->next(p->reader, &batch, err);
        if (rc || !batch) {
            *ret_more = false;
            return rc;
        }
        p->turns[(*ret_n)++] = (struct turn){ .batch = batch, .first_row = p->rows };
        p->rows += batch->rows;
        if (!p->columns)
            DR_TRY(start(p, batch, err));
    }
    return DR_OK;
}

static int32_t read_all(struct pass *p, struct dr_err *err)
{
    int32_t n, rc = DR_OK;
    for (bool more = true; more && !rc;) {
        rc = take_batches(p, &n, &more, err);
        if (!rc)
            rc = work_on_turns(p, n, err);
    }
    return !rc && !p->columns ? dr_fail(err, DR_EBUG, "the reader gave no batch") : rc;
}

/* ---- the end ----------------------------------------------------------------------------- */

/* Whether keys repeat. Those that do not have their results already. */
static int32_t judge_keys(struct pass *p, struct dr_err *err)
{
    for (int32_t k = 0; k < p->n_keys; k++) {
        struct key *key = &p->keys[k];
        struct dr_rollup_counts counts = { .duplicate_rows = 1 };
        if (key->rollup)
            DR_TRY(dr_rollup_finish(key->rollup, NULL, &counts, err));
        dr_rollup_free(key->rollup);
        key->rollup = NULL;
        key->repeats = counts.duplicate_rows > 0;
        if (!key->repeats)
            p->needs[key->place] = NULL;
    }
    return DR_OK;
}

static bool is_repeated(const struct pass *p, int32_t place)
{
    for (int32_t k = 0; k < p->n_keys; k++)
        if (p->keys[k].place == place)
            return p->keys[k].repeats;
    return false;
}

static int32_t take_streamed(struct pass *p, struct dr_results *r, struct dr_err *err)
{
    struct dr_results *all;
    struct part left;
    part_init(p, &left);
    DR_TRY(dr_batches_finish(p->batches, 0, &all, err));
    all->n = 0; /* only those that hold */
    for (int32_t k = 0; k < p->streamed.suite.n; k++)
        if (!is_repeated(p, p->streamed.place[k])) {
            left.place[all->n] = p->streamed.place[k];
            all->checks[all->n++] = all->checks[k];
        }
    dr_results_take(r, all, left.place);
    return DR_OK;
}

static int32_t close_files(struct pass *p, struct dr_err *err)
{
    for (int32_t k = 0; k < p->n_files; k++)
        DR_TRY(dr_kept_end(&p->files[k].kept, err));
    return DR_OK;
}

static void unmap_files(struct pass *p)
{
    for (int32_t k = 0; k < p->n_files; k++) {
        dr_table_unref(p->files[k].table);
        p->files[k].table = NULL;
    }
}

/* The columns of the stream that are needed, each as its file has it, mapped; the others NULL. */
static int32_t map_columns(struct pass *p, const bool *needs, struct dr_column **columns, struct dr_err *err)
{
    for (int32_t k = 0; k < p->n_files; k++) {
        struct file *f = &p->files[k];
        for (int32_t i = f->from; i < f->to; i++) {
            int32_t c = dr_table_find(p->columns, p->kept[i]);
            if (!needs[c])
                continue;
            if (!f->table)
                DR_TRY(dr_kept_map(&f->kept, &f->table, err));
            columns[c] = f->table->columns[i - f->from];
        }
    }
    return DR_OK;
}

/* A column of missing values in the chunks of another; NULL: in one. */
static struct dr_column *nothing_like(const struct dr_column *c, int64_t rows)
{
    int32_t n = c ? c->n : 1;
    DR_AUTO_FREE struct dr_array **chunk = dr_malloc((size_t)n * sizeof(struct dr_array *) + 1);
    for (int32_t k = 0; k < n; k++)
        chunk[k] = dr_array_seal(dr_array_new(DR_TYPE_NULL, c ? c->chunk[k]->n : rows, NULL));
    return dr_column_new(DR_TYPE_NULL, n, chunk, NULL);
}

/* All columns by name, those that are needed with their values. */
static int32_t table_of(struct pass *p, const bool *needs, struct dr_table **ret, struct dr_err *err)
{
    int32_t n = p->columns->n;
    const struct dr_column *some = NULL;
    DR_AUTO_FREE struct dr_column **columns = dr_calloc((size_t)n + 1, sizeof(struct dr_column *));
    DR_TRY(map_columns(p, needs, columns, err));
    for (int32_t c = 0; c < n && !some; c++)
        some = columns[c];
    for (int32_t c = 0; c < n; c++)
        columns[c] = columns[c] ? dr_column_ref(columns[c]) : nothing_like(some, p->rows);
    *ret = dr_table_adopt(n, (const char *const *)p->columns->names, columns);
    return DR_OK;
}

/* The expectations that need the same columns as the one at `place`, and their results. */
static int32_t take_group(struct pass *p, int32_t place, struct dr_results *r, struct dr_err *err)
{
    struct part part;
    struct dr_table *table;
    struct dr_results *results;
    const bool *needs = p->needs[place];
    struct dr_expect_options within = p->expect;
    within.memory = p->o->memory / 4 + 1; /* beside bits of rows and what is mapped */
    part_init(p, &part);
    for (int32_t i = place; i < p->suite->n; i++)
        if (p->needs[i] && memcmp(p->needs[i], needs, (size_t)p->columns->n * sizeof *needs) == 0) {
            part_add(p, &part, i);
            p->needs[i] = NULL;
        }
    DR_TRY(table_of(p, needs, &table, err));
    int32_t rc = dr_expect_run(&part.suite, table, &within, &results, err);
    dr_table_unref(table);
    unmap_files(p);
    if (!rc)
        dr_results_take(r, results, part.place);
    return rc;
}

/* Whether the process has held more than before; x, or NULL, is what for. The count begins with the pass and
 * not with each part of it, so that whoever watches the process sees what it took, too. */
static void note_peak(struct pass *p, const struct dr_expectation *x)
{
    uint64_t bytes = dr_resident_peak();
    if (bytes > p->peak.bytes)
        p->peak = (struct dr_pass_peak){ bytes, x };
}

static int32_t finish(struct pass *p, struct dr_results *r, struct dr_err *err)
{
    note_peak(p, NULL);
    DR_TRY(judge_keys(p, err));
    DR_TRY(take_streamed(p, r, err));
    dr_batches_free(p->batches);
    p->batches = NULL;
    DR_TRY(close_files(p, err));
    note_peak(p, NULL);
    (void)malloc_trim(0); /* what the batches had */
    dr_pages_keep(p->o->memory / 8);
    for (int32_t i = 0; i < p->suite->n; i++)
        if (p->needs[i]) {
            DR_TRY(take_group(p, i, r, err));
            note_peak(p, &p->suite->expectations[i]);
        }
    return DR_OK;
}

static void pass_done(struct pass *p)
{
    for (int32_t k = 0; k < TURNS_MAX; k++)
        dr_table_unref(p->turns[k].batch);
    for (int32_t k = 0; k < p->n_keys; k++)
        dr_rollup_free(p->keys[k].rollup);
    unmap_files(p);
    for (int32_t k = 0; k < p->n_files; k++)
        dr_kept_done(&p->files[k].kept);
    dr_batches_free(p->batches);
    dr_table_unref(p->columns);
    dr_arena_done(&p->arena);
    free(p);
}

int32_t dr_expect_pass(const struct dr_suite *suite, struct dr_reader *reader,
                       const struct dr_pass_options *o, struct dr_results **ret,
                       struct dr_table **ret_columns, struct dr_err *err)
{
    struct dr_err unused = { 0 };
    int64_t began = dr_monotonic_us();
    struct dr_results *r = NULL;
    struct pass *p = dr_calloc(1, sizeof *p);
    err = err ? err : &unused;
    *p = (struct pass){ .suite = suite, .o = o, .expect = *o->expect, .reader = reader };
    p->workers = dr_pool_threads() < TURNS_MAX ? dr_pool_threads() : TURNS_MAX;
    p->n_turns = p->workers > 1 ? p->workers * TURNS_PER_WORKER : 1;
    p->n_turns = p->n_turns < TURNS_MAX ? p->n_turns : TURNS_MAX;
    dr_resident_start();
    if (!p->expect.now_us)
        p->expect.now_us = dr_now_us();
    int32_t rc = read_all(p, err);
    if (!rc) {
        r = dr_results_new(suite, p->rows);
        rc = finish(p, r, err);
        r->us = dr_monotonic_us() - began;
    }
    if (rc) {
        dr_results_free(r);
    } else {
        *ret = r;
        *ret_columns = dr_table_ref(p->columns);
        if (o->ret_peak)
            *o->ret_peak = p->peak;
    }
    pass_done(p);
    return rc;
}
