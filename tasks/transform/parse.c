/* Steps that read text as dates, numbers and ranges. */
#include "transform.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Map a text column to another type; refused cells get a reason unless silent.
 * A missing cell gets one too where `required`. */
static int32_t parse_column(struct work *w, const char *name, dr_map_fn fn, void *ctx, int32_t type,
                            const char *what, int required)
{
    struct dr_column *in = NULL, *out = NULL;
    DR_TRY(text_column(w, name, &in));
    int64_t rows = dr_table_rows(w->table);
    uint8_t *refused = need(calloc(1, bitmap_bytes(rows)));
    int32_t rc = fn ? dr_column_map(1, (const struct dr_column *const *)&in, fn, ctx, type, refused, &out,
                                    dr_task_err(w->t))
                    : dr_column_cast(in, type, refused, &out, dr_task_err(w->t));
    if (!rc) {
        refuse_bits(w, refused, name, what);
        memset(refused, 0, bitmap_bytes(rows));
        int64_t row = 0;
        for (int32_t k = 0; required && k < dr_column_chunks(in); k++) {
            struct dr_chunk chunk;
            dr_column_chunk(in, k, &chunk);
            for (int64_t i = 0; chunk.null_count && i < chunk.length; i++)
                if (!cell_present(&chunk, i))
                    set_bit(refused, row + i);
            row += chunk.length;
        }
        refuse_bits(w, refused, name, "is missing");
        rc = put_column(w, name, out);
    }
    free(refused);
    dr_column_unref(in);
    return rc;
}

static int64_t days_from_civil(int64_t y, int64_t m, int64_t d)
{
    /* Days since 1970-01-01; H. Hinnant, "chrono-compatible low-level date algorithms" (2014). */
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400, doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static int civil_exists(int y, int m, int d)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    int leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    return y >= 1 && y <= 9999 && m >= 1 && m <= 12 && d >= 1 && d <= days[m - 1] + (m == 2 && leap);
}

struct date_rule {
    const struct dr_node *formats;
    int64_t earliest, latest; /* days; what lies outside is refused */
};

