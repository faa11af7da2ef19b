/* transform - clean a table by declared steps, and account for every row.
 *
 * Design. The steps work on one table whose rows keep their order. A step that
 * meets a cell it cannot use makes the cell missing and notes a reason against
 * the row; nothing is dropped yet, so a row collects every reason that applies.
 * Rows with reasons leave the table at `settle`, which runs before steps that
 * compare rows with each other (ordered_pair, distinct) and at the end. The three outputs
 * partition the input: clean + rejected + duplicates = input, which is checked.
 *
 * `origin` remembers, for each row still in the table, which input row it was:
 * rejected rows and duplicates are written as they came in. */
#include "transform/transform.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct dr_param params[] = {
    { "steps", DR_PARAM_LIST, DR_REQUIRED, NULL, NULL,
      "Clean-up steps in order, each {name: {arguments}}; see docs/transform.md" },
    { "dataset", DR_PARAM_STRING, 0, NULL, NULL,
      "What the account of rows calls the data; the input's name without it" },
    { "account_by", DR_PARAM_STRING, 0, NULL, NULL,
      "Count rows into the run's account for each value of this column" },
    { "memory", DR_PARAM_INT, 0, "0", NULL,
      "Clean a CSV or Arrow file of any size batch by batch, within about so many bytes; 0: hold the whole "
      "table, unless it may not fit into DAGRUN_MEMORY_LIMIT" },
    { 0 },
};
static const struct dr_port inputs[] = {
    { "table", DR_REQUIRED, 0, "The valid rows" },
    { 0 },
};
static const struct dr_port outputs[] = {
    { "clean", DR_REQUIRED, 0, "The cleaned rows" },
    { "rejected", 0, 0, "Input rows that could not be cleaned, with _reasons" },
    { "duplicates", 0, 0, "Input rows left out as duplicates, with _reasons" },
    { 0 },
};

void *need(void *p)
{
    if (!p) {
        fputs("transform: out of memory\n", stderr);
        abort();
    }
    return p;
}

int get_bit(const uint8_t *bits, int64_t i)
{
    return bits[i >> 3] >> (i & 7) & 1;
}

void set_bit(uint8_t *bits, int64_t i)
{
    bits[i >> 3] |= (uint8_t)(1u << (i & 7));
}

int cell_present(const struct dr_chunk *c, int64_t i)
{
    return c->type != DR_TYPE_NULL && (!c->validity || get_bit(c->validity, i));
}

size_t bitmap_bytes(int64_t rows)
{
    return (size_t)(rows + 7) / 8 + 1;
}

/* ---- notes ---- */

int32_t reason_index(struct work *w, const char *text)
{
    for (int32_t i = 0; i < w->n_reasons; i++)
        if (strcmp(w->reasons[i], text) == 0)
            return i;
    w->reasons = need(realloc(w->reasons, ((size_t)w->n_reasons + 1) * sizeof *w->reasons));
    w->reasons[w->n_reasons] = need(strdup(text));
    return w->n_reasons++;
}

void note(struct notes *notes, int64_t row, int32_t reason)
{
    if (notes->n == notes->cap) {
        notes->cap = notes->cap ? notes->cap * 2 : 1024;
        notes->items = need(realloc(notes->items, (size_t)notes->cap * sizeof *notes->items));
    }
    notes->items[notes->n] = (struct note){ row, reason, (int32_t)notes->n };
    notes->n++;
}

int64_t origin_of(const struct work *w, int64_t row)
{
    return w->origin ? w->origin[row] : row;
}

void refuse(struct work *w, int64_t row, int32_t reason)
{
    if (!get_bit(w->bad, row)) {
        set_bit(w->bad, row);
        w->n_bad++;
    }
    note(&w->rejected, origin_of(w, row), reason);
}

/* Note a reason "COLUMN WHAT" against every row whose bit is 1. */
void refuse_bits(struct work *w, const uint8_t *bits, const char *column, const char *what)
{
    char text[400];
    snprintf(text, sizeof text, "%s %s", column, what);
    int32_t reason = -1;
    int64_t rows = dr_table_rows(w->table);
    for (int64_t byte = 0; byte * 8 < rows; byte++) {
        if (!bits[byte])
            continue;
        if (reason < 0)
            reason = reason_index(w, text);
        for (int64_t i = byte * 8; i < rows && i < byte * 8 + 8; i++)
            if (get_bit(bits, i))
                refuse(w, i, reason);
    }
}

