/* dag.c - reading dags/ID.yaml: the keys of the file itself. The tasks are
 * dag_task.c, what ties them together is dag_graph.c.
 *
 * Nothing here stops at the first mistake: a wrong value is recorded and the
 * default taken in its place, so that one check shows all there is. */
#include "model/dag_load.h"
#include "model/param.h"
#include "model/subst.h"
#include "model/yaml.h"
#include "base/file.h"
#include "base/hash.h"

#define DEFAULT_RETRY_DELAY_US (300 * DR_US_PER_S)
#define DEFAULT_MAX_RETRY_DELAY_US (3600 * DR_US_PER_S)

static const char *const dag_keys[] = {
    "dag_id",     "description",  "owner",   "schedule",        "timezone",
    "start_date", "end_date",     "catchup", "max_active_runs", "max_active_tasks",
    "params",     "default_args", "tags",    "tasks",           NULL
};
static const struct dr_alias dag_aliases[] = { { "id", "dag_id" },
                                               { "name", "dag_id" },
                                               { "schedule_interval", "schedule" },
                                               { "cron", "schedule" },
                                               { "tz", "timezone" },
                                               { "concurrency", "max_active_tasks" },
                                               { "defaults", "default_args" },
                                               { "parameters", "params" },
                                               { "steps", "tasks" },
                                               { NULL, NULL } };

int32_t dr_dag_find_task(const struct dr_dag *dag, const char *task_id)
{
    for (int32_t i = 0; i < dag->n_tasks; i++)
        if (dr_streq(dag->tasks[i].id, task_id))
            return i;
    return -1;
}

/* ---- schedule, zone, dates -------------------------------------------------------- */

static void load_schedule(struct dr_dag_loader *l, const struct dr_node *root)
{
    struct dr_err err = { 0 };
    const char *text = dr_read_text(&l->r, root, "schedule", NULL);
    if (!text || dr_streq(text, "none") || dr_streq(text, "None"))
        return;
    l->dag->schedule_text = text;
    if (dr_cron_parse(dr_str_of(text), &l->dag->schedule, &err)) {
        dr_diag_add(l->r.d, DR_DIAG_ERROR, dr_node_get(root, "schedule")->mark,
                    "e.g. \"30 2 * * *\", @daily or none", "'schedule': %s", err.msg);
        return;
    }
    l->dag->has_schedule = true;
}

static void load_zone(struct dr_dag_loader *l, const struct dr_node *root)
{
    struct dr_err err = { 0 };
    const char *name = dr_read_text(&l->r, root, "timezone", "UTC");
    if (!dr_zone_load(l->r.a, name, &l->dag->zone, &err))
        return;
    dr_diag_add(l->r.d, DR_DIAG_ERROR, dr_node_get(root, "timezone")->mark,
                "an IANA name such as Europe/London or UTC", "'timezone': %s", err.msg);
    if (dr_zone_load(l->r.a, "UTC", &l->dag->zone, &err))
        l->dag->zone = NULL;
}

/* A date or time; local to the DAG's zone unless it says its offset. */
static int64_t load_date(struct dr_dag_loader *l, const struct dr_node *root, const char *key,
                         int64_t otherwise)
{
    const char *text = dr_read_text(&l->r, root, key, NULL);
    int32_t days;
    int64_t us;
    bool zoned = false;
    if (!text)
        return otherwise;
    if (dr_parse_date(dr_str_of(text), &days)) {
        us = days * DR_US_PER_DAY;
    } else if (!dr_parse_timestamp(dr_str_of(text), &us, &zoned)) {
        dr_diag_add(l->r.d, DR_DIAG_ERROR, dr_node_get(root, key)->mark,
                    "e.g. 2024-01-31 or 2024-01-31T06:00:00", "'%s' must be a date or a time, not '%.80s'",
                    key, text);
        return otherwise;
    }
    if (zoned || !l->dag->zone)
        return us;
    struct dr_civil local;
    dr_civil_from_us(us, &local);
    dr_zone_instant(l->dag->zone, &local, &us, NULL);
    return us;
}

