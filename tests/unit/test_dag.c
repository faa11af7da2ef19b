/* DAG files: what is read, and what is refused with its place. */
#include "model_fixture.h"
#include "model/dag.h"
#include "model/yaml.h"

/* ---- two plugins --------------------------------------------------------------- */

static const char *const modes[] = { "fast", "exact" };
static struct dr_param_spec check_params[] = {
    { .name = "suite", .type = DR_PARAM_SUITE, .flags = DR_REQUIRED, .doc = "the suite to check" },
    { .name = "threads", .type = DR_PARAM_INT },
    { .name = "mode", .type = DR_PARAM_STRING, .choices = modes, .n_choices = 2 },
    { .name = "reference", .type = DR_PARAM_PATH },
    { .name = "wait", .type = DR_PARAM_DURATION },
    { .name = "share", .type = DR_PARAM_FLOAT },
};
static struct dr_port_spec check_inputs[] = { { .name = "table", .flags = DR_REQUIRED, .doc = "the rows" } };
static struct dr_port_spec check_outputs[] = { { .name = "valid" }, { .name = "quarantined" } };
static struct dr_port_spec load_inputs[] = { { .name = "tables", .flags = DR_REQUIRED | DR_MANY } };
static const struct dr_plugin_spec plugins[] = {
    { .name = "check",
      .params = check_params,
      .n_params = 6,
      .inputs = check_inputs,
      .n_inputs = 1,
      .outputs = check_outputs,
      .n_outputs = 2 },
    { .name = "load", .inputs = load_inputs, .n_inputs = 1 },
    { .name = "broken", .problem = "it was built for ABI 9" },
};
static const char *const plugin_names[] = { "check", "load", "broken" };

static const struct dr_plugin_spec *find_plugin(void *ctx, const char *name)
{
    (void)ctx;
    for (size_t i = 0; i < 3; i++)
        if (dr_streq(plugins[i].name, name))
            return &plugins[i];
    return NULL;
}

static const char *const *all_plugin_names(void *ctx, size_t *ret_n)
{
    (void)ctx;
    *ret_n = 3;
    return plugin_names;
}

static const struct dr_spec_source specs = { find_plugin, all_plugin_names, NULL };

/* ---- loading --------------------------------------------------------------------- */

static struct dr_dag *load_with(struct fixture *f, const char *text, const struct dr_spec_source *source)
{
    put_file(f, "dags/etl.yaml", text);
    f->d = (struct dr_diags){ .arena = &f->a };
    return dr_dag_load(&f->a, &f->home, "etl", source, &f->d);
}

static struct dr_dag *load_ok(struct fixture *f, const char *text)
{
    struct dr_dag *dag = load_with(f, text, NULL);
    if (!dag)
        fail_msg("refused: %s", shown(f));
    return dag;
}

static void assert_refused(struct fixture *f, const char *text, const char *message)
{
    assert_null(load_with(f, text, NULL));
    assert_shows(f, message);
}

/* A DAG with these lines before its one task. */
static const char *with_head(struct fixture *f, const char *lines)
{
    return dr_arena_printf(&f->a, "dag_id: etl\n%stasks: {t: {plugin: p}}\n", lines);
}

static const char *with_tasks(struct fixture *f, const char *lines)
{
    return dr_arena_printf(&f->a, "dag_id: etl\nparams: {x: {type: path}, n: 3, who: me}\ntasks:\n%s", lines);
}

static const struct dr_task_def *task(const struct dr_dag *dag, const char *id)
{
    int32_t i = dr_dag_find_task(dag, id);
    assert_true(i >= 0);
    return &dag->tasks[i];
}

/* ---- what is read ------------------------------------------------------------------- */

