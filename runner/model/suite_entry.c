/* suite_entry.c - one entry of a suite's `expectations`.
 *
 * Two forms mean the same:
 *     - expect_x: {kwargs}             - type: expect_x
 *       severity: critical               kwargs: {...}
 *                                        severity: critical
 * Keys beside them that are not ours (mostly, row_condition, ...) are moved
 * into the arguments.
 *
 * An id stays the same when thresholds are tuned or entries moved, because the
 * history of an expectation hangs on it: it is made of the columns, the type and
 * the words of row_condition. Where that names two entries, the later one gets
 * a short hash of its arguments. */
#include "model/suite_load.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/num.h"

static const char *const own_keys[] = { "severity", "on_failure", "description", "id", "owner",
                                        "meta",     "warning",    "critical",    NULL };
/* GX's names for things that our own keys cover or that a file need not say. */
static const char *const ignored_keys[] = { "ge_cloud_id", "expectation_context", "rendered_content", NULL };
static const char *const common_kwargs[] = {
    "mostly",           "row_condition", "condition_parser",           "result_format",
    "catch_exceptions", "ignore_row_if", "parse_strings_as_datetimes", NULL
};

static bool among(const char *key, const char *const *keys)
{
    for (; *keys; keys++)
        if (dr_streq(key, *keys))
            return true;
    return false;
}

static bool is_own(const char *key)
{
    return among(key, own_keys) || among(key, ignored_keys);
}

/* ---- the type and its arguments -------------------------------------------------- */

/* The index of the key that names the type in `expect_x: {...}`: the first that
 * starts with "expect_", else the first whose value looks like arguments. */
static int32_t type_key(const struct dr_node *n)
{
    for (int32_t i = 0; i < n->n; i++)
        if (dr_str_starts(n->keys[i], DR_LIT("expect_")))
            return i;
    for (int32_t i = 0; i < n->n; i++) {
        bool may_be = n->items[i]->kind == DR_NODE_MAP || n->items[i]->kind == DR_NODE_NULL;
        if (may_be && !is_own(n->keys[i].p) && memchr(n->keys[i].p, '_', n->keys[i].n))
            return i;
    }
    return -1;
}

/* Where the parts of an entry stand. */
struct parts {
    const char *type;
    const struct dr_node *kwargs; /* or NULL */
    const char *type_key, *kwargs_key;
    struct dr_mark mark;
};

static bool find_parts(struct dr_reader *r, const struct dr_node *n, struct parts *ret)
{
    const char *spelling = dr_node_index(n, "type") >= 0 ? "type" : "expectation_type";
    if (dr_node_index(n, spelling) >= 0) {
        ret->type = dr_read_text(r, n, spelling, NULL);
        ret->kwargs = dr_node_get(n, "kwargs");
        ret->type_key = spelling;
        ret->kwargs_key = "kwargs";
        ret->mark = dr_node_get(n, spelling)->mark;
        return ret->type != NULL;
    }
    int32_t at = type_key(n);
    if (at < 0) {
        dr_diag_add(r->d, DR_DIAG_ERROR, n->mark, "e.g. '- expect_column_values_to_not_be_null: {column: x}'",
                    "an expectation without its type");
        return false;
    }
    ret->type = n->keys[at].p;
    ret->type_key = ret->kwargs_key = ret->type;
    ret->kwargs = n->items[at];
    ret->mark = n->key_marks[at];
    return true;
}

static void set_with_mark(struct dr_reader *r, struct dr_node *map, struct dr_str key, struct dr_mark mark,
                          struct dr_node *value)
{
    dr_node_set(r->a, map, key, value);
    map->key_marks[dr_node_index(map, key.p)] = mark;
}

static const char *own_key_meant(struct dr_reader *r, const char *key)
{
    enum { SHORTEST = 5 }; /* shorter words are too near to others */
    if (strlen(key) < SHORTEST || among(key, common_kwargs))
        return NULL;
    return dr_diag_nearest(r->d, key, own_keys, sizeof own_keys / sizeof own_keys[0] - 1);
}

