/* html.c - the page is written as it is told, in one buffer.
 *
 * An element stays open for attributes until something follows; the stack of
 * elements says what to close, and whether text stands in <style> or <script>, where
 * nothing is escaped. put_escaped and put_url are the only ways in for anything else, so
 * there is nowhere to forget it. (A tree of libxml2 gave the same bytes for a third
 * more time and memory: a page is ten thousand nodes, and the library brings ICU along.) */
#include "report/html.h"
#include <assert.h>

enum { DEPTH_MAX = 64 };

struct dr_html {
    struct dr_buf page;
    const char *open[DEPTH_MAX]; /* names, borrowed: literals of the callers */
    int depth;
    bool in_tag;               /* of the innermost element: its '>' is not written yet */
    struct dr_buf shown, said; /* scratch: text made visible; text being put together */
};

struct dr_html *dr_html_new(void)
{
    struct dr_html *h = dr_calloc(1, sizeof(*h));
    dr_buf_puts(&h->page, "<!doctype html>\n");
    dr_html_open(h, "html", "lang", "en", NULL);
    return h;
}

void dr_html_free(struct dr_html *h)
{
    if (!h)
        return;
    dr_buf_done(&h->page);
    dr_buf_done(&h->shown);
    dr_buf_done(&h->said);
    free(h);
}

/* ---- escaping ---- */

static const char *entity_of(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    default:
        return NULL;
    }
}

/* set: those of & < > " that mean something here. */
static void put_escaped(struct dr_buf *b, struct dr_str s, const char *set)
{
    while (s.n > 0) {
        size_t plain = 0;
        while (plain < s.n && !(s.p[plain] && strchr(set, s.p[plain])))
            plain++;
        dr_buf_append(b, s.p, plain);
        if (plain == s.n)
            return;
        dr_buf_puts(b, entity_of(s.p[plain]));
        s.p += plain + 1;
        s.n -= plain + 1;
    }
}

/* A reference of ours: what no URL may hold is written as %XX; its own marks stay. */
static void put_url(struct dr_buf *b, struct dr_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= ' ' || c >= 0x7F || strchr("<>\"\\^`{|}", c))
            dr_buf_printf(b, "%%%02X", c);
        else
            put_escaped(b, (struct dr_str){ s.p + i, 1 }, "&");
    }
}

static void end_tag(struct dr_html *h)
{
    if (h->in_tag)
        dr_buf_putc(&h->page, '>');
    h->in_tag = false;
}

static bool is_one_of(const char *name, const char *const *names)
{
    while (*names && !dr_streq(name, *names))
        names++;
    return *names != NULL;
}

/* ---- text on its way in ---- */

static bool is_plain(struct dr_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)(s.p[i] - 0x20) >= 0x5F)
            return false;
    return true;
}

/* s made visible, with the note where it was cut; borrowed until the next call. */
static struct dr_str visible(struct dr_html *h, struct dr_str s, size_t max)
{
    if (s.n <= max && is_plain(s))
        return s;
    dr_buf_clear(&h->shown);
    dr_buf_put_visible(&h->shown, s, max);
    if (s.n > max && dr_utf8_length(s) > (int64_t)max)
        dr_buf_printf(&h->shown, " (cut; %lld characters in all)", (long long)dr_utf8_length(s));
    return dr_buf_str(&h->shown);
}

static void add_text(struct dr_html *h, struct dr_str s)
{
    static const char *const raw[] = { "style", "script", NULL };
    if (s.n == 0)
        return;
    end_tag(h);
    if (is_one_of(h->open[h->depth - 1], raw))
        dr_buf_append(&h->page, s.p, s.n);
    else
        put_escaped(&h->page, s, "&<>");
}

void dr_html_data(struct dr_html *h, struct dr_str text, size_t max)
{
    add_text(h, visible(h, text, max));
}

void dr_html_text(struct dr_html *h, const char *text)
{
    dr_html_data(h, dr_str_of(text), DR_HTML_TEXT_MAX);
}

