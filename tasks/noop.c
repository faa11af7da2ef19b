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

static int32_t noop(struct dr_task *t)
{
    int64_t us = dr_node_duration(dr_task_param(t, "sleep"), 0);
    struct timespec left = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };
    while (us > 0 && nanosleep(&left, &left) != 0 && errno == EINTR && !dr_task_cancelled(t))
        ;
    return 0;
}

DR_PLUGIN(.name = "noop", .summary = "Does nothing, or waits", .params = params, .run = noop);
