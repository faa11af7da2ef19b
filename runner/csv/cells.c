/* cells.c - columns under construction: life, and cells in.
 *
 * Cells of a large input gather where their arrays will lie, with a little room
 * to spare. Others gather in buffers that are reused from piece to piece; a take
 * (take.c) copies them out to memory of exactly the size needed. */
#include "csv/column.h"

enum { FIRST_ROWS = 64 };

void dr_csv_format_done(struct dr_csv_format *f)
{
    for (int32_t i = 0; f->names && i < f->n + f->lines; i++)
        free(f->names[i]);
    free(f->names);
    free(f->kinds);
    free(f->nulls);
    free(f->null_text);
    *f = (struct dr_csv_format){ 0 };
}

bool dr_csv_is_null(const struct dr_csv_format *f, struct dr_str s)
{
    for (size_t i = 0; i < f->n_nulls; i++)
        if (dr_str_eq(f->nulls[i], s))
            return true;
    return false;
}

/* ---- life ------------------------------------------------------------------- */

/* Whether a spelling of a missing value also spells one of the kind. */
static bool nulls_spell(const struct dr_csv_format *f, const struct dr_csv_kind *kind)
{
    char value[16];
    for (size_t i = 0; i < f->n_nulls; i++)
        if (dr_csv_spell(kind, f->nulls[i], value, 0))
            return true;
    return false;
}

void dr_csv_free_data(struct dr_csv_column *col)
{
    if (col->owner)
        dr_mem_unref(col->owner);
    else
        free(col->data);
    col->owner = NULL;
    col->data = NULL;
}

/* Give a column the kind that the format says; there are no rows. */
static void set_kind(struct dr_csv_cells *cells, int32_t c)
{
    struct dr_csv_column *col = cells->columns + c;
    col->kind = cells->format->kinds[c];
    col->nulls_first = nulls_spell(cells->format, &col->kind);
    dr_csv_free_data(col);
    free(col->marks);
    col->marks = NULL;
    dr_csv_values_done(&col->values);
    if (col->kind.type == DR_TYPE_DICT)
        dr_csv_values_init(&col->values, cells->format);
}

struct dr_csv_cells *dr_csv_cells_new(const struct dr_csv_format *f, enum dr_isa isa)
{
    struct dr_csv_cells *cells = dr_calloc(1, sizeof *cells);
    cells->format = f;
    cells->isa = isa;
    cells->columns = dr_calloc((size_t)f->n, sizeof *cells->columns);
    for (int32_t c = 0; c < f->n; c++)
        set_kind(cells, c);
    cells->unquoted.max = SIZE_MAX / 4;
    cells->memory.large = f->large;
    return cells;
}

void dr_csv_cells_free(struct dr_csv_cells *cells)
{
    if (!cells)
        return;
    for (int32_t c = 0; c < cells->format->n; c++) {
        struct dr_csv_column *col = cells->columns + c;
        dr_csv_values_done(&col->values);
        dr_arena_done(&col->refused_text);
        free(col->refused);
        dr_csv_free_data(col);
        free(col->marks);
        free(col->bytes);
    }
    free(cells->columns);
    free(cells->lines);
    dr_buf_done(&cells->unquoted);
    dr_bulk_done(&cells->memory);
    free(cells);
}

int64_t dr_csv_cells_rows(const struct dr_csv_cells *cells)
{
    return cells->rows;
}

int64_t *dr_csv_cells_lines(struct dr_csv_cells *cells)
{
    return cells->lines;
}

/* Where a column's values lie from now on; those of the rows that there are go with them. */
static void grow_data(struct dr_csv_cells *cells, struct dr_csv_column *col, size_t width)
{
    size_t size = ((size_t)cells->cap + 1) * width + DR_CSV_SLACK;
    if (!cells->memory.large || col->kind.type == DR_TYPE_BOOL) {
        col->data = dr_realloc(col->data, size);
        return;
    }
    struct dr_mem *owner;
    void *data = dr_bulk_take(&cells->memory, size, &owner);
    if (cells->rows > 0)
        memcpy(data, col->data, ((size_t)cells->rows + (col->kind.type == DR_TYPE_STRING)) * width);
    dr_csv_free_data(col);
    col->data = data;
    col->owner = owner;
}

