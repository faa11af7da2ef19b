/* json_schema.c - see json_schema.h. Each keyword is a function from (schema,
 * value) to fits, does not fit, or wrong schema; a value fits where all do. */
#include "expect/json_schema.h"
#include <math.h>
#include <pthread.h>
#include "expect/regex.h"

#define DEPTH_MAX 200
#define WRONG (-1)

struct compiled {
    struct compiled *next;
    const char *pattern;
    struct dr_regex *regex;
};
/* Threads that look at values at once share what is compiled. */
struct patterns {
    pthread_mutex_t lock;
    struct compiled *first;
};
/* Each evaluation has a copy of its own, for depth and err. */
struct dr_json_schema {
    const struct dr_node *root;
    struct patterns *patterns; /* owned by the first */
    int depth;
    struct dr_err *err;
};
typedef int (*keyword_fn)(struct dr_json_schema *s, const struct dr_node *schema, const struct dr_node *arg,
                          const struct dr_node *v);

static int holds(struct dr_json_schema *s, const struct dr_node *schema, const struct dr_node *v);

static int wrong(struct dr_json_schema *s, const char *what)
{
    (void)dr_fail(s->err, DR_EDEF, "SchemaError: the JSON schema is not valid: %s", what);
    return WRONG;
}

static bool is_number(const struct dr_node *n)
{
    return dr_node_kind(n) == DR_NODE_INT || dr_node_kind(n) == DR_NODE_FLOAT;
}

static struct compiled *compiled(struct dr_json_schema *s, const char *pattern)
{
    struct compiled *c = s->patterns->first;
    struct dr_regex *regex;
    while (c && !dr_streq(c->pattern, pattern))
        c = c->next;
    if (c || dr_regex_new(pattern, &regex, s->err))
        return c;
    c = dr_malloc(sizeof *c);
    *c = (struct compiled){ s->patterns->first, pattern, regex };
    s->patterns->first = c;
    return c;
}

static int pattern_hits(struct dr_json_schema *s, const char *pattern, struct dr_str text)
{
    (void)pthread_mutex_lock(&s->patterns->lock);
    struct compiled *c = compiled(s, pattern);
    (void)pthread_mutex_unlock(&s->patterns->lock);
    return c ? dr_regex_search(c->regex, text, s->err) : WRONG;
}

/* ---- any value ---- */

static bool type_is(const struct dr_node *v, const char *type)
{
    static const struct {
        const char *name;
        int32_t kind;
    } names[] = { { "null", DR_NODE_NULL },  { "boolean", DR_NODE_BOOL }, { "string", DR_NODE_STRING },
                  { "array", DR_NODE_LIST }, { "object", DR_NODE_MAP },   { "integer", DR_NODE_INT },
                  { "number", DR_NODE_INT }, { "number", DR_NODE_FLOAT } };
    if (dr_streq(type, "integer") && dr_node_kind(v) == DR_NODE_FLOAT)
        return v->f == floor(v->f);
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
        if (dr_streq(names[k].name, type) && names[k].kind == dr_node_kind(v))
            return true;
    return false;
}

static int check_type(struct dr_json_schema *s, const struct dr_node *schema, const struct dr_node *arg,
                      const struct dr_node *v)
{
    (void)schema;
    if (dr_node_kind(arg) == DR_NODE_STRING)
        return type_is(v, arg->text.p);
    if (dr_node_kind(arg) != DR_NODE_LIST)
        return wrong(s, "type must be a text or a list of texts");
    for (int32_t i = 0; i < arg->n; i++)
        if (type_is(v, dr_node_str(arg->items[i], "")))
            return 1;
    return 0;
}

static int check_enum(struct dr_json_schema *s, const struct dr_node *schema, const struct dr_node *arg,
                      const struct dr_node *v)
{
    (void)schema;
    if (dr_node_kind(arg) != DR_NODE_LIST)
        return wrong(s, "enum must be a list");
    for (int32_t i = 0; i < arg->n; i++)
        if (dr_node_equal(arg->items[i], v))
            return 1;
    return 0;
}

