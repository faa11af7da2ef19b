/* test_csv.h - CSV text from memory, read in every way there is. */
#ifndef TEST_CSV_H
#define TEST_CSV_H
#include <stdlib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "csv_show.h"

/* Text and options give exactly `expected`, by either path and however the text is cut up. */
static inline void check_csv_bytes(struct dr_str text, const struct dr_csv_options *opts,
                                   const char *expected)
{
    static const size_t pieces[] = { 512 << 10, 1, 2, 3, 5, 7, 11, 64, 65, 100 };
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        for (int path = DR_CSV_PATH_FAST; path <= DR_CSV_PATH_LIBCSV; path++) {
            for (int isa = DR_ISA_SCALAR; isa <= (int)dr_best_isa(); isa++) {
                DR_AUTO_BUF shown = { 0 };
                struct dr_csv_tuning tuning = dr_csv_tuning_default();
                tuning.path = (enum dr_csv_path)path;
                tuning.isa = (enum dr_isa)isa;
                tuning.piece = pieces[i];
                tuning.block = pieces[(i + 3) % 10];
                show_csv(&shown, text, opts, &tuning, false);
                assert_string_equal(dr_buf_cstr(&shown), expected);
            }
        }
    }
}

static inline void check_csv(const char *text, const struct dr_csv_options *opts, const char *expected)
{
    check_csv_bytes(dr_str_of(text), opts, expected);
}
#endif
