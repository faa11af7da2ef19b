/* arrow_ipc_codec.c - compressed bodies, which pandas and Polars write.
 *
 * Each buffer of a compressed batch starts with its length before compression
 * (int64; -1: this one is stored as it is), then one LZ4 or ZSTD frame. All
 * buffers of a batch are expanded into one block of memory, and the decoder
 * then finds them there instead of in the file.
 *
 * The two libraries are loaded when the first compressed file is read: most
 * runs never see one, and should neither need the libraries nor load them. Of
 * each we use a few functions that have not changed since its first stable
 * release, declared here. */
#include "data/arrow_ipc.h"
#include <dlfcn.h>
#include <pthread.h>

enum { LZ4, ZSTD, CODECS };
#define LZ4F_VERSION 100
#define LENGTH_N 8
#define ALIGN 64

typedef size_t (*zstd_decompress_fn)(void *to, size_t to_n, const void *from, size_t from_n);
typedef size_t (*lz4_create_fn)(void **context, unsigned version);
typedef size_t (*lz4_free_fn)(void *context);
typedef size_t (*lz4_decompress_fn)(void *context, void *to, size_t *to_n, const void *from, size_t *from_n,
                                    const void *options);
typedef unsigned (*is_error_fn)(size_t code);

static const struct {
    const char *name, *library, *package;
} codecs[CODECS] = { { "LZ4", "liblz4.so.1", "liblz4-1" }, { "ZSTD", "libzstd.so.1", "libzstd1" } };

/* What was found of the libraries; written once. */
static struct {
    bool there[CODECS];
    zstd_decompress_fn zstd_decompress;
    is_error_fn zstd_is_error, lz4_is_error;
    lz4_create_fn lz4_create;
    lz4_free_fn lz4_free;
    lz4_decompress_fn lz4_decompress;
} lib;

/* ---- the libraries --------------------------------------------------------- */

/* Store the address of a function; ISO C has no conversion from void * to it. */
static bool find(void *library, const char *name, void *ret)
{
    void *p = dlsym(library, name);
    memcpy(ret, &p, sizeof p);
    return p != NULL;
}

static void load_lz4(void)
{
    void *l = dlopen(codecs[LZ4].library, RTLD_NOW | RTLD_LOCAL);
    lib.there[LZ4] = l && find(l, "LZ4F_createDecompressionContext", &lib.lz4_create) &&
                     find(l, "LZ4F_freeDecompressionContext", &lib.lz4_free) &&
                     find(l, "LZ4F_decompress", &lib.lz4_decompress) &&
                     find(l, "LZ4F_isError", &lib.lz4_is_error);
}

static void load_zstd(void)
{
    void *l = dlopen(codecs[ZSTD].library, RTLD_NOW | RTLD_LOCAL);
    lib.there[ZSTD] =
        l && find(l, "ZSTD_decompress", &lib.zstd_decompress) && find(l, "ZSTD_isError", &lib.zstd_is_error);
}

static int32_t need_library(int32_t codec, struct dr_err *err)
{
    static pthread_once_t once[CODECS] = { PTHREAD_ONCE_INIT, PTHREAD_ONCE_INIT };
    if (codec < 0 || codec >= CODECS)
        return dr_fail(err, DR_EINPUT, "it is compressed with an unknown codec (%d)", (int)codec);
    pthread_once(&once[codec], codec == LZ4 ? load_lz4 : load_zstd);
    if (lib.there[codec])
        return DR_OK;
    return dr_fail(err, DR_EINPUT,
                   "it is compressed with %s, and %s is not installed; install %s, or write the file without "
                   "compression",
                   codecs[codec].name, codecs[codec].library, codecs[codec].package);
}

/* ---- one frame ------------------------------------------------------------- */

/* Whether a frame expands to exactly to_n bytes. */
static bool expand_zstd(const void *from, size_t from_n, void *to, size_t to_n)
{
    size_t n = lib.zstd_decompress(to, to_n, from, from_n);
    return !lib.zstd_is_error(n) && n == to_n;
}

/* The library may stop between blocks, and says how many bytes it still wants:
 * 0 at the end of the frame. */
