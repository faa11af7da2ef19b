/* Steps that compare rows with each other or shape the table: distinct, month, rename,
 * select, sort. */
#include "transform.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void names_make(struct names *names, int64_t room)
{
    *names = (struct names){ need(malloc(((size_t)room + 1) * sizeof *names->items)), 0 };
}

void names_done(struct names *names)
{
    free(names->items);
}

/* The texts of a list argument, each the name of a column there is. The caller frees them, unless it fails.
 */
int32_t column_list(struct work *w, const struct dr_node *args, const char *key, struct names *ret)
{
    const struct dr_node *list = dr_node_get(args, key);
    int64_t n = dr_node_size(list);
    if (n < 1)
        return dr_task_fail_final(w->t, "step %s: give %s: a list of columns", w->step, key);
    names_make(ret, n);
    int32_t rc = 0;
    for (int64_t i = 0; i < n && !rc; i++) {
        const struct dr_column *c = NULL;
        const char *name = dr_node_str(dr_node_at(list, i), "");
        rc = find_column(w, name, &c);
        ret->items[ret->n++] = name;
    }
    if (rc)
        names_done(ret);
    return rc;
}

/* ---- distinct ---- */

static const char *repeat_reason(uint8_t mark, int32_t keep)
{
    return mark == DR_ROW_REPEATS ? "repeats an earlier row"
           : keep == DR_KEEP_NONE ? "contradicts another row of the same key"
           : keep == DR_KEEP_LAST ? "replaced by a later row of the same key"
                                  : "gives way to an earlier row of the same key";
}

void note_repeat(struct work *w, int64_t row, uint8_t mark, int32_t keep)
{
    int contradicts = mark == DR_ROW_YIELDS && keep == DR_KEEP_NONE;
    note(contradicts ? &w->rejected : &w->duplicates, origin_of(w, row),
         reason_index(w, repeat_reason(mark, keep)));
}

/* Rows that distinct did not keep leave; mark says which kind of distinct. */
static int32_t drop_repeats(struct work *w, const struct names *key, int32_t keep, uint8_t mark)
{
    int64_t rows = dr_table_rows(w->table), kept = 0;
    int64_t *instead = need(malloc(((size_t)rows + 1) * sizeof *instead));
    struct dr_table *left = NULL;
    int32_t rc =
        dr_table_distinct(w->table, key->n, key->items, mark == DR_ROW_REPEATS ? DR_KEEP_FIRST : keep,
                          instead, &left, dr_task_err(w->t));
    if (!rc) {
        int64_t *origin = need(malloc(((size_t)rows + 1) * sizeof *origin));
        for (int64_t i = 0; i < rows; i++) {
            if (instead[i] < 0)
                origin[kept++] = origin_of(w, i);
            else
                note_repeat(w, i, mark, keep);
        }
        free(w->origin);
        w->origin = origin;
    }
    free(instead);
    return replace_table(w, rc, left);
}

/* Every column but those that say where a row came from. */
static void all_but(const struct work *w, const struct dr_node *ignored, struct names *ret)
{
    names_make(ret, dr_table_columns(w->table));
    for (int32_t i = 0; i < dr_table_columns(w->table); i++) {
        const char *name = dr_table_column_name(w->table, i);
        int skip = !ignored && strcmp(name, "_line") == 0;
        for (int64_t k = 0; k < dr_node_size(ignored); k++)
            skip |= strcmp(dr_node_str(dr_node_at(ignored, k), ""), name) == 0;
        if (!skip)
            ret->items[ret->n++] = name;
    }
}

/* First rows that repeat another in every column, then rows that share its key
 * but differ: of those the first or the last stays, or none. */
int32_t step_distinct(struct work *w, const struct dr_node *args)
{
    struct names key, all;
    const char *rule = dr_node_str(dr_node_get(args, "conflicts"), "last");
    int32_t keep = strcmp(rule, "first") == 0  ? DR_KEEP_FIRST
                   : strcmp(rule, "last") == 0 ? DR_KEEP_LAST
                   : strcmp(rule, "none") == 0 ? DR_KEEP_NONE
                                               : -1;
    if (keep < 0)
        return dr_task_fail_final(w->t, "step distinct: conflicts: '%s' is not one of first, last, none",
                                  rule);
    DR_TRY(settle(w));
    DR_TRY(column_list(w, args, "key", &key));
    all_but(w, dr_node_get(args, "ignore"), &all);
    int32_t rc =
        w->stream ? stream_distinct(w, &all, &key, keep) : drop_repeats(w, &all, keep, DR_ROW_REPEATS);
    if (!rc && !w->stream)
        rc = drop_repeats(w, &key, keep, DR_ROW_YIELDS);
    names_done(&all);
    names_done(&key);
    return rc;
}

