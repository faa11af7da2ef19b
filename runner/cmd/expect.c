/* dagrun expect: a suite against any file, and the reference of expectations. */
#include "cmd/expect_print.h"
#include "base/date.h"
#include "base/file.h"
#include "base/json.h"
#include "cmd/expect_pass.h"
#include "cmd/table_file.h"
#include "data/pool.h"
#include "exec/plugin_open.h"
#include "model/suite.h"

#define OTHERS_MAX 16
#define BASELINE_MAX ((size_t)64 << 20)
#define QUERY_TIMEOUT_US (300 * DR_US_PER_S)

/* ---- reading ---- */

static bool is_path(const char *word)
{
    struct dr_str s = dr_str_of(word);
    return strchr(word, '/') || dr_str_ends(s, DR_LIT(".yaml")) || dr_str_ends(s, DR_LIT(".yml")) ||
           dr_str_ends(s, DR_LIT(".json"));
}

static bool is_there(struct dr_cmd *c, const char *word)
{
    if (is_path(word))
        return dr_path_exists(word);
    const char *folder = c->home.expectations;
    return dr_path_exists(dr_arena_printf(&c->arena, "%s/%s.yaml", folder, word)) ||
           dr_path_exists(dr_arena_printf(&c->arena, "%s/%s.yml", folder, word));
}

/* A suite of the home by name, or a YAML file by path. */
static int load_suite(struct dr_cmd *c, const char *word, const struct dr_suite **ret)
{
    struct dr_diags found = { .arena = &c->arena };
    struct dr_err err = { 0 };
    struct dr_suite *suite;
    if (is_path(word)) {
        suite = dr_suite_load_file(&c->arena, word, word, dr_expect_source(), &found);
    } else {
        if (dr_home_find(&c->arena, c->args.home, &c->home, &err))
            return dr_cmd_fail(&err);
        suite = dr_suite_load(&c->arena, &c->home, word, dr_expect_source(), &found);
    }
    if (found.n)
        dr_cmd_diags(c, &found);
    if (!suite)
        return is_there(c, word) ? DR_EXIT_DEFINITION : DR_EXIT_NOT_FOUND;
    *ret = suite;
    return 0;
}

static int result_format(const char *text, enum dr_result_format *ret)
{
    static const char *const names[] = { "BOOLEAN_ONLY", "BASIC", "SUMMARY", "COMPLETE" };
    *ret = DR_RESULT_SUMMARY;
    for (int i = 0; text && i < 4; i++) {
        if (strcasecmp(text, names[i]) == 0) {
            *ret = (enum dr_result_format)i;
            return 0;
        }
    }
    return text ? dr_cmd_usage("--result-format: '%s' is not BOOLEAN_ONLY, BASIC, SUMMARY or COMPLETE", text)
                : 0;
}

/* ---- the surroundings: other tables, an earlier run ---- */

struct surroundings {
    struct dr_cmd *c;
    const struct dr_suite *suite;
    const char *names[OTHERS_MAX];
    struct dr_table *tables[OTHERS_MAX]; /* owned */
    int n;
    const struct dr_node *baseline; /* results of an earlier run, or NULL */
};

static const struct dr_table *other_table(void *ctx, const char *name)
{
    const struct surroundings *s = ctx;
    for (int k = 0; k < s->n; k++)
        if (dr_streq(s->names[k], name))
            return s->tables[k];
    return NULL;
}

static const struct dr_node *earlier_result(void *ctx, const char *id)
{
    const struct surroundings *s = ctx;
    const struct dr_node *results = dr_node_get(s->baseline, "results");
    for (int64_t i = 0; i < dr_node_size(results); i++) {
        const struct dr_node *one = dr_node_at(results, i), *config = dr_node_get(one, "expectation_config");
        if (dr_streq(dr_node_str(dr_node_get(config, "id"), ""), id))
            return dr_node_get(one, "result");
    }
    return NULL;
}

