/* convert.c - cells to arrays, a column at a time.
 *
 * A value that does not fit its column marks its record dead. When all columns
 * are done, a strict reader fails with the first such record; a forgiving one
 * keeps it aside, drops the cells of dead records and converts the rest again. */
#include "csv/spell.h"
#include "csv/wide.h"
#include "data/decimal.h"
#include "json/fill.h"
#include "json/rest.h"
#include "data/kernel.h"
/* ---- records that are refused -------------------------------------------------------------- */

static void describe(const struct dr_json_fill *c, struct dr_json_cell cell, char *ret, size_t size)
{
    uint32_t kind = dr_cell_kind(cell) == DR_JSON_ESCAPED ? DR_JSON_STRING : dr_cell_kind(cell);
    int shown = dr_cell_length(cell) < 40 ? (int)dr_cell_length(cell) : 40;
    if (c->w->hide_text || kind == DR_JSON_OBJECT || kind == DR_JSON_ARRAY)
        snprintf(ret, size, "%s", dr_json_kind_name((enum dr_json_kind)kind));
    else
        snprintf(ret, size, "%s %.*s", dr_json_kind_name((enum dr_json_kind)kind), shown, c->text + cell.at);
}

__attribute__((noinline, cold)) void dr_json_refuse(const struct dr_json_fill *c, int32_t row,
                                                    const char *why)
{
    struct dr_json_worker *w = c->w;
    int32_t record = c->records ? c->records[row] : row + c->first;
    char found[120];
    if (!w->dead)
        w->dead = dr_calloc((size_t)w->walk.rows[0].cap, sizeof(char *));
    if (w->dead[record])
        return;
    describe(c, c->cells[row], found, sizeof found);
    w->dead[record] = dr_arena_printf(&w->unit->arena, "column '%s': expected %s, found %s", c->field->name,
                                      why ? why : dr_type_name(c->field->type), found);
    if (!w->any_dead || c->cells[row].at < w->dead_at)
        w->dead_at = c->cells[row].at;
    w->any_dead = true;
    w->surprised |= c->field->found && !w->final;
}

/* ---- values ------------------------------------------------------------------------------------ */

__attribute__((noinline)) struct dr_str dr_json_unescaped(const struct dr_json_fill *c,
                                                          struct dr_json_cell cell)
{
    struct dr_buf *out = &c->w->scratch;
    const char *p = c->text + cell.at, *end = p + dr_cell_length(cell), *why;
    dr_buf_clear(out);
    while (p < end) {
        char bytes[4];
        size_t taken;
        const char *escape = memchr(p, '\\', (size_t)(end - p));
        dr_buf_append(out, p, (size_t)((escape ? escape : end) - p));
        if (!escape)
            break;
        size_t n = dr_json_unescape(escape, end, bytes, &taken, &why);
        dr_buf_append(out, bytes, n);
        p = escape + taken;
    }
    return dr_buf_str(out);
}

static bool parse_int(const struct dr_json_fill *c, struct dr_json_cell cell, int64_t *ret)
{
    const char *p = c->text + cell.at;
    uint32_t n = dr_cell_length(cell);
    if (dr_cell_kind(cell) == DR_JSON_NUMBER && n <= 18) {
        bool negative = *p == '-';
        int64_t v = 0;
        for (uint32_t i = negative; i < n; i++) {
            if (!dr_json_is_digit(p[i]))
                return false;
            v = v * 10 + (p[i] - '0');
        }
        *ret = negative ? -v : v;
        return true;
    }
    return (dr_json_is_string(cell) && !c->field->found && dr_parse_i64(dr_json_text_of(c, cell), ret)) ||
           (dr_cell_kind(cell) == DR_JSON_NUMBER && dr_parse_i64((struct dr_str){ p, n }, ret));
}

/* Up to 15 digits and a power of ten up to 22 are a double each, and their
 * quotient is rounded once: exact. */
