/* builder.c - a growing column.
 *
 * Values go into the buffers of the chunk being filled, which start small and
 * quadruple up to DR_CHUNK_ROWS; a full chunk is sealed as an array. The bitmap
 * is made at the first null, so that a column without any pays nothing. */
#include "data/builder.h"

#define FIRST_ROWS 1024
#define FIRST_BYTES 4096

struct dr_builder {
    int32_t type, scale;
    bool zoned;
    struct dr_dict *dict;    /* DICT: owned */
    struct dr_array **chunk; /* owned: sealed chunks */
    int32_t chunks, chunks_cap;
    int64_t n, cap;        /* rows in, and room of, the chunk being filled */
    struct dr_mem *values; /* owned; NULL between chunks */
    struct dr_mem *valid;  /* owned; NULL: no null yet */
    struct dr_mem *bytes;  /* STRING: owned; NULL: none yet */
    int64_t bytes_n;
};

/* A call that the column's type does not allow is a bug of the caller, which
 * no return value can report: say so and stop. */
static _Noreturn void misused(const struct dr_builder *b, const char *what)
{
    fprintf(stderr, "dagrun: %s on a builder of type %s\n", what, dr_type_name(b->type));
    abort();
}

struct dr_builder *dr_builder_new(int32_t type)
{
    struct dr_builder *b = dr_calloc(1, sizeof *b);
    b->type = type;
    if (type < DR_TYPE_NULL || type > DR_TYPE_DICT)
        misused(b, "dr_builder_new");
    if (type == DR_TYPE_DICT)
        b->dict = dr_dict_new();
    return b;
}

struct dr_builder *dr_builder_new_like(const struct dr_column *c)
{
    struct dr_builder *b = dr_builder_new(c->type);
    b->scale = c->scale;
    b->zoned = c->zoned;
    return b;
}

void dr_builder_set_zoned(struct dr_builder *b, bool zoned)
{
    b->zoned = zoned;
}

void dr_builder_set_scale(struct dr_builder *b, int32_t scale)
{
    b->scale = scale;
}

void dr_builder_free(struct dr_builder *b)
{
    if (!b)
        return;
    for (int32_t i = 0; i < b->chunks; i++)
        dr_array_unref(b->chunk[i]);
    free(b->chunk);
    dr_mem_unref(b->values);
    dr_mem_unref(b->valid);
    dr_mem_unref(b->bytes);
    dr_dict_unref(b->dict);
    free(b);
}

/* ---- room ------------------------------------------------------------------- */

static struct dr_mem *grown(struct dr_mem *old, size_t n)
{
    struct dr_mem *m = dr_mem_new(n);
    size_t keep = old ? old->n : 0;
    if (keep)
        memcpy(m->p, old->p, keep);
    memset((char *)m->p + keep, 0, n - keep);
    dr_mem_unref(old);
    return m;
}

static void grow_rows(struct dr_builder *b)
{
    b->cap = b->cap ? b->cap * 4 : FIRST_ROWS;
    if (b->cap > DR_CHUNK_ROWS)
        b->cap = DR_CHUNK_ROWS;
    size_t width = b->type == DR_TYPE_STRING ? sizeof(int64_t) : dr_type_width(b->type);
    if (b->type == DR_TYPE_BOOL)
        b->values = grown(b->values, (size_t)b->cap / 8);
    else if (width)
        b->values = grown(b->values, ((size_t)b->cap + 1) * width);
    if (b->valid)
        b->valid = grown(b->valid, (size_t)b->cap / 8);
}

static void close_chunk(struct dr_builder *b)
{
    struct dr_array *a = dr_calloc(1, sizeof *a);
    atomic_init(&a->refs, 1);
    a->type = b->type;
    a->scale = b->scale;
    a->zoned = b->zoned;
    a->n = b->n;
    a->dict = dr_dict_ref(b->dict);
    if (b->type == DR_TYPE_STRING && !b->bytes)
        b->bytes = dr_mem_new(0);
    a->mem[0] = b->valid;
    a->mem[1] = b->values;
    a->mem[2] = b->bytes;
    a->valid = b->valid ? b->valid->p : NULL;
    a->values = b->values ? b->values->p : NULL;
    a->bytes = b->bytes ? b->bytes->p : NULL;
    b->values = b->valid = b->bytes = NULL;
    b->n = b->cap = b->bytes_n = 0;
    if (b->chunks == b->chunks_cap) {
        b->chunks_cap = b->chunks_cap ? b->chunks_cap * 2 : 8;
        b->chunk = dr_realloc(b->chunk, (size_t)b->chunks_cap * sizeof(struct dr_array *));
    }
    b->chunk[b->chunks++] = dr_array_seal(a);
}

