/* propose.c - a suite from a profile. It must pass on the profiled table, and
 * it should fail on a later delivery that was damaged on its way:
 *
 *     the columns and their order, the number of rows within half and double
 *     types as they were inferred; no gaps where there were none, else a few more
 *     a key; values of a small set, each of which occurs, with their shares
 *     pairs of values of two such columns, where one follows from the other
 *     the shape of codes; no spaces around texts, nothing misread as Latin-1
 *     ranges widened by a tenth, within each group where groups differ much
 *     means and medians within a quarter of a deviation
 *     dates not after the profiled ones and not in the future
 *
 * What a person knows better is easy to change: each entry stands alone. */
#include <math.h>
#include "base/date.h"
#include "base/num.h"
#include "expect/profile.h"
#include "model/yaml.h"

#define SET_MAX 30    /* values of a column that is a set of categories */
#define PAIRS_MAX 60  /* pairs of two such columns */
#define GROUPS_MAX 20 /* groups that have ranges of their own */
/* Columns among which groups and pairs are looked for: there is a pass over the rows for each pair. */
#define CATEGORIES_MAX 32
#define FEW_ROWS 20      /* a group of fewer says little */
#define RANGE_MARGIN 0.1 /* of the range, on each side */
#define MEAN_MARGIN 0.25 /* of the standard deviation */

struct writer {
    struct dr_profile *p;
    struct dr_buf *out;
    const struct dr_column_profile *categories[CATEGORIES_MAX]; /* the first with more than one value */
    int32_t n_categories;
};

/* ---- YAML ---- */

static void put_scalar(struct writer *w, const struct dr_value *v)
{
    DR_AUTO_ARENA a = { 0 };
    DR_AUTO_BUF text = { 0 };
    struct dr_value shown = *v;
    if (shown.kind == DR_VALUE_FLOAT && shown.f == floor(shown.f) && fabs(shown.f) < 1e15)
        shown = dr_value_of_int((int64_t)shown.f);
    dr_yaml_put_node(&text, dr_value_node(&a, &shown), 0);
    struct dr_str s = dr_str_trim(dr_buf_str(&text));
    bool flow = s.n == 0 || strpbrk(dr_buf_cstr(&text), ",[]{}#") != NULL;
    bool quoted = s.n && (s.p[0] == '"' || s.p[0] == '\'');
    if (!flow || quoted || shown.kind != DR_VALUE_TEXT) {
        (void)dr_buf_append(w->out, s.p, s.n);
        return;
    }
    (void)dr_buf_putc(w->out, '\'');
    for (size_t i = 0; i < v->s.n; i++)
        (void)dr_buf_printf(w->out, "%s%c", v->s.p[i] == '\'' ? "'" : "", v->s.p[i]);
    (void)dr_buf_putc(w->out, '\'');
}

static void put_text(struct writer *w, const char *text)
{
    struct dr_value v = dr_value_of_text(dr_str_of(text));
    put_scalar(w, &v);
}

/* Every number here was rounded to fewer digits, or is whole. */
static void put_number(struct writer *w, double f)
{
    (void)dr_buf_printf(w->out, f == floor(f) && fabs(f) < 1e15 ? "%.0f" : "%.6g", f);
}

/* "  - type: {column: name", to be closed. */
static void open_entry(struct writer *w, const char *type, const char *column)
{
    (void)dr_buf_printf(w->out, "  - %s: {", type);
    if (column) {
        (void)dr_buf_puts(w->out, "column: ");
        put_text(w, column);
    }
}

static void close_entry(struct writer *w)
{
    (void)dr_buf_puts(w->out, "}\n");
}

/* ---- the table ---- */

static void put_names(struct writer *w, int32_t n, const int32_t *columns)
{
    for (int32_t k = 0; k < n; k++) {
        (void)dr_buf_puts(w->out, k ? ", " : "");
        put_text(w, w->p->columns[columns ? columns[k] : k].name);
    }
}

