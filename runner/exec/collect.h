/* collect.h - what a child process that may hang has to say. Layer: exec. */
#ifndef DR_COLLECT_H
#define DR_COLLECT_H
#include "base/str.h"

/* Everything until the end of the pipe; false where it did not come within 5 s, or was more than
 * out may hold. */
bool dr_collect(int fd, struct dr_buf *out);
#endif
