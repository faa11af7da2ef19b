/* dagrun/task.h - what a task plugin includes: public ABI.
 *
 * A plugin is one C file that ends in DR_PLUGIN(...) and is built with
 *
 *     cc -shared -fPIC -I<prefix>/include my_task.c -o my_task.so
 *
 * It links to nothing of dagrun: the functions below are found in the program
 * that loads it. Each task attempt runs in a process of its own, so a plugin
 * may use globals, block, allocate without freeing and even crash; the runner
 * records what happened. See docs/plugins.md.
 *
 * Unless a comment says otherwise, functions are called from the thread that
 * called run, and pointers they return live as long as the task. */
#ifndef DAGRUN_TASK_H
#define DAGRUN_TASK_H

#include <dagrun/table.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DR_ABI 1u

struct dr_task; /* one attempt, as the plugin sees it */
struct dr_node; /* a value read from YAML or JSON */

/* ---- values ----------------------------------------------------------------- */

enum dr_node_kind {
    DR_NODE_NULL = 0,
    DR_NODE_BOOL = 1,
    DR_NODE_INT = 2,
    DR_NODE_FLOAT = 3,
    DR_NODE_STRING = 4,
    DR_NODE_LIST = 5,
    DR_NODE_MAP = 6
};
/* All accept NULL as a null value, so that lookups chain. */
DR_API int32_t dr_node_kind(const struct dr_node *n);
DR_API int32_t dr_node_bool(const struct dr_node *n, int32_t otherwise);
DR_API int64_t dr_node_int(const struct dr_node *n, int64_t otherwise);
DR_API double dr_node_float(const struct dr_node *n, double otherwise); /* of INT too */
/* Microseconds of a duration such as "1h30m", or `otherwise` where it is none. */
DR_API int64_t dr_node_duration(const struct dr_node *n, int64_t otherwise);
/* A string's bytes, NUL-terminated; the written text of a scalar; otherwise
 * `otherwise`. */
DR_API const char *dr_node_str(const struct dr_node *n, const char *otherwise);
DR_API int64_t dr_node_size(const struct dr_node *n);                               /* LIST, MAP; else 0 */
DR_API const struct dr_node *dr_node_at(const struct dr_node *n, int64_t i);        /* item, or map value */
DR_API const char *dr_node_key(const struct dr_node *n, int64_t i);                 /* MAP */
DR_API const struct dr_node *dr_node_get(const struct dr_node *n, const char *key); /* MAP, or NULL */
/* Where it was written, for messages: "dags/x.yaml:12:7". */
DR_API const char *dr_node_where(struct dr_task *t, const struct dr_node *n);

/* ---- what the plugin is told --------------------------------------------------- */

struct dr_task_info {
    const char *dag_id;
    const char *run_id;
    const char *task_id;
    int32_t attempt;          /* from 1 */
    int32_t threads;          /* how many the plugin may use */
    const char *logical_date; /* ISO 8601, UTC */
    const char *data_interval_start;
    const char *data_interval_end;
    const char *home;     /* the dagrun home, absolute */
    const char *work_dir; /* scratch space of the attempt, absolute; gone once it ends */
};
DR_API const struct dr_task_info *dr_task_info(const struct dr_task *t);
/* A folder of the task in this run, absolute, that stays from one attempt to the
 * next: for work that a retry can go on with. Made when first asked for; NULL, with
 * dr_task_err set, where it cannot be. Remove from it what is no longer needed. */
DR_API const char *dr_task_state_dir(struct dr_task *t);
/* 1 once the runner asked the task to stop (SIGTERM). */
DR_API int32_t dr_task_cancelled(const struct dr_task *t);

/* A parameter of `with:`, checked against the declaration, or its default. */
DR_API const struct dr_node *dr_task_param(const struct dr_task *t, const char *name);
/* Read a YAML file of the home (relative paths start there). */
DR_API DR_CHECK int32_t dr_task_load_yaml(struct dr_task *t, const char *path, const struct dr_node **ret);

/* ---- what the plugin says ------------------------------------------------------ */

enum dr_level { DR_DEBUG = 0, DR_INFO = 1, DR_WARN = 2, DR_ERROR = 3 };
DR_API void dr_task_log(struct dr_task *t, int32_t level, const char *fmt, ...) DR_PRINTF(3, 4);
/* done of total; total 0 when unknown. Cheap enough to call for each batch. */
DR_API void dr_task_progress(struct dr_task *t, int64_t done, int64_t total);
/* Kept with the run, for example "rows_in". The last value of a name wins. */
DR_API void dr_task_metric(struct dr_task *t, const char *name, double value);
/* Say why the task fails; gives a non-zero code to return from run. The first
 * reason is kept. */
