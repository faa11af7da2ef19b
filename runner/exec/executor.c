/* executor.c - the life of a run.
 *
 *     lock -> fork the forker -> recover the DAG's lost runs -> record (new or reset) -> loop until
 *     every task is final -> record the end -> close the store
 *
 * The runner stays small and single-threaded, never loads a plugin and never
 * holds a table: what it costs to fork is what a task costs. */
#include "exec/executor.h"
#include "exec/recover.h"
#include "exec/runner.h"
#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { TICK_US = 100000, GRACE_US = 5000000, SAME_SECOND_MAX = 1000 };

void dr_runner_emit(struct dr_runner *r, enum dr_exec_event_kind kind, int32_t task)
{
    if (r->o->watch && r->o->watch->event)
        r->o->watch->event(r->o->watch->ctx, kind, &r->view, task);
}

void dr_runner_trace(const struct dr_runner *r, const char *fmt, ...)
{
    if (!r->o->trace)
        return;
    DR_AUTO_BUF line = { 0 };
    va_list ap;
    va_start(ap, fmt);
    dr_buf_puts(&line, "trace: ");
    dr_buf_vprintf(&line, fmt, ap);
    va_end(ap);
    dr_buf_putc(&line, '\n');
    (void)dr_write_all(STDERR_FILENO, dr_buf_cstr(&line), line.n, NULL);
}

/* ---- what the run is ---- */

static int32_t processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) < 0)
        return 1;
    return CPU_COUNT(&set);
}

/* Of a manual run: the schedule's last whole interval before its logical date. */
static void set_interval(struct dr_runner *r)
{
    const struct dr_dag *dag = r->dag;
    int64_t start, end;
    r->interval_start_us = r->interval_end_us = r->logical_us;
    if (!dag->has_schedule)
        return;
    if (dr_streq(r->o->run_type, "manual")) {
        if (dr_cron_prev(&dag->schedule, dag->zone, r->logical_us, &end) &&
            dr_cron_prev(&dag->schedule, dag->zone, end - 1, &start)) {
            r->interval_start_us = start;
            r->interval_end_us = end;
        }
    } else if (dr_cron_next(&dag->schedule, dag->zone, r->logical_us, &end)) {
        r->interval_end_us = end;
    }
}

static const char *time_text(struct dr_runner *r, int64_t us)
{
    char text[DR_TIME_TEXT];
    size_t n = dr_format_timestamp(us, true, text);
    return dr_arena_dup(&r->arena, text, n);
}

static void set_subst(struct dr_runner *r)
{
    r->subst = (struct dr_subst){
        .params = r->o->params,
        .run_id = r->view.run_id,
        .dag_id = r->dag->dag_id,
        .logical_date = time_text(r, r->logical_us),
        .data_interval_start = time_text(r, r->interval_start_us),
        .data_interval_end = time_text(r, r->interval_end_us),
    };
}

/* "manual__2024-03-01T02-30-00Z", with "_2" and so on for more in one second: it
 * becomes the name of a folder. */
static const char *make_run_id(struct dr_runner *r, int n)
{
    struct dr_civil c;
    dr_civil_from_us(r->logical_us, &c);
    char suffix[16] = "";
    if (n > 1)
        snprintf(suffix, sizeof(suffix), "_%d", n);
    return dr_arena_printf(&r->arena, "%s__%04d-%02d-%02dT%02d-%02d-%02dZ%s", r->o->run_type, c.year, c.month,
                           c.day, c.hour, c.minute, c.second, suffix);
}

/* ---- recording it ---- */

