/* reset.c - runs whose runner is gone, and runs that are to run again.
 *
 * Here, and nowhere else, a task leaves a final state. All of it is one
 * transaction: a reader sees the run as it was or as it will start. */
#include "state/store.h"
#include <inttypes.h>

#define LOST "lost: its runner ended without a word"

static int32_t update_run(struct dr_state *s, const char *sql, int64_t run, const char *text, int64_t now_us,
                          int64_t *ret_changed, struct dr_err *err)
{
    struct dr_sql_stmt *st;
    DR_TRY(dr_state_prepare(s, sql, &st, err));
    dr_sql_bind_int(st, 1, run);
    dr_sql_bind_text(st, 2, text);
    dr_state_bind_instant(st, 3, now_us);
    return dr_state_finish(s, st, ret_changed, err);
}

#define LOSE_ATTEMPTS                                                                                        \
    "UPDATE task_attempt SET state = 'failed', reason = ?2, ended_at = ?3"                                   \
    " WHERE state = 'running' AND instance_key IN"                                                           \
    " (SELECT instance_key FROM task_instance WHERE run_key = ?1)"

/* ---- a lost run ------------------------------------------------------------------ */

#define FAIL_RUNNING                                                                                         \
    "UPDATE task_instance SET state = 'failed', reason = ?2, ended_at = ?3"                                  \
    " WHERE run_key = ?1 AND state = 'running'"
#define FORGET_WAITING                                                                                       \
    "UPDATE task_instance SET state = 'none', reason = NULL, queued_at = NULL, next_try_at = NULL"           \
    " WHERE run_key = ?1 AND state IN ('queued', 'up_for_retry')"

static int32_t forget_waiting(struct dr_state *s, int64_t run, struct dr_err *err)
{
    struct dr_sql_stmt *st;
    DR_TRY(dr_state_prepare(s, FORGET_WAITING, &st, err));
    dr_sql_bind_int(st, 1, run);
    return dr_state_finish(s, st, NULL, err);
}

static int32_t lose_run(struct dr_state *s, int64_t run, const char *reason, int64_t now_us,
                        struct dr_err *err)
{
    DR_TRY(dr_state_move_run(s, run, DR_RUN_RUNNING, DR_RUN_FAILED, reason, NULL, now_us, err));
    DR_TRY(update_run(s, LOSE_ATTEMPTS, run, reason, now_us, NULL, err));
    DR_TRY(update_run(s, FAIL_RUNNING, run, reason, now_us, NULL, err));
    return forget_waiting(s, run, err);
}

int32_t dr_state_lose_run(struct dr_state *s, int64_t run, const char *reason, int64_t now_us,
                          struct dr_err *err)
{
    bool began;
    DR_TRY(dr_state_enter(s, &began, err));
    return dr_state_leave(s, began, lose_run(s, run, reason ? reason : LOST, now_us, err), err);
}

/* ---- a run that is to run again ------------------------------------------------------ */

static int32_t run_state(struct dr_state *s, int64_t run, enum dr_run_state *ret, struct dr_err *err)
{
    struct dr_sql_stmt *st;
    bool row;
    DR_TRY(dr_state_prepare(s, "SELECT state FROM dag_run WHERE run_key = ?1", &st, err));
    dr_sql_bind_int(st, 1, run);
    DR_TRY(dr_state_step(s, st, &row, err));
    if (!row)
        return dr_fail(err, DR_ENOTFOUND, "there is no run with key %" PRId64, run);
    *ret = dr_state_run_state(st, 0);
    dr_sql_reset(st);
    return DR_OK;
}

/* The keys as a JSON array: the one way to bind a list. */
static void put_keys(struct dr_buf *b, const int64_t *keys, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        dr_buf_printf(b, "%c%" PRId64, i ? ',' : '[', keys[i]);
    dr_buf_putc(b, ']');
}

