/* recover.c - after a runner has died.
 *
 * The lock of a DAG is held by an open descriptor of its runner, and goes with
 * it, however it dies. So whoever gets the lock knows that a run which stands as
 * running has no runner, and needs no guess by time-outs.
 *
 * Workers die with their runner (PR_SET_PDEATHSIG), but what a plugin itself
 * started may live on and still write. Such processes are found by their group,
 * which is the dead worker's pid, and by the DAGRUN_ATTEMPT_DIR in their
 * environment, which no stranger with a recycled pid has. */
#include "exec/recover.h"
#include "exec/executor.h"
#include "exec/process.h"
#include "base/date.h"
#include "base/file.h"
#include "base/num.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

enum { POLL_US = 20000, ENVIRON_MAX = 1 << 20 };

/* ---- identity ---- */

void dr_runner_identify(struct dr_runner_id *ret)
{
    *ret = (struct dr_runner_id){ .pid = getpid() };
    (void)dr_process_start_ticks(getpid(), &ret->start_ticks, NULL);
    dr_boot_id(ret->boot_id);
}

bool dr_runner_alive(const struct dr_runner_id *id)
{
    char boot[40];
    int64_t ticks;
    dr_boot_id(boot);
    return id->pid > 0 && dr_streq(boot, id->boot_id) &&
           dr_process_start_ticks((pid_t)id->pid, &ticks, NULL) == DR_OK && ticks == id->start_ticks;
}

/* ---- the lock ---- */

static int32_t try_lock(const char *path, const char *dag_id, int *ret_fd, struct dr_err *err)
{
    char holder[200] = "";
    int32_t rc = dr_lock_file(path, ret_fd, holder, sizeof(holder), err);
    if (rc != DR_EBUSY)
        return rc;
    return dr_fail(err, DR_EBUSY, "DAG '%s' is being run already%s%s%s", dag_id, holder[0] ? " (" : "",
                   holder, holder[0] ? ")" : "");
}

static int32_t wait_lock(const char *path, const char *dag_id, int64_t wait_us, int *ret_fd,
                         struct dr_err *err)
{
    int64_t until = dr_monotonic_us() + wait_us;
    int32_t rc;
    while ((rc = try_lock(path, dag_id, ret_fd, err)) == DR_EBUSY && dr_monotonic_us() < until)
        usleep(POLL_US);
    return rc;
}

int32_t dr_recover_lock(const struct dr_home *h, const char *dag_id, int64_t wait_us, int *ret_fd,
                        struct dr_err *err)
{
    DR_AUTO_ARENA arena = { 0 };
    char *dir = dr_path_join(&arena, h->var, "locks");
    if (!dr_path_is_dir(dir))
        DR_TRY(dr_mkdirs(dir, err));
    char *path = dr_arena_printf(&arena, "%s/%s.lock", dir, dag_id);
    int fd;
    DR_TRY(wait_lock(path, dag_id, wait_us, &fd, err));
    char note[40];
    snprintf(note, sizeof(note), "pid %d", (int)getpid());
    if (dr_lock_note(fd, note, err)) {
        close(fd);
        return err ? err->rc : DR_ESYS;
    }
    *ret_fd = fd;
    return DR_OK;
}

/* ---- what dead workers left running ---- */

static bool environ_has(pid_t pid, const char *wanted)
{
    DR_AUTO_ARENA arena = { 0 };
    struct dr_str text;
    char path[40];
    snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
    if (dr_read_file(&arena, path, ENVIRON_MAX, &text, NULL))
        return false;
    struct dr_str variable;
    while (dr_str_split(&text, '\0', &variable))
        if (dr_str_eq(variable, dr_str_of(wanted)))
            return true;
    return false;
}

static void kill_orphan(pid_t pid, pid_t group, const char *variable)
{
    if (getpgid(pid) == group && environ_has(pid, variable))
        kill(pid, SIGKILL);
}

static void kill_orphans(struct dr_arena *a, pid_t group, const char *attempt_dir)
{
    char **names;
    size_t n;
    char *variable = dr_arena_printf(a, "DAGRUN_ATTEMPT_DIR=%s", attempt_dir);
    if (group <= 1 || kill(-group, 0) < 0 || dr_list_dir(a, "/proc", NULL, &names, &n, NULL))
        return;
    for (size_t i = 0; i < n; i++) {
        int64_t pid;
        if (dr_parse_i64(dr_str_of(names[i]), &pid) && pid > 1)
            kill_orphan((pid_t)pid, group, variable);
    }
}

