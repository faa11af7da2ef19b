/* load_sql_pieces.c - the statements of a load that commits in pieces.
 *
 * A family is a parent with all the rows that belong to it by `delete_missing` and `of`: what there is to
 * write and to delete for it. Families are numbered, and pieces are ranges of these numbers. */
#include "db/load.h"
#include "base/sqlite.h"

void dr_load_sql_next_todo(const struct dr_dialect *d, const struct dr_load_table *t, struct dr_buf *b)
{
    dr_buf_puts(b, "SELECT max(row_number) FROM (SELECT row_number FROM ");
    dr_load_sql_put_temp(d, t, DR_LOAD_TODO, b);
    dr_buf_printf(b, " WHERE row_number >= %c1 ORDER BY row_number LIMIT %c2) AS d", d->placeholder,
                  d->placeholder);
}

/* todo AS d JOIN stage AS s */
static void put_todo(const struct dr_dialect *d, const struct dr_load_table *t, struct dr_buf *b)
{
    dr_load_sql_put_temp(d, t, DR_LOAD_TODO, b);
    dr_buf_puts(b, " AS d JOIN ");
    dr_load_sql_put_temp(d, t, DR_LOAD_STAGE, b);
    dr_buf_printf(b, " AS s ON s.%s = d.row_number", t->row_name);
}

/* ---- families --------------------------------------------------------------------------------- */

/* The parents of the rows of a table that are to do, or to go. */
static void put_parents(const struct dr_dialect *d, const struct dr_load_table *t,
                        const struct dr_load_table *child, struct dr_buf *b)
{
    int32_t n = child->spec->n_scope;
    dr_buf_puts(b, "SELECT ");
    for (int32_t i = 0; i < n; i++) {
        dr_buf_puts(b, i ? ", " : "");
        dr_load_sql_put_staged(d, t, child->spec->scope[i], b);
        dr_buf_printf(b, " AS c%d", (int)i);
    }
    dr_buf_puts(b, " FROM ");
    put_todo(d, t, b);
    if (t != child || !dr_load_deletes_by_key(t))
        return;
    dr_buf_puts(b, " UNION SELECT ");
    dr_load_sql_put_numbered(n, "of_", b);
    dr_buf_puts(b, " FROM ");
    dr_load_sql_put_temp(d, t, DR_LOAD_GONE, b);
}

void dr_load_sql_make_families(const struct dr_dialect *d, int32_t n, const struct dr_load_table *tables,
                               struct dr_buf *b)
{
    int32_t n_scope = tables[1].spec->n_scope;
    dr_load_sql_make(d, tables, DR_LOAD_FAMILIES, b);
    dr_buf_puts(b, " AS SELECT row_number() OVER (ORDER BY ");
    dr_load_sql_put_numbered(n_scope, "", b);
    dr_buf_puts(b, ") AS family, ");
    dr_load_sql_put_numbered(n_scope, "", b);
    dr_buf_puts(b, " FROM (");
    put_parents(d, &tables[0], &tables[1], b);
    for (int32_t i = 1; i < n; i++)
        if (!tables[i].skip) {
            dr_buf_puts(b, " UNION ");
            put_parents(d, &tables[i], &tables[i], b);
        }
    dr_buf_puts(b, ") AS p; ");
    DR_AUTO_BUF columns = { 0 };
    dr_load_sql_put_numbered(n_scope, "", &columns);
    dr_load_sql_index(d, tables, DR_LOAD_FAMILIES, dr_buf_cstr(&columns), b);
}

/* f.c0 = ... AND ...: of a staged row, or of one that is to go */
static void put_family_of(const struct dr_dialect *d, const struct dr_load_table *t,
                          const struct dr_db_load *scope, bool gone, struct dr_buf *b)
{
    for (int32_t i = 0; i < scope->n_scope; i++) {
        dr_buf_printf(b, "%sf.c%d = ", i ? " AND " : "", (int)i);
        if (gone)
            dr_buf_printf(b, "g.of_c%d", (int)i);
        else
            dr_load_sql_put_staged(d, t, scope->scope[i], b);
    }
}

void dr_load_sql_make_work(const struct dr_dialect *d, const struct dr_load_table *t,
                           const struct dr_load_table *of, struct dr_buf *b)
{
    const struct dr_db_load *scope = t == of ? of[1].spec : t->spec;
    dr_load_sql_make(d, t, DR_LOAD_WORK, b);
    dr_buf_puts(b, " AS SELECT f.family, d.row_number FROM ");
    put_todo(d, t, b);
    dr_buf_puts(b, " JOIN ");
    dr_load_sql_put_temp(d, of, DR_LOAD_FAMILIES, b);
    dr_buf_puts(b, " AS f ON ");
    put_family_of(d, t, scope, false, b);
    dr_buf_puts(b, "; ");
    dr_load_sql_index(d, t, DR_LOAD_WORK, "family", b);
}

void dr_load_sql_make_leave(const struct dr_dialect *d, const struct dr_load_table *t,
                            const struct dr_load_table *of, struct dr_buf *b)
{
    dr_load_sql_make(d, t, DR_LOAD_LEAVE, b);
    dr_buf_puts(b, of ? " AS SELECT f.family AS piece, " : " AS SELECT row_number() OVER () AS piece, ");
    dr_load_sql_put_numbered(t->n_keys, "g.", b);
    dr_buf_puts(b, " FROM ");
    dr_load_sql_put_temp(d, t, DR_LOAD_GONE, b);
    dr_buf_puts(b, " AS g");
    if (of) {
        dr_buf_puts(b, " JOIN ");
        dr_load_sql_put_temp(d, of, DR_LOAD_FAMILIES, b);
        dr_buf_puts(b, " AS f ON ");
        put_family_of(d, t, t->spec, true, b);
    }
    dr_buf_puts(b, "; ");
    dr_load_sql_index(d, t, DR_LOAD_LEAVE, "piece", b);
}

/* ---- deleting ---------------------------------------------------------------------------------- */

void dr_load_sql_delete_range(const struct dr_dialect *d, const struct dr_load_table *t, struct dr_buf *b)
{
    dr_buf_puts(b, "DELETE FROM ");
    dr_load_sql_put_target(d, t, b);
    dr_buf_puts(b, " AS t WHERE ");
    dr_load_sql_put_key_in(d, t, DR_LOAD_LEAVE, b);
    dr_buf_puts(b, " AS g WHERE ");
    dr_load_sql_put_range(d, "g", "piece", b);
    dr_buf_puts(b, ")");
}