/* Move a key beside the arguments into them. */
static void move_sibling(struct dr_reader *r, const struct dr_node *n, int32_t at, struct dr_node *kwargs)
{
    const char *key = n->keys[at].p;
    const char *meant = own_key_meant(r, key);
    if (dr_str_starts(n->keys[at], DR_LIT("expect_")))
        dr_diag_add(r->d, DR_DIAG_ERROR, n->key_marks[at], "start a new item with '- '",
                    "a second expectation '%.100s' in one item", key);
    else if (meant)
        dr_diag_add(r->d, DR_DIAG_ERROR, n->key_marks[at], meant, "unknown key '%s' beside an expectation",
                    key);
    else if (dr_node_index(kwargs, key) >= 0)
        dr_diag_add(r->d, DR_DIAG_ERROR, n->key_marks[at], "remove one of them",
                    "'%s' stands beside the arguments and among them", key);
    else
        set_with_mark(r, kwargs, n->keys[at], n->key_marks[at], n->items[at]);
}

static struct dr_node *make_kwargs(struct dr_reader *r, const struct dr_node *n, const struct parts *parts)
{
    enum { MOST = 200 }; /* no expectation has nearly as many arguments */
    struct dr_node *kwargs = dr_node_new(r->a, DR_NODE_MAP);
    const struct dr_node *given = parts->kwargs;
    kwargs->mark = given ? given->mark : parts->mark;
    if (n->n > MOST || (dr_node_kind(given) == DR_NODE_MAP && given->n > MOST)) {
        dr_diag_add(r->d, DR_DIAG_ERROR, parts->mark, NULL, "an expectation with more than %d arguments",
                    MOST);
        return kwargs;
    }
    if (dr_node_kind(given) != DR_NODE_MAP && dr_node_kind(given) != DR_NODE_NULL)
        dr_diag_add(r->d, DR_DIAG_ERROR, given->mark, "e.g. {column: x}",
                    "the arguments must be a map, not %s", dr_kind_text(given));
    for (int32_t i = 0; dr_node_kind(given) == DR_NODE_MAP && i < given->n; i++)
        set_with_mark(r, kwargs, given->keys[i], given->key_marks[i], given->items[i]);
    for (int32_t i = 0; i < n->n; i++) {
        const char *key = n->keys[i].p;
        bool form = dr_streq(key, parts->type_key) || dr_streq(key, parts->kwargs_key);
        if (!form && !is_own(key))
            move_sibling(r, n, i, kwargs);
    }
    return kwargs;
}

/* ---- the entry ----------------------------------------------------------------------- */

/* An id goes into comma-separated lists and onto one line. */
static const char *read_id(struct dr_reader *r, const struct dr_node *n)
{
    enum { LONGEST = 200 };
    const char *id = dr_read_text(r, n, "id", NULL);
    if (!id)
        return NULL;
    bool ok = *id && strlen(id) <= LONGEST && !strpbrk(id, ",; \t\r\n");
    if (!ok)
        dr_diag_add(r->d, DR_DIAG_ERROR, dr_node_get(n, "id")->mark, "e.g. heart_rate_range",
                    "an id is one word of at most %d bytes, without commas", LONGEST);
    return ok ? id : NULL;
}

/* 20 is a number of rows; 0.05 and "5 %" are a share. */
static bool parse_threshold(const struct dr_node *n, struct dr_threshold *ret)
{
    struct dr_str text = n->text;
    bool percent = n->kind == DR_NODE_STRING && dr_str_ends(text, DR_LIT("%"));
    double f = n->f;
    if (percent && !dr_parse_f64(dr_str_trim((struct dr_str){ text.p, text.n - 1 }), false, &f))
        return false;
    if (!percent && n->kind != DR_NODE_INT && n->kind != DR_NODE_FLOAT)
        return false;
    bool is_count = n->kind == DR_NODE_INT;
    f = percent ? f / 100 : f;
    *ret = (struct dr_threshold){ true, is_count, f };
    return f >= 0 && (is_count || f <= 1);
}

