/* groups.c - groups and their values, while rows come.
 *
 * Each worker has groups of its own while partitions are resolved; result.c puts equal ones
 * together. */
#include "rollup/impl.h"

enum { FEW = 14 };

void dr_rollup_groups_init(struct dr_rollup_groups *g, struct dr_rollup *r, struct dr_rollup_pool *entries)
{
    *g = (struct dr_rollup_groups){ .r = r, .n_slots = 256 };
    g->slots = dr_calloc(g->n_slots, sizeof(*g->slots));
    dr_rollup_pool_init(&g->pool, &r->store, DR_ROLLUP_VALUES_IN_BLOCK * sizeof(double), sizeof(double),
                        entries);
}

void dr_rollup_groups_done(struct dr_rollup_groups *g)
{
    for (uint32_t i = 0; g->r && i < g->n * (uint32_t)g->r->n_values; i++)
        dr_rollup_list_done(&g->values[i].blocks);
    dr_rollup_pool_done(&g->pool);
    dr_arena_done(&g->arena);
    free(g->slots);
    free(g->words);
    free(g->rows);
    free(g->values);
    free(g->tails);
    free(g->known);
    *g = (struct dr_rollup_groups){ 0 };
}

static void widen_slots(struct dr_rollup_groups *g)
{
    int32_t n = g->r->group_words;
    free(g->slots);
    g->n_slots *= 4;
    g->slots = dr_calloc(g->n_slots, sizeof(*g->slots));
    for (uint32_t i = 0; i < g->n; i++) {
        uint32_t s = (uint32_t)dr_rollup_hash(g->words + (size_t)i * (size_t)n, n) & (g->n_slots - 1);
        while (g->slots[s])
            s = (s + 1) & (g->n_slots - 1);
        g->slots[s] = i + 1;
    }
}

static uint32_t add_group(struct dr_rollup_groups *g, const uint32_t *words)
{
    size_t n = (size_t)g->r->group_words, values = (size_t)g->r->n_values;
    if (g->n == g->cap) {
        g->cap = g->cap ? g->cap * 2 : 64;
        g->words = dr_realloc(g->words, (g->cap * n + 1) * sizeof(*g->words));
        g->rows = dr_realloc(g->rows, g->cap * sizeof(*g->rows));
        g->values = dr_realloc(g->values, (g->cap * values + 1) * sizeof(*g->values));
        g->tails = dr_realloc(g->tails, (g->cap * values + 1) * sizeof(*g->tails));
    }
    if (n > 0)
        memcpy(g->words + g->n * n, words, n * sizeof(*words));
    memset(g->values + g->n * values, 0, values * sizeof(*g->values));
    memset(g->tails + g->n * values, 0, values * sizeof(*g->tails));
    g->rows[g->n] = 0;
    return g->n++;
}

static inline __attribute__((always_inline)) uint32_t find_group(struct dr_rollup_groups *g,
                                                                 const uint32_t *words, int32_t n,
                                                                 uint32_t hash)
{
    uint32_t s = hash & (g->n_slots - 1);
    for (; g->slots[s]; s = (s + 1) & (g->n_slots - 1))
        if (dr_rollup_same((const char *)(g->words + (size_t)(g->slots[s] - 1) * (size_t)n),
                           (const char *)words, n))
            return g->slots[s] - 1;
    uint32_t id = add_group(g, words);
    g->slots[s] = id + 1;
    if (g->n * 4 > g->n_slots)
        widen_slots(g);
    return id;
}

/* The groups of a few keys, of words that are a constant for most callers. */
static inline __attribute__((always_inline)) void find_some(struct dr_rollup_groups *g, const uint32_t *words,
                                                            int32_t n_words, int32_t n, uint32_t *ids)
{
    uint32_t hash[DR_ROLLUP_AT_ONCE];
    for (int32_t i = 0; i < n; i++)
        hash[i] = (uint32_t)dr_rollup_hash(words + (size_t)i * (size_t)n_words, n_words);
    for (int32_t i = 0; i < n; i++)
        ids[i] = find_group(g, words + (size_t)i * (size_t)n_words, n_words, hash[i]);
}

static void find_groups(struct dr_rollup_groups *g, const uint32_t *words, int32_t n, uint32_t *ids)
{
    switch (g->r->group_words) {
    case 1:
        find_some(g, words, 1, n, ids);
        break;
    case 2:
        find_some(g, words, 2, n, ids);
        break;
    case 3:
        find_some(g, words, 3, n, ids);
        break;
    default:
        find_some(g, words, g->r->group_words, n, ids);
    }
}

uint32_t dr_rollup_groups_find(struct dr_rollup_groups *g, const uint32_t *words)
{
    uint32_t id;
    find_groups(g, words, 1, &id);
    return id;
}

int32_t dr_rollup_groups_room(struct dr_rollup_groups *g, size_t at, struct dr_err *err)
{
    struct dr_rollup_values *v = &g->values[at];
    struct dr_rollup_tail *tail = &g->tails[at];
    if (!tail->at) {
        tail->at = v->start = dr_arena_array(&g->arena, FEW, sizeof(double));
        tail->end = tail->at + FEW;
        return DR_OK;
    }
    const double *few = v->blocks.n == 0 ? v->start : NULL;
    char *block;
    DR_TRY(dr_rollup_list_grow(&v->blocks, &g->pool, &block, err));
    tail->at = v->start = (double *)(void *)block;
    tail->end = tail->at + DR_ROLLUP_VALUES_IN_BLOCK;
    if (few)
        tail->at = mempcpy(tail->at, few, FEW * sizeof(double));
    return DR_OK;
}

/* Value i of each entry goes to its group. */
static int32_t append_column(struct dr_rollup_groups *g, int32_t i, const char *const *entries,
                             const uint32_t *ids, int32_t n, struct dr_err *err)
{
    size_t values = (size_t)g->r->n_values;
    for (int32_t k = 0; k < n; k++) {
        size_t at = (size_t)ids[k] * values + (size_t)i;
        struct dr_rollup_tail *tail = &g->tails[at];
        uint64_t bits = dr_rollup_load8(entries[k] + (size_t)i * sizeof(double));
        if (bits == DR_ROLLUP_NO_VALUE)
            continue;
        if (tail->at == tail->end)
            DR_TRY(dr_rollup_groups_room(g, at, err));
        memcpy(tail->at++, &bits, sizeof(bits));
    }
    return DR_OK;
}

/* Loops over a few entries rather than one: no step then waits for the one before of the same
 * entry only. */
int32_t dr_rollup_groups_add(struct dr_rollup_groups *g, const char *const *entries, int32_t n,
                             struct dr_err *err)
{
    const struct dr_rollup *r = g->r;
    uint32_t words[DR_ROLLUP_AT_ONCE * DR_ROLLUP_WORDS], ids[DR_ROLLUP_AT_ONCE];
    for (int32_t i = 0; i < r->o->n_groups; i++) {
        const struct dr_rollup_field *f = &r->fields[r->group_field[i]];
        size_t offset = (size_t)r->n_values * sizeof(double) + (size_t)f->at * sizeof(uint32_t);
        dr_rollup_group_words(f, r->o->groups[i].month, entries, n, offset, words + r->group_at[i],
                              (size_t)r->group_words);
    }
    find_groups(g, words, n, ids);
    for (int32_t i = 0; i < n; i++)
        g->rows[ids[i]]++;
    for (int32_t i = 0; i < r->n_values; i++)
        DR_TRY(append_column(g, i, entries, ids, n, err));
    return DR_OK;
}