static void a_small_dag_has_defaults(void **state)
{
    struct fixture *f = *state;
    struct dr_dag *dag = load_ok(f, with_head(f, ""));
    assert_string_equal(dag->dag_id, "etl");
    assert_false(dag->has_schedule);
    assert_string_equal(dr_zone_name(dag->zone), "UTC");
    assert_true(dag->start_us == INT64_MIN && dag->end_us == INT64_MAX);
    assert_int_equal(dag->max_active_tasks, 0);
    assert_int_equal(strlen(dag->hash), 32);
    assert_string_equal(dag->path, dr_path_join(&f->a, f->home.dags, "etl.yaml"));
    const struct dr_task_def *t = task(dag, "t");
    assert_int_equal(t->retries, 0);
    assert_int_equal(t->retry_delay_us, 300 * DR_US_PER_S);
    assert_int_equal(t->trigger_rule, DR_TRIGGER_ALL_SUCCESS);
    assert_int_equal(t->priority_weight, 1);
    assert_int_equal(t->execution_timeout_us, 0);
    assert_int_equal(t->mark.line, 2);
}

static void every_key_of_the_file_is_read(void **state)
{
    struct fixture *f = *state;
    struct dr_dag *dag =
        load_ok(f, with_head(f, "description: d\nowner: o\nschedule: '30 2 * * *'\n"
                                "timezone: Europe/London\nstart_date: 2024-07-01\n"
                                "end_date: 2024-12-31T06:00:00Z\ncatchup: true\nmax_active_runs: 2\n"
                                "max_active_tasks: 8\ntags: [a, b]\n"));
    assert_true(dag->has_schedule && dag->catchup);
    assert_string_equal(dag->schedule_text, "30 2 * * *");
    char text[DR_TIME_TEXT];
    dr_format_timestamp(dag->start_us, true, text);
    assert_string_equal(text, "2024-06-30T23:00:00Z"); /* midnight in London's summer */
    dr_format_timestamp(dag->end_us, true, text);
    assert_string_equal(text, "2024-12-31T06:00:00Z");
    assert_int_equal(dag->max_active_runs, 2);
    assert_int_equal(dag->max_active_tasks, 8);
    assert_string_equal(dag->tags[1], "b");
    assert_string_equal(task(dag, "t")->owner, "o");
    assert_false(load_ok(f, with_head(f, "schedule: none\n"))->has_schedule);
    assert_false(load_ok(f, with_head(f, "schedule:\n"))->has_schedule);
}

static void default_args_count_unless_a_task_says_otherwise(void **state)
{
    struct fixture *f = *state;
    struct dr_dag *dag =
        load_ok(f, "dag_id: etl\n"
                   "default_args: {retries: 2, retry_delay: 10s, execution_timeout: 15m, owner: us}\n"
                   "tasks:\n"
                   "  a: {plugin: p}\n"
                   "  b: {plugin: p, retries: 0, retry_delay: 2h, retry_exponential_backoff: true,\n"
                   "      max_retry_delay: 4h, execution_timeout: 0, memory_limit: 1G,\n"
                   "      priority_weight: 9, trigger_rule: all_done, owner: me, description: d}\n");
    const struct dr_task_def *a = task(dag, "a"), *b = task(dag, "b");
    assert_int_equal(a->retries, 2);
    assert_int_equal(a->retry_delay_us, 10 * DR_US_PER_S);
    assert_int_equal(a->execution_timeout_us, 900 * DR_US_PER_S);
    assert_string_equal(a->owner, "us");
    assert_int_equal(b->retries, 0);
    assert_int_equal(b->execution_timeout_us, 0);
    assert_int_equal(b->max_retry_delay_us, 4 * 3600 * DR_US_PER_S);
    assert_int_equal(b->memory_limit, 1 << 30);
    assert_int_equal(b->priority_weight, 9);
    assert_string_equal(dr_trigger_rule_name(b->trigger_rule), "all_done");
    assert_true(b->retry_exponential_backoff);
}

