/* path_ops.c - FHIRPath's operators. Whatever is not known is the empty collection, so
 * logic has three values: true, false and nothing. */
#include "view/path_tree.h"
#include "view/temporal.h"

#define DEPTH_MAX 512
#define PAIRS_MAX ((size_t)1 << 26)

/* ---- equality ---- */

static bool is_time_type(uint8_t type)
{
    return type == DR_FHIR_DATE || type == DR_FHIR_DATETIME || type == DR_FHIR_INSTANT ||
           type == DR_FHIR_TIME;
}

/* Texts that are to be compared as times: where the type of one says so and both can be, or
 * both come from the resource, which does not say what they are, and look it. */
static bool as_times(struct dr_item a, struct dr_item b, struct dr_temporal *ta, struct dr_temporal *tb)
{
    bool told = is_time_type(a.type) || is_time_type(b.type);
    bool untold = !a.type && !b.type;
    return (told || untold) && dr_temporal_parse(dr_item_scalar(a).text, ta) &&
           dr_temporal_parse(dr_item_scalar(b).text, tb);
}

/* Letters in one case, each run of white space as one blank. */
static bool alike(struct dr_str a, struct dr_str b)
{
    size_t i = 0, k = 0;
    while (i < a.n && k < b.n) {
        unsigned char x = (unsigned char)a.p[i], y = (unsigned char)b.p[k];
        bool blank = x <= ' ' && y <= ' ';
        if (!blank && (x >= 'A' && x <= 'Z' ? x | 0x20 : x) != (y >= 'A' && y <= 'Z' ? y | 0x20 : y))
            return false;
        i++;
        k++;
        while (blank && i < a.n && (unsigned char)a.p[i] <= ' ')
            i++;
        while (blank && k < b.n && (unsigned char)b.p[k] <= ' ')
            k++;
    }
    return i == a.n && k == b.n;
}

static enum path_equal texts_equal(struct dr_item a, struct dr_item b, bool like)
{
    struct dr_temporal ta, tb;
    struct dr_str x = dr_item_scalar(a).text, y = dr_item_scalar(b).text;
    int order;
    if (dr_str_eq(x, y))
        return PATH_EQUAL;
    if (as_times(a, b, &ta, &tb)) {
        if (dr_temporal_cmp(&ta, &tb, &order))
            return order == 0 ? PATH_EQUAL : PATH_DIFFERENT;
        return like ? PATH_DIFFERENT : PATH_UNKNOWN;
    }
    return like && alike(dr_str_trim(x), dr_str_trim(y)) ? PATH_EQUAL : PATH_DIFFERENT;
}

static bool numbers_equal(struct dr_str a, struct dr_str b, bool like)
{
    struct dr_number x, y;
    if (!dr_number_parse(a, &x) || !dr_number_parse(b, &y))
        return dr_str_eq(a, b);
    return like ? dr_number_alike(x, y) : dr_number_cmp(x, y) == 0;
}

static enum path_equal nodes_equal(struct dr_json_value a, struct dr_json_value b, bool like, int depth);

static enum path_equal objects_equal(struct dr_json_value a, struct dr_json_value b, bool like, int depth)
{
    struct dr_json_iter it = dr_json_iter(a);
    if (dr_json_size(a) != dr_json_size(b))
        return PATH_DIFFERENT;
    while (dr_json_iter_next(&it)) {
        enum path_equal e = nodes_equal(it.value, dr_json_get(b, it.key.p, it.key.n), like, depth);
        if (e != PATH_EQUAL)
            return e;
    }
    return PATH_EQUAL;
}

static enum path_equal arrays_equal(struct dr_json_value a, struct dr_json_value b, bool like, int depth)
{
    struct dr_json_iter x = dr_json_iter(a), y = dr_json_iter(b);
    if (dr_json_size(a) != dr_json_size(b))
        return PATH_DIFFERENT;
    while (dr_json_iter_next(&x) && dr_json_iter_next(&y)) {
        enum path_equal e = nodes_equal(x.value, y.value, like, depth);
        if (e != PATH_EQUAL)
            return e;
    }
    return PATH_EQUAL;
}

