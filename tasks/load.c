/* load - replace tables of the warehouse, all in one transaction: readers see
 * the old tables until the new ones are complete, and a rerun never doubles. */
#include <dagrun/task.h>
#include <stdio.h>
#include <stdlib.h>

static const struct dr_param params[] = {
    { "database", DR_PARAM_STRING, 0, "var/warehouse.db", NULL,
      "The SQLite file, from the home; made where absent" },
    { "keys", DR_PARAM_MAP, 0, NULL, NULL,
      "Primary key columns by dataset: {vitals_clean: [hospital_id, ...]}" },
    { 0 },
};
static const struct dr_port inputs[] = {
    { "tables", DR_REQUIRED | DR_MANY, 0, "Datasets; each becomes a table of its name" },
    { 0 },
};

#define MAX_KEYS 32

static int32_t load_one(struct dr_task *t, struct dr_db *db, int32_t i)
{
    const char *name = dr_task_input_name(t, "tables", i);
    const struct dr_node *list = dr_node_get(dr_task_param(t, "keys"), name);
    const char *keys[MAX_KEYS];
    int64_t n = dr_node_size(list);
    if (n > MAX_KEYS)
        return dr_task_fail_final(t, "%s: a key of %lld columns; at most %d are possible", name, (long long)n,
                                  MAX_KEYS);
    for (int64_t k = 0; k < n; k++)
        keys[k] = dr_node_str(dr_node_at(list, k), "");
    struct dr_table *table = NULL;
    DR_TRY(dr_task_read(t, "tables", i, NULL, &table, NULL));
    int32_t rc = dr_db_replace(db, name, table, (int32_t)n, keys, dr_task_err(t));
    if (!rc)
        dr_task_log(t, DR_INFO, "%s: %lld rows", name, (long long)dr_table_rows(table));
    dr_table_unref(table);
    return rc;
}

static int32_t load_all(struct dr_task *t, struct dr_db *db)
{
    int32_t n = dr_task_input_count(t, "tables");
    DR_TRY(dr_db_begin(db, dr_task_err(t)));
    for (int32_t i = 0; i < n; i++) {
        DR_TRY(load_one(t, db, i));
        dr_task_progress(t, i + 1, n);
    }
    return dr_db_commit(db, dr_task_err(t));
}

static int32_t load(struct dr_task *t)
{
    char path[4096];
    const char *database = dr_node_str(dr_task_param(t, "database"), "var/warehouse.db");
    if (snprintf(path, sizeof path, "%s%s%s", database[0] == '/' ? "" : dr_task_info(t)->home,
                 database[0] == '/' ? "" : "/", database) >= (int)sizeof path)
        return dr_task_fail_final(t, "database: the path is too long");
    struct dr_db *db = NULL;
    DR_TRY(dr_db_open(path, &db, dr_task_err(t)));
    int32_t rc = load_all(t, db);
    dr_db_close(db);
    return rc;
}

DR_PLUGIN(.name = "load", .summary = "Replace tables of the SQLite warehouse in one transaction",
          .params = params, .inputs = inputs, .run = load);
