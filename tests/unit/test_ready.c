#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "exec/ready.h"

enum {
    WAIT = DR_VERDICT_WAIT,
    RUN = DR_VERDICT_RUN,
    SKIP = DR_VERDICT_SKIP,
    FAIL = DR_VERDICT_UPSTREAM_FAILED
};

/* Upstreams as letters: s success, f failed, u upstream_failed, k skipped, . not yet. */
static enum dr_verdict judge(enum dr_trigger_rule rule, const char *upstreams)
{
    struct dr_upstreams u = { .total = (int32_t)strlen(upstreams) };
    for (const char *p = upstreams; *p; p++) {
        u.success += *p == 's';
        u.failed += *p == 'f';
        u.upstream_failed += *p == 'u';
        u.skipped += *p == 'k';
    }
    return dr_ready_judge(rule, &u);
}

struct rule_case {
    enum dr_trigger_rule rule;
    const char *upstreams;
    int verdict;
};

/* What Airflow's TriggerRuleDep decides, and when. */
static const struct rule_case cases[] = {
    { DR_TRIGGER_ALL_SUCCESS, "ss", RUN },
    { DR_TRIGGER_ALL_SUCCESS, "s.", WAIT },
    { DR_TRIGGER_ALL_SUCCESS, "f.", FAIL },
    { DR_TRIGGER_ALL_SUCCESS, "u.", FAIL },
    { DR_TRIGGER_ALL_SUCCESS, "k.", SKIP },
    { DR_TRIGGER_ALL_SUCCESS, "kf", FAIL },
    { DR_TRIGGER_ALL_DONE, "sfuk", RUN },
    { DR_TRIGGER_ALL_DONE, "sfu.", WAIT },
    { DR_TRIGGER_ALL_FAILED, "fu", RUN },
    { DR_TRIGGER_ALL_FAILED, "f.", WAIT },
    { DR_TRIGGER_ALL_FAILED, "s.", SKIP },
    { DR_TRIGGER_ALL_FAILED, "k.", SKIP },
    { DR_TRIGGER_ONE_SUCCESS, "s..", RUN },
    { DR_TRIGGER_ONE_SUCCESS, "fk.", WAIT },
    { DR_TRIGGER_ONE_SUCCESS, "kk", SKIP },
    { DR_TRIGGER_ONE_SUCCESS, "kf", FAIL },
    { DR_TRIGGER_ONE_FAILED, "f.", RUN },
    { DR_TRIGGER_ONE_FAILED, "u.", RUN },
    { DR_TRIGGER_ONE_FAILED, "s.", WAIT },
    { DR_TRIGGER_ONE_FAILED, "sk", SKIP },
    { DR_TRIGGER_ONE_DONE, "s.", RUN },
    { DR_TRIGGER_ONE_DONE, "f.", RUN },
    { DR_TRIGGER_ONE_DONE, "k.", WAIT },
    { DR_TRIGGER_ONE_DONE, "ku", SKIP },
    { DR_TRIGGER_NONE_FAILED, "sk", RUN },
    { DR_TRIGGER_NONE_FAILED, "kk", RUN },
    { DR_TRIGGER_NONE_FAILED, "s.", WAIT },
    { DR_TRIGGER_NONE_FAILED, "f.", FAIL },
    { DR_TRIGGER_NONE_FAILED_MIN_ONE_SUCCESS, "sk", RUN },
    { DR_TRIGGER_NONE_FAILED_MIN_ONE_SUCCESS, "kk", SKIP },
    { DR_TRIGGER_NONE_FAILED_MIN_ONE_SUCCESS, "u.", FAIL },
    { DR_TRIGGER_NONE_FAILED_MIN_ONE_SUCCESS, "k.", WAIT },
    { DR_TRIGGER_NONE_SKIPPED, "sf", RUN },
    { DR_TRIGGER_NONE_SKIPPED, "k.", SKIP },
    { DR_TRIGGER_NONE_SKIPPED, "s.", WAIT },
    { DR_TRIGGER_ALL_SKIPPED, "kk", RUN },
    { DR_TRIGGER_ALL_SKIPPED, "k.", WAIT },
    { DR_TRIGGER_ALL_SKIPPED, "u.", SKIP },
    { DR_TRIGGER_ALWAYS, "..", RUN },
};

