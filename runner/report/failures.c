/* failures.c - what did not hold, worst and newest first.
 *
 * A failure is a card: what was expected, what was seen, since when, and opened
 * the values themselves, as the run store has them: sensitive ones are masked
 * there already. Past CARDS_MAX cards the others are in the table of all checks. */
#include "report/page.h"
#include "base/json.h"
#include "report/sample.h"

enum { CARDS_MAX = 60, JSON_MAX = 4 << 20 };

/* ---- order ---- */

/* Failed before not evaluated; critical before info; new before known. */
static int rank(const struct dr_fact_check *c)
{
    int errors = c->outcome == DR_OUTCOME_ERROR ? 1000 : 0;
    return errors + (DR_SEVERITY_CRITICAL - (int)c->severity) * 10 + (c->change != DR_CHANGE_NEW);
}

static int by_rank(const void *a, const void *b)
{
    const struct dr_fact_check *x = *(const struct dr_fact_check *const *)a;
    const struct dr_fact_check *y = *(const struct dr_fact_check *const *)b;
    int d = rank(x) - rank(y);
    return d ? d : (x > y) - (x < y); /* as the suites have them */
}

int32_t dr_failures_sorted(const struct dr_facts *f, const struct dr_fact_check ***ret)
{
    const struct dr_fact_check **list = dr_arena_array(f->a, (size_t)f->n_checks + 1, sizeof(*list));
    int32_t n = 0;
    for (int32_t i = 0; i < f->n_checks; i++)
        if (f->checks[i].outcome != DR_OUTCOME_PASSED)
            list[n++] = &f->checks[i];
    qsort(list, (size_t)n, sizeof(*list), by_rank);
    *ret = list;
    return n;
}

bool dr_failure_has_card(int32_t place)
{
    return place < CARDS_MAX;
}

/* ---- observed and expected ---- */

static const struct dr_node *parse(struct dr_page *p, const char *json)
{
    struct dr_node *n = NULL;
    if (!json || strlen(json) > JSON_MAX || dr_json_parse(p->f->a, dr_str_of(json), "result", true, &n, NULL))
        return NULL;
    return n;
}

static const char *json_text(struct dr_page *p, const struct dr_node *n)
{
    if (dr_node_kind(n) == DR_NODE_STRING)
        return dr_node_str(n, "");
    DR_AUTO_BUF b = { 0 };
    dr_json_put_node(&b, n, 0);
    return dr_arena_dup(p->f->a, dr_buf_cstr(&b), b.n);
}

static void put_observed(struct dr_page *p, const struct dr_fact_check *c, const struct dr_node *result)
{
    const struct dr_result_record *r = c->r;
    const struct dr_node *observed = dr_node_get(result, "observed_value");
    int64_t there = r->element_count - (r->missing_count > 0 ? r->missing_count : 0);
    dr_html_open(p->h, "div", NULL);
    dr_html_leaf(p->h, "dt", "Observed", NULL);
    dr_html_open(p->h, "dd", NULL);
    if (observed)
        dr_html_data(p->h, dr_str_of(json_text(p, observed)), DR_HTML_CELL_MAX);
    else if (r->unexpected_count >= 0 && r->element_count >= 0)
        dr_html_textf(p->h, "%s of %s unexpected (%s)", dr_words_count(p->f->a, r->unexpected_count),
                      dr_words_count(p->f->a, there),
                      dr_words_percent(p->f->a, (double)r->unexpected_count, (double)there));
    else
        dr_html_text(p->h, "\u2013");
    dr_html_close(p->h, "dd");
    dr_html_close(p->h, "div");
}

/* Arguments that say how to check, not what is expected. */
static bool is_setting(const struct dr_fact_check *c, const char *key)
{
    static const char *const settings[] = { "column", "mostly", "condition_parser", "result_format", NULL };
    if (c->r->column && dr_streq(key, "column_list"))
        return true;
    for (int i = 0; settings[i]; i++)
        if (dr_streq(key, settings[i]))
            return true;
    return false;
}

static void put_expected(struct dr_page *p, const struct dr_fact_check *c, const struct dr_node *kwargs)
{
    DR_AUTO_BUF b = { 0 };
    double mostly = dr_node_float(dr_node_get(kwargs, "mostly"), 1);
    for (int64_t i = 0; i < dr_node_size(kwargs); i++)
        if (!is_setting(c, dr_node_key(kwargs, i)))
            dr_buf_printf(&b, "%s%s: %s", b.n ? "; " : "", dr_node_key(kwargs, i),
                          json_text(p, dr_node_at(kwargs, i)));
    if (c->r->unexpected_count >= 0)
        dr_buf_printf(&b, "%s%s", b.n ? "; " : "",
                      mostly < 1 ? dr_arena_printf(p->f->a, "at most %s unexpected",
                                                   dr_words_percent(p->f->a, 1 - mostly, 1))
                                 : "none unexpected");
    if (b.n == 0)
        dr_buf_puts(&b, c->r->expectation_type);
    dr_html_open(p->h, "div", NULL);
    dr_html_leaf(p->h, "dt", "Expected", NULL);
    dr_html_open(p->h, "dd", NULL);
    dr_html_data(p->h, dr_buf_str(&b), 2 * DR_HTML_CELL_MAX);
    dr_html_close(p->h, "dd");
    dr_html_close(p->h, "div");
}

