/* ready.h - which task may run next: counters of finished upstreams, trigger
 * rules, and a heap of those that are ready. Pure: no processes, no clock, no
 * database. Layer: exec.
 *
 * The caller says which tasks ended and how; a task's verdict is worked out from
 * counters each time one of its upstreams ends, so a whole run costs
 * O(tasks + edges), and nothing is ever looked at twice. */
#ifndef DR_READY_H
#define DR_READY_H
#include "model/dag.h"
#include "state/state.h"

/* How many of a task's upstreams there are, and how they ended. Cancelled ones
 * count as failed. */
struct dr_upstreams {
    int32_t total, success, failed, upstream_failed, skipped;
};
enum dr_verdict { DR_VERDICT_WAIT, DR_VERDICT_RUN, DR_VERDICT_SKIP, DR_VERDICT_UPSTREAM_FAILED };
/* Airflow's trigger rules. A verdict may come before all upstreams have ended:
 * all_success fails with the first failure. A task without upstreams runs. */
enum dr_verdict dr_ready_judge(enum dr_trigger_rule rule, const struct dr_upstreams *u);

struct dr_ready {
    const struct dr_dag *dag;    /* borrowed */
    struct dr_upstreams *counts; /* per task, in the arena */
    bool *decided;               /* per task: a verdict was given */
    int32_t *rank;               /* per task: position in the topological order */
    int32_t *heap, n_heap;       /* tasks to run, best first */
    int32_t *fresh, n_fresh;     /* put into the heap and not yet told, last in first out */
    int32_t *ended, n_ended;     /* tasks whose end was decided without running, last in first out */
    enum dr_verdict *how;        /* per task: its verdict */
};
void dr_ready_init(struct dr_ready *r, struct dr_arena *a, const struct dr_dag *dag);
/* A resumed run: this task ended earlier, before the first dr_ready_start. */
void dr_ready_restore(struct dr_ready *r, int32_t task, enum dr_task_state state);
/* Judge every task once; call after restoring. */
void dr_ready_start(struct dr_ready *r);
/* A task ended; judges those downstream of it. */
void dr_ready_end(struct dr_ready *r, int32_t task, enum dr_task_state state);
/* The next task that ends without running (SKIPPED or UPSTREAM_FAILED); its own end
 * has not been told to its downstreams yet: call dr_ready_end for it. */
bool dr_ready_take_ended(struct dr_ready *r, int32_t *ret_task, enum dr_task_state *ret_state);
/* A task that became ready since it was last asked; each is told once. */
bool dr_ready_take_fresh(struct dr_ready *r, int32_t *ret_task);
/* The best task to run: highest priority_weight, then topological position. */
bool dr_ready_take(struct dr_ready *r, int32_t *ret_task);
/* Put a task back, for its next attempt. */
void dr_ready_again(struct dr_ready *r, int32_t task);
#endif
