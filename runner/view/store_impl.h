/* store_impl.h - what the files of the store share. Layer: view, private to store*.c. */
#ifndef DR_VIEW_STORE_IMPL_H
#define DR_VIEW_STORE_IMPL_H
#include "view/store.h"

struct dr_fhir_store {
    struct dr_arena arena;
    struct dr_sql *db; /* owned */
    const struct dr_view_set *set;
    const char *now;
    char **inserts, **deletes; /* statements of each table */
    int64_t load;              /* number of the file being written */
    int64_t file;              /* its id */
};
#endif
