/* worker.h - the child side of a task attempt: everything that happens in the
 * process that loads the plugin. Layer: exec. */
#ifndef DR_WORKER_H
#define DR_WORKER_H
#include "model/dag.h"

enum dr_worker_flag {
    /* An attempt of this number that a dead runner had started and not recorded may have left
     * something: that is removed, its log goes on. */
    DR_WORKER_IS_RESUMED = 1 << 0,
    /* No other task is unfinished, and the runner writes a report at the end. */
    DR_WORKER_IS_LAST = 1 << 1
};
/* What the runner knows at the fork; the child has it in its copy of memory, so
 * nothing is parsed or sent again. All borrowed. */
struct dr_worker_job {
    const struct dr_home *home;
    const struct dr_dag *dag;
    const struct dr_task_def *def;
    const struct dr_subst *subst; /* the run's ${...} */
    int32_t attempt, threads;
    uint32_t flags; /* enum dr_worker_flag */
    int msg_fd;     /* the pipe to the runner: messages of exec/msg.h */
};
/* The attempt, from its log file to its final message; gives the exit code. ctx
 * is a struct dr_worker_job; fits struct dr_process_spec. */
int dr_worker_run(void *ctx);
/* In a process that will be forked for attempts: do now what would cost each of them a little. */
void dr_worker_warm_up(void);
/* In a process that waits for the task that it will be given: go once through what does not depend
 * on the task, so that the pages it touches are there when it comes. */
void dr_worker_rehearse(const struct dr_worker_job *base);
/* In a process that will be forked for attempts of this task's plugin: load it, so that they
 * find it loaded. False where it cannot be loaded, or where children cannot share what it did
 * then: it started threads, which they would not have, or opened files, whose position all
 * of them would move. */
bool dr_worker_keep_plugin(const struct dr_home *home, const struct dr_task_def *def);
#endif
