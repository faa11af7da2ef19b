/* plugins.c - asking plugins what they declare.
 *
 * One child opens them in turn and writes one line of JSON for each. The line of a
 * plugin that crashes or hangs never comes: it gets that as its problem, and
 * another child goes on with those behind it. What arrives is read as data from
 * a stranger, with limits, and copied into the caller's arena. */
#include "exec/plugins.h"
#include "exec/collect.h"
#include "exec/plugin_open.h"
#include "exec/process.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "model/yaml.h"

#define ANSWER_MAX ((size_t)16 << 20)

struct dr_plugins {
    struct dr_arena *arena; /* borrowed */
    const struct dr_home *home;
    struct dr_plugin_spec *specs;
    const struct dr_plugin_spec **list; /* to each of specs, sorted by name */
    size_t n;
    char **installed; /* names of all plugins; NULL until asked for */
    size_t n_installed;
};

/* ---- in the child: a declaration as JSON ---- */

struct describe_job {
    const struct dr_plugin_spec *specs; /* name and path are set */
    size_t n;
    int fd;
};

static void put_params(struct dr_json *j, const struct dr_plugin *p, int32_t n)
{
    dr_json_key(j, "params");
    dr_json_array(j);
    for (int32_t i = 0; i < n; i++) {
        const struct dr_param *param = dr_plugin_param(p, i);
        dr_json_object(j);
        dr_json_key(j, "name");
        dr_json_cstr(j, param->name);
        dr_json_key(j, "type");
        dr_json_int(j, param->type);
        dr_json_key(j, "flags");
        dr_json_int(j, param->flags);
        dr_json_key(j, "fallback");
        dr_json_cstr(j, param->fallback);
        dr_json_key(j, "choices");
        dr_json_cstr(j, param->choices);
        dr_json_key(j, "doc");
        dr_json_cstr(j, param->doc);
        dr_json_end_object(j);
    }
    dr_json_end_array(j);
}

static void put_ports(struct dr_json *j, const char *key, const struct dr_plugin *p,
                      const struct dr_port *ports, int32_t n)
{
    dr_json_key(j, key);
    dr_json_array(j);
    for (int32_t i = 0; i < n; i++) {
        const struct dr_port *port = dr_plugin_port(p, ports, i);
        dr_json_object(j);
        dr_json_key(j, "name");
        dr_json_cstr(j, port->name);
        dr_json_key(j, "flags");
        dr_json_int(j, port->flags);
        dr_json_key(j, "doc");
        dr_json_cstr(j, port->doc);
        dr_json_end_object(j);
    }
    dr_json_end_array(j);
}

static int32_t put_declaration(struct dr_json *j, const struct dr_plugin_spec *spec, struct dr_err *err)
{
    const struct dr_plugin *p = NULL;
    int32_t params, inputs, outputs;
    DR_TRY(dr_plugin_open(spec->path, spec->name, &p, err));
    DR_TRY(dr_plugin_count_params(p, &params, err));
    DR_TRY(dr_plugin_count_ports(p, p->inputs, &inputs, err));
    DR_TRY(dr_plugin_count_ports(p, p->outputs, &outputs, err));
    dr_json_key(j, "summary");
    dr_json_cstr(j, p->summary);
    dr_json_key(j, "doc");
    dr_json_cstr(j, p->doc);
    dr_json_key(j, "version");
    dr_json_cstr(j, p->version);
    dr_json_key(j, "check");
    dr_json_bool(j, dr_plugin_check(p) != NULL);
    put_params(j, p, params);
    put_ports(j, "inputs", p, p->inputs, inputs);
    put_ports(j, "outputs", p, p->outputs, outputs);
    return DR_OK;
}

/* One line; the failure of a plugin is its "problem". */
static int32_t describe(const struct dr_plugin_spec *spec, int fd, struct dr_err *err)
{
    DR_AUTO_BUF line = { .max = ANSWER_MAX };
    struct dr_json j = { .out = &line };
    struct dr_err why = { 0 };
    dr_json_object(&j);
    if (put_declaration(&j, spec, &why)) {
        dr_json_key(&j, "problem");
        dr_json_cstr(&j, why.msg);
    }
    dr_json_end_object(&j);
    dr_buf_putc(&line, '\n');
    if (!dr_buf_ok(&line))
        return dr_fail(err, DR_ELIMIT, "too large");
    return dr_write_all(fd, line.p, line.n, err);
}

static int describe_all(void *ctx)
{
    const struct describe_job *job = ctx;
    dr_process_silence(); /* what a plugin prints when it is loaded */
    for (size_t i = 0; i < job->n; i++)
        if (describe(&job->specs[i], job->fd, NULL))
            return 1;
    return 0;
}

