/* ipc_write.c - tables out as an Arrow IPC file, batch by batch, or whole as a stream.
 *
 *   "ARROW1" 0 0 | schema | record batch ... | dictionary ... | end | footer | its length | "ARROW1"
 *
 * A DICT column's dictionary is known in full only at the end of the stream, so
 * the dictionaries come after the record batches: the file format finds them
 * through the footer and lets them lie anywhere. (The alternative, a first
 * dictionary and deltas as it grows, is in the format too, but Polars refuses
 * deltas. A stream, whose dictionaries come first, is written of a whole table for
 * that reason.) Only values that some row uses are written, numbered in order of
 * their first row: a file says nothing of rows that were filtered away, and the
 * same rows give the same bytes whatever became of them before.
 *
 * Every message is padded so that its body starts and ends at a multiple of 64
 * bytes in the file, as our reader maps it. */
#include "arrow/ipc.h"
#include <limits.h>
#include "base/file.h"

#define BODY_ALIGN 64
#define BUFFER_SIZE ((size_t)256 << 10)
#define PREFIX 8 /* continuation and metadata length */

/* The dictionary of a column as it goes into the file. */
struct dict_out {
    struct dr_dict *dict;   /* owned: the values used so far */
    struct dr_dict *source; /* owned reference: what codes maps from */
    int32_t *codes;         /* owned: for each code of source ours, or -1 */
    int32_t codes_n;
    int64_t bytes; /* of text in dict */
};

struct block_list {
    struct dr_arrow_block *p; /* owned */
    size_t n, cap;
};

struct arrow_writer {
    struct dr_writer base;
    struct dr_out out;
    char *path;    /* owned, for messages */
    uint8_t *held; /* owned: bytes not yet written */
    size_t held_n;
    int64_t at;   /* bytes put so far, written or held */
    bool started; /* the schema is known and written */
    bool stream;  /* no magic, no footer */
    struct dr_arrow_schema schema;
    struct dict_out *dicts; /* owned, one for each column */
    struct block_list records, dictionaries;
    struct dr_fbb fbb;
};

/* A buffer of a body. */
struct piece {
    const void *p;
    int64_t n;
};
/* A body under construction: the nodes and buffers of a record batch. */
struct body {
    int64_t rows;
    int64_t *nodes;       /* owned: pairs of rows and nulls */
    struct piece *pieces; /* owned */
    int64_t *places;      /* owned: pairs of offset and length, one for each piece */
    int32_t nodes_n, pieces_n;
    struct dr_mem **scratch; /* owned: buffers made for this body */
    int32_t scratch_n;
};

/* ---- bytes ---------------------------------------------------------------- */

static int32_t flush(struct arrow_writer *w, struct dr_err *err)
{
    DR_TRY(dr_write_all(w->out.fd, w->held, w->held_n, err));
    w->held_n = 0;
    return DR_OK;
}

/* Hold small pieces together; write large ones from where they are. */
static int32_t put(struct arrow_writer *w, const void *p, size_t n, struct dr_err *err)
{
    w->at += (int64_t)n;
    if (n > BUFFER_SIZE - w->held_n)
        DR_TRY(flush(w, err));
    if (n >= BUFFER_SIZE)
        return dr_write_all(w->out.fd, p, n, err);
    if (n)
        memcpy(w->held + w->held_n, p, n);
    w->held_n += n;
    return DR_OK;
}

static int64_t padded(int64_t n)
{
    return (n + BODY_ALIGN - 1) / BODY_ALIGN * BODY_ALIGN;
}

static int32_t put_padding(struct arrow_writer *w, int64_t n, struct dr_err *err)
{
    static const uint8_t zeros[BODY_ALIGN];
    return put(w, zeros, (size_t)(padded(n) - n), err);
}

/* ---- messages ------------------------------------------------------------- */

static dr_fb_ref message(struct dr_fbb *b, int8_t type, dr_fb_ref header, int64_t body_n)
{
    dr_fbb_start(b);
    dr_fbb_i16(b, DR_MESSAGE_VERSION, DR_ARROW_V5);
    dr_fbb_i8(b, DR_MESSAGE_TYPE, type);
    dr_fbb_ref(b, DR_MESSAGE_HEADER, header);
    dr_fbb_i64(b, DR_MESSAGE_BODY, body_n);
    return dr_fbb_end(b);
}

