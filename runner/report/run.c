/* run.c - how the run went: its tasks, their attempts and logs, its parameters. */
#include "report/graph.h"
#include "base/json.h"
#include "base/num.h"

static void put_state(struct dr_html *h, enum dr_task_state s)
{
    dr_html_open(h, "td", NULL);
    dr_page_badge(h, dr_tone_of_task(s), dr_word_of_task(s));
    dr_html_close(h, "td");
}

static void put_tasks(struct dr_page *p, const struct dr_graph *g)
{
    const struct dr_facts *f = p->f;
    dr_html_leaf(p->h, "h3", "Tasks", NULL);
    dr_page_table(p->h, "Tasks of the run, in the order of the DAG", NULL, "Task", "State", "Plugin",
                  "Waits for", "#Attempts", "#Took", "Critical path", "Why", NULL);
    for (int32_t i = 0; i < g->n; i++) {
        const struct dr_task_row *t = g->tasks[i].row;
        dr_html_open(p->h, "tr", NULL);
        dr_html_leaf(p->h, "th", t->task_id, "scope", "row", NULL);
        put_state(p->h, t->state);
        dr_page_cell(p->h, t->plugin);
        dr_html_open(p->h, "td", NULL);
        for (int32_t k = 0; k < g->tasks[i].n_direct; k++)
            dr_html_textf(p->h, "%s%s", k ? ", " : "", g->tasks[g->tasks[i].upstream[k]].row->task_id);
        dr_html_close(p->h, "td");
        dr_page_number(p->h, t->attempts);
        dr_html_leaf(p->h, "td", dr_words_duration(f->a, t->started_us, t->ended_us), "class", "n", NULL);
        dr_html_leaf(p->h, "td", g->tasks[i].critical ? "yes" : "no", NULL);
        dr_html_leaf(p->h, "td", t->reason, NULL);
        dr_html_close(p->h, "tr");
    }
    dr_page_table_end(p->h);
}

static void put_how(struct dr_page *p, const struct dr_attempt_row *x)
{
    dr_html_open(p->h, "td", NULL);
    if (x->signal)
        dr_html_textf(p->h, "signal %d; ", (int)x->signal);
    else if (x->exit_code > 0)
        dr_html_textf(p->h, "exit code %d; ", (int)x->exit_code);
    dr_html_text(p->h, x->reason);
    dr_html_close(p->h, "td");
}

static const char *size_text(struct dr_arena *a, int64_t bytes)
{
    if (bytes <= 0)
        return "\u2013";
    DR_AUTO_BUF b = { 0 };
    dr_buf_put_size(&b, (uint64_t)bytes);
    return dr_arena_dup(a, b.p, b.n);
}

static void put_log(struct dr_page *p, const struct dr_attempt_row *x)
{
    const struct dr_facts *f = p->f;
    dr_html_open(p->h, "td", NULL);
    dr_html_leaf(p->h, "a", "log", "href",
                 dr_arena_printf(f->a, "%s/%s/runs/%s/%s/%s@%d.log", p->to_home,
                                 dr_home_show(f->a, f->home, f->home->var), f->run.dag_id, f->run.run_id,
                                 x->task_id, (int)x->number),
                 "aria-label", dr_arena_printf(f->a, "Log of attempt %d of %s", (int)x->number, x->task_id),
                 NULL);
    dr_html_close(p->h, "td");
}

static void put_attempts(struct dr_page *p)
{
    const struct dr_facts *f = p->f;
    if (f->n_attempts == 0)
        return;
    dr_html_leaf(p->h, "h3", "Attempts and their logs", NULL);
    dr_page_table(p->h, "Attempts", NULL, "Task", "#Attempt", "State", "#Began after", "#Took", "#CPU",
                  "#Memory", "Log", "How it ended", NULL);
    for (int32_t i = 0; i < f->n_attempts; i++) {
        const struct dr_attempt_row *x = &f->attempts[i];
        dr_html_open(p->h, "tr", NULL);
        dr_html_leaf(p->h, "th", x->task_id, "scope", "row", NULL);
        dr_page_number(p->h, x->number);
        put_state(p->h, x->state);
        dr_html_leaf(p->h, "td", dr_words_duration(f->a, f->run.started_us, x->started_us), "class", "n",
                     NULL);
        dr_html_leaf(p->h, "td", dr_words_duration(f->a, x->started_us, x->ended_us), "class", "n", NULL);
        dr_html_leaf(p->h, "td", x->ended_us ? dr_words_duration(f->a, 1, 1 + x->cpu_us) : "\u2013", "class",
                     "n", NULL);
        dr_html_leaf(p->h, "td", size_text(f->a, x->max_rss), "class", "n", NULL);
        put_log(p, x);
        put_how(p, x);
        dr_html_close(p->h, "tr");
    }
    dr_page_table_end(p->h);
}

static void put_parameters(struct dr_page *p)
{
    struct dr_node *params = NULL;
    if (!p->f->run.params ||
        dr_json_parse(p->f->a, dr_str_of(p->f->run.params), "params", true, &params, NULL) ||
        dr_node_size(params) == 0)
        return;
    dr_html_leaf(p->h, "h3", "Parameters", NULL);
    dr_page_table(p->h, "Parameters of the run", NULL, "Name", "Value", NULL);
    for (int64_t i = 0; i < dr_node_size(params); i++) {
        DR_AUTO_BUF text = { 0 };
        dr_json_put_node(&text, dr_node_at(params, i), 0);
        const char *plain = dr_node_str(dr_node_at(params, i), NULL);
        dr_html_open(p->h, "tr", NULL);
        dr_html_leaf(p->h, "th", dr_node_key(params, i), "scope", "row", NULL);
        dr_page_cell(p->h, plain ? plain : dr_buf_cstr(&text));
        dr_html_close(p->h, "tr");
    }
    dr_page_table_end(p->h);
}

static void put_metrics(struct dr_page *p)
{
    const struct dr_facts *f = p->f;
    if (f->n_metrics == 0)
        return;
    dr_html_open(p->h, "details", NULL);
    dr_html_leaf(p->h, "summary", dr_words_count_of(f->a, f->n_metrics, "metric", "metrics"), NULL);
    dr_page_table(p->h, "What the tasks measured", NULL, "Task", "Metric", "#Value", NULL);
    for (int32_t i = 0; i < f->n_metrics; i++) {
        char value[DR_F64_TEXT];
        dr_format_f64(f->metrics[i].value, value);
        dr_html_open(p->h, "tr", NULL);
        dr_html_leaf(p->h, "th", f->metrics[i].task_id, "scope", "row", NULL);
        dr_page_cell(p->h, f->metrics[i].name);
        dr_html_leaf(p->h, "td", value, "class", "n", NULL);
        dr_html_close(p->h, "tr");
    }
    dr_page_table_end(p->h);
    dr_html_close(p->h, "details");
}

void dr_section_run(struct dr_page *p)
{
    struct dr_graph g;
    dr_graph_make(p->f, &g);
    dr_page_section(p->h, "run", "The run", NULL);
    dr_graph_draw(p, &g);
    dr_gantt_draw(p, &g);
    put_tasks(p, &g);
    put_attempts(p);
    put_metrics(p);
    put_parameters(p);
    dr_html_close(p->h, "section");
}
