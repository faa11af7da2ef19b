/* settle.c - units in order: codes, zones, line numbers; and tables of them. */
#include "json/reader.h"
#include "data/kernel.h"

/* ---- state ------------------------------------------------------------------------------------ */

void dr_json_settle_init(struct dr_json_reader *r)
{
    r->dicts = dr_calloc((size_t)r->plan.n, sizeof *r->dicts);
    r->zones = dr_calloc((size_t)r->plan.n, sizeof *r->zones);
    for (int32_t t = 0; t < r->plan.n; t++) {
        const struct dr_json_table_plan *table = &r->plan.tables[t];
        r->dicts[t] = dr_calloc((size_t)table->n + 1, sizeof **r->dicts);
        r->zones[t] = dr_calloc((size_t)table->n + 1, 1);
        for (int32_t i = 0; i < table->n; i++)
            r->zones[t][i] = table->fields[i].zone;
        for (int32_t i = 0; i < table->n; i++)
            if (table->fields[i].type == DR_TYPE_DICT)
                r->dicts[t][i] = dr_dict_new();
    }
}

void dr_json_settle_done(struct dr_json_reader *r)
{
    for (int32_t i = 0; i < r->queue_n; i++)
        dr_json_unit_free(r->queue[i]);
    for (int32_t t = 0; r->dicts && t < r->plan.n; t++) {
        for (int32_t i = 0; i < r->plan.tables[t].n; i++)
            dr_dict_unref(r->dicts[t][i]);
        free(r->dicts[t]);
        free(r->zones[t]);
    }
    free(r->dicts);
    free(r->zones);
    free(r->queue);
    r->dicts = NULL;
    r->zones = NULL;
    r->queue = NULL;
    r->queue_n = r->queue_cap = 0;
    r->queue_rows = r->rows = r->lines_before = 0;
}

/* ---- accepting ----------------------------------------------------------------------------------- */

/* What ended a unit, with its place. */
int32_t dr_json_unit_error(const struct dr_json_reader *r, const struct dr_json_unit *u, struct dr_err *err)
{
    long long line = (long long)(r->lines_before + u->fail_line + 1);
    if (u->fail_line < 0)
        dr_fail(err, u->rc, "%s", u->fail);
    else
        dr_fail(err, u->rc, "%s:%lld:%lld: %s", r->in.name, line, (long long)u->fail_column, u->fail);
    if (err)
        err->sys = u->sys;
    return u->rc;
}

static void add_to(struct dr_array *a, int64_t what)
{
    int64_t *values = DR_UNCONST(int64_t, a->values);
    for (int64_t i = 0; i < a->n; i++)
        values[i] += what;
}

/* Arrays are written only before anybody else has seen them. */
static void settle_codes(struct dr_array *a, struct dr_csv_values *values, struct dr_dict *dict)
{
    int32_t *codes = DR_UNCONST(int32_t, a->values);
    for (int64_t i = 0; i < a->n; i++)
        if (codes[i] & DR_CSV_PROVISIONAL)
            codes[i] = dr_csv_values_settle(values, codes[i], dict);
}

static void settle_table(struct dr_json_reader *r, struct dr_json_unit *u, int32_t t)
{
    struct dr_json_chunks *chunks = &u->tables[t];
    for (int32_t k = 0; k < chunks->n; k++) {
        struct dr_array **arrays = chunks->arrays + (size_t)k * (size_t)chunks->columns;
        for (int32_t i = 0; i < r->plan.tables[t].n; i++) {
            if (arrays[i]->type != DR_TYPE_DICT)
                continue;
            if (chunks->provisional[i])
                settle_codes(arrays[i], &u->from->values[t][i], r->dicts[t][i]);
            arrays[i]->dict = dr_dict_ref(r->dicts[t][i]);
        }
        struct dr_array *numbers = arrays[r->plan.tables[t].n];
        if (numbers)
            add_to(numbers, t == 0 ? r->lines_before + 1 : r->rows);
    }
}

/* Read again, knowing what the first times of this column are. */
static int32_t know_zone(struct dr_json_reader *r, int32_t t, int32_t i)
{
    r->known = dr_realloc(r->known, (size_t)(r->known_n + 1) * sizeof *r->known);
    r->known[r->known_n++] = (struct dr_json_zone_known){ t, i, r->zones[t][i] };
    return DR_ECANCEL;
}

/* A column's times are all instants or all local, in all units. Which of them are
 * wrong only a unit can say that knows what the units before it hold. */
static int32_t settle_zones(struct dr_json_reader *r, const struct dr_json_unit *u, struct dr_err *err)
{
    for (int32_t t = 0; t < u->n; t++) {
        for (int32_t i = 0; i < r->plan.tables[t].n; i++) {
            uint8_t zone = u->tables[t].zones[i];
            bool mixed = zone && r->zones[t][i] && zone != r->zones[t][i];
            if (mixed && r->hold && r->in.seekable)
                return know_zone(r, t, i);
            if (mixed)
                return dr_fail(err, DR_EINPUT,
                               "%s: column '%s': times with an offset and times without are mixed, from line "
                               "%lld on",
                               r->in.name, r->plan.tables[t].fields[i].name, (long long)r->lines_before + 1);
            r->zones[t][i] |= zone;
        }
    }
    return DR_OK;
}

static void enqueue(struct dr_json_reader *r, struct dr_json_unit *u)
{
    if (r->queue_n == r->queue_cap) {
        r->queue_cap = r->queue_cap ? r->queue_cap * 2 : 16;
        r->queue = dr_realloc(r->queue, (size_t)r->queue_cap * sizeof(struct dr_json_unit *));
    }
    r->queue[r->queue_n++] = u;
    r->queue_rows += u->tables[0].rows;
}

