/* ipc_codec.c - compressed bodies, which pandas and Polars write.
 *
 * Each buffer of a compressed batch starts with its length before compression
 * (int64; -1: this one is stored as it is), then one LZ4 or ZSTD frame. All
 * buffers of a batch are expanded into one block of memory, and the decoder
 * then finds them there instead of in the file. */
#include "arrow/ipc.h"
#include "data/codec.h"

enum { LZ4, ZSTD, CODECS };
enum { LENGTH_N = 8, ALIGN = 64 };
static const char *const codec_names[CODECS] = { "LZ4", "ZSTD" };

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
    struct dr_str frame = { (const char *)j->from, (size_t)j->from_n };
    bool ok = true;
    if (j->stored)
        memcpy(to, j->from, (size_t)j->to_n);
    else if (j->to_n == 0)
        return DR_OK;
    else if (codec == ZSTD)
        ok = dr_expand_zstd(frame, to, (size_t)j->to_n);
    else
        ok = dr_expand_lz4(frame, to, (size_t)j->to_n);
    return ok ? DR_OK : dr_fail(err, DR_EINPUT, "a buffer compressed with %s is damaged", codec_names[codec]);
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
    if (codec < 0 || codec >= CODECS)
        return dr_fail(err, DR_EINPUT, "it is compressed with an unknown codec (%d)", (int)codec);
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
