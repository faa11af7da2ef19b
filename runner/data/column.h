/* column.h - columns in Arrow's memory layout: the structures behind the public
 * struct dr_column and struct dr_table. Layer: data.
 *
 * Invariants
 * - A column is a list of chunks, each a struct dr_array. All chunks of a column
 *   have its type. All columns of a table have the same chunk lengths.
 * - Arrays, columns, dictionaries and tables are immutable once shared (refs may
 *   exceed 1) and counted atomically.
 * - Buffers are 64-byte aligned and padded to 64 bytes with at least 32 bytes
 *   readable past their end, except those that lie in a mapped file.
 * - Unused bits of a validity bitmap's last byte are 0; nulls is exact, and
 *   validity is NULL where nulls is 0. The value under a null is 0 (code 0 of a
 *   dictionary that may be empty: look at validity first).
 * - DICT: codes lie in [0, dict->n) where valid. A dictionary's values are
 *   distinct; it may hold values that no row uses.
 * - A chunk holds at most DR_CHUNK_ROWS rows where we made it. */
#ifndef DR_COLUMN_H
#define DR_COLUMN_H
#include <stdatomic.h>
#include "base/str.h"

#define DR_CHUNK_ROWS 65536

/* Memory that arrays share: heap, or a mapped file. */
struct dr_mem {
    atomic_int refs;
    void *p;
    size_t n;
    void (*release)(struct dr_mem *m); /* frees p; then m is freed */
    bool mapped;                       /* the pages of a file: they come back by themselves */
    bool brief;                        /* see dr_column_let_go */
};
struct dr_mem *dr_mem_new(size_t n); /* aligned, padded, not zeroed */
struct dr_mem *dr_mem_new_zero(size_t n);
/* The same; megabytes lie in pages that may have been used before, huge ones where they are used in
 * no order, and n may be more. */
struct dr_mem *dr_mem_new_large(size_t n);
struct dr_mem *dr_mem_new_in_order(size_t n);
struct dr_mem *dr_mem_ref(struct dr_mem *m);
void dr_mem_unref(struct dr_mem *m); /* NULL is fine */

/* The distinct texts of a DICT column, numbered in order of first appearance. */
struct dr_dict {
    atomic_int refs;
    int32_t n, cap;
    struct dr_str *values; /* bytes in blocks, or in mem */
    uint64_t *hashes;      /* dr_hash of each value; NULL until an index is made */
    int32_t *index;        /* open addressing, code + 1; NULL until made */
    uint32_t index_cap;
    struct dr_arena bytes; /* what append copied */
    struct dr_mem *mem;    /* owner of values that were not copied; may be NULL */
};
struct dr_dict *dr_dict_new(void);
struct dr_dict *dr_dict_ref(struct dr_dict *d);
void dr_dict_unref(struct dr_dict *d);
/* The code of s, added (bytes copied) where new. Not while shared with readers. */
int32_t dr_dict_put(struct dr_dict *d, struct dr_str s);
/* The code of s, or -1. Makes the index on first use: not while other threads do. */
int32_t dr_dict_find(struct dr_dict *d, struct dr_str s);
/* The same for threads at once, while nobody adds: -1 also where there is no index yet. */
int32_t dr_dict_look_up(const struct dr_dict *d, struct dr_str s);

struct dr_refused;
struct dr_array {
    atomic_int refs;
    int32_t type;  /* enum dr_type */
    int32_t scale; /* DECIMAL */
    bool zoned;    /* TIMESTAMP: instants in UTC rather than local times */
    int64_t n, nulls;
    const uint8_t *valid;       /* NULL: no nulls */
    const void *values;         /* bits, int32_t, int64_t, double, 16-byte decimals,
                                   int64_t offsets (STRING, n + 1), int32_t codes (DICT) */
    const char *bytes;          /* STRING */
    struct dr_dict *dict;       /* DICT: owned reference, the same in all chunks of a column */
    struct dr_mem *mem[3];      /* owners of valid, values, bytes; may repeat or be NULL */
    struct dr_refused *refused; /* owned: text that did not spell the type; NULL: none, or not kept */
};
struct dr_array *dr_array_ref(struct dr_array *a);
void dr_array_unref(struct dr_array *a);