static void trigger_rules_decide_as_airflow_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        if ((int)judge(cases[i].rule, cases[i].upstreams) != cases[i].verdict)
            fail_msg("%s with %s: verdict %d, expected %d", dr_trigger_rule_name(cases[i].rule),
                     cases[i].upstreams, (int)judge(cases[i].rule, cases[i].upstreams), cases[i].verdict);
}

static void a_task_without_upstreams_runs_by_any_rule(void **state)
{
    (void)state;
    for (int rule = DR_TRIGGER_ALL_SUCCESS; rule <= DR_TRIGGER_ALWAYS; rule++)
        assert_int_equal(RUN, judge((enum dr_trigger_rule)rule, ""));
}

/* ---- whole graphs ---- */

enum { MAX = 20000 };
struct graph {
    struct dr_arena arena;
    struct dr_dag dag;
    struct dr_ready ready;
};

static int setup(void **state)
{
    struct graph *g = test_calloc(1, sizeof(*g));
    g->dag.tasks = dr_arena_array(&g->arena, MAX, sizeof(*g->dag.tasks));
    g->dag.topo = dr_arena_array(&g->arena, MAX, sizeof(*g->dag.topo));
    *state = g;
    return 0;
}

static int teardown(void **state)
{
    struct graph *g = *state;
    dr_arena_done(&g->arena);
    test_free(g);
    return 0;
}

static void add_tasks(struct graph *g, int32_t n)
{
    g->dag.n_tasks = n;
    for (int32_t i = 0; i < n; i++)
        g->dag.topo[i] = i;
}

static void add_edge(struct graph *g, int32_t from, int32_t to)
{
    struct dr_task_def *a = &g->dag.tasks[from], *b = &g->dag.tasks[to];
    if (!a->downstream)
        a->downstream = dr_arena_array(&g->arena, 8, sizeof(int32_t));
    a->downstream[a->n_downstream++] = to;
    b->n_upstream++;
}

static int32_t take(struct graph *g)
{
    int32_t task;
    return dr_ready_take(&g->ready, &task) ? task : -1;
}

static void a_diamond_opens_step_by_step(void **state)
{
    struct graph *g = *state;
    add_tasks(g, 4);
    add_edge(g, 0, 1);
    add_edge(g, 0, 2);
    add_edge(g, 1, 3);
    add_edge(g, 2, 3);
    dr_ready_init(&g->ready, &g->arena, &g->dag);
    dr_ready_start(&g->ready);
    assert_int_equal(0, take(g));
    assert_int_equal(-1, take(g));
    dr_ready_end(&g->ready, 0, DR_TASK_SUCCESS);
    assert_int_equal(1, take(g));
    assert_int_equal(2, take(g));
    dr_ready_end(&g->ready, 2, DR_TASK_SUCCESS);
    assert_int_equal(-1, take(g));
    dr_ready_end(&g->ready, 1, DR_TASK_SUCCESS);
    assert_int_equal(3, take(g));
}

static void ready_tasks_come_by_weight_then_by_place(void **state)
{
    struct graph *g = *state;
    static const int32_t weights[] = { 1, 5, 1, 9, 5 };
    add_tasks(g, 5);
    for (int i = 0; i < 5; i++)
        g->dag.tasks[i].priority_weight = weights[i];
    dr_ready_init(&g->ready, &g->arena, &g->dag);
    dr_ready_start(&g->ready);
    static const int32_t expected[] = { 3, 1, 4, 0, 2, -1 };
    for (int i = 0; i < 6; i++)
        assert_int_equal(expected[i], take(g));
}

