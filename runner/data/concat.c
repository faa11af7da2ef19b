/* concat.c - tables one below the other.
 *
 * Chunks are shared, not copied. Where dictionaries differ, a new one holds the
 * values of all, in order, and codes are translated by a table; the values of
 * the first come first, so its codes stay as they are and its buffers are
 * shared as well. */
#include "data/kernel.h"
#include "data/pool.h"

/* One column of the result, put together from the columns at index `at`. */
struct stack {
    int32_t n; /* tables */
    const struct dr_table *const *tables;
    int32_t at;
    int32_t type; /* of the result */
    struct dr_dict *dict;
    struct dr_array **chunk; /* room for all chunks */
    int32_t chunks;
};

static const struct dr_column *column_of(const struct stack *s, int32_t i)
{
    return s->tables[i]->columns[s->at];
}

static bool one_dict(const struct stack *s)
{
    for (int32_t i = 1; i < s->n; i++)
        if (column_of(s, i)->dict != column_of(s, 0)->dict)
            return false;
    return true;
}

/* The array with its codes translated (map NULL: as they are) into dict. */
static struct dr_array *recode(const struct dr_array *a, const int32_t *map, struct dr_dict *dict)
{
    struct dr_array *to = dr_calloc(1, sizeof *to);
    *to = (struct dr_array){ .type = a->type, .n = a->n, .nulls = a->nulls, .valid = a->valid };
    atomic_init(&to->refs, 1);
    to->dict = dr_dict_ref(dict);
    to->mem[0] = dr_mem_ref(a->mem[0]);
    if (!map) {
        to->values = a->values;
        to->mem[1] = dr_mem_ref(a->mem[1]);
        return to;
    }
    to->mem[1] = dr_mem_new_zero((size_t)a->n * sizeof(int32_t));
    to->values = to->mem[1]->p;
    int32_t *codes = to->mem[1]->p;
    for (int64_t i = 0; i < a->n; i++)
        if (dr_array_valid(a, i))
            codes[i] = map[((const int32_t *)a->values)[i]];
    return to;
}

static void stack_codes(struct stack *s)
{
    s->dict = dr_dict_new();
    for (int32_t i = 0; i < s->n; i++) {
        const struct dr_column *c = column_of(s, i);
        DR_AUTO_FREE int32_t *map = dr_malloc((size_t)c->dict->n * sizeof *map);
        bool same = true;
        for (int32_t code = 0; code < c->dict->n; code++) {
            map[code] = dr_dict_put(s->dict, c->dict->values[code]);
            same &= map[code] == code;
        }
        for (int32_t k = 0; k < c->n; k++)
            s->chunk[s->chunks++] = recode(c->chunk[k], same ? NULL : map, s->dict);
    }
}

/* Codes written out as text, where DICT meets STRING. */
static struct dr_array *decode(const struct dr_array *a)
{
    struct dr_array *to = dr_array_new(DR_TYPE_STRING, a->n, NULL);
    int64_t *offsets = to->mem[1]->p;
    for (int64_t i = 0; i < a->n; i++)
        offsets[i + 1] = offsets[i] + (dr_array_valid(a, i) ? (int64_t)dr_array_str(a, i).n : 0);
    char *bytes = dr_array_make_bytes(to, (size_t)offsets[a->n]);
    for (int64_t i = 0; i < a->n; i++)
        if (offsets[i + 1] > offsets[i])
            memcpy(bytes + offsets[i], dr_array_str(a, i).p, (size_t)(offsets[i + 1] - offsets[i]));
    to->valid = a->valid;
    to->nulls = a->nulls;
    to->mem[0] = dr_mem_ref(a->mem[0]);
    return to;
}

static void stack_chunks(struct stack *s)
{
    for (int32_t i = 0; i < s->n; i++) {
        const struct dr_column *c = column_of(s, i);
        for (int32_t k = 0; k < c->n; k++)
            s->chunk[s->chunks++] = s->type == c->type ? dr_array_ref(c->chunk[k]) : decode(c->chunk[k]);
    }
}

