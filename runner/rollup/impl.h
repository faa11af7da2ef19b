/* impl.h - internal to this folder. Layer: rollup.
 *
 *   words.c        the key of a row as 32-bit words
 *   pack.c         the words and values of most rows in 61 bits
 *   store.c        entries by partition, in memory and beyond a limit in a file
 *   rollup.c       adding: rows to entries, entries to partitions
 *   resolve.c      equal keys of a partition
 *   groups.c       groups, and the values of each
 *   pack_groups.c  groups of packed rows
 *   waiting.c      rows of groups that there was no room for
 *   result.c       groups of all workers, slice by slice, and the numbers made of their values
 *   result_table.c the result as a table
 *
 * An entry is what remains of a row:
 *
 *     double values[V] | uint32_t key[K] | uint32_t other group words
 *
 * without padding, so it is read and written by memcpy. The highest bit of one word, which the
 * word itself never needs, says whether the row was selected. Where the row was is told by
 * where its entry lies: see struct dr_rollup_worker.
 *
 * Where rows are packed, it is
 *
 *     uint64_t word | double values[V] where these are not in the word
 *
 * and for a row that does not fit the word is followed by an entry as above, padded to 8 bytes. */
#ifndef DR_ROLLUP_IMPL_H
#define DR_ROLLUP_IMPL_H
#include <pthread.h>
#include <stdatomic.h>
#include "base/hash.h"
#include "rollup/rollup.h"

enum { DR_ROLLUP_BLOCK = 1024, DR_ROLLUP_WORDS = 48, DR_ROLLUP_VALUES = 16, DR_ROLLUP_AT_ONCE = 32 };
enum { DR_ROLLUP_HASHED = 4 };
enum { DR_ROLLUP_UNIT = sizeof(uint32_t) };               /* entries are so many times a number */
enum { DR_ROLLUP_PAYLOAD = 61, DR_ROLLUP_DAY_BITS = 16 }; /* bits of a packed row; of a day in it, at most */
enum { DR_ROLLUP_TAG_VALUE, DR_ROLLUP_TAG_MISSING, DR_ROLLUP_TAG_TEXT }; /* first of three words */
#define DR_ROLLUP_MISSING UINT32_C(0x60000000)                           /* the word of a missing value */
#define DR_ROLLUP_FLAG UINT32_C(0x80000000) /* never set in the first word of a field but STRING */
#define DR_ROLLUP_NO_VALUE UINT64_C(0x7FF8DA60DA60DA60) /* the bits of a value that is not there */

struct dr_rollup_store;
/* Texts that have no word of their own: long ones, and those that spell no value. */
struct dr_rollup_texts {
    struct dr_rollup_store *store; /* borrowed: knows of their memory */
    pthread_mutex_t lock;
    struct dr_map ids;
    struct dr_str *texts; /* owned */
    uint32_t n, cap;
    struct dr_arena bytes;
    struct dr_hash_secret secret; /* of fields that are hashed */
};
void dr_rollup_texts_init(struct dr_rollup_texts *t, struct dr_rollup_store *store);
void dr_rollup_texts_done(struct dr_rollup_texts *t);

/* A column of the key or of the groups, and its words in an entry. */
struct dr_rollup_field {
    int32_t column; /* in the table */
    int32_t type;
    int32_t at, n; /* words */
    bool hashed;   /* a STRING of DR_ROLLUP_HASHED words, which say whether texts are equal and no more */
};
int32_t dr_rollup_field_words(int32_t type); /* 0: a type that cannot be a key */
/* Whether the first texts of a column are mostly too long for the words of a STRING. */
bool dr_rollup_are_long(const struct dr_column *c);
/* The words of rows [i, i + n) of an array, n <= DR_ROLLUP_BLOCK. DR_ELIMIT past 2^29 texts. */
int32_t dr_rollup_fill(const struct dr_rollup_field *f, struct dr_rollup_texts *t, const struct dr_array *a,
                       int64_t i, int64_t n, uint32_t (*words)[DR_ROLLUP_BLOCK], struct dr_err *err);
/* The words of a group: those of the value, or of its month, for n entries that have the field's
 * words at an offset; those of entry i go to ret[i * stride]. What spells no value counts as
 * missing here. */
void dr_rollup_group_words(const struct dr_rollup_field *f, bool month, const char *const *entries, int32_t n,
                           size_t offset, uint32_t *ret, size_t stride);
