/* plan.c - options to a plan: paths become a tree of places. */
#include "json/plan.h"
#include "base/num.h"
#include "data/column.h"

void dr_json_options_copy(const struct dr_json_options *opts, struct dr_json_options *ret)
{
    memset(ret, 0, sizeof *ret);
    if (opts)
        memcpy(ret, opts, opts->size < sizeof *ret ? opts->size : sizeof *ret);
    ret->size = sizeof *ret;
    if (ret->max_record <= 0)
        ret->max_record = DR_JSON_MAX_RECORD;
    if (ret->max_record > DR_JSON_RECORD_LIMIT)
        ret->max_record = DR_JSON_RECORD_LIMIT;
    if (ret->infer_bytes <= 0)
        ret->infer_bytes = DR_JSON_INFER;
}

/* ---- places ---------------------------------------------------------------------------- */

struct dr_json_node *dr_json_node_new(struct dr_json_plan *p)
{
    struct dr_json_node *n = DR_NEW(&p->arena, struct dr_json_node);
    n->column = n->child = -1;
    return n;
}

/* Room for one more at the end of a list whose length was n. */
static struct dr_json_node **grown(struct dr_json_plan *p, struct dr_json_node **list, int32_t n)
{
    if (n & (n - 1)) /* it has room up to the next power of two */
        return list;
    struct dr_json_node **copy = dr_arena_array(&p->arena, n ? (size_t)n * 2 : 1, sizeof *copy);
    if (n > 0)
        memcpy(copy, list, (size_t)n * sizeof *copy);
    return copy;
}

int32_t dr_json_node_find(const struct dr_json_node *n, struct dr_str key, int32_t guess)
{
    if (n->n_members > DR_JSON_FEW_MEMBERS) {
        const int64_t *number = dr_map_get(&n->numbers, key);
        return number ? (int32_t)*number : -1;
    }
    for (int32_t i = 0; i < n->n_members; i++) {
        int32_t at = guess + i < n->n_members ? guess + i : guess + i - n->n_members;
        if (dr_str_eq(n->members[at]->key, key))
            return at;
    }
    return -1;
}

/* One more member has come. */
static void number_members(struct dr_json_node *n)
{
    int32_t from = n->n_members == DR_JSON_FEW_MEMBERS + 1 ? 0 : n->n_members - 1;
    for (int32_t i = from; i < n->n_members && n->n_members > DR_JSON_FEW_MEMBERS; i++)
        *dr_map_put(&n->numbers, n->members[i]->key, NULL) = i;
}

struct dr_json_node *dr_json_node_member(struct dr_json_plan *p, struct dr_json_node *n, struct dr_str key)
{
    int32_t known = dr_json_node_find(n, key, 0);
    if (known >= 0)
        return n->members[known];
    struct dr_json_node *m = dr_json_node_new(p);
    m->key = (struct dr_str){ dr_arena_dup(&p->arena, key.p, key.n), key.n };
    char *quoted = dr_arena_alloc(&p->arena, key.n + 2 + 16);
    quoted[0] = quoted[key.n + 1] = '"';
    if (key.n > 0)
        memcpy(quoted + 1, key.p, key.n);
    m->quoted = (struct dr_str){ quoted, key.n + 2 };
    n->members = grown(p, n->members, n->n_members);
    n->members[n->n_members++] = m;
    number_members(n);
    return m;
}

static void drop_numbers(struct dr_json_node *n)
{
    for (int32_t i = 0; i < n->n_members; i++)
        drop_numbers(n->members[i]);
    for (int32_t i = 0; i < n->n_items; i++)
        drop_numbers(n->items[i]);
    dr_map_done(&n->numbers);
}

struct dr_json_node *dr_json_node_item(const struct dr_json_node *n, int64_t index)
{
    for (int32_t i = 0; i < n->n_items; i++)
        if (n->items[i]->index == index)
            return n->items[i];
    return NULL;
}

static struct dr_json_node *node_item(struct dr_json_plan *p, struct dr_json_node *n, int64_t index)
{
    struct dr_json_node *there = dr_json_node_item(n, index);
    if (there)
        return there;
    struct dr_json_node *m = dr_json_node_new(p);
    m->index = index;
    n->items = grown(p, n->items, n->n_items);
    n->items[n->n_items++] = m;
    return m;
}

/* ---- paths -------------------------------------------------------------------------------- */

/* The "..." at the front of *rest, which moves past its closing bracket. */
static bool take_quoted(struct dr_json_plan *p, struct dr_str *rest, struct dr_json_node **n)
{
    const char *end = rest->n > 1 ? memchr(rest->p + 1, '"', rest->n - 1) : NULL;
    if (!end || end + 1 == rest->p + rest->n || end[1] != ']')
        return false;
    *n = dr_json_node_member(p, *n, (struct dr_str){ rest->p + 1, (size_t)(end - rest->p) - 1 });
    rest->n -= (size_t)(end + 2 - rest->p);
    rest->p = end + 2;
    return true;
}