static void dependencies_come_from_datasets_and_depends_on(void **state)
{
    struct fixture *f = *state;
    struct dr_dag *dag =
        load_ok(f, with_tasks(f, "  report: {plugin: p, depends_on: [stats, clean]}\n"
                                 "  stats: {plugin: p, inputs: {t: rows}, depends_on: clean}\n"
                                 "  clean: {plugin: p, inputs: {raw: '${params.x}'}, outputs: {t: rows}}\n"
                                 "  load: {plugin: p, inputs: {ts: [rows, data/x.csv]}}\n"));
    assert_int_equal(task(dag, "report")->n_upstream, 2);
    assert_int_equal(task(dag, "report")->upstream[0], 1);
    assert_int_equal(task(dag, "report")->upstream[1], 2);
    assert_int_equal(task(dag, "stats")->n_upstream, 1);
    assert_int_equal(task(dag, "clean")->n_downstream, 3);
    assert_int_equal(task(dag, "clean")->inputs[0].producer, -1);
    assert_int_equal(task(dag, "stats")->inputs[0].producer, 2);
    const struct dr_task_def *load = task(dag, "load");
    assert_int_equal(load->n_inputs, 2);
    assert_string_equal(load->inputs[0].port, "ts");
    assert_int_equal(load->inputs[1].producer, -1);
    static const int32_t order[] = { 2, 1, 0, 3 };
    assert_memory_equal(dag->topo, order, sizeof(order));
}

static void a_missing_input_file_is_a_warning(void **state)
{
    struct fixture *f = *state;
    load_ok(f,
            "dag_id: etl\nparams: {x: data/in.csv}\ntasks: {t: {plugin: p, inputs: {r: '${params.x}'}}}\n");
    assert_shows(f, "dags/etl.yaml:3:36: warning: the input file 'data/in.csv' is not there now");
    assert_int_equal(dr_mkdirs(dr_path_join(&f->a, f->dir, "data"), &f->err), 0);
    put_file(f, "data/in.csv", "");
    load_ok(f,
            "dag_id: etl\nparams: {x: data/in.csv}\ntasks: {t: {plugin: p, inputs: {r: '${params.x}'}}}\n");
    assert_int_equal(f->d.n, 0);
}

static void env_values_become_text(void **state)
{
    struct fixture *f = *state;
    struct dr_dag *dag =
        load_ok(f, with_tasks(f, "  t: {plugin: p, env: {N: 5, FLAG: true, P: '${params.who}'}}\n"));
    const struct dr_node *env = task(dag, "t")->env;
    assert_int_equal(dr_node_kind(dr_node_get(env, "N")), DR_NODE_STRING);
    assert_string_equal(dr_node_str(dr_node_get(env, "FLAG"), ""), "true");
}

static void plugin_names_are_given_once(void **state)
{
    struct fixture *f = *state;
    const char *const *names;
    size_t n;
    const struct dr_node *root = dr_yaml_parse(
        &f->a, DR_LIT("tasks: {a: {plugin: x}, b: {plugin: y}, c: {plugin: x}, d: ~, e: {plugin: [z]}}"),
        NULL, &f->d);
    dr_dag_plugin_names(&f->a, root, &names, &n);
    assert_int_equal(n, 2);
    assert_string_equal(names[0], "x");
    assert_string_equal(names[1], "y");
    dr_dag_plugin_names(&f->a, NULL, &names, &n);
    assert_int_equal(n, 0);
}

/* ---- what is refused ----------------------------------------------------------------- */

static void the_id_must_be_the_files_name(void **state)
{
    struct fixture *f = *state;
    assert_refused(
        f, "dag_id: elt\ntasks: {t: {plugin: p}}\n",
        "dags/etl.yaml:1:9: error: the dag_id 'elt' is not the name of its file\n  write 'dag_id: etl'");
    assert_refused(f, "tasks: {t: {plugin: p}}\n", "the key 'dag_id' is missing");
}

