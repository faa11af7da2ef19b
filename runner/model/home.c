/* home.c - finding a dagrun home and what is in it. */
#include "model/home.h"
#include "base/file.h"
#include <limits.h>
#include <unistd.h>

/* ---- finding it ---------------------------------------------------------------- */

static bool has_dags(const char *dir)
{
    struct dr_arena a = { 0 };
    bool is = dr_path_is_dir(dr_path_join(&a, dir, "dags"));
    dr_arena_done(&a);
    return is;
}

/* The folder that `named` (by --home or DAGRUN_HOME) is, absolute. */
static int32_t named_home(struct dr_arena *a, const char *named, const char *by, const char **ret,
                          struct dr_err *err)
{
    DR_AUTO_FREE char *path = realpath(named, NULL);
    if (!path || !dr_path_is_dir(path))
        return dr_fail(err, DR_ENOTFOUND,
                       "%s names '%s', which is not a folder; make a home there with "
                       "'dagrun init %s'",
                       by, named, named);
    if (!has_dags(path))
        return dr_fail(err, DR_ENOTFOUND,
                       "%s names '%s', which is no dagrun home: it has no folder 'dags'; "
                       "make one with 'dagrun init %s'",
                       by, path, named);
    *ret = dr_arena_strdup(a, path);
    return DR_OK;
}

/* The nearest folder with dags/, from the working folder upwards. */
static int32_t nearest_home(struct dr_arena *a, const char **ret, struct dr_err *err)
{
    DR_AUTO_FREE char *cwd = getcwd(NULL, 0);
    if (!cwd)
        return dr_fail_sys(err, "cannot tell the working folder");
    char *dir = dr_arena_strdup(a, cwd);
    while (!has_dags(dir)) {
        char *slash = strrchr(dir, '/');
        if (!slash || dr_streq(dir, "/"))
            return dr_fail(err, DR_ENOTFOUND,
                           "no dagrun home: neither '%s' nor a folder above it has a folder "
                           "'dags'; go to one, name it with --home or DAGRUN_HOME, or make one with "
                           "'dagrun init DIR'",
                           cwd);
        slash[slash == dir ? 1 : 0] = '\0';
    }
    *ret = dir;
    return DR_OK;
}

/* The folder of the running program, or NULL. */
static const char *program_dir(struct dr_arena *a)
{
    DR_AUTO_FREE char *exe = realpath("/proc/self/exe", NULL);
    char *slash = exe ? strrchr(exe, '/') : NULL;
    return slash ? dr_arena_dup(a, exe, (size_t)(slash - exe)) : NULL;
}

static void add_plugin_dir(struct dr_home *h, const char *dir)
{
    size_t n = 0;
    while (h->plugin_dirs[n]) {
        if (dr_streq(h->plugin_dirs[n], dir))
            return;
        n++;
    }
    h->plugin_dirs[n] = dir;
}

/* The home's own, those built beside the program (a checkout's build/), and
 * those that 'make install' puts under PREFIX/lib. */
static void set_plugin_dirs(struct dr_arena *a, struct dr_home *h)
{
    add_plugin_dir(h, dr_path_join(a, h->path, "build/tasks"));
    const char *bin = program_dir(a);
    if (!bin)
        return;
    add_plugin_dir(h, dr_path_join(a, bin, "tasks"));
    const char *slash = strrchr(bin, '/');
    const char *prefix = dr_arena_dup(a, bin, slash ? (size_t)(slash - bin) : 0);
    add_plugin_dir(h, dr_arena_printf(a, "%s/lib/dagrun/tasks", prefix));
}

int32_t dr_home_find(struct dr_arena *a, const char *given, struct dr_home *ret, struct dr_err *err)
{
    const char *env = getenv("DAGRUN_HOME");
    const char *path = NULL;
    if (given)
        DR_TRY(named_home(a, given, "--home", &path, err));
    else if (env && *env)
        DR_TRY(named_home(a, env, "DAGRUN_HOME", &path, err));
    else
        DR_TRY(nearest_home(a, &path, err));
    struct dr_home h = { .path = path };
    h.dags = dr_path_join(a, path, "dags");
    h.expectations = dr_path_join(a, path, "expectations");
    h.tasks = dr_path_join(a, path, "tasks");
    h.reports = dr_path_join(a, path, "reports");
    h.var = dr_path_join(a, path, "var");
    h.db = dr_path_join(a, h.var, "dagrun.db");
    h.warehouse = dr_path_join(a, h.var, "warehouse.db");
    set_plugin_dirs(a, &h);
    *ret = h;
    return DR_OK;
}

