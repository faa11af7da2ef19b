/* pages.c - a short list of free blocks before mmap.
 *
 * A block serves a request of at least half its size. The oldest blocks are
 * unmapped when the list is full or holds too much.
 *
 * Huge pages are not always the cheaper ones to touch first. They are cut from large free areas, and
 * just those a virtual machine gives back to its host: touching them again then costs ten times as
 * much as touching usual pages, which the kernel takes from small areas first. */
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include "base/mem.h"
#include "data/pages.h"

#define KEPT_BLOCKS 32
#define KEPT_BYTES ((size_t)128 * 1024 * 1024)

struct block {
    void *p;
    size_t room;
};

static struct {
    pthread_mutex_t lock;
    struct block kept[KEPT_BLOCKS]; /* oldest first */
    int n;
    size_t bytes, bound;
} pages = { .lock = PTHREAD_MUTEX_INITIALIZER, .bound = KEPT_BYTES };

static struct block take_out(int i)
{
    struct block b = pages.kept[i];
    pages.n--;
    pages.bytes -= b.room;
    memmove(&pages.kept[i], &pages.kept[i + 1], (size_t)(pages.n - i) * sizeof b);
    return b;
}

/* The smallest kept block that is large enough and not far too large. */
static struct block find_kept(size_t room)
{
    int best = -1;
    for (int i = 0; i < pages.n; i++)
        if (pages.kept[i].room >= room && pages.kept[i].room <= room * 2 &&
            (best < 0 || pages.kept[i].room < pages.kept[best].room))
            best = i;
    return best < 0 ? (struct block){ 0 } : take_out(best);
}

static char *map(size_t room)
{
    char *p = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        dr_die_oom(room);
    return p;
}

/* All of it will be written: touching it here spares a page fault for each page. */
static void *map_usual(size_t room)
{
    char *p = map(room);
    (void)madvise(p, room, MADV_POPULATE_WRITE); /* a wish, that older kernels do not know */
    return p;
}

static void *map_huge(size_t room)
{
    char *p = map(room + DR_HUGE_PAGE);
    size_t before = -(uintptr_t)p & (DR_HUGE_PAGE - 1);
    if (before)
        (void)munmap(p, before);
    (void)munmap(p + before + room, DR_HUGE_PAGE - before);
    (void)madvise(p + before, room, MADV_HUGEPAGE);
    return p + before;
}

void *dr_pages_get(size_t n, enum dr_pages_size size, size_t *ret_room)
{
    if (n > SIZE_MAX / 4)
        dr_die_oom(n);
    size_t unit = size == DR_PAGES_USUAL || n < DR_HUGE_PAGE ? 65536 : DR_HUGE_PAGE;
    size_t room = (n + unit - 1) / unit * unit;
    pthread_mutex_lock(&pages.lock);
    struct block b = find_kept(room);
    pthread_mutex_unlock(&pages.lock);
    if (!b.p)
        b = (struct block){ size == DR_PAGES_HUGE ? map_huge(room) : map_usual(room), room };
    *ret_room = b.room;
    return b.p;
}

/* Take out blocks until the rest and one of `more` bytes may be kept; the caller, without
 * the lock, unmaps them. */
static int make_way(size_t more, struct block *ret)
{
    int n = 0;
    while (pages.n && (pages.bytes + more > pages.bound || pages.n == KEPT_BLOCKS))
        ret[n++] = take_out(0);
    return n;
}

static void unmap_all(const struct block *b, int n)
{
    for (int i = 0; i < n; i++)
        (void)munmap(b[i].p, b[i].room);
}

void dr_pages_put(void *p, size_t room)
{
    struct block out[KEPT_BLOCKS + 1];
    int n = 0;
    pthread_mutex_lock(&pages.lock);
    if (room <= pages.bound) {
        n = make_way(room, out);
        pages.kept[pages.n++] = (struct block){ p, room };
        pages.bytes += room;
    } else {
        out[n++] = (struct block){ p, room };
    }
    pthread_mutex_unlock(&pages.lock);
    unmap_all(out, n);
}

void dr_pages_drop(void)
{
    struct block out[KEPT_BLOCKS];
    pthread_mutex_lock(&pages.lock);
    int n = pages.n;
    memcpy(out, pages.kept, (size_t)n * sizeof(*out));
    pages.n = 0;
    pages.bytes = 0;
    pthread_mutex_unlock(&pages.lock);
    unmap_all(out, n);
}

void dr_pages_keep(size_t bytes)
{
    struct block out[KEPT_BLOCKS];
    pthread_mutex_lock(&pages.lock);
    pages.bound = bytes;
    int n = make_way(0, out);
    pthread_mutex_unlock(&pages.lock);
    unmap_all(out, n);
}