static int check_const(struct dr_json_schema *s, const struct dr_node *schema, const struct dr_node *arg,
                       const struct dr_node *v)
{
    (void)s;
    (void)schema;
    return dr_node_equal(arg, v);
}

/* ---- numbers and texts ---- */

enum limit { MINIMUM, MAXIMUM, ABOVE, BELOW, MULTIPLE };
static int check_number(struct dr_json_schema *s, const struct dr_node *arg, const struct dr_node *v,
                        enum limit limit)
{
    if (!is_number(v))
        return 1;
    if (!is_number(arg) || (limit == MULTIPLE && arg->f <= 0))
        return wrong(s, "a limit must be a number");
    switch (limit) {
    case MINIMUM:
        return v->f >= arg->f;
    case MAXIMUM:
        return v->f <= arg->f;
    case ABOVE:
        return v->f > arg->f;
    case BELOW:
        return v->f < arg->f;
    default: {
        double q = v->f / arg->f;
        return isfinite(q) && fabs(q - rint(q)) <= 1e-9 * fmax(1, fabs(q));
    }
    }
}

#define KEYWORD(name)                                                                                        \
    static int name(struct dr_json_schema *s, const struct dr_node *schema, const struct dr_node *arg,       \
                    const struct dr_node *v)

KEYWORD(check_minimum)
{
    (void)schema;
    return check_number(s, arg, v, MINIMUM);
}
KEYWORD(check_maximum)
{
    (void)schema;
    return check_number(s, arg, v, MAXIMUM);
}
/* Draft 4 has a truth value, which sharpens minimum or maximum. */
KEYWORD(check_above)
{
    const struct dr_node *limit = dr_node_kind(arg) == DR_NODE_BOOL ? dr_node_get(schema, "minimum") : arg;
    if (dr_node_kind(arg) == DR_NODE_BOOL && (!arg->i || !limit))
        return 1;
    return check_number(s, limit, v, ABOVE);
}
KEYWORD(check_below)
{
    const struct dr_node *limit = dr_node_kind(arg) == DR_NODE_BOOL ? dr_node_get(schema, "maximum") : arg;
    if (dr_node_kind(arg) == DR_NODE_BOOL && (!arg->i || !limit))
        return 1;
    return check_number(s, limit, v, BELOW);
}
KEYWORD(check_multiple)
{
    (void)schema;
    return check_number(s, arg, v, MULTIPLE);
}

static int check_size(struct dr_json_schema *s, const struct dr_node *arg, int64_t size, bool at_least)
{
    if (!is_number(arg))
        return wrong(s, "a size must be a number");
    return at_least ? (double)size >= arg->f : (double)size <= arg->f;
}

static int64_t size_of(const struct dr_node *v, int32_t kind)
{
    return kind == DR_NODE_STRING ? dr_utf8_length(v->text) : v->n;
}

#define SIZE_KEYWORD(name, kind_, at_least)                                                                  \
    KEYWORD(name)                                                                                            \
    {                                                                                                        \
        (void)schema;                                                                                        \
        return dr_node_kind(v) != (kind_) ? 1 : check_size(s, arg, size_of(v, kind_), at_least);             \
    }
SIZE_KEYWORD(check_min_length, DR_NODE_STRING, true)
SIZE_KEYWORD(check_max_length, DR_NODE_STRING, false)
SIZE_KEYWORD(check_min_items, DR_NODE_LIST, true)
SIZE_KEYWORD(check_max_items, DR_NODE_LIST, false)
SIZE_KEYWORD(check_min_properties, DR_NODE_MAP, true)
SIZE_KEYWORD(check_max_properties, DR_NODE_MAP, false)

