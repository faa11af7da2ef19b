/* condition_parse.c - the text of a row_condition to a tree. A recursive
 * descent, one function for each level of binding; see condition.h. */
#include "expect/condition.h"
#include <strings.h>
#include "base/num.h"

#define DEPTH_MAX 60

struct reader {
    struct dr_arena *arena;
    struct dr_str all, rest;
    int depth;
    struct dr_err *err;
};

static int32_t either(struct reader *r, struct dr_condition **ret);
static int32_t sum(struct reader *r, struct dr_condition **ret);

static int32_t fail(struct reader *r, const char *expected)
{
    return dr_fail(r->err, DR_EDEF, "row_condition cannot be read at character %zu: %s expected in: %.160s",
                   r->all.n - r->rest.n + 1, expected, r->all.p);
}

static struct dr_condition *make(struct reader *r, enum dr_condition_op op, struct dr_condition *a,
                                 struct dr_condition *b)
{
    struct dr_condition *c = DR_NEW(r->arena, struct dr_condition);
    c->op = op;
    c->arg[0] = a;
    c->arg[1] = b;
    return c;
}

static bool is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (c & 0x80);
}

static void advance(struct reader *r, size_t n)
{
    r->rest = dr_str_trim((struct dr_str){ r->rest.p + n, r->rest.n - n });
}

static bool take(struct reader *r, const char *symbol)
{
    if (!dr_str_starts(r->rest, dr_str_of(symbol)))
        return false;
    advance(r, strlen(symbol));
    return true;
}

static size_t word_size(const struct reader *r)
{
    size_t n = 0;
    while (n < r->rest.n && is_word_char(r->rest.p[n]))
        n++;
    return n;
}

static bool take_word(struct reader *r, const char *word)
{
    size_t n = strlen(word);
    if (word_size(r) != n || strncasecmp(r->rest.p, word, n) != 0)
        return false;
    advance(r, n);
    return true;
}

/* ---- literals ---- */

static int32_t quoted(struct reader *r, struct dr_str *ret)
{
    char quote = r->rest.n ? r->rest.p[0] : 0;
    char *out = dr_arena_alloc(r->arena, r->rest.n + 1);
    size_t n = 0;
    if (quote != '"' && quote != '\'')
        return fail(r, "a text in quotes");
    for (size_t i = 1; i < r->rest.n; i++) {
        char c = r->rest.p[i];
        if (c == quote) {
            advance(r, i + 1);
            *ret = (struct dr_str){ out, n };
            return DR_OK;
        }
        if (c == '\\' && i + 1 < r->rest.n) {
            char next = r->rest.p[++i];
            if (next == 'n' || next == 't')
                c = next == 'n' ? '\n' : '\t';
            else if (next == quote || next == '\\')
                c = next;
            else
                i--;
        }
        out[n++] = c;
    }
    return fail(r, "a closing quote");
}

static struct dr_condition *literal(struct reader *r, struct dr_node *value)
{
    struct dr_condition *c = make(r, DR_CONDITION_VALUE, NULL, NULL);
    c->value = value;
    return c;
}

static int32_t text_literal(struct reader *r, struct dr_condition **ret)
{
    struct dr_str s;
    DR_TRY(quoted(r, &s));
    *ret = literal(r, dr_node_new_str(r->arena, s));
    return DR_OK;
}

static int32_t number_literal(struct reader *r, struct dr_condition **ret)
{
    size_t n = 0;
    double f;
    int64_t i;
    while (n < r->rest.n &&
           (is_word_char(r->rest.p[n]) || r->rest.p[n] == '.' ||
            ((r->rest.p[n] == '-' || r->rest.p[n] == '+') && n && (r->rest.p[n - 1] | 32) == 'e')))
        n++;
    struct dr_str s = { r->rest.p, n };
    if (dr_parse_i64(s, &i))
        *ret = literal(r, dr_node_new_int(r->arena, i));
    else if (dr_parse_f64(s, false, &f))
        *ret = literal(r, dr_node_new_float(r->arena, f));
    else
        return fail(r, "a number");
    advance(r, n);
    return DR_OK;
}

