/* unfinished.h - loads that take more than one transaction: those that are under way, and what those left
 * that were killed. Layer: db.
 *
 * A table that is filled beside says so by its name, dagrun_new_TOKEN_NAME. Of a load that commits in pieces,
 *
 *     dagrun_unfinished   one row for each table, from before the first piece to the last commit
 *
 * tells the token. It is a sign of life (base/sqlite.h; PostgreSQL: an advisory lock): whoever has it is
 * still at work. Of rows that are appended so, dagrun_appended (appended.h) tells it as well: what it says
 * stays until the same rows are loaded again, whatever else is loaded before. */
#ifndef DR_DB_UNFINISHED_H
#define DR_DB_UNFINISHED_H
#include "db/db.h"

/* Texts in the arena of whoever asked. */
struct dr_unfinished {
    const char *table;    /* that is, or was, to be loaded */
    const char *beside;   /* the table that is filled in its place; NULL: its rows come in pieces */
    const char *begun_at; /* ISO 8601; NULL: not known */
    const char *content;  /* of rows that are appended (appended.h), of which there are */
    int64_t rows;         /* so many; NULL and 0: it is not known to append any */
    uint32_t token;
    bool runs;
};
struct dr_unfinished_list {
    struct dr_unfinished *items;
    int32_t n;
};
/* Everything that other connections are at, or left. */
int32_t dr_unfinished_find(struct dr_db *db, struct dr_arena *a, struct dr_unfinished_list *ret,
                           struct dr_err *err);
/* The load of that table that commits in pieces, unless it has that token; ret->table NULL: there is none. */
int32_t dr_unfinished_of(struct dr_db *db, struct dr_arena *a, const char *table, uint32_t own,
                         struct dr_unfinished *ret, struct dr_err *err);
/* In a transaction: such a load begins, or has ended. */
int32_t dr_unfinished_begin(struct dr_db *db, const char *table, uint32_t token, struct dr_err *err);
int32_t dr_unfinished_end(struct dr_db *db, const char *table, struct dr_err *err);
/* In a transaction, until whose end no other load begins with the table: DR_EBUSY where one has begun since
 * the load of that token did. */
int32_t dr_unfinished_hold(struct dr_db *db, const char *table, uint32_t token, struct dr_err *err);
/* A number that no other load has, held as a sign of life until the connection is closed. */
uint32_t dr_unfinished_token(struct dr_db *db);
/* The name of a table that is filled in place of another. */
const char *dr_unfinished_beside(struct dr_db *db, struct dr_arena *a, const char *table);
/* Drop what killed loads filled beside, *ret_n tables, in pieces; and forget the loads of tables that are
 * not there any more. What other connections are at stays. *longest_us is raised to how long the lock was
 * held. */
int32_t dr_unfinished_remove(struct dr_db *db, int32_t *ret_n, int64_t *longest_us, struct dr_err *err);
#endif
