/* The pool: runs, and jobs beside them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <sched.h>
#include "base/date.h"
#include "data/pool.h"

#define NUMBERS 1000
#define JOBS 50
#define PATIENCE_US (60 * DR_US_PER_S) /* only where the test fails */

static atomic_int met[NUMBERS];
static void meet(void *ctx, int64_t i)
{
    (void)ctx;
    atomic_fetch_add(&met[i], 1);
}

static void run_numbers(void)
{
    for (int i = 0; i < NUMBERS; i++)
        atomic_store(&met[i], 0);
    dr_pool_run(NUMBERS, meet, NULL);
    for (int i = 0; i < NUMBERS; i++)
        assert_int_equal(atomic_load(&met[i]), 1);
}

static void each_number_is_met_once(void **state)
{
    (void)state;
    for (int threads = 1; threads < 5; threads++) {
        dr_pool_init(threads);
        for (int k = 0; k < 20; k++)
            run_numbers();
        dr_pool_done();
    }
}

static void add_one(void *ctx)
{
    (*(int *)ctx)++;
}

static void jobs_are_done_once_among_runs(void **state)
{
    struct dr_pool_job job[JOBS];
    (void)state;
    for (int threads = 1; threads < 5; threads++) {
        int done[JOBS] = { 0 };
        dr_pool_init(threads);
        for (int k = 0; k < JOBS; k++) {
            job[k] = (struct dr_pool_job){ .fn = add_one, .ctx = &done[k] };
            dr_pool_later(&job[k]);
            if (k % 10 == 0)
                run_numbers();
        }
        for (int k = JOBS; k-- > 0;) { /* not in their order */
            dr_pool_finish(&job[k]);
            assert_int_equal(done[k], 1);
        }
        dr_pool_done();
    }
}

struct wait {
    atomic_bool begun, over;
    bool patient;
};
static void wait_for_run(void *ctx)
{
    struct wait *w = ctx;
    int64_t start = dr_monotonic_us();
    atomic_store(&w->begun, true);
    while (!atomic_load(&w->over) && dr_monotonic_us() - start < PATIENCE_US)
        sched_yield();
    w->patient = atomic_load(&w->over);
}

static void a_run_does_not_wait_for_a_thread_that_is_busy(void **state)
{
    struct wait w = { 0 };
    struct dr_pool_job job = { .fn = wait_for_run, .ctx = &w };
    (void)state;
    dr_pool_init(2);
    run_numbers(); /* starts the thread */
    dr_pool_later(&job);
    while (!atomic_load(&w.begun))
        sched_yield();
    run_numbers();
    atomic_store(&w.over, true);
    dr_pool_finish(&job);
    assert_true(w.patient);
    dr_pool_done();
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(each_number_is_met_once),
                                        cmocka_unit_test(jobs_are_done_once_among_runs),
                                        cmocka_unit_test(a_run_does_not_wait_for_a_thread_that_is_busy) };
    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
