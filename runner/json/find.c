/* find.c - columns and types from the data.
 *
 * Each record is laid over a tree of shapes, which counts what occurs at each
 * place. From the counts follow the columns:
 *   only objects (and null)          its members, with '.' between the names
 *   only true and false              bool
 *   only integers within 64 bits     int64
 *   only numbers a double can hold   float64: at most 17 significant digits
 *   only numbers, others among them  text: the digits as written
 *   only strings                     text
 *   anything else                    text that is JSON as written
 * A column of texts is DICT unless the texts hardly repeat. */
#include "data/column.h"
#include "json/shape.h"

struct dr_json_finder {
    struct dr_json_plan *plan; /* borrowed */
    struct dr_json_shapes shapes;
};

/* ---- deciding ----------------------------------------------------------------------------------- */

static int64_t count_but_null(const struct dr_json_shape *s)
{
    int64_t n = 0;
    for (int k = DR_JSON_FALSE; k < DR_JSON_KINDS; k++)
        n += s->kinds[k];
    return n;
}

static const char *reason(struct dr_json_finder *f, const char *fmt, int64_t line, const char *a,
                          const char *b)
{
    return dr_arena_printf(&f->plan->arena, fmt, a, b, (long long)line);
}

static void decide_mixed(struct dr_json_finder *f, const struct dr_json_shape *s, struct dr_json_field *field)
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

static void decide_number(struct dr_json_finder *f, const struct dr_json_shape *s,
                          struct dr_json_field *field)
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

static bool hardly_repeats(const struct dr_json_shape *s)
{
    int64_t present = s->kinds[DR_JSON_NUMBER] + s->kinds[DR_JSON_STRING];
    return (int64_t)s->texts.n * 8 > present * 7;
}

static void decide(struct dr_json_finder *f, const struct dr_json_shape *s, bool all,
                   struct dr_json_field *field)
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
                            const struct dr_json_node *n, const struct dr_json_shape *s, bool all)
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
        const struct dr_json_shape *below = NULL;
        for (int32_t k = 0; s && k < s->n && !below; k++)
            below = dr_str_eq(s->members[k]->key, key) ? s->members[k] : NULL;
        decide_declared(f, t, m, below, all);
    }
}

static int32_t add_found(struct dr_json_finder *f, struct dr_json_table_plan *t, struct dr_json_node *n,
                         const struct dr_json_shape *s, const char *path, bool all, struct dr_err *err);

static int32_t add_members(struct dr_json_finder *f, struct dr_json_table_plan *t, struct dr_json_node *n,
                           const struct dr_json_shape *s, const char *path, bool all, struct dr_err *err)
{
    n->object = true;
    for (int32_t i = 0; i < s->n; i++) {
        const struct dr_json_shape *m = s->members[i];
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
                         const struct dr_json_shape *s, const char *path, bool all, struct dr_err *err)
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
    dr_json_shapes_init(&f->shapes, p);
    return f;
}

void dr_json_finder_look(struct dr_json_finder *f, const char *text, size_t n, int64_t line)
{
    dr_json_shapes_look(&f->shapes, text, n, line);
}

int32_t dr_json_finder_finish(struct dr_json_finder *f, bool all, struct dr_err *err)
{
    int32_t rc = DR_OK;
    if (f->shapes.too_many)
        rc = dr_fail(err, DR_ELIMIT,
                     "more than %d different members; declare the columns to read, with their types",
                     DR_JSON_MEMBERS_MAX);
    for (int32_t i = 0; i < f->plan->n && !rc; i++) {
        struct dr_json_table_plan *t = &f->plan->tables[i];
        if (!t->found)
            decide_declared(f, t, t->root, f->shapes.tables[i], all);
        else if (count_but_null(f->shapes.tables[i]) == 0)
            t->root->object = true; /* no record: no columns */
        else
            rc = add_found(f, t, t->root, f->shapes.tables[i], "", all, err);
    }
    dr_json_shapes_done(&f->shapes);
    free(f);
    return rc;
}
