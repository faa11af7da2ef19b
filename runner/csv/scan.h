/* scan.h - where the separators of a piece of CSV lie. Layer: csv.
 *
 * The scan looks at 64 bytes at a time and knows only delimiters, line ends and
 * quotes. It proves as it goes that libcsv would see the same separators; where
 * it cannot, `odd` is set and its answer must not be used. */
#ifndef DR_CSV_SCAN_H
#define DR_CSV_SCAN_H
#include "base/cpu.h"
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
/* p[0] starts a record; 64 bytes past p + n are readable; n < 2^31. */
void dr_csv_scan(enum dr_isa isa, const char *p, size_t n, char delimiter, char quote,
                 struct dr_csv_index *ret);
void dr_csv_index_done(struct dr_csv_index *index);
#endif
