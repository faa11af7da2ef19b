/* round.c - the rest of a large file, read by all threads of the pool.
 *
 * The file is cut into ranges of equal size. A range owns the records that
 * start in it, and a thread guesses that the first of them starts after the
 * first LF from which on the text looks like records. Where LFs lie inside
 * quotes that may be wrong, so nothing is believed yet: when all ranges of a round are read, they are
 * accepted in file order, and each is taken only if it starts exactly where the one before it ended. If not,
 * it is read again from there. By induction every record accepted starts where a sequential reader would have
 * started it. */
#include "csv/reader.h"
#include "data/pool.h"

enum { OVERLAP = 4096 }; /* bytes read past a range, for the end of its last record */
enum {
    GLANCE = 2048, /* bytes that are looked at to tell a record's start from text in quotes */
    GUESSES = 4    /* LFs that are tried */
};

struct round {
    struct dr_csv_reader *r;
    struct dr_csv_unit **units; /* owned; one for each range */
    atomic_flag *taken;         /* owned; one for each ranger */
};

static int64_t range_end(const struct dr_csv_reader *r, int64_t start)
{
    int64_t end = start + (int64_t)r->tuning.piece;
    return end < r->in.size ? end : r->in.size;
}

/* Whether p[0, n) looks as if a record started at p: quotes are where they may be, and the
 * first line end outside them follows as many fields as there are columns. */
static bool looks_like_records(struct dr_csv_worker *w, const char *p, size_t n)
{
    const struct dr_csv_format *f = w->format;
    const struct dr_csv_index *index = &w->index;
    size_t field = 1;
    dr_csv_scan(w->isa, p, n < GLANCE ? n : GLANCE, f->delimiter, f->quote, &w->index);
    while (field <= index->n && p[index->at[field]] != '\n')
        field++;
    return !index->odd && (field > index->n || field == (size_t)f->n);
}

/* The first line from offset `at` on, where one starts, that looks like a record. */
static size_t likely_start(struct dr_csv_worker *w, const char *p, size_t n, size_t at)
{
    size_t line = at;
    for (int i = 0; i < GUESSES && w->path == DR_CSV_PATH_FAST; i++) {
        if (looks_like_records(w, p + line, n - line))
            return line;
        const char *lf = memchr(p + line, '\n', n - line);
        if (!lf)
            break;
        line = (size_t)(lf - p) + 1;
    }
    return at;
}

/* Bytes [from, from + want) of the file into the ranger's text. */
static int32_t load(struct dr_csv_reader *r, struct dr_csv_ranger *g, int64_t from, size_t want,
                    struct dr_csv_unit *u)
{
    struct dr_err err = { 0 };
    int32_t rc = dr_input_read_range(&r->in, from, want, DR_CSV_SLACK, &g->text, &err);
    if (rc) {
        dr_input_hash_give_up(r->in.hash);
        dr_csv_fail(u, rc, -1, 0, "%s", err.msg);
        u->sys = err.sys;
    }
    return rc;
}

/* Hash what a range owns of the bytes that were read from `first` on; *ret_done: not before those of the
 * ranges before it. A range is taken by a thread only after those before it. */
static void hash_range(struct dr_csv_reader *r, const struct dr_csv_ranger *g, int64_t first, int64_t to,
                       bool wait, bool *ret_done)
{
    size_t own = (size_t)(to - first);
    if (g->text.n < own)
        dr_input_hash_give_up(r->in.hash); /* the file has shrunk */
    else if (wait)
        dr_input_hash_wait(r->in.hash, first, g->text.p, own);
    else
        *ret_done = dr_input_hash_try(r->in.hash, first, g->text.p, own);
}

/* The records that start in [from, to): from the first, where `known` says that
 * one starts at `from`, else from the first after an LF. */
