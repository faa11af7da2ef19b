/* node.c - trees of values. Arrays of a list or map double when their length
 * reaches a power of two, so that no capacity needs to be kept. */
#include "base/node.h"
#include "base/num.h"
#include <math.h>

struct dr_node *dr_node_new(struct dr_arena *a, int32_t kind)
{
    struct dr_node *n = DR_NEW(a, struct dr_node);
    n->kind = kind;
    n->text = DR_LIT("");
    return n;
}

struct dr_node *dr_node_new_str(struct dr_arena *a, struct dr_str s)
{
    struct dr_node *n = dr_node_new(a, DR_NODE_STRING);
    n->text = (struct dr_str){ dr_arena_dup(a, s.p, s.n), s.n };
    return n;
}

struct dr_node *dr_node_new_int(struct dr_arena *a, int64_t v)
{
    char text[DR_I64_TEXT];
    size_t len = dr_format_i64(v, text);
    struct dr_node *n = dr_node_new(a, DR_NODE_INT);
    n->i = v;
    n->f = (double)v;
    n->text = (struct dr_str){ dr_arena_dup(a, text, len), len };
    return n;
}

struct dr_node *dr_node_new_float(struct dr_arena *a, double v)
{
    char text[DR_F64_TEXT];
    size_t len = dr_format_f64(v, text);
    struct dr_node *n = dr_node_new(a, DR_NODE_FLOAT);
    n->f = v;
    n->text = (struct dr_str){ dr_arena_dup(a, text, len), len };
    return n;
}

struct dr_node *dr_node_new_bool(struct dr_arena *a, bool v)
{
    struct dr_node *n = dr_node_new(a, DR_NODE_BOOL);
    n->i = v;
    n->text = v ? DR_LIT("true") : DR_LIT("false");
    return n;
}

/* The array of n elements, with room for one more: itself, or a larger copy. */
static void *with_room(struct dr_arena *a, void *array, int32_t n, size_t size)
{
    bool full = n == 0 || (n >= 4 && (n & (n - 1)) == 0);
    if (!full)
        return array;
    if (n > INT32_MAX / 2)
        dr_die_oom((size_t)n * size);
    void *larger = dr_arena_array(a, n ? (size_t)n * 2 : 4, size);
    if (n > 0)
        memcpy(larger, array, (size_t)n * size);
    return larger;
}

void dr_node_add(struct dr_arena *a, struct dr_node *list, struct dr_node *item)
{
    list->items = with_room(a, list->items, list->n, sizeof(*list->items));
    list->items[list->n++] = item;
}

void dr_node_set(struct dr_arena *a, struct dr_node *map, struct dr_str key, struct dr_node *value)
{
    for (int32_t i = 0; i < map->n; i++) {
        if (dr_str_eq(map->keys[i], key)) {
            map->items[i] = value;
            return;
        }
    }
    map->keys = with_room(a, map->keys, map->n, sizeof(*map->keys));
    map->key_marks = with_room(a, map->key_marks, map->n, sizeof(*map->key_marks));
    map->keys[map->n] = (struct dr_str){ dr_arena_dup(a, key.p, key.n), key.n };
    map->key_marks[map->n] = value ? value->mark : (struct dr_mark){ 0 };
    dr_node_add(a, map, value);
}

static int32_t index_of(const struct dr_node *map, struct dr_str key)
{
    if (!map || map->kind != DR_NODE_MAP)
        return -1;
    for (int32_t i = 0; i < map->n; i++)
        if (dr_str_eq(map->keys[i], key))
            return i;
    return -1;
}

int32_t dr_node_index(const struct dr_node *map, const char *key)
{
    return index_of(map, dr_str_of(key));
}

/* ---- comparing --------------------------------------------------------------- */

static bool is_number(int32_t kind)
{
    return kind == DR_NODE_INT || kind == DR_NODE_FLOAT;
}

