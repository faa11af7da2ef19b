/* stream.h - tables in pieces: what is too large to hold is read and written
 * batch by batch. Layer: data.
 *
 * A batch is a struct dr_table of at most a few chunks. Batches of one stream
 * share column names and types; DICT columns of one stream share one
 * dictionary, which only grows. */
#ifndef DR_STREAM_H
#define DR_STREAM_H
#include "base/hash.h"
#include "data/column.h"

struct dr_reader {
    /* The next batch (one reference) or NULL at the end. */
    int32_t (*next)(struct dr_reader *r, struct dr_table **ret, struct dr_err *err);
    void (*close)(struct dr_reader *r); /* frees r */
    /* Bytes read and in all (0 where unknown), for progress. */
    int64_t done, total;
    int64_t rows; /* read in those bytes: some may not have been given out yet */
    /* The hash of the file, after the last batch; false where it is not known. NULL: it never will be. */
    bool (*hash)(struct dr_reader *r, char ret[DR_HASH_HEX]);
};
/* Records kept aside by a forgiving read: line, reason and text. */
struct dr_rejects {
    struct dr_builder *line, *reason, *text; /* owned; NULL until the first */
    int64_t n;
    bool only_first; /* the others are counted and not kept */
};
void dr_rejects_add(struct dr_rejects *r, int64_t line, const char *reason, struct dr_str text);
void dr_rejects_clear(struct dr_rejects *r);
/* The table of them (never NULL; columns line, reason, text) ; empties r. */
int32_t dr_rejects_finish(struct dr_rejects *r, struct dr_table **ret, struct dr_err *err);
/* See dr_csv_options in dagrun/table.h. rejects is borrowed, may be NULL. */
int32_t dr_csv_open(const char *path, const struct dr_csv_options *opts, struct dr_rejects *rejects,
                    struct dr_reader **ret, struct dr_err *err);
/* The same, with its hash where the file is read as it lies there. */
int32_t dr_csv_open_hashed(const char *path, const struct dr_csv_options *opts, struct dr_rejects *rejects,
                           struct dr_reader **ret, struct dr_err *err);
/* See dr_json_options in dagrun/table.h; what opts points to must live as long as
 * the reader. Child tables are passed over: they need dr_table_read_json. */
int32_t dr_json_open(const char *path, const struct dr_json_options *opts, struct dr_rejects *rejects,
                     struct dr_reader **ret, struct dr_err *err);
/* The same, where a value of a file that does not fit the columns found in its first infer_bytes is not set
 * aside: reading ends with DR_ECANCEL, and may be tried again with more of them. */
int32_t dr_json_open_sure(const char *path, const struct dr_json_options *opts, struct dr_rejects *rejects,
                          struct dr_reader **ret, struct dr_err *err);
/* Of a JSON reader: the columns that hold scalars of several kinds, in the arena, NULL-terminated; NULL:
 * there are none. */
const char *const *dr_json_mixed(const struct dr_reader *r, struct dr_arena *a);
/* "-": standard input, copied where it is a pipe. */
int32_t dr_arrow_open(const char *path, struct dr_reader **ret, struct dr_err *err);
void dr_reader_close(struct dr_reader *r); /* NULL is fine */
/* All batches as one table; closes r. */
int32_t dr_reader_collect(struct dr_reader *r, struct dr_table **ret, struct dr_err *err);

struct dr_writer {
    int32_t (*write)(struct dr_writer *w, const struct dr_table *batch, struct dr_err *err);
    int32_t (*commit)(struct dr_writer *w, struct dr_err *err); /* whole file in place; frees w */
    void (*abort)(struct dr_writer *w);                         /* nothing remains; frees w */
};
/* Write t and commit, or nothing; frees w. */
int32_t dr_writer_finish_with(struct dr_writer *w, const struct dr_table *t, struct dr_err *err);
/* The schema is that of the first batch; a file without batches cannot be
 * committed, so write an empty table to say its columns. */
int32_t dr_csv_writer(const char *path, struct dr_writer **ret, struct dr_err *err);
int32_t dr_json_writer(const char *path, struct dr_writer **ret, struct dr_err *err); /* lines */
int32_t dr_arrow_writer(const char *path, struct dr_writer **ret, struct dr_err *err);
/* An Arrow file into one that is open; takes fd over. name is for messages. */
struct dr_writer *dr_arrow_writer_to(int fd, const char *name);
#endif
