/* runner.h - a run while it is executed; internal to executor.c, moves.c,
 * attempt.c, folders.c and kinds.c. Layer: exec.
 *
 *   executor.c   the life of a run: lock, recovery, state, the loop, the end
 *   moves.c      states of tasks: queued, waiting for a retry, ended, cancelled
 *   attempt.c    one attempt: fork, messages, deadlines, what its end means
 *   folders.c    where attempts and outputs lie; putting outputs in place
 *   kinds.c      the plugins, and where the workers of each come from
 *
 * Callbacks of the event loop cannot return an error; the first one is kept in
 * runner->err and ends the loop.
 *
 * State is written in transactions that the first write begins, and that are committed two
 * milliseconds later: short tasks share a commit. So workers may be on their way, and short
 * ones even at their end, a moment before that is recorded: if the runner dies in that moment so do its
 * workers, and what was not recorded runs again. */
#ifndef DR_RUNNER_H
#define DR_RUNNER_H
#include "exec/executor.h"
#include "exec/forker.h"
#include "exec/loop.h"
#include "exec/msg.h"
#include "exec/process.h"
#include "exec/ready.h"

struct dr_runner;
struct dr_attempt;

struct dr_kind {
    const struct dr_plugin_spec *spec; /* of the DAG; NULL: of tasks whose plugin nothing is known of */
    int32_t to_start, succeeded;       /* attempts that are still expected; that went well */
    struct dr_forker forker;           /* has it loaded */
    bool tried;                        /* to make that forker */
    bool ready;                        /* it has had a worker to offer */
};
struct dr_runner_task {
    struct dr_runner *runner;
    struct dr_kind *kind;
    int32_t index;                  /* in the DAG and in the views */
    int64_t key;                    /* task instance */
    int32_t last_number;            /* of any attempt, earlier runners' too */
    int32_t tries;                  /* attempts of this runner: what retries are counted by */
    struct dr_watcher *retry_timer; /* owned */
    struct dr_attempt *attempt;     /* owned; NULL: not running */
};
struct dr_runner {
    const struct dr_exec_options *o;
    const struct dr_dag *dag; /* o->dag */
    struct dr_arena arena;    /* all that lives as long as the run */
    struct dr_state *state;   /* owned */
    bool in_tx;
    struct dr_loop *loop; /* owned */
    struct dr_ready ready;
    struct dr_subst subst; /* ${...} of this run */
    int64_t run;           /* key */
    int64_t logical_us, interval_start_us, interval_end_us;
    struct dr_runner_task *tasks;    /* the DAG's order */
    struct dr_exec_task_view *views; /* likewise */
    struct dr_exec_view view;
    int32_t n_final, limit, threads;
    int32_t *starting; /* scratch: up to limit tasks */
    struct dr_forker forker;
    struct dr_kind *kinds; /* each plugin of the DAG */
    int32_t n_kinds;
    int lock_fd, null_fd, signal_fd;
    struct dr_watcher *on_signal, *tick, *flush;
    int signal; /* the first that asked us to stop; 0: none */
    int64_t grace_us;
    struct dr_err err; /* the first failure of our own */
};

void dr_runner_emit(struct dr_runner *r, enum dr_exec_event_kind kind, int32_t task);
/* Where the options ask for it, one line on stderr. */
void dr_runner_trace(const struct dr_runner *r, const char *fmt, ...) DR_PRINTF(2, 3);

/* ---- moves.c ---- */
/* Begin a transaction unless one has begun. */
int32_t dr_runner_write(struct dr_runner *r, struct dr_err *err);
int32_t dr_runner_commit(struct dr_runner *r, struct dr_err *err);
/* Follow what ended tasks decide for others, and queue those that became ready. */
int32_t dr_runner_settle(struct dr_runner *r, struct dr_err *err);
/* Start as many ready tasks as there is room for. */
int32_t dr_runner_start_ready(struct dr_runner *r, struct dr_err *err);
/* Record the end of a running attempt and what follows: done, or a retry. */
int32_t dr_runner_end_attempt(struct dr_runner *r, int32_t task, int64_t attempt_key,
                              struct dr_attempt_end *end, bool may_retry, struct dr_err *err);
/* Stop: what waits is cancelled now, what runs gets SIGTERM, or SIGKILL with `hard`. */
int32_t dr_runner_cancel(struct dr_runner *r, bool hard, struct dr_err *err);

/* ---- attempt.c ---- */
/* A new attempt, in a worker taken from the forker or forked here; where neither
 * works it is an attempt that failed. */
int32_t dr_attempt_start(struct dr_runner *r, int32_t task, struct dr_err *err);
/* Record the attempt that was started. */
int32_t dr_attempt_record(struct dr_runner *r, int32_t task, struct dr_err *err);
void dr_attempt_cancel(struct dr_attempt *a, bool hard);
/* Kill and forget an attempt without recording it: the runner gives up. */
void dr_attempt_drop(struct dr_attempt *a);

/* ---- kinds.c ---- */
void dr_kinds_init(struct dr_runner *r);
void dr_kinds_done(struct dr_runner *r);
/* A worker for a task, as dr_forker_take. */
int32_t dr_kinds_take(struct dr_runner *r, int32_t task, struct dr_spare *ret, struct dr_err *err);
/* An attempt of this task ended well. */
void dr_kinds_succeeded(struct dr_runner *r, int32_t task);
/* Have the next workers forked, in place of the one that this task took. */
void dr_kinds_next(struct dr_runner *r, int32_t started);

/* ---- folders.c ---- */
/* Make work/out of a finished attempt the task's out folder. */
int32_t dr_folders_publish(struct dr_arena *a, const struct dr_runner *r, int32_t task, int32_t number,
                           struct dr_err *err);
/* Keep work/out of an attempt that failed as its own out folder. */
int32_t dr_folders_keep(struct dr_arena *a, const struct dr_runner *r, int32_t task, int32_t number,
                        struct dr_err *err);
/* Remove what an attempt leaves besides its log. */
int32_t dr_folders_clean(struct dr_arena *a, const struct dr_runner *r, int32_t task, int32_t number,
                         struct dr_err *err);
/* Before tasks of a resumed run start again: their outputs and leftovers go. */
int32_t dr_folders_reset(struct dr_arena *a, const struct dr_runner *r, int32_t task, int32_t last_number,
                         struct dr_err *err);
/* One line of the runner's own at the end of an attempt's log. */
void dr_folders_log(struct dr_arena *a, const struct dr_runner *r, int32_t task, int32_t number,
                    const char *text);
#endif
