/* run.c - rows of a view.
 *
 * A select's parts (its selects, its unionAll) are crossed by nested loops: each row of one part
 * goes on to the next part, and from the last to whoever wants the rows, through a
 * continuation that lives in the caller's frame. A row's cells are kept as ranges of the
 * stack, which is cut back when the loop that pushed them goes on. */
#include "view/run.h"
#include "base/json.h"
#include "view/number.h"

#define REPEAT_MAX 200 /* levels */

struct range {
    uint32_t from, n;
};
struct dr_view_runner {
    struct dr_path_stack *stack;
    struct range *ranges;       /* of each column */
    struct dr_view_cell *cells; /* of the row handed on */
    struct dr_buf json;
    int32_t cap;
};
/* One run. */
struct run {
    struct dr_view_runner *r;
    const struct dr_view *v;
    struct dr_path_scope scope;
    int64_t rows;
    dr_view_row_fn row;
    void *ctx;
    struct dr_err *err;
};
/* What is to be done with each row of a select. */
struct then {
    int32_t (*fn)(struct run *u, const struct then *t);
    const struct then *next;
    const struct dr_view_select *select;
    struct dr_item focus;
    int64_t row_index;
    int32_t part; /* of the select that comes next */
};

struct dr_view_runner *dr_view_runner_new(void)
{
    struct dr_view_runner *r = dr_calloc(1, sizeof *r);
    r->stack = dr_path_stack_new();
    return r;
}

void dr_view_runner_free(struct dr_view_runner *r)
{
    if (!r)
        return;
    dr_path_stack_free(r->stack);
    dr_buf_done(&r->json);
    free(r->ranges);
    free(r->cells);
    free(r);
}

/* ---- cells ---- */

/* The items of a collection as a JSON array, or one item as JSON. */
static struct dr_str json_of(struct run *u, const struct dr_item *items, size_t n, bool list)
{
    struct dr_view_runner *r = u->r;
    dr_buf_clear(&r->json);
    if (list)
        (void)dr_buf_putc(&r->json, '[');
    for (size_t i = 0; i < n; i++) {
        struct dr_item item = items[i];
        struct dr_scalar s = dr_item_scalar(item);
        struct dr_str source = item.kind == DR_ITEM_NODE ? dr_json_source(item.node) : s.text;
        if (i)
            (void)dr_buf_putc(&r->json, ',');
        if (item.kind == DR_ITEM_TEXT) {
            struct dr_json j = { .out = &r->json };
            dr_json_str(&j, s.text);
        } else if (item.kind == DR_ITEM_BOOL) {
            (void)dr_buf_puts(&r->json, s.truth ? "true" : "false");
        } else {
            (void)dr_buf_append(&r->json, source.p, source.n);
        }
    }
    if (list)
        (void)dr_buf_putc(&r->json, ']');
    char *copy = dr_path_stack_room(r->stack, r->json.n);
    memcpy(copy, r->json.p, r->json.n);
    return (struct dr_str){ copy, r->json.n };
}

static const char *scalar_name(const struct dr_scalar *s)
{
    static const char *const names[] = { "true or false", "a number", "a text", "an object" };
    return names[s->kind];
}

/* Whether a value may stand in a column of that type. Without one any primitive may. */
static bool fits(const struct dr_view_column *c, const struct dr_scalar *s)
{
    struct dr_number n;
    switch (dr_fhir_type_class(c->type)) {
    case DR_CLASS_BOOL:
        return s->kind == DR_SCALAR_BOOL;
    case DR_CLASS_NUMBER:
        if (c->type == DR_FHIR_INTEGER64 && s->kind == DR_SCALAR_TEXT)
            return dr_number_parse(s->text, &n) && n.scale == 0;
        return s->kind == DR_SCALAR_NUMBER &&
               (c->type == DR_FHIR_DECIMAL || (dr_number_parse(s->text, &n) && dr_number_is_integer(n)));
    case DR_CLASS_TEXT:
        return s->kind == DR_SCALAR_TEXT;
    case DR_CLASS_OBJECT:
        return s->kind == DR_SCALAR_OBJECT;
    case DR_CLASS_NONE: /* a resource's or a backbone element's type, or none told */
        break;
    }
    return c->declared || s->kind != DR_SCALAR_OBJECT;
}

