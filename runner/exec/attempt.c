/* attempt.c - one task attempt as the runner sees it.
 *
 *     fork -> messages -> pidfd readable -> reap (kills what is left of its group)
 *          -> rest of the messages -> outputs in place -> end recorded
 *
 * To stop one: SIGTERM to its group, after the grace period SIGKILL. Why it was
 * stopped is kept, and together with the final message and the exit status says
 * how it ended. Without the final message there is no success. */
#include "exec/runner.h"
#include "exec/worker.h"
#include "base/num.h"
#include "json/doc.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

enum {
    FILLS_PER_EVENT = 16, /* so that one chatty worker cannot keep others waiting */
    RECORDS_MAX = 100000, /* per attempt */
    DRAIN_MAX = 4 << 20,  /* bytes left in the pipe at the end: more than any pipe holds */
};

enum stop { STOP_NONE, STOP_TIMEOUT, STOP_CANCEL, STOP_BROKEN };

struct dr_attempt {
    struct dr_runner_task *task;
    int64_t key; /* 0: not recorded yet */
    int32_t number;
    struct dr_process process;                          /* pid 0: the fork failed */
    int pipe;                                           /* that messages come through; owned; -1: none */
    struct dr_watcher *on_exit, *on_message, *deadline; /* owned */
    struct dr_msg_reader reader;
    int32_t records;
    enum stop stop;
    bool killed;   /* SIGKILL was sent */
    char *broken;  /* owned; STOP_BROKEN: what the worker did */
    char *refused; /* owned; why the run's report, which it left to us, shows a failure */
    bool ended;    /* the final message came, and said: */
    enum dr_msg_how how;
    char *reason; /* owned */
    bool has_outputs;
};

static struct dr_runner *runner_of(const struct dr_attempt *a)
{
    return a->task->runner;
}

static const struct dr_task_def *def_of(const struct dr_attempt *a)
{
    return &runner_of(a)->dag->tasks[a->task->index];
}

/* ---- stopping ---- */

static void stop_attempt(struct dr_attempt *a, enum stop why, bool hard)
{
    if (a->process.pidfd < 0 || a->killed) /* reaped already: the pid may be anybody's */
        return;
    if (a->stop == STOP_NONE)
        a->stop = why;
    a->killed = hard;
    dr_process_signal(&a->process, hard ? SIGKILL : SIGTERM);
    if (!hard)
        dr_timer_start(a->deadline, runner_of(a)->grace_us);
}

/* Either the execution_timeout or the grace period is over. */
static void on_deadline(void *ctx)
{
    struct dr_attempt *a = ctx;
    bool grace_over = a->stop != STOP_NONE;
    dr_runner_trace(runner_of(a), "%s: %s", def_of(a)->id,
                    grace_over ? "still there after SIGTERM: SIGKILL"
                               : "over its execution_timeout: SIGTERM");
    stop_attempt(a, STOP_TIMEOUT, grace_over);
}

void dr_attempt_cancel(struct dr_attempt *a, bool hard)
{
    stop_attempt(a, STOP_CANCEL, hard);
}

static void stop_broken(struct dr_attempt *a, const char *why)
{
    if (!a->broken)
        a->broken = dr_strdup(why);
    dr_watcher_free(a->on_message);
    a->on_message = NULL;
    stop_attempt(a, STOP_BROKEN, true);
}

/* ---- messages ---- */

/* For each result and dataset: as a tape, which costs a tenth of a tree. */
static bool is_json(const char *text)
{
    static const char padding[DR_JSON_PADDING];
    if (!text)
        return true;
    DR_AUTO_BUF padded = { 0 };
    size_t n = strlen(text);
    dr_buf_append(&padded, text, n);
    dr_buf_append(&padded, padding, sizeof(padding));
    struct dr_json_doc *doc = dr_json_doc_new();
    bool ok = dr_json_doc_parse(doc, "", padded.p, n, NULL) == DR_OK;
    dr_json_doc_free(doc);
    return ok;
}

