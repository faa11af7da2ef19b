/* piece.c - records of one piece, by libcsv and, where it is plain, by the
 * structural scan (fast.c).
 *
 * A piece starts with a record and is read record after record until its bytes
 * or its limit end. Both ways of reading append to the same columns, so they
 * can take turns: the scan takes runs of plain records, libcsv whatever is
 * between. All refusals are made here, once, so they cannot differ. */
#include "csv/piece.h"
#include "csv/fast.h"
#include <stdarg.h>

enum { SHOWN = 60 };             /* characters of a record in a message */
enum { REJECT_TEXT = 32 << 10 }; /* bytes of a record kept aside */

/* ---- life -------------------------------------------------------------------- */

struct dr_csv_unit *dr_csv_unit_new(int64_t start)
{
    struct dr_csv_unit *u = dr_calloc(1, sizeof *u);
    u->start = u->end = start;
    u->fail_line = -1;
    return u;
}

void dr_csv_unit_free(struct dr_csv_unit *u)
{
    if (!u)
        return;
    dr_csv_chunks_done(&u->chunks);
    dr_arena_done(&u->arena);
    free(u->rejects);
    free(u);
}

void dr_csv_worker_init(struct dr_csv_worker *w, const struct dr_csv_format *f, enum dr_csv_path path,
                        enum dr_isa isa, size_t block)
{
    *w = (struct dr_csv_worker){ .format = f, .path = path, .isa = isa, .block = block };
    w->parser = dr_csv_parser_new(f->delimiter, f->quote, f->max_record);
    w->cells = dr_csv_cells_new(f, isa);
}

void dr_csv_worker_done(struct dr_csv_worker *w)
{
    dr_csv_parser_free(w->parser);
    dr_csv_cells_free(w->cells);
    dr_csv_index_done(&w->index);
    *w = (struct dr_csv_worker){ 0 };
}

/* ---- refusing ------------------------------------------------------------------ */

void dr_csv_fail(struct dr_csv_unit *u, int32_t rc, int64_t line, int64_t column, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(u->fail, sizeof u->fail, fmt, ap);
    va_end(ap);
    u->rc = rc;
    u->fail_line = line;
    u->fail_column = column;
}

/* The invalid bytes of s as \xNN, the rest as it is: rejects are UTF-8 columns. */
static struct dr_str valid_copy(struct dr_arena *arena, struct dr_str s)
{
    DR_AUTO_BUF out = { 0 };
    bool cut = s.n > REJECT_TEXT;
    if (cut)
        s.n = REJECT_TEXT;
    while (s.n > 0) {
        size_t valid = dr_utf8_valid_prefix(s);
        dr_buf_append(&out, s.p, valid);
        s = (struct dr_str){ s.p + valid, s.n - valid };
        if (s.n > 0) {
            dr_buf_printf(&out, "\\x%02X", (unsigned char)s.p[0]);
            s = (struct dr_str){ s.p + 1, s.n - 1 };
        }
    }
    if (cut)
        dr_buf_puts(&out, "...");
    return (struct dr_str){ dr_arena_dup(arena, dr_buf_cstr(&out), out.n), out.n };
}

static void reject(struct dr_csv_unit *u, const char *reason, struct dr_str text)
{
    if (u->rejects_n == u->rejects_cap) {
        u->rejects_cap = u->rejects_cap ? u->rejects_cap * 2 : 16;
        u->rejects = dr_realloc(u->rejects, u->rejects_cap * sizeof *u->rejects);
    }
    u->rejects[u->rejects_n++] = (struct dr_csv_reject){ u->lines, reason, valid_copy(&u->arena, text) };
}

/* Line (from 0) and column (from 1) of the byte at `at` of a record. */
static void locate(const struct dr_csv_unit *u, const char *p, size_t at, int64_t *ret_line,
                   int64_t *ret_column)
{
    size_t start = at;
    while (start > 0 && p[start - 1] != '\n' && p[start - 1] != '\r')
        start--;
    *ret_line = u->lines + dr_csv_count_lines(p, start);
    *ret_column = (int64_t)(at - start) + 1;
}

/* A file of one column, whose name holds what separates columns elsewhere, was mostly written with that. */
static void put_delimiter_hint(const struct dr_csv_format *f, struct dr_buf *b)
{
    const char *found = f->n == 1 ? strpbrk(f->names[0], ";\t|,") : NULL;
    if (found && *found == '\t')
        (void)dr_buf_puts(b, "; the header is one column: is the delimiter a tab?");
    else if (found)
        (void)dr_buf_printf(b, "; the header is one column: is the delimiter '%c'?", *found);
}

