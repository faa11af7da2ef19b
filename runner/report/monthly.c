/* monthly.c - statistics by month as small multiples: one chart for each measure,
 * one line for each group (hospital), and the numbers under them.
 *
 * The tables are those that the plugin monthly_stats writes: month, group
 * columns, measure, perhaps unit, then n, mean and the rest. */
#include "report/page.h"
#include "base/hash.h"
#include "base/num.h"
#include <math.h>

enum { MEASURES_MAX = 60, GROUPS_MAX = 6, MONTHS_MAX = 24, KEY_COLUMNS = 16 };
enum { CHART_W = 270, CHART_H = 136, X0 = 38, X1 = 262, Y0 = 10, Y1 = 112 };

struct names {
    const char **items; /* in the arena; items[i].. */
    struct dr_map places;
    int32_t n, max;
    bool cut; /* there are more than max */
};
struct point {
    double mean; /* NaN: none */
    int64_t n;
};
struct stats {
    struct names measures, groups, months;
    struct point *points; /* [measure][group][month] */
};

/* ---- reading the table ---- */

static struct dr_str text_at(const struct dr_column *c, int64_t row)
{
    int32_t hint = 0;
    int64_t i;
    const struct dr_array *a = dr_column_at(c, row, &hint, &i);
    bool text = a->type == DR_TYPE_DICT || a->type == DR_TYPE_STRING;
    return text && dr_array_valid(a, i) ? dr_array_str(a, i) : DR_LIT("(missing)");
}

static double number_at(const struct dr_column *c, int64_t row)
{
    int32_t hint = 0;
    int64_t i;
    const struct dr_array *a = dr_column_at(c, row, &hint, &i);
    if (!dr_array_valid(a, i))
        return NAN;
    return a->type == DR_TYPE_FLOAT64 ? ((const double *)a->values)[i]
           : a->type == DR_TYPE_INT64 ? (double)((const int64_t *)a->values)[i]
                                      : NAN;
}

static void names_init(struct names *x, struct dr_arena *a, int32_t max)
{
    *x = (struct names){ .max = max, .items = dr_arena_array(a, (size_t)max, sizeof(*x->items)) };
}

/* Its place, or -1 where there are too many already. */
static int32_t place_of(struct names *x, struct dr_arena *a, struct dr_str name)
{
    int64_t *known = dr_map_get(&x->places, name);
    if (known)
        return (int32_t)*known;
    if (x->n == x->max) {
        x->cut = true;
        return -1;
    }
    char *copy = dr_arena_dup(a, name.p, name.n);
    *dr_map_put(&x->places, (struct dr_str){ copy, name.n }, NULL) = x->n;
    x->items[x->n] = copy;
    return x->n++;
}

/* Which columns make the name of a measure and of a group. */
struct layout {
    const struct dr_column *month, *n, *mean, *measure, *unit;
    const struct dr_column *groups[KEY_COLUMNS];
    int32_t n_groups;
};

static bool find_layout(const struct dr_table *t, struct layout *l)
{
    int32_t n = dr_table_find(t, "n"), unit = dr_table_find(t, "unit");
    bool has_unit = unit > 0 && unit == n - 1;
    int32_t measure = n - 1 - has_unit;
    if (measure < 1 || measure > KEY_COLUMNS)
        return false;
    *l = (struct layout){ .month = dr_table_column(t, 0),
                          .n = dr_table_column(t, n),
                          .mean = dr_table_column(t, dr_table_find(t, "mean")),
                          .measure = dr_table_column(t, measure),
                          .unit = has_unit ? dr_table_column(t, unit) : NULL };
    for (int32_t i = 1; i < measure; i++)
        l->groups[l->n_groups++] = dr_table_column(t, i);
    return true;
}

static struct dr_str measure_name(const struct layout *l, int64_t row, struct dr_buf *b)
{
    struct dr_str name = text_at(l->measure, row);
    dr_buf_clear(b);
    dr_buf_append(b, name.p, name.n);
    if (l->unit) {
        struct dr_str unit = text_at(l->unit, row);
        dr_buf_printf(b, " (%.*s)", (int)unit.n, unit.p);
    }
    return dr_buf_str(b);
}

