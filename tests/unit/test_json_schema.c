/* JSON Schema: each keyword, with a value that fits and one that does not. */
#include "expect_fixture.h"
#include "expect/json_schema.h"

static int holds(struct fixture *f, const char *schema, const char *value)
{
    struct dr_json_schema *s;
    f->err = (struct dr_err){ 0 };
    if (dr_json_schema_new(json(f, schema), &s, &f->err))
        return -1;
    int fit = dr_json_schema_holds(s, json(f, value), &f->err);
    dr_json_schema_free(s);
    return fit;
}

struct example {
    const char *schema, *fits, *does_not;
};
static const struct example examples[] = {
    { "{\"type\": \"integer\"}", "3.0", "3.5" },
    { "{\"type\": [\"string\", \"null\"]}", "null", "1" },
    { "{\"type\": \"number\"}", "1", "\"1\"" },
    { "{\"type\": \"boolean\"}", "true", "1" },
    { "{\"enum\": [1, \"a\", [2]]}", "[2]", "[3]" },
    { "{\"const\": {\"a\": 1}}", "{\"a\": 1.0}", "{\"a\": 2}" },
    { "{\"minimum\": 3}", "3", "2.9" },
    { "{\"maximum\": 3}", "3", "3.1" },
    { "{\"exclusiveMinimum\": 3}", "3.1", "3" },
    { "{\"exclusiveMaximum\": 3}", "2.9", "3" },
    { "{\"multipleOf\": 0.1}", "0.3", "0.35" },
    { "{\"minLength\": 2}", "\"\xc3\xa4\xc3\xb6\"", "\"\xc3\xa4\"" },
    { "{\"maxLength\": 1}", "\"\xc3\xa4\"", "\"ab\"" },
    { "{\"pattern\": \"b\"}", "\"abc\"", "\"ac\"" },
    { "{\"items\": {\"type\": \"integer\"}}", "[1, 2]", "[1, \"a\"]" },
    { "{\"items\": [{\"type\": \"integer\"}], \"additionalItems\": false}", "[1]", "[1, 2]" },
    { "{\"prefixItems\": [{\"const\": 1}], \"items\": {\"const\": 2}}", "[1, 2, 2]", "[1, 1]" },
    { "{\"contains\": {\"const\": 2}}", "[1, 2]", "[1]" },
    { "{\"contains\": {\"const\": 2}, \"maxContains\": 1}", "[2]", "[2, 2]" },
    { "{\"minItems\": 1}", "[1]", "[]" },
    { "{\"maxItems\": 1}", "[1]", "[1, 2]" },
    { "{\"uniqueItems\": true}", "[1, 2]", "[1, 1.0]" },
    { "{\"required\": [\"a\"]}", "{\"a\": null}", "{\"b\": 1}" },
    { "{\"properties\": {\"a\": {\"type\": \"integer\"}}}", "{\"a\": 1, \"b\": \"x\"}", "{\"a\": \"x\"}" },
    { "{\"patternProperties\": {\"^a\": {\"const\": 1}}}", "{\"ab\": 1, \"b\": 2}", "{\"ab\": 2}" },
    { "{\"properties\": {\"a\": {}}, \"patternProperties\": {\"^b\": {}}, \"additionalProperties\": false}",
      "{\"a\": 1, \"bb\": 1}", "{\"c\": 1}" },
    { "{\"propertyNames\": {\"maxLength\": 1}}", "{\"a\": 1}", "{\"ab\": 1}" },
    { "{\"minProperties\": 1}", "{\"a\": 1}", "{}" },
    { "{\"maxProperties\": 1}", "{\"a\": 1}", "{\"a\": 1, \"b\": 1}" },
    { "{\"dependentRequired\": {\"a\": [\"b\"]}}", "{\"c\": 1}", "{\"a\": 1}" },
    { "{\"dependencies\": {\"a\": {\"required\": [\"b\"]}}}", "{\"a\": 1, \"b\": 1}", "{\"a\": 1}" },
    { "{\"allOf\": [{\"minimum\": 1}, {\"maximum\": 2}]}", "2", "3" },
    { "{\"anyOf\": [{\"const\": 1}, {\"const\": 2}]}", "2", "3" },
    { "{\"oneOf\": [{\"minimum\": 1}, {\"maximum\": 2}]}", "3", "2" },
    { "{\"not\": {\"const\": 1}}", "2", "1" },
    { "{\"if\": {\"minimum\": 10}, \"then\": {\"multipleOf\": 10}, \"else\": {\"maximum\": 5}}", "20", "7" },
    { "{\"$ref\": \"#/definitions/p\", \"definitions\": {\"p\": {\"type\": \"integer\"}}}", "1", "\"a\"" },
    { "{\"$ref\": \"#/$defs/a~1b\", \"$defs\": {\"a/b\": {\"type\": \"null\"}}}", "null", "1" },
    { "{\"type\": \"object\", \"properties\": {\"next\": {\"$ref\": \"#\"}}}", "{\"next\": {\"next\": {}}}",
      "{\"next\": {\"next\": 1}}" },
};

static void each_keyword_admits_and_refuses(void **state)
{
    for (size_t k = 0; k < sizeof examples / sizeof examples[0]; k++) {
        const struct example *x = &examples[k];
        if (holds(*state, x->schema, x->fits) != 1)
            fail_msg("%s should fit %s", x->fits, x->schema);
        if (holds(*state, x->schema, x->does_not) != 0)
            fail_msg("%s should not fit %s", x->does_not, x->schema);
    }
}

static void keywords_look_at_their_own_kind_only(void **state)
{
    assert_int_equal(
        holds(*state, "{\"minimum\": 3, \"minLength\": 3, \"minItems\": 3, \"required\": [\"a\"]}", "true"),
        1);
    assert_int_equal(holds(*state, "{}", "[1]"), 1);
    assert_int_equal(holds(*state, "true", "1"), 1);
    assert_int_equal(holds(*state, "false", "1"), 0);
}

static void a_wrong_schema_is_an_error(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(holds(f, "[1]", "1"), -1);
    assert_non_null(strstr(f->err.msg, "SchemaError"));
    assert_int_equal(holds(f, "{\"type\": 1}", "1"), -1);
    assert_int_equal(holds(f, "{\"pattern\": \"(\"}", "\"a\""), -1);
    assert_int_equal(holds(f, "{\"minLength\": \"a\"}", "\"a\""), -1);
    assert_int_equal(holds(f, "{\"$ref\": \"other.json\"}", "1"), -1);
    assert_int_equal(holds(f, "{\"$ref\": \"#/nosuch\"}", "1"), -1);
}

static void a_schema_that_refers_to_itself_ends(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(holds(f, "{\"$ref\": \"#\"}", "1"), -1);
    assert_non_null(strstr(f->err.msg, "circle"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_keyword_admits_and_refuses),
        TEST(keywords_look_at_their_own_kind_only),
        TEST(a_wrong_schema_is_an_error),
        TEST(a_schema_that_refers_to_itself_ends),
    };
    return cmocka_run_group_tests_name("json_schema", tests, NULL, NULL);
}
