/* cmd.h - what the verbs share. Layer: cmd. */
#ifndef DR_CMD_H
#define DR_CMD_H
#include "base/json.h"
#include "exec/executor.h"
#include "exec/plugins.h"

/* Exit codes; documented in docs/operations.md and `dagrun help`. */
enum dr_exit {
    DR_EXIT_OK = 0,
    DR_EXIT_FAILED = 1,     /* the run or a check failed */
    DR_EXIT_USAGE = 2,      /* the command line is wrong */
    DR_EXIT_DEFINITION = 3, /* a definition is wrong */
    DR_EXIT_NOT_FOUND = 4,  /* a DAG, run, task or home that is not there */
    DR_EXIT_BUSY = 5,       /* somebody else holds the lock */
    DR_EXIT_SYSTEM = 6,     /* the system refused: disk, permission, database */
    DR_EXIT_BUG = 70,
    DR_EXIT_CANCELLED = 130
};

/* Everything that options may set; a verb reads those it lists. */
struct dr_args {
    const char *verb;
    const char *words[1024]; /* what is not an option */
    int n_words;
    const char *home, *color, *params[64], *date, *run_id, *dag, *state, *format, *row_key, *result_format,
        *output;
    const char *task;
    const char *others[16], *baseline;
    int n_params, n_others;
    int64_t jobs, threads, limit, attempt, wait_us, query_timeout_us;
    bool json, help, follow, quiet, all, force, plain, list, trace, no_forgiving, user_lines, full, if_due,
        reconcile, suite;
    const char *explain, *encoding, *delimiter, *as, *connection, *memory;
    bool yes;
};
struct dr_cmd {
    struct dr_arena arena; /* all that dies with the program */
    struct dr_args args;
    struct dr_home home; /* found where the verb needs it */
    bool color;          /* colours on standard output */
};
struct dr_verb {
    const char *name;
    const char *words; /* "DAG" or "[DAG]", for the usage line */
    int min_words, max_words;
    const char *summary; /* one line */
    const char *options; /* names between blanks, besides --home --color --help */
    const char *details; /* what help says after the options, or NULL */
    const char *example; /* each line a command, as it can be typed */
    bool needs_home;
    int (*run)(struct dr_cmd *c); /* an exit code */
};
extern const struct dr_verb dr_verbs[];
extern const int dr_n_verbs;
const struct dr_verb *dr_verb_find(const char *name);

/* ---- options.c ---- */
/* Parse argv after the verb; 0 or DR_EXIT_USAGE with the message printed. */
int dr_options_parse(struct dr_cmd *c, const struct dr_verb *verb, int argc, char **argv);
void dr_options_help(const struct dr_verb *verb, FILE *out);
void dr_usage(FILE *out); /* dagrun --help */

/* ---- fail.c ---- */
int dr_exit_of(int32_t rc);
/* "dagrun: message" on standard error; the exit code for it. */
int dr_cmd_fail(const struct dr_err *err);
int dr_cmd_usage(const char *fmt, ...) DR_PRINTF(1, 2);
/* Diagnostics on standard error (or as JSON on standard output with --json). */
void dr_cmd_diags(struct dr_cmd *c, const struct dr_diags *d);

/* ---- term.c ---- */
enum dr_tint {
    DR_TINT_NONE,
    DR_TINT_GOOD,
    DR_TINT_BAD,
    DR_TINT_WARN,
    DR_TINT_DIM,
    DR_TINT_BOLD,
    DR_TINT_BUSY
};
const char *dr_tint_on(bool color, enum dr_tint t);
const char *dr_tint_off(bool color, enum dr_tint t);
bool dr_color_wanted(const char *choice, int fd); /* auto, always, never; NO_COLOR */
int dr_term_width(int fd);                        /* columns; 100 where unknown */
int dr_term_height(int fd);                       /* lines; INT_MAX where unknown */
/* A table of text with aligned columns; cells are made harmless to show. */
struct dr_grid {
    struct dr_arena *arena;
    int n_columns;
    const char **titles;
    bool *right;
    const char **cells;
    enum dr_tint *tints;
    int n, cap; /* cells */
};
void dr_grid_init(struct dr_grid *g, struct dr_arena *a, int n_columns, const char *const *titles,
                  const char *right);
