/* FHIRPath: what expressions yield, and what is said where they are wrong. */
#include "view_fixture.h"

static const char patient[] =
    "{\"resourceType\": \"Patient\", \"id\": \"p1\", \"active\": true, \"gender\": \"male\", \"birthDate\": "
    "\"1970-06\","
    " \"_birthDate\": {\"extension\": [{\"url\": \"urn:time\", \"valueDateTime\": "
    "\"1970-06-01T10:30:00Z\"}]},"
    " \"name\": [{\"use\": \"official\", \"family\": \"Ng\", \"given\": [\"Ann\", \"B\"]}, {\"family\": "
    "\"Lee\", "
    "\"given\": [\"C\"]}, {\"use\": \"old\"}],"
    " \"extension\": [{\"url\": \"urn:sex\", \"valueCode\": \"F\"}, {\"url\": \"urn:race\", \"extension\": "
    "[{\"url\": "
    "\"text\", \"valueString\": \"x\"}]}],"
    " \"deceasedDateTime\": \"2020-01-01\", \"multipleBirthInteger\": 2, \"n\": [1, 2.50, -3, null],"
    " \"period\": {\"start\": \"2010\", \"end\": \"2011-02\"}, \"t\": \"12:34\"}";

static void members_are_walked(void **state)
{
    struct fixture *f = *state;
    given(f, patient);
    YIELDS("gender", "male");
    YIELDS("name.family", "Ng, Lee");
    YIELDS("name.given", "Ann, B, C");
    YIELDS("Patient.name.given", "Ann, B, C");
    YIELDS("Observation.name.given", "");
    YIELDS("absent.at.all", "");
    YIELDS("name[0].given[1]", "B");
    YIELDS("name.given[2]", "C");
    YIELDS("name[7]", "");
    YIELDS("n", "1, 2.50, -3");
    YIELDS("`gender`", "male");
    YIELDS("$this.gender", "male");
    YIELDS("%resource.gender", "male");
    YIELDS("{}", "");
}

static void choice_elements_are_found_by_stem_and_by_type(void **state)
{
    struct fixture *f = *state;
    given(f, patient);
    YIELDS("deceased", "2020-01-01");
    YIELDS("deceased.ofType(dateTime)", "2020-01-01");
    YIELDS("deceased.ofType(FHIR.dateTime)", "2020-01-01");
    YIELDS("deceased.ofType(boolean)", "");
    YIELDS("(deceased as dateTime)", "2020-01-01");
    YIELDS("deceased is dateTime", "true");
    YIELDS("deceased is boolean", "false");
    YIELDS("multipleBirth.ofType(integer) + 1", "3");
    YIELDS("extension.value.ofType(string)", "F"); /* a code is a string */
    YIELDS("extension.value.ofType(code)", "F");
    YIELDS("name.ofType(HumanName).family", "Ng, Lee");
    YIELDS("ofType(Patient).gender", "male");
    YIELDS("ofType(Group).gender", "");
    YIELDS("extension.value.ofType(uri)", "");
}

static void extensions_are_found_by_url_also_those_of_primitives(void **state)
{
    struct fixture *f = *state;
    given(f, patient);
    YIELDS("extension('urn:sex').value", "F");
    YIELDS("extension('urn:race').extension('text').value.ofType(string)", "x");
    YIELDS("extension('urn:none')", "");
    YIELDS("birthDate.extension('urn:time').value.ofType(dateTime)", "1970-06-01T10:30:00Z");
}

