/* Arenas, and locals that release themselves. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/mem.h"
#include "base/resident.h"

static int teardown(void **state)
{
    dr_arena_done(*state);
    return 0;
}

static int setup(void **state)
{
    static struct dr_arena arena;
    *state = &arena;
    return 0;
}

static void memory_comes_zeroed_and_aligned(void **state)
{
    struct dr_arena *a = *state;
    for (size_t n = 0; n < 600; n += 7) {
        unsigned char *p = dr_arena_alloc(a, n);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xAA, n);
    }
}

static void objects_do_not_overlap(void **state)
{
    struct dr_arena *a = *state;
    enum { COUNT = 2000 };
    static unsigned char *objects[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        size_t n = 1 + i % 97;
        objects[i] = dr_arena_alloc(a, n);
        memset(objects[i], (int)(i & 0xFF), n);
    }
    for (size_t i = 0; i < COUNT; i++)
        for (size_t k = 0; k < 1 + i % 97; k++)
            assert_int_equal(objects[i][k], i & 0xFF);
}

static void large_objects_live_beside_small_ones(void **state)
{
    struct dr_arena *a = *state;
    char *small = dr_arena_strdup(a, "small");
    char *large = dr_arena_alloc(a, 3 << 20);
    large[(3 << 20) - 1] = 'x';
    char *after = dr_arena_strdup(a, "after");
    assert_string_equal(small, "small");
    assert_string_equal(after, "after");
    assert_int_equal(large[0], 0);
}

static void copies_end_in_nul(void **state)
{
    struct dr_arena *a = *state;
    assert_string_equal(dr_arena_dup(a, "abcdef", 3), "abc");
    assert_string_equal(dr_arena_dup(a, NULL, 0), "");
    assert_string_equal(dr_arena_printf(a, "%s-%d", "x", 7), "x-7");
}

static void long_text_is_formatted_whole(void **state)
{
    struct dr_arena *a = *state;
    char *text = dr_arena_printf(a, "%0*d", 5000, 1);
    assert_int_equal(strlen(text), 5000);
    assert_int_equal(text[4999], '1');
}

static char called[8];
static void note_call(void *p)
{
    size_t n = strlen(called);
    called[n] = *(char *)p;
    called[n + 1] = '\0';
}

static void deferred_calls_run_newest_first(void **state)
{
    (void)state;
    called[0] = '\0';
    struct dr_arena a = { 0 };
    dr_arena_defer(&a, note_call, dr_arena_strdup(&a, "1"));
    dr_arena_defer(&a, note_call, dr_arena_strdup(&a, "2"));
    dr_arena_done(&a);
    assert_string_equal(called, "21");
}

static void defer_again(void *p)
{
    dr_arena_defer(p, note_call, dr_arena_strdup(p, "z"));
}

static void a_deferred_call_may_defer(void **state)
{
    (void)state;
    called[0] = '\0';
    struct dr_arena a = { 0 };
    dr_arena_defer(&a, defer_again, &a);
    dr_arena_done(&a);
    assert_string_equal(called, "z");
}

static void an_arena_can_be_used_again(void **state)
{
    (void)state;
    struct dr_arena a = { 0 };
    dr_arena_alloc(&a, 100);
    assert_true(a.used >= 100);
    dr_arena_done(&a);
    assert_int_equal(a.used, 0);
    assert_string_equal(dr_arena_strdup(&a, "again"), "again");
    dr_arena_done(&a);
}

static void nothing_still_has_an_address(void **state)
{
    (void)state;
    void *p = dr_malloc(0), *q = dr_calloc(0, 8);
    assert_non_null(p);
    assert_non_null(q);
    p = dr_realloc(p, 0);
    assert_non_null(p);
    free(p);
    free(q);
}

static void a_file_closes_with_its_scope(void **state)
{
    (void)state;
    int seen;
    {
        DR_AUTO_FILE f = fopen("/dev/null", "re");
        assert_non_null(f);
        seen = fileno(f);
    }
    assert_int_equal(fcntl(seen, F_GETFD), -1);
}

static void an_impossible_size_ends_the_process(void **state)
{
    (void)state;
    int out[2];
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct dr_arena a = { 0 };
        dup2(out[1], STDERR_FILENO);
        dr_arena_array(&a, SIZE_MAX / 2, 4);
        _exit(0);
    }
    close(out[1]);
    char line[64] = "";
    ssize_t n = read(out[0], line, sizeof(line) - 1);
    close(out[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_true(n > 0);
    assert_non_null(strstr(line, "dagrun: out of memory"));
}

static void the_peak_of_what_is_resident_is_known(void **state)
{
    (void)state;
    enum { TOUCHED = 48 << 20 };
    DR_AUTO_FREE char *p = dr_malloc(TOUCHED);
    for (size_t i = 0; i < TOUCHED; i += 1024)
        ((volatile char *)p)[i] = 1;
    assert_true(dr_resident_peak() >= TOUCHED);
    assert_true(dr_memory_available() > 0);
    dr_resident_start();
    assert_true(dr_resident_peak() >= TOUCHED); /* it is still there */
}

static void a_descriptor_closes_with_its_scope(void **state)
{
    (void)state;
    int seen;
    {
        DR_AUTO_FD fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        seen = fd;
        assert_true(fcntl(seen, F_GETFD) >= 0);
    }
    assert_int_equal(fcntl(seen, F_GETFD), -1);
}

/* Of shared and of private blocks. */
static void a_child_cannot_change_what_its_parent_reads(void **state)
{
    struct dr_arena *a = *state;
    dr_arena_share(a);
    int *small = dr_arena_array(a, 4, sizeof(int)), *large = dr_arena_array(a, 1 << 18, sizeof(int)),
        *huge = dr_arena_array(a, 2 << 20, sizeof(int));
    small[0] = large[0] = huge[0] = 7;
    int *const all[] = { small, large, huge };
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        pid_t child = fork();
        if (child == 0) {
            signal(SIGSEGV, SIG_DFL);
            dr_mem_seal();
            bool reads = all[i][0] == 7;
            all[i][0] = 8;
            _exit(!reads);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGSEGV : WEXITSTATUS(status) == 0);
        assert_int_equal(all[i][0], 7);
    }
    small[0] = large[0] = huge[0] = 9; /* the parent can */
    dr_arena_done(a);
    dr_mem_seal(); /* nothing is left to seal */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(memory_comes_zeroed_and_aligned, setup, teardown),
        cmocka_unit_test_setup_teardown(objects_do_not_overlap, setup, teardown),
        cmocka_unit_test_setup_teardown(large_objects_live_beside_small_ones, setup, teardown),
        cmocka_unit_test_setup_teardown(copies_end_in_nul, setup, teardown),
        cmocka_unit_test_setup_teardown(long_text_is_formatted_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(deferred_calls_run_newest_first, setup, teardown),
        cmocka_unit_test_setup_teardown(a_deferred_call_may_defer, setup, teardown),
        cmocka_unit_test_setup_teardown(an_arena_can_be_used_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_child_cannot_change_what_its_parent_reads, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_still_has_an_address, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_closes_with_its_scope, setup, teardown),
        cmocka_unit_test_setup_teardown(an_impossible_size_ends_the_process, setup, teardown),
        cmocka_unit_test_setup_teardown(a_descriptor_closes_with_its_scope, setup, teardown),
        cmocka_unit_test(the_peak_of_what_is_resident_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
