/* sqlite_table.c - a virtual table module over struct dr_sql_rows.
 *
 * SQLite makes no index of its own for a virtual table, so a join would scan one
 * table for each row of the other. Where a statement asks for equality, a hash
 * index over exactly those columns is made at its first use and kept:
 *
 *     head[hash & mask] -> row -> next[row] -> ...      rows in ascending order
 *
 * 8 bytes a row, no copy of a key. It gives a superset of the rows: SQLite tests
 * each again, since it alone knows the rules of comparing. Where those
 * rules could find rows of another hash equal (a text that is a number against a
 * column of numbers), the answer is a scan of everything. */
#include "base/sqlite_table.h"
#include "base/num.h"
#include "base/sqlite_impl.h"
#include <math.h>
#include <stdlib.h>

#define MODULE "dagrun_table"
#define MAX_INDEXES 16
#define MAX_KEY 16
#define END UINT32_MAX

struct key_index {
    int32_t n;
    int32_t columns[MAX_KEY]; /* ascending */
    uint32_t *head, *next;    /* owned */
    uint64_t mask;
};
/* Belongs to the connection, by name, until another takes the name: SQLite forgets its
 * own side of a table when a rolled-back change of schema makes it read them all anew. */
struct dr_sql_attached {
    struct dr_sql_attached *next; /* of the connection; owned */
    char *name;                   /* owned */
    struct dr_sql_rows rows;
    struct dr_sql_column *columns;        /* owned copy */
    enum kind { NUMBERS, TEXTS } * kinds; /* owned: of each column's affinity */
    struct key_index indexes[MAX_INDEXES];
    int32_t n_indexes;
};
struct link {
    sqlite3_vtab base;             /* SQLite's part, first */
    struct dr_sql_attached *table; /* borrowed from the connection */
};
struct cursor {
    sqlite3_vtab_cursor base;
    struct dr_sql_attached *table; /* borrowed */
    int64_t row, end;              /* a scan: the next row, and where it ends */
    const struct key_index *index; /* or NULL: a scan */
};

/* ---- hashing --------------------------------------------------------------------- */

static uint64_t mix(uint64_t h)
{
    h ^= h >> 32;
    h *= UINT64_C(0xd6e8feb86659fd93);
    h ^= h >> 32;
    return h;
}

static uint64_t hash_number(double f)
{
    uint64_t bits;
    f += 0.0; /* -0 is 0 */
    memcpy(&bits, &f, sizeof bits);
    return mix(bits);
}

/* Numbers that SQLite finds equal hash alike: 5 and 5.0 through their doubles. */
static bool hash_cell(const struct dr_sql_cell *c, uint64_t *h)
{
    switch (c->type) {
    case DR_SQL_INT:
        *h = mix(*h * 31 + hash_number((double)c->i));
        return true;
    case DR_SQL_FLOAT:
        if (isnan(c->f)) /* is NULL to SQLite */
            return false;
        *h = mix(*h * 31 + hash_number(c->f));
        return true;
    case DR_SQL_TEXT:
        *h = mix(*h * 31 + dr_hash(c->s.p, c->s.n));
        return true;
    default:
        return false;
    }
}

static void build_index(const struct dr_sql_attached *t, struct key_index *x)
{
    uint64_t size = 16;
    while (size < (uint64_t)t->rows.rows)
        size *= 2;
    x->mask = size - 1;
    x->head = dr_malloc(size * sizeof *x->head);
    x->next = dr_malloc((size_t)t->rows.rows * sizeof *x->next);
    memset(x->head, 0xff, size * sizeof *x->head);
    for (int64_t row = t->rows.rows - 1; row >= 0; row--) {
        uint64_t h = 0;
        bool whole = true;
        for (int32_t k = 0; k < x->n && whole; k++) {
            struct dr_sql_cell c = { .type = DR_SQL_NULL };
            t->rows.get(t->rows.ctx, x->columns[k], row, &c);
            whole = hash_cell(&c, &h);
        }
        if (!whole) /* a NULL equals nothing */
            continue;
        x->next[row] = x->head[h & x->mask];
        x->head[h & x->mask] = (uint32_t)row;
    }
}

