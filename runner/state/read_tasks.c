/* read_tasks.c - the tasks, attempts and plugins of a run. */
#include "state/store.h"

static int32_t prepare_for_run(struct dr_state *s, const char *sql, int64_t run, struct dr_sql_stmt **ret,
                               struct dr_err *err)
{
    DR_TRY(dr_state_prepare(s, sql, ret, err));
    dr_sql_bind_int(*ret, 1, run);
    return DR_OK;
}

/* ---- tasks ---------------------------------------------------------------------- */

#define TASKS_SQL                                                                                            \
    "SELECT instance_key, t.task_id, t.plugin, i.reason, t.trigger_rule, i.state, t.position,"               \
    " (SELECT count(*) FROM task_attempt a WHERE a.instance_key = i.instance_key), t.retries,"               \
    " i.try_number, i.queued_at, i.started_at, i.ended_at, i.next_try_at,"                                   \
    " (SELECT json_group_array(task_id) FROM (SELECT u.task_id FROM task_upstream e"                         \
    "   JOIN task u ON u.task_key = e.upstream_key WHERE e.task_key = t.task_key ORDER BY u.position))"      \
    " FROM task_instance i JOIN task t USING (task_key) WHERE run_key = ?1 ORDER BY t.position"

static void read_task(struct dr_sql_stmt *st, struct dr_arena *a, struct dr_task_row *r)
{
    r->key = dr_sql_int(st, 0);
    r->task_id = dr_sql_text(st, 1, a);
    r->plugin = dr_sql_text(st, 2, a);
    r->reason = dr_sql_text(st, 3, a);
    r->trigger_rule = dr_sql_text(st, 4, a);
    r->state = dr_state_task_state(st, 5);
    r->position = (int32_t)dr_sql_int(st, 6);
    r->attempts = (int32_t)dr_sql_int(st, 7);
    r->retries = (int32_t)dr_sql_int(st, 8);
    r->try_number = (int32_t)dr_sql_int(st, 9);
    r->queued_us = dr_state_time(st, 10);
    r->started_us = dr_state_time(st, 11);
    r->ended_us = dr_state_time(st, 12);
    r->next_try_us = dr_state_time(st, 13);
    r->upstream = dr_sql_text(st, 14, a);
}

int32_t dr_state_tasks(struct dr_state *s, struct dr_arena *a, int64_t run, struct dr_task_row **ret,
                       int32_t *ret_n, struct dr_err *err)
{
    struct dr_sql_stmt *st;
    struct dr_task_row *rows = NULL;
    int32_t n = 0, cap = 0;
    DR_TRY(prepare_for_run(s, TASKS_SQL, run, &st, err));
    for (bool row;; n++) {
        DR_TRY(dr_state_step(s, st, &row, err));
        if (!row)
            break;
        rows = dr_state_grow(a, rows, n, &cap, sizeof(*rows));
        read_task(st, a, &rows[n]);
    }
    *ret = rows;
    *ret_n = n;
    return DR_OK;
}

/* ---- attempts --------------------------------------------------------------------- */

#define ATTEMPTS_SQL                                                                                         \
    "SELECT a.attempt_key, i.instance_key, t.task_id, a.reason, a.number, a.exit_code, a.signal,"            \
    " a.state, a.started_at, a.ended_at, a.cpu_us, a.max_rss_bytes, a.pid, a.start_ticks"                    \
    " FROM task_instance i JOIN task t USING (task_key) JOIN task_attempt a USING (instance_key)"            \
    " WHERE run_key = ?1 ORDER BY t.position, a.number"

static void read_attempt(struct dr_sql_stmt *st, struct dr_arena *a, struct dr_attempt_row *r)
{
    r->key = dr_sql_int(st, 0);
    r->task_key = dr_sql_int(st, 1);
    r->task_id = dr_sql_text(st, 2, a);
    r->reason = dr_sql_text(st, 3, a);
    r->number = (int32_t)dr_sql_int(st, 4);
    r->exit_code = (int32_t)dr_state_count(st, 5);
    r->signal = (int32_t)dr_sql_int(st, 6);
    r->state = dr_state_task_state(st, 7);
    r->started_us = dr_state_time(st, 8);
    r->ended_us = dr_state_time(st, 9);
    r->cpu_us = dr_sql_int(st, 10);
    r->max_rss = dr_sql_int(st, 11);
    r->pid = dr_sql_int(st, 12);
    r->start_ticks = dr_sql_int(st, 13);
}

int32_t dr_state_attempts(struct dr_state *s, struct dr_arena *a, int64_t run, struct dr_attempt_row **ret,
                          int32_t *ret_n, struct dr_err *err)
{
    struct dr_sql_stmt *st;
    struct dr_attempt_row *rows = NULL;
    int32_t n = 0, cap = 0;
    DR_TRY(prepare_for_run(s, ATTEMPTS_SQL, run, &st, err));
    for (bool row;; n++) {
        DR_TRY(dr_state_step(s, st, &row, err));
        if (!row)
            break;
        rows = dr_state_grow(a, rows, n, &cap, sizeof(*rows));
        read_attempt(st, a, &rows[n]);
    }
    *ret = rows;
    *ret_n = n;
    return DR_OK;
}

/* ---- plugins ---------------------------------------------------------------------- */

int32_t dr_state_plugins(struct dr_state *s, struct dr_arena *a, int64_t run, struct dr_plugin_row **ret,
                         int32_t *ret_n, struct dr_err *err)
{
    struct dr_sql_stmt *st;
    struct dr_plugin_row *rows = NULL;
    int32_t n = 0, cap = 0;
    DR_TRY(prepare_for_run(s, "SELECT name, hash, version FROM plugin WHERE run_key = ?1 ORDER BY name", run,
                           &st, err));
    for (bool row;; n++) {
        DR_TRY(dr_state_step(s, st, &row, err));
        if (!row)
            break;
        rows = dr_state_grow(a, rows, n, &cap, sizeof(*rows));
        rows[n] = (struct dr_plugin_row){ .name = dr_sql_text(st, 0, a),
                                          .hash = dr_sql_text(st, 1, a),
                                          .version = dr_sql_text(st, 2, a) };
    }
    *ret = rows;
    *ret_n = n;
    return DR_OK;
}
