/* Columns, dictionaries and builders. */
#include "kernel_fixture.h"

static void memory_is_aligned_and_readable_past_its_end(void **state)
{
    (void)state;
    for (size_t n = 0; n < 200; n += 13) {
        struct dr_mem *m = dr_mem_new(n);
        const char *p = m->p;
        assert_int_equal((uintptr_t)p % 64, 0);
        for (size_t i = n; i < n + 32; i++)
            assert_int_equal(p[i], 0);
        dr_mem_unref(m);
    }
    dr_mem_unref(NULL);
}

static void types_are_found_by_name_and_alias(void **state)
{
    (void)state;
    for (int32_t type = 0; type < N_TYPES; type++)
        assert_int_equal(dr_type_parse(dr_type_name(type)), type);
    assert_int_equal(dr_type_parse("int"), DR_TYPE_INT64);
    assert_int_equal(dr_type_parse("double"), DR_TYPE_FLOAT64);
    assert_int_equal(dr_type_parse("text"), DR_TYPE_STRING);
    assert_int_equal(dr_type_parse("datetime"), DR_TYPE_TIMESTAMP);
    assert_int_equal(dr_type_parse("Int"), -1);
    assert_string_equal(dr_type_name(99), "unknown");
}

static void bits_are_counted_up_to_any_place(void **state)
{
    (void)state;
    uint64_t seed = 1;
    uint8_t bits[40];
    for (size_t i = 0; i < sizeof bits; i++)
        bits[i] = (uint8_t)random_next(&seed);
    int64_t expected = 0;
    for (int64_t n = 0; n <= 320; n++) {
        assert_int_equal(dr_bits_count(bits, n), expected);
        if (n < 320)
            expected += dr_bit(bits, n);
    }
}

static void a_builder_keeps_values_and_nulls_over_many_chunks(void **state)
{
    (void)state;
    struct dr_builder *b = dr_builder_new(DR_TYPE_STRING);
    int64_t rows = DR_CHUNK_ROWS * 2 + 5;
    for (int64_t i = 0; i < rows; i++) {
        char text[DR_I64_TEXT];
        if (i % 7 == 3)
            dr_builder_append_null(b);
        else
            dr_builder_append_bytes(b, text, (int64_t)dr_format_i64(i, text));
    }
    struct dr_column *c = dr_builder_finish(b);
    check_column(c);
    assert_int_equal(dr_column_rows(c), rows);
    assert_int_equal(dr_column_chunks(c), 3);
    for (int64_t i = 0; i < rows; i += 1001) {
        int64_t v;
        assert_int_equal(is_null(c, i), i % 7 == 3);
        if (i % 7 != 3) {
            assert_true(dr_parse_i64(text_of(c, i), &v));
            assert_int_equal(v, i);
        }
    }
    dr_column_unref(c);
}

static void columns_of_every_type_and_size_hold_their_invariants(void **state)
{
    (void)state;
    uint64_t seed = 2;
    for (int s = 0; s < N_SIZES; s++)
        for (int32_t type = 0; type < N_TYPES; type++) {
            struct dr_column *c = few_column(&seed, type, few_sizes[s]);
            check_column(c);
            assert_int_equal(c->rows, few_sizes[s]);
            assert_int_equal(dr_column_type(c), type);
            dr_column_unref(c);
        }
}

static void an_unfinished_builder_is_freed(void **state)
{
    (void)state;
    struct dr_builder *b = dr_builder_new(DR_TYPE_DICT);
    dr_builder_append_bytes(b, "x", 1);
    dr_builder_append_null(b);
    dr_builder_free(b);
    dr_builder_free(NULL);
}

static void a_dictionary_numbers_texts_by_first_appearance(void **state)
{
    (void)state;
    struct dr_dict *d = dr_dict_new();
    char text[DR_I64_TEXT];
    for (int64_t i = 0; i < 5000; i++) {
        size_t n = dr_format_i64(i, text);
        assert_int_equal(dr_dict_put(d, (struct dr_str){ text, n }), i);
    }
    for (int64_t i = 4999; i >= 0; i--) {
        size_t n = dr_format_i64(i, text);
        assert_int_equal(dr_dict_put(d, (struct dr_str){ text, n }), i);
        assert_int_equal(dr_dict_find(d, (struct dr_str){ text, n }), i);
    }
    assert_int_equal(dr_dict_find(d, DR_LIT("none")), -1);
    assert_int_equal(dr_dict_find(d, DR_LIT("")), -1);
    assert_int_equal(dr_dict_put(d, DR_LIT("")), 5000);
    assert_int_equal(dr_dict_find(d, (struct dr_str){ NULL, 0 }), 5000);
    dr_dict_unref(d);
}

