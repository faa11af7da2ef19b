/* subst.h - the parts of ${...} that loading a DAG needs beside dag.h's.
 * Layer: model. */
#ifndef DR_SUBST_H
#define DR_SUBST_H
#include "model/dag.h"

/* Call fn for each ${name} of the text, until one fails. Itself it fails where
 * a "${" is not closed. */
int32_t dr_subst_each(struct dr_str text, int32_t (*fn)(void *ctx, struct dr_str name, struct dr_err *err),
                      void *ctx, struct dr_err *err);
/* As dr_subst_text and dr_subst_node, but what s does not hold stays as it is written. */
const char *dr_subst_preview_text(struct dr_arena *a, struct dr_str text, const struct dr_subst *s);
struct dr_node *dr_subst_preview(struct dr_arena *a, const struct dr_node *n, const struct dr_subst *s);
/* Refuse a name that no ${...} can have, with the nearest right one; params as in struct dr_subst. */
int32_t dr_subst_check_name(struct dr_arena *a, struct dr_str name, const char *const *params,
                            size_t n_params, struct dr_err *err);
/* Whether a "${" is left in the text. */
bool dr_subst_has(struct dr_str text);
#endif
