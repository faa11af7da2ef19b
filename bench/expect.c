/* expect.c - time the evaluation of a suite over tables in memory, and the
 * split into valid and quarantined rows.
 *
 *   expect [-t THREADS] [-n RUNS] SUITE.yaml FILE.csv...
 *
 * The files take turns, so that what disturbs the machine disturbs all of them. For
 * each, after a warm-up: the median seconds of reading, evaluating and splitting
 * and the processor time of the last two, the rows of both parts, and a line for each
 * check that others must agree on: its number and how many rows are unexpected, or
 * success as 1 or 0. Several files are told apart by a line with their name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/date.h"
#include "base/num.h"
#include "data/pool.h"
#include "expect/expect.h"
#include "model/suite.h"

#define MAX_RUNS 101
#define MAX_FILES 8

struct times {
    double read[MAX_RUNS], evaluate[MAX_RUNS], split[MAX_RUNS], processor[MAX_RUNS];
};

static double now(void)
{
    return (double)dr_monotonic_us() / 1e6;
}

static double processor_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
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

/* One round over one file; the last one says what it found. */
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
    double processor = processor_now();
    if (dr_expect_run(suite, table, &o, &results, &err))
        die(&err);
    t->evaluate[i] = now() - start;
    start = now();
    if (dr_expect_split(results, table, &valid, &quarantined, &err))
        die(&err);
    t->split[i] = now() - start;
    t->processor[i] = processor_now() - processor;
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

static void print_times(struct times *t, int runs)
{
    printf("read %.4f\nevaluate %.4f\nsplit %.4f\nprocessor %.4f\n", median(t->read, runs),
           median(t->evaluate, runs), median(t->split, runs), median(t->processor, runs));
}

int main(int argc, char **argv)
{
    int64_t threads = 2, runs = 5;
    int option;
    while ((option = getopt(argc, argv, "t:n:")) > 0)
        if (option == '?' || !dr_parse_i64(dr_str_of(optarg), option == 't' ? &threads : &runs))
            return 2;
    int files = argc - optind - 1;
    if (files < 1 || files > MAX_FILES || runs < 1 || runs >= MAX_RUNS) {
        fprintf(stderr, "usage: expect [-t THREADS] [-n RUNS] SUITE.yaml FILE.csv...\n");
        return 2;
    }
    struct dr_arena a = { 0 };
    struct dr_diags found = { .arena = &a };
    struct dr_suite *suite = dr_suite_load_file(&a, argv[optind], argv[optind], dr_expect_source(), &found);
    if (!suite) {
        fprintf(stderr, "expect: '%s' is no suite\n", argv[optind]);
        return 2;
    }
    static struct times t[MAX_FILES];
    dr_pool_init((int32_t)threads);
    for (int i = 0; i <= runs; i++) /* the first only warms up */
        for (int k = 0; k < files; k++) {
            if (i == runs && files > 1)
                printf("file %s\n", argv[optind + 1 + k]);
            once(suite, argv[optind + 1 + k], &t[k], i ? i - 1 : 0, i == runs);
            if (i == runs)
                print_times(&t[k], (int)runs);
        }
    dr_pool_done();
    dr_arena_done(&a);
    return 0;
}
