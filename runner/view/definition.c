/* definition.c - from a tree to a checked view. Columns are laid out in the order of the
 * specification: a select's own, then those of its selects, then those of its unionAll,
 * whose branches must agree in names, order and types. */
#include "view/definition.h"
#include "base/file.h"
#include "base/json.h"
#include "model/read.h"
#include "model/yaml.h"
#include "view/number.h"

#define DEPTH_MAX 30
#define SELECTS_MAX 500
#define CONSTANTS_MAX 500

struct loader {
    struct dr_reader r;
    struct dr_view *view;
    struct dr_path_constant *constants;
    int32_t n_constants, cap_columns;
    int depth, n_selects;
};

static void complain(struct loader *l, const struct dr_node *at, const char *fmt, ...) DR_PRINTF(3, 4);
static void complain(struct loader *l, const struct dr_node *at, const char *fmt, ...)
{
    char what[400];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    dr_diag_add(l->r.d, DR_DIAG_ERROR, at ? at->mark : (struct dr_mark){ 0 }, NULL, "view '%s': %s",
                l->view->name, what);
}

/* ^[A-Za-z][A-Za-z0-9_]*$ */
static bool is_sql_name(const char *s)
{
    for (size_t i = 0; s[i]; i++)
        if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z') ||
              (i && ((s[i] >= '0' && s[i] <= '9') || s[i] == '_'))))
            return false;
    return s[0] != 0;
}

static void check_name(struct loader *l, const struct dr_node *at, const char *what, const char *name)
{
    if (!is_sql_name(name))
        complain(l, at, "%s name '%s' must begin with a letter and hold only letters, digits and _", what,
                 name);
}

/* The text of key, which must be there. */
static const char *required(struct loader *l, const struct dr_node *map, const char *key, const char *what)
{
    const struct dr_node *n = dr_node_get(map, key);
    if (dr_node_kind(n) == DR_NODE_STRING && n->text.n)
        return n->text.p;
    complain(l, n ? n : map, "%s needs a %s, a text", what, key);
    return NULL;
}

/* The list under key; NULL and a complaint where it is something else. */
static const struct dr_node *list_of(struct loader *l, const struct dr_node *map, const char *key)
{
    const struct dr_node *n = dr_node_get(map, key);
    if (!n || dr_node_kind(n) == DR_NODE_LIST)
        return n;
    complain(l, n, "'%s' must be a list", key);
    return NULL;
}

static bool is_map(struct loader *l, const struct dr_node *n, const char *what)
{
    if (dr_node_kind(n) == DR_NODE_MAP)
        return true;
    complain(l, n, "%s must be a map, not %s", what, dr_kind_text(n));
    return false;
}

static const struct dr_path *compile(struct loader *l, const struct dr_node *n, const char *what,
                                     uint8_t wanted)
{
    struct dr_path_names names = { l->constants, l->n_constants, wanted };
    struct dr_err err = { 0 };
    const struct dr_path *p;
    if (dr_node_kind(n) != DR_NODE_STRING) {
        complain(l, n, "%s must be a text, an expression in FHIRPath", what);
        return NULL;
    }
    if (!dr_path_compile(l->r.a, n->text, &names, &p, NULL, &err))
        return p;
    complain(l, n, "%s: %s", what, err.msg);
    return NULL;
}

/* ---- constants ---- */