static int32_t wrong_type(struct run *u, const struct dr_view_column *c, const struct dr_scalar *s)
{
    if (!c->declared)
        return dr_fail(u->err, DR_EINPUT,
                       "view '%s', column '%s': the path gives %s; go on to a part of it, or declare a type",
                       u->v->name, c->name, scalar_name(s));
    bool shown = s->kind == DR_SCALAR_NUMBER || s->kind == DR_SCALAR_TEXT;
    return dr_fail(u->err, DR_EINPUT, "view '%s', column '%s': declared as %s, and the path gives %s%s%.*s%s",
                   u->v->name, c->name, c->declared, scalar_name(s), shown ? " '" : "",
                   (int)(!shown           ? 0
                         : s->text.n < 60 ? s->text.n
                                          : 60),
                   shown ? s->text.p : "", shown ? "'" : "");
}

static int32_t check_range(struct run *u, const struct dr_view_column *c, size_t from)
{
    size_t n = dr_path_stack_size(u->r->stack) - from;
    if (n > 1 && !c->collection)
        return dr_fail(u->err, DR_EINPUT,
                       "view '%s', column '%s': the path gives %zu values; take first(), use forEach, or say "
                       "collection: true",
                       u->v->name, c->name, n);
    for (size_t i = 0; i < n; i++) {
        struct dr_scalar s = dr_item_scalar(*dr_path_stack_at(u->r->stack, from + i));
        if (!fits(c, &s))
            return wrong_type(u, c, &s);
    }
    return DR_OK;
}

static struct dr_view_cell cell_of(struct run *u, const struct dr_view_column *c, struct range range)
{
    const struct dr_item *items = range.n ? dr_path_stack_at(u->r->stack, range.from) : NULL;
    if (c->collection)
        return (struct dr_view_cell){ .kind = DR_VIEW_JSON, .text = json_of(u, items, range.n, true) };
    if (!range.n)
        return (struct dr_view_cell){ .kind = DR_VIEW_NULL };
    struct dr_scalar s = dr_item_scalar(items[0]);
    switch (s.kind) {
    case DR_SCALAR_BOOL:
        return (struct dr_view_cell){ .kind = DR_VIEW_BOOL, .truth = s.truth };
    case DR_SCALAR_NUMBER:
        return (struct dr_view_cell){ .kind = DR_VIEW_NUMBER, .text = s.text };
    case DR_SCALAR_TEXT:
        return (struct dr_view_cell){ .kind = DR_VIEW_TEXT, .text = s.text };
    case DR_SCALAR_OBJECT:
        break;
    }
    return (struct dr_view_cell){ .kind = DR_VIEW_JSON, .text = json_of(u, items, 1, false) };
}

/* The last "then": the row is whole. */
static int32_t emit(struct run *u, const struct then *t)
{
    (void)t;
    if (++u->rows > DR_VIEW_ROWS_MAX)
        return dr_fail(u->err, DR_ELIMIT,
                       "view '%s': more than %d rows from one resource; are lists crossed?", u->v->name,
                       DR_VIEW_ROWS_MAX);
    for (int32_t i = 0; i < u->v->n_columns; i++)
        u->r->cells[i] = cell_of(u, &u->v->columns[i], u->r->ranges[i]);
    return u->row(u->ctx, u->v, u->r->cells, u->err);
}

/* ---- selects ---- */

static int32_t run_select(struct run *u, const struct dr_view_select *s, struct dr_item focus,
                          int64_t row_index, const struct then *then);

static int32_t eval(struct run *u, const struct dr_path *p, struct dr_item focus, int64_t row_index)
{
    u->scope.row_index = row_index;
    return dr_path_eval(u->r->stack, p, focus, &u->scope, u->err);
}

