/* validate - check a table against a suite, and set apart the rows that an
 * expectation with `on_failure: quarantine` refuses.
 *
 * A CSV input is read in the forgiving mode: a record that cannot be read as
 * one (too few or too many fields, bytes that are not text) is quarantined too,
 * with its line and its text. Nothing is lost: raw = valid + quarantined. Rows
 * carry their line in the column _line. With `memory` batches are checked and written as they come. */
#include <dagrun/task.h>
#include <stdio.h>
#include <string.h>

static const struct dr_param params[] = {
    { "suite", DR_PARAM_SUITE, DR_REQUIRED, NULL, NULL, "The expectation suite, by name" },
    { "dataset", DR_PARAM_STRING, 0, NULL, NULL,
      "What the results are recorded under; the input's name without it" },
    { "columns", DR_PARAM_LIST, 0, NULL, NULL,
      "Columns that the table must have; their values are the suite's matter" },
    { "unreadable", DR_PARAM_FLOAT, 0, "1.0", NULL,
      "The largest share of records that may be unreadable before the task fails, 0 to 1" },
    { "account_by", DR_PARAM_STRING, 0, NULL, NULL,
      "Count rows into the run's account (raw, quarantined) for each value of this column" },
    { "forgiving", DR_PARAM_BOOL, 0, "true", NULL,
      "Quarantine records that cannot be read rather than refusing the file" },
    { "encoding", DR_PARAM_STRING, 0, NULL, "utf-8|utf-16|utf-16le|utf-16be|latin-1|windows-1252",
      "Of a CSV input; UTF-8 without it, or UTF-16 where the file begins with its mark" },
    { "delimiter", DR_PARAM_STRING, 0, NULL, NULL, "One character; a comma, or in .tsv files a tab" },
    { "memory", DR_PARAM_INT, 0, "0", NULL,
      "Check a CSV or Arrow file of any size in one pass, within about so many bytes; 0: hold the whole "
      "table" },
    { 0 },
};
static const struct dr_port inputs[] = {
    { "table", DR_REQUIRED, 0, "A dataset, or a .csv or .arrow file" },
    { "others", DR_MANY, 0,
      "Tables that expectations compare with, by name (hospitals: data/hospitals.csv)" },
    { 0 },
};
static const struct dr_port outputs[] = {
    { "valid", 0, 0, "The rows that no quarantining expectation refuses" },
    { "quarantined", 0, 0,
      "The others, with _reasons, _expectations and _record (the text of unreadable records)" },
    { 0 },
};

static struct dr_column *nulls(int32_t type, int64_t n)
{
    struct dr_builder *b = dr_builder_new(type);
    for (int64_t i = 0; i < n; i++)
        dr_builder_append_null(b);
    return dr_builder_finish(b);
}

/* Rows of which there is more than a record's text. */
static int32_t with_record(struct dr_task *t, const struct dr_table *table, struct dr_table **ret)
{
    struct dr_column *c = nulls(DR_TYPE_STRING, dr_table_rows(table));
    int32_t rc = dr_table_with(table, "_record", c, ret, dr_task_err(t));
    dr_column_unref(c);
    return rc;
}

/* A column of the unreadable records, of the type that the rows have. */
static int32_t shape_column(struct dr_task *t, const struct dr_table *rejects, const char *name, int32_t type,
                            struct dr_column **ret)
{
    const char *source = strcmp(name, "_line") == 0      ? "line"
                         : strcmp(name, "_reasons") == 0 ? "reason"
                         : strcmp(name, "_record") == 0  ? "text"
                                                         : NULL;
    if (source)
        return dr_column_cast(dr_table_column(rejects, dr_table_find(rejects, source)), type, NULL, ret,
                              dr_task_err(t));
    *ret = nulls(type, dr_table_rows(rejects));
    return 0;
}

/* The unreadable records in the shape of `like`: nulls, but for the line, the
 * reason and the record's text. */
