/* plugin_open.c - dlopen and the rules of the ABI.
 *
 * abi is read first and size second, and nothing else before both are right: a
 * plugin built against another header may be shorter than we think. Sizes may
 * only grow, so an older program refuses a plugin that is longer than it knows,
 * and this one knows the lengths of older ones. */
#include "exec/plugin_open.h"
#include "base/file.h"
#include <dlfcn.h>

enum {
    ENTRIES_MAX = 1000,
    SIZE_WITHOUT_CHECK = offsetof(struct dr_plugin, check) /* before 2026-11-21 */
};

static int32_t check_abi(const struct dr_plugin *p, const char *path, struct dr_err *err)
{
    if (p->abi != DR_ABI)
        return dr_fail(err, DR_EPLUGIN,
                       "'%s' was built for plugin ABI %u, this program has %u: build it again", path, p->abi,
                       DR_ABI);
    if (p->size != sizeof(*p) && p->size != SIZE_WITHOUT_CHECK)
        return dr_fail(err, DR_EPLUGIN,
                       "'%s': its struct dr_plugin has %u bytes, this program's has %zu: build it again",
                       path, p->size, sizeof(*p));
    if (p->param_size != sizeof(struct dr_param) || p->port_size != sizeof(struct dr_port))
        return dr_fail(err, DR_EPLUGIN,
                       "'%s': its parameters and ports have %u and %u bytes, this program's have %zu and %zu",
                       path, p->param_size, p->port_size, sizeof(struct dr_param), sizeof(struct dr_port));
    return DR_OK;
}

static int32_t check_declaration(const struct dr_plugin *p, const char *path, const char *name,
                                 struct dr_err *err)
{
    if (!p->run)
        return dr_fail(err, DR_EPLUGIN, "'%s' declares no run function", path);
    if (!p->name || !dr_name_ok(p->name))
        return dr_fail(err, DR_EPLUGIN, "'%s' declares no usable name", path);
    if (!dr_streq(p->name, name))
        return dr_fail(err, DR_EPLUGIN, "'%s' declares the name '%s': file and name must agree", path,
                       p->name);
    return DR_OK;
}

int32_t dr_plugin_open(const char *path, const char *name, const struct dr_plugin **ret, struct dr_err *err)
{
    void *so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!so)
        return dr_fail(err, DR_EPLUGIN, "cannot load: %s", dlerror());
    void *symbol = dlsym(so, "dr_plugin_main");
    if (!symbol)
        return dr_fail(err, DR_EPLUGIN, "'%s' is no dagrun plugin: it does not end in DR_PLUGIN(...)", path);
    const struct dr_plugin *(*entry)(void);
    memcpy(&entry, &symbol, sizeof(entry)); /* ISO C has no cast from data to function */
    const struct dr_plugin *p = entry();
    if (!p)
        return dr_fail(err, DR_EPLUGIN, "'%s': dr_plugin_main gave nothing", path);
    DR_TRY(check_abi(p, path, err));
    DR_TRY(check_declaration(p, path, name, err));
    *ret = p;
    return DR_OK;
}

/* ---- expectations ---- */

static int32_t check_row_check(const struct dr_row_check *c, const char *path, const char *name,
                               struct dr_err *err)
{
    if (!c || c->abi != DR_ABI || c->size != sizeof *c)
        return dr_fail(err, DR_EPLUGIN, "'%s' was built for another version of dagrun: build it again", path);
    if (!c->rows || !dr_streq(c->name, name))
        return dr_fail(err, DR_EPLUGIN,
                       "'%s' declares the name '%s': file and name must agree, and rows must be given", path,
                       c->name ? c->name : "");
    return DR_OK;
}

int32_t dr_row_check_open(const char *folder, const char *name, const struct dr_row_check **ret,
                          struct dr_err *err)
{
    DR_AUTO_ARENA a = { 0 };
    const struct dr_row_check *(*entry)(void);
    if (!dr_name_ok(name))
        return dr_fail(err, DR_EPLUGIN, "'%s' cannot be the name of a plugin", name);
    const char *path = dr_path_join(&a, folder, dr_arena_printf(&a, "%s.so", name));
    if (!dr_path_exists(path))
        return dr_fail(err, DR_ENOTFOUND, "there is no plugin '%s': %s is not there", name, path);
    void *so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!so)
        return dr_fail(err, DR_EPLUGIN, "cannot load: %s", dlerror());
    void *symbol = dlsym(so, "dr_row_check_main");
    if (!symbol)
        return dr_fail(err, DR_EPLUGIN, "'%s' is no expectation: it does not end in DR_ROW_CHECK(...)", path);
    memcpy(&entry, &symbol, sizeof entry);
    const struct dr_row_check *c = entry();
    DR_TRY(check_row_check(c, path, name, err));
    *ret = c;
    return DR_OK;
}

/* ---- parts of a declaration ---- */

dr_plugin_check_fn *dr_plugin_check(const struct dr_plugin *p)
{
    return p->size > SIZE_WITHOUT_CHECK ? p->check : NULL;
}

const struct dr_param *dr_plugin_param(const struct dr_plugin *p, int32_t i)
{
    const char *at = (const char *)p->params + (size_t)i * p->param_size;
    return (const struct dr_param *)(const void *)at;
}

const struct dr_port *dr_plugin_port(const struct dr_plugin *p, const struct dr_port *ports, int32_t i)
{
    const char *at = (const char *)ports + (size_t)i * p->port_size;
    return (const struct dr_port *)(const void *)at;
}

static int32_t too_many(const char *what, struct dr_err *err)
{
    return dr_fail(err, DR_EPLUGIN, "more than %d %s: does the array end in an entry without a name?",
                   ENTRIES_MAX, what);
}

int32_t dr_plugin_count_params(const struct dr_plugin *p, int32_t *ret, struct dr_err *err)
{
    int32_t n = 0;
    while (p->params && dr_plugin_param(p, n)->name)
        if (++n > ENTRIES_MAX)
            return too_many("parameters", err);
    *ret = n;
    return DR_OK;
}

int32_t dr_plugin_count_ports(const struct dr_plugin *p, const struct dr_port *ports, int32_t *ret,
                              struct dr_err *err)
{
    int32_t n = 0;
    while (ports && dr_plugin_port(p, ports, n)->name)
        if (++n > ENTRIES_MAX)
            return too_many("ports", err);
    *ret = n;
    return DR_OK;
}
