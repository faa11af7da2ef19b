/* worker.h - the child side of a task attempt: everything that happens in the
 * process that loads the plugin. Layer: exec. */
#ifndef DR_WORKER_H
#define DR_WORKER_H
#include "model/dag.h"

/* What the runner knows at the fork; the child has it in its copy of memory, so
 * nothing is parsed or sent again. All borrowed. */
struct dr_worker_job {
    const struct dr_home *home;
    const struct dr_dag *dag;
    const struct dr_task_def *def;
    const struct dr_subst *subst; /* the run's ${...} */
    int32_t attempt, threads;
    bool has_folders; /* the attempt's folder was made for it, and is empty */
    int msg_fd;       /* the pipe to the runner: messages of exec/msg.h */
};
/* The attempt, from its log file to its final message; gives the exit code. ctx
 * is a struct dr_worker_job; fits struct dr_process_spec. */
int dr_worker_run(void *ctx);
/* While there is no task yet: enter the home and load the plugin of `likely`, so that
 * a task that uses it finds it loaded. Nothing is said of what fails: it will fail
 * again when a task asks for it. likely may be NULL. */
void dr_worker_load_ahead(const struct dr_home *home, const struct dr_task_def *likely);
#endif