static int32_t shape_rejects(struct dr_task *t, const struct dr_table *rejects, const struct dr_table *like,
                             struct dr_table **ret)
{
    struct dr_table *shaped = NULL;
    DR_TRY(dr_table_select(rejects, 0, NULL, &shaped, dr_task_err(t)));
    int32_t rc = 0;
    for (int32_t i = 0; i < dr_table_columns(like) && !rc; i++) {
        const char *name = dr_table_column_name(like, i);
        struct dr_column *c = NULL;
        struct dr_table *wider = NULL;
        rc = shape_column(t, rejects, name, dr_column_type(dr_table_column(like, i)), &c);
        if (!rc)
            rc = dr_table_with(shaped, name, c, &wider, dr_task_err(t));
        dr_column_unref(c);
        if (!rc) {
            dr_table_unref(shaped);
            shaped = wider;
        }
    }
    if (rc)
        dr_table_unref(shaped);
    else
        *ret = shaped;
    return rc;
}

static int32_t join_quarantine(struct dr_task *t, struct dr_table **quarantined,
                               const struct dr_table *rejects)
{
    struct dr_table *wider = NULL, *shaped = NULL, *both = NULL;
    DR_TRY(with_record(t, *quarantined, &wider));
    dr_table_unref(*quarantined);
    *quarantined = wider;
    if (!rejects || dr_table_rows(rejects) == 0)
        return 0;
    DR_TRY(shape_rejects(t, rejects, *quarantined, &shaped));
    int32_t rc =
        dr_table_concat(2, (const struct dr_table *[]){ *quarantined, shaped }, &both, dr_task_err(t));
    dr_table_unref(shaped);
    if (rc)
        return rc;
    dr_table_unref(*quarantined);
    *quarantined = both;
    return 0;
}

struct tables {
    struct dr_table *raw, *rejects, *valid, *quarantined;
};

static void account_unreadable(struct dr_task *t, const char *dataset, int64_t n)
{
    if (n == 0)
        return;
    dr_task_account(t, dataset, "(unreadable)", "raw", n);
    dr_task_account(t, dataset, "(unreadable)", "quarantined", n);
}

static int32_t account(struct dr_task *t, const char *dataset, const char *by, const struct tables *x)
{
    int64_t unreadable = x->rejects ? dr_table_rows(x->rejects) : 0;
    DR_TRY(dr_task_account_table(t, dataset, "raw", x->raw, by));
    struct dr_table *readable = x->quarantined;
    DR_TRY(dr_task_account_table(t, dataset, "quarantined", readable, by));
    account_unreadable(t, dataset, unreadable);
    return 0;
}

static int32_t verdict(struct dr_task *t, const struct dr_validation *v, const char *suite)
{
    dr_task_metric(t, "expectations_evaluated", v->evaluated);
    dr_task_metric(t, "expectations_failed", v->failed);
    dr_task_metric(t, "expectations_not_evaluated", v->errors);
    dr_task_log(
        t,
        v->must_fail ? DR_ERROR
        : v->failed  ? DR_WARN
                     : DR_INFO,
        "suite %s: %d expectations evaluated, %d failed (%d critical, %d warning), %d could not be evaluated",
        suite, v->evaluated, v->failed, v->failed_critical, v->failed_warning, v->errors);
    return dr_task_verdict(t, v);
}

/* ---- what the file must have, whatever the suite says ------------------------------------- */

enum { NAMES_SHOWN = 300 };

static void list_columns(const struct dr_table *table, char ret[NAMES_SHOWN])
{
    size_t at = 0;
    ret[0] = '\0';
    for (int32_t i = 0; i < dr_table_columns(table) && at < NAMES_SHOWN; i++)
        if (strcmp(dr_table_column_name(table, i), "_line") != 0)
            at += (size_t)snprintf(ret + at, NAMES_SHOWN - at, "%s%s", at ? ", " : "",
                                   dr_table_column_name(table, i));
}

static int32_t refuse_columns(struct dr_task *t, const struct dr_table *table, const char *absent)
{
    char have[NAMES_SHOWN];
    list_columns(table, have);
    const char *advice = "add it, empty where nothing is known, or rename the one that is meant";
    if (strpbrk(have, ";\t|") && !strchr(have, ','))
        advice = "is the delimiter right? Write the file with commas, or set 'delimiter'";
    return dr_task_fail_final(t, "%s: there is no column '%s'; %s. It has: %s",
                              dr_task_input_name(t, "table", 0), absent, advice, have);
}

