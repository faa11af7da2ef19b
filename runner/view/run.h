/* run.h - a view over a resource: rows. Layer: view. */
#ifndef DR_VIEW_RUN_H
#define DR_VIEW_RUN_H
#include "view/bundle.h"
#include "view/definition.h"

enum dr_cell_kind {
    DR_VIEW_NULL,
    DR_VIEW_BOOL,   /* .truth */
    DR_VIEW_NUMBER, /* .text, as written */
    DR_VIEW_TEXT,
    DR_VIEW_JSON /* a collection as a JSON array, or an object */
};
struct dr_view_cell {
    enum dr_cell_kind kind;
    bool truth;
    struct dr_str text; /* lives until the runner takes the next resource */
};
/* Called for each row with the view's n_columns cells; what it returns, if not 0, ends the run. */
typedef int32_t (*dr_view_row_fn)(void *ctx, const struct dr_view *v, const struct dr_view_cell *cells,
                                  struct dr_err *err);

/* Used by one thread; reused from resource to resource. */
struct dr_view_runner;
struct dr_view_runner *dr_view_runner_new(void);
void dr_view_runner_free(struct dr_view_runner *r);
/* The rows of one resource, of another type than the view's none. key is the resource's own
 * (dr_bundle_entry); bundle may be NULL. err names view, column and path. Rows handed on before
 * a failure are the caller's to drop. */
int32_t dr_view_run(struct dr_view_runner *r, const struct dr_view *v, struct dr_json_value resource,
                    struct dr_str key, const struct dr_bundle *bundle, dr_view_row_fn row, void *ctx,
                    struct dr_err *err);
#define DR_VIEW_ROWS_MAX 1000000 /* of one view from one resource */
#endif
