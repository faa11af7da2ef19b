/* forker.c - one worker is kept ready:
 *
 *     forker                           spare worker               runner
 *     two pipes, clone, announce:
 *     pid and our ends ---------------------------------------->  take
 *     wait for a word                  wait for a task   <------  give: task, attempt
 *                                      become that attempt,
 *                                      messages          ------>
 *     the next one ...  <---------------------------------------  next
 *
 * Each worker has pipes of its own, so a task can reach no other worker than the one
 * that was taken. They are pipes because the kernel looks for lost cycles whenever a socket is
 * closed while another is on its way through a socket, and one nearly always is.
 *
 * Asked for it, a forker makes another forker instead: that one loads a plugin, once for
 * all the workers it will fork. So what a plugin does when it is loaded touches no other
 * plugin's workers, and a plugin that crashes or hangs there harms nobody: the runner
 * goes on with the forker that has loaded none.
 *
 * clone is called directly because libc's fork has no CLONE_PARENT. What libc
 * would do besides is not needed in a process with one thread, except that libc
 * remembers the thread's id: CLONE_CHILD_SETTID lets the kernel renew that memory,
 * whose address PR_GET_TID_ADDRESS tells. Where a kernel or a sandbox refuses, the
 * runner forks by itself. */
#include "exec/forker.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { RUN_TEXT_MAX = 4096 };

/* To a forker: what to make. */
enum { MAKE_WORKER = -1 }; /* or else the number of a task, for whose plugin a forker is made */
/* To a worker. */
struct request {
    int32_t task, attempt;
    uint32_t flags; /* enum dr_worker_flag */
};
enum { ENDS_MAX = 2 };
struct announcement {
    int32_t pid; /* or minus errno; 0: nothing came */
    int64_t start_ticks;
};
/* Room for the runner's ends, aligned as a control message must be. */
union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(ENDS_MAX * sizeof(int))];
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
static _Noreturn void be_worker(const struct forker_job *f, int orders, int messages)
{
    struct request q;
    ssize_t n;
    dr_process_tie(f->runner);
    close(f->control);
    struct dr_worker_job job = *f->base;
    job.subst = &f->subst;
    dr_worker_rehearse(&job);
    while ((n = read(orders, &q, sizeof(q))) < 0 && errno == EINTR)
        ;
    if (n != (ssize_t)sizeof(q)) /* fewer bytes than a pipe ever parts */
        _exit(0);
    close(orders);
    job.def = &job.dag->tasks[q.task];
    job.attempt = q.attempt;
    job.flags = q.flags;
    job.msg_fd = messages;
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

/* An announcement with the runner's ends of what the child has. */
static bool announce(int control, struct announcement a, const int *ends, size_t n)
{
    union control rights = { 0 };
    struct iovec part = { &a, sizeof(a) };
    struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1 };
    if (n > 0) {
        m.msg_control = &rights;
        m.msg_controllen = CMSG_SPACE(n * sizeof(*ends));
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(n * sizeof(*ends));
        memcpy(CMSG_DATA(c), ends, n * sizeof(*ends));
    }
    return sendmsg(control, &m, MSG_NOSIGNAL) == (ssize_t)sizeof(a);
}

static bool announce_failure(const struct forker_job *f)
{
    return announce(f->control, (struct announcement){ .pid = -errno }, NULL, 0) && false;
}

/* Of a child that was just made, or not. */
static bool announce_child(const struct forker_job *f, long pid, const int *ends, size_t n)
{
    if (pid < 0)
        return announce_failure(f);
    return announce(f->control, (struct announcement){ (int32_t)pid, dr_process_now_ticks() }, ends, n);
}

/* One more spare; false where there can be none any more. Only the runner's end of the
 * messages does not block: a worker may wait until we have read. */
static bool make_spare(const struct forker_job *f)
{
    int orders[2], messages[2];
    if (pipe2(orders, O_CLOEXEC) < 0)
        return announce_failure(f);
    if (pipe2(messages, O_CLOEXEC) < 0 || fcntl(messages[0], F_SETFL, O_NONBLOCK) < 0)
        return announce_failure(f);
    long pid = clone_sibling();
    if (pid == 0) {
        close(orders[1]);
        close(messages[0]);
        be_worker(f, orders[0], messages[1]);
    }
    close(orders[0]); /* first of all, so that a worker that died is not given anything */
    close(messages[1]);
    bool told = announce_child(f, pid, (int[]){ messages[0], orders[1] }, 2);
    close(orders[1]);
    close(messages[0]);
    return told;
}

static void fork_workers(const struct forker_job *f);

/* For one plugin. What the plugin prints when it is loaded belongs to no attempt. */
static _Noreturn void be_forker(const struct forker_job *f, int control, const struct dr_task_def *def)
{
    struct forker_job own = *f;
    dr_process_tie(f->runner);
    close(f->control);
    own.control = control;
    dr_process_silence();
    if (dr_worker_keep_plugin(own.base->home, def))
        fork_workers(&own);
    dr_process_exit(0);
}

static bool make_forker(const struct forker_job *f, int32_t task)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return announce_failure(f);
    long pid = clone_sibling();
    if (pid == 0) {
        close(ends[0]);
        be_forker(f, ends[1], &f->base->dag->tasks[task]);
    }
    bool told = announce_child(f, pid, ends, 1);
    close(ends[0]);
    close(ends[1]);
    return told;
}