static void take_progress(struct dr_attempt *a, const struct dr_msg *m)
{
    struct dr_runner *r = runner_of(a);
    struct dr_exec_task_view *v = &r->views[a->task->index];
    v->done = m->progress.done < 0 ? 0 : m->progress.done;
    v->total = m->progress.total < 0 ? 0 : m->progress.total;
    dr_runner_emit(r, DR_EXEC_PROGRESS, a->task->index);
}

static void take_end(struct dr_attempt *a, const struct dr_msg *m)
{
    a->ended = true;
    a->how = m->end.how;
    a->has_outputs = m->end.has_outputs;
    free(a->reason);
    a->reason = m->end.reason ? dr_strdup(m->end.reason) : NULL;
}

static int32_t put_record(struct dr_attempt *a, const struct dr_msg *m, struct dr_err *err)
{
    struct dr_state *s = runner_of(a)->state;
    switch (m->type) {
    case DR_MSG_METRIC:
        return dr_state_put_metric(s, a->key, m->metric.name, m->metric.value, err);
    case DR_MSG_ACCOUNT:
        return dr_state_put_account(s, a->key, m->account.dataset, m->account.group, m->account.stage,
                                    m->account.rows, err);
    case DR_MSG_DATASET:
        if (!is_json(m->dataset.schema))
            return dr_fail(err, DR_EPLUGIN, "the schema of dataset '%s' is not JSON", m->dataset.name);
        return dr_state_put_dataset(s, a->key, &m->dataset, err);
    case DR_MSG_RESULT:
        if (!is_json(m->result.kwargs) || !is_json(m->result.result))
            return dr_fail(err, DR_EPLUGIN, "result '%s' is not JSON", m->result.expectation_id);
        return dr_state_put_result(s, a->key, &m->result, err);
    default:
        return DR_OK;
    }
}

/* A record that the store refuses is the plugin's failure, not the runner's: a
 * store that refuses everything will show at the next move. */
static int32_t take_record(struct dr_attempt *a, const struct dr_msg *m, struct dr_err *err)
{
    struct dr_err refused;
    if (++a->records > RECORDS_MAX) {
        stop_broken(a, "sent more than 100,000 metrics, results and dataset records");
        return DR_OK;
    }
    DR_TRY(dr_runner_write(runner_of(a), err));
    if (put_record(a, m, &refused))
        stop_broken(a, refused.msg);
    return DR_OK;
}

static void take_report(struct dr_attempt *a)
{
    struct dr_runner *r = runner_of(a);
    struct dr_err why = { 0 };
    if (r->o->report && !a->refused &&
        r->o->report->check(r->o->report->ctx, r->state, r->run, r->view.run_id, &why))
        a->refused = dr_strdup(why.msg);
}

static int32_t take_message(struct dr_attempt *a, const struct dr_msg *m, struct dr_err *err)
{
    if (m->type == DR_MSG_PROGRESS)
        take_progress(a, m);
    else if (m->type == DR_MSG_END)
        take_end(a, m);
    else if (m->type == DR_MSG_REPORT)
        take_report(a);
    else
        return take_record(a, m, err);
    return DR_OK;
}

/* All whole messages that have been read. */
static int32_t take_messages(struct dr_attempt *a, struct dr_err *err)
{
    struct dr_msg m;
    struct dr_err bad;
    bool any = true;
    while (!a->broken) {
        if (dr_msg_next(&a->reader, &m, &any, &bad)) {
            stop_broken(a, bad.msg);
            break;
        }
        if (!any)
            break;
        DR_TRY(take_message(a, &m, err));
    }
    return DR_OK;
}

/* Read what is there, `fills` times at most. A pipe that gave little is empty now. */
static int32_t read_messages(struct dr_attempt *a, int fills, struct dr_err *err)
{
    ssize_t n = 1;
    for (int i = 0; i < fills && (i == 0 || n >= DR_MSG_FILL_MIN) && !a->broken; i++) {
        struct dr_err bad;
        if (dr_msg_fill(&a->reader, a->pipe, &n, &bad)) {
            stop_broken(a, bad.msg);
            break;
        }
        DR_TRY(take_messages(a, err));
    }
    /* The end of the pipe is not the end of the attempt; stop watching it. */
    if (n < 0) {
        dr_watcher_free(a->on_message);
        a->on_message = NULL;
    }
    return DR_OK;
}

