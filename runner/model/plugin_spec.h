/* plugin_spec.h - a plugin's declaration as data: what dagrun/task.h's struct
 * dr_plugin says, copied out of the child process that loaded it. Layer: model. */
#ifndef DR_PLUGIN_SPEC_H
#define DR_PLUGIN_SPEC_H
#include "base/node.h"

struct dr_param_spec {
    const char *name;
    int32_t type, flags;
    const struct dr_node *fallback; /* or NULL */
    const char *const *choices;     /* NULL: any */
    int32_t n_choices;
    const char *doc;
};
struct dr_port_spec {
    const char *name;
    int32_t flags;
    const char *doc;
};
struct dr_plugin_spec {
    const char *name, *summary, *doc, *version, *path;
    char hash[40]; /* content hash of the .so */
    struct dr_param_spec *params;
    struct dr_port_spec *inputs, *outputs;
    int32_t n_params, n_inputs, n_outputs;
    bool has_check;      /* it can tell more of its tasks before a run */
    const char *problem; /* why it cannot be used, or NULL; then the rest is empty */
};
#endif