/* Write a message's prefix and metadata, padded so that the body is aligned. */
static int32_t put_metadata(struct arrow_writer *w, struct dr_str metadata, struct dr_arrow_block *ret,
                            struct dr_err *err)
{
    ret->offset = w->at;
    int64_t end = padded(w->at + PREFIX + (int64_t)metadata.n);
    if (end - w->at > INT32_MAX)
        return dr_fail(err, DR_ELIMIT, "the metadata of a batch exceeds 2 GiB");
    ret->metadata_n = (int32_t)(end - w->at);
    uint32_t prefix[2] = { UINT32_MAX, (uint32_t)ret->metadata_n - PREFIX };
    DR_TRY(put(w, prefix, sizeof prefix, err));
    DR_TRY(put(w, metadata.p, metadata.n, err));
    return put_padding(w, w->at, err);
}

static int32_t put_schema(struct arrow_writer *w, struct dr_err *err)
{
    struct dr_arrow_block place = { 0 };
    dr_fbb_clear(&w->fbb);
    dr_fb_ref schema = dr_arrow_schema_write(&w->fbb, &w->schema);
    dr_fb_ref root = message(&w->fbb, DR_ARROW_SCHEMA, schema, 0);
    return put_metadata(w, dr_fbb_finish(&w->fbb, root), &place, err);
}

/* ---- bodies --------------------------------------------------------------- */

static void body_init(struct body *b, int32_t columns, int64_t rows)
{
    size_t n = (size_t)columns;
    *b = (struct body){ .rows = rows };
    b->nodes = dr_calloc(n * 2, sizeof *b->nodes);
    b->pieces = dr_calloc(n * 3, sizeof *b->pieces);
    b->places = dr_calloc(n * 3 * 2, sizeof *b->places);
    b->scratch = dr_calloc(n * 3, sizeof(struct dr_mem *));
}

static void body_done(struct body *b)
{
    for (int32_t i = 0; i < b->scratch_n; i++)
        dr_mem_unref(b->scratch[i]);
    free(b->scratch);
    free(b->nodes);
    free(b->pieces);
    free(b->places);
}

static void *body_scratch(struct body *b, size_t n)
{
    struct dr_mem *m = dr_mem_new(n);
    b->scratch[b->scratch_n++] = m;
    return m->p;
}

static void add_node(struct body *b, int64_t rows, int64_t nulls)
{
    b->nodes[2 * b->nodes_n] = rows;
    b->nodes[2 * b->nodes_n + 1] = nulls;
    b->nodes_n++;
}

static void add_piece(struct body *b, const void *p, int64_t n)
{
    b->pieces[b->pieces_n++] = (struct piece){ p, n };
}

/* Lay the pieces out one after the other; gives the length of the body. */
static int64_t body_layout(struct body *b)
{
    int64_t at = 0;
    for (int32_t i = 0; i < b->pieces_n; i++) {
        b->places[2 * i] = at;
        b->places[2 * i + 1] = b->pieces[i].n;
        at += padded(b->pieces[i].n);
    }
    return at;
}

static int32_t put_body(struct arrow_writer *w, const struct body *b, struct dr_err *err)
{
    for (int32_t i = 0; i < b->pieces_n; i++) {
        DR_TRY(put(w, b->pieces[i].p, (size_t)b->pieces[i].n, err));
        DR_TRY(put_padding(w, b->pieces[i].n, err));
    }
    return DR_OK;
}

/* The RecordBatch table of a body. */
static dr_fb_ref records(struct dr_fbb *fbb, const struct body *b)
{
    dr_fb_ref nodes = dr_fbb_structs(fbb, b->nodes, (size_t)b->nodes_n, 16);
    dr_fb_ref buffers = dr_fbb_structs(fbb, b->places, (size_t)b->pieces_n, 16);
    dr_fbb_start(fbb);
    dr_fbb_i64(fbb, DR_RECORDS_LENGTH, b->rows);
    dr_fbb_ref(fbb, DR_RECORDS_NODES, nodes);
    dr_fbb_ref(fbb, DR_RECORDS_BUFFERS, buffers);
    return dr_fbb_end(fbb);
}