static void load_times(struct dr_dag_loader *l, const struct dr_node *root)
{
    struct dr_dag *dag = l->dag;
    load_schedule(l, root);
    load_zone(l, root);
    dag->start_us = load_date(l, root, "start_date", INT64_MIN);
    dag->end_us = load_date(l, root, "end_date", INT64_MAX);
    dag->catchup = dr_read_bool(&l->r, root, "catchup", false);
    if (dag->end_us < dag->start_us)
        dr_diag_add(l->r.d, DR_DIAG_ERROR, dr_node_get(root, "end_date")->mark, NULL,
                    "'end_date' is before 'start_date'");
    if (dag->catchup && dag->start_us == INT64_MIN)
        dr_diag_add(l->r.d, DR_DIAG_ERROR, dr_node_get(root, "catchup")->mark, "add 'start_date'",
                    "'catchup' needs to know where to start");
    if (dag->catchup)
        dr_diag_add(
            l->r.d, DR_DIAG_WARNING, dr_node_get(root, "catchup")->mark,
            "run each missed time by hand: dagrun run DAG --date TIME",
            "'catchup' has no effect: cron starts the runs, and nothing makes up for those it missed");
    int64_t next;
    if (dag->has_schedule && dag->zone && !dr_cron_next(&dag->schedule, dag->zone, 0, &next))
        dr_diag_add(l->r.d, DR_DIAG_ERROR, dr_node_get(root, "schedule")->mark,
                    "is there such a day in that month?", "the schedule '%s' never comes",
                    dag->schedule_text);
}

/* ---- params ---------------------------------------------------------------------- */

static const char *const param_keys[] = { "type", "default", "doc", "choices", NULL };
static const struct dr_alias param_aliases[] = {
    { "description", "doc" }, { "enum", "choices" }, { "value", "default" }, { NULL, NULL }
};
static const struct dr_alias type_aliases[] = { { "str", "string" },   { "text", "string" },
                                                { "integer", "int" },  { "number", "float" },
                                                { "boolean", "bool" }, { "array", "list" },
                                                { "object", "map" },   { "dict", "map" },
                                                { "file", "path" },    { NULL, NULL } };

static bool param_name_ok(const char *name)
{
    bool ok = dr_name_ok(name) && !(name[0] >= '0' && name[0] <= '9');
    return ok && !strchr(name, '.');
}

static int32_t load_param_type(struct dr_dag_loader *l, const struct dr_node *spec)
{
    const char *written = dr_read_text(&l->r, spec, "type", NULL);
    for (const struct dr_alias *alias = type_aliases; written && alias->written; alias++) {
        if (!dr_streq(written, alias->written))
            continue;
        dr_diag_add(l->r.d, DR_DIAG_ERROR, dr_node_get(spec, "type")->mark,
                    dr_arena_printf(l->r.a, "did you mean '%s'?", alias->meant), "unknown type '%s'",
                    written);
        return DR_PARAM_ANY;
    }
    return dr_read_choice(&l->r, spec, "type", dr_param_type_names, DR_PARAM_ANY);
}

static int32_t type_of_plain(const struct dr_node *n)
{
    static const int32_t types[] = { DR_PARAM_ANY,    DR_PARAM_BOOL, DR_PARAM_INT, DR_PARAM_FLOAT,
                                     DR_PARAM_STRING, DR_PARAM_LIST, DR_PARAM_MAP };
    return types[dr_node_kind(n)];
}

static bool is_param_spec(const struct dr_node *n)
{
    return dr_node_kind(n) == DR_NODE_MAP && n->n > 0 &&
           (dr_node_index(n, "type") >= 0 || dr_node_index(n, "default") >= 0 ||
            dr_node_index(n, "doc") >= 0 || dr_node_index(n, "choices") >= 0);
}

