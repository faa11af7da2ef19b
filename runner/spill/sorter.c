/* sorter.c - rows in order, of a table that is not held.
 *
 * Batches gather until they take a share of the memory, are sorted and go to a temporary file: a piece. The
 * pieces are merged row by row, of each of which a few rows are in memory: a copy, since a file that is
 * mapped stays there by the megabyte for each place that is looked at. The row that is next has its first
 * key as a word that compares as the values do, so that rows are looked at only where words are equal. Equal
 * rows come by piece, which is as they came. Where all fits into one piece nothing is written.
 *
 * Text that was a dictionary's is written as text, since a merge would have to hold the dictionaries of all
 * pieces, and is one again in what comes out. */
#include <stdlib.h>
#include "data/kernel.h"
#include "data/row_keys.h"
#include "spill/kept.h"

enum { PIECE_OF_MEMORY = 8 };      /* a piece in memory, its order and its sorted copy take about twice it */
enum { DICTIONARY_VALUE = 64 };    /* bytes, about, with its text and its place in the index */
enum { LEAST_PIECE = 1 << 20 };    /* bytes */
enum { ROWS_AT_ONCE = 4096 };      /* of a piece that are in memory */
enum { ROWS_OUT = DR_CHUNK_ROWS }; /* that come out at once */

struct piece {
    struct dr_kept kept;
    struct dr_reader *reader; /* owned; NULL until all were added */
    struct dr_table *rows;    /* owned: of its rows those that are in memory; NULL: there are none left */
    int64_t at;               /* of these, the next */
    int64_t base;             /* where these lie in what is taken from next */
    uint64_t word;            /* of its first key, in which missing values are 0 */
    bool missing;
};
struct dr_sorter {
    int32_t n_keys;
    const struct dr_sort_key *keys; /* borrowed */
    int64_t memory;
    char *folder;            /* owned, or NULL */
    struct dr_table **batch; /* owned: n, of so many bytes, not yet in a piece */
    int32_t n, cap;
    uint64_t bytes;
    struct dr_table *like; /* owned: no rows, the columns that come out */
    struct piece *pieces;  /* owned */
    int32_t n_pieces;
    int32_t *key_at; /* owned: by key, the column */
    int32_t *heap;   /* owned: pieces with rows left, the first in order on top */
    int32_t n_heap;
    struct dr_table *sorted; /* owned: where nothing was written */
    int64_t *picked;         /* owned: rows to be taken from those of all pieces, n_picked */
    int64_t n_picked, room;
    struct dr_table **out; /* owned: n_out of them, rows that come out next */
    int32_t n_out, out_cap;
    int64_t rows_out; /* in these */
    bool merging, given;
};

int32_t dr_sorter_new(int32_t n, const struct dr_sort_key *keys, int64_t memory, const char *folder,
                      struct dr_sorter **ret, struct dr_err *err)
{
    if (n < 1 || memory < 0)
        return dr_fail(err, DR_EINPUT, "sort: %d keys, %lld bytes of memory", (int)n, (long long)memory);
    struct dr_sorter *s = dr_calloc(1, sizeof(*s));
    s->n_keys = n;
    s->keys = keys;
    s->memory = memory;
    s->folder = folder ? dr_strdup(folder) : NULL;
    s->key_at = dr_calloc((size_t)n, sizeof(*s->key_at));
    *ret = s;
    return DR_OK;
}

static void drop_batches(struct dr_sorter *s)
{
    for (int32_t i = 0; i < s->n; i++)
        dr_table_unref(s->batch[i]);
    s->n = 0;
    s->bytes = 0;
}

void dr_sorter_free(struct dr_sorter *s)
{
    if (!s)
        return;
    drop_batches(s);
    free(s->batch);
    dr_table_unref(s->sorted);
    for (int32_t i = 0; i < s->n_out; i++)
        dr_table_unref(s->out[i]);
    for (int32_t i = 0; i < s->n_pieces; i++) {
        dr_table_unref(s->pieces[i].rows);
        dr_reader_close(s->pieces[i].reader);
        dr_kept_done(&s->pieces[i].kept);
    }
    dr_table_unref(s->like);
    free(s->pieces);
    free(s->heap);
    free(s->picked);
    free(s->out);
    free(s->key_at);
    free(s->folder);
    free(s);
}

