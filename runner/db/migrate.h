/* migrate.h - numbered SQL files that bring a database's schema to where it should
 * be. Layer: db.
 *
 * A set is a folder of files NNN_name.sql, each applied once, in order, in a transaction
 * of its own. NNN_name.sqlite.sql and NNN_name.postgresql.sql are variants for one database.
 * What was applied is kept in the database (dagrun_migration), with a checksum of the file. */
#ifndef DR_DB_MIGRATE_H
#define DR_DB_MIGRATE_H
#include "base/hash.h"
#include "db/db.h"

enum dr_migration_state {
    DR_MIGRATION_APPLIED,
    DR_MIGRATION_PENDING,
    DR_MIGRATION_CHANGED, /* the file is not the one that was applied */
    DR_MIGRATION_MISSING  /* it was applied, and there is no file */
};
const char *dr_migration_state_name(enum dr_migration_state s);
/* Texts in the arena of whoever asked. */
struct dr_migration {
    int64_t number;
    const char *name;   /* of the file */
    const char *path;   /* NULL: missing */
    struct dr_str text; /* of the file */
    char checksum[DR_HASH_HEX];
    enum dr_migration_state state;
    const char *applied_at; /* ISO 8601, or NULL */
};
struct dr_migrations {
    const char *set;
    struct dr_migration *items; /* by number */
    int32_t n;
};
/* The files of a folder and what the database knows of them. */
int32_t dr_migrations_find(struct dr_arena *a, struct dr_db *db, const char *set, const char *folder,
                           struct dr_migrations *ret, struct dr_err *err);
/* Apply those that are pending; refused (DR_EDEF) where one is changed or missing. Those applied
 * have the state DR_MIGRATION_APPLIED and no applied_at yet. */
int32_t dr_migrations_apply(struct dr_db *db, struct dr_migrations *m, int32_t *ret_applied,
                            struct dr_err *err);
/* Drop, in one transaction, the tables, views and functions that the set made, with all that is in
 * them, and forget that it was applied; *ret_dropped of them. */
int32_t dr_migrations_teardown(struct dr_db *db, const char *set, int32_t *ret_dropped, struct dr_err *err);
#endif
