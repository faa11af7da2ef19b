/* Any file as a table, for the verbs that need no DAG, and the threads to work on it. */
#include "cmd/table_file.h"
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "base/num.h"
#include "data/file_format.h"
#include "data/pool.h"

static bool has_sensitive(const struct dr_suite *suite)
{
    for (int32_t i = 0; suite && i < suite->n_columns; i++)
        if (suite->columns[i].sensitive)
            return true;
    return false;
}

/* Names of the columns that the reader calls mixed; NULL-terminated, or NULL. */
static const char *const *mixed_columns(struct dr_cmd *c, const struct dr_table *columns)
{
    int64_t rows = dr_table_rows(columns);
    const char **names = dr_arena_array(&c->arena, (size_t)rows + 1, sizeof *names);
    struct dr_chunk name, mixed;
    int32_t n = 0, chunks = dr_column_chunks(dr_table_column(columns, 0));
    for (int32_t k = 0; k < chunks; k++) {
        dr_column_chunk(dr_table_column(columns, dr_table_find(columns, "column")), k, &name);
        dr_column_chunk(dr_table_column(columns, dr_table_find(columns, "mixed")), k, &mixed);
        const int64_t *at = name.values;
        const uint8_t *bits = mixed.values;
        for (int64_t i = 0; i < name.length; i++)
            if (bits[i / 8] >> (i % 8) & 1)
                names[n++] = dr_arena_dup(&c->arena, name.bytes + at[i], (size_t)(at[i + 1] - at[i]));
    }
    return n > 0 ? names : NULL;
}

static struct dr_json_options json_options(const struct dr_cmd *c, const struct dr_suite *suite)
{
    return (struct dr_json_options){ .size = sizeof(struct dr_json_options),
                                     .forgiving = !c->args.no_forgiving,
                                     .encoding = c->args.encoding,
                                     .line_column = "_line",
                                     .hide_text = has_sensitive(suite) };
}

static int32_t read_json(struct dr_cmd *c, const char *path, const struct dr_suite *suite,
                         struct dr_table **ret, struct dr_table **ret_rejects, const char *const **ret_mixed,
                         struct dr_err *err)
{
    struct dr_json_options json = json_options(c, suite);
    struct dr_json_extras extras = { .size = sizeof extras };
    DR_TRY(dr_table_read_json(path, &json, ret, &extras, err));
    if (ret_mixed)
        *ret_mixed = mixed_columns(c, extras.columns);
    dr_table_unref(extras.columns);
    if (ret_rejects)
        *ret_rejects = extras.rejects;
    else
        dr_table_unref(extras.rejects);
    return DR_OK;
}

/* --delimiter as one character; 0: it is none. */
static char delimiter_of(const struct dr_cmd *c, bool tabs)
{
    const char *given = c->args.delimiter;
    if (!given)
        return tabs ? '\t' : ',';
    if (dr_streq(given, "tab") || dr_streq(given, "\\t"))
        return '\t';
    return given[0] && !given[1] ? given[0] : 0;
}

void dr_cmd_hint_delimiter(const struct dr_table *table, const char *path)
{
    static const struct {
        char c;
        const char *option;
    } others[] = { { ';', "';'" }, { '\t', "tab" }, { '|', "'|'" }, { ',', "," } };
    int32_t line = dr_table_find(table, "_line");
    if (dr_table_columns(table) != 1 + (line >= 0))
        return;
    const char *name = dr_table_column_name(table, line == 0);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (strchr(name, others[i].c)) {
            fprintf(stderr,
                    "dagrun: warning: %s has one column, whose name holds a %s; is that its delimiter? "
                    "(--delimiter %s)\n",
                    path, others[i].c == '\t' ? "tab" : others[i].option, others[i].option);
            return;
        }
    }
}