static void collections_are_cut_filtered_and_counted(void **state)
{
    struct fixture *f = *state;
    given(f, patient);
    YIELDS("name.given.first()", "Ann");
    YIELDS("name.given.last()", "C");
    YIELDS("name.given.tail()", "B, C");
    YIELDS("name.given.skip(1).take(1)", "B");
    YIELDS("name.given.take(0)", "");
    YIELDS("name.count()", "3");
    YIELDS("name.where(use = 'official').given", "Ann, B");
    YIELDS("name.where(given.exists()).family", "Ng, Lee");
    YIELDS("name.where($index = 1).family", "Lee");
    YIELDS("name.where(false)", "");
    YIELDS("name.exists(family = 'Lee')", "true");
    YIELDS("name.exists(family = 'Xu')", "false");
    YIELDS("name.empty()", "false");
    YIELDS("gender.is(string)", "true");
    YIELDS("gender.is(boolean)", "false");
    YIELDS("absent.is(string)", "");
    FAILS("name.given.is(string)", "there are 3");
    YIELDS("name.select(use.exists()).allTrue()", "false");
    YIELDS("name.select(use.exists()).anyTrue()", "true");
    YIELDS("name.select(use.exists()).allFalse()", "false");
    YIELDS("name.select(use.exists()).anyFalse()", "true");
    YIELDS("name.select(exists()).anyFalse()", "false");
    YIELDS("name.select(exists()).allTrue()", "true");
    YIELDS("name.select(empty()).allFalse()", "true");
    YIELDS("absent.empty()", "true");
    YIELDS("name.all(family.exists())", "false");
    YIELDS("name.select(given.first() & '!')", "Ann!, C!, !");
    YIELDS("(name.given | 'B' | 'D')", "Ann, B, C, D");
    YIELDS("name.given.combine('B').distinct().count()", "3");
    YIELDS("name.given.combine('B').isDistinct()", "false");
    YIELDS("name.given.intersect('B' | 'C' | 'E')", "B, C");
    YIELDS("name.given.exclude('B')", "Ann, C");
    YIELDS("'B' in name.given", "true");
    YIELDS("name.given contains 'X'", "false");
    YIELDS("iif(active, 'yes', 'no')", "yes");
    YIELDS("iif(absent, 'yes')", "");
    FAILS("name.single()", "there are 3");
}

static void logic_has_three_values(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *op, *results; /* of true, false and nothing with each: nine letters */
    } tables[] = {
        { "and", "tf-fff-f-" }, { "or", "ttttf-t--" }, { "xor", "ft-tf----" }, { "implies", "tf-tttt--" }
    };
    static const char *const values[] = { "true", "false", "{}" };
    given(f, patient);
    for (size_t t = 0; t < 4; t++)
        for (int i = 0; i < 9; i++) {
            char text[64];
            snprintf(text, sizeof text, "%s %s %s", values[i / 3], tables[t].op, values[i % 3]);
            char wanted = tables[t].results[i];
            YIELDS(text, wanted == 't' ? "true" : wanted == 'f' ? "false" : "");
        }
    YIELDS("active.not()", "false");
    YIELDS("absent.not()", "");
    YIELDS("true or false and false", "true");
    YIELDS("(true or false) and false", "false");
    YIELDS("gender and true", "true"); /* a single value counts as true */
    FAILS("name.given and true", "there are 3");
}

static void values_are_compared(void **state)
{
    struct fixture *f = *state;
    given(f, patient);
    YIELDS("gender = 'male'", "true");
    YIELDS("gender != 'male'", "false");
    YIELDS("absent = 'x'", "");
    YIELDS("name.given = ('Ann' | 'B' | 'C')", "true");
    YIELDS("name.given = 'Ann'", "false");
    YIELDS("1 = 1.0", "true");
    YIELDS("n[1] = 2.5", "true");
    YIELDS("'1' = 1", "false");
    YIELDS("2 < 10", "true");
    YIELDS("'2' < '10'", "false");
    YIELDS("2 >= 2.0", "true");
    YIELDS("gender ~ 'MALE'", "true");
    YIELDS("1.21 ~ 1.2", "true");
    YIELDS("1.21 ~ 1.20", "true"); /* zeros at the end are no precision */
    YIELDS("1.26 ~ 1.2", "false");
    YIELDS("name[0] = name[0]", "true");
    YIELDS("name[0] = name[1]", "false");
    FAILS("gender > 1", "compares two numbers, two texts or two times");
    FAILS("name.given > 'a'", "there are 3");
}

