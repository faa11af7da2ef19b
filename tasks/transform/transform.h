/* transform.h - what the files of the transform plugin share; the design is at
 * the top of transform.c. */
#ifndef TRANSFORM_H
#define TRANSFORM_H
#include <dagrun/task.h>

/* A reason noted against an input row. */
struct note {
    int64_t row;
    int32_t reason; /* index into work.reasons */
    int32_t order;  /* notes of a row keep the order they were made in */
};
struct notes {
    struct note *items; /* owned */
    int64_t n, cap;
};

struct names {
    const char **items; /* owned; what they point to is not */
    int32_t n;
};

struct work {
    struct dr_task *t;
    const struct dr_table *input; /* borrowed */
    struct dr_table *table;       /* owned; the rows still in */
    int64_t *origin;              /* owned; input row of each row; NULL: the same */
    uint8_t *bad;                 /* owned; bitmap over the table's rows: has a reason */
    int64_t n_bad;
    struct notes rejected, duplicates;
    char **reasons; /* owned */
    int32_t n_reasons;
    const char *step; /* name of the step at work, for messages */
    struct {
        int64_t refused, repeated;
    } * reasons_of; /* owned; by step */
    int64_t ranges_unreadable;
    int parses_ranges;
    struct catalogue *catalogues; /* owned; measure.c */
    struct stream *stream;        /* borrowed; NULL: the whole table is at work */
};

/* Memory and bits. */
void *need(void *p); /* ends the process where p is NULL */
int get_bit(const uint8_t *bits, int64_t i);
void set_bit(uint8_t *bits, int64_t i);
size_t bitmap_bytes(int64_t rows);
int cell_present(const struct dr_chunk *c, int64_t i);

/* Reasons. */
int32_t reason_index(struct work *w, const char *text);
void note(struct notes *notes, int64_t row, int32_t reason);
int64_t origin_of(const struct work *w, int64_t row);
/* Note a reason against a row of the table at work, which leaves at settle. */
void refuse(struct work *w, int64_t row, int32_t reason);
/* The reason "COLUMN WHAT" against every row whose bit is 1. */
void refuse_bits(struct work *w, const uint8_t *bits, const char *column, const char *what);
/* Drop the rows that have a reason. */
int32_t settle(struct work *w);

/* Columns of the table at work; a failure names the step and the columns there are. */
int32_t find_column(struct work *w, const char *name, const struct dr_column **ret);
int32_t text_column(struct work *w, const char *name, struct dr_column **ret);         /* DICT; a reference */
int32_t number_column(struct work *w, const char *name, const struct dr_column **ret); /* FLOAT64; lent */
int32_t put_column(struct work *w, const char *name, struct dr_column *c); /* takes the reference */
/* Take over the table `with` unless rc is a failure, which is returned. */
int32_t replace_table(struct work *w, int32_t rc, struct dr_table *with);

/* The arguments of steps, and the columns they work on, before any row is read. */
enum arg_kind {
    ARG_COLUMN, /* the name of a column that must be there */
    ARG_COLUMNS,
    ARG_NEW_COLUMN,
    ARG_TEXT,
    ARG_TEXTS,
    ARG_TEXT_MAP,
    ARG_RENAME, /* a map whose keys are columns */
    ARG_BOOL,
    ARG_INT,
    ARG_CONFLICTS
};
/* Of a column's values, as far as steps make or need it. */
enum of_type { OF_ANY, OF_TEXT, OF_NUMBER, OF_DATE, OF_BOOL };
struct arg {
    const char *name; /* NULL ends the list */
    enum arg_kind kind;
    int32_t flags;     /* DR_REQUIRED */
    enum of_type type; /* that the columns must have */
};
enum { ARGS_MAX = 8, KNOWN_MAX = 2000, MADE_MAX = 500 };
struct known {
    const char *names[KNOWN_MAX]; /* borrowed */
    int32_t n;                    /* -1: the columns are not known */
    struct {
        const char *name; /* borrowed */
        enum of_type type;
    } made[MADE_MAX]; /* the columns whose type a step before has made */
    int32_t n_made;
};
void known_input(struct known *k, struct dr_task *t, const char *input);
void known_add(struct known *k, const char *name);
/* A step makes a column (NULL: none) of that type, whether it was there or not. */
void known_type(struct known *k, const char *name, enum of_type type);
void known_select(struct known *k, const struct dr_node *names);
void known_rename(struct known *k, const struct dr_node *from_to);
/* Each problem is told by dr_task_problem; 0 where there is none. */
int32_t check_args(struct dr_task *t, const char *step, const struct arg *known_args,
                   const struct dr_node *args, const struct known *k);

