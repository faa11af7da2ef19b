/* ipc_text.c - text and dictionaries of an Arrow file, checked.
 *
 * Text is checked as a whole: one pass over all bytes, and one that no offset
 * points into the middle of a character. Only where that fails are the rows
 * looked at one by one, to name the first that is wrong or to find that the
 * damage lies under nulls, where it does not count.
 *
 * Codes are checked in blocks without branches, which compilers turn into
 * vector code: (code | last - code) is negative exactly where code is not in
 * 0..last. */
#include "arrow/ipc.h"
#include "data/kernel.h"

#define BLOCK 256
#define VIEW_WIDTH 16
#define VIEW_INLINE 12
#define MAX_DICT (INT64_C(1) << 29)
/* Views may share bytes between rows; more than this is an attack. */
#define MAX_EXPANSION 64
#define MAX_EXPANSION_FLOOR ((int64_t)64 << 20)

/* ---- text ----------------------------------------------------------------- */

static bool offsets_ascend(const int64_t *offsets, int64_t n)
{
    bool bad = offsets[0] < 0;
    for (int64_t i = 0; i < n; i++)
        bad |= offsets[i + 1] < offsets[i];
    return !bad;
}

/* Whether all text is UTF-8 and every row starts at a character. */
static bool text_is_utf8(const struct dr_array *a)
{
    const int64_t *offsets = a->values;
    int64_t end = offsets[a->n];
    bool split = false;
    if (!dr_utf8_valid((struct dr_str){ a->bytes + offsets[0], (size_t)(end - offsets[0]) }))
        return false;
    for (int64_t i = 0; i < a->n && offsets[i] < end; i++)
        split |= (a->bytes[offsets[i]] & 0xC0) == 0x80;
    return !split;
}

static bool nulls_are_empty(const struct dr_array *a)
{
    const int64_t *offsets = a->values;
    for (int64_t i = 0; a->valid && i < a->n; i++)
        if (offsets[i] != offsets[i + 1] && !dr_bit(a->valid, i))
            return false;
    return true;
}

/* Copy the text without what lies under nulls. */
static void drop_null_text(struct dr_array *a)
{
    const int64_t *from = a->values;
    struct dr_mem *offsets = dr_mem_new((size_t)(a->n + 1) * sizeof *from);
    struct dr_mem *bytes = dr_mem_new((size_t)(from[a->n] - from[0]));
    int64_t *to = offsets->p;
    to[0] = 0;
    for (int64_t i = 0; i < a->n; i++) {
        int64_t n = dr_array_valid(a, i) ? from[i + 1] - from[i] : 0;
        memcpy((char *)bytes->p + to[i], a->bytes + from[i], (size_t)n);
        to[i + 1] = to[i] + n;
    }
    dr_mem_unref(a->mem[1]);
    dr_mem_unref(a->mem[2]);
    a->mem[1] = offsets;
    a->mem[2] = bytes;
    a->values = offsets->p;
    a->bytes = bytes->p;
}

static int32_t check_text(struct dr_array *a, struct dr_err *err)
{
    if (!text_is_utf8(a))
        for (int64_t i = 0; i < a->n; i++)
            if (dr_array_valid(a, i) && !dr_utf8_valid(dr_array_str(a, i)))
                return dr_arrow_fail_row(i, "is not UTF-8 text", err);
    if (!nulls_are_empty(a))
        drop_null_text(a);
    return DR_OK;
}

/* An array without rows needs no buffers in the file, but has them here. */
static void no_text(struct dr_array *a)
{
    memset(dr_arrow_fresh_values(a, sizeof(int64_t)), 0, sizeof(int64_t));
    dr_array_make_bytes(a, 0);
}

static int32_t read_offset_text(struct dr_arrow_batch *b, bool large, struct dr_array *a, struct dr_err *err)
{
    struct dr_arrow_buffer offsets, bytes;
    DR_TRY(dr_arrow_next_buffer(b, &offsets, err));
    DR_TRY(dr_arrow_next_buffer(b, &bytes, err));
    if (a->n == 0) {
        no_text(a);
        return DR_OK;
    }
    DR_TRY(dr_arrow_need(&offsets, (a->n + 1) * (large ? 8 : 4), "offsets", err));
    if (large)
        a->values = dr_arrow_adopt(b, a, 1, offsets.p, (a->n + 1) * 8, 8);
    else
        dr_arrow_widen(offsets.p, 32, true, a->n + 1, dr_arrow_fresh_values(a, (a->n + 1) * 8));
    const int64_t *o = a->values;
    if (!offsets_ascend(o, a->n))
        return dr_fail(err, DR_EINPUT, "its text offsets do not ascend");
    DR_TRY(dr_arrow_need(&bytes, o[a->n], "text bytes", err));
    a->bytes = dr_arrow_adopt(b, a, 2, bytes.p, o[a->n], 1);
    return check_text(a, err);
}

