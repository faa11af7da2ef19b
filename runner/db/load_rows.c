/* load_rows.c - which rows of a table are staged, and what becomes of the others.
 *
 * All of this happens in memory and before the database is touched: a key that is
 * missing or repeats is found the same way whatever the database would say. */
#include "db/load.h"
#include "data/kernel.h"
#include "data/sort.h"
#include <math.h>

/* ---- where a row is among those given ------------------------------------------------ */

int64_t dr_load_given(const struct dr_load_table *t, int64_t staged)
{
    return t->source ? t->source[staged] : staged;
}

int64_t dr_load_staged_of_first(const struct dr_load_table *t, int64_t given)
{
    int64_t low = 0, high = t->rows->rows;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (dr_load_given(t, middle) < given)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ---- refusals -------------------------------------------------------------------- */

static void add_refusal(struct dr_load_table *t, struct dr_refusal refusal)
{
    if (t->n_refusals == t->cap_refusals) {
        t->cap_refusals = t->cap_refusals ? t->cap_refusals * 2 : 16;
        t->refusals = dr_realloc(t->refusals, (size_t)t->cap_refusals * sizeof *t->refusals);
    }
    t->refusals[t->n_refusals++] = refusal;
}

void dr_load_refuse(struct dr_load_table *t, int64_t staged, const char *reason, const char *told)
{
    add_refusal(t, (struct dr_refusal){ .row = dr_load_given(t, staged),
                                        .staged = staged,
                                        .reason = dr_arena_strdup(t->arena, reason),
                                        .told = told ? dr_arena_strdup(t->arena, told) : NULL });
}

void dr_load_refuse_given(struct dr_load_table *t, int64_t given, const char *reason)
{
    add_refusal(
        t, (struct dr_refusal){ .row = given, .staged = -1, .reason = dr_arena_strdup(t->arena, reason) });
}

/* Keep the staged rows whose bit is 1. */
static int32_t keep_rows(struct dr_load_table *t, const uint8_t *bits, struct dr_err *err)
{
    struct dr_table *kept;
    DR_TRY(dr_table_filter(t->rows, bits, &kept, err));
    int64_t *rows = dr_malloc((size_t)kept->rows * sizeof *rows);
    for (int64_t i = 0, n = 0; i < t->rows->rows; i++)
        if (dr_bit(bits, i))
            rows[n++] = dr_load_given(t, i);
    free(t->source);
    t->source = rows;
    dr_table_unref(t->rows);
    t->rows = kept;
    t->staged = false;
    return DR_OK;
}

static uint8_t *all_rows(const struct dr_table *t)
{
    uint8_t *bits = dr_malloc((size_t)t->rows / 8 + 1);
    memset(bits, 0xff, (size_t)t->rows / 8 + 1);
    if (t->rows % 8)
        bits[t->rows / 8] = (uint8_t)((1u << (t->rows % 8)) - 1);
    else
        bits[t->rows / 8] = 0;
    return bits;
}

int32_t dr_load_drop_refused(struct dr_load_table *t, int32_t before, struct dr_err *err)
{
    if (t->n_refusals == before)
        return DR_OK;
    DR_AUTO_FREE uint8_t *bits = all_rows(t->rows);
    for (int32_t i = before; i < t->n_refusals; i++)
        dr_bit_clear(bits, t->refusals[i].staged);
    return keep_rows(t, bits, err);
}

/* In the order of the rows. */
static int compare_refusals(const void *pa, const void *pb)
{
    const struct dr_refusal *a = pa, *b = pb;
    return (a->row > b->row) - (a->row < b->row);
}

int32_t dr_load_give_refused(struct dr_load_table *t, struct dr_err *err)
{
    if (t->n_refusals == 0)
        return DR_OK;
    qsort(t->refusals, (size_t)t->n_refusals, sizeof *t->refusals, compare_refusals);
    DR_AUTO_FREE int64_t *rows = dr_malloc((size_t)t->n_refusals * sizeof *rows);
    struct dr_builder *reasons = dr_builder_new(DR_TYPE_DICT);
    for (int32_t i = 0; i < t->n_refusals; i++) {
        const char *reason = t->refusals[i].reason;
        rows[i] = t->refusals[i].row;
        dr_builder_append_bytes(reasons, reason, (int64_t)strlen(reason));
    }
    struct dr_column *column = dr_builder_finish(reasons);
    struct dr_table *taken = NULL;
    int32_t rc = dr_table_take(t->spec->rows, t->n_refusals, rows, &taken, err);
    if (!rc)
        rc = dr_table_with(taken, "_reason", column, &t->spec->refused, err);
    dr_table_unref(taken);
    dr_column_unref(column);
    return rc;
}

/* ---- keys ------------------------------------------------------------------------- */

static bool is_missing(const struct dr_array *a, int64_t i)
{
    return a->type == DR_TYPE_NULL || !dr_array_valid(a, i) ||
           (a->type == DR_TYPE_FLOAT64 && isnan(((const double *)a->values)[i]));
}

static void refuse_missing(struct dr_load_table *t, const char *key, uint8_t *bits)
{
    const struct dr_column *c = t->rows->columns[dr_table_find(t->rows, key)];
    if (!c->nulls && c->type != DR_TYPE_FLOAT64 && c->type != DR_TYPE_NULL)
        return;
    for (int32_t k = 0; k < c->n; k++)
        for (int64_t i = 0; i < c->chunk[k]->n; i++) {
            int64_t row = c->start[k] + i;
            if (!is_missing(c->chunk[k], i) || !dr_bit(bits, row))
                continue;
            dr_bit_clear(bits, row);
            dr_load_refuse(t, row, dr_arena_printf(t->arena, "no value in the key column '%s'", key), NULL);
        }
}

static bool has_nul(const struct dr_array *a, int64_t i)
{
    struct dr_str s = dr_array_str(a, i);
    return s.n > 0 && memchr(s.p, '\0', s.n);
}

static void refuse_nul(struct dr_load_table *t, int32_t column, uint8_t *bits)
{
    const struct dr_column *c = t->rows->columns[column];
    for (int32_t k = 0; k < c->n && dr_column_is_text(c); k++)
        for (int64_t i = 0; i < c->chunk[k]->n; i++) {
            int64_t row = c->start[k] + i;
            if (is_missing(c->chunk[k], i) || !dr_bit(bits, row) || !has_nul(c->chunk[k], i))
                continue;
            dr_bit_clear(bits, row);
            dr_load_refuse(t, row,
                           dr_arena_printf(t->arena, "a NUL byte in '%s', which this database cannot store",
                                           t->rows->names[column]),
                           NULL);
        }
}

/* ---- several rows with one key ------------------------------------------------------- */

/* The rows with a column that numbers them, in the order in which the first one of a
 * key is the one to take. */
static int32_t put_in_order(const struct dr_load_table *t, const char *number, struct dr_table **ret,
                            struct dr_err *err)
{
    struct dr_builder *b = dr_builder_new(DR_TYPE_INT64);
    for (int64_t i = 0; i < t->rows->rows; i++)
        dr_builder_append_int(b, i);
    struct dr_column *numbers = dr_builder_finish(b);
    struct dr_table *numbered = NULL;
    int32_t rc = dr_table_with(t->rows, number, numbers, &numbered, err);
    dr_column_unref(numbers);
    if (rc)
        return rc;
    bool first_wins = t->spec->newer_wins || t->spec->insert_only || t->spec->mode != DR_LOAD_UPSERT;
    const struct dr_sort_key order[] = { { first_wins ? t->spec->newer_wins : number, DR_SORT_DESC, 0 } };
    if (order[0].column) {
        rc = dr_table_sort(numbered, 1, order, ret, err);
        dr_table_unref(numbered);
        return rc;
    }
    *ret = numbered;
    return DR_OK;
}

static int64_t int_at(const struct dr_table *t, const char *column, int64_t row)
{
    const struct dr_column *c = t->columns[dr_table_find(t, column)];
    int32_t k = dr_column_chunk_of(c, row);
    return ((const int64_t *)c->chunk[k]->values)[row - c->start[k]];
}

static const char *free_name(struct dr_load_table *t)
{
    const char *name = "row number";
    while (dr_table_find(t->rows, name) >= 0)
        name = dr_arena_printf(t->arena, "%s_", name);
    return name;
}

static void refuse_repeated(struct dr_load_table *t, int64_t row, int64_t first)
{
    int64_t given = dr_load_given(t, first);
    dr_load_refuse(
        t, row, dr_arena_printf(t->arena, "its key is that of row %lld as well", (long long)given + 1), NULL);
}

static int32_t choose_one_of_each(struct dr_load_table *t, uint8_t *bits, struct dr_err *err)
{
    const char *number = free_name(t);
    struct dr_table *ordered = NULL, *chosen = NULL;
    DR_AUTO_FREE int64_t *kept = dr_malloc((size_t)t->rows->rows * sizeof *kept);
    DR_TRY(put_in_order(t, number, &ordered, err));
    int32_t rc = dr_table_distinct(ordered, t->n_keys, t->keys, DR_KEEP_FIRST, kept, &chosen, err);
    for (int64_t i = 0; i < t->rows->rows && !rc; i++) {
        if (kept[i] < 0)
            continue;
        int64_t row = int_at(ordered, number, i);
        dr_bit_clear(bits, row);
        if (t->spec->mode != DR_LOAD_UPSERT)
            refuse_repeated(t, row, int_at(ordered, number, kept[i]));
    }
    dr_table_unref(ordered);
    dr_table_unref(chosen);
    return rc;
}

static int32_t drop_repeated(struct dr_load_table *t, struct dr_err *err)
{
    struct dr_table *distinct;
    DR_TRY(dr_table_distinct(t->rows, t->n_keys, t->keys, DR_KEEP_FIRST, NULL, &distinct, err));
    int64_t n = distinct->rows;
    dr_table_unref(distinct);
    if (n == t->rows->rows)
        return DR_OK;
    DR_AUTO_FREE uint8_t *bits = all_rows(t->rows);
    DR_TRY(choose_one_of_each(t, bits, err));
    return keep_rows(t, bits, err);
}

/* ---- as they are staged --------------------------------------------------------------- */

/* Column c of that type, unless one of its values has no place in it. */
static int32_t settle_column(struct dr_load_table *t, int32_t c, int32_t type, struct dr_err *err)
{
    struct dr_column *typed = NULL;
    struct dr_table *settled = NULL;
    DR_AUTO_FREE uint8_t *refused = dr_calloc((size_t)t->rows->rows / 8 + 1, 1);
    DR_TRY(dr_column_cast(t->rows->columns[c], type, refused, &typed, err));
    int32_t rc = DR_OK;
    if (dr_bits_count(refused, t->rows->rows) == 0) {
        rc = dr_table_with(t->rows, t->rows->names[c], typed, &settled, err);
        if (!rc) {
            dr_table_unref(t->rows);
            t->rows = settled;
        }
    }
    dr_column_unref(typed);
    return rc;
}

static int32_t settle_types(const struct dr_dialect *d, struct dr_load_table *t, struct dr_err *err)
{
    for (int32_t c = 0; c < t->rows->n; c++) {
        const char *target = dr_load_target_type(t, t->rows->names[c]);
        int32_t type = target ? d->stored_as(t->rows->columns[c], target) : t->rows->columns[c]->type;
        if (type != t->rows->columns[c]->type)
            DR_TRY(settle_column(t, c, type, err));
    }
    return DR_OK;
}

static bool are_in_order(int64_t n, const int64_t *order)
{
    for (int64_t i = 0; i < n; i++)
        if (order[i] != i)
            return false;
    return true;
}

static int32_t put_in_key_order(struct dr_load_table *t, struct dr_err *err)
{
    int64_t n = t->rows->rows, *order;
    const struct dr_column **columns = dr_arena_array(t->arena, (size_t)t->n_keys, sizeof *columns);
    int32_t *flags = dr_arena_array(t->arena, (size_t)t->n_keys, sizeof *flags);
    for (int32_t k = 0; k < t->n_keys; k++)
        columns[k] = t->rows->columns[dr_table_find(t->rows, t->keys[k])];
    DR_TRY(dr_sort_rows(n, t->n_keys, columns, flags, n, &order, err));
    if (are_in_order(n, order)) {
        free(order);
        return DR_OK;
    }
    struct dr_table *sorted = dr_table_take_rows(t->rows, n, order);
    for (int64_t i = 0; i < n && t->source; i++)
        order[i] = t->source[order[i]];
    free(t->source);
    t->source = order;
    dr_table_unref(t->rows);
    t->rows = sorted;
    return DR_OK;
}

int32_t dr_load_settle_rows(const struct dr_dialect *d, struct dr_load_table *t, struct dr_err *err)
{
    DR_TRY(settle_types(d, t, err));
    return dr_load_keyed(t) ? put_in_key_order(t, err) : DR_OK;
}

/* ---- the choice ------------------------------------------------------------------------- */

int32_t dr_load_choose_rows(const struct dr_dialect *d, struct dr_load_table *t, struct dr_err *err)
{
    int32_t before = t->n_refusals;
    DR_TRY(settle_types(d, t, err));
    DR_AUTO_FREE uint8_t *bits = all_rows(t->rows);
    for (int32_t k = 0; k < t->n_keys; k++)
        refuse_missing(t, t->keys[k], bits);
    for (int32_t i = 0; i < t->rows->n && d->no_nul; i++)
        refuse_nul(t, i, bits);
    if (t->n_refusals > before)
        DR_TRY(keep_rows(t, bits, err));
    return t->n_keys ? drop_repeated(t, err) : DR_OK;
}

/* ---- content ------------------------------------------------------------------------ */

static uint64_t value_hash(const struct dr_array *a, int64_t i)
{
    if (a->type == DR_TYPE_NULL || !dr_array_valid(a, i))
        return 0;
    if (a->type == DR_TYPE_BOOL)
        return dr_bit(a->values, i) ? 2 : 1;
    size_t width = dr_type_width(a->type);
    if (a->type != DR_TYPE_DICT && width)
        return dr_hash((const char *)a->values + (size_t)i * width, width);
    struct dr_str s = dr_array_str(a, i);
    return dr_hash(s.p, s.n);
}

static void hash_dict_array(struct dr_hasher *h, const struct dr_array *a, const uint64_t *of_code)
{
    const int32_t *codes = a->values;
    for (int64_t i = 0; i < a->n; i++) {
        uint64_t v = dr_array_valid(a, i) ? of_code[codes[i]] : 0;
        dr_hasher_update(h, &v, sizeof v);
    }
}

static void hash_array(struct dr_hasher *h, const struct dr_array *a)
{
    for (int64_t i = 0; i < a->n; i++) {
        uint64_t v = value_hash(a, i);
        dr_hasher_update(h, &v, sizeof v);
    }
}

static void hash_column(struct dr_hasher *h, const struct dr_column *c)
{
    int32_t type[3] = { c->type == DR_TYPE_DICT ? DR_TYPE_STRING : c->type, c->scale, c->zoned };
    dr_hasher_update(h, type, sizeof type);
    DR_AUTO_FREE uint64_t *of_code = NULL;
    if (c->type == DR_TYPE_DICT) {
        of_code = dr_malloc((size_t)c->dict->n * sizeof *of_code);
        for (int32_t i = 0; i < c->dict->n; i++)
            of_code[i] = dr_hash(c->dict->values[i].p, c->dict->values[i].n);
    }
    for (int32_t k = 0; k < c->n; k++) {
        if (of_code)
            hash_dict_array(h, c->chunk[k], of_code);
        else
            hash_array(h, c->chunk[k]);
    }
}

static void hash_text(struct dr_hasher *h, const char *text)
{
    dr_hasher_update(h, text ? text : "", text ? strlen(text) + 1 : 1);
}

void dr_load_hash(const struct dr_load_table *t, char ret[DR_HASH_HEX])
{
    const struct dr_db_load *spec = t->spec;
    struct dr_hasher *h = dr_hasher_new();
    int32_t numbers[] = { spec->mode, t->n_keys, spec->n_scope, spec->insert_only, spec->rows->n };
    dr_hasher_update(h, numbers, sizeof numbers);
    for (int32_t k = 0; k < t->n_keys; k++)
        hash_text(h, t->keys[k]);
    for (int32_t k = 0; k < spec->n_scope; k++)
        hash_text(h, spec->scope[k]);
    hash_text(h, spec->newer_wins);
    hash_text(h, t->parent ? t->parent->content : NULL);
    for (int32_t i = 0; i < spec->rows->n; i++) {
        hash_text(h, spec->rows->names[i]);
        hash_column(h, spec->rows->columns[i]);
    }
    dr_hasher_hex(h, ret);
    dr_hasher_free(h);
}
