/* csv_scan.h - where the separators of a piece of CSV lie. Layer: data.
 *
 * The scan looks at 64 bytes at a time and knows only delimiters, line ends and
 * quotes. It proves as it goes that libcsv would see the same separators; where
 * it cannot, `odd` is set and its answer must not be used. */
#ifndef DR_CSV_SCAN_H
#define DR_CSV_SCAN_H
#include "base/str.h"

struct dr_csv_index {
    /* Owned: offsets of delimiters and LFs outside quotes. at[0] is one less
     * than the offset of the first field (so 2^32 - 1), at[1] to at[n] follow. */
    uint32_t *at;
    size_t n, cap;
    size_t line_ends;       /* LFs among them */
    size_t inner_line_ends; /* LFs, CR LFs and CRs inside quotes */
    bool quotes;            /* there is a quote */
    bool doubled;           /* there is a doubled one inside quotes */
    bool returns;           /* there is a CR outside quotes, each followed by an LF */
    bool high;              /* there are bytes that may not be UTF-8 */
    bool open;              /* the text ends inside quotes */
    bool odd;               /* a stray quote, a CR without LF, a NUL */
};
enum dr_csv_isa { DR_CSV_SCALAR, DR_CSV_SSE2, DR_CSV_AVX2, DR_CSV_AVX512 };
/* Compile a function for DR_CSV_AVX2, with the bit instructions of the same generation. */
#if defined(__x86_64__)
#define DR_CSV_AVX2_CODE __attribute__((target("avx2,bmi,bmi2,popcnt,pclmul")))
/* For DR_CSV_AVX512, which compresses bytes by a mask (VBMI2). */
#define DR_CSV_AVX512_CODE                                                                                   \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi2,avx2,bmi,bmi2,popcnt,pclmul")))
#else
#define DR_CSV_AVX2_CODE
#endif
enum dr_csv_isa dr_csv_best_isa(void); /* what this machine can do */
/* p[0] starts a record; 64 bytes past p + n are readable; n < 2^31. */
void dr_csv_scan(enum dr_csv_isa isa, const char *p, size_t n, char delimiter, char quote,
                 struct dr_csv_index *ret);
void dr_csv_index_done(struct dr_csv_index *index);
#endif