/* ---- in the parent: reading it ---- */

static const char *text_of(const struct dr_node *map, const char *key)
{
    return dr_node_str(dr_node_get(map, key), NULL);
}

static int32_t number_of(const struct dr_node *map, const char *key)
{
    return (int32_t)dr_node_int(dr_node_get(map, key), 0);
}

static void split_choices(struct dr_arena *a, const char *text, struct dr_param_spec *ret)
{
    if (!text)
        return;
    struct dr_str rest = dr_str_of(text), one;
    const char **choices = dr_arena_array(a, rest.n + 1, sizeof(*choices));
    while (dr_str_split(&rest, '|', &one))
        choices[ret->n_choices++] = dr_arena_dup(a, one.p, one.n);
    ret->choices = choices;
}

static int32_t read_param(struct dr_arena *a, const struct dr_node *from, struct dr_param_spec *ret,
                          struct dr_err *err)
{
    *ret = (struct dr_param_spec){
        .name = text_of(from, "name"),
        .type = number_of(from, "type"),
        .flags = number_of(from, "flags"),
        .doc = text_of(from, "doc"),
    };
    split_choices(a, text_of(from, "choices"), ret);
    const char *fallback = text_of(from, "fallback");
    if (!fallback)
        return DR_OK;
    struct dr_diags diags = { .arena = a };
    ret->fallback = dr_yaml_parse(a, dr_str_of(fallback), "fallback", &diags);
    if (diags.errors > 0) {
        (void)dr_diags_fail(&diags, err);
        return dr_err_prefix(err, "parameter '%s'", ret->name);
    }
    return DR_OK;
}

static int32_t read_params(struct dr_arena *a, const struct dr_node *list, struct dr_plugin_spec *spec,
                           struct dr_err *err)
{
    int32_t n = (int32_t)dr_node_size(list);
    spec->params = dr_arena_array(a, (size_t)n, sizeof(*spec->params));
    for (int32_t i = 0; i < n; i++)
        DR_TRY(read_param(a, dr_node_at(list, i), &spec->params[i], err));
    spec->n_params = n;
    return DR_OK;
}

static struct dr_port_spec *read_ports(struct dr_arena *a, const struct dr_node *list, int32_t *ret_n)
{
    int32_t n = (int32_t)dr_node_size(list);
    struct dr_port_spec *ports = dr_arena_array(a, (size_t)n, sizeof(*ports));
    for (int32_t i = 0; i < n; i++) {
        const struct dr_node *from = dr_node_at(list, i);
        ports[i] = (struct dr_port_spec){ .name = text_of(from, "name"),
                                          .flags = number_of(from, "flags"),
                                          .doc = text_of(from, "doc") };
    }
    *ret_n = n;
    return ports;
}

static int32_t read_line(struct dr_arena *a, struct dr_str line, struct dr_plugin_spec *spec,
                         struct dr_err *err)
{
    struct dr_node *root;
    DR_TRY(dr_json_parse(a, line, NULL, false, &root, err));
    const char *problem = text_of(root, "problem");
    if (problem)
        return dr_fail(err, DR_EPLUGIN, "%s", problem);
    spec->summary = text_of(root, "summary");
    spec->doc = text_of(root, "doc");
    spec->version = text_of(root, "version");
    spec->has_check = dr_node_bool(dr_node_get(root, "check"), 0);
    DR_TRY(read_params(a, dr_node_get(root, "params"), spec, err));
    spec->inputs = read_ports(a, dr_node_get(root, "inputs"), &spec->n_inputs);
    spec->outputs = read_ports(a, dr_node_get(root, "outputs"), &spec->n_outputs);
    return DR_OK;
}

static void set_problem(struct dr_arena *a, struct dr_plugin_spec *spec, const char *why)
{
    struct dr_plugin_spec bare = { .name = spec->name,
                                   .path = spec->path,
                                   .problem = dr_arena_strdup(a, why) };
    memcpy(bare.hash, spec->hash, sizeof(bare.hash));
    *spec = bare;
}

/* Fill in specs from whole lines; gives how many there were. */
static size_t read_lines(struct dr_arena *a, struct dr_str text, struct dr_plugin_spec *specs, size_t n)
{
    size_t i = 0;
    const char *end;
    while (i < n && (end = memchr(text.p, '\n', text.n))) {
        struct dr_err err;
        struct dr_str line = { text.p, (size_t)(end - text.p) };
        if (read_line(a, line, &specs[i], &err))
            set_problem(a, &specs[i], err.msg);
        text.n -= line.n + 1;
        text.p = end + 1;
        i++;
    }
    return i;
}

