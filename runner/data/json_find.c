/* json_find.c - columns and types from the data.
 *
 * Each record is parsed as a document and laid over a tree of shapes, which
 * counts what occurs at each place. From the counts follow the columns:
 *   only objects (and null)          its members, with '.' between the names
 *   only true and false              bool
 *   only integers within 64 bits     int64
 *   only numbers a double can hold   float64: at most 17 significant digits
 *   only numbers, others among them  text: the digits as written
 *   only strings                     text
 *   anything else                    text that is JSON as written
 * A column of texts is DICT unless the texts hardly repeat. */
#include "base/num.h"
#include "data/column.h"
#include "data/json_doc.h"
#include "data/json_plan.h"
#include "data/json_token.h"

enum { KINDS = DR_JSON_OBJECT + 1 };

struct shape {
    struct dr_str key;
    int64_t kinds[KINDS];
    int64_t fractions;              /* numbers with '.' or an exponent */
    int64_t large, large_line;      /* numbers beyond int64 */
    int64_t precise, precise_line;  /* numbers that a double would change */
    int64_t first_line, other_line; /* of the first value, and the first of another kind than it */
    enum dr_json_kind first, other;
    struct dr_dict *texts; /* owned: distinct strings or numbers */
    struct shape **members;
    int32_t n, cap, guess;
};
struct dr_json_finder {
    struct dr_json_plan *plan; /* borrowed */
    struct dr_json_doc *doc;
    struct dr_arena arena;
    struct shape **tables; /* of each table's root */
    int64_t line;          /* of the record looked at */
    int32_t members;       /* shapes of members and items */
    bool too_many;         /* no more are looked at */
};

/* ---- counting ------------------------------------------------------------------------------- */

static struct shape *new_shape(struct dr_json_finder *f, struct dr_str key)
{
    struct shape *s = DR_NEW(&f->arena, struct shape);
    s->key = (struct dr_str){ dr_arena_dup(&f->arena, key.p, key.n), key.n };
    return s;
}

/* Records mostly have the same members in the same order. NULL: there are too many. */
static struct shape *member_shape(struct dr_json_finder *f, struct shape *s, struct dr_str key)
{
    for (int32_t i = 0; i < s->n; i++) {
        int32_t at = (s->guess + i) % s->n;
        if (dr_str_eq(s->members[at]->key, key)) {
            s->guess = at + 1;
            return s->members[at];
        }
    }
    if (f->members == DR_JSON_MEMBERS_MAX) {
        f->too_many = true;
        return NULL;
    }
    f->members++;
    if (s->n == s->cap) {
        struct shape **old = s->members;
        s->cap = s->cap ? s->cap * 2 : 8;
        s->members = dr_arena_array(&f->arena, (size_t)s->cap, sizeof(struct shape *));
        if (s->n > 0)
            memcpy(s->members, old, (size_t)s->n * sizeof(struct shape *));
    }
    s->guess = s->n + 1;
    return s->members[s->n++] = new_shape(f, key);
}

static void look_at_number(struct dr_json_finder *f, struct shape *s, struct dr_str text)
{
    int64_t whole;
    double real;
    if (memchr(text.p, '.', text.n) || memchr(text.p, 'e', text.n) || memchr(text.p, 'E', text.n))
        s->fractions++;
    else if (!dr_parse_i64(text, &whole) && s->large++ == 0)
        s->large_line = f->line;
    bool fits = dr_json_digits(text) <= DR_JSON_DOUBLE_DIGITS && dr_parse_f64(text, false, &real);
    if (!fits && s->precise++ == 0)
        s->precise_line = f->line;
}

static void look_at_text(struct shape *s, struct dr_str text)
{
    if (!s->texts)
        s->texts = dr_dict_new();
    dr_dict_put(s->texts, text);
}

static enum dr_json_kind same_kind(enum dr_json_kind k)
{
    return k == DR_JSON_FALSE ? DR_JSON_TRUE : k;
}

static void look(struct dr_json_finder *f, struct shape *s, const struct dr_json_node *n,
                 struct dr_json_value v);

static void look_at_items(struct dr_json_finder *f, int32_t child, struct dr_json_value v)
{
    struct shape *root = f->tables[child];
    for (struct dr_json_iter it = dr_json_iter(v); dr_json_iter_next(&it);)
        look(f, root, f->plan->tables[child].root, it.value);
}

static const struct dr_json_node *declared_member(const struct dr_json_node *n, struct dr_str key)
{
    for (int32_t i = 0; n && i < n->n_members; i++)
        if (dr_str_eq(n->members[i]->key, key))
            return n->members[i];
    return NULL;
}

static const struct dr_json_node *declared_item(const struct dr_json_node *n, int64_t index)
{
    for (int32_t i = 0; n && i < n->n_items; i++)
        if (n->items[i]->index == index)
            return n->items[i];
    return NULL;
}

