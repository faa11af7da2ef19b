/* args.c - arguments of expectations: checking them against their declaration,
 * and reading them. The types of arguments are those that struct dr_expect_arg
 * names; what is said of a wrong one begins as Great Expectations says it. */
#include <math.h>
#include "base/date.h"
#include "base/num.h"
#include "expect/check.h"
#include "expect/condition.h"
#include "expect/regex.h"

const struct dr_node *dr_eval_arg(const struct dr_eval *e, const char *name)
{
    const struct dr_node *n = dr_node_get(e->args, name);
    return dr_node_kind(n) == DR_NODE_NULL ? NULL : n;
}

const char *dr_eval_text(const struct dr_eval *e, const char *name, const char *otherwise)
{
    return dr_node_str(dr_eval_arg(e, name), otherwise);
}

static bool number_of(const struct dr_node *n, double *ret)
{
    int32_t kind = dr_node_kind(n);
    if (kind == DR_NODE_INT || kind == DR_NODE_FLOAT)
        *ret = n->f;
    else if (kind == DR_NODE_BOOL)
        *ret = n->i != 0;
    else if (kind != DR_NODE_STRING || !dr_parse_f64(dr_str_trim(n->text), true, ret))
        return false;
    return true;
}

double dr_eval_number(const struct dr_eval *e, const char *name, double otherwise)
{
    double f;
    return number_of(dr_eval_arg(e, name), &f) ? f : otherwise;
}

static bool truth_of(const struct dr_node *n, bool *ret)
{
    int32_t kind = dr_node_kind(n);
    if (kind == DR_NODE_BOOL || (kind == DR_NODE_INT && (n->i == 0 || n->i == 1)))
        *ret = n->i != 0;
    else if (kind != DR_NODE_STRING || !dr_parse_bool(n->text, ret))
        return false;
    return true;
}

bool dr_eval_flag(const struct dr_eval *e, const char *name, bool otherwise)
{
    bool b;
    return truth_of(dr_eval_arg(e, name), &b) ? b : otherwise;
}

static bool bound_of(const struct dr_node *n, struct dr_value *ret)
{
    *ret = dr_value_of_node(n);
    if (ret->kind != DR_VALUE_TEXT)
        return ret->kind != DR_VALUE_NULL;
    double f;
    if (number_of(n, &f)) {
        *ret = dr_value_of_float(f);
        return true;
    }
    int32_t days;
    bool zoned;
    int64_t us;
    return (dr_parse_date(ret->s, &days) || dr_parse_timestamp(ret->s, &us, &zoned)) && dr_value_to_time(ret);
}

void dr_eval_range(const struct dr_eval *e, struct dr_range *ret)
{
    *ret = (struct dr_range){ .strict_min = dr_eval_flag(e, "strict_min", false),
                              .strict_max = dr_eval_flag(e, "strict_max", false) };
    ret->has_min = bound_of(dr_eval_arg(e, "min_value"), &ret->min);
    ret->has_max = bound_of(dr_eval_arg(e, "max_value"), &ret->max);
}

/* ---- checking ---- */

static const char *wrong_number(const struct dr_node *n)
{
    double f;
    return number_of(n, &f) ? NULL : "value is not a valid float: a number expected";
}

static const char *wrong_integer(const struct dr_node *n)
{
    double f;
    return number_of(n, &f) && f == floor(f) ? NULL : "value is not a valid integer";
}

static const char *wrong_fraction(const struct dr_node *n)
{
    double f;
    if (!number_of(n, &f))
        return wrong_number(n);
    if (f > 1)
        return "ensure this value is less than or equal to 1";
    return f >= 0 ? NULL : "ensure this value is greater than or equal to 0";
}

static const char *wrong_bound(const struct dr_node *n)
{
    struct dr_value v;
    return bound_of(n, &v)
               ? NULL
               : "value is not a valid float; value is not a valid dict; invalid datetime format: a number "
                 "or an ISO 8601 date or time expected";
}

