/* db.h - databases: one interface over SQLite and PostgreSQL. Layer: db. The
 * public functions are in dagrun/table.h; here is what stands behind them.
 *
 * A driver runs statements, brings rows in and takes rows out. What differs in SQL
 * itself is a struct dr_dialect, and little does: both know quoted names, UPSERT,
 * IS DISTINCT FROM, savepoints, common table expressions and window functions.
 *
 * How values are stored
 *                SQLite (STRICT tables)          PostgreSQL
 *   bool         INTEGER, 0 and 1                boolean
 *   int64        INTEGER                         bigint
 *   float64      REAL; NaN becomes NULL          double precision
 *   decimal      TEXT, all digits                numeric
 *   date         TEXT, ISO 8601                  date
 *   timestamp    TEXT, ISO 8601                  timestamp, with time zone for instants
 *   text, null   TEXT                            text; NUL bytes are refused */
#ifndef DR_DB_H
#define DR_DB_H
#include "data/column.h"

struct dr_sql;
struct dr_pg;
struct dr_db;

/* Where a database is. */
struct dr_db_target {
    bool postgresql;
    const char *path;          /* SQLite: a file, made where absent, or ":memory:" */
    const char *const *keys;   /* PostgreSQL: libpq's keywords, n of them, */
    const char *const *values; /* and their values */
    int32_t n;
};
int32_t dr_db_connect(const struct dr_db_target *where, struct dr_db **ret, struct dr_err *err);

struct dr_dialect {
    const char *name;           /* "sqlite", "postgresql" */
    char placeholder;           /* '?' or '$', before the number of a parameter */
    bool no_nul;                /* text cannot hold a NUL byte */
    bool analyze;               /* temporary tables are counted before they are joined */
    const char *row_names[4];   /* what the column of a staging table that numbers its rows from 1
                                   may be called; NULL ends */
    const char *main_schema;    /* put before the names of tables: "main.", or "" */
    const char *temp_schema;    /* of temporary tables, without the dot */
    bool index_has_schema;      /* CREATE INDEX schema.index ON table; else: index ON schema.table */
    const char *int_type;       /* of 64-bit integers */
    const char *serial;         /* of a column that numbers rows by itself */
    const char *table_suffix;   /* after the ")" of a CREATE TABLE */
    const char *objects_sql;    /* tables, views and the like, in the order of their making: the
                                   name, and the statement that drops it */
    const char *lock_sql;       /* one migration at a time, where a transaction does not do that; or NULL */
    const char *lock_table_sql; /* one load of the table ?1 at a time; likewise */
    const char *before_drop;    /* what a transaction that drops tables begins with, or NULL */
    /* Of a load; NULL where tables are not filled beside. How many tables are named ?1 and made by the
     * statement ?2, with nothing hanging on them; the names of those that are filled beside. */
    const char *alone_sql, *beside_sql;
    bool fills_beside; /* writers wait for each other, so that large tables are filled piece by piece, */
    int64_t piece_us;  /* each of about so long; */
    const char *before_load, *after_load;                      /* queries around a load, or NULL */
    const char *before_pieces, *between_pieces, *after_pieces; /* statements around these, or NULL */
    /* Whether the load of token ?1 lives on another connection (a number), and a sign of it that ends with
     * this one; NULL: what base/sqlite.h has for that. */
    const char *other_lives_sql, *show_life_sql;
    bool staging_copies; /* what is attached is a copy, which stays when a transaction is rolled back */
    /* Give a table another name, and the index of its primary key with it. */
    void (*put_rename)(struct dr_buf *b, const char *from, const char *to, bool keyed);
    const char *(*column_type)(const struct dr_column *c);
    /* The type (enum dr_type) in which to stage a column whose values will be stored in a target
     * column of that type; the column's own where the database converts it well enough. */
    int32_t (*stored_as)(const struct dr_column *c, const char *type);
    /* An expression for a staged column, ready to be stored in a target column of that
     * type (NULL: not known). */
    void (*put_staged)(struct dr_buf *b, const char *alias, const char *column, const char *type);
    /* The same, with the order of time or number, for "newer wins". decimal: the dataset's column is one. */
    void (*put_ordered)(struct dr_buf *b, const char *alias, const char *column, const char *type,
                        bool decimal);
    /* Whether two expressions of that type are different, where missing equals missing. */
    void (*put_distinct)(struct dr_buf *b, const char *left, const char *right, const char *type);
};
/* One column of a table in the database. */
struct dr_db_column {
    const char *name, *type; /* in the caller's arena; the type as the database spells it */
    int32_t key;             /* place in the primary key, from 1; 0: not in it */
};
struct dr_db_driver {
    const struct dr_dialect *dialect;
    void (*close)(struct dr_db *db);
    /* Statements without results, separated by semicolons. */
    int32_t (*exec)(struct dr_db *db, const char *sql, struct dr_err *err);
    /* One statement with n bound values; *ret_result (NULL: rows are left unread) is NULL
     * where it has no result, *ret_changed (may be NULL) the rows it changed. */
    int32_t (*run)(struct dr_db *db, const char *sql, int32_t n, const struct dr_db_value *values,
                   struct dr_table **ret_result, int64_t *ret_changed, struct dr_err *err);
    /* Begin for writing at once, or for reading, which the first write turns into
     * writing (and DR_EBUSY where somebody else wrote meanwhile). */
    int32_t (*begin)(struct dr_db *db, bool writing, struct dr_err *err);
    int32_t (*commit)(struct dr_db *db, struct dr_err *err);
    void (*rollback)(struct dr_db *db);
    bool (*in_transaction)(struct dr_db *db);
    /* A temporary table over the rows of t, numbered by the column row_name (NULL: by none). */
    int32_t (*attach)(struct dr_db *db, const char *name, const struct dr_table *t, const char *row_name,
                      struct dr_err *err);
    int32_t (*detach)(struct dr_db *db, const char *name, struct dr_err *err);
    /* The columns of a table of the connection's own schema; *ret_n 0 where there is none,
     * *ret_view whether it is a view. */
    int32_t (*columns)(struct dr_db *db, const char *name, struct dr_arena *a, struct dr_db_column **ret,
                       int32_t *ret_n, bool *ret_view, struct dr_err *err);
};
/* The last failure, in the database's own words. */
struct dr_db_failure {
    bool refused;   /* it was about the values of a row: a constraint, a type */
    int64_t offset; /* the byte of the statement that it is about, or -1 */
    char reason[504];
};
struct dr_db {
    const struct dr_db_driver *driver;
    struct dr_sql *sql; /* SQLite: owned */
    struct dr_pg *pg;   /* PostgreSQL: owned */
    struct dr_db_failure failure;
    void (*tell)(void *ctx, const char *text); /* see dr_db_on_wait; NULL: nobody asked */
    void *tell_ctx;                            /* borrowed */
};
/* Room for one more column at the end of a list that begins as NULL and 0. */
struct dr_db_column *dr_db_next_column(struct dr_arena *a, struct dr_db_column **list, int32_t *n);
extern const struct dr_db_driver dr_db_sqlite, dr_db_postgresql;
/* The functions of dagrun's own that SQLite's statements have. */
int32_t dr_db_add_functions(struct dr_sql *sql, struct dr_err *err);
int32_t dr_db_sqlite_open(const char *path, struct dr_db **ret, struct dr_err *err);
int32_t dr_db_postgresql_open(const struct dr_db_target *where, struct dr_db **ret, struct dr_err *err);