static void add_block(struct block_list *l, struct dr_arrow_block block)
{
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 16;
        l->p = dr_realloc(l->p, l->cap * sizeof *l->p);
    }
    l->p[l->n++] = block;
}

/* ---- columns -------------------------------------------------------------- */

/* Forget which codes another dictionary had. */
static void follow_source(struct dict_out *o, struct dr_dict *source)
{
    if (o->source != source) {
        dr_dict_unref(o->source);
        o->source = dr_dict_ref(source);
        o->codes_n = 0;
    }
    if (o->codes_n < source->n) { /* a dictionary may have grown since the last batch */
        o->codes = dr_realloc(o->codes, (size_t)source->n * sizeof *o->codes);
        memset(o->codes + o->codes_n, 0xff, (size_t)(source->n - o->codes_n) * sizeof *o->codes);
        o->codes_n = source->n;
    }
}

static int32_t new_code(struct dict_out *o, int32_t code)
{
    struct dr_str text = o->source->values[code];
    int32_t known = o->dict->n;
    int32_t ours = dr_dict_put(o->dict, text);
    if (o->dict->n > known)
        o->bytes += (int64_t)text.n;
    return o->codes[code] = ours;
}

/* The codes of the file for those of an array. */
static void map_codes(struct dict_out *o, const struct dr_array *a, int32_t *ret)
{
    const int32_t *codes = a->values;
    for (int64_t i = 0; i < a->n; i++) {
        if (a->valid && !dr_bit(a->valid, i)) {
            ret[i] = 0;
            continue;
        }
        int32_t ours = o->codes[codes[i]];
        ret[i] = ours >= 0 ? ours : new_code(o, codes[i]);
    }
}

static int32_t find_codes(struct dict_out *o, const struct dr_array *a, int32_t *ret, struct dr_err *err)
{
    if (!o->dict)
        o->dict = dr_dict_new();
    follow_source(o, a->dict);
    map_codes(o, a, ret);
    if (o->bytes > INT32_MAX)
        return dr_fail(err, DR_ELIMIT, "its distinct texts exceed 2 GiB; make it a column of type string");
    return DR_OK;
}

static int32_t add_codes(struct dict_out *o, const struct dr_array *a, struct body *b, struct dr_err *err)
{
    int32_t *codes = body_scratch(b, (size_t)a->n * sizeof *codes);
    add_piece(b, codes, a->n * (int64_t)sizeof *codes);
    return find_codes(o, a, codes, err);
}

/* A slice's offsets do not start at 0; those in the file do. */
static void add_text(const struct dr_array *a, struct body *b)
{
    const int64_t *offsets = a->values;
    int64_t first = offsets[0], size = (a->n + 1) * (int64_t)sizeof *offsets;
    if (first != 0) {
        int64_t *moved = body_scratch(b, (size_t)size);
        for (int64_t i = 0; i <= a->n; i++)
            moved[i] = offsets[i] - first;
        offsets = moved;
    }
    add_piece(b, offsets, size);
    add_piece(b, a->bytes ? a->bytes + first : "", offsets[a->n]);
}

static int32_t check_range(const struct dr_array *a, struct dr_err *err)
{
    int64_t row = dr_arrow_out_of_range(a);
    if (row < 0)
        return DR_OK;
    return dr_fail(err, DR_EINPUT, "row %lld of the batch lies outside the years 1 to 9999",
                   (long long)row + 1);
}