KEYWORD(check_pattern)
{
    (void)schema;
    if (dr_node_kind(v) != DR_NODE_STRING)
        return 1;
    return dr_node_kind(arg) == DR_NODE_STRING ? pattern_hits(s, arg->text.p, v->text)
                                               : wrong(s, "pattern must be a text");
}

/* ---- lists ---- */

static int each_item(struct dr_json_schema *s, const struct dr_node *schema, const struct dr_node *v,
                     int32_t from)
{
    for (int32_t i = from; i < v->n; i++) {
        int fit = holds(s, schema, v->items[i]);
        if (fit != 1)
            return fit;
    }
    return 1;
}

/* The first items against the schemas of a list. */
static int leading_items(struct dr_json_schema *s, const struct dr_node *schemas, const struct dr_node *v)
{
    for (int32_t i = 0; i < v->n && i < schemas->n; i++) {
        int fit = holds(s, schemas->items[i], v->items[i]);
        if (fit != 1)
            return fit;
    }
    return 1;
}

KEYWORD(check_items)
{
    if (dr_node_kind(v) != DR_NODE_LIST)
        return 1;
    if (dr_node_kind(arg) != DR_NODE_LIST)
        return each_item(s, arg, v, (int32_t)dr_node_size(dr_node_get(schema, "prefixItems")));
    int fit = leading_items(s, arg, v);
    const struct dr_node *more = dr_node_get(schema, "additionalItems");
    return fit != 1 || !more ? fit : each_item(s, more, v, arg->n);
}

KEYWORD(check_prefix_items)
{
    (void)schema;
    if (dr_node_kind(v) != DR_NODE_LIST)
        return 1;
    return dr_node_kind(arg) == DR_NODE_LIST ? leading_items(s, arg, v)
                                             : wrong(s, "prefixItems must be a list");
}

KEYWORD(check_contains)
{
    const struct dr_node *min = dr_node_get(schema, "minContains"), *max = dr_node_get(schema, "maxContains");
    int64_t n = 0;
    if (dr_node_kind(v) != DR_NODE_LIST)
        return 1;
    for (int32_t i = 0; i < v->n; i++) {
        int fit = holds(s, arg, v->items[i]);
        if (fit < 0)
            return fit;
        n += fit;
    }
    return (double)n >= dr_node_float(min, 1) && (!max || (double)n <= dr_node_float(max, 0));
}

KEYWORD(check_unique_items)
{
    (void)s;
    (void)schema;
    if (dr_node_kind(v) != DR_NODE_LIST || !dr_node_bool(arg, 0))
        return 1;
    for (int32_t i = 0; i < v->n; i++)
        for (int32_t j = 0; j < i; j++)
            if (dr_node_equal(v->items[i], v->items[j]))
                return 0;
    return 1;
}

/* ---- maps ---- */

KEYWORD(check_required)
{
    (void)schema;
    if (dr_node_kind(arg) != DR_NODE_LIST)
        return wrong(s, "required must be a list");
    if (dr_node_kind(v) != DR_NODE_MAP)
        return 1;
    for (int32_t i = 0; i < arg->n; i++)
        if (!dr_node_get(v, dr_node_str(arg->items[i], "")))
            return 0;
    return 1;
}

KEYWORD(check_properties)
{
    (void)schema;
    if (dr_node_kind(arg) != DR_NODE_MAP)
        return wrong(s, "properties must be a map");
    for (int32_t i = 0; dr_node_kind(v) == DR_NODE_MAP && i < arg->n; i++) {
        const struct dr_node *value = dr_node_get(v, arg->keys[i].p);
        int fit = value ? holds(s, arg->items[i], value) : 1;
        if (fit != 1)
            return fit;
    }
    return 1;
}

KEYWORD(check_pattern_properties)
{
    (void)schema;
    if (dr_node_kind(arg) != DR_NODE_MAP)
        return wrong(s, "patternProperties must be a map");
    for (int32_t i = 0; dr_node_kind(v) == DR_NODE_MAP && i < arg->n; i++)
        for (int32_t k = 0; k < v->n; k++) {
            int hit = pattern_hits(s, arg->keys[i].p, v->keys[k]);
            int fit = hit == 1 ? holds(s, arg->items[i], v->items[k]) : hit < 0 ? hit : 1;
            if (fit != 1)
                return fit;
        }
    return 1;
}

