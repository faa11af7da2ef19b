/* ingest.h - files of FHIR resources into the tables of a store: reading and running views
 * on some threads while one writes what is ready. Layer: view. */
#ifndef DR_VIEW_INGEST_H
#define DR_VIEW_INGEST_H
#include "view/store.h"

struct dr_fhir_job {
    const struct dr_view_set *set;
    struct dr_fhir_store *store;
    const char *const *paths; /* of files */
    const char *const *names; /* what the store calls them: the same from run to run */
    size_t n;
    /* Called after each file; false stops. problem is NULL or why the file was set aside. */
    bool (*progress)(void *ctx, size_t done, const char *name, const char *problem);
    void *ctx;
};
struct dr_fhir_result {
    struct dr_fhir_counts counts;
    int64_t files_read, files_unchanged, files_refused, bytes;
};
/* Memory is that of the files being read at once, as many as there are threads. DR_ECANCEL
 * where progress said stop; files done before stay done. */
int32_t dr_fhir_ingest(const struct dr_fhir_job *job, struct dr_fhir_result *ret, struct dr_err *err);
/* A row for each type of resource, and one, (file), for the files as such: resource_type, resources,
 * loaded, unchanged, quarantined, superseded, removed, rows_written. */
int32_t dr_fhir_summary(const struct dr_fhir_result *r, struct dr_table **ret, struct dr_err *err);
#endif