static void quantities_compare_where_their_units_are_one(void **state)
{
    struct fixture *f = *state;
    given(f, "{\"resourceType\": \"Observation\", \"id\": \"o\", \"code\": {}, \"q\": ["
             "{\"value\": 5, \"unit\": \"milligram\", \"code\": \"mg\"}, {\"value\": 0.4, \"unit\": \"mg\"},"
             "{\"value\": 0.4, \"unit\": \"g\"}, {\"value\": 40}, {\"value\": 6, \"code\": \"mg\"}]}");
    YIELDS("q[0] < q[4]", "true");
    YIELDS("q[4] > q[1]", "true"); /* a code beside a unit that is spelt as it */
    YIELDS("q[0] > q[2]", "");
    YIELDS("q[1] > q[2]", "");
    YIELDS("q[4] > q[2]", "");
    YIELDS("q[0] < q[3]", "true"); /* of the same unit where nobody says another */
}

static void partial_dates_compare_as_far_as_they_are_known(void **state)
{
    struct fixture *f = *state;
    given(f, patient);
    YIELDS("birthDate < @1971-01-01", "true");
    YIELDS("birthDate = @1970-06-15", "");
    YIELDS("birthDate = @1970", "");
    YIELDS("birthDate = @1970-07-01", "false");
    YIELDS("birthDate = @1970-06", "true");
    YIELDS("@2020-01-01T10:00:00+01:00 = @2020-01-01T09:00:00Z", "true");
    YIELDS("@2020-01-01T10:00:00Z < @2020-01-01T10:00:00.5Z", "true");
    YIELDS("@2020-01-01T10:00:00Z = @2020-01-01T10:00:00", "");
    YIELDS("@2020-01-01T10:00:00Z < @2021-01-01T10:00:00", "true");
    YIELDS("t < @T13:00", "true");
    YIELDS("@T12:34 = @T12:34:00", "");
    YIELDS("t < @T12:35", "true");
    YIELDS("t > @T12:33", "true");
    YIELDS("@2020-01-01T10:00:00-05:30 = @2020-01-01T15:30:00Z", "true");
    YIELDS("@2020-01-01T23:30:00-05:00 > @2020-01-02T04:29:00Z", "true");
    YIELDS("@2020-02-01 > @2020-01-31", "true");
    YIELDS("birthDate = '1970-06x'", "false"); /* no date, for all that it begins as one */
    YIELDS("birthDate = t", "");
}

static void numbers_are_exact(void **state)
{
    struct fixture *f = *state;
    given(f, patient);
    YIELDS("0.1 + 0.2", "0.3");
    YIELDS("1 + 2 * 3 - 4", "3");
    YIELDS("(1 + 2) * 3", "9");
    YIELDS("-2 * -3", "6");
    YIELDS("7 div 2", "3");
    YIELDS("-7 div 2", "-3");
    YIELDS("7 mod 2", "1");
    YIELDS("3 / 2", "1.5");
    YIELDS("1 / 3", "0.3333333333333333");
    YIELDS("-2 / 3", "-0.6666666666666667");
    YIELDS("1 / 0", "");
    YIELDS("1 div 0", "");
    YIELDS("1 mod 0", "");
    YIELDS("-7 mod 2", "-1");
    YIELDS("99999999999999999999999999999 > 0.00000000000000000001", "true");
    YIELDS("-99999999999999999999999999999 < 0.00000000000000000001", "true");
    FAILS("(1.5).round(-1)", "round() keeps 0 to 38 digits");
    YIELDS("1 + {}", "");
    YIELDS("99999999999999999999 + 1", "100000000000000000000");
    YIELDS("99999999999999999999999999999999999999 + 99999999999999999999999999999999999999", "");
    YIELDS("90000000000000000000000000000000000000 / 7", "12857142857142857142857142857142857142");
    YIELDS("(1.25).round(1)", "1.3");
    YIELDS("(-1.5).floor()", "-2");
    YIELDS("(-1.5).ceiling()", "-1");
    YIELDS("(-1.5).truncate()", "-1");
    YIELDS("(-1.5).abs()", "1.5");
    YIELDS("'12'.toInteger() + 1", "13");
    YIELDS("'x'.toInteger()", "");
    YIELDS("(2.50).toString()", "2.50");
    FAILS("gender - 1", "needs two numbers");
}

