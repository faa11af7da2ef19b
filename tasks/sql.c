/* sql - SQL statements over datasets, run by SQLite where they lie in memory, or in a
 * database of the home, in one transaction. Each input is a table of its dataset's
 * name; each statement that has a result gives one output. */
#include <dagrun/task.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct dr_param params[] = {
    { "query", DR_PARAM_STRING, 0, NULL, NULL, "Statements, separated by semicolons; the inputs are tables" },
    { "file", DR_PARAM_PATH, 0, NULL, NULL, "A file with the statements, in place of query" },
    { "connection", DR_PARAM_CONNECTION, 0, NULL, NULL,
      "Run them in this database, in one transaction; without it, in a database of memory" },
    { "params", DR_PARAM_MAP, 0, NULL, NULL, "Values bound where the statements say :name" },
    { "types", DR_PARAM_MAP, 0, NULL, NULL,
      "Types of result columns, by output: {result: {day: date}}; they must convert exactly" },
    { "account", DR_PARAM_STRING, 0, NULL, NULL,
      "An output whose lines (dataset, stage, group, rows) go into the run's account of rows" },
    { 0 },
};
static const struct dr_port inputs[] = {
    { "tables", DR_MANY, 0, "Datasets that the statements read" },
    { 0 },
};
static const struct dr_port outputs[] = {
    { "result", DR_MANY, 0, "One dataset for each statement that has a result, in their order" },
    { 0 },
};

struct sql {
    struct dr_task *t;
    struct dr_db_script script;
    char file[4096]; /* that errors name */
    int32_t results;
};

/* ---- the text ------------------------------------------------------------------- */

static int32_t read_file(struct sql *s, const char *path)
{
    enum { MAX_BYTES = 16 << 20 };
    FILE *f = fopen(path, "re");
    char *text = malloc(MAX_BYTES + 1);
    if (!f || !text)
        return dr_task_fail(s->t, "cannot read '%s'", path);
    size_t n = fread(text, 1, MAX_BYTES + 1, f);
    if (ferror(f)) /* a folder, perhaps */
        return dr_task_fail(s->t, "cannot read '%s': %s", path, strerror(errno));
    fclose(f);
    if (n > MAX_BYTES || memchr(text, '\0', n))
        return dr_task_fail_final(s->t, "'%s' is no SQL: %s", path,
                                  n > MAX_BYTES ? "it has more than 16 MiB" : "it holds a NUL byte");
    text[n] = '\0';
    s->script.text = text;
    s->script.file = path;
    s->script.line = 1;
    return 0;
}

/* "dags/x.yaml:12:7" says where the value begins; a text of several lines begins after it. */
static void place_query(struct sql *s, const struct dr_node *query)
{
    snprintf(s->file, sizeof s->file, "%s", dr_node_where(s->t, query));
    char *column = strrchr(s->file, ':');
    if (column)
        *column = '\0';
    char *line = strrchr(s->file, ':');
    if (line) {
        *line = '\0';
        s->script.line = (int32_t)strtoll(line + 1, NULL, 10) + (strchr(s->script.text, '\n') != NULL);
    }
    s->script.file = s->file;
}

static int32_t find_text(struct sql *s)
{
    const struct dr_node *query = dr_task_param(s->t, "query");
    const char *file = dr_node_str(dr_task_param(s->t, "file"), NULL);
    s->script.text = dr_node_str(query, NULL);
    if (file)
        return read_file(s, file);
    place_query(s, query);
    return 0;
}

/* ---- parameters ------------------------------------------------------------------- */

