/* rows.c - what every source's rows go through: the declared columns and types, one
 * row for each key, and the count that the source gave. */
#include "extract.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- columns ---- */

int32_t rows_type(struct dr_task *t, const struct dr_node *n, int32_t *ret)
{
    static const struct {
        const char *name;
        int32_t type;
    } types[] = { { "string", DR_TYPE_STRING },      { "int64", DR_TYPE_INT64 },
                  { "float64", DR_TYPE_FLOAT64 },    { "bool", DR_TYPE_BOOL },
                  { "date", DR_TYPE_DATE },          { "decimal", DR_TYPE_DECIMAL },
                  { "timestamp", DR_TYPE_TIMESTAMP } };
    const char *name = dr_node_str(n, "");
    *ret = DR_TYPE_STRING;
    if (strstr(name, "${")) /* not known before a run */
        return 0;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(types[i].name, name) == 0) {
            *ret = types[i].type;
            return 0;
        }
    return dr_task_problem(t, n,
                           "columns: '%s' is not a type; there are string, int64, float64, bool, date, "
                           "decimal, timestamp",
                           name);
}

static int32_t refuse(struct dr_err *err, const char *fmt, ...) DR_PRINTF(2, 3);
static int32_t refuse(struct dr_err *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    *err = (struct dr_err){ .rc = DR_EINPUT };
    vsnprintf(err->msg, sizeof err->msg, fmt, ap);
    va_end(ap);
    return DR_EINPUT;
}

/* The rows that a cast refuses are an error of the source: silently missing values would pass every
 * check that ignores missing ones. */
static int32_t check_cast(const char *name, const char *type, const uint8_t *refused, int64_t rows,
                          struct dr_err *err)
{
    int64_t n = 0, first = -1;
    for (int64_t i = 0; i < rows; i++)
        if (refused[i >> 3] >> (i & 7) & 1) {
            first = first < 0 ? i : first;
            n++;
        }
    if (n == 0)
        return 0;
    return refuse(err,
                  "column '%s': %lld of %lld values are not of type %s, the first in row %lld; extract it as "
                  "string and let a suite check it",
                  name, (long long)n, (long long)rows, type, (long long)first + 1);
}

static int32_t cast_column(struct dr_task *t, const struct dr_column *c, const char *name,
                           const struct dr_node *type_node, struct dr_column **ret, struct dr_err *err)
{
    int32_t type = DR_TYPE_STRING;
    DR_TRY(rows_type(t, type_node, &type));
    uint8_t *refused = calloc((size_t)dr_column_rows(c) / 8 + 1, 1);
    if (!refused)
        abort();
    int32_t rc = dr_column_cast(c, type, refused, ret, err);
    if (!rc)
        rc = check_cast(name, dr_node_str(type_node, ""), refused, dr_column_rows(c), err);
    free(refused);
    return rc;
}

char *rows_names(const struct dr_table *table)
{
    char *text = text_of("%s", "");
    for (int32_t i = 0; i < dr_table_columns(table); i++) {
        char *longer = text_of("%s%s%s", text, i ? ", " : "", dr_table_column_name(table, i));
        free(text);
        text = longer;
    }
    return text;
}

/* Columns that are one were mostly written with another delimiter. */
static const char *delimiter_hint(const struct dr_table *table)
{
    const char *only = dr_table_columns(table) == 1 ? dr_table_column_name(table, 0) : "";
    return strpbrk(only, ";\t|") ? " (one column: is csv.delimiter right?)" : "";
}

/* What an empty JSON list has of a column: nothing, of no rows. */
static struct dr_column *no_values(void)
{
    return dr_builder_finish(dr_builder_new(DR_TYPE_STRING));
}

static bool is_decimal(const struct dr_node *type)
{
    return strcmp(dr_node_str(type, ""), "decimal") == 0;
}

static int32_t declared_column(struct dr_task *t, const struct extracted *x, const char *name,
                               const struct dr_node *type, struct dr_column **ret, struct dr_err *err)
{
    const struct dr_table *table = x->table;
    const char *file = dr_task_input_count(t, "file") ? dr_task_input_name(t, "file", 0) : NULL;
    int32_t at = dr_table_find(table, name);
    if (at < 0 && dr_table_rows(table) > 0)
        return refuse(err, "%s%sthe source has no column '%s'%s; it has: %s", file ? file : "",
                      file ? ": " : "", name, delimiter_hint(table), rows_names(table));
    struct dr_column *c = at < 0 ? no_values() : dr_column_ref(dr_table_column(table, at));
    int32_t rc = cast_column(t, c, name, type, ret, err);
    if (!rc && x->decimals_wait && is_decimal(type)) {
        dr_column_unref(*ret);
        *ret = dr_column_ref(c);
    }
    dr_column_unref(c);
    return rc;
}

