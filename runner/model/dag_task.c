/* dag_task.c - reading the tasks of a DAG. */
#include "model/dag_load.h"
#include "model/param.h"
#include "model/subst.h"
#include "base/file.h"
#include "base/hash.h"

static const char *const trigger_rules[] = {
    "all_success",  "all_done",    "all_failed",  "one_success",
    "one_failed",   "one_done",    "none_failed", "none_failed_min_one_success",
    "none_skipped", "all_skipped", "always",      NULL
};
static const char *const args_keys[] = { "retries",
                                         "retry_delay",
                                         "retry_exponential_backoff",
                                         "max_retry_delay",
                                         "execution_timeout",
                                         "memory_limit",
                                         "priority_weight",
                                         "trigger_rule",
                                         "owner",
                                         NULL };
static const char *const task_keys[] = { "plugin",
                                         "inputs",
                                         "outputs",
                                         "with",
                                         "depends_on",
                                         "description",
                                         "env",
                                         "retries",
                                         "retry_delay",
                                         "retry_exponential_backoff",
                                         "max_retry_delay",
                                         "execution_timeout",
                                         "memory_limit",
                                         "priority_weight",
                                         "trigger_rule",
                                         "owner",
                                         NULL };
static const struct dr_alias task_aliases[] = { { "operator", "plugin" },
                                                { "uses", "plugin" },
                                                { "type", "plugin" },
                                                { "task", "plugin" },
                                                { "params", "with" },
                                                { "args", "with" },
                                                { "upstream", "depends_on" },
                                                { "needs", "depends_on" },
                                                { "after", "depends_on" },
                                                { "timeout", "execution_timeout" },
                                                { "environment", "env" },
                                                { "doc", "description" },
                                                { NULL, NULL } };

const char *dr_trigger_rule_name(enum dr_trigger_rule r)
{
    return trigger_rules[r];
}

/* ---- settings of a task --------------------------------------------------------- */

static void read_args(struct dr_reader *r, const struct dr_node *map, struct dr_task_args *args)
{
    args->trigger_rule = dr_read_choice(r, map, "trigger_rule", trigger_rules, args->trigger_rule);
    args->retries = dr_read_int(r, map, "retries", 0, 1000, args->retries);
    args->priority_weight = dr_read_int(r, map, "priority_weight", -1000000, 1000000, args->priority_weight);
    args->retry_delay_us = dr_read_duration(r, map, "retry_delay", args->retry_delay_us);
    args->max_retry_delay_us = dr_read_duration(r, map, "max_retry_delay", args->max_retry_delay_us);
    args->execution_timeout_us = dr_read_duration(r, map, "execution_timeout", args->execution_timeout_us);
    args->memory_limit = dr_read_size(r, map, "memory_limit", args->memory_limit);
    args->retry_exponential_backoff =
        dr_read_bool(r, map, "retry_exponential_backoff", args->retry_exponential_backoff);
    args->owner = dr_read_text(r, map, "owner", args->owner);
    if (args->max_retry_delay_us >= args->retry_delay_us)
        return;
    const struct dr_node *written = dr_node_get(map, "max_retry_delay");
    if (written)
        dr_diag_add(r->d, DR_DIAG_ERROR, written->mark, NULL, "'max_retry_delay' is less than 'retry_delay'");
    args->max_retry_delay_us = args->retry_delay_us;
}

void dr_load_args(struct dr_reader *r, const struct dr_node *map, struct dr_task_args *args)
{
    dr_read_keys(r, map, "'default_args'", args_keys, task_aliases);
    read_args(r, map, args);
}

static void load_settings(struct dr_dag_loader *l, const struct dr_node *map, struct dr_task_def *t)
{
    struct dr_task_args args = l->defaults;
    read_args(&l->r, map, &args);
    t->trigger_rule = (enum dr_trigger_rule)args.trigger_rule;
    t->retries = args.retries;
    t->retry_delay_us = args.retry_delay_us;
    t->max_retry_delay_us = args.max_retry_delay_us;
    t->retry_exponential_backoff = args.retry_exponential_backoff;
    t->execution_timeout_us = args.execution_timeout_us;
    t->memory_limit = args.memory_limit;
    t->priority_weight = args.priority_weight;
    t->owner = args.owner;
    t->description = dr_read_text(&l->r, map, "description", NULL);
}

