/* ipc_decode.c - buffers of a record batch into arrays of ours.
 *
 * Nothing in a file is believed. Every buffer must lie in the body and be long
 * enough for the rows; text must be UTF-8 with offsets that only grow; codes
 * must lie in their dictionary; dates must be dates. A buffer that passes and
 * is aligned is used where it lies (the array then holds the mapped file), so
 * that reading a file of our own copies nothing.
 *
 * Arrow leaves undefined what lies under a null and in a bitmap's unused bits;
 * ours are zero (column.h). Peers mostly write zeros, so these are looked for
 * and a buffer is copied only where it holds something else.
 */
#include "arrow/ipc.h"
#include "data/decimal.h"
#include "data/kernel.h"

#define NODE_WIDTH 16
#define BUFFER_WIDTH 16

/* ---- the batch ------------------------------------------------------------ */

void dr_arrow_batch_done(struct dr_arrow_batch *b)
{
    dr_mem_unref(b->expanded);
    free(b->places);
}

/* Rows of a compressed batch are bounded by what it expands to, which is
 * checked as each column is decoded. */
static int32_t take_rows(const struct dr_arrow_batch *b, bool compressed, struct dr_arrow_budget *budget,
                         struct dr_err *err)
{
    int64_t most = compressed ? budget->rows + budget->bytes * 8 : budget->rows;
    if (b->rows < 0 || b->rows > most)
        return dr_fail(err, DR_EINPUT, "it claims %lld rows, which the file cannot hold", (long long)b->rows);
    if (!compressed)
        budget->rows -= b->rows;
    return DR_OK;
}

int32_t dr_arrow_batch_read(struct dr_fb_table t, struct dr_mem *mem, struct dr_arrow_buffer body,
                            struct dr_arrow_budget *budget, struct dr_arrow_batch *ret, struct dr_err *err)
{
    struct dr_arrow_batch b = { .mem = mem, .body = body };
    b.rows = dr_fb_i64(t, DR_RECORDS_LENGTH, 0);
    b.nodes = dr_fb_list(t, DR_RECORDS_NODES, NODE_WIDTH);
    b.buffers = dr_fb_list(t, DR_RECORDS_BUFFERS, BUFFER_WIDTH);
    b.variadic = dr_fb_list(t, DR_RECORDS_VARIADIC, sizeof(int64_t));
    struct dr_fb_table compression = dr_fb_sub(t, DR_RECORDS_COMPRESSION);
    bool compressed = dr_fb_present(compression);
    int8_t codec = dr_fb_i8(compression, 0, 0);
    if (!dr_fb_present(t))
        return dr_fail(err, DR_EINPUT, "the metadata is damaged: %s", t.fb ? t.fb->bad : "no record batch");
    DR_TRY(take_rows(&b, compressed, budget, err));
    int32_t rc = compressed ? dr_arrow_expand(&b, codec, &budget->bytes, err) : DR_OK;
    if (rc)
        dr_arrow_batch_done(&b);
    else
        *ret = b;
    return rc;
}

static int32_t next_node(struct dr_arrow_batch *b, int64_t *ret_nulls, struct dr_err *err)
{
    if (b->node == b->nodes.n)
        return dr_fail(err, DR_EINPUT, "the batch describes fewer columns than the schema");
    int64_t rows = dr_fb_list_i64(b->nodes, b->node, 0);
    *ret_nulls = dr_fb_list_i64(b->nodes, b->node, 8);
    b->node++;
    if (rows != b->rows)
        return dr_fail(err, DR_EINPUT, "it has %lld rows and its batch %lld", (long long)rows,
                       (long long)b->rows);
    return DR_OK;
}

