/* dagrun profile: what the columns of a file hold, and a suite that says so. */
#include "cmd/table_file.h"
#include "base/file.h"
#include "base/json.h"
#include "base/num.h"
#include "cmd/expect_pass.h"
#include "data/column.h"
#include "data/pool.h"
#include "expect/profile.h"

#define SHOWN_VALUES 5
#define SHOWN_TEXT 30
#define LIST_WIDTH_MIN 24

/* ---- text ---- */

static const char *shown(struct dr_cmd *c, const struct dr_value *v)
{
    DR_AUTO_BUF b = { 0 };
    DR_AUTO_BUF whole = { 0 };
    if (v->kind == DR_VALUE_BOOL) /* as files spell it, not as Great Expectations does */
        return v->i ? "true" : "false";
    dr_value_put_text(v, &whole);
    dr_buf_put_visible(&b, dr_buf_str(&whole), SHOWN_TEXT);
    return dr_arena_dup(&c->arena, dr_buf_cstr(&b), b.n);
}

static const char *shown_number(struct dr_cmd *c, double f)
{
    return dr_arena_printf(&c->arena, "%.6g", f);
}

static const char *share(struct dr_cmd *c, int64_t part, int64_t whole)
{
    if (!part || !whole)
        return "0";
    return dr_arena_printf(&c->arena, "%lld (%.1f %%)", (long long)part,
                           100.0 * (double)part / (double)whole);
}

static void print_overview(struct dr_cmd *c, const struct dr_profile *p, FILE *out)
{
    static const char *const titles[] = { "COLUMN", "TYPE", "MISSING", "DISTINCT", "SMALLEST", "LARGEST" };
    struct dr_grid g;
    dr_grid_init(&g, &c->arena, 6, titles, NULL);
    for (int32_t k = 0; k < p->n; k++) {
        const struct dr_column_profile *x = &p->columns[k];
        const char *type =
            x->type.format ? dr_arena_printf(&c->arena, "%s %s", x->type.name, x->type.format) : x->type.name;
        dr_grid_add(&g, DR_TINT_BOLD, x->name);
        dr_grid_add(&g, DR_TINT_NONE, type);
        dr_grid_add(&g, DR_TINT_NONE, share(c, x->missing, p->rows));
        dr_grid_add(&g, DR_TINT_NONE, dr_arena_printf(&c->arena, "%lld", (long long)x->distinct));
        dr_grid_add(&g, DR_TINT_NONE, shown(c, &x->min));
        dr_grid_add(&g, DR_TINT_NONE, shown(c, &x->max));
    }
    dr_grid_print(&g, c->color && out == stdout, out);
}

static void print_distribution(struct dr_cmd *c, const struct dr_profile *p, FILE *out)
{
    static const char *const titles[] = { "COLUMN", "5 %",  "25 %", "MEDIAN",
                                          "75 %",   "95 %", "MEAN", "DEVIATION" };
    struct dr_grid g;
    dr_grid_init(&g, &c->arena, 8, titles, NULL);
    for (int32_t k = 0; k < p->n; k++) {
        const struct dr_column_profile *x = &p->columns[k];
        bool number = x->source->class == DR_CLASS_NUMBER;
        if (!x->ordered)
            continue;
        dr_grid_add(&g, DR_TINT_BOLD, x->name);
        for (int q = 0; q < 5; q++)
            dr_grid_add(&g, DR_TINT_NONE, shown(c, &x->quantile[q]));
        dr_grid_add(&g, DR_TINT_NONE, number ? shown_number(c, x->mean) : "");
        dr_grid_add(&g, DR_TINT_NONE, number ? shown_number(c, x->deviation) : "");
    }
    if (g.n) {
        fputc('\n', out);
        dr_grid_print(&g, c->color && out == stdout, out);
    }
}

/* A list that ends with "..." where the next item does not fit into its columns. */
struct list {
    struct dr_buf text;
    int room;
    bool full;
};

static void list_add(struct list *l, struct dr_cmd *c, const char *item, int64_t count)
{
    const char *text = dr_arena_printf(&c->arena, "%s%s %lld", l->text.n ? ", " : "", item, (long long)count);
    l->full |= l->text.n && dr_text_width(dr_buf_cstr(&l->text)) + dr_text_width(text) > l->room;
    if (!l->full)
        (void)dr_buf_puts(&l->text, text);
}

