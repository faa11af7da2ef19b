/* gx.c - the cases of Great Expectations' own tests against our engine.
 *
 *     gx [FOLDER] [--list-failures] [--must-pass FILE] [--list-passes]
 *
 * FOLDER (or $DAGRUN_CONFORMANCE/gx) holds EXPECTATION.json files, each a list
 * of cases: tables, arguments, and the result that Great Expectations gave. A
 * case passes where success or error are the same and every field of the
 * expected result is equal, numbers to 1e-9, lists of unexpected values and
 * rows in any order. Prints a line per expectation and class; ends with
 * "N passed, N failed". Exits 1 where a case of the must-pass file fails (without
 * arguments, gx_must_pass.txt beside this file), 77 where there is no folder. */
#include <math.h>
#include <stdlib.h>
#include "base/file.h"
#include "base/json.h"
#include "base/num.h"
#include "base/hash.h"
#include "data/column.h"
#include "expect/dateutil.h"
#include "expect/expect.h"

#define FILE_MAX ((size_t)256 << 20)
#define GROUPS_MAX 256
#define COLUMNS_MAX 64
#define TABLES_MAX 8

struct group {
    const char *name;
    int passed, failed;
};
struct tally {
    struct group by_type[GROUPS_MAX], by_class[GROUPS_MAX];
    int n_types, n_classes, passed, failed, lost; /* lost: failed though they must pass */
    struct dr_map must_pass;
    bool list_failures, list_passes;
};
struct test_tables {
    const char *names[TABLES_MAX];
    struct dr_table *tables[TABLES_MAX];
    const char *mixed[COLUMNS_MAX + 1];
    int n, n_mixed;
};

/* ---- columns of a case ---- */

enum want { WANT_ANY, WANT_INT, WANT_FLOAT, WANT_TEXT, WANT_BOOL, WANT_TIME };

static enum want wanted(const char *type)
{
    static const struct {
        const char *name;
        enum want want;
    } names[] = { { "int", WANT_INT },        { "int64", WANT_INT },       { "Int64Dtype", WANT_INT },
                  { "INTEGER", WANT_INT },    { "BIGINT", WANT_INT },      { "float", WANT_FLOAT },
                  { "float64", WANT_FLOAT },  { "FLOAT", WANT_FLOAT },     { "REAL", WANT_FLOAT },
                  { "str", WANT_TEXT },       { "VARCHAR", WANT_TEXT },    { "TEXT", WANT_TEXT },
                  { "STRING", WANT_TEXT },    { "bool", WANT_BOOL },       { "BOOLEAN", WANT_BOOL },
                  { "datetime", WANT_TIME },  { "datetime64", WANT_TIME }, { "datetime64[ns]", WANT_TIME },
                  { "timestamp", WANT_TIME }, { "TIMESTAMP", WANT_TIME },  { "DATETIME", WANT_TIME } };
    for (size_t k = 0; type && k < sizeof names / sizeof names[0]; k++)
        if (dr_streq(type, names[k].name))
            return names[k].want;
    return WANT_ANY;
}

struct found {
    bool bools, ints, floats, texts;
};

static struct found look(const struct dr_node *values)
{
    struct found f = { 0 };
    for (int64_t i = 0; i < dr_node_size(values); i++) {
        int32_t kind = dr_node_kind(dr_node_at(values, i));
        f.bools |= kind == DR_NODE_BOOL;
        f.ints |= kind == DR_NODE_INT;
        f.floats |= kind == DR_NODE_FLOAT;
        f.texts |= kind == DR_NODE_STRING || kind == DR_NODE_LIST || kind == DR_NODE_MAP;
    }
    return f;
}

