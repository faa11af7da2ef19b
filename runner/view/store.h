/* store.h - the rows of a set of views in an SQLite database, kept in step with the
 * files they come from. Layer: view.
 *
 * A table for each view, and the loader's own:
 *   fhir_file        what was read: path, hash, when, what was wrong with it as a whole
 *   fhir_resource    which resource stands where: type, key, file, hash
 *   fhir_shared      which other files have a resource too
 *   fhir_quarantine  what was set aside, and why
 *   fhir_meta        the views that the tables were made for */
#ifndef DR_VIEW_STORE_H
#define DR_VIEW_STORE_H
#include "base/sqlite.h"
#include "view/batch.h"

/* Of one type of resource, over the files of a load. */
struct dr_fhir_count {
    char type[64];
    int64_t resources; /* in the files that were read */
    int64_t loaded;    /* new or changed */
    int64_t unchanged; /* there already, the same */
    int64_t quarantined;
    int64_t superseded; /* there, or in the same file, in a newer version */
    int64_t removed;    /* no longer in the file that had them */
    int64_t rows;       /* written to tables */
};
#define DR_FHIR_TYPES_MAX 200
struct dr_fhir_counts {
    struct dr_fhir_count types[DR_FHIR_TYPES_MAX]; /* in order of appearance */
    int32_t n;
};

struct dr_fhir_store;
/* Open the database and make what is missing. Tables made for other views are refused with
 * DR_EDEF, or, with rebuild, dropped together with all that is known of files. now: ISO 8601. */
int32_t dr_fhir_store_open(const char *path, const struct dr_view_set *set, bool rebuild, const char *now,
                           struct dr_fhir_store **ret, struct dr_err *err);
void dr_fhir_store_close(struct dr_fhir_store *s); /* NULL is fine */
/* The hash that a file had when it was last read, in the arena; NULL where it is new. name is
 * what the store calls the file. */
int32_t dr_fhir_store_known(struct dr_fhir_store *s, struct dr_arena *a, const char *name, const char **ret,
                            struct dr_err *err);
/* One file, in one transaction: new and changed resources replace theirs with all their rows,
 * resources that no file has any more vanish, what has a problem stays as it was and is set
 * aside. A failure leaves the database as it was. */
int32_t dr_fhir_store_write(struct dr_fhir_store *s, const char *name, const struct dr_batch *b,
                            struct dr_fhir_counts *counts, struct dr_err *err);
/* Everything that is set aside now: file, entry, resource_type, resource_key, reason. */
int32_t dr_fhir_store_quarantine(struct dr_fhir_store *s, struct dr_table **ret, struct dr_err *err);
/* Statements of the user's, in one transaction: views over the tables. */
int32_t dr_fhir_store_script(struct dr_fhir_store *s, const char *sql, struct dr_err *err);
#endif
