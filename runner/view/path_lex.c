/* path_lex.c - the words of a FHIRPath expression. */
#include "view/path_tree.h"
#include <stdarg.h>

int32_t path_fail(struct path_lexer *l, size_t at, const char *fmt, ...)
{
    char what[256];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    l->fail_at = at;
    return dr_fail(l->err, DR_EDEF, "path '%.*s', character %zu: %s", (int)(l->all.n < 120 ? l->all.n : 120),
                   l->all.p, at + 1, what);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_digit(c);
}

static char peek(const struct path_lexer *l, size_t ahead)
{
    return l->at + ahead < l->all.n ? l->all.p[l->at + ahead] : 0;
}

/* White space and comments. */
static int32_t skip(struct path_lexer *l)
{
    for (;;) {
        char c = peek(l, 0);
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
            l->at++;
        } else if (c == '/' && peek(l, 1) == '/') {
            while (l->at < l->all.n && l->all.p[l->at] != '\n')
                l->at++;
        } else if (c == '/' && peek(l, 1) == '*') {
            const char *end =
                l->at + 2 < l->all.n ? memmem(l->all.p + l->at + 2, l->all.n - l->at - 2, "*/", 2) : NULL;
            if (!end)
                return path_fail(l, l->at, "the comment has no end, */");
            l->at = (size_t)(end - l->all.p) + 2;
        } else {
            return DR_OK;
        }
    }
}

static size_t put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    out[0] = (char)(0xE0 | c >> 12);
    out[1] = (char)(0x80 | (c >> 6 & 0x3F));
    out[2] = (char)(0x80 | (c & 0x3F));
    return 3;
}

/* \uXXXX, l->at on the u. */
static int32_t unicode(struct path_lexer *l, uint32_t *ret)
{
    uint32_t v = 0;
    for (size_t i = 1; i <= 4; i++) {
        char c = peek(l, i);
        int digit = is_digit(c)            ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return path_fail(l, l->at - 1, "\\u is followed by four hexadecimal digits");
        v = v << 4 | (uint32_t)digit;
    }
    if (v == 0 || (v >= 0xD800 && v < 0xE000))
        return path_fail(l, l->at - 1, "\\u%04X is not a character", v);
    l->at += 4;
    *ret = v;
    return DR_OK;
}

static int32_t escape(struct path_lexer *l, char *out, size_t *n)
{
    static const char from[] = "nrtf'\"`\\/", to[] = "\n\r\t\f'\"`\\/";
    char c = peek(l, 0);
    const char *known = c ? strchr(from, c) : NULL;
    uint32_t code = 0;
    if (known) {
        out[(*n)++] = to[known - from];
    } else if (c == 'u') {
        DR_TRY(unicode(l, &code));
        *n += put_utf8(out + *n, code);
    } else {
        return path_fail(l, l->at - 1, "no such escape; \\' \\\\ \\n \\t \\uXXXX are");
    }
    l->at++;
    return DR_OK;
}

/* 'text', `name` or "text"; l->at on the quote. */
static int32_t quoted(struct path_lexer *l, struct dr_str *ret)
{
    size_t begin = l->at, n = 0;
    char quote = l->all.p[l->at++], *out = dr_arena_alloc(l->a, l->all.n - begin + 4);
    while (l->at < l->all.n && l->all.p[l->at] != quote) {
        char c = l->all.p[l->at++];
        if (c == '\\')
            DR_TRY(escape(l, out, &n));
        else
            out[n++] = c;
    }
    if (l->at == l->all.n)
        return path_fail(l, begin, "the text that begins here has no closing %c", quote);
    l->at++;
    out[n] = 0;
    *ret = (struct dr_str){ out, n };
    return DR_OK;
}

static struct dr_str word(struct path_lexer *l)
{
    size_t begin = l->at;
    while (is_word(peek(l, 0)))
        l->at++;
    return (struct dr_str){ l->all.p + begin, l->at - begin };
}

static struct dr_str number(struct path_lexer *l)
{
    size_t begin = l->at;
    while (is_digit(peek(l, 0)))
        l->at++;
    if (peek(l, 0) == '.' && is_digit(peek(l, 1))) {
        l->at++;
        while (is_digit(peek(l, 0)))
            l->at++;
    }
    return (struct dr_str){ l->all.p + begin, l->at - begin };
}

/* After @: 2010-01-02T10:30:00.000+02:00, T10:30. A minus or dot that no digit follows is not its. */
static struct dr_str time_text(struct path_lexer *l)
{
    size_t begin = l->at;
    bool clock = false;
    for (;;) {
        char c = peek(l, 0);
        bool joint = (c == '-' || c == '.' || c == '+') && is_digit(peek(l, 1));
        if (c == 'T')
            clock = true;
        if (!is_digit(c) && c != 'T' && !joint && !(clock && (c == ':' || c == 'Z')))
            break;
        l->at++;
    }
    return (struct dr_str){ l->all.p + begin, l->at - begin };
}

static int32_t symbol(struct path_lexer *l, struct dr_str *ret)
{
    static const char *const doubles[] = { "!=", "!~", "<=", ">=" };
    for (size_t i = 0; i < sizeof doubles / sizeof doubles[0]; i++)
        if (peek(l, 0) == doubles[i][0] && peek(l, 1) == doubles[i][1]) {
            *ret = (struct dr_str){ doubles[i], 2 };
            l->at += 2;
            return DR_OK;
        }
    if (!strchr(".,()[]{}=~<>+-*/|&", peek(l, 0)) || !peek(l, 0)) {
        DR_AUTO_BUF shown = { 0 };
        size_t n;
        (void)dr_utf8_next((struct dr_str){ l->all.p + l->at, l->all.n - l->at }, &n);
        dr_buf_put_visible(&shown, (struct dr_str){ l->all.p + l->at, n }, 0);
        return path_fail(l, l->at, "'%s' has no meaning here", dr_buf_cstr(&shown));
    }
    *ret = (struct dr_str){ l->all.p + l->at++, 1 };
    return DR_OK;
}

/* %name, %`name` or %'name'. */
static int32_t variable(struct path_lexer *l, struct dr_str *ret)
{
    size_t begin = l->at++;
    char c = peek(l, 0);
    if (c == '`' || c == '\'')
        return quoted(l, ret);
    *ret = word(l);
    return ret->n ? DR_OK : path_fail(l, begin, "%% is followed by the name of a constant");
}

int32_t path_next(struct path_lexer *l, struct path_token *ret)
{
    DR_TRY(skip(l));
    *ret = (struct path_token){ .at = l->at };
    char c = peek(l, 0);
    if (l->at == l->all.n) {
        ret->kind = PATH_END;
    } else if (is_digit(c)) {
        ret->kind = PATH_NUMBER;
        ret->text = number(l);
    } else if (is_word(c)) {
        ret->kind = PATH_WORD;
        ret->text = word(l);
    } else if (c == '\'' || c == '"') {
        ret->kind = PATH_STRING;
        return quoted(l, &ret->text);
    } else if (c == '`') {
        ret->kind = PATH_QUOTED;
        return quoted(l, &ret->text);
    } else if (c == '%') {
        ret->kind = PATH_VARIABLE;
        return variable(l, &ret->text);
    } else if (c == '$') {
        ret->kind = PATH_SPECIAL;
        l->at++;
        ret->text = word(l);
    } else if (c == '@') {
        ret->kind = PATH_TIME;
        l->at++;
        ret->text = time_text(l);
    } else {
        ret->kind = PATH_SYMBOL;
        return symbol(l, &ret->text);
    }
    return DR_OK;
}
