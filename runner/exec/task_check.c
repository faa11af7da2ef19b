/* task_check.c - checks and the account of rows, in the worker: runs a suite and
 * sends each result to the runner. Values of sensitive columns are already
 * masked in what the expectation engine gives. */
#include "exec/task_impl.h"
#include "base/file.h"
#include "base/json.h"
#include "exec/earlier.h"
#include "exec/plugin_open.h"
#include "expect/expect.h"
#include <dagrun/task.h>

enum { PARTIAL_UNEXPECTED = 20, JSON_MAX = 8 << 20 };
/* By convention the column that dr_table_read_csv was asked to put line numbers in. */
static const char line_column[] = "_line";

int32_t dr_task_load_suite(struct dr_task *t, const char *name, const struct dr_suite **ret)
{
    struct dr_diags diags = { .arena = &t->arena };
    struct dr_suite *suite = dr_suite_load(&t->arena, t->job->home, name, dr_expect_source(), &diags);
    if (!suite)
        return dr_diags_fail(&diags, &t->err);
    *ret = suite;
    return DR_OK;
}

static void send_result(struct dr_task *t, const struct dr_suite *suite, const char *dataset,
                        const struct dr_check *c, int32_t position)
{
    const struct dr_expectation *e = c->expectation;
    DR_AUTO_BUF kwargs = { .max = JSON_MAX };
    DR_AUTO_BUF result = { .max = JSON_MAX };
    dr_json_put_node(&kwargs, e->kwargs, 0);
    dr_json_put_node(&result, c->result, 0);
    struct dr_msg m = {
        .type = DR_MSG_RESULT,
        .result = {
            .suite = suite->name,
            .suite_hash = suite->hash,
            .dataset = dataset,
            .expectation_id = e->id,
            .expectation_type = e->type,
            .column = c->column,
            .severity = dr_severity_name(c->severity),
            .on_failure = dr_on_failure_name(e->on_failure),
            .description = e->description,
            .owner = e->owner,
            .kwargs = dr_buf_ok(&kwargs) ? dr_buf_cstr(&kwargs) : "{}",
            .result = dr_buf_ok(&result) ? dr_buf_cstr(&result) : "{}",
            .sentence = c->sentence,
            .exception = c->exception,
            .success = c->success,
            .element_count = c->element_count,
            .unexpected_count = c->unexpected_count,
            .missing_count = c->missing_count,
            .position = position,
        },
    };
    dr_task_send(t, &m);
}

static const char *what_failed(const struct dr_check *c)
{
    return c->exception ? c->exception : c->sentence ? c->sentence : "did not hold";
}

static void log_check(struct dr_task *t, const struct dr_check *c)
{
    const struct dr_expectation *e = c->expectation;
    if (c->success)
        return;
    dr_task_log(t, c->exception || c->severity == DR_SEVERITY_CRITICAL ? DR_ERROR : DR_WARN, "%s (%s): %s",
                e->description ? e->description : e->type, dr_severity_name(c->severity), what_failed(c));
}

static void keep_verdict(struct dr_task *t, const char *suite, const struct dr_check *c)
{
    const struct dr_expectation *e = c->expectation;
    if (!t->verdict && dr_check_must_fail(c))
        t->verdict = dr_arena_printf(&t->arena, "suite %s: %s: %s", suite,
                                     e->description ? e->description : e->type, what_failed(c));
}

int32_t dr_task_verdict(struct dr_task *t, const struct dr_validation *v)
{
    if (!v->must_fail)
        return 0;
    return dr_task_fail_final(
        t, "%s (%d critical expectation%s failed, %d could not be evaluated; see the quality report)",
        t->verdict ? t->verdict : "the suite did not hold", (int)v->failed_critical,
        v->failed_critical == 1 ? "" : "s", (int)v->errors);
}

void dr_task_fill_validation(struct dr_validation *v, const struct dr_results *r, int64_t quarantined)
{
    uint32_t size = v->size;
    *v = (struct dr_validation){
        .size = size,
        .evaluated = r->passed + r->failed,
        .failed = r->failed,
        .failed_critical = r->failed_by_severity[DR_SEVERITY_CRITICAL],
        .failed_warning = r->failed_by_severity[DR_SEVERITY_WARNING],
        .errors = r->errors,
        .quarantined = quarantined,
        .must_fail = r->must_fail,
    };
}

