/* ipc_read.c - Arrow IPC files and streams in, batch by batch.
 *
 * A regular file is mapped, and its columns go on using the mapping for as long
 * as they live. After the file comes a page of zeros of our own, so that vector
 * loads may run past the end of a buffer here as they may elsewhere. A file
 * that another process makes shorter while it is mapped ends this one (SIGBUS);
 * dagrun never does that to a dataset, since datasets are replaced by rename.
 *
 * Of a file the footer says where the batches are and all dictionaries are
 * loaded at once; a stream is walked message by message. What the footer says
 * of a block's lengths is not used: the message itself says it again. */
#include "arrow/ipc.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/hash.h"
#include "data/kernel.h"

#define MAGIC_N (sizeof DR_ARROW_MAGIC - 1)
#define HEAD_N 8             /* the magic, padded */
#define TAIL_N (4 + MAGIC_N) /* the footer's length and the magic */
/* A column without values (all null) takes no bytes, so that its rows are not
 * bounded by the file's size; this many are believed. */
#define FREE_ROWS (INT64_C(1) << 24)
/* What a compressed file may expand to: well above what data of people does. */
#define MAX_RATIO 1024
#define MAX_RATIO_FLOOR (INT64_C(1) << 28)

struct arrow_reader {
    struct dr_reader base;
    char *name;         /* owned, for messages */
    struct dr_mem *mem; /* owned reference */
    const uint8_t *p;   /* the bytes of mem */
    size_t n;
    struct dr_arrow_schema schema;
    struct dr_arrow_dict *dicts; /* owned */
    int32_t dicts_n;
    int32_t *dict_of;    /* owned: for each column its dictionary, or -1 */
    bool file;           /* file format: blocks say where the batches are */
    struct dr_fb footer; /* what blocks refers to */
    struct dr_fb_vec blocks;
    size_t at;       /* next block, or where the stream's next message starts */
    int64_t batches; /* record batches read */
    struct dr_arrow_budget budget;
    size_t bytes_left; /* that blocks may still cover: more than the file has means overlap */
    bool gave;         /* a table, so that the columns are known to the caller */
};

/* One message. Its tables point to fb, so it stays where it is. */
struct message {
    struct dr_fb fb;
    struct dr_fb_table header;
    int32_t type; /* 0: the end of the stream */
    struct dr_arrow_buffer body;
    size_t end; /* where the next one starts */
};

/* ---- mapping -------------------------------------------------------------- */

static size_t mapped_size(size_t n)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (n + page - 1) / page * page + page;
}

static void unmap(struct dr_mem *m)
{
    munmap(m->p, mapped_size(m->n));
}

/* Map n bytes of fd with a page of zeros after them. */
static void *map_padded(int fd, size_t n)
{
    void *p = mmap(NULL, mapped_size(n), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    if (mmap(p, n, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) != MAP_FAILED)
        return p;
    int saved = errno;
    munmap(p, mapped_size(n));
    errno = saved;
    return NULL;
}

/* A pipe cannot be mapped: what it holds, in a file that lies in memory. */
static int spool(int from)
{
    int fd = memfd_create("arrow", MFD_CLOEXEC);
    char block[1 << 16];
    for (ssize_t n; fd >= 0 && (n = read(from, block, sizeof block)) != 0;) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || write(fd, block, (size_t)n) != n) {
            close(fd);
            return -1;
        }
    }
    return fd;
}

static int open_input(const char *path)
{
    struct stat st;
    if (!dr_streq(path, "-"))
        return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* do not wait for a pipe's writer */
    if (fstat(STDIN_FILENO, &st) == 0 && S_ISREG(st.st_mode) && lseek(STDIN_FILENO, 0, SEEK_CUR) == 0)
        return fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    return spool(STDIN_FILENO);
}

