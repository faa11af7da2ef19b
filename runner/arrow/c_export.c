/* c_export.c - a table as a stream of the Arrow C Data Interface.
 *
 * A batch is a chunk: a struct array whose children lend the chunk's buffers
 * and hold a reference to it until released. By the interface's rules a consumer
 * may move a child out of its parent, so each node frees only what is its own. */
#include "data/kernel.h"

/* A dictionary's values laid out as utf8 (offsets of 32 bits) or, past 2 GiB,
 * large_utf8; made once for a stream and shared by its batches. */
struct dict_values {
    int64_t n;
    struct dr_mem *offsets, *bytes; /* owned; NULL: not DICT */
    bool large;
};

struct stream {
    struct dr_table *t; /* owned */
    struct dict_values *dicts;
    int32_t next; /* chunk */
};

/* What an exported array keeps alive. */
struct held {
    struct dr_array *a;             /* owned; or NULL */
    struct dr_mem *offsets, *bytes; /* owned; or NULL */
    const void *buffers[3];
};

/* ---- schema -------------------------------------------------------------------------- */

static void release_schema(struct ArrowSchema *s)
{
    for (int64_t i = 0; i < s->n_children; i++) {
        if (s->children[i]->release)
            s->children[i]->release(s->children[i]);
        free(s->children[i]);
    }
    free(s->children);
    if (s->dictionary && s->dictionary->release)
        s->dictionary->release(s->dictionary);
    free(s->dictionary);
    free(s->private_data);
    s->release = NULL;
}

/* Format and name share one allocation, which private_data owns. */
static void fill_schema(struct ArrowSchema *s, const char *format, const char *name, int64_t flags)
{
    size_t n = strlen(format) + 1, m = strlen(name) + 1;
    char *texts = dr_malloc(n + m);
    memcpy(texts, format, n);
    memcpy(texts + n, name, m);
    *s = (struct ArrowSchema){
        .format = texts, .name = texts + n, .flags = flags, .release = release_schema, .private_data = texts
    };
}

static const char *format_of(const struct dr_column *c, char *scratch, size_t size)
{
    switch (c->type) {
    case DR_TYPE_NULL:
        return "n";
    case DR_TYPE_BOOL:
        return "b";
    case DR_TYPE_INT64:
        return "l";
    case DR_TYPE_FLOAT64:
        return "g";
    case DR_TYPE_DATE:
        return "tdD";
    case DR_TYPE_TIMESTAMP:
        return c->zoned ? "tsu:UTC" : "tsu:";
    case DR_TYPE_DECIMAL:
        snprintf(scratch, size, "d:38,%d", (int)c->scale);
        return scratch;
    case DR_TYPE_STRING:
        return "U";
    default:
        return "i";
    }
}

static void fill_column_schema(struct ArrowSchema *s, const struct dr_column *c, const char *name,
                               const struct dict_values *d)
{
    char scratch[32];
    fill_schema(s, format_of(c, scratch, sizeof scratch), name, ARROW_FLAG_NULLABLE);
    if (c->type != DR_TYPE_DICT)
        return;
    s->dictionary = dr_calloc(1, sizeof *s->dictionary);
    fill_schema(s->dictionary, d->large ? "U" : "u", "", 0);
}

static int stream_schema(struct ArrowArrayStream *in, struct ArrowSchema *out)
{
    const struct stream *s = in->private_data;
    fill_schema(out, "+s", "", 0);
    out->n_children = s->t->n;
    out->children = dr_calloc((size_t)s->t->n, sizeof(struct ArrowSchema *));
    for (int32_t i = 0; i < s->t->n; i++) {
        out->children[i] = dr_calloc(1, sizeof(struct ArrowSchema));
        fill_column_schema(out->children[i], s->t->columns[i], s->t->names[i], &s->dicts[i]);
    }
    return 0;
}

/* ---- arrays --------------------------------------------------------------------------- */

static void release_array(struct ArrowArray *a)
{
    struct held *h = a->private_data;
    for (int64_t i = 0; i < a->n_children; i++) {
        if (a->children[i]->release)
            a->children[i]->release(a->children[i]);
        free(a->children[i]);
    }
    free(a->children);
    if (a->dictionary && a->dictionary->release)
        a->dictionary->release(a->dictionary);
    free(a->dictionary);
    dr_array_unref(h->a);
    dr_mem_unref(h->offsets);
    dr_mem_unref(h->bytes);
    free(h);
    a->release = NULL;
}

