/* num.c - numbers to text and back.
 *
 * Reading a decimal of at most 19 digits with a power of ten within 10^+-27,
 * which is nearly all of the world's data, is done exactly in integers of 128
 * bits: digits * 5^k, or the quotient by 5^k with a sticky bit for its
 * remainder, is rounded once to 53 bits (ties to even); quicker still where both
 * are exact in doubles. 5^27 is the largest power of five below 2^64. Anything else
 * goes to the C library, with the "C" locale by argument, since the process may
 * have another.
 *
 * Writing tries an integer over a small power of ten first, then 15, 16 and 17
 * digits: any decimal of 15 digits survives the way through a double, and 17
 * always suffice. The digits are exact integers of 128 bits, too, for all that is
 * written without an exponent. */
#include "base/num.h"
#include <float.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

__extension__ typedef unsigned __int128 u128;

static locale_t c_locale_made;

static void c_locale_make(void)
{
    c_locale_made = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!c_locale_made)
        dr_die_oom(0);
}

static locale_t c_locale(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, c_locale_make);
    return c_locale_made;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* Whether s is word, which is in lower case, in any case. */
static bool is_word(struct dr_str s, const char *word)
{
    size_t i = 0;
    while (i < s.n && word[i] && lower(s.p[i]) == word[i])
        i++;
    return i == s.n && !word[i];
}

/* ---- integers ------------------------------------------------------------- */

