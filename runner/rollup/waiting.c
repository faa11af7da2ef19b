/* waiting.c - rows of groups that there was no room for.
 *
 * A worker has room for so many groups. A row of another one that counts waits in the list of the slice that
 * its group's hash falls into, in memory or in the file, until all rows are known; then the groups of a slice
 * are few, and its rows are gone through once. */
#include "rollup/impl.h"

static size_t row_bytes(const struct dr_rollup *r)
{
    return (size_t)r->n_values * sizeof(double) + (size_t)r->group_words * sizeof(uint32_t);
}

void dr_rollup_waiting_free(struct dr_rollup_waiting *w)
{
    for (int32_t i = 0; w && i < DR_ROLLUP_SLICES; i++)
        dr_rollup_list_done(&w->lists[i]);
    free(w);
}

int32_t dr_rollup_wait(struct dr_rollup_groups *g, const void *values, const uint32_t *words,
                       struct dr_err *err)
{
    const struct dr_rollup *r = g->r;
    if (!g->waiting)
        g->waiting = dr_calloc(1, sizeof(*g->waiting));
    uint32_t slice = dr_rollup_slice(words, r->group_words);
    struct dr_rollup_list *list = &g->waiting->lists[slice];
    struct dr_rollup_room *room = &g->waiting->rooms[slice];
    if ((size_t)(room->end - room->at) < row_bytes(r)) {
        DR_TRY(dr_rollup_list_grow(list, g->entries, &room->at, err));
        room->end = room->at + g->entries->full;
    }
    char *to = mempcpy(room->at, values, (size_t)r->n_values * sizeof(double));
    room->at = mempcpy(to, words, (size_t)r->group_words * sizeof(*words));
    return DR_OK;
}

/* The rows of a block; what is left of it is less than one. */
static int32_t take_block(struct dr_rollup_groups *to, const char *p, size_t bytes, struct dr_err *err)
{
    const struct dr_rollup *r = to->r;
    const char *rows[DR_ROLLUP_AT_ONCE];
    uint32_t words[DR_ROLLUP_AT_ONCE * DR_ROLLUP_WORDS];
    size_t each = row_bytes(r), n = bytes / each, group_bytes = (size_t)r->group_words * sizeof(*words);
    while (n > 0) {
        int32_t some = 0;
        for (; some < DR_ROLLUP_AT_ONCE && n > 0; some++, n--, p += each) {
            rows[some] = p;
            memcpy(words + (size_t)some * (size_t)r->group_words, p + each - group_bytes, group_bytes);
        }
        DR_TRY(dr_rollup_groups_add_rows(to, rows, words, some, err));
    }
    return DR_OK;
}

int32_t dr_rollup_take_waiting(struct dr_rollup_groups *to, struct dr_rollup_groups *from, uint32_t slice,
                               char *buf, struct dr_err *err)
{
    if (!from->waiting)
        return DR_OK;
    struct dr_rollup_list *list = &from->waiting->lists[slice];
    const struct dr_rollup_room *room = &from->waiting->rooms[slice];
    list->used = (uint32_t)(from->entries->full - (size_t)(room->end - room->at));
    for (uint32_t i = 0; i < list->n; i++) {
        const char *block;
        size_t n;
        DR_TRY(dr_rollup_list_block(list, from->entries, i, buf, &block, &n, err));
        DR_TRY(take_block(to, block, n, err));
        dr_rollup_list_drop(list, to->entries, i);
    }
    return DR_OK;
}
