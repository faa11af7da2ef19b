/* What a run shows while it runs: on a terminal a table that is drawn again in
 * place, elsewhere one line for each change of state; so too where the terminal
 * is lower than the table, whose first lines could not be reached again. */
#include "cmd/cmd.h"
#include <unistd.h>

#include "base/date.h"
#include "base/num.h"

struct dr_live {
    struct dr_cmd *c;
    const struct dr_dag *dag;
    struct dr_exec_watch watch;
    struct dr_arena arena; /* of one drawing */
    bool table, color;
    int drawn; /* lines of the last drawing */
    int tick;
    enum dr_task_state *last; /* plain lines: what was said of each task */
    int32_t *last_attempt;
};

static const char *icon(enum dr_task_state s, int tick)
{
    static const char *const busy[] = { "\u280b", "\u2819", "\u2839", "\u2838", "\u283c",
                                        "\u2834", "\u2826", "\u2827", "\u2807", "\u280f" };
    switch (s) {
    case DR_TASK_SUCCESS:
        return "\u2713";
    case DR_TASK_FAILED:
        return "\u2717";
    case DR_TASK_UPSTREAM_FAILED:
        return "\u2298";
    case DR_TASK_SKIPPED:
        return "\u2192";
    case DR_TASK_CANCELLED:
        return "\u25a0";
    case DR_TASK_UP_FOR_RETRY:
        return "\u21bb";
    case DR_TASK_RUNNING:
        return busy[tick % 10];
    default:
        return "\u00b7";
    }
}

static int64_t elapsed(const struct dr_exec_task_view *t)
{
    if (!t->started_us)
        return 0;
    return (t->ended_us ? t->ended_us : dr_now_us()) - t->started_us;
}

/* The time that `dagrun status` shows: without the report, which is written after the end. */
static int64_t run_elapsed(const struct dr_exec_view *v)
{
    if (!v->started_us)
        return 0;
    return (v->ended_us ? v->ended_us : dr_now_us()) - v->started_us;
}

static const char *bar(struct dr_live *l, const struct dr_exec_task_view *t)
{
    enum { WIDTH = 16 };
    if (t->state != DR_TASK_RUNNING || t->total <= 0)
        return "";
    int full = (int)(t->done >= t->total ? WIDTH : t->done * WIDTH / t->total);
    DR_AUTO_BUF text = { 0 };
    for (int i = 0; i < WIDTH; i++)
        (void)dr_buf_puts(&text, i < full ? "\u2588" : "\u2591");
    (void)dr_buf_printf(&text, " %3d%%", (int)(t->done >= t->total ? 100 : t->done * 100 / t->total));
    return dr_arena_strdup(&l->arena, dr_buf_cstr(&text));
}

/* What a task's line says after its state: why it waits or failed. */
static const char *note(struct dr_live *l, const struct dr_exec_task_view *t)
{
    DR_AUTO_BUF text = { 0 };
    dr_buf_put_visible(&text, dr_str_of(t->reason ? t->reason : ""), 1000);
    return dr_arena_strdup(&l->arena, dr_buf_cstr(&text));
}

static void put_task(struct dr_live *l, const struct dr_exec_task_view *t, int id_width, int width,
                     struct dr_buf *out)
{
    DR_AUTO_BUF line = { 0 };
    enum dr_tint tint = dr_task_tint(t->state);
    const char *progress = bar(l, t), *why = note(l, t);
    (void)dr_buf_printf(&line, " %s%s%s %-*s %s%-15s%s %8s  ", dr_tint_on(l->color, tint),
                        icon(t->state, l->tick), dr_tint_off(l->color, tint), id_width, t->def->id,
                        dr_tint_on(l->color, tint), dr_task_state_name(t->state), dr_tint_off(l->color, tint),
                        t->started_us ? dr_show_span(&l->arena, elapsed(t)) : "");
    (void)dr_buf_printf(&line, "%s%s%s%s%s", progress, progress[0] && why[0] ? " " : "",
                        dr_tint_on(l->color, DR_TINT_DIM), why, dr_tint_off(l->color, DR_TINT_DIM));
    dr_text_cut(&line, width);
    (void)dr_buf_printf(out, "%s\x1b[K\n", dr_buf_cstr(&line));
}

/* A line longer than the terminal would be two, and the next drawing begin a line too low. */
static void put_run(struct dr_live *l, const struct dr_exec_view *v, int width, struct dr_buf *out)
{
    DR_AUTO_BUF line = { 0 };
    enum dr_tint tint = dr_run_tint(v->state);
    (void)dr_buf_printf(&line, "%s%s%s %s  %s%s%s  %s", dr_tint_on(l->color, DR_TINT_BOLD), l->dag->dag_id,
                        dr_tint_off(l->color, DR_TINT_BOLD), v->run_id, dr_tint_on(l->color, tint),
                        dr_run_state_name(v->state), dr_tint_off(l->color, tint),
                        dr_show_span(&l->arena, run_elapsed(v)));
    dr_text_cut(&line, width);
    (void)dr_buf_printf(out, "%s\x1b[K\n", dr_buf_cstr(&line));
}

