/* rollup.c - one pass, three phases.
 *
 *   add      rows to words, words to a hash, entries to the partition of the hash
 *   resolve  partition by partition: equal keys found in a table that fits the cache,
 *            the first selected row of each counted into its group (resolve.c)
 *   finish   slice by slice of the groups' hashes: rows that waited for room are counted into their
 *            groups, and statistics made group by group (result.c)
 *
 * Without keys, rows go to their groups at once. Entries, and the values of groups in their place, may take
 * five eighths of the memory limit, or what the caller leaves. The rest is for tables of keys while
 * partitions are resolved, then for laying out values, and for what groups take beside their values. */
#include <malloc.h>
#include <math.h>
#include <string.h>
#include "base/num.h"
#include "data/kernel.h"
#include "data/pages.h"
#include "data/pool.h"
#include "rollup/impl.h"

enum { ENTRY_BLOCK = 8 << 10, ROWS_IN_PART = 20000, PART_BITS_MAX = 12, PART_BITS_UNKNOWN = 6 };
#define STARTS_MAX (INT64_C(16) << 20) /* numbers of entries before batches: 64 MB */

/* ---- what is wanted ------------------------------------------------------------------ */

static bool is_grouped_by(const struct dr_rollup_options *o, const char *name)
{
    for (int32_t i = 0; i < o->n_groups; i++)
        if (dr_streq(o->groups[i].column, name))
            return true;
    return false;
}

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
    bool hashed = dr_rollup_are_long(c) && !is_grouped_by(r->o, name);
    n = hashed ? DR_ROLLUP_HASHED : n;
    if (r->words + n + 2 > DR_ROLLUP_WORDS)
        return dr_fail(err, DR_ELIMIT, "the columns of the key and the groups are too many");
    r->fields[r->n_fields++] = (struct dr_rollup_field){ column, c->type, r->words, n, hashed };
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

/* A word of its own only where all words are those of STRING. */
static void place_flag(struct dr_rollup *r)
{
    for (int32_t f = 0; f < r->n_fields; f++) {
        r->flag = r->fields[f].at;
        if (r->fields[f].type != DR_TYPE_STRING || r->fields[f].hashed)
            return;
    }
    r->flag = r->words++;
    r->flag_alone = true;
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
    place_flag(r);
    r->entry = (size_t)r->n_values * sizeof(double) + (size_t)r->words * sizeof(uint32_t);
    r->whole = sizeof(uint64_t) + (r->entry + sizeof(uint64_t) - 1) / sizeof(uint64_t) * sizeof(uint64_t);
    r->dicts = dr_calloc((size_t)r->n_fields + 1, sizeof(struct dr_dict *));
    return DR_OK;
}

/* Of entries and values. */
static size_t limit_of_blocks(const struct dr_rollup_options *o)
{
    return o->memory_limit / 8 * 5 + (o->memory_limit > 0);
}

static size_t limit_while_adding(const struct dr_rollup_options *o)
{
    size_t left = o->memory_limit > o->memory_beside ? o->memory_limit - o->memory_beside : 1;
    return o->memory_limit > 0 && left < limit_of_blocks(o) ? left : limit_of_blocks(o);
}

/* Partitions whose distinct keys fit into the cache; one for a small stream, and some for one of
 * unknown length. Each takes a block of each worker, and for each batch it has a number (begin_batch): of a
 * stream of very many batches, or where little memory is to be used, fewer partitions. */
static int32_t choose_part_bits(const struct dr_rollup_options *o, int64_t batch_rows)
{
    const int64_t rows = o->expected_rows;
    const int64_t most = o->memory_limit > 0 ? (int64_t)(limit_while_adding(o) / 2) : INT64_MAX;
    int32_t bits = rows > 0 ? 0 : PART_BITS_UNKNOWN;
    int64_t batches = rows / (batch_rows > 0 ? batch_rows : 1) + 1;
    int64_t each = (int64_t)o->workers * ENTRY_BLOCK + batches * (int64_t)sizeof(uint32_t);
    while (bits < PART_BITS_MAX && rows >> bits > ROWS_IN_PART &&
           (bits < PART_BITS_UNKNOWN || (batches << (bits + 1) <= STARTS_MAX && each << (bits + 1) <= most)))
        bits++;
    return bits;
}

