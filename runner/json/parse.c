/* parse.c - from a JSON text to a tape.
 *
 * The scan gives the offsets of tokens window by window; build() goes from one
 * to the next and knows the grammar. A string without escapes takes two offsets,
 * its quotes, whatever its length; the backslashes between them, if any, are
 * where to cut and replace. Room on the tape is made for each window at once:
 * an offset adds at most three entries. */
#include "json/tape.h"
#include "json/token.h"

enum { ENTRIES_PER_OFFSET = 3 };

struct parser {
    struct dr_json_doc *d;
    const char *path;
    const char *text; /* borrowed */
    uint64_t *out;    /* end of the tape */
    struct dr_err *err;
    int32_t depth;
    struct {
        uint32_t at;    /* of the container on the tape */
        uint32_t count; /* items so far */
        bool object;
    } stack[DR_JSON_DEPTH];
};

/* ---- errors ------------------------------------------------------------------------------- */

static int32_t fail_at(struct parser *p, int32_t rc, size_t offset, const char *why)
{
    int64_t line, column;
    dr_json_place(p->text, offset, &line, &column);
    return dr_fail(p->err, rc, "%s:%lld:%lld: %s", p->path, (long long)line, (long long)column, why);
}

/* Something else was expected at an offset that the parser was given. */
static int32_t fail_expected(struct parser *p, size_t at, const char *expected)
{
    char why[160];
    size_t about = dr_json_explain(&p->d->tokens, at, expected, why, sizeof why);
    return fail_at(p, DR_EINPUT, about, why);
}

/* ---- tokens -------------------------------------------------------------------------------- */

static __attribute__((noinline)) bool next_window(struct parser *p)
{
    struct dr_json_doc *d = p->d;
    if (!dr_json_tokens_more(&d->tokens))
        return false;
    size_t used = (size_t)(p->out - d->tape), need = used + ENTRIES_PER_OFFSET * d->tokens.scan.count;
    if (need > d->cap) {
        d->cap = need > 2 * d->cap ? need : 2 * d->cap;
        d->tape = dr_realloc(d->tape, d->cap * sizeof *d->tape);
        p->out = d->tape + used;
    }
    return true;
}

/* As dr_json_take, and there is room on the tape for what comes of it. */
static inline uint32_t take(struct parser *p)
{
    struct dr_json_tokens *t = &p->d->tokens;
    if (__builtin_expect(t->next == t->last, 0) && !next_window(p))
        return (uint32_t)t->n;
    return *t->next++;
}
static inline char byte_at(const struct parser *p, uint32_t at)
{
    return dr_json_byte(&p->d->tokens, at);
}

static inline void put(struct parser *p, uint32_t tag, uint32_t length, uint32_t offset)
{
    *p->out++ = dr_tape_entry(tag, length, offset);
}

static void put_long(struct parser *p, uint32_t open, uint32_t end, uint64_t start, uint64_t size)
{
    put(p, DR_TAPE_LONG, 0, open);
    *p->out++ = start << 32 | end;
    *p->out++ = size;
}

static void append_string(struct dr_json_doc *d, const char *p, size_t n)
{
    if (d->strings_cap - d->strings_n < n) {
        size_t need = d->strings_n + n;
        d->strings_cap = need > 2 * d->strings_cap ? need + 1024 : 2 * d->strings_cap;
        d->strings = dr_realloc(d->strings, d->strings_cap);
    }
    if (n > 0)
        memcpy(d->strings + d->strings_n, p, n);
    d->strings_n += n;
}

/* A string whose next offset `at` is the backslash of its first escape. */
static __attribute__((noinline)) int32_t escaped_string(struct parser *p, uint32_t open, uint32_t at)
{
    struct dr_json_doc *d = p->d;
    size_t start = d->strings_n, done = open + 1;
    while (byte_at(p, at) == '\\') {
        char bytes[4];
        size_t taken;
        const char *why = NULL;
        append_string(d, p->text + done, at - done);
        size_t n = dr_json_unescape(p->text + at, p->text + p->d->tokens.n, bytes, &taken, &why);
        if (n == 0)
            return fail_at(p, DR_EINPUT, at, why);
        append_string(d, bytes, n);
        done = at + taken;
        do
            at = take(p);
        while (at < done); /* the second of a pair of surrogates */
    }
    if (byte_at(p, at) != '"')
        return fail_expected(p, at, "the '\"' that closes the string");
    append_string(d, p->text + done, at - done);
    put_long(p, open, at + 1, start, (d->strings_n - start) | DR_TAPE_UNESCAPED);
    return DR_OK;
}

static inline int32_t string(struct parser *p, uint32_t open)
{
    uint32_t close = take(p);
    if (__builtin_expect(byte_at(p, close) != '"', 0))
        return escaped_string(p, open, close);
    uint32_t length = close - open - 1;
    if (__builtin_expect(length > DR_TAPE_LENGTH_MAX, 0))
        put_long(p, open, close + 1, open + 1, length);
    else
        put(p, DR_JSON_STRING, length, open);
    return DR_OK;
}

