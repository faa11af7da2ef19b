/* read.c - the CSV reader: pieces in order, batches out.
 *
 *   input --> pieces --> units --> (accept) --> queue --> batches
 *
 * The first rows are read on the calling thread, until a window of them tells
 * which columns repeat their values (DICT) and which hardly do (STRING). The
 * rest of a large file is read by the pool's threads in rounds (round.c);
 * what cannot be read at any offset, and small files, stay sequential. Units
 * are accepted in file order, so that dictionaries, line numbers, rejects and
 * errors do not depend on how a file was cut up. */
#include "csv/reader.h"
#include "data/bulk.h"
#include "csv/options.h"
#include "data/kernel.h"
#include "data/pool.h"

enum { BATCH_ROWS = DR_CHUNK_ROWS };

struct dr_csv_tuning dr_csv_tuning_default(void)
{
    return (struct dr_csv_tuning){ .path = DR_CSV_PATH_FAST,
                                   .isa = dr_best_isa(),
                                   .piece = (size_t)512 << 10,
                                   .block = (size_t)128 << 10,
                                   .window_rows = (int64_t)128 << 10,
                                   .window_bytes = (int64_t)16 << 20,
                                   .round = 32,
                                   .large = DR_BULK_INPUT };
}

/* ---- text in sequence ------------------------------------------------------- */

/* Make buf[at, have) at least `want` bytes, fewer only at the end. */
static int32_t fill(struct dr_csv_reader *r, size_t want, struct dr_err *err)
{
    if (r->at > 0)
        memmove(r->buf, r->buf + r->at, r->have - r->at);
    r->have -= r->at;
    r->at = 0;
    if (r->cap < want + 2 * DR_CSV_SLACK) {
        r->cap = want + 2 * DR_CSV_SLACK;
        r->buf = dr_realloc(r->buf, r->cap);
    }
    while (!r->in.ended && r->have < want) {
        size_t got;
        size_t room = r->cap - DR_CSV_SLACK - r->have;
        DR_TRY(dr_input_read(&r->in, r->buf + r->have, room, &got, err));
        r->have += got;
    }
    memset(r->buf + r->have, 0, DR_CSV_SLACK);
    return DR_OK;
}

/* How much to read at first: a small file's buffer is as small as the file. */
static size_t first_want(const struct dr_csv_reader *r)
{
    bool small = r->in.size > 0 && (size_t)r->in.size < r->tuning.piece;
    return small ? (size_t)r->in.size + 1 : r->tuning.piece;
}

static void pass(struct dr_csv_reader *r, size_t n)
{
    r->at += n;
    r->offset += (int64_t)n;
}

/* The next unit in sequence, or NULL at the end of the text. */
static int32_t read_unit(struct dr_csv_reader *r, struct dr_csv_unit **ret, struct dr_err *err)
{
    *ret = NULL;
    for (size_t want = first_want(r);; want *= 2) {
        DR_TRY(fill(r, want, err));
        if (r->have == 0)
            return DR_OK;
        struct dr_csv_unit *u = dr_csv_unit_new(r->offset);
        struct dr_csv_piece piece = { r->buf, r->have, SIZE_MAX, r->in.ended };
        size_t taken = dr_csv_read_piece(&r->rangers[0].tools, &piece, u);
        if (taken > 0 || u->rc) {
            pass(r, taken);
            *ret = u;
            return DR_OK;
        }
        dr_csv_unit_free(u);
    }
}

/* ---- types of columns ---------------------------------------------------------- */

/* The arrays of column c in all units queued. */
static int32_t queued_arrays(const struct dr_csv_reader *r, int32_t c, struct dr_array ***ret)
{
    int32_t n = 0;
    for (int32_t i = 0; i < r->queue_n; i++)
        n += r->queue[i]->chunks.n;
    struct dr_array **arrays = dr_malloc((size_t)n * sizeof(struct dr_array *));
    n = 0;
    for (int32_t i = 0; i < r->queue_n; i++)
        for (int32_t k = 0; k < r->queue[i]->chunks.n; k++)
            arrays[n++] = r->queue[i]->chunks.arrays[k * r->queue[i]->chunks.columns + c];
    *ret = arrays;
    return n;
}

static void replace_arrays(struct dr_csv_reader *r, int32_t c, struct dr_array **arrays)
{
    for (int32_t i = 0; i < r->queue_n; i++)
        for (int32_t k = 0; k < r->queue[i]->chunks.n; k++)
            r->queue[i]->chunks.arrays[k * r->queue[i]->chunks.columns + c] = *arrays++;
}

/* The first rows are queued: decide what each open column is from here on, and
 * bring them in line. */
