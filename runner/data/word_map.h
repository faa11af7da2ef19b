/* word_map.h - distinct 64-bit words numbered in order of first appearance.
 * Layer: data. */
#ifndef DR_WORD_MAP_H
#define DR_WORD_MAP_H
#include <stdint.h>

/* Open addressing, at most half full; a zeroed struct is empty. */
struct dr_word_map {
    uint32_t *slot;  /* owned: number + 1 */
    uint64_t *words; /* owned: the word of each number */
    uint64_t cap;    /* of slot; a power of two */
    uint32_t n;
};
static inline uint64_t dr_word_hash(uint64_t w)
{
    w = (w ^ (w >> 33)) * UINT64_C(0xff51afd7ed558ccd);
    w = (w ^ (w >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
    return w ^ (w >> 33);
}
/* Room for n words without growing. */
void dr_word_map_reserve(struct dr_word_map *m, uint64_t n);
void dr_word_map_grow(struct dr_word_map *m);
void dr_word_map_done(struct dr_word_map *m);
/* The number of w, a new one where it is new: then it equals the n before. */
static inline uint32_t dr_word_map_put(struct dr_word_map *m, uint64_t w)
{
    if (m->n >= m->cap / 2)
        dr_word_map_grow(m);
    uint64_t mask = m->cap - 1, at = dr_word_hash(w) & mask;
    for (; m->slot[at]; at = (at + 1) & mask)
        if (m->words[m->slot[at] - 1] == w)
            return m->slot[at] - 1;
    m->words[m->n] = w;
    m->slot[at] = ++m->n;
    return m->n - 1;
}
#endif
