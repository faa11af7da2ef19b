/* options.c - what the caller and the header line say about a file. */
#include "csv/options.h"
#include "base/hash.h"

#define MAX_FIELD ((int64_t)16 << 20)
#define MAX_RECORD ((int64_t)64 << 20)

void dr_csv_options_copy(const struct dr_csv_options *opts, struct dr_csv_options *ret)
{
    *ret = (struct dr_csv_options){ .size = sizeof *ret };
    if (!opts)
        return;
    memcpy(ret, opts, opts->size < sizeof *ret ? opts->size : sizeof *ret);
    ret->size = sizeof *ret;
}

/* Split the list of spellings; they point into a copy of it. */
static void set_nulls(struct dr_csv_format *f, const char *list)
{
    f->null_text = dr_strdup(list);
    struct dr_str rest = dr_str_of(f->null_text), item;
    size_t cap = 0;
    while (dr_str_split(&rest, '\n', &item)) {
        if (item.n == 0)
            continue;
        if (f->n_nulls == cap) {
            cap = cap ? cap * 2 : 8;
            f->nulls = dr_realloc(f->nulls, cap * sizeof *f->nulls);
        }
        f->nulls[f->n_nulls++] = item;
    }
}

static bool can_separate(char c)
{
    return (unsigned char)c < 0x80 && c != '\0' && c != '\n' && c != '\r';
}

int32_t dr_csv_format_init(struct dr_csv_format *f, const struct dr_csv_options *opts, struct dr_err *err)
{
    *f = (struct dr_csv_format){
        .delimiter = (char)(opts->delimiter ? opts->delimiter : ','),
        .quote = (char)(opts->quote ? opts->quote : '"'),
        .forgiving = opts->forgiving,
        .keep_empty = opts->keep_empty,
        .hide_text = opts->hide_text,
        .lines = opts->line_column != NULL,
        .max_field = opts->max_field ? opts->max_field : MAX_FIELD,
        .max_record = opts->max_record ? opts->max_record : MAX_RECORD,
    };
    if (!can_separate(f->delimiter) || !can_separate(f->quote) || f->delimiter == f->quote)
        return dr_fail(err, DR_EDEF,
                       "the CSV delimiter (0x%02X) and quote (0x%02X) must be two different ASCII "
                       "characters, not line ends",
                       (unsigned char)f->delimiter, (unsigned char)f->quote);
    if (f->max_field < 0 || f->max_record < 0)
        return dr_fail(err, DR_EDEF, "the CSV limits must not be negative");
    if (opts->line_column && !*opts->line_column)
        return dr_fail(err, DR_EDEF, "the name of the CSV line column must not be empty");
    if (opts->null_values)
        set_nulls(f, opts->null_values);
    return DR_OK;
}

static int32_t check_name(struct dr_map *seen, struct dr_str name, int32_t i, struct dr_err *err)
{
    bool fresh;
    if (name.n == 0)
        return dr_fail(err, DR_EINPUT, "column %d of the header has no name", (int)i + 1);
    if (memchr(name.p, '\0', name.n))
        return dr_fail(err, DR_EINPUT, "the name of column %d has a NUL byte", (int)i + 1);
    if (!dr_utf8_valid(name))
        return dr_fail(err, DR_EINPUT,
                       "the name of column %d is not valid UTF-8 (is the file in another encoding, such as "
                       "latin-1?)",
                       (int)i + 1);
    int64_t *first = dr_map_put(seen, name, &fresh);
    if (!fresh)
        return dr_fail(err, DR_EINPUT, "columns %lld and %d of the header are both named '%.*s'",
                       (long long)*first, (int)i + 1, (int)(name.n < 200 ? name.n : 200), name.p);
    *first = i + 1;
    return DR_OK;
}

/* A column of the name that line numbers would have stays what it is: what was set apart before has its
 * numbers with it. */
static int32_t check_header(struct dr_csv_format *f, const struct dr_csv_record *first,
                            const char *line_column, struct dr_err *err)
{
    struct dr_map seen = { 0 };
    int32_t rc = DR_OK;
    for (int32_t i = 0; i < first->n && !rc; i++)
        rc = check_name(&seen, first->fields[i].text, i, err);
    if (line_column && dr_map_get(&seen, dr_str_of(line_column)))
        f->lines = false;
    dr_map_done(&seen);
    return rc;
}

int32_t dr_csv_format_columns(struct dr_csv_format *f, const struct dr_csv_options *opts,
                              const struct dr_csv_record *first, struct dr_err *err)
{
    if (first->n > DR_CSV_COLUMNS_MAX)
        return dr_fail(err, DR_ELIMIT, "%d columns; the limit is %d (is the delimiter the right one?)",
                       (int)first->n, DR_CSV_COLUMNS_MAX);
    if (!opts->no_header)
        DR_TRY(check_header(f, first, opts->line_column, err));
    f->n = first->n;
    f->names = dr_calloc((size_t)f->n + 1, sizeof *f->names);
    for (int32_t i = 0; i < f->n; i++) {
        DR_AUTO_BUF name = { 0 };
        if (opts->no_header)
            dr_buf_printf(&name, "column_%d", (int)i + 1);
        else
            dr_buf_append(&name, first->fields[i].text.p, first->fields[i].text.n);
        f->names[i] = dr_strdup(dr_buf_cstr(&name));
        if (opts->no_header && opts->line_column && dr_streq(f->names[i], opts->line_column))
            return dr_fail(err, DR_EDEF, "the line column cannot be named '%s': column %d is", f->names[i],
                           (int)i + 1);
    }
    if (f->lines)
        f->names[f->n] = dr_strdup(opts->line_column);
    return DR_OK;
}
