/* encoding.c - UTF-16, Latin-1 and Windows-1252 to UTF-8.
 *
 * A UTF-16 code unit may be cut between its two bytes and a pair between its
 * surrogates; the decoder keeps one byte and one high surrogate for the next
 * piece. UTF-8 passes through untouched: its validity is the reader's
 * business, who knows lines and columns. */
#include "data/encoding.h"
#include <strings.h>

static const struct {
    const char *name;
    enum dr_encoding encoding;
} names[] = {
    { "utf-8", DR_ENCODING_UTF8 },         { "utf-16", DR_ENCODING_UTF16 },
    { "utf-16le", DR_ENCODING_UTF16LE },   { "utf-16be", DR_ENCODING_UTF16BE },
    { "latin-1", DR_ENCODING_LATIN1 },     { "utf8", DR_ENCODING_UTF8 },
    { "utf16", DR_ENCODING_UTF16 },        { "utf16le", DR_ENCODING_UTF16LE },
    { "utf16be", DR_ENCODING_UTF16BE },    { "utf-16-le", DR_ENCODING_UTF16LE },
    { "utf-16-be", DR_ENCODING_UTF16BE },  { "latin1", DR_ENCODING_LATIN1 },
    { "iso-8859-1", DR_ENCODING_LATIN1 },  { "windows-1252", DR_ENCODING_WINDOWS1252 },
    { "cp1252", DR_ENCODING_WINDOWS1252 },
};

int32_t dr_encoding_parse(const char *name, enum dr_encoding *ret, struct dr_err *err)
{
    if (!name) {
        *ret = DR_ENCODING_AUTO;
        return DR_OK;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcasecmp(name, names[i].name) == 0) {
            *ret = names[i].encoding;
            return DR_OK;
        }
    }
    return dr_fail(
        err, DR_EDEF,
        "unknown encoding '%.60s': expected utf-8, utf-16, utf-16le, utf-16be, latin-1 or windows-1252",
        name);
}

const char *dr_encoding_name(enum dr_encoding e)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].encoding == e)
            return names[i].name;
    return "utf-8";
}

int32_t dr_encoding_detect(enum dr_encoding named, struct dr_str start, enum dr_encoding *ret,
                           size_t *ret_mark, struct dr_err *err)
{
    bool is_utf8 = dr_str_starts(start, DR_LIT("\xEF\xBB\xBF"));
    bool is_le = dr_str_starts(start, DR_LIT("\xFF\xFE"));
    bool is_be = dr_str_starts(start, DR_LIT("\xFE\xFF"));
    bool guess = named == DR_ENCODING_AUTO || named == DR_ENCODING_UTF16;
    if (named == DR_ENCODING_UTF16 && !is_le && !is_be && start.n > 0)
        return dr_fail(err, DR_EINPUT,
                       "no byte order mark tells the byte order: set the encoding to utf-16le or utf-16be");
    *ret_mark = 0;
    if (is_le && (guess || named == DR_ENCODING_UTF16LE)) {
        *ret = DR_ENCODING_UTF16LE;
        *ret_mark = 2;
    } else if (is_be && (guess || named == DR_ENCODING_UTF16BE)) {
        *ret = DR_ENCODING_UTF16BE;
        *ret_mark = 2;
    } else {
        *ret = guess ? DR_ENCODING_UTF8 : named;
        if (*ret == DR_ENCODING_UTF8 && is_utf8)
            *ret_mark = 3;
    }
    return DR_OK;
}

/* Write a code point; surrogates too, in the form that UTF-8 forbids. */
static size_t put_utf8(uint32_t c, char *out)
{
    unsigned char *o = (unsigned char *)out;
    if (c < 0x80) {
        o[0] = (unsigned char)c;
        return 1;
    }
    if (c < 0x800) {
        o[0] = (unsigned char)(0xC0 | c >> 6);
        o[1] = (unsigned char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        o[0] = (unsigned char)(0xE0 | c >> 12);
        o[1] = (unsigned char)(0x80 | (c >> 6 & 0x3F));
        o[2] = (unsigned char)(0x80 | (c & 0x3F));
        return 3;
    }
    o[0] = (unsigned char)(0xF0 | c >> 18);
    o[1] = (unsigned char)(0x80 | (c >> 12 & 0x3F));
    o[2] = (unsigned char)(0x80 | (c >> 6 & 0x3F));
    o[3] = (unsigned char)(0x80 | (c & 0x3F));
    return 4;
}

static size_t put_unit(struct dr_decoder *d, uint16_t unit, char *out)
{
    size_t n = 0;
    bool low = (unit & 0xFC00) == 0xDC00;
    if (d->high && low) {
        uint32_t c = 0x10000 + ((uint32_t)(d->high & 0x3FF) << 10) + (unit & 0x3FF);
        d->high = 0;
        return put_utf8(c, out);
    }
    if (d->high) {
        n = put_utf8(d->high, out);
        d->high = 0;
    }
    if ((unit & 0xFC00) == 0xD800) {
        d->high = unit;
        return n;
    }
    return n + put_utf8(unit, out + n);
}

static size_t decode_utf16(struct dr_decoder *d, const char *p, size_t n, bool last, char *out)
{
    size_t o = 0;
    for (size_t i = 0; i < n; i++) {
        uint8_t byte = (uint8_t)p[i];
        if (!d->has_half) {
            d->half = byte;
            d->has_half = true;
            continue;
        }
        d->has_half = false;
        bool little = d->from == DR_ENCODING_UTF16LE;
        uint16_t unit = (uint16_t)(little ? byte << 8 | d->half : d->half << 8 | byte);
        o += put_unit(d, unit, out + o);
    }
    if (last && d->high)
        o += put_utf8(d->high, out + o);
    if (last && d->has_half)
        out[o++] = (char)0xFF;
    return o;
}

static size_t decode_latin1(const char *p, size_t n, char *out)
{
    size_t o = 0;
    for (size_t i = 0; i < n; i++)
        o += put_utf8((uint8_t)p[i], out + o);
    return o;
}

static size_t decode_windows1252(const char *p, size_t n, char *out)
{
    /* 0x80 to 0x9F, where it differs from Latin-1; 0: no character. */
    static const uint16_t own[32] = { 0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                      0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0,      0x017D, 0,
                                      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                      0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178 };
    size_t o = 0;
    for (size_t i = 0; i < n; i++) {
        uint8_t byte = (uint8_t)p[i];
        uint32_t c = byte >= 0x80 && byte < 0xA0 ? own[byte - 0x80] : byte;
        if (c || !byte)
            o += put_utf8(c, out + o);
        else
            out[o++] = (char)0xFF;
    }
    return o;
}

size_t dr_decode(struct dr_decoder *d, const char *p, size_t n, bool last, char *out)
{
    switch (d->from) {
    case DR_ENCODING_UTF16LE:
    case DR_ENCODING_UTF16BE:
        return decode_utf16(d, p, n, last, out);
    case DR_ENCODING_LATIN1:
        return decode_latin1(p, n, out);
    case DR_ENCODING_WINDOWS1252:
        return decode_windows1252(p, n, out);
    default:
        if (n > 0)
            memcpy(out, p, n);
        return n;
    }
}