/* Refuse the file, or keep the record aside: `reason`, then in the message
 * `detail` and the start of the text. */
static void refuse(const struct dr_csv_worker *w, struct dr_csv_unit *u, struct dr_str text, int64_t at,
                   const char *reason, const char *detail)
{
    if (w->format->forgiving) {
        reject(u, dr_arena_strdup(&u->arena, reason), text);
        return;
    }
    int64_t line = u->lines, column = 0;
    if (at >= 0)
        locate(u, text.p, (size_t)at, &line, &column);
    DR_AUTO_BUF shown = { 0 };
    put_delimiter_hint(w->format, &shown);
    if (!w->format->hide_text) {
        (void)dr_buf_puts(&shown, ": ");
        dr_buf_put_visible(&shown, text, SHOWN);
    }
    dr_csv_fail(u, DR_EINPUT, line, column, "%s%s%s", reason, detail, dr_buf_cstr(&shown));
}

/* ---- records through libcsv ------------------------------------------------------ */

static const char *column_name(const struct dr_csv_worker *w, int32_t i)
{
    return i < w->format->n ? w->format->names[i] : "past the last one";
}

static void refuse_bytes(const struct dr_csv_worker *w, struct dr_csv_unit *u, const char *p,
                         const struct dr_csv_record *rec, size_t bad)
{
    char reason[160];
    int32_t field = 0;
    while (field < rec->n - 1 && dr_utf8_valid(rec->fields[field].text))
        field++;
    if (w->format->utf16)
        snprintf(reason, sizeof reason,
                 "an unpaired UTF-16 surrogate, or half a code unit, in column '%.80s'",
                 column_name(w, field));
    else
        snprintf(reason, sizeof reason, "byte 0x%02X is not valid UTF-8, in column '%.80s'",
                 (unsigned char)p[bad], column_name(w, field));
    refuse(w, u, (struct dr_str){ p, rec->text_bytes }, (int64_t)bad, reason,
           w->format->utf16 ? "" : " (is the file in another encoding, such as latin-1?)");
}

/* What is wrong with a complete record; true where nothing is. */
static bool check_record(const struct dr_csv_worker *w, struct dr_csv_unit *u, const char *p,
                         const struct dr_csv_record *rec)
{
    const struct dr_csv_format *f = w->format;
    struct dr_str text = { p, rec->text_bytes };
    char reason[160];
    for (int32_t i = 0; i < rec->n; i++) {
        if ((int64_t)rec->fields[i].text.n > f->max_field) {
            dr_csv_fail(u, DR_ELIMIT, u->lines, 0,
                        "a field of %zu bytes, in column '%.80s': the limit is %lld", rec->fields[i].text.n,
                        column_name(w, i), (long long)f->max_field);
            return false;
        }
    }
    const char *nul = memchr(p, '\0', rec->text_bytes);
    if (nul) {
        refuse(w, u, text, nul - p, "a NUL byte", "; text has none");
        return false;
    }
    size_t valid = dr_utf8_valid_prefix(text);
    if (valid < text.n) {
        refuse_bytes(w, u, p, rec, valid);
        return false;
    }
    if (rec->n == f->n)
        return true;
    snprintf(reason, sizeof reason, "record has %d field%s, the header has %d", (int)rec->n,
             rec->n == 1 ? "" : "s", (int)f->n);
    refuse(w, u, text, -1, reason, "");
    return false;
}

/* A record longer than the limit. What may be a quote that was never closed
 * costs a forgiving reader one line, and it goes on after that. */
static size_t over_limit(const struct dr_csv_worker *w, struct dr_csv_unit *u, const char *p, size_t n)
{
    size_t end, length = dr_csv_line_length(p, n, &end);
    bool has_line = end > 0 && (int64_t)length <= w->format->max_record;
    if (w->format->forgiving && has_line) {
        reject(u, "a quoted field is never closed, or the record is too long", (struct dr_str){ p, length });
        u->lines++;
        return length + end;
    }
    dr_csv_fail(u, DR_ELIMIT, u->lines, 0, "a record longer than the limit of %lld bytes%s",
                (long long)w->format->max_record,
                has_line ? "; is a quote never closed?" : "; is this a CSV file?");
    return 0;
}

