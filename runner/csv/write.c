/* write.c - tables to CSV.
 *
 * RFC 4180 with LF line ends. A field is quoted where it must be to be read
 * back the same: it holds a delimiter, quote or line end, starts or ends with a
 * space or tab (which many readers drop), starts like a byte order mark, or is
 * empty but not missing. Rows are put together in one buffer, row by row and
 * chunk by chunk; for a dictionary the question of quoting is asked once for
 * each value. */
#include "data/file_writer.h"
#include "data/kernel.h"

enum { BUFFER = 512 << 10 };

enum quoting { UNKNOWN = 0, PLAIN, QUOTE, IMPOSSIBLE };

struct csv_writer {
    struct dr_file_writer file;
    char *buf; /* owned, BUFFER bytes */
    size_t n;
    struct dr_buf text; /* a number or date */
    uint8_t **quoting;  /* owned: of each DICT column's values, by code; enum quoting */
    int64_t rows;
    int32_t rc;         /* what failed inside a batch; */
    struct dr_err *err; /* reported here; borrowed for the length of a call */
};

/* ---- bytes ------------------------------------------------------------------- */

static void flush(struct csv_writer *w)
{
    if (!w->rc && w->n > 0)
        w->rc = dr_write_all(w->file.out.fd, w->buf, w->n, w->err);
    w->n = 0;
}

static void put_large(struct csv_writer *w, const char *p, size_t n)
{
    flush(w);
    if (!w->rc)
        w->rc = dr_write_all(w->file.out.fd, p, n, w->err);
}

static inline void put(struct csv_writer *w, const char *p, size_t n)
{
    if (__builtin_expect(BUFFER - w->n < n, 0)) {
        if (n > BUFFER / 4) {
            put_large(w, p, n);
            return;
        }
        flush(w);
    }
    if (n > 0)
        memcpy(w->buf + w->n, p, n);
    w->n += n;
}

static inline void put_char(struct csv_writer *w, char c)
{
    if (__builtin_expect(w->n == BUFFER, 0))
        flush(w);
    w->buf[w->n++] = c;
}

/* ---- text ----------------------------------------------------------------------- */

/* Whether a word holds a comma, a quote or a byte below 16; may say yes in error. */
static inline bool is_suspect(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones * 0x80;
    uint64_t comma = word ^ ones * ',', quote = word ^ ones * '"';
    uint64_t found = ((comma - ones) & ~comma) | ((quote - ones) & ~quote) | ((word - ones * 16) & ~word);
    return (found & highs) != 0;
}

static enum quoting look_closely(struct dr_str s)
{
    enum quoting q = PLAIN;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '\0')
            return IMPOSSIBLE;
        if (c == ',' || c == '"' || c == '\n' || c == '\r')
            q = QUOTE;
    }
    return q;
}

static enum quoting how_to_quote(struct dr_str s)
{
    if (s.n == 0)
        return QUOTE;
    char first = s.p[0], last = s.p[s.n - 1];
    bool edge = first == ' ' || first == '\t' || last == ' ' || last == '\t';
    uint64_t word = 0;
    bool suspect = edge || dr_str_starts(s, DR_LIT("\xEF\xBB\xBF"));
    size_t i = 0;
    for (; i + 8 <= s.n && !suspect; i += 8) {
        memcpy(&word, s.p + i, 8);
        suspect = is_suspect(word);
    }
    if (!suspect && i < s.n) {
        word = UINT64_C(0x2020202020202020);
        memcpy(&word, s.p + i, s.n - i);
        suspect = is_suspect(word);
    }
    if (!suspect)
        return PLAIN;
    enum quoting q = look_closely(s);
    return q == PLAIN && (edge || first == '\xEF') ? QUOTE : q;
}

static void put_quoted(struct csv_writer *w, struct dr_str s)
{
    struct dr_str rest = s, part;
    bool more = false;
    put_char(w, '"');
    while (dr_str_split(&rest, '"', &part)) {
        if (more)
            put(w, "\"\"", 2);
        put(w, part.p, part.n);
        more = true;
    }
    put_char(w, '"');
}

static void put_text(struct csv_writer *w, int32_t column, struct dr_str s, enum quoting q)
{
    if (q == PLAIN)
        put(w, s.p, s.n);
    else if (q == QUOTE)
        put_quoted(w, s);
    else if (!w->rc)
        w->rc = dr_fail(w->err, DR_EINPUT,
                        "cannot write '%s': row %lld of column '%s' holds a NUL byte, which CSV cannot",
                        w->file.out.path, (long long)w->rows + 1, w->file.names[column]);
}