const char *dr_home_show(struct dr_arena *a, const struct dr_home *h, const char *path)
{
    size_t n = strlen(h->path);
    while (n > 0 && h->path[n - 1] == '/')
        n--;
    bool inside = strncmp(path, h->path, n) == 0 && path[n] == '/' && path[n + 1] != '\0';
    return dr_arena_strdup(a, inside ? path + n + 1 : path);
}

/* ---- plugins --------------------------------------------------------------------- */

int32_t dr_home_plugin(struct dr_arena *a, const struct dr_home *h, const char *name, const char **ret,
                       struct dr_err *err)
{
    if (!dr_name_ok(name))
        return dr_fail(err, DR_EDEF, "'%s' cannot be a plugin's name", name);
    DR_AUTO_BUF tried = { 0 };
    for (size_t i = 0; h->plugin_dirs[i]; i++) {
        const char *path = dr_arena_printf(a, "%s/%s.so", h->plugin_dirs[i], name);
        if (dr_path_exists(path)) {
            *ret = path;
            return DR_OK;
        }
        dr_buf_printf(&tried, "%s%s", i ? ", " : "", h->plugin_dirs[i]);
    }
    return dr_fail(err, DR_ENOTFOUND, "no plugin '%s': %s.so is in none of %s", name, name,
                   dr_buf_cstr(&tried));
}

/* ---- listing ----------------------------------------------------------------------- */

struct names {
    const char **items; /* in the arena */
    size_t n, cap;
};

static void add_name(struct dr_arena *a, struct names *names, const char *name)
{
    if (names->n == names->cap) {
        size_t cap = names->cap ? names->cap * 2 : 16;
        const char **items = dr_arena_array(a, cap, sizeof(*items));
        if (names->n > 0)
            memcpy(items, names->items, names->n * sizeof(*items));
        names->items = items;
        names->cap = cap;
    }
    names->items[names->n++] = name;
}

/* Add the names of dir's files that end in suffix, without it; a folder that
 * is not there has none. */
static int32_t add_files(struct dr_arena *a, const char *dir, const char *suffix, struct names *names,
                         struct dr_err *err)
{
    if (!dr_path_exists(dir))
        return DR_OK;
    char **files;
    size_t n;
    DR_TRY(dr_list_dir(a, dir, suffix, &files, &n, err));
    for (size_t i = 0; i < n; i++) {
        size_t length = strlen(files[i]) - strlen(suffix);
        if (files[i][0] != '.' && length > 0)
            add_name(a, names, dr_arena_dup(a, files[i], length));
    }
    return DR_OK;
}

static int compare_names(const void *pa, const void *pb)
{
    return strcmp(*(const char *const *)pa, *(const char *const *)pb);
}

static void give_sorted(struct dr_arena *a, struct names *names, char ***ret, size_t *ret_n)
{
    if (names->n > 0)
        qsort(names->items, names->n, sizeof(*names->items), compare_names);
    char **items = dr_arena_array(a, names->n + 1, sizeof(*items));
    size_t n = 0;
    for (size_t i = 0; i < names->n; i++)
        if (n == 0 || !dr_streq(items[n - 1], names->items[i]))
            items[n++] = dr_arena_strdup(a, names->items[i]);
    *ret = items;
    *ret_n = n;
}

int32_t dr_home_plugins(struct dr_arena *a, const struct dr_home *h, char ***ret, size_t *ret_n,
                        struct dr_err *err)
{
    struct names names = { 0 };
    for (size_t i = 0; h->plugin_dirs[i]; i++)
        DR_TRY(add_files(a, h->plugin_dirs[i], ".so", &names, err));
    give_sorted(a, &names, ret, ret_n);
    return DR_OK;
}

static int32_t list_definitions(struct dr_arena *a, const char *dir, char ***ret, size_t *ret_n,
                                struct dr_err *err)
{
    struct names names = { 0 };
    DR_TRY(add_files(a, dir, ".yaml", &names, err));
    DR_TRY(add_files(a, dir, ".yml", &names, err));
    give_sorted(a, &names, ret, ret_n);
    return DR_OK;
}

int32_t dr_home_dags(struct dr_arena *a, const struct dr_home *h, char ***ret, size_t *ret_n,
                     struct dr_err *err)
{
    return list_definitions(a, h->dags, ret, ret_n, err);
}

int32_t dr_home_suites(struct dr_arena *a, const struct dr_home *h, char ***ret, size_t *ret_n,
                       struct dr_err *err)
{
    return list_definitions(a, h->expectations, ret, ret_n, err);
}
