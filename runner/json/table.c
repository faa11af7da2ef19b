/* table.c - a whole JSON file as tables: records, children, rejects, and
 * what was found about the columns. */
#include "json/reader.h"
#include "data/builder.h"

/* ---- what the columns are -------------------------------------------------------------------- */

enum { TABLE, COLUMN, PATH, TYPE, MIXED, REASON, FACTS };

static void put(struct dr_builder *b, const char *s)
{
    dr_builder_append_bytes(b, s, (int64_t)strlen(s));
}

static void describe_field(struct dr_builder **b, const char *table, const struct dr_json_field *f)
{
    put(b[TABLE], table);
    put(b[COLUMN], f->name);
    put(b[PATH], f->path);
    put(b[TYPE], dr_type_name(f->type));
    dr_builder_append_int(b[MIXED], f->mixed);
    put(b[REASON], f->reason);
}

static int32_t describe_columns(const struct dr_json_plan *p, struct dr_table **ret, struct dr_err *err)
{
    static const char *const names[] = { "table", "column", "path", "type", "mixed", "reason" };
    struct dr_builder *b[FACTS];
    struct dr_column *columns[FACTS];
    for (int i = 0; i < FACTS; i++)
        b[i] = dr_builder_new(i == MIXED ? DR_TYPE_BOOL : DR_TYPE_STRING);
    for (int32_t t = 0; t < p->n; t++)
        for (int32_t i = 0; i < p->tables[t].n; i++)
            describe_field(b, p->tables[t].name, &p->tables[t].fields[i]);
    for (int i = 0; i < FACTS; i++)
        columns[i] = dr_builder_finish(b[i]);
    int32_t rc = dr_table_new(FACTS, names, (const struct dr_column *const *)columns, ret, err);
    for (int i = 0; i < FACTS; i++)
        dr_column_unref(columns[i]);
    return rc;
}

/* ---- reading ------------------------------------------------------------------------------------ */

struct tables {
    struct dr_table *records, *rejects, *columns;
    struct dr_table **children; /* owned */
    int32_t n;
};

static void drop(struct tables *t)
{
    dr_table_unref(t->records);
    dr_table_unref(t->rejects);
    dr_table_unref(t->columns);
    for (int32_t i = 0; i < t->n; i++)
        dr_table_unref(t->children[i]);
    free(t->children);
}

static int32_t read_tables(struct dr_json_reader *r, struct tables *t, struct dr_err *err)
{
    DR_TRY(r->base.next(&r->base, &t->records, err));
    DR_TRY(describe_columns(&r->plan, &t->columns, err));
    t->children = dr_calloc((size_t)r->plan.n, sizeof(struct dr_table *));
    for (int32_t i = 1; i < r->plan.n; i++) {
        DR_TRY(dr_json_make_child(r, i, t->records, &t->children[t->n], err));
        t->n++;
    }
    return DR_OK;
}

static struct dr_table *move(struct dr_table **from)
{
    struct dr_table *t = *from;
    *from = NULL;
    return t;
}

/* Give what the caller asked for and has room for. */
static void hand_over(struct tables *t, struct dr_table **ret, struct dr_json_extras *extras)
{
    *ret = move(&t->records);
    if (!extras)
        return;
    if (extras->size >= offsetof(struct dr_json_extras, rejects) + sizeof extras->rejects)
        extras->rejects = move(&t->rejects);
    if (extras->size >= offsetof(struct dr_json_extras, columns) + sizeof extras->columns)
        extras->columns = move(&t->columns);
    for (int32_t i = 0; extras->children && i < extras->n_children; i++)
        extras->children[i] = i < t->n ? move(&t->children[i]) : NULL;
}

int32_t dr_json_read_input(struct dr_input *in, const struct dr_json_options *opts,
                           const struct dr_json_tuning *tuning, struct dr_table **ret,
                           struct dr_json_extras *ret_extras, struct dr_err *err)
{
    struct dr_rejects rejects = { 0 };
    struct dr_json_reader *r;
    struct tables t = { 0 };
    int32_t rc = dr_json_open_input(in, opts, tuning, DR_JSON_HOLD, &rejects, &r, err);
    if (!rc) {
        rc = read_tables(r, &t, err);
        dr_reader_close(&r->base);
    }
    int32_t aside_rc = dr_rejects_finish(&rejects, &t.rejects, rc ? NULL : err);
    if (!rc)
        rc = aside_rc;
    if (!rc)
        hand_over(&t, ret, ret_extras);
    drop(&t);
    return rc;
}

int32_t dr_table_read_json(const char *path, const struct dr_json_options *opts, struct dr_table **ret,
                           struct dr_json_extras *ret_extras, struct dr_err *err)
{
    struct dr_input in;
    struct dr_json_tuning tuning = dr_json_tuning_default();
    struct dr_json_options copy;
    dr_json_options_copy(opts, &copy);
    DR_TRY(dr_input_open(&in, path, copy.encoding, err));
    return dr_json_read_input(&in, &copy, &tuning, ret, ret_extras, err);
}
