/* word_map.c - growing a word map. */
#include "data/word_map.h"
#include "base/mem.h"

#define FIRST_CAP 64

static void resize(struct dr_word_map *m, uint64_t cap)
{
    free(m->slot);
    m->slot = dr_calloc(cap, sizeof *m->slot);
    m->words = dr_realloc(m->words, cap / 2 * sizeof *m->words);
    m->cap = cap;
    for (uint32_t i = 0; i < m->n; i++) {
        uint64_t at = dr_word_hash(m->words[i]) & (cap - 1);
        while (m->slot[at])
            at = (at + 1) & (cap - 1);
        m->slot[at] = i + 1;
    }
}

void dr_word_map_reserve(struct dr_word_map *m, uint64_t n)
{
    uint64_t cap = m->cap ? m->cap : FIRST_CAP;
    while (cap / 2 < n)
        cap *= 2;
    if (cap > m->cap)
        resize(m, cap);
}

void dr_word_map_grow(struct dr_word_map *m)
{
    resize(m, m->cap ? m->cap * 2 : FIRST_CAP);
}

void dr_word_map_done(struct dr_word_map *m)
{
    free(m->slot);
    free(m->words);
    *m = (struct dr_word_map){ 0 };
}
