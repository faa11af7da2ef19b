/* hash.c - XXH3 and a map on top of it.
 *
 * xxHash is compiled in (XXH_INLINE_ALL), which for the short keys of a map is
 * several times faster than a call. The map probes linearly at a load of two
 * thirds at most; a slot keeps its key's hash, so that growing hashes nothing
 * again and a lookup compares bytes only where the hash agrees. */
#include "base/hash.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t dr_hash(const void *p, size_t n)
{
    return XXH3_64bits(p, n);
}

void dr_hash_secret_make(struct dr_hash_secret *ret)
{
    for (size_t done = 0; done < sizeof(ret->bytes);) {
        ssize_t n = getrandom(ret->bytes + done, sizeof(ret->bytes) - done, 0);
        done += n > 0 ? (size_t)n : 0;
    }
}

struct dr_hash128 dr_hash_keyed(const struct dr_hash_secret *secret, const void *p, size_t n)
{
    XXH128_hash_t h = XXH3_128bits_withSecret(p, n, secret->bytes, sizeof(secret->bytes));
    return (struct dr_hash128){ h.low64, h.high64 };
}

struct dr_hasher {
    XXH3_state_t *state; /* owned */
};

struct dr_hasher *dr_hasher_new(void)
{
    struct dr_hasher *h = dr_malloc(sizeof(*h));
    h->state = XXH3_createState(); /* wants 64-byte alignment, so it makes its own */
    if (!h->state)
        dr_die_oom(sizeof(XXH3_state_t));
    XXH3_128bits_reset(h->state);
    return h;
}

void dr_hasher_free(struct dr_hasher *h)
{
    if (!h)
        return;
    XXH3_freeState(h->state);
    free(h);
}

void dr_hasher_update(struct dr_hasher *h, const void *p, size_t n)
{
    if (n > 0)
        XXH3_128bits_update(h->state, p, n);
}

static void put_hex(XXH128_hash_t hash, char ret[DR_HASH_HEX])
{
    XXH128_canonical_t bytes;
    XXH128_canonicalFromHash(&bytes, hash);
    for (size_t i = 0; i < sizeof(bytes.digest); i++) {
        ret[2 * i] = "0123456789abcdef"[bytes.digest[i] >> 4];
        ret[2 * i + 1] = "0123456789abcdef"[bytes.digest[i] & 15];
    }
    ret[DR_HASH_HEX - 1] = '\0';
}

void dr_hasher_hex(const struct dr_hasher *h, char ret[DR_HASH_HEX])
{
    put_hex(XXH3_128bits_digest(h->state), ret);
}

void dr_hash_hex(const void *p, size_t n, char ret[DR_HASH_HEX])
{
    put_hex(XXH3_128bits(p, n), ret);
}

static int32_t hash_fd(int fd, const char *path, struct dr_hasher *h, uint64_t *ret_size, struct dr_err *err)
{
    enum { CHUNK = 256 * 1024 };
    DR_AUTO_FREE char *chunk = dr_malloc(CHUNK);
    uint64_t size = 0;
    for (;;) {
        ssize_t n = read(fd, chunk, CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return dr_fail_sys(err, "cannot read '%s'", path);
        if (n == 0)
            break;
        dr_hasher_update(h, chunk, (size_t)n);
        size += (uint64_t)n;
    }
    *ret_size = size;
    return DR_OK;
}

int32_t dr_hash_file(const char *path, char ret[DR_HASH_HEX], uint64_t *ret_size, struct dr_err *err)
{
    DR_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return dr_fail_sys(err, "cannot open '%s'", path);
    struct dr_hasher *h = dr_hasher_new();
    uint64_t size = 0;
    int32_t rc = hash_fd(fd, path, h, &size, err);
    if (!rc) {
        dr_hasher_hex(h, ret);
        if (ret_size)
            *ret_size = size;
    }
    dr_hasher_free(h);
    return rc;
}

/* ---- the map ------------------------------------------------------------------ */

struct dr_map_slot {
    struct dr_str key; /* borrowed; p is NULL in a free slot */
    uint64_t hash;
    int64_t value;
};

void dr_map_done(struct dr_map *m)
{
    free(m->slots);
    *m = (struct dr_map){ 0 };
}

/* The slot that holds key, or the free one where it would go. There is always
 * a free slot, so the search ends. */
static struct dr_map_slot *find_slot(struct dr_map_slot *slots, size_t cap, struct dr_str key, uint64_t hash)
{
    size_t i = (size_t)hash & (cap - 1);
    while (slots[i].key.p && !(slots[i].hash == hash && dr_str_eq(slots[i].key, key)))
        i = (i + 1) & (cap - 1);
    return &slots[i];
}

static void map_grow(struct dr_map *m)
{
    size_t cap = m->cap ? m->cap * 2 : 16;
    struct dr_map_slot *slots = dr_calloc(cap, sizeof(*slots));
    for (size_t i = 0; i < m->cap; i++) {
        if (!m->slots[i].key.p)
            continue;
        size_t to = (size_t)m->slots[i].hash & (cap - 1);
        while (slots[to].key.p)
            to = (to + 1) & (cap - 1);
        slots[to] = m->slots[i];
    }
    free(m->slots);
    m->slots = slots;
    m->cap = cap;
}

int64_t *dr_map_get(const struct dr_map *m, struct dr_str key)
{
    if (m->n == 0)
        return NULL;
    struct dr_map_slot *slot = find_slot(m->slots, m->cap, key, dr_hash(key.p, key.n));
    return slot->key.p ? &slot->value : NULL;
}

int64_t *dr_map_put(struct dr_map *m, struct dr_str key, bool *ret_new)
{
    if ((m->n + 1) * 3 > m->cap * 2)
        map_grow(m);
    uint64_t hash = dr_hash(key.p, key.n);
    struct dr_map_slot *slot = find_slot(m->slots, m->cap, key, hash);
    bool is_new = !slot->key.p;
    if (is_new) {
        *slot = (struct dr_map_slot){ .key = { key.p ? key.p : "", key.n }, .hash = hash };
        m->n++;
    }
    if (ret_new)
        *ret_new = is_new;
    return &slot->value;
}