static int32_t column_type(const struct found *f, enum want want, bool *ret_mixed)
{
    bool numbers = f->ints || f->floats;
    *ret_mixed = false;
    if ((want == WANT_INT || want == WANT_FLOAT) && f->texts)
        return want == WANT_INT ? DR_TYPE_INT64 : DR_TYPE_FLOAT64;
    if (want == WANT_TEXT)
        return DR_TYPE_DICT;
    if (want == WANT_TIME && f->texts && !numbers)
        return DR_TYPE_TIMESTAMP;
    if (f->texts) {
        *ret_mixed = numbers || f->bools;
        return DR_TYPE_DICT;
    }
    if (f->floats || (want == WANT_FLOAT && numbers))
        return DR_TYPE_FLOAT64;
    if (f->ints)
        return DR_TYPE_INT64;
    return f->bools ? DR_TYPE_BOOL : DR_TYPE_NULL;
}

static void append_text(struct dr_builder *b, const struct dr_node *v, bool as_json)
{
    DR_AUTO_BUF text = { 0 };
    if (as_json || dr_node_kind(v) == DR_NODE_LIST || dr_node_kind(v) == DR_NODE_MAP)
        dr_json_put_node(&text, v, 0);
    else if (dr_node_kind(v) == DR_NODE_BOOL)
        (void)dr_buf_puts(&text, v->i ? "True" : "False");
    else
        (void)dr_buf_append(&text, v->text.p, v->text.n);
    dr_builder_append_bytes(b, dr_buf_cstr(&text), (int64_t)text.n);
}

static void append_time(struct dr_builder *b, const struct dr_node *v, bool *zoned)
{
    struct dr_civil c;
    int32_t offset_s;
    bool z = false;
    if (dr_dateutil_parse(v->text, &c, &z, &offset_s))
        dr_builder_append_int(b, dr_us_from_civil(&c) - offset_s * DR_US_PER_S);
    else
        dr_builder_append_null(b);
    *zoned |= z;
}

/* Numbers, truth values, and texts that the case declares to be numbers. */
static void append_number(struct dr_builder *b, const struct dr_node *v, int32_t type)
{
    double f = dr_node_float(v, 0);
    if (dr_node_kind(v) == DR_NODE_BOOL)
        f = dr_node_bool(v, 0);
    else if (dr_node_kind(v) == DR_NODE_STRING && !dr_parse_f64(v->text, true, &f))
        f = NAN;
    if (isnan(f))
        dr_builder_append_null(b);
    else if (type == DR_TYPE_FLOAT64)
        dr_builder_append_float(b, f);
    else
        dr_builder_append_int(b, dr_node_kind(v) == DR_NODE_INT ? dr_node_int(v, 0) : (int64_t)f);
}

/* utc: times are instants whether or not they are written with an offset. */
static struct dr_column *make_column(const struct dr_node *values, enum want want, bool utc, bool *ret_mixed)
{
    struct found f = look(values);
    int32_t type = column_type(&f, want, ret_mixed);
    struct dr_builder *b = dr_builder_new(type);
    bool zoned = utc && type == DR_TYPE_TIMESTAMP;
    for (int64_t i = 0; i < dr_node_size(values); i++) {
        const struct dr_node *v = dr_node_at(values, i);
        if (dr_node_kind(v) == DR_NODE_NULL)
            dr_builder_append_null(b);
        else if (type == DR_TYPE_DICT)
            append_text(b, v, *ret_mixed);
        else if (type == DR_TYPE_TIMESTAMP)
            append_time(b, v, &zoned);
        else
            append_number(b, v, type);
    }
    struct dr_column *c = dr_builder_finish(b);
    for (int32_t k = 0; zoned && k < c->n; k++)
        c->chunk[k]->zoned = c->zoned = true;
    return c;
}

static struct dr_column *row_numbers(int64_t n)
{
    struct dr_builder *b = dr_builder_new(DR_TYPE_INT64);
    for (int64_t i = 0; i < n; i++)
        dr_builder_append_int(b, i);
    return dr_builder_finish(b);
}

