/* results.c - what is done with results: JSON in Great Expectations' shape, and
 * the split of a table into rows that pass and rows that are quarantined. */
#include "base/hash.h"
#include "base/json.h"
#include "data/kernel.h"
#include "expect/check.h"

/* ---- JSON ---- */

static void put_threshold(struct dr_json *j, const char *key, const struct dr_threshold *t)
{
    if (!t->given)
        return;
    dr_json_key(j, key);
    if (t->is_count)
        dr_json_int(j, (int64_t)t->value);
    else
        dr_json_float(j, t->value);
}

static void put_config(struct dr_json *j, const struct dr_expectation *x)
{
    dr_json_key(j, "expectation_config");
    dr_json_object(j);
    dr_json_key(j, "type");
    dr_json_cstr(j, x->type);
    dr_json_key(j, "kwargs");
    dr_json_node(j, x->kwargs);
    dr_json_key(j, "id");
    dr_json_cstr(j, x->id);
    dr_json_key(j, "severity");
    dr_json_cstr(j, dr_severity_name(x->severity));
    put_threshold(j, "warning", &x->warning);
    put_threshold(j, "critical", &x->critical);
    dr_json_key(j, "on_failure");
    dr_json_cstr(j, dr_on_failure_name(x->on_failure));
    if (x->description) {
        dr_json_key(j, "description");
        dr_json_cstr(j, x->description);
    }
    if (x->meta) {
        dr_json_key(j, "meta");
        dr_json_node(j, x->meta);
    }
    dr_json_end_object(j);
}

static void put_check(struct dr_json *j, const struct dr_check *c)
{
    dr_json_object(j);
    dr_json_key(j, "success");
    dr_json_bool(j, c->success);
    if (!c->success) {
        dr_json_key(j, "severity");
        dr_json_cstr(j, dr_severity_name(c->severity));
    }
    put_config(j, c->expectation);
    dr_json_key(j, "result");
    dr_json_node(j, c->result);
    dr_json_key(j, "exception_info");
    dr_json_object(j);
    dr_json_key(j, "raised_exception");
    dr_json_bool(j, c->exception != NULL);
    dr_json_key(j, "exception_message");
    dr_json_cstr(j, c->exception);
    dr_json_end_object(j);
    dr_json_key(j, "sentence");
    dr_json_cstr(j, c->sentence);
    dr_json_end_object(j);
}

static void put_statistics(struct dr_json *j, const struct dr_results *r)
{
    dr_json_key(j, "statistics");
    dr_json_object(j);
    dr_json_key(j, "evaluated_expectations");
    dr_json_int(j, r->n);
    dr_json_key(j, "successful_expectations");
    dr_json_int(j, r->passed);
    dr_json_key(j, "unsuccessful_expectations");
    dr_json_int(j, r->n - r->passed);
    dr_json_key(j, "success_percent");
    if (r->n)
        dr_json_float(j, (double)r->passed / r->n * 100);
    else
        dr_json_null(j);
    dr_json_end_object(j);
}

void dr_results_put_json(const struct dr_results *r, struct dr_buf *out, int indent)
{
    struct dr_json j = { .out = out, .indent = indent };
    dr_json_object(&j);
    dr_json_key(&j, "success");
    dr_json_bool(&j, r->passed == r->n);
    dr_json_key(&j, "suite_name");
    dr_json_cstr(&j, r->suite->name);
    dr_json_key(&j, "rows");
    dr_json_int(&j, r->rows);
    if (r->unread) {
        dr_json_key(&j, "unreadable_records");
        dr_json_int(&j, r->unread);
    }
    put_statistics(&j, r);
    dr_json_key(&j, "results");
    dr_json_array(&j);
    for (int32_t k = 0; k < r->n; k++)
        put_check(&j, &r->checks[k]);
    dr_json_end_array(&j);
    dr_json_end_object(&j);
}

/* ---- the split ---- */

#define RECENT 256 /* sets that are found without the map */

/* A set of checks that some row breaks: a bit of each, and what is said of such rows. */
struct broken {
    const uint64_t *bits;
    struct dr_str reasons, ids;
};

