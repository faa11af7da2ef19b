/* load - tables into a database, all in one transaction (unless the DAG asks for pieces): readers see the old
 * tables until the new ones are complete, and a rerun never doubles. */
#include <dagrun/task.h>
#include <stdlib.h>
#include <string.h>

static const struct dr_param params[] = {
    { "connection", DR_PARAM_CONNECTION, 0, "warehouse", NULL,
      "Where to, by its name in connections.yaml; 'warehouse' is var/warehouse.db" },
    { "mode", DR_PARAM_STRING, 0, "replace", "replace|append|upsert", "What becomes of rows that are there" },
    { "modes", DR_PARAM_MAP, 0, NULL, NULL, "The mode of single datasets: {audit_log: append}" },
    { "names", DR_PARAM_MAP, 0, NULL, NULL,
      "Tables that are not named as their datasets: {clean_cases: cases}" },
    { "keys", DR_PARAM_MAP, 0, NULL, NULL,
      "Primary key columns by dataset: {vitals_clean: [hospital_id, ...]}; without, that of the table" },
    { "newer_wins", DR_PARAM_ANY, 0, NULL, NULL,
      "upsert: the column by which a row must be newer than what is there; one, or by dataset" },
    { "insert_only", DR_PARAM_LIST, 0, NULL, NULL, "upsert: datasets whose rows never change what is there" },
    { "delete_missing", DR_PARAM_MAP, 0, NULL, NULL,
      "Child rows to delete where their parent came without them: {names: [patient_id]} by dataset, or "
      "{names: {by: [patient_id], of: patients}}" },
    { "commit", DR_PARAM_STRING, 0, "whole", "whole|pieces",
      "All in one transaction, or many rows in pieces, between which others write and read" },
    { "ledger", DR_PARAM_BOOL, 0, "true", NULL, "Do nothing where the same rows were loaded before" },
    { 0 },
};
static const struct dr_port inputs[] = {
    { "tables", DR_REQUIRED | DR_MANY, 0,
      "Datasets, parents before children; each becomes a table of its name" },
    { 0 },
};
static const struct dr_port outputs[] = {
    { "refused", DR_MANY, 0,
      "For each table the rows that the database refused, with _reason; without it such a row fails the "
      "task" },
    { 0 },
};

struct load {
    struct dr_task *t;
    int32_t n;
    struct dr_db_load *tables; /* each with a reference to its rows */
};

/* ---- what the DAG says ----------------------------------------------------------- */

/* The texts of a list, or of one text. The process ends with the task: nothing is freed. */
static const char *const *texts(const struct dr_node *node, int32_t *ret_n)
{
    int64_t n = dr_node_kind(node) == DR_NODE_LIST ? dr_node_size(node) : dr_node_str(node, NULL) != NULL;
    const char **list = calloc((size_t)n + 1, sizeof *list);
    if (!list)
        abort();
    for (int64_t i = 0; i < n; i++)
        list[i] = dr_node_str(dr_node_kind(node) == DR_NODE_LIST ? dr_node_at(node, i) : node, "");
    *ret_n = (int32_t)n;
    return list;
}

static int32_t mode_of(const char *word)
{
    static const char *const words[] = { "replace", "append", "upsert" };
    for (int32_t i = 0; i < 3; i++)
        if (strcmp(words[i], word) == 0)
            return i;
    return -1;
}

static int32_t mode_of_dataset(const struct load *l, const char *dataset)
{
    const struct dr_node *own = dr_node_get(dr_task_param(l->t, "modes"), dataset);
    return mode_of(dr_node_str(own ? own : dr_task_param(l->t, "mode"), "replace"));
}

