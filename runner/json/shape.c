/* shape.c - records laid over a tree of shapes.
 *
 * The records were read before, to find where each ends, so they are known to be JSON:
 * here values are only to be told apart, counted and passed. */
#include "json/shape.h"
#include "base/hash.h"
#include "base/num.h"
#include "json/token.h"

enum { PLAIN_NUMBER = 15 }; /* characters; without an exponent, int64 and double hold such a number */

/* ---- shapes --------------------------------------------------------------------------------- */

static struct dr_json_shape *new_shape(struct dr_json_shapes *s, struct dr_str key)
{
    struct dr_json_shape *shape = DR_NEW(&s->arena, struct dr_json_shape);
    shape->key = (struct dr_str){ dr_arena_dup(&s->arena, key.p, key.n), key.n };
    shape->plain = !memchr(key.p, '"', key.n) && !memchr(key.p, '\\', key.n);
    return shape;
}

/* NULL: there are too many. */
static struct dr_json_shape *add_member(struct dr_json_shapes *s, struct dr_json_shape *of, struct dr_str key)
{
    if (s->members == DR_JSON_MEMBERS_MAX) {
        s->too_many = true;
        return NULL;
    }
    s->members++;
    if (of->n == of->cap) {
        struct dr_json_shape **old = of->members;
        of->cap = of->cap ? of->cap * 2 : 8;
        of->members = dr_arena_array(&s->arena, (size_t)of->cap, sizeof(struct dr_json_shape *));
        if (of->n > 0)
            memcpy(of->members, old, (size_t)of->n * sizeof(struct dr_json_shape *));
    }
    of->members[of->n++] = new_shape(s, key);
    int32_t from = of->n == DR_JSON_FEW_MEMBERS + 1 ? 0 : of->n - 1;
    for (int32_t i = from; i < of->n && of->n > DR_JSON_FEW_MEMBERS; i++)
        *dr_map_put(&of->numbers, of->members[i]->key, NULL) = i;
    of->guess = of->n;
    return of->members[of->n - 1];
}

static int32_t find_member(const struct dr_json_shape *of, struct dr_str key)
{
    if (of->n > DR_JSON_FEW_MEMBERS) {
        const int64_t *number = dr_map_get(&of->numbers, key);
        return number ? (int32_t)*number : -1;
    }
    for (int32_t i = 0; i < of->n; i++) {
        int32_t at = of->guess + i < of->n ? of->guess + i : of->guess + i - of->n;
        if (dr_str_eq(of->members[at]->key, key))
            return at;
    }
    return -1;
}

/* Records mostly have the same members in the same order. */
static struct dr_json_shape *member_shape(struct dr_json_shapes *s, struct dr_json_shape *of,
                                          struct dr_str key)
{
    int32_t number = find_member(of, key);
    if (number < 0)
        return add_member(s, of, key);
    of->guess = number + 1;
    return of->members[number];
}

/* ---- text ------------------------------------------------------------------------------------- */

static const char *past_white(const char *p)
{
    while (dr_json_is_white(*p))
        p++;
    return p;
}

static const char *take_escaped(struct dr_json_shapes *s, const char *p, struct dr_str *ret)
{
    dr_buf_clear(&s->scratch);
    while (*p != '"') {
        char bytes[4];
        size_t taken = 1;
        const char *why, *from = p;
        size_t n = *p == '\\' ? dr_json_unescape(p, s->end, bytes, &taken, &why) : 1;
        dr_buf_append(&s->scratch, *from == '\\' ? bytes : from, n);
        p += taken;
    }
    *ret = dr_buf_str(&s->scratch);
    return p + 1;
}

/* Past the string whose first byte is at p; *ret is valid until the next one is taken. */
static const char *take_string(struct dr_json_shapes *s, const char *p, struct dr_str *ret)
{
    const char *close = memchr(p, '"', (size_t)(s->end - p));
    if (memchr(p, '\\', (size_t)(close - p)))
        return take_escaped(s, p, ret);
    *ret = (struct dr_str){ p, (size_t)(close - p) };
    return close + 1;
}

static size_t name_length(char first)
{
    return first == 'f' ? 5 : 4;
}

