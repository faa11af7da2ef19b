/* test_csv_typed.c - columns read as a type hold what a cast of their text
 * holds, however the text is cut up and whatever the machine can do. */
#include <stdlib.h>
#include "test_csv.h"
#include "data/pool.h"
#include "data/refused.h"

static uint64_t seed;

static size_t random_below(size_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (size_t)(seed % n);
}

static struct dr_csv_options options(void)
{
    return (struct dr_csv_options){ .size = sizeof(struct dr_csv_options) };
}

static void read_text(struct dr_str text, const struct dr_csv_options *opts,
                      const struct dr_csv_tuning *tuning, struct dr_table **ret)
{
    struct dr_err err = { 0 };
    struct dr_csv_source source = { .open = open_bytes, .bytes = text };
    if (dr_csv_read_source(&source, opts, tuning, ret, NULL, &err))
        fail_msg("%s", err.msg);
}

/* As read_text, with the sizes of dr_csv_open. */
static struct dr_table *read_string(const char *text, const struct dr_csv_options *opts)
{
    struct dr_csv_tuning tuning = dr_csv_tuning_default();
    struct dr_table *t;
    read_text(dr_str_of(text), opts, &tuning, &t);
    return t;
}

static void assert_text(const struct dr_table *t, int32_t c, int64_t row, const char *expected)
{
    DR_AUTO_BUF shown = { 0 };
    int32_t hint = 0;
    int64_t i;
    const struct dr_array *a = dr_column_at(t->columns[c], row, &hint, &i);
    if (dr_array_valid(a, i))
        dr_array_put_text(a, i, &shown);
    else
        dr_buf_puts(&shown, "~");
    assert_string_equal(dr_buf_cstr(&shown), expected);
}

static void assert_refused(const struct dr_table *t, int32_t c, int64_t row, const char *expected)
{
    int64_t n = 0;
    const char *p = dr_column_refused_text(t->columns[c], row, &n);
    assert_non_null(p);
    assert_int_equal(n, strlen(expected));
    assert_memory_equal(p, expected, n);
}

/* ---- the same as a cast ---------------------------------------------------------- */

/* Digits, points, signs, and now and then anything else. */
static void put_number(struct dr_buf *out)
{
    static const char often[] = "0123456789012345678901234567890123456789..-+e";
    static const char seldom[] = "E /:,x\xC3\xA9";
    if (random_below(10) == 0)
        dr_buf_puts(out, random_below(2) ? "-" : "+");
    for (size_t n = random_below(random_below(8) ? 9 : 24); n > 0; n--) {
        char c = random_below(60) ? often[random_below(random_below(6) ? 40 : sizeof often - 1)]
                                  : seldom[random_below(4)];
        dr_buf_putc(out, c == ',' ? '.' : c);
    }
}

static void put_date(struct dr_buf *out)
{
    static const char *const years[] = { "2024", "1899", "1900", "2099", "2100",
                                         "0001", "9999", "0000", "20:4" };
    static const char *const others[] = { "2024-1-1", "2024/01/01", "2024-01-011", "",
                                          "x",        "2024-01-0:", "2024-02-30" };
    if (random_below(12) == 0)
        dr_buf_puts(out, others[random_below(7)]);
    else
        dr_buf_printf(out, "%s-%02zu-%02zu", years[random_below(4) ? 0 : random_below(9)], random_below(14),
                      random_below(33));
}

static void put_time(struct dr_buf *out)
{
    static const char *const ends[] = { "", "", "Z", "+01:00", ".5", ".123456789Z", " ", "Zx" };
    put_date(out);
    if (random_below(10) == 0)
        return;
    dr_buf_puts(out, random_below(8) ? "T" : random_below(2) ? " " : "t");
    dr_buf_printf(out, "%02zu:%02zu", random_below(25), random_below(61));
    if (random_below(10))
        dr_buf_printf(out, ":%02zu", random_below(61));
    dr_buf_puts(out, ends[random_below(random_below(3) ? 3 : 8)]);
}

