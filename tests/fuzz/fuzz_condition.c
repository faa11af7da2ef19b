/* fuzz_condition.c - any bytes as row_condition over a small table.
 *
 * Beyond not crashing or hanging: a refusal always says why, rows kept are rows
 * of the table, and the negation of a condition keeps exactly the others. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include "expect/condition.h"

#define ROWS 70
#define TEXT_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_condition: %s\n", what);
    abort();
}

static struct dr_column *numbers(int32_t type)
{
    struct dr_builder *b = dr_builder_new(type);
    for (int i = 0; i < ROWS; i++)
        if (i % 7 == 3)
            dr_builder_append_null(b);
        else if (type == DR_TYPE_FLOAT64)
            dr_builder_append_float(b, i / 4.0 - 5);
        else
            dr_builder_append_int(b, type == DR_TYPE_BOOL ? i % 2 : i);
    return dr_builder_finish(b);
}

static struct dr_column *texts(void)
{
    static const char *const words[] = { "a", "b", "abc", "1", "", "\xc3\xa4" };
    struct dr_builder *b = dr_builder_new(DR_TYPE_DICT);
    for (int i = 0; i < ROWS; i++)
        if (i % 5 == 4)
            dr_builder_append_null(b);
        else
            dr_builder_append_bytes(b, words[i % 6], (int64_t)strlen(words[i % 6]));
    return dr_builder_finish(b);
}

static struct dr_table *make_table(void)
{
    static const char *const names[] = { "n", "f", "b", "t", "d" };
    struct dr_column *columns[] = { numbers(DR_TYPE_INT64), numbers(DR_TYPE_FLOAT64), numbers(DR_TYPE_BOOL),
                                    texts(), numbers(DR_TYPE_DATE) };
    struct dr_table *t;
    require(!dr_table_new(5, names, (const struct dr_column *const *)columns, &t, NULL), "no table");
    for (int k = 0; k < 5; k++)
        dr_column_unref(columns[k]);
    return t;
}

static bool rows_of(const struct dr_table *t, const char *text, uint64_t rows[2])
{
    struct dr_suite suite = { .name = "fuzz" };
    struct dr_expect_options opts = { .result_format = DR_RESULT_BASIC };
    struct dr_arena arena = { 0 };
    struct dr_err err = { 0 };
    struct dr_plan plan = { .arena = &arena, .suite = &suite, .table = t, .opts = &opts };
    int32_t rc = dr_condition_rows(&plan, text, rows, &err);
    dr_plan_done(&plan);
    dr_arena_done(&arena);
    require(!rc || err.msg[0], "a refusal without a reason");
    return rc == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[TEXT_MAX + 1], negated[TEXT_MAX + 8];
    uint64_t rows[3] = { 0 }, others[3] = { 0 };
    if (size > TEXT_MAX || memchr(data, 0, size))
        return 0;
    memcpy(text, data, size);
    text[size] = 0;
    struct dr_table *t = make_table();
    if (rows_of(t, text, rows)) {
        require(rows[1] >> (ROWS - 64) == 0, "rows beyond the table");
        snprintf(negated, sizeof negated, "not (%s)", text);
        if (rows_of(t, negated, others))
            require((rows[0] ^ others[0]) == ~UINT64_C(0) && (rows[1] ^ others[1]) == (1 << (ROWS - 64)) - 1,
                    "the negation does not keep the other rows");
    }
    dr_table_unref(t);
    return 0;
}
