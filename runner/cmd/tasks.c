/* dagrun tasks: the installed plugins and their own documentation. */
#include "cmd/cmd.h"

static const char *param_type_name(int32_t type)
{
    static const char *const names[] = { "any",  "string",   "int",  "float", "bool",
                                         "path", "duration", "list", "map",   "suite" };
    return type >= 0 && type < (int32_t)(sizeof names / sizeof names[0]) ? names[type] : "any";
}

static const char *flags_text(struct dr_cmd *c, const char *type, int32_t flags)
{
    return dr_arena_printf(&c->arena, "%s%s%s", type, flags & DR_MANY ? "list" : "",
                           flags & DR_REQUIRED ? ", required" : "");
}

static void put_ports(struct dr_cmd *c, const char *title, const struct dr_port_spec *ports, int32_t n)
{
    if (!n)
        return;
    printf("\n%s%s%s\n", dr_tint_on(c->color, DR_TINT_BOLD), title, dr_tint_off(c->color, DR_TINT_BOLD));
    for (int32_t i = 0; i < n; i++)
        printf("  %-16s %-18s %s\n", ports[i].name,
               flags_text(c, ports[i].flags & DR_MANY ? "" : "one", ports[i].flags),
               ports[i].doc ? ports[i].doc : "");
}

static void put_params(struct dr_cmd *c, const struct dr_plugin_spec *p)
{
    if (!p->n_params)
        return;
    printf("\n%swith%s\n", dr_tint_on(c->color, DR_TINT_BOLD), dr_tint_off(c->color, DR_TINT_BOLD));
    for (int32_t i = 0; i < p->n_params; i++) {
        const struct dr_param_spec *x = &p->params[i];
        printf("  %-16s %-18s %s", x->name, flags_text(c, param_type_name(x->type), x->flags & DR_REQUIRED),
               x->doc ? x->doc : "");
        if (x->fallback) {
            DR_AUTO_BUF text = { 0 };
            dr_json_put_node(&text, x->fallback, 0);
            printf(" (default %s)", dr_buf_cstr(&text));
        }
        for (int32_t k = 0; k < x->n_choices; k++)
            printf("%s%s%s", k ? ", " : " [one of: ", x->choices[k], k + 1 == x->n_choices ? "]" : "");
        putchar('\n');
    }
}

static void show_one(struct dr_cmd *c, const struct dr_plugin_spec *p)
{
    printf("%s%s%s - %s\n  %s\n", dr_tint_on(c->color, DR_TINT_BOLD), p->name,
           dr_tint_off(c->color, DR_TINT_BOLD), p->summary ? p->summary : "",
           dr_home_show(&c->arena, &c->home, p->path));
    if (p->doc && p->doc[0])
        printf("\n%s\n", p->doc);
    put_ports(c, "inputs", p->inputs, p->n_inputs);
    put_ports(c, "outputs", p->outputs, p->n_outputs);
    put_params(c, p);
}

static void json_ports(struct dr_json *j, const char *key, const struct dr_port_spec *ports, int32_t n)
{
    dr_json_key(j, key);
    dr_json_array(j);
    for (int32_t i = 0; i < n; i++) {
        dr_json_object(j);
        dr_json_key(j, "name");
        dr_json_cstr(j, ports[i].name);
        dr_json_key(j, "required");
        dr_json_bool(j, ports[i].flags & DR_REQUIRED);
        dr_json_key(j, "many");
        dr_json_bool(j, ports[i].flags & DR_MANY);
        dr_json_key(j, "doc");
        dr_json_cstr(j, ports[i].doc);
        dr_json_end_object(j);
    }
    dr_json_end_array(j);
}