struct dr_column {
    atomic_int refs;
    int32_t type;
    int32_t scale;
    bool zoned; /* TIMESTAMP: instants in UTC rather than local times */
    int64_t rows, nulls;
    int32_t n;               /* chunks */
    struct dr_array **chunk; /* owned references */
    int64_t *start;          /* n + 1: first row of each chunk */
    struct dr_dict *dict;    /* DICT: owned reference */
};
/* Takes over the references in chunk[] (the array itself stays the caller's); n
 * may be 0 (an empty column). Scale and zone are those of the first chunk. dict
 * is borrowed: the column adds its own reference; NULL for a DICT means that of
 * the first chunk, or a new empty one. */
struct dr_column *dr_column_new(int32_t type, int32_t n, struct dr_array **chunk, struct dr_dict *dict);

struct dr_table {
    atomic_int refs;
    int64_t rows;
    int32_t n; /* columns */
    char **names;
    struct dr_column **columns; /* owned references */
};
/* What its values take, without dictionaries. */
uint64_t dr_table_bytes(const struct dr_table *t);

static inline bool dr_bit(const uint8_t *bits, int64_t i)
{
    return bits[i >> 3] >> (i & 7) & 1;
}
static inline void dr_bit_set(uint8_t *bits, int64_t i)
{
    bits[i >> 3] |= (uint8_t)(1u << (i & 7));
}
static inline void dr_bit_clear(uint8_t *bits, int64_t i)
{
    bits[i >> 3] &= (uint8_t) ~(1u << (i & 7));
}
/* Bits [i, i + m) of a bitmap of bytes, m <= 64. */
static inline uint64_t dr_bits_window(const uint8_t *bits, int64_t i, int m)
{
    uint64_t w = 0;
    int shift = (int)(i & 7);
    const uint8_t *from = bits + (i >> 3);
    if (m == 64) {
        memcpy(&w, from, 8);
        return shift ? w >> shift | (uint64_t)from[8] << (64 - shift) : w;
    }
    size_t bytes = (size_t)(shift + m + 7) / 8;
    memcpy(&w, from, bytes < 8 ? bytes : 8);
    w >>= shift;
    if (bytes > 8)
        w |= (uint64_t)from[8] << (64 - shift);
    return w & ~UINT64_C(0) >> (64 - m);
}
static inline bool dr_array_valid(const struct dr_array *a, int64_t i)
{
    return !a->valid || dr_bit(a->valid, i);
}
/* Text of row i of a STRING or DICT array; the row must be valid. */
static inline struct dr_str dr_array_str(const struct dr_array *a, int64_t i)
{
    if (a->type == DR_TYPE_DICT)
        return a->dict->values[((const int32_t *)a->values)[i]];
    const int64_t *o = a->values;
    return (struct dr_str){ a->bytes + o[i], (size_t)(o[i + 1] - o[i]) };
}
size_t dr_type_width(int32_t type);                    /* bytes of a value; 0 for BOOL, NULL, STRING */
const char *dr_type_name(int32_t type);                /* "int64", "float64", "date", ... */
int64_t dr_bits_count(const uint8_t *bits, int64_t n); /* how many of the first n are 1 */

/* Where a row of a column lies: chunk, and row within it. Amortised O(1) for
 * ascending rows: *hint is the last chunk found (start with 0). */
static inline const struct dr_array *dr_column_at(const struct dr_column *c, int64_t row, int32_t *hint,
                                                  int64_t *ret_i)
{
    int32_t k = *hint;
    if (row < c->start[k])
        k = 0;
    while (row >= c->start[k + 1])
        k++;
    *hint = k;
    *ret_i = row - c->start[k];
    return c->chunk[k];
}
/* Columns of a mapped file that are read from one end to the other need not stay in memory: once
 * declared brief, the pages of rows that were let go are the system's again, which reads them from
 * the file when they are looked at once more. Of other columns nothing is done. */
void dr_column_set_brief(struct dr_column *c);
void dr_column_let_go(const struct dr_column *c, int64_t from, int64_t to);
/* A batch of such a file that has been looked at: whoever has kept rows of it reads them again. */
void dr_table_let_go(const struct dr_table *t);
/* The same of all pages of the files in which columns of t lie. */
void dr_table_let_go_files(const struct dr_table *t);
/* Append the text that shows a value (as the CSV writer writes it); nothing for a null. */
void dr_array_put_text(const struct dr_array *a, int64_t i, struct dr_buf *out);
/* A DICT column of the same text as a STRING column (DICT: itself, referenced). */
struct dr_column *dr_column_dict(const struct dr_column *c);
#endif