struct dr_expect_options dr_task_expect_options(const struct dr_task *t, const char *line_numbers)
{
    return (struct dr_expect_options){
        .result_format = DR_RESULT_SUMMARY,
        .partial_unexpected_count = PARTIAL_UNEXPECTED,
        .row_key = line_numbers,
        .line_column = line_numbers,
        .evaluation_parameters = t->job->subst->params,
    };
}

/* ---- other tables, earlier runs ---- */

enum { OTHERS_MAX = 16 };
/* What expectations may ask for beyond the table itself. */
struct surroundings {
    struct dr_task *t;
    const char *names[OTHERS_MAX];
    struct dr_table *tables[OTHERS_MAX]; /* owned; NULL: could not be read */
    int32_t n;
    const char *earlier_path;      /* NULL: no expectation compares with an earlier run */
    const struct dr_node *earlier; /* or NULL */
};

/* "hospitals" is the dataset of that name and data/hospitals.csv. */
static bool is_named(const struct dr_task_file *f, const char *name)
{
    const char *base = dr_path_base(f->name);
    size_t n = strlen(name);
    return dr_streq(f->name, name) || (strncmp(base, name, n) == 0 && (!base[n] || base[n] == '.'));
}

static struct dr_table *read_other(struct dr_task *t, const char *name)
{
    struct dr_table *table;
    for (int32_t k = 0, nth = 0; k < t->n_inputs; k++) {
        nth = k && dr_streq(t->inputs[k].port, t->inputs[k - 1].port) ? nth + 1 : 0;
        if (!is_named(&t->inputs[k], name))
            continue;
        if (dr_task_read(t, t->inputs[k].port, nth, NULL, &table, NULL) == 0)
            return table;
        dr_task_log(t, DR_WARN, "table '%s' cannot be compared with: %s", name, t->err.msg);
        return NULL;
    }
    return NULL;
}

static const struct dr_table *other_table(void *ctx, const char *name)
{
    struct surroundings *s = ctx;
    for (int32_t k = 0; k < s->n; k++)
        if (dr_streq(s->names[k], name))
            return s->tables[k];
    if (s->n == OTHERS_MAX)
        return NULL;
    s->names[s->n] = dr_arena_strdup(&s->t->arena, name);
    s->tables[s->n] = read_other(s->t, name);
    return s->tables[s->n++];
}

static const struct dr_node *earlier_result(void *ctx, const char *id)
{
    const struct surroundings *s = ctx;
    return dr_node_get(s->earlier, id);
}

static int32_t row_check(void *ctx, const char *plugin, const struct dr_row_check **ret, struct dr_err *err)
{
    const struct surroundings *s = ctx;
    return dr_row_check_open(s->t->job->home->expectations, plugin, ret, err);
}

static void surroundings_init(struct surroundings *s, struct dr_task *t, const struct dr_suite *suite,
                              const char *dataset)
{
    const struct dr_worker_job *j = t->job;
    *s = (struct surroundings){ .t = t };
    for (int32_t k = 0; k < suite->n && !s->earlier_path; k++)
        if (dr_expect_uses_history(suite->expectations[k].type))
            s->earlier_path = dr_arena_printf(&t->arena, "%s/earlier/%s/%s.%s.%s.json", j->home->var,
                                              j->dag->dag_id, j->def->id, suite->name, dr_path_base(dataset));
    if (s->earlier_path)
        s->earlier = dr_earlier_load(&t->arena, s->earlier_path, j->subst->run_id);
}

/* What this run found is what the next one compares with, unless it refused the data. */
static int32_t surroundings_done(struct surroundings *s, const struct dr_results *r)
{
    for (int32_t k = 0; k < s->n; k++)
        dr_table_unref(s->tables[k]);
    if (!s->earlier_path || !r || r->must_fail)
        return DR_OK;
    return dr_earlier_save(s->earlier_path, s->t->job->subst->run_id, r, &s->t->err);
}

