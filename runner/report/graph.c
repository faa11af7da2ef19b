/* graph.c - layers from left to right: a task stands one layer after the last of
 * its upstreams, and within a layer near the mean lane of them, which keeps
 * edges short without a layout engine. */
#include "report/graph.h"
#include "base/hash.h"
#include "base/json.h"

enum {
    NODE_W = 150,
    NODE_H = 42,
    STEP_X = 184,
    STEP_Y = 56,
    MARGIN = 6,
    DRAWN_MAX = 300,
    NAME_MAX_SHOWN = 22
};

/* ---- the graph ---- */

static void read_upstream(const struct dr_facts *f, const struct dr_map *places, struct dr_graph_task *t)
{
    struct dr_node *list = NULL;
    if (!t->row->upstream || dr_json_parse(f->a, dr_str_of(t->row->upstream), "upstream", false, &list, NULL))
        return;
    t->upstream = dr_arena_array(f->a, (size_t)dr_node_size(list) + 1, sizeof(*t->upstream));
    for (int64_t i = 0; i < dr_node_size(list); i++) {
        const int64_t *place = dr_map_get(places, dr_str_of(dr_node_str(dr_node_at(list, i), "")));
        if (place)
            t->upstream[t->n_upstream++] = (int32_t)*place;
    }
}

/* Tasks need not stand in topological order; n rounds settle any order. */
static void find_layers(struct dr_graph *g)
{
    bool moved = true;
    for (int32_t round = 0; moved && round <= g->n; round++) {
        moved = false;
        for (int32_t i = 0; i < g->n; i++)
            for (int32_t k = 0; k < g->tasks[i].n_upstream; k++) {
                int32_t least = g->tasks[g->tasks[i].upstream[k]].layer + 1;
                if (g->tasks[i].layer < least && least < g->n) {
                    g->tasks[i].layer = least;
                    moved = true;
                }
            }
    }
    for (int32_t i = 0; i < g->n; i++)
        if (g->tasks[i].layer >= g->layers)
            g->layers = g->tasks[i].layer + 1;
}

/* Bit u of a task's row: it waits for task u, directly or not. */
static bool waits_for(const struct dr_graph *g, const uint8_t *bits, int32_t task, int32_t u)
{
    size_t at = (size_t)task * (size_t)g->n + (size_t)u;
    return bits[at / 8] >> (at % 8) & 1;
}

static void add_ancestors(const struct dr_graph *g, uint8_t *bits, int32_t task)
{
    for (int32_t k = 0; k < g->tasks[task].n_upstream; k++) {
        int32_t up = g->tasks[task].upstream[k];
        for (int32_t u = 0; u < g->n; u++)
            if (u == up || waits_for(g, bits, up, u)) {
                size_t at = (size_t)task * (size_t)g->n + (size_t)u;
                bits[at / 8] |= (uint8_t)(1u << (at % 8));
            }
    }
}

static bool is_implied(const struct dr_graph *g, const uint8_t *bits, const struct dr_graph_task *t,
                       int32_t u)
{
    for (int32_t k = 0; k < t->n_upstream; k++)
        if (t->upstream[k] != u && waits_for(g, bits, t->upstream[k], u))
            return true;
    return false;
}

/* Put the upstreams first that say something: an edge that a longer way through
 * the graph implies is not drawn. */
static void find_direct(struct dr_arena *a, struct dr_graph *g)
{
    for (int32_t i = 0; i < g->n; i++)
        g->tasks[i].n_direct = g->tasks[i].n_upstream;
    if (g->n > DRAWN_MAX)
        return;
    uint8_t *bits = dr_arena_alloc(a, (size_t)g->n * (size_t)g->n / 8 + 1);
    for (int32_t layer = 0; layer < g->layers; layer++)
        for (int32_t i = 0; i < g->n; i++)
            if (g->tasks[i].layer == layer)
                add_ancestors(g, bits, i);
    for (int32_t i = 0; i < g->n; i++) {
        struct dr_graph_task *t = &g->tasks[i];
        t->n_direct = 0;
        for (int32_t k = 0; k < t->n_upstream; k++) {
            int32_t u = t->upstream[k];
            if (is_implied(g, bits, t, u))
                continue;
            t->upstream[k] = t->upstream[t->n_direct];
            t->upstream[t->n_direct++] = u;
        }
    }
}

struct place {
    int32_t task;
    double wanted; /* lane */
};

static int by_wanted(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    return x->wanted < y->wanted ? -1 : x->wanted > y->wanted ? 1 : x->task - y->task;
}

static double mean_lane(const struct dr_graph *g, const struct dr_graph_task *t)
{
    double sum = 0;
    for (int32_t i = 0; i < t->n_direct; i++)
        sum += g->tasks[t->upstream[i]].lane;
    return t->n_direct ? sum / t->n_direct : 0;
}

static void find_lanes(struct dr_arena *a, struct dr_graph *g)
{
    struct place *row = dr_arena_array(a, (size_t)g->n + 1, sizeof(*row));
    for (int32_t layer = 0; layer < g->layers; layer++) {
        int32_t n = 0;
        for (int32_t i = 0; i < g->n; i++)
            if (g->tasks[i].layer == layer)
                row[n++] = (struct place){ i, mean_lane(g, &g->tasks[i]) };
        qsort(row, (size_t)n, sizeof(*row), by_wanted);
        int32_t next = 0;
        for (int32_t i = 0; i < n; i++) {
            int32_t lane = (int32_t)(row[i].wanted + 0.5);
            g->tasks[row[i].task].lane = lane > next ? lane : next;
            next = g->tasks[row[i].task].lane + 1;
        }
        g->lanes = next > g->lanes ? next : g->lanes;
    }
}

