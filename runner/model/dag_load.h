/* dag_load.h - how the files that load a DAG share the work: dag.c reads the
 * file's own keys, dag_task.c the tasks, dag_graph.c ties tasks together.
 * Layer: model. */
#ifndef DR_DAG_LOAD_H
#define DR_DAG_LOAD_H
#include "model/dag.h"
#include "model/read.h"

/* What default_args and each task may set. */
struct dr_task_args {
    int32_t trigger_rule, retries, priority_weight;
    int64_t retry_delay_us, max_retry_delay_us, execution_timeout_us, memory_limit;
    bool retry_exponential_backoff;
    const char *owner;
};
struct dr_dag_loader {
    struct dr_reader r;
    const struct dr_home *home;
    const struct dr_spec_source *specs; /* or NULL */
    struct dr_dag *dag;                 /* being filled */
    struct dr_task_args defaults;
    const char *const *param_names;       /* n_params of them */
    struct dr_subst preview;              /* what is known before a run */
    const struct dr_plugin_spec *told[8]; /* unusable plugins of which it was said already */
    int32_t n_told;
};
/* The keys of default_args, in *args, which holds what counts where one is absent. */
void dr_load_args(struct dr_reader *r, const struct dr_node *map, struct dr_task_args *args);
/* dag->tasks from the map `tasks`. */
void dr_load_tasks(struct dr_dag_loader *l, const struct dr_node *tasks);
/* Producers, edges and the topological order. */
void dr_load_graph(struct dr_dag_loader *l);
/* Refuse wrong ${...} anywhere in a tree (NULL is fine). */
void dr_load_check_subst(struct dr_dag_loader *l, const struct dr_node *n);
#endif