/* ---- shape ---- */

static void month_cell(void *ctx, int32_t n_args, const struct dr_cell *args, struct dr_cell *ret)
{
    char *text = ctx;
    (void)n_args;
    *ret = args[0];
    if (!args[0].state)
        return;
    /* Days to a civil date; H. Hinnant (2014), as in parse.c, backwards. */
    int64_t z = args[0].i + 719468, era = (z >= 0 ? z : z - 146096) / 146097, doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    int64_t month = mp < 10 ? mp + 3 : mp - 9, year = yoe + era * 400 + (month <= 2);
    snprintf(text, 16, "%04u-%02u", (unsigned)year % 10000, (unsigned)month % 100);
    ret->p = text;
    ret->n = 7;
}

int32_t step_month(struct work *w, const struct dr_node *args)
{
    const struct dr_column *in = NULL;
    struct dr_column *out = NULL;
    char text[16];
    DR_TRY(find_column(w, arg_text(args, "column"), &in));
    if (dr_column_type(in) != DR_TYPE_DATE)
        return dr_task_fail_final(w->t, "step month: column '%s' is not a date yet; put parse_date before",
                                  arg_text(args, "column"));
    DR_TRY(dr_column_map(1, &in, month_cell, text, DR_TYPE_DICT, NULL, &out, dr_task_err(w->t)));
    return put_column(w, dr_node_str(dr_node_get(args, "into"), "month"), out);
}

/* The name that a map of old names to new ones gives a column. */
static const char *new_name(const struct dr_node *from_to, const char *name)
{
    for (int64_t i = 0; i < dr_node_size(from_to); i++)
        if (strcmp(dr_node_key(from_to, i), name) == 0)
            return dr_node_str(dr_node_at(from_to, i), "");
    return name;
}

/* All at once, so that two columns may change names; each keeps its place. */
int32_t step_rename(struct work *w, const struct dr_node *args)
{
    const struct dr_node *from_to = dr_node_get(args, "columns");
    const struct dr_column *c = NULL;
    struct dr_table *renamed = NULL;
    struct names names;
    for (int64_t i = 0; i < dr_node_size(from_to); i++)
        DR_TRY(find_column(w, dr_node_key(from_to, i), &c));
    int32_t n = dr_table_columns(w->table);
    const struct dr_column **columns = need(malloc(((size_t)n + 1) * sizeof *columns));
    names_make(&names, n);
    for (int32_t i = 0; i < n; i++) {
        columns[i] = dr_table_column(w->table, i);
        names.items[names.n++] = new_name(from_to, dr_table_column_name(w->table, i));
    }
    int32_t rc = dr_table_new(n, names.items, columns, &renamed, dr_task_err(w->t));
    names_done(&names);
    free(columns);
    return replace_table(w, rc, renamed);
}

int32_t step_select(struct work *w, const struct dr_node *args)
{
    struct names columns;
    struct dr_table *left = NULL;
    DR_TRY(column_list(w, args, "columns", &columns));
    int32_t rc = dr_table_select(w->table, columns.n, columns.items, &left, dr_task_err(w->t));
    names_done(&columns);
    return replace_table(w, rc, left);
}

/* Settles first, so that `origin` need not follow the new order. */
int32_t step_sort(struct work *w, const struct dr_node *args)
{
    struct names columns;
    struct dr_table *sorted = NULL;
    DR_TRY(settle(w));
    DR_TRY(column_list(w, args, "columns", &columns));
    if (w->stream) {
        int32_t rc = stream_sort(w, &columns);
        names_done(&columns);
        return rc;
    }
    struct dr_sort_key *keys = need(calloc((size_t)columns.n, sizeof *keys));
    for (int32_t i = 0; i < columns.n; i++)
        keys[i].column = columns.items[i];
    int32_t rc = dr_table_sort(w->table, columns.n, keys, &sorted, dr_task_err(w->t));
    free(keys);
    names_done(&columns);
    return replace_table(w, rc, sorted);
}