static __attribute__((noinline)) bool parse_float_fast(const char *p, uint32_t n, double *ret)
{
    static const double power[] = { 1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15 };
    uint32_t i = *p == '-', point = n;
    int64_t v = 0;
    if (n - i > 16)
        return false;
    for (; i < n; i++) {
        if (p[i] == '.')
            point = i + 1;
        else if (dr_json_is_digit(p[i]))
            v = v * 10 + (p[i] - '0');
        else
            return false;
    }
    if (v > INT64_C(999999999999999))
        return false;
    double real = (double)v / power[n - point];
    *ret = *p == '-' ? -real : real;
    return true;
}

static inline bool parse_float(const struct dr_json_fill *c, struct dr_json_cell cell, double *ret)
{
    const char *p = c->text + cell.at;
    uint32_t n = dr_cell_length(cell);
    if (dr_cell_kind(cell) == DR_JSON_NUMBER) {
        if (dr_csv_fast_float((struct dr_str){ p, n }, ret) || parse_float_fast(p, n, ret))
            return true;
        bool exact = !c->field->found || dr_json_digits((struct dr_str){ p, n }) <= DR_JSON_DOUBLE_DIGITS;
        return exact && dr_parse_f64((struct dr_str){ p, n }, false, ret);
    }
    return dr_json_is_string(cell) && !c->field->found && dr_parse_f64(dr_json_text_of(c, cell), false, ret);
}

static bool parse_bool(const struct dr_json_fill *c, struct dr_json_cell cell, int64_t *ret)
{
    bool value = dr_cell_kind(cell) == DR_JSON_TRUE;
    bool fits =
        value || dr_cell_kind(cell) == DR_JSON_FALSE ||
        (dr_json_is_string(cell) && !c->field->found && dr_parse_bool(dr_json_text_of(c, cell), &value));
    *ret = value;
    return fits;
}

static bool parse_decimal(const struct dr_json_fill *c, struct dr_json_cell cell, dr_int128 *ret)
{
    dr_int128 v;
    int32_t scale;
    bool number = dr_cell_kind(cell) == DR_JSON_NUMBER || dr_json_is_string(cell);
    return number && dr_parse_decimal(dr_json_text_of(c, cell), &v, &scale) &&
           dr_decimal_rescale(v, scale, c->field->scale, ret);
}

/* ---- columns -------------------------------------------------------------------------------------- */

static void fill_ints(const struct dr_json_fill *c, int64_t *values)
{
    for (int32_t i = 0; i < c->n; i++) {
        values[i] = 0;
        if (!dr_json_passes_missing(c, i) && !parse_int(c, c->cells[i], &values[i]))
            dr_json_refuse(c, i, NULL);
    }
}

static void fill_float(const struct dr_json_fill *c, int32_t i, double *values)
{
    values[i] = 0;
    if (!dr_json_passes_missing(c, i) && !parse_float(c, c->cells[i], &values[i]))
        dr_json_refuse(c, i, NULL);
}

static void fill_floats(const struct dr_json_fill *c, double *values)
{
    enum { GROUPS = 64 };
    _Static_assert(sizeof(struct dr_json_cell) == 2 * sizeof(uint32_t), "a cell is two words");
    uint8_t read[GROUPS];
    int32_t i = 0, whole = c->w->isa == DR_JSON_AVX2 ? c->n - c->n % DR_CSV_WIDE : 0;
    while (i < whole) {
        int32_t n = whole - i < GROUPS * DR_CSV_WIDE ? whole - i : GROUPS * DR_CSV_WIDE;
        dr_csv_wide_tagged_floats(c->text, &c->cells[i].at, n, DR_JSON_NUMBER, values + i, read);
        for (int32_t g = 0; g < n / DR_CSV_WIDE; g++)
            for (unsigned left = read[g] ^ 0xFFu; left; left &= left - 1)
                fill_float(c, i + g * DR_CSV_WIDE + __builtin_ctz(left), values);
        i += n;
    }
    for (; i < c->n; i++)
        fill_float(c, i, values);
}

