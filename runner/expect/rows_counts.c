/* rows_counts.c - partial_unexpected_counts: how often each unexpected value
 * occurs, the most common first.
 *
 * A check's values are counted on one thread, row by row. Nothing else waits for the counts, so
 * they are a job for threads that have nothing to do while the next checks are evaluated. What
 * they read of the plan does not change any more. */
#include "data/pool.h"
#include "expect/check.h"

#define PYTHON_SHORT 63 /* entries that Python sorts by insertion alone */

/* Columns whose missing values are NaN in Great Expectations rather than None. */
static bool is_number(const struct dr_source *s)
{
    return s->class == DR_CLASS_NUMBER && s->type != DR_TYPE_BOOL;
}

struct counted {
    int64_t row, count, at; /* first row with the value; order of appearance */
    uint64_t hash;
    const struct dr_eval *e;
};

/* How two entries' values compare. A missing number has no place among others,
 * as NaN has none in Python: then *ret_unordered, and it goes first. */
static int order_values(const struct counted *x, const struct counted *y, bool *ret_unordered)
{
    *ret_unordered = false;
    for (int32_t k = 0; k < x->e->n_columns; k++) {
        const struct dr_source *s = x->e->columns[k];
        int32_t hint = 0;
        struct dr_value a = dr_source_value(s, x->row, &hint);
        hint = 0;
        struct dr_value b = dr_source_value(s, y->row, &hint);
        int order = dr_value_order(&a, &b);
        *ret_unordered = is_number(s) && (a.kind == DR_VALUE_NULL || b.kind == DR_VALUE_NULL);
        if (order || *ret_unordered)
            return order;
    }
    return 0;
}

static bool comes_before(const struct counted *x, const struct counted *y)
{
    bool unordered;
    if (x->count != y->count)
        return x->count > y->count;
    return order_values(x, y, &unordered) < 0 && !unordered;
}

