/* fuzz_csv.c - whatever the bytes, every way of reading a CSV gives what libcsv
 * alone gives: the same cells, missing values, line numbers, records kept aside,
 * or the same refusal. So it is for columns read as a declared or inferred type,
 * where libcsv's fields are read by the functions that a cast uses.
 *
 * The first bytes choose the options and how the text is cut up. Linked with
 * libFuzzer this searches; linked with a main that calls it once per file it
 * replays the corpus. */
#include "../unit/csv_show.h"
#include "data/pool.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

enum { CHOICES = 4 };

static struct dr_csv_options choose_options(const uint8_t *data)
{
    static const char delimiters[] = { ',', ';', '\t', ' ' };
    static const int64_t limits[] = { 0, 0, 0, 10, 40, 63, 64, 200 };
    static const char *const encodings[] = { NULL, "utf-8", "latin-1", "utf-16le" };
    return (struct dr_csv_options){ .size = sizeof(struct dr_csv_options),
                                    .forgiving = data[0] & 1,
                                    .keep_empty = data[0] >> 1 & 1,
                                    .no_header = data[0] >> 2 & 1,
                                    .line_column = data[0] & 8 ? "line" : NULL,
                                    .null_values = data[0] & 16 ? "NA\nn/a" : NULL,
                                    .quote = data[0] & 32 ? '\'' : '"',
                                    .delimiter = (uint8_t)delimiters[data[0] >> 6],
                                    .max_record = limits[data[1] & 7],
                                    .max_field = limits[data[1] >> 3 & 7],
                                    .encoding = encodings[data[1] >> 6] };
}

static void show(struct dr_buf *out, struct dr_str text, const struct dr_csv_options *opts,
                 const struct dr_csv_tuning *tuning)
{
    dr_buf_clear(out);
    show_csv(out, text, opts, tuning, false);
}

static bool is_refusal(const struct dr_buf *shown)
{
    return dr_str_starts(dr_buf_str(shown), DR_LIT("input error: ")) ||
           dr_str_starts(dr_buf_str(shown), DR_LIT("limit error: "));
}

/* Where packed text is damaged behind a record that is wrong, which of the two is told depends on how much is
 * unpacked at a time. */
static bool is_packed(struct dr_str text)
{
    return dr_str_starts(text, DR_LIT("\x28\xB5\x2F\xFD")) || dr_str_starts(text, DR_LIT("\x1F\x8B"));
}

static void compare(const struct dr_buf *expected, const struct dr_buf *got, struct dr_str text,
                    const struct dr_csv_tuning *tuning)
{
    if (expected->n == got->n && memcmp(expected->p, got->p, got->n) == 0)
        return;
    if (is_packed(text) && is_refusal(expected) && is_refusal(got))
        return;
    fprintf(stderr, "path %d, instructions %d, pieces of %zu, window %lld, rounds of %d:\n",
            (int)tuning->path, (int)tuning->isa, tuning->piece, (long long)tuning->window_rows,
            (int)tuning->round);
    fprintf(stderr, "expected <<<%s>>>\ngot <<<%s>>>\n", dr_buf_cstr(expected), dr_buf_cstr(got));
    abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    dr_pool_init(3);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t pieces[] = { 1, 3, 16, 63, 64, 100, 300, 4096 };
    if (size < CHOICES)
        return 0;
    struct dr_csv_options opts = choose_options(data);
    struct dr_csv_type type = { "column_1", 1 + (data[3] & 7), 0 };
    opts.infer = data[3] >> 3 & 1;
    opts.types = &type;
    opts.n_types = opts.no_header ? data[3] >> 4 & 1 : 0;
    struct dr_csv_tuning tuning = dr_csv_tuning_default();
    struct dr_str text = { (const char *)data + CHOICES, size - CHOICES };
    DR_AUTO_BUF expected = { 0 };
    DR_AUTO_BUF got = { 0 };
    tuning.path = DR_CSV_PATH_LIBCSV;
    show(&expected, text, &opts, &tuning);
    tuning.path = DR_CSV_PATH_FAST;
    for (int isa = DR_ISA_SCALAR; isa <= (int)dr_best_isa(); isa++) {
        tuning.isa = (enum dr_isa)isa;
        show(&got, text, &opts, &tuning);
        compare(&expected, &got, text, &tuning);
    }
    tuning.piece = pieces[data[2] & 7];
    tuning.block = pieces[data[3] >> 5];
    tuning.window_rows = data[2] >> 3 & 7;
    tuning.round = 1 + (data[2] >> 6);
    tuning.large = size % 4 ? INT64_MAX : 0;
    show(&got, text, &opts, &tuning);
    compare(&expected, &got, text, &tuning);
    tuning.path = DR_CSV_PATH_LIBCSV;
    show(&got, text, &opts, &tuning);
    compare(&expected, &got, text, &tuning);
    return 0;
}