static int32_t set_value(struct sql *s, const struct dr_node *n, const char *name, struct dr_db_value *ret)
{
    *ret = (struct dr_db_value){ .name = name, .type = DR_TYPE_NULL };
    switch (dr_node_kind(n)) {
    case DR_NODE_NULL:
        return 0;
    case DR_NODE_BOOL:
        ret->type = DR_TYPE_BOOL;
        ret->i = dr_node_bool(n, 0);
        return 0;
    case DR_NODE_INT:
        ret->type = DR_TYPE_INT64;
        ret->i = dr_node_int(n, 0);
        return 0;
    case DR_NODE_FLOAT:
        ret->type = DR_TYPE_FLOAT64;
        ret->f = dr_node_float(n, 0);
        return 0;
    case DR_NODE_STRING:
        ret->type = DR_TYPE_STRING;
        ret->p = dr_node_str(n, "");
        ret->n = (int64_t)strlen(ret->p);
        return 0;
    default:
        return dr_task_fail_final(s->t, "%s: the parameter '%s' must be one value, not a list or a map",
                                  dr_node_where(s->t, n), name);
    }
}

static int32_t set_values(struct sql *s)
{
    const struct dr_node *map = dr_task_param(s->t, "params");
    int64_t n = dr_node_size(map);
    struct dr_db_value *values = calloc((size_t)n + 1, sizeof *values);
    if (!values)
        return dr_task_fail(s->t, "out of memory");
    for (int64_t i = 0; i < n; i++)
        DR_TRY(set_value(s, dr_node_at(map, i), dr_node_key(map, i), &values[i]));
    s->script.values = values;
    s->script.n_values = (int32_t)n;
    return 0;
}

/* ---- results ----------------------------------------------------------------------- */

static int32_t cast_column(struct sql *s, struct dr_table **table, const char *output, const char *column,
                           const char *type, struct dr_err *err)
{
    int32_t at = dr_table_find(*table, column), to = dr_type_parse(type);
    struct dr_column *cast = NULL;
    struct dr_table *with = NULL;
    if (at < 0)
        return dr_task_fail_final(s->t, "types: the result '%s' has no column '%s'", output, column);
    int64_t rows = dr_table_rows(*table);
    uint8_t *refused = calloc((size_t)rows / 8 + 1, 1);
    if (!refused)
        return dr_task_fail(s->t, "out of memory");
    DR_TRY(dr_column_cast(dr_table_column(*table, at), to, refused, &cast, err));
    for (int64_t i = 0; i < rows; i++)
        if (refused[i >> 3] >> (i & 7) & 1)
            return dr_task_fail_final(s->t, "types: row %lld of the result '%s' has no %s in column '%s'",
                                      (long long)i + 1, output, type, column);
    DR_TRY(dr_table_with(*table, column, cast, &with, err));
    *table = with; /* the process ends with the task: nothing is freed */
    return 0;
}

static int32_t give_types(struct sql *s, const char *output, struct dr_table **table, struct dr_err *err)
{
    const struct dr_node *types = dr_node_get(dr_task_param(s->t, "types"), output);
    for (int64_t i = 0; i < dr_node_size(types); i++)
        DR_TRY(
            cast_column(s, table, output, dr_node_key(types, i), dr_node_str(dr_node_at(types, i), ""), err));
    return 0;
}

static int32_t take_result(void *ctx, int32_t i, const struct dr_table *result, struct dr_err *err)
{
    struct sql *s = ctx;
    int32_t wanted = dr_task_output_count(s->t, "result");
    s->results = i + 1;
    if (wanted == 0)
        return 0;
    if (i >= wanted)
        return dr_task_fail_final(s->t, "more statements have a result than the %d that 'outputs' names",
                                  wanted);
    const char *output = dr_task_output_name(s->t, "result", i);
    struct dr_table *table = dr_table_ref(result);
    DR_TRY(give_types(s, output, &table, err));
    dr_task_log(s->t, DR_INFO, "%s: %lld rows", output, (long long)dr_table_rows(table));
    dr_task_metric(s->t, wanted == 1 ? "rows" : output, (double)dr_table_rows(table));
    const char *account = dr_node_str(dr_task_param(s->t, "account"), "");
    if (strcmp(output, account) == 0)
        DR_TRY(dr_task_account_counts(s->t, table));
    return dr_task_write(s->t, output, table);
}

/* ---- running ------------------------------------------------------------------------- */

