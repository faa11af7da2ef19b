/* task_plan.c - the checks of plugins before a run.
 *
 * One child goes through the tasks in the order of the graph, so that a task can be told the
 * columns that its upstream has promised. It writes a line of JSON for each problem, and one
 * when it begins a task: so where a plugin crashes or hangs it is known in which task, and
 * another child goes on behind it, knowing less. What it writes is read as data from a
 * stranger. */
#include "exec/task_plan.h"
#include "exec/collect.h"
#include "exec/plugin_open.h"
#include "exec/task_impl.h"
#include "base/file.h"
#include "base/json.h"
#include "model/subst.h"
#include <fcntl.h>
#include <unistd.h>

enum { HEADER_MAX = 65536 };
#define ANSWER_MAX ((size_t)4 << 20)

struct columns {
    const char *const *names; /* NULL: not known */
    int32_t n;
};
struct dr_task_plan {
    const struct dr_home *home;
    const struct dr_dag *dag;
    struct dr_subst preview;
    struct dr_arena arena;
    struct columns **promised; /* of each task and output */
    int32_t at, task;          /* at work: its place in the order of the graph, and its index */
    int fd;
};

/* ---- in the child: what a check may ask and say ---- */

static void put_line(const struct dr_task_plan *p, const struct dr_mark *mark, const char *message)
{
    DR_AUTO_BUF line = { 0 };
    struct dr_json j = { .out = &line };
    dr_json_object(&j);
    dr_json_key(&j, "at");
    dr_json_int(&j, p->at);
    if (mark) {
        dr_json_key(&j, "file");
        dr_json_cstr(&j, mark->file);
        dr_json_key(&j, "line");
        dr_json_int(&j, mark->line);
        dr_json_key(&j, "column");
        dr_json_int(&j, mark->column);
        dr_json_key(&j, "message");
        dr_json_cstr(&j, message);
    }
    dr_json_end_object(&j);
    dr_buf_putc(&line, '\n');
    (void)dr_write_all(p->fd, line.p, line.n, NULL);
}

int32_t dr_task_problem(struct dr_task *t, const struct dr_node *where, const char *fmt, ...)
{
    DR_AUTO_BUF text = { 0 };
    va_list ap;
    va_start(ap, fmt);
    dr_buf_vprintf(&text, fmt, ap);
    va_end(ap);
    const struct dr_node task = { .mark = t->job->def->mark };
    if (!where || !where->mark.file)
        where = &task;
    if (!t->plan)
        return dr_task_fail_final(t, "%s: %s", dr_node_where(t, where), dr_buf_cstr(&text));
    put_line(t->plan, &where->mark, dr_buf_cstr(&text));
    return DR_EDEF;
}

static bool ends_in(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && dr_streq(text + n - m, end);
}

/* The names in a CSV's first line, where they are as plain as that: no quotes, no blanks at an end,
 * none empty. Anything else is for the reader of the file to say. */
static struct columns plain_header(struct dr_arena *a, struct dr_str text)
{
    const char *end = memchr(text.p, '\n', text.n);
    struct columns c = { 0 };
    if (!end || memchr(text.p, '"', (size_t)(end - text.p)))
        return c;
    struct dr_str line = { text.p, (size_t)(end - text.p) }, name;
    if (line.n >= 3 && memcmp(line.p, "\xEF\xBB\xBF", 3) == 0)
        line = (struct dr_str){ line.p + 3, line.n - 3 };
    line.n -= line.n > 0 && line.p[line.n - 1] == '\r';
    const char **names = dr_arena_array(a, line.n + 1, sizeof(*names));
    while (dr_str_split(&line, ',', &name)) {
        if (name.n == 0 || dr_str_trim(name).n != name.n || !dr_utf8_valid(name))
            return (struct columns){ 0 };
        names[c.n++] = dr_arena_dup(a, name.p, name.n);
    }
    c.names = names;
    return c;
}