static void a_dag_that_is_not_there_gets_the_nearest_name(void **state)
{
    struct fixture *f = *state;
    put_file(f, "dags/nightly.yaml", "");
    assert_null(dr_dag_load(&f->a, &f->home, "nigthly", NULL, &f->d));
    assert_shows(f, "dags/nigthly.yaml: error: there is no DAG 'nigthly'\n  did you mean 'nightly'?");
    assert_null(dr_dag_load(&f->a, &f->home, "../x", NULL, &f->d));
    assert_shows(f, "cannot be a DAG's id");
    put_file(f, "dags/nightly.yml", "");
    assert_null(dr_dag_load(&f->a, &f->home, "nightly", NULL, &f->d));
    assert_shows(f, "there is also a file nightly.yml");
}

static void misspelt_keys_get_the_right_one(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, with_head(f, "schedul: x\n"),
                   "dags/etl.yaml:2:1: error: unknown key 'schedul' in the DAG\n"
                   "  did you mean 'schedule'?");
    assert_refused(f, with_head(f, "schedule_interval: x\n"), "did you mean 'schedule'?");
    assert_refused(f, with_head(f, "default_args: {retry: 1}\n"), "unknown key 'retry' in 'default_args'");
    assert_refused(f, with_tasks(f, "  t: {plugin: p, retires: 2}\n"), "did you mean 'retries'?");
    assert_refused(f, with_tasks(f, "  t: {operator: p}\n"), "did you mean 'plugin'?");
    assert_refused(f, with_head(f, "params: {x: {type: int, defualt: 3}}\n"), "did you mean 'default'?");
}

static void wrong_types_say_what_was_expected(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, "[]\n", "a DAG file must hold a map, not a list");
    assert_refused(f, "", "a DAG file must hold a map, not nothing");
    assert_refused(f, "dag_id: etl\ntasks: [a]\n", "'tasks' must be a map of tasks, not a list");
    assert_refused(f, "dag_id: etl\n", "the DAG has no tasks");
    assert_refused(f, with_head(f, "catchup: maybe\n"), "'catchup' must be true or false, not 'maybe'");
    assert_refused(f, with_head(f, "max_active_runs: 0\n"),
                   "'max_active_runs' must be a whole number from 1 to 1000");
    assert_refused(f, with_head(f, "tags: {a: 1}\n"), "'tags' must be text or a list of texts, not a map");
    assert_refused(f, with_tasks(f, "  t: {plugin: p, retries: many}\n"),
                   "dags/etl.yaml:4:27: error: 'retries' must be a whole number from 0 to 1000, not 'many'");
    assert_refused(f, with_tasks(f, "  t: {plugin: p, retry_delay: 10}\n"), "write 10s for seconds");
    assert_refused(f, with_tasks(f, "  t: {plugin: p, execution_timeout: soon}\n"), "a time such as 30s");
    assert_refused(f, with_tasks(f, "  t: {plugin: p, memory_limit: big}\n"), "a size such as 512M");
    assert_refused(f, with_tasks(f, "  t: {plugin: p, trigger_rule: all_dne}\n"), "did you mean 'all_done'?");
    assert_refused(f, with_tasks(f, "  t: {plugin: p, max_retry_delay: 1s}\n"), "less than 'retry_delay'");
    assert_refused(f, with_tasks(f, "  t:\n"), "the task 't' must be a map, not nothing");
    assert_refused(f, with_tasks(f, "  t: {}\n"), "the task 't' has no plugin");
    assert_refused(f, with_tasks(f, "  'a b': {plugin: p}\n"), "'a b' cannot be a task's id");
    assert_refused(f, with_tasks(f, "  'a b': {plugin: p}\n"), "at most 200 letters");
    assert_refused(f, with_tasks(f, "  t: {plugin: p, inputs: [a]}\n"), "'inputs' must be a map");
    assert_refused(f, with_tasks(f, "  t: {plugin: p, inputs: {a: {b: c}}}\n"),
                   "'a' must be text, not a map");
    assert_refused(f, with_tasks(f, "  t: {plugin: p, outputs: {a: 'x/y'}}\n"),
                   "an output is a dataset's name");
    assert_refused(f, with_tasks(f, "  t: {plugin: p, env: {'A=B': c}}\n"),
                   "cannot be an environment variable");
}