static void decide_types(struct dr_csv_reader *r)
{
    r->decided = true;
    for (int32_t c = 0; c < r->format.n; c++) {
        struct dr_array **arrays;
        if (!r->format.kinds[c].open)
            continue;
        int32_t n = queued_arrays(r, c, &arrays);
        dr_csv_types_decide(r->types, &r->format, c, n, arrays, r->dicts[c], r->drained);
        replace_arrays(r, c, arrays);
        free(arrays);
        if (r->format.kinds[c].type != DR_TYPE_DICT) {
            dr_dict_unref(r->dicts[c]);
            r->dicts[c] = NULL;
        }
    }
}

/* What later rows refused may tell more of the types. */
static void learn_types(struct dr_csv_reader *r, const struct dr_csv_chunks *chunks)
{
    for (int32_t k = 0; k < chunks->n; k++)
        for (int32_t c = 0; c < r->format.n; c++)
            if (chunks->arrays[k * chunks->columns + c]->refused)
                dr_csv_types_learn(r->types, c, chunks->arrays[k * chunks->columns + c]);
}

/* ---- units in order ------------------------------------------------------------ */

static int32_t fail_at(const struct dr_csv_reader *r, const struct dr_csv_unit *u, struct dr_err *err)
{
    const char *name = r->in.name;
    long long line = (long long)(r->lines + u->fail_line + 1);
    if (u->fail_line < 0)
        return dr_fail(err, u->rc, "%s", u->fail);
    if (u->fail_column > 0)
        return dr_fail(err, u->rc, "%s:%lld:%lld: %s", name, line, (long long)u->fail_column, u->fail);
    return dr_fail(err, u->rc, "%s:%lld: %s", name, line, u->fail);
}

static void enqueue(struct dr_csv_reader *r, struct dr_csv_unit *u)
{
    if (r->queue_n == r->queue_cap) {
        r->queue_cap = r->queue_cap ? r->queue_cap * 2 : 16;
        r->queue = dr_realloc(r->queue, (size_t)r->queue_cap * sizeof(struct dr_csv_unit *));
    }
    r->queue[r->queue_n++] = u;
    r->queue_rows += u->rows;
}

int32_t dr_csv_accept(struct dr_csv_reader *r, struct dr_csv_unit *u, struct dr_err *err)
{
    if (u->rc) {
        fail_at(r, u, err);
        if (err && u->rc == DR_ESYS)
            err->sys = u->sys;
        int32_t rc = u->rc;
        dr_csv_unit_free(u);
        return rc;
    }
    dr_csv_settle(&u->chunks, r->dicts, r->lines + 1);
    learn_types(r, &u->chunks);
    for (size_t i = 0; r->rejects && i < u->rejects_n; i++)
        dr_rejects_add(r->rejects, r->lines + u->rejects[i].line + 1, u->rejects[i].reason,
                       u->rejects[i].text);
    r->lines += u->lines;
    r->base.done = u->end;
    r->base.rows += u->rows;
    enqueue(r, u);
    return DR_OK;
}

/* Whether threads can help with the rest: they start at line ends that they
 * guess, which pays where the scan can read the file. */
static bool threads_help(const struct dr_csv_reader *r, const struct dr_csv_unit *last)
{
    return r->in.seekable && last->fast && dr_pool_threads() > 1 &&
           r->in.size - r->offset > (int64_t)(2 * r->tuning.piece);
}

/* ---- reading ----------------------------------------------------------------------- */

static int32_t read_in_sequence(struct dr_csv_reader *r, struct dr_err *err)
{
    struct dr_csv_unit *u;
    DR_TRY(read_unit(r, &u, err));
    r->drained = !u;
    bool rounds_pay = u && threads_help(r, u);
    if (u) {
        DR_TRY(dr_csv_accept(r, u, err));
        if (r->queue_rows < r->tuning.window_rows && r->offset < r->tuning.window_bytes && !r->decided)
            return DR_OK;
    }
    if (!r->decided)
        decide_types(r);
    r->rounds = u && rounds_pay;
    r->expected = r->offset;
    return DR_OK;
}

static int32_t read_some(struct dr_csv_reader *r, struct dr_err *err)
{
    int32_t rc = r->rounds ? dr_csv_round(r, err) : read_in_sequence(r, err);
    if (!rc && r->drained)
        rc = dr_input_check_size(&r->in, err);
    return rc;
}

/* How many units at the front of the queue make a batch. */
static int32_t batch_units(const struct dr_csv_reader *r)
{
    int32_t n = 0;
    for (int64_t rows = 0; n < r->queue_n && rows < BATCH_ROWS; n++)
        rows += r->queue[n]->rows;
    return n;
}