/* Whether row i of a block has an ordinary number in a field of one or three words; which. */
bool dr_rollup_number(const struct dr_rollup_field *f, uint32_t (*words)[DR_ROLLUP_BLOCK], int64_t i,
                      int64_t *ret);
/* The month of a day: its word in a group. */
uint32_t dr_rollup_month(int32_t day);
/* Append the value behind a group's words to a builder of the column's type, or of DICT where f
 * is text; as a month where asked. */
void dr_rollup_put(const struct dr_rollup_field *f, const struct dr_rollup_texts *t,
                   const struct dr_dict *dict, const uint32_t *words, bool month, struct dr_builder *b);

/* ---- pack.c ---- */

/* Beside the 61 bits of a packed row: */
#define DR_ROLLUP_SELECTED (UINT64_C(1) << 61)
#define DR_ROLLUP_NO_KEY (UINT64_C(1) << 62) /* the key is only in what follows, too */
#define DR_ROLLUP_WHOLE (UINT64_C(1) << 63)  /* a whole entry follows */
#define DR_ROLLUP_GAP UINT64_MAX             /* no entry: the block ends here */

/* Bits of a text that lie together. */
struct dr_rollup_run {
    uint64_t mask;
    int32_t down; /* by how many they move towards bit 0 */
};
/* Where a column is in a packed row. */
struct dr_rollup_place {
    int32_t shift;
    uint64_t limit;              /* all bits that it has there: the highest number */
    uint64_t from;               /* the lowest number; of a text the bits that all have */
    double scale;                /* of values: what they are multiplied by */
    uint64_t mask;               /* of a text: the bits that differ */
    struct dr_rollup_run run[8]; /* of the mask */
    int32_t n_runs;
};
/* The months of a place by its bits. */
struct dr_rollup_months {
    const struct dr_rollup_place *place; /* borrowed */
    uint16_t *of;                        /* owned */
};
struct dr_rollup_pack {
    bool on, avx2;
    bool raw;                        /* values are not in the word */
    struct dr_rollup_place *places;  /* owned: of the fields, then of the values */
    uint64_t key_mask, group_mask;   /* bits of the key; of the groups, but for months */
    struct dr_rollup_months *months; /* owned */
    int32_t n_months;
    size_t entry; /* bytes of an entry that is not followed by a whole one */
};
struct dr_rollup_columns;
/* Look at a batch and plan r->pack; it stays off where that does not pay. */
DR_CHECK int32_t dr_rollup_plan_pack(struct dr_rollup *r, const struct dr_table *batch, struct dr_err *err);
/* The packed words of a block of rows. chosen: for each row all bits where it was selected, or none. */
void dr_rollup_pack_rows(const struct dr_rollup *r, const struct dr_rollup_columns *c, const uint64_t *chosen,
                         uint64_t *out);
/* The words of a field. */
void dr_rollup_unpack(const struct dr_rollup_field *f, const struct dr_rollup_place *p, uint64_t word,
                      uint32_t *words);

/* ---- store.c ---- */

/* Memory for entries and values, and the file that takes what exceeds the limit. */
struct dr_rollup_store {
    size_t limit;       /* of used; 0: none */
    atomic_size_t used; /* whatever grows with rows or groups, blocks or not */
    atomic_size_t most; /* of used, so far */
    const char *folder;
    pthread_mutex_t lock; /* of making the file */
    int fd;               /* owned; -1: there is none */
    atomic_int_least64_t end;
};
/* Blocks of one size cut from slabs, for one thread. */
struct dr_rollup_pool {
    struct dr_rollup_store *store; /* borrowed */
    size_t block, full;            /* bytes; those that items fill */
    char *free;                    /* list through the first word */
    char *at, *end;                /* of the newest slab */
    size_t slab;                   /* bytes of the next one */
    struct dr_rollup_pool *from;   /* borrowed: whose free blocks are cut up first; or NULL */
    struct dr_arena slabs;         /* owners */
};
/* Small pieces on their way to the file, of one thread. */
struct dr_rollup_outbox {
    char *p; /* owned; NULL until the first */
    size_t n, room;
    int64_t at; /* where it will lie in the file */
};
void dr_rollup_store_init(struct dr_rollup_store *s, size_t limit, const char *folder);
void dr_rollup_store_done(struct dr_rollup_store *s);
/* So much memory is in use now where it was `before`. */
void dr_rollup_store_count(struct dr_rollup_store *s, size_t now, size_t before);
/* A piece that is at *ret in the file when the outbox was emptied. */
DR_CHECK int32_t dr_rollup_store_put(struct dr_rollup_store *s, struct dr_rollup_outbox *out, const void *p,
                                     size_t n, int64_t *ret, struct dr_err *err);
