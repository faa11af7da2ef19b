/* folder.c - the files of a folder, one below the other, each row with its file's name.
 *
 *     found -> not older than `settle` -> known to the ledger? -> read -> read, or refused
 *
 * The ledger (var/ledger.db) knows files by what is in them, not by name or time: a file that is
 * sent again under another name was read already. It is only asked here. The task `ledger`
 * writes it, after what the author of the DAG holds to be the end of the work: had this task
 * written it, files of a run that fails later would be lost. */
#include "extract.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct found {
    char *name, *path;
    char hash[17];
    int64_t bytes, rows;
    struct timespec modified;
    const char *state; /* of the column `state`, see docs/extract.md */
    char *reason;
};
struct folder {
    struct dr_task *t;
    const char *path, *pattern, *format, *order, *ledger;
    int64_t settle_ms;
    bool skip_bad;
    struct found *files;
    int64_t n;
};

/* ---- settings ---- */

static int32_t read_settings(struct dr_task *t, struct folder *f)
{
    struct settings s;
    const char *path, *bad;
    f->t = t;
    DR_TRY(settings_of_task(t, "folder", "path|pattern|format|order|ledger|settle|bad_files", &s));
    DR_TRY(settings_text(&s, "path", REQUIRED_TEXT, &path));
    DR_TRY(settings_text(&s, "pattern", "*", &f->pattern));
    DR_TRY(settings_text(&s, "format", REQUIRED_TEXT, &f->format));
    DR_TRY(settings_text(&s, "order", "name", &f->order));
    DR_TRY(settings_text(&s, "ledger", NULL, &f->ledger));
    DR_TRY(settings_text(&s, "bad_files", "fail", &bad));
    DR_TRY(settings_ms(&s, "settle", 0, &f->settle_ms));
    if (!is_format(f->format))
        return settings_refuse(&s, "format", "'%s' is not one of " FORMATS, f->format);
    if (!is_in_list("name|time", f->order))
        return settings_refuse(&s, "order", "must be name or time");
    if (!is_in_list("fail|skip", bad))
        return settings_refuse(&s, "bad_files", "must be fail or skip");
    if (f->ledger && strspn(f->ledger, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") !=
                         strlen(f->ledger))
        return settings_refuse(&s, "ledger", "must be a name of letters, digits, _ . and -");
    f->skip_bad = strcmp(bad, "skip") == 0;
    f->path = home_path(t, path);
    return 0;
}

/* ---- finding ---- */

static int by_name(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static int by_time(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    if (x->modified.tv_sec != y->modified.tv_sec)
        return x->modified.tv_sec < y->modified.tv_sec ? -1 : 1;
    if (x->modified.tv_nsec != y->modified.tv_nsec)
        return x->modified.tv_nsec < y->modified.tv_nsec ? -1 : 1;
    return by_name(a, b);
}

/* A link to nowhere, a file that somebody may not read, or one that was moved away meanwhile. */
static int32_t refuse_unread(struct folder *f, struct found *x, const char *what)
{
    x->reason = text_of("%s: cannot %s it: %s", x->name, what, strerror(errno));
    if (!f->skip_bad)
        return dr_task_fail(f->t, "%s", x->reason);
    x->state = "refused";
    dr_task_log(f->t, DR_WARN, "refused: %s", x->reason);
    return 0;
}

static int32_t hash_file(struct folder *f, struct found *x)
{
    char block[1 << 15];
    uint64_t hash = HASH_BASIS;
    FILE *in = fopen(x->path, "re");
    for (size_t n; in && (n = fread(block, 1, sizeof block, in)) > 0;)
        hash = hash_bytes(hash, block, n);
    if (!in || ferror(in) || fclose(in))
        return refuse_unread(f, x, "read");
    snprintf(x->hash, sizeof x->hash, "%016" PRIx64, hash);
    return 0;
}

static void judge_age(const struct folder *f, struct found *x)
{
    struct timespec now;
    if (f->settle_ms == 0) /* whatever its time: other machines have other clocks */
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t age_ms =
        (now.tv_sec - x->modified.tv_sec) * INT64_C(1000) + (now.tv_nsec - x->modified.tv_nsec) / 1000000;
    if (age_ms >= f->settle_ms)
        return;
    x->state = "unsettled";
    x->reason = age_ms < 0 ? text_of("changed in the future, by this machine's clock")
                           : text_of("changed %lld ms ago", (long long)age_ms);
}

static int32_t add_file(struct folder *f, const char *name)
{
    struct stat st;
    struct found x = { .name = text_of("%s", name),
                       .path = text_of("%s/%s", f->path, name),
                       .state = "read" };
    if (stat(x.path, &st)) {
        DR_TRY(refuse_unread(f, &x, "find"));
    } else if (!S_ISREG(st.st_mode)) {
        return 0;
    } else {
        x.bytes = st.st_size;
        x.modified = st.st_mtim;
        judge_age(f, &x);
        DR_TRY(hash_file(f, &x));
    }
    struct found *more = realloc(f->files, (size_t)(f->n + 1) * sizeof *more);
    if (!more)
        abort();
    f->files = more;
    f->files[f->n++] = x;
    return 0;
}

static int32_t find_files(struct folder *f)
{
    DIR *d = opendir(f->path);
    if (!d)
        return dr_task_fail(f->t, "cannot read the folder '%s': %s", f->path, strerror(errno));
    int32_t rc = 0;
    for (struct dirent *e; !rc && (e = readdir(d));)
        if (fnmatch(f->pattern, e->d_name, FNM_PERIOD) == 0)
            rc = add_file(f, e->d_name);
    closedir(d);
    if (f->n)
        qsort(f->files, (size_t)f->n, sizeof *f->files, strcmp(f->order, "time") == 0 ? by_time : by_name);
    return rc;
}

/* ---- what was found, as a table ---- */

static struct dr_column *text_column(const struct folder *f, const char *(*get)(const struct found *))
{
    struct dr_builder *b = dr_builder_new(DR_TYPE_STRING);
    for (int64_t i = 0; i < f->n; i++) {
        const char *text = get(&f->files[i]);
        if (text)
            dr_builder_append_bytes(b, text, (int64_t)strlen(text));
        else
            dr_builder_append_null(b);
    }
    return dr_builder_finish(b);
}

static struct dr_column *count_column(const struct folder *f, int64_t (*get)(const struct found *))
{
    struct dr_builder *b = dr_builder_new(DR_TYPE_INT64);
    for (int64_t i = 0; i < f->n; i++)
        dr_builder_append_int(b, get(&f->files[i]));
    return dr_builder_finish(b);
}

static const char *name_of(const struct found *x)
{
    return x->name;
}
static const char *hash_of(const struct found *x)
{
    return x->hash;
}
static const char *state_of(const struct found *x)
{
    return x->state;
}
static const char *reason_of(const struct found *x)
{
    return x->reason;
}
static int64_t bytes_of(const struct found *x)
{
    return x->bytes;
}
static int64_t rows_of(const struct found *x)
{
    return x->rows;
}

static int32_t table_of_files(const struct folder *f, struct dr_table **ret)
{
    static const char *const names[] = { "file", "hash", "bytes", "state", "rows", "reason" };
    struct dr_column *columns[] = { text_column(f, name_of),   text_column(f, hash_of),
                                    count_column(f, bytes_of), text_column(f, state_of),
                                    count_column(f, rows_of),  text_column(f, reason_of) };
    int32_t rc = dr_table_new(6, names, (const struct dr_column *const *)columns, ret, dr_task_err(f->t));
    for (int i = 0; i < 6; i++)
        dr_column_unref(columns[i]);
    return rc;
}

/* ---- the ledger ---- */

/* The numbers (from 0) of the files whose content the ledger knows, or that stand behind another of the
 * same content. */
static int32_t ask_ledger(struct folder *f, struct dr_db *db, struct dr_table **ret)
{
    struct dr_table *files = NULL;
    DR_TRY(table_of_files(f, &files));
    int32_t rc = dr_db_attach_table(db, "found_files", files, dr_task_err(f->t));
    dr_table_unref(files);
    if (rc)
        return rc;
    /* Thousands of files are usual: the first of each content is found once, not for each file. */
    char *sql =
        text_of("WITH first_of AS MATERIALIZED (SELECT hash, bytes, min(rowid) AS number FROM found_files"
                " WHERE state = 'read' GROUP BY hash, bytes)"
                " SELECT x.rowid - 1 AS file FROM found_files x LEFT JOIN first_of e USING (hash, bytes)"
                " WHERE e.number < x.rowid OR EXISTS (SELECT 1 FROM file_ledger l"
                " WHERE l.ledger = '%s' AND l.hash = x.hash AND l.bytes = x.bytes)",
                f->ledger);
    rc = dr_db_query(db, sql, ret, dr_task_err(f->t));
    free(sql);
    return rc;
}

static int32_t skip_known(struct folder *f)
{
    struct dr_db *db = NULL;
    struct dr_table *known = NULL;
    if (!f->ledger)
        return 0;
    char *path = home_path(f->t, "var/ledger.db");
    DR_TRY(dr_db_open(path, &db, dr_task_err(f->t)));
    free(path);
    int32_t rc = dr_db_exec(db, LEDGER_SCHEMA, dr_task_err(f->t));
    if (!rc)
        rc = ask_ledger(f, db, &known);
    dr_db_close(db);
    if (rc)
        return rc;
    for (int32_t k = 0; dr_table_rows(known) && k < dr_column_chunks(dr_table_column(known, 0)); k++) {
        struct dr_chunk c;
        dr_column_chunk(dr_table_column(known, 0), k, &c);
        for (int64_t i = 0; i < c.length; i++)
            f->files[((const int64_t *)c.values)[i]].state = "known";
    }
    dr_table_unref(known);
    return 0;
}

/* ---- reading ---- */

static int32_t add_name(struct dr_task *t, struct dr_table **table, const char *name)
{
    struct dr_builder *b = dr_builder_new(DR_TYPE_DICT);
    for (int64_t i = 0; i < dr_table_rows(*table); i++)
        dr_builder_append_bytes(b, name, (int64_t)strlen(name));
    struct dr_column *c = dr_builder_finish(b);
    struct dr_table *wider = NULL;
    int32_t rc = dr_table_with(*table, "_file", c, &wider, dr_task_err(t));
    dr_column_unref(c);
    if (rc)
        return rc;
    dr_table_unref(*table);
    *table = wider;
    return 0;
}

static void drop(struct extracted *e)
{
    dr_table_unref(e->table);
    for (int32_t i = 0; i < CHILDREN_MAX; i++)
        dr_table_unref(e->children[i]);
    *e = (struct extracted){ 0 };
}

/* ret->table stays NULL where the file is refused and that is no failure. */
static int32_t read_file(struct folder *f, struct found *x, struct extracted *ret)
{
    struct dr_err err = { 0 };
    int32_t rc = read_format(f->t, f->format, x->path, ret, &err);
    ret->decimals_wait = true;
    if (!rc)
        rc = declare_columns(f->t, ret, &err);
    if (!rc) {
        x->rows = dr_table_rows(ret->table);
        for (int32_t i = 0; i < ret->n_children && !rc; i++)
            rc = add_name(f->t, &ret->children[i], x->name);
        return rc ? rc : add_name(f->t, &ret->table, x->name);
    }
    if (err.rc == 0) /* a setting is wrong: the task has failed */
        return rc;
    x->reason = file_problem(x->name, x->path, &err);
    if (!f->skip_bad)
        return dr_task_fail(f->t, "%s", x->reason);
    drop(ret);
    x->state = "refused";
    dr_task_log(f->t, DR_WARN, "refused: %s", x->reason);
    return 0;
}

static int32_t read_files(struct folder *f, struct extracted **ret, int32_t *ret_n)
{
    struct extracted *read = calloc((size_t)f->n + 1, sizeof *read);
    if (!read)
        abort();
    for (int64_t i = 0; i < f->n; i++) {
        if (strcmp(f->files[i].state, "read") != 0)
            continue;
        DR_TRY(read_file(f, &f->files[i], &read[*ret_n]));
        *ret_n += read[*ret_n].table != NULL;
        dr_task_progress(f->t, i + 1, f->n);
    }
    *ret = read;
    return 0;
}

/* Which file is not as the first one. */
static int32_t tell_misfit(const struct folder *f, int32_t n, const struct dr_table *const *tables,
                           const char *const *names, const char *child)
{
    for (int32_t i = 1; i < n; i++) {
        const struct dr_table *two[] = { tables[0], tables[i] };
        struct dr_table *both = NULL;
        struct dr_err err = { 0 };
        if (dr_table_concat(2, two, &both, &err))
            return dr_task_fail(f->t, "%s does not fit %s; name the columns that matter in '%s%s': %s",
                                names[i], names[0], child ? child : "columns", child ? ".columns" : "",
                                err.msg);
        dr_table_unref(both);
    }
    return dr_task_err(f->t)->rc;
}

static struct dr_table *table_of(const struct extracted *x, int32_t child)
{
    return child < 0 ? x->table : x->children[child];
}

/* The tables of all files one below the other: child number `child`, or the records for -1. One without
 * rows has nothing to add, and of JSON may not know its columns. */
static int32_t put_together(const struct folder *f, const struct extracted *read, int32_t n, int32_t child,
                            struct dr_table **ret)
{
    const struct dr_table **tables = calloc((size_t)n, sizeof(struct dr_table *));
    const char **names = calloc((size_t)n, sizeof *names);
    int32_t used = 0, k = 0;
    if (!tables || !names)
        abort();
    for (int64_t i = 0; i < f->n; i++) {
        if (strcmp(f->files[i].state, "read") != 0 || dr_table_rows(table_of(&read[k++], child)) == 0)
            continue;
        names[used] = f->files[i].name;
        tables[used++] = table_of(&read[k - 1], child);
    }
    if (used == 0)
        tables[used++] = table_of(&read[0], child);
    int32_t rc = dr_table_concat(used, tables, ret, dr_task_err(f->t));
    if (rc)
        rc = tell_misfit(f, used, tables, names, child < 0 ? NULL : read[0].child_names[child]);
    free(tables);
    free(names);
    return rc;
}

static void tell(const struct folder *f)
{
    static const char *const states[] = { "read", "known", "unsettled", "refused" };
    for (size_t s = 0; s < sizeof states / sizeof states[0]; s++) {
        int64_t n = 0;
        for (int64_t i = 0; i < f->n; i++)
            n += strcmp(f->files[i].state, states[s]) == 0;
        char *name = text_of("files_%s", states[s]);
        dr_task_metric(f->t, name, (double)n);
        free(name);
        dr_task_log(f->t, DR_INFO, "files %s: %lld", states[s], (long long)n);
    }
}

/* What a folder without files gives: the tables of a file without records, so that those who read
 * them find their columns. */
static int32_t no_rows(struct folder *f, struct extracted *ret)
{
    struct dr_err err = { 0 };
    if (is_in_list("json|jsonl", f->format)) {
        char *path = text_of("%s/empty.jsonl", dr_task_info(f->t)->work_dir);
        FILE *empty = fopen(path, "we");
        if (!empty || fclose(empty))
            return dr_task_fail(f->t, "cannot write '%s': %s", path, strerror(errno));
        DR_TRY(read_json(f->t, path, DR_JSON_LINES, ret, dr_task_err(f->t)));
        free(path);
    } else if (strcmp(f->format, "xml") == 0) {
        DR_TRY(no_xml(f->t, &ret->table));
    } else {
        DR_TRY(dr_table_new(0, NULL, NULL, &ret->table, dr_task_err(f->t)));
    }
    DR_TRY(declare_columns(f->t, ret, &err));
    for (int32_t i = 0; i < ret->n_children; i++)
        DR_TRY(add_name(f->t, &ret->children[i], ""));
    return add_name(f->t, &ret->table, "");
}

static int32_t put_all_together(const struct folder *f, struct extracted *read, int32_t n,
                                struct extracted *ret)
{
    struct dr_err err = { 0 };
    DR_TRY(put_together(f, read, n, -1, &ret->table));
    if (declare_decimals(f->t, ret, &err))
        return dr_task_fail(f->t, "%s", err.msg);
    for (int32_t k = 0; k < read[0].n_children; k++) {
        DR_TRY(put_together(f, read, n, k, &ret->children[k]));
        ret->child_names[k] = read[0].child_names[k];
        ret->child_keys[k] = read[0].child_keys[k];
        ret->n_children++;
    }
    for (int32_t i = 0; i < n; i++)
        drop(&read[i]);
    return 0;
}

int32_t extract_folder(struct dr_task *t, struct extracted *ret)
{
    struct folder f = { 0 };
    struct extracted *read = NULL;
    struct dr_table *files = NULL;
    int32_t n = 0;
    DR_TRY(read_settings(t, &f));
    DR_TRY(find_files(&f));
    DR_TRY(skip_known(&f));
    DR_TRY(read_files(&f, &read, &n));
    tell(&f);
    DR_TRY(table_of_files(&f, &files));
    if (dr_task_has_output(t, "files"))
        DR_TRY(dr_task_write(t, "files", files));
    dr_table_unref(files);
    if (n)
        DR_TRY(put_all_together(&f, read, n, ret));
    else
        DR_TRY(no_rows(&f, ret));
    ret->has_columns = true;
    free(read);
    return 0;
}
