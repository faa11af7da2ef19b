/* noop.c - a task that does nothing, for examples, joins and benchmarks. */
#include <dagrun/task.h>
#include <errno.h>
#include <time.h>

static const struct dr_param params[] = {
    { .name = "sleep",
      .type = DR_PARAM_DURATION,
      .fallback = "0s",
      .doc = "How long to wait before it ends." },
    { 0 },
};

/* A duration is checked text such as "1h30m"; bare 0 has no unit. */
static int64_t milliseconds(const char *text)
{
    int64_t total = 0, n = 0;
    for (const char *p = text; *p; p++) {
        if (*p >= '0' && *p <= '9') {
            n = n * 10 + (*p - '0');
            continue;
        }
        if (*p == 'm' && p[1] == 's') {
            total += n;
            p++;
        } else {
            total += n * (*p == 'd' ? 86400000 : *p == 'h' ? 3600000 : *p == 'm' ? 60000 : 1000);
        }
        n = 0;
    }
    return total;
}

static int32_t noop(struct dr_task *t)
{
    int64_t ms = milliseconds(dr_node_str(dr_task_param(t, "sleep"), "0s"));
    struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
    while (ms > 0 && nanosleep(&left, &left) != 0 && errno == EINTR && !dr_task_cancelled(t))
        ;
    return 0;
}

DR_PLUGIN(.name = "noop", .summary = "Does nothing, or waits", .params = params, .run = noop);
