/* quality_report - the HTML report of the run, and the index of runs. */
#include <dagrun/task.h>

static int32_t quality_report(struct dr_task *t)
{
    return dr_task_report_last(t);
}

DR_PLUGIN(.name = "quality_report", .summary = "Write the run's HTML report, and the index of all runs",
          .doc =
              "Writes reports/DAG/RUN_ID/index.html, reports/DAG/latest and reports/index.html. Give it\n"
              "`trigger_rule: all_done`, so that there is a report also of a run that failed. As the last\n"
              "task of its run it leaves the page to the runner, which writes it when the run has ended.\n"
              "The task fails when the rows of a dataset do not add up (raw = clean + quarantined + "
              "duplicates).",
          .run = quality_report);