static void propose_table(struct writer *w)
{
    struct dr_profile *p = w->p;
    open_entry(w, "expect_table_columns_to_match_ordered_list", NULL);
    (void)dr_buf_puts(w->out, "column_list: [");
    put_names(w, p->n, NULL);
    (void)dr_buf_puts(w->out, "]}\n    severity: critical\n");
    open_entry(w, "expect_table_row_count_to_be_between", NULL);
    (void)dr_buf_printf(w->out, "min_value: %lld, max_value: %lld}\n", (long long)(p->rows + 1) / 2,
                        (long long)p->rows * 2);
    if (p->n_key == 1) {
        open_entry(w, "expect_column_values_to_be_unique", p->columns[p->key[0]].name);
        close_entry(w);
    } else if (p->n_key) {
        open_entry(w, "expect_compound_columns_to_be_unique", NULL);
        (void)dr_buf_puts(w->out, "column_list: [");
        put_names(w, p->n_key, p->key);
        (void)dr_buf_puts(w->out, "]}\n");
    }
}

/* ---- any column ---- */

static bool is_category(const struct dr_profile *p, const struct dr_column_profile *c)
{
    return c->source->class == DR_CLASS_TEXT && c->distinct > 0 && c->distinct <= SET_MAX &&
           c->distinct * 5 <= p->rows - c->missing;
}

static void propose_presence(struct writer *w, const struct dr_column_profile *c)
{
    int64_t rows = w->p->rows;
    if (c->missing == rows) {
        return; /* nothing is known of it */
    }
    open_entry(w, "expect_column_values_to_not_be_null", c->name);
    if (c->missing) {
        double share = 1 - (double)c->missing / (double)rows;
        (void)dr_buf_puts(w->out, ", mostly: ");
        put_number(w, fmax(0, floor((share - 0.05 * share) * 1000) / 1000));
    }
    close_entry(w);
}

static void propose_type(struct writer *w, const struct dr_column_profile *c)
{
    if (c->source->class == DR_CLASS_EMPTY || c->type.type == DR_TYPE_DICT)
        return;
    open_entry(w, "expect_column_values_to_be_of_type", c->name);
    (void)dr_buf_printf(w->out, ", type_: %s", c->type.name);
    close_entry(w);
}

/* ---- text ---- */

static void put_values(struct writer *w, const struct dr_column_profile *c)
{
    (void)dr_buf_puts(w->out, "[");
    for (int32_t k = 0; k < c->n_top; k++) {
        (void)dr_buf_puts(w->out, k ? ", " : "");
        put_scalar(w, &c->top[k].value);
    }
    (void)dr_buf_puts(w->out, "]");
}

static void propose_set(struct writer *w, const struct dr_column_profile *c)
{
    double total = (double)(w->p->rows - c->missing), left = 1;
    open_entry(w, "expect_column_values_to_be_in_set", c->name);
    (void)dr_buf_puts(w->out, ", value_set: ");
    put_values(w, c);
    close_entry(w);
    if (total < FEW_ROWS * (double)c->distinct)
        return;
    open_entry(w, "expect_column_distinct_values_to_contain_set", c->name);
    (void)dr_buf_puts(w->out, ", value_set: ");
    put_values(w, c);
    close_entry(w);
    open_entry(w, "expect_column_psi_to_be_less_than", c->name);
    (void)dr_buf_puts(w->out, ", threshold: 0.25, partition_object: {values: ");
    put_values(w, c);
    (void)dr_buf_puts(w->out, ", weights: [");
    for (int32_t k = 0; k < c->n_top; k++) {
        double share = k + 1 == c->n_top ? left : round((double)c->top[k].count / total * 1e4) / 1e4;
        left -= share;
        (void)dr_buf_puts(w->out, k ? ", " : "");
        put_number(w, round(share * 1e4) / 1e4);
    }
    (void)dr_buf_puts(w->out, "]}}\n");
}

static void put_class(struct dr_buf *out, char c, int64_t n)
{
    static const char special[] = "\\^$.|?*+()[]{}";
    if (c == '9')
        (void)dr_buf_puts(out, "[0-9]");
    else if (c == 'A')
        (void)dr_buf_puts(out, "[A-Z]");
    else if (c == 'a')
        (void)dr_buf_puts(out, "[a-z]");
    else
        (void)dr_buf_printf(out, "%s%c", strchr(special, c) ? "\\" : "", c);
    if (n > 1)
        (void)dr_buf_printf(out, "{%lld}", (long long)n);
}