static void on_message(void *ctx)
{
    struct dr_attempt *a = ctx;
    struct dr_runner *r = runner_of(a);
    if (r->err.rc == DR_OK)
        (void)read_messages(a, FILLS_PER_EVENT, &r->err);
}

/* ---- what its end means ---- */

static char *killed_reason(const struct dr_attempt *a, int signal)
{
    struct dr_arena *arena = &runner_of(a)->arena;
    const struct dr_task_def *def = def_of(a);
    char name[24];
    dr_signal_name(signal, name);
    const char *hint = "";
    if (def->memory_limit > 0 && (signal == SIGABRT || signal == SIGSEGV || signal == SIGBUS))
        hint = dr_arena_printf(arena, "; its memory_limit is %lld bytes", (long long)def->memory_limit);
    else if (signal == SIGKILL)
        hint = "; not by dagrun: perhaps by the kernel, for want of memory";
    return dr_arena_printf(arena, "killed by signal %d (%s)%s", signal, name, hint);
}

static char *timeout_reason(const struct dr_attempt *a)
{
    DR_AUTO_BUF text = { 0 };
    dr_buf_puts(&text, "ran longer than its execution_timeout of ");
    dr_buf_put_duration(&text, def_of(a)->execution_timeout_us);
    if (a->killed)
        dr_buf_puts(&text, ", and had to be killed: it ignored SIGTERM");
    return dr_arena_dup(&runner_of(a)->arena, text.p, text.n);
}

/* Fills state and reason; gives whether the worker itself said so. */
static bool judge_end(const struct dr_attempt *a, const struct dr_process_end *p, struct dr_attempt_end *end)
{
    static const enum dr_task_state states[] = {
        [DR_END_SUCCESS] = DR_TASK_SUCCESS,
        [DR_END_FAILED] = DR_TASK_FAILED,
        [DR_END_FAILED_FINAL] = DR_TASK_FAILED,
        [DR_END_SKIPPED] = DR_TASK_SKIPPED,
    };
    struct dr_arena *arena = &runner_of(a)->arena;
    bool orderly = a->ended && p->signal == 0 && !a->broken;
    bool done = orderly && p->code == 0;
    end->state = DR_TASK_FAILED;
    if (a->stop == STOP_CANCEL && !done) {
        end->state = DR_TASK_CANCELLED;
        end->reason = "cancelled";
    } else if (a->broken) {
        end->reason = dr_arena_printf(arena, "broke the rules: %s", a->broken);
    } else if (a->stop == STOP_TIMEOUT && !done) {
        end->reason = timeout_reason(a);
    } else if (p->signal) {
        end->reason = killed_reason(a, p->signal);
    } else if (!orderly || (a->how == DR_END_SUCCESS && p->code != 0)) {
        end->reason =
            dr_arena_printf(arena, "ended with exit code %d without reporting a result", (int)p->code);
    } else if (a->refused && a->how == DR_END_SUCCESS) {
        end->reason = dr_arena_strdup(arena, a->refused);
    } else {
        end->state = states[a->how];
        end->reason = a->reason ? dr_arena_strdup(arena, a->reason) : NULL;
        return true;
    }
    return false;
}

/* What a failed validation set apart is what its failure is about. */
static void keep_outputs(const struct dr_attempt *a, struct dr_arena *scratch)
{
    struct dr_runner *r = runner_of(a);
    int32_t task = a->task->index;
    struct dr_err err;
    if (dr_folders_keep(scratch, r, task, a->number, &err))
        dr_folders_log(scratch, r, task, a->number, err.msg);
    else
        dr_folders_log(scratch, r, task, a->number,
                       dr_arena_printf(scratch, "what it wrote before it failed is kept in %s/out",
                                       dr_exec_dir(scratch, r->o->home, r->dag->dag_id, r->view.run_id,
                                                   def_of(a)->id, a->number)));
}

