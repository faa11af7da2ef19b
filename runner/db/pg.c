/* pg.c - libpq, loaded when the first connection is opened.
 *
 * Rows are fetched one at a time (single-row mode), so that a result is never held
 * twice. After any failure the rest of what the server sends is read and
 * dropped: a connection is always ready for the next statement. */
#include "db/pg.h"
#include "base/num.h"
#include <dlfcn.h>
#include <libpq-fe.h>
#include <stdlib.h>
#include <unistd.h>

#define LIBRARY "libpq.so.5"
#define CERTIFICATES "/etc/ssl/certs/ca-certificates.crt"
#define PQ_FUNCTIONS(X)                                                                                      \
    X(PQclear)                                                                                               \
    X(PQcmdTuples)                                                                                           \
    X(PQconnectdbParams)                                                                                     \
    X(PQconninfoFree)                                                                                        \
    X(PQconninfoParse)                                                                                       \
    X(PQerrorMessage)                                                                                        \
    X(PQexec)                                                                                                \
    X(PQfinish)                                                                                              \
    X(PQfname)                                                                                               \
    X(PQfreemem)                                                                                             \
    X(PQftype)                                                                                               \
    X(PQgetResult)                                                                                           \
    X(PQgetisnull)                                                                                           \
    X(PQgetlength)                                                                                           \
    X(PQgetvalue)                                                                                            \
    X(PQnfields)                                                                                             \
    X(PQputCopyData)                                                                                         \
    X(PQputCopyEnd)                                                                                          \
    X(PQresultErrorField)                                                                                    \
    X(PQresultStatus)                                                                                        \
    X(PQsendQueryParams)                                                                                     \
    X(PQserverVersion)                                                                                       \
    X(PQsetNoticeProcessor)                                                                                  \
    X(PQsetSingleRowMode)                                                                                    \
    X(PQstatus)                                                                                              \
    X(PQtransactionStatus)

#define AS_FIELD(f) __typeof__(f) *f;
static struct {
    void *handle;
    PQ_FUNCTIONS(AS_FIELD)
} pq;

struct dr_pg {
    PGconn *conn;  /* owned */
    PGresult *row; /* owned: the row last read, or the end of a result */
    bool reading;  /* a statement was sent and not all of its results are read */
    int64_t changed;
    char *secret; /* owned: the password, or NULL */
    bool refused;
    int64_t offset;
    char reason[504];
};

/* POSIX promises that a function's address survives the way through void *. */
static bool find(const char *name, void *ret)
{
    void *symbol = dlsym(pq.handle, name);
    memcpy(ret, &symbol, sizeof symbol);
    return symbol != NULL;
}

static int32_t load_library(struct dr_err *err)
{
    if (pq.handle)
        return DR_OK;
    pq.handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!pq.handle)
        return dr_fail(err, DR_ENOTFOUND, "PostgreSQL needs %s (Debian package libpq5): %s", LIBRARY,
                       dlerror());
    bool complete = true;
#define FIND(f) complete &= find(#f, &pq.f);
    PQ_FUNCTIONS(FIND)
    if (complete)
        return DR_OK;
    dlclose(pq.handle);
    pq.handle = NULL;
    return dr_fail(err, DR_ENOTFOUND, "%s lacks functions that are needed; install libpq 15", LIBRARY);
}

/* ---- failures ---------------------------------------------------------------------- */

/* The text on one line, without the password. */
static void put_harmless(const struct dr_pg *pg, const char *text, struct dr_buf *out)
{
    DR_AUTO_BUF masked = { 0 };
    struct dr_str rest = dr_str_trim(dr_str_of(text));
    size_t n = pg->secret ? strlen(pg->secret) : 0;
    while (rest.n > 0) {
        if (n > 0 && rest.n >= n && memcmp(rest.p, pg->secret, n) == 0) {
            dr_buf_puts(&masked, "***");
            rest = (struct dr_str){ rest.p + n, rest.n - n };
            continue;
        }
        dr_buf_putc(&masked, *rest.p == '\n' || *rest.p == '\t' ? ' ' : *rest.p);
        rest = (struct dr_str){ rest.p + 1, rest.n - 1 };
    }
    dr_buf_put_visible(out, dr_buf_str(&masked), 450);
}