static const char *wrong_strings(const struct dr_node *n)
{
    if (dr_node_kind(n) != DR_NODE_LIST)
        return "value is not a valid list";
    for (int32_t i = 0; i < n->n; i++)
        if (dr_node_kind(n->items[i]) != DR_NODE_STRING)
            return "str type expected in the list";
    return NULL;
}

static const char *wrong_pairs(const struct dr_node *n)
{
    if (dr_node_kind(n) != DR_NODE_LIST)
        return "value is not a valid list";
    for (int32_t i = 0; i < n->n; i++)
        if (dr_node_kind(n->items[i]) != DR_NODE_LIST || n->items[i]->n != 2)
            return "each item must be a list of two values";
    return NULL;
}

static const char *wrong_columns(const struct dr_node *n)
{
    if (dr_node_kind(n) == DR_NODE_LIST && n->n < 2)
        return "ensure this value has at least 2 items";
    return wrong_strings(n);
}

static const char *wrong_format(const struct dr_node *n)
{
    static const char *const levels[] = { "BOOLEAN_ONLY", "BASIC", "SUMMARY", "COMPLETE" };
    const struct dr_node *level = dr_node_kind(n) == DR_NODE_MAP ? dr_node_get(n, "result_format") : n;
    for (int k = 0; k < 4; k++)
        if (!level || dr_streq(dr_node_str(level, ""), levels[k]))
            return NULL;
    return "value is not a valid enumeration member; permitted: 'BOOLEAN_ONLY', 'BASIC', 'COMPLETE', "
           "'SUMMARY'";
}

static const char *wrong_choice(const struct dr_node *n, const char *choices)
{
    struct dr_str rest = dr_str_of(choices), one;
    while (dr_str_split(&rest, '|', &one))
        if (dr_node_kind(n) == DR_NODE_STRING && dr_str_eq(one, n->text))
            return NULL;
    return "value is not a valid enumeration member; unexpected value";
}

static const char *wrong_kind(const struct dr_node *n, int32_t kind, const char *otherwise)
{
    return dr_node_kind(n) == kind ? NULL : otherwise;
}

static const char *wrong_boolean(const struct dr_node *n)
{
    bool b;
    return truth_of(n, &b) ? NULL : "value could not be parsed to a boolean";
}

/* "a|b|c" of an argument that takes one of a few words, or NULL. */
static const char *choices_of(const struct dr_expect_arg *arg)
{
    size_t n = strlen("choice ");
    return strncmp(arg->type, "choice ", n) == 0 ? arg->type + n : NULL;
}

/* What is wrong with a value, or NULL. */
static const char *problem(const struct dr_expect_arg *arg, const struct dr_node *n)
{
    static const struct {
        const char *type;
        const char *(*fn)(const struct dr_node *);
    } known[] = { { "number", wrong_number },
                  { "share", wrong_number },
                  { "integer", wrong_integer },
                  { "fraction", wrong_fraction },
                  { "bound", wrong_bound },
                  { "boolean", wrong_boolean },
                  { "list of strings", wrong_strings },
                  { "columns", wrong_columns },
                  { "pairs", wrong_pairs },
                  { "format", wrong_format } };
    for (size_t k = 0; k < sizeof known / sizeof known[0]; k++)
        if (dr_streq(arg->type, known[k].type))
            return known[k].fn(n);
    if (choices_of(arg))
        return wrong_choice(n, choices_of(arg));
    if (dr_streq(arg->type, "list"))
        return wrong_kind(n, DR_NODE_LIST, "value is not a valid list");
    if (dr_streq(arg->type, "map"))
        return wrong_kind(n, DR_NODE_MAP, "value is not a valid dict");
    if (dr_streq(arg->type, "string") || dr_streq(arg->type, "column"))
        return wrong_kind(n, DR_NODE_STRING, "str type expected");
    return NULL;
}

/* A parameter is known only when the suite runs. */
static bool is_parameter(const struct dr_node *n)
{
    return dr_node_kind(n) == DR_NODE_MAP && n->n == 1 && dr_node_get(n, "$PARAMETER");
}

/* Where there is a default, an argument that is written down empty was more likely
 * forgotten: `regex:` would let every value pass. Great Expectations takes null for
 * most truth values and for lists. */
