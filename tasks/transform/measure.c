/* The measure step: canonical names, units and plausible ranges, from a
 * reference file (data/reference/ explains its form).
 *
 * A name and a unit are looked up once for each distinct text; a row then costs
 * two table look-ups and one multiplication. */
#include "transform.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DECIMALS_MAX = 15 };
struct conversion {
    int known;
    double factor, offset;
};
struct measure {
    const char *name, *unit;
    double plausible[2], usual[2]; /* NaN: open */
    struct conversion *by_spelling;
};
struct catalogue {
    struct catalogue *next; /* of those of the task */
    const char *path;       /* borrowed */
    struct measure *measures;
    int32_t n;
    const char **spellings; /* of units, over all measures */
    int32_t n_spellings;
    const struct dr_node *root;
};

static int same_letters(const char *a, const char *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        char x = a[i], y = b[i];
        x = x >= 'A' && x <= 'Z' ? (char)(x - 'A' + 'a') : x;
        y = y >= 'A' && y <= 'Z' ? (char)(y - 'A' + 'a') : y;
        if (x != y)
            return 0;
    }
    return 1;
}

static int matches(const char *text, const char *p, int64_t n)
{
    return (int64_t)strlen(text) == n && same_letters(text, p, n);
}

static int32_t find_spelling(const struct catalogue *c, const char *p, int64_t n)
{
    for (int32_t i = 0; i < c->n_spellings; i++)
        if (matches(c->spellings[i], p, n))
            return i;
    return -1;
}

static int32_t find_measure(const struct catalogue *c, const char *p, int64_t n)
{
    const struct dr_node *all = dr_node_get(c->root, "measures");
    for (int32_t i = 0; i < c->n; i++) {
        if (matches(c->measures[i].name, p, n))
            return i;
        const struct dr_node *aliases = dr_node_get(dr_node_at(all, i), "aliases");
        for (int64_t k = 0; k < dr_node_size(aliases); k++)
            if (matches(dr_node_str(dr_node_at(aliases, k), ""), p, n))
                return i;
    }
    return -1;
}

/* ---- reading: a slip in the file would be a wrong value in every row ---- */

static int32_t read_number(struct work *w, const struct dr_node *n, double otherwise, double *ret)
{
    int32_t kind = dr_node_kind(n);
    *ret = dr_node_float(n, otherwise);
    if (kind == DR_NODE_NULL || kind == DR_NODE_INT || kind == DR_NODE_FLOAT)
        return 0;
    return dr_task_problem(w->t, n, "a number was expected, not '%s'", dr_node_str(n, "a list or a map"));
}

static int32_t read_pair(struct work *w, const struct dr_node *def, const char *key, double to[2])
{
    const struct dr_node *list = dr_node_get(def, key);
    to[0] = to[1] = __builtin_nan("");
    if (dr_node_kind(list) == DR_NODE_NULL)
        return 0;
    if (dr_node_kind(list) != DR_NODE_LIST || dr_node_size(list) != 2)
        return dr_task_problem(w->t, list, "%s: [LOW, HIGH] was expected", key);
    DR_TRY(read_number(w, dr_node_at(list, 0), to[0], &to[0]));
    return read_number(w, dr_node_at(list, 1), to[1], &to[1]);
}

/* n is of that kind, unless it is left out. */
static int32_t check_kind(struct work *w, const struct dr_node *n, const char *what, int32_t kind)
{
    if (dr_node_kind(n) == DR_NODE_NULL || dr_node_kind(n) == kind)
        return 0;
    return dr_task_problem(w->t, n, "%s must be a %s", what, kind == DR_NODE_MAP ? "map" : "list");
}

/* Of a map the first key that is not in the list, or NULL. */
static const char *unknown_key(const struct dr_node *map, const char *const *known)
{
    for (int64_t i = 0; i < dr_node_size(map); i++) {
        const char *key = dr_node_key(map, i);
        int k = 0;
        while (known[k] && strcmp(known[k], key) != 0)
            k++;
        if (!known[k])
            return key;
    }
    return NULL;
}

