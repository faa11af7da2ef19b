/* parse.h - one CSV record at a time, as libcsv sees it. Layer: csv.
 *
 * This is what a CSV means in dagrun; every other way of reading one must
 * agree with it. RFC 4180, strictly: a quote may stand at the start of a field,
 * doubled inside a quoted field, and at its end, nowhere else. A record ends
 * with LF, CR LF or CR outside quotes. Spaces belong to the field. */
#ifndef DR_CSV_PARSE_H
#define DR_CSV_PARSE_H
#include "base/str.h"

#define DR_CSV_SLACK 64 /* bytes that must be readable past every text given or lent here */

struct dr_csv_field {
    struct dr_str text; /* without quotes; lent until the next record */
    bool quoted;        /* told only of an empty field */
};
enum dr_csv_outcome {
    DR_CSV_RECORD,
    DR_CSV_BLANK, /* a line with nothing on it */
    DR_CSV_MORE,  /* the bytes end before the record does, and more may come */
    DR_CSV_LONG,  /* the record is longer than the limit, whatever follows */
    DR_CSV_BAD    /* a rule of RFC 4180 is broken at bad_at */
};
struct dr_csv_record {
    enum dr_csv_outcome outcome;
    size_t bytes;                      /* taken, with the line end; 0 where there is no record */
    size_t text_bytes;                 /* without the line end */
    int32_t n;                         /* fields; RECORD only */
    const struct dr_csv_field *fields; /* lent until the next record */
    size_t bad_at;                     /* offset of the byte to point at; BAD only */
    const char *reason;                /* BAD only; static */
};

struct dr_csv_parser;
/* max_record: bytes of a record without its line end. */
struct dr_csv_parser *dr_csv_parser_new(char delimiter, char quote, int64_t max_record);
void dr_csv_parser_free(struct dr_csv_parser *ps); /* NULL is fine */
/* The record that starts at p[0]; n > 0. `end` says that nothing follows p[n - 1].
 * Any outcome but MORE depends on max_record + 2 bytes at most, so it is the
 * same however much more was read. */
void dr_csv_parse_record(struct dr_csv_parser *ps, const char *p, size_t n, bool end,
                         struct dr_csv_record *ret);

/* How many line ends (LF, CR LF, CR) lie in p[0, n). */
int64_t dr_csv_count_lines(const char *p, size_t n);
/* The length of the line at p, and in *ret_end (may be NULL) that of its end: 0 where it has none. */
size_t dr_csv_line_length(const char *p, size_t n, size_t *ret_end);
#endif
