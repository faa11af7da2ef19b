/* sql_on_fhir.c - the cases of the SQL-on-FHIR v2 test suite against our views.
 *
 *     sql_on_fhir [FOLDER] [--list-failures] [--must-pass FILE] [--list-passes]
 *
 * FOLDER (or $DAGRUN_CONFORMANCE/sql-on-fhir) holds files {title, resources, tests: [{title,
 * tags, view, expect | expectError | expectCount, expectColumns}]}. Rows compare in any order,
 * numbers by value. Prints a line per file and tag; ends with "N passed, N failed". Exits 1
 * where a case of the must-pass file fails (without arguments, sql_on_fhir_must_pass.txt
 * beside this file), 77 where there is no folder. */
#include <stdlib.h>
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/num.h"
#include "view/number.h"
#include "view/run.h"

#define FILE_MAX ((size_t)64 << 20)
#define GROUPS_MAX 64

struct group {
    const char *name;
    int passed, failed;
};
struct tally {
    struct group files[GROUPS_MAX], tags[GROUPS_MAX];
    int n_files, n_tags, passed, failed, lost; /* lost: failed though they must pass */
    struct dr_map must_pass;
    bool list_failures, list_passes;
};
/* The rows of one view, each as one comparable text. */
struct rows {
    struct dr_arena *a;
    const char **texts;
    int n, cap;
};
/* One file being run. */
struct suite {
    struct dr_arena *a;
    const char *name;
    struct dr_json_value resources;
    struct tally *t;
};

/* ---- values as comparable text ---- */

static void put_number(struct dr_buf *b, struct dr_str text)
{
    struct dr_number n;
    char out[DR_NUMBER_TEXT];
    if (!dr_number_parse(text, &n)) {
        (void)dr_buf_append(b, text.p, text.n);
        return;
    }
    for (; n.scale > 0 && n.v % 10 == 0; n.scale--)
        n.v /= 10;
    size_t size = dr_number_format(n, out);
    (void)dr_buf_append(b, out, size);
}

static void put_value(struct dr_buf *b, struct dr_json_value v)
{
    enum dr_json_kind kind = dr_json_kind(v);
    if (kind == DR_JSON_NUMBER) {
        put_number(b, dr_json_text(v));
    } else if (kind == DR_JSON_ARRAY) {
        (void)dr_buf_putc(b, '[');
        for (struct dr_json_iter it = dr_json_iter(v); dr_json_iter_next(&it);) {
            put_value(b, it.value);
            (void)dr_buf_putc(b, ',');
        }
        (void)dr_buf_putc(b, ']');
    } else if (kind == DR_JSON_OBJECT) {
        struct dr_str source = dr_json_source(v);
        (void)dr_buf_append(b, source.p, source.n);
    } else {
        struct dr_str text = kind == DR_JSON_ABSENT ? DR_LIT("null") : dr_json_text(v);
        (void)dr_buf_printf(b, kind == DR_JSON_STRING ? "'%.*s'" : "%.*s", (int)text.n, text.p);
    }
}

static void put_cell(struct dr_buf *b, const struct dr_view_cell *c)
{
    switch (c->kind) {
    case DR_VIEW_NULL:
        (void)dr_buf_puts(b, "null");
        break;
    case DR_VIEW_BOOL:
        (void)dr_buf_puts(b, c->truth ? "true" : "false");
        break;
    case DR_VIEW_NUMBER:
        put_number(b, c->text);
        break;
    case DR_VIEW_TEXT:
        (void)dr_buf_printf(b, "'%.*s'", (int)c->text.n, c->text.p);
        break;
    case DR_VIEW_JSON: {
        DR_AUTO_BUF padded = { 0 };
        struct dr_json_doc *doc = dr_json_doc_new();
        (void)dr_buf_append(&padded, c->text.p, c->text.n);
        (void)dr_buf_reserve(&padded, DR_JSON_PADDING);
        if (!dr_json_doc_parse(doc, "cell", padded.p, padded.n, NULL))
            put_value(b, dr_json_root(doc));
        else
            (void)dr_buf_puts(b, "no JSON");
        dr_json_doc_free(doc);
        break;
    }
    }
}

/* ---- running a view ---- */

static void add_row(struct rows *rows, struct dr_buf *text)
{
    if (rows->n == rows->cap) {
        rows->cap = rows->cap ? rows->cap * 2 : 64;
        rows->texts = dr_realloc(rows->texts, (size_t)rows->cap * sizeof *rows->texts);
    }
    rows->texts[rows->n++] = dr_arena_dup(rows->a, dr_buf_cstr(text), text->n);
}

static int32_t take_row(void *ctx, const struct dr_view *v, const struct dr_view_cell *cells,
                        struct dr_err *err)
{
    DR_AUTO_BUF text = { 0 };
    (void)err;
    for (int32_t i = 0; i < v->n_columns; i++) {
        (void)dr_buf_printf(&text, "%s=", v->columns[i].name);
        put_cell(&text, &cells[i]);
        (void)dr_buf_putc(&text, ' ');
    }
    add_row(ctx, &text);
    return DR_OK;
}

