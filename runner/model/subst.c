/* subst.c - ${...}: substitution, not a language.
 *
 * A text is cut into pieces, each a literal and perhaps a name after it. What
 * a name gives is put in as it is and never looked at again. */
#include "model/subst.h"

static const char *const run_names[] = { "run_id", "dag_id", "logical_date", "data_interval_start",
                                         "data_interval_end" };
enum { N_RUN_NAMES = 5 };

/* ---- cutting -------------------------------------------------------------------- */

struct piece {
    struct dr_str literal; /* before the name */
    struct dr_str name;    /* p is NULL: the text ends here, or an escape follows */
    struct dr_str written; /* "${name}" */
};

static size_t find_close(struct dr_str s, size_t from)
{
    for (size_t i = from; i < s.n; i++)
        if (s.p[i] == '}')
            return i;
    return s.n;
}

static bool starts_at(struct dr_str s, size_t at, struct dr_str word)
{
    return at <= s.n && dr_str_starts((struct dr_str){ s.p + at, s.n - at }, word);
}

static void cut(struct dr_str *rest, size_t n)
{
    *rest = (struct dr_str){ rest->p + n, rest->n - n };
}

/* The next piece of *rest, which is not empty. "$${" ends a literal after its
 * "${" without the first "$": hence two pieces. */
static int32_t next_piece(struct dr_str *rest, struct piece *ret, struct dr_err *err)
{
    struct dr_str s = *rest;
    *ret = (struct piece){ .literal = s };
    for (size_t i = 0; i + 1 < s.n; i++) {
        if (s.p[i] != '$')
            continue;
        if (starts_at(s, i, DR_LIT("$${"))) {
            size_t skip = i == 0 ? 1 : 0; /* at the start: drop the first "$", give "${" */
            ret->literal = skip ? (struct dr_str){ s.p + 1, 2 } : (struct dr_str){ s.p, i };
            cut(rest, skip ? 3 : i);
            return DR_OK;
        }
        if (s.p[i + 1] != '{')
            continue;
        size_t close = find_close(s, i + 2);
        if (close == s.n)
            return dr_fail(err, DR_EDEF, "'${' without its '}' in '%.*s'; write '$${' for a literal '${'",
                           (int)(s.n > 80 ? 80 : s.n), s.p);
        ret->literal.n = i;
        ret->name = (struct dr_str){ s.p + i + 2, close - i - 2 };
        ret->written = (struct dr_str){ s.p + i, close + 1 - i };
        cut(rest, close + 1);
        return DR_OK;
    }
    cut(rest, s.n);
    return DR_OK;
}

int32_t dr_subst_each(struct dr_str text, int32_t (*fn)(void *ctx, struct dr_str name, struct dr_err *err),
                      void *ctx, struct dr_err *err)
{
    while (text.n > 0) {
        struct piece piece;
        DR_TRY(next_piece(&text, &piece, err));
        if (piece.name.p)
            DR_TRY(fn(ctx, piece.name, err));
    }
    return DR_OK;
}

bool dr_subst_has(struct dr_str text)
{
    return text.n > 1 && memmem(text.p, text.n, "${", 2) != NULL;
}

/* ---- names ------------------------------------------------------------------------ */

static struct dr_str after_prefix(struct dr_str s, struct dr_str prefix)
{
    return dr_str_starts(s, prefix) ? (struct dr_str){ s.p + prefix.n, s.n - prefix.n }
                                    : (struct dr_str){ 0 };
}

static int32_t fail_unknown(struct dr_arena *a, struct dr_str name, const char *const *params,
                            size_t n_params, struct dr_err *err)
{
    size_t n = N_RUN_NAMES + n_params;
    const char **candidates = dr_arena_array(a, n, sizeof(*candidates));
    memcpy(candidates, run_names, sizeof(run_names));
    for (size_t i = 0; i < n_params; i++)
        candidates[N_RUN_NAMES + i] = dr_arena_printf(a, "params.%s", params[i]);
    const char *word = dr_arena_dup(a, name.p, name.n);
    const char *near = dr_nearest(word, candidates, n);
    if (near)
        return dr_fail(err, DR_EDEF, "${%.100s} is not known; did you mean '${%s}'?", word, near);
    DR_AUTO_BUF all = { 0 };
    for (size_t i = n; i-- > 0;)
        dr_buf_printf(&all, "%s, ", candidates[i]);
    return dr_fail(err, DR_EDEF, "${%.100s} is not known; there are %senv.NAME", word, dr_buf_cstr(&all));
}

