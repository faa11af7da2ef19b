/* view_set.c - a folder of views. */
#include "view/view_set.h"
#include <strings.h>
#include "base/file.h"

/* The column whose path is getResourceKey(), which every row of the view has. */
static int32_t key_column(const struct dr_view_select *s)
{
    for (int32_t i = 0; i < s->n_fields; i++)
        if (dr_str_eq(dr_str_trim(dr_path_text(s->fields[i].path)), DR_LIT("getResourceKey()")))
            return s->fields[i].column;
    for (int32_t i = 0; i < s->n_selects; i++) {
        int32_t found = s->selects[i].each == DR_EACH_FOCUS ? key_column(&s->selects[i]) : -1;
        if (found >= 0)
            return found;
    }
    return -1;
}

static bool is_single(const struct dr_view_select *s)
{
    if (s->each != DR_EACH_FOCUS || s->n_unions)
        return false;
    for (int32_t i = 0; i < s->n_selects; i++)
        if (!is_single(&s->selects[i]))
            return false;
    return true;
}

static enum dr_view_store store_of(const struct dr_view_column *c)
{
    static const char *const integers[] = { "INT", "BIGINT", "SMALLINT", "TINYINT", "BOOL" },
                             *const reals[] = { "REAL", "DOUBLE", "FLOAT" };
    if (c->collection)
        return DR_STORE_TEXT;
    if (c->sql_type) {
        for (size_t i = 0; i < sizeof integers / sizeof integers[0]; i++)
            if (strncasecmp(c->sql_type, integers[i], strlen(integers[i])) == 0)
                return DR_STORE_INTEGER;
        for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++)
            if (strncasecmp(c->sql_type, reals[i], strlen(reals[i])) == 0)
                return DR_STORE_REAL;
        return DR_STORE_TEXT;
    }
    if (c->type == DR_FHIR_DECIMAL)
        return DR_STORE_REAL;
    enum dr_fhir_class class = dr_fhir_type_class(c->type);
    return class == DR_CLASS_BOOL || class == DR_CLASS_NUMBER ? DR_STORE_INTEGER : DR_STORE_TEXT;
}

static void add(struct dr_arena *a, struct dr_view_set *set, struct dr_view_table *tables,
                const struct dr_view *v, struct dr_diags *d)
{
    struct dr_mark mark = { v->path, 1, 1 };
    struct dr_view_table *t = &tables[set->n];
    enum dr_view_store *stores = dr_arena_array(a, (size_t)v->n_columns, sizeof *stores);
    *t = (struct dr_view_table){ v, key_column(&v->root), is_single(&v->root), stores };
    for (int32_t i = 0; i < v->n_columns; i++)
        stores[i] = store_of(&v->columns[i]);
    if (t->key < 0)
        dr_diag_add(d, DR_DIAG_ERROR, mark, "add {name: id, path: getResourceKey(), type: string}",
                    "view '%s': a view that is to become a table needs a column with the key of its resource",
                    v->name);
    if (strncmp(v->name, "fhir_", 5) == 0)
        dr_diag_add(d, DR_DIAG_ERROR, mark, "choose another name",
                    "view '%s': tables whose names begin with fhir_ are the loader's own", v->name);
    for (int32_t i = 0; i < set->n; i++)
        if (strcasecmp(tables[i].view->name, v->name) == 0)
            dr_diag_add(d, DR_DIAG_ERROR, mark, "give one of them another name", "view '%s' is in %s too",
                        v->name, tables[i].view->path);
    set->n++;
}

static bool is_definition(const char *name)
{
    struct dr_str s = dr_str_of(name);
    return dr_str_ends(s, DR_LIT(".yaml")) || dr_str_ends(s, DR_LIT(".yml")) ||
           dr_str_ends(s, DR_LIT(".json"));
}

const struct dr_view_set *dr_view_set_load(struct dr_arena *a, const char *folder, const char *shown_as,
                                           struct dr_diags *d)
{
    struct dr_view_set *set = DR_NEW(a, struct dr_view_set);
    struct dr_mark mark = { shown_as, 0, 0 };
    struct dr_err err = { 0 };
    char **names;
    size_t n;
    int32_t errors = d->errors;
    if (dr_list_dir(a, folder, NULL, &names, &n, &err)) {
        dr_diag_add(d, DR_DIAG_ERROR, mark, NULL, "%s", err.msg);
        return NULL;
    }
    struct dr_view_table *tables = dr_arena_array(a, DR_VIEWS_MAX, sizeof *tables);
    struct dr_hasher *hasher = dr_hasher_new();
    for (size_t i = 0; i < n && set->n < DR_VIEWS_MAX; i++)
        if (is_definition(names[i])) {
            const struct dr_view *v =
                dr_view_load(a, dr_path_join(a, folder, names[i]), dr_path_join(a, shown_as, names[i]), d);
            if (!v)
                continue;
            add(a, set, tables, v, d);
            dr_hasher_update(hasher, v->hash, sizeof v->hash);
            dr_hasher_update(hasher, v->name, strlen(v->name) + 1);
        }
    dr_hasher_hex(hasher, set->hash);
    dr_hasher_free(hasher);
    set->tables = tables;
    if (!set->n && d->errors == errors)
        dr_diag_add(d, DR_DIAG_ERROR, mark, NULL, "the folder holds no view (*.yaml, *.yml, *.json)");
    return d->errors == errors ? set : NULL;
}
