/* msg.c - each message type is a table of its fields, which the writer and the
 * reader both walk, so they cannot disagree. */
#include "exec/msg.h"
#include <endian.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define DR_MSG_NULL UINT32_MAX
enum { HEADER = 8, READ_CHUNK = 65536, READ_FIRST = DR_MSG_FILL_MIN };

enum field_kind {
    FIELD_END,
    FIELD_INT,
    FIELD_INT32,
    FIELD_BOOL,
    FIELD_FLOAT,
    FIELD_TEXT,
    FIELD_TEXT_OR_NULL
};
struct field {
    enum field_kind kind;
    size_t offset; /* in struct dr_msg */
};
#define F(kind, member)                                                                                      \
    {                                                                                                        \
        kind, offsetof(struct dr_msg, member)                                                                \
    }

static const struct field progress_fields[] = {
    F(FIELD_INT, progress.done),
    F(FIELD_INT, progress.total),
    { FIELD_END, 0 },
};
static const struct field metric_fields[] = {
    F(FIELD_TEXT, metric.name),
    F(FIELD_FLOAT, metric.value),
    { FIELD_END, 0 },
};
static const struct field account_fields[] = {
    F(FIELD_TEXT, account.dataset),
    F(FIELD_TEXT_OR_NULL, account.group),
    F(FIELD_TEXT, account.stage),
    F(FIELD_INT, account.rows),
    { FIELD_END, 0 },
};
static const struct field dataset_fields[] = {
    F(FIELD_TEXT, dataset.name),         F(FIELD_TEXT, dataset.path),           F(FIELD_TEXT, dataset.port),
    F(FIELD_TEXT_OR_NULL, dataset.hash), F(FIELD_TEXT_OR_NULL, dataset.schema), F(FIELD_INT, dataset.rows),
    F(FIELD_INT, dataset.bytes),         F(FIELD_BOOL, dataset.output),         { FIELD_END, 0 },
};
static const struct field result_fields[] = {
    F(FIELD_TEXT, result.suite),
    F(FIELD_TEXT_OR_NULL, result.suite_hash),
    F(FIELD_TEXT, result.dataset),
    F(FIELD_TEXT, result.expectation_id),
    F(FIELD_TEXT, result.expectation_type),
    F(FIELD_TEXT_OR_NULL, result.column),
    F(FIELD_TEXT, result.severity),
    F(FIELD_TEXT, result.on_failure),
    F(FIELD_TEXT_OR_NULL, result.description),
    F(FIELD_TEXT_OR_NULL, result.owner),
    F(FIELD_TEXT, result.kwargs),
    F(FIELD_TEXT, result.result),
    F(FIELD_TEXT_OR_NULL, result.sentence),
    F(FIELD_TEXT_OR_NULL, result.exception),
    F(FIELD_BOOL, result.success),
    F(FIELD_INT, result.element_count),
    F(FIELD_INT, result.unexpected_count),
    F(FIELD_INT, result.missing_count),
    F(FIELD_INT32, result.position),
    { FIELD_END, 0 },
};
static const struct field end_fields[] = {
    F(FIELD_INT32, end.how),
    F(FIELD_TEXT_OR_NULL, end.reason),
    F(FIELD_BOOL, end.has_outputs),
    { FIELD_END, 0 },
};
static const struct field report_fields[] = {
    { FIELD_END, 0 },
};
_Static_assert(sizeof(enum dr_msg_how) == sizeof(int32_t), "end.how travels as an int32_t");

static const struct field *const fields_of[] = {
    [DR_MSG_PROGRESS] = progress_fields, [DR_MSG_METRIC] = metric_fields, [DR_MSG_ACCOUNT] = account_fields,
    [DR_MSG_DATASET] = dataset_fields,   [DR_MSG_RESULT] = result_fields, [DR_MSG_END] = end_fields,
    [DR_MSG_REPORT] = report_fields,
};
enum { N_TYPES = sizeof(fields_of) / sizeof(*fields_of) };

/* ---- writing ---- */

int32_t dr_msg_writer_init(struct dr_msg_writer *w, int fd, struct dr_err *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return dr_fail_sys(err, "the message pipe");
    *w = (struct dr_msg_writer){
        .fd = fd, .dev = st.st_dev, .ino = st.st_ino, .frame = { .max = DR_MSG_MAX + HEADER }
    };
    return DR_OK;
}

