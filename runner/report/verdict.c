/* verdict.c - the first thing a reader sees: did it work? */
#include "report/page.h"
#include "base/date.h"

struct task_tally {
    int32_t success, failed, blocked, skipped, open, total;
    const struct dr_task_row *first_failed;
};

static struct task_tally tally_tasks(const struct dr_facts *f)
{
    struct task_tally t = { .total = f->n_tasks };
    for (int32_t i = 0; i < f->n_tasks; i++) {
        enum dr_task_state s = f->tasks[i].state;
        t.success += s == DR_TASK_SUCCESS;
        t.failed += s == DR_TASK_FAILED;
        t.blocked += s == DR_TASK_UPSTREAM_FAILED;
        t.skipped += s == DR_TASK_SKIPPED;
        t.open += !dr_task_state_final(s);
        if (s == DR_TASK_FAILED && !t.first_failed)
            t.first_failed = &f->tasks[i];
    }
    return t;
}

/* ---- the sentence ---- */

static void say_failed_tasks(const struct dr_facts *f, const struct task_tally *t, struct dr_buf *b)
{
    if (t->failed == 1)
        dr_buf_printf(b, "The run failed: task %s failed", t->first_failed->task_id);
    else
        dr_buf_printf(b, "The run failed: %d of %d tasks failed", (int)t->failed, (int)t->total);
    if (t->blocked)
        dr_buf_printf(b, ", which blocked %s", dr_words_count_of(f->a, t->blocked, "other", "others"));
    dr_buf_puts(b, ".");
}

static void say_tasks(const struct dr_facts *f, const struct task_tally *t, struct dr_buf *b)
{
    if (t->failed)
        say_failed_tasks(f, t, b);
    else if (f->run.state == DR_RUN_CANCELLED)
        dr_buf_printf(b, "The run was cancelled after %d of %d tasks.", (int)t->success, (int)t->total);
    else if (f->run.state == DR_RUN_FAILED)
        dr_buf_printf(b, "The run failed: %s.", f->run.reason ? f->run.reason : "no task says why");
    else if (f->run.state == DR_RUN_SUCCESS)
        dr_buf_printf(b, "The run worked: %s succeeded%s.",
                      t->success < t->total
                          ? dr_arena_printf(f->a, "%d of %d tasks", (int)t->success, (int)t->total)
                      : t->total == 1 ? "its task"
                                      : dr_arena_printf(f->a, "all %d tasks", (int)t->total),
                      t->skipped ? dr_arena_printf(f->a, ", %d skipped", (int)t->skipped) : "");
    else
        dr_buf_printf(b, "The run is still going on: %d of %d tasks succeeded so far.", (int)t->success,
                      (int)t->total);
}

static void say_checks(const struct dr_facts *f, struct dr_buf *b)
{
    int32_t critical = f->failed_by_severity[DR_SEVERITY_CRITICAL];
    if (f->n_checks == 0)
        dr_buf_puts(b, " No data was checked.");
    else if (f->failed == 0 && f->errors == 0)
        dr_buf_puts(b, f->n_checks == 1 ? " The check passed."
                                        : dr_arena_printf(f->a, " All %s checks passed.",
                                                          dr_words_count(f->a, f->n_checks)));
    else if (f->failed == 0)
        dr_buf_puts(b, " No check failed");
    else
        dr_buf_printf(b, " %d of %s failed, %s", (int)f->failed,
                      dr_words_count_of(f->a, f->n_checks, "check", "checks"),
                      critical == 0           ? "none of them critical"
                      : critical == f->failed ? "all critical"
                                              : dr_arena_printf(f->a, "%d of them critical", (int)critical));
    if (f->errors)
        dr_buf_printf(b, "; %d could not be evaluated", (int)f->errors);
    if (f->failed || f->errors)
        dr_buf_puts(b, ".");
}

enum dr_tone dr_verdict(const struct dr_facts *f, struct dr_buf *sentence)
{
    struct task_tally t = tally_tasks(f);
    say_tasks(f, &t, sentence);
    say_checks(f, sentence);
    if (f->unbalanced.rc)
        dr_buf_puts(sentence, " Rows do not add up.");
    bool bad = t.failed || f->run.state == DR_RUN_FAILED || f->unbalanced.rc ||
               f->failed_by_severity[DR_SEVERITY_CRITICAL];
    bool warn = f->run.state == DR_RUN_CANCELLED || f->errors || f->failed_by_severity[DR_SEVERITY_WARNING];
    return bad ? DR_TONE_BAD : warn ? DR_TONE_WARN : DR_TONE_GOOD;
}

/* ---- the section ---- */

static void put_tile(struct dr_html *h, enum dr_tone tone, int32_t n, const char *name, const char *href)
{
    dr_html_open(h, "a", "class", n ? "tile" : "tile zero", "href", href, NULL);
    dr_html_attrf(h, "data-tone", "%s", dr_tone_class(tone));
    dr_html_open(h, "b", NULL);
    dr_html_textf(h, "%d", (int)n);
    dr_html_close(h, "b");
    dr_html_open(h, "span", NULL);
    dr_html_leaf(h, "i", dr_tone_icon(tone), "aria-hidden", "true", NULL);
    dr_html_text(h, name);
    dr_html_close(h, "span");
    dr_html_close(h, "a");
}

