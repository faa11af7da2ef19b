/* token.c - windows of tokens, messages about them, escapes. */
#include "json/token.h"

bool dr_json_tokens_more(struct dr_json_tokens *t)
{
    bool more = dr_json_scan_more(&t->scan);
    t->next = t->scan.at;
    t->last = t->next + t->scan.count;
    return more;
}

static size_t explain_refused(const struct dr_json_tokens *t, char *ret, size_t size)
{
    size_t at = t->scan.refused_at;
    unsigned char byte = (unsigned char)t->text[at];
    if (t->scan.refused == DR_JSON_CONTROL && byte == '\n' && t->scan.lines)
        snprintf(ret, size, "the line ends inside a string");
    else if (t->scan.refused == DR_JSON_CONTROL)
        snprintf(ret, size, "a control character (byte 0x%02x) in a string must be written as \\u00%02x",
                 byte, byte);
    else
        snprintf(ret, size, "not valid UTF-8 (byte 0x%02x)", byte);
    return at;
}

size_t dr_json_explain(const struct dr_json_tokens *t, size_t at, const char *expected, char *ret,
                       size_t size)
{
    if (at >= t->n && t->scan.refused)
        return explain_refused(t, ret, size);
    if (at >= t->n)
        snprintf(ret, size, "expected %s, but the text ends here", expected);
    else if (t->text[at] == '\n')
        snprintf(ret, size, "expected %s, but the line ends here", expected);
    else if ((unsigned char)t->text[at] > 0x20 && (unsigned char)t->text[at] < 0x7F)
        snprintf(ret, size, "expected %s, found '%c'", expected, t->text[at]);
    else
        snprintf(ret, size, "expected %s, found byte 0x%02x", expected, (unsigned char)t->text[at]);
    return at < t->n ? at : t->n;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The code unit of the \uXXXX at p, or -1. */
static int32_t code_unit(const char *p, const char *end)
{
    int32_t unit = 0;
    if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
        return -1;
    for (int i = 2; i < 6; i++) {
        int digit = hex_value(p[i]);
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

static size_t encode_utf8(uint32_t c, char ret[4])
{
    if (c < 0x80) {
        ret[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        ret[i] = (char)(0x80 | (c & 0x3F));
    static const unsigned char lead[] = { 0, 0, 0xC0, 0xE0, 0xF0 };
    ret[0] = (char)(lead[n] | c);
    return n;
}

static size_t unescape_unicode(const char *p, const char *end, char ret[4], size_t *ret_taken,
                               const char **ret_why)
{
    int32_t unit = code_unit(p, end);
    *ret_taken = 6;
    if (unit < 0) {
        *ret_why = "\\u needs four hexadecimal digits";
        return 0;
    }
    if (unit < 0xD800 || unit > 0xDFFF)
        return encode_utf8((uint32_t)unit, ret);
    int32_t low = unit < 0xDC00 ? code_unit(p + 6, end) : -1;
    *ret_taken = 12;
    if (low < 0xDC00 || low > 0xDFFF) {
        *ret_why = "half of a surrogate pair, which is no character";
        return 0;
    }
    return encode_utf8(0x10000u + ((uint32_t)(unit - 0xD800) << 10) + (uint32_t)(low - 0xDC00), ret);
}

size_t dr_json_unescape(const char *p, const char *end, char ret[4], size_t *ret_taken, const char **ret_why)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    *ret_taken = 2;
    if (end - p >= 2 && p[1] == 'u')
        return unescape_unicode(p, end, ret, ret_taken, ret_why);
    const char *found = end - p >= 2 && p[1] ? strchr(from, p[1]) : NULL;
    if (!found) {
        *ret_why = "an escape must be one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX";
        return 0;
    }
    ret[0] = to[found - from];
    return 1;
}

int dr_json_digits(struct dr_str s)
{
    int digits = 0, zeros = 0;
    for (size_t i = 0; i < s.n && s.p[i] != 'e' && s.p[i] != 'E'; i++) {
        bool digit = s.p[i] >= '0' && s.p[i] <= '9';
        if (s.p[i] == '0' && digits > 0)
            zeros++;
        else if (digit && s.p[i] != '0') {
            digits += zeros + 1;
            zeros = 0;
        }
    }
    return digits;
}