static int32_t fill_fields(struct run *u, const struct dr_view_select *s, struct dr_item focus,
                           int64_t row_index)
{
    for (int32_t i = 0; i < s->n_fields; i++) {
        const struct dr_view_column *c = &u->v->columns[s->fields[i].column];
        size_t from = dr_path_stack_size(u->r->stack);
        if (eval(u, s->fields[i].path, focus, row_index))
            return dr_err_prefix(u->err, "view '%s', column '%s'", u->v->name, c->name);
        DR_TRY(check_range(u, c, from));
        u->r->ranges[s->fields[i].column] =
            (struct range){ (uint32_t)from, (uint32_t)(dr_path_stack_size(u->r->stack) - from) };
    }
    return DR_OK;
}

/* The parts of a select from t->part on; a select with several parts crosses them. */
static int32_t run_parts(struct run *u, const struct then *t)
{
    const struct dr_view_select *s = t->select;
    struct then rest = *t;
    rest.part++;
    if (t->part < s->n_selects)
        return run_select(u, &s->selects[t->part], t->focus, t->row_index, &rest);
    if (t->part == s->n_selects && s->n_unions) {
        for (int32_t i = 0; i < s->n_unions; i++)
            DR_TRY(run_select(u, &s->unions[i], t->focus, t->row_index, &rest));
        return DR_OK;
    }
    return t->next->fn(u, t->next);
}

/* One element that a select goes over. */
static int32_t run_element(struct run *u, const struct dr_view_select *s, struct dr_item focus,
                           int64_t row_index, const struct then *then)
{
    size_t size = dr_path_stack_size(u->r->stack);
    struct then parts = {
        .fn = run_parts, .next = then, .select = s, .focus = focus, .row_index = row_index
    };
    DR_TRY(fill_fields(u, s, focus, row_index));
    DR_TRY(run_parts(u, &parts));
    dr_path_stack_cut(u->r->stack, size);
    return DR_OK;
}

/* forEachOrNull over nothing: one row without values, whose own %rowIndex is 0. */
static int32_t run_null(struct run *u, const struct dr_view_select *s, const struct then *then)
{
    size_t size = dr_path_stack_size(u->r->stack);
    for (int32_t i = 0; i < s->n_columns; i++)
        u->r->ranges[s->first + i].n = 0;
    for (int32_t i = 0; i < s->n_fields; i++)
        if (dr_path_is_row_index(s->fields[i].path)) {
            u->r->ranges[s->fields[i].column] =
                (struct range){ (uint32_t)dr_path_stack_size(u->r->stack), 1 };
            DR_TRY(eval(u, s->fields[i].path, dr_item_node(u->scope.resource), 0));
        }
    DR_TRY(then->fn(u, then));
    dr_path_stack_cut(u->r->stack, size);
    return DR_OK;
}

static int32_t prefix_each(struct run *u, const char *what)
{
    return dr_err_prefix(u->err, "view '%s', %s", u->v->name, what);
}

static int32_t run_for(struct run *u, const struct dr_view_select *s, struct dr_item focus, int64_t row_index,
                       const struct then *then)
{
    size_t from = dr_path_stack_size(u->r->stack);
    if (eval(u, s->paths[0], focus, row_index))
        return prefix_each(u, s->each == DR_EACH_FOR ? "forEach" : "forEachOrNull");
    size_t n = dr_path_stack_size(u->r->stack) - from;
    for (size_t i = 0; i < n; i++)
        DR_TRY(run_element(u, s, *dr_path_stack_at(u->r->stack, from + i), (int64_t)i, then));
    if (!n && s->each == DR_EACH_OR_NULL)
        DR_TRY(run_null(u, s, then));
    dr_path_stack_cut(u->r->stack, from);
    return DR_OK;
}

