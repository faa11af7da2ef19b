/* task_report.c - dr_task_report of the public task API, in the worker.
 *
 * The report is written by another start of this program (`dagrun report`), not
 * here: the worker is a fork of the runner, SQLite keeps state of the open run
 * store in the process, and a database must not be used across a fork.
 *
 * Most reports are the last task of their run. That one only tells the runner, which has the
 * run store open, and whose program (cmd/run.c) writes the report when the run has ended, once. */
#include <dagrun/task.h>

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "exec/task_impl.h"

extern char **environ;

#define REASON_MAX 4096

/* The program to start; tests name it, since there it is not the one that runs. */
static const char *program(void)
{
    const char *named = getenv("DAGRUN_PROGRAM");
    return named && *named ? named : "/proc/self/exe";
}

/* Read what comes until the end, at most REASON_MAX - 1 bytes of it kept. */
static void drain(int fd, char text[REASON_MAX])
{
    size_t n = 0;
    char rest[512];
    for (;;) {
        bool full = n == REASON_MAX - 1;
        ssize_t got = read(fd, full ? rest : text + n, full ? sizeof rest : REASON_MAX - 1 - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        n += full ? 0 : (size_t)got;
    }
    while (n && text[n - 1] == '\n')
        n--;
    text[n] = 0;
}

static int32_t start(const struct dr_task_info *info, int out, pid_t *ret, struct dr_err *err)
{
    DR_AUTO_ARENA arena = { 0 };
    const char *const words[] = { "dagrun",      "--home",     info->home,  "report",
                                  "--reconcile", info->dag_id, info->run_id };
    char *argv[sizeof words / sizeof words[0] + 1] = { NULL };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        argv[i] = dr_arena_strdup(&arena, words[i]);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out, STDERR_FILENO);
    errno = posix_spawn(ret, program(), &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return errno ? dr_fail_sys(err, "start '%s' to write the report", program()) : DR_OK;
}

int32_t dr_task_report(struct dr_task *t)
{
    int ends[2];
    pid_t pid = 0;
    dr_task_flush_accounts(t);
    if (pipe2(ends, O_CLOEXEC))
        return dr_fail_sys(dr_task_err(t), "make a pipe");
    int32_t rc = start(dr_task_info(t), ends[1], &pid, dr_task_err(t));
    close(ends[1]);
    DR_AUTO_FD from = ends[0];
    DR_TRY(rc);
    char reason[REASON_MAX];
    int status;
    drain(from, reason);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return dr_fail_sys(dr_task_err(t), "wait for the report");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return DR_OK;
    if (WIFSIGNALED(status))
        return dr_task_fail(t, "writing the report ended by signal %d", WTERMSIG(status));
    return dr_task_fail(t, "%s", reason[0] ? reason : "the report could not be written");
}

int32_t dr_task_report_last(struct dr_task *t)
{
    if (!(t->job->flags & DR_WORKER_IS_LAST))
        return dr_task_report(t);
    dr_task_flush_accounts(t);
    dr_task_send(t, &(struct dr_msg){ .type = DR_MSG_REPORT });
    return DR_OK;
}