static struct dr_csv_options csv_options(struct dr_cmd *c, bool tabs, const struct dr_suite *suite)
{
    DR_AUTO_BUF nulls = { 0 };
    for (int32_t i = 0; suite && i < suite->n_null_values; i++)
        (void)dr_buf_printf(&nulls, "%s%s", i ? "\n" : "", suite->null_values[i]);
    return (struct dr_csv_options){ .size = sizeof(struct dr_csv_options),
                                    .delimiter = (uint8_t)delimiter_of(c, tabs),
                                    .forgiving = !c->args.no_forgiving,
                                    .encoding = c->args.encoding,
                                    .line_column = "_line",
                                    .hide_text = has_sensitive(suite),
                                    .null_values =
                                        nulls.n ? dr_arena_dup(&c->arena, nulls.p, nulls.n) : NULL };
}

static int32_t read_csv(struct dr_cmd *c, const char *path, bool tabs, const struct dr_suite *suite,
                        struct dr_table **ret, struct dr_table **ret_rejects, struct dr_err *err)
{
    struct dr_csv_options csv = csv_options(c, tabs, suite);
    DR_TRY(dr_table_read_csv(path, &csv, ret, ret_rejects, err));
    dr_cmd_hint_delimiter(*ret, path);
    return DR_OK;
}

/* What the name says, or --as where it says nothing. */
static enum dr_file_format format_of(struct dr_cmd *c, const char *path)
{
    enum dr_file_format named = dr_file_format_of(path);
    if (named != DR_FORMAT_UNKNOWN)
        return named;
    return c->args.as ? dr_file_format_of(dr_arena_printf(&c->arena, ".%s", c->args.as)) : named;
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && S_ISREG(x.st_mode) && x.st_dev == y.st_dev &&
           x.st_ino == y.st_ino;
}

/* Not by writing: what is there stays, and nothing empty is left behind, if the check itself fails. */
int dr_cmd_check_output(struct dr_cmd *c)
{
    const char *path = c->args.output;
    struct dr_err err = { 0 };
    if (!path)
        return 0;
    for (int i = 0; i < c->args.n_words; i++)
        if (is_same_file(path, c->args.words[i]))
            return dr_cmd_usage("--output: '%s' is what is read; name another file", path);
    const char *folder = dr_arena_printf(&c->arena, "%.*s.", (int)(dr_path_base(path) - path), path);
    errno = dr_path_is_dir(path) ? EISDIR : 0;
    if (!errno && access(dr_path_exists(path) ? path : folder, W_OK) == 0)
        return 0;
    dr_fail_sys(&err, "open '%s'", path);
    return dr_cmd_fail(&err);
}

int dr_cmd_open_output(struct dr_cmd *c, FILE **ret)
{
    struct dr_err err = { 0 };
    *ret = c->args.output ? fopen(c->args.output, "we") : stdout;
    if (*ret)
        return 0;
    dr_fail_sys(&err, "open '%s'", c->args.output);
    return dr_cmd_fail(&err);
}

/* A write that failed earlier is not told by the last one. */
int dr_cmd_close_output(struct dr_cmd *c, FILE *out)
{
    struct dr_err err = { 0 };
    if (out == stdout)
        return 0;
    bool broken = ferror(out);
    if (fclose(out))
        dr_fail_sys(&err, "write '%s'", c->args.output);
    else if (broken)
        dr_fail(&err, DR_ESYS, "write '%s': not all of it could be written; is there space left?",
                c->args.output);
    return err.rc ? dr_cmd_fail(&err) : 0;
}

int dr_cmd_check_input(struct dr_cmd *c)
{
    static const char *const formats[] = { "csv", "tsv", "json", "arrow" };
    bool known = !c->args.as;
    for (size_t i = 0; i < 4 && !known; i++)
        known = dr_streq(c->args.as, formats[i]);
    if (!known)
        return dr_cmd_usage("--as: '%s' is not csv, tsv, json or arrow", c->args.as);
    if (!delimiter_of(c, false))
        return dr_cmd_usage("--delimiter: '%s' is not one character", c->args.delimiter);
    return 0;
}

