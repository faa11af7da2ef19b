/* input.h - where the text of a CSV or JSON file comes from: a file, a pipe, standard
 * input or memory, compressed or not; always as UTF-8. Layer: data. */
#ifndef DR_INPUT_H
#define DR_INPUT_H
#include "data/codec.h"
#include "data/encoding.h"
#include "data/input_hash.h"

enum { DR_INPUT_HEAD = 8192 }; /* bytes looked at before anything is read */

struct dr_input {
    char *name; /* owned: how messages call it */
    int fd;     /* -1: bytes */
    bool owns_fd;
    bool seekable;   /* read_at works: UTF-8 in a regular file or in memory */
    bool repeatable; /* opening it again gives the same bytes: a regular file, memory */
    bool ended;
    struct dr_str bytes;          /* borrowed */
    int64_t size;                 /* in bytes, 0 where unknown */
    int64_t at;                   /* expanded bytes taken so far, with the byte order mark */
    struct dr_expander *expander; /* owned; NULL where it is not compressed */
    char *packed;                 /* owned: compressed bytes of a file */
    struct dr_str pending;        /* those that are still to be expanded, in packed or bytes */
    bool pending_last;            /* nothing follows them */
    char *head;                   /* owned: the first bytes of what cannot be read twice */
    size_t head_n;
    struct dr_decoder decoder;
    char *raw;                  /* owned: bytes before decoding */
    struct dr_input_hash *hash; /* owned: of the file, by who reads it; NULL: not wanted */
};

/* encoding may be NULL. Refuses what is not text: NUL bytes in the first
 * DR_INPUT_HEAD bytes, a folder. */
int32_t dr_input_open(struct dr_input *in, const char *path, const char *encoding, struct dr_err *err);
/* bytes are borrowed until close. */
int32_t dr_input_open_bytes(struct dr_input *in, struct dr_str bytes, const char *encoding,
                            struct dr_err *err);
void dr_input_close(struct dr_input *in);
/* Hash the file as it is read, where its bytes are what is read; before the first are. */
void dr_input_hash(struct dr_input *in);
/* The next bytes, at most room (at least 64); *ret_n 0 only at the end. */
int32_t dr_input_read(struct dr_input *in, char *p, size_t room, size_t *ret_n, struct dr_err *err);
/* n bytes from an offset of a seekable input, fewer only at its end. Threads may call it at once. */
int32_t dr_input_read_at(const struct dr_input *in, int64_t offset, char *p, size_t n, size_t *ret_n,
                         struct dr_err *err);
/* A thread's copy of a range of a seekable input. */
struct dr_input_range {
    char *p; /* owned */
    size_t n, cap;
};
/* n bytes from an offset, fewer only at the input's end, and so many zeros after them. */
int32_t dr_input_read_range(const struct dr_input *in, int64_t offset, size_t n, size_t zeros,
                            struct dr_input_range *ret, struct dr_err *err);
/* Whether the file still has the size it had at the start. */
int32_t dr_input_check_size(const struct dr_input *in, struct dr_err *err);
#endif