/* ---- pieces ---------------------------------------------------------------------------- */

/* t with its columns of one type of text as another. */
static int32_t cast_texts(const struct dr_table *t, const struct dr_table *like, int32_t to,
                          struct dr_table **ret, struct dr_err *err)
{
    struct dr_table *cast = dr_table_ref(t);
    int32_t rc = DR_OK;
    for (int32_t i = 0; i < like->n && !rc; i++) {
        struct dr_column *c = NULL;
        struct dr_table *with = NULL;
        if (like->columns[i]->type != DR_TYPE_DICT)
            continue;
        rc = dr_column_cast(cast->columns[i], to, NULL, &c, err);
        if (!rc)
            rc = dr_table_with(cast, like->names[i], c, &with, err);
        dr_column_unref(c);
        if (!rc) {
            dr_table_unref(cast);
            cast = with;
        }
    }
    if (rc)
        dr_table_unref(cast);
    else
        *ret = cast;
    return rc;
}

/* The batches so far, sorted. */
static int32_t sort_batches(struct dr_sorter *s, struct dr_table **ret, struct dr_err *err)
{
    struct dr_table *gathered = NULL;
    DR_TRY(dr_table_concat(s->n, (const struct dr_table *const *)s->batch, &gathered, err));
    drop_batches(s);
    int32_t rc = dr_table_sort(gathered, s->n_keys, s->keys, ret, err);
    dr_table_unref(gathered);
    return rc;
}

/* So many rows of t from one on, as one chunk. */
static struct dr_table *rows_of(const struct dr_table *t, int64_t from, int64_t n)
{
    DR_AUTO_FREE struct dr_column **columns = dr_malloc(((size_t)t->n + 1) * sizeof(struct dr_column *));
    for (int32_t c = 0; c < t->n; c++) {
        struct dr_array *part = dr_column_range(t->columns[c], from, n);
        columns[c] = dr_column_like(t->columns[c], 1, &part);
    }
    return dr_table_adopt(t->n, (const char *const *)t->names, columns);
}

/* Rows whose text is no dictionary's, in batches of what is later in memory at once. */
static int32_t write_texts(struct dr_kept *to, const struct dr_table *rows, struct dr_err *err)
{
    int32_t rc = DR_OK;
    for (int64_t from = 0; !rc && from < rows->rows; from += ROWS_AT_ONCE) {
        int64_t left = rows->rows - from;
        struct dr_table *some = rows_of(rows, from, left < ROWS_AT_ONCE ? left : ROWS_AT_ONCE);
        rc = dr_kept_add(to, some, err);
        dr_table_unref(some);
    }
    return rc;
}

/* A chunk of rows after the other, as text takes more than its codes. */
static int32_t write_rows(const struct dr_sorter *s, struct dr_kept *to, const struct dr_table *rows,
                          struct dr_err *err)
{
    int32_t rc = DR_OK;
    for (int64_t from = 0; !rc && from < rows->rows; from += DR_CHUNK_ROWS) {
        int64_t left = rows->rows - from;
        struct dr_table *texts = NULL,
                        *some = rows_of(rows, from, left < DR_CHUNK_ROWS ? left : DR_CHUNK_ROWS);
        rc = cast_texts(some, s->like, DR_TYPE_STRING, &texts, err);
        dr_table_unref(some);
        if (!rc)
            rc = write_texts(to, texts, err);
        dr_table_unref(texts);
    }
    return rc;
}