DR_CHECK int32_t dr_rollup_store_flush(struct dr_rollup_store *s, struct dr_rollup_outbox *out,
                                       struct dr_err *err);
DR_CHECK int32_t dr_rollup_store_get(const struct dr_rollup_store *s, int64_t at, void *p, size_t n,
                                     struct dr_err *err);
void dr_rollup_pool_init(struct dr_rollup_pool *p, struct dr_rollup_store *s, size_t block, size_t item,
                         struct dr_rollup_pool *from);
void dr_rollup_pool_done(struct dr_rollup_pool *p);
char *dr_rollup_pool_get(struct dr_rollup_pool *p);
void dr_rollup_pool_put(struct dr_rollup_pool *p, char *block);
/* Whether a block more would take memory beyond the limit. */
bool dr_rollup_pool_is_full(const struct dr_rollup_pool *p);

/* A growing list of blocks, full but the last; refs are addresses or, odd, places in the file. */
struct dr_rollup_list {
    uint64_t *refs; /* owned */
    uint32_t n, cap;
    uint32_t used; /* bytes of the last block */
};
/* Where the next entry of a list goes, and the end of the block. */
struct dr_rollup_room {
    char *at, *end;
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

/* ---- groups.c ---- */

/* The values of one group in one column lie in chunks, small or large: a word that leads to the chunk before,
 * then values. All but the newest are full. A link is the address of a large chunk; or the place of one in
 * the file, above bits that say that and whether it is small; or 0. */
enum { DR_ROLLUP_FEW = 15, DR_ROLLUP_MANY = 127 };
#define DR_ROLLUP_IN_FILE UINT64_C(1)
#define DR_ROLLUP_SMALL UINT64_C(2)
enum { DR_ROLLUP_PLACE_SHIFT = 2 };
struct dr_rollup_chunk {
    uint64_t link;
    double values[DR_ROLLUP_MANY]; /* of a small one the first DR_ROLLUP_FEW */
};
struct dr_rollup_tail {
    double *at, *end; /* where the next value goes; both NULL before the first */
};
struct dr_rollup_values {
    struct dr_rollup_chunk *newest;
    uint64_t before; /* values in all other chunks */
};

/* A group by the bits that packed rows have of it; 0: none. */
struct dr_rollup_known {
    uint64_t key;
    uint32_t group;
};

enum { DR_ROLLUP_SLICES = 64 };       /* of all groups, by the hashes of their words */
#define DR_ROLLUP_NO_GROUP UINT32_MAX /* there is no room for it */
/* Rows that wait, slice by slice, without padding:
 *
 *     double values[V] | uint32_t words of the group */
struct dr_rollup_waiting {
    struct dr_rollup_list lists[DR_ROLLUP_SLICES];
    struct dr_rollup_room rooms[DR_ROLLUP_SLICES];
};

/* The groups that one worker met, up to a number. */
struct dr_rollup_groups {
    struct dr_rollup *r; /* borrowed */
    uint32_t most;       /* groups; rows of others wait */
    uint32_t *slots;     /* owned: group + 1 */
    uint32_t n_slots;
    uint32_t n, cap;
    uint32_t *words;                 /* owned: n rows of the group's words */
    int64_t *rows;                   /* owned: kept rows of each group */
    struct dr_rollup_values *values; /* owned: for each group and value column */
    struct dr_rollup_tail *tails;    /* owned, likewise */
    struct dr_rollup_known *known;   /* owned: slots, a power of two */
    uint32_t n_known, known_slots;
    struct dr_rollup_pool large, small; /* chunks */
    struct dr_rollup_outbox outbox;
    struct dr_rollup_pool *entries;    /* borrowed */
    struct dr_rollup_waiting *waiting; /* owned; NULL: no row waits */
    size_t counted;                    /* bytes of the arrays above */
};
/* entries: of the same worker. most: UINT32_MAX for as many groups as there are. */
void dr_rollup_groups_init(struct dr_rollup_groups *g, struct dr_rollup *r, struct dr_rollup_pool *entries,
                           uint32_t most);
void dr_rollup_groups_done(struct dr_rollup_groups *g);
/* Forget all groups, and keep the memory for others. */
void dr_rollup_groups_clear(struct dr_rollup_groups *g);
/* How many groups fit into so many bytes, about. */
uint32_t dr_rollup_groups_within(const struct dr_rollup *r, size_t bytes);
/* Count n <= DR_ROLLUP_AT_ONCE entries into their groups: together, so that the processor can
 * wait for the memory of several groups at a time. */
DR_CHECK int32_t dr_rollup_groups_add(struct dr_rollup_groups *g, const char *const *entries, int32_t n,
                                      struct dr_err *err);
/* The same for rows whose values lie in `rows` and whose groups have these words. */
DR_CHECK int32_t dr_rollup_groups_add_rows(struct dr_rollup_groups *g, const char *const *rows,
                                           const uint32_t *words, int32_t n, struct dr_err *err);
/* The number of a group of these words; a new one is added where there is room. */
uint32_t dr_rollup_groups_find(struct dr_rollup_groups *g, const uint32_t *words);
/* Room for a value more in list `at`, whose newest chunk is full. */
DR_CHECK int32_t dr_rollup_groups_room(struct dr_rollup_groups *g, size_t at, struct dr_err *err);
/* The chunk that a link leads to, in *buf where it lies in the file; *ret_n its values. */
DR_CHECK int32_t dr_rollup_groups_chunk(const struct dr_rollup_groups *g, uint64_t link,
                                        struct dr_rollup_chunk *buf, const struct dr_rollup_chunk **ret,
                                        size_t *ret_n, struct dr_err *err);
/* Tell the store how large the arrays are now. */
void dr_rollup_groups_count(struct dr_rollup_groups *g);
/* Put off a row of a group that there is no room for: its values, and its group's words. */
DR_CHECK int32_t dr_rollup_wait(struct dr_rollup_groups *g, const void *values, const uint32_t *words,
                                struct dr_err *err);
/* Count the rows of a slice that wait elsewhere into groups that have room. buf: of a block. */
DR_CHECK int32_t dr_rollup_take_waiting(struct dr_rollup_groups *to, struct dr_rollup_groups *from,
                                        uint32_t slice, char *buf, struct dr_err *err);
void dr_rollup_waiting_free(struct dr_rollup_waiting *w); /* NULL is fine */
/* Prepare r->pack for the groups. */
void dr_rollup_plan_groups(struct dr_rollup *r);
/* As dr_rollup_groups_add, for packed rows; entries are looked at only where values are raw. Both arrays
 * are changed. */
DR_CHECK int32_t dr_rollup_groups_add_packed(struct dr_rollup_groups *g, uint64_t *words,
                                             const char **entries, int32_t n, struct dr_err *err);

static inline uint64_t dr_rollup_load8(const void *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof(word));
    return word;
}
static inline uint32_t dr_rollup_load4(const void *p)
{
    uint32_t word;
    memcpy(&word, p, sizeof(word));
    return word;
}
#define DR_ROLLUP_HASH UINT64_C(0x243F6A8885A308D3) /* the hash of no words */
static inline uint64_t dr_rollup_hash_step(uint64_t h, uint64_t words)
{
    h = (h ^ words) * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ h >> 32;
}
/* Two words at a time. */
static inline uint64_t dr_rollup_hash(const uint32_t *words, int32_t n)
{
    uint64_t h = DR_ROLLUP_HASH;
#pragma GCC unroll 8
    for (; n >= 2; n -= 2, words += 2)
        h = dr_rollup_hash_step(h, dr_rollup_load8(words));
    return n == 0 ? h : dr_rollup_hash_step(h, *words);
}
/* The slice that a group of these words is in: other bits of the hash than those that find it there. */
static inline uint32_t dr_rollup_slice(const uint32_t *words, int32_t n)
{
    return (uint32_t)(dr_rollup_hash(words, n) >> 32) % DR_ROLLUP_SLICES;
}
/* Whether n words are equal, wherever they lie. */
static inline bool dr_rollup_same(const char *a, const char *b, int32_t n)
{
#pragma GCC unroll 8
    for (; n >= 2; n -= 2, a += 8, b += 8) {
        if (dr_rollup_load8(a) != dr_rollup_load8(b))
            return false;
    }
    return n == 0 || dr_rollup_load4(a) == dr_rollup_load4(b);
}
/* The missing values of rows [i, i + n) of an array, of the first 64 at most. */
static inline uint64_t dr_rollup_nulls(const struct dr_array *a, int64_t i, int64_t n)
{
    int m = n < 64 ? (int)n : 64;
    return ~dr_bits_window(a->valid, i, m) & ~UINT64_C(0) >> (64 - m);
}

