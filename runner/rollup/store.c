/* store.c - blocks of entries and values.
 *
 * A list is written at its end only, so all blocks but the last are finished. Where
 * memory in use passes the limit, a finished block goes to the end of a file that has
 * no name, and its memory takes what comes next: a list then costs eight bytes for each
 * block. Blocks come from slabs of the pages that kernels pass on to each other, since touching
 * fresh ones costs more than filling them; slabs begin small, as most streams are. */
#include <unistd.h>
#include "data/pages.h"
#include "rollup/impl.h"
#include "data/scratch.h"

enum { SLAB_MIN = 64 << 10, SLAB_MAX = 2 << 20, OUTBOX = 64 << 10 };

void dr_rollup_store_init(struct dr_rollup_store *s, size_t limit, const char *folder)
{
    *s = (struct dr_rollup_store){ .limit = limit, .folder = folder, .fd = -1 };
    pthread_mutex_init(&s->lock, NULL);
}

void dr_rollup_store_done(struct dr_rollup_store *s)
{
    if (s->fd >= 0)
        close(s->fd);
    pthread_mutex_destroy(&s->lock);
}

static int32_t open_file(struct dr_rollup_store *s, struct dr_err *err)
{
    pthread_mutex_lock(&s->lock);
    int32_t rc = s->fd < 0 ? dr_scratch_open(s->folder, &s->fd, err) : DR_OK;
    pthread_mutex_unlock(&s->lock);
    return rc;
}

static int32_t write_at(struct dr_rollup_store *s, int64_t at, const char *block, size_t n,
                        struct dr_err *err)
{
    DR_TRY(open_file(s, err));
    return dr_scratch_write(s->fd, at, block, n, err);
}

int32_t dr_rollup_store_get(const struct dr_rollup_store *s, int64_t at, void *p, size_t n,
                            struct dr_err *err)
{
    return dr_scratch_read(s->fd, at, p, n, err);
}

int32_t dr_rollup_store_flush(struct dr_rollup_store *s, struct dr_rollup_outbox *out, struct dr_err *err)
{
    size_t n = out->n;
    out->n = 0;
    return n > 0 ? write_at(s, out->at, out->p, n, err) : DR_OK;
}

int32_t dr_rollup_store_put(struct dr_rollup_store *s, struct dr_rollup_outbox *out, const void *p, size_t n,
                            int64_t *ret, struct dr_err *err)
{
    if (!out->p) {
        out->room = OUTBOX;
        out->p = dr_malloc(out->room);
        dr_rollup_store_count(s, out->room, 0);
    }
    if (out->room - out->n < n)
        DR_TRY(dr_rollup_store_flush(s, out, err));
    if (out->n == 0)
        out->at = atomic_fetch_add(&s->end, (int64_t)out->room);
    *ret = out->at + (int64_t)out->n;
    memcpy(out->p + out->n, p, n);
    out->n += n;
    return DR_OK;
}

/* ---- memory ---------------------------------------------------------------------- */

void dr_rollup_pool_init(struct dr_rollup_pool *p, struct dr_rollup_store *s, size_t block, size_t item,
                         struct dr_rollup_pool *from)
{
    *p = (struct dr_rollup_pool){ .store = s, .block = block, .slab = SLAB_MIN, .from = from };
    p->full = block / item * item;
}

void dr_rollup_pool_done(struct dr_rollup_pool *p)
{
    dr_arena_done(&p->slabs);
}

struct slab {
    void *p;
    size_t n;
};

static void give_back(void *slab)
{
    const struct slab *s = slab;
    dr_pages_put(s->p, s->n);
}

void dr_rollup_store_count(struct dr_rollup_store *s, size_t now, size_t before)
{
    size_t used = atomic_fetch_add_explicit(&s->used, now - before, memory_order_relaxed) + now - before;
    size_t most = atomic_load_explicit(&s->most, memory_order_relaxed);
    while (used > most && !atomic_compare_exchange_weak(&s->most, &most, used))
        continue;
}

static bool exceeds(const struct dr_rollup_store *s, size_t more)
{
    return s->limit > 0 && atomic_load_explicit(&s->used, memory_order_relaxed) + more > s->limit;
}

