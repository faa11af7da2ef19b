/* path_eval.c - the stack, navigation, and what every evaluation goes through.
 *
 * A node pushes what it yields. To step from a collection to its children, the children
 * of each item are pushed above the collection, which is then taken out from below; a
 * collection of one is taken out first. */
#include "view/path_tree.h"
#include <stdarg.h>
#include "base/num.h"
#include "view/temporal.h"

#define ITEMS_LEAST 256
#define ITEMS_MAX ((size_t)8 << 20)
#define WORK_MAX ((size_t)16 << 20) /* nodes evaluated for one result */
#define ROOM_LEAST ((size_t)16 << 10)

/* ---- the stack and its texts ---- */

struct path_room {
    struct path_room *next;
    size_t size;
    char bytes[];
};

struct dr_path_stack *dr_path_stack_new(void)
{
    struct dr_path_stack *s = dr_calloc(1, sizeof *s);
    s->cap = ITEMS_LEAST;
    s->items = dr_malloc(s->cap * sizeof *s->items);
    return s;
}

void dr_path_stack_free(struct dr_path_stack *s)
{
    if (!s)
        return;
    while (s->room) {
        struct path_room *next = s->room->next;
        free(s->room);
        s->room = next;
    }
    free(s->items);
    free(s);
}

/* Only the newest and largest block is kept. */
void dr_path_stack_clear(struct dr_path_stack *s)
{
    s->n = s->room_at = 0;
    while (s->room && s->room->next) {
        struct path_room *older = s->room->next;
        s->room->next = older->next;
        free(older);
    }
}

size_t dr_path_stack_size(const struct dr_path_stack *s)
{
    return s->n;
}

void dr_path_stack_cut(struct dr_path_stack *s, size_t size)
{
    s->n = size;
}

const struct dr_item *dr_path_stack_at(const struct dr_path_stack *s, size_t i)
{
    return &s->items[i];
}

char *dr_path_stack_room(struct dr_path_stack *s, size_t n)
{
    if (!s->room || s->room->size - s->room_at < n) {
        size_t size = s->room ? s->room->size * 2 : ROOM_LEAST;
        while (size < n)
            size *= 2;
        struct path_room *r = dr_malloc(sizeof *r + size);
        r->next = s->room;
        r->size = size;
        s->room = r;
        s->room_at = 0;
    }
    char *p = s->room->bytes + s->room_at;
    s->room_at += n;
    return p;
}

int32_t path_error(struct path_machine *m, const struct path_node *n, const char *fmt, ...)
{
    char what[300];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    struct dr_str text = m->path->text;
    return dr_fail(m->err, DR_EINPUT, "path '%.*s', character %zu: %s", (int)(text.n < 120 ? text.n : 120),
                   text.p, n->at + 1, what);
}

int32_t path_push(struct path_machine *m, struct dr_item item)
{
    struct dr_path_stack *s = m->s;
    if (s->n == s->cap) {
        if (s->cap >= ITEMS_MAX)
            return path_error(m, m->path->root, "more than %zu items", ITEMS_MAX);
        s->cap *= 2;
        s->items = dr_realloc(s->items, s->cap * sizeof *s->items);
    }
    s->items[s->n++] = item;
    return DR_OK;
}

int32_t path_push_bool(struct path_machine *m, bool b)
{
    return path_push(m, dr_item_bool(b));
}

int32_t path_push_text(struct path_machine *m, struct dr_str text, uint8_t type)
{
    char *copy = dr_path_stack_room(m->s, text.n);
    if (text.n)
        memcpy(copy, text.p, text.n);
    return path_push(m, (struct dr_item){ .text = { copy, text.n }, .kind = DR_ITEM_TEXT, .type = type });
}

int32_t path_push_int(struct path_machine *m, int64_t v)
{
    char *text = dr_path_stack_room(m->s, DR_I64_TEXT);
    size_t n = dr_format_i64(v, text);
    return path_push(
        m, (struct dr_item){ .text = { text, n }, .kind = DR_ITEM_NUMBER, .type = DR_FHIR_INTEGER });
}

int32_t path_push_number(struct path_machine *m, struct dr_number v, uint8_t type)
{
    char *text = dr_path_stack_room(m->s, DR_NUMBER_TEXT);
    struct dr_str s = { text, dr_number_format(v, text) };
    return path_push(m, (struct dr_item){ .text = s, .kind = DR_ITEM_NUMBER, .type = type });
}

