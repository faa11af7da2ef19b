/* rollup.c - one pass, three phases.
 *
 *   add      rows to words, words to a hash, entries to the partition of the hash
 *   resolve  partition by partition: equal keys found in a table that fits the cache,
 *            the first selected row of each counted into its group
 *   finish   statistics group by group (rollup_groups.c)
 *
 * Entries carry the order of their rows, so that which row is the first does not
 * depend on who added it when. Without keys, rows go to their groups at once. */
#include <math.h>
#include <string.h>
#include "base/num.h"
#include "data/kernel.h"
#include "data/pool.h"
#include "data/rollup_impl.h"

enum { ENTRY_BLOCK = 16 << 10, ROWS_IN_PART = 40000, PART_BITS_MAX = 12, PART_BITS_UNKNOWN = 6 };

/* ---- what is wanted ------------------------------------------------------------------ */

static int32_t add_field(struct dr_rollup *r, const struct dr_table *schema, const char *name, bool month,
                         int32_t *ret, struct dr_err *err)
{
    const struct dr_column *c;
    DR_TRY(dr_table_need(schema, name, "of a key or a group", &c, err));
    int32_t column = dr_table_find(schema, name), n = dr_rollup_field_words(c->type);
    if (n == 0)
        return dr_fail(err, DR_EDEF, "column '%s' is %s, which cannot be a key or a group here", name,
                       dr_type_name(c->type));
    if (month && c->type != DR_TYPE_DATE)
        return dr_fail(err, DR_EDEF, "column '%s' is %s and has no month: a date is needed", name,
                       dr_type_name(c->type));
    for (*ret = 0; *ret < r->n_fields; (*ret)++)
        if (r->fields[*ret].column == column)
            return DR_OK;
    if (r->words + n + 2 > DR_ROLLUP_WORDS)
        return dr_fail(err, DR_ELIMIT, "the columns of the key and the groups are too many");
    r->fields[r->n_fields++] = (struct dr_rollup_field){ column, c->type, r->words, n };
    r->words += n;
    return DR_OK;
}

static int32_t add_value(struct dr_rollup *r, const struct dr_table *schema, const struct dr_agg *agg,
                         int32_t *ret, struct dr_err *err)
{
    const struct dr_column *c;
    *ret = -1;
    if (!agg->column && agg->fn == DR_AGG_COUNT)
        return DR_OK;
    if (agg->fn == DR_AGG_SHARE || agg->fn == DR_AGG_FIRST || agg->fn == DR_AGG_LAST || !agg->column)
        return dr_fail(err, DR_EDEF, "aggregate '%s' cannot be had in one pass", agg->name);
    DR_TRY(dr_table_need(schema, agg->column, "to aggregate", &c, err));
    if (c->type != DR_TYPE_INT64 && c->type != DR_TYPE_FLOAT64)
        return dr_fail(err, DR_EDEF, "column '%s' is %s: aggregates here are of int64 and float64",
                       agg->column, dr_type_name(c->type));
    int32_t column = dr_table_find(schema, agg->column);
    for (*ret = 0; *ret < r->n_values; (*ret)++)
        if (r->value_column[*ret] == column)
            return DR_OK;
    if (r->n_values == DR_ROLLUP_VALUES)
        return dr_fail(err, DR_ELIMIT, "more than %d columns to aggregate", DR_ROLLUP_VALUES);
    r->value_column[r->n_values++] = column;
    return DR_OK;
}

static int32_t plan(struct dr_rollup *r, const struct dr_table *schema, struct dr_err *err)
{
    const struct dr_rollup_options *o = r->o;
    int32_t field;
    r->fields = dr_calloc((size_t)(o->n_keys + o->n_groups) + 1, sizeof(*r->fields));
    r->group_field = dr_calloc((size_t)o->n_groups + 1, sizeof(*r->group_field));
    r->group_at = dr_calloc((size_t)o->n_groups + 1, sizeof(*r->group_at));
    r->agg_value = dr_calloc((size_t)o->n_aggs + 1, sizeof(*r->agg_value));
    for (int32_t i = 0; i < o->n_keys; i++)
        DR_TRY(add_field(r, schema, o->keys[i], false, &field, err));
    r->key_words = r->words;
    for (int32_t i = 0; i < o->n_groups; i++) {
        DR_TRY(add_field(r, schema, o->groups[i].column, o->groups[i].month, &field, err));
        r->group_field[i] = field;
        r->group_at[i] = r->group_words;
        r->group_words += r->fields[field].n;
    }
    for (int32_t i = 0; i < o->n_aggs; i++)
        DR_TRY(add_value(r, schema, &o->aggs[i], &r->agg_value[i], err));
    r->order_bytes = o->max_order > 0 && o->max_order <= INT32_MAX ? 4 : 8;
    r->entry = (size_t)r->n_values * sizeof(double) + (size_t)r->words * sizeof(uint32_t) + r->order_bytes;
    r->dicts = dr_calloc((size_t)r->n_fields + 1, sizeof(struct dr_dict *));
    return DR_OK;
}

