/* settings.c - the maps below the parameters of the extract plugin.
 *
 * The declaration of a plugin's parameters does not say what is inside a map. So each map
 * is held against a list of its keys here, and each value is checked where it is
 * read, with file, line and column in the message: in a run, and of some maps already by
 * `dagrun check`. */
#include "extract.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SECRET_MAX = 16384 };

char *text_of_args(const char *fmt, va_list ap)
{
    char *text = NULL;
    if (vasprintf(&text, fmt, ap) < 0)
        abort(); /* out of memory, as everywhere in dagrun */
    return text;
}

char *text_of(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = text_of_args(fmt, ap);
    va_end(ap);
    return text;
}

char *home_path(struct dr_task *t, const char *path)
{
    return path[0] == '/' ? text_of("%s", path) : text_of("%s/%s", dr_task_info(t)->home, path);
}

int32_t settings_refuse(const struct settings *s, const char *key, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = text_of_args(fmt, ap);
    va_end(ap);
    const struct dr_node *at = key ? dr_node_get(s->map, key) : NULL;
    int32_t rc =
        dr_task_problem(s->t, at ? at : s->map, "%s%s%s: %s", s->what, key ? "." : "", key ? key : "", text);
    free(text);
    return rc;
}

bool is_in_list(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = list; p; p = strchr(p, '|')) {
        p += *p == '|';
        if (strncmp(p, word, n) == 0 && (p[n] == '|' || p[n] == 0))
            return true;
    }
    return false;
}

static int32_t check_keys(const struct settings *s, const char *known)
{
    if (s->map && dr_node_kind(s->map) != DR_NODE_NULL && dr_node_kind(s->map) != DR_NODE_MAP)
        return settings_refuse(s, NULL, "must be a map of: %s", known);
    for (int64_t i = 0; known && i < dr_node_size(s->map); i++)
        if (!is_in_list(known, dr_node_key(s->map, i)))
            return settings_refuse(s, dr_node_key(s->map, i), "unknown key; known are: %s", known);
    return 0;
}

int32_t settings_of_task(struct dr_task *t, const char *key, const char *known, struct settings *ret)
{
    *ret = (struct settings){ t, dr_task_param(t, key), key };
    return check_keys(ret, known);
}

int32_t settings_below(const struct settings *in, const char *key, const char *known, struct settings *ret)
{
    *ret = (struct settings){ in->t, dr_node_get(in->map, key), text_of("%s.%s", in->what, key) };
    return check_keys(ret, known);
}

bool settings_has(const struct settings *s, const char *key)
{
    return dr_node_kind(dr_node_get(s->map, key)) != DR_NODE_NULL;
}

int32_t settings_text(const struct settings *s, const char *key, const char *otherwise, const char **ret)
{
    if (!settings_has(s, key)) {
        if (otherwise == REQUIRED_TEXT)
            return settings_refuse(s, NULL, "'%s' is missing", key);
        *ret = otherwise;
        return 0;
    }
    const char *text = dr_node_str(dr_node_get(s->map, key), NULL);
    if (!text || !text[0])
        return settings_refuse(s, key, "must be a text that is not empty");
    *ret = text;
    return 0;
}

int32_t settings_count(const struct settings *s, const char *key, int64_t low, int64_t high,
                       int64_t otherwise, int64_t *ret)
{
    const struct dr_node *n = dr_node_get(s->map, key);
    int64_t v = dr_node_int(n, otherwise);
    if (settings_has(s, key) && (dr_node_kind(n) != DR_NODE_INT || v < low || v > high))
        return settings_refuse(s, key, "must be a whole number from %lld to %lld", (long long)low,
                               (long long)high);
    *ret = v;
    return 0;
}

int32_t settings_share(const struct settings *s, const char *key, double low, double high, double otherwise,
                       double *ret)
{
    const struct dr_node *n = dr_node_get(s->map, key);
    double v = dr_node_float(n, otherwise);
    bool number = dr_node_kind(n) == DR_NODE_FLOAT || dr_node_kind(n) == DR_NODE_INT;
    if (settings_has(s, key) && (!number || !(v >= low && v <= high)))
        return settings_refuse(s, key, "must be a number from %g to %g", low, high);
    *ret = v;
    return 0;
}

