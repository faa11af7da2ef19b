/* earlier.h - what the last good run of a task found, for expectations that
 * compare with it. Layer: exec.
 *
 * One file for each task, suite and dataset, under var/earlier, holds the results of
 * the last run that let the data pass, and those of the run before it: a task
 * that is tried again must not be compared with its own first try. It is
 * written by the worker, whole or not at all, and no part of the run store. */
#ifndef DR_EARLIER_H
#define DR_EARLIER_H
#include "expect/expect.h"

/* The results of an earlier run than run_id by expectation id (a MAP), or NULL where
 * there are none or the file cannot be read. */
const struct dr_node *dr_earlier_load(struct dr_arena *a, const char *path, const char *run_id);
/* Keep what this run found of the expectations that compare with earlier runs. */
int32_t dr_earlier_save(const char *path, const char *run_id, const struct dr_results *r, struct dr_err *err);
#endif