static enum path_equal nodes_equal(struct dr_json_value a, struct dr_json_value b, bool like, int depth)
{
    enum dr_json_kind x = dr_json_kind(a), y = dr_json_kind(b);
    if (depth > DEPTH_MAX)
        return PATH_UNKNOWN;
    if (x == DR_JSON_OBJECT && y == DR_JSON_OBJECT)
        return objects_equal(a, b, like, depth + 1);
    if (x == DR_JSON_ARRAY && y == DR_JSON_ARRAY)
        return arrays_equal(a, b, like, depth + 1);
    if (x != y)
        return PATH_DIFFERENT;
    return x == DR_JSON_NUMBER || x == DR_JSON_STRING
               ? path_items_equal(dr_item_node(a), dr_item_node(b), like)
               : PATH_EQUAL;
}

enum path_equal path_items_equal(struct dr_item a, struct dr_item b, bool like)
{
    struct dr_scalar x = dr_item_scalar(a), y = dr_item_scalar(b);
    if (x.kind != y.kind)
        return PATH_DIFFERENT;
    switch (x.kind) {
    case DR_SCALAR_BOOL:
        return x.truth == y.truth ? PATH_EQUAL : PATH_DIFFERENT;
    case DR_SCALAR_NUMBER:
        return numbers_equal(x.text, y.text, like) ? PATH_EQUAL : PATH_DIFFERENT;
    case DR_SCALAR_TEXT:
        return texts_equal(a, b, like);
    case DR_SCALAR_OBJECT:
        break;
    }
    return nodes_equal(a.node, b.node, like, 0);
}

/* A hostile resource must not make that take hours. */
int32_t path_check_pairs(struct path_machine *m, const struct path_node *n, size_t a, size_t b)
{
    m->work += a * b / 4;
    return a * b <= PAIRS_MAX
               ? DR_OK
               : path_error(m, n, "too many items (%zu and %zu) to tell which are equal", a, b);
}

/* stack[left .. right) against stack[right .. n). */
static enum path_equal ranges_equal(const struct path_machine *m, size_t left, size_t right)
{
    enum path_equal all = PATH_EQUAL;
    if (right - left != m->s->n - right)
        return PATH_DIFFERENT;
    for (size_t i = 0; i < right - left; i++) {
        enum path_equal e = path_items_equal(path_item(m, left + i), path_item(m, right + i), false);
        if (e == PATH_DIFFERENT)
            return e;
        if (e == PATH_UNKNOWN)
            all = e;
    }
    return all;
}

/* Equivalence: in any order; nothing is like nothing. */
static bool ranges_alike(const struct path_machine *m, size_t left, size_t right)
{
    if (right - left != m->s->n - right)
        return false;
    for (size_t i = left; i < right; i++) {
        bool found = false;
        for (size_t k = right; k < m->s->n && !found; k++)
            found = path_items_equal(path_item(m, i), path_item(m, k), true) == PATH_EQUAL;
        if (!found)
            return false;
    }
    return true;
}

static int32_t equality(struct path_machine *m, const struct path_node *n, size_t left, size_t right)
{
    bool like = n->binary == PATH_SAME || n->binary == PATH_UNLIKE;
    bool negate = n->binary == PATH_NE || n->binary == PATH_UNLIKE;
    bool nothing = left == right || right == m->s->n;
    enum path_equal e = PATH_UNKNOWN;
    if (like)
        DR_TRY(path_check_pairs(m, n, right - left, m->s->n - right));
    if (like)
        e = ranges_alike(m, left, right) ? PATH_EQUAL : PATH_DIFFERENT;
    else if (!nothing)
        e = ranges_equal(m, left, right);
    m->s->n = left;
    return e == PATH_UNKNOWN ? DR_OK : path_push_bool(m, (e == PATH_EQUAL) != negate);
}

