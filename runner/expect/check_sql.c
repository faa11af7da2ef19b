/* check_sql.c - expectations written in SQL.
 *
 * SQLite reads the table where it lies: {batch} in a query stands for the table
 * (for its rows that the row_condition keeps), {name} for another table that the run
 * knows. Columns have the types that the suite declares. Each expectation has
 * a database in memory of its own, a query is one SELECT and cannot write, and
 * what it gives is cut after a fixed number of rows. */
#include <ctype.h>
#include "db/db.h"
#include "data/kernel.h"
#include "expect/check.h"

#define RESULT_ROWS_MAX 100000
#define BATCH "batch"
#define MASK "***"

/* ---- the tables ---- */

int32_t dr_eval_typed_table(struct dr_eval *e, bool domain_only, struct dr_table **ret, struct dr_err *err)
{
    const struct dr_table *t = e->plan->table;
    const struct dr_column **columns = dr_arena_array(&e->plan->scratch, (size_t)t->n + 1, sizeof *columns);
    struct dr_table *whole;
    for (int32_t k = 0; k < t->n; k++) {
        struct dr_source *s;
        DR_TRY(dr_plan_source(e->plan, t->names[k], &s, err));
        columns[k] = s->of_code ? s->raw : dr_source_typed(s);
    }
    DR_TRY(dr_table_new(t->n, (const char *const *)t->names, columns, &whole, err));
    if (!domain_only || !e->domain->rows) {
        *ret = whole;
        return DR_OK;
    }
    int32_t rc = dr_table_filter(whole, (const uint8_t *)e->domain->rows, ret, err);
    dr_table_unref(whole);
    return rc;
}

/* A database in memory that holds the table; the time that the expectation has begins. */
static int32_t open_batch(struct dr_eval *e, bool domain_only, struct dr_db **ret, struct dr_err *err)
{
    struct dr_table *batch;
    struct dr_db *db;
    DR_TRY(dr_eval_typed_table(e, domain_only, &batch, err));
    int32_t rc = dr_db_open(":memory:", &db, err);
    if (!rc) {
        if (e->plan->opts->query_timeout_us)
            dr_db_limit_time(db, e->plan->opts->query_timeout_us);
        rc = dr_db_attach_table(db, BATCH, batch, err);
        if (rc)
            dr_db_close(db);
        else
            *ret = db;
    }
    dr_table_unref(batch);
    return rc;
}

static int32_t attach_other(struct dr_eval *e, struct dr_db *db, const char *name, struct dr_err *err)
{
    const struct dr_expect_options *o = e->plan->opts;
    const struct dr_table *t = o->other_table ? o->other_table(o->ctx, name) : NULL;
    if (!t)
        return dr_fail(err, DR_ENOTFOUND, "there is no table '%s' for {%s}; {batch} is the table itself",
                       name, name);
    return dr_db_attach_table(db, name, t, err);
}

static bool is_name(struct dr_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!isalnum((unsigned char)s.p[i]) && s.p[i] != '_')
            return false;
    return s.n > 0;
}

/* The query with names for its {..}, whose tables are attached. */
static int32_t expand(struct dr_eval *e, struct dr_db *db, const char *query, struct dr_buf *out,
                      struct dr_err *err)
{
    for (const char *p = query; *p; p++) {
        const char *end = *p == '{' ? strchr(p, '}') : NULL;
        struct dr_str name = { p + 1, end ? (size_t)(end - p - 1) : 0 };
        if (!end || !is_name(name)) {
            (void)dr_buf_putc(out, *p);
            continue;
        }
        const char *table = dr_arena_dup(&e->plan->scratch, name.p, name.n);
        if (!dr_streq(table, BATCH))
            DR_TRY(attach_other(e, db, table, err));
        (void)dr_buf_printf(out, "\"%s\"", table);
        p = end;
    }
    return DR_OK;
}

/* Past spaces and comments. */
static const char *skip_blank(const char *p)
{
    for (;;) {
        while (isspace((unsigned char)*p))
            p++;
        const char *end = p[0] == '-' && p[1] == '-'   ? strchr(p, '\n')
                          : p[0] == '/' && p[1] == '*' ? strstr(p + 2, "*/")
                                                       : NULL;
        if (!end)
            return p;
        p = end + (*end == '*' ? 2 : 1);
    }
}

static bool starts_with_word(const char *p, const char *word)
{
    size_t n = strlen(word);
    return strncasecmp(p, word, n) == 0 && !isalnum((unsigned char)p[n]) && p[n] != '_';
}