/* Rows break few different sets of rules, so the texts are made once per set. */
struct quarantine {
    const struct dr_check **checks; /* those that quarantine */
    int32_t n;
    size_t width; /* words that hold a bit of each */
    int64_t rows, n_bad;
    uint64_t *bad;
    struct dr_arena arena;
    struct dr_map sets;     /* bits of checks to index into broken */
    struct broken *broken;  /* in order of appearance */
    int32_t recent[RECENT]; /* by hash of bits: index + 1 */
    int32_t n_sets, cap;
};

static void quarantine_done(struct quarantine *q)
{
    free(q->broken);
    dr_map_done(&q->sets);
    dr_arena_done(&q->arena);
}

static void find_bad(struct quarantine *q, const struct dr_results *r)
{
    q->rows = r->rows;
    q->checks = dr_arena_array(&q->arena, (size_t)r->n + 1, sizeof *q->checks);
    q->bad = dr_arena_array(&q->arena, (size_t)dr_words(r->rows) + 1, sizeof *q->bad);
    for (int32_t k = 0; k < r->n; k++) {
        const struct dr_check *c = &r->checks[k];
        if (c->expectation->on_failure != DR_ON_FAILURE_QUARANTINE || !c->unexpected ||
            c->unexpected_count <= 0)
            continue;
        q->checks[q->n++] = c;
        for (int64_t w = 0; w < dr_words(r->rows); w++) {
            uint64_t word;
            memcpy(&word, c->unexpected + w * 8, sizeof word);
            q->bad[w] |= word;
        }
    }
    q->width = ((size_t)q->n + 63) / 64;
    q->n_bad = dr_rows_count(q->bad, r->rows);
}

static struct dr_str keep_text(struct quarantine *q, struct dr_buf *b)
{
    return (struct dr_str){ dr_arena_dup(&q->arena, dr_buf_cstr(b), b->n), b->n };
}

static int32_t add_set(struct quarantine *q, const uint64_t *bits)
{
    DR_AUTO_BUF reasons = { 0 };
    DR_AUTO_BUF ids = { 0 };
    for (int32_t k = 0; k < q->n; k++) {
        const struct dr_check *c = q->checks[k];
        if (!dr_row_get(bits, k))
            continue;
        (void)dr_buf_printf(&reasons, "%s%s", reasons.n ? "; " : "",
                            c->reason ? c->reason : c->expectation->type);
        (void)dr_buf_printf(&ids, "%s%s", ids.n ? ", " : "", c->expectation->id);
    }
    if (q->n_sets == q->cap) {
        q->cap = q->cap * 2 + 16;
        q->broken = dr_realloc(q->broken, (size_t)q->cap * sizeof *q->broken);
    }
    q->broken[q->n_sets] = (struct broken){ bits, keep_text(q, &reasons), keep_text(q, &ids) };
    return q->n_sets++;
}

static int32_t look_up_set(struct quarantine *q, const uint64_t *bits)
{
    struct dr_str key = { (const char *)bits, q->width * sizeof *bits };
    int64_t *known = dr_map_get(&q->sets, key);
    if (known)
        return (int32_t)*known;
    key.p = memcpy(dr_arena_alloc(&q->arena, key.n), bits, key.n);
    int32_t at = add_set(q, (const uint64_t *)(const void *)key.p);
    *dr_map_put(&q->sets, key, NULL) = at;
    return at;
}

static int32_t number_of_set(struct quarantine *q, const uint64_t *bits)
{
    uint64_t hash = 0, differ = 0;
    for (size_t w = 0; w < q->width; w++)
        hash = (hash ^ bits[w]) * UINT64_C(0x9E3779B97F4A7C15);
    int32_t *recent = &q->recent[hash >> 56];
    for (size_t w = 0; *recent && w < q->width; w++)
        differ |= q->broken[*recent - 1].bits[w] ^ bits[w];
    if (!*recent || differ)
        *recent = look_up_set(q, bits) + 1;
    return *recent - 1;
}

/* Of each check the 64 rows of a word. */
static void words_of(const struct quarantine *q, int64_t w, uint64_t *of_check)
{
    for (int32_t k = 0; k < q->n; k++)
        memcpy(&of_check[k], q->checks[k]->unexpected + w * 8, sizeof *of_check);
}

/* The checks that refuse a row: of all of them one bit, as which of them do follows no rule
 * that a processor could learn. */
