/* path_fn.c - the table of functions, and those on collections. */
#include "view/path_tree.h"

/* ---- existence and logic ---- */

static int32_t result_bool(struct path_machine *m, size_t base, bool b)
{
    m->s->n = base;
    return path_push_bool(m, b);
}

static int32_t fn_empty(struct path_machine *m, const struct path_node *n, struct dr_item focus, size_t base)
{
    (void)n;
    (void)focus;
    return result_bool(m, base, m->s->n == base);
}

/* Keep the items of [base .. n) for which args[0] is `wanted`; the criterion sees each as $this. */
static int32_t filter(struct path_machine *m, const struct path_node *n, size_t base)
{
    size_t end = m->s->n, kept = base;
    int64_t outer = m->index;
    for (size_t i = base; i < end; i++) {
        int truth;
        m->index = (int64_t)(i - base);
        DR_TRY(path_arg_truth(m, n->args[0], m->s->items[i], &truth));
        if (truth == 1)
            m->s->items[kept++] = m->s->items[i];
    }
    m->index = outer;
    m->s->n = kept;
    return DR_OK;
}

static int32_t fn_where(struct path_machine *m, const struct path_node *n, struct dr_item focus, size_t base)
{
    (void)focus;
    return filter(m, n, base);
}

static int32_t fn_exists(struct path_machine *m, const struct path_node *n, struct dr_item focus, size_t base)
{
    (void)focus;
    if (n->n_args)
        DR_TRY(filter(m, n, base));
    return result_bool(m, base, m->s->n > base);
}

static int32_t fn_all(struct path_machine *m, const struct path_node *n, struct dr_item focus, size_t base)
{
    size_t count = m->s->n - base;
    (void)focus;
    DR_TRY(filter(m, n, base));
    return result_bool(m, base, m->s->n - base == count);
}

static int32_t fn_not(struct path_machine *m, const struct path_node *n, struct dr_item focus, size_t base)
{
    int truth;
    (void)focus;
    DR_TRY(path_take_truth(m, n, base, &truth));
    return truth < 0 ? DR_OK : path_push_bool(m, !truth);
}

/* How many of the input are the boolean b. */
static size_t count_bools(const struct path_machine *m, size_t base, bool b)
{
    size_t count = 0;
    for (size_t i = base; i < m->s->n; i++) {
        struct dr_scalar s = dr_item_scalar(path_item(m, i));
        count += s.kind == DR_SCALAR_BOOL && s.truth == b;
    }
    return count;
}

static int32_t fn_all_true(struct path_machine *m, const struct path_node *n, struct dr_item focus,
                           size_t base)
{
    (void)n;
    (void)focus;
    return result_bool(m, base, count_bools(m, base, true) == m->s->n - base);
}

static int32_t fn_any_true(struct path_machine *m, const struct path_node *n, struct dr_item focus,
                           size_t base)
{
    (void)n;
    (void)focus;
    return result_bool(m, base, count_bools(m, base, true) > 0);
}

static int32_t fn_all_false(struct path_machine *m, const struct path_node *n, struct dr_item focus,
                            size_t base)
{
    (void)n;
    (void)focus;
    return result_bool(m, base, count_bools(m, base, false) == m->s->n - base);
}

static int32_t fn_any_false(struct path_machine *m, const struct path_node *n, struct dr_item focus,
                            size_t base)
{
    (void)n;
    (void)focus;
    return result_bool(m, base, count_bools(m, base, false) > 0);
}

static int32_t fn_count(struct path_machine *m, const struct path_node *n, struct dr_item focus, size_t base)
{
    size_t count = m->s->n - base;
    (void)n;
    (void)focus;
    m->s->n = base;
    return path_push_int(m, (int64_t)count);
}

/* ---- subsets ---- */

/* Keep [from, from + count) of the input. */
static void keep(struct path_machine *m, size_t base, size_t from, size_t count)
{
    size_t have = m->s->n - base;
    if (from > have)
        from = have;
    if (count > have - from)
        count = have - from;
    if (from && count)
        memmove(m->s->items + base, m->s->items + base + from, count * sizeof *m->s->items);
    m->s->n = base + count;
}

static int32_t fn_first(struct path_machine *m, const struct path_node *n, struct dr_item focus, size_t base)
{
    (void)n;
    (void)focus;
    keep(m, base, 0, 1);
    return DR_OK;
}

static int32_t fn_last(struct path_machine *m, const struct path_node *n, struct dr_item focus, size_t base)
{
    size_t have = m->s->n - base;
    (void)n;
    (void)focus;
    keep(m, base, have ? have - 1 : 0, 1);
    return DR_OK;
}

static int32_t fn_tail(struct path_machine *m, const struct path_node *n, struct dr_item focus, size_t base)
{
    (void)n;
    (void)focus;
    keep(m, base, 1, SIZE_MAX);
    return DR_OK;
}

