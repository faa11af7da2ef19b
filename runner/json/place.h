/* place.h - the members of a plan's records as one thread meets them in a text:
 * how each is written, and which of them a key names. Layer: json. */
#ifndef DR_JSON_PLACE_H
#define DR_JSON_PLACE_H
#include "json/plan.h"

enum { DR_JSON_BLOCK = 32 }; /* bytes that are compared at a time, and readable from each that is kept */

/* How a member is best read, as the last records had it. */
enum dr_json_way {
    DR_JSON_ANYHOW,
    DR_JSON_BRIEF,  /* its value is a string, and lies in one block with what is expected before it */
    DR_JSON_STRETCH /* together with those that follow */
};
struct dr_json_stretch;

struct dr_json_place {
    const char *quoted; /* the key in its quotes */
    uint32_t quoted_n;
    /* How it was written last: the quoted key, ':' and white space. Where that is not kept,
     * a line end, which is nowhere in a record. */
    char *expected;
    uint32_t expected_n, expected_mask; /* a bit for each byte of its first block */
    uint32_t steady; /* the length that its value has as a rule, quotes included; 0: none */
    enum dr_json_way way;
    struct dr_json_stretch *stretch; /* NULL until there was one */
    int32_t column;                  /* -1: it has none */
    size_t offset;                   /* from a row's cell of column 0 to its own */
    bool object;                     /* found to be an object wherever it occurs */
    bool items;                      /* items of an array have columns */
    uint8_t disorder;                /* not 0: its members hardly come in the plan's order */
    struct dr_json_place *members;   /* past them, one that is never as expected */
    int32_t n_members;
    uint32_t *slots; /* by the hash of their keys, the number of each member + 1; 0: free */
    int shift;       /* 64 - log2 of the number of slots */
};
/* The place of a plan's root, with all below it; cap: the rows that have room in the table.
 * Where a key is not what a text holds, since it needs escapes there or is no UTF-8, it is
 * not there to be found. */
struct dr_json_place *dr_json_place_tree(struct dr_arena *a, const struct dr_json_node *root, int32_t cap);
/* Expect the member to be written as p[0, n), where its quoted key comes first. */
void dr_json_place_expect(struct dr_json_place *m, const char *p, size_t n);

/* Of a key without its quotes; 8 bytes are readable at p. */
static inline uint64_t dr_json_key_hash(const char *p, size_t n)
{
    const uint64_t odd = UINT64_C(0x9E3779B97F4A7C15);
    uint64_t word, hash = n;
    for (; n > sizeof word; p += sizeof word, n -= sizeof word) {
        memcpy(&word, p, sizeof word);
        hash = (hash ^ word) * odd;
        hash ^= hash >> 32;
    }
    memcpy(&word, p, sizeof word);
    return (hash ^ (n ? word << 8 * (sizeof word - n) : 0)) * odd; /* its top bits count */
}
#endif
