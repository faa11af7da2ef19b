/* spell.h - a field's text into a value of its column's type. Layer: csv.
 *
 * dr_csv_spell takes exactly what dr_column_cast takes, and gives the same
 * value. The inline functions before it read the usual spellings only, eight
 * bytes at a time in a register, and answer false for all else: then ask
 * dr_csv_spell. They need DR_CSV_SLACK readable bytes after the text. */
#ifndef DR_CSV_SPELL_H
#define DR_CSV_SPELL_H
#include <endian.h>
#include "base/date.h"
#include "base/num.h"
#include "data/decimal.h"

/* What a column's text is read as. */
struct dr_csv_kind {
    int32_t type;  /* enum dr_type; DICT and STRING are text */
    int32_t scale; /* DECIMAL */
    bool zoned;    /* TIMESTAMP: every value must carry an offset; else none may */
    bool open;     /* type, scale or zoned are found from the first rows, which are DICT until then */
    bool inferred; /* nobody declared it: text that a value of the type would not give back
                      (leading zeros) is refused */
};
/* Read s into row i of values; false where it does not spell the type. */
bool dr_csv_spell(const struct dr_csv_kind *kind, struct dr_str s, void *values, int64_t i);

/* The first days of the months of these years, and past the last: so also how long they are. */
enum { DR_CSV_FIRST_YEAR = 1900, DR_CSV_YEARS = 200 };
struct dr_csv_months {
    int32_t first[DR_CSV_YEARS * 12 + 1];
};
const struct dr_csv_months *dr_csv_months(void); /* made on first need */

#define DR_CSV_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

static inline uint64_t dr_csv_load8(const char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return le64toh(word);
}
/* Whether every byte of digits (text - '0' in each byte) is at most 9. */
static inline bool dr_csv_all_digits(uint64_t digits)
{
    return (((digits + DR_CSV_EACH(0x76)) | digits) & DR_CSV_EACH(0x80)) == 0;
}
/* The number that eight digits make, the first in the lowest byte. */
static inline uint64_t dr_csv_join8(uint64_t digits)
{
    digits = digits * 10 + (digits >> 8); /* pairs, in every second byte */
    uint64_t low = (digits & UINT64_C(0x000000FF000000FF)) * (100 + (UINT64_C(1000000) << 32));
    uint64_t high = (digits >> 16 & UINT64_C(0x000000FF000000FF)) * (1 + (UINT64_C(10000) << 32));
    return (low + high) >> 32;
}
/* The first n bytes at p, 1 <= n <= 8, less '0' each, as the last of eight: what is
 * before them is 0, too. */
static inline uint64_t dr_csv_digits_at(const char *p, size_t n)
{
    return (dr_csv_load8(p) ^ DR_CSV_EACH('0')) << (8 - n) * 8;
}

/* An unsigned decimal of up to eight characters: digits * 10^-fraction. */
static inline __attribute__((always_inline)) bool dr_csv_short_decimal(struct dr_str s, uint32_t *ret_digits,
                                                                       uint32_t *ret_fraction)
{
    enum { POINT = '.' ^ '0', POINT_BIT = 0x10 /* which no digit has */ };
    if (__builtin_expect(s.n - 1 >= 8, 0))
        return false;
    uint64_t digits = dr_csv_digits_at(s.p, s.n);
    uint64_t points = digits & DR_CSV_EACH(POINT_BIT);
    uint64_t one = (points & -points) >> 4; /* the lowest bit of the first point's byte; 0: there is none */
    /* Take the point out: what is before it moves up. Without a branch, since whether a
     * value has a point cannot be foreseen. */
    digits ^= one * POINT;
    bool is_point = (digits & one * 0xFF) == 0 && (s.n > 1 || !one);
    uint64_t before = digits & (one - (one != 0));
    digits = digits - before + (before << 8);
    *ret_fraction = 7 - (unsigned)__builtin_ctzll(points | UINT64_C(1) << 63) / 8;
    *ret_digits = (uint32_t)dr_csv_join8(digits);
    return (is_point & dr_csv_all_digits(digits)) != 0;
}

static inline bool dr_csv_take_minus(struct dr_str *s)
{
    bool minus = *s->p == '-';
    s->p += minus;
    s->n -= minus;
    return minus;
}

/* Both parts are exact in a double, so the one division rounds correctly. */
static inline __attribute__((always_inline)) bool dr_csv_fast_float(struct dr_str s, double *ret)
{
    static const double powers[] = { 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7 };
    uint32_t digits, fraction;
    bool minus = dr_csv_take_minus(&s);
    if (!dr_csv_short_decimal(s, &digits, &fraction))
        return false;
    double v = (double)digits / powers[fraction];
    *ret = minus ? -v : v;
    return true;
}

