/* load.h - what the files of the loader share: load.c (the phases), load_plan.c (what is to be done
 * with each table), load_rows.c (which rows), load_sql.c (which statements), load_compare.c (what is
 * new, differs, is gone), load_beside.c (new tables), load_pieces.c (rows committed in pieces),
 * load_sql_pieces.c (their statements), load_write.c (the transaction), ledger.c (what was loaded before);
 * appended.h and unfinished.h tell of what was begun.
 * Layer: db. */
#ifndef DR_DB_LOAD_H
#define DR_DB_LOAD_H
#include "base/hash.h"
#include "db/appended.h"

/* A row that was refused, and why. */
struct dr_refusal {
    int64_t row;        /* of the rows given, from 0 */
    int64_t staged;     /* of those that were staged then, from 0 */
    const char *reason; /* stands beside the row, and may repeat its values */
    const char *told;   /* the reason without them, for a message; NULL: the same */
};
/* One table of a load. Pointers are in the load's arena unless owned. */
struct dr_load_table {
    struct dr_db_load *spec;      /* the caller's */
    struct dr_arena *arena;       /* borrowed */
    int32_t number;               /* in the load: part of the names of its temporary tables */
    struct dr_load_table *parent; /* of scope_of, or NULL */
    struct dr_load_table *shares; /* the first table that asks the same of that parent; or itself */
    bool parents_known;           /* in this pass; of that first table */
    int32_t n_keys;
    const char **keys;
    struct dr_db_column *target; /* the columns of the table that is there */
    int32_t n_target;            /* 0: there is none */
    bool make;                   /* it is to be made, after dropping what is there */
    const char *create;          /* the statement that would make it */
    const char *beside;          /* made already, under this name; or NULL */
    bool to_fill, filled;        /* and all its rows are to be in it, or are */
    bool replaces_whole;         /* made for no other reason than that most of its rows change */
    bool stays_in_place;         /* it is not to be filled beside (again) */
    const char *replaced;        /* what was there, under this name; or NULL */
    int64_t gone;                /* rows that are to go */
    int64_t ledger_last;         /* the last load of it when it was classified; 0: none */
    const char *row_name;        /* of the column that numbers staged rows */
    struct dr_table *rows;       /* owned: the rows to stage */
    int64_t *source;             /* owned: where each is among those given; NULL: the same */
    struct dr_refusal *refusals; /* owned */
    int32_t n_refusals, cap_refusals;
    char content[DR_HASH_HEX]; /* hash of the rows and of how they are loaded */
    struct dr_appended in;     /* of appended rows: those that are in the table already */
    struct {
        int64_t inserted, updated, deleted; /* rows, in pieces before the load's own transaction */
    } done;
    bool keyless_gone; /* rows that are there without a whole key are to go */
    bool in_family;    /* its rows are committed with their parents */
    bool staged;       /* as they are now */
    bool only_asked;   /* its rows are in the table, and staged for those that belong to them */
    bool skip;
};

/* A load under way. */
struct dr_load {
    struct dr_db *db;
    struct dr_arena arena;
    int32_t n;
    struct dr_load_table *tables; /* in arena */
    int32_t overtaken;            /* passes in vain, since somebody else wrote meanwhile */
    bool inside;                  /* of the caller's transaction: the ledger is not asked */
    bool may_use_pieces;          /* rows may be committed in pieces before the load's own transaction; */
    uint32_t token;               /* they were, or are, by the load of that token; 0: not yet */
    bool pieces_uncounted;        /* what was to do before them is in done, what is to do after them not */
    bool pieces_written;
    int64_t lock_us, lock_since; /* the longest, and since when: 0 while nothing is locked */
};

/* ---- load.c ---- */
/* A failure, with the table that it is about. */
int32_t dr_load_in_table(const struct dr_load_table *t, int32_t rc, struct dr_err *err);

/* ---- load_plan.c ---- */
/* Decide all that can be before rows are compared; t->skip: the ledger has it all. The tables before it in
 * the load are planned already. */