static const struct key_index *index_over(struct dr_sql_attached *t, int32_t n, const int32_t *columns)
{
    for (int32_t i = 0; i < t->n_indexes; i++)
        if (t->indexes[i].n == n && memcmp(t->indexes[i].columns, columns, (size_t)n * sizeof *columns) == 0)
            return &t->indexes[i];
    if (t->n_indexes == MAX_INDEXES)
        return NULL;
    struct key_index *x = &t->indexes[t->n_indexes++];
    x->n = n;
    memcpy(x->columns, columns, (size_t)n * sizeof *columns);
    build_index(t, x);
    return x;
}

/* ---- the table -------------------------------------------------------------------- */

static void free_table(struct dr_sql_attached *t)
{
    for (int32_t i = 0; i < t->n_indexes; i++) {
        free(t->indexes[i].head);
        free(t->indexes[i].next);
    }
    if (t->rows.close)
        t->rows.close(t->rows.ctx);
    free(t->columns);
    free(t->kinds);
    free(t->name);
    free(t);
}

/* Take the table of that name out of the connection's list. */
static struct dr_sql_attached *unlisted(struct dr_sql *db, const char *name)
{
    for (struct dr_sql_attached **at = &db->attached; *at; at = &(*at)->next) {
        struct dr_sql_attached *t = *at;
        if (sqlite3_stricmp(t->name, name) != 0)
            continue;
        *at = t->next;
        return t;
    }
    return NULL;
}

void dr_sql_free_attached(struct dr_sql *db)
{
    while (db->attached) {
        struct dr_sql_attached *t = db->attached;
        db->attached = t->next;
        free_table(t);
    }
}

static void put_declaration(const struct dr_sql_attached *t, struct dr_buf *b)
{
    dr_buf_puts(b, "CREATE TABLE x (");
    for (int32_t i = 0; i < t->rows.n; i++) {
        dr_buf_puts(b, i ? ", " : "");
        dr_buf_put_sql_ident(b, dr_str_of(t->columns[i].name));
        dr_buf_printf(b, " %s", t->columns[i].type);
    }
    dr_buf_puts(b, ")");
}

/* What a table is whose rows were detached and whose name came back by a rollback:
 * empty, but there, since only what can be opened can be dropped. */
static struct dr_sql_column gone_column = { .name = "gone", .type = "TEXT" };
static enum kind gone_kind = TEXTS;
static struct dr_sql_attached gone = { .rows = { .n = 1 }, .columns = &gone_column, .kinds = &gone_kind };

int dr_sql_declare(sqlite3 *handle, struct dr_buf *declaration, char **ret_message)
{
    int code = sqlite3_declare_vtab(handle, dr_buf_cstr(declaration));
    if (code != SQLITE_OK) {
        *ret_message = sqlite3_mprintf("%s", sqlite3_errmsg(handle));
        return code;
    }
    return sqlite3_vtab_config(handle, SQLITE_VTAB_INNOCUOUS);
}

/* aux is the connection; argv holds the names of module, schema and table. */
static int on_connect(sqlite3 *handle, void *aux, int argc, const char *const *argv, sqlite3_vtab **ret,
                      char **ret_message)
{
    const struct dr_sql *db = aux;
    struct dr_sql_attached *t = db->attached;
    DR_AUTO_BUF declaration = { 0 };
    while (t && (argc < 3 || sqlite3_stricmp(t->name, argv[2]) != 0))
        t = t->next;
    if (!t)
        t = &gone;
    put_declaration(t, &declaration);
    int code = dr_sql_declare(handle, &declaration, ret_message);
    if (code != SQLITE_OK)
        return code;
    struct link *link = dr_calloc(1, sizeof *link);
    link->table = t;
    *ret = &link->base;
    return SQLITE_OK;
}

static int on_disconnect(sqlite3_vtab *base)
{
    free(base);
    return SQLITE_OK;
}

/* ---- planning ---------------------------------------------------------------------- *
 * idxNum tells on_filter what its arguments are: a mask of the bounds of rowid, or
 * USE_INDEX with the columns in idxStr, one letter pair each. */

enum { ROWID_EQ = 1, ROWID_GE = 2, ROWID_GT = 4, ROWID_LE = 8, ROWID_LT = 16, USE_INDEX = 32 };

static int rowid_bound(int op)
{
    switch (op) {
    case SQLITE_INDEX_CONSTRAINT_EQ:
        return ROWID_EQ;
    case SQLITE_INDEX_CONSTRAINT_GE:
        return ROWID_GE;
    case SQLITE_INDEX_CONSTRAINT_GT:
        return ROWID_GT;
    case SQLITE_INDEX_CONSTRAINT_LE:
        return ROWID_LE;
    case SQLITE_INDEX_CONSTRAINT_LT:
        return ROWID_LT;
    default:
        return 0;
    }
}