static void set_scope(const struct load *l, const char *dataset, struct dr_db_load *table)
{
    const struct dr_node *rule = dr_node_get(dr_task_param(l->t, "delete_missing"), dataset);
    const struct dr_node *by = dr_node_kind(rule) == DR_NODE_MAP ? dr_node_get(rule, "by") : rule;
    table->scope = texts(by, &table->n_scope);
    table->scope_of = dr_node_str(dr_node_get(rule, "of"), NULL);
    if (table->scope_of)
        table->scope_of =
            dr_node_str(dr_node_get(dr_task_param(l->t, "names"), table->scope_of), table->scope_of);
}

static int32_t is_listed(const struct dr_node *list, const char *name)
{
    for (int64_t i = 0; i < dr_node_size(list); i++)
        if (strcmp(dr_node_str(dr_node_at(list, i), ""), name) == 0)
            return 1;
    return 0;
}

static int32_t is_table(const struct dr_task *t, const char *name)
{
    for (int32_t k = 0; k < dr_task_input_count(t, "tables"); k++)
        if (strcmp(dr_task_input_name(t, "tables", k), name) == 0)
            return 1;
    return strstr(name, "${") != NULL; /* it may turn out to be one */
}

/* Settings by dataset must name datasets of this task. Gives the last code that was not 0. */
static int32_t check_names(struct dr_task *t, const char *param)
{
    const struct dr_node *map = dr_task_param(t, param);
    int32_t rc = 0;
    for (int64_t i = 0; i < dr_node_size(map); i++) {
        const char *name =
            dr_node_kind(map) == DR_NODE_MAP ? dr_node_key(map, i) : dr_node_str(dr_node_at(map, i), "");
        if (!is_table(t, name))
            rc = dr_task_problem(t, dr_node_at(map, i), "%s: '%s' is not among the tables", param, name);
    }
    return rc;
}

static int32_t check_modes(struct dr_task *t)
{
    const struct dr_node *modes = dr_task_param(t, "modes");
    int32_t rc = 0;
    for (int64_t i = 0; i < dr_node_size(modes); i++) {
        const char *mode = dr_node_str(dr_node_at(modes, i), "");
        if (mode_of(mode) < 0 && !strstr(mode, "${"))
            rc = dr_task_problem(t, dr_node_at(modes, i),
                                 "modes: '%s' must be one of replace, append, upsert, not '%s'",
                                 dr_node_key(modes, i), mode);
    }
    return rc;
}

static int32_t check_parents(struct dr_task *t)
{
    const struct dr_node *rules = dr_task_param(t, "delete_missing");
    int32_t rc = 0;
    for (int64_t i = 0; i < dr_node_size(rules); i++) {
        const struct dr_node *of = dr_node_get(dr_node_at(rules, i), "of");
        const char *name = dr_node_str(of, NULL);
        if (name && !is_table(t, name))
            rc = dr_task_problem(t, of, "delete_missing: '%s' is not among the tables", name);
    }
    return rc;
}

/* A column, or a list of some. */
static int32_t are_columns(const struct dr_node *node)
{
    int32_t kind = dr_node_kind(node);
    for (int64_t i = 0; kind == DR_NODE_LIST && i < dr_node_size(node); i++)
        if (!dr_node_str(dr_node_at(node, i), NULL))
            return 0;
    return kind == DR_NODE_STRING || (kind == DR_NODE_LIST && dr_node_size(node) > 0);
}

/* What is passed over would be loaded otherwise than its author says. */
static int32_t check_values(struct dr_task *t)
{
    const struct dr_node *names = dr_task_param(t, "names"), *keys = dr_task_param(t, "keys"),
                         *rules = dr_task_param(t, "delete_missing");
    int32_t rc = 0;
    for (int64_t i = 0; i < dr_node_size(names); i++)
        if (!dr_node_str(dr_node_at(names, i), "")[0])
            rc = dr_task_problem(t, dr_node_at(names, i), "names: '%s': the name of a table expected",
                                 dr_node_key(names, i));
    for (int64_t i = 0; i < dr_node_size(keys); i++)
        if (!are_columns(dr_node_at(keys, i)))
            rc = dr_task_problem(t, dr_node_at(keys, i), "keys: '%s': a list of columns expected",
                                 dr_node_key(keys, i));
    for (int64_t i = 0; i < dr_node_size(rules); i++) {
        const struct dr_node *rule = dr_node_at(rules, i);
        if (!are_columns(dr_node_kind(rule) == DR_NODE_MAP ? dr_node_get(rule, "by") : rule))
            rc = dr_task_problem(t, rule, "delete_missing: '%s': a list of columns expected, or {by, of}",
                                 dr_node_key(rules, i));
    }
    return rc;
}

