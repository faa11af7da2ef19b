/* open.c - opening the run store: making it, migrating it, refusing what is
 * not ours or too new; and transactions.
 *
 * PRAGMA user_version counts the migrations a database has had. Each runs in a
 * transaction of its own that begins by reading the version again, so that two
 * programs may open a fresh or old database at once and one of them does the
 * work. PRAGMA application_id tells our databases from other people's.
 *
 * A reader of an old database migrates it first: every query here is written
 * for the newest schema only. */
#include "state/store.h"
#include "base/file.h"
#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUSY_MS = 5000 };

/* ---- what a failure means ---------------------------------------------------- */

int32_t dr_state_explain(const struct dr_state *s, struct dr_err *err)
{
    if (!err)
        return DR_EDB;
    if (err->rc == DR_EBUSY)
        return dr_err_prefix(err,
                             "state database '%s' is held by another program, for more than %.3g s now "
                             "(a shell or a backup with an open transaction?)",
                             s->path, s->busy_ms / 1e3);
    return dr_err_prefix(err, "state database '%s'", s->path);
}

/* As dr_state_explain, but rc stands even where there is no err. */
static int32_t explained(const struct dr_state *s, int32_t rc, struct dr_err *err)
{
    if (rc)
        (void)dr_state_explain(s, err);
    return rc;
}

int32_t dr_state_prepare(struct dr_state *s, const char *sql, struct dr_sql_stmt **ret, struct dr_err *err)
{
    return explained(s, dr_sql_prepare(s->db, sql, ret, err), err);
}

int32_t dr_state_step(struct dr_state *s, struct dr_sql_stmt *st, bool *ret_row, struct dr_err *err)
{
    return explained(s, dr_sql_step(st, ret_row, err), err);
}

int32_t dr_state_finish(struct dr_state *s, struct dr_sql_stmt *st, int64_t *ret_changed, struct dr_err *err)
{
    return explained(s, dr_sql_run(st, ret_changed, err), err);
}

int32_t dr_state_fetch_int(struct dr_state *s, struct dr_sql_stmt *st, int64_t *ret, bool *ret_found,
                           struct dr_err *err)
{
    bool row;
    DR_TRY(dr_state_step(s, st, &row, err));
    if (row)
        *ret = dr_sql_int(st, 0);
    dr_sql_reset(st);
    *ret_found = row;
    return DR_OK;
}

/* ---- transactions ---------------------------------------------------------------- */

static void forget_dataset(struct dr_state *s)
{
    free(s->last_dataset.name);
    s->last_dataset.name = NULL;
}

int32_t dr_state_begin(struct dr_state *s, struct dr_err *err)
{
    if (dr_sql_in_transaction(s->db))
        return dr_fail(err, DR_EBUG, "a transaction of the state database is open already");
    return explained(s, dr_sql_begin(s->db, err), err);
}

int32_t dr_state_commit(struct dr_state *s, struct dr_err *err)
{
    return explained(s, dr_sql_commit(s->db, err), err);
}

void dr_state_rollback(struct dr_state *s)
{
    forget_dataset(s);
    dr_sql_rollback(s->db);
}

int32_t dr_state_enter(struct dr_state *s, bool *ret_began, struct dr_err *err)
{
    bool begin = !dr_sql_in_transaction(s->db);
    if (begin)
        DR_TRY(dr_state_begin(s, err));
    *ret_began = begin;
    return DR_OK;
}

int32_t dr_state_leave(struct dr_state *s, bool began, int32_t rc, struct dr_err *err)
{
    if (!began)
        return rc;
    if (!rc)
        rc = dr_state_commit(s, err);
    if (rc)
        dr_state_rollback(s);
    return rc;
}

/* ---- migrations ------------------------------------------------------------------ */

static int32_t read_pragma(struct dr_state *s, const char *sql, int64_t *ret, struct dr_err *err)
{
    struct dr_sql_stmt *st;
    bool found;
    DR_TRY(dr_state_prepare(s, sql, &st, err));
    return dr_state_fetch_int(s, st, ret, &found, err);
}