/* env as a map of texts: numbers and booleans as they are written. */
static const struct dr_node *load_env(struct dr_dag_loader *l, const struct dr_node *map)
{
    enum { MOST = 1000 };
    const struct dr_node *env = dr_read_kind(&l->r, map, "env", DR_NODE_MAP, "a map of texts");
    if (!env)
        return NULL;
    if (env->n > MOST) {
        dr_diag_add(l->r.d, DR_DIAG_ERROR, env->mark, NULL, "more than %d environment variables", MOST);
        return NULL;
    }
    struct dr_node *made = dr_node_new(l->r.a, DR_NODE_MAP);
    made->mark = env->mark;
    for (int32_t i = 0; i < env->n; i++) {
        const struct dr_node *value = env->items[i];
        const char *text = dr_node_str(value, NULL);
        bool name_ok = env->keys[i].n > 0 && !memchr(env->keys[i].p, '=', env->keys[i].n);
        if (!name_ok)
            dr_diag_add(l->r.d, DR_DIAG_ERROR, env->key_marks[i], NULL,
                        "'%s' cannot be an environment variable", env->keys[i].p);
        if (!text) {
            dr_diag_add(l->r.d, DR_DIAG_ERROR, value->mark, NULL, "'%s' must be text, not %s", env->keys[i].p,
                        dr_kind_text(value));
            continue;
        }
        struct dr_node *copy = dr_node_new_str(l->r.a, value->text);
        copy->mark = value->mark;
        dr_node_set(l->r.a, made, env->keys[i], copy);
    }
    dr_load_check_subst(l, made);
    return made;
}

/* ---- inputs and outputs --------------------------------------------------------------- */

struct bindings {
    struct dr_binding *items; /* in the arena */
    int32_t n;
};

static int32_t count_bindings(const struct dr_node *map)
{
    int32_t n = 0;
    for (int32_t i = 0; i < dr_node_size(map); i++)
        n += map->items[i]->kind == DR_NODE_LIST ? map->items[i]->n : 1;
    return n;
}

static void add_binding(struct dr_dag_loader *l, struct bindings *b, const char *port,
                        const struct dr_node *n)
{
    const char *text = dr_node_str(n, NULL);
    if (!text || !*text) {
        dr_diag_add(l->r.d, DR_DIAG_ERROR, n->mark, "a dataset's name or a path, or a list of them",
                    "'%s' must be text, not %s", port, text ? "empty" : dr_kind_text(n));
        return;
    }
    b->items[b->n++] = (struct dr_binding){ .port = port, .text = text, .mark = n->mark, .producer = -1 };
}

static struct bindings load_bindings(struct dr_dag_loader *l, const struct dr_node *task, const char *key)
{
    const struct dr_node *map =
        dr_read_kind(&l->r, task, key, DR_NODE_MAP, "a map of the plugin's names to datasets");
    struct bindings b = { 0 };
    b.items = dr_arena_array(l->r.a, (size_t)count_bindings(map) + 1, sizeof(*b.items));
    for (int32_t i = 0; i < dr_node_size(map); i++) {
        const struct dr_node *value = map->items[i];
        for (int32_t k = 0; value->kind == DR_NODE_LIST && k < value->n; k++)
            add_binding(l, &b, map->keys[i].p, value->items[k]);
        if (value->kind != DR_NODE_LIST)
            add_binding(l, &b, map->keys[i].p, value);
    }
    return b;
}

static void load_inputs(struct dr_dag_loader *l, const struct dr_node *map, struct dr_task_def *t)
{
    struct bindings b = load_bindings(l, map, "inputs");
    t->inputs = b.items;
    t->n_inputs = b.n;
    dr_load_check_subst(l, dr_node_get(map, "inputs"));
}

