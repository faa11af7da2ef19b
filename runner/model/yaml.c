/* yaml.c - YAML text to a value tree, over libyaml's events.
 *
 * The reader is a recursive descent over events, at most DR_YAML_MAX_DEPTH
 * deep. An alias does not copy: the tree shares the anchored node. Its nodes
 * are counted again at every use all the same, because whoever walks the tree
 * meets them again; that count is what stops an alias bomb.
 *
 * A duplicate key does not end the reading, a syntax error does. libyaml's
 * messages are put into words in yaml_problem.c. */
#include "model/yaml.h"
#include "model/yaml_problem.h"
#include "model/yaml_scalar.h"
#include "base/file.h"
#include "base/hash.h"
#include <yaml.h>

struct anchor {
    struct dr_node *node; /* NULL while its own node is still being read */
    int64_t size;         /* nodes in it, aliases expanded */
    int height;
};
struct reader {
    struct dr_arena *a;
    struct dr_diags *d;
    const char *file;
    struct dr_str text;
    yaml_parser_t parser;
    yaml_event_t event;         /* the current one; zeroed where there is none */
    struct dr_map anchor_index; /* name -> index into anchors */
    struct anchor *anchors;     /* in the arena */
    int32_t n_anchors;
    int64_t nodes; /* read so far, aliases expanded */
};

static struct dr_mark mark_of(const struct reader *r, yaml_mark_t m)
{
    return (struct dr_mark){ r->file, (int32_t)m.line + 1, (int32_t)m.column + 1 };
}

static struct dr_mark event_mark(const struct reader *r)
{
    return mark_of(r, r->event.start_mark);
}

/* ---- events -------------------------------------------------------------------- */

static void add_syntax_error(struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    bool bad_byte = p->error == YAML_READER_ERROR;
    struct dr_mark mark =
        bad_byte ? dr_yaml_mark_of_byte(r->file, r->text, p->problem_offset) : mark_of(r, p->problem_mark);
    struct dr_mark context = p->context ? mark_of(r, p->context_mark) : mark;
    dr_yaml_add_problem(r->d, r->text, mark, context, p->problem ? p->problem : "not YAML");
}

static bool next_event(struct reader *r)
{
    yaml_event_delete(&r->event);
    if (yaml_parser_parse(&r->parser, &r->event))
        return true;
    memset(&r->event, 0, sizeof(r->event));
    add_syntax_error(r);
    return false;
}

static struct dr_str copy_bytes(struct reader *r, const yaml_char_t *p, size_t n)
{
    return (struct dr_str){ dr_arena_dup(r->a, (const char *)p, n), n };
}

/* Count n more nodes; false, with the error recorded, past the limit. */
static bool count_nodes(struct reader *r, int64_t n, struct dr_mark mark)
{
    r->nodes += n;
    if (r->nodes <= DR_YAML_MAX_NODES)
        return true;
    dr_diag_add(r->d, DR_DIAG_ERROR, mark, "aliases (*name) count each time they are used",
                "more than %d values in one file", DR_YAML_MAX_NODES);
    return false;
}

static bool check_depth(struct reader *r, int depth, struct dr_mark mark)
{
    if (depth <= DR_YAML_MAX_DEPTH)
        return true;
    dr_diag_add(r->d, DR_DIAG_ERROR, mark, NULL, "lists and maps are nested more than %d deep",
                DR_YAML_MAX_DEPTH);
    return false;
}

/* ---- anchors -------------------------------------------------------------------- */

static void measure(const struct dr_node *n, int depth, struct anchor *ret)
{
    ret->size++;
    if (depth > ret->height)
        ret->height = depth;
    for (int32_t i = 0; i < n->n; i++)
        measure(n->items[i], depth + 1, ret);
}

/* The index for an anchor name, or -1 where the event has none. A name may be
 * defined again: the later one counts from there on. */
