/* piece.c - lines and documents into units. */
#include "json/piece.h"
#include "csv/cells.h"
#include "csv/scan.h"

enum { BLOCK_ROWS = 4096, BLOCK_ROWS_MIN = 64, BLOCK_CELLS = 1 << 17, NEAR = 64 };

/* ---- units ------------------------------------------------------------------------------------ */

struct dr_json_unit *dr_json_unit_new(const struct dr_json_plan *p, int64_t start)
{
    struct dr_json_unit *u = dr_calloc(1, sizeof *u);
    u->n = p->n;
    u->tables = dr_calloc((size_t)p->n, sizeof *u->tables);
    for (int32_t t = 0; t < p->n; t++) {
        u->tables[t].columns = p->tables[t].n + 2;
        u->tables[t].zones = dr_calloc((size_t)p->tables[t].n + 1, 1);
        for (int32_t i = 0; i < p->tables[t].n; i++)
            u->tables[t].zones[i] = p->tables[t].fields[i].zone;
        u->tables[t].provisional = dr_calloc((size_t)p->tables[t].n + 1, sizeof(bool));
    }
    u->start = u->end = start;
    return u;
}

void dr_json_unit_free(struct dr_json_unit *u)
{
    if (!u)
        return;
    for (int32_t t = 0; t < u->n; t++) {
        struct dr_json_chunks *chunks = &u->tables[t];
        for (int32_t i = 0; i < chunks->n * chunks->columns; i++)
            dr_array_unref(chunks->arrays[i]);
        free(chunks->arrays);
        free(chunks->zones);
        free(chunks->provisional);
    }
    free(u->tables);
    free(u->rejects);
    dr_arena_done(&u->arena);
    free(u);
}

void dr_json_unit_fail(struct dr_json_unit *u, int32_t rc, int64_t line, int64_t column, const char *why)
{
    u->rc = rc;
    u->fail_line = line;
    u->fail_column = column;
    snprintf(u->fail, sizeof u->fail, "%s", why);
}

/* text is copied; reason must outlive the unit or lie in its arena. */
void dr_json_unit_reject(struct dr_json_unit *u, int64_t line, const char *reason, struct dr_str text)
{
    if (u->rejects_n == u->rejects_cap) {
        u->rejects_cap = u->rejects_cap ? u->rejects_cap * 2 : 16;
        u->rejects = dr_realloc(u->rejects, u->rejects_cap * sizeof *u->rejects);
    }
    text.p = dr_arena_dup(&u->arena, text.p, text.n);
    u->rejects[u->rejects_n++] = (struct dr_json_reject){ line, reason, text };
}

/* ---- workers ------------------------------------------------------------------------------------- */

/* What the values of JSON columns need to know of CSV: nothing. */
static const struct dr_csv_format no_format = { 0 };

static int32_t block_rows(const struct dr_json_plan *p)
{
    int32_t rows = BLOCK_CELLS / (p->tables[0].n + 1);
    return rows > BLOCK_ROWS ? BLOCK_ROWS : rows < BLOCK_ROWS_MIN ? BLOCK_ROWS_MIN : rows;
}

void dr_json_worker_init(struct dr_json_worker *w, const struct dr_json_plan *p, enum dr_json_isa isa,
                         int32_t rows)
{
    *w = (struct dr_json_worker){ .plan = p, .isa = isa };
    w->wide = isa == DR_JSON_AVX2 && dr_best_isa() >= DR_ISA_AVX512;
    dr_json_walk_init(&w->walk, p, rows ? rows : block_rows(p));
    w->values = dr_calloc((size_t)p->n, sizeof *w->values);
    for (int32_t t = 0; t < p->n; t++) {
        w->values[t] = dr_calloc((size_t)p->tables[t].n + 1, sizeof **w->values);
        for (int32_t i = 0; i < p->tables[t].n; i++)
            if (p->tables[t].fields[i].type == DR_TYPE_DICT)
                dr_csv_values_init(&w->values[t][i], &no_format);
    }
}