/* integrity, data, WITH CHECK OPTION, RAISE in a trigger */
static bool is_about_a_row(const char *state)
{
    return strncmp(state, "22", 2) == 0 || strncmp(state, "23", 2) == 0 || strncmp(state, "44", 2) == 0 ||
           dr_streq(state, "P0001");
}

/* lock timeout, deadlock, serialization */
static int32_t rc_of(const char *state)
{
    bool busy = dr_streq(state, "55P03") || dr_streq(state, "40P01") || dr_streq(state, "40001");
    return busy ? DR_EBUSY : DR_EDB;
}

static const char *field(const PGresult *r, int code)
{
    const char *text = r ? pq.PQresultErrorField(r, code) : NULL;
    return text ? text : "";
}

static int64_t number(const char *text)
{
    int64_t n = 0;
    (void)dr_parse_i64(dr_str_of(text), &n);
    return n;
}

/* A message without what it quotes of a row: "invalid input syntax for type integer: ...". The
 * names that other messages quote are those of columns and constraints. */
static void put_without_values(const char *message, const char *state, struct dr_buf *out)
{
    bool quotes_values = strncmp(state, "22", 2) == 0, inside = false;
    for (; *message; message++) {
        if (quotes_values && *message == '"') {
            inside = !inside;
            dr_buf_puts(out, inside ? "..." : "");
        } else if (!inside) {
            dr_buf_putc(out, *message);
        }
    }
}

/* The reason of a refused row, which is kept beside it, may say what its values were. */
static void keep_failure(struct dr_pg *pg, const PGresult *r, const char *message, const char *state)
{
    const char *detail = field(r, PG_DIAG_MESSAGE_DETAIL), *position = field(r, PG_DIAG_STATEMENT_POSITION);
    bool repeats_the_row = dr_str_starts(dr_str_of(detail), DR_LIT("Failing row"));
    DR_AUTO_BUF text = { 0 };
    DR_AUTO_BUF said = { 0 };
    dr_buf_puts(&text, message);
    if (*detail && !repeats_the_row)
        dr_buf_printf(&text, " (%s)", detail);
    put_harmless(pg, dr_buf_cstr(&text), &said);
    snprintf(pg->reason, sizeof pg->reason, "%s", dr_buf_cstr(&said));
    pg->refused = is_about_a_row(state);
    pg->offset = *position ? number(position) - 1 : -1;
}

/* What is told, logged and reported has no value of a row in it. */
static int32_t fail_result(struct dr_pg *pg, const PGresult *r, struct dr_err *err)
{
    const char *state = field(r, PG_DIAG_SQLSTATE), *primary = field(r, PG_DIAG_MESSAGE_PRIMARY);
    const char *message = *primary ? primary : pq.PQerrorMessage(pg->conn);
    DR_AUTO_BUF text = { 0 };
    DR_AUTO_BUF said = { 0 };
    keep_failure(pg, r, message, state);
    put_without_values(message, state, &text);
    put_harmless(pg, dr_buf_cstr(&text), &said);
    return dr_fail(err, rc_of(state), "PostgreSQL: %s%s%s", dr_buf_cstr(&said), *state ? ", code " : "",
                   state);
}

/* ---- opening ------------------------------------------------------------------------- */

/* The settings that reach libpq, and what of them decides about TLS. */
struct settings {
    struct dr_arena arena;
    const char *keys[32], *values[32];
    int n;
    const char *host, *sslmode, *rootcert, *password, *schema;
};

static void note_setting(struct settings *s, const char *key, const char *value)
{
    if (!value || !*value)
        return;
    if (dr_streq(key, "host") || (dr_streq(key, "hostaddr") && !s->host))
        s->host = dr_arena_strdup(&s->arena, value);
    else if (dr_streq(key, "sslmode"))
        s->sslmode = dr_arena_strdup(&s->arena, value);
    else if (dr_streq(key, "sslrootcert"))
        s->rootcert = dr_arena_strdup(&s->arena, value);
    else if (dr_streq(key, "password"))
        s->password = dr_arena_strdup(&s->arena, value);
}