static bool constant_value(const struct dr_node *v, uint8_t type, struct dr_item *ret)
{
    struct dr_number number;
    int32_t kind = dr_node_kind(v);
    *ret = (struct dr_item){ .type = type };
    switch (dr_fhir_type_class(type)) {
    case DR_CLASS_BOOL:
        ret->kind = DR_ITEM_BOOL;
        ret->truth = dr_node_bool(v, 0);
        return kind == DR_NODE_BOOL;
    case DR_CLASS_NUMBER:
        ret->kind = DR_ITEM_NUMBER;
        if (kind == DR_NODE_INT || kind == DR_NODE_FLOAT || type == DR_FHIR_INTEGER64)
            ret->text = v->text;
        return dr_number_parse(ret->text, &number) && (type == DR_FHIR_DECIMAL || number.scale == 0);
    case DR_CLASS_TEXT: /* YAML reads an unquoted 2015 as a number, and means a year */
        ret->kind = DR_ITEM_TEXT;
        ret->text = v ? v->text : (struct dr_str){ "", 0 };
        return kind == DR_NODE_STRING || (kind == DR_NODE_INT && type != DR_FHIR_STRING);
    case DR_CLASS_OBJECT:
    case DR_CLASS_NONE:
        break;
    }
    return false;
}

static void load_constant(struct loader *l, const struct dr_node *n)
{
    if (!is_map(l, n, "a constant"))
        return;
    const char *name = required(l, n, "name", "a constant");
    const struct dr_node *value = NULL;
    uint8_t type = 0;
    int found = 0;
    for (int64_t i = 0; i < dr_node_size(n); i++) {
        struct dr_str key = n->keys[i];
        if (!dr_str_starts(key, DR_LIT("value")))
            continue;
        found++;
        value = dr_node_at(n, i);
        type = dr_fhir_type_of_suffix((struct dr_str){ key.p + 5, key.n - 5 });
    }
    if (!name)
        return;
    check_name(l, n, "constant", name);
    for (int32_t i = 0; i < l->n_constants; i++)
        if (dr_str_eq(l->constants[i].name, dr_str_of(name)))
            complain(l, n, "constant '%s' is declared twice", name);
    struct dr_path_constant *c = &l->constants[l->n_constants];
    c->name = dr_str_of(name);
    if (found != 1)
        complain(l, n, "constant '%s' needs one value, such as valueString or valueInteger", name);
    else if (!constant_value(value, type, &c->value))
        complain(l, value ? value : n,
                 "constant '%s': the value is not of its type, a primitive type of FHIR", name);
    l->n_constants++;
}

static void load_constants(struct loader *l, const struct dr_node *root)
{
    const struct dr_node *list = list_of(l, root, "constant");
    int64_t n = dr_node_size(list);
    if (n > CONSTANTS_MAX) {
        complain(l, list, "more than %d constants", CONSTANTS_MAX);
        n = CONSTANTS_MAX;
    }
    l->constants = dr_arena_array(l->r.a, (size_t)n + 1, sizeof *l->constants);
    for (int64_t i = 0; i < n; i++)
        load_constant(l, dr_node_at(list, i));
}

/* ---- columns ---- */

static const char *read_sql_type(struct loader *l, const struct dr_node *column)
{
    const struct dr_node *tags = dr_node_get(column, "tag");
    if (!tags)
        tags = dr_node_get(column, "tags");
    if (tags && dr_node_kind(tags) != DR_NODE_LIST)
        complain(l, tags, "'tag' must be a list of {name, value}");
    for (int64_t i = 0; i < dr_node_size(tags); i++)
        if (dr_streq(dr_node_str(dr_node_get(dr_node_at(tags, i), "name"), ""), "ansi/type"))
            return dr_node_str(dr_node_get(dr_node_at(tags, i), "value"), NULL);
    return NULL;
}

static int32_t add_column(struct loader *l, const struct dr_node *at, const struct dr_view_column *c)
{
    struct dr_view *v = l->view;
    if (v->n_columns == DR_VIEW_COLUMNS_MAX) {
        complain(l, at, "more than %d columns", DR_VIEW_COLUMNS_MAX);
        return -1;
    }
    for (int32_t i = 0; i < v->n_columns; i++)
        if (dr_streq(v->columns[i].name, c->name))
            complain(l, at, "column '%s' is there twice", c->name);
    v->columns[v->n_columns] = *c;
    return v->n_columns++;
}