void dr_msg_writer_done(struct dr_msg_writer *w)
{
    dr_buf_done(&w->frame);
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
}

static void put_u32(struct dr_buf *b, uint32_t v)
{
    v = htole32(v);
    dr_buf_append(b, &v, sizeof(v));
}

static void put_u64(struct dr_buf *b, uint64_t v)
{
    v = htole64(v);
    dr_buf_append(b, &v, sizeof(v));
}

static void put_text(struct dr_buf *b, const char *text)
{
    if (!text) {
        put_u32(b, DR_MSG_NULL);
        return;
    }
    struct dr_str s = dr_str_of(text);
    DR_AUTO_BUF visible = { .max = DR_MSG_MAX };
    if (!dr_utf8_valid(s)) {
        dr_buf_put_visible(&visible, s, 0);
        s = dr_buf_str(&visible);
        b->failed |= visible.failed;
    }
    put_u32(b, (uint32_t)s.n);
    dr_buf_append(b, s.p, s.n);
    dr_buf_putc(b, '\0');
}

static void put_field(struct dr_buf *b, const struct dr_msg *m, const struct field *f)
{
    const char *at = (const char *)m + f->offset;
    int64_t i = 0;
    int32_t i32;
    bool flag;
    const char *text;
    switch (f->kind) {
    case FIELD_INT:
    case FIELD_FLOAT:
        memcpy(&i, at, sizeof(i));
        break;
    case FIELD_INT32:
        memcpy(&i32, at, sizeof(i32));
        i = i32;
        break;
    case FIELD_BOOL:
        memcpy(&flag, at, sizeof(flag));
        i = flag;
        break;
    case FIELD_TEXT:
    case FIELD_TEXT_OR_NULL:
        memcpy(&text, at, sizeof(text));
        put_text(b, text ? text : f->kind == FIELD_TEXT ? "" : NULL);
        return;
    case FIELD_END:
        return;
    }
    put_u64(b, (uint64_t)i);
}

/* The plugin may have closed our descriptor, and a file of its own may have
 * got the number: never write into that. */
static bool is_our_pipe(const struct dr_msg_writer *w)
{
    struct stat st;
    return fstat(w->fd, &st) == 0 && st.st_dev == w->dev && st.st_ino == w->ino;
}

static int32_t write_frame(const struct dr_msg_writer *w, struct dr_err *err)
{
    if (!is_our_pipe(w))
        return dr_fail(err, DR_EPLUGIN, "the pipe to the runner was closed by the plugin");
    for (size_t at = 0; at < w->frame.n;) {
        ssize_t n = write(w->fd, w->frame.p + at, w->frame.n - at);
        if (n < 0 && errno != EINTR)
            return dr_fail_sys(err, "cannot write to the runner");
        at += n > 0 ? (size_t)n : 0;
    }
    return DR_OK;
}

int32_t dr_msg_send(struct dr_msg_writer *w, const struct dr_msg *m, struct dr_err *err)
{
    dr_buf_clear(&w->frame);
    put_u32(&w->frame, (uint32_t)m->type);
    put_u32(&w->frame, 0);
    for (const struct field *f = fields_of[m->type]; f->kind != FIELD_END; f++)
        put_field(&w->frame, m, f);
    if (!dr_buf_ok(&w->frame))
        return dr_fail(err, DR_ELIMIT, "a message to the runner is larger than %zu MiB", DR_MSG_MAX >> 20);
    uint32_t size = htole32((uint32_t)(w->frame.n - HEADER));
    memcpy(w->frame.p + 4, &size, sizeof(size));
    return write_frame(w, err);
}

/* ---- reading ---- */

void dr_msg_reader_done(struct dr_msg_reader *r)
{
    dr_buf_done(&r->buf);
    r->at = 0;
}

static void drop_used(struct dr_msg_reader *r)
{
    if (r->at == 0)
        return;
    r->buf.n -= r->at;
    memmove(r->buf.p, r->buf.p + r->at, r->buf.n);
    r->at = 0;
}

