/* worker.c - one task attempt, in its own process.
 *
 *     log file, environment, limits -> bindings and parameters -> dlopen -> run
 *     -> outputs checked -> the final message -> exit
 *
 * The final message is the proof that the attempt came to its end: a plugin that
 * calls exit(0), or a process that dies on the way, never sends it. */
#include "exec/worker.h"
#include "exec/executor.h"
#include "exec/plugin_open.h"
#include "exec/task_impl.h"
#include "base/date.h"
#include "base/file.h"
#include "data/pool.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the attempt's folder ---- */

static void name_folders(struct dr_task *t)
{
    const struct dr_worker_job *j = t->job;
    struct dr_task_folders *f = DR_NEW(&t->arena, struct dr_task_folders);
    f->task = dr_exec_dir(&t->arena, j->home, j->dag->dag_id, j->subst->run_id, j->def->id, 0);
    f->attempt = dr_arena_printf(&t->arena, "%s/%d", f->task, (int)j->attempt);
    f->work = dr_arena_printf(&t->arena, "%s/work", f->attempt);
    f->out = dr_arena_printf(&t->arena, "%s/out", f->work);
    t->folders = f;
}

/* Folders are made when something is put into them: most tasks of a wide DAG leave only a log. */
static int32_t begin_folders(struct dr_task *t, struct dr_err *err)
{
    name_folders(t);
    return t->job->flags & DR_WORKER_IS_RESUMED ? dr_remove_tree(t->folders->work, err) : DR_OK;
}

/* stdout and stderr are the log file itself: no pipe that could fill up, no
 * limit, and it outlives the runner. O_APPEND keeps lines of several processes apart. */
static int32_t open_log(struct dr_task *t, struct dr_err *err)
{
    const struct dr_worker_job *j = t->job;
    char *path = dr_exec_log(&t->arena, j->home, j->dag->dag_id, j->subst->run_id, j->def->id, j->attempt);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0)
        return dr_fail_sys(err, "cannot make the log '%s'", path);
    struct stat st;
    if (fstat(fd, &st) < 0)
        return dr_fail_sys(err, "the log '%s'", path);
    t->log_fd = fd;
    t->log_dev = st.st_dev;
    t->log_ino = st.st_ino;
    if (dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
        return dr_fail_sys(err, "cannot direct output to '%s'", path);
    /* What was printed before a crash should be in the log. A buffer of our own,
     * since glibc does not change the mode of one that was in use already. */
    static char line_buffer[BUFSIZ];
    setvbuf(stdout, line_buffer, _IOLBF, sizeof(line_buffer));
    return DR_OK;
}

/* ---- its surroundings ---- */

static int32_t set_environment(struct dr_task *t, struct dr_err *err)
{
    setenv("DAGRUN_ATTEMPT_DIR", t->folders->attempt, 1);
    const struct dr_node *env = t->job->def->env;
    for (int64_t i = 0; i < dr_node_size(env); i++) {
        const char *value;
        const struct dr_node *item = dr_node_at(env, i);
        DR_TRY(dr_subst_text(&t->arena, dr_str_of(dr_node_str(item, "")), t->job->subst, &value, err));
        if (setenv(dr_node_key(env, i), value, 1) < 0)
            return dr_fail_sys(err, "env: cannot set '%s'", dr_node_key(env, i));
    }
    return DR_OK;
}

static int32_t set_limits(const struct dr_task *t, struct dr_err *err)
{
    int64_t limit = t->job->def->memory_limit;
    if (limit <= 0)
        return DR_OK;
    struct rlimit as = { .rlim_cur = (rlim_t)limit, .rlim_max = (rlim_t)limit };
    if (setrlimit(RLIMIT_AS, &as) < 0)
        return dr_fail_sys(err, "cannot limit memory to %lld bytes", (long long)limit);
    return DR_OK;
}