/* What is known of groups may take an eighth of the limit. */
static uint32_t most_groups(const struct dr_rollup *r)
{
    size_t limit = r->o->memory_limit;
    return limit == 0 ? UINT32_MAX : dr_rollup_groups_within(r, limit / 8 / (size_t)r->o->workers);
}

static void worker_init(struct dr_rollup_worker *w, struct dr_rollup *r)
{
    size_t parts = (size_t)1 << r->part_bits;
    w->words = dr_calloc((size_t)r->words + 1, sizeof(*w->words)); /* whole blocks are packed */
    w->values = dr_calloc((size_t)r->n_values + 1, sizeof(*w->values));
    w->parts = dr_calloc(parts, sizeof(*w->parts));
    w->rooms = dr_calloc(parts, sizeof(*w->rooms));
    w->wholes = dr_calloc(parts, sizeof(*w->wholes));
    dr_rollup_pool_init(&w->pool, &r->store, ENTRY_BLOCK, r->pack.on ? 1 : r->entry, NULL);
    dr_rollup_groups_init(&w->groups, r, &w->pool, most_groups(r));
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
    free(w->rooms);
    free(w->batches);
    free(w->starts);
    free(w->wholes);
}

static void drop_workers(struct dr_rollup *r)
{
    for (int32_t i = 0; r->workers && i < r->o->workers; i++)
        worker_done(&r->workers[i], (size_t)1 << r->part_bits);
    free(r->workers);
    r->workers = NULL;
}

/* What was freed goes back to the system where memory is limited: kernels keep pages for each other, and so
 * does malloc. */
static void give_up_freed(const struct dr_rollup *r)
{
    if (r->o->memory_limit == 0)
        return;
    dr_pages_drop();
    (void)malloc_trim(0);
}

int32_t dr_rollup_new(const struct dr_rollup_options *o, const struct dr_table *schema,
                      struct dr_rollup **ret, struct dr_err *err)
{
    struct dr_rollup *r = dr_calloc(1, sizeof(*r));
    r->o = o;
    dr_rollup_texts_init(&r->texts, &r->store);
    dr_rollup_store_init(&r->store, limit_while_adding(o), o->spill_folder);
    int32_t rc = plan(r, schema, err);
    if (!rc)
        rc = dr_rollup_plan_pack(r, schema, err);
    if (!rc && r->pack.on)
        dr_rollup_plan_groups(r);
    if (rc) {
        dr_rollup_free(r);
        return rc;
    }
    r->part_bits = o->n_keys > 0 ? choose_part_bits(o, schema->rows) : 0;
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
    drop_workers(r);
    for (int32_t i = 0; r->dicts && i < r->n_fields; i++)
        dr_dict_unref(r->dicts[i]);
    dr_rollup_texts_done(&r->texts);
    dr_rollup_store_done(&r->store);
    free(r->dicts);
    free(r->fields);
    free(r->group_field);
    free(r->group_at);
    free(r->agg_value);
    for (int32_t i = 0; i < r->pack.n_months; i++)
        free(r->pack.months[i].of);
    free(r->pack.months);
    free(r->pack.places);
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
    for (int64_t from = 0; a->valid && from < n; from += 64)
        for (uint64_t nulls = dr_rollup_nulls(a, i + from, n - from); nulls; nulls &= nulls - 1)
            memcpy(&out[from + __builtin_ctzll(nulls)], &none, sizeof(none));
}

