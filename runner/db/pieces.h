/* pieces.h - much writing in many transactions of a few milliseconds, between which others write: anything to
 * a database that has one writer at a time, the same rows to another one. Layer: db. */
#ifndef DR_DB_PIECES_H
#define DR_DB_PIECES_H
#include "db/db.h"

struct dr_pieces {
    struct dr_db *db;
    int64_t us;         /* how long others should wait for one */
    int64_t rows;       /* of the next one: as many as take that time */
    int64_t n;          /* there have been */
    int64_t longest_us; /* that one of them held the lock */
    /* What is noted of each in its transaction, or NULL: of the values, and the rows that the first statement
     * changed. */
    int32_t (*note)(void *ctx, const struct dr_db_value *values, int64_t changed, struct dr_err *err);
    void *note_ctx;
};
/* first_rows: of the first one; us: how long each should take. */
int32_t dr_pieces_begin(struct dr_pieces *p, struct dr_db *db, int64_t first_rows, int64_t us,
                        struct dr_err *err);
/* *longest_us is raised to how long one of them held the lock. */
int32_t dr_pieces_end(struct dr_pieces *p, int32_t rc, int64_t *longest_us, struct dr_err *err);
/* One piece: statements in a transaction of their own, all with the same values, and how many rows each of
 * them changed. */
int32_t dr_pieces_write_all(struct dr_pieces *p, int32_t n_statements, const char *const *sql, int32_t n,
                            const struct dr_db_value *values, int64_t *ret_changed, struct dr_err *err);
/* The same of one statement. ret_changed may be NULL. */
int32_t dr_pieces_write(struct dr_pieces *p, const char *sql, int32_t n, const struct dr_db_value *values,
                        int64_t *ret_changed, struct dr_err *err);
/* A drop would write every page of the table at once (Debian's SQLite overwrites what is deleted): its rows
 * are deleted before, in pieces. None of that name is fine. */
int32_t dr_pieces_remove_table(struct dr_db *db, const char *name, int64_t *longest_us, struct dr_err *err);
#endif
