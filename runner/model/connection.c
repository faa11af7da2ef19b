/* connection.c - connections.yaml and DAGRUN_CONN_*. */
#include "model/connection.h"
#include "model/read.h"
#include "model/subst.h"
#include "model/yaml.h"
#include "base/file.h"

#define FILE_NAME "connections.yaml"
#define VARIABLE "DAGRUN_CONN_"

static const char *const types[] = { "sqlite", "postgresql", NULL };
static const char *const sqlite_keys[] = { "type", "path", NULL };
static const char *const postgresql_keys[] = {
    "type",     "uri",    "host",    "port",    "dbname",      "user",   "password",
    "passfile", "schema", "sslmode", "sslcert", "sslrootcert", "sslkey", "connect_timeout",
    NULL
};
static const struct dr_alias aliases[] = { { "database", "dbname" }, { "username", "user" },
                                           { "file", "path" },       { "url", "uri" },
                                           { "ssl", "sslmode" },     { NULL, NULL } };
static const char *const paths[] = { "passfile", "sslcert", "sslkey", "sslrootcert", NULL };

static bool is_among(const char *word, const char *const *list)
{
    for (size_t i = 0; list[i]; i++)
        if (dr_streq(list[i], word))
            return true;
    return false;
}

/* ---- the file --------------------------------------------------------------------- */

/* The map of connections, checked as far as that goes without the environment; NULL
 * where there is no file, or it is wrong. */
static const struct dr_node *load_file(struct dr_arena *a, const struct dr_home *h, struct dr_diags *d)
{
    static const char *const top[] = { "connections", NULL };
    const char *path = dr_path_join(a, h->path, FILE_NAME);
    if (!dr_path_exists(path))
        return NULL;
    const struct dr_node *root = dr_yaml_load(a, path, FILE_NAME, d);
    struct dr_reader r = { a, d };
    if (!root)
        return NULL;
    if (root->kind != DR_NODE_MAP) {
        dr_diag_add(d, DR_DIAG_ERROR, root->mark, NULL, "a map with the key 'connections' was expected");
        return NULL;
    }
    dr_read_keys(&r, root, FILE_NAME, top, NULL);
    return dr_read_kind(&r, root, "connections", DR_NODE_MAP, "a map of connections by name");
}

static void check_secret(struct dr_diags *d, const struct dr_node *password)
{
    if (password && !dr_subst_has(password->text))
        dr_diag_add(d, DR_DIAG_WARNING, password->mark,
                    "write \"${env.NAME}\" and set the variable where dagrun is started",
                    "a password stands in the file");
}

static int32_t only_env(void *ctx, struct dr_str name, struct dr_err *err)
{
    (void)ctx;
    if (dr_str_starts(name, DR_LIT("env.")))
        return DR_OK;
    return dr_fail(err, DR_EDEF, "${%.*s}: only ${env.NAME} is known here", (int)name.n, name.p);
}

static void check_settings(struct dr_arena *a, const struct dr_node *entry, struct dr_diags *d)
{
    for (int32_t i = 0; i < entry->n; i++) {
        struct dr_err err = { 0 };
        const struct dr_node *value = entry->items[i];
        if (!dr_node_str(value, NULL))
            dr_diag_add(d, DR_DIAG_ERROR, value->mark, NULL, "'%s' must be text or a number, not %s",
                        dr_node_key(entry, i), dr_kind_text(value));
        else if (dr_subst_each(value->text, only_env, a, &err))
            dr_diag_add(d, DR_DIAG_ERROR, value->mark, NULL, "%s", err.msg);
    }
}

