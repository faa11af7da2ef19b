/* pieces.c - what the sections of a page are put together from. */
#include "report/page.h"
#include "base/date.h"
#include "base/num.h"

/* ---- the frame ---- */

/* Nothing may be fetched from anywhere, and nothing sent. */
static const char content_policy[] =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'";

static void put_asset(struct dr_html *h, const char *element, const char *const *pieces)
{
    dr_html_open(h, element, NULL);
    for (; *pieces; pieces++)
        dr_html_raw(h, *pieces);
    dr_html_close(h, element);
}

void dr_page_begin(struct dr_html *h, const char *title)
{
    dr_html_open(h, "head", NULL);
    dr_html_leaf(h, "meta", NULL, "charset", "utf-8", NULL);
    dr_html_leaf(h, "meta", NULL, "http-equiv", "Content-Security-Policy", "content", content_policy, NULL);
    dr_html_leaf(h, "meta", NULL, "name", "viewport", "content", "width=device-width, initial-scale=1", NULL);
    dr_html_leaf(h, "meta", NULL, "name", "color-scheme", "content", "light dark", NULL);
    dr_html_leaf(h, "meta", NULL, "name", "referrer", "content", "no-referrer", NULL);
    dr_html_leaf(h, "title", title, NULL);
    put_asset(h, "style", dr_page_style);
    dr_html_close(h, "head");
    dr_html_open(h, "body", NULL);
    dr_html_leaf(h, "a", "Skip to the content", "class", "skip", "href", "#main", NULL);
}

void dr_page_end(struct dr_html *h)
{
    put_asset(h, "script", dr_page_script);
    dr_html_close(h, "body");
}

void dr_page_section(struct dr_html *h, const char *id, const char *title, const char *lead)
{
    dr_html_open(h, "section", "id", id, NULL);
    dr_html_attrf(h, "aria-labelledby", "h-%s", id);
    dr_html_open(h, "h2", NULL);
    dr_html_attrf(h, "id", "h-%s", id);
    dr_html_text(h, title);
    dr_html_close(h, "h2");
    if (lead)
        dr_html_leaf(h, "p", lead, "class", "lead", NULL);
}

/* ---- tones ---- */

static const struct {
    const char *class, *icon;
} tones[DR_TONES] = {
    [DR_TONE_GOOD] = { "good", "\u2713" }, [DR_TONE_NOTE] = { "note", "i" },
    [DR_TONE_WARN] = { "warn", "!" },      [DR_TONE_BAD] = { "bad", "\u2715" },
    [DR_TONE_ODD] = { "odd", "?" },        [DR_TONE_IDLE] = { "idle", "\u2013" },
};

const char *dr_tone_class(enum dr_tone t)
{
    return tones[t].class;
}

const char *dr_tone_icon(enum dr_tone t)
{
    return tones[t].icon;
}

enum dr_tone dr_tone_of_task(enum dr_task_state s)
{
    switch (s) {
    case DR_TASK_SUCCESS:
        return DR_TONE_GOOD;
    case DR_TASK_FAILED:
        return DR_TONE_BAD;
    case DR_TASK_UPSTREAM_FAILED:
    case DR_TASK_CANCELLED:
    case DR_TASK_UP_FOR_RETRY:
        return DR_TONE_WARN;
    default:
        return DR_TONE_IDLE;
    }
}

const char *dr_word_of_task(enum dr_task_state s)
{
    switch (s) {
    case DR_TASK_NONE:
        return "not started";
    case DR_TASK_UPSTREAM_FAILED:
        return "blocked";
    case DR_TASK_UP_FOR_RETRY:
        return "waits to retry";
    default:
        return dr_task_state_name(s);
    }
}

