/* rollup_impl.h - internal to rollup*.c. Layer: data.
 *
 *   rollup_words.c    the key of a row as 32-bit words
 *   rollup_store.c    entries by partition, in memory and beyond a limit in a file
 *   rollup_groups.c   groups, the values of each, and the result
 *   rollup.c          the three phases: add, resolve partitions, finish groups
 *
 * An entry is what remains of a row:
 *
 *     double values[V] | uint32_t key[K] | uint32_t other group words | uint32_t order
 *
 * without padding, so it is read and written by memcpy. The lowest bit of order says
 * whether the row was selected. */
#ifndef DR_ROLLUP_IMPL_H
#define DR_ROLLUP_IMPL_H
#include <pthread.h>
#include <stdatomic.h>
#include "base/hash.h"
#include "data/rollup.h"

enum { DR_ROLLUP_BLOCK = 1024, DR_ROLLUP_WORDS = 48, DR_ROLLUP_VALUES = 16, DR_ROLLUP_AT_ONCE = 32 };
#define DR_ROLLUP_MISSING UINT32_MAX                    /* the word of a missing value */
#define DR_ROLLUP_NO_VALUE UINT64_C(0x7FF8DA60DA60DA60) /* the bits of a value that is not there */

/* Texts that have no word of their own: long ones, and those that spell no value. */
struct dr_rollup_texts {
    pthread_mutex_t lock;
    struct dr_map ids;
    struct dr_str *texts; /* owned */
    uint32_t n, cap;
    struct dr_arena bytes;
};
void dr_rollup_texts_init(struct dr_rollup_texts *t);
void dr_rollup_texts_done(struct dr_rollup_texts *t);

/* A column of the key or of the groups, and its words in an entry. */
struct dr_rollup_field {
    int32_t column; /* in the table */
    int32_t type;
    int32_t at, n; /* words */
};
int32_t dr_rollup_field_words(int32_t type); /* 0: a type that cannot be a key */
/* The words of rows [i, i + n) of an array, n <= DR_ROLLUP_BLOCK. DR_ELIMIT past 2^29 texts. */
int32_t dr_rollup_fill(const struct dr_rollup_field *f, struct dr_rollup_texts *t, const struct dr_array *a,
                       int64_t i, int64_t n, uint32_t (*words)[DR_ROLLUP_BLOCK], struct dr_err *err);
/* The words of a group: those of the value, or of its month. What spells no value counts
 * as missing here. */
void dr_rollup_group_words(const struct dr_rollup_field *f, const uint32_t *words, bool month, uint32_t *ret);
/* Append the value behind a group's words to a builder of the column's type, or of DICT where f
 * is text; as a month where asked. */
void dr_rollup_put(const struct dr_rollup_field *f, const struct dr_rollup_texts *t,
                   const struct dr_dict *dict, const uint32_t *words, bool month, struct dr_builder *b);

/* ---- rollup_store.c ---- */

/* Memory for entries and values, and the file that takes what exceeds the limit. */
struct dr_rollup_store {
    size_t limit; /* 0: none */
    atomic_size_t used;
    const char *folder;
    pthread_mutex_t lock; /* of making the file */
    int fd;               /* owned; -1: there is none */
    atomic_int_least64_t end;
};
/* Blocks of one size cut from slabs, for one thread. */
struct dr_rollup_pool {
    struct dr_rollup_store *store; /* borrowed */
    size_t block;                  /* bytes */
    char *free;                    /* list through the first word */
    char *at, *end;                /* of the newest slab */
    size_t slab;                   /* bytes of the next one */
    struct dr_rollup_pool *from;   /* borrowed: whose free blocks are cut up first; or NULL */
    struct dr_arena slabs;         /* owners */
};
void dr_rollup_store_init(struct dr_rollup_store *s, size_t limit, const char *folder);
void dr_rollup_store_done(struct dr_rollup_store *s);
void dr_rollup_pool_init(struct dr_rollup_pool *p, struct dr_rollup_store *s, size_t block,
                         struct dr_rollup_pool *from);
void dr_rollup_pool_done(struct dr_rollup_pool *p);
char *dr_rollup_pool_get(struct dr_rollup_pool *p);
void dr_rollup_pool_put(struct dr_rollup_pool *p, char *block);