static int32_t open_anchor(struct reader *r, const yaml_char_t *name)
{
    if (!name)
        return -1;
    const char *text = (const char *)name;
    int64_t *at = dr_map_put(&r->anchor_index, dr_str_of(dr_arena_strdup(r->a, text)), NULL);
    int32_t n = r->n_anchors;
    if (n == 0 || (n >= 8 && (n & (n - 1)) == 0)) {
        struct anchor *larger = dr_arena_array(r->a, n ? (size_t)n * 2 : 8, sizeof(*larger));
        if (n > 0)
            memcpy(larger, r->anchors, (size_t)n * sizeof(*larger));
        r->anchors = larger;
    }
    r->anchors[n] = (struct anchor){ 0 };
    r->n_anchors++;
    *at = n;
    return n;
}

static void close_anchor(struct reader *r, int32_t anchor, struct dr_node *node)
{
    if (anchor < 0)
        return;
    measure(node, 0, &r->anchors[anchor]);
    r->anchors[anchor].node = node;
}

static struct dr_node *read_alias(struct reader *r, int depth)
{
    struct dr_mark mark = event_mark(r);
    const char *name = (const char *)r->event.data.alias.anchor;
    const int64_t *at = dr_map_get(&r->anchor_index, dr_str_of(name));
    if (!at) {
        dr_diag_add(r->d, DR_DIAG_ERROR, mark, "put text that starts with '*' in quotes",
                    "no anchor '&%s' before this alias", name);
        return NULL;
    }
    const struct anchor *anchor = &r->anchors[*at];
    if (!anchor->node) {
        dr_diag_add(r->d, DR_DIAG_ERROR, mark, NULL, "'*%s' contains itself", name);
        return NULL;
    }
    bool fits = count_nodes(r, anchor->size, mark) && check_depth(r, depth + anchor->height, mark);
    return fits ? anchor->node : NULL;
}

/* ---- scalars --------------------------------------------------------------------- */

static const char *tag_name(const char *tag)
{
    static const char prefix[] = "tag:yaml.org,2002:";
    bool core = strncmp(tag, prefix, sizeof(prefix) - 1) == 0;
    return core ? tag + sizeof(prefix) - 1 : tag;
}

/* What a tag asks for: a node kind, -1 where it asks for nothing, -2 unknown. */
static int32_t tag_kind(const yaml_char_t *tag)
{
    static const struct {
        const char *name;
        int32_t kind;
    } tags[] = {
        { "str", DR_NODE_STRING },  { "!", DR_NODE_STRING },  { "int", DR_NODE_INT },
        { "float", DR_NODE_FLOAT }, { "bool", DR_NODE_BOOL }, { "null", DR_NODE_NULL },
        { "seq", DR_NODE_LIST },    { "map", DR_NODE_MAP },
    };
    if (!tag)
        return -1;
    const char *name = tag_name((const char *)tag);
    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
        if (dr_streq(name, tags[i].name))
            return tags[i].kind;
    return -2;
}

static void add_bad_tag(struct reader *r, struct dr_mark mark, const yaml_char_t *tag)
{
    dr_diag_add(r->d, DR_DIAG_ERROR, mark, "tags are !!str !!int !!float !!bool !!null !!seq !!map",
                "the tag '%s' is unknown or does not fit its value", tag_name((const char *)tag));
}

static bool resolve(struct reader *r, struct dr_node *n)
{
    if (dr_yaml_resolve(n) == DR_YAML_OK)
        return true;
    dr_diag_add(r->d, DR_DIAG_ERROR, n->mark, "put it in quotes to keep it as text",
                "the number %.60s does not fit 64 bits", n->text.p);
    return false;
}

static struct dr_node *read_scalar(struct reader *r)
{
    struct dr_node *n = dr_node_new(r->a, DR_NODE_STRING);
    const yaml_char_t *tag = r->event.data.scalar.tag;
    int32_t wanted = tag_kind(tag);
    n->mark = event_mark(r);
    n->text = copy_bytes(r, r->event.data.scalar.value, r->event.data.scalar.length);
    n->quoted = r->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE || wanted == DR_NODE_STRING;
    if (memchr(n->text.p, '\0', n->text.n)) {
        dr_diag_add(r->d, DR_DIAG_ERROR, n->mark, NULL, "text with a NUL character");
        return NULL;
    }
    if ((!n->quoted || wanted >= 0) && wanted != DR_NODE_STRING && !resolve(r, n))
        return NULL;
    if (wanted == DR_NODE_FLOAT && n->kind == DR_NODE_INT)
        n->kind = DR_NODE_FLOAT;
    if (wanted == -2 || (wanted >= 0 && wanted != n->kind)) {
        add_bad_tag(r, n->mark, tag);
        return NULL;
    }
    return n;
}