static int32_t make_table(struct test_tables *t, const struct dr_node *columns, const struct dr_node *c,
                          struct dr_table **ret, struct dr_err *err)
{
    const struct dr_node *types = dr_node_get(c, "types");
    const char *row_key = dr_node_str(dr_node_get(c, "row_key"), NULL);
    bool pandas = dr_streq(dr_node_str(dr_node_get(c, "backend"), ""), "pandas");
    const char *names[COLUMNS_MAX];
    struct dr_column *made[COLUMNS_MAX];
    int32_t n = 0;
    for (int64_t i = 0; i < dr_node_size(columns) && n < COLUMNS_MAX - 1; i++) {
        bool mixed;
        names[n] = dr_node_key(columns, i);
        const char *type = dr_node_str(dr_node_get(types, names[n]), NULL);
        bool utc =
            pandas && type && dr_streq(type, "timestamp"); /* pandas' tests mean times with a zone by it */
        made[n] = make_column(dr_node_at(columns, i), wanted(type), utc, &mixed);
        if (mixed && t->n_mixed < COLUMNS_MAX)
            t->mixed[t->n_mixed++] = names[n];
        n++;
    }
    if (row_key && n && !dr_node_get(columns, row_key)) {
        names[n] = row_key;
        made[n++] = row_numbers(dr_node_size(dr_node_at(columns, 0)));
    }
    int32_t rc = dr_table_new(n, names, (const struct dr_column *const *)made, ret, err);
    for (int32_t k = 0; k < n; k++)
        dr_column_unref(made[k]);
    return rc;
}

static const struct dr_table *table_named(void *ctx, const char *name)
{
    const struct test_tables *t = ctx;
    for (int k = 0; k < t->n; k++)
        if (dr_streq(t->names[k], name))
            return t->tables[k];
    return NULL;
}

static int32_t make_tables(struct test_tables *t, const struct dr_node *c, struct dr_err *err)
{
    const struct dr_node *tables = dr_node_get(c, "tables");
    for (int64_t i = 0; i < dr_node_size(tables) && t->n < TABLES_MAX; i++) {
        t->names[t->n] = dr_node_key(tables, i);
        DR_TRY(make_table(t, dr_node_at(tables, i), c, &t->tables[t->n], err));
        t->n++;
    }
    return DR_OK;
}

/* ---- comparing ---- */

static bool same(const struct dr_node *want, const struct dr_node *got);

static bool is_number(const struct dr_node *n)
{
    return dr_node_kind(n) == DR_NODE_INT || dr_node_kind(n) == DR_NODE_FLOAT;
}

static bool same_number(double a, double b)
{
    return a == b || fabs(a - b) <= 1e-9 * fmax(1, fmax(fabs(a), fabs(b))) || (isnan(a) && isnan(b));
}

static bool same_in_any_order(const struct dr_node *want, const struct dr_node *got)
{
    if (want->n != dr_node_size(got))
        return false;
    DR_AUTO_FREE bool *used = dr_calloc((size_t)got->n + 1, sizeof *used);
    for (int32_t i = 0; i < want->n; i++) {
        int32_t k = 0;
        while (k < got->n && (used[k] || !same(want->items[i], got->items[k])))
            k++;
        if (k == got->n)
            return false;
        used[k] = true;
    }
    return true;
}

static bool same_map(const struct dr_node *want, const struct dr_node *got)
{
    for (int32_t i = 0; i < want->n; i++) {
        const struct dr_node *value = dr_node_get(got, want->keys[i].p);
        if (!value || !same(want->items[i], value))
            return false;
    }
    return want->n == got->n;
}

static bool same(const struct dr_node *want, const struct dr_node *got)
{
    bool null = dr_node_kind(want) == DR_NODE_NULL || (dr_node_kind(want) == DR_NODE_FLOAT && isnan(want->f));
    if (null)
        return dr_node_kind(got) == DR_NODE_NULL || (dr_node_kind(got) == DR_NODE_FLOAT && isnan(got->f));
    if (is_number(want))
        return is_number(got) && same_number(want->f, got->f);
    if (dr_node_kind(want) != dr_node_kind(got))
        return false;
    if (dr_node_kind(want) == DR_NODE_MAP)
        return same_map(want, got);
    if (dr_node_kind(want) != DR_NODE_LIST)
        return dr_node_equal(want, got);
    for (int32_t i = 0; i < want->n; i++)
        if (i >= got->n || !same(want->items[i], got->items[i]))
            return false;
    return want->n == got->n;
}

