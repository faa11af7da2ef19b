/* batches.c - see batches.h.
 *
 * The results are made by running the suite once more over a small table, the sample: the
 * first unexpected rows of each expectation, with the counts of the whole given. So
 * lists, percentages, sentences and verdicts come from the one place that makes them. */
#include "expect/batches.h"
#include "base/date.h"
#include "expect/check.h"
#include "expect/needs.h"

enum { SAMPLE_DEFAULT = 20 };

/* Rows of a batch that are part of the sample. */
struct piece {
    int64_t first; /* number of the first of the rows */
    int64_t n;
    int64_t *rows;          /* owned: their numbers in the stream */
    struct dr_table *table; /* owned */
};
struct worker {
    struct dr_tally *tallies; /* owned, by place among the parts */
    int64_t *sampled;         /* owned, likewise: rows in pieces */
    const char **exceptions;  /* owned, likewise: why it could not be evaluated; in the arena */
    int64_t *exception_rows;  /* owned, likewise: the first row of the batch that says so */
    struct piece *pieces;     /* owned */
    int32_t n_pieces, cap;
    struct dr_arena arena;
    int64_t rows;
};
struct dr_batches {
    const struct dr_suite *suite; /* borrowed */
    struct dr_expect_options opts;
    struct dr_suite parts; /* what is evaluated on each batch */
    int32_t *place;        /* owned: of each part in the suite */
    const char **key;      /* owned */
    int32_t n_key;
    struct worker *workers; /* owned */
    int32_t n_workers;
    int64_t sample; /* unexpected rows to keep of each part */
    bool exact;
};

/* ---- what the suite asks for ------------------------------------------------------ */

static bool in_key(const struct dr_batches *b, const char *column)
{
    for (int32_t i = 0; i < b->n_key; i++)
        if (dr_streq(b->key[i], column))
            return true;
    return false;
}

static int32_t take_key(struct dr_batches *b, const struct dr_expectation *x, struct dr_err *err)
{
    const struct dr_node *list = dr_node_get(x->kwargs, "column_list");
    int32_t n = (int32_t)dr_node_size(list);
    bool same = n == b->n_key;
    if (b->n_key == 0) {
        b->key = dr_calloc((size_t)n + 1, sizeof(*b->key));
        for (; b->n_key < n; b->n_key++)
            b->key[b->n_key] = dr_node_str(dr_node_at(list, b->n_key), "");
        return DR_OK;
    }
    for (int32_t i = 0; i < n && same; i++)
        same = in_key(b, dr_node_str(dr_node_at(list, i), ""));
    return same ? DR_OK
                : dr_fail(err, DR_EDEF,
                          "%s: in one pass only one set of columns can be checked for uniqueness", x->type);
}

static int32_t take_expectation(struct dr_batches *b, int32_t i, struct dr_err *err)
{
    const struct dr_expectation *x = &b->suite->expectations[i];
    enum dr_scope scope = dr_expect_scope(x, NULL);
    bool key = scope == DR_SCOPE_KEY && dr_streq(x->type, "expect_compound_columns_to_be_unique");
    if (scope == DR_SCOPE_COLUMNS || scope == DR_SCOPE_COUNT)
        return DR_OK;
    if (scope == DR_SCOPE_ROW || b->exact) {
        b->place[b->parts.n] = i;
        b->parts.expectations[b->parts.n++] = *x;
        return DR_OK;
    }
    return key ? take_key(b, x, err)
               : dr_fail(err, DR_EDEF,
                         "%s needs the whole table at once and cannot be checked in one pass: check it "
                         "with a validate task without `memory`",
                         x->type);
}

static int32_t take_expectations(struct dr_batches *b, struct dr_err *err)
{
    const struct dr_suite *s = b->suite;
    b->parts = *s;
    b->parts.expectations = dr_calloc((size_t)s->n + 1, sizeof(*b->parts.expectations));
    b->place = dr_calloc((size_t)s->n + 1, sizeof(*b->place));
    b->parts.n = 0;
    for (int32_t i = 0; i < s->n; i++)
        DR_TRY(take_expectation(b, i, err));
    return DR_OK;
}

/* How many unexpected rows an exact result lists or counts: of one expectation that asks for
 * complete results, all. */
