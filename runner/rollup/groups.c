/* groups.c - groups and their values, while rows come.
 *
 * Each worker has groups of its own while partitions are resolved; result.c puts equal ones
 * together. Within a limit of memory there is room for so many; rows of others wait (waiting.c). The first
 * values of a group go to a small chunk, since most groups of a bad column have few; then to large ones.
 * Where memory is full a chunk goes to the file whatever its size and is filled anew, so that beyond the
 * limit a new group takes no more than a small one. */
#include "rollup/impl.h"

enum { LEAST_GROUPS = 1024 };
enum { SMALL_BYTES = (DR_ROLLUP_FEW + 1) * sizeof(double), LARGE_BYTES = sizeof(struct dr_rollup_chunk) };

void dr_rollup_groups_init(struct dr_rollup_groups *g, struct dr_rollup *r, struct dr_rollup_pool *entries,
                           uint32_t most)
{
    *g = (struct dr_rollup_groups){ .r = r, .n_slots = 256, .entries = entries, .most = most };
    g->slots = dr_calloc(g->n_slots, sizeof(*g->slots));
    dr_rollup_pool_init(&g->large, &r->store, LARGE_BYTES, LARGE_BYTES, entries);
    dr_rollup_pool_init(&g->small, &r->store, SMALL_BYTES, SMALL_BYTES, entries);
}

void dr_rollup_groups_done(struct dr_rollup_groups *g)
{
    dr_rollup_pool_done(&g->large);
    dr_rollup_pool_done(&g->small);
    free(g->outbox.p);
    free(g->slots);
    free(g->words);
    free(g->rows);
    free(g->values);
    free(g->tails);
    free(g->known);
    dr_rollup_waiting_free(g->waiting);
    if (g->r)
        dr_rollup_store_count(&g->r->store, 0, g->counted);
    *g = (struct dr_rollup_groups){ 0 };
}

/* Bytes that a group has in the arrays that are as long as its number says. */
static size_t bytes_of_each(const struct dr_rollup *r)
{
    const struct dr_rollup_groups *g = NULL;
    return (size_t)r->group_words * sizeof(*g->words) + sizeof(*g->rows) +
           (size_t)r->n_values * (sizeof(*g->values) + sizeof(*g->tails));
}

uint32_t dr_rollup_groups_within(const struct dr_rollup *r, size_t bytes)
{
    const struct dr_rollup_groups *g = NULL;
    size_t tables = 16 * sizeof(*g->slots) + 4 * sizeof(*g->known); /* after they were widened */
    size_t n = bytes / (2 * bytes_of_each(r) + tables + (size_t)r->n_values * SMALL_BYTES);
    return n < LEAST_GROUPS ? LEAST_GROUPS : n < UINT32_MAX / 4 ? (uint32_t)n : UINT32_MAX / 4;
}