static void json_params(struct dr_json *j, const struct dr_plugin_spec *p)
{
    dr_json_key(j, "params");
    dr_json_array(j);
    for (int32_t i = 0; i < p->n_params; i++) {
        dr_json_object(j);
        dr_json_key(j, "name");
        dr_json_cstr(j, p->params[i].name);
        dr_json_key(j, "type");
        dr_json_cstr(j, param_type_name(p->params[i].type));
        dr_json_key(j, "required");
        dr_json_bool(j, p->params[i].flags & DR_REQUIRED);
        dr_json_key(j, "default");
        dr_json_node(j, p->params[i].fallback);
        dr_json_key(j, "doc");
        dr_json_cstr(j, p->params[i].doc);
        dr_json_end_object(j);
    }
    dr_json_end_array(j);
}

static void json_plugin(struct dr_json *j, const struct dr_plugin_spec *p)
{
    dr_json_object(j);
    dr_json_key(j, "name");
    dr_json_cstr(j, p->name);
    dr_json_key(j, "summary");
    dr_json_cstr(j, p->summary);
    dr_json_key(j, "doc");
    dr_json_cstr(j, p->doc);
    dr_json_key(j, "path");
    dr_json_cstr(j, p->path);
    dr_json_key(j, "problem");
    dr_json_cstr(j, p->problem);
    json_ports(j, "inputs", p->inputs, p->n_inputs);
    json_ports(j, "outputs", p->outputs, p->n_outputs);
    json_params(j, p);
    dr_json_end_object(j);
}

static void list_text(struct dr_cmd *c, const struct dr_plugin_spec *const *list, size_t n)
{
    static const char *const titles[] = { "PLUGIN", "SUMMARY" };
    struct dr_grid g;
    dr_grid_init(&g, &c->arena, 2, titles, NULL);
    for (size_t i = 0; i < n; i++) {
        dr_grid_add(&g, DR_TINT_BOLD, list[i]->name);
        dr_grid_add(&g, list[i]->problem ? DR_TINT_BAD : DR_TINT_NONE,
                    list[i]->problem ? list[i]->problem : list[i]->summary);
    }
    dr_grid_print(&g, c->color, stdout);
}

static int show_named(struct dr_cmd *c, const struct dr_plugins *plugins, const char *name)
{
    const struct dr_plugin_spec *p = dr_plugins_find(plugins, name);
    struct dr_err err = { 0 };
    if (!p) {
        size_t n;
        const struct dr_plugin_spec *const *list = dr_plugins_list(plugins, &n);
        const char **names = dr_arena_array(&c->arena, n + 1, sizeof *names);
        for (size_t i = 0; i < n; i++)
            names[i] = list[i]->name;
        const char *near = dr_nearest(name, names, n);
        dr_fail(&err, DR_ENOTFOUND, "there is no plugin '%s'%s%s%s", name, near ? "; did you mean '" : "",
                near ? near : "", near ? "'?" : "");
        return dr_cmd_fail(&err);
    }
    if (p->problem) {
        dr_fail(&err, DR_EDEF, "plugin '%s' cannot be used: %s", name, p->problem);
        return dr_cmd_fail(&err);
    }
    if (c->args.json) {
        struct dr_buf out = { 0 };
        struct dr_json j = { .out = &out, .indent = 2 };
        json_plugin(&j, p);
        return dr_print_json(&out);
    }
    show_one(c, p);
    return DR_EXIT_OK;
}

int dr_verb_tasks(struct dr_cmd *c)
{
    struct dr_plugins *plugins;
    struct dr_err err = { 0 };
    if (dr_plugins_load(&c->arena, &c->home, NULL, 0, &plugins, &err))
        return dr_cmd_fail(&err);
    if (c->args.n_words)
        return show_named(c, plugins, c->args.words[0]);
    size_t n;
    const struct dr_plugin_spec *const *list = dr_plugins_list(plugins, &n);
    if (!c->args.json) {
        list_text(c, list, n);
        return DR_EXIT_OK;
    }
    struct dr_buf out = { 0 };
    struct dr_json j = { .out = &out, .indent = 2 };
    dr_json_array(&j);
    for (size_t i = 0; i < n; i++)
        json_plugin(&j, list[i]);
    dr_json_end_array(&j);
    return dr_print_json(&out);
}