static int32_t write_piece(struct dr_sorter *s, const struct dr_table *sorted, struct dr_err *err)
{
    s->pieces = dr_realloc(s->pieces, ((size_t)s->n_pieces + 1) * sizeof(*s->pieces));
    struct piece *piece = &s->pieces[s->n_pieces];
    *piece = (struct piece){ .kept = { .fd = -1 } };
    s->n_pieces++;
    DR_TRY(dr_kept_open(&piece->kept, s->folder, err));
    DR_TRY(write_rows(s, &piece->kept, sorted, err));
    return dr_kept_end(&piece->kept, err);
}

/* A piece of no rows is none. */
static int32_t end_piece(struct dr_sorter *s, struct dr_err *err)
{
    struct dr_table *sorted = NULL;
    DR_TRY(sort_batches(s, &sorted, err));
    int32_t rc = sorted->rows > 0 ? write_piece(s, sorted, err) : DR_OK;
    dr_table_unref(sorted);
    return rc;
}

static int32_t start(struct dr_sorter *s, const struct dr_table *batch, struct dr_err *err)
{
    for (int32_t k = 0; k < s->n_keys; k++) {
        const struct dr_column *unused;
        DR_TRY(dr_table_need(batch, s->keys[k].column, "sort", &unused, err));
        s->key_at[k] = dr_table_find(batch, s->keys[k].column);
    }
    return dr_table_take(batch, 0, NULL, &s->like, err);
}

/* What a batch adds to those before it: its values, and the dictionaries that the last one does not share. */
static uint64_t bytes_of(const struct dr_sorter *s, const struct dr_table *batch)
{
    const struct dr_table *last = s->n > 0 ? s->batch[s->n - 1] : NULL;
    uint64_t bytes = dr_table_bytes(batch);
    for (int32_t c = 0; c < batch->n; c++) {
        const struct dr_dict *d = batch->columns[c]->dict;
        if (d && !(last && c < last->n && last->columns[c]->dict == d))
            bytes += (uint64_t)d->n * DICTIONARY_VALUE;
    }
    return bytes;
}

int32_t dr_sorter_add(struct dr_sorter *s, const struct dr_table *batch, struct dr_err *err)
{
    uint64_t most = (uint64_t)s->memory / PIECE_OF_MEMORY, bytes = bytes_of(s, batch);
    if (s->merging)
        return dr_fail(err, DR_EPLUGIN, "sort: a batch comes after rows were asked for");
    if (!s->like)
        DR_TRY(start(s, batch, err));
    if (s->n > 0 && s->bytes + bytes > (most > LEAST_PIECE ? most : LEAST_PIECE))
        DR_TRY(end_piece(s, err));
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 16;
        s->batch = dr_realloc(s->batch, (size_t)s->cap * sizeof(struct dr_table *));
    }
    s->batch[s->n++] = dr_table_ref(batch);
    s->bytes += bytes;
    return DR_OK;
}

/* ---- the next rows ----------------------------------------------------------------------- */

static uint64_t word_of(const struct dr_array *a, int64_t i)
{
    uint64_t word = 0;
    if (a->type == DR_TYPE_STRING) {
        struct dr_str s = dr_array_str(a, i);
        memcpy(&word, s.p, s.n < sizeof(word) ? s.n : sizeof(word));
        return __builtin_bswap64(word);
    }
    if (a->type == DR_TYPE_FLOAT64)
        return dr_float_to_ordered(((const double *)a->values)[i]);
    int64_t v = a->type == DR_TYPE_BOOL   ? dr_bit(a->values, i)
                : a->type == DR_TYPE_DATE ? ((const int32_t *)a->values)[i]
                : a->type == DR_TYPE_DECIMAL
                    ? ((const int64_t *)a->values)[i * 2 + 1] /* the high half; the low one decides later */
                    : ((const int64_t *)a->values)[i];
    return (uint64_t)v ^ UINT64_C(1) << 63;
}

static bool is_missing(const struct dr_array *a, int64_t i)
{
    return a->type == DR_TYPE_NULL || !dr_array_valid(a, i);
}

static const struct dr_array *key_array(const struct dr_sorter *s, const struct piece *p, int32_t key)
{
    return p->rows->columns[s->key_at[key]]->chunk[0];
}

