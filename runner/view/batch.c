/* batch.c - reading a file and running the views. Cells are copied into one buffer, so
 * that a batch needs neither the document nor the runner once it is made. */
#include "view/batch.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/mem.h"

void dr_batch_init(struct dr_batch *b)
{
    *b = (struct dr_batch){ .doc = dr_json_doc_new(),
                            .bundle = dr_bundle_new(),
                            .runner = dr_view_runner_new() };
    b->text.max = DR_FHIR_FILE_MAX + DR_JSON_PADDING + 1;
}

void dr_batch_done(struct dr_batch *b)
{
    dr_json_doc_free(b->doc);
    dr_bundle_free(b->bundle);
    dr_view_runner_free(b->runner);
    dr_buf_done(&b->text);
    dr_buf_done(&b->bytes);
    dr_arena_done(&b->arena);
    free(b->resources);
    free(b->rows);
    free(b->cells);
    *b = (struct dr_batch){ 0 };
}

/* The whole file into b->text, with padding past its end. */
static int32_t read_text(struct dr_batch *b)
{
    DR_AUTO_FD fd = open(b->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe would wait for its writer */
    struct stat st;
    if (fd < 0 && errno == ENOENT)
        return dr_fail(&b->err, DR_ENOTFOUND, "there is no file '%s'", b->name);
    if (fd < 0 || fstat(fd, &st))
        return dr_fail_sys(&b->err, "open '%s'", b->name);
    if (!S_ISREG(st.st_mode))
        return dr_fail(&b->err, DR_EINPUT, "'%s' is not a file", b->name);
    if ((uint64_t)st.st_size > DR_FHIR_FILE_MAX)
        return dr_fail(&b->err, DR_ELIMIT, "'%s' has more than %zu MiB", b->name, DR_FHIR_FILE_MAX >> 20);
    size_t size = (size_t)st.st_size;
    char *p = dr_buf_reserve(&b->text, size + DR_JSON_PADDING);
    if (!p)
        return dr_fail(&b->err, DR_ELIMIT, "'%s' is too large", b->name);
    while (b->text.n < size) {
        ssize_t got = pread(fd, p + b->text.n, size - b->text.n, (off_t)b->text.n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return dr_fail_sys(&b->err, "read '%s'", b->name);
        if (got == 0)
            break; /* it became shorter: JSON will tell */
        b->text.n += (size_t)got;
    }
    memset(p + b->text.n, 0, DR_JSON_PADDING);
    b->size = b->text.n;
    return DR_OK;
}

/* ---- rows ---- */

#define GROW(array, n, cap, least)                                                                           \
    do {                                                                                                     \
        if ((n) == (cap)) {                                                                                  \
            (cap) = (cap) ? (cap)*2 : (least);                                                               \
            (array) = dr_realloc((array), (cap) * sizeof *(array));                                          \
        }                                                                                                    \
    } while (0)

struct taking {
    struct dr_batch *b;
    int32_t table;
};

static int32_t take_row(void *ctx, const struct dr_view *v, const struct dr_view_cell *cells,
                        struct dr_err *err)
{
    struct taking *t = ctx;
    struct dr_batch *b = t->b;
    GROW(b->rows, b->n_rows, b->cap_rows, 1024);
    b->rows[b->n_rows++] = (struct dr_batch_row){ t->table, b->n_cells };
    for (int32_t i = 0; i < v->n_columns; i++) {
        GROW(b->cells, b->n_cells, b->cap_cells, 8192);
        b->cells[b->n_cells++] =
            (struct dr_batch_cell){ cells[i].kind, cells[i].truth, (uint32_t)cells[i].text.n, b->bytes.n };
        if (cells[i].text.n && dr_buf_append(&b->bytes, cells[i].text.p, cells[i].text.n))
            return dr_fail(err, DR_ELIMIT, "the rows of one file take more than %zu MiB", DR_BUF_MAX >> 20);
    }
    return DR_OK;
}

static int32_t run_views(struct dr_batch *b, const struct dr_view_set *set, const struct dr_bundle_entry *e,
                         struct dr_err *err)
{
    for (int32_t i = 0; i < set->n; i++) {
        struct taking t = { b, i };
        if (dr_str_eq(e->type, dr_str_of(set->tables[i].view->resource)))
            DR_TRY(dr_view_run(b->runner, set->tables[i].view, e->resource, e->key, b->bundle, take_row, &t,
                               err));
    }
    return DR_OK;
}

static struct dr_str keep(struct dr_batch *b, struct dr_str s)
{
    return (struct dr_str){ dr_arena_dup(&b->arena, s.p, s.n), s.n };
}

static void add_resource(struct dr_batch *b, const struct dr_view_set *set, size_t i)
{
    const struct dr_bundle_entry *e = dr_bundle_at(b->bundle, i);
    struct dr_str source = dr_json_source(e->resource);
    struct dr_json_value meta = dr_json_get(e->resource, "meta", 4);
    struct dr_err err = { 0 };
    size_t rows = b->n_rows, cells = b->n_cells, bytes = b->bytes.n;
    GROW(b->resources, b->n, b->cap, 256);
    struct dr_batch_resource *r = &b->resources[b->n++];
    *r = (struct dr_batch_resource){ .type = keep(b, e->type),
                                     .key = keep(b, e->key),
                                     .last_updated =
                                         keep(b, dr_json_text(dr_json_get(meta, "lastUpdated", 11))),
                                     .problem = e->problem,
                                     .hash = dr_hash(source.p, source.n),
                                     .entry = (int64_t)i,
                                     .first_row = rows };
    if (!r->problem.n && run_views(b, set, e, &err)) {
        r->problem = keep(b, dr_str_of(err.msg));
        b->n_rows = rows;
        b->n_cells = cells;
        b->bytes.n = bytes;
        b->bytes.failed = false;
    }
    r->n_rows = b->n_rows - rows;
}

static void forget(struct dr_batch *b, const char *path, const char *name)
{
    dr_buf_clear(&b->text);
    dr_buf_clear(&b->bytes);
    dr_arena_done(&b->arena);
    b->n = b->n_rows = b->n_cells = 0;
    b->err = (struct dr_err){ 0 };
    b->path = path;
    b->name = name;
    b->hash[0] = 0;
    b->size = 0;
    b->unchanged = false;
}

static int32_t parse(struct dr_batch *b)
{
    DR_TRY(dr_json_doc_parse(b->doc, b->name, b->text.p, b->text.n, &b->err));
    if (dr_bundle_read(b->bundle, dr_json_root(b->doc), &b->err))
        return dr_err_prefix(&b->err, "%s", b->name);
    return DR_OK;
}

int32_t dr_batch_open(struct dr_batch *b, const char *path, struct dr_err *err)
{
    forget(b, path, path);
    int32_t rc = read_text(b);
    if (!rc)
        rc = parse(b);
    *err = b->err;
    return rc;
}

void dr_batch_read(struct dr_batch *b, const struct dr_view_set *set, const char *path, const char *name,
                   const char *known)
{
    forget(b, path, name);
    if (read_text(b))
        return;
    dr_hash_hex(b->text.p, b->text.n, b->hash);
    b->unchanged = known && dr_streq(known, b->hash);
    if (b->unchanged || parse(b))
        return;
    for (size_t i = 0; i < dr_bundle_size(b->bundle); i++)
        add_resource(b, set, i);
}