static void put_bool(struct dr_buf *out)
{
    static const char *const words[] = { "true", "false", "True", "FALSE", "yes",  "N",
                                         "0",    "1",     "2",    "tru",   "truer" };
    dr_buf_puts(out, words[random_below(11)]);
}

static void put_value(struct dr_buf *out, int32_t type)
{
    DR_AUTO_BUF value = { 0 };
    if (random_below(15) == 0)
        dr_buf_puts(&value, random_below(2) ? "" : "NA");
    else if (type == DR_TYPE_BOOL)
        put_bool(&value);
    else if (type == DR_TYPE_DATE)
        put_date(&value);
    else if (type == DR_TYPE_TIMESTAMP)
        put_time(&value);
    else
        put_number(&value);
    bool quoted = random_below(12) == 0;
    dr_buf_printf(out, "%s%s%s", quoted ? "\"" : "", dr_buf_cstr(&value), quoted ? "\"" : "");
}

static const struct dr_csv_type every_type[] = { { "i", DR_TYPE_INT64, 0 },   { "f", DR_TYPE_FLOAT64, 0 },
                                                 { "d", DR_TYPE_DATE, 0 },    { "t", DR_TYPE_TIMESTAMP, 0 },
                                                 { "n", DR_TYPE_DECIMAL, 0 }, { "b", DR_TYPE_BOOL, 0 },
                                                 { "s", DR_TYPE_STRING, 0 } };
enum { EVERY = sizeof every_type / sizeof *every_type };

static void make_text(struct dr_buf *out, size_t rows)
{
    const char *end = random_below(4) ? "\n" : "\r\n";
    for (int c = 0; c < EVERY; c++)
        dr_buf_printf(out, "%s%s", every_type[c].column, c < EVERY - 1 ? "," : end);
    for (size_t row = 0; row < rows; row++) {
        for (int c = 0; c < EVERY; c++) {
            put_value(out, every_type[c].type);
            dr_buf_puts(out, c < EVERY - 1 ? "," : end);
        }
    }
}

/* Refused values are told with their text, and no others. */
static void check_refused(const struct dr_column *got, const struct dr_column *text, const uint8_t *refused)
{
    int64_t n = 0;
    int32_t hint = 0;
    for (int64_t row = 0; row < got->rows; row++) {
        int64_t length = 0, i;
        const char *p = dr_column_refused_text(got, row, &length);
        assert_int_equal(p != NULL, dr_bit(refused, row));
        if (!p)
            continue;
        const struct dr_array *a = dr_column_at(text, row, &hint, &i);
        struct dr_str written = dr_array_str(a, i);
        assert_true(dr_str_eq((struct dr_str){ p, (size_t)length }, written));
        n++;
    }
    assert_int_equal(n, dr_column_refused(got));
}

static void check_column(const struct dr_column *got, const struct dr_column *text, int32_t type)
{
    uint8_t *refused = calloc((size_t)text->rows / 8 + 1, 1), *bits = calloc((size_t)text->rows / 8 + 1, 1);
    struct dr_column *cast;
    DR_AUTO_BUF a = { 0 };
    DR_AUTO_BUF b = { 0 };
    assert_int_equal(dr_column_cast(text, type, refused, &cast, NULL), 0);
    const char *name = "c";
    struct dr_table *expected, *shown;
    assert_int_equal(dr_table_new(1, &name, (const struct dr_column *const *)&cast, &expected, NULL), 0);
    assert_int_equal(dr_table_new(1, &name, &got, &shown, NULL), 0);
    show_table(&a, expected);
    show_table(&b, shown);
    assert_string_equal(dr_buf_cstr(&b), dr_buf_cstr(&a));
    assert_int_equal(got->type, type);
    assert_int_equal(got->nulls, cast->nulls);
    if (got->n) {
        assert_int_equal(got->scale, cast->scale);
        assert_int_equal(got->zoned, cast->zoned);
    }
    check_refused(got, text, refused);
    dr_column_refused_bits(got, bits);
    assert_memory_equal(bits, refused, (text->rows + 7) / 8);
    dr_table_unref(shown);
    dr_table_unref(expected);
    dr_column_unref(cast);
    free(refused);
    free(bits);
}

