/* Casts: what each type accepts, what is refused, and round trips. */
#include "data/decimal.h"
#include "data/pool.h"
#include "kernel_fixture.h"

/* Cast one text; its result as text, or NULL where it was refused. */
static const char *cast_text(const char *text, int32_t type, struct dr_buf *buf)
{
    uint8_t refused = 0xff;
    struct dr_column *c = texts(DR_TYPE_STRING, 1, &text), *to = NULL;
    const char *shown = NULL;
    assert_int_equal(dr_column_cast(c, type, &refused, &to, NULL), DR_OK);
    check_column(to);
    assert_int_equal(refused, is_null(to, 0));
    if (!is_null(to, 0))
        shown = cell_text(to, 0, buf);
    dr_column_unref(c);
    dr_column_unref(to);
    return shown;
}

struct expectation {
    const char *text;
    const char *shown; /* NULL: refused */
};

static void check_spellings(int32_t type, size_t n, const struct expectation *e)
{
    DR_AUTO_BUF buf = { 0 };
    for (size_t i = 0; i < n; i++) {
        const char *shown = cast_text(e[i].text, type, &buf);
        if (!shown != !e[i].shown || (shown && !dr_streq(shown, e[i].shown)))
            fail_msg("'%s' as %s gives %s", e[i].text, dr_type_name(type), shown ? shown : "nothing");
    }
}
#define CHECK_SPELLINGS(type, ...)                                                                           \
    do {                                                                                                     \
        static const struct expectation list[] = { __VA_ARGS__ };                                            \
        check_spellings(type, sizeof list / sizeof *list, list);                                             \
    } while (0)

static void text_spells_integers_exactly(void **state)
{
    (void)state;
    CHECK_SPELLINGS(DR_TYPE_INT64, { "0", "0" }, { "-7", "-7" }, { "+7", "7" }, { "007", "7" },
                    { "9223372036854775807", "9223372036854775807" },
                    { "-9223372036854775808", "-9223372036854775808" }, { "9223372036854775808", NULL },
                    { "", NULL }, { " 1", NULL }, { "1 ", NULL }, { "1.0", NULL }, { "1e3", NULL },
                    { "-", NULL }, { "0x1", NULL }, { "1,000", NULL });
}

static void text_spells_floats_without_specials(void **state)
{
    (void)state;
    CHECK_SPELLINGS(DR_TYPE_FLOAT64, { "36.6", "36.6" }, { ".5", "0.5" }, { "5.", "5" },
                    { "-1e-3", "-0.001" }, { "1E+2", "100" }, { "inf", NULL }, { "nan", NULL },
                    { "Infinity", NULL }, { "1e999", NULL }, { " 1", NULL }, { "1 ", NULL }, { "", NULL },
                    { ".", NULL }, { "1e", NULL }, { "1,5", NULL }, { "0x1p3", NULL });
}

static void text_spells_booleans(void **state)
{
    (void)state;
    CHECK_SPELLINGS(DR_TYPE_BOOL, { "true", "true" }, { "False", "false" }, { "YES", "true" },
                    { "no", "false" }, { "1", "true" }, { "0", "false" }, { "2", NULL }, { "", NULL },
                    { " true", NULL });
}

static void text_spells_dates_and_times(void **state)
{
    (void)state;
    CHECK_SPELLINGS(DR_TYPE_DATE, { "2024-02-29", "2024-02-29" }, { "2023-02-29", NULL },
                    { "2024-2-9", NULL }, { "29/02/2024", NULL }, { "2024-02-29T00:00:00", NULL },
                    { "2024-02-29 ", NULL });
    CHECK_SPELLINGS(DR_TYPE_TIMESTAMP, { "2024-03-01T02:30:00Z", "2024-03-01T02:30:00Z" },
                    { "2024-03-01 02:30", "2024-03-01T02:30:00" },
                    { "2024-03-01T02:30:00.25+02:00", "2024-03-01T00:30:00.250000Z" },
                    { "2024-03-01", "2024-03-01T00:00:00" }, { "2024-03-01T25:00:00", NULL },
                    { "noon", NULL });
}

