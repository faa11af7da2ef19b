/* values.h - the distinct texts of one column as one thread has met them,
 * and their codes. Layer: csv.
 *
 * Texts of up to 24 bytes lie in the table itself, padded with NULs (which a CSV
 * cannot hold), so that finding one is three masked loads, three multiplications
 * and a comparison. Longer ones are found by hash. */
#ifndef DR_CSV_VALUES_H
#define DR_CSV_VALUES_H
#include "data/kernel.h"

#define DR_CSV_PROVISIONAL ((int32_t)1 << 30) /* bit of a code that is not yet the dictionary's */
#define DR_CSV_NULL INT32_MIN                 /* code of a missing value */

struct dr_csv_format;
struct dr_csv_front;
enum {
    DR_CSV_SHORT = 24,
    DR_CSV_MANY = 8192 /* values, of which the table does not fit a core's own cache */
};
struct dr_csv_slot {
    uint64_t word[3]; /* word[0] is 0: free */
    int32_t code;     /* of a free slot: NULL, which is what an empty field is */
};
struct dr_csv_long_slot {
    uint64_t hash;
    int32_t id; /* + 1; 0: free */
};
struct dr_csv_value {
    struct dr_str text;
    int32_t code; /* the dictionary's, NULL, or UNSETTLED */
};
struct dr_csv_values {
    const struct dr_csv_format *format; /* borrowed */
    struct dr_csv_slot *slots;          /* owned; a power of two, at most half used */
    uint32_t used;
    int32_t words;                  /* of a slot that any text in it fills: 1 to 3 */
    int shift;                      /* 64 - log2 of the number of slots */
    uint64_t seed[3];               /* odd */
    struct dr_csv_long_slot *longs; /* owned; NULL until needed */
    uint32_t longs_used, longs_cap;
    struct dr_csv_value *all; /* owned, by id */
    int32_t n, cap;
    int32_t *unsettled; /* owned: ids that had no code when last looked at */
    int32_t unsettled_n, unsettled_cap;
    const struct dr_dict *known; /* borrowed: whose codes are told at once; NULL */
    int32_t empty;               /* id + 1 of the empty text where it is not a missing value */
    struct dr_csv_front *front;  /* owned: of columns of few values; NULL */
    bool many;                   /* it did not pay: the column has too many values, or long ones */
    struct dr_arena bytes;
};
void dr_csv_values_init(struct dr_csv_values *v, const struct dr_csv_format *f);
void dr_csv_values_done(struct dr_csv_values *v);
/* Take over codes that have been settled since. */
void dr_csv_values_refresh(struct dr_csv_values *v);
/* The dictionary's code for a provisional one; adds the text where it is new. */
int32_t dr_csv_values_settle(struct dr_csv_values *v, int32_t code, struct dr_dict *dict);

/* A text of up to DR_CSV_SHORT bytes, and its hash. */
struct dr_csv_key {
    uint64_t a, b, c, hash;
};
/* What finding a key needs, in a local copy: a loop that stores codes would
 * have to load it again for each row. Adding a value makes copies stale. */
struct dr_csv_finder {
    const struct dr_csv_slot *slots;
    uint64_t seed[3];
    int shift;
};
static inline struct dr_csv_finder dr_csv_finder_of(const struct dr_csv_values *v)
{
    return (struct dr_csv_finder){ v->slots, { v->seed[0], v->seed[1], v->seed[2] }, v->shift };
}
/* The slow parts of finding a code: of a short text that does not lie in the
 * first slot it may lie in, of a long one, of "" that is a value. */
int32_t dr_csv_values_probe(struct dr_csv_values *v, struct dr_str s);
int32_t dr_csv_values_long(struct dr_csv_values *v, struct dr_str s);
int32_t dr_csv_values_empty(struct dr_csv_values *v);

/* In row n the bytes that a text of n bytes has in each of its words. */
extern const uint64_t dr_csv_mask[DR_CSV_SHORT + 1][4] __attribute__((visibility("hidden")));

