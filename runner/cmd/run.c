/* dagrun run, retry, cancel. */
#include "cmd/cmd.h"
#include "base/date.h"
#include "base/file.h"
#include "report/report.h"

/* ---- the run's report ---- */

static char *report_path(struct dr_cmd *c, const char *dag_id, const char *run_id)
{
    return dr_arena_printf(&c->arena, "%s/%s/%s/index.html", c->home.reports, dag_id, run_id);
}

/* A run that has a report, or has announced one, gets it now, with its end in it. The run is over:
 * what fails here changes nothing of its outcome. An exit code. */
static int write_report(struct dr_cmd *c, struct dr_state *s, const char *dag_id, const char *run_id)
{
    struct dr_err err = { 0 };
    if (!dr_report_is_due(&c->home, dag_id, run_id) ||
        dr_report_write(s, &c->home, dag_id, run_id, &c->arena, NULL, &err) == DR_OK)
        return DR_EXIT_OK;
    if (dr_path_exists(report_path(c, dag_id, run_id))) {
        (void)dr_err_prefix(&err, "the report does not show the run's end");
        dr_cmd_fail(&err);
        return DR_EXIT_OK;
    }
    (void)dr_err_prefix(&err, "the report of run %s is missing ('dagrun report %s %s' writes it)", run_id,
                        dag_id, run_id);
    return dr_cmd_fail(&err);
}

struct reporting {
    struct dr_cmd *c;
    const char *dag_id;
    int unwritten; /* an exit code */
};

static int32_t announce_report(void *ctx, struct dr_state *s, int64_t run, const char *run_id,
                               struct dr_err *err)
{
    const struct reporting *r = ctx;
    return dr_report_announce(s, &r->c->home, r->dag_id, run, run_id, err);
}

static void report_end(void *ctx, struct dr_state *s, const char *run_id)
{
    struct reporting *r = ctx;
    r->unwritten = write_report(r->c, s, r->dag_id, run_id);
}

/* ---- running ---- */

static int print_outcome(struct dr_cmd *c, const struct dr_dag *dag, const struct dr_exec_outcome *o)
{
    char *report = report_path(c, dag->dag_id, o->run_id);
    bool has_report = dr_path_exists(report);
    if (c->args.json) {
        struct dr_buf out = { 0 };
        struct dr_json j = { .out = &out, .indent = 2 };
        dr_json_object(&j);
        dr_json_key(&j, "dag_id");
        dr_json_cstr(&j, dag->dag_id);
        dr_json_key(&j, "run_id");
        dr_json_cstr(&j, o->run_id);
        dr_json_key(&j, "state");
        dr_json_cstr(&j, dr_run_state_name(o->state));
        dr_json_key(&j, "tasks");
        dr_json_int(&j, o->tasks);
        dr_json_key(&j, "success");
        dr_json_int(&j, o->success);
        dr_json_key(&j, "failed");
        dr_json_int(&j, o->failed);
        dr_json_key(&j, "skipped");
        dr_json_int(&j, o->skipped);
        dr_json_key(&j, "report");
        dr_json_cstr(&j, has_report ? report : NULL);
        dr_json_end_object(&j);
        dr_print_json(&out);
    } else if (has_report && (!c->args.quiet || o->state != DR_RUN_SUCCESS)) {
        printf("report: %s\n", report);
    }
    switch (o->state) {
    case DR_RUN_SUCCESS:
        return DR_EXIT_OK;
    case DR_RUN_CANCELLED:
        return DR_EXIT_CANCELLED;
    default:
        return DR_EXIT_FAILED;
    }
}

static int execute(struct dr_cmd *c, const struct dr_dag *dag, struct dr_exec_options *o)
{
    struct dr_err err = { 0 };
    struct dr_exec_outcome outcome = { 0 };
    struct dr_live *live = c->args.json ? NULL : dr_live_new(c, dag);
    o->home = &c->home;
    o->dag = dag;
    o->jobs = (int32_t)c->args.jobs;
    o->threads = (int32_t)c->args.threads;
    o->wait_lock_us = c->args.wait_us;
    o->trace = c->args.trace;
    o->program = dr_version_text();
    o->watch = live ? dr_live_watch(live) : NULL;
    struct reporting reporting = { c, dag->dag_id, DR_EXIT_OK };
    o->report = &(struct dr_exec_report){ announce_report, report_end, &reporting };
    int32_t rc = dr_exec_run(o, &outcome, &err);
    dr_live_free(live);
    if (rc)
        return dr_cmd_fail(&err);
    int ended = print_outcome(c, dag, &outcome);
    return ended ? ended : reporting.unwritten;
}

/* --date as an instant: a date alone is midnight in the DAG's zone. */
static int read_date(struct dr_cmd *c, const struct dr_dag *dag, int64_t *ret)
{
    int32_t days;
    bool zoned;
    struct dr_str text = dr_str_of(c->args.date);
    if (dr_parse_date(text, &days)) {
        struct dr_civil midnight;
        dr_civil_from_days(days, &midnight);
        dr_zone_instant(dag->zone, &midnight, ret, NULL);
        return 0;
    }
    if (!dr_parse_timestamp(text, ret, &zoned))
        return dr_cmd_usage(
            "--date: '%s' is not an ISO 8601 date or time such as 2024-03-01 or 2024-03-01T02:30:00Z",
            c->args.date);
    if (!zoned) {
        struct dr_civil local;
        dr_civil_from_us(*ret, &local);
        dr_zone_instant(dag->zone, &local, ret, NULL);
    }
    return 0;
}

