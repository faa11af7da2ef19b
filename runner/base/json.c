/* json.c - JSON in and out.
 *
 * jansson says what a text means: its grammar, numbers, strings and limits.
 * It forgets where things stood and how numbers were spelled, so a cursor walks
 * over the text a second time beside the tree: jansson keeps members in the
 * order they were written in and refuses repeated keys, hence the n-th value met
 * in the text is the n-th of the tree. As the text is known to be valid by then,
 * the cursor need not check anything.
 *
 * In lenient mode NaN, Infinity and -Infinity are replaced before by numbers of
 * the same length, in a copy, which keeps every line and column. */
#include "base/json.h"
#include "base/num.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#define TEXT_MAX ((size_t)256 << 20)

/* ---- the bare names of lenient mode -------------------------------------- */

struct bare_name {
    struct dr_str name;
    const char *number; /* of the same length */
    double value;
};
static const struct bare_name bare_names[] = {
    { { "NaN", 3 }, "0.0", NAN },
    { { "Infinity", 8 }, "0.000000", INFINITY },
    { { "-Infinity", 9 }, "-0.000000", -INFINITY },
};

static const struct bare_name *bare_name_at(const char *p, size_t n)
{
    for (size_t i = 0; i < sizeof(bare_names) / sizeof(bare_names[0]); i++)
        if (dr_str_starts((struct dr_str){ p, n }, bare_names[i].name))
            return &bare_names[i];
    return NULL;
}

/* Past the string whose opening quote is at p. */
static const char *skip_string(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++)
        if (*p == '\\' && p + 1 < end)
            p++;
    return p < end ? p + 1 : end;
}

/* The bare name that is the whole token at p, or NULL: "NaN5" and "-NaN" are none. */
static const struct bare_name *bare_token_at(const char *start, const char *p, const char *end)
{
    if (p > start && !strchr(" \t\r\n,:[", p[-1]))
        return NULL;
    const struct bare_name *bare = bare_name_at(p, (size_t)(end - p));
    const char *after = bare ? p + bare->name.n : end;
    return after == end || strchr(" \t\r\n,]}", *after) ? bare : NULL;
}

/* Replace bare names in text; returns how many. */
static size_t replace_bare_names(char *text, size_t n)
{
    size_t replaced = 0;
    const char *end = text + n;
    for (char *p = text; p < end;) {
        if (*p == '"') {
            p = text + (skip_string(p, end) - text);
            continue;
        }
        const struct bare_name *bare = bare_token_at(text, p, end);
        if (bare)
            memcpy(p, bare->number, bare->name.n);
        p += bare ? bare->name.n : 1;
        replaced += bare != NULL;
    }
    return replaced;
}

/* ---- from jansson's tree to ours ------------------------------------------- */

struct cursor {
    struct dr_arena *a;
    const char *p, *end;
    const char *line_start;
    struct dr_mark mark; /* of the token at p */
};

/* Go to the next string, number, word or opening bracket. */
static void seek_token(struct cursor *c)
{
    for (; c->p < c->end && strchr(" \t\r\n,:]}", *c->p); c->p++) {
        if (*c->p == '\n') {
            c->mark.line++;
            c->line_start = c->p + 1;
        }
    }
    c->mark.column = (int32_t)(c->p - c->line_start) + 1;
}

/* The token at the cursor, which moves past it; a bracket is a token. */
static struct dr_str take_token(struct cursor *c)
{
    const char *start = c->p;
    if (c->p == c->end)
        return DR_LIT("");
    if (*c->p == '"')
        c->p = skip_string(c->p, c->end);
    else if (*c->p == '[' || *c->p == '{')
        c->p++;
    else
        while (c->p < c->end && !strchr(" \t\r\n,:]}", *c->p))
            c->p++;
    return (struct dr_str){ start, (size_t)(c->p - start) };
}

static struct dr_node *convert(struct cursor *c, json_t *value);

/* Room for n, as dr_node_add expects it: a power of two. */
static size_t round_up(size_t n)
{
    size_t cap = 4;
    while (cap < n)
        cap *= 2;
    return cap;
}

static void convert_list(struct cursor *c, json_t *value, struct dr_node *node)
{
    size_t n = json_array_size(value);
    node->items = dr_arena_array(c->a, round_up(n), sizeof(*node->items));
    for (size_t i = 0; i < n; i++)
        node->items[i] = convert(c, json_array_get(value, i));
    node->n = (int32_t)n;
}