static int64_t exact_sample(const struct dr_suite *s, const struct dr_expect_options *opts)
{
    bool complete = opts->result_format == DR_RESULT_COMPLETE;
    for (int32_t i = 0; i < s->n; i++) {
        const struct dr_node *asked = dr_node_get(s->expectations[i].kwargs, "result_format");
        const struct dr_node *level =
            dr_node_kind(asked) == DR_NODE_MAP ? dr_node_get(asked, "result_format") : asked;
        bool told = !level || dr_node_kind(level) == DR_NODE_STRING;
        complete |= !told || dr_streq(dr_node_str(level, ""), "COMPLETE") || dr_node_get(asked, "$PARAMETER");
    }
    return complete ? INT64_MAX : DR_COUNTED_ROWS_MAX;
}

/* ---- life ----------------------------------------------------------------------------- */

static int32_t new_batches(const struct dr_suite *suite, const struct dr_expect_options *opts,
                           int32_t workers, bool exact, struct dr_batches **ret, struct dr_err *err)
{
    struct dr_batches *b = dr_calloc(1, sizeof(*b));
    *b = (struct dr_batches){ .suite = suite, .opts = *opts, .n_workers = workers, .exact = exact };
    if (!b->opts.now_us)
        b->opts.now_us = dr_now_us(); /* one instant for all batches */
    b->sample = exact                            ? exact_sample(suite, opts)
                : opts->partial_unexpected_count ? opts->partial_unexpected_count
                                                 : SAMPLE_DEFAULT;
    b->workers = dr_calloc((size_t)workers, sizeof(*b->workers));
    int32_t rc = take_expectations(b, err);
    if (rc) {
        dr_batches_free(b);
        return rc;
    }
    for (int32_t i = 0; i < workers; i++) {
        struct worker *w = &b->workers[i];
        w->tallies = dr_calloc((size_t)b->parts.n + 1, sizeof(*w->tallies));
        w->sampled = dr_calloc((size_t)b->parts.n + 1, sizeof(*w->sampled));
        w->exceptions = dr_calloc((size_t)b->parts.n + 1, sizeof(*w->exceptions));
        w->exception_rows = dr_calloc((size_t)b->parts.n + 1, sizeof(*w->exception_rows));
    }
    *ret = b;
    return DR_OK;
}

int32_t dr_batches_new(const struct dr_suite *suite, const struct dr_expect_options *opts, int32_t workers,
                       struct dr_batches **ret, struct dr_err *err)
{
    return new_batches(suite, opts, workers, false, ret, err);
}

int32_t dr_batches_new_exact(const struct dr_suite *suite, const struct dr_expect_options *opts,
                             int32_t workers, struct dr_batches **ret, struct dr_err *err)
{
    return new_batches(suite, opts, workers, true, ret, err);
}

static void worker_done(struct worker *w)
{
    for (int32_t i = 0; i < w->n_pieces; i++) {
        free(w->pieces[i].rows);
        dr_table_unref(w->pieces[i].table);
    }
    free(w->pieces);
    free(w->tallies);
    free(w->sampled);
    free(w->exceptions);
    free(w->exception_rows);
    dr_arena_done(&w->arena);
}

void dr_batches_free(struct dr_batches *b)
{
    if (!b)
        return;
    for (int32_t i = 0; i < b->n_workers; i++)
        worker_done(&b->workers[i]);
    free(b->workers);
    free(b->parts.expectations);
    free(b->place);
    free(b->key);
    free(b);
}

const char *const *dr_batches_key(const struct dr_batches *b, int32_t *ret_n)
{
    *ret_n = b->n_key;
    return b->key;
}

bool dr_batches_typed(const struct dr_batches *b, const char *column)
{
    for (int32_t i = 0; i < b->parts.n; i++) {
        const struct dr_expectation *x = &b->parts.expectations[i];
        const struct dr_check_type *t = dr_check_find(x->type);
        if (t && (t->flags & DR_CHECK_TEXT) &&
            dr_streq(dr_node_str(dr_node_get(x->kwargs, "column"), ""), column))
            return false;
    }
    return true;
}

/* ---- a batch ---------------------------------------------------------------------------- */

