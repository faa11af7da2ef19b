/* The Arrow C Data Interface: tables out, tables in, and streams that lie. */
#include "kernel_fixture.h"

static struct dr_table *round_trip(const struct dr_table *t)
{
    struct ArrowArrayStream stream;
    struct dr_table *back = NULL;
    struct dr_err err = { 0 };
    assert_int_equal(dr_table_export(t, &stream, NULL), DR_OK);
    if (dr_table_import(&stream, &back, &err))
        fail_msg("%s", err.msg);
    assert_null(stream.release);
    return back;
}

static void every_table_comes_back_equal(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int round = 0; round < 3; round++)
        for (int s = 0; s < N_SIZES; s++) {
            struct dr_table *t = few_table(&seed, few_sizes[s]), *back = round_trip(t);
            check_table(back);
            assert_int_equal(back->rows, t->rows);
            assert_int_equal(back->n, t->n);
            for (int32_t i = 0; i < t->n; i++) {
                assert_string_equal(back->names[i], t->names[i]);
                assert_int_equal(back->columns[i]->type, t->columns[i]->type);
                assert_int_equal(back->columns[i]->scale, t->columns[i]->scale);
            }
            for (int64_t row = 0; row < t->rows; row++)
                check_same_row(back, row, t, row);
            dr_table_unref(t);
            dr_table_unref(back);
        }
}

static void zones_and_scales_come_back(void **state)
{
    (void)state;
    uint64_t seed = 2;
    for (int64_t rows = 4; rows < 6; rows++) {
        struct dr_table *t = random_table(&seed, rows), *back = round_trip(t);
        assert_int_equal(column_named(back, "timestamp")->zoned, column_named(t, "timestamp")->zoned);
        for (int32_t i = 0; i < t->n; i++)
            assert_int_equal(first_difference(t->columns[i], back->columns[i]), -1);
        dr_table_unref(t);
        dr_table_unref(back);
    }
}

static void an_exported_batch_outlives_table_and_stream(void **state)
{
    (void)state;
    struct ArrowArrayStream stream;
    struct ArrowArray batch, child;
    struct dr_column *c = ints(DR_TYPE_INT64, 3, (const int64_t[]){ 1, 2, 3 });
    struct dr_table *t = table_of(1, (const char *const[]){ "x" }, &c);
    assert_int_equal(dr_table_export(t, &stream, NULL), DR_OK);
    dr_table_unref(t);
    assert_int_equal(stream.get_next(&stream, &batch), 0);
    stream.release(&stream);
    /* A consumer may move a child out and drop the parent. */
    child = *batch.children[0];
    batch.children[0]->release = NULL;
    batch.release(&batch);
    assert_int_equal(((const int64_t *)child.buffers[1])[2], 3);
    child.release(&child);
    assert_null(child.release);
}

static void a_schema_says_what_the_columns_are(void **state)
{
    (void)state;
    uint64_t seed = 3;
    static const char *const formats[] = { "n", "b", "l", "g", "tdD", "tsu:", "d:38,2", "U", "i" };
    struct dr_table *t = few_table(&seed, 4);
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    assert_int_equal(dr_table_export(t, &stream, NULL), DR_OK);
    assert_int_equal(stream.get_schema(&stream, &schema), 0);
    assert_string_equal(schema.format, "+s");
    assert_int_equal(schema.n_children, N_TYPES + 1);
    for (int32_t type = 0; type < N_TYPES; type++) {
        assert_string_equal(schema.children[type]->format, formats[type]);
        assert_string_equal(schema.children[type]->name, dr_type_name(type));
    }
    assert_string_equal(schema.children[DR_TYPE_DICT]->dictionary->format, "u");
    schema.release(&schema);
    stream.release(&stream);
    dr_table_unref(t);
}

/* ---- a foreign stream of one column and one batch, held on the test's stack ---- */

struct foreign {
    const char *format, *dict_format;
    const char *stream_format; /* NULL: "+s" */
    int64_t n, offset, child_n;
    const void *buffers[3];
    int64_t n_buffers;
    const void *dict_buffers[3];
    int64_t dict_n;
    int fail_next, batches, released;
};

static void drop_schema(struct ArrowSchema *s)
{
    for (int64_t i = 0; i < s->n_children; i++) {
        free(s->children[i]->dictionary);
        free(s->children[i]);
    }
    free(s->children);
    s->release = NULL;
}

static int foreign_schema(struct ArrowArrayStream *s, struct ArrowSchema *out)
{
    const struct foreign *f = s->private_data;
    *out = (struct ArrowSchema){ .format = f->stream_format ? f->stream_format : "+s", .n_children = 1 };
    out->release = drop_schema;
    out->children = calloc(1, sizeof(struct ArrowSchema *));
    out->children[0] = calloc(1, sizeof(struct ArrowSchema));
    out->children[0]->format = f->format;
    out->children[0]->name = "x";
    if (!f->dict_format)
        return 0;
    out->children[0]->dictionary = calloc(1, sizeof(struct ArrowSchema));
    out->children[0]->dictionary->format = f->dict_format;
    return 0;
}

