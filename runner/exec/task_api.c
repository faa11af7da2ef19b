/* task_api.c - the public functions of dagrun/task.h by which a plugin is told
 * things and says things. They run in the worker. */
#include "exec/task_impl.h"
#include "exec/executor.h"
#include "exec/log_line.h"
#include "base/date.h"
#include "base/file.h"
#include "model/yaml.h"
#include <dagrun/task.h>
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PROGRESS_EVERY_US = 100000, LOG_LINE_MAX = 1 << 20, REASON_MAX = 2000 };
enum { FAIL_CODE = DR_EPLUGIN, SKIP_CODE = 100 };

/* ---- told ---- */

const char *dr_node_where(struct dr_task *t, const struct dr_node *n)
{
    if (!n || !n->mark.file)
        return "?";
    if (n->mark.line == 0)
        return n->mark.file;
    return dr_arena_printf(&t->arena, "%s:%d:%d", n->mark.file, (int)n->mark.line, (int)n->mark.column);
}

static int32_t make_dir(const char *path, mode_t mode, struct dr_err *err)
{
    if (mkdir(path, mode) < 0 && errno != EEXIST)
        return dr_fail_sys(err, "cannot make '%s'", path);
    return DR_OK;
}

int32_t dr_task_make_work(const struct dr_task *t, struct dr_err *err)
{
    struct dr_task_folders *f = t->folders;
    if (f->made_work)
        return DR_OK;
    DR_TRY(make_dir(f->task, 0777, err));
    DR_TRY(make_dir(f->attempt, 0777, err));
    DR_TRY(make_dir(f->work, 0777, err));
    f->made_work = true;
    return DR_OK;
}

const struct dr_task_info *dr_task_info(const struct dr_task *t)
{
    /* A plugin that looks at its work_dir expects to find it. Where it cannot be
     * made, the plugin's own first use of it says so. */
    (void)dr_task_make_work(t, NULL);
    return &t->info;
}

/* Beside the folders of the attempts, whose names are numbers, and out/. */
const char *dr_task_state_dir(struct dr_task *t)
{
    char *state = dr_path_join(&t->arena, t->folders->task, "state");
    if (make_dir(t->folders->task, 0777, &t->err) || make_dir(state, 0700, &t->err))
        return NULL;
    return state;
}

static volatile sig_atomic_t cancelled;

static void on_term(int signal)
{
    (void)signal;
    cancelled = 1;
}

/* SIGTERM ends a plugin at once until it shows, by asking here, that it wants to
 * end by itself. */
int32_t dr_task_cancelled(const struct dr_task *t)
{
    (void)t;
    static bool asked;
    if (!asked) {
        struct sigaction on = { .sa_handler = on_term, .sa_flags = SA_RESTART };
        sigaction(SIGTERM, &on, NULL);
        asked = true;
    }
    return cancelled != 0;
}

const struct dr_node *dr_task_param(const struct dr_task *t, const char *name)
{
    return dr_node_get(t->params, name);
}

int32_t dr_task_load_yaml(struct dr_task *t, const char *path, const struct dr_node **ret)
{
    struct dr_diags diags = { .arena = &t->arena };
    const struct dr_home *home = t->job->home;
    const char *full = dr_path_join(&t->arena, home->path, path);
    struct dr_node *root = dr_yaml_load(&t->arena, full, dr_home_show(&t->arena, home, full), &diags);
    if (diags.errors > 0)
        return dr_diags_fail(&diags, &t->err);
    *ret = root;
    return DR_OK;
}

/* ---- says ---- */

void dr_task_send(struct dr_task *t, const struct dr_msg *m)
{
    if (t->broken.rc == DR_OK)
        (void)dr_msg_send(&t->msg, m, &t->broken);
}

/* The plugin may have closed the descriptor and opened a file of its own there. */
static bool has_log(const struct dr_task *t)
{
    struct stat st;
    return t->log_fd >= 0 && fstat(t->log_fd, &st) == 0 && st.st_dev == t->log_dev && st.st_ino == t->log_ino;
}

/* One write per line: lines of processes that share the file stay whole. What
 * cannot be logged (a full disk) must not stop the task. */
void dr_task_log(struct dr_task *t, int32_t level, const char *fmt, ...)
{
    DR_AUTO_BUF text = { .max = LOG_LINE_MAX };
    DR_AUTO_BUF line = { .max = 8 * LOG_LINE_MAX };
    va_list ap;
    va_start(ap, fmt);
    if (dr_buf_vprintf(&text, fmt, ap)) {
        dr_buf_clear(&text);
        dr_buf_puts(&text, "(a line of more than 1 MiB was left out)");
    }
    va_end(ap);
    dr_log_put_line(&line, dr_now_us(), level, dr_buf_str(&text));
    if (has_log(t))
        (void)dr_write_all(t->log_fd, line.p, line.n, NULL);
}

void dr_task_flush_progress(struct dr_task *t)
{
    if (!t->progress.waits)
        return;
    struct dr_msg m = { .type = DR_MSG_PROGRESS, .progress = { t->progress.done, t->progress.total } };
    t->progress.waits = false;
    dr_task_send(t, &m);
}

void dr_task_progress(struct dr_task *t, int64_t done, int64_t total)
{
    t->progress.done = done;
    t->progress.total = total;
    t->progress.waits = true;
    int64_t now = dr_monotonic_us();
    if (now - t->progress.sent_us < PROGRESS_EVERY_US)
        return;
    t->progress.sent_us = now;
    dr_task_flush_progress(t);
}

void dr_task_metric(struct dr_task *t, const char *name, double value)
{
    struct dr_msg m = { .type = DR_MSG_METRIC, .metric = { name, value } };
    dr_task_send(t, &m);
}

/* The first thing said of the end stands. */
static void set_end(struct dr_task *t, enum dr_msg_how how, const char *fmt, va_list ap)
{
    if (t->reason)
        return;
    DR_AUTO_BUF text = { .max = LOG_LINE_MAX };
    DR_AUTO_BUF visible = { .max = LOG_LINE_MAX };
    dr_buf_vprintf(&text, fmt, ap);
    dr_buf_put_visible(&visible, dr_buf_str(&text), REASON_MAX);
    t->how = how;
    t->reason = dr_arena_dup(&t->arena, dr_buf_cstr(&visible), visible.n);
}

int32_t dr_task_fail(struct dr_task *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    set_end(t, DR_END_FAILED, fmt, ap);
    va_end(ap);
    return FAIL_CODE;
}

int32_t dr_task_fail_final(struct dr_task *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    set_end(t, DR_END_FAILED_FINAL, fmt, ap);
    va_end(ap);
    return FAIL_CODE;
}

int32_t dr_task_skip(struct dr_task *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    set_end(t, DR_END_SKIPPED, fmt, ap);
    va_end(ap);
    return SKIP_CODE;
}

struct dr_err *dr_task_err(struct dr_task *t)
{
    return &t->err;
}
