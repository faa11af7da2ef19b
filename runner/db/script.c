/* script.c - scripts: several statements with named parameters.
 *
 * A script is read token by token, only as finely as it takes to see where a
 * statement ends and where a parameter stands. Parameters become numbered ones, so
 * that values are bound and never pasted. */
#include "db/script.h"

/* ---- tokens --------------------------------------------------------------------- */

enum token { SPACE, COMMENT, QUOTED, WORD, PARAM, SEMICOLON, OTHER };

static bool is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (unsigned char)c >= 0x80;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The length of a text that ends in quote; a doubled quote stands for one, as does one after a
 * backslash where `backslash`. An unclosed one takes everything. */
static size_t quoted_length(struct dr_str s, size_t from, char quote, bool backslash)
{
    for (size_t i = from; i < s.n; i++) {
        if (backslash && s.p[i] == '\\')
            i++;
        else if (s.p[i] == quote && i + 1 < s.n && s.p[i + 1] == quote)
            i++;
        else if (s.p[i] == quote)
            return i + 1;
    }
    return s.n;
}

/* PostgreSQL's comments nest. */
static size_t comment_length(struct dr_str s, bool nests)
{
    int depth = 1;
    for (size_t i = 2; i + 1 < s.n; i++) {
        if (s.p[i] == '*' && s.p[i + 1] == '/') {
            i++;
            if (--depth == 0)
                return i + 1;
        } else if (nests && s.p[i] == '/' && s.p[i + 1] == '*') {
            depth++;
            i++;
        }
    }
    return s.n;
}

/* $tag$ ... $tag$; 0 where s begins with none. */
static size_t dollar_length(struct dr_str s)
{
    size_t tag = 1;
    while (tag < s.n && is_word_char(s.p[tag]))
        tag++;
    if (tag >= s.n || s.p[tag] != '$' || (tag > 1 && s.p[1] >= '0' && s.p[1] <= '9'))
        return 0;
    tag++;
    const char *end = memmem(s.p + tag, s.n - tag, s.p, tag);
    return end ? (size_t)(end - s.p) + tag : s.n;
}

static size_t word_length(struct dr_str s)
{
    size_t n = 0;
    while (n < s.n && is_word_char(s.p[n]))
        n++;
    return n;
}

/* The first token of s; s.n > 0. */
static enum token next_token(struct dr_str s, bool postgresql, size_t *ret_n)
{
    char c = s.p[0], d = s.n > 1 ? s.p[1] : '\0';
    *ret_n = 1;
    if (is_space(c))
        return SPACE;
    if (c == ';')
        return SEMICOLON;
    if (c == '-' && d == '-') {
        const char *end = memchr(s.p, '\n', s.n);
        *ret_n = end ? (size_t)(end - s.p) : s.n;
        return COMMENT;
    }
    if (c == '/' && d == '*') {
        *ret_n = comment_length(s, postgresql);
        return COMMENT;
    }
    if (c == '\'' || c == '"' || (c == '`' && !postgresql)) {
        *ret_n = quoted_length(s, 1, c, false);
        return QUOTED;
    }
    if (postgresql && (c == 'e' || c == 'E') && d == '\'') {
        *ret_n = quoted_length(s, 2, '\'', true);
        return QUOTED;
    }
    if (postgresql && c == '$' && (*ret_n = dollar_length(s)) > 0)
        return QUOTED;
    if (c == ':' && d == ':') {
        *ret_n = 2;
        return OTHER;
    }
    if (c == ':' && (d == '_' || (is_word_char(d) && (d < '0' || d > '9')))) {
        *ret_n = 1 + word_length((struct dr_str){ s.p + 1, s.n - 1 });
        return PARAM;
    }
    *ret_n = is_word_char(c) ? word_length(s) : 1;
    return is_word_char(c) ? WORD : OTHER;
}

static struct dr_str after(struct dr_str s, size_t n)
{
    return (struct dr_str){ s.p + n, s.n - n };
}

static int32_t count_lines(struct dr_str s)
{
    int32_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] == '\n';
    return n;
}