struct unit {
    const char *name;
    int64_t worth;
};

/* "1h30m": numbers, each with its unit. -1 where it is something else. */
static int64_t sum_of_units(const char *text, const struct unit *units)
{
    int64_t sum = 0;
    if (!*text)
        return -1;
    while (*text) {
        char *end;
        errno = 0;
        long long v = isdigit((unsigned char)*text) ? strtoll(text, &end, 10) : -1;
        const struct unit *found = NULL;
        if (v < 0 || errno)
            return -1;
        for (const struct unit *u = units; u->name; u++) /* "ms" stands before "m" */
            if (!found && strncmp(end, u->name, strlen(u->name)) == 0)
                found = u;
        if (!found || v > INT64_MAX / 4 / found->worth || sum > INT64_MAX / 4)
            return -1;
        sum += v * found->worth;
        text = end + strlen(found->name);
    }
    return sum;
}

int32_t settings_ms(const struct settings *s, const char *key, int64_t otherwise, int64_t *ret)
{
    static const struct unit units[] = { { "ms", 1 },      { "s", 1000 },     { "m", 60000 },
                                         { "h", 3600000 }, { "d", 86400000 }, { NULL, 0 } };
    int64_t ms = otherwise;
    if (settings_has(s, key))
        ms = sum_of_units(dr_node_str(dr_node_get(s->map, key), ""), units);
    if (ms < 0)
        return settings_refuse(s, key, "must be a time with its unit, such as 500ms, 30s or 1h30m");
    *ret = ms;
    return 0;
}

int32_t settings_bytes(const struct settings *s, const char *key, int64_t otherwise, int64_t *ret)
{
    static const struct unit units[] = { { "K", 1 << 10 }, { "M", 1 << 20 }, { "G", 1 << 30 }, { NULL, 0 } };
    int64_t bytes = otherwise;
    if (settings_has(s, key))
        bytes = sum_of_units(dr_node_str(dr_node_get(s->map, key), ""), units);
    if (bytes <= 0)
        return settings_refuse(s, key, "must be a size with its unit, such as 64K, 32M or 1G");
    *ret = bytes;
    return 0;
}

/* ---- secrets ---- */

static int32_t secret_of_file(const struct settings *s, const char *key, const char *path, const char **ret)
{
    static char text[SECRET_MAX];
    int fd = open(home_path(s->t, path), O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    int saved = errno;
    if (fd >= 0)
        close(fd);
    if (n < 0)
        return settings_refuse(s, key, "cannot read '%s': %s", path, strerror(saved));
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        n--;
    text[n] = 0;
    if (n == 0 || strlen(text) != (size_t)n || strpbrk(text, "\r\n"))
        return settings_refuse(s, key, "'%s' must hold one line of text, the secret", path);
    *ret = text_of("%s", text);
    return 0;
}

static int32_t secret_of_variable(const struct settings *s, const char *key, const char *name,
                                  const char **ret)
{
    const char *value = getenv(name);
    if (!value || !value[0])
        return settings_refuse(s, key, "the environment variable %s is not set", name);
    if (strpbrk(value, "\r\n"))
        return settings_refuse(s, key, "the environment variable %s holds more than one line", name);
    *ret = value;
    return 0;
}

int32_t settings_secret(const struct settings *s, const char *name, const char **ret)
{
    char *by_env = text_of("%s_env", name), *by_file = text_of("%s_file", name);
    const char *where;
    if (settings_has(s, by_env) == settings_has(s, by_file))
        return settings_refuse(s, NULL, "give %s (an environment variable) or %s (a file)", by_env, by_file);
    const char *key = settings_has(s, by_env) ? by_env : by_file;
    DR_TRY(settings_text(s, key, REQUIRED_TEXT, &where));
    return key == by_env ? secret_of_variable(s, key, where, ret) : secret_of_file(s, key, where, ret);
}
