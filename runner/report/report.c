/* report.c - writes a run's report.
 *
 * The report's folder is filled under a temporary name beside its place and then
 * put there by one rename (exchanged with an older one), so that a reader finds
 * either the old report, with the files it links to, or the new one. */
#include "report/page.h"
#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static bool has_rows(const struct dr_page *p)
{
    return p->f->n_accounts > 0 || dr_has_rows_apart(p) || p->exports->withheld;
}

static bool has_checks(const struct dr_page *p)
{
    return p->f->n_checks > 0;
}

static bool has_monthly(const struct dr_page *p)
{
    for (int32_t i = 0; i < p->exports->n; i++)
        if (p->exports->items[i].kind == DR_EXPORT_STATISTICS && p->exports->items[i].table &&
            dr_table_rows(p->exports->items[i].table) > 0)
            return true;
    return false;
}

/* The sections in the order of the page, as its navigation names them; one that
 * has nothing to show is left out. */
static const struct {
    const char *id, *name;
    void (*put)(struct dr_page *p);
    bool (*has)(const struct dr_page *p); /* NULL: always */
} sections[] = {
    { "verdict", "Verdict", dr_section_verdict, NULL },
    { "failures", "Failures", dr_section_failures, NULL },
    { "rows", "Rows", dr_section_rows, has_rows },
    { "decisions", "Decisions", dr_section_decisions, dr_has_decisions },
    { "history", "History", dr_section_history, has_checks },
    { "monthly", "Monthly", dr_section_monthly, has_monthly },
    { "run", "Run", dr_section_run, NULL },
    { "checks", "All checks", dr_section_checks, has_checks },
    { "provenance", "Provenance", dr_section_provenance, NULL },
};
enum { N_SECTIONS = sizeof(sections) / sizeof(*sections) };

static bool has_section(const struct dr_page *p, int i)
{
    return !sections[i].has || sections[i].has(p);
}

static void put_top(struct dr_page *p)
{
    static const char *const words[DR_TONES] = { "worked", "worked", "needs a look", "needs action", "", "" };
    DR_AUTO_BUF sentence = { 0 };
    enum dr_tone tone = dr_verdict(p->f, &sentence);
    dr_html_open(p->h, "header", "class", "top", NULL);
    dr_html_open(p->h, "div", NULL);
    dr_page_badge(p->h, tone, words[tone]);
    dr_html_leaf(p->h, "strong", p->f->run.dag_id, NULL);
    dr_html_open(p->h, "nav", "aria-label", "Sections", NULL);
    for (int i = 0; i < N_SECTIONS; i++)
        if (has_section(p, i))
            dr_html_leaf(p->h, "a", sections[i].name, "href", dr_arena_printf(p->f->a, "#%s", sections[i].id),
                         NULL);
    dr_html_close(p->h, "nav");
    dr_html_close(p->h, "div");
    dr_html_close(p->h, "header");
}

static void build(struct dr_page *p)
{
    const struct dr_run_row *run = &p->f->run;
    struct dr_arena *a = p->f->a;
    dr_page_begin(p->h, dr_arena_printf(a, "%s \u00b7 %s \u00b7 quality report", run->dag_id, run->run_id));
    put_top(p);
    dr_html_open(p->h, "main", "id", "main", NULL);
    dr_html_open(p->h, "p", "class", "crumb", NULL);
    dr_html_leaf(p->h, "a", "All runs", "href", "../../index.html", NULL);
    dr_html_text(p->h, " \u203a Quality report");
    dr_html_close(p->h, "p");
    dr_html_leaf(p->h, "h1", run->description ? run->description : run->dag_id, NULL);
    for (int i = 0; i < N_SECTIONS; i++)
        if (has_section(p, i))
            sections[i].put(p);
    dr_html_open(p->h, "footer", NULL);
    dr_html_textf(p->h, "Written by %s on %s from the run store.", run->program ? run->program : "dagrun",
                  dr_words_time(a, p->f->now_us));
    dr_html_close(p->h, "footer");
    dr_html_close(p->h, "main");
    dr_page_end(p->h);
}