/* "P99999" as P[0-9]{5}: letters that all texts share stand for themselves. */
static void put_regex(const struct dr_column_profile *c, const struct dr_shape *shape, struct dr_buf *out)
{
    size_t shared = 0, least = strlen(shape->text);
    struct dr_str first = c->min.s, last = c->max.s; /* sorted by bytes: what these share, all do */
    while (shared < first.n && shared < last.n && shared < least && first.p[shared] == last.p[shared] &&
           !(first.p[shared] >= '0' && first.p[shared] <= '9'))
        shared++;
    (void)dr_buf_puts(out, "^");
    for (size_t i = 0; i < shared; i++)
        put_class(out, first.p[i] == 'A' || first.p[i] == 'a' || first.p[i] == '9' ? 0 : first.p[i], 1);
    for (size_t i = shared; shape->text[i];) {
        size_t n = 1;
        while (shape->text[i + n] == shape->text[i])
            n++;
        put_class(out, shape->text[i], (int64_t)n);
        i += n;
    }
    (void)dr_buf_puts(out, "$");
}

/* Codes have one or two shapes with a digit in them. */
static void propose_shape(struct writer *w, const struct dr_column_profile *c)
{
    DR_AUTO_BUF regex = { 0 };
    bool ascii = true;
    if (c->other_shapes || c->n_shapes == 0 || c->n_shapes > 2 || !strchr(c->shapes[0].text, '9'))
        return;
    for (int32_t k = 0; k < c->n_shapes; k++) {
        (void)dr_buf_puts(&regex, k ? "|" : "");
        put_regex(c, &c->shapes[k], &regex);
        for (const char *p = c->shapes[k].text; *p; p++)
            ascii &= (unsigned char)*p < 0x80 && (unsigned char)*p > 0x1f;
    }
    if (!ascii)
        return;
    open_entry(w, "expect_column_values_to_match_regex", c->name);
    (void)dr_buf_puts(w->out, ", regex: '");
    for (const char *p = dr_buf_cstr(&regex); *p; p++)
        (void)dr_buf_printf(w->out, "%s%c", *p == '\'' ? "'" : "", *p);
    (void)dr_buf_puts(w->out, "'");
    close_entry(w);
}

/* Whether a text has spaces around it, or what UTF-8 looks like when it was read as Latin-1. */
static bool is_untidy(struct dr_str s, bool spaces)
{
    if (spaces)
        return dr_str_trim(s).n != s.n;
    for (size_t i = 0; i + 1 < s.n; i++) {
        unsigned char a = (unsigned char)s.p[i], b = (unsigned char)s.p[i + 1];
        if ((a == 0xC3 && (b == 0x83 || b == 0x82)) || (a == 0xEF && b == 0xBF))
            return true;
    }
    return false;
}

static bool any_untidy(const struct dr_column_profile *c, bool spaces)
{
    for (int64_t i = 0; i < c->view->n_distinct; i++)
        if (is_untidy(c->view->distinct[i].value.s, spaces))
            return true;
    return false;
}

static void propose_text(struct writer *w, const struct dr_column_profile *c)
{
    if (is_category(w->p, c)) {
        propose_set(w, c);
        return;
    }
    propose_shape(w, c);
    open_entry(w, "expect_column_value_lengths_to_be_between", c->name);
    (void)dr_buf_printf(w->out, ", min_value: %lld, max_value: %lld", (long long)c->shortest,
                        (long long)(c->longest + c->longest / 2));
    close_entry(w);
    if (!any_untidy(c, true)) {
        open_entry(w, "expect_column_values_to_not_match_regex", c->name);
        (void)dr_buf_puts(w->out, ", regex: '^\\s|\\s$'}\n");
    }
    if (!any_untidy(c, false)) {
        open_entry(w, "expect_column_values_to_not_match_regex", c->name);
        (void)dr_buf_puts(w->out, ", regex: '[\\xC2\\xC3][\\x80-\\xBF]|\\x{FFFD}'}\n");
    }
}

