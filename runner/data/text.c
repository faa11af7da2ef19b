/* text.c - the wrapper of utf8proc. ASCII, which is most of what is read,
 * never reaches the library. */
#include "data/text.h"
#include <utf8proc.h>

bool dr_text_is_space(uint32_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
           c == 0x3000 || c == 0xFEFF;
}

static struct dr_str trim_start(struct dr_str s)
{
    while (s.n > 0) {
        size_t n;
        if (!dr_text_is_space(dr_utf8_next(s, &n)))
            break;
        s.p += n;
        s.n -= n;
    }
    return s;
}

static struct dr_str trim_end(struct dr_str s)
{
    while (s.n > 0) {
        size_t at = s.n - 1, n;
        while (at > 0 && s.n - at < 4 && ((unsigned char)s.p[at] & 0xC0) == 0x80)
            at--;
        uint32_t c = dr_utf8_next((struct dr_str){ s.p + at, s.n - at }, &n);
        if (at + n != s.n || !dr_text_is_space(c))
            break;
        s.n = at;
    }
    return s;
}

struct dr_str dr_text_trim(struct dr_str s)
{
    return trim_end(trim_start(s));
}

static bool is_ascii(struct dr_str s)
{
    unsigned char seen = 0;
    for (size_t i = 0; i < s.n; i++)
        seen |= (unsigned char)s.p[i];
    return seen < 0x80;
}

static int32_t put_ascii(struct dr_buf *out, struct dr_str s, enum dr_text_form form)
{
    char *to = dr_buf_reserve(out, s.n);
    if (!to)
        return DR_ELIMIT;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool upper = c >= 'A' && c <= 'Z', lower = c >= 'a' && c <= 'z';
        if ((upper && (form == DR_TEXT_FOLD || form == DR_TEXT_LOWER)) || (lower && form == DR_TEXT_UPPER))
            c ^= 0x20;
        to[i] = c;
    }
    to[s.n] = '\0';
    out->n += s.n;
    return DR_OK;
}

/* NFC and case folding, which may look at several code points at once. */
static int32_t put_mapped(struct dr_buf *out, struct dr_str s, bool fold, struct dr_err *err)
{
    utf8proc_uint8_t *text = NULL;
    utf8proc_option_t options = UTF8PROC_STABLE | UTF8PROC_COMPOSE | (fold ? UTF8PROC_CASEFOLD : 0);
    utf8proc_ssize_t n = utf8proc_map((const utf8proc_uint8_t *)s.p, (utf8proc_ssize_t)s.n, &text, options);
    if (n < 0)
        return dr_fail(err, DR_EINPUT, "cannot normalise text: %s", utf8proc_errmsg(n));
    int32_t rc = dr_buf_append(out, text, (size_t)n);
    free(text);
    return rc;
}

static int32_t put_cased(struct dr_buf *out, struct dr_str s, bool upper)
{
    while (s.n > 0) {
        size_t n;
        utf8proc_uint8_t bytes[4];
        utf8proc_int32_t c = (utf8proc_int32_t)dr_utf8_next(s, &n);
        utf8proc_ssize_t len = utf8proc_encode_char(upper ? utf8proc_toupper(c) : utf8proc_tolower(c), bytes);
        DR_TRY(dr_buf_append(out, bytes, (size_t)len));
        s.p += n;
        s.n -= n;
    }
    return DR_OK;
}

int32_t dr_text_put(struct dr_buf *out, struct dr_str s, enum dr_text_form form, struct dr_err *err)
{
    size_t before = out->n;
    int32_t rc;
    if (is_ascii(s))
        rc = put_ascii(out, s, form);
    else if (!dr_utf8_valid(s))
        return dr_fail(err, DR_EINPUT, "the text is not valid UTF-8");
    else if (form == DR_TEXT_NFC || form == DR_TEXT_FOLD)
        rc = put_mapped(out, s, form == DR_TEXT_FOLD, err);
    else
        rc = put_cased(out, s, form == DR_TEXT_UPPER);
    if (rc == DR_ELIMIT) {
        out->n = before;
        dr_fail(err, rc, "the text would grow past the buffer's limit");
    }
    return rc;
}