static int32_t insert_run(struct dr_runner *r, int64_t version, int64_t *keys, struct dr_err *err)
{
    struct dr_new_run run = {
        .dag = r->dag,
        .dag_version = version,
        .run_id = r->o->run_id,
        .run_type = r->o->run_type,
        .logical_us = r->logical_us,
        .interval_start_us = r->interval_start_us,
        .interval_end_us = r->interval_end_us,
        .params = r->o->params,
        .program = r->o->program,
    };
    int32_t rc = DR_EBUSY;
    for (int n = 1; rc == DR_EBUSY && n < SAME_SECOND_MAX; n++) {
        if (!r->o->run_id)
            run.run_id = make_run_id(r, n);
        rc = dr_state_new_run(r->state, &run, &r->run, keys, err);
        if (r->o->run_id)
            break;
    }
    r->view.run_id = run.run_id;
    return rc;
}

static int32_t record_plugins(struct dr_runner *r, struct dr_err *err)
{
    for (int32_t i = 0; i < r->n_kinds; i++) {
        const struct dr_plugin_spec *spec = r->kinds[i].spec;
        if (spec)
            DR_TRY(dr_state_put_plugin(r->state, r->run, spec->name, spec->hash, spec->version, err));
    }
    return DR_OK;
}

static int32_t record_new(struct dr_runner *r, struct dr_err *err)
{
    int64_t version;
    DR_AUTO_FREE int64_t *keys = dr_calloc((size_t)r->dag->n_tasks, sizeof(*keys));
    if (r->o->run_id && !dr_name_ok(r->o->run_id))
        return dr_fail(err, DR_EDEF, "'%s' cannot be a run id: letters, digits, _ . - only", r->o->run_id);
    DR_TRY(dr_state_put_dag(r->state, r->dag, &version, err));
    DR_TRY(insert_run(r, version, keys, err));
    for (int32_t i = 0; i < r->dag->n_tasks; i++)
        r->tasks[i].key = keys[i];
    return record_plugins(r, err);
}

/* ---- resuming one ---- */

/* The DAG may have been edited since: definitions may differ, the tasks must not. */
static int32_t restore_task(struct dr_runner *r, const struct dr_task_row *row, struct dr_err *err)
{
    int32_t i = dr_dag_find_task(r->dag, row->task_id);
    if (i < 0)
        return dr_fail(err, DR_EDEF, "run '%s' cannot be resumed: its task '%s' is not in the DAG any more",
                       r->view.run_id, row->task_id);
    r->tasks[i].key = row->key;
    r->tasks[i].last_number = row->attempts;
    r->views[i].state = row->state;
    r->views[i].attempt = row->try_number;
    r->views[i].started_us = row->started_us;
    r->views[i].ended_us = row->ended_us;
    return DR_OK;
}

static int32_t restore_tasks(struct dr_runner *r, struct dr_err *err)
{
    DR_AUTO_ARENA arena = { 0 };
    struct dr_task_row *rows;
    int32_t n;
    DR_TRY(dr_state_tasks(r->state, &arena, r->run, &rows, &n, err));
    for (int32_t i = 0; i < n; i++)
        DR_TRY(restore_task(r, &rows[i], err));
    for (int32_t i = 0; i < r->dag->n_tasks; i++)
        if (r->tasks[i].key == 0)
            return dr_fail(err, DR_EDEF,
                           "run '%s' cannot be resumed: task '%s' is new in the DAG; start a new run",
                           r->view.run_id, r->dag->tasks[i].id);
    return DR_OK;
}

/* Tasks that ended well stay as they are; what is left of the others goes. */
static int32_t keep_finished(struct dr_runner *r, struct dr_err *err)
{
    for (int32_t i = 0; i < r->dag->n_tasks; i++) {
        if (dr_task_state_final(r->views[i].state)) {
            dr_ready_restore(&r->ready, i, r->views[i].state);
            r->n_final++;
            continue;
        }
        DR_AUTO_ARENA scratch = { 0 };
        DR_TRY(dr_folders_reset(&scratch, r, i, r->tasks[i].last_number, err));
    }
    return DR_OK;
}