static void add_tally(struct dr_tally *sum, const struct dr_check *c)
{
    sum->given = true;
    sum->elements += c->element_count;
    sum->missing += c->missing_count;
    sum->counted += c->element_count - c->missing_count;
    sum->unexpected += c->unexpected_count;
}

/* Mark the first unexpected rows that the sample still wants. */
static void mark_sample(const struct dr_batches *b, struct worker *w, int32_t part, const struct dr_check *c,
                        int64_t rows, uint64_t *wanted)
{
    const uint64_t *unexpected = (const uint64_t *)(const void *)c->unexpected;
    for (int64_t r = c->unexpected_count > 0 ? dr_rows_next(unexpected, rows, 0) : -1;
         r >= 0 && w->sampled[part] < b->sample; r = dr_rows_next(unexpected, rows, r + 1)) {
        dr_row_set(wanted, r);
        w->sampled[part]++;
    }
}

static int32_t keep_piece(struct worker *w, int64_t first_row, const struct dr_table *batch,
                          const uint64_t *wanted, struct dr_err *err)
{
    int64_t n = dr_rows_count(wanted, batch->rows), at = 0;
    bool schema = w->n_pieces == 0; /* even without rows it says which columns there are */
    if (n == 0 && !schema)
        return DR_OK;
    if (w->n_pieces == w->cap) {
        w->cap = w->cap ? w->cap * 2 : 4;
        w->pieces = dr_realloc(w->pieces, (size_t)w->cap * sizeof(*w->pieces));
    }
    struct piece *p = &w->pieces[w->n_pieces];
    *p = (struct piece){ .first = first_row, .n = n, .rows = dr_malloc((size_t)n * sizeof(int64_t) + 1) };
    for (int64_t r = dr_rows_next(wanted, batch->rows, 0); r >= 0;
         r = dr_rows_next(wanted, batch->rows, r + 1))
        p->rows[at++] = r;
    w->n_pieces++;
    DR_TRY(dr_table_take(batch, n, p->rows, &p->table, err));
    for (int64_t i = 0; i < n; i++)
        p->rows[i] += first_row;
    return DR_OK;
}

static int32_t take_results(struct dr_batches *b, struct worker *w, int64_t first_row,
                            const struct dr_table *batch, const struct dr_results *r, uint64_t *refused,
                            struct dr_err *err)
{
    size_t words = (size_t)dr_words(batch->rows);
    DR_AUTO_FREE uint64_t *wanted = dr_calloc(words + 1, sizeof(*wanted));
    memset(refused, 0, words * sizeof(*refused));
    for (int32_t i = 0; i < r->n; i++) {
        const struct dr_check *c = &r->checks[i];
        if (c->exception && !w->exceptions[i]) {
            w->exceptions[i] = dr_arena_strdup(&w->arena, c->exception);
            w->exception_rows[i] = first_row;
        }
        if (c->exception)
            continue;
        add_tally(&w->tallies[i], c);
        mark_sample(b, w, i, c, batch->rows, wanted);
        if (c->expectation->on_failure == DR_ON_FAILURE_QUARANTINE && c->unexpected_count > 0)
            dr_rows_or(refused, (const uint64_t *)(const void *)c->unexpected, batch->rows);
    }
    return keep_piece(w, first_row, batch, wanted, err);
}

int32_t dr_batches_add(struct dr_batches *b, int32_t worker, int64_t first_row, const struct dr_table *batch,
                       uint64_t *refused, struct dr_batch_split *split, struct dr_err *err)
{
    struct worker *w = &b->workers[worker];
    struct dr_expect_options opts = b->opts;
    struct dr_results *r;
    opts.result_format = DR_RESULT_BOOLEAN_ONLY;
    DR_TRY(dr_expect_run(&b->parts, batch, &opts, &r, err));
    int32_t rc = take_results(b, w, first_row, batch, r, refused, err);
    if (!rc && split)
        rc = dr_expect_split(r, batch, &split->valid, &split->quarantined, err);
    w->rows += batch->rows;
    dr_results_free(r);
    return rc;
}

/* ---- the whole ------------------------------------------------------------------------------ */

