/* words.c - values as 32-bit words that are equal exactly where the values are.
 *
 *   DICT              the code
 *   DATE              the days; what spells no date or is far out of any calendar: TEXT | id
 *   BOOL              0 or 1, or TEXT | id
 *   STRING            8 bytes, NUL behind the text, where it fits; else its id and LONG
 *   INT64, FLOAT64,   tag, low and high half; -0 counts as 0, every NaN as one
 *   TIMESTAMP
 *
 * Long texts that only a key needs, such as UUIDs, are 126 bits of a keyed hash instead of a text that is
 * kept for each: of 10^8 different ones two are taken for the same with a chance of 10^-22.
 *
 * Valid UTF-8 has no byte 0xFF, so no short text ends in LONG or MISSING. The first word of all
 * but STRING leaves its highest bit free: days are of 31 bits. */
#include <math.h>
#include "data/kernel.h"
#include "data/refused.h"
#include "rollup/impl.h"

#define TEXT 0x40000000u /* a date's or bool's word: the text with the number below it */
#define TEXT_IDS 0x20000000u
#define DAYS_MAX 0x10000000
#define DAYS_NEAR 1000000                  /* the algorithm is exact for more than these */
#define CYCLE_YEARS 32800                  /* 82 cycles of 400 years */
#define CYCLE_START (719468 + 146097 * 82) /* days from their start to 1970 */
#define LONG UINT32_MAX                    /* second word of a STRING: the first is a text's number */
#define SHORT_MISSING (UINT32_MAX - 1)     /* likewise: there is no value */

#define HASH_VALUE UINT32_C(0x40000000) /* in the first word of a hash, which 30 bits are left of */
enum { TEXT_BYTES = 96 };               /* about what a text takes beside its bytes */
enum { LOOKED_AT = 1024, RARE = 64 };   /* texts of a first batch; one in so many may be long */

/* Of fields of one, two, three and four words. */
static const uint32_t missing_words[][DR_ROLLUP_HASHED] = {
    { DR_ROLLUP_MISSING }, { 0, SHORT_MISSING }, { DR_ROLLUP_TAG_MISSING, 0, 0 }, { 0 }
};

/* ---- texts by number ---------------------------------------------------------- */

void dr_rollup_texts_init(struct dr_rollup_texts *t, struct dr_rollup_store *store)
{
    *t = (struct dr_rollup_texts){ .store = store };
    dr_hash_secret_make(&t->secret);
    pthread_mutex_init(&t->lock, NULL);
}

void dr_rollup_texts_done(struct dr_rollup_texts *t)
{
    dr_map_done(&t->ids);
    dr_arena_done(&t->bytes);
    free(t->texts);
    pthread_mutex_destroy(&t->lock);
}

static uint32_t add_text(struct dr_rollup_texts *t, struct dr_str s)
{
    if (t->n == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 64;
        t->texts = dr_realloc(t->texts, t->cap * sizeof(*t->texts));
    }
    struct dr_str copy = { dr_arena_dup(&t->bytes, s.p, s.n), s.n };
    t->texts[t->n] = copy;
    dr_rollup_store_count(t->store, s.n + TEXT_BYTES, 0);
    *dr_map_put(&t->ids, copy, NULL) = t->n;
    return t->n++;
}

static int32_t text_id(struct dr_rollup_texts *t, struct dr_str s, uint32_t *ret, struct dr_err *err)
{
    pthread_mutex_lock(&t->lock);
    const int64_t *known = dr_map_get(&t->ids, s);
    bool full = !known && t->n >= TEXT_IDS - 1;
    if (!full)
        *ret = known ? (uint32_t)*known : add_text(t, s);
    pthread_mutex_unlock(&t->lock);
    return full ? dr_fail(err, DR_ELIMIT, "more than %u long or unusual texts in a key", TEXT_IDS) : DR_OK;
}

/* ---- values to words ----------------------------------------------------------- */

int32_t dr_rollup_field_words(int32_t type)
{
    switch (type) {
    case DR_TYPE_NULL:
    case DR_TYPE_DICT:
    case DR_TYPE_DATE:
    case DR_TYPE_BOOL:
        return 1;
    case DR_TYPE_STRING:
        return 2;
    case DR_TYPE_INT64:
    case DR_TYPE_FLOAT64:
    case DR_TYPE_TIMESTAMP:
        return 3;
    default:
        return 0;
    }
}