static void checks_of_row(const struct quarantine *q, const uint64_t *of_check, int at, uint64_t *bits)
{
    for (size_t w = 0; w < q->width; w++) {
        int32_t first = (int32_t)w * 64, k = q->n < first + 64 ? q->n : first + 64;
        for (bits[w] = 0; k-- > first;)
            bits[w] = bits[w] << 1 | (of_check[k] >> at & 1);
    }
}

/* The set of each quarantined row, in order. */
static int32_t *sets_of_rows(struct quarantine *q)
{
    int32_t *of = dr_malloc(((size_t)q->n_bad + 1) * sizeof *of);
    uint64_t *of_check = dr_arena_array(&q->arena, (size_t)q->n + 1, sizeof *of_check);
    uint64_t *bits = dr_arena_array(&q->arena, q->width + 1, sizeof *bits);
    int64_t n = 0;
    for (int64_t w = 0; w < dr_words(q->rows); w++) {
        if (q->bad[w])
            words_of(q, w, of_check);
        for (uint64_t left = q->bad[w]; left; left &= left - 1) {
            checks_of_row(q, of_check, __builtin_ctzll(left), bits);
            of[n++] = number_of_set(q, bits);
        }
    }
    return of;
}

/* A dictionary column that gives each row the text of its set. Two sets may
 * have one text (equal descriptions), which a dictionary holds once. */
static struct dr_column *text_column(const struct quarantine *q, const int32_t *of, bool ids)
{
    struct dr_dict *dict = dr_dict_new();
    int32_t *code = dr_malloc(((size_t)q->n_sets + 1) * sizeof *code), n = 0;
    struct dr_array **chunk = dr_calloc((size_t)(q->n_bad / DR_CHUNK_ROWS) + 2, sizeof *chunk);
    for (int32_t k = 0; k < q->n_sets; k++)
        code[k] = dr_dict_put(dict, ids ? q->broken[k].ids : q->broken[k].reasons);
    for (int64_t from = 0; from < q->n_bad; from += DR_CHUNK_ROWS) {
        int64_t rows = q->n_bad - from < DR_CHUNK_ROWS ? q->n_bad - from : DR_CHUNK_ROWS;
        struct dr_array *a = dr_array_new(DR_TYPE_DICT, rows, dict);
        int32_t *codes = a->mem[1]->p;
        for (int64_t i = 0; i < rows; i++)
            codes[i] = code[of[from + i]];
        chunk[n++] = dr_array_seal(a);
    }
    struct dr_column *c = dr_column_new(DR_TYPE_DICT, n, chunk, dict);
    dr_dict_unref(dict);
    free(chunk);
    free(code);
    return c;
}

static int32_t with_reasons(const struct quarantine *q, const int32_t *of, const struct dr_table *rows,
                            struct dr_table **ret, struct dr_err *err)
{
    struct dr_table *one = NULL;
    struct dr_column *reasons = text_column(q, of, false);
    struct dr_column *ids = text_column(q, of, true);
    int32_t rc = dr_table_with(rows, "_reasons", reasons, &one, err);
    if (!rc)
        rc = dr_table_with(one, "_expectations", ids, ret, err);
    dr_table_unref(one);
    dr_column_unref(reasons);
    dr_column_unref(ids);
    return rc;
}

int32_t dr_expect_split(const struct dr_results *r, const struct dr_table *table, struct dr_table **ret_valid,
                        struct dr_table **ret_quarantined, struct dr_err *err)
{
    struct quarantine q = { 0 };
    struct dr_table *bad, *good;
    if (table->rows != r->rows)
        return dr_fail(err, DR_EBUG, "the results are of a table of %lld rows, this one has %lld",
                       (long long)r->rows, (long long)table->rows);
    find_bad(&q, r);
    DR_AUTO_FREE int32_t *of = sets_of_rows(&q); /* now: the checks' bits are in the cache */
    dr_table_split(table, (const uint8_t *)q.bad, &bad, &good);
    int32_t rc = with_reasons(&q, of, bad, ret_quarantined, err);
    quarantine_done(&q);
    dr_table_unref(bad);
    if (rc)
        dr_table_unref(good);
    else
        *ret_valid = good;
    return rc;
}