static int32_t add_column(struct arrow_writer *w, int32_t i, const struct dr_array *a, struct body *b,
                          struct dr_err *err)
{
    add_node(b, a->n, a->type == DR_TYPE_NULL ? a->n : a->nulls);
    if (a->type == DR_TYPE_NULL)
        return DR_OK;
    add_piece(b, a->valid, a->nulls ? (a->n + 7) / 8 : 0);
    switch (a->type) {
    case DR_TYPE_BOOL:
        add_piece(b, a->values, (a->n + 7) / 8);
        return DR_OK;
    case DR_TYPE_STRING:
        add_text(a, b);
        return DR_OK;
    case DR_TYPE_DICT:
        return add_codes(&w->dicts[i], a, b, err);
    case DR_TYPE_DATE:
    case DR_TYPE_TIMESTAMP:
        DR_TRY(check_range(a, err));
        break;
    default:
        break;
    }
    add_piece(b, a->values, a->n * (int64_t)dr_type_width(a->type));
    return DR_OK;
}

/* ---- batches -------------------------------------------------------------- */

static int32_t put_records(struct arrow_writer *w, const struct body *b, int64_t body_n, struct dr_err *err)
{
    struct dr_arrow_block block = { .body_n = body_n };
    dr_fbb_clear(&w->fbb);
    dr_fb_ref root = message(&w->fbb, DR_ARROW_RECORDS, records(&w->fbb, b), body_n);
    DR_TRY(put_metadata(w, dr_fbb_finish(&w->fbb, root), &block, err));
    add_block(&w->records, block);
    return put_body(w, b, err);
}

/* Chunk k of every column as a record batch. */
static int32_t put_chunk(struct arrow_writer *w, const struct dr_table *t, int32_t k, struct dr_err *err)
{
    struct body b;
    int32_t rc = DR_OK;
    body_init(&b, t->n, t->columns[0]->chunk[k]->n);
    for (int32_t i = 0; i < t->n && !rc; i++) {
        rc = add_column(w, i, t->columns[i]->chunk[k], &b, err);
        if (rc)
            (void)dr_err_prefix(err, "column '%s'", t->names[i]);
    }
    if (!rc)
        rc = put_records(w, &b, body_layout(&b), err);
    body_done(&b);
    return rc;
}

static int32_t start(struct arrow_writer *w, const struct dr_table *t, struct dr_err *err)
{
    w->started = true;
    dr_arrow_schema_of(t, &w->schema);
    w->dicts = dr_calloc((size_t)t->n, sizeof *w->dicts);
    if (!w->stream)
        DR_TRY(put(w, DR_ARROW_MAGIC "\0", 8, err));
    return put_schema(w, err);
}

static int32_t check_schema(const struct arrow_writer *w, const struct dr_table *t, struct dr_err *err)
{
    if (t->n != w->schema.n)
        return dr_fail(err, DR_EINPUT, "a batch has %d columns, the first one had %d", (int)t->n,
                       (int)w->schema.n);
    for (int32_t i = 0; i < t->n; i++) {
        const struct dr_arrow_field *f = &w->schema.fields[i];
        const struct dr_column *c = t->columns[i];
        if (!dr_streq(f->name, t->names[i]))
            return dr_fail(err, DR_EINPUT, "column %d of a batch is named '%s', in the first one '%s'",
                           (int)i + 1, t->names[i], f->name);
        if (f->type != c->type || f->scale != c->scale || f->zoned != c->zoned)
            return dr_fail(err, DR_EINPUT,
                           "column '%s' of a batch is of another type (%s) than in the first one (%s)",
                           f->name, dr_type_name(c->type), dr_type_name(f->type));
    }
    return DR_OK;
}

static int32_t put_batch(struct arrow_writer *w, const struct dr_table *t, struct dr_err *err)
{
    if (w->started)
        DR_TRY(check_schema(w, t, err));
    else
        DR_TRY(start(w, t, err));
    int32_t chunks = t->n ? t->columns[0]->n : 0;
    for (int32_t k = 0; k < chunks; k++)
        if (t->columns[0]->chunk[k]->n)
            DR_TRY(put_chunk(w, t, k, err));
    return DR_OK;
}

static int32_t writer_write(struct dr_writer *base, const struct dr_table *batch, struct dr_err *err)
{
    struct arrow_writer *w = (struct arrow_writer *)base;
    int32_t rc = put_batch(w, batch, err);
    if (rc)
        (void)dr_err_prefix(err, "write '%s'", w->path);
    return rc;
}