static struct dr_column *make_column(struct dr_csv_reader *r, int32_t c, int32_t units)
{
    bool line = c == r->format.n;
    int32_t type = line ? DR_TYPE_INT64 : r->format.kinds[c].type;
    int32_t n = 0;
    for (int32_t i = 0; i < units; i++)
        n += r->queue[i]->chunks.n;
    struct dr_array **arrays = dr_malloc((size_t)n * sizeof(struct dr_array *));
    n = 0;
    for (int32_t i = 0; i < units; i++) {
        const struct dr_csv_chunks *chunks = &r->queue[i]->chunks;
        for (int32_t k = 0; k < chunks->n; k++)
            arrays[n++] = dr_array_ref(chunks->arrays[k * chunks->columns + c]);
    }
    struct dr_column *col = dr_column_new(type, n, arrays, line ? NULL : r->dicts[c]);
    col->scale = line ? 0 : r->format.kinds[c].scale;
    col->zoned = !line && r->format.kinds[c].zoned;
    free(arrays);
    return col;
}

static struct dr_table *take_batch(struct dr_csv_reader *r)
{
    int32_t units = batch_units(r), n = r->format.n + r->format.lines;
    struct dr_column **columns = dr_malloc((size_t)n * sizeof(struct dr_column *));
    for (int32_t c = 0; c < n; c++)
        columns[c] = make_column(r, c, units);
    struct dr_table *t = dr_table_adopt(n, (const char *const *)r->format.names, columns);
    free(columns);
    for (int32_t i = 0; i < units; i++) {
        r->queue_rows -= r->queue[i]->rows;
        dr_csv_unit_free(r->queue[i]);
    }
    r->queue_n -= units;
    if (r->queue_n > 0)
        memmove(r->queue, r->queue + units, (size_t)r->queue_n * sizeof(struct dr_csv_unit *));
    r->given = true;
    return t;
}

static int32_t reader_next(struct dr_reader *base, struct dr_table **ret, struct dr_err *err)
{
    struct dr_csv_reader *r = (struct dr_csv_reader *)base;
    while (!r->failed.rc && !r->drained && (!r->decided || r->queue_rows < BATCH_ROWS)) {
        int32_t rc = read_some(r, &r->failed);
        if (rc && !r->failed.rc)
            dr_fail(&r->failed, rc, "%s: cannot be read", r->in.name);
    }
    if (r->failed.rc) {
        if (err)
            *err = r->failed;
        return r->failed.rc;
    }
    *ret = r->queue_n > 0 || !r->given ? take_batch(r) : NULL;
    return DR_OK;
}

static bool reader_hash(struct dr_reader *base, char ret[DR_HASH_HEX])
{
    struct dr_csv_reader *r = (struct dr_csv_reader *)base;
    return r->drained && dr_input_hash_hex(r->in.hash, r->in.size, ret);
}

static void reader_close(struct dr_reader *base)
{
    struct dr_csv_reader *r = (struct dr_csv_reader *)base;
    for (int32_t i = 0; i < r->queue_n; i++)
        dr_csv_unit_free(r->queue[i]);
    for (int32_t i = 0; i < r->rangers_n; i++) {
        dr_csv_worker_done(&r->rangers[i].tools);
        free(r->rangers[i].text.p);
    }
    for (int32_t c = 0; r->dicts && c < r->format.n; c++)
        dr_dict_unref(r->dicts[c]);
    dr_csv_types_done(&r->own_types);
    free(r->queue);
    free(r->rangers);
    free(r->dicts);
    free(r->buf);
    dr_input_close(&r->in);
    dr_csv_format_done(&r->format);
    free(r);
}

/* ---- opening -------------------------------------------------------------------------- */

/* The first record with something on it, passing the blank lines before it.
 * *ret is BLANK where there is none. */
static int32_t find_first(struct dr_csv_reader *r, struct dr_csv_parser *ps, struct dr_csv_record *ret,
                          struct dr_err *err)
{
    for (size_t want = first_want(r);; want *= 2) {
        DR_TRY(fill(r, want, err));
        *ret = (struct dr_csv_record){ .outcome = DR_CSV_BLANK };
        while (r->at < r->have && ret->outcome == DR_CSV_BLANK) {
            dr_csv_parse_record(ps, r->buf + r->at, r->have - r->at, r->in.ended, ret);
            if (ret->outcome == DR_CSV_BLANK) {
                pass(r, ret->bytes);
                r->lines++;
            }
        }
        bool cut = ret->outcome == DR_CSV_MORE || (ret->outcome == DR_CSV_BLANK && !r->in.ended);
        if (!cut)
            return DR_OK;
    }
}