static bool any_order(const char *key)
{
    return dr_streq(key, "unexpected_list") || dr_streq(key, "unexpected_index_list");
}

static void put_difference(struct dr_buf *why, const char *key, const struct dr_node *want,
                           const struct dr_node *got)
{
    (void)dr_buf_printf(why, "%s: expected ", key);
    dr_json_put_node(why, want, 0);
    (void)dr_buf_puts(why, ", got ");
    if (got)
        dr_json_put_node(why, got, 0);
    else
        (void)dr_buf_puts(why, "nothing");
}

static bool result_agrees(const struct dr_node *want, const struct dr_node *got, struct dr_buf *why)
{
    for (int64_t i = 0; i < dr_node_size(want); i++) {
        const char *key = dr_node_key(want, i);
        const struct dr_node *w = dr_node_at(want, i), *g = dr_node_get(got, key);
        bool agrees =
            g && (any_order(key) && dr_node_kind(w) == DR_NODE_LIST ? same_in_any_order(w, g) : same(w, g));
        if (!agrees) {
            put_difference(why, key, w, g);
            return false;
        }
    }
    return true;
}

static bool check_agrees(const struct dr_node *want, const struct dr_check *c, struct dr_buf *why)
{
    bool error = dr_node_bool(dr_node_get(want, "error"), 0);
    const char *text = dr_node_str(dr_node_get(want, "error_contains"), NULL);
    if (error != (c->exception != NULL)) {
        (void)dr_buf_printf(why, "%s: %s", error ? "an error was expected" : "could not be evaluated",
                            c->exception ? c->exception : c->sentence);
        return false;
    }
    if (error && text && !strstr(c->exception, text)) {
        (void)dr_buf_printf(why, "the error should contain '%s': %s", text, c->exception);
        return false;
    }
    if (c->success != (dr_node_bool(dr_node_get(want, "success"), 0) != 0)) {
        (void)dr_buf_printf(why, "%s, which is the wrong verdict: %s", c->success ? "success" : "failure",
                            c->sentence);
        return false;
    }
    return error || result_agrees(dr_node_get(want, "result"), c->result, why);
}

/* ---- running ---- */

static int32_t run_case(const struct dr_node *c, struct test_tables *t, bool *ret_passed, struct dr_buf *why,
                        struct dr_err *err)
{
    struct dr_expectation x = { .id = dr_node_str(dr_node_get(c, "id"), ""),
                                .type = dr_node_str(dr_node_get(c, "expectation"), ""),
                                .kwargs = dr_node_get(c, "kwargs"),
                                .severity = DR_SEVERITY_WARNING };
    struct dr_suite suite = { .name = "conformance", .expectations = &x, .n = 1 };
    struct dr_expect_options opts = { .result_format = DR_RESULT_COMPLETE,
                                      .row_key = dr_node_str(dr_node_get(c, "row_key"), NULL),
                                      .mixed_columns = t->mixed,
                                      .other_table = table_named,
                                      .ctx = t };
    struct dr_results *r;
    DR_TRY(make_tables(t, c, err));
    const struct dr_table *table = table_named(t, dr_node_str(dr_node_get(c, "table"), ""));
    if (!table)
        return dr_fail(err, DR_EINPUT, "the case names no table of its own");
    DR_TRY(dr_expect_run(&suite, table, &opts, &r, err));
    *ret_passed = check_agrees(dr_node_get(c, "expected"), &r->checks[0], why);
    dr_results_free(r);
    return DR_OK;
}

static void count(struct group *groups, int *n, const char *name, bool passed)
{
    int k = 0;
    while (k < *n && !dr_streq(groups[k].name, name))
        k++;
    if (k == *n && *n < GROUPS_MAX - 1)
        groups[(*n)++] = (struct group){ name, 0, 0 };
    groups[k].passed += passed;
    groups[k].failed += !passed;
}