static void texts_are_taken_apart(void **state)
{
    struct fixture *f = *state;
    given(f, patient);
    YIELDS("name.given.join(',')", "Ann,B,C");
    YIELDS("name.given.join()", "AnnBC");
    YIELDS("absent.join(',')", "");
    YIELDS("'a' + 'b'", "ab");
    YIELDS("'a' & {}", "a");
    YIELDS("'a' + {}", "");
    YIELDS("'b\xC3\xA4r'.length()", "3");
    YIELDS("'b\xC3\xA4r'.substring(1, 1)", "\xC3\xA4");
    YIELDS("'abc'.substring(9)", "");
    YIELDS("'abc'.startsWith('ab')", "true");
    YIELDS("'abc'.endsWith('ab')", "false");
    YIELDS("'abc'.contains('bc')", "true");
    YIELDS("'abc'.indexOf('c')", "2");
    YIELDS("'abab'.replace('b', 'xy')", "axyaxy");
    YIELDS("'a|b|'.split('|').count()", "3");
    YIELDS("'abc'.replace('', '-')", "-a-b-c-");
    YIELDS("''.replace('', '-')", "-");
    YIELDS("'b\xC3\xA4'.replace('', '')", "b\xC3\xA4");
    YIELDS("' a '.trim().upper()", "A");
    YIELDS("'\xC3\x85nstr\xC3\xB6m'.upper()", "\xC3\x85NSTR\xC3\x96M");
    YIELDS("'\xC3\x85nstr\xC3\xB6m'.lower()", "\xC3\xA5nstr\xC3\xB6m");
    YIELDS("'\xC2\xA0 a\xE3\x80\x80'.trim()", "a");
    YIELDS("'it\\'s \\u00e4'", "it's \xC3\xA4");
    FAILS("(1).length()", "length() needs a text");
}

static void boundaries_of_dates_times_and_numbers(void **state)
{
    struct fixture *f = *state;
    given(f, patient);
    YIELDS("birthDate.lowBoundary()", "1970-06-01");
    YIELDS("birthDate.highBoundary()", "1970-06-30");
    YIELDS("@2024-02.highBoundary()", "2024-02-29");
    YIELDS("@2014.lowBoundary(6)", "2014-01");
    YIELDS("deceased.lowBoundary()", "2020-01-01T00:00:00.000+14:00");
    YIELDS("deceased.highBoundary()", "2020-01-01T23:59:59.999-12:00");
    YIELDS("@2020-01-01T10:30+02:00.highBoundary()", "2020-01-01T10:30:59.999+02:00");
    YIELDS("t.lowBoundary()", "12:34:00.000");
    YIELDS("t.highBoundary()", "12:34:59.999");
    YIELDS("period.lowBoundary()", "2010-01-01T00:00:00.000+14:00");
    YIELDS("period.highBoundary()", "2011-02-28T23:59:59.999-12:00");
    YIELDS("(1.587).lowBoundary()", "1.5865");
    YIELDS("(1.587).highBoundary()", "1.5875");
    YIELDS("(1.587).lowBoundary(2)", "1.58");
    YIELDS("(1.587).highBoundary(2)", "1.59");
    YIELDS("(-1.5).lowBoundary()", "-1.55");
    YIELDS("(1).lowBoundary()", "0.5");
    YIELDS("gender.lowBoundary()", "");
    f->names.wanted = DR_FHIR_DATETIME;
    YIELDS("birthDate.lowBoundary()", "1970-06-01T00:00:00.000+14:00");
}

static void nested_repetition_ends(void **state)
{
    struct fixture *f = *state;
    given(f, "{\"resourceType\": \"Q\", \"id\": \"q\", \"item\": [{\"id\": \"1\", \"item\": [{\"id\": "
             "\"1.1\"}, {\"id\": "
             "\"1.2\", \"item\": [{\"id\": \"1.2.1\"}]}]}, {\"id\": \"2\"}]}");
    YIELDS("repeat(item).id", "1, 2, 1.1, 1.2, 1.2.1");
    YIELDS("repeat($this).id", "q");
}