static const struct dr_view *load_view(struct suite *s, struct dr_json_value test, struct dr_err *err)
{
    struct dr_json_value view = dr_json_get(test, "view", 4);
    struct dr_diags diags = { .arena = s->a };
    struct dr_node *root;
    if (dr_json_parse(s->a, dr_json_source(view), "view", false, &root, err))
        return NULL;
    const struct dr_view *v = dr_view_from_node(s->a, root, "view", &diags);
    if (!v)
        (void)dr_diags_fail(&diags, err);
    return v;
}

static int32_t run_view(struct suite *s, struct dr_json_value test, const struct dr_view **ret,
                        struct rows *rows, struct dr_err *err)
{
    const struct dr_view *v = load_view(s, test, err);
    if (!v)
        return err->rc;
    struct dr_view_runner *runner = dr_view_runner_new();
    int32_t rc = DR_OK;
    for (struct dr_json_iter it = dr_json_iter(s->resources); !rc && dr_json_iter_next(&it);) {
        struct dr_str key = dr_json_text(dr_json_get(it.value, "id", 2));
        rc = dr_view_run(runner, v, it.value, key, NULL, take_row, rows, err);
    }
    dr_view_runner_free(runner);
    *ret = v;
    return rc;
}

/* ---- what was expected ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool same_rows(struct suite *s, const struct dr_view *v, struct dr_json_value expect,
                      struct rows *rows, struct dr_buf *why)
{
    struct rows want = { .a = s->a };
    bool same = dr_json_size(expect) == rows->n;
    for (struct dr_json_iter it = dr_json_iter(expect); dr_json_iter_next(&it);) {
        DR_AUTO_BUF text = { 0 };
        for (int32_t i = 0; i < v->n_columns; i++) {
            (void)dr_buf_printf(&text, "%s=", v->columns[i].name);
            put_value(&text, dr_json_get(it.value, v->columns[i].name, strlen(v->columns[i].name)));
            (void)dr_buf_putc(&text, ' ');
        }
        for (struct dr_json_iter key = dr_json_iter(it.value); dr_json_iter_next(&key);) {
            bool known = false;
            for (int32_t i = 0; i < v->n_columns; i++)
                known |= dr_str_eq(key.key, dr_str_of(v->columns[i].name));
            if (!known)
                (void)dr_buf_printf(&text, "and %.*s", (int)key.key.n, key.key.p);
        }
        add_row(&want, &text);
    }
    if (want.n)
        qsort(want.texts, (size_t)want.n, sizeof *want.texts, by_text);
    if (rows->n)
        qsort(rows->texts, (size_t)rows->n, sizeof *rows->texts, by_text);
    for (int i = 0; same && i < want.n; i++)
        same = dr_streq(want.texts[i], rows->texts[i]);
    for (int i = 0; !same && i < want.n; i++)
        (void)dr_buf_printf(why, "\n    wanted %s", want.texts[i]);
    for (int i = 0; !same && i < rows->n; i++)
        (void)dr_buf_printf(why, "\n    got    %s", rows->texts[i]);
    free(want.texts);
    return same;
}

static bool same_columns(const struct dr_view *v, struct dr_json_value columns)
{
    int32_t i = 0;
    for (struct dr_json_iter it = dr_json_iter(columns); dr_json_iter_next(&it); i++)
        if (i >= v->n_columns || !dr_str_eq(dr_json_text(it.value), dr_str_of(v->columns[i].name)))
            return false;
    return !dr_json_kind(columns) || i == v->n_columns;
}

static bool is_number(struct dr_str text, int n)
{
    int64_t v;
    return dr_parse_i64(text, &v) && v == n;
}

static bool passes(struct suite *s, struct dr_json_value test, struct dr_buf *why)
{
    struct rows rows = { .a = s->a };
    struct dr_err err = { 0 };
    const struct dr_view *v = NULL;
    struct dr_json_value count = dr_json_get(test, "expectCount", 11);
    bool must_fail = dr_json_kind(dr_json_get(test, "expectError", 11)) == DR_JSON_TRUE, passed;
    int32_t rc = run_view(s, test, &v, &rows, &err);
    if (must_fail || rc) {
        passed = must_fail && rc;
        (void)dr_buf_printf(why, " %s", rc ? err.msg : "an error was expected");
    } else {
        passed = !dr_json_kind(count) || is_number(dr_json_text(count), rows.n);
        if (!passed)
            (void)dr_buf_printf(why, " %d rows", rows.n);
        if (dr_json_kind(dr_json_get(test, "expect", 6)))
            passed &= same_rows(s, v, dr_json_get(test, "expect", 6), &rows, why);
        if (!same_columns(v, dr_json_get(test, "expectColumns", 13))) {
            passed = false;
            (void)dr_buf_puts(why, " other columns, or in another order");
        }
    }
    free(rows.texts);
    return passed;
}

/* ---- counting ---- */

