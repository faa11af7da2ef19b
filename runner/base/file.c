/* file.c - files and folders.
 *
 * A file appears whole: its bytes go into a temporary in the same folder, which
 * is renamed over the name when complete. That holds against every way a process
 * can die. It does not fsync: after a power cut a file may be missing or short,
 * which the recorded content hash reveals, and the step is run again. */
#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- names --------------------------------------------------------------- */

char *dr_path_join(struct dr_arena *a, const char *dir, const char *name)
{
    if (name[0] == '/' || dir[0] == '\0')
        return dr_arena_strdup(a, name);
    const char *slash = dir[strlen(dir) - 1] == '/' ? "" : "/";
    return dr_arena_printf(a, "%s%s%s", dir, slash, name);
}

const char *dr_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool dr_name_ok(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
    return n >= 1 && n <= 200 && !name[n] && name[0] != '.' && name[0] != '-';
}

bool dr_path_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool dr_path_is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* A name in the folder of path that nobody else makes; malloc. */
static char *temporary_beside(const char *path)
{
    static atomic_uint counter;
    struct dr_buf b = { 0 };
    dr_buf_append(&b, path, (size_t)(dr_path_base(path) - path));
    dr_buf_printf(&b, ".tmp-%ld-%u", (long)getpid(), atomic_fetch_add(&counter, 1));
    if (!dr_buf_ok(&b))
        dr_die_oom(b.n);
    return b.p;
}

/* ---- folders -------------------------------------------------------------- */

int32_t dr_mkdirs(const char *path, struct dr_err *err)
{
    if (dr_path_is_dir(path))
        return DR_OK;
    DR_AUTO_FREE char *copy = dr_strdup(path);
    for (char *p = copy; *p;) {
        p += strspn(p, "/");
        p += strcspn(p, "/");
        char end = *p;
        *p = '\0';
        int rc = mkdir(copy, 0777), why = errno;
        /* Somebody else may make it at the same time, which is fine. */
        if (rc < 0 && why != EEXIST && !dr_path_is_dir(copy)) {
            errno = why;
            return dr_fail_sys(err, "cannot make folder '%s'", copy);
        }
        *p = end;
    }
    if (!dr_path_is_dir(path)) {
        errno = ENOTDIR;
        return dr_fail_sys(err, "cannot make folder '%s'", path);
    }
    return DR_OK;
}

enum { TREE_DEPTH_MAX = 256 }; /* each level holds a descriptor open */

static int32_t remove_at(int parent, const char *name, const char *shown, int depth, struct dr_err *err);

static int32_t remove_children(DIR *dir, const char *shown, int depth, struct dr_err *err)
{
    for (;;) {
        errno = 0;
        struct dirent *e = readdir(dir);
        if (!e && errno)
            return dr_fail_sys(err, "cannot list '%s'", shown);
        if (!e)
            return DR_OK;
        if (!dr_streq(e->d_name, ".") && !dr_streq(e->d_name, ".."))
            DR_TRY(remove_at(dirfd(dir), e->d_name, shown, depth, err));
    }
}

/* Empty the folder `name` of parent. Absent is fine. */
static int32_t empty_folder(int parent, const char *name, const char *shown, int depth, struct dr_err *err)
{
    if (depth >= TREE_DEPTH_MAX)
        return dr_fail(err, DR_ELIMIT, "cannot remove '%s': more than %d folders deep", shown,
                       TREE_DEPTH_MAX);
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return DR_OK;
    struct stat st;
    if (fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & 0300) != 0300)
        (void)fchmod(fd, 0700); /* a task may have made its own folder read-only */
    DR_AUTO_DIR dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        int32_t rc = dr_fail_sys(err, "cannot open '%s' in '%s' to remove it", name, shown);
        if (fd >= 0)
            close(fd);
        return rc;
    }
    return remove_children(dir, shown, depth + 1, err);
}

static int32_t remove_at(int parent, const char *name, const char *shown, int depth, struct dr_err *err)
{
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return DR_OK;
    /* Linux says EISDIR for a folder, POSIX EPERM. */
    if (errno != EISDIR && errno != EPERM)
        return dr_fail_sys(err, "cannot remove '%s' in '%s'", name, shown);
    DR_TRY(empty_folder(parent, name, shown, depth, err));
    if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return DR_OK;
    return dr_fail_sys(err, "cannot remove folder '%s' in '%s'", name, shown);
}