static void drop_array(struct ArrowArray *a)
{
    free(a->children[0]->dictionary);
    free(a->children[0]);
    free(a->children);
    a->release = NULL;
}

static int foreign_next(struct ArrowArrayStream *s, struct ArrowArray *out)
{
    static const void *no_validity[1] = { NULL };
    struct foreign *f = s->private_data;
    *out = (struct ArrowArray){ 0 };
    if (f->fail_next)
        return f->fail_next;
    if (f->batches++)
        return 0;
    *out = (struct ArrowArray){ .length = f->n, .n_buffers = 1, .buffers = no_validity, .n_children = 1 };
    out->release = drop_array;
    out->children = calloc(1, sizeof(struct ArrowArray *));
    out->children[0] = calloc(1, sizeof(struct ArrowArray));
    *out->children[0] = (struct ArrowArray){ .length = f->child_n ? f->child_n : f->n,
                                             .offset = f->offset,
                                             .n_buffers = f->n_buffers ? f->n_buffers : 2,
                                             .buffers = f->buffers };
    if (!f->dict_n)
        return 0;
    out->children[0]->dictionary = calloc(1, sizeof(struct ArrowArray));
    *out->children[0]->dictionary =
        (struct ArrowArray){ .length = f->dict_n, .n_buffers = 3, .buffers = f->dict_buffers };
    return 0;
}

static const char *foreign_error(struct ArrowArrayStream *s)
{
    (void)s;
    return "the disk is gone";
}

static void foreign_release(struct ArrowArrayStream *s)
{
    ((struct foreign *)s->private_data)->released++;
    s->release = NULL;
}

static int32_t import(struct foreign *f, struct dr_table **ret, struct dr_err *err)
{
    struct ArrowArrayStream s = { foreign_schema, foreign_next, foreign_error, foreign_release, f };
    int32_t rc = dr_table_import(&s, ret, err);
    assert_int_equal(f->released, 1);
    return rc;
}

static struct dr_table *import_ok(struct foreign *f)
{
    struct dr_table *t = NULL;
    struct dr_err err = { 0 };
    if (import(f, &t, &err))
        fail_msg("%s", err.msg);
    check_table(t);
    return t;
}

static void refused(struct foreign *f, const char *why)
{
    struct dr_table *t = NULL;
    struct dr_err err = { 0 };
    assert_int_equal(import(f, &t, &err), DR_EINPUT);
    assert_null(t);
    if (!strstr(err.msg, why))
        fail_msg("'%s' does not say '%s'", err.msg, why);
}

static void narrow_integers_are_widened(void **state)
{
    (void)state;
    static const int8_t bytes[] = { 99, -1, 2 };
    static const uint16_t shorts[] = { 65535, 1, 2 };
    static const uint8_t valid[] = { 0x5 };
    struct foreign f = { .format = "c", .n = 2, .offset = 1, .child_n = 2, .buffers = { NULL, bytes } };
    struct dr_table *t = import_ok(&f);
    assert_int_equal(int_of(t->columns[0], 0), -1);
    assert_int_equal(int_of(t->columns[0], 1), 2);
    dr_table_unref(t);
    struct foreign g = { .format = "S", .n = 3, .buffers = { valid, shorts } };
    t = import_ok(&g);
    assert_int_equal(int_of(t->columns[0], 0), 65535);
    assert_true(is_null(t->columns[0], 1));
    dr_table_unref(t);
}

static void floats_text_and_times_of_other_widths_come_in(void **state)
{
    (void)state;
    static const float singles[] = { 1.5F, -2 };
    static const int32_t offsets[] = { 0, 2, 3 };
    static const int64_t seconds[] = { 1, -1 }, millis[] = { 86400000, 0 };
    struct foreign f = { .format = "f", .n = 2, .buffers = { NULL, singles } };
    struct dr_table *t = import_ok(&f);
    assert_true(float_of(t->columns[0], 1) == -2);
    dr_table_unref(t);
    struct foreign g = { .format = "u", .n = 2, .n_buffers = 3, .buffers = { NULL, offsets, "abc" } };
    t = import_ok(&g);
    assert_true(dr_str_eq(text_of(t->columns[0], 0), DR_LIT("ab")));
    dr_table_unref(t);
    struct foreign h = { .format = "tss:Europe/London", .n = 2, .buffers = { NULL, seconds } };
    t = import_ok(&h);
    assert_true(t->columns[0]->zoned);
    assert_int_equal(int_of(t->columns[0], 1), -1000000);
    dr_table_unref(t);
    struct foreign i = { .format = "tdm", .n = 2, .buffers = { NULL, millis } };
    t = import_ok(&i);
    assert_int_equal(int_of(t->columns[0], 0), 1);
    dr_table_unref(t);
}

