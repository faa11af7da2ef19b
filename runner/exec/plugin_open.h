/* plugin_open.h - load a plugin into this process and check that it is one.
 * Only ever called in a child process. Layer: exec. */
#ifndef DR_PLUGIN_OPEN_H
#define DR_PLUGIN_OPEN_H
#include "base/str.h"
#include <dagrun/task.h>

/* The plugin's declaration, living as long as the process. DR_EPLUGIN says
 * which rule was broken, with both values where two differ. */
/* The expectation of a plugin: folder/NAME.so, which ends in DR_ROW_CHECK(...). */
int32_t dr_row_check_open(const char *folder, const char *name, const struct dr_row_check **ret,
                          struct dr_err *err);
int32_t dr_plugin_open(const char *path, const char *name, const struct dr_plugin **ret, struct dr_err *err);
/* The entries of a declaration's arrays; 0 for NULL. err where there are absurdly many. */
int32_t dr_plugin_count_params(const struct dr_plugin *p, int32_t *ret, struct dr_err *err);
int32_t dr_plugin_count_ports(const struct dr_plugin *p, const struct dr_port *ports, int32_t *ret,
                              struct dr_err *err);
/* Entry i, found by the size of an entry that the plugin was built with. */
const struct dr_param *dr_plugin_param(const struct dr_plugin *p, int32_t i);
const struct dr_port *dr_plugin_port(const struct dr_plugin *p, const struct dr_port *ports, int32_t i);
typedef int32_t dr_plugin_check_fn(struct dr_task *t);
/* What checks its tasks before a run, or NULL. */
dr_plugin_check_fn *dr_plugin_check(const struct dr_plugin *p);
#endif