/* Partitions whose distinct keys fit into the cache; one for a small stream, and some for one of
 * unknown length. */
static int32_t choose_part_bits(int64_t rows)
{
    int32_t bits = rows > 0 ? 0 : PART_BITS_UNKNOWN;
    while (bits < PART_BITS_MAX && rows >> bits > ROWS_IN_PART)
        bits++;
    return bits;
}

static void worker_init(struct dr_rollup_worker *w, struct dr_rollup *r)
{
    size_t parts = (size_t)1 << r->part_bits;
    w->words = dr_malloc(sizeof(*w->words) * ((size_t)r->words + 1));
    w->values = dr_malloc(sizeof(*w->values) * ((size_t)r->n_values + 1));
    w->parts = dr_calloc(parts, sizeof(*w->parts));
    w->at = dr_calloc(parts, sizeof(*w->at));
    w->room = dr_calloc(parts, sizeof(*w->room));
    dr_rollup_pool_init(&w->pool, &r->store, ENTRY_BLOCK / r->entry * r->entry, NULL);
    dr_rollup_groups_init(&w->groups, r, &w->pool);
}

static void worker_done(struct dr_rollup_worker *w, size_t parts)
{
    for (size_t i = 0; w->parts && i < parts; i++)
        dr_rollup_list_done(&w->parts[i]);
    dr_rollup_groups_done(&w->groups);
    dr_rollup_pool_done(&w->pool);
    free(w->words);
    free(w->values);
    free(w->parts);
    free(w->at);
    free(w->room);
}

int32_t dr_rollup_new(const struct dr_rollup_options *o, const struct dr_table *schema,
                      struct dr_rollup **ret, struct dr_err *err)
{
    struct dr_rollup *r = dr_calloc(1, sizeof(*r));
    r->o = o;
    dr_rollup_texts_init(&r->texts);
    dr_rollup_store_init(&r->store, o->memory_limit, o->spill_folder);
    int32_t rc = plan(r, schema, err);
    if (rc) {
        dr_rollup_free(r);
        return rc;
    }
    r->part_bits = o->n_keys > 0 ? choose_part_bits(o->expected_rows) : 0;
    r->workers = dr_calloc((size_t)o->workers, sizeof(*r->workers));
    for (int32_t i = 0; i < o->workers; i++)
        worker_init(&r->workers[i], r);
    *ret = r;
    return DR_OK;
}

void dr_rollup_free(struct dr_rollup *r)
{
    if (!r)
        return;
    for (int32_t i = 0; r->workers && i < r->o->workers; i++)
        worker_done(&r->workers[i], (size_t)1 << r->part_bits);
    for (int32_t i = 0; r->dicts && i < r->n_fields; i++)
        dr_dict_unref(r->dicts[i]);
    dr_rollup_texts_done(&r->texts);
    dr_rollup_store_done(&r->store);
    free(r->workers);
    free(r->dicts);
    free(r->fields);
    free(r->group_field);
    free(r->group_at);
    free(r->agg_value);
    free(r);
}

/* ---- adding --------------------------------------------------------------------------------- */

static void fill_values(const struct dr_array *a, int64_t i, int64_t n, double *out)
{
    static const uint64_t none = DR_ROLLUP_NO_VALUE;
    for (int64_t k = 0; k < n; k++) {
        double v = a->type == DR_TYPE_INT64 ? (double)((const int64_t *)a->values)[i + k]
                                            : ((const double *)a->values)[i + k];
        out[k] = v != v ? NAN : v;
    }
    for (int64_t k = 0; a->valid && k < n; k++)
        if (!dr_bit(a->valid, i + k))
            memcpy(&out[k], &none, sizeof(none));
}

/* A block of rows, all in one chunk. */
struct rows {
    int64_t n, order; /* order of the first */
    const uint64_t *selected;
    int64_t bit; /* of the first row in selected */
};

static bool is_selected(const struct rows *x, int64_t i)
{
    return !x->selected || (x->selected[(x->bit + i) >> 6] >> ((x->bit + i) & 63) & 1);
}

