/* column.c - shared memory, arrays and columns: reference counts, buffers and
 * the questions every kernel asks of them.
 *
 * A count is raised relaxed (whoever raises it already holds a reference) and
 * dropped with acquire-release, so that the thread which frees sees all that
 * the others wrote. */
#include "data/column.h"
#include <sys/mman.h>
#include "data/decimal.h"
#include "data/kernel.h"
#include "data/pages.h"
#include "data/refused.h"

#define BUFFER_ALIGN ((size_t)64)
#define BUFFER_SLACK ((size_t)32)    /* readable past the end, for vector loads */
#define LARGE (DR_HUGE_PAGE * 3 / 2) /* from here on pages of their own pay */

/* ---- memory -------------------------------------------------------------- */

static void heap_release(struct dr_mem *m)
{
    free(m->p);
}

struct dr_mem *dr_mem_new(size_t n)
{
    if (n > SIZE_MAX - BUFFER_SLACK - BUFFER_ALIGN)
        dr_die_oom(n);
    size_t padded = (n + BUFFER_SLACK + BUFFER_ALIGN - 1) & ~(BUFFER_ALIGN - 1);
    struct dr_mem *m = dr_malloc(sizeof *m);
    m->p = aligned_alloc(BUFFER_ALIGN, padded);
    if (!m->p)
        dr_die_oom(padded);
    memset((char *)m->p + n, 0, padded - n);
    atomic_init(&m->refs, 1);
    m->n = n;
    m->release = heap_release;
    m->mapped = m->brief = false;
    return m;
}

struct dr_mem *dr_mem_new_zero(size_t n)
{
    struct dr_mem *m = dr_mem_new(n);
    memset(m->p, 0, n);
    return m;
}

static void give_back(struct dr_mem *m)
{
    dr_pages_put(m->p, m->n);
}

static struct dr_mem *new_in_pages(size_t n, enum dr_pages_size size)
{
    if (n < LARGE || n > SIZE_MAX - BUFFER_SLACK)
        return dr_mem_new(n);
    struct dr_mem *m = dr_malloc(sizeof *m);
    atomic_init(&m->refs, 1);
    m->p = dr_pages_get(n + BUFFER_SLACK, size, &m->n);
    m->release = give_back;
    m->mapped = m->brief = false;
    return m;
}

struct dr_mem *dr_mem_new_large(size_t n)
{
    return new_in_pages(n, DR_PAGES_HUGE);
}

struct dr_mem *dr_mem_new_in_order(size_t n)
{
    return new_in_pages(n, DR_PAGES_USUAL);
}

struct dr_mem *dr_mem_ref(struct dr_mem *m)
{
    if (m)
        atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
    return m;
}

