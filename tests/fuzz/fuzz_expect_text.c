/* fuzz_expect_text.c - what a suite or a file says in text: regular
 * expressions, LIKE patterns, strftime formats, dates, evaluation parameters,
 * JSON schemas. The input is "kind, pattern, NUL, text". Nothing may crash, hang or
 * refuse without a reason. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/json.h"
#include "expect/dateutil.h"
#include "expect/json_schema.h"
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
