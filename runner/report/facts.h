/* facts.h - all that a report says of a run, read from the run store in one go,
 * before anything is drawn. Layer: report. */
#ifndef DR_FACTS_H
#define DR_FACTS_H
#include "report/account.h"

enum dr_outcome { DR_OUTCOME_PASSED, DR_OUTCOME_FAILED, DR_OUTCOME_ERROR, DR_OUTCOME_NOT_RUN };
/* Against the DAG's run before this one. */
enum dr_change { DR_CHANGE_NONE, DR_CHANGE_NEW, DR_CHANGE_STILL, DR_CHANGE_FIXED };
enum { DR_STRIP_RUNS = 30 };

struct dr_fact_check {
    const struct dr_result_record *r;
    const char *task_id;
    const struct dr_history *history; /* NULL: none */
    enum dr_outcome outcome;
    enum dr_change change;
    int32_t severity;   /* enum dr_severity */
    const char *anchor; /* its permalink: stable over runs */
    const char *since;  /* run id: failing (or not evaluable) without a break since; or NULL */
    bool since_beyond;  /* ... and perhaps before: the history shown begins with a failure */
    int64_t more;       /* unexpected values more than in the run before; INT64_MIN: unknown */
};
struct dr_facts {
    struct dr_arena *a;         /* borrowed; holds everything */
    const struct dr_home *home; /* borrowed */
    struct dr_run_row run;
    const char *before;  /* run id of the DAG's finished run before it, or NULL */
    const char **recent; /* run ids: the DAG's last runs, newest made first */
    int32_t n_recent;
    struct dr_task_row *tasks;
    struct dr_attempt_row *attempts;
    struct dr_dataset_row *datasets;
    struct dr_metric_row *metrics;
    struct dr_plugin_row *plugins;
    int32_t n_tasks, n_attempts, n_datasets, n_metrics, n_plugins;
    struct dr_fact_check *checks; /* in task and suite order */
    int32_t n_checks, passed, failed, errors;
    int32_t failed_by_severity[3], fresh, still, fixed;
    struct dr_account *accounts;
    int32_t n_accounts;
    struct dr_err unbalanced; /* rc is not 0 where rows do not add up */
    int64_t now_us;
};
int32_t dr_facts_read(struct dr_state *s, const struct dr_home *h, const char *dag_id, const char *run_id,
                      struct dr_arena *a, struct dr_facts *ret, struct dr_err *err);
#endif