static void check_typed(struct dr_str text, const struct dr_csv_tuning *tuning)
{
    struct dr_csv_tuning plain = dr_csv_tuning_default();
    struct dr_csv_options opts = options();
    struct dr_table *expected, *got;
    opts.null_values = random_below(3) ? "NA" : "NA\n1\n2024-01-01";
    plain.path = DR_CSV_PATH_LIBCSV;
    read_text(text, &opts, &plain, &expected);
    opts.types = every_type;
    opts.n_types = EVERY;
    read_text(text, &opts, tuning, &got);
    for (int32_t c = 0; c < EVERY; c++)
        check_column(got->columns[c], expected->columns[c], every_type[c].type);
    dr_table_unref(expected);
    dr_table_unref(got);
}

static void check_random(int32_t threads)
{
    static const size_t pieces[] = { 20, 65, 300, 1000, 512 << 10 };
    dr_pool_init(threads);
    for (int i = 0; i < 400; i++) {
        DR_AUTO_BUF text = { 0 };
        struct dr_csv_tuning tuning = dr_csv_tuning_default();
        make_text(&text, random_below(random_below(20) ? 60 : 1500));
        tuning.piece = pieces[random_below(5)];
        tuning.block = pieces[random_below(5)];
        tuning.window_rows = (int64_t)random_below(20);
        tuning.path = random_below(4) ? DR_CSV_PATH_FAST : DR_CSV_PATH_LIBCSV;
        tuning.isa = (enum dr_isa)random_below((size_t)dr_best_isa() + 1);
        tuning.large = random_below(2) ? 0 : INT64_MAX;
        check_typed(dr_buf_str(&text), &tuning);
    }
    dr_pool_done();
}

static void test_every_value_is_what_a_cast_gives_on_one_thread(void **state)
{
    (void)state;
    seed = 11;
    check_random(1);
}

static void test_every_value_is_what_a_cast_gives_on_three_threads(void **state)
{
    (void)state;
    seed = 12;
    check_random(3);
}

static void test_a_piece_of_more_rows_than_a_chunk_wherever_its_values_lie(void **state)
{
    (void)state;
    DR_AUTO_BUF text = { .max = SIZE_MAX / 4 };
    struct dr_csv_tuning tuning = dr_csv_tuning_default();
    seed = 13;
    make_text(&text, DR_CHUNK_ROWS + 3000);
    tuning.piece = 32 << 20;
    for (int large = 0; large < 2; large++) {
        tuning.large = large ? 0 : INT64_MAX;
        check_typed(dr_buf_str(&text), &tuning);
    }
}

/* ---- declared types ------------------------------------------------------------------ */

static void test_declared_columns_have_their_type(void **state)
{
    (void)state;
    struct dr_csv_options opts = options();
    opts.types = every_type;
    opts.n_types = EVERY;
    struct dr_table *t = read_string("i,f,d,t,n,b,s\n-12,36.60,2024-02-29,2024-01-02T03:04:05Z,1.50,true,x\n"
                                     ",,,,,,\n007,1e3,1583-01-01,2024-01-02 03:04Z,-2,F,\"a,b\"\n",
                                     &opts);
    static const char *const first[] = { "-12",  "36.6", "2024-02-29", "2024-01-02T03:04:05Z",
                                         "1.50", "true", "x" };
    static const char *const third[] = { "7",     "1000",  "1583-01-01", "2024-01-02T03:04:00Z",
                                         "-2.00", "false", "a,b" };
    for (int32_t c = 0; c < EVERY; c++) {
        assert_int_equal(t->columns[c]->type, every_type[c].type);
        assert_text(t, c, 0, first[c]);
        assert_text(t, c, 1, "~");
        assert_text(t, c, 2, third[c]);
        assert_int_equal(dr_column_refused(t->columns[c]), 0);
    }
    dr_table_unref(t);
}