static int32_t check_env_name(struct dr_str name, struct dr_err *err)
{
    bool ok = name.n > 0 && name.n < 200 && !(name.p[0] >= '0' && name.p[0] <= '9');
    for (size_t i = 0; i < name.n && ok; i++) {
        char c = name.p[i];
        ok = c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    }
    if (ok)
        return DR_OK;
    return dr_fail(err, DR_EDEF, "${env.%.*s} does not name an environment variable",
                   (int)(name.n > 80 ? 80 : name.n), name.p);
}

int32_t dr_subst_check_name(struct dr_arena *a, struct dr_str name, const char *const *params,
                            size_t n_params, struct dr_err *err)
{
    struct dr_str param = after_prefix(name, DR_LIT("params."));
    struct dr_str env = after_prefix(name, DR_LIT("env."));
    for (size_t i = 0; i < N_RUN_NAMES; i++)
        if (dr_str_eq(name, dr_str_of(run_names[i])))
            return DR_OK;
    for (size_t i = 0; param.p && i < n_params; i++)
        if (dr_str_eq(param, dr_str_of(params[i])))
            return DR_OK;
    return env.p ? check_env_name(env, err) : fail_unknown(a, name, params, n_params, err);
}

static const char *run_value(const struct dr_subst *s, struct dr_str name)
{
    const char *const values[N_RUN_NAMES] = { s->run_id, s->dag_id, s->logical_date, s->data_interval_start,
                                              s->data_interval_end };
    for (size_t i = 0; i < N_RUN_NAMES; i++)
        if (dr_str_eq(name, dr_str_of(run_names[i])))
            return values[i];
    return NULL;
}

static const struct dr_node *param_value(const struct dr_subst *s, struct dr_str name)
{
    struct dr_str param = after_prefix(name, DR_LIT("params."));
    for (int32_t i = 0; param.p && i < dr_node_size(s->params); i++)
        if (dr_str_eq(s->params->keys[i], param))
            return s->params->items[i];
    return NULL;
}

static int32_t fail_no_value(struct dr_arena *a, struct dr_str name, const struct dr_subst *s,
                             struct dr_err *err)
{
    size_t n = (size_t)dr_node_size(s->params);
    const char **params = dr_arena_array(a, n + 1, sizeof(*params));
    for (size_t i = 0; i < n; i++)
        params[i] = s->params->keys[i].p;
    DR_TRY(dr_subst_check_name(a, name, params, n, err));
    struct dr_str env = after_prefix(name, DR_LIT("env."));
    if (env.p)
        return dr_fail(err, DR_EDEF, "${env.%.*s}: the environment variable %.*s is not set", (int)env.n,
                       env.p, (int)env.n, env.p);
    return dr_fail(err, DR_EDEF, "${%.*s} has no value here", (int)name.n, name.p);
}

/* What a name stands for, as text. */
static int32_t text_of(struct dr_arena *a, struct dr_str name, const struct dr_subst *s, const char **ret,
                       struct dr_err *err)
{
    const struct dr_node *param = param_value(s, name);
    const char *text = param ? dr_node_str(param, NULL) : run_value(s, name);
    if (param && !text)
        return dr_fail(err, DR_EDEF,
                       param->kind == DR_NODE_NULL
                           ? "${%.*s} has no value"
                           : "${%.*s} is a list or a map, which cannot stand inside a text",
                       (int)name.n, name.p);
    struct dr_str env = after_prefix(name, DR_LIT("env."));
    if (env.p && !check_env_name(env, NULL))
        text = getenv(dr_arena_dup(a, env.p, env.n));
    if (!text)
        return fail_no_value(a, name, s, err);
    *ret = text;
    return DR_OK;
}

/* ---- texts ------------------------------------------------------------------------- */

