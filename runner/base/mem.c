/* mem.c - arenas and checked malloc.
 *
 * An arena is a list of blocks, newest first; small objects are cut off the
 * newest, and an object too large for that gets a block of its own behind it.
 * Blocks come zeroed from calloc and are never reused within an arena, so
 * nothing needs clearing when it is handed out. Blocks double up to a megabyte,
 * which keeps small arenas small and large ones cheap. Under a sanitizer each object has a
 * block of its own, of its exact size.
 *
 * A fork copies an entry for each page of private memory: for a DAG of 10,000 tasks that was
 * half the time of a small one. Of memory that is shared it copies none, so an
 * arena that many forks will read can be told to take its blocks from there.
 * Those of a child that was sealed are read-only: it cannot spoil its parent's. */
#include "base/mem.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_POOLS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define ARENA_POOLS 0
#endif
#endif
#ifndef ARENA_POOLS
#define ARENA_POOLS 1
#endif

enum { ALIGNMENT = 16, BLOCK_MIN = 4096, BLOCK_MAX = 1 << 20, SHARED_BLOCK = 4 << 20 };

struct dr_arena_block {
    struct dr_arena_block *next;        /* older */
    struct dr_arena_block *next_shared; /* of all in this process */
    size_t cap, used;
    bool shared;
    _Alignas(ALIGNMENT) unsigned char data[];
};

static struct dr_arena_block *shared_blocks;

struct dr_arena_deferred {
    struct dr_arena_deferred *next; /* older */
    void (*fn)(void *);
    void *p; /* borrowed */
};

static struct dr_arena_block *block_new(size_t cap)
{
    if (cap > SIZE_MAX - sizeof(struct dr_arena_block))
        dr_die_oom(cap);
    struct dr_arena_block *b = calloc(1, sizeof(*b) + cap);
    if (!b)
        dr_die_oom(cap);
    b->cap = cap;
    return b;
}

/* Pages that are never touched cost nothing but addresses, which memory_limit counts. NULL
 * where the system has no such memory. */
static struct dr_arena_block *block_share(size_t cap)
{
    if (cap > SIZE_MAX - sizeof(struct dr_arena_block))
        dr_die_oom(cap);
    struct dr_arena_block *b = mmap(NULL, sizeof(*b) + cap, PROT_READ | PROT_WRITE,
                                    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (b == MAP_FAILED)
        return NULL;
    b->cap = cap;
    b->shared = true;
    b->next_shared = shared_blocks;
    shared_blocks = b;
    return b;
}

static void unlink_shared(const struct dr_arena_block *b)
{
    struct dr_arena_block **at = &shared_blocks;
    while (*at != b)
        at = &(*at)->next_shared;
    *at = b->next_shared;
}

static void block_free(struct dr_arena_block *b)
{
    if (!b->shared) {
        free(b);
        return;
    }
    unlink_shared(b);
    munmap(b, sizeof(*b) + b->cap);
}

void dr_mem_seal(void)
{
    for (struct dr_arena_block *b = shared_blocks; b; b = b->next_shared)
        (void)mprotect(b, sizeof(*b) + b->cap, PROT_READ);
}

static void block_push(struct dr_arena *a, struct dr_arena_block *b)
{
    b->next = a->block;
    a->block = b;
}

/* A block for one object. It goes behind the newest, whose rest stays in use. */
static void *alloc_alone(struct dr_arena *a, size_t n)
{
    struct dr_arena_block *b = a->shared ? block_share(n) : NULL;
    if (!b)
        b = block_new(n);
    b->used = n;
    if (a->block) {
        b->next = a->block->next;
        a->block->next = b;
    } else {
        block_push(a, b);
    }
    return b->data;
}

/* The arena's next block, with room for n bytes. */
static struct dr_arena_block *next_block(const struct dr_arena *a, size_t n)
{
    struct dr_arena_block *shared = a->shared ? block_share(SHARED_BLOCK - sizeof(*shared)) : NULL;
    if (shared)
        return shared;
    size_t cap = a->block ? a->block->cap * 2 : BLOCK_MIN;
    if (cap > BLOCK_MAX)
        cap = BLOCK_MAX;
    while (cap < n)
        cap *= 2;
    return block_new(cap);
}

static void *alloc_pooled(struct dr_arena *a, size_t n)
{
    if (n > (a->shared ? SHARED_BLOCK : BLOCK_MAX) / 4)
        return alloc_alone(a, n);
    n = (n + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (!a->block || a->block->cap - a->block->used < n)
        block_push(a, next_block(a, n));
    struct dr_arena_block *b = a->block;
    void *p = b->data + b->used;
    b->used += n;
    return p;
}

void *dr_arena_alloc(struct dr_arena *a, size_t n)
{
    if (n == 0)
        n = 1;
    a->used += n;
    return ARENA_POOLS ? alloc_pooled(a, n) : alloc_alone(a, n);
}

void dr_arena_share(struct dr_arena *a)
{
    a->shared = ARENA_POOLS;
}

void *dr_arena_array(struct dr_arena *a, size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes))
        dr_die_oom(SIZE_MAX);
    return dr_arena_alloc(a, bytes);
}

void dr_arena_done(struct dr_arena *a)
{
    /* A deferred call may still use the arena, even defer again. */
    while (a->deferred) {
        struct dr_arena_deferred *d = a->deferred;
        a->deferred = d->next;
        d->fn(d->p);
    }
    while (a->block) {
        struct dr_arena_block *b = a->block;
        a->block = b->next;
        block_free(b);
    }
    a->used = 0;
}

char *dr_arena_dup(struct dr_arena *a, const char *p, size_t n)
{
    if (n == SIZE_MAX)
        dr_die_oom(n);
    char *copy = dr_arena_alloc(a, n + 1);
    if (n > 0)
        memcpy(copy, p, n);
    return copy;
}

char *dr_arena_strdup(struct dr_arena *a, const char *s)
{
    return dr_arena_dup(a, s, strlen(s));
}

char *dr_arena_printf(struct dr_arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        return dr_arena_dup(a, "", 0);
    char *text = dr_arena_alloc(a, (size_t)n + 1);
    va_start(ap, fmt);
    vsnprintf(text, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return text;
}

void dr_arena_defer(struct dr_arena *a, void (*fn)(void *), void *p)
{
    struct dr_arena_deferred *d = DR_NEW(a, struct dr_arena_deferred);
    d->fn = fn;
    d->p = p;
    d->next = a->deferred;
    a->deferred = d;
}

void *dr_malloc(size_t n)
{
    void *p = malloc(n ? n : 1);
    if (!p)
        dr_die_oom(n);
    return p;
}

void *dr_calloc(size_t n, size_t size)
{
    void *p = n && size ? calloc(n, size) : calloc(1, 1);
    if (!p)
        dr_die_oom(size);
    return p;
}

void *dr_realloc(void *p, size_t n)
{
    void *moved = realloc(p, n ? n : 1);
    if (!moved)
        dr_die_oom(n);
    return moved;
}

char *dr_strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    return memcpy(dr_malloc(n), s, n);
}

void dr_cleanup_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void dr_cleanup_free(void *pp)
{
    void *p;
    memcpy(&p, pp, sizeof(p)); /* pp is the address of a pointer of any type */
    free(p);
}

void dr_cleanup_file(FILE **f)
{
    if (*f)
        fclose(*f);
    *f = NULL;
}

void dr_cleanup_dir(DIR **d)
{
    if (*d)
        closedir(*d);
    *d = NULL;
}

void dr_cleanup_arena(struct dr_arena *a)
{
    dr_arena_done(a);
}