/* ---- the table at work ---- */

int32_t find_column(struct work *w, const char *name, const struct dr_column **ret)
{
    int32_t i = name ? dr_table_find(w->table, name) : -1;
    if (i < 0) {
        char have[600] = "";
        for (int32_t k = 0; k < dr_table_columns(w->table); k++) {
            size_t n = strlen(have);
            snprintf(have + n, sizeof have - n, "%s%s", k ? ", " : "", dr_table_column_name(w->table, k));
        }
        return dr_task_fail_final(w->t, "step %s: the table has no column '%s'; it has %s", w->step,
                                  name ? name : "(none named)", have);
    }
    *ret = dr_table_column(w->table, i);
    return 0;
}

static int is_text(const struct dr_column *c)
{
    int32_t type = dr_column_type(c);
    return type == DR_TYPE_DICT || type == DR_TYPE_STRING || type == DR_TYPE_NULL;
}

/* A text column as DICT, one reference for the caller. */
int32_t text_column(struct work *w, const char *name, struct dr_column **ret)
{
    const struct dr_column *c = NULL;
    DR_TRY(find_column(w, name, &c));
    if (!is_text(c))
        return dr_task_fail_final(w->t, "step %s: column '%s' is no longer text", w->step, name);
    return dr_column_cast(c, DR_TYPE_DICT, NULL, ret, dr_task_err(w->t));
}

int32_t number_column(struct work *w, const char *name, const struct dr_column **ret)
{
    DR_TRY(find_column(w, name, ret));
    if (dr_column_type(*ret) != DR_TYPE_FLOAT64)
        return dr_task_fail_final(w->t, "step %s: column '%s' is not a number yet; put parse_number before",
                                  w->step, name);
    return 0;
}

int32_t replace_table(struct work *w, int32_t rc, struct dr_table *with)
{
    if (rc)
        return rc;
    dr_table_unref(w->table);
    w->table = with;
    return 0;
}

/* Put a column, taking over the caller's reference. */
int32_t put_column(struct work *w, const char *name, struct dr_column *c)
{
    struct dr_table *wider = NULL;
    int32_t rc = dr_table_with(w->table, name, c, &wider, dr_task_err(w->t));
    dr_column_unref(c);
    return replace_table(w, rc, wider);
}

/* Drop the rows that have a reason. */
int32_t settle(struct work *w)
{
    if (!w->n_bad)
        return 0;
    int64_t rows = dr_table_rows(w->table), kept = 0;
    int64_t *origin = need(malloc((size_t)(rows - w->n_bad + 1) * sizeof *origin));
    for (int64_t i = 0; i < rows; i++)
        if (!get_bit(w->bad, i))
            origin[kept++] = origin_of(w, i);
    for (size_t i = 0; i < bitmap_bytes(rows); i++)
        w->bad[i] = (uint8_t)~w->bad[i];
    struct dr_table *left = NULL;
    int32_t rc = dr_table_filter(w->table, w->bad, &left, dr_task_err(w->t));
    free(w->origin);
    w->origin = origin;
    memset(w->bad, 0, bitmap_bytes(rows));
    w->n_bad = 0;
    return replace_table(w, rc, left);
}

/* ---- arguments of a step ---- */

const char *arg_text(const struct dr_node *args, const char *key)
{
    return dr_node_str(dr_node_get(args, key), NULL);
}

/* ---- the steps ---- */

