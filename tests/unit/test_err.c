/* Failures: what a message holds, how it is cut, and what is kept. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include "base/err.h"

#define MSG_MAX (sizeof(((struct dr_err *)0)->msg) - 1)

static void a_failure_records_its_code_and_message(void **state)
{
    (void)state;
    struct dr_err err = { .sys = 7 };
    assert_int_equal(dr_fail(&err, DR_EINPUT, "row %d of '%s'", 3, "x.csv"), DR_EINPUT);
    assert_int_equal(err.rc, DR_EINPUT);
    assert_int_equal(err.sys, 0);
    assert_string_equal(err.msg, "row 3 of 'x.csv'");
}

static void a_failure_without_a_record_still_gives_its_code(void **state)
{
    (void)state;
    assert_int_equal(dr_fail(NULL, DR_EDEF, "%s", "x"), DR_EDEF);
    assert_int_equal(dr_fail_sys(NULL, "%s", "x"), DR_ESYS);
    assert_int_equal(dr_err_prefix(NULL, "%s", "x"), DR_EBUG);
}

static void failing_keeps_errno(void **state)
{
    (void)state;
    struct dr_err err;
    errno = EACCES;
    dr_fail(&err, DR_EINPUT, "x");
    assert_int_equal(errno, EACCES);
    dr_fail_sys(&err, "x");
    assert_int_equal(errno, EACCES);
}

static void a_system_failure_tells_the_reason(void **state)
{
    (void)state;
    struct dr_err err;
    errno = ENOENT;
    assert_int_equal(dr_fail_sys(&err, "cannot open '%s'", "f"), DR_ESYS);
    assert_int_equal(err.sys, ENOENT);
    assert_string_equal(err.msg, "cannot open 'f': No such file or directory");
}

static void a_long_message_ends_in_dots(void **state)
{
    (void)state;
    char text[2000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    struct dr_err err;
    dr_fail(&err, DR_EINPUT, "%s", text);
    assert_int_equal(strlen(err.msg), MSG_MAX);
    assert_string_equal(err.msg + MSG_MAX - 4, "x...");
}

static void a_message_that_just_fits_is_whole(void **state)
{
    (void)state;
    char text[MSG_MAX + 1];
    memset(text, 'x', MSG_MAX);
    text[MSG_MAX] = '\0';
    struct dr_err err;
    dr_fail(&err, DR_EINPUT, "%s", text);
    assert_string_equal(err.msg, text);
}

static void a_message_is_cut_between_characters(void **state)
{
    (void)state;
    /* Whatever the position of the cut within the four bytes, none remains. */
    for (int lead = 0; lead < 4; lead++) {
        char text[2000] = "xxxx";
        size_t n = (size_t)lead;
        for (; n + 4 < sizeof(text); n += 4)
            memcpy(text + n, "\xF0\x9F\x98\x80", 4);
        text[n] = '\0';
        struct dr_err err;
        dr_fail(&err, DR_EINPUT, "%s", text);
        size_t shown = strlen(err.msg) - 3;
        assert_int_equal((shown - (size_t)lead) % 4, 0);
        assert_true(MSG_MAX - strlen(err.msg) < 4);
        assert_string_equal(err.msg + shown, "...");
    }
}

static void the_reason_of_a_long_system_failure_is_kept(void **state)
{
    (void)state;
    char text[2000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    struct dr_err err;
    errno = ENOENT;
    dr_fail_sys(&err, "%s", text);
    assert_non_null(strstr(err.msg, "x...: No such file or directory"));
}

static void a_prefix_comes_before_the_message(void **state)
{
    (void)state;
    struct dr_err err;
    dr_fail(&err, DR_ELIMIT, "too long");
    assert_int_equal(dr_err_prefix(&err, "line %d", 4), DR_ELIMIT);
    assert_string_equal(err.msg, "line 4: too long");
}

static void a_prefix_without_a_failure_is_a_bug(void **state)
{
    (void)state;
    struct dr_err err = { 0 };
    assert_int_equal(dr_err_prefix(&err, "x"), DR_EBUG);
}

static void a_message_may_be_made_from_itself(void **state)
{
    (void)state;
    struct dr_err err;
    dr_fail(&err, DR_EINPUT, "inner");
    dr_fail(&err, DR_EDEF, "outer (%s)", err.msg);
    assert_string_equal(err.msg, "outer (inner)");
}

static void every_code_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(dr_rc_name(DR_OK), "ok");
    assert_string_equal(dr_rc_name(DR_EDEF), "definition");
    for (int32_t rc = DR_OK; rc <= DR_EBUG; rc++)
        assert_string_not_equal(dr_rc_name(rc), "unknown");
    assert_string_equal(dr_rc_name(-1), "unknown");
    assert_string_equal(dr_rc_name(99), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_records_its_code_and_message),
        cmocka_unit_test(a_failure_without_a_record_still_gives_its_code),
        cmocka_unit_test(failing_keeps_errno),
        cmocka_unit_test(a_system_failure_tells_the_reason),
        cmocka_unit_test(a_long_message_ends_in_dots),
        cmocka_unit_test(a_message_that_just_fits_is_whole),
        cmocka_unit_test(a_message_is_cut_between_characters),
        cmocka_unit_test(the_reason_of_a_long_system_failure_is_kept),
        cmocka_unit_test(a_prefix_comes_before_the_message),
        cmocka_unit_test(a_prefix_without_a_failure_is_a_bug),
        cmocka_unit_test(a_message_may_be_made_from_itself),
        cmocka_unit_test(every_code_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