/* Past the value at p, whatever it is. */
static const char *past_value(struct dr_json_shapes *s, const char *p)
{
    struct dr_str text;
    int32_t depth = 0;
    do {
        p = past_white(p);
        if (*p == '{' || *p == '[')
            depth++;
        depth -= *p == '}' || *p == ']';
        if (*p == '"')
            p = take_string(s, p + 1, &text);
        else if (*p == '-' || dr_json_is_digit(*p))
            p = dr_json_skip_number(p, s->end);
        else
            p += *p >= 'a' && *p <= 'z' ? name_length(*p) : 1;
    } while (depth > 0);
    return p;
}

/* ---- counting ----------------------------------------------------------------------------------- */

static void look_at_number(struct dr_json_shapes *s, struct dr_json_shape *shape, struct dr_str text)
{
    int64_t whole;
    double real;
    bool point = memchr(text.p, '.', text.n), exponent = false;
    for (size_t i = 0; i < text.n; i++)
        exponent |= (text.p[i] | 0x20) == 'e';
    shape->fractions += point || exponent;
    if (text.n <= PLAIN_NUMBER && !exponent)
        return;
    if (!point && !exponent && !dr_parse_i64(text, &whole) && shape->large++ == 0)
        shape->large_line = s->line;
    bool fits = dr_json_digits(text) <= DR_JSON_DOUBLE_DIGITS && dr_parse_f64(text, false, &real);
    if (!fits && shape->precise++ == 0)
        shape->precise_line = s->line;
}

static enum dr_json_kind kind_of(char first)
{
    switch (first) {
    case '{':
        return DR_JSON_OBJECT;
    case '[':
        return DR_JSON_ARRAY;
    case '"':
        return DR_JSON_STRING;
    case 't':
        return DR_JSON_TRUE;
    case 'f':
        return DR_JSON_FALSE;
    case 'n':
        return DR_JSON_NULL;
    default:
        return DR_JSON_NUMBER;
    }
}

static enum dr_json_kind same_kind(enum dr_json_kind k)
{
    return k == DR_JSON_FALSE ? DR_JSON_TRUE : k;
}

static void count_kind(struct dr_json_shapes *s, struct dr_json_shape *shape, enum dr_json_kind kind)
{
    shape->kinds[kind]++;
    if (kind == DR_JSON_NULL)
        return;
    if (!shape->first) {
        shape->first = kind;
        shape->first_line = s->line;
    } else if (!shape->other && same_kind(shape->first) != same_kind(kind)) {
        shape->other = kind;
        shape->other_line = s->line;
    }
}

static void count_text(struct dr_json_shape *shape, struct dr_str text)
{
    (void)dr_word_map_put(&shape->texts, dr_hash(text.p, text.n));
}

static const struct dr_json_node *declared_member(const struct dr_json_node *n, struct dr_str key)
{
    int32_t at = n ? dr_json_node_find(n, key, 0) : -1;
    return at < 0 ? NULL : n->members[at];
}

/* The value at p, which belongs to that shape; n is its place in the plan, NULL where nothing is
 * declared. Past it; NULL where there are too many members. */
static const char *look(struct dr_json_shapes *s, struct dr_json_shape *shape, const struct dr_json_node *n,
                        const char *p);

/* The member that comes next as a rule, where the key at p, in its quotes, is that one's. */
static struct dr_json_shape *expected_member(const struct dr_json_shapes *s, struct dr_json_shape *of,
                                             const char *p)
{
    struct dr_json_shape *next = of->guess < of->n ? of->members[of->guess] : NULL;
    size_t n = next ? next->key.n : 0;
    if (!next || (size_t)(s->end - p) < n + 2 || p[n + 1] != '"' || memcmp(p + 1, next->key.p, n) != 0 ||
        !next->plain)
        return NULL;
    of->guess++;
    return next;
}

static const char *look_at_member(struct dr_json_shapes *s, struct dr_json_shape *shape,
                                  const struct dr_json_node *n, const char *p)
{
    struct dr_json_shape *member = expected_member(s, shape, p);
    struct dr_str key;
    if (member)
        p += member->key.n + 2;
    else
        p = take_string(s, p + 1, &key);
    if (!member && !(member = member_shape(s, shape, key)))
        return NULL;
    p = past_white(past_white(p) + 1); /* its ':' */
    return look(s, member, declared_member(n, member->key), p);
}