/* ---- the end of the file --------------------------------------------------- */

static int32_t put_dictionary(struct arrow_writer *w, int64_t id, const struct dr_dict *d, struct dr_err *err)
{
    struct body b;
    body_init(&b, 1, d->n);
    DR_AUTO_FREE int32_t *offsets = dr_calloc((size_t)d->n + 1, sizeof *offsets);
    for (int32_t i = 0; i < d->n; i++)
        offsets[i + 1] = offsets[i] + (int32_t)d->values[i].n;
    DR_AUTO_FREE char *bytes = dr_malloc((size_t)offsets[d->n]);
    for (int32_t i = 0; i < d->n; i++)
        memcpy(bytes + offsets[i], d->values[i].p, d->values[i].n);
    add_node(&b, d->n, 0);
    add_piece(&b, NULL, 0);
    add_piece(&b, offsets, (d->n + 1) * (int64_t)sizeof *offsets);
    add_piece(&b, bytes, offsets[d->n]);
    struct dr_arrow_block block = { .body_n = body_layout(&b) };
    dr_fbb_clear(&w->fbb);
    dr_fb_ref data = records(&w->fbb, &b);
    dr_fbb_start(&w->fbb);
    dr_fbb_i64(&w->fbb, DR_DICTBATCH_ID, id);
    dr_fbb_ref(&w->fbb, DR_DICTBATCH_DATA, data);
    dr_fb_ref root = message(&w->fbb, DR_ARROW_DICTIONARY, dr_fbb_end(&w->fbb), block.body_n);
    int32_t rc = put_metadata(w, dr_fbb_finish(&w->fbb, root), &block, err);
    if (!rc)
        rc = put_body(w, &b, err);
    if (!rc)
        add_block(&w->dictionaries, block);
    body_done(&b);
    return rc;
}

static int32_t put_dictionaries(struct arrow_writer *w, struct dr_err *err)
{
    for (int32_t i = 0; i < w->schema.n; i++) {
        if (!w->schema.fields[i].dictionary)
            continue;
        if (!w->dicts[i].dict)
            w->dicts[i].dict = dr_dict_new();
        DR_TRY(put_dictionary(w, i, w->dicts[i].dict, err));
    }
    return DR_OK;
}

static int32_t put_end_of_stream(struct arrow_writer *w, struct dr_err *err)
{
    static const uint32_t end_of_stream[2] = { UINT32_MAX, 0 };
    return put(w, end_of_stream, sizeof end_of_stream, err);
}

static int32_t put_footer(struct arrow_writer *w, struct dr_err *err)
{
    struct dr_fbb *b = &w->fbb;
    DR_TRY(put_end_of_stream(w, err));
    dr_fbb_clear(b);
    dr_fb_ref schema = dr_arrow_schema_write(b, &w->schema);
    dr_fb_ref dictionaries =
        dr_fbb_structs(b, w->dictionaries.p, w->dictionaries.n, sizeof *w->dictionaries.p);
    dr_fb_ref blocks = dr_fbb_structs(b, w->records.p, w->records.n, sizeof *w->records.p);
    dr_fbb_start(b);
    dr_fbb_i16(b, DR_FOOTER_VERSION, DR_ARROW_V5);
    dr_fbb_ref(b, DR_FOOTER_SCHEMA, schema);
    dr_fbb_ref(b, DR_FOOTER_DICTIONARIES, dictionaries);
    dr_fbb_ref(b, DR_FOOTER_RECORDS, blocks);
    struct dr_str footer = dr_fbb_finish(b, dr_fbb_end(b));
    uint32_t length = (uint32_t)footer.n;
    DR_TRY(put(w, footer.p, footer.n, err));
    DR_TRY(put(w, &length, sizeof length, err));
    return put(w, DR_ARROW_MAGIC, sizeof DR_ARROW_MAGIC - 1, err);
}

static int32_t finish(struct arrow_writer *w, struct dr_err *err)
{
    if (!w->started)
        return dr_fail(err, DR_EINPUT, "nothing was written, not even the columns");
    DR_TRY(put_dictionaries(w, err));
    DR_TRY(put_footer(w, err));
    DR_TRY(flush(w, err));
    return dr_out_commit(&w->out, err);
}

