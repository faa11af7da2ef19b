/* exports.c - see exports.h. A dataset is one of rows set apart where it has a
 * column _reasons, one of statistics where it has the columns that monthly_stats writes, and one of
 * decisions where it has `rule`, `action` and `rows`; what its task is called does not matter. */
#include "report/exports.h"
#include "base/file.h"
#include "base/hash.h"

#define MASK "***"

/* ---- what is sensitive ---- */

static const char *read_suite(const struct dr_facts *f, const char *name, struct dr_map *sensitive)
{
    struct dr_diags d = { .arena = f->a };
    struct dr_err problem = { 0 };
    const struct dr_suite *suite = dr_suite_load(f->a, f->home, name, NULL, &d);
    if (!suite) {
        (void)dr_diags_fail(&d, &problem);
        return dr_arena_printf(f->a, "suite %s, which says what is sensitive, cannot be read: %s", name,
                               problem.msg);
    }
    for (int32_t i = 0; i < suite->n_columns; i++)
        if (suite->columns[i].sensitive)
            *dr_map_put(sensitive, dr_str_of(suite->columns[i].name), NULL) = 1;
    return NULL;
}

static const char *read_suites(const struct dr_facts *f, struct dr_map *sensitive)
{
    struct dr_map seen = { 0 };
    const char *problem = NULL;
    for (int32_t i = 0; i < f->n_checks && !problem; i++) {
        bool is_new;
        dr_map_put(&seen, dr_str_of(f->checks[i].r->suite), &is_new);
        if (is_new)
            problem = read_suite(f, f->checks[i].r->suite, sensitive);
    }
    dr_map_done(&seen);
    return problem;
}

/* ---- masking ---- */

static void mask(void *ctx, int32_t n, const struct dr_cell *args, struct dr_cell *ret)
{
    (void)ctx;
    (void)n;
    *ret = (struct dr_cell){ .state = args[0].state ? 1 : 0, .p = MASK, .n = sizeof(MASK) - 1 };
}

/* _record is the text of a whole record: it holds whatever is sensitive in it. */
static bool is_sensitive(const struct dr_map *sensitive, const char *name)
{
    return sensitive->n > 0 && (dr_map_get(sensitive, dr_str_of(name)) || dr_streq(name, "_record"));
}

static int32_t mask_column(struct dr_table **table, int32_t i, struct dr_err *err)
{
    const struct dr_column *c = dr_table_column(*table, i);
    struct dr_column *masked;
    struct dr_table *with;
    DR_TRY(dr_column_map(1, &c, mask, NULL, DR_TYPE_STRING, NULL, &masked, err));
    int32_t rc = dr_table_with(*table, dr_table_column_name(*table, i), masked, &with, err);
    dr_column_unref(masked);
    DR_TRY(rc);
    dr_table_unref(*table);
    *table = with;
    return DR_OK;
}

static int32_t mask_table(struct dr_table **table, const struct dr_map *sensitive, struct dr_err *err)
{
    for (int32_t i = 0; i < dr_table_columns(*table); i++)
        if (is_sensitive(sensitive, dr_table_column_name(*table, i)))
            DR_TRY(mask_column(table, i, err));
    return DR_OK;
}

/* ---- which datasets ---- */

static bool has_columns(const struct dr_table *t, const char *const needed[])
{
    for (int i = 0; needed[i]; i++)
        if (dr_table_find(t, needed[i]) < 0)
            return false;
    return true;
}

/* False where the table is of no kind. */
static bool find_kind(const struct dr_table *t, enum dr_export_kind *ret)
{
    static const char *const statistics[] = { "month", "n", "mean", "median", NULL };
    static const char *const decisions[] = { "rule", "action", "rows", NULL };
    if (dr_table_find(t, "_reasons") >= 0)
        *ret = DR_EXPORT_SET_APART;
    else if (dr_table_find(t, "month") == 0 && has_columns(t, statistics))
        *ret = DR_EXPORT_STATISTICS;
    else if (has_columns(t, decisions))
        *ret = DR_EXPORT_DECISIONS;
    else
        return false;
    return true;
}

/* What a schema in the run store says, before a file is opened for it. */
static bool may_matter(const struct dr_dataset_record *d)
{
    return d->output && d->path && dr_str_ends(dr_str_of(d->path), DR_LIT(".arrow")) && dr_name_ok(d->name) &&
           (!d->schema || strstr(d->schema, "\"_reasons\"") || strstr(d->schema, "\"month\"") ||
            strstr(d->schema, "\"rule\""));
}

static void release_table(void *table)
{
    dr_table_unref(table);
}

static int32_t write_export(const struct dr_facts *f, const char *dir, const struct dr_map *sensitive,
                            struct dr_export *e, struct dr_table **table, struct dr_err *err)
{
    DR_TRY(mask_table(table, sensitive, err));
    e->rows = dr_table_rows(*table);
    if (e->rows > 0) {
        const char *file = dr_arena_printf(f->a, "%s.csv", e->dataset);
        DR_TRY(dr_table_write_csv(*table, dr_path_join(f->a, dir, file), err));
        e->file = file;
    }
    e->table = *table;
    *table = NULL;
    dr_arena_defer(f->a, release_table, e->table);
    return DR_OK;
}

/* True where the dataset is one to export; a problem of it is noted in e. */
static bool export_dataset(const struct dr_facts *f, const char *dir, const struct dr_map *sensitive,
                           const struct dr_dataset_row *row, struct dr_export *e)
{
    struct dr_table *table = NULL;
    struct dr_err problem = { 0 };
    *e = (struct dr_export){ .dataset = row->d.name, .task_id = row->task_id, .rows = row->d.rows };
    if (dr_table_read_arrow(dr_path_join(f->a, f->home->path, row->d.path), &table, &problem)) {
        e->problem = dr_arena_strdup(f->a, problem.msg);
        return row->d.schema != NULL;
    }
    bool wanted = find_kind(table, &e->kind);
    if (wanted && write_export(f, dir, sensitive, e, &table, &problem))
        e->problem = dr_arena_strdup(f->a, problem.msg);
    dr_table_unref(table);
    return wanted;
}

void dr_exports_write(const struct dr_facts *f, const char *dir, struct dr_exports *ret)
{
    struct dr_map sensitive = { 0 };
    *ret = (struct dr_exports){ .withheld = read_suites(f, &sensitive) };
    ret->items = dr_arena_array(f->a, (size_t)f->n_datasets + 1, sizeof(*ret->items));
    for (int32_t i = 0; i < f->n_datasets && !ret->withheld; i++)
        if (may_matter(&f->datasets[i].d) &&
            export_dataset(f, dir, &sensitive, &f->datasets[i], &ret->items[ret->n]))
            ret->n++;
    dr_map_done(&sensitive);
}