static void fill_bools(const struct dr_json_fill *c, uint8_t *bits)
{
    for (int32_t i = 0; i < c->n; i++) {
        int64_t v = 0;
        if (!dr_json_passes_missing(c, i) && !parse_bool(c, c->cells[i], &v))
            dr_json_refuse(c, i, NULL);
        if (v)
            dr_bit_set(bits, i);
    }
}

static void fill_decimals(const struct dr_json_fill *c, dr_int128 *values)
{
    for (int32_t i = 0; i < c->n; i++) {
        values[i] = 0;
        if (!dr_json_passes_missing(c, i) && !parse_decimal(c, c->cells[i], &values[i]))
            dr_json_refuse(c, i, NULL);
    }
}

static void fill_dates(const struct dr_json_fill *c, int32_t *values)
{
    for (int32_t i = 0; i < c->n; i++) {
        values[i] = 0;
        if (!dr_json_passes_missing(c, i) &&
            !(dr_json_is_string(c->cells[i]) && dr_parse_date(dr_json_text_of(c, c->cells[i]), &values[i])))
            dr_json_refuse(c, i, "a date (YYYY-MM-DD)");
    }
}

static void fill_times(const struct dr_json_fill *c, int64_t *values, uint8_t *zone)
{
    for (int32_t i = 0; i < c->n; i++) {
        bool zoned;
        values[i] = 0;
        if (dr_json_passes_missing(c, i))
            continue;
        if (!dr_json_is_string(c->cells[i]) ||
            !dr_parse_timestamp(dr_json_text_of(c, c->cells[i]), &values[i], &zoned)) {
            dr_json_refuse(c, i, "a time (YYYY-MM-DDTHH:MM:SS)");
            continue;
        }
        uint8_t this = zoned ? DR_JSON_ZONED : DR_JSON_LOCAL;
        if (*zone && *zone != this)
            dr_json_refuse(c, i,
                           zoned ? "a time without an offset, as those before"
                                 : "a time with an offset, as those before");
        else
            *zone = this;
    }
}
static void fill_strings(const struct dr_json_fill *c, struct dr_array *a)
{
    int64_t *offsets = DR_UNCONST(int64_t, a->values), room = 0, used = 0;
    for (int32_t i = 0; i < c->n; i++)
        room += dr_json_is_missing(c->cells[i]) ? 0 : dr_cell_length(c->cells[i]) + 2; /* quotes */
    char *bytes = dr_bulk_take(&c->w->memory, (size_t)room, &a->mem[2]);
    a->bytes = bytes;
    offsets[0] = 0;
    for (int32_t i = 0; i < c->n; i++) {
        if (!dr_json_passes_missing(c, i)) {
            struct dr_str s = dr_json_text_of(c, c->cells[i]);
            if (!dr_json_kind_found(c, i))
                dr_json_refuse(c, i, "a string");
            else if (dr_json_text_fits(c, i, s) && s.n > 0) {
                memcpy(bytes + used, s.p, s.n);
                used += (int64_t)s.n;
            }
        }
        offsets[i + 1] = used;
    }
}

/* Which of the cells have a value. */
static void mark_missing(const struct dr_json_fill *c, struct dr_array *a)
{
    size_t bytes = (size_t)(c->n + 7) / 8;
    uint8_t *bits = dr_bulk_take(&c->w->memory, bytes, &a->mem[0]);
    a->valid = bits;
    for (int32_t i = 0; i < c->n; i += 8) {
        int32_t last = c->n - i < 8 ? c->n - i : 8;
        unsigned byte = 0;
        for (int32_t k = 0; k < last; k++)
            byte |= (unsigned)!dr_json_is_missing(c->cells[i + k]) << k;
        bits[i / 8] = (uint8_t)byte;
    }
}