static int32_t list_literal(struct reader *r, const char *close, struct dr_condition **ret)
{
    struct dr_condition *list = make(r, DR_CONDITION_LIST, NULL, NULL);
    struct dr_node *items = dr_node_new(r->arena, DR_NODE_LIST);
    while (!take(r, close)) {
        struct dr_condition *item;
        DR_TRY(sum(r, &item));
        if (item->op == DR_CONDITION_NEG && item->arg[0]->op == DR_CONDITION_VALUE)
            item = literal(r, item->arg[0]->value->kind == DR_NODE_INT
                                  ? dr_node_new_int(r->arena, -item->arg[0]->value->i)
                                  : dr_node_new_float(r->arena, -item->arg[0]->value->f));
        if (item->op != DR_CONDITION_VALUE)
            return fail(r, "a number or a text in quotes");
        struct dr_node *copy = dr_node_new(r->arena, item->value->kind);
        *copy = *item->value;
        dr_node_add(r->arena, items, copy);
        if (!take(r, ",") && !dr_str_starts(r->rest, dr_str_of(close)))
            return fail(r, "',' or the end of the list");
    }
    list->value = items;
    *ret = list;
    return DR_OK;
}

/* ---- names ---- */

static struct dr_condition *column(struct reader *r, struct dr_str name)
{
    struct dr_condition *c = make(r, DR_CONDITION_COLUMN, NULL, NULL);
    c->name = dr_arena_dup(r->arena, name.p, name.n);
    return c;
}

static int32_t backtick(struct reader *r, struct dr_condition **ret)
{
    const char *end = memchr(r->rest.p + 1, '`', r->rest.n - 1);
    if (!end)
        return fail(r, "a closing backtick");
    *ret = column(r, (struct dr_str){ r->rest.p + 1, (size_t)(end - r->rest.p - 1) });
    advance(r, (size_t)(end - r->rest.p) + 1);
    return DR_OK;
}

/* col("name") and date("...") */
static int32_t call(struct reader *r, bool is_column, struct dr_condition **ret)
{
    struct dr_str s;
    DR_TRY(quoted(r, &s));
    if (!take(r, ")"))
        return fail(r, "')'");
    *ret = is_column ? column(r, s) : literal(r, dr_node_new_str(r->arena, s));
    (*ret)->is_time = !is_column;
    (*ret)->is_sql = is_column;
    return DR_OK;
}

static int32_t name_or_word(struct reader *r, struct dr_condition **ret)
{
    size_t n = word_size(r);
    struct dr_str w = { r->rest.p, n };
    if (!n)
        return fail(r, "a column, a number or a text in quotes");
    advance(r, n);
    bool is_col = dr_str_eq(w, DR_LIT("col"));
    if ((is_col || dr_str_eq(w, DR_LIT("date"))) && take(r, "("))
        return call(r, is_col, ret);
    if (dr_str_eq(w, DR_LIT("True")) || dr_str_eq(w, DR_LIT("False")) || dr_str_eq(w, DR_LIT("true")) ||
        dr_str_eq(w, DR_LIT("false")))
        *ret = literal(r, dr_node_new_bool(r->arena, (w.p[0] | 32) == 't'));
    else if (dr_str_eq(w, DR_LIT("None")) || dr_str_eq(w, DR_LIT("null")) || dr_str_eq(w, DR_LIT("NULL")))
        *ret = literal(r, dr_node_new(r->arena, DR_NODE_NULL));
    else
        *ret = column(r, w);
    return DR_OK;
}

/* ---- .methods() ---- */