/* ---- order ---- */

/* The unit of a quantity: its code, or else what people read; empty where it has none. */
static struct dr_str unit_of(struct dr_json_value quantity)
{
    struct dr_json_value code = dr_json_get(quantity, "code", 4), unit = dr_json_get(quantity, "unit", 4);
    return dr_json_text(dr_json_kind(code) ? code : unit);
}

/* Quantities with the same unit: 1, and the values; 0 where the units differ; -1 where
 * one is no quantity. */
static int quantity_values(struct dr_item a, struct dr_item b, struct dr_item *x, struct dr_item *y)
{
    if (a.kind != DR_ITEM_NODE || b.kind != DR_ITEM_NODE)
        return -1;
    *x = dr_item_node(dr_json_get(a.node, "value", 5));
    *y = dr_item_node(dr_json_get(b.node, "value", 5));
    if (dr_json_kind(x->node) != DR_JSON_NUMBER || dr_json_kind(y->node) != DR_JSON_NUMBER)
        return -1;
    for (int i = 0; i < 2; i++) {
        const char *key = i ? "unit" : "code";
        struct dr_json_value u = dr_json_get(a.node, key, 4), v = dr_json_get(b.node, key, 4);
        if (dr_json_kind(u) && dr_json_kind(v))
            return dr_str_eq(dr_json_text(u), dr_json_text(v));
    }
    struct dr_str u = unit_of(a.node), v = unit_of(b.node);
    return !u.n || !v.n || dr_str_eq(u, v);
}

/* *ret_known false: cannot be told. */
static int32_t order(struct path_machine *m, const struct path_node *n, struct dr_item a, struct dr_item b,
                     bool *ret_known, int *ret)
{
    struct dr_scalar x = dr_item_scalar(a), y = dr_item_scalar(b);
    struct dr_number p, q;
    struct dr_temporal s, t;
    struct dr_item va, vb;
    *ret_known = true;
    if (x.kind == DR_SCALAR_NUMBER && y.kind == DR_SCALAR_NUMBER) {
        if (!dr_number_parse(x.text, &p) || !dr_number_parse(y.text, &q))
            return path_error(m, n, "a number with more than %d digits", DR_DECIMAL_DIGITS);
        *ret = dr_number_cmp(p, q);
        return DR_OK;
    }
    if (x.kind == DR_SCALAR_TEXT && y.kind == DR_SCALAR_TEXT) {
        if (as_times(a, b, &s, &t))
            *ret_known = dr_temporal_cmp(&s, &t, ret);
        else
            *ret = dr_str_cmp(x.text, y.text);
        return DR_OK;
    }
    int same_unit =
        x.kind == DR_SCALAR_OBJECT && y.kind == DR_SCALAR_OBJECT ? quantity_values(a, b, &va, &vb) : -1;
    if (same_unit == 1)
        return order(m, n, va, vb, ret_known, ret);
    *ret_known = false;
    return same_unit == 0 ? DR_OK
                          : path_error(m, n, "'%.*s' compares two numbers, two texts or two times",
                                       (int)n->name.n, n->name.p);
}

static int32_t comparison(struct path_machine *m, const struct path_node *n, struct dr_item a,
                          struct dr_item b)
{
    bool known;
    int o = 0;
    DR_TRY(order(m, n, a, b, &known, &o));
    if (!known)
        return DR_OK;
    switch (n->binary) {
    case PATH_LT:
        return path_push_bool(m, o < 0);
    case PATH_LE:
        return path_push_bool(m, o <= 0);
    case PATH_GT:
        return path_push_bool(m, o > 0);
    default:
        return path_push_bool(m, o >= 0);
    }
}

/* ---- arithmetic ---- */