/* ---- numbers ---- */

/* Rounded to three digits, away from the values. */
static double outward(double f, bool up)
{
    if (f == 0 || !isfinite(f))
        return f;
    double unit = pow(10, floor(log10(fabs(f))) - 2);
    return (up ? ceil(f / unit - 1e-9) : floor(f / unit + 1e-9)) * unit;
}

static void put_range(struct writer *w, double low, double high)
{
    double margin = (high - low) * RANGE_MARGIN;
    double from = low - margin, to = high + margin;
    if (low >= 0 && from < 0)
        from = 0;
    if (high <= 0 && to > 0)
        to = 0;
    (void)dr_buf_puts(w->out, ", min_value: ");
    put_number(w, outward(from, false));
    (void)dr_buf_puts(w->out, ", max_value: ");
    put_number(w, outward(to, true));
}

struct group {
    double low, high;
    int64_t n;
};

/* The extremes of a column of numbers for each code of a category. */
static struct group *groups_of(struct dr_profile *p, const struct dr_column_profile *c,
                               const struct dr_column_profile *by)
{
    struct group *g = dr_arena_array(&p->arena, (size_t)by->n_top + 1, sizeof *g);
    struct dr_map at = { 0 };
    int32_t hint[2] = { 0 };
    for (int32_t k = 0; k < by->n_top; k++)
        *dr_map_put(&at, by->top[k].value.s, NULL) = k;
    for (int64_t row = 0; row < p->rows; row++) {
        struct dr_value v = dr_source_value(c->source, row, &hint[0]),
                        key = dr_source_value(by->source, row, &hint[1]);
        int64_t *k = key.kind == DR_VALUE_TEXT ? dr_map_get(&at, key.s) : NULL;
        if (!k || !dr_value_is_number(&v))
            continue;
        struct group *x = &g[*k];
        x->low = x->n == 0 || v.f < x->low ? v.f : x->low;
        x->high = x->n == 0 || v.f > x->high ? v.f : x->high;
        x->n++;
    }
    dr_map_done(&at);
    return g;
}

/* How wide the groups' ranges are, of the whole range: 1 is no narrower. */
static double relative_width(const struct dr_column_profile *c, const struct dr_column_profile *by,
                             const struct group *g)
{
    double whole = c->max.f - c->min.f, sum = 0, n = 0;
    for (int32_t k = 0; k < by->n_top; k++)
        if (g[k].n) {
            sum += (g[k].high - g[k].low) * (double)g[k].n;
            n += (double)g[k].n;
        }
    return whole > 0 && n > 0 ? sum / n / whole : 1;
}

/* The category within whose groups the column has the narrowest ranges, or NULL. */
static const struct dr_column_profile *best_groups(const struct writer *w, const struct dr_column_profile *c,
                                                   struct group **ret)
{
    const struct dr_column_profile *best = NULL;
    double narrowest = 0.6;
    for (int32_t k = 0; k < w->n_categories; k++) {
        const struct dr_column_profile *by = w->categories[k];
        if (by == c || by->missing || by->n_top > GROUPS_MAX || by->n_top < 2)
            continue;
        struct group *g = groups_of(w->p, c, by);
        double width = relative_width(c, by, g);
        if (width >= narrowest)
            continue;
        narrowest = width;
        best = by;
        *ret = g;
    }
    return best;
}

static bool can_be_condition(struct dr_str s)
{
    return dr_utf8_valid(s) && !memchr(s.p, '\'', s.n) && !memchr(s.p, '"', s.n) && !memchr(s.p, '\\', s.n) &&
           !memchr(s.p, '`', s.n);
}

static void propose_group_ranges(struct writer *w, const struct dr_column_profile *c,
                                 const struct dr_column_profile *by, const struct group *g)
{
    for (int32_t k = 0; k < by->n_top; k++) {
        if (g[k].n < FEW_ROWS || !can_be_condition(by->top[k].value.s) ||
            !can_be_condition(dr_str_of(by->name)))
            continue;
        open_entry(w, "expect_column_values_to_be_between", c->name);
        put_range(w, g[k].low, g[k].high);
        (void)dr_buf_printf(w->out, "}\n    row_condition: '`%s` == \"%.*s\"'\n", by->name,
                            (int)by->top[k].value.s.n, by->top[k].value.s.p);
    }
}

