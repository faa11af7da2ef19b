/* dag_graph.c - what ties tasks together: datasets, edges and their order.
 *
 * An edge comes from a dataset that one task makes and another reads, or from
 * depends_on. Edges are gathered as pairs, sorted, and cut into each task's
 * ascending lists. The order is a depth-first walk over upstreams in the
 * file's order, with a stack of its own; an upstream that is still on the stack
 * closes a loop, and the stack is the loop. */
#include "model/dag_load.h"
#include "model/subst.h"
#include "base/file.h"
#include "base/hash.h"

struct edge {
    int32_t from, to;
};
struct graph {
    struct dr_dag_loader *l;
    struct dr_dag *dag;
    struct dr_map task_index, producers; /* name -> task index */
    struct edge *edges;                  /* owned */
    size_t n_edges, cap;
};

static void add_edge(struct graph *g, int32_t from, int32_t to)
{
    if (g->n_edges == g->cap) {
        g->cap = g->cap ? g->cap * 2 : 64;
        g->edges = dr_realloc(g->edges, g->cap * sizeof(*g->edges));
    }
    g->edges[g->n_edges++] = (struct edge){ from, to };
}

/* ---- datasets ---------------------------------------------------------------------- */

static void index_tasks(struct graph *g)
{
    for (int32_t i = 0; i < g->dag->n_tasks; i++)
        *dr_map_put(&g->task_index, dr_str_of(g->dag->tasks[i].id), NULL) = i;
}

static void index_outputs(struct graph *g, int32_t task)
{
    const struct dr_task_def *t = &g->dag->tasks[task];
    for (int32_t i = 0; i < t->n_outputs; i++) {
        const struct dr_binding *out = &t->outputs[i];
        bool is_new;
        int64_t *at = dr_map_put(&g->producers, dr_str_of(out->text), &is_new);
        if (is_new)
            *at = task;
        else
            dr_diag_add(g->l->r.d, DR_DIAG_ERROR, out->mark, "give one of them another name",
                        "the dataset '%s' is made twice: by task '%s' too", out->text, g->dag->tasks[*at].id);
    }
}

static const char *nearest_dataset(struct graph *g, const char *word)
{
    if (g->l->r.d->n >= DR_DIAG_MAX)
        return NULL;
    size_t n = 0;
    const char **names = dr_arena_array(g->l->r.a, g->producers.n + 1, sizeof(*names));
    for (int32_t i = 0; i < g->dag->n_tasks; i++) {
        const struct dr_task_def *t = &g->dag->tasks[i];
        for (int32_t k = 0; k < t->n_outputs && n < g->producers.n; k++)
            names[n++] = t->outputs[k].text;
    }
    return dr_diag_nearest(g->l->r.d, word, names, n);
}

/* A path that the file names and that is known before a run should be there. */
static void check_file(struct graph *g, const struct dr_binding *in)
{
    struct dr_arena *a = g->l->r.a;
    const char *path = dr_subst_preview_text(a, dr_str_of(in->text), &g->l->preview);
    if (dr_subst_has(dr_str_of(path)) || dr_path_exists(dr_path_join(a, g->l->home->path, path)))
        return;
    dr_diag_add(g->l->r.d, DR_DIAG_WARNING, in->mark, "paths start at the dagrun home",
                "the input file '%s' is not there now", path);
}

static void link_input(struct graph *g, int32_t task, struct dr_binding *in)
{
    const int64_t *producer = dr_map_get(&g->producers, dr_str_of(in->text));
    if (producer) {
        in->producer = (int32_t)*producer;
        if (in->producer == task)
            dr_diag_add(g->l->r.d, DR_DIAG_ERROR, in->mark, NULL,
                        "the task '%s' reads '%s', which it makes itself", g->dag->tasks[task].id, in->text);
        else
            add_edge(g, in->producer, task);
        return;
    }
    if (strpbrk(in->text, "/.") || dr_subst_has(dr_str_of(in->text))) {
        check_file(g, in);
        return;
    }
    const char *near = nearest_dataset(g, in->text);
    dr_diag_add(g->l->r.d, DR_DIAG_ERROR, in->mark, near ? near : "a file's path has a '/' or a '.' in it",
                "no task makes the dataset '%.200s'", in->text);
}

