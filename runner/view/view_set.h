/* view_set.h - the views of a folder, as the tables they become. Layer: view. */
#ifndef DR_VIEW_SET_H
#define DR_VIEW_SET_H
#include "view/definition.h"

#define DR_VIEWS_MAX 500

/* How a column is stored. */
enum dr_view_store { DR_STORE_TEXT, DR_STORE_INTEGER, DR_STORE_REAL };
struct dr_view_table {
    const struct dr_view *view;
    int32_t key;                      /* the column that holds getResourceKey() */
    bool single;                      /* one row for each resource: the key is the primary key */
    const enum dr_view_store *stores; /* of each column */
};
struct dr_view_set {
    const struct dr_view_table *tables; /* by file name */
    int32_t n;
    char hash[DR_HASH_HEX]; /* of what all definitions say: another one means other tables */
};
/* Every *.yaml, *.yml and *.json of a folder. NULL where d got errors: a view that is wrong, two
 * of one name, one without the key of its resource, or no view at all. */
const struct dr_view_set *dr_view_set_load(struct dr_arena *a, const char *folder, const char *shown_as,
                                           struct dr_diags *d);
#endif
