/* rest.c - a record beside the plan once more, for those who ask: its places say what was taken.
 *
 * It goes as deep as the paths of columns go, and copies what lies off them in one piece. */
#include "json/rest.h"
#include "base/json.h"

static void put_source(struct dr_json_value v, struct dr_buf *out)
{
    struct dr_str source = dr_json_source(v);
    dr_buf_append(out, source.p, source.n);
}

static void cut(struct dr_buf *out, size_t n)
{
    if (out->n > n)
        out->p[out->n = n] = '\0';
}

static void put_key(struct dr_str key, struct dr_buf *out)
{
    struct dr_json j = { .out = out, .first = true };
    dr_json_str(&j, key);
    dr_buf_putc(out, ':');
}

static bool put_members(const struct dr_json_node *n, struct dr_json_value object, struct dr_buf *out)
{
    int32_t next = 0; /* in the plan, as members mostly come */
    bool some = false;
    for (struct dr_json_iter it = dr_json_iter(object); dr_json_iter_next(&it);) {
        int32_t at = dr_json_node_find(n, it.key, next);
        size_t before = out->n;
        dr_buf_putc(out, some ? ',' : '{');
        put_key(it.key, out);
        if (at < 0)
            put_source(it.value, out);
        else
            next = at + 1;
        if (at < 0 || dr_json_put_rest(n->members[at], it.value, out))
            some = true;
        else
            cut(out, before);
    }
    if (some)
        dr_buf_putc(out, '}');
    return some;
}

/* Whether columns have all items of an array. Positions say nothing once some are gone, so what is
 * left of an array is all of it. */
static bool has_all_items(const struct dr_json_node *n, struct dr_json_value array, struct dr_buf *out)
{
    size_t before = out->n;
    bool all = true;
    int64_t index = 0;
    for (struct dr_json_iter it = dr_json_iter(array); all && dr_json_iter_next(&it); index++) {
        const struct dr_json_node *item = dr_json_node_item(n, index);
        all = item && !dr_json_put_rest(item, it.value, out);
    }
    cut(out, before);
    return all;
}

bool dr_json_put_rest(const struct dr_json_node *n, struct dr_json_value v, struct dr_buf *out)
{
    enum dr_json_kind kind = dr_json_kind(v);
    if (kind == DR_JSON_NULL || n->column >= 0)
        return false;
    if (kind == DR_JSON_ARRAY && (n->child > 0 || (n->n_items > 0 && has_all_items(n, v, out))))
        return false;
    if (kind == DR_JSON_OBJECT && n->n_members > 0)
        return put_members(n, v, out);
    put_source(v, out);
    return true;
}