static bool same_type(const struct dr_view_column *a, const struct dr_view_column *b)
{
    bool told = a->declared && b->declared;
    return (!told || dr_streq(a->declared, b->declared)) && a->collection == b->collection;
}

/* In a later branch of a unionAll, the column at place `at` of the first one. */
static int32_t match_column(struct loader *l, const struct dr_node *n, const struct dr_view_column *c,
                            int32_t at, int32_t end)
{
    const struct dr_view_column *first = &l->view->columns[at];
    if (at >= end)
        complain(l, n, "unionAll: column '%s' is not in the first branch", c->name);
    else if (!dr_streq(first->name, c->name))
        complain(l, n, "unionAll: the first branch has column '%s' where this one has '%s'", first->name,
                 c->name);
    else if (!same_type(first, c))
        complain(l, n, "unionAll: column '%s' is %s%s here and %s%s in the first branch", c->name,
                 c->collection ? "a collection of " : "", c->declared ? c->declared : "any",
                 first->collection ? "a collection of " : "", first->declared ? first->declared : "any");
    return at < end ? at : -1;
}

/* *next: the place of the next column; end: -1 where columns are new, else where those of
 * the first branch end. */
static void load_column(struct loader *l, const struct dr_node *n, struct dr_view_field *ret, int32_t *next,
                        int32_t end)
{
    static const char *const known[] = { "name", "path", "type",      "collection",        "description",
                                         "tag",  "tags", "extension", "modifierExtension", "id",
                                         NULL };
    struct dr_view_column c = { 0 };
    ret->column = -1;
    if (!is_map(l, n, "a column"))
        return;
    dr_read_keys(&l->r, n, "a column", known, NULL);
    c.name = required(l, n, "name", "a column");
    c.declared = dr_read_text(&l->r, n, "type", NULL);
    c.description = dr_read_text(&l->r, n, "description", NULL);
    c.collection = dr_read_bool(&l->r, n, "collection", false);
    c.sql_type = read_sql_type(l, n);
    c.type = c.declared ? dr_fhir_type_of(dr_str_of(c.declared)) : 0;
    if (!required(l, n, "path", c.name ? c.name : "a column") || !c.name)
        return;
    check_name(l, dr_node_get(n, "name"), "column", c.name);
    char *what = dr_arena_printf(l->r.a, "column '%s'", c.name);
    ret->path = compile(l, dr_node_get(n, "path"), what, c.type);
    if (ret->path && !c.declared)
        c.type = dr_path_type(ret->path);
    ret->column = end < 0 ? add_column(l, n, &c) : match_column(l, n, &c, *next, end);
    (*next)++;
}

/* ---- selects ---- */

static void load_select(struct loader *l, const struct dr_node *n, struct dr_view_select *ret, int32_t *next,
                        int32_t end);

static void load_selects(struct loader *l, const struct dr_node *list, const struct dr_view_select **ret,
                         int32_t *ret_n, int32_t *next, int32_t end)
{
    int64_t n = dr_node_size(list);
    struct dr_view_select *s = dr_arena_array(l->r.a, (size_t)n, sizeof *s);
    for (int64_t i = 0; i < n; i++)
        load_select(l, dr_node_at(list, i), &s[i], next, end);
    *ret = s;
    *ret_n = (int32_t)n;
}

/* The first branch makes the columns, unless it is itself in a later branch. */
static void load_union(struct loader *l, const struct dr_node *list, struct dr_view_select *s, int32_t *next,
                       int32_t end)
{
    int64_t n = dr_node_size(list);
    struct dr_view_select *u = dr_arena_array(l->r.a, (size_t)n, sizeof *u);
    int32_t first = *next, limit = end;
    for (int64_t i = 0; i < n; i++) {
        int32_t at = first;
        load_select(l, dr_node_at(list, i), &u[i], &at, limit);
        if (i == 0) {
            *next = at;
            limit = at;
        } else if (at < limit) {
            complain(l, dr_node_at(list, i), "unionAll: this branch has %d columns and the first has %d",
                     at - first, limit - first);
        }
    }
    s->unions = u;
    s->n_unions = (int32_t)n;
}