static void a_task_put_back_is_taken_again(void **state)
{
    struct graph *g = *state;
    add_tasks(g, 2);
    dr_ready_init(&g->ready, &g->arena, &g->dag);
    dr_ready_start(&g->ready);
    assert_int_equal(0, take(g));
    dr_ready_again(&g->ready, 0);
    assert_int_equal(0, take(g));
    assert_int_equal(1, take(g));
}

static void each_ready_task_is_told_once(void **state)
{
    struct graph *g = *state;
    int32_t task, n = 0;
    add_tasks(g, 3);
    dr_ready_init(&g->ready, &g->arena, &g->dag);
    dr_ready_start(&g->ready);
    while (dr_ready_take_fresh(&g->ready, &task))
        n++;
    dr_ready_again(&g->ready, take(g));
    assert_int_equal(3, n);
    assert_false(dr_ready_take_fresh(&g->ready, &task));
}

static void restored_tasks_count_and_do_not_run(void **state)
{
    struct graph *g = *state;
    add_tasks(g, 3);
    add_edge(g, 0, 2);
    add_edge(g, 1, 2);
    dr_ready_init(&g->ready, &g->arena, &g->dag);
    dr_ready_restore(&g->ready, 0, DR_TASK_SUCCESS);
    dr_ready_start(&g->ready);
    assert_int_equal(1, take(g));
    assert_int_equal(-1, take(g));
    dr_ready_end(&g->ready, 1, DR_TASK_SUCCESS);
    assert_int_equal(2, take(g));
}

static void a_failure_runs_down_a_long_chain_without_a_deep_stack(void **state)
{
    struct graph *g = *state;
    add_tasks(g, MAX);
    for (int32_t i = 0; i + 1 < MAX; i++)
        add_edge(g, i, i + 1);
    dr_ready_init(&g->ready, &g->arena, &g->dag);
    dr_ready_start(&g->ready);
    dr_ready_end(&g->ready, take(g), DR_TASK_FAILED);
    int32_t task, n = 0;
    enum dr_task_state how;
    while (dr_ready_take_ended(&g->ready, &task, &how)) {
        assert_int_equal(DR_TASK_UPSTREAM_FAILED, how);
        dr_ready_end(&g->ready, task, how);
        n++;
    }
    assert_int_equal(MAX - 1, n);
}

static void a_cancelled_upstream_counts_as_failed(void **state)
{
    struct graph *g = *state;
    int32_t task;
    enum dr_task_state how;
    add_tasks(g, 2);
    add_edge(g, 0, 1);
    dr_ready_init(&g->ready, &g->arena, &g->dag);
    dr_ready_start(&g->ready);
    dr_ready_end(&g->ready, take(g), DR_TASK_CANCELLED);
    assert_true(dr_ready_take_ended(&g->ready, &task, &how));
    assert_int_equal(DR_TASK_UPSTREAM_FAILED, how);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trigger_rules_decide_as_airflow_does),
        cmocka_unit_test(a_task_without_upstreams_runs_by_any_rule),
        cmocka_unit_test_setup_teardown(a_diamond_opens_step_by_step, setup, teardown),
        cmocka_unit_test_setup_teardown(ready_tasks_come_by_weight_then_by_place, setup, teardown),
        cmocka_unit_test_setup_teardown(a_task_put_back_is_taken_again, setup, teardown),
        cmocka_unit_test_setup_teardown(each_ready_task_is_told_once, setup, teardown),
        cmocka_unit_test_setup_teardown(restored_tasks_count_and_do_not_run, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failure_runs_down_a_long_chain_without_a_deep_stack, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_cancelled_upstream_counts_as_failed, setup, teardown),
    };
    return cmocka_run_group_tests_name("ready", tests, NULL, NULL);
}
