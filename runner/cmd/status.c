/* dagrun runs and status: what happened. */
#include "cmd/cmd.h"
#include "base/date.h"

/* ---- runs ---- */

static void json_run(struct dr_cmd *c, struct dr_json *j, const struct dr_run_row *r)
{
    dr_json_key(j, "dag_id");
    dr_json_cstr(j, r->dag_id);
    dr_json_key(j, "run_id");
    dr_json_cstr(j, r->run_id);
    dr_json_key(j, "run_type");
    dr_json_cstr(j, r->run_type);
    dr_json_key(j, "state");
    dr_json_cstr(j, dr_run_state_name(r->state));
    dr_json_key(j, "reason");
    dr_json_cstr(j, r->reason);
    dr_json_key(j, "logical_date");
    dr_json_cstr(j, dr_iso(&c->arena, r->logical_us));
    dr_json_key(j, "started");
    dr_json_cstr(j, dr_iso(&c->arena, r->started_us));
    dr_json_key(j, "ended");
    dr_json_cstr(j, dr_iso(&c->arena, r->ended_us));
    dr_json_key(j, "tasks");
    dr_json_int(j, r->tasks);
    dr_json_key(j, "tasks_success");
    dr_json_int(j, r->tasks_success);
    dr_json_key(j, "tasks_failed");
    dr_json_int(j, r->tasks_failed);
    dr_json_key(j, "checks");
    dr_json_int(j, r->checks);
    dr_json_key(j, "checks_failed");
    dr_json_int(j, r->checks_failed);
    dr_json_key(j, "checks_not_evaluated");
    dr_json_int(j, r->checks_error);
}

static void runs_json(struct dr_cmd *c, const struct dr_run_row *rows, int32_t n)
{
    struct dr_buf out = { 0 };
    struct dr_json j = { .out = &out, .indent = 2 };
    dr_json_array(&j);
    for (int32_t i = 0; i < n; i++) {
        dr_json_object(&j);
        json_run(c, &j, &rows[i]);
        dr_json_end_object(&j);
    }
    dr_json_end_array(&j);
    dr_print_json(&out);
}

static int64_t run_span(const struct dr_run_row *r)
{
    if (!r->started_us)
        return 0;
    return (r->ended_us ? r->ended_us : dr_now_us()) - r->started_us;
}

static void runs_text(struct dr_cmd *c, const struct dr_run_row *rows, int32_t n)
{
    static const char *const titles[] = { "DAG", "RUN", "STATE", "STARTED", "TOOK", "TASKS", "CHECKS" };
    struct dr_grid g;
    dr_grid_init(&g, &c->arena, 7, titles, "    rrr");
    for (int32_t i = 0; i < n; i++) {
        const struct dr_run_row *r = &rows[i];
        dr_grid_add(&g, DR_TINT_BOLD, r->dag_id);
        dr_grid_add(&g, DR_TINT_NONE, r->run_id);
        dr_grid_add(&g, dr_run_tint(r->state), dr_run_state_name(r->state));
        dr_grid_add(&g, DR_TINT_NONE, dr_show_time(&c->arena, r->started_us, r->timezone));
        dr_grid_add(&g, DR_TINT_NONE, r->started_us ? dr_show_span(&c->arena, run_span(r)) : "-");
        dr_grid_add(&g, r->tasks_failed ? DR_TINT_BAD : DR_TINT_NONE,
                    dr_arena_printf(&c->arena, "%d of %d", r->tasks_success, r->tasks));
        dr_grid_add(&g, r->checks_failed || r->checks_error ? DR_TINT_WARN : DR_TINT_NONE,
                    r->checks ? dr_arena_printf(&c->arena, "%d of %d",
                                                r->checks - r->checks_failed - r->checks_error, r->checks)
                              : "-");
    }
    dr_grid_print(&g, c->color, stdout);
}

int dr_verb_runs(struct dr_cmd *c)
{
    struct dr_state *s = NULL;
    struct dr_err err = { 0 };
    struct dr_run_row *rows = NULL;
    int32_t n = 0;
    enum dr_run_state state = DR_RUN_QUEUED;
    struct dr_run_filter f = { .dag_id = c->args.n_words ? c->args.words[0] : c->args.dag,
                               .state = -1,
                               .limit = c->args.limit ? (int32_t)c->args.limit : 20 };
    if (c->args.state) {
        if (!dr_run_state_parse(c->args.state, &state))
            return dr_cmd_usage("--state: '%s' is not queued, running, success, failed or cancelled",
                                c->args.state);
        f.state = (int32_t)state;
    }
    int rc = dr_cmd_open_state(c, &s);
    if (rc)
        return rc;
    if (s && dr_state_runs(s, &c->arena, &f, &rows, &n, &err))
        return dr_cmd_fail(&err);
    if (f.dag_id && !n && !dr_cmd_dag_exists(c, f.dag_id))
        return dr_cmd_no_such_dag(c, f.dag_id);
    if (c->args.json)
        runs_json(c, rows, n);
    else if (n)
        runs_text(c, rows, n);
    else
        puts("no runs");
    return DR_EXIT_OK;
}