/* ---- statements ------------------------------------------------------------------- */

static bool is_word(struct dr_str s, const char *word)
{
    return s.n == strlen(word) && strncasecmp(s.p, word, s.n) == 0;
}

/* What of a statement's words decides whether a semicolon ends it: in CREATE ...
 * BEGIN ...; ...; END the last one does. */
struct body {
    int words;        /* of the statement */
    bool creates;     /* it begins with CREATE */
    bool inside;      /* after BEGIN (PostgreSQL: BEGIN ATOMIC) */
    bool after_begin; /* the last word was BEGIN */
    int words_since;  /* the last semicolon within it */
    bool ends;        /* the first of those is END */
};

static void see_word(struct body *b, struct dr_str word, bool postgresql)
{
    if (b->words++ == 0)
        b->creates = is_word(word, "create");
    if (b->inside && b->words_since++ == 0)
        b->ends = is_word(word, "end");
    if (b->creates && !b->inside)
        b->inside = postgresql ? b->after_begin && is_word(word, "atomic") : is_word(word, "begin");
    b->after_begin = is_word(word, "begin");
}

static bool closes(struct body *b)
{
    bool end = !b->inside || (b->ends && b->words_since == 1);
    b->words_since = 0;
    b->ends = false;
    return end;
}

bool dr_sql_next_piece(struct dr_str *rest, bool postgresql, struct dr_sql_piece *ret)
{
    struct dr_str s = *rest;
    struct body body = { 0 };
    const char *first = NULL;
    size_t at = 0;
    bool open = true;
    if (s.n == 0)
        return false;
    while (at < s.n && open) {
        size_t n;
        enum token token = next_token(after(s, at), postgresql, &n);
        if (token == SEMICOLON && closes(&body))
            open = false;
        else if (!first && token != SPACE && token != COMMENT)
            first = s.p + at;
        if (token == WORD)
            see_word(&body, (struct dr_str){ s.p + at, n }, postgresql);
        at += n;
    }
    size_t before = first ? (size_t)(first - s.p) : at;
    *ret = (struct dr_sql_piece){ .text = { s.p + before, at - before - (first && !open) },
                                  .line = count_lines((struct dr_str){ s.p, before }),
                                  .empty = first == NULL };
    *rest = after(s, at);
    return true;
}

/* ---- parameters ---------------------------------------------------------------------- */

static int32_t find_value(struct dr_str name, int32_t n, const struct dr_db_value *values)
{
    for (int32_t i = 0; i < n; i++)
        if (values[i].name && dr_str_eq(dr_str_of(values[i].name), name))
            return i;
    return -1;
}

static int32_t fail_param(struct dr_str name, int32_t n, const struct dr_db_value *values, struct dr_err *err)
{
    DR_AUTO_ARENA a = { 0 };
    const char **names = dr_arena_array(&a, (size_t)n + 1, sizeof *names);
    size_t known = 0;
    for (int32_t i = 0; i < n; i++)
        if (values[i].name)
            names[known++] = values[i].name;
    const char *word = dr_arena_dup(&a, name.p, name.n), *near = dr_nearest(word, names, known);
    return dr_fail(err, DR_EINPUT, "no value for the parameter ':%.100s'%s%s%s", word,
                   near ? "; did you mean ':" : "", near ? near : "", near ? "'?" : "");
}

int32_t dr_sql_number_params(struct dr_str statement, bool postgresql, int32_t n,
                             const struct dr_db_value *values, struct dr_buf *out, int32_t *ret_used,
                             int32_t *ret_n, int32_t *ret_line, struct dr_err *err)
{
    int32_t used = 0;
    for (size_t at = 0, length; at < statement.n; at += length) {
        struct dr_str rest = after(statement, at);
        enum token token = next_token(rest, postgresql, &length);
        if (token != PARAM) {
            dr_buf_append(out, rest.p, length);
            continue;
        }
        struct dr_str name = { rest.p + 1, length - 1 };
        int32_t value = find_value(name, n, values), place = 0;
        *ret_line = count_lines((struct dr_str){ statement.p, at });
        if (value < 0)
            return fail_param(name, n, values, err);
        while (place < used && ret_used[place] != value)
            place++;
        if (place == used)
            ret_used[used++] = value;
        dr_buf_printf(out, "%c%d", postgresql ? '$' : '?', (int)place + 1);
    }
    *ret_n = used;
    return dr_buf_ok(out) ? DR_OK : dr_fail(err, DR_ELIMIT, "the statement is too long");
}