static int32_t record_resumed(struct dr_runner *r, struct dr_err *err)
{
    DR_AUTO_ARENA arena = { 0 };
    struct dr_run_row row = { 0 };
    DR_TRY(dr_state_run(r->state, &arena, r->o->resume_run, &row, err));
    if (!dr_streq(row.dag_id, r->dag->dag_id))
        return dr_fail(err, DR_ENOTFOUND, "DAG '%s' has no run with key %lld", r->dag->dag_id,
                       (long long)r->o->resume_run);
    r->run = row.key;
    r->view.run_id = dr_arena_strdup(&r->arena, row.run_id);
    r->logical_us = row.logical_us;
    r->interval_start_us = row.interval_start_us;
    r->interval_end_us = row.interval_end_us;
    /* Queued: somebody reset it already (dagrun clear), or never started it. */
    if (row.state != DR_RUN_QUEUED || r->o->n_resume_tasks > 0)
        DR_TRY(
            dr_state_reset_run(r->state, r->run, r->o->resume_tasks, r->o->n_resume_tasks, dr_now_us(), err));
    DR_TRY(restore_tasks(r, err));
    DR_TRY(record_plugins(r, err));
    return keep_finished(r, err);
}

static int32_t record_start(struct dr_runner *r, struct dr_err *err)
{
    struct dr_runner_id id;
    dr_runner_identify(&id);
    DR_TRY(dr_runner_write(r, err));
    DR_TRY(r->o->resume_run ? record_resumed(r, err) : record_new(r, err));
    r->view.started_us = dr_now_us();
    DR_TRY(dr_state_move_run(r->state, r->run, DR_RUN_QUEUED, DR_RUN_RUNNING, NULL, &id, r->view.started_us,
                             err));
    DR_TRY(dr_runner_commit(r, err));
    r->view.state = DR_RUN_RUNNING;
    set_subst(r);
    if (r->forker.control >= 0)
        DR_TRY(dr_forker_tell_run(&r->forker, &r->subst, err));
    char *dir = dr_exec_dir(&r->arena, r->o->home, r->dag->dag_id, r->view.run_id, NULL, 0);
    return dr_mkdirs(dir, err);
}

/* ---- signals and ticks ---- */

static const char *signal_text(int signal, char buf[24])
{
    return dr_signal_name(signal, buf);
}