/* ---- items ---- */

struct dr_scalar dr_item_scalar(struct dr_item item)
{
    struct dr_scalar s = { .kind = DR_SCALAR_OBJECT };
    if (item.kind == DR_ITEM_BOOL)
        return (struct dr_scalar){ .kind = DR_SCALAR_BOOL, .truth = item.truth };
    if (item.kind != DR_ITEM_NODE)
        return (struct dr_scalar){ .kind = item.kind == DR_ITEM_NUMBER ? DR_SCALAR_NUMBER : DR_SCALAR_TEXT,
                                   .text = item.text };
    switch (dr_json_kind(item.node)) {
    case DR_JSON_TRUE:
    case DR_JSON_FALSE:
        s.kind = DR_SCALAR_BOOL;
        s.truth = dr_json_kind(item.node) == DR_JSON_TRUE;
        break;
    case DR_JSON_NUMBER:
        s.kind = DR_SCALAR_NUMBER;
        s.text = dr_json_text(item.node);
        break;
    case DR_JSON_STRING:
        s.kind = item.type == DR_FHIR_INTEGER64 ? DR_SCALAR_NUMBER : DR_SCALAR_TEXT;
        s.text = dr_json_text(item.node);
        break;
    default:
        break;
    }
    return s;
}

static bool is_resource(struct dr_item item, struct dr_str type)
{
    if (item.kind != DR_ITEM_NODE)
        return false;
    struct dr_json_value v = dr_json_get(item.node, "resourceType", 12);
    if (dr_json_kind(v) != DR_JSON_STRING)
        return false;
    return dr_str_eq(dr_json_text(v), type) || dr_str_eq(type, DR_LIT("Resource")) ||
           dr_str_eq(type, DR_LIT("DomainResource"));
}

/* Whether a value whose type nobody told could be of a type. */
static bool could_be(struct dr_item item, uint8_t type)
{
    struct dr_scalar s = dr_item_scalar(item);
    struct dr_temporal t;
    struct dr_number n;
    switch (dr_fhir_type_class(type)) {
    case DR_CLASS_BOOL:
        return s.kind == DR_SCALAR_BOOL;
    case DR_CLASS_NUMBER:
        return s.kind == DR_SCALAR_NUMBER &&
               (type == DR_FHIR_DECIMAL || (dr_number_parse(s.text, &n) && n.scale == 0));
    case DR_CLASS_TEXT:
        if (s.kind != DR_SCALAR_TEXT)
            return false;
        if (type == DR_FHIR_DATE || type == DR_FHIR_DATETIME || type == DR_FHIR_INSTANT)
            return dr_temporal_parse(s.text, &t) && t.kind != DR_TEMPORAL_TIME &&
                   (type == DR_FHIR_DATETIME || (t.kind == DR_TEMPORAL_DATE) == (type == DR_FHIR_DATE));
        return type != DR_FHIR_TIME || (dr_temporal_parse(s.text, &t) && t.kind == DR_TEMPORAL_TIME);
    case DR_CLASS_OBJECT:
        return s.kind == DR_SCALAR_OBJECT && !is_resource(item, DR_LIT("Resource"));
    case DR_CLASS_NONE:
        break;
    }
    return false;
}

bool path_is_type(struct dr_item item, const struct path_node *n)
{
    if (!n->type)
        return is_resource(item, n->spec);
    return item.type ? dr_fhir_type_is(item.type, n->type) : could_be(item, n->type);
}

/* ---- navigation ---- */

static int32_t push_value(struct path_machine *m, struct dr_json_value v, uint8_t type)
{
    enum dr_json_kind kind = dr_json_kind(v);
    if (kind == DR_JSON_ABSENT || kind == DR_JSON_NULL)
        return DR_OK;
    if (kind != DR_JSON_ARRAY)
        return path_push(m, (struct dr_item){ .node = v, .kind = DR_ITEM_NODE, .type = type });
    struct dr_json_iter it = dr_json_iter(v);
    while (dr_json_iter_next(&it))
        if (dr_json_kind(it.value) != DR_JSON_NULL)
            DR_TRY(path_push(m, (struct dr_item){ .node = it.value, .kind = DR_ITEM_NODE, .type = type }));
    return DR_OK;
}

int32_t path_push_members(struct path_machine *m, struct dr_item item, struct dr_str name, uint8_t type)
{
    if (item.kind != DR_ITEM_NODE)
        return DR_OK;
    return push_value(m, dr_json_get(item.node, name.p, name.n), type);
}

