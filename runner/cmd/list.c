/* dagrun list, show, graph: what is declared. */
#include "cmd/cmd.h"
#include "base/date.h"

/* ---- list ---- */

struct listed {
    const struct dr_dag *dag; /* NULL: it has errors */
    const char *id;
    struct dr_run_row last;
    bool has_run;
    int64_t next_us; /* 0: none */
};

static int load_listed(struct dr_cmd *c, struct dr_state *s, const char *id, struct listed *ret)
{
    struct dr_diags ignored = { .arena = &c->arena };
    struct dr_err err = { 0 };
    struct dr_run_filter newest = { .dag_id = id, .state = -1, .limit = 1 };
    struct dr_run_row *runs;
    int32_t n = 0;
    ret->id = id;
    ret->dag = dr_dag_load(&c->arena, &c->home, id, NULL, &ignored);
    if (s && dr_state_runs(s, &c->arena, &newest, &runs, &n, &err))
        return dr_cmd_fail(&err);
    ret->has_run = n > 0;
    if (n)
        ret->last = runs[0];
    if (ret->dag)
        (void)dr_dag_next_due(ret->dag, dr_now_us(), &ret->next_us);
    return 0;
}

static void list_json(struct dr_cmd *c, const struct listed *l, size_t n)
{
    struct dr_buf out = { 0 };
    struct dr_json j = { .out = &out, .indent = 2 };
    dr_json_array(&j);
    for (size_t i = 0; i < n; i++) {
        dr_json_object(&j);
        dr_json_key(&j, "dag_id");
        dr_json_cstr(&j, l[i].id);
        dr_json_key(&j, "description");
        dr_json_cstr(&j, l[i].dag ? l[i].dag->description : NULL);
        dr_json_key(&j, "valid");
        dr_json_bool(&j, l[i].dag != NULL);
        dr_json_key(&j, "schedule");
        dr_json_cstr(&j, l[i].dag ? l[i].dag->schedule_text : NULL);
        dr_json_key(&j, "timezone");
        dr_json_cstr(&j, l[i].dag ? dr_zone_name(l[i].dag->zone) : NULL);
        dr_json_key(&j, "next_run");
        dr_json_cstr(&j, dr_iso(&c->arena, l[i].next_us));
        dr_json_key(&j, "last_run_id");
        dr_json_cstr(&j, l[i].has_run ? l[i].last.run_id : NULL);
        dr_json_key(&j, "last_state");
        dr_json_cstr(&j, l[i].has_run ? dr_run_state_name(l[i].last.state) : NULL);
        dr_json_key(&j, "last_started");
        dr_json_cstr(&j, l[i].has_run ? dr_iso(&c->arena, l[i].last.started_us) : NULL);
        dr_json_end_object(&j);
    }
    dr_json_end_array(&j);
    dr_print_json(&out);
}

static void list_text(struct dr_cmd *c, const struct listed *l, size_t n)
{
    static const char *const titles[] = { "DAG", "SCHEDULE", "NEXT RUN", "LAST RUN", "STATE", "DESCRIPTION" };
    struct dr_grid g;
    dr_grid_init(&g, &c->arena, 6, titles, NULL);
    for (size_t i = 0; i < n; i++) {
        const char *zone = l[i].dag ? dr_zone_name(l[i].dag->zone) : NULL;
        dr_grid_add(&g, DR_TINT_BOLD, l[i].id);
        dr_grid_add(&g, DR_TINT_NONE, l[i].dag && l[i].dag->schedule_text ? l[i].dag->schedule_text : "-");
        dr_grid_add(&g, DR_TINT_NONE, dr_show_time(&c->arena, l[i].next_us, zone));
        dr_grid_add(&g, DR_TINT_NONE,
                    l[i].has_run ? dr_show_time(&c->arena, l[i].last.started_us, zone) : "-");
        dr_grid_add(&g, l[i].has_run ? dr_run_tint(l[i].last.state) : DR_TINT_DIM,
                    l[i].has_run ? dr_run_state_name(l[i].last.state) : "never run");
        dr_grid_add(&g, l[i].dag ? DR_TINT_NONE : DR_TINT_BAD,
                    l[i].dag ? l[i].dag->description : "has errors; see dagrun check");
    }
    dr_grid_print(&g, c->color, stdout);
}

int dr_verb_list(struct dr_cmd *c)
{
    struct dr_state *s = NULL;
    struct dr_err err = { 0 };
    char **ids = NULL;
    size_t n = 0;
    int rc = dr_cmd_open_state(c, &s);
    if (rc)
        return rc;
    if (dr_home_dags(&c->arena, &c->home, &ids, &n, &err))
        return dr_cmd_fail(&err);
    struct listed *l = dr_arena_array(&c->arena, n + 1, sizeof *l);
    for (size_t i = 0; i < n && !rc; i++)
        rc = load_listed(c, s, ids[i], &l[i]);
    if (rc)
        return rc;
    if (c->args.json)
        list_json(c, l, n);
    else if (n)
        list_text(c, l, n);
    else
        printf("no DAGs in %s\n", c->home.dags);
    return DR_EXIT_OK;
}

