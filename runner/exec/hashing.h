/* hashing.h - the hash of a large file, made while somebody else reads it. Layer: exec. */
#ifndef DR_HASHING_H
#define DR_HASHING_H
#include "base/hash.h"

struct dr_hashing;
/* Begin on a thread of its own; NULL where the file is none, or so small that it does not pay, or
 * the system gives no thread. */
struct dr_hashing *dr_hashing_start(const char *path);
/* Wait for what dr_hash_file gives; frees h. Who does not ask leaves the thread to the end of the
 * process. */
DR_CHECK int32_t dr_hashing_finish(struct dr_hashing *h, char ret[DR_HASH_HEX], uint64_t *ret_size,
                                   struct dr_err *err);
#endif
