/* What several verbs do: load a DAG, find a run, show times. */
#include "cmd/cmd.h"
#include <unistd.h>

#include "base/date.h"
#include "base/file.h"
#include "base/num.h"
#include "exec/recover.h"
#include "expect/expect.h"
#include "model/suite.h"
#include "model/yaml.h"

const char *dr_show_time(struct dr_arena *a, int64_t us, const char *zone)
{
    if (!us)
        return "-";
    const struct dr_zone *z;
    struct dr_civil local;
    const char *abbreviation = "UTC";
    if (!zone || dr_zone_load(a, zone, &z, NULL))
        dr_civil_from_us(us, &local);
    else
        dr_zone_local(z, us, &local, NULL, &abbreviation);
    return dr_arena_printf(a, "%04d-%02d-%02d %02d:%02d:%02d %s", local.year, local.month, local.day,
                           local.hour, local.minute, local.second, abbreviation);
}

const char *dr_show_span(struct dr_arena *a, int64_t us)
{
    DR_AUTO_BUF text = { 0 };
    dr_buf_put_duration(&text, us);
    return dr_arena_strdup(a, dr_buf_cstr(&text));
}

const char *dr_iso(struct dr_arena *a, int64_t us)
{
    char text[DR_TIME_TEXT];
    if (!us)
        return NULL;
    dr_format_timestamp(us, true, text);
    return dr_arena_strdup(a, text);
}

enum dr_tint dr_run_tint(enum dr_run_state s)
{
    switch (s) {
    case DR_RUN_SUCCESS:
        return DR_TINT_GOOD;
    case DR_RUN_FAILED:
        return DR_TINT_BAD;
    case DR_RUN_CANCELLED:
        return DR_TINT_WARN;
    default:
        return DR_TINT_BUSY;
    }
}

enum dr_tint dr_task_tint(enum dr_task_state s)
{
    switch (s) {
    case DR_TASK_SUCCESS:
        return DR_TINT_GOOD;
    case DR_TASK_FAILED:
        return DR_TINT_BAD;
    case DR_TASK_UPSTREAM_FAILED:
    case DR_TASK_UP_FOR_RETRY:
    case DR_TASK_CANCELLED:
        return DR_TINT_WARN;
    case DR_TASK_RUNNING:
        return DR_TINT_BUSY;
    default:
        return DR_TINT_DIM;
    }
}

int dr_cmd_no_such_dag(struct dr_cmd *c, const char *dag_id)
{
    char **ids = NULL;
    size_t n = 0;
    struct dr_err err = { 0 };
    if (dr_home_dags(&c->arena, &c->home, &ids, &n, &err))
        return dr_cmd_fail(&err);
    const char *near = dr_nearest(dag_id, (const char *const *)ids, n);
    dr_fail(&err, DR_ENOTFOUND, "there is no DAG '%s' in %s%s%s%s", dag_id, c->home.dags,
            near ? "; did you mean '"
            : n  ? "; dagrun list shows those there are"
                 : "",
            near ? near : "", near ? "'?" : "");
    return dr_cmd_fail(&err);
}

bool dr_cmd_dag_exists(struct dr_cmd *c, const char *dag_id)
{
    if (!dr_name_ok(dag_id))
        return false;
    return dr_path_exists(dr_arena_printf(&c->arena, "%s/%s.yaml", c->home.dags, dag_id)) ||
           dr_path_exists(dr_arena_printf(&c->arena, "%s/%s.yml", c->home.dags, dag_id));
}

static const char *dag_file(struct dr_cmd *c, const char *dag_id)
{
    char *yaml = dr_arena_printf(&c->arena, "%s/%s.yaml", c->home.dags, dag_id);
    return dr_path_exists(yaml) ? yaml : dr_arena_printf(&c->arena, "%s/%s.yml", c->home.dags, dag_id);
}

int dr_cmd_load_dag(struct dr_cmd *c, const char *dag_id, const struct dr_dag **ret)
{
    if (!dr_cmd_dag_exists(c, dag_id))
        return dr_cmd_no_such_dag(c, dag_id);
    /* The file is read once for the names of its plugins, whose declarations
     * are then fetched by one child process, and once to be checked. */
    struct dr_diags ignored = { .arena = &c->arena }, found = { .arena = &c->arena };
    const struct dr_node *root = dr_yaml_load(&c->arena, dag_file(c, dag_id), dag_id, &ignored);
    const char *const *names = NULL;
    size_t n = 0;
    struct dr_plugins *plugins = NULL;
    struct dr_err err = { 0 };
    if (root)
        dr_dag_plugin_names(&c->arena, root, &names, &n);
    if (dr_plugins_load(&c->arena, &c->home, names ? names : (const char *const[]){ NULL }, n, &plugins,
                        &err))
        return dr_cmd_fail(&err);
    struct dr_spec_source source = dr_plugins_source(plugins);
    struct dr_dag *dag = dr_dag_load(&c->arena, &c->home, dag_id, &source, &found);
    if (found.n && !(c->args.json && dag))
        dr_cmd_diags(c, &found);
    if (!dag)
        return DR_EXIT_DEFINITION;
    *ret = dag;
    return 0;
}