/* The place of the next row, marked present. */
static int64_t next_row(struct dr_builder *b)
{
    if (b->n == DR_CHUNK_ROWS)
        close_chunk(b);
    if (b->n == b->cap)
        grow_rows(b);
    if (b->valid)
        dr_bit_set(b->valid->p, b->n);
    return b->n++;
}

/* ---- appending ---------------------------------------------------------------- */

static void make_validity(struct dr_builder *b)
{
    b->valid = dr_mem_new_zero((size_t)b->cap / 8);
    uint8_t *bits = b->valid->p;
    memset(bits, 0xff, (size_t)b->n / 8);
    for (int64_t i = b->n / 8 * 8; i < b->n; i++)
        dr_bit_set(bits, i);
}

void dr_builder_append_null(struct dr_builder *b)
{
    int64_t i = next_row(b);
    if (b->type == DR_TYPE_NULL)
        return;
    if (!b->valid)
        make_validity(b);
    dr_bit_clear(b->valid->p, i);
    if (b->type == DR_TYPE_STRING)
        ((int64_t *)b->values->p)[i + 1] = b->bytes_n;
}

void dr_builder_append_int(struct dr_builder *b, int64_t v)
{
    int64_t i = next_row(b);
    void *values = b->values ? b->values->p : NULL;
    switch (b->type) {
    case DR_TYPE_BOOL:
        if (v)
            dr_bit_set(values, i);
        break;
    case DR_TYPE_INT64:
    case DR_TYPE_TIMESTAMP:
        ((int64_t *)values)[i] = v;
        break;
    case DR_TYPE_DATE:
        if (v < INT32_MIN || v > INT32_MAX)
            misused(b, "dr_builder_append_int with days out of range");
        ((int32_t *)values)[i] = (int32_t)v;
        break;
    default:
        misused(b, "dr_builder_append_int");
    }
}

void dr_builder_append_float(struct dr_builder *b, double v)
{
    if (b->type != DR_TYPE_FLOAT64)
        misused(b, "dr_builder_append_float");
    int64_t i = next_row(b);
    ((double *)b->values->p)[i] = v;
}

static void append_text(struct dr_builder *b, const char *p, int64_t n)
{
    int64_t i = next_row(b);
    size_t room = b->bytes ? b->bytes->n : 0;
    size_t need = (size_t)b->bytes_n + (size_t)n;
    if (need > room)
        b->bytes = grown(b->bytes, need > room * 2 ? need + FIRST_BYTES : room * 2);
    if (n)
        memcpy((char *)b->bytes->p + b->bytes_n, p, (size_t)n);
    b->bytes_n += n;
    ((int64_t *)b->values->p)[i + 1] = b->bytes_n;
}

int32_t dr_builder_code(struct dr_builder *b, struct dr_str s)
{
    return dr_dict_put(b->dict, s);
}

void dr_builder_append_code(struct dr_builder *b, int32_t code)
{
    int64_t i = next_row(b);
    ((int32_t *)b->values->p)[i] = code;
}

void dr_builder_append_bytes(struct dr_builder *b, const char *p, int64_t n)
{
    if (n < 0)
        misused(b, "dr_builder_append_bytes with a negative length");
    if (b->type == DR_TYPE_STRING) {
        append_text(b, p, n);
    } else if (b->type == DR_TYPE_DICT) {
        dr_builder_append_code(b, dr_builder_code(b, (struct dr_str){ p, (size_t)n }));
    } else if (b->type == DR_TYPE_DECIMAL && n == 16) {
        int64_t i = next_row(b);
        memcpy((char *)b->values->p + i * 16, p, 16);
    } else {
        misused(b, "dr_builder_append_bytes");
    }
}

struct dr_column *dr_builder_finish(struct dr_builder *b)
{
    if (b->n)
        close_chunk(b);
    struct dr_column *c = dr_column_new(b->type, b->chunks, b->chunk, b->dict);
    c->scale = b->scale;
    c->zoned = b->zoned;
    b->chunks = 0;
    dr_builder_free(b);
    return c;
}