/* ---- views ---------------------------------------------------------------- */

/* The text buffers of a column of views. */
struct view_text {
    struct dr_arrow_buffer *buffers; /* owned */
    int64_t n;
};

static int32_t read_view_buffers(struct dr_arrow_batch *b, struct view_text *ret, struct dr_err *err)
{
    if (b->view == b->variadic.n)
        return dr_fail(err, DR_EINPUT, "the batch does not say how many text buffers it has");
    int64_t n = dr_fb_list_i64(b->variadic, b->view++, 0);
    if (n < 0 || (uint64_t)n > b->buffers.n - b->buffer)
        return dr_fail(err, DR_EINPUT, "it claims %lld text buffers, more than the batch has", (long long)n);
    ret->buffers = dr_calloc((size_t)n, sizeof *ret->buffers);
    ret->n = n;
    for (int64_t i = 0; i < n; i++)
        DR_TRY(dr_arrow_next_buffer(b, &ret->buffers[i], err));
    return DR_OK;
}

/* What a view shows; false where it leaves its buffer. */
static bool view_get(const uint8_t *view, const struct view_text *text, struct dr_str *ret)
{
    int32_t word[4]; /* length, prefix, buffer, offset */
    memcpy(word, view, sizeof word);
    if (word[0] < 0)
        return false;
    *ret = (struct dr_str){ (const char *)view + 4, (size_t)word[0] };
    if (word[0] <= VIEW_INLINE)
        return true;
    if (word[2] < 0 || word[2] >= text->n || word[3] < 0 ||
        (int64_t)word[3] + word[0] > text->buffers[word[2]].n)
        return false;
    ret->p = (const char *)text->buffers[word[2]].p + word[3];
    return true;
}

/* Fill the offsets; the text follows once its length is known. */
static int32_t measure_views(const uint8_t *views, const struct view_text *text, int64_t most,
                             struct dr_array *a, struct dr_err *err)
{
    int64_t *offsets = dr_arrow_fresh_values(a, (a->n + 1) * (int64_t)sizeof *offsets);
    offsets[0] = 0;
    for (int64_t i = 0; i < a->n; i++) {
        struct dr_str s = { 0 };
        if (dr_array_valid(a, i) && !view_get(views + i * VIEW_WIDTH, text, &s))
            return dr_arrow_fail_row(i, "points outside of the column's text", err);
        offsets[i + 1] = offsets[i] + (int64_t)s.n;
        if (offsets[i + 1] > most)
            return dr_fail(err, DR_ELIMIT,
                           "its rows share text that takes more than %lld bytes when written out",
                           (long long)most);
    }
    return DR_OK;
}

static int32_t copy_views(struct dr_arrow_batch *b, const struct view_text *text, const uint8_t *views,
                          struct dr_array *a, struct dr_err *err)
{
    int64_t most = b->body.n * MAX_EXPANSION + MAX_EXPANSION_FLOOR;
    DR_TRY(measure_views(views, text, most, a, err));
    const int64_t *offsets = a->values;
    char *bytes = dr_array_make_bytes(a, (size_t)offsets[a->n]);
    for (int64_t i = 0; i < a->n; i++) {
        struct dr_str s = { 0 };
        if (dr_array_valid(a, i) && view_get(views + i * VIEW_WIDTH, text, &s) && s.n)
            memcpy(bytes + offsets[i], s.p, s.n);
    }
    return check_text(a, err);
}

static int32_t read_view_text(struct dr_arrow_batch *b, struct dr_array *a, struct dr_err *err)
{
    struct dr_arrow_buffer views;
    struct view_text text = { 0 };
    DR_TRY(dr_arrow_next_buffer(b, &views, err));
    DR_TRY(dr_arrow_need(&views, a->n * VIEW_WIDTH, "views", err));
    int32_t rc = read_view_buffers(b, &text, err);
    if (!rc)
        rc = copy_views(b, &text, views.p, a, err);
    free(text.buffers);
    return rc;
}

