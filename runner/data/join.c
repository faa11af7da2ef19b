/* join.c - rows of two tables with equal keys.
 *
 * The keys of both tables are stacked and numbered together (hash_rows.h), which
 * makes one code space for both sides, whatever dictionaries they had; keys of
 * a different type never meet silently but are refused. The right rows are then
 * laid out by number, and each left row finds its partners in a slice of that
 * list. Blocks of left rows count their pairs, and then list them in their place,
 * on all threads. Rows with a missing key take part on the left only, without partners. */
#include "data/hash_rows.h"
#include "data/pool.h"

#define MAX_ROWS (INT64_C(1) << 32)

struct join {
    const struct dr_table *left, *right;
    int32_t n_keys;
    const struct dr_column **left_keys, **right_keys; /* n_keys each */
    const char *const *right_names;                   /* of right_keys */
    struct dr_groups g;                               /* left's rows, then right's */
    uint8_t *keyless;                                 /* bitmap of those rows: a key is missing */
    uint32_t *start;                                  /* g.n + 1: each number's slice of rights */
    uint32_t *rights;                                 /* right rows by number, ascending within one */
};

/* ---- keys ---------------------------------------------------------------------------- */

static int32_t check_key(const struct dr_column *l, const struct dr_column *r, const char *left_name,
                         const char *right_name, struct dr_err *err)
{
    bool same = l->type == r->type || (dr_column_is_text(l) && dr_column_is_text(r));
    if (!same)
        return dr_fail(err, DR_EINPUT,
                       "join: key '%s' is %s, key '%s' of the right table is %s; cast one first", left_name,
                       dr_type_name(l->type), right_name, dr_type_name(r->type));
    if (l->scale != r->scale || l->zoned != r->zoned)
        return dr_fail(err, DR_EINPUT, "join: keys '%s' and '%s' differ in %s", left_name, right_name,
                       l->type == DR_TYPE_DECIMAL ? "scale" : "time zone");
    return DR_OK;
}

static int32_t find_keys(struct join *j, const char *const *left_names, const char *const *right_names,
                         struct dr_err *err)
{
    for (int32_t i = 0; i < j->n_keys; i++) {
        DR_TRY(dr_table_need(j->left, left_names[i], "join, left table", &j->left_keys[i], err));
        DR_TRY(dr_table_need(j->right, right_names[i], "join, right table", &j->right_keys[i], err));
        DR_TRY(check_key(j->left_keys[i], j->right_keys[i], left_names[i], right_names[i], err));
    }
    return DR_OK;
}

/* One key column of both sides, left's rows first; texts as DICT. */
static int32_t stack_key(const struct dr_column *l, const struct dr_column *r, struct dr_column **ret,
                         struct dr_err *err)
{
    static const char *const name[] = { "key" };
    struct dr_column *codes[2] = { dr_column_dict(l), dr_column_dict(r) };
    struct dr_table *side[2] = { dr_table_adopt(1, name, &codes[0]), dr_table_adopt(1, name, &codes[1]) };
    struct dr_table *both = NULL;
    int32_t rc = dr_table_concat(2, (const struct dr_table *const *)side, &both, err);
    if (!rc)
        *ret = dr_column_ref(both->columns[0]);
    dr_table_unref(both);
    dr_table_unref(side[0]);
    dr_table_unref(side[1]);
    return rc;
}

static void mark_missing(const struct dr_column *c, uint8_t *keyless)
{
    for (int32_t k = 0; k < c->n; k++) {
        const struct dr_array *a = c->chunk[k];
        for (int64_t i = 0; a->nulls && i < a->n; i++)
            if (a->type == DR_TYPE_NULL || !dr_array_valid(a, i))
                dr_bit_set(keyless, c->start[k] + i);
    }
}

static int32_t number_keys(struct join *j, struct dr_err *err)
{
    int64_t rows = j->left->rows + j->right->rows;
    struct dr_column **keys = dr_calloc((size_t)j->n_keys, sizeof(struct dr_column *));
    int32_t rc = DR_OK;
    j->keyless = dr_calloc((size_t)rows / 8 + 1, 1);
    for (int32_t i = 0; i < j->n_keys && !rc; i++) {
        rc = stack_key(j->left_keys[i], j->right_keys[i], &keys[i], err);
        if (!rc)
            mark_missing(keys[i], j->keyless);
    }
    struct dr_key_spec spec = { .rows = rows,
                                .n = j->n_keys,
                                .columns = (const struct dr_column *const *)keys };
    if (!rc)
        rc = dr_groups_init(&j->g, &spec, err);
    for (int32_t i = 0; i < j->n_keys; i++)
        dr_column_unref(keys[i]);
    free(keys);
    return rc;
}