static struct dr_str group_name(const struct layout *l, int64_t row, struct dr_buf *b)
{
    dr_buf_clear(b);
    for (int32_t i = 0; i < l->n_groups; i++) {
        struct dr_str one = text_at(l->groups[i], row);
        dr_buf_printf(b, "%s%.*s", i ? " " : "", (int)one.n, one.p);
    }
    if (l->n_groups == 0)
        dr_buf_puts(b, "all");
    return dr_buf_str(b);
}

static struct point *point_at(const struct stats *s, int32_t measure, int32_t group, int32_t month)
{
    return &s->points[((size_t)measure * GROUPS_MAX + (size_t)group) * MONTHS_MAX + (size_t)month];
}

/* Months rise; where there are too many the last ones count. */
static int64_t first_row(const struct layout *l, int64_t rows)
{
    struct dr_str last = { 0 };
    int32_t months = 0;
    for (int64_t i = rows - 1; i >= 0; i--) {
        struct dr_str month = text_at(l->month, i);
        if (!last.p || !dr_str_eq(month, last)) {
            last = month;
            if (++months > MONTHS_MAX)
                return i + 1;
        }
    }
    return 0;
}

static void read_stats(struct dr_arena *a, const struct dr_table *t, const struct layout *l, struct stats *s)
{
    DR_AUTO_BUF b = { 0 };
    names_init(&s->measures, a, MEASURES_MAX);
    names_init(&s->groups, a, GROUPS_MAX);
    names_init(&s->months, a, MONTHS_MAX);
    size_t n = (size_t)MEASURES_MAX * GROUPS_MAX * MONTHS_MAX;
    s->points = dr_arena_array(a, n, sizeof(*s->points));
    for (size_t i = 0; i < n; i++)
        s->points[i].mean = NAN;
    int64_t rows = dr_table_rows(t);
    for (int64_t i = first_row(l, rows); i < rows; i++) {
        int32_t month = place_of(&s->months, a, text_at(l->month, i));
        int32_t measure = place_of(&s->measures, a, measure_name(l, i, &b));
        int32_t group = place_of(&s->groups, a, group_name(l, i, &b));
        if (month < 0 || measure < 0 || group < 0)
            continue;
        double count = number_at(l->n, i);
        *point_at(s, measure, group, month) =
            (struct point){ number_at(l->mean, i), isnan(count) ? 0 : (int64_t)count };
    }
}

static void stats_done(struct stats *s)
{
    dr_map_done(&s->measures.places);
    dr_map_done(&s->groups.places);
    dr_map_done(&s->months.places);
}

/* ---- charts ---- */

struct range {
    double low, high;
};

static struct range range_of(const struct stats *s, int32_t measure)
{
    struct range r = { INFINITY, -INFINITY };
    for (int32_t g = 0; g < s->groups.n; g++)
        for (int32_t m = 0; m < s->months.n; m++) {
            double v = point_at(s, measure, g, m)->mean;
            if (isnan(v))
                continue;
            r.low = fmin(r.low, v);
            r.high = fmax(r.high, v);
        }
    return r;
}

static const char *short_number(struct dr_arena *a, double v)
{
    double size = fabs(v);
    return dr_arena_printf(a, "%.*f", size >= 100 ? 0 : size >= 10 ? 1 : 2, v);
}