int32_t dr_json_accept(struct dr_json_reader *r, struct dr_json_unit *u, struct dr_err *err)
{
    int32_t rc = settle_zones(r, u, err); /* a failure may follow from a zone that was guessed wrong */
    if (!rc && u->rc)
        rc = dr_json_unit_error(r, u, err);
    if (rc) {
        rc = u->surprise ? DR_ECANCEL : rc;
        dr_json_unit_free(u);
        return rc;
    }
    for (int32_t t = 0; t < u->n; t++)
        settle_table(r, u, t);
    for (size_t i = 0; r->rejects && i < u->rejects_n; i++)
        dr_rejects_add(r->rejects, r->lines_before + u->rejects[i].line + 1, u->rejects[i].reason,
                       u->rejects[i].text);
    r->lines_before += u->lines;
    r->rows += u->tables[0].rows;
    r->base.done = r->first + u->end;
    enqueue(r, u);
    return DR_OK;
}

/* ---- tables ----------------------------------------------------------------------------------- */

/* Column i of the chunks of table t in the first units of the queue. */
static struct dr_column *make_column(struct dr_json_reader *r, int32_t t, int32_t i, int32_t units)
{
    const struct dr_json_table_plan *table = &r->plan.tables[t];
    bool own = i < table->n;
    bool rest = t == 0 && i > table->n;
    int32_t n = 0, type = own ? table->fields[i].type : rest ? DR_TYPE_STRING : DR_TYPE_INT64;
    for (int32_t k = 0; k < units; k++)
        n += r->queue[k]->tables[t].n;
    struct dr_array **arrays = dr_malloc((size_t)n * sizeof(struct dr_array *));
    n = 0;
    for (int32_t k = 0; k < units; k++) {
        const struct dr_json_chunks *chunks = &r->queue[k]->tables[t];
        for (int32_t j = 0; j < chunks->n; j++) {
            arrays[n] = dr_array_ref(chunks->arrays[(size_t)j * (size_t)chunks->columns + (size_t)i]);
            arrays[n++]->zoned = own && r->zones[t][i] == DR_JSON_ZONED;
        }
    }
    struct dr_column *c = dr_column_new(type, n, arrays, own ? r->dicts[t][i] : NULL);
    c->scale = own ? table->fields[i].scale : 0;
    c->zoned = own && r->zones[t][i] == DR_JSON_ZONED;
    free(arrays);
    return c;
}

struct dr_table *dr_json_make_table(struct dr_json_reader *r, int32_t units)
{
    const struct dr_json_table_plan *table = &r->plan.tables[0];
    const char *const more[] = { r->opts.line_column, r->opts.rest_column };
    struct dr_column **columns = dr_malloc(((size_t)table->n + 2) * sizeof(struct dr_column *));
    const char **names = dr_malloc(((size_t)table->n + 2) * sizeof(char *));
    int32_t n = 0;
    for (int32_t i = 0; i < table->n + 2; i++) {
        const char *name = i < table->n ? table->fields[i].name : more[i - table->n];
        if (name) {
            names[n] = name;
            columns[n++] = make_column(r, 0, i, units);
        }
    }
    struct dr_table *t = dr_table_adopt(n, names, columns);
    free(columns);
    free(names);
    return t;
}

/* The records' key columns, a row for each item. */
static int32_t take_keys(const struct dr_json_table_plan *table, const struct dr_table *records,
                         const struct dr_column *numbers, struct dr_table **ret, struct dr_err *err)
{
    struct dr_table *keys;
    int64_t *rows = dr_malloc((size_t)numbers->rows * sizeof *rows);
    for (int32_t k = 0; k < numbers->n; k++)
        if (numbers->chunk[k]->n > 0)
            memcpy(rows + numbers->start[k], numbers->chunk[k]->values,
                   (size_t)numbers->chunk[k]->n * sizeof *rows);
    int32_t rc = dr_table_select(records, table->n_keys, table->keys, &keys, err);
    if (rc) {
        (void)dr_err_prefix(err, "keys of child table %s", table->name);
    } else {
        *ret = dr_table_take_rows(keys, numbers->rows, rows);
        dr_table_unref(keys);
    }
    free(rows);
    return rc;
}

int32_t dr_json_make_child(struct dr_json_reader *r, int32_t t, const struct dr_table *records,
                           struct dr_table **ret, struct dr_err *err)
{
    const struct dr_json_table_plan *table = &r->plan.tables[t];
    struct dr_column *numbers = make_column(r, t, table->n, r->queue_n);
    struct dr_table *keys;
    int32_t n = table->n_keys + 1 + table->n;
    int32_t rc = take_keys(table, records, numbers, &keys, err);
    dr_column_unref(numbers);
    if (rc)
        return rc;
    struct dr_column **columns = dr_malloc((size_t)n * sizeof(struct dr_column *));
    const char **names = dr_malloc((size_t)n * sizeof(char *));
    for (int32_t i = 0; i < n; i++) {
        int32_t own = i - table->n_keys - 1;
        names[i] = own >= 0 ? table->fields[own].name : own == -1 ? table->position : table->keys[i];
        columns[i] = own >= 0    ? make_column(r, t, own, r->queue_n)
                     : own == -1 ? make_column(r, t, table->n + 1, r->queue_n)
                                 : dr_column_ref(keys->columns[i]);
    }
    rc = dr_table_new(n, names, (const struct dr_column *const *)columns, ret, err);
    for (int32_t i = 0; i < n; i++)
        dr_column_unref(columns[i]);
    free(columns);
    free(names);
    dr_table_unref(keys);
    return rc ? dr_err_prefix(err, "child table %s", table->name) : DR_OK;
}