static bool may_be_null(const struct dr_expect_arg *arg)
{
    if (dr_str_starts(dr_str_of(arg->type), DR_LIT("list")))
        return true;
    return !arg->required && (!arg->fallback || dr_streq(arg->type, "boolean"));
}

static const char *arg_problem(const struct dr_expect_arg *arg, const struct dr_node *args)
{
    int32_t i = dr_node_index(args, arg->name);
    if (i < 0)
        return arg->required ? "field required" : NULL;
    const struct dr_node *n = args->items[i];
    if (is_parameter(n))
        return NULL;
    if (dr_node_kind(n) == DR_NODE_NULL)
        return may_be_null(arg) ? NULL : "none is not an allowed value";
    return problem(arg, n);
}

/* Names that Great Expectations accepts everywhere and that change nothing here. */
static bool is_common(const char *name)
{
    static const char *const common[] = { "meta",
                                          "include_config",
                                          "notes",
                                          "description",
                                          "batch_id",
                                          "table",
                                          "auto",
                                          "profiler_config",
                                          "severity",
                                          "windows",
                                          "row_condition",
                                          "condition_parser",
                                          "allow_cross_type_comparisons" };
    for (size_t k = 0; k < sizeof common / sizeof common[0]; k++)
        if (dr_streq(name, common[k]))
            return true;
    return false;
}

static const struct dr_expect_arg *declared(const struct dr_check_type *t, const char *name)
{
    for (int32_t k = 0; k < t->info.n_args; k++)
        if (dr_streq(t->info.args[k].name, name))
            return &t->info.args[k];
    return NULL;
}

int32_t dr_args_check(const struct dr_check_type *t, const struct dr_node *args, struct dr_err *err)
{
    for (int32_t k = 0; k < t->info.n_args; k++) {
        const struct dr_expect_arg *arg = &t->info.args[k];
        const char *what = arg_problem(arg, args), *choices = choices_of(arg);
        if (what)
            return dr_fail(err, DR_EDEF, "%s: %s%s%s", arg->name, what, choices ? "; permitted: " : "",
                           choices ? choices : "");
    }
    for (int64_t i = 0; i < dr_node_size(args); i++) {
        const char *name = dr_node_key(args, i);
        if (!declared(t, name) && !is_common(name))
            return dr_fail(err, DR_EDEF, "%s: extra fields not permitted: %s takes no such argument", name,
                           t->info.name);
    }
    return DR_OK;
}

static void diagnose_unknown(const struct dr_check_type *t, const struct dr_expectation *x, int64_t i,
                             struct dr_diags *d)
{
    const char *names[32], *name = dr_node_key(x->kwargs, i);
    size_t n = 0;
    DR_AUTO_BUF all = { 0 };
    for (int32_t k = 0; k < t->info.n_args && n < 32; k++) {
        (void)dr_buf_printf(&all, "%s%s", k ? ", " : "it has ", t->info.args[k].name);
        names[n++] = t->info.args[k].name;
    }
    const char *near = dr_diag_nearest(d, name, names, n);
    dr_diag_add(d, DR_DIAG_ERROR, x->kwargs->key_marks ? x->kwargs->key_marks[i] : x->mark,
                near ? near : dr_arena_strdup(d->arena, dr_buf_cstr(&all)), "%s has no argument '%s'",
                t->info.name, name);
}

static void diagnose_pattern(const struct dr_node *n, struct dr_diags *d)
{
    struct dr_regex *regex = NULL;
    struct dr_err err = { 0 };
    if (dr_node_kind(n) == DR_NODE_STRING && dr_regex_new(n->text.p, &regex, &err))
        dr_diag_add(d, DR_DIAG_ERROR, n->mark, "quote it with '...': then a backslash is a backslash", "%s",
                    err.msg);
    dr_regex_free(regex);
}

/* What to do about a value that is wrong. */
static const char *advice(const struct dr_expect_arg *arg, const struct dr_node *n)
{
    if (choices_of(arg))
        return choices_of(arg);
    if (dr_streq(arg->type, "fraction"))
        return "a share of 1, where 95 % is 0.95";
    if (dr_str_starts(dr_str_of(arg->type), DR_LIT("list")) && dr_node_kind(n) != DR_NODE_LIST)
        return "in square brackets, also one alone: [x]";
    return arg->doc;
}

