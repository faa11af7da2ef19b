/* yaml_scalar.h - what a plain (unquoted) scalar means: the core schema of
 * YAML 1.2. Shared by the reader and the writer, which must agree. Layer: model. */
#ifndef DR_YAML_SCALAR_H
#define DR_YAML_SCALAR_H
#include "base/node.h"

enum dr_yaml_resolved {
    DR_YAML_OK,
    DR_YAML_TOO_LARGE, /* a number that 64 bits cannot hold */
};
/* Set n's kind and values from n->text, as a plain scalar would be read. */
enum dr_yaml_resolved dr_yaml_resolve(struct dr_node *n);
/* Whether a plain scalar of this text stays text. */
bool dr_yaml_is_text(struct dr_str text);
#endif
