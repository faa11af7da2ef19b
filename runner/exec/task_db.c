/* task_db.c - the databases of a task: connections of the home, opened by name. */
#include "exec/task_impl.h"
#include "base/file.h"
#include "db/migrate.h"
#include "model/connection.h"
#include <dagrun/task.h>

/* Who looks at a task that seems to do nothing finds why. */
static void log_wait(void *task, const char *text)
{
    dr_task_log(task, DR_WARN, "%s", text);
}

static int32_t connect_named(struct dr_task *t, const char *name, struct dr_db **ret)
{
    struct dr_connection c;
    DR_TRY(dr_connection_find(&t->arena, t->job->home, name, &c, &t->err));
    struct dr_db_target where = {
        .postgresql = c.postgresql, .path = c.path, .keys = c.keys, .values = c.values, .n = c.n
    };
    int32_t rc = dr_db_connect(&where, ret, &t->err);
    return rc ? dr_err_prefix(&t->err, "connection '%s'", name) : DR_OK;
}

int32_t dr_task_connect(struct dr_task *t, const char *name, struct dr_db **ret)
{
    DR_TRY(name ? connect_named(t, name, ret) : dr_db_open(":memory:", ret, &t->err));
    dr_db_on_wait(*ret, log_wait, t);
    return DR_OK;
}

int32_t dr_task_migrate(struct dr_task *t, struct dr_db *db, const char *set, int32_t *ret_applied)
{
    struct dr_migrations m;
    if (!dr_name_ok(set))
        return dr_fail(&t->err, DR_EDEF, "'%s' cannot be the name of migrations", set);
    /* The working folder is the home: messages show the path from there. */
    DR_TRY(dr_migrations_find(&t->arena, db, set, dr_arena_printf(&t->arena, "migrations/%s", set), &m,
                              &t->err));
    return dr_migrations_apply(db, &m, ret_applied, &t->err);
}