/* A record that breaks RFC 4180. A forgiving reader drops its first line only:
 * after a quote that was never closed, good records may follow. */
static size_t bad_record(const struct dr_csv_worker *w, struct dr_csv_unit *u,
                         const struct dr_csv_piece *piece, size_t at, const struct dr_csv_record *rec)
{
    const char *p = piece->p + at;
    size_t n = piece->n - at, end, length = dr_csv_line_length(p, n, &end);
    size_t max = (size_t)w->format->max_record;
    if (!w->format->forgiving) {
        size_t shown = rec->bad_at > length ? rec->bad_at : length;
        refuse(w, u, (struct dr_str){ p, shown < max ? shown : max }, (int64_t)rec->bad_at, rec->reason, "");
        return 0;
    }
    if (length > max)
        return over_limit(w, u, p, n);
    if (!piece->end && length + end == n) { /* the line may go on, or its CR be followed by LF */
        u->unfinished = true;
        return 0;
    }
    reject(u, rec->reason, (struct dr_str){ p, length });
    u->lines++;
    return length + end;
}

/* The record at `at`; returns its bytes, 0 where it does not end here or the
 * file is refused. */
static size_t read_record(struct dr_csv_worker *w, struct dr_csv_unit *u, const struct dr_csv_piece *piece,
                          size_t at)
{
    const char *p = piece->p + at;
    struct dr_csv_record rec;
    dr_csv_parse_record(w->parser, p, piece->n - at, piece->end, &rec);
    if (rec.outcome == DR_CSV_LONG)
        return over_limit(w, u, p, piece->n - at);
    if (rec.outcome == DR_CSV_BAD)
        return bad_record(w, u, piece, at, &rec);
    if (rec.outcome == DR_CSV_MORE) {
        u->unfinished = true;
        return 0;
    }
    static const struct dr_csv_field nothing = { .text = { "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 0 } };
    if (rec.outcome == DR_CSV_BLANK && w->format->n == 1)
        dr_csv_cells_append(w->cells, &nothing, u->lines);
    else if (rec.outcome == DR_CSV_RECORD && check_record(w, u, p, &rec))
        dr_csv_cells_append(w->cells, rec.fields, u->lines);
    if (u->rc)
        return 0;
    u->lines += dr_csv_count_lines(p, rec.text_bytes) + (rec.bytes > rec.text_bytes);
    return rec.bytes;
}

/* ---- pieces ---------------------------------------------------------------------- */

static struct dr_csv_piece block_at(const struct dr_csv_piece *piece, size_t at, size_t most)
{
    size_t left = piece->n - at;
    return (struct dr_csv_piece){ .p = piece->p + at,
                                  .n = left < most ? left : most,
                                  .limit = piece->limit - at,
                                  .end = piece->end && left <= most };
}

/* Read the records that start in the block at `at`; returns the offset past the
 * last one. A record that reaches past the block is left for the next one, unless
 * no block would hold it. */
static size_t read_block(struct dr_csv_worker *w, const struct dr_csv_piece *piece, size_t at,
                         struct dr_csv_unit *u)
{
    struct dr_csv_piece block = block_at(piece, at, w->block);
    struct dr_csv_fast fast;
    size_t done = 0;
    dr_csv_fast_begin(&fast, w, &block);
    u->fast |= fast.usable;
    while (done < block.n && done < block.limit) {
        size_t taken = dr_csv_fast_run(&fast, w, u, done);
        bool reaches_past = taken == 0 && fast.usable && done >= fast.end && at + block.n < piece->n;
        if (reaches_past && done > 0)
            break;
        if (taken == 0)
            taken = read_record(w, u, piece, at + done);
        if (taken == 0)
            break;
        done += taken;
    }
    return at + done;
}

size_t dr_csv_read_piece(struct dr_csv_worker *w, const struct dr_csv_piece *piece, struct dr_csv_unit *u)
{
    size_t at = 0, before = SIZE_MAX;
    dr_csv_cells_begin(w->cells);
    u->unfinished = false;
    while (at < piece->n && at < piece->limit && at != before && !u->rc) {
        before = at;
        at = read_block(w, piece, at, u);
        if (u->unfinished)
            break;
    }
    u->end = u->start + (int64_t)at;
    u->rows = dr_csv_cells_rows(w->cells);
    dr_csv_cells_take(w->cells, &u->chunks);
    return at;
}