/* The values are for the caller to write, all of them. */
static struct dr_array *new_array(struct dr_json_worker *w, int32_t type, int32_t n, void **ret_values)
{
    struct dr_array *a = dr_calloc(1, sizeof *a);
    size_t bytes = type == DR_TYPE_BOOL     ? (size_t)(n + 7) / 8
                   : type == DR_TYPE_STRING ? ((size_t)n + 1) * sizeof(int64_t)
                                            : (size_t)n * dr_type_width(type);
    atomic_init(&a->refs, 1);
    a->type = type;
    a->n = n;
    *ret_values = dr_bulk_take(&w->memory, bytes, &a->mem[1]);
    a->values = *ret_values;
    return a;
}

static struct dr_array *convert(const struct dr_json_fill *c, struct dr_csv_values *v, uint8_t *zone,
                                bool *provisional)
{
    void *values;
    struct dr_array *a = new_array(c->w, c->field->type, c->n, &values);
    a->scale = c->field->scale;
    switch (c->field->type) {
    case DR_TYPE_BOOL:
        memset(values, 0, (size_t)(c->n + 7) / 8);
        fill_bools(c, values);
        break;
    case DR_TYPE_INT64:
        fill_ints(c, values);
        break;
    case DR_TYPE_FLOAT64:
        fill_floats(c, values);
        break;
    case DR_TYPE_DATE:
        fill_dates(c, values);
        break;
    case DR_TYPE_TIMESTAMP:
        fill_times(c, values, zone);
        break;
    case DR_TYPE_DECIMAL:
        fill_decimals(c, values);
        break;
    case DR_TYPE_STRING:
        fill_strings(c, a);
        break;
    default:
        *provisional |= dr_json_fill_codes(c, values, v);
    }
    if (*c->missing)
        mark_missing(c, a);
    return dr_array_seal(a);
}

/* ---- blocks ------------------------------------------------------------------------------------------- */

static struct dr_array *numbers(struct dr_json_worker *w, const int32_t *from, int32_t n, int64_t first)
{
    void *p;
    struct dr_array *a = new_array(w, DR_TYPE_INT64, n, &p);
    int64_t *values = p;
    for (int32_t i = 0; i < n; i++)
        values[i] = from[i] + first;
    return a;
}

static struct dr_array *line_numbers(struct dr_json_worker *w, const struct dr_json_span *spans, int32_t n)
{
    void *p;
    struct dr_array *a = new_array(w, DR_TYPE_INT64, n, &p);
    int64_t *values = p;
    for (int32_t i = 0; i < n; i++)
        values[i] = spans[i].line;
    return a;
}

/* A record that cannot be taken apart, as a whole. */
static void refuse_rest(struct dr_json_worker *w, int32_t record, const char *why)
{
    size_t at = w->walk.spans[record].start;
    if (!w->dead)
        w->dead = dr_calloc((size_t)w->walk.rows[0].cap, sizeof(char *));
    if (w->dead[record])
        return;
    w->dead[record] = dr_arena_printf(&w->unit->arena, "column '%s': %s", w->rest, why);
    if (!w->any_dead || at < w->dead_at)
        w->dead_at = at;
    w->any_dead = true;
}

/* What is left of a record, appended to w->scratch; false where nothing is. */
static bool put_rest_of(struct dr_json_worker *w, int32_t record)
{
    struct dr_json_span span = w->walk.spans[record];
    struct dr_err err = { 0 };
    if (!w->doc) {
        w->doc = dr_json_doc_new();
        dr_json_doc_set_isa(w->doc, w->isa);
    }
    if (dr_json_doc_parse(w->doc, "the record", w->walk.tokens.text + span.start, span.end - span.start,
                          &err)) {
        refuse_rest(w, record, err.msg);
        return false;
    }
    return dr_json_put_rest(w->plan->tables[0].root, dr_json_root(w->doc), &w->scratch);
}