/* Exactly: 2^53 + 1 is not 2^53 as a double. */
static bool int_equals_float(int64_t i, double f)
{
    return f >= -0x1p63 && f < 0x1p63 && (int64_t)f == i && (double)(int64_t)f == f;
}

static bool numbers_equal(const struct dr_node *a, const struct dr_node *b)
{
    if (a->kind == DR_NODE_INT && b->kind == DR_NODE_INT)
        return a->i == b->i;
    if (a->kind == DR_NODE_INT)
        return int_equals_float(a->i, b->f);
    if (b->kind == DR_NODE_INT)
        return int_equals_float(b->i, a->f);
    return a->f == b->f || (isnan(a->f) && isnan(b->f));
}

static bool maps_equal(const struct dr_node *a, const struct dr_node *b)
{
    for (int32_t i = 0; i < a->n; i++) {
        bool same_place = dr_str_eq(a->keys[i], b->keys[i]); /* as a rule */
        int32_t j = same_place ? i : index_of(b, a->keys[i]);
        if (j < 0 || !dr_node_equal(a->items[i], b->items[j]))
            return false;
    }
    return true;
}

bool dr_node_equal(const struct dr_node *a, const struct dr_node *b)
{
    int32_t kind = dr_node_kind(a);
    if (is_number(kind) && is_number(dr_node_kind(b)))
        return numbers_equal(a, b);
    if (kind != dr_node_kind(b))
        return false;
    switch (kind) {
    case DR_NODE_BOOL:
        return a->i == b->i;
    case DR_NODE_STRING:
        return dr_str_eq(a->text, b->text);
    case DR_NODE_LIST:
        for (int32_t i = 0; i < a->n && a->n == b->n; i++)
            if (!dr_node_equal(a->items[i], b->items[i]))
                return false;
        return a->n == b->n;
    case DR_NODE_MAP:
        return a->n == b->n && maps_equal(a, b);
    default:
        return true;
    }
}

/* ---- public accessors (dagrun/task.h) ------------------------------------------- */

int32_t dr_node_kind(const struct dr_node *n)
{
    return n ? n->kind : DR_NODE_NULL;
}

int32_t dr_node_bool(const struct dr_node *n, int32_t otherwise)
{
    return dr_node_kind(n) == DR_NODE_BOOL ? n->i != 0 : otherwise;
}

int64_t dr_node_int(const struct dr_node *n, int64_t otherwise)
{
    return dr_node_kind(n) == DR_NODE_INT ? n->i : otherwise;
}

double dr_node_float(const struct dr_node *n, double otherwise)
{
    return is_number(dr_node_kind(n)) ? n->f : otherwise;
}

int64_t dr_node_duration(const struct dr_node *n, int64_t otherwise)
{
    int64_t us;
    const char *text = dr_node_str(n, NULL);
    return text && dr_parse_duration(dr_str_of(text), &us) ? us : otherwise;
}

const char *dr_node_str(const struct dr_node *n, const char *otherwise)
{
    int32_t kind = dr_node_kind(n);
    bool scalar = kind == DR_NODE_STRING || kind == DR_NODE_BOOL || is_number(kind);
    return scalar && n->text.p ? n->text.p : otherwise;
}

int64_t dr_node_size(const struct dr_node *n)
{
    int32_t kind = dr_node_kind(n);
    return kind == DR_NODE_LIST || kind == DR_NODE_MAP ? n->n : 0;
}

const struct dr_node *dr_node_at(const struct dr_node *n, int64_t i)
{
    return i >= 0 && i < dr_node_size(n) ? n->items[i] : NULL;
}

const char *dr_node_key(const struct dr_node *n, int64_t i)
{
    return dr_node_kind(n) == DR_NODE_MAP && i >= 0 && i < n->n ? n->keys[i].p : NULL;
}

const struct dr_node *dr_node_get(const struct dr_node *n, const char *key)
{
    int32_t i = dr_node_index(n, key);
    return i < 0 ? NULL : n->items[i];
}