static void mistakes_are_named_with_their_place(void **state)
{
    struct fixture *f = *state;
    given(f, patient);
    FAILS("", "the expression ends where an expression is expected");
    FAILS("name.", "character 6: the expression ends where an element or a function is expected");
    FAILS("name..family", "character 6: an element or a function is expected here, not '.'");
    FAILS("name.frist()", "character 6: there is no function 'frist'; did you mean 'first'?");
    FAILS("name.first(1)", "character 12: first takes 0 arguments");
    FAILS("name.where()", "character 6: where takes 1 argument");
    FAILS("value.ofType(datetime)", "there is no type 'datetime'; did you mean 'dateTime'?");
    FAILS("%nothing", "character 1: there is no constant 'nothing' in this view");
    FAILS("@@", "is not a date or time");
    FAILS("@2024-13-01", "is not a date or time");
    FAILS("'abc", "character 1: the text that begins here has no closing '");
    FAILS("'\\q'", "no such escape");
    FAILS("a b", "character 3: an operator or the end is expected here, not 'b'");
    FAILS("(a", "')'");
    FAILS("a ? b", "character 3: '?' has no meaning here");
    FAILS("/* a", "the comment has no end");
    FAILS("$that", "there is no '$that'");
    FAILS("gender = = 1", "character 10");
}

static void constants_stand_for_their_values(void **state)
{
    struct fixture *f = *state;
    struct dr_path_constant constants[] = {
        { DR_LIT("use"), { .text = DR_LIT("official"), .kind = DR_ITEM_TEXT, .type = DR_FHIR_STRING } },
        { DR_LIT("i"), { .text = DR_LIT("1"), .kind = DR_ITEM_NUMBER, .type = DR_FHIR_INTEGER } }
    };
    given(f, patient);
    f->names = (struct dr_path_names){ constants, 2, 0 };
    YIELDS("name.where(use = %use).family", "Ng");
    YIELDS("name[%i].family", "Lee");
    YIELDS("name[%`i`].family", "Lee");
    f->scope.row_index = 7;
    YIELDS("%rowIndex + 1", "8");
}

static void hostile_expressions_are_refused(void **state)
{
    struct fixture *f = *state;
    DR_AUTO_BUF deep = { 0 }, wide = { 0 }, minus = { 0 };
    given(f, patient);
    for (int i = 0; i < 5000; i++) {
        (void)dr_buf_putc(&deep, '(');
        (void)dr_buf_puts(&wide, i ? ".a" : "a");
        (void)dr_buf_puts(&minus, "- ");
    }
    FAILS(dr_buf_cstr(&deep), "nested more than");
    FAILS(dr_buf_cstr(&minus), "nested more than");
    FAILS(dr_buf_cstr(&wide), "more than 4000 parts");
    for (int i = 0; i < 10000; i++)
        (void)dr_buf_puts(&wide, ".a");
    FAILS(dr_buf_cstr(&wide), "longer than");
}

static void an_expression_that_searches_for_ever_is_stopped(void **state)
{
    struct fixture *f = *state;
    DR_AUTO_BUF json = { 0 };
    (void)dr_buf_puts(&json, "{\"resourceType\": \"L\", \"id\": \"1\", \"e\": [1");
    for (int i = 2; i <= 2000; i++)
        (void)dr_buf_printf(&json, ",%d", i);
    (void)dr_buf_puts(&json, "]}");
    given(f, dr_buf_cstr(&json));
    FAILS("e.where(%resource.e.where(%resource.e.where($this > 5000).exists()).exists())", "steps");
    dr_buf_clear(&json);
    (void)dr_buf_puts(&json, "{\"resourceType\": \"L\", \"id\": \"1\", \"e\": [1");
    for (int i = 2; i <= 20000; i++)
        (void)dr_buf_printf(&json, ",%d", i);
    (void)dr_buf_puts(&json, "]}");
    given(f, dr_buf_cstr(&json));
    FAILS("e.distinct()", "too many items");
    FAILS("e | e", "too many items");
    FAILS("e ~ e", "too many items");
    FAILS("e.intersect(e)", "too many items");
}