/* Whole numbers of which there are very few: grades, 0 and 1. */
static bool is_flag(const struct dr_profile *p, const struct dr_column_profile *c)
{
    return c->type.type == DR_TYPE_INT64 && c->distinct <= 10 &&
           c->distinct * FEW_ROWS <= p->rows - c->missing;
}

static void propose_number(struct writer *w, const struct dr_column_profile *c)
{
    struct group *groups = NULL;
    if (is_flag(w->p, c)) {
        open_entry(w, "expect_column_values_to_be_in_set", c->name);
        (void)dr_buf_puts(w->out, ", value_set: ");
        put_values(w, c);
        close_entry(w);
        return;
    }
    if (!isfinite(c->min.f) || !isfinite(c->max.f) || c->type.type == DR_TYPE_BOOL)
        return;
    open_entry(w, "expect_column_values_to_be_between", c->name);
    put_range(w, c->min.f, c->max.f);
    close_entry(w);
    const struct dr_column_profile *by = best_groups(w, c, &groups);
    if (by)
        propose_group_ranges(w, c, by, groups);
    if (w->p->rows - c->missing < FEW_ROWS || c->deviation == 0 || c->distinct == w->p->rows)
        return;
    open_entry(w, "expect_column_mean_to_be_between", c->name);
    (void)dr_buf_puts(w->out, ", min_value: ");
    put_number(w, outward(c->mean - MEAN_MARGIN * c->deviation, false));
    (void)dr_buf_puts(w->out, ", max_value: ");
    put_number(w, outward(c->mean + MEAN_MARGIN * c->deviation, true));
    close_entry(w);
}

/* ---- times ---- */

static void propose_time(struct writer *w, const struct dr_column_profile *c)
{
    open_entry(w, "expect_column_values_to_be_between", c->name);
    (void)dr_buf_puts(w->out, ", min_value: ");
    put_scalar(w, &c->min);
    (void)dr_buf_puts(w->out, ", max_value: ");
    if (c->max.i > dr_now_us())
        put_scalar(w, &c->max);
    else
        (void)dr_buf_puts(w->out, "{$PARAMETER: now()}");
    close_entry(w);
    if (w->p->rows - c->missing < FEW_ROWS)
        return;
    open_entry(w, "expect_column_max_to_be_between", c->name);
    (void)dr_buf_puts(w->out, ", min_value: ");
    put_scalar(w, &c->quantile[4]);
    close_entry(w);
}

/* ---- pairs of categories ---- */

static int64_t count_pairs(struct dr_profile *p, const struct dr_column_profile *a,
                           const struct dr_column_profile *b, struct dr_value (*ret)[2])
{
    struct dr_map seen = { 0 };
    DR_AUTO_BUF key = { 0 };
    int32_t hint[2] = { 0 };
    int64_t n = 0;
    for (int64_t row = 0; row < p->rows && n <= PAIRS_MAX; row++) {
        struct dr_value x = dr_source_value(a->source, row, &hint[0]),
                        y = dr_source_value(b->source, row, &hint[1]);
        bool is_new;
        if (x.kind != DR_VALUE_TEXT || y.kind != DR_VALUE_TEXT)
            continue;
        dr_buf_clear(&key);
        (void)dr_buf_printf(&key, "%zu:", x.s.n);
        (void)dr_buf_append(&key, x.s.p, x.s.n);
        (void)dr_buf_append(&key, y.s.p, y.s.n);
        if (dr_map_get(&seen, dr_buf_str(&key)))
            continue;
        (void)dr_map_put(&seen, (struct dr_str){ dr_arena_dup(&p->arena, key.p, key.n), key.n }, &is_new);
        if (n < PAIRS_MAX) {
            ret[n][0] = x;
            ret[n][1] = y;
        }
        n++;
    }
    dr_map_done(&seen);
    return n;
}