/* Bounds of rowid, each at most once, their arguments in the order of the mask. */
static int plan_rowid(sqlite3_index_info *info)
{
    int chosen[5] = { -1, -1, -1, -1, -1 }, mask = 0, n = 0;
    for (int i = 0; i < info->nConstraint; i++) {
        int bound = rowid_bound(info->aConstraint[i].op);
        if (info->aConstraint[i].iColumn >= 0 || !info->aConstraint[i].usable || !bound || (mask & bound))
            continue;
        mask |= bound;
        chosen[__builtin_ctz((unsigned)bound)] = i;
    }
    if (mask & ROWID_EQ) {
        mask = ROWID_EQ;
        for (int k = 1; k < 5; k++)
            chosen[k] = -1;
    }
    for (int k = 0; k < 5; k++)
        if (chosen[k] >= 0)
            info->aConstraintUsage[chosen[k]].argvIndex = ++n;
    return mask;
}

static bool is_key_part(sqlite3_index_info *info, int i, int32_t column)
{
    return info->aConstraint[i].usable && info->aConstraint[i].iColumn == column &&
           info->aConstraint[i].op == SQLITE_INDEX_CONSTRAINT_EQ &&
           sqlite3_stricmp(sqlite3_vtab_collation(info, i), "BINARY") == 0;
}

/* The columns that are asked to equal something, in ascending order. */
static int32_t plan_key(const struct dr_sql_attached *t, sqlite3_index_info *info, int32_t *columns,
                        double *distinct)
{
    int32_t n = 0;
    *distinct = 1;
    for (int32_t c = 0; c < t->rows.n && n < MAX_KEY; c++)
        for (int i = 0; i < info->nConstraint; i++) {
            if (!is_key_part(info, i, c))
                continue;
            columns[n++] = c;
            info->aConstraintUsage[i].argvIndex = n;
            *distinct *= t->columns[c].distinct > 0 ? (double)t->columns[c].distinct : (double)t->rows.rows;
            break;
        }
    return n;
}

static char *columns_as_text(int32_t n, const int32_t *columns)
{
    DR_AUTO_BUF b = { 0 };
    for (int32_t k = 0; k < n; k++)
        dr_buf_printf(&b, "%d ", (int)columns[k]);
    return sqlite3_mprintf("%s", dr_buf_cstr(&b));
}

static void set_cost(sqlite3_index_info *info, double rows)
{
    info->estimatedRows = rows < 1 ? 1 : (sqlite3_int64)rows;
    info->estimatedCost = rows + 1;
    /* Every way of reading gives rows in their order. */
    if (info->nOrderBy == 1 && info->aOrderBy[0].iColumn < 0 && !info->aOrderBy[0].desc)
        info->orderByConsumed = 1;
}

static int on_plan(sqlite3_vtab *base, sqlite3_index_info *info)
{
    const struct dr_sql_attached *t = ((const struct link *)base)->table;
    double rows = (double)t->rows.rows, distinct;
    int32_t columns[MAX_KEY];
    info->idxNum = plan_rowid(info);
    if (info->idxNum) {
        set_cost(info, info->idxNum & ROWID_EQ ? 1 : rows / 4);
        if (info->idxNum & ROWID_EQ)
            info->idxFlags = SQLITE_INDEX_SCAN_UNIQUE;
        return SQLITE_OK;
    }
    int32_t n = plan_key(t, info, columns, &distinct);
    if (n == 0) {
        set_cost(info, rows);
        return SQLITE_OK;
    }
    info->idxNum = USE_INDEX;
    info->idxStr = columns_as_text(n, columns);
    info->needToFreeIdxStr = 1;
    if (!info->idxStr)
        return SQLITE_NOMEM;
    set_cost(info, distinct > 1 ? rows / (distinct < rows ? distinct : rows) : rows);
    return SQLITE_OK;
}

/* ---- reading ----------------------------------------------------------------------- */

static int on_open(sqlite3_vtab *base, sqlite3_vtab_cursor **ret)
{
    struct cursor *c = dr_calloc(1, sizeof *c);
    c->table = ((const struct link *)base)->table;
    *ret = &c->base;
    return SQLITE_OK;
}

static int on_close(sqlite3_vtab_cursor *base)
{
    free(base);
    return SQLITE_OK;
}