/* At a scale that is not much larger than that written. */
static inline __attribute__((always_inline)) bool dr_csv_fast_decimal(struct dr_str s, int32_t scale,
                                                                      void *ret)
{
    static const int64_t powers[] = { 1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000 };
    uint32_t digits, fraction;
    bool minus = dr_csv_take_minus(&s);
    if (!dr_csv_short_decimal(s, &digits, &fraction) || (uint32_t)scale - fraction > 8)
        return false;
    int64_t v = digits * powers[(uint32_t)scale - fraction];
    dr_int128 wide = minus ? -v : v;
    memcpy(ret, &wide, sizeof wide);
    return true;
}

static inline __attribute__((always_inline)) bool dr_csv_fast_int(struct dr_str s, int64_t *ret)
{
    bool minus = dr_csv_take_minus(&s);
    if (__builtin_expect(s.n - 1 >= 16, 0))
        return false;
    size_t first = s.n > 8 ? s.n - 8 : s.n;
    uint64_t digits = dr_csv_digits_at(s.p, first);
    int64_t v = (int64_t)dr_csv_join8(digits);
    if (!dr_csv_all_digits(digits))
        return false;
    if (s.n > 8) {
        digits = dr_csv_digits_at(s.p + first, 8);
        v = v * 100000000 + (int64_t)dr_csv_join8(digits);
        if (!dr_csv_all_digits(digits))
            return false;
    }
    *ret = minus ? -v : v;
    return true;
}

/* "YYYY-MM-DD" at p, whatever follows. */
static inline __attribute__((always_inline)) bool dr_csv_ten_date(const struct dr_csv_months *months,
                                                                  const char *p, int32_t *ret)
{
    uint64_t digits = dr_csv_load8(p) ^ UINT64_C(0x2D30302D30303030); /* "0000-00-" */
    /* A byte past 9, and in the place of a hyphen past 0, gets its highest bit. */
    uint64_t past = ((digits + UINT64_C(0x7F76767F76767676)) | digits) & DR_CSV_EACH(0x80);
    uint32_t ten = (unsigned char)p[8] - (uint32_t)'0', one = (unsigned char)p[9] - (uint32_t)'0';
    uint64_t pairs = digits * 10 + (digits >> 8);
    uint32_t year = (uint32_t)(pairs & 0xFF) * 100 + (uint32_t)(pairs >> 16 & 0xFF);
    uint32_t month = (uint32_t)(pairs >> 40 & 0xFF);
    uint32_t years = year - DR_CSV_FIRST_YEAR, day = ten * 10 + one;
    if (__builtin_expect((past != 0) | (ten > 9) | (one > 9) | (years >= DR_CSV_YEARS) | (month - 1 >= 12),
                         0))
        return false;
    const int32_t *first = months->first + years * 12 + month - 1;
    *ret = first[0] + (int32_t)day - 1;
    return day - 1 < (uint32_t)(first[1] - first[0]);
}
static inline __attribute__((always_inline)) bool dr_csv_fast_date(const struct dr_csv_months *months,
                                                                   struct dr_str s, int32_t *ret)
{
    return s.n == 10 && dr_csv_ten_date(months, s.p, ret);
}

/* "YYYY-MM-DDTHH:MM:SS", and a Z where zoned. */
static inline __attribute__((always_inline)) bool dr_csv_fast_timestamp(const struct dr_csv_months *months,
                                                                        struct dr_str s, bool zoned,
                                                                        int64_t *ret)
{
    int32_t days;
    if (s.n != 19u + zoned || (zoned && s.p[19] != 'Z') || (s.p[10] != 'T' && s.p[10] != ' ') ||
        !dr_csv_ten_date(months, s.p, &days))
        return false;
    uint64_t digits = dr_csv_load8(s.p + 11) ^ UINT64_C(0x30303A30303A3030); /* "00:00:00" */
    uint64_t past = ((digits + UINT64_C(0x76767F76767F7676)) | digits) & DR_CSV_EACH(0x80);
    uint64_t pairs = digits * 10 + (digits >> 8);
    int64_t hour = (int64_t)(pairs & 0xFF), minute = (int64_t)(pairs >> 24 & 0xFF),
            second = (int64_t)(pairs >> 48 & 0xFF);
    *ret = (((days * INT64_C(24) + hour) * 60 + minute) * 60 + second) * DR_US_PER_S;
    return past == 0 && hour < 24 && minute < 60 && second < 60;
}
#endif
