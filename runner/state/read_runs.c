/* read_runs.c - runs with their tallies, found by name or listed. */
#include "state/store.h"
#include <inttypes.h>

/* ---- rows ----------------------------------------------------------------------- */

/* The runs picked by the WHERE given, with tallies counted from their tasks and
 * results. A task's results are those of the attempt with its try number. Results
 * are counted in their covering index; the severity is looked up for failed ones only. */
#define RUNS_SQL(where)                                                                                      \
    "WITH picked AS MATERIALIZED (SELECT * FROM dag_run " where " ORDER BY run_key DESC LIMIT ?1),"          \
    " by_task AS (SELECT run_key, count(*) AS n, sum(state = 'success') AS success,"                         \
    "   sum(state IN ('failed', 'upstream_failed')) AS failed, sum(state = 'skipped') AS skipped"            \
    "  FROM task_instance WHERE run_key IN (SELECT run_key FROM picked) GROUP BY run_key),"                  \
    " result AS (SELECT run_key, outcome, CASE outcome WHEN 'failed' THEN"                                   \
    "   (SELECT severity FROM expectation e WHERE e.expectation_key = x.expectation_key) END AS severity"    \
    "  FROM task_instance i JOIN task_attempt a ON a.instance_key = i.instance_key AND a.number = "          \
    "i.try_number"                                                                                           \
    "  JOIN expectation_result x USING (attempt_key) WHERE run_key IN (SELECT run_key FROM picked)),"        \
    " by_check AS (SELECT run_key, count(*) AS n, sum(outcome = 'failed') AS failed,"                        \
    "   sum(outcome = 'error') AS error, sum(severity IS 'info') AS info,"                                   \
    "   sum(severity IS 'warning') AS warning, sum(severity IS 'critical') AS critical"                      \
    "  FROM result GROUP BY run_key)"                                                                        \
    " SELECT p.run_key, p.dag_id, p.run_id, p.run_type, p.state, p.reason, p.logical_date,"                  \
    "  p.data_interval_start, p.data_interval_end, p.queued_at, p.started_at, p.ended_at, p.params,"         \
    "  p.program, p.runner_pid, p.runner_start_ticks, p.runner_boot_id,"                                     \
    "  t.n, t.success, t.failed, t.skipped,"                                                                 \
    "  c.n, c.failed, c.error, c.info, c.warning, c.critical,"                                               \
    "  v.version_key, v.hash, v.text, v.description, v.owner, v.timezone"                                    \
    " FROM picked p JOIN dag_version v USING (version_key)"                                                  \
    " LEFT JOIN by_task t ON t.run_key = p.run_key LEFT JOIN by_check c ON c.run_key = p.run_key"            \
    " ORDER BY p.run_key DESC"

static void read_tallies(struct dr_sql_stmt *st, struct dr_run_row *r)
{
    r->tasks = (int32_t)dr_sql_int(st, 17);
    r->tasks_success = (int32_t)dr_sql_int(st, 18);
    r->tasks_failed = (int32_t)dr_sql_int(st, 19);
    r->tasks_skipped = (int32_t)dr_sql_int(st, 20);
    r->checks = (int32_t)dr_sql_int(st, 21);
    r->checks_failed = (int32_t)dr_sql_int(st, 22);
    r->checks_error = (int32_t)dr_sql_int(st, 23);
    r->failed_by_severity[DR_SEVERITY_INFO] = (int32_t)dr_sql_int(st, 24);
    r->failed_by_severity[DR_SEVERITY_WARNING] = (int32_t)dr_sql_int(st, 25);
    r->failed_by_severity[DR_SEVERITY_CRITICAL] = (int32_t)dr_sql_int(st, 26);
}

static void read_runner(struct dr_sql_stmt *st, struct dr_runner_id *r)
{
    r->pid = dr_sql_int(st, 14);
    r->start_ticks = dr_sql_int(st, 15);
    struct dr_str boot = dr_sql_str(st, 16);
    size_t n = boot.n < sizeof(r->boot_id) ? boot.n : sizeof(r->boot_id) - 1;
    memcpy(r->boot_id, boot.p, n);
    r->boot_id[n] = '\0';
}