static const struct step {
    const char *name;
    int32_t (*apply)(struct work *w, const struct dr_node *args);
    struct arg args[ARGS_MAX];
} steps[] = {
    { "trim", step_trim, { { "columns", ARG_COLUMNS, DR_REQUIRED, OF_TEXT } } },
    { "upper", step_upper, { { "columns", ARG_COLUMNS, DR_REQUIRED, OF_TEXT } } },
    { "lower", step_lower, { { "columns", ARG_COLUMNS, DR_REQUIRED, OF_TEXT } } },
    { "missing",
      step_missing,
      { { "columns", ARG_COLUMNS, DR_REQUIRED, OF_TEXT }, { "values", ARG_TEXTS, DR_REQUIRED, OF_ANY } } },
    { "replace",
      step_replace,
      { { "columns", ARG_COLUMNS, DR_REQUIRED, OF_TEXT }, { "values", ARG_TEXT_MAP, DR_REQUIRED, OF_ANY } } },
    { "parse_date",
      step_parse_date,
      { { "column", ARG_COLUMN, DR_REQUIRED, OF_TEXT },
        { "formats", ARG_TEXTS, DR_REQUIRED, OF_ANY },
        { "earliest", ARG_TEXT, 0, OF_ANY },
        { "latest", ARG_TEXT, 0, OF_ANY },
        { "required", ARG_BOOL, 0, OF_ANY } } },
    { "parse_number",
      step_parse_number,
      { { "column", ARG_COLUMN, DR_REQUIRED, OF_TEXT }, { "required", ARG_BOOL, 0, OF_ANY } } },
    { "parse_range",
      step_parse_range,
      { { "column", ARG_COLUMN, DR_REQUIRED, OF_TEXT },
        { "low", ARG_NEW_COLUMN, 0, OF_ANY },
        { "high", ARG_NEW_COLUMN, 0, OF_ANY } } },
    { "measure",
      step_measure,
      { { "reference", ARG_TEXT, DR_REQUIRED, OF_ANY },
        { "name", ARG_COLUMN, DR_REQUIRED, OF_TEXT },
        { "value", ARG_COLUMN, DR_REQUIRED, OF_NUMBER },
        { "unit", ARG_COLUMN, DR_REQUIRED, OF_TEXT },
        { "low", ARG_COLUMN, 0, OF_NUMBER },
        { "high", ARG_COLUMN, 0, OF_NUMBER },
        { "decimals", ARG_INT, 0, OF_ANY } } },
    { "ordered_pair",
      step_ordered_pair,
      { { "key", ARG_COLUMNS, DR_REQUIRED, OF_ANY },
        { "name", ARG_COLUMN, DR_REQUIRED, OF_TEXT },
        { "value", ARG_COLUMN, DR_REQUIRED, OF_NUMBER },
        { "low", ARG_TEXT, DR_REQUIRED, OF_ANY },
        { "high", ARG_TEXT, DR_REQUIRED, OF_ANY } } },
    { "distinct",
      step_distinct,
      { { "key", ARG_COLUMNS, DR_REQUIRED, OF_ANY },
        { "conflicts", ARG_CONFLICTS, 0, OF_ANY },
        { "ignore", ARG_TEXTS, 0, OF_ANY } } },
    { "month",
      step_month,
      { { "column", ARG_COLUMN, DR_REQUIRED, OF_DATE }, { "into", ARG_NEW_COLUMN, 0, OF_ANY } } },
    { "rename", step_rename, { { "columns", ARG_RENAME, DR_REQUIRED, OF_ANY } } },
    { "select", step_select, { { "columns", ARG_COLUMNS, DR_REQUIRED, OF_ANY } } },
    { "sort", step_sort, { { "columns", ARG_COLUMNS, DR_REQUIRED, OF_ANY } } },
};
#define N_STEPS (sizeof steps / sizeof steps[0])

static const struct step *find_step(const struct dr_node *entry)
{
    const char *name = dr_node_size(entry) == 1 ? dr_node_key(entry, 0) : NULL;
    for (size_t i = 0; name && i < N_STEPS; i++)
        if (strcmp(steps[i].name, name) == 0)
            return &steps[i];
    return NULL;
}

static int changes_columns(const struct step *s)
{
    return s->apply == step_select || s->apply == step_rename || s->apply == step_month ||
           s->apply == step_parse_range || s->apply == step_measure;
}

/* The types that it makes. */
static void follow_types(struct known *k, const struct step *s, const struct dr_node *args)
{
    if (s->apply == step_parse_date)
        known_type(k, arg_text(args, "column"), OF_DATE);
    else if (s->apply == step_parse_number)
        known_type(k, arg_text(args, "column"), OF_NUMBER);
    else if (s->apply == step_month)
        known_type(k, dr_node_str(dr_node_get(args, "into"), "month"), OF_TEXT);
    else if (s->apply == step_parse_range) {
        known_type(k, dr_node_str(dr_node_get(args, "low"), "low"), OF_NUMBER);
        known_type(k, dr_node_str(dr_node_get(args, "high"), "high"), OF_NUMBER);
    } else if (s->apply == step_measure) {
        known_type(k, "in_range", OF_BOOL);
        if (arg_text(args, "low") || arg_text(args, "high")) {
            known_type(k, "flag", OF_TEXT);
            known_type(k, "range_source", OF_TEXT);
        }
    }
}