/* The rows of a query, at most RESULT_ROWS_MAX + 1. */
static int32_t query_rows(struct dr_eval *e, struct dr_db *db, const char *query, struct dr_table **ret,
                          struct dr_err *err)
{
    DR_AUTO_BUF sql = { 0 };
    DR_AUTO_BUF limited = { 0 };
    DR_TRY(expand(e, db, query, &sql, err));
    const char *start = skip_blank(dr_buf_cstr(&sql));
    if (!starts_with_word(start, "select") && !starts_with_word(start, "with") &&
        !starts_with_word(start, "values"))
        return dr_fail(err, DR_EDEF, "a query must be one SELECT (or WITH ... SELECT); it cannot write");
    size_t n = strlen(start);
    while (n && (isspace((unsigned char)start[n - 1]) || start[n - 1] == ';'))
        n--;
    (void)dr_buf_printf(&limited, "SELECT * FROM (%.*s\n) LIMIT %d", (int)n, start, RESULT_ROWS_MAX + 1);
    return dr_db_query(db, dr_buf_cstr(&limited), ret, err);
}

/* ---- showing rows ---- */

static bool is_sensitive(const struct dr_suite *suite, const char *column)
{
    for (int32_t k = 0; k < suite->n_columns; k++)
        if (suite->columns[k].sensitive && strcasecmp(suite->columns[k].name, column) == 0)
            return true;
    return false;
}

/* Where a query speaks of a sensitive column, any column of its result may show it. */
static bool may_show_sensitive(const struct dr_suite *suite, const char *query)
{
    for (int32_t k = 0; k < suite->n_columns; k++)
        if (suite->columns[k].sensitive && strcasestr(query, suite->columns[k].name))
            return true;
    return false;
}

static struct dr_node *shown_row(struct dr_eval *e, struct dr_plan *rows, int64_t row, bool mask)
{
    struct dr_node *map = dr_node_new(e->arena, DR_NODE_MAP);
    for (int32_t k = 0; k < rows->table->n; k++) {
        struct dr_source *s;
        int32_t hint = 0;
        if (dr_plan_source(rows, rows->table->names[k], &s, NULL))
            continue;
        struct dr_value v = dr_source_raw_value(s, row, &hint);
        bool hide = v.kind != DR_VALUE_NULL && (mask || is_sensitive(e->plan->suite, s->name));
        dr_node_set(e->arena, map, dr_str_of(s->name),
                    hide ? dr_node_new_str(e->arena, DR_LIT(MASK)) : dr_value_node(e->arena, &v));
    }
    return map;
}

/* Rows as a list of maps: those of `only` where it is not NULL. */
static struct dr_node *shown_rows(struct dr_eval *e, const struct dr_table *t, const uint64_t *only,
                                  const char *query)
{
    static const struct dr_suite plain = { 0 };
    static const struct dr_expect_options options = { 0 };
    struct dr_plan rows = { .arena = e->arena, .suite = &plain, .table = t, .opts = &options };
    struct dr_node *list = dr_node_new(e->arena, DR_NODE_LIST);
    int64_t limit = e->format.level == DR_RESULT_COMPLETE ? INT64_MAX : e->format.partial;
    bool mask = may_show_sensitive(e->plan->suite, query);
    for (int64_t r = 0; r < t->rows && list->n < limit; r++)
        if (!only || dr_row_get(only, r))
            dr_node_add(e->arena, list, shown_row(e, &rows, r, mask));
    dr_plan_done(&rows);
    return list;
}

/* ---- unexpected rows ---- */

static int32_t report_rows(struct dr_eval *e, const struct dr_table *t, const char *query)
{
    bool more = t->rows > RESULT_ROWS_MAX;
    int64_t n = more ? RESULT_ROWS_MAX : t->rows;
    struct dr_node *details = dr_node_new(e->arena, DR_NODE_MAP);
    const char *observed = dr_arena_printf(e->arena, "%s%lld unexpected %s", more ? "more than " : "",
                                           (long long)n, n == 1 ? "row" : "rows");
    dr_eval_observe(e, dr_node_new_str(e->arena, dr_str_of(observed)));
    if (e->format.level != DR_RESULT_BOOLEAN_ONLY) {
        dr_node_set(e->arena, details, DR_LIT("unexpected_rows"), shown_rows(e, t, NULL, query));
        dr_eval_set(e, "details", details);
    }
    e->check->success = n == 0;
    e->check->unexpected_count = n;
    dr_eval_say(e, "The query gives %s", n ? observed : "no unexpected rows");
    return DR_OK;
}