static int32_t check_unit(struct work *w, const struct dr_node *unit)
{
    static const char *const keys[] = { "factor", "offset", NULL };
    DR_TRY(check_kind(w, unit, "a unit", DR_NODE_MAP));
    const char *stranger = unknown_key(unit, keys);
    return stranger ? dr_task_problem(w->t, dr_node_get(unit, stranger), "a unit has no '%s'", stranger) : 0;
}

/* What else a measure has may be a note of the author's, or a slip. */
static int32_t check_measure(struct work *w, const char *path, const char *name, const struct dr_node *def)
{
    static const char *const keys[] = { "title", "loinc",   "unit",  "plausible",
                                        "usual", "aliases", "units", NULL };
    const struct dr_node *units = dr_node_get(def, "units");
    DR_TRY(check_kind(w, def, "a measure", DR_NODE_MAP));
    DR_TRY(check_kind(w, dr_node_get(def, "aliases"), "aliases", DR_NODE_LIST));
    DR_TRY(check_kind(w, units, "units", DR_NODE_MAP));
    const char *stranger = unknown_key(def, keys);
    if (stranger)
        dr_task_log(w->t, DR_WARN, "%s: measure '%s': '%s' means nothing here", path, name, stranger);
    for (int64_t k = 0; k < dr_node_size(units); k++)
        DR_TRY(check_unit(w, dr_node_at(units, k)));
    return 0;
}

static void collect_spellings(struct catalogue *c, const struct dr_node *all)
{
    for (int32_t i = 0; i < c->n; i++) {
        const struct dr_node *units = dr_node_get(dr_node_at(all, i), "units");
        for (int64_t k = 0; k < dr_node_size(units); k++) {
            const char *unit = dr_node_key(units, k);
            if (find_spelling(c, unit, (int64_t)strlen(unit)) >= 0)
                continue;
            c->spellings = need(realloc(c->spellings, ((size_t)c->n_spellings + 1) * sizeof *c->spellings));
            c->spellings[c->n_spellings++] = unit;
        }
    }
}

static int32_t read_measure(struct work *w, struct catalogue *c, int32_t i, const char *name,
                            const struct dr_node *def)
{
    struct measure *m = &c->measures[i];
    m->name = name;
    m->unit = dr_node_str(dr_node_get(def, "unit"), "");
    DR_TRY(read_pair(w, def, "plausible", m->plausible));
    DR_TRY(read_pair(w, def, "usual", m->usual));
    m->by_spelling = need(calloc((size_t)c->n_spellings + 1, sizeof *m->by_spelling));
    const struct dr_node *units = dr_node_get(def, "units");
    for (int64_t k = 0; k < dr_node_size(units); k++) {
        const char *unit = dr_node_key(units, k);
        const struct dr_node *how = dr_node_at(units, k);
        struct conversion *to = &m->by_spelling[find_spelling(c, unit, (int64_t)strlen(unit))];
        to->known = 1;
        DR_TRY(read_number(w, dr_node_get(how, "factor"), 1, &to->factor));
        DR_TRY(read_number(w, dr_node_get(how, "offset"), 0, &to->offset));
    }
    return 0;
}

static int32_t read_catalogue(struct work *w, const char *path, struct catalogue *c)
{
    DR_TRY(dr_task_load_yaml(w->t, path, &c->root));
    const struct dr_node *all = dr_node_get(c->root, "measures");
    c->n = (int32_t)dr_node_size(all);
    if (!c->n)
        return dr_task_fail_final(w->t, "%s: has no measures", path);
    DR_TRY(check_kind(w, all, "measures", DR_NODE_MAP));
    for (int32_t i = 0; i < c->n; i++)
        DR_TRY(check_measure(w, path, dr_node_key(all, i), dr_node_at(all, i)));
    collect_spellings(c, all);
    c->measures = need(calloc((size_t)c->n, sizeof *c->measures));
    for (int32_t i = 0; i < c->n; i++)
        DR_TRY(read_measure(w, c, i, dr_node_key(all, i), dr_node_at(all, i)));
    return 0;
}

