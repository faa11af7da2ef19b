/* scratch.c - blocks of working memory: from malloc where small, else from
 * the pages that kernels pass on to each other, or from a file.
 *
 * A block on disk is a shared mapping of an unlinked file: its pages are
 * dropped from the process after every few megabytes of use and stay the
 * kernel's to write back, so the resident set stays small. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/num.h"
#include "data/pages.h"
#include "data/scratch.h"

#define SMALL ((size_t)256 * 1024) /* from malloc, and never on disk */
#define SETTLE ((size_t)4 * 1024 * 1024)
#define KEPT ((size_t)128 * 1024 * 1024) /* of freed pages, with a limit no more than that */
#define UNSET UINT64_MAX

enum kind { KIND_NONE, KIND_HEAP, KIND_PAGES, KIND_FILE };

static struct {
    _Atomic uint64_t limit; /* UNSET until known */
    _Atomic uint64_t used, spilled;
    char *folder; /* owned; NULL: from the environment */
} scratch = { .limit = UNSET };

void dr_scratch_set_limit(uint64_t bytes)
{
    atomic_store(&scratch.limit, bytes);
    dr_pages_keep(bytes && bytes < KEPT ? bytes : KEPT);
}

void dr_scratch_set_folder(const char *path)
{
    free(scratch.folder);
    scratch.folder = path ? dr_strdup(path) : NULL;
}

uint64_t dr_scratch_spilled(void)
{
    return atomic_load(&scratch.spilled);
}

int32_t dr_scratch_limit(uint64_t *ret, struct dr_err *err)
{
    uint64_t limit = atomic_load(&scratch.limit);
    if (limit == UNSET) {
        const char *text = getenv("DAGRUN_MEMORY_LIMIT");
        limit = 0;
        if (text && *text && !dr_parse_size(dr_str_of(text), &limit))
            return dr_fail(err, DR_EINPUT, "DAGRUN_MEMORY_LIMIT is '%s'; a size like 512M is expected", text);
        dr_scratch_set_limit(limit);
    }
    *ret = limit;
    return DR_OK;
}

bool dr_scratch_fits(size_t n)
{
    uint64_t limit;
    return dr_scratch_limit(&limit, NULL) == DR_OK && (!limit || atomic_load(&scratch.used) + n <= limit);
}

/* ---- files --------------------------------------------------------------------- */

static const char *folder(void)
{
    const char *from_env = getenv("TMPDIR");
    if (scratch.folder)
        return scratch.folder;
    return from_env && *from_env ? from_env : "/tmp";
}

/* A file without a name; where the file system has no such thing, one whose name is
 * removed at once. */
int32_t dr_scratch_open(const char *other, int *ret_fd, struct dr_err *err)
{
    const char *in = other ? other : folder();
    *ret_fd = open(in, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
    if (*ret_fd >= 0)
        return DR_OK;
    DR_AUTO_ARENA arena = { 0 };
    char *name = dr_arena_printf(&arena, "%s/dagrun-XXXXXX", in);
    *ret_fd = mkostemp(name, O_CLOEXEC);
    if (*ret_fd < 0)
        return dr_fail_sys(err, "working memory on disk: a temporary file in '%s'", in);
    (void)unlink(name);
    return DR_OK;
}

int32_t dr_scratch_write(int fd, int64_t at, const void *p, size_t n, struct dr_err *err)
{
    for (size_t done = 0; done < n;) {
        ssize_t wrote = pwrite(fd, (const char *)p + done, n - done, at + (int64_t)done);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return dr_fail_sys(err, "cannot write to the temporary file for what exceeds the memory limit");
        done += (size_t)wrote;
    }
    return DR_OK;
}

int32_t dr_scratch_read(int fd, int64_t at, void *p, size_t n, struct dr_err *err)
{
    for (size_t done = 0; done < n;) {
        ssize_t some = pread(fd, (char *)p + done, n - done, at + (int64_t)done);
        if (some < 0 && errno == EINTR)
            continue;
        if (some <= 0)
            return dr_fail_sys(err, "cannot read back what exceeded the memory limit");
        done += (size_t)some;
    }
    return DR_OK;
}

static int32_t map_file(struct dr_scratch *s, size_t n, struct dr_err *err)
{
    DR_AUTO_FD fd = -1;
    DR_TRY(dr_scratch_open(NULL, &fd, err));
    errno = posix_fallocate(fd, 0, (off_t)n);
    if (errno)
        return dr_fail_sys(err,
                           "working memory on disk: cannot reserve %zu MB in '%s' (free some space, or "
                           "set TMPDIR or a larger DAGRUN_MEMORY_LIMIT)",
                           n / 1000000 + 1, folder());
    void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        return dr_fail_sys(err, "working memory on disk: map %zu bytes", n);
    s->p = p;
    s->n = n;
    s->kind = KIND_FILE;
    atomic_init(&s->unsettled, 0);
    atomic_fetch_add(&scratch.spilled, n);
    return DR_OK;
}

void dr_scratch_touched(struct dr_scratch *s, size_t n)
{
    if (s->kind != KIND_FILE)
        return;
    size_t before = atomic_fetch_add(&s->unsettled, n);
    if (before + n < SETTLE || before >= SETTLE)
        return;
    (void)madvise(s->p, s->n, MADV_DONTNEED);
    atomic_store(&s->unsettled, 0);
}

/* ---- memory -------------------------------------------------------------------- */

static void from_pages(struct dr_scratch *s, size_t n)
{
    size_t room;
    void *p = dr_pages_get(n, DR_PAGES_HUGE, &room);
    *s = (struct dr_scratch){ .p = p, .n = room, .kind = KIND_PAGES };
    atomic_fetch_add(&scratch.used, room);
}

static void from_heap(struct dr_scratch *s, size_t n)
{
    size_t room = (n / 64 + 1) * 64;
    void *p = aligned_alloc(64, room);
    if (!p)
        dr_die_oom(room);
    *s = (struct dr_scratch){ .p = p, .n = n, .kind = KIND_HEAP };
}

int32_t dr_scratch_get(struct dr_scratch *s, size_t n, struct dr_err *err)
{
    uint64_t limit = 0;
    *s = (struct dr_scratch){ 0 };
    DR_TRY(dr_scratch_limit(&limit, err));
    if (n > SIZE_MAX / 2)
        dr_die_oom(n);
    if (n < SMALL)
        from_heap(s, n);
    else if (limit && atomic_load(&scratch.used) + n > limit)
        return map_file(s, n, err);
    else
        from_pages(s, n);
    return DR_OK;
}

void dr_scratch_done(struct dr_scratch *s)
{
    if (s->kind == KIND_HEAP)
        free(s->p);
    else if (s->kind == KIND_FILE)
        (void)munmap(s->p, s->n);
    else if (s->kind == KIND_PAGES) {
        atomic_fetch_sub(&scratch.used, s->n);
        dr_pages_put(s->p, s->n);
    }
    *s = (struct dr_scratch){ 0 };
}