static int32_t with_batch(struct dr_eval *e, int32_t (*fn)(struct dr_eval *, struct dr_db *, struct dr_err *),
                          struct dr_err *err)
{
    struct dr_db *db;
    DR_TRY(open_batch(e, true, &db, err));
    int32_t rc = fn(e, db, err);
    dr_db_close(db);
    return rc;
}

static int32_t query_unexpected(struct dr_eval *e, struct dr_db *db, struct dr_err *err)
{
    const char *query = dr_eval_text(e, "unexpected_rows_query", "");
    struct dr_table *rows;
    DR_TRY(query_rows(e, db, query, &rows, err));
    int32_t rc = report_rows(e, rows, query);
    dr_table_unref(rows);
    return rc;
}

static int32_t unexpected_rows(struct dr_eval *e, struct dr_err *err)
{
    return with_batch(e, query_unexpected, err);
}

/* ---- two results compared ---- */

/* A row as text that is equal where all its values are: 1 and 1.0 are. */
static void put_row_key(const struct dr_table *t, int64_t row, struct dr_buf *out)
{
    dr_buf_clear(out);
    for (int32_t k = 0; k < t->n; k++) {
        int32_t hint = 0;
        int64_t i;
        const struct dr_array *a = dr_column_at(t->columns[k], row, &hint, &i);
        size_t from = out->n;
        if (!dr_array_valid(a, i)) {
            (void)dr_buf_putc(out, 1);
        } else {
            dr_array_put_text(a, i, out);
            bool whole =
                a->type == DR_TYPE_FLOAT64 && out->n - from > 2 && memcmp(out->p + out->n - 2, ".0", 2) == 0;
            out->n -= whole ? 2 : 0;
        }
        (void)dr_buf_putc(out, 0);
    }
}

/* Rows of `from` beyond those of `other`, counting equal rows. */
static int64_t rows_beyond(struct dr_eval *e, const struct dr_table *from, const struct dr_table *other,
                           uint64_t *ret)
{
    struct dr_map counts = { 0 };
    DR_AUTO_BUF key = { 0 };
    int64_t n = 0;
    for (int64_t r = 0; r < other->rows; r++) {
        put_row_key(other, r, &key);
        int64_t *known = dr_map_get(&counts, dr_buf_str(&key));
        if (!known)
            known = dr_map_put(&counts,
                               (struct dr_str){ dr_arena_dup(&e->plan->scratch, key.p, key.n), key.n }, NULL);
        (*known)++;
    }
    for (int64_t r = 0; r < from->rows; r++) {
        put_row_key(from, r, &key);
        int64_t *left = dr_map_get(&counts, dr_buf_str(&key));
        if (left && *left > 0) {
            (*left)--;
            continue;
        }
        dr_row_set(ret, r);
        n++;
    }
    dr_map_done(&counts);
    return n;
}

static void put_comparison(struct dr_eval *e, const struct dr_table *base, const struct dr_table *other,
                           const uint64_t *extra, const uint64_t *absent)
{
    struct dr_node *details = dr_node_new(e->arena, DR_NODE_MAP);
    if (e->format.level == DR_RESULT_BOOLEAN_ONLY)
        return;
    dr_node_set(e->arena, details, DR_LIT("unexpected_rows"),
                shown_rows(e, base, extra, dr_eval_text(e, "base_query", "")));
    dr_node_set(e->arena, details, DR_LIT("missing_rows"),
                shown_rows(e, other, absent, dr_eval_text(e, "comparison_query", "")));
    dr_eval_set(e, "details", details);
}

