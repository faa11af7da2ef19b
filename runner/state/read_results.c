/* read_results.c - what the attempts of a run told: check results, datasets,
 * metrics, accounts. Only the attempt with its task's try number counts. */
#include "state/store.h"
#include <math.h>

#define OF_CURRENT_ATTEMPTS                                                                                  \
    " FROM task_instance i JOIN task t USING (task_key)"                                                     \
    " JOIN task_attempt a ON a.instance_key = i.instance_key AND a.number = i.try_number"

static int32_t prepare_for_run(struct dr_state *s, const char *sql, int64_t run, struct dr_sql_stmt **ret,
                               struct dr_err *err)
{
    DR_TRY(dr_state_prepare(s, sql, ret, err));
    dr_sql_bind_int(*ret, 1, run);
    return DR_OK;
}

/* ---- check results ---------------------------------------------------------------- */

#define RESULTS_SQL                                                                                          \
    "SELECT x.result_key, t.task_id, e.suite, e.suite_hash, d.name, e.expectation_id,"                       \
    " e.expectation_type, e.column_name, e.severity, e.on_failure, e.description, e.owner, e.kwargs,"        \
    " x.result, x.sentence, x.exception, x.outcome, x.element_count, x.unexpected_count,"                    \
    " x.missing_count, e.position" OF_CURRENT_ATTEMPTS " JOIN expectation_result x USING (attempt_key)"      \
    " JOIN expectation e USING (expectation_key) JOIN dataset d USING (dataset_key)"                         \
    " WHERE run_key = ?1 ORDER BY t.position, x.dataset_key, e.suite, e.position, x.result_key"

static void read_result(struct dr_sql_stmt *st, struct dr_arena *a, struct dr_result_row *row)
{
    struct dr_result_record *r = &row->r;
    row->key = dr_sql_int(st, 0);
    row->task_id = dr_sql_text(st, 1, a);
    r->suite = dr_sql_text(st, 2, a);
    r->suite_hash = dr_sql_text(st, 3, a);
    r->dataset = dr_sql_text(st, 4, a);
    r->expectation_id = dr_sql_text(st, 5, a);
    r->expectation_type = dr_sql_text(st, 6, a);
    r->column = dr_sql_text(st, 7, a);
    r->severity = dr_sql_text(st, 8, a);
    r->on_failure = dr_sql_text(st, 9, a);
    r->description = dr_sql_text(st, 10, a);
    r->owner = dr_sql_text(st, 11, a);
    r->kwargs = dr_sql_text(st, 12, a);
    r->result = dr_sql_text(st, 13, a);
    r->sentence = dr_sql_text(st, 14, a);
    r->exception = dr_sql_text(st, 15, a);
    r->success = dr_str_eq(dr_sql_str(st, 16), DR_LIT("passed"));
    r->element_count = dr_state_count(st, 17);
    r->unexpected_count = dr_state_count(st, 18);
    r->missing_count = dr_state_count(st, 19);
    r->position = (int32_t)dr_sql_int(st, 20);
}

int32_t dr_state_results(struct dr_state *s, struct dr_arena *a, int64_t run, struct dr_result_row **ret,
                         int32_t *ret_n, struct dr_err *err)
{
    struct dr_sql_stmt *st;
    struct dr_result_row *rows = NULL;
    int32_t n = 0, cap = 0;
    DR_TRY(prepare_for_run(s, RESULTS_SQL, run, &st, err));
    for (bool row;; n++) {
        DR_TRY(dr_state_step(s, st, &row, err));
        if (!row)
            break;
        rows = dr_state_grow(a, rows, n, &cap, sizeof(*rows));
        read_result(st, a, &rows[n]);
    }
    *ret = rows;
    *ret_n = n;
    return DR_OK;
}

/* ---- datasets --------------------------------------------------------------------- */

#define DATASETS_SQL                                                                                         \
    "SELECT t.task_id, d.name, v.path, v.port, v.hash, v.columns, v.row_count, v.byte_count,"                \
    " v.operation, v.recorded_at" OF_CURRENT_ATTEMPTS " JOIN dataset_event v USING (attempt_key)"            \
    " JOIN dataset d USING (dataset_key) WHERE run_key = ?1 ORDER BY t.position, v.event_key"