/* A success counts once its outputs are where others look for them. */
static void settle_folders(const struct dr_attempt *a, bool orderly, struct dr_attempt_end *end)
{
    struct dr_runner *r = runner_of(a);
    struct dr_err err;
    DR_AUTO_ARENA scratch = { 0 };
    if (!orderly) {
        dr_folders_log(&scratch, r, a->task->index, a->number, end->reason);
        if (dr_folders_clean(&scratch, r, a->task->index, a->number, &err))
            dr_folders_log(&scratch, r, a->task->index, a->number, err.msg);
    } else if (end->state == DR_TASK_SUCCESS && a->has_outputs &&
               dr_folders_publish(&scratch, r, a->task->index, a->number, &err)) {
        end->state = DR_TASK_FAILED;
        end->reason = dr_arena_strdup(&r->arena, err.msg);
        dr_folders_log(&scratch, r, a->task->index, a->number, end->reason);
    } else if (end->state == DR_TASK_FAILED && a->has_outputs) {
        keep_outputs(a, &scratch);
    }
}

static void attempt_free(struct dr_attempt *a)
{
    dr_watcher_free(a->on_exit);
    dr_watcher_free(a->on_message);
    dr_watcher_free(a->deadline);
    dr_msg_reader_done(&a->reader);
    if (a->pipe >= 0)
        close(a->pipe);
    free(a->broken);
    free(a->refused);
    free(a->reason);
    a->task->attempt = NULL;
    free(a);
}

static int32_t end_attempt(struct dr_attempt *a, const struct dr_process_end *p, struct dr_err *err)
{
    struct dr_attempt_end end = {
        .exit_code = p->code, .signal = p->signal, .cpu_us = p->cpu_us, .max_rss = p->max_rss
    };
    bool orderly = judge_end(a, p, &end);
    settle_folders(a, orderly, &end);
    bool may_retry = !(orderly && a->how == DR_END_FAILED_FINAL);
    struct dr_runner *r = runner_of(a);
    int32_t task = a->task->index;
    int64_t key = a->key;
    attempt_free(a);
    return dr_runner_end_attempt(r, task, key, &end, may_retry, err);
}

/* The process has ended. */
static int32_t finish_attempt(struct dr_attempt *a, struct dr_err *err)
{
    struct dr_process_end p;
    DR_TRY(dr_process_reap(&a->process, &p, err));
    DR_TRY(read_messages(a, DRAIN_MAX / 4096, err));
    return end_attempt(a, &p, err);
}

static void on_exit_event(void *ctx)
{
    struct dr_attempt *a = ctx;
    struct dr_runner *r = runner_of(a);
    if (r->err.rc != DR_OK)
        return;
    /* Freed first: a descriptor must not be watched when it is closed. */
    dr_watcher_free(a->on_exit);
    a->on_exit = NULL;
    (void)finish_attempt(a, &r->err);
}

/* ---- starting ---- */

/* Only our end is non-blocking: a worker waits until we have read. */
static int32_t open_pipe(int fds[2], struct dr_err *err)
{
    if (pipe2(fds, O_CLOEXEC) < 0)
        return dr_fail_sys(err, "cannot make a pipe");
    if (fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0) {
        dr_fail_sys(err, "cannot set up a pipe");
        close(fds[0]);
        close(fds[1]);
        return DR_ESYS;
    }
    return DR_OK;
}

static uint32_t flags_of(const struct dr_attempt *a)
{
    const struct dr_runner *r = runner_of(a);
    bool is_last = r->o->report && r->n_final == r->dag->n_tasks - 1;
    return (r->o->resume_run ? DR_WORKER_IS_RESUMED : 0) | (is_last ? DR_WORKER_IS_LAST : 0);
}

