/* collect.h - what a child process that may hang has to say. Layer: exec. */
#ifndef DR_COLLECT_H
#define DR_COLLECT_H
#include "exec/process.h"

struct dr_answer {
    bool in_time; /* its answer ended, within 5 s and within what out may hold; else it was killed */
    struct dr_process_end end;
};
/* Fork, have the child run, and take all it writes to *fd, which is set for it; ctx holds fd. */
int32_t dr_ask_child(int (*run)(void *ctx), void *ctx, int *fd, struct dr_buf *out, struct dr_answer *ret,
                     struct dr_err *err);
#endif