/* ---- running -------------------------------------------------------------------------- */

struct script_run {
    struct dr_db *db;
    const struct dr_db_script *script;
    bool postgresql;
    int32_t results;
};

/* The lines of the statement before the place that a failure is about. PostgreSQL counts
 * characters, SQLite bytes. */
static int32_t line_of_failure(const struct script_run *r, struct dr_str sql)
{
    int64_t left = r->db->failure.offset;
    int32_t lines = 0;
    for (size_t i = 0; i < sql.n && left > 0; i++) {
        bool inner = r->postgresql && ((unsigned char)sql.p[i] & 0xC0) == 0x80;
        lines += sql.p[i] == '\n';
        left -= !inner;
    }
    return lines;
}

static int32_t at_line(const struct script_run *r, int32_t line, struct dr_err *err)
{
    int32_t at = (r->script->line > 0 ? r->script->line : 1) + line;
    if (r->script->file)
        return dr_err_prefix(err, "%s:%d", r->script->file, (int)at);
    return dr_err_prefix(err, "line %d", (int)at);
}

static int32_t give_result(struct script_run *r, struct dr_table *result, struct dr_err *err)
{
    int32_t rc = DR_OK;
    if (result)
        rc = r->script->on_result(r->script->ctx, r->results++, result, err);
    dr_table_unref(result);
    return rc;
}

static int32_t run_statement(struct script_run *r, struct dr_str text, int32_t line, struct dr_err *err)
{
    const struct dr_db_script *script = r->script;
    const struct dr_db_driver *driver = r->db->driver;
    DR_AUTO_BUF sql = { 0 };
    int32_t n = 0, param_line = 0;
    DR_AUTO_FREE int32_t *used = dr_malloc(((size_t)script->n_values + 1) * sizeof *used);
    DR_AUTO_FREE struct dr_db_value *values = dr_malloc(((size_t)script->n_values + 1) * sizeof *values);
    if (dr_sql_number_params(text, r->postgresql, script->n_values, script->values, &sql, used, &n,
                             &param_line, err))
        return at_line(r, line + param_line, err);
    for (int32_t i = 0; i < n; i++)
        values[i] = script->values[used[i]];
    struct dr_table *result = NULL;
    bool inside = driver->in_transaction(r->db);
    r->db->failure.offset = -1;
    int32_t rc =
        driver->run(r->db, dr_buf_cstr(&sql), n, values, script->on_result ? &result : NULL, NULL, err);
    if (!rc && inside && !driver->in_transaction(r->db))
        rc = dr_fail(err, DR_EINPUT, "the statement ended the transaction, which is not the script's to end");
    if (rc) {
        dr_table_unref(result);
        return at_line(r, line + line_of_failure(r, dr_buf_str(&sql)), err);
    }
    return give_result(r, result, err);
}

int32_t dr_db_run_script(struct dr_db *db, const struct dr_db_script *script, struct dr_err *err)
{
    struct script_run r = { .db = db,
                            .script = script,
                            .postgresql = dr_streq(dr_db_type(db), "postgresql") };
    struct dr_str rest = dr_str_of(script->text);
    struct dr_sql_piece piece;
    if (!dr_utf8_valid(rest))
        return dr_fail(err, DR_EINPUT, "%s is not UTF-8 text", script->file ? script->file : "the script");
    while (dr_sql_next_piece(&rest, r.postgresql, &piece)) {
        int32_t line = count_lines((struct dr_str){ script->text, (size_t)(piece.text.p - script->text) });
        if (!piece.empty)
            DR_TRY(run_statement(&r, piece.text, line, err));
    }
    return DR_OK;
}