static int32_t map_file(const char *path, const char *name, struct dr_mem **ret, struct dr_err *err)
{
    DR_AUTO_FD fd = open_input(path);
    struct stat st;
    if (fd < 0 && errno == ENOENT)
        return dr_fail(err, DR_ENOTFOUND, "there is no file '%s'", name);
    if (fd < 0 || fstat(fd, &st) < 0)
        return dr_fail_sys(err, "open '%s'", name);
    if (!S_ISREG(st.st_mode))
        return dr_fail(err, DR_EINPUT, "'%s' is not a regular file", name);
    if (st.st_size == 0)
        return dr_fail(err, DR_EINPUT, "'%s' is empty; an Arrow file was expected", name);
    void *p = map_padded(fd, (size_t)st.st_size);
    if (!p)
        return dr_fail_sys(err, "map '%s'", name);
    struct dr_mem *m = dr_malloc(sizeof *m);
    *m = (struct dr_mem){ .p = p, .n = (size_t)st.st_size, .release = unmap, .mapped = true };
    atomic_init(&m->refs, 1);
    *ret = m;
    return DR_OK;
}

/* ---- messages ------------------------------------------------------------- */

static uint32_t word_at(const struct arrow_reader *r, size_t at)
{
    uint32_t v;
    memcpy(&v, r->p + at, sizeof v);
    return v;
}

/* Where the metadata starts and how long it is; n is 0 at the end of a stream.
 * Before Arrow 0.15 the length came without a continuation marker. */
static int32_t find_metadata(const struct arrow_reader *r, size_t at, struct dr_str *ret, struct dr_err *err)
{
    size_t left = r->n - at;
    if (left < 8 && (left < 4 || word_at(r, at) != 0))
        return dr_fail(err, DR_EINPUT, "it ends in the middle of a message, at byte %zu", r->n);
    size_t head = word_at(r, at) == UINT32_MAX ? 8 : 4;
    size_t n = word_at(r, at + head - 4);
    if (n > left - head)
        return dr_fail(err, DR_EINPUT,
                       "the message at byte %zu has %zu bytes of metadata, past the end of the file", at, n);
    *ret = (struct dr_str){ (const char *)r->p + at + head, n };
    return DR_OK;
}

static int32_t read_message(const struct arrow_reader *r, size_t at, struct message *ret, struct dr_err *err)
{
    struct dr_str metadata = { 0 };
    *ret = (struct message){ .end = r->n };
    DR_TRY(find_metadata(r, at, &metadata, err));
    if (metadata.n == 0)
        return DR_OK;
    ret->fb = (struct dr_fb){ .p = (const uint8_t *)metadata.p, .n = metadata.n };
    struct dr_fb_table root = dr_fb_root(&ret->fb);
    int16_t version = dr_fb_i16(root, DR_MESSAGE_VERSION, 0);
    ret->type = dr_fb_i8(root, DR_MESSAGE_TYPE, 0);
    ret->header = dr_fb_sub(root, DR_MESSAGE_HEADER);
    int64_t body_n = dr_fb_i64(root, DR_MESSAGE_BODY, 0);
    size_t body_at = (size_t)((const uint8_t *)metadata.p - r->p) + metadata.n;
    if (!dr_fb_present(ret->header))
        return dr_fail(err, DR_EINPUT, "the message at byte %zu is damaged: %s", at,
                       ret->fb.bad ? ret->fb.bad : "it is empty");
    if (version != DR_ARROW_V4 && version != DR_ARROW_V5)
        return dr_fail(err, DR_EINPUT, "it is of Arrow metadata version %d; 4 or 5 is needed", version + 1);
    if (body_n < 0 || (uint64_t)body_n > r->n - body_at)
        return dr_fail(err, DR_EINPUT,
                       "the message at byte %zu has a body of %lld bytes, past the end of the file", at,
                       (long long)body_n);
    ret->body = (struct dr_arrow_buffer){ r->p + body_at, body_n };
    ret->end = body_at + (size_t)body_n;
    return DR_OK;
}

/* ---- dictionaries ---------------------------------------------------------- */

static bool same_values(const struct dr_arrow_field *a, const struct dr_arrow_field *b)
{
    return a->type == b->type && a->stored == b->stored && a->bits == b->bits &&
           a->is_signed == b->is_signed && a->unit == b->unit && a->scale == b->scale && a->zoned == b->zoned;
}