/* SQLite: what the connection does from now on may take so long, then it fails with DR_ELIMIT. */
void dr_db_limit_time(struct dr_db *db, int64_t us);

/* Tell whoever asked for this what somebody should know who waits: for whom, how long, what was found. */
void dr_db_on_wait(struct dr_db *db, void (*tell)(void *ctx, const char *text), void *ctx);
void dr_db_tell(const struct dr_db *db, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Shorter ways to driver->run. */
int32_t dr_db_run(struct dr_db *db, const char *sql, int32_t n, const struct dr_db_value *values,
                  int64_t *ret_changed, struct dr_err *err);
/* The first cell of a result as a number; 0 where there is none. */
int32_t dr_db_number(struct dr_db *db, const char *sql, int32_t n, const struct dr_db_value *values,
                     int64_t *ret, struct dr_err *err);
/* Whether there is a table or a view of that name. */
int32_t dr_db_has_table(struct dr_db *db, const char *name, bool *ret, struct dr_err *err);
/* The same, and the rows, of a statement about dagrun's own tables, which is the same for all databases: its
 * values are ?1, ?2, ..., and it has no other question marks. ret_rows may be NULL. */
int32_t dr_db_own_run(struct dr_db *db, const char *sql, int32_t n, const struct dr_db_value *values,
                      int64_t *ret_changed, struct dr_err *err);
int32_t dr_db_own_number(struct dr_db *db, const char *sql, int32_t n, const struct dr_db_value *values,
                         int64_t *ret, struct dr_err *err);
int32_t dr_db_own_rows(struct dr_db *db, const char *sql, int32_t n, const struct dr_db_value *values,
                       struct dr_table **ret_rows, struct dr_err *err);
/* In a transaction: make one of dagrun's own tables, where it is absent, by these statements. Of two who find
 * it absent at once, the second one waits, and finds it. */
int32_t dr_db_own_table(struct dr_db *db, const char *name, const char *create, struct dr_err *err);
struct dr_db_value dr_db_text(const char *text); /* borrowed; NULL is null */
struct dr_db_value dr_db_int(int64_t i);

/* ---- attach.c: a table as an SQLite table without a copy ---- */
/* exact: decimals are text with all their digits, for a table that keeps them; else numbers where doubles
 * tell them apart, for statements that compare them. That they do not is told. */
int32_t dr_db_attach_view(struct dr_db *db, const char *name, const struct dr_table *t, bool exact,
                          struct dr_err *err);
/* The type (enum dr_type) of an attached column that a result took as it is, by its
 * declared type; -1 for any other column. *ret_scale: of decimals that are numbers; else -1. */
int32_t dr_db_attached_type(const char *declared, int32_t *ret_scale);

/* ---- postgresql_result.c ---- */
/* All rows of the statement that was sent; *ret stays as it is where it has no result. */
int32_t dr_db_postgresql_result(struct dr_pg *pg, struct dr_table **ret, struct dr_err *err);

/* ---- sqlite_result.c ---- */
struct dr_sql_stmt;
/* All rows of a statement that is about to be stepped. */
int32_t dr_db_read_result(struct dr_sql_stmt *s, struct dr_table **ret, struct dr_err *err);
#endif