int32_t dr_arrow_next_buffer(struct dr_arrow_batch *b, struct dr_arrow_buffer *ret, struct dr_err *err)
{
    if (b->buffer == b->buffers.n)
        return dr_fail(err, DR_EINPUT, "the batch has fewer buffers than its columns need");
    size_t i = b->buffer++;
    int64_t offset = b->places ? b->places[2 * i] : dr_fb_list_i64(b->buffers, i, 0);
    int64_t n = b->places ? b->places[2 * i + 1] : dr_fb_list_i64(b->buffers, i, 8);
    if (offset < 0 || n < 0 || offset > b->body.n || n > b->body.n - offset)
        return dr_fail(err, DR_EINPUT, "a buffer of %lld bytes at %lld lies outside its batch of %lld bytes",
                       (long long)n, (long long)offset, (long long)b->body.n);
    *ret = (struct dr_arrow_buffer){ n ? b->body.p + offset : NULL, n };
    return DR_OK;
}

int32_t dr_arrow_need(const struct dr_arrow_buffer *buf, int64_t n, const char *what, struct dr_err *err)
{
    if (n <= buf->n)
        return DR_OK;
    return dr_fail(err, DR_EINPUT, "its %s are %lld bytes long and must be %lld", what, (long long)buf->n,
                   (long long)n);
}

/* ---- memory --------------------------------------------------------------- */

const void *dr_arrow_adopt(struct dr_arrow_batch *b, struct dr_array *a, int slot, const void *p, int64_t n,
                           uintptr_t align)
{
    if (n && (uintptr_t)p % align == 0) {
        a->mem[slot] = dr_mem_ref(b->mem);
        return p;
    }
    a->mem[slot] = dr_mem_new((size_t)n);
    if (n)
        memcpy(a->mem[slot]->p, p, (size_t)n);
    return a->mem[slot]->p;
}

void *dr_arrow_fresh_values(struct dr_array *a, int64_t n)
{
    dr_mem_unref(a->mem[1]);
    a->mem[1] = dr_mem_new((size_t)n);
    a->values = a->mem[1]->p;
    return a->mem[1]->p;
}

/* ---- validity ------------------------------------------------------------- */

static bool tail_clear(const uint8_t *bits, int64_t n)
{
    return n % 8 == 0 || bits[n / 8] >> (n % 8) == 0;
}

/* Take the bitmap over, with the unused bits of its last byte 0. */
static void adopt_bitmap(struct dr_arrow_batch *b, struct dr_array *a, const struct dr_arrow_buffer *buf)
{
    int64_t bytes = (a->n + 7) / 8;
    if (tail_clear(buf->p, a->n)) {
        a->valid = dr_arrow_adopt(b, a, 0, buf->p, bytes, 8);
        return;
    }
    uint8_t *bits = dr_array_make_validity(a);
    memcpy(bits, buf->p, (size_t)bytes);
    bits[bytes - 1] &= (uint8_t)((1u << (a->n % 8)) - 1);
}

/* A batch that claims no nulls need not have a bitmap, and its bits do not count. */
static int32_t read_validity(struct dr_arrow_batch *b, int64_t nulls, struct dr_array *a, struct dr_err *err)
{
    struct dr_arrow_buffer buf;
    DR_TRY(dr_arrow_next_buffer(b, &buf, err));
    if (nulls == 0 || a->n == 0)
        return DR_OK;
    if (nulls < -1 || nulls > a->n)
        return dr_fail(err, DR_EINPUT, "it claims %lld nulls in %lld rows", (long long)nulls,
                       (long long)a->n);
    if (buf.n == 0 && nulls == -1)
        return DR_OK;
    if (buf.n < (a->n + 7) / 8)
        return dr_fail(err, DR_EINPUT, "its bitmap of %lld bytes is too short for %lld rows",
                       (long long)buf.n, (long long)a->n);
    adopt_bitmap(b, a, &buf);
    a->nulls = a->n - dr_bits_count(a->valid, a->n);
    if (nulls >= 0 && nulls != a->nulls)
        return dr_fail(err, DR_EINPUT, "it claims %lld nulls, but its bitmap has %lld", (long long)nulls,
                       (long long)a->nulls);
    dr_array_seal(a);
    return DR_OK;
}

