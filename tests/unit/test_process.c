#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include "exec/process.h"

#define PATIENCE_MS 60000 /* only where the test fails */

static struct dr_process start(int (*run)(void *), void *ctx, int keep_fd)
{
    struct dr_process_spec spec = { .run = run, .ctx = ctx, .null_fd = -1, .keep_fd = keep_fd };
    struct dr_process p;
    struct dr_err err;
    if (dr_process_fork(&spec, &p, &err))
        fail_msg("%s", err.msg);
    return p;
}

static struct dr_process_end reap(struct dr_process *p)
{
    struct dr_process_end end;
    struct dr_err err;
    if (dr_process_reap(p, &end, &err))
        fail_msg("%s", err.msg);
    return end;
}

static int give(void *ctx)
{
    return *(int *)ctx;
}

static int wait_for_ever(void *ctx)
{
    (void)ctx;
    while (pause() < 0)
        ;
    return 0;
}

static void the_exit_code_comes_back(void **state)
{
    (void)state;
    int code = 42;
    struct dr_process p = start(give, &code, -1);
    struct dr_process_end end = reap(&p);
    assert_int_equal(42, end.code);
    assert_int_equal(0, end.signal);
    assert_true(end.max_rss > 0);
    assert_int_equal(-1, p.pidfd);
}

static void the_pidfd_tells_the_end(void **state)
{
    (void)state;
    struct dr_process p = start(wait_for_ever, NULL, -1);
    struct pollfd wait = { .fd = p.pidfd, .events = POLLIN };
    assert_int_equal(0, poll(&wait, 1, 0));
    dr_process_signal(&p, SIGTERM);
    assert_int_equal(1, poll(&wait, 1, PATIENCE_MS));
    assert_int_equal(SIGTERM, reap(&p).signal);
}

static int ignore_parent_handlers(void *ctx)
{
    (void)ctx;
    raise(SIGUSR1);
    return 0;
}

static void handler(int signal)
{
    (void)signal;
    _exit(77);
}

static void handlers_of_the_parent_do_not_run_in_the_child(void **state)
{
    (void)state;
    void (*before)(int) = signal(SIGUSR1, handler);
    struct dr_process p = start(ignore_parent_handlers, NULL, -1);
    struct dr_process_end end = reap(&p);
    signal(SIGUSR1, before);
    assert_int_equal(SIGUSR1, end.signal);
}

static int count_descriptors(void *ctx)
{
    (void)ctx;
    int n = 0;
    for (int fd = 3; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void the_child_keeps_one_descriptor_at_most(void **state)
{
    (void)state;
    int fds[6];
    for (int i = 0; i < 6; i++)
        fds[i] = open("/dev/null", O_RDONLY);
    struct dr_process none = start(count_descriptors, NULL, -1), one = start(count_descriptors, NULL, fds[3]);
    assert_int_equal(0, reap(&none).code);
    assert_int_equal(1, reap(&one).code);
    for (int i = 0; i < 6; i++)
        close(fds[i]);
}

static int leave_a_child(void *ctx)
{
    (void)ctx;
    if (fork() == 0)
        wait_for_ever(NULL);
    return 0;
}

static void the_group_is_killed_when_its_leader_is_reaped(void **state)
{
    (void)state;
    int fds[2];
    char byte;
    assert_int_equal(0, pipe2(fds, O_CLOEXEC));
    struct dr_process p = start(leave_a_child, NULL, fds[1]);
    close(fds[1]);
    (void)reap(&p);
    /* The grandchild held the pipe; its death closes it. */
    struct pollfd wait = { .fd = fds[0], .events = POLLIN };
    assert_int_equal(1, poll(&wait, 1, PATIENCE_MS));
    assert_int_equal(0, read(fds[0], &byte, 1));
    close(fds[0]);
}

/* A process that forks one of ours and dies at once. */
static int die_with_a_child(void *ctx)
{
    struct dr_process_spec spec = { .run = wait_for_ever, .null_fd = -1, .keep_fd = *(int *)ctx };
    struct dr_process p;
    (void)dr_process_fork(&spec, &p, NULL);
    kill(getpid(), SIGKILL);
    return 0;
}

static void a_child_dies_with_its_parent(void **state)
{
    (void)state;
    int fds[2];
    char byte;
    assert_int_equal(0, pipe2(fds, O_CLOEXEC));
    struct dr_process p = start(die_with_a_child, &fds[1], fds[1]);
    close(fds[1]);
    assert_int_equal(SIGKILL, reap(&p).signal);
    struct pollfd wait = { .fd = fds[0], .events = POLLIN };
    assert_int_equal(1, poll(&wait, 1, PATIENCE_MS));
    assert_int_equal(0, read(fds[0], &byte, 1));
    close(fds[0]);
}

static void the_start_time_is_that_of_proc(void **state)
{
    (void)state;
    int64_t ticks, before = dr_process_now_ticks();
    struct dr_process p = start(wait_for_ever, NULL, -1);
    int64_t after = dr_process_now_ticks();
    assert_int_equal(DR_OK, dr_process_start_ticks(p.pid, &ticks, NULL));
    /* However long the fork took: both are between, to within one tick. */
    assert_in_range(ticks, before - 1, after + 1);
    assert_in_range(p.start_ticks, before, after);
    dr_process_signal(&p, SIGKILL);
    (void)reap(&p);
    assert_int_equal(DR_ENOTFOUND, dr_process_start_ticks(p.pid, &ticks, NULL));
}

static void the_mask_of_the_caller_is_kept(void **state)
{
    (void)state;
    int code = 0;
    sigset_t usr2, after;
    sigemptyset(&usr2);
    sigaddset(&usr2, SIGUSR2);
    sigprocmask(SIG_SETMASK, &usr2, NULL);
    struct dr_process p = start(give, &code, -1);
    sigprocmask(SIG_UNBLOCK, &usr2, &after);
    assert_true(sigismember(&after, SIGUSR2));
    assert_false(sigismember(&after, SIGTERM));
    (void)reap(&p);
}

static void signals_have_names(void **state)
{
    (void)state;
    char buf[24];
    assert_string_equal("SIGSEGV", dr_signal_name(SIGSEGV, buf));
    assert_string_equal("signal 999", dr_signal_name(999, buf));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_exit_code_comes_back),
        cmocka_unit_test(the_pidfd_tells_the_end),
        cmocka_unit_test(handlers_of_the_parent_do_not_run_in_the_child),
        cmocka_unit_test(the_child_keeps_one_descriptor_at_most),
        cmocka_unit_test(the_group_is_killed_when_its_leader_is_reaped),
        cmocka_unit_test(a_child_dies_with_its_parent),
        cmocka_unit_test(the_start_time_is_that_of_proc),
        cmocka_unit_test(the_mask_of_the_caller_is_kept),
        cmocka_unit_test(signals_have_names),
    };
    int fd = pidfd_open(getpid(), 0);
    if (fd < 0) /* valgrind 3.19 */
        return 0;
    close(fd);
    return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
