/* walk.c - one pass over the tokens of a record, beside the plan.
 *
 * Records of a file mostly have the same members in the same order, so the next
 * member expected is compared first, quotes included, in two words. Members
 * without a place are passed over, but checked like all others. */
#include "json/walk.h"

enum { ENOUGH_ITEMS = 16384 };

struct row {
    struct dr_json_cell *cells; /* of column 0 */
    size_t stride;
    const struct dr_json_table_plan *table;
};

/* ---- trouble -------------------------------------------------------------------------------- */

bool dr_json_walk_expected(struct dr_json_walk *w, size_t at, const char *expected)
{
    w->bad.rc = DR_EINPUT;
    w->bad.surprise = false;
    w->bad.at = w->bad.reach = dr_json_explain(&w->tokens, at, expected, w->bad.why, sizeof w->bad.why);
    return false;
}

static bool trouble(struct dr_json_walk *w, int32_t rc, size_t at, size_t reach, const char *why)
{
    w->bad = (struct dr_json_trouble){ .rc = rc, .at = at, .reach = reach };
    snprintf(w->bad.why, sizeof w->bad.why, "%s", why);
    return false;
}

static bool surprise(struct dr_json_walk *w, size_t at, const char *what, struct dr_str name)
{
    w->bad = (struct dr_json_trouble){ .rc = DR_EINPUT, .surprise = true, .at = at, .reach = at };
    int n = name.n < 80 ? (int)name.n : 80;
    snprintf(w->bad.why, sizeof w->bad.why, "%s '%.*s', unlike the records from which the columns were found",
             what, n, name.p);
    return false;
}

/* ---- values ---------------------------------------------------------------------------------- */

static inline uint32_t take(struct dr_json_walk *w)
{
    return dr_json_take(&w->tokens);
}
static inline char byte_at(const struct dr_json_walk *w, uint32_t at)
{
    return dr_json_byte(&w->tokens, at);
}

/* Past the escapes of a string; at is the offset of the first. */
static __attribute__((noinline)) bool pass_escapes(struct dr_json_walk *w, uint32_t at, uint32_t *ret_close)
{
    const char *text = w->tokens.text, *end = text + w->tokens.n, *why = NULL;
    while (byte_at(w, at) == '\\') {
        char bytes[4];
        size_t taken;
        if (!dr_json_unescape(text + at, end, bytes, &taken, &why))
            return trouble(w, DR_EINPUT, at, at + taken, why);
        for (size_t done = at + taken; at < done;)
            at = take(w);
    }
    *ret_close = at;
    return byte_at(w, at) == '"' || dr_json_walk_expected(w, at, "the '\"' that closes the string");
}

static inline bool pass_string(struct dr_json_walk *w, struct dr_json_cell *ret, uint32_t open)
{
    uint32_t kind = DR_JSON_STRING, close = take(w);
    if (__builtin_expect(byte_at(w, close) != '"', 0)) {
        kind = DR_JSON_ESCAPED;
        if (!pass_escapes(w, close, &close))
            return false;
    }
    *ret = (struct dr_json_cell){ open + 1, (close - open - 1) << 4 | kind };
    return true;
}

static inline bool pass_number(struct dr_json_walk *w, struct dr_json_cell *ret, uint32_t at)
{
    const char *start = w->tokens.text + at, *limit = dr_json_token_limit(&w->tokens);
    const char *end = dr_json_skip_number(start, limit);
    if (__builtin_expect(!end, 0))
        return trouble(w, DR_EINPUT, at, (size_t)(limit - w->tokens.text),
                       "expected a number as JSON writes them: -12, 0.5, 1e9");
    *ret = (struct dr_json_cell){ at, (uint32_t)(end - start) << 4 | DR_JSON_NUMBER };
    return true;
}

static bool pass_name(struct dr_json_walk *w, struct dr_json_cell *ret, uint32_t at, struct dr_str name,
                      enum dr_json_kind kind)
{
    const char *limit = dr_json_token_limit(&w->tokens);
    if (!dr_json_is_name(w->tokens.text + at, limit, name.p, name.n)) {
        (void)dr_json_walk_expected(w, at, "a value: null, true and false are the only names");
        w->bad.reach = (size_t)(limit - w->tokens.text);
        return false;
    }
    *ret = (struct dr_json_cell){ at, (uint32_t)name.n << 4 | kind };
    return true;
}

