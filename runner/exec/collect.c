/* collect.c - reading a pipe until its end, or until time is up. */
#include "exec/collect.h"
#include "base/date.h"
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#define TIMEOUT_US (5 * DR_US_PER_S)

bool dr_collect(int fd, struct dr_buf *out)
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