static int32_t fn_skip(struct path_machine *m, const struct path_node *n, struct dr_item focus, size_t base)
{
    bool any;
    int64_t count = 0;
    DR_TRY(path_arg_int(m, n->args[0], focus, &any, &count));
    keep(m, base, count > 0 ? (size_t)count : 0, any ? SIZE_MAX : 0);
    return DR_OK;
}

static int32_t fn_take(struct path_machine *m, const struct path_node *n, struct dr_item focus, size_t base)
{
    bool any;
    int64_t count = 0;
    DR_TRY(path_arg_int(m, n->args[0], focus, &any, &count));
    keep(m, base, 0, any && count > 0 ? (size_t)count : 0);
    return DR_OK;
}

static int32_t fn_single(struct path_machine *m, const struct path_node *n, struct dr_item focus, size_t base)
{
    size_t have = m->s->n - base;
    (void)focus;
    return have <= 1 ? DR_OK : path_error(m, n, "single() needs at most one value, and there are %zu", have);
}

static int32_t fn_of_type(struct path_machine *m, const struct path_node *n, struct dr_item focus,
                          size_t base)
{
    size_t kept = base;
    (void)focus;
    for (size_t i = base; i < m->s->n; i++)
        if (path_is_type(path_item(m, i), n)) {
            m->s->items[kept] = m->s->items[i];
            if (n->type && !m->s->items[kept].type)
                m->s->items[kept].type = n->type;
            kept++;
        }
    m->s->n = kept;
    return DR_OK;
}

static int32_t fn_is(struct path_machine *m, const struct path_node *n, struct dr_item focus, size_t base)
{
    size_t have = m->s->n - base;
    (void)focus;
    if (!have)
        return DR_OK;
    if (have > 1)
        return path_error(m, n, "is() needs one value, and there are %zu", have);
    return result_bool(m, base, path_is_type(path_item(m, base), n));
}

/* ---- sets ---- */

static int32_t distinct(struct path_machine *m, const struct path_node *n, size_t base)
{
    size_t kept = base;
    DR_TRY(path_check_pairs(m, n, m->s->n - base, m->s->n - base));
    for (size_t i = base; i < m->s->n; i++)
        if (!path_holds(m, base, kept, path_item(m, i)))
            m->s->items[kept++] = m->s->items[i];
    m->s->n = kept;
    return DR_OK;
}

static int32_t fn_distinct(struct path_machine *m, const struct path_node *n, struct dr_item focus,
                           size_t base)
{
    (void)focus;
    return distinct(m, n, base);
}

static int32_t fn_is_distinct(struct path_machine *m, const struct path_node *n, struct dr_item focus,
                              size_t base)
{
    size_t have = m->s->n - base;
    (void)focus;
    DR_TRY(distinct(m, n, base));
    return result_bool(m, base, m->s->n - base == have);
}

static int32_t fn_combine(struct path_machine *m, const struct path_node *n, struct dr_item focus,
                          size_t base)
{
    (void)base;
    return path_eval(m, n->args[0], focus);
}

static int32_t fn_union(struct path_machine *m, const struct path_node *n, struct dr_item focus, size_t base)
{
    DR_TRY(path_eval(m, n->args[0], focus));
    return distinct(m, n, base);
}

/* The input's items that are in the argument (wanted), or that are not. */
static int32_t against(struct path_machine *m, const struct path_node *n, struct dr_item focus, size_t base,
                       bool wanted)
{
    size_t end = m->s->n, kept = base;
    DR_TRY(path_eval(m, n->args[0], focus));
    DR_TRY(path_check_pairs(m, n, end - base, m->s->n - end));
    for (size_t i = base; i < end; i++)
        if (path_holds(m, end, m->s->n, path_item(m, i)) == wanted)
            m->s->items[kept++] = m->s->items[i];
    m->s->n = kept;
    return DR_OK;
}

static int32_t fn_intersect(struct path_machine *m, const struct path_node *n, struct dr_item focus,
                            size_t base)
{
    DR_TRY(against(m, n, focus, base, true));
    return distinct(m, n, base);
}

static int32_t fn_exclude(struct path_machine *m, const struct path_node *n, struct dr_item focus,
                          size_t base)
{
    return against(m, n, focus, base, false);
}

/* ---- projection ---- */

static int32_t fn_select(struct path_machine *m, const struct path_node *n, struct dr_item focus, size_t base)
{
    size_t count = m->s->n - base;
    int64_t outer = m->index;
    (void)focus;
    for (size_t i = 0; i < count; i++) {
        m->index = (int64_t)i;
        DR_TRY(path_eval(m, n->args[0], path_item(m, base + i)));
    }
    m->index = outer;
    keep(m, base, count, SIZE_MAX);
    return DR_OK;
}