/* value, where there is valueQuantity. */
static int32_t push_by_stem(struct path_machine *m, struct dr_item item, struct dr_str stem)
{
    struct dr_json_iter it = dr_json_iter(item.node);
    while (dr_json_iter_next(&it)) {
        if (it.key.n <= stem.n || memcmp(it.key.p, stem.p, stem.n) != 0)
            continue;
        uint8_t type = dr_fhir_type_of_suffix((struct dr_str){ it.key.p + stem.n, it.key.n - stem.n });
        if (type)
            return push_value(m, it.value, type);
    }
    return DR_OK;
}

static int32_t step_member(struct path_machine *m, const struct path_node *n, struct dr_item item)
{
    if (item.kind != DR_ITEM_NODE || dr_json_kind(item.node) != DR_JSON_OBJECT)
        return DR_OK;
    struct dr_json_value v = dr_json_get(item.node, n->name.p, n->name.n);
    if (dr_json_kind(v))
        DR_TRY(push_value(m, v, 0));
    else
        DR_TRY(push_by_stem(m, item, n->name));
    return n->shadow.n ? path_push_members(m, item, n->shadow, 0) : DR_OK;
}

static int32_t step_choice(struct path_machine *m, const struct path_node *n, struct dr_item item)
{
    if (item.kind != DR_ITEM_NODE || dr_json_kind(item.node) != DR_JSON_OBJECT)
        return DR_OK;
    for (int i = 0; i < n->n_choice; i++) {
        struct dr_json_value v = dr_json_get(item.node, n->choice[i].p, n->choice[i].n);
        if (dr_json_kind(v))
            return push_value(m, v, n->choice_types[i]);
    }
    size_t base = m->s->n, kept = base;
    DR_TRY(path_push_members(m, item, n->name, 0));
    for (size_t i = base; i < m->s->n; i++)
        if (could_be(m->s->items[i], n->type)) {
            m->s->items[i].type = n->type;
            m->s->items[kept++] = m->s->items[i];
        }
    m->s->n = kept;
    return DR_OK;
}

static int32_t step(struct path_machine *m, const struct path_node *n, struct dr_item item)
{
    return n->op == PATH_MEMBER ? step_member(m, n, item) : step_choice(m, n, item);
}

/* From each item of the input to its children. */
static int32_t navigate(struct path_machine *m, const struct path_node *n, struct dr_item focus)
{
    struct dr_path_stack *s = m->s;
    size_t base = s->n;
    if (!n->input)
        return step(m, n, focus);
    DR_TRY(path_eval(m, n->input, focus));
    size_t count = s->n - base;
    if (count == 1) {
        struct dr_item only = s->items[base];
        s->n = base;
        return step(m, n, only);
    }
    for (size_t i = 0; i < count; i++)
        DR_TRY(step(m, n, s->items[base + i]));
    s->n -= count;
    memmove(s->items + base, s->items + base + count, (s->n - base) * sizeof *s->items);
    return DR_OK;
}

/* ---- values of operands and arguments ---- */

int32_t path_take_truth(struct path_machine *m, const struct path_node *n, size_t base, int *ret)
{
    size_t count = m->s->n - base;
    if (count > 1)
        return path_error(m, n, "one value is needed to tell true from false, and there are %zu", count);
    *ret = -1;
    if (count == 1) {
        struct dr_scalar s = dr_item_scalar(m->s->items[base]);
        *ret = s.kind != DR_SCALAR_BOOL || s.truth; /* any single value that is no boolean counts as true */
    }
    m->s->n = base;
    return DR_OK;
}

int32_t path_arg_truth(struct path_machine *m, const struct path_node *n, struct dr_item focus, int *ret)
{
    size_t base = m->s->n;
    DR_TRY(path_eval(m, n, focus));
    return path_take_truth(m, n, base, ret);
}

int32_t path_arg_one(struct path_machine *m, const struct path_node *n, struct dr_item focus, bool *ret_any,
                     struct dr_item *ret)
{
    size_t base = m->s->n;
    DR_TRY(path_eval(m, n, focus));
    size_t count = m->s->n - base;
    if (count > 1)
        return path_error(m, n, "one value is needed here, and there are %zu", count);
    *ret_any = count == 1;
    if (count)
        *ret = m->s->items[base];
    m->s->n = base;
    return DR_OK;
}