static int32_t compare_results(struct dr_eval *e, const struct dr_table *base, const struct dr_table *other)
{
    struct dr_arena *a = &e->plan->scratch;
    uint64_t *extra = dr_arena_array(a, (size_t)dr_words(base->rows) + 1, sizeof *extra);
    uint64_t *absent = dr_arena_array(a, (size_t)dr_words(other->rows) + 1, sizeof *absent);
    int64_t n_extra = rows_beyond(e, base, other, extra), n_absent = rows_beyond(e, other, base, absent);
    int64_t most = base->rows > other->rows ? base->rows : other->rows;
    int64_t worst = n_extra > n_absent ? n_extra : n_absent;
    struct dr_node *observed = dr_node_new(e->arena, DR_NODE_MAP);
    dr_node_set(e->arena, observed, DR_LIT("base_rows"), dr_node_new_int(e->arena, base->rows));
    dr_node_set(e->arena, observed, DR_LIT("comparison_rows"), dr_node_new_int(e->arena, other->rows));
    dr_node_set(e->arena, observed, DR_LIT("unexpected_count"), dr_node_new_int(e->arena, n_extra));
    dr_node_set(e->arena, observed, DR_LIT("missing_count"), dr_node_new_int(e->arena, n_absent));
    dr_eval_observe(e, observed);
    put_comparison(e, base, other, extra, absent);
    e->check->success = most == 0 || (double)(most - worst) / (double)most >= e->mostly;
    e->check->unexpected_count = n_extra;
    if (worst == 0)
        dr_eval_say(e, "The query gives the same %lld rows as the comparison", (long long)base->rows);
    else
        dr_eval_say(e, "%lld of %lld rows of the query are not in the comparison, and %lld of its %lld lack",
                    (long long)n_extra, (long long)base->rows, (long long)n_absent, (long long)other->rows);
    return DR_OK;
}

static int32_t too_many(const struct dr_table *base, const struct dr_table *other, struct dr_err *err)
{
    if (base->rows > RESULT_ROWS_MAX || other->rows > RESULT_ROWS_MAX)
        return dr_fail(err, DR_ELIMIT, "a result that is compared may have at most %d rows; aggregate it",
                       RESULT_ROWS_MAX);
    if (base->n != other->n)
        return dr_fail(err, DR_EDEF, "the query gives %d columns and the comparison %d", base->n, other->n);
    return DR_OK;
}

static int32_t query_both(struct dr_eval *e, struct dr_db *db, struct dr_err *err)
{
    struct dr_table *base, *other;
    DR_TRY(query_rows(e, db, dr_eval_text(e, "base_query", ""), &base, err));
    int32_t rc = query_rows(e, db, dr_eval_text(e, "comparison_query", ""), &other, err);
    if (!rc) {
        rc = too_many(base, other, err);
        if (!rc)
            rc = compare_results(e, base, other);
        dr_table_unref(other);
    }
    dr_table_unref(base);
    return rc;
}

static int32_t match_comparison(struct dr_eval *e, struct dr_err *err)
{
    return with_batch(e, query_both, err);
}

/* ---- a condition over each row ---- */

static int32_t mark_rows(struct dr_db *db, const char *condition, int64_t rows, uint64_t *unexpected,
                         struct dr_err *err)
{
    struct dr_table *found;
    DR_AUTO_BUF sql = { 0 };
    (void)dr_buf_printf(&sql, "SELECT rowid AS r FROM \"" BATCH "\" WHERE NOT (%s\n)", condition);
    DR_TRY(dr_db_query(db, dr_buf_cstr(&sql), &found, err));
    const struct dr_column *c = found->columns[0];
    for (int32_t k = 0; c->type == DR_TYPE_INT64 && k < c->n; k++)
        for (int64_t i = 0; i < c->chunk[k]->n; i++) {
            int64_t row = ((const int64_t *)c->chunk[k]->values)[i] - 1;
            if (row >= 0 && row < rows)
                dr_row_set(unexpected, row);
        }
    dr_table_unref(found);
    return DR_OK;
}

static int32_t rows_against(struct dr_eval *e, uint64_t *unexpected, struct dr_err *err)
{
    struct dr_db *db;
    DR_TRY(open_batch(e, false, &db, err));
    int32_t rc = mark_rows(db, dr_eval_text(e, "condition", ""), e->plan->table->rows, unexpected, err);
    dr_db_close(db);
    return rc;
}

/* Whether a text speaks of a column by its name. */
static bool names_column(const char *text, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = strcasestr(text, name); p; p = strcasestr(p + 1, name)) {
        bool before = p > text && (isalnum((unsigned char)p[-1]) || p[-1] == '_');
        bool after = isalnum((unsigned char)p[n]) || p[n] == '_';
        if (!before && !after)
            return true;
    }
    return false;
}

/* A condition over rows must not end early: "1) --" or a second statement. */
static bool is_balanced(const char *p)
{
    int depth = 0;
    for (char quote = 0; *p; p++) {
        if (quote)
            quote = *p == quote ? 0 : quote;
        else if (*p == '\'' || *p == '"' || *p == '`')
            quote = *p;
        else if (*p == ';' || (p[0] == '-' && p[1] == '-') || (p[0] == '/' && p[1] == '*'))
            return false;
        else if (*p == '(')
            depth++;
        else if (*p == ')' && --depth < 0)
            return false;
    }
    return depth == 0;
}