/* What a step that is right makes of the columns. */
static void follow_columns(struct known *k, const struct step *s, const struct dr_node *args)
{
    if (s->apply == step_select)
        known_select(k, dr_node_get(args, "columns"));
    else if (s->apply == step_rename)
        known_rename(k, dr_node_get(args, "columns"));
    else if (s->apply == step_month)
        known_add(k, dr_node_str(dr_node_get(args, "into"), "month"));
    else if (s->apply == step_parse_range) {
        known_add(k, dr_node_str(dr_node_get(args, "low"), "low"));
        known_add(k, dr_node_str(dr_node_get(args, "high"), "high"));
    } else if (s->apply == step_measure) {
        known_add(k, "in_range");
        if (arg_text(args, "low") || arg_text(args, "high")) {
            known_add(k, "flag");
            known_add(k, "range_source");
        }
    }
}

/* `origin` follows the input's order, so nothing may come after a sort. */
static int32_t check_step(struct dr_task *t, const struct dr_node *list, int64_t i, struct known *k)
{
    const struct dr_node *entry = dr_node_at(list, i), *args = dr_node_at(entry, 0);
    const struct step *step = find_step(entry);
    int32_t rc;
    if (dr_node_size(entry) != 1 || !dr_node_key(entry, 0))
        rc = dr_task_problem(t, entry, "a step is {name: {arguments}}");
    else if (!step)
        rc = dr_task_problem(t, entry, "there is no step '%s'; see docs/transform.md", dr_node_key(entry, 0));
    else if (step->apply == step_sort && i + 1 < dr_node_size(list))
        rc = dr_task_problem(t, entry, "sort must be the last step");
    else
        rc = check_args(t, step->name, step->args, args, k);
    if (!rc) {
        follow_columns(k, step, args);
        follow_types(k, step, args);
    } else if (!step || changes_columns(step))
        k->n = -1; /* what it would have made of them is not known */
    return rc;
}

/* Every step, before any runs. Gives the last code that was not 0. */
static int32_t check_steps(struct dr_task *t, struct known *k)
{
    const struct dr_node *list = dr_task_param(t, "steps");
    int32_t rc = 0;
    for (int64_t i = 0; i < dr_node_size(list); i++) {
        int32_t one = check_step(t, list, i, k);
        rc = one ? one : rc;
    }
    return rc;
}

static void promise_refused(struct dr_task *t, const char *output, const struct known *input)
{
    struct known k = *input;
    known_add(&k, "_reasons");
    if (k.n >= 0)
        dr_task_promise(t, output, k.names, k.n);
}

static int32_t check(struct dr_task *t)
{
    static struct known input, k; /* one task at a time */
    known_input(&input, t, "table");
    k = input;
    int32_t rc = check_steps(t, &k);
    if (!rc && k.n >= 0)
        dr_task_promise(t, "clean", k.names, k.n);
    promise_refused(t, "rejected", &input);
    promise_refused(t, "duplicates", &input);
    return rc;
}

int32_t check_all_steps(struct dr_task *t)
{
    struct known unknown = { .n = -1 };
    return check_steps(t, &unknown);
}

int32_t apply_steps(struct work *w)
{
    const struct dr_node *list = dr_task_param(w->t, "steps");
    for (int64_t i = 0; i < dr_node_size(list); i++) {
        const struct step *step = find_step(dr_node_at(list, i));
        w->step = step->name;
        int64_t refused = w->rejected.n, repeated = w->duplicates.n;
        DR_TRY(step->apply(w, dr_node_at(dr_node_at(list, i), 0)));
        if (w->stream && stream_waits(w))
            return 0;
        w->reasons_of[i].refused += w->rejected.n - refused;
        w->reasons_of[i].repeated += w->duplicates.n - repeated;
        if (!w->stream)
            dr_task_progress(w->t, i + 1, dr_node_size(list));
    }
    return settle(w);
}

static void log_steps(const struct work *w)
{
    const struct dr_node *list = dr_task_param(w->t, "steps");
    for (int64_t i = 0; i < dr_node_size(list); i++)
        if (w->reasons_of[i].refused > 0 || w->reasons_of[i].repeated > 0)
            dr_task_log(w->t, DR_INFO, "step %s: %lld reasons to refuse a row, %lld duplicates",
                        dr_node_key(dr_node_at(list, i), 0), (long long)w->reasons_of[i].refused,
                        (long long)w->reasons_of[i].repeated);
}