static void read_threshold(struct dr_reader *r, const struct dr_node *n, const char *key,
                           struct dr_threshold *ret)
{
    const struct dr_node *value = dr_node_get(n, key);
    if (dr_node_kind(value) != DR_NODE_NULL && !parse_threshold(value, ret))
        dr_diag_add(r->d, DR_DIAG_ERROR, value->mark, "e.g. 20 (rows), 0.05 or 5 %",
                    "'%s' must be a number of rows or a share of them", key);
}

/* What thresholds replace must not stand beside them. */
static void read_thresholds(struct dr_reader *r, const struct dr_node *n, struct dr_expectation *e)
{
    static const char *const replaced[] = { "severity", "mostly" };
    read_threshold(r, n, "warning", &e->warning);
    read_threshold(r, n, "critical", &e->critical);
    if (!e->warning.given && !e->critical.given)
        return;
    e->severity = e->critical.given ? DR_SEVERITY_CRITICAL : DR_SEVERITY_WARNING;
    for (int k = 0; k < 2; k++) {
        const struct dr_node *other = k == 0 ? dr_node_get(n, "severity") : dr_node_get(e->kwargs, "mostly");
        if (other)
            dr_diag_add(r->d, DR_DIAG_ERROR, other->mark, "remove one of them",
                        "'%s' stands beside a threshold ('warning', 'critical'), which replaces it",
                        replaced[k]);
    }
    if (e->warning.given && e->critical.given && e->warning.is_count == e->critical.is_count &&
        e->warning.value > e->critical.value)
        dr_diag_add(r->d, DR_DIAG_ERROR, dr_node_get(n, "warning")->mark, "swap them",
                    "'warning' is larger than 'critical'");
}

bool dr_suite_read_entry(struct dr_reader *r, const struct dr_node *n, struct dr_expectation *ret)
{
    struct parts parts = { 0 };
    *ret = (struct dr_expectation){ .severity = DR_SEVERITY_WARNING, .on_failure = DR_ON_FAILURE_RECORD };
    if (n->kind == DR_NODE_STRING) {
        ret->type = n->text.p;
        ret->kwargs = dr_node_new(r->a, DR_NODE_MAP);
        ret->mark = n->mark;
        return true;
    }
    if (n->kind != DR_NODE_MAP) {
        dr_diag_add(r->d, DR_DIAG_ERROR, n->mark, "e.g. '- expect_column_values_to_not_be_null: {column: x}'",
                    "an expectation must be a map, not %s", dr_kind_text(n));
        return false;
    }
    if (!find_parts(r, n, &parts))
        return false;
    ret->type = parts.type;
    ret->mark = parts.mark;
    ret->kwargs = make_kwargs(r, n, &parts);
    ret->severity =
        (enum dr_severity)dr_read_choice(r, n, "severity", dr_severity_names, DR_SEVERITY_WARNING);
    ret->on_failure =
        (enum dr_on_failure)dr_read_choice(r, n, "on_failure", dr_on_failure_names, DR_ON_FAILURE_RECORD);
    ret->description = dr_read_text(r, n, "description", NULL);
    ret->owner = dr_read_text(r, n, "owner", NULL);
    ret->meta = dr_node_get(n, "meta");
    ret->id = read_id(r, n);
    read_thresholds(r, n, ret);
    return true;
}

/* ---- ids ---------------------------------------------------------------------------------- */

/* Letters, digits and non-ASCII as they are, runs of anything else as one '_'. */
static void put_slug(struct dr_buf *b, const char *text, size_t max)
{
    size_t start = b->n;
    bool gap = false;
    for (size_t i = 0; text[i]; i++) {
        unsigned char c = (unsigned char)text[i];
        bool word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
                    c >= 0x80;
        if (word && b->n - start >= max && (c & 0xc0) != 0x80)
            return;
        if (word && gap && b->n > start)
            dr_buf_putc(b, '_');
        gap = !word;
        if (word)
            dr_buf_putc(b, (char)c);
    }
}