/* ---- depends_on ----------------------------------------------------------------------- */

static const char *nearest_task(struct graph *g, const char *word)
{
    if (g->l->r.d->n >= DR_DIAG_MAX)
        return NULL;
    size_t n = (size_t)g->dag->n_tasks;
    const char **names = dr_arena_array(g->l->r.a, n + 1, sizeof(*names));
    for (size_t i = 0; i < n; i++)
        names[i] = g->dag->tasks[i].id;
    return dr_diag_nearest(g->l->r.d, word, names, n);
}

static void link_name(struct graph *g, int32_t task, const char *name, struct dr_mark mark)
{
    const int64_t *from = dr_map_get(&g->task_index, dr_str_of(name));
    if (!from)
        dr_diag_add(g->l->r.d, DR_DIAG_ERROR, mark, nearest_task(g, name), "there is no task '%.200s'", name);
    else if (*from == task)
        dr_diag_add(g->l->r.d, DR_DIAG_ERROR, mark, NULL, "the task '%s' depends on itself", name);
    else
        add_edge(g, (int32_t)*from, task);
}

static void link_depends_on(struct graph *g, int32_t task, const struct dr_node *map)
{
    const struct dr_node *n = dr_node_get(map, "depends_on");
    if (dr_node_kind(n) == DR_NODE_NULL)
        return;
    int32_t count = n->kind == DR_NODE_LIST ? n->n : 1;
    for (int32_t i = 0; i < count; i++) {
        const struct dr_node *item = n->kind == DR_NODE_LIST ? n->items[i] : n;
        const char *name = dr_node_str(item, NULL);
        if (name)
            link_name(g, task, name, item->mark);
        else
            dr_diag_add(g->l->r.d, DR_DIAG_ERROR, item->mark, NULL,
                        "'depends_on' must be a task's id or a list of them, not %s", dr_kind_text(item));
    }
}

/* ---- lists of edges ------------------------------------------------------------------------ */

static int compare_edges(const void *pa, const void *pb)
{
    const struct edge *a = pa, *b = pb;
    if (a->from != b->from)
        return a->from < b->from ? -1 : 1;
    return a->to < b->to ? -1 : a->to > b->to;
}

static void sort_edges(struct graph *g)
{
    if (g->n_edges == 0)
        return;
    qsort(g->edges, g->n_edges, sizeof(*g->edges), compare_edges);
    size_t n = 1;
    for (size_t i = 1; i < g->n_edges; i++)
        if (compare_edges(&g->edges[i], &g->edges[n - 1]) != 0)
            g->edges[n++] = g->edges[i];
    g->n_edges = n;
}

/* Sorted by from, then to: appending in this order leaves every list ascending. */
static void give_lists(struct graph *g)
{
    struct dr_arena *a = g->l->r.a;
    struct dr_task_def *tasks = g->dag->tasks;
    for (size_t i = 0; i < g->n_edges; i++) {
        tasks[g->edges[i].from].n_downstream++;
        tasks[g->edges[i].to].n_upstream++;
    }
    for (int32_t i = 0; i < g->dag->n_tasks; i++) {
        tasks[i].upstream = dr_arena_array(a, (size_t)tasks[i].n_upstream + 1, sizeof(int32_t));
        tasks[i].downstream = dr_arena_array(a, (size_t)tasks[i].n_downstream + 1, sizeof(int32_t));
        tasks[i].n_upstream = tasks[i].n_downstream = 0;
    }
    for (size_t i = 0; i < g->n_edges; i++) {
        struct dr_task_def *from = &tasks[g->edges[i].from], *to = &tasks[g->edges[i].to];
        from->downstream[from->n_downstream++] = g->edges[i].to;
        to->upstream[to->n_upstream++] = g->edges[i].from;
    }
}