static inline uint64_t dr_csv_word(const void *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}
/* The key of p[0, n), where n is at most 8 * words, with DR_CSV_SHORT readable bytes at p. */
static inline __attribute__((always_inline)) struct dr_csv_key dr_csv_key_of_words(
    const struct dr_csv_finder *f, const char *p, size_t n, int words)
{
    const uint64_t *mask = dr_csv_mask[n];
    struct dr_csv_key key = { .a = dr_csv_word(p) & mask[0],
                              .b = words > 1 ? dr_csv_word(p + 8) & mask[1] : 0,
                              .c = words > 2 ? dr_csv_word(p + 16) & mask[2] : 0 };
    key.hash = key.a * f->seed[0] + key.b * f->seed[1] + key.c * f->seed[2]; /* its top bits count */
    return key;
}
static inline __attribute__((always_inline)) struct dr_csv_key dr_csv_key_of(const struct dr_csv_finder *f,
                                                                             const char *p, size_t n)
{
    return dr_csv_key_of_words(f, p, n, DR_CSV_SHORT / 8);
}
/* Whether a slot of which only so many words are used is the key's. */
static inline __attribute__((always_inline)) bool dr_csv_is_slot_of_words(const struct dr_csv_slot *slot,
                                                                          const struct dr_csv_key *key,
                                                                          int words)
{
    return ((slot->word[0] ^ key->a) | (words > 1 ? slot->word[1] ^ key->b : 0) |
            (words > 2 ? slot->word[2] ^ key->c : 0)) == 0;
}
static inline __attribute__((always_inline)) bool dr_csv_is_slot_of(const struct dr_csv_slot *slot,
                                                                    const struct dr_csv_key *key)
{
    return dr_csv_is_slot_of_words(slot, key, DR_CSV_SHORT / 8);
}
static inline __attribute__((always_inline)) int32_t dr_csv_code_of_key(struct dr_csv_values *v,
                                                                        struct dr_csv_finder *f,
                                                                        struct dr_str s,
                                                                        const struct dr_csv_key *key)
{
    const struct dr_csv_slot *slot = f->slots + (key->hash >> f->shift);
    if (__builtin_expect(dr_csv_is_slot_of(slot, key), 1))
        return slot->code;
    int32_t code = dr_csv_values_probe(v, s);
    *f = dr_csv_finder_of(v);
    return code;
}
/* Where to look after slot i, for a key whose first is `home`: at the other slot of the
 * same cache line, then at those that follow. `last`: the number of the last slot. */
static inline __attribute__((always_inline)) size_t dr_csv_next_slot(size_t home, size_t i, size_t last)
{
    return i == home ? home ^ 1 : i == (home ^ 1) ? ((home | 1) + 1) & last : (i + 1) & last;
}
/* Ask for the slots where a key most likely lies, to be there when they are looked at. */
static inline __attribute__((always_inline)) void dr_csv_ask(const struct dr_csv_finder *f,
                                                             const struct dr_csv_key *key)
{
    __builtin_prefetch(f->slots + (key->hash >> f->shift));
}
/* As dr_csv_code_of_key, for a table so full that many keys lie past their first slot; of a slot only so
 * many words are used, now and by the key. */
static inline __attribute__((always_inline)) int32_t dr_csv_code_past(struct dr_csv_values *v,
                                                                      struct dr_csv_finder *f,
                                                                      struct dr_str s,
                                                                      const struct dr_csv_key *key, int words)
{
    size_t last = ((size_t)1 << (64 - f->shift)) - 1, home = key->hash >> f->shift;
    for (size_t i = home;; i = dr_csv_next_slot(home, i, last)) {
        const struct dr_csv_slot *slot = f->slots + i;
        if (__builtin_expect(dr_csv_is_slot_of_words(slot, key, words), 1))
            return slot->code;
        if (slot->word[0] == 0)
            break;
    }
    int32_t code = dr_csv_values_probe(v, s);
    *f = dr_csv_finder_of(v);
    return code;
}
/* The code of a text with DR_CSV_SHORT readable bytes; an empty one is missing. */
static inline __attribute__((always_inline)) int32_t dr_csv_code(struct dr_csv_values *v,
                                                                 struct dr_csv_finder *f, struct dr_str s)
{
    if (__builtin_expect(s.n > DR_CSV_SHORT, 0))
        return dr_csv_values_long(v, s);
    struct dr_csv_key key = dr_csv_key_of(f, s.p, s.n);
    return dr_csv_code_of_key(v, f, s, &key);
}
#endif
