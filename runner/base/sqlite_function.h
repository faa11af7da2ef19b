/* sqlite_function.h - functions of this program that give SQLite rows: FROM name(argument, ...).
 * Layer: base. */
#ifndef DR_SQLITE_FUNCTION_H
#define DR_SQLITE_FUNCTION_H
#include "base/sqlite_table.h"

enum { DR_SQL_ARGUMENTS_MAX = 4 };

/* A function of one argument or more, all texts. A statement reads the rows of one call by one
 * state, which goes from call to call. */
struct dr_sql_function {
    const char *name;
    const char *columns;   /* as SQL declares them: "path TEXT, position INTEGER" */
    const char *arguments; /* what they are called: "json, under" */
    int32_t n_columns, n_arguments;
    void *(*open)(void);
    /* A call; texts are only valid in it, and NULL (p NULL) where SQL's are or an argument is left out.
     * Where the first is NULL nobody asks for rows. */
    void (*begin)(void *state, const struct dr_str *arguments);
    bool (*next)(void *state); /* go to the first row, the next one; false: there is none */
    void (*get)(void *state, int32_t column, struct dr_sql_cell *ret);
    void (*close)(void *state);
};
/* Make it known to statements of the connection. f outlives it. */
int32_t dr_sql_add_function(struct dr_sql *db, const struct dr_sql_function *f, struct dr_err *err);
#endif