static void look_at_kind(struct dr_json_finder *f, struct shape *s, struct dr_json_value v)
{
    enum dr_json_kind kind = dr_json_kind(v);
    s->kinds[kind]++;
    if (kind == DR_JSON_NULL)
        return;
    if (!s->first) {
        s->first = kind;
        s->first_line = f->line;
    } else if (!s->other && same_kind(s->first) != same_kind(kind)) {
        s->other = kind;
        s->other_line = f->line;
    }
    if (kind == DR_JSON_NUMBER)
        look_at_number(f, s, dr_json_text(v));
    if (kind == DR_JSON_NUMBER || kind == DR_JSON_STRING)
        look_at_text(s, dr_json_text(v));
}

/* n is the place in the plan, NULL where nothing is declared. Members of members
 * are numbered by name; items that paths lead to by "[N]". */
static void look(struct dr_json_finder *f, struct shape *s, const struct dr_json_node *n,
                 struct dr_json_value v)
{
    if (f->too_many)
        return;
    look_at_kind(f, s, v);
    if (dr_json_kind(v) == DR_JSON_ARRAY && n && n->child > 0)
        look_at_items(f, n->child, v);
    int64_t index = 0;
    for (struct dr_json_iter it = dr_json_iter(v); dr_json_iter_next(&it); index++) {
        char number[32];
        if (dr_json_kind(v) == DR_JSON_OBJECT) {
            look(f, member_shape(f, s, it.key), declared_member(n, it.key), it.value);
        } else if (declared_item(n, index)) {
            int len = snprintf(number, sizeof number, "[%lld]", (long long)index);
            look(f, member_shape(f, s, (struct dr_str){ number, (size_t)len }), declared_item(n, index),
                 it.value);
        }
    }
    s->guess = 0;
}

/* ---- deciding ----------------------------------------------------------------------------------- */

static int64_t count_but_null(const struct shape *s)
{
    int64_t n = 0;
    for (int k = DR_JSON_FALSE; k < KINDS; k++)
        n += s->kinds[k];
    return n;
}

static const char *reason(struct dr_json_finder *f, const char *fmt, int64_t line, const char *a,
                          const char *b)
{
    return dr_arena_printf(&f->plan->arena, fmt, a, b, (long long)line);
}

static void decide_mixed(struct dr_json_finder *f, const struct shape *s, struct dr_json_field *field)
{
    field->json = true;
    field->mixed = s->kinds[DR_JSON_ARRAY] + s->kinds[DR_JSON_OBJECT] == 0;
    if (field->mixed)
        field->type = DR_TYPE_DICT; /* as those who check such columns expect */
    if (s->other)
        field->reason = reason(f, "JSON as written, since there is %s as well as %s (line %lld)",
                               s->other_line, dr_json_kind_name(s->first), dr_json_kind_name(s->other));
    else
        field->reason = reason(f, "JSON as written: the first value is %s%s (line %lld)", s->first_line,
                               dr_json_kind_name(s->first), "");
}

static void decide_number(struct dr_json_finder *f, const struct shape *s, struct dr_json_field *field)
{
    if (s->large == 0 && s->fractions == 0) {
        field->type = DR_TYPE_INT64;
        field->reason = "only whole numbers";
    } else if (s->precise == 0) {
        field->type = DR_TYPE_FLOAT64;
        field->reason = s->fractions ? "only numbers, some with a fraction or an exponent"
                                     : "only numbers, some beyond 64 bits but exact as a double";
    } else {
        field->numbers = true;
        field->reason = reason(f, "digits as written: %s%s (line %lld)", s->precise_line,
                               "a number that neither int64 nor float64 holds exactly", "");
    }
}

static bool hardly_repeats(const struct shape *s)
{
    int64_t present = s->kinds[DR_JSON_NUMBER] + s->kinds[DR_JSON_STRING];
    return s->texts && (int64_t)s->texts->n * 8 > present * 7;
}

static void decide(struct dr_json_finder *f, const struct shape *s, bool all, struct dr_json_field *field)
{
    bool other = s && s->other, text = !all && s && hardly_repeats(s);
    field->found = true;
    field->type = text ? DR_TYPE_STRING : DR_TYPE_DICT;
    if (!s || !s->first) {
        field->reason = "no value but null was seen";
    } else if (other || s->first == DR_JSON_ARRAY || s->first == DR_JSON_OBJECT) {
        decide_mixed(f, s, field);
    } else if (s->first == DR_JSON_NUMBER) {
        decide_number(f, s, field);
    } else if (s->first == DR_JSON_STRING) {
        field->reason = "only strings";
    } else {
        field->type = DR_TYPE_BOOL;
        field->reason = "only true and false";
    }
}

