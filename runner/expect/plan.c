/* plan.c - what a run owns: row sets, domains, views. See plan.h. */
#include "expect/plan.h"
#include "expect/condition.h"

/* ---- row sets ---- */

/* Given back, linked through their first words. */
struct dr_bits_spare {
    struct dr_bits_spare *next;
};

uint64_t *dr_plan_bits(struct dr_plan *p)
{
    size_t words = (size_t)dr_words(p->table->rows) + 1;
    struct dr_bits_spare *spare = p->spare;
    if (!spare)
        return dr_arena_array(&p->scratch, words, sizeof(uint64_t));
    p->spare = spare->next;
    return memset(spare, 0, words * sizeof(uint64_t));
}

void dr_plan_bits_back(struct dr_plan *p, uint64_t *bits)
{
    struct dr_bits_spare *spare = (void *)bits;
    if (!spare)
        return;
    spare->next = p->spare;
    p->spare = spare;
}

static void source_done(struct dr_source *s)
{
    for (struct dr_view *v = s->views; v; v = v->next)
        dr_view_done(v);
    for (int k = 0; k < 2; k++)
        dr_column_unref(s->owned[k]);
    dr_codes_done(s->codes);
    free(s->zones);
    dr_mem_unref(s->hashes);
}

void dr_plan_done(struct dr_plan *p)
{
    for (struct dr_source *s = p->sources; s; s = s->next)
        source_done(s);
    dr_map_done(&p->columns);
    dr_map_done(&p->declared);
    dr_mem_unref(p->tables);
    dr_arena_done(&p->scratch);
}

/* ---- domains ---- */

int32_t dr_plan_domain(struct dr_plan *p, const char *condition, const struct dr_domain **ret,
                       struct dr_err *err)
{
    const char *text = condition && *condition ? condition : NULL;
    for (struct dr_domain *d = p->domains; d; d = d->next)
        if (text && d->condition ? dr_streq(text, d->condition) : text == d->condition) {
            *ret = d;
            return DR_OK;
        }
    struct dr_domain *d = DR_NEW(&p->scratch, struct dr_domain);
    d->condition = text;
    d->n = p->table->rows;
    if (text) {
        d->rows = dr_plan_bits(p);
        DR_TRY(dr_condition_rows(p, text, d->rows, err));
        d->n = dr_rows_count(d->rows, p->table->rows);
    }
    d->next = p->domains;
    p->domains = d;
    *ret = d;
    return DR_OK;
}

/* ---- views ---- */

struct dr_view *dr_plan_view(struct dr_plan *p, struct dr_source *s, const struct dr_domain *d)
{
    for (struct dr_view *v = s->views; v; v = v->next)
        if (v->domain == d)
            return v;
    struct dr_view *v = DR_NEW(&p->scratch, struct dr_view);
    v->source = s;
    v->domain = d;
    v->rows = dr_plan_bits(p);
    if (d->rows)
        memcpy(v->rows, d->rows, (size_t)dr_words(s->rows) * 8);
    else
        dr_rows_fill(v->rows, s->rows);
    if (s->null)
        dr_rows_and_not(v->rows, s->null, s->rows);
    int64_t present = dr_rows_count(v->rows, s->rows);
    const uint64_t *refused = dr_source_refused(p, s);
    if (refused)
        dr_rows_and_not(v->rows, refused, s->rows);
    v->n = dr_rows_count(v->rows, s->rows);
    v->n_refused = present - v->n;
    v->next = s->views;
    s->views = v;
    return v;
}

void dr_view_done(struct dr_view *v)
{
    free(v->sorted);
    dr_ranks_done(v->ranks);
    free(v->count);
}
