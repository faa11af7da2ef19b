/* rows.c - the flow of rows: where each row that came in has gone, drawn as
 * ribbons from what came in to the three things that can happen to it. */
#include "report/page.h"

enum { WIDTH = 410, TOP = 8, TALL = 150, GAP = 16, BAR = 12, LEFT = 66, RIGHT = 236, LEAST = 2 };

static const struct {
    const char *name, *class;
} stages[DR_STAGES] = {
    { "raw", "f-idle" }, { "clean", "f-good" }, { "quarantined", "f-warn" }, { "duplicates", "f-note" }
};

/* ---- the drawing ---- */

static void put_ribbon(struct dr_html *h, int stage, double y0, double y1, double height)
{
    DR_AUTO_BUF class = { 0 };
    int x0 = LEFT + BAR, x1 = RIGHT, mid = (x0 + x1) / 2;
    dr_buf_printf(&class, "ribbon %s", stages[stage].class);
    dr_html_open(h, "path", "class", dr_buf_cstr(&class), NULL);
    dr_html_attrf(h, "d", "M%d %.1fC%d %.1f %d %.1f %d %.1fV%.1fC%d %.1f %d %.1f %d %.1fZ", x0, y0, mid, y0,
                  mid, y1, x1, y1, y1 + height, mid, y1 + height, mid, y0 + height, x0, y0 + height);
    dr_html_close(h, "path");
}

static void put_stage(struct dr_page *p, const struct dr_account_group *g, int stage, double y, double height)
{
    struct dr_arena *a = p->f->a;
    dr_page_rect(p->h, stages[stage].class, RIGHT, y, BAR, height);
    double middle = y + height / 2 + 4;
    dr_page_svg_text(
        p->h, RIGHT + BAR + 8, middle < TOP + 10 ? TOP + 10 : middle, NULL, "start",
        dr_arena_printf(a, "%s %s (%s)", stages[stage].name, dr_words_count(a, g->rows[stage]),
                        dr_words_percent(a, (double)g->rows[stage], (double)g->rows[DR_STAGE_RAW])));
}

static const char *describe(struct dr_page *p, const struct dr_account_group *g)
{
    struct dr_arena *a = p->f->a;
    return dr_arena_printf(
        a, "Of %s raw rows %s are clean, %s quarantined and %s duplicates.",
        dr_words_count(a, g->rows[DR_STAGE_RAW]), dr_words_count(a, g->rows[DR_STAGE_CLEAN]),
        dr_words_count(a, g->rows[DR_STAGE_QUARANTINED]), dr_words_count(a, g->rows[DR_STAGE_DUPLICATES]));
}

static void put_flow(struct dr_page *p, const struct dr_account *d)
{
    const struct dr_account_group *g = &d->total;
    double raw = (double)g->rows[DR_STAGE_RAW], from = TOP, to = TOP;
    if (raw <= 0)
        return;
    dr_html_open(p->h, "figure", NULL);
    dr_page_svg(p->h, WIDTH, TOP + TALL + 2 * GAP + 24,
                dr_arena_printf(p->f->a, "Flow of the rows of %s", d->dataset), describe(p, g));
    dr_page_rect(p->h, "f-idle", LEFT, TOP, BAR, TALL);
    dr_page_svg_text(p->h, LEFT - 8, TOP + TALL / 2.0, "strong", "end",
                     dr_words_count(p->f->a, g->rows[DR_STAGE_RAW]));
    dr_page_svg_text(p->h, LEFT - 8, TOP + TALL / 2.0 + 14, "soft", "end", "raw rows");
    for (int s = DR_STAGE_CLEAN; s < DR_STAGES; s++) {
        double height = (double)g->rows[s] / raw * TALL;
        double shown = g->rows[s] && height < LEAST ? LEAST : height;
        put_ribbon(p->h, s, from, to, shown);
        put_stage(p, g, s, to, shown);
        from += height;
        to += shown + GAP;
    }
    dr_html_close(p->h, "svg");
    dr_html_close(p->h, "figure");
}

/* ---- the table ---- */

static void put_share(struct dr_page *p, const struct dr_account_group *g)
{
    double x = 0, raw = (double)g->rows[DR_STAGE_RAW];
    dr_html_open(p->h, "td", NULL);
    /* The numbers stand in the same row: nothing to read out here. */
    dr_html_open(p->h, "svg", "class", "bar", "viewBox", "0 0 100 9", "preserveAspectRatio", "none",
                 "aria-hidden", "true", NULL);
    for (int s = DR_STAGE_CLEAN; s < DR_STAGES && raw > 0; s++) {
        double width = 100 * (double)g->rows[s] / raw;
        if (width > 0)
            dr_page_rect(p->h, stages[s].class, x, 0, width, 9);
        x += width;
    }
    dr_html_close(p->h, "svg");
    dr_html_close(p->h, "td");
}