/* Values are doubles, of which whole numbers beyond 2^53 share some: they could not be told apart. */
static int32_t check_distinct(const struct dr_rollup *r, int32_t value, const struct dr_array *a, int64_t i,
                              int64_t n, struct dr_err *err)
{
    const struct dr_agg *distinct = NULL;
    const int64_t *whole = a->values, most = INT64_C(1) << 53;
    for (int32_t k = 0; k < r->o->n_aggs && a->type == DR_TYPE_INT64; k++)
        if (r->agg_value[k] == value && r->o->aggs[k].fn == DR_AGG_COUNT_DISTINCT)
            distinct = &r->o->aggs[k];
    for (int64_t k = i; distinct && k < i + n; k++)
        if (dr_array_valid(a, k) && (whole[k] > most || whole[k] < -most))
            return dr_fail(
                err, DR_EINPUT,
                "column '%s' has %lld: different whole numbers beyond 2^53 cannot be counted in one pass; "
                "count them in an sql task",
                distinct->column, (long long)whole[k]);
    return DR_OK;
}

/* A block of rows, all in one chunk. */
struct rows {
    int64_t n;
    const uint64_t *selected;
    int64_t bit; /* of the first row in selected */
};

static bool is_selected(const struct rows *x, int64_t i)
{
    return !x->selected || (x->selected[(x->bit + i) >> 6] >> ((x->bit + i) & 63) & 1);
}

static void hash_keys(const struct dr_rollup *r, const struct dr_rollup_worker *w, int64_t n, uint64_t *hash)
{
    int32_t k = 0;
    for (int64_t i = 0; i < n; i++)
        hash[i] = DR_ROLLUP_HASH;
    for (; k + 2 <= r->key_words; k += 2)
        for (int64_t i = 0; i < n; i++)
            hash[i] = dr_rollup_hash_step(hash[i], w->words[k][i] | (uint64_t)w->words[k + 1][i] << 32);
    for (int64_t i = 0; k < r->key_words && i < n; i++)
        hash[i] = dr_rollup_hash_step(hash[i], w->words[k][i]);
}

static void flag_selected(const struct dr_rollup *r, struct dr_rollup_worker *w, const struct rows *x)
{
    uint32_t *words = w->words[r->flag];
    for (int64_t i = 0; i < x->n; i++)
        words[i] |= (uint32_t)is_selected(x, i) << 31;
}

static int32_t next_block(struct dr_rollup_worker *w, uint32_t part, struct dr_err *err)
{
    struct dr_rollup_room *room = &w->rooms[part];
    if (w->parts[part].n >= UINT32_MAX / (ENTRY_BLOCK / DR_ROLLUP_UNIT))
        return dr_fail(err, DR_ELIMIT, "too many rows for as many partitions; state how many rows to expect");
    w->parts[part].used = (uint32_t)w->pool.full;
    DR_TRY(dr_rollup_list_grow(&w->parts[part], &w->pool, &room->at, err));
    room->end = room->at + w->pool.full;
    return DR_OK;
}

static inline uint32_t part_of(const struct dr_rollup *r, uint64_t hash)
{
    return (uint32_t)(hash >> 1 >> (63 - r->part_bits)); /* at once it could be by 64 */
}

/* Where values and words are constants, as in most calls, this is a few moves. */
static inline __attribute__((always_inline)) void write_entry(const struct dr_rollup_columns *w,
                                                              int32_t values, int32_t words, int64_t i,
                                                              char *to)
{
    int32_t k = 0;
#pragma GCC unroll 4
    for (int32_t v = 0; v < values; v++, to += sizeof(double))
        memcpy(to, &w->values[v][i], sizeof(double));
#pragma GCC unroll 4
    for (; k + 2 <= words; k += 2, to += sizeof(uint64_t)) {
        uint64_t two = w->words[k][i] | (uint64_t)w->words[k + 1][i] << 32;
        memcpy(to, &two, sizeof(two));
    }
    if (k < words)
        memcpy(to, &w->words[k][i], sizeof(uint32_t));
}

