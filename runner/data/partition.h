/* partition.h - rows split by their key into partitions that fit the cache: by its
 * hash for tables of distinct keys, or by its highest bits for sorting. Layer: data.
 *
 * An entry stands for a row: what tells its key from others of its partition, and
 * the row's number. Within a partition entries stand in order of row, whatever
 * thread wrote them. Keys of one word that leave at most 32 bits beside the
 * partition's number are narrow: partition and rest together are the key itself
 * (by hash: mixed by a bijection). Others keep their words. */
#ifndef DR_PARTITION_H
#define DR_PARTITION_H
#include "data/pool.h"
#include "data/row_keys.h"
#include "data/scratch.h"

enum dr_parts_by { DR_PARTS_BY_HASH, DR_PARTS_BY_ORDER };

struct dr_parts {
    const struct dr_row_keys *keys; /* borrowed */
    enum dr_parts_by by;
    const uint64_t *only; /* borrowed bitmap of the rows that take part; NULL: all */
    int32_t bits;         /* of a partition's number */
    int32_t n;            /* partitions */
    bool narrow;
    int32_t used;  /* partitions that are not left out */
    int64_t total; /* entries of those */
    int64_t block_rows, blocks;
    uint32_t *at;            /* owned: blocks x n, where each block writes */
    uint64_t *start;         /* owned: n + 1, the entries of each partition */
    struct dr_scratch entry; /* narrow: uint64_t, rest of the key above row; else uint32_t rows */
    struct dr_scratch word;  /* not narrow: total uint64_t for each word of a key */
    struct dr_share next;    /* partitions that no thread has taken yet */
};
/* keys has at least one word and fewer than 2^32 - 1 rows. By order, partitions that
 * begin at entry `limit` or later may be left out: their entries are undefined. */
DR_CHECK int32_t dr_parts_init(struct dr_parts *p, const struct dr_row_keys *keys, enum dr_parts_by by,
                               const uint64_t *only, int64_t limit, struct dr_err *err);
void dr_parts_done(struct dr_parts *p);

/* The distinct keys of one partition, numbered from 0 in the order they were put.
 * Zeroed it is empty; one per thread serves partition after partition. */
struct dr_part_table {
    uint64_t *slot; /* owned: tag above number + 1; 0 is free */
    int32_t bits;   /* 2^bits slots */
    uint32_t n;
    uint32_t *first; /* owned: the entry that brought each key */
    uint32_t slot_room, first_room;
};
void dr_part_table_start(struct dr_part_table *t, uint64_t entries); /* empty it */
void dr_part_table_grow(struct dr_part_table *t);
void dr_part_table_done(struct dr_part_table *t);

/* fn(ctx, p, table, part) for each partition with entries, on all threads. */
typedef void (*dr_part_fn)(void *ctx, struct dr_parts *p, struct dr_part_table *t, int32_t part);
void dr_parts_run(struct dr_parts *p, dr_part_fn fn, void *ctx);

#define DR_PART_MIX UINT64_C(0x9e3779b97f4a7c15) /* odd: multiplying by it is a bijection */

static inline uint64_t dr_part_hash(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0xff51afd7ed558ccd);
    return hash ^ hash >> 32;
}
static inline uint32_t dr_part_row(const struct dr_parts *p, uint64_t entry)
{
    return p->narrow ? (uint32_t)((const uint64_t *)p->entry.p)[entry]
                     : ((const uint32_t *)p->entry.p)[entry];
}
/* 32 bits that tell most keys of a partition apart; narrow: all. */
static inline uint32_t dr_part_tag(const struct dr_parts *p, uint64_t entry)
{
    const uint64_t *word = p->word.p;
    uint64_t hash = 0;
    if (p->narrow)
        return (uint32_t)(((const uint64_t *)p->entry.p)[entry] >> 32);
    for (int32_t w = 0; w < p->keys->n; w++)
        hash = dr_part_hash(hash, word[w * p->total + (int64_t)entry]);
    return (uint32_t)hash;
}
static inline bool dr_part_same(const struct dr_parts *p, uint64_t a, uint64_t b)
{
    const uint64_t *word = p->word.p;
    for (int32_t w = 0; w < p->keys->n && !p->narrow; w++)
        if (word[w * p->total + (int64_t)a] != word[w * p->total + (int64_t)b])
            return false;
    return true;
}
static inline uint64_t dr_part_slot(const struct dr_part_table *t, uint32_t tag)
{
    return tag * DR_PART_MIX >> (64 - t->bits);
}
/* The number of the entry's key; where it is new, it equals the table's n before. */
static inline uint32_t dr_part_put(const struct dr_parts *p, struct dr_part_table *t, uint64_t entry)
{
    uint32_t tag = dr_part_tag(p, entry);
    if (t->n >> (t->bits - 1))
        dr_part_table_grow(t);
    uint64_t mask = (UINT64_C(1) << t->bits) - 1, at = dr_part_slot(t, tag);
    for (uint64_t slot; (slot = t->slot[at]) != 0; at = (at + 1) & mask) {
        uint32_t number = (uint32_t)slot - 1;
        if (slot >> 32 == tag && dr_part_same(p, t->first[number], entry))
            return number;
    }
    t->first[t->n] = (uint32_t)entry;
    t->slot[at] = (uint64_t)tag << 32 | ++t->n;
    return t->n - 1;
}
#endif