static void draw(struct dr_live *l, const struct dr_exec_view *v)
{
    DR_AUTO_BUF out = { 0 };
    int width = dr_term_width(STDOUT_FILENO), id_width = 4;
    for (int32_t i = 0; i < l->dag->n_tasks; i++)
        if (dr_text_width(l->dag->tasks[i].id) > id_width)
            id_width = dr_text_width(l->dag->tasks[i].id);
    if (l->drawn)
        (void)dr_buf_printf(&out, "\x1b[%dA", l->drawn);
    put_run(l, v, width, &out);
    for (int32_t i = 0; i < l->dag->n_tasks; i++)
        put_task(l, &v->tasks[i], id_width, width, &out);
    l->drawn = l->dag->n_tasks + 1;
    fputs(dr_buf_cstr(&out), stdout);
    fflush(stdout);
    dr_arena_done(&l->arena);
}

/* A line for a state that people wait for; "queued" and "none" are noise. */
static void say_task(struct dr_live *l, const struct dr_exec_task_view *t, int32_t i)
{
    if (t->state == l->last[i] && t->attempt == l->last_attempt[i])
        return;
    l->last[i] = t->state;
    l->last_attempt[i] = t->attempt;
    bool bad =
        t->state == DR_TASK_FAILED || t->state == DR_TASK_UPSTREAM_FAILED || t->state == DR_TASK_UP_FOR_RETRY;
    if (t->state == DR_TASK_NONE || t->state == DR_TASK_QUEUED || t->state == DR_TASK_RUNNING)
        return;
    if (l->c->args.quiet && !bad)
        return;
    char now[DR_TIME_TEXT];
    dr_format_timestamp(dr_now_us() / DR_US_PER_S * DR_US_PER_S, true, now);
    enum dr_tint tint = dr_task_tint(t->state);
    const char *why = note(l, t);
    printf("%s  %s%-15s%s %s%s%s%s%s\n", now, dr_tint_on(l->color, tint), dr_task_state_name(t->state),
           dr_tint_off(l->color, tint), t->def->id, t->started_us ? "  " : "",
           t->started_us ? dr_show_span(&l->arena, elapsed(t)) : "", why[0] ? "  " : "", why);
    fflush(stdout);
    dr_arena_done(&l->arena);
}

static void say_run(struct dr_live *l, const struct dr_exec_view *v)
{
    bool ended = v->state != DR_RUN_RUNNING && v->state != DR_RUN_QUEUED;
    if (l->c->args.quiet && (!ended || v->state == DR_RUN_SUCCESS))
        return;
    char now[DR_TIME_TEXT];
    dr_format_timestamp(dr_now_us() / DR_US_PER_S * DR_US_PER_S, true, now);
    enum dr_tint tint = dr_run_tint(v->state);
    printf("%s  %s%-15s%s %s %s%s%s\n", now, dr_tint_on(l->color, tint), dr_run_state_name(v->state),
           dr_tint_off(l->color, tint), l->dag->dag_id, v->run_id, ended ? "  " : "",
           ended ? dr_show_span(&l->arena, run_elapsed(v)) : "");
    fflush(stdout);
    dr_arena_done(&l->arena);
}

static void on_event(void *ctx, enum dr_exec_event_kind kind, const struct dr_exec_view *v, int32_t task)
{
    struct dr_live *l = ctx;
    if (l->table) {
        l->tick += kind == DR_EXEC_TICK;
        /* Between ticks only what changes the picture for good. */
        if (kind != DR_EXEC_PROGRESS && kind != DR_EXEC_TASK)
            draw(l, v);
        return;
    }
    if (kind == DR_EXEC_TASK && task >= 0)
        say_task(l, &v->tasks[task], task);
    else if (kind == DR_EXEC_RUN_START || kind == DR_EXEC_RUN_END)
        say_run(l, v);
}

struct dr_live *dr_live_new(struct dr_cmd *c, const struct dr_dag *dag)
{
    struct dr_live *l = dr_calloc(1, sizeof *l);
    const char *term = getenv("TERM");
    l->c = c;
    l->dag = dag;
    l->color = c->color;
    l->table = isatty(STDOUT_FILENO) && !c->args.plain && !c->args.quiet && !c->args.trace && term &&
               !dr_streq(term, "dumb") && dag->n_tasks + 1 < dr_term_height(STDOUT_FILENO);
    l->last = dr_calloc((size_t)dag->n_tasks + 1, sizeof *l->last);
    l->last_attempt = dr_calloc((size_t)dag->n_tasks + 1, sizeof *l->last_attempt);
    l->watch = (struct dr_exec_watch){ .event = on_event, .ctx = l, .wants_ticks = l->table };
    return l;
}

const struct dr_exec_watch *dr_live_watch(struct dr_live *l)
{
    return &l->watch;
}

void dr_live_free(struct dr_live *l)
{
    if (!l)
        return;
    dr_arena_done(&l->arena);
    free(l->last);
    free(l->last_attempt);
    free(l);
}
