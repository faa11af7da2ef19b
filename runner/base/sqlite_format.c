/* sqlite_format.c - printf() and format() of SQL under a time limit.
 *
 * SQLite appends the character of '%.1000000000c' one by one, beyond any limit of length and without
 * asking whether it may go on: a statement that does so for a few rows runs for minutes past its end.
 * So such a width is refused; whatever else is asked goes to the function itself, by a second
 * connection, since one that was replaced cannot be called. */
#include <stdlib.h>
#include "base/mem.h"
#include "base/sqlite_impl.h"

enum { WIDEST = 1000000 };

struct format {
    sqlite3 *plain;     /* owned: an empty database */
    sqlite3_stmt *call; /* owned; NULL: not yet */
    int args;           /* of the call */
};

/* ---- what is asked ---- */

/* A number in the format, or that of the next argument where there is a '*'; moves *p past it. */
static int64_t take_number(const char **p, int n, sqlite3_value **args, int *arg)
{
    int64_t number = 0;
    if (**p == '*') {
        (*p)++;
        number = *arg < n ? sqlite3_value_int64(args[*arg]) : 0;
        (*arg)++;
        return number < 0 && number > INT64_MIN ? -number : number;
    }
    for (; **p >= '0' && **p <= '9'; (*p)++)
        number = number < INT32_MAX ? number * 10 + (**p - '0') : number;
    return number;
}

/* Whether some %c asks for more characters than WIDEST. */
static bool is_too_wide(int n, sqlite3_value **args)
{
    const char *p = n > 0 ? (const char *)sqlite3_value_text(args[0]) : NULL;
    int arg = 1;
    for (; p && (p = strchr(p, '%')); p += *p != '\0') {
        int64_t precision = 0;
        p += 1 + strspn(p + 1, "-+ #!0,");
        (void)take_number(&p, n, args, &arg);
        if (*p == '.') {
            p++;
            precision = take_number(&p, n, args, &arg);
        }
        p += strspn(p, "l");
        if (*p == 'c' && (precision > WIDEST || precision < 0))
            return true;
        arg += *p != '%';
    }
    return false;
}

/* ---- the call ---- */

static int prepare(struct format *f, int n)
{
    DR_AUTO_BUF sql = { 0 };
    if (f->call && f->args == n)
        return SQLITE_OK;
    sqlite3_finalize(f->call);
    f->call = NULL;
    f->args = n;
    (void)dr_buf_puts(&sql, "SELECT printf(");
    for (int i = 0; i < n; i++)
        (void)dr_buf_puts(&sql, i ? ", ?" : "?");
    (void)dr_buf_puts(&sql, ")");
    return sqlite3_prepare_v2(f->plain, dr_buf_cstr(&sql), -1, &f->call, NULL);
}

static void call(sqlite3_context *ctx, int n, sqlite3_value **args)
{
    struct format *f = sqlite3_user_data(ctx);
    if (is_too_wide(n, args)) {
        sqlite3_result_error_toobig(ctx);
        return;
    }
    int rc = prepare(f, n);
    for (int i = 0; i < n && rc == SQLITE_OK; i++)
        rc = sqlite3_bind_value(f->call, i + 1, args[i]);
    if (rc == SQLITE_OK && sqlite3_step(f->call) == SQLITE_ROW)
        sqlite3_result_value(ctx, sqlite3_column_value(f->call, 0));
    else
        sqlite3_result_error_code(ctx, sqlite3_errcode(f->plain));
    sqlite3_reset(f->call);
    sqlite3_clear_bindings(f->call);
}

static void drop(void *ctx)
{
    struct format *f = ctx;
    sqlite3_finalize(f->call);
    sqlite3_close(f->plain);
    free(f);
}

void dr_sql_bound_formats(struct dr_sql *db, int longest)
{
    static const char *const names[] = { "printf", "format" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct format *f = dr_calloc(1, sizeof *f);
        int rc = sqlite3_open_v2(":memory:", &f->plain, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
        if (rc != SQLITE_OK) { /* no memory: the functions stay what they are */
            drop(f);
            return;
        }
        sqlite3_limit(f->plain, SQLITE_LIMIT_LENGTH, longest);
        (void)sqlite3_create_function_v2(db->handle, names[i], -1,
                                         SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, f, call, NULL,
                                         NULL, drop);
    }
}
