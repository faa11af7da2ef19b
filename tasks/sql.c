/* sql - one SELECT over the input tables, run by SQLite. Each input is a table
 * of its dataset's name. */
#include <dagrun/task.h>

static const struct dr_param params[] = {
    { "query", DR_PARAM_STRING, DR_REQUIRED, NULL, NULL, "One SELECT; the inputs are tables of their names" },
    { 0 },
};
static const struct dr_port inputs[] = {
    { "tables", DR_REQUIRED | DR_MANY, 0, "Datasets that the query reads" },
    { 0 },
};
static const struct dr_port outputs[] = {
    { "result", DR_REQUIRED, 0, "The rows of the query" },
    { 0 },
};

static int32_t query(struct dr_task *t, struct dr_db *db)
{
    for (int32_t i = 0; i < dr_task_input_count(t, "tables"); i++) {
        struct dr_table *table = NULL;
        DR_TRY(dr_task_read(t, "tables", i, NULL, &table, NULL));
        int32_t rc = dr_db_attach_table(db, dr_task_input_name(t, "tables", i), table, dr_task_err(t));
        dr_table_unref(table);
        DR_TRY(rc);
    }
    struct dr_table *result = NULL;
    DR_TRY(dr_db_query(db, dr_node_str(dr_task_param(t, "query"), ""), &result, dr_task_err(t)));
    dr_task_log(t, DR_INFO, "%lld rows", (long long)dr_table_rows(result));
    dr_task_metric(t, "rows", (double)dr_table_rows(result));
    int32_t rc = dr_task_write(t, "result", result);
    dr_table_unref(result);
    return rc;
}

static int32_t sql(struct dr_task *t)
{
    struct dr_db *db = NULL;
    DR_TRY(dr_db_open(":memory:", &db, dr_task_err(t)));
    int32_t rc = query(t, db);
    dr_db_close(db);
    return rc;
}

DR_PLUGIN(.name = "sql", .summary = "A SELECT over datasets, run by SQLite", .params = params,
          .inputs = inputs, .outputs = outputs, .run = sql);
