/* expect.c - time the evaluation of a suite over a table in memory, and the
 * split into valid and quarantined rows.
 *
 *   expect [-t THREADS] [-n RUNS] SUITE.yaml FILE.csv
 *
 * Prints the median seconds of reading, evaluating and splitting after a
 * warm-up, the rows of both parts, and a line for each check that others must
 * agree on: its number and how many rows are unexpected, or success as 1 or 0. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/date.h"
#include "base/num.h"
#include "data/pool.h"
#include "expect/expect.h"
#include "model/suite.h"

#define MAX_RUNS 101

struct times {
    double read[MAX_RUNS], evaluate[MAX_RUNS], split[MAX_RUNS];
};

static double now(void)
{
    return (double)dr_monotonic_us() / 1e6;
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

static void die(const struct dr_err *err)
{
    fprintf(stderr, "expect: %s\n", err->msg);
    exit(1);
}

static void print_answers(const struct dr_results *r)
{
    for (int32_t k = 0; k < r->n; k++) {
        const struct dr_check *c = &r->checks[k];
        if (c->exception)
            printf("answer %d error: %s\n", (int)k + 1, c->exception);
        else
            printf("answer %d %lld\n", (int)k + 1,
                   (long long)(c->unexpected_count >= 0 ? c->unexpected_count : c->success));
    }
}

/* One round; the last one says what it found. */
static void once(const struct dr_suite *suite, const char *path, struct times *t, int i, bool last)
{
    static const struct dr_csv_options csv = { .size = sizeof csv };
    struct dr_expect_options o = { .result_format = DR_RESULT_SUMMARY };
    struct dr_table *table, *valid, *quarantined;
    struct dr_results *results;
    struct dr_err err = { 0 };
    double start = now();
    if (dr_table_read_csv(path, &csv, &table, NULL, &err))
        die(&err);
    t->read[i] = now() - start;
    start = now();
    if (dr_expect_run(suite, table, &o, &results, &err))
        die(&err);
    t->evaluate[i] = now() - start;
    start = now();
    if (dr_expect_split(results, table, &valid, &quarantined, &err))
        die(&err);
    t->split[i] = now() - start;
    if (last) {
        printf("valid %lld\nquarantined %lld\n", (long long)dr_table_rows(valid),
               (long long)dr_table_rows(quarantined));
        print_answers(results);
    }
    dr_table_unref(valid);
    dr_table_unref(quarantined);
    dr_results_free(results);
    dr_table_unref(table);
}

int main(int argc, char **argv)
{
    int64_t threads = 2, runs = 5;
    int option;
    while ((option = getopt(argc, argv, "t:n:")) > 0)
        if (option == '?' || !dr_parse_i64(dr_str_of(optarg), option == 't' ? &threads : &runs))
            return 2;
    if (argc - optind != 2 || runs < 1 || runs >= MAX_RUNS) {
        fprintf(stderr, "usage: expect [-t THREADS] [-n RUNS] SUITE.yaml FILE.csv\n");
        return 2;
    }
    struct dr_arena a = { 0 };
    struct dr_diags found = { .arena = &a };
    struct dr_suite *suite = dr_suite_load_file(&a, argv[optind], argv[optind], dr_expect_source(), &found);
    if (!suite) {
        fprintf(stderr, "expect: '%s' is no suite\n", argv[optind]);
        return 2;
    }
    static struct times t;
    dr_pool_init((int32_t)threads);
    for (int i = 0; i <= runs; i++) /* the first only warms up */
        once(suite, argv[optind + 1], &t, i ? i - 1 : 0, i == runs);
    printf("read %.4f\nevaluate %.4f\nsplit %.4f\n", median(t.read, (int)runs), median(t.evaluate, (int)runs),
           median(t.split, (int)runs));
    dr_pool_done();
    dr_arena_done(&a);
    return 0;
}