static void put_command(struct dr_page *p, const struct dr_fact_check *c)
{
    dr_html_open(p->h, "div", "class", "whole", NULL);
    dr_html_leaf(p->h, "dt", "Run it again", NULL);
    dr_html_open(p->h, "dd", NULL);
    dr_html_open(p->h, "code", NULL);
    dr_html_textf(p->h, "dagrun retry %s %s --task %s", p->f->run.dag_id, p->f->run.run_id, c->task_id);
    dr_html_close(p->h, "code");
    dr_html_close(p->h, "dd");
    dr_html_close(p->h, "div");
}

static void put_facts(struct dr_page *p, const struct dr_fact_check *c, const struct dr_node *result)
{
    static const char *const then[] = { "record", "quarantine", "fail" };
    static const char *const what[] = { "the failure is recorded", "the rows are quarantined",
                                        "the task fails" };
    dr_html_open(p->h, "dl", "class", "facts", NULL);
    put_observed(p, c, result);
    put_expected(p, c, parse(p, c->r->kwargs));
    if (c->since)
        dr_page_fact(p->h, c->outcome == DR_OUTCOME_ERROR ? "Not evaluated since" : "Failing since", "%s%s",
                     c->since,
                     c->since_beyond                        ? " or longer"
                     : dr_streq(c->since, p->f->run.run_id) ? " (this run)"
                                                            : "");
    if (c->r->owner)
        dr_page_fact(p->h, "Owner", "%s", c->r->owner);
    for (size_t i = 0; i < sizeof(then) / sizeof(*then); i++)
        if (dr_streq(c->r->on_failure, then[i]))
            dr_page_fact(p->h, "When it fails", "%s", what[i]);
    dr_page_fact(p->h, "Suite", "%s, in task %s", c->r->suite, c->task_id);
    put_command(p, c);
    dr_html_close(p->h, "dl");
}

/* ---- the card ---- */

static void put_header(struct dr_page *p, const struct dr_fact_check *c)
{
    static const char *const changes[] = { NULL, "new", "still failing", NULL };
    const struct dr_result_record *r = c->r;
    dr_html_open(p->h, "header", NULL);
    dr_html_open(p->h, "h3", NULL);
    dr_html_data(p->h, dr_str_of(r->description ? r->description : r->expectation_type), DR_HTML_CELL_MAX);
    dr_html_close(p->h, "h3");
    dr_page_badge(p->h, dr_tone_of_check(c),
                  c->outcome == DR_OUTCOME_ERROR ? "not evaluated"
                                                 : dr_severity_name((enum dr_severity)c->severity));
    if (changes[c->change])
        dr_page_badge(p->h, c->change == DR_CHANGE_NEW ? DR_TONE_BAD : DR_TONE_IDLE, changes[c->change]);
    dr_html_open(p->h, "span", "class", "where", NULL);
    dr_html_data(p->h, dr_str_of(r->dataset), DR_HTML_CELL_MAX);
    if (r->column) {
        dr_html_text(p->h, " \u203a ");
        dr_page_columns(p->h, r->column);
    }
    dr_html_close(p->h, "span");
    dr_html_leaf(p->h, "a", "link", "class", "where", "href", dr_arena_printf(p->f->a, "#%s", c->anchor),
                 "aria-label", "Permanent link to this check", NULL);
    dr_html_close(p->h, "header");
}

static void put_sentence(struct dr_page *p, const struct dr_fact_check *c)
{
    dr_html_open(p->h, "p", "class", "sentence", NULL);
    if (c->r->exception)
        dr_html_textf(p->h, "Could not be evaluated: %s", c->r->exception);
    else
        dr_html_text(p->h, c->r->sentence ? c->r->sentence : "It did not hold.");
    if (c->more != INT64_MIN && c->outcome == DR_OUTCOME_FAILED) {
        int64_t more = c->more < 0 ? -c->more : c->more;
        dr_html_textf(p->h, more ? " %s %s than in the run before." : " As many as in the run before.",
                      dr_words_count(p->f->a, more), c->more < 0 ? "fewer" : "more");
    }
    dr_html_close(p->h, "p");
}

static void put_card(struct dr_page *p, const struct dr_fact_check *c)
{
    const struct dr_node *result = parse(p, c->r->result);
    dr_html_open(p->h, "article", "id", c->anchor, "class", "failure", "data-tone",
                 dr_tone_class(dr_tone_of_check(c)), NULL);
    put_header(p, c);
    put_sentence(p, c);
    dr_html_open(p->h, "div", "class", "pair", NULL);
    put_facts(p, c, result);
    dr_strip(p, c);
    dr_html_close(p->h, "div");
    dr_sample(p, c, result);
    dr_html_close(p->h, "article");
}

void dr_section_failures(struct dr_page *p)
{
    const struct dr_fact_check **list;
    int32_t n = dr_failures_sorted(p->f, &list);
    dr_page_section(p->h, "failures", "Failures",
                    n ? "Checks that did not hold, the worst first; within a severity the new ones first."
                      : NULL);
    if (n == 0)
        dr_html_leaf(p->h, "p", p->f->n_checks ? "Every check passed." : "Nothing was checked.", "class",
                     "card", NULL);
    for (int32_t i = 0; i < n && dr_failure_has_card(i); i++)
        put_card(p, list[i]);
    if (n > CARDS_MAX) {
        dr_html_open(p->h, "p", NULL);
        dr_html_textf(p->h, "%d more are in the table of ", (int)(n - CARDS_MAX));
        dr_html_leaf(p->h, "a", "all checks", "href", "#checks", NULL);
        dr_html_text(p->h, ".");
        dr_html_close(p->h, "p");
    }
    dr_html_close(p->h, "section");
}