static struct group *group_of(struct group *groups, int *n, const char *name)
{
    for (int i = 0; i < *n; i++)
        if (dr_streq(groups[i].name, name))
            return &groups[i];
    if (*n == GROUPS_MAX)
        return &groups[GROUPS_MAX - 1];
    groups[*n].name = name;
    return &groups[(*n)++];
}

static const char *tag_of(struct suite *s, struct dr_json_value test)
{
    for (struct dr_json_iter it = dr_json_iter(dr_json_get(test, "tags", 4)); dr_json_iter_next(&it);)
        return dr_arena_dup(s->a, dr_json_text(it.value).p, dr_json_text(it.value).n);
    return "untagged";
}

static void one(struct suite *s, struct dr_json_value test)
{
    DR_AUTO_BUF why = { 0 };
    struct tally *t = s->t;
    struct dr_str title = dr_json_text(dr_json_get(test, "title", 5));
    const char *id = dr_arena_printf(s->a, "%s/%.*s", s->name, (int)title.n, title.p);
    bool passed = passes(s, test, &why);
    struct group *file = group_of(t->files, &t->n_files, s->name),
                 *tag = group_of(t->tags, &t->n_tags, tag_of(s, test));
    bool must = dr_map_get(&t->must_pass, dr_str_of(id)) != NULL;
    *(passed ? &file->passed : &file->failed) += 1;
    *(passed ? &tag->passed : &tag->failed) += 1;
    *(passed ? &t->passed : &t->failed) += 1;
    t->lost += must && !passed;
    if (!passed && (t->list_failures || must))
        printf("FAILED %s%s%.2000s\n", id, must ? " (must pass)" : "", dr_buf_cstr(&why));
    if (passed && t->list_passes)
        puts(id);
}

static int32_t run_file(struct tally *t, struct dr_arena *a, const char *folder, const char *file,
                        struct dr_err *err)
{
    struct dr_str text;
    struct suite s = { .a = a, .t = t, .name = dr_arena_dup(a, file, strlen(file) - strlen(".json")) };
    DR_AUTO_BUF padded = { 0 };
    DR_TRY(dr_read_file(a, dr_path_join(a, folder, file), FILE_MAX, &text, err));
    (void)dr_buf_append(&padded, text.p, text.n);
    (void)dr_buf_reserve(&padded, DR_JSON_PADDING);
    struct dr_json_doc *doc = dr_json_doc_new();
    int32_t rc = dr_json_doc_parse(doc, file, padded.p, padded.n, err);
    if (!rc) {
        s.resources = dr_json_get(dr_json_root(doc), "resources", 9);
        for (struct dr_json_iter it = dr_json_iter(dr_json_get(dr_json_root(doc), "tests", 5));
             dr_json_iter_next(&it);)
            one(&s, it.value);
    }
    dr_json_doc_free(doc);
    return rc;
}

static int32_t run_folder(struct tally *t, struct dr_arena *a, const char *folder, struct dr_err *err)
{
    char **names;
    size_t n;
    DR_TRY(dr_list_dir(a, folder, ".json", &names, &n, err));
    for (size_t i = 0; i < n; i++)
        DR_TRY(run_file(t, a, folder, names[i], err));
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
    printf("\n%-40s passed failed\n", title);
    for (int i = 0; i < n; i++)
        printf("%-40s %6d %6d\n", g[i].name, g[i].passed, g[i].failed);
}

static int usage(const char *what)
{
    fprintf(
        stderr,
        "sql_on_fhir: %s\nusage: sql_on_fhir [FOLDER] [--list-failures] [--list-passes] [--must-pass FILE]\n",
        what);
    return 2;
}

int main(int argc, char **argv)
{
    DR_AUTO_ARENA a = { 0 };
    struct tally t = { 0 };
    struct dr_err err = { 0 };
    const char *root = getenv("DAGRUN_CONFORMANCE"),
               *folder = root ? dr_path_join(&a, root, "sql-on-fhir") : NULL;
    if (argc == 1 && read_must_pass(&t, &a, SOURCE_DIR "/tests/conformance/sql_on_fhir_must_pass.txt", &err))
        return usage(err.msg);
    for (int i = 1; i < argc; i++) {
        if (dr_streq(argv[i], "--list-failures"))
            t.list_failures = true;
        else if (dr_streq(argv[i], "--list-passes"))
            t.list_passes = true;
        else if (dr_streq(argv[i], "--must-pass") && i + 1 < argc) {
            if (read_must_pass(&t, &a, argv[++i], &err))
                return usage(err.msg);
        } else if (argv[i][0] == '-')
            return usage("unknown option");
        else
            folder = argv[i];
    }
    if (!folder) {
        puts("skipped: DAGRUN_CONFORMANCE is not set and no folder is named");
        dr_map_done(&t.must_pass);
        return 77;
    }
    if (run_folder(&t, &a, folder, &err))
        return usage(err.msg);
    if (!t.list_passes) {
        print_groups("file", t.files, t.n_files);
        print_groups("tag", t.tags, t.n_tags);
    }
    dr_map_done(&t.must_pass);
    printf("\n%d passed, %d failed\n", t.passed, t.failed);
    return t.lost ? 1 : 0;
}
