/* suite.c - reading an expectation suite: the file's own keys and its columns.
 * The entries of `expectations` are suite_entry.c. */
#include "model/suite_load.h"
#include "model/yaml.h"
#include "base/date.h"
#include "base/file.h"
#include "base/hash.h"

const char *const dr_severity_names[] = { "info", "warning", "critical", NULL };
const char *const dr_on_failure_names[] = { "record", "quarantine", "fail", NULL };

const char *dr_severity_name(enum dr_severity s)
{
    return dr_severity_names[s];
}

const char *dr_on_failure_name(enum dr_on_failure f)
{
    return dr_on_failure_names[f];
}

/* The keys below the line are those of Great Expectations' own suite files. */
static const char *const suite_keys[] = { "suite", "description", "owner", "key", "columns", "null_values",
                                          "evaluation_parameters", "expectations", "meta",
                                          /* --- */
                                          "name", "expectation_suite_name", "id", "notes", "data_asset_type",
                                          "ge_cloud_id", NULL };
static const struct dr_alias suite_aliases[] = { { "suite_parameters", "evaluation_parameters" },
                                                 { "parameters", "evaluation_parameters" },
                                                 { "keys", "key" },
                                                 { "checks", "expectations" },
                                                 { "expects", "expectations" },
                                                 { "tests", "expectations" },
                                                 { NULL, NULL } };

/* ---- columns ---------------------------------------------------------------------- */

static const char *const column_keys[] = { "sensitive", "type", "format", "description", NULL };
static const struct dr_alias column_aliases[] = { { "dtype", "type" },
                                                  { "doc", "description" },
                                                  { NULL, NULL } };
static const char *const type_names[] = { "bool", "int64",     "int",     "float64", "float",
                                          "date", "timestamp", "decimal", "string",  NULL };
static const int32_t types[] = { DR_TYPE_BOOL,      DR_TYPE_INT64,   DR_TYPE_INT64,
                                 DR_TYPE_FLOAT64,   DR_TYPE_FLOAT64, DR_TYPE_DATE,
                                 DR_TYPE_TIMESTAMP, DR_TYPE_DECIMAL, DR_TYPE_STRING };

static void check_format(struct dr_reader *r, const struct dr_node *n, const struct dr_suite_column *c)
{
    struct dr_err err = { 0 };
    if (!c->format)
        return;
    struct dr_mark mark = dr_node_get(n, "format")->mark;
    if (c->type != DR_TYPE_DATE && c->type != DR_TYPE_TIMESTAMP)
        dr_diag_add(r->d, DR_DIAG_ERROR, mark, "add 'type: date' or 'type: timestamp'",
                    "'format' is for dates and timestamps");
    else if (dr_strptime_check(c->format, &err))
        dr_diag_add(r->d, DR_DIAG_ERROR, mark, "as Python's strptime, e.g. '%d.%m.%Y'", "'format': %s",
                    err.msg);
}

static void load_column(struct dr_reader *r, const struct dr_node *columns, int32_t at,
                        struct dr_suite_column *c)
{
    const struct dr_node *n = columns->items[at];
    *c = (struct dr_suite_column){ .name = columns->keys[at].p, .type = -1 };
    if (n->kind == DR_NODE_NULL)
        return;
    if (n->kind != DR_NODE_MAP) {
        int32_t type = dr_read_choice(r, columns, c->name, type_names, -1);
        c->type = type < 0 ? -1 : types[type];
        return;
    }
    dr_read_keys(r, n, dr_arena_printf(r->a, "the column '%s'", c->name), column_keys, column_aliases);
    int32_t type = dr_read_choice(r, n, "type", type_names, -1);
    c->type = type < 0 ? -1 : types[type];
    c->sensitive = dr_read_bool(r, n, "sensitive", false);
    c->format = dr_read_text(r, n, "format", NULL);
    c->description = dr_read_text(r, n, "description", NULL);
    check_format(r, n, c);
}