static void read_run(struct dr_sql_stmt *st, struct dr_arena *a, struct dr_run_row *r)
{
    r->key = dr_sql_int(st, 0);
    r->dag_id = dr_sql_text(st, 1, a);
    r->run_id = dr_sql_text(st, 2, a);
    r->run_type = dr_sql_text(st, 3, a);
    r->state = dr_state_run_state(st, 4);
    r->reason = dr_sql_text(st, 5, a);
    r->logical_us = dr_state_time(st, 6);
    r->interval_start_us = dr_state_time(st, 7);
    r->interval_end_us = dr_state_time(st, 8);
    r->queued_us = dr_state_time(st, 9);
    r->started_us = dr_state_time(st, 10);
    r->ended_us = dr_state_time(st, 11);
    r->params = dr_sql_text(st, 12, a);
    r->program = dr_sql_text(st, 13, a);
    read_runner(st, &r->runner);
    read_tallies(st, r);
}

/* A version's texts are large and most runs in a row share one. */
static void read_version(struct dr_sql_stmt *st, struct dr_arena *a, struct dr_run_row *r,
                         const struct dr_run_row *same)
{
    r->dag_hash = same ? same->dag_hash : dr_sql_text(st, 28, a);
    r->dag_text = same ? same->dag_text : dr_sql_text(st, 29, a);
    r->description = same ? same->description : dr_sql_text(st, 30, a);
    r->owner = same ? same->owner : dr_sql_text(st, 31, a);
    r->timezone = same ? same->timezone : dr_sql_text(st, 32, a);
}

static int32_t read_run_list(struct dr_state *s, struct dr_sql_stmt *st, struct dr_arena *a,
                             struct dr_run_row **ret, int32_t *ret_n, struct dr_err *err)
{
    struct dr_run_row *rows = NULL;
    int32_t n = 0, cap = 0;
    int64_t last_version = 0;
    for (bool row;; n++) {
        DR_TRY(dr_state_step(s, st, &row, err));
        if (!row)
            break;
        rows = dr_state_grow(a, rows, n, &cap, sizeof(*rows));
        read_run(st, a, &rows[n]);
        int64_t version = dr_sql_int(st, 27);
        read_version(st, a, &rows[n], version == last_version ? &rows[n - 1] : NULL);
        last_version = version;
    }
    *ret = rows;
    *ret_n = n;
    return DR_OK;
}

/* ---- lists ------------------------------------------------------------------------ */

/* One run and all of them are one text: it is long, and compiling it costs more than a run's row. */
#define RUNS_BY_KEY RUNS_SQL("WHERE run_key BETWEEN ?2 AND ?3")

static void bind_keys(struct dr_sql_stmt *st, int64_t first, int64_t last)
{
    dr_sql_bind_int(st, 2, first);
    dr_sql_bind_int(st, 3, last);
}

int32_t dr_state_runs(struct dr_state *s, struct dr_arena *a, const struct dr_run_filter *f,
                      struct dr_run_row **ret, int32_t *ret_n, struct dr_err *err)
{
    /* One text per shape of filter, so that each can use its index. */
    static const char *const sql[2][2] = {
        { RUNS_BY_KEY, RUNS_SQL("WHERE state = ?3") },
        { RUNS_SQL("WHERE dag_id = ?2"), RUNS_SQL("WHERE dag_id = ?2 AND state = ?3") },
    };
    struct dr_sql_stmt *st;
    bool by_dag = f->dag_id, by_state = f->state >= 0;
    DR_TRY(dr_state_prepare(s, sql[by_dag][by_state], &st, err));
    dr_sql_bind_int(st, 1, f->limit > 0 ? f->limit : 1000);
    if (!by_dag && !by_state)
        bind_keys(st, INT64_MIN, INT64_MAX);
    if (by_dag)
        dr_sql_bind_text(st, 2, f->dag_id);
    if (by_state)
        dr_sql_bind_text(st, 3, dr_run_state_name((enum dr_run_state)f->state));
    return read_run_list(s, st, a, ret, ret_n, err);
}