static void check_default(struct dr_dag_loader *l, struct dr_dag_param *p)
{
    struct dr_err err = { 0 };
    struct dr_param_rule rule = { p->name, p->type, p->choices, p->n_choices };
    if (dr_node_kind(p->fallback) == DR_NODE_NULL)
        return;
    if (p->fallback->kind == DR_NODE_STRING && dr_subst_has(p->fallback->text)) {
        dr_diag_add(l->r.d, DR_DIAG_ERROR, p->fallback->mark, "use ${...} where the parameter is used",
                    "the default of '%s' holds ${...}, which is not replaced here", p->name);
        return;
    }
    const struct dr_node *value = dr_param_value(l->r.a, &rule, p->fallback, NULL, &err);
    if (value)
        p->fallback = value;
    else
        dr_diag_add(l->r.d, DR_DIAG_ERROR, p->fallback->mark, NULL, "default of parameter: %s", err.msg);
}

static void load_param(struct dr_dag_loader *l, const char *name, struct dr_mark mark,
                       const struct dr_node *n, struct dr_dag_param *p)
{
    *p = (struct dr_dag_param){ .name = name, .mark = mark };
    if (!param_name_ok(name))
        dr_diag_add(l->r.d, DR_DIAG_ERROR, mark,
                    "letters, digits, '_' and '-', starting with a letter or '_'",
                    "'%s' cannot be a parameter's name", name);
    if (!is_param_spec(n)) {
        p->type = type_of_plain(n);
        p->fallback = n;
        check_default(l, p);
        return;
    }
    dr_read_keys(&l->r, n, dr_arena_printf(l->r.a, "the parameter '%s'", name), param_keys, param_aliases);
    p->type = load_param_type(l, n);
    p->doc = dr_read_text(&l->r, n, "doc", NULL);
    p->choices = dr_read_texts(&l->r, n, "choices", &p->n_choices);
    p->fallback = dr_node_get(n, "default");
    check_default(l, p);
}

static void load_params(struct dr_dag_loader *l, const struct dr_node *root)
{
    enum { MOST = 1000 }; /* every ${params.x} looks through them */
    const struct dr_node *map = dr_read_kind(&l->r, root, "params", DR_NODE_MAP, "a map of parameters");
    int32_t n = (int32_t)dr_node_size(map);
    if (n > MOST) {
        dr_diag_add(l->r.d, DR_DIAG_ERROR, map->mark, NULL, "more than %d parameters", MOST);
        n = 0;
    }
    struct dr_dag_param *params = dr_arena_array(l->r.a, (size_t)n + 1, sizeof(*params));
    const char **names = dr_arena_array(l->r.a, (size_t)n + 1, sizeof(*names));
    struct dr_node *values = dr_node_new(l->r.a, DR_NODE_MAP);
    for (int32_t i = 0; i < n; i++) {
        load_param(l, map->keys[i].p, map->key_marks[i], map->items[i], &params[i]);
        names[i] = params[i].name;
        if (!params[i].fallback && l->dag->has_schedule)
            dr_diag_add(l->r.d, DR_DIAG_WARNING, params[i].mark, "give it a default",
                        "cron gives no parameters: no run of this schedule can begin without '%s'", names[i]);
        if (!params[i].fallback)
            continue;
        struct dr_node *copy = DR_NEW(l->r.a, struct dr_node);
        *copy = *params[i].fallback;
        dr_node_set(l->r.a, values, map->keys[i], copy);
    }
    l->dag->params = params;
    l->dag->n_params = n;
    l->param_names = names;
    l->preview = (struct dr_subst){ .params = values, .dag_id = l->dag->dag_id };
}

/* ---- ${...} ---------------------------------------------------------------------- */

static int32_t check_name(void *ctx, struct dr_str name, struct dr_err *err)
{
    const struct dr_dag_loader *l = ctx;
    return dr_subst_check_name(l->r.a, name, l->param_names, (size_t)l->dag->n_params, err);
}

