/* store.h - what the files of this folder share; nobody else includes it, save
 * tests that bring migrations of their own. Layer: state. */
#ifndef DR_STATE_STORE_H
#define DR_STATE_STORE_H
#include "base/sqlite.h"
#include "state/state.h"

#define DR_STATE_APPLICATION_ID 1684105074 /* "dagr" */

struct dr_migration {
    const char *const *statements;
    int32_t n;
};
const struct dr_migration *dr_state_migrations(int32_t *ret_n);

struct dr_state {
    struct dr_sql *db; /* owned */
    char *path;        /* of the database; owned */
    char *home;        /* owned */
    int busy_ms;
    /* The dataset looked up last, since the results of a suite come in a row.
     * Forgotten at every rollback. */
    struct {
        int64_t attempt, key;
        char *name; /* owned; NULL: none */
    } last_dataset;
};

/* dr_state_open with other migrations and patience. */
struct dr_state_setup {
    const struct dr_migration *migrations;
    int32_t n;
    int busy_ms;
};
int32_t dr_state_open_with(const struct dr_home *h, int flags, const struct dr_state_setup *setup,
                           struct dr_state **ret, struct dr_err *err);

/* ---- statements: as base/sqlite.h, with failures that name the database ---- */
int32_t dr_state_prepare(struct dr_state *s, const char *sql, struct dr_sql_stmt **ret, struct dr_err *err);
int32_t dr_state_step(struct dr_state *s, struct dr_sql_stmt *st, bool *ret_row, struct dr_err *err);
int32_t dr_state_finish(struct dr_state *s, struct dr_sql_stmt *st, int64_t *ret_changed, struct dr_err *err);
/* The integer in the first column of the only row; false in *ret_found where there is none. */
int32_t dr_state_fetch_int(struct dr_state *s, struct dr_sql_stmt *st, int64_t *ret, bool *ret_found,
                           struct dr_err *err);
/* Put what it means for the user before a failure of the database. */
int32_t dr_state_explain(const struct dr_state *s, struct dr_err *err);

/* Several statements as one: enter begins a transaction unless the caller has
 * one; leave ends what enter began, by rc, and returns the outcome of all. */
int32_t dr_state_enter(struct dr_state *s, bool *ret_began, struct dr_err *err);
int32_t dr_state_leave(struct dr_state *s, bool began, int32_t rc, struct dr_err *err);

/* ---- instants ---- */
#define DR_STATE_TIME_TEXT 28
/* "2024-03-01T02:30:00.000000Z", always 27 characters. */
void dr_state_time_text(int64_t us, char ret[DR_STATE_TIME_TEXT]);
void dr_state_bind_time(struct dr_sql_stmt *st, int i, int64_t us);    /* 0 binds NULL */
void dr_state_bind_instant(struct dr_sql_stmt *st, int i, int64_t us); /* 0 is 1970 */
int64_t dr_state_time(struct dr_sql_stmt *st, int i);                  /* NULL is 0 */

/* ---- values ---- */
enum dr_task_state dr_state_task_state(struct dr_sql_stmt *st, int i);
enum dr_run_state dr_state_run_state(struct dr_sql_stmt *st, int i);
void dr_state_bind_count(struct dr_sql_stmt *st, int i, int64_t v); /* negative binds NULL */
int64_t dr_state_count(struct dr_sql_stmt *st, int i);              /* NULL is -1 */

/* Room for one more item in an array in the arena: *items holds n of *cap. */
void *dr_state_grow(struct dr_arena *a, void *items, int32_t n, int32_t *cap, size_t size);

/* Whether the moves of state.h allow this one. */
bool dr_run_move_ok(enum dr_run_state from, enum dr_run_state to);
bool dr_task_move_ok(enum dr_task_state from, enum dr_task_state to);
#endif