int32_t dr_state_run(struct dr_state *s, struct dr_arena *a, int64_t key, struct dr_run_row *ret,
                     struct dr_err *err)
{
    struct dr_sql_stmt *st;
    struct dr_run_row *rows;
    int32_t n;
    DR_TRY(dr_state_prepare(s, RUNS_BY_KEY, &st, err));
    dr_sql_bind_int(st, 1, 1);
    bind_keys(st, key, key);
    DR_TRY(read_run_list(s, st, a, &rows, &n, err));
    if (n != 1)
        return dr_fail(err, DR_ENOTFOUND, "there is no run with key %" PRId64, key);
    *ret = rows[0];
    return DR_OK;
}

int32_t dr_state_run_ids(struct dr_state *s, struct dr_arena *a, const char *dag_id, int32_t limit,
                         const char ***ret, int32_t *ret_n, struct dr_err *err)
{
    struct dr_sql_stmt *st;
    const char **ids = dr_arena_array(a, (size_t)limit, sizeof(*ids));
    DR_TRY(dr_state_prepare(s, "SELECT run_id FROM dag_run WHERE dag_id = ?1 ORDER BY run_key DESC LIMIT ?2",
                            &st, err));
    dr_sql_bind_text(st, 1, dag_id);
    dr_sql_bind_int(st, 2, limit);
    int32_t n = 0;
    for (bool row;; n++) {
        DR_TRY(dr_state_step(s, st, &row, err));
        if (!row)
            break;
        ids[n] = dr_sql_text(st, 0, a);
    }
    *ret = ids;
    *ret_n = n;
    return DR_OK;
}

int32_t dr_state_is_running(struct dr_state *s, const char *dag_id, bool *ret, struct dr_err *err)
{
    struct dr_sql_stmt *st;
    int64_t one;
    DR_TRY(dr_state_prepare(s, "SELECT 1 FROM dag_run WHERE dag_id = ?1 AND state = 'running' LIMIT 1", &st,
                            err));
    dr_sql_bind_text(st, 1, dag_id);
    return dr_state_fetch_int(s, st, &one, ret, err);
}

/* ---- finding one by name ------------------------------------------------------------ */

/* What a name could mean: keys and names of up to CANDIDATES runs. */
enum { CANDIDATES = 6 };
struct candidates {
    int64_t keys[CANDIDATES];
    const char *names[CANDIDATES]; /* in the caller's arena: "RUN_ID" or "DAG/RUN_ID" */
    int32_t n;
};

#define IN_DAG " (?1 IS NULL OR dag_id = ?1) "
static const char *const find_exact = "SELECT run_key, dag_id, run_id FROM dag_run WHERE" IN_DAG
                                      "AND run_id = ?2 ORDER BY run_key DESC LIMIT 6";
static const char *const find_prefix = "SELECT run_key, dag_id, run_id FROM dag_run WHERE" IN_DAG
                                       "AND substr(run_id, 1, length(?2)) = ?2 ORDER BY run_key DESC LIMIT 6";
static const char *const find_latest = "SELECT run_key, dag_id, run_id FROM dag_run WHERE" IN_DAG
                                       "AND ?2 = 'latest' ORDER BY run_key DESC LIMIT 1";
static const char *const find_newest =
    "SELECT run_key, dag_id, run_id FROM dag_run WHERE" IN_DAG "ORDER BY run_key DESC LIMIT 1000";

static int32_t find_candidates(struct dr_state *s, struct dr_arena *a, const char *sql, const char *dag_id,
                               const char *run_id, struct candidates *ret, struct dr_err *err)
{
    struct dr_sql_stmt *st;
    DR_TRY(dr_state_prepare(s, sql, &st, err));
    dr_sql_bind_text(st, 1, dag_id);
    dr_sql_bind_text(st, 2, run_id);
    ret->n = 0;
    for (bool row;;) {
        DR_TRY(dr_state_step(s, st, &row, err));
        if (!row || ret->n == CANDIDATES)
            break;
        const char *dag = dr_sql_text(st, 1, a), *run = dr_sql_text(st, 2, a);
        ret->keys[ret->n] = dr_sql_int(st, 0);
        ret->names[ret->n++] = dag_id ? run : dr_arena_printf(a, "%s/%s", dag, run);
    }
    dr_sql_reset(st);
    return DR_OK;
}