static void load_columns(struct dr_reader *r, const struct dr_node *root, struct dr_suite *suite)
{
    const struct dr_node *columns = dr_read_kind(r, root, "columns", DR_NODE_MAP, "a map of columns");
    suite->n_columns = (int32_t)dr_node_size(columns);
    suite->columns = dr_arena_array(r->a, (size_t)suite->n_columns + 1, sizeof(*suite->columns));
    for (int32_t i = 0; i < suite->n_columns; i++)
        load_column(r, columns, i, &suite->columns[i]);
}

/* ---- expectations ------------------------------------------------------------------ */

static void load_expectations(struct dr_reader *r, const struct dr_node *list,
                              const struct dr_expectation_source *source, struct dr_suite *suite)
{
    int32_t n = (int32_t)dr_node_size(list);
    suite->expectations = dr_arena_array(r->a, (size_t)n + 1, sizeof(*suite->expectations));
    for (int32_t i = 0; i < n; i++)
        if (dr_suite_read_entry(r, list->items[i], &suite->expectations[suite->n]))
            suite->n++;
    dr_suite_give_ids(r, suite);
    for (int32_t i = 0; source && i < suite->n; i++)
        source->check(source->ctx, &suite->expectations[i], r->d);
}

/* ---- the file ------------------------------------------------------------------------ */

static void load_name(struct dr_reader *r, const struct dr_node *root, const char *file_name,
                      struct dr_suite *suite)
{
    static const char *const spellings[] = { "suite", "name", "expectation_suite_name" };
    const char *key = NULL;
    for (size_t i = 0; i < 3 && !key; i++)
        if (dr_node_index(root, spellings[i]) >= 0)
            key = spellings[i];
    suite->name = key ? dr_read_text(r, root, key, NULL) : NULL;
    if (suite->name && file_name && !dr_streq(suite->name, file_name))
        dr_diag_add(r->d, DR_DIAG_ERROR, dr_node_get(root, key)->mark,
                    dr_arena_printf(r->a, "write 'suite: %s', or rename the file", file_name),
                    "the suite '%s' is not named as its file is", suite->name);
    if (!suite->name && file_name)
        dr_diag_add(r->d, DR_DIAG_ERROR, root->mark, dr_arena_printf(r->a, "add 'suite: %s'", file_name),
                    "the key 'suite' is missing");
    if (!suite->name)
        suite->name = file_name ? file_name : "suite";
}

static void load_map(struct dr_reader *r, const struct dr_node *root, const char *file_name,
                     const struct dr_expectation_source *source, struct dr_suite *suite)
{
    dr_read_keys(r, root, "the suite", suite_keys, suite_aliases);
    load_name(r, root, file_name, suite);
    suite->description = dr_read_text(r, root, "description", NULL);
    suite->owner = dr_read_text(r, root, "owner", NULL);
    suite->key = dr_read_texts(r, root, "key", &suite->n_key);
    suite->null_values = dr_read_texts(r, root, "null_values", &suite->n_null_values);
    suite->evaluation_parameters =
        dr_read_kind(r, root, "evaluation_parameters", DR_NODE_MAP, "a map of names to values");
    load_columns(r, root, suite);
    if (dr_node_index(root, "expectations") < 0)
        dr_diag_add(r->d, DR_DIAG_ERROR, root->mark, "add 'expectations:' and a list",
                    "the suite has no expectations");
    load_expectations(r, dr_read_kind(r, root, "expectations", DR_NODE_LIST, "a list of expectations"),
                      source, suite);
}

