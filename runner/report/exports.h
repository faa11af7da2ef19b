/* exports.h - the files beside a report: rows that were set apart, statistics, and
 * decisions, as CSV, with the values of sensitive columns masked. Layer: report.
 *
 * Which columns are sensitive is what the suites of the run say, over all of its
 * datasets. Where a suite cannot be read any more nobody can say, and then
 * nothing is exported. */
#ifndef DR_EXPORTS_H
#define DR_EXPORTS_H
#include "data/column.h"
#include "report/facts.h"

enum dr_export_kind { DR_EXPORT_SET_APART, DR_EXPORT_STATISTICS, DR_EXPORT_DECISIONS };
struct dr_export {
    enum dr_export_kind kind;
    const char *dataset, *task_id;
    const char *file; /* its name in the report's folder; NULL: not written, see problem */
    const char *problem;
    struct dr_table *table; /* kept for the page; freed with the arena */
    int64_t rows;
};
struct dr_exports {
    struct dr_export *items; /* in the arena */
    int32_t n;
    const char *withheld; /* why nothing is exported, or NULL */
};
/* Finds the run's datasets of these kinds and writes them into dir. What cannot be
 * read or written becomes a problem of its export. */
void dr_exports_write(const struct dr_facts *f, const char *dir, struct dr_exports *ret);
#endif
