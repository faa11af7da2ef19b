/* sqlite_function.c - functions that give rows, as virtual tables that need no CREATE: their arguments
 * are hidden columns behind the others, and name(a, b) asks for the rows where these equal a and b. */
#include "base/sqlite_function.h"
#include "base/sqlite_impl.h"
#include <stdlib.h>

struct call_table {
    sqlite3_vtab base; /* SQLite's part, first */
    const struct dr_sql_function *function;
};
struct call {
    sqlite3_vtab_cursor base;
    const struct dr_sql_function *function;
    void *state; /* owned */
    int64_t row;
    bool at_end;
};

static int on_connect(sqlite3 *handle, void *aux, int argc, const char *const *argv, sqlite3_vtab **ret,
                      char **ret_message)
{
    const struct dr_sql_function *f = aux;
    DR_AUTO_BUF declaration = { 0 };
    struct dr_str rest = dr_str_of(f->arguments), argument;
    (void)argc;
    (void)argv;
    dr_buf_printf(&declaration, "CREATE TABLE x (%s", f->columns);
    while (dr_str_split(&rest, ',', &argument))
        dr_buf_printf(&declaration, ", %.*s HIDDEN", (int)argument.n, argument.p);
    dr_buf_putc(&declaration, ')');
    int code = dr_sql_declare(handle, &declaration, ret_message);
    if (code != SQLITE_OK)
        return code;
    struct call_table *t = dr_calloc(1, sizeof *t);
    t->function = f;
    *ret = &t->base;
    return SQLITE_OK;
}

static int on_disconnect(sqlite3_vtab *base)
{
    free(base);
    return SQLITE_OK;
}

/* idxNum: a bit for each argument that is given; on_filter has them in their order. An argument that
 * is another table's column is not usable before that table has been read. */
static int on_plan(sqlite3_vtab *base, sqlite3_index_info *info)
{
    enum { ROWS = 16 };
    const struct dr_sql_function *f = ((const struct call_table *)base)->function;
    int chosen[DR_SQL_ARGUMENTS_MAX] = { -1, -1, -1, -1 }, unusable = 0, n = 0;
    for (int i = 0; i < info->nConstraint; i++) {
        int argument = info->aConstraint[i].iColumn - f->n_columns;
        if (argument < 0 || info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ)
            continue;
        if (info->aConstraint[i].usable)
            chosen[argument] = i;
        else
            unusable |= 1 << argument;
    }
    info->idxNum = 0;
    for (int k = 0; k < f->n_arguments; k++) {
        if (chosen[k] < 0)
            continue;
        info->aConstraintUsage[chosen[k]].argvIndex = ++n;
        info->aConstraintUsage[chosen[k]].omit = 1;
        info->idxNum |= 1 << k;
    }
    if (unusable & ~info->idxNum)
        return SQLITE_CONSTRAINT;
    info->estimatedRows = ROWS;
    info->estimatedCost = ROWS;
    return SQLITE_OK;
}

static int on_open(sqlite3_vtab *base, sqlite3_vtab_cursor **ret)
{
    struct call *c = dr_calloc(1, sizeof *c);
    c->function = ((const struct call_table *)base)->function;
    c->state = c->function->open();
    *ret = &c->base;
    return SQLITE_OK;
}

static int on_close(sqlite3_vtab_cursor *base)
{
    struct call *c = (struct call *)base;
    c->function->close(c->state);
    free(c);
    return SQLITE_OK;
}

static int on_next(sqlite3_vtab_cursor *base)
{
    struct call *c = (struct call *)base;
    c->row++;
    c->at_end = !c->function->next(c->state);
    return SQLITE_OK;
}

static int on_filter(sqlite3_vtab_cursor *base, int given, const char *text, int argc, sqlite3_value **argv)
{
    struct call *c = (struct call *)base;
    struct dr_str arguments[DR_SQL_ARGUMENTS_MAX] = { 0 };
    (void)text;
    for (int k = 0, i = 0; k < c->function->n_arguments && i < argc; k++) {
        if (!(given >> k & 1))
            continue;
        const unsigned char *p = sqlite3_value_text(argv[i]);
        if (!p && sqlite3_value_type(argv[i]) != SQLITE_NULL)
            return SQLITE_NOMEM;
        arguments[k] = (struct dr_str){ (const char *)p, (size_t)sqlite3_value_bytes(argv[i++]) };
    }
    c->row = 0;
    c->at_end = true;
    if (!arguments[0].p)
        return SQLITE_OK;
    c->function->begin(c->state, arguments);
    return on_next(base);
}

static int on_eof(sqlite3_vtab_cursor *base)
{
    return ((const struct call *)base)->at_end;
}

/* The arguments themselves are not kept: SQLite has tested them. */
static int on_column(sqlite3_vtab_cursor *base, sqlite3_context *out, int column)
{
    const struct call *c = (const struct call *)base;
    struct dr_sql_cell v = { .type = DR_SQL_NULL };
    if (column < c->function->n_columns)
        c->function->get(c->state, column, &v);
    dr_sql_give(out, &v);
    return SQLITE_OK;
}

static int on_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *ret)
{
    *ret = ((const struct call *)base)->row;
    return SQLITE_OK;
}

static const sqlite3_module module = {
    .xConnect = on_connect,
    .xBestIndex = on_plan,
    .xDisconnect = on_disconnect,
    .xOpen = on_open,
    .xClose = on_close,
    .xFilter = on_filter,
    .xNext = on_next,
    .xEof = on_eof,
    .xColumn = on_column,
    .xRowid = on_rowid,
};

int32_t dr_sql_add_function(struct dr_sql *db, const struct dr_sql_function *f, struct dr_err *err)
{
    if (sqlite3_create_module_v2(db->handle, f->name, &module, (void *)(uintptr_t)f, NULL) != SQLITE_OK)
        return dr_fail(err, DR_EDB, "SQLite: %s", sqlite3_errmsg(db->handle));
    return DR_OK;
}
