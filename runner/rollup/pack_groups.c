/* pack_groups.c - packed rows to their groups.
 *
 * The bits of a row that its groups look at, days made months, are a number of their own for each group.
 * A table finds the group of one; only where it does not know it are the bits made words again. */
#include "rollup/impl.h"

enum { KNOWN_FIRST = 512 };

/* ---- months ---------------------------------------------------------------------- */

/* The months of all days that have a number in the place: 0 where there is none. */
static uint16_t *months_of(const struct dr_rollup_place *p)
{
    uint16_t *of = dr_calloc((size_t)p->limit + 1, sizeof(*of));
    uint32_t first = dr_rollup_month((int32_t)p->from);
    for (uint64_t number = 1; number <= p->limit; number++)
        of[number] = (uint16_t)(dr_rollup_month((int32_t)(p->from + number - 1)) - first + 1);
    return of;
}

void dr_rollup_plan_groups(struct dr_rollup *r)
{
    struct dr_rollup_pack *p = &r->pack;
    p->months = dr_calloc((size_t)r->n_fields + 1, sizeof(*p->months));
    for (int32_t i = 0; i < r->o->n_groups; i++) {
        const struct dr_rollup_place *place = &p->places[r->group_field[i]];
        if (!r->o->groups[i].month)
            p->group_mask |= place->limit << place->shift;
    }
    for (int32_t i = 0; i < r->o->n_groups; i++) {
        const struct dr_rollup_place *place = &p->places[r->group_field[i]];
        bool is_there = p->group_mask >> place->shift & place->limit; /* the day says the month */
        for (int32_t k = 0; k < p->n_months; k++)
            is_there |= p->months[k].place == place;
        if (!is_there)
            p->months[p->n_months++] = (struct dr_rollup_months){ place, months_of(place) };
    }
}

/* ---- groups by their bits --------------------------------------------------------- */

static inline struct dr_rollup_known *slot_of(struct dr_rollup_known *known, uint32_t last, uint64_t key)
{
    uint32_t s = (uint32_t)dr_rollup_hash_step(DR_ROLLUP_HASH, key) & last;
    while (known[s].key != key && known[s].key != 0)
        s = (s + 1) & last;
    return &known[s];
}

static void widen_known(struct dr_rollup_groups *g)
{
    struct dr_rollup_known *old = g->known;
    uint32_t n = g->known_slots;
    g->known_slots = n > 0 ? n * 2 : KNOWN_FIRST;
    g->known = dr_calloc(g->known_slots, sizeof(*g->known));
    for (uint32_t i = 0; i < n; i++)
        if (old[i].key != 0)
            *slot_of(g->known, g->known_slots - 1, old[i].key) = old[i];
    free(old);
    dr_rollup_groups_count(g);
}

/* The words of a row's group. */
static void unpack_group(const struct dr_rollup *r, uint64_t word, uint32_t *words)
{
    uint32_t row[DR_ROLLUP_WORDS];
    const char *entry = (const char *)row;
    for (int32_t i = 0; i < r->o->n_groups; i++) {
        const struct dr_rollup_field *f = &r->fields[r->group_field[i]];
        dr_rollup_unpack(f, &r->pack.places[r->group_field[i]], word, row + f->at);
        dr_rollup_group_words(f, r->o->groups[i].month, &entry, 1, (size_t)f->at * sizeof(*row),
                              words + r->group_at[i], (size_t)r->group_words);
    }
}

/* A group that the table does not know. */
static uint32_t learn_group(struct dr_rollup_groups *g, uint64_t key, uint64_t word)
{
    uint32_t words[DR_ROLLUP_WORDS];
    unpack_group(g->r, word, words);
    uint32_t id = dr_rollup_groups_find(g, words);
    if (id == DR_ROLLUP_NO_GROUP)
        return id;
    if (++g->n_known * 2 > g->known_slots)
        widen_known(g);
    *slot_of(g->known, g->known_slots - 1, key) = (struct dr_rollup_known){ key, id };
    return id;
}

static void find_groups(struct dr_rollup_groups *g, const uint64_t *words, int32_t n, uint32_t *ids)
{
    const struct dr_rollup_pack *p = &g->r->pack;
    uint64_t keys[DR_ROLLUP_AT_ONCE];
    for (int32_t i = 0; i < n; i++)
        keys[i] = (words[i] & p->group_mask) | DR_ROLLUP_WHOLE; /* never 0 */
    for (int32_t m = 0; m < p->n_months; m++) {
        const struct dr_rollup_place place = *p->months[m].place;
        const uint16_t *of = p->months[m].of;
        for (int32_t i = 0; i < n; i++)
            keys[i] |= (uint64_t)of[words[i] >> place.shift & place.limit] << place.shift;
    }
    if (g->known_slots == 0)
        widen_known(g);
    for (int32_t i = 0; i < n; i++) {
        const struct dr_rollup_known *known = slot_of(g->known, g->known_slots - 1, keys[i]);
        ids[i] = __builtin_expect(known->key != 0, 1) ? known->group : learn_group(g, keys[i], words[i]);
    }
}

