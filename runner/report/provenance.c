/* provenance.c - what exactly went in, and what was run on it. */
#include "report/page.h"
#include "base/hash.h"
#include "base/num.h"

static void put_hash(struct dr_html *h, const char *hash)
{
    dr_html_leaf(h, "td", hash ? hash : "\u2013", "class", "hash", NULL);
}

static void put_size(struct dr_html *h, int64_t bytes)
{
    DR_AUTO_BUF b = { 0 };
    if (bytes >= 0)
        dr_buf_put_size(&b, (uint64_t)bytes);
    dr_html_leaf(h, "td", bytes >= 0 ? dr_buf_cstr(&b) : "\u2013", "class", "n", NULL);
}

/* Datasets that a task of the run made are among the outputs already. */
static bool is_made_here(const struct dr_map *made, const struct dr_dataset_record *d)
{
    return !d->output && dr_map_get(made, dr_str_of(d->name));
}

static void put_dataset(struct dr_page *p, const struct dr_dataset_row *row)
{
    dr_html_open(p->h, "tr", NULL);
    dr_html_open(p->h, "th", "scope", "row", NULL);
    dr_html_data(p->h, dr_str_of(row->d.name), DR_HTML_CELL_MAX);
    dr_html_close(p->h, "th");
    dr_page_cell(p->h, row->task_id);
    dr_page_count_cell(p, row->d.rows);
    put_size(p->h, row->d.bytes);
    put_hash(p->h, row->d.hash);
    dr_html_close(p->h, "tr");
}

static void put_datasets(struct dr_page *p, const struct dr_map *made, bool output, const char *title,
                         const char *caption)
{
    const struct dr_facts *f = p->f;
    dr_html_leaf(p->h, "h3", title, NULL);
    dr_page_table(p->h, caption, NULL, output ? "Dataset" : "Input", "Task", "#Rows", "#Size",
                  "Content hash (XXH3-128)", NULL);
    for (int32_t i = 0; i < f->n_datasets; i++)
        if (f->datasets[i].d.output == output && !is_made_here(made, &f->datasets[i].d))
            put_dataset(p, &f->datasets[i]);
    dr_page_table_end(p->h);
}

static void put_data(struct dr_page *p)
{
    const struct dr_facts *f = p->f;
    struct dr_map made = { 0 };
    for (int32_t i = 0; i < f->n_datasets; i++)
        if (f->datasets[i].d.output)
            dr_map_put(&made, dr_str_of(f->datasets[i].d.name), NULL);
    if (f->n_datasets > 0) {
        put_datasets(p, &made, false, "Inputs", "What the tasks read that no task of the run made");
        put_datasets(p, &made, true, "Outputs", "What the tasks wrote");
    }
    dr_map_done(&made);
}

static void put_definition(struct dr_page *p, const char *kind, const char *name, const char *version,
                           const char *hash)
{
    dr_html_open(p->h, "tr", NULL);
    dr_html_leaf(p->h, "th", name, "scope", "row", NULL);
    dr_html_leaf(p->h, "td", kind, NULL);
    dr_html_leaf(p->h, "td", version ? version : "\u2013", NULL);
    put_hash(p->h, hash);
    dr_html_close(p->h, "tr");
}

static void put_definitions(struct dr_page *p)
{
    const struct dr_facts *f = p->f;
    struct dr_map seen = { 0 };
    dr_html_leaf(p->h, "h3", "Definitions and programs", NULL);
    dr_page_table(p->h, "What was run", NULL, "Name", "Kind", "Version", "Content hash", NULL);
    put_definition(p, "program", "dagrun", f->run.program, NULL);
    put_definition(p, "DAG", f->run.dag_id, NULL, f->run.dag_hash);
    for (int32_t i = 0; i < f->n_checks; i++) {
        bool is_new;
        dr_map_put(&seen, dr_str_of(f->checks[i].r->suite), &is_new);
        if (is_new)
            put_definition(p, "suite", f->checks[i].r->suite, NULL, f->checks[i].r->suite_hash);
    }
    for (int32_t i = 0; i < f->n_plugins; i++)
        put_definition(p, "plugin", f->plugins[i].name, f->plugins[i].version, f->plugins[i].hash);
    dr_page_table_end(p->h);
    dr_map_done(&seen);
}

static bool was_left_out(enum dr_task_state s)
{
    return s == DR_TASK_SKIPPED || s == DR_TASK_UPSTREAM_FAILED || s == DR_TASK_CANCELLED;
}

static void put_skipped(struct dr_page *p)
{
    const struct dr_facts *f = p->f;
    int32_t n = 0;
    for (int32_t i = 0; i < f->n_tasks; i++)
        n += was_left_out(f->tasks[i].state);
    dr_html_leaf(p->h, "h3", "What was left out", NULL);
    if (n == 0) {
        dr_html_leaf(p->h, "p", "Nothing: no task was skipped, blocked or cancelled.", "class", "muted",
                     NULL);
        return;
    }
    dr_page_table(p->h, "Tasks that did not run to their end", NULL, "Task", "State", "Why", NULL);
    for (int32_t i = 0; i < f->n_tasks; i++) {
        if (!was_left_out(f->tasks[i].state))
            continue;
        dr_html_open(p->h, "tr", NULL);
        dr_html_leaf(p->h, "th", f->tasks[i].task_id, "scope", "row", NULL);
        dr_html_open(p->h, "td", NULL);
        dr_page_badge(p->h, dr_tone_of_task(f->tasks[i].state), dr_word_of_task(f->tasks[i].state));
        dr_html_close(p->h, "td");
        dr_html_leaf(p->h, "td", f->tasks[i].reason, NULL);
        dr_html_close(p->h, "tr");
    }
    dr_page_table_end(p->h);
}

static void put_dag_text(struct dr_page *p)
{
    enum { TEXT_MAX = 64 << 10 };
    if (!p->f->run.dag_text)
        return;
    struct dr_str text = dr_str_of(p->f->run.dag_text);
    bool cut = text.n > TEXT_MAX;
    text.n = cut ? TEXT_MAX : text.n;
    dr_html_open(p->h, "details", NULL);
    dr_html_leaf(p->h, "summary", "The DAG file of this run", NULL);
    dr_html_open(p->h, "pre", NULL);
    dr_html_lines(p->h, text);
    dr_html_close(p->h, "pre");
    if (cut)
        dr_html_leaf(p->h, "p", "The file goes on; this is its beginning.", "class", "muted", NULL);
    dr_html_close(p->h, "details");
}

void dr_section_provenance(struct dr_page *p)
{
    dr_page_section(p->h, "provenance", "Provenance", "What went in, what was run on it, and what came out.");
    put_data(p);
    put_definitions(p);
    put_skipped(p);
    put_dag_text(p);
    dr_html_close(p->h, "section");
}
