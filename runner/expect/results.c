/* results.c - results as JSON in Great Expectations' shape. */
#include "base/json.h"
#include "expect/check.h"

/* ---- JSON ---- */

static void put_threshold(struct dr_json *j, const char *key, const struct dr_threshold *t)
{
    if (!t->given)
        return;
    dr_json_key(j, key);
    if (t->is_count)
        dr_json_int(j, (int64_t)t->value);
    else
        dr_json_float(j, t->value);
}

static void put_config(struct dr_json *j, const struct dr_expectation *x)
{
    dr_json_key(j, "expectation_config");
    dr_json_object(j);
    dr_json_key(j, "type");
    dr_json_cstr(j, x->type);
    dr_json_key(j, "kwargs");
    dr_json_node(j, x->kwargs);
    dr_json_key(j, "id");
    dr_json_cstr(j, x->id);
    dr_json_key(j, "severity");
    dr_json_cstr(j, dr_severity_name(x->severity));
    put_threshold(j, "warning", &x->warning);
    put_threshold(j, "critical", &x->critical);
    dr_json_key(j, "on_failure");
    dr_json_cstr(j, dr_on_failure_name(x->on_failure));
    if (x->description) {
        dr_json_key(j, "description");
        dr_json_cstr(j, x->description);
    }
    if (x->meta) {
        dr_json_key(j, "meta");
        dr_json_node(j, x->meta);
    }
    dr_json_end_object(j);
}

static void put_check(struct dr_json *j, const struct dr_check *c)
{
    dr_json_object(j);
    dr_json_key(j, "success");
    dr_json_bool(j, c->success);
    if (!c->success) {
        dr_json_key(j, "severity");
        dr_json_cstr(j, dr_severity_name(c->severity));
    }
    put_config(j, c->expectation);
    dr_json_key(j, "result");
    dr_json_node(j, c->result);
    dr_json_key(j, "exception_info");
    dr_json_object(j);
    dr_json_key(j, "raised_exception");
    dr_json_bool(j, c->exception != NULL);
    dr_json_key(j, "exception_message");
    dr_json_cstr(j, c->exception);
    dr_json_end_object(j);
    dr_json_key(j, "sentence");
    dr_json_cstr(j, c->sentence);
    dr_json_end_object(j);
}

static void put_statistics(struct dr_json *j, const struct dr_results *r)
{
    dr_json_key(j, "statistics");
    dr_json_object(j);
    dr_json_key(j, "evaluated_expectations");
    dr_json_int(j, r->n);
    dr_json_key(j, "successful_expectations");
    dr_json_int(j, r->passed);
    dr_json_key(j, "unsuccessful_expectations");
    dr_json_int(j, r->n - r->passed);
    dr_json_key(j, "success_percent");
    if (r->n)
        dr_json_float(j, (double)r->passed / r->n * 100);
    else
        dr_json_null(j);
    dr_json_end_object(j);
}

void dr_results_put_json(const struct dr_results *r, struct dr_buf *out, int indent)
{
    struct dr_json j = { .out = out, .indent = indent };
    dr_json_object(&j);
    dr_json_key(&j, "success");
    dr_json_bool(&j, r->passed == r->n);
    dr_json_key(&j, "suite_name");
    dr_json_cstr(&j, r->suite->name);
    dr_json_key(&j, "rows");
    dr_json_int(&j, r->rows);
    if (r->unread) {
        dr_json_key(&j, "unreadable_records");
        dr_json_int(&j, r->unread);
    }
    put_statistics(&j, r);
    dr_json_key(&j, "results");
    dr_json_array(&j);
    for (int32_t k = 0; k < r->n; k++)
        put_check(&j, &r->checks[k]);
    dr_json_end_array(&j);
    dr_json_end_object(&j);
}
