/* index.c - reports/index.html: the runs of all DAGs, newest first. */
#include "report/page.h"
#include "base/file.h"
#include "base/hash.h"

enum { RUNS_SHOWN = 300 };

static void put_link(struct dr_html *h, struct dr_arena *a, const struct dr_home *home,
                     const struct dr_run_row *r)
{
    const char *report = dr_arena_printf(a, "%s/%s/index.html", r->dag_id, r->run_id);
    if (dr_path_exists(dr_path_join(a, home->reports, report)))
        dr_html_leaf(h, "a", r->run_id, "href", report, NULL);
    else
        dr_html_text(h, r->run_id);
}

static void put_failed(struct dr_html *h, struct dr_arena *a, const struct dr_run_row *r)
{
    enum dr_tone tone = r->failed_by_severity[DR_SEVERITY_CRITICAL]  ? DR_TONE_BAD
                        : r->failed_by_severity[DR_SEVERITY_WARNING] ? DR_TONE_WARN
                                                                     : DR_TONE_NOTE;
    if (r->checks_failed)
        dr_page_badge(h, tone, dr_words_count_of(a, r->checks_failed, "check failed", "checks failed"));
    if (r->checks_error)
        dr_page_badge(h, DR_TONE_ODD, dr_arena_printf(a, "%d not evaluated", (int)r->checks_error));
}

static void put_newest_run(struct dr_html *h, struct dr_arena *a, const struct dr_home *home,
                           const struct dr_run_row *r)
{
    dr_html_open(h, "div", "class", "card", NULL);
    dr_html_open(h, "p", NULL);
    dr_page_badge(h, dr_tone_of_run(r->state), dr_run_state_name(r->state));
    dr_html_text(h, " ");
    put_failed(h, a, r);
    dr_html_close(h, "p");
    dr_html_leaf(h, "h3", r->dag_id, NULL);
    dr_html_open(h, "p", NULL);
    put_link(h, a, home, r);
    dr_html_close(h, "p");
    dr_html_leaf(h, "p",
                 dr_arena_printf(a, "%s. %d of %d tasks done, %s.", dr_words_time(a, r->started_us),
                                 (int)r->tasks_success, (int)r->tasks,
                                 dr_words_count_of(a, r->checks, "check", "checks")),
                 "class", "muted", NULL);
    dr_html_close(h, "div");
}

static void put_run(struct dr_html *h, struct dr_arena *a, const struct dr_home *home,
                    const struct dr_run_row *r)
{
    dr_html_open(h, "tr", NULL);
    dr_html_open(h, "th", "scope", "row", NULL);
    put_link(h, a, home, r);
    dr_html_close(h, "th");
    dr_page_cell(h, r->dag_id);
    dr_html_open(h, "td", NULL);
    dr_page_badge(h, dr_tone_of_run(r->state), dr_run_state_name(r->state));
    dr_html_close(h, "td");
    dr_html_leaf(h, "td", dr_arena_printf(a, "%.16s", dr_words_time(a, r->started_us)), "class", "time",
                 NULL);
    dr_html_leaf(h, "td", dr_words_duration(a, r->started_us, r->ended_us), "class", "n", NULL);
    dr_html_leaf(h, "td", dr_arena_printf(a, "%d of %d", (int)r->tasks_success, (int)r->tasks), "class", "n",
                 NULL);
    dr_page_number(h, r->checks);
    for (int s = DR_SEVERITY_CRITICAL; s >= DR_SEVERITY_INFO; s--)
        dr_page_number(h, r->failed_by_severity[s]);
    dr_page_number(h, r->checks_error);
    dr_html_close(h, "tr");
}

/* The last run of each DAG, for the reader who only wants to know that. */
static void put_newest(struct dr_html *h, struct dr_arena *a, const struct dr_home *home,
                       const struct dr_run_row *runs, int32_t n)
{
    struct dr_map seen = { 0 };
    dr_html_leaf(h, "h2", "The last run of each DAG", NULL);
    dr_html_open(h, "div", "class", "columns", NULL);
    for (int32_t i = 0; i < n; i++) {
        bool is_new;
        dr_map_put(&seen, dr_str_of(runs[i].dag_id), &is_new);
        if (is_new)
            put_newest_run(h, a, home, &runs[i]);
    }
    dr_html_close(h, "div");
    dr_map_done(&seen);
}

static void build(struct dr_html *h, struct dr_arena *a, const struct dr_home *home,
                  const struct dr_run_row *runs, int32_t n)
{
    dr_page_begin(h, "Runs \u00b7 dagrun");
    dr_html_open(h, "main", "id", "main", NULL);
    dr_html_leaf(h, "h1", "Quality reports", "class", "alone", NULL);
    if (n == 0)
        dr_html_leaf(h, "p", "There are no runs yet.", "class", "card", NULL);
    else
        put_newest(h, a, home, runs, n);
    dr_html_leaf(h, "h2", "All runs", NULL);
    dr_page_table(h, "Runs of all DAGs, newest first", "runs", "Run", "DAG", "State", "Started (UTC)",
                  "#Took", "#Tasks", "#Checks", "#Critical", "#Warning", "#Info", "#Not evaluated", NULL);
    for (int32_t i = 0; i < n; i++)
        put_run(h, a, home, &runs[i]);
    dr_page_table_end(h);
    if (n == RUNS_SHOWN)
        dr_html_leaf(h, "p", "Older runs are left out here; \u201cdagrun runs\u201d lists them.", "class",
                     "muted", NULL);
    dr_html_close(h, "main");
    dr_page_end(h);
}

int32_t dr_index_write(struct dr_state *s, const struct dr_home *home, struct dr_err *err)
{
    DR_AUTO_ARENA a = { 0 };
    DR_AUTO_BUF out = { 0 };
    struct dr_run_row *runs;
    int32_t n;
    struct dr_run_filter filter = { .state = -1, .limit = RUNS_SHOWN };
    DR_TRY(dr_state_runs(s, &a, &filter, &runs, &n, err));
    struct dr_html *h = dr_html_new();
    build(h, &a, home, runs, n);
    int32_t rc = dr_html_put(h, &out, err);
    dr_html_free(h);
    if (!rc)
        rc = dr_mkdirs(home->reports, err);
    return rc ? rc : dr_write_file(dr_path_join(&a, home->reports, "index.html"), dr_buf_str(&out), err);
}

int32_t dr_report_index(const struct dr_home *home, struct dr_err *err)
{
    struct dr_state *s;
    DR_TRY(dr_state_open(home, DR_STATE_READONLY, &s, err));
    int32_t rc = dr_index_write(s, home, err);
    dr_state_close(s);
    return rc;
}