static void text_spells_decimals_digit_by_digit(void **state)
{
    (void)state;
    CHECK_SPELLINGS(DR_TYPE_DECIMAL, { "1.50", "1.50" }, { "-0.005", "-0.005" }, { "+12", "12" },
                    { "1e3", "1000" }, { "1.5e-3", "0.0015" }, { "0.10", "0.10" }, { ".5", "0.5" },
                    { "5.", "5" },
                    { "12345678901234567890123456789012345678", "12345678901234567890123456789012345678" },
                    { "123456789012345678901234567890123456789", NULL }, { "", NULL }, { "1e", NULL },
                    { "1e39", NULL }, { "1..2", NULL }, { "-", NULL },
                    { "0.000000000000000000000000000000000000001", NULL }, { "1 ", NULL }, { "nan", NULL });
}

static void a_decimal_column_takes_the_largest_scale_of_its_values(void **state)
{
    (void)state;
    DR_AUTO_BUF buf = { 0 };
    static const char *const values[] = { "1", "2.25", NULL, "x", "-0.5" };
    struct dr_column *c = texts(DR_TYPE_DICT, 5, values), *to = NULL;
    uint8_t refused;
    assert_int_equal(dr_column_cast(c, DR_TYPE_DECIMAL, &refused, &to, NULL), DR_OK);
    assert_int_equal(to->scale, 2);
    assert_int_equal(refused, 1 << 3);
    assert_string_equal(cell_text(to, 0, &buf), "1.00");
    assert_string_equal(cell_text(to, 4, &buf), "-0.50");
    dr_column_unref(c);
    dr_column_unref(to);
}

static void times_without_offset_are_refused_beside_times_with_one(void **state)
{
    (void)state;
    static const char *const values[] = { "2024-01-01T00:00:00", "2024-01-01T00:00:00Z",
                                          "2024-01-01T00:00:00+01:00" };
    struct dr_column *c = texts(DR_TYPE_STRING, 3, values), *to = NULL;
    uint8_t refused;
    assert_int_equal(dr_column_cast(c, DR_TYPE_TIMESTAMP, &refused, &to, NULL), DR_OK);
    assert_true(to->zoned);
    assert_int_equal(refused, 1);
    assert_int_equal(int_of(to, 1) - int_of(to, 2), 3600 * DR_US_PER_S);
    dr_column_unref(c);
    dr_column_unref(to);
}

/* A value that no row uses any more must not decide about the column. */
static void values_that_no_row_uses_have_no_say(void **state)
{
    (void)state;
    static const char *const values[] = { "2024-01-01T00:00:00Z", "2024-01-01T00:00:00" };
    struct dr_column *c = texts(DR_TYPE_DICT, 2, values), *to = NULL;
    struct dr_column *second = dr_column_take(c, 1, (const int64_t[]){ 1 });
    assert_int_equal(dr_column_cast(second, DR_TYPE_TIMESTAMP, NULL, &to, NULL), DR_OK);
    assert_false(to->zoned);
    assert_int_equal(to->nulls, 0);
    dr_column_unref(c);
    dr_column_unref(second);
    dr_column_unref(to);
}

static void numbers_convert_only_where_nothing_is_lost(void **state)
{
    (void)state;
    static const double values[] = { 3.0, 3.5, NAN, INFINITY, 0x1p63, -0x1p63, 1.0 };
    struct dr_column *c = floats(7, values), *to = NULL;
    uint8_t refused;
    assert_int_equal(dr_column_cast(c, DR_TYPE_INT64, &refused, &to, NULL), DR_OK);
    assert_int_equal(refused, 0x1e);
    assert_int_equal(int_of(to, 0), 3);
    assert_int_equal(int_of(to, 5), INT64_MIN);
    dr_column_unref(to);
    assert_int_equal(dr_column_cast(c, DR_TYPE_BOOL, &refused, &to, NULL), DR_OK);
    assert_int_equal(refused, 0x3f);
    dr_column_unref(to);
    dr_column_unref(c);
    static const int64_t wide[] = { (INT64_C(1) << 53) + 1, INT64_C(1) << 53, INT64_MAX, INT64_MIN };
    c = ints(DR_TYPE_INT64, 4, wide);
    assert_int_equal(dr_column_cast(c, DR_TYPE_FLOAT64, &refused, &to, NULL), DR_OK);
    assert_int_equal(refused, 1 | 4);
    dr_column_unref(to);
    dr_column_unref(c);
}