/* Beyond the limit only the first blocks of lists come from here: no more than they need. */
static void add_slab(struct dr_rollup_pool *p)
{
    size_t want = exceeds(p->store, p->slab) ? SLAB_MIN : p->slab, n = want > p->block ? want : p->block;
    struct slab *slab = dr_arena_alloc(&p->slabs, sizeof(*slab));
    slab->p = dr_pages_get(n, DR_PAGES_HUGE, &slab->n);
    dr_arena_defer(&p->slabs, give_back, slab);
    dr_rollup_store_count(p->store, slab->n, 0);
    p->at = slab->p;
    p->end = p->at + slab->n / p->block * p->block;
    p->slab = p->slab < SLAB_MAX ? p->slab * 2 : SLAB_MAX;
}

static bool has_free(const struct dr_rollup_pool *p)
{
    return p->free || p->at != p->end || (p->from && has_free(p->from));
}

char *dr_rollup_pool_get(struct dr_rollup_pool *p)
{
    char *block = p->free;
    if (block) {
        memcpy(&p->free, block, sizeof(p->free));
        return block;
    }
    if (p->at == p->end && p->from && has_free(p->from)) {
        p->at = dr_rollup_pool_get(p->from);
        p->end = p->at + p->from->block / p->block * p->block;
    } else if (p->at == p->end) {
        add_slab(p);
    }
    block = p->at;
    p->at += p->block;
    return block;
}

void dr_rollup_pool_put(struct dr_rollup_pool *p, char *block)
{
    memcpy(block, &p->free, sizeof(p->free));
    p->free = block;
}

/* What is left of a slab beyond the limit is for first blocks, too. */
bool dr_rollup_pool_is_full(const struct dr_rollup_pool *p)
{
    bool free = p->free || (p->from && has_free(p->from));
    return !free && exceeds(p->store, p->at == p->end ? p->slab : 0);
}

/* ---- lists -------------------------------------------------------------------------- */

static bool is_in_file(uint64_t ref)
{
    return ref & 1;
}

static int32_t grow_by_block(struct dr_rollup_list *l, struct dr_rollup_pool *p, struct dr_err *err)
{
    if (l->n == l->cap) {
        uint32_t cap = l->cap ? l->cap * 2 : 4;
        dr_rollup_store_count(p->store, cap * sizeof(*l->refs), l->cap * sizeof(*l->refs));
        l->cap = cap;
        l->refs = dr_realloc(l->refs, l->cap * sizeof(*l->refs));
    }
    char *block = NULL;
    if (l->n > 0 && dr_rollup_pool_is_full(p)) {
        int64_t at = atomic_fetch_add(&p->store->end, (int64_t)p->full);
        block = (char *)(uintptr_t)l->refs[l->n - 1];
        DR_TRY(write_at(p->store, at, block, p->full, err));
        l->refs[l->n - 1] = (uint64_t)at << 1 | 1;
    }
    l->refs[l->n++] = (uint64_t)(uintptr_t)(block ? block : dr_rollup_pool_get(p));
    l->used = 0;
    return DR_OK;
}

int32_t dr_rollup_list_grow(struct dr_rollup_list *l, struct dr_rollup_pool *p, char **ret,
                            struct dr_err *err)
{
    DR_TRY(grow_by_block(l, p, err));
    *ret = (char *)(uintptr_t)l->refs[l->n - 1];
    return DR_OK;
}

int32_t dr_rollup_list_block(const struct dr_rollup_list *l, const struct dr_rollup_pool *p, uint32_t i,
                             char *buf, const char **ret, size_t *ret_n, struct dr_err *err)
{
    *ret_n = i + 1 == l->n ? l->used : p->full;
    if (!is_in_file(l->refs[i])) {
        *ret = (const char *)(uintptr_t)l->refs[i];
        return DR_OK;
    }
    *ret = buf;
    return dr_rollup_store_get(p->store, (int64_t)(l->refs[i] >> 1), buf, *ret_n, err);
}

void dr_rollup_list_drop(struct dr_rollup_list *l, struct dr_rollup_pool *p, uint32_t i)
{
    if (!is_in_file(l->refs[i]))
        dr_rollup_pool_put(p, (char *)(uintptr_t)l->refs[i]);
}

void dr_rollup_list_done(struct dr_rollup_list *l)
{
    free(l->refs);
    *l = (struct dr_rollup_list){ 0 };
}