/* ---- order and loops --------------------------------------------------------------------------- */

enum visit { NEW, OPEN, DONE };
struct frame {
    int32_t task, next; /* next: index of the upstream to look at */
};
struct walk {
    struct frame *stack; /* from the task started at to its upstreams */
    uint8_t *visited;    /* enum visit */
    int32_t depth, n_topo;
};

/* stack[at..depth) is a loop: each frame's task waits for the next one's, and
 * the last for the first. Told in the order in which they would run. */
static void add_loop(struct graph *g, const struct walk *w, int32_t at)
{
    enum { SHOWN = 12 };
    const struct dr_task_def *tasks = g->dag->tasks;
    const struct dr_task_def *first = &tasks[w->stack[at].task];
    DR_AUTO_BUF loop = { 0 };
    dr_buf_puts(&loop, first->id);
    int32_t shown = 0;
    for (int32_t i = w->depth - 1; i > at && shown < SHOWN; i--, shown++)
        dr_buf_printf(&loop, " -> %s", tasks[w->stack[i].task].id);
    if (w->depth - 1 - at > SHOWN)
        dr_buf_puts(&loop, " -> ...");
    dr_diag_add(g->l->r.d, DR_DIAG_ERROR, first->mark,
                "a task cannot wait for itself; remove one of these dependencies",
                "the tasks wait for each other: %s -> %s", dr_buf_cstr(&loop), first->id);
}

static int32_t stack_index(const struct walk *w, int32_t task)
{
    int32_t at = w->depth - 1;
    while (w->stack[at].task != task)
        at--;
    return at;
}

/* Look at one more upstream of the top frame, or close it. */
static void step(struct graph *g, struct walk *w)
{
    struct frame *top = &w->stack[w->depth - 1];
    const struct dr_task_def *t = &g->dag->tasks[top->task];
    if (top->next == t->n_upstream) {
        w->visited[top->task] = DONE;
        g->dag->topo[w->n_topo++] = top->task;
        w->depth--;
        return;
    }
    int32_t upstream = t->upstream[top->next++];
    if (w->visited[upstream] == OPEN) {
        add_loop(g, w, stack_index(w, upstream));
    } else if (w->visited[upstream] == NEW) {
        w->visited[upstream] = OPEN;
        w->stack[w->depth++] = (struct frame){ .task = upstream };
    }
}

static void order_tasks(struct graph *g)
{
    int32_t n = g->dag->n_tasks;
    struct walk w = { 0 };
    w.stack = dr_calloc((size_t)n + 1, sizeof(*w.stack));
    w.visited = dr_calloc((size_t)n + 1, 1);
    g->dag->topo = dr_arena_array(g->l->r.a, (size_t)n + 1, sizeof(int32_t));
    for (int32_t i = 0; i < n; i++) {
        if (w.visited[i] != NEW)
            continue;
        w.visited[i] = OPEN;
        w.stack[w.depth++] = (struct frame){ .task = i };
        while (w.depth > 0)
            step(g, &w);
    }
    free(w.stack);
    free(w.visited);
}

void dr_load_graph(struct dr_dag_loader *l)
{
    struct graph g = { .l = l, .dag = l->dag };
    const struct dr_node *tasks = dr_node_get(l->dag->root, "tasks");
    index_tasks(&g);
    for (int32_t i = 0; i < g.dag->n_tasks; i++)
        index_outputs(&g, i);
    for (int32_t i = 0; i < g.dag->n_tasks; i++) {
        struct dr_task_def *t = &g.dag->tasks[i];
        for (int32_t k = 0; k < t->n_inputs; k++)
            link_input(&g, i, &t->inputs[k]);
        link_depends_on(&g, i, tasks->items[i]);
    }
    sort_edges(&g);
    give_lists(&g);
    order_tasks(&g);
    dr_map_done(&g.task_index);
    dr_map_done(&g.producers);
    free(g.edges);
}