/* ---- the writer ------------------------------------------------------------- */

/* dr_out_abort does nothing to what was committed. */
static void writer_abort(struct dr_writer *base)
{
    struct arrow_writer *w = (struct arrow_writer *)base;
    dr_out_abort(&w->out);
    for (int32_t i = 0; i < w->schema.n; i++) {
        dr_dict_unref(w->dicts[i].dict);
        dr_dict_unref(w->dicts[i].source);
        free(w->dicts[i].codes);
    }
    free(w->dicts);
    dr_arrow_schema_done(&w->schema);
    free(w->records.p);
    free(w->dictionaries.p);
    dr_fbb_done(&w->fbb);
    free(w->held);
    free(w->path);
    free(w);
}

static int32_t writer_commit(struct dr_writer *base, struct dr_err *err)
{
    struct arrow_writer *w = (struct arrow_writer *)base;
    int32_t rc = finish(w, err);
    if (rc)
        (void)dr_err_prefix(err, "write '%s'", w->path);
    writer_abort(base);
    return rc;
}

static struct arrow_writer *new_writer(struct dr_out out, const char *path)
{
    struct arrow_writer *w = dr_calloc(1, sizeof *w);
    w->base = (struct dr_writer){ .write = writer_write, .commit = writer_commit, .abort = writer_abort };
    w->out = out;
    w->path = dr_strdup(path);
    w->held = dr_malloc(BUFFER_SIZE);
    return w;
}

static int32_t open_writer(const char *path, struct arrow_writer **ret, struct dr_err *err)
{
    struct dr_out out;
    DR_TRY(dr_out_open(&out, path, err));
    *ret = new_writer(out, path);
    return DR_OK;
}

struct dr_writer *dr_arrow_writer_to(int fd, const char *name)
{
    struct dr_out out;
    dr_out_take(&out, fd, name);
    return &new_writer(out, name)->base;
}

int32_t dr_arrow_writer(const char *path, struct dr_writer **ret, struct dr_err *err)
{
    struct arrow_writer *w;
    DR_TRY(open_writer(path, &w, err));
    *ret = &w->base;
    return DR_OK;
}

int32_t dr_table_write_arrow(const struct dr_table *t, const char *path, struct dr_err *err)
{
    struct dr_writer *w;
    DR_TRY(dr_arrow_writer(path, &w, err));
    return dr_writer_finish_with(w, t, err);
}

/* ---- streams ---------------------------------------------------------------- */

/* Number the values of column i that some row uses, as its batches will. */
static int32_t number_values(struct arrow_writer *w, const struct dr_table *t, int32_t i, struct dr_err *err)
{
    for (int32_t k = 0; k < t->columns[i]->n; k++) {
        const struct dr_array *a = t->columns[i]->chunk[k];
        DR_AUTO_FREE int32_t *codes = dr_malloc((size_t)a->n * sizeof *codes);
        if (find_codes(&w->dicts[i], a, codes, err))
            return dr_err_prefix(err, "column '%s'", t->names[i]);
    }
    return DR_OK;
}

static int32_t put_stream(struct arrow_writer *w, const struct dr_table *t, struct dr_err *err)
{
    DR_TRY(start(w, t, err));
    for (int32_t i = 0; i < t->n; i++)
        if (t->columns[i]->type == DR_TYPE_DICT)
            DR_TRY(number_values(w, t, i, err));
    DR_TRY(put_dictionaries(w, err));
    DR_TRY(put_batch(w, t, err));
    DR_TRY(put_end_of_stream(w, err));
    DR_TRY(flush(w, err));
    return dr_out_commit(&w->out, err);
}

int32_t dr_table_write_arrow_stream(const struct dr_table *t, const char *path, struct dr_err *err)
{
    struct arrow_writer *w;
    DR_TRY(open_writer(path, &w, err));
    w->stream = true;
    int32_t rc = put_stream(w, t, err);
    if (rc)
        (void)dr_err_prefix(err, "write '%s'", w->path);
    writer_abort(&w->base);
    return rc;
}
