/* codec.c - zlib, zstd and lz4.
 *
 * A stream is members (gzip) or frames (Zstandard), one after the other. Both
 * libraries take what input they can and fill what room there is; between two
 * members nothing is pending, which is the only place where a stream may end.
 * Zeros after the last member of a gzip file are padding, as tape drives leave
 * it; anything else there is damage. */
#include "data/codec.h"
#include <limits.h>
#include <lz4frame.h>
#include <zlib.h>
#include <zstd.h>

struct dr_expander {
    enum dr_codec codec;
    z_stream gzip;
    ZSTD_DCtx *zstd; /* owned */
    bool inside;     /* a member has begun and not ended */
};

/* ---- which ------------------------------------------------------------------- */

enum dr_codec dr_codec_of(struct dr_str start)
{
    if (dr_str_starts(start, DR_LIT("\x1F\x8B\x08")))
        return DR_CODEC_GZIP;
    if (dr_str_starts(start, DR_LIT("\x28\xB5\x2F\xFD")))
        return DR_CODEC_ZSTD;
    return DR_CODEC_NONE;
}

const char *dr_codec_name(enum dr_codec codec)
{
    return codec == DR_CODEC_GZIP ? "gzip" : codec == DR_CODEC_ZSTD ? "zstd" : "none";
}

/* ---- life ----------------------------------------------------------------------- */

struct dr_expander *dr_expander_new(enum dr_codec codec)
{
    enum { GZIP_ONLY = 16 };
    struct dr_expander *x = dr_calloc(1, sizeof *x);
    x->codec = codec;
    if (codec == DR_CODEC_ZSTD)
        x->zstd = ZSTD_createDCtx();
    bool made =
        codec == DR_CODEC_ZSTD ? x->zstd != NULL : inflateInit2(&x->gzip, GZIP_ONLY + MAX_WBITS) == Z_OK;
    if (!made)
        dr_die_oom(sizeof *x);
    return x;
}

void dr_expander_free(struct dr_expander *x)
{
    if (!x)
        return;
    if (x->codec == DR_CODEC_GZIP)
        inflateEnd(&x->gzip);
    ZSTD_freeDCtx(x->zstd);
    free(x);
}

/* ---- streams --------------------------------------------------------------------- */

static void skip_padding(struct dr_str *from)
{
    while (from->n > 0 && from->p[0] == '\0') {
        from->p++;
        from->n--;
    }
}

/* One step; false where the data is damaged. */
static bool step_gzip(struct dr_expander *x, struct dr_str *from, char *to, size_t room, size_t *ret_n)
{
    if (!x->inside) {
        skip_padding(from);
        if (from->n == 0)
            return true;
        inflateReset(&x->gzip);
    }
    x->gzip.next_in = (z_const Bytef *)(uintptr_t)from->p;
    x->gzip.avail_in = from->n < UINT_MAX ? (uInt)from->n : UINT_MAX;
    x->gzip.next_out = (Bytef *)to;
    x->gzip.avail_out = room < UINT_MAX ? (uInt)room : UINT_MAX;
    uInt had = x->gzip.avail_in, free_before = x->gzip.avail_out;
    int rc = inflate(&x->gzip, Z_NO_FLUSH);
    from->p += had - x->gzip.avail_in;
    from->n -= had - x->gzip.avail_in;
    *ret_n = free_before - x->gzip.avail_out;
    x->inside = rc != Z_STREAM_END;
    return rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR;
}

static bool step_zstd(struct dr_expander *x, struct dr_str *from, char *to, size_t room, size_t *ret_n)
{
    if (from->n == 0 && !x->inside)
        return true;
    ZSTD_inBuffer in = { from->p, from->n, 0 };
    ZSTD_outBuffer out = { to, room, 0 };
    size_t rc = ZSTD_decompressStream(x->zstd, &out, &in);
    from->p += in.pos;
    from->n -= in.pos;
    *ret_n = out.pos;
    x->inside = rc != 0;
    return !ZSTD_isError(rc);
}

int32_t dr_expander_run(struct dr_expander *x, struct dr_str *from, bool end, char *to, size_t room,
                        size_t *ret_n, struct dr_err *err)
{
    const char *name = dr_codec_name(x->codec);
    *ret_n = 0;
    do {
        size_t before = from->n;
        bool ok = x->codec == DR_CODEC_GZIP ? step_gzip(x, from, to, room, ret_n)
                                            : step_zstd(x, from, to, room, ret_n);
        if (!ok)
            return dr_fail(err, DR_EINPUT, "the %s data is damaged; was the file copied whole?", name);
        if (*ret_n > 0 || from->n == 0)
            break;
        if (from->n == before)
            return dr_fail(err, DR_EINPUT, "the %s data is damaged; it cannot be read on", name);
    } while (true);
    if (*ret_n == 0 && end && x->inside)
        return dr_fail(err, DR_EINPUT, "the %s data is cut off; was the file copied whole?", name);
    return DR_OK;
}

/* ---- single frames ---------------------------------------------------------------- */

bool dr_expand_zstd(struct dr_str frame, void *to, size_t to_n)
{
    size_t n = ZSTD_decompress(to, to_n, frame.p, frame.n);
    return !ZSTD_isError(n) && n == to_n;
}

/* The library may stop between blocks, and says how many bytes it still wants:
 * 0 at the end of the frame. */
bool dr_expand_lz4(struct dr_str frame, void *to, size_t to_n)
{
    LZ4F_dctx *context;
    size_t wanted = 1, from_done = 0, to_done = 0;
    if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION)))
        return false;
    while (wanted != 0) {
        size_t taken = frame.n - from_done, made = to_n - to_done;
        wanted = LZ4F_decompress(context, (char *)to + to_done, &made, frame.p + from_done, &taken, NULL);
        if (LZ4F_isError(wanted) || (taken == 0 && made == 0))
            break;
        from_done += taken;
        to_done += made;
    }
    LZ4F_freeDecompressionContext(context);
    return wanted == 0 && to_done == to_n;
}