static int32_t check_tasks(struct dr_state *s, int64_t run, const char *keys, struct dr_err *err)
{
    struct dr_sql_stmt *st;
    int64_t strangers;
    bool found;
    DR_TRY(dr_state_prepare(s,
                            "SELECT count(*) FROM json_each(?2) WHERE value NOT IN"
                            " (SELECT instance_key FROM task_instance WHERE run_key = ?1)",
                            &st, err));
    dr_sql_bind_int(st, 1, run);
    dr_sql_bind_text(st, 2, keys);
    DR_TRY(dr_state_fetch_int(s, st, &strangers, &found, err));
    if (strangers)
        return dr_fail(err, DR_ENOTFOUND, "%" PRId64 " of the tasks to reset are not of run %" PRId64,
                       strangers, run);
    return DR_OK;
}

#define RESET_TASKS                                                                                          \
    "UPDATE task_instance SET state = 'none', reason = NULL, try_number = 0, queued_at = NULL,"              \
    " started_at = NULL, ended_at = NULL, next_try_at = NULL"                                                \
    " WHERE run_key = ?1 AND task_key IN ("                                                                  \
    "  WITH RECURSIVE hit (task_key) AS ("                                                                   \
    "   SELECT task_key FROM task_instance WHERE run_key = ?1 AND ("                                         \
    "    state IN ('queued', 'running', 'up_for_retry')"                                                     \
    "    OR (?2 IS NULL AND state NOT IN ('success', 'skipped'))"                                            \
    "    OR instance_key IN (SELECT value FROM json_each(?2)))"                                              \
    "   UNION"                                                                                               \
    "   SELECT u.task_key FROM hit JOIN task_upstream u ON u.upstream_key = hit.task_key)"                   \
    "  SELECT task_key FROM hit)"

static int32_t reset_tasks(struct dr_state *s, int64_t run, const char *keys, int64_t *ret_changed,
                           struct dr_err *err)
{
    struct dr_sql_stmt *st;
    DR_TRY(dr_state_prepare(s, RESET_TASKS, &st, err));
    dr_sql_bind_int(st, 1, run);
    dr_sql_bind_text(st, 2, keys);
    return dr_state_finish(s, st, ret_changed, err);
}

#define REQUEUE_RUN                                                                                          \
    "UPDATE dag_run SET state = 'queued', reason = ?2, queued_at = ?3, started_at = NULL,"                   \
    " ended_at = NULL, runner_pid = NULL, runner_start_ticks = NULL, runner_boot_id = NULL"                  \
    " WHERE run_key = ?1"

static int32_t reset_run(struct dr_state *s, int64_t run, const char *keys, int64_t now_us,
                         struct dr_err *err)
{
    enum dr_run_state state = DR_RUN_QUEUED;
    int64_t changed = 0;
    DR_TRY(run_state(s, run, &state, err));
    if (keys)
        DR_TRY(check_tasks(s, run, keys, err));
    DR_TRY(update_run(s, LOSE_ATTEMPTS, run, LOST, now_us, NULL, err));
    DR_TRY(reset_tasks(s, run, keys, &changed, err));
    if (state == DR_RUN_SUCCESS && changed == 0)
        return dr_fail(err, DR_EINPUT, "the run succeeded and none of its tasks failed: nothing to retry");
    return update_run(s, REQUEUE_RUN, run, NULL, now_us, NULL, err);
}

int32_t dr_state_reset_run(struct dr_state *s, int64_t run, const int64_t *tasks, int32_t n, int64_t now_us,
                           struct dr_err *err)
{
    bool began;
    DR_AUTO_BUF keys = { 0 };
    if (n > 0)
        put_keys(&keys, tasks, n);
    DR_TRY(dr_state_enter(s, &began, err));
    return dr_state_leave(s, began, reset_run(s, run, n > 0 ? dr_buf_cstr(&keys) : NULL, now_us, err), err);
}