static void schedules_zones_and_dates_are_checked(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, with_head(f, "schedule: '61 * * * *'\n"),
                   "dags/etl.yaml:2:11: error: 'schedule': minute");
    assert_refused(f, with_head(f, "schedule: '0 0 31 2 *'\n"), "never comes");
    assert_refused(f, with_head(f, "timezone: Europe/Londn\n"), "'timezone': ");
    assert_refused(f, with_head(f, "start_date: 2024-02-30\n"), "'start_date' must be a date or a time");
    assert_refused(f, with_head(f, "start_date: 2024-02-02\nend_date: 2024-02-01\n"), "'end_date' is before");
    assert_refused(f, with_head(f, "catchup: true\n"), "'catchup' needs to know where to start");
    assert_non_null(load_with(f, with_head(f, "start_date: 2024-01-01\ncatchup: true\n"), NULL));
    assert_shows(f, "warning: 'catchup' has no effect");
    assert_non_null(load_with(f, with_head(f, "max_active_runs: 2\n"), NULL));
    assert_shows(f, "warning: 'max_active_runs' has no effect");
    assert_non_null(
        load_with(f, with_head(f, "schedule: '@daily'\nparams: {day: {type: string}, n: 1}\n"), NULL));
    assert_shows(f, "warning: cron gives no parameters: no run of this schedule can begin without 'day'");
}

static void a_loop_is_named(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, with_tasks(f, "  a: {plugin: p, depends_on: b}\n  b: {plugin: p, depends_on: a}\n"),
                   "dags/etl.yaml:4:3: error: the tasks wait for each other: a -> b -> a\n");
    assert_refused(f,
                   with_tasks(f, "  a: {plugin: p, inputs: {i: z}, outputs: {o: x}}\n"
                                 "  b: {plugin: p, inputs: {i: x}, outputs: {o: y}}\n"
                                 "  c: {plugin: p, inputs: {i: y}, outputs: {o: z}}\n"),
                   "a -> b -> c -> a");
    assert_refused(f, with_tasks(f, "  a: {plugin: p, depends_on: a}\n"), "the task 'a' depends on itself");
    assert_refused(f, with_tasks(f, "  a: {plugin: p, inputs: {i: x}, outputs: {o: x}}\n"),
                   "which it makes itself");
}

static void datasets_must_have_one_producer(void **state)
{
    struct fixture *f = *state;
    assert_refused(
        f, with_tasks(f, "  a: {plugin: p, outputs: {o: rows}}\n  b: {plugin: p, inputs: {i: rws}}\n"),
        "dags/etl.yaml:5:30: error: no task makes the dataset 'rws'\n  did you mean 'rows'?");
    assert_refused(
        f, with_tasks(f, "  a: {plugin: p, outputs: {o: rows}}\n  b: {plugin: p, outputs: {o: rows}}\n"),
        "the dataset 'rows' is made twice: by task 'a' too");
    assert_refused(f, with_tasks(f, "  clean: {plugin: p}\n  b: {plugin: p, depends_on: [claen]}\n"),
                   "there is no task 'claen'\n  did you mean 'clean'?");
}

static void substitutions_are_checked_at_load(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, with_tasks(f, "  a: {plugin: p, with: {k: [{d: '${params.xx}'}]}}\n"),
                   "dags/etl.yaml:4:33: error: ${params.xx} is not known; did you mean '${params.x}'?");
    assert_refused(f, with_tasks(f, "  a: {plugin: p, inputs: {i: 'x/${run_ids}'}}\n"),
                   "did you mean '${run_id}'?");
    assert_refused(f, with_tasks(f, "  a: {plugin: p, env: {E: '${oops'}}\n"), "without its '}'");
    unsetenv("DAGRUN_TEST_UNSET");
    load_ok(f, with_tasks(f, "  a: {plugin: p, env: {E: '${env.DAGRUN_TEST_UNSET}'}}\n"));
    assert_shows(f, "warning: the environment variable 'DAGRUN_TEST_UNSET' is not set now");
}