static int32_t fill_days(struct dr_rollup_texts *t, const struct dr_array *a, int64_t i, int64_t n,
                         uint32_t *words, struct dr_err *err)
{
    const int32_t *days = (const int32_t *)a->values + i;
    uint32_t strange = 0;
    for (int64_t k = 0; k < n; k++) {
        words[k] = (uint32_t)days[k] & ~DR_ROLLUP_FLAG;
        strange |= ((uint32_t)days[k] + DAYS_MAX) >> 29;
    }
    for (int64_t k = 0; strange && k < n; k++) {
        char text[24];
        uint32_t id;
        if (days[k] >= -DAYS_MAX && days[k] < DAYS_MAX)
            continue;
        int length = snprintf(text, sizeof(text), "\001day %d", days[k]);
        DR_TRY(text_id(t, (struct dr_str){ text, (size_t)length }, &id, err));
        words[k] = TEXT | id;
    }
    return DR_OK;
}

/* The bytes that a text of n has in a word. */
static inline uint64_t bytes_of(int64_t n)
{
    return n >= 8 ? UINT64_MAX : (UINT64_C(1) << n * 8) - 1;
}

/* A text of up to 8 bytes, by moves of constant length; up to `end` bytes can be read. */
static inline uint64_t load_short(const char *p, int64_t n, const char *end)
{
    if (__builtin_expect(end - p >= 8, 1))
        return dr_rollup_load8(p) & bytes_of(n);
    if (n >= 4)
        return dr_rollup_load4(p) | (uint64_t)dr_rollup_load4(p + n - 4) << (n - 4) * 8;
    uint64_t word = n > 0 ? (unsigned char)p[0] : 0;
    if (n > 1)
        word |= (uint64_t)(unsigned char)p[n / 2] << n / 2 * 8 | (uint64_t)(unsigned char)p[n - 1]
                                                                     << (n - 1) * 8;
    return word;
}

/* Neither a NUL among n bytes, nor what LONG or SHORT_MISSING could be. */
static inline bool is_short(uint64_t word, int64_t n)
{
    uint64_t low = UINT64_C(0x0101010101010101);
    return !((word - low) & ~word & (low << 7) & bytes_of(n)) && word >> 56 != 0xFF;
}

static int32_t fill_strings(struct dr_rollup_texts *t, const struct dr_array *a, int64_t i, int64_t n,
                            uint32_t *first, uint32_t *second, struct dr_err *err)
{
    const int64_t *offsets = (const int64_t *)a->values + i;
    const char *end = a->bytes + offsets[a->n - i];
    for (int64_t k = 0; k < n; k++) {
        const char *p = a->bytes + offsets[k];
        int64_t length = offsets[k + 1] - offsets[k];
        uint64_t word = length <= 8 ? load_short(p, length, end) : 0;
        if (length <= 8 && is_short(word, length)) {
            first[k] = (uint32_t)word;
            second[k] = (uint32_t)(word >> 32);
            continue;
        }
        DR_TRY(text_id(t, (struct dr_str){ p, (size_t)length }, &first[k], err));
        second[k] = LONG;
    }
    return DR_OK;
}

bool dr_rollup_are_long(const struct dr_column *c)
{
    int64_t rows = 0, n = 0;
    if (c->type != DR_TYPE_STRING)
        return false;
    for (int32_t chunk = 0; chunk < c->n && rows < LOOKED_AT; chunk++) {
        const int64_t *offsets = c->chunk[chunk]->values;
        for (int64_t i = 0; i < c->chunk[chunk]->n && rows < LOOKED_AT; i++, rows++)
            n += offsets[i + 1] - offsets[i] > 8;
    }
    return n > rows / RARE;
}

static void fill_hashed(const struct dr_rollup_texts *t, const struct dr_array *a, int64_t i, int64_t n,
                        uint32_t (*words)[DR_ROLLUP_BLOCK])
{
    const int64_t *offsets = (const int64_t *)a->values + i;
    for (int64_t k = 0; k < n; k++) {
        struct dr_hash128 h =
            dr_hash_keyed(&t->secret, a->bytes + offsets[k], (size_t)(offsets[k + 1] - offsets[k]));
        words[0][k] = ((uint32_t)h.low & (HASH_VALUE - 1)) | HASH_VALUE;
        words[1][k] = (uint32_t)(h.low >> 32);
        words[2][k] = (uint32_t)h.high;
        words[3][k] = (uint32_t)(h.high >> 32);
    }
}

