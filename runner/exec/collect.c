/* collect.c - a child that is asked something, and that may crash, hang or talk without end. */
#include "exec/collect.h"
#include "base/date.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#define TIMEOUT_US (5 * DR_US_PER_S)

/* Everything until the end of the pipe; false where it did not come in time, or was too much. */
static bool collect(int fd, struct dr_buf *out)
{
    int64_t until = dr_monotonic_us() + TIMEOUT_US;
    for (;;) {
        int64_t left = until - dr_monotonic_us();
        struct pollfd wait = { .fd = fd, .events = POLLIN };
        int ready = left > 0 ? poll(&wait, 1, (int)(left / 1000) + 1) : 0;
        if (ready == 0)
            return false;
        char *p = dr_buf_reserve(out, 65536);
        if (!p)
            return false;
        ssize_t n = ready > 0 ? read(fd, p, 65536) : -1;
        if (n == 0)
            return true;
        if (n < 0 && errno != EINTR)
            return false;
        out->n += n > 0 ? (size_t)n : 0;
    }
}

int32_t dr_ask_child(int (*run)(void *ctx), void *ctx, int *fd, struct dr_buf *out, struct dr_answer *ret,
                     struct dr_err *err)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return dr_fail_sys(err, "cannot make a pipe");
    DR_AUTO_FD from = fds[0];
    *fd = fds[1];
    struct dr_process_spec spec = { .run = run, .ctx = ctx, .null_fd = -1, .keep_fd = fds[1] };
    struct dr_process child;
    int32_t rc = dr_process_fork(&spec, &child, err);
    close(fds[1]);
    if (rc)
        return rc;
    ret->in_time = collect(from, out);
    if (!ret->in_time)
        dr_process_signal(&child, SIGKILL);
    return dr_process_reap(&child, &ret->end, err);
}
