/* test_state_fixture.h - a home in a fresh folder, an open run store, and a
 * DAG of four tasks: extract -> validate -> transform, and a report on all of
 * them that is written whatever happened. */
#ifndef TEST_STATE_FIXTURE_H
#define TEST_STATE_FIXTURE_H
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/file.h"
#include "base/sqlite.h"
#include "state/state.h"
#include "state/store.h"
#include "temp_folder.h"

enum { EXTRACT, VALIDATE, TRANSFORM, REPORT, N_TASKS };
#define T0 INT64_C(1709260200000000) /* 2024-03-01T02:30:00Z */

struct fixture {
    char folder[200], var[220], db[240];
    struct dr_home home;
    struct dr_arena arena;
    struct dr_state *state;
    struct dr_err err;
    struct dr_task_def tasks[N_TASKS];
    struct dr_dag dag;
};

static inline void make_dag(struct fixture *f)
{
    static const char *const names[] = { "extract", "validate", "transform", "report" };
    static int32_t of_validate[] = { EXTRACT }, of_transform[] = { VALIDATE },
                   of_report[] = { EXTRACT, VALIDATE, TRANSFORM };
    int32_t *const upstream[] = { NULL, of_validate, of_transform, of_report };
    const int32_t n_upstream[] = { 0, 1, 1, 3 };
    for (int i = 0; i < N_TASKS; i++)
        f->tasks[i] = (struct dr_task_def){ .id = names[i],
                                            .plugin = "demo",
                                            .retries = 2,
                                            .upstream = upstream[i],
                                            .n_upstream = n_upstream[i] };
    f->tasks[REPORT].trigger_rule = DR_TRIGGER_ALL_DONE;
    f->dag = (struct dr_dag){ .dag_id = "demo",
                              .description = "A demonstration",
                              .owner = "data-platform",
                              .path = dr_arena_printf(&f->arena, "%s/dags/demo.yaml", f->folder),
                              .hash = "11112222",
                              .text = DR_LIT("dag_id: demo\n"),
                              .tasks = f->tasks,
                              .n_tasks = N_TASKS };
}

static inline int make_folder(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    if (!make_temp_folder(f->folder, sizeof f->folder))
        return -1;
    snprintf(f->var, sizeof(f->var), "%s/var", f->folder);
    snprintf(f->db, sizeof(f->db), "%s/dagrun.db", f->var);
    f->home = (struct dr_home){ .path = f->folder, .var = f->var, .db = f->db };
    make_dag(f);
    *state = f;
    return 0;
}

static inline int remove_folder(void **state)
{
    struct fixture *f = *state;
    dr_state_close(f->state);
    dr_arena_done(&f->arena);
    int32_t rc = dr_remove_tree(f->folder, NULL);
    test_free(f);
    return rc;
}

static inline int open_store(void **state)
{
    if (make_folder(state))
        return -1;
    struct fixture *f = *state;
    return dr_state_open(&f->home, 0, &f->state, &f->err);
}

/* Shows the message of a failure that should not have been. */
#define assert_ok(f, call)                                                                                   \
    do {                                                                                                     \
        int32_t rc_ = (call);                                                                                \
        if (rc_)                                                                                             \
            print_error("%s\n", (f)->err.msg);                                                               \
        assert_int_equal(rc_, DR_OK);                                                                        \
    } while (0)
#define assert_fails(f, call, code, words)                                                                   \
    do {                                                                                                     \
        assert_int_equal(call, code);                                                                        \
        assert_int_equal((f)->err.rc, code);                                                                 \
        if (!strstr((f)->err.msg, words))                                                                    \
            print_error("message: %s\n", (f)->err.msg);                                                      \
        assert_non_null(strstr((f)->err.msg, words));                                                        \
    } while (0)

