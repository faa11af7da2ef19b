#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <unistd.h>
#include "exec/loop.h"

struct fixture {
    struct dr_loop *loop;
    struct dr_watcher *a, *b;
    int pipe[2];
    struct dr_err err;
    char seen[20];
};

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    *state = f;
    return pipe2(f->pipe, O_CLOEXEC) < 0 ? -1 : dr_loop_new(&f->loop, &f->err);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    dr_watcher_free(f->a);
    dr_watcher_free(f->b);
    dr_loop_free(f->loop);
    close(f->pipe[0]);
    close(f->pipe[1]);
    test_free(f);
    return 0;
}

static void note_a(void *ctx)
{
    struct fixture *f = ctx;
    f->seen[strlen(f->seen)] = 'a';
}

static void note_b(void *ctx)
{
    struct fixture *f = ctx;
    f->seen[strlen(f->seen)] = 'b';
}

static void free_oneself(void *ctx)
{
    struct fixture *f = ctx;
    dr_watcher_free(f->a);
    f->a = NULL;
    note_a(f);
}

static void a_readable_descriptor_is_told_until_it_is_read(void **state)
{
    struct fixture *f = *state;
    char byte;
    assert_int_equal(DR_OK, dr_loop_readable(f->loop, f->pipe[0], note_a, f, &f->a, &f->err));
    assert_int_equal(1, write(f->pipe[1], "x", 1));
    assert_int_equal(DR_OK, dr_loop_turn(f->loop, &f->err));
    assert_int_equal(DR_OK, dr_loop_turn(f->loop, &f->err));
    assert_string_equal("aa", f->seen);
    assert_int_equal(1, read(f->pipe[0], &byte, 1));
    f->b = dr_loop_timer(f->loop, note_b, f);
    dr_timer_start(f->b, 1000);
    assert_int_equal(DR_OK, dr_loop_turn(f->loop, &f->err));
    assert_string_equal("aab", f->seen);
}

static void timers_fire_in_order_and_once(void **state)
{
    struct fixture *f = *state;
    f->a = dr_loop_timer(f->loop, note_a, f);
    f->b = dr_loop_timer(f->loop, note_b, f);
    dr_timer_start(f->a, 20000);
    dr_timer_start(f->b, 1000);
    while (strlen(f->seen) < 2)
        assert_int_equal(DR_OK, dr_loop_turn(f->loop, &f->err));
    assert_string_equal("ba", f->seen);
    assert_int_equal(DR_EBUG, dr_loop_turn(f->loop, &f->err));
}

static void a_stopped_timer_does_not_fire(void **state)
{
    struct fixture *f = *state;
    f->a = dr_loop_timer(f->loop, note_a, f);
    f->b = dr_loop_timer(f->loop, note_b, f);
    dr_timer_start(f->a, 0);
    dr_timer_start(f->b, 5000);
    dr_timer_stop(f->a);
    assert_int_equal(DR_OK, dr_loop_turn(f->loop, &f->err));
    assert_string_equal("b", f->seen);
}

static void a_started_timer_can_be_moved(void **state)
{
    struct fixture *f = *state;
    f->a = dr_loop_timer(f->loop, note_a, f);
    f->b = dr_loop_timer(f->loop, note_b, f);
    dr_timer_start(f->a, 1000);
    dr_timer_start(f->b, 10000);
    dr_timer_start(f->a, 30000);
    while (strlen(f->seen) < 2)
        assert_int_equal(DR_OK, dr_loop_turn(f->loop, &f->err));
    assert_string_equal("ba", f->seen);
}

static void a_callback_may_free_its_own_watcher(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(DR_OK, dr_loop_readable(f->loop, f->pipe[0], free_oneself, f, &f->a, &f->err));
    assert_int_equal(1, write(f->pipe[1], "x", 1));
    assert_int_equal(DR_OK, dr_loop_turn(f->loop, &f->err));
    assert_string_equal("a", f->seen);
    assert_null(f->a);
}

static void a_bad_descriptor_is_an_error(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(DR_ESYS, dr_loop_readable(f->loop, 9999, note_a, f, &f->a, &f->err));
    assert_null(f->a);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_readable_descriptor_is_told_until_it_is_read),
        TEST(timers_fire_in_order_and_once),
        TEST(a_stopped_timer_does_not_fire),
        TEST(a_started_timer_can_be_moved),
        TEST(a_callback_may_free_its_own_watcher),
        TEST(a_bad_descriptor_is_an_error),
    };
    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