/* Look at the row that is next. */
static void look(const struct dr_sorter *s, struct piece *p)
{
    const struct dr_array *a = key_array(s, p, 0);
    p->missing = is_missing(a, p->at);
    p->word = p->missing ? 0 : word_of(a, p->at);
}

static int compare_words(uint64_t x, uint64_t y)
{
    return (x > y) - (x < y);
}

/* Values that are there. */
static int compare_values(const struct dr_array *a, int64_t i, const struct dr_array *b, int64_t j)
{
    if (a->type == DR_TYPE_STRING)
        return dr_str_cmp(dr_array_str(a, i), dr_array_str(b, j));
    int by_word = compare_words(word_of(a, i), word_of(b, j));
    if (by_word || a->type != DR_TYPE_DECIMAL)
        return by_word;
    return compare_words(((const uint64_t *)a->values)[i * 2], ((const uint64_t *)b->values)[j * 2]);
}

static int in_order(int32_t flags, bool x_missing, bool y_missing, int by_value)
{
    if (x_missing || y_missing) {
        int last = x_missing - y_missing;
        return flags & DR_SORT_NULLS_FIRST ? -last : last;
    }
    return flags & DR_SORT_DESC ? -by_value : by_value;
}

/* Whether piece x comes before y. */
static bool is_before(const struct dr_sorter *s, int32_t x, int32_t y)
{
    const struct piece *p = &s->pieces[x], *q = &s->pieces[y];
    int order = in_order(s->keys[0].flags, p->missing, q->missing, compare_words(p->word, q->word));
    for (int32_t k = 0; k < s->n_keys && order == 0; k++) {
        const struct dr_array *a = key_array(s, p, k), *b = key_array(s, q, k);
        bool no_a = is_missing(a, p->at), no_b = is_missing(b, q->at);
        order = in_order(s->keys[k].flags, no_a, no_b, no_a || no_b ? 0 : compare_values(a, p->at, b, q->at));
    }
    return order ? order < 0 : x < y;
}

/* The heap below `at` is in order; put in order what begins there. */
static void sift(struct dr_sorter *s, int32_t at)
{
    for (int32_t child; (child = at * 2 + 1) < s->n_heap;) {
        if (child + 1 < s->n_heap && is_before(s, s->heap[child + 1], s->heap[child]))
            child++;
        if (!is_before(s, s->heap[child], s->heap[at]))
            return;
        int32_t swap = s->heap[at];
        s->heap[at] = s->heap[child];
        s->heap[child] = swap;
        at = child;
    }
}

/* The next rows of a piece into memory, if there are any. */
static int32_t next_rows(struct dr_sorter *s, struct piece *p, struct dr_err *err)
{
    struct dr_table *batch = NULL;
    dr_table_unref(p->rows);
    p->rows = NULL;
    p->at = 0;
    do {
        dr_table_unref(batch);
        DR_TRY(p->reader->next(p->reader, &batch, err));
    } while (batch && batch->rows == 0);
    if (!batch)
        return DR_OK;
    DR_AUTO_FREE int64_t *all = dr_malloc((size_t)batch->rows * sizeof(*all));
    for (int64_t i = 0; i < batch->rows; i++)
        all[i] = i;
    p->rows = dr_table_take_rows(batch, batch->rows, all);
    dr_table_let_go_files(batch);
    dr_table_unref(batch);
    look(s, p);
    return DR_OK;
}

static int32_t start_merge(struct dr_sorter *s, struct dr_err *err)
{
    if (!s->like)
        return dr_fail(err, DR_EPLUGIN, "sort: no batch was added");
    s->merging = true;
    if (s->n_pieces == 0)
        return sort_batches(s, &s->sorted, err);
    if (s->n > 0)
        DR_TRY(end_piece(s, err));
    s->heap = dr_malloc((size_t)s->n_pieces * sizeof(*s->heap));
    s->room = ROWS_AT_ONCE * (int64_t)s->n_pieces;
    s->picked = dr_malloc((size_t)s->room * sizeof(*s->picked));
    for (int32_t i = 0; i < s->n_pieces; i++) {
        struct piece *p = &s->pieces[i];
        DR_TRY(dr_kept_read(&p->kept, &p->reader, err));
        DR_TRY(next_rows(s, p, err));
        if (p->rows)
            s->heap[s->n_heap++] = i;
    }
    for (int32_t i = s->n_heap / 2; i-- > 0;)
        sift(s, i);
    return DR_OK;
}