/* Whether a value of 4, 8 or 16 bytes is other than 0. */
static inline bool any_bit(const uint8_t *p, size_t width)
{
    uint32_t small;
    uint64_t low, high = 0;
    if (width == sizeof small) {
        memcpy(&small, p, sizeof small);
        return small != 0;
    }
    memcpy(&low, p, sizeof low);
    if (width > sizeof low)
        memcpy(&high, p + sizeof low, sizeof high);
    return (low | high) != 0;
}

/* Whether every value under a null is 0. */
static bool nulls_are_zero(const struct dr_array *a, size_t width)
{
    const uint8_t *values = a->values;
    for (int64_t i = 0; a->valid && i < a->n; i += 8) {
        uint32_t missing = (uint8_t)~a->valid[i / 8];
        for (; missing; missing &= missing - 1) {
            int64_t row = i + __builtin_ctz(missing);
            if (row < a->n && any_bit(values + (size_t)row * width, width))
                return false;
        }
    }
    return true;
}

void dr_arrow_clear_nulls(struct dr_array *a, size_t width)
{
    if (nulls_are_zero(a, width))
        return;
    struct dr_mem *old = dr_mem_ref(a->mem[1]);
    const void *from = a->values;
    uint8_t *values = dr_arrow_fresh_values(a, a->n * (int64_t)width);
    memcpy(values, from, (size_t)a->n * width);
    for (int64_t i = 0; i < a->n; i++)
        if (!dr_bit(a->valid, i))
            memset(values + (size_t)i * width, 0, width);
    dr_mem_unref(old);
}

/* ---- fixed width ---------------------------------------------------------- */

int32_t dr_arrow_fail_row(int64_t row, const char *problem, struct dr_err *err)
{
    return dr_fail(err, DR_EINPUT, "row %lld of the batch %s", (long long)row + 1, problem);
}

void dr_arrow_widen(const uint8_t *p, int32_t bits, bool is_signed, int64_t n, int64_t *ret)
{
#define WIDEN(type)                                                                                          \
    for (int64_t i = 0; i < n; i++) {                                                                        \
        type v;                                                                                              \
        memcpy(&v, p + (size_t)i * sizeof v, sizeof v);                                                      \
        ret[i] = (int64_t)v;                                                                                 \
    }                                                                                                        \
    break
    switch (is_signed ? bits : -bits) {
    case 8:
        WIDEN(int8_t);
    case 16:
        WIDEN(int16_t);
    case 32:
        WIDEN(int32_t);
    case 64:
        WIDEN(int64_t);
    case -8:
        WIDEN(uint8_t);
    case -16:
        WIDEN(uint16_t);
    case -32:
        WIDEN(uint32_t);
    default: /* what does not fit comes out negative */
        WIDEN(uint64_t);
    }
#undef WIDEN
}

/* The first valid row with a negative value, or -1. */
static int64_t first_negative(const struct dr_array *a)
{
    const int64_t *v = a->values;
    for (int64_t i = 0; i < a->n; i++)
        if (v[i] < 0 && dr_array_valid(a, i))
            return i;
    return -1;
}

static int32_t read_ints(struct dr_arrow_batch *b, const struct dr_arrow_field *f,
                         const struct dr_arrow_buffer *buf, struct dr_array *a, struct dr_err *err)
{
    if (f->bits < 64) {
        dr_arrow_widen(buf->p, f->bits, f->is_signed, a->n, dr_arrow_fresh_values(a, a->n * 8));
        return DR_OK;
    }
    a->values = dr_arrow_adopt(b, a, 1, buf->p, a->n * 8, 8);
    int64_t row = f->is_signed ? -1 : first_negative(a);
    return row < 0 ? DR_OK : dr_arrow_fail_row(row, "holds a number above 9223372036854775807", err);
}

static void read_floats(struct dr_arrow_batch *b, const struct dr_arrow_field *f,
                        const struct dr_arrow_buffer *buf, struct dr_array *a)
{
    if (f->bits == 64) {
        a->values = dr_arrow_adopt(b, a, 1, buf->p, a->n * 8, 8);
        return;
    }
    double *values = dr_arrow_fresh_values(a, a->n * 8);
    for (int64_t i = 0; i < a->n; i++) {
        float v;
        memcpy(&v, buf->p + i * 4, 4);
        values[i] = v;
    }
}

