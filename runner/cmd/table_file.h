/* table_file.h - any file as a table, for the verbs that need no DAG. Layer: cmd. */
#ifndef DR_TABLE_FILE_H
#define DR_TABLE_FILE_H
#include "cmd/cmd.h"
#include "model/suite.h"

/* --as and --delimiter; 0 or DR_EXIT_USAGE with the message printed. */
int dr_cmd_check_input(struct dr_cmd *c);
/* A CSV, TSV, JSON, JSON lines or Arrow file, by its ending or --as; 0, or an exit code with the message
 * printed. suite (may be NULL) says what is missing and what is sensitive. The
 * column _line holds the lines of a CSV file; ret_rejects (may be NULL) the records
 * that could not be read; ret_mixed (may be NULL) the columns of a JSON file that hold scalars of
 * several kinds, for struct dr_expect_options. */
int dr_cmd_read_table(struct dr_cmd *c, const char *path, const struct dr_suite *suite, struct dr_table **ret,
                      struct dr_table **ret_rejects, const char *const **ret_mixed);
/* On standard error, how many records could not be read, and why the first could not; nothing where all were
 * (rejects may be NULL). what: what they are not ("checked"). */
void dr_cmd_say_unread(const char *path, const struct dr_table *rejects, const char *what);
/* As many threads as asked for, where the file is large enough for them; dr_pool_done ends them. */
int dr_cmd_start_threads(struct dr_cmd *c, const char *path);
#endif