static void fill_info(struct dr_task *t)
{
    const struct dr_worker_job *j = t->job;
    t->info = (struct dr_task_info){
        .dag_id = j->dag->dag_id,
        .run_id = j->subst->run_id,
        .task_id = j->def->id,
        .attempt = j->attempt,
        .threads = j->threads,
        .logical_date = j->subst->logical_date,
        .data_interval_start = j->subst->data_interval_start,
        .data_interval_end = j->subst->data_interval_end,
        .home = j->home->path,
        .work_dir = t->folders->work,
    };
}

/* `with` was checked when the DAG was loaded, but only now are ${...} known. */
static int32_t set_params(struct dr_task *t, struct dr_err *err)
{
    const struct dr_task_def *def = t->job->def;
    struct dr_node *with = NULL;
    if (def->with)
        DR_TRY(dr_subst_node(&t->arena, def->with, t->job->subst, &with, err));
    if (!def->spec || (def->spec->n_params == 0 && dr_node_size(with) == 0))
        return DR_OK;
    struct dr_diags diags = { .arena = &t->arena };
    t->params = dr_spec_check_with(&t->arena, def->spec, with, t->job->home, def->mark, &diags);
    return diags.errors > 0 ? dr_diags_fail(&diags, err) : DR_OK;
}

static int32_t find_plugin(struct dr_task *t, const char **ret, struct dr_err *err)
{
    const struct dr_task_def *def = t->job->def;
    if (def->spec && def->spec->path) {
        *ret = def->spec->path;
        return DR_OK;
    }
    return dr_home_plugin(&t->arena, t->job->home, def->plugin, ret, err);
}

/* libc looks up the functions that setenv needs when it is first called, and copies the
 * environment: a tenth of the page faults of a small attempt. */
void dr_worker_warm_up(void)
{
    setenv("DAGRUN_ATTEMPT_DIR", "", 1);
}

/* A plugin that was loaded before the fork. */
static struct {
    const struct dr_task_def *def; /* a task of it; NULL: none was */
    const struct dr_plugin *plugin;
} kept;

void dr_worker_rehearse(const struct dr_worker_job *base)
{
    struct dr_worker_job job = *base;
    struct dr_task t = { .job = &job };
    job.def = kept.def ? kept.def : &base->dag->tasks[0];
    name_folders(&t);
    setenv("DAGRUN_ATTEMPT_DIR", t.folders->attempt, 1);
    if (kept.def && dr_task_bind(&t, NULL) == DR_OK)
        (void)set_params(&t, NULL);
    dr_pool_init(job.threads);
    dr_arena_done(&t.arena);
}

static bool has_one_thread(void)
{
    struct stat st;
    return stat("/proc/self/task", &st) == 0 && st.st_nlink == 3; /* ".", ".." and one more */
}

/* The number that the next descriptor gets. */
static int lowest_free(void)
{
    int fd = dup(STDIN_FILENO);
    if (fd >= 0)
        close(fd);
    return fd;
}

bool dr_worker_keep_plugin(const struct dr_home *home, const struct dr_task_def *def)
{
    int free_before = lowest_free();
    if (chdir(home->path) < 0 || !def->spec || !def->spec->path ||
        dr_plugin_open(def->spec->path, def->plugin, &kept.plugin, NULL))
        return false;
    kept.def = def;
    fflush(NULL); /* children would each print it again */
    return has_one_thread() && free_before >= 0 && lowest_free() == free_before;
}

static int32_t open_plugin(struct dr_task *t, const struct dr_plugin **ret, struct dr_err *err)
{
    const struct dr_task_def *def = t->job->def;
    const char *path;
    if (kept.def && kept.def->spec == def->spec) {
        *ret = kept.plugin;
        return DR_OK;
    }
    DR_TRY(find_plugin(t, &path, err));
    return dr_plugin_open(path, def->plugin, ret, err);
}