/* Everything that the paths lead to from focus, and from there, each before what is below it. */
static int32_t run_repeat(struct run *u, const struct dr_view_select *s, struct dr_item focus,
                          int64_t *row_index, const struct then *then, int depth)
{
    if (depth > REPEAT_MAX)
        return dr_fail(
            u->err, DR_ELIMIT,
            "view '%s', repeat: more than %d levels; does a path of it lead back to where it began?",
            u->v->name, REPEAT_MAX);
    for (int32_t p = 0; p < s->n_paths; p++) {
        size_t from = dr_path_stack_size(u->r->stack);
        if (eval(u, s->paths[p], focus, *row_index))
            return prefix_each(u, "repeat");
        size_t n = dr_path_stack_size(u->r->stack) - from;
        for (size_t i = 0; i < n; i++) {
            struct dr_item item = *dr_path_stack_at(u->r->stack, from + i);
            DR_TRY(run_element(u, s, item, (*row_index)++, then));
            DR_TRY(run_repeat(u, s, item, row_index, then, depth + 1));
        }
        dr_path_stack_cut(u->r->stack, from);
    }
    return DR_OK;
}

static int32_t run_select(struct run *u, const struct dr_view_select *s, struct dr_item focus,
                          int64_t row_index, const struct then *then)
{
    int64_t index = 0;
    switch (s->each) {
    case DR_EACH_FOCUS:
        return run_element(u, s, focus, row_index, then);
    case DR_EACH_FOR:
    case DR_EACH_OR_NULL:
        return run_for(u, s, focus, row_index, then);
    case DR_EACH_REPEAT:
        break;
    }
    return run_repeat(u, s, focus, &index, then, 0);
}

/* ---- a resource ---- */

/* Every condition must be true; nothing counts as false. */
static int32_t wanted(struct run *u, struct dr_item focus, bool *ret)
{
    *ret = true;
    for (int32_t i = 0; *ret && i < u->v->n_where; i++) {
        if (eval(u, u->v->where[i], focus, 0))
            return prefix_each(u, "where");
        size_t n = dr_path_stack_size(u->r->stack);
        struct dr_scalar s = { 0 };
        if (n)
            s = dr_item_scalar(*dr_path_stack_at(u->r->stack, 0));
        struct dr_str path = dr_path_text(u->v->where[i]);
        if (n > 1 || (n && s.kind != DR_SCALAR_BOOL))
            return dr_fail(u->err, DR_EINPUT,
                           "view '%s', where '%.*s': a condition is true or false, and this gives %s",
                           u->v->name, (int)(path.n < 120 ? path.n : 120), path.p,
                           n > 1 ? "several values" : scalar_name(&s));
        *ret = n && s.truth;
        dr_path_stack_cut(u->r->stack, 0);
    }
    return DR_OK;
}

static void make_room(struct dr_view_runner *r, int32_t n_columns)
{
    dr_path_stack_clear(r->stack);
    if (n_columns <= r->cap)
        return;
    r->cap = n_columns;
    r->ranges = dr_realloc(r->ranges, (size_t)n_columns * sizeof *r->ranges);
    r->cells = dr_realloc(r->cells, (size_t)n_columns * sizeof *r->cells);
}

int32_t dr_view_run(struct dr_view_runner *r, const struct dr_view *v, struct dr_json_value resource,
                    struct dr_str key, const struct dr_bundle *bundle, dr_view_row_fn row, void *ctx,
                    struct dr_err *err)
{
    struct run u = {
        .r = r, .v = v, .scope = { resource, key, bundle, 0 }, .row = row, .ctx = ctx, .err = err
    };
    struct dr_item focus = dr_item_node(resource);
    struct then last = { .fn = emit };
    struct dr_json_value type = dr_json_get(resource, "resourceType", 12);
    bool take;
    if (!dr_str_eq(dr_json_text(type), dr_str_of(v->resource)))
        return DR_OK;
    make_room(r, v->n_columns);
    DR_TRY(wanted(&u, focus, &take));
    return take ? run_element(&u, &v->root, focus, 0, &last) : DR_OK;
}