static void load_each(struct loader *l, const struct dr_node *n, struct dr_view_select *s)
{
    static const struct {
        const char *key;
        enum dr_view_each each;
    } ways[] = { { "forEach", DR_EACH_FOR },
                 { "forEachOrNull", DR_EACH_OR_NULL },
                 { "repeat", DR_EACH_REPEAT } };
    int found = 0;
    for (int i = 0; i < 3; i++) {
        const struct dr_node *v = dr_node_get(n, ways[i].key);
        if (!v)
            continue;
        bool many = dr_node_kind(v) == DR_NODE_LIST && ways[i].each == DR_EACH_REPEAT;
        int64_t count = many ? dr_node_size(v) : 1;
        const struct dr_path **paths = dr_arena_array(l->r.a, (size_t)count, sizeof *paths);
        for (int64_t k = 0; k < count; k++)
            paths[k] = compile(l, many ? dr_node_at(v, k) : v, ways[i].key, 0);
        if (!count)
            complain(l, v, "repeat needs at least one path");
        if (found++)
            complain(l, v, "a select has one of forEach, forEachOrNull and repeat, not several");
        s->each = ways[i].each;
        s->paths = paths;
        s->n_paths = (int32_t)count;
    }
}

static void load_select(struct loader *l, const struct dr_node *n, struct dr_view_select *ret, int32_t *next,
                        int32_t end)
{
    static const char *const known[] = {
        "column", "select",      "forEach",   "forEachOrNull",     "repeat", "unionAll",
        "id",     "description", "extension", "modifierExtension", NULL
    };
    if (!is_map(l, n, "a select"))
        return;
    if (++l->n_selects == SELECTS_MAX)
        complain(l, n, "more than %d selects", SELECTS_MAX);
    if (l->depth++ >= DEPTH_MAX) {
        complain(l, n, "selects are nested more than %d deep", DEPTH_MAX);
    } else {
        dr_read_keys(&l->r, n, "a select", known, NULL);
        load_each(l, n, ret);
        const struct dr_node *columns = list_of(l, n, "column"), *selects = list_of(l, n, "select"),
                             *unions = list_of(l, n, "unionAll");
        struct dr_view_field *fields = dr_arena_array(l->r.a, (size_t)dr_node_size(columns), sizeof *fields);
        ret->first = *next;
        for (int64_t i = 0; i < dr_node_size(columns); i++)
            load_column(l, dr_node_at(columns, i), &fields[i], next, end);
        ret->fields = fields;
        ret->n_fields = (int32_t)dr_node_size(columns);
        load_selects(l, selects, &ret->selects, &ret->n_selects, next, end);
        load_union(l, unions, ret, next, end);
        ret->n_columns = *next - ret->first;
        if (!dr_node_size(columns) && !dr_node_size(selects) && !dr_node_size(unions))
            complain(l, n, "a select needs at least one of column, select and unionAll");
    }
    l->depth--;
}

/* ---- the view ---- */

static void load_where(struct loader *l, const struct dr_node *root)
{
    const struct dr_node *list = list_of(l, root, "where");
    int64_t n = dr_node_size(list);
    const struct dr_path **paths = dr_arena_array(l->r.a, (size_t)n, sizeof *paths);
    for (int64_t i = 0; i < n; i++) {
        const struct dr_node *w = dr_node_at(list, i);
        if (!is_map(l, w, "a where") || !required(l, w, "path", "a where"))
            continue;
        paths[i] = compile(l, dr_node_get(w, "path"), "where", DR_FHIR_BOOLEAN);
        uint8_t type = paths[i] ? dr_path_type(paths[i]) : 0;
        if (type && type != DR_FHIR_BOOLEAN)
            complain(l, dr_node_get(w, "path"),
                     "where: a condition is true or false, and this path gives a %s",
                     dr_fhir_type_name(type));
    }
    l->view->where = paths;
    l->view->n_where = (int32_t)n;
}

