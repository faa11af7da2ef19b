/* Steps that change the spelling of text: trim, upper, lower, missing, replace.
 * Each works on the distinct values of a column. */
#include "transform.h"
#include <stdlib.h>
#include <string.h>

/* Of a file that is read in batches the texts that its reader did not put into a dictionary are too many to
 * make one in memory for all that is written. */
static int32_t map_to(const struct work *w, const char *name)
{
    int32_t i = dr_table_find(w->table, name);
    int of_string = dr_column_type(dr_table_column(w->table, i)) == DR_TYPE_STRING;
    return w->stream && of_string ? DR_TYPE_STRING : DR_TYPE_DICT;
}

/* Apply fn to each column of args.columns. */
static int32_t map_columns(struct work *w, const struct dr_node *args, dr_map_fn fn, void *ctx)
{
    const struct dr_node *names = dr_node_get(args, "columns");
    if (!dr_node_size(names))
        return dr_task_fail_final(w->t, "step %s: give columns: [...]", w->step);
    for (int64_t i = 0; i < dr_node_size(names); i++) {
        const char *name = dr_node_str(dr_node_at(names, i), "");
        struct dr_column *in = NULL, *out = NULL;
        DR_TRY(text_column(w, name, &in));
        int32_t rc = dr_column_map(1, (const struct dr_column *const *)&in, fn, ctx, map_to(w, name), NULL,
                                   &out, dr_task_err(w->t));
        dr_column_unref(in);
        DR_TRY(rc);
        DR_TRY(put_column(w, name, out));
    }
    return 0;
}

struct scratch {
    char *p;
    int64_t cap;
};

static char *reserve(struct scratch *s, int64_t n)
{
    if (n + 1 > s->cap) {
        s->cap = n + 64;
        s->p = need(realloc(s->p, (size_t)s->cap));
    }
    return s->p;
}

static int is_space(const char *p, int64_t left, int64_t *ret_n)
{
    unsigned char c = (unsigned char)*p;
    *ret_n = 1;
    if (c == ' ' || (c >= '\t' && c <= '\r'))
        return 1;
    *ret_n = 2; /* U+00A0, the no-break space that spreadsheets leave */
    return left >= 2 && c == 0xC2 && (unsigned char)p[1] == 0xA0;
}

/* Space at both ends goes, space within becomes one blank; nothing left is missing. */
static void trim_cell(void *ctx, int32_t n_args, const struct dr_cell *args, struct dr_cell *ret)
{
    (void)n_args;
    *ret = args[0];
    if (!args[0].state)
        return;
    char *to = reserve(ctx, args[0].n);
    int64_t n = 0, width;
    int pending = 0;
    for (int64_t i = 0; i < args[0].n;) {
        if (is_space(args[0].p + i, args[0].n - i, &width)) {
            pending = n > 0;
            i += width;
            continue;
        }
        if (pending)
            to[n++] = ' ';
        pending = 0;
        to[n++] = args[0].p[i++];
    }
    ret->state = n > 0;
    ret->p = to;
    ret->n = n;
}

/* Letters of ASCII from `first` to `first` + 25 in the other case. */
static void change_case(void *ctx, char first, const struct dr_cell *from, struct dr_cell *ret)
{
    *ret = *from;
    if (!from->state)
        return;
    char *to = reserve(ctx, from->n);
    for (int64_t i = 0; i < from->n; i++) {
        char c = from->p[i];
        to[i] = c >= first && c <= first + 25 ? (char)(c ^ ('a' ^ 'A')) : c;
    }
    ret->p = to;
}

static void upper_cell(void *ctx, int32_t n_args, const struct dr_cell *args, struct dr_cell *ret)
{
    (void)n_args;
    change_case(ctx, 'a', &args[0], ret);
}

static void lower_cell(void *ctx, int32_t n_args, const struct dr_cell *args, struct dr_cell *ret)
{
    (void)n_args;
    change_case(ctx, 'A', &args[0], ret);
}

static int32_t map_with_scratch(struct work *w, const struct dr_node *args, dr_map_fn fn)
{
    struct scratch scratch = { 0 };
    int32_t rc = map_columns(w, args, fn, &scratch);
    free(scratch.p);
    return rc;
}

int32_t step_trim(struct work *w, const struct dr_node *args)
{
    return map_with_scratch(w, args, trim_cell);
}

int32_t step_upper(struct work *w, const struct dr_node *args)
{
    return map_with_scratch(w, args, upper_cell);
}

int32_t step_lower(struct work *w, const struct dr_node *args)
{
    return map_with_scratch(w, args, lower_cell);
}

static int same(const struct dr_cell *c, const char *text)
{
    return (int64_t)strlen(text) == c->n && memcmp(text, c->p, (size_t)c->n) == 0;
}

static void missing_cell(void *ctx, int32_t n_args, const struct dr_cell *args, struct dr_cell *ret)
{
    const struct dr_node *values = ctx;
    (void)n_args;
    *ret = args[0];
    for (int64_t i = 0; ret->state && i < dr_node_size(values); i++)
        if (same(&args[0], dr_node_str(dr_node_at(values, i), "")))
            ret->state = 0;
}

/* The map takes a context that may be written to; this one is only read. */
static void *unconst(const void *p)
{
    union {
        const void *in;
        void *out;
    } u = { p };
    return u.out;
}

int32_t step_missing(struct work *w, const struct dr_node *args)
{
    return map_columns(w, args, missing_cell, unconst(dr_node_get(args, "values")));
}

static void replace_cell(void *ctx, int32_t n_args, const struct dr_cell *args, struct dr_cell *ret)
{
    const struct dr_node *values = ctx;
    (void)n_args;
    *ret = args[0];
    for (int64_t i = 0; args[0].state && i < dr_node_size(values); i++) {
        if (same(&args[0], dr_node_key(values, i))) {
            ret->p = dr_node_str(dr_node_at(values, i), "");
            ret->n = (int64_t)strlen(ret->p);
            return;
        }
    }
}

int32_t step_replace(struct work *w, const struct dr_node *args)
{
    return map_columns(w, args, replace_cell, unconst(dr_node_get(args, "values")));
}