/* Cut a run of digits off s; false without one, or past 2^64 - 1. */
static bool take_u64(struct dr_str *s, uint64_t *ret)
{
    uint64_t v = 0;
    size_t i = 0;
    for (; i < s->n && is_digit(s->p[i]); i++) {
        uint64_t digit = (uint64_t)(s->p[i] - '0');
        if (v > (UINT64_MAX - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    if (i == 0)
        return false;
    s->p += i;
    s->n -= i;
    *ret = v;
    return true;
}

bool dr_parse_u64(struct dr_str s, uint64_t *ret)
{
    uint64_t v;
    if (!take_u64(&s, &v) || s.n > 0)
        return false;
    *ret = v;
    return true;
}

bool dr_parse_i64(struct dr_str s, int64_t *ret)
{
    bool negative = s.n > 0 && s.p[0] == '-';
    if (negative || (s.n > 0 && s.p[0] == '+')) {
        s.p++;
        s.n--;
    }
    uint64_t v;
    if (!take_u64(&s, &v) || s.n > 0 || v > (uint64_t)INT64_MAX + negative)
        return false;
    *ret = negative ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

/* ---- floating point, reading ------------------------------------------------ */

enum { EXACT_POWER = 27, EXACT_DIGITS = 19, EXPONENT_MAX = 9999 };

/* (-1)^negative * digits * 10^exp10 */
struct decimal {
    uint64_t digits;
    int32_t exp10;
    bool negative;
    bool exact; /* all that was written is in digits and exp10 */
};

static uint64_t power_of_5(int32_t k)
{
    static const uint64_t powers[EXACT_POWER + 1] = {
        1,
        5,
        25,
        125,
        625,
        3125,
        15625,
        78125,
        390625,
        1953125,
        9765625,
        48828125,
        244140625,
        1220703125,
        6103515625,
        30517578125,
        152587890625,
        762939453125,
        3814697265625,
        19073486328125,
        95367431640625,
        476837158203125,
        2384185791015625,
        11920928955078125,
        59604644775390625,
        298023223876953125,
        1490116119384765625,
        7450580596923828125,
    };
    return powers[k];
}

static int32_t bit_length(u128 v)
{
    uint64_t high = (uint64_t)(v >> 64), low = (uint64_t)v;
    if (high)
        return 128 - __builtin_clzll(high);
    return low ? 64 - __builtin_clzll(low) : 0;
}

/* v * 2^exp2 rounded to nearest, ties to even; sticky: a bit below v is set. */
static double round_scaled(u128 v, int32_t exp2, bool sticky)
{
    int32_t drop = bit_length(v) - 53;
    if (drop > 0) {
        u128 rest = v & (((u128)1 << drop) - 1), half = (u128)1 << (drop - 1);
        v >>= drop;
        exp2 += drop;
        if (rest > half || (rest == half && (sticky || (v & 1))))
            v++;
    }
    return ldexp((double)(uint64_t)v, exp2);
}

/* Two numbers that doubles hold exactly: one operation on them rounds once. */
static bool divide_exactly(const struct decimal *d, double *ret)
{
    static const double powers[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                     1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
    if (FLT_EVAL_METHOD != 0 || d->digits > UINT64_C(1) << 53 || d->exp10 > 0 || d->exp10 < -22)
        return false;
    *ret = (double)d->digits / powers[-d->exp10];
    return true;
}

static double decimal_round(const struct decimal *d)
{
    double exact;
    if (d->digits == 0)
        return 0;
    if (divide_exactly(d, &exact))
        return exact;
    if (d->exp10 >= 0)
        return round_scaled((u128)d->digits * power_of_5(d->exp10), d->exp10, false);
    /* With the dividend's top bit at 2^126 or above the quotient has 64 bits. */
    uint64_t divisor = power_of_5(-d->exp10);
    int32_t shift = 127 - bit_length(d->digits);
    u128 dividend = (u128)d->digits << shift;
    u128 quotient = dividend / divisor;
    return round_scaled(quotient, d->exp10 - shift, quotient * divisor != dividend);
}

/* Cut digits off s into d; fraction: each moves the decimal point. Returns how many. */
static size_t take_digits(struct dr_str *s, struct decimal *d, int32_t *significant, bool fraction)
{
    size_t i = 0;
    for (; i < s->n && is_digit(s->p[i]); i++) {
        if (*significant < EXACT_DIGITS) {
            d->digits = d->digits * 10 + (uint64_t)(s->p[i] - '0');
            *significant += d->digits != 0;
            if (d->exp10 > INT16_MIN)
                d->exp10 -= fraction;
        } else {
            d->exact = false;
        }
    }
    s->p += i;
    s->n -= i;
    return i;
}

/* Cut "[eE][+-]digits" off s, if it is there, into *ret; held below 10^5. */
static bool take_exponent(struct dr_str *s, int32_t *ret)
{
    *ret = 0;
    if (s->n == 0 || lower(s->p[0]) != 'e')
        return true;
    size_t i = 1;
    bool negative = i < s->n && s->p[i] == '-';
    i += negative || (i < s->n && s->p[i] == '+');
    if (i == s->n || !is_digit(s->p[i]))
        return false;
    int32_t e = 0;
    for (; i < s->n && is_digit(s->p[i]); i++)
        e = e <= EXPONENT_MAX ? e * 10 + (s->p[i] - '0') : e;
    *ret = negative ? -e : e;
    s->p += i;
    s->n -= i;
    return true;
}

/* Check the grammar of an unsigned decimal and read it into d. */
static bool take_decimal(struct dr_str *s, struct decimal *d)
{
    int32_t significant = 0, exponent;
    size_t n = take_digits(s, d, &significant, false);
    if (s->n > 0 && s->p[0] == '.') {
        s->p++;
        s->n--;
        n += take_digits(s, d, &significant, true);
    }
    if (n == 0 || !take_exponent(s, &exponent))
        return false;
    d->exp10 += exponent;
    d->exact = d->exact && abs(exponent) <= EXPONENT_MAX;
    return true;
}

/* The value of text that is known to follow the grammar, by the C library. */
static double library_parse(struct dr_str s)
{
    char small[128];
    DR_AUTO_FREE char *large = NULL;
    char *text = small;
    if (s.n >= sizeof(small))
        text = large = dr_malloc(s.n + 1);
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    return strtod_l(text, NULL, c_locale());
}

static bool parse_special(struct dr_str s, bool negative, double *ret)
{
    if (is_word(s, "inf") || is_word(s, "infinity"))
        *ret = negative ? -INFINITY : INFINITY;
    else if (is_word(s, "nan"))
        *ret = NAN;
    else
        return false;
    return true;
}

bool dr_parse_f64(struct dr_str s, bool special, double *ret)
{
    struct decimal d = { .exact = true, .negative = s.n > 0 && s.p[0] == '-' };
    if (d.negative || (s.n > 0 && s.p[0] == '+')) {
        s.p++;
        s.n--;
    }
    struct dr_str rest = s;
    if (!take_decimal(&rest, &d) || rest.n > 0)
        return special && parse_special(s, d.negative, ret);
    double v;
    if (d.exact && (d.digits == 0 || (d.exp10 >= -EXACT_POWER && d.exp10 <= EXACT_POWER)))
        v = decimal_round(&d);
    else
        v = library_parse(s);
    if (isinf(v) && !special)
        return false;
    *ret = d.negative ? -v : v;
    return true;
}

/* ---- other spellings --------------------------------------------------------- */

bool dr_parse_bool(struct dr_str s, bool *ret)
{
    static const char *const yes[] = { "true", "yes", "1", "t", "y" };
    static const char *const no[] = { "false", "no", "0", "f", "n" };
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        bool is_yes = is_word(s, yes[i]);
        if (is_yes || is_word(s, no[i])) {
            *ret = is_yes;
            return true;
        }
    }
    return false;
}

struct unit {
    const char *name; /* lower case */
    uint64_t factor;
};

/* Cut the letters at the front of s off and find them among units, which ends
 * in a NULL name; NULL where they are none of them. */
static const struct unit *take_unit(struct dr_str *s, const struct unit *units)
{
    struct dr_str word = { s->p, 0 };
    while (word.n < s->n && lower(s->p[word.n]) >= 'a' && lower(s->p[word.n]) <= 'z')
        word.n++;
    s->p += word.n;
    s->n -= word.n;
    for (; units->name; units++)
        if (is_word(word, units->name))
            return units;
    return NULL;
}

bool dr_parse_duration(struct dr_str s, int64_t *ret_us)
{
    static const struct unit units[] = {
        { "d", UINT64_C(86400000000) },
        { "h", UINT64_C(3600000000) },
        { "m", 60000000 },
        { "s", 1000000 },
        { "ms", 1000 },
        { "us", 1 },
        { NULL, 0 },
    };
    if (dr_str_eq(s, DR_LIT("0"))) {
        *ret_us = 0;
        return true;
    }
    uint64_t total = 0, part, last_factor = UINT64_MAX;
    do {
        if (!take_u64(&s, &part))
            return false;
        const struct unit *u = take_unit(&s, units);
        if (!u || u->factor >= last_factor) /* from large to small, each once */
            return false;
        last_factor = u->factor;
        if (__builtin_mul_overflow(part, u->factor, &part) || __builtin_add_overflow(total, part, &total) ||
            total > INT64_MAX)
            return false;
    } while (s.n > 0);
    *ret_us = (int64_t)total;
    return true;
}

bool dr_parse_size(struct dr_str s, uint64_t *ret)
{
    static const struct unit units[] = {
        { "", 1 },
        { "b", 1 },
        { "k", 1 << 10 },
        { "kb", 1 << 10 },
        { "kib", 1 << 10 },
        { "m", 1 << 20 },
        { "mb", 1 << 20 },
        { "mib", 1 << 20 },
        { "g", 1 << 30 },
        { "gb", 1 << 30 },
        { "gib", 1 << 30 },
        { "t", UINT64_C(1) << 40 },
        { "tb", UINT64_C(1) << 40 },
        { "tib", UINT64_C(1) << 40 },
        { NULL, 0 },
    };
    uint64_t v;
    if (!take_u64(&s, &v))
        return false;
    const struct unit *u = take_unit(&s, units);
    if (!u || s.n > 0 || __builtin_mul_overflow(v, u->factor, &v))
        return false;
    *ret = v;
    return true;
}

/* ---- writing -------------------------------------------------------------------- */

size_t dr_format_i64(int64_t v, char ret[DR_I64_TEXT])
{
    char digits[20];
    size_t n = 0, at = 0;
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do {
        digits[n++] = (char)('0' + u % 10);
        u /= 10;
    } while (u > 0);
    if (v < 0)
        ret[at++] = '-';
    while (n > 0)
        ret[at++] = digits[--n];
    ret[at] = '\0';
    return at;
}

/* Write scaled * 10^-k without zeros at the end of its fraction. */
static size_t put_scaled(uint64_t scaled, int32_t k, char *ret)
{
    for (; k > 0 && scaled % 10 == 0; k--)
        scaled /= 10;
    char digits[DR_I64_TEXT];
    size_t n = dr_format_i64((int64_t)scaled, digits), at = 0;
    size_t point = n > (size_t)k ? n - (size_t)k : 0; /* digits before it */
    memcpy(ret, digits, point);
    at = point;
    if (point == 0)
        ret[at++] = '0';
    if (k > 0)
        ret[at++] = '.';
    for (size_t zeros = (size_t)k - (n - point); zeros > 0; zeros--)
        ret[at++] = '0';
    memcpy(ret + at, digits + point, n - point);
    at += n - point;
    ret[at] = '\0';
    return at;
}

/* Write v where it is an integer over a small power of ten; 0 where it is not.
 * The integer is below 2^53 and the power exact, so a quotient equal to v shows
 * that the text reads back as v; and with 15 digits at most there is no other
 * text as short. */
static size_t format_scaled(double v, char *ret)
{
    static const double powers[] = { 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6 };
    for (int32_t k = 0; k < 7; k++) {
        double scaled = nearbyint(v * powers[k]);
        if (scaled >= 1e15)
            return 0;
        if (scaled / powers[k] == v)
            return put_scaled((uint64_t)scaled, k, ret);
    }
    return 0;
}

/* mantissa * 2^exp2 * 10^k to the nearest integer, where exp2 + k < 0. The product
 * with 5^k has at most 53 + 47 bits. */
static uint64_t scale(uint64_t mantissa, int32_t exp2, int32_t k)
{
    u128 product = (u128)mantissa * power_of_5(k);
    int32_t shift = -(exp2 + k);
    return (uint64_t)((product + ((u128)1 << (shift - 1))) >> shift);
}

/* Write v, 1e-4 <= v < 1e15, with the fewest digits of 15, 16 and 17 that read
 * back. Powers of two in this range, for which the nearest decimal would not
 * always do (see format_shortest), have 15 digits at most. */
static size_t format_exact(double v, char *ret)
{
    static const double powers[] = { 1e-4, 1e-3, 1e-2, 1e-1, 1e0,  1e1,  1e2,  1e3,  1e4, 1e5,
                                     1e6,  1e7,  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14 };
    int32_t exponent, exp10 = -4; /* of the first digit */
    while (exp10 < 14 && v >= powers[exp10 + 5])
        exp10++;
    uint64_t mantissa = (uint64_t)ldexp(frexp(v, &exponent), 53);
    for (int32_t digits = 15;; digits++) {
        int32_t k = digits - 1 - exp10;
        struct decimal d = { .digits = scale(mantissa, exponent - 53, k), .exp10 = -k };
        if (digits == 17 || decimal_round(&d) == v)
            return put_scaled(d.digits, k, ret);
    }
}

static bool reads_back(const char *text, int n, double v)
{
    double back;
    return dr_parse_f64((struct dr_str){ text, (size_t)n }, true, &back) && back == v;
}

/* Add one to the last digit of the mantissa; false where that would carry. */
static bool raise_last_digit(char *text)
{
    size_t n = strcspn(text, "e");
    if (n == 0 || text[n - 1] < '0' || text[n - 1] > '8')
        return false;
    text[n - 1]++;
    return true;
}

/* As format_exact, for any v, by way of the C library. */
static size_t format_shortest(double v, char ret[DR_F64_TEXT])
{
    /* Subnormals have fewer digits than others: 5e-324. */
    int precision = fabs(v) < 2.2250738585072014e-308 ? 1 : 15, n, exponent;
    /* Below a power of two doubles are twice as dense as above it: the nearest
     * decimal may miss it where the next one up does not. */
    bool power_of_two = fabs(frexp(v, &exponent)) == 0.5;
    locale_t before = uselocale(c_locale());
    for (;; precision++) {
        n = snprintf(ret, DR_F64_TEXT, "%.*g", precision, v);
        if (precision == 17 || reads_back(ret, n, v))
            break;
        if (!power_of_two)
            continue;
        n = snprintf(ret, DR_F64_TEXT, "%#.*g", precision, v); /* with its zeros */
        if (raise_last_digit(ret) && reads_back(ret, n, v))
            break;
    }
    uselocale(before);
    return (size_t)n;
}

static size_t put_text(const char *text, char *ret)
{
    size_t n = strlen(text);
    memcpy(ret, text, n + 1);
    return n;
}

size_t dr_format_f64(double v, char ret[DR_F64_TEXT])
{
    if (isnan(v))
        return put_text("nan", ret);
    if (isinf(v))
        return put_text(v < 0 ? "-inf" : "inf", ret);
    if (v == 0)
        return put_text(signbit(v) ? "-0" : "0", ret);
    double size = fabs(v);
    if (size >= 1e-4 && size < 1e15) {
        size_t sign = v < 0;
        if (sign)
            *ret = '-';
        size_t n = format_scaled(size, ret + sign);
        return sign + (n > 0 ? n : format_exact(size, ret + sign));
    }
    return format_shortest(v, ret);
}

void dr_buf_put_count(struct dr_buf *b, int64_t v)
{
    char digits[DR_I64_TEXT];
    size_t n = dr_format_i64(v, digits), i = 0;
    if (v < 0)
        dr_buf_putc(b, digits[i++]);
    for (; i < n; i++) {
        dr_buf_putc(b, digits[i]);
        size_t left = n - i - 1;
        if (left > 0 && left % 3 == 0)
            dr_buf_putc(b, ',');
    }
}

/* v / unit with one decimal, rounded half up, in integers: no locale's comma. */
static void put_tenths(struct dr_buf *b, uint64_t v, uint64_t unit, const char *name)
{
    uint64_t tenths = v / unit * 10 + (v % unit + unit / 20) / (unit / 10);
    dr_buf_printf(b, "%llu.%llu %s", (unsigned long long)(tenths / 10), (unsigned long long)(tenths % 10),
                  name);
}

void dr_buf_put_duration(struct dr_buf *b, int64_t us)
{
    uint64_t t = us < 0 ? 0 - (uint64_t)us : (uint64_t)us;
    if (us < 0)
        dr_buf_putc(b, '-');
    unsigned long long s = (t + 500000) / 1000000;
    if (t < 1000)
        dr_buf_printf(b, "%llu us", (unsigned long long)t);
    else if (t < 999500)
        dr_buf_printf(b, "%llu ms", (unsigned long long)(t + 500) / 1000);
    else if (t < 59950000)
        put_tenths(b, t, 1000000, "s");
    else if (s < 3600)
        dr_buf_printf(b, "%llu min %llu s", s / 60, s % 60);
    else if (s < 86400)
        dr_buf_printf(b, "%llu h %llu min", s / 3600, s % 3600 / 60);
    else
        dr_buf_printf(b, "%llu d %llu h", s / 86400, s % 86400 / 3600);
}

void dr_buf_put_size(struct dr_buf *b, uint64_t bytes)
{
    static const char *const names[] = { "kB", "MB", "GB", "TB", "PB", "EB" };
    if (bytes < 1000) {
        dr_buf_printf(b, "%llu B", (unsigned long long)bytes);
        return;
    }
    uint64_t unit = 1000;
    size_t i = 0;
    while (i < 5 && bytes >= unit * 1000 - unit / 20) { /* 999.95 kB shows as 1.0 MB */
        unit *= 1000;
        i++;
    }
    put_tenths(b, bytes, unit, names[i]);
}