/* Whether the entry is right; what is wrong goes into d. */
static bool check_entry(struct dr_arena *a, const char *name, const struct dr_node *entry, struct dr_diags *d)
{
    struct dr_reader r = { a, d };
    int32_t before = d->errors;
    if (!dr_name_ok(name)) {
        dr_diag_add(d, DR_DIAG_ERROR, entry->mark, NULL,
                    "'%s' cannot be the name of a connection (letters, digits, _ . -)", name);
        return false;
    }
    if (entry->kind != DR_NODE_MAP) {
        dr_diag_add(d, DR_DIAG_ERROR, entry->mark, NULL, "the connection '%s' must be a map, not %s", name,
                    dr_kind_text(entry));
        return false;
    }
    if (!dr_node_get(entry, "type")) {
        dr_diag_add(d, DR_DIAG_ERROR, entry->mark, "type: sqlite, or type: postgresql",
                    "the connection '%s' has no type", name);
        return false;
    }
    bool postgresql = dr_read_choice(&r, entry, "type", types, 0) == 1;
    dr_read_keys(&r, entry, dr_arena_printf(a, "the connection '%s'", name),
                 postgresql ? postgresql_keys : sqlite_keys, aliases);
    check_settings(a, entry, d);
    if (!postgresql && !dr_node_get(entry, "path"))
        dr_diag_add(d, DR_DIAG_ERROR, entry->mark, "path: var/NAME.db", "the connection '%s' has no path",
                    name);
    check_secret(d, dr_node_get(entry, "password"));
    return d->errors == before;
}

/* ---- resolving ---------------------------------------------------------------------- */