int32_t dr_remove_tree(const char *path, struct dr_err *err)
{
    return remove_at(AT_FDCWD, path, path, 0, err);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_listed(const char *name, const char *suffix)
{
    if (dr_streq(name, ".") || dr_streq(name, ".."))
        return false;
    return !suffix || dr_str_ends(dr_str_of(name), dr_str_of(suffix));
}

int32_t dr_list_dir(struct dr_arena *a, const char *path, const char *suffix, char ***ret, size_t *ret_n,
                    struct dr_err *err)
{
    DR_AUTO_DIR dir = opendir(path); /* close-on-exec */
    if (!dir)
        return dr_fail_sys(err, "cannot open folder '%s'", path);
    DR_AUTO_FREE char **names = NULL;
    size_t n = 0, cap = 0;
    for (struct dirent *e; errno = 0, (e = readdir(dir));) {
        if (!is_listed(e->d_name, suffix))
            continue;
        if (n == cap) {
            cap = cap ? cap * 2 : 32;
            names = dr_realloc(names, cap * sizeof(*names));
        }
        names[n++] = dr_arena_strdup(a, e->d_name);
    }
    if (errno)
        return dr_fail_sys(err, "cannot list folder '%s'", path);
    char **sorted = dr_arena_array(a, n + 1, sizeof(*sorted));
    if (n > 0) {
        qsort(names, n, sizeof(*names), compare_names);
        memcpy(sorted, names, n * sizeof(*names));
    }
    *ret = sorted;
    *ret_n = n;
    return DR_OK;
}

/* ---- whole files ------------------------------------------------------------- */

static int32_t read_fd(int fd, const char *path, size_t max, struct dr_buf *b, struct dr_err *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return dr_fail_sys(err, "cannot read '%s'", path);
    /* One byte more than it has, so that the end shows without growing. */
    size_t chunk = S_ISREG(st.st_mode) && st.st_size > 0 ? (size_t)st.st_size + 1 : 16384;
    if (chunk > max)
        chunk = max + 1;
    for (;;) {
        char *end = dr_buf_reserve(b, chunk);
        if (!end)
            return dr_fail(err, DR_ELIMIT, "'%s' is too large to read into memory", path);
        ssize_t n = read(fd, end, chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return dr_fail_sys(err, "cannot read '%s'", path);
        end[n] = '\0';
        b->n += (size_t)n;
        if (b->n > max)
            return dr_fail(err, DR_ELIMIT, "'%s' is larger than the limit of %zu bytes", path, max);
        if (n == 0)
            return DR_OK;
        chunk = b->n < 16384 ? 16384 : b->n / 2;
    }
}

int32_t dr_read_file(struct dr_arena *a, const char *path, size_t max, struct dr_str *ret, struct dr_err *err)
{
    DR_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return dr_fail_sys(err, "cannot open '%s'", path);
    DR_AUTO_BUF b = { .max = SIZE_MAX / 2 }; /* read_fd keeps to max */
    DR_TRY(read_fd(fd, path, max, &b, err));
    dr_arena_defer(a, free, b.p); /* the arena takes the bytes as they are */
    *ret = dr_buf_str(&b);
    b.p = NULL;
    return DR_OK;
}

int32_t dr_write_all(int fd, const void *p, size_t n, struct dr_err *err)
{
    const char *next = p;
    while (n > 0) {
        ssize_t done = write(fd, next, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return dr_fail_sys(err, "cannot write");
        next += done;
        n -= (size_t)done;
    }
    return DR_OK;
}

int32_t dr_write_file(const char *path, struct dr_str bytes, struct dr_err *err)
{
    struct dr_out o;
    DR_TRY(dr_out_open(&o, path, err));
    int32_t rc = dr_write_all(o.fd, bytes.p, bytes.n, err);
    if (!rc)
        return dr_out_commit(&o, err);
    dr_out_abort(&o);
    (void)dr_err_prefix(err, "'%s'", path);
    return rc;
}

int32_t dr_out_open(struct dr_out *o, const char *path, struct dr_err *err)
{
    char *tmp = temporary_beside(path);
    int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0 && errno == EEXIST && unlink(tmp) == 0) /* left by an earlier process of this id */
        fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        int32_t rc = dr_fail_sys(err, "cannot write '%s'", path);
        free(tmp);
        return rc;
    }
    *o = (struct dr_out){ .fd = fd, .tmp = tmp, .path = dr_strdup(path) };
    return DR_OK;
}

void dr_out_take(struct dr_out *o, int fd, const char *name)
{
    *o = (struct dr_out){ .fd = fd, .path = dr_strdup(name) };
}

int32_t dr_out_commit(struct dr_out *o, struct dr_err *err)
{
    int fd = o->fd;
    o->fd = -1;
    int32_t rc = DR_OK;
    if (close(fd) < 0 || (o->tmp && rename(o->tmp, o->path) < 0)) /* close may tell of a full disk */
        rc = dr_fail_sys(err, "cannot write '%s'", o->path);
    if (rc && o->tmp)
        unlink(o->tmp);
    free(o->tmp);
    free(o->path);
    o->tmp = o->path = NULL;
    return rc;
}

void dr_out_abort(struct dr_out *o)
{
    int saved = errno;
    if (!o->path)
        return;
    if (o->fd >= 0)
        close(o->fd);
    if (o->tmp)
        unlink(o->tmp);
    free(o->tmp);
    free(o->path);
    *o = (struct dr_out){ .fd = -1 };
    errno = saved;
}

int32_t dr_symlink_swap(const char *target, const char *link, struct dr_err *err)
{
    DR_AUTO_FREE char *tmp = temporary_beside(link);
    (void)unlink(tmp);
    if (symlink(target, tmp) < 0)
        return dr_fail_sys(err, "cannot make link '%s'", link);
    if (rename(tmp, link) < 0) {
        int32_t rc = dr_fail_sys(err, "cannot make link '%s'", link);
        unlink(tmp);
        return rc;
    }
    return DR_OK;
}

/* ---- locks ---------------------------------------------------------------------- */

/* The first line of the file, or "" where there is none. */
static void read_note(int fd, char *ret, size_t size)
{
    ssize_t n = pread(fd, ret, size - 1, 0);
    ret[n > 0 ? n : 0] = '\0';
    ret[strcspn(ret, "\n")] = '\0';
}

static int32_t fail_locked(int fd, const char *path, char *ret_holder, size_t holder_size, struct dr_err *err)
{
    char note[160];
    read_note(fd, note, sizeof(note));
    if (ret_holder && holder_size > 0)
        read_note(fd, ret_holder, holder_size);
    if (!note[0])
        return dr_fail(err, DR_EBUSY, "'%s' is locked by another process", path);
    return dr_fail(err, DR_EBUSY, "'%s' is locked by %s", path, note);
}

/* Whether path still names the file behind fd: between open and flock its
 * holder may have removed it. */
static bool is_still_named(int fd, const char *path)
{
    struct stat held, named;
    return fstat(fd, &held) == 0 && stat(path, &named) == 0 && held.st_dev == named.st_dev &&
           held.st_ino == named.st_ino;
}

int32_t dr_lock_file(const char *path, int *ret_fd, char *ret_holder, size_t holder_size, struct dr_err *err)
{
    for (;;) {
        DR_AUTO_FD fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (fd < 0)
            return dr_fail_sys(err, "cannot open lock '%s'", path);
        while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
            if (errno == EWOULDBLOCK)
                return fail_locked(fd, path, ret_holder, holder_size, err);
            if (errno != EINTR)
                return dr_fail_sys(err, "cannot lock '%s'", path);
        }
        if (!is_still_named(fd, path))
            continue;
        if (ftruncate(fd, 0) < 0) /* the note of the holder before */
            return dr_fail_sys(err, "cannot write lock '%s'", path);
        *ret_fd = fd;
        fd = -1;
        return DR_OK;
    }
}

int32_t dr_lock_note(int fd, const char *note, struct dr_err *err)
{
    size_t n = strlen(note);
    if (ftruncate(fd, 0) < 0 || pwrite(fd, note, n, 0) != (ssize_t)n)
        return dr_fail_sys(err, "cannot write the note of a lock");
    return DR_OK;
}