static void scan(struct cursor *c, int64_t from, int64_t end)
{
    c->index = NULL;
    c->row = from;
    c->end = end;
}

/* Narrow a scan by rowid op v, where v compares as SQLite compares numbers. Text and
 * NULL leave it as it is: SQLite tests every row again. */
static void bound_scan(struct cursor *c, int bound, sqlite3_value *v)
{
    int type = sqlite3_value_type(v);
    if (type != SQLITE_INTEGER && type != SQLITE_FLOAT)
        return;
    double f = sqlite3_value_double(v) - 1; /* rows count from 0 */
    double low = (double)c->row, high = (double)c->end;
    if (bound & (ROWID_EQ | ROWID_GE | ROWID_GT))
        low = fmax(low, bound == ROWID_GT ? floor(f) + 1 : ceil(f));
    if (bound & (ROWID_EQ | ROWID_LE | ROWID_LT))
        high = fmin(high, bound == ROWID_LT ? ceil(f) : floor(f) + 1);
    c->row = (int64_t)fmin(low, (double)c->end);
    c->end = (int64_t)fmax(high, (double)c->row);
}

static struct dr_str value_text(sqlite3_value *v)
{
    const unsigned char *p = sqlite3_value_text(v);
    return (struct dr_str){ p ? (const char *)p : "", (size_t)sqlite3_value_bytes(v) };
}

enum match { NOTHING, KEYED, ANYTHING };

/* Add a value that a column of that kind must equal to the key. Text and numbers
 * meet by affinities that are not told here: a scan decides then. */
static enum match key_part(enum kind kind, sqlite3_value *v, uint64_t *h)
{
    int type = sqlite3_value_type(v);
    struct dr_sql_cell c = { 0 };
    if (type == SQLITE_NULL)
        return NOTHING;
    if (type == SQLITE_INTEGER && kind == NUMBERS) {
        c = (struct dr_sql_cell){ .type = DR_SQL_INT, .i = sqlite3_value_int64(v) };
    } else if (type == SQLITE_FLOAT && kind == NUMBERS) {
        c = (struct dr_sql_cell){ .type = DR_SQL_FLOAT, .f = sqlite3_value_double(v) };
    } else if (type == SQLITE_TEXT && kind == TEXTS) {
        c = (struct dr_sql_cell){ .type = DR_SQL_TEXT, .s = value_text(v) };
    } else if (type == SQLITE_TEXT && dr_parse_i64(value_text(v), &c.i)) {
        c.type = DR_SQL_INT;
    } else {
        return ANYTHING;
    }
    return hash_cell(&c, h) ? KEYED : NOTHING;
}

static void seek(struct dr_sql_attached *t, struct cursor *c, const char *columns_text, int argc,
                 sqlite3_value **argv)
{
    int32_t columns[MAX_KEY];
    struct dr_str rest = dr_str_of(columns_text), word;
    uint64_t h = 0;
    for (int k = 0; k < argc && dr_str_split(&rest, ' ', &word); k++) {
        int64_t column = 0;
        dr_parse_i64(word, &column);
        columns[k] = (int32_t)column;
        enum match match = key_part(t->kinds[column], argv[k], &h);
        if (match == KEYED)
            continue;
        if (match == NOTHING)
            scan(c, 0, 0);
        return;
    }
    const struct key_index *x = index_over(t, argc, columns);
    if (!x)
        return;
    uint32_t first = x->head[h & x->mask];
    c->index = x;
    c->row = first == END ? t->rows.rows : first;
}

static int on_filter(sqlite3_vtab_cursor *base, int number, const char *text, int argc, sqlite3_value **argv)
{
    struct cursor *c = (struct cursor *)base;
    struct dr_sql_attached *t = c->table;
    scan(c, 0, t->rows.rows);
    if (number == USE_INDEX) {
        seek(t, c, text, argc, argv);
        return SQLITE_OK;
    }
    for (int bound = 1, k = 0; bound < USE_INDEX && k < argc; bound *= 2)
        if (number & bound)
            bound_scan(c, bound, argv[k++]);
    return SQLITE_OK;
}

static int on_next(sqlite3_vtab_cursor *base)
{
    struct cursor *c = (struct cursor *)base;
    if (!c->index) {
        c->row++;
        return SQLITE_OK;
    }
    uint32_t next = c->index->next[c->row];
    c->row = next == END ? c->end : next;
    return SQLITE_OK;
}

