/* row_hash.c - a hash of each row's key: its values one after the other, in a form in which no two
 * keys look alike, and whatever way text is stored. */
#include <pthread.h>
#include "base/hash.h"
#include "data/kernel.h"
#include "data/pool.h"
#include "data/row_keys.h"

enum { MISSING, NUMBER, DECIMAL, TEXT, LONG_TEXT }; /* what begins a value */
enum { LONG = 4096 };                               /* bytes from which a text is its hash */
enum { PIECE = 8192 };                              /* rows that a thread takes at once */

static struct dr_hash_secret secret;
static pthread_once_t secret_made = PTHREAD_ONCE_INIT;

static void make_secret(void)
{
    dr_hash_secret_make(&secret);
}

struct row_hashing {
    const struct dr_table *t;
    int32_t n;
    const struct dr_column **columns; /* owned */
    struct dr_row_hash *hashes;
};

/* A number by its 64 bits, floats as they are ordered: -0 is 0, and every NaN one. */
static uint64_t number_at(const struct dr_array *a, int64_t i)
{
    if (a->type == DR_TYPE_FLOAT64)
        return dr_float_to_ordered(((const double *)a->values)[i]);
    if (a->type == DR_TYPE_DATE)
        return (uint64_t)((const int32_t *)a->values)[i];
    if (a->type == DR_TYPE_BOOL)
        return dr_bit(a->values, i);
    return (uint64_t)((const int64_t *)a->values)[i];
}

static void put_text(struct dr_buf *key, struct dr_str s)
{
    struct dr_hash128 hash;
    (void)dr_buf_putc(key, s.n < LONG ? TEXT : LONG_TEXT);
    (void)dr_buf_append(key, &s.n, sizeof s.n);
    if (s.n >= LONG) {
        hash = dr_hash_keyed(&secret, s.p, s.n);
        s = (struct dr_str){ (const char *)&hash, sizeof hash };
    }
    (void)dr_buf_append(key, s.p, s.n);
}

static void put_value(struct dr_buf *key, const struct dr_array *a, int64_t i)
{
    if (a->type == DR_TYPE_NULL || !dr_array_valid(a, i)) {
        (void)dr_buf_putc(key, MISSING);
    } else if (a->type == DR_TYPE_DICT || a->type == DR_TYPE_STRING) {
        put_text(key, dr_array_str(a, i));
    } else if (a->type == DR_TYPE_DECIMAL) {
        (void)dr_buf_putc(key, DECIMAL);
        (void)dr_buf_append(key, (const char *)a->values + i * 16, 16);
    } else {
        uint64_t v = number_at(a, i);
        (void)dr_buf_putc(key, NUMBER);
        (void)dr_buf_append(key, &v, sizeof v);
    }
}

static void hash_piece(void *ctx, int64_t piece)
{
    const struct row_hashing *h = ctx;
    DR_AUTO_BUF key = { 0 };
    int64_t from = piece * PIECE, to = from + PIECE < h->t->rows ? from + PIECE : h->t->rows;
    int32_t hint = 0;
    for (int64_t row = from; row < to; row++) {
        dr_buf_clear(&key);
        for (int32_t c = 0; c < h->n; c++) { /* the chunks of all columns are alike */
            int64_t i;
            const struct dr_array *a = dr_column_at(h->columns[c], row, &hint, &i);
            put_value(&key, a, i);
        }
        struct dr_hash128 v = dr_hash_keyed(&secret, key.p, key.n);
        h->hashes[row] = (struct dr_row_hash){ v.low, v.high };
    }
}

int32_t dr_table_hash(const struct dr_table *t, int32_t n, const char *const *keys, struct dr_row_hash *ret,
                      struct dr_err *err)
{
    int32_t all = n > 0 ? n : t->n;
    DR_AUTO_FREE const struct dr_column **columns = dr_malloc(((size_t)all + 1) * sizeof(struct dr_column *));
    if (n < 0)
        return dr_fail(err, DR_EINPUT, "hash: %d keys", (int)n);
    for (int32_t i = 0; i < all; i++) {
        columns[i] = t->columns[i % (t->n > 0 ? t->n : 1)];
        if (n > 0)
            DR_TRY(dr_table_need(t, keys[i], "hash", &columns[i], err));
    }
    (void)pthread_once(&secret_made, make_secret);
    struct row_hashing h = { t, all, columns, ret };
    dr_pool_run((t->rows + PIECE - 1) / PIECE, hash_piece, &h);
    return DR_OK;
}