static int32_t schema_version(struct dr_state *s, int64_t *ret, struct dr_err *err)
{
    return read_pragma(s, "PRAGMA user_version", ret, err);
}

/* An empty database is ours to fill; anything else must carry our mark. */
static int32_t check_owner(struct dr_state *s, struct dr_err *err)
{
    int64_t id, objects;
    DR_TRY(read_pragma(s, "PRAGMA application_id", &id, err));
    if (id == DR_STATE_APPLICATION_ID)
        return DR_OK;
    DR_TRY(read_pragma(s, "SELECT count(*) FROM sqlite_schema", &objects, err));
    if (id == 0 && objects == 0)
        return DR_OK;
    return dr_fail(err, DR_EDB,
                   "'%s' is a database of another program, not a state database of dagrun; move it away",
                   s->path);
}

static int32_t check_version(struct dr_state *s, int64_t version, int32_t known, struct dr_err *err)
{
    if (version >= 0 && version <= known)
        return DR_OK;
    return dr_fail(err, DR_EDB,
                   "state database '%s' has schema %" PRId64
                   ", made by a newer dagrun; this one knows schemas up to "
                   "%" PRId32 ": use the newer program",
                   s->path, version, known);
}

/* Bring the database from `from` to the next version, unless somebody else just did. */
static int32_t migrate_one(struct dr_state *s, const struct dr_migration *m, int64_t from, struct dr_err *err)
{
    int64_t version;
    DR_TRY(schema_version(s, &version, err));
    if (version != from)
        return DR_OK;
    for (int32_t i = 0; i < m->n; i++)
        DR_TRY(explained(s, dr_sql_exec(s->db, m->statements[i], err), err));
    char sql[64];
    snprintf(sql, sizeof(sql), "PRAGMA user_version = %" PRId64, from + 1);
    return explained(s, dr_sql_exec(s->db, sql, err), err);
}

static int32_t migrate(struct dr_state *s, const struct dr_state_setup *setup, struct dr_err *err)
{
    int64_t version;
    DR_TRY(schema_version(s, &version, err));
    DR_TRY(check_version(s, version, setup->n, err));
    while (version < setup->n) {
        bool began;
        DR_TRY(dr_state_enter(s, &began, err));
        int32_t rc = dr_state_leave(s, began, migrate_one(s, &setup->migrations[version], version, err), err);
        if (rc) {
            (void)dr_err_prefix(err, "migration from schema %" PRId64 " to %" PRId64, version, version + 1);
            return rc;
        }
        DR_TRY(schema_version(s, &version, err));
    }
    return DR_OK;
}

/* ---- opening ----------------------------------------------------------------------- */

/* In a folder that cannot be written to SQLite cannot make the -shm file that
 * readers of a WAL database share. Where no log is left beside the database
 * either, nobody writes, and it may be read as immutable. */
static bool reads_as_immutable(const char *path)
{
    struct dr_buf wal = { 0 };
    dr_buf_printf(&wal, "%s-wal", path);
    struct stat st;
    bool idle = stat(dr_buf_cstr(&wal), &st) != 0 ? errno == ENOENT : st.st_size == 0;
    dr_buf_done(&wal);
    DR_AUTO_FREE char *folder = dr_strdup(path);
    char *slash = strrchr(folder, '/');
    if (slash)
        *slash = '\0';
    return idle && access(slash ? folder : ".", W_OK) != 0;
}

/* path as a file: URI; the bytes that mean something in one are escaped. */
static void put_immutable_uri(struct dr_buf *b, const char *path)
{
    dr_buf_puts(b, "file:");
    for (; *path; path++) {
        if (strchr("%?#", *path))
            dr_buf_printf(b, "%%%02X", (unsigned)*path);
        else
            dr_buf_putc(b, *path);
    }
    dr_buf_puts(b, "?immutable=1");
}

