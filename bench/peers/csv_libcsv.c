/* csv_libcsv.c - the peer of bench/csv: libcsv alone, told the same dialect, with
 * callbacks that only count.
 *
 *   csv_libcsv FILE
 *
 * prints seconds, CPU seconds, records after the header, fields that are not empty, and "-". */
#include <csv.h>
#include <stdio.h>
#include <time.h>

struct count {
    long long fields, records;
};

static void on_field(void *p, size_t n, void *ctx)
{
    (void)p;
    ((struct count *)ctx)->fields += n > 0;
}

static void on_record(int end, void *ctx)
{
    struct count *c = ctx;
    (void)end;
    if (c->records++ == 0)
        c->fields = 0; /* that was the header */
}

static double now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
    static char block[256 << 10];
    struct csv_parser parser;
    struct count c = { 0 };
    size_t n;
    FILE *in = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (!in || csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI)) {
        fputs("csv_libcsv FILE\n", stderr);
        return 2;
    }
    setvbuf(in, NULL, _IONBF, 0);
    double start = now(CLOCK_MONOTONIC), cpu_start = now(CLOCK_PROCESS_CPUTIME_ID);
    while ((n = fread(block, 1, sizeof block, in)) > 0) {
        if (csv_parse(&parser, block, n, on_field, on_record, &c) != n) {
            fprintf(stderr, "csv_libcsv: %s\n", csv_strerror(csv_error(&parser)));
            return 1;
        }
    }
    csv_fini(&parser, on_field, on_record, &c);
    double seconds = now(CLOCK_MONOTONIC) - start, cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu_start;
    printf("%.6f %.6f %lld %lld -\n", seconds, cpu, c.records - 1, c.fields);
    csv_free(&parser);
    fclose(in);
    return 0;
}
