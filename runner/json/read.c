/* read.c - the JSON reader: pieces in order, batches out.
 *
 *   input --> pieces --> units --> (accept) --> queue --> batches
 *
 * Lines of a file are read by all threads of the pool in rounds: a piece owns the
 * lines that start in it, and as a JSON string holds no line end, any thread finds
 * them by itself. Pipes and documents are read in sequence, in a buffer that holds
 * at least one record.
 *
 * Columns that are not declared are found in the first records (the window). A
 * later value that does not fit them is a surprise: a reader that holds all its rows
 * starts again with a larger window, which ends at the latest when the window is
 * the whole text; a stream, whose batches are gone, says where it is. */
#include "json/reader.h"
#include "data/kernel.h"
#include "data/pool.h"

enum { BATCH_ROWS = DR_CHUNK_ROWS, OVERLAP = 4096, HEAD = 64 << 10, FIRST_ROUND = 4, MOST_ROUND = 512 };

struct dr_json_tuning dr_json_tuning_default(void)
{
    return (struct dr_json_tuning){ .isa = dr_json_best_isa(), .piece = (size_t)512 << 10, .round = 32 };
}

/* ---- text in sequence ------------------------------------------------------------------------ */

static int32_t read_more(struct dr_json_reader *r, size_t room, size_t *ret_n, struct dr_err *err)
{
    if (!r->in.seekable) {
        DR_TRY(dr_input_read(&r->in, r->buf + r->have, room, ret_n, err));
        r->ended = r->in.ended;
        return DR_OK;
    }
    DR_TRY(dr_input_read_at(&r->in, r->source, r->buf + r->have, room, ret_n, err));
    r->source += (int64_t)*ret_n;
    r->ended = *ret_n < room;
    return DR_OK;
}

/* Make buf[at, have) at least `want` bytes, fewer only at the end. */
static int32_t fill(struct dr_json_reader *r, size_t want, struct dr_err *err)
{
    if (r->at > 0)
        memmove(r->buf, r->buf + r->at, r->have - r->at);
    r->have -= r->at;
    r->at = 0;
    if (r->cap < want + 2 * DR_JSON_PADDING) {
        r->cap = want + 2 * DR_JSON_PADDING;
        r->buf = dr_realloc(r->buf, r->cap);
    }
    while (!r->ended && r->have < want) {
        size_t got;
        DR_TRY(read_more(r, r->cap - DR_JSON_PADDING - r->have, &got, err));
        r->have += got;
    }
    memset(r->buf + r->have, 0, DR_JSON_PADDING);
    return DR_OK;
}

static int32_t too_long(const struct dr_json_reader *r, struct dr_err *err)
{
    return dr_fail(err, DR_ELIMIT, "%s:%lld: a record is longer than the limit of %lld bytes (max_record)",
                   r->in.name, (long long)r->lines_before + 1, (long long)r->opts.max_record);
}

/* Twice as much text, as far as a record may reach. */
static int32_t widen(const struct dr_json_reader *r, size_t *want, struct dr_err *err)
{
    if (*want > (size_t)r->opts.max_record)
        return too_long(r, err);
    *want = *want * 2 > (size_t)r->opts.max_record ? (size_t)r->opts.max_record + 1 : *want * 2;
    return DR_OK;
}

/* As many bytes of buf as are whole lines. */
static size_t whole_lines(const struct dr_json_reader *r)
{
    const char *lf = r->ended ? NULL : memrchr(r->buf + r->at, '\n', r->have - r->at);
    return r->ended ? r->have - r->at : lf ? (size_t)(lf + 1 - r->buf) - r->at : 0;
}

/* Read what is in the buffer; returns how much of it is done with. */
static size_t read_buffer(struct dr_json_reader *r, struct dr_json_worker *w, struct dr_json_unit *u)
{
    size_t n = r->lines ? whole_lines(r) : r->have - r->at;
    if (!r->lines)
        return dr_json_read_array(w, &r->place, r->buf + r->at, n, r->ended, u);
    dr_json_read_lines(w, r->buf + r->at, n, u);
    return n;
}