/* ---- partners ------------------------------------------------------------------------- */

static void lay_out_rights(struct join *j)
{
    const uint32_t *id = j->g.id + j->left->rows;
    j->start = dr_calloc((size_t)j->g.n + 2, sizeof *j->start);
    j->rights = dr_malloc((size_t)j->right->rows * sizeof *j->rights);
    /* Counts go two places on, so that filling moves each start to its place. */
    uint32_t *next = j->start + 1;
    for (int64_t row = 0; row < j->right->rows; row++)
        if (!dr_bit(j->keyless, j->left->rows + row))
            next[id[row] + 1]++;
    for (uint32_t i = 0; i < j->g.n; i++)
        next[i + 1] += next[i];
    for (int64_t row = 0; row < j->right->rows; row++)
        if (!dr_bit(j->keyless, j->left->rows + row))
            j->rights[next[id[row]]++] = (uint32_t)row;
}

/* The partners of a left row: rights[*from, *until). */
static inline bool partners(const struct join *j, int64_t row, uint32_t *from, uint32_t *until)
{
    *from = *until = 0;
    if (dr_bit(j->keyless, row))
        return false;
    *from = j->start[j->g.id[row]];
    *until = j->start[j->g.id[row] + 1];
    return *from < *until;
}

static int64_t block_end(const struct join *j, int64_t block)
{
    int64_t end = (block + 1) * DR_CHUNK_ROWS;
    return end < j->left->rows ? end : j->left->rows;
}

static int64_t left_blocks(const struct join *j)
{
    return (j->left->rows + DR_CHUNK_ROWS - 1) / DR_CHUNK_ROWS;
}

/* ---- semi and anti ------------------------------------------------------------------------ */

struct marking {
    const struct join *j;
    bool with_partner;
    uint8_t *stay;
};

static void mark_block(void *ctx, int64_t block)
{
    const struct marking *m = ctx;
    for (int64_t row = block * DR_CHUNK_ROWS; row < block_end(m->j, block); row++) {
        uint32_t from, until;
        if (partners(m->j, row, &from, &until) == m->with_partner)
            dr_bit_set(m->stay, row);
    }
}

static int32_t filter_left(const struct join *j, bool with_partner, struct dr_table **ret, struct dr_err *err)
{
    DR_AUTO_FREE uint8_t *stay = dr_calloc((size_t)j->left->rows / 8 + 1, 1);
    struct marking m = { .j = j, .with_partner = with_partner, .stay = stay };
    dr_pool_run(left_blocks(j), mark_block, &m);
    return dr_table_filter(j->left, stay, ret, err);
}

/* ---- pairs ---------------------------------------------------------------------------------- */

/* Pairs of rows, listed block by block of left's rows. */
struct pairs {
    const struct join *j;
    bool keep_left; /* rows of left without partner make a pair with row -1 */
    int64_t n;
    int64_t *before;     /* by block: pairs of the blocks before it */
    atomic_bool not_one; /* some row of left makes no pair, or several */
    struct dr_scratch lefts, rights;
};

static void count_block(void *ctx, int64_t block)
{
    struct pairs *p = ctx;
    int64_t n = 0;
    bool one_each = true;
    for (int64_t row = block * DR_CHUNK_ROWS; row < block_end(p->j, block); row++) {
        uint32_t from, until;
        int64_t mine = partners(p->j, row, &from, &until) ? until - from : p->keep_left;
        one_each &= mine == 1;
        n += mine;
    }
    p->before[block + 1] = n;
    if (!one_each)
        atomic_store_explicit(&p->not_one, true, memory_order_relaxed);
}

static void list_block(void *ctx, int64_t block)
{
    struct pairs *p = ctx;
    int64_t *left = (int64_t *)p->lefts.p + p->before[block],
            *right = (int64_t *)p->rights.p + p->before[block];
    for (int64_t row = block * DR_CHUNK_ROWS; row < block_end(p->j, block); row++) {
        uint32_t from, until;
        if (!partners(p->j, row, &from, &until) && p->keep_left) {
            *left++ = row;
            *right++ = -1;
        }
        for (; from < until; from++) {
            *left++ = row;
            *right++ = p->j->rights[from];
        }
    }
    size_t bytes = (size_t)(p->before[block + 1] - p->before[block]) * sizeof(int64_t);
    dr_scratch_touched(&p->lefts, bytes);
    dr_scratch_touched(&p->rights, bytes);
}