/* ---- stream.c: a table that is read in batches, as often as its steps need ---- */
/* The whole transformation within so many bytes. */
int32_t transform_stream(struct dr_task *t, int64_t memory);
/* What the steps that compare rows do with a batch, in their place. */
int32_t stream_distinct(struct work *w, const struct names *content, const struct names *key, int32_t keep);
int32_t stream_pairs(struct work *w, const struct names *key, const struct dr_node *args);
int32_t stream_sort(struct work *w, const struct names *columns);
/* The number of a row in the whole input. */
int64_t number_of(const struct work *w, int64_t row);
/* 1: what follows waits for a later pass. */
int stream_waits(const struct work *w);

/* ---- transform.c: what both ways have in common ---- */
/* Apply the steps to the table at work, and let rows with reasons leave. */
int32_t apply_steps(struct work *w);
/* Every step, before any runs. */
int32_t check_all_steps(struct dr_task *t);
/* The rows of the input that notes name, each once, with their reasons. */
int32_t noted_rows(const struct work *w, struct notes *notes, struct dr_table **ret);
const char *dataset_name(struct dr_task *t);
/* Count rows into the run's account, if it is asked for. Clean rows, w->table, belong to the groups that they
 * came in: steps may have spelt the column's values otherwise since, renamed it or left it out. */
int32_t account_rows(const struct work *w, const char *stage, const struct dr_table *rows);
/* What comes out, counted. */
struct outcome {
    long long in, clean, rejected, duplicates;
};
/* Fails where rows are missing; else logs, and tells the metrics. */
int32_t check_outcome(struct work *w, const struct outcome *o);
void work_init(struct work *w, struct dr_task *t);
/* A table, or the next batch of one, to begin with: borrowed until work_done or the next. */
void work_start(struct work *w, const struct dr_table *input);
/* What steps have counted so far. */
void work_forget_counts(struct work *w);
void work_done(struct work *w);
/* ---- measure.c ---- */
void free_catalogues(struct work *w);
/* ---- rows.c ---- */
/* Note that a row leaves for what distinct marks it with; keep is its rule for conflicts. */
void note_repeat(struct work *w, int64_t row, uint8_t mark, int32_t keep);
/* The texts of a list argument, each the name of a column there is. names_done, unless it fails. */
int32_t column_list(struct work *w, const struct dr_node *args, const char *key, struct names *ret);
void names_done(struct names *names);
/* ---- pairs.c ---- */
/* What the rows at work are compared by, and what was found of them. */
int32_t tell_of_pairs(struct work *w, struct dr_row_marks *marks, const struct names *key,
                      const struct dr_node *args);
void refuse_odds(struct work *w, const struct dr_row_marks *marks, const struct dr_node *args);

/* The steps. */
const char *arg_text(const struct dr_node *args, const char *key);
int32_t step_trim(struct work *w, const struct dr_node *args);
int32_t step_upper(struct work *w, const struct dr_node *args);
int32_t step_lower(struct work *w, const struct dr_node *args);
int32_t step_missing(struct work *w, const struct dr_node *args);
int32_t step_replace(struct work *w, const struct dr_node *args);
int32_t step_parse_date(struct work *w, const struct dr_node *args);
int32_t step_parse_number(struct work *w, const struct dr_node *args);
int32_t step_parse_range(struct work *w, const struct dr_node *args);
int32_t step_measure(struct work *w, const struct dr_node *args);
int32_t step_ordered_pair(struct work *w, const struct dr_node *args);
int32_t step_distinct(struct work *w, const struct dr_node *args);
int32_t step_month(struct work *w, const struct dr_node *args);
int32_t step_rename(struct work *w, const struct dr_node *args);
int32_t step_select(struct work *w, const struct dr_node *args);
int32_t step_sort(struct work *w, const struct dr_node *args);
#endif