/* ---- cells ---------------------------------------------------------------------- */

static inline void put_code(struct csv_writer *w, int32_t c, const struct dr_array *a, int64_t i)
{
    int32_t code = ((const int32_t *)a->values)[i];
    struct dr_str s = a->dict->values[code];
    uint8_t *q = w->quoting[c] + code;
    if (*q == UNKNOWN)
        *q = (uint8_t)how_to_quote(s);
    put_text(w, c, s, *q);
}

static void put_cell(struct csv_writer *w, int32_t c, const struct dr_array *a, int64_t i)
{
    if (a->type == DR_TYPE_NULL || !dr_array_valid(a, i))
        return;
    if (a->type == DR_TYPE_DICT) {
        put_code(w, c, a, i);
    } else if (a->type == DR_TYPE_STRING) {
        struct dr_str s = dr_array_str(a, i);
        put_text(w, c, s, how_to_quote(s));
    } else {
        dr_buf_clear(&w->text);
        dr_array_put_text(a, i, &w->text);
        put(w, w->text.p, w->text.n);
    }
}

/* Row `row` of every column starts with chunk k, which has n rows. */
static void put_chunk(struct csv_writer *w, const struct dr_table *t, int32_t k)
{
    int64_t n = t->columns[0]->chunk[k]->n;
    for (int64_t i = 0; i < n && !w->rc; i++) {
        for (int32_t c = 0; c < t->n; c++) {
            if (c > 0)
                put_char(w, ',');
            put_cell(w, c, t->columns[c]->chunk[k], i);
        }
        put_char(w, '\n');
        w->rows++;
    }
}

/* ---- the writer ------------------------------------------------------------------ */

/* A dictionary may have grown since the last batch, or be another one. */
static void need_quoting(struct csv_writer *w, const struct dr_table *t)
{
    for (int32_t c = 0; c < t->n; c++) {
        const struct dr_dict *dict = t->columns[c]->dict;
        if (!dict || t->columns[c]->type != DR_TYPE_DICT)
            continue;
        free(w->quoting[c]);
        w->quoting[c] = dr_calloc((size_t)dict->n, 1);
    }
}

static int32_t start(struct dr_file_writer *file, struct dr_err *err)
{
    struct csv_writer *w = (struct csv_writer *)file;
    w->err = err;
    w->buf = dr_malloc(BUFFER);
    w->quoting = dr_calloc((size_t)file->columns, sizeof *w->quoting);
    for (int32_t c = 0; c < file->columns; c++) {
        struct dr_str name = dr_str_of(file->names[c]);
        if (c > 0)
            put_char(w, ',');
        put_text(w, c, name, how_to_quote(name));
    }
    put_char(w, '\n');
    return w->rc;
}

static int32_t put_batch(struct dr_file_writer *file, const struct dr_table *t, struct dr_err *err)
{
    struct csv_writer *w = (struct csv_writer *)file;
    w->err = err;
    need_quoting(w, t);
    for (int32_t k = 0; k < t->columns[0]->n && !w->rc; k++)
        put_chunk(w, t, k);
    return w->rc;
}

static int32_t flush_file(struct dr_file_writer *file, struct dr_err *err)
{
    struct csv_writer *w = (struct csv_writer *)file;
    w->err = err;
    flush(w);
    return w->rc;
}

static void done(struct dr_file_writer *file)
{
    struct csv_writer *w = (struct csv_writer *)file;
    for (int32_t c = 0; c < file->columns && w->quoting; c++)
        free(w->quoting[c]);
    free(w->quoting);
    free(w->buf);
    dr_buf_done(&w->text);
}

int32_t dr_csv_writer(const char *path, struct dr_writer **ret, struct dr_err *err)
{
    static const struct dr_file_format csv = { sizeof(struct csv_writer), start, put_batch, flush_file,
                                               done };
    return dr_file_writer_open(&csv, path, ret, err);
}

int32_t dr_table_write_csv(const struct dr_table *t, const char *path, struct dr_err *err)
{
    struct dr_writer *w;
    DR_TRY(dr_csv_writer(path, &w, err));
    return dr_writer_finish_with(w, t, err);
}