static uint64_t hash_step(uint64_t h, uint32_t word)
{
    h = (h ^ word) * 0x9E3779B97F4A7C15;
    return h ^ h >> 32;
}

static int32_t next_block(struct dr_rollup_worker *w, uint32_t part, size_t entry, struct dr_err *err)
{
    w->parts[part].used = (uint32_t)w->pool.block;
    DR_TRY(dr_rollup_list_grow(&w->parts[part], &w->pool, &w->at[part], err));
    w->room[part] = (uint32_t)(w->pool.block / entry);
    return DR_OK;
}

/* Where values and words are constants, as in most calls, this is a few moves. */
static inline __attribute__((always_inline)) void write_entry(const struct dr_rollup *r,
                                                              const struct dr_rollup_worker *w,
                                                              int32_t values, int32_t words, int64_t i,
                                                              uint64_t order, char *to)
{
    for (int32_t v = 0; v < values; v++, to += sizeof(double))
        memcpy(to, &w->values[v][i], sizeof(double));
    for (int32_t k = 0; k < words; k++, to += sizeof(uint32_t))
        memcpy(to, &w->words[k][i], sizeof(uint32_t));
    if (r->order_bytes == sizeof(uint32_t))
        memcpy(to, &(uint32_t){ (uint32_t)order }, sizeof(uint32_t));
    else
        memcpy(to, &order, sizeof(order));
}

static inline __attribute__((always_inline)) int32_t scatter_shape(const struct dr_rollup *r,
                                                                   struct dr_rollup_worker *w,
                                                                   const struct rows *x, const uint64_t *hash,
                                                                   int32_t values, int32_t words,
                                                                   struct dr_err *err)
{
    for (int64_t i = 0; i < x->n; i++) {
        uint32_t part = r->part_bits ? (uint32_t)(hash[i] >> (64 - r->part_bits)) : 0;
        if (w->room[part] == 0)
            DR_TRY(next_block(w, part, r->entry, err));
        write_entry(r, w, values, words, i, (uint64_t)(x->order + i) << 1 | is_selected(x, i), w->at[part]);
        w->at[part] += r->entry;
        w->room[part]--;
    }
    return DR_OK;
}

/* The shapes that are common: one column to aggregate, three to six words of key and group. */
static int32_t scatter(const struct dr_rollup *r, struct dr_rollup_worker *w, const struct rows *x,
                       struct dr_err *err)
{
    uint64_t hash[DR_ROLLUP_BLOCK];
    for (int64_t i = 0; i < x->n; i++)
        hash[i] = 0x243F6A8885A308D3;
    for (int32_t k = 0; k < r->key_words; k++)
        for (int64_t i = 0; i < x->n; i++)
            hash[i] = hash_step(hash[i], w->words[k][i]);
    switch (r->n_values == 1 ? r->words : 0) {
    case 3:
        return scatter_shape(r, w, x, hash, 1, 3, err);
    case 4:
        return scatter_shape(r, w, x, hash, 1, 4, err);
    case 5:
        return scatter_shape(r, w, x, hash, 1, 5, err);
    case 6:
        return scatter_shape(r, w, x, hash, 1, 6, err);
    default:
        return scatter_shape(r, w, x, hash, r->n_values, r->words, err);
    }
}

static int32_t group_at_once(const struct dr_rollup *r, struct dr_rollup_worker *w, const struct rows *x,
                             struct dr_err *err)
{
    char entry[DR_ROLLUP_VALUES * sizeof(double) + (DR_ROLLUP_WORDS + 2) * sizeof(uint32_t)];
    for (int64_t i = 0; i < x->n; i++) {
        if (!is_selected(x, i))
            continue;
        write_entry(r, w, r->n_values, r->words, i, 0, entry);
        DR_TRY(dr_rollup_groups_add(&w->groups, &(const char *){ entry }, 1, err));
        w->counts.kept++;
    }
    return DR_OK;
}

static int32_t add_block(struct dr_rollup *r, struct dr_rollup_worker *w, const struct dr_table *batch,
                         int32_t chunk, int64_t i, const struct rows *x, struct dr_err *err)
{
    for (int32_t f = 0; f < r->n_fields; f++)
        DR_TRY(dr_rollup_fill(&r->fields[f], &r->texts, batch->columns[r->fields[f].column]->chunk[chunk], i,
                              x->n, w->words + r->fields[f].at, err));
    for (int32_t v = 0; v < r->n_values; v++)
        fill_values(batch->columns[r->value_column[v]]->chunk[chunk], i, x->n, w->values[v]);
    return r->o->n_keys > 0 ? scatter(r, w, x, err) : group_at_once(r, w, x, err);
}

