/* registry.c - all expectation types: found by name, listed, checked for the
 * suite loader. */
#include <pthread.h>
#include "expect/check.h"

#define TYPES_MAX 128

static const struct dr_check_group *const groups[] = {
    &dr_checks_table,   &dr_checks_value,      &dr_checks_text,         &dr_checks_type,
    &dr_checks_set,     &dr_checks_aggregate,  &dr_checks_distribution, &dr_checks_pair,
    &dr_checks_columns, &dr_checks_identifier, &dr_checks_outlier,      &dr_checks_group,
    &dr_checks_other,   &dr_checks_history,    &dr_checks_shift,        &dr_checks_sql,
    &dr_checks_plugin
};
static const struct dr_check_type *sorted[TYPES_MAX];
static struct dr_expect_info infos[TYPES_MAX];
static const char *names[TYPES_MAX];
static int32_t n_types;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static int by_name(const void *a, const void *b)
{
    const struct dr_check_type *const *x = a, *const *y = b;
    return strcmp((*x)->info.name, (*y)->info.name);
}

static void fill(void)
{
    for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++)
        for (int32_t k = 0; k < groups[g]->n && n_types < TYPES_MAX; k++)
            sorted[n_types++] = &groups[g]->types[k];
    qsort(sorted, (size_t)n_types, sizeof *sorted, by_name);
    for (int32_t k = 0; k < n_types; k++) {
        infos[k] = sorted[k]->info;
        names[k] = sorted[k]->info.name;
    }
}

const struct dr_check_type *dr_check_find(const char *name)
{
    (void)pthread_once(&once, fill);
    for (int32_t k = 0; k < n_types; k++)
        if (dr_streq(names[k], name))
            return sorted[k];
    return NULL;
}

const struct dr_expect_info *dr_expect_infos(int32_t *ret_n)
{
    (void)pthread_once(&once, fill);
    *ret_n = n_types;
    return infos;
}

bool dr_expect_uses_history(const char *type)
{
    const struct dr_check_type *t = dr_check_find(type);
    return t && t->flags & DR_CHECK_HISTORY;
}

static void check(void *ctx, const struct dr_expectation *e, struct dr_diags *d)
{
    const struct dr_check_type *t = dr_check_find(e->type);
    (void)ctx;
    if (t)
        dr_args_diagnose(t, e, d);
    else
        dr_diag_add(d, DR_DIAG_ERROR, e->mark, dr_diag_nearest(d, e->type, names, (size_t)n_types),
                    "there is no expectation type '%s'", e->type);
}

const struct dr_expectation_source *dr_expect_source(void)
{
    static const struct dr_expectation_source source = { check, NULL };
    return &source;
}