static void load_outputs(struct dr_dag_loader *l, const struct dr_node *map, struct dr_task_def *t)
{
    struct bindings b = load_bindings(l, map, "outputs");
    t->outputs = b.items;
    t->n_outputs = b.n;
    for (int32_t i = 0; i < b.n; i++)
        if (!dr_name_ok(b.items[i].text))
            dr_diag_add(l->r.d, DR_DIAG_ERROR, b.items[i].mark, "letters, digits, '_', '.' and '-'",
                        "an output is a dataset's name, which '%.80s' cannot be", b.items[i].text);
}

/* ---- against the plugin's declaration ---------------------------------------------------- */

static const struct dr_port_spec *find_port(const struct dr_port_spec *ports, int32_t n, const char *name)
{
    for (int32_t i = 0; i < n; i++)
        if (dr_streq(ports[i].name, name))
            return &ports[i];
    return NULL;
}

static void check_given_port(struct dr_dag_loader *l, const struct dr_port_spec *ports, int32_t n_ports,
                             const struct dr_node *map, int32_t at, const char *what)
{
    const struct dr_node *value = map->items[at];
    const char *name = map->keys[at].p;
    const struct dr_port_spec *port = find_port(ports, n_ports, name);
    if (!port) {
        const char **names = dr_arena_array(l->r.a, (size_t)n_ports + 1, sizeof(*names));
        for (int32_t i = 0; i < n_ports; i++)
            names[i] = ports[i].name;
        struct dr_node one = {
            .kind = DR_NODE_MAP, .n = 1, .keys = &map->keys[at], .key_marks = &map->key_marks[at]
        };
        struct dr_node *none = NULL;
        one.items = &none;
        dr_read_keys(&l->r, &one, what, names, NULL);
    } else if (value->kind == DR_NODE_LIST && !(port->flags & DR_MANY) && value->n != 1) {
        dr_diag_add(l->r.d, DR_DIAG_ERROR, value->mark, NULL, "'%s' takes one dataset, not a list of %d",
                    name, (int)value->n);
    }
}

static void check_ports(struct dr_dag_loader *l, const struct dr_task_def *t, const struct dr_node *map,
                        const struct dr_port_spec *ports, int32_t n_ports, const char *key)
{
    const struct dr_node *given = dr_node_get(map, key);
    const char *what = dr_arena_printf(l->r.a, "the %s of plugin '%s'", key, t->plugin);
    if (dr_node_kind(given) != DR_NODE_MAP)
        given = NULL;
    for (int32_t i = 0; i < dr_node_size(given); i++)
        check_given_port(l, ports, n_ports, given, i, what);
    for (int32_t i = 0; i < n_ports; i++)
        if ((ports[i].flags & DR_REQUIRED) && dr_node_index(given, ports[i].name) < 0)
            dr_diag_add(l->r.d, DR_DIAG_ERROR, given ? given->mark : t->mark, ports[i].doc,
                        "'%s' is missing from %s", ports[i].name, what);
}

static void check_against_spec(struct dr_dag_loader *l, const struct dr_node *map, struct dr_task_def *t)
{
    const struct dr_plugin_spec *spec = t->spec;
    const struct dr_node *with = t->with ? dr_subst_preview(l->r.a, t->with, &l->preview) : NULL;
    dr_spec_check_with(l->r.a, spec, with, l->home, t->mark, l->r.d);
    check_ports(l, t, map, spec->inputs, spec->n_inputs, "inputs");
    check_ports(l, t, map, spec->outputs, spec->n_outputs, "outputs");
}

static void add_unknown_plugin(struct dr_dag_loader *l, const char *name, struct dr_mark mark)
{
    size_t n = 0;
    const char *const *names = l->specs->names ? l->specs->names(l->specs->ctx, &n) : NULL;
    const char *near = names ? dr_diag_nearest(l->r.d, name, names, n) : NULL;
    dr_diag_add(l->r.d, DR_DIAG_ERROR, mark, near ? near : "'dagrun tasks' lists the plugins there are",
                "unknown plugin '%.200s'", name);
}

