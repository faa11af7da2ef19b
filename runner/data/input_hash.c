/* input_hash.c - a hasher, how far it is, and who waits for it. */
#include "data/input_hash.h"
#include <pthread.h>

struct dr_input_hash {
    pthread_mutex_t lock;
    pthread_cond_t further; /* `at` has grown, or it will not */
    struct dr_hasher *hasher;
    int64_t at; /* bytes hashed */
    bool given_up;
};

struct dr_input_hash *dr_input_hash_new(void)
{
    struct dr_input_hash *h = dr_calloc(1, sizeof *h);
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->further, NULL);
    h->hasher = dr_hasher_new();
    return h;
}

void dr_input_hash_free(struct dr_input_hash *h)
{
    if (!h)
        return;
    dr_hasher_free(h->hasher);
    pthread_cond_destroy(&h->further);
    pthread_mutex_destroy(&h->lock);
    free(h);
}

/* With the lock, and nothing lacking before `from`. */
static void update(struct dr_input_hash *h, int64_t from, const char *p, size_t n)
{
    size_t known = (size_t)(h->at - from);
    if (known >= n || h->given_up)
        return;
    dr_hasher_update(h->hasher, p + known, n - known);
    h->at += (int64_t)(n - known);
    pthread_cond_broadcast(&h->further);
}

bool dr_input_hash_try(struct dr_input_hash *h, int64_t from, const char *p, size_t n)
{
    if (!h)
        return true;
    pthread_mutex_lock(&h->lock);
    bool ready = h->at >= from || h->given_up;
    if (ready)
        update(h, from, p, n);
    pthread_mutex_unlock(&h->lock);
    return ready;
}

void dr_input_hash_wait(struct dr_input_hash *h, int64_t from, const char *p, size_t n)
{
    if (!h)
        return;
    pthread_mutex_lock(&h->lock);
    while (h->at < from && !h->given_up)
        pthread_cond_wait(&h->further, &h->lock);
    update(h, from, p, n);
    pthread_mutex_unlock(&h->lock);
}

void dr_input_hash_give_up(struct dr_input_hash *h)
{
    if (!h)
        return;
    pthread_mutex_lock(&h->lock);
    h->given_up = true;
    pthread_cond_broadcast(&h->further);
    pthread_mutex_unlock(&h->lock);
}

bool dr_input_hash_hex(struct dr_input_hash *h, int64_t size, char ret[DR_HASH_HEX])
{
    if (!h || h->given_up || h->at != size)
        return false;
    dr_hasher_hex(h->hasher, ret);
    return true;
}