static int32_t attach_inputs(struct sql *s, struct dr_db *db)
{
    for (int32_t i = 0; i < dr_task_input_count(s->t, "tables"); i++) {
        struct dr_table *table = NULL;
        DR_TRY(dr_task_read(s->t, "tables", i, NULL, &table, NULL));
        DR_TRY(dr_db_attach_table(db, dr_task_input_name(s->t, "tables", i), table, dr_task_err(s->t)));
        dr_table_unref(table);
    }
    return 0;
}

static int32_t run_script(struct sql *s, struct dr_db *db)
{
    int32_t wanted = dr_task_output_count(s->t, "result");
    DR_TRY(attach_inputs(s, db));
    DR_TRY(dr_db_begin(db, dr_task_err(s->t)));
    DR_TRY(dr_db_run_script(db, &s->script, dr_task_err(s->t)));
    if (s->results < wanted)
        return dr_task_fail_final(s->t, "%d statements have a result, but 'outputs' names %d datasets",
                                  s->results, wanted);
    return dr_db_commit(db, dr_task_err(s->t));
}

/* ---- the definition -------------------------------------------------------------------- */

/* Whether `result` has a dataset of that name; one that still holds ${...} may turn out to be. */
static int is_result(const struct dr_task *t, const char *name)
{
    int32_t n = dr_task_output_count(t, "result"), i = 0;
    while (i < n && strcmp(dr_task_output_name(t, "result", i), name) != 0)
        i++;
    return i < n || strstr(name, "${") != NULL;
}

static int32_t check_types_of(struct dr_task *t, const struct dr_node *columns)
{
    int32_t rc = 0;
    if (dr_node_kind(columns) != DR_NODE_MAP)
        return dr_task_problem(t, columns,
                               "types: a map of columns and types expected: {output: {column: type}}");
    for (int64_t i = 0; i < dr_node_size(columns); i++) {
        const char *type = dr_node_str(dr_node_at(columns, i), "");
        if (dr_type_parse(type) < 0 && !strstr(type, "${"))
            rc = dr_task_problem(t, dr_node_at(columns, i), "types: '%s' is no type; see docs/tables.md",
                                 type);
    }
    return rc;
}

/* Gives the last code that was not 0. */
static int32_t check(struct dr_task *t)
{
    const struct dr_node *account = dr_task_param(t, "account"), *types = dr_task_param(t, "types");
    int32_t rc = 0;
    if (!dr_node_str(dr_task_param(t, "query"), NULL) == !dr_node_str(dr_task_param(t, "file"), NULL))
        rc = dr_task_problem(t, NULL, "say either 'query' or 'file'");
    if (dr_node_str(account, NULL) && !is_result(t, dr_node_str(account, "")))
        rc =
            dr_task_problem(t, account, "account: '%s' is no dataset of 'outputs'", dr_node_str(account, ""));
    for (int64_t i = 0; i < dr_node_size(types); i++) {
        int32_t one = check_types_of(t, dr_node_at(types, i));
        if (!is_result(t, dr_node_key(types, i)))
            one = dr_task_problem(t, dr_node_at(types, i), "types: '%s' is no dataset of 'outputs'",
                                  dr_node_key(types, i));
        rc = one ? one : rc;
    }
    return rc;
}

static int32_t sql(struct dr_task *t)
{
    static struct sql s;
    struct dr_db *db = NULL;
    const char *connection = dr_node_str(dr_task_param(t, "connection"), NULL);
    s.t = t;
    s.script.size = sizeof s.script;
    s.script.on_result = take_result;
    s.script.ctx = &s;
    DR_TRY(check(t));
    DR_TRY(find_text(&s));
    DR_TRY(set_values(&s));
    DR_TRY(dr_task_connect(t, connection, &db));
    int32_t rc = run_script(&s, db);
    dr_db_close(db);
    return rc;
}

DR_PLUGIN(.name = "sql", .summary = "SQL over datasets, or in a database of the home", .params = params,
          .inputs = inputs, .outputs = outputs, .run = sql, .check = check);