/* A line breaks where a month is missing; a month between two gaps is a dot. */
static void put_line(struct dr_page *p, const struct stats *s, int32_t measure, int32_t group,
                     const struct range *r)
{
    DR_AUTO_BUF d = { 0 };
    bool pen = false;
    double span = r->high > r->low ? r->high - r->low : 1;
    for (int32_t m = 0; m < s->months.n; m++) {
        double v = point_at(s, measure, group, m)->mean;
        double x = s->months.n > 1 ? X0 + (double)m * (X1 - X0) / (s->months.n - 1) : (X0 + X1) / 2.0;
        double y = r->high > r->low ? Y1 - (v - r->low) * (Y1 - Y0) / span : (Y0 + Y1) / 2.0;
        bool alone = !pen && (m + 1 == s->months.n || isnan(point_at(s, measure, group, m + 1)->mean));
        if (!isnan(v) && alone)
            dr_buf_printf(&d, "M%.1f %.1fl2 2-2 2-2-2z", x, y - 2);
        else if (!isnan(v))
            dr_buf_printf(&d, "%c%.1f %.1f", pen ? 'L' : 'M', x, y);
        pen = !isnan(v);
    }
    if (d.n == 0)
        return;
    dr_html_open(p->h, "path", NULL);
    dr_html_attrf(p->h, "class", "line k%d", (int)group);
    dr_html_attrf(p->h, "d", "%s", dr_buf_cstr(&d));
    dr_html_close(p->h, "path");
}

static void put_axes(struct dr_page *p, const struct stats *s, const struct range *r)
{
    struct dr_arena *a = p->f->a;
    dr_html_open(p->h, "path", "class", "axis", NULL);
    dr_html_attrf(p->h, "d", "M%d %dH%dM%d %dH%d", X0, Y0, X1, X0, Y1, X1);
    dr_html_close(p->h, "path");
    dr_page_svg_text(p->h, X0 - 5, Y0 + 4, "soft", "end", short_number(a, r->high));
    if (r->high > r->low)
        dr_page_svg_text(p->h, X0 - 5, Y1 + 4, "soft", "end", short_number(a, r->low));
    dr_page_svg_text(p->h, X0, CHART_H - 8, "soft", "start", s->months.items[0]);
    if (s->months.n > 1)
        dr_page_svg_text(p->h, X1, CHART_H - 8, "soft", "end", s->months.items[s->months.n - 1]);
}

static void put_chart(struct dr_page *p, const struct stats *s, int32_t measure)
{
    struct dr_arena *a = p->f->a;
    struct range r = range_of(s, measure);
    const char *name = s->measures.items[measure];
    if (r.low > r.high)
        return;
    dr_html_open(p->h, "div", "class", "card", NULL);
    dr_html_open(p->h, "h4", NULL);
    dr_html_data(p->h, dr_str_of(name), DR_HTML_CELL_MAX);
    dr_html_close(p->h, "h4");
    dr_page_svg(
        p->h, CHART_W, CHART_H, dr_arena_printf(a, "Mean of %s by month", name),
        dr_arena_printf(a,
                        "%s from %s to %s; monthly means lie between %s and %s. The numbers are in the "
                        "table below.",
                        dr_words_count_of(a, s->groups.n, "line", "lines"), s->months.items[0],
                        s->months.items[s->months.n - 1], short_number(a, r.low), short_number(a, r.high)));
    put_axes(p, s, &r);
    for (int32_t g = 0; g < s->groups.n; g++)
        put_line(p, s, measure, g, &r);
    dr_html_close(p->h, "svg");
    dr_html_close(p->h, "div");
}

static void put_legend(struct dr_page *p, const struct stats *s)
{
    dr_html_open(p->h, "ul", "class", "legend", NULL);
    for (int32_t g = 0; g < s->groups.n; g++) {
        dr_html_open(p->h, "li", NULL);
        dr_html_open(p->h, "svg", "width", "30", "height", "8", "aria-hidden", "true", NULL);
        dr_html_open(p->h, "path", "d", "M1 4H29", NULL);
        dr_html_attrf(p->h, "class", "line k%d", (int)g);
        dr_html_close(p->h, "path");
        dr_html_close(p->h, "svg");
        dr_html_data(p->h, dr_str_of(s->groups.items[g]), DR_HTML_CELL_MAX);
        dr_html_close(p->h, "li");
    }
    dr_html_close(p->h, "ul");
}

/* ---- the numbers ---- */