static void fork_workers(const struct forker_job *f)
{
    int32_t what = MAKE_WORKER;
    do {
        if (!(what == MAKE_WORKER ? make_spare(f) : make_forker(f, what)))
            break;
    } while (recv(f->control, &what, sizeof(what), 0) == (ssize_t)sizeof(what));
}

static int forker_run(void *ctx)
{
    struct forker_job *f = ctx;
    static char text[RUN_TEXT_MAX];
    f->subst = *f->base->subst;
    dr_worker_warm_up();
    if (receive_run(f->control, text, &f->subst))
        fork_workers(f);
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

static void descriptors_of(struct msghdr *m, int ends[ENDS_MAX])
{
    struct cmsghdr *c = CMSG_FIRSTHDR(m);
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
        memcpy(ends, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
}

/* The next announcement, all 0 where nothing comes, and its descriptors, or -1. */
static struct announcement next_child(const struct dr_forker *f, int flags, int ends[ENDS_MAX])
{
    struct announcement a;
    union control rights;
    struct iovec part = { &a, sizeof(a) };
    struct msghdr m = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &rights, .msg_controllen = sizeof(rights)
    };
    ssize_t n;
    ends[0] = ends[1] = -1;
    while ((n = recvmsg(f->control, &m, flags | MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
        ;
    if (n > 0)
        descriptors_of(&m, ends);
    return n == (ssize_t)sizeof(a) ? a : (struct announcement){ 0 };
}

static void close_ends(const int ends[ENDS_MAX])
{
    for (int i = 0; i < ENDS_MAX; i++)
        if (ends[i] >= 0)
            close(ends[i]);
}

static int32_t fail_take(struct dr_forker *f, int32_t why, struct dr_err *err)
{
    dr_forker_stop(f);
    if (why == 0)
        return dr_fail(err, DR_ESYS, "the process that forks workers is gone");
    errno = why;
    return dr_fail_sys(err, "cannot fork");
}

/* A child that the forker has made, and n of our ends of what it has. */
static int32_t take_child(struct dr_forker *f, int n, struct dr_process *ret, int ends[ENDS_MAX],
                          struct dr_err *err)
{
    if (f->control < 0)
        return dr_fail(err, DR_ENOTFOUND, "there is no process that forks workers");
    struct announcement a = next_child(f, 0, ends);
    if (a.pid > 0 && ends[n - 1] >= 0)
        DR_TRY(dr_process_adopt(a.pid, a.start_ticks, ret, err));
    else
        DR_TRY(fail_take(f, -a.pid, err));
    return DR_OK;
}

int32_t dr_forker_take(struct dr_forker *f, struct dr_spare *ret, struct dr_err *err)
{
    struct dr_spare s;
    int ends[ENDS_MAX] = { -1, -1 };
    dr_forker_next(f);
    int32_t rc = take_child(f, 2, &s.process, ends, err);
    if (rc) {
        close_ends(ends);
        return rc;
    }
    f->owed = true;
    s.messages = ends[0];
    s.orders = ends[1];
    *ret = s;
    return DR_OK;
}

int32_t dr_forker_give(struct dr_spare *s, int32_t task, int32_t attempt, uint32_t flags, struct dr_err *err)
{
    struct request q = { task, attempt, flags };
    bool given = write(s->orders, &q, sizeof(q)) == (ssize_t)sizeof(q);
    int why = errno;
    close(s->orders);
    s->orders = -1;
    errno = why;
    return given ? DR_OK : dr_fail_sys(err, "cannot give a worker its task");
}

static void order(const struct dr_forker *f, int32_t what)
{
    /* A forker that is gone shows when what it was to make is taken. */
    (void)send(f->control, &what, sizeof(what), MSG_NOSIGNAL);
}

void dr_forker_next(struct dr_forker *f)
{
    if (f->control >= 0 && f->owed)
        order(f, MAKE_WORKER);
    f->owed = false;
}

int32_t dr_forker_start_for(struct dr_forker *f, int32_t task, struct dr_forker *ret, struct dr_err *err)
{
    int ends[ENDS_MAX] = { -1, -1 };
    struct dr_forker made = { .control = -1 };
    if (f->control < 0 || !f->owed)
        return dr_fail(err, DR_EBUG, "the next thing that the forker makes is a worker");
    order(f, task);
    int32_t rc = take_child(f, 1, &made.process, ends, err);
    if (rc) {
        close_ends(ends);
        return rc;
    }
    made.control = ends[0];
    *ret = made;
    return DR_OK;
}

bool dr_forker_ready(const struct dr_forker *f)
{
    struct pollfd p = { .fd = f->control, .events = POLLIN };
    return poll(&p, 1, 0) == 1;
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
    int ends[ENDS_MAX];
    if (f->control < 0)
        return;
    kill_and_reap(&f->process);
    while ((a = next_child(f, MSG_DONTWAIT, ends)).pid > 0) {
        close_ends(ends);
        if (dr_process_adopt(a.pid, a.start_ticks, &spare, NULL) == DR_OK)
            kill_and_reap(&spare);
    }
    close_ends(ends);
    close(f->control);
    f->control = -1;
}