/* One text by one strptime format; the whole text must match a date that exists. */
static int read_date(const char *text, const char *format, int64_t *ret)
{
    struct tm tm;
    memset(&tm, 0, sizeof tm);
    const char *end = strptime(text, format, &tm);
    if (!end || *end || !civil_exists(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday))
        return 0;
    *ret = days_from_civil(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
    return 1;
}

static void date_cell(void *ctx, int32_t n_args, const struct dr_cell *args, struct dr_cell *ret)
{
    const struct date_rule *rule = ctx;
    char text[64];
    (void)n_args;
    ret->state = args[0].state ? 2 : 0;
    if (!args[0].state || args[0].n >= (int64_t)sizeof text || memchr(args[0].p, 0, (size_t)args[0].n))
        return;
    memcpy(text, args[0].p, (size_t)args[0].n);
    text[args[0].n] = 0;
    for (int64_t i = 0; i < dr_node_size(rule->formats); i++) {
        if (!read_date(text, dr_node_str(dr_node_at(rule->formats, i), ""), &ret->i))
            continue;
        ret->state = ret->i >= rule->earliest && ret->i <= rule->latest ? 1 : 2;
        return;
    }
}

static int32_t date_limit(struct work *w, const struct dr_node *args, const char *key, const char *fallback,
                          int64_t *ret)
{
    const char *text = dr_node_str(dr_node_get(args, key), fallback);
    if (!read_date(text, "%Y-%m-%d", ret))
        return dr_task_fail_final(w->t, "step %s: %s: '%s' is not a date YYYY-MM-DD", w->step, key, text);
    return 0;
}

int32_t step_parse_date(struct work *w, const struct dr_node *args)
{
    struct date_rule rule = { .formats = dr_node_get(args, "formats") };
    if (!dr_node_size(rule.formats))
        return dr_task_fail_final(w->t, "step parse_date: give formats: [\"%%Y-%%m-%%d\", ...]");
    DR_TRY(date_limit(w, args, "earliest", "1900-01-01", &rule.earliest));
    DR_TRY(date_limit(w, args, "latest", "9999-12-31", &rule.latest));
    return parse_column(w, arg_text(args, "column"), date_cell, &rule, DR_TYPE_DATE,
                        "is not a date of the agreed forms and years",
                        dr_node_bool(dr_node_get(args, "required"), 1));
}

int32_t step_parse_number(struct work *w, const struct dr_node *args)
{
    return parse_column(w, arg_text(args, "column"), NULL, NULL, DR_TYPE_FLOAT64, "is not a number",
                        dr_node_bool(dr_node_get(args, "required"), 1));
}

/* A plain decimal at *p, blanks around it skipped. */
static int read_decimal(const char **p, double *ret)
{
    while (**p == ' ')
        (*p)++;
    size_t n = strspn(*p, "0123456789.");
    if (!n || n > 20)
        return 0;
    char text[24], *end;
    memcpy(text, *p, n);
    text[n] = 0;
    *ret = strtod(text, &end);
    if (*end)
        return 0;
    *p += n;
    while (**p == ' ')
        (*p)++;
    return 1;
}

/* "3.5-5.1", "<150", "<= 5", "> 60": *low or *high is NaN where it is open.
 * A range the wrong way round is none. */
static int read_range(const char *p, double *low, double *high)
{
    *low = *high = __builtin_nan("");
    int sign = *p == '<' || *p == '>' ? *p++ : 0;
    if (sign && *p == '=')
        p++;
    if (sign)
        return read_decimal(&p, sign == '<' ? high : low) && !*p;
    if (!read_decimal(&p, low) || *p++ != '-' || !read_decimal(&p, high) || *p)
        return 0;
    return *low < *high;
}

static void range_end(const struct dr_cell *arg, int want_high, struct dr_cell *ret)
{
    char text[64];
    double low, high;
    ret->state = arg->state ? 2 : 0;
    if (!arg->state || arg->n >= (int64_t)sizeof text || memchr(arg->p, 0, (size_t)arg->n))
        return;
    memcpy(text, arg->p, (size_t)arg->n);
    text[arg->n] = 0;
    if (!read_range(text, &low, &high))
        return;
    ret->f = want_high ? high : low;
    ret->state = ret->f == ret->f;
}

static void range_low(void *ctx, int32_t n_args, const struct dr_cell *args, struct dr_cell *ret)
{
    (void)ctx;
    (void)n_args;
    range_end(&args[0], 0, ret);
}

static void range_high(void *ctx, int32_t n_args, const struct dr_cell *args, struct dr_cell *ret)
{
    (void)ctx;
    (void)n_args;
    range_end(&args[0], 1, ret);
}

/* An unreadable range is no reason to lose a result: both ends are missing, and
 * the count is kept as a metric. */
int32_t step_parse_range(struct work *w, const struct dr_node *args)
{
    static const dr_map_fn ends[] = { range_low, range_high };
    static const char *const keys[] = { "low", "high" };
    struct dr_column *in = NULL;
    DR_TRY(text_column(w, arg_text(args, "column"), &in));
    int64_t rows = dr_table_rows(w->table);
    uint8_t *refused = need(calloc(1, bitmap_bytes(rows)));
    int32_t rc = 0;
    for (int k = 0; k < 2 && !rc; k++) {
        struct dr_column *out = NULL;
        rc = dr_column_map(1, (const struct dr_column *const *)&in, ends[k], NULL, DR_TYPE_FLOAT64, refused,
                           &out, dr_task_err(w->t));
        if (!rc)
            rc = put_column(w, dr_node_str(dr_node_get(args, keys[k]), keys[k]), out);
    }
    for (int64_t i = 0; i < rows; i++)
        w->ranges_unreadable += get_bit(refused, i);
    w->parses_ranges = 1;
    free(refused);
    dr_column_unref(in);
    return rc;
}
