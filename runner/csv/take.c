/* take.c - rows under construction become Arrow arrays. */
#include "csv/column.h"
#include "data/refused.h"

static struct dr_array *new_array(int32_t type, int64_t n)
{
    struct dr_array *a = dr_calloc(1, sizeof *a);
    atomic_init(&a->refs, 1);
    a->type = type;
    a->n = n;
    return a;
}

/* A bitmap in which every row is missing. */
static uint8_t *take_bits(struct dr_csv_cells *cells, struct dr_array *a)
{
    size_t bytes = (size_t)(a->n + 7) / 8;
    uint8_t *bits = dr_bulk_take(&cells->memory, bytes, &a->mem[0]);
    memset(bits, 0, bytes);
    a->valid = bits;
    return bits;
}

/* Whether a column's memory goes with its rows: where they fill most of it. */
static bool hands_over(const struct dr_csv_cells *cells, const struct dr_csv_column *col)
{
    return col->owner && cells->rows + cells->rows / 8 + 64 >= cells->cap;
}

/* The values of rows from `from` on become the array's, of `bytes` bytes: as they lie
 * there, or in a copy. */
static void *take_values(struct dr_csv_cells *cells, struct dr_csv_column *col, int64_t from, size_t width,
                         size_t bytes, struct dr_array *a)
{
    char *data = (char *)col->data + (size_t)from * width, *values = data;
    if (hands_over(cells, col))
        a->mem[1] = dr_mem_ref(col->owner);
    else
        values = memcpy(dr_bulk_take(&cells->memory, bytes, &a->mem[1]), data, bytes);
    a->values = values;
    return values;
}

/* ---- arrays out ----------------------------------------------------------------- */

static struct dr_array *take_codes(struct dr_csv_cells *cells, struct dr_csv_column *col, int64_t from,
                                   int64_t n)
{
    struct dr_array *a = new_array(DR_TYPE_DICT, n);
    int32_t *values = take_values(cells, col, from, sizeof *values, (size_t)n * sizeof *values, a);
    if (col->seen >= 0)
        return a;
    uint8_t *bits = take_bits(cells, a);
    for (int64_t i = 0; i < n; i++) {
        bits[i >> 3] |= (uint8_t)((values[i] != DR_CSV_NULL) << (i & 7));
        values[i] = values[i] < 0 ? 0 : values[i];
    }
    return dr_array_seal(a);
}

/* n bytes of 0 and 1 as bits; DR_CSV_SLACK bytes more are readable. */
static void pack(const uint8_t *bytes, int64_t n, uint8_t *ret)
{
    for (int64_t i = 0; i < n; i += 8) {
        uint64_t eight = dr_csv_load8((const char *)bytes + i);
        if (n - i < 8)
            eight &= (UINT64_C(1) << (n - i) * 8) - 1;
        ret[i / 8] = (uint8_t)(eight * UINT64_C(0x0102040810204080) >> 56); /* byte k to bit 56 + k */
    }
}

static void take_marks(struct dr_csv_cells *cells, struct dr_csv_column *col, int64_t from,
                       struct dr_array *a)
{
    if (col->missing == 0)
        return;
    pack(col->marks + from, a->n, take_bits(cells, a));
    dr_array_seal(a);
}

static struct dr_array *take_plain(struct dr_csv_cells *cells, struct dr_csv_column *col, int64_t from,
                                   int64_t n)
{
    struct dr_array *a = new_array(DR_TYPE_STRING, n);
    int64_t *offsets = (int64_t *)col->data + from, first = offsets[0], end = offsets[n];
    int64_t *values = offsets;
    size_t bytes = (size_t)(end - first);
    if (first > 0) /* offsets[0] is still needed by the array before */
        a->values = values = dr_bulk_take(&cells->memory, ((size_t)n + 1) * sizeof *values, &a->mem[1]);
    else
        values = take_values(cells, col, from, sizeof *values, ((size_t)n + 1) * sizeof *values, a);
    for (int64_t i = 0; first > 0 && i <= n; i++)
        values[i] = offsets[i] - first;
    char *text = dr_bulk_take(&cells->memory, bytes, &a->mem[2]);
    if (bytes > 0)
        memcpy(text, col->bytes + first, bytes);
    a->bytes = text;
    take_marks(cells, col, from, a);
    return a;
}

/* The refusals of rows [from, from + n). */
static struct dr_refused *take_refused(const struct dr_csv_column *col, int64_t from, int64_t n)
{
    size_t first = 0, end;
    while (first < col->refused_n && col->refused[first].row < from)
        first++;
    for (end = first; end < col->refused_n && col->refused[end].row < from + n;)
        end++;
    if (end == first)
        return NULL;
    DR_AUTO_FREE int64_t *rows = dr_malloc((end - first) * sizeof *rows);
    DR_AUTO_FREE struct dr_str *texts = dr_malloc((end - first) * sizeof *texts);
    for (size_t i = first; i < end; i++) {
        rows[i - first] = col->refused[i].row - from;
        texts[i - first] = col->refused[i].text;
    }
    return dr_refused_new((int64_t)(end - first), rows, texts);
}