/* Dictionaries of a stream only grow, so the newest names every code. */
static void keep_dicts(struct dr_rollup *r, const struct dr_table *batch)
{
    pthread_mutex_lock(&r->texts.lock);
    for (int32_t f = 0; f < r->n_fields; f++) {
        struct dr_dict *d = batch->columns[r->fields[f].column]->dict;
        if (!d || r->dicts[f] == d || (r->dicts[f] && r->dicts[f]->n >= d->n))
            continue;
        dr_dict_unref(r->dicts[f]);
        r->dicts[f] = dr_dict_ref(d);
    }
    pthread_mutex_unlock(&r->texts.lock);
}

int32_t dr_rollup_add(struct dr_rollup *r, int32_t worker, int64_t first_row, const struct dr_table *batch,
                      const uint64_t *selected, struct dr_err *err)
{
    struct dr_rollup_worker *w = &r->workers[worker];
    struct rows x = { .selected = selected };
    int64_t most = r->order_bytes == 4 ? r->o->max_order : INT64_MAX / 2;
    if (first_row < 0 || first_row > most - batch->rows)
        return dr_fail(err, DR_EBUG, "the order of rows is out of its range");
    keep_dicts(r, batch);
    const struct dr_column *c = batch->n > 0 ? batch->columns[0] : NULL;
    for (int32_t chunk = 0; c && chunk < c->n; chunk++) {
        int64_t rows = c->chunk[chunk]->n;
        for (int64_t i = 0; i < rows; i += x.n) {
            x.n = rows - i < DR_ROLLUP_BLOCK ? rows - i : DR_ROLLUP_BLOCK;
            x.bit = c->start[chunk] + i;
            x.order = first_row + x.bit;
            DR_TRY(add_block(r, w, batch, chunk, i, &x, err));
        }
    }
    w->counts.rows += batch->rows;
    w->counts.selected += selected ? dr_bits_count((const uint8_t *)selected, batch->rows) : batch->rows;
    return DR_OK;
}

/* ---- resolving a partition --------------------------------------------------------------------- */

/* The distinct keys of a partition, as the entry that counts; seen: how often, 2 for more. */
struct distinct {
    char *entries;
    uint8_t *seen;
    uint32_t *slots;
    size_t n, cap, n_slots, slots_cap;
    char *block;
};

static size_t key_at(const struct dr_rollup *r)
{
    return (size_t)r->n_values * sizeof(double);
}

static uint64_t order_of(const struct dr_rollup *r, const char *entry)
{
    uint64_t order = 0; /* little-endian, as all of Arrow's memory here */
    memcpy(&order, entry + r->entry - r->order_bytes, r->order_bytes);
    return order;
}

/* Rows that were selected come before those that were not, then in their order. */
static bool is_better(uint64_t a, uint64_t b)
{
    return (a & 1) != (b & 1) ? a & 1 : a < b;
}

static void note_repeat(struct distinct *d, size_t at, struct dr_rollup_counts *counts)
{
    counts->duplicate_rows += d->seen[at] == 1 ? 2 : 1;
    counts->duplicate_keys += d->seen[at] == 1;
    d->seen[at] = 2;
}

static void take_entry(const struct dr_rollup *r, struct distinct *d, const char *entry,
                       struct dr_rollup_counts *counts)
{
    size_t key = key_at(r);
    uint64_t h = 0x243F6A8885A308D3;
    for (int32_t k = 0; k < r->key_words; k++) {
        uint32_t word;
        memcpy(&word, entry + key + (size_t)k * sizeof(word), sizeof(word));
        h = hash_step(h, word);
    }
    size_t s = (size_t)h & (d->n_slots - 1);
    for (; d->slots[s]; s = (s + 1) & (d->n_slots - 1)) {
        char *known = d->entries + (size_t)(d->slots[s] - 1) * r->entry;
        if (!dr_rollup_same(known + key, entry + key, r->key_words))
            continue;
        note_repeat(d, d->slots[s] - 1, counts);
        if (is_better(order_of(r, entry), order_of(r, known)))
            memcpy(known, entry, r->entry);
        return;
    }
    memcpy(d->entries + d->n * r->entry, entry, r->entry);
    d->seen[d->n] = 1;
    d->slots[s] = (uint32_t)++d->n;
}

static size_t part_rows(const struct dr_rollup *r, size_t part)
{
    size_t n = 0;
    for (int32_t i = 0; i < r->o->workers; i++) {
        const struct dr_rollup_worker *w = &r->workers[i];
        n += w->parts[part].n * (w->pool.block / r->entry) - w->room[part];
    }
    return n;
}

