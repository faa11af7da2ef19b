/* fast.c - runs of plain records.
 *
 * The scan says where the separators are. A record is plain when exactly as
 * many of them follow its start as there are columns, and the last is its only
 * line end. In a regular piece, which most are, that is so for all records and
 * known at once; otherwise records are looked at one by one, and the first that
 * is not plain ends the run. Records with a doubled quote, where they are rare, are runs of their
 * own: taking quotes out costs all fields of a run. */
#include "csv/fast.h"
#include "data/utf8.h"

static bool is_line_end(const struct dr_csv_fast *fast, uint32_t at)
{
    return at == fast->piece->n || fast->piece->p[at] == '\n';
}

/* The text's last line may lack its end: there is one for us. */
static void end_last_line(const struct dr_csv_piece *piece, struct dr_csv_index *index)
{
    if (piece->end && piece->p[piece->n - 1] != '\n') {
        index->at[++index->n] = (uint32_t)piece->n;
        index->line_ends++;
    }
}

/* Whether nc separators make a record, all the way. All but the last lie before
 * the end of the piece. */
static bool is_regular(const struct dr_csv_fast *fast, const struct dr_csv_index *index, size_t nc)
{
    const char *p = fast->piece->p;
    int others = 0;
    if (index->n != index->line_ends * nc)
        return false;
    for (size_t k = nc; k < index->n; k += nc)
        others |= p[index->at[k]] ^ '\n';
    return others == 0 && is_line_end(fast, index->at[index->n]);
}

/* Note where a quote follows a quote: as many places as there is room for. */
static void find_pairs(struct dr_csv_fast *fast, char quote)
{
    const char *p = fast->piece->p, *end = p + fast->end;
    for (const char *q = p; fast->pairs < DR_CSV_PAIRS && (q = memchr(q, quote, (size_t)(end - q))); q++)
        if (q[1] == quote)
            fast->pair[fast->pairs++] = (uint32_t)(q - p);
}

void dr_csv_fast_begin(struct dr_csv_fast *fast, struct dr_csv_worker *w, const struct dr_csv_piece *piece)
{
    const struct dr_csv_format *f = w->format;
    struct dr_csv_index *index = &w->index;
    *fast = (struct dr_csv_fast){ .piece = piece };
    bool near_limit = (int64_t)piece->n > f->max_field || (int64_t)piece->n > f->max_record;
    if (w->path != DR_CSV_PATH_FAST || near_limit || piece->n == 0 || piece->n > INT32_MAX)
        return;
    dr_csv_scan(w->isa, piece->p, piece->n, f->delimiter, f->quote, index);
    if (index->odd || (piece->end && (index->open || piece->p[piece->n - 1] == '\r')))
        return;
    end_last_line(piece, index);
    while (index->n > 0 && !is_line_end(fast, index->at[index->n]))
        index->n--; /* of a record that is cut off */
    if (index->n == 0)
        return;
    fast->end = (size_t)index->at[index->n] + 1;
    fast->usable = !index->high || dr_utf8_valid_wide(w->isa >= DR_ISA_AVX2, piece->p, index->at[index->n]);
    fast->regular = fast->usable && is_regular(fast, index, (size_t)f->n);
    if (fast->usable && index->doubled)
        find_pairs(fast, f->quote);
}

/* The separator right before offset `at`, where a record starts; false where
 * there is none, which cannot be unless libcsv sees other records than we do. */
static bool find_start(struct dr_csv_fast *fast, const struct dr_csv_index *index, size_t at)
{
    while (fast->next < index->n && index->at[fast->next] + 1 < (uint32_t)at)
        fast->next++;
    return fast->next < index->n && index->at[fast->next] + 1 == (uint32_t)at;
}

static bool is_plain(const struct dr_csv_fast *fast, const uint32_t *ends, size_t nc)
{
    for (size_t c = 0; c < nc - 1; c++)
        if (is_line_end(fast, ends[c]))
            return false;
    return is_line_end(fast, ends[nc - 1]);
}

