/* history.c - datasets against the last runs: where and since when is it bad? */
#include "report/page.h"
#include "base/date.h"

struct cell {
    int32_t checks, failed, errors, severity;
    int64_t rows; /* the most that a check counted; -1 unknown */
};
struct line {
    const char *dataset;
    struct cell cells[DR_STRIP_RUNS];
};

static struct line *line_of(struct line *lines, int32_t *n, const char *dataset)
{
    for (int32_t i = 0; i < *n; i++)
        if (dr_streq(lines[i].dataset, dataset))
            return &lines[i];
    struct line *added = &lines[(*n)++];
    added->dataset = dataset;
    for (int i = 0; i < DR_STRIP_RUNS; i++)
        added->cells[i] = (struct cell){ .rows = -1 };
    return added;
}

static void add_point(struct cell *cell, const struct dr_history_point *x, int32_t severity)
{
    if (x->outcome == DR_OUTCOME_NOT_RUN)
        return;
    cell->checks++;
    cell->errors += x->outcome == DR_OUTCOME_ERROR;
    if (x->outcome == DR_OUTCOME_FAILED) {
        cell->severity = cell->failed && cell->severity > severity ? cell->severity : severity;
        cell->failed++;
    }
    if (x->element_count > cell->rows)
        cell->rows = x->element_count;
}

/* In order of first mention; *ret_runs is any history: all have the same runs. */
static int32_t collect(const struct dr_facts *f, struct line **ret, const struct dr_history **ret_runs)
{
    struct line *lines = dr_arena_array(f->a, (size_t)f->n_checks + 1, sizeof(*lines));
    int32_t n = 0;
    for (int32_t i = 0; i < f->n_checks; i++) {
        const struct dr_fact_check *c = &f->checks[i];
        if (!c->history || c->history->n == 0)
            continue;
        *ret_runs = c->history;
        struct line *line = line_of(lines, &n, c->r->dataset);
        for (int32_t k = 0; k < c->history->n && k < DR_STRIP_RUNS; k++)
            add_point(&line->cells[k], &c->history->points[k], c->severity);
    }
    *ret = lines;
    return n;
}

static enum dr_tone tone_of(const struct cell *c)
{
    return !c->checks  ? DR_TONE_IDLE
           : c->failed ? dr_tone_of_severity(c->severity)
           : c->errors ? DR_TONE_ODD
                       : DR_TONE_GOOD;
}

static void put_cell(struct dr_page *p, const struct cell *c, const struct dr_history_point *run)
{
    enum dr_tone tone = tone_of(c);
    dr_html_open(p->h, "td", "data-tone", dr_tone_class(tone), NULL);
    dr_html_open(p->h, "span", NULL);
    if (c->checks)
        dr_html_attrf(p->h, "title", "%s: %d of %d checks failed, %d not evaluated", run->run_id,
                      (int)c->failed, (int)c->checks, (int)c->errors);
    else
        dr_html_attrf(p->h, "title", "%s: not checked", run->run_id);
    if (c->failed)
        dr_html_textf(p->h, "%d", (int)c->failed);
    else
        dr_html_text(p->h, dr_tone_icon(tone));
    dr_html_leaf(p->h, "span",
                 c->failed   ? " failed"
                 : c->errors ? " not evaluated"
                 : c->checks ? " passed"
                             : " not checked",
                 "class", "unseen", NULL);
    dr_html_close(p->h, "span");
    dr_html_close(p->h, "td");
}

/* A day of the month, and the month where it begins. */
static void put_run_head(struct dr_page *p, const struct dr_history *h, int32_t i)
{
    static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    struct dr_civil now, last = { 0 };
    dr_civil_from_us(h->points[i].logical_us, &now);
    if (i > 0)
        dr_civil_from_us(h->points[i - 1].logical_us, &last);
    dr_html_open(p->h, "th", "scope", "col", "title", h->points[i].run_id, NULL);
    dr_html_textf(p->h, "%d", (int)now.day);
    if (now.month != last.month || now.year != last.year) {
        dr_html_leaf(p->h, "br", NULL, NULL);
        dr_html_text(p->h, months[now.month - 1]);
    }
    dr_html_close(p->h, "th");
}

