/* answer.c - JSON answers, taken apart by SQLite's JSON functions: an answer is a
 * table of one cell, and its records are the rows of json_each. json.c reads the records.
 *
 * Values keep their spelling: a number is never read as a double and written again,
 * so 1.10 stays 1.10 and an identifier of 20 digits keeps all of them. */
#include "extract.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int32_t json_path(const struct settings *s, const char *key, const char *dotted, const char **ret)
{
    char *path = text_of("$");
    if (strpbrk(dotted, "\"\\'[]"))
        return settings_refuse(s, key, "'%s' must be names joined by dots, such as data.items", dotted);
    for (const char *p = dotted; *p && strcmp(dotted, "$") != 0;) {
        size_t n = strcspn(p, ".");
        char *longer = text_of("%s.\"%.*s\"", path, (int)n, p);
        free(path);
        path = longer;
        p += n + (p[n] == '.');
    }
    *ret = path;
    return 0;
}

/* ---- a text as a table ---- */

/* A database with the table `name` of one column `body`. */
static int32_t open_texts(const char *name, struct dr_column *texts, struct dr_db **ret, struct dr_err *err)
{
    struct dr_table *t = NULL;
    const char *column = "body";
    int32_t rc = dr_db_open(":memory:", ret, err);
    if (rc)
        return rc;
    rc = dr_table_new(1, &column, (const struct dr_column *const[]){ texts }, &t, err);
    if (!rc)
        rc = dr_db_attach_table(*ret, name, t, err);
    dr_table_unref(t);
    if (rc)
        dr_db_close(*ret);
    return rc;
}

static int32_t open_text(const char *text, size_t n, struct dr_db **ret, struct dr_err *err)
{
    struct dr_builder *b = dr_builder_new(DR_TYPE_STRING);
    dr_builder_append_bytes(b, text, (int64_t)n);
    struct dr_column *c = dr_builder_finish(b);
    int32_t rc = open_texts("answer", c, ret, err);
    dr_column_unref(c);
    return rc;
}

static int32_t ask(struct dr_db *db, struct dr_err *err, struct dr_table **ret, const char *fmt, ...)
    DR_PRINTF(4, 5);
static int32_t ask(struct dr_db *db, struct dr_err *err, struct dr_table **ret, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *sql = text_of_args(fmt, ap);
    va_end(ap);
    int32_t rc = dr_db_query(db, sql, ret, err);
    free(sql);
    return rc;
}

/* The text of a cell, as CSV would have it; NULL where it is missing. Caller frees. */
static char *cell_text(const struct dr_table *t, int32_t column, int64_t row)
{
    struct dr_column *text = NULL;
    struct dr_chunk c;
    if (dr_table_rows(t) <= row ||
        dr_column_cast(dr_table_column(t, column), DR_TYPE_STRING, NULL, &text, NULL))
        return NULL;
    dr_column_chunk(text, 0, &c);
    const int64_t *at = c.values;
    bool there = !c.validity || (c.validity[row >> 3] >> (row & 7) & 1);
    char *copy = there ? strndup(c.bytes + at[row], (size_t)(at[row + 1] - at[row])) : NULL;
    dr_column_unref(text);
    return copy;
}

char *answer_text(const char *json, const char *path)
{
    struct dr_db *db;
    struct dr_table *t = NULL;
    char *text = NULL;
    if (open_text(json, strlen(json), &db, NULL))
        return NULL;
    if (!ask(db, NULL, &t, "SELECT json_extract(body, '%s') FROM answer WHERE json_valid(body)", path))
        text = cell_text(t, 0, 0);
    dr_table_unref(t);
    dr_db_close(db);
    return text;
}

/* ---- a page ---- */

/* A path at which nothing is: an array does not have that many items. */
static const char *path_or_none(const char *path)
{
    return path ? path : "$[4000000000]";
}

