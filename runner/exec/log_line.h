/* log_line.h - the one form of a line in an attempt's log. Layer: exec. */
#ifndef DR_LOG_LINE_H
#define DR_LOG_LINE_H
#include "base/str.h"

/* Append "2024-03-01T02:30:00.123Z INFO text\n", what is not printable in text made
 * visible. level: enum dr_level, clamped. */
void dr_log_put_line(struct dr_buf *b, int64_t us, int32_t level, struct dr_str text);
#endif