static struct held *fill_array(struct ArrowArray *out, int64_t n, int64_t nulls, int64_t n_buffers)
{
    struct held *h = dr_calloc(1, sizeof *h);
    *out = (struct ArrowArray){ .length = n,
                                .null_count = nulls,
                                .n_buffers = n_buffers,
                                .buffers = h->buffers,
                                .release = release_array,
                                .private_data = h };
    return h;
}

static struct ArrowArray *export_dict(const struct dict_values *d)
{
    struct ArrowArray *out = dr_calloc(1, sizeof *out);
    struct held *h = fill_array(out, d->n, 0, 3);
    h->offsets = dr_mem_ref(d->offsets);
    h->bytes = dr_mem_ref(d->bytes);
    h->buffers[1] = d->offsets->p;
    h->buffers[2] = d->bytes->p;
    return out;
}

static struct ArrowArray *export_chunk(struct dr_array *a, const struct dict_values *d)
{
    struct ArrowArray *out = dr_calloc(1, sizeof *out);
    int64_t n_buffers = a->type == DR_TYPE_NULL ? 0 : a->type == DR_TYPE_STRING ? 3 : 2;
    struct held *h = fill_array(out, a->n, a->nulls, n_buffers);
    h->a = dr_array_ref(a);
    h->buffers[0] = a->valid;
    h->buffers[1] = a->values;
    h->buffers[2] = a->bytes;
    if (a->type == DR_TYPE_DICT)
        out->dictionary = export_dict(d);
    return out;
}

static int stream_next(struct ArrowArrayStream *in, struct ArrowArray *out)
{
    struct stream *s = in->private_data;
    if (s->t->n == 0 || s->next >= s->t->columns[0]->n) {
        *out = (struct ArrowArray){ 0 };
        return 0;
    }
    int32_t k = s->next++;
    fill_array(out, s->t->columns[0]->chunk[k]->n, 0, 1);
    out->n_children = s->t->n;
    out->children = dr_calloc((size_t)s->t->n, sizeof(struct ArrowArray *));
    for (int32_t i = 0; i < s->t->n; i++)
        out->children[i] = export_chunk(s->t->columns[i]->chunk[k], &s->dicts[i]);
    return 0;
}

/* ---- the stream ------------------------------------------------------------------------ */

static const char *stream_error(struct ArrowArrayStream *in)
{
    (void)in;
    return NULL;
}

static void stream_release(struct ArrowArrayStream *in)
{
    struct stream *s = in->private_data;
    for (int32_t i = 0; i < s->t->n; i++) {
        dr_mem_unref(s->dicts[i].offsets);
        dr_mem_unref(s->dicts[i].bytes);
    }
    free(s->dicts);
    dr_table_unref(s->t);
    free(s);
    in->release = NULL;
}

static void lay_out_dict(const struct dr_dict *dict, struct dict_values *d)
{
    size_t bytes = 0, at = 0;
    for (int32_t code = 0; code < dict->n; code++)
        bytes += dict->values[code].n;
    d->n = dict->n;
    d->large = bytes > INT32_MAX;
    d->offsets = dr_mem_new_zero(((size_t)dict->n + 1) * (d->large ? 8 : 4));
    d->bytes = dr_mem_new(bytes);
    for (int32_t code = 0; code < dict->n; code++) {
        struct dr_str s = dict->values[code];
        if (s.n)
            memcpy((char *)d->bytes->p + at, s.p, s.n);
        at += s.n;
        if (d->large)
            ((int64_t *)d->offsets->p)[code + 1] = (int64_t)at;
        else
            ((int32_t *)d->offsets->p)[code + 1] = (int32_t)at;
    }
}

int32_t dr_table_export(const struct dr_table *t, struct ArrowArrayStream *ret, struct dr_err *err)
{
    (void)err;
    struct stream *s = dr_calloc(1, sizeof *s);
    s->t = dr_table_ref(t);
    s->dicts = dr_calloc((size_t)t->n, sizeof *s->dicts);
    for (int32_t i = 0; i < t->n; i++)
        if (t->columns[i]->type == DR_TYPE_DICT)
            lay_out_dict(t->columns[i]->dict, &s->dicts[i]);
    *ret = (struct ArrowArrayStream){ .get_schema = stream_schema,
                                      .get_next = stream_next,
                                      .get_last_error = stream_error,
                                      .release = stream_release,
                                      .private_data = s };
    return DR_OK;
}