static int32_t satisfy_sql(struct dr_eval *e, struct dr_err *err)
{
    const char *condition = dr_eval_text(e, "condition", "");
    const struct dr_table *t = e->plan->table;
    if (!is_balanced(condition))
        return dr_fail(err, DR_EDEF,
                       "condition: an SQL expression expected, without comments, semicolons or unpaired "
                       "parentheses");
    e->columns = dr_arena_array(&e->plan->scratch, (size_t)t->n + 1, sizeof *e->columns);
    for (int32_t k = 0; k < t->n; k++)
        if (names_column(condition, t->names[k]))
            DR_TRY(dr_plan_source(e->plan, t->names[k], &e->columns[e->n_columns++], err));
    if (e->n_columns == 0)
        return dr_fail(err, DR_EDEF, "condition: it names no column of the table");
    return dr_eval_rows(e, rows_against, err);
}

static void say_condition(const struct dr_eval *e, enum dr_say how, struct dr_buf *out)
{
    bool bad = e->check->unexpected_count > 0;
    (void)dr_buf_printf(out, "%s ",
                        bad ? (how == DR_SAY_ONE ? "breaks" : "break")
                            : (how == DR_SAY_ONE ? "satisfies" : "satisfy"));
    dr_buf_put_visible(out, dr_str_of(dr_eval_text(e, "condition", "")), 120);
}

/* ---- declarations ---- */

static const struct dr_expect_arg rows_args[] = {
    { "unexpected_rows_query", "string", NULL,
      "A SELECT that gives the rows which should not be there; {batch} is the table.", true },
    DR_ARG_CONDITION,
    DR_ARG_FORMAT
};
static const struct dr_expect_arg comparison_args[] = {
    { "base_query", "string", NULL, "A SELECT; {batch} is the table, {name} another one.", true },
    { "comparison_query", "string", NULL, "A SELECT whose rows are those expected.", true },
    { "comparison_data_source_name", "string", NULL,
      "Accepted for Great Expectations' sake; {name} in comparison_query says which table.", false },
    DR_ARG_MOSTLY,
    DR_ARG_CONDITION,
    DR_ARG_FORMAT
};
static const struct dr_expect_arg condition_args[] = {
    { "condition", "string", NULL, "An SQL expression over the columns of one row.", true },
    DR_ARG_MOSTLY,
    DR_ARG_CONDITION,
    DR_ARG_FORMAT
};
#define SQL_DOC                                                                                              \
    "SQLite runs it over the table, whose columns have the types that the suite declares (text without "     \
    "them). It may take as long as the task (execution_timeout); with dagrun expect 5 minutes, or "          \
    "--query-timeout. "

static const struct dr_check_type types[] = {
    { .info = { "unexpected_rows_expectation", "query", "A query gives no row.",
                SQL_DOC "It can only read. Results name up to 20 of the rows, with COMPLETE all, and at most "
                        "100,000.",
                "unexpected_rows_expectation: {unexpected_rows_query: 'SELECT patient_id FROM {batch} GROUP "
                "BY "
                "patient_id HAVING count(DISTINCT sex) > 1'}",
                DR_ARGS(rows_args) },
      .domain = DR_ON_TABLE,
      .measure = unexpected_rows },
    { .info = { "expect_query_results_to_match_comparison", "query",
                "A query gives the same rows as another.",
                SQL_DOC
                "Rows are compared in any order, each as often as it comes; 1 equals 1.0. mostly is the "
                "share of the rows of the larger result that must have a partner.",
                "expect_query_results_to_match_comparison: {base_query: 'SELECT hospital_id, count(*) FROM "
                "{batch} GROUP BY 1', comparison_query: 'SELECT hospital_id, n FROM {delivery}'}",
                DR_ARGS(comparison_args) },
      .domain = DR_ON_TABLE,
      .measure = match_comparison },
    { .info = { "expect_rows_to_satisfy_sql", "multicolumn", "An SQL condition holds for every row.",
                SQL_DOC
                "A row is unexpected where the condition is false; where it is NULL, because a value is "
                "missing, it is not, as in an SQL CHECK. Rows can be quarantined.",
                "expect_rows_to_satisfy_sql: {condition: 'systolic > diastolic OR method = ''estimated'''}",
                DR_ARGS(condition_args) },
      .domain = DR_ON_TABLE,
      .flags = DR_CHECK_NULLS,
      .measure = satisfy_sql,
      .say = say_condition },
};
const struct dr_check_group dr_checks_sql = { types, (int32_t)(sizeof types / sizeof types[0]) };