static int32_t read_in_sequence(struct dr_json_reader *r, struct dr_err *err)
{
    for (size_t want = r->tuning.piece;;) {
        DR_TRY(fill(r, want, err));
        r->drained = r->lines ? r->ended && r->have == 0 : r->place.stage == DR_JSON_OVER;
        if (r->drained)
            return DR_OK;
        struct dr_json_unit *u = dr_json_unit_new(&r->plan, r->offset);
        for (int32_t t = 0; t < r->plan.n; t++)
            memcpy(u->tables[t].zones, r->zones[t], (size_t)r->plan.tables[t].n);
        size_t done = read_buffer(r, &r->workers[0], u);
        r->at += done;
        r->offset += (int64_t)done;
        if (done > 0 || u->rc)
            return dr_json_accept(r, u, err);
        dr_json_unit_free(u);
        DR_TRY(widen(r, &want, err));
    }
}

/* ---- rounds ------------------------------------------------------------------------------------- */

struct round {
    struct dr_json_reader *r;
    struct dr_json_unit **units; /* owned; one for each piece */
    atomic_flag *taken;          /* owned; one for each worker */
};

/* Bytes [from, from + want) after the input's start into the worker's text. */
static int32_t load(struct dr_json_reader *r, struct dr_json_worker *w, int64_t from, size_t want,
                    struct dr_json_unit *u)
{
    struct dr_err err = { 0 };
    int32_t rc = dr_input_read_range(&r->in, r->first + from, want, DR_JSON_PADDING, &w->text, &err);
    if (rc) {
        dr_json_unit_fail(u, rc, -1, 0, err.msg);
        u->sys = err.sys;
    }
    return rc;
}

/* Past the first LF at or after p[from]; n where there is none. */
static size_t past_lf(const char *p, size_t from, size_t n)
{
    const char *lf = from < n ? memchr(p + from, '\n', n - from) : NULL;
    return lf ? (size_t)(lf + 1 - p) : n;
}

/* The lines that start in [from, to). */
static struct dr_json_unit *read_range(struct dr_json_reader *r, struct dr_json_worker *w, int64_t from,
                                       int64_t to)
{
    struct dr_json_unit *u = dr_json_unit_new(&r->plan, from);
    int64_t start = from > 0 ? from - 1 : 0; /* the LF may be the byte before */
    size_t limit = (size_t)(to - start);
    for (size_t want = limit + OVERLAP;; want *= 2) {
        if (load(r, w, start, want, u))
            return u;
        const char *p = w->text.p;
        size_t n = w->text.n;
        size_t begin = from > 0 ? past_lf(p, 0, n) : 0;
        size_t end = past_lf(p, limit - 1, n);
        bool whole = n < want || (end > 0 && p[end - 1] == '\n');
        if (begin >= limit && (whole || begin < n)) {
            u->end = to;
            return u;
        }
        if (whole) {
            u->start = start + (int64_t)begin;
            dr_json_read_lines(w, p + begin, end - begin, u);
            return u;
        }
        if (want - limit > (size_t)r->opts.max_record) {
            dr_json_unit_fail(u, DR_ELIMIT, -1, 0, "a record is longer than max_record");
            return u;
        }
    }
}

static int64_t text_size(const struct dr_json_reader *r)
{
    return r->in.size - r->first;
}

static int64_t range_end(const struct dr_json_reader *r, int64_t start)
{
    int64_t end = start + (int64_t)r->tuning.piece;
    return end < text_size(r) ? end : text_size(r);
}

static void read_one(void *ctx, int64_t i)
{
    struct round *round = ctx;
    struct dr_json_reader *r = round->r;
    int32_t mine = 0;
    while (atomic_flag_test_and_set_explicit(&round->taken[mine], memory_order_acquire))
        mine = (mine + 1) % r->workers_n;
    int64_t from = r->offset + i * (int64_t)r->tuning.piece;
    round->units[i] = read_range(r, &r->workers[mine], from, range_end(r, from));
    atomic_flag_clear_explicit(&round->taken[mine], memory_order_release);
}

/* A thread waits for the others at the end of a round, so long ones are good; but codes that are
 * new in a round are settled after it, one thread at work, so the first, where most are, is short.
 * Rows that are given out by and by are not kept for long. */
static void choose_round(struct dr_json_reader *r)
{
    if (!r->hold)
        r->round = r->tuning.round;
    else if (r->offset == 0)
        r->round = FIRST_ROUND;
    else if (r->round < MOST_ROUND)
        r->round *= 2;
}