DR_API int32_t dr_task_fail(struct dr_task *t, const char *fmt, ...) DR_PRINTF(2, 3);
/* As dr_task_fail, and no retry will help. */
DR_API int32_t dr_task_fail_final(struct dr_task *t, const char *fmt, ...) DR_PRINTF(2, 3);
/* The task has nothing to do; gives the code to return from run. */
DR_API int32_t dr_task_skip(struct dr_task *t, const char *fmt, ...) DR_PRINTF(2, 3);
/* Where table functions may leave their message; `return` their code after a
 * failure and the message becomes the task's reason. */
DR_API struct dr_err *dr_task_err(struct dr_task *t);

/* ---- inputs and outputs ---------------------------------------------------------- */

/* Whether the DAG gives this optional input or output. */
DR_API int32_t dr_task_has_input(const struct dr_task *t, const char *name);
DR_API int32_t dr_task_has_output(const struct dr_task *t, const char *name);
/* For inputs and outputs that take a list, how many, and each one's name in
 * the DAG (dataset name, or path). */
DR_API int32_t dr_task_input_count(const struct dr_task *t, const char *name);
DR_API const char *dr_task_input_name(const struct dr_task *t, const char *name, int32_t i);
/* The file behind an input, absolute. */
DR_API const char *dr_task_input_path(const struct dr_task *t, const char *name, int32_t i);
/* Read an input as a table: .arrow, .feather, .csv, .tsv, .json, .jsonl, .ndjson by
 * name. csv options may be NULL; of JSON they say forgiving, encoding, line_column and hide_text. The caller
 * drops the reference. */
DR_API DR_CHECK int32_t dr_task_read(struct dr_task *t, const char *name, int32_t i,
                                     const struct dr_csv_options *csv, struct dr_table **ret,
                                     struct dr_table **ret_rejects);
/* Read an input that need not fit into memory, as often as it takes: a .csv, .tsv, .arrow or .feather file by
 * name. take is called with its rows in order, on the caller's thread: batches of about so many bytes or
 * somewhat more (0: as they come), at least one, which may have no rows; with how many bytes of the file have
 * been read, and of how many (0: not known). What it returns other than 0 ends the reading. */
typedef int32_t (*dr_task_take_fn)(void *ctx, const struct dr_table *batch, int64_t done, int64_t total);
DR_API DR_CHECK int32_t dr_task_read_batches(struct dr_task *t, const char *name, int32_t i,
                                             const struct dr_csv_options *csv, int64_t bytes,
                                             dr_task_take_fn take, void *ctx);
/* The bytes that the user lets tables and kernels take, by DAGRUN_MEMORY_LIMIT; *ret 0: no limit. */
DR_API DR_CHECK int32_t dr_task_memory_limit(struct dr_task *t, int64_t *ret);
/* From here on kernels keep what they work in within so many bytes, beyond which it lies in temporary
 * files; 0: no limit. */
DR_API void dr_task_limit_kernels(struct dr_task *t, int64_t bytes);
/* Record, as dr_task_read does, that an input was read by other means: the hash of its
 * content and, where table is not NULL, the rows and columns it gave. */
DR_API DR_CHECK int32_t dr_task_record_input(struct dr_task *t, const char *name, int32_t i,
                                             const struct dr_table *table);
/* Write a table as this output; it becomes visible when the task succeeds. */
DR_API DR_CHECK int32_t dr_task_write(struct dr_task *t, const char *name, const struct dr_table *table);
/* Write a table batch by batch, of one schema: at least one, which may have no rows, then the end. The output
 * is an Arrow file, or by its name CSV or JSON lines. */
DR_API DR_CHECK int32_t dr_task_append(struct dr_task *t, const char *name, const struct dr_table *batch);
DR_API DR_CHECK int32_t dr_task_append_end(struct dr_task *t, const char *name);
/* For output that is not a table: the file to write, which becomes visible
 * when the task succeeds. */
DR_API const char *dr_task_output_path(struct dr_task *t, const char *name);
/* For outputs that take a list: how many, and each one's dataset name, which
 * dr_task_write and dr_task_output_path then take in place of the port's. */