/* ---- lists and maps ---------------------------------------------------------------- */

static struct dr_node *read_node(struct reader *r, int depth);

static bool check_collection_tag(struct reader *r, const yaml_char_t *tag, int32_t kind)
{
    int32_t wanted = tag_kind(tag);
    if (wanted == -1 || wanted == kind || (tag && dr_streq((const char *)tag, "!")))
        return true;
    add_bad_tag(r, event_mark(r), tag);
    return false;
}

static struct dr_node *read_list(struct reader *r, int depth)
{
    struct dr_mark mark = event_mark(r);
    if (!check_depth(r, depth + 1, mark) ||
        !check_collection_tag(r, r->event.data.sequence_start.tag, DR_NODE_LIST))
        return NULL;
    int32_t anchor = open_anchor(r, r->event.data.sequence_start.anchor);
    struct dr_node *list = dr_node_new(r->a, DR_NODE_LIST);
    list->mark = mark;
    for (;;) {
        if (!next_event(r))
            return NULL;
        if (r->event.type == YAML_SEQUENCE_END_EVENT)
            break;
        struct dr_node *item = read_node(r, depth + 1);
        if (!item)
            return NULL;
        dr_node_add(r->a, list, item);
    }
    close_anchor(r, anchor, list);
    return list;
}

/* A map being read: the node, and an index of its keys, so that a large map
 * stays cheap. */
struct open_map {
    struct dr_node *node;
    struct dr_map index;
    struct dr_node *merge; /* what "<<" names, or NULL */
    struct dr_mark merge_mark;
};

static void cleanup_open_map(struct open_map *m)
{
    dr_map_done(&m->index);
}

/* dr_node_set without its search. The arrays grow as node.c grows them. */
static void append_pair(struct reader *r, struct dr_node *map, struct dr_str key, struct dr_mark mark,
                        struct dr_node *value)
{
    int32_t n = map->n;
    if (n == 0 || (n >= 4 && (n & (n - 1)) == 0)) {
        size_t cap = n ? (size_t)n * 2 : 4;
        struct dr_str *keys = dr_arena_array(r->a, cap, sizeof(*keys));
        struct dr_mark *marks = dr_arena_array(r->a, cap, sizeof(*marks));
        if (n > 0) {
            memcpy(keys, map->keys, (size_t)n * sizeof(*keys));
            memcpy(marks, map->key_marks, (size_t)n * sizeof(*marks));
        }
        map->keys = keys;
        map->key_marks = marks;
    }
    map->keys[n] = key;
    map->key_marks[n] = mark;
    dr_node_add(r->a, map, value);
}

/* Append the pairs of `from` whose keys are new. */
static bool merge_one(struct reader *r, struct open_map *m, const struct dr_node *from)
{
    if (from->kind != DR_NODE_MAP) {
        dr_diag_add(r->d, DR_DIAG_ERROR, m->merge_mark, "write '<<: *anchor'",
                    "'<<' takes a map or a list of maps");
        return false;
    }
    for (int32_t i = 0; i < from->n; i++) {
        bool is_new;
        int64_t *at = dr_map_put(&m->index, from->keys[i], &is_new);
        if (!is_new)
            continue;
        *at = m->node->n;
        append_pair(r, m->node, from->keys[i], from->key_marks[i], from->items[i]);
    }
    return true;
}

static bool merge(struct reader *r, struct open_map *m)
{
    if (!m->merge)
        return true;
    if (m->merge->kind != DR_NODE_LIST)
        return merge_one(r, m, m->merge);
    for (int32_t i = 0; i < m->merge->n; i++)
        if (!merge_one(r, m, m->merge->items[i]))
            return false;
    return true;
}