static void params_are_checked(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, with_head(f, "params: {x: {type: int, default: five}}\n"),
                   "'x' must be a whole number, not 'five'");
    assert_refused(f, with_head(f, "params: {x: {type: integer}}\n"), "did you mean 'int'?");
    assert_refused(f, with_head(f, "params: {x: {choices: [a, b], default: c}}\n"),
                   "'x' must be one of a, b, not 'c'");
    assert_refused(f, with_head(f, "params: {'a b': 1}\n"), "'a b' cannot be a parameter's name");
    assert_refused(f, with_head(f, "params: {x: 'y/${run_id}'}\n"), "which is not replaced here");
}

static void all_mistakes_are_shown_at_once(void **state)
{
    struct fixture *f = *state;
    assert_refused(
        f, "dag_id: other\nschedule: x\nfoo: 1\ntasks:\n  a: {plugin: p, depends_on: [b]}\n  c: {}\n", "b");
    assert_int_equal(f->d.errors, 5);
}

/* ---- against plugins ------------------------------------------------------------------- */

static const char *check_task(struct fixture *f, const char *more)
{
    put_file(f, "expectations/vitals.yaml", "");
    return dr_arena_printf(
        &f->a, "dag_id: etl\nparams: {s: vitals, n: 3, req: {type: int}}\ntasks:\n  t: {plugin: check, %s}\n",
        more);
}

static void assert_task_refused(struct fixture *f, const char *more, const char *message)
{
    assert_null(load_with(f, check_task(f, more), &specs));
    assert_shows(f, message);
}

static void assert_task_taken(struct fixture *f, const char *more)
{
    if (!load_with(f, check_task(f, more), &specs))
        fail_msg("refused: %s", shown(f));
}

static void with_is_checked_against_the_plugin(void **state)
{
    struct fixture *f = *state;
#define IN "inputs: {table: x.csv}, "
    assert_task_taken(f, IN "with: {suite: vitals, threads: 2, mode: fast, wait: 10s, share: 1}");
    assert_task_taken(f, IN "with: {suite: '${params.s}', threads: '${params.n}'}");
    assert_task_taken(f, IN "with: {suite: '${run_id}', threads: '${params.req}'}");
    assert_task_refused(f, IN "with: {suite: vitals, treads: 2}",
                        "dags/etl.yaml:4:68: error: unknown key 'treads' in 'with' of plugin 'check'\n"
                        "  did you mean 'threads'?");
    assert_task_refused(f, IN "with: {}",
                        "the parameter 'suite' is missing from 'with'\n  the suite to check");
    assert_task_refused(f, "inputs: {table: x.csv}", "the parameter 'suite' is missing");
    assert_task_refused(f, IN "with: {suite: vital}", "no suite 'vital'; did you mean 'vitals'?");
    assert_task_refused(f, IN "with: {suite: vitals, threads: two}",
                        "'threads' must be a whole number, not 'two'");
    assert_task_refused(f, IN "with: {suite: vitals, threads: '2'}",
                        "'threads' must be a whole number, not '2' in quotes");
    assert_task_refused(f, IN "with: {suite: vitals, threads: '${params.s}'}",
                        "'threads' must be a whole number");
    assert_task_refused(f, IN "with: {suite: vitals, mode: exct}", "did you mean 'exact'?");
    assert_task_refused(f, IN "with: {suite: vitals, reference: no/such.yaml}",
                        "'no/such.yaml', which is not there");
    assert_task_refused(f, IN "with: {suite: vitals, wait: 10}", "'wait' must be a time such as 10s");
    assert_task_refused(f, IN "with: {suite: [vitals]}", "'suite' must be the name of a suite, not a list");
#undef IN
}