int32_t dr_arrow_decode_text(struct dr_arrow_batch *b, int32_t stored, struct dr_array *a, struct dr_err *err)
{
    if (stored == DR_ARROW_UTF8_VIEW)
        return read_view_text(b, a, err);
    return read_offset_text(b, stored == DR_ARROW_LARGE_UTF8, a, err);
}

/* ---- dictionaries ---------------------------------------------------------- */

void dr_arrow_dict_done(struct dr_arrow_dict *d)
{
    dr_dict_unref(d->dict);
    dr_column_unref(d->values);
    free(d->codes);
    *d = (struct dr_arrow_dict){ 0 };
}

/* A dictionary of the text where it lies, or NULL where a value is missing or
 * there twice. */
static struct dr_dict *borrow_dict(const struct dr_array *values)
{
    if (values->nulls)
        return NULL;
    struct dr_dict *d = dr_dict_new();
    d->n = d->cap = (int32_t)values->n;
    d->values = dr_malloc((size_t)values->n * sizeof *d->values);
    d->mem = dr_mem_ref(values->mem[2]);
    for (int32_t i = 0; i < d->n; i++)
        d->values[i] = dr_array_str(values, i);
    for (int32_t i = 0; i < d->n; i++) {
        if (dr_dict_find(d, d->values[i]) != i) {
            dr_dict_unref(d);
            return NULL;
        }
    }
    return d;
}

/* Add values to a dictionary that has grown differently from the file's. */
static void extend_dict(struct dr_arrow_dict *d, const struct dr_array *values)
{
    bool same = d->codes == NULL;
    d->codes = dr_realloc(d->codes, (size_t)(d->n + values->n) * sizeof *d->codes);
    for (int32_t i = 0; same && i < d->n; i++)
        d->codes[i] = i;
    for (int64_t i = 0; i < values->n; i++)
        d->codes[d->n + i] = dr_array_valid(values, i) ? dr_dict_put(d->dict, dr_array_str(values, i)) : -1;
    d->n += values->n;
}

/* A dictionary that is replaced in mid-stream keeps its old values, since
 * batches given out before hold their codes. */
static void load_text(struct dr_arrow_dict *d, const struct dr_array *values, bool delta)
{
    if (!d->dict && (d->dict = borrow_dict(values))) {
        d->n = values->n;
        return;
    }
    if (!d->dict)
        d->dict = dr_dict_new();
    if (!delta)
        d->n = 0;
    extend_dict(d, values);
}

static void load_values(struct dr_arrow_dict *d, struct dr_array *values, bool delta)
{
    int32_t old = delta && d->values ? d->values->n : 0;
    DR_AUTO_FREE struct dr_array **chunk = dr_malloc(((size_t)old + 1) * sizeof(struct dr_array *));
    for (int32_t k = 0; k < old; k++)
        chunk[k] = dr_array_ref(d->values->chunk[k]);
    chunk[old] = dr_array_ref(values);
    dr_column_unref(d->values);
    d->values = dr_column_new(values->type, old + 1, chunk, NULL);
    d->n = d->values->rows;
}

int32_t dr_arrow_dict_load(struct dr_arrow_dict *d, struct dr_array *values, bool delta, struct dr_err *err)
{
    int64_t known = d->dict ? d->dict->n : d->n;
    if (values->n > MAX_DICT || known + values->n > MAX_DICT || d->n + values->n > MAX_DICT)
        return dr_fail(err, DR_ELIMIT, "its dictionary has more than %lld values", (long long)MAX_DICT);
    if (values->type == DR_TYPE_STRING)
        load_text(d, values, delta);
    else
        load_values(d, values, delta);
    return DR_OK;
}

/* ---- codes ---------------------------------------------------------------- */

static bool codes_in_range(const int32_t *codes, int64_t n, int64_t dict_n)
{
    uint32_t last = (uint32_t)(dict_n - 1), bad = 0;
    int64_t i = 0;
    if (dict_n == 0)
        return n == 0;
    for (; i + BLOCK <= n; i += BLOCK)
        for (int64_t k = i; k < i + BLOCK; k++)
            bad |= (uint32_t)codes[k] | (last - (uint32_t)codes[k]);
    for (; i < n; i++)
        bad |= (uint32_t)codes[i] | (last - (uint32_t)codes[i]);
    return bad >> 31 == 0;
}