static void fill_halves(const struct dr_array *a, int64_t i, int64_t n, uint32_t (*words)[DR_ROLLUP_BLOCK])
{
    for (int64_t k = 0; k < n; k++) {
        uint64_t word;
        if (a->type == DR_TYPE_FLOAT64) {
            double v = ((const double *)a->values)[i + k];
            v = v == 0 ? 0 : v != v ? NAN : v;
            memcpy(&word, &v, sizeof(word));
        } else {
            word = (uint64_t)((const int64_t *)a->values)[i + k];
        }
        words[0][k] = DR_ROLLUP_TAG_VALUE;
        words[1][k] = (uint32_t)word;
        words[2][k] = (uint32_t)(word >> 32);
    }
}

static void fill_missing(const struct dr_rollup_field *f, const struct dr_array *a, int64_t i, int64_t n,
                         uint32_t (*words)[DR_ROLLUP_BLOCK])
{
    for (int64_t from = 0; from < n; from += 64) {
        uint64_t nulls = dr_rollup_nulls(a, i + from, n - from);
        for (; nulls; nulls &= nulls - 1)
            for (int32_t w = 0; w < f->n; w++)
                words[w][from + __builtin_ctzll(nulls)] = missing_words[f->n - 1][w];
    }
}

static int32_t fill_refused(const struct dr_rollup_field *f, struct dr_rollup_texts *t,
                            const struct dr_refused *refused, int64_t i, int64_t n,
                            uint32_t (*words)[DR_ROLLUP_BLOCK], struct dr_err *err)
{
    int64_t low = 0, high = refused->n;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (refused->rows[middle] < i)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < refused->n && refused->rows[low] < i + n; low++) {
        int64_t k = refused->rows[low] - i;
        uint32_t id;
        DR_TRY(text_id(t, dr_refused_text(refused, low), &id, err));
        words[0][k] = f->n == 1 ? TEXT | id : DR_ROLLUP_TAG_TEXT;
        if (f->n == 3)
            words[1][k] = id;
    }
    return DR_OK;
}

int32_t dr_rollup_fill(const struct dr_rollup_field *f, struct dr_rollup_texts *t, const struct dr_array *a,
                       int64_t i, int64_t n, uint32_t (*words)[DR_ROLLUP_BLOCK], struct dr_err *err)
{
    switch (a->type) {
    case DR_TYPE_DICT:
        memcpy(words[0], (const int32_t *)a->values + i, (size_t)n * sizeof(uint32_t));
        break;
    case DR_TYPE_DATE:
        DR_TRY(fill_days(t, a, i, n, words[0], err));
        break;
    case DR_TYPE_STRING:
        if (f->hashed)
            fill_hashed(t, a, i, n, words);
        else
            DR_TRY(fill_strings(t, a, i, n, words[0], words[1], err));
        break;
    case DR_TYPE_BOOL:
        for (int64_t k = 0; k < n; k++)
            words[0][k] = dr_bit(a->values, i + k);
        break;
    case DR_TYPE_NULL:
        for (int64_t k = 0; k < n; k++)
            words[0][k] = DR_ROLLUP_MISSING;
        return DR_OK;
    default:
        fill_halves(a, i, n, words);
    }
    if (a->valid)
        fill_missing(f, a, i, n, words);
    return a->refused ? fill_refused(f, t, a->refused, i, n, words, err) : DR_OK;
}

/* ---- words to values ------------------------------------------------------------- */

static bool is_missing(const struct dr_rollup_field *f, const uint32_t *words)
{
    return f->n == 1   ? words[0] == DR_ROLLUP_MISSING
           : f->n == 2 ? words[1] == SHORT_MISSING
                       : words[0] == DR_ROLLUP_TAG_MISSING;
}

static int32_t days_of(uint32_t word)
{
    return (int32_t)(word << 1) >> 1;
}

/* The arithmetic of Neri and Schneider (Euclidean affine functions
 * and their application to calendar algorithms, 2022), for the days of a calendar's 400-year
 * cycles around 1970; dr_civil_from_days for those far away. */
uint32_t dr_rollup_month(int32_t day)
{
    struct dr_civil c;
    if (day >= -DAYS_NEAR && day <= DAYS_NEAR) {
        uint32_t n = 4 * (uint32_t)(day + CYCLE_START) + 3, century = n / 146097,
                 rest = n % 146097 / 4 * 4 + 3;
        uint64_t product = UINT64_C(2939745) * rest;
        uint32_t year = (uint32_t)(product >> 32), in_year = (uint32_t)product / 2939745 / 4;
        uint32_t month = (2141 * in_year + 197913) >> 16; /* 3 to 14: years begin in March */
        year = 100 * century + year + (month >= 13);
        return (uint32_t)((int32_t)year - CYCLE_YEARS) * 12 + (month >= 13 ? month - 12 : month) - 1;
    }
    dr_civil_from_days(day, &c);
    return (uint32_t)(c.year * 12 + c.month - 1);
}

