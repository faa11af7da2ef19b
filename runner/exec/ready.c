/* ready.c - the trigger rules as decisions over five counters, and a binary
 * heap of the tasks that may run.
 *
 * The rules follow Airflow's TriggerRuleDep, including when a verdict comes: as
 * soon as no later end of an upstream could change it. A task decided without
 * running goes onto a list that the caller empties, rather than being followed by
 * recursion: a chain of ten thousand failed tasks must not need a deep stack. */
#include "exec/ready.h"

static int32_t done(const struct dr_upstreams *u)
{
    return u->success + u->failed + u->upstream_failed + u->skipped;
}

static int32_t bad(const struct dr_upstreams *u)
{
    return u->failed + u->upstream_failed;
}

static enum dr_verdict when(bool runs, enum dr_verdict otherwise)
{
    return runs ? DR_VERDICT_RUN : otherwise;
}

static enum dr_verdict judge_all_success(const struct dr_upstreams *u)
{
    if (bad(u) > 0)
        return DR_VERDICT_UPSTREAM_FAILED;
    if (u->skipped > 0)
        return DR_VERDICT_SKIP;
    return when(u->success == u->total, DR_VERDICT_WAIT);
}

static enum dr_verdict judge_one_success(const struct dr_upstreams *u)
{
    if (u->success > 0)
        return DR_VERDICT_RUN;
    if (done(u) < u->total)
        return DR_VERDICT_WAIT;
    return u->skipped == u->total ? DR_VERDICT_SKIP : DR_VERDICT_UPSTREAM_FAILED;
}

static enum dr_verdict judge_none_failed(const struct dr_upstreams *u, bool min_one_success)
{
    if (bad(u) > 0)
        return DR_VERDICT_UPSTREAM_FAILED;
    if (done(u) < u->total)
        return DR_VERDICT_WAIT;
    if (min_one_success && u->skipped == u->total)
        return DR_VERDICT_SKIP;
    return DR_VERDICT_RUN;
}

/* Rules that one kind of end is enough for, and that skip when all ended without it. */
static enum dr_verdict judge_one_of(const struct dr_upstreams *u, int32_t wanted)
{
    if (wanted > 0)
        return DR_VERDICT_RUN;
    return done(u) < u->total ? DR_VERDICT_WAIT : DR_VERDICT_SKIP;
}

/* Rules that one unwanted end spoils. */
static enum dr_verdict judge_none_of(const struct dr_upstreams *u, int32_t unwanted)
{
    if (unwanted > 0)
        return DR_VERDICT_SKIP;
    return when(done(u) == u->total, DR_VERDICT_WAIT);
}

enum dr_verdict dr_ready_judge(enum dr_trigger_rule rule, const struct dr_upstreams *u)
{
    if (u->total == 0)
        return DR_VERDICT_RUN;
    switch (rule) {
    case DR_TRIGGER_ALL_SUCCESS:
        return judge_all_success(u);
    case DR_TRIGGER_ALL_DONE:
        return when(done(u) == u->total, DR_VERDICT_WAIT);
    case DR_TRIGGER_ALL_FAILED:
        return judge_none_of(u, u->success + u->skipped);
    case DR_TRIGGER_ONE_SUCCESS:
        return judge_one_success(u);
    case DR_TRIGGER_ONE_FAILED:
        return judge_one_of(u, bad(u));
    case DR_TRIGGER_ONE_DONE:
        return judge_one_of(u, u->success + u->failed);
    case DR_TRIGGER_NONE_FAILED:
        return judge_none_failed(u, false);
    case DR_TRIGGER_NONE_FAILED_MIN_ONE_SUCCESS:
        return judge_none_failed(u, true);
    case DR_TRIGGER_NONE_SKIPPED:
        return judge_none_of(u, u->skipped);
    case DR_TRIGGER_ALL_SKIPPED:
        return judge_none_of(u, u->success + bad(u));
    case DR_TRIGGER_ALWAYS:
        return DR_VERDICT_RUN;
    }
    return DR_VERDICT_WAIT;
}

/* ---- the heap ---- */

static bool before(const struct dr_ready *r, int32_t a, int32_t b)
{
    int32_t wa = r->dag->tasks[a].priority_weight, wb = r->dag->tasks[b].priority_weight;
    return wa != wb ? wa > wb : r->rank[a] < r->rank[b];
}

static void swap(int32_t *a, int32_t *b)
{
    int32_t t = *a;
    *a = *b;
    *b = t;
}