static int32_t count_pairs(struct pairs *p, struct dr_err *err)
{
    int64_t blocks = left_blocks(p->j);
    p->before = dr_calloc((size_t)blocks + 1, sizeof *p->before);
    dr_pool_run(blocks, count_block, p);
    for (int64_t b = 0; b < blocks && p->before[b] < MAX_ROWS; b++)
        p->before[b + 1] += p->before[b];
    for (int64_t b = 0; b <= blocks; b++)
        p->n = p->before[b] > p->n ? p->before[b] : p->n;
    if (p->n < MAX_ROWS)
        return DR_OK;
    return dr_fail(err, DR_ELIMIT,
                   "join: the result would have more than %lld rows; are the keys the right ones?",
                   (long long)MAX_ROWS);
}

static int32_t list_pairs(struct pairs *p, struct dr_err *err)
{
    DR_TRY(count_pairs(p, err));
    DR_TRY(dr_scratch_get(&p->lefts, (size_t)p->n * sizeof(int64_t), err));
    DR_TRY(dr_scratch_get(&p->rights, (size_t)p->n * sizeof(int64_t), err));
    dr_pool_run(left_blocks(p->j), list_block, p);
    return DR_OK;
}

static void pairs_done(struct pairs *p)
{
    free(p->before);
    dr_scratch_done(&p->lefts);
    dr_scratch_done(&p->rights);
}

/* ---- the result ------------------------------------------------------------------------ */

static bool is_right_key(const struct join *j, const char *name)
{
    for (int32_t i = 0; i < j->n_keys; i++)
        if (dr_streq(j->right_names[i], name))
            return true;
    return false;
}

/* Left's column as the pairs have it: the same where each row makes one pair. */
static struct dr_column *left_column(const struct pairs *p, const struct dr_column *c)
{
    return p->not_one ? dr_column_take(c, p->n, p->lefts.p) : dr_column_ref(c);
}

/* left's columns, then those of right that are no keys. */
static int32_t join_columns(const struct pairs *p, struct dr_table **ret, struct dr_err *err)
{
    DR_AUTO_ARENA arena = { 0 };
    const struct join *j = p->j;
    size_t room = (size_t)j->left->n + (size_t)j->right->n;
    struct dr_column **columns = dr_arena_array(&arena, room, sizeof(struct dr_column *));
    const char **names = dr_arena_array(&arena, room, sizeof(char *));
    int32_t count = 0;
    for (int32_t i = 0; i < j->left->n; i++) {
        names[count] = j->left->names[i];
        columns[count++] = left_column(p, j->left->columns[i]);
    }
    for (int32_t i = 0; i < j->right->n; i++) {
        const char *name = j->right->names[i];
        if (is_right_key(j, name))
            continue;
        names[count] = dr_table_find(j->left, name) < 0 ? name : dr_arena_printf(&arena, "%s_right", name);
        columns[count++] = dr_column_take(j->right->columns[i], p->n, p->rights.p);
    }
    int32_t rc = dr_table_new(count, names, (const struct dr_column *const *)columns, ret, err);
    for (int32_t i = 0; i < count; i++)
        dr_column_unref(columns[i]);
    return rc;
}

static int32_t pair_rows(const struct join *j, bool keep_left, struct dr_table **ret, struct dr_err *err)
{
    struct pairs p = { .j = j, .keep_left = keep_left };
    int32_t rc = list_pairs(&p, err);
    if (!rc)
        rc = join_columns(&p, ret, err);
    pairs_done(&p);
    return rc;
}

static int32_t run_join(struct join *j, int32_t how, struct dr_table **ret, struct dr_err *err)
{
    DR_TRY(number_keys(j, err));
    lay_out_rights(j);
    if (how == DR_JOIN_SEMI || how == DR_JOIN_ANTI)
        return filter_left(j, how == DR_JOIN_SEMI, ret, err);
    return pair_rows(j, how == DR_JOIN_LEFT, ret, err);
}

int32_t dr_table_join(const struct dr_table *left, const struct dr_table *right, int32_t n_keys,
                      const char *const *left_keys, const char *const *right_keys, int32_t how,
                      struct dr_table **ret, struct dr_err *err)
{
    struct join j = { .left = left, .right = right, .n_keys = n_keys, .right_names = right_keys };
    if (n_keys < 1)
        return dr_fail(err, DR_EINPUT, "join: at least one key is needed");
    if (how < DR_JOIN_INNER || how > DR_JOIN_ANTI)
        return dr_fail(err, DR_EINPUT, "join: %d is no kind of join", (int)how);
    j.left_keys = dr_malloc((size_t)n_keys * sizeof(struct dr_column *));
    j.right_keys = dr_malloc((size_t)n_keys * sizeof(struct dr_column *));
    int32_t rc = find_keys(&j, left_keys, right_keys, err);
    if (!rc)
        rc = run_join(&j, how, ret, err);
    dr_groups_done(&j.g);
    free(j.keyless);
    free(j.start);
    free(j.rights);
    free(j.left_keys);
    free(j.right_keys);
    return rc;
}
