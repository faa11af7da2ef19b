/* recover.h - who runs what, and what to do about runners that are gone.
 * Layer: exec. */
#ifndef DR_RECOVER_H
#define DR_RECOVER_H
#include "state/state.h"

/* This process, as the run store records runners. */
void dr_runner_identify(struct dr_runner_id *ret);
/* Whether that very process is still there: pid, start time and boot agree. */
bool dr_runner_alive(const struct dr_runner_id *id);
/* var/locks/DAG.lock, held by whoever runs the DAG; waits up to wait_us. DR_EBUSY names the holder. */
int32_t dr_recover_lock(const struct dr_home *h, const char *dag_id, int64_t wait_us, int *ret_fd,
                        struct dr_err *err);
/* With the DAG's lock held: its runs that stand as running have no runner. End
 * what their workers left running, and fail the runs. */
int32_t dr_recover_dag(const struct dr_home *h, struct dr_state *s, const char *dag_id, int32_t *ret_n,
                       struct dr_err *err);
#endif