/* Once for each plugin, not for each of the tasks that use it. */
static void add_unusable(struct dr_dag_loader *l, const struct dr_plugin_spec *spec, struct dr_mark mark)
{
    for (int32_t i = 0; i < l->n_told; i++)
        if (l->told[i] == spec)
            return;
    if (l->n_told < (int32_t)(sizeof(l->told) / sizeof(l->told[0])))
        l->told[l->n_told++] = spec;
    dr_diag_add(l->r.d, DR_DIAG_ERROR, mark, NULL, "the plugin '%s' cannot be used: %s", spec->name,
                spec->problem);
}

static void load_plugin(struct dr_dag_loader *l, const struct dr_node *map, struct dr_task_def *t)
{
    t->plugin = dr_read_text(&l->r, map, "plugin", NULL);
    const struct dr_node *written = dr_node_get(map, "plugin");
    if (!t->plugin) {
        if (dr_node_kind(written) == DR_NODE_NULL)
            dr_diag_add(l->r.d, DR_DIAG_ERROR, t->mark, "add 'plugin: NAME'; 'dagrun tasks' lists them",
                        "the task '%s' has no plugin", t->id);
        return;
    }
    if (!l->specs)
        return;
    const struct dr_plugin_spec *spec = l->specs->find(l->specs->ctx, t->plugin);
    if (!spec)
        add_unknown_plugin(l, t->plugin, written->mark);
    else if (spec->problem)
        add_unusable(l, spec, written->mark);
    else
        t->spec = spec;
}

/* ---- tasks -------------------------------------------------------------------------------- */

static void load_task(struct dr_dag_loader *l, const struct dr_node *map, struct dr_task_def *t)
{
    if (!dr_name_ok(t->id))
        dr_diag_add(l->r.d, DR_DIAG_ERROR, t->mark,
                    "at most 200 letters, digits, '_', '.' and '-', starting with no '.' or '-'",
                    "'%.80s' cannot be a task's id", t->id);
    if (map->kind != DR_NODE_MAP) {
        dr_diag_add(l->r.d, DR_DIAG_ERROR, map->kind == DR_NODE_NULL ? t->mark : map->mark,
                    "it starts with 'plugin: NAME'", "the task '%s' must be a map, not %s", t->id,
                    dr_kind_text(map));
        return;
    }
    dr_read_keys(&l->r, map, dr_arena_printf(l->r.a, "the task '%s'", t->id), task_keys, task_aliases);
    load_settings(l, map, t);
    load_plugin(l, map, t);
    t->with = dr_read_kind(&l->r, map, "with", DR_NODE_MAP, "a map of parameters");
    dr_load_check_subst(l, t->with);
    t->env = load_env(l, map);
    load_inputs(l, map, t);
    load_outputs(l, map, t);
    if (t->spec)
        check_against_spec(l, map, t);
}

void dr_load_tasks(struct dr_dag_loader *l, const struct dr_node *tasks)
{
    int32_t n = (int32_t)dr_node_size(tasks);
    l->dag->tasks = dr_arena_array(l->r.a, (size_t)n + 1, sizeof(*l->dag->tasks));
    l->dag->n_tasks = n;
    for (int32_t i = 0; i < n; i++) {
        struct dr_task_def *t = &l->dag->tasks[i];
        t->id = tasks->keys[i].p;
        t->mark = tasks->key_marks[i];
        load_task(l, tasks->items[i], t);
    }
}

void dr_dag_plugin_names(struct dr_arena *a, const struct dr_node *root, const char *const **ret,
                         size_t *ret_n)
{
    const struct dr_node *tasks = dr_node_get(root, "tasks");
    const char **names = dr_arena_array(a, (size_t)dr_node_size(tasks) + 1, sizeof(*names));
    struct dr_map seen = { 0 };
    size_t n = 0;
    for (int64_t i = 0; i < dr_node_size(tasks); i++) {
        const char *plugin = dr_node_str(dr_node_get(dr_node_at(tasks, i), "plugin"), NULL);
        bool is_new = false;
        if (plugin)
            dr_map_put(&seen, dr_str_of(plugin), &is_new);
        if (is_new)
            names[n++] = plugin;
    }
    dr_map_done(&seen);
    *ret = names;
    *ret_n = n;
}
