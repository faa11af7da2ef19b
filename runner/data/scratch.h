/* scratch.h - working memory of the kernels, which beyond a set limit lies in
 * temporary files. Layer: data.
 *
 * What a kernel needs besides its input and its result (partitioned keys, group
 * numbers, values laid out by group) is taken from here. Blocks in memory use
 * huge pages. Where the blocks in use would exceed the limit, a block is a file
 * in the scratch folder, mapped: its space is reserved when it is made, so a
 * full disk is an error and not a crash, and its name is gone at once, so it
 * never outlives the process. */
#ifndef DR_SCRATCH_H
#define DR_SCRATCH_H
#include <stdatomic.h>
#include <stdbool.h>
#include "base/mem.h"

struct dr_scratch {
    void *p;
    size_t n;
    int32_t kind;            /* how it was made */
    atomic_size_t unsettled; /* on disk: bytes touched since the last settling */
};
/* n bytes, aligned to 64, their contents undefined. On failure s is empty; dr_scratch_done is
 * safe either way. */
DR_CHECK int32_t dr_scratch_get(struct dr_scratch *s, size_t n, struct dr_err *err);
void dr_scratch_done(struct dr_scratch *s); /* safe on a zeroed one */
/* Whether n bytes more would be in memory: where not, whoever is about to write all
 * over a block had better write to fewer places at a time. */
bool dr_scratch_fits(size_t n);
/* About n bytes of s were touched: a block on disk gives its pages back every
 * now and then. Any thread, while others use s. */
void dr_scratch_touched(struct dr_scratch *s, size_t n);

/* Working memory that all kernels together may hold: bytes, 0 for no limit. Until it
 * is set, DAGRUN_MEMORY_LIMIT says ("512M"), and without it there is none. */
void dr_scratch_set_limit(uint64_t bytes);
/* That limit; fails where the variable is no size. */
DR_CHECK int32_t dr_scratch_limit(uint64_t *ret, struct dr_err *err);
/* Where files go; NULL: TMPDIR, or /tmp. Copied. Not while kernels run. */
void dr_scratch_set_folder(const char *path);
/* A file in that folder, or in another one, that has no name. */
DR_CHECK int32_t dr_scratch_open(const char *other, int *ret_fd, struct dr_err *err);
/* All n bytes to or from a place in such a file. */
DR_CHECK int32_t dr_scratch_write(int fd, int64_t at, const void *p, size_t n, struct dr_err *err);
DR_CHECK int32_t dr_scratch_read(int fd, int64_t at, void *p, size_t n, struct dr_err *err);
/* Bytes that went to files so far, for accounts and tests. */
uint64_t dr_scratch_spilled(void);
#endif
