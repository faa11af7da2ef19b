/* kernels.c - time the table kernels on generated rows: vital signs of 200,000
 * patients in 40 hospitals over three years, a tenth of the rows repeated.
 *
 *   kernels [-r ROWS] [-t THREADS] [-n RUNS] [-w FILE.arrow] [KERNEL...]
 *
 * For each kernel prints its name, the median of wall and of CPU seconds after a
 * warm-up, and what peers must agree on: the rows of the result and a checksum.
 * With -w the generated table is written first, so that peers read the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include "base/num.h"
#include "data/kernel.h"
#include "data/pool.h"

#define MAX_RUNS 51
#define REPEAT_SHARE 10 /* every tenth row repeats an earlier one's key */

struct lists {
    const struct dr_table *vitals, *patients;
};

struct answer {
    int64_t rows;
    double sum;
};

/* ---- the data ------------------------------------------------------------------ */

static uint64_t draw(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static struct dr_dict *make_dict(const char *format, int32_t n)
{
    struct dr_dict *d = dr_dict_new();
    for (int32_t i = 0; i < n; i++) {
        char text[32];
        int length = snprintf(text, sizeof text, format, i);
        (void)dr_dict_put(d, (struct dr_str){ text, (size_t)length });
    }
    return d;
}

enum { HOSPITAL, DAY, PATIENT, VITAL, MONTH, VALUE, N_COLUMNS };
static const char *const names[N_COLUMNS] = { "hospital", "day", "patient", "vital", "month", "value" };

/* The buffers of one column's chunks while they are filled. */
struct filling {
    int32_t type;
    struct dr_dict *dict;
    struct dr_array **chunk;
};

static void put_int(struct filling *f, int64_t chunk, int64_t i, int32_t v)
{
    ((int32_t *)f->chunk[chunk]->mem[1]->p)[i] = v;
}

static double value_of(uint64_t r)
{
    return 40 + (double)(r % 1000) / 10 + (double)(r >> 40 & 1023) / 32;
}

static void fill_row(struct filling *f, int64_t row, uint64_t r, double value)
{
    int64_t chunk = row / DR_CHUNK_ROWS, i = row % DR_CHUNK_ROWS;
    int32_t patient = (int32_t)(r % 200000), day = (int32_t)(r >> 20 & 1023) + 19000;
    put_int(&f[HOSPITAL], chunk, i, patient % 40);
    put_int(&f[DAY], chunk, i, day);
    put_int(&f[PATIENT], chunk, i, patient);
    put_int(&f[VITAL], chunk, i, (int32_t)(r >> 32 & 7));
    put_int(&f[MONTH], chunk, i, (day - 19000) / 31);
    ((double *)f[VALUE].chunk[chunk]->mem[1]->p)[i] = value;
}

static struct dr_column *finish(struct filling *f, int32_t chunks)
{
    for (int32_t k = 0; k < chunks; k++)
        f->chunk[k] = dr_array_seal(f->chunk[k]);
    struct dr_column *c = dr_column_new(f->type, chunks, f->chunk, f->dict);
    free(f->chunk);
    dr_dict_unref(f->dict);
    return c;
}

static struct dr_table *make_vitals(int64_t rows)
{
    struct filling f[N_COLUMNS] = { { .type = DR_TYPE_DICT, .dict = make_dict("H%03d", 40) },
                                    { .type = DR_TYPE_DATE },
                                    { .type = DR_TYPE_DICT, .dict = make_dict("P%07d", 200000) },
                                    { .type = DR_TYPE_DICT, .dict = make_dict("vital_%d", 8) },
                                    { .type = DR_TYPE_DICT, .dict = make_dict("month_%02d", 34) },
                                    { .type = DR_TYPE_FLOAT64 } };
    int32_t chunks = (int32_t)((rows + DR_CHUNK_ROWS - 1) / DR_CHUNK_ROWS);
    uint64_t state = 88172645463325252u, recent[64] = { 1 };
    struct dr_column *columns[N_COLUMNS];
    for (int c = 0; c < N_COLUMNS; c++) {
        f[c].chunk = dr_malloc((size_t)chunks * sizeof(struct dr_array *));
        for (int32_t k = 0; k < chunks; k++) {
            int64_t left = rows - (int64_t)k * DR_CHUNK_ROWS;
            f[c].chunk[k] = dr_array_new(f[c].type, left < DR_CHUNK_ROWS ? left : DR_CHUNK_ROWS, f[c].dict);
        }
    }
    for (int64_t row = 0; row < rows; row++) {
        uint64_t r = draw(&state), again = recent[r % 64];
        bool repeat = r % REPEAT_SHARE == 0;
        fill_row(f, row, repeat ? again : r, value_of(r));
        if (!repeat)
            recent[row % 64] = r;
    }
    for (int c = 0; c < N_COLUMNS; c++)
        columns[c] = finish(&f[c], chunks);
    return dr_table_adopt(N_COLUMNS, names, columns);
}

/* One row for each second patient, with the ward. */
static struct dr_table *make_patients(void)
{
    static const char *const columns_of[] = { "patient", "ward" };
    struct dr_builder *patient = dr_builder_new(DR_TYPE_DICT), *ward = dr_builder_new(DR_TYPE_INT64);
    for (int32_t i = 0; i < 200000; i += 2) {
        char text[32];
        int length = snprintf(text, sizeof text, "P%07d", i);
        dr_builder_append_bytes(patient, text, length);
        dr_builder_append_int(ward, i % 97);
    }
    struct dr_column *columns[] = { dr_builder_finish(patient), dr_builder_finish(ward) };
    return dr_table_adopt(2, columns_of, columns);
}

/* ---- the kernels ----------------------------------------------------------------- */

static void must(int32_t rc, const struct dr_err *err)
{
    if (!rc)
        return;
    fprintf(stderr, "kernels: %s\n", err->msg);
    exit(1);
}

static double sum_of(const struct dr_table *t, const char *name)
{
    const struct dr_column *c = t->columns[dr_table_find(t, name)];
    double sum = 0;
    for (int32_t k = 0; k < c->n; k++) {
        const struct dr_array *a = c->chunk[k];
        for (int64_t i = 0; i < a->n; i++)
            sum += c->type == DR_TYPE_FLOAT64 ? ((const double *)a->values)[i]
                                              : (double)((const int64_t *)a->values)[i];
    }
    return sum;
}

/* What a result says of itself; takes the table. */
static struct answer answer_of(struct dr_table *t, const char *sum_column)
{
    struct answer a = { .rows = t->rows, .sum = sum_of(t, sum_column) };
    dr_table_unref(t);
    return a;
}

static struct dr_table *run_distinct(const struct lists *l)
{
    static const char *const keys[] = { "hospital", "day", "patient", "vital" };
    struct dr_table *ret = NULL;
    struct dr_err err = { 0 };
    must(dr_table_distinct(l->vitals, 4, keys, DR_KEEP_FIRST, NULL, &ret, &err), &err);
    return ret;
}

static struct dr_table *group(const struct dr_table *t, int32_t n_keys, const char *const *keys, int32_t n,
                              const struct dr_agg *aggs)
{
    struct dr_table *ret = NULL;
    struct dr_err err = { 0 };
    must(dr_table_group_by(t, n_keys, keys, n, aggs, &ret, &err), &err);
    return ret;
}

static const char *const group_keys[] = { "hospital", "vital", "month" };
static const struct dr_agg group_aggs[] = {
    { .fn = DR_AGG_COUNT, .name = "n" },
    { .fn = DR_AGG_SUM, .column = "value", .name = "sum" },
    { .fn = DR_AGG_MEAN, .column = "value", .name = "mean" },
    { .fn = DR_AGG_STDDEV, .column = "value", .name = "sd" },
    { .fn = DR_AGG_MIN, .column = "value", .name = "least" },
    { .fn = DR_AGG_MAX, .column = "value", .name = "most" },
    { .fn = DR_AGG_MEDIAN, .column = "value", .name = "median" },
    { .fn = DR_AGG_QUANTILE, .column = "value", .name = "p95", .arg = 0.95 }
};

static struct dr_table *run_group(const struct lists *l)
{
    return group(l->vitals, 3, group_keys, 8, group_aggs);
}

static struct dr_table *run_median(const struct lists *l)
{
    return group(l->vitals, 3, group_keys, 1, &group_aggs[6]);
}

static struct dr_table *run_six(const struct lists *l)
{
    return group(l->vitals, 3, group_keys, 6, group_aggs);
}

static struct dr_table *run_by_patient(const struct lists *l)
{
    static const char *const key[] = { "patient" };
    return group(l->vitals, 1, key, 6, group_aggs);
}

static struct dr_table *run_overall(const struct lists *l)
{
    return group(l->vitals, 0, NULL, 8, group_aggs);
}

static struct dr_table *run_count_distinct(const struct lists *l)
{
    static const struct dr_agg agg = { .fn = DR_AGG_COUNT_DISTINCT, .column = "patient", .name = "n" };
    return group(l->vitals, 3, group_keys, 1, &agg);
}

static struct dr_table *run_sort(const struct lists *l)
{
    static const struct dr_sort_key keys[] = { { .column = "patient" }, { .column = "value" } };
    struct dr_table *ret = NULL;
    struct dr_err err = { 0 };
    must(dr_table_sort(l->vitals, 2, keys, &ret, &err), &err);
    return ret;
}

static struct dr_table *run_filter(const struct lists *l)
{
    DR_AUTO_FREE uint8_t *bits = dr_calloc((size_t)l->vitals->rows / 8 + 1, 1);
    struct dr_table *ret = NULL;
    struct dr_err err = { 0 };
    for (int64_t i = 0; i < l->vitals->rows / 8; i++)
        bits[i] = (uint8_t)(i * 37 % 251);
    must(dr_table_filter(l->vitals, bits, &ret, &err), &err);
    return ret;
}

static struct dr_table *run_join(const struct lists *l)
{
    static const char *const key[] = { "patient" };
    struct dr_table *ret = NULL;
    struct dr_err err = { 0 };
    must(dr_table_join(l->vitals, l->patients, 1, key, key, DR_JOIN_INNER, &ret, &err), &err);
    return ret;
}

static const struct kernel {
    const char *name, *sum_column;
    struct dr_table *(*run)(const struct lists *l);
} kernels[] = {
    { "distinct", "value", run_distinct },
    { "median", "median", run_median },
    { "six_aggregates", "sd", run_six },
    { "six_and_quantiles", "p95", run_group },
    { "by_patient", "mean", run_by_patient },
    { "overall", "p95", run_overall },
    { "count_distinct", "n", run_count_distinct },
    { "sort", "value", run_sort },
    { "filter", "value", run_filter },
    { "join", "ward", run_join },
};

/* ---- measuring ---------------------------------------------------------------------- */

static double wall(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double cpu(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, by_value);
    return v[n / 2];
}

static void measure(const struct kernel *k, const struct lists *l, int runs)
{
    double walls[MAX_RUNS], cpus[MAX_RUNS];
    struct answer a = answer_of(k->run(l), k->sum_column);
    for (int i = 0; i < runs; i++) {
        double w = wall(), c = cpu();
        struct dr_table *t = k->run(l);
        walls[i] = wall() - w;
        cpus[i] = cpu() - c;
        dr_table_unref(t);
    }
    printf("%-18s %8.4f %8.4f %10lld %.9g\n", k->name, median(walls, runs), median(cpus, runs),
           (long long)a.rows, a.sum);
    fflush(stdout);
}

static bool wanted(const char *name, int n, char **list)
{
    bool found = n == 0;
    for (int i = 0; i < n; i++)
        found |= dr_streq(list[i], name);
    return found;
}

static int64_t number(const char *text)
{
    int64_t v = 0;
    if (!dr_parse_i64(dr_str_of(text), &v) || v < 1) {
        fprintf(stderr, "kernels: '%s' is no positive number\n", text);
        exit(2);
    }
    return v;
}

int main(int argc, char **argv)
{
    int64_t rows = 10000000, threads = 2, runs = 5;
    const char *file = NULL;
    int at = 1;
    for (; at + 1 < argc && argv[at][0] == '-'; at += 2) {
        if (dr_streq(argv[at], "-r"))
            rows = number(argv[at + 1]);
        else if (dr_streq(argv[at], "-t"))
            threads = number(argv[at + 1]);
        else if (dr_streq(argv[at], "-n"))
            runs = number(argv[at + 1]);
        else if (dr_streq(argv[at], "-w"))
            file = argv[at + 1];
    }
    runs = runs < MAX_RUNS ? runs : MAX_RUNS;
    struct dr_err err = { 0 };
    struct dr_table *vitals = make_vitals(rows), *patients = make_patients();
    struct lists l = { .vitals = vitals, .patients = patients };
    if (file)
        must(dr_table_write_arrow(vitals, file, &err), &err);
    dr_pool_init((int32_t)threads);
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
        if (wanted(kernels[i].name, argc - at, argv + at))
            measure(&kernels[i], &l, (int)runs);
    dr_pool_done();
    dr_table_unref(vitals);
    dr_table_unref(patients);
    return 0;
}
