/* report.h - write HTML reports. Layer: report. */
#ifndef DR_REPORT_H
#define DR_REPORT_H
#include "state/state.h"

/* reports/DAG/RUN_ID/index.html (with the files beside it that it links to),
 * reports/DAG/latest (a relative link to the DAG's newest run that has a report)
 * and reports/index.html. Each appears whole. Reads the run store and the
 * run's datasets; *ret_path (may be NULL) is the report, in arena a. */
int32_t dr_report_write(struct dr_state *s, const struct dr_home *h, const char *dag_id, const char *run_id,
                        struct dr_arena *a, const char **ret_path, struct dr_err *err);
/* For a run that is about to end and whose report is then to be written: the report's folder is made, which
 * says so, and the rows are reconciled. */
int32_t dr_report_announce(struct dr_state *s, const struct dr_home *h, const char *dag_id, int64_t run,
                           const char *run_id, struct dr_err *err);
/* Whether the run has a report or one was announced. */
bool dr_report_is_due(const struct dr_home *h, const char *dag_id, const char *run_id);
/* Whether the rows of a run add up. */
int32_t dr_report_check_rows(struct dr_state *s, int64_t run, struct dr_err *err);
/* Only reports/index.html. */
int32_t dr_report_index(const struct dr_home *h, struct dr_err *err);
/* raw = clean + quarantined + duplicates for each dataset that has a raw and a
 * clean stage, in all and for each group that has a raw stage. DR_EINPUT says
 * which dataset and group does not add up. */
int32_t dr_report_reconcile(const struct dr_account_row *rows, int32_t n, struct dr_err *err);
#endif