static int32_t fail_ambiguous(const char *run_id, const struct candidates *c, struct dr_err *err)
{
    DR_AUTO_BUF names = { 0 };
    int32_t shown = c->n == CANDIDATES ? CANDIDATES - 1 : c->n;
    for (int32_t i = 0; i < shown; i++)
        dr_buf_printf(&names, "%s'%s'", i ? ", " : "", c->names[i]);
    return dr_fail(err, DR_EINPUT, "run '%s' could be any of %s%s: say more of its name", run_id,
                   dr_buf_cstr(&names), shown < c->n ? ", ..." : "");
}

/* The first column of all rows as an array of text. */
static int32_t read_names(struct dr_state *s, struct dr_arena *a, struct dr_sql_stmt *st, int column,
                          const char ***ret, int32_t *ret_n, struct dr_err *err)
{
    const char **names = NULL;
    int32_t n = 0, cap = 0;
    for (bool row;; n++) {
        DR_TRY(dr_state_step(s, st, &row, err));
        if (!row)
            break;
        names = dr_state_grow(a, names, n, &cap, sizeof(*names));
        names[n] = dr_sql_text(st, column, a);
    }
    *ret = names;
    *ret_n = n;
    return DR_OK;
}

/* The DAG has no runs at all: is it the DAG's name that is wrong? */
static int32_t fail_no_runs(struct dr_state *s, struct dr_arena *a, const char *dag_id, struct dr_err *err)
{
    struct dr_sql_stmt *st;
    const char **names;
    int32_t n;
    if (!dag_id)
        return dr_fail(err, DR_ENOTFOUND, "there are no runs yet");
    DR_TRY(dr_state_prepare(s, "SELECT DISTINCT dag_id FROM dag_run", &st, err));
    DR_TRY(read_names(s, a, st, 0, &names, &n, err));
    const char *near = dr_nearest(dag_id, names, (size_t)n);
    if (near)
        return dr_fail(err, DR_ENOTFOUND, "DAG '%s' has no runs; did you mean '%s'?", dag_id, near);
    return dr_fail(err, DR_ENOTFOUND, "DAG '%s' has no runs yet", dag_id);
}

static int32_t fail_unknown(struct dr_state *s, struct dr_arena *a, const char *dag_id, const char *run_id,
                            struct dr_err *err)
{
    struct dr_sql_stmt *st;
    const char **names;
    int32_t n;
    DR_TRY(dr_state_prepare(s, find_newest, &st, err));
    dr_sql_bind_text(st, 1, dag_id);
    DR_TRY(read_names(s, a, st, 2, &names, &n, err));
    if (n == 0)
        return fail_no_runs(s, a, dag_id, err);
    const char *near = dr_nearest(run_id, names, (size_t)n);
    const char *of = dag_id ? " of DAG " : "", *dag = dag_id ? dag_id : "";
    if (near)
        return dr_fail(err, DR_ENOTFOUND, "there is no run '%s'%s%s; did you mean '%s'?", run_id, of, dag,
                       near);
    return dr_fail(err, DR_ENOTFOUND, "there is no run '%s'%s%s; the newest is '%s'", run_id, of, dag,
                   names[0]);
}

int32_t dr_state_find_run(struct dr_state *s, struct dr_arena *a, const char *dag_id, const char *run_id,
                          struct dr_run_row *ret, struct dr_err *err)
{
    const char *const ways[] = { find_exact, find_latest, find_prefix };
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]) && *run_id; i++) {
        struct candidates c;
        DR_TRY(find_candidates(s, a, ways[i], dag_id, run_id, &c, err));
        if (c.n > 1)
            return fail_ambiguous(run_id, &c, err);
        if (c.n == 1)
            return dr_state_run(s, a, c.keys[0], ret, err);
    }
    return fail_unknown(s, a, dag_id, run_id, err);
}