static void put_tiles(struct dr_page *p)
{
    const struct dr_facts *f = p->f;
    dr_html_open(p->h, "div", "class", "tiles", NULL);
    put_tile(p->h, DR_TONE_BAD, f->failed_by_severity[DR_SEVERITY_CRITICAL], "critical failed", "#failures");
    put_tile(p->h, DR_TONE_WARN, f->failed_by_severity[DR_SEVERITY_WARNING], "warnings failed", "#failures");
    put_tile(p->h, DR_TONE_NOTE, f->failed_by_severity[DR_SEVERITY_INFO], "info failed", "#failures");
    put_tile(p->h, DR_TONE_ODD, f->errors, "not evaluated", "#failures");
    put_tile(p->h, DR_TONE_GOOD, f->passed, "passed", "#checks");
    dr_html_close(p->h, "div");
}

static void put_change_list(struct dr_page *p, enum dr_change change, const char *title, int32_t n)
{
    enum { SHOWN = 8 };
    const struct dr_facts *f = p->f;
    dr_html_open(p->h, "div", NULL);
    dr_html_open(p->h, "h3", NULL);
    dr_html_textf(p->h, "%s: %d", title, (int)n);
    dr_html_close(p->h, "h3");
    dr_html_open(p->h, "ul", "class", "plain", NULL);
    int32_t shown = 0;
    for (int32_t i = 0; i < f->n_checks && shown < SHOWN; i++) {
        const struct dr_fact_check *c = &f->checks[i];
        if (c->change != change)
            continue;
        shown++;
        dr_html_open(p->h, "li", NULL);
        dr_html_open(p->h, "a", "href", dr_arena_printf(f->a, "#%s", c->anchor), NULL);
        dr_html_data(p->h, dr_str_of(c->r->description ? c->r->description : c->r->expectation_id),
                     DR_HTML_CELL_MAX);
        dr_html_close(p->h, "a");
        dr_html_close(p->h, "li");
    }
    dr_html_close(p->h, "ul");
    if (n > shown)
        dr_html_leaf(p->h, "p", dr_arena_printf(f->a, "and %d more", (int)(n - shown)), "class", "muted",
                     NULL);
    if (n == 0)
        dr_html_leaf(p->h, "p", "none", "class", "muted", NULL);
    dr_html_close(p->h, "div");
}

static void put_changes(struct dr_page *p)
{
    const struct dr_facts *f = p->f;
    if (!f->before) {
        dr_html_leaf(p->h, "p",
                     "This is the first finished run of the DAG: there is nothing to compare it with.",
                     "class", "muted", NULL);
        return;
    }
    dr_html_open(p->h, "p", "class", "muted", NULL);
    dr_html_textf(p->h, "Against the run before, %s:", f->before);
    dr_html_close(p->h, "p");
    dr_html_open(p->h, "div", "class", "columns", NULL);
    put_change_list(p, DR_CHANGE_NEW, "New", f->fresh);
    put_change_list(p, DR_CHANGE_STILL, "Still failing", f->still);
    put_change_list(p, DR_CHANGE_FIXED, "Fixed", f->fixed);
    dr_html_close(p->h, "div");
}

static void put_bad_tasks(struct dr_page *p)
{
    const struct dr_facts *f = p->f;
    bool any = false;
    for (int32_t i = 0; i < f->n_tasks; i++)
        any |= f->tasks[i].state == DR_TASK_FAILED || f->tasks[i].state == DR_TASK_UPSTREAM_FAILED;
    if (!any)
        return;
    dr_page_table(p->h, "Tasks that failed, and what they blocked", NULL, "Task", "State", "Why", NULL);
    for (int32_t i = 0; i < f->n_tasks; i++) {
        const struct dr_task_row *t = &f->tasks[i];
        if (t->state != DR_TASK_FAILED && t->state != DR_TASK_UPSTREAM_FAILED)
            continue;
        dr_html_open(p->h, "tr", NULL);
        dr_html_leaf(p->h, "th", t->task_id, "scope", "row", NULL);
        dr_html_open(p->h, "td", NULL);
        dr_page_badge(p->h, dr_tone_of_task(t->state), dr_word_of_task(t->state));
        dr_html_close(p->h, "td");
        dr_html_leaf(p->h, "td", t->reason, NULL);
        dr_html_close(p->h, "tr");
    }
    dr_page_table_end(p->h);
}

void dr_section_verdict(struct dr_page *p)
{
    const struct dr_facts *f = p->f;
    DR_AUTO_BUF sentence = { 0 };
    enum dr_tone tone = dr_verdict(f, &sentence);
    dr_page_section(p->h, "verdict", "Verdict", NULL);
    dr_html_open(p->h, "p", "class", "verdict", "data-tone", dr_tone_class(tone), NULL);
    dr_html_leaf(p->h, "i", dr_tone_icon(tone), "aria-hidden", "true", NULL);
    dr_html_leaf(p->h, "span", dr_buf_cstr(&sentence), NULL);
    dr_html_close(p->h, "p");
    if (f->unbalanced.rc)
        dr_html_leaf(p->h, "p", f->unbalanced.msg, "class", "alarm", NULL);
    dr_html_open(p->h, "dl", "class", "facts", NULL);
    dr_page_fact(p->h, "Run", "%s", f->run.run_id);
    dr_page_fact(p->h, "Data interval (UTC)", "%.16s to %.16s", dr_words_time(f->a, f->run.interval_start_us),
                 dr_words_time(f->a, f->run.interval_end_us));
    dr_page_fact(p->h, "Started", "%s", dr_words_time(f->a, f->run.started_us));
    dr_page_fact(p->h, "Took", "%s",
                 dr_words_duration(f->a, f->run.started_us, f->run.ended_us ? f->run.ended_us : f->now_us));
    if (f->run.owner)
        dr_page_fact(p->h, "Owner", "%s", f->run.owner);
    dr_html_close(p->h, "dl");
    if (f->n_checks > 0) {
        put_tiles(p);
        put_changes(p);
    }
    put_bad_tasks(p);
    dr_html_close(p->h, "section");
}
