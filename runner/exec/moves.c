/* moves.c - the states of a run's tasks: each change is a guarded write, a change
 * of the view, and an event to the watcher, in that order. */
#include "exec/runner.h"

/* How long a write may wait for others to share its commit. */
enum { FLUSH_US = 2000 };

int32_t dr_runner_write(struct dr_runner *r, struct dr_err *err)
{
    if (r->in_tx)
        return DR_OK;
    DR_TRY(dr_state_begin(r->state, err));
    r->in_tx = true;
    dr_timer_start(r->flush, FLUSH_US);
    return DR_OK;
}

int32_t dr_runner_commit(struct dr_runner *r, struct dr_err *err)
{
    if (!r->in_tx)
        return DR_OK;
    r->in_tx = false;
    dr_timer_stop(r->flush);
    return dr_state_commit(r->state, err);
}

/* ---- single moves ---- */

static void show(struct dr_runner *r, int32_t task, enum dr_task_state state, const char *reason,
                 int64_t now_us)
{
    struct dr_exec_task_view *v = &r->views[task];
    v->state = state;
    v->reason = reason;
    if (dr_task_state_final(state)) {
        v->ended_us = now_us;
        r->n_final++;
    }
    dr_runner_trace(r, "%s: %s%s%s", v->def->id, dr_task_state_name(state), reason ? ": " : "",
                    reason ? reason : "");
    dr_runner_emit(r, DR_EXEC_TASK, task);
}

static int32_t move(struct dr_runner *r, int32_t task, enum dr_task_state to, const char *reason,
                    struct dr_err *err)
{
    int64_t now = dr_now_us();
    DR_TRY(dr_runner_write(r, err));
    DR_TRY(dr_state_move_task(r->state, r->tasks[task].key, r->views[task].state, to, reason, 0, now, err));
    show(r, task, to, reason, now);
    return DR_OK;
}

/* ---- verdicts ---- */

static const char *names_of_bad(struct dr_runner *r, const struct dr_task_def *def, enum dr_task_state state)
{
    DR_AUTO_BUF text = { 0 };
    int32_t n = 0;
    for (int32_t i = 0; i < def->n_upstream; i++) {
        enum dr_task_state up = r->views[def->upstream[i]].state;
        bool bad = up == DR_TASK_FAILED || up == DR_TASK_UPSTREAM_FAILED || up == DR_TASK_CANCELLED;
        if (state == DR_TASK_SKIPPED ? up != DR_TASK_SKIPPED : !bad)
            continue;
        if (++n > 3)
            break;
        dr_buf_printf(&text, "%s%s", n > 1 ? ", " : "", r->dag->tasks[def->upstream[i]].id);
    }
    if (n > 3)
        dr_buf_puts(&text, ", ...");
    return n == 0 ? NULL : dr_arena_dup(&r->arena, text.p, text.n);
}

/* Whether the rule skips a task because others were skipped, and not for want of an end that it waits for. */
static bool passes_skips_on(enum dr_trigger_rule rule)
{
    return rule == DR_TRIGGER_ALL_SUCCESS || rule == DR_TRIGGER_ONE_SUCCESS ||
           rule == DR_TRIGGER_NONE_SKIPPED || rule == DR_TRIGGER_NONE_FAILED_MIN_ONE_SUCCESS;
}

static const char *verdict_reason(struct dr_runner *r, int32_t task, enum dr_task_state state)
{
    const struct dr_task_def *def = &r->dag->tasks[task];
    bool by_others = state != DR_TASK_SKIPPED || passes_skips_on(def->trigger_rule);
    const char *names = by_others ? names_of_bad(r, def, state) : NULL;
    if (!names)
        return dr_arena_printf(&r->arena, "trigger rule %s was not met",
                               dr_trigger_rule_name(def->trigger_rule));
    return dr_arena_printf(&r->arena,
                           state == DR_TASK_SKIPPED ? "upstream skipped: %s" : "upstream failed: %s", names);
}

static const char *queue_reason(const struct dr_runner *r)
{
    return r->view.running >= r->limit ? "all slots are taken" : NULL;
}

