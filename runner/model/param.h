/* param.h - values of declared parameters, a plugin's and a DAG's alike.
 * Layer: model. */
#ifndef DR_PARAM_H
#define DR_PARAM_H
#include "model/dag.h"

struct dr_param_rule {
    const char *name;
    int32_t type; /* enum dr_param_type */
    const char *const *choices;
    int32_t n_choices;
};
/* value as the type wants it, or NULL with err saying what was expected. Text
 * that was not quoted is read as YAML would (it comes from ${...} or the command line). With
 * home, paths and suites must exist. Text that still holds a "${" passes. */
const struct dr_node *dr_param_value(struct dr_arena *a, const struct dr_param_rule *rule,
                                     const struct dr_node *value, const struct dr_home *home,
                                     struct dr_err *err);
/* "string", "int", ...; NULL for no type. The table ends with NULL. */
extern const char *const dr_param_type_names[];
#endif
