/* fuzz_json.c - whatever the bytes, a JSON document holds the values that
 * jansson finds in them, or both refuse the text; every instruction set gives
 * the same document or the same message; no item of its arrays is lost, or given
 * twice; and the table reader gives the same tables or the same message by tokens and without, however the
 * text is cut into pieces and blocks, on one thread or two; and batch by batch where that reads it all.
 *
 * Where the two differ by intent: we pass over a byte order mark, have a limit of
 * 512 on nesting, keep numbers beyond a double and names that hold \u0000, and refuse
 * a NUL byte everywhere (jansson loses one that follows a name or a number). */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/hash.h"
#include "base/num.h"
#include "json/arrays.h"
#include "data/pool.h"
#include "../unit/json_show.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static void die(const char *what, const uint8_t *data, size_t size, const char *detail)
{
    fprintf(stderr, "%s: %s\n<<<%.*s>>>\n", what, detail, (int)size, (const char *)data);
    abort();
}

/* ---- against jansson ------------------------------------------------------------------------ */

static bool same(struct dr_json_value v, const json_t *j);

static bool same_items(struct dr_json_value v, const json_t *j)
{
    size_t i = 0;
    for (struct dr_json_iter it = dr_json_iter(v); dr_json_iter_next(&it); i++)
        if (!same(it.value, json_array_get(j, i)))
            return false;
    return i == json_array_size(j) && i == (size_t)dr_json_size(v);
}

/* jansson keeps the last of repeated members, and the document all of them. */
static struct dr_json_value last_of(struct dr_json_value v, const char *key)
{
    struct dr_json_value found = { 0 };
    for (struct dr_json_iter it = dr_json_iter(v); dr_json_iter_next(&it);)
        if (dr_str_eq(it.key, dr_str_of(key)))
            found = it.value;
    return found;
}

static bool same_members(struct dr_json_value v, json_t *j)
{
    const char *key;
    json_t *value;
    json_object_foreach(j, key, value)
    {
        if (!same(last_of(v, key), value) || dr_json_kind(dr_json_get(v, key, strlen(key))) == DR_JSON_ABSENT)
            return false;
    }
    for (struct dr_json_iter it = dr_json_iter(v); dr_json_iter_next(&it);) {
        char *name = strndup(it.key.p, it.key.n);
        bool known = json_object_get(j, name) != NULL;
        free(name);
        if (!known)
            return false;
    }
    return json_object_size(j) <= (size_t)dr_json_size(v);
}

static bool same(struct dr_json_value v, const json_t *j)
{
    double number;
    switch (dr_json_kind(v)) {
    case DR_JSON_NULL:
        return json_is_null(j);
    case DR_JSON_FALSE:
        return json_is_false(j);
    case DR_JSON_TRUE:
        return json_is_true(j);
    case DR_JSON_NUMBER:
        return json_is_real(j) && dr_parse_f64(dr_json_text(v), false, &number) &&
               number == json_real_value(j);
    case DR_JSON_STRING:
        return json_is_string(j) &&
               dr_str_eq(dr_json_text(v), (struct dr_str){ json_string_value(j), json_string_length(j) });
    case DR_JSON_ARRAY:
        return json_is_array(j) && same_items(v, j);
    case DR_JSON_OBJECT:
        return json_is_object(j) && same_members(v, (json_t *)(uintptr_t)j);
    default:
        return false;
    }
}

static bool by_intent(const json_error_t *error)
{
    enum json_error_code code = json_error_code(error);
    return code == json_error_numeric_overflow || code == json_error_null_byte_in_key;
}

static void compare(const struct dr_json_doc *doc, int32_t rc, const char *message, const uint8_t *data,
                    size_t size)
{
    json_error_t error;
    bool mark = size >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0;
    json_t *j = json_loadb((const char *)data, size,
                           JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);
    if (j && rc && rc != DR_ELIMIT && !memchr(data, 0, size))
        die("jansson reads what we refuse", data, size, message);
    if (!j && !rc && !mark && !by_intent(&error))
        die("jansson refuses what we read", data, size, error.text);
    if (j && !rc && !same(dr_json_root(doc), j))
        die("jansson reads another value", data, size, "");
    json_decref(j);
}

/* ---- the instruction sets against each other ---------------------------------------------------- */

static void show(struct dr_buf *out, struct dr_json_value v, int32_t rc, const char *message)
{
    if (rc) {
        dr_buf_puts(out, message);
        return;
    }
    struct dr_str s = dr_json_text(v);
    dr_buf_printf(out, "%d %zu-%zu %lld ", (int)dr_json_kind(v), dr_json_offset(v), dr_json_end(v),
                  (long long)dr_json_size(v));
    dr_buf_append(out, s.p, s.n);
    for (struct dr_json_iter it = dr_json_iter(v); dr_json_iter_next(&it);) {
        dr_buf_append(out, it.key.p, it.key.n);
        show(out, it.value, 0, NULL);
    }
}

