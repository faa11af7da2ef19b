/* executor.h - run one DAG run to its end. Layer: exec. */
#ifndef DR_EXECUTOR_H
#define DR_EXECUTOR_H
#include "state/state.h"

enum dr_exec_event_kind {
    DR_EXEC_RUN_START,
    DR_EXEC_TASK,     /* a task's state changed */
    DR_EXEC_PROGRESS, /* done and total changed */
    DR_EXEC_TICK,     /* about ten times a second while something runs, if wants_ticks */
    DR_EXEC_RUN_END
};
struct dr_exec_task_view {
    const struct dr_task_def *def;
    enum dr_task_state state;
    int32_t attempt;
    int64_t started_us, ended_us; /* dr_now_us clock; 0: not yet */
    int64_t done, total;          /* progress */
    const char *reason;           /* why it waits, failed or was skipped; or NULL */
};
struct dr_exec_view {
    const struct dr_dag *dag;
    const char *run_id;
    enum dr_run_state state;
    int64_t started_us, ended_us;          /* as the run store has them; ended_us 0: not yet */
    const struct dr_exec_task_view *tasks; /* the DAG's order */
    int32_t running, max_active_tasks;
};
struct dr_exec_watch {
    void (*event)(void *ctx, enum dr_exec_event_kind kind, const struct dr_exec_view *view, int32_t task);
    void *ctx;
    bool wants_ticks;
};
/* Who writes reports, which is not this layer. A task that is the last of its run may leave the report
 * to the end of the run. */
struct dr_exec_report {
    /* Such a task is about to end: what, of the report, makes it fail? */
    int32_t (*check)(void *ctx, struct dr_state *s, int64_t run, const char *run_id, struct dr_err *err);
    /* The end of the run is recorded, and the run store still open. */
    void (*write)(void *ctx, struct dr_state *s, const char *run_id);
    void *ctx;
};
struct dr_exec_options {
    const struct dr_home *home;
    const struct dr_dag *dag;     /* loaded without errors, with specs */
    const char *run_id;           /* of a new run; NULL: made from run_type and the logical date */
    const char *run_type;         /* "manual" */
    const struct dr_node *params; /* MAP: the run's parameters, complete */
    int64_t logical_us;           /* 0: now */
    int64_t resume_run;           /* key of a run to resume (retry) instead of a new one; 0: none */
    const int64_t
        *resume_tasks; /* keys of tasks to run again with all that depends on them, finished or not */
    int32_t n_resume_tasks;
    int32_t jobs;                        /* attempts at once; 0: processors, at least 2 */
    int32_t threads;                     /* per attempt; 0: processors */
    int64_t wait_lock_us;                /* how long to wait for the DAG's lock; 0: fail at once */
    int64_t grace_us;                    /* between SIGTERM and SIGKILL; 0: 5 s */
    bool trace;                          /* log decisions to stderr */
    const char *program;                 /* version text */
    const struct dr_exec_watch *watch;   /* or NULL */
    const struct dr_exec_report *report; /* or NULL: tasks write reports by themselves */
};
struct dr_exec_outcome {
    char run_id[256];
    int64_t run; /* key */
    enum dr_run_state state;
    int32_t tasks, success, failed, skipped; /* failed counts upstream_failed */
    bool cancelled_by_signal;
    int32_t signal;
};
/* Run a DAG: takes the DAG's lock (DR_EBUSY names the holder), recovers a run
 * whose runner died (its attempts are marked lost, and it is failed unless it is the one resumed),
 * and returns once every task is final. A run that fails is an outcome, not an error. */
int32_t dr_exec_run(const struct dr_exec_options *o, struct dr_exec_outcome *ret, struct dr_err *err);
/* Mark what dead runners left behind; safe at any time, by anyone. *ret_n: runs recovered. */
int32_t dr_exec_recover(const struct dr_home *h, int32_t *ret_n, struct dr_err *err);
/* Ask the runner of a run to stop (SIGTERM) ; DR_ENOTFOUND where none runs it. */
int32_t dr_exec_cancel(const struct dr_home *h, const struct dr_run_row *run, struct dr_err *err);
/* var/runs/DAG/RUN_ID/TASK/ATTEMPT in the arena; task NULL: the run's folder; attempt 0: the task's. */
char *dr_exec_dir(struct dr_arena *a, const struct dr_home *h, const char *dag_id, const char *run_id,
                  const char *task_id, int32_t attempt);
/* var/runs/DAG/RUN_ID/TASK@ATTEMPT.log */
char *dr_exec_log(struct dr_arena *a, const struct dr_home *h, const char *dag_id, const char *run_id,
                  const char *task_id, int32_t attempt);
#endif
