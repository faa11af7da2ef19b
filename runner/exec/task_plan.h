/* task_plan.h - what tasks say of themselves before any run, through the check of their
 * plugins. Layer: exec. */
#ifndef DR_TASK_PLAN_H
#define DR_TASK_PLAN_H
#include "model/dag.h"

/* Call the check of each task's plugin that has one, in a child process and in the order of the
 * graph, and add what they find to d. The DAG was loaded without errors, with specs. */
int32_t dr_task_plan_check(const struct dr_home *h, const struct dr_dag *dag, struct dr_diags *d,
                           struct dr_err *err);
#endif
