/* path_parse.c - a FHIRPath expression to a tree: precedence climbing over one table of
 * operators. Names of functions, types and constants are settled here, so that what can be
 * known to be wrong is refused before any data is seen. */
#include "view/path_tree.h"
#include "view/temporal.h"

#define TEXT_MAX 16384
#define NODES_MAX 4000
#define DEPTH_MAX 60

struct parser {
    struct path_lexer lex;
    struct path_token now;
    const struct dr_path_names *names;
    int depth, n_nodes;
};

static int32_t expression(struct parser *p, int binding, struct path_node **ret);

static int32_t advance(struct parser *p)
{
    return path_next(&p->lex, &p->now);
}

static bool is_symbol(const struct parser *p, const char *symbol)
{
    return p->now.kind == PATH_SYMBOL && dr_str_eq(p->now.text, dr_str_of(symbol));
}

static int32_t fail_here(struct parser *p, const char *expected)
{
    if (p->now.kind == PATH_END)
        return path_fail(&p->lex, p->now.at, "the expression ends where %s is expected", expected);
    return path_fail(&p->lex, p->now.at, "%s is expected here, not '%.*s'", expected,
                     (int)(p->now.text.n < 40 ? p->now.text.n : 40), p->now.text.p);
}

static int32_t expect_symbol(struct parser *p, const char *symbol, const char *expected)
{
    if (!is_symbol(p, symbol))
        return fail_here(p, expected);
    return advance(p);
}

static int32_t make(struct parser *p, enum path_op op, size_t at, struct path_node **ret)
{
    if (++p->n_nodes > NODES_MAX)
        return path_fail(&p->lex, at, "the expression has more than %d parts", NODES_MAX);
    *ret = DR_NEW(p->lex.a, struct path_node);
    (*ret)->op = op;
    (*ret)->at = at;
    return DR_OK;
}

/* ---- types ---- */

/* A resource type is a word with a capital that is no data type. */
static bool is_resource_name(struct dr_str s)
{
    return s.n && s.p[0] >= 'A' && s.p[0] <= 'Z';
}