/* Columns may share a dictionary by its id. */
static int32_t find_dictionaries(struct arrow_reader *r, struct dr_map *ids, struct dr_err *err)
{
    for (int32_t i = 0; i < r->schema.n; i++) {
        struct dr_arrow_field *f = &r->schema.fields[i];
        bool fresh;
        r->dict_of[i] = -1;
        if (!f->dictionary)
            continue;
        int64_t *at = dr_map_put(ids, (struct dr_str){ (const char *)&f->dictionary_id, 8 }, &fresh);
        if (fresh) {
            *at = r->dicts_n++;
            r->dicts[*at] = (struct dr_arrow_dict){ .id = f->dictionary_id, .field = f };
        }
        r->dict_of[i] = (int32_t)*at;
        if (!same_values(f, r->dicts[*at].field))
            return dr_fail(err, DR_EINPUT,
                           "columns '%s' and '%s' share a dictionary, but are of different types",
                           r->dicts[*at].field->name, f->name);
    }
    return DR_OK;
}

static bool any_values(const struct dr_arrow_schema *s)
{
    for (int32_t i = 0; i < s->n; i++)
        if (s->fields[i].type != DR_TYPE_NULL)
            return true;
    return false;
}

static int32_t take_schema(struct arrow_reader *r, struct dr_fb_table t, struct dr_err *err)
{
    struct dr_map ids = { 0 };
    DR_TRY(dr_arrow_schema_read(t, &r->schema, err));
    r->dicts = dr_calloc((size_t)r->schema.n, sizeof *r->dicts);
    r->dict_of = dr_calloc((size_t)r->schema.n, sizeof *r->dict_of);
    int32_t rc = find_dictionaries(r, &ids, err);
    dr_map_done(&ids);
    if (!any_values(&r->schema))
        r->budget.bytes = 0; /* nothing would tell how many rows are honest */
    return rc;
}

static int32_t load_dictionary(struct arrow_reader *r, const struct message *m, struct dr_err *err)
{
    int64_t id = dr_fb_i64(m->header, DR_DICTBATCH_ID, 0);
    bool delta = dr_fb_i8(m->header, DR_DICTBATCH_DELTA, 0) != 0;
    struct dr_arrow_batch batch;
    struct dr_array *values;
    int32_t i = 0;
    while (i < r->dicts_n && r->dicts[i].id != id)
        i++;
    if (i == r->dicts_n) /* of no column: nothing needs it */
        return DR_OK;
    struct dr_arrow_dict *d = &r->dicts[i];
    DR_TRY(dr_arrow_batch_read(dr_fb_sub(m->header, DR_DICTBATCH_DATA), r->mem, m->body, &r->budget, &batch,
                               err));
    int32_t rc = dr_arrow_decode(&batch, d->field, &values, err);
    if (!rc) {
        rc = dr_arrow_dict_load(d, values, delta, err);
        dr_array_unref(values);
    }
    if (rc)
        (void)dr_err_prefix(err, "dictionary of column '%s'", d->field->name);
    dr_arrow_batch_done(&batch);
    return rc;
}

/* ---- record batches -------------------------------------------------------- */

/* Rows [from, from + n) of an array; from is a multiple of 8. */
static struct dr_array *slice(const struct dr_array *a, int64_t from, int64_t n)
{
    struct dr_array *s = dr_calloc(1, sizeof *s);
    *s =
        (struct dr_array){ .type = a->type, .scale = a->scale, .zoned = a->zoned, .n = n, .bytes = a->bytes };
    atomic_init(&s->refs, 1);
    size_t step = a->type == DR_TYPE_STRING ? sizeof(int64_t) : dr_type_width(a->type);
    size_t skip = a->type == DR_TYPE_BOOL ? (size_t)from / 8 : (size_t)from * step;
    s->valid = a->valid ? a->valid + from / 8 : NULL;
    s->values = a->values ? (const char *)a->values + skip : NULL;
    s->dict = dr_dict_ref(a->dict);
    for (int i = 0; i < 3; i++)
        s->mem[i] = dr_mem_ref(a->mem[i]);
    return dr_array_seal(s);
}

