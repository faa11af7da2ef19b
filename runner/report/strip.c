/* strip.c - one check over its last runs, as a row of bars: a low bar passed, a
 * bar that stands up failed, the taller the larger its share of unexpected
 * values; so the picture reads without colour. */
#include "report/page.h"

enum { BAR = 6, STEP = 8, HEIGHT = 40, BASE = 5 };

static double share(const struct dr_history_point *p)
{
    if (p->unexpected_count < 0 || p->element_count <= 0)
        return -1;
    return (double)p->unexpected_count / (double)p->element_count;
}

static double height_of(const struct dr_history_point *p, double most)
{
    switch (p->outcome) {
    case DR_OUTCOME_PASSED:
        return BASE;
    case DR_OUTCOME_NOT_RUN:
        return 1;
    case DR_OUTCOME_ERROR:
        return HEIGHT / 2.0;
    default:
        return share(p) < 0 || most <= 0 ? HEIGHT : 12 + (HEIGHT - 12) * share(p) / most;
    }
}

/* All bars of one outcome are one path; this run is the one at the right edge. */
static void put_bars(struct dr_page *p, const struct dr_history *h, int32_t outcome, const char *class,
                     double most)
{
    DR_AUTO_BUF d = { 0 };
    for (int32_t i = 0; i < h->n; i++) {
        if (h->points[i].outcome != outcome)
            continue;
        double height = height_of(&h->points[i], most);
        dr_buf_printf(&d, "M%d %.1fv%.1fh%dv-%.1fz", STEP * (DR_STRIP_RUNS - (int)h->n + (int)i),
                      HEIGHT - height, height, BAR, height);
    }
    if (d.n > 0)
        dr_html_leaf(p->h, "path", NULL, "class", class, "d", dr_buf_cstr(&d), NULL);
}

static const char *describe(struct dr_page *p, const struct dr_history *h)
{
    int32_t n[4] = { 0 };
    for (int32_t i = 0; i < h->n; i++)
        n[h->points[i].outcome]++;
    DR_AUTO_BUF b = { 0 };
    dr_buf_printf(&b, "Last %s: failed in %d, passed in %d", dr_words_count_of(p->f->a, h->n, "run", "runs"),
                  (int)n[DR_OUTCOME_FAILED], (int)n[DR_OUTCOME_PASSED]);
    if (n[DR_OUTCOME_ERROR])
        dr_buf_printf(&b, ", not evaluated in %d", (int)n[DR_OUTCOME_ERROR]);
    if (n[DR_OUTCOME_NOT_RUN])
        dr_buf_printf(&b, ", not run in %d", (int)n[DR_OUTCOME_NOT_RUN]);
    return dr_arena_dup(p->f->a, b.p, b.n);
}

void dr_strip(struct dr_page *p, const struct dr_fact_check *c)
{
    const struct dr_history *h = c->history;
    if (!h || h->n == 0)
        return;
    double most = 0;
    for (int32_t i = 0; i < h->n; i++)
        most = h->points[i].outcome == DR_OUTCOME_FAILED && share(&h->points[i]) > most ? share(&h->points[i])
                                                                                        : most;
    const char *desc = describe(p, h);
    dr_html_open(p->h, "figure", NULL);
    dr_page_svg(p->h, STEP * DR_STRIP_RUNS, HEIGHT, "The last runs of this check", desc);
    put_bars(p, h, DR_OUTCOME_PASSED, "f-good", most);
    put_bars(p, h, DR_OUTCOME_FAILED, "f-t", most);
    put_bars(p, h, DR_OUTCOME_ERROR, "f-odd", most);
    put_bars(p, h, DR_OUTCOME_NOT_RUN, "f-idle", most);
    dr_html_close(p->h, "svg");
    dr_html_leaf(p->h, "figcaption", desc, NULL);
    dr_html_close(p->h, "figure");
}

/* The strip's numbers, newest first. */
void dr_strip_table(struct dr_page *p, const struct dr_fact_check *c)
{
    static const char *const words[] = { "passed", "failed", "not evaluated", "not run" };
    const struct dr_history *h = c->history;
    if (!h || h->n < 2)
        return;
    dr_page_table(p->h, "The last runs of this check, newest first", NULL, "Run", "Outcome", "#Unexpected",
                  "#Of", NULL);
    for (int32_t i = h->n - 1; i >= 0; i--) {
        const struct dr_history_point *x = &h->points[i];
        dr_html_open(p->h, "tr", NULL);
        dr_html_leaf(p->h, "th", x->run_id, "scope", "row", NULL);
        dr_html_leaf(p->h, "td", words[x->outcome], NULL);
        dr_page_count_cell(p, x->unexpected_count);
        dr_page_count_cell(p, x->element_count);
        dr_html_close(p->h, "tr");
    }
    dr_page_table_end(p->h);
}