int32_t dr_load_plan_table(struct dr_load *l, struct dr_load_table *t, struct dr_err *err);
/* After all of them: a parent that is known is staged nevertheless where a child asks which parents there
 * are. */
int32_t dr_load_stage_known_parents(struct dr_load *l, struct dr_err *err);
/* What is noted of the tables, before their rows are compared: what other loads note afterwards is found out
 * under the lock (dr_load_check_overtaken). */
int32_t dr_load_read_notes(struct dr_load *l, struct dr_err *err);

/* ---- load_compare.c ---- */
/* Run a statement over the staged rows first to last, without those that it refuses, which are noted. */
int32_t dr_load_run_rows(struct dr_load *l, struct dr_load_table *t, const char *sql, int64_t first,
                         int64_t last, struct dr_err *err);
/* How many rows were refused since there were `before` of each table. */
int64_t dr_load_count_refused(const struct dr_load *l, const int32_t *before);
/* Where a row of a table that is to be loaded whole is refused for good. */
int32_t dr_load_fail_refused(const struct dr_load *l, int32_t rc, struct dr_err *err);
/* Compare the rows with those that are there: what is new, differs, is to go; the spec's counts. A row
 * that is refused here ends the pass: what follows could not read it either. */
int32_t dr_load_compare(struct dr_load *l, struct dr_load_table *t, struct dr_err *err);
/* Have the database count one of the temporary tables, where it needs that to join them well. */
int32_t dr_load_analyze(struct dr_load *l, const struct dr_load_table *t, int which, struct dr_err *err);
/* Of the rows that are to go, all or those without a whole key. */
int32_t dr_load_count_gone(struct dr_load *l, const struct dr_load_table *t, bool keyless, int64_t *ret,
                           struct dr_err *err);

/* ---- load_write.c ---- */
/* Wait until no other load commits one of these tables in pieces: its transactions are short, but it is not
 * done between them. */
int32_t dr_load_wait_for_others(struct dr_load *l, struct dr_err *err);
/* Loads of one table write one after the other, each what it compared with what is there now. */
int32_t dr_load_check_overtaken(struct dr_load *l, struct dr_err *err);
/* Write what the comparison found, in the transaction that is open; `before`: as above. */
int32_t dr_load_write(struct dr_load *l, const int32_t *before, struct dr_err *err);

/* ---- load_rows.c ---- */
/* Which rows to stage: those without a key are refused; of several with one key, one is
 * taken (the newest, or the last) or, unless it is an upsert, the others refused. */
int32_t dr_load_choose_rows(const struct dr_dialect *d, struct dr_load_table *t, struct dr_err *err);
/* The rows as they are staged: of the types that the table stores, as far as all values allow, so that
 * keys are compared as they will be stored and found by an index; rows that have a key in its order: a
 * table and its index then grow at their ends, which is several times faster than anywhere. */
int32_t dr_load_settle_rows(const struct dr_dialect *d, struct dr_load_table *t, struct dr_err *err);
/* Note that a staged row (from 0) is refused. */
void dr_load_refuse(struct dr_load_table *t, int64_t staged, const char *reason, const char *told);
/* The same of a row given (from 0), which need not be staged. */
void dr_load_refuse_given(struct dr_load_table *t, int64_t given, const char *reason);
/* Which of the rows given a staged one is, both from 0. */
int64_t dr_load_given(const struct dr_load_table *t, int64_t staged);
/* How many staged rows are among the first ones given; of rows that are staged as they come. */
int64_t dr_load_staged_of_first(const struct dr_load_table *t, int64_t given);
/* Take the rows refused since the first `before` out of the staged ones. */
int32_t dr_load_drop_refused(struct dr_load_table *t, int32_t before, struct dr_err *err);
/* The refused rows with their reasons, into the spec. */
int32_t dr_load_give_refused(struct dr_load_table *t, struct dr_err *err);
/* A hash that is equal for equal rows, however they are chunked and encoded. */
void dr_load_hash(const struct dr_load_table *t, char ret[DR_HASH_HEX]);