/* ---- show ---- */

/* The table has to fit a terminal; --json has all names. */
enum { SHOWN_NAMES = 2 };

static void put_name(struct dr_buf *text, const char *name, int32_t i, int32_t n)
{
    if (i < SHOWN_NAMES)
        dr_buf_printf(text, "%s%s", i ? ", " : "", name);
    else if (i == SHOWN_NAMES)
        dr_buf_printf(text, " and %d more", (int)(n - i));
}

static const char *bindings(struct dr_cmd *c, const struct dr_binding *b, int32_t n)
{
    DR_AUTO_BUF text = { 0 };
    for (int32_t i = 0; i < n; i++)
        put_name(&text, b[i].text, i, n);
    return dr_arena_strdup(&c->arena, dr_buf_cstr(&text));
}

static const char *upstream_names(struct dr_cmd *c, const struct dr_dag *dag, const struct dr_task_def *t)
{
    DR_AUTO_BUF text = { 0 };
    for (int32_t i = 0; i < t->n_upstream; i++)
        dr_buf_printf(&text, "%s%s", i ? ", " : "", dag->tasks[t->upstream[i]].id);
    return dr_arena_strdup(&c->arena, dr_buf_cstr(&text));
}

static const char *few_upstream_names(struct dr_cmd *c, const struct dr_dag *dag, const struct dr_task_def *t)
{
    DR_AUTO_BUF text = { 0 };
    for (int32_t i = 0; i < t->n_upstream; i++)
        put_name(&text, dag->tasks[t->upstream[i]].id, i, t->n_upstream);
    return dr_arena_strdup(&c->arena, dr_buf_cstr(&text));
}

static void show_head(struct dr_cmd *c, const struct dr_dag *dag)
{
    printf("%s%s%s  %s\n", dr_tint_on(c->color, DR_TINT_BOLD), dag->dag_id,
           dr_tint_off(c->color, DR_TINT_BOLD), dag->description ? dag->description : "");
    printf("  file      %s\n", dr_home_show(&c->arena, &c->home, dag->path));
    if (dag->owner)
        printf("  owner     %s\n", dag->owner);
    if (dag->has_schedule) {
        DR_AUTO_BUF words = { 0 };
        int64_t next = 0;
        dr_cron_describe(&dag->schedule, &words);
        (void)dr_dag_next_due(dag, dr_now_us(), &next);
        printf("  schedule  %s (%s, %s); next %s\n", dag->schedule_text, dr_buf_cstr(&words),
               dr_zone_name(dag->zone), dr_show_time(&c->arena, next, dr_zone_name(dag->zone)));
    }
    for (int32_t i = 0; i < dag->n_params; i++) {
        DR_AUTO_BUF value = { 0 };
        if (dr_node_size(dag->params[i].fallback) > 0)
            dr_json_put_node(&value, dag->params[i].fallback, 0);
        else
            (void)dr_buf_puts(&value, dr_node_str(dag->params[i].fallback, "(required)"));
        printf("  param     %s = %s%s%s\n", dag->params[i].name, dr_buf_cstr(&value),
               dag->params[i].doc ? "    " : "", dag->params[i].doc ? dag->params[i].doc : "");
    }
    putchar('\n');
}

static void show_text(struct dr_cmd *c, const struct dr_dag *dag)
{
    static const char *const titles[] = { "TASK", "PLUGIN", "AFTER", "READS", "MAKES" };
    struct dr_grid g;
    show_head(c, dag);
    dr_grid_init(&g, &c->arena, 5, titles, NULL);
    for (int32_t i = 0; i < dag->n_tasks; i++) {
        const struct dr_task_def *t = &dag->tasks[dag->topo[i]];
        dr_grid_add(&g, DR_TINT_BOLD, t->id);
        dr_grid_add(&g, DR_TINT_NONE, t->plugin);
        dr_grid_add(&g, DR_TINT_NONE, few_upstream_names(c, dag, t));
        dr_grid_add(&g, DR_TINT_NONE, bindings(c, t->inputs, t->n_inputs));
        dr_grid_add(&g, DR_TINT_NONE, bindings(c, t->outputs, t->n_outputs));
    }
    dr_grid_print(&g, c->color, stdout);
}

static void json_bindings(struct dr_json *j, const char *key, const struct dr_binding *b, int32_t n)
{
    dr_json_key(j, key);
    dr_json_array(j);
    for (int32_t i = 0; i < n; i++) {
        dr_json_object(j);
        dr_json_key(j, "port");
        dr_json_cstr(j, b[i].port);
        dr_json_key(j, "name");
        dr_json_cstr(j, b[i].text);
        dr_json_end_object(j);
    }
    dr_json_end_array(j);
}