/* The key that the current event is; false where it cannot be one. */
static bool read_key(struct reader *r, struct dr_str *ret, struct dr_mark *ret_mark, bool *ret_merge)
{
    *ret_mark = event_mark(r);
    if (r->event.type != YAML_SCALAR_EVENT) {
        dr_diag_add(r->d, DR_DIAG_ERROR, *ret_mark, "put text with braces, brackets or '*' in quotes",
                    "a key must be a word or quoted text");
        return false;
    }
    bool plain = r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    *ret = copy_bytes(r, r->event.data.scalar.value, r->event.data.scalar.length);
    *ret_merge = plain && dr_str_eq(*ret, DR_LIT("<<"));
    if (memchr(ret->p, '\0', ret->n)) {
        dr_diag_add(r->d, DR_DIAG_ERROR, *ret_mark, NULL, "a key with a NUL character");
        return false;
    }
    if (plain && ret->n == 0) {
        dr_diag_add(r->d, DR_DIAG_ERROR, *ret_mark, NULL, "expected a key before ':'");
        return false;
    }
    return true;
}

/* One pair, the current event being its key. */
static bool read_pair(struct reader *r, struct open_map *m, int depth)
{
    struct dr_str key;
    struct dr_mark mark;
    bool is_merge;
    if (!read_key(r, &key, &mark, &is_merge))
        return false;
    bool is_new;
    int64_t *at = dr_map_put(&m->index, key, &is_new);
    if (!is_new) {
        struct dr_mark first = is_merge ? m->merge_mark : m->node->key_marks[*at];
        dr_diag_add(r->d, DR_DIAG_ERROR, mark, "remove one of them",
                    "the key '%s' stands twice; first at line %d, column %d", key.p, (int)first.line,
                    (int)first.column);
    } else {
        *at = m->node->n;
    }
    if (!next_event(r))
        return false;
    struct dr_node *value = read_node(r, depth + 1);
    if (!value)
        return false;
    if (is_merge) {
        m->merge = value;
        m->merge_mark = mark;
    } else if (is_new) {
        append_pair(r, m->node, key, mark, value);
    }
    return true;
}

static struct dr_node *read_map(struct reader *r, int depth)
{
    struct dr_mark mark = event_mark(r);
    if (!check_depth(r, depth + 1, mark) ||
        !check_collection_tag(r, r->event.data.mapping_start.tag, DR_NODE_MAP))
        return NULL;
    int32_t anchor = open_anchor(r, r->event.data.mapping_start.anchor);
    __attribute__((cleanup(cleanup_open_map))) struct open_map m = { .node = dr_node_new(r->a, DR_NODE_MAP) };
    m.node->mark = mark;
    for (;;) {
        if (!next_event(r))
            return NULL;
        if (r->event.type == YAML_MAPPING_END_EVENT)
            break;
        if (!read_pair(r, &m, depth))
            return NULL;
    }
    if (!merge(r, &m))
        return NULL;
    close_anchor(r, anchor, m.node);
    return m.node;
}

static struct dr_node *read_anchored_scalar(struct reader *r)
{
    int32_t anchor = open_anchor(r, r->event.data.scalar.anchor);
    struct dr_node *n = read_scalar(r);
    if (n)
        close_anchor(r, anchor, n);
    return n;
}

/* The node that the current event starts; afterwards its last event is the
 * current one. NULL after an error that ends the reading. */
static struct dr_node *read_node(struct reader *r, int depth)
{
    if (r->event.type == YAML_ALIAS_EVENT)
        return read_alias(r, depth);
    if (!count_nodes(r, 1, event_mark(r)))
        return NULL;
    switch (r->event.type) {
    case YAML_SCALAR_EVENT:
        return read_anchored_scalar(r);
    case YAML_SEQUENCE_START_EVENT:
        return read_list(r, depth);
    case YAML_MAPPING_START_EVENT:
        return read_map(r, depth);
    default:
        dr_diag_add(r->d, DR_DIAG_ERROR, event_mark(r), NULL, "expected a value here");
        return NULL;
    }
}

