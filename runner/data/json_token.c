/* json_token.c - escapes. */
#include "data/json_token.h"

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
