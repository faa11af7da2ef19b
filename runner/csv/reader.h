/* reader.h - the CSV reader from within: what read.c and round.c
 * share, and the sizes that tests and benchmarks choose. Everybody else calls
 * dr_csv_open. Layer: csv. */
#ifndef DR_CSV_READER_H
#define DR_CSV_READER_H
#include "csv/piece.h"
#include "csv/types.h"
#include "data/input.h"
#include "data/stream.h"

struct dr_csv_tuning {
    enum dr_csv_path path;
    enum dr_isa isa;
    size_t piece;         /* bytes read at a time */
    size_t block;         /* bytes of it parsed at a time: what stays in a core's own cache */
    int64_t window_rows;  /* after so many rows each column's type is decided, */
    int64_t window_bytes; /* or after so many bytes, whichever comes first */
    int32_t round;        /* pieces that the pool's threads read at once */
    int64_t large;        /* bytes of input from which arrays lie in blocks, see dr_bulk */
};
struct dr_csv_tuning dr_csv_tuning_default(void); /* what dr_csv_open uses */

/* A thread's tools and the text it reads with them. */
struct dr_csv_ranger {
    struct dr_csv_worker tools;
    struct dr_input_range text;
};

struct dr_csv_reader {
    struct dr_reader base;
    struct dr_input in;
    struct dr_csv_format format;
    struct dr_csv_tuning tuning;
    struct dr_rejects *rejects; /* borrowed, may be NULL */
    struct dr_csv_types *types; /* what columns are read as; borrowed, or: */
    struct dr_csv_types own_types;

    char *buf; /* owned: text in sequence; what is not yet used lies in [at, have) */
    size_t cap, at, have;
    int64_t offset;   /* in the input, of buf[at]; of the next range in rounds */
    int64_t expected; /* rounds: where the next record starts */

    struct dr_csv_ranger *rangers; /* owned; the first also reads in sequence */
    int32_t rangers_n;
    struct dr_dict **dicts; /* owned references; NULL where the column is no DICT */

    struct dr_csv_unit **queue; /* owned: settled, not yet given out */
    int32_t queue_n, queue_cap;
    int64_t queue_rows;
    int64_t lines;        /* line ends before the next unit */
    bool decided;         /* the types of the columns are final */
    bool rounds;          /* the rest is read in rounds */
    bool drained;         /* nothing is left to read */
    bool given;           /* a batch has been given out */
    struct dr_err failed; /* what ended the reading; again for whoever asks again */
};

/* Settle a unit, whose lines and rows follow all before it, and queue it.
 * Takes it over. Fails where the unit did. */
int32_t dr_csv_accept(struct dr_csv_reader *r, struct dr_csv_unit *u, struct dr_err *err);
/* Read the next ranges of a seekable input with all threads and accept them. */
int32_t dr_csv_round(struct dr_csv_reader *r, struct dr_err *err);

/* Takes over the input, also where it fails; tuning is copied. types (may be NULL)
 * is borrowed and holds what is known of the columns, before and after. */
int32_t dr_csv_open_input(struct dr_input *in, const struct dr_csv_options *opts,
                          const struct dr_csv_tuning *tuning, struct dr_csv_types *types,
                          struct dr_rejects *rejects, struct dr_reader **ret, struct dr_err *err);
/* Read all of an input into a table. open gives the input anew, since what is
 * found too late about types makes the file be read again. */
struct dr_csv_source {
    int32_t (*open)(const struct dr_csv_source *s, struct dr_input *ret, struct dr_err *err);
    const char *path; /* or: */
    struct dr_str bytes;
    const char *encoding; /* may be NULL */
};
int32_t dr_csv_read_source(const struct dr_csv_source *s, const struct dr_csv_options *opts,
                           const struct dr_csv_tuning *tuning, struct dr_table **ret,
                           struct dr_table **ret_rejects, struct dr_err *err);
#endif
