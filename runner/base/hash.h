/* hash.h - hashing, over xxHash (the only module that includes xxhash.h), and
 * a map from byte strings to integers. Layer: base. */
#ifndef DR_HASH_H
#define DR_HASH_H
#include "base/str.h"

uint64_t dr_hash(const void *p, size_t n); /* XXH3-64, same on every machine */
/* XXH3-128 with a secret that nobody can foresee, so that no file can be made whose texts collide. */
struct dr_hash_secret {
    unsigned char bytes[192];
};
struct dr_hash128 {
    uint64_t low, high;
};
void dr_hash_secret_make(struct dr_hash_secret *ret);
struct dr_hash128 dr_hash_keyed(const struct dr_hash_secret *secret, const void *p, size_t n);
/* XXH3-128 over streamed bytes as 32 hex digits: the content hash of datasets. */
struct dr_hasher;
struct dr_hasher *dr_hasher_new(void);
void dr_hasher_free(struct dr_hasher *h);
void dr_hasher_update(struct dr_hasher *h, const void *p, size_t n);
#define DR_HASH_HEX 33
void dr_hasher_hex(const struct dr_hasher *h, char ret[DR_HASH_HEX]);
void dr_hash_hex(const void *p, size_t n, char ret[DR_HASH_HEX]);
int32_t dr_hash_file(const char *path, char ret[DR_HASH_HEX], uint64_t *ret_size, struct dr_err *err);

/* Open addressing, power-of-two sized; keys are borrowed and must outlive it.
 * A pointer to a value holds until the next put. */
struct dr_map {
    struct dr_map_slot *slots; /* owned */
    size_t cap, n;
};
void dr_map_done(struct dr_map *m);
/* The value of key, or NULL. */
int64_t *dr_map_get(const struct dr_map *m, struct dr_str key);
/* The value of key, added as 0 where it is new (*ret_new, may be NULL). */
int64_t *dr_map_put(struct dr_map *m, struct dr_str key, bool *ret_new);
#endif