static void convert_map(struct cursor *c, json_t *value, struct dr_node *node)
{
    size_t cap = round_up(json_object_size(value));
    node->items = dr_arena_array(c->a, cap, sizeof(*node->items));
    node->keys = dr_arena_array(c->a, cap, sizeof(*node->keys));
    node->key_marks = dr_arena_array(c->a, cap, sizeof(*node->key_marks));
    const char *key;
    json_t *member;
    json_object_foreach(value, key, member)
    {
        seek_token(c);
        node->key_marks[node->n] = c->mark;
        take_token(c);
        size_t n = strlen(key);
        node->keys[node->n] = (struct dr_str){ dr_arena_dup(c->a, key, n), n };
        node->items[node->n] = convert(c, member);
        node->n++;
    }
}

static void convert_scalar(struct cursor *c, json_t *value, struct dr_str token, struct dr_node *node)
{
    struct dr_str text = token;
    const struct bare_name *bare = NULL;
    switch (json_typeof(value)) {
    case JSON_STRING:
        node->kind = DR_NODE_STRING;
        node->quoted = true;
        text = (struct dr_str){ json_string_value(value), json_string_length(value) };
        break;
    case JSON_INTEGER:
        node->kind = DR_NODE_INT;
        node->i = json_integer_value(value);
        node->f = (double)node->i;
        break;
    case JSON_REAL:
        node->kind = DR_NODE_FLOAT;
        bare = bare_name_at(token.p, token.n);
        node->f = bare ? bare->value : json_real_value(value);
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        node->kind = DR_NODE_BOOL;
        node->i = json_is_true(value);
        break;
    default:
        break;
    }
    node->text = (struct dr_str){ dr_arena_dup(c->a, text.p, text.n), text.n };
}

static struct dr_node *convert(struct cursor *c, json_t *value)
{
    seek_token(c);
    struct dr_node *node = dr_node_new(c->a, DR_NODE_NULL);
    node->mark = c->mark;
    struct dr_str token = take_token(c);
    if (json_is_array(value)) {
        node->kind = DR_NODE_LIST;
        convert_list(c, value, node);
    } else if (json_is_object(value)) {
        node->kind = DR_NODE_MAP;
        convert_map(c, value, node);
    } else {
        convert_scalar(c, value, token, node);
    }
    return node;
}

static int32_t fail_parse(const json_error_t *e, const char *file, struct dr_err *err)
{
    if (e->line < 1)
        return dr_fail(err, DR_EINPUT, "%s: not valid JSON: %s", file, e->text);
    return dr_fail(err, DR_EINPUT, "%s:%d:%d: not valid JSON: %s", file, e->line,
                   e->column > 0 ? e->column : 1, e->text);
}

int32_t dr_json_parse(struct dr_arena *a, struct dr_str text, const char *file, bool lenient,
                      struct dr_node **ret, struct dr_err *err)
{
    const char *shown = file ? file : "JSON text";
    if (text.n > TEXT_MAX)
        return dr_fail(err, DR_ELIMIT, "%s: JSON of %zu bytes; the limit is %zu", shown, text.n, TEXT_MAX);
    DR_AUTO_FREE char *copy = NULL;
    const char *strict = text.p ? text.p : "";
    if (lenient && text.n > 0) {
        copy = memcpy(dr_malloc(text.n), text.p, text.n);
        if (replace_bare_names(copy, text.n))
            strict = copy;
    }
    json_error_t e;
    json_t *tree = json_loadb(strict, text.n, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &e);
    if (!tree)
        return fail_parse(&e, shown, err);
    struct cursor c = { .a = a,
                        .p = text.p,
                        .end = text.p + text.n,
                        .line_start = text.p,
                        .mark = { .file = file ? dr_arena_strdup(a, file) : NULL, .line = 1 } };
    *ret = convert(&c, tree);
    json_decref(tree);
    return DR_OK;
}

/* ---- the writer ----------------------------------------------------------------- */

static void new_line(struct dr_json *j)
{
    if (j->indent == 0)
        return;
    dr_buf_putc(j->out, '\n');
    for (int i = 0; i < j->depth * j->indent; i++)
        dr_buf_putc(j->out, ' ');
}

/* What stands between the value or key before and the next one. */
static void separate(struct dr_json *j)
{
    if (j->after_key) {
        j->after_key = false;
        return;
    }
    if (j->depth == 0)
        return;
    if (!j->first)
        dr_buf_putc(j->out, ',');
    j->first = false;
    new_line(j);
}

static void open_bracket(struct dr_json *j, char bracket)
{
    separate(j);
    dr_buf_putc(j->out, bracket);
    j->depth++;
    j->first = true;
}

