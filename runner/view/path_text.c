/* path_text.c - functions on texts and numbers. Each takes one value; nothing gives nothing. */
#include "data/text.h"
#include "view/path_tree.h"

/* ---- what they share ---- */

/* The one item of the input, taken off. */
static int32_t take_one(struct path_machine *m, const struct path_node *n, size_t base, bool *ret_any,
                        struct dr_scalar *ret)
{
    size_t have = m->s->n - base;
    if (have > 1)
        return path_error(m, n, "%s() needs one value, and there are %zu", n->fn->name, have);
    *ret_any = have == 1;
    if (have)
        *ret = dr_item_scalar(m->s->items[base]);
    m->s->n = base;
    return DR_OK;
}

static int32_t take_text(struct path_machine *m, const struct path_node *n, size_t base, bool *ret_any,
                         struct dr_str *ret)
{
    struct dr_scalar s = { 0 };
    DR_TRY(take_one(m, n, base, ret_any, &s));
    if (*ret_any && s.kind != DR_SCALAR_TEXT)
        return path_error(m, n, "%s() needs a text", n->fn->name);
    *ret = s.text;
    return DR_OK;
}

static int32_t take_number(struct path_machine *m, const struct path_node *n, size_t base, bool *ret_any,
                           struct dr_number *ret)
{
    struct dr_scalar s = { 0 };
    DR_TRY(take_one(m, n, base, ret_any, &s));
    if (*ret_any && (s.kind != DR_SCALAR_NUMBER || !dr_number_parse(s.text, ret)))
        return path_error(m, n, "%s() needs a number of at most %d digits", n->fn->name, DR_DECIMAL_DIGITS);
    return DR_OK;
}

/* A view of a text that outlives the evaluation. */
static int32_t push_view(struct path_machine *m, struct dr_str text)
{
    return path_push(m, (struct dr_item){ .text = text, .kind = DR_ITEM_TEXT, .type = DR_FHIR_STRING });
}

/* ---- lists of texts ---- */

static size_t joined_size(const struct path_machine *m, size_t base, struct dr_str sep)
{
    size_t n = 0;
    for (size_t i = base; i < m->s->n; i++)
        n += dr_item_scalar(path_item(m, i)).text.n + (i > base ? sep.n : 0);
    return n;
}

static char *put(char *to, struct dr_str s)
{
    if (s.n)
        memcpy(to, s.p, s.n);
    return to + s.n;
}

static int32_t fn_join(struct path_machine *m, const struct path_node *n, struct dr_item focus, size_t base)
{
    struct dr_str sep = DR_LIT("");
    bool any = false;
    if (n->n_args)
        DR_TRY(path_arg_text(m, n->args[0], focus, &any, &sep));
    if (m->s->n == base)
        return DR_OK;
    for (size_t i = base; i < m->s->n; i++)
        if (dr_item_scalar(path_item(m, i)).kind != DR_SCALAR_TEXT)
            return path_error(m, n, "join() needs texts");
    size_t size = joined_size(m, base, sep);
    char *text = dr_path_stack_room(m->s, size), *at = text;
    for (size_t i = base; i < m->s->n; i++) {
        if (i > base)
            at = put(at, sep);
        at = put(at, dr_item_scalar(path_item(m, i)).text);
    }
    m->s->n = base;
    return push_view(m, (struct dr_str){ text, size });
}

static int32_t fn_split(struct path_machine *m, const struct path_node *n, struct dr_item focus, size_t base)
{
    struct dr_str text, sep = DR_LIT("");
    bool any = false, any_sep = false;
    DR_TRY(path_arg_text(m, n->args[0], focus, &any_sep, &sep));
    DR_TRY(take_text(m, n, base, &any, &text));
    if (!any || !any_sep)
        return DR_OK;
    if (!sep.n)
        return path_error(m, n, "split() needs a separator");
    for (const char *p; (p = memmem(text.p, text.n, sep.p, sep.n));) {
        size_t piece = (size_t)(p - text.p);
        DR_TRY(push_view(m, (struct dr_str){ text.p, piece }));
        text.p += piece + sep.n;
        text.n -= piece + sep.n;
    }
    return push_view(m, text);
}