static bool expand_lz4(const uint8_t *from, size_t from_n, uint8_t *to, size_t to_n)
{
    void *context;
    size_t wanted = 1, from_done = 0, to_done = 0;
    if (lib.lz4_is_error(lib.lz4_create(&context, LZ4F_VERSION)))
        return false;
    while (wanted != 0) {
        size_t taken = from_n - from_done, made = to_n - to_done;
        wanted = lib.lz4_decompress(context, to + to_done, &made, from + from_done, &taken, NULL);
        if (lib.lz4_is_error(wanted) || (taken == 0 && made == 0))
            break;
        from_done += taken;
        to_done += made;
    }
    lib.lz4_free(context);
    return wanted == 0 && to_done == to_n;
}

/* ---- one batch ------------------------------------------------------------- */

/* A buffer in the file, and what becomes of it. */
struct job {
    const uint8_t *from; /* after the length */
    int64_t from_n, to_n;
    bool stored; /* not compressed */
};

static int32_t plan_buffer(const struct dr_arrow_batch *b, size_t i, struct job *ret, struct dr_err *err)
{
    int64_t offset = dr_fb_list_i64(b->buffers, i, 0), n = dr_fb_list_i64(b->buffers, i, 8);
    *ret = (struct job){ 0 };
    if (offset < 0 || n < 0 || offset > b->body.n || n > b->body.n - offset)
        return dr_fail(err, DR_EINPUT, "a buffer of %lld bytes at %lld lies outside its batch of %lld bytes",
                       (long long)n, (long long)offset, (long long)b->body.n);
    if (n == 0)
        return DR_OK;
    if (n < LENGTH_N)
        return dr_fail(err, DR_EINPUT, "a compressed buffer has only %lld bytes", (long long)n);
    ret->from = b->body.p + offset + LENGTH_N;
    ret->from_n = n - LENGTH_N;
    memcpy(&ret->to_n, b->body.p + offset, LENGTH_N);
    ret->stored = ret->to_n == -1;
    if (ret->stored)
        ret->to_n = ret->from_n;
    return ret->to_n >= 0 ? DR_OK : dr_fail(err, DR_EINPUT, "a compressed buffer claims a negative length");
}

static int32_t expand(const struct job *j, int32_t codec, uint8_t *to, struct dr_err *err)
{
    bool ok = true;
    if (j->stored)
        memcpy(to, j->from, (size_t)j->to_n);
    else if (j->to_n == 0)
        return DR_OK;
    else if (codec == ZSTD)
        ok = expand_zstd(j->from, (size_t)j->from_n, to, (size_t)j->to_n);
    else
        ok = expand_lz4(j->from, (size_t)j->from_n, to, (size_t)j->to_n);
    return ok ? DR_OK : dr_fail(err, DR_EINPUT, "a buffer compressed with %s is damaged", codecs[codec].name);
}

/* Decide where each buffer goes; *ret_n bytes in all. */
static int32_t plan_batch(struct dr_arrow_batch *b, struct job *jobs, int64_t most, int64_t *ret_n,
                          struct dr_err *err)
{
    int64_t at = 0;
    for (size_t i = 0; i < b->buffers.n; i++) {
        DR_TRY(plan_buffer(b, i, &jobs[i], err));
        if (jobs[i].to_n > most - at)
            return dr_fail(err, DR_ELIMIT,
                           "it expands to more than %lld bytes, which so small a file does not hold",
                           (long long)most);
        b->places[2 * i] = at;
        b->places[2 * i + 1] = jobs[i].to_n;
        at += (jobs[i].to_n + ALIGN - 1) / ALIGN * ALIGN;
    }
    *ret_n = at;
    return DR_OK;
}

int32_t dr_arrow_expand(struct dr_arrow_batch *b, int32_t codec, int64_t *budget, struct dr_err *err)
{
    int64_t n = 0;
    DR_TRY(need_library(codec, err));
    DR_AUTO_FREE struct job *jobs = dr_calloc(b->buffers.n, sizeof *jobs);
    b->places = dr_calloc(b->buffers.n * 2, sizeof *b->places);
    DR_TRY(plan_batch(b, jobs, *budget, &n, err));
    *budget -= n < *budget ? n : *budget;
    b->expanded = dr_mem_new((size_t)n);
    uint8_t *to = b->expanded->p;
    for (size_t i = 0; i < b->buffers.n; i++)
        DR_TRY(expand(&jobs[i], codec, to + b->places[2 * i], err));
    b->mem = b->expanded;
    b->body = (struct dr_arrow_buffer){ to, n };
    return DR_OK;
}