static void check_plugin_of(struct dr_cmd *c, const struct dr_expectation *x, struct dr_diags *d)
{
    const struct dr_node *plugin = dr_node_get(x->kwargs, "plugin");
    const char *name = dr_node_str(plugin, NULL); /* NULL: a parameter, not known yet */
    if (!dr_streq(x->type, "expect_rows_to_satisfy_plugin") || !name)
        return;
    const char *path = dr_arena_printf(&c->arena, "%s/%s.so", c->home.expectations, name);
    if (dr_name_ok(name) && dr_path_exists(path))
        return;
    dr_diag_add(d, DR_DIAG_WARNING, plugin->mark,
                "Build it with `cc -shared -fPIC` (docs/plugins.md); until then the expectation cannot be "
                "evaluated.",
                "expect_rows_to_satisfy_plugin: there is no plugin '%s': %s/%s.so is not there", name,
                dr_path_base(c->home.expectations), name);
}

void dr_cmd_check_suite(struct dr_cmd *c, const char *name, struct dr_diags *d)
{
    const struct dr_suite *s = dr_suite_load(&c->arena, &c->home, name, dr_expect_source(), d);
    for (int32_t i = 0; s && i < s->n; i++)
        check_plugin_of(c, &s->expectations[i], d);
}

static void check_suites_of(struct dr_cmd *c, const struct dr_task_def *t, struct dr_node *seen,
                            struct dr_diags *d)
{
    for (int32_t i = 0; t->spec && i < t->spec->n_params; i++) {
        const struct dr_param_spec *p = &t->spec->params[i];
        const char *name = dr_node_str(dr_node_get(t->with, p->name), "");
        if (p->type != DR_PARAM_SUITE || !dr_name_ok(name) || dr_node_index(seen, name) >= 0)
            continue;
        dr_node_set(&c->arena, seen, dr_str_of(name), dr_node_new(&c->arena, DR_NODE_NULL));
        dr_cmd_check_suite(c, name, d);
    }
}

void dr_cmd_check_suites(struct dr_cmd *c, const struct dr_dag *dag, struct dr_diags *d)
{
    struct dr_node *seen = dr_node_new(&c->arena, DR_NODE_MAP);
    for (int32_t i = 0; i < dag->n_tasks; i++)
        check_suites_of(c, &dag->tasks[i], seen, d);
}

static void close_state(void *s)
{
    dr_state_close(s);
}

/* A runner that was killed could not say so; whoever looks next records it. Where that cannot be written (a
 * home of somebody else) the run is shown as it stands. */
static void record_lost_runs(struct dr_cmd *c, struct dr_state *s)
{
    struct dr_run_filter running = { .state = DR_RUN_RUNNING };
    struct dr_run_row *runs;
    int32_t n, recovered;
    if (dr_state_runs(s, &c->arena, &running, &runs, &n, NULL))
        return;
    for (int32_t i = 0; i < n; i++) {
        if (!dr_runner_alive(&runs[i].runner)) {
            (void)dr_exec_recover(&c->home, &recovered, NULL);
            return;
        }
    }
}

int dr_cmd_open_state(struct dr_cmd *c, struct dr_state **ret)
{
    struct dr_err err = { 0 };
    *ret = NULL;
    if (!dr_path_exists(c->home.db))
        return 0;
    if (dr_state_open(&c->home, DR_STATE_READONLY, ret, &err))
        return dr_cmd_fail(&err);
    dr_arena_defer(&c->arena, close_state, *ret);
    record_lost_runs(c, *ret);
    return 0;
}

int dr_cmd_find_run(struct dr_cmd *c, struct dr_state *s, const char *dag, const char *run,
                    struct dr_run_row *ret)
{
    struct dr_err err = { 0 };
    if (!s) {
        dr_fail(&err, DR_ENOTFOUND, "nothing has run in %s yet", c->home.path);
        return dr_cmd_fail(&err);
    }
    /* One word may be a DAG or a run. */
    bool either = dag && !run && !dr_cmd_dag_exists(c, dag);
    if (either) {
        run = dag;
        dag = NULL;
    }
    if (!dr_state_find_run(s, &c->arena, dag, run ? run : "latest", ret, &err))
        return 0;
    if (either && err.rc == DR_ENOTFOUND)
        dr_err_prefix(&err, "'%s' is neither a DAG nor a run", run);
    return dr_cmd_fail(&err);
}

int dr_cmd_params(struct dr_cmd *c, const struct dr_node **ret)
{
    struct dr_node *map = dr_node_new(&c->arena, DR_NODE_MAP);
    for (int i = 0; i < c->args.n_params; i++) {
        const char *equals = strchr(c->args.params[i], '=');
        struct dr_str name = { c->args.params[i], (size_t)(equals - c->args.params[i]) };
        struct dr_node *value = dr_node_new_str(&c->arena, dr_str_of(equals + 1));
        value->mark.file = "--param";
        dr_node_set(&c->arena, map, name, value);
    }
    *ret = map;
    return 0;
}

int dr_print_json(struct dr_buf *b)
{
    fputs(dr_buf_cstr(b), stdout);
    fputc('\n', stdout);
    dr_buf_done(b);
    return ferror(stdout) ? DR_EXIT_SYSTEM : DR_EXIT_OK;
}
