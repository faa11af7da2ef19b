/* reconcile.c - does every row that came in have its place? See report.h. */
#include "report/account.h"
#include "base/num.h"

static const char *const stage_names[] = { "raw", "clean", "quarantined", "duplicates" };

static int stage_of(const struct dr_account_row *r)
{
    for (int i = 0; i < DR_STAGES; i++)
        if (dr_streq(r->stage, stage_names[i]))
            return i;
    return -1;
}

static struct dr_account *find(struct dr_account *list, int32_t n, const char *dataset)
{
    for (int32_t i = 0; i < n; i++)
        if (dr_streq(list[i].dataset, dataset))
            return &list[i];
    return NULL;
}

static struct dr_account_group *group_of(struct dr_account *d, const char *name)
{
    for (int32_t i = 0; i < d->n_groups; i++)
        if (dr_streq(d->groups[i].name, name))
            return &d->groups[i];
    struct dr_account_group *added = &d->groups[d->n_groups++];
    added->name = name;
    return added;
}

static void add_row(struct dr_account *d, const struct dr_account_row *r, int stage)
{
    d->total.rows[stage] += r->rows;
    d->total.has[stage] = true;
    d->running |= r->running;
    if (!r->group) {
        d->ungrouped += r->rows;
        return;
    }
    struct dr_account_group *g = group_of(d, r->group);
    g->rows[stage] += r->rows;
    g->has[stage] = true;
}

static int by_name(const void *a, const void *b)
{
    const struct dr_account_group *x = a, *y = b;
    /* "(missing)" and "(unreadable)" come after the groups that have a name. */
    int special = (x->name[0] == '(') - (y->name[0] == '(');
    return special ? special : dr_str_cmp(dr_str_of(x->name), dr_str_of(y->name));
}

void dr_account_sum(struct dr_arena *a, const struct dr_account_row *rows, int32_t n, struct dr_account **ret,
                    int32_t *ret_n)
{
    struct dr_account *list = dr_arena_array(a, (size_t)n + 1, sizeof(*list));
    int32_t n_list = 0;
    for (int32_t i = 0; i < n; i++) {
        int stage = stage_of(&rows[i]);
        if (stage < 0)
            continue;
        struct dr_account *d = find(list, n_list, rows[i].dataset);
        if (!d) {
            d = &list[n_list++];
            d->dataset = rows[i].dataset;
            d->total.name = "all";
            d->groups = dr_arena_array(a, (size_t)n, sizeof(*d->groups));
        }
        add_row(d, &rows[i], stage);
    }
    for (int32_t i = 0; i < n_list; i++)
        qsort(list[i].groups, (size_t)list[i].n_groups, sizeof(*list[i].groups), by_name);
    *ret = list;
    *ret_n = n_list;
}

int64_t dr_account_missing(const struct dr_account_group *g)
{
    return g->rows[DR_STAGE_RAW] - g->rows[DR_STAGE_CLEAN] - g->rows[DR_STAGE_QUARANTINED] -
           g->rows[DR_STAGE_DUPLICATES];
}

bool dr_account_complete(const struct dr_account *d)
{
    return d->total.has[DR_STAGE_RAW] && d->total.has[DR_STAGE_CLEAN] && !d->running;
}

/* Rows that were told without a group make the groups incomparable, not wrong. */
bool dr_account_comparable(const struct dr_account *d, const struct dr_account_group *g)
{
    return dr_account_complete(d) && (g == &d->total || (d->ungrouped == 0 && g->has[DR_STAGE_RAW]));
}

static int32_t check_group(const struct dr_account *d, const struct dr_account_group *g, struct dr_err *err)
{
    int64_t missing = dr_account_missing(g);
    if (!dr_account_comparable(d, g) || missing == 0)
        return DR_OK;
    return dr_fail(
        err, DR_EINPUT,
        "rows of %s%s%s do not add up: %lld raw, but %lld clean + %lld quarantined + %lld duplicates "
        "(%lld %s)",
        d->dataset, g == &d->total ? "" : ", group ", g == &d->total ? "" : g->name,
        (long long)g->rows[DR_STAGE_RAW], (long long)g->rows[DR_STAGE_CLEAN],
        (long long)g->rows[DR_STAGE_QUARANTINED], (long long)g->rows[DR_STAGE_DUPLICATES],
        (long long)(missing < 0 ? -missing : missing), missing < 0 ? "too many" : "missing");
}

int32_t dr_report_reconcile(const struct dr_account_row *rows, int32_t n, struct dr_err *err)
{
    DR_AUTO_ARENA arena = { 0 };
    struct dr_account *list;
    int32_t n_list;
    dr_account_sum(&arena, rows, n, &list, &n_list);
    for (int32_t i = 0; i < n_list; i++) {
        for (int32_t k = 0; k < list[i].n_groups; k++)
            DR_TRY(check_group(&list[i], &list[i].groups[k], err));
        DR_TRY(check_group(&list[i], &list[i].total, err));
    }
    return DR_OK;
}
