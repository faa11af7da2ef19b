/* arrays.c - through the objects of a document, from array to array.
 *
 * The stack holds the objects that are open, each with the length of its own path; the path of what is
 * being looked at stands behind that. Where a name comes twice, two arrays have one path:
 * how many items each path had is kept, by its hash, so that no two items have one place. Were two hashes
 * equal, positions would begin above 0, and nothing be lost. */
#include "json/arrays.h"
#include "base/hash.h"
#include "data/word_map.h"

struct dr_json_arrays {
    struct dr_json_doc *doc; /* owned */
    struct dr_buf text;      /* what it was made of, with its padding */
    struct dr_buf path;      /* of the value looked at */
    struct dr_buf shown;     /* of the array, cut where it is long */
    struct {
        struct dr_json_iter members;
        size_t path_n;
    } open[DR_JSON_DEPTH];
    int32_t depth;
    struct dr_json_value root; /* not looked at yet; absent after that */
    struct dr_json_iter items;
    struct dr_json_value item;
    struct dr_word_map paths;   /* that had arrays, by hash */
    int64_t *counts;            /* owned: the items of each */
    uint32_t counts_cap, array; /* its number in paths */
    int64_t position;
    bool inside;
};

struct dr_json_arrays *dr_json_arrays_new(void)
{
    struct dr_json_arrays *a = dr_calloc(1, sizeof *a);
    a->doc = dr_json_doc_new();
    a->path.max = DR_JSON_TEXT_MAX; /* names are longer with their escapes */
    return a;
}

void dr_json_arrays_free(struct dr_json_arrays *a)
{
    if (!a)
        return;
    dr_json_doc_free(a->doc);
    dr_buf_done(&a->text);
    dr_buf_done(&a->path);
    dr_buf_done(&a->shown);
    dr_word_map_done(&a->paths);
    free(a->counts);
    free(a);
}

/* ---- paths ---------------------------------------------------------------------------------- */

/* Such a name stands in a path as it is. */
static bool is_plain(struct dr_str name)
{
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] == '.' || name.p[i] == '[' || (unsigned char)name.p[i] < ' ')
            return false;
    return name.n > 0;
}

static void put_quoted(struct dr_buf *b, struct dr_str name)
{
    dr_buf_puts(b, "[\"");
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        if (c < ' ') {
            dr_buf_printf(b, "\\u%04x", c);
            continue;
        }
        if (c == '"' || c == '\\')
            dr_buf_putc(b, '\\');
        dr_buf_putc(b, (char)c);
    }
    dr_buf_puts(b, "\"]");
}

static void set_path(struct dr_json_arrays *a, size_t above, struct dr_str name)
{
    a->path.n = above;
    if (!is_plain(name)) {
        put_quoted(&a->path, name);
        return;
    }
    if (above > 0)
        dr_buf_putc(&a->path, '.');
    dr_buf_append(&a->path, name.p, name.n);
}

static void show_path(struct dr_json_arrays *a)
{
    char hash[DR_HASH_HEX];
    size_t n = a->path.n;
    dr_buf_clear(&a->shown);
    if (n > DR_JSON_PATH_MAX)
        for (n = DR_JSON_PATH_MAX - DR_HASH_HEX; ((unsigned char)a->path.p[n] & 0xC0) == 0x80;)
            n--;
    dr_buf_append(&a->shown, dr_buf_cstr(&a->path), n);
    if (n == a->path.n)
        return;
    dr_hash_hex(a->path.p, a->path.n, hash);
    dr_buf_putc(&a->shown, '~');
    dr_buf_puts(&a->shown, hash);
}

/* ---- arrays ---------------------------------------------------------------------------------- */

static void enter_array(struct dr_json_arrays *a, struct dr_json_value array)
{
    uint32_t known = a->paths.n;
    a->array = dr_word_map_put(&a->paths, dr_hash(dr_buf_cstr(&a->path), a->path.n));
    if (a->array == a->counts_cap) {
        a->counts_cap = a->counts_cap ? a->counts_cap * 2 : 16;
        a->counts = dr_realloc(a->counts, a->counts_cap * sizeof *a->counts);
    }
    if (a->array == known)
        a->counts[a->array] = 0;
    show_path(a);
    a->items = dr_json_iter(array);
    a->inside = true;
}

static void open_object(struct dr_json_arrays *a, struct dr_json_value object)
{
    a->open[a->depth].members = dr_json_iter(object);
    a->open[a->depth++].path_n = a->path.n;
}

static bool next_item(struct dr_json_arrays *a)
{
    if (a->inside && dr_json_iter_next(&a->items)) {
        a->item = a->items.value;
        a->position = a->counts[a->array]++;
        return true;
    }
    a->inside = false;
    return false;
}

/* The first item of an array, or that it has none. */
static void first_item(struct dr_json_arrays *a, struct dr_json_value array)
{
    enter_array(a, array);
    if (next_item(a))
        return;
    a->item = (struct dr_json_value){ 0 };
    a->position = -1;
}

/* What the text is. */
static bool enter_root(struct dr_json_arrays *a)
{
    struct dr_json_value root = a->root;
    a->root = (struct dr_json_value){ 0 };
    if (dr_json_kind(root) == DR_JSON_OBJECT)
        open_object(a, root);
    if (dr_json_kind(root) != DR_JSON_ARRAY)
        return false;
    first_item(a, root);
    return true;
}

bool dr_json_arrays_next(struct dr_json_arrays *a)
{
    if (next_item(a) || enter_root(a))
        return true;
    while (a->depth > 0) {
        struct dr_json_iter *members = &a->open[a->depth - 1].members;
        if (!dr_json_iter_next(members)) {
            a->depth--;
            continue;
        }
        enum dr_json_kind kind = dr_json_kind(members->value);
        if (kind != DR_JSON_ARRAY && kind != DR_JSON_OBJECT)
            continue;
        set_path(a, a->open[a->depth - 1].path_n, members->key);
        if (kind == DR_JSON_ARRAY) {
            first_item(a, members->value);
            return true;
        }
        open_object(a, members->value);
    }
    return false;
}

/* The text as a document; false where it is none. */
static bool parse(struct dr_json_arrays *a, struct dr_str text)
{
    dr_buf_clear(&a->text);
    dr_buf_append(&a->text, text.p, text.n);
    char *padding = dr_buf_reserve(&a->text, DR_JSON_PADDING);
    if (!padding)
        return false;
    memset(padding, 0, DR_JSON_PADDING);
    return dr_json_doc_parse(a->doc, "", a->text.p, text.n, NULL) == DR_OK;
}

void dr_json_arrays_begin(struct dr_json_arrays *a, struct dr_str text, struct dr_str under)
{
    a->depth = 0;
    a->inside = false;
    if (a->paths.n > 0)
        dr_word_map_done(&a->paths);
    dr_buf_clear(&a->path);
    dr_buf_append(&a->path, under.p, under.n);
    a->root = parse(a, text) ? dr_json_root(a->doc) : (struct dr_json_value){ 0 };
}

struct dr_str dr_json_arrays_path(const struct dr_json_arrays *a)
{
    return dr_buf_str(&a->shown);
}

int64_t dr_json_arrays_position(const struct dr_json_arrays *a)
{
    return a->position;
}

struct dr_json_value dr_json_arrays_item(const struct dr_json_arrays *a)
{
    return a->item;
}
