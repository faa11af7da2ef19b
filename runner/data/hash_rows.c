/* hash_rows.c - numbering rows by key.
 *
 * A row's key is one 64-bit word (row_keys.h); where it needs several, the words
 * are merged two at a time: each is numbered by its distinct values, and two
 * numbers of 32 bits are a word again. Numbering one word is done
 *
 *   - by a table with an entry for every possible word, where words are short;
 *   - by one hash table, where rows are few;
 *   - else by partitions. Rows are split by their word's hash into partitions
 *     whose tables fit the cache, each is numbered on its own and on any thread,
 *     and then the groups are renumbered by their first row. That takes no sort:
 *     mark the first rows in a bitmap; the number of marks before a row is the
 *     number of its group. */
#include "data/hash_rows.h"
#include "data/pool.h"
#include "data/row_keys.h"
#include "data/word_map.h"

#define DIRECT_BITS 22
#define PARTITION_ROWS (1 << 18) /* from here on partitions pay */
#define PARTITION_BITS 8
#define PARTITIONS (1 << PARTITION_BITS)
#define RESERVE_MAX (1 << 16)
#define NO_GROUP UINT32_MAX

/* Words to number; the result goes to groups. */
struct numbering {
    const uint64_t *word;
    int32_t bits;
    struct dr_groups *groups;
};

static void start_groups(struct dr_groups *g, int64_t rows)
{
    *g = (struct dr_groups){ .rows = rows };
    g->id = dr_malloc((size_t)rows * sizeof *g->id);
}

void dr_groups_done(struct dr_groups *g)
{
    free(g->id);
    free(g->first);
    *g = (struct dr_groups){ 0 };
}

static void add_group(struct dr_groups *g, uint32_t *cap, int64_t row)
{
    if (g->n == *cap) {
        *cap = *cap ? *cap * 2 : 64;
        g->first = dr_realloc(g->first, (size_t)*cap * sizeof *g->first);
    }
    g->first[g->n++] = (uint32_t)row;
}

static void number_directly(const struct numbering *w)
{
    struct dr_groups *g = w->groups;
    size_t entries = (size_t)1 << w->bits;
    uint32_t cap = 0;
    DR_AUTO_FREE uint32_t *number = dr_malloc(entries * sizeof *number);
    memset(number, 0xff, entries * sizeof *number);
    for (int64_t row = 0; row < g->rows; row++) {
        uint32_t *at = &number[w->word[row]];
        if (*at == NO_GROUP) {
            *at = g->n;
            add_group(g, &cap, row);
        }
        g->id[row] = *at;
    }
}

static void number_by_hash(const struct numbering *w)
{
    struct dr_groups *g = w->groups;
    struct dr_word_map seen = { 0 };
    uint32_t cap = 0;
    for (int64_t row = 0; row < g->rows; row++) {
        g->id[row] = dr_word_map_put(&seen, w->word[row]);
        if (g->id[row] == g->n)
            add_group(g, &cap, row);
    }
    dr_word_map_done(&seen);
}

/* ---- partitions ------------------------------------------------------------------ */

struct partitions {
    const struct numbering *w;
    int64_t blocks; /* of DR_CHUNK_ROWS rows */
    uint32_t *at;   /* blocks x PARTITIONS: counts, then where each goes */
    uint64_t start[PARTITIONS + 1];
    uint64_t *word;         /* rows, by partition */
    uint32_t *row;          /* the row of each */
    uint32_t *local;        /* its group within the partition */
    uint32_t *first;        /* from start[p]: first row of p's groups */
    uint32_t n[PARTITIONS]; /* groups of each */
    uint64_t *is_first;     /* bitmap of rows */
    uint32_t *before;       /* marks before each 64 rows */
};

static inline uint32_t partition_of(uint64_t word)
{
    return (uint32_t)(dr_word_hash(word) >> (64 - PARTITION_BITS));
}

static int64_t block_end(const struct partitions *p, int64_t block)
{
    int64_t end = (block + 1) * DR_CHUNK_ROWS;
    return end < p->w->groups->rows ? end : p->w->groups->rows;
}

