/* json.c - JSON files and JSON lines as a table, and the arrays within their records as child
 * tables, by dagrun's own reader.
 *
 * Declared columns are read as their type, so that an error names line and column. Where one
 * turns out to have no value at all, it may be that no record has such a member: then
 * the file is looked at once more, since a member that was renamed must not become a column of
 * missing values. */
#include "extract.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS_MAX = 512, KEYS_MAX = 16 };

struct columns {
    struct dr_json_column of[COLUMNS_MAX];
    int32_t n;
};
struct shape {
    struct dr_task *t;
    struct dr_json_options options;
    struct columns columns;
    bool optional[COLUMNS_MAX]; /* columns that no record needs to have */
    struct dr_json_child children[CHILDREN_MAX];
    int32_t n_children;
};

/* ---- settings ---- */

/* Decimals need to know their scale before they are read: they come as text, and rows.c casts them. */
static int32_t read_columns(const struct settings *s, const struct dr_node *types, struct columns *ret)
{
    struct settings paths;
    DR_TRY(settings_below(s, "paths", NULL, &paths));
    if (dr_node_size(types) > COLUMNS_MAX)
        return settings_refuse(s, NULL, "more than %d columns", COLUMNS_MAX);
    for (int64_t i = 0; i < dr_node_size(types); i++) {
        struct dr_json_column *c = &ret->of[ret->n++];
        *c = (struct dr_json_column){ .name = dr_node_key(types, i) };
        DR_TRY(settings_text(&paths, c->name, c->name, &c->path));
        DR_TRY(rows_type(s->t, dr_node_at(types, i), &c->type));
        if (c->type == DR_TYPE_DECIMAL)
            c->type = DR_TYPE_STRING;
    }
    for (int64_t i = 0; i < dr_node_size(paths.map); i++)
        if (!dr_node_get(types, dr_node_key(paths.map, i)))
            return settings_refuse(&paths, dr_node_key(paths.map, i), "is not one of the columns");
    return 0;
}

static int32_t read_keys(const struct settings *child, struct dr_json_child *ret)
{
    const struct dr_node *list = dr_node_get(child->map, "key");
    int64_t n = dr_node_size(list);
    const char **keys = calloc(KEYS_MAX, sizeof *keys);
    if (!keys)
        abort();
    if (dr_node_kind(list) != DR_NODE_LIST || n == 0 || n > KEYS_MAX)
        return settings_refuse(child, "key", "must list 1 to %d columns of the record", KEYS_MAX);
    for (int64_t i = 0; i < n; i++)
        keys[i] = dr_node_str(dr_node_at(list, i), "");
    ret->keys = keys;
    ret->n_keys = (int32_t)n;
    return 0;
}

static int32_t read_child(const struct settings *children, const char *name, struct dr_json_child *ret)
{
    struct settings s, types;
    struct columns *columns = calloc(1, sizeof *columns);
    if (!columns)
        abort();
    *ret = (struct dr_json_child){ .name = name };
    DR_TRY(settings_below(children, name, "array|key|position|columns|paths", &s));
    DR_TRY(settings_text(&s, "array", name, &ret->path));
    DR_TRY(settings_text(&s, "position", NULL, &ret->position));
    DR_TRY(settings_below(&s, "columns", NULL, &types));
    DR_TRY(read_keys(&s, ret));
    DR_TRY(read_columns(&s, types.map, columns));
    for (int64_t i = 0; i < dr_node_size(types.map); i++)
        if (strcmp(dr_node_str(dr_node_at(types.map, i), ""), "decimal") == 0)
            return settings_refuse(&types, dr_node_key(types.map, i), "take string, which keeps all digits");
    ret->columns = columns->of;
    ret->n_columns = columns->n;
    return 0;
}

static int32_t read_optional(const struct settings *s, struct shape *ret)
{
    const struct dr_node *list = dr_node_get(s->map, "optional");
    if (list && dr_node_kind(list) != DR_NODE_LIST)
        return settings_refuse(s, "optional", "must list columns");
    for (int64_t i = 0; i < dr_node_size(list); i++) {
        const char *name = dr_node_str(dr_node_at(list, i), "");
        int32_t at = 0;
        while (at < ret->columns.n && strcmp(ret->columns.of[at].name, name) != 0)
            at++;
        if (at == ret->columns.n)
            return settings_refuse(s, "optional", "'%.80s' is not one of the columns", name);
        ret->optional[at] = true;
    }
    return 0;
}

/* The column for what else the records have. */
static int32_t read_rest(const struct settings *s, struct shape *ret)
{
    DR_TRY(settings_text(s, "rest", NULL, &ret->options.rest_column));
    const char *rest = ret->options.rest_column;
    if (rest && ret->columns.n == 0)
        return settings_refuse(s, "rest", "without 'columns' every member is a column, and nothing is left");
    for (int32_t i = 0; rest && i < ret->columns.n; i++)
        if (strcmp(ret->columns.of[i].name, rest) == 0)
            return settings_refuse(s, "rest", "'%.80s' is one of the columns", rest);
    return 0;
}

