/* test_db_script.c - scripts are cut into statements, and parameters found, as the databases would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "db/script.h"

/* The statements between bars, each with its lines before: "0:a|2:b". */
static void assert_pieces(const char *script, bool postgresql, const char *expected)
{
    DR_AUTO_BUF got = { 0 };
    struct dr_str rest = dr_str_of(script);
    struct dr_sql_piece piece;
    while (dr_sql_next_piece(&rest, postgresql, &piece))
        if (!piece.empty)
            dr_buf_printf(&got, "%s%d:%.*s", got.n ? "|" : "", (int)piece.line, (int)piece.text.n,
                          piece.text.p);
    assert_string_equal(dr_buf_cstr(&got), expected);
}

static void semicolons_end_statements(void **state)
{
    (void)state;
    assert_pieces("a; b ;c", false, "0:a|0:b |0:c");
    assert_pieces("", false, "");
    assert_pieces(";;\n ; -- only this\n;", true, "");
    assert_pieces("a;\n\nb\n;\nc", false, "0:a|2:b\n|1:c");
}

static void text_names_and_comments_are_seen_through(void **state)
{
    (void)state;
    assert_pieces("a ';' \";\" -- ;\n/* ; */ b; c", false, "0:a ';' \";\" -- ;\n/* ; */ b|0:c");
    assert_pieces("a 'it''s;'; b", false, "0:a 'it''s;'|0:b");
    assert_pieces("a '\\'; b", false, "0:a '\\'|0:b");
    assert_pieces("a E'\\';'; b", true, "0:a E'\\';'|0:b");
    assert_pieces("a `;`; b", false, "0:a `;`|0:b");
    assert_pieces("a 'open; b", false, "0:a 'open; b");
    assert_pieces("/* a /* ; */ b; c", false, "0:b|0:c");
    assert_pieces("/* a /* ; */ b */ c; d", true, "0:c|0:d");
    assert_pieces("a $$ ; $x$ ; $$; b $x$ ; $$ ; $x$; c", true, "0:a $$ ; $x$ ; $$|0:b $x$ ; $$ ; $x$|0:c");
    assert_pieces("a $1; b", true, "0:a $1|0:b");
    assert_pieces("a $", true, "0:a $");
}

static void the_bodies_of_triggers_are_seen_through(void **state)
{
    (void)state;
    static const char trigger[] =
        "CREATE TRIGGER t AFTER INSERT ON x BEGIN UPDATE x SET a = CASE 1 WHEN 1 THEN 2 END;"
        " DELETE FROM y; END; SELECT 1";
    assert_pieces(trigger, false,
                  "0:CREATE TRIGGER t AFTER INSERT ON x BEGIN UPDATE x SET a = CASE 1 WHEN 1 THEN 2 END;"
                  " DELETE FROM y; END|0:SELECT 1");
    assert_pieces("CREATE FUNCTION f() BEGIN ATOMIC SELECT 1; END; b", true,
                  "0:CREATE FUNCTION f() BEGIN ATOMIC SELECT 1; END|0:b");
    assert_pieces("CREATE TABLE begin_end (a); b", false, "0:CREATE TABLE begin_end (a)|0:b");
    assert_pieces("BEGIN; a; END; b", false, "0:BEGIN|0:a|0:END|0:b");
}

static const struct dr_db_value values[] = {
    { .name = "a", .type = DR_TYPE_INT64, .i = 1 },
    { .name = "name_2", .type = DR_TYPE_INT64, .i = 2 },
};

static void assert_params(const char *sql, bool postgresql, const char *expected, const char *used)
{
    DR_AUTO_BUF out = { 0 };
    DR_AUTO_BUF order = { 0 };
    int32_t indexes[3], n = 0, line = 0;
    struct dr_err err = { 0 };
    assert_int_equal(
        dr_sql_number_params(dr_str_of(sql), postgresql, 2, values, &out, indexes, &n, &line, &err), DR_OK);
    assert_string_equal(dr_buf_cstr(&out), expected);
    for (int32_t i = 0; i < n; i++)
        dr_buf_printf(&order, "%d", (int)indexes[i]);
    assert_string_equal(dr_buf_cstr(&order), used);
}

static void parameters_are_numbered_in_order_of_use(void **state)
{
    (void)state;
    assert_params("x = :name_2 AND y = :a OR :name_2", false, "x = ?1 AND y = ?2 OR ?1", "10");
    assert_params("x = :name_2 AND y = :a OR :name_2", true, "x = $1 AND y = $2 OR $1", "10");
    assert_params("SELECT 1", true, "SELECT 1", "");
}

static void what_only_looks_like_a_parameter_stays(void **state)
{
    (void)state;
    assert_params("':a' \":a\" -- :a", false, "':a' \":a\" -- :a", "");
    assert_params("x::a, '1'::int, :a::int", true, "x::a, '1'::int, $1::int", "0");
    assert_params("v[1:2], :1", true, "v[1:2], :1", "");
    assert_params("$f$ :a $f$", true, "$f$ :a $f$", "");
}

static void an_unknown_parameter_is_named_with_its_line(void **state)
{
    (void)state;
    DR_AUTO_BUF out = { 0 };
    int32_t indexes[3], n = 0, line = 0;
    struct dr_err err = { 0 };
    int32_t rc =
        dr_sql_number_params(DR_LIT("a\n\n:name_3"), false, 2, values, &out, indexes, &n, &line, &err);
    assert_int_equal(rc, DR_EINPUT);
    assert_int_equal(line, 2);
    assert_non_null(strstr(err.msg, "':name_3'; did you mean ':name_2'?"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(semicolons_end_statements),
        cmocka_unit_test(text_names_and_comments_are_seen_through),
        cmocka_unit_test(the_bodies_of_triggers_are_seen_through),
        cmocka_unit_test(parameters_are_numbered_in_order_of_use),
        cmocka_unit_test(what_only_looks_like_a_parameter_stays),
        cmocka_unit_test(an_unknown_parameter_is_named_with_its_line),
    };
    return cmocka_run_group_tests_name("db_script", tests, NULL, NULL);
}