/* Rows checked, run by run, as a line between their least and most. */
static void put_sparkline(struct dr_page *p, const struct line *line, int32_t n)
{
    enum { W = 120, H = 26 };
    int64_t low = INT64_MAX, high = -1;
    for (int32_t i = 0; i < n; i++) {
        int64_t v = line->cells[i].rows;
        low = v >= 0 && v < low ? v : low;
        high = v > high ? v : high;
    }
    dr_html_open(p->h, "td", NULL);
    if (high < 0) {
        dr_html_text(p->h, "\u2013");
    } else {
        DR_AUTO_BUF d = { 0 };
        struct dr_arena *a = p->f->a;
        bool pen = false;
        for (int32_t i = 0; i < n; i++) {
            int64_t v = line->cells[i].rows;
            double x = n > 1 ? 2 + (double)i * (W - 8) / (n - 1) : W / 2.0;
            double y = high > low ? H - 3 - (double)(v - low) * (H - 6) / (double)(high - low) : H / 2.0;
            bool alone = !pen && (i + 1 == n || line->cells[i + 1].rows < 0);
            if (v >= 0)
                dr_buf_printf(&d, "%c%.1f %.1f%s", pen ? 'L' : 'M', x, y, alone ? "h4" : "");
            pen = v >= 0;
        }
        dr_page_svg(p->h, W, H, dr_arena_printf(a, "Rows of %s over the last runs", line->dataset),
                    dr_arena_printf(a, "Between %s and %s rows; %s in this run.", dr_words_count(a, low),
                                    dr_words_count(a, high), dr_words_count(a, line->cells[n - 1].rows)));
        dr_html_leaf(p->h, "path", NULL, "class", "line k0", "d", dr_buf_cstr(&d), NULL);
        dr_html_close(p->h, "svg");
    }
    dr_html_close(p->h, "td");
    dr_page_count_cell(p, line->cells[n - 1].rows);
    dr_page_count_cell(p, high < 0 ? -1 : low);
    dr_page_count_cell(p, high);
}

static void put_heat(struct dr_page *p, const struct line *lines, int32_t n, const struct dr_history *runs)
{
    dr_html_open(p->h, "div", "class", "scroll", "tabindex", "0", "role", "group", "aria-label",
                 "Datasets and runs", NULL);
    dr_html_open(p->h, "table", "class", "heat", NULL);
    dr_html_leaf(p->h, "caption",
                 "How many checks of each dataset failed in each run, oldest first; a column is a run", NULL);
    dr_html_open(p->h, "thead", NULL);
    dr_html_open(p->h, "tr", NULL);
    dr_html_leaf(p->h, "th", "Dataset", "scope", "col", NULL);
    for (int32_t i = 0; i < runs->n; i++)
        put_run_head(p, runs, i);
    dr_html_close(p->h, "tr");
    dr_html_close(p->h, "thead");
    dr_html_open(p->h, "tbody", NULL);
    for (int32_t i = 0; i < n; i++) {
        dr_html_open(p->h, "tr", NULL);
        dr_html_open(p->h, "th", "scope", "row", NULL);
        dr_html_data(p->h, dr_str_of(lines[i].dataset), DR_HTML_CELL_MAX);
        dr_html_close(p->h, "th");
        for (int32_t k = 0; k < runs->n; k++)
            put_cell(p, &lines[i].cells[k], &runs->points[k]);
        dr_html_close(p->h, "tr");
    }
    dr_html_close(p->h, "tbody");
    dr_html_close(p->h, "table");
    dr_html_close(p->h, "div");
}

static void put_volume(struct dr_page *p, const struct line *lines, int32_t n, int32_t runs)
{
    dr_page_table(p->h, "Rows that were checked", NULL, "Dataset", "Last runs", "#This run", "#Least",
                  "#Most", NULL);
    for (int32_t i = 0; i < n; i++) {
        dr_html_open(p->h, "tr", NULL);
        dr_html_open(p->h, "th", "scope", "row", NULL);
        dr_html_data(p->h, dr_str_of(lines[i].dataset), DR_HTML_CELL_MAX);
        dr_html_close(p->h, "th");
        put_sparkline(p, &lines[i], runs);
        dr_html_close(p->h, "tr");
    }
    dr_page_table_end(p->h);
}

void dr_section_history(struct dr_page *p)
{
    struct line *lines;
    const struct dr_history *runs = NULL;
    int32_t n = collect(p->f, &lines, &runs);
    if (!runs)
        return;
    dr_page_section(p->h, "history", "The last runs", NULL);
    put_heat(p, lines, n, runs);
    put_volume(p, lines, n, runs->n);
    dr_html_close(p->h, "section");
}