static struct dr_array *take_typed(struct dr_csv_cells *cells, struct dr_csv_column *col, int64_t from,
                                   int64_t n)
{
    struct dr_array *a = new_array(col->kind.type, n);
    size_t width = dr_type_width(a->type), bytes = width ? (size_t)n * width : (size_t)(n + 7) / 8;
    if (width) {
        take_values(cells, col, from, width, bytes, a);
    } else {
        uint8_t *values = dr_bulk_take(&cells->memory, bytes, &a->mem[1]);
        pack((const uint8_t *)col->data + from, n, values);
        a->values = values;
    }
    a->scale = col->kind.scale;
    a->zoned = col->kind.zoned;
    take_marks(cells, col, from, a);
    a->refused = take_refused(col, from, n);
    return a;
}

static struct dr_array *take_column(struct dr_csv_cells *cells, int32_t c, int64_t from, int64_t n)
{
    struct dr_csv_column *col = cells->columns + c;
    switch (col->kind.type) {
    case DR_TYPE_DICT:
        return take_codes(cells, col, from, n);
    case DR_TYPE_STRING:
        return take_plain(cells, col, from, n);
    default:
        return take_typed(cells, col, from, n);
    }
}

static struct dr_array *take_lines(struct dr_csv_cells *cells, int64_t from, int64_t n)
{
    struct dr_array *a = new_array(DR_TYPE_INT64, n);
    int64_t *values = dr_bulk_take(&cells->memory, (size_t)n * sizeof *values, &a->mem[1]);
    memcpy(values, cells->lines + from, (size_t)n * sizeof *values);
    a->values = values;
    return a;
}

/* The rows are taken: columns whose memory went with them get new memory when the next
 * piece begins, for about as many rows. */
static void let_go(struct dr_csv_cells *cells)
{
    int64_t room = cells->rows + cells->rows / 16 + 64;
    for (int32_t c = 0; c < cells->format->n; c++)
        if (hands_over(cells, cells->columns + c))
            dr_csv_free_data(cells->columns + c);
    if (cells->memory.large && cells->cap > room && cells->rows > cells->cap / 2)
        cells->cap = room; /* fewer rows are those of a range that began inside quotes */
}

void dr_csv_cells_take(struct dr_csv_cells *cells, struct dr_csv_chunks *ret)
{
    const struct dr_csv_format *f = cells->format;
    *ret = (struct dr_csv_chunks){ .n = (int32_t)((cells->rows + DR_CHUNK_ROWS - 1) / DR_CHUNK_ROWS),
                                   .columns = f->n + f->lines,
                                   .lines = f->lines,
                                   .from = cells };
    ret->arrays = dr_calloc((size_t)ret->n * (size_t)ret->columns, sizeof(struct dr_array *));
    ret->provisional = dr_calloc((size_t)ret->columns, sizeof *ret->provisional);
    for (int32_t k = 0; k < ret->n; k++) {
        int64_t from = (int64_t)k * DR_CHUNK_ROWS;
        int64_t n = cells->rows - from < DR_CHUNK_ROWS ? cells->rows - from : DR_CHUNK_ROWS;
        struct dr_array **arrays = ret->arrays + (size_t)k * (size_t)ret->columns;
        for (int32_t c = 0; c < f->n; c++)
            arrays[c] = take_column(cells, c, from, n);
        if (f->lines)
            arrays[f->n] = take_lines(cells, from, n);
    }
    for (int32_t c = 0; c < f->n; c++) {
        struct dr_csv_column *col = cells->columns + c;
        ret->provisional[c] = (col->seen & DR_CSV_PROVISIONAL) != 0;
        col->seen = 0;
        col->missing = 0;
        col->refused_n = 0;
        dr_arena_done(&col->refused_text);
    }
    let_go(cells);
    cells->rows = 0;
}

void dr_csv_chunks_done(struct dr_csv_chunks *chunks)
{
    for (int32_t i = 0; i < chunks->n * chunks->columns; i++)
        dr_array_unref(chunks->arrays[i]);
    free(chunks->arrays);
    free(chunks->provisional);
    *chunks = (struct dr_csv_chunks){ 0 };
}

/* Arrays are written only before anybody else has seen them. */
static void settle_codes(struct dr_array *a, struct dr_csv_values *values, struct dr_dict *dict)
{
    int32_t *codes = DR_UNCONST(int32_t, a->values);
    for (int64_t i = 0; i < a->n; i++)
        if (codes[i] & DR_CSV_PROVISIONAL)
            codes[i] = dr_csv_values_settle(values, codes[i], dict);
}

static void settle_array(struct dr_csv_chunks *chunks, int32_t c, struct dr_array *a, struct dr_dict **dicts,
                         int64_t first_line)
{
    if (c == chunks->columns - 1 && chunks->lines) {
        int64_t *lines = DR_UNCONST(int64_t, a->values);
        for (int64_t i = 0; i < a->n; i++)
            lines[i] += first_line;
    } else if (a->type == DR_TYPE_DICT) {
        if (chunks->provisional[c])
            settle_codes(a, &chunks->from->columns[c].values, dicts[c]);
        a->dict = dr_dict_ref(dicts[c]);
    }
}

void dr_csv_settle(struct dr_csv_chunks *chunks, struct dr_dict **dicts, int64_t first_line)
{
    for (int32_t k = 0; k < chunks->n; k++)
        for (int32_t c = 0; c < chunks->columns; c++)
            settle_array(chunks, c, chunks->arrays[k * chunks->columns + c], dicts, first_line);
}