/* A column of one array in chunks of DR_CHUNK_ROWS, so that threads can share
 * the work on it; takes over a. */
static struct dr_column *make_column(const struct dr_arrow_field *f, struct dr_array *a)
{
    int32_t n = (int32_t)((a->n + DR_CHUNK_ROWS - 1) / DR_CHUNK_ROWS);
    DR_AUTO_FREE struct dr_array **chunk = dr_malloc(((size_t)n + 1) * sizeof(struct dr_array *));
    for (int32_t k = 0; k < n && n > 1; k++) {
        int64_t from = (int64_t)k * DR_CHUNK_ROWS, left = a->n - from;
        chunk[k] = slice(a, from, left < DR_CHUNK_ROWS ? left : DR_CHUNK_ROWS);
    }
    if (n == 1)
        chunk[0] = dr_array_ref(a);
    struct dr_column *c = dr_column_new(f->type, n, chunk, a->dict);
    c->scale = f->scale;
    c->zoned = f->zoned;
    dr_array_unref(a);
    return c;
}

static int32_t read_column(struct arrow_reader *r, struct dr_arrow_batch *batch, int32_t i,
                           struct dr_column **ret, struct dr_err *err)
{
    const struct dr_arrow_field *f = &r->schema.fields[i];
    struct dr_array *a;
    int32_t rc = f->dictionary ? dr_arrow_decode_codes(batch, f, &r->dicts[r->dict_of[i]], &a, err)
                               : dr_arrow_decode(batch, f, &a, err);
    if (rc)
        (void)dr_err_prefix(err, "column '%s'", f->name);
    else
        *ret = make_column(f, a);
    return rc;
}

/* The table of columns[]; takes them over. */
static struct dr_table *make_table(const struct arrow_reader *r, struct dr_column **columns)
{
    DR_AUTO_FREE const char **names = dr_malloc((size_t)r->schema.n * sizeof *names);
    for (int32_t i = 0; i < r->schema.n; i++)
        names[i] = r->schema.fields[i].name;
    return dr_table_adopt(r->schema.n, names, columns);
}

static int32_t read_columns(struct arrow_reader *r, struct dr_arrow_batch *batch, struct dr_table **ret,
                            struct dr_err *err)
{
    DR_AUTO_FREE struct dr_column **columns = dr_calloc((size_t)r->schema.n, sizeof(struct dr_column *));
    int32_t rc = DR_OK;
    for (int32_t i = 0; i < r->schema.n && !rc; i++)
        rc = read_column(r, batch, i, &columns[i], err);
    if (!rc && batch->node != batch->nodes.n)
        rc = dr_fail(err, DR_EINPUT, "the batch describes more columns than the schema");
    if (!rc)
        *ret = make_table(r, columns);
    for (int32_t i = 0; i < r->schema.n && rc; i++)
        dr_column_unref(columns[i]);
    return rc;
}

static int32_t read_records(struct arrow_reader *r, const struct message *m, struct dr_table **ret,
                            struct dr_err *err)
{
    struct dr_arrow_batch batch;
    r->batches++;
    int32_t rc = dr_arrow_batch_read(m->header, r->mem, m->body, &r->budget, &batch, err);
    if (!rc) {
        rc = read_columns(r, &batch, ret, err);
        dr_arrow_batch_done(&batch);
    }
    if (rc) {
        (void)dr_err_prefix(err, "record batch %lld", (long long)r->batches);
        return rc;
    }
    r->base.done = (int64_t)m->end;
    r->base.rows += (*ret)->rows;
    return DR_OK;
}

/* The columns, without rows. */
static struct dr_table *empty_table(const struct arrow_reader *r)
{
    DR_AUTO_FREE struct dr_column **columns = dr_malloc((size_t)r->schema.n * sizeof(struct dr_column *));
    for (int32_t i = 0; i < r->schema.n; i++) {
        const struct dr_arrow_field *f = &r->schema.fields[i];
        struct dr_dict *dict = f->dictionary ? r->dicts[r->dict_of[i]].dict : NULL;
        columns[i] = dr_column_new(f->type, 0, NULL, dict);
        columns[i]->scale = f->scale;
        columns[i]->zoned = f->zoned;
    }
    return make_table(r, columns);
}