static struct dr_array *rest_of_records(struct dr_json_worker *w, int32_t from, int32_t n)
{
    void *p;
    struct dr_array *a = new_array(w, DR_TYPE_STRING, n, &p);
    int64_t *offsets = p;
    uint8_t *valid = dr_bulk_take(&w->memory, (size_t)(n + 7) / 8, &a->mem[0]);
    memset(valid, 0, (size_t)(n + 7) / 8);
    dr_buf_clear(&w->scratch);
    offsets[0] = 0;
    for (int32_t i = 0; i < n; i++) {
        if (put_rest_of(w, from + i))
            dr_bit_set(valid, i);
        offsets[i + 1] = (int64_t)w->scratch.n;
        if (!dr_buf_ok(&w->scratch))
            refuse_rest(w, from + i, "the rest of these records is longer than 1 GiB");
    }
    char *bytes = dr_bulk_take(&w->memory, w->scratch.n, &a->mem[2]);
    if (w->scratch.n > 0)
        memcpy(bytes, w->scratch.p, w->scratch.n);
    a->bytes = bytes;
    a->valid = valid;
    return dr_array_seal(a);
}

/* Room for one chunk more; returns it. */
static struct dr_array **next_chunk(struct dr_json_chunks *chunks)
{
    if (chunks->n == chunks->cap) {
        chunks->cap = chunks->cap ? chunks->cap * 2 : 4;
        chunks->arrays = dr_realloc(chunks->arrays, (size_t)chunks->cap * (size_t)chunks->columns *
                                                        sizeof(struct dr_array *));
    }
    return chunks->arrays + (size_t)chunks->n++ * (size_t)chunks->columns;
}

/* Rows [from, from + n) of a table as a chunk. */
static void convert_rows(struct dr_json_worker *w, int32_t t, int32_t from, int32_t n, struct dr_json_unit *u)
{
    const struct dr_json_table_plan *table = &w->plan->tables[t];
    const struct dr_json_rows *rows = &w->walk.rows[t];
    struct dr_json_chunks *chunks = &u->tables[t];
    struct dr_array **to = next_chunk(chunks);
    for (int32_t i = 0; i < table->n; i++) {
        bool missing = false;
        struct dr_json_fill c = { .w = w,
                                  .text = w->walk.tokens.text,
                                  .field = &table->fields[i],
                                  .cells = rows->cells + (size_t)i * (size_t)rows->cap + from,
                                  .records = t > 0 ? rows->record + from : NULL,
                                  .n = n,
                                  .first = from,
                                  .missing = &missing };
        to[i] = convert(&c, &w->values[t][i], &chunks->zones[i], &chunks->provisional[i]);
    }
    if (t == 0) {
        to[table->n] = w->lines ? line_numbers(w, w->walk.spans + from, n) : NULL;
        to[table->n + 1] = w->rest ? rest_of_records(w, from, n) : NULL;
    } else {
        to[table->n] = numbers(w, rows->record + from, n, u->tables[0].rows);
        to[table->n + 1] = numbers(w, rows->position + from, n, 0);
    }
}

static void convert_table(struct dr_json_worker *w, int32_t t, struct dr_json_unit *u)
{
    int32_t n = w->walk.rows[t].n;
    for (int32_t from = 0; from < n; from += DR_CHUNK_ROWS)
        convert_rows(w, t, from, n - from < DR_CHUNK_ROWS ? n - from : DR_CHUNK_ROWS, u);
}

/* The chunks of the block just converted. */
static void drop_chunks(const struct dr_json_worker *w, int32_t t, struct dr_json_chunks *chunks)
{
    int32_t blocks = (w->walk.rows[t].n + DR_CHUNK_ROWS - 1) / DR_CHUNK_ROWS;
    for (; blocks > 0; blocks--) {
        chunks->n--;
        for (int32_t i = 0; i < chunks->columns; i++)
            dr_array_unref(chunks->arrays[(size_t)chunks->n * (size_t)chunks->columns + (size_t)i]);
    }
}

/* ---- dead records ----------------------------------------------------------------------------- */

static void move_row(struct dr_json_rows *r, int32_t from, int32_t to)
{
    for (int32_t c = 0; c < r->columns; c++)
        r->cells[(size_t)c * (size_t)r->cap + (size_t)to] =
            r->cells[(size_t)c * (size_t)r->cap + (size_t)from];
}