/* ---- values --------------------------------------------------------------------------- */

/* The value that a number in a place stands for. */
static inline double value_in(const struct dr_rollup_place *p, uint64_t number)
{
    return (double)(int64_t)(number - 1 + p->from) / p->scale;
}

/* Value v of a row whose group is id. */
static inline int32_t append(struct dr_rollup_groups *g, size_t at, double v, struct dr_err *err)
{
    struct dr_rollup_tail *tail = &g->tails[at];
    double *to = tail->at;
    if (__builtin_expect(to == tail->end, 0)) {
        DR_TRY(dr_rollup_groups_room(g, at, err));
        to = tail->at;
    }
    *to = v;
    tail->at = to + 1;
    return DR_OK;
}

static int32_t append_column(struct dr_rollup_groups *g, int32_t value, const uint64_t *words,
                             const uint32_t *ids, int32_t n, struct dr_err *err)
{
    const struct dr_rollup_place p = g->r->pack.places[g->r->n_fields + value];
    size_t values = (size_t)g->r->n_values;
    for (int32_t i = 0; i < n; i++) {
        uint64_t number = words[i] >> p.shift & p.limit;
        if (number != 0)
            DR_TRY(append(g, ids[i] * values + (size_t)value, value_in(&p, number), err));
    }
    return DR_OK;
}

static int32_t append_raw(struct dr_rollup_groups *g, int32_t value, const char *const *entries,
                          const uint32_t *ids, int32_t n, struct dr_err *err)
{
    size_t values = (size_t)g->r->n_values;
    for (int32_t i = 0; i < n; i++) {
        const char *p = entries[i] + sizeof(uint64_t) + (size_t)value * sizeof(double);
        double v;
        memcpy(&v, p, sizeof(v));
        if (dr_rollup_load8(p) != DR_ROLLUP_NO_VALUE)
            DR_TRY(append(g, ids[i] * values + (size_t)value, v, err));
    }
    return DR_OK;
}

/* ---- rows that wait -------------------------------------------------------------------- */

static int32_t put_off_row(struct dr_rollup_groups *g, uint64_t word, const char *entry, struct dr_err *err)
{
    const struct dr_rollup *r = g->r;
    uint32_t group[DR_ROLLUP_WORDS];
    double values[DR_ROLLUP_VALUES];
    static const uint64_t none = DR_ROLLUP_NO_VALUE;
    unpack_group(r, word, group);
    if (r->pack.raw)
        return dr_rollup_wait(g, entry + sizeof(word), group, err);
    for (int32_t v = 0; v < r->n_values; v++) {
        const struct dr_rollup_place *p = &r->pack.places[r->n_fields + v];
        uint64_t number = word >> p->shift & p->limit;
        if (number != 0)
            values[v] = value_in(p, number);
        else
            memcpy(&values[v], &none, sizeof(none));
    }
    return dr_rollup_wait(g, values, group, err);
}

/* Rows of groups that there is no room for wait; the others move up. */
static int32_t put_off(struct dr_rollup_groups *g, uint64_t *words, const char **entries, uint32_t *ids,
                       int32_t *n, struct dr_err *err)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < *n; i++) {
        if (ids[i] == DR_ROLLUP_NO_GROUP) {
            DR_TRY(put_off_row(g, words[i], entries[i], err));
            continue;
        }
        words[kept] = words[i];
        entries[kept] = entries[i];
        ids[kept++] = ids[i];
    }
    *n = kept;
    return DR_OK;
}

int32_t dr_rollup_groups_add_packed(struct dr_rollup_groups *g, uint64_t *words, const char **entries,
                                    int32_t n, struct dr_err *err)
{
    uint32_t ids[DR_ROLLUP_AT_ONCE];
    find_groups(g, words, n, ids);
    if (__builtin_expect(g->n >= g->most, 0))
        DR_TRY(put_off(g, words, entries, ids, &n, err));
    for (int32_t i = 0; i < n; i++)
        g->rows[ids[i]]++;
    for (int32_t v = 0; v < g->r->n_values; v++)
        DR_TRY(g->r->pack.raw ? append_raw(g, v, entries, ids, n, err)
                              : append_column(g, v, words, ids, n, err));
    return DR_OK;
}
