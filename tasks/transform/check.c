/* check.c - the arguments of steps, and the columns they work on, before any row is read.
 *
 * Columns are known as far as the input's are; a step changes them as it would the
 * table's. Types are known of what a step before has made; those of the input are not before a run.
 * Text that still holds ${...} is not known yet, and passes. */
#include "transform.h"
#include <stdio.h>
#include <string.h>

/* ---- columns ---- */

void known_input(struct known *k, struct dr_task *t, const char *input)
{
    const char *const *names = NULL;
    k->n_made = 0;
    k->n = dr_task_columns(t, input, &names);
    if (k->n > KNOWN_MAX)
        k->n = -1;
    for (int32_t i = 0; i < k->n; i++)
        k->names[i] = names[i];
}

static int32_t known_find(const struct known *k, const char *name)
{
    for (int32_t i = 0; i < k->n; i++)
        if (strcmp(k->names[i], name) == 0)
            return i;
    return -1;
}

void known_add(struct known *k, const char *name)
{
    if (k->n < 0 || known_find(k, name) >= 0)
        return;
    if (k->n == KNOWN_MAX)
        k->n = -1;
    else
        k->names[k->n++] = name;
}

static int32_t made_find(const struct known *k, const char *name)
{
    for (int32_t i = 0; i < k->n_made; i++)
        if (strcmp(k->made[i].name, name) == 0)
            return i;
    return -1;
}

void known_type(struct known *k, const char *name, enum of_type type)
{
    int32_t at = name ? made_find(k, name) : -1;
    if (!name || strstr(name, "${") || (at < 0 && k->n_made == MADE_MAX))
        return;
    at = at < 0 ? k->n_made++ : at;
    k->made[at].name = name;
    k->made[at].type = type;
}

static enum of_type type_made(const struct known *k, const char *name)
{
    int32_t at = made_find(k, name);
    return at < 0 ? OF_ANY : k->made[at].type;
}

void known_select(struct known *k, const struct dr_node *names)
{
    if (k->n < 0)
        return;
    k->n = 0;
    for (int64_t i = 0; i < dr_node_size(names); i++)
        known_add(k, dr_node_str(dr_node_at(names, i), ""));
}

/* All at once, as the step does: two columns may change names, and their types with them. */
void known_rename(struct known *k, const struct dr_node *from_to)
{
    static struct known before; /* one task at a time */
    before = *k;
    for (int64_t i = 0; i < dr_node_size(from_to); i++)
        if (made_find(k, dr_node_key(from_to, i)) >= 0)
            known_type(k, dr_node_key(from_to, i), OF_ANY);
    for (int64_t i = 0; i < dr_node_size(from_to); i++) {
        const char *from = dr_node_key(from_to, i), *to = dr_node_str(dr_node_at(from_to, i), "");
        int32_t at = known_find(&before, from);
        enum of_type type = type_made(&before, from);
        if (at >= 0)
            k->names[at] = to;
        if (type != OF_ANY || made_find(k, to) >= 0)
            known_type(k, to, type);
    }
}

/* ---- values ---- */

static int is_open(const struct dr_node *n)
{
    return strstr(dr_node_str(n, ""), "${") != NULL;
}

static int32_t check_type(struct dr_task *t, const char *step, const struct dr_node *where, const char *name,
                          enum of_type needed, const struct known *k)
{
    static const char *const words[] = {
        [OF_TEXT] = "text", [OF_NUMBER] = "a number", [OF_DATE] = "a date", [OF_BOOL] = "true or false"
    };
    enum of_type made = type_made(k, name);
    if (needed == OF_ANY || made == OF_ANY || made == needed)
        return 0;
    return dr_task_problem(t, where, "step %s: column '%s' must be %s, and a step before made it %s", step,
                           name, words[needed], words[made]);
}

static int32_t check_column(struct dr_task *t, const char *step, const struct dr_node *where,
                            const char *name, enum of_type needed, const struct known *k)
{
    int32_t rc = check_type(t, step, where, name, needed, k);
    if (rc)
        return rc;
    if (k->n < 0 || known_find(k, name) >= 0 || strstr(name, "${"))
        return 0;
    char have[600] = "";
    for (int32_t i = 0; i < k->n; i++) {
        size_t n = strlen(have);
        snprintf(have + n, sizeof have - n, "%s%s", i ? ", " : "", k->names[i]);
    }
    return dr_task_problem(t, where, "step %s: the table has no column '%s'; it has %s", step, name, have);
}

static int is_text(const struct dr_node *n)
{
    return dr_node_str(n, NULL) != NULL;
}