static void put_sum(struct dr_page *p, const struct dr_account *d, const struct dr_account_group *g)
{
    int64_t missing = dr_account_missing(g);
    dr_html_open(p->h, "td", NULL);
    if (!dr_account_complete(d))
        dr_page_badge(p->h, DR_TONE_IDLE, "not finished");
    else if (!dr_account_comparable(d, g))
        dr_page_badge(p->h, DR_TONE_IDLE, "only in all"); /* a task counted without groups */
    else if (missing == 0)
        dr_page_badge(p->h, DR_TONE_GOOD, "adds up");
    else
        dr_page_badge(p->h, DR_TONE_BAD,
                      dr_arena_printf(p->f->a, "%s %s",
                                      dr_words_count(p->f->a, missing < 0 ? -missing : missing),
                                      missing < 0 ? "too many" : "missing"));
    dr_html_close(p->h, "td");
}

static void put_group(struct dr_page *p, const struct dr_account *d, const struct dr_account_group *g)
{
    dr_html_open(p->h, "tr", "class", g == &d->total ? "total" : NULL, NULL);
    dr_html_open(p->h, "th", "scope", "row", NULL);
    dr_html_data(p->h, dr_str_of(g->name), DR_HTML_CELL_MAX);
    dr_html_close(p->h, "th");
    for (int s = 0; s < DR_STAGES; s++)
        dr_page_count_cell(p, g->has[s] || g->rows[s] || dr_account_complete(d) ? g->rows[s] : -1);
    put_sum(p, d, g);
    put_share(p, g);
    dr_html_close(p->h, "tr");
}

bool dr_has_rows_apart(const struct dr_page *p)
{
    bool any = false;
    for (int32_t i = 0; i < p->exports->n; i++)
        any |= p->exports->items[i].kind == DR_EXPORT_SET_APART;
    return any;
}

static void put_files(struct dr_page *p)
{
    if (!dr_has_rows_apart(p))
        return;
    dr_html_leaf(p->h, "h3", "Rows set apart", NULL);
    dr_page_table(p->h, "The rows that were set apart, each with its reasons; sensitive columns are masked",
                  NULL, "Dataset", "Task", "#Rows", "File", NULL);
    for (int32_t i = 0; i < p->exports->n; i++) {
        const struct dr_export *e = &p->exports->items[i];
        if (e->kind != DR_EXPORT_SET_APART)
            continue;
        dr_html_open(p->h, "tr", NULL);
        dr_html_leaf(p->h, "th", e->dataset, "scope", "row", NULL);
        dr_page_cell(p->h, e->task_id);
        dr_page_count_cell(p, e->rows);
        dr_html_open(p->h, "td", NULL);
        if (e->file)
            dr_html_leaf(p->h, "a", e->file, "href", e->file, NULL);
        else
            dr_html_leaf(p->h, "span", e->problem ? e->problem : "no rows, no file", "class", "muted", NULL);
        dr_html_close(p->h, "td");
        dr_html_close(p->h, "tr");
    }
    dr_page_table_end(p->h);
}

void dr_section_rows(struct dr_page *p)
{
    const struct dr_facts *f = p->f;
    dr_page_section(
        p->h, "rows", "Flow of rows",
        f->n_accounts
            ? "Every raw row is clean, quarantined or a duplicate: raw = clean + quarantined + duplicates."
            : "What was set apart. No task of this run says where all rows have gone.");
    for (int32_t i = 0; i < f->n_accounts; i++) {
        const struct dr_account *d = &f->accounts[i];
        dr_html_open(p->h, "div", "class", "card", NULL);
        dr_html_leaf(p->h, "h3", d->dataset, NULL);
        dr_html_open(p->h, "div", "class", "flow", NULL);
        put_flow(p, d);
        dr_page_table(p->h, dr_arena_printf(f->a, "Rows of %s by group", d->dataset), NULL, "Group", "#Raw",
                      "#Clean", "#Quarantined", "#Duplicates", "Check", "Share", NULL);
        for (int32_t k = 0; k < d->n_groups; k++)
            put_group(p, d, &d->groups[k]);
        put_group(p, d, &d->total);
        dr_page_table_end(p->h);
        dr_html_close(p->h, "div");
        dr_html_close(p->h, "div");
    }
    if (p->exports->withheld)
        dr_html_leaf(
            p->h, "p",
            dr_arena_printf(f->a, "Rows that were set apart are not shown: %s", p->exports->withheld),
            "class", "alarm", NULL);
    put_files(p);
    dr_html_close(p->h, "section");
}