/* ---- load_sql.c: the statements; ?1 and ?2 are the first and last staged row ---- */
enum {
    DR_LOAD_STAGE,
    DR_LOAD_TODO,
    DR_LOAD_PARENTS,
    DR_LOAD_GONE,
    DR_LOAD_FAMILIES,
    DR_LOAD_WORK,
    DR_LOAD_LEAVE
};
void dr_load_temp_name(const struct dr_load_table *t, int which, char ret[32]);
bool dr_load_keyed(const struct dr_load_table *t);          /* rows are matched by key */
bool dr_load_deletes_by_key(const struct dr_load_table *t); /* some of what is there may go */
/* The column of the table that is there, or NULL. */
const struct dr_db_column *dr_load_target_column(const struct dr_load_table *t, const char *name);
/* Its type; NULL where the table is to be made, too. */
const char *dr_load_target_type(const struct dr_load_table *t, const char *column);
int32_t dr_load_row_name(const struct dr_dialect *d, struct dr_load_table *t, struct dr_err *err);
/* The statement that makes the table under that name, which stands after schema ("main.", ""). */
void dr_load_sql_create(const struct dr_dialect *d, const struct dr_load_table *t, const char *schema,
                        const char *name, struct dr_buf *b);
void dr_load_sql_make_todo(const struct dr_dialect *d, const struct dr_load_table *t, struct dr_buf *b);
void dr_load_sql_make_parents(const struct dr_dialect *d, const struct dr_load_table *t, struct dr_buf *b);
/* An index of one of the temporary tables; columns: their names, separated by commas. */
void dr_load_sql_index(const struct dr_dialect *d, const struct dr_load_table *t, int which,
                       const char *columns, struct dr_buf *b);
void dr_load_sql_classify(const struct dr_dialect *d, const struct dr_load_table *t, struct dr_buf *b);
void dr_load_sql_make_gone(const struct dr_dialect *d, const struct dr_load_table *t, struct dr_buf *b);
/* How many rows are to go, and how many of them have no whole key. */
void dr_load_sql_count_gone(const struct dr_dialect *d, const struct dr_load_table *t, bool keyless,
                            struct dr_buf *b);
/* Insert or update rows to do; DR_LOAD_WORK: those of the families ?1 to ?2. */
void dr_load_sql_apply(const struct dr_dialect *d, const struct dr_load_table *t, int which,
                       struct dr_buf *b);
void dr_load_sql_delete(const struct dr_dialect *d, const struct dr_load_table *t, struct dr_buf *b);

/* What these statements are made of, with the aliases t for the target, s for staged rows. */

/* DROP TABLE IF EXISTS x; CREATE TABLE x: one of the temporary tables, whose columns or AS must follow */
void dr_load_sql_make(const struct dr_dialect *d, const struct dr_load_table *t, int which, struct dr_buf *b);
void dr_load_sql_put_temp(const struct dr_dialect *d, const struct dr_load_table *t, int which,
                          struct dr_buf *b);
void dr_load_sql_put_target(const struct dr_dialect *d, const struct dr_load_table *t, struct dr_buf *b);
void dr_load_sql_put_column(struct dr_buf *b, const char *alias, const char *name);
void dr_load_sql_put_staged(const struct dr_dialect *d, const struct dr_load_table *t, const char *column,
                            struct dr_buf *b);
void dr_load_sql_put_numbered(int32_t n, const char *prefix, struct dr_buf *b); /* c0, c1, ... */
/* alias.column BETWEEN ?1 AND ?2 */
void dr_load_sql_put_range(const struct dr_dialect *d, const char *alias, const char *column,
                           struct dr_buf *b);
/* (t.k, ...) IN (SELECT c0, ... FROM x, left open; by it SQLite finds the rows in the key's index */
void dr_load_sql_put_key_in(const struct dr_dialect *d, const struct dr_load_table *t, int which,
                            struct dr_buf *b);