static int32_t fail_code(int64_t row, int64_t code, int64_t dict_n, struct dr_err *err)
{
    return dr_fail(err, DR_EINPUT,
                   "row %lld of the batch has code %lld, which its dictionary of %lld values lacks",
                   (long long)row + 1, (long long)code, (long long)dict_n);
}

/* Codes of 32 bits that are ours as they stand: no copy. */
static int32_t borrow_codes(struct dr_arrow_batch *b, const struct dr_arrow_buffer *buf,
                            const struct dr_arrow_dict *d, struct dr_array *a, struct dr_err *err)
{
    const int32_t *codes = a->values = dr_arrow_adopt(b, a, 1, buf->p, a->n * 4, 4);
    if (!codes_in_range(codes, a->n, d->n))
        for (int64_t i = 0; i < a->n; i++)
            if (dr_array_valid(a, i) && (codes[i] < 0 || codes[i] >= d->n))
                return fail_code(i, codes[i], d->n, err);
    dr_arrow_clear_nulls(a, sizeof *codes);
    return DR_OK;
}

/* The codes of the file as int64_t, -1 under a null; each checked. */
static int32_t load_codes(const struct dr_arrow_buffer *buf, const struct dr_arrow_field *f,
                          const struct dr_arrow_dict *d, const struct dr_array *a, int64_t *ret,
                          struct dr_err *err)
{
    dr_arrow_widen(buf->p, f->index_bits, f->index_signed, a->n, ret);
    for (int64_t i = 0; i < a->n; i++) {
        if (!dr_array_valid(a, i))
            ret[i] = -1;
        else if (ret[i] < 0 || ret[i] >= d->n)
            return fail_code(i, ret[i], d->n, err);
    }
    return DR_OK;
}

/* Our codes for the file's; a code of a missing value becomes a null. */
static void map_codes(const struct dr_arrow_dict *d, const int64_t *codes, struct dr_array *a)
{
    int32_t *ours = dr_arrow_fresh_values(a, a->n * (int64_t)sizeof *ours);
    struct dr_mem *old = a->mem[0];
    uint8_t *valid = dr_array_make_validity(a);
    for (int64_t i = 0; i < a->n; i++) {
        int32_t code = codes[i] < 0 || !d->codes ? (int32_t)codes[i] : d->codes[codes[i]];
        ours[i] = code < 0 ? 0 : code;
        if (code >= 0)
            dr_bit_set(valid, i);
    }
    dr_array_seal(a);
    dr_mem_unref(old);
}

/* Rows of a dictionary of other than text, as a plain array. */
static struct dr_array *take_values(const struct dr_arrow_dict *d, const int64_t *codes, int64_t n)
{
    struct dr_column *c = dr_column_take(d->values, n, codes);
    struct dr_array *a = dr_column_range(c, 0, n);
    dr_column_unref(c);
    return a;
}

static int32_t read_codes(struct dr_arrow_batch *b, const struct dr_arrow_field *f,
                          const struct dr_arrow_dict *d, struct dr_array **a, struct dr_err *err)
{
    struct dr_arrow_buffer buf;
    DR_TRY(dr_arrow_next_buffer(b, &buf, err));
    DR_TRY(dr_arrow_need(&buf, (*a)->n * (f->index_bits / 8), "codes", err));
    if (f->index_bits == 32 && d->dict && !d->codes)
        return borrow_codes(b, &buf, d, *a, err);
    DR_AUTO_FREE int64_t *codes = dr_malloc((size_t)(*a)->n * sizeof *codes);
    DR_TRY(load_codes(&buf, f, d, *a, codes, err));
    if (d->dict) {
        map_codes(d, codes, *a);
    } else {
        struct dr_array *plain = take_values(d, codes, (*a)->n);
        dr_array_unref(*a);
        *a = plain;
    }
    return DR_OK;
}

int32_t dr_arrow_decode_codes(struct dr_arrow_batch *b, const struct dr_arrow_field *f,
                              const struct dr_arrow_dict *d, struct dr_array **ret, struct dr_err *err)
{
    struct dr_array *a;
    DR_TRY(dr_arrow_decode_start(b, f->type, &a, err));
    if (!d->dict && !d->values) {
        dr_array_unref(a);
        return dr_fail(err, DR_EINPUT, "its dictionary (%lld) is not in the file",
                       (long long)f->dictionary_id);
    }
    a->dict = dr_dict_ref(d->dict);
    int32_t rc = read_codes(b, f, d, &a, err);
    if (rc)
        dr_array_unref(a);
    else
        *ret = a;
    return rc;
}