static void put_column(struct dr_buf *b, const struct dr_node *column)
{
    enum { LONGEST = 60 };
    const char *name = dr_node_str(column, NULL);
    if (!name)
        return;
    if (b->n > 0)
        dr_buf_putc(b, '+');
    put_slug(b, name, LONGEST);
}

/* "a+b.expect_multicolumn_sum_to_equal.vital_type_heart_rate" */
static const char *readable_id(struct dr_arena *a, const struct dr_expectation *e)
{
    enum { LONGEST_TYPE = 100, LONGEST_CONDITION = 40, SHOWN_COLUMNS = 4 };
    DR_AUTO_BUF b = { 0 };
    put_column(&b, dr_node_get(e->kwargs, "column"));
    put_column(&b, dr_node_get(e->kwargs, "column_A"));
    put_column(&b, dr_node_get(e->kwargs, "column_B"));
    const struct dr_node *list = dr_node_get(e->kwargs, "column_list");
    for (int32_t i = 0;
         dr_str_starts(dr_str_of(e->type), DR_LIT("expect_table_")) == false && i < SHOWN_COLUMNS; i++)
        put_column(&b, dr_node_kind(list) == DR_NODE_LIST ? dr_node_at(list, i) : NULL);
    if (b.n > 0)
        dr_buf_putc(&b, '.');
    put_slug(&b, e->type, LONGEST_TYPE);
    const char *condition = dr_node_str(dr_node_get(e->kwargs, "row_condition"), NULL);
    if (condition) {
        dr_buf_putc(&b, '.');
        put_slug(&b, condition, LONGEST_CONDITION);
    }
    return dr_arena_dup(a, dr_buf_cstr(&b), b.n);
}

static uint32_t hash_kwargs(const struct dr_expectation *e)
{
    DR_AUTO_BUF b = { 0 };
    dr_json_put_node(&b, e->kwargs, 0);
    return (uint32_t)(dr_hash(dr_buf_cstr(&b), b.n) & 0xffffff);
}

/* A free id that starts as `base`: with a hash, and where that is taken too
 * (the same arguments twice) with a number. */
static const char *free_id(struct dr_arena *a, struct dr_map *taken, struct dr_map *repeats, const char *base,
                           const struct dr_expectation *e)
{
    bool is_new;
    dr_map_put(taken, dr_str_of(base), &is_new);
    if (is_new)
        return base;
    const char *hashed = dr_arena_printf(a, "%s.%06x", base, (unsigned)hash_kwargs(e));
    const char *id = hashed;
    for (dr_map_put(taken, dr_str_of(id), &is_new); !is_new; dr_map_put(taken, dr_str_of(id), &is_new)) {
        int64_t *n = dr_map_put(repeats, dr_str_of(hashed), NULL);
        *n = *n ? *n + 1 : 2;
        id = dr_arena_printf(a, "%s.%d", hashed, (int)*n);
    }
    return id;
}

void dr_suite_give_ids(struct dr_reader *r, struct dr_suite *suite)
{
    struct dr_map taken = { 0 }, repeats = { 0 };
    for (int32_t i = 0; i < suite->n; i++) {
        struct dr_expectation *e = &suite->expectations[i];
        bool is_new = true;
        if (e->id)
            dr_map_put(&taken, dr_str_of(e->id), &is_new);
        if (!is_new)
            dr_diag_add(r->d, DR_DIAG_ERROR, e->mark, "give one of them another id",
                        "the id '%s' stands twice", e->id);
    }
    for (int32_t i = 0; i < suite->n; i++) {
        struct dr_expectation *e = &suite->expectations[i];
        if (!e->id)
            e->id = free_id(r->a, &taken, &repeats, readable_id(r->a, e), e);
    }
    dr_map_done(&taken);
    dr_map_done(&repeats);
}