static void add(struct settings *s, const char *key, const char *value)
{
    s->keys[s->n] = key;
    s->values[s->n++] = value;
}

/* What a URI says. libpq's own message about a wrong one would quote it. */
static int32_t read_uri(struct settings *s, const char *uri, struct dr_err *err)
{
    char *message = NULL;
    PQconninfoOption *options = pq.PQconninfoParse(uri, &message);
    if (message)
        pq.PQfreemem(message);
    if (!options)
        return dr_fail(err, DR_EDEF,
                       "its URI cannot be read; postgresql://USER:PASSWORD@HOST:PORT/DATABASE?KEY=VALUE"
                       " was expected, with special characters as %%XX");
    for (PQconninfoOption *o = options; o->keyword; o++)
        note_setting(s, o->keyword, o->val);
    pq.PQconninfoFree(options);
    return DR_OK;
}

static int32_t read_settings(struct settings *s, int32_t n, const char *const *keys,
                             const char *const *values, struct dr_err *err)
{
    for (int32_t i = 0; i < n && i < 20; i++) {
        if (dr_streq(keys[i], "schema")) {
            s->schema = values[i];
            continue;
        }
        bool is_uri = dr_streq(keys[i], "dbname") && (strstr(values[i], "://") || strchr(values[i], '='));
        if (is_uri)
            DR_TRY(read_uri(s, values[i], err));
        else
            note_setting(s, keys[i], values[i]);
        add(s, keys[i], values[i]);
    }
    return DR_OK;
}

/* An address, not a name that begins like one. */
static bool is_loopback(struct dr_str host)
{
    for (size_t i = 0; i < host.n; i++)
        if (!strchr("0123456789.", host.p[i]))
            return dr_str_eq(host, DR_LIT("::1"));
    return dr_str_starts(host, DR_LIT("127."));
}

static bool is_local_host(struct dr_str host)
{
    return host.n == 0 || host.p[0] == '/' || host.p[0] == '@' || dr_str_eq(host, DR_LIT("localhost")) ||
           is_loopback(host);
}

static bool is_local(const char *hosts)
{
    struct dr_str rest = dr_str_of(hosts), host;
    bool local = true;
    while (dr_str_split(&rest, ',', &host))
        local &= is_local_host(host);
    return local;
}

static const char *or_variable(const char *given, const char *variable)
{
    const char *value = given ? NULL : getenv(variable);
    return given ? given : value && *value ? value : NULL;
}

/* To another machine: encrypted, by a certificate that is the server's. libpq 15 knows no
 * "system" certificates, so that where the user has none of their own it is told where they are. */
static void demand_tls(struct settings *s)
{
    const char *host = or_variable(s->host, "PGHOST");
    if (!host)
        host = or_variable(NULL, "PGHOSTADDR");
    if (!host || is_local(host) || or_variable(s->sslmode, "PGSSLMODE"))
        return;
    add(s, "sslmode", "verify-full");
    const char *home = getenv("HOME");
    const char *own = dr_arena_printf(&s->arena, "%s/.postgresql/root.crt", home ? home : "");
    if (!or_variable(s->rootcert, "PGSSLROOTCERT") && access(own, R_OK) != 0)
        add(s, "sslrootcert", CERTIFICATES);
}

static void ignore_notice(void *ctx, const char *message)
{
    (void)ctx;
    (void)message;
}

static void put_quoted(struct dr_buf *b, const char *name)
{
    dr_buf_putc(b, '"');
    for (; *name; name++)
        dr_buf_printf(b, *name == '"' ? "\"\"" : "%c", *name);
    dr_buf_putc(b, '"');
}

/* What a session is expected to be like, whatever the server's or the user's defaults are. A server
 * that looks whether its client is still there ends what a killed task had begun. */
