/* forker.h - a small process that forks the workers of a run. Layer: exec.
 *
 * It is made before the run store is opened, and does nothing but fork. So
 * workers inherit no SQLite connection, no lock and no watched descriptor, and the
 * runner's own memory is never shared with a child, which would cost it a page
 * fault for each page it touches after each fork. It forks one worker ahead, while
 * others run, so that a task that becomes ready need not wait for a fork. Workers
 * are children of the runner all the same (CLONE_PARENT), and die with it.
 *
 * A forker can be made for one plugin: it has loaded it, and so have its workers when
 * they are born. */
#ifndef DR_FORKER_H
#define DR_FORKER_H
#include "exec/process.h"
#include "exec/worker.h"

struct dr_forker {
    struct dr_process process;
    int control; /* owned; -1: there is no forker */
    bool owed;   /* a worker was taken, and the next one is not asked for yet */
};
/* base: home, DAG, threads, and of subst the parameters; borrowed until the call
 * returns (the forker has its own copy of all memory). */
int32_t dr_forker_start(struct dr_forker *f, const struct dr_worker_job *base, int null_fd,
                        struct dr_err *err);
/* Once it is known: the run's id and dates. Texts without newlines. */
int32_t dr_forker_tell_run(struct dr_forker *f, const struct dr_subst *s, struct dr_err *err);
/* A worker that has been forked and waits for its task. */
struct dr_spare {
    struct dr_process process; /* a child of ours */
    int messages;              /* where its messages will come through; non-blocking; the caller's to close */
    int orders;                /* where it waits for its task; dr_forker_give closes it */
};
/* Where there is no worker any more the forker is stopped: then dr_process_fork is the way. */
int32_t dr_forker_take(struct dr_forker *f, struct dr_spare *ret, struct dr_err *err);
/* Give a worker its task, with flags of enum dr_worker_flag. SIGPIPE is ignored by whoever calls this:
 * the worker may have died. */
int32_t dr_forker_give(struct dr_spare *s, int32_t task, int32_t attempt, uint32_t flags, struct dr_err *err);
/* Ask for the next worker to be forked, at a moment when this process has nothing
 * else to do: the fork then takes no time from the worker just started. */
void dr_forker_next(struct dr_forker *f);
/* Make a forker for the plugin of `task`, between dr_forker_take and dr_forker_next. Only for a
 * plugin that workers have loaded before. One that starts threads or opens files when it is
 * loaded cannot be shared like this: its forker is gone when a worker is taken from it. */
int32_t dr_forker_start_for(struct dr_forker *f, int32_t task, struct dr_forker *ret, struct dr_err *err);
/* Whether dr_forker_take would not wait: a worker is there, or none will come. A plugin may
 * hang when it is loaded; so wait only for a forker that has once been ready. */
bool dr_forker_ready(const struct dr_forker *f);
void dr_forker_stop(struct dr_forker *f); /* safe on one that was never started */
#endif