static const char *wanted(enum arg_kind kind)
{
    static const char *const words[] = {
        [ARG_COLUMN] = "the name of a column",
        [ARG_COLUMNS] = "a list of columns",
        [ARG_NEW_COLUMN] = "the name of a column",
        [ARG_TEXT] = "text",
        [ARG_TEXTS] = "a list of texts",
        [ARG_TEXT_MAP] = "a map of texts",
        [ARG_RENAME] = "a map of old names to new ones",
        [ARG_BOOL] = "true or false",
        [ARG_INT] = "a whole number",
        [ARG_CONFLICTS] = "last, first or none",
    };
    return words[kind];
}

/* Whether a list or map is one, and all in it is text. */
static int all_text(const struct dr_node *n, int32_t kind)
{
    if (dr_node_kind(n) != kind)
        return 0;
    for (int64_t i = 0; i < dr_node_size(n); i++)
        if (!is_text(dr_node_at(n, i)))
            return 0;
    return 1;
}

static int is_conflicts(const struct dr_node *n)
{
    const char *text = dr_node_str(n, "");
    return strcmp(text, "last") == 0 || strcmp(text, "first") == 0 || strcmp(text, "none") == 0;
}

static int fits(enum arg_kind kind, const struct dr_node *n)
{
    switch (kind) {
    case ARG_COLUMNS:
    case ARG_TEXTS:
        return all_text(n, DR_NODE_LIST);
    case ARG_TEXT_MAP:
    case ARG_RENAME:
        return all_text(n, DR_NODE_MAP);
    case ARG_BOOL:
        return dr_node_kind(n) == DR_NODE_BOOL;
    case ARG_INT:
        return dr_node_kind(n) == DR_NODE_INT;
    case ARG_CONFLICTS:
        return is_conflicts(n);
    default:
        return is_text(n);
    }
}

static int32_t check_columns_of(struct dr_task *t, const char *step, const struct arg *a,
                                const struct dr_node *n, const struct known *k)
{
    int32_t rc = 0, one = 0;
    if (a->kind == ARG_COLUMN)
        return check_column(t, step, n, dr_node_str(n, ""), a->type, k);
    for (int64_t i = 0; (a->kind == ARG_COLUMNS || a->kind == ARG_RENAME) && i < dr_node_size(n); i++) {
        const struct dr_node *item = dr_node_at(n, i);
        const char *name = a->kind == ARG_RENAME ? dr_node_key(n, i) : dr_node_str(item, "");
        one = check_column(t, step, item, name, a->type, k);
        rc = one ? one : rc;
    }
    return rc;
}

/* ---- arguments ---- */

static int32_t unknown_arg(struct dr_task *t, const char *step, const struct arg *list,
                           const struct dr_node *args, int64_t i)
{
    char have[200] = "";
    for (const struct arg *a = list; a->name; a++) {
        size_t n = strlen(have);
        snprintf(have + n, sizeof have - n, "%s%s", n ? ", " : "", a->name);
    }
    return dr_task_problem(t, dr_node_at(args, i), "step %s has no argument '%s'; it has %s", step,
                           dr_node_key(args, i), have);
}

static int32_t check_arg(struct dr_task *t, const char *step, const struct arg *a, const struct dr_node *args,
                         const struct known *k)
{
    const struct dr_node *value = dr_node_get(args, a->name);
    if (dr_node_kind(value) == DR_NODE_NULL) {
        if (a->flags & DR_REQUIRED)
            return dr_task_problem(t, args, "step %s: '%s' is missing: %s", step, a->name, wanted(a->kind));
        return 0;
    }
    if (is_open(value))
        return 0;
    if (!fits(a->kind, value))
        return dr_task_problem(t, value, "step %s: '%s' must be %s", step, a->name, wanted(a->kind));
    return check_columns_of(t, step, a, value, k);
}

int32_t check_args(struct dr_task *t, const char *step, const struct arg *known_args,
                   const struct dr_node *args, const struct known *k)
{
    int32_t rc = 0, one;
    if (dr_node_kind(args) != DR_NODE_MAP)
        return dr_task_problem(t, args, "step %s: its arguments must be a map: {name: value}", step);
    for (int64_t i = 0; i < dr_node_size(args); i++) {
        const struct arg *a = known_args;
        while (a->name && strcmp(a->name, dr_node_key(args, i)) != 0)
            a++;
        if (!a->name)
            rc = unknown_arg(t, step, known_args, args, i);
    }
    for (const struct arg *a = known_args; a->name; a++) {
        one = check_arg(t, step, a, args, k);
        rc = one ? one : rc;
    }
    return rc;
}