/* ---- searching ---- */

enum search { STARTS, ENDS, CONTAINS, INDEX };

static int32_t search(struct path_machine *m, const struct path_node *n, struct dr_item focus, size_t base,
                      enum search how)
{
    struct dr_str text, part = DR_LIT("");
    bool any = false, any_part = false;
    DR_TRY(path_arg_text(m, n->args[0], focus, &any_part, &part));
    DR_TRY(take_text(m, n, base, &any, &text));
    if (!any || !any_part)
        return DR_OK;
    const char *at = part.n ? memmem(text.p, text.n, part.p, part.n) : text.p;
    switch (how) {
    case STARTS:
        return path_push_bool(m, dr_str_starts(text, part));
    case ENDS:
        return path_push_bool(m, dr_str_ends(text, part));
    case CONTAINS:
        return path_push_bool(m, at != NULL);
    case INDEX:
        break;
    }
    return path_push_int(m, at ? dr_utf8_length((struct dr_str){ text.p, (size_t)(at - text.p) }) : -1);
}

static int32_t fn_starts_with(struct path_machine *m, const struct path_node *n, struct dr_item focus,
                              size_t base)
{
    return search(m, n, focus, base, STARTS);
}

static int32_t fn_ends_with(struct path_machine *m, const struct path_node *n, struct dr_item focus,
                            size_t base)
{
    return search(m, n, focus, base, ENDS);
}

static int32_t fn_contains(struct path_machine *m, const struct path_node *n, struct dr_item focus,
                           size_t base)
{
    return search(m, n, focus, base, CONTAINS);
}

static int32_t fn_index_of(struct path_machine *m, const struct path_node *n, struct dr_item focus,
                           size_t base)
{
    return search(m, n, focus, base, INDEX);
}

/* ---- pieces and forms ---- */

static size_t skip_characters(struct dr_str s, int64_t count)
{
    size_t at = 0, n;
    for (; count > 0 && at < s.n; count--) {
        (void)dr_utf8_next((struct dr_str){ s.p + at, s.n - at }, &n);
        at += n;
    }
    return at;
}

static int32_t fn_substring(struct path_machine *m, const struct path_node *n, struct dr_item focus,
                            size_t base)
{
    struct dr_str text;
    bool any, any_start, any_length = true;
    int64_t start = 0, length = INT64_MAX;
    DR_TRY(path_arg_int(m, n->args[0], focus, &any_start, &start));
    if (n->n_args == 2)
        DR_TRY(path_arg_int(m, n->args[1], focus, &any_length, &length));
    DR_TRY(take_text(m, n, base, &any, &text));
    if (!any || !any_start || start < 0 || start >= dr_utf8_length(text))
        return DR_OK;
    size_t from = skip_characters(text, start);
    struct dr_str rest = { text.p + from, text.n - from };
    rest.n = skip_characters(rest, length);
    return push_view(m, rest);
}

static int32_t change_case(struct path_machine *m, const struct path_node *n, size_t base,
                           enum dr_text_form form)
{
    struct dr_str text;
    bool any = false;
    DR_AUTO_BUF changed = { 0 };
    DR_TRY(take_text(m, n, base, &any, &text));
    if (!any)
        return DR_OK;
    struct dr_err err = { 0 };
    return dr_text_put(&changed, text, form, &err) ? path_error(m, n, "%s", err.msg)
                                                   : path_push_text(m, dr_buf_str(&changed), DR_FHIR_STRING);
}

static int32_t fn_upper(struct path_machine *m, const struct path_node *n, struct dr_item focus, size_t base)
{
    (void)focus;
    return change_case(m, n, base, DR_TEXT_UPPER);
}

static int32_t fn_lower(struct path_machine *m, const struct path_node *n, struct dr_item focus, size_t base)
{
    (void)focus;
    return change_case(m, n, base, DR_TEXT_LOWER);
}

static int32_t fn_trim(struct path_machine *m, const struct path_node *n, struct dr_item focus, size_t base)
{
    struct dr_str text;
    bool any = false;
    (void)focus;
    DR_TRY(take_text(m, n, base, &any, &text));
    return any ? push_view(m, dr_text_trim(text)) : DR_OK;
}