/* That of a file, read once for all batches. */
static int32_t find_catalogue(struct work *w, const char *path, const struct catalogue **ret)
{
    if (!path)
        return dr_task_fail_final(w->t, "step measure: give reference: FILE");
    struct catalogue *c = w->catalogues;
    while (c && strcmp(c->path, path) != 0)
        c = c->next;
    if (!c) {
        c = need(calloc(1, sizeof *c));
        c->path = path;
        c->next = w->catalogues;
        w->catalogues = c;
        DR_TRY(read_catalogue(w, path, c));
    }
    *ret = c;
    return 0;
}

void free_catalogues(struct work *w)
{
    for (struct catalogue *c = w->catalogues, *next; c; c = next) {
        next = c->next;
        for (int32_t i = 0; c->measures && i < c->n; i++)
            free(c->measures[i].by_spelling);
        free(c->measures);
        free(c->spellings);
        free(c);
    }
    w->catalogues = NULL;
}

static const char *without_blanks(const char *p, int64_t *n)
{
    for (; *n > 0 && *p == ' '; p++)
        --*n;
    while (*n > 0 && p[*n - 1] == ' ')
        --*n;
    return p;
}

/* For each code of a DICT column, what find gives for its text, but for blanks around it. */
static int32_t *index_codes(const struct catalogue *c, const struct dr_column *column,
                            int32_t (*find)(const struct catalogue *, const char *, int64_t))
{
    int32_t n = dr_column_dict_size(column);
    int32_t *index = need(malloc(((size_t)n + 1) * sizeof *index));
    for (int32_t i = 0; i < n; i++) {
        int64_t size;
        const char *p = dr_column_dict_get(column, i, &size);
        p = without_blanks(p, &size);
        index[i] = find(c, p, size);
    }
    return index;
}

enum measure_reason {
    NAME_MISSING,
    NAME_UNKNOWN,
    UNIT_MISSING,
    UNIT_WRONG,
    VALUE_IMPLAUSIBLE,
    MEASURE_REASONS
};

struct measuring {
    const struct catalogue *c;                  /* the task's */
    struct dr_column *name, *unit;              /* DICT, owned */
    const struct dr_column *value, *low, *high; /* FLOAT64; low and high may be NULL */
    int32_t *measure_of, *spelling_of;          /* by code, owned */
    int32_t reasons[MEASURE_REASONS];
    double rounding; /* 10^decimals */
    struct dr_builder *out_name, *out_unit, *out_value, *out_in_range, *out_low, *out_high, *out_flag,
        *out_source;
};

/* A conversion adds no precision; what binary arithmetic leaves behind the
 * last decimal (37.00000000000001) is rounded away. */
static double convert(const struct measuring *m, const struct conversion *how, double v)
{
    if (how->factor == 1 && how->offset == 0)
        return v;
    return __builtin_round((v * how->factor + how->offset) * m->rounding) / m->rounding;
}

static void append_number(struct dr_builder *b, double v)
{
    if (v == v)
        dr_builder_append_float(b, v);
    else
        dr_builder_append_null(b);
}

static void append_text(struct dr_builder *b, const char *text)
{
    dr_builder_append_bytes(b, text, (int64_t)strlen(text));
}

static void append_nothing(struct measuring *m)
{
    struct dr_builder *all[] = { m->out_name, m->out_unit, m->out_value, m->out_in_range,
                                 m->out_low,  m->out_high, m->out_flag,  m->out_source };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i])
            dr_builder_append_null(all[i]);
}