static void put_table(struct dr_page *p, const struct stats *s, int32_t measure)
{
    struct dr_arena *a = p->f->a;
    dr_html_open(p->h, "div", "class", "scroll", "tabindex", "0", "role", "group", NULL);
    dr_html_attrf(p->h, "aria-label", "%s", s->measures.items[measure]);
    /* Alignment by the table, not by the cell: cells are most of the page. */
    dr_html_open(p->h, "table", "class", "nums", NULL);
    dr_html_leaf(p->h, "caption",
                 dr_arena_printf(a, "%s: mean, and of how many values", s->measures.items[measure]), NULL);
    dr_html_open(p->h, "thead", NULL);
    dr_html_open(p->h, "tr", NULL);
    dr_html_leaf(p->h, "th", "Month", "scope", "col", NULL);
    for (int32_t g = 0; g < s->groups.n; g++)
        dr_html_leaf(p->h, "th", s->groups.items[g], "scope", "col", "class", "n", NULL);
    dr_html_close(p->h, "tr");
    dr_html_close(p->h, "thead");
    dr_html_open(p->h, "tbody", NULL);
    for (int32_t m = 0; m < s->months.n; m++) {
        dr_html_open(p->h, "tr", NULL);
        dr_html_leaf(p->h, "th", s->months.items[m], "scope", "row", NULL);
        for (int32_t g = 0; g < s->groups.n; g++) {
            const struct point *x = point_at(s, measure, g, m);
            dr_html_open(p->h, "td", NULL);
            if (isnan(x->mean))
                dr_html_text(p->h, "\u2013");
            else
                dr_html_textf(p->h, "%s (%lld)", short_number(a, x->mean), (long long)x->n);
            dr_html_close(p->h, "td");
        }
        dr_html_close(p->h, "tr");
    }
    dr_html_close(p->h, "tbody");
    dr_html_close(p->h, "table");
    dr_html_close(p->h, "div");
}

static void put_notes(struct dr_page *p, const struct stats *s, const struct dr_export *e)
{
    dr_html_open(p->h, "p", "class", "muted", NULL);
    if (s->groups.cut)
        dr_html_textf(p->h, "Only the first %d groups are drawn. ", GROUPS_MAX);
    if (s->measures.cut)
        dr_html_textf(p->h, "Only the first %d measures are drawn. ", MEASURES_MAX);
    if (e->file) {
        dr_html_text(
            p->h, "All statistics (standard deviation, quantiles, patients, share out of range, change): ");
        dr_html_leaf(p->h, "a", e->file, "href", e->file, NULL);
    }
    dr_html_close(p->h, "p");
}

static void put_dataset(struct dr_page *p, const struct dr_export *e)
{
    struct layout l;
    struct stats s = { 0 };
    if (!e->table || dr_table_rows(e->table) == 0 || !find_layout(e->table, &l))
        return;
    read_stats(p->f->a, e->table, &l, &s);
    dr_html_leaf(p->h, "h3", e->dataset, NULL);
    put_legend(p, &s);
    dr_html_open(p->h, "div", "class", "multiples", NULL);
    for (int32_t m = 0; m < s.measures.n; m++)
        put_chart(p, &s, m);
    dr_html_close(p->h, "div");
    dr_html_open(p->h, "details", NULL);
    dr_html_leaf(p->h, "summary", "The numbers as tables", NULL);
    for (int32_t m = 0; m < s.measures.n; m++)
        put_table(p, &s, m);
    dr_html_close(p->h, "details");
    put_notes(p, &s, e);
    stats_done(&s);
}

void dr_section_monthly(struct dr_page *p)
{
    dr_page_section(p->h, "monthly", "Monthly statistics",
                    "Mean by month; a line for each group. A scale fits its own measure.");
    for (int32_t i = 0; i < p->exports->n; i++)
        if (p->exports->items[i].kind == DR_EXPORT_STATISTICS)
            put_dataset(p, &p->exports->items[i]);
    dr_html_close(p->h, "section");
}