DR_API int32_t dr_task_output_count(const struct dr_task *t, const char *name);
DR_API const char *dr_task_output_name(const struct dr_task *t, const char *name, int32_t i);

/* ---- checks and reports ------------------------------------------------------------ */

struct dr_validation {
    uint32_t size;     /* sizeof(struct dr_validation); set by the caller */
    int32_t evaluated; /* expectations that gave a verdict */
    int32_t failed;    /* of any severity */
    int32_t failed_critical;
    int32_t failed_warning;
    int32_t errors;      /* expectations that could not be evaluated */
    int64_t quarantined; /* rows */
    int32_t must_fail;   /* 1: an expectation with on_failure: fail, or of
                            severity critical, failed or could not be evaluated */
    int32_t pad;
};
/* Check a table against a suite of the home; a column _line, the line of each
 * row in its file, is not data and names rows in results; every result is recorded with
 * the run under the dataset's name. ret_valid and ret_quarantined (may be
 * NULL) split the rows; the quarantined ones carry two more columns,
 * _reasons (text, "; " between reasons) and _expectations (ids, comma between).
 * Returns 0 whenever the suite could be run: a failed check is not an error. */
DR_API DR_CHECK int32_t dr_task_validate(struct dr_task *t, const char *suite, const char *dataset,
                                         const struct dr_table *table, struct dr_validation *ret,
                                         struct dr_table **ret_valid, struct dr_table **ret_quarantined);
/* Where must_fail is set, the task fails for good, with what the first expectation that makes it fail
 * says; else 0. Of the last dr_task_validate or dr_task_rollup of the task. */
DR_API DR_CHECK int32_t dr_task_verdict(struct dr_task *t, const struct dr_validation *v);
struct dr_task_rollup {
    uint32_t size; /* sizeof(struct dr_task_rollup) */
    int32_t n_keys;
    const char *const *keys; /* columns of the key; n_keys 0: duplicates are not looked for */
    const struct dr_rollup_group *groups;
    const struct dr_agg *aggs;
    int32_t n_groups, n_aggs;
    const char *suite;                   /* NULL: no checks */
    const char *dataset;                 /* what results are recorded under */
    const struct dr_csv_options *csv;    /* or NULL */
    int64_t memory;                      /* bytes to hold, about, beyond which a temporary file is used; 0:
                                            DAGRUN_MEMORY_LIMIT, or none */
    int64_t ret_unreadable;              /* records that a forgiving read kept aside */
    struct dr_validation ret_validation; /* zero where there is no suite; set its size */
    struct dr_rollup_counts ret_counts;
    /* NULL, or, where there is a suite, called with the rows in their order, a batch at a time, on the
     * caller's thread: those that pass and those that are quarantined, as dr_task_validate gives them, text
     * as text; or, both NULL, with records that cannot be read, as dr_table_read_csv has them. All borrowed.
     * What it returns other than 0 ends the task. */
    int32_t (*take)(void *ctx, const struct dr_table *valid, const struct dr_table *quarantined,
                    const struct dr_table *rejects);
    void *ctx;
};
/* One pass over an input that need not fit into memory: each row is checked against the
 * suite, those that an expectation with on_failure: quarantine refuses are left out, of rows with
 * one key the first is kept, and of these the statistics are made (*ret). The suite may
 * hold expectations about single rows, the number of rows, the columns, and the uniqueness of
 * the key; see docs/rollup.md. Results are recorded as dr_task_validate does. Without statistics and key (ret
 * may be NULL then) the key is that of the suite, and is only checked. */
DR_API DR_CHECK int32_t dr_task_rollup(struct dr_task *t, const char *input, int32_t i,
                                       struct dr_task_rollup *o, struct dr_table **ret);
/* Add to the run's account of rows for a dataset: raw = clean + quarantined +
 * duplicates must hold for each dataset and group when the run ends. stage is
 * "raw", "clean", "quarantined" or "duplicates"; group may be NULL. */
DR_API void dr_task_account(struct dr_task *t, const char *dataset, const char *group, const char *stage,
                            int64_t rows);
/* The same for a table, or for batches of one in several calls: one entry for each value of group_column
 * (text: trimmed and in upper case, so that one hospital is one group however it was spelt; "(missing)" for
 * null). A NULL or absent group_column, or more than 200 groups in all, gives one entry for the dataset. */