static inline __attribute__((always_inline)) int32_t scatter_shape(const struct dr_rollup *r,
                                                                   struct dr_rollup_worker *w,
                                                                   const struct rows *x, const uint64_t *hash,
                                                                   int32_t values, int32_t words,
                                                                   struct dr_err *err)
{
    const size_t entry = (size_t)values * sizeof(double) + (size_t)words * sizeof(uint32_t);
    const struct dr_rollup_columns c = { w->values, w->words };
    struct dr_rollup_room *rooms = w->rooms;
    const int64_t n = x->n;
    for (int64_t i = 0; i < n; i++) {
        uint32_t part = part_of(r, hash[i]);
        struct dr_rollup_room *room = &rooms[part];
        if (__builtin_expect(room->at == room->end, 0))
            DR_TRY(next_block(w, part, err));
        char *to = room->at;
        room->at = to + entry;
        write_entry(&c, values, words, i, to);
    }
    return DR_OK;
}

/* The shapes that are common: one column to aggregate, three to six words of key and group. */
static int32_t scatter(const struct dr_rollup *r, struct dr_rollup_worker *w, const struct rows *x,
                       struct dr_err *err)
{
    uint64_t hash[DR_ROLLUP_BLOCK];
    hash_keys(r, w, x->n, hash);
    flag_selected(r, w, x);
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

static void expand_selected(const struct rows *x, uint64_t *chosen)
{
    for (int64_t i = 0; i < x->n; i++)
        chosen[i] = is_selected(x, i) ? UINT64_MAX : 0;
    memset(chosen + x->n, 0, (size_t)(DR_ROLLUP_BLOCK - x->n) * sizeof(*chosen));
}

/* A block that has not so much room is ended. */
static int32_t need_room(struct dr_rollup_worker *w, uint32_t part, size_t n, struct dr_err *err)
{
    static const uint64_t gap = DR_ROLLUP_GAP;
    size_t left = dr_rollup_room_left(w, part);
    if (left >= n)
        return DR_OK;
    if (left >= sizeof(gap))
        memcpy(w->rooms[part].at, &gap, sizeof(gap));
    return next_block(w, part, err);
}

/* A row that does not fit its packed word. */
static int32_t put_whole(const struct dr_rollup *r, struct dr_rollup_worker *w, int64_t i, uint64_t word,
                         uint64_t hash, struct dr_err *err)
{
    char entry[DR_ROLLUP_VALUES * sizeof(double) + (DR_ROLLUP_WORDS + 2) * sizeof(uint32_t)] = { 0 };
    if (word & DR_ROLLUP_NO_KEY) {
        hash = DR_ROLLUP_HASH;
        for (int32_t k = 0; k < r->key_words; k++)
            hash = dr_rollup_hash_step(hash, w->words[k][i]);
    }
    uint32_t part = part_of(r, hash);
    w->words[r->flag][i] |= word & DR_ROLLUP_SELECTED ? DR_ROLLUP_FLAG : 0;
    write_entry(&(struct dr_rollup_columns){ w->values, w->words }, r->n_values, r->words, i, entry);
    DR_TRY(need_room(w, part, r->whole, err));
    memcpy(mempcpy(w->rooms[part].at, &word, sizeof(word)), entry, r->whole - sizeof(word));
    w->rooms[part].at += r->whole;
    w->wholes[part]++;
    return DR_OK;
}

static inline __attribute__((always_inline)) int32_t scatter_packed(const struct dr_rollup *r,
                                                                    struct dr_rollup_worker *w,
                                                                    const uint64_t *packed, int64_t n,
                                                                    int32_t values, struct dr_err *err)
{
    const size_t entry = sizeof(uint64_t) + (size_t)values * sizeof(double);
    const uint64_t key_mask = r->pack.key_mask;
    struct dr_rollup_room *rooms = w->rooms;
    const int shift = 63 - r->part_bits;
    for (int64_t i = 0; i < n; i++) {
        uint64_t word = packed[i], hash = dr_rollup_hash_step(DR_ROLLUP_HASH, word & key_mask);
        if (__builtin_expect((word & DR_ROLLUP_WHOLE) != 0, 0)) {
            DR_TRY(put_whole(r, w, i, word, hash, err));
            continue;
        }
        struct dr_rollup_room *room = &rooms[hash >> 1 >> shift];
        if (__builtin_expect((size_t)(room->end - room->at) < entry, 0))
            DR_TRY(need_room(w, (uint32_t)(room - rooms), entry, err));
        char *to = mempcpy(room->at, &word, sizeof(word));
        for (int32_t v = 0; v < values; v++)
            to = mempcpy(to, &w->values[v][i], sizeof(double));
        room->at = to;
    }
    return DR_OK;
}

static int32_t pack_and_scatter(const struct dr_rollup *r, struct dr_rollup_worker *w, const struct rows *x,
                                struct dr_err *err)
{
    uint64_t chosen[DR_ROLLUP_BLOCK], packed[DR_ROLLUP_BLOCK];
    expand_selected(x, chosen);
    dr_rollup_pack_rows(r, &(struct dr_rollup_columns){ w->values, w->words }, chosen, packed);
    return r->pack.raw ? scatter_packed(r, w, packed, x->n, r->n_values, err)
                       : scatter_packed(r, w, packed, x->n, 0, err);
}

static int32_t group_at_once(const struct dr_rollup *r, struct dr_rollup_worker *w, const struct rows *x,
                             struct dr_err *err)
{
    char entry[DR_ROLLUP_VALUES * sizeof(double) + (DR_ROLLUP_WORDS + 2) * sizeof(uint32_t)];
    for (int64_t i = 0; i < x->n; i++) {
        if (!is_selected(x, i))
            continue;
        write_entry(&(struct dr_rollup_columns){ w->values, w->words }, r->n_values, r->words, i, entry);
        DR_TRY(dr_rollup_groups_add(&w->groups, &(const char *){ entry }, 1, err));
        w->counts.kept++;
    }
    return DR_OK;
}

int32_t dr_rollup_fill_block(struct dr_rollup *r, const struct dr_table *batch, int32_t chunk, int64_t i,
                             int64_t n, const struct dr_rollup_columns *c, struct dr_err *err)
{
    for (int32_t f = 0; f < r->n_fields; f++)
        DR_TRY(dr_rollup_fill(&r->fields[f], &r->texts, batch->columns[r->fields[f].column]->chunk[chunk], i,
                              n, c->words + r->fields[f].at, err));
    if (r->flag_alone)
        memset(c->words[r->flag], 0, sizeof(c->words[r->flag]));
    for (int32_t v = 0; v < r->n_values; v++) {
        const struct dr_array *a = batch->columns[r->value_column[v]]->chunk[chunk];
        DR_TRY(check_distinct(r, v, a, i, n, err));
        fill_values(a, i, n, c->values[v]);
    }
    return DR_OK;
}

static int32_t add_block(struct dr_rollup *r, struct dr_rollup_worker *w, const struct dr_table *batch,
                         int32_t chunk, int64_t i, const struct rows *x, struct dr_err *err)
{
    const struct dr_rollup_columns c = { w->values, w->words };
    DR_TRY(dr_rollup_fill_block(r, batch, chunk, i, x->n, &c, err));
    if (r->o->n_keys == 0)
        return group_at_once(r, w, x, err);
    return r->pack.on ? pack_and_scatter(r, w, x, err) : scatter(r, w, x, err);
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

uint32_t dr_rollup_units_before(const struct dr_rollup *r, const struct dr_rollup_worker *w, size_t part,
                                int32_t at)
{
    if (at < w->n_batches)
        return w->starts[((size_t)at << r->part_bits) + part];
    return (uint32_t)((w->parts[part].n * w->pool.full - dr_rollup_room_left(w, part)) / DR_ROLLUP_UNIT);
}

/* Entries of a partition lie in the order in which they came: what was there before a batch says
 * which of them are the batch's. */
static void begin_batch(struct dr_rollup *r, struct dr_rollup_worker *w, int64_t first_row)
{
    size_t parts = (size_t)1 << r->part_bits;
    if (r->o->n_keys == 0)
        return;
    if (w->n_batches == w->batches_cap) {
        int32_t more = w->batches_cap / 8 + 8; /* numbers of a batch are many: hardly more than are used */
        w->batches_cap += more;
        w->batches = dr_realloc(w->batches, (size_t)w->batches_cap * sizeof(*w->batches));
        w->starts = dr_realloc(w->starts, (size_t)w->batches_cap * parts * sizeof(*w->starts));
        dr_rollup_store_count(&r->store, (size_t)more * parts * sizeof(*w->starts), 0);
    }
    for (size_t p = 0; p < parts; p++)
        w->starts[(size_t)w->n_batches * parts + p] = dr_rollup_units_before(r, w, p, INT32_MAX);
    w->batches[w->n_batches++] = first_row;
}

int32_t dr_rollup_add(struct dr_rollup *r, int32_t worker, int64_t first_row, const struct dr_table *batch,
                      const uint64_t *selected, struct dr_err *err)
{
    struct dr_rollup_worker *w = &r->workers[worker];
    struct rows x = { .selected = selected };
    if (w->n_batches > 0 && first_row < w->batches[w->n_batches - 1])
        return dr_fail(err, DR_EBUG, "batches came in another order than that of their rows");
    keep_dicts(r, batch);
    begin_batch(r, w, first_row);
    const struct dr_column *c = batch->n > 0 ? batch->columns[0] : NULL;
    for (int32_t chunk = 0; c && chunk < c->n; chunk++) {
        int64_t rows = c->chunk[chunk]->n;
        for (int64_t i = 0; i < rows; i += x.n) {
            x.n = rows - i < DR_ROLLUP_BLOCK ? rows - i : DR_ROLLUP_BLOCK;
            x.bit = c->start[chunk] + i;
            DR_TRY(add_block(r, w, batch, chunk, i, &x, err));
        }
    }
    w->counts.rows += batch->rows;
    w->counts.selected += selected ? dr_bits_count((const uint8_t *)selected, batch->rows) : batch->rows;
    return DR_OK;
}

/* ---- the end ------------------------------------------------------------------------------ */

/* A result of very many groups is large: by then nothing else should be in memory. */
static int32_t make_result(struct dr_rollup *r, struct dr_table **ret, struct dr_err *err)
{
    struct dr_rollup_slice slices[DR_ROLLUP_SLICES] = { 0 };
    struct dr_table *t = NULL;
    int32_t rc = dr_rollup_aggregate(r, slices, err);
    if (!rc) {
        drop_workers(r);
        give_up_freed(r);
        rc = dr_rollup_table(r, slices, &t, err);
        give_up_freed(r);
    }
    dr_rollup_slices_done(slices);
    if (!rc && r->o->n_groups > 0)
        rc = dr_rollup_order(r->o, &t, err);
    if (rc)
        dr_table_unref(t);
    else
        *ret = t;
    return rc;
}

int32_t dr_rollup_finish(struct dr_rollup *r, struct dr_table **ret, struct dr_rollup_counts *ret_counts,
                         struct dr_err *err)
{
    struct dr_rollup_counts sum = { 0 };
    r->only_counts = !ret;
    r->store.limit = limit_of_blocks(r->o);
    if (r->o->n_keys > 0)
        DR_TRY(dr_rollup_resolve(r, err));
    for (int32_t i = 0; i < r->o->workers; i++)
        DR_TRY(dr_rollup_store_flush(&r->store, &r->workers[i].groups.outbox, err));
    for (int32_t i = 0; i < r->o->workers; i++) {
        const struct dr_rollup_worker *w = &r->workers[i];
        sum.rows += w->counts.rows;
        sum.selected += w->counts.selected;
        sum.duplicate_rows += w->counts.duplicate_rows;
        sum.duplicate_keys += w->counts.duplicate_keys;
        sum.kept += w->counts.kept;
    }
    *ret_counts = sum;
    return ret ? make_result(r, ret, err) : DR_OK;
}
