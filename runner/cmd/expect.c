/* dagrun expect: a suite against any file, and the reference of expectations. */
#include "expect/expect.h"
#include "cmd/cmd.h"
#include <sys/stat.h>
#include <unistd.h>
#include "base/date.h"
#include "base/file.h"
#include "base/num.h"
#include "data/pool.h"
#include "model/suite.h"

/* ---- --list and --explain ---- */

static int list_expectations(struct dr_cmd *c)
{
    static const char *const titles[] = { "EXPECTATION", "ABOUT", "MEANING" };
    int32_t n;
    const struct dr_expect_info *infos = dr_expect_infos(&n);
    struct dr_grid g;
    dr_grid_init(&g, &c->arena, 3, titles, NULL);
    for (int32_t i = 0; i < n; i++) {
        dr_grid_add(&g, DR_TINT_BOLD, infos[i].name);
        dr_grid_add(&g, DR_TINT_NONE, infos[i].domain);
        dr_grid_add(&g, DR_TINT_NONE, infos[i].summary);
    }
    dr_grid_print(&g, c->color, stdout);
    return DR_EXIT_OK;
}

static int explain(struct dr_cmd *c, const char *name)
{
    int32_t n;
    const struct dr_expect_info *infos = dr_expect_infos(&n), *found = NULL;
    const char **names = dr_arena_array(&c->arena, (size_t)n + 1, sizeof *names);
    for (int32_t i = 0; i < n; i++) {
        names[i] = infos[i].name;
        if (dr_streq(infos[i].name, name))
            found = &infos[i];
    }
    if (!found) {
        const char *near = dr_nearest(name, names, (size_t)n);
        struct dr_err err = { 0 };
        dr_fail(&err, DR_ENOTFOUND, "there is no expectation '%s'%s%s%s", name,
                near ? "; did you mean '" : "", near ? near : "",
                near ? "'?" : "; dagrun expect --list shows them");
        return dr_cmd_fail(&err);
    }
    printf("%s%s%s (%s)\n  %s\n", dr_tint_on(c->color, DR_TINT_BOLD), found->name,
           dr_tint_off(c->color, DR_TINT_BOLD), found->domain, found->summary);
    if (found->doc && found->doc[0])
        printf("\n%s\n", found->doc);
    if (found->n_args)
        puts("\narguments");
    for (int32_t i = 0; i < found->n_args; i++) {
        const struct dr_expect_arg *a = &found->args[i];
        printf("  %-22s %-18s %s%s%s%s\n", a->name, a->type, a->doc ? a->doc : "",
               a->required ? " (required)" : "", a->fallback ? "; default " : "",
               a->fallback ? a->fallback : "");
    }
    if (found->example)
        printf("\nexample\n%s\n", found->example);
    return DR_EXIT_OK;
}

/* ---- reading ---- */

/* A suite of the home by name, or a YAML file by path. */
static int load_suite(struct dr_cmd *c, const char *word, const struct dr_suite **ret)
{
    struct dr_diags found = { .arena = &c->arena };
    struct dr_err err = { 0 };
    struct dr_suite *suite;
    if (strchr(word, '/') || dr_str_ends(dr_str_of(word), DR_LIT(".yaml")) ||
        dr_str_ends(dr_str_of(word), DR_LIT(".yml")) || dr_str_ends(dr_str_of(word), DR_LIT(".json"))) {
        suite = dr_suite_load_file(&c->arena, word, word, dr_expect_source(), &found);
    } else {
        if (dr_home_find(&c->arena, c->args.home, &c->home, &err))
            return dr_cmd_fail(&err);
        suite = dr_suite_load(&c->arena, &c->home, word, dr_expect_source(), &found);
    }
    if (found.n)
        dr_cmd_diags(c, &found);
    if (!suite)
        return DR_EXIT_DEFINITION;
    *ret = suite;
    return 0;
}

static bool has_sensitive(const struct dr_suite *suite)
{
    for (int32_t i = 0; i < suite->n_columns; i++)
        if (suite->columns[i].sensitive)
            return true;
    return false;
}