/* ---- tables --------------------------------------------------------------------------------------- */

static struct dr_json_options choose_options(uint8_t choice)
{
    static const struct dr_json_column columns[] = { { .name = "a", .type = DR_TYPE_INT64 },
                                                     { .name = "b", .path = "b[0].c", .type = DR_TYPE_DICT },
                                                     { .name = "t", .type = DR_TYPE_TIMESTAMP },
                                                     { .name = "x", .type = DR_TYPE_FLOAT64 } };
    static const char *const keys[] = { "a" };
    static const struct dr_json_child child = { .name = "c", .path = "d", .keys = keys, .n_keys = 1 };
    struct dr_json_options o = { .size = sizeof o, .layout = choice % 3, .forgiving = choice >> 2 & 1 };
    o.infer_bytes = choice & 8 ? 1 + (choice >> 4) : 0;
    o.line_column = choice & 16 ? "line" : NULL;
    o.max_record = choice & 32 ? 60 : 0;
    if (choice & 64) {
        o.columns = columns;
        o.n_columns = 4;
        o.rest_column = choice & 8 ? "rest" : NULL;
    }
    if ((choice & 192) == 192) {
        o.children = &child;
        o.n_children = 1;
    }
    if ((choice & 192) == 128)
        o.records = "d.b";
    return o;
}

/* What is shown, but that texts are texts: DICT or STRING follows from how far the reader looks for columns,
 * and when a later record makes it look again, it looks as far as it has read. */
static void as_texts(struct dr_buf *out, struct dr_str shown)
{
    static const char string[] = ":string", dict[] = ":dict";
    const char *p = shown.p, *end = shown.p + shown.n;
    for (const char *at; (at = memmem(p, (size_t)(end - p), string, sizeof string - 1));
         p = at + sizeof string - 1) {
        dr_buf_append(out, p, (size_t)(at - p));
        dr_buf_puts(out, dict);
    }
    dr_buf_append(out, p, (size_t)(end - p));
}

static void show_tables(struct dr_buf *out, struct dr_str text, const struct dr_json_options *opts,
                        const struct dr_json_tuning *tuning)
{
    DR_AUTO_BUF shown = { 0 };
    show_json(&shown, text, opts, tuning);
    as_texts(out, (struct dr_str){ dr_buf_cstr(&shown), shown.n });
}

/* The records, read batch by batch; false where they are not all there: what such a reader did not foresee
 * is an error, or kept aside. */
static bool show_stream(struct dr_buf *out, struct dr_str text, const struct dr_json_options *opts,
                        const struct dr_json_tuning *tuning)
{
    struct dr_input in;
    struct dr_json_reader *r;
    struct dr_rejects rejects = { 0 };
    struct dr_table *t = NULL, *aside = NULL;
    struct dr_err err = { 0 };
    DR_AUTO_BUF shown = { 0 };
    int32_t rc = dr_input_open_bytes(&in, text, opts->encoding, &err);
    if (!rc)
        rc = dr_json_open_input(&in, opts, tuning, DR_JSON_STREAM, &rejects, &r, &err);
    if (!rc)
        rc = dr_reader_collect(&r->base, &t, &err);
    if (dr_rejects_finish(&rejects, &aside, &err))
        abort();
    bool all = !rc && aside->rows == 0;
    if (all)
        show_table(&shown, t);
    as_texts(out, (struct dr_str){ dr_buf_cstr(&shown), shown.n });
    dr_table_unref(t);
    dr_table_unref(aside);
    return all;
}

static void compare_shown(const struct dr_buf *expected, const struct dr_buf *got, struct dr_str text,
                          const struct dr_json_tuning *tuning)
{
    if (dr_str_eq(dr_buf_str(expected), dr_buf_str(got)))
        return;
    fprintf(stderr, "pieces of %zu, blocks of %d, instructions %d: expected <<<%s>>> got <<<%s>>>\n",
            tuning->piece, (int)tuning->block, (int)tuning->isa, dr_buf_cstr(expected), dr_buf_cstr(got));
    die("it matters how the text is read", (const uint8_t *)text.p, text.n, "");
}

/* Records that are alike are read faster after a few: every other text starts with many like its first. */
static void put_text(struct dr_buf *out, struct dr_str text)
{
    enum { ALIKE = 40 };
    const char *lf = memchr(text.p, '\n', text.n);
    for (int i = 0; i < ALIKE && lf && text.n % 2; i++)
        dr_buf_append(out, text.p, (size_t)(lf + 1 - text.p));
    dr_buf_append(out, text.p, text.n);
}