static int32_t connect_reading(struct dr_state *s, struct dr_err *err)
{
    if (!dr_path_exists(s->path))
        return dr_fail(err, DR_ENOTFOUND, "there is no state database '%s': nothing has run here yet",
                       s->path);
    int32_t rc = dr_sql_open(s->path, DR_SQL_READONLY, s->busy_ms, &s->db, err);
    if (rc != DR_EDB || !reads_as_immutable(s->path))
        return rc;
    DR_AUTO_BUF uri = { 0 };
    put_immutable_uri(&uri, s->path);
    struct dr_err ignored;
    if (dr_sql_open(dr_buf_cstr(&uri), DR_SQL_READONLY, s->busy_ms, &s->db, &ignored))
        return rc;
    return DR_OK;
}

static int32_t connect_writing(struct dr_state *s, const struct dr_home *h, int flags, struct dr_err *err)
{
    DR_TRY(dr_mkdirs(h->var, err));
    bool full_sync = flags & DR_STATE_FULL_SYNC;
    return dr_sql_open(s->path, full_sync ? DR_SQL_FULL_SYNC : 0, s->busy_ms, &s->db, err);
}

/* The folder itself: SQLite makes its log there. */
static bool may_write(const struct dr_state *s, const struct dr_home *h)
{
    return access(h->var, W_OK) == 0 && (access(s->path, W_OK) == 0 || errno == ENOENT);
}

static int32_t open_for_writing(struct dr_state *s, const struct dr_home *h, int flags,
                                const struct dr_state_setup *setup, struct dr_err *err)
{
    int32_t rc = connect_writing(s, h, flags, err);
    if (rc == DR_EBUSY)
        return explained(s, rc, err);
    if (rc && !may_write(s, h))
        (void)dr_err_prefix(err, "dagrun keeps its state in '%s' and must be able to write there", h->var);
    if (rc)
        return rc;
    DR_TRY(check_owner(s, err));
    return migrate(s, setup, err);
}

static int32_t open_for_reading(struct dr_state *s, const struct dr_home *h,
                                const struct dr_state_setup *setup, struct dr_err *err)
{
    int64_t version;
    DR_TRY(connect_reading(s, err));
    DR_TRY(check_owner(s, err));
    DR_TRY(schema_version(s, &version, err));
    DR_TRY(check_version(s, version, setup->n, err));
    if (version == setup->n)
        return DR_OK;
    dr_sql_close(s->db);
    s->db = NULL;
    DR_TRY(open_for_writing(s, h, 0, setup, err));
    dr_sql_close(s->db);
    s->db = NULL;
    return connect_reading(s, err);
}

int32_t dr_state_open_with(const struct dr_home *h, int flags, const struct dr_state_setup *setup,
                           struct dr_state **ret, struct dr_err *err)
{
    struct dr_state *s = dr_calloc(1, sizeof(*s));
    s->path = dr_strdup(h->db);
    s->home = dr_strdup(h->path);
    s->busy_ms = setup->busy_ms;
    bool reading = flags & DR_STATE_READONLY;
    int32_t rc = reading ? open_for_reading(s, h, setup, err) : open_for_writing(s, h, flags, setup, err);
    if (rc) {
        dr_state_close(s);
        return rc;
    }
    *ret = s;
    return DR_OK;
}

int32_t dr_state_open(const struct dr_home *h, int flags, struct dr_state **ret, struct dr_err *err)
{
    struct dr_state_setup setup = { .busy_ms = BUSY_MS };
    setup.migrations = dr_state_migrations(&setup.n);
    return dr_state_open_with(h, flags, &setup, ret, err);
}

void dr_state_close(struct dr_state *s)
{
    if (!s)
        return;
    forget_dataset(s);
    dr_sql_close(s->db);
    free(s->path);
    free(s->home);
    free(s);
}
