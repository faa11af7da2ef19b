/* path_fhir.c - functions that FHIR and SQL on FHIR add: extensions, keys, boundaries. */
#include "view/path_tree.h"
#include "view/bundle.h"
#include "view/temporal.h"

/* ---- extension(url) ---- */

static int32_t fn_extension(struct path_machine *m, const struct path_node *n, struct dr_item focus,
                            size_t base)
{
    size_t end = m->s->n, kept = base;
    struct dr_str url;
    bool any;
    DR_TRY(path_arg_text(m, n->args[0], focus, &any, &url));
    for (size_t i = base; i < end; i++)
        DR_TRY(path_push_members(m, path_item(m, i), DR_LIT("extension"), 0));
    for (size_t i = end; any && i < m->s->n; i++) {
        struct dr_item e = path_item(m, i);
        if (e.kind == DR_ITEM_NODE && dr_str_eq(dr_json_text(dr_json_get(e.node, "url", 3)), url))
            m->s->items[kept++] = e;
    }
    m->s->n = kept;
    return DR_OK;
}

/* ---- keys ---- */

static bool is_contained(struct dr_json_value resource, struct dr_json_value v)
{
    struct dr_json_iter it = dr_json_iter(dr_json_get(resource, "contained", 9));
    while (dr_json_iter_next(&it))
        if (it.value.at == v.at)
            return true;
    return false;
}

static int32_t push_key(struct path_machine *m, struct dr_str key)
{
    if (!key.n)
        return DR_OK;
    return path_push(m, (struct dr_item){ .text = key, .kind = DR_ITEM_TEXT, .type = DR_FHIR_STRING });
}

/* a b c d, in one text. */
static int32_t push_joined(struct path_machine *m, const struct dr_str *parts, int n)
{
    size_t size = 0, at = 0;
    for (int i = 0; i < n; i++)
        size += parts[i].n;
    char *text = dr_path_stack_room(m->s, size);
    for (int i = 0; i < n; i++) {
        if (parts[i].n)
            memcpy(text + at, parts[i].p, parts[i].n);
        at += parts[i].n;
    }
    return push_key(m, (struct dr_str){ text, size });
}

static int32_t push_resource_key(struct path_machine *m, struct dr_item item)
{
    const struct dr_path_scope *scope = m->scope;
    if (item.kind != DR_ITEM_NODE || dr_json_kind(item.node) != DR_JSON_OBJECT)
        return DR_OK;
    if (item.node.at == scope->resource.at)
        return push_key(m, scope->key);
    struct dr_str id = dr_json_text(dr_json_get(item.node, "id", 2));
    if (!dr_json_kind(dr_json_get(item.node, "resourceType", 12)) || !id.n)
        return DR_OK;
    if (is_contained(scope->resource, item.node))
        return push_joined(m, (const struct dr_str[]){ scope->key, DR_LIT("#"), id }, 3);
    return push_key(m, id);
}

static int32_t fn_resource_key(struct path_machine *m, const struct path_node *n, struct dr_item focus,
                               size_t base)
{
    size_t count = m->s->n - base;
    (void)n;
    (void)focus;
    for (size_t i = 0; i < count; i++)
        DR_TRY(push_resource_key(m, path_item(m, base + i)));
    m->s->n -= count;
    memmove(m->s->items + base, m->s->items + base + count, (m->s->n - base) * sizeof *m->s->items);
    return DR_OK;
}

static int32_t push_reference_key(struct path_machine *m, struct dr_item item, struct dr_str wanted)
{
    const struct dr_path_scope *scope = m->scope;
    struct dr_reference r;
    if (item.kind != DR_ITEM_NODE || dr_json_kind(item.node) != DR_JSON_OBJECT)
        return DR_OK;
    struct dr_str type = dr_json_text(dr_json_get(scope->resource, "resourceType", 12));
    if (!dr_reference_read(scope->bundle, scope->resource, type, item.node, &r))
        return DR_OK;
    if (wanted.n && !dr_str_eq(wanted, r.type))
        return DR_OK;
    if (r.self)
        return push_key(m, scope->key);
    if (r.contained)
        return push_joined(m, (const struct dr_str[]){ scope->key, DR_LIT("#"), r.key }, 3);
    if (r.logical)
        return push_joined(
            m, (const struct dr_str[]){ r.type, DR_LIT("?identifier="), r.system, DR_LIT("|"), r.value }, 5);
    return push_key(m, r.key);
}

static int32_t fn_reference_key(struct path_machine *m, const struct path_node *n, struct dr_item focus,
                                size_t base)
{
    size_t count = m->s->n - base;
    (void)focus;
    for (size_t i = 0; i < count; i++)
        DR_TRY(push_reference_key(m, path_item(m, base + i), n->spec));
    m->s->n -= count;
    memmove(m->s->items + base, m->s->items + base + count, (m->s->n - base) * sizeof *m->s->items);
    return DR_OK;
}

/* ---- boundaries ---- */

/* What a text is, where it looks like a date: what the element's type says, else what
 * the column is declared to hold, else what it looks like. */