int32_t dr_runner_settle(struct dr_runner *r, struct dr_err *err)
{
    int32_t task;
    enum dr_task_state state;
    while (dr_ready_take_ended(&r->ready, &task, &state)) {
        DR_TRY(move(r, task, state, verdict_reason(r, task, state), err));
        dr_ready_end(&r->ready, task, state);
    }
    while (dr_ready_take_fresh(&r->ready, &task))
        DR_TRY(move(r, task, DR_TASK_QUEUED, queue_reason(r), err));
    return DR_OK;
}

int32_t dr_runner_start_ready(struct dr_runner *r, struct dr_err *err)
{
    int32_t n = 0;
    while (!r->signal && r->view.running + n < r->limit && dr_ready_take(&r->ready, &r->starting[n]))
        n++;
    if (n == 0)
        return DR_OK;
    for (int32_t i = 0; i < n; i++)
        DR_TRY(dr_attempt_start(r, r->starting[i], err));
    /* The workers are on their way already; recording it needs not hold them up. */
    DR_TRY(dr_runner_write(r, err));
    for (int32_t i = 0; i < n; i++)
        DR_TRY(dr_attempt_record(r, r->starting[i], err));
    for (int32_t i = 0; i < n; i++)
        dr_kinds_next(r, r->starting[i]);
    return DR_OK;
}

/* ---- the end of an attempt ---- */

static int64_t retry_delay(const struct dr_task_def *def, int32_t tries)
{
    int64_t delay = def->retry_delay_us;
    if (def->retry_exponential_backoff)
        for (int32_t i = 1; i < tries && delay < INT64_MAX / 2; i++)
            delay *= 2;
    if (def->max_retry_delay_us > 0 && delay > def->max_retry_delay_us)
        delay = def->max_retry_delay_us;
    return delay;
}

static void on_retry(void *ctx)
{
    struct dr_runner_task *t = ctx;
    struct dr_runner *r = t->runner;
    if (r->err.rc != DR_OK || r->views[t->index].state != DR_TASK_UP_FOR_RETRY)
        return;
    if (move(r, t->index, DR_TASK_QUEUED, queue_reason(r), &r->err) == DR_OK)
        dr_ready_again(&r->ready, t->index);
}

static void wait_for_retry(struct dr_runner *r, int32_t task, int64_t delay_us)
{
    struct dr_runner_task *t = &r->tasks[task];
    if (!t->retry_timer)
        t->retry_timer = dr_loop_timer(r->loop, on_retry, t);
    dr_timer_start(t->retry_timer, delay_us);
}

int32_t dr_runner_end_attempt(struct dr_runner *r, int32_t task, int64_t attempt_key,
                              struct dr_attempt_end *end, bool may_retry, struct dr_err *err)
{
    const struct dr_task_def *def = &r->dag->tasks[task];
    struct dr_runner_task *t = &r->tasks[task];
    int64_t now = dr_now_us(), delay = 0;
    bool again = end->state == DR_TASK_FAILED && may_retry && t->tries <= def->retries && !r->signal;
    if (again) {
        delay = retry_delay(def, t->tries);
        end->state = DR_TASK_UP_FOR_RETRY;
        end->next_try_us = now + delay;
    }
    DR_TRY(dr_runner_write(r, err));
    DR_TRY(dr_state_end_attempt(r->state, t->key, attempt_key, end, now, err));
    r->view.running--;
    if (end->state == DR_TASK_SUCCESS)
        dr_kinds_succeeded(r, task);
    show(r, task, end->state, end->reason, now);
    if (again)
        wait_for_retry(r, task, delay);
    else if (!r->signal)
        dr_ready_end(&r->ready, task, end->state);
    return DR_OK;
}

/* ---- stopping ---- */

int32_t dr_runner_cancel(struct dr_runner *r, bool hard, struct dr_err *err)
{
    for (int32_t i = 0; i < r->dag->n_tasks; i++) {
        struct dr_runner_task *t = &r->tasks[i];
        if (t->attempt) {
            dr_attempt_cancel(t->attempt, hard);
        } else if (!dr_task_state_final(r->views[i].state)) {
            dr_timer_stop(t->retry_timer);
            DR_TRY(move(r, i, DR_TASK_CANCELLED, "the run was cancelled", err));
        }
    }
    return DR_OK;
}
