/* facts.c - reads a run and works out what changed since the run before. */
#include "report/facts.h"
#include "base/date.h"
#include "base/hash.h"
#include <ctype.h>

/* What a name may keep in an anchor; where it loses something, a hash keeps it apart. */
static void put_slug(struct dr_buf *b, const char *text)
{
    enum { SLUG_MAX = 60 };
    size_t n = strlen(text);
    bool lost = n > SLUG_MAX;
    for (size_t i = 0; i < n && i < SLUG_MAX; i++) {
        unsigned char c = (unsigned char)text[i];
        bool keep = c < 0x80 && (isalnum(c) || c == '_' || c == '-' || c == '.');
        dr_buf_putc(b, keep ? (char)c : '-');
        lost |= !keep;
    }
    if (lost)
        dr_buf_printf(b, "-%06x", (unsigned)(dr_hash(text, n) & 0xFFFFFF));
}

static const char *anchor_of(struct dr_arena *a, const struct dr_result_record *r)
{
    DR_AUTO_BUF b = { 0 };
    dr_buf_puts(&b, "check-");
    put_slug(&b, r->dataset);
    dr_buf_putc(&b, '-');
    put_slug(&b, r->expectation_id);
    return dr_arena_dup(a, b.p, b.n);
}

/* A run may check the same of a dataset in two tasks. */
static const char *free_anchor(struct dr_arena *a, struct dr_map *taken, const struct dr_result_record *r)
{
    const char *base = anchor_of(a, r), *anchor = base;
    bool is_new;
    dr_map_put(taken, dr_str_of(anchor), &is_new);
    for (int n = 2; !is_new; n++) {
        anchor = dr_arena_printf(a, "%s-%d", base, n);
        dr_map_put(taken, dr_str_of(anchor), &is_new);
    }
    return anchor;
}

static int32_t severity_of(const char *name)
{
    for (int32_t s = DR_SEVERITY_INFO; s <= DR_SEVERITY_CRITICAL; s++)
        if (dr_streq(name, dr_severity_name((enum dr_severity)s)))
            return s;
    return DR_SEVERITY_WARNING;
}

/* ---- against earlier runs ---- */

static bool is_bad(int32_t outcome)
{
    return outcome == DR_OUTCOME_FAILED || outcome == DR_OUTCOME_ERROR;
}

/* Runs in which the check was not run neither prove nor break a series. */
static void find_since(struct dr_fact_check *c)
{
    const struct dr_history *h = c->history;
    for (int32_t i = h->n - 1; i >= 0; i--) {
        if (h->points[i].outcome == DR_OUTCOME_PASSED)
            return;
        if (is_bad(h->points[i].outcome))
            c->since = h->points[i].run_id;
    }
    c->since_beyond = h->n >= DR_STRIP_RUNS;
}

static void compare(struct dr_fact_check *c)
{
    const struct dr_history *h = c->history;
    if (!h || h->n == 0)
        return;
    if (is_bad((int32_t)c->outcome))
        find_since(c);
    const struct dr_history_point *before = NULL;
    for (int32_t i = h->n - 2; i >= 0 && !before; i--)
        if (h->points[i].outcome != DR_OUTCOME_NOT_RUN)
            before = &h->points[i];
    if (!before)
        return;
    bool bad = is_bad((int32_t)c->outcome), was_bad = is_bad(before->outcome);
    if (bad)
        c->change = was_bad ? DR_CHANGE_STILL : DR_CHANGE_NEW;
    else if (was_bad)
        c->change = DR_CHANGE_FIXED;
    if (before->unexpected_count >= 0 && c->r->unexpected_count >= 0)
        c->more = c->r->unexpected_count - before->unexpected_count;
}