void dr_rollup_groups_count(struct dr_rollup_groups *g)
{
    size_t now =
        g->cap * bytes_of_each(g->r) + g->n_slots * sizeof(*g->slots) + g->known_slots * sizeof(*g->known);
    dr_rollup_store_count(&g->r->store, now, g->counted);
    g->counted = now;
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
    dr_rollup_groups_count(g);
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
        dr_rollup_groups_count(g);
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
    if (g->n >= g->most)
        return DR_ROLLUP_NO_GROUP;
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

/* A full chunk to the file, from where it is the one before those to come. */
static int32_t send_chunk(struct dr_rollup_groups *g, struct dr_rollup_values *v, bool small,
                          struct dr_err *err)
{
    int64_t at;
    DR_TRY(dr_rollup_store_put(&g->r->store, &g->outbox, v->newest, small ? SMALL_BYTES : LARGE_BYTES, &at,
                               err));
    v->newest->link =
        (uint64_t)at << DR_ROLLUP_PLACE_SHIFT | DR_ROLLUP_IN_FILE | (small ? DR_ROLLUP_SMALL : 0);
    v->before += small ? DR_ROLLUP_FEW : DR_ROLLUP_MANY;
    return DR_OK;
}

int32_t dr_rollup_groups_room(struct dr_rollup_groups *g, size_t at, struct dr_err *err)
{
    struct dr_rollup_values *v = &g->values[at];
    struct dr_rollup_tail *tail = &g->tails[at];
    struct dr_rollup_chunk *chunk = v->newest;
    bool small = !chunk || tail->end == chunk->values + DR_ROLLUP_FEW;
    size_t used = 0; /* of the chunk that is next */
    if (!chunk) {
        v->newest = (struct dr_rollup_chunk *)(void *)dr_rollup_pool_get(&g->small);
        v->newest->link = 0;
    } else if (dr_rollup_pool_is_full(&g->large)) {
        DR_TRY(send_chunk(g, v, small, err));
    } else {
        v->newest = (struct dr_rollup_chunk *)(void *)dr_rollup_pool_get(&g->large);
        if (small) {
            memcpy(v->newest, chunk, SMALL_BYTES);
            dr_rollup_pool_put(&g->small, (char *)chunk);
            used = DR_ROLLUP_FEW;
        } else {
            v->newest->link = (uint64_t)(uintptr_t)chunk;
            v->before += DR_ROLLUP_MANY;
        }
        small = false;
    }
    tail->at = v->newest->values + used;
    tail->end = v->newest->values + (small ? DR_ROLLUP_FEW : DR_ROLLUP_MANY);
    return DR_OK;
}

int32_t dr_rollup_groups_chunk(const struct dr_rollup_groups *g, uint64_t link, struct dr_rollup_chunk *buf,
                               const struct dr_rollup_chunk **ret, size_t *ret_n, struct dr_err *err)
{
    bool small = link & DR_ROLLUP_IN_FILE && link & DR_ROLLUP_SMALL;
    *ret_n = small ? DR_ROLLUP_FEW : DR_ROLLUP_MANY;
    *ret = link & DR_ROLLUP_IN_FILE ? buf : (const struct dr_rollup_chunk *)(uintptr_t)link;
    if (!(link & DR_ROLLUP_IN_FILE))
        return DR_OK;
    return dr_rollup_store_get(&g->r->store, (int64_t)(link >> DR_ROLLUP_PLACE_SHIFT), buf,
                               small ? SMALL_BYTES : LARGE_BYTES, err);
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

/* Rows of groups that there is no room for wait; the others move up. */
static int32_t put_off(struct dr_rollup_groups *g, const char **rows, const uint32_t *words, uint32_t *ids,
                       int32_t *n, struct dr_err *err)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < *n; i++) {
        if (ids[i] == DR_ROLLUP_NO_GROUP) {
            DR_TRY(dr_rollup_wait(g, rows[i], words + (size_t)i * (size_t)g->r->group_words, err));
            continue;
        }
        rows[kept] = rows[i];
        ids[kept++] = ids[i];
    }
    *n = kept;
    return DR_OK;
}

/* Loops over a few rows rather than one: no step then waits for the one before of the same
 * row only. */
int32_t dr_rollup_groups_add_rows(struct dr_rollup_groups *g, const char *const *rows, const uint32_t *words,
                                  int32_t n, struct dr_err *err)
{
    uint32_t ids[DR_ROLLUP_AT_ONCE];
    const char *kept[DR_ROLLUP_AT_ONCE];
    find_groups(g, words, n, ids);
    if (__builtin_expect(g->n >= g->most, 0)) {
        memcpy(kept, rows, (size_t)n * sizeof(*kept));
        DR_TRY(put_off(g, kept, words, ids, &n, err));
        rows = kept;
    }
    for (int32_t i = 0; i < n; i++)
        g->rows[ids[i]]++;
    for (int32_t i = 0; i < g->r->n_values; i++)
        DR_TRY(append_column(g, i, rows, ids, n, err));
    return DR_OK;
}

int32_t dr_rollup_groups_add(struct dr_rollup_groups *g, const char *const *entries, int32_t n,
                             struct dr_err *err)
{
    const struct dr_rollup *r = g->r;
    uint32_t words[DR_ROLLUP_AT_ONCE * DR_ROLLUP_WORDS];
    for (int32_t i = 0; i < r->o->n_groups; i++) {
        const struct dr_rollup_field *f = &r->fields[r->group_field[i]];
        size_t offset = (size_t)r->n_values * sizeof(double) + (size_t)f->at * sizeof(uint32_t);
        dr_rollup_group_words(f, r->o->groups[i].month, entries, n, offset, words + r->group_at[i],
                              (size_t)r->group_words);
    }
    return dr_rollup_groups_add_rows(g, entries, words, n, err);
}

/* The chunks of a list that are in memory. */
static void drop_chunks(struct dr_rollup_groups *g, size_t at)
{
    struct dr_rollup_chunk *chunk = g->values[at].newest;
    bool small = chunk && g->tails[at].end == chunk->values + DR_ROLLUP_FEW;
    while (chunk) {
        uint64_t link = chunk->link;
        dr_rollup_pool_put(small ? &g->small : &g->large, (char *)chunk);
        small = false;
        chunk = link & DR_ROLLUP_IN_FILE ? NULL : (struct dr_rollup_chunk *)(uintptr_t)link;
    }
}

void dr_rollup_groups_clear(struct dr_rollup_groups *g)
{
    for (size_t at = 0; at < g->n * (size_t)g->r->n_values; at++)
        drop_chunks(g, at);
    memset(g->slots, 0, g->n_slots * sizeof(*g->slots));
    g->n = 0;
}
