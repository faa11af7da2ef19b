/* expect_print.c - see expect_print.h. */
#include "cmd/expect_print.h"
#include "base/json.h"
#include "base/num.h"

/* ---- --list and --explain ---- */

int dr_expect_list(struct dr_cmd *c)
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

#define CHOICE "choice " /* what the type of an argument with choices starts with; a|b|c follow */

static bool has_choices(const struct dr_expect_arg *a)
{
    return dr_str_starts(dr_str_of(a->type), DR_LIT(CHOICE));
}

static void explain_argument(const struct dr_expect_arg *a, int name_width, int type_width)
{
    bool choices = has_choices(a);
    printf("  %-*s  %-*s  %s", name_width, a->name, type_width, choices ? "choice" : a->type,
           a->doc ? a->doc : "");
    struct dr_str rest = dr_str_of(choices ? a->type + strlen(CHOICE) : ""), word;
    for (const char *before = " One of "; choices && dr_str_split(&rest, '|', &word); before = ", ")
        printf("%s%.*s", before, (int)word.n, word.p);
    if (a->required)
        fputs(" (required)", stdout);
    else if (a->fallback)
        printf(" (default %s)", a->fallback);
    putchar('\n');
}

static void explain_arguments(const struct dr_expect_info *info)
{
    int name_width = 0, type_width = 0;
    for (int32_t i = 0; i < info->n_args; i++) {
        const struct dr_expect_arg *a = &info->args[i];
        int name = (int)strlen(a->name), type = (int)strlen(has_choices(a) ? "choice" : a->type);
        name_width = name > name_width ? name : name_width;
        type_width = type > type_width ? type : type_width;
    }
    for (int32_t i = 0; i < info->n_args; i++)
        explain_argument(&info->args[i], name_width, type_width);
}

int dr_expect_explain(struct dr_cmd *c, const char *name)
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
    explain_arguments(found);
    if (found->example)
        printf("\nexample\n%s\n", found->example);
    return DR_EXIT_OK;
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
    return k->severity == DR_SEVERITY_INFO && !k->exception ? DR_TINT_WARN : DR_TINT_BAD;
}

static void put_unread(const struct dr_results *r, FILE *out)
{
    if (r->unread)
        fprintf(out, "%lld record%s could not be read and %s not checked (--strict refuses such a file)\n",
                (long long)r->unread, r->unread == 1 ? "" : "s", r->unread == 1 ? "was" : "were");
}

static void print_text(struct dr_cmd *c, const struct dr_checked *file, FILE *out)
{
    static const char *const titles[] = { "CHECK", "SEVERITY", "WHAT" };
    const struct dr_results *r = file->results;
    struct dr_grid g;
    dr_grid_init(&g, &c->arena, 3, titles, NULL);
    for (int32_t i = 0; i < r->n; i++) {
        const struct dr_check *k = &r->checks[i];
        dr_grid_add(&g, verdict_tint(k), verdict(k));
        dr_grid_add(&g, DR_TINT_NONE, dr_severity_name(k->severity));
        dr_grid_add(&g, DR_TINT_NONE, k->exception ? k->exception : k->sentence);
    }
    dr_grid_print(&g, c->color && out == stdout, out);
    DR_AUTO_BUF rows = { 0 };
    dr_buf_put_count(&rows, r->rows);
    fprintf(out, "\n%s row%s, %d check%s: %d passed, %d failed, %d without a verdict\n", dr_buf_cstr(&rows),
            r->rows == 1 ? "" : "s", r->n, r->n == 1 ? "" : "s", r->passed, r->failed, r->errors);
    put_unread(r, out);
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
    fputs("<testsuite name=\"", out);
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
        fprintf(out, "\" type=\"%s\"/>\n  </testcase>\n", dr_severity_name(k->severity));
    }
    if (r->unread) {
        fputs("  <system-err>", out);
        put_unread(r, out);
        fputs("  </system-err>\n", out);
    }
    fputs("</testsuite>\n", out);
}

/* One file as dagrun always wrote it; several as a list, each with its name. */
static void print_json(int n, const struct dr_checked *files, FILE *out)
{
    for (int i = 0; i < n; i++) {
        DR_AUTO_BUF text = { 0 };
        dr_results_put_json(files[i].results, &text, 2);
        if (n == 1) {
            fprintf(out, "%s\n", dr_buf_cstr(&text));
            continue;
        }
        DR_AUTO_BUF name = { 0 };
        struct dr_json j = { .out = &name };
        dr_json_cstr(&j, files[i].file);
        fprintf(out, "%s{\"file\": %s, \"validation\": %s}%s", i ? ",\n" : "[", dr_buf_cstr(&name),
                dr_buf_cstr(&text), i + 1 == n ? "]\n" : "");
    }
}

void dr_checked_print(struct dr_cmd *c, const char *format, int n, const struct dr_checked *files, FILE *out)
{
    if (dr_streq(format, "json")) {
        print_json(n, files, out);
        return;
    }
    bool junit = dr_streq(format, "junit");
    if (junit)
        fprintf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n%s", n > 1 ? "<testsuites>\n" : "");
    for (int i = 0; i < n; i++) {
        if (junit) {
            print_junit(files[i].results, files[i].file, out);
            continue;
        }
        if (n > 1)
            fprintf(out, "%s%s\n\n", i ? "\n" : "", files[i].file);
        print_text(c, &files[i], out);
    }
    if (junit && n > 1)
        fputs("</testsuites>\n", out);
}