static void count_block(void *ctx, int64_t block)
{
    struct partitions *p = ctx;
    uint32_t *count = p->at + block * PARTITIONS;
    for (int64_t row = block * DR_CHUNK_ROWS; row < block_end(p, block); row++)
        count[partition_of(p->w->word[row])]++;
}

/* Counts become the place where each block writes into each partition. */
static void place_blocks(struct partitions *p)
{
    uint32_t at = 0;
    for (int32_t part = 0; part < PARTITIONS; part++) {
        p->start[part] = at;
        for (int64_t block = 0; block < p->blocks; block++) {
            uint32_t *slot = &p->at[block * PARTITIONS + part];
            uint32_t count = *slot;
            *slot = at;
            at += count;
        }
    }
    p->start[PARTITIONS] = at;
}

static void scatter_block(void *ctx, int64_t block)
{
    struct partitions *p = ctx;
    uint32_t *at = p->at + block * PARTITIONS;
    for (int64_t row = block * DR_CHUNK_ROWS; row < block_end(p, block); row++) {
        uint32_t to = at[partition_of(p->w->word[row])]++;
        p->word[to] = p->w->word[row];
        p->row[to] = (uint32_t)row;
    }
}

static void number_partition(void *ctx, int64_t part)
{
    struct partitions *p = ctx;
    struct dr_word_map seen = { 0 };
    uint64_t entries = p->start[part + 1] - p->start[part];
    uint32_t n = 0;
    dr_word_map_reserve(&seen, entries < RESERVE_MAX ? entries : RESERVE_MAX);
    for (uint64_t i = p->start[part]; i < p->start[part + 1]; i++) {
        p->local[i] = dr_word_map_put(&seen, p->word[i]);
        if (p->local[i] == n)
            p->first[p->start[part] + n++] = p->row[i];
    }
    p->n[part] = n;
    dr_word_map_done(&seen);
}

static void mark_first_rows(struct partitions *p)
{
    struct dr_groups *g = p->w->groups;
    int64_t words = (g->rows + 63) / 64;
    p->is_first = dr_calloc((size_t)words, sizeof *p->is_first);
    p->before = dr_malloc(((size_t)words + 1) * sizeof *p->before);
    for (int32_t part = 0; part < PARTITIONS; part++) {
        const uint32_t *first = p->first + p->start[part];
        for (uint32_t i = 0; i < p->n[part]; i++)
            p->is_first[first[i] / 64] |= UINT64_C(1) << first[i] % 64;
    }
    p->before[0] = 0;
    for (int64_t i = 0; i < words; i++)
        p->before[i + 1] = p->before[i] + (uint32_t)__builtin_popcountll(p->is_first[i]);
    g->n = p->before[words];
    g->first = dr_malloc((size_t)g->n * sizeof *g->first);
}

/* The number of the group whose first row this is: the marks before it. */
static uint32_t number_of(const struct partitions *p, uint32_t row)
{
    uint64_t below = p->is_first[row / 64] & ((UINT64_C(1) << row % 64) - 1);
    return p->before[row / 64] + (uint32_t)__builtin_popcountll(below);
}

static void renumber_partition(void *ctx, int64_t part)
{
    struct partitions *p = ctx;
    struct dr_groups *g = p->w->groups;
    uint32_t *first = p->first + p->start[part];
    for (uint32_t i = 0; i < p->n[part]; i++) {
        uint32_t id = number_of(p, first[i]);
        g->first[id] = first[i];
        first[i] = id;
    }
    for (uint64_t i = p->start[part]; i < p->start[part + 1]; i++)
        g->id[p->row[i]] = first[p->local[i]];
}