/* Room for cells->cap rows. */
static void grow_column(struct dr_csv_cells *cells, struct dr_csv_column *col)
{
    size_t width = col->kind.type == DR_TYPE_STRING ? sizeof(int64_t)
                   : col->kind.type == DR_TYPE_BOOL ? 1
                                                    : dr_type_width(col->kind.type);
    grow_data(cells, col, width);
    if (col->kind.type == DR_TYPE_STRING && cells->rows == 0)
        *(int64_t *)col->data = 0;
    if (col->kind.type != DR_TYPE_DICT)
        col->marks = dr_realloc(col->marks, (size_t)cells->cap + DR_CSV_SLACK);
}

void dr_csv_cells_begin(struct dr_csv_cells *cells)
{
    for (int32_t c = 0; c < cells->format->n; c++) {
        struct dr_csv_column *col = cells->columns + c;
        bool changed = cells->format->kinds[c].type != col->kind.type;
        if (changed)
            set_kind(cells, c);
        if (changed || !col->data)
            grow_column(cells, col);
        if (col->kind.type == DR_TYPE_DICT)
            dr_csv_values_refresh(&col->values);
    }
}

static void need_rows(struct dr_csv_cells *cells, int64_t more)
{
    if (cells->cap - cells->rows >= more)
        return;
    int64_t cap = cells->cap * 2 > FIRST_ROWS ? cells->cap * 2 : FIRST_ROWS;
    cells->cap = cap > cells->rows + more ? cap : cells->rows + more;
    for (int32_t c = 0; c < cells->format->n; c++)
        grow_column(cells, cells->columns + c);
    if (cells->format->lines)
        cells->lines = dr_realloc(cells->lines, (size_t)cells->cap * sizeof *cells->lines);
}

/* ---- cells in --------------------------------------------------------------- */

static void put_field(struct dr_csv_cells *cells, struct dr_csv_column *col, const struct dr_csv_field *field)
{
    if (col->kind.type == DR_TYPE_DICT)
        dr_csv_put_code(cells->format, col, cells->rows, field->text, field->quoted);
    else if (col->kind.type == DR_TYPE_STRING)
        dr_csv_put_text(cells->format, col, cells->rows, field->text, field->quoted);
    else
        dr_csv_put_typed(cells->format, col, cells->rows, field->text, field->quoted);
}

void dr_csv_cells_append(struct dr_csv_cells *cells, const struct dr_csv_field *fields, int64_t line)
{
    need_rows(cells, 1);
    for (int32_t c = 0; c < cells->format->n; c++)
        put_field(cells, cells->columns + c, fields + c);
    if (cells->format->lines)
        cells->lines[cells->rows] = line;
    cells->rows++;
}

/* ---- runs of records in ----------------------------------------------------- */

struct dr_str dr_csv_unquote(struct dr_buf *out, struct dr_str s, char quote)
{
    s = (struct dr_str){ s.p + 1, s.n - 2 };
    const char *inner = s.n ? memchr(s.p, quote, s.n) : NULL;
    if (!inner)
        return s;
    dr_buf_clear(out);
    char *to = dr_buf_reserve(out, s.n + DR_CSV_SLACK);
    if (!to)
        dr_die_oom(s.n);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        to[n++] = s.p[i];
        i += s.p[i] == quote;
    }
    memset(to + n, 0, DR_CSV_SLACK);
    return (struct dr_str){ to, n };
}

enum dr_csv_fields dr_csv_fields_of(const struct dr_csv_cells *cells, const struct dr_csv_run *run, int32_t c)
{
    bool returns = run->returns && c == cells->format->n - 1;
    return run->doubled ? DR_CSV_ANY : run->quotes || returns ? DR_CSV_TRIM : DR_CSV_BARE;
}

static void run_column(struct dr_csv_cells *cells, const struct dr_csv_run *run, int32_t c)
{
    int32_t type = cells->columns[c].kind.type;
    if (type == DR_TYPE_STRING)
        dr_csv_run_text(cells, run, c);
    else if (type == DR_TYPE_DICT)
        dr_csv_run_codes(cells, run, c);
    else
        dr_csv_run_typed(cells, run, c);
}

void dr_csv_cells_append_run(struct dr_csv_cells *cells, const struct dr_csv_run *run)
{
    need_rows(cells, run->rows);
    for (int32_t c = 0; c < cells->format->n; c++)
        run_column(cells, run, c);
    cells->rows += run->rows;
}
