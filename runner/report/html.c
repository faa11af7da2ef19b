/* html.c - the one module that includes libxml2.
 *
 * The library is loaded when the first page is made, not linked: with ICU, which
 * it brings along, it would cost every start of the program some milliseconds.
 * libxml2's tree does the escaping; its HTML serialiser leaves the text of <style>
 * and <script> alone and writes void elements as HTML5 wants them. */
#include "report/html.h"
#include <assert.h>
#include <dlfcn.h>
#include <libxml/HTMLtree.h>
#include <libxml/tree.h>

#define LIBRARY "libxml2.so.2"
#define XML_FUNCTIONS(X)                                                                                     \
    X(htmlNewDocNoDtD)                                                                                       \
    X(htmlNodeDumpFormatOutput)                                                                              \
    X(xmlAddChild)                                                                                           \
    X(xmlDocSetRootElement)                                                                                  \
    X(xmlFreeDoc)                                                                                            \
    X(xmlNewDocRawNode)                                                                                      \
    X(xmlNewDocTextLen)                                                                                      \
    X(xmlNewProp)                                                                                            \
    X(xmlOutputBufferClose)                                                                                  \
    X(xmlOutputBufferCreateIO)                                                                               \
    X(xmlSetStructuredErrorFunc)

#define AS_FIELD(f) __typeof__(f) *f;
static struct {
    void *handle;
    XML_FUNCTIONS(AS_FIELD)
} xml;

struct dr_html {
    xmlDocPtr doc;             /* owned */
    xmlNodePtr at;             /* the innermost open element */
    struct dr_buf shown, said; /* scratch: text made visible; text being put together */
    bool failed;               /* the library gave NULL */
};

static const xmlChar *chars(const char *text)
{
    return (const xmlChar *)text;
}

/* POSIX promises that a function's address survives the way through void *. */
static bool find(const char *name, void *ret)
{
    void *symbol = dlsym(xml.handle, name);
    memcpy(ret, &symbol, sizeof(symbol));
    return symbol != NULL;
}

/* What fails is told by dr_html_put; the library would write to stderr. */
static void ignore(void *ctx, xmlErrorPtr error)
{
    (void)ctx;
    (void)error;
}

static int32_t load_library(struct dr_err *err)
{
    if (xml.handle)
        return DR_OK;
    xml.handle = dlopen(LIBRARY, RTLD_LAZY | RTLD_LOCAL);
    if (!xml.handle)
        return dr_fail(err, DR_ENOTFOUND, "reports need %s (Debian package libxml2): %s", LIBRARY, dlerror());
    bool complete = true;
#define FIND(f) complete &= find(#f, &xml.f);
    XML_FUNCTIONS(FIND)
    if (complete) {
        xml.xmlSetStructuredErrorFunc(NULL, ignore);
        return DR_OK;
    }
    dlclose(xml.handle);
    xml.handle = NULL;
    return dr_fail(err, DR_ENOTFOUND, "%s lacks functions that reports need; install libxml2 2.9", LIBRARY);
}

int32_t dr_html_new(struct dr_html **ret, struct dr_err *err)
{
    DR_TRY(load_library(err));
    struct dr_html *h = dr_calloc(1, sizeof(*h));
    h->doc = xml.htmlNewDocNoDtD(NULL, NULL);
    if (!h->doc)
        dr_die_oom(sizeof(*h->doc));
    h->at = xml.xmlNewDocRawNode(h->doc, NULL, chars("html"), NULL);
    if (!h->at)
        dr_die_oom(sizeof(*h->at));
    xml.xmlDocSetRootElement(h->doc, h->at);
    dr_html_attrf(h, "lang", "en");
    *ret = h;
    return DR_OK;
}

void dr_html_free(struct dr_html *h)
{
    if (!h)
        return;
    xml.xmlFreeDoc(h->doc);
    dr_buf_done(&h->shown);
    dr_buf_done(&h->said);
    free(h);
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
    if (s.n == 0)
        return;
    xmlNodePtr node = xml.xmlNewDocTextLen(h->doc, chars(s.p), (int)s.n);
    h->failed |= !node || !xml.xmlAddChild(h->at, node);
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
    struct dr_str shown = visible(h, value, DR_HTML_ATTR_MAX);
    /* Both sources of a visible text end in NUL. */
    h->failed |= !xml.xmlNewProp(h->at, chars(name), chars(shown.p));
}

static void open_element(struct dr_html *h, const char *element, va_list ap)
{
    xmlNodePtr node = xml.xmlNewDocRawNode(h->doc, NULL, chars(element), NULL);
    if (!node)
        dr_die_oom(sizeof(*node));
    h->failed |= !xml.xmlAddChild(h->at, node);
    h->at = node;
    for (const char *name; (name = va_arg(ap, const char *));) {
        const char *value = va_arg(ap, const char *);
        if (value)
            add_attr(h, name, dr_str_of(value));
    }
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
    assert(dr_streq((const char *)h->at->name, element));
    (void)element;
    h->at = h->at->parent;
}

void dr_html_leaf(struct dr_html *h, const char *element, const char *text, ...)
{
    va_list ap;
    va_start(ap, text);
    open_element(h, element, ap);
    va_end(ap);
    dr_html_text(h, text);
    h->at = h->at->parent;
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

static int append(void *ctx, const char *p, int n)
{
    return dr_buf_append(ctx, p, (size_t)n) ? -1 : n;
}

int32_t dr_html_put(struct dr_html *h, struct dr_buf *out, struct dr_err *err)
{
    assert(h->at->parent == (xmlNodePtr)h->doc);
    dr_buf_puts(out, "<!doctype html>\n");
    xmlOutputBufferPtr to = xml.xmlOutputBufferCreateIO(append, NULL, out, NULL);
    if (!to)
        dr_die_oom(sizeof(*to));
    xml.htmlNodeDumpFormatOutput(to, h->doc, h->at, NULL, 0);
    bool written = xml.xmlOutputBufferClose(to) >= 0;
    dr_buf_putc(out, '\n');
    if (h->failed || !written || !dr_buf_ok(out))
        return dr_fail(err, DR_ELIMIT, "the report could not be built: out of memory, or more than %zu MB",
                       (out->max ? out->max : DR_BUF_MAX) >> 20);
    return DR_OK;
}
