/* csv_read.c - read a CSV file into a table once and say how long that took:
 *
 *   csv_read FILE THREADS [infer] [COLUMN=TYPE...]
 *
 * prints one line: seconds, CPU seconds of all threads, rows, fields that are not missing, and the sum of all
 * float64 columns (-: there is none), so that engines can be held against each other.
 * Starting the process and its threads is not timed, nor is it for the peers. */
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include "base/date.h"
#include "data/column.h"
#include "data/pool.h"

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

static double sum_of(const struct dr_column *c)
{
    double sum = 0;
    for (int32_t k = 0; k < c->n; k++)
        for (int64_t i = 0; i < c->chunk[k]->n; i++)
            sum += ((const double *)c->chunk[k]->values)[i]; /* 0 under a null */
    return sum;
}

static double cpu_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void print(const struct dr_table *t, double seconds, double cpu)
{
    int64_t fields = 0, numbers = 0;
    double sum = 0;
    for (int32_t c = 0; c < t->n; c++) {
        fields += t->rows - t->columns[c]->nulls + dr_column_refused(t->columns[c]);
        numbers += t->columns[c]->type == DR_TYPE_FLOAT64;
        if (t->columns[c]->type == DR_TYPE_FLOAT64)
            sum += sum_of(t->columns[c]);
    }
    printf("%.6f %.6f %" PRId64 " %" PRId64, seconds, cpu, t->rows, fields);
    if (numbers)
        printf(" %.0f\n", sum);
    else
        puts(" -");
}

int main(int argc, char **argv)
{
    struct dr_csv_type types[MOST_TYPES];
    struct dr_csv_options opts = { .size = sizeof opts, .types = types };
    struct dr_err err = { 0 };
    struct dr_table *t;
    for (int i = 3; i < argc && opts.n_types < MOST_TYPES; i++) {
        if (strcmp(argv[i], "infer") == 0)
            opts.infer = 1;
        else if (parse_type(argv[i], &types[opts.n_types++]))
            argc = 0;
    }
    if (argc < 3) {
        fputs("csv_read FILE THREADS [infer] [COLUMN=TYPE...]\n", stderr);
        return 2;
    }
    dr_pool_init((int32_t)strtol(argv[2], NULL, 10));
    double cpu_start = cpu_now();
    int64_t start = dr_monotonic_us();
    if (dr_table_read_csv(argv[1], &opts, &t, NULL, &err)) {
        fprintf(stderr, "csv_read: %s\n", err.msg);
        return 1;
    }
    double seconds = (double)(dr_monotonic_us() - start) * 1e-6;
    print(t, seconds, cpu_now() - cpu_start);
    dr_table_unref(t);
    dr_pool_done();
    return 0;
}