/* ---- status ---- */

struct whole {
    struct dr_run_row run;
    struct dr_task_row *tasks;
    struct dr_result_row *results;
    struct dr_account_row *accounts;
    int32_t n_tasks, n_results, n_accounts;
};

static int load_whole(struct dr_cmd *c, struct dr_state *s, struct whole *w)
{
    struct dr_err err = { 0 };
    if (dr_state_tasks(s, &c->arena, w->run.key, &w->tasks, &w->n_tasks, &err) ||
        dr_state_results(s, &c->arena, w->run.key, &w->results, &w->n_results, &err) ||
        dr_state_accounts(s, &c->arena, w->run.key, &w->accounts, &w->n_accounts, &err))
        return dr_cmd_fail(&err);
    return 0;
}

static int64_t task_span(const struct dr_task_row *t)
{
    if (!t->started_us)
        return 0;
    return (t->ended_us ? t->ended_us : dr_now_us()) - t->started_us;
}

static void status_tasks(struct dr_cmd *c, const struct whole *w)
{
    static const char *const titles[] = { "TASK", "STATE", "TOOK", "TRIES", "WHY" };
    struct dr_grid g;
    dr_grid_init(&g, &c->arena, 5, titles, "  rr");
    for (int32_t i = 0; i < w->n_tasks; i++) {
        const struct dr_task_row *t = &w->tasks[i];
        dr_grid_add(&g, DR_TINT_BOLD, t->task_id);
        dr_grid_add(&g, dr_task_tint(t->state), dr_task_state_name(t->state));
        dr_grid_add(&g, DR_TINT_NONE, t->started_us ? dr_show_span(&c->arena, task_span(t)) : "-");
        dr_grid_add(&g, DR_TINT_NONE, dr_arena_printf(&c->arena, "%d", t->attempts));
        dr_grid_add(&g, DR_TINT_NONE, t->reason);
    }
    dr_grid_print(&g, c->color, stdout);
}

/* Failed checks, or with --full all of them. */
static void status_checks(struct dr_cmd *c, const struct whole *w)
{
    static const char *const titles[] = { "CHECK", "SEVERITY", "DATASET", "WHAT" };
    struct dr_grid g;
    int shown = 0;
    dr_grid_init(&g, &c->arena, 4, titles, NULL);
    for (int32_t i = 0; i < w->n_results; i++) {
        const struct dr_result_record *r = &w->results[i].r;
        if (r->success && !c->args.full)
            continue;
        const char *word = r->success ? "passed" : r->exception ? "no verdict" : "failed";
        dr_grid_add(&g,
                    r->success                      ? DR_TINT_GOOD
                    : dr_streq(r->severity, "info") ? DR_TINT_WARN
                                                    : DR_TINT_BAD,
                    word);
        dr_grid_add(&g, DR_TINT_NONE, r->severity);
        dr_grid_add(&g, DR_TINT_NONE, r->dataset);
        dr_grid_add(&g, DR_TINT_NONE, r->exception ? r->exception : r->sentence);
        shown++;
    }
    if (shown) {
        putchar('\n');
        dr_grid_print(&g, c->color, stdout);
    }
}

static void status_text(struct dr_cmd *c, const struct whole *w)
{
    const struct dr_run_row *r = &w->run;
    enum dr_tint tint = dr_run_tint(r->state);
    printf("%s%s%s %s  %s%s%s  started %s, %s %s\n", dr_tint_on(c->color, DR_TINT_BOLD), r->dag_id,
           dr_tint_off(c->color, DR_TINT_BOLD), r->run_id, dr_tint_on(c->color, tint),
           dr_run_state_name(r->state), dr_tint_off(c->color, tint),
           dr_show_time(&c->arena, r->started_us, r->timezone), r->ended_us ? "took" : "running for",
           dr_show_span(&c->arena, run_span(r)));
    if (r->reason)
        printf("%s\n", r->reason);
    putchar('\n');
    status_tasks(c, w);
    if (w->n_results)
        printf("\n%d checks: %d passed, %d failed (%d critical, %d warning, %d info), %d without a verdict\n",
               r->checks, r->checks - r->checks_failed - r->checks_error, r->checks_failed,
               r->failed_by_severity[DR_SEVERITY_CRITICAL], r->failed_by_severity[DR_SEVERITY_WARNING],
               r->failed_by_severity[DR_SEVERITY_INFO], r->checks_error);
    status_checks(c, w);
    if (r->state == DR_RUN_FAILED || r->state == DR_RUN_CANCELLED)
        printf("\nto go on after mending: dagrun retry %s %s\n", r->dag_id, r->run_id);
}