static int32_t text_method(struct reader *r, struct dr_condition **c, enum dr_condition_op op)
{
    struct dr_condition *arg;
    if (!take(r, "("))
        return fail(r, "'('");
    DR_TRY(text_literal(r, &arg));
    if (!take(r, ")"))
        return fail(r, "')'");
    *c = make(r, op, *c, arg);
    return DR_OK;
}

static int32_t plain_method(struct reader *r, struct dr_condition **c, enum dr_condition_op op, bool negate)
{
    if (!take(r, "(") || !take(r, ")"))
        return fail(r, "'()'");
    *c = make(r, op, *c, NULL);
    if (negate)
        *c = make(r, DR_CONDITION_NOT, *c, NULL);
    return DR_OK;
}

static int32_t str_method(struct reader *r, struct dr_condition **c)
{
    static const struct {
        const char *name;
        enum dr_condition_op op;
        bool text;
    } methods[] = {
        { "contains", DR_CONDITION_CONTAINS, true },    { "match", DR_CONDITION_MATCH, true },
        { "fullmatch", DR_CONDITION_FULL_MATCH, true }, { "startswith", DR_CONDITION_STARTS, true },
        { "endswith", DR_CONDITION_ENDS, true },        { "len", DR_CONDITION_LENGTH, false },
        { "lower", DR_CONDITION_LOWER, false },         { "upper", DR_CONDITION_UPPER, false },
        { "strip", DR_CONDITION_STRIP, false }
    };
    if (!take(r, "."))
        return fail(r, "'.' and a method of .str");
    for (size_t k = 0; k < sizeof methods / sizeof methods[0]; k++)
        if (take_word(r, methods[k].name))
            return methods[k].text ? text_method(r, c, methods[k].op)
                                   : plain_method(r, c, methods[k].op, false);
    return fail(r, "contains, match, fullmatch, startswith, endswith, len, lower, upper or strip");
}

static int32_t between(struct reader *r, struct dr_condition **c)
{
    struct dr_condition *low, *high;
    if (!take(r, "("))
        return fail(r, "'('");
    DR_TRY(sum(r, &low));
    if (!take(r, ","))
        return fail(r, "','");
    DR_TRY(sum(r, &high));
    if (!take(r, ")"))
        return fail(r, "')'");
    *c = make(r, DR_CONDITION_AND, make(r, DR_CONDITION_GE, *c, low), make(r, DR_CONDITION_LE, *c, high));
    return DR_OK;
}

static int32_t is_in(struct reader *r, struct dr_condition **c)
{
    struct dr_condition *list;
    if (!take(r, "(") || !take(r, "["))
        return fail(r, "'([' and a list");
    DR_TRY(list_literal(r, "]", &list));
    if (!take(r, ")"))
        return fail(r, "')'");
    *c = make(r, DR_CONDITION_IN, *c, list);
    return DR_OK;
}

static int32_t method(struct reader *r, struct dr_condition **c)
{
    static const char *const null_names[] = { "isnull", "isna", "notnull", "notna" };
    for (int k = 0; k < 4; k++)
        if (take_word(r, null_names[k])) /* whatever the case: notNull() too */
            return plain_method(r, c, DR_CONDITION_IS_NULL, k >= 2);
    if (take_word(r, "isin"))
        return is_in(r, c);
    if (take_word(r, "between"))
        return between(r, c);
    if (take_word(r, "abs"))
        return plain_method(r, c, DR_CONDITION_ABS, false);
    if (take_word(r, "str"))
        return str_method(r, c);
    return fail(r, "isnull, notnull, isin, between, abs or str");
}

/* ---- expressions ---- */

