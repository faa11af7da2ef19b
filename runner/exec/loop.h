/* loop.h - the event loop: descriptors that become readable, and timers. The
 * one module that includes event2. Layer: exec.
 *
 * Single-threaded. A callback may free any watcher, its own included. Signals
 * come as a signalfd, the end of a process as a pidfd: both are descriptors. */
#ifndef DR_LOOP_H
#define DR_LOOP_H
#include "base/str.h"

struct dr_loop;
struct dr_watcher; /* a descriptor or a timer; owned by who made it */
typedef void dr_loop_fn(void *ctx);

int32_t dr_loop_new(struct dr_loop **ret, struct dr_err *err);
void dr_loop_free(struct dr_loop *l); /* after its watchers; NULL is fine */
/* Call fn whenever fd is readable, until the watcher is freed. fd is borrowed;
 * free the watcher before closing it. */
int32_t dr_loop_readable(struct dr_loop *l, int fd, dr_loop_fn *fn, void *ctx, struct dr_watcher **ret,
                         struct dr_err *err);
/* A timer, not yet running. */
struct dr_watcher *dr_loop_timer(struct dr_loop *l, dr_loop_fn *fn, void *ctx);
/* Call the timer's fn once, us microseconds from now; a running one is moved. */
void dr_timer_start(struct dr_watcher *timer, int64_t us);
void dr_timer_stop(struct dr_watcher *timer); /* NULL is fine */
void dr_watcher_free(struct dr_watcher *w);   /* NULL is fine */
/* Wait until something happens and call what is due; DR_EBUG where nothing
 * is watched, since that wait would never end. */
int32_t dr_loop_turn(struct dr_loop *l, struct dr_err *err);
#endif