/* A column that is not there fails once, with its name, and not in whatever reads the rows later. */
static int32_t check_columns(struct dr_task *t, const struct dr_table *table)
{
    const struct dr_node *columns = dr_task_param(t, "columns");
    for (int64_t i = 0; i < dr_node_size(columns); i++) {
        const char *name = dr_node_str(dr_node_at(columns, i), NULL);
        if (!name)
            return dr_task_fail_final(t, "%s: columns: item %lld is no text", dr_node_where(t, columns),
                                      (long long)i + 1);
        if (dr_table_find(table, name) < 0)
            return refuse_columns(t, table, name);
    }
    return 0;
}

struct unreadable {
    int64_t n, line;  /* records, and where the first is */
    char reason[200]; /* of the first */
};

static void count_unreadable(struct unreadable *u, const struct dr_table *rejects)
{
    struct dr_chunk line, reason;
    if (!rejects || dr_table_rows(rejects) == 0)
        return;
    if (u->n == 0) {
        dr_column_chunk(dr_table_column(rejects, dr_table_find(rejects, "line")), 0, &line);
        dr_column_chunk(dr_table_column(rejects, dr_table_find(rejects, "reason")), 0, &reason);
        const int64_t *ends = reason.values;
        u->line = ((const int64_t *)line.values)[0];
        snprintf(u->reason, sizeof u->reason, "%.*s", (int)(ends[1] - ends[0]), reason.bytes + ends[0]);
    }
    u->n += dr_table_rows(rejects);
}

/* A suite sees only what could be read: of a file that was exported wrongly that may be nothing. */
static int32_t check_unreadable(struct dr_task *t, const struct unreadable *u, int64_t readable)
{
    double most = dr_node_float(dr_task_param(t, "unreadable"), 1), all = (double)(u->n + readable);
    if (u->n == 0 || (readable > 0 && (double)u->n <= most * all))
        return 0;
    return dr_task_fail_final(
        t, "%s: %lld of %lld records cannot be read (is the encoding another?); the first, in line %lld: %s",
        dr_task_input_name(t, "table", 0), (long long)u->n, (long long)(u->n + readable), (long long)u->line,
        u->reason);
}

/* Write what the suite set apart, also when its verdict is that the task fails:
 * the quarantine explains why. */
static int32_t write_outputs(struct dr_task *t, struct tables *x, const char *dataset)
{
    const char *by = dr_node_str(dr_task_param(t, "account_by"), NULL);
    if (by)
        DR_TRY(account(t, dataset, by, x));
    DR_TRY(join_quarantine(t, &x->quarantined, x->rejects));
    int64_t raw = dr_table_rows(x->raw) + (x->rejects ? dr_table_rows(x->rejects) : 0);
    int64_t valid = dr_table_rows(x->valid), set_apart = dr_table_rows(x->quarantined);
    dr_task_metric(t, "rows_raw", (double)raw);
    dr_task_metric(t, "rows_valid", (double)valid);
    dr_task_metric(t, "rows_quarantined", (double)set_apart);
    if (raw != valid + set_apart)
        return dr_task_fail_final(t, "rows do not add up: %lld raw, %lld valid, %lld quarantined",
                                  (long long)raw, (long long)valid, (long long)set_apart);
    if (dr_task_has_output(t, "valid"))
        DR_TRY(dr_task_write(t, "valid", x->valid));
    if (dr_task_has_output(t, "quarantined"))
        DR_TRY(dr_task_write(t, "quarantined", x->quarantined));
    return 0;
}

static struct dr_csv_options csv_options(const struct dr_task *t, const char *delimiter)
{
    return (struct dr_csv_options){
        .size = sizeof(struct dr_csv_options),
        .delimiter = (uint8_t)delimiter[0],
        .forgiving = (uint8_t)dr_node_bool(dr_task_param(t, "forgiving"), 1),
        .encoding = dr_node_str(dr_task_param(t, "encoding"), NULL),
        .line_column = "_line",
        .hide_text = 1, /* the suite may call a column sensitive */
    };
}