static int on_eof(sqlite3_vtab_cursor *base)
{
    const struct cursor *c = (const struct cursor *)base;
    return c->row >= c->end;
}

void dr_sql_give(sqlite3_context *out, const struct dr_sql_cell *v)
{
    switch (v->type) {
    case DR_SQL_INT:
        sqlite3_result_int64(out, v->i);
        break;
    case DR_SQL_FLOAT:
        sqlite3_result_double(out, v->f);
        break;
    case DR_SQL_TEXT:
        sqlite3_result_text64(out, v->s.n ? v->s.p : "", v->s.n,
                              v->passing ? SQLITE_TRANSIENT : SQLITE_STATIC, SQLITE_UTF8);
        break;
    default:
        break; /* NULL */
    }
}

static int on_column(sqlite3_vtab_cursor *base, sqlite3_context *out, int column)
{
    const struct cursor *c = (const struct cursor *)base;
    const struct dr_sql_attached *t = c->table;
    struct dr_sql_cell v = { .type = DR_SQL_NULL };
    t->rows.get(t->rows.ctx, column, c->row, &v);
    dr_sql_give(out, &v);
    return SQLITE_OK;
}

static int on_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *ret)
{
    *ret = ((const struct cursor *)base)->row + 1;
    return SQLITE_OK;
}

static const sqlite3_module module = {
    .iVersion = 1,
    .xCreate = on_connect,
    .xConnect = on_connect,
    .xBestIndex = on_plan,
    .xDisconnect = on_disconnect,
    .xDestroy = on_disconnect,
    .xOpen = on_open,
    .xClose = on_close,
    .xFilter = on_filter,
    .xNext = on_next,
    .xEof = on_eof,
    .xColumn = on_column,
    .xRowid = on_rowid,
};

/* ---- attaching --------------------------------------------------------------------- */

static struct dr_sql_attached *table_new(const char *name, const struct dr_sql_rows *rows)
{
    struct dr_sql_attached *t = dr_calloc(1, sizeof *t);
    t->rows = *rows;
    t->name = dr_strdup(name);
    t->columns = dr_calloc((size_t)rows->n, sizeof *t->columns);
    t->kinds = dr_calloc((size_t)rows->n, sizeof *t->kinds);
    for (int32_t i = 0; i < rows->n; i++) {
        t->columns[i] = rows->columns[i];
        t->kinds[i] = strstr(rows->columns[i].type, "TEXT") ? TEXTS : NUMBERS;
    }
    t->rows.columns = t->columns;
    return t;
}

static int32_t run_on_name(struct dr_sql *db, const char *before, const char *name, const char *after,
                           struct dr_err *err)
{
    DR_AUTO_BUF sql = { 0 };
    dr_buf_puts(&sql, before);
    dr_buf_put_sql_ident(&sql, dr_str_of(name));
    dr_buf_puts(&sql, after);
    return dr_sql_exec(db, dr_buf_cstr(&sql), err);
}

static int32_t make_table(struct dr_sql *db, struct dr_sql_attached *t, struct dr_err *err)
{
    if (t->rows.rows >= END)
        return dr_fail(err, DR_ELIMIT, "table '%s' has more than 2^32 - 2 rows", t->name);
    if (sqlite3_create_module_v2(db->handle, MODULE, &module, db, NULL) != SQLITE_OK)
        return dr_fail(err, DR_EDB, "SQLite: %s", sqlite3_errmsg(db->handle));
    return run_on_name(db, "CREATE VIRTUAL TABLE temp.", t->name, " USING " MODULE, err);
}

int32_t dr_sql_attach(struct dr_sql *db, const char *name, const struct dr_sql_rows *rows, struct dr_err *err)
{
    struct dr_sql_attached *t = table_new(name, rows), *former;
    int32_t rc = run_on_name(db, "DROP TABLE IF EXISTS temp.", name, "", err);
    if (!rc) {
        former = unlisted(db, name);
        if (former)
            free_table(former);
        t->next = db->attached;
        db->attached = t;
        rc = make_table(db, t, err);
        if (rc)
            (void)unlisted(db, name);
    }
    if (rc)
        free_table(t);
    return rc;
}

int32_t dr_sql_detach(struct dr_sql *db, const char *name, struct dr_err *err)
{
    DR_TRY(run_on_name(db, "DROP TABLE IF EXISTS temp.", name, "", err));
    struct dr_sql_attached *t = unlisted(db, name);
    if (t)
        free_table(t);
    return DR_OK;
}
