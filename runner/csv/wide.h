/* wide.h - several fields of a column in one step of vector instructions.
 * Layer: csv.
 *
 * They read the usual spellings only, as the functions of spell.h do, and
 * give the same values; for every field they say whether they have read it. */
#ifndef DR_CSV_WIDE_H
#define DR_CSV_WIDE_H
#include "csv/cells.h"

enum { DR_CSV_WIDE = 8 }; /* fields in a group */

/* A column of rows of a run; none of its fields is followed by a CR. */
struct dr_csv_strip {
    const char *p;        /* as in the run */
    const uint32_t *ends; /* the separator after the column's first field; ends[-1] is before it */
    size_t stride;        /* separators of a record */
    int64_t rows;         /* whole groups */
    char separator;       /* what follows each field, but for the last of the text */
    bool quotes;          /* fields may be quoted, in: */
    char quote;           /* none is doubled */
};
/* Whether the separators can be told from what the functions below read. */
bool dr_csv_wide_can(enum dr_isa isa, char delimiter);

/* Read the strip's fields into `to`. Bit k of read[g] is set where field k of group g was
 * read; where it is not, its place in `to` holds anything. `inferred`: only numbers that
 * are written as they would be written again are read. */
void dr_csv_wide_floats(const struct dr_csv_strip *strip, bool inferred, double *to, uint8_t *read);
/* The same for texts of p that are told by two words each: the offset, and 16 * length + tag.
 * Those with another tag are not read. n: whole groups. Where the machine can. */
void dr_csv_wide_tagged_floats(const char *p, const uint32_t *texts, int64_t n, uint32_t tag, double *to,
                               uint8_t *read);
void dr_csv_wide_dates(const struct dr_csv_strip *strip, int32_t *to, uint8_t *read);
#endif