static const char *variable_of(struct dr_arena *a, const char *name)
{
    char *variable = dr_arena_printf(a, VARIABLE "%s", name);
    for (char *p = variable + sizeof VARIABLE - 1; *p; p++) {
        if (*p >= 'a' && *p <= 'z')
            *p = (char)(*p - 'a' + 'A');
        else if (!((*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9')))
            *p = '_';
    }
    return variable;
}

static void add_setting(struct dr_arena *a, struct dr_connection *c, const char *key, const char *value)
{
    const char **keys = dr_arena_array(a, (size_t)c->n + 2, sizeof *keys);
    const char **values = dr_arena_array(a, (size_t)c->n + 2, sizeof *values);
    for (int32_t i = 0; i < c->n; i++) {
        keys[i] = c->keys[i];
        values[i] = c->values[i];
    }
    keys[c->n] = key;
    values[c->n++] = value;
    c->keys = keys;
    c->values = values;
}

/* "sqlite:var/x.db", "sqlite:///srv/x.db", "postgresql://...". The text is never shown: it may
 * hold a password. */
static int32_t from_uri(struct dr_arena *a, const struct dr_home *h, const char *uri,
                        struct dr_connection *ret, struct dr_err *err)
{
    struct dr_str s = dr_str_of(uri);
    if (dr_str_starts(s, DR_LIT("postgresql://")) || dr_str_starts(s, DR_LIT("postgres://"))) {
        ret->postgresql = true;
        add_setting(a, ret, "dbname", dr_arena_strdup(a, uri));
        return DR_OK;
    }
    if (!dr_str_starts(s, DR_LIT("sqlite:")) || s.n == sizeof "sqlite:" - 1)
        return dr_fail(err, DR_EDEF, "%s: a URI that begins with sqlite: or postgresql:// was expected",
                       ret->from);
    const char *path = uri + sizeof "sqlite:" - 1;
    if (path[0] == '/' && path[1] == '/')
        path += 2;
    ret->path = dr_path_join(a, h->path, path);
    return DR_OK;
}

static int32_t setting(struct dr_arena *a, const struct dr_home *h, const char *key,
                       const struct dr_node *value, const char **ret, struct dr_err *err)
{
    static const struct dr_subst nothing = {
        .run_id = "", .dag_id = "", .logical_date = "", .data_interval_start = "", .data_interval_end = ""
    };
    if (dr_subst_text(a, value->text, &nothing, ret, err))
        return dr_err_prefix(err, "%s:%d:%d", FILE_NAME, (int)value->mark.line, (int)value->mark.column);
    if (is_among(key, paths))
        *ret = dr_path_join(a, h->path, *ret);
    return DR_OK;
}

static int32_t from_entry(struct dr_arena *a, const struct dr_home *h, const struct dr_node *entry,
                          struct dr_connection *ret, struct dr_err *err)
{
    const char *uri = NULL;
    ret->postgresql = dr_streq(dr_node_str(dr_node_get(entry, "type"), ""), "postgresql");
    for (int32_t i = 0; i < entry->n; i++) {
        const char *key = dr_node_key(entry, i), *value;
        if (dr_streq(key, "type"))
            continue;
        DR_TRY(setting(a, h, key, entry->items[i], &value, err));
        if (dr_streq(key, "path"))
            ret->path = dr_path_join(a, h->path, value);
        else if (dr_streq(key, "uri"))
            uri = value;
        else
            add_setting(a, ret, key, value);
    }
    if (uri)
        DR_TRY(from_uri(a, h, uri, ret, err));
    if (uri && ret->path)
        return dr_fail(err, DR_EDEF, "%s: a URI that begins with postgresql:// was expected", ret->from);
    return DR_OK;
}

static int32_t fail_absent(struct dr_arena *a, const struct dr_home *h, const char *name, struct dr_err *err)
{
    const char *const *names;
    size_t n;
    DR_TRY(dr_connection_names(a, h, &names, &n, err));
    const char *near = dr_nearest(name, names, n);
    if (near)
        return dr_fail(err, DR_EDEF, "no connection '%s'; did you mean '%s'?", name, near);
    return dr_fail(err, DR_EDEF, "no connection '%s': it is neither in " FILE_NAME " nor is %s set", name,
                   variable_of(a, name));
}

int32_t dr_connection_find(struct dr_arena *a, const struct dr_home *h, const char *name,
                           struct dr_connection *ret, struct dr_err *err)
{
    struct dr_connection c = { .name = dr_arena_strdup(a, name) };
    if (!dr_name_ok(name))
        return dr_fail(err, DR_EDEF, "'%s' cannot be the name of a connection", name);
    const char *variable = variable_of(a, name), *uri = getenv(variable);
    struct dr_diags d = { .arena = a };
    const struct dr_node *all = load_file(a, h, &d), *entry = dr_node_get(all, name);
    if (uri && *uri) {
        c.from = variable;
        DR_TRY(from_uri(a, h, uri, &c, err));
    } else if (d.errors || (entry && !check_entry(a, name, entry, &d))) {
        return dr_diags_fail(&d, err);
    } else if (entry) {
        c.from = dr_arena_printf(a, "%s:%d:%d", FILE_NAME, (int)entry->mark.line, (int)entry->mark.column);
        DR_TRY(from_entry(a, h, entry, &c, err));
    } else if (dr_streq(name, "warehouse")) {
        c.from = "the default";
        c.path = h->warehouse;
    } else {
        return fail_absent(a, h, name, err);
    }
    *ret = c;
    return DR_OK;
}

/* ---- listing ------------------------------------------------------------------------ */

void dr_connections_check(struct dr_arena *a, const struct dr_home *h, struct dr_diags *d)
{
    const struct dr_node *all = load_file(a, h, d);
    for (int32_t i = 0; i < dr_node_size(all); i++)
        (void)check_entry(a, dr_node_key(all, i), all->items[i], d);
}

static int compare_names(const void *pa, const void *pb)
{
    return strcmp(*(const char *const *)pa, *(const char *const *)pb);
}

int32_t dr_connection_names(struct dr_arena *a, const struct dr_home *h, const char *const **ret,
                            size_t *ret_n, struct dr_err *err)
{
    struct dr_diags d = { .arena = a };
    const struct dr_node *all = load_file(a, h, &d);
    if (d.errors)
        return dr_diags_fail(&d, err);
    const char **names = dr_arena_array(a, (size_t)dr_node_size(all) + 1, sizeof *names);
    size_t n = 0;
    for (int32_t i = 0; i < dr_node_size(all); i++)
        names[n++] = dr_node_key(all, i);
    if (dr_node_index(all, "warehouse") < 0)
        names[n++] = "warehouse";
    qsort(names, n, sizeof *names, compare_names);
    *ret = names;
    *ret_n = n;
    return DR_OK;
}