/* Beside the suite's file. */
static int32_t row_check(void *ctx, const char *plugin, const struct dr_row_check **ret, struct dr_err *err)
{
    const struct surroundings *s = ctx;
    char *folder = dr_arena_strdup(&s->c->arena, s->suite->path), *slash = strrchr(folder, '/');
    if (slash)
        *slash = 0;
    return dr_row_check_open(slash ? folder : ".", plugin, ret, err);
}

/* --other NAME=FILE */
static int open_others(struct surroundings *s)
{
    for (int k = 0; k < s->c->args.n_others; k++) {
        const char *word = s->c->args.others[k], *equals = strchr(word, '=');
        if (!equals || equals == word)
            return dr_cmd_usage("--other: '%s' is not NAME=FILE", word);
        s->names[s->n] = dr_arena_dup(&s->c->arena, word, (size_t)(equals - word));
        int rc = dr_cmd_read_table(s->c, equals + 1, s->suite, &s->tables[s->n], NULL, NULL);
        if (rc)
            return rc;
        s->n++;
    }
    return 0;
}

/* What an earlier dagrun expect --json wrote. */
static int open_baseline(struct surroundings *s)
{
    const char *path = s->c->args.baseline;
    struct dr_err err = { 0 };
    struct dr_str text;
    struct dr_node *root;
    if (!path)
        return 0;
    if (!dr_path_exists(path)) {
        dr_fail(&err, DR_ENOTFOUND, "--baseline: there is no file '%s'", path);
        return dr_cmd_fail(&err);
    }
    if (dr_read_file(&s->c->arena, path, BASELINE_MAX, &text, &err) ||
        dr_json_parse(&s->c->arena, text, path, false, &root, &err))
        return dr_cmd_fail(&err);
    if (dr_node_kind(dr_node_get(root, "results")) != DR_NODE_LIST)
        return dr_cmd_usage("--baseline: '%s' does not hold the results of one file, as --json writes them",
                            path);
    s->baseline = root;
    return 0;
}

static void surroundings_done(struct surroundings *s)
{
    for (int k = 0; k < s->n; k++)
        dr_table_unref(s->tables[k]);
}

/* ---- checking ---- */

static int print_results(struct dr_cmd *c, int n, const struct dr_checked *files)
{
    const char *format = c->args.json ? "json" : c->args.format ? c->args.format : "text";
    FILE *out = NULL;
    int rc = dr_cmd_open_output(c, &out);
    if (rc)
        return rc;
    dr_checked_print(c, format, n, files, out);
    return dr_cmd_close_output(c, out);
}

static int exit_code(const struct dr_results *r)
{
    bool bad = r->must_fail;
    for (int32_t k = 0; k < r->n; k++)
        bad |= !r->checks[k].success && r->checks[k].severity != DR_SEVERITY_INFO;
    return bad ? DR_EXIT_FAILED : DR_EXIT_OK;
}