void dr_grid_add(struct dr_grid *g, enum dr_tint tint, const char *text); /* copied; NULL is "" */
void dr_grid_print(const struct dr_grid *g, bool color, FILE *out);
int dr_text_width(const char *utf8); /* terminal columns */
/* Cut a line so that it takes fewer than width columns; escape sequences count for none. */
void dr_text_cut(struct dr_buf *line, int width);

/* ---- shared.c: what several verbs do ---- */
const char *dr_show_time(struct dr_arena *a, int64_t us, const char *zone); /* local to zone; "-" for 0 */
const char *dr_show_span(struct dr_arena *a, int64_t us);
const char *dr_iso(struct dr_arena *a, int64_t us); /* UTC; NULL for 0 */
enum dr_tint dr_run_tint(enum dr_run_state s);
enum dr_tint dr_task_tint(enum dr_task_state s);
/* Load a DAG with its plugins' declarations; prints diagnostics. 0 or an exit code. */
int dr_cmd_load_dag(struct dr_cmd *c, const char *dag_id, const struct dr_dag **ret);
bool dr_cmd_dag_exists(struct dr_cmd *c, const char *dag_id);
/* Says "there is no DAG 'x'; did you mean 'y'?"; the exit code for it. */
int dr_cmd_no_such_dag(struct dr_cmd *c, const char *dag_id);
/* Check the suites that a DAG's tasks name, each once: a run that could only fail
 * at its third task is not begun. */
void dr_cmd_check_suites(struct dr_cmd *c, const struct dr_dag *dag, struct dr_diags *d);
/* A suite of the home, and whether the plugins that its expectations name lie beside it. */
void dr_cmd_check_suite(struct dr_cmd *c, const char *name, struct dr_diags *d);
/* The state database, read-only; a home without one gives *ret NULL and 0. */
int dr_cmd_open_state(struct dr_cmd *c, struct dr_state **ret);
/* The run that words say: [DAG] [RUN_ID], by default the latest. */
int dr_cmd_find_run(struct dr_cmd *c, struct dr_state *s, const char *dag, const char *run,
                    struct dr_run_row *ret);
/* --param k=v and --params FILE as a MAP. */
int dr_cmd_params(struct dr_cmd *c, const struct dr_node **ret);
const char *dr_version_text(void);   /* "0.1.0 (abcdef)": recorded with each run */
int dr_print_json(struct dr_buf *b); /* to standard output, freed */

/* ---- live.c: what a run shows while it runs ---- */
struct dr_live;
struct dr_live *dr_live_new(struct dr_cmd *c, const struct dr_dag *dag);
const struct dr_exec_watch *dr_live_watch(struct dr_live *l);
void dr_live_free(struct dr_live *l);

/* ---- the verbs ---- */
int dr_verb_run(struct dr_cmd *c);
int dr_verb_retry(struct dr_cmd *c);
int dr_verb_cancel(struct dr_cmd *c);
int dr_verb_check(struct dr_cmd *c);
int dr_verb_list(struct dr_cmd *c);
int dr_verb_show(struct dr_cmd *c);
int dr_verb_graph(struct dr_cmd *c);
int dr_verb_init(struct dr_cmd *c);
int dr_verb_runs(struct dr_cmd *c);
int dr_verb_status(struct dr_cmd *c);
int dr_verb_logs(struct dr_cmd *c);
int dr_verb_tasks(struct dr_cmd *c);
int dr_verb_expect(struct dr_cmd *c);
int dr_verb_view(struct dr_cmd *c);
int dr_verb_profile(struct dr_cmd *c);
int dr_verb_report(struct dr_cmd *c);
int dr_verb_crontab(struct dr_cmd *c);
int dr_verb_db(struct dr_cmd *c);
int dr_verb_version(struct dr_cmd *c);
int dr_verb_help(struct dr_cmd *c);
#endif
