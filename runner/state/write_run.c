/* write_run.c - recording DAG versions and runs, and moving runs. */
#include "state/store.h"
#include "base/json.h"
#include <inttypes.h>

/* ---- DAG versions ------------------------------------------------------------- */

static int32_t find_version(struct dr_state *s, const struct dr_dag *dag, int64_t *ret, bool *ret_found,
                            struct dr_err *err)
{
    struct dr_sql_stmt *st;
    DR_TRY(
        dr_state_prepare(s, "SELECT version_key FROM dag_version WHERE dag_id = ?1 AND hash = ?2", &st, err));
    dr_sql_bind_text(st, 1, dag->dag_id);
    dr_sql_bind_text(st, 2, dag->hash);
    return dr_state_fetch_int(s, st, ret, ret_found, err);
}

/* The path below the home, or as it is. */
static const char *shown_path(const struct dr_state *s, const char *path)
{
    size_t n = strlen(s->home);
    bool inside = path && strncmp(path, s->home, n) == 0 && path[n] == '/';
    return inside ? path + n + 1 : path;
}

static int32_t insert_dag(struct dr_state *s, const char *dag_id, int64_t now_us, struct dr_err *err)
{
    struct dr_sql_stmt *st;
    DR_TRY(dr_state_prepare(s, "INSERT INTO dag (dag_id, created_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                            &st, err));
    dr_sql_bind_text(st, 1, dag_id);
    dr_state_bind_instant(st, 2, now_us);
    return dr_state_finish(s, st, NULL, err);
}

static int32_t insert_version(struct dr_state *s, const struct dr_dag *dag, int64_t *ret, struct dr_err *err)
{
    int64_t now_us = dr_now_us();
    struct dr_sql_stmt *st;
    DR_TRY(insert_dag(s, dag->dag_id, now_us, err));
    DR_TRY(dr_state_prepare(
        s,
        "INSERT INTO dag_version (dag_id, number, hash, file, text, description, owner,"
        " schedule, timezone, created_at)"
        " VALUES (?1, (SELECT coalesce(max(number), 0) + 1 FROM dag_version WHERE dag_id = ?1),"
        " ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        &st, err));
    dr_sql_bind_text(st, 1, dag->dag_id);
    dr_sql_bind_text(st, 2, dag->hash);
    dr_sql_bind_text(st, 3, shown_path(s, dag->path));
    dr_sql_bind_str(st, 4, dag->text);
    dr_sql_bind_text(st, 5, dag->description);
    dr_sql_bind_text(st, 6, dag->owner);
    dr_sql_bind_text(st, 7, dag->schedule_text);
    dr_sql_bind_text(st, 8, dag->zone ? dr_zone_name(dag->zone) : "UTC");
    dr_state_bind_instant(st, 9, now_us);
    DR_TRY(dr_state_finish(s, st, NULL, err));
    *ret = dr_sql_last_id(s->db);
    return DR_OK;
}

static int32_t insert_task(struct dr_state *s, int64_t version, int32_t position,
                           const struct dr_task_def *def, int64_t *ret, struct dr_err *err)
{
    struct dr_sql_stmt *st;
    DR_TRY(dr_state_prepare(s,
                            "INSERT INTO task (version_key, position, task_id, plugin, description, owner,"
                            " trigger_rule, retries) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                            &st, err));
    dr_sql_bind_int(st, 1, version);
    dr_sql_bind_int(st, 2, position);
    dr_sql_bind_text(st, 3, def->id);
    dr_sql_bind_text(st, 4, def->plugin);
    dr_sql_bind_text(st, 5, def->description);
    dr_sql_bind_text(st, 6, def->owner);
    dr_sql_bind_text(st, 7, dr_trigger_rule_name(def->trigger_rule));
    dr_sql_bind_int(st, 8, def->retries);
    DR_TRY(dr_state_finish(s, st, NULL, err));
    *ret = dr_sql_last_id(s->db);
    return DR_OK;
}

static int32_t insert_edges(struct dr_state *s, const struct dr_task_def *def, int64_t key,
                            const int64_t *keys, struct dr_err *err)
{
    struct dr_sql_stmt *st;
    for (int32_t i = 0; i < def->n_upstream; i++) {
        DR_TRY(dr_state_prepare(s, "INSERT INTO task_upstream (task_key, upstream_key) VALUES (?1, ?2)", &st,
                                err));
        dr_sql_bind_int(st, 1, key);
        dr_sql_bind_int(st, 2, keys[def->upstream[i]]);
        DR_TRY(dr_state_finish(s, st, NULL, err));
    }
    return DR_OK;
}

static int32_t insert_tasks(struct dr_state *s, const struct dr_dag *dag, int64_t version, struct dr_err *err)
{
    DR_AUTO_FREE int64_t *keys = dr_calloc((size_t)dag->n_tasks, sizeof(*keys));
    for (int32_t i = 0; i < dag->n_tasks; i++)
        DR_TRY(insert_task(s, version, i, &dag->tasks[i], &keys[i], err));
    for (int32_t i = 0; i < dag->n_tasks; i++)
        DR_TRY(insert_edges(s, &dag->tasks[i], keys[i], keys, err));
    return DR_OK;
}

static int32_t put_version(struct dr_state *s, const struct dr_dag *dag, int64_t *ret, struct dr_err *err)
{
    bool found;
    DR_TRY(find_version(s, dag, ret, &found, err));
    if (found)
        return DR_OK;
    DR_TRY(insert_version(s, dag, ret, err));
    return insert_tasks(s, dag, *ret, err);
}

int32_t dr_state_put_dag(struct dr_state *s, const struct dr_dag *dag, int64_t *ret_version,
                         struct dr_err *err)
{
    bool began;
    int64_t version = 0;
    DR_TRY(dr_state_enter(s, &began, err));
    DR_TRY(dr_state_leave(s, began, put_version(s, dag, &version, err), err));
    *ret_version = version;
    return DR_OK;
}

/* ---- new runs ------------------------------------------------------------------- */

static int32_t refuse_known_run(struct dr_state *s, const struct dr_new_run *r, struct dr_err *err)
{
    struct dr_sql_stmt *st;
    int64_t key;
    bool found;
    DR_TRY(dr_state_prepare(s, "SELECT run_key FROM dag_run WHERE dag_id = ?1 AND run_id = ?2", &st, err));
    dr_sql_bind_text(st, 1, r->dag->dag_id);
    dr_sql_bind_text(st, 2, r->run_id);
    DR_TRY(dr_state_fetch_int(s, st, &key, &found, err));
    if (found)
        return dr_fail(err, DR_EBUSY, "DAG '%s' has a run '%s' already", r->dag->dag_id, r->run_id);
    return DR_OK;
}

static int32_t insert_run(struct dr_state *s, const struct dr_new_run *r, int64_t *ret, struct dr_err *err)
{
    struct dr_sql_stmt *st;
    DR_TRY(dr_state_prepare(s,
                            "INSERT INTO dag_run (dag_id, run_id, version_key, run_type, logical_date,"
                            " data_interval_start, data_interval_end, queued_at, params, program)"
                            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                            &st, err));
    DR_AUTO_BUF params = { 0 };
    if (r->params)
        dr_json_put_node(&params, r->params, 0);
    else
        dr_buf_puts(&params, "{}");
    if (!dr_buf_ok(&params))
        return dr_fail(err, DR_ELIMIT, "the parameters of run '%s' are too large to record", r->run_id);
    dr_sql_bind_text(st, 1, r->dag->dag_id);
    dr_sql_bind_text(st, 2, r->run_id);
    dr_sql_bind_int(st, 3, r->dag_version);
    dr_sql_bind_text(st, 4, r->run_type);
    dr_state_bind_instant(st, 5, r->logical_us);
    dr_state_bind_time(st, 6, r->interval_start_us);
    dr_state_bind_time(st, 7, r->interval_end_us);
    dr_state_bind_instant(st, 8, dr_now_us());
    dr_sql_bind_str(st, 9, dr_buf_str(&params));
    dr_sql_bind_text(st, 10, r->program);
    DR_TRY(dr_state_finish(s, st, NULL, err));
    *ret = dr_sql_last_id(s->db);
    return DR_OK;
}

static int32_t insert_instances(struct dr_state *s, const struct dr_new_run *r, int64_t run,
                                struct dr_err *err)
{
    struct dr_sql_stmt *st;
    int64_t n;
    DR_TRY(dr_state_prepare(s,
                            "INSERT INTO task_instance (run_key, task_key)"
                            " SELECT ?1, task_key FROM task WHERE version_key = ?2 ORDER BY position",
                            &st, err));
    dr_sql_bind_int(st, 1, run);
    dr_sql_bind_int(st, 2, r->dag_version);
    DR_TRY(dr_state_finish(s, st, &n, err));
    if (n != r->dag->n_tasks)
        return dr_fail(err, DR_EBUG,
                       "version %" PRId64 " of DAG '%s' is recorded with %" PRId64
                       " tasks, but the DAG has %" PRId32,
                       r->dag_version, r->dag->dag_id, n, r->dag->n_tasks);
    return DR_OK;
}

static int32_t read_instance_keys(struct dr_state *s, int64_t run, int64_t *ret_tasks, struct dr_err *err)
{
    struct dr_sql_stmt *st;
    DR_TRY(dr_state_prepare(s,
                            "SELECT instance_key FROM task_instance JOIN task USING (task_key)"
                            " WHERE run_key = ?1 ORDER BY position",
                            &st, err));
    dr_sql_bind_int(st, 1, run);
    bool row;
    for (int32_t i = 0;; i++) {
        DR_TRY(dr_state_step(s, st, &row, err));
        if (!row)
            return DR_OK;
        ret_tasks[i] = dr_sql_int(st, 0);
    }
}

static int32_t put_run(struct dr_state *s, const struct dr_new_run *r, int64_t *ret_run, int64_t *ret_tasks,
                       struct dr_err *err)
{
    DR_TRY(refuse_known_run(s, r, err));
    DR_TRY(insert_run(s, r, ret_run, err));
    DR_TRY(insert_instances(s, r, *ret_run, err));
    return read_instance_keys(s, *ret_run, ret_tasks, err);
}

int32_t dr_state_new_run(struct dr_state *s, const struct dr_new_run *r, int64_t *ret_run, int64_t *ret_tasks,
                         struct dr_err *err)
{
    bool began;
    int64_t run = 0;
    DR_TRY(dr_state_enter(s, &began, err));
    DR_TRY(dr_state_leave(s, began, put_run(s, r, &run, ret_tasks, err), err));
    *ret_run = run;
    return DR_OK;
}

int32_t dr_state_put_plugin(struct dr_state *s, int64_t run, const char *name, const char *hash,
                            const char *version, struct dr_err *err)
{
    struct dr_sql_stmt *st;
    DR_TRY(dr_state_prepare(s,
                            "INSERT INTO plugin (run_key, name, hash, version) VALUES (?1, ?2, ?3, ?4)"
                            " ON CONFLICT DO UPDATE SET hash = excluded.hash, version = excluded.version",
                            &st, err));
    dr_sql_bind_int(st, 1, run);
    dr_sql_bind_text(st, 2, name);
    dr_sql_bind_text(st, 3, hash);
    dr_sql_bind_text(st, 4, version);
    return dr_state_finish(s, st, NULL, err);
}

/* ---- moves of runs ---------------------------------------------------------------- */

/* Why no row matched: there is no such run, or it is in another state. */
static int32_t refuse_run_move(struct dr_state *s, int64_t run, enum dr_run_state from, enum dr_run_state to,
                               struct dr_err *err)
{
    struct dr_sql_stmt *st;
    DR_TRY(dr_state_prepare(s, "SELECT dag_id, run_id, state FROM dag_run WHERE run_key = ?1", &st, err));
    dr_sql_bind_int(st, 1, run);
    bool row;
    DR_TRY(dr_state_step(s, st, &row, err));
    if (!row)
        return dr_fail(err, DR_ENOTFOUND, "there is no run with key %" PRId64, run);
    struct dr_str dag_id = dr_sql_str(st, 0), run_id = dr_sql_str(st, 1), state = dr_sql_str(st, 2);
    int32_t rc = dr_fail(err, DR_EBUSY, "run '%.*s' of '%.*s' cannot become %s: it is %.*s, not %s",
                         (int)run_id.n, run_id.p, (int)dag_id.n, dag_id.p, dr_run_state_name(to),
                         (int)state.n, state.p, dr_run_state_name(from));
    dr_sql_reset(st);
    return rc;
}

#define START_RUN                                                                                            \
    "UPDATE dag_run SET state = 'running', reason = ?2, started_at = ?3,"                                    \
    " runner_pid = ?4, runner_start_ticks = ?5, runner_boot_id = ?6"                                         \
    " WHERE run_key = ?1 AND state = 'queued'"
#define END_RUN                                                                                              \
    "UPDATE dag_run SET state = ?4, reason = ?2, ended_at = ?3"                                              \
    " WHERE run_key = ?1 AND state = ?5"
#define QUEUE_RUN                                                                                            \
    "UPDATE dag_run SET state = 'queued', reason = ?2, queued_at = ?3, started_at = NULL,"                   \
    " ended_at = NULL, runner_pid = NULL, runner_start_ticks = NULL, runner_boot_id = NULL"                  \
    " WHERE run_key = ?1 AND state = ?4"

static const char *move_sql(enum dr_run_state to)
{
    return to == DR_RUN_RUNNING ? START_RUN : to == DR_RUN_QUEUED ? QUEUE_RUN : END_RUN;
}

static void bind_move(struct dr_sql_stmt *st, enum dr_run_state from, enum dr_run_state to,
                      const struct dr_runner_id *runner)
{
    if (to == DR_RUN_QUEUED) {
        dr_sql_bind_text(st, 4, dr_run_state_name(from));
    } else if (to != DR_RUN_RUNNING) {
        dr_sql_bind_text(st, 4, dr_run_state_name(to));
        dr_sql_bind_text(st, 5, dr_run_state_name(from));
    } else if (runner) {
        dr_sql_bind_int(st, 4, runner->pid);
        dr_sql_bind_int(st, 5, runner->start_ticks);
        dr_sql_bind_text(st, 6, runner->boot_id);
    }
}

int32_t dr_state_move_run(struct dr_state *s, int64_t run, enum dr_run_state from, enum dr_run_state to,
                          const char *reason, const struct dr_runner_id *runner, int64_t now_us,
                          struct dr_err *err)
{
    struct dr_sql_stmt *st;
    int64_t changed;
    if (!dr_run_move_ok(from, to))
        return dr_fail(err, DR_EBUG, "a run cannot go from %s to %s", dr_run_state_name(from),
                       dr_run_state_name(to));
    DR_TRY(dr_state_prepare(s, move_sql(to), &st, err));
    dr_sql_bind_int(st, 1, run);
    dr_sql_bind_text(st, 2, reason);
    dr_state_bind_instant(st, 3, now_us);
    bind_move(st, from, to, runner);
    DR_TRY(dr_state_finish(s, st, &changed, err));
    return changed == 1 ? DR_OK : refuse_run_move(s, run, from, to, err);
}