static int32_t read_round(struct dr_json_reader *r, struct dr_err *err)
{
    int64_t piece = (int64_t)r->tuning.piece;
    int64_t left = (text_size(r) - r->offset + piece - 1) / piece;
    choose_round(r);
    int64_t n = left < r->round ? left : r->round;
    struct round round = { .r = r };
    round.units = dr_calloc((size_t)n + 1, sizeof(struct dr_json_unit *));
    round.taken = dr_calloc((size_t)r->workers_n, sizeof *round.taken);
    dr_pool_run(n, read_one, &round);
    int32_t rc = DR_OK;
    for (int64_t i = 0; i < n; i++) {
        if (rc)
            dr_json_unit_free(round.units[i]);
        else
            rc = dr_json_accept(r, round.units[i], err);
    }
    free(round.units);
    free(round.taken);
    r->offset += n * piece;
    r->drained = r->offset >= text_size(r);
    return rc;
}

/* ---- starting ----------------------------------------------------------------------------------------- */

static void drop_workers(struct dr_json_reader *r)
{
    for (int32_t i = 0; i < r->workers_n; i++)
        dr_json_worker_done(&r->workers[i]);
    free(r->workers);
    r->workers = NULL;
    r->workers_n = 0;
}

/* Back to the start of the text. What a pipe gave is still in the buffer. */
static void rewind_text(struct dr_json_reader *r)
{
    if (r->in.seekable) {
        r->source = r->first;
        r->have = 0;
        r->ended = false;
    }
    r->at = 0;
    r->offset = 0;
    r->place = (struct dr_json_place_in){ 0 };
}

/* The records of the window into the finder; *ret_all: there are no others. */
static int32_t look_at_window(struct dr_json_reader *r, struct dr_json_finder *f, bool *ret_all,
                              struct dr_err *err)
{
    struct dr_json_worker w;
    size_t want = r->infer, done = 0;
    do {
        DR_TRY(fill(r, want, err));
        *ret_all = r->ended;
        bool none = r->lines && whole_lines(r) == 0 && !r->ended;
        if (!none) {
            struct dr_json_unit *u = dr_json_unit_new(&r->plan, 0);
            dr_json_worker_init(&w, &r->plan, r->tuning.isa, r->tuning.block);
            w.walk.whole = true;
            w.walk.max_record = r->opts.max_record;
            w.forgiving = r->opts.forgiving;
            w.finder = f;
            done = read_buffer(r, &w, u);
            if (u->rc) {
                dr_json_unit_error(r, u, &r->window_err);
                done = 1; /* the reading itself will say so */
            }
            dr_json_unit_free(u);
            dr_json_worker_done(&w);
            r->place = (struct dr_json_place_in){ 0 };
        }
        if (done == 0 && !r->ended)
            DR_TRY(widen(r, &want, err));
    } while (done == 0 && !r->ended);
    return DR_OK;
}

static int32_t find_columns(struct dr_json_reader *r, bool *ret_all, struct dr_err *err)
{
    struct dr_json_finder *f = dr_json_finder_new(&r->plan);
    rewind_text(r);
    int32_t rc = look_at_window(r, f, ret_all, err);
    int32_t finish_rc = dr_json_finder_finish(f, *ret_all, rc ? NULL : err);
    return rc ? rc : finish_rc ? dr_err_prefix(err, "%s", r->in.name) : DR_OK;
}

static bool parallel(const struct dr_json_reader *r)
{
    return r->lines && r->in.seekable;
}

/* The names of columns that hold no member's value. */
static int32_t check_more_columns(struct dr_json_reader *r, struct dr_err *err)
{
    struct dr_json_table_plan *records = &r->plan.tables[0];
    const char *rest = r->opts.rest_column;
    int32_t n = records->n;
    if (rest && r->opts.n_columns == 0)
        return dr_fail(err, DR_EDEF, "column '%s': where no columns are declared nothing is left for it",
                       rest);
    if (r->opts.line_column && dr_json_plan_add(&r->plan, records, r->opts.line_column, "") < 0)
        r->opts.line_column = NULL;
    if (rest && dr_json_plan_add(&r->plan, records, rest, "") < 0)
        return dr_fail(err, DR_EDEF,
                       "there is a column '%s' already, so it cannot hold what is left of "
                       "the records",
                       rest);
    records->n = n; /* only the names were to be checked */
    return DR_OK;
}