static inline bool pass_scalar(struct dr_json_walk *w, struct dr_json_cell *ret, uint32_t at)
{
    char c = byte_at(w, at);
    if (c == '"')
        return pass_string(w, ret, at);
    if (c == '-' || dr_json_is_digit(c))
        return pass_number(w, ret, at);
    switch (c) {
    case 't':
        return pass_name(w, ret, at, DR_LIT("true"), DR_JSON_TRUE);
    case 'f':
        return pass_name(w, ret, at, DR_LIT("false"), DR_JSON_FALSE);
    case 'n':
        return pass_name(w, ret, at, DR_LIT("null"), DR_JSON_NULL);
    default:
        return dr_json_walk_expected(w, at, "a value");
    }
}

/* The key at `at` and its ':'. */
static bool pass_key(struct dr_json_walk *w, uint32_t at, struct dr_json_cell *ret)
{
    if (byte_at(w, at) != '"')
        return dr_json_walk_expected(w, at, "a key in '\"'");
    if (!pass_string(w, ret, at))
        return false;
    uint32_t colon = take(w);
    return byte_at(w, colon) == ':' || dr_json_walk_expected(w, colon, "':'");
}

static uint32_t scalar_end(struct dr_json_cell c)
{
    uint32_t kind = dr_cell_kind(c);
    return c.at + dr_cell_length(c) + (kind == DR_JSON_STRING || kind == DR_JSON_ESCAPED);
}

bool dr_json_walk_skip(struct dr_json_walk *w, uint32_t at, uint32_t *ret_end)
{
    struct dr_json_cell cell;
    bool object[DR_JSON_DEPTH];
    int32_t depth = 0;
value:;
    char c = byte_at(w, at);
    if (c == '{' || c == '[') {
        if (depth + w->depth >= DR_JSON_DEPTH)
            return trouble(w, DR_ELIMIT, at, at, "nested more than 512 deep");
        object[depth++] = c == '{';
        at = take(w);
        if (byte_at(w, at) == (c == '{' ? '}' : ']'))
            goto close;
        goto item;
    }
    if (!pass_scalar(w, &cell, at))
        return false;
    *ret_end = scalar_end(cell);
after:
    if (depth == 0)
        return true;
    at = take(w);
    if (byte_at(w, at) == ',') {
        at = take(w);
        goto item;
    }
    if (byte_at(w, at) != (object[depth - 1] ? '}' : ']'))
        return dr_json_walk_expected(w, at, object[depth - 1] ? "',' or '}'" : "',' or ']'");
close:
    depth--;
    *ret_end = at + 1;
    goto after;
item:
    if (object[depth - 1]) {
        if (!pass_key(w, at, &cell))
            return false;
        at = take(w);
    }
    goto value;
}

/* ---- members and their places ------------------------------------------------------------------ */

