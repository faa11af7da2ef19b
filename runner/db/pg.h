/* pg.h - the one module that includes libpq-fe.h. Layer: db.
 *
 * The library is loaded at the first connection, so that only who uses PostgreSQL
 * pays for it. A connection is made over TLS with the server's name verified unless the
 * server is on this machine or the settings say otherwise. Passwords are taken out of every
 * message. A lock that does not come in time is DR_EBUSY. */
#ifndef DR_PG_H
#define DR_PG_H
#include "base/str.h"

struct dr_pg;

/* Of pg_type, fixed for all time. */
enum dr_pg_oid {
    DR_PG_OID_BOOL = 16,
    DR_PG_OID_INT8 = 20,
    DR_PG_OID_INT2 = 21,
    DR_PG_OID_INT4 = 23,
    DR_PG_OID_FLOAT4 = 700,
    DR_PG_OID_FLOAT8 = 701,
    DR_PG_OID_DATE = 1082,
    DR_PG_OID_TIMESTAMP = 1114,
    DR_PG_OID_TIMESTAMPTZ = 1184,
    DR_PG_OID_NUMERIC = 1700
};

/* keys and values are libpq's, and `schema`: the first of the search path. */
int32_t dr_pg_open(int32_t n, const char *const *keys, const char *const *values, struct dr_pg **ret,
                   struct dr_err *err);
void dr_pg_close(struct dr_pg *pg); /* NULL is fine */
bool dr_pg_in_transaction(const struct dr_pg *pg);
/* Whether a statement of the transaction failed, so that all it can do is roll back. */
bool dr_pg_in_failed_transaction(const struct dr_pg *pg);
/* Statements without results, separated by semicolons. */
int32_t dr_pg_exec(struct dr_pg *pg, const char *sql, struct dr_err *err);

/* One statement, its parameters $1... as text (p NULL: missing) with the OID of their
 * type, 0 where the server is to find it. Then rows until *ret_row is false; a
 * statement without a result has none and no columns. What is left unread is
 * dropped by the next call. */
struct dr_pg_param {
    const char *text; /* NUL-terminated */
    uint32_t type;
};
int32_t dr_pg_send(struct dr_pg *pg, const char *sql, int32_t n, const struct dr_pg_param *params,
                   struct dr_err *err);
int32_t dr_pg_next(struct dr_pg *pg, bool *ret_row, struct dr_err *err);
int32_t dr_pg_columns(const struct dr_pg *pg);
const char *dr_pg_column_name(const struct dr_pg *pg, int32_t i);
uint32_t dr_pg_column_type(const struct dr_pg *pg, int32_t i); /* OID */
bool dr_pg_is_null(const struct dr_pg *pg, int32_t i);
struct dr_str dr_pg_value(const struct dr_pg *pg, int32_t i); /* text; until the next row */
int64_t dr_pg_changed(const struct dr_pg *pg);                /* rows, once all are read */

/* COPY ... FROM STDIN: begin with the statement, put bytes, end. `failed` ends it without
 * effect. */
int32_t dr_pg_copy_begin(struct dr_pg *pg, const char *sql, struct dr_err *err);
int32_t dr_pg_copy_put(struct dr_pg *pg, struct dr_str bytes, struct dr_err *err);
int32_t dr_pg_copy_end(struct dr_pg *pg, bool failed, struct dr_err *err);

/* Of the last failure: whether the values of a row were refused, the server's own
 * words, and the byte of the statement, or -1. */
bool dr_pg_refused(const struct dr_pg *pg);
const char *dr_pg_reason(const struct dr_pg *pg);
int64_t dr_pg_error_offset(const struct dr_pg *pg);
#endif