static int32_t configure(struct dr_pg *pg, const char *schema, struct dr_err *err)
{
    DR_AUTO_BUF sql = { 0 };
    dr_buf_puts(&sql, "SET client_min_messages = warning; SET datestyle = 'ISO'; SET timezone = 'UTC';"
                      "SET standard_conforming_strings = on; SET extra_float_digits = 1;"
                      "SET bytea_output = 'hex'; SET lock_timeout = '30s'");
    if (pq.PQserverVersion(pg->conn) >= 140000)
        dr_buf_puts(&sql, "; SET client_connection_check_interval = '1s'");
    if (schema) {
        dr_buf_puts(&sql, "; SET search_path = ");
        put_quoted(&sql, schema);
    }
    return dr_pg_exec(pg, dr_buf_cstr(&sql), err);
}

static int32_t connect_with(struct settings *s, struct dr_pg **ret, struct dr_err *err)
{
    struct dr_pg *pg = dr_calloc(1, sizeof *pg);
    const char *password = or_variable(s->password, "PGPASSWORD");
    pg->secret = password ? dr_strdup(password) : NULL;
    pg->conn = pq.PQconnectdbParams(s->keys, s->values, 1);
    int32_t rc;
    if (pg->conn && pq.PQstatus(pg->conn) == CONNECTION_OK) {
        pq.PQsetNoticeProcessor(pg->conn, ignore_notice, NULL);
        rc = configure(pg, s->schema, err);
    } else {
        DR_AUTO_BUF said = { 0 };
        put_harmless(pg, pg->conn ? pq.PQerrorMessage(pg->conn) : "out of memory", &said);
        rc = dr_fail(err, DR_EDB, "cannot connect to PostgreSQL: %s", dr_buf_cstr(&said));
    }
    if (rc) {
        dr_pg_close(pg);
        return rc;
    }
    *ret = pg;
    return DR_OK;
}

int32_t dr_pg_open(int32_t n, const char *const *keys, const char *const *values, struct dr_pg **ret,
                   struct dr_err *err)
{
    struct settings s = { 0 };
    DR_TRY(load_library(err));
    add(&s, "fallback_application_name", "dagrun");
    add(&s, "connect_timeout", "10");
    int32_t rc = read_settings(&s, n, keys, values, err);
    if (!rc) {
        demand_tls(&s);
        add(&s, "client_encoding", "UTF8");
        rc = connect_with(&s, ret, err);
    }
    dr_arena_done(&s.arena);
    return rc;
}

void dr_pg_close(struct dr_pg *pg)
{
    if (!pg)
        return;
    pq.PQclear(pg->row);
    pq.PQfinish(pg->conn);
    if (pg->secret)
        explicit_bzero(pg->secret, strlen(pg->secret));
    free(pg->secret);
    free(pg);
}

bool dr_pg_in_transaction(const struct dr_pg *pg)
{
    PGTransactionStatusType status = pq.PQtransactionStatus(pg->conn);
    return status == PQTRANS_INTRANS || status == PQTRANS_INERROR || status == PQTRANS_ACTIVE;
}

bool dr_pg_in_failed_transaction(const struct dr_pg *pg)
{
    return pq.PQtransactionStatus(pg->conn) == PQTRANS_INERROR;
}

/* ---- statements ------------------------------------------------------------------------ */

static void drop_row(struct dr_pg *pg)
{
    pq.PQclear(pg->row);
    pg->row = NULL;
}

static void drain(struct dr_pg *pg)
{
    drop_row(pg);
    while (pg->reading) {
        PGresult *r = pq.PQgetResult(pg->conn);
        if (!r)
            pg->reading = false;
        pq.PQclear(r);
    }
}

int32_t dr_pg_exec(struct dr_pg *pg, const char *sql, struct dr_err *err)
{
    drain(pg);
    PGresult *r = pq.PQexec(pg->conn, sql);
    ExecStatusType status = pq.PQresultStatus(r);
    bool ok = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
    int32_t rc = ok ? DR_OK : fail_result(pg, r, err);
    pq.PQclear(r);
    return rc;
}