static enum dr_temporal_kind boundary_kind(const struct path_machine *m, uint8_t type,
                                           const struct dr_temporal *t)
{
    if (!type && t->kind == DR_TEMPORAL_DATE)
        type = m->path->wanted;
    if (t->kind == DR_TEMPORAL_DATE && (type == DR_FHIR_DATETIME || type == DR_FHIR_INSTANT))
        return DR_TEMPORAL_DATETIME;
    return t->kind;
}

static int32_t push_time_boundary(struct path_machine *m, struct dr_str text, uint8_t type, bool high,
                                  int64_t digits)
{
    struct dr_temporal t;
    char out[DR_TEMPORAL_TEXT];
    if (!dr_temporal_parse(text, &t) || digits > 17)
        return DR_OK;
    enum dr_temporal_kind kind = boundary_kind(m, type, &t);
    size_t n = dr_temporal_boundary(&t, kind, high, digits < 0 ? 0 : (int32_t)digits, out);
    uint8_t yields = kind == DR_TEMPORAL_DATE   ? DR_FHIR_DATE
                     : kind == DR_TEMPORAL_TIME ? DR_FHIR_TIME
                                                : DR_FHIR_DATETIME;
    return n ? path_push_text(m, (struct dr_str){ out, n }, yields) : DR_OK;
}

static int32_t push_number_boundary(struct path_machine *m, struct dr_str text, bool high, int64_t digits)
{
    struct dr_number v;
    if (!dr_number_parse(text, &v) || digits > DR_DECIMAL_DIGITS ||
        !dr_number_boundary(v, high, (int32_t)digits, &v))
        return DR_OK;
    return path_push_number(m, v, DR_FHIR_DECIMAL);
}

/* A Period: the boundary of its start or end. */
static struct dr_item period_end(struct dr_item item, bool high)
{
    struct dr_json_value v = high ? dr_json_get(item.node, "end", 3) : dr_json_get(item.node, "start", 5);
    struct dr_item end = dr_item_node(v);
    end.type = DR_FHIR_DATETIME;
    return end;
}

static int32_t boundary(struct path_machine *m, const struct path_node *n, struct dr_item focus, size_t base,
                        bool high)
{
    size_t have = m->s->n - base;
    int64_t digits = -1;
    bool any = true;
    if (n->n_args)
        DR_TRY(path_arg_int(m, n->args[0], focus, &any, &digits));
    if (!any || (n->n_args && digits < 0))
        have = 0;
    if (!have) {
        m->s->n = base;
        return DR_OK;
    }
    if (have > 1)
        return path_error(m, n, "%s() needs one value, and there are %zu", n->fn->name, have);
    struct dr_item item = path_item(m, base);
    m->s->n = base;
    if (item.kind == DR_ITEM_NODE && dr_json_kind(item.node) == DR_JSON_OBJECT)
        item = period_end(item, high);
    struct dr_scalar s = dr_item_scalar(item);
    if (s.kind == DR_SCALAR_NUMBER)
        return push_number_boundary(m, s.text, high, digits);
    return s.kind == DR_SCALAR_TEXT ? push_time_boundary(m, s.text, item.type, high, digits) : DR_OK;
}

static int32_t fn_low_boundary(struct path_machine *m, const struct path_node *n, struct dr_item focus,
                               size_t base)
{
    return boundary(m, n, focus, base, false);
}

static int32_t fn_high_boundary(struct path_machine *m, const struct path_node *n, struct dr_item focus,
                                size_t base)
{
    return boundary(m, n, focus, base, true);
}

/* ---- values ---- */

static int32_t fn_has_value(struct path_machine *m, const struct path_node *n, struct dr_item focus,
                            size_t base)
{
    bool has = m->s->n == base + 1 && dr_item_scalar(path_item(m, base)).kind != DR_SCALAR_OBJECT;
    (void)n;
    (void)focus;
    m->s->n = base;
    return path_push_bool(m, has);
}

static int32_t fn_get_value(struct path_machine *m, const struct path_node *n, struct dr_item focus,
                            size_t base)
{
    (void)n;
    (void)focus;
    if (m->s->n != base + 1 || dr_item_scalar(path_item(m, base)).kind == DR_SCALAR_OBJECT)
        m->s->n = base;
    return DR_OK;
}

const struct path_function path_fhir_functions[] = {
    { "extension", fn_extension, 1, 1, false, 0 },
    { "getResourceKey", fn_resource_key, 0, 0, false, DR_FHIR_STRING },
    { "getReferenceKey", fn_reference_key, 0, 1, true, DR_FHIR_STRING },
    { "lowBoundary", fn_low_boundary, 0, 1, false, 0 },
    { "highBoundary", fn_high_boundary, 0, 1, false, 0 },
    { "hasValue", fn_has_value, 0, 0, false, DR_FHIR_BOOLEAN },
    { "getValue", fn_get_value, 0, 0, false, 0 },
};
const int path_n_fhir_functions = sizeof path_fhir_functions / sizeof path_fhir_functions[0];