/* Whether the schedule fires in the minute that is now. */
static bool due_now(const struct dr_dag *dag)
{
    int64_t now = dr_now_us(), minute = now - now % (60 * DR_US_PER_S), fired;
    return dr_dag_last_due(dag, now, &fired) && fired >= minute;
}

/* The DAG, ready to run: its suites are right too. */
static int load_whole(struct dr_cmd *c, const char *dag_id, const struct dr_dag **ret)
{
    struct dr_diags found = { .arena = &c->arena };
    dr_arena_share(&c->arena); /* each worker is a fork that reads the DAG */
    int rc = dr_cmd_load_dag(c, dag_id, ret);
    if (rc)
        return rc;
    dr_cmd_check_suites(c, *ret, &found);
    if (!found.errors)
        return 0;
    dr_cmd_diags(c, &found);
    return DR_EXIT_DEFINITION;
}

int dr_verb_run(struct dr_cmd *c)
{
    const struct dr_dag *dag = NULL;
    const struct dr_node *given = NULL;
    struct dr_node *params = NULL;
    struct dr_err err = { 0 };
    int rc = load_whole(c, c->args.words[0], &dag);
    if (!rc)
        rc = dr_cmd_params(c, &given);
    if (rc)
        return rc;
    if (c->args.if_due && !due_now(dag))
        return DR_EXIT_OK;
    if (dr_dag_params(&c->arena, dag, given, &params, &err)) {
        dr_cmd_fail(&err);
        return DR_EXIT_USAGE;
    }
    if (c->args.run_id && !dr_name_ok(c->args.run_id))
        return dr_cmd_usage("--run-id: '%s' is not a name (letters, digits, _ . -; at most 200)",
                            c->args.run_id);
    struct dr_exec_options o = { .run_id = c->args.run_id, .run_type = "manual", .params = params };
    if (c->args.date && (rc = read_date(c, dag, &o.logical_us)))
        return rc;
    return execute(c, dag, &o);
}

static int task_keys(struct dr_cmd *c, struct dr_state *s, const struct dr_run_row *run, int64_t **ret,
                     int32_t *ret_n)
{
    struct dr_err err = { 0 };
    struct dr_task_row *tasks;
    int32_t n;
    *ret_n = 0;
    if (!c->args.task)
        return 0;
    if (dr_state_tasks(s, &c->arena, run->key, &tasks, &n, &err))
        return dr_cmd_fail(&err);
    for (int32_t i = 0; i < n; i++) {
        if (!dr_streq(tasks[i].task_id, c->args.task))
            continue;
        *ret = DR_NEW(&c->arena, int64_t);
        **ret = tasks[i].key;
        *ret_n = 1;
        return 0;
    }
    dr_fail(&err, DR_ENOTFOUND, "run %s of %s has no task '%s'", run->run_id, run->dag_id, c->args.task);
    return dr_cmd_fail(&err);
}

/* Its runner may have died between the end of the run and the report. */
static int write_missing_report(struct dr_cmd *c, struct dr_state *s, const struct dr_run_row *run)
{
    if (dr_path_exists(report_path(c, run->dag_id, run->run_id)))
        return DR_EXIT_OK;
    return write_report(c, s, run->dag_id, run->run_id);
}

int dr_verb_retry(struct dr_cmd *c)
{
    struct dr_state *s = NULL;
    struct dr_run_row run;
    struct dr_err err = { 0 };
    const struct dr_dag *dag = NULL;
    int32_t recovered;
    if (dr_path_exists(c->home.db) && dr_exec_recover(&c->home, &recovered, &err))
        return dr_cmd_fail(&err);
    int rc = dr_cmd_open_state(c, &s);
    if (!rc)
        rc = dr_cmd_find_run(c, s, c->args.words[0], c->args.n_words > 1 ? c->args.words[1] : NULL, &run);
    if (!rc)
        rc = load_whole(c, run.dag_id, &dag);
    int64_t *keys = NULL;
    int32_t n_keys = 0;
    if (!rc)
        rc = task_keys(c, s, &run, &keys, &n_keys);
    if (rc)
        return rc;
    if (run.state == DR_RUN_SUCCESS && !n_keys) {
        printf("run %s of %s succeeded; there is nothing to retry (--task TASK runs one again)\n", run.run_id,
               run.dag_id);
        return write_missing_report(c, s, &run);
    }
    struct dr_node *params = NULL;
    if (dr_json_parse(&c->arena, dr_str_of(run.params ? run.params : "{}"), "params", true, &params, &err))
        return dr_cmd_fail(&err);
    struct dr_exec_options o = { .run_type = run.run_type,
                                 .params = params,
                                 .logical_us = run.logical_us,
                                 .resume_run = run.key,
                                 .resume_tasks = keys,
                                 .n_resume_tasks = n_keys };
    return execute(c, dag, &o);
}

int dr_verb_cancel(struct dr_cmd *c)
{
    struct dr_state *s = NULL;
    struct dr_run_row run;
    struct dr_err err = { 0 };
    int rc = dr_cmd_open_state(c, &s);
    if (!rc)
        rc = dr_cmd_find_run(c, s, c->args.words[0], c->args.n_words > 1 ? c->args.words[1] : NULL, &run);
    if (rc)
        return rc;
    if (dr_exec_cancel(&c->home, &run, &err))
        return dr_cmd_fail(&err);
    printf("asked run %s of %s to stop\n", run.run_id, run.dag_id);
    return DR_EXIT_OK;
}