/* The types of declared columns that asked for it. */
static void decide_declared(struct dr_json_finder *f, struct dr_json_table_plan *t,
                            const struct dr_json_node *n, const struct shape *s, bool all)
{
    if (n->column >= 0 && t->fields[n->column].found)
        decide(f, s, all, &t->fields[n->column]);
    for (int32_t i = 0; i < n->n_members + n->n_items; i++) {
        const struct dr_json_node *m = i < n->n_members ? n->members[i] : n->items[i - n->n_members];
        char number[32];
        struct dr_str key = m->key;
        if (i >= n->n_members)
            key = (struct dr_str){ number,
                                   (size_t)snprintf(number, sizeof number, "[%lld]", (long long)m->index) };
        const struct shape *below = NULL;
        for (int32_t k = 0; s && k < s->n && !below; k++)
            below = dr_str_eq(s->members[k]->key, key) ? s->members[k] : NULL;
        decide_declared(f, t, m, below, all);
    }
}

static int32_t add_found(struct dr_json_finder *f, struct dr_json_table_plan *t, struct dr_json_node *n,
                         const struct shape *s, const char *path, bool all, struct dr_err *err);

static int32_t add_members(struct dr_json_finder *f, struct dr_json_table_plan *t, struct dr_json_node *n,
                           const struct shape *s, const char *path, bool all, struct dr_err *err)
{
    n->object = true;
    for (int32_t i = 0; i < s->n; i++) {
        const struct shape *m = s->members[i];
        if (memchr(m->key.p, '\0', m->key.n))
            return dr_fail(err, DR_EINPUT, "a member's name holds \\u0000, which no column's name can");
        const char *below =
            dr_arena_printf(&f->plan->arena, "%s%s%.*s", path, path[0] ? "." : "", (int)m->key.n, m->key.p);
        DR_TRY(add_found(f, t, dr_json_node_member(f->plan, n, m->key), m, below, all, err));
    }
    return DR_OK;
}

/* The columns of a place of which nothing is declared. */
static int32_t add_found(struct dr_json_finder *f, struct dr_json_table_plan *t, struct dr_json_node *n,
                         const struct shape *s, const char *path, bool all, struct dr_err *err)
{
    if (n->child >= 0 && (!s->first || (s->first == DR_JSON_ARRAY && !s->other)))
        return DR_OK;
    bool record = n == t->root && s->kinds[DR_JSON_OBJECT] > 0; /* then what is none is an error */
    if (record || (s->first == DR_JSON_OBJECT && !s->other))
        return add_members(f, t, n, s, path, all, err);
    n->column = dr_json_plan_add(f->plan, t, path[0] ? path : "value", path);
    if (n->column < 0)
        return dr_fail(
            err, DR_EINPUT,
            "two members give the column name '%s': one has a '.' in its name; declare the columns", path);
    decide(f, s, all, &t->fields[n->column]);
    return DR_OK;
}

/* ---- the finder ------------------------------------------------------------------------------------ */

struct dr_json_finder *dr_json_finder_new(struct dr_json_plan *p)
{
    struct dr_json_finder *f = dr_calloc(1, sizeof *f);
    f->plan = p;
    f->doc = dr_json_doc_new();
    f->tables = dr_calloc((size_t)p->n, sizeof(struct shape *));
    for (int32_t i = 0; i < p->n; i++)
        f->tables[i] = new_shape(f, DR_LIT(""));
    return f;
}

void dr_json_finder_look(struct dr_json_finder *f, const char *text, size_t n, int64_t line)
{
    f->line = line;
    if (dr_json_doc_parse(f->doc, "", text, n, NULL) == DR_OK)
        look(f, f->tables[0], f->plan->tables[0].root, dr_json_root(f->doc));
}

static void free_texts(struct shape *s)
{
    dr_dict_unref(s->texts);
    for (int32_t i = 0; i < s->n; i++)
        free_texts(s->members[i]);
}

int32_t dr_json_finder_finish(struct dr_json_finder *f, bool all, struct dr_err *err)
{
    int32_t rc = DR_OK;
    if (f->too_many)
        rc = dr_fail(err, DR_ELIMIT,
                     "more than %d different members; declare the columns to read, with their types",
                     DR_JSON_MEMBERS_MAX);
    for (int32_t i = 0; i < f->plan->n && !rc; i++) {
        struct dr_json_table_plan *t = &f->plan->tables[i];
        if (!t->found)
            decide_declared(f, t, t->root, f->tables[i], all);
        else if (count_but_null(f->tables[i]) == 0)
            t->root->object = true; /* no record: no columns */
        else
            rc = add_found(f, t, t->root, f->tables[i], "", all, err);
    }
    for (int32_t i = 0; i < f->plan->n; i++)
        free_texts(f->tables[i]);
    free(f->tables);
    dr_json_doc_free(f->doc);
    dr_arena_done(&f->arena);
    free(f);
    return rc;
}