static int32_t fn_length(struct path_machine *m, const struct path_node *n, struct dr_item focus, size_t base)
{
    struct dr_str text;
    bool any = false;
    (void)focus;
    DR_TRY(take_text(m, n, base, &any, &text));
    return any ? path_push_int(m, dr_utf8_length(text)) : DR_OK;
}

static int32_t put_text(struct path_machine *m, const struct path_node *n, struct dr_buf *b)
{
    return dr_buf_ok(b) ? path_push_text(m, dr_buf_str(b), DR_FHIR_STRING)
                        : path_error(m, n, "the text grows too long");
}

/* An empty pattern is before, between and behind all characters. */
static int32_t surround(struct path_machine *m, const struct path_node *n, struct dr_str text,
                        struct dr_str by)
{
    DR_AUTO_BUF out = { 0 };
    (void)dr_buf_append(&out, by.p, by.n);
    for (size_t one; text.n > 0; text.p += one, text.n -= one) {
        (void)dr_utf8_next(text, &one);
        (void)dr_buf_append(&out, text.p, one);
        (void)dr_buf_append(&out, by.p, by.n);
    }
    return put_text(m, n, &out);
}

static int32_t fn_replace(struct path_machine *m, const struct path_node *n, struct dr_item focus,
                          size_t base)
{
    struct dr_str text, from = DR_LIT(""), to = DR_LIT("");
    bool any = false, any_from = false, any_to = false;
    DR_TRY(path_arg_text(m, n->args[0], focus, &any_from, &from));
    DR_TRY(path_arg_text(m, n->args[1], focus, &any_to, &to));
    DR_TRY(take_text(m, n, base, &any, &text));
    if (!any || !any_from || !any_to)
        return DR_OK;
    DR_AUTO_BUF out = { 0 };
    if (from.n == 0)
        return surround(m, n, text, to);
    for (const char *p; (p = memmem(text.p, text.n, from.p, from.n));) {
        size_t before = (size_t)(p - text.p);
        (void)dr_buf_append(&out, text.p, before);
        (void)dr_buf_append(&out, to.p, to.n);
        text.p += before + from.n;
        text.n -= before + from.n;
    }
    (void)dr_buf_append(&out, text.p, text.n);
    return put_text(m, n, &out);
}

/* ---- conversions ---- */

static int32_t fn_to_string(struct path_machine *m, const struct path_node *n, struct dr_item focus,
                            size_t base)
{
    struct dr_scalar s = { 0 };
    bool any = false;
    (void)focus;
    DR_TRY(take_one(m, n, base, &any, &s));
    if (!any || s.kind == DR_SCALAR_OBJECT)
        return DR_OK;
    if (s.kind == DR_SCALAR_BOOL)
        return push_view(m, s.truth ? DR_LIT("true") : DR_LIT("false"));
    return push_view(m, s.text);
}

/* A number, or a text that spells one; nothing otherwise. */
static int32_t convert(struct path_machine *m, const struct path_node *n, size_t base, bool whole)
{
    struct dr_scalar s = { 0 };
    struct dr_number v = { 0 };
    bool any = false;
    DR_TRY(take_one(m, n, base, &any, &s));
    if (!any || s.kind == DR_SCALAR_OBJECT)
        return DR_OK;
    if (s.kind == DR_SCALAR_BOOL)
        v.v = s.truth;
    else if (!dr_number_parse(s.text, &v) || (whole && v.scale != 0))
        return DR_OK;
    return path_push_number(m, v, whole ? DR_FHIR_INTEGER : DR_FHIR_DECIMAL);
}

static int32_t fn_to_integer(struct path_machine *m, const struct path_node *n, struct dr_item focus,
                             size_t base)
{
    (void)focus;
    return convert(m, n, base, true);
}

static int32_t fn_to_decimal(struct path_machine *m, const struct path_node *n, struct dr_item focus,
                             size_t base)
{
    (void)focus;
    return convert(m, n, base, false);
}

/* ---- numbers ---- */