/* ---- the document ------------------------------------------------------------------ */

static struct dr_node *read_document(struct reader *r)
{
    if (!next_event(r) || !next_event(r)) /* the stream's start, then a document's start or the end */
        return NULL;
    if (r->event.type == YAML_STREAM_END_EVENT) {
        struct dr_node *empty = dr_node_new(r->a, DR_NODE_NULL);
        empty->mark = (struct dr_mark){ r->file, 1, 1 };
        return empty;
    }
    if (!next_event(r))
        return NULL;
    struct dr_node *root = read_node(r, 0);
    if (!root || !next_event(r) || !next_event(r)) /* the document's end, then the stream's */
        return NULL;
    if (r->event.type != YAML_STREAM_END_EVENT) {
        dr_diag_add(r->d, DR_DIAG_ERROR, event_mark(r), "put each into a file of its own",
                    "a second document ('---') starts here; a file holds one");
        return NULL;
    }
    return root;
}

/* False, with the error recorded, for bytes that are no text of ours. */
static bool check_bytes(struct dr_str text, const char *file, struct dr_diags *d)
{
    struct dr_mark whole = { .file = file };
    if (text.n > DR_YAML_MAX_BYTES) {
        dr_diag_add(d, DR_DIAG_ERROR, whole, NULL, "the file is larger than %zu MiB",
                    DR_YAML_MAX_BYTES >> 20);
        return false;
    }
    bool utf16 = dr_str_starts(text, DR_LIT("\xff\xfe")) || dr_str_starts(text, DR_LIT("\xfe\xff"));
    if (utf16) {
        dr_diag_add(d, DR_DIAG_ERROR, whole, "save it as UTF-8", "the file is UTF-16, not UTF-8");
        return false;
    }
    size_t valid = dr_utf8_valid_prefix(text);
    if (valid < text.n) {
        dr_diag_add(d, DR_DIAG_ERROR, dr_yaml_mark_of_byte(file, text, valid), "save the file as UTF-8",
                    "the byte 0x%02x is not UTF-8", (unsigned)(unsigned char)text.p[valid]);
        return false;
    }
    const char *nul = text.n ? memchr(text.p, '\0', text.n) : NULL;
    if (nul) {
        dr_diag_add(d, DR_DIAG_ERROR, dr_yaml_mark_of_byte(file, text, (size_t)(nul - text.p)),
                    "is this a text file?", "a NUL byte");
        return false;
    }
    return true;
}

struct dr_node *dr_yaml_parse(struct dr_arena *a, struct dr_str text, const char *shown_as,
                              struct dr_diags *d)
{
    const char *file = shown_as ? dr_arena_strdup(a, shown_as) : NULL;
    if (!check_bytes(text, file, d))
        return NULL;
    if (dr_str_starts(text, DR_LIT("\xef\xbb\xbf")))
        text = (struct dr_str){ text.p + 3, text.n - 3 };
    struct reader r = { .a = a, .d = d, .file = file, .text = text };
    int32_t errors_before = d->errors;
    if (!yaml_parser_initialize(&r.parser))
        dr_die_oom(sizeof(r.parser));
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)(text.p ? text.p : ""), text.n);
    struct dr_node *root = read_document(&r);
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    dr_map_done(&r.anchor_index);
    return d->errors > errors_before ? NULL : root;
}

struct dr_node *dr_yaml_load(struct dr_arena *a, const char *path, const char *shown_as, struct dr_diags *d)
{
    struct dr_err err = { 0 };
    struct dr_str text;
    if (dr_read_file(a, path, DR_YAML_MAX_BYTES, &text, &err)) {
        struct dr_mark mark = { .file = shown_as ? dr_arena_strdup(a, shown_as) : NULL };
        dr_diag_add(d, DR_DIAG_ERROR, mark, NULL, "%s", err.msg);
        return NULL;
    }
    return dr_yaml_parse(a, text, shown_as, d);
}