static void dates_and_midnights_are_each_other(void **state)
{
    (void)state;
    static const int64_t us[] = { 0, DR_US_PER_DAY * 3, -DR_US_PER_DAY, 1, -1 };
    struct dr_column *c = ints(DR_TYPE_TIMESTAMP, 5, us), *days = NULL, *back = NULL;
    uint8_t refused;
    assert_int_equal(dr_column_cast(c, DR_TYPE_DATE, &refused, &days, NULL), DR_OK);
    assert_int_equal(refused, 8 | 16);
    assert_int_equal(int_of(days, 2), -1);
    assert_int_equal(dr_column_cast(days, DR_TYPE_TIMESTAMP, &refused, &back, NULL), DR_OK);
    assert_int_equal(refused, 0);
    for (int64_t i = 0; i < 3; i++)
        assert_int_equal(int_of(back, i), us[i]);
    dr_column_unref(c);
    dr_column_unref(days);
    dr_column_unref(back);
}

static void types_that_do_not_meet_are_an_error(void **state)
{
    (void)state;
    struct dr_err err = { 0 };
    struct dr_column *c = ints(DR_TYPE_BOOL, 1, (const int64_t[]){ 1 }), *to = NULL;
    assert_int_equal(dr_column_cast(c, DR_TYPE_DATE, NULL, &to, &err), DR_EINPUT);
    assert_string_equal(err.msg, "cannot cast bool to date");
    assert_int_equal(dr_column_cast(c, 77, NULL, &to, &err), DR_EINPUT);
    assert_int_equal(dr_column_cast(c, DR_TYPE_NULL, NULL, &to, &err), DR_EINPUT);
    dr_column_unref(c);
}

static bool finite_or_other(const struct dr_column *c, int64_t row)
{
    return c->type != DR_TYPE_FLOAT64 || is_null(c, row) || isfinite(float_of(c, row));
}

/* Everything to text and back is what it was. */
static void every_type_survives_text(void **state)
{
    (void)state;
    uint64_t seed = 1;
    dr_pool_init(2);
    for (int32_t type = DR_TYPE_BOOL; type < N_TYPES; type++)
        for (int32_t via = DR_TYPE_STRING; via <= DR_TYPE_DICT; via++)
            for (int s = 0; s < N_SIZES; s++) {
                struct dr_column *c = cut_randomly(&seed, random_column(&seed, type, few_sizes[s]));
                struct dr_column *text = NULL, *back = NULL;
                assert_int_equal(dr_column_cast(c, via, NULL, &text, NULL), DR_OK);
                assert_int_equal(dr_column_cast(text, type, NULL, &back, NULL), DR_OK);
                check_column(text);
                check_column(back);
                assert_int_equal(text->type, via);
                for (int64_t i = 0; i < c->rows; i++)
                    assert_true(!finite_or_other(c, i) || same_cell(c, i, back, i));
                dr_column_unref(c);
                dr_column_unref(text);
                dr_column_unref(back);
            }
    dr_pool_done();
}

