/* write_attempt.c - moving task instances, starting and ending attempts.
 *
 * This is the runner's hot path: about ten microseconds of its time per task
 * in all. Each move is one UPDATE by primary key whose WHERE names the state it
 * leaves; an attempt's start and end are one more statement each, in the same
 * transaction. Only a refused move asks the database a second question, to say
 * what it found instead. */
#include "state/store.h"
#include <inttypes.h>

/* Why no row matched: there is no such task, or it is in another state. */
static int32_t refuse_task_move(struct dr_state *s, int64_t task, const char *what, enum dr_task_state from,
                                struct dr_err *err)
{
    struct dr_sql_stmt *st;
    DR_TRY(dr_state_prepare(s,
                            "SELECT task_id, run_id, i.state FROM task_instance i JOIN task USING (task_key)"
                            " JOIN dag_run USING (run_key) WHERE instance_key = ?1",
                            &st, err));
    dr_sql_bind_int(st, 1, task);
    bool row;
    DR_TRY(dr_state_step(s, st, &row, err));
    if (!row)
        return dr_fail(err, DR_ENOTFOUND, "there is no task instance with key %" PRId64, task);
    struct dr_str id = dr_sql_str(st, 0), run = dr_sql_str(st, 1), state = dr_sql_str(st, 2);
    int32_t rc = dr_fail(err, DR_EBUSY, "task '%.*s' of run '%.*s' cannot %s: it is %.*s, not %s", (int)id.n,
                         id.p, (int)run.n, run.p, what, (int)state.n, state.p, dr_task_state_name(from));
    dr_sql_reset(st);
    return rc;
}

/* ---- moves without an attempt --------------------------------------------------- */

#define QUEUE_TASK                                                                                           \
    "UPDATE task_instance SET state = 'queued', reason = ?2, queued_at = ?3, next_try_at = NULL"             \
    " WHERE instance_key = ?1 AND state = ?4"
#define DELAY_TASK                                                                                           \
    "UPDATE task_instance SET state = 'up_for_retry', reason = ?2, next_try_at = ?3"                         \
    " WHERE instance_key = ?1 AND state = ?4"
#define CLOSE_TASK                                                                                           \
    "UPDATE task_instance SET state = ?5, reason = ?2, ended_at = ?3, next_try_at = NULL"                    \
    " WHERE instance_key = ?1 AND state = ?4"

int32_t dr_state_move_task(struct dr_state *s, int64_t task, enum dr_task_state from, enum dr_task_state to,
                           const char *reason, int64_t next_try_us, int64_t now_us, struct dr_err *err)
{
    struct dr_sql_stmt *st;
    int64_t changed;
    if (!dr_task_move_ok(from, to))
        return dr_fail(err, DR_EBUG, "a task cannot be moved from %s to %s%s", dr_task_state_name(from),
                       dr_task_state_name(to),
                       from == DR_TASK_RUNNING || to == DR_TASK_RUNNING ? " without its attempt" : "");
    bool delay = to == DR_TASK_UP_FOR_RETRY, close = dr_task_state_final(to);
    DR_TRY(dr_state_prepare(s, close ? CLOSE_TASK : delay ? DELAY_TASK : QUEUE_TASK, &st, err));
    dr_sql_bind_int(st, 1, task);
    dr_sql_bind_text(st, 2, reason);
    dr_state_bind_instant(st, 3, delay ? next_try_us : now_us);
    dr_sql_bind_text(st, 4, dr_task_state_name(from));
    if (close)
        dr_sql_bind_text(st, 5, dr_task_state_name(to));
    DR_TRY(dr_state_finish(s, st, &changed, err));
    if (changed == 1)
        return DR_OK;
    char what[40];
    snprintf(what, sizeof(what), "become %s", dr_task_state_name(to));
    return refuse_task_move(s, task, what, from, err);
}

/* ---- the start of an attempt ------------------------------------------------------ */

/* The guard stands in the INSERT, so that a refusal leaves nothing behind even
 * within a transaction of the caller. */
static int32_t insert_attempt(struct dr_state *s, int64_t task, int32_t number, int64_t pid,
                              int64_t start_ticks, int64_t now_us, struct dr_err *err)
{
    struct dr_sql_stmt *st;
    int64_t changed;
    DR_TRY(dr_state_prepare(s,
                            "INSERT INTO task_attempt (instance_key, number, started_at, pid, start_ticks)"
                            " SELECT instance_key, ?2, ?3, nullif(?4, 0), nullif(?5, 0) FROM task_instance"
                            " WHERE instance_key = ?1 AND state = 'queued'",
                            &st, err));
    dr_sql_bind_int(st, 1, task);
    dr_sql_bind_int(st, 2, number);
    dr_state_bind_instant(st, 3, now_us);
    dr_sql_bind_int(st, 4, pid);
    dr_sql_bind_int(st, 5, start_ticks);
    DR_TRY(dr_state_finish(s, st, &changed, err));
    return changed == 1 ? DR_OK : refuse_task_move(s, task, "start", DR_TASK_QUEUED, err);
}

static int32_t run_task(struct dr_state *s, int64_t task, int32_t number, int64_t now_us, struct dr_err *err)
{
    struct dr_sql_stmt *st;
    int64_t changed;
    DR_TRY(dr_state_prepare(
        s,
        "UPDATE task_instance SET state = 'running', reason = NULL, try_number = ?2,"
        " started_at = coalesce(started_at, ?3) WHERE instance_key = ?1 AND state = 'queued'",
        &st, err));
    dr_sql_bind_int(st, 1, task);
    dr_sql_bind_int(st, 2, number);
    dr_state_bind_instant(st, 3, now_us);
    DR_TRY(dr_state_finish(s, st, &changed, err));
    return changed == 1 ? DR_OK : refuse_task_move(s, task, "start", DR_TASK_QUEUED, err);
}

