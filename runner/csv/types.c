/* types.c - types declared and found.
 *
 * A declared type is known before the first row, but for two properties that
 * belong to a column as a whole: the scale of decimals and whether timestamps
 * carry an offset. Those, types to be inferred, and whether text repeats are
 * found from the first rows, which are read into dictionaries and then cast: so
 * what is found and accepted is what dr_column_cast finds and accepts.
 *
 * Later rows may know better. What does not fit is refused, with its text, and
 * that text is looked at: a larger scale, an offset, or a value that is not of
 * the inferred type. Whoever can read the file again then does so with the kinds
 * corrected (read.c); whoever cannot has the refusals. */
#include "csv/types.h"
#include "data/builder.h"
#include "data/decimal.h"
#include "data/kernel.h"
#include "data/refused.h"

void dr_csv_types_done(struct dr_csv_types *t)
{
    for (int32_t c = 0; c < t->n; c++)
        dr_csv_evidence_done(t->evidence + c);
    free(t->declared);
    free(t->kinds);
    free(t->evidence);
    *t = (struct dr_csv_types){ 0 };
}

/* ---- before the first row ------------------------------------------------------- */

static int32_t find_column(const struct dr_csv_format *f, const char *name, int32_t *ret, struct dr_err *err)
{
    for (int32_t c = 0; c < f->n; c++) {
        if (dr_streq(f->names[c], name)) {
            *ret = c;
            return DR_OK;
        }
    }
    const char *near = dr_nearest(name, (const char *const *)f->names, (size_t)f->n);
    return dr_fail(err, DR_ENOTFOUND,
                   "a type is declared for column '%s', which the header does not have%s%s%s", name,
                   near ? "; is '" : "", near ? near : "", near ? "' meant?" : "");
}

static struct dr_csv_kind declared_kind(int32_t type)
{
    bool open = type == DR_TYPE_TIMESTAMP || type == DR_TYPE_DECIMAL;
    return (struct dr_csv_kind){ .type = type, .open = open };
}

static int32_t declare(struct dr_csv_types *t, const struct dr_csv_options *opts,
                       const struct dr_csv_format *f, struct dr_err *err)
{
    for (int64_t i = 0; i < opts->n_types; i++) {
        const struct dr_csv_type *type = opts->types + i;
        int32_t c = 0;
        if (!type->column || type->type <= DR_TYPE_NULL || type->type > DR_TYPE_DICT)
            return dr_fail(err, DR_EDEF,
                           "a CSV column is declared without its name or as a type that is none");
        DR_TRY(find_column(f, type->column, &c, err));
        if (t->declared[c] && t->kinds[c].type != type->type)
            return dr_fail(err, DR_EDEF, "column '%s' is declared as %s and as %s", type->column,
                           dr_type_name(t->kinds[c].type), dr_type_name(type->type));
        t->declared[c] = true;
        t->kinds[c] = declared_kind(type->type);
    }
    return DR_OK;
}

static int32_t first_kinds(struct dr_csv_types *t, const struct dr_csv_options *opts,
                           const struct dr_csv_format *f, struct dr_err *err)
{
    size_t n = (size_t)f->n;
    t->n = f->n;
    t->infer = opts->infer;
    t->declared = dr_calloc(n, sizeof *t->declared);
    t->kinds = dr_calloc(n, sizeof *t->kinds);
    t->evidence = dr_calloc(n, sizeof *t->evidence);
    for (size_t c = 0; c < n; c++) {
        t->kinds[c] = (struct dr_csv_kind){ .type = DR_TYPE_DICT, .open = true };
        dr_csv_evidence_init(t->evidence + c);
    }
    return declare(t, opts, f, err);
}

/* What later values have left of an inferred type. */
static void correct_inferred(struct dr_csv_types *t, int32_t c)
{
    struct dr_csv_kind *kind = t->kinds + c;
    if (!kind->inferred || (t->evidence[c].left & dr_csv_candidate(kind)))
        return;
    *kind = dr_csv_evidence_kind(t->evidence + c);
    kind->open = kind->type == DR_TYPE_DICT;
}

