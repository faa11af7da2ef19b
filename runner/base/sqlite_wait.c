/* sqlite_wait.c - waiting for SQLite's locks, and signs of life between programs that use one database.
 *
 * Who holds a lock is known to the kernel alone (/proc/locks). A file of the database must not be opened
 * to ask: closing it again would give up the locks that this process has on it.
 *
 * A sign of life is a lock of the open file (OFD) on one byte of the write-ahead log, far behind its
 * end. SQLite locks other files and other bytes; the log is there as long as anybody has the database open;
 * and the kernel takes the lock away however the process ends. */
#include "base/sqlite_impl.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "base/date.h"
#include "base/file.h"

enum {
    TOLD_AFTER_US = 1000000,
    LOG_WRITE_LOCK = 120,      /* byte of the -shm file that who writes has locked */
    PENDING_BYTE = 0x40000000, /* of the database itself; what is locked from there on is the whole of it */
    LOCKS_MAX = 4 << 20,       /* of /proc/locks */
    SIGNS_AT_BIT = 40,         /* no log grows to a terabyte */
};

/* ---- who holds the lock ------------------------------------------------------------------- */

/* A line of /proc/locks: "3: POSIX  ADVISORY  WRITE 4711 08:01:1311 120 120". */
struct kernel_lock {
    char access[8];
    int pid;
    unsigned long inode;
    long long from, to;
};

static bool read_lock(struct dr_str line, struct kernel_lock *ret)
{
    char text[128];
    snprintf(text, sizeof text, "%.*s", (int)line.n, line.p);
    *ret = (struct kernel_lock){ 0 };
    return sscanf(text, "%*d: POSIX %*s %7s %d %*x:%*x:%lu %lld %lld", ret->access, &ret->pid, &ret->inode,
                  &ret->from, &ret->to) >= 4;
}

static bool keeps_us_waiting(const struct kernel_lock *k, unsigned long database, unsigned long shared)
{
    if (!dr_streq(k->access, "WRITE") || k->pid <= 0 || k->pid == (int)getpid())
        return false;
    return (k->inode == shared && k->from <= LOG_WRITE_LOCK && k->to >= LOG_WRITE_LOCK) ||
           (k->inode == database && k->from >= PENDING_BYTE);
}

static unsigned long inode_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (unsigned long)st.st_ino : 0;
}

/* 0: not known */
static int find_holder(struct dr_sql *db, struct dr_arena *a)
{
    const char *path = sqlite3_db_filename(db->handle, "main");
    unsigned long database = inode_of(path), shared = inode_of(dr_arena_printf(a, "%s-shm", path));
    struct dr_str text, line;
    if (dr_read_file(a, "/proc/locks", LOCKS_MAX, &text, NULL))
        return 0;
    while (dr_str_split(&text, '\n', &line)) {
        struct kernel_lock k;
        if (read_lock(line, &k) && keeps_us_waiting(&k, database, shared))
            return k.pid;
    }
    return 0;
}

/* "process 4711 (sqlite3)" */
static const char *holder_name(struct dr_sql *db, struct dr_arena *a)
{
    struct dr_str name;
    int pid = find_holder(db, a);
    if (pid == 0)
        return "another program";
    if (dr_read_file(a, dr_arena_printf(a, "/proc/%d/comm", pid), 64, &name, NULL) || name.n == 0)
        return dr_arena_printf(a, "process %d", pid);
    return dr_arena_printf(a, "process %d (%.*s)", pid, (int)name.n - 1, name.p);
}

/* ---- waiting ------------------------------------------------------------------------------- */

static void tell(struct dr_sql *db)
{
    DR_AUTO_ARENA a = { 0 };
    const char *path = sqlite3_db_filename(db->handle, "main");
    db->wait.told = true;
    if (db->wait.tell)
        db->wait.tell(db->wait.ctx,
                      dr_arena_printf(&a, "%s holds the lock of '%s'; waiting for it, up to %g s",
                                      holder_name(db, &a), path, db->wait.timeout_ms / 1e3));
}

/* Longer pauses the longer it takes, as SQLite's own handler. */
static void pause_before(int attempt)
{
    static const uint8_t ms[] = { 1, 2, 5, 10, 15, 20, 25, 25, 25, 50, 50 };
    int n = (int)sizeof ms;
    struct timespec pause = { .tv_nsec = (attempt < n ? ms[attempt] : 100) * 1000000L };
    nanosleep(&pause, NULL);
}

static int on_busy(void *ctx, int attempt)
{
    struct dr_sql *db = ctx;
    int64_t now = dr_monotonic_us();
    if (attempt == 0) {
        db->wait.since_us = now;
        db->wait.told = false;
    }
    if (now - db->wait.since_us >= (int64_t)db->wait.timeout_ms * 1000)
        return 0;
    if (!db->wait.told && now - db->wait.since_us >= TOLD_AFTER_US)
        tell(db);
    pause_before(attempt);
    return 1;
}

void dr_sql_wait_up_to(struct dr_sql *db, int timeout_ms)
{
    db->wait.timeout_ms = timeout_ms;
    sqlite3_busy_handler(db->handle, on_busy, db);
}

void dr_sql_on_wait(struct dr_sql *db, void (*tell_them)(void *ctx, const char *text), void *ctx)
{
    db->wait.tell = tell_them;
    db->wait.ctx = ctx;
}

/* ---- signs of life --------------------------------------------------------------------------- */

/* The log, opened once: it stays the same file as long as this connection is there. */
static int log_fd(struct dr_sql *db)
{
    const char *path = sqlite3_db_filename(db->handle, "main");
    if (db->log_fd < 0 && path && *path)
        db->log_fd = open(sqlite3_filename_wal(path), O_RDWR | O_CLOEXEC);
    return db->log_fd;
}

static struct flock byte_of(uint32_t number)
{
    return (struct flock){ .l_type = F_WRLCK,
                           .l_whence = SEEK_SET,
                           .l_start = ((off_t)1 << SIGNS_AT_BIT) + (off_t)number,
                           .l_len = 1 };
}

bool dr_sql_show_life(struct dr_sql *db, uint32_t number)
{
    struct flock lock = byte_of(number);
    int fd = log_fd(db);
    return fd >= 0 && fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

bool dr_sql_other_lives(struct dr_sql *db, uint32_t number)
{
    struct flock lock = byte_of(number);
    int fd = log_fd(db);
    return fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

void dr_sql_end_life(struct dr_sql *db)
{
    if (db->log_fd >= 0)
        close(db->log_fd);
    db->log_fd = -1;
}