static int32_t begin_attempt(struct dr_state *s, int64_t task, int32_t number, int64_t pid,
                             int64_t start_ticks, int64_t now_us, int64_t *ret, struct dr_err *err)
{
    DR_TRY(insert_attempt(s, task, number, pid, start_ticks, now_us, err));
    *ret = dr_sql_last_id(s->db);
    return run_task(s, task, number, now_us, err);
}

int32_t dr_state_start_attempt(struct dr_state *s, int64_t task, int32_t number, int64_t pid,
                               int64_t start_ticks, int64_t now_us, int64_t *ret_attempt, struct dr_err *err)
{
    bool began;
    int64_t attempt = 0;
    DR_TRY(dr_state_enter(s, &began, err));
    int32_t rc = begin_attempt(s, task, number, pid, start_ticks, now_us, &attempt, err);
    DR_TRY(dr_state_leave(s, began, rc, err));
    *ret_attempt = attempt;
    return DR_OK;
}

int32_t dr_state_attempt_pid(struct dr_state *s, int64_t attempt, int64_t pid, int64_t start_ticks,
                             struct dr_err *err)
{
    struct dr_sql_stmt *st;
    int64_t changed;
    DR_TRY(dr_state_prepare(s,
                            "UPDATE task_attempt SET pid = ?2, start_ticks = ?3"
                            " WHERE attempt_key = ?1 AND state = 'running'",
                            &st, err));
    dr_sql_bind_int(st, 1, attempt);
    dr_sql_bind_int(st, 2, pid);
    dr_sql_bind_int(st, 3, start_ticks);
    DR_TRY(dr_state_finish(s, st, &changed, err));
    if (changed != 1)
        return dr_fail(err, DR_EBUSY, "attempt %" PRId64 " is not running", attempt);
    return DR_OK;
}

/* ---- the end of an attempt ---------------------------------------------------------- */

static int32_t close_attempt(struct dr_state *s, int64_t task, int64_t attempt,
                             const struct dr_attempt_end *end, int64_t now_us, struct dr_err *err)
{
    struct dr_sql_stmt *st;
    int64_t changed;
    DR_TRY(dr_state_prepare(s,
                            "UPDATE task_attempt SET state = ?3, reason = ?4, ended_at = ?5, exit_code = ?6,"
                            " signal = nullif(?7, 0), cpu_us = ?8, max_rss_bytes = ?9"
                            " WHERE attempt_key = ?1 AND instance_key = ?2 AND state = 'running'",
                            &st, err));
    dr_sql_bind_int(st, 1, attempt);
    dr_sql_bind_int(st, 2, task);
    dr_sql_bind_text(st, 3, dr_task_state_name(end->state));
    dr_sql_bind_text(st, 4, end->reason);
    dr_state_bind_instant(st, 5, now_us);
    dr_state_bind_count(st, 6, end->exit_code);
    dr_sql_bind_int(st, 7, end->signal);
    dr_sql_bind_int(st, 8, end->cpu_us);
    dr_sql_bind_int(st, 9, end->max_rss);
    DR_TRY(dr_state_finish(s, st, &changed, err));
    if (changed == 1)
        return DR_OK;
    return dr_fail(err, DR_EBUSY,
                   "attempt %" PRId64 " of task instance %" PRId64 " cannot end: it is not running", attempt,
                   task);
}

static int32_t settle_task(struct dr_state *s, int64_t task, const struct dr_attempt_end *end, int64_t now_us,
                           struct dr_err *err)
{
    struct dr_sql_stmt *st;
    int64_t changed;
    bool again = end->state == DR_TASK_UP_FOR_RETRY;
    DR_TRY(
        dr_state_prepare(s,
                         "UPDATE task_instance SET state = ?2, reason = ?3, ended_at = ?4, next_try_at = ?5"
                         " WHERE instance_key = ?1 AND state = 'running'",
                         &st, err));
    dr_sql_bind_int(st, 1, task);
    dr_sql_bind_text(st, 2, dr_task_state_name(end->state));
    dr_sql_bind_text(st, 3, end->reason);
    if (again)
        dr_state_bind_instant(st, 5, end->next_try_us);
    else
        dr_state_bind_instant(st, 4, now_us);
    DR_TRY(dr_state_finish(s, st, &changed, err));
    return changed == 1 ? DR_OK : refuse_task_move(s, task, "end", DR_TASK_RUNNING, err);
}

static int32_t finish_attempt(struct dr_state *s, int64_t task, int64_t attempt,
                              const struct dr_attempt_end *end, int64_t now_us, struct dr_err *err)
{
    DR_TRY(close_attempt(s, task, attempt, end, now_us, err));
    return settle_task(s, task, end, now_us, err);
}

static bool may_end_as(enum dr_task_state state)
{
    return state == DR_TASK_SUCCESS || state == DR_TASK_SKIPPED || state == DR_TASK_FAILED ||
           state == DR_TASK_UP_FOR_RETRY || state == DR_TASK_CANCELLED;
}

int32_t dr_state_end_attempt(struct dr_state *s, int64_t task, int64_t attempt,
                             const struct dr_attempt_end *end, int64_t now_us, struct dr_err *err)
{
    bool began;
    if (!may_end_as(end->state))
        return dr_fail(err, DR_EBUG, "an attempt cannot end as %s", dr_task_state_name(end->state));
    DR_TRY(dr_state_enter(s, &began, err));
    return dr_state_leave(s, began, finish_attempt(s, task, attempt, end, now_us, err), err);
}