static int32_t number(struct parser *p, uint32_t at)
{
    const char *start = p->text + at, *end = dr_json_skip_number(start, dr_json_token_limit(&p->d->tokens));
    if (__builtin_expect(!end, 0))
        return fail_at(p, DR_EINPUT, at, "expected a number as JSON writes them: -12, 0.5, 1e9");
    if (__builtin_expect(end - start > DR_JSON_NUMBER_MAX, 0))
        return fail_at(p, DR_ELIMIT, at, "a number of more than 1048576 characters");
    put(p, DR_JSON_NUMBER, (uint32_t)(end - start), at);
    return DR_OK;
}

static int32_t name(struct parser *p, uint32_t at, const char *spelling, uint32_t n, enum dr_json_kind kind)
{
    if (!dr_json_is_name(p->text + at, dr_json_token_limit(&p->d->tokens), spelling, n))
        return fail_expected(p, at, "a value: null, true and false are the only names");
    put(p, kind, n, at);
    return DR_OK;
}

static int32_t scalar(struct parser *p, uint32_t at)
{
    switch (byte_at(p, at)) {
    case '"':
        return string(p, at);
    case 't':
        return name(p, at, "true", 4, DR_JSON_TRUE);
    case 'f':
        return name(p, at, "false", 5, DR_JSON_FALSE);
    case 'n':
        return name(p, at, "null", 4, DR_JSON_NULL);
    default:
        if (byte_at(p, at) == '-' || dr_json_is_digit(byte_at(p, at)))
            return number(p, at);
        return fail_expected(p, at, "a value");
    }
}

/* ---- arrays and objects --------------------------------------------------------------------------- */

static inline int32_t open_container(struct parser *p, uint32_t at, bool object)
{
    if (__builtin_expect(p->depth == DR_JSON_DEPTH, 0))
        return fail_at(p, DR_ELIMIT, at, "nested more than 512 deep");
    p->stack[p->depth].at = (uint32_t)(p->out - p->d->tape);
    p->stack[p->depth].count = 0;
    p->stack[p->depth++].object = object;
    put(p, object ? DR_JSON_OBJECT : DR_JSON_ARRAY, 0, at);
    p->out++; /* written by close_container */
    return DR_OK;
}

static inline void close_container(struct parser *p, uint32_t at)
{
    p->depth--;
    put(p, DR_TAPE_END, 0, at);
    uint64_t end = (uint64_t)(p->out - p->d->tape);
    p->d->tape[p->stack[p->depth].at + 1] = end << 32 | p->stack[p->depth].count;
}

/* The key at `at` and the ':' after it. */
static inline int32_t key(struct parser *p, uint32_t at, const char *expected)
{
    if (__builtin_expect(byte_at(p, at) != '"', 0))
        return fail_expected(p, at, expected);
    DR_TRY(string(p, at));
    uint32_t colon = take(p);
    if (__builtin_expect(byte_at(p, colon) != ':', 0))
        return fail_expected(p, colon, "':'");
    return DR_OK;
}

static int32_t build(struct parser *p)
{
    uint32_t at = take(p);
value:
    if (byte_at(p, at) == '{') {
        DR_TRY(open_container(p, at, true));
        at = take(p);
        if (byte_at(p, at) == '}')
            goto close;
        DR_TRY(key(p, at, "a key in '\"' or '}'"));
        at = take(p);
        goto value;
    }
    if (byte_at(p, at) == '[') {
        DR_TRY(open_container(p, at, false));
        at = take(p);
        if (byte_at(p, at) == ']')
            goto close;
        goto value;
    }
    DR_TRY(scalar(p, at));
after:
    at = take(p);
    if (p->depth == 0)
        return at < p->d->tokens.n || p->d->tokens.scan.refused
                   ? fail_expected(p, at, "nothing more after the value")
                   : DR_OK;
    p->stack[p->depth - 1].count++;
    bool object = p->stack[p->depth - 1].object;
    if (byte_at(p, at) == ',') {
        at = take(p);
        if (object) {
            DR_TRY(key(p, at, "a key in '\"'"));
            at = take(p);
        }
        goto value;
    }
    if (byte_at(p, at) != (object ? '}' : ']'))
        return fail_expected(p, at, object ? "',' or '}'" : "',' or ']'");
close:
    close_container(p, at);
    goto after;
}

int32_t dr_json_doc_parse(struct dr_json_doc *d, const char *path, const char *text, size_t n,
                          struct dr_err *err)
{
    d->n = d->strings_n = 0;
    d->text = text;
    if (n > DR_JSON_TEXT_MAX)
        return dr_fail(err, DR_ELIMIT,
                       "%s: %zu bytes are more than one JSON text may have (4 GB); JSON lines have no limit",
                       path, n);
    struct parser p = { .d = d, .path = path, .text = text, .out = d->tape, .err = err };
    d->tokens.text = text;
    d->tokens.n = n;
    d->tokens.next = d->tokens.last = NULL;
    dr_json_scan_begin(&d->tokens.scan, d->isa, text, n);
    if (n >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
        dr_json_scan_restart(&d->tokens.scan, 3);
    DR_TRY(build(&p));
    d->n = (size_t)(p.out - d->tape);
    return DR_OK;
}