static int32_t clean_attempts(const struct dr_home *h, struct dr_state *s, const struct dr_run_row *run,
                              struct dr_err *err)
{
    DR_AUTO_ARENA arena = { 0 };
    struct dr_attempt_row *attempts;
    int32_t n;
    DR_TRY(dr_state_attempts(s, &arena, run->key, &attempts, &n, err));
    for (int32_t i = 0; i < n; i++) {
        const struct dr_attempt_row *at = &attempts[i];
        if (at->state != DR_TASK_RUNNING)
            continue;
        char *dir = dr_exec_dir(&arena, h, run->dag_id, run->run_id, at->task_id, at->number);
        kill_orphans(&arena, (pid_t)at->pid, dir);
        DR_TRY(dr_remove_tree(dr_path_join(&arena, dir, "work"), err));
    }
    return DR_OK;
}

/* ---- recovery ---- */

int32_t dr_recover_dag(const struct dr_home *h, struct dr_state *s, const char *dag_id, int32_t *ret_n,
                       struct dr_err *err)
{
    DR_AUTO_ARENA arena = { 0 };
    struct dr_run_row *runs;
    int32_t n;
    bool any;
    *ret_n = 0;
    DR_TRY(dr_state_is_running(s, dag_id, &any, err));
    if (!any) /* nearly always; the list's query is a long one */
        return DR_OK;
    struct dr_run_filter running = { .dag_id = dag_id, .state = DR_RUN_RUNNING };
    DR_TRY(dr_state_runs(s, &arena, &running, &runs, &n, err));
    for (int32_t i = 0; i < n; i++) {
        DR_TRY(clean_attempts(h, s, &runs[i], err));
        DR_TRY(dr_state_lose_run(s, runs[i].key, NULL, dr_now_us(), err));
    }
    *ret_n = n;
    return DR_OK;
}

/* One DAG of which a run stands as running: lost only if nobody holds its lock. */
static int32_t recover_one(const struct dr_home *h, struct dr_state *s, const char *dag_id, int32_t *ret_n,
                           struct dr_err *err)
{
    int fd;
    *ret_n = 0;
    int32_t rc = dr_recover_lock(h, dag_id, 0, &fd, err);
    if (rc == DR_EBUSY)
        return DR_OK;
    if (rc)
        return rc;
    rc = dr_recover_dag(h, s, dag_id, ret_n, err);
    close(fd);
    return rc;
}

static int32_t recover_all(const struct dr_home *h, struct dr_state *s, int32_t *ret_n, struct dr_err *err)
{
    DR_AUTO_ARENA arena = { 0 };
    struct dr_run_row *runs;
    int32_t n, found;
    struct dr_run_filter running = { .state = DR_RUN_RUNNING };
    DR_TRY(dr_state_runs(s, &arena, &running, &runs, &n, err));
    *ret_n = 0;
    for (int32_t i = 0; i < n; i++) {
        DR_TRY(recover_one(h, s, runs[i].dag_id, &found, err));
        *ret_n += found;
    }
    return DR_OK;
}

int32_t dr_exec_recover(const struct dr_home *h, int32_t *ret_n, struct dr_err *err)
{
    struct dr_state *s;
    if (!dr_path_exists(h->db)) {
        *ret_n = 0;
        return DR_OK;
    }
    DR_TRY(dr_state_open(h, 0, &s, err));
    int32_t n, rc = recover_all(h, s, &n, err);
    dr_state_close(s);
    if (rc == DR_OK)
        *ret_n = n;
    return rc;
}

int32_t dr_exec_cancel(const struct dr_home *h, const struct dr_run_row *run, struct dr_err *err)
{
    (void)h;
    if (run->state != DR_RUN_RUNNING)
        return dr_fail(err, DR_ENOTFOUND, "run '%s' of '%s' is not running: it is %s", run->run_id,
                       run->dag_id, dr_run_state_name(run->state));
    if (!dr_runner_alive(&run->runner))
        return dr_fail(err, DR_ENOTFOUND,
                       "run '%s' of '%s' has no runner any more; 'dagrun retry' resumes it", run->run_id,
                       run->dag_id);
    if (kill((pid_t)run->runner.pid, SIGTERM) < 0)
        return dr_fail_sys(err, "cannot signal process %lld", (long long)run->runner.pid);
    return DR_OK;
}