static void warn_absent(const char *file, const char *column, const char *what, const char *near)
{
    fprintf(stderr, "dagrun: warning: %s has no column '%s', %s%s%s%s\n", file, column, what,
            near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

/* What is said of a column that is not there says nothing, which nobody would notice. */
void dr_expect_warn_absent(const struct dr_cmd *c, const struct dr_suite *suite, const struct dr_table *table,
                           const char *file)
{
    const char *near = NULL, *key = c->args.row_key;
    for (int32_t k = 0; (k = dr_expect_absent_column(suite, table, k, &near)) >= 0; k++)
        warn_absent(file, suite->columns[k].name, "of which the suite says something", near);
    if (key && dr_table_find(table, key) < 0)
        warn_absent(file, key, "by which --row-key would name rows",
                    dr_nearest(key, (const char *const *)table->names, (size_t)table->n));
}

static int check_whole(struct dr_cmd *c, const struct dr_suite *suite, const struct dr_expect_options *o,
                       struct dr_checked *ret)
{
    struct dr_table *table = NULL, *rejects = NULL;
    struct dr_err err = { 0 };
    struct dr_expect_options of_file = *o;
    int rc = dr_cmd_read_table(c, ret->file, suite, &table, &rejects, &of_file.mixed_columns);
    if (!rc) {
        dr_cmd_say_unread(ret->file, rejects ? dr_table_rows(rejects) : 0, rejects, "checked");
        dr_expect_warn_absent(c, suite, table, ret->file);
    }
    if (!rc && dr_expect_run(suite, table, &of_file, &ret->results, &err))
        rc = dr_cmd_fail(&err);
    if (!rc)
        ret->results->unread = rejects ? dr_table_rows(rejects) : 0;
    dr_table_unref(table);
    dr_table_unref(rejects);
    return rc;
}

static int check_file(struct dr_cmd *c, const struct dr_suite *suite, const struct dr_expect_options *o,
                      struct dr_checked *ret)
{
    uint64_t memory;
    bool asked, gave_up = false;
    int rc = dr_expect_memory(c, ret->file, &memory, &asked);
    if (rc || !memory)
        return rc ? rc : check_whole(c, suite, o, ret);
    rc = dr_expect_stream(c, suite, o, memory, ret, asked ? NULL : &gave_up);
    return gave_up ? check_whole(c, suite, o, ret) : rc;
}

/* Every file, also after one that fails: the exit code is the worst. */
static int check_files(struct dr_cmd *c, const struct dr_suite *suite, const struct dr_expect_options *o)
{
    int n = c->args.n_words - 1, code = DR_EXIT_OK;
    struct dr_checked *files = dr_arena_array(&c->arena, (size_t)n, sizeof *files);
    int rc = dr_cmd_start_threads(c, c->args.words[1]);
    for (int k = 0; k < n && !rc; k++) {
        files[k].file = c->args.words[k + 1];
        rc = check_file(c, suite, o, &files[k]);
        if (!rc && exit_code(files[k].results))
            code = exit_code(files[k].results);
    }
    if (!rc)
        rc = print_results(c, n, files);
    for (int k = 0; k < n; k++)
        dr_results_free(files[k].results);
    dr_pool_done();
    return rc ? rc : code;
}

static int check_words(struct dr_cmd *c)
{
    const char *format = c->args.format;
    if (c->args.n_words < 2)
        return dr_cmd_usage(
            "say which suite and which file: dagrun expect SUITE FILE... (or --list, --explain NAME)");
    if (format && !dr_streq(format, "text") && !dr_streq(format, "json") && !dr_streq(format, "junit"))
        return dr_cmd_usage("--format: '%s' is not text, json or junit", format);
    int rc = dr_cmd_check_input(c);
    return rc ? rc : dr_cmd_check_output(c);
}

int dr_verb_expect(struct dr_cmd *c)
{
    struct surroundings s = { .c = c };
    struct dr_expect_options o = { .partial_unexpected_count = c->args.limit ? (int32_t)c->args.limit : 20,
                                   .row_key = c->args.row_key,
                                   .line_column = "_line",
                                   .other_table = other_table,
                                   .earlier = earlier_result,
                                   .row_check = row_check,
                                   .query_timeout_us =
                                       c->args.query_timeout_us ? c->args.query_timeout_us : QUERY_TIMEOUT_US,
                                   .ctx = &s };
    if (c->args.list)
        return dr_expect_list(c);
    if (c->args.explain)
        return dr_expect_explain(c, c->args.explain);
    int rc = check_words(c);
    if (!rc)
        rc = result_format(c->args.result_format, &o.result_format);
    if (!rc)
        rc = load_suite(c, c->args.words[0], &s.suite);
    if (!rc)
        rc = open_baseline(&s);
    if (!rc)
        rc = open_others(&s);
    if (!rc)
        rc = check_files(c, s.suite, &o);
    surroundings_done(&s);
    return rc;
}