static bool take_index(struct dr_json_plan *p, struct dr_str *rest, struct dr_json_node **n)
{
    const char *end = memchr(rest->p, ']', rest->n);
    uint64_t index;
    if (!end || !dr_parse_u64((struct dr_str){ rest->p, (size_t)(end - rest->p) }, &index) ||
        index > INT32_MAX)
        return false;
    *n = node_item(p, *n, (int64_t)index);
    rest->n -= (size_t)(end + 1 - rest->p);
    rest->p = end + 1;
    return true;
}

static bool take_bracket(struct dr_json_plan *p, struct dr_str *rest, struct dr_json_node **n)
{
    rest->p++;
    rest->n--;
    return rest->n > 0 && *rest->p == '"' ? take_quoted(p, rest, n) : take_index(p, rest, n);
}

static bool take_name(struct dr_json_plan *p, struct dr_str *rest, struct dr_json_node **n)
{
    size_t len = 0;
    while (len < rest->n && rest->p[len] != '.' && rest->p[len] != '[')
        len++;
    if (len == 0)
        return false;
    *n = dr_json_node_member(p, *n, (struct dr_str){ rest->p, len });
    rest->p += len;
    rest->n -= len;
    return true;
}

/* The place that a path leads to, made where it is not there. */
static int32_t find_place(struct dr_json_plan *p, struct dr_json_node *from, const char *path,
                          struct dr_json_node **ret, struct dr_err *err)
{
    struct dr_str rest = dr_str_of(path);
    bool fine = true, first = true;
    while (fine && rest.n > 0) {
        if (*rest.p == '[') {
            fine = take_bracket(p, &rest, &from);
        } else {
            fine = first || *rest.p == '.';
            rest.p += !first;
            rest.n -= !first;
            fine = fine && take_name(p, &rest, &from);
        }
        first = false;
    }
    if (!fine)
        return dr_fail(err, DR_EDEF,
                       "'%s' is not a path: names joined by '.', [0] for an item of an array, "
                       "[\"a.b\"] for a name with a '.' in it",
                       path);
    *ret = from;
    return DR_OK;
}

/* ---- tables ---------------------------------------------------------------------------------- */

int32_t dr_json_plan_add(struct dr_json_plan *p, struct dr_json_table_plan *t, const char *name,
                         const char *path)
{
    bool is_new;
    struct dr_str copied = { dr_arena_strdup(&p->arena, name), strlen(name) };
    dr_map_put(&t->names, copied, &is_new);
    if (!is_new)
        return -1;
    if (!(t->n & (t->n - 1))) {
        struct dr_json_field *copy = dr_arena_array(&p->arena, t->n ? (size_t)t->n * 2 : 1, sizeof *copy);
        if (t->n > 0)
            memcpy(copy, t->fields, (size_t)t->n * sizeof *copy);
        t->fields = copy;
    }
    t->fields[t->n] = (struct dr_json_field){ .name = copied.p,
                                              .path = dr_arena_strdup(&p->arena, path),
                                              .type = DR_JSON_UNDECIDED,
                                              .reason = "declared" };
    return t->n++;
}

static int32_t add_declared(struct dr_json_plan *p, struct dr_json_table_plan *t,
                            const struct dr_json_column *c, struct dr_err *err)
{
    const char *path = c->path ? c->path : c->name, *name = c->name ? c->name : c->path;
    struct dr_json_node *place;
    if (!name)
        return dr_fail(err, DR_EDEF, "a column has neither a name nor a path");
    DR_TRY(find_place(p, t->root, path, &place, err));
    if (c->type < DR_JSON_UNDECIDED || c->type == DR_TYPE_NULL || c->type > DR_TYPE_DICT)
        return dr_fail(err, DR_EDEF, "column '%s': there is no type %d", name, (int)c->type);
    if (c->type == DR_TYPE_DECIMAL && (c->scale < 0 || c->scale > 38))
        return dr_fail(err, DR_EDEF, "column '%s': a decimal has 0 to 38 digits after the point", name);
    if (place->column >= 0)
        return dr_fail(err, DR_EDEF, "columns '%s' and '%s' have the same path", name,
                       t->fields[place->column].name);
    place->column = dr_json_plan_add(p, t, name, path);
    if (place->column < 0)
        return dr_fail(err, DR_EDEF, "column '%s' is declared twice", name);
    struct dr_json_field *f = &t->fields[place->column];
    f->type = c->type;
    f->scale = c->type == DR_TYPE_DECIMAL ? c->scale : 0;
    f->found = c->type == DR_JSON_UNDECIDED;
    p->undecided |= f->found;
    return DR_OK;
}

static int32_t add_columns(struct dr_json_plan *p, struct dr_json_table_plan *t,
                           const struct dr_json_column *columns, int32_t n, struct dr_err *err)
{
    t->root = dr_json_node_new(p);
    t->found = n == 0;
    p->undecided |= n == 0;
    for (int32_t i = 0; i < n; i++)
        DR_TRY(add_declared(p, t, &columns[i], err));
    return DR_OK;
}

