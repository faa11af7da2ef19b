/* json_text.c - see json_text.h. A recursive descent; without an arena it only
 * checks, and allocates nothing. */
#include "expect/json_text.h"
#include <math.h>
#include "base/num.h"

#define DEPTH_MAX 500
#define KEYS_MAX 20000 /* of one object that is built: a key is looked for among all */

struct reader {
    struct dr_arena *arena; /* NULL: check only */
    const char *p, *end;
    int depth;
};

static bool value(struct reader *r, struct dr_node **ret);

static void skip_space(struct reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
        r->p++;
}

static bool take(struct reader *r, char c)
{
    if (r->p == r->end || *r->p != c)
        return false;
    r->p++;
    return true;
}

static bool take_text(struct reader *r, struct dr_str word)
{
    if (!dr_str_starts((struct dr_str){ r->p, (size_t)(r->end - r->p) }, word))
        return false;
    r->p += word.n;
    return true;
}

/* ---- texts ---- */

static bool hex4(struct reader *r, uint32_t *ret)
{
    *ret = 0;
    for (int k = 0; k < 4; k++, r->p++) {
        char c = r->p < r->end ? *r->p : 0, low = (char)(c | 32);
        bool digit = c >= '0' && c <= '9', letter = low >= 'a' && low <= 'f';
        if (!digit && !letter)
            return false;
        *ret = *ret * 16 + (uint32_t)(digit ? c - '0' : low - 'a' + 10);
    }
    return true;
}

static void put_utf8(char **out, uint32_t c)
{
    char *o = *out;
    if (c < 0x80) {
        *o++ = (char)c;
    } else if (c < 0x800) {
        *o++ = (char)(0xC0 | c >> 6);
        *o++ = (char)(0x80 | (c & 63));
    } else if (c < 0x10000) {
        *o++ = (char)(0xE0 | c >> 12);
        *o++ = (char)(0x80 | (c >> 6 & 63));
        *o++ = (char)(0x80 | (c & 63));
    } else {
        *o++ = (char)(0xF0 | c >> 18);
        *o++ = (char)(0x80 | (c >> 12 & 63));
        *o++ = (char)(0x80 | (c >> 6 & 63));
        *o++ = (char)(0x80 | (c & 63));
    }
    *out = o;
}

/* After "\u": one code unit, or a pair. An escape is never shorter than its UTF-8. */
static bool unicode_escape(struct reader *r, uint32_t *ret)
{
    uint32_t low;
    if (!hex4(r, ret))
        return false;
    bool high = *ret >= 0xD800 && *ret < 0xDC00;
    const char *after = r->p;
    if (high && take_text(r, DR_LIT("\\u")) && hex4(r, &low) && low >= 0xDC00 && low < 0xE000) {
        *ret = 0x10000 + ((*ret - 0xD800) << 10) + (low - 0xDC00);
        return true;
    }
    r->p = after;
    if (*ret >= 0xD800 && *ret < 0xE000)
        *ret = 0xFFFD;
    return true;
}

