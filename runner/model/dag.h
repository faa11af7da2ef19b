/* dag.h - one workflow as declared: tasks, edges, parameters.
 *
 * Lives in the arena given to dr_dag_load; read-only afterwards. Knows nothing
 * of runs or databases. The DAG file reference is docs/dags.md. Layer: model. */
#ifndef DR_DAG_H
#define DR_DAG_H
#include "base/date.h"
#include "model/cron.h"
#include "model/home.h"
#include "model/plugin_spec.h"

enum dr_trigger_rule { /* Airflow's names and meaning */
                       DR_TRIGGER_ALL_SUCCESS,
                       DR_TRIGGER_ALL_DONE,
                       DR_TRIGGER_ALL_FAILED,
                       DR_TRIGGER_ONE_SUCCESS,
                       DR_TRIGGER_ONE_FAILED,
                       DR_TRIGGER_ONE_DONE,
                       DR_TRIGGER_NONE_FAILED,
                       DR_TRIGGER_NONE_FAILED_MIN_ONE_SUCCESS,
                       DR_TRIGGER_NONE_SKIPPED,
                       DR_TRIGGER_ALL_SKIPPED,
                       DR_TRIGGER_ALWAYS
};
const char *dr_trigger_rule_name(enum dr_trigger_rule r);

/* One dataset or file that a task reads or writes. */
struct dr_binding {
    const char *port; /* the plugin's name for it */
    const char *text; /* as written, with ${...} */
    struct dr_mark mark;
    int32_t producer; /* inputs: index of the task that makes the dataset, or -1: a path */
};
struct dr_task_def {
    const char *id;
    struct dr_mark mark;
    const char *plugin;
    const struct dr_plugin_spec *spec; /* NULL where the DAG was loaded without specs */
    const char *description;
    const struct dr_node *with; /* MAP or NULL; ${...} not yet substituted */
    struct dr_binding *inputs, *outputs;
    int32_t n_inputs, n_outputs;
    int32_t *upstream, *downstream; /* task indices, ascending, each once */
    int32_t n_upstream, n_downstream;
    enum dr_trigger_rule trigger_rule;
    int32_t retries;
    int64_t retry_delay_us, max_retry_delay_us;
    bool retry_exponential_backoff;
    int64_t execution_timeout_us; /* 0: none */
    int64_t memory_limit;         /* bytes of address space; 0: none */
    int32_t priority_weight;      /* larger runs first among ready tasks */
    const char *owner;
    const struct dr_node *env; /* MAP of strings, or NULL */
};
struct dr_dag_param {
    const char *name;
    int32_t type;                   /* enum dr_param_type */
    const struct dr_node *fallback; /* or NULL: required */
    const char *doc;
    struct dr_mark mark;
    const char *const *choices;
    int32_t n_choices;
};
struct dr_dag {
    const char *dag_id, *description, *owner;
    const char *path;   /* absolute */
    char hash[40];      /* of the file's bytes: the DAG version */
    struct dr_str text; /* the file, as read */
    const char *const *tags;
    int32_t n_tags;
    bool has_schedule;
    struct dr_cron schedule;
    const char *schedule_text; /* as written, or NULL */
    const struct dr_zone *zone;
    int64_t start_us, end_us; /* INT64_MIN / INT64_MAX where not given */
    bool catchup;
    int32_t max_active_runs, max_active_tasks; /* 0: the runner's default */
    struct dr_dag_param *params;
    int32_t n_params;
    struct dr_task_def *tasks; /* in order of the file */
    int32_t n_tasks;
    int32_t *topo; /* task indices in a topological order, file order among equals */
    const struct dr_node *root;
};
/* What a plugin declares; asked for each plugin name that a DAG uses. NULL:
 * there is no such plugin (then *ret_known lists names for "did you mean"). */
struct dr_spec_source {
    const struct dr_plugin_spec *(*find)(void *ctx, const char *name);
    const char *const *(*names)(void *ctx, size_t *ret_n);
    void *ctx;
};
/* Read and check dags/ID.yaml. Gives NULL where d holds errors. Checks: unknown and duplicate keys, types,
 * ids, cycles (the message names the loop), unknown plugins, parameters, ports, suites, datasets nobody makes
 * or that two make, ${...} that do not resolve, trigger rules, schedule, zone, dates, missing input files
 * (warning). specs may be NULL: plugins are not looked at. */
struct dr_dag *dr_dag_load(struct dr_arena *a, const struct dr_home *h, const char *dag_id,
                           const struct dr_spec_source *specs, struct dr_diags *d);
/* The first time later than after_us, or the last one not later than at_us, that the schedule comes between
 * start_date and end_date; false: there is none, or no schedule. */
bool dr_dag_next_due(const struct dr_dag *dag, int64_t after_us, int64_t *ret_us);
bool dr_dag_last_due(const struct dr_dag *dag, int64_t at_us, int64_t *ret_us);
int32_t dr_dag_find_task(const struct dr_dag *dag, const char *task_id); /* index or -1 */
/* Names of the plugins a DAG file uses, before specs are known; unsorted, each once. */
void dr_dag_plugin_names(struct dr_arena *a, const struct dr_node *root, const char *const **ret,
                         size_t *ret_n);

/* ${...}: what a run puts in place. */
struct dr_subst {
    const struct dr_node *params; /* MAP of the run's parameters */
    const char *run_id, *dag_id, *logical_date, *data_interval_start, *data_interval_end;
};
/* text with every ${...} replaced, in the arena; "$${" is a literal "${". An
 * unknown name or an unset env.NAME is an error with the names there are. */
int32_t dr_subst_text(struct dr_arena *a, struct dr_str text, const struct dr_subst *s, const char **ret,
                      struct dr_err *err);
/* The same through a tree; a scalar that is exactly one "${params.x}" takes
 * the parameter's value with its type. */
int32_t dr_subst_node(struct dr_arena *a, const struct dr_node *n, const struct dr_subst *s,
                      struct dr_node **ret, struct dr_err *err);
/* The run's parameters: defaults overlaid with `given` (a MAP or NULL), typed
 * and checked; err names the parameter, what was expected and the nearest name. */
int32_t dr_dag_params(struct dr_arena *a, const struct dr_dag *dag, const struct dr_node *given,
                      struct dr_node **ret, struct dr_err *err);
/* Check `with` against a plugin's declaration and fill in defaults, into *ret. */
struct dr_node *dr_spec_check_with(struct dr_arena *a, const struct dr_plugin_spec *spec,
                                   const struct dr_node *with, const struct dr_home *h, struct dr_mark where,
                                   struct dr_diags *d);
#endif
