/* graph.h - the tasks of a run as a graph: who waited for whom, and which of them
 * decided when the run ended. Layer: report. */
#ifndef DR_GRAPH_H
#define DR_GRAPH_H
#include "report/page.h"

struct dr_graph_task {
    const struct dr_task_row *row;
    int32_t *upstream; /* places of tasks; in the arena */
    int32_t n_upstream;
    int32_t n_direct;    /* the first of them: those that no other upstream waits for anyway */
    int32_t layer, lane; /* column and row of the drawing */
    bool critical;       /* on the path that decided when the run ended */
};
struct dr_graph {
    struct dr_graph_task *tasks; /* in the DAG's order */
    int32_t n, layers, lanes;
};
void dr_graph_make(const struct dr_facts *f, struct dr_graph *ret);
void dr_graph_draw(struct dr_page *p, const struct dr_graph *g);
/* When each task ran, with its attempts. */
void dr_gantt_draw(struct dr_page *p, const struct dr_graph *g);
#endif