/* A growing list of blocks, full but the last; refs are addresses or, odd, places in the file. */
struct dr_rollup_list {
    uint64_t *refs; /* owned */
    uint32_t n, cap;
    uint32_t used; /* bytes of the last block */
};
/* A new block at the end of a list. */
DR_CHECK int32_t dr_rollup_list_grow(struct dr_rollup_list *l, struct dr_rollup_pool *p, char **ret,
                                     struct dr_err *err);
/* Block i, read into buf where it lies in the file; *ret_n its bytes. */
DR_CHECK int32_t dr_rollup_list_block(const struct dr_rollup_list *l, const struct dr_rollup_pool *p,
                                      uint32_t i, char *buf, const char **ret, size_t *ret_n,
                                      struct dr_err *err);
/* Give block i back to a pool. */
void dr_rollup_list_drop(struct dr_rollup_list *l, struct dr_rollup_pool *p, uint32_t i);
void dr_rollup_list_done(struct dr_rollup_list *l);

/* ---- rollup_groups.c ---- */

/* The values of one group in one column: a few in place, then in blocks. */
struct dr_rollup_values {
    double *tail;     /* the newest ones */
    uint32_t n, room; /* in tail */
    struct dr_rollup_list blocks;
};

/* The groups that one worker met. */
struct dr_rollup_groups {
    struct dr_rollup *r; /* borrowed */
    uint32_t *slots;     /* owned: group + 1 */
    uint32_t n_slots;
    uint32_t n, cap;
    uint32_t *words;                 /* owned: n rows of the group's words */
    int64_t *rows;                   /* owned: kept rows of each group */
    struct dr_rollup_values *values; /* owned: for each group and value column */
    struct dr_rollup_pool pool;
    struct dr_arena arena; /* the first tails */
};
/* entries: of the same worker, or NULL. */
void dr_rollup_groups_init(struct dr_rollup_groups *g, struct dr_rollup *r, struct dr_rollup_pool *entries);
void dr_rollup_groups_done(struct dr_rollup_groups *g);
/* Count n <= DR_ROLLUP_AT_ONCE entries into their groups: together, so that the processor can
 * wait for the memory of several groups at a time. */
DR_CHECK int32_t dr_rollup_groups_add(struct dr_rollup_groups *g, const char *const *entries, int32_t n,
                                      struct dr_err *err);
/* Merge what the workers met and make the result. */
DR_CHECK int32_t dr_rollup_result(struct dr_rollup *r, struct dr_table **ret, struct dr_err *err);

/* Whether n words are equal, wherever they lie. */
static inline bool dr_rollup_same(const char *a, const char *b, int32_t n)
{
    for (; n >= 2; n -= 2, a += 8, b += 8) {
        uint64_t x, y;
        memcpy(&x, a, 8);
        memcpy(&y, b, 8);
        if (x != y)
            return false;
    }
    return n == 0 || memcmp(a, b, 4) == 0;
}

/* ---- the whole ---- */

struct dr_rollup_worker {
    uint32_t (*words)[DR_ROLLUP_BLOCK]; /* owned */
    double (*values)[DR_ROLLUP_BLOCK];  /* owned */
    struct dr_rollup_list *parts;       /* owned, one for each partition */
    char **at;                          /* owned: where the next entry of each partition goes */
    uint32_t *room;                     /* owned: entries that still fit there */
    struct dr_rollup_pool pool;
    struct dr_rollup_groups groups;
    struct dr_rollup_counts counts;
    struct dr_err err;
};
struct dr_rollup {
    const struct dr_rollup_options *o; /* borrowed */
    int32_t n_fields;                  /* key columns, then other columns of groups */
    struct dr_rollup_field *fields;    /* owned */
    int32_t key_words, words;          /* of an entry; without order */
    int32_t *group_field;              /* owned: each group's field */
    int32_t *group_at;                 /* owned: each group's first word among those of a group */
    int32_t group_words;
    int32_t n_values;
    int32_t value_column[DR_ROLLUP_VALUES];
    int32_t *agg_value;        /* owned: each aggregate's value, or -1 */
    size_t entry, order_bytes; /* bytes of all, of its end */
    int32_t part_bits;
    struct dr_dict **dicts; /* owned references, for each field; the largest that was seen */
    struct dr_rollup_texts texts;
    struct dr_rollup_store store;
    struct dr_rollup_worker *workers; /* owned */
    atomic_int_least64_t next_part;
    bool only_counts;
};
#endif
