/* csv_read.c - read a CSV file into a table once and say how long that took:
 *
 *   csv_read FILE THREADS [infer] [pass] [COLUMN=TYPE...]
 *
 * prints one line: seconds, CPU seconds of all threads, rows, fields that are not missing, and the sum of all
 * float64 columns (-: there is none), so that engines can be held against each other.
 * Starting the process and its threads is not timed, nor is it for the peers.
 * pass: batches are looked at and dropped, as a parser that keeps nothing does. */
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include "base/date.h"
#include "data/column.h"
#include "data/pool.h"
#include "data/stream.h"

enum { MOST_TYPES = 64 };

/* COLUMN=TYPE; the text is cut at the '='. */
static int parse_type(char *arg, struct dr_csv_type *ret)
{
    char *equals = strchr(arg, '=');
    if (!equals)
        return -1;
    *equals = '\0';
    ret->column = arg;
    ret->type = dr_type_parse(equals + 1);
    return ret->type < 0 ? -1 : 0;
}

/* In four sums, so that adding up does not take a part of the time that is measured. */
static double sum_of(const struct dr_column *c)
{
    double sum[4] = { 0 };
    for (int32_t k = 0; k < c->n; k++) {
        const double *values = c->chunk[k]->values; /* 0 under a null */
        int64_t i = 0, n = c->chunk[k]->n;
        for (; i + 4 <= n; i += 4)
            for (int j = 0; j < 4; j++)
                sum[j] += values[i + j];
        for (; i < n; i++)
            sum[0] += values[i];
    }
    return sum[0] + sum[1] + sum[2] + sum[3];
}

static double cpu_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* What is told of a file. */
struct found {
    int64_t rows, fields, numbers; /* numbers: float64 columns */
    double sum;
};

static void look_at(const struct dr_table *t, struct found *f)
{
    f->rows += t->rows;
    f->numbers = 0;
    for (int32_t c = 0; c < t->n; c++) {
        f->fields += t->rows - t->columns[c]->nulls + dr_column_refused(t->columns[c]);
        f->numbers += t->columns[c]->type == DR_TYPE_FLOAT64;
        if (t->columns[c]->type == DR_TYPE_FLOAT64)
            f->sum += sum_of(t->columns[c]);
    }
}

static int32_t pass_batches(const char *path, const struct dr_csv_options *opts, struct found *f,
                            struct dr_err *err)
{
    struct dr_reader *r;
    struct dr_table *t = NULL;
    DR_TRY(dr_csv_open(path, opts, NULL, &r, err));
    int32_t rc;
    while (!(rc = r->next(r, &t, err)) && t) {
        look_at(t, f);
        dr_table_unref(t);
    }
    dr_reader_close(r);
    return rc;
}

int main(int argc, char **argv)
{
    struct dr_csv_type types[MOST_TYPES];
    struct dr_csv_options opts = { .size = sizeof opts, .types = types };
    struct dr_err err = { 0 };
    struct dr_table *t = NULL;
    struct found found = { 0 };
    bool pass = false;
    for (int i = 3; i < argc && opts.n_types < MOST_TYPES; i++) {
        if (strcmp(argv[i], "infer") == 0)
            opts.infer = 1;
        else if (strcmp(argv[i], "pass") == 0)
            pass = true;
        else if (parse_type(argv[i], &types[opts.n_types++]))
            argc = 0;
    }
    if (argc < 3) {
        fputs("csv_read FILE THREADS [infer] [pass] [COLUMN=TYPE...]\n", stderr);
        return 2;
    }
    dr_pool_init((int32_t)strtol(argv[2], NULL, 10));
    double cpu = cpu_now();
    int64_t start = dr_monotonic_us();
    if (pass ? pass_batches(argv[1], &opts, &found, &err)
             : dr_table_read_csv(argv[1], &opts, &t, NULL, &err)) {
        fprintf(stderr, "csv_read: %s\n", err.msg);
        return 1;
    }
    double seconds = (double)(dr_monotonic_us() - start) * 1e-6;
    cpu = cpu_now() - cpu;
    if (t)
        look_at(t, &found);
    printf("%.6f %.6f %" PRId64 " %" PRId64, seconds, cpu, found.rows, found.fields);
    printf(found.numbers ? " %.0f\n" : " -\n", found.sum);
    dr_table_unref(t);
    dr_pool_done();
    return 0;
}