/* ---- the whole ---- */

/* A batch that was added: its worker, and its place among that worker's. */
struct dr_rollup_mark {
    int64_t first_row;
    int32_t worker, at;
};
/* A block of rows, column by column. */
struct dr_rollup_columns {
    double (*values)[DR_ROLLUP_BLOCK];
    uint32_t (*words)[DR_ROLLUP_BLOCK];
};
struct dr_rollup_worker {
    uint32_t (*words)[DR_ROLLUP_BLOCK]; /* owned */
    double (*values)[DR_ROLLUP_BLOCK];  /* owned */
    struct dr_rollup_list *parts;       /* owned, one for each partition */
    struct dr_rollup_room *rooms;       /* owned, likewise */
    int64_t *batches;                   /* owned: first rows */
    uint32_t *starts;                   /* owned: for each batch and partition, where its entries begin */
    uint32_t *wholes;                   /* owned: for each partition, packed rows that whole ones follow */
    int32_t n_batches, batches_cap;
    struct dr_rollup_pool pool;
    struct dr_rollup_groups groups;
    struct dr_rollup_counts counts;
    struct dr_err err;
};
static inline size_t dr_rollup_room_left(const struct dr_rollup_worker *w, size_t part)
{
    return (size_t)(w->rooms[part].end - w->rooms[part].at);
}
struct dr_rollup {
    const struct dr_rollup_options *o; /* borrowed */
    int32_t n_fields;                  /* key columns, then other columns of groups */
    struct dr_rollup_field *fields;    /* owned */
    int32_t key_words, words;          /* of an entry */
    int32_t flag;                      /* the word that says whether the row was selected */
    int32_t *group_field;              /* owned: each group's field */
    int32_t *group_at;                 /* owned: each group's first word among those of a group */
    int32_t group_words;
    int32_t n_values;
    int32_t value_column[DR_ROLLUP_VALUES];
    int32_t *agg_value; /* owned: each aggregate's value, or -1 */
    size_t entry;       /* bytes of one that is not packed */
    size_t whole;       /* of a packed word and the whole entry after it */
    struct dr_rollup_pack pack;
    int32_t part_bits;
    struct dr_dict **dicts; /* owned references, for each field; the largest that was seen */
    struct dr_rollup_texts texts;
    struct dr_rollup_store store;
    struct dr_rollup_worker *workers; /* owned */
    bool flag_alone;                  /* which says nothing else */
    bool only_counts;
};