static int32_t primary(struct reader *r, struct dr_condition **ret)
{
    char c = r->rest.n ? r->rest.p[0] : 0;
    if (++r->depth > DEPTH_MAX)
        return dr_fail(r->err, DR_ELIMIT, "row_condition is nested more than %d deep", DEPTH_MAX);
    if (take(r, "(")) {
        DR_TRY(either(r, ret));
        if (!take(r, ")"))
            return fail(r, "')'");
    } else if (take(r, "[")) {
        DR_TRY(list_literal(r, "]", ret));
    } else if (c == '"' || c == '\'') {
        DR_TRY(text_literal(r, ret));
    } else if (c == '`') {
        DR_TRY(backtick(r, ret));
    } else if ((c >= '0' && c <= '9') || c == '.') {
        DR_TRY(number_literal(r, ret));
    } else {
        DR_TRY(name_or_word(r, ret));
    }
    while (take(r, "."))
        DR_TRY(method(r, ret));
    r->depth--;
    return DR_OK;
}

static int32_t unary(struct reader *r, struct dr_condition **ret);

/* a ** b; what stands right of it may have a sign, and groups from the right. */
static int32_t power(struct reader *r, struct dr_condition **ret)
{
    struct dr_condition *exponent;
    DR_TRY(primary(r, ret));
    if (!take(r, "**"))
        return DR_OK;
    DR_TRY(unary(r, &exponent));
    *ret = make(r, DR_CONDITION_POW, *ret, exponent);
    return DR_OK;
}

static int32_t unary(struct reader *r, struct dr_condition **ret)
{
    struct dr_condition *c;
    if (!take(r, "-"))
        return power(r, ret);
    if (++r->depth > DEPTH_MAX)
        return dr_fail(r->err, DR_ELIMIT, "row_condition is nested more than %d deep", DEPTH_MAX);
    DR_TRY(unary(r, &c));
    r->depth--;
    *ret = make(r, DR_CONDITION_NEG, c, NULL);
    return DR_OK;
}

static int32_t product(struct reader *r, struct dr_condition **ret)
{
    struct dr_condition *right;
    DR_TRY(unary(r, ret));
    for (;;) {
        enum dr_condition_op op;
        if (take(r, "*"))
            op = DR_CONDITION_MUL;
        else if (take(r, "//"))
            op = DR_CONDITION_FLOOR_DIV;
        else if (take(r, "/"))
            op = DR_CONDITION_DIV;
        else if (take(r, "%"))
            op = DR_CONDITION_MOD;
        else
            return DR_OK;
        DR_TRY(unary(r, &right));
        *ret = make(r, op, *ret, right);
    }
}

static int32_t sum(struct reader *r, struct dr_condition **ret)
{
    struct dr_condition *right;
    DR_TRY(product(r, ret));
    for (;;) {
        bool plus = take(r, "+");
        if (!plus && !take(r, "-"))
            return DR_OK;
        DR_TRY(product(r, &right));
        *ret = make(r, plus ? DR_CONDITION_ADD : DR_CONDITION_SUB, *ret, right);
    }
}

static bool take_comparison(struct reader *r, enum dr_condition_op *ret)
{
    static const struct {
        const char *symbol;
        enum dr_condition_op op;
    } symbols[] = { { "==", DR_CONDITION_EQ }, { "!=", DR_CONDITION_NE }, { "<=", DR_CONDITION_LE },
                    { ">=", DR_CONDITION_GE }, { "<>", DR_CONDITION_NE }, { "<", DR_CONDITION_LT },
                    { ">", DR_CONDITION_GT },  { "=", DR_CONDITION_EQ } };
    for (size_t k = 0; k < sizeof symbols / sizeof symbols[0]; k++)
        if (take(r, symbols[k].symbol)) {
            *ret = symbols[k].op;
            return true;
        }
    return false;
}

/* After `in`: [..] or (..) */
static int32_t membership(struct reader *r, struct dr_condition *left, bool negate, struct dr_condition **ret)
{
    struct dr_condition *list;
    if (take(r, "["))
        DR_TRY(list_literal(r, "]", &list));
    else if (take(r, "("))
        DR_TRY(list_literal(r, ")", &list));
    else
        return fail(r, "a list in brackets");
    *ret = make(r, DR_CONDITION_IN, left, list);
    if (negate)
        *ret = make(r, DR_CONDITION_NOT, *ret, NULL);
    return DR_OK;
}

