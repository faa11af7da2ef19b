/* plugins.h - what plugins declare, learned in a child process, so that a
 * broken plugin cannot harm the one who asks. Layer: exec. */
#ifndef DR_PLUGINS_H
#define DR_PLUGINS_H
#include "model/dag.h"

struct dr_plugins; /* in the arena given */
/* Describe the plugins named (NULL: all there are) with one child. A plugin
 * that cannot be loaded is in the set with `problem` saying why. */
int32_t dr_plugins_load(struct dr_arena *a, const struct dr_home *h, const char *const *names, size_t n,
                        struct dr_plugins **ret, struct dr_err *err);
const struct dr_plugin_spec *dr_plugins_find(const struct dr_plugins *p, const char *name);
const struct dr_plugin_spec *const *dr_plugins_list(const struct dr_plugins *p, size_t *ret_n);
/* As dr_dag_load wants it. */
struct dr_spec_source dr_plugins_source(const struct dr_plugins *p);
#endif