DR_API DR_CHECK int32_t dr_task_account_table(struct dr_task *t, const char *dataset, const char *stage,
                                              const struct dr_table *table, const char *group_column);
/* The same of rows that were counted elsewhere, by SQL say: counts has the columns dataset, stage, rows and,
 * if there are groups, group (text, or null). A stage of 0 rows in all is told of, too: it was reached. */
DR_API DR_CHECK int32_t dr_task_account_counts(struct dr_task *t, const struct dr_table *counts);
/* Write the HTML report of this run as it stands, and the index. */
DR_API DR_CHECK int32_t dr_task_report(struct dr_task *t);
/* The same as the last thing that a task does. Where no other task of the run is unfinished the page is
 * left to the runner, which writes it once the run has ended, with the end in it. The task fails
 * where rows do not add up. */
DR_API DR_CHECK int32_t dr_task_report_last(struct dr_task *t);

/* ---- before any run ------------------------------------------------------------------ */

/* Something is wrong in the definition, at the place of a value of `with`. In the plugin's check it is
 * collected for `dagrun check`; in run the task fails for good. Gives a non-zero code. */
DR_API int32_t dr_task_problem(struct dr_task *t, const struct dr_node *where, const char *fmt, ...)
    DR_PRINTF(3, 4);
/* In check: the names of an input's columns, as far as they are known before a run: those of a
 * CSV file's first line, or what the plugin that makes it has promised. -1: not known. */
DR_API int32_t dr_task_columns(struct dr_task *t, const char *input, const char *const **ret);
/* In check: say which columns an output will have, for the tasks that read it. */
DR_API void dr_task_promise(struct dr_task *t, const char *output, const char *const *columns, int32_t n);

/* ---- databases ------------------------------------------------------------------- */

/* Open a connection of the home by its name (docs/connections.md); use it with the
 * dr_db functions of dagrun/table.h and close it with dr_db_close. "warehouse" is
 * always there; NULL is a database of its own, in memory. What it waits for, or cannot keep as it is,
 * stands in the task's log. */
DR_API DR_CHECK int32_t dr_task_connect(struct dr_task *t, const char *name, struct dr_db **ret);
/* Apply what is pending of the home's migrations/SET (docs/sql.md), each in a transaction of its
 * own; *ret_applied of them. */
DR_API DR_CHECK int32_t dr_task_migrate(struct dr_task *t, struct dr_db *db, const char *set,
                                        int32_t *ret_applied);

/* ---- FHIR ------------------------------------------------------------------------- */

/* Files of FHIR resources into an SQLite database, through a folder of
 * ViewDefinitions; see docs/views.md and docs/pipelines/fhir_ingest.md. */
struct dr_fhir_load {
    uint32_t size;              /* sizeof(struct dr_fhir_load); set by the caller */
    int32_t rebuild;            /* 1: drop tables that were made for other views, and load all files anew */
    const char *views;          /* folder, from the home */
    const char *database;       /* file, from the home */
    const char *const *files;   /* n_files of them, from the home: bundles or single resources */
    const char *const *scripts; /* n_scripts SQL files, from the home, run when all is loaded */
    int32_t n_files;
    int32_t n_scripts;
    /* Set by dr_task_load_fhir: */
    int64_t files_read, files_unchanged, files_refused;
    int64_t bytes, quarantined;  /* quarantined: resources of files that were read */
    struct dr_table *summary;    /* a row for each type of resource; the caller drops it */
    struct dr_table *quarantine; /* what is set aside now, and why; the caller drops it */
};
/* Each file is one transaction; a file whose bytes are known is passed over; what is wrong with
 * a file or a resource is set aside and fails nothing. Accounts for every type of resource. */
DR_API DR_CHECK int32_t dr_task_load_fhir(struct dr_task *t, struct dr_fhir_load *load);

/* ---- the declaration ------------------------------------------------------------- */

enum dr_param_type {
    DR_PARAM_ANY = 0,
    DR_PARAM_STRING = 1,
    DR_PARAM_INT = 2,
    DR_PARAM_FLOAT = 3,
    DR_PARAM_BOOL = 4,
    DR_PARAM_PATH = 5,     /* of an existing file, from the home */
    DR_PARAM_DURATION = 6, /* "10s", "15m", "1h30m" */
    DR_PARAM_LIST = 7,
    DR_PARAM_MAP = 8,
    DR_PARAM_SUITE = 9,      /* the name of a suite of the home */
    DR_PARAM_CONNECTION = 10 /* the name of a connection of the home */
};
enum dr_spec_flags { DR_REQUIRED = 1, DR_MANY = 2 /* takes a list */ };

