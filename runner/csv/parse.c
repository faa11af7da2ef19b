/* parse.c - the wrapper of libcsv, the only file that includes its header.
 *
 * libcsv calls back per field and per record but does not say where in the
 * text it is. So it is fed a physical line at a time: a record can only end
 * with a line, and after each line we know whether it did. What libcsv keeps
 * in mind between calls never outlives a record: one that is cut short is
 * given again from its start when more of it has been read.
 *
 * libcsv's defaults would change data without a word: it drops spaces around
 * fields, skips blank lines and repairs stray quotes. Hence STRICT, a space
 * function that knows no spaces, and REPALL_NL. A CR followed by LF is one
 * line end for us, two for libcsv; the LF is not shown to it. */
#include "csv/parse.h"
#include <csv.h>

#define GROWTH ((size_t)16 << 10) /* libcsv's field buffer grows by this, or in proportion */

struct dr_csv_parser {
    struct csv_parser lib;
    char delimiter, quote;
    size_t enough; /* so many bytes decide about any record */
    char *text;    /* owned: the fields of a record, one after the other */
    size_t text_n, text_cap;
    struct dr_csv_field *fields; /* owned; text.p is set when the record is complete */
    size_t n, cap;
    bool ended; /* libcsv reported the end of the record */
};

static int is_never_space(unsigned char c)
{
    (void)c;
    return 0;
}

static void lib_start(struct dr_csv_parser *ps)
{
    unsigned char options = CSV_STRICT | CSV_STRICT_FINI | CSV_REPALL_NL | CSV_EMPTY_IS_NULL;
    csv_init(&ps->lib, options);
    csv_set_delim(&ps->lib, (unsigned char)ps->delimiter);
    csv_set_quote(&ps->lib, (unsigned char)ps->quote);
    csv_set_space_func(&ps->lib, is_never_space);
}

/* Forget a record that was cut short. */
static void lib_restart(struct dr_csv_parser *ps)
{
    csv_free(&ps->lib);
    lib_start(ps);
}

struct dr_csv_parser *dr_csv_parser_new(char delimiter, char quote, int64_t max_record)
{
    struct dr_csv_parser *ps = dr_calloc(1, sizeof *ps);
    ps->delimiter = delimiter;
    ps->quote = quote;
    ps->enough = (size_t)(max_record < INT64_MAX - 2 ? max_record : INT64_MAX - 2) + 2;
    ps->text_cap = 4096;
    ps->text = dr_malloc(ps->text_cap);
    ps->cap = 16;
    ps->fields = dr_malloc(ps->cap * sizeof *ps->fields);
    lib_start(ps);
    return ps;
}

void dr_csv_parser_free(struct dr_csv_parser *ps)
{
    if (!ps)
        return;
    csv_free(&ps->lib);
    free(ps->text);
    free(ps->fields);
    free(ps);
}

static void on_field(void *p, size_t n, void *ctx)
{
    struct dr_csv_parser *ps = ctx;
    while (ps->text_cap - ps->text_n < n + DR_CSV_SLACK) {
        ps->text_cap *= 2;
        ps->text = dr_realloc(ps->text, ps->text_cap);
    }
    if (ps->n == ps->cap) {
        ps->cap *= 2;
        ps->fields = dr_realloc(ps->fields, ps->cap * sizeof *ps->fields);
    }
    if (n > 0)
        memcpy(ps->text + ps->text_n, p, n);
    ps->fields[ps->n++] = (struct dr_csv_field){ .text = { NULL, n }, .quoted = p != NULL };
    ps->text_n += n;
}

static void on_record(int end, void *ctx)
{
    struct dr_csv_parser *ps = ctx;
    (void)end;
    ps->ended = true;
}

size_t dr_csv_line_length(const char *p, size_t n, size_t *ret_end)
{
    enum { WINDOW = 512 }; /* so that text with CR alone is not searched for LF to its end, line by line */
    size_t length = 0, end = 0;
    for (; length < n && !end; length += end ? 0 : WINDOW) {
        size_t window = n - length < WINDOW ? n - length : WINDOW;
        const char *lf = memchr(p + length, '\n', window);
        const char *cr = memchr(p + length, '\r', lf ? (size_t)(lf - (p + length)) : window);
        if (lf || cr) {
            length = (size_t)((cr ? cr : lf) - p);
            end = cr && length + 1 < n && p[length + 1] == '\n' ? 2 : 1;
        }
    }
    if (ret_end)
        *ret_end = end;
    return end ? length : n;
}

#define EACH_BYTE UINT64_C(0x0101010101010101)

/* The bytes of a word that equal c: 1 in each such byte, else 0. */
static uint64_t equal_bytes(uint64_t word, char c)
{
    const uint64_t low = EACH_BYTE * 0x7F;
    uint64_t differ = word ^ EACH_BYTE * (unsigned char)c;
    return ~(((differ & low) + low) | differ | low) >> 7;
}