int32_t path_arg_text(struct path_machine *m, const struct path_node *n, struct dr_item focus, bool *ret_any,
                      struct dr_str *ret)
{
    struct dr_item item;
    DR_TRY(path_arg_one(m, n, focus, ret_any, &item));
    if (!*ret_any)
        return DR_OK;
    struct dr_scalar s = dr_item_scalar(item);
    if (s.kind != DR_SCALAR_TEXT)
        return path_error(m, n, "a text is needed here");
    *ret = s.text;
    return DR_OK;
}

int32_t path_arg_int(struct path_machine *m, const struct path_node *n, struct dr_item focus, bool *ret_any,
                     int64_t *ret)
{
    struct dr_item item;
    struct dr_number number;
    DR_TRY(path_arg_one(m, n, focus, ret_any, &item));
    if (!*ret_any)
        return DR_OK;
    struct dr_scalar s = dr_item_scalar(item);
    if (s.kind != DR_SCALAR_NUMBER || !dr_number_parse(s.text, &number) || !dr_number_to_i64(number, ret))
        return path_error(m, n, "a whole number is needed here");
    return DR_OK;
}

/* ---- evaluation ---- */

static int32_t at_index(struct path_machine *m, const struct path_node *n, struct dr_item focus)
{
    size_t base = m->s->n;
    bool any;
    int64_t index = 0;
    DR_TRY(path_eval(m, n->input, focus));
    size_t count = m->s->n - base;
    DR_TRY(path_arg_int(m, n->args[0], focus, &any, &index));
    m->s->n = base;
    if (!any || index < 0 || (uint64_t)index >= count)
        return DR_OK;
    m->s->items[base] = m->s->items[base + (size_t)index];
    m->s->n = base + 1;
    return DR_OK;
}

static int32_t call(struct path_machine *m, const struct path_node *n, struct dr_item focus)
{
    size_t base = m->s->n;
    DR_TRY(n->input ? path_eval(m, n->input, focus) : path_push(m, focus));
    return n->fn->run(m, n, focus, base);
}

static int32_t is_operator(struct path_machine *m, const struct path_node *n, struct dr_item focus)
{
    bool any;
    struct dr_item item;
    DR_TRY(path_arg_one(m, n->args[0], focus, &any, &item));
    return any ? path_push_bool(m, path_is_type(item, n)) : DR_OK;
}

static int32_t as_operator(struct path_machine *m, const struct path_node *n, struct dr_item focus)
{
    bool any;
    struct dr_item item;
    DR_TRY(path_arg_one(m, n->args[0], focus, &any, &item));
    return any && path_is_type(item, n) ? path_push(m, item) : DR_OK;
}

int32_t path_eval(struct path_machine *m, const struct path_node *n, struct dr_item focus)
{
    if (++m->work > WORK_MAX)
        return path_error(
            m, n, "more than %zu steps; does it search the whole resource for each of its parts?", WORK_MAX);
    switch (n->op) {
    case PATH_THIS:
        return path_push(m, focus);
    case PATH_LITERAL:
        return path_push(m, n->literal);
    case PATH_EMPTY:
        return DR_OK;
    case PATH_MEMBER:
    case PATH_CHOICE:
        return navigate(m, n, focus);
    case PATH_ROOT_TYPE:
        return is_resource(focus, n->name) ? path_push(m, focus) : DR_OK;
    case PATH_AT:
        return at_index(m, n, focus);
    case PATH_ROW_INDEX:
        return path_push_int(m, m->scope->row_index);
    case PATH_RESOURCE:
        return path_push(m, dr_item_node(m->scope->resource));
    case PATH_INDEX:
        return path_push_int(m, m->index);
    case PATH_CALL:
        return call(m, n, focus);
    case PATH_NEGATE:
        return path_negate(m, n, focus);
    case PATH_BINARY:
        return path_binary(m, n, focus);
    case PATH_IS:
        return is_operator(m, n, focus);
    case PATH_AS:
        return as_operator(m, n, focus);
    }
    return DR_OK;
}

int32_t dr_path_eval(struct dr_path_stack *s, const struct dr_path *p, struct dr_item focus,
                     const struct dr_path_scope *scope, struct dr_err *err)
{
    struct path_machine m = { .s = s, .path = p, .scope = scope, .err = err };
    size_t base = s->n;
    int32_t rc = path_eval(&m, p->root, focus);
    if (rc)
        s->n = base;
    return rc;
}