int dr_cmd_read_table(struct dr_cmd *c, const char *path, const struct dr_suite *suite, struct dr_table **ret,
                      struct dr_table **ret_rejects, const char *const **ret_mixed)
{
    struct dr_err err = { 0 };
    enum dr_file_format format = format_of(c, path);
    int32_t rc;
    if (format == DR_FORMAT_ARROW)
        rc = dr_table_read_arrow(path, ret, &err);
    else if (format == DR_FORMAT_JSON)
        rc = read_json(c, path, suite, ret, ret_rejects, ret_mixed, &err);
    else
        rc = read_csv(c, path, format == DR_FORMAT_TSV, suite, ret, ret_rejects, &err);
    if (!rc)
        return 0;
    return dr_cmd_fail_reading(c, path, &err);
}

int dr_cmd_fail_reading(struct dr_cmd *c, const char *path, const struct dr_err *err)
{
    int rc = dr_cmd_fail(err);
    if (format_of(c, path) == DR_FORMAT_UNKNOWN && err->rc == DR_EINPUT)
        fprintf(stderr,
                "  its name does not say what it is, so it was read as CSV; --as json or --as arrow reads it "
                "as those\n");
    return rc;
}

bool dr_cmd_is_json(struct dr_cmd *c, const char *path)
{
    return format_of(c, path) == DR_FORMAT_JSON;
}

int32_t dr_cmd_open_stream(struct dr_cmd *c, const char *path, const struct dr_suite *suite,
                           struct dr_stream *s, struct dr_err *err)
{
    enum dr_file_format format = format_of(c, path);
    s->rejects.only_first = true;
    if (format == DR_FORMAT_ARROW)
        return dr_arrow_open(path, &s->reader, err);
    if (format == DR_FORMAT_JSON) {
        struct dr_json_options json = json_options(c, suite);
        json.infer_bytes = s->infer_bytes;
        DR_TRY(dr_json_open_sure(path, &json, &s->rejects, &s->reader, err));
        s->mixed = dr_json_mixed(s->reader, &c->arena);
        return DR_OK;
    }
    struct dr_csv_options csv = csv_options(c, format == DR_FORMAT_TSV, suite);
    return dr_csv_open(path, &csv, &s->rejects, &s->reader, err);
}

void dr_cmd_say_unread(const char *path, int64_t n, const struct dr_table *rejects, const char *what)
{
    if (!n)
        return;
    struct dr_chunk line, reason;
    dr_column_chunk(dr_table_column(rejects, dr_table_find(rejects, "line")), 0, &line);
    dr_column_chunk(dr_table_column(rejects, dr_table_find(rejects, "reason")), 0, &reason);
    const int64_t *lines = line.values, *at = reason.values;
    DR_AUTO_BUF text = { 0 };
    dr_buf_put_visible(&text, (struct dr_str){ reason.bytes + at[0], (size_t)(at[1] - at[0]) }, 400);
    fprintf(stderr, "dagrun: warning: %s: %lld record%s could not be read and %s not %s; %s line %lld: %s\n",
            path, (long long)n, n == 1 ? "" : "s", n == 1 ? "is" : "are", what,
            n == 1 ? "on" : "the first is on", (long long)lines[0], dr_buf_cstr(&text));
}

#define SMALL_FILE (1 << 20) /* starting threads takes longer than they would save */

/* As many threads as asked for, by option or DAGRUN_THREADS, or as there are processors. */
int dr_cmd_start_threads(struct dr_cmd *c, const char *path)
{
    struct stat st;
    const char *named = getenv("DAGRUN_THREADS");
    int64_t threads = c->args.threads;
    if (!threads && named && (!dr_parse_i64(dr_str_of(named), &threads) || threads < 1))
        return dr_cmd_usage("DAGRUN_THREADS: '%s' is not a number of threads", named);
    if (!threads)
        threads = sysconf(_SC_NPROCESSORS_ONLN);
    bool small = stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size < SMALL_FILE;
    if (threads > 1 && !small)
        dr_pool_init((int32_t)threads);
    return 0;
}