static struct dr_column *stack_column(struct stack *s, int32_t room)
{
    const struct dr_column *first = column_of(s, 0);
    s->chunk = dr_malloc((size_t)room * sizeof(struct dr_array *));
    if (s->type == DR_TYPE_DICT && !one_dict(s))
        stack_codes(s);
    else
        stack_chunks(s);
    struct dr_dict *dict = s->dict ? s->dict : first->dict;
    struct dr_column *c = dr_column_new(s->type, s->chunks, s->chunk, s->type == DR_TYPE_DICT ? dict : NULL);
    c->scale = first->scale;
    c->zoned = first->zoned;
    dr_dict_unref(s->dict);
    free(s->chunk);
    return c;
}

/* The type that holds both, or -1. */
static int32_t common_type(const struct dr_column *a, int32_t type, const struct dr_column *b)
{
    if (type == b->type)
        return a->scale == b->scale && a->zoned == b->zoned ? type : -1;
    bool texts = dr_column_is_text(b) && (type == DR_TYPE_STRING || type == DR_TYPE_DICT);
    return texts ? DR_TYPE_STRING : -1;
}

static int32_t refuse_types(const struct dr_table *first, const struct dr_table *t, int32_t at, int32_t i,
                            struct dr_err *err)
{
    const struct dr_column *a = first->columns[at], *b = t->columns[at];
    if (a->type != b->type)
        return dr_fail(err, DR_EINPUT, "concat: column '%s' is %s in the first table, %s in table %d",
                       first->names[at], dr_type_name(a->type), dr_type_name(b->type), (int)i + 1);
    return dr_fail(err, DR_EINPUT, "concat: column '%s' differs in %s between the first table and table %d",
                   first->names[at], a->type == DR_TYPE_DECIMAL ? "scale" : "time zone", (int)i + 1);
}

static int32_t check_tables(int32_t n, const struct dr_table *const *tables, int32_t *ret_types,
                            struct dr_err *err)
{
    const struct dr_table *first = tables[0];
    for (int32_t at = 0; at < first->n; at++)
        ret_types[at] = first->columns[at]->type;
    for (int32_t i = 1; i < n; i++) {
        if (tables[i]->n != first->n)
            return dr_fail(err, DR_EINPUT, "concat: the first table has %d columns, table %d has %d",
                           (int)first->n, (int)i + 1, (int)tables[i]->n);
        for (int32_t at = 0; at < first->n; at++) {
            if (!dr_streq(first->names[at], tables[i]->names[at]))
                return dr_fail(err, DR_EINPUT,
                               "concat: column %d is '%s' in the first table, '%s' in table %d", (int)at + 1,
                               first->names[at], tables[i]->names[at], (int)i + 1);
            ret_types[at] = common_type(first->columns[at], ret_types[at], tables[i]->columns[at]);
            if (ret_types[at] < 0)
                return refuse_types(first, tables[i], at, i, err);
        }
    }
    return DR_OK;
}

int32_t dr_table_concat(int32_t n, const struct dr_table *const *tables, struct dr_table **ret,
                        struct dr_err *err)
{
    if (n < 1)
        return dr_fail(err, DR_EINPUT, "concat: no tables given");
    const struct dr_table *first = tables[0];
    DR_AUTO_FREE int32_t *types = dr_malloc((size_t)first->n * sizeof *types);
    DR_AUTO_FREE struct dr_column **columns = dr_malloc((size_t)first->n * sizeof(struct dr_column *));
    DR_TRY(check_tables(n, tables, types, err));
    int32_t room = 0;
    for (int32_t i = 0; i < n; i++)
        room += tables[i]->n ? tables[i]->columns[0]->n : 0;
    for (int32_t at = 0; at < first->n; at++) {
        struct stack s = { .n = n, .tables = tables, .at = at, .type = types[at] };
        columns[at] = stack_column(&s, room);
    }
    *ret = dr_table_adopt(first->n, (const char *const *)first->names, columns);
    return DR_OK;
}