static struct dr_csv_unit *read_range(struct dr_csv_reader *r, struct dr_csv_ranger *g, int64_t from,
                                      int64_t to, bool known)
{
    int64_t first = known ? from : from - 1; /* the LF may be the byte before */
    for (size_t want = (size_t)(to - first) + OVERLAP;; want *= 2) {
        struct dr_csv_unit *u = dr_csv_unit_new(from);
        bool hashed = known;
        if (load(r, g, first, want, u))
            return u;
        const char *p = g->text.p;
        size_t n = g->text.n;
        if (!hashed)
            hash_range(r, g, first, to, false, &hashed);
        const char *lf = known ? NULL : memchr(p, '\n', n);
        size_t skip = lf ? (size_t)(lf - p) + 1 : known ? 0 : n;
        if (lf)
            skip = likely_start(&g->tools, p, n, skip);
        struct dr_csv_piece piece = { .p = p + skip, .n = n - skip };
        size_t limit = (size_t)(to - first);
        piece.limit = limit > skip ? limit - skip : 0;
        piece.end = n < want || first + (int64_t)n >= r->in.size; /* fewer: the file has shrunk */
        u->start = u->end = first + (int64_t)skip;
        dr_csv_read_piece(&g->tools, &piece, u);
        if (!hashed)
            hash_range(r, g, first, to, true, &hashed);
        if (!u->unfinished || u->rc || !known || piece.end)
            return u;
        dr_csv_unit_free(u);
    }
}

static void read_one(void *ctx, int64_t i)
{
    struct round *round = ctx;
    struct dr_csv_reader *r = round->r;
    int32_t mine = 0;
    while (atomic_flag_test_and_set_explicit(&round->taken[mine], memory_order_acquire))
        mine = (mine + 1) % r->rangers_n;
    int64_t from = r->offset + i * (int64_t)r->tuning.piece;
    round->units[i] = read_range(r, &r->rangers[mine], from, range_end(r, from), false);
    atomic_flag_clear_explicit(&round->taken[mine], memory_order_release);
}

static void need_rangers(struct dr_csv_reader *r, int32_t n)
{
    if (r->rangers_n >= n)
        return;
    r->rangers = dr_realloc(r->rangers, (size_t)n * sizeof *r->rangers);
    for (int32_t i = r->rangers_n; i < n; i++) {
        r->rangers[i] = (struct dr_csv_ranger){ 0 };
        dr_csv_worker_init(&r->rangers[i].tools, &r->format, r->tuning.path, r->tuning.isa, r->tuning.block);
    }
    r->rangers_n = n;
}

/* Accept what was read of range [from, to), or read it again from where the
 * records before it ended. */
static int32_t settle_range(struct dr_csv_reader *r, struct dr_csv_unit **unit, int64_t *expected, int64_t to,
                            struct dr_err *err)
{
    struct dr_csv_unit *u = *unit;
    *unit = NULL;
    if (*expected >= to) { /* a record of an earlier range reaches past this one */
        dr_csv_unit_free(u);
        return DR_OK;
    }
    if (u->start != *expected || u->unfinished) {
        dr_csv_unit_free(u);
        u = read_range(r, &r->rangers[0], *expected, to, true);
    }
    *expected = u->end;
    return dr_csv_accept(r, u, err);
}

int32_t dr_csv_round(struct dr_csv_reader *r, struct dr_err *err)
{
    int64_t piece = (int64_t)r->tuning.piece;
    int64_t left = (r->in.size - r->offset + piece - 1) / piece;
    int64_t n = left < r->tuning.round ? left : r->tuning.round;
    need_rangers(r, dr_pool_threads() > 1 ? dr_pool_threads() : 1);
    struct round round = { .r = r };
    round.units = dr_calloc((size_t)n, sizeof(struct dr_csv_unit *));
    round.taken = dr_calloc((size_t)r->rangers_n, sizeof *round.taken);
    dr_pool_run(n, read_one, &round);
    int32_t rc = DR_OK;
    for (int64_t i = 0; i < n && !rc; i++)
        rc = settle_range(r, &round.units[i], &r->expected, range_end(r, r->offset + i * piece), err);
    for (int64_t i = 0; i < n; i++)
        dr_csv_unit_free(round.units[i]);
    free(round.units);
    free(round.taken);
    r->offset = range_end(r, r->offset + (n - 1) * piece);
    r->drained = r->offset >= r->in.size;
    return rc;
}