void dr_json_worker_know(struct dr_json_worker *w, struct dr_dict **const *dicts)
{
    for (int32_t t = 0; t < w->plan->n; t++)
        for (int32_t i = 0; i < w->plan->tables[t].n; i++)
            w->values[t][i].known = dicts[t][i];
}

void dr_json_worker_done(struct dr_json_worker *w)
{
    if (!w->plan)
        return;
    for (int32_t t = 0; t < w->plan->n; t++) {
        for (int32_t i = 0; i < w->plan->tables[t].n; i++)
            if (w->plan->tables[t].fields[i].type == DR_TYPE_DICT)
                dr_csv_values_done(&w->values[t][i]);
        free(w->values[t]);
    }
    free(w->values);
    dr_json_walk_done(&w->walk);
    dr_json_direct_done(&w->direct);
    dr_json_doc_free(w->doc);
    dr_buf_done(&w->scratch);
    dr_bulk_done(&w->memory);
    free(w->dead);
    free(w->text.p);
    *w = (struct dr_json_worker){ 0 };
}

/* A new unit: take over the codes that were settled since the last one. */
static void begin(struct dr_json_worker *w, struct dr_json_unit *u)
{
    u->from = w;
    for (int32_t t = 0; t < w->plan->n; t++)
        for (int32_t i = 0; i < w->plan->tables[t].n; i++)
            if (w->plan->tables[t].fields[i].type == DR_TYPE_DICT)
                dr_csv_values_refresh(&w->values[t][i]);
    dr_json_walk_clear(&w->walk);
}

/* ---- lines ------------------------------------------------------------------------------------------ */

/* The line around an offset. */
static struct dr_json_span line_around(const char *text, size_t n, size_t at, int32_t line)
{
    const char *lf = at < n ? memchr(text + at, '\n', n - at) : NULL;
    const char *before = memrchr(text, '\n', at < n ? at : n);
    return (struct dr_json_span){ before ? (uint32_t)(before + 1 - text) : 0,
                                  lf ? (uint32_t)(lf - text) : (uint32_t)n, line };
}

/* Lines being read: those before `at` are done with. */
struct lines {
    struct dr_json_worker *w;
    struct dr_json_unit *u;
    size_t at, limit; /* past the last LF */
    size_t tokens;    /* where the walk's next token is looked for */
    int32_t line;
};

/* What to do about a line that is no record; about: an offset in it. */
static void bad_line(struct lines *l, size_t about)
{
    struct dr_json_worker *w = l->w;
    struct dr_json_trouble *bad = &w->walk.bad;
    const struct dr_json_tokens *tokens = &w->walk.tokens;
    struct dr_json_span span = line_around(tokens->text, tokens->n, about, l->line);
    if (!dr_json_flush(w, l->u)) /* a record before it is worse */
        return;
    if (!w->forgiving || (bad->surprise && !w->final)) {
        dr_json_unit_fail(l->u, bad->rc, span.line, (int64_t)bad->at - span.start + 1, bad->why);
        l->u->surprise = bad->surprise && !w->final;
        return;
    }
    dr_json_unit_reject(l->u, span.line, dr_arena_strdup(&l->u->arena, bad->why),
                        (struct dr_str){ tokens->text + span.start, span.end - span.start });
    bool over = span.end >= tokens->n;
    l->line += !over;
    l->at = over ? tokens->n : (size_t)span.end + 1;
}

/* The record at `at`, up to the end of its line. */
static bool read_line(struct lines *l, uint32_t at)
{
    struct dr_json_walk *walk = &l->w->walk;
    if (!dr_json_walk_record(walk, at))
        return false;
    uint32_t end = dr_json_take(&walk->tokens);
    bool over = end >= walk->tokens.n && !walk->tokens.scan.refused;
    if (!over && dr_json_byte(&walk->tokens, end) != '\n') {
        (void)dr_json_walk_expected(walk, end, "nothing more on the line after the record");
        dr_json_walk_rollback(walk);
        return false;
    }
    if (!dr_json_walk_commit(walk, (struct dr_json_span){ at, end, l->line }))
        return false;
    l->line += !over;
    l->at = l->tokens = over ? walk->tokens.n : (size_t)end + 1;
    return true;
}