static int32_t prepare(struct dr_task *t, const struct dr_plugin **ret, struct dr_err *err)
{
    DR_TRY(begin_folders(t, err));
    DR_TRY(open_log(t, err));
    if (chdir(t->job->home->path) < 0)
        return dr_fail_sys(err, "cannot enter '%s'", t->job->home->path);
    DR_TRY(set_environment(t, err));
    DR_TRY(dr_task_bind(t, err));
    fill_info(t);
    DR_TRY(set_params(t, err));
    DR_TRY(open_plugin(t, ret, err));
    return set_limits(t, err);
}

/* ---- its end ---- */

static void end_failed(struct dr_task *t, bool final, const struct dr_err *err)
{
    if (t->reason)
        return;
    (void)(final ? dr_task_fail_final(t, "%s", err->msg) : dr_task_fail(t, "%s", err->msg));
}

/* What run gave, as an end with a reason. */
static void judge_run(struct dr_task *t, int32_t rc)
{
    struct dr_err err = { 0 };
    if (t->reason)
        return;
    if (rc != 0 && t->err.rc != DR_OK)
        end_failed(t, t->err.rc == DR_EDEF, &t->err);
    else if (rc != 0)
        (void)dr_task_fail(t, "plugin '%s' returned %d without saying why", t->job->def->plugin, (int)rc);
    else if (dr_task_check_outputs(t, &err))
        end_failed(t, false, &err);
}

/* Leave of work/ what the runner will put in place: out/, the outputs of a success, or
 * those that a plugin wrote before it gave up, which may say why. */
static void clean_work(struct dr_task *t, bool keep_out)
{
    struct dr_task_folders *f = t->folders;
    struct dr_err err;
    char **names;
    size_t n;
    if (!f || !f->made_work)
        return;
    if (!keep_out || !f->made_out) {
        if (dr_remove_tree(f->work, &err))
            dr_task_log(t, DR_WARN, "dagrun: %s", err.msg);
        return;
    }
    if (dr_list_dir(&t->arena, f->work, NULL, &names, &n, &err))
        return;
    for (size_t i = 0; i < n; i++)
        if (!dr_streq(names[i], "out"))
            (void)dr_remove_tree(dr_path_join(&t->arena, f->work, names[i]), NULL);
}

static int finish(struct dr_task *t)
{
    fflush(NULL);
    dr_task_drop_outputs(t);
    dr_task_flush_accounts(t);
    dr_task_flush_progress(t);
    if (t->broken.rc != DR_OK && !t->reason)
        end_failed(t, false, &t->broken);
    bool success = !t->reason;
    /* Its own verdict, not a disk that is full. */
    bool keep = success || (t->how != DR_END_SKIPPED && t->err.rc == DR_OK);
    clean_work(t, keep);
    struct dr_msg m = {
        .type = DR_MSG_END,
        .end = { .how = success ? DR_END_SUCCESS : t->how,
                 .reason = t->reason,
                 .has_outputs = keep && t->folders && t->folders->made_out },
    };
    if (!success)
        dr_task_log(t, t->how == DR_END_SKIPPED ? DR_INFO : DR_ERROR, "%s%s",
                    t->how == DR_END_SKIPPED ? "skipped: " : "", t->reason);
    struct dr_err err;
    if (dr_msg_send(&t->msg, &m, &err))
        dr_task_log(t, DR_ERROR, "dagrun: %s", err.msg);
    return success || t->how == DR_END_SKIPPED ? 0 : 1;
}

int dr_worker_run(void *ctx)
{
    struct dr_task t = { .job = ctx, .log_fd = -1 };
    const struct dr_plugin *plugin;
    struct dr_err err = { 0 };
    if (dr_msg_writer_init(&t.msg, t.job->msg_fd, &err))
        return 1;
    if (prepare(&t, &plugin, &err)) {
        /* A disk may have room again; a definition stays wrong. */
        end_failed(&t, err.rc != DR_ESYS, &err);
    } else {
        dr_pool_init(t.job->threads); /* for the kernels that the plugin calls */
        judge_run(&t, plugin->run(&t));
    }
    return finish(&t); /* the process ends: nothing is freed */
}
