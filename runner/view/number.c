/* number.c - arithmetic on 128-bit integers with a scale; whatever would overflow is
 * refused rather than rounded. */
#include "view/number.h"

#define QUOTIENT_DIGITS 16
#define MOST ((((dr_int128)1 << 63) - 1) * 10000000000000000000ULL) /* below 10^38 */

static bool fits(dr_int128 v)
{
    return v <= MOST && v >= -MOST;
}

bool dr_number_parse(struct dr_str text, struct dr_number *ret)
{
    return dr_parse_decimal(text, &ret->v, &ret->scale);
}

size_t dr_number_format(struct dr_number n, char ret[DR_NUMBER_TEXT])
{
    return dr_format_decimal(n.v, n.scale, ret);
}

struct dr_number dr_number_of(int64_t v)
{
    return (struct dr_number){ v, 0 };
}

bool dr_number_is_integer(struct dr_number n)
{
    dr_int128 v;
    return dr_decimal_rescale(n.v, n.scale, 0, &v);
}

bool dr_number_to_i64(struct dr_number n, int64_t *ret)
{
    dr_int128 v;
    if (!dr_decimal_rescale(n.v, n.scale, 0, &v) || v > INT64_MAX || v < INT64_MIN)
        return false;
    *ret = (int64_t)v;
    return true;
}

/* Both at the larger scale. */
static bool align(struct dr_number *a, struct dr_number *b)
{
    int32_t scale = a->scale > b->scale ? a->scale : b->scale;
    if (!dr_decimal_rescale(a->v, a->scale, scale, &a->v) ||
        !dr_decimal_rescale(b->v, b->scale, scale, &b->v))
        return false;
    a->scale = b->scale = scale;
    return true;
}

/* n without its zeros at the end. */
static struct dr_number trimmed(struct dr_number n)
{
    while (n.scale > 0 && n.v % 10 == 0) {
        n.v /= 10;
        n.scale--;
    }
    return n;
}

int dr_number_cmp(struct dr_number a, struct dr_number b)
{
    a = trimmed(a);
    b = trimmed(b);
    if ((a.v < 0) != (b.v < 0))
        return a.v < 0 ? -1 : 1;
    if (!align(&a, &b)) { /* so far apart that one cannot be written at the other's scale */
        bool a_larger = a.scale < b.scale;
        return a_larger == (a.v >= 0) ? 1 : -1;
    }
    return a.v < b.v ? -1 : a.v > b.v;
}

bool dr_number_add(struct dr_number a, struct dr_number b, struct dr_number *ret)
{
    dr_int128 sum;
    if (!align(&a, &b) || __builtin_add_overflow(a.v, b.v, &sum) || !fits(sum))
        return false;
    *ret = (struct dr_number){ sum, a.scale };
    return true;
}

bool dr_number_sub(struct dr_number a, struct dr_number b, struct dr_number *ret)
{
    b.v = -b.v;
    return dr_number_add(a, b, ret);
}

bool dr_number_mul(struct dr_number a, struct dr_number b, struct dr_number *ret)
{
    dr_int128 v;
    a = trimmed(a);
    b = trimmed(b);
    if (__builtin_mul_overflow(a.v, b.v, &v) || !fits(v) || a.scale + b.scale > DR_DECIMAL_DIGITS)
        return false;
    *ret = (struct dr_number){ v, a.scale + b.scale };
    return true;
}

bool dr_number_divide(struct dr_number a, struct dr_number b, struct dr_number *ret)
{
    a = trimmed(a);
    b = trimmed(b);
    if (!b.v || !align(&a, &b))
        return false;
    struct dr_number q = { a.v / b.v, 0 };
    dr_int128 rest = a.v % b.v, digits, more;
    for (; rest && q.scale <= QUOTIENT_DIGITS; q.scale++) {
        if (__builtin_mul_overflow(rest, (dr_int128)10, &digits) ||
            __builtin_mul_overflow(q.v, (dr_int128)10, &more) || !fits(more))
            break;
        q.v = more + digits / b.v; /* of one sign: C divides towards zero */
        rest = digits % b.v;
    }
    if (q.scale > QUOTIENT_DIGITS && !dr_number_round(q, QUOTIENT_DIGITS, DR_ROUND_HALF, &q))
        return false;
    *ret = trimmed(q);
    return true;
}

bool dr_number_div(struct dr_number a, struct dr_number b, struct dr_number *ret)
{
    if (!b.v || !align(&a, &b))
        return false;
    *ret = (struct dr_number){ a.v / b.v, 0 };
    return true;
}

bool dr_number_mod(struct dr_number a, struct dr_number b, struct dr_number *ret)
{
    if (!b.v || !align(&a, &b))
        return false;
    *ret = (struct dr_number){ a.v % b.v, a.scale };
    return true;
}

static dr_int128 quotient(dr_int128 v, dr_int128 p, enum dr_round how)
{
    dr_int128 q = v / p, rest = v % p, half = rest < 0 ? -rest : rest;
    switch (how) {
    case DR_ROUND_HALF:
        return q + (half >= p - half ? (v < 0 ? -1 : 1) : 0);
    case DR_ROUND_FLOOR:
        return q - (rest < 0);
    case DR_ROUND_CEILING:
        return q + (rest > 0);
    case DR_ROUND_TRUNCATE:
        break;
    }
    return q;
}

bool dr_number_round(struct dr_number n, int32_t digits, enum dr_round how, struct dr_number *ret)
{
    dr_int128 p = 1;
    if (digits < 0 || digits > DR_DECIMAL_DIGITS)
        return false;
    if (digits < n.scale) {
        for (int32_t i = digits; i < n.scale; i++)
            p *= 10;
        n.v = quotient(n.v, p, how);
    } else if (!dr_decimal_rescale(n.v, n.scale, digits, &n.v)) {
        return false;
    }
    *ret = (struct dr_number){ n.v, digits };
    return true;
}

bool dr_number_alike(struct dr_number a, struct dr_number b)
{
    a = trimmed(a);
    b = trimmed(b);
    int32_t digits = a.scale < b.scale ? a.scale : b.scale;
    return dr_number_round(a, digits, DR_ROUND_HALF, &a) && dr_number_round(b, digits, DR_ROUND_HALF, &b) &&
           dr_number_cmp(a, b) == 0;
}

bool dr_number_boundary(struct dr_number n, bool high, int32_t digits, struct dr_number *ret)
{
    struct dr_number end, half = { high ? 5 : -5, n.scale + 1 };
    if (n.scale >= DR_DECIMAL_DIGITS || !dr_number_add(n, half, &end))
        return false;
    return dr_number_round(end, digits < 0 ? n.scale + 1 : digits, high ? DR_ROUND_CEILING : DR_ROUND_FLOOR,
                           ret);
}