static int32_t read_raw(struct dr_task *t, const struct dr_csv_options *csv, struct tables *x)
{
    int32_t rc = dr_task_read(t, "table", 0, csv, &x->raw, &x->rejects);
    if (rc == DR_EINPUT || rc == DR_ENOTFOUND || rc == DR_ELIMIT) /* it will not read better a while later */
        return dr_task_fail_final(t, "%s", dr_task_err(t)->msg);
    return rc;
}

static int32_t check(struct dr_task *t, const struct dr_csv_options *csv, struct tables *x)
{
    const char *suite = dr_node_str(dr_task_param(t, "suite"), "");
    const char *dataset = dr_node_str(dr_task_param(t, "dataset"), dr_task_input_name(t, "table", 0));
    DR_TRY(read_raw(t, csv, x));
    dr_task_log(t, DR_INFO, "%lld rows and %lld unreadable records in %s", (long long)dr_table_rows(x->raw),
                (long long)(x->rejects ? dr_table_rows(x->rejects) : 0), dr_task_input_name(t, "table", 0));
    DR_TRY(check_columns(t, x->raw));
    struct dr_validation v = { .size = sizeof v };
    struct unreadable u = { 0 };
    count_unreadable(&u, x->rejects);
    DR_TRY(dr_task_validate(t, suite, dataset, x->raw, &v, &x->valid, &x->quarantined));
    DR_TRY(write_outputs(t, x, dataset));
    DR_TRY(check_unreadable(t, &u, dr_table_rows(x->raw)));
    return verdict(t, &v, suite);
}

/* ---- one pass -------------------------------------------------------------------------- */

struct pass {
    struct dr_task *t;
    const char *dataset, *by;   /* by NULL: no account */
    struct dr_table *like;      /* owned: a batch of the quarantine, which says its columns */
    int32_t valid, quarantined; /* whether the DAG names these outputs */
    int64_t rows_valid, rows_quarantined;
    struct unreadable unreadable;
};

static int32_t append_quarantined(struct pass *p, const struct dr_table *batch)
{
    p->rows_quarantined += dr_table_rows(batch);
    return p->quarantined ? dr_task_append(p->t, "quarantined", batch) : 0;
}

/* Of one stage, the rows that passed and those that did not. */
static int32_t account_batch(const struct pass *p, const struct dr_table *valid,
                             const struct dr_table *quarantined)
{
    if (!p->by)
        return 0;
    DR_TRY(dr_task_account_table(p->t, p->dataset, "raw", valid, p->by));
    DR_TRY(dr_task_account_table(p->t, p->dataset, "raw", quarantined, p->by));
    return dr_task_account_table(p->t, p->dataset, "quarantined", quarantined, p->by);
}

/* Batches come before the records that gave no row. */
static int32_t take_batch(void *ctx, const struct dr_table *valid, const struct dr_table *quarantined,
                          const struct dr_table *rejects)
{
    struct pass *p = ctx;
    struct dr_table *shaped = NULL;
    if (rejects) {
        count_unreadable(&p->unreadable, rejects);
        DR_TRY(shape_rejects(p->t, rejects, p->like, &shaped));
        int32_t rc = append_quarantined(p, shaped);
        dr_table_unref(shaped);
        return rc;
    }
    if (!p->like)
        DR_TRY(check_columns(p->t, valid));
    p->rows_valid += dr_table_rows(valid);
    DR_TRY(account_batch(p, valid, quarantined));
    if (p->valid)
        DR_TRY(dr_task_append(p->t, "valid", valid));
    DR_TRY(with_record(p->t, quarantined, &shaped));
    int32_t rc = append_quarantined(p, shaped);
    dr_table_unref(p->like);
    p->like = shaped;
    return rc;
}

static int32_t end_pass(struct pass *p, const struct dr_task_rollup *o)
{
    struct dr_task *t = p->t;
    int64_t raw = o->ret_counts.rows + o->ret_unreadable;
    dr_task_metric(t, "rows_raw", (double)raw);
    dr_task_metric(t, "rows_valid", (double)p->rows_valid);
    dr_task_metric(t, "rows_quarantined", (double)p->rows_quarantined);
    if (p->by)
        account_unreadable(t, p->dataset, o->ret_unreadable);
    if (raw != p->rows_valid + p->rows_quarantined)
        return dr_task_fail_final(t, "rows do not add up: %lld raw, %lld valid, %lld quarantined",
                                  (long long)raw, (long long)p->rows_valid, (long long)p->rows_quarantined);
    if (p->valid)
        DR_TRY(dr_task_append_end(t, "valid"));
    return p->quarantined ? dr_task_append_end(t, "quarantined") : 0;
}

