/* msg.h - what a worker tells the runner: framed messages over a pipe.
 * Layer: exec.
 *
 * A frame is a header of two little-endian uint32_t (type, payload bytes) and
 * the payload: integers and doubles of 8 bytes, texts as a uint32_t length, the
 * bytes and a NUL (length DR_MSG_NULL: no text). The reader trusts nothing: sizes,
 * kinds, UTF-8, NULs and left-over bytes are checked, since a plugin shares
 * the worker's memory and descriptors and may write anything. */
#ifndef DR_MSG_H
#define DR_MSG_H
#include "state/state.h"

enum dr_msg_type {
    DR_MSG_PROGRESS = 1,
    DR_MSG_METRIC = 2,
    DR_MSG_ACCOUNT = 3,
    DR_MSG_DATASET = 4,
    DR_MSG_RESULT = 5,
    DR_MSG_END = 6,
    DR_MSG_REPORT = 7 /* the run's report is to be written when the run has ended; says nothing more */
};
enum dr_msg_how { DR_END_SUCCESS, DR_END_FAILED, DR_END_FAILED_FINAL, DR_END_SKIPPED };
struct dr_msg {
    enum dr_msg_type type;
    union {
        struct {
            int64_t done, total;
        } progress;
        struct {
            const char *name;
            double value;
        } metric;
        struct {
            const char *dataset, *group, *stage; /* group may be NULL */
            int64_t rows;
        } account;
        struct dr_dataset_record dataset;
        struct dr_result_record result;
        struct {
            enum dr_msg_how how;
            const char *reason; /* or NULL */
            bool has_outputs;   /* work/out is to be put in place */
        } end;
    };
};
#define DR_MSG_MAX ((size_t)16 << 20) /* payload bytes */

/* The worker's end. */
struct dr_msg_writer {
    int fd;            /* owned */
    uint64_t dev, ino; /* of the pipe: a plugin may have closed fd, and something else may be there */
    struct dr_buf frame;
};
int32_t dr_msg_writer_init(struct dr_msg_writer *w, int fd, struct dr_err *err);
void dr_msg_writer_done(struct dr_msg_writer *w);
/* Texts that are not UTF-8 are sent with their bytes made visible. */
int32_t dr_msg_send(struct dr_msg_writer *w, const struct dr_msg *m, struct dr_err *err);

/* The runner's end. */
struct dr_msg_reader {
    struct dr_buf buf;
    size_t at; /* bytes of buf used up */
};
void dr_msg_reader_done(struct dr_msg_reader *r);
/* Fewer bytes than this say that the pipe was emptied. */
#define DR_MSG_FILL_MIN 4096
/* Read once from a non-blocking fd. *ret_n: bytes; 0: nothing now; -1: the end. */
int32_t dr_msg_fill(struct dr_msg_reader *r, int fd, ssize_t *ret_n, struct dr_err *err);
/* The next whole message, false in *ret_any where there is none. Texts live
 * until the next dr_msg_fill. DR_EPLUGIN: the bytes are not messages of ours. */
int32_t dr_msg_next(struct dr_msg_reader *r, struct dr_msg *ret, bool *ret_any, struct dr_err *err);
#endif