/* Where the rows in memory of each piece lie, when they are one below the other. */
static void set_bases(struct dr_sorter *s)
{
    int64_t rows = 0;
    for (int32_t i = 0; i < s->n_pieces; i++) {
        s->pieces[i].base = rows;
        rows += s->pieces[i].rows ? s->pieces[i].rows->rows : 0;
    }
}

/* Take the rows that were picked, while they are in memory. */
static int32_t take_picked(struct dr_sorter *s, struct dr_err *err)
{
    DR_AUTO_FREE const struct dr_table **tables = dr_malloc((size_t)s->n_pieces * sizeof(struct dr_table *));
    struct dr_table *all = NULL;
    int32_t n = 0;
    for (int32_t i = 0; i < s->n_pieces; i++)
        if (s->pieces[i].rows)
            tables[n++] = s->pieces[i].rows;
    DR_TRY(dr_table_concat(n, tables, &all, err));
    if (s->n_out == s->out_cap) {
        s->out_cap = s->out_cap ? s->out_cap * 2 : 16;
        s->out = dr_realloc(s->out, (size_t)s->out_cap * sizeof(struct dr_table *));
    }
    s->out[s->n_out++] = dr_table_take_rows(all, s->n_picked, s->picked);
    s->rows_out += s->n_picked;
    s->n_picked = 0;
    dr_table_unref(all);
    return DR_OK;
}

/* Rows in order, until those in memory of one piece are used up or enough come out. */
static int32_t merge_some(struct dr_sorter *s, struct dr_err *err)
{
    struct piece *p = NULL;
    set_bases(s);
    do {
        p = &s->pieces[s->heap[0]];
        s->picked[s->n_picked++] = p->base + p->at++;
        if (p->at == p->rows->rows)
            break;
        look(s, p);
        sift(s, 0);
    } while (s->n_picked < s->room && s->rows_out + s->n_picked < ROWS_OUT);
    DR_TRY(take_picked(s, err));
    if (p->at < p->rows->rows)
        return DR_OK;
    DR_TRY(next_rows(s, p, err));
    if (!p->rows)
        s->heap[0] = s->heap[--s->n_heap];
    sift(s, 0);
    return DR_OK;
}

/* What was taken, as one chunk, and text that was a dictionary's as one again. */
static int32_t give_out(struct dr_sorter *s, struct dr_table **ret, struct dr_err *err)
{
    struct dr_table *all = NULL, *one = NULL;
    int32_t rc = dr_table_concat(s->n_out, (const struct dr_table *const *)s->out, &all, err);
    for (int32_t i = 0; i < s->n_out; i++)
        dr_table_unref(s->out[i]);
    s->n_out = 0;
    s->rows_out = 0;
    if (!rc) {
        one = rows_of(all, 0, all->rows);
        rc = cast_texts(one, s->like, DR_TYPE_DICT, ret, err);
    }
    dr_table_unref(one);
    dr_table_unref(all);
    return rc;
}

int32_t dr_sorter_next(struct dr_sorter *s, struct dr_table **ret, struct dr_err *err)
{
    if (!s->merging)
        DR_TRY(start_merge(s, err));
    *ret = NULL;
    if (!s->given && (s->sorted || s->n_heap == 0)) {
        s->given = true;
        *ret = dr_table_ref(s->sorted ? s->sorted : s->like);
        return DR_OK;
    }
    s->given = true;
    while (s->n_heap > 0 && s->rows_out < ROWS_OUT)
        DR_TRY(merge_some(s, err));
    return s->n_out > 0 ? give_out(s, ret, err) : DR_OK;
}