/* The next line by its tokens; false where there is none. */
static bool walk_line(struct lines *l)
{
    struct dr_json_walk *walk = &l->w->walk;
    if (l->tokens != l->at)
        dr_json_walk_go(walk, l->at);
    l->tokens = l->at;
    uint32_t at = dr_json_take(&walk->tokens);
    if (at >= walk->tokens.n && !walk->tokens.scan.refused)
        return false;
    if (dr_json_byte(&walk->tokens, at) == '\n') {
        l->line++;
        l->at = l->tokens = (size_t)at + 1;
        return true;
    }
    bool fine = at < walk->tokens.n ? read_line(l, at) : dr_json_walk_expected(walk, at, "a record");
    if (!fine)
        bad_line(l, at < walk->tokens.n ? at : walk->bad.at);
    return true;
}

void dr_json_read_lines(struct dr_json_worker *w, const char *text, size_t n, struct dr_json_unit *u)
{
    const char *lf = memrchr(text, '\n', n);
    struct lines l = { .w = w, .u = u, .limit = lf ? (size_t)(lf + 1 - text) : 0 };
    bool more = true;
    w->before = 0;
    begin(w, u);
    dr_json_walk_begin(&w->walk, w->isa, true, text, n, 0);
    dr_json_direct_begin(&w->direct);
    while (more && !u->rc) {
        l.at = dr_json_direct_read(&w->direct, &w->walk, w->isa, l.at, l.limit, &l.line);
        if (dr_json_walk_full(&w->walk))
            dr_json_flush(w, u);
        else
            more = walk_line(&l);
    }
    if (!u->rc)
        dr_json_flush(w, u);
    u->lines = l.line;
    u->end = u->start + (int64_t)n;
}

/* ---- documents -------------------------------------------------------------------------------- */

struct reading {
    struct dr_json_worker *w;
    struct dr_json_walk *walk;
    struct dr_json_place_in *in;
    struct dr_json_unit *u;
    const char *text;
    size_t n;
    bool ended;
    size_t done;    /* bytes that are done with */
    size_t counted; /* bytes whose lines are counted in u->lines */
};

static void count_lines(struct reading *r, size_t upto)
{
    const char *p = r->text + r->counted, *end = r->text + upto, *lf;
    for (; p < end && (lf = memchr(p, '\n', (size_t)(end - p))); p = lf + 1)
        r->u->lines++;
    r->counted = upto;
}

/* Into the objects around the array: *ret_at is the first token of its value. */
static bool find_array(struct reading *r, uint32_t *ret_at)
{
    struct dr_json_walk *w = r->walk;
    uint32_t at = dr_json_take(&w->tokens);
    for (const char *const *name = (const char *const *)r->w->plan->records; *name; name++) {
        char expected[160];
        snprintf(expected, sizeof expected, "an object with the member '%.80s', which leads to the records",
                 *name);
        if (dr_json_byte(&w->tokens, at) != '{' || !dr_json_walk_seek(w, *name, &at))
            return w->bad.rc ? false : dr_json_walk_expected(w, at, expected);
        r->in->depth++;
    }
    *ret_at = at;
    return true;
}

static bool start_document(struct reading *r)
{
    uint32_t at = 0;
    r->in->depth = 0;
    if (!find_array(r, &at))
        return false;
    if (dr_json_byte(&r->walk->tokens, at) == '[') {
        r->in->stage = DR_JSON_FIRST;
        r->done = at + 1;
    } else if (r->in->depth == 0 && dr_json_byte(&r->walk->tokens, at) == '{') {
        r->in->single = true;
        r->in->stage = DR_JSON_FIRST;
        r->done = at;
    } else {
        return dr_json_walk_expected(r->walk, at, "an array of records");
    }
    dr_json_walk_go(r->walk, r->done);
    return true;
}

