/* forker.c - one worker is kept ready:
 *
 *     forker                           spare worker               runner
 *     socket pair, clone, announce:
 *     pid and one end  ---------------------------------------->  take
 *     wait for a word                  load a likely plugin,
 *                                      wait for a task   <------  give: task, attempt
 *                                      become that attempt,
 *                                      messages          ------>
 *     the next one ...  <---------------------------------------  next
 *
 * Each worker has a socket pair of its own, so a task can reach no other worker
 * than the one that was taken.
 *
 * clone is called directly because libc's fork has no CLONE_PARENT. What libc
 * would do besides is not needed in a process with one thread, except that libc
 * remembers the thread's id: CLONE_CHILD_SETTID lets the kernel renew that memory,
 * whose address PR_GET_TID_ADDRESS tells. Where a kernel or a sandbox refuses, the
 * runner forks by itself. */
#include "exec/forker.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { RUN_TEXT_MAX = 4096 };

struct request {
    int32_t task, attempt;
    int32_t has_folders; /* 0 or 1 */
};
struct announcement {
    int32_t pid; /* or minus errno; 0: nothing came */
    int64_t start_ticks;
};
/* Room for one descriptor, aligned as a control message must be. */
union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

/* ---- in the forker ---- */

struct forker_job {
    const struct dr_worker_job *base;
    struct dr_subst subst;
    int control;
    pid_t runner;
};

/* clone rather than clone3, which the sandboxes of containers refuse. Machines
 * differ in whether the address of the thread id is the fourth or the fifth argument;
 * the other one is not looked at. */
static long clone_sibling(void)
{
    int *tid = NULL;
    unsigned long flags = CLONE_PARENT | SIGCHLD;
    if (prctl(PR_GET_TID_ADDRESS, &tid, 0, 0, 0) == 0 && tid)
        flags |= CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
    return syscall(SYS_clone, flags, NULL, NULL, tid, tid);
}

/* The spare: wait for a task, then be its attempt. */
static _Noreturn void be_worker(const struct forker_job *f, int fd, int32_t likely)
{
    struct request q;
    ssize_t n;
    dr_process_tie(f->runner);
    close(f->control);
    dr_worker_load_ahead(f->base->home, likely >= 0 ? &f->base->dag->tasks[likely] : NULL);
    while ((n = recv(fd, &q, sizeof(q), MSG_WAITALL)) < 0 && errno == EINTR)
        ;
    if (n != (ssize_t)sizeof(q))
        _exit(0);
    struct dr_worker_job job = *f->base;
    job.def = &job.dag->tasks[q.task];
    job.subst = &f->subst;
    job.attempt = q.attempt;
    job.has_folders = q.has_folders;
    job.msg_fd = fd;
    dr_process_exit(dr_worker_run(&job));
}

/* The run's facts come as one packet of lines. */
static bool receive_run(int socket, char text[RUN_TEXT_MAX], struct dr_subst *ret)
{
    ssize_t n = recv(socket, text, RUN_TEXT_MAX - 1, 0);
    if (n <= 0)
        return false;
    text[n] = '\0';
    const char **const fields[] = { &ret->run_id, &ret->logical_date, &ret->data_interval_start,
                                    &ret->data_interval_end };
    char *rest = text;
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
        *fields[i] = strsep(&rest, "\n");
        if (!*fields[i])
            return false;
    }
    return true;
}

/* An announcement with the runner's end of the worker's socket; fd -1: without. */
static bool announce(int control, struct announcement a, int fd)
{
    union control rights = { 0 };
    struct iovec part = { &a, sizeof(a) };
    struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1 };
    if (fd >= 0) {
        m.msg_control = &rights;
        m.msg_controllen = sizeof(rights);
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(fd));
        memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    }
    return sendmsg(control, &m, MSG_NOSIGNAL) == (ssize_t)sizeof(a);
}

/* One more spare; false where there can be none any more. */
static bool make_spare(const struct forker_job *f, int32_t likely)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return announce(f->control, (struct announcement){ .pid = -errno }, -1) && false;
    long pid = clone_sibling();
    if (pid == 0) {
        close(ends[0]);
        be_worker(f, ends[1], likely);
    }
    struct announcement a = { pid < 0 ? -errno : (int32_t)pid, dr_process_now_ticks() };
    close(ends[1]);
    /* Only the runner's end: a worker may wait until we have read. */
    bool told = fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0 && announce(f->control, a, ends[0]);
    close(ends[0]);
    return told && pid > 0;
}

static int forker_run(void *ctx)
{
    struct forker_job *f = ctx;
    static char text[RUN_TEXT_MAX];
    f->subst = *f->base->subst;
    if (!receive_run(f->control, text, &f->subst))
        return 0;
    int32_t likely = -1;
    while (make_spare(f, likely) && recv(f->control, &likely, sizeof(likely), 0) == (ssize_t)sizeof(likely))
        ;
    return 0;
}

