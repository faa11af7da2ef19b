/* table_file.h - any file as a table, for the verbs that need no DAG. Layer: cmd. */
#ifndef DR_TABLE_FILE_H
#define DR_TABLE_FILE_H
#include "cmd/cmd.h"
#include "data/stream.h"
#include "model/suite.h"

/* --as and --delimiter; 0 or DR_EXIT_USAGE with the message printed. */
int dr_cmd_check_input(struct dr_cmd *c);
/* Whether the file of --output could be written, and is none of the words, before work is done for it; 0, or
 * an exit code with the message printed. */
int dr_cmd_check_output(struct dr_cmd *c);
/* The file of --output, or standard output; closing it tells whether all could be written. 0, or an exit code
 * with the message printed. */
int dr_cmd_open_output(struct dr_cmd *c, FILE **ret);
int dr_cmd_close_output(struct dr_cmd *c, FILE *out);
/* A CSV, TSV, JSON, JSON lines or Arrow file, by its ending or --as; 0, or an exit code with the message
 * printed. suite (may be NULL) says what is missing and what is sensitive. The
 * column _line holds the lines of a CSV file; ret_rejects (may be NULL) the records
 * that could not be read; ret_mixed (may be NULL) the columns of a JSON file that hold scalars of
 * several kinds, for struct dr_expect_options. */
int dr_cmd_read_table(struct dr_cmd *c, const char *path, const struct dr_suite *suite, struct dr_table **ret,
                      struct dr_table **ret_rejects, const char *const **ret_mixed);
/* The same batch by batch. Set infer_bytes (0: as usual) before; DR_ECANCEL from the reader of a JSON file:
 * the first infer_bytes do not show all that its columns hold. */
struct dr_stream {
    int64_t infer_bytes;
    struct dr_reader *reader;  /* owned by the caller */
    struct dr_rejects rejects; /* likewise: the first, and how many */
    const char *const *mixed;
};
DR_CHECK int32_t dr_cmd_open_stream(struct dr_cmd *c, const char *path, const struct dr_suite *suite,
                                    struct dr_stream *s, struct dr_err *err);
bool dr_cmd_is_json(struct dr_cmd *c, const char *path);
/* dr_cmd_fail, and what may help where the name of the file does not say what it holds. */
int dr_cmd_fail_reading(struct dr_cmd *c, const char *path, const struct dr_err *err);
/* A header that is one name holding another delimiter: every record is then one text, or unreadable. */
void dr_cmd_hint_delimiter(const struct dr_table *table, const char *path);
/* On standard error, that n records could not be read, and why the first of rejects could not; nothing where
 * n is 0. what: what they are not ("checked"). */
void dr_cmd_say_unread(const char *path, int64_t n, const struct dr_table *rejects, const char *what);
/* As many threads as asked for, where the file is large enough for them; dr_pool_done ends them. */
int dr_cmd_start_threads(struct dr_cmd *c, const char *path);
#endif
