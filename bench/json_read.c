/* json_read.c - what the benchmark of the JSON readers runs.
 *
 *   json_read make CSV JSONL      the rows of a CSV file as JSON lines, `value` as a number
 *   json_read lines JSONL N       read with N threads; print rows, and how many numbers there are
 *   json_read parse RUNS FILE...  parse each file as a document on one thread; print the
 *                                 median speed of RUNS rounds, in processor time */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/file.h"
#include "base/num.h"
#include "json/doc.h"
#include "data/pool.h"

static struct dr_err err;

static int failed(void)
{
    fprintf(stderr, "json_read: %s\n", err.msg);
    return 1;
}

static int make(const char *csv, const char *jsonl)
{
    struct dr_table *text, *t;
    struct dr_column *value;
    struct dr_csv_options options = { .size = sizeof options, .forgiving = 1 };
    if (dr_table_read_csv(csv, &options, &text, NULL, &err))
        return failed();
    const struct dr_column *column = dr_table_column(text, dr_table_find(text, "value"));
    if (dr_column_cast(column, DR_TYPE_FLOAT64, NULL, &value, &err))
        return failed();
    int rc = dr_table_with(text, "value", value, &t, &err) ? failed() : 0;
    if (!rc && dr_table_write_json(t, jsonl, &err))
        rc = failed();
    return rc;
}

static int lines(const char *path, const char *threads)
{
    struct dr_table *t;
    int64_t n = 1;
    dr_parse_i64(dr_str_of(threads), &n);
    dr_pool_init((int32_t)n);
    if (dr_table_read_json(path, NULL, &t, NULL, &err))
        return failed();
    int32_t value = dr_table_find(t, "value");
    printf("%lld rows, %lld values\n", (long long)dr_table_rows(t),
           value < 0 ? 0LL : (long long)(dr_table_rows(t) - dr_column_nulls(dr_table_column(t, value))));
    dr_table_unref(t);
    dr_pool_done();
    return 0;
}

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static int parse(const char *runs, int n, char **paths)
{
    enum { MAX_RUNS = 101 };
    double speed[MAX_RUNS];
    int64_t rounds = 5;
    size_t total = 0;
    struct dr_arena a = { 0 };
    struct dr_json_doc *doc = dr_json_doc_new();
    struct dr_str *texts = dr_arena_array(&a, (size_t)n, sizeof *texts);
    dr_parse_i64(dr_str_of(runs), &rounds);
    for (int i = 0; i < n; i++) {
        struct dr_str file;
        if (dr_read_file(&a, paths[i], DR_JSON_TEXT_MAX, &file, &err))
            return failed();
        char *padded = dr_arena_alloc(&a, file.n + DR_JSON_PADDING);
        memcpy(padded, file.p, file.n);
        texts[i] = (struct dr_str){ padded, file.n };
        total += file.n;
    }
    for (int64_t k = -1; k < rounds && k < MAX_RUNS; k++) { /* the first warms up */
        clock_t start = clock();
        for (int i = 0; i < n; i++)
            if (dr_json_doc_parse(doc, paths[i], texts[i].p, texts[i].n, &err))
                return failed();
        if (k >= 0)
            speed[k] = (double)total / 1e9 / ((double)(clock() - start + 1) / CLOCKS_PER_SEC);
    }
    qsort(speed, (size_t)rounds, sizeof *speed, by_size);
    printf("%d files, %.1f MB: %.2f GB/s (median of %lld)\n", n, (double)total / 1e6, speed[rounds / 2],
           (long long)rounds);
    dr_json_doc_free(doc);
    dr_arena_done(&a);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "make") == 0)
        return make(argv[2], argv[3]);
    if (argc == 4 && strcmp(argv[1], "lines") == 0)
        return lines(argv[2], argv[3]);
    if (argc >= 4 && strcmp(argv[1], "parse") == 0)
        return parse(argv[2], argc - 3, argv + 3);
    fprintf(stderr, "usage: json_read make CSV JSONL | lines JSONL THREADS | parse RUNS FILE...\n");
    return 2;
}