static const char *table_of(struct dr_task *t, int32_t i)
{
    const char *dataset = dr_task_input_name(t, "tables", i);
    return dr_node_str(dr_node_get(dr_task_param(t, "names"), dataset), dataset);
}

/* Each of two is compared with what was there before both. */
static int32_t check_tables(struct dr_task *t)
{
    const struct load l = { .t = t };
    int32_t rc = 0;
    for (int32_t i = 0; i < dr_task_input_count(t, "tables"); i++)
        for (int32_t k = 0; k < i; k++) {
            const char *one = dr_task_input_name(t, "tables", k), *other = dr_task_input_name(t, "tables", i);
            int32_t mode = mode_of_dataset(&l, one), other_mode = mode_of_dataset(&l, other);
            int32_t unknown = mode < 0 || other_mode < 0 || strstr(table_of(t, i), "${"),
                    append = mode == DR_LOAD_APPEND && other_mode == DR_LOAD_APPEND;
            if (strcmp(table_of(t, i), table_of(t, k)) == 0 && !append && !unknown)
                rc = dr_task_problem(
                    t, NULL,
                    "tables: '%s' and '%s' are both for the table '%s', which only appended rows can be; put "
                    "them together first, in an sql task with UNION ALL",
                    one, other, table_of(t, i));
        }
    return rc;
}

static int32_t check(struct dr_task *t)
{
    static const char *const by_dataset[] = { "modes",       "names",          "keys",
                                              "insert_only", "delete_missing", "newer_wins" };
    int32_t n = dr_task_input_count(t, "tables"), n_refused = dr_task_output_count(t, "refused");
    int32_t modes = check_modes(t), values = check_values(t), tables = check_tables(t),
            parents = check_parents(t),
            rc = modes    ? modes
                 : values ? values
                 : tables ? tables
                          : parents;
    for (size_t i = 0; i < sizeof by_dataset / sizeof *by_dataset; i++) {
        int32_t one = check_names(t, by_dataset[i]);
        rc = one ? one : rc;
    }
    if (n_refused && n_refused != n)
        rc = dr_task_problem(t, NULL,
                             "refused: %d datasets for %d tables; name one for each, in the same order",
                             n_refused, n);
    return rc;
}

static int32_t describe(struct load *l, int32_t i)
{
    const char *dataset = dr_task_input_name(l->t, "tables", i);
    const struct dr_node *newer = dr_task_param(l->t, "newer_wins");
    struct dr_db_load *table = &l->tables[i];
    struct dr_table *rows = NULL;
    table->mode = mode_of_dataset(l, dataset);
    table->size = sizeof *table;
    table->name = dr_node_str(dr_node_get(dr_task_param(l->t, "names"), dataset), dataset);
    table->keys = texts(dr_node_get(dr_task_param(l->t, "keys"), dataset), &table->n_keys);
    table->newer_wins =
        dr_node_str(dr_node_kind(newer) == DR_NODE_MAP ? dr_node_get(newer, dataset) : newer, NULL);
    table->insert_only = is_listed(dr_task_param(l->t, "insert_only"), dataset);
    table->no_ledger = !dr_node_bool(dr_task_param(l->t, "ledger"), 1);
    table->strict = dr_task_output_count(l->t, "refused") == 0;
    set_scope(l, dataset, table);
    DR_TRY(dr_task_read(l->t, "tables", i, NULL, &rows, NULL));
    table->rows = rows;
    dr_task_progress(l->t, i, l->n);
    return 0;
}