static bool escape(struct reader *r, uint32_t *ret)
{
    static const char names[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    if (r->p == r->end)
        return false;
    char c = *r->p++;
    if (c == 'u')
        return unicode_escape(r, ret);
    const char *at = memchr(names, c, sizeof names - 1);
    *ret = at ? (unsigned char)meant[at - names] : 0;
    return at != NULL;
}

/* After the opening quote. */
static bool string(struct reader *r, struct dr_str *ret)
{
    const char *quote = r->p;
    while (quote < r->end && *quote != '"')
        quote += *quote == '\\' && quote + 1 < r->end ? 2 : 1;
    if (quote >= r->end)
        return false;
    char *text = r->arena ? dr_arena_alloc(r->arena, (size_t)(quote - r->p) + 1) : NULL, *out = text;
    while (r->p < quote) {
        char c = *r->p++, scratch[4], *one = scratch;
        uint32_t code = 0;
        if ((unsigned char)c < 0x20 || (c == '\\' && !escape(r, &code)))
            return false;
        if (c == '\\' && text)
            put_utf8(&out, code);
        else if (c == '\\')
            put_utf8(&one, code);
        else if (text)
            *out++ = c;
    }
    r->p = quote + 1;
    *ret = (struct dr_str){ text, (size_t)(out - text) };
    return true;
}

/* ---- numbers ---- */

static bool digits(struct reader *r)
{
    const char *from = r->p;
    while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
        r->p++;
    return r->p > from;
}

static bool number(struct reader *r, struct dr_node **ret)
{
    const char *from = r->p;
    (void)take(r, '-');
    if (!take(r, '0') && !digits(r))
        return false;
    bool whole = true;
    if (take(r, '.')) {
        whole = false;
        if (!digits(r))
            return false;
    }
    if (take(r, 'e') || take(r, 'E')) {
        whole = false;
        if (!take(r, '+'))
            (void)take(r, '-');
        if (!digits(r))
            return false;
    }
    if (!r->arena)
        return true;
    struct dr_str text = { from, (size_t)(r->p - from) };
    int64_t i;
    double f = 0;
    if (whole && dr_parse_i64(text, &i)) {
        *ret = dr_node_new_int(r->arena, i);
        return true;
    }
    if (!dr_parse_f64(text, true, &f))
        f = *from == '-' ? -INFINITY : INFINITY; /* too large for a float */
    *ret = dr_node_new_float(r->arena, f);
    return true;
}

/* ---- the rest ---- */

static bool items(struct reader *r, struct dr_node *list)
{
    skip_space(r);
    if (take(r, ']'))
        return true;
    do {
        struct dr_node *item = NULL;
        if (!value(r, &item))
            return false;
        if (list)
            dr_node_add(r->arena, list, item);
    } while (take(r, ','));
    return take(r, ']');
}

static bool members(struct reader *r, struct dr_node *map)
{
    skip_space(r);
    if (take(r, '}'))
        return true;
    do {
        struct dr_str key;
        struct dr_node *member = NULL;
        skip_space(r);
        if (!take(r, '"') || !string(r, &key))
            return false;
        skip_space(r);
        if (!take(r, ':') || !value(r, &member))
            return false;
        if (map && map->n >= KEYS_MAX)
            return false;
        if (map)
            dr_node_set(r->arena, map, key, member);
    } while (take(r, ','));
    return take(r, '}');
}

static bool container(struct reader *r, struct dr_node **ret)
{
    bool list = *r->p == '[';
    struct dr_node *n = r->arena ? dr_node_new(r->arena, list ? DR_NODE_LIST : DR_NODE_MAP) : NULL;
    if (++r->depth > DEPTH_MAX)
        return false;
    r->p++;
    if (!(list ? items(r, n) : members(r, n)))
        return false;
    r->depth--;
    *ret = n;
    return true;
}

/* true, NaN and their like. */
static bool word(struct reader *r, struct dr_node **ret)
{
    static const struct {
        const char *text;
        int32_t kind;
        double f;
    } words[] = { { "true", DR_NODE_BOOL, 1 },
                  { "false", DR_NODE_BOOL, 0 },
                  { "null", DR_NODE_NULL, 0 },
                  { "NaN", DR_NODE_FLOAT, NAN },
                  { "Infinity", DR_NODE_FLOAT, INFINITY },
                  { "-Infinity", DR_NODE_FLOAT, -INFINITY } };
    for (size_t k = 0; k < sizeof words / sizeof words[0]; k++) {
        if (!take_text(r, dr_str_of(words[k].text)))
            continue;
        if (r->arena)
            *ret = words[k].kind == DR_NODE_BOOL    ? dr_node_new_bool(r->arena, words[k].f != 0)
                   : words[k].kind == DR_NODE_FLOAT ? dr_node_new_float(r->arena, words[k].f)
                                                    : dr_node_new(r->arena, DR_NODE_NULL);
        return true;
    }
    return false;
}

/* One value and the space around it. */
static bool value(struct reader *r, struct dr_node **ret)
{
    struct dr_str s;
    skip_space(r);
    bool ok;
    if (r->p == r->end)
        return false;
    if (*r->p == '[' || *r->p == '{') {
        ok = container(r, ret);
    } else if (take(r, '"')) {
        ok = string(r, &s);
        if (ok && r->arena)
            *ret = dr_node_new_str(r->arena, s);
    } else {
        ok = word(r, ret) || number(r, ret);
    }
    skip_space(r);
    return ok;
}

bool dr_json_text_read(struct dr_arena *a, struct dr_str text, struct dr_node **ret)
{
    struct reader r = { .arena = a, .p = text.p, .end = text.p + text.n };
    struct dr_node *n = NULL;
    if (!dr_utf8_valid(text) || !value(&r, &n) || r.p != r.end)
        return false;
    if (ret)
        *ret = n;
    return true;
}
