/* dagrun view: check ViewDefinitions, and run one over files of FHIR resources. */
#include "cmd/table_file.h"
#include "base/file.h"
#include "view/batch.h"

/* ---- check ---- */

static int check_folder(struct dr_cmd *c, const char *path, struct dr_diags *found, int32_t *n)
{
    const struct dr_view_set *set = dr_view_set_load(&c->arena, path, path, found);
    *n += set ? set->n : 0;
    return 0;
}

static int check(struct dr_cmd *c)
{
    struct dr_diags found = { .arena = &c->arena };
    int32_t n = 0;
    for (int i = 1; i < c->args.n_words; i++) {
        const char *path = c->args.words[i];
        if (dr_path_is_dir(path))
            check_folder(c, path, &found, &n);
        else
            n += dr_view_load(&c->arena, path, path, &found) != NULL;
    }
    if (found.n || c->args.json)
        dr_cmd_diags(c, &found);
    if (found.errors)
        return DR_EXIT_DEFINITION;
    if (!c->args.json)
        printf("%d view%s right\n", n, n == 1 ? " is" : "s are");
    return DR_EXIT_OK;
}

/* ---- run ---- */

/* Where rows go. */
struct output {
    FILE *file;
    bool json;
    int64_t rows, limit; /* limit 0: none */
    struct dr_buf line;
};

static void put_csv_text(struct dr_buf *b, struct dr_str s)
{
    bool quote = false;
    for (size_t i = 0; i < s.n; i++)
        quote |= s.p[i] == ',' || s.p[i] == '"' || s.p[i] == '\n' || s.p[i] == '\r';
    if (!quote && s.n) {
        (void)dr_buf_append(b, s.p, s.n);
        return;
    }
    (void)dr_buf_putc(b, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"')
            (void)dr_buf_putc(b, '"');
        (void)dr_buf_putc(b, s.p[i]);
    }
    (void)dr_buf_putc(b, '"');
}

static void put_csv_row(struct dr_buf *b, const struct dr_view *v, const struct dr_view_cell *cells)
{
    for (int32_t i = 0; i < v->n_columns; i++) {
        (void)dr_buf_puts(b, i ? "," : "");
        if (cells[i].kind == DR_VIEW_BOOL)
            (void)dr_buf_puts(b, cells[i].truth ? "true" : "false");
        else if (cells[i].kind != DR_VIEW_NULL)
            put_csv_text(b, cells[i].text);
    }
}

/* Numbers and collections as they are written in the resource. */
static void put_json_row(struct dr_buf *b, const struct dr_view *v, const struct dr_view_cell *cells)
{
    (void)dr_buf_putc(b, '{');
    for (int32_t i = 0; i < v->n_columns; i++) {
        struct dr_json j = { .out = b };
        (void)dr_buf_printf(b, "%s\"%s\":", i ? "," : "", v->columns[i].name);
        switch (cells[i].kind) {
        case DR_VIEW_NULL:
            dr_json_null(&j);
            break;
        case DR_VIEW_BOOL:
            dr_json_bool(&j, cells[i].truth);
            break;
        case DR_VIEW_TEXT:
            dr_json_str(&j, cells[i].text);
            break;
        case DR_VIEW_NUMBER:
        case DR_VIEW_JSON:
            (void)dr_buf_append(b, cells[i].text.p, cells[i].text.n);
            break;
        }
    }
    (void)dr_buf_putc(b, '}');
}

static int32_t print_row(void *ctx, const struct dr_view *v, const struct dr_view_cell *cells,
                         struct dr_err *err)
{
    struct output *o = ctx;
    if (o->limit && o->rows == o->limit)
        return DR_ECANCEL;
    dr_buf_clear(&o->line);
    if (o->json)
        put_json_row(&o->line, v, cells);
    else
        put_csv_row(&o->line, v, cells);
    (void)dr_buf_putc(&o->line, '\n');
    o->rows++;
    if (fwrite(o->line.p, 1, o->line.n, o->file) != o->line.n)
        return dr_fail_sys(err, "write rows");
    return DR_OK;
}

static void print_header(struct output *o, const struct dr_view *v)
{
    for (int32_t i = 0; !o->json && i < v->n_columns; i++)
        fprintf(o->file, "%s%s", i ? "," : "", v->columns[i].name);
    if (!o->json)
        fputc('\n', o->file);
}

/* DR_ECANCEL once the limit is reached. */
static int32_t run_file(struct dr_batch *b, const struct dr_view *v, const char *path, struct output *o,
                        struct dr_err *err)
{
    DR_TRY(dr_batch_open(b, path, err));
    for (size_t i = 0; i < dr_bundle_size(b->bundle); i++) {
        const struct dr_bundle_entry *e = dr_bundle_at(b->bundle, i);
        int32_t rc = dr_view_run(b->runner, v, e->resource, e->key, b->bundle, print_row, o, err);
        if (rc == DR_ECANCEL)
            return rc;
        if (rc)
            return dr_err_prefix(err, "%s, entry %zu (%.*s %.*s)", path, i, (int)e->type.n, e->type.p,
                                 (int)(e->key.n < 60 ? e->key.n : 60), e->key.p);
    }
    return DR_OK;
}

static int run_files(struct dr_cmd *c, const struct dr_view *v, struct output *o)
{
    struct dr_batch b;
    struct dr_err err = { 0 };
    int32_t rc = DR_OK;
    dr_batch_init(&b);
    print_header(o, v);
    for (int i = 2; i < c->args.n_words && !rc; i++)
        rc = run_file(&b, v, c->args.words[i], o, &err);
    dr_batch_done(&b);
    dr_buf_done(&o->line);
    if (rc && rc != DR_ECANCEL)
        return dr_cmd_fail(&err);
    return DR_EXIT_OK;
}

static int run(struct dr_cmd *c)
{
    struct dr_diags found = { .arena = &c->arena };
    const char *format = c->args.format ? c->args.format : "csv";
    struct output o = { .file = stdout,
                        .json = c->args.json || dr_streq(format, "json"),
                        .limit = c->args.limit };
    if (c->args.n_words < 3)
        return dr_cmd_usage("view run needs a view and at least one file: dagrun view run VIEW FILE...");
    if (!o.json && !dr_streq(format, "csv"))
        return dr_cmd_usage("--format: '%s' is not csv or json", format);
    const struct dr_view *v = dr_view_load(&c->arena, c->args.words[1], c->args.words[1], &found);
    if (found.n)
        dr_cmd_diags(c, &found);
    if (!v)
        return DR_EXIT_DEFINITION;
    int code = dr_cmd_check_output(c);
    if (!code)
        code = dr_cmd_open_output(c, &o.file);
    if (code)
        return code;
    code = run_files(c, v, &o);
    int written = dr_cmd_close_output(c, o.file);
    return code ? code : written;
}

int dr_verb_view(struct dr_cmd *c)
{
    if (dr_streq(c->args.words[0], "check"))
        return check(c);
    if (dr_streq(c->args.words[0], "run"))
        return run(c);
    return dr_cmd_usage("view: '%s' is neither check nor run", c->args.words[0]);
}