/* Whether properties or patternProperties speak of a key. */
static int is_named(struct dr_json_schema *s, const struct dr_node *schema, struct dr_str key)
{
    const struct dr_node *patterns = dr_node_get(schema, "patternProperties");
    if (dr_node_get(dr_node_get(schema, "properties"), key.p))
        return 1;
    for (int64_t i = 0; i < dr_node_size(patterns); i++) {
        int hit = pattern_hits(s, patterns->keys[i].p, key);
        if (hit)
            return hit;
    }
    return 0;
}

KEYWORD(check_additional)
{
    for (int32_t i = 0; dr_node_kind(v) == DR_NODE_MAP && i < v->n; i++) {
        int named = is_named(s, schema, v->keys[i]);
        int fit = named ? named : holds(s, arg, v->items[i]);
        if (fit != 1)
            return fit;
    }
    return 1;
}

KEYWORD(check_names)
{
    (void)schema;
    for (int32_t i = 0; dr_node_kind(v) == DR_NODE_MAP && i < v->n; i++) {
        struct dr_node name = { .kind = DR_NODE_STRING, .text = v->keys[i] };
        int fit = holds(s, arg, &name);
        if (fit != 1)
            return fit;
    }
    return 1;
}

/* dependencies and its two successors: a list of names, or a schema. */
KEYWORD(check_dependent)
{
    if (dr_node_kind(arg) != DR_NODE_MAP)
        return wrong(s, "dependencies must be a map");
    for (int32_t i = 0; dr_node_kind(v) == DR_NODE_MAP && i < arg->n; i++) {
        if (!dr_node_get(v, arg->keys[i].p))
            continue;
        int fit = dr_node_kind(arg->items[i]) == DR_NODE_LIST ? check_required(s, schema, arg->items[i], v)
                                                              : holds(s, arg->items[i], v);
        if (fit != 1)
            return fit;
    }
    return 1;
}

/* ---- combinations ---- */

static int count_fits(struct dr_json_schema *s, const struct dr_node *arg, const struct dr_node *v)
{
    int n = 0;
    if (dr_node_kind(arg) != DR_NODE_LIST)
        return wrong(s, "allOf, anyOf and oneOf take a list");
    for (int32_t i = 0; i < arg->n; i++) {
        int fit = holds(s, arg->items[i], v);
        if (fit < 0)
            return fit;
        n += fit;
    }
    return n;
}

KEYWORD(check_all_of)
{
    (void)schema;
    int n = count_fits(s, arg, v);
    return n < 0 ? n : n == arg->n;
}

KEYWORD(check_any_of)
{
    (void)schema;
    int n = count_fits(s, arg, v);
    return n < 0 ? n : n > 0;
}

KEYWORD(check_one_of)
{
    (void)schema;
    int n = count_fits(s, arg, v);
    return n < 0 ? n : n == 1;
}

KEYWORD(check_not)
{
    (void)schema;
    int fit = holds(s, arg, v);
    return fit < 0 ? fit : !fit;
}

KEYWORD(check_if)
{
    int fit = holds(s, arg, v);
    if (fit < 0)
        return fit;
    const struct dr_node *next = dr_node_get(schema, fit ? "then" : "else");
    return next ? holds(s, next, v) : 1;
}

/* The step of a pointer, with ~1 and ~0 decoded. */
static const struct dr_node *step(const struct dr_node *n, struct dr_str part)
{
    char key[256];
    size_t k = 0;
    for (size_t i = 0; i < part.n && k < sizeof key - 1; i++) {
        bool escaped = part.p[i] == '~' && i + 1 < part.n;
        key[k++] = escaped ? (part.p[++i] == '1' ? '/' : '~') : part.p[i];
    }
    key[k] = 0;
    return dr_node_get(n, key);
}

