/* dagrun logs: print, and follow, the log of an attempt. */
#include "cmd/cmd.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "exec/recover.h"

static int copy_rest(int fd)
{
    char block[1 << 16];
    for (;;) {
        ssize_t n = read(fd, block, sizeof block);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? DR_EXIT_SYSTEM : DR_EXIT_OK;
        if (fwrite(block, 1, (size_t)n, stdout) != (size_t)n)
            return DR_EXIT_SYSTEM;
    }
}

/* The attempt asked for, or the last one; 0: the task has none yet. */
static int find_attempt(struct dr_cmd *c, struct dr_state *s, const struct dr_run_row *run, const char *task,
                        struct dr_attempt_row *ret)
{
    struct dr_err err = { 0 };
    struct dr_attempt_row *rows;
    struct dr_task_row *tasks;
    int32_t n, n_tasks;
    if (dr_state_attempts(s, &c->arena, run->key, &rows, &n, &err) ||
        dr_state_tasks(s, &c->arena, run->key, &tasks, &n_tasks, &err))
        return dr_cmd_fail(&err);
    bool exists = false, found = false;
    const char **names = dr_arena_array(&c->arena, (size_t)n_tasks + 1, sizeof *names);
    for (int32_t i = 0; i < n_tasks; i++) {
        names[i] = tasks[i].task_id;
        exists |= dr_streq(tasks[i].task_id, task);
    }
    for (int32_t i = 0; i < n; i++) {
        if (!dr_streq(rows[i].task_id, task) || (c->args.attempt && rows[i].number != c->args.attempt))
            continue;
        *ret = rows[i];
        found = true;
    }
    if (found)
        return 0;
    const char *near = dr_nearest(task, names, (size_t)n_tasks);
    if (exists)
        dr_fail(&err, DR_ENOTFOUND, "task '%s' of run %s has no %s yet", task, run->run_id,
                c->args.attempt ? "such attempt" : "attempt");
    else
        dr_fail(&err, DR_ENOTFOUND, "run %s of %s has no task '%s'%s%s%s", run->run_id, run->dag_id, task,
                near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    return dr_cmd_fail(&err);
}

/* Until the attempt has ended, or nobody is left who could end it. */
static int follow(struct dr_cmd *c, struct dr_state *s, const struct dr_run_row *run, const char *task,
                  int fd)
{
    for (;;) {
        struct dr_attempt_row now;
        int rc = find_attempt(c, s, run, task, &now);
        if (rc)
            return rc;
        rc = copy_rest(fd);
        fflush(stdout);
        if (rc || now.ended_us || !dr_runner_alive(&run->runner))
            return rc;
        usleep(200000);
    }
}

int dr_verb_logs(struct dr_cmd *c)
{
    struct dr_state *s = NULL;
    struct dr_run_row run;
    struct dr_attempt_row attempt = { 0 };
    const char *task = c->args.words[0];
    int rc = dr_cmd_open_state(c, &s);
    if (!rc)
        rc = dr_cmd_find_run(c, s, c->args.n_words > 1 ? c->args.words[1] : NULL,
                             c->args.n_words > 2 ? c->args.words[2] : NULL, &run);
    if (!rc)
        rc = find_attempt(c, s, &run, task, &attempt);
    if (rc)
        return rc;
    char *path = dr_exec_log(&c->arena, &c->home, run.dag_id, run.run_id, task, attempt.number);
    DR_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        struct dr_err err = { 0 };
        dr_fail_sys(&err, "open '%s'", path);
        return dr_cmd_fail(&err);
    }
    return c->args.follow ? follow(c, s, &run, task, fd) : copy_rest(fd);
}