static int32_t write_page(struct dr_page *p, struct dr_err *err)
{
    DR_AUTO_BUF out = { 0 };
    p->h = dr_html_new();
    build(p);
    int32_t rc = dr_html_put(p->h, &out, err);
    dr_html_free(p->h);
    return rc ? rc : dr_write_file(dr_path_join(p->f->a, p->dir, "index.html"), dr_buf_str(&out), err);
}

/* What was in the place before is in the temporary folder afterwards. */
static int32_t put_in_place(const char *tmp, const char *place, struct dr_err *err)
{
    if (rename(tmp, place) == 0)
        return DR_OK;
    if ((errno == ENOTEMPTY || errno == EEXIST) &&
        renameat2(AT_FDCWD, tmp, AT_FDCWD, place, RENAME_EXCHANGE) == 0)
        return dr_remove_tree(tmp, err);
    return dr_fail_sys(err, "cannot put the report in place: rename '%s' to '%s'", tmp, place);
}

/* To the newest made of the DAG's runs that have a report. A report that is
 * written again for a run of long ago leaves the link as it is. */
static int32_t link_latest(const struct dr_facts *f, struct dr_err *err)
{
    const char *folder = dr_path_join(f->a, f->home->reports, f->run.dag_id),
               *link = dr_path_join(f->a, folder, "latest");
    for (int32_t i = 0; i < f->n_recent; i++)
        if (dr_path_exists(dr_arena_printf(f->a, "%s/%s/index.html", folder, f->recent[i])))
            return dr_symlink_swap(f->recent[i], link, err);
    return dr_path_exists(link) ? DR_OK : dr_symlink_swap(f->run.run_id, link, err);
}

static int32_t write_folder(const struct dr_facts *f, const char *place, struct dr_err *err)
{
    const char *tmp =
        dr_arena_printf(f->a, "%s/%s/.%s.%d", f->home->reports, f->run.dag_id, f->run.run_id, (int)getpid());
    struct dr_exports exports;
    struct dr_page page = { .f = f, .dir = tmp, .to_home = "../../..", .exports = &exports };
    DR_TRY(dr_remove_tree(tmp, err));
    DR_TRY(dr_mkdirs(tmp, err));
    dr_exports_write(f, tmp, &exports);
    int32_t rc = write_page(&page, err);
    if (!rc)
        rc = put_in_place(tmp, place, err);
    if (rc)
        (void)dr_remove_tree(tmp, NULL);
    return rc;
}

static char *folder_of(struct dr_arena *a, const struct dr_home *h, const char *dag_id, const char *run_id)
{
    return dr_arena_printf(a, "%s/%s/%s", h->reports, dag_id, run_id);
}

int32_t dr_report_write(struct dr_state *s, const struct dr_home *h, const char *dag_id, const char *run_id,
                        struct dr_arena *a, const char **ret_path, struct dr_err *err)
{
    struct dr_facts f;
    DR_TRY(dr_facts_read(s, h, dag_id, run_id, a, &f, err));
    const char *place = folder_of(a, h, f.run.dag_id, f.run.run_id);
    DR_TRY(write_folder(&f, place, err));
    DR_TRY(link_latest(&f, err));
    DR_TRY(dr_index_write(s, h, err));
    if (ret_path)
        *ret_path = dr_path_join(a, place, "index.html");
    return DR_OK;
}

int32_t dr_report_check_rows(struct dr_state *s, int64_t run, struct dr_err *err)
{
    DR_AUTO_ARENA a = { 0 };
    struct dr_account_row *rows;
    int32_t n;
    DR_TRY(dr_state_accounts(s, &a, run, &rows, &n, err));
    return dr_report_reconcile(rows, n, err);
}

int32_t dr_report_announce(struct dr_state *s, const struct dr_home *h, const char *dag_id, int64_t run,
                           const char *run_id, struct dr_err *err)
{
    DR_AUTO_ARENA a = { 0 };
    DR_TRY(dr_mkdirs(folder_of(&a, h, dag_id, run_id), err));
    return dr_report_check_rows(s, run, err);
}

bool dr_report_is_due(const struct dr_home *h, const char *dag_id, const char *run_id)
{
    DR_AUTO_ARENA a = { 0 };
    return dr_path_exists(folder_of(&a, h, dag_id, run_id));
}