/* ---- outputs ---- */

static int by_row(const void *a, const void *b)
{
    const struct note *x = a, *y = b;
    if (x->row != y->row)
        return x->row < y->row ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

/* The reasons of the notes first..last - 1, all of one row, "; " between. */
static void append_reasons(const struct work *w, const struct note *first, const struct note *last,
                           struct dr_builder *to)
{
    size_t room = 1, n = 0;
    for (const struct note *x = first; x < last; x++)
        room += strlen(w->reasons[x->reason]) + 2;
    char *text = need(malloc(room));
    for (const struct note *x = first; x < last; x++)
        n += (size_t)snprintf(text + n, room - n, "%s%s", x == first ? "" : "; ", w->reasons[x->reason]);
    dr_builder_append_bytes(to, text, (int64_t)n);
    free(text);
}

int32_t noted_rows(const struct work *w, struct notes *notes, struct dr_table **ret)
{
    if (notes->n)
        qsort(notes->items, (size_t)notes->n, sizeof *notes->items, by_row);
    int64_t *rows = need(malloc(((size_t)notes->n + 1) * sizeof *rows)), n = 0;
    struct dr_builder *reasons = dr_builder_new(DR_TYPE_DICT);
    for (int64_t i = 0; i < notes->n;) {
        int64_t k = i;
        while (k < notes->n && notes->items[k].row == notes->items[i].row)
            k++;
        rows[n++] = notes->items[i].row;
        append_reasons(w, notes->items + i, notes->items + k, reasons);
        i = k;
    }
    struct dr_column *column = dr_builder_finish(reasons);
    struct dr_table *taken = NULL;
    int32_t rc = dr_table_take(w->input, n, rows, &taken, dr_task_err(w->t));
    if (!rc)
        rc = dr_table_with(taken, "_reasons", column, ret, dr_task_err(w->t));
    dr_table_unref(taken);
    dr_column_unref(column);
    free(rows);
    return rc;
}

const char *dataset_name(struct dr_task *t)
{
    return dr_node_str(dr_task_param(t, "dataset"), dr_task_input_name(t, "table", 0));
}

int32_t check_outcome(struct work *w, const struct outcome *o)
{
    if (o->in != o->clean + o->rejected + o->duplicates)
        return dr_task_fail_final(w->t,
                                  "rows do not add up: %lld in, %lld clean, %lld rejected, %lld duplicates",
                                  o->in, o->clean, o->rejected, o->duplicates);
    log_steps(w);
    dr_task_log(w->t, DR_INFO, "%lld rows in: %lld clean, %lld rejected, %lld duplicates", o->in, o->clean,
                o->rejected, o->duplicates);
    dr_task_metric(w->t, "rows_clean", (double)o->clean);
    dr_task_metric(w->t, "rows_rejected", (double)o->rejected);
    dr_task_metric(w->t, "rows_duplicates", (double)o->duplicates);
    if (w->parses_ranges)
        dr_task_metric(w->t, "ranges_unreadable", (double)w->ranges_unreadable);
    return 0;
}

/* The column of the input whose values are the groups, of the clean rows. */
static int32_t groups_of_clean(const struct work *w, const char *by, struct dr_table **ret)
{
    struct dr_table *groups = NULL;
    int32_t rc = dr_table_select(w->input, 1, &by, &groups, dr_task_err(w->t));
    if (rc || !w->origin) {
        *ret = groups;
        return rc;
    }
    rc = dr_table_take(groups, dr_table_rows(w->table), w->origin, ret, dr_task_err(w->t));
    dr_table_unref(groups);
    return rc;
}

int32_t account_rows(const struct work *w, const char *stage, const struct dr_table *rows)
{
    const char *by = dr_node_str(dr_task_param(w->t, "account_by"), NULL);
    struct dr_table *groups = NULL;
    if (!by)
        return 0;
    if (rows != w->table || dr_table_find(w->input, by) < 0)
        return dr_task_account_table(w->t, dataset_name(w->t), stage, rows, by);
    DR_TRY(groups_of_clean(w, by, &groups));
    int32_t rc = dr_task_account_table(w->t, dataset_name(w->t), stage, groups, by);
    dr_table_unref(groups);
    return rc;
}

static int32_t write_one(const struct work *w, const char *output, const char *stage,
                         const struct dr_table *table)
{
    DR_TRY(account_rows(w, stage, table));
    return dr_task_has_output(w->t, output) ? dr_task_write(w->t, output, table) : 0;
}

static int32_t write_outputs(struct work *w)
{
    struct dr_table *rejected = NULL, *duplicates = NULL;
    int32_t rc = noted_rows(w, &w->rejected, &rejected);
    if (!rc)
        rc = noted_rows(w, &w->duplicates, &duplicates);
    if (!rc)
        rc = check_outcome(w, &(struct outcome){ dr_table_rows(w->input), dr_table_rows(w->table),
                                                 dr_table_rows(rejected), dr_table_rows(duplicates) });
    if (!rc)
        rc = write_one(w, "clean", "clean", w->table);
    if (!rc)
        rc = write_one(w, "rejected", "quarantined", rejected);
    if (!rc)
        rc = write_one(w, "duplicates", "duplicates", duplicates);
    dr_table_unref(rejected);
    dr_table_unref(duplicates);
    return rc;
}

void work_init(struct work *w, struct dr_task *t)
{
    int64_t steps_n = dr_node_size(dr_task_param(t, "steps"));
    *w = (struct work){ .t = t, .step = "" };
    w->reasons_of = need(calloc((size_t)steps_n + 1, sizeof *w->reasons_of));
}

void work_start(struct work *w, const struct dr_table *input)
{
    dr_table_unref(w->table);
    free(w->origin);
    free(w->bad);
    w->input = input;
    w->table = dr_table_ref(input);
    w->origin = NULL;
    w->bad = need(calloc(1, bitmap_bytes(dr_table_rows(input))));
    w->n_bad = 0;
    w->rejected.n = w->duplicates.n = 0;
}

void work_forget_counts(struct work *w)
{
    int64_t steps_n = dr_node_size(dr_task_param(w->t, "steps"));
    memset(w->reasons_of, 0, (size_t)steps_n * sizeof *w->reasons_of);
    w->ranges_unreadable = 0;
}

void work_done(struct work *w)
{
    dr_table_unref(w->table);
    free(w->origin);
    free(w->bad);
    free(w->rejected.items);
    free(w->duplicates.items);
    for (int32_t i = 0; i < w->n_reasons; i++)
        free(w->reasons[i]);
    free(w->reasons);
    free(w->reasons_of);
    free_catalogues(w);
}

static int32_t transform_whole(struct dr_task *t)
{
    struct dr_table *input = NULL;
    struct work w;
    DR_TRY(dr_task_read(t, "table", 0, NULL, &input, NULL));
    work_init(&w, t);
    work_start(&w, input);
    int32_t rc = apply_steps(&w);
    if (!rc)
        rc = write_outputs(&w);
    work_done(&w);
    dr_table_unref(input);
    return rc;
}

/* How much a table takes, for each byte of its file. */
enum { TABLE_OF_FILE = 3 };

/* Of a file that may not fit into the limit that the user has set, it; else 0. */
static int32_t limit_to_keep(struct dr_task *t, int64_t *ret)
{
    const char *path = dr_task_input_path(t, "table", 0), *dot = path ? strrchr(path, '.') : NULL;
    int in_batches =
        dot && (strcmp(dot, ".csv") == 0 || strcmp(dot, ".tsv") == 0 || strcmp(dot, ".arrow") == 0);
    struct stat st;
    DR_TRY(dr_task_memory_limit(t, ret));
    if (!in_batches || stat(path, &st) != 0 || st.st_size < *ret / TABLE_OF_FILE)
        *ret = 0;
    return 0;
}

static int32_t transform(struct dr_task *t)
{
    int64_t memory = dr_node_int(dr_task_param(t, "memory"), 0);
    if (memory < 0)
        return dr_task_fail_final(t, "memory: %lld is no number of bytes", (long long)memory);
    DR_TRY(check_all_steps(t));
    if (memory == 0)
        DR_TRY(limit_to_keep(t, &memory));
    return memory > 0 ? transform_stream(t, memory) : transform_whole(t);
}

DR_PLUGIN(.name = "transform", .summary = "Clean a table by declared steps, and account for every row",
          .doc = "Each step is {name: {arguments}}. A row that a step cannot use leaves with its reasons, a\n"
                 "duplicate with its reason; clean + rejected + duplicates = input, exactly. With `memory` "
                 "the file\n"
                 "may be of any size, and is read once more for each step that compares rows.",
          .params = params, .inputs = inputs, .outputs = outputs, .run = transform, .check = check);