static int32_t check_env_set(void *ctx, struct dr_str name, struct dr_err *err)
{
    const struct dr_dag_loader *l = ctx;
    if (!dr_str_starts(name, DR_LIT("env.")))
        return DR_OK;
    const char *variable = dr_arena_dup(l->r.a, name.p + 4, name.n - 4);
    if (getenv(variable))
        return DR_OK;
    return dr_fail(err, DR_EDEF, "the environment variable '%s' is not set now; a run needs it", variable);
}

void dr_load_check_subst(struct dr_dag_loader *l, const struct dr_node *n)
{
    struct dr_err err = { 0 };
    if (dr_node_kind(n) == DR_NODE_STRING) {
        if (dr_subst_each(n->text, check_name, l, &err))
            dr_diag_add(l->r.d, DR_DIAG_ERROR, n->mark, NULL, "%s", err.msg);
        else if (dr_subst_each(n->text, check_env_set, l, &err))
            dr_diag_add(l->r.d, DR_DIAG_WARNING, n->mark, NULL, "%s", err.msg);
    }
    for (int32_t i = 0; i < dr_node_size(n); i++)
        dr_load_check_subst(l, n->items[i]);
}

/* ---- the file ---------------------------------------------------------------------- */

static void load_id(struct dr_dag_loader *l, const struct dr_node *root)
{
    const char *written = dr_read_text(&l->r, root, "dag_id", NULL);
    const char *id = l->dag->dag_id;
    if (!written)
        dr_diag_add(l->r.d, DR_DIAG_ERROR, root->mark, dr_arena_printf(l->r.a, "add 'dag_id: %s'", id),
                    "the key 'dag_id' is missing");
    else if (!dr_streq(written, id))
        dr_diag_add(l->r.d, DR_DIAG_ERROR, dr_node_get(root, "dag_id")->mark,
                    dr_arena_printf(l->r.a, "write 'dag_id: %s', or rename the file", id),
                    "the dag_id '%s' is not the name of its file", written);
}

static void load_root(struct dr_dag_loader *l, const struct dr_node *root)
{
    struct dr_dag *dag = l->dag;
    dag->root = root;
    if (root->kind != DR_NODE_MAP) {
        dr_diag_add(l->r.d, DR_DIAG_ERROR, root->mark, "it starts with 'dag_id: ...'",
                    "a DAG file must hold a map, not %s", dr_kind_text(root));
        return;
    }
    dr_read_keys(&l->r, root, "the DAG", dag_keys, dag_aliases);
    load_id(l, root);
    dag->description = dr_read_text(&l->r, root, "description", NULL);
    dag->owner = dr_read_text(&l->r, root, "owner", NULL);
    dag->tags = dr_read_texts(&l->r, root, "tags", &dag->n_tags);
    dag->max_active_runs = dr_read_int(&l->r, root, "max_active_runs", 1, 1000, 0);
    if (dag->max_active_runs > 1)
        dr_diag_add(l->r.d, DR_DIAG_WARNING, dr_node_get(root, "max_active_runs")->mark, NULL,
                    "'max_active_runs' has no effect: one run of a DAG goes on at a time");
    dag->max_active_tasks = dr_read_int(&l->r, root, "max_active_tasks", 1, 10000, 0);
    load_times(l, root);
    load_params(l, root);
    l->defaults.owner = dag->owner;
    dr_load_args(&l->r, dr_read_kind(&l->r, root, "default_args", DR_NODE_MAP, "a map"), &l->defaults);
    const struct dr_node *tasks = dr_read_kind(&l->r, root, "tasks", DR_NODE_MAP, "a map of tasks");
    if (dr_node_size(tasks) == 0)
        dr_diag_add(l->r.d, DR_DIAG_ERROR, tasks ? tasks->mark : root->mark,
                    "add 'tasks:' with a task id and its 'plugin:'", "the DAG has no tasks");
    dr_load_tasks(l, tasks);
    dr_load_graph(l);
}