static int32_t make_room(struct distinct *d, const struct dr_rollup *r, size_t rows, struct dr_err *err)
{
    if (rows >= UINT32_MAX / 2)
        return dr_fail(err, DR_ELIMIT, "too many rows for as many partitions; state how many rows to expect");
    d->n = 0;
    d->n_slots = 1024;
    while (d->n_slots < rows + rows / 2)
        d->n_slots *= 2;
    if (rows > d->cap) {
        d->cap = rows + rows / 4;
        free(d->entries);
        free(d->seen);
        d->entries = dr_malloc(d->cap * r->entry);
        d->seen = dr_malloc(d->cap);
    }
    if (d->n_slots > d->slots_cap) {
        free(d->slots);
        d->slots_cap = d->n_slots;
        d->slots = dr_malloc(d->slots_cap * sizeof(*d->slots));
    }
    memset(d->slots, 0, d->n_slots * sizeof(*d->slots));
    return DR_OK;
}

/* All entries of a partition, whoever added them; their blocks go to this worker. */
static int32_t take_part(struct dr_rollup *r, struct dr_rollup_worker *me, struct distinct *d, size_t part,
                         struct dr_err *err)
{
    DR_TRY(make_room(d, r, part_rows(r, part), err));
    for (int32_t i = 0; i < r->o->workers; i++) {
        struct dr_rollup_worker *w = &r->workers[i];
        struct dr_rollup_list *l = &w->parts[part];
        l->used = (uint32_t)(w->pool.block - w->room[part] * r->entry);
        for (uint32_t b = 0; b < l->n; b++) {
            const char *p;
            size_t n;
            DR_TRY(dr_rollup_list_block(l, &w->pool, b, d->block, &p, &n, err));
            for (size_t at = 0; at < n; at += r->entry)
                take_entry(r, d, p + at, &me->counts);
            dr_rollup_list_drop(l, &me->pool, b);
        }
    }
    return DR_OK;
}

static int32_t count_groups(const struct dr_rollup *r, struct dr_rollup_worker *me, const struct distinct *d,
                            struct dr_err *err)
{
    const char *some[DR_ROLLUP_AT_ONCE];
    int32_t n = 0;
    for (size_t i = 0; i < d->n; i++) {
        const char *entry = d->entries + i * r->entry;
        if (!(order_of(r, entry) & 1))
            continue;
        me->counts.kept++;
        some[n++] = entry;
        if (n < DR_ROLLUP_AT_ONCE)
            continue;
        n = 0;
        if (!r->only_counts)
            DR_TRY(dr_rollup_groups_add(&me->groups, some, DR_ROLLUP_AT_ONCE, err));
    }
    return r->only_counts ? DR_OK : dr_rollup_groups_add(&me->groups, some, n, err);
}

static void resolve_some(void *ctx, int64_t worker)
{
    struct dr_rollup *r = ctx;
    struct dr_rollup_worker *me = &r->workers[worker];
    struct distinct d = { .block = dr_malloc(ENTRY_BLOCK) };
    int64_t part, parts = INT64_C(1) << r->part_bits;
    while (me->err.rc == DR_OK && (part = atomic_fetch_add(&r->next_part, 1)) < parts)
        if (take_part(r, me, &d, (size_t)part, &me->err) == DR_OK)
            (void)count_groups(r, me, &d, &me->err);
    free(d.entries);
    free(d.seen);
    free(d.slots);
    free(d.block);
}

int32_t dr_rollup_finish(struct dr_rollup *r, struct dr_table **ret, struct dr_rollup_counts *ret_counts,
                         struct dr_err *err)
{
    struct dr_rollup_counts sum = { 0 };
    r->only_counts = !ret;
    if (r->o->n_keys > 0)
        dr_pool_run(r->o->workers, resolve_some, r);
    for (int32_t i = 0; i < r->o->workers; i++) {
        const struct dr_rollup_worker *w = &r->workers[i];
        if (w->err.rc) {
            if (err)
                *err = w->err;
            return w->err.rc;
        }
        sum.rows += w->counts.rows;
        sum.selected += w->counts.selected;
        sum.duplicate_rows += w->counts.duplicate_rows;
        sum.duplicate_keys += w->counts.duplicate_keys;
        sum.kept += w->counts.kept;
    }
    *ret_counts = sum;
    return ret ? dr_rollup_result(r, ret, err) : DR_OK;
}
