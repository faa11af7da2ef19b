/* xml_scan.c - tags, declarations, comments and the rest, character by character. */
#include "xml_scan.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- the encoding ---- */

static bool is_known(const char *name, size_t n)
{
    static const char *const whole[] = { "UTF-8",    "UTF8",     "UTF-16", "UTF-16LE",
                                         "UTF-16BE", "US-ASCII", "ASCII" };
    static const char *const begin[] = { "ISO-8859-", "ISO_8859-", "LATIN", "WINDOWS-125", "CP125" };
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        if (strlen(whole[i]) == n && strncasecmp(whole[i], name, n) == 0)
            return true;
    for (size_t i = 0; i < sizeof begin / sizeof *begin; i++)
        if (strlen(begin[i]) < n && strncasecmp(begin[i], name, strlen(begin[i])) == 0)
            return true;
    return false;
}

/* Of `<?xml version="1.0" encoding="NAME"?>`, be it UTF-16, which is zeros between. */
static bool declares_known(const struct xml_scan *s)
{
    char p[sizeof s->start + 1];
    size_t n = 0;
    for (size_t i = 0; i < s->start_n; i++)
        if (s->start[i] > 0) /* nor a byte order mark */
            p[n++] = s->start[i];
    p[n] = 0;
    const char *end = memchr(p, '>', n);
    if (n < 5 || memcmp(p, "<?xml", 5) != 0 || !end)
        return true;
    const char *at = memmem(p, (size_t)(end - p), "encoding", 8);
    const char *open = at ? strpbrk(at, "\"'") : NULL;
    const char *close = open && open < end ? memchr(open + 1, *open, (size_t)(end - open - 1)) : NULL;
    return !close || is_known(open + 1, (size_t)(close - open - 1));
}

/* As libxml2 tells them apart (appendix F of XML 1.0), from the first bytes. */
static bool find_encoding(struct xml_scan *s)
{
    unsigned char b[4] = { 0 };
    memcpy(b, s->start, s->start_n < 4 ? s->start_n : 4);
    bool low_first = (b[0] == 0xFF && b[1] == 0xFE) || (b[0] == '<' && b[1] == 0);
    bool high_first = (b[0] == 0xFE && b[1] == 0xFF) || (b[0] == 0 && b[1] == '<');
    s->width = low_first || high_first ? 2 : 1;
    s->little = low_first;
    bool utf32 = low_first ? !b[2] && !b[3] : !b[0];
    bool ebcdic = b[0] == 0x4C;
    return (high_first || !utf32) && !ebcdic && declares_known(s);
}

/* ---- characters ---- */

static bool ends_in(const struct xml_scan *s, const char *end)
{
    uint64_t last = s->last;
    for (size_t n = strlen(end); n > 0; last >>= 8)
        if ((char)(last & 0xFF) != end[--n])
            return false;
    return true;
}

static void open_mark(struct xml_scan *s)
{
    s->in = XML_IN_TAG;
    s->since_open = 0;
    s->attributes = 0;
    s->equals = false;
}

/* What begins with <!, <!--, <![CDATA or <? is no tag. */
static void look_at_start(struct xml_scan *s)
{
    int was = s->in;
    if (s->since_open == 1 && ends_in(s, "<!"))
        s->in = XML_IN_DECLARATION;
    else if (s->since_open == 1 && ends_in(s, "<?"))
        s->in = XML_IN_INSTRUCTION;
    else if (s->since_open == 3 && ends_in(s, "<!--"))
        s->in = XML_IN_COMMENT;
    else if (s->since_open == 7 && ends_in(s, "<![CDATA"))
        s->in = XML_IN_CDATA;
    if ((int)s->in != was && s->in != XML_IN_DECLARATION)
        s->last = 0; /* what begins it is no part of what ends it */
}

static void scan_mark(struct xml_scan *s, char c)
{
    if (s->since_open < 8) {
        s->since_open++;
        look_at_start(s);
    }
    if (s->in != XML_IN_TAG && s->in != XML_IN_DECLARATION)
        return;
    s->declarations += s->in == XML_IN_DECLARATION;
    if (s->quote) {
        s->quote = c == s->quote ? 0 : s->quote;
    } else if (c == '<') {
        open_mark(s);
    } else if (c == '>') {
        s->in = XML_IN_TEXT;
    } else if (c == '"' || c == '\'') {
        s->quote = c;
        s->attributes += s->equals;
        s->equals = false;
    } else if (c != ' ' && (c < '\t' || c > '\r')) {
        s->equals = c == '=';
    }
}

static void scan_char(struct xml_scan *s, char c)
{
    s->last = s->last << 8 | (unsigned char)c;
    switch (s->in) {
    case XML_IN_TAG:
    case XML_IN_DECLARATION:
        scan_mark(s, c);
        break;
    case XML_IN_COMMENT:
        s->in = c == '>' && ends_in(s, "-->") ? XML_IN_TEXT : s->in;
        break;
    case XML_IN_CDATA:
        s->in = c == '>' && ends_in(s, "]]>") ? XML_IN_TEXT : s->in;
        break;
    case XML_IN_INSTRUCTION:
        s->in = c == '>' && ends_in(s, "?>") ? XML_IN_TEXT : s->in;
        break;
    default:
        if (c == '<')
            open_mark(s);
    }
}

static const char *problem_of(const struct xml_scan *s)
{
    if (s->attributes > XML_ATTRIBUTES_MAX)
        return "an element has more than 10000 attributes";
    if (s->declarations > XML_DECLARATIONS_MAX)
        return "its document type is longer than 65536 characters";
    return NULL;
}

static const char *scan_bytes(struct xml_scan *s, const char *p, size_t n)
{
    const char *problem = NULL;
    for (size_t i = 0; i < n && !problem; i++) {
        unsigned char c = (unsigned char)p[i];
        if (s->width == 2) {
            s->has_odd = !s->has_odd;
            if (s->has_odd) {
                s->odd = c;
                continue;
            }
            unsigned char high = s->little ? c : s->odd;
            c = s->little ? s->odd : c;
            c = high ? 0x80 : c;
        }
        scan_char(s, (char)c);
        problem = problem_of(s);
    }
    return problem;
}

/* ---- the document ---- */

static const char *begin(struct xml_scan *s)
{
    if (!find_encoding(s))
        return "its encoding is not UTF-8, UTF-16, ASCII, ISO-8859 or windows; convert it to UTF-8";
    s->in = XML_IN_TEXT;
    return scan_bytes(s, s->start, s->start_n);
}

const char *xml_scan(struct xml_scan *s, const char *p, size_t n)
{
    if (s->in == XML_IN_START) {
        size_t room = sizeof s->start - s->start_n, take = n < room ? n : room;
        memcpy(s->start + s->start_n, p, take);
        s->start_n += take;
        if (s->start_n < sizeof s->start)
            return NULL;
        const char *problem = begin(s);
        if (problem)
            return problem;
        p += take;
        n -= take;
    }
    return scan_bytes(s, p, n);
}