static int most_common(const void *a, const void *b)
{
    const struct counted *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

static int by_count_and_value(const void *a, const void *b)
{
    const struct counted *x = a, *y = b;
    bool unordered;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    int order = order_values(x, y, &unordered);
    return order ? order : (x->at > y->at) - (x->at < y->at);
}

/* The order of Python's sorted() for a short list, which matters where missing
 * numbers are no order at all: the run at the start (turned round
 * where it falls), then each further entry by binary search. */
static void sort_as_python(struct counted *v, int64_t n)
{
    int64_t run = n < 2 ? n : 2;
    bool falls = n > 1 && comes_before(&v[1], &v[0]);
    while (run < n && run > 1 && comes_before(&v[run], &v[run - 1]) == falls)
        run++;
    for (int64_t i = 0; falls && i < run / 2; i++) {
        struct counted swap = v[i];
        v[i] = v[run - 1 - i];
        v[run - 1 - i] = swap;
    }
    for (int64_t i = run; i < n; i++) {
        struct counted pivot = v[i];
        int64_t low = 0, high = i;
        while (low < high) {
            int64_t mid = low + (high - low) / 2;
            if (comes_before(&pivot, &v[mid]))
                high = mid;
            else
                low = mid + 1;
        }
        memmove(&v[low + 1], &v[low], (size_t)(i - low) * sizeof *v);
        v[low] = pivot;
    }
}

/* ---- counting ---- */

/* What there is to count for a check. */
struct dr_counting {
    struct dr_counting *next;
    struct dr_pool_job job;
    struct dr_eval e;
    struct dr_odd_rows *odd; /* owned: of the only column */
    bool kept;               /* hashes of the columns' texts */
    struct dr_node *out;     /* a list, to be filled */
    struct counted *list;    /* owned: the n entries that are shown, in their order */
    int64_t n;
};

struct counter {
    const struct dr_eval *e;
    struct counted *list;        /* distinct values, by their first row; n of room */
    int64_t n, room, left, lone; /* lone: rows that equal nothing */
    int64_t *slot;               /* open-addressed: index into list + 1, or 0 */
    uint64_t slots;
};

/* Of a sample, the unexpected rows of batches, a column may have missing values alone where the whole has
 * numbers. */
static bool has_numbers(const struct dr_eval *e, const struct dr_source *s)
{
    bool typed = s->type == DR_TYPE_INT64 || s->type == DR_TYPE_FLOAT64 || s->type == DR_TYPE_DECIMAL;
    return is_number(s) || (s->class == DR_CLASS_EMPTY && typed && e->plan->opts->tallies &&
                            e->check->unexpected_count < e->check->element_count);
}

/* A missing number equals nothing, not even another missing one, as NaN does
 * not in Great Expectations. */
static bool equals_nothing(const struct dr_eval *e, int64_t row)
{
    for (int32_t k = 0; k < e->n_columns; k++) {
        const struct dr_source *s = e->columns[k];
        if (s->null && has_numbers(e, s) && dr_row_get(s->null, row))
            return true;
    }
    return false;
}

static bool same_values(const struct dr_eval *e, int64_t x, int64_t y)
{
    for (int32_t k = 0; k < e->n_columns; k++)
        if (!dr_source_same(e->columns[k], x, y))
            return false;
    return true;
}

static int64_t *slot_of(const struct counter *c, uint64_t hash, int64_t row, bool exact)
{
    uint64_t at = hash & (c->slots - 1);
    for (; c->slot[at]; at = (at + 1) & (c->slots - 1)) {
        const struct counted *known = &c->list[c->slot[at] - 1];
        if (known->hash == hash && (exact || same_values(c->e, known->row, row)))
            break;
    }
    return &c->slot[at];
}

static void grow_slots(struct counter *c)
{
    free(c->slot);
    c->slots = c->slots ? c->slots * 4 : 256;
    c->slot = dr_calloc(c->slots, sizeof *c->slot);
    for (int64_t k = 0; k < c->n; k++) {
        uint64_t at = c->list[k].hash & (c->slots - 1);
        while (c->slot[at])
            at = (at + 1) & (c->slots - 1);
        c->slot[at] = k + 1;
    }
}

static int64_t add_entry(struct counter *c, int64_t row, uint64_t hash, int64_t count)
{
    if (c->n == c->room) {
        c->room = c->room * 2 + 64;
        c->list = dr_realloc(c->list, (size_t)c->room * sizeof *c->list);
    }
    c->list[c->n] = (struct counted){ row, count, c->n, hash, c->e };
    return ++c->n;
}

static void count_row(void *ctx, int64_t row, uint64_t hash, bool exact)
{
    struct counter *c = ctx;
    if (c->left-- <= 0)
        return;
    if (equals_nothing(c->e, row)) {
        if (c->lone++ < c->e->format.partial)
            (void)add_entry(c, row, hash, 1);
        return;
    }
    if ((uint64_t)c->n * 2 >= c->slots)
        grow_slots(c);
    int64_t *slot = slot_of(c, hash, row, exact);
    if (!*slot)
        *slot = add_entry(c, row, hash, 0);
    c->list[*slot - 1].count++;
}

/* ---- counting where all columns have codes ---- */

#define KEYS_MAX (INT64_C(1) << 20) /* combinations of codes: so many have an entry each */
#define ROWS_AT_ONCE 1024           /* whose codes are on their way together */

/* Rows by number, their codes as one number, and by that number an index into the list + 1. */
struct keyed {
    struct counter *c;
    int32_t *entry;
    bool lone; /* some value may equal nothing */
    int64_t n, row[ROWS_AT_ONCE], key[ROWS_AT_ONCE];
};

/* How many combinations of codes and missing values there can be, or 0: too many, or no codes. */
static int64_t combinations(const struct dr_eval *e)
{
    int64_t all = e->n_columns > 0;
    for (int32_t k = 0; k < e->n_columns; k++)
        if (!e->columns[k]->codes || __builtin_mul_overflow(all, e->columns[k]->codes->n + 1, &all) ||
            all > KEYS_MAX)
            return 0;
    return all;
}

static void add_codes(struct keyed *k, const struct dr_source *s)
{
    int32_t hint = 0;
    int64_t from = 0, to = 0, missing = s->codes->n; /* rows of the chunk at hand */
    const int32_t *codes = NULL;
    for (int64_t i = 0; i < k->n; i++) {
        int64_t row = k->row[i], at;
        if (row >= to) {
            const struct dr_array *a = dr_column_at(s->raw, row, &hint, &at);
            codes = a->values;
            from = row - at;
            to = from + a->n;
        }
        bool null = s->null && dr_row_get(s->null, row);
        k->key[i] = k->key[i] * (missing + 1) + (null ? missing : codes[row - from]);
    }
}

static void count_keys(struct keyed *k)
{
    struct counter *c = k->c;
    for (int32_t i = 0; i < c->e->n_columns; i++)
        add_codes(k, c->e->columns[i]);
    for (int64_t i = 0; i < k->n; i++) {
        int32_t *entry = &k->entry[k->key[i]];
        if (k->lone && equals_nothing(c->e, k->row[i])) {
            if (c->lone++ < c->e->format.partial)
                (void)add_entry(c, k->row[i], 0, 1);
            continue;
        }
        if (!*entry)
            *entry = (int32_t)add_entry(c, k->row[i], 0, 0);
        c->list[*entry - 1].count++;
    }
    memset(k->key, 0, sizeof k->key);
    k->n = 0;
}

/* Of one column whose unexpected rows have been met with before. */
static void count_code(void *ctx, int64_t row, int32_t code)
{
    struct keyed *k = ctx;
    if (k->c->left-- <= 0)
        return;
    if (!k->entry[code])
        k->entry[code] = (int32_t)add_entry(k->c, row, 0, 0);
    k->c->list[k->entry[code] - 1].count++;
}

static void count_by_codes(struct counter *c, const struct dr_odd_rows *odd, const uint64_t *unexpected,
                           int64_t combos)
{
    int64_t rows = c->e->plan->table->rows;
    DR_AUTO_FREE int32_t *entry = dr_calloc((size_t)combos, sizeof *entry);
    DR_AUTO_FREE struct keyed *k = dr_calloc(1, sizeof *k);
    *k = (struct keyed){ .c = c, .entry = entry };
    if (c->e->n_columns == 1 && dr_codes_each_known(c->e->columns[0], odd, unexpected, count_code, k))
        return;
    for (int32_t i = 0; i < c->e->n_columns; i++)
        k->lone |= c->e->columns[i]->null && has_numbers(c->e, c->e->columns[i]);
    for (int64_t w = 0; w < dr_words(rows) && c->left > 0; w++)
        for (uint64_t bits = unexpected[w]; bits && c->left > 0; bits &= bits - 1, c->left--) {
            k->row[k->n++] = w * 64 + __builtin_ctzll(bits);
            if (k->n == ROWS_AT_ONCE)
                count_keys(k);
        }
    count_keys(k);
}

/* Without those that occur once, but for the first `keep` of them: no more can be shown. */
static int64_t drop_lone(struct counted *list, int64_t n, int64_t keep)
{
    int64_t left = 0;
    for (int64_t k = 0; k < n; k++)
        if (list[k].count > 1 || keep-- > 0)
            list[left++] = list[k];
    return left;
}

/* Distinct unexpected values, in order of appearance. */
static int64_t count_values(const struct dr_counting *counting, struct counted **ret)
{
    const struct dr_eval *e = &counting->e;
    const uint64_t *unexpected = (const uint64_t *)(const void *)e->check->unexpected;
    struct counter c = { .e = e, .left = e->check->unexpected_count };
    if (e->format.level != DR_RESULT_COMPLETE && c.left > DR_COUNTED_ROWS_MAX)
        c.left = DR_COUNTED_ROWS_MAX;
    int64_t combos = combinations(e);
    if (combos)
        count_by_codes(&c, counting->odd, unexpected, combos);
    else
        dr_each_hash(e->plan, e->n_columns, e->columns, counting->kept, unexpected, count_row, &c);
    free(c.slot);
    *ret = c.list;
    return drop_lone(c.list, c.n, e->format.partial);
}

/* ---- beside the next checks ---- */

static void sort_values(struct counted *list, int64_t n, int64_t shown)
{
    if (n > 1)
        qsort(list, (size_t)n, sizeof *list, most_common);
    if (shown <= PYTHON_SHORT)
        sort_as_python(list, shown);
    else
        qsort(list, (size_t)shown, sizeof *list, by_count_and_value);
}

static void count_for_check(void *ctx)
{
    struct dr_counting *c = ctx;
    int64_t n = count_values(c, &c->list);
    c->n = n < c->e.format.partial ? n : c->e.format.partial;
    sort_values(c->list, n, c->n);
    c->list = dr_realloc(c->list, (size_t)c->n * sizeof *c->list + 1);
}

static void show_values(struct dr_counting *c)
{
    struct dr_arena *a = c->e.arena;
    for (int64_t i = 0; i < c->n; i++) {
        struct dr_node *entry = dr_node_new(a, DR_NODE_MAP);
        dr_node_set(a, entry, DR_LIT("value"), dr_eval_row_value(&c->e, c->list[i].row, true));
        dr_node_set(a, entry, DR_LIT("count"), dr_node_new_int(a, c->list[i].count));
        dr_node_add(a, c->out, entry);
    }
    free(c->list);
}

struct dr_node *dr_eval_value_counts(struct dr_eval *e)
{
    struct dr_plan *p = e->plan;
    struct dr_node *out = dr_node_new(e->arena, DR_NODE_LIST);
    if (e->check->unexpected_count <= 0 || e->format.partial == 0)
        return out;
    struct dr_counting *c = DR_NEW(&p->scratch, struct dr_counting);
    *c = (struct dr_counting){ .next = p->countings, .job = { .fn = count_for_check, .ctx = c }, .e = *e };
    c->odd = e->n_columns == 1 ? dr_codes_odd(e->columns[0]) : NULL;
    c->kept = dr_hashes_kept(e->n_columns, e->columns);
    c->out = out;
    p->countings = c;
    dr_pool_later(&c->job);
    return out;
}

void dr_plan_count_values(struct dr_plan *p)
{
    for (struct dr_counting *c = p->countings; c; c = c->next) {
        dr_pool_finish(&c->job);
        show_values(c);
        dr_odd_unref(c->odd);
    }
    p->countings = NULL;
}
