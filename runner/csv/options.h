/* options.h - options and header line to a struct dr_csv_format. Layer: csv. */
#ifndef DR_CSV_OPTIONS_H
#define DR_CSV_OPTIONS_H
#include "csv/cells.h"

/* opts may be NULL, and older than this program (see its size). */
void dr_csv_options_copy(const struct dr_csv_options *opts, struct dr_csv_options *ret);
/* All but the columns. opts is a copy of full size. */
int32_t dr_csv_format_init(struct dr_csv_format *f, const struct dr_csv_options *opts, struct dr_err *err);
/* The columns that a first record names (or, without a header, counts). */
int32_t dr_csv_format_columns(struct dr_csv_format *f, const struct dr_csv_options *opts,
                              const struct dr_csv_record *first, struct dr_err *err);
#endif