static void references_become_keys(void **state)
{
    struct fixture *f = *state;
    given(f,
          "{\"resourceType\": \"Bundle\", \"entry\": ["
          "{\"resource\": {\"resourceType\": \"Observation\", \"id\": \"o1\","
          " \"contained\": [{\"resourceType\": \"Device\", \"id\": \"d\"}],"
          " \"a\": {\"reference\": \"urn:uuid:1-2\"}, \"b\": {\"reference\": \"Patient/7\"},"
          " \"c\": {\"reference\": \"https://x.org/fhir/Patient/8/_history/2\"}, \"d\": {\"reference\": "
          "\"#d\"},"
          " \"e\": {\"reference\": \"Practitioner?identifier=urn:npi|9\"}, \"f\": {\"reference\": "
          "\"urn:uuid:absent\"},"
          " \"g\": {\"type\": \"Organization\", \"identifier\": {\"system\": \"urn:o\", \"value\": \"3\"}},"
          " \"h\": {\"display\": \"somebody\"}, \"i\": {\"reference\": \"#\"}, \"j\": {\"reference\": "
          "\"#gone\"},"
          " \"k\": {\"reference\": \"urn:uuid:3-4\"}}},"
          "{\"fullUrl\": \"urn:uuid:1-2\", \"resource\": {\"resourceType\": \"Patient\", \"id\": \"p-9\"}},"
          "{\"fullUrl\": \"urn:uuid:3-4\", \"resource\": {\"resourceType\": \"Group\"}}]}");
    YIELDS("getResourceKey()", "o1");
    YIELDS("a.getReferenceKey()", "p-9");
    YIELDS("a.getReferenceKey(Patient)", "p-9");
    YIELDS("a.getReferenceKey('Patient')", "p-9");
    YIELDS("a.getReferenceKey(Group)", "");
    YIELDS("b.getReferenceKey(Patient)", "7");
    YIELDS("c.getReferenceKey(Patient)", "8");
    YIELDS("d.getReferenceKey(Device)", "o1#d");
    YIELDS("contained.getResourceKey()", "o1#d");
    YIELDS("e.getReferenceKey(Practitioner)", "Practitioner?identifier=urn:npi|9");
    YIELDS("f.getReferenceKey()", "absent");
    YIELDS("f.getReferenceKey(Patient)", "");
    YIELDS("g.getReferenceKey(Organization)", "Organization?identifier=urn:o|3");
    YIELDS("h.getReferenceKey()", "");
    YIELDS("i.getReferenceKey(Observation)", "o1");
    YIELDS("j.getReferenceKey()", "");
    YIELDS("k.getReferenceKey(Group)", "3-4"); /* without an id, the last part of its fullUrl */
    YIELDS("(a | b | h).getReferenceKey()", "p-9, 7");
}

static void entries_that_are_no_resources_have_a_problem(void **state)
{
    struct fixture *f = *state;
    given(f, "{\"resourceType\": \"Bundle\", \"entry\": [{\"resource\": {\"resourceType\": \"X\", \"id\": "
             "\"1\"}}, {}, "
             "{\"resource\": {\"id\": \"2\"}}, {\"resource\": {\"resourceType\": \"X\"}}, 7]}");
    assert_int_equal(dr_bundle_size(f->bundle), 5);
    assert_int_equal(dr_bundle_at(f->bundle, 0)->problem.n, 0);
    for (size_t i = 1; i < 5; i++)
        assert_true(dr_bundle_at(f->bundle, i)->problem.n > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        VIEW_TEST(members_are_walked),
        VIEW_TEST(choice_elements_are_found_by_stem_and_by_type),
        VIEW_TEST(extensions_are_found_by_url_also_those_of_primitives),
        VIEW_TEST(collections_are_cut_filtered_and_counted),
        VIEW_TEST(logic_has_three_values),
        VIEW_TEST(values_are_compared),
        VIEW_TEST(quantities_compare_where_their_units_are_one),
        VIEW_TEST(partial_dates_compare_as_far_as_they_are_known),
        VIEW_TEST(numbers_are_exact),
        VIEW_TEST(texts_are_taken_apart),
        VIEW_TEST(boundaries_of_dates_times_and_numbers),
        VIEW_TEST(nested_repetition_ends),
        VIEW_TEST(mistakes_are_named_with_their_place),
        VIEW_TEST(constants_stand_for_their_values),
        VIEW_TEST(hostile_expressions_are_refused),
        VIEW_TEST(an_expression_that_searches_for_ever_is_stopped),
        VIEW_TEST(references_become_keys),
        VIEW_TEST(entries_that_are_no_resources_have_a_problem),
    };
    return cmocka_run_group_tests_name("view_path", tests, NULL, NULL);
}