/* Items are looked at where they are rows of a child table, and where a path leads to one by "[N]";
 * of that the shape is a member of that name. */
static const char *look_at_item(struct dr_json_shapes *s, struct dr_json_shape *shape,
                                const struct dr_json_node *n, int64_t index, const char *p)
{
    const struct dr_json_node *item = n ? dr_json_node_item(n, index) : NULL;
    const char *past = NULL;
    if (n && n->child > 0)
        past = look(s, s->tables[n->child], s->plan->tables[n->child].root, p);
    if (item && !s->too_many) {
        char number[32];
        int len = snprintf(number, sizeof number, "[%lld]", (long long)index);
        struct dr_json_shape *member = member_shape(s, shape, (struct dr_str){ number, (size_t)len });
        past = member ? look(s, member, item, p) : NULL;
    }
    return past || s->too_many ? past : past_value(s, p);
}

static const char *look_at_members(struct dr_json_shapes *s, struct dr_json_shape *shape,
                                   const struct dr_json_node *n, const char *p)
{
    bool object = *p == '{';
    char close = object ? '}' : ']';
    p = past_white(p + 1);
    for (int64_t index = 0; *p != close; index++) {
        p = object ? look_at_member(s, shape, n, p) : look_at_item(s, shape, n, index, p);
        if (!p)
            return NULL;
        p = past_white(p);
        if (*p == ',')
            p = past_white(p + 1);
    }
    shape->guess = 0;
    return p + 1;
}

static const char *look(struct dr_json_shapes *s, struct dr_json_shape *shape, const struct dr_json_node *n,
                        const char *p)
{
    struct dr_str text;
    enum dr_json_kind kind = kind_of(*p);
    count_kind(s, shape, kind);
    switch (kind) {
    case DR_JSON_OBJECT:
    case DR_JSON_ARRAY:
        return look_at_members(s, shape, n, p);
    case DR_JSON_STRING:
        p = take_string(s, p + 1, &text);
        count_text(shape, text);
        return p;
    case DR_JSON_NUMBER:
        text = (struct dr_str){ p, (size_t)(dr_json_skip_number(p, s->end) - p) };
        look_at_number(s, shape, text);
        count_text(shape, text);
        return p + text.n;
    default:
        return p + name_length(*p);
    }
}

/* ---- records --------------------------------------------------------------------------------------- */

void dr_json_shapes_init(struct dr_json_shapes *s, const struct dr_json_plan *p)
{
    *s = (struct dr_json_shapes){ .plan = p };
    s->tables = dr_calloc((size_t)p->n, sizeof(struct dr_json_shape *));
    for (int32_t i = 0; i < p->n; i++)
        s->tables[i] = new_shape(s, DR_LIT(""));
}

static void free_texts(struct dr_json_shape *shape)
{
    dr_word_map_done(&shape->texts);
    dr_map_done(&shape->numbers);
    for (int32_t i = 0; i < shape->n; i++)
        free_texts(shape->members[i]);
}

void dr_json_shapes_done(struct dr_json_shapes *s)
{
    for (int32_t i = 0; i < s->plan->n; i++)
        free_texts(s->tables[i]);
    free(s->tables);
    dr_buf_done(&s->scratch);
    dr_arena_done(&s->arena);
}

/* Whether the number or name that a record consists of is all of it. What may not follow it is only
 * refused by whoever looks for the next record. */
static bool is_all(const char *text, const char *end)
{
    switch (kind_of(*text)) {
    case DR_JSON_NUMBER:
        return dr_json_skip_number(text, end) == end;
    case DR_JSON_NULL:
    case DR_JSON_FALSE:
    case DR_JSON_TRUE:
        return text + name_length(*text) == end;
    default:
        return true;
    }
}

void dr_json_shapes_look(struct dr_json_shapes *s, const char *text, size_t n, int64_t line)
{
    if (s->too_many || !is_all(text, text + n))
        return;
    s->line = line;
    s->end = text + n;
    (void)look(s, s->tables[0], s->plan->tables[0].root, text);
}
