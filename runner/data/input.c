/* input.c - bytes in, UTF-8 out: file or memory, then gzip or zstd where the
 * first bytes say so, then the decoder of an encoding.
 *
 * The file is read in pieces into the caller's buffer, never mapped: a mapping
 * of a file that shrinks ends in SIGBUS, and page faults cost more than
 * copying. The first bytes are kept aside (a pipe gives them once) to look for
 * a byte order mark and for NUL bytes. */
#include "data/input.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RAW = 128 << 10 };

/* ---- bytes --------------------------------------------------------------- */

static int32_t read_fd(const struct dr_input *in, char *p, size_t n, size_t *ret_n, struct dr_err *err)
{
    for (;;) {
        ssize_t got = read(in->fd, p, n);
        if (got >= 0) {
            *ret_n = (size_t)got;
            return DR_OK;
        }
        if (errno != EINTR)
            return dr_fail_sys(err, "cannot read '%s'", in->name);
    }
}

int32_t dr_input_read_at(const struct dr_input *in, int64_t offset, char *p, size_t n, size_t *ret_n,
                         struct dr_err *err)
{
    size_t done = 0;
    if (in->fd < 0) {
        size_t left = offset < (int64_t)in->bytes.n ? in->bytes.n - (size_t)offset : 0;
        done = n < left ? n : left;
        if (done > 0)
            memcpy(p, in->bytes.p + offset, done);
    }
    while (in->fd >= 0 && done < n) {
        ssize_t got = pread(in->fd, p + done, n - done, offset + (int64_t)done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return dr_fail_sys(err, "cannot read '%s'", in->name);
        if (got == 0)
            break;
        done += (size_t)got;
    }
    *ret_n = done;
    return DR_OK;
}

int32_t dr_input_read_range(const struct dr_input *in, int64_t offset, size_t n, size_t zeros,
                            struct dr_input_range *ret, struct dr_err *err)
{
    if (ret->cap < n + zeros) {
        free(ret->p); /* nothing of it is kept, so not moved either */
        ret->cap = n + zeros;
        ret->p = dr_malloc(ret->cap);
    }
    ret->n = 0;
    DR_TRY(dr_input_read_at(in, offset, ret->p, n, &ret->n, err));
    memset(ret->p + ret->n, 0, zeros);
    return DR_OK;
}

/* The next expanded bytes; none at the end. */
static int32_t read_expanded(struct dr_input *in, char *p, size_t n, size_t *ret_n, struct dr_err *err)
{
    do {
        if (in->pending.n == 0 && !in->pending_last) {
            DR_TRY(read_fd(in, in->packed, RAW, &in->pending.n, err));
            in->pending.p = in->packed;
            in->pending_last = in->pending.n == 0;
        }
        if (dr_expander_run(in->expander, &in->pending, in->pending_last, p, n, ret_n, err))
            return dr_err_prefix(err, "%s", in->name);
    } while (*ret_n == 0 && !(in->pending_last && in->pending.n == 0));
    return DR_OK;
}

/* The bytes that were looked at, or are there without reading. */
static struct dr_str at_hand(const struct dr_input *in)
{
    return in->head ? (struct dr_str){ in->head, in->head_n } : in->bytes;
}

/* The next source bytes: what was looked at first, then the rest. */
static int32_t read_raw(struct dr_input *in, char *p, size_t n, size_t *ret_n, struct dr_err *err)
{
    struct dr_str from = at_hand(in);
    if (in->at < (int64_t)from.n) {
        size_t left = from.n - (size_t)in->at;
        *ret_n = n < left ? n : left;
        memcpy(p, from.p + in->at, *ret_n);
    } else if (in->expander) {
        DR_TRY(read_expanded(in, p, n, ret_n, err));
    } else if (in->fd >= 0) {
        DR_TRY(read_fd(in, p, n, ret_n, err));
    } else {
        *ret_n = 0;
    }
    (void)dr_input_hash_try(in->hash, in->at, p, *ret_n);
    in->at += (int64_t)*ret_n;
    return DR_OK;
}

int32_t dr_input_read(struct dr_input *in, char *p, size_t room, size_t *ret_n, struct dr_err *err)
{
    *ret_n = 0;
    if (in->decoder.from == DR_ENCODING_UTF8) {
        DR_TRY(read_raw(in, p, room, ret_n, err));
        in->ended = *ret_n == 0;
        return DR_OK;
    }
    size_t n = (room - 8) / 3 < RAW ? (room - 8) / 3 : RAW; /* as dr_decode needs it */
    while (*ret_n == 0 && !in->ended) {
        size_t got;
        DR_TRY(read_raw(in, in->raw, n, &got, err));
        in->ended = got == 0;
        *ret_n = dr_decode(&in->decoder, in->raw, got, in->ended, p);
    }
    return DR_OK;
}

/* ---- opening --------------------------------------------------------------- */

static int32_t fill_head(struct dr_input *in, struct dr_err *err)
{
    in->head = dr_malloc(DR_INPUT_HEAD);
    in->head_n = 0;
    for (size_t got = 1; got > 0 && in->head_n < DR_INPUT_HEAD; in->head_n += got) {
        char *to = in->head + in->head_n;
        size_t room = DR_INPUT_HEAD - in->head_n;
        DR_TRY(in->expander ? read_expanded(in, to, room, &got, err) : read_fd(in, to, room, &got, err));
    }
    return DR_OK;
}

/* Where the bytes at hand are compressed, expand them and what follows. */
static int32_t look_for_codec(struct dr_input *in, struct dr_err *err)
{
    struct dr_str start = at_hand(in);
    enum dr_codec codec = dr_codec_of(start);
    if (codec == DR_CODEC_NONE)
        return DR_OK;
    in->expander = dr_expander_new(codec);
    in->pending = start;
    in->pending_last = in->fd < 0;
    if (in->fd >= 0) {
        in->packed = dr_malloc(RAW);
        memcpy(in->packed, start.p, start.n);
        in->pending.p = in->packed;
    }
    free(in->head);
    in->head = NULL;
    in->bytes.n = 0;
    in->seekable = false;
    in->size = 0;
    return fill_head(in, err);
}

/* The same number of NUL bytes as of others, roughly: what ASCII looks like in UTF-16. */
static bool looks_like_utf16(struct dr_str s)
{
    size_t nuls = 0;
    for (size_t i = 0; i < s.n; i++)
        nuls += s.p[i] == '\0';
    return nuls * 5 > s.n * 2 && nuls * 5 < s.n * 3;
}

static int32_t check_text(const struct dr_input *in, struct dr_str start, struct dr_err *err)
{
    enum dr_encoding from = in->decoder.from;
    const char *nul = start.n ? memchr(start.p, '\0', start.n) : NULL;
    if (!nul || from == DR_ENCODING_UTF16LE || from == DR_ENCODING_UTF16BE)
        return DR_OK;
    const char *hint = looks_like_utf16(start)
                           ? "it looks like UTF-16, so set the encoding to utf-16le or utf-16be"
                           : "text is expected; is this a spreadsheet or an archive?";
    return dr_fail(err, DR_EINPUT, "%s: not a text file (byte %zu is NUL); %s", in->name,
                   (size_t)(nul - start.p) + 1, hint);
}

static int32_t look_at_start(struct dr_input *in, const char *encoding, struct dr_err *err)
{
    struct dr_str start = at_hand(in);
    enum dr_encoding named;
    size_t mark;
    if (start.n > DR_INPUT_HEAD)
        start.n = DR_INPUT_HEAD;
    DR_TRY(dr_encoding_parse(encoding, &named, err));
    int32_t rc = dr_encoding_detect(named, start, &in->decoder.from, &mark, err);
    if (rc) {
        (void)dr_err_prefix(err, "%s", in->name);
        return rc;
    }
    in->at = (int64_t)mark;
    if (in->decoder.from != DR_ENCODING_UTF8) {
        in->seekable = false;
        in->raw = dr_malloc(RAW);
    }
    return check_text(in, start, err);
}

static int32_t open_path(struct dr_input *in, const char *path, struct dr_err *err)
{
    struct stat st;
    if (dr_streq(path, "-")) {
        in->fd = STDIN_FILENO;
    } else {
        in->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        in->owns_fd = in->fd >= 0;
        if (in->fd < 0 && errno == ENOENT)
            return dr_fail(err, DR_ENOTFOUND, "cannot open '%s': there is no such file", path);
    }
    if (in->fd < 0 || fstat(in->fd, &st) < 0)
        return dr_fail_sys(err, "cannot open '%s'", in->name);
    if (S_ISDIR(st.st_mode))
        return dr_fail(err, DR_EINPUT, "'%s' is a folder; a file is expected", in->name);
    in->seekable = in->owns_fd && S_ISREG(st.st_mode) && st.st_size > 0;
    in->repeatable = in->seekable;
    in->size = in->seekable ? st.st_size : 0;
    return DR_OK;
}

int32_t dr_input_open(struct dr_input *in, const char *path, const char *encoding, struct dr_err *err)
{
    *in = (struct dr_input){ .fd = -1 };
    in->name = dr_strdup(dr_streq(path, "-") ? "standard input" : path);
    int32_t rc = open_path(in, path, err);
    if (!rc)
        rc = fill_head(in, err);
    if (!rc)
        rc = look_for_codec(in, err);
    if (!rc)
        rc = look_at_start(in, encoding, err);
    if (rc)
        dr_input_close(in);
    return rc;
}

int32_t dr_input_open_bytes(struct dr_input *in, struct dr_str bytes, const char *encoding,
                            struct dr_err *err)
{
    *in = (struct dr_input){
        .fd = -1, .seekable = true, .repeatable = true, .bytes = bytes, .size = (int64_t)bytes.n
    };
    in->name = dr_strdup("memory");
    int32_t rc = look_for_codec(in, err);
    if (!rc)
        rc = look_at_start(in, encoding, err);
    if (rc)
        dr_input_close(in);
    return rc;
}

void dr_input_hash(struct dr_input *in)
{
    if (!in->seekable || in->fd < 0)
        return;
    in->hash = dr_input_hash_new();
    (void)dr_input_hash_try(in->hash, 0, in->head, in->head_n); /* the byte order mark is not read again */
}

void dr_input_close(struct dr_input *in)
{
    dr_input_hash_free(in->hash);
    if (in->owns_fd)
        close(in->fd);
    free(in->name);
    dr_expander_free(in->expander);
    free(in->packed);
    free(in->head);
    free(in->raw);
    *in = (struct dr_input){ .fd = -1 };
}

int32_t dr_input_check_size(const struct dr_input *in, struct dr_err *err)
{
    struct stat st;
    if (in->fd < 0 || in->size == 0)
        return DR_OK;
    if (fstat(in->fd, &st) < 0)
        return dr_fail_sys(err, "cannot look at '%s'", in->name);
    if (st.st_size == in->size)
        return DR_OK;
    return dr_fail(err, DR_EINPUT, "%s: the file changed while it was read (%lld bytes at first, %lld now)",
                   in->name, (long long)in->size, (long long)st.st_size);
}
