/* expect_pass.h - dagrun expect over a file that is not held. Layer: cmd. */
#ifndef DR_EXPECT_PASS_H
#define DR_EXPECT_PASS_H
#include "cmd/expect_print.h"
#include "expect/expect.h"

/* What may be held of each file, by --memory, DAGRUN_MEMORY_LIMIT or what the machine has; *ret 0: all of
 * it. asked: it is not dagrun's own choice. 0 or DR_EXIT_USAGE with the message printed. */
int dr_expect_memory(struct dr_cmd *c, const char *path, uint64_t *ret, bool *ret_asked);
/* A warning where a verb (what) that holds the whole file may not have the memory; 0 or DR_EXIT_USAGE with
 * the message printed. */
int dr_cmd_warn_held(const char *path, const char *what);
/* A suite over a file within about so many bytes; 0, or an exit code with the message printed. ret_gave_up:
 * NULL, or set where the file has to be held after all, of which nothing is printed. */
int dr_expect_stream(struct dr_cmd *c, const struct dr_suite *suite, const struct dr_expect_options *o,
                     uint64_t memory, struct dr_checked *file, bool *ret_gave_up);
/* expect.c: a warning for each column that the suite or --row-key speaks of and the file lacks. */
void dr_expect_warn_absent(const struct dr_cmd *c, const struct dr_suite *suite, const struct dr_table *table,
                           const char *file);
#endif