static void json_tasks(struct dr_cmd *c, struct dr_json *j, const struct whole *w)
{
    dr_json_key(j, "task_instances");
    dr_json_array(j);
    for (int32_t i = 0; i < w->n_tasks; i++) {
        const struct dr_task_row *t = &w->tasks[i];
        dr_json_object(j);
        dr_json_key(j, "task_id");
        dr_json_cstr(j, t->task_id);
        dr_json_key(j, "state");
        dr_json_cstr(j, dr_task_state_name(t->state));
        dr_json_key(j, "reason");
        dr_json_cstr(j, t->reason);
        dr_json_key(j, "attempts");
        dr_json_int(j, t->attempts);
        dr_json_key(j, "started");
        dr_json_cstr(j, dr_iso(&c->arena, t->started_us));
        dr_json_key(j, "ended");
        dr_json_cstr(j, dr_iso(&c->arena, t->ended_us));
        dr_json_end_object(j);
    }
    dr_json_end_array(j);
}

static void json_checks(struct dr_json *j, const struct whole *w)
{
    dr_json_key(j, "expectation_results");
    dr_json_array(j);
    for (int32_t i = 0; i < w->n_results; i++) {
        const struct dr_result_record *r = &w->results[i].r;
        dr_json_object(j);
        dr_json_key(j, "dataset");
        dr_json_cstr(j, r->dataset);
        dr_json_key(j, "suite");
        dr_json_cstr(j, r->suite);
        dr_json_key(j, "id");
        dr_json_cstr(j, r->expectation_id);
        dr_json_key(j, "expectation_type");
        dr_json_cstr(j, r->expectation_type);
        dr_json_key(j, "severity");
        dr_json_cstr(j, r->severity);
        dr_json_key(j, "success");
        dr_json_bool(j, r->success);
        dr_json_key(j, "exception");
        dr_json_cstr(j, r->exception);
        dr_json_key(j, "sentence");
        dr_json_cstr(j, r->sentence);
        dr_json_end_object(j);
    }
    dr_json_end_array(j);
}

static void json_accounts(struct dr_json *j, const struct whole *w)
{
    dr_json_key(j, "row_account");
    dr_json_array(j);
    for (int32_t i = 0; i < w->n_accounts; i++) {
        dr_json_object(j);
        dr_json_key(j, "dataset");
        dr_json_cstr(j, w->accounts[i].dataset);
        dr_json_key(j, "group");
        dr_json_cstr(j, w->accounts[i].group);
        dr_json_key(j, "stage");
        dr_json_cstr(j, w->accounts[i].stage);
        dr_json_key(j, "rows");
        dr_json_int(j, w->accounts[i].rows);
        dr_json_end_object(j);
    }
    dr_json_end_array(j);
}

int dr_verb_status(struct dr_cmd *c)
{
    struct dr_state *s = NULL;
    struct whole w = { 0 };
    int rc = dr_cmd_open_state(c, &s);
    if (!rc)
        rc = dr_cmd_find_run(c, s, c->args.words[0], c->args.n_words > 1 ? c->args.words[1] : NULL, &w.run);
    if (!rc)
        rc = load_whole(c, s, &w);
    if (rc)
        return rc;
    if (c->args.json) {
        struct dr_buf out = { 0 };
        struct dr_json j = { .out = &out, .indent = 2 };
        dr_json_object(&j);
        json_run(c, &j, &w.run);
        json_tasks(c, &j, &w);
        json_checks(&j, &w);
        json_accounts(&j, &w);
        dr_json_end_object(&j);
        dr_print_json(&out);
    } else {
        status_text(c, &w);
    }
    return w.run.state == DR_RUN_FAILED || w.run.state == DR_RUN_CANCELLED ? DR_EXIT_FAILED : DR_EXIT_OK;
}