/* Make the plan and whatever depends on it, and go to the start of the text. */
static int32_t begin(struct dr_json_reader *r, struct dr_err *err)
{
    bool all = false;
    drop_workers(r);
    dr_json_settle_done(r);
    dr_json_plan_done(&r->plan);
    r->window_err = (struct dr_err){ 0 };
    DR_TRY(dr_json_plan_init(&r->plan, &r->opts, err));
    for (int32_t i = 0; i < r->known_n; i++)
        r->plan.tables[r->known[i].table].fields[r->known[i].column].zone = r->known[i].zone;
    if (r->plan.undecided)
        DR_TRY(find_columns(r, &all, err));
    if (r->plan.tables[0].n == 0 && r->window_err.rc) {
        if (err)
            *err = r->window_err;
        return r->window_err.rc;
    }
    if (r->plan.tables[0].n == 0)
        return dr_fail(err, DR_EINPUT,
                       "%s: no record has a member that could be a column; declare the columns to read "
                       "an empty file as an empty table",
                       r->in.name);
    DR_TRY(check_more_columns(r, err));
    rewind_text(r);
    dr_json_settle_init(r);
    r->workers_n = parallel(r) && dr_pool_threads() > 1 ? dr_pool_threads() : 1;
    r->workers = dr_calloc((size_t)r->workers_n, sizeof *r->workers);
    for (int32_t i = 0; i < r->workers_n; i++) {
        struct dr_json_worker *w = &r->workers[i];
        dr_json_worker_init(w, &r->plan, r->tuning.isa, r->tuning.block);
        w->forgiving = r->opts.forgiving;
        w->hide_text = r->opts.hide_text;
        w->lines = r->opts.line_column != NULL;
        w->rest = r->opts.rest_column;
        w->memory.large = r->in.size >= DR_BULK_INPUT;
        w->walk.max_record = r->opts.max_record;
        w->final = all || !(r->hold || r->sure) || !r->in.seekable;
        dr_json_worker_know(w, r->dicts);
    }
    r->drained = parallel(r) && text_size(r) <= 0;
    return DR_OK;
}

/* Whether the first line is a whole value, or there is but one line. */
static bool first_line_is_whole(struct dr_json_reader *r)
{
    struct dr_json_walk w;
    struct dr_json_plan none = { .n = 0 };
    const char *start = r->buf, *end = r->buf + r->have;
    while (start < end && dr_json_is_white(*start))
        start++;
    const char *lf = memchr(start, '\n', (size_t)(end - start));
    if (!lf)
        return !r->ended || start == end;
    struct dr_json_rows rows = { 0 };
    w = (struct dr_json_walk){ .plan = &none, .rows = &rows };
    dr_json_walk_begin(&w, r->tuning.isa, false, start, (size_t)(lf - start), 0);
    uint32_t past;
    bool whole = dr_json_walk_skip(&w, dr_json_take(&w.tokens), &past);
    dr_json_scan_done(&w.tokens.scan);
    return whole;
}

static int32_t choose_layout(struct dr_json_reader *r, struct dr_err *err)
{
    r->lines = r->opts.layout == DR_JSON_LINES;
    if (r->opts.layout > DR_JSON_DOCUMENT)
        return dr_fail(err, DR_EDEF, "there is no JSON layout %d", (int)r->opts.layout);
    if (r->opts.layout != DR_JSON_AUTO)
        return DR_OK;
    DR_TRY(fill(r, HEAD, err));
    const char *p = r->buf, *end = r->buf + r->have;
    while (p < end && dr_json_is_white(*p))
        p++;
    bool array = p < end && *p == '[';
    r->lines = !r->opts.records && !array && first_line_is_whole(r);
    return DR_OK;
}

/* ---- the reader ------------------------------------------------------------------------------- */

/* Start again, knowing more, and with a window that more likely holds the surprise. */
static int32_t start_again(struct dr_json_reader *r, struct dr_err *err)
{
    r->infer = r->infer * 8 + (size_t)r->offset;
    if (r->infer > (size_t)r->in.size) /* only what can be read twice gets here */
        r->infer = (size_t)r->in.size + 1;
    r->failed = (struct dr_err){ 0 };
    if (r->rejects)
        dr_rejects_clear(r->rejects);
    return begin(r, err);
}

static int32_t read_some(struct dr_json_reader *r, struct dr_err *err)
{
    int32_t rc = parallel(r) ? read_round(r, err) : read_in_sequence(r, err);
    if (rc == DR_ECANCEL && r->hold)
        return start_again(r, err);
    if (rc == DR_ECANCEL) /* the message is of the record */
        err->rc = DR_ECANCEL;
    if (!rc && r->drained)
        rc = dr_input_check_size(&r->in, err);
    return rc;
}