static void count(struct dr_facts *f, const struct dr_fact_check *c)
{
    f->passed += c->outcome == DR_OUTCOME_PASSED;
    f->failed += c->outcome == DR_OUTCOME_FAILED;
    f->errors += c->outcome == DR_OUTCOME_ERROR;
    f->failed_by_severity[c->severity] += c->outcome == DR_OUTCOME_FAILED;
    f->fresh += c->change == DR_CHANGE_NEW;
    f->still += c->change == DR_CHANGE_STILL;
    f->fixed += c->change == DR_CHANGE_FIXED;
}

static int32_t read_checks(struct dr_state *s, struct dr_facts *f, struct dr_err *err)
{
    struct dr_result_row *rows;
    struct dr_history *histories;
    int32_t n, n_histories;
    DR_TRY(dr_state_results(s, f->a, f->run.key, &rows, &n, err));
    DR_TRY(dr_state_histories(s, f->a, f->run.key, DR_STRIP_RUNS, &histories, &n_histories, err));
    if (n_histories > 0 && histories[0].n > 1)
        f->before = histories[0].points[histories[0].n - 2].run_id;
    f->checks = dr_arena_array(f->a, (size_t)n + 1, sizeof(*f->checks));
    f->n_checks = n;
    struct dr_map anchors = { 0 };
    for (int32_t i = 0; i < n; i++) {
        const struct dr_result_record *r = &rows[i].r;
        struct dr_fact_check *c = &f->checks[i];
        c->r = r;
        c->task_id = rows[i].task_id;
        c->history = i < n_histories ? &histories[i] : NULL;
        c->outcome = r->exception ? DR_OUTCOME_ERROR : r->success ? DR_OUTCOME_PASSED : DR_OUTCOME_FAILED;
        c->severity = severity_of(r->severity);
        c->anchor = free_anchor(f->a, &anchors, r);
        c->more = INT64_MIN;
        compare(c);
        count(f, c);
    }
    dr_map_done(&anchors);
    return DR_OK;
}

static int32_t read_recent(struct dr_state *s, struct dr_facts *f, struct dr_err *err)
{
    enum { RECENT = 20 };
    return dr_state_run_ids(s, f->a, f->run.dag_id, RECENT, &f->recent, &f->n_recent, err);
}

static int32_t read_accounts(struct dr_state *s, struct dr_facts *f, struct dr_err *err)
{
    struct dr_account_row *rows;
    int32_t n;
    DR_TRY(dr_state_accounts(s, f->a, f->run.key, &rows, &n, err));
    dr_account_sum(f->a, rows, n, &f->accounts, &f->n_accounts);
    (void)dr_report_reconcile(rows, n, &f->unbalanced);
    return DR_OK;
}

static int32_t read_all(struct dr_state *s, const char *dag_id, const char *run_id, struct dr_facts *f,
                        struct dr_err *err)
{
    DR_TRY(dr_state_find_run(s, f->a, dag_id, run_id, &f->run, err));
    int64_t run = f->run.key;
    DR_TRY(read_recent(s, f, err));
    DR_TRY(dr_state_tasks(s, f->a, run, &f->tasks, &f->n_tasks, err));
    DR_TRY(dr_state_attempts(s, f->a, run, &f->attempts, &f->n_attempts, err));
    DR_TRY(dr_state_datasets(s, f->a, run, &f->datasets, &f->n_datasets, err));
    DR_TRY(dr_state_metrics(s, f->a, run, &f->metrics, &f->n_metrics, err));
    DR_TRY(dr_state_plugins(s, f->a, run, &f->plugins, &f->n_plugins, err));
    DR_TRY(read_checks(s, f, err));
    return read_accounts(s, f, err);
}

int32_t dr_facts_read(struct dr_state *s, const struct dr_home *h, const char *dag_id, const char *run_id,
                      struct dr_arena *a, struct dr_facts *ret, struct dr_err *err)
{
    struct dr_facts f = { .a = a, .home = h, .now_us = dr_now_us() };
    DR_TRY(read_all(s, dag_id, run_id, &f, err));
    *ret = f;
    return DR_OK;
}