static void close_bracket(struct dr_json *j, char bracket)
{
    j->depth--;
    if (!j->first)
        new_line(j);
    j->first = false;
    dr_buf_putc(j->out, bracket);
}

void dr_json_object(struct dr_json *j)
{
    open_bracket(j, '{');
}

void dr_json_array(struct dr_json *j)
{
    open_bracket(j, '[');
}

void dr_json_end_object(struct dr_json *j)
{
    close_bracket(j, '}');
}

void dr_json_end_array(struct dr_json *j)
{
    close_bracket(j, ']');
}

static void put_escaped(struct dr_buf *b, unsigned char c)
{
    static const char letters[32] = { ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r' };
    if (c == '"' || c == '\\')
        dr_buf_printf(b, "\\%c", c);
    else if (c < 32 && letters[c])
        dr_buf_printf(b, "\\%c", letters[c]);
    else
        dr_buf_printf(b, "\\u%04x", c);
}

static bool needs_escape(unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\' || c == 0x7F;
}

static void put_string(struct dr_buf *b, struct dr_str s)
{
    dr_buf_putc(b, '"');
    while (s.n > 0) {
        size_t valid = dr_utf8_valid_prefix(s), plain = 0;
        for (size_t i = 0; i < valid; i++) {
            if (!needs_escape((unsigned char)s.p[i]))
                continue;
            dr_buf_append(b, s.p + plain, i - plain);
            put_escaped(b, (unsigned char)s.p[i]);
            plain = i + 1;
        }
        dr_buf_append(b, s.p + plain, valid - plain);
        s = (struct dr_str){ s.p + valid, s.n - valid };
        if (s.n > 0) { /* an invalid byte */
            dr_buf_puts(b, "\xEF\xBF\xBD");
            s = (struct dr_str){ s.p + 1, s.n - 1 };
        }
    }
    dr_buf_putc(b, '"');
}

void dr_json_key(struct dr_json *j, const char *key)
{
    separate(j);
    put_string(j->out, dr_str_of(key));
    dr_buf_puts(j->out, j->indent ? ": " : ":");
    j->after_key = true;
}

void dr_json_str(struct dr_json *j, struct dr_str s)
{
    separate(j);
    put_string(j->out, s);
}

void dr_json_cstr(struct dr_json *j, const char *s)
{
    if (s)
        dr_json_str(j, dr_str_of(s));
    else
        dr_json_null(j);
}

static void put_word(struct dr_json *j, const char *word)
{
    separate(j);
    dr_buf_puts(j->out, word);
}

void dr_json_int(struct dr_json *j, int64_t v)
{
    char text[DR_I64_TEXT];
    dr_format_i64(v, text);
    put_word(j, text);
}

void dr_json_float(struct dr_json *j, double v)
{
    char text[DR_F64_TEXT];
    if (isfinite(v)) {
        dr_format_f64(v, text);
        put_word(j, text);
    } else if (!j->bare_nan) {
        put_word(j, "null");
    } else {
        put_word(j, isnan(v) ? "NaN" : v > 0 ? "Infinity" : "-Infinity");
    }
}

void dr_json_bool(struct dr_json *j, bool v)
{
    put_word(j, v ? "true" : "false");
}

void dr_json_null(struct dr_json *j)
{
    put_word(j, "null");
}

static void put_list(struct dr_json *j, const struct dr_node *n)
{
    dr_json_array(j);
    for (int32_t i = 0; i < n->n; i++)
        dr_json_node(j, n->items[i]);
    dr_json_end_array(j);
}

static void put_map(struct dr_json *j, const struct dr_node *n)
{
    dr_json_object(j);
    for (int32_t i = 0; i < n->n; i++) {
        dr_json_key(j, n->keys[i].p);
        dr_json_node(j, n->items[i]);
    }
    dr_json_end_object(j);
}

void dr_json_node(struct dr_json *j, const struct dr_node *n)
{
    switch (dr_node_kind(n)) {
    case DR_NODE_BOOL:
        dr_json_bool(j, n->i != 0);
        break;
    case DR_NODE_INT:
        dr_json_int(j, n->i);
        break;
    case DR_NODE_FLOAT:
        dr_json_float(j, n->f);
        break;
    case DR_NODE_STRING:
        dr_json_str(j, n->text);
        break;
    case DR_NODE_LIST:
        put_list(j, n);
        break;
    case DR_NODE_MAP:
        put_map(j, n);
        break;
    default:
        dr_json_null(j);
        break;
    }
}

void dr_json_put_node(struct dr_buf *b, const struct dr_node *n, int indent)
{
    struct dr_json j = { .out = b, .indent = indent };
    dr_json_node(&j, n);
}