/* ---- load_sql_pieces.c ---- */
/* The last of the next ?2 rows to do from row ?1 on. */
void dr_load_sql_next_todo(const struct dr_dialect *d, const struct dr_load_table *t, struct dr_buf *b);
/* Number what there is to do for a parent (the first of n tables) and for what belongs to it (the others). */
void dr_load_sql_make_families(const struct dr_dialect *d, int32_t n, const struct dr_load_table *tables,
                               struct dr_buf *b);
/* A table's rows to do, by the families of the table `of`. */
void dr_load_sql_make_work(const struct dr_dialect *d, const struct dr_load_table *t,
                           const struct dr_load_table *of, struct dr_buf *b);
/* Its rows that are to go, likewise; `of` NULL: numbered one by one. */
void dr_load_sql_make_leave(const struct dr_dialect *d, const struct dr_load_table *t,
                            const struct dr_load_table *of, struct dr_buf *b);
/* Delete them, those that have a whole key, of the numbers ?1 to ?2. */
void dr_load_sql_delete_range(const struct dr_dialect *d, const struct dr_load_table *t, struct dr_buf *b);

/* ---- load_beside.c ---- */
/* Whether the table's rows, which are classified, should be written in a table beside it. */
int32_t dr_load_may_fill_beside(struct dr_db *db, const struct dr_load_table *t, bool *ret,
                                struct dr_err *err);
int32_t dr_load_make_beside(struct dr_db *db, struct dr_load_table *t, struct dr_err *err);
/* Make it and write all rows, piece by piece, each in a transaction of its own; *longest_us is raised to how
 * long one of them held the lock. Where that fails, there is none, and the table stays in place. */
int32_t dr_load_fill_beside(struct dr_db *db, struct dr_load_table *t, int64_t *longest_us,
                            struct dr_err *err);
/* In the load's transaction: what is there goes, what was filled beside has its name. */
int32_t dr_load_swap_in(struct dr_db *db, struct dr_load_table *t, struct dr_err *err);
/* As if none had been made beside. */
void dr_load_stay_in_place(struct dr_db *db, struct dr_load_table *t, int64_t *longest_us);
/* After the commit: what was swapped out. */
void dr_load_remove_replaced(struct dr_db *db, const struct dr_load_table *t, int64_t *longest_us);

/* ---- load_pieces.c ---- */
/* How many rows of a table, which is classified, could be written in pieces; and whether so many should. */
int64_t dr_load_rows_for_pieces(const struct dr_load_table *t);
bool dr_load_worth_pieces(int64_t rows);
/* All of them, of all tables, as far as the database does not refuse them. */
int32_t dr_load_write_in_pieces(struct dr_load *l, struct dr_err *err);

/* ---- ledger.c ---- */
/* Whether the ledger has this load already; then its refusals are read back. */
int32_t dr_ledger_find(struct dr_db *db, struct dr_load_table *t, struct dr_err *err);
int32_t dr_ledger_make(struct dr_db *db, struct dr_err *err); /* its tables, where absent */
/* The number of the last load of the table, 0 where there was none. */
int32_t dr_ledger_last(struct dr_db *db, const struct dr_load_table *t, int64_t *ret, struct dr_err *err);
/* Until the transaction ends, no other load of the table gets past this. */
int32_t dr_ledger_lock(struct dr_db *db, const struct dr_load_table *t, struct dr_err *err);
int32_t dr_ledger_note(struct dr_db *db, const struct dr_load_table *t, struct dr_err *err);
/* Forget the loads that this one supersedes. */
int32_t dr_ledger_forget(struct dr_db *db, const struct dr_load_table *t, struct dr_err *err);
/* Whether load made a table, and by which statement: *ret NULL where it did not. */
int32_t dr_ledger_made(struct dr_db *db, const char *table, struct dr_arena *a, const char **ret,
                       struct dr_err *err);
int32_t dr_ledger_note_made(struct dr_db *db, const struct dr_load_table *t, struct dr_err *err);
#endif
