/* ViewDefinitions: what is refused with which words, and the rows that come out. */
#include "view_fixture.h"
#include "model/yaml.h"
#include "view/run.h"
#include "view/view_set.h"

static const char patient[] =
    "{\"resourceType\": \"Patient\", \"id\": \"p1\", \"active\": true, \"name\": [{\"family\": \"Ng\", "
    "\"given\": [\"Ann\", "
    "\"B\"]}, {\"family\": \"Lee\"}], \"telecom\": [{\"value\": \"1\"}, {\"value\": \"2\"}], \"w\": 7.10}";

static const struct dr_view *load(struct fixture *f, const char *yaml, struct dr_diags *d)
{
    *d = (struct dr_diags){ .arena = &f->a };
    struct dr_node *root = dr_yaml_parse(&f->a, dr_str_of(yaml), "v.yaml", d);
    return root ? dr_view_from_node(&f->a, root, "v.yaml", d) : NULL;
}

static int32_t take_row(void *ctx, const struct dr_view *v, const struct dr_view_cell *cells,
                        struct dr_err *err)
{
    struct dr_buf *out = ctx;
    (void)err;
    for (int32_t i = 0; i < v->n_columns; i++) {
        (void)dr_buf_puts(out, i ? "," : "");
        if (cells[i].kind == DR_VIEW_BOOL)
            (void)dr_buf_puts(out, cells[i].truth ? "true" : "false");
        else
            (void)dr_buf_append(out, cells[i].text.p, cells[i].text.n);
    }
    return dr_buf_puts(out, ";");
}

/* The rows, "a,b;c,d;", of the resource that was given; or what is wrong. */
static const char *rows(struct fixture *f, const char *yaml)
{
    struct dr_diags d;
    const struct dr_view *v = load(f, yaml, &d);
    dr_buf_clear(&f->shown);
    if (!v) {
        dr_diags_put_text(&d, &f->shown);
        return dr_buf_cstr(&f->shown);
    }
    struct dr_view_runner *r = dr_view_runner_new();
    f->err = (struct dr_err){ 0 };
    if (dr_view_run(r, v, f->scope.resource, f->scope.key, f->bundle, take_row, &f->shown, &f->err)) {
        dr_buf_clear(&f->shown);
        (void)dr_buf_puts(&f->shown, f->err.msg);
    }
    dr_view_runner_free(r);
    return dr_buf_cstr(&f->shown);
}

#define ROWS(yaml, wanted) assert_string_equal(rows(f, yaml), wanted)
#define REFUSED(yaml, wanted)                                                                                \
    do {                                                                                                     \
        const char *got_ = rows(f, yaml);                                                                    \
        if (!strstr(got_, wanted))                                                                           \
            fail_msg("got '%s', which lacks '%s'", got_, wanted);                                            \
    } while (0)
#define VIEW(select) "{name: v, resource: Patient, select: [" select "]}"
#define COLUMN(name, path) "{name: " name ", path: \"" path "\"}"

static void columns_hold_values_as_written(void **state)
{
    struct fixture *f = *state;
    given(f, patient);
    ROWS(VIEW("{column: [" COLUMN("id", "getResourceKey()") ", " COLUMN("a", "active") ", " COLUMN(
             "w", "w") ", " COLUMN("x", "absent") "]}"),
         "p1,true,7.10,;");
    ROWS(VIEW("{column: [{name: g, path: name.given, collection: true}, {name: e, path: nothing, collection: "
              "true}]}"),
         "[\"Ann\",\"B\"],[];");
    ROWS("{name: v, resource: Group, select: [{column: [" COLUMN("id", "id") "]}]}", "");
}

static void lists_become_rows(void **state)
{
    struct fixture *f = *state;
    given(f, patient);
    ROWS(VIEW("{forEach: name, column: [" COLUMN("f", "family") ", " COLUMN("i", "%rowIndex") "]}"),
         "Ng,0;Lee,1;");
    ROWS(VIEW("{forEach: nothing, column: [" COLUMN("f", "family") "]}"), "");
    ROWS(VIEW("{forEachOrNull: nothing, column: [" COLUMN("f", "family") ", " COLUMN(
             "i", "%rowIndex") ", " COLUMN("c", "'c'") "]}"),
         ",0,;");
    ROWS(VIEW("{forEach: name, column: [" COLUMN("f", "family") "]}, {forEach: telecom, column: [" COLUMN(
             "t", "value") "]}"),
         "Ng,1;Ng,2;Lee,1;Lee,2;");
    ROWS(VIEW("{forEach: name, column: [" COLUMN(
             "f", "family") "], select: [{forEachOrNull: given, column: [" COLUMN("g", "$this") "]}]}"),
         "Ng,Ann;Ng,B;Lee,;");
    ROWS(VIEW("{unionAll: [{forEach: name, column: [" COLUMN(
             "v", "family") "]}, {forEach: telecom, column: [" COLUMN("v", "value") "]}]}"),
         "Ng;Lee;1;2;");
}