static void test_what_does_not_spell_the_type_is_missing_with_its_text(void **state)
{
    (void)state;
    struct dr_csv_type types[] = { { "v", DR_TYPE_FLOAT64, 0 } };
    struct dr_csv_options opts = options();
    opts.types = types;
    opts.n_types = 1;
    opts.null_values = "NA";
    struct dr_table *t = read_string("v\n1\nhigh\n\n\"1,5\"\nNA\n 2\n", &opts);
    assert_int_equal(t->columns[0]->nulls, 5);
    assert_int_equal(dr_column_refused(t->columns[0]), 3);
    assert_refused(t, 0, 1, "high");
    assert_refused(t, 0, 3, "1,5");
    assert_refused(t, 0, 5, " 2");
    int64_t n;
    assert_null(dr_column_refused_text(t->columns[0], 0, &n));
    assert_null(dr_column_refused_text(t->columns[0], 4, &n));
    assert_null(dr_column_refused_text(t->columns[0], 6, &n));
    dr_table_unref(t);
}

static void test_a_missing_value_may_look_like_a_number(void **state)
{
    (void)state;
    struct dr_csv_type types[] = { { "v", DR_TYPE_INT64, 0 } };
    struct dr_csv_options opts = options();
    opts.types = types;
    opts.n_types = 1;
    opts.null_values = "-999";
    struct dr_table *t = read_string("v,w\n5,-999\n-999,1\n-99,2\n", &opts);
    assert_text(t, 0, 1, "~");
    assert_text(t, 0, 2, "-99");
    assert_int_equal(dr_column_refused(t->columns[0]), 0);
    dr_table_unref(t);
}

static void test_a_quoted_empty_field_is_no_number_where_it_is_a_value(void **state)
{
    (void)state;
    struct dr_csv_type types[] = { { "v", DR_TYPE_INT64, 0 } };
    struct dr_csv_options opts = options();
    opts.types = types;
    opts.n_types = 1;
    opts.keep_empty = 1;
    struct dr_table *t = read_string("v,w\n\"\",1\n,1\n", &opts);
    assert_int_equal(dr_column_refused(t->columns[0]), 1);
    assert_refused(t, 0, 0, "");
    dr_table_unref(t);
}

static void check_refusal(const struct dr_csv_type *types, int64_t n, const char *expected)
{
    struct dr_csv_tuning tuning = dr_csv_tuning_default();
    struct dr_csv_options opts = options();
    DR_AUTO_BUF shown = { 0 };
    opts.types = types;
    opts.n_types = n;
    show_csv(&shown, DR_LIT("value,unit\n1,x\n"), &opts, &tuning, false);
    assert_string_equal(dr_buf_cstr(&shown), expected);
}

static void test_a_declaration_must_name_a_column_and_a_type_once(void **state)
{
    (void)state;
    const struct dr_csv_type absent = { "valeu", DR_TYPE_INT64, 0 }, untyped = { "value", DR_TYPE_NULL, 0 };
    const struct dr_csv_type twice[] = { { "value", DR_TYPE_INT64, 0 }, { "value", DR_TYPE_DATE, 0 } };
    check_refusal(&absent, 1,
                  "not found error: memory: a type is declared for column 'valeu', which the header does not "
                  "have; is 'value' meant?\n");
    check_refusal(&untyped, 1,
                  "definition error: memory: a CSV column is declared without its name or as a type that is "
                  "none\n");
    check_refusal(twice, 2, "definition error: memory: column 'value' is declared as int64 and as date\n");
}

/* ---- found too late -------------------------------------------------------------------- */