static int read_file(struct dr_cmd *c, const char *path, const struct dr_suite *suite, struct dr_table **ret,
                     struct dr_table **ret_rejects)
{
    struct dr_err err = { 0 };
    struct dr_str name = dr_str_of(path);
    int32_t rc;
    if (dr_str_ends(name, DR_LIT(".arrow")) || dr_str_ends(name, DR_LIT(".feather"))) {
        rc = dr_table_read_arrow(path, ret, &err);
    } else {
        DR_AUTO_BUF nulls = { 0 };
        for (int32_t i = 0; i < suite->n_null_values; i++)
            (void)dr_buf_printf(&nulls, "%s%s", i ? "\n" : "", suite->null_values[i]);
        bool tab = dr_str_ends(name, DR_LIT(".tsv"));
        struct dr_csv_options csv = { .size = sizeof csv,
                                      .delimiter = (uint8_t)(c->args.delimiter ? c->args.delimiter[0]
                                                             : tab             ? '\t'
                                                                               : ','),
                                      .forgiving = !c->args.no_forgiving,
                                      .encoding = c->args.encoding,
                                      .line_column = "_line",
                                      .hide_text = has_sensitive(suite),
                                      .null_values = suite->n_null_values ? dr_buf_cstr(&nulls) : NULL };
        rc = dr_table_read_csv(path, &csv, ret, ret_rejects, &err);
    }
    return rc ? dr_cmd_fail(&err) : 0;
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

/* ---- printing ---- */

static const char *verdict(const struct dr_check *k)
{
    return k->success ? "passed" : k->exception ? "no verdict" : "failed";
}

static enum dr_tint verdict_tint(const struct dr_check *k)
{
    if (k->success)
        return DR_TINT_GOOD;
    return k->expectation->severity == DR_SEVERITY_INFO && !k->exception ? DR_TINT_WARN : DR_TINT_BAD;
}

static void print_text(struct dr_cmd *c, const struct dr_results *r, const struct dr_table *rejects,
                       FILE *out)
{
    static const char *const titles[] = { "CHECK", "SEVERITY", "WHAT" };
    struct dr_grid g;
    dr_grid_init(&g, &c->arena, 3, titles, NULL);
    for (int32_t i = 0; i < r->n; i++) {
        const struct dr_check *k = &r->checks[i];
        dr_grid_add(&g, verdict_tint(k), verdict(k));
        dr_grid_add(&g, DR_TINT_NONE, dr_severity_name(k->expectation->severity));
        dr_grid_add(&g, DR_TINT_NONE, k->exception ? k->exception : k->sentence);
    }
    bool color = c->color && out == stdout;
    dr_grid_print(&g, color, out);
    DR_AUTO_BUF rows = { 0 };
    dr_buf_put_count(&rows, r->rows);
    fprintf(out, "\n%s row%s, %d check%s: %d passed, %d failed, %d without a verdict\n", dr_buf_cstr(&rows),
            r->rows == 1 ? "" : "s", r->n, r->n == 1 ? "" : "s", r->passed, r->failed, r->errors);
    long long unread = rejects ? (long long)dr_table_rows(rejects) : 0;
    if (unread)
        fprintf(out, "%lld record%s could not be read and %s not checked (--strict refuses such a file)\n",
                unread, unread == 1 ? "" : "s", unread == 1 ? "was" : "were");
}

static void put_xml(FILE *out, const char *text)
{
    DR_AUTO_BUF visible = { 0 };
    dr_buf_put_visible(&visible, dr_str_of(text ? text : ""), 2000);
    for (const char *p = dr_buf_cstr(&visible); *p; p++) {
        switch (*p) {
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '&':
            fputs("&amp;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            fputc(*p, out);
        }
    }
}

/* The JUnit form that CI servers read: one test case for each expectation. */
static void print_junit(const struct dr_results *r, const char *file, FILE *out)
{
    fprintf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"");
    put_xml(out, r->suite->name ? r->suite->name : file);
    fprintf(out, "\" tests=\"%d\" failures=\"%d\" errors=\"%d\" time=\"%.6f\">\n", r->n, r->failed, r->errors,
            (double)r->us / 1e6);
    for (int32_t i = 0; i < r->n; i++) {
        const struct dr_check *k = &r->checks[i];
        fputs("  <testcase classname=\"", out);
        put_xml(out, file);
        fputs("\" name=\"", out);
        put_xml(out, k->expectation->id);
        fputs("\"", out);
        if (k->success) {
            fputs("/>\n", out);
            continue;
        }
        fprintf(out, ">\n    <%s message=\"", k->exception ? "error" : "failure");
        put_xml(out, k->exception ? k->exception : k->sentence);
        fprintf(out, "\" type=\"%s\"/>\n  </testcase>\n", dr_severity_name(k->expectation->severity));
    }
    fputs("</testsuite>\n", out);
}

static int print_results(struct dr_cmd *c, const struct dr_results *r, const struct dr_table *rejects)
{
    const char *format = c->args.json ? "json" : c->args.format ? c->args.format : "text";
    FILE *out = stdout;
    if (c->args.output && !(out = fopen(c->args.output, "we"))) {
        struct dr_err err = { 0 };
        dr_fail_sys(&err, "open '%s'", c->args.output);
        return dr_cmd_fail(&err);
    }
    if (dr_streq(format, "json")) {
        DR_AUTO_BUF text = { 0 };
        dr_results_put_json(r, &text, 2);
        fprintf(out, "%s\n", dr_buf_cstr(&text));
    } else if (dr_streq(format, "junit")) {
        print_junit(r, c->args.words[1], out);
    } else {
        print_text(c, r, rejects, out);
    }
    if (out != stdout && fclose(out)) {
        struct dr_err err = { 0 };
        dr_fail_sys(&err, "write '%s'", c->args.output);
        return dr_cmd_fail(&err);
    }
    return 0;
}

static int exit_code(const struct dr_results *r)
{
    bool bad = r->errors || r->failed_by_severity[DR_SEVERITY_WARNING] ||
               r->failed_by_severity[DR_SEVERITY_CRITICAL];
    return bad || r->must_fail ? DR_EXIT_FAILED : DR_EXIT_OK;
}

#define SMALL_FILE (1 << 20) /* starting threads takes longer than they would save */

/* As many threads as asked for, by option or DAGRUN_THREADS, or as there are processors. */
static int start_threads(struct dr_cmd *c, const char *path)
{
    struct stat st;
    const char *named = getenv("DAGRUN_THREADS");
    int64_t threads = c->args.threads;
    if (!threads && named && (!dr_parse_i64(dr_str_of(named), &threads) || threads < 1))
        return dr_cmd_usage("DAGRUN_THREADS: '%s' is not a number of threads", named);
    if (!threads)
        threads = sysconf(_SC_NPROCESSORS_ONLN);
    bool small = stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size < SMALL_FILE;
    if (threads > 1 && !small)
        dr_pool_init((int32_t)threads);
    return 0;
}

static int check_file(struct dr_cmd *c, const struct dr_suite *suite, const struct dr_expect_options *o)
{
    struct dr_table *table = NULL, *rejects = NULL;
    struct dr_results *results = NULL;
    struct dr_err err = { 0 };
    int rc = start_threads(c, c->args.words[1]);
    if (!rc)
        rc = read_file(c, c->args.words[1], suite, &table, &rejects);
    if (!rc && dr_expect_run(suite, table, o, &results, &err))
        rc = dr_cmd_fail(&err);
    if (!rc)
        rc = print_results(c, results, rejects);
    if (!rc)
        rc = exit_code(results);
    dr_results_free(results);
    dr_table_unref(table);
    dr_table_unref(rejects);
    dr_pool_done();
    return rc;
}

int dr_verb_expect(struct dr_cmd *c)
{
    if (c->args.list)
        return list_expectations(c);
    if (c->args.explain)
        return explain(c, c->args.explain);
    if (c->args.n_words != 2)
        return dr_cmd_usage(
            "say which suite and which file: dagrun expect SUITE FILE (or --list, --explain NAME)");
    const char *format = c->args.format;
    if (format && !dr_streq(format, "text") && !dr_streq(format, "json") && !dr_streq(format, "junit"))
        return dr_cmd_usage("--format: '%s' is not text, json or junit", format);
    if (c->args.delimiter && strlen(c->args.delimiter) != 1)
        return dr_cmd_usage("--delimiter: '%s' is not one character", c->args.delimiter);
    struct dr_expect_options o = { .partial_unexpected_count = c->args.limit ? (int32_t)c->args.limit : 20,
                                   .row_key = c->args.row_key,
                                   .line_column = "_line" };
    const struct dr_suite *suite = NULL;
    int rc = result_format(c->args.result_format, &o.result_format);
    if (!rc)
        rc = load_suite(c, c->args.words[0], &suite);
    return rc ? rc : check_file(c, suite, &o);
}