int32_t dr_csv_types_start(struct dr_csv_types *t, const struct dr_csv_options *opts, struct dr_csv_format *f,
                           struct dr_err *err)
{
    if (t->n == 0)
        DR_TRY(first_kinds(t, opts, f, err));
    else if (t->n != f->n)
        return dr_fail(err, DR_EINPUT, "the file changed while it was read (%d columns at first, %d now)",
                       (int)t->n, (int)f->n);
    t->again = false;
    for (int32_t c = 0; c < t->n; c++)
        correct_inferred(t, c);
    f->kinds = dr_malloc((size_t)f->n * sizeof *f->kinds);
    for (int32_t c = 0; c < f->n; c++) {
        f->kinds[c] = t->kinds[c];
        if (f->kinds[c].open)
            f->kinds[c].type = DR_TYPE_DICT;
    }
    return DR_OK;
}

bool dr_csv_types_open(const struct dr_csv_format *f)
{
    for (int32_t c = 0; c < f->n; c++)
        if (f->kinds[c].open)
            return true;
    return false;
}

/* ---- from the first rows ---------------------------------------------------------- */

/* A dictionary pays while looking a value up saves copying it, and asking once
 * per distinct value saves asking per row: unless nearly every value is new. */
static bool hardly_repeats(int32_t n, struct dr_array **arrays, const struct dr_dict *dict)
{
    int64_t present = 0;
    for (int32_t i = 0; i < n; i++)
        present += arrays[i]->n - arrays[i]->nulls;
    return (int64_t)dict->n * 8 > present * 7;
}

/* The text that became null in `to`. */
static struct dr_refused *what_was_refused(const struct dr_array *from, const struct dr_array *to)
{
    int64_t most = to->nulls - from->nulls, n = 0;
    if (most == 0)
        return NULL;
    DR_AUTO_FREE int64_t *rows = dr_malloc((size_t)most * sizeof *rows);
    DR_AUTO_FREE struct dr_str *texts = dr_malloc((size_t)most * sizeof *texts);
    for (int64_t i = 0; i < from->n && n < most; i++) {
        if (dr_array_valid(from, i) && !dr_array_valid(to, i)) {
            rows[n] = i;
            texts[n++] = dr_array_str(from, i);
        }
    }
    return dr_refused_new(n, rows, texts);
}

/* Cast arrays of text to the type of *kind; learn its scale and zone. */
static void cast_arrays(struct dr_csv_kind *kind, int32_t n, struct dr_array **arrays, struct dr_dict *dict)
{
    struct dr_column *cast = NULL, *text;
    DR_AUTO_FREE struct dr_array **mine = dr_malloc((size_t)n * sizeof(struct dr_array *));
    for (int32_t i = 0; i < n; i++)
        mine[i] = dr_array_ref(arrays[i]);
    text = dr_column_new(DR_TYPE_DICT, n, mine, dict);
    if (dr_column_cast(text, kind->type, NULL, &cast, NULL))
        dr_die_oom(0); /* every type can be cast from text */
    for (int32_t i = 0; i < n; i++) {
        struct dr_array *to = dr_array_ref(cast->chunk[i]);
        to->refused = what_was_refused(arrays[i], to);
        dr_array_unref(arrays[i]);
        arrays[i] = to;
    }
    kind->scale = cast->scale;
    kind->zoned = cast->zoned;
    dr_column_unref(cast);
    dr_column_unref(text);
}

void dr_csv_types_decide(struct dr_csv_types *t, struct dr_csv_format *f, int32_t c, int32_t n,
                         struct dr_array **arrays, struct dr_dict *dict, bool whole)
{
    struct dr_csv_kind *kind = t->kinds + c;
    for (int32_t code = 0; t->infer && !t->declared[c] && code < dict->n; code++)
        dr_csv_evidence_add(t->evidence + c, dict->values[code]);
    if (t->infer && !t->declared[c])
        *kind = dr_csv_evidence_kind(t->evidence + c);
    kind->open = false;
    if (kind->type == DR_TYPE_DICT && !whole && hardly_repeats(n, arrays, dict))
        kind->type = DR_TYPE_STRING;
    if (kind->type != DR_TYPE_DICT)
        cast_arrays(kind, n, arrays, dict);
    f->kinds[c] = *kind;
}

/* ---- from what does not fit --------------------------------------------------------- */