static void warn_of_absent_columns(struct dr_task *t, const struct dr_suite *suite, const char *dataset,
                                   const struct dr_table *table)
{
    const char *near = NULL;
    for (int32_t k = 0; (k = dr_expect_absent_column(suite, table, k, &near)) >= 0; k++)
        dr_task_log(t, DR_WARN, "%s has no column '%s', of which suite %s says something%s%s%s", dataset,
                    suite->columns[k].name, suite->name, near ? "; did you mean '" : "", near ? near : "",
                    near ? "'?" : "");
}

static int32_t run_suite(struct dr_task *t, const struct dr_suite *suite, const char *dataset,
                         const struct dr_table *table, struct dr_results **ret)
{
    struct surroundings s;
    const char *lines = dr_table_find(table, line_column) >= 0 ? line_column : NULL;
    struct dr_expect_options options = dr_task_expect_options(t, lines);
    options.other_table = other_table;
    options.earlier = earlier_result;
    options.row_check = row_check;
    options.ctx = &s;
    surroundings_init(&s, t, suite, dataset);
    struct dr_results *results = NULL;
    warn_of_absent_columns(t, suite, dataset, table);
    int32_t rc = dr_expect_run(suite, table, &options, &results, &t->err);
    int32_t kept = surroundings_done(&s, results);
    if (rc == DR_OK && kept == DR_OK)
        *ret = results;
    else
        dr_results_free(results);
    return rc ? rc : kept;
}

/* ---- results ---- */

void dr_task_report_results(struct dr_task *t, const struct dr_suite *suite, const char *dataset,
                            const struct dr_results *results)
{
    t->verdict = NULL;
    for (int32_t i = 0; i < results->n; i++) {
        send_result(t, suite, dataset, &results->checks[i], i);
        log_check(t, &results->checks[i]);
        keep_verdict(t, suite->name, &results->checks[i]);
    }
    dr_task_log(t, DR_INFO,
                "suite %s on %s: %d expectations, %d passed, %d failed, %d could not be evaluated",
                suite->name, dataset, (int)results->n, (int)results->passed, (int)results->failed,
                (int)results->errors);
}

/* Give the caller what it asked for and drop the rest. */
static void hand_over(struct dr_table *table, struct dr_table **ret)
{
    if (ret)
        *ret = table;
    else
        dr_table_unref(table);
}

int32_t dr_task_validate(struct dr_task *t, const char *suite_name, const char *dataset,
                         const struct dr_table *table, struct dr_validation *ret, struct dr_table **ret_valid,
                         struct dr_table **ret_quarantined)
{
    const struct dr_suite *suite = NULL;
    struct dr_results *results;
    struct dr_table *valid, *quarantined;
    if (ret->size != sizeof(*ret))
        return dr_fail(&t->err, DR_EPLUGIN, "struct dr_validation: size is %u, expected %zu", ret->size,
                       sizeof(*ret));
    DR_TRY(dr_task_load_suite(t, suite_name, &suite));
    DR_TRY(run_suite(t, suite, dataset, table, &results));
    dr_task_report_results(t, suite, dataset, results);
    int32_t rc = dr_expect_split(results, table, &valid, &quarantined, &t->err);
    if (rc == DR_OK) {
        dr_task_fill_validation(ret, results, dr_table_rows(quarantined));
        hand_over(valid, ret_valid);
        hand_over(quarantined, ret_quarantined);
    }
    dr_results_free(results);
    return rc;
}

void dr_task_account(struct dr_task *t, const char *dataset, const char *group, const char *stage,
                     int64_t rows)
{
    static const int64_t most = INT64_C(1) << 50; /* so that sums fit */
    static const char *const stages[] = { "raw", "clean", "quarantined", "duplicates" };
    bool known = false;
    for (size_t i = 0; i < sizeof(stages) / sizeof(*stages); i++)
        known |= dr_streq(stage, stages[i]);
    if (!known || rows < 0 || rows > most) {
        (void)dr_task_fail_final(
            t,
            "dr_task_account: stage '%s' with %lld rows; a stage is raw, clean, quarantined "
            "or duplicates",
            stage, (long long)rows);
        return;
    }
    struct dr_msg m = { .type = DR_MSG_ACCOUNT, .account = { dataset, group, stage, rows } };
    dr_task_send(t, &m);
}