static void read_dataset(struct dr_sql_stmt *st, struct dr_arena *a, struct dr_dataset_row *row)
{
    struct dr_dataset_record *d = &row->d;
    row->task_id = dr_sql_text(st, 0, a);
    d->name = dr_sql_text(st, 1, a);
    d->path = dr_sql_text(st, 2, a);
    d->port = dr_sql_text(st, 3, a);
    d->hash = dr_sql_text(st, 4, a);
    d->schema = dr_sql_text(st, 5, a);
    d->rows = dr_state_count(st, 6);
    d->bytes = dr_state_count(st, 7);
    d->output = dr_str_eq(dr_sql_str(st, 8), DR_LIT("write"));
    row->at_us = dr_state_time(st, 9);
}

int32_t dr_state_datasets(struct dr_state *s, struct dr_arena *a, int64_t run, struct dr_dataset_row **ret,
                          int32_t *ret_n, struct dr_err *err)
{
    struct dr_sql_stmt *st;
    struct dr_dataset_row *rows = NULL;
    int32_t n = 0, cap = 0;
    DR_TRY(prepare_for_run(s, DATASETS_SQL, run, &st, err));
    for (bool row;; n++) {
        DR_TRY(dr_state_step(s, st, &row, err));
        if (!row)
            break;
        rows = dr_state_grow(a, rows, n, &cap, sizeof(*rows));
        read_dataset(st, a, &rows[n]);
    }
    *ret = rows;
    *ret_n = n;
    return DR_OK;
}

/* ---- metrics ---------------------------------------------------------------------- */

#define METRICS_SQL                                                                                          \
    "SELECT t.task_id, m.name, m.value" OF_CURRENT_ATTEMPTS " JOIN metric m USING (attempt_key)"             \
    " WHERE run_key = ?1 ORDER BY t.position, m.metric_key"

int32_t dr_state_metrics(struct dr_state *s, struct dr_arena *a, int64_t run, struct dr_metric_row **ret,
                         int32_t *ret_n, struct dr_err *err)
{
    struct dr_sql_stmt *st;
    struct dr_metric_row *rows = NULL;
    int32_t n = 0, cap = 0;
    DR_TRY(prepare_for_run(s, METRICS_SQL, run, &st, err));
    for (bool row;; n++) {
        DR_TRY(dr_state_step(s, st, &row, err));
        if (!row)
            break;
        rows = dr_state_grow(a, rows, n, &cap, sizeof(*rows));
        bool known = dr_sql_column_type(st, 2) != DR_SQL_NULL;
        rows[n] = (struct dr_metric_row){ .task_id = dr_sql_text(st, 0, a),
                                          .name = dr_sql_text(st, 1, a),
                                          .value = known ? dr_sql_float(st, 2) : (double)NAN };
    }
    *ret = rows;
    *ret_n = n;
    return DR_OK;
}

/* ---- accounts --------------------------------------------------------------------- */

#define ACCOUNTS_SQL                                                                                         \
    "SELECT t.task_id, d.name, nullif(c.group_name, ''), c.stage, c.row_count, a.state = "                   \
    "'running'" OF_CURRENT_ATTEMPTS                                                                          \
    " JOIN row_account c USING (attempt_key) JOIN dataset d USING (dataset_key)"                             \
    " WHERE run_key = ?1 ORDER BY t.position, c.account_key"

int32_t dr_state_accounts(struct dr_state *s, struct dr_arena *a, int64_t run, struct dr_account_row **ret,
                          int32_t *ret_n, struct dr_err *err)
{
    struct dr_sql_stmt *st;
    struct dr_account_row *rows = NULL;
    int32_t n = 0, cap = 0;
    DR_TRY(prepare_for_run(s, ACCOUNTS_SQL, run, &st, err));
    for (bool row;; n++) {
        DR_TRY(dr_state_step(s, st, &row, err));
        if (!row)
            break;
        rows = dr_state_grow(a, rows, n, &cap, sizeof(*rows));
        rows[n] = (struct dr_account_row){ .task_id = dr_sql_text(st, 0, a),
                                           .dataset = dr_sql_text(st, 1, a),
                                           .group = dr_sql_text(st, 2, a),
                                           .stage = dr_sql_text(st, 3, a),
                                           .rows = dr_sql_int(st, 4),
                                           .running = dr_sql_int(st, 5) != 0 };
    }
    *ret = rows;
    *ret_n = n;
    return DR_OK;
}