static int32_t check_in_one_pass(struct dr_task *t, const struct dr_csv_options *csv, int64_t memory)
{
    const char *suite = dr_node_str(dr_task_param(t, "suite"), "");
    const char *dataset = dr_node_str(dr_task_param(t, "dataset"), dr_task_input_name(t, "table", 0));
    struct pass p = { .t = t,
                      .dataset = dataset,
                      .by = dr_node_str(dr_task_param(t, "account_by"), NULL),
                      .valid = dr_task_has_output(t, "valid"),
                      .quarantined = dr_task_has_output(t, "quarantined") };
    struct dr_task_rollup o = { .size = sizeof o,
                                .suite = suite,
                                .dataset = dataset,
                                .csv = csv,
                                .memory = memory,
                                .take = take_batch,
                                .ctx = &p,
                                .ret_validation = { .size = sizeof o.ret_validation } };
    int32_t rc = dr_task_rollup(t, "table", 0, &o, NULL);
    if (rc == DR_EINPUT || rc == DR_ENOTFOUND || rc == DR_EDEF)
        rc = dr_task_fail_final(t, "%s", dr_task_err(t)->msg);
    if (!rc)
        rc = end_pass(&p, &o);
    dr_table_unref(p.like);
    if (!rc)
        rc = check_unreadable(t, &p.unreadable, o.ret_counts.rows);
    return rc ? rc : verdict(t, &o.ret_validation, suite);
}

static int32_t validate(struct dr_task *t)
{
    struct tables x = { 0 };
    const char *delimiter = dr_node_str(dr_task_param(t, "delimiter"), "");
    int64_t memory = dr_node_int(dr_task_param(t, "memory"), 0);
    double most = dr_node_float(dr_task_param(t, "unreadable"), 1);
    if (strlen(delimiter) > 1)
        return dr_task_fail_final(t, "delimiter: '%s' is not one character", delimiter);
    if (!(most >= 0 && most <= 1))
        return dr_task_fail_final(t, "unreadable: %g is not 0 to 1", most);
    struct dr_csv_options csv = csv_options(t, delimiter);
    if (memory != 0)
        return check_in_one_pass(t, &csv, memory);
    int32_t rc = check(t, &csv, &x);
    dr_table_unref(x.raw);
    dr_table_unref(x.rejects);
    dr_table_unref(x.valid);
    dr_table_unref(x.quarantined);
    return rc;
}

/* The columns go through, and the reader adds the line to those of a CSV. */
static int32_t plan(struct dr_task *t)
{
    enum { MOST = 2000 };
    const char *const *names = NULL;
    const char *all[MOST + 4];
    int32_t n = dr_task_columns(t, "table", &names), line = 0;
    if (n < 0 || n > MOST || strcmp(dr_node_str(dr_task_param(t, "delimiter"), ","), ",") != 0 ||
        strcmp(dr_node_str(dr_task_param(t, "encoding"), "utf-8"), "utf-8") != 0)
        return 0;
    for (int32_t i = 0; i < n; i++) {
        all[i] = names[i];
        line |= strcmp(names[i], "_line") == 0;
    }
    if (!line)
        all[n++] = "_line";
    dr_task_promise(t, "valid", all, n);
    all[n++] = "_reasons";
    all[n++] = "_expectations";
    all[n++] = "_record";
    dr_task_promise(t, "quarantined", all, n);
    return 0;
}

DR_PLUGIN(.name = "validate", .summary = "Check a table against an expectation suite and quarantine bad rows",
          .doc =
              "Every expectation's result is recorded with the run. The task fails when a critical\n"
              "expectation, or one with `on_failure: fail`, fails or cannot be evaluated. With `memory` the\n"
              "file may be of any size, and the suite may hold what `rollup` takes.",
          .params = params, .inputs = inputs, .outputs = outputs, .run = validate, .check = plan);