KEYWORD(check_ref)
{
    (void)schema;
    struct dr_str rest = dr_str_of(dr_node_str(arg, "")), part;
    const struct dr_node *target = s->root;
    if (rest.n == 0 || rest.p[0] != '#')
        return wrong(s, "$ref must point into the schema itself (#/...)");
    (void)dr_str_split(&rest, '/', &part);
    while (rest.n && target && dr_str_split(&rest, '/', &part))
        target = step(target, part);
    return target ? holds(s, target, v) : wrong(s, "$ref points nowhere");
}

static const struct {
    const char *name;
    keyword_fn fn;
} keywords[] = { { "$ref", check_ref },
                 { "type", check_type },
                 { "enum", check_enum },
                 { "const", check_const },
                 { "minimum", check_minimum },
                 { "maximum", check_maximum },
                 { "exclusiveMinimum", check_above },
                 { "exclusiveMaximum", check_below },
                 { "multipleOf", check_multiple },
                 { "minLength", check_min_length },
                 { "maxLength", check_max_length },
                 { "pattern", check_pattern },
                 { "items", check_items },
                 { "prefixItems", check_prefix_items },
                 { "contains", check_contains },
                 { "minItems", check_min_items },
                 { "maxItems", check_max_items },
                 { "uniqueItems", check_unique_items },
                 { "required", check_required },
                 { "properties", check_properties },
                 { "patternProperties", check_pattern_properties },
                 { "additionalProperties", check_additional },
                 { "propertyNames", check_names },
                 { "minProperties", check_min_properties },
                 { "maxProperties", check_max_properties },
                 { "dependencies", check_dependent },
                 { "dependentRequired", check_dependent },
                 { "dependentSchemas", check_dependent },
                 { "allOf", check_all_of },
                 { "anyOf", check_any_of },
                 { "oneOf", check_one_of },
                 { "not", check_not },
                 { "if", check_if } };

static int holds(struct dr_json_schema *s, const struct dr_node *schema, const struct dr_node *v)
{
    int fit = 1;
    if (dr_node_kind(schema) == DR_NODE_BOOL)
        return schema->i != 0;
    if (dr_node_kind(schema) != DR_NODE_MAP)
        return wrong(s, "a schema must be a map, true or false");
    if (s->depth >= DEPTH_MAX)
        return wrong(s, "nested too deeply, or $ref leads round in a circle");
    s->depth++;
    for (size_t k = 0; fit == 1 && k < sizeof keywords / sizeof keywords[0]; k++) {
        const struct dr_node *arg = dr_node_get(schema, keywords[k].name);
        if (arg)
            fit = keywords[k].fn(s, schema, arg, v);
    }
    s->depth--;
    return fit;
}

int32_t dr_json_schema_new(const struct dr_node *schema, struct dr_json_schema **ret, struct dr_err *err)
{
    DR_TRY(dr_json_schema_check(schema, err));
    struct dr_json_schema *s = dr_calloc(1, sizeof *s);
    s->root = schema;
    s->patterns = dr_calloc(1, sizeof *s->patterns);
    (void)pthread_mutex_init(&s->patterns->lock, NULL);
    *ret = s;
    return DR_OK;
}

void dr_json_schema_free(struct dr_json_schema *s)
{
    if (!s)
        return;
    for (struct compiled *c = s->patterns->first, *next; c; c = next) {
        next = c->next;
        dr_regex_free(c->regex);
        free(c);
    }
    (void)pthread_mutex_destroy(&s->patterns->lock);
    free(s->patterns);
    free(s);
}

int dr_json_schema_holds(const struct dr_json_schema *s, const struct dr_node *value, struct dr_err *err)
{
    struct dr_json_schema own = *s;
    own.err = err;
    own.depth = 0;
    return holds(&own, s->root, value);
}