static int32_t null_test(struct reader *r, struct dr_condition *left, struct dr_condition **ret)
{
    bool negate = take_word(r, "not");
    if (!take_word(r, "null") && !take_word(r, "none"))
        return fail(r, "null or not null");
    *ret = make(r, DR_CONDITION_IS_NULL, left, NULL);
    if (negate)
        *ret = make(r, DR_CONDITION_NOT, *ret, NULL);
    return DR_OK;
}

static struct dr_condition *compare(struct reader *r, enum dr_condition_op op, struct dr_condition *a,
                                    struct dr_condition *b)
{
    if (b->op != DR_CONDITION_LIST || (op != DR_CONDITION_EQ && op != DR_CONDITION_NE))
        return make(r, op, a, b);
    struct dr_condition *in = make(r, DR_CONDITION_IN, a, b);
    return op == DR_CONDITION_EQ ? in : make(r, DR_CONDITION_NOT, in, NULL);
}

static int32_t comparison(struct reader *r, struct dr_condition **ret)
{
    struct dr_condition *left, *right, *all = NULL;
    enum dr_condition_op op;
    DR_TRY(sum(r, &left));
    if (take_word(r, "in"))
        return membership(r, left, false, ret);
    if (take_word(r, "is"))
        return null_test(r, left, ret);
    struct dr_str before = r->rest;
    if (take_word(r, "not")) {
        if (take_word(r, "in"))
            return membership(r, left, true, ret);
        r->rest = before;
    }
    while (take_comparison(r, &op)) {
        DR_TRY(sum(r, &right));
        struct dr_condition *one = compare(r, op, left, right);
        all = all ? make(r, DR_CONDITION_AND, all, one) : one;
        left = right;
    }
    *ret = all ? all : left;
    return DR_OK;
}

static int32_t negation(struct reader *r, struct dr_condition **ret)
{
    struct dr_condition *c;
    if (!take_word(r, "not") && !take(r, "~"))
        return comparison(r, ret);
    if (++r->depth > DEPTH_MAX)
        return dr_fail(r->err, DR_ELIMIT, "row_condition is nested more than %d deep", DEPTH_MAX);
    DR_TRY(negation(r, &c));
    r->depth--;
    *ret = make(r, DR_CONDITION_NOT, c, NULL);
    return DR_OK;
}

static int32_t both(struct reader *r, struct dr_condition **ret)
{
    struct dr_condition *right;
    DR_TRY(negation(r, ret));
    while (take_word(r, "and") || take(r, "&&") || take(r, "&")) {
        DR_TRY(negation(r, &right));
        *ret = make(r, DR_CONDITION_AND, *ret, right);
    }
    return DR_OK;
}

static int32_t either(struct reader *r, struct dr_condition **ret)
{
    struct dr_condition *right;
    DR_TRY(both(r, ret));
    while (take_word(r, "or") || take(r, "||") || take(r, "|")) {
        DR_TRY(both(r, &right));
        *ret = make(r, DR_CONDITION_OR, *ret, right);
    }
    return DR_OK;
}

int32_t dr_condition_parse(struct dr_arena *a, const char *text, struct dr_condition **ret,
                           struct dr_err *err)
{
    struct reader r = {
        .arena = a, .all = dr_str_of(text), .rest = dr_str_trim(dr_str_of(text)), .err = err
    };
    struct dr_condition *c;
    if (r.all.n > DR_CONDITION_MAX)
        return dr_fail(err, DR_ELIMIT, "row_condition has more than %d bytes", DR_CONDITION_MAX);
    if (!dr_utf8_valid(r.all))
        return dr_fail(err, DR_EDEF, "row_condition is not valid UTF-8");
    DR_TRY(either(&r, &c));
    if (r.rest.n)
        return fail(&r, "'and', 'or' or the end");
    *ret = c;
    return DR_OK;
}