static int32_t read_shape(struct dr_task *t, uint8_t layout, struct shape *ret)
{
    struct settings s, children;
    *ret = (struct shape){ .t = t, .options = { .size = sizeof ret->options, .layout = layout } };
    DR_TRY(settings_of_task(t, "json", "records|paths|optional|children|rest", &s));
    if (layout == DR_JSON_DOCUMENT)
        DR_TRY(settings_text(&s, "records", NULL, &ret->options.records));
    DR_TRY(read_columns(&s, dr_task_param(t, "columns"), &ret->columns));
    DR_TRY(read_optional(&s, ret));
    DR_TRY(read_rest(&s, ret));
    DR_TRY(settings_below(&s, "children", NULL, &children));
    int64_t n = dr_node_size(children.map);
    if (n > CHILDREN_MAX)
        return settings_refuse(&children, NULL, "more than %d child tables", CHILDREN_MAX);
    for (int64_t i = 0; i < n; i++)
        DR_TRY(read_child(&children, dr_node_key(children.map, i), &ret->children[ret->n_children++]));
    ret->options.columns = ret->columns.of;
    ret->options.n_columns = ret->columns.n;
    ret->options.children = ret->children;
    ret->options.n_children = ret->n_children;
    return 0;
}

/* ---- members that are not there ---- */

/* Whether the records have something at the path: itself, or members below it. Of an item of an array,
 * whether they have the array. */
static bool has_member(const struct dr_table *found, const char *path)
{
    size_t n = strcspn(path, "[");
    if (n == 0)
        return true;
    for (int32_t i = 0; i < dr_table_columns(found); i++) {
        const char *name = dr_table_column_name(found, i);
        if (strncmp(name, path, n) == 0 && (name[n] == 0 || name[n] == '.'))
            return true;
    }
    return false;
}

/* The records have been read; if no column is found in them now they are all {}. */
static int32_t read_members(const char *path, const struct dr_json_options *all, const char *wanted,
                            struct dr_table **ret, struct dr_err *err)
{
    int32_t rc = dr_table_read_json(path, all, ret, NULL, err);
    if (rc == DR_EINPUT)
        snprintf(err->msg, sizeof err->msg, "no record has '%.80s'; they are empty", wanted);
    return rc;
}

static int32_t look_for(const struct shape *s, const char *path, const struct dr_table *table,
                        struct dr_err *err)
{
    struct dr_json_options all = s->options;
    struct dr_table *found = NULL;
    int32_t rc = 0;
    all.columns = NULL;
    all.rest_column = NULL;
    all.n_columns = all.n_children = 0;
    for (int32_t i = 0; i < s->columns.n && !rc; i++) {
        const struct dr_column *c = dr_table_column(table, dr_table_find(table, s->columns.of[i].name));
        if (s->optional[i] || dr_column_nulls(c) < dr_column_rows(c) || dr_column_rows(c) == 0)
            continue;
        if (!found)
            rc = read_members(path, &all, s->columns.of[i].path, &found, err);
        if (!rc && !has_member(found, s->columns.of[i].path)) {
            *err = (struct dr_err){ .rc = DR_EINPUT };
            snprintf(err->msg, sizeof err->msg, "no record has '%.80s'; they have: %.300s",
                     s->columns.of[i].path, rows_names(found));
            rc = DR_EINPUT;
        }
    }
    dr_table_unref(found);
    return rc;
}

/* ---- before a run ---- */

int32_t check_json(struct dr_task *t, const char **ret_rest)
{
    struct shape *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    int32_t rc = read_shape(t, DR_JSON_DOCUMENT, s);
    *ret_rest = s->options.rest_column;
    free(s);
    return rc;
}

/* ---- reading ---- */

int32_t read_json(struct dr_task *t, const char *path, uint8_t layout, struct extracted *ret,
                  struct dr_err *err)
{
    struct shape *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    DR_TRY(read_shape(t, layout, s));
    struct dr_json_extras extras = { .size = sizeof extras,
                                     .n_children = s->n_children,
                                     .children = ret->children };
    int32_t rc = dr_table_read_json(path, &s->options, &ret->table, &extras, err);
    dr_table_unref(extras.rejects);
    dr_table_unref(extras.columns);
    if (!rc) {
        ret->rest = s->options.rest_column;
        ret->n_children = s->n_children;
        for (int32_t i = 0; i < s->n_children; i++) {
            ret->child_names[i] = s->children[i].name;
            ret->child_keys[i] = s->children[i].n_keys;
        }
        rc = look_for(s, path, ret->table, err);
    }
    free(s);
    return rc;
}
