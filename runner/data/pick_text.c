/* pick_text.c - texts of chosen rows, moved next to each other.
 *
 * Texts of a table are short, and which rows are chosen follows no rule that a
 * processor could learn. So each text is copied as SHORT bytes whatever its length, the next
 * one going over what was too much; a longer one is copied once more, whole. Where most
 * rows are chosen all are written, and only a chosen one moves the place of the
 * next, without a branch. Where memory does not allow that (at the end of an array, or
 * of what may be written), and where texts are long, whole runs are copied as they are. */
#include <string.h>
#include "data/pick.h"

enum { SHORT = 16, DENSE = 16, AHEAD = 4096 };

/* Whether SHORT bytes may be read from each text of the window and written to where it goes. */
static bool has_room(const struct dr_pick_text *p, const struct dr_array *a, int64_t i, int n)
{
    const int64_t *offsets = a->values;
    int64_t length = offsets[i + n] - offsets[i];
    return length <= n * SHORT && offsets[a->n] - offsets[i + n] >= SHORT && p->end - p->at >= length + SHORT;
}

static void pick_runs(struct dr_pick_text *p, const struct dr_array *a, int64_t i, uint64_t rows)
{
    for (int at, n; dr_next_run(&rows, &at, &n);) {
        const int64_t *from = (const int64_t *)a->values + i + at;
        int64_t moved = p->at - from[0];
        if (from[n] > from[0]) /* else there may be no bytes at all */
            memcpy(p->bytes + p->at, a->bytes + from[0], (size_t)(from[n] - from[0]));
        for (int k = 1; k <= n; k++)
            p->offset[k] = from[k] + moved;
        p->offset += n;
        p->at += from[n] - from[0];
    }
}

/* Texts that were cut, once more. The end of the last chosen row is at p->offset. */
static void copy_long(const struct dr_pick_text *p, const struct dr_array *a, int64_t i, uint64_t rows)
{
    const int64_t *end = p->offset - __builtin_popcountll(rows) + 1;
    for (; rows; rows &= rows - 1, end++) {
        const int64_t *from = (const int64_t *)a->values + i + __builtin_ctzll(rows);
        int64_t length = from[1] - from[0];
        if (length > SHORT)
            memcpy(p->bytes + *end - length, a->bytes + from[0], (size_t)length);
    }
}

/* All rows from the first chosen one on, of which those not chosen leave no trace. */
static int64_t pick_dense(struct dr_pick_text *p, const struct dr_array *a, int64_t i, int n, uint64_t rows)
{
    int first = __builtin_ctzll(rows);
    const int64_t *from = (const int64_t *)a->values + i + first, *last = from + n - first;
    const char *texts = a->bytes;
    char *bytes = p->bytes;
    int64_t *offset = p->offset, at = p->at, lengths = 0;
    for (rows >>= first; from < last; from++, rows >>= 1) {
        int64_t length = from[1] - from[0], chosen = (int64_t)(rows & 1);
        memcpy(bytes + at, texts + from[0], SHORT);
        lengths |= length;
        at += length & -chosen;
        offset += chosen;
        *offset = at;
    }
    p->at = at;
    p->offset = offset;
    return lengths;
}

static int64_t pick_sparse(struct dr_pick_text *p, const struct dr_array *a, int64_t i, uint64_t rows)
{
    const char *texts = a->bytes;
    char *bytes = p->bytes;
    int64_t *offset = p->offset, at = p->at, lengths = 0;
    for (; rows; rows &= rows - 1) {
        const int64_t *from = (const int64_t *)a->values + i + __builtin_ctzll(rows);
        int64_t length = from[1] - from[0];
        memcpy(bytes + at, texts + from[0], SHORT);
        lengths |= length;
        at += length;
        *++offset = at;
    }
    p->at = at;
    p->offset = offset;
    return lengths;
}

void dr_pick_texts(struct dr_pick_text *p, const struct dr_array *a, int64_t i, int n, uint64_t rows)
{
    if (!has_room(p, a, i, n)) {
        pick_runs(p, a, i, rows);
        return;
    }
    bool dense = __builtin_popcountll(rows) >= DENSE;
    int64_t lengths = dense ? pick_dense(p, a, i, n, rows) : pick_sparse(p, a, i, rows);
    if (lengths >= SHORT) /* of all as one set of bits: some may be longer */
        copy_long(p, a, i, rows);
}

static int64_t length_of_rows(const int64_t *offsets, uint64_t rows)
{
    int64_t length = 0;
    for (; rows; rows &= rows - 1) {
        int j = __builtin_ctzll(rows);
        length += offsets[j + 1] - offsets[j];
    }
    return length;
}

int64_t dr_pick_texts_length(const struct dr_array *a, int64_t i, int n, uint64_t rows)
{
    const int64_t *offsets = (const int64_t *)a->values + i;
    for (int j = 0; j < 64; j += 8)
        __builtin_prefetch((const char *)((uintptr_t)(offsets + j) + AHEAD));
    if (__builtin_popcountll(rows) <= n / 2)
        return length_of_rows(offsets, rows);
    uint64_t others = ~rows & ~UINT64_C(0) >> (64 - n);
    return offsets[n] - offsets[0] - length_of_rows(offsets, others);
}
