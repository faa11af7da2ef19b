/* sort.c - stable sort by several keys, whole or its first rows only.
 *
 * Keys become words that compare as rows do (row_keys.h). Rows are first split by
 * the highest bits of their keys into partitions, which follow each other in the
 * result, and each partition is then sorted on its own, in cache and on any
 * thread: radix sort from the least significant byte of the least significant
 * word, passing over bytes in which all keys of the partition agree. No
 * comparison, and no text touched after dictionaries were ranked. Where only the
 * first rows are wanted, partitions past them are left out. */
#include "data/sort.h"
#include "data/hash_rows.h"
#include "data/partition.h"

struct entry {
    uint64_t word;
    uint32_t at; /* within the partition */
};

struct sorting {
    struct dr_parts parts;
    int64_t limit;
    int64_t *order;
};

/* What one thread needs for its partitions. */
struct sort_room {
    struct entry *e, *spare; /* owned: room of each */
    uint64_t room;
};

/* ---- words ------------------------------------------------------------------------ */

/* The bits in which words differ; whether they ascend already. */
static uint64_t varying_bits(const struct entry *e, uint64_t n, bool *ret_ordered)
{
    uint64_t varies = 0;
    bool ordered = true;
    for (uint64_t i = 1; i < n; i++) {
        varies |= e[i].word ^ e[0].word;
        ordered &= e[i - 1].word <= e[i].word;
    }
    *ret_ordered = ordered;
    return varies;
}

static void radix_pass(const struct entry *from, struct entry *to, uint64_t n, int32_t shift)
{
    uint32_t at[256] = { 0 }, sum = 0;
    for (uint64_t i = 0; i < n; i++)
        at[from[i].word >> shift & 255]++;
    for (int32_t b = 0; b < 256; b++) {
        uint32_t count = at[b];
        at[b] = sum;
        sum += count;
    }
    for (uint64_t i = 0; i < n; i++)
        to[at[from[i].word >> shift & 255]++] = from[i];
}

static void insertion_sort(struct entry *e, uint64_t n)
{
    for (uint64_t i = 1; i < n; i++) {
        struct entry v = e[i];
        uint64_t to = i;
        for (; to > 0 && e[to - 1].word > v.word; to--)
            e[to] = e[to - 1];
        e[to] = v;
    }
}

/* Stable by word; the sorted entries are in room->e. */
static void sort_word(struct sort_room *room, uint64_t n)
{
    bool ordered;
    uint64_t varies = varying_bits(room->e, n, &ordered);
    if (ordered)
        return;
    if (n < 48) {
        insertion_sort(room->e, n);
        return;
    }
    for (int32_t shift = 0; shift < 64; shift += 8) {
        if (!(varies >> shift & 255))
            continue;
        radix_pass(room->e, room->spare, n, shift);
        struct entry *swap = room->e;
        room->e = room->spare;
        room->spare = swap;
    }
}

/* ---- partitions --------------------------------------------------------------------- */

static void make_room(struct sort_room *room, uint64_t n)
{
    if (n <= room->room)
        return;
    free(room->e);
    free(room->spare);
    room->room = n + n / 4;
    room->e = dr_malloc(room->room * sizeof *room->e);
    room->spare = dr_malloc(room->room * sizeof *room->spare);
}

static void load_narrow(struct sort_room *room, const uint64_t *entry, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        room->e[i] = (struct entry){ entry[i] >> 32, (uint32_t)i };
}

static void sort_part(const struct sorting *s, struct sort_room *room, int64_t part)
{
    const struct dr_parts *p = &s->parts;
    uint64_t from = p->start[part], n = p->start[part + 1] - from;
    make_room(room, n);
    if (p->narrow) {
        load_narrow(room, (const uint64_t *)p->entry.p + from, n);
        sort_word(room, n);
    } else {
        for (uint64_t i = 0; i < n; i++)
            room->e[i].at = (uint32_t)i;
        for (int32_t w = p->keys->n - 1; w >= 0; w--) {
            const uint64_t *word = (const uint64_t *)p->word.p + w * p->total + (int64_t)from;
            for (uint64_t i = 0; i < n; i++)
                room->e[i].word = word[room->e[i].at];
            sort_word(room, n);
        }
    }
    for (uint64_t i = 0; i < n && from + i < (uint64_t)s->limit; i++)
        s->order[from + i] = dr_part_row(p, from + room->e[i].at);
}

