/* gantt.c - attempts over time, one line for each task, in the order they began. */
#include "report/graph.h"

enum {
    WIDTH = 920,
    NAME_W = 190,
    TIME_W = 90,
    ROW_H = 22,
    HEAD = 22,
    DRAWN_MAX = 150,
    TICKS = 4,
    NAME_SHOWN = 28
};
#define CHART_W (WIDTH - NAME_W - TIME_W)

struct span {
    int64_t from_us, to_us;
};

static struct span span_of(const struct dr_facts *f)
{
    struct span s = { INT64_MAX, 0 };
    for (int32_t i = 0; i < f->n_attempts; i++) {
        const struct dr_attempt_row *x = &f->attempts[i];
        int64_t end = x->ended_us ? x->ended_us : f->now_us;
        s.from_us = x->started_us < s.from_us ? x->started_us : s.from_us;
        s.to_us = end > s.to_us ? end : s.to_us;
    }
    if (s.to_us <= s.from_us)
        s.to_us = s.from_us + 1;
    return s;
}

static double x_of(const struct span *s, int64_t us)
{
    return NAME_W + (double)(us - s->from_us) / (double)(s->to_us - s->from_us) * CHART_W;
}

static int by_start(const void *a, const void *b)
{
    const struct dr_graph_task *x = *(const struct dr_graph_task *const *)a,
                               *y = *(const struct dr_graph_task *const *)b;
    if (x->row->started_us != y->row->started_us)
        return x->row->started_us < y->row->started_us ? -1 : 1;
    return x->row->position - y->row->position;
}

static void put_axis(struct dr_page *p, const struct span *s, int height)
{
    for (int i = 0; i <= TICKS; i++) {
        double x = NAME_W + (double)i * CHART_W / TICKS;
        int64_t at = (s->to_us - s->from_us) * i / TICKS;
        dr_html_open(p->h, "path", "class", "axis", NULL);
        dr_html_attrf(p->h, "d", "M%.1f %dV%d", x, HEAD - 6, height);
        dr_html_close(p->h, "path");
        dr_page_svg_text(p->h, x, 11, "soft",
                         i == 0       ? "start"
                         : i == TICKS ? "end"
                                      : "middle",
                         i ? dr_words_duration(p->f->a, 1, 1 + at) : "0");
    }
}

static void put_task(struct dr_page *p, const struct dr_graph_task *t, const struct span *s, int y)
{
    const struct dr_facts *f = p->f;
    DR_AUTO_BUF name = { 0 };
    dr_buf_put_visible(&name, dr_str_of(t->row->task_id), NAME_SHOWN);
    dr_page_svg_text(p->h, 4, y + 15, t->critical ? "strong" : NULL, NULL, dr_buf_cstr(&name));
    double end = NAME_W;
    for (int32_t i = 0; i < f->n_attempts; i++) {
        const struct dr_attempt_row *x = &f->attempts[i];
        if (x->task_key != t->row->key)
            continue;
        double from = x_of(s, x->started_us), to = x_of(s, x->ended_us ? x->ended_us : f->now_us);
        DR_AUTO_BUF class = { 0 };
        dr_buf_printf(&class, "f-%s", dr_tone_class(dr_tone_of_task(x->state)));
        dr_page_rect(p->h, dr_buf_cstr(&class), from, y + (t->critical ? 3 : 6),
                     to - from < 2 ? 2 : to - from, t->critical ? 16 : 10);
        end = to;
    }
    dr_page_svg_text(p->h, (end > NAME_W ? end : NAME_W) + 6, y + 15, "soft", NULL,
                     dr_words_duration(f->a, t->row->started_us, t->row->ended_us));
}

void dr_gantt_draw(struct dr_page *p, const struct dr_graph *g)
{
    const struct dr_facts *f = p->f;
    const struct dr_graph_task **list = dr_arena_array(f->a, (size_t)g->n + 1, sizeof(*list));
    int32_t n = 0;
    for (int32_t i = 0; i < g->n; i++)
        if (g->tasks[i].row->started_us)
            list[n++] = &g->tasks[i];
    if (n == 0 || f->n_attempts == 0)
        return;
    qsort(list, (size_t)n, sizeof(*list), by_start);
    if (n > DRAWN_MAX)
        n = DRAWN_MAX;
    struct span s = span_of(f);
    int height = HEAD + (int)n * ROW_H + 4;
    dr_html_leaf(p->h, "h3", "When each task ran", NULL);
    dr_html_open(p->h, "div", "class", "scroll drawing", "tabindex", "0", "role", "group", "aria-label",
                 "When each task ran", NULL);
    dr_page_wide_svg(
        p->h, WIDTH, height, 640, "When each task ran",
        dr_arena_printf(f->a,
                        "%d tasks over %s, in the order they began. Thick bars are the critical path: what "
                        "decided when the run ended. The table of attempts has the same.",
                        (int)n, dr_words_duration(f->a, s.from_us, s.to_us)));
    put_axis(p, &s, height);
    for (int32_t i = 0; i < n; i++)
        put_task(p, list[i], &s, HEAD + (int)i * ROW_H);
    dr_html_close(p->h, "svg");
    dr_html_close(p->h, "div");
    dr_html_leaf(p->h, "p", "Thick bars are the critical path: the tasks that decided when the run ended.",
                 "class", "muted", NULL);
}