/* The next record, or the end of the array. */
static bool read_record(struct reading *r)
{
    struct dr_json_walk *w = r->walk;
    uint32_t at = dr_json_take(&w->tokens);
    if (!r->in->single && dr_json_byte(&w->tokens, at) == ']') {
        r->in->stage = DR_JSON_BEHIND;
        r->done = (size_t)at + 1;
        return true;
    }
    if (r->in->stage == DR_JSON_NEXT) {
        if (dr_json_byte(&w->tokens, at) != ',')
            return dr_json_walk_expected(w, at, "',' or ']'");
        at = dr_json_take(&w->tokens);
    }
    if (!dr_json_walk_record(w, at))
        return false;
    size_t end = dr_json_walk_end(w);
    /* Only what is followed by something is surely whole: a number may go on. */
    if (!r->ended && !dr_json_more_tokens(&w->tokens)) {
        dr_json_walk_rollback(w);
        w->bad.reach = r->n;
        return false;
    }
    count_lines(r, at);
    if (!dr_json_walk_commit(w, (struct dr_json_span){ at, (uint32_t)end, (int32_t)r->u->lines }))
        return false;
    r->done = end;
    r->in->stage = r->in->single ? DR_JSON_BEHIND : DR_JSON_NEXT;
    return true;
}

/* What follows the array: the rest of the objects around it, then nothing. */
static bool finish_document(struct reading *r)
{
    struct dr_json_walk *w = r->walk;
    for (int32_t depth = r->in->depth; depth > 0; depth--)
        if (!dr_json_walk_leave(w))
            return false;
    uint32_t at = dr_json_take(&w->tokens);
    if (at < r->n || w->tokens.scan.refused)
        return dr_json_walk_expected(w, at, "nothing more after the document");
    if (!r->ended)
        return dr_json_walk_expected(w, at, "the end of the text");
    r->in->stage = DR_JSON_OVER;
    r->done = r->n;
    return true;
}

static bool read_step(struct reading *r)
{
    r->walk->bad.rc = DR_OK;
    switch (r->in->stage) {
    case DR_JSON_BEFORE:
        return start_document(r);
    case DR_JSON_BEHIND:
        return finish_document(r);
    default:
        return read_record(r);
    }
}

static void document_failed(struct reading *r)
{
    struct dr_json_trouble bad = r->walk->bad;
    if (!dr_json_flush(r->w, r->u))
        return;
    int64_t line, column;
    count_lines(r, bad.at < r->n ? bad.at : r->n);
    dr_json_place(r->text, bad.at, &line, &column);
    dr_json_unit_fail(r->u, bad.rc, r->u->lines, line > 1 ? column : column + r->w->before, bad.why);
    r->u->surprise = bad.surprise && !r->w->final;
}

size_t dr_json_read_array(struct dr_json_worker *w, struct dr_json_place_in *in, const char *text, size_t n,
                          bool ended, struct dr_json_unit *u)
{
    struct reading r = { .w = w, .walk = &w->walk, .in = in, .u = u, .text = text, .n = n, .ended = ended };
    begin(w, u);
    dr_json_walk_begin(&w->walk, w->isa, false, text, n, 0);
    while (in->stage != DR_JSON_OVER && !u->rc) {
        bool fine = read_step(&r);
        if (!fine && !ended && r.walk->bad.reach + NEAR >= n)
            break;
        if (!fine)
            document_failed(&r);
        else if (dr_json_walk_full(&w->walk))
            dr_json_flush(w, u);
    }
    if (!u->rc && dr_json_flush(w, u)) /* what is not done with will be read again */
        count_lines(&r, r.done);
    u->end = u->start + (int64_t)r.done;
    const char *lf = memrchr(text, '\n', r.done);
    w->before = lf ? text + r.done - lf - 1 : w->before + (int64_t)r.done;
    return r.done;
}