/* ---- what became of it --------------------------------------------------------------- */

static int32_t write_refused(struct load *l, int32_t i)
{
    const struct dr_db_load *table = &l->tables[i];
    const char *name = dr_task_output_name(l->t, "refused", i);
    struct dr_table *none = NULL, *empty = NULL;
    if (table->refused)
        return dr_task_write(l->t, name, table->refused);
    struct dr_column *reasons = dr_builder_finish(dr_builder_new(DR_TYPE_DICT));
    DR_TRY(dr_table_take(table->rows, 0, NULL, &none, dr_task_err(l->t)));
    DR_TRY(dr_table_with(none, "_reason", reasons, &empty, dr_task_err(l->t)));
    return dr_task_write(l->t, name, empty);
}

static void tell(struct load *l, const struct dr_db_load *table)
{
    long long refused = table->refused ? (long long)dr_table_rows(table->refused) : 0;
    if (table->skipped)
        dr_task_log(l->t, DR_INFO, "%s: the same %lld rows were loaded before; nothing to do", table->name,
                    (long long)dr_table_rows(table->rows));
    else
        dr_task_log(l->t, DR_INFO,
                    "%s: %lld rows: %lld new, %lld changed, %lld unchanged, %lld refused; %lld deleted",
                    table->name, (long long)dr_table_rows(table->rows), (long long)table->inserted,
                    (long long)table->updated, (long long)table->unchanged, refused,
                    (long long)table->deleted);
}

static int32_t report(struct load *l, int64_t lock_us)
{
    double inserted = 0, updated = 0, deleted = 0, unchanged = 0, refused = 0;
    for (int32_t i = 0; i < l->n; i++) {
        const struct dr_db_load *table = &l->tables[i];
        tell(l, table);
        inserted += (double)table->inserted;
        updated += (double)table->updated;
        deleted += (double)table->deleted;
        unchanged += (double)(table->skipped ? dr_table_rows(table->rows) : table->unchanged);
        refused += table->refused ? (double)dr_table_rows(table->refused) : 0;
        if (!table->strict)
            DR_TRY(write_refused(l, i));
    }
    dr_task_metric(l->t, "rows_inserted", inserted);
    dr_task_metric(l->t, "rows_updated", updated);
    dr_task_metric(l->t, "rows_deleted", deleted);
    dr_task_metric(l->t, "rows_unchanged", unchanged);
    dr_task_metric(l->t, "rows_refused", refused);
    dr_task_metric(l->t, "lock_ms", (double)lock_us / 1000);
    dr_task_progress(l->t, l->n, l->n);
    return 0;
}

static int32_t load(struct dr_task *t)
{
    struct load l = { .t = t, .n = dr_task_input_count(t, "tables") };
    struct dr_db *db = NULL;
    int64_t lock_us = 0;
    DR_TRY(check(t));
    l.tables = calloc((size_t)l.n, sizeof *l.tables);
    if (!l.tables)
        return dr_task_fail(t, "out of memory");
    for (int32_t i = 0; i < l.n; i++)
        DR_TRY(describe(&l, i));
    DR_TRY(dr_task_connect(t, dr_node_str(dr_task_param(t, "connection"), "warehouse"), &db));
    int32_t in_pieces = strcmp(dr_node_str(dr_task_param(t, "commit"), "whole"), "pieces") == 0;
    int32_t rc = in_pieces ? dr_db_load_in_pieces(db, l.n, l.tables, &lock_us, dr_task_err(t))
                           : dr_db_load(db, l.n, l.tables, &lock_us, dr_task_err(t));
    dr_db_close(db);
    return rc ? rc : report(&l, lock_us);
}

DR_PLUGIN(.name = "load", .summary = "Tables into a database: replace, append or upsert, in one transaction",
          .params = params, .inputs = inputs, .outputs = outputs, .run = load, .check = check);