static const char *read_envelope(struct dr_db *db, const struct answer_paths *paths, struct page *ret)
{
    struct dr_table *t = NULL;
    struct dr_err err = { 0 };
    if (ask(db, &err, &t,
            "SELECT json_type(body, '%s') AS records, json_type(body, '%s') AS count_type,"
            " json_extract(body, '%s') AS count, json_type(body, '%s') AS next_type,"
            " json_extract(body, '%s') AS next FROM answer",
            paths->records, path_or_none(paths->count), path_or_none(paths->count), path_or_none(paths->next),
            path_or_none(paths->next))) {
        snprintf(ret->problem, sizeof ret->problem, "%.280s", err.msg);
        return ret->problem;
    }
    char *records = cell_text(t, 0, 0), *count_type = cell_text(t, 1, 0), *count = cell_text(t, 2, 0),
         *next_type = cell_text(t, 3, 0), *next = cell_text(t, 4, 0);
    const char *problem = NULL;
    if (!records || strcmp(records, "array") != 0)
        problem = "there is no array of records where 'records' says";
    else if (paths->count && (!count_type || strcmp(count_type, "integer") != 0 || count[0] == '-'))
        problem = "there is no whole number where 'count' says";
    else if (paths->next && next_type && strcmp(next_type, "null") != 0 && strcmp(next_type, "text") != 0 &&
             strcmp(next_type, "integer") != 0)
        problem = "what comes next is neither a text nor null where 'pages' says";
    ret->count = paths->count && !problem ? strtoll(count, NULL, 10) : -1;
    if (paths->next && !problem && next && next[0]) {
        ret->next = next;
        next = NULL;
    }
    free(records);
    free(count_type);
    free(count);
    free(next_type);
    free(next);
    dr_table_unref(t);
    return problem;
}

static const char *write_lines(const struct dr_column *lines, const char *to, struct page *ret)
{
    FILE *out = fopen(to, "we");
    ret->hash = HASH_BASIS;
    for (int32_t k = 0; out && k < dr_column_chunks(lines); k++) {
        struct dr_chunk c;
        dr_column_chunk(lines, k, &c);
        const int64_t *at = c.values;
        for (int64_t i = 0; i < c.length; i++) {
            size_t n = (size_t)(at[i + 1] - at[i]);
            fwrite(c.bytes + at[i], 1, n, out);
            fputc('\n', out);
            ret->hash = hash_bytes(hash_bytes(ret->hash, c.bytes + at[i], n), "\n", 1);
            ret->bytes += (int64_t)n + 1;
        }
    }
    bool failed = !out || fflush(out) || ferror(out) || fdatasync(fileno(out));
    if (failed)
        snprintf(ret->problem, sizeof ret->problem, "cannot write '%s': %s", to, strerror(errno));
    if (out && fclose(out) && !failed)
        failed = true;
    return failed ? ret->problem : NULL;
}

static const char *split(struct dr_db *db, const char *to, const struct answer_paths *paths, struct page *ret)
{
    struct dr_table *t = NULL;
    struct dr_err err = { 0 };
    const char *problem = read_envelope(db, paths, ret);
    if (problem)
        return problem;
    if (ask(db, &err, &t,
            "SELECT CASE WHEN r.type = 'object' THEN r.value END AS line FROM answer,"
            " json_each(answer.body, '%s') AS r",
            paths->records)) {
        snprintf(ret->problem, sizeof ret->problem, "%.280s", err.msg);
        return ret->problem;
    }
    const struct dr_column *lines = dr_table_column(t, 0);
    ret->rows = dr_table_rows(t);
    if (dr_column_nulls(lines))
        problem = "a record is not an object";
    else
        problem = write_lines(lines, to, ret);
    dr_table_unref(t);
    return problem;
}

static const char *split_text(const char *text, size_t n, const char *to, const struct answer_paths *paths,
                              struct page *ret)
{
    struct dr_db *db;
    struct dr_table *t = NULL;
    struct dr_err err = { 0 };
    if (open_text(text, n, &db, &err)) {
        snprintf(ret->problem, sizeof ret->problem, "%.280s", err.msg);
        return ret->problem;
    }
    const char *problem = NULL;
    if (ask(db, &err, &t, "SELECT 1 FROM answer WHERE json_valid(body)"))
        problem = "it cannot be read as JSON";
    else if (dr_table_rows(t) == 0)
        problem = n == 0 ? "it is empty" : "it is not JSON, or was cut off";
    else
        problem = split(db, to, paths, ret);
    dr_table_unref(t);
    dr_db_close(db);
    return problem;
}

const char *answer_split(const char *from, const char *to, const struct answer_paths *paths, struct page *ret)
{
    struct stat st;
    *ret = (struct page){ .count = -1 };
    int fd = open(from, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) {
        snprintf(ret->problem, sizeof ret->problem, "cannot read '%s': %s", from, strerror(errno));
        if (fd >= 0)
            close(fd);
        return ret->problem;
    }
    size_t n = (size_t)st.st_size;
    char *text = n ? mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    close(fd);
    if (text == MAP_FAILED) {
        snprintf(ret->problem, sizeof ret->problem, "cannot read '%s': %s", from, strerror(errno));
        return ret->problem;
    }
    size_t mark = n >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0; /* as in files */
    const char *problem = split_text(text ? text + mark : "", n - mark, to, paths, ret);
    if (text)
        munmap(text, n);
    return problem;
}