enum dr_tone dr_tone_of_run(enum dr_run_state s)
{
    switch (s) {
    case DR_RUN_SUCCESS:
        return DR_TONE_GOOD;
    case DR_RUN_FAILED:
        return DR_TONE_BAD;
    case DR_RUN_CANCELLED:
        return DR_TONE_WARN;
    default:
        return DR_TONE_IDLE;
    }
}

enum dr_tone dr_tone_of_severity(int32_t severity)
{
    return severity == DR_SEVERITY_CRITICAL  ? DR_TONE_BAD
           : severity == DR_SEVERITY_WARNING ? DR_TONE_WARN
                                             : DR_TONE_NOTE;
}

enum dr_tone dr_tone_of_check(const struct dr_fact_check *c)
{
    switch (c->outcome) {
    case DR_OUTCOME_PASSED:
        return DR_TONE_GOOD;
    case DR_OUTCOME_ERROR:
        return DR_TONE_ODD;
    default:
        return dr_tone_of_severity(c->severity);
    }
}

const char *dr_word_of_check(const struct dr_fact_check *c)
{
    return c->outcome == DR_OUTCOME_PASSED  ? "passed"
           : c->outcome == DR_OUTCOME_ERROR ? "not evaluated"
                                            : "failed";
}

void dr_page_badge(struct dr_html *h, enum dr_tone tone, const char *word)
{
    dr_html_open(h, "span", "class", "badge", NULL);
    dr_html_attrf(h, "data-tone", "%s", tones[tone].class);
    dr_html_leaf(h, "i", tones[tone].icon, "aria-hidden", "true", NULL);
    dr_html_text(h, word);
    dr_html_close(h, "span");
}

void dr_page_wide_svg(struct dr_html *h, int width, int height, int min_width, const char *title,
                      const char *desc)
{
    dr_html_open(h, "svg", "role", "img", "xmlns", "http://www.w3.org/2000/svg", NULL);
    dr_html_attrf(h, "width", "%d", width);
    dr_html_attrf(h, "height", "%d", height);
    dr_html_attrf(h, "viewBox", "0 0 %d %d", width, height);
    if (min_width > 0)
        dr_html_attrf(h, "style", "min-width:%dpx", min_width);
    dr_html_leaf(h, "title", title, NULL);
    dr_html_leaf(h, "desc", desc, NULL);
}

void dr_page_svg(struct dr_html *h, int width, int height, const char *title, const char *desc)
{
    dr_page_wide_svg(h, width, height, 0, title, desc);
}

void dr_page_svg_text(struct dr_html *h, double x, double y, const char *class, const char *anchor,
                      const char *text)
{
    dr_html_open(h, "text", "class", class, "text-anchor", anchor, NULL);
    dr_html_attrf(h, "x", "%.1f", x);
    dr_html_attrf(h, "y", "%.1f", y);
    dr_html_data(h, dr_str_of(text), DR_HTML_CELL_MAX);
    dr_html_close(h, "text");
}

void dr_page_rect(struct dr_html *h, const char *class, double x, double y, double width, double height)
{
    dr_html_open(h, "rect", "class", class, NULL);
    dr_html_attrf(h, "x", "%.1f", x);
    dr_html_attrf(h, "y", "%.1f", y);
    dr_html_attrf(h, "width", "%.1f", width);
    dr_html_attrf(h, "height", "%.1f", height);
    dr_html_close(h, "rect");
}

/* ---- tables and lists ---- */

static void put_head(struct dr_html *h, va_list ap)
{
    dr_html_open(h, "thead", NULL);
    dr_html_open(h, "tr", NULL);
    for (const char *name; (name = va_arg(ap, const char *));) {
        bool number = name[0] == '#';
        dr_html_leaf(h, "th", name + number, "scope", "col", "class", number ? "n" : NULL, NULL);
    }
    dr_html_close(h, "tr");
    dr_html_close(h, "thead");
}