/* ---- rollup.c ---- */
/* How many units of DR_ROLLUP_UNIT bytes a worker had in a partition before its batch `at`, or in all. */
uint32_t dr_rollup_units_before(const struct dr_rollup *r, const struct dr_rollup_worker *w, size_t part,
                                int32_t at);
/* The words and values of rows [i, i + n) of a chunk, n <= DR_ROLLUP_BLOCK. */
DR_CHECK int32_t dr_rollup_fill_block(struct dr_rollup *r, const struct dr_table *batch, int32_t chunk,
                                      int64_t i, int64_t n, const struct dr_rollup_columns *c,
                                      struct dr_err *err);
/* ---- result.c ---- */
/* What there is to say of the groups of a slice. */
struct dr_rollup_slice {
    uint32_t n;
    uint32_t *words;  /* owned: group_words of each group */
    double *numbers;  /* owned: n_aggs of each */
    uint8_t *present; /* owned, likewise: 0 for a missing one */
};
/* Put the groups of all workers together, and make the numbers: slices[DR_ROLLUP_SLICES], zeroed. */
DR_CHECK int32_t dr_rollup_aggregate(struct dr_rollup *r, struct dr_rollup_slice *slices, struct dr_err *err);
/* ---- result_table.c ---- */
void dr_rollup_slices_done(struct dr_rollup_slice *slices); /* all of them */
/* The groups of all slices, which are given up. */
DR_CHECK int32_t dr_rollup_table(const struct dr_rollup *r, struct dr_rollup_slice *slices,
                                 struct dr_table **ret, struct dr_err *err);
/* Replace a table by one that its groups order. */
DR_CHECK int32_t dr_rollup_order(const struct dr_rollup_options *o, struct dr_table **t, struct dr_err *err);
/* ---- resolve.c ---- */
DR_CHECK int32_t dr_rollup_resolve(struct dr_rollup *r, struct dr_err *err);
#endif