/* ---- one child ---- */

static const char *why_silent(struct dr_arena *a, bool in_time, const struct dr_process_end *end)
{
    char name[24];
    if (!in_time)
        return "it does not load within 5 s";
    if (end->signal)
        return dr_arena_printf(a, "it crashes when it is loaded: signal %d (%s)", end->signal,
                               dr_signal_name(end->signal, name));
    return dr_arena_printf(a, "it ends the process when it is loaded, with exit code %d", end->code);
}

/* Ask one child about specs[0..n); gives how many are settled, at least one. */
static int32_t ask_child(struct dr_arena *a, struct dr_plugin_spec *specs, size_t n, size_t *ret_done,
                         struct dr_err *err)
{
    struct describe_job job = { specs, n, -1 };
    struct dr_answer answer;
    DR_AUTO_BUF text = { .max = ANSWER_MAX };
    DR_TRY(dr_ask_child(describe_all, &job, &job.fd, &text, &answer, err));
    size_t done = read_lines(a, dr_buf_str(&text), specs, n);
    if (done < n) {
        set_problem(a, &specs[done], why_silent(a, answer.in_time, &answer.end));
        done++;
    }
    *ret_done = done;
    return DR_OK;
}

/* ---- the set ---- */

static int32_t add_plugin(struct dr_plugins *set, const char *name, struct dr_err *err)
{
    const char *path;
    /* A name without a file is not in the set: the DAG loader says what is near. */
    if (dr_home_plugin(set->arena, set->home, name, &path, err))
        return DR_OK;
    struct dr_plugin_spec *spec = &set->specs[set->n++];
    *spec = (struct dr_plugin_spec){ .name = dr_arena_strdup(set->arena, name), .path = path };
    uint64_t size;
    char hash[DR_HASH_HEX];
    DR_TRY(dr_hash_file(path, hash, &size, err));
    snprintf(spec->hash, sizeof(spec->hash), "%s", hash);
    return DR_OK;
}

static int by_name(const void *a, const void *b)
{
    const struct dr_plugin_spec *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

static void sort_list(struct dr_plugins *set)
{
    set->list = dr_arena_array(set->arena, set->n, sizeof(*set->list));
    for (size_t i = 0; i < set->n; i++)
        set->list[i] = &set->specs[i];
    if (set->n > 1)
        qsort(set->list, set->n, sizeof(*set->list), by_name);
}

static int32_t installed(struct dr_plugins *set, struct dr_err *err)
{
    if (set->installed)
        return DR_OK;
    return dr_home_plugins(set->arena, set->home, &set->installed, &set->n_installed, err);
}

int32_t dr_plugins_load(struct dr_arena *a, const struct dr_home *h, const char *const *names, size_t n,
                        struct dr_plugins **ret, struct dr_err *err)
{
    struct dr_plugins *set = DR_NEW(a, struct dr_plugins);
    set->arena = a;
    set->home = h;
    if (!names) {
        DR_TRY(installed(set, err));
        n = set->n_installed;
    }
    set->specs = dr_arena_array(a, n, sizeof(*set->specs));
    for (size_t i = 0; i < n; i++)
        DR_TRY(add_plugin(set, names ? names[i] : set->installed[i], err));
    for (size_t at = 0, done = 0; at < set->n; at += done)
        DR_TRY(ask_child(a, set->specs + at, set->n - at, &done, err));
    sort_list(set);
    *ret = set;
    return DR_OK;
}

const struct dr_plugin_spec *dr_plugins_find(const struct dr_plugins *p, const char *name)
{
    for (size_t i = 0; i < p->n; i++)
        if (dr_streq(p->specs[i].name, name))
            return &p->specs[i];
    return NULL;
}

const struct dr_plugin_spec *const *dr_plugins_list(const struct dr_plugins *p, size_t *ret_n)
{
    *ret_n = p->n;
    return p->list;
}

static const struct dr_plugin_spec *source_find(void *ctx, const char *name)
{
    return dr_plugins_find(ctx, name);
}

static const char *const *source_names(void *ctx, size_t *ret_n)
{
    struct dr_plugins *set = ctx;
    *ret_n = 0;
    if (installed(set, NULL))
        return NULL;
    *ret_n = set->n_installed;
    return (const char *const *)set->installed;
}

struct dr_spec_source dr_plugins_source(const struct dr_plugins *p)
{
    /* The set fills in its list of names when first asked, nothing else. */
    return (struct dr_spec_source){ source_find, source_names, (void *)(uintptr_t)p };
}