void dr_page_table(struct dr_html *h, const char *caption, const char *class, ...)
{
    va_list ap;
    va_start(ap, class);
    dr_html_open(h, "div", "class", "scroll", "tabindex", "0", "role", "group", NULL);
    dr_html_attrf(h, "aria-label", "%s", caption);
    dr_html_open(h, "table", "class", class, NULL);
    dr_html_leaf(h, "caption", caption, NULL);
    put_head(h, ap);
    va_end(ap);
    dr_html_open(h, "tbody", NULL);
}

void dr_page_table_end(struct dr_html *h)
{
    dr_html_close(h, "tbody");
    dr_html_close(h, "table");
    dr_html_close(h, "div");
}

void dr_page_number(struct dr_html *h, int64_t v)
{
    DR_AUTO_BUF b = { 0 };
    dr_buf_put_count(&b, v);
    dr_html_leaf(h, "td", dr_buf_cstr(&b), "class", "n", NULL);
}

void dr_page_count_cell(struct dr_page *p, int64_t v)
{
    if (v >= 0)
        dr_page_number(p->h, v);
    else
        dr_html_leaf(p->h, "td", "\u2013", "class", "n", NULL);
}

void dr_page_cell(struct dr_html *h, const char *text)
{
    dr_html_open(h, "td", NULL);
    dr_html_data(h, dr_str_of(text), DR_HTML_CELL_MAX);
    dr_html_close(h, "td");
}

void dr_page_columns(struct dr_html *h, const char *columns)
{
    struct dr_str rest = dr_str_of(columns), one;
    for (bool first = true; columns && dr_str_split(&rest, ',', &one); first = false) {
        dr_html_text(h, first ? "" : ", ");
        dr_html_data(h, dr_str_trim(one), DR_HTML_CELL_MAX);
    }
}

void dr_page_fact(struct dr_html *h, const char *name, const char *fmt, ...)
{
    DR_AUTO_BUF b = { 0 };
    va_list ap;
    va_start(ap, fmt);
    dr_buf_vprintf(&b, fmt, ap);
    va_end(ap);
    dr_html_open(h, "div", NULL);
    dr_html_leaf(h, "dt", name, NULL);
    dr_html_leaf(h, "dd", dr_buf_cstr(&b), NULL);
    dr_html_close(h, "div");
}

/* ---- values as people read them ---- */

static const char *keep(struct dr_arena *a, const struct dr_buf *b)
{
    return dr_arena_dup(a, dr_buf_cstr(b), b->n);
}

const char *dr_words_count(struct dr_arena *a, int64_t v)
{
    DR_AUTO_BUF b = { 0 };
    dr_buf_put_count(&b, v);
    return keep(a, &b);
}

const char *dr_words_count_of(struct dr_arena *a, int64_t n, const char *one, const char *many)
{
    return dr_arena_printf(a, "%s %s", dr_words_count(a, n), n == 1 ? one : many);
}

const char *dr_words_duration(struct dr_arena *a, int64_t from_us, int64_t to_us)
{
    if (!from_us || !to_us)
        return "\u2013";
    DR_AUTO_BUF b = { 0 };
    dr_buf_put_duration(&b, to_us > from_us ? to_us - from_us : 0);
    return keep(a, &b);
}

const char *dr_words_time(struct dr_arena *a, int64_t us)
{
    if (!us)
        return "\u2013";
    char text[DR_TIME_TEXT];
    dr_format_timestamp(us - us % DR_US_PER_S, false, text);
    return dr_arena_printf(a, "%.10s %.8s UTC", text, text + 11);
}

const char *dr_words_percent(struct dr_arena *a, double part, double whole)
{
    if (whole <= 0)
        return "";
    double v = 100 * part / whole;
    if (v > 0 && v < 0.01)
        return "under 0.01 %";
    /* Two significant digits where it is small: 0.5 %, 4.4 %, 94.7 %. */
    return v >= 99.95 ? "100 %" : dr_arena_printf(a, v >= 10 ? "%.1f %%" : "%.2g %%", v);
}