static void propose_pair(struct writer *w, const struct dr_column_profile *a,
                         const struct dr_column_profile *b)
{
    struct dr_value pairs[PAIRS_MAX][2];
    int64_t n = count_pairs(w->p, a, b, pairs);
    if (n > PAIRS_MAX || n * 2 > a->distinct * b->distinct)
        return;
    open_entry(w, "expect_column_pair_values_to_be_in_set", NULL);
    (void)dr_buf_puts(w->out, "column_A: ");
    put_text(w, a->name);
    (void)dr_buf_puts(w->out, ", column_B: ");
    put_text(w, b->name);
    (void)dr_buf_puts(w->out, ", ignore_row_if: either_value_is_missing, value_pairs_set: [");
    for (int64_t k = 0; k < n; k++) {
        (void)dr_buf_puts(w->out, k ? ", [" : "[");
        put_scalar(w, &pairs[k][0]);
        (void)dr_buf_puts(w->out, ", ");
        put_scalar(w, &pairs[k][1]);
        (void)dr_buf_puts(w->out, "]");
    }
    (void)dr_buf_puts(w->out, "]}\n");
}

static void propose_pairs(struct writer *w)
{
    for (int32_t i = 0; i < w->n_categories; i++)
        for (int32_t k = i + 1; k < w->n_categories; k++)
            propose_pair(w, w->categories[i], w->categories[k]);
}

/* ---- the whole ---- */

static void find_categories(struct writer *w)
{
    for (int32_t k = 0; k < w->p->n && w->n_categories < CATEGORIES_MAX; k++) {
        const struct dr_column_profile *c = &w->p->columns[k];
        if (is_category(w->p, c) && c->distinct > 1)
            w->categories[w->n_categories++] = c;
    }
}

/* YAML takes up to 1,024 bytes for a key that is not marked as one, and an escape has up to ten for one. */
enum { KEY_PLAIN_MAX = 100 };

/* The suite's columns are some of the profile's, in their order and under the very same names. */
static void put_columns(struct writer *w)
{
    (void)dr_buf_puts(w->out, w->p->suite.n_columns ? "columns:\n" : "");
    const struct dr_column_profile *x = w->p->columns;
    for (int32_t k = 0; k < w->p->suite.n_columns; k++, x++) {
        const struct dr_suite_column *c = &w->p->suite.columns[k];
        while (x->name != c->name)
            x++;
        bool long_key = strlen(c->name) > KEY_PLAIN_MAX;
        (void)dr_buf_puts(w->out, long_key ? "  ? " : "  ");
        put_text(w, c->name);
        (void)dr_buf_printf(w->out, "%s: {type: %s", long_key ? "\n  " : "", x->type.name);
        if (c->format)
            (void)dr_buf_printf(w->out, ", format: '%s'", c->format);
        (void)dr_buf_puts(w->out, "}\n");
    }
}

static void propose_column(struct writer *w, const struct dr_column_profile *c)
{
    propose_presence(w, c);
    propose_type(w, c);
    if (c->view->n == 0)
        return;
    switch (c->source->class) {
    case DR_CLASS_TEXT:
        propose_text(w, c);
        break;
    case DR_CLASS_NUMBER:
        propose_number(w, c);
        break;
    case DR_CLASS_TIME:
        propose_time(w, c);
        break;
    default:
        break;
    }
}

int32_t dr_profile_propose(struct dr_profile *p, const char *name, struct dr_buf *out, struct dr_err *err)
{
    struct writer w = { .p = p, .out = out };
    find_categories(&w);
    (void)dr_buf_puts(out, "suite: ");
    put_text(&w, name);
    (void)dr_buf_puts(out, "\ndescription: Proposed from a profile; what is known better is to be changed\n");
    if (p->n_key) {
        (void)dr_buf_puts(out, "key: [");
        put_names(&w, p->n_key, p->key);
        (void)dr_buf_puts(out, "]\n");
    }
    put_columns(&w);
    (void)dr_buf_puts(out, "expectations:\n");
    propose_table(&w);
    for (int32_t k = 0; k < p->n; k++)
        propose_column(&w, &p->columns[k]);
    propose_pairs(&w);
    return dr_buf_ok(out) ? DR_OK : dr_fail(err, DR_ELIMIT, "the suite would be too large");
}