/* ---- files ---------------------------------------------------------------- */

static size_t block_offset(struct dr_fb_vec blocks, size_t i)
{
    int64_t offset = dr_fb_list_i64(blocks, i, offsetof(struct dr_arrow_block, offset));
    return offset < 0 ? SIZE_MAX : (size_t)offset;
}

static int32_t read_block(struct arrow_reader *r, struct dr_fb_vec blocks, size_t i, int32_t type,
                          struct message *ret, struct dr_err *err)
{
    size_t at = block_offset(blocks, i);
    if (at >= r->n)
        return dr_fail(err, DR_EINPUT, "its footer places a batch outside of the file");
    DR_TRY(read_message(r, at, ret, err));
    if (ret->type != type)
        return dr_fail(err, DR_EINPUT, "its footer places a batch at byte %zu, where there is none", at);
    if (ret->end - at > r->bytes_left)
        return dr_fail(err, DR_EINPUT, "its footer places batches on top of each other");
    r->bytes_left -= ret->end - at;
    return DR_OK;
}

static int32_t load_dictionaries(struct arrow_reader *r, struct dr_fb_vec blocks, struct dr_err *err)
{
    struct message m;
    for (size_t i = 0; i < blocks.n; i++) {
        DR_TRY(read_block(r, blocks, i, DR_ARROW_DICTIONARY, &m, err));
        DR_TRY(load_dictionary(r, &m, err));
    }
    return DR_OK;
}

static int32_t open_file(struct arrow_reader *r, struct dr_err *err)
{
    if (r->n < HEAD_N + TAIL_N || memcmp(r->p + r->n - MAGIC_N, DR_ARROW_MAGIC, MAGIC_N) != 0)
        return dr_fail(err, DR_EINPUT, "it was cut off: it starts as an Arrow file and does not end as one");
    size_t footer_n = word_at(r, r->n - TAIL_N);
    if (footer_n > r->n - HEAD_N - TAIL_N)
        return dr_fail(err, DR_EINPUT, "its footer claims %zu bytes, more than the file has", footer_n);
    r->file = true;
    r->footer = (struct dr_fb){ .p = r->p + r->n - TAIL_N - footer_n, .n = footer_n };
    struct dr_fb_table footer = dr_fb_root(&r->footer);
    struct dr_fb_table schema = dr_fb_sub(footer, DR_FOOTER_SCHEMA);
    struct dr_fb_vec dictionaries = dr_fb_list(footer, DR_FOOTER_DICTIONARIES, sizeof(struct dr_arrow_block));
    r->blocks = dr_fb_list(footer, DR_FOOTER_RECORDS, sizeof(struct dr_arrow_block));
    if (!dr_fb_present(footer))
        return dr_fail(err, DR_EINPUT, "its footer is damaged: %s", r->footer.bad);
    DR_TRY(take_schema(r, schema, err));
    return load_dictionaries(r, dictionaries, err);
}

static int32_t next_of_file(struct arrow_reader *r, struct dr_table **ret, struct dr_err *err)
{
    struct message m;
    *ret = NULL;
    if (r->at == r->blocks.n)
        return DR_OK;
    DR_TRY(read_block(r, r->blocks, r->at++, DR_ARROW_RECORDS, &m, err));
    return read_records(r, &m, ret, err);
}

/* ---- streams --------------------------------------------------------------- */

static int32_t open_stream(struct arrow_reader *r, struct dr_err *err)
{
    struct message m;
    DR_TRY(read_message(r, 0, &m, err));
    if (m.type != DR_ARROW_SCHEMA)
        return dr_fail(err, DR_EINPUT, "it does not start with a schema");
    r->at = m.end;
    return take_schema(r, m.header, err);
}

