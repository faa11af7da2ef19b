/* decimal.c - decimal128 to text and back. */
#include "data/decimal.h"

static dr_uint128 power_of_ten(int32_t n)
{
    dr_uint128 p = 1;
    for (int32_t i = 0; i < n; i++)
        p *= 10;
    return p;
}

static dr_uint128 magnitude(dr_int128 v)
{
    return v < 0 ? -(dr_uint128)v : (dr_uint128)v;
}

size_t dr_format_decimal(dr_int128 v, int32_t scale, char ret[DR_DECIMAL_TEXT])
{
    char digits[64]; /* last digit first */
    int32_t n = 0;
    size_t at = 0;
    for (dr_uint128 rest = magnitude(v); rest || n == 0; rest /= 10)
        digits[n++] = (char)('0' + (int)(rest % 10));
    if (v < 0)
        ret[at++] = '-';
    for (int32_t i = (n > scale ? n : scale + 1) - 1; i >= 0; i--) {
        ret[at++] = i < n ? digits[i] : '0';
        if (i == scale && i > 0)
            ret[at++] = '.';
    }
    for (int32_t i = scale; i < 0 && v != 0; i++)
        ret[at++] = '0';
    ret[at] = 0;
    return at;
}

/* A decimal text being read. */
struct scan {
    struct dr_str s;
    size_t at;
    dr_uint128 value;
    int32_t digits;   /* significant ones */
    int32_t fraction; /* digits after the point */
    bool any;
};

static bool is_digit(const struct scan *t)
{
    return t->at < t->s.n && t->s.p[t->at] >= '0' && t->s.p[t->at] <= '9';
}

static bool scan_digits(struct scan *t, bool fraction)
{
    for (; is_digit(t); t->at++) {
        int digit = t->s.p[t->at] - '0';
        t->any = true;
        t->fraction += fraction;
        t->digits += t->digits > 0 || digit > 0;
        if (t->digits > DR_DECIMAL_DIGITS || t->fraction > 1000)
            return false;
        t->value = t->value * 10 + (unsigned)digit;
    }
    return true;
}

static bool scan_exponent(struct scan *t, int32_t *ret)
{
    bool negative = false;
    int32_t e = 0;
    *ret = 0;
    if (t->at == t->s.n)
        return true;
    if (t->s.p[t->at] != 'e' && t->s.p[t->at] != 'E')
        return false;
    t->at++;
    if (t->at < t->s.n && (t->s.p[t->at] == '-' || t->s.p[t->at] == '+'))
        negative = t->s.p[t->at++] == '-';
    if (!is_digit(t))
        return false;
    for (; is_digit(t); t->at++)
        if ((e = e * 10 + (t->s.p[t->at] - '0')) > 10000)
            return false;
    *ret = negative ? -e : e;
    return t->at == t->s.n;
}

bool dr_parse_decimal(struct dr_str s, dr_int128 *ret, int32_t *ret_scale)
{
    struct scan t = { .s = s };
    bool negative = false;
    int32_t exponent;
    if (s.n && (s.p[0] == '-' || s.p[0] == '+'))
        negative = s.p[t.at++] == '-';
    if (!scan_digits(&t, false))
        return false;
    if (t.at < s.n && s.p[t.at] == '.') {
        t.at++;
        if (!scan_digits(&t, true))
            return false;
    }
    if (!t.any || !scan_exponent(&t, &exponent))
        return false;
    int32_t scale = t.fraction - exponent;
    dr_int128 v = negative ? -(dr_int128)t.value : (dr_int128)t.value;
    if (scale < 0 && !dr_decimal_rescale(v, scale, 0, &v))
        return false;
    if (scale > DR_DECIMAL_DIGITS)
        return false;
    *ret = v;
    *ret_scale = scale < 0 ? 0 : scale;
    return true;
}

bool dr_decimal_rescale(dr_int128 v, int32_t from, int32_t to, dr_int128 *ret)
{
    int32_t shift = to - from;
    if (v == 0 || shift == 0) {
        *ret = v;
        return true;
    }
    if (shift > DR_DECIMAL_DIGITS || shift < -DR_DECIMAL_DIGITS)
        return false;
    dr_uint128 p = power_of_ten(shift < 0 ? -shift : shift), m = magnitude(v);
    if (shift < 0 ? m % p != 0 : m > (power_of_ten(DR_DECIMAL_DIGITS) - 1) / p)
        return false;
    m = shift < 0 ? m / p : m * p;
    *ret = v < 0 ? -(dr_int128)m : (dr_int128)m;
    return true;
}