/* L, N or H by the range that was delivered, else by the handbook's; none of a missing value. */
static void append_flag(struct measuring *m, const struct measure *x, double v, double low, double high)
{
    int delivered = low == low || high == high;
    if (!delivered) {
        low = x->usual[0];
        high = x->usual[1];
    }
    int known = low == low || high == high, judged = known && v == v;
    const char *flag = v < low ? "L" : v > high ? "H" : "N"; /* comparisons with NaN are false */
    if (judged)
        dr_builder_append_int(m->out_in_range, flag[0] == 'N');
    else
        dr_builder_append_null(m->out_in_range);
    if (!m->out_flag)
        return;
    append_number(m->out_low, low);
    append_number(m->out_high, high);
    if (judged)
        append_text(m->out_flag, flag);
    else
        dr_builder_append_null(m->out_flag);
    if (known)
        append_text(m->out_source, delivered ? "delivered" : "handbook");
    else
        dr_builder_append_null(m->out_source);
}

static double number_at(const struct dr_chunk *c, int64_t i)
{
    return cell_present(c, i) ? ((const double *)c->values)[i] : __builtin_nan("");
}

struct measure_chunks {
    struct dr_chunk name, unit, value, low, high;
};

/* The reason against row i of the chunks, or -1, and its measure and conversion. */
static int find_conversion(const struct measuring *m, const struct measure_chunks *x, int64_t i,
                           const struct measure **ret, const struct conversion **ret_how)
{
    if (!cell_present(&x->name, i))
        return NAME_MISSING;
    int32_t at = m->measure_of[((const int32_t *)x->name.values)[i]];
    if (at < 0)
        return NAME_UNKNOWN;
    if (!cell_present(&x->unit, i))
        return UNIT_MISSING;
    int32_t spelling = m->spelling_of[((const int32_t *)x->unit.values)[i]];
    *ret = &m->c->measures[at];
    *ret_how = spelling < 0 ? NULL : &m->c->measures[at].by_spelling[spelling];
    return *ret_how && (*ret_how)->known ? -1 : UNIT_WRONG;
}

static void measure_row(struct work *w, struct measuring *m, const struct measure_chunks *x, int64_t i,
                        int64_t row)
{
    const struct measure *what = NULL;
    const struct conversion *how = NULL;
    int reason = find_conversion(m, x, i, &what, &how);
    double v = number_at(&x->value, i);
    if (reason < 0 && v == v) {
        v = convert(m, how, v);
        if (v < what->plausible[0] || v > what->plausible[1])
            reason = VALUE_IMPLAUSIBLE;
    }
    if (reason >= 0)
        refuse(w, row, m->reasons[reason]);
    if (reason >= 0) {
        append_nothing(m);
        return;
    }
    append_text(m->out_name, what->name);
    append_text(m->out_unit, what->unit);
    append_number(m->out_value, v);
    double low = m->low ? number_at(&x->low, i) : __builtin_nan("");
    double high = m->high ? number_at(&x->high, i) : __builtin_nan("");
    append_flag(m, what, v, convert(m, how, low), convert(m, how, high));
}

static void measure_rows(struct work *w, struct measuring *m)
{
    int64_t row = 0;
    for (int32_t k = 0; k < dr_column_chunks(m->value); k++) {
        struct measure_chunks x;
        dr_column_chunk(m->name, k, &x.name);
        dr_column_chunk(m->unit, k, &x.unit);
        dr_column_chunk(m->value, k, &x.value);
        if (m->low)
            dr_column_chunk(m->low, k, &x.low);
        if (m->high)
            dr_column_chunk(m->high, k, &x.high);
        for (int64_t i = 0; i < x.value.length; i++)
            measure_row(w, m, &x, i, row + i);
        row += x.value.length;
    }
}

static int32_t read_rounding(struct work *w, const struct dr_node *args, double *ret)
{
    int64_t decimals = dr_node_int(dr_node_get(args, "decimals"), 4);
    if (decimals < 0 || decimals > DECIMALS_MAX)
        return dr_task_fail_final(w->t, "step measure: decimals must be from 0 to %d", DECIMALS_MAX);
    *ret = 1;
    for (; decimals > 0; decimals--)
        *ret *= 10;
    return 0;
}

