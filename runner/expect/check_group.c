/* check_group.c - row-level expectations that look at a column within groups of
 * rows, or in the light of a value set file. */
#include "base/file.h"
#include "expect/check.h"
#include "model/yaml.h"

/* ---- unique within a group ---- */

static int32_t group_columns(struct dr_eval *e, struct dr_source ***ret, int32_t *ret_n, struct dr_err *err)
{
    const struct dr_node *by = dr_eval_arg(e, "group_by");
    int32_t n = (int32_t)dr_node_size(by);
    struct dr_source **columns = dr_arena_array(&e->plan->scratch, (size_t)n + 1, sizeof(struct dr_source *));
    for (int32_t k = 0; k < n; k++)
        DR_TRY(dr_plan_source(e->plan, dr_node_str(dr_node_at(by, k), ""), &columns[k], err));
    columns[n] = e->columns[0];
    *ret = columns;
    *ret_n = n + 1;
    return DR_OK;
}

static int32_t unique_in_group(struct dr_eval *e, uint64_t *unexpected, struct dr_err *err)
{
    struct dr_source **columns;
    int32_t n;
    int64_t rows = e->plan->table->rows;
    DR_TRY(group_columns(e, &columns, &n, err));
    uint64_t *in = dr_plan_bits(e->plan);
    if (e->domain->rows)
        memcpy(in, e->domain->rows, (size_t)dr_words(rows) * 8);
    else
        dr_rows_fill(in, rows);
    if (e->columns[0]->null)
        dr_rows_and_not(in, e->columns[0]->null, rows);
    dr_scan_repeats(e->plan, n, columns, in, unexpected);
    dr_plan_bits_back(e->plan, in);
    return DR_OK;
}

static void say_unique(const struct dr_eval *e, enum dr_say how, struct dr_buf *out)
{
    bool bad = e->check->unexpected_count > 0, one = how == DR_SAY_ONE;
    (void)dr_buf_puts(out, bad ? (one ? "occurs more than once" : "occur more than once")
                               : (one ? "is unique" : "are unique"));
    (void)dr_buf_puts(out, " within ");
    dr_list_say(dr_eval_arg(e, "group_by"), out);
}

/* ---- value set files ---- */

static const char *beside_suite(struct dr_eval *e, const char *path)
{
    const char *suite = e->plan->suite->path, *slash = suite ? strrchr(suite, '/') : NULL;
    if (path[0] == '/' || !slash)
        return path;
    return dr_arena_printf(&e->plan->scratch, "%.*s/%s", (int)(slash - suite), suite, path);
}

static int32_t no_codes(struct dr_err *err, const char *path)
{
    return dr_fail(err, DR_EDEF,
                   "value_set_file '%s': a list of codes, or a map of codes, expected (under `codes`)", path);
}

static int32_t add_codes(const struct dr_node *root, const char *path, struct dr_map *set, struct dr_err *err)
{
    const struct dr_node *codes = dr_node_get(root, "codes");
    if (!codes)
        codes = root;
    if (dr_node_kind(codes) != DR_NODE_LIST && dr_node_kind(codes) != DR_NODE_MAP)
        return no_codes(err, path);
    for (int32_t i = 0; i < codes->n; i++) {
        bool list = codes->kind == DR_NODE_LIST;
        if (list && codes->items[i]->text.n == 0)
            return no_codes(err, path);
        (void)dr_map_put(set, list ? codes->items[i]->text : codes->keys[i], NULL);
    }
    return codes->n ? DR_OK : no_codes(err, path);
}

static int32_t load_yaml_set(struct dr_eval *e, const char *path, struct dr_map *set, struct dr_err *err)
{
    struct dr_diags d = { .arena = &e->plan->scratch };
    const struct dr_node *root = dr_yaml_load(&e->plan->scratch, path, path, &d);
    if (!root || d.errors)
        return dr_diags_fail(&d, err);
    return add_codes(root, path, set, err);
}