int32_t declare_columns(struct dr_task *t, struct extracted *x, struct dr_err *err)
{
    const struct dr_node *columns = dr_task_param(t, "columns");
    int32_t n = (int32_t)dr_node_size(columns);
    if (n == 0)
        return 0;
    const char **names = calloc((size_t)n + 1, sizeof *names);
    struct dr_column **made = calloc((size_t)n + 1, sizeof *made);
    if (!names || !made)
        abort();
    int32_t rc = 0;
    for (int32_t i = 0; i < n && !rc; i++) {
        names[i] = dr_node_key(columns, i);
        rc = declared_column(t, x, names[i], dr_node_at(columns, i), &made[i], err);
    }
    if (x->rest && !rc) {
        names[n] = x->rest;
        made[n++] = dr_column_ref(dr_table_column(x->table, dr_table_find(x->table, x->rest)));
    }
    struct dr_table *declared = NULL;
    if (!rc)
        rc = dr_table_new(n, names, (const struct dr_column *const *)made, &declared, err);
    for (int32_t i = 0; i < n; i++)
        dr_column_unref(made[i]);
    free(made);
    free(names);
    if (rc)
        return rc;
    dr_table_unref(x->table);
    x->table = declared;
    return 0;
}

int32_t declare_decimals(struct dr_task *t, struct extracted *x, struct dr_err *err)
{
    const struct dr_node *columns = dr_task_param(t, "columns");
    for (int64_t i = 0; i < dr_node_size(columns); i++) {
        const char *name = dr_node_key(columns, i);
        struct dr_column *c = NULL;
        struct dr_table *with = NULL;
        if (!is_decimal(dr_node_at(columns, i)))
            continue;
        DR_TRY(cast_column(t, dr_table_column(x->table, dr_table_find(x->table, name)), name,
                           dr_node_at(columns, i), &c, err));
        int32_t rc = dr_table_with(x->table, name, c, &with, err);
        dr_column_unref(c);
        if (rc)
            return rc;
        dr_table_unref(x->table);
        x->table = with;
    }
    return 0;
}

/* ---- keys ---- */

enum { KEYS_MAX = 32 };

static int32_t keep_distinct(struct dr_task *t, struct extracted *x, int32_t n, const char *const *keys,
                             int32_t keep)
{
    struct dr_table *table = NULL;
    DR_TRY(dr_table_distinct(x->table, n, keys, keep, NULL, &table, dr_task_err(t)));
    dr_table_unref(x->table);
    x->table = table;
    return 0;
}

/* A record that came twice word for word is one record. Records with one key that differ are
 * two states of a thing: which one counts is the author's to say. */
static int32_t unite(struct dr_task *t, struct extracted *x, int64_t *ret_distinct)
{
    const struct dr_node *list = x->key;
    const char *keys[KEYS_MAX];
    int32_t n = (int32_t)dr_node_size(list);
    if (n > KEYS_MAX)
        return dr_task_fail_final(t, "api.key: more than %d columns", KEYS_MAX);
    for (int32_t i = 0; i < n; i++) {
        keys[i] = dr_node_str(dr_node_at(list, i), "");
        if (dr_table_columns(x->table) && dr_table_find(x->table, keys[i]) < 0)
            return dr_task_fail_final(t, "api.key: the source has no column '%s'; it has: %s", keys[i],
                                      rows_names(x->table));
    }
    *ret_distinct = dr_table_rows(x->table);
    if (n == 0 || *ret_distinct == 0)
        return 0;
    struct dr_table *by_key = NULL;
    DR_TRY(keep_distinct(t, x, 0, NULL, DR_KEEP_FIRST));
    DR_TRY(dr_table_distinct(x->table, n, keys, DR_KEEP_FIRST, NULL, &by_key, dr_task_err(t)));
    *ret_distinct = dr_table_rows(by_key);
    dr_table_unref(by_key);
    int64_t more = dr_table_rows(x->table) - *ret_distinct;
    dr_task_metric(t, "rows_in_conflict", (double)more);
    if (strcmp(x->conflicts, "keep") == 0)
        *ret_distinct += more; /* what differs is another record, for the count too */
    if (more == 0 || strcmp(x->conflicts, "keep") == 0)
        return 0;
    if (strcmp(x->conflicts, "fail") == 0)
        return dr_task_fail(
            t, "%lld records have the key of another record and differ from it (api.conflicts: fail)",
            (long long)more);
    if (x->n_children > 0) /* a child row says its record's key, and here that is the key of two */
        return dr_task_fail_final(
            t,
            "%lld records have the key of another record and differ from it: whose child "
            "rows to keep cannot be told; set api.conflicts to fail or keep",
            (long long)more);
    return keep_distinct(t, x, n, keys, strcmp(x->conflicts, "last") == 0 ? DR_KEEP_LAST : DR_KEEP_FIRST);
}