static int32_t check_range(const struct dr_array *a, struct dr_err *err)
{
    int64_t row = dr_arrow_out_of_range(a);
    return row < 0 ? DR_OK : dr_arrow_fail_row(row, "lies outside the years 1 to 9999", err);
}

static int32_t read_dates_ms(const struct dr_arrow_buffer *buf, struct dr_array *a, struct dr_err *err)
{
    const int64_t day_ms = 86400000;
    int32_t *days = dr_arrow_fresh_values(a, a->n * 4);
    for (int64_t i = 0; i < a->n; i++) {
        int64_t ms;
        memcpy(&ms, buf->p + i * 8, 8);
        if (!dr_array_valid(a, i))
            ms = 0;
        if (ms % day_ms != 0)
            return dr_arrow_fail_row(i, "is a date with a time of day; make the column a timestamp", err);
        if (ms / day_ms < INT32_MIN || ms / day_ms > INT32_MAX)
            return dr_arrow_fail_row(i, "lies outside the years 1 to 9999", err);
        days[i] = (int32_t)(ms / day_ms);
    }
    return DR_OK;
}

static int32_t read_dates(struct dr_arrow_batch *b, const struct dr_arrow_field *f,
                          const struct dr_arrow_buffer *buf, struct dr_array *a, struct dr_err *err)
{
    if (f->unit == DR_ARROW_DATE_MS)
        return read_dates_ms(buf, a, err);
    a->values = dr_arrow_adopt(b, a, 1, buf->p, a->n * 4, 4);
    return DR_OK;
}

/* Nanoseconds that are no whole microseconds are refused rather than cut: a
 * reader of times cannot know whether they matter. */
static int32_t scale_times(int32_t unit, const struct dr_arrow_buffer *buf, struct dr_array *a,
                           struct dr_err *err)
{
    int64_t factor = unit == DR_ARROW_SECOND ? 1000000 : 1000;
    int64_t *us = dr_arrow_fresh_values(a, a->n * 8);
    for (int64_t i = 0; i < a->n; i++) {
        int64_t v;
        memcpy(&v, buf->p + i * 8, 8);
        if (!dr_array_valid(a, i))
            v = 0;
        if (unit == DR_ARROW_NS && v % 1000 != 0)
            return dr_arrow_fail_row(i, "is finer than a microsecond; round the column to microseconds", err);
        if (unit == DR_ARROW_NS)
            us[i] = v / 1000;
        else if (__builtin_mul_overflow(v, factor, &us[i]))
            return dr_arrow_fail_row(i, "lies outside the years 1 to 9999", err);
    }
    return DR_OK;
}

static int32_t read_times(struct dr_arrow_batch *b, const struct dr_arrow_field *f,
                          const struct dr_arrow_buffer *buf, struct dr_array *a, struct dr_err *err)
{
    if (f->unit != DR_ARROW_US)
        return scale_times(f->unit, buf, a, err);
    a->values = dr_arrow_adopt(b, a, 1, buf->p, a->n * 8, 8);
    return DR_OK;
}

static void read_decimals(struct dr_arrow_batch *b, const struct dr_arrow_field *f,
                          const struct dr_arrow_buffer *buf, struct dr_array *a)
{
    if (f->bits == 128) {
        a->values = dr_arrow_adopt(b, a, 1, buf->p, a->n * 16, 16);
        return;
    }
    DR_AUTO_FREE int64_t *narrow = dr_malloc((size_t)a->n * sizeof *narrow);
    dr_int128 *values = dr_arrow_fresh_values(a, a->n * 16);
    dr_arrow_widen(buf->p, f->bits, true, a->n, narrow);
    for (int64_t i = 0; i < a->n; i++)
        values[i] = narrow[i];
}

/* The bytes that a value of the field takes in the file. */
static int64_t stored_width(const struct dr_arrow_field *f)
{
    if (f->stored == DR_ARROW_DATE)
        return f->unit == DR_ARROW_DAY ? 4 : 8;
    if (f->stored == DR_ARROW_TIMESTAMP)
        return 8;
    return f->bits / 8;
}

