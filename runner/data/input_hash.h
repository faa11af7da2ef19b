/* input_hash.h - the hash of a file by those who read it, on whatever threads. Layer: data.
 *
 * Reading a file again only to hash it costs as much as the hash. Pieces are hashed in the order of the
 * file: who comes too early tries again later, when the pieces before its own must be at hand. */
#ifndef DR_INPUT_HASH_H
#define DR_INPUT_HASH_H
#include "base/hash.h"

struct dr_input_hash;
/* h may be NULL in all functions: there is nothing to be done then. */
struct dr_input_hash *dr_input_hash_new(void);
void dr_input_hash_free(struct dr_input_hash *h);
/* The bytes of the file from `from` on; those that were hashed before are passed over. False where bytes
 * before them still lack. */
bool dr_input_hash_try(struct dr_input_hash *h, int64_t from, const char *p, size_t n);
/* The same, after waiting for them: another thread must be about to give them. */
void dr_input_hash_wait(struct dr_input_hash *h, int64_t from, const char *p, size_t n);
/* Bytes could not be read: nobody waits for them, and there will be no hash. */
void dr_input_hash_give_up(struct dr_input_hash *h);
/* The hash of a file of so many bytes; false where not all of them came, or h is NULL. */
bool dr_input_hash_hex(struct dr_input_hash *h, int64_t size, char ret[DR_HASH_HEX]);
#endif