/* file_name: what the suite must be called, or NULL for anything. */
static struct dr_suite *load_tree(struct dr_arena *a, const struct dr_node *root, const char *file_name,
                                  const struct dr_expectation_source *source, struct dr_diags *d)
{
    int32_t errors_before = d->errors;
    struct dr_reader r = { a, d };
    struct dr_suite *suite = DR_NEW(a, struct dr_suite);
    suite->name = "suite";
    if (dr_node_kind(root) == DR_NODE_MAP)
        load_map(&r, root, file_name, source, suite);
    else if (dr_node_kind(root) == DR_NODE_LIST && !file_name)
        load_expectations(&r, root, source, suite);
    else
        dr_diag_add(d, DR_DIAG_ERROR, root ? root->mark : (struct dr_mark){ 0 },
                    "it starts with 'suite: ...' and has 'expectations:'", "a suite must be a map, not %s",
                    dr_kind_text(root));
    return d->errors > errors_before ? NULL : suite;
}

struct dr_suite *dr_suite_from_node(struct dr_arena *a, const struct dr_node *root,
                                    const struct dr_expectation_source *source, struct dr_diags *d)
{
    return load_tree(a, root, NULL, source, d);
}

static struct dr_suite *load_file(struct dr_arena *a, const char *path, const char *shown_as,
                                  const char *file_name, const struct dr_expectation_source *source,
                                  struct dr_diags *d)
{
    struct dr_err err = { 0 };
    struct dr_str text;
    if (dr_read_file(a, path, DR_YAML_MAX_BYTES, &text, &err)) {
        dr_diag_add(d, DR_DIAG_ERROR, (struct dr_mark){ .file = dr_arena_strdup(a, shown_as) }, NULL, "%s",
                    err.msg);
        return NULL;
    }
    const struct dr_node *root = dr_yaml_parse(a, text, shown_as, d);
    struct dr_suite *suite = root ? load_tree(a, root, file_name, source, d) : NULL;
    if (!suite)
        return NULL;
    suite->path = dr_arena_strdup(a, path);
    dr_hash_hex(text.p, text.n, suite->hash);
    return suite;
}

struct dr_suite *dr_suite_load_file(struct dr_arena *a, const char *path, const char *shown_as,
                                    const struct dr_expectation_source *source, struct dr_diags *d)
{
    return load_file(a, path, shown_as ? shown_as : path, NULL, source, d);
}

static void add_no_suite(struct dr_arena *a, const struct dr_home *h, const char *name, struct dr_mark mark,
                         struct dr_diags *d)
{
    char **suites;
    size_t n = 0;
    const char *near = NULL;
    if (!dr_home_suites(a, h, &suites, &n, NULL))
        near = dr_diag_nearest(d, name, (const char *const *)suites, n);
    dr_diag_add(d, DR_DIAG_ERROR, mark, near, "there is no suite '%s'", name);
}

struct dr_suite *dr_suite_load(struct dr_arena *a, const struct dr_home *h, const char *name,
                               const struct dr_expectation_source *source, struct dr_diags *d)
{
    const char *yaml = dr_arena_printf(a, "%s/%s.yaml", h->expectations, name);
    const char *yml = dr_arena_printf(a, "%s/%s.yml", h->expectations, name);
    struct dr_mark mark = { .file = dr_home_show(a, h, yaml) };
    bool name_ok = dr_name_ok(name);
    bool has_yaml = name_ok && dr_path_exists(yaml), has_yml = name_ok && dr_path_exists(yml);
    if (!name_ok)
        dr_diag_add(d, DR_DIAG_ERROR, mark, "letters, digits, '_', '.' and '-'",
                    "'%s' cannot be a suite's name", name);
    else if (has_yaml && has_yml)
        dr_diag_add(d, DR_DIAG_ERROR, mark, "remove one of them", "there is also a file %s.yml", name);
    else if (!has_yaml && !has_yml)
        add_no_suite(a, h, name, mark, d);
    if (has_yaml == has_yml)
        return NULL;
    const char *path = has_yaml ? yaml : yml;
    return load_file(a, path, dr_home_show(a, h, path), dr_arena_strdup(a, name), source, d);
}