static void list_end(struct list *l, struct dr_grid *g)
{
    if (l->full)
        (void)dr_buf_puts(&l->text, ", ...");
    dr_grid_add(g, DR_TINT_NONE, dr_buf_cstr(&l->text));
    dr_buf_done(&l->text);
}

static void add_common(struct dr_cmd *c, const struct dr_column_profile *x, int room, struct dr_grid *g)
{
    struct list top = { .room = room }, shapes = { .room = room };
    bool all_different = x->n_top && x->top[0].count == 1;
    dr_grid_add(g, DR_TINT_BOLD, x->name);
    for (int32_t i = 0; i < x->n_top && !all_different; i++)
        list_add(&top, c, shown(c, &x->top[i].value), x->top[i].count);
    if (all_different)
        (void)dr_buf_puts(&top.text, "all different");
    list_end(&top, g);
    for (int32_t i = 0; i < x->n_shapes; i++)
        list_add(&shapes, c, x->shapes[i].text, x->shapes[i].count);
    if (x->other_shapes)
        list_add(&shapes, c, "others", x->other_shapes);
    list_end(&shapes, g);
}

/* Most common values (of every type: a placeholder date shows here) and shapes of text,
 * in as many columns as the terminal has. */
static void print_common(struct dr_cmd *c, const struct dr_profile *p, FILE *out)
{
    static const char *const titles[] = { "COLUMN", "MOST COMMON", "SHAPES" };
    struct dr_grid g;
    int name = 0;
    for (int32_t k = 0; k < p->n; k++) {
        int width = dr_text_width(p->columns[k].name);
        name = width > name ? width : name;
    }
    int room = (dr_term_width(fileno(out)) - name) / 2 - 7;
    room = room < LIST_WIDTH_MIN ? LIST_WIDTH_MIN : room;
    dr_grid_init(&g, &c->arena, 3, titles, NULL);
    for (int32_t k = 0; k < p->n; k++)
        add_common(c, &p->columns[k], room, &g);
    fputc('\n', out);
    dr_grid_print(&g, c->color && out == stdout, out);
}

static void print_text(struct dr_cmd *c, const struct dr_profile *p, FILE *out)
{
    print_overview(c, p, out);
    print_distribution(c, p, out);
    print_common(c, p, out);
    fprintf(out, "\n%lld row%s, %d column%s; ", (long long)p->rows, p->rows == 1 ? "" : "s", p->n,
            p->n == 1 ? "" : "s");
    for (int32_t k = 0; k < p->n_key; k++)
        fprintf(out, "%s%s",
                k == 0             ? "named by "
                : k + 1 < p->n_key ? ", "
                                   : " and ",
                p->columns[p->key[k]].name);
    fputs(p->n_key ? "\n" : "no columns were found that name each row\n", out);
}

/* ---- JSON ---- */

static void put_value(struct dr_json *j, struct dr_cmd *c, const char *key, const struct dr_value *v)
{
    dr_json_key(j, key);
    dr_json_node(j, dr_value_node(&c->arena, v));
}

static void put_numbers(struct dr_json *j, struct dr_cmd *c, const struct dr_column_profile *x)
{
    static const char *const names[] = { "p05", "p25", "median", "p75", "p95" };
    for (int q = 0; q < 5; q++)
        put_value(j, c, names[q], &x->quantile[q]);
    if (x->source->class != DR_CLASS_NUMBER)
        return;
    dr_json_key(j, "mean");
    dr_json_float(j, x->mean);
    dr_json_key(j, "standard_deviation");
    dr_json_float(j, x->deviation);
}

static void put_texts(struct dr_json *j, const struct dr_column_profile *x)
{
    dr_json_key(j, "min_length");
    dr_json_int(j, x->shortest);
    dr_json_key(j, "max_length");
    dr_json_int(j, x->longest);
    dr_json_key(j, "shapes");
    dr_json_array(j);
    for (int32_t i = 0; i < x->n_shapes; i++) {
        dr_json_object(j);
        dr_json_key(j, "shape");
        dr_json_cstr(j, x->shapes[i].text);
        dr_json_key(j, "count");
        dr_json_int(j, x->shapes[i].count);
        dr_json_end_object(j);
    }
    dr_json_end_array(j);
}