static void ports_are_checked_against_the_plugin(void **state)
{
    struct fixture *f = *state;
#define WITH "with: {suite: vitals}, "
    assert_task_refused(f, WITH "inputs: {tabel: x.csv}",
                        "unknown key 'tabel' in the inputs of plugin 'check'\n"
                        "  did you mean 'table'?");
    assert_task_refused(f, WITH "inputs: {}", "'table' is missing from the inputs of plugin 'check'");
    assert_task_refused(f, WITH "inputs: {table: [a.csv, b.csv]}",
                        "'table' takes one dataset, not a list of 2");
    assert_task_refused(f, WITH "inputs: {table: x.csv}, outputs: {valids: v}", "did you mean 'valid'?");
    assert_task_taken(f, WITH "inputs: {table: x.csv}, outputs: {valid: v}");
#undef WITH
    assert_non_null(
        load_with(f, "dag_id: etl\ntasks: {t: {plugin: load, inputs: {tables: [a.csv, b.csv]}}}\n", &specs));
}

static void unknown_and_broken_plugins_are_refused(void **state)
{
    struct fixture *f = *state;
    assert_null(load_with(f,
                          "dag_id: etl\ntasks: {t: {plugin: chek}, u: {plugin: broken},"
                          " v: {plugin: broken}}\n",
                          &specs));
    assert_shows(f, "dags/etl.yaml:2:21: error: unknown plugin 'chek'\n  did you mean 'check'?");
    assert_shows(f, "the plugin 'broken' cannot be used: it was built for ABI 9");
    assert_int_equal(2, f->d.errors);
}

static void checking_with_fills_in_defaults(void **state)
{
    struct fixture *f = *state;
    struct dr_param_spec params[] = {
        { .name = "a", .type = DR_PARAM_INT, .fallback = dr_node_new_int(&f->a, 7) },
        { .name = "b", .type = DR_PARAM_STRING },
        { .name = "c", .type = DR_PARAM_STRING }
    };
    struct dr_plugin_spec spec = { .name = "x", .params = params, .n_params = 3 };
    const struct dr_node *with = dr_yaml_parse(&f->a, DR_LIT("{b: 1.50}"), "x.yaml", &f->d);
    struct dr_node *made = dr_spec_check_with(&f->a, &spec, with, &f->home, (struct dr_mark){ 0 }, &f->d);
    assert_int_equal(dr_node_int(dr_node_get(made, "a"), 0), 7);
    assert_int_equal(dr_node_kind(dr_node_get(made, "b")), DR_NODE_STRING);
    assert_string_equal(dr_node_str(dr_node_get(made, "b"), ""), "1.50");
    assert_null(dr_node_get(made, "c"));
}

/* ---- a run's parameters ------------------------------------------------------------------ */

static const struct dr_node *given(struct fixture *f, const char *text)
{
    return dr_yaml_parse(&f->a, dr_str_of(text), NULL, &f->d);
}

static void a_runs_parameters_are_defaults_overlaid(void **state)
{
    struct fixture *f = *state;
    struct dr_dag *dag = load_ok(
        f,
        with_head(
            f,
            "params: {day: {type: string, default: 2024-01-01}, n: 3, must: {type: int, doc: how many}}\n"));
    struct dr_node *made;
    assert_int_equal(dr_dag_params(&f->a, dag, given(f, "{must: 5, day: 7}"), &made, &f->err), 0);
    assert_int_equal(dr_node_size(made), 3);
    assert_int_equal(dr_node_int(dr_node_get(made, "n"), 0), 3);
    assert_int_equal(dr_node_kind(dr_node_get(made, "day")), DR_NODE_STRING);
    struct dr_node *from_command_line = dr_node_new(&f->a, DR_NODE_MAP);
    dr_node_set(&f->a, from_command_line, DR_LIT("must"), dr_node_new_str(&f->a, DR_LIT("12")));
    assert_int_equal(dr_dag_params(&f->a, dag, from_command_line, &made, &f->err), 0);
    assert_int_equal(dr_node_int(dr_node_get(made, "must"), 0), 12);
}

