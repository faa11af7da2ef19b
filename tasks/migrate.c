/* migrate - bring the schema of a database to where the home's migrations want it. */
#include <dagrun/task.h>

static const struct dr_param params[] = {
    { "connection", DR_PARAM_CONNECTION, 0, "warehouse", NULL, "The database" },
    { "migrations", DR_PARAM_LIST, DR_REQUIRED, NULL, NULL,
      "Sets of migrations, folders of migrations/, in order" },
    { 0 },
};

static int32_t migrate_sets(struct dr_task *t, struct dr_db *db)
{
    const struct dr_node *sets = dr_task_param(t, "migrations");
    int32_t all = 0;
    if (dr_node_size(sets) == 0)
        return dr_task_problem(t, sets, "migrations: there is none; name at least one set");
    for (int64_t i = 0; i < dr_node_size(sets); i++) {
        const char *set = dr_node_str(dr_node_at(sets, i), "");
        int32_t applied = 0;
        DR_TRY(dr_task_migrate(t, db, set, &applied));
        dr_task_log(t, DR_INFO, "%s: %d migrations applied", set, (int)applied);
        all += applied;
    }
    dr_task_metric(t, "migrations_applied", (double)all);
    return 0;
}

static int32_t migrate(struct dr_task *t)
{
    struct dr_db *db = NULL;
    DR_TRY(dr_task_connect(t, dr_node_str(dr_task_param(t, "connection"), "warehouse"), &db));
    int32_t rc = migrate_sets(t, db);
    dr_db_close(db);
    return rc;
}

DR_PLUGIN(.name = "migrate", .summary = "Apply the home's migrations to a database", .params = params,
          .run = migrate);
