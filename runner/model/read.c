/* read.c - typed values out of YAML maps. */
#include "model/read.h"
#include "base/date.h"
#include "base/num.h"

static size_t count_words(const char *const *words)
{
    size_t n = 0;
    while (words[n])
        n++;
    return n;
}

const char *dr_kind_text(const struct dr_node *n)
{
    static const char *const texts[] = { "nothing", "true or false", "a whole number", "a number",
                                         "text",    "a list",        "a map" };
    return texts[dr_node_kind(n)];
}

static const char *list_words(struct dr_arena *a, const char *before, const char *const *words)
{
    DR_AUTO_BUF b = { 0 };
    dr_buf_puts(&b, before);
    for (size_t i = 0; words[i]; i++)
        dr_buf_printf(&b, "%s%s", i ? ", " : "", words[i]);
    return dr_arena_dup(a, dr_buf_cstr(&b), b.n);
}

/* ---- keys ---------------------------------------------------------------------- */

static bool is_known(const char *key, const char *const *known)
{
    for (; *known; known++)
        if (dr_streq(key, *known))
            return true;
    return false;
}

static const char *hint_for_key(struct dr_reader *r, const char *key, const char *const *known,
                                const struct dr_alias *aliases)
{
    if (r->d->n >= DR_DIAG_MAX)
        return NULL;
    for (; aliases && aliases->written; aliases++)
        if (dr_streq(key, aliases->written))
            return dr_arena_printf(r->a, "did you mean '%s'?", aliases->meant);
    const char *near = dr_diag_nearest(r->d, key, known, count_words(known));
    return near ? near : list_words(r->a, "known keys: ", known);
}

void dr_read_keys(struct dr_reader *r, const struct dr_node *map, const char *what, const char *const *known,
                  const struct dr_alias *aliases)
{
    for (int32_t i = 0; i < dr_node_size(map); i++) {
        const char *key = dr_node_key(map, i);
        if (key && !is_known(key, known))
            dr_diag_add(r->d, DR_DIAG_ERROR, map->key_marks[i], hint_for_key(r, key, known, aliases),
                        "unknown key '%s' in %s", key, what);
    }
}

/* ---- values -------------------------------------------------------------------- */

static const struct dr_node *present(const struct dr_node *map, const char *key)
{
    const struct dr_node *n = dr_node_get(map, key);
    return dr_node_kind(n) == DR_NODE_NULL ? NULL : n;
}

static void add_wrong(struct dr_reader *r, const struct dr_node *n, const char *key, const char *expected)
{
    if (n->kind == DR_NODE_LIST || n->kind == DR_NODE_MAP)
        dr_diag_add(r->d, DR_DIAG_ERROR, n->mark, NULL, "'%s' must be %s, not %s", key, expected,
                    dr_kind_text(n));
    else
        dr_diag_add(r->d, DR_DIAG_ERROR, n->mark, NULL, "'%s' must be %s, not '%.80s'", key, expected,
                    n->text.p);
}

const struct dr_node *dr_read_kind(struct dr_reader *r, const struct dr_node *map, const char *key,
                                   int32_t kind, const char *expected)
{
    const struct dr_node *n = present(map, key);
    if (!n || n->kind == kind)
        return n;
    add_wrong(r, n, key, expected);
    return NULL;
}

const char *dr_read_text(struct dr_reader *r, const struct dr_node *map, const char *key,
                         const char *otherwise)
{
    const struct dr_node *n = present(map, key);
    if (!n)
        return otherwise;
    const char *text = dr_node_str(n, NULL);
    if (!text)
        add_wrong(r, n, key, "text");
    return text ? text : otherwise;
}

bool dr_read_bool(struct dr_reader *r, const struct dr_node *map, const char *key, bool otherwise)
{
    const struct dr_node *n = present(map, key);
    if (!n)
        return otherwise;
    if (n->kind != DR_NODE_BOOL)
        add_wrong(r, n, key, "true or false");
    return dr_node_bool(n, otherwise);
}

int32_t dr_read_int(struct dr_reader *r, const struct dr_node *map, const char *key, int32_t lowest,
                    int32_t highest, int32_t otherwise)
{
    const struct dr_node *n = present(map, key);
    if (!n)
        return otherwise;
    if (n->kind == DR_NODE_INT && n->i >= lowest && n->i <= highest)
        return (int32_t)n->i;
    add_wrong(r, n, key, dr_arena_printf(r->a, "a whole number from %d to %d", (int)lowest, (int)highest));
    return otherwise;
}

int64_t dr_read_duration(struct dr_reader *r, const struct dr_node *map, const char *key, int64_t otherwise)
{
    static const int64_t longest = 366 * DR_US_PER_DAY;
    const struct dr_node *n = present(map, key);
    if (!n)
        return otherwise;
    int64_t us;
    bool scalar = n->kind == DR_NODE_STRING || n->kind == DR_NODE_INT;
    if (scalar && dr_parse_duration(n->text, &us) && us >= 0 && us <= longest)
        return us;
    if (n->kind == DR_NODE_INT)
        dr_diag_add(r->d, DR_DIAG_ERROR, n->mark, dr_arena_printf(r->a, "write %ss for seconds", n->text.p),
                    "'%s' needs a unit: d, h, m, s or ms", key);
    else
        add_wrong(r, n, key, "a time such as 30s, 15m or 1h30m, of at most 366d");
    return otherwise;
}

int64_t dr_read_size(struct dr_reader *r, const struct dr_node *map, const char *key, int64_t otherwise)
{
    const struct dr_node *n = present(map, key);
    if (!n)
        return otherwise;
    uint64_t bytes;
    bool scalar = n->kind == DR_NODE_STRING || n->kind == DR_NODE_INT;
    if (scalar && dr_parse_size(n->text, &bytes) && bytes <= INT64_MAX)
        return (int64_t)bytes;
    add_wrong(r, n, key, "a size such as 512M or 2G");
    return otherwise;
}

int32_t dr_read_choice(struct dr_reader *r, const struct dr_node *map, const char *key,
                       const char *const *names, int32_t otherwise)
{
    const struct dr_node *n = present(map, key);
    if (!n)
        return otherwise;
    const char *text = dr_node_str(n, "");
    for (int32_t i = 0; names[i]; i++)
        if (dr_streq(text, names[i]))
            return i;
    const char *near = dr_diag_nearest(r->d, text, names, count_words(names));
    dr_diag_add(r->d, DR_DIAG_ERROR, n->mark, near, "'%s' must be %s, not '%.80s'", key,
                list_words(r->a, "one of ", names), *text ? text : dr_kind_text(n));
    return otherwise;
}

const char *const *dr_texts_of(struct dr_reader *r, const struct dr_node *n, const char *name, int32_t *ret_n)
{
    bool list = n->kind == DR_NODE_LIST;
    int32_t size = list ? n->n : 1;
    const char **texts = dr_arena_array(r->a, (size_t)size + 1, sizeof(*texts));
    int32_t done = 0;
    for (int32_t i = 0; i < size; i++) {
        const struct dr_node *item = list ? n->items[i] : n;
        const char *text = dr_node_str(item, NULL);
        if (text)
            texts[done++] = text;
        else
            add_wrong(r, item, name, list ? "a list of texts" : "text or a list of texts");
    }
    *ret_n = done;
    return texts;
}

const char *const *dr_read_texts(struct dr_reader *r, const struct dr_node *map, const char *key,
                                 int32_t *ret_n)
{
    const struct dr_node *n = present(map, key);
    *ret_n = 0;
    return n ? dr_texts_of(r, n, key, ret_n) : NULL;
}