static void wrong_parameters_of_a_run_are_refused(void **state)
{
    struct fixture *f = *state;
    struct dr_dag *dag = load_ok(f, with_head(f, "params: {day: a, must: {type: int, doc: how many}}\n"));
    struct dr_node *made;
    assert_int_equal(dr_dag_params(&f->a, dag, NULL, &made, &f->err), DR_EDEF);
    assert_contains(f->err.msg, "needs the parameter 'must' (a whole number: how many)");
    assert_int_equal(dr_dag_params(&f->a, dag, given(f, "{must: x}"), &made, &f->err), DR_EDEF);
    assert_contains(f->err.msg, "'must' must be a whole number, not 'x'");
    assert_int_equal(dr_dag_params(&f->a, dag, given(f, "{must: 1, dya: x}"), &made, &f->err), DR_EDEF);
    assert_contains(f->err.msg, "no parameter 'dya'; did you mean 'day'?");
    assert_int_equal(dr_dag_params(&f->a, dag, given(f, "[1]"), &made, &f->err), DR_EDEF);
}

static void check_example(struct fixture *f, const char *id)
{
    if (!dr_dag_load(&f->a, &f->home, id, NULL, &f->d))
        fail_msg("docs/dags.md: %s", shown(f));
}

static void the_examples_of_the_reference_are_valid(void **state)
{
    assert_int_equal(each_example(*state, "dags.md", "dags", check_example), 2);
}

static void a_large_graph_is_ordered_quickly(void **state)
{
    struct fixture *f = *state;
    enum { N = 20000 };
    DR_AUTO_BUF b = { 0 };
    dr_buf_puts(&b, "dag_id: etl\ntasks:\n");
    for (int i = N; i-- > 0;)
        dr_buf_printf(&b, "  t%d: {plugin: p, depends_on: t%d}\n", i, i ? i - 1 : N);
    dr_buf_printf(&b, "  t%d: {plugin: p}\n", N);
    struct dr_dag *dag = load_ok(f, dr_buf_cstr(&b));
    assert_string_equal(dag->tasks[dag->topo[0]].id, "t20000");
    assert_string_equal(dag->tasks[dag->topo[N]].id, "t19999");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_small_dag_has_defaults),
        TEST(every_key_of_the_file_is_read),
        TEST(default_args_count_unless_a_task_says_otherwise),
        TEST(dependencies_come_from_datasets_and_depends_on),
        TEST(a_missing_input_file_is_a_warning),
        TEST(env_values_become_text),
        TEST(plugin_names_are_given_once),
        TEST(the_id_must_be_the_files_name),
        TEST(a_dag_that_is_not_there_gets_the_nearest_name),
        TEST(misspelt_keys_get_the_right_one),
        TEST(wrong_types_say_what_was_expected),
        TEST(schedules_zones_and_dates_are_checked),
        TEST(a_loop_is_named),
        TEST(datasets_must_have_one_producer),
        TEST(substitutions_are_checked_at_load),
        TEST(params_are_checked),
        TEST(all_mistakes_are_shown_at_once),
        TEST(with_is_checked_against_the_plugin),
        TEST(ports_are_checked_against_the_plugin),
        TEST(unknown_and_broken_plugins_are_refused),
        TEST(checking_with_fills_in_defaults),
        TEST(a_runs_parameters_are_defaults_overlaid),
        TEST(wrong_parameters_of_a_run_are_refused),
        TEST(the_examples_of_the_reference_are_valid),
        TEST(a_large_graph_is_ordered_quickly),
    };
    return cmocka_run_group_tests_name("dag", tests, NULL, NULL);
}
