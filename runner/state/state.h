/* state.h - the run store. Layer: state.
 *
 * Writers: the runner of a run, and CLI verbs that reset or cancel one. Readers:
 * anyone, read-only, at any time (WAL). All times are microseconds since
 * 1970-01-01 UTC here and ISO 8601 UTC text in the database. 0 means "not yet".
 *
 *   run:   queued -> running -> success | failed | cancelled
 *          (failed | cancelled) -> queued by retry
 *   task:  none -> queued -> running -> success | skipped | failed | cancelled
 *          running -> up_for_retry -> queued
 *          none -> upstream_failed | skipped
 *          any terminal state -> none by retry or clear */
#ifndef DR_STATE_H
#define DR_STATE_H
#include "expect/expect.h"
#include "model/dag.h"

enum dr_run_state { DR_RUN_QUEUED, DR_RUN_RUNNING, DR_RUN_SUCCESS, DR_RUN_FAILED, DR_RUN_CANCELLED };
enum dr_task_state {
    DR_TASK_NONE,
    DR_TASK_QUEUED,
    DR_TASK_RUNNING,
    DR_TASK_UP_FOR_RETRY,
    DR_TASK_SUCCESS,
    DR_TASK_FAILED,
    DR_TASK_UPSTREAM_FAILED,
    DR_TASK_SKIPPED,
    DR_TASK_CANCELLED
};
const char *dr_run_state_name(enum dr_run_state s);
const char *dr_task_state_name(enum dr_task_state s);
bool dr_task_state_final(enum dr_task_state s); /* SUCCESS and all after it */
bool dr_run_state_parse(const char *name, enum dr_run_state *ret);

struct dr_state;
enum dr_state_flags {
    DR_STATE_READONLY = 1,
    DR_STATE_FULL_SYNC = 2 /* a commit survives a power failure, and costs 0.2 ms more */
};
/* Opens var/dagrun.db, makes or migrates it. DR_ENOTFOUND where it is absent
 * and READONLY is asked; DR_EDB where a newer program made it; DR_EBUSY, here
 * and below, where another program holds it for more than 5 s. */
int32_t dr_state_open(const struct dr_home *h, int flags, struct dr_state **ret, struct dr_err *err);
void dr_state_close(struct dr_state *s);
/* Several writes as one: BEGIN IMMEDIATE ... COMMIT. The write functions below
 * work inside or outside of one; outside, each is all or nothing by itself.
 * After a failure inside, roll back. Few commits are cheap: end one task, queue
 * and start the next in one transaction. */
int32_t dr_state_begin(struct dr_state *s, struct dr_err *err);
int32_t dr_state_commit(struct dr_state *s, struct dr_err *err);
void dr_state_rollback(struct dr_state *s);

/* ---- writing: runs ---- */
/* Record the DAG's file as a version (found again by hash). */
int32_t dr_state_put_dag(struct dr_state *s, const struct dr_dag *dag, int64_t *ret_version,
                         struct dr_err *err);
struct dr_new_run {
    const struct dr_dag *dag;
    int64_t dag_version;
    const char *run_id;   /* unique per DAG */
    const char *run_type; /* manual, scheduled, backfill */
    int64_t logical_us, interval_start_us, interval_end_us;
    const struct dr_node *params; /* MAP */
    const char *program;          /* version text of the program */
};
/* The run (queued) and a task instance (none) for each task. ret_tasks: n_tasks
 * keys in the DAG's order, allocated by the caller. DR_EBUSY where the run id exists. */
int32_t dr_state_new_run(struct dr_state *s, const struct dr_new_run *r, int64_t *ret_run, int64_t *ret_tasks,
                         struct dr_err *err);
/* Who runs it: pid and start time (clock ticks since boot, /proc/PID/stat field 22) and boot id. */
struct dr_runner_id {
    int64_t pid, start_ticks;
    char boot_id[40];
};
/* from -> to, guarded: DR_EBUSY where the run is not in `from`. The runner is
 * recorded when to is RUNNING. reason may be NULL. */
int32_t dr_state_move_run(struct dr_state *s, int64_t run, enum dr_run_state from, enum dr_run_state to,
                          const char *reason, const struct dr_runner_id *runner, int64_t now_us,
                          struct dr_err *err);
/* ---- writing: tasks ---- */
int32_t dr_state_move_task(struct dr_state *s, int64_t task, enum dr_task_state from, enum dr_task_state to,
                           const char *reason, int64_t next_try_us, int64_t now_us, struct dr_err *err);
/* queued -> running, and a new attempt, in two statements. pid and start_ticks
 * (see struct dr_runner_id) may be 0 where the process is not there yet;
 * dr_state_attempt_pid records them later. number is larger than that of any
 * attempt the task had; it becomes the task's try number, whose results count. */