/* From the task that ended last back to the upstream that let it start. */
static void find_critical(struct dr_graph *g)
{
    int32_t at = -1;
    for (int32_t i = 0; i < g->n; i++)
        if (g->tasks[i].row->started_us && (at < 0 || g->tasks[i].row->ended_us > g->tasks[at].row->ended_us))
            at = i;
    for (int32_t hops = 0; at >= 0 && hops < g->n; hops++) {
        struct dr_graph_task *t = &g->tasks[at];
        t->critical = true;
        at = -1;
        for (int32_t i = 0; i < t->n_upstream; i++) {
            const struct dr_task_row *up = g->tasks[t->upstream[i]].row;
            if (up->started_us && (at < 0 || up->ended_us > g->tasks[at].row->ended_us))
                at = t->upstream[i];
        }
    }
}

void dr_graph_make(const struct dr_facts *f, struct dr_graph *ret)
{
    struct dr_graph g = { .n = f->n_tasks };
    struct dr_map places = { 0 };
    g.tasks = dr_arena_array(f->a, (size_t)g.n + 1, sizeof(*g.tasks));
    for (int32_t i = 0; i < g.n; i++) {
        g.tasks[i].row = &f->tasks[i];
        *dr_map_put(&places, dr_str_of(f->tasks[i].task_id), NULL) = i;
    }
    for (int32_t i = 0; i < g.n; i++)
        read_upstream(f, &places, &g.tasks[i]);
    dr_map_done(&places);
    find_layers(&g);
    find_direct(f->a, &g);
    find_lanes(f->a, &g);
    find_critical(&g);
    *ret = g;
}

/* ---- the drawing ---- */

static void put_edge(struct dr_html *h, const struct dr_graph_task *from, const struct dr_graph_task *to)
{
    int x0 = MARGIN + from->layer * STEP_X + NODE_W, y0 = MARGIN + from->lane * STEP_Y + NODE_H / 2;
    int x1 = MARGIN + to->layer * STEP_X, y1 = MARGIN + to->lane * STEP_Y + NODE_H / 2;
    int bend = (STEP_X - NODE_W) / 2 + 8;
    dr_html_open(h, "path", "class", from->critical && to->critical ? "edge hot" : "edge", NULL);
    dr_html_attrf(h, "d", "M%d %dC%d %d %d %d %d %d", x0, y0, x0 + bend, y0, x1 - bend, y1, x1, y1);
    dr_html_close(h, "path");
}

static void put_name(struct dr_html *h, int x, int y, const char *name)
{
    DR_AUTO_BUF shown = { 0 };
    dr_buf_put_visible(&shown, dr_str_of(name), NAME_MAX_SHOWN);
    dr_page_svg_text(h, x, y, "strong", NULL, dr_buf_cstr(&shown));
}

static void put_node(struct dr_page *p, const struct dr_graph_task *t)
{
    int x = MARGIN + t->layer * STEP_X, y = MARGIN + t->lane * STEP_Y;
    enum dr_tone tone = dr_tone_of_task(t->row->state);
    dr_html_open(p->h, "g", "data-tone", dr_tone_class(tone), NULL);
    dr_html_open(p->h, "rect", "class", "node", "rx", "6", NULL);
    dr_html_attrf(p->h, "x", "%d", x);
    dr_html_attrf(p->h, "y", "%d", y);
    dr_html_attrf(p->h, "width", "%d", NODE_W);
    dr_html_attrf(p->h, "height", "%d", NODE_H);
    dr_html_attrf(p->h, "stroke-width", "%s", t->critical ? "2.5" : "1");
    dr_html_close(p->h, "rect");
    put_name(p->h, x + 10, y + 17, t->row->task_id);
    dr_page_svg_text(p->h, x + 10, y + 33, "f-t", NULL,
                     dr_arena_printf(p->f->a, "%s %s %s", dr_tone_icon(tone), dr_word_of_task(t->row->state),
                                     t->row->started_us && t->row->ended_us
                                         ? dr_words_duration(p->f->a, t->row->started_us, t->row->ended_us)
                                         : ""));
    dr_html_close(p->h, "g");
}

void dr_graph_draw(struct dr_page *p, const struct dr_graph *g)
{
    if (g->n == 0)
        return;
    dr_html_leaf(p->h, "h3", "Graph of tasks", NULL);
    if (g->n > DRAWN_MAX) {
        dr_html_leaf(p->h, "p",
                     dr_arena_printf(p->f->a, "%d tasks are too many to draw; see the table.", (int)g->n),
                     "class", "muted", NULL);
        return;
    }
    int width = 2 * MARGIN + g->layers * STEP_X - (STEP_X - NODE_W);
    int height = 2 * MARGIN + g->lanes * STEP_Y - (STEP_Y - NODE_H);
    dr_html_open(p->h, "div", "class", "scroll drawing", "tabindex", "0", "role", "group", "aria-label",
                 "Graph of tasks", NULL);
    dr_page_wide_svg(
        p->h, width, height, width > 1300 ? width : width * 4 / 5, "Graph of tasks",
        dr_arena_printf(p->f->a,
                        "%d tasks in %d layers, from left to right; the tasks that decided when the "
                        "run ended have a bold frame. The table of tasks has the same.",
                        (int)g->n, (int)g->layers));
    for (int32_t i = 0; i < g->n; i++)
        for (int32_t k = 0; k < g->tasks[i].n_direct; k++)
            put_edge(p->h, &g->tasks[g->tasks[i].upstream[k]], &g->tasks[i]);
    for (int32_t i = 0; i < g->n; i++)
        put_node(p, &g->tasks[i]);
    dr_html_close(p->h, "svg");
    dr_html_close(p->h, "div");
}