static void sort_worker(void *ctx, int64_t worker)
{
    struct sorting *s = ctx;
    struct sort_room room = { 0 };
    (void)worker;
    for (int64_t part; (part = dr_share_next(&s->parts.next)) >= 0;)
        sort_part(s, &room, part);
    free(room.e);
    free(room.spare);
}

/* ---- entry ---------------------------------------------------------------------------- */

static int32_t sort_keys(const struct dr_row_keys *keys, int64_t limit, int64_t *order, struct dr_err *err)
{
    struct sorting s = { .limit = limit, .order = order };
    if (keys->n == 0) {
        for (int64_t i = 0; i < limit; i++)
            order[i] = i;
        return DR_OK;
    }
    DR_TRY(dr_parts_init(&s.parts, keys, DR_PARTS_BY_ORDER, NULL, limit, err));
    dr_share_start(&s.parts.next, s.parts.used);
    dr_pool_run(dr_pool_threads(), sort_worker, &s);
    dr_parts_done(&s.parts);
    return DR_OK;
}

int32_t dr_sort_rows(int64_t rows, int32_t n, const struct dr_column *const *columns, const int32_t *flags,
                     int64_t limit, int64_t **ret, struct dr_err *err)
{
    struct dr_key_spec spec = { .rows = rows, .n = n, .columns = columns, .flags = flags, .ordered = true };
    struct dr_row_keys keys;
    DR_TRY(dr_keys_check_rows(rows, err));
    limit = limit < rows ? limit : rows;
    int64_t *order = dr_malloc((size_t)limit * sizeof *order);
    dr_row_keys_init(&keys, &spec);
    int32_t rc = sort_keys(&keys, limit, order, err);
    dr_row_keys_done(&keys);
    if (rc)
        free(order);
    else
        *ret = order;
    return rc;
}

static int32_t sort_table(const struct dr_table *t, const char *what, int32_t n,
                          const struct dr_sort_key *keys, int64_t limit, struct dr_table **ret,
                          struct dr_err *err)
{
    DR_AUTO_FREE const struct dr_column **columns = dr_malloc((size_t)n * sizeof(struct dr_column *));
    DR_AUTO_FREE int32_t *flags = dr_malloc((size_t)n * sizeof *flags);
    DR_AUTO_FREE int64_t *order = NULL;
    limit = limit < t->rows ? limit : t->rows;
    for (int32_t i = 0; i < n; i++) {
        DR_TRY(dr_table_need(t, keys[i].column, what, &columns[i], err));
        flags[i] = keys[i].flags;
    }
    DR_TRY(dr_sort_rows(t->rows, n, columns, flags, limit, &order, err));
    *ret = dr_table_take_rows(t, limit, order);
    return DR_OK;
}

int32_t dr_table_sort(const struct dr_table *t, int32_t n, const struct dr_sort_key *keys,
                      struct dr_table **ret, struct dr_err *err)
{
    if (n < 0)
        return dr_fail(err, DR_EINPUT, "sort: %d keys", (int)n);
    return sort_table(t, "sort", n, keys, t->rows, ret, err);
}

int32_t dr_table_top(const struct dr_table *t, int32_t n, const struct dr_sort_key *keys, int64_t limit,
                     struct dr_table **ret, struct dr_err *err)
{
    if (n < 0 || limit < 0)
        return dr_fail(err, DR_EINPUT, "top: %d keys, %lld rows", (int)n, (long long)limit);
    return sort_table(t, "top", n, keys, limit, ret, err);
}