int32_t dr_state_start_attempt(struct dr_state *s, int64_t task, int32_t number, int64_t pid,
                               int64_t start_ticks, int64_t now_us, int64_t *ret_attempt, struct dr_err *err);
int32_t dr_state_attempt_pid(struct dr_state *s, int64_t attempt, int64_t pid, int64_t start_ticks,
                             struct dr_err *err);
struct dr_attempt_end {
    enum dr_task_state state; /* SUCCESS, SKIPPED, FAILED, UP_FOR_RETRY, CANCELLED: of task and attempt */
    int32_t exit_code;        /* -1: none */
    int32_t signal;           /* 0: none */
    const char *reason;       /* or NULL */
    int64_t next_try_us;      /* UP_FOR_RETRY */
    int64_t cpu_us, max_rss;  /* rusage; bytes */
};
/* running -> end.state, both task and attempt. */
int32_t dr_state_end_attempt(struct dr_state *s, int64_t task, int64_t attempt,
                             const struct dr_attempt_end *end, int64_t now_us, struct dr_err *err);
/* What an attempt told of itself; recorded with the attempt. */
struct dr_dataset_record {
    const char *name; /* dataset or, for a file from outside, its path */
    const char *path; /* relative to the home where inside it */
    const char *port;
    const char *hash;   /* content hash or NULL */
    const char *schema; /* JSON [{name,type}] or NULL */
    int64_t rows;       /* -1 unknown */
    int64_t bytes;
    bool output;
};
int32_t dr_state_put_dataset(struct dr_state *s, int64_t attempt, const struct dr_dataset_record *d,
                             struct dr_err *err);
struct dr_result_record {
    const char *suite, *suite_hash, *dataset, *expectation_id, *expectation_type, *column;
    const char *severity, *on_failure, *description, *owner;
    const char *kwargs, *result; /* JSON text; result masked */
    const char *sentence, *exception;
    bool success;
    int64_t element_count, unexpected_count, missing_count; /* -1: does not count */
    int32_t position;                                       /* in the suite */
};
int32_t dr_state_put_result(struct dr_state *s, int64_t attempt, const struct dr_result_record *r,
                            struct dr_err *err);
/* The last value of a name wins. */
int32_t dr_state_put_metric(struct dr_state *s, int64_t attempt, const char *name, double value,
                            struct dr_err *err);
/* Rows told for the same dataset, group (may be NULL) and stage add up. */
int32_t dr_state_put_account(struct dr_state *s, int64_t attempt, const char *dataset, const char *group,
                             const char *stage, int64_t rows, struct dr_err *err);
int32_t dr_state_put_plugin(struct dr_state *s, int64_t run, const char *name, const char *hash,
                            const char *version, struct dr_err *err);

/* ---- recovery, retry, clear ---- */
/* The caller has found out (dr_state_runs with DR_RUN_RUNNING) that no runner
 * is behind this running run any more: running attempts and their tasks end as
 * failed with the reason (NULL: "lost: its runner ended without a word"),
 * tasks queued or waiting for a retry go back to none, and the run is failed.
 * DR_EBUSY where the run is not running. */
int32_t dr_state_lose_run(struct dr_state *s, int64_t run, const char *reason, int64_t now_us,
                          struct dr_err *err);
/* Make a run that nobody runs ready to be run again: it becomes queued, and
 * back to none go
 *   - with n = 0 all tasks that are not success or skipped, else the n tasks given;
 *   - every task that one of these feeds, directly or not;
 *   - whatever is queued, running or up_for_retry (their attempts are ended as failed, "lost").
 * Attempts stay recorded, but those of tasks that went back to none no longer
 * count for results. DR_EINPUT where the run succeeded and nothing is left to do. */
int32_t dr_state_reset_run(struct dr_state *s, int64_t run, const int64_t *tasks, int32_t n, int64_t now_us,
                           struct dr_err *err);