static void json_task(struct dr_json *j, const struct dr_dag *dag, const struct dr_task_def *t)
{
    dr_json_object(j);
    dr_json_key(j, "task_id");
    dr_json_cstr(j, t->id);
    dr_json_key(j, "plugin");
    dr_json_cstr(j, t->plugin);
    dr_json_key(j, "description");
    dr_json_cstr(j, t->description);
    dr_json_key(j, "trigger_rule");
    dr_json_cstr(j, dr_trigger_rule_name(t->trigger_rule));
    dr_json_key(j, "upstream");
    dr_json_array(j);
    for (int32_t i = 0; i < t->n_upstream; i++)
        dr_json_cstr(j, dag->tasks[t->upstream[i]].id);
    dr_json_end_array(j);
    json_bindings(j, "inputs", t->inputs, t->n_inputs);
    json_bindings(j, "outputs", t->outputs, t->n_outputs);
    dr_json_key(j, "with");
    dr_json_node(j, t->with);
    dr_json_key(j, "retries");
    dr_json_int(j, t->retries);
    dr_json_end_object(j);
}

static int show_json(const struct dr_dag *dag)
{
    struct dr_buf out = { 0 };
    struct dr_json j = { .out = &out, .indent = 2 };
    dr_json_object(&j);
    dr_json_key(&j, "dag_id");
    dr_json_cstr(&j, dag->dag_id);
    dr_json_key(&j, "description");
    dr_json_cstr(&j, dag->description);
    dr_json_key(&j, "owner");
    dr_json_cstr(&j, dag->owner);
    dr_json_key(&j, "schedule");
    dr_json_cstr(&j, dag->schedule_text);
    dr_json_key(&j, "timezone");
    dr_json_cstr(&j, dr_zone_name(dag->zone));
    dr_json_key(&j, "hash");
    dr_json_cstr(&j, dag->hash);
    dr_json_key(&j, "params");
    dr_json_object(&j);
    for (int32_t i = 0; i < dag->n_params; i++) {
        dr_json_key(&j, dag->params[i].name);
        dr_json_node(&j, dag->params[i].fallback);
    }
    dr_json_end_object(&j);
    dr_json_key(&j, "tasks");
    dr_json_array(&j);
    for (int32_t i = 0; i < dag->n_tasks; i++)
        json_task(&j, dag, &dag->tasks[i]);
    dr_json_end_array(&j);
    dr_json_end_object(&j);
    return dr_print_json(&out);
}

int dr_verb_show(struct dr_cmd *c)
{
    const struct dr_dag *dag = NULL;
    int rc = dr_cmd_load_dag(c, c->args.words[0], &dag);
    if (rc)
        return rc;
    if (c->args.json)
        return show_json(dag);
    show_text(c, dag);
    return DR_EXIT_OK;
}

/* ---- graph ---- */

/* A task's level: one more than the highest of its upstreams. */
static int *levels(struct dr_cmd *c, const struct dr_dag *dag, int *ret_n)
{
    int *level = dr_arena_array(&c->arena, (size_t)dag->n_tasks + 1, sizeof *level);
    *ret_n = 0;
    for (int32_t i = 0; i < dag->n_tasks; i++) {
        int32_t t = dag->topo[i];
        for (int32_t k = 0; k < dag->tasks[t].n_upstream; k++)
            if (level[dag->tasks[t].upstream[k]] >= level[t])
                level[t] = level[dag->tasks[t].upstream[k]] + 1;
        if (level[t] >= *ret_n)
            *ret_n = level[t] + 1;
    }
    return level;
}

static void graph_text(struct dr_cmd *c, const struct dr_dag *dag)
{
    int n_levels, *level = levels(c, dag, &n_levels);
    for (int l = 0; l < n_levels; l++) {
        for (int32_t i = 0; i < dag->n_tasks; i++) {
            const struct dr_task_def *t = &dag->tasks[dag->topo[i]];
            if (level[dag->topo[i]] != l)
                continue;
            const char *after = upstream_names(c, dag, t);
            printf("%*s%s%s%s%s%s\n", l * 2, "", dr_tint_on(c->color, DR_TINT_BOLD), t->id,
                   dr_tint_off(c->color, DR_TINT_BOLD), after[0] ? "  <- " : "", after);
        }
    }
}

static void graph_dot(const struct dr_dag *dag)
{
    printf("digraph \"%s\" {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n", dag->dag_id);
    for (int32_t i = 0; i < dag->n_tasks; i++) {
        printf("  \"%s\" [label=\"%s\\n(%s)\"];\n", dag->tasks[i].id, dag->tasks[i].id, dag->tasks[i].plugin);
        for (int32_t k = 0; k < dag->tasks[i].n_upstream; k++)
            printf("  \"%s\" -> \"%s\";\n", dag->tasks[dag->tasks[i].upstream[k]].id, dag->tasks[i].id);
    }
    puts("}");
}

int dr_verb_graph(struct dr_cmd *c)
{
    const struct dr_dag *dag = NULL;
    const char *format = c->args.format ? c->args.format : "text";
    if (!dr_streq(format, "text") && !dr_streq(format, "dot"))
        return dr_cmd_usage("--format: '%s' is not text or dot", format);
    int rc = dr_cmd_load_dag(c, c->args.words[0], &dag);
    if (rc)
        return rc;
    if (dr_streq(format, "dot"))
        graph_dot(dag);
    else
        graph_text(c, dag);
    return DR_EXIT_OK;
}