static int32_t open_measuring(struct work *w, const struct dr_node *args, struct measuring *m)
{
    const char *name = arg_text(args, "name"), *unit = arg_text(args, "unit"),
               *value = arg_text(args, "value");
    const char *low = arg_text(args, "low"), *high = arg_text(args, "high");
    DR_TRY(find_catalogue(w, arg_text(args, "reference"), &m->c));
    DR_TRY(text_column(w, name, &m->name));
    DR_TRY(text_column(w, unit, &m->unit));
    DR_TRY(number_column(w, value, &m->value));
    if (low)
        DR_TRY(number_column(w, low, &m->low));
    if (high)
        DR_TRY(number_column(w, high, &m->high));
    m->measure_of = index_codes(m->c, m->name, find_measure);
    m->spelling_of = index_codes(m->c, m->unit, find_spelling);
    DR_TRY(read_rounding(w, args, &m->rounding));
    static const char *const what[MEASURE_REASONS] = { "%s is missing", "%s is not a known measure",
                                                       "%s is missing", "%s does not belong to the measure",
                                                       "%s is outside the plausible range of the measure" };
    const char *const column[MEASURE_REASONS] = { name, name, unit, unit, value };
    for (int i = 0; i < MEASURE_REASONS; i++) {
        char text[300];
        size_t n = (size_t)snprintf(text, sizeof text, "%.200s", column[i]);
        snprintf(text + n, sizeof text - n, "%s", what[i] + 2);
        m->reasons[i] = reason_index(w, text);
    }
    m->out_name = dr_builder_new(DR_TYPE_DICT);
    m->out_unit = dr_builder_new(DR_TYPE_DICT);
    m->out_value = dr_builder_new(DR_TYPE_FLOAT64);
    m->out_in_range = dr_builder_new(DR_TYPE_BOOL);
    if (low || high) {
        m->out_low = dr_builder_new(DR_TYPE_FLOAT64);
        m->out_high = dr_builder_new(DR_TYPE_FLOAT64);
        m->out_flag = dr_builder_new(DR_TYPE_DICT);
        m->out_source = dr_builder_new(DR_TYPE_DICT);
    }
    return 0;
}

static int32_t put_built(struct work *w, const char *name, struct dr_builder **b)
{
    if (!*b || !name)
        return 0;
    struct dr_column *c = dr_builder_finish(*b);
    *b = NULL;
    return put_column(w, name, c);
}

static int32_t close_measuring(struct work *w, const struct dr_node *args, struct measuring *m)
{
    DR_TRY(put_built(w, arg_text(args, "name"), &m->out_name));
    DR_TRY(put_built(w, arg_text(args, "unit"), &m->out_unit));
    DR_TRY(put_built(w, arg_text(args, "value"), &m->out_value));
    DR_TRY(put_built(w, "in_range", &m->out_in_range));
    DR_TRY(put_built(w, arg_text(args, "low"), &m->out_low));
    DR_TRY(put_built(w, arg_text(args, "high"), &m->out_high));
    DR_TRY(put_built(w, "flag", &m->out_flag));
    return put_built(w, "range_source", &m->out_source);
}

int32_t step_measure(struct work *w, const struct dr_node *args)
{
    struct measuring m = { 0 };
    int32_t rc = open_measuring(w, args, &m);
    if (!rc) {
        measure_rows(w, &m);
        rc = close_measuring(w, args, &m);
    }
    struct dr_builder *left[] = { m.out_name, m.out_unit, m.out_value, m.out_in_range,
                                  m.out_low,  m.out_high, m.out_flag,  m.out_source };
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++)
        dr_builder_free(left[i]);
    dr_column_unref(m.name);
    dr_column_unref(m.unit);
    free(m.measure_of);
    free(m.spelling_of);
    return rc;
}