static struct dr_table *read_late(const char *text, const struct dr_csv_options *opts)
{
    struct dr_csv_tuning tuning = dr_csv_tuning_default();
    struct dr_table *t;
    tuning.window_rows = 2;
    tuning.piece = 8;
    read_text(dr_str_of(text), opts, &tuning, &t);
    return t;
}

static void test_the_scale_of_decimals_is_that_of_the_whole_file(void **state)
{
    (void)state;
    struct dr_csv_type types[] = { { "v", DR_TYPE_DECIMAL, 0 } };
    struct dr_csv_options opts = options();
    opts.types = types;
    opts.n_types = 1;
    struct dr_table *t = read_late("v,w\n1,x\n2.5,x\n3,x\n4,x\n5,x\n6.125,x\n7,x\n", &opts);
    assert_int_equal(t->columns[0]->scale, 3);
    assert_text(t, 0, 0, "1.000");
    assert_text(t, 0, 5, "6.125");
    assert_int_equal(dr_column_refused(t->columns[0]), 0);
    dr_table_unref(t);
}

static void test_one_offset_makes_all_timestamps_instants(void **state)
{
    (void)state;
    struct dr_csv_type types[] = { { "t", DR_TYPE_TIMESTAMP, 0 } };
    struct dr_csv_options opts = options();
    opts.types = types;
    opts.n_types = 1;
    struct dr_table *t = read_late(
        "t,w\n2024-01-01T10:00:00,x\n2024-01-02 10:00,x\n2024-01-03,x\n2024-01-04T00:00:00Z,x\n", &opts);
    assert_true(t->columns[0]->zoned);
    assert_int_equal(dr_column_refused(t->columns[0]), 3);
    assert_refused(t, 0, 1, "2024-01-02 10:00");
    assert_text(t, 0, 3, "2024-01-04T00:00:00Z");
    dr_table_unref(t);
}

/* What a pipe gives comes once. */
static int32_t open_once(const struct dr_csv_source *s, struct dr_input *ret, struct dr_err *err)
{
    int32_t rc = open_bytes(s, ret, err);
    ret->repeatable = false;
    return rc;
}

static void test_what_a_pipe_says_too_late_is_refused(void **state)
{
    (void)state;
    struct dr_csv_tuning tuning = dr_csv_tuning_default();
    struct dr_csv_source source = { .open = open_once };
    struct dr_csv_options opts = options();
    struct dr_table *t, *found;
    DR_AUTO_BUF text = { 0 };
    DR_AUTO_BUF shown = { 0 };
    opts.infer = 1;
    opts.ret_types = &found;
    tuning.window_rows = 2;
    tuning.piece = 8;
    dr_buf_puts(&text, "v,w,late\n");
    for (int i = 0; i < 100; i++)
        dr_buf_puts(&text, i == 90 ? "4.5,x,\"7\"\n" : "1,x,\n");
    source.bytes = dr_buf_str(&text);
    assert_int_equal(dr_csv_read_source(&source, &opts, &tuning, &t, NULL, NULL), 0);
    assert_int_equal(t->columns[0]->type, DR_TYPE_INT64);
    assert_int_equal(dr_column_refused(t->columns[0]), 1);
    assert_refused(t, 0, 90, "4.5");
    show_table(&shown, found);
    assert_non_null(strstr(dr_buf_cstr(&shown), "; 1 value is not that and missing\n"));
    assert_text(t, 2, 90, "7");
    assert_non_null(strstr(dr_buf_cstr(&shown), "late|dict|all values are whole numbers; but the first rows, "
                                                "which decide here, had no value\n"));
    dr_table_unref(found);
    dr_table_unref(t);
}

