/* json_schema.h - whether a JSON value fits a JSON Schema. Layer: expect.
 *
 * The keywords that drafts 6 to 2020-12 share, with the meaning that draft 7
 * gives them; $ref within the schema (#, #/definitions/x, #/$defs/x). Keywords
 * that are not known are passed over, as the specification asks; `format` is
 * an annotation and checks nothing. */
#ifndef DR_JSON_SCHEMA_H
#define DR_JSON_SCHEMA_H
#include "base/node.h"

#define DR_JSON_SCHEMA_DOC                                                                                   \
    "Text that is not JSON is unexpected. JSON Schema draft 7 (which drafts 6 to 2020-12 share): type, "     \
    "enum, const, "                                                                                          \
    "minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, minLength, maxLength, pattern, "      \
    "items, "                                                                                                \
    "prefixItems, additionalItems, contains, minContains, maxContains, minItems, maxItems, uniqueItems, "    \
    "properties, "                                                                                           \
    "patternProperties, additionalProperties, propertyNames, required, minProperties, maxProperties, "       \
    "dependentRequired, dependentSchemas, dependencies, allOf, anyOf, oneOf, not, if/then/else and local "   \
    "$ref. "                                                                                                 \
    "format is not checked, as in Great Expectations."

struct dr_json_schema;
/* Whether schema is one; err names the keyword that is wrong. */
int32_t dr_json_schema_check(const struct dr_node *schema, struct dr_err *err);
/* Checked as above. schema is borrowed. Patterns are compiled on first use. */
int32_t dr_json_schema_new(const struct dr_node *schema, struct dr_json_schema **ret, struct dr_err *err);
void dr_json_schema_free(struct dr_json_schema *s);
/* 1 or 0; -1 with err where the schema itself is wrong. Threads may share a schema. */
int dr_json_schema_holds(const struct dr_json_schema *s, const struct dr_node *value, struct dr_err *err);
#endif
