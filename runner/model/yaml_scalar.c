/* yaml_scalar.c - the core schema of YAML 1.2 (section 10.3.2), by hand: it is
 * five regular expressions, and the writer asks it about every text. */
#include "model/yaml_scalar.h"
#include "base/num.h"
#include <math.h>

static bool one_of(struct dr_str s, const char *const *words)
{
    for (; *words; words++)
        if (dr_str_eq(s, dr_str_of(*words)))
            return true;
    return false;
}

static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
static const char *const trues[] = { "true", "True", "TRUE", NULL };
static const char *const falses[] = { "false", "False", "FALSE", NULL };
static const char *const infs[] = { ".inf", ".Inf", ".INF", NULL };
static const char *const nans[] = { ".nan", ".NaN", ".NAN", NULL };

static size_t digits(struct dr_str s, size_t at)
{
    size_t n = 0;
    while (at + n < s.n && s.p[at + n] >= '0' && s.p[at + n] <= '9')
        n++;
    return n;
}

static bool has_sign(struct dr_str s)
{
    return s.n > 0 && (s.p[0] == '+' || s.p[0] == '-');
}

static bool is_decimal(struct dr_str s)
{
    size_t start = has_sign(s) ? 1 : 0;
    return s.n > start && digits(s, start) == s.n - start;
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool is_float(struct dr_str s)
{
    size_t at = has_sign(s) ? 1 : 0;
    size_t whole = digits(s, at);
    at += whole;
    if (at < s.n && s.p[at] == '.') {
        size_t part = digits(s, at + 1);
        if (whole == 0 && part == 0)
            return false;
        at += 1 + part;
    } else if (whole == 0) {
        return false;
    }
    if (at == s.n)
        return true;
    if (s.p[at] != 'e' && s.p[at] != 'E')
        return false;
    at++;
    if (at < s.n && (s.p[at] == '+' || s.p[at] == '-'))
        at++;
    return at < s.n && digits(s, at) == s.n - at;
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 16;
}

/* 0x1F and 0o17. False where it is not of this form; *ret_fits tells whether
 * the value is within int64. */
static bool parse_based(struct dr_str s, int64_t *ret, bool *ret_fits)
{
    if (s.n < 3 || s.p[0] != '0' || (s.p[1] != 'x' && s.p[1] != 'o'))
        return false;
    int64_t base = s.p[1] == 'x' ? 16 : 8;
    int64_t value = 0;
    bool fits = true;
    for (size_t i = 2; i < s.n; i++) {
        int digit = digit_value(s.p[i]);
        if (digit >= base)
            return false;
        fits = fits && value <= (INT64_MAX - digit) / base;
        if (fits)
            value = value * base + digit;
    }
    *ret = value;
    *ret_fits = fits;
    return true;
}

static enum dr_yaml_resolved set_int(struct dr_node *n, int64_t value, bool fits)
{
    n->kind = DR_NODE_INT;
    n->i = value;
    n->f = (double)value;
    return fits ? DR_YAML_OK : DR_YAML_TOO_LARGE;
}

static enum dr_yaml_resolved resolve_float(struct dr_node *n)
{
    struct dr_str bare = n->text;
    bool negative = has_sign(bare) && bare.p[0] == '-';
    if (has_sign(bare))
        bare = (struct dr_str){ bare.p + 1, bare.n - 1 };
    if (one_of(bare, infs)) {
        n->kind = DR_NODE_FLOAT;
        n->f = negative ? -(double)INFINITY : (double)INFINITY;
    } else if (one_of(n->text, nans)) {
        n->kind = DR_NODE_FLOAT;
        n->f = (double)NAN;
    } else if (is_float(n->text)) {
        n->kind = DR_NODE_FLOAT;
        if (!dr_parse_f64(n->text, false, &n->f) || !isfinite(n->f))
            return DR_YAML_TOO_LARGE;
    } else {
        n->kind = DR_NODE_STRING;
    }
    return DR_YAML_OK;
}

enum dr_yaml_resolved dr_yaml_resolve(struct dr_node *n)
{
    int64_t value = 0;
    bool fits = true;
    if (one_of(n->text, nulls)) {
        n->kind = DR_NODE_NULL;
    } else if (one_of(n->text, trues) || one_of(n->text, falses)) {
        n->kind = DR_NODE_BOOL;
        n->i = one_of(n->text, trues);
    } else if (is_decimal(n->text)) {
        fits = dr_parse_i64(n->text, &value);
        return set_int(n, value, fits);
    } else if (parse_based(n->text, &value, &fits)) {
        return set_int(n, value, fits);
    } else {
        return resolve_float(n);
    }
    return DR_YAML_OK;
}

bool dr_yaml_is_text(struct dr_str text)
{
    struct dr_node n = { .text = text };
    return dr_yaml_resolve(&n) == DR_YAML_OK && n.kind == DR_NODE_STRING;
}