static int32_t compute(struct path_machine *m, const struct path_node *n, struct dr_str a, struct dr_str b)
{
    struct dr_number x, y, z;
    bool ok;
    if (!dr_number_parse(a, &x) || !dr_number_parse(b, &y))
        return path_error(m, n, "a number with more than %d digits", DR_DECIMAL_DIGITS);
    switch (n->binary) {
    case PATH_ADD:
        ok = dr_number_add(x, y, &z);
        break;
    case PATH_SUB:
        ok = dr_number_sub(x, y, &z);
        break;
    case PATH_MUL:
        ok = dr_number_mul(x, y, &z);
        break;
    case PATH_DIVIDE:
        ok = dr_number_divide(x, y, &z);
        break;
    case PATH_DIV:
        ok = dr_number_div(x, y, &z);
        break;
    default:
        ok = dr_number_mod(x, y, &z);
        break;
    }
    return ok ? path_push_number(m, z,
                                 z.scale == 0 && n->binary != PATH_DIVIDE ? DR_FHIR_INTEGER : DR_FHIR_DECIMAL)
              : DR_OK;
}

static int32_t concat(struct path_machine *m, struct dr_str a, struct dr_str b)
{
    char *text = dr_path_stack_room(m->s, a.n + b.n);
    if (a.n)
        memcpy(text, a.p, a.n);
    if (b.n)
        memcpy(text + a.n, b.p, b.n);
    return path_push(
        m, (struct dr_item){ .text = { text, a.n + b.n }, .kind = DR_ITEM_TEXT, .type = DR_FHIR_STRING });
}

static int32_t arithmetic(struct path_machine *m, const struct path_node *n, struct dr_item a,
                          struct dr_item b)
{
    struct dr_scalar x = dr_item_scalar(a), y = dr_item_scalar(b);
    if (x.kind == DR_SCALAR_NUMBER && y.kind == DR_SCALAR_NUMBER)
        return compute(m, n, x.text, y.text);
    if (n->binary == PATH_ADD && x.kind == DR_SCALAR_TEXT && y.kind == DR_SCALAR_TEXT)
        return concat(m, x.text, y.text);
    return path_error(m, n, "'%.*s' needs two numbers%s", (int)n->name.n, n->name.p,
                      n->binary == PATH_ADD ? " or two texts" : "");
}

int32_t path_negate(struct path_machine *m, const struct path_node *n, struct dr_item focus)
{
    bool any;
    struct dr_item item;
    struct dr_number v;
    DR_TRY(path_arg_one(m, n->args[0], focus, &any, &item));
    if (!any)
        return DR_OK;
    struct dr_scalar s = dr_item_scalar(item);
    if (s.kind != DR_SCALAR_NUMBER || !dr_number_parse(s.text, &v))
        return path_error(m, n, "'-' needs a number");
    v.v = -v.v;
    return path_push_number(m, v, v.scale ? DR_FHIR_DECIMAL : DR_FHIR_INTEGER);
}

/* a & b: nothing counts as an empty text. */
static int32_t ampersand(struct path_machine *m, const struct path_node *n, struct dr_item focus)
{
    struct dr_str side[2];
    for (int i = 0; i < 2; i++) {
        bool any;
        side[i] = DR_LIT("");
        DR_TRY(path_arg_text(m, n->args[i], focus, &any, &side[i]));
    }
    return concat(m, side[0], side[1]);
}

/* Operators on two single values; nothing on either side gives nothing. */
static int32_t of_two(struct path_machine *m, const struct path_node *n, struct dr_item focus)
{
    struct dr_item a, b;
    bool any_a, any_b;
    DR_TRY(path_arg_one(m, n->args[0], focus, &any_a, &a));
    DR_TRY(path_arg_one(m, n->args[1], focus, &any_b, &b));
    if (!any_a || !any_b)
        return DR_OK;
    return n->binary >= PATH_LT ? comparison(m, n, a, b) : arithmetic(m, n, a, b);
}

/* ---- collections ---- */

