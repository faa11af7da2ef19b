/* kept.c - see kept.h. The file is Arrow's; what a reader of it looks at to be sure of it is let go too. */
#include "spill/kept.h"
#include <fcntl.h>
#include <unistd.h>
#include "data/column.h"
#include "data/scratch.h"

int32_t dr_kept_open(struct dr_kept *k, const char *folder, struct dr_err *err)
{
    *k = (struct dr_kept){ .fd = -1 };
    DR_TRY(dr_scratch_open(folder, &k->fd, err));
    int fd = fcntl(k->fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return dr_fail_sys(err, "working memory on disk: a temporary file");
    k->writer = dr_arrow_writer_to(fd, "a temporary file");
    return DR_OK;
}

int32_t dr_kept_add(struct dr_kept *k, const struct dr_table *batch, struct dr_err *err)
{
    return k->writer->write(k->writer, batch, err);
}

int32_t dr_kept_end(struct dr_kept *k, struct dr_err *err)
{
    struct dr_writer *w = k->writer;
    k->writer = NULL;
    return w->commit(w, err);
}

/* A reader whose batches are let go as soon as they are there. */
struct brief_reader {
    struct dr_reader reader;
    struct dr_reader *file; /* owned */
};

static int32_t next_brief(struct dr_reader *r, struct dr_table **ret, struct dr_err *err)
{
    struct dr_reader *file = ((struct brief_reader *)r)->file;
    int32_t rc = file->next(file, ret, err);
    if (!rc && *ret)
        dr_table_let_go(*ret);
    return rc;
}

static void close_brief(struct dr_reader *r)
{
    struct brief_reader *b = (struct brief_reader *)r;
    b->file->close(b->file);
    free(b);
}

int32_t dr_kept_read(const struct dr_kept *k, struct dr_reader **ret, struct dr_err *err)
{
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", k->fd);
    return dr_arrow_open(path, ret, err);
}

int32_t dr_kept_map(const struct dr_kept *k, struct dr_table **ret, struct dr_err *err)
{
    struct dr_reader *file;
    DR_TRY(dr_kept_read(k, &file, err));
    struct brief_reader *b = dr_calloc(1, sizeof *b);
    *b = (struct brief_reader){ .reader = { .next = next_brief, .close = close_brief }, .file = file };
    return dr_reader_collect(&b->reader, ret, err);
}

void dr_kept_done(struct dr_kept *k)
{
    if (k->writer)
        k->writer->abort(k->writer);
    if (k->fd >= 0)
        close(k->fd);
    *k = (struct dr_kept){ .fd = -1 };
}