/* ---- reading ---- */
struct dr_run_row {
    int64_t key;
    const char *dag_id, *run_id, *run_type, *reason, *dag_hash, *params; /* JSON */
    const char *program, *dag_text, *description, *owner, *timezone;
    enum dr_run_state state;
    int64_t logical_us, interval_start_us, interval_end_us, queued_us, started_us, ended_us;
    struct dr_runner_id runner;
    int32_t tasks, tasks_success, tasks_failed, tasks_skipped; /* failed counts upstream_failed too */
    int32_t checks, checks_failed, checks_error, failed_by_severity[3];
};
struct dr_task_row {
    int64_t key;
    const char *task_id, *plugin, *reason, *trigger_rule;
    enum dr_task_state state;
    int32_t position, attempts, retries;
    int32_t try_number; /* of the attempt that counts; 0: none since the task was last reset */
    int64_t queued_us, started_us, ended_us, next_try_us;
    const char *upstream; /* JSON list of task ids */
};
struct dr_attempt_row {
    int64_t key, task_key;
    const char *task_id, *reason;
    int32_t number, exit_code, signal;
    enum dr_task_state state;
    int64_t started_us, ended_us, cpu_us, max_rss, pid, start_ticks;
};
struct dr_result_row {
    int64_t key;
    const char *task_id;
    struct dr_result_record r;
};
struct dr_dataset_row {
    const char *task_id;
    struct dr_dataset_record d;
    int64_t at_us;
};
struct dr_metric_row {
    const char *task_id, *name;
    double value;
};
struct dr_account_row {
    const char *task_id, *dataset, *group, *stage;
    int64_t rows;
    bool running; /* who told of them still runs, and may tell more */
};
struct dr_plugin_row {
    const char *name, *hash, *version;
};
/* Lists are arrays in the arena. run rows come newest first, by when they were made. */
struct dr_run_filter {
    const char *dag_id; /* NULL: all */
    int32_t state;      /* enum dr_run_state, or -1 */
    int32_t limit;      /* 0: 1,000 */
};
int32_t dr_state_runs(struct dr_state *s, struct dr_arena *a, const struct dr_run_filter *f,
                      struct dr_run_row **ret, int32_t *ret_n, struct dr_err *err);
/* One by its key. */
int32_t dr_state_run(struct dr_state *s, struct dr_arena *a, int64_t key, struct dr_run_row *ret,
                     struct dr_err *err);
/* The DAG's last runs, newest made first, at most `limit`: names alone cost less than rows with their
 * tallies. */
int32_t dr_state_run_ids(struct dr_state *s, struct dr_arena *a, const char *dag_id, int32_t limit,
                         const char ***ret, int32_t *ret_n, struct dr_err *err);
/* Whether a run of the DAG stands as running. */
int32_t dr_state_is_running(struct dr_state *s, const char *dag_id, bool *ret, struct dr_err *err);
/* run_id may be a unique prefix, or "latest" (the newest made); dag_id may be NULL
 * where the run id is unique over all DAGs. DR_ENOTFOUND names what is near,
 * DR_EINPUT the runs that an ambiguous name could mean. */
int32_t dr_state_find_run(struct dr_state *s, struct dr_arena *a, const char *dag_id, const char *run_id,
                          struct dr_run_row *ret, struct dr_err *err);
int32_t dr_state_tasks(struct dr_state *s, struct dr_arena *a, int64_t run, struct dr_task_row **ret,
                       int32_t *ret_n, struct dr_err *err);
int32_t dr_state_attempts(struct dr_state *s, struct dr_arena *a, int64_t run, struct dr_attempt_row **ret,
                          int32_t *ret_n, struct dr_err *err);
/* Of the last attempt of each task only (none where the task was reset since),
 * in task and suite order; likewise below. */
int32_t dr_state_results(struct dr_state *s, struct dr_arena *a, int64_t run, struct dr_result_row **ret,
                         int32_t *ret_n, struct dr_err *err);
int32_t dr_state_datasets(struct dr_state *s, struct dr_arena *a, int64_t run, struct dr_dataset_row **ret,
                          int32_t *ret_n, struct dr_err *err);
int32_t dr_state_metrics(struct dr_state *s, struct dr_arena *a, int64_t run, struct dr_metric_row **ret,
                         int32_t *ret_n, struct dr_err *err);
int32_t dr_state_accounts(struct dr_state *s, struct dr_arena *a, int64_t run, struct dr_account_row **ret,
                          int32_t *ret_n, struct dr_err *err);
int32_t dr_state_plugins(struct dr_state *s, struct dr_arena *a, int64_t run, struct dr_plugin_row **ret,
                         int32_t *ret_n, struct dr_err *err);
/* One expectation over the DAG's last `limit` finished runs up to this one (by
 * logical date, then age; this one counts even while it runs), oldest first: outcome 0 passed, 1 failed, 2
 * could not be evaluated, 3 not run. */
struct dr_history_point {
    const char *run_id;
    int64_t logical_us;
    int32_t outcome;
    int64_t unexpected_count, element_count;
};
struct dr_history {
    const char *dataset, *expectation_id; /* the key */
    struct dr_history_point *points;
    int32_t n;
};
/* The histories of all expectations of a run, by one query, in the order of dr_state_results. */
int32_t dr_state_histories(struct dr_state *s, struct dr_arena *a, int64_t run, int32_t limit,
                           struct dr_history **ret, int32_t *ret_n, struct dr_err *err);
#endif