/* What the projection yields, what it yields for that, and so on; each once. */
static int32_t fn_repeat(struct path_machine *m, const struct path_node *n, struct dr_item focus, size_t base)
{
    size_t inputs = m->s->n - base;
    (void)focus;
    for (size_t i = base; i < m->s->n; i++) {
        size_t end = m->s->n, kept = end;
        DR_TRY(path_eval(m, n->args[0], path_item(m, i)));
        DR_TRY(path_check_pairs(m, n, m->s->n - end, end - base));
        for (size_t k = end; k < m->s->n; k++)
            if (!path_holds(m, base + inputs, kept, path_item(m, k)))
                m->s->items[kept++] = m->s->items[k];
        m->s->n = kept;
    }
    keep(m, base, inputs, SIZE_MAX);
    return DR_OK;
}

static int32_t fn_iif(struct path_machine *m, const struct path_node *n, struct dr_item focus, size_t base)
{
    int truth;
    if (n->input && m->s->n > base) /* x.iif(...) sees x as $this */
        focus = path_item(m, base);
    m->s->n = base;
    DR_TRY(path_arg_truth(m, n->args[0], focus, &truth));
    if (truth == 1)
        return path_eval(m, n->args[1], focus);
    return n->n_args == 3 ? path_eval(m, n->args[2], focus) : DR_OK;
}

const struct path_function path_collection_functions[] = {
    { "empty", fn_empty, 0, 0, false, DR_FHIR_BOOLEAN },
    { "exists", fn_exists, 0, 1, false, DR_FHIR_BOOLEAN },
    { "not", fn_not, 0, 0, false, DR_FHIR_BOOLEAN },
    { "all", fn_all, 1, 1, false, DR_FHIR_BOOLEAN },
    { "allTrue", fn_all_true, 0, 0, false, DR_FHIR_BOOLEAN },
    { "anyTrue", fn_any_true, 0, 0, false, DR_FHIR_BOOLEAN },
    { "allFalse", fn_all_false, 0, 0, false, DR_FHIR_BOOLEAN },
    { "anyFalse", fn_any_false, 0, 0, false, DR_FHIR_BOOLEAN },
    { "count", fn_count, 0, 0, false, DR_FHIR_INTEGER },
    { "where", fn_where, 1, 1, false, 0 },
    { "select", fn_select, 1, 1, false, 0 },
    { "repeat", fn_repeat, 1, 1, false, 0 },
    { "first", fn_first, 0, 0, false, 0 },
    { "last", fn_last, 0, 0, false, 0 },
    { "tail", fn_tail, 0, 0, false, 0 },
    { "skip", fn_skip, 1, 1, false, 0 },
    { "take", fn_take, 1, 1, false, 0 },
    { "single", fn_single, 0, 0, false, 0 },
    { "ofType", fn_of_type, 1, 1, true, 0 },
    { "as", fn_of_type, 1, 1, true, 0 },
    { "is", fn_is, 1, 1, true, DR_FHIR_BOOLEAN },
    { "distinct", fn_distinct, 0, 0, false, 0 },
    { "isDistinct", fn_is_distinct, 0, 0, false, DR_FHIR_BOOLEAN },
    { "combine", fn_combine, 1, 1, false, 0 },
    { "union", fn_union, 1, 1, false, 0 },
    { "intersect", fn_intersect, 1, 1, false, 0 },
    { "exclude", fn_exclude, 1, 1, false, 0 },
    { "iif", fn_iif, 2, 3, false, 0 },
};
const int path_n_collection_functions =
    sizeof path_collection_functions / sizeof path_collection_functions[0];

/* ---- the table ---- */

static const struct path_function *find_in(const struct path_function *f, int n, struct dr_str name)
{
    for (int i = 0; i < n; i++)
        if (dr_str_eq(name, dr_str_of(f[i].name)))
            return &f[i];
    return NULL;
}

const struct path_function *path_function_find(struct dr_str name)
{
    const struct path_function *f = find_in(path_collection_functions, path_n_collection_functions, name);
    if (!f)
        f = find_in(path_text_functions, path_n_text_functions, name);
    return f ? f : find_in(path_fhir_functions, path_n_fhir_functions, name);
}

const char *const *path_function_names(size_t *ret_n)
{
    static const char *names[128];
    size_t n = 0;
    for (int i = 0; i < path_n_collection_functions; i++)
        names[n++] = path_collection_functions[i].name;
    for (int i = 0; i < path_n_text_functions; i++)
        names[n++] = path_text_functions[i].name;
    for (int i = 0; i < path_n_fhir_functions; i++)
        names[n++] = path_fhir_functions[i].name;
    *ret_n = n;
    return names;
}