static void one(struct tally *t, const struct dr_node *c)
{
    const char *id = dr_node_str(dr_node_get(c, "id"), "");
    struct test_tables tables = { 0 };
    DR_AUTO_BUF why = { 0 };
    struct dr_err err = { 0 };
    bool passed = false;
    if (run_case(c, &tables, &passed, &why, &err))
        (void)dr_buf_puts(&why, err.msg);
    for (int k = 0; k < tables.n; k++)
        dr_table_unref(tables.tables[k]);
    count(t->by_type, &t->n_types, dr_node_str(dr_node_get(c, "expectation"), ""), passed);
    count(t->by_class, &t->n_classes, dr_node_str(dr_node_get(c, "class"), ""), passed);
    t->passed += passed;
    t->failed += !passed;
    bool must = dr_map_get(&t->must_pass, dr_str_of(id)) != NULL;
    t->lost += must && !passed;
    if (!passed && (t->list_failures || must))
        printf("FAILED %s%s\n    %.400s\n", id, must ? " (must pass)" : "", dr_buf_cstr(&why));
    if (passed && t->list_passes)
        printf("%s\n", id);
}

static int32_t run_folder(struct tally *t, struct dr_arena *a, const char *folder, struct dr_err *err)
{
    char **names;
    size_t n;
    DR_TRY(dr_list_dir(a, folder, ".json", &names, &n, err));
    for (size_t k = 0; k < n; k++) {
        struct dr_str text;
        struct dr_node *cases;
        DR_TRY(dr_read_file(a, dr_path_join(a, folder, names[k]), FILE_MAX, &text, err));
        DR_TRY(dr_json_parse(a, text, names[k], true, &cases, err));
        for (int64_t i = 0; i < dr_node_size(cases); i++)
            one(t, dr_node_at(cases, i));
    }
    return DR_OK;
}

static int32_t read_must_pass(struct tally *t, struct dr_arena *a, const char *path, struct dr_err *err)
{
    struct dr_str text, line;
    DR_TRY(dr_read_file(a, path, FILE_MAX, &text, err));
    while (dr_str_split(&text, '\n', &line))
        if (line.n && line.p[0] != '#')
            (void)dr_map_put(&t->must_pass, line, NULL);
    return DR_OK;
}

static void print_groups(const char *title, const struct group *g, int n)
{
    printf("\n%-72s passed failed\n", title);
    for (int k = 0; k < n; k++)
        printf("%-72s %6d %6d\n", g[k].name, g[k].passed, g[k].failed);
}

static int usage(const char *what)
{
    fprintf(stderr, "gx: %s\nusage: gx [FOLDER] [--list-failures] [--list-passes] [--must-pass FILE]\n",
            what);
    return 2;
}

int main(int argc, char **argv)
{
    DR_AUTO_ARENA a = { 0 };
    struct tally t = { 0 };
    struct dr_err err = { 0 };
    const char *root = getenv("DAGRUN_CONFORMANCE"), *folder = root ? dr_path_join(&a, root, "gx") : NULL;
#ifdef SOURCE_DIR
    if (argc == 1 && read_must_pass(&t, &a, SOURCE_DIR "/tests/conformance/gx_must_pass.txt", &err))
        return usage(err.msg);
#endif
    for (int k = 1; k < argc; k++) {
        if (dr_streq(argv[k], "--list-failures"))
            t.list_failures = true;
        else if (dr_streq(argv[k], "--list-passes"))
            t.list_passes = true;
        else if (dr_streq(argv[k], "--must-pass") && k + 1 < argc) {
            if (read_must_pass(&t, &a, argv[++k], &err))
                return usage(err.msg);
        } else if (argv[k][0] == '-')
            return usage("unknown option");
        else
            folder = argv[k];
    }
    if (!folder) {
        puts("skipped: DAGRUN_CONFORMANCE is not set and no folder is named");
        dr_map_done(&t.must_pass);
        return 77;
    }
    if (run_folder(&t, &a, folder, &err))
        return usage(err.msg);
    if (!t.list_passes) {
        print_groups("expectation", t.by_type, t.n_types);
        print_groups("class", t.by_class, t.n_classes);
    }
    dr_map_done(&t.must_pass);
    printf("\n%d passed, %d failed\n", t.passed, t.failed);
    return t.lost ? 1 : 0;
}