static void number_by_partition(const struct numbering *w)
{
    size_t rows = (size_t)w->groups->rows;
    struct partitions p = { .w = w, .blocks = (w->groups->rows + DR_CHUNK_ROWS - 1) / DR_CHUNK_ROWS };
    p.at = dr_calloc((size_t)p.blocks * PARTITIONS, sizeof *p.at);
    p.word = dr_malloc(rows * sizeof *p.word);
    p.row = dr_malloc(rows * sizeof *p.row);
    dr_pool_run(p.blocks, count_block, &p);
    place_blocks(&p);
    dr_pool_run(p.blocks, scatter_block, &p);
    p.local = dr_malloc(rows * sizeof *p.local);
    p.first = dr_malloc(rows * sizeof *p.first);
    dr_pool_run(PARTITIONS, number_partition, &p);
    mark_first_rows(&p);
    dr_pool_run(PARTITIONS, renumber_partition, &p);
    free(p.at);
    free(p.word);
    free(p.row);
    free(p.local);
    free(p.first);
    free(p.is_first);
    free(p.before);
}

static void number_words(const uint64_t *word, int32_t bits, int64_t rows, struct dr_groups *ret)
{
    struct numbering w = { .word = word, .bits = bits, .groups = ret };
    start_groups(ret, rows);
    if (bits <= DIRECT_BITS && (INT64_C(1) << bits) <= rows * 8 + 1024)
        number_directly(&w);
    else if (rows < PARTITION_ROWS)
        number_by_hash(&w);
    else
        number_by_partition(&w);
}

/* ---- several words ----------------------------------------------------------------- */

static int32_t bits_for(uint32_t n)
{
    return n > 1 ? 32 - __builtin_clz(n - 1) : 0;
}

/* Number the pairs (group, word); g is replaced. */
static void merge_word(struct dr_groups *g, uint64_t *word, int32_t bits)
{
    struct dr_groups finer = { 0 }, other = { 0 };
    if (bits_for(g->n) + bits > 64) {
        number_words(word, bits, g->rows, &other);
        bits = bits_for(other.n);
        for (int64_t row = 0; row < g->rows; row++)
            word[row] = other.id[row];
        dr_groups_done(&other);
    }
    for (int64_t row = 0; row < g->rows; row++)
        word[row] |= bits < 64 ? (uint64_t)g->id[row] << bits : 0;
    number_words(word, bits + bits_for(g->n), g->rows, &finer);
    dr_groups_done(g);
    *g = finer;
}

static void one_group(struct dr_groups *g, int64_t rows)
{
    start_groups(g, rows);
    g->n = 1;
    g->first = dr_calloc(1, sizeof *g->first);
    memset(g->id, 0, (size_t)rows * sizeof *g->id);
}

static int32_t check_rows(int64_t rows, struct dr_err *err)
{
    if (rows < (int64_t)NO_GROUP)
        return DR_OK;
    return dr_fail(err, DR_ELIMIT, "%lld rows are more than keys can be numbered for (%lld)", (long long)rows,
                   (long long)NO_GROUP - 1);
}

int32_t dr_groups_init(struct dr_groups *g, int64_t rows, int32_t n, const struct dr_column *const *columns,
                       struct dr_err *err)
{
    struct dr_row_keys keys;
    DR_TRY(check_rows(rows, err));
    dr_row_keys_init(&keys, n, columns, NULL, false);
    if (n > 0 && rows == 0)
        start_groups(g, 0);
    else if (keys.n == 0)
        one_group(g, rows);
    else
        number_words(keys.word[0], keys.bits[0], rows, g);
    for (int32_t w = 1; w < keys.n && rows; w++)
        merge_word(g, keys.word[w], keys.bits[w]);
    dr_row_keys_done(&keys);
    return DR_OK;
}

int32_t dr_groups_refine(struct dr_groups *ret, const struct dr_groups *g, const struct dr_column *c,
                         struct dr_err *err)
{
    struct dr_row_keys keys;
    DR_TRY(check_rows(g->rows, err));
    start_groups(ret, g->rows);
    ret->n = g->n;
    memcpy(ret->id, g->id, (size_t)g->rows * sizeof *g->id);
    ret->first = dr_malloc((size_t)g->n * sizeof *g->first);
    if (g->n)
        memcpy(ret->first, g->first, (size_t)g->n * sizeof *g->first);
    dr_row_keys_init(&keys, 1, &c, NULL, false);
    for (int32_t w = 0; w < keys.n && g->rows; w++)
        merge_word(ret, keys.word[w], keys.bits[w]);
    dr_row_keys_done(&keys);
    return DR_OK;
}
