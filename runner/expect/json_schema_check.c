/* json_schema_check.c - whether a JSON Schema is one: each keyword that is
 * known must have an argument of its kind, at every level. What is wrong is said before
 * any value is looked at. */
#include "expect/json_schema.h"
#include <math.h>

#define DEPTH_MAX 200

enum shape {
    TYPE, /* a type's name, or a list of them */
    NUMBER,
    ABOVE_0, /* a number above 0 */
    SIZE,    /* a whole number from 0 */
    TEXT,
    FLAG,
    LIST,
    TEXTS, /* a list of texts */
    SCHEMA,
    SCHEMAS, /* a list of schemas */
    BY_NAME, /* a map of schemas */
    ITEMS,   /* a schema or a list of them */
    LIMIT,   /* a number, or as draft 4 has it, a truth value */
    NEEDS    /* a map of schemas or lists of texts */
};
static const struct {
    const char *keyword;
    enum shape shape;
} shapes[] = { { "type", TYPE },
               { "enum", LIST },
               { "minimum", NUMBER },
               { "maximum", NUMBER },
               { "exclusiveMinimum", LIMIT },
               { "exclusiveMaximum", LIMIT },
               { "multipleOf", ABOVE_0 },
               { "minLength", SIZE },
               { "maxLength", SIZE },
               { "minItems", SIZE },
               { "maxItems", SIZE },
               { "minContains", SIZE },
               { "maxContains", SIZE },
               { "minProperties", SIZE },
               { "maxProperties", SIZE },
               { "pattern", TEXT },
               { "$ref", TEXT },
               { "uniqueItems", FLAG },
               { "required", TEXTS },
               { "items", ITEMS },
               { "prefixItems", SCHEMAS },
               { "allOf", SCHEMAS },
               { "anyOf", SCHEMAS },
               { "oneOf", SCHEMAS },
               { "additionalItems", SCHEMA },
               { "contains", SCHEMA },
               { "additionalProperties", SCHEMA },
               { "propertyNames", SCHEMA },
               { "not", SCHEMA },
               { "if", SCHEMA },
               { "then", SCHEMA },
               { "else", SCHEMA },
               { "properties", BY_NAME },
               { "patternProperties", BY_NAME },
               { "definitions", BY_NAME },
               { "$defs", BY_NAME },
               { "dependencies", NEEDS },
               { "dependentRequired", NEEDS },
               { "dependentSchemas", NEEDS } };

static const char *wrong_schema(const struct dr_node *n, int depth, const char **ret_at);

static bool is_number(const struct dr_node *n)
{
    return dr_node_kind(n) == DR_NODE_INT || dr_node_kind(n) == DR_NODE_FLOAT;
}

static bool is_type(const struct dr_node *n)
{
    static const char *const names[] = {
        "null", "boolean", "string", "array", "object", "integer", "number"
    };
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
        if (dr_streq(dr_node_str(n, ""), names[k]))
            return true;
    return false;
}

static bool all_texts(const struct dr_node *n, bool types)
{
    for (int64_t i = 0; i < dr_node_size(n); i++)
        if (types ? !is_type(n->items[i]) : dr_node_kind(n->items[i]) != DR_NODE_STRING)
            return false;
    return dr_node_kind(n) == DR_NODE_LIST;
}

/* The first problem among the schemas of a list or map. */
static const char *wrong_among(const struct dr_node *n, int32_t kind, bool texts_too, int depth,
                               const char **ret_at)
{
    if (dr_node_kind(n) != kind)
        return kind == DR_NODE_LIST ? "a list of schemas expected" : "a map of schemas expected";
    for (int32_t i = 0; i < n->n; i++) {
        if (texts_too && all_texts(n->items[i], false))
            continue;
        const char *why = wrong_schema(n->items[i], depth + 1, ret_at);
        if (why)
            return why;
    }
    return NULL;
}

static const char *wrong_scalar(enum shape shape, const struct dr_node *n)
{
    bool number = is_number(n);
    switch (shape) {
    case TYPE:
        return is_type(n) || all_texts(n, true) ? NULL : "a type's name expected";
    case NUMBER:
        return number ? NULL : "a number expected";
    case LIMIT:
        return number || dr_node_kind(n) == DR_NODE_BOOL ? NULL : "a number expected";
    case ABOVE_0:
        return number && n->f > 0 ? NULL : "a number above 0 expected";
    case SIZE:
        return number && n->f >= 0 && n->f == floor(n->f) ? NULL : "a whole number from 0 expected";
    case TEXT:
        return dr_node_kind(n) == DR_NODE_STRING ? NULL : "a text expected";
    case FLAG:
        return dr_node_kind(n) == DR_NODE_BOOL ? NULL : "true or false expected";
    case TEXTS: /* draft 3 wrote `required: true` beside a property; some still do */
        return all_texts(n, false) || dr_node_kind(n) == DR_NODE_BOOL ? NULL : "a list of names expected";
    default:
        return dr_node_kind(n) == DR_NODE_LIST ? NULL : "a list expected";
    }
}

static const char *wrong_argument(enum shape shape, const struct dr_node *n, int depth, const char **ret_at)
{
    switch (shape) {
    case SCHEMA:
        return wrong_schema(n, depth + 1, ret_at);
    case SCHEMAS:
        return wrong_among(n, DR_NODE_LIST, false, depth, ret_at);
    case ITEMS:
        return dr_node_kind(n) == DR_NODE_LIST ? wrong_among(n, DR_NODE_LIST, false, depth, ret_at)
                                               : wrong_schema(n, depth + 1, ret_at);
    case BY_NAME:
        return wrong_among(n, DR_NODE_MAP, false, depth, ret_at);
    case NEEDS:
        return wrong_among(n, DR_NODE_MAP, true, depth, ret_at);
    default:
        return wrong_scalar(shape, n);
    }
}

/* What is wrong, or NULL; *ret_at is the keyword. */
static const char *wrong_schema(const struct dr_node *n, int depth, const char **ret_at)
{
    if (dr_node_kind(n) == DR_NODE_BOOL)
        return NULL;
    if (dr_node_kind(n) != DR_NODE_MAP)
        return "a schema must be a map, true or false";
    if (depth > DEPTH_MAX)
        return "nested too deeply";
    for (size_t k = 0; k < sizeof shapes / sizeof shapes[0]; k++) {
        const struct dr_node *arg = dr_node_get(n, shapes[k].keyword);
        const char *deeper = NULL;
        const char *why = arg ? wrong_argument(shapes[k].shape, arg, depth, &deeper) : NULL;
        if (why) {
            *ret_at = deeper ? deeper : shapes[k].keyword;
            return why;
        }
    }
    return NULL;
}

int32_t dr_json_schema_check(const struct dr_node *schema, struct dr_err *err)
{
    const char *at = NULL, *why = wrong_schema(schema, 0, &at);
    if (!why)
        return DR_OK;
    return dr_fail(err, DR_EDEF, "SchemaError: the JSON schema is not valid: %s%s%s", at ? at : "",
                   at ? ": " : "", why);
}