static int by_first(const void *a, const void *b)
{
    const struct piece *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

/* All pieces in order of their rows. */
static struct piece *all_pieces(const struct dr_batches *b, int32_t *ret_n)
{
    int32_t n = 0;
    for (int32_t i = 0; i < b->n_workers; i++)
        n += b->workers[i].n_pieces;
    struct piece *all = dr_calloc((size_t)n + 1, sizeof(*all));
    n = 0;
    for (int32_t i = 0; i < b->n_workers; i++)
        for (int32_t k = 0; k < b->workers[i].n_pieces; k++)
            all[n++] = b->workers[i].pieces[k];
    qsort(all, (size_t)n, sizeof(*all), by_first);
    *ret_n = n;
    return all;
}

static int32_t make_sample(const struct dr_batches *b, struct dr_table **ret, int64_t **ret_rows,
                           struct dr_err *err)
{
    int32_t n;
    int64_t rows = 0;
    DR_AUTO_FREE struct piece *pieces = all_pieces(b, &n);
    if (n == 0)
        return dr_fail(err, DR_EBUG, "a stream without a batch has no results");
    DR_AUTO_FREE const struct dr_table **tables = dr_calloc((size_t)n, sizeof(*tables));
    for (int32_t i = 0; i < n; i++) {
        tables[i] = pieces[i].table;
        rows += pieces[i].n;
    }
    DR_TRY(dr_table_concat(n, tables, ret, err));
    *ret_rows = dr_malloc((size_t)rows * sizeof(**ret_rows) + 1);
    for (int32_t i = 0, at = 0; i < n; at += (int32_t)pieces[i++].n)
        if (pieces[i].n > 0)
            memcpy(*ret_rows + at, pieces[i].rows, (size_t)pieces[i].n * sizeof(int64_t));
    return DR_OK;
}

static void sum_tallies(const struct dr_batches *b, int64_t rows, int64_t duplicate_rows,
                        struct dr_tally *sums)
{
    for (int32_t i = 0; i < b->suite->n; i++)
        sums[i] = (struct dr_tally){
            .given = true, .elements = rows, .counted = rows, .unexpected = duplicate_rows
        };
    for (int32_t i = 0; i < b->parts.n; i++)
        sums[b->place[i]] = (struct dr_tally){ .given = true };
    for (int32_t i = 0; i < b->parts.n; i++)
        for (int32_t w = 0; w < b->n_workers; w++) {
            const struct dr_tally *t = &b->workers[w].tallies[i];
            struct dr_tally *sum = &sums[b->place[i]];
            sum->elements += t->elements;
            sum->missing += t->missing;
            sum->counted += t->counted;
            sum->unexpected += t->unexpected;
        }
}

/* An expectation that could not be evaluated on some batch has no result; the first says why. */
static void take_exceptions(const struct dr_batches *b, struct dr_results *r)
{
    for (int32_t i = 0; i < b->parts.n; i++) {
        const struct worker *first = NULL;
        for (int32_t k = 0; k < b->n_workers; k++) {
            const struct worker *w = &b->workers[k];
            if (w->exceptions[i] && (!first || w->exception_rows[i] < first->exception_rows[i]))
                first = w;
        }
        if (first)
            dr_results_set_exception(r, b->place[i], first->exceptions[i]);
    }
}

int32_t dr_batches_finish(struct dr_batches *b, int64_t duplicate_rows, struct dr_results **ret,
                          struct dr_err *err)
{
    struct dr_table *sample = NULL;
    int64_t *numbers = NULL, rows = 0;
    for (int32_t i = 0; i < b->n_workers; i++)
        rows += b->workers[i].rows;
    DR_TRY(make_sample(b, &sample, &numbers, err));
    DR_AUTO_FREE struct dr_tally *sums = dr_calloc((size_t)b->suite->n + 1, sizeof(*sums));
    sum_tallies(b, rows, duplicate_rows, sums);
    struct dr_expect_options opts = b->opts;
    opts.tallies = sums;
    opts.row_numbers = numbers;
    int32_t rc = dr_expect_run(b->suite, sample, &opts, ret, err);
    if (!rc) {
        (*ret)->rows = rows;
        take_exceptions(b, *ret);
    }
    dr_table_unref(sample);
    free(numbers);
    return rc;
}