static void load_root(struct loader *l, const struct dr_node *root)
{
    static const char *const known[] = { "resourceType",
                                         "id",
                                         "meta",
                                         "implicitRules",
                                         "language",
                                         "text",
                                         "contained",
                                         "extension",
                                         "modifierExtension",
                                         "url",
                                         "identifier",
                                         "version",
                                         "versionAlgorithmString",
                                         "name",
                                         "title",
                                         "status",
                                         "experimental",
                                         "date",
                                         "publisher",
                                         "contact",
                                         "description",
                                         "useContext",
                                         "jurisdiction",
                                         "purpose",
                                         "copyright",
                                         "copyrightLabel",
                                         "resource",
                                         "profile",
                                         "fhirVersion",
                                         "constant",
                                         "select",
                                         "where",
                                         "approvalDate",
                                         "lastReviewDate",
                                         "effectivePeriod",
                                         "topic",
                                         "author",
                                         "editor",
                                         "reviewer",
                                         "endorser",
                                         "relatedArtifact",
                                         "subjectCodeableConcept",
                                         "subjectReference",
                                         "resourceProfile",
                                         NULL };
    struct dr_view *v = l->view;
    int32_t next = 0;
    dr_read_keys(&l->r, root, "a ViewDefinition", known, NULL);
    if (v->name[0])
        check_name(l, dr_node_get(root, "name"), "view", v->name);
    v->resource = required(l, root, "resource", "a view");
    v->description = dr_read_text(&l->r, root, "description", NULL);
    load_constants(l, root);
    load_where(l, root);
    const struct dr_node *selects = list_of(l, root, "select");
    if (!dr_node_size(selects))
        complain(l, selects ? selects : root, "a view needs at least one select");
    load_selects(l, selects, &v->root.selects, &v->root.n_selects, &next, -1);
    v->root.n_columns = v->n_columns;
}

static void hash_view(struct dr_view *v, const struct dr_node *root)
{
    DR_AUTO_BUF text = { 0 };
    dr_json_put_node(&text, root, 0);
    dr_hash_hex(dr_buf_cstr(&text), text.n, v->hash);
}

struct dr_view *dr_view_from_node(struct dr_arena *a, const struct dr_node *root, const char *path,
                                  struct dr_diags *d)
{
    struct loader l = { .r = { a, d }, .view = DR_NEW(a, struct dr_view) };
    int32_t errors = d->errors;
    l.view->path = path;
    l.view->name = dr_node_str(dr_node_get(root, "name"), "");
    l.view->columns = dr_arena_array(a, DR_VIEW_COLUMNS_MAX, sizeof *l.view->columns);
    if (is_map(&l, root, "a ViewDefinition"))
        load_root(&l, root);
    hash_view(l.view, root);
    return d->errors == errors ? l.view : NULL;
}

/* "views/patient.yaml" to "patient". */
static char *name_of_file(struct dr_arena *a, const char *path)
{
    const char *base = dr_path_base(path), *dot = strchr(base, '.');
    return dr_arena_dup(a, base, dot ? (size_t)(dot - base) : strlen(base));
}

struct dr_view *dr_view_load(struct dr_arena *a, const char *path, const char *shown_as, struct dr_diags *d)
{
    int32_t errors = d->errors;
    struct dr_node *root = dr_yaml_load(a, path, shown_as, d); /* JSON is YAML too */
    if (!root || d->errors > errors)
        return NULL;
    struct dr_view *v = dr_view_from_node(a, root, dr_arena_strdup(a, shown_as), d);
    if (v && !v->name[0]) {
        v->name = name_of_file(a, path);
        if (!is_sql_name(v->name))
            dr_diag_add(d, DR_DIAG_ERROR, root->mark, "give the view a name", "'%s' cannot name a table",
                        v->name);
    }
    return d->errors == errors ? v : NULL;
}
