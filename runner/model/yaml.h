/* yaml.h - YAML text to a value tree, over libyaml's events (the only module
 * that includes it). YAML 1.1 syntax with the 1.2 core schema for plain
 * scalars (so `no` and `on` are strings, and 012 is 12), anchors and merge keys.
 * Layer: model.
 *
 * Refused with a place: duplicate keys, non-scalar keys, unknown tags, aliases that make
 * the tree larger than DR_YAML_MAX_NODES (alias bombs), depth over
 * DR_YAML_MAX_DEPTH, more than one document, text that is not UTF-8, files over DR_YAML_MAX_BYTES. */
#ifndef DR_YAML_H
#define DR_YAML_H
#include "model/diag.h"

#define DR_YAML_MAX_BYTES ((size_t)8 << 20)
#define DR_YAML_MAX_NODES 200000
#define DR_YAML_MAX_DEPTH 64
/* shown_as is the file name that marks carry (usually relative to the home).
 * NULL after an error, which is in d. An empty document is a null node. */
struct dr_node *dr_yaml_parse(struct dr_arena *a, struct dr_str text, const char *shown_as,
                              struct dr_diags *d);
/* A file that cannot be read is an error in d without a line. */
struct dr_node *dr_yaml_load(struct dr_arena *a, const char *path, const char *shown_as, struct dr_diags *d);
/* Append a node as YAML text (block style) that reads back equal. */
void dr_yaml_put_node(struct dr_buf *b, const struct dr_node *n, int indent);
#endif