static void test_all_batches_of_a_stream_have_the_same_types(void **state)
{
    (void)state;
    enum { ROWS = 200000 };
    struct dr_csv_tuning tuning = dr_csv_tuning_default();
    struct dr_csv_options opts = options();
    struct dr_input in;
    struct dr_reader *r;
    struct dr_table *t;
    DR_AUTO_BUF text = { 0 };
    int64_t rows = 0;
    int batches = 0;
    opts.infer = 1;
    tuning.window_rows = 100;
    tuning.piece = 1 << 16;
    dr_buf_puts(&text, "i,d,s\n");
    for (int i = 0; i < ROWS; i++)
        dr_buf_printf(&text, "%d,2024-01-%02d,v%d\n", i, i % 31 + 1, i % 5);
    assert_int_equal(dr_input_open_bytes(&in, dr_buf_str(&text), NULL, NULL), 0);
    assert_int_equal(dr_csv_open_input(&in, &opts, &tuning, NULL, NULL, &r, NULL), 0);
    while (!r->next(r, &t, NULL) && t) {
        assert_int_equal(t->columns[0]->type, DR_TYPE_INT64);
        assert_int_equal(t->columns[1]->type, DR_TYPE_DATE);
        assert_int_equal(t->columns[2]->type, DR_TYPE_DICT);
        assert_int_equal(((const int64_t *)t->columns[0]->chunk[0]->values)[0], rows);
        assert_true(t->rows < 2 * DR_CHUNK_ROWS);
        rows += t->rows;
        batches++;
        dr_table_unref(t);
    }
    assert_int_equal(rows, ROWS);
    assert_true(batches > 2);
    dr_reader_close(r);
}

/* ---- inference ---------------------------------------------------------------------------- */

/* The types and reasons found for the columns of a text, one a line. */
static void check_inferred(const char *text, bool late, bool hide, const char *expected)
{
    struct dr_csv_options opts = options();
    struct dr_table *found, *t;
    DR_AUTO_BUF shown = { 0 };
    opts.infer = 1;
    opts.hide_text = hide;
    opts.ret_types = &found;
    t = late ? read_late(text, &opts) : read_string(text, &opts);
    show_table(&shown, found);
    assert_string_equal(dr_buf_cstr(&shown) + strlen("column|type|reason\n"), expected);
    for (int32_t c = 0; c < t->n; c++)
        assert_int_equal(dr_column_refused(t->columns[c]), 0);
    dr_table_unref(found);
    dr_table_unref(t);
}

static void test_types_are_inferred_where_nothing_is_lost(void **state)
{
    (void)state;
    check_inferred("i,f,d,t,z,b\n1,0.5,2024-01-01,2024-01-01 10:00,2024-01-01T10:00Z,true\n"
                   "-20,7,2024-02-29,2024-01-01,2024-01-01T10:00+01:00,FALSE\n",
                   false, false,
                   "i|int64|all values are whole numbers\n"
                   "f|float64|all values are numbers\n"
                   "d|date|all values are dates\n"
                   "t|timestamp|all values are timestamps without an offset\n"
                   "z|timestamp|all values are timestamps with an offset\n"
                   "b|bool|all values are true or false\n");
}

static void test_codes_stay_text(void **state)
{
    (void)state;
    check_inferred(
        "zip,phone,code,id,flag,none,sum\n"
        "10115,+44,12E4,12345678901234567890,yes,,9007199254740993\n"
        "00501,+45,13E4,12345678901234567891,no,,0.5\n",
        false, false,
        "zip|dict|not all values are whole numbers: '00501', whose zeros in front a number would lose\n"
        "phone|dict|a value is no number, date, timestamp, true or false: '+44', whose plus sign a "
        "number would lose\n"
        "code|dict|a value is no number, date, timestamp, true or false: '12E4'\n"
        "id|dict|a value is no number, date, timestamp, true or false: '12345678901234567890', which "
        "has more digits than a number would keep\n"
        "flag|dict|a value is no number, date, timestamp, true or false: 'yes'\n"
        "none|dict|there is no value to tell\n"
        "sum|dict|not all values are whole numbers: '0.5'\n");
}