static void codes_cast_as_their_text_does(void **state)
{
    (void)state;
    static const char *const few[] = { "1", "0", "x", "2024-01-01", "1.5", "", "-3", NULL, " 1" };
    uint64_t seed = 2;
    for (int32_t type = DR_TYPE_BOOL; type < DR_TYPE_STRING; type++)
        for (int s = 0; s < N_SIZES; s++) {
            const char *values[200];
            for (int64_t i = 0; i < few_sizes[s]; i++)
                values[i] = few[random_below(&seed, 9)];
            struct dr_column *a = cut_randomly(&seed, texts(DR_TYPE_STRING, few_sizes[s], values));
            struct dr_column *b = cut_randomly(&seed, texts(DR_TYPE_DICT, few_sizes[s], values));
            struct dr_column *x = NULL, *y = NULL;
            uint8_t refused_a[25] = { 0 }, refused_b[25] = { 0 };
            assert_int_equal(dr_column_cast(a, type, refused_a, &x, NULL), DR_OK);
            assert_int_equal(dr_column_cast(b, type, refused_b, &y, NULL), DR_OK);
            check_column(x);
            check_column(y);
            assert_memory_equal(refused_a, refused_b, sizeof refused_a);
            for (int64_t i = 0; i < few_sizes[s]; i++) {
                assert_true(same_cell(x, i, y, i));
                assert_int_equal(dr_bit(refused_a, i), is_null(x, i) && values[i]);
            }
            dr_column_unref(a);
            dr_column_unref(b);
            dr_column_unref(x);
            dr_column_unref(y);
        }
}

static void nulls_cast_to_nulls_of_any_type(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int32_t type = DR_TYPE_BOOL; type < N_TYPES; type++) {
        struct dr_column *c = few_column(&seed, DR_TYPE_NULL, 9), *to = NULL;
        uint8_t refused[2];
        assert_int_equal(dr_column_cast(c, type, refused, &to, NULL), DR_OK);
        check_column(to);
        assert_int_equal(to->nulls, 9);
        assert_int_equal(refused[0] | refused[1], 0);
        dr_column_unref(c);
        dr_column_unref(to);
    }
}

static void a_cast_to_its_own_type_is_the_column_itself(void **state)
{
    (void)state;
    uint64_t seed = 4;
    struct dr_column *c = few_column(&seed, DR_TYPE_INT64, 9), *to = NULL;
    uint8_t refused[2] = { 0xff, 0xff };
    assert_int_equal(dr_column_cast(c, DR_TYPE_INT64, refused, &to, NULL), DR_OK);
    assert_ptr_equal(c, to);
    assert_int_equal(refused[0] | refused[1], 0);
    dr_column_unref(c);
    dr_column_unref(to);
}

static void decimals_rescale_without_losing_digits(void **state)
{
    (void)state;
    dr_int128 v;
    assert_true(dr_decimal_rescale(150, 2, 1, &v));
    assert_true(v == 15);
    assert_false(dr_decimal_rescale(155, 2, 1, &v));
    assert_true(dr_decimal_rescale(-7, 0, 3, &v));
    assert_true(v == -7000);
    assert_false(dr_decimal_rescale(7, 0, 38, &v));
    assert_true(dr_decimal_rescale(0, 0, 1000, &v));
    assert_false(dr_decimal_rescale(1, 0, 1000, &v));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_spells_integers_exactly),
        cmocka_unit_test(text_spells_floats_without_specials),
        cmocka_unit_test(text_spells_booleans),
        cmocka_unit_test(text_spells_dates_and_times),
        cmocka_unit_test(text_spells_decimals_digit_by_digit),
        cmocka_unit_test(a_decimal_column_takes_the_largest_scale_of_its_values),
        cmocka_unit_test(times_without_offset_are_refused_beside_times_with_one),
        cmocka_unit_test(values_that_no_row_uses_have_no_say),
        cmocka_unit_test(numbers_convert_only_where_nothing_is_lost),
        cmocka_unit_test(dates_and_midnights_are_each_other),
        cmocka_unit_test(types_that_do_not_meet_are_an_error),
        cmocka_unit_test(every_type_survives_text),
        cmocka_unit_test(codes_cast_as_their_text_does),
        cmocka_unit_test(nulls_cast_to_nulls_of_any_type),
        cmocka_unit_test(a_cast_to_its_own_type_is_the_column_itself),
        cmocka_unit_test(decimals_rescale_without_losing_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