static struct columns columns_of_file(struct dr_task_plan *p, const char *text)
{
    static char head[HEADER_MAX];
    const char *path = dr_subst_preview_text(&p->arena, dr_str_of(text), &p->preview);
    if (strstr(path, "${") || !ends_in(path, ".csv"))
        return (struct columns){ 0 };
    DR_AUTO_FD fd = open(dr_path_join(&p->arena, p->home->path, path), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd < 0 ? -1 : read(fd, head, sizeof(head));
    return n <= 0 ? (struct columns){ 0 } : plain_header(&p->arena, (struct dr_str){ head, (size_t)n });
}

static struct columns columns_of(struct dr_task_plan *p, const struct dr_binding *in)
{
    if (in->producer < 0)
        return columns_of_file(p, in->text);
    const struct dr_task_def *maker = &p->dag->tasks[in->producer];
    for (int32_t i = 0; i < maker->n_outputs; i++)
        if (dr_streq(maker->outputs[i].text, in->text))
            return p->promised[in->producer][i];
    return (struct columns){ 0 };
}

static const struct dr_binding *find_binding(const struct dr_binding *b, int32_t n, const char *port)
{
    for (int32_t i = 0; i < n; i++)
        if (dr_streq(b[i].port, port))
            return &b[i];
    return NULL;
}

int32_t dr_task_columns(struct dr_task *t, const char *input, const char *const **ret)
{
    const struct dr_task_def *def = t->job->def;
    const struct dr_binding *in = find_binding(def->inputs, def->n_inputs, input);
    struct columns c = t->plan && in ? columns_of(t->plan, in) : (struct columns){ 0 };
    if (!c.names)
        return -1;
    *ret = c.names;
    return c.n;
}

void dr_task_promise(struct dr_task *t, const char *output, const char *const *columns, int32_t n)
{
    const struct dr_task_def *def = t->job->def;
    const struct dr_binding *out = find_binding(def->outputs, def->n_outputs, output);
    if (!t->plan || !out || n < 0)
        return;
    const char **names = dr_arena_array(&t->plan->arena, (size_t)n + 1, sizeof(*names));
    for (int32_t i = 0; i < n; i++)
        names[i] = dr_arena_strdup(&t->plan->arena, columns[i]);
    t->plan->promised[t->plan->task][out - def->outputs] = (struct columns){ names, n };
}

/* ---- in the child: one task after the other ---- */

static void bind_ports(struct dr_task *t, const struct dr_task_def *def)
{
    t->n_inputs = def->n_inputs;
    t->n_outputs = def->n_outputs;
    t->inputs = dr_arena_array(&t->arena, (size_t)def->n_inputs, sizeof(*t->inputs));
    t->outputs = dr_arena_array(&t->arena, (size_t)def->n_outputs, sizeof(*t->outputs));
    for (int32_t i = 0; i < def->n_inputs; i++)
        t->inputs[i] = (struct dr_task_file){ .port = def->inputs[i].port,
                                              .name = def->inputs[i].text,
                                              .producer = def->inputs[i].producer };
    for (int32_t i = 0; i < def->n_outputs; i++)
        t->outputs[i] = (struct dr_task_file){ .port = def->outputs[i].port, .name = def->outputs[i].text };
}

static void check_task(struct dr_task_plan *p, const struct dr_task_def *def)
{
    const struct dr_plugin *plugin;
    struct dr_worker_job job = { .home = p->home, .dag = p->dag, .def = def, .subst = &p->preview };
    struct dr_task t = { .job = &job, .plan = p, .log_fd = -1 };
    const struct dr_node *with = def->with ? dr_subst_preview(&t.arena, def->with, &p->preview) : NULL;
    struct dr_diags told = { .arena = &t.arena };
    t.params = dr_spec_check_with(&t.arena, def->spec, with, p->home, def->mark, &told);
    if (told.errors > 0 || dr_plugin_open(def->spec->path, def->plugin, &plugin, NULL))
        return;
    bind_ports(&t, def);
    (void)dr_plugin_check(plugin)(&t);
}

struct plan_job {
    struct dr_task_plan *plan;
    int32_t from; /* in topological order */
};

static struct dr_node *known_params(struct dr_arena *a, const struct dr_dag *dag)
{
    struct dr_node *values = dr_node_new(a, DR_NODE_MAP);
    for (int32_t i = 0; i < dag->n_params; i++) {
        if (!dag->params[i].fallback)
            continue;
        struct dr_node *copy = DR_NEW(a, struct dr_node);
        *copy = *dag->params[i].fallback;
        dr_node_set(a, values, dr_str_of(dag->params[i].name), copy);
    }
    return values;
}

static int check_all(void *ctx)
{
    const struct plan_job *job = ctx;
    struct dr_task_plan *p = job->plan;
    const struct dr_dag *dag = p->dag;
    dr_process_silence();
    p->preview = (struct dr_subst){ .params = known_params(&p->arena, dag), .dag_id = dag->dag_id };
    p->promised = dr_arena_array(&p->arena, (size_t)dag->n_tasks, sizeof(*p->promised));
    for (int32_t i = 0; i < dag->n_tasks; i++)
        p->promised[i] =
            dr_arena_array(&p->arena, (size_t)dag->tasks[i].n_outputs + 1, sizeof(struct columns));
    for (p->at = job->from; p->at < dag->n_tasks; p->at++) {
        p->task = dag->topo[p->at];
        const struct dr_task_def *def = &dag->tasks[p->task];
        if (!def->spec || !def->spec->has_check)
            continue;
        put_line(p, NULL, NULL);
        check_task(p, def);
    }
    return 0;
}

/* ---- in the parent ---- */

static void read_line(struct dr_diags *d, struct dr_str line, const struct dr_dag *dag, int32_t *at)
{
    struct dr_node *root;
    if (dr_json_parse(d->arena, line, NULL, false, &root, NULL))
        return;
    const char *message = dr_node_str(dr_node_get(root, "message"), NULL);
    if (!message) {
        int64_t begun = dr_node_int(dr_node_get(root, "at"), -1);
        *at = begun > *at && begun < dag->n_tasks ? (int32_t)begun : *at;
        return;
    }
    struct dr_mark mark = { dr_node_str(dr_node_get(root, "file"), NULL),
                            (int32_t)dr_node_int(dr_node_get(root, "line"), 0),
                            (int32_t)dr_node_int(dr_node_get(root, "column"), 0) };
    dr_diag_add(d, DR_DIAG_ERROR, mark, NULL, "%s", message);
}

/* Gives the place in the order of the last task that was begun, or -1. */
static int32_t read_answer(struct dr_diags *d, struct dr_str text, const struct dr_dag *dag)
{
    int32_t at = -1;
    const char *end;
    while ((end = memchr(text.p, '\n', text.n))) {
        struct dr_str line = { text.p, (size_t)(end - text.p) };
        read_line(d, line, dag, &at);
        text.n -= line.n + 1;
        text.p = end + 1;
    }
    return at;
}

/* One child, from a place in the order on; *ret_next: where the next has to go on, n_tasks at the end. */
static int32_t ask_child(const struct dr_home *h, const struct dr_dag *dag, int32_t from, struct dr_diags *d,
                         int32_t *ret_next, struct dr_err *err)
{
    struct dr_task_plan plan = { .home = h, .dag = dag };
    struct plan_job job = { &plan, from };
    struct dr_answer answer;
    DR_AUTO_BUF text = { .max = ANSWER_MAX };
    DR_TRY(dr_ask_child(check_all, &job, &plan.fd, &text, &answer, err));
    int32_t at = read_answer(d, dr_buf_str(&text), dag);
    *ret_next = dag->n_tasks;
    if (answer.end.code == 0 || at < 0)
        return DR_OK;
    const struct dr_task_def *def = &dag->tasks[dag->topo[at]];
    dr_diag_add(d, DR_DIAG_ERROR, def->mark, NULL, "the plugin '%s' cannot check the task '%s': it %s",
                def->plugin, def->id, answer.in_time ? "crashes" : "does not end within 5 s");
    *ret_next = at + 1;
    return DR_OK;
}

int32_t dr_task_plan_check(const struct dr_home *h, const struct dr_dag *dag, struct dr_diags *d,
                           struct dr_err *err)
{
    bool any = false;
    for (int32_t i = 0; i < dag->n_tasks; i++)
        any |= dag->tasks[i].spec && dag->tasks[i].spec->has_check;
    for (int32_t at = any ? 0 : dag->n_tasks; at < dag->n_tasks;)
        DR_TRY(ask_child(h, dag, at, d, &at, err));
    return DR_OK;
}