static int32_t fork_with(struct dr_attempt *a, int msg_fd, struct dr_err *err)
{
    struct dr_runner *r = runner_of(a);
    struct dr_worker_job job = {
        .home = r->o->home,
        .dag = r->dag,
        .def = def_of(a),
        .subst = &r->subst,
        .attempt = a->number,
        .threads = r->threads,
        .flags = flags_of(a),
        .msg_fd = msg_fd,
    };
    struct dr_process_spec spec = {
        .run = dr_worker_run, .ctx = &job, .null_fd = r->null_fd, .keep_fd = msg_fd
    };
    return dr_process_fork(&spec, &a->process, err);
}

/* The runner's own fork, where there is no forker. What is written so far is
 * committed: a child must not inherit a transaction. */
static int32_t fork_worker(struct dr_attempt *a, struct dr_err *err)
{
    int fds[2];
    DR_TRY(dr_runner_commit(runner_of(a), err));
    DR_TRY(open_pipe(fds, err));
    int32_t rc = fork_with(a, fds[1], err);
    close(fds[1]);
    a->pipe = fds[0];
    return rc;
}

/* A worker that was taken and cannot be given its task has died already, and
 * with it the attempt. */
static int32_t start_worker(struct dr_attempt *a, struct dr_err *err)
{
    struct dr_spare s;
    if (dr_kinds_take(runner_of(a), a->task->index, &s, NULL))
        return fork_worker(a, err);
    a->process = s.process;
    a->pipe = s.messages;
    if (dr_forker_give(&s, a->task->index, a->number, flags_of(a), NULL))
        dr_process_signal(&a->process, SIGKILL);
    return DR_OK;
}

static int32_t watch_worker(struct dr_attempt *a, struct dr_err *err)
{
    struct dr_loop *loop = runner_of(a)->loop;
    DR_TRY(dr_loop_readable(loop, a->process.pidfd, on_exit_event, a, &a->on_exit, err));
    DR_TRY(dr_loop_readable(loop, a->pipe, on_message, a, &a->on_message, err));
    a->deadline = dr_loop_timer(loop, on_deadline, a);
    if (def_of(a)->execution_timeout_us > 0)
        dr_timer_start(a->deadline, def_of(a)->execution_timeout_us);
    return DR_OK;
}

int32_t dr_attempt_start(struct dr_runner *r, int32_t task, struct dr_err *err)
{
    struct dr_runner_task *t = &r->tasks[task];
    struct dr_err why;
    struct dr_attempt *a = dr_calloc(1, sizeof(*a));
    *a = (struct dr_attempt){ .task = t, .number = ++t->last_number, .pipe = -1, .process = { .pidfd = -1 } };
    t->attempt = a;
    t->tries++;
    if (start_worker(a, &why) == DR_OK)
        return watch_worker(a, err);
    a->broken = dr_strdup(why.msg);
    return DR_OK;
}

int32_t dr_attempt_record(struct dr_runner *r, int32_t task, struct dr_err *err)
{
    struct dr_runner_task *t = &r->tasks[task];
    struct dr_attempt *a = t->attempt;
    struct dr_exec_task_view *v = &r->views[task];
    int64_t now = dr_now_us();
    DR_TRY(dr_state_start_attempt(r->state, t->key, a->number, a->process.pid, a->process.start_ticks, now,
                                  &a->key, err));
    v->state = DR_TASK_RUNNING;
    v->attempt = a->number;
    v->reason = NULL;
    v->done = v->total = 0;
    v->started_us = now;
    r->view.running++;
    dr_runner_trace(r, "%s: attempt %d is process %d", v->def->id, (int)a->number, (int)a->process.pid);
    dr_runner_emit(r, DR_EXEC_TASK, task);
    if (a->process.pid != 0)
        return DR_OK;
    return end_attempt(a, &(struct dr_process_end){ .code = -1 }, err);
}

void dr_attempt_drop(struct dr_attempt *a)
{
    struct dr_process_end p;
    dr_watcher_free(a->on_exit);
    a->on_exit = NULL;
    if (a->process.pidfd >= 0) {
        dr_process_signal(&a->process, SIGKILL);
        (void)dr_process_reap(&a->process, &p, NULL);
    }
    attempt_free(a);
}
