/* log_line.c - see log_line.h. */
#include "exec/log_line.h"
#include "base/date.h"
#include <dagrun/task.h>

void dr_log_put_line(struct dr_buf *b, int64_t us, int32_t level, struct dr_str text)
{
    static const char *const names[] = { "DEBUG", "INFO", "WARN", "ERROR" };
    struct dr_civil c;
    dr_civil_from_us(us, &c);
    level = level < DR_DEBUG ? DR_DEBUG : level > DR_ERROR ? DR_ERROR : level;
    dr_buf_printf(b, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ %s ", c.year, c.month, c.day, c.hour, c.minute,
                  c.second, c.micro / 1000, names[level]);
    dr_buf_put_visible(b, text, 0);
    dr_buf_putc(b, '\n');
}