/* A CSV file: its column named value_set_column, or its first. */
static int32_t load_csv_set(struct dr_eval *e, const char *path, struct dr_map *set, struct dr_err *err)
{
    const char *name = dr_eval_text(e, "value_set_column", NULL);
    struct dr_table *t;
    DR_AUTO_BUF text = { 0 };
    DR_TRY(dr_table_read_csv(path, NULL, &t, NULL, err));
    int32_t at = name ? dr_table_find(t, name) : 0, hint = 0;
    for (int64_t row = 0; at >= 0 && row < t->rows; row++) {
        int64_t i;
        const struct dr_array *a = dr_column_at(t->columns[at], row, &hint, &i);
        if (!dr_array_valid(a, i))
            continue;
        dr_buf_clear(&text);
        dr_array_put_text(a, i, &text);
        if (!dr_map_get(set, dr_buf_str(&text)))
            (void)dr_map_put(
                set, (struct dr_str){ dr_arena_dup(&e->plan->scratch, dr_buf_cstr(&text), text.n), text.n },
                NULL);
    }
    dr_table_unref(t);
    return at < 0 ? dr_fail(err, DR_ENOTFOUND, "value_set_file '%s' has no column '%s'", path, name) : DR_OK;
}

static int is_member(void *ctx, struct dr_str text, struct dr_err *err)
{
    (void)err;
    return dr_map_get(ctx, text) != NULL;
}

static int32_t in_value_set(struct dr_eval *e, uint64_t *unexpected, struct dr_err *err)
{
    const char *path = beside_suite(e, dr_eval_text(e, "value_set_file", ""));
    struct dr_map set = { 0 };
    int32_t rc = dr_str_ends(dr_str_of(path), DR_LIT(".csv")) ? load_csv_set(e, path, &set, err)
                                                              : load_yaml_set(e, path, &set, err);
    if (!rc)
        rc = dr_scan_text(e->plan, e->columns[0], is_member, &set, unexpected, err);
    dr_map_done(&set);
    if (!rc)
        dr_rows_not(unexpected, e->plan->table->rows);
    return rc;
}

static void say_in_value_set(const struct dr_eval *e, enum dr_say how, struct dr_buf *out)
{
    (void)dr_buf_printf(out, "%s %sin the value set %s", how == DR_SAY_ONE ? "is" : "are",
                        e->check->unexpected_count ? "not " : "", dr_eval_text(e, "value_set_file", ""));
}

/* ---- declarations ---- */

static const struct dr_expect_arg group_args[] = {
    DR_ARG_COLUMN,
    { "group_by", "list of strings", NULL, "The columns whose values together name a group.", true },
    DR_ARG_MOSTLY,
    DR_ARG_CONDITION,
    DR_ARG_FORMAT
};
static const struct dr_expect_arg value_set_args[] = {
    DR_ARG_COLUMN,
    { "value_set_file", "string", NULL,
      "A YAML or JSON file with a list of codes or a map of code to meaning, at its top or under `codes`; or "
      "a "
      "CSV file. A path that is not absolute starts at the suite's folder.",
      true },
    { "value_set_column", "string", NULL, "The column of a CSV file; its first without it.", false },
    DR_ARG_MOSTLY,
    DR_ARG_CONDITION,
    DR_ARG_FORMAT
};

static const struct dr_check_type types[] = {
    { .info = { "expect_column_values_to_be_unique_within_group", "column_map",
                "No value occurs twice in a group of rows.",
                "Every row of a value that occurs more than once in its group is unexpected, the first too. "
                "Rows "
                "without a value are left out; a missing value in group_by is a group of its own.",
                "expect_column_values_to_be_unique_within_group: {column: bed, group_by: [hospital_id, "
                "ward]}",
                DR_ARGS(group_args) },
      .domain = DR_ON_ROWS,
      .flags = DR_CHECK_TEXT,
      .rows = unique_in_group,
      .say = say_unique },
    { .info = { "expect_column_values_to_be_in_value_set", "column_map",
                "Every value is a code of a value set file.",
                "Codes are compared as they are written. The file is data: keep its source and version "
                "beside it.",
                "expect_column_values_to_be_in_value_set: {column: diagnosis, value_set_file: "
                "../data/reference/icd10.yaml}",
                DR_ARGS(value_set_args) },
      .domain = DR_ON_ROWS,
      .flags = DR_CHECK_TEXT,
      .rows = in_value_set,
      .say = say_in_value_set },
};
const struct dr_check_group dr_checks_group = { types, (int32_t)(sizeof types / sizeof types[0]) };
