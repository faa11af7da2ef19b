/* test_pages.c - large blocks are lent, given back and lent again. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include "data/column.h"
#include "data/pages.h"

enum { SIZE = 5 << 20 };

static void *get(enum dr_pages_size size, size_t *ret_room)
{
    char *p = dr_pages_get(SIZE, size, ret_room);
    assert_true(*ret_room >= SIZE);
    memset(p, 1, *ret_room);
    return p;
}

static void test_blocks_hold_what_was_asked_for(void **state)
{
    (void)state;
    size_t room;
    void *p = get(DR_PAGES_HUGE, &room);
    assert_int_equal((uintptr_t)p % DR_HUGE_PAGE, 0);
    dr_pages_keep(0);
    dr_pages_put(p, room);
    p = get(DR_PAGES_USUAL, &room);
    assert_true(room < SIZE + DR_HUGE_PAGE / 2); /* pages that nobody needs would be touched */
    dr_pages_put(p, room);
}

static void test_a_block_is_lent_again(void **state)
{
    (void)state;
    size_t room;
    dr_pages_keep((size_t)4 * SIZE);
    void *p = get(DR_PAGES_USUAL, &room);
    dr_pages_put(p, room);
    assert_ptr_equal(get(DR_PAGES_USUAL, &room), p);
    dr_pages_put(p, room);
    dr_pages_keep(0);
}

static void test_memory_written_in_order_goes_back(void **state)
{
    (void)state;
    dr_pages_keep((size_t)4 * SIZE);
    struct dr_mem *m = dr_mem_new_in_order(SIZE);
    void *p = m->p;
    memset(p, 1, SIZE);
    dr_mem_unref(m);
    m = dr_mem_new_in_order(SIZE);
    assert_ptr_equal(m->p, p);
    dr_mem_unref(m);
    dr_pages_keep(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_hold_what_was_asked_for),
        cmocka_unit_test(test_a_block_is_lent_again),
        cmocka_unit_test(test_memory_written_in_order_goes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