void dr_html_textf(struct dr_html *h, const char *fmt, ...)
{
    va_list ap;
    dr_buf_clear(&h->said);
    va_start(ap, fmt);
    dr_buf_vprintf(&h->said, fmt, ap);
    va_end(ap);
    dr_html_data(h, dr_buf_str(&h->said), DR_HTML_TEXT_MAX);
}

void dr_html_lines(struct dr_html *h, struct dr_str text)
{
    DR_AUTO_BUF b = { 0 };
    struct dr_str line;
    while (dr_str_split(&text, '\n', &line)) {
        struct dr_str piece;
        for (bool first = true; dr_str_split(&line, '\t', &piece); first = false) {
            dr_buf_puts(&b, first ? "" : "\t");
            dr_buf_put_visible(&b, piece, DR_HTML_TEXT_MAX);
        }
        dr_buf_putc(&b, '\n');
    }
    add_text(h, dr_buf_str(&b));
}

void dr_html_raw(struct dr_html *h, const char *text)
{
    add_text(h, dr_str_of(text));
}

/* ---- elements ---- */

static void add_attr(struct dr_html *h, const char *name, struct dr_str value)
{
    assert(h->in_tag);
    struct dr_str shown = visible(h, value, DR_HTML_ATTR_MAX);
    dr_buf_printf(&h->page, " %s=\"", name);
    if (dr_streq(name, "href"))
        put_url(&h->page, shown);
    else
        put_escaped(&h->page, shown, "&<>\"");
    dr_buf_putc(&h->page, '"');
}

static void open_element(struct dr_html *h, const char *element, va_list ap)
{
    assert(h->depth < DEPTH_MAX);
    end_tag(h);
    dr_buf_putc(&h->page, '<');
    dr_buf_puts(&h->page, element);
    h->in_tag = true;
    h->open[h->depth++] = element;
    for (const char *name; (name = va_arg(ap, const char *));) {
        const char *value = va_arg(ap, const char *);
        if (value)
            add_attr(h, name, dr_str_of(value));
    }
}

static void close_element(struct dr_html *h)
{
    static const char *const empty[] = { "br", "col", "hr", "img", "input", "link", "meta", NULL };
    const char *element = h->open[--h->depth];
    end_tag(h);
    if (!is_one_of(element, empty))
        dr_buf_printf(&h->page, "</%s>", element);
}

void dr_html_open(struct dr_html *h, const char *element, ...)
{
    va_list ap;
    va_start(ap, element);
    open_element(h, element, ap);
    va_end(ap);
}

void dr_html_close(struct dr_html *h, const char *element)
{
    assert(dr_streq(h->open[h->depth - 1], element));
    (void)element;
    close_element(h);
}

void dr_html_leaf(struct dr_html *h, const char *element, const char *text, ...)
{
    va_list ap;
    va_start(ap, text);
    open_element(h, element, ap);
    va_end(ap);
    dr_html_text(h, text);
    close_element(h);
}

void dr_html_attrf(struct dr_html *h, const char *name, const char *fmt, ...)
{
    va_list ap;
    dr_buf_clear(&h->said);
    va_start(ap, fmt);
    dr_buf_vprintf(&h->said, fmt, ap);
    va_end(ap);
    add_attr(h, name, dr_buf_str(&h->said));
}

/* ---- the page as bytes ---- */

int32_t dr_html_put(struct dr_html *h, struct dr_buf *out, struct dr_err *err)
{
    assert(h->depth == 1);
    close_element(h);
    dr_buf_putc(&h->page, '\n');
    bool whole = dr_buf_ok(&h->page) && dr_buf_append(out, h->page.p, h->page.n) == DR_OK;
    if (!whole)
        return dr_fail(err, DR_ELIMIT, "the report could not be built: out of memory, or more than %zu MB",
                       (out->max ? out->max : DR_BUF_MAX) >> 20);
    return DR_OK;
}
