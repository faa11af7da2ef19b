/* param.c - declared parameters and the values given to them. */
#include "model/param.h"
#include "model/connection.h"
#include "model/subst.h"
#include "model/yaml.h"
#include "model/yaml_scalar.h"
#include "model/read.h"
#include "base/file.h"
#include "base/num.h"

const char *const dr_param_type_names[] = { "any",      "string", "int", "float", "bool",       "path",
                                            "duration", "list",   "map", "suite", "connection", NULL };

static const char *expected_text(int32_t type)
{
    static const char *const texts[] = { "a value",
                                         "text",
                                         "a whole number",
                                         "a number",
                                         "true or false",
                                         "a path",
                                         "a time such as 10s, 15m or 1h30m",
                                         "a list such as [a, b]",
                                         "a map such as {a: b}",
                                         "the name of a suite",
                                         "the name of a connection" };
    return type >= 0 && type <= DR_PARAM_CONNECTION ? texts[type] : "a value";
}

static struct dr_node *text_node(struct dr_arena *a, const struct dr_node *n)
{
    struct dr_node *text = dr_node_new_str(a, n->text);
    text->mark = n->mark;
    return text;
}

/* Text that was not quoted, as YAML would read it. */
static const struct dr_node *resolved(struct dr_arena *a, const struct dr_node *n)
{
    if (n->kind != DR_NODE_STRING || n->quoted)
        return n;
    struct dr_node *copy = text_node(a, n);
    bool number = dr_yaml_resolve(copy) == DR_YAML_OK && copy->kind != DR_NODE_NULL;
    return number ? copy : n;
}

/* The value with the type's kind, or NULL. */
static const struct dr_node *converted(struct dr_arena *a, int32_t type, const struct dr_node *n)
{
    const struct dr_node *scalar = resolved(a, n);
    int64_t us;
    switch (type) {
    case DR_PARAM_STRING:
    case DR_PARAM_PATH:
    case DR_PARAM_SUITE:
    case DR_PARAM_CONNECTION:
        if (!dr_node_str(n, NULL))
            return NULL;
        return n->kind == DR_NODE_STRING ? n : text_node(a, n);
    case DR_PARAM_INT:
        return scalar->kind == DR_NODE_INT ? scalar : NULL;
    case DR_PARAM_FLOAT:
        return scalar->kind == DR_NODE_INT || scalar->kind == DR_NODE_FLOAT ? scalar : NULL;
    case DR_PARAM_BOOL:
        return scalar->kind == DR_NODE_BOOL ? scalar : NULL;
    case DR_PARAM_DURATION:
        if (!dr_node_str(n, NULL) || !dr_parse_duration(n->text, &us))
            return NULL;
        return n->kind == DR_NODE_STRING ? n : text_node(a, n);
    case DR_PARAM_LIST:
        return n->kind == DR_NODE_LIST ? n : NULL;
    case DR_PARAM_MAP:
        return n->kind == DR_NODE_MAP ? n : NULL;
    default:
        return n;
    }
}