void dr_mem_unref(struct dr_mem *m)
{
    if (!m || atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (m->release)
        m->release(m);
    free(m);
}

/* With a page that is looked at, the kernel maps those around it that are one piece in its cache, of up to so
 * many bytes: with the first pages of a range some before it, which were let go already. */
enum { MAPPED_AROUND = 2 << 20 };

static void let_go(const struct dr_mem *m, const char *from, const char *to)
{
    uintptr_t first = (uintptr_t)from;
    if (!m || !m->brief || from >= to)
        return;
    first -= first % MAPPED_AROUND;
    first = first > (uintptr_t)m->p ? first : (uintptr_t)m->p; /* where a page begins */
    (void)madvise((void *)first, (size_t)((uintptr_t)to - first), MADV_DONTNEED);
}

static void array_let_go(const struct dr_array *a, int64_t from, int64_t to)
{
    const int64_t *offsets = a->values;
    int64_t width = a->type == DR_TYPE_STRING ? (int64_t)sizeof *offsets : (int64_t)dr_type_width(a->type);
    if (!a->mem[1] || !a->mem[1]->brief)
        return;
    if (a->type == DR_TYPE_STRING)
        let_go(a->mem[2], a->bytes + offsets[from], a->bytes + offsets[to]);
    let_go(a->mem[1], (const char *)a->values + from * width, (const char *)a->values + to * width);
}

void dr_column_let_go(const struct dr_column *c, int64_t from, int64_t to)
{
    int32_t k = from < to ? dr_column_chunk_of(c, from) : 0;
    for (; from < to; from = c->start[++k]) {
        int64_t end = to < c->start[k + 1] ? to : c->start[k + 1];
        array_let_go(c->chunk[k], from - c->start[k], end - c->start[k]);
    }
}

void dr_table_let_go_files(const struct dr_table *t)
{
    const struct dr_mem *last = NULL;
    for (int32_t c = 0; c < t->n; c++)
        for (int32_t k = 0; k < t->columns[c]->n; k++) {
            const struct dr_mem *m = t->columns[c]->chunk[k]->mem[1];
            if (m && m->mapped && m != last)
                (void)madvise(m->p, m->n, MADV_DONTNEED);
            last = m;
        }
}

void dr_table_let_go(const struct dr_table *t)
{
    for (int32_t c = 0; c < t->n; c++) {
        dr_column_set_brief(t->columns[c]);
        dr_column_let_go(t->columns[c], 0, t->rows);
    }
}

void dr_column_set_brief(struct dr_column *c)
{
    for (int32_t k = 0; k < c->n; k++)
        for (int i = 0; i < 3; i++)
            if (c->chunk[k]->mem[i])
                c->chunk[k]->mem[i]->brief = c->chunk[k]->mem[i]->mapped;
}

/* ---- types ----------------------------------------------------------------- */

size_t dr_type_width(int32_t type)
{
    switch (type) {
    case DR_TYPE_INT64:
    case DR_TYPE_FLOAT64:
    case DR_TYPE_TIMESTAMP:
        return 8;
    case DR_TYPE_DATE:
    case DR_TYPE_DICT:
        return 4;
    case DR_TYPE_DECIMAL:
        return 16;
    default:
        return 0;
    }
}

const char *dr_type_name(int32_t type)
{
    static const char *const names[] = { "null",      "bool",    "int64",  "float64", "date",
                                         "timestamp", "decimal", "string", "dict" };
    if (type < 0 || (size_t)type >= sizeof names / sizeof *names)
        return "unknown";
    return names[type];
}

int32_t dr_type_parse(const char *name)
{
    static const struct {
        const char *name;
        int32_t type;
    } aliases[] = { { "int", DR_TYPE_INT64 },     { "integer", DR_TYPE_INT64 },
                    { "float", DR_TYPE_FLOAT64 }, { "double", DR_TYPE_FLOAT64 },
                    { "boolean", DR_TYPE_BOOL },  { "datetime", DR_TYPE_TIMESTAMP },
                    { "str", DR_TYPE_STRING },    { "text", DR_TYPE_STRING },
                    { "category", DR_TYPE_DICT } };
    for (int32_t t = DR_TYPE_NULL; t <= DR_TYPE_DICT; t++)
        if (dr_streq(name, dr_type_name(t)))
            return t;
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (dr_streq(name, aliases[i].name))
            return aliases[i].type;
    return -1;
}

__attribute__((always_inline)) static inline int64_t count_words(const uint8_t *bits, int64_t words)
{
    int64_t count = 0;
    for (int64_t w = 0; w < words; w++) {
        uint64_t word;
        memcpy(&word, bits + w * 8, sizeof word);
        count += __builtin_popcountll(word);
    }
    return count;
}

#if defined(__x86_64__)
/* One instruction, where a program for any machine has to call a function. */
__attribute__((target("popcnt"))) static int64_t count_popcnt(const uint8_t *bits, int64_t words)
{
    return count_words(bits, words);
}

static int64_t count_best(const uint8_t *bits, int64_t words)
{
    return __builtin_cpu_supports("popcnt") ? count_popcnt(bits, words) : count_words(bits, words);
}
#else
#define count_best count_words
#endif

int64_t dr_bits_count(const uint8_t *bits, int64_t n)
{
    int64_t i = n / 64 * 64, count = count_best(bits, n / 64);
    for (; i + 8 <= n; i += 8)
        count += __builtin_popcount(bits[i / 8]);
    if (i < n)
        count += __builtin_popcount(bits[i / 8] & ((1u << (n - i)) - 1));
    return count;
}

/* ---- arrays ------------------------------------------------------------------ */

/* How many bytes hold n values of a type (the offsets of STRING). */
static size_t values_bytes(int32_t type, int64_t n)
{
    if (type == DR_TYPE_BOOL)
        return (size_t)(n + 7) / 8;
    if (type == DR_TYPE_STRING)
        return ((size_t)n + 1) * sizeof(int64_t);
    return (size_t)n * dr_type_width(type);
}

struct dr_array *dr_array_new(int32_t type, int64_t n, struct dr_dict *dict)
{
    struct dr_array *a = dr_calloc(1, sizeof *a);
    atomic_init(&a->refs, 1);
    a->type = type;
    a->n = n;
    a->dict = dict ? dr_dict_ref(dict) : NULL;
    if (type == DR_TYPE_NULL)
        return a;
    a->mem[1] = dr_mem_new_zero(values_bytes(type, n));
    a->values = a->mem[1]->p;
    return a;
}

uint8_t *dr_array_make_validity(struct dr_array *a)
{
    a->mem[0] = dr_mem_new_zero((size_t)(a->n + 7) / 8);
    a->valid = a->mem[0]->p;
    return a->mem[0]->p;
}

char *dr_array_make_bytes(struct dr_array *a, size_t n)
{
    a->mem[2] = dr_mem_new(n);
    a->bytes = a->mem[2]->p;
    return a->mem[2]->p;
}

struct dr_array *dr_array_seal(struct dr_array *a)
{
    if (a->type == DR_TYPE_NULL)
        a->nulls = a->n;
    else if (a->valid)
        a->nulls = a->n - dr_bits_count(a->valid, a->n);
    if (a->nulls == 0 || a->type == DR_TYPE_NULL) {
        dr_mem_unref(a->mem[0]);
        a->mem[0] = NULL;
        a->valid = NULL;
    }
    return a;
}

struct dr_array *dr_array_ref(struct dr_array *a)
{
    atomic_fetch_add_explicit(&a->refs, 1, memory_order_relaxed);
    return a;
}

void dr_array_unref(struct dr_array *a)
{
    if (!a || atomic_fetch_sub_explicit(&a->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (int i = 0; i < 3; i++)
        dr_mem_unref(a->mem[i]);
    dr_dict_unref(a->dict);
    dr_refused_unref(a->refused);
    free(a);
}

static void put_decimal(const struct dr_array *a, int64_t i, struct dr_buf *out)
{
    char text[DR_DECIMAL_TEXT];
    dr_int128 v;
    memcpy(&v, (const char *)a->values + i * 16, 16);
    dr_buf_append(out, text, dr_format_decimal(v, a->scale, text));
}

/* Append a number, date or time; the row is valid. */
static void put_value(const struct dr_array *a, int64_t i, struct dr_buf *out)
{
    char text[64];
    const int64_t *ints = a->values;
    switch (a->type) {
    case DR_TYPE_BOOL:
        dr_buf_puts(out, dr_bit(a->values, i) ? "true" : "false");
        break;
    case DR_TYPE_INT64:
        dr_buf_append(out, text, dr_format_i64(ints[i], text));
        break;
    case DR_TYPE_FLOAT64:
        dr_buf_append(out, text, dr_format_f64(((const double *)a->values)[i], text));
        break;
    case DR_TYPE_DATE:
        dr_buf_append(out, text, dr_format_date(((const int32_t *)a->values)[i], text));
        break;
    case DR_TYPE_TIMESTAMP:
        dr_buf_append(out, text, dr_format_timestamp(ints[i], a->zoned, text));
        break;
    case DR_TYPE_DECIMAL:
        put_decimal(a, i, out);
        break;
    default:
        break;
    }
}

void dr_array_put_text(const struct dr_array *a, int64_t i, struct dr_buf *out)
{
    if (a->type == DR_TYPE_NULL || !dr_array_valid(a, i))
        return;
    if (a->type == DR_TYPE_STRING || a->type == DR_TYPE_DICT) {
        struct dr_str s = dr_array_str(a, i);
        dr_buf_append(out, s.p, s.n);
    } else {
        put_value(a, i, out);
    }
}

/* ---- columns ------------------------------------------------------------------- */

struct dr_column *dr_column_new(int32_t type, int32_t n, struct dr_array **chunk, struct dr_dict *dict)
{
    struct dr_column *c = dr_calloc(1, sizeof *c);
    atomic_init(&c->refs, 1);
    c->type = type;
    c->n = n;
    c->chunk = dr_malloc((size_t)n * sizeof(struct dr_array *));
    c->start = dr_calloc((size_t)n + 1, sizeof *c->start);
    for (int32_t i = 0; i < n; i++) {
        c->chunk[i] = chunk[i];
        c->start[i + 1] = c->start[i] + chunk[i]->n;
        c->nulls += chunk[i]->nulls;
    }
    c->rows = c->start[n];
    c->scale = n ? chunk[0]->scale : 0;
    c->zoned = n && chunk[0]->zoned;
    if (type != DR_TYPE_DICT)
        return c;
    if (!dict && n)
        dict = chunk[0]->dict;
    c->dict = dict ? dr_dict_ref(dict) : dr_dict_new();
    return c;
}

struct dr_column *dr_column_like(const struct dr_column *c, int32_t n, struct dr_array **chunk)
{
    struct dr_column *like = dr_column_new(c->type, n, chunk, c->dict);
    like->scale = c->scale;
    like->zoned = c->zoned;
    return like;
}

struct dr_column *dr_column_ref(const struct dr_column *c)
{
    struct dr_column *mine = DR_UNCONST(struct dr_column, c);
    atomic_fetch_add_explicit(&mine->refs, 1, memory_order_relaxed);
    return mine;
}

void dr_column_unref(struct dr_column *c)
{
    if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (int32_t i = 0; i < c->n; i++)
        dr_array_unref(c->chunk[i]);
    free(c->chunk);
    free(c->start);
    dr_dict_unref(c->dict);
    free(c);
}

int32_t dr_column_type(const struct dr_column *c)
{
    return c->type;
}

int64_t dr_column_rows(const struct dr_column *c)
{
    return c->rows;
}

int64_t dr_column_nulls(const struct dr_column *c)
{
    return c->nulls;
}

int32_t dr_column_chunks(const struct dr_column *c)
{
    return c->n;
}

void dr_column_chunk(const struct dr_column *c, int32_t i, struct dr_chunk *ret)
{
    const struct dr_array *a = c->chunk[i];
    *ret = (struct dr_chunk){ .type = a->type,
                              .scale = a->scale,
                              .length = a->n,
                              .null_count = a->nulls,
                              .validity = a->valid,
                              .values = a->values,
                              .bytes = a->bytes };
}

int32_t dr_column_dict_size(const struct dr_column *c)
{
    return c->dict ? c->dict->n : 0;
}

const char *dr_column_dict_get(const struct dr_column *c, int32_t code, int64_t *ret_n)
{
    if (!c->dict || code < 0 || code >= c->dict->n)
        return NULL;
    *ret_n = (int64_t)c->dict->values[code].n;
    return c->dict->values[code].p;
}

bool dr_column_is_text(const struct dr_column *c)
{
    return c->type == DR_TYPE_STRING || c->type == DR_TYPE_DICT;
}

/* The codes of one chunk of text, its values added to dict. */
static struct dr_array *encode_array(const struct dr_array *a, struct dr_dict *dict)
{
    struct dr_array *coded = dr_array_new(DR_TYPE_DICT, a->n, dict);
    int32_t *codes = coded->mem[1]->p;
    for (int64_t i = 0; i < a->n; i++)
        if (dr_array_valid(a, i))
            codes[i] = dr_dict_put(dict, dr_array_str(a, i));
    coded->valid = a->valid;
    coded->nulls = a->nulls;
    coded->mem[0] = dr_mem_ref(a->mem[0]);
    return coded;
}

struct dr_column *dr_column_dict(const struct dr_column *c)
{
    if (c->type != DR_TYPE_STRING)
        return dr_column_ref(c);
    struct dr_dict *dict = dr_dict_new();
    struct dr_array **chunk = dr_malloc((size_t)c->n * sizeof(struct dr_array *));
    for (int32_t k = 0; k < c->n; k++)
        chunk[k] = encode_array(c->chunk[k], dict);
    struct dr_column *coded = dr_column_new(DR_TYPE_DICT, c->n, chunk, dict);
    dr_dict_unref(dict);
    free(chunk);
    return coded;
}
