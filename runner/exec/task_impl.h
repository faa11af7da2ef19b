/* task_impl.h - what stands behind the struct dr_task of a plugin. Internal to
 * the worker: worker.c, task_api.c, task_files.c and task_check.c. Layer: exec. */
#ifndef DR_TASK_IMPL_H
#define DR_TASK_IMPL_H
#include "exec/msg.h"
#include "exec/worker.h"
#include "data/stream.h"
#include "expect/expect.h"
#include <dagrun/task.h>

/* A binding of the DAG with its ${...} replaced. Texts in the task's arena. */
struct dr_task_file {
    const char *port;
    const char *name;           /* the dataset, or the path as written */
    const char *path;           /* absolute; inputs: NULL until asked for */
    int32_t producer;           /* inputs: index of the task, or -1 */
    struct dr_hashing *hashing; /* inputs: owned until recorded; NULL: none was begun */
    const char *hash;           /* of its bytes, from who read them; NULL: not known yet */
    uint64_t bytes;             /* with hash */
    bool recorded;              /* the runner was told of it */
    bool used;                  /* outputs: written, or its path was asked for */
    struct dr_writer *writer;   /* outputs: owned; while it is written batch by batch */
    struct dr_table *schema;    /* likewise: a batch without its rows */
    int64_t rows;               /* likewise: so far */
};
/* Folders are made when first needed: most tasks of a wide DAG need none. */
struct dr_task_folders {
    const char *task, *attempt, *work, *out; /* each in the one before; absolute */
    bool made_work, made_out;
};
struct dr_task_plan; /* task_plan.h */
struct dr_task {
    struct dr_arena arena;
    const struct dr_worker_job *job; /* borrowed */
    struct dr_task_plan *plan;       /* borrowed; in the check before a run, NULL in an attempt */
    struct dr_task_info info;
    struct dr_task_folders *folders;
    const struct dr_node *params; /* MAP: `with`, substituted and checked */
    struct dr_task_file *inputs, *outputs;
    int32_t n_inputs, n_outputs;
    struct dr_msg_writer msg;
    int log_fd;                /* the attempt's log, kept apart from 1 and 2, which are the plugin's */
    uint64_t log_dev, log_ino; /* of the log: see dr_msg_writer */
    struct dr_err err;         /* for table functions; dr_task_err */
    struct dr_err broken;      /* the first message that could not be sent */
    enum dr_msg_how how;       /* what the plugin said of its end, with */
    const char *reason;        /* why; NULL: nothing said */
    const char *verdict;       /* what the first expectation that makes it fail says; NULL: there is none */
    struct dr_task_counted *counted; /* by dr_task_account_table, and not yet sent; in the arena */
    struct {
        int64_t done, total, sent_us;
        bool waits; /* the last values were not sent */
    } progress;
};

/* Send; a failure is kept in broken, and fails the attempt at its end. */
void dr_task_send(struct dr_task *t, const struct dr_msg *m);
/* Send the progress that throttling kept back. */
void dr_task_flush_progress(struct dr_task *t);
int32_t dr_task_make_work(const struct dr_task *t, struct dr_err *err);
/* The file of an input, which is there. */
int32_t dr_task_input_file(struct dr_task *t, const char *name, int32_t i, struct dr_task_file **ret);
/* Begin with its hash, to be recorded, beside the threads that will read it. */
void dr_task_hash_ahead(const struct dr_task *t, struct dr_task_file *f);
/* What it is: whoever read it has hashed it. */
void dr_task_hash_is(struct dr_task *t, struct dr_task_file *f, const char *hash, uint64_t bytes);
/* Record it as read, once, with its hash; table may be NULL. */
int32_t dr_task_record_read(struct dr_task *t, struct dr_task_file *f, const struct dr_table *table);
/* The same of rows that were read in batches; like: one of these, or its columns without rows. */
int32_t dr_task_record_rows(struct dr_task *t, struct dr_task_file *f, const struct dr_table *like,
                            int64_t rows);
/* ---- task_batches.c ---- */
/* A CSV, TSV or Arrow file by its name; rejects: of a forgiving read, borrowed, or NULL. */
int32_t dr_task_open_batches(const char *path, const struct dr_csv_options *csv, struct dr_rejects *rejects,
                             struct dr_reader **ret, struct dr_err *err);
/* ---- task_account.c ---- */
/* Send what dr_task_account_table has counted since. */
void dr_task_flush_accounts(struct dr_task *t);
/* ---- task_check.c ---- */
int32_t dr_task_load_suite(struct dr_task *t, const char *name, const struct dr_suite **ret);
/* How checks are asked for in tasks; line_numbers: their column, or NULL. */
struct dr_expect_options dr_task_expect_options(const struct dr_task *t, const char *line_numbers);
/* Send every result and log what failed. */
void dr_task_report_results(struct dr_task *t, const struct dr_suite *suite, const char *dataset,
                            const struct dr_results *results);
/* ret->size is set. */
void dr_task_fill_validation(struct dr_validation *ret, const struct dr_results *r, int64_t quarantined);
/* ---- task_files.c ---- */
/* Resolve the bindings of the DAG. */
int32_t dr_task_bind(struct dr_task *t, struct dr_err *err);
/* After run gave 0: every output that the DAG names must be there; records
 * those that the plugin wrote as files. */
int32_t dr_task_check_outputs(struct dr_task *t, struct dr_err *err);
/* At the end of the task: nothing remains of outputs that were not written to their end. */
void dr_task_drop_outputs(struct dr_task *t);
#endif