static int32_t check_choices(const struct dr_param_rule *rule, const struct dr_node *n, struct dr_err *err)
{
    const char *text = dr_node_str(n, NULL);
    if (rule->n_choices == 0 || !text)
        return DR_OK;
    DR_AUTO_BUF all = { 0 };
    for (int32_t i = 0; i < rule->n_choices; i++) {
        if (dr_streq(text, rule->choices[i]))
            return DR_OK;
        dr_buf_printf(&all, "%s%s", i ? ", " : "", rule->choices[i]);
    }
    const char *near = dr_nearest(text, rule->choices, (size_t)rule->n_choices);
    return dr_fail(err, DR_EDEF, "'%s' must be one of %s, not '%.80s'%s%s%s", rule->name, dr_buf_cstr(&all),
                   text, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static int32_t check_suite(struct dr_arena *a, const struct dr_home *h, const char *name, struct dr_err *err)
{
    char **suites;
    size_t n;
    DR_TRY(dr_home_suites(a, h, &suites, &n, err));
    for (size_t i = 0; i < n; i++)
        if (dr_streq(suites[i], name))
            return DR_OK;
    const char *near = dr_nearest(name, (const char *const *)suites, n);
    if (near)
        return dr_fail(err, DR_EDEF, "no suite '%s'; did you mean '%s'?", name, near);
    return dr_fail(err, DR_EDEF, "no suite '%s': there is no file expectations/%s.yaml", name, name);
}

/* That it is declared: its ${env...} need not be set where a definition is checked. */
static int32_t check_connection(struct dr_arena *a, const struct dr_home *h, const char *name,
                                struct dr_err *err)
{
    const char *const *names;
    struct dr_connection c;
    size_t n;
    DR_TRY(dr_connection_names(a, h, &names, &n, err));
    for (size_t i = 0; i < n; i++)
        if (dr_streq(names[i], name))
            return DR_OK;
    return dr_connection_find(a, h, name, &c, err);
}

static int32_t check_exists(struct dr_arena *a, const struct dr_param_rule *rule, const struct dr_node *n,
                            const struct dr_home *h, struct dr_err *err)
{
    if (rule->type == DR_PARAM_SUITE)
        return check_suite(a, h, n->text.p, err);
    if (rule->type == DR_PARAM_CONNECTION)
        return check_connection(a, h, n->text.p, err);
    if (rule->type == DR_PARAM_PATH && !dr_path_exists(dr_path_join(a, h->path, n->text.p)))
        return dr_fail(err, DR_EDEF, "'%s' names the file '%s', which is not there", rule->name, n->text.p);
    return DR_OK;
}

static int32_t fail_type(const struct dr_param_rule *rule, const struct dr_node *n, struct dr_err *err)
{
    const char *text = dr_node_str(n, NULL);
    if (!text)
        return dr_fail(err, DR_EDEF, "'%s' must be %s, not %s", rule->name, expected_text(rule->type),
                       dr_kind_text(n));
    return dr_fail(err, DR_EDEF, "'%s' must be %s, not '%.80s'%s", rule->name, expected_text(rule->type),
                   text, n->quoted ? " in quotes" : "");
}

const struct dr_node *dr_param_value(struct dr_arena *a, const struct dr_param_rule *rule,
                                     const struct dr_node *value, const struct dr_home *home,
                                     struct dr_err *err)
{
    if (value->kind == DR_NODE_STRING && dr_subst_has(value->text))
        return value;
    const struct dr_node *n = converted(a, rule->type, value);
    if (!n) {
        fail_type(rule, value, err);
        return NULL;
    }
    if (check_choices(rule, n, err) || (home && check_exists(a, rule, n, home, err)))
        return NULL;
    return n;
}

/* ---- a plugin's `with:` ----------------------------------------------------------- */

static struct dr_param_rule rule_of(const struct dr_param_spec *p)
{
    return (struct dr_param_rule){ p->name, p->type, p->choices, p->n_choices };
}

static void check_with_keys(struct dr_arena *a, const struct dr_plugin_spec *spec, const struct dr_node *with,
                            struct dr_diags *d)
{
    const char **names = dr_arena_array(a, (size_t)spec->n_params + 1, sizeof(*names));
    for (int32_t i = 0; i < spec->n_params; i++)
        names[i] = spec->params[i].name;
    struct dr_reader r = { a, d };
    dr_read_keys(&r, with, dr_arena_printf(a, "'with' of plugin '%s'", spec->name), names, NULL);
}

static void check_with_param(struct dr_arena *a, const struct dr_param_spec *p, const struct dr_node *value,
                             const struct dr_home *h, struct dr_mark where, struct dr_node *made,
                             struct dr_diags *d)
{
    struct dr_err err = { 0 };
    struct dr_param_rule rule = rule_of(p);
    bool given = dr_node_kind(value) != DR_NODE_NULL;
    if (!given && (p->flags & DR_REQUIRED)) {
        dr_diag_add(d, DR_DIAG_ERROR, where, p->doc, "the parameter '%s' is missing from 'with'", p->name);
        return;
    }
    const struct dr_node *source = given ? value : p->fallback;
    if (dr_node_kind(source) == DR_NODE_NULL)
        return;
    const struct dr_node *n = dr_param_value(a, &rule, source, h, &err);
    if (!n) {
        dr_diag_add(d, DR_DIAG_ERROR, given ? value->mark : where, p->doc, "%s", err.msg);
        return;
    }
    struct dr_node *copy = DR_NEW(a, struct dr_node);
    *copy = *n;
    dr_node_set(a, made, dr_str_of(p->name), copy);
}

struct dr_node *dr_spec_check_with(struct dr_arena *a, const struct dr_plugin_spec *spec,
                                   const struct dr_node *with, const struct dr_home *h, struct dr_mark where,
                                   struct dr_diags *d)
{
    int32_t errors_before = d->errors;
    struct dr_node *made = dr_node_new(a, DR_NODE_MAP);
    made->mark = with ? with->mark : where;
    if (with && with->kind != DR_NODE_MAP && with->kind != DR_NODE_NULL)
        dr_diag_add(d, DR_DIAG_ERROR, with->mark, NULL, "'with' must be a map of parameters, not %s",
                    dr_kind_text(with));
    check_with_keys(a, spec, with, d);
    for (int32_t i = 0; i < spec->n_params; i++)
        check_with_param(a, &spec->params[i], dr_node_get(with, spec->params[i].name), h, made->mark, made,
                         d);
    return d->errors > errors_before ? NULL : made;
}

/* ---- a DAG's params ------------------------------------------------------------------ */

static int32_t check_given_names(struct dr_arena *a, const struct dr_dag *dag, const struct dr_node *given,
                                 struct dr_err *err)
{
    const char **names = dr_arena_array(a, (size_t)dag->n_params + 1, sizeof(*names));
    for (int32_t i = 0; i < dag->n_params; i++)
        names[i] = dag->params[i].name;
    for (int32_t k = 0; k < dr_node_size(given); k++) {
        const char *key = dr_node_key(given, k);
        int32_t i = 0;
        while (i < dag->n_params && !dr_streq(names[i], key))
            i++;
        if (i < dag->n_params)
            continue;
        const char *near = dr_nearest(key, names, (size_t)dag->n_params);
        if (near)
            return dr_fail(err, DR_EDEF, "DAG '%s' has no parameter '%.80s'; did you mean '%s'?", dag->dag_id,
                           key, near);
        return dr_fail(err, DR_EDEF, "DAG '%s' has no parameter '%.80s'", dag->dag_id, key);
    }
    return DR_OK;
}

/* A list or a map comes from the command line as text, which YAML reads; anything else as it is. */
static const struct dr_node *given_value(struct dr_arena *a, int32_t type, const struct dr_node *n)
{
    if (n->kind != DR_NODE_STRING || (type != DR_PARAM_LIST && type != DR_PARAM_MAP))
        return n;
    struct dr_diags problems = { .arena = a };
    const struct dr_node *read = dr_yaml_parse(a, n->text, "--param", &problems);
    return read && read->kind == (type == DR_PARAM_LIST ? DR_NODE_LIST : DR_NODE_MAP) ? read : n;
}

int32_t dr_dag_params(struct dr_arena *a, const struct dr_dag *dag, const struct dr_node *given,
                      struct dr_node **ret, struct dr_err *err)
{
    if (given && given->kind != DR_NODE_MAP && given->kind != DR_NODE_NULL)
        return dr_fail(err, DR_EDEF, "the parameters of a run must be a map, not %s", dr_kind_text(given));
    DR_TRY(check_given_names(a, dag, given, err));
    struct dr_node *made = dr_node_new(a, DR_NODE_MAP);
    for (int32_t i = 0; i < dag->n_params; i++) {
        const struct dr_dag_param *p = &dag->params[i];
        struct dr_param_rule rule = { p->name, p->type, p->choices, p->n_choices };
        int32_t at = dr_node_index(given, p->name);
        const struct dr_node *value = at >= 0 ? given_value(a, p->type, given->items[at]) : p->fallback;
        if (!value)
            return dr_fail(err, DR_EDEF, "DAG '%s' needs the parameter '%s' (%s%s%s)", dag->dag_id, p->name,
                           expected_text(p->type), p->doc ? ": " : "", p->doc ? p->doc : "");
        if (value->kind != DR_NODE_NULL)
            value = dr_param_value(a, &rule, value, NULL, err);
        if (!value)
            return dr_err_prefix(err, "DAG '%s', parameter", dag->dag_id);
        struct dr_node *copy = DR_NEW(a, struct dr_node);
        *copy = *value;
        dr_node_set(a, made, dr_str_of(p->name), copy);
    }
    *ret = made;
    return DR_OK;
}
