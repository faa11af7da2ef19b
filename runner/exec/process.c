/* process.c - fork, and what must happen around it.
 *
 * Order in the child (after libuv): signals are all blocked before the fork, so
 * no handler of the parent's runs here; then default dispositions, an own group
 * (the parent sets it too: whoever comes first), the death signal, a check that
 * the parent did not die before that was set, descriptors, and last the mask.
 *
 * A group is killed while its leader is still a zombie: until the leader is
 * reaped neither its pid nor its group id can be anybody else's. */
#include "exec/process.h"
#include "base/file.h"
#include "base/num.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Whatever a handler of the parent's would do here, it would be wrong. Only the
 * real-time signals are left out, to save their system calls: nothing uses them.
 * SIGXFSZ stays as main has it, ignored: a task then fails with a reason. */
static void reset_signals(void)
{
    for (int i = 1; i < 32; i++)
        if (i != SIGKILL && i != SIGSTOP && i != SIGXFSZ)
            signal(i, SIG_DFL);
}

static void close_all_but(int keep)
{
    if (keep > 3)
        close_range(3, (unsigned)keep - 1, 0);
    close_range(keep < 3 ? 3 : (unsigned)keep + 1, ~0u, 0);
}

void dr_process_tie(pid_t parent)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
}

void dr_process_silence(void)
{
    DR_AUTO_FD null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        return;
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
}

/* A coverage build writes its counters in an exit handler, which _exit skips. */
extern void __gcov_dump(void) __attribute__((weak));

void dr_process_exit(int code)
{
    if (__gcov_dump)
        __gcov_dump();
    _exit(code);
}

static _Noreturn void child(const struct dr_process_spec *spec, pid_t parent)
{
    reset_signals();
    dr_process_tie(parent);
    if (spec->null_fd >= 0)
        dup2(spec->null_fd, STDIN_FILENO);
    close_all_but(spec->keep_fd);
    dr_mem_seal();
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    dr_process_exit(spec->run(spec->ctx));
}

/* Now, in the unit and epoch of /proc/PID/stat: cheaper than reading that file
 * for each attempt, and exact to one tick. */
int64_t dr_process_now_ticks(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    int64_t hz = sysconf(_SC_CLK_TCK);
    return t.tv_sec * hz + t.tv_nsec * hz / 1000000000;
}

int32_t dr_process_fork(const struct dr_process_spec *spec, struct dr_process *ret, struct dr_err *err)
{
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    fflush(NULL);
    pid_t parent = getpid(), pid = fork();
    if (pid == 0)
        child(spec, parent);
    int why = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = why;
    if (pid < 0)
        return dr_fail_sys(err, "cannot fork");
    return dr_process_adopt(pid, dr_process_now_ticks(), ret, err);
}

int32_t dr_process_adopt(pid_t pid, int64_t start_ticks, struct dr_process *ret, struct dr_err *err)
{
    setpgid(pid, pid);
    struct dr_process p = { .pid = pid, .start_ticks = start_ticks };
    p.pidfd = pidfd_open(pid, 0); /* close-on-exec by itself */
    if (p.pidfd < 0) {
        dr_fail_sys(err, "cannot open a pidfd");
        struct dr_process_end end;
        dr_process_signal(&p, SIGKILL);
        (void)dr_process_reap(&p, &end, NULL);
        return DR_ESYS;
    }
    *ret = p;
    return DR_OK;
}

void dr_process_signal(const struct dr_process *p, int signal)
{
    kill(-p->pid, signal);
}

static int64_t timeval_us(struct timeval t)
{
    return (int64_t)t.tv_sec * 1000000 + t.tv_usec;
}

/* Until the process has ended, leaving it unreaped. */
static void wait_end(int pidfd)
{
    siginfo_t info;
    while (pidfd >= 0 && waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR)
        ;
}

int32_t dr_process_reap(struct dr_process *p, struct dr_process_end *ret, struct dr_err *err)
{
    struct rusage used;
    int status;
    wait_end(p->pidfd);
    kill(-p->pid, SIGKILL);
    pid_t got;
    while ((got = wait4(p->pid, &status, 0, &used)) < 0 && errno == EINTR)
        ;
    if (p->pidfd >= 0)
        close(p->pidfd);
    p->pidfd = -1;
    if (got < 0)
        return dr_fail_sys(err, "cannot wait for process %d", (int)p->pid);
    *ret = (struct dr_process_end){
        .code = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
        .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
        .cpu_us = timeval_us(used.ru_utime) + timeval_us(used.ru_stime),
        .max_rss = (int64_t)used.ru_maxrss * 1024,
    };
    return DR_OK;
}

/* Field 22 of /proc/PID/stat. The name in field 2 may hold anything, so fields
 * are counted from the last ')'. */
static bool parse_start_ticks(struct dr_str stat, int64_t *ret)
{
    const char *end = memrchr(stat.p, ')', stat.n);
    if (!end || (size_t)(end - stat.p) + 2 > stat.n)
        return false;
    struct dr_str rest = { end + 2, stat.n - (size_t)(end - stat.p) - 2 }, field;
    for (int i = 3; i <= 22; i++)
        if (!dr_str_split(&rest, ' ', &field))
            return false;
    return dr_parse_i64(field, ret);
}

int32_t dr_process_start_ticks(pid_t pid, int64_t *ret, struct dr_err *err)
{
    char path[40];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    DR_AUTO_ARENA arena = { 0 };
    struct dr_str text;
    if (dr_read_file(&arena, path, 8192, &text, NULL) || !parse_start_ticks(text, ret))
        return dr_fail(err, DR_ENOTFOUND, "there is no process %d", (int)pid);
    return DR_OK;
}

void dr_boot_id(char ret[40])
{
    DR_AUTO_ARENA arena = { 0 };
    struct dr_str text = { "", 0 };
    if (dr_read_file(&arena, "/proc/sys/kernel/random/boot_id", 64, &text, NULL))
        text.n = 0;
    text = dr_str_trim(text);
    snprintf(ret, 40, "%.*s", (int)text.n, text.p);
}

const char *dr_signal_name(int signal, char buf[24])
{
    const char *name = sigabbrev_np(signal);
    if (name)
        snprintf(buf, 24, "SIG%s", name);
    else
        snprintf(buf, 24, "signal %d", signal);
    return buf;
}