static int32_t read_fixed(struct dr_arrow_batch *b, const struct dr_arrow_field *f, struct dr_array *a,
                          struct dr_err *err)
{
    struct dr_arrow_buffer buf;
    DR_TRY(dr_arrow_next_buffer(b, &buf, err));
    DR_TRY(dr_arrow_need(&buf, a->n * stored_width(f), "values", err));
    if (f->stored == DR_ARROW_INT)
        DR_TRY(read_ints(b, f, &buf, a, err));
    else if (f->stored == DR_ARROW_FLOAT)
        read_floats(b, f, &buf, a);
    else if (f->stored == DR_ARROW_DATE)
        DR_TRY(read_dates(b, f, &buf, a, err));
    else if (f->stored == DR_ARROW_TIMESTAMP)
        DR_TRY(read_times(b, f, &buf, a, err));
    else
        read_decimals(b, f, &buf, a);
    dr_arrow_clear_nulls(a, dr_type_width(a->type));
    if (a->type == DR_TYPE_DATE || a->type == DR_TYPE_TIMESTAMP)
        return check_range(a, err);
    return DR_OK;
}

static int32_t read_bools(struct dr_arrow_batch *b, struct dr_array *a, struct dr_err *err)
{
    struct dr_arrow_buffer buf;
    int64_t bytes = a->n / 8 + (a->n % 8 != 0);
    DR_TRY(dr_arrow_next_buffer(b, &buf, err));
    DR_TRY(dr_arrow_need(&buf, bytes, "values", err));
    uint8_t stray = 0; /* bits under a null, or past the end */
    for (int64_t i = 0; a->valid && i < bytes; i++)
        stray |= (uint8_t)(buf.p[i] & ~a->valid[i]);
    if (!stray && (bytes == 0 || tail_clear(buf.p, a->n))) {
        a->values = dr_arrow_adopt(b, a, 1, buf.p, bytes, 8);
        return DR_OK;
    }
    uint8_t *bits = dr_arrow_fresh_values(a, bytes);
    for (int64_t i = 0; i < bytes; i++)
        bits[i] = a->valid ? buf.p[i] & a->valid[i] : buf.p[i];
    if (a->n % 8)
        bits[bytes - 1] &= (uint8_t)((1u << (a->n % 8)) - 1);
    return DR_OK;
}

/* ---- columns -------------------------------------------------------------- */

int32_t dr_arrow_decode_start(struct dr_arrow_batch *b, int32_t type, struct dr_array **ret,
                              struct dr_err *err)
{
    int64_t nulls = 0;
    DR_TRY(next_node(b, &nulls, err));
    struct dr_array *a = dr_calloc(1, sizeof *a);
    atomic_init(&a->refs, 1);
    a->type = type;
    a->n = b->rows;
    int32_t rc = type == DR_TYPE_NULL ? DR_OK : read_validity(b, nulls, a, err);
    if (rc)
        dr_array_unref(a);
    else
        *ret = a;
    return rc;
}

int32_t dr_arrow_decode(struct dr_arrow_batch *b, const struct dr_arrow_field *f, struct dr_array **ret,
                        struct dr_err *err)
{
    struct dr_array *a;
    int32_t rc = DR_OK;
    DR_TRY(dr_arrow_decode_start(b, f->type == DR_TYPE_DICT ? DR_TYPE_STRING : f->type, &a, err));
    a->scale = f->scale;
    a->zoned = f->zoned;
    if (a->type == DR_TYPE_NULL)
        dr_array_seal(a);
    else if (a->type == DR_TYPE_BOOL)
        rc = read_bools(b, a, err);
    else if (a->type == DR_TYPE_STRING)
        rc = dr_arrow_decode_text(b, f->stored, a, err);
    else
        rc = read_fixed(b, f, a, err);
    if (rc)
        dr_array_unref(a);
    else
        *ret = a;
    return rc;
}