/* The path of dags/ID.yaml or .yml; NULL, with the error recorded, where there
 * is none or where there are both. */
static const char *find_file(struct dr_arena *a, const struct dr_home *h, const char *dag_id,
                             struct dr_diags *d)
{
    const char *yaml = dr_arena_printf(a, "%s/%s.yaml", h->dags, dag_id);
    const char *yml = dr_arena_printf(a, "%s/%s.yml", h->dags, dag_id);
    struct dr_mark mark = { .file = dr_home_show(a, h, yaml) };
    if (!dr_name_ok(dag_id)) {
        dr_diag_add(d, DR_DIAG_ERROR, mark, "letters, digits, '_', '.' and '-'", "'%s' cannot be a DAG's id",
                    dag_id);
        return NULL;
    }
    bool has_yaml = dr_path_exists(yaml), has_yml = dr_path_exists(yml);
    if (has_yaml && has_yml)
        dr_diag_add(d, DR_DIAG_ERROR, mark, "remove one of them", "there is also a file %s.yml", dag_id);
    if (has_yaml != has_yml)
        return has_yaml ? yaml : yml;
    if (!has_yaml) {
        char **dags;
        size_t n = 0;
        bool listed = !dr_home_dags(a, h, &dags, &n, NULL);
        dr_diag_add(d, DR_DIAG_ERROR, mark,
                    listed ? dr_diag_nearest(d, dag_id, (const char *const *)dags, n) : NULL,
                    "there is no DAG '%s'", dag_id);
    }
    return NULL;
}

bool dr_dag_next_due(const struct dr_dag *dag, int64_t after_us, int64_t *ret_us)
{
    int64_t due, after = dag->start_us > after_us ? dag->start_us - 1 : after_us;
    if (!dag->has_schedule || !dr_cron_next(&dag->schedule, dag->zone, after, &due) || due > dag->end_us)
        return false;
    *ret_us = due;
    return true;
}

bool dr_dag_last_due(const struct dr_dag *dag, int64_t at_us, int64_t *ret_us)
{
    int64_t due, at = dag->end_us < at_us ? dag->end_us : at_us;
    if (!dag->has_schedule || !dr_cron_prev(&dag->schedule, dag->zone, at, &due) || due < dag->start_us)
        return false;
    *ret_us = due;
    return true;
}

static bool read_text(struct dr_arena *a, const char *path, const char *shown, struct dr_str *ret,
                      struct dr_diags *d)
{
    struct dr_err err = { 0 };
    if (!dr_read_file(a, path, DR_YAML_MAX_BYTES, ret, &err))
        return true;
    dr_diag_add(d, DR_DIAG_ERROR, (struct dr_mark){ .file = shown }, NULL, "%s", err.msg);
    return false;
}

struct dr_dag *dr_dag_load(struct dr_arena *a, const struct dr_home *h, const char *dag_id,
                           const struct dr_spec_source *specs, struct dr_diags *d)
{
    int32_t errors_before = d->errors;
    const char *path = find_file(a, h, dag_id, d);
    struct dr_str text;
    if (!path || !read_text(a, path, dr_home_show(a, h, path), &text, d))
        return NULL;
    const struct dr_node *root = dr_yaml_parse(a, text, dr_home_show(a, h, path), d);
    if (!root)
        return NULL;
    struct dr_dag *dag = DR_NEW(a, struct dr_dag);
    dag->dag_id = dr_arena_strdup(a, dag_id);
    dag->path = path;
    dag->text = text;
    dr_hash_hex(text.p, text.n, dag->hash);
    struct dr_dag_loader l = {
        .r = { a, d },
        .home = h,
        .specs = specs,
        .dag = dag,
        .defaults = { .priority_weight = 1,
                      .retry_delay_us = DEFAULT_RETRY_DELAY_US,
                      .max_retry_delay_us = DEFAULT_MAX_RETRY_DELAY_US },
    };
    load_root(&l, root);
    return d->errors > errors_before ? NULL : dag;
}