static inline uint64_t word_at(const char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

/* Whether the key at p is that of m, without escapes; 16 bytes are readable. */
static inline bool is_key(const char *p, size_t readable, const struct dr_json_node *m)
{
    size_t n = m->quoted.n;
    uint64_t differ = word_at(p) ^ word_at(m->quoted.p);
    if (n <= 8)
        return differ << (64 - 8 * n) == 0;
    uint64_t second = word_at(p + 8) ^ word_at(m->quoted.p + 8);
    if (n <= 16)
        return (differ | second << (128 - 8 * n)) == 0;
    return (differ | second) == 0 && n <= readable && memcmp(p + 16, m->quoted.p + 16, n - 16) == 0;
}

/* The place of a key that was not the expected one. */
static const struct dr_json_node *find_member(struct dr_json_walk *w, const struct dr_json_node *n,
                                              struct dr_json_cell key, int32_t *guess)
{
    char bytes[4];
    DR_AUTO_BUF plain = { 0 };
    const char *p = w->tokens.text + key.at, *end = p + dr_cell_length(key), *why;
    struct dr_str name = { p, dr_cell_length(key) };
    if (dr_cell_kind(key) == DR_JSON_ESCAPED) {
        size_t taken;
        for (; p < end; p += taken) {
            size_t len = *p == '\\' ? dr_json_unescape(p, end, bytes, &taken, &why) : (taken = 1);
            dr_buf_append(&plain, *p == '\\' ? bytes : p, len);
        }
        name = dr_buf_str(&plain);
    }
    int32_t number = dr_json_node_find(n, name, *guess);
    if (number < 0)
        return NULL;
    *guess = number + 1;
    return n->members[number];
}

/* *guess is at most n_members. */
static inline bool take_key(struct dr_json_walk *w, const struct dr_json_node *n, uint32_t at, int32_t *guess,
                            const struct dr_json_node **ret)
{
    struct dr_json_cell key;
    const char *p = w->tokens.text + at;
    if (*guess < n->n_members && is_key(p, w->tokens.n - at, n->members[*guess])) {
        *ret = n->members[(*guess)++];
        take(w); /* its closing quote */
        uint32_t colon = take(w);
        return byte_at(w, colon) == ':' || dr_json_walk_expected(w, colon, "':'");
    }
    if (!pass_key(w, at, &key))
        return false;
    *ret = find_member(w, n, key, guess);
    if (!*ret && n->object)
        return surprise(w, at, "there is a member",
                        (struct dr_str){ w->tokens.text + key.at, dr_cell_length(key) });
    return true;
}

static bool walk_value(struct dr_json_walk *w, const struct dr_json_node *n, struct row *row, uint32_t at);

static bool walk_object(struct dr_json_walk *w, const struct dr_json_node *n, struct row *row, uint32_t open)
{
    int32_t guess = 0;
    if (w->depth++ >= DR_JSON_DEPTH)
        return trouble(w, DR_ELIMIT, open, open, "nested more than 512 deep");
    uint32_t at = take(w);
    if (byte_at(w, at) == '}') {
        w->depth--;
        return true;
    }
    for (;;) {
        const struct dr_json_node *m;
        if (__builtin_expect(byte_at(w, at) != '"', 0))
            return dr_json_walk_expected(w, at, "a key in '\"'");
        if (!take_key(w, n, at, &guess, &m))
            return false;
        at = take(w);
        if (m ? !walk_value(w, m, row, at) : !dr_json_walk_skip(w, at, &at))
            return false;
        at = take(w);
        if (byte_at(w, at) != ',')
            break;
        at = take(w);
    }
    w->depth--;
    return byte_at(w, at) == '}' || dr_json_walk_expected(w, at, "',' or '}'");
}

/* ---- arrays -------------------------------------------------------------------------------------- */

static void grow_rows(struct dr_json_rows *r)
{
    int32_t cap = r->cap ? r->cap * 2 : 256;
    struct dr_json_cell *cells = dr_calloc((size_t)cap * (size_t)r->columns + 1, sizeof *cells);
    for (int32_t c = 0; c < r->columns && r->n > 0; c++)
        memcpy(cells + (size_t)c * (size_t)cap, r->cells + (size_t)c * (size_t)r->cap,
               (size_t)r->n * sizeof *cells);
    free(r->cells);
    r->cells = cells;
    r->record = dr_realloc(r->record, (size_t)cap * sizeof *r->record);
    r->position = dr_realloc(r->position, (size_t)cap * sizeof *r->position);
    r->cap = cap;
}

/* Where the others are objects, what is none is wrong rather than a surprise. */
static inline bool is_record(struct dr_json_walk *w, const struct dr_json_node *root, uint32_t at)
{
    return !root->object || byte_at(w, at) == '{' ||
           dr_json_walk_expected(w, at, "an object, as the others are");
}

static bool walk_child_row(struct dr_json_walk *w, int32_t child, int32_t position, uint32_t at)
{
    struct dr_json_rows *r = &w->rows[child];
    if (r->n == r->cap)
        grow_rows(r);
    r->record[r->n] = w->rows[0].n;
    r->position[r->n] = position;
    struct row row = { r->cells + r->n, (size_t)r->cap, &w->plan->tables[child] };
    r->n++;
    return is_record(w, row.table->root, at) && walk_value(w, row.table->root, &row, at);
}

static bool walk_item(struct dr_json_walk *w, const struct dr_json_node *n, struct row *row, int32_t index,
                      uint32_t at)
{
    uint32_t end;
    if (n->child > 0)
        return walk_child_row(w, n->child, index, at);
    const struct dr_json_node *item = dr_json_node_item(n, index);
    if (item)
        return walk_value(w, item, row, at);
    return dr_json_walk_skip(w, at, &end);
}

static bool walk_array(struct dr_json_walk *w, const struct dr_json_node *n, struct row *row, uint32_t open)
{
    if (w->depth++ >= DR_JSON_DEPTH)
        return trouble(w, DR_ELIMIT, open, open, "nested more than 512 deep");
    uint32_t at = take(w);
    if (byte_at(w, at) == ']') {
        w->depth--;
        return true;
    }
    for (int32_t index = 0;; index++) {
        if (!walk_item(w, n, row, index, at))
            return false;
        at = take(w);
        if (byte_at(w, at) != ',')
            break;
        at = take(w);
    }
    w->depth--;
    return byte_at(w, at) == ']' || dr_json_walk_expected(w, at, "',' or ']'");
}

/* ---- values ---------------------------------------------------------------------------------------- */

static __attribute__((noinline)) bool walk_nested(struct dr_json_walk *w, const struct dr_json_node *n,
                                                  struct row *row, uint32_t at)
{
    uint32_t end;
    bool object = byte_at(w, at) == '{';
    if (n->column >= 0) {
        if (!dr_json_walk_skip(w, at, &end))
            return false;
        if (end - at > DR_JSON_LENGTH_MAX)
            return trouble(w, DR_ELIMIT, at, end, "a value of more than 256 MiB");
        uint32_t kind = object ? DR_JSON_OBJECT : DR_JSON_ARRAY;
        row->cells[(size_t)n->column * row->stride] = (struct dr_json_cell){ at, (end - at) << 4 | kind };
        return true;
    }
    if (object && (n->n_members > 0 || n->object))
        return walk_object(w, n, row, at);
    if (!object && (n->child > 0 || n->n_items > 0))
        return walk_array(w, n, row, at);
    if (n->object || (n->child > 0 && row->table->found))
        return surprise(w, at, object ? "there is an object at" : "there is an array at", n->key);
    return dr_json_walk_skip(w, at, &end);
}

static __attribute__((noinline)) bool no_cell(struct dr_json_walk *w, const struct dr_json_node *n,
                                              const struct row *row, struct dr_json_cell cell)
{
    bool found = n->object || (n->child > 0 && row->table->found);
    if (found && dr_cell_kind(cell) != DR_JSON_NULL)
        return surprise(w, cell.at, "there is a plain value at", n->key);
    return true;
}

static bool walk_value(struct dr_json_walk *w, const struct dr_json_node *n, struct row *row, uint32_t at)
{
    struct dr_json_cell cell;
    char c = byte_at(w, at);
    if (n->column >= 0) {
        struct dr_json_cell *to = row->cells + (size_t)n->column * row->stride;
        if (__builtin_expect(to->size != 0, 0))
            return trouble(w, DR_EINPUT, at, at, "the member is there twice");
        if (c != '{' && c != '[')
            return pass_scalar(w, to, at);
    }
    if (c == '{' || c == '[')
        return walk_nested(w, n, row, at);
    return pass_scalar(w, &cell, at) && no_cell(w, n, row, cell);
}

/* ---- records ------------------------------------------------------------------------------------------ */

bool dr_json_walk_seek(struct dr_json_walk *w, const char *name, uint32_t *at)
{
    struct dr_json_cell key;
    w->bad.rc = DR_OK;
    for (uint32_t next = take(w); byte_at(w, next) != '}'; next = take(w)) {
        if (!pass_key(w, next, &key))
            return false;
        *at = take(w);
        if (dr_str_eq((struct dr_str){ w->tokens.text + key.at, dr_cell_length(key) }, dr_str_of(name)))
            return true;
        if (!dr_json_walk_skip(w, *at, &next))
            return false;
        *at = next = take(w);
        if (byte_at(w, next) == '}')
            return false;
        if (byte_at(w, next) != ',')
            return dr_json_walk_expected(w, next, "',' or '}'");
    }
    return false;
}

bool dr_json_walk_leave(struct dr_json_walk *w)
{
    struct dr_json_cell key;
    uint32_t at, end;
    while (byte_at(w, at = take(w)) == ',') {
        if (!pass_key(w, take(w), &key) || !dr_json_walk_skip(w, take(w), &end))
            return false;
    }
    return byte_at(w, at) == '}' || dr_json_walk_expected(w, at, "',' or '}'");
}

static bool starts_token(char c)
{
    return c == '"' || c == '{' || c == '[' || c == ':';
}

size_t dr_json_walk_end(const struct dr_json_walk *w)
{
    size_t at = w->tokens.next[-1];
    char c = w->tokens.text[at];
    if (c == '"' || c == '}' || c == ']')
        return at + 1;
    /* Not past what may not stand there either: that is for whoever goes on to refuse. */
    while (at < w->tokens.n && !dr_json_ends_token(w->tokens.text[at]) && !starts_token(w->tokens.text[at]))
        at++;
    return at;
}

void dr_json_walk_init(struct dr_json_walk *w, const struct dr_json_plan *p, int32_t rows)
{
    *w = (struct dr_json_walk){ .plan = p, .max_record = DR_JSON_MAX_RECORD };
    w->rows = dr_calloc((size_t)p->n, sizeof *w->rows);
    for (int32_t i = 0; i < p->n; i++)
        w->rows[i].columns = p->tables[i].n;
    struct dr_json_rows *r = &w->rows[0];
    r->cap = rows;
    r->cells = dr_calloc((size_t)rows * (size_t)r->columns + 1, sizeof *r->cells);
    w->spans = dr_malloc((size_t)rows * sizeof *w->spans);
}

void dr_json_walk_done(struct dr_json_walk *w)
{
    for (int32_t i = 0; w->rows && i < w->plan->n; i++) {
        free(w->rows[i].cells);
        free(w->rows[i].record);
        free(w->rows[i].position);
    }
    free(w->rows);
    free(w->spans);
    dr_json_scan_done(&w->tokens.scan);
    *w = (struct dr_json_walk){ 0 };
}

void dr_json_walk_go(struct dr_json_walk *w, size_t at)
{
    dr_json_scan_restart(&w->tokens.scan, at);
    w->tokens.next = w->tokens.last = NULL;
}

void dr_json_walk_begin(struct dr_json_walk *w, enum dr_json_isa isa, bool lines, const char *text, size_t n,
                        size_t at)
{
    w->tokens.text = text;
    w->tokens.n = n;
    w->tokens.scan.lines = lines;
    dr_json_scan_begin(&w->tokens.scan, isa, text, n);
    if (at > 0)
        dr_json_scan_restart(&w->tokens.scan, at);
    w->tokens.next = w->tokens.last = NULL;
}

static void clear_rows(struct dr_json_rows *r, int32_t from)
{
    for (int32_t c = 0; c < r->columns && r->n > from; c++)
        memset(r->cells + (size_t)c * (size_t)r->cap + from, 0, (size_t)(r->n - from) * sizeof *r->cells);
    r->n = from;
}

void dr_json_walk_clear(struct dr_json_walk *w)
{
    for (int32_t i = 0; i < w->plan->n; i++)
        clear_rows(&w->rows[i], 0);
}

bool dr_json_walk_full(const struct dr_json_walk *w)
{
    for (int32_t i = 1; i < w->plan->n; i++)
        if (w->rows[i].n >= ENOUGH_ITEMS)
            return true;
    return w->rows[0].n == w->rows[0].cap;
}

void dr_json_walk_rollback(struct dr_json_walk *w)
{
    int32_t record = w->rows[0].n;
    w->rows[0].n++;
    clear_rows(&w->rows[0], record);
    for (int32_t i = 1; i < w->plan->n; i++) {
        int32_t from = w->rows[i].n;
        while (from > 0 && w->rows[i].record[from - 1] == record)
            from--;
        clear_rows(&w->rows[i], from);
    }
}

bool dr_json_walk_record(struct dr_json_walk *w, uint32_t at)
{
    struct dr_json_rows *r = &w->rows[0];
    struct row row = { r->cells + r->n, (size_t)r->cap, &w->plan->tables[0] };
    uint32_t end;
    w->depth = 0;
    bool fine = w->whole ? dr_json_walk_skip(w, at, &end)
                         : is_record(w, row.table->root, at) && walk_value(w, row.table->root, &row, at);
    if (fine)
        return true;
    dr_json_walk_rollback(w);
    return false;
}

bool dr_json_walk_commit(struct dr_json_walk *w, struct dr_json_span span)
{
    if (span.end - span.start > w->max_record) {
        dr_json_walk_rollback(w);
        (void)trouble(w, DR_ELIMIT, span.start, span.start, "");
        snprintf(w->bad.why, sizeof w->bad.why,
                 "a record is longer than the limit of %lld bytes (max_record)", (long long)w->max_record);
        return false;
    }
    w->spans[w->rows[0].n++] = span;
    return true;
}