/* The first asks, the second insists. */
static void on_signal(void *ctx)
{
    struct dr_runner *r = ctx;
    struct signalfd_siginfo info;
    char name[24];
    while (r->err.rc == DR_OK && read(r->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        bool hard = r->signal != 0;
        dr_runner_trace(r, "%s: %s", signal_text((int)info.ssi_signo, name), hard ? "killing" : "cancelling");
        if (!r->signal)
            r->signal = (int)info.ssi_signo;
        (void)dr_runner_cancel(r, hard, &r->err);
    }
}

static void on_tick(void *ctx)
{
    struct dr_runner *r = ctx;
    dr_runner_emit(r, DR_EXEC_TICK, -1);
    dr_timer_start(r->tick, TICK_US);
}

static void on_flush(void *ctx)
{
    struct dr_runner *r = ctx;
    if (r->err.rc == DR_OK)
        (void)dr_runner_commit(r, &r->err);
}

/* SIGHUP stays ignored where nohup asked for that. */
static void stop_signals(sigset_t *ret)
{
    struct sigaction hangup;
    sigemptyset(ret);
    sigaddset(ret, SIGINT);
    sigaddset(ret, SIGTERM);
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
        sigaddset(ret, SIGHUP);
}

/* Without one the runner forks by itself. */
static void start_forker(struct dr_runner *r)
{
    struct dr_subst subst = { .params = r->o->params, .dag_id = r->dag->dag_id };
    struct dr_worker_job base = { .home = r->o->home, .dag = r->dag, .subst = &subst, .threads = r->threads };
    struct dr_err err;
    if (dr_forker_start(&r->forker, &base, r->null_fd, &err))
        dr_runner_trace(r, "no forker: %s", err.msg);
}

static int32_t open_null(struct dr_runner *r, struct dr_err *err)
{
    r->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    return r->null_fd < 0 ? dr_fail_sys(err, "cannot open /dev/null") : DR_OK;
}

static int32_t open_loop(struct dr_runner *r, struct dr_err *err)
{
    sigset_t stop;
    stop_signals(&stop);
    r->signal_fd = signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
    if (r->signal_fd < 0)
        return dr_fail_sys(err, "cannot make a signalfd");
    DR_TRY(dr_loop_new(&r->loop, err));
    DR_TRY(dr_loop_readable(r->loop, r->signal_fd, on_signal, r, &r->on_signal, err));
    r->tick = dr_loop_timer(r->loop, on_tick, r);
    r->flush = dr_loop_timer(r->loop, on_flush, r);
    if (r->o->watch && r->o->watch->wants_ticks)
        dr_timer_start(r->tick, TICK_US);
    return DR_OK;
}

/* ---- the loop ---- */

static int32_t drive(struct dr_runner *r, struct dr_err *err)
{
    dr_ready_start(&r->ready);
    for (;;) {
        if (!r->signal)
            DR_TRY(dr_runner_settle(r, err));
        DR_TRY(dr_runner_start_ready(r, err));
        if (r->n_final == r->dag->n_tasks)
            return DR_OK;
        /* A fork that failed has ended its task already, without any event. */
        if (r->view.running == 0 && r->ready.n_heap + r->ready.n_ended + r->ready.n_fresh > 0 && !r->signal)
            continue;
        DR_TRY(dr_loop_turn(r->loop, err));
        if (r->err.rc != DR_OK) {
            *err = r->err;
            return err->rc;
        }
    }
}

/* ---- the end ---- */

static void count_ends(const struct dr_runner *r, struct dr_exec_outcome *o)
{
    o->tasks = r->dag->n_tasks;
    for (int32_t i = 0; i < r->dag->n_tasks; i++) {
        enum dr_task_state s = r->views[i].state;
        o->success += s == DR_TASK_SUCCESS;
        o->skipped += s == DR_TASK_SKIPPED;
        o->failed += s == DR_TASK_FAILED || s == DR_TASK_UPSTREAM_FAILED;
    }
}

static const char *end_reason(struct dr_runner *r, const struct dr_exec_outcome *o)
{
    char name[24];
    if (r->signal)
        return dr_arena_printf(&r->arena, "cancelled by %s", signal_text(r->signal, name));
    if (o->failed > 0)
        return dr_arena_printf(&r->arena, "%d of %d tasks failed", (int)o->failed, (int)o->tasks);
    return NULL;
}

static int32_t record_end(struct dr_runner *r, struct dr_exec_outcome *ret, struct dr_err *err)
{
    struct dr_exec_outcome o = { .run = r->run, .cancelled_by_signal = r->signal != 0, .signal = r->signal };
    snprintf(o.run_id, sizeof(o.run_id), "%s", r->view.run_id);
    count_ends(r, &o);
    o.state = r->signal ? DR_RUN_CANCELLED : o.failed > 0 ? DR_RUN_FAILED : DR_RUN_SUCCESS;
    DR_TRY(dr_runner_write(r, err));
    int64_t now = dr_now_us();
    DR_TRY(dr_state_move_run(r->state, r->run, DR_RUN_RUNNING, o.state, end_reason(r, &o), NULL, now, err));
    DR_TRY(dr_runner_commit(r, err));
    r->view.ended_us = now;
    r->view.state = o.state;
    *ret = o;
    return DR_OK;
}

/* ---- putting it together ---- */

static void runner_init(struct dr_runner *r, const struct dr_exec_options *o)
{
    size_t n = (size_t)o->dag->n_tasks;
    int32_t cpus = processors();
    int32_t jobs = o->jobs > 0 ? o->jobs : cpus < 2 ? 2 : cpus;
    int32_t most = o->dag->max_active_tasks;
    *r = (struct dr_runner){ .o = o, .dag = o->dag, .lock_fd = -1, .null_fd = -1, .signal_fd = -1 };
    r->forker.control = -1;
    r->limit = most > 0 && most < jobs ? most : jobs;
    r->threads = o->threads > 0 ? o->threads : cpus;
    r->grace_us = o->grace_us > 0 ? o->grace_us : GRACE_US;
    r->logical_us = o->logical_us ? o->logical_us : dr_now_us();
    r->tasks = dr_arena_array(&r->arena, n, sizeof(*r->tasks));
    r->views = dr_arena_array(&r->arena, n, sizeof(*r->views));
    r->starting = dr_arena_array(&r->arena, (size_t)r->limit, sizeof(*r->starting));
    for (int32_t i = 0; i < o->dag->n_tasks; i++) {
        r->tasks[i].runner = r;
        r->tasks[i].index = i;
        r->views[i].def = &o->dag->tasks[i];
    }
    r->view = (struct dr_exec_view){ .dag = o->dag, .tasks = r->views, .max_active_tasks = r->limit };
    dr_kinds_init(r);
    dr_ready_init(&r->ready, &r->arena, o->dag);
    set_interval(r);
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void close_state(struct dr_runner *r)
{
    if (r->in_tx)
        dr_state_rollback(r->state);
    dr_state_close(r->state);
    r->state = NULL;
}

static void runner_done(struct dr_runner *r)
{
    for (int32_t i = 0; i < r->dag->n_tasks; i++) {
        if (r->tasks[i].attempt)
            dr_attempt_drop(r->tasks[i].attempt);
        dr_watcher_free(r->tasks[i].retry_timer);
    }
    dr_kinds_done(r);
    dr_forker_stop(&r->forker);
    dr_watcher_free(r->on_signal);
    dr_watcher_free(r->tick);
    dr_watcher_free(r->flush);
    dr_loop_free(r->loop);
    if (r->state)
        close_state(r);
    close_fd(&r->signal_fd);
    close_fd(&r->null_fd);
    close_fd(&r->lock_fd);
    dr_arena_done(&r->arena);
}

static int32_t run_all(struct dr_runner *r, struct dr_exec_outcome *ret, struct dr_err *err)
{
    int32_t recovered;
    DR_TRY(open_null(r, err));
    start_forker(r);
    DR_TRY(dr_state_open(r->o->home, 0, &r->state, err));
    DR_TRY(dr_recover_dag(r->o->home, r->state, r->dag->dag_id, &recovered, err));
    DR_TRY(open_loop(r, err));
    DR_TRY(record_start(r, err));
    dr_runner_emit(r, DR_EXEC_RUN_START, -1);
    DR_TRY(drive(r, err));
    DR_TRY(record_end(r, ret, err));
    if (r->o->report)
        r->o->report->write(r->o->report->ctx, r->state, r->view.run_id);
    close_state(r);
    dr_runner_emit(r, DR_EXEC_RUN_END, -1);
    return DR_OK;
}

int32_t dr_exec_run(const struct dr_exec_options *o, struct dr_exec_outcome *ret, struct dr_err *err)
{
    struct dr_runner r;
    struct dr_err local;
    sigset_t stop, before;
    struct sigaction ignore = { .sa_handler = SIG_IGN }, pipe_before;
    if (!err)
        err = &local;
    int lock;
    DR_TRY(dr_recover_lock(o->home, o->dag->dag_id, o->wait_lock_us, &lock, err));
    stop_signals(&stop);
    sigprocmask(SIG_BLOCK, &stop, &before);
    sigaction(SIGPIPE, &ignore, &pipe_before);
    runner_init(&r, o);
    r.lock_fd = lock;
    int32_t rc = run_all(&r, ret, err);
    runner_done(&r);
    sigaction(SIGPIPE, &pipe_before, NULL);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return rc;
}