static bool same(struct dr_item a, struct dr_item b)
{
    if (a.kind == DR_ITEM_NODE && b.kind == DR_ITEM_NODE && a.node.doc == b.node.doc &&
        a.node.at == b.node.at)
        return true;
    return path_items_equal(a, b, false) == PATH_EQUAL;
}

bool path_holds(const struct path_machine *m, size_t from, size_t to, struct dr_item item)
{
    for (size_t i = from; i < to; i++)
        if (same(path_item(m, i), item))
            return true;
    return false;
}

/* a in b; b contains a. */
static int32_t membership(struct path_machine *m, const struct path_node *n, size_t left, size_t right)
{
    bool in = n->binary == PATH_IN;
    size_t one = in ? left : right, one_end = in ? right : m->s->n, all = in ? right : left,
           all_end = in ? m->s->n : right;
    if (one_end - one > 1)
        return path_error(m, n, "'%.*s' asks for one value in a collection, and there are %zu",
                          (int)n->name.n, n->name.p, one_end - one);
    bool nothing = one == one_end, found = !nothing && path_holds(m, all, all_end, path_item(m, one));
    m->s->n = left;
    return nothing ? DR_OK : path_push_bool(m, found);
}

/* a | b: each value once. */
static int32_t unite(struct path_machine *m, const struct path_node *n, size_t left)
{
    size_t kept = left;
    DR_TRY(path_check_pairs(m, n, m->s->n - left, m->s->n - left));
    for (size_t i = left; i < m->s->n; i++)
        if (!path_holds(m, left, kept, path_item(m, i)))
            m->s->items[kept++] = m->s->items[i];
    m->s->n = kept;
    return DR_OK;
}

static int32_t of_collections(struct path_machine *m, const struct path_node *n, struct dr_item focus)
{
    size_t left = m->s->n;
    DR_TRY(path_eval(m, n->args[0], focus));
    size_t right = m->s->n;
    DR_TRY(path_eval(m, n->args[1], focus));
    if (n->binary == PATH_UNION)
        return unite(m, n, left);
    if (n->binary == PATH_IN || n->binary == PATH_CONTAINS)
        return membership(m, n, left, right);
    return equality(m, n, left, right);
}

/* ---- logic ---- */

static int logical(enum path_binary op, int a, int b)
{
    switch (op) {
    case PATH_AND:
        return a == 0 || b == 0 ? 0 : a == 1 && b == 1 ? 1 : -1;
    case PATH_OR:
        return a == 1 || b == 1 ? 1 : a == 0 && b == 0 ? 0 : -1;
    case PATH_XOR:
        return a < 0 || b < 0 ? -1 : a != b;
    default: /* implies */
        return a == 0 || b == 1 ? 1 : a == 1 ? b : -1;
    }
}

static int32_t logic(struct path_machine *m, const struct path_node *n, struct dr_item focus)
{
    int a, b = -1;
    DR_TRY(path_arg_truth(m, n->args[0], focus, &a));
    bool settled = (n->binary == PATH_AND && a == 0) || (n->binary == PATH_OR && a == 1) ||
                   (n->binary == PATH_IMPLIES && a == 0);
    if (!settled)
        DR_TRY(path_arg_truth(m, n->args[1], focus, &b));
    int truth = logical(n->binary, a, b);
    return truth < 0 ? DR_OK : path_push_bool(m, truth == 1);
}

int32_t path_binary(struct path_machine *m, const struct path_node *n, struct dr_item focus)
{
    switch (n->binary) {
    case PATH_AND:
    case PATH_OR:
    case PATH_XOR:
    case PATH_IMPLIES:
        return logic(m, n, focus);
    case PATH_CONCAT:
        return ampersand(m, n, focus);
    case PATH_UNION:
    case PATH_EQ:
    case PATH_NE:
    case PATH_SAME:
    case PATH_UNLIKE:
    case PATH_IN:
    case PATH_CONTAINS:
        return of_collections(m, n, focus);
    default:
        return of_two(m, n, focus);
    }
}
