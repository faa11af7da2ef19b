/* dict.c - dictionaries: distinct texts numbered in order of first appearance.
 *
 * values[code] is the text; the index is an open-addressing table of code + 1
 * with linear probing, at most half full, made on first need: a dictionary read
 * from a file that nobody searches never pays for one. */
#include "base/hash.h"
#include "data/column.h"

#define FIRST_INDEX 64u
#define FIRST_VALUES 16
#define MAX_VALUES (1 << 30) /* so that the index's size fits uint32_t */

struct dr_dict *dr_dict_new(void)
{
    struct dr_dict *d = dr_calloc(1, sizeof *d);
    atomic_init(&d->refs, 1);
    return d;
}

struct dr_dict *dr_dict_ref(struct dr_dict *d)
{
    if (d)
        atomic_fetch_add_explicit(&d->refs, 1, memory_order_relaxed);
    return d;
}

void dr_dict_unref(struct dr_dict *d)
{
    if (!d || atomic_fetch_sub_explicit(&d->refs, 1, memory_order_acq_rel) != 1)
        return;
    free(d->values);
    free(d->hashes);
    free(d->index);
    dr_arena_done(&d->bytes);
    dr_mem_unref(d->mem);
    free(d);
}

/* The slot of s: where it is, or the empty one where it belongs. */
static uint32_t find_slot(const struct dr_dict *d, struct dr_str s, uint64_t hash)
{
    uint32_t mask = d->index_cap - 1;
    uint32_t slot = (uint32_t)hash & mask;
    for (; d->index[slot]; slot = (slot + 1) & mask) {
        int32_t code = d->index[slot] - 1;
        if (d->hashes[code] == hash && dr_str_eq(d->values[code], s))
            break;
    }
    return slot;
}

static void fill_index(struct dr_dict *d, uint32_t cap)
{
    free(d->index);
    d->index = dr_calloc(cap, sizeof *d->index);
    d->index_cap = cap;
    for (int32_t code = 0; code < d->n; code++) {
        uint32_t slot = (uint32_t)d->hashes[code] & (cap - 1);
        while (d->index[slot])
            slot = (slot + 1) & (cap - 1);
        d->index[slot] = code + 1;
    }
}

static void make_index(struct dr_dict *d)
{
    if (!d->hashes) {
        d->hashes = dr_malloc((size_t)(d->cap > d->n ? d->cap : d->n) * sizeof *d->hashes);
        for (int32_t code = 0; code < d->n; code++)
            d->hashes[code] = dr_hash(d->values[code].p, d->values[code].n);
    }
    uint32_t cap = FIRST_INDEX;
    while (cap / 2 < (uint32_t)d->n)
        cap *= 2;
    fill_index(d, cap);
}

static void grow_values(struct dr_dict *d)
{
    if (d->n >= MAX_VALUES)
        dr_die_oom((size_t)d->n * sizeof *d->values);
    d->cap = d->n < FIRST_VALUES ? FIRST_VALUES : d->n * 2;
    d->values = dr_realloc(d->values, (size_t)d->cap * sizeof *d->values);
    d->hashes = dr_realloc(d->hashes, (size_t)d->cap * sizeof *d->hashes);
}

int32_t dr_dict_put(struct dr_dict *d, struct dr_str s)
{
    if (!d->index)
        make_index(d);
    uint64_t hash = dr_hash(s.p ? s.p : "", s.n);
    uint32_t slot = find_slot(d, s, hash);
    if (d->index[slot])
        return d->index[slot] - 1;
    if (d->n >= d->cap)
        grow_values(d);
    int32_t code = d->n++;
    d->values[code] = (struct dr_str){ s.n ? dr_arena_dup(&d->bytes, s.p, s.n) : "", s.n };
    d->hashes[code] = hash;
    d->index[slot] = code + 1;
    if ((uint32_t)d->n > d->index_cap / 2)
        fill_index(d, d->index_cap * 2);
    return code;
}

int32_t dr_dict_look_up(const struct dr_dict *d, struct dr_str s)
{
    return d->index ? d->index[find_slot(d, s, dr_hash(s.p ? s.p : "", s.n))] - 1 : -1;
}

int32_t dr_dict_find(struct dr_dict *d, struct dr_str s)
{
    if (!d->index)
        make_index(d);
    return dr_dict_look_up(d, s);
}