struct dr_param {
    const char *name;     /* NULL ends the array */
    int32_t type;         /* enum dr_param_type */
    int32_t flags;        /* enum dr_spec_flags */
    const char *fallback; /* as YAML text, or NULL */
    const char *choices;  /* "a|b|c", or NULL */
    const char *doc;
};
struct dr_port {
    const char *name; /* NULL ends the array */
    int32_t flags;    /* enum dr_spec_flags */
    int32_t pad;
    const char *doc;
};
struct dr_plugin {
    uint32_t abi;  /* DR_ABI; checked first */
    uint32_t size; /* sizeof(struct dr_plugin); checked second */
    uint32_t param_size;
    uint32_t port_size;
    const char *name;              /* as the DAG says it: plugin: NAME */
    const char *summary;           /* one line */
    const char *doc;               /* any length, or NULL */
    const struct dr_param *params; /* NULL: none */
    const struct dr_port *inputs;
    const struct dr_port *outputs;
    int32_t (*run)(struct dr_task *t); /* 0: done */
    const char *version;               /* or NULL */
    /* Or NULL: more than types and names can be told of `with` before a run. `dagrun check` calls it, in
     * a process of its own; it may use dr_task_param, dr_task_has_input, dr_task_has_output, the dr_node
     * functions and those of "before any run". What still holds ${...} is not known yet. */
    int32_t (*check)(struct dr_task *t);
};

#ifdef __cplusplus
#define DR_EXTERN_C extern "C"
#else
#define DR_EXTERN_C extern
#endif
/* Ends a plugin: DR_PLUGIN(.name = "x", .summary = "...", .run = x_run); */
#define DR_PLUGIN(...)                                                                                       \
    DR_EXTERN_C DR_API const struct dr_plugin *dr_plugin_main(void);                                         \
    const struct dr_plugin *dr_plugin_main(void)                                                             \
    {                                                                                                        \
        static const struct dr_plugin plugin = { .abi = DR_ABI,                                              \
                                                 .size = sizeof(struct dr_plugin),                           \
                                                 .param_size = sizeof(struct dr_param),                      \
                                                 .port_size = sizeof(struct dr_port),                        \
                                                 __VA_ARGS__ };                                              \
        return &plugin;                                                                                      \
    }                                                                                                        \
    struct dr_plugin_needs_a_semicolon

/* ---- expectations of your own ----
 * A shared object NAME.so beside the suite, for expect_rows_to_satisfy_plugin. */
struct dr_row_check {
    uint32_t abi;        /* DR_ABI; checked first */
    uint32_t size;       /* sizeof(struct dr_row_check); checked second */
    const char *name;    /* as the file is called */
    const char *summary; /* what a row must be: "has a plausible blood pressure" */
    /* Set bit i of unexpected (zeroed, (rows + 7) / 8 bytes) where row i breaks the
     * rule. args is the map `arguments` of the expectation, or NULL. A code other
     * than 0 with err set: it cannot be evaluated. */
    int32_t (*rows)(const struct dr_table *t, const struct dr_node *args, uint8_t *unexpected,
                    struct dr_err *err);
};
/* Ends it: DR_ROW_CHECK(.name = "x", .summary = "...", .rows = x_rows); */
#define DR_ROW_CHECK(...)                                                                                    \
    DR_EXTERN_C DR_API const struct dr_row_check *dr_row_check_main(void);                                   \
    const struct dr_row_check *dr_row_check_main(void)                                                       \
    {                                                                                                        \
        static const struct dr_row_check check = { .abi = DR_ABI,                                            \
                                                   .size = sizeof(struct dr_row_check),                      \
                                                   __VA_ARGS__ };                                            \
        return &check;                                                                                       \
    }                                                                                                        \
    struct dr_row_check_needs_a_semicolon

/* Return from the calling function where a call failed. */
#define DR_TRY(call)                                                                                         \
    do {                                                                                                     \
        int32_t dr_rc_ = (int32_t)(call);                                                                    \
        if (dr_rc_)                                                                                          \
            return dr_rc_;                                                                                   \
    } while (0)

#ifdef __cplusplus
}
#endif
#endif