/* Tokens only, in one piece, is what all other ways are held to. */
static void read_tables(const uint8_t *data, size_t size)
{
    static const struct {
        enum dr_json_isa isa;
        int32_t block, round, pieces;
    } ways[] = { { DR_JSON_AVX2, 17, 3, 1 },
                 { DR_JSON_AVX2, 16, 2, 4 },
                 { DR_JSON_SSSE3, 5, 3, 9 },
                 { DR_JSON_SCALAR, 1, 1, 2 },
                 { DR_JSON_AVX2, 2, 7, 30 } };
    struct dr_json_options opts = choose_options(data[size - 1]);
    struct dr_json_tuning tuning = { DR_JSON_SCALAR, 1 << 20, 1, 2048 };
    DR_AUTO_BUF text = { 0 };
    DR_AUTO_BUF first = { 0 };
    put_text(&text, (struct dr_str){ (const char *)data, size - 1 });
    opts.encoding = size % 16 == 5 ? "windows-1252" : NULL;
    show_tables(&first, dr_buf_str(&text), &opts, &tuning);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        DR_AUTO_BUF shown = { 0 };
        tuning.isa = ways[i].isa < dr_json_best_isa() ? ways[i].isa : dr_json_best_isa();
        tuning.piece = text.n / (size_t)ways[i].pieces + 1;
        tuning.round = ways[i].round;
        tuning.block = ways[i].block;
        show_tables(&shown, dr_buf_str(&text), &opts, &tuning);
        /* How far a record beyond the limit is read before it is refused does depend on the piece. */
        if (!opts.max_record)
            compare_shown(&first, &shown, dr_buf_str(&text), &tuning);
    }
    DR_AUTO_BUF streamed = { 0 };
    opts.n_children = 0;
    if (show_stream(&streamed, dr_buf_str(&text), &opts, &tuning) && !opts.max_record && data[size - 1] < 192)
        compare_shown(&first, &streamed, dr_buf_str(&text), &tuning);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    dr_pool_init(2);
    return 0;
}

/* ---- arrays ----------------------------------------------------------------------------------------- */

/* The items of the outermost arrays, those without items as one. */
static int64_t count_items(struct dr_json_value v)
{
    int64_t n = 0;
    if (dr_json_kind(v) == DR_JSON_ARRAY)
        return dr_json_size(v) ? dr_json_size(v) : 1;
    for (struct dr_json_iter it = dr_json_iter(v); dr_json_iter_next(&it);)
        n += count_items(it.value);
    return n;
}

/* Every item is given once, and each at a place of its own. */
static void take_arrays(const struct dr_json_doc *doc, const uint8_t *data, size_t size)
{
    struct dr_json_arrays *a = dr_json_arrays_new();
    struct dr_arena keys = { 0 };
    struct dr_map places = { 0 };
    int64_t n = 0;
    dr_json_arrays_begin(a, (struct dr_str){ (const char *)data, size }, DR_LIT(""));
    for (; dr_json_arrays_next(a); n++) {
        bool fresh;
        struct dr_str path = dr_json_arrays_path(a);
        int64_t position = dr_json_arrays_position(a);
        char *key = dr_arena_printf(&keys, "%lld ", (long long)position);
        key = dr_arena_printf(&keys, "%s%.*s", key, (int)path.n, path.p);
        dr_map_put(&places, dr_str_of(key), &fresh);
        if (!fresh && position >= 0)
            die("two items have one place", data, size, key);
    }
    if (n != count_items(dr_json_root(doc)))
        die("items are lost", data, size, "");
    dr_map_done(&places);
    dr_arena_done(&keys);
    dr_json_arrays_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0)
        read_tables(data, size);
    struct dr_json_doc *doc = dr_json_doc_new();
    char *text = dr_malloc(size + DR_JSON_PADDING);
    memcpy(text, data, size);
    memset(text + size, '0', DR_JSON_PADDING);
    DR_AUTO_BUF first = { 0 };
    for (int isa = DR_JSON_SCALAR; isa <= (int)dr_json_best_isa(); isa++) {
        struct dr_err err = { 0 };
        DR_AUTO_BUF shown = { 0 };
        dr_json_doc_set_isa(doc, (enum dr_json_isa)isa);
        int32_t rc = dr_json_doc_parse(doc, "t", text, size, &err);
        show(isa == DR_JSON_SCALAR ? &first : &shown, dr_json_root(doc), rc, err.msg);
        if (isa == DR_JSON_SCALAR) {
            compare(doc, rc, err.msg, data, size);
            take_arrays(doc, data, size);
        } else if (!dr_str_eq(dr_buf_str(&first), dr_buf_str(&shown)))
            die("instruction sets differ", data, size, err.msg);
    }
    free(text);
    dr_json_doc_free(doc);
    return 0;
}
