/* task_db.c - the databases of a task: connections of the home, opened by name. */
#include "exec/task_impl.h"
#include "data/db.h"
#include "model/connection.h"
#include <dagrun/task.h>

int32_t dr_task_connect(struct dr_task *t, const char *name, struct dr_db **ret)
{
    struct dr_connection c;
    DR_TRY(dr_connection_find(&t->arena, t->job->home, name, &c, &t->err));
    struct dr_db_target where = {
        .postgresql = c.postgresql, .path = c.path, .keys = c.keys, .values = c.values, .n = c.n
    };
    if (dr_db_connect(&where, ret, &t->err))
        return dr_err_prefix(&t->err, "connection '%s'", name);
    return DR_OK;
}