static int32_t add_child(struct dr_json_plan *p, int32_t number, const struct dr_json_child *c,
                         struct dr_err *err)
{
    struct dr_json_table_plan *t = &p->tables[number];
    struct dr_json_node *place;
    if (!c->path || !c->path[0])
        return dr_fail(err, DR_EDEF, "a child table has no path");
    DR_TRY(find_place(p, p->tables[0].root, c->path, &place, err));
    if (place->child >= 0)
        return dr_fail(err, DR_EDEF, "two child tables have the path '%s'", c->path);
    place->child = number;
    t->path = dr_arena_strdup(&p->arena, c->path);
    t->name = dr_arena_strdup(&p->arena, c->name ? c->name : c->path);
    t->position = dr_arena_strdup(&p->arena, c->position ? c->position : "position");
    const char **keys = dr_arena_array(&p->arena, (size_t)c->n_keys + 1, sizeof *keys);
    for (int32_t i = 0; i < c->n_keys; i++)
        keys[i] = dr_arena_strdup(&p->arena, c->keys[i]);
    t->keys = keys;
    t->n_keys = c->n_keys;
    int32_t rc = add_columns(p, t, c->columns, c->n_columns, err);
    return rc ? dr_err_prefix(err, "child table %s", t->name) : DR_OK;
}

/* ---- places within each other ---------------------------------------------------------------------- */

/* What takes the value of a node as a whole: a column, or a child table its items. */
static const char *taker(const struct dr_json_plan *p, const struct dr_json_table_plan *t,
                         const struct dr_json_node *n, const char **ret_what)
{
    *ret_what = n->column >= 0 ? "column" : "child table";
    return n->column >= 0 ? t->fields[n->column].name : n->child > 0 ? p->tables[n->child].name : NULL;
}

/* Each value is read once, so what lies within one that is taken as a whole would be missing everywhere. */
static int32_t check_places(const struct dr_json_plan *p, const struct dr_json_table_plan *t,
                            const struct dr_json_node *n, const struct dr_json_node *around,
                            struct dr_err *err)
{
    const char *what, *outer, *name = taker(p, t, n, &what);
    bool both = n->column >= 0 && n->child > 0;
    if (name && (around || both)) {
        const char *inner = both ? p->tables[n->child].name : name, *inner_what = both ? "child table" : what;
        outer = taker(p, t, around ? around : n, &what);
        return dr_fail(err, DR_EDEF,
                       "%s '%s' lies within what %s '%s' takes as a whole; leave one of them out, and "
                       "take it from the other by SQL",
                       inner_what, inner, what, outer);
    }
    around = name ? n : around;
    for (int32_t i = 0; i < n->n_members; i++)
        DR_TRY(check_places(p, t, n->members[i], around, err));
    for (int32_t i = 0; i < n->n_items; i++)
        DR_TRY(check_places(p, t, n->items[i], around, err));
    return DR_OK;
}

/* "a.b" to the names "a", "b". */
static void split_records(struct dr_json_plan *p, const char *path)
{
    struct dr_str rest = dr_str_of(path ? path : ""), name;
    size_t n = 0;
    p->records = dr_arena_array(&p->arena, rest.n + 2, sizeof *p->records);
    while (rest.n > 0 && dr_str_split(&rest, '.', &name))
        p->records[n++] = dr_arena_dup(&p->arena, name.p, name.n);
}

static int32_t init(struct dr_json_plan *p, const struct dr_json_options *opts, struct dr_err *err)
{
    p->n = 1 + opts->n_children;
    p->any_child = opts->n_children > 0;
    p->tables = dr_arena_array(&p->arena, (size_t)p->n, sizeof *p->tables);
    p->tables[0].name = p->tables[0].path = "";
    split_records(p, opts->records);
    DR_TRY(add_columns(p, &p->tables[0], opts->columns, opts->n_columns, err));
    for (int32_t i = 0; i < opts->n_children; i++)
        DR_TRY(add_child(p, i + 1, &opts->children[i], err));
    for (int32_t i = 0; i < p->n; i++)
        DR_TRY(check_places(p, &p->tables[i], p->tables[i].root, NULL, err));
    return DR_OK;
}

int32_t dr_json_plan_init(struct dr_json_plan *p, const struct dr_json_options *opts, struct dr_err *err)
{
    *p = (struct dr_json_plan){ 0 };
    int32_t rc = init(p, opts, err);
    if (rc)
        dr_json_plan_done(p);
    return rc;
}

void dr_json_plan_done(struct dr_json_plan *p)
{
    for (int32_t i = 0; i < p->n && p->tables; i++) {
        if (p->tables[i].root)
            drop_numbers(p->tables[i].root);
        dr_map_done(&p->tables[i].names);
    }
    dr_arena_done(&p->arena);
    *p = (struct dr_json_plan){ 0 };
}