int64_t dr_csv_count_lines(const char *p, size_t n)
{
    int64_t lines = 0;
    size_t i = 0;
    while (i < n) {
        uint64_t word = 0;
        if (n - i >= sizeof word)
            memcpy(&word, p + i, sizeof word);
        if (n - i >= sizeof word && !equal_bytes(word, '\r')) {
            lines += (int64_t)(equal_bytes(word, '\n') * EACH_BYTE >> 56);
            i += sizeof word;
            continue;
        }
        for (size_t end = n - i < sizeof word ? n : i + sizeof word; i < end; i++)
            lines += p[i] == '\n' || (p[i] == '\r' && !(i + 1 < n && p[i + 1] == '\n'));
    }
    return lines;
}

/* Where the quote that was never closed stands: a walk by the same rules. */
static size_t find_open_quote(const struct dr_csv_parser *ps, const char *p, size_t n)
{
    size_t open = 0;
    bool quoted = false, start = true;
    for (size_t i = 0; i < n; i++) {
        if (quoted) {
            if (p[i] == ps->quote && i + 1 < n && p[i + 1] == ps->quote)
                i++;
            else if (p[i] == ps->quote)
                quoted = false;
        } else if (start && p[i] == ps->quote) {
            quoted = true;
            open = i;
        }
        start = p[i] == ps->delimiter && !quoted;
    }
    return open;
}

static void refuse(struct dr_csv_parser *ps, size_t at, const char *reason, struct dr_csv_record *ret)
{
    lib_restart(ps);
    ret->outcome = DR_CSV_BAD;
    ret->bad_at = at;
    ret->reason = reason;
}

/* libcsv adds a fixed amount to its buffer each time it is full: choose it so
 * that a long field is not copied once per block. */
static void set_growth(struct dr_csv_parser *ps, size_t line)
{
    size_t half = csv_get_buffer_size(&ps->lib) / 2;
    size_t growth = line > half ? line : half;
    csv_set_blk_size(&ps->lib, growth > GROWTH ? growth : GROWTH);
}

/* Show libcsv the line p[from, to); false where it objects. */
static bool feed(struct dr_csv_parser *ps, const char *p, size_t from, size_t to, struct dr_csv_record *ret)
{
    set_growth(ps, to - from);
    size_t taken = csv_parse(&ps->lib, p + from, to - from, on_field, on_record, ps);
    if (taken == to - from)
        return true;
    if (csv_error(&ps->lib) != CSV_EPARSE)
        dr_die_oom(to - from);
    refuse(ps, from + taken,
           ps->lib.quoted ? "text after a closing quote"
                          : "a quote inside a field that does not start with one",
           ret);
    return false;
}

static void complete(struct dr_csv_parser *ps, size_t text_bytes, size_t bytes, struct dr_csv_record *ret)
{
    size_t at = 0;
    for (size_t i = 0; i < ps->n; i++) {
        ps->fields[i].text.p = ps->text + at;
        at += ps->fields[i].text.n;
    }
    memset(ps->text + at, 0, DR_CSV_SLACK);
    ret->outcome = ps->n ? DR_CSV_RECORD : DR_CSV_BLANK;
    ret->bytes = bytes;
    ret->text_bytes = text_bytes;
    ret->n = (int32_t)ps->n;
    ret->fields = ps->fields;
}

/* The text ended without a line end. */
static void finish(struct dr_csv_parser *ps, const char *p, size_t n, struct dr_csv_record *ret)
{
    if (csv_fini(&ps->lib, on_field, on_record, ps) == 0)
        complete(ps, n, n, ret);
    else
        refuse(ps, find_open_quote(ps, p, n), "a quoted field is never closed", ret);
}

/* One record from bytes that end with the text (`end`), or else with a limit
 * (`enough`), or else anywhere. */
static void parse(struct dr_csv_parser *ps, const char *p, size_t n, bool end, bool enough,
                  struct dr_csv_record *ret)
{
    for (size_t at = 0; at < n;) {
        size_t line_end, length = dr_csv_line_length(p + at, n - at, &line_end);
        size_t shown = at + length + (line_end > 0);
        /* A CR that ends the bytes may be half of CR LF. */
        bool cut = !end && (line_end == 0 || (line_end == 1 && shown == n && p[shown - 1] == '\r'));
        if (cut && !enough && at == 0)
            return;
        if (!feed(ps, p, at, shown, ret))
            return;
        if (ps->ended && !(cut && !enough)) {
            complete(ps, at + length, at + length + line_end, ret);
            return;
        }
        if (cut)
            break;
        if (line_end == 2 && !feed(ps, p, shown, shown + 1, ret))
            return;
        at += length + line_end;
    }
    if (end)
        finish(ps, p, n, ret);
    else
        lib_restart(ps);
}

void dr_csv_parse_record(struct dr_csv_parser *ps, const char *p, size_t n, bool end,
                         struct dr_csv_record *ret)
{
    bool enough = n >= ps->enough;
    *ret = (struct dr_csv_record){ .outcome = DR_CSV_MORE };
    ps->n = ps->text_n = 0;
    ps->ended = false;
    parse(ps, p, enough ? ps->enough : n, end && !enough, enough, ret);
    bool is_long = ret->outcome == DR_CSV_MORE ? enough : ret->text_bytes + 2 > ps->enough;
    if (is_long && ret->outcome != DR_CSV_BAD)
        *ret = (struct dr_csv_record){ .outcome = DR_CSV_LONG };
}