static int32_t to_whole(struct path_machine *m, const struct path_node *n, size_t base, enum dr_round how)
{
    struct dr_number v = { 0 };
    bool any = false;
    DR_TRY(take_number(m, n, base, &any, &v));
    if (!any || !dr_number_round(v, 0, how, &v))
        return DR_OK;
    return path_push_number(m, v, DR_FHIR_INTEGER);
}

static int32_t fn_floor(struct path_machine *m, const struct path_node *n, struct dr_item focus, size_t base)
{
    (void)focus;
    return to_whole(m, n, base, DR_ROUND_FLOOR);
}

static int32_t fn_ceiling(struct path_machine *m, const struct path_node *n, struct dr_item focus,
                          size_t base)
{
    (void)focus;
    return to_whole(m, n, base, DR_ROUND_CEILING);
}

static int32_t fn_truncate(struct path_machine *m, const struct path_node *n, struct dr_item focus,
                           size_t base)
{
    (void)focus;
    return to_whole(m, n, base, DR_ROUND_TRUNCATE);
}

static int32_t fn_round(struct path_machine *m, const struct path_node *n, struct dr_item focus, size_t base)
{
    struct dr_number v = { 0 };
    bool any, any_digits = true;
    int64_t digits = 0;
    if (n->n_args)
        DR_TRY(path_arg_int(m, n->args[0], focus, &any_digits, &digits));
    DR_TRY(take_number(m, n, base, &any, &v));
    if (digits < 0 || digits > DR_DECIMAL_DIGITS)
        return path_error(m, n, "round() keeps 0 to %d digits", DR_DECIMAL_DIGITS);
    if (!any || !any_digits || !dr_number_round(v, (int32_t)digits, DR_ROUND_HALF, &v))
        return DR_OK;
    return path_push_number(m, v, DR_FHIR_DECIMAL);
}

static int32_t fn_abs(struct path_machine *m, const struct path_node *n, struct dr_item focus, size_t base)
{
    struct dr_number v = { 0 };
    bool any = false;
    (void)focus;
    DR_TRY(take_number(m, n, base, &any, &v));
    if (!any)
        return DR_OK;
    v.v = v.v < 0 ? -v.v : v.v;
    return path_push_number(m, v, v.scale ? DR_FHIR_DECIMAL : DR_FHIR_INTEGER);
}

const struct path_function path_text_functions[] = {
    { "join", fn_join, 0, 1, false, DR_FHIR_STRING },
    { "split", fn_split, 1, 1, false, DR_FHIR_STRING },
    { "startsWith", fn_starts_with, 1, 1, false, DR_FHIR_BOOLEAN },
    { "endsWith", fn_ends_with, 1, 1, false, DR_FHIR_BOOLEAN },
    { "contains", fn_contains, 1, 1, false, DR_FHIR_BOOLEAN },
    { "indexOf", fn_index_of, 1, 1, false, DR_FHIR_INTEGER },
    { "substring", fn_substring, 1, 2, false, DR_FHIR_STRING },
    { "upper", fn_upper, 0, 0, false, DR_FHIR_STRING },
    { "lower", fn_lower, 0, 0, false, DR_FHIR_STRING },
    { "trim", fn_trim, 0, 0, false, DR_FHIR_STRING },
    { "length", fn_length, 0, 0, false, DR_FHIR_INTEGER },
    { "replace", fn_replace, 2, 2, false, DR_FHIR_STRING },
    { "toString", fn_to_string, 0, 0, false, DR_FHIR_STRING },
    { "toInteger", fn_to_integer, 0, 0, false, DR_FHIR_INTEGER },
    { "toDecimal", fn_to_decimal, 0, 0, false, DR_FHIR_DECIMAL },
    { "floor", fn_floor, 0, 0, false, DR_FHIR_INTEGER },
    { "ceiling", fn_ceiling, 0, 0, false, DR_FHIR_INTEGER },
    { "truncate", fn_truncate, 0, 0, false, DR_FHIR_INTEGER },
    { "round", fn_round, 0, 1, false, DR_FHIR_DECIMAL },
    { "abs", fn_abs, 0, 0, false, 0 },
};
const int path_n_text_functions = sizeof path_text_functions / sizeof path_text_functions[0];