/* How many plain records come next. */
static size_t count_plain(const struct dr_csv_fast *fast, const struct dr_csv_index *index, size_t nc)
{
    size_t left = (index->n - fast->next) / nc, rows = 0;
    const uint32_t *before = index->at + fast->next; /* the separator before each record */
    if (!fast->regular) {
        while (rows < left && before[rows * nc] + 1 < fast->piece->limit &&
               is_plain(fast, before + rows * nc + 1, nc))
            rows++;
        return rows;
    }
    for (rows = left; rows > 0 && before[(rows - 1) * nc] + 1 >= fast->piece->limit;)
        rows--;
    return rows;
}

/* How many of `rows` records end before offset `at`. */
static size_t records_before(const uint32_t *ends, size_t nc, size_t rows, uint32_t at)
{
    size_t low = 0;
    for (size_t high = rows; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (ends[(middle + 1) * nc - 1] < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* How many of `rows` records to read in one go: all before one with a doubled quote, or that. */
static size_t cut_run(struct dr_csv_fast *fast, const uint32_t *ends, size_t nc, size_t rows,
                      bool *ret_doubled)
{
    *ret_doubled = fast->pairs == DR_CSV_PAIRS; /* there may be more than are noted */
    if (*ret_doubled)
        return rows;
    while (fast->pairs_used < fast->pairs && fast->pair[fast->pairs_used] < ends[-1] + 1)
        fast->pairs_used++;
    if (fast->pairs_used == fast->pairs)
        return rows;
    size_t before = records_before(ends, nc, rows, fast->pair[fast->pairs_used]);
    *ret_doubled = before == 0;
    return before > 0 ? before : 1;
}

/* Number the lines of the last `rows` rows, which a run has appended. */
static void number_lines(struct dr_csv_worker *w, const struct dr_csv_unit *u, const char *p,
                         const uint32_t *before, size_t rows)
{
    size_t nc = (size_t)w->format->n;
    int64_t *lines = dr_csv_cells_lines(w->cells) + dr_csv_cells_rows(w->cells) - (int64_t)rows;
    int64_t line = u->lines;
    for (size_t i = 0; i < rows; i++) {
        lines[i] = line;
        uint32_t from = before[i * nc] + 1, to = before[(i + 1) * nc];
        line += w->index.inner_line_ends ? dr_csv_count_lines(p + from, to + 1 - from) : 1;
    }
}

/* The lines of a run of rows in [at, end). A run of all records has all the line
 * ends that the scan saw inside quotes, but for those past the last record. */
static int64_t count_run_lines(const struct dr_csv_fast *fast, const struct dr_csv_index *index, size_t rows,
                               size_t at, size_t end)
{
    const struct dr_csv_piece *piece = fast->piece;
    if (index->inner_line_ends == 0)
        return (int64_t)rows;
    if (at > 0 || end < fast->end || end > piece->n)
        return dr_csv_count_lines(piece->p + at, (end < piece->n ? end : piece->n) - at);
    size_t rest = piece->n - end;
    rest -= rest > 0 && !index->open && piece->p[piece->n - 1] == '\r'; /* half of a CR LF */
    return (int64_t)(rows + index->inner_line_ends) - dr_csv_count_lines(piece->p + end, rest);
}

size_t dr_csv_fast_run(struct dr_csv_fast *fast, struct dr_csv_worker *w, struct dr_csv_unit *u, size_t at)
{
    const struct dr_csv_index *index = &w->index;
    size_t nc = (size_t)w->format->n;
    if (!fast->usable || !find_start(fast, index, at))
        return 0;
    if (fast->plain == 0)
        fast->plain = count_plain(fast, index, nc);
    if (fast->plain == 0)
        return 0;
    bool doubled;
    const uint32_t *before = index->at + fast->next;
    size_t rows = cut_run(fast, before + 1, nc, fast->plain, &doubled);
    fast->plain -= rows;
    struct dr_csv_run run = { .p = fast->piece->p,
                              .ends = before + 1,
                              .rows = (int64_t)rows,
                              .quotes = index->quotes,
                              .doubled = doubled,
                              .returns = index->returns };
    dr_csv_cells_append_run(w->cells, &run);
    if (w->format->lines)
        number_lines(w, u, fast->piece->p, before, rows);
    size_t end = before[rows * nc] + 1u;
    u->lines += count_run_lines(fast, index, rows, at, end);
    fast->next += rows * nc;
    return (end < fast->piece->n ? end : fast->piece->n) - at;
}