static void a_tree_is_walked_from_the_top(void **state)
{
    struct fixture *f = *state;
    given(f, "{\"resourceType\": \"Patient\", \"id\": \"q\", \"item\": [{\"l\": \"1\", \"answer\": "
             "[{\"item\": [{\"l\": \"1a\"}]}], "
             "\"item\": [{\"l\": \"1.1\"}]}, {\"l\": \"2\"}]}");
    ROWS(VIEW("{repeat: [item, answer.item], column: [" COLUMN("l", "l") ", " COLUMN("i", "%rowIndex") "]}"),
         "1,0;1.1,1;1a,2;2,3;");
    REFUSED(VIEW("{repeat: [$this], column: [" COLUMN("l", "id") "]}"), "more than 200 levels");
}

static void conditions_choose_resources(void **state)
{
    struct fixture *f = *state;
    given(f, patient);
    ROWS("{name: v, resource: Patient, where: [{path: active}], select: [{column: [" COLUMN("i", "id") "]}]}",
         "p1;");
    ROWS("{name: v, resource: Patient, where: [{path: active.not()}], select: [{column: [" COLUMN(
             "i", "id") "]}]}",
         "");
    ROWS(
        "{name: v, resource: Patient, where: [{path: nothing}], select: [{column: [" COLUMN("i", "id") "]}]}",
        "");
    REFUSED("{name: v, resource: Patient, where: [{path: name.family}], select: [{column: [" COLUMN(
                "i", "id") "]}]}",
            "view 'v', where 'name.family': a condition is true or false, and this gives several values");
    REFUSED("{name: v, resource: Patient, where: [{path: name.count()}], select: [{column: [" COLUMN(
                "i", "id") "]}]}",
            "this path gives a integer");
}

static void values_that_do_not_fit_their_column_name_it(void **state)
{
    struct fixture *f = *state;
    given(f, patient);
    REFUSED(VIEW("{column: [" COLUMN("x", "name.family") "]}"),
            "view 'v', column 'x': the path gives 2 values");
    REFUSED(VIEW("{column: [{name: x, path: active, type: string}]}"),
            "view 'v', column 'x': declared as string, and the path gives true or false");
    REFUSED(VIEW("{column: [{name: x, path: w, type: integer}]}"),
            "declared as integer, and the path gives a number '7.10'");
    REFUSED(VIEW("{column: [{name: x, path: id, type: HumanName}]}"),
            "declared as HumanName, and the path gives a text 'p1'");
    REFUSED(VIEW("{column: [{name: x, path: id, type: integer64}]}"), "declared as integer64");
    REFUSED(VIEW("{column: [{name: x, path: \"telecom[0].value\", type: integer}]}"), "declared as integer");
    ROWS(VIEW("{column: [{name: x, path: \"telecom[0].value\", type: integer64}]}"), "1;");
    ROWS(VIEW("{column: [{name: x, path: \"telecom[0]\", type: ContactPoint}]}"), "{\"value\": \"1\"};");
    REFUSED(VIEW("{column: [{name: x, path: name.first(), type: string}]}"), "the path gives an object");
    REFUSED(VIEW("{column: [{name: x, path: name.first()}]}"), "go on to a part of it, or declare a type");
    REFUSED(VIEW("{column: [{name: x, path: 'name.family > 1'}]}"),
            "view 'v', column 'x': path 'name.family > 1', character 6");
}

static void a_wrong_definition_is_refused_with_its_place(void **state)
{
    struct fixture *f = *state;
    given(f, patient);
    REFUSED("{}", "a view needs a resource");
    REFUSED("{name: v, resource: Patient}", "a view needs at least one select");
    REFUSED("{name: v, resource: Patient, select: {column: []}}", "'select' must be a list");
    REFUSED(VIEW("{}"), "a select needs at least one of column, select and unionAll");
    REFUSED(VIEW("{column: [{path: id}]}"), "a column needs a name");
    REFUSED(VIEW("{column: [{name: id}]}"), "id needs a path");
    REFUSED(VIEW("{column: [{name: 1x, path: id}]}"), "must begin with a letter");
    REFUSED(VIEW("{column: [" COLUMN("a", "id") ", " COLUMN("a", "id") "]}"), "column 'a' is there twice");
    REFUSED(VIEW("{forEach: a, forEachOrNull: b, column: [" COLUMN("a", "id") "]}"),
            "one of forEach, forEachOrNull and repeat");
    REFUSED(VIEW("{forEech: a, column: [" COLUMN("a", "id") "]}"), "forEach");
    REFUSED("name: v\nresource: Patient\nselect:\n  - column:\n      - name: a\n        path: id..x\n",
            "v.yaml:6:15: error: view 'v': column 'a': path 'id..x', character 4");
    REFUSED(
        "{name: v, resource: Patient, constant: [{name: c}], select: [{column: [" COLUMN("a", "id") "]}]}",
        "constant 'c' needs one value");
    REFUSED("{name: v, resource: Patient, constant: [{name: c, valueInteger: x}], select: [{column: [" COLUMN(
                "a", "id") "]}]}",
            "constant 'c': the value is not of its type");
}

