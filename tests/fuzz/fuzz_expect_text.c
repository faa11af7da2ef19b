/* fuzz_expect_text.c - what a suite or a file says in text: regular
 * expressions, LIKE patterns, strftime formats, dates, evaluation parameters,
 * JSON schemas, JSON in cells (what jansson reads, the reader of cells reads, and
 * as the same value), identifiers and codes. The input is "kind, pattern, NUL, text". Nothing may crash, hang
 * or refuse without a reason. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/json.h"
#include "expect/dateutil.h"
#include "expect/expect.h"
#include "expect/json_schema.h"
#include "expect/json_text.h"
#include "expect/parameter.h"
#include "expect/regex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_expect_text: %s\n", what);
    abort();
}

static void regex(const char *pattern, struct dr_str text)
{
    struct dr_regex *r;
    struct dr_err err = { 0 };
    if (dr_regex_new(pattern, &r, &err)) {
        require(err.msg[0], "a pattern refused without a reason");
        return;
    }
    int found = dr_regex_search(r, text, &err), at_start = dr_regex_match(r, text, NULL);
    require(found >= 0 || err.msg[0], "a match failed without a reason");
    require(at_start != 1 || found != 0, "a match at the start that a search does not find");
    dr_regex_free(r);
}

static void formats(const char *format, struct dr_str text)
{
    struct dr_civil c;
    struct dr_err err = { 0 };
    int32_t offset;
    bool zoned;
    if (dr_strptime_check(format, &err))
        require(err.msg[0], "a format refused without a reason");
    else if (dr_strptime(text, format, &c, &offset))
        require(dr_civil_valid(c.year, c.month, c.day), "strptime gave a date that does not exist");
    if (dr_dateutil_parse(text, &c, &zoned, &offset))
        require(dr_civil_valid(c.year, c.month, c.day) && c.hour < 24 && c.minute < 60 && c.second < 60,
                "dateutil gave a time that does not exist");
}

static void parameter(struct dr_arena *a, const char *expression)
{
    struct dr_parameters p = { 0 };
    struct dr_err err = { 0 };
    const struct dr_node *out;
    struct dr_node *wrapped = dr_node_new(a, DR_NODE_MAP);
    dr_node_set(a, wrapped, DR_LIT("$PARAMETER"), dr_node_new_str(a, dr_str_of(expression)));
    require(!dr_parameters_resolve(a, &p, wrapped, &out, &err) || err.msg[0],
            "a parameter refused without a reason");
}

static void schema(struct dr_arena *a, const char *text, struct dr_str value)
{
    struct dr_node *s, *v;
    struct dr_json_schema *compiled;
    struct dr_err err = { 0 };
    if (dr_json_parse(a, dr_str_of(text), NULL, true, &s, NULL) ||
        dr_json_parse(a, value, NULL, true, &v, NULL))
        return;
    if (dr_json_schema_new(s, &compiled, &err))
        return;
    require(dr_json_schema_holds(compiled, v, &err) >= 0 || err.msg[0], "a schema refused without a reason");
    dr_json_schema_free(compiled);
}

/* NaN equals itself here. */
static bool same(const struct dr_node *a, const struct dr_node *b)
{
    DR_AUTO_BUF x = { 0 };
    DR_AUTO_BUF y = { 0 };
    dr_json_put_node(&x, a, 0);
    dr_json_put_node(&y, b, 0);
    return dr_node_equal(a, b) || dr_str_eq(dr_buf_str(&x), dr_buf_str(&y));
}

static void json_text(struct dr_arena *a, struct dr_str text)
{
    struct dr_node *ours = NULL, *theirs;
    bool checked = dr_json_text_read(NULL, text, NULL), built = dr_json_text_read(a, text, &ours);
    require(checked || !built, "JSON was built that is none");
    require(!checked || built || text.n > 20000, "JSON was not built");
    /* jansson loses a NUL byte that follows a name or a number. */
    if (memchr(text.p, 0, text.n) || dr_json_parse(a, text, NULL, false, &theirs, NULL))
        return;
    require(built, "JSON that jansson reads is not read");
    require(same(ours, theirs), "JSON is read as another value");
}

/* One text in a column, asked for every identifier and code system. */
static void forms(struct dr_arena *a, struct dr_str text)
{
    static const char *const kinds[][2] = { { "nhs_number", "icd_10" }, { "npi", "icd_10_cm" },
                                            { "luhn", "loinc" },        { "dea_number", "ucum" },
                                            { "gtin", "atc" },          { "snomed_ct", "snomed_ct" } };
    enum { N = sizeof kinds / sizeof kinds[0] };
    static const char *const names[] = { "a" };
    struct dr_expectation x[2 * N] = { 0 };
    struct dr_suite suite = { .name = "fuzz", .expectations = x, .n = 2 * N };
    struct dr_builder *b = dr_builder_new(DR_TYPE_DICT);
    struct dr_results *r;
    struct dr_table *t;
    dr_builder_append_bytes(b, text.p, (int64_t)text.n);
    struct dr_column *c = dr_builder_finish(b);
    require(!dr_table_new(1, names, (const struct dr_column *const *)&c, &t, NULL), "no table");
    dr_column_unref(c);
    for (int k = 0; k < 2 * N; k++) {
        struct dr_node *kwargs = dr_node_new(a, DR_NODE_MAP);
        bool code = k >= N;
        dr_node_set(a, kwargs, DR_LIT("column"), dr_node_new_str(a, DR_LIT("a")));
        dr_node_set(a, kwargs, dr_str_of(code ? "code_system" : "identifier"),
                    dr_node_new_str(a, dr_str_of(kinds[k % N][code])));
        x[k] = (struct dr_expectation){ .id = "x",
                                        .type = code ? "expect_column_values_to_be_valid_code"
                                                     : "expect_column_values_to_be_valid_identifier",
                                        .kwargs = kwargs };
    }
    require(!dr_expect_run(&suite, t, NULL, &r, NULL), "a suite that does not run");
    for (int k = 0; k < 2 * N; k++)
        require(!r->checks[k].exception, "a form that cannot be evaluated");
    dr_results_free(r);
    dr_table_unref(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    DR_AUTO_ARENA a = { 0 };
    if (size < 2 || size > 2000)
        return 0;
    char *pattern = dr_arena_dup(&a, (const char *)data + 1, size - 1);
    size_t n = strlen(pattern);
    struct dr_str text = { pattern + n, 0 };
    if (n < size - 1)
        text = (struct dr_str){ pattern + n + 1, size - 2 - n };
    if (data[0] == 'j' || data[0] == 'i') {
        struct dr_str whole = { (const char *)data + 1, size - 1 };
        if (data[0] == 'j')
            json_text(&a, whole);
        else if (dr_utf8_valid(whole))
            forms(&a, whole);
        return 0;
    }
    switch (data[0] % 5) {
    case 0:
        regex(pattern, text);
        break;
    case 1:
        (void)dr_like((struct dr_str){ pattern, n }, text);
        break;
    case 2:
        formats(pattern, text);
        break;
    case 3:
        parameter(&a, pattern);
        break;
    default:
        schema(&a, pattern, text);
    }
    return 0;
}