static void test_a_later_value_widens_an_inferred_type(void **state)
{
    (void)state;
    check_inferred(
        "a,b,c\n1,1,2024-01-01\n2,2,2024-01-02\n3,3,2024-01-03\n4,4,2024-01-04\n2.5,007,2024-01-05T10:00\n"
        "6,8,2024-01-06\n",
        true, false,
        "a|float64|all values are numbers: '2.5' is not among the whole numbers\n"
        "b|string|not all values are whole numbers: '007', whose zeros in front a number would lose\n"
        "c|timestamp|all values are timestamps without an offset: '2024-01-05T10:00' is not among "
        "the dates\n");
}

static void test_a_column_without_a_value_at_first_gets_its_type_from_later_ones(void **state)
{
    (void)state;
    check_inferred("a,b,c,d\n1,,,\n2,,,\n3,,,\n4,,,\n5,TRUE,x,\n6,false,2,\n", true, false,
                   "a|int64|all values are whole numbers\n"
                   "b|bool|all values are true or false\n"
                   "c|string|a value is no number, date, timestamp, true or false: 'x'\n"
                   "d|dict|there is no value to tell\n");
}

static void test_reasons_do_not_quote_what_may_not_be_shown(void **state)
{
    (void)state;
    check_inferred("a,b\n1,secret\nsecret,2\n", false, true,
                   "a|dict|not all values are whole numbers\n"
                   "b|dict|a value is no number, date, timestamp, true or false\n");
}

static void test_a_declared_type_is_not_inferred(void **state)
{
    (void)state;
    struct dr_csv_type types[] = { { "zip", DR_TYPE_STRING, 0 }, { "v", DR_TYPE_INT64, 0 } };
    struct dr_csv_options opts = options();
    struct dr_table *found;
    DR_AUTO_BUF shown = { 0 };
    opts.infer = 1;
    opts.types = types;
    opts.n_types = 2;
    opts.ret_types = &found;
    struct dr_table *t = read_string("zip,v,w\n10115,1,1\n10116,x,2\n", &opts);
    show_table(&shown, found);
    assert_string_equal(dr_buf_cstr(&shown), "column|type|reason\nzip|string|declared\n"
                                             "v|int64|declared; 1 value is not that and missing\n"
                                             "w|int64|all values are whole numbers\n");
    dr_table_unref(found);
    dr_table_unref(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_value_is_what_a_cast_gives_on_one_thread),
        cmocka_unit_test(test_every_value_is_what_a_cast_gives_on_three_threads),
        cmocka_unit_test(test_a_piece_of_more_rows_than_a_chunk_wherever_its_values_lie),
        cmocka_unit_test(test_declared_columns_have_their_type),
        cmocka_unit_test(test_what_does_not_spell_the_type_is_missing_with_its_text),
        cmocka_unit_test(test_a_missing_value_may_look_like_a_number),
        cmocka_unit_test(test_a_quoted_empty_field_is_no_number_where_it_is_a_value),
        cmocka_unit_test(test_a_declaration_must_name_a_column_and_a_type_once),
        cmocka_unit_test(test_the_scale_of_decimals_is_that_of_the_whole_file),
        cmocka_unit_test(test_one_offset_makes_all_timestamps_instants),
        cmocka_unit_test(test_what_a_pipe_says_too_late_is_refused),
        cmocka_unit_test(test_all_batches_of_a_stream_have_the_same_types),
        cmocka_unit_test(test_types_are_inferred_where_nothing_is_lost),
        cmocka_unit_test(test_codes_stay_text),
        cmocka_unit_test(test_a_later_value_widens_an_inferred_type),
        cmocka_unit_test(test_a_column_without_a_value_at_first_gets_its_type_from_later_ones),
        cmocka_unit_test(test_reasons_do_not_quote_what_may_not_be_shown),
        cmocka_unit_test(test_a_declared_type_is_not_inferred),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