/* ---- the count ---- */

static int32_t hold_against_count(struct dr_task *t, const struct extracted *x, int64_t received,
                                  int64_t distinct)
{
    if (x->declared < 0 || x->declared == distinct)
        return 0;
    const char *where = x->counted_by ? url_shown(x->counted_by) : "the source";
    char *twice = received == distinct ? text_of("%s", "")
                                       : text_of(" (%lld, of which %lld came twice)", (long long)received,
                                                 (long long)(received - distinct));
    char *text = text_of("%s says that it has %lld records; %lld came%s", where, (long long)x->declared,
                         (long long)distinct, twice);
    free(twice);
    int32_t rc = 0;
    if (x->may_differ)
        dr_task_log(t, DR_WARN, "%s", text);
    else
        rc = dr_task_fail(t, "%s; the next attempt reads all of it again", text);
    free(text);
    return rc;
}

/* Whether the rows of a child table name their record by its key. */
static bool names_record(const struct extracted *x, int32_t child)
{
    int64_t n = dr_node_size(x->key);
    for (int64_t k = 0; k < n; k++) {
        int32_t at = dr_table_find(x->children[child], dr_node_str(dr_node_at(x->key, k), ""));
        if (at < 0 || at >= x->child_keys[child])
            return false;
    }
    return n > 0;
}

/* Two items in one place are two states of a record that is the same in its columns. */
static int32_t check_places(struct dr_task *t, const struct extracted *x, int32_t child)
{
    const struct dr_table *rows = x->children[child];
    const char *place[KEYS_MAX + 1];
    int32_t n = x->child_keys[child] + 1;
    struct dr_table *places = NULL;
    if (n > KEYS_MAX || dr_table_columns(rows) < n || !names_record(x, child) ||
        strcmp(x->conflicts, "keep") == 0)
        return 0;
    for (int32_t i = 0; i < n; i++)
        place[i] = dr_table_column_name(rows, i);
    DR_TRY(dr_table_distinct(rows, n, place, DR_KEEP_FIRST, NULL, &places, dr_task_err(t)));
    int64_t more = dr_table_rows(rows) - dr_table_rows(places);
    dr_table_unref(places);
    return more == 0
               ? 0
               : dr_task_fail(
                     t,
                     "%lld items of '%s' have the place of another one in their record and differ from it: "
                     "the record changed while it was read (api.conflicts: keep takes both)",
                     (long long)more, x->child_names[child]);
}

/* A record that came twice brought its children twice. Their key and position tell them apart otherwise. */
static int32_t unite_children(struct dr_task *t, struct extracted *x)
{
    for (int32_t i = 0; i < x->n_children; i++) {
        struct dr_table *table = NULL;
        DR_TRY(dr_table_distinct(x->children[i], 0, NULL, DR_KEEP_FIRST, NULL, &table, dr_task_err(t)));
        dr_table_unref(x->children[i]);
        x->children[i] = table;
        DR_TRY(check_places(t, x, i));
    }
    return 0;
}

/* In XML what is absent is missing, and so is an element that was renamed. */
static void tell_of_empty(struct dr_task *t, const struct dr_table *table)
{
    for (int32_t i = 0; i < dr_table_columns(table); i++)
        if (dr_column_nulls(dr_table_column(table, i)) == dr_table_rows(table))
            dr_task_log(t, DR_WARN, "column '%s' has no value in any row: is its path in xml.columns right?",
                        dr_table_column_name(table, i));
}

int32_t rows_finish(struct dr_task *t, struct extracted *x)
{
    int64_t received = dr_table_rows(x->table), distinct = received;
    struct dr_err err = { 0 };
    if (!x->has_columns && declare_columns(t, x, &err))
        return err.rc ? dr_task_fail_final(t, "%s", err.msg) : DR_EDEF;
    int32_t rc = unite(t, x, &distinct);
    if (!rc && x->key)
        rc = unite_children(t, x);
    if (!rc)
        rc = hold_against_count(t, x, received, distinct);
    if (rc) {
        if (x->progress)
            progress_forget(x->progress);
        return rc;
    }
    int64_t rows = dr_table_rows(x->table);
    if (rows > 0 && dr_node_size(dr_task_param(t, "xml")) > 0)
        tell_of_empty(t, x->table);
    dr_task_metric(t, "rows_received", (double)received);
    dr_task_metric(t, "rows_twice", (double)(received - rows));
    dr_task_metric(t, "rows", (double)rows);
    dr_task_log(t, DR_INFO, "%lld rows received, %lld of them twice, %lld kept", (long long)received,
                (long long)(received - rows), (long long)rows);
    return 0;
}