static void a_foreign_dictionary_with_repeats_and_nulls_is_made_distinct(void **state)
{
    (void)state;
    static const int16_t indices[] = { 2, 0, 1, 3 };
    static const int32_t offsets[] = { 0, 1, 2, 3, 3 };
    static const uint8_t valid[] = { 0x7 };
    struct foreign f = { .format = "s",
                         .dict_format = "u",
                         .n = 4,
                         .buffers = { NULL, indices },
                         .dict_buffers = { valid, offsets, "aba" },
                         .dict_n = 4 };
    struct dr_table *t = import_ok(&f);
    assert_int_equal(dr_column_dict_size(t->columns[0]), 2);
    assert_true(same_cell(t->columns[0], 0, t->columns[0], 1));
    assert_true(is_null(t->columns[0], 3));
    dr_table_unref(t);
}

static void values_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    static const uint64_t large[] = { UINT64_MAX };
    static const int64_t odd_nanos[] = { 1 }, far[] = { INT64_MAX }, not_midnight[] = { 5 };
    struct foreign f = { .format = "L", .n = 1, .buffers = { NULL, large } };
    refused(&f, "column 'x': the value at 0 of a batch cannot be held as int64");
    struct foreign g = { .format = "tsn:", .n = 1, .buffers = { NULL, odd_nanos } };
    refused(&g, "cannot be held as timestamp");
    struct foreign h = { .format = "tss:", .n = 1, .buffers = { NULL, far } };
    refused(&h, "cannot be held as timestamp");
    struct foreign i = { .format = "tdm", .n = 1, .buffers = { NULL, not_midnight } };
    refused(&i, "cannot be held as date");
}

static void wrong_text_and_indices_are_refused(void **state)
{
    (void)state;
    static const int32_t backwards[] = { 0, 2, 1 }, one[] = { 0, 1 }, index[] = { 1 };
    struct foreign f = { .format = "u", .n = 2, .n_buffers = 3, .buffers = { NULL, backwards, "abc" } };
    refused(&f, "cannot be held as string");
    struct foreign g = { .format = "u", .n = 1, .n_buffers = 3, .buffers = { NULL, one, "\xff" } };
    refused(&g, "cannot be held as string");
    struct foreign h = { .format = "i",
                         .dict_format = "u",
                         .n = 1,
                         .buffers = { NULL, index },
                         .dict_buffers = { NULL, one, "a" },
                         .dict_n = 1 };
    refused(&h, "index 1 in a dictionary of 1 values");
    struct foreign i = { .format = "i", .dict_format = "u", .n = 1, .buffers = { NULL, index } };
    refused(&i, "the dictionary of a batch is missing");
}

static void unknown_formats_and_shapes_are_refused(void **state)
{
    (void)state;
    static const int64_t values[] = { 1 };
    static const char *const formats[] = {
        "e", "z", "+l", "w:16", "tts", "d:50,2", "d:10", "d:10,2,256", ""
    };
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        struct foreign f = { .format = formats[i], .n = 1, .buffers = { NULL, values } };
        refused(&f, "column 'x': Arrow format");
    }
    struct foreign not_struct = { .format = "l", .stream_format = "l", .n = 1, .buffers = { NULL, values } };
    refused(&not_struct, "a table is '+s'");
    struct foreign short_child = { .format = "l", .n = 5, .child_n = 1, .buffers = { NULL, values } };
    refused(&short_child, "a batch of 5 rows has 1 values");
    struct foreign no_buffer = { .format = "l", .n = 1, .n_buffers = 1, .buffers = { NULL } };
    refused(&no_buffer, "its format needs 2");
    struct foreign float_dict = { .format = "i", .dict_format = "g", .n = 1, .buffers = { NULL, values } };
    refused(&float_dict, "with this dictionary is not supported");
}

static void a_stream_that_fails_says_why(void **state)
{
    (void)state;
    struct foreign f = { .format = "l", .fail_next = 5 };
    refused(&f, "reading a batch failed with 5: the disk is gone");
    struct ArrowArrayStream gone = { 0 };
    struct dr_table *t = NULL;
    assert_int_equal(dr_table_import(&gone, &t, NULL), DR_EINPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_table_comes_back_equal),
        cmocka_unit_test(zones_and_scales_come_back),
        cmocka_unit_test(an_exported_batch_outlives_table_and_stream),
        cmocka_unit_test(a_schema_says_what_the_columns_are),
        cmocka_unit_test(narrow_integers_are_widened),
        cmocka_unit_test(floats_text_and_times_of_other_widths_come_in),
        cmocka_unit_test(a_foreign_dictionary_with_repeats_and_nulls_is_made_distinct),
        cmocka_unit_test(values_that_do_not_fit_are_refused),
        cmocka_unit_test(wrong_text_and_indices_are_refused),
        cmocka_unit_test(unknown_formats_and_shapes_are_refused),
        cmocka_unit_test(a_stream_that_fails_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