static int32_t read_header(struct dr_csv_reader *r, const struct dr_csv_options *opts,
                           struct dr_csv_parser *ps, struct dr_err *err)
{
    struct dr_csv_record first;
    const char *what = opts->no_header ? "first record" : "header";
    DR_TRY(find_first(r, ps, &first, err));
    if (first.outcome == DR_CSV_BLANK)
        return dr_fail(err, DR_EINPUT, "%s: the file is empty; a %s is expected", r->in.name,
                       opts->no_header ? "record" : "header line with the names of the columns");
    if (first.outcome == DR_CSV_LONG)
        return dr_fail(err, DR_ELIMIT, "%s:%lld: the %s is longer than the limit of %lld bytes", r->in.name,
                       (long long)r->lines + 1, what, (long long)r->format.max_record);
    if (first.outcome == DR_CSV_BAD)
        return dr_fail(err, DR_EINPUT, "%s:%lld: %s, in the %s", r->in.name, (long long)r->lines + 1,
                       first.reason, what);
    int32_t rc = dr_csv_format_columns(&r->format, opts, &first, err);
    if (rc) {
        (void)dr_err_prefix(err, "%s:%lld", r->in.name, (long long)r->lines + 1);
        return rc;
    }
    if (!opts->no_header) {
        r->lines += dr_csv_count_lines(r->buf + r->at, first.bytes) + (first.bytes == first.text_bytes);
        pass(r, first.bytes);
    }
    return DR_OK;
}

static int32_t start(struct dr_csv_reader *r, const struct dr_csv_options *opts, struct dr_err *err)
{
    DR_TRY(dr_csv_format_init(&r->format, opts, err));
    r->format.large = r->in.size >= r->tuning.large;
    r->format.utf16 = r->in.decoder.from == DR_ENCODING_UTF16LE || r->in.decoder.from == DR_ENCODING_UTF16BE;
    struct dr_csv_parser *ps = dr_csv_parser_new(r->format.delimiter, r->format.quote, r->format.max_record);
    int32_t rc = read_header(r, opts, ps, err);
    dr_csv_parser_free(ps);
    if (rc)
        return rc;
    rc = dr_csv_types_start(r->types, opts, &r->format, err);
    if (rc) {
        (void)dr_err_prefix(err, "%s", r->in.name);
        return rc;
    }
    r->decided = !dr_csv_types_open(&r->format);
    r->dicts = dr_calloc((size_t)r->format.n, sizeof(struct dr_dict *));
    for (int32_t c = 0; c < r->format.n; c++)
        r->dicts[c] = r->format.kinds[c].type == DR_TYPE_DICT ? dr_dict_new() : NULL;
    r->rangers = dr_calloc(1, sizeof *r->rangers);
    r->rangers_n = 1;
    dr_csv_worker_init(&r->rangers[0].tools, &r->format, r->tuning.path, r->tuning.isa, r->tuning.block);
    return DR_OK;
}

int32_t dr_csv_open_input(struct dr_input *in, const struct dr_csv_options *opts,
                          const struct dr_csv_tuning *tuning, struct dr_csv_types *types,
                          struct dr_rejects *rejects, struct dr_reader **ret, struct dr_err *err)
{
    struct dr_csv_reader *r = dr_calloc(1, sizeof *r);
    struct dr_csv_options copy;
    dr_csv_options_copy(opts, &copy);
    r->base = (struct dr_reader){ .next = reader_next, .close = reader_close, .total = in->size };
    r->in = *in;
    r->base.hash = in->hash ? reader_hash : NULL;
    r->offset = in->at;
    r->tuning = *tuning;
    r->types = types ? types : &r->own_types;
    r->rejects = rejects;
    int32_t rc = start(r, &copy, err);
    if (rc)
        reader_close(&r->base);
    else
        *ret = &r->base;
    return rc;
}

static int32_t open_path(const char *path, const struct dr_csv_options *opts, bool hash,
                         struct dr_rejects *rejects, struct dr_reader **ret, struct dr_err *err)
{
    struct dr_input in;
    struct dr_csv_options copy;
    struct dr_csv_tuning tuning = dr_csv_tuning_default();
    dr_csv_options_copy(opts, &copy);
    DR_TRY(dr_input_open(&in, path, copy.encoding, err));
    if (hash)
        dr_input_hash(&in);
    return dr_csv_open_input(&in, &copy, &tuning, NULL, rejects, ret, err);
}

int32_t dr_csv_open(const char *path, const struct dr_csv_options *opts, struct dr_rejects *rejects,
                    struct dr_reader **ret, struct dr_err *err)
{
    return open_path(path, opts, false, rejects, ret, err);
}

int32_t dr_csv_open_hashed(const char *path, const struct dr_csv_options *opts, struct dr_rejects *rejects,
                           struct dr_reader **ret, struct dr_err *err)
{
    return open_path(path, opts, true, rejects, ret, err);
}