/* Patient, FHIR.Quantity, System.String. */
static int32_t type_name(struct parser *p, struct path_node *n)
{
    struct dr_str name = p->now.text;
    size_t at = p->now.at, count;
    if (p->now.kind != PATH_WORD && p->now.kind != PATH_QUOTED && p->now.kind != PATH_STRING)
        return fail_here(p, "a type");
    DR_TRY(advance(p));
    if (is_symbol(p, ".") && (dr_str_eq(name, DR_LIT("FHIR")) || dr_str_eq(name, DR_LIT("System")))) {
        DR_TRY(advance(p));
        if (p->now.kind != PATH_WORD && p->now.kind != PATH_QUOTED)
            return fail_here(p, "the name of a type");
        char *both =
            dr_arena_printf(p->lex.a, "%.*s.%.*s", (int)name.n, name.p, (int)p->now.text.n, p->now.text.p);
        n->type = dr_fhir_type_of(dr_str_of(both));
        name = p->now.text;
        DR_TRY(advance(p));
    } else {
        n->type = dr_fhir_type_of(name);
    }
    n->spec = name;
    if (n->type || is_resource_name(name))
        return DR_OK;
    const char *const *types = dr_fhir_type_names(&count);
    const char *near = dr_nearest(dr_arena_dup(p->lex.a, name.p, name.n), types, count);
    return path_fail(&p->lex, at, "there is no type '%.*s'%s%s%s", (int)name.n, name.p,
                     near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static void add_choice(struct parser *p, struct path_node *n, uint8_t type)
{
    const char *suffix = dr_fhir_type_name(type);
    char *name =
        dr_arena_printf(p->lex.a, "%.*s%c%s", (int)n->name.n, n->name.p, suffix[0] & ~0x20, suffix + 1);
    n->choice[n->n_choice] = dr_str_of(name);
    n->choice_types[n->n_choice++] = type;
}

/* input.name followed by ofType(type): the names under which that stands in JSON. */
static void make_choice(struct parser *p, struct path_node *member, const struct path_node *type)
{
    int n = 1;
    for (uint8_t t = dr_fhir_type_special(type->type, 0); t; t = dr_fhir_type_special(type->type, t))
        n++;
    member->op = PATH_CHOICE;
    member->type = type->type;
    member->spec = type->spec;
    member->choice = dr_arena_array(p->lex.a, (size_t)n, sizeof *member->choice);
    member->choice_types = dr_arena_array(p->lex.a, (size_t)n, 1);
    add_choice(p, member, type->type);
    for (uint8_t t = dr_fhir_type_special(type->type, 0); t; t = dr_fhir_type_special(type->type, t))
        add_choice(p, member, t);
}

/* Applied to a member, ofType, is and as look at the element's name. Gives n itself or
 * the member that now does its work. */
static struct path_node *settle_type(struct parser *p, struct path_node *n, struct path_node *subject)
{
    bool of_member = subject && subject->op == PATH_MEMBER && n->type;
    if (!of_member || n->op == PATH_IS)
        return n;
    make_choice(p, subject, n);
    return subject;
}

/* ---- terms ---- */

static int32_t literal(struct parser *p, struct path_node **ret)
{
    struct path_token t = p->now;
    DR_TRY(make(p, PATH_LITERAL, t.at, ret));
    struct dr_item *v = &(*ret)->literal;
    *v = (struct dr_item){ .text = t.text, .kind = DR_ITEM_TEXT, .type = DR_FHIR_STRING };
    if (t.kind == PATH_NUMBER) {
        v->kind = DR_ITEM_NUMBER;
        v->type = memchr(t.text.p, '.', t.text.n) ? DR_FHIR_DECIMAL : DR_FHIR_INTEGER;
    } else if (t.kind == PATH_WORD) {
        *v = dr_item_bool(t.text.p[0] == 't');
    }
    return advance(p);
}

/* @2010-01-02, @2010-01-02T10:00, @T10:00; the text of a time loses its T. */
static int32_t time_literal(struct parser *p, struct path_node **ret)
{
    struct path_token t = p->now;
    DR_TRY(make(p, PATH_LITERAL, t.at, ret));
    uint8_t type = DR_FHIR_DATE;
    if (t.text.n && t.text.p[0] == 'T') {
        type = DR_FHIR_TIME;
        t.text.p++;
        t.text.n--;
    } else if (t.text.n && memchr(t.text.p, 'T', t.text.n)) {
        type = DR_FHIR_DATETIME;
    }
    struct dr_temporal parsed;
    if (!dr_temporal_parse(t.text, &parsed))
        return path_fail(&p->lex, t.at,
                         "'@%.*s' is not a date or time such as @2010-01-31, @2010-01-31T10:30 or @T10:30",
                         (int)t.text.n, t.text.p);
    (*ret)->literal = (struct dr_item){ .text = t.text, .kind = DR_ITEM_TEXT, .type = type };
    return advance(p);
}

static int32_t variable(struct parser *p, struct path_node **ret)
{
    struct path_token t = p->now;
    static const char *const resources[] = { "resource", "context", "rootResource" };
    DR_TRY(advance(p));
    if (dr_str_eq(t.text, DR_LIT("rowIndex")))
        return make(p, PATH_ROW_INDEX, t.at, ret);
    for (int i = 0; i < p->names->n; i++)
        if (dr_str_eq(t.text, p->names->constants[i].name)) {
            DR_TRY(make(p, PATH_LITERAL, t.at, ret));
            (*ret)->literal = p->names->constants[i].value;
            return DR_OK;
        }
    for (size_t i = 0; i < sizeof resources / sizeof resources[0]; i++)
        if (dr_str_eq(t.text, dr_str_of(resources[i])))
            return make(p, PATH_RESOURCE, t.at, ret);
    return path_fail(&p->lex, t.at, "there is no constant '%.*s' in this view", (int)t.text.n, t.text.p);
}

static int32_t special(struct parser *p, struct path_node **ret)
{
    struct path_token t = p->now;
    DR_TRY(advance(p));
    if (dr_str_eq(t.text, DR_LIT("this")))
        return make(p, PATH_THIS, t.at, ret);
    if (dr_str_eq(t.text, DR_LIT("index")))
        return make(p, PATH_INDEX, t.at, ret);
    return path_fail(&p->lex, t.at, "there is no '$%.*s'; $this and $index are", (int)t.text.n, t.text.p);
}

static int32_t find_function(struct parser *p, struct path_token t, const struct path_function **ret)
{
    *ret = path_function_find(t.text);
    if (*ret)
        return DR_OK;
    size_t n;
    const char *const *names = path_function_names(&n);
    const char *near = dr_nearest(dr_arena_dup(p->lex.a, t.text.p, t.text.n), names, n);
    return path_fail(&p->lex, t.at, "there is no function '%.*s'%s%s%s", (int)t.text.n, t.text.p,
                     near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static int32_t arguments(struct parser *p, struct path_node *n)
{
    DR_TRY(advance(p)); /* ( */
    while (!is_symbol(p, ")")) {
        if (n->n_args && !is_symbol(p, ","))
            return fail_here(p, "',' or ')'");
        if (n->n_args)
            DR_TRY(advance(p));
        if (n->n_args == n->fn->most)
            return path_fail(&p->lex, p->now.at, "%s takes %s%d argument%s", n->fn->name,
                             n->fn->least < n->fn->most ? "at most " : "", n->fn->most,
                             n->fn->most == 1 ? "" : "s");
        if (n->fn->type_arg && !n->n_args)
            DR_TRY(type_name(p, n));
        else
            DR_TRY(expression(p, 0, &n->args[n->n_args]));
        n->n_args++;
    }
    if (n->n_args < n->fn->least)
        return path_fail(&p->lex, n->at, "%s takes %s%d argument%s", n->fn->name,
                         n->fn->least < n->fn->most ? "at least " : "", n->fn->least,
                         n->fn->least == 1 ? "" : "s");
    return advance(p);
}

/* Extensions of a primitive stand beside it, under its name with an underscore. */
static void ask_shadow(struct parser *p, struct path_node *n)
{
    if (n && n->op == PATH_MEMBER)
        n->shadow = dr_str_of(dr_arena_printf(p->lex.a, "_%.*s", (int)n->name.n, n->name.p));
}

static int32_t call(struct parser *p, struct path_token name, struct path_node *input, struct path_node **ret)
{
    struct path_node *n = NULL;
    DR_TRY(make(p, PATH_CALL, name.at, &n));
    n->input = input;
    n->name = name.text;
    DR_TRY(find_function(p, name, &n->fn));
    DR_TRY(arguments(p, n));
    if (dr_streq(n->fn->name, "extension"))
        ask_shadow(p, input);
    bool casts = dr_streq(n->fn->name, "ofType") || dr_streq(n->fn->name, "as");
    *ret = casts ? settle_type(p, n, input) : n;
    return DR_OK;
}

/* name or name(...), after a dot or at the beginning. */
static int32_t invocation(struct parser *p, struct path_node *input, bool first, struct path_node **ret)
{
    struct path_token t = p->now;
    if (t.kind == PATH_SPECIAL && !first)
        return fail_here(p, "an element or a function");
    if (t.kind != PATH_WORD && t.kind != PATH_QUOTED)
        return fail_here(p, "an element or a function");
    DR_TRY(advance(p));
    if (t.kind == PATH_WORD && is_symbol(p, "("))
        return call(p, t, input, ret);
    bool root_type = first && t.kind == PATH_WORD && is_resource_name(t.text);
    DR_TRY(make(p, root_type ? PATH_ROOT_TYPE : PATH_MEMBER, t.at, ret));
    (*ret)->name = t.text;
    (*ret)->input = input;
    if (dr_str_eq(t.text, DR_LIT("extension")))
        ask_shadow(p, input);
    return DR_OK;
}

static int32_t group(struct parser *p, struct path_node **ret)
{
    DR_TRY(advance(p));
    DR_TRY(expression(p, 0, ret));
    return expect_symbol(p, ")", "')'");
}

static int32_t term(struct parser *p, struct path_node **ret)
{
    struct path_token t = p->now;
    switch (t.kind) {
    case PATH_STRING:
    case PATH_NUMBER:
        return literal(p, ret);
    case PATH_TIME:
        return time_literal(p, ret);
    case PATH_VARIABLE:
        return variable(p, ret);
    case PATH_SPECIAL:
        return special(p, ret);
    case PATH_SYMBOL:
        if (is_symbol(p, "("))
            return group(p, ret);
        if (is_symbol(p, "{")) {
            DR_TRY(advance(p));
            DR_TRY(expect_symbol(p, "}", "'}'"));
            return make(p, PATH_EMPTY, t.at, ret);
        }
        break;
    case PATH_WORD:
        if (dr_str_eq(t.text, DR_LIT("true")) || dr_str_eq(t.text, DR_LIT("false")))
            return literal(p, ret);
        return invocation(p, NULL, true, ret);
    case PATH_QUOTED:
        return invocation(p, NULL, true, ret);
    case PATH_END:
        break;
    }
    return fail_here(p, "an expression");
}

static int32_t postfix(struct parser *p, struct path_node **ret)
{
    struct path_node *n = NULL;
    DR_TRY(term(p, &n));
    for (;;) {
        size_t at = p->now.at;
        if (is_symbol(p, ".")) {
            DR_TRY(advance(p));
            DR_TRY(invocation(p, n, false, &n));
        } else if (is_symbol(p, "[")) {
            struct path_node *index = NULL;
            DR_TRY(make(p, PATH_AT, at, &index));
            DR_TRY(advance(p));
            DR_TRY(expression(p, 0, &index->args[0]));
            DR_TRY(expect_symbol(p, "]", "']'"));
            index->input = n;
            n = index;
        } else {
            *ret = n;
            return DR_OK;
        }
    }
}

static int32_t unary(struct parser *p, struct path_node **ret)
{
    size_t at = p->now.at;
    bool minus = is_symbol(p, "-");
    int32_t rc;
    if (!minus && !is_symbol(p, "+"))
        return postfix(p, ret);
    if (p->depth >= DEPTH_MAX)
        return path_fail(&p->lex, at, "nested more than %d deep", DEPTH_MAX);
    DR_TRY(advance(p));
    p->depth++;
    struct path_node *operand = NULL;
    rc = unary(p, &operand);
    p->depth--;
    DR_TRY(rc);
    if (!minus) {
        *ret = operand;
        return DR_OK;
    }
    DR_TRY(make(p, PATH_NEGATE, at, ret));
    (*ret)->args[0] = operand;
    return DR_OK;
}

/* ---- operators ---- */

#define TYPE_BINDING 8
static const struct {
    const char *text;
    int binding; /* the higher, the closer */
    enum path_binary op;
} operators[] = {
    { "implies", 1, PATH_IMPLIES },
    { "or", 2, PATH_OR },
    { "xor", 2, PATH_XOR },
    { "and", 3, PATH_AND },
    { "in", 4, PATH_IN },
    { "contains", 4, PATH_CONTAINS },
    { "=", 5, PATH_EQ },
    { "!=", 5, PATH_NE },
    { "~", 5, PATH_SAME },
    { "!~", 5, PATH_UNLIKE },
    { "<", 6, PATH_LT },
    { "<=", 6, PATH_LE },
    { ">", 6, PATH_GT },
    { ">=", 6, PATH_GE },
    { "|", 7, PATH_UNION },
    { "+", 9, PATH_ADD },
    { "-", 9, PATH_SUB },
    { "&", 9, PATH_CONCAT },
    { "*", 10, PATH_MUL },
    { "/", 10, PATH_DIVIDE },
    { "div", 10, PATH_DIV },
    { "mod", 10, PATH_MOD },
};

static int find_operator(const struct path_token *t)
{
    if (t->kind == PATH_SYMBOL || t->kind == PATH_WORD)
        for (int i = 0; i < (int)(sizeof operators / sizeof operators[0]); i++)
            if (dr_str_eq(t->text, dr_str_of(operators[i].text)))
                return i;
    return -1;
}

/* left is T, left as T. */
static int32_t type_operator(struct parser *p, bool is, struct path_node **left)
{
    struct path_node *n = NULL;
    DR_TRY(make(p, is ? PATH_IS : PATH_AS, p->now.at, &n));
    DR_TRY(advance(p));
    DR_TRY(type_name(p, n));
    n->args[0] = *left;
    *left = settle_type(p, n, *left);
    return DR_OK;
}

static int32_t operations(struct parser *p, int binding, struct path_node **left)
{
    for (;;) {
        bool is = p->now.kind == PATH_WORD && dr_str_eq(p->now.text, DR_LIT("is"));
        bool as = p->now.kind == PATH_WORD && dr_str_eq(p->now.text, DR_LIT("as"));
        int found = find_operator(&p->now);
        if ((is || as) && binding < TYPE_BINDING) {
            DR_TRY(type_operator(p, is, left));
            continue;
        }
        if (found < 0 || operators[found].binding <= binding)
            return DR_OK;
        struct path_node *n = NULL;
        DR_TRY(make(p, PATH_BINARY, p->now.at, &n));
        n->binary = operators[found].op;
        n->name = dr_str_of(operators[found].text);
        n->args[0] = *left;
        DR_TRY(advance(p));
        DR_TRY(expression(p, operators[found].binding, &n->args[1]));
        *left = n;
    }
}

/* An expression whose operators bind closer than `binding`. */
static int32_t expression(struct parser *p, int binding, struct path_node **ret)
{
    if (p->depth >= DEPTH_MAX)
        return path_fail(&p->lex, p->now.at, "nested more than %d deep", DEPTH_MAX);
    p->depth++;
    int32_t rc = unary(p, ret);
    if (!rc)
        rc = operations(p, binding, ret);
    p->depth--;
    return rc;
}

/* ---- what others see ---- */

int32_t dr_path_compile(struct dr_arena *a, struct dr_str text, const struct dr_path_names *names,
                        const struct dr_path **ret, size_t *ret_at, struct dr_err *err)
{
    struct parser p = { .lex = { .a = a, .all = { dr_arena_dup(a, text.p, text.n), text.n }, .err = err },
                        .names = names };
    struct path_node *root = NULL;
    int32_t rc = text.n > TEXT_MAX ? path_fail(&p.lex, 0, "longer than %d bytes", TEXT_MAX) : advance(&p);
    if (!rc)
        rc = expression(&p, 0, &root);
    if (!rc && p.now.kind != PATH_END)
        rc = fail_here(&p, "an operator or the end");
    if (rc) {
        if (ret_at)
            *ret_at = p.lex.fail_at;
        return rc;
    }
    struct dr_path *path = DR_NEW(a, struct dr_path);
    path->text = p.lex.all;
    path->root = root;
    path->wanted = names->wanted;
    *ret = path;
    return DR_OK;
}

struct dr_str dr_path_text(const struct dr_path *p)
{
    return p->text;
}

static uint8_t binary_type(enum path_binary op)
{
    if (op >= PATH_LT)
        return DR_FHIR_BOOLEAN;
    if (op == PATH_CONCAT)
        return DR_FHIR_STRING;
    if (op == PATH_DIV)
        return DR_FHIR_INTEGER;
    return op == PATH_DIVIDE || op == PATH_MUL || op == PATH_SUB ? DR_FHIR_DECIMAL : 0;
}

/* Functions that hand on items of their input. */
static bool hands_on(const struct path_node *n)
{
    static const char *const names[] = { "first", "last", "where", "single",
                                         "tail",  "skip", "take",  "distinct" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (dr_streq(n->fn->name, names[i]))
            return true;
    return false;
}

uint8_t dr_path_type(const struct dr_path *p)
{
    const struct path_node *n = p->root;
    while (n && (n->op == PATH_AT || (n->op == PATH_CALL && hands_on(n))))
        n = n->input;
    if (!n)
        return 0;
    switch (n->op) {
    case PATH_LITERAL:
        return n->literal.type;
    case PATH_BINARY:
        return binary_type(n->binary);
    case PATH_IS:
        return DR_FHIR_BOOLEAN;
    case PATH_ROW_INDEX:
    case PATH_INDEX:
        return DR_FHIR_INTEGER;
    case PATH_CHOICE:
    case PATH_AS:
        return n->type;
    case PATH_CALL:
        return n->fn->yields;
    default:
        return 0;
    }
}

bool dr_path_is_row_index(const struct dr_path *p)
{
    return p->root->op == PATH_ROW_INDEX;
}