static void branches_of_a_union_must_agree(void **state)
{
    struct fixture *f = *state;
    given(f, patient);
#define UNION(a, b) VIEW("{unionAll: [{column: [" a "]}, {column: [" b "]}]}")
    REFUSED(UNION(COLUMN("a", "id"), COLUMN("b", "id")),
            "the first branch has column 'a' where this one has 'b'");
    REFUSED(UNION(COLUMN("a", "id"), COLUMN("a", "id") ", " COLUMN("b", "id")),
            "column 'b' is not in the first branch");
    REFUSED(UNION(COLUMN("a", "id") ", " COLUMN("b", "id"), COLUMN("a", "id")),
            "this branch has 1 columns and the first has 2");
    REFUSED(UNION(COLUMN("a", "id") ", " COLUMN("b", "id"), COLUMN("b", "id") ", " COLUMN("a", "id")),
            "the first branch has column 'a'");
    REFUSED(UNION("{name: a, path: id, type: id}", "{name: a, path: id, type: string}"),
            "column 'a' is string here and id in the first branch");
}

static void columns_stand_in_the_order_of_the_specification(void **state)
{
    struct fixture *f = *state;
    struct dr_diags d;
    const struct dr_view *v = load(
        f,
        VIEW("{column: [" COLUMN("a", "id") "], unionAll: [{column: [" COLUMN(
            "d",
            "id") "]}], select: [{column: [" COLUMN("b",
                                                    "id") "]}, {column: [" COLUMN("c",
                                                                                  "id") "]}]}, {column: "
                                                                                        "[" COLUMN("e",
                                                                                                   "id") "]"
                                                                                                         "}"),
        &d);
    assert_non_null(v);
    assert_int_equal(v->n_columns, 5);
    for (int i = 0; i < 5; i++)
        assert_string_equal(v->columns[i].name, ((const char *[]){ "a", "b", "c", "d", "e" })[i]);
}

static void a_view_that_is_too_deep_or_too_wide_is_refused(void **state)
{
    struct fixture *f = *state;
    DR_AUTO_BUF deep = { 0 }, wide = { 0 };
    given(f, patient);
    (void)dr_buf_puts(&deep, "{name: v, resource: Patient, select: [");
    for (int i = 0; i < 31; i++)
        (void)dr_buf_puts(&deep, "{select: [");
    for (int i = 0; i < 31; i++)
        (void)dr_buf_puts(&deep, "]}");
    (void)dr_buf_puts(&deep, "]}");
    REFUSED(dr_buf_cstr(&deep), "deep");
    dr_buf_clear(&deep);
    (void)dr_buf_puts(&deep, "{name: v, resource: Patient, select: [");
    for (int i = 0; i < 1000; i++)
        (void)dr_buf_printf(&deep, "{column: [{name: c%d, path: id}]},", i);
    (void)dr_buf_puts(&deep, "]}");
    REFUSED(dr_buf_cstr(&deep), "more than 500 selects");
    (void)dr_buf_puts(&wide, "{name: v, resource: Patient, select: [{column: [");
    for (int i = 0; i < 1001; i++)
        (void)dr_buf_printf(&wide, "{name: c%d, path: id},", i);
    (void)dr_buf_puts(&wide, "]}]}");
    REFUSED(dr_buf_cstr(&wide), "more than 1000 columns");
}

static void crossed_lists_that_explode_are_stopped(void **state)
{
    struct fixture *f = *state;
    DR_AUTO_BUF json = { 0 };
    (void)dr_buf_puts(&json, "{\"resourceType\": \"Patient\", \"id\": \"1\", \"e\": [1");
    for (int i = 2; i <= 1100; i++)
        (void)dr_buf_printf(&json, ",%d", i);
    (void)dr_buf_puts(&json, "]}");
    given(f, dr_buf_cstr(&json));
    REFUSED(VIEW("{forEach: e, column: [" COLUMN("a", "$this") "]}, {forEach: e, column: [" COLUMN(
                "b", "$this") "]}"),
            "more than 1000000 rows from one resource");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        VIEW_TEST(columns_hold_values_as_written),
        VIEW_TEST(lists_become_rows),
        VIEW_TEST(a_tree_is_walked_from_the_top),
        VIEW_TEST(conditions_choose_resources),
        VIEW_TEST(values_that_do_not_fit_their_column_name_it),
        VIEW_TEST(a_wrong_definition_is_refused_with_its_place),
        VIEW_TEST(branches_of_a_union_must_agree),
        VIEW_TEST(columns_stand_in_the_order_of_the_specification),
        VIEW_TEST(a_view_that_is_too_deep_or_too_wide_is_refused),
        VIEW_TEST(crossed_lists_that_explode_are_stopped),
    };
    return cmocka_run_group_tests_name("view_run", tests, NULL, NULL);
}