/* GX has no such argument; here it stands beside the expectation, and would pass unnoticed. */
static void diagnose_severity(const struct dr_expectation *x, struct dr_diags *d)
{
    const struct dr_node *n = dr_node_get(x->kwargs, "severity");
    if (n)
        dr_diag_add(d, DR_DIAG_ERROR, n->mark, "on a line of its own below: severity: critical",
                    "severity stands beside the expectation, not among its arguments");
}

/* What Great Expectations takes for "anything goes" is more likely forgotten. */
static void diagnose_forgotten(const struct dr_check_type *t, const struct dr_expectation *x,
                               struct dr_diags *d)
{
    static const char *const names[] = { "value_set", "regex" };
    for (int k = 0; k < 2; k++) {
        const struct dr_expect_arg *arg = declared(t, names[k]);
        if (arg && !arg->required && dr_node_index(x->kwargs, names[k]) < 0)
            dr_diag_add(d, DR_DIAG_WARNING, x->mark, arg->doc, "%s: %s is not given, so every value passes",
                        t->info.name, names[k]);
    }
}

/* Arguments in a language of their own: a mistake in them is found before any data is read. */
static void diagnose_languages(const struct dr_expectation *x, struct dr_diags *d)
{
    const struct dr_node *list = dr_node_get(x->kwargs, "regex_list");
    const struct dr_node *condition = dr_node_get(x->kwargs, "row_condition");
    struct dr_condition *parsed;
    struct dr_err err = { 0 };
    diagnose_pattern(dr_node_get(x->kwargs, "regex"), d);
    for (int64_t i = 0; dr_node_kind(list) == DR_NODE_LIST && i < dr_node_size(list); i++)
        diagnose_pattern(dr_node_at(list, i), d);
    if (dr_node_kind(condition) == DR_NODE_STRING &&
        dr_condition_parse(d->arena, condition->text.p, &parsed, &err))
        dr_diag_add(d, DR_DIAG_ERROR, condition->mark, NULL, "%s", err.msg);
}

/* No share lies beyond 0 and 1, so that such a bound always or never holds. */
static void diagnose_share(const struct dr_check_type *t, const struct dr_expect_arg *arg,
                           const struct dr_node *n, struct dr_diags *d)
{
    double f;
    if (dr_streq(arg->type, "share") && number_of(n, &f) && (f < 0 || f > 1))
        dr_diag_add(d, DR_DIAG_WARNING, n->mark, "95 % is 0.95", "%s: %s: a share lies between 0 and 1",
                    t->info.name, arg->name);
}

void dr_args_diagnose(const struct dr_check_type *t, const struct dr_expectation *x, struct dr_diags *d)
{
    for (int32_t k = 0; k < t->info.n_args; k++) {
        const struct dr_expect_arg *arg = &t->info.args[k];
        const char *what = arg_problem(arg, x->kwargs);
        int32_t i = dr_node_index(x->kwargs, arg->name);
        if (what)
            dr_diag_add(d, DR_DIAG_ERROR, i >= 0 ? x->kwargs->items[i]->mark : x->mark,
                        i >= 0 ? advice(arg, x->kwargs->items[i]) : arg->doc, "%s: %s: %s", t->info.name,
                        arg->name, what);
        else if (i >= 0)
            diagnose_share(t, arg, x->kwargs->items[i], d);
    }
    for (int64_t i = 0; i < dr_node_size(x->kwargs); i++) {
        const char *name = dr_node_key(x->kwargs, i);
        if (!declared(t, name) && !is_common(name))
            diagnose_unknown(t, x, i, d);
    }
    if (!t->say && (x->warning.given || x->critical.given))
        dr_diag_add(d, DR_DIAG_ERROR, x->mark, "write one expectation for each severity",
                    "%s measures; the thresholds 'warning' and 'critical' are for expectations about rows",
                    t->info.name);
    diagnose_severity(x, d);
    diagnose_forgotten(t, x, d);
    diagnose_languages(x, d);
}
