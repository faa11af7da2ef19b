/* hashing.c - see hashing.h. */
#include "exec/hashing.h"
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>

enum { PAYS = 16 << 20 };

struct dr_hashing {
    pthread_t thread;
    char *path; /* owned */
    char hash[DR_HASH_HEX];
    uint64_t size;
    struct dr_err err;
};

static void *run(void *ctx)
{
    struct dr_hashing *h = ctx;
    h->err.rc = dr_hash_file(h->path, h->hash, &h->size, &h->err);
    return NULL;
}

/* Signals are for the thread that the plugin runs on. */
static int start(struct dr_hashing *h)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&h->thread, NULL, run, h);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

struct dr_hashing *dr_hashing_start(const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < PAYS)
        return NULL;
    struct dr_hashing *h = dr_calloc(1, sizeof(*h));
    h->path = dr_strdup(path);
    if (start(h) == 0)
        return h;
    free(h->path);
    free(h);
    return NULL;
}

int32_t dr_hashing_finish(struct dr_hashing *h, char ret[DR_HASH_HEX], uint64_t *ret_size, struct dr_err *err)
{
    pthread_join(h->thread, NULL);
    int32_t rc = h->err.rc;
    if (rc && err)
        *err = h->err;
    if (!rc) {
        memcpy(ret, h->hash, sizeof(h->hash));
        *ret_size = h->size;
    }
    free(h->path);
    free(h);
    return rc;
}