static struct dr_table *take_batch(struct dr_json_reader *r)
{
    int32_t units = 0;
    for (int64_t rows = 0; units < r->queue_n && (r->hold || rows < BATCH_ROWS); units++)
        rows += r->queue[units]->tables[0].rows;
    struct dr_table *t = dr_json_make_table(r, units);
    if (!r->hold && units > 0) {
        for (int32_t i = 0; i < units; i++) {
            r->queue_rows -= r->queue[i]->tables[0].rows;
            dr_json_unit_free(r->queue[i]);
        }
        r->queue_n -= units;
        memmove(r->queue, r->queue + units, (size_t)r->queue_n * sizeof(struct dr_json_unit *));
    }
    r->given = true;
    return t;
}

static int32_t reader_next(struct dr_reader *base, struct dr_table **ret, struct dr_err *err)
{
    struct dr_json_reader *r = (struct dr_json_reader *)base;
    while (!r->failed.rc && !r->drained && (r->hold || r->queue_rows < BATCH_ROWS)) {
        int32_t rc = read_some(r, &r->failed);
        if (rc && !r->failed.rc)
            dr_fail(&r->failed, rc, "%s: cannot be read", r->in.name);
    }
    if (r->failed.rc) {
        if (err)
            *err = r->failed;
        return r->failed.rc;
    }
    bool more = r->hold ? !r->given : r->queue_n > 0 || !r->given;
    *ret = more ? take_batch(r) : NULL;
    return DR_OK;
}

static void reader_close(struct dr_reader *base)
{
    struct dr_json_reader *r = (struct dr_json_reader *)base;
    drop_workers(r);
    dr_json_settle_done(r);
    dr_json_plan_done(&r->plan);
    dr_input_close(&r->in);
    free(r->buf);
    free(r->known);
    free(r);
}

int32_t dr_json_open_input(struct dr_input *in, const struct dr_json_options *opts,
                           const struct dr_json_tuning *tuning, enum dr_json_mode mode,
                           struct dr_rejects *rejects, struct dr_json_reader **ret, struct dr_err *err)
{
    struct dr_json_reader *r = dr_calloc(1, sizeof *r);
    r->base = (struct dr_reader){ .next = reader_next, .close = reader_close, .total = in->size };
    r->in = *in;
    dr_json_options_copy(opts, &r->opts);
    r->tuning = *tuning;
    r->hold = mode == DR_JSON_HOLD;
    r->sure = mode == DR_JSON_SURE;
    r->rejects = rejects;
    r->first = r->source = in->at;
    r->infer = (size_t)r->opts.infer_bytes;
    int32_t rc = choose_layout(r, err);
    if (!rc)
        rc = begin(r, err);
    if (rc)
        reader_close(&r->base);
    else
        *ret = r;
    return rc;
}

static int32_t open_stream(const char *path, const struct dr_json_options *opts, enum dr_json_mode mode,
                           struct dr_rejects *rejects, struct dr_reader **ret, struct dr_err *err)
{
    struct dr_input in;
    struct dr_json_reader *r;
    struct dr_json_tuning tuning = dr_json_tuning_default();
    struct dr_json_options copy;
    dr_json_options_copy(opts, &copy);
    DR_TRY(dr_input_open(&in, path, copy.encoding, err));
    DR_TRY(dr_json_open_input(&in, &copy, &tuning, mode, rejects, &r, err));
    *ret = &r->base;
    return DR_OK;
}

int32_t dr_json_open(const char *path, const struct dr_json_options *opts, struct dr_rejects *rejects,
                     struct dr_reader **ret, struct dr_err *err)
{
    return open_stream(path, opts, DR_JSON_STREAM, rejects, ret, err);
}

int32_t dr_json_open_sure(const char *path, const struct dr_json_options *opts, struct dr_rejects *rejects,
                          struct dr_reader **ret, struct dr_err *err)
{
    return open_stream(path, opts, DR_JSON_SURE, rejects, ret, err);
}

const char *const *dr_json_mixed(const struct dr_reader *base, struct dr_arena *a)
{
    const struct dr_json_table_plan *t = &((const struct dr_json_reader *)base)->plan.tables[0];
    const char **names = dr_arena_array(a, (size_t)t->n + 1, sizeof *names);
    int32_t n = 0;
    for (int32_t i = 0; i < t->n; i++)
        if (t->fields[i].mixed)
            names[n++] = dr_arena_strdup(a, t->fields[i].name);
    return n > 0 ? names : NULL;
}