static int32_t next_of_stream(struct arrow_reader *r, struct dr_table **ret, struct dr_err *err)
{
    *ret = NULL;
    while (r->at < r->n) {
        struct message m;
        DR_TRY(read_message(r, r->at, &m, err));
        r->at = m.end;
        if (m.type == DR_ARROW_RECORDS)
            return read_records(r, &m, ret, err);
        if (m.type == DR_ARROW_DICTIONARY)
            DR_TRY(load_dictionary(r, &m, err));
        else if (m.type != 0)
            return dr_fail(err, DR_EINPUT, "it holds a message of type %d, which is not part of a table",
                           m.type);
    }
    return DR_OK;
}

/* ---- the reader ------------------------------------------------------------- */

static int32_t reader_next(struct dr_reader *base, struct dr_table **ret, struct dr_err *err)
{
    struct arrow_reader *r = (struct arrow_reader *)base;
    int32_t rc = r->file ? next_of_file(r, ret, err) : next_of_stream(r, ret, err);
    if (rc) {
        (void)dr_err_prefix(err, "Arrow file '%s'", r->name);
        return rc;
    }
    if (!*ret && !r->gave)
        *ret = empty_table(r);
    r->gave = true;
    return DR_OK;
}

static void reader_close(struct dr_reader *base)
{
    struct arrow_reader *r = (struct arrow_reader *)base;
    for (int32_t i = 0; i < r->dicts_n; i++)
        dr_arrow_dict_done(&r->dicts[i]);
    free(r->dicts);
    free(r->dict_of);
    dr_arrow_schema_done(&r->schema);
    dr_mem_unref(r->mem);
    free(r->name);
    free(r);
}

static bool starts_with(const struct arrow_reader *r, const char *magic)
{
    size_t n = strlen(magic);
    return r->n >= n && memcmp(r->p, magic, n) == 0;
}

/* A stream has no magic of its own: it starts with the continuation marker, or
 * before Arrow 0.15 with the length of a schema. */
static int32_t open_any(struct arrow_reader *r, struct dr_err *err)
{
    if (starts_with(r, DR_ARROW_MAGIC))
        return open_file(r, err);
    if (starts_with(r, "FEA1"))
        return dr_fail(err, DR_EINPUT,
                       "it is of Feather version 1; write it as version 2, which is an Arrow file");
    if (starts_with(r, "PAR1"))
        return dr_fail(err, DR_EINPUT, "it is a Parquet file, not an Arrow file");
    if (r->n < 8 || (word_at(r, 0) != UINT32_MAX && word_at(r, 0) > r->n))
        return dr_fail(err, DR_EINPUT, "it is not an Arrow file");
    return open_stream(r, err);
}

int32_t dr_arrow_open_mem(struct dr_mem *mem, const char *name, struct dr_reader **ret, struct dr_err *err)
{
    struct arrow_reader *r = dr_calloc(1, sizeof *r);
    r->base = (struct dr_reader){ .next = reader_next, .close = reader_close, .total = (int64_t)mem->n };
    r->name = dr_strdup(name);
    r->mem = dr_mem_ref(mem);
    r->p = mem->p;
    r->n = mem->n;
    r->budget = (struct dr_arrow_budget){ .rows = (int64_t)r->n * 8 + FREE_ROWS,
                                          .bytes = (int64_t)r->n * MAX_RATIO + MAX_RATIO_FLOOR };
    r->bytes_left = r->n;
    int32_t rc = open_any(r, err);
    if (rc) {
        (void)dr_err_prefix(err, "Arrow file '%s'", name);
        reader_close(&r->base);
        return rc;
    }
    *ret = &r->base;
    return DR_OK;
}

int32_t dr_arrow_open(const char *path, struct dr_reader **ret, struct dr_err *err)
{
    struct dr_mem *mem = NULL;
    const char *name = dr_streq(path, "-") ? "standard input" : path;
    DR_TRY(map_file(path, name, &mem, err));
    int32_t rc = dr_arrow_open_mem(mem, name, ret, err);
    dr_mem_unref(mem);
    return rc;
}

int32_t dr_table_read_arrow(const char *path, struct dr_table **ret, struct dr_err *err)
{
    struct dr_reader *r;
    DR_TRY(dr_arrow_open(path, &r, err));
    return dr_reader_collect(r, ret, err);
}