int32_t dr_msg_fill(struct dr_msg_reader *r, int fd, ssize_t *ret_n, struct dr_err *err)
{
    drop_used(r);
    r->buf.max = DR_MSG_MAX + HEADER + READ_CHUNK;
    size_t room = r->buf.n < READ_FIRST / 2 ? READ_FIRST : READ_CHUNK;
    char *p = dr_buf_reserve(&r->buf, room);
    if (!p)
        return dr_fail(err, DR_ELIMIT, "too many bytes wait in the message pipe");
    ssize_t n = read(fd, p, room);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        return dr_fail_sys(err, "cannot read the message pipe");
    if (n > 0)
        r->buf.n += (size_t)n;
    *ret_n = n > 0 ? n : n < 0 ? 0 : -1;
    return DR_OK;
}

struct cursor {
    const char *p;
    size_t left;
};

static uint32_t peek_u32(const char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof(v));
    return le32toh(v);
}

static bool get_u32(struct cursor *c, uint32_t *ret)
{
    if (c->left < sizeof(*ret))
        return false;
    *ret = peek_u32(c->p);
    c->p += sizeof(*ret);
    c->left -= sizeof(*ret);
    return true;
}

static bool get_u64(struct cursor *c, uint64_t *ret)
{
    uint64_t v;
    if (c->left < sizeof(v))
        return false;
    memcpy(&v, c->p, sizeof(v));
    *ret = le64toh(v);
    c->p += sizeof(v);
    c->left -= sizeof(v);
    return true;
}

static bool get_text(struct cursor *c, bool may_be_null, const char **ret)
{
    uint32_t n;
    if (!get_u32(c, &n))
        return false;
    if (n == DR_MSG_NULL) {
        *ret = NULL;
        return may_be_null;
    }
    if (c->left <= n || c->p[n] != '\0' || memchr(c->p, '\0', n) ||
        !dr_utf8_valid((struct dr_str){ c->p, n }))
        return false;
    *ret = c->p;
    c->p += n + 1;
    c->left -= n + 1;
    return true;
}

static bool get_field(struct cursor *c, struct dr_msg *m, const struct field *f)
{
    char *at = (char *)m + f->offset;
    if (f->kind == FIELD_TEXT || f->kind == FIELD_TEXT_OR_NULL) {
        const char *text;
        if (!get_text(c, f->kind == FIELD_TEXT_OR_NULL, &text))
            return false;
        memcpy(at, &text, sizeof(text));
        return true;
    }
    uint64_t v;
    if (!get_u64(c, &v))
        return false;
    int64_t i = (int64_t)v;
    int32_t i32 = (int32_t)i;
    bool flag = i != 0;
    if (f->kind == FIELD_INT32)
        memcpy(at, &i32, sizeof(i32));
    else if (f->kind == FIELD_BOOL)
        memcpy(at, &flag, sizeof(flag));
    else
        memcpy(at, &v, sizeof(v));
    return (f->kind != FIELD_INT32 || i == i32) && (f->kind != FIELD_BOOL || i == 0 || i == 1);
}

static bool decode(uint32_t type, struct cursor c, struct dr_msg *ret)
{
    struct dr_msg m = { .type = (enum dr_msg_type)type };
    for (const struct field *f = fields_of[type]; f->kind != FIELD_END; f++)
        if (!get_field(&c, &m, f))
            return false;
    if (type == DR_MSG_END && ((int32_t)m.end.how < DR_END_SUCCESS || m.end.how > DR_END_SKIPPED))
        return false;
    *ret = m;
    return c.left == 0;
}

int32_t dr_msg_next(struct dr_msg_reader *r, struct dr_msg *ret, bool *ret_any, struct dr_err *err)
{
    *ret_any = false;
    size_t left = r->buf.n - r->at;
    if (left < HEADER)
        return DR_OK;
    const char *p = r->buf.p + r->at;
    uint32_t type = peek_u32(p), size = peek_u32(p + 4);
    if (type == 0 || type >= N_TYPES || size > DR_MSG_MAX)
        return dr_fail(err, DR_EPLUGIN, "bytes that are no message came through the worker's pipe");
    if (left - HEADER < size)
        return DR_OK;
    if (!decode(type, (struct cursor){ p + HEADER, size }, ret))
        return dr_fail(err, DR_EPLUGIN, "a broken message of type %u came through the worker's pipe", type);
    r->at += HEADER + size;
    *ret_any = true;
    return DR_OK;
}