static void heap_push(struct dr_ready *r, int32_t task)
{
    int32_t i = r->n_heap++;
    r->heap[i] = task;
    while (i > 0 && before(r, r->heap[i], r->heap[(i - 1) / 2])) {
        swap(&r->heap[i], &r->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
}

static void heap_sink(struct dr_ready *r)
{
    int32_t i = 0;
    for (;;) {
        int32_t best = i;
        for (int32_t child = 2 * i + 1; child <= 2 * i + 2 && child < r->n_heap; child++)
            if (before(r, r->heap[child], r->heap[best]))
                best = child;
        if (best == i)
            return;
        swap(&r->heap[i], &r->heap[best]);
        i = best;
    }
}

/* ---- verdicts as tasks end ---- */

void dr_ready_init(struct dr_ready *r, struct dr_arena *a, const struct dr_dag *dag)
{
    size_t n = (size_t)dag->n_tasks;
    *r = (struct dr_ready){
        .dag = dag,
        .counts = dr_arena_array(a, n, sizeof(*r->counts)),
        .decided = dr_arena_array(a, n, sizeof(*r->decided)),
        .rank = dr_arena_array(a, n, sizeof(*r->rank)),
        .heap = dr_arena_array(a, n, sizeof(*r->heap)),
        .fresh = dr_arena_array(a, n, sizeof(*r->fresh)),
        .ended = dr_arena_array(a, n, sizeof(*r->ended)),
        .how = dr_arena_array(a, n, sizeof(*r->how)),
    };
    for (int32_t i = 0; i < dag->n_tasks; i++) {
        r->rank[dag->topo[i]] = i;
        r->counts[i].total = dag->tasks[i].n_upstream;
    }
}

static void judge(struct dr_ready *r, int32_t task)
{
    if (r->decided[task])
        return;
    r->how[task] = dr_ready_judge(r->dag->tasks[task].trigger_rule, &r->counts[task]);
    if (r->how[task] == DR_VERDICT_WAIT)
        return;
    r->decided[task] = true;
    if (r->how[task] == DR_VERDICT_RUN) {
        heap_push(r, task);
        r->fresh[r->n_fresh++] = task;
    } else {
        r->ended[r->n_ended++] = task;
    }
}

static void count(struct dr_upstreams *u, enum dr_task_state state)
{
    switch (state) {
    case DR_TASK_SUCCESS:
        u->success++;
        break;
    case DR_TASK_SKIPPED:
        u->skipped++;
        break;
    case DR_TASK_UPSTREAM_FAILED:
        u->upstream_failed++;
        break;
    default:
        u->failed++;
    }
}

void dr_ready_restore(struct dr_ready *r, int32_t task, enum dr_task_state state)
{
    const struct dr_task_def *def = &r->dag->tasks[task];
    r->decided[task] = true;
    for (int32_t i = 0; i < def->n_downstream; i++)
        count(&r->counts[def->downstream[i]], state);
}

void dr_ready_start(struct dr_ready *r)
{
    for (int32_t i = 0; i < r->dag->n_tasks; i++)
        judge(r, i);
}

void dr_ready_end(struct dr_ready *r, int32_t task, enum dr_task_state state)
{
    const struct dr_task_def *def = &r->dag->tasks[task];
    for (int32_t i = 0; i < def->n_downstream; i++) {
        count(&r->counts[def->downstream[i]], state);
        judge(r, def->downstream[i]);
    }
}

bool dr_ready_take_ended(struct dr_ready *r, int32_t *ret_task, enum dr_task_state *ret_state)
{
    if (r->n_ended == 0)
        return false;
    *ret_task = r->ended[--r->n_ended];
    *ret_state = r->how[*ret_task] == DR_VERDICT_SKIP ? DR_TASK_SKIPPED : DR_TASK_UPSTREAM_FAILED;
    return true;
}

bool dr_ready_take_fresh(struct dr_ready *r, int32_t *ret_task)
{
    if (r->n_fresh == 0)
        return false;
    *ret_task = r->fresh[--r->n_fresh];
    return true;
}

bool dr_ready_take(struct dr_ready *r, int32_t *ret_task)
{
    if (r->n_heap == 0)
        return false;
    *ret_task = r->heap[0];
    r->heap[0] = r->heap[--r->n_heap];
    heap_sink(r);
    return true;
}

void dr_ready_again(struct dr_ready *r, int32_t task)
{
    heap_push(r, task);
}
