/* loop.c - over libevent_core. Only what the executor needs of it shows: libevent's
 * own signal handling is not used, since the runner blocks signals and
 * reads them from a signalfd. */
#include "exec/loop.h"
#include <event2/event.h>
#include <sys/time.h>

struct dr_loop {
    struct event_base *base; /* owned */
};

struct dr_watcher {
    struct event *event; /* owned */
    dr_loop_fn *fn;
    void *ctx; /* borrowed */
};

/* Whatever libevent would print comes back as an error of the call. */
static void say_nothing(int severity, const char *text)
{
    (void)severity, (void)text;
}

int32_t dr_loop_new(struct dr_loop **ret, struct dr_err *err)
{
    event_set_log_callback(say_nothing);
    struct event_config *config = event_config_new();
    if (!config)
        dr_die_oom(0);
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV);
    struct event_base *base = event_base_new_with_config(config);
    event_config_free(config);
    if (!base)
        return dr_fail_sys(err, "cannot make an event loop");
    struct dr_loop *l = dr_calloc(1, sizeof(*l));
    l->base = base;
    *ret = l;
    return DR_OK;
}

void dr_loop_free(struct dr_loop *l)
{
    if (!l)
        return;
    event_base_free(l->base);
    free(l);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct dr_watcher *w = arg;
    w->fn(w->ctx); /* may free w */
}

static struct dr_watcher *watcher_new(struct dr_loop *l, int fd, short what, dr_loop_fn *fn, void *ctx)
{
    struct dr_watcher *w = dr_calloc(1, sizeof(*w));
    w->fn = fn;
    w->ctx = ctx;
    w->event = event_new(l->base, fd, what, on_event, w);
    if (!w->event)
        dr_die_oom(sizeof(*w));
    return w;
}

int32_t dr_loop_readable(struct dr_loop *l, int fd, dr_loop_fn *fn, void *ctx, struct dr_watcher **ret,
                         struct dr_err *err)
{
    struct dr_watcher *w = watcher_new(l, fd, EV_READ | EV_PERSIST, fn, ctx);
    if (event_add(w->event, NULL) < 0) {
        dr_fail_sys(err, "cannot watch descriptor %d", fd);
        dr_watcher_free(w);
        return DR_ESYS;
    }
    *ret = w;
    return DR_OK;
}

struct dr_watcher *dr_loop_timer(struct dr_loop *l, dr_loop_fn *fn, void *ctx)
{
    return watcher_new(l, -1, 0, fn, ctx);
}

void dr_timer_start(struct dr_watcher *timer, int64_t us)
{
    if (us < 0)
        us = 0;
    struct timeval after = { .tv_sec = us / 1000000, .tv_usec = us % 1000000 };
    /* Adding a timer can fail only for want of memory. */
    if (event_add(timer->event, &after) < 0)
        dr_die_oom(sizeof(after));
}

void dr_timer_stop(struct dr_watcher *timer)
{
    if (timer)
        event_del(timer->event);
}

void dr_watcher_free(struct dr_watcher *w)
{
    if (!w)
        return;
    event_free(w->event);
    free(w);
}

int32_t dr_loop_turn(struct dr_loop *l, struct dr_err *err)
{
    int rc = event_base_loop(l->base, EVLOOP_ONCE);
    if (rc < 0)
        return dr_fail_sys(err, "the event loop failed");
    if (rc > 0)
        return dr_fail(err, DR_EBUG, "the event loop has nothing to wait for");
    return DR_OK;
}