int32_t dr_pg_send(struct dr_pg *pg, const char *sql, int32_t n, const struct dr_pg_param *params,
                   struct dr_err *err)
{
    DR_AUTO_FREE const char **texts = dr_malloc((size_t)n * sizeof *texts);
    DR_AUTO_FREE Oid *types = dr_malloc((size_t)n * sizeof *types);
    for (int32_t i = 0; i < n; i++) {
        texts[i] = params[i].text;
        types[i] = params[i].type;
    }
    drain(pg);
    pg->changed = 0;
    if (!pq.PQsendQueryParams(pg->conn, sql, n, types, texts, NULL, NULL, 0))
        return fail_result(pg, NULL, err);
    pg->reading = true;
    (void)pq.PQsetSingleRowMode(pg->conn);
    return DR_OK;
}

/* The end of the statement; its last result stays, for the columns of an empty one. */
static void finish_reading(struct dr_pg *pg)
{
    const char *changed = pq.PQcmdTuples(pg->row);
    pg->changed = number(changed);
    while (pg->reading) {
        PGresult *r = pq.PQgetResult(pg->conn);
        pg->reading = r != NULL;
        pq.PQclear(r);
    }
}

int32_t dr_pg_next(struct dr_pg *pg, bool *ret_row, struct dr_err *err)
{
    *ret_row = false;
    if (!pg->reading)
        return DR_OK;
    drop_row(pg);
    pg->row = pq.PQgetResult(pg->conn);
    switch (pq.PQresultStatus(pg->row)) {
    case PGRES_SINGLE_TUPLE:
        *ret_row = true;
        return DR_OK;
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
    case PGRES_EMPTY_QUERY:
        finish_reading(pg);
        return DR_OK;
    default:
        break;
    }
    int32_t rc = fail_result(pg, pg->row, err);
    drain(pg);
    return rc;
}

int32_t dr_pg_columns(const struct dr_pg *pg)
{
    return pq.PQnfields(pg->row);
}

const char *dr_pg_column_name(const struct dr_pg *pg, int32_t i)
{
    return pq.PQfname(pg->row, i);
}

uint32_t dr_pg_column_type(const struct dr_pg *pg, int32_t i)
{
    return pq.PQftype(pg->row, i);
}

bool dr_pg_is_null(const struct dr_pg *pg, int32_t i)
{
    return pq.PQgetisnull(pg->row, 0, i);
}

struct dr_str dr_pg_value(const struct dr_pg *pg, int32_t i)
{
    return (struct dr_str){ pq.PQgetvalue(pg->row, 0, i), (size_t)pq.PQgetlength(pg->row, 0, i) };
}

int64_t dr_pg_changed(const struct dr_pg *pg)
{
    return pg->changed;
}

/* ---- COPY --------------------------------------------------------------------------------- */

int32_t dr_pg_copy_begin(struct dr_pg *pg, const char *sql, struct dr_err *err)
{
    drain(pg);
    PGresult *r = pq.PQexec(pg->conn, sql);
    int32_t rc = pq.PQresultStatus(r) == PGRES_COPY_IN ? DR_OK : fail_result(pg, r, err);
    pq.PQclear(r);
    return rc;
}

int32_t dr_pg_copy_put(struct dr_pg *pg, struct dr_str bytes, struct dr_err *err)
{
    return pq.PQputCopyData(pg->conn, bytes.p, (int)bytes.n) == 1 ? DR_OK : fail_result(pg, NULL, err);
}

int32_t dr_pg_copy_end(struct dr_pg *pg, bool failed, struct dr_err *err)
{
    int32_t rc = DR_OK;
    if (pq.PQputCopyEnd(pg->conn, failed ? "the rows could not be read" : NULL) != 1)
        rc = fail_result(pg, NULL, err);
    pg->reading = true;
    PGresult *r = pq.PQgetResult(pg->conn);
    if (!rc && r && pq.PQresultStatus(r) != PGRES_COMMAND_OK && !failed)
        rc = fail_result(pg, r, err);
    pq.PQclear(r);
    drain(pg);
    return rc;
}

bool dr_pg_refused(const struct dr_pg *pg)
{
    return pg->refused;
}

const char *dr_pg_reason(const struct dr_pg *pg)
{
    return pg->reason;
}

int64_t dr_pg_error_offset(const struct dr_pg *pg)
{
    return pg->offset;
}