/* A run at T0 plus `day` days, still queued. */
static inline int64_t new_run(struct fixture *f, const char *run_id, int day, int64_t tasks[N_TASKS])
{
    int64_t version, run;
    assert_ok(f, dr_state_put_dag(f->state, &f->dag, &version, &f->err));
    struct dr_new_run r = { .dag = &f->dag,
                            .dag_version = version,
                            .run_id = run_id,
                            .run_type = "manual",
                            .logical_us = T0 + day * DR_US_PER_DAY,
                            .interval_start_us = T0 + (day - 1) * DR_US_PER_DAY,
                            .interval_end_us = T0 + day * DR_US_PER_DAY,
                            .program = "dagrun 0.1.0" };
    assert_ok(f, dr_state_new_run(f->state, &r, &run, tasks, &f->err));
    return run;
}

static inline int64_t start_run(struct fixture *f, const char *run_id, int day, int64_t tasks[N_TASKS])
{
    int64_t run = new_run(f, run_id, day, tasks);
    struct dr_runner_id runner = { 4711, 99, "0b1c" };
    assert_ok(
        f, dr_state_move_run(f->state, run, DR_RUN_QUEUED, DR_RUN_RUNNING, NULL, &runner, T0 + 1, &f->err));
    return run;
}

/* none or up_for_retry -> queued -> running. */
static inline int64_t start_task(struct fixture *f, int64_t task, int32_t number)
{
    int64_t attempt;
    enum dr_task_state from = number == 1 ? DR_TASK_NONE : DR_TASK_UP_FOR_RETRY;
    assert_ok(f, dr_state_move_task(f->state, task, from, DR_TASK_QUEUED, NULL, 0, T0 + 2, &f->err));
    assert_ok(f, dr_state_start_attempt(f->state, task, number, 5000 + number, 7, T0 + 3, &attempt, &f->err));
    return attempt;
}

static inline void end_task(struct fixture *f, int64_t task, int64_t attempt, enum dr_task_state as)
{
    struct dr_attempt_end end = { .state = as, .exit_code = as == DR_TASK_SUCCESS ? 0 : 1, .cpu_us = 1500 };
    if (as == DR_TASK_UP_FOR_RETRY)
        end.next_try_us = T0 + 60 * DR_US_PER_S;
    assert_ok(f, dr_state_end_attempt(f->state, task, attempt, &end, T0 + 4, &f->err));
}

static inline void end_run(struct fixture *f, int64_t run, enum dr_run_state as)
{
    assert_ok(f, dr_state_move_run(f->state, run, DR_RUN_RUNNING, as, NULL, NULL, T0 + 9, &f->err));
}

static inline struct dr_result_record a_result(const char *id, bool success)
{
    return (struct dr_result_record){ .suite = "vitals",
                                      .suite_hash = "5e17",
                                      .dataset = "vitals_raw",
                                      .expectation_id = id,
                                      .expectation_type = "expect_column_values_to_not_be_null",
                                      .column = "value",
                                      .severity = "warning",
                                      .on_failure = "record",
                                      .kwargs = "{\"column\":\"value\"}",
                                      .result = "{\"element_count\":10}",
                                      .sentence = success ? "all 10 are there" : "3 of 10 are missing",
                                      .success = success,
                                      .element_count = 10,
                                      .unexpected_count = success ? 0 : 3,
                                      .missing_count = -1 };
}

static inline void put_result(struct fixture *f, int64_t attempt, struct dr_result_record r)
{
    assert_ok(f, dr_state_put_result(f->state, attempt, &r, &f->err));
}

static inline int64_t sql_int(struct fixture *f, const char *sql)
{
    struct dr_sql_stmt *st;
    int64_t v = -999;
    bool found;
    assert_ok(f, dr_state_prepare(f->state, sql, &st, &f->err));
    assert_ok(f, dr_state_fetch_int(f->state, st, &v, &found, &f->err));
    assert_true(found);
    return v;
}

static inline const char *sql_text(struct fixture *f, const char *sql)
{
    struct dr_sql_stmt *st;
    bool row;
    assert_ok(f, dr_state_prepare(f->state, sql, &st, &f->err));
    assert_ok(f, dr_state_step(f->state, st, &row, &f->err));
    assert_true(row);
    const char *text = dr_sql_text(st, 0, &f->arena);
    dr_sql_reset(st);
    return text;
}
#endif