/* ---- in the runner ---- */

int32_t dr_forker_start(struct dr_forker *f, const struct dr_worker_job *base, int null_fd,
                        struct dr_err *err)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return dr_fail_sys(err, "cannot make a socket pair");
    struct forker_job job = { .base = base, .control = ends[1], .runner = getpid() };
    struct dr_process_spec spec = { .run = forker_run, .ctx = &job, .null_fd = null_fd, .keep_fd = ends[1] };
    int32_t rc = dr_process_fork(&spec, &f->process, err);
    close(ends[1]);
    if (rc) {
        close(ends[0]);
        return rc;
    }
    f->control = ends[0];
    f->owed = false;
    return DR_OK;
}

int32_t dr_forker_tell_run(struct dr_forker *f, const struct dr_subst *s, struct dr_err *err)
{
    char text[RUN_TEXT_MAX];
    int n = snprintf(text, sizeof(text), "%s\n%s\n%s\n%s", s->run_id, s->logical_date, s->data_interval_start,
                     s->data_interval_end);
    if (n < 0 || (size_t)n >= sizeof(text))
        return dr_fail(err, DR_ELIMIT, "the run's id is too long");
    if (send(f->control, text, (size_t)n, MSG_NOSIGNAL) != n)
        return dr_fail_sys(err, "the process that forks workers is gone");
    return DR_OK;
}

static int descriptor_of(struct msghdr *m)
{
    int fd = -1;
    struct cmsghdr *c = CMSG_FIRSTHDR(m);
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(c), sizeof(fd));
    return fd;
}

/* The next announcement, all 0 where nothing comes, and its descriptor or -1. */
static struct announcement next_spare(const struct dr_forker *f, int flags, int *ret_fd)
{
    struct announcement a;
    union control rights;
    struct iovec part = { &a, sizeof(a) };
    struct msghdr m = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &rights, .msg_controllen = sizeof(rights)
    };
    ssize_t n;
    while ((n = recvmsg(f->control, &m, flags | MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
        ;
    *ret_fd = n > 0 ? descriptor_of(&m) : -1;
    return n == (ssize_t)sizeof(a) ? a : (struct announcement){ 0 };
}

static int32_t fail_take(struct dr_forker *f, int32_t why, struct dr_err *err)
{
    dr_forker_stop(f);
    if (why == 0)
        return dr_fail(err, DR_ESYS, "the process that forks workers is gone");
    errno = why;
    return dr_fail_sys(err, "cannot fork");
}

int32_t dr_forker_take(struct dr_forker *f, struct dr_process *ret, int *ret_fd, struct dr_err *err)
{
    if (f->control < 0)
        return dr_fail(err, DR_ENOTFOUND, "there is no process that forks workers");
    dr_forker_next(f, -1);
    DR_AUTO_FD fd = -1;
    struct announcement a = next_spare(f, 0, &fd);
    if (a.pid <= 0 || fd < 0)
        return fail_take(f, -a.pid, err);
    f->owed = true;
    DR_TRY(dr_process_adopt(a.pid, a.start_ticks, ret, err));
    *ret_fd = fd;
    fd = -1;
    return DR_OK;
}

int32_t dr_forker_give(int fd, int32_t task, int32_t attempt, bool has_folders, struct dr_err *err)
{
    struct request q = { task, attempt, has_folders };
    if (send(fd, &q, sizeof(q), MSG_NOSIGNAL) != (ssize_t)sizeof(q))
        return dr_fail_sys(err, "cannot give a worker its task");
    return DR_OK;
}

void dr_forker_next(struct dr_forker *f, int32_t likely)
{
    /* A forker that is gone shows when the next worker is taken. */
    if (f->control >= 0 && f->owed)
        (void)send(f->control, &likely, sizeof(likely), MSG_NOSIGNAL);
    f->owed = false;
}

static void kill_and_reap(struct dr_process *p)
{
    struct dr_process_end end;
    dr_process_signal(p, SIGKILL);
    (void)dr_process_reap(p, &end, NULL);
}

/* The forker first, so that nothing new comes; then the spare it leaves. */
void dr_forker_stop(struct dr_forker *f)
{
    struct dr_process spare;
    struct announcement a;
    int fd;
    if (f->control < 0)
        return;
    kill_and_reap(&f->process);
    while ((a = next_spare(f, MSG_DONTWAIT, &fd)).pid > 0) {
        close(fd);
        if (dr_process_adopt(a.pid, a.start_ticks, &spare, NULL) == DR_OK)
            kill_and_reap(&spare);
    }
    close(f->control);
    f->control = -1;
}