static int32_t expand(struct dr_arena *a, struct dr_str text, const struct dr_subst *s, bool keep_unknown,
                      struct dr_str *ret, struct dr_err *err)
{
    enum { TEXT_MAX = 1 << 20 };
    DR_AUTO_BUF out = { .max = TEXT_MAX };
    while (text.n > 0) {
        struct piece piece;
        const char *value = "";
        DR_TRY(next_piece(&text, &piece, err));
        dr_buf_append(&out, piece.literal.p, piece.literal.n);
        if (!piece.name.p)
            continue;
        int32_t rc = text_of(a, piece.name, s, &value, err);
        if (rc && !keep_unknown)
            return rc;
        if (rc)
            dr_buf_append(&out, piece.written.p, piece.written.n);
        else
            dr_buf_puts(&out, value);
    }
    if (!dr_buf_ok(&out))
        return dr_fail(err, DR_ELIMIT, "a text is longer than 1 MiB once its ${...} are replaced");
    *ret = (struct dr_str){ dr_arena_dup(a, dr_buf_cstr(&out), out.n), out.n };
    return DR_OK;
}

int32_t dr_subst_text(struct dr_arena *a, struct dr_str text, const struct dr_subst *s, const char **ret,
                      struct dr_err *err)
{
    struct dr_str done;
    DR_TRY(expand(a, text, s, false, &done, err));
    *ret = done.p;
    return DR_OK;
}

const char *dr_subst_preview_text(struct dr_arena *a, struct dr_str text, const struct dr_subst *s)
{
    struct dr_str done;
    return expand(a, text, s, true, &done, NULL) ? dr_arena_dup(a, text.p, text.n) : done.p;
}

/* ---- trees -------------------------------------------------------------------------- */

struct walk {
    struct dr_arena *a;
    const struct dr_subst *s;
    bool keep_unknown;
};

static struct dr_node *copy_node(struct dr_arena *a, const struct dr_node *n)
{
    struct dr_node *copy = DR_NEW(a, struct dr_node);
    *copy = *n;
    return copy;
}

/* The parameter that is all of the text, or NULL. */
static const struct dr_node *whole_param(struct dr_str text, const struct dr_subst *s)
{
    if (!dr_str_starts(text, DR_LIT("${params.")) || text.p[text.n - 1] != '}')
        return NULL;
    return param_value(s, (struct dr_str){ text.p + 2, text.n - 3 });
}

static int32_t walk_text(const struct walk *w, const struct dr_node *n, struct dr_node **ret,
                         struct dr_err *err)
{
    const struct dr_node *param = whole_param(n->text, w->s);
    struct dr_node *made = copy_node(w->a, param ? param : n);
    made->mark = n->mark;
    if (!param) {
        DR_TRY(expand(w->a, n->text, w->s, w->keep_unknown, &made->text, err));
        made->quoted = false; /* text made here is read as an unquoted scalar would be */
    }
    *ret = made;
    return DR_OK;
}

static int32_t walk_node(const struct walk *w, const struct dr_node *n, struct dr_node **ret,
                         struct dr_err *err)
{
    if (n->kind == DR_NODE_STRING && dr_subst_has(n->text))
        return walk_text(w, n, ret, err);
    struct dr_node *made = copy_node(w->a, n);
    if (dr_node_size(n) > 0)
        made->items = dr_arena_array(w->a, (size_t)n->n, sizeof(*made->items));
    for (int32_t i = 0; i < dr_node_size(n); i++)
        DR_TRY(walk_node(w, n->items[i], &made->items[i], err));
    *ret = made;
    return DR_OK;
}

int32_t dr_subst_node(struct dr_arena *a, const struct dr_node *n, const struct dr_subst *s,
                      struct dr_node **ret, struct dr_err *err)
{
    struct walk w = { a, s, false };
    if (!n)
        return dr_fail(err, DR_EBUG, "no tree to substitute in");
    return walk_node(&w, n, ret, err);
}

struct dr_node *dr_subst_preview(struct dr_arena *a, const struct dr_node *n, const struct dr_subst *s)
{
    struct walk w = { a, s, true };
    struct dr_node *made = NULL;
    return walk_node(&w, n, &made, NULL) ? copy_node(a, n) : made;
}
