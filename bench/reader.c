/* reader.c - a program that reads while another writes: how long does each of its reads take?
 *
 *   reader sqlite FILE PERSONS | reader postgresql URI PERSONS
 *
 * Asks for all events of a person drawn by lot, again and again, each in a transaction of its own, until
 * SIGTERM or SIGINT; then prints how long the reads took. A lock that makes readers wait shows in the
 * longest. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/num.h"
#include "db/db.h"
#include "random.h"

enum { READS_MAX = 1 << 24 };

static volatile sig_atomic_t ended;

static void on_signal(int number)
{
    (void)number;
    ended = 1;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int by_size(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static int read_one(struct dr_db *db, const char *sql, const char *person, int64_t *events,
                    struct dr_err *err)
{
    struct dr_db_value key = dr_db_text(person);
    struct dr_table *found = NULL;
    if (db->driver->run(db, sql, 1, &key, &found, NULL, err))
        return 1;
    *events += dr_table_rows(found);
    dr_table_unref(found);
    return 0;
}

static int read_on(struct dr_db *db, uint32_t persons, struct dr_err *err)
{
    char sql[128], person[16];
    float *took = malloc(READS_MAX * sizeof *took);
    struct rng rng;
    int64_t events = 0, n = 0;
    if (!took)
        abort();
    snprintf(sql, sizeof sql, "SELECT * FROM feed_event WHERE person_id = %c1",
             db->driver->dialect->placeholder);
    rng_init(&rng, 1);
    for (double start = seconds(), end; !ended && n < READS_MAX; start = end) {
        snprintf(person, sizeof person, "P%07u", below(&rng, persons) + 1);
        if (read_one(db, sql, person, &events, err))
            return 1;
        end = seconds();
        took[n++] = (float)((end - start) * 1e3);
    }
    if (n == 0)
        return 1;
    qsort(took, (size_t)n, sizeof *took, by_size);
    printf("%lld reads of %.1f events each: median %.3f ms, 99 %% within %.2f ms, 99.99 %% within %.1f ms, "
           "longest %.1f ms\n",
           (long long)n, (double)events / (double)n, (double)took[n / 2], (double)took[n - 1 - n / 100],
           (double)took[n - 1 - n / 10000], (double)took[n - 1]);
    free(took);
    return 0;
}

int main(int argc, char **argv)
{
    struct dr_err err = { 0 };
    struct dr_db *db;
    int64_t persons;
    static const char *const keys[] = { "dbname" };
    if (argc != 4 || !dr_parse_i64(dr_str_of(argv[3]), &persons) || persons < 1 || persons > 9999999) {
        fputs("usage: reader sqlite FILE PERSONS | reader postgresql URI PERSONS\n", stderr);
        return 2;
    }
    struct dr_db_target where = {
        .path = argv[2], .keys = keys, .values = (const char *const[]){ argv[2] }, .n = 1
    };
    where.postgresql = strcmp(argv[1], "postgresql") == 0;
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    if (dr_db_connect(&where, &db, &err) || read_on(db, (uint32_t)persons, &err)) {
        fprintf(stderr, "reader: %s\n", err.msg);
        return 1;
    }
    dr_db_close(db);
    return 0;
}