bool dr_rollup_number(const struct dr_rollup_field *f, uint32_t (*words)[DR_ROLLUP_BLOCK], int64_t i,
                      int64_t *ret)
{
    uint32_t word = words[0][i], first = f->type == DR_TYPE_DICT ? DR_ROLLUP_MISSING : TEXT;
    if (f->n == 3) {
        *ret = (int64_t)(words[1][i] | (uint64_t)words[2][i] << 32);
        return word == DR_ROLLUP_TAG_VALUE;
    }
    *ret = days_of(word);
    return word - first > DR_ROLLUP_MISSING - first;
}

static void month_words(const char *const *entries, int32_t n, size_t offset, uint32_t *ret, size_t stride)
{
    for (int32_t i = 0; i < n; i++) {
        uint32_t word = dr_rollup_load4(entries[i] + offset) & ~DR_ROLLUP_FLAG;
        bool none = word - TEXT < DR_ROLLUP_MISSING + 1 - TEXT;
        ret[(size_t)i * stride] = none ? DR_ROLLUP_MISSING : dr_rollup_month(days_of(word));
    }
}

static void single_words(bool texts, const char *const *entries, int32_t n, size_t offset, uint32_t *ret,
                         size_t stride)
{
    uint32_t first = texts ? TEXT : DR_ROLLUP_MISSING; /* of those that are no value */
    for (int32_t i = 0; i < n; i++) {
        uint32_t word = dr_rollup_load4(entries[i] + offset) & ~DR_ROLLUP_FLAG;
        ret[(size_t)i * stride] = word - first < DR_ROLLUP_MISSING - first ? DR_ROLLUP_MISSING : word;
    }
}

void dr_rollup_group_words(const struct dr_rollup_field *f, bool month, const char *const *entries, int32_t n,
                           size_t offset, uint32_t *ret, size_t stride)
{
    if (month) {
        month_words(entries, n, offset, ret, stride);
        return;
    }
    if (f->n == 1) {
        single_words(f->type != DR_TYPE_DICT, entries, n, offset, ret, stride);
        return;
    }
    for (int32_t i = 0; i < n; i++, ret += stride) {
        memcpy(ret, entries[i] + offset, (size_t)f->n * sizeof(*ret));
        if (f->n == 3)
            ret[0] &= ~DR_ROLLUP_FLAG;
        if (f->n == 3 && ret[0] == DR_ROLLUP_TAG_TEXT)
            memcpy(ret, missing_words[2], sizeof(missing_words[2]));
    }
}

static void put_month(int32_t word, struct dr_builder *b)
{
    char text[24];
    int32_t year = word / 12, month = word % 12;
    if (month < 0) {
        month += 12;
        year--;
    }
    int n = snprintf(text, sizeof(text), "%04d-%02d", year, month + 1);
    dr_builder_append_bytes(b, text, n);
}

static void put_string(const struct dr_rollup_texts *t, const uint32_t *words, struct dr_builder *b)
{
    if (words[1] == LONG) {
        dr_builder_append_bytes(b, t->texts[words[0]].p, (int64_t)t->texts[words[0]].n);
        return;
    }
    uint64_t word = words[0] | (uint64_t)words[1] << 32;
    char bytes[8];
    memcpy(bytes, &word, sizeof(bytes));
    dr_builder_append_bytes(b, bytes, (int64_t)strnlen(bytes, sizeof(bytes)));
}

static void put_halves(int32_t type, const uint32_t *words, struct dr_builder *b)
{
    uint64_t word = words[1] | (uint64_t)words[2] << 32;
    double v;
    memcpy(&v, &word, sizeof(v));
    if (type == DR_TYPE_FLOAT64)
        dr_builder_append_float(b, v);
    else
        dr_builder_append_int(b, (int64_t)word);
}

void dr_rollup_put(const struct dr_rollup_field *f, const struct dr_rollup_texts *t,
                   const struct dr_dict *dict, const uint32_t *words, bool month, struct dr_builder *b)
{
    if (is_missing(f, words))
        dr_builder_append_null(b);
    else if (month)
        put_month((int32_t)words[0], b);
    else if (f->type == DR_TYPE_DICT)
        dr_builder_append_bytes(b, dict->values[words[0]].p, (int64_t)dict->values[words[0]].n);
    else if (f->type == DR_TYPE_STRING)
        put_string(t, words, b);
    else if (f->n == 1)
        dr_builder_append_int(b, days_of(words[0]));
    else
        put_halves(f->type, words, b);
}