static void put_column(struct dr_json *j, struct dr_cmd *c, const struct dr_column_profile *x)
{
    dr_json_object(j);
    dr_json_key(j, "name");
    dr_json_cstr(j, x->name);
    dr_json_key(j, "type");
    dr_json_cstr(j, x->type.name);
    if (x->type.format) {
        dr_json_key(j, "format");
        dr_json_cstr(j, x->type.format);
    }
    dr_json_key(j, "missing");
    dr_json_int(j, x->missing);
    dr_json_key(j, "distinct");
    dr_json_int(j, x->distinct);
    put_value(j, c, "min", &x->min);
    put_value(j, c, "max", &x->max);
    if (x->ordered)
        put_numbers(j, c, x);
    if (x->source->class == DR_CLASS_TEXT)
        put_texts(j, x);
    dr_json_key(j, "most_common");
    dr_json_array(j);
    for (int32_t i = 0; i < x->n_top && i < SHOWN_VALUES; i++) {
        dr_json_object(j);
        put_value(j, c, "value", &x->top[i].value);
        dr_json_key(j, "count");
        dr_json_int(j, x->top[i].count);
        dr_json_end_object(j);
    }
    dr_json_end_array(j);
    dr_json_end_object(j);
}

static void print_json(struct dr_cmd *c, const struct dr_profile *p, FILE *out)
{
    DR_AUTO_BUF text = { 0 };
    struct dr_json j = { .out = &text, .indent = 2 };
    dr_json_object(&j);
    dr_json_key(&j, "rows");
    dr_json_int(&j, p->rows);
    dr_json_key(&j, "key");
    dr_json_array(&j);
    for (int32_t k = 0; k < p->n_key; k++)
        dr_json_cstr(&j, p->columns[p->key[k]].name);
    dr_json_end_array(&j);
    dr_json_key(&j, "columns");
    dr_json_array(&j);
    for (int32_t k = 0; k < p->n; k++)
        put_column(&j, c, &p->columns[k]);
    dr_json_end_array(&j);
    dr_json_end_object(&j);
    fprintf(out, "%s\n", dr_buf_cstr(&text));
}

/* ---- the verb ---- */

/* The suite is named as the file that it goes to, which a suite of a home must be, or as the data. */
static const char *suite_name(struct dr_cmd *c)
{
    const char *from = c->args.output ? c->args.output : c->args.words[0];
    char *name = dr_arena_strdup(&c->arena, dr_path_base(from)), *dot = strchr(name, '.');
    if (dot && dot > name)
        *dot = 0;
    for (char *p = name; *p; p++)
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || *p == '-'))
            *p = '_';
    return *name ? name : "suite";
}

static int print_profile(struct dr_cmd *c, struct dr_profile *p, FILE *out)
{
    DR_AUTO_BUF suite = { 0 };
    struct dr_err err = { 0 };
    if (c->args.suite) {
        if (dr_profile_propose(p, suite_name(c), &suite, &err))
            return dr_cmd_fail(&err);
        fputs(dr_buf_cstr(&suite), out);
    } else if (c->args.json) {
        print_json(c, p, out);
    } else {
        print_text(c, p, out);
    }
    return 0;
}

static int print_to(struct dr_cmd *c, struct dr_profile *p)
{
    FILE *out = NULL;
    int rc = dr_cmd_open_output(c, &out);
    if (rc)
        return rc;
    rc = print_profile(c, p, out);
    int written = dr_cmd_close_output(c, out);
    return rc ? rc : written;
}

int dr_verb_profile(struct dr_cmd *c)
{
    struct dr_table *table = NULL, *rejects = NULL;
    struct dr_profile *p = NULL;
    struct dr_err err = { 0 };
    int rc = dr_cmd_check_input(c);
    if (!rc)
        rc = dr_cmd_check_output(c);
    if (!rc)
        rc = dr_cmd_warn_held(c->args.words[0], "a profile");
    if (!rc)
        rc = dr_cmd_start_threads(c, c->args.words[0]);
    if (!rc)
        rc = dr_cmd_read_table(c, c->args.words[0], NULL, &table, &rejects, NULL);
    if (!rc && dr_profile_new(table, "_line", &p, &err))
        rc = dr_cmd_fail(&err);
    if (!rc)
        rc = print_to(c, p);
    if (!rc)
        dr_cmd_say_unread(c->args.words[0], rejects ? rejects->rows : 0, rejects, "part of the profile");
    dr_profile_free(p);
    dr_table_unref(table);
    dr_table_unref(rejects);
    dr_pool_done();
    return rc;
}