static void a_dictionary_filled_from_outside_can_be_searched_and_grown(void **state)
{
    (void)state;
    struct dr_dict *d = dr_dict_new();
    d->n = d->cap = 2;
    d->values = dr_malloc(2 * sizeof *d->values);
    d->values[0] = DR_LIT("left");
    d->values[1] = DR_LIT("right");
    assert_int_equal(dr_dict_find(d, DR_LIT("right")), 1);
    assert_int_equal(dr_dict_put(d, DR_LIT("left")), 0);
    assert_int_equal(dr_dict_put(d, DR_LIT("up")), 2);
    assert_int_equal(dr_dict_find(d, DR_LIT("up")), 2);
    dr_dict_unref(d);
}

static void text_becomes_codes_of_the_same_text(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int s = 0; s < N_SIZES; s++) {
        struct dr_column *c = few_column(&seed, DR_TYPE_STRING, few_sizes[s]);
        struct dr_column *d = dr_column_dict(c);
        struct dr_column *same = dr_column_dict(d);
        check_column(d);
        assert_int_equal(d->type, DR_TYPE_DICT);
        assert_int_equal(first_difference(c, d), -1);
        assert_ptr_equal(same, d);
        dr_column_unref(c);
        dr_column_unref(d);
        dr_column_unref(same);
    }
}

static void a_dictionary_is_lent_by_code(void **state)
{
    (void)state;
    static const char *const values[] = { "no", "yes", "no" };
    struct dr_column *c = texts(DR_TYPE_DICT, 3, values);
    int64_t n;
    assert_int_equal(dr_column_dict_size(c), 2);
    const char *p = dr_column_dict_get(c, 1, &n);
    assert_int_equal(n, 3);
    assert_memory_equal(p, "yes", 3);
    assert_null(dr_column_dict_get(c, 2, &n));
    assert_null(dr_column_dict_get(c, -1, &n));
    dr_column_unref(c);
}

static void a_chunk_is_lent_as_arrow_lays_it_out(void **state)
{
    (void)state;
    static const char *const values[] = { "ab", NULL, "c" };
    struct dr_column *c = texts(DR_TYPE_STRING, 3, values);
    struct dr_chunk chunk;
    dr_column_chunk(c, 0, &chunk);
    const int64_t *offsets = chunk.values;
    assert_int_equal(chunk.length, 3);
    assert_int_equal(chunk.null_count, 1);
    assert_int_equal(chunk.validity[0], 5);
    assert_int_equal(offsets[0], 0);
    assert_int_equal(offsets[1], 2);
    assert_int_equal(offsets[2], 2);
    assert_int_equal(offsets[3], 3);
    assert_memory_equal(chunk.bytes, "abc", 3);
    dr_column_unref(c);
}

static void values_are_shown_as_the_csv_writer_shows_them(void **state)
{
    (void)state;
    DR_AUTO_BUF buf = { 0 };
    struct dr_builder *b = dr_builder_new(DR_TYPE_TIMESTAMP);
    dr_builder_set_zoned(b, true);
    dr_builder_append_int(b, 1500000);
    struct dr_column *c = dr_builder_finish(b);
    assert_string_equal(cell_text(c, 0, &buf), "1970-01-01T00:00:01.500000Z");
    dr_column_unref(c);
    b = dr_builder_new(DR_TYPE_DECIMAL);
    dr_builder_set_scale(b, 3);
    const int64_t decimal[2] = { -5, -1 };
    dr_builder_append_bytes(b, (const char *)decimal, 16);
    c = dr_builder_finish(b);
    assert_string_equal(cell_text(c, 0, &buf), "-0.005");
    dr_column_unref(c);
    c = floats(1, (const double[]){ 36.6 });
    assert_string_equal(cell_text(c, 0, &buf), "36.6");
    dr_column_unref(c);
    c = ints(DR_TYPE_BOOL, 1, (const int64_t[]){ 1 });
    assert_string_equal(cell_text(c, 0, &buf), "true");
    dr_column_unref(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_aligned_and_readable_past_its_end),
        cmocka_unit_test(types_are_found_by_name_and_alias),
        cmocka_unit_test(bits_are_counted_up_to_any_place),
        cmocka_unit_test(a_builder_keeps_values_and_nulls_over_many_chunks),
        cmocka_unit_test(columns_of_every_type_and_size_hold_their_invariants),
        cmocka_unit_test(an_unfinished_builder_is_freed),
        cmocka_unit_test(a_dictionary_numbers_texts_by_first_appearance),
        cmocka_unit_test(a_dictionary_filled_from_outside_can_be_searched_and_grown),
        cmocka_unit_test(text_becomes_codes_of_the_same_text),
        cmocka_unit_test(a_dictionary_is_lent_by_code),
        cmocka_unit_test(a_chunk_is_lent_as_arrow_lays_it_out),
        cmocka_unit_test(values_are_shown_as_the_csv_writer_shows_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
