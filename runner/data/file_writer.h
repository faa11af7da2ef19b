/* file_writer.h - what writers of text formats share: the file, the columns that every batch must
 * have, and what a failure leaves. Layer: data. */
#ifndef DR_FILE_WRITER_H
#define DR_FILE_WRITER_H
#include "base/file.h"
#include "data/stream.h"

struct dr_file_writer {
    struct dr_writer base;
    const struct dr_file_format *format;
    struct dr_out out;
    char **names; /* owned: the columns of the first batch */
    int32_t columns;
    int32_t rc; /* what failed in a batch: the file cannot be committed */
};
/* A format's own writer starts with a struct dr_file_writer. */
struct dr_file_format {
    size_t size; /* bytes of the format's writer, which are 0 at first */
    /* Before the first batch; it has a column at least, and the names are set. */
    int32_t (*start)(struct dr_file_writer *w, struct dr_err *err);
    int32_t (*batch)(struct dr_file_writer *w, const struct dr_table *t, struct dr_err *err);
    int32_t (*flush)(struct dr_file_writer *w, struct dr_err *err); /* what is not yet in the file */
    void (*done)(struct dr_file_writer *w);                         /* frees what is the format's own */
};
int32_t dr_file_writer_open(const struct dr_file_format *format, const char *path, struct dr_writer **ret,
                            struct dr_err *err);
#endif