/* Whether a refused text shows that the kind was not the right one; corrects it. */
static bool corrects(struct dr_csv_types *t, int32_t c, struct dr_str s)
{
    struct dr_csv_kind *kind = t->kinds + c;
    dr_int128 v;
    int64_t us;
    int32_t scale;
    bool zoned;
    if (kind->inferred) {
        uint32_t candidate = dr_csv_candidate(kind);
        dr_csv_evidence_add(t->evidence + c, s);
        return !(t->evidence[c].left & candidate);
    }
    if (kind->type == DR_TYPE_TIMESTAMP && !kind->zoned && dr_parse_timestamp(s, &us, &zoned) && zoned) {
        kind->zoned = true;
        return true;
    }
    if (kind->type == DR_TYPE_DECIMAL && dr_parse_decimal(s, &v, &scale) && scale > kind->scale) {
        kind->scale = scale;
        return true;
    }
    return false;
}

void dr_csv_types_learn(struct dr_csv_types *t, int32_t c, const struct dr_array *a)
{
    bool corrected = false;
    for (int64_t i = 0; i < a->refused->n; i++)
        corrected |= corrects(t, c, dr_refused_text(a->refused, i));
    t->again |= corrected;
}

void dr_csv_types_learn_late(struct dr_csv_types *t, const struct dr_table *all)
{
    for (int32_t c = 0; c < t->n; c++) {
        const struct dr_dict *dict = all->columns[c]->dict;
        if (!t->infer || t->declared[c] || t->evidence[c].any || !dict)
            continue;
        for (int32_t code = 0; code < dict->n; code++)
            dr_csv_evidence_add(t->evidence + c, dict->values[code]);
        struct dr_csv_kind kind = dr_csv_evidence_kind(t->evidence + c);
        t->again |= kind.inferred;
        t->kinds[c] = kind.inferred ? kind : t->kinds[c];
    }
}

/* ---- telling --------------------------------------------------------------------------- */

/* A column may be text although its values are none: they came too late, and the input could
 * not be read again. */
static void put_evidence(const struct dr_csv_evidence *e, const struct dr_column *col, bool hide,
                         struct dr_buf *out)
{
    dr_csv_evidence_reason(e, hide, out);
    if (dr_column_is_text(col) && dr_csv_evidence_kind(e).inferred)
        dr_buf_puts(out, "; but the first rows, which decide here, had no value");
}

static void put_reason(const struct dr_csv_types *t, int32_t c, const struct dr_column *col, bool hide,
                       struct dr_buf *out)
{
    int64_t refused = dr_column_refused(col);
    if (t->declared[c])
        dr_buf_puts(out, "declared");
    else if (t->infer)
        put_evidence(t->evidence + c, col, hide, out);
    else
        dr_buf_puts(out, "no type was declared");
    if (refused > 0)
        dr_buf_printf(out, "; %lld value%s not that and missing", (long long)refused,
                      refused == 1 ? " is" : "s are");
}

int32_t dr_csv_types_report(const struct dr_csv_types *t, const struct dr_table *table, bool hide,
                            struct dr_table **ret, struct dr_err *err)
{
    static const char *const names[] = { "column", "type", "reason" };
    struct dr_builder *b[3];
    struct dr_column *columns[3];
    for (int i = 0; i < 3; i++)
        b[i] = dr_builder_new(DR_TYPE_STRING);
    for (int32_t c = 0; c < t->n; c++) {
        const char *type = dr_type_name(table->columns[c]->type);
        DR_AUTO_BUF reason = { 0 };
        put_reason(t, c, table->columns[c], hide, &reason);
        dr_builder_append_bytes(b[0], table->names[c], (int64_t)strlen(table->names[c]));
        dr_builder_append_bytes(b[1], type, (int64_t)strlen(type));
        dr_builder_append_bytes(b[2], dr_buf_cstr(&reason), (int64_t)reason.n);
    }
    for (int i = 0; i < 3; i++)
        columns[i] = dr_builder_finish(b[i]);
    int32_t rc = dr_table_new(3, names, (const struct dr_column *const *)columns, ret, err);
    for (int i = 0; i < 3; i++)
        dr_column_unref(columns[i]);
    return rc;
}