static void cut_rows(struct dr_json_rows *r, int32_t n)
{
    for (int32_t c = 0; c < r->columns && r->n > n; c++)
        memset(r->cells + (size_t)c * (size_t)r->cap + n, 0, (size_t)(r->n - n) * sizeof *r->cells);
    r->n = n;
}

static void drop_dead_children(struct dr_json_rows *r, const int32_t *now)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < r->n; i++) {
        if (now[r->record[i]] < 0)
            continue;
        move_row(r, i, kept);
        r->position[kept] = r->position[i];
        r->record[kept++] = now[r->record[i]];
    }
    cut_rows(r, kept);
}

static void keep_aside(struct dr_json_worker *w, struct dr_json_unit *u, int32_t record)
{
    struct dr_json_span span = w->walk.spans[record];
    struct dr_str text = { w->walk.tokens.text + span.start, span.end - span.start };
    dr_json_unit_reject(u, span.line, w->dead[record], text);
    w->dead[record] = NULL;
}

static void drop_dead(struct dr_json_worker *w, struct dr_json_unit *u)
{
    struct dr_json_rows *r = &w->walk.rows[0];
    int32_t *now = dr_malloc((size_t)r->n * sizeof *now), kept = 0;
    for (int32_t i = 0; i < r->n; i++) {
        now[i] = w->dead[i] ? -1 : kept;
        if (w->dead[i]) {
            keep_aside(w, u, i);
            continue;
        }
        move_row(r, i, kept);
        w->walk.spans[kept++] = w->walk.spans[i];
    }
    cut_rows(r, kept);
    for (int32_t t = 1; t < w->plan->n; t++)
        drop_dead_children(&w->walk.rows[t], now);
    free(now);
    w->any_dead = false;
}

/* A strict reader's end: the first dead record. */
static void fail_dead(struct dr_json_worker *w, struct dr_json_unit *u)
{
    int32_t i = 0;
    while (!w->dead[i])
        i++;
    struct dr_json_span span = w->walk.spans[i];
    size_t at = w->dead_at >= span.start && w->dead_at < span.end ? w->dead_at : span.start;
    int64_t line, column;
    dr_json_place(w->walk.tokens.text + span.start, at - span.start, &line, &column);
    if (line == 1) {
        const char *lf = memrchr(w->walk.tokens.text, '\n', span.start);
        column += lf ? w->walk.tokens.text + span.start - lf - 1 : (int64_t)span.start + w->before;
    }
    dr_json_unit_fail(u, DR_EINPUT, span.line + line - 1, column, w->dead[i]);
    u->surprise = w->surprised;
    w->surprised = false;
    memset(w->dead, 0, (size_t)w->walk.rows[0].cap * sizeof(char *));
    w->any_dead = false;
}

static bool look(struct dr_json_worker *w)
{
    const struct dr_json_walk *walk = &w->walk;
    for (int32_t i = 0; i < walk->rows[0].n; i++) {
        struct dr_json_span span = walk->spans[i];
        dr_json_finder_look(w->finder, walk->tokens.text + span.start, span.end - span.start, span.line + 1);
    }
    dr_json_walk_clear(&w->walk);
    return true;
}

bool dr_json_flush(struct dr_json_worker *w, struct dr_json_unit *u)
{
    int32_t tables = w->plan->n;
    if (w->finder)
        return look(w);
    w->unit = u;
    for (;;) {
        for (int32_t t = 0; t < tables; t++)
            convert_table(w, t, u);
        if (!w->any_dead)
            break;
        for (int32_t t = 0; t < tables; t++)
            drop_chunks(w, t, &u->tables[t]);
        if (!w->forgiving || w->surprised) {
            fail_dead(w, u);
            break;
        }
        drop_dead(w, u);
    }
    for (int32_t t = 0; t < tables && !u->rc; t++)
        u->tables[t].rows += w->walk.rows[t].n;
    dr_json_walk_clear(&w->walk);
    return u->rc == DR_OK;
}
