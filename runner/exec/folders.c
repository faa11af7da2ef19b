/* folders.c - var/runs/DAG/RUN and what happens to it.
 *
 *     TASK@1.log         stays. Not in a folder of its own: two folders cost a no-op task more than
 *                        its log does. No task can be called so.
 *     TASK/1/work/       scratch; out/ in it holds the outputs being written
 *     TASK/1/out/        the outputs of an attempt that failed and wrote some: for people,
 *                        no task reads them
 *     TASK/out/          the outputs of the attempt that succeeded
 *
 * Outputs become visible by one rename of a folder. The rename comes before the
 * commit that records the success: a runner that dies in between has recorded
 * nothing, so the task runs again, and its new outputs are exchanged with the
 * old ones in one step, so that a reader always finds a whole folder. */
#include "exec/runner.h"
#include "exec/log_line.h"
#include "base/date.h"
#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

char *dr_exec_dir(struct dr_arena *a, const struct dr_home *h, const char *dag_id, const char *run_id,
                  const char *task_id, int32_t attempt)
{
    if (!task_id)
        return dr_arena_printf(a, "%s/runs/%s/%s", h->var, dag_id, run_id);
    if (attempt == 0)
        return dr_arena_printf(a, "%s/runs/%s/%s/%s", h->var, dag_id, run_id, task_id);
    return dr_arena_printf(a, "%s/runs/%s/%s/%s/%d", h->var, dag_id, run_id, task_id, (int)attempt);
}

char *dr_exec_log(struct dr_arena *a, const struct dr_home *h, const char *dag_id, const char *run_id,
                  const char *task_id, int32_t attempt)
{
    return dr_arena_printf(a, "%s/runs/%s/%s/%s@%d.log", h->var, dag_id, run_id, task_id, (int)attempt);
}

static char *task_path(struct dr_arena *a, const struct dr_runner *r, int32_t task, const char *rest)
{
    char *dir = dr_exec_dir(a, r->o->home, r->dag->dag_id, r->view.run_id, r->dag->tasks[task].id, 0);
    return dr_path_join(a, dir, rest);
}

static char *attempt_path(struct dr_arena *a, const struct dr_runner *r, int32_t task, int32_t number,
                          const char *rest)
{
    return task_path(a, r, task, dr_arena_printf(a, "%d/%s", (int)number, rest));
}

int32_t dr_folders_publish(struct dr_arena *a, const struct dr_runner *r, int32_t task, int32_t number,
                           struct dr_err *err)
{
    char *from = attempt_path(a, r, task, number, "work/out"), *to = task_path(a, r, task, "out");
    if (rename(from, to) < 0) {
        if (errno != ENOTEMPTY && errno != EEXIST)
            return dr_fail_sys(err, "cannot put the outputs in place: rename '%s' to '%s'", from, to);
        if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE) < 0)
            return dr_fail_sys(err, "cannot exchange '%s' and '%s'", from, to);
    }
    return dr_folders_clean(a, r, task, number, err);
}

int32_t dr_folders_keep(struct dr_arena *a, const struct dr_runner *r, int32_t task, int32_t number,
                        struct dr_err *err)
{
    char *from = attempt_path(a, r, task, number, "work/out"), *to = attempt_path(a, r, task, number, "out");
    if (rename(from, to) < 0)
        return dr_fail_sys(err, "cannot keep the outputs of the failed attempt: rename '%s' to '%s'", from,
                           to);
    return dr_folders_clean(a, r, task, number, err);
}

int32_t dr_folders_clean(struct dr_arena *a, const struct dr_runner *r, int32_t task, int32_t number,
                         struct dr_err *err)
{
    char *work = attempt_path(a, r, task, number, "work");
    if (rmdir(work) == 0 || errno == ENOENT)
        return DR_OK;
    return dr_remove_tree(work, err);
}

int32_t dr_folders_reset(struct dr_arena *a, const struct dr_runner *r, int32_t task, int32_t last_number,
                         struct dr_err *err)
{
    if (last_number > 0)
        DR_TRY(dr_folders_clean(a, r, task, last_number, err));
    return dr_remove_tree(task_path(a, r, task, "out"), err);
}

/* The plugin may have put anything in the log's place; we only write to a
 * regular file, and never wait. */
void dr_folders_log(struct dr_arena *a, const struct dr_runner *r, int32_t task, int32_t number,
                    const char *text)
{
    struct stat st;
    char *log = dr_exec_log(a, r->o->home, r->dag->dag_id, r->view.run_id, r->dag->tasks[task].id, number);
    DR_AUTO_FD fd = open(log, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return;
    DR_AUTO_BUF line = { 0 };
    dr_log_put_line(&line, dr_now_us(), DR_ERROR, dr_str_of(dr_arena_printf(a, "dagrun: %s", text)));
    (void)dr_write_all(fd, line.p, line.n, NULL);
}
