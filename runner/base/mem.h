/* mem.h - memory: arenas for what dies together, checked malloc for the rest,
 * and cleanup attributes for locals. Layer: base.
 *
 * Arena allocation never returns NULL: out of memory ends the process. What
 * hostile input can size (cells, bodies, tables) belongs into a dr_buf, which
 * has a cap. Sanitizer builds give each object its own malloc, since pooling
 * hides overruns. An arena is used by one thread at a time. */
#ifndef DR_MEM_H
#define DR_MEM_H
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <dirent.h>
#include "base/err.h"

struct dr_arena_block;
struct dr_arena_deferred;
struct dr_arena {
    struct dr_arena_block *block;       /* newest first, owned */
    struct dr_arena_deferred *deferred; /* newest first */
    size_t used;                        /* bytes handed out */
    bool shared;                        /* see dr_arena_share */
};
/* A zeroed struct is an empty arena, so `struct dr_arena a = {0};` is enough. */
void dr_arena_done(struct dr_arena *a); /* deferred calls newest first, then memory; reusable after */
void *dr_arena_alloc(struct dr_arena *a, size_t n)
    __attribute__((malloc, returns_nonnull)); /* zeroed, aligned 16 */
/* n objects of size bytes; an overflow of n * size counts as out of memory. */
void *dr_arena_array(struct dr_arena *a, size_t n, size_t size) __attribute__((malloc, returns_nonnull));
char *dr_arena_dup(struct dr_arena *a, const char *p, size_t n); /* NUL added */
char *dr_arena_strdup(struct dr_arena *a, const char *s);
char *dr_arena_printf(struct dr_arena *a, const char *fmt, ...) DR_PRINTF(2, 3);
/* Call fn(p) when the arena ends. */
void dr_arena_defer(struct dr_arena *a, void (*fn)(void *), void *p);
/* What is allocated from here on will be read by many children: a fork then copies no page
 * tables for it. Only for what children do not write, in a process with one thread. */
void dr_arena_share(struct dr_arena *a);
/* In a child: what it shares with its parent becomes read-only. */
void dr_mem_seal(void);
#define DR_NEW(arena, type) ((type *)dr_arena_alloc((arena), sizeof(type)))

/* malloc family that never returns NULL (n = 0 gives a unique pointer). */
void *dr_malloc(size_t n);
void *dr_calloc(size_t n, size_t size);
void *dr_realloc(void *p, size_t n);
char *dr_strdup(const char *s);

/* Locals that release themselves. */
void dr_cleanup_fd(int *fd);
void dr_cleanup_free(void *pp);
void dr_cleanup_file(FILE **f);
void dr_cleanup_dir(DIR **d);
void dr_cleanup_arena(struct dr_arena *a);
#define DR_AUTO_FD __attribute__((cleanup(dr_cleanup_fd))) int
#define DR_AUTO_FREE __attribute__((cleanup(dr_cleanup_free)))
#define DR_AUTO_FILE __attribute__((cleanup(dr_cleanup_file))) FILE *
#define DR_AUTO_DIR __attribute__((cleanup(dr_cleanup_dir))) DIR *
#define DR_AUTO_ARENA __attribute__((cleanup(dr_cleanup_arena))) struct dr_arena
#endif
