/* expect_print.h - results of dagrun expect in its three forms. Layer: cmd. */
#ifndef DR_EXPECT_PRINT_H
#define DR_EXPECT_PRINT_H
#include "cmd/cmd.h"
#include "expect/expect.h"

/* One file checked. */
struct dr_checked {
    const char *file;
    struct dr_results *results; /* owned */
};
/* format: text, json or junit. */
void dr_checked_print(struct dr_cmd *c, const char *format, int n, const struct dr_checked *files, FILE *out);
int dr_expect_list(struct dr_cmd *c);                      /* dagrun expect --list */
int dr_expect_explain(struct dr_cmd *c, const char *name); /* dagrun expect --explain NAME */
#endif
