/* err.c - recording failures. A message is formed in a buffer of its own, so
 * that a caller may pass err->msg as an argument. */
#include "base/err.h"
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MSG_SIZE sizeof(((struct dr_err *)0)->msg)

/* Cut text (n bytes of which may be shown) before a sequence that would be split. */
static size_t utf8_boundary(const char *text, size_t n)
{
    size_t cut = n;
    while (cut > 0 && n - cut < 3 && ((unsigned char)text[cut] & 0xC0) == 0x80)
        cut--;
    bool continues = ((unsigned char)text[cut] & 0xC0) == 0x80;
    return continues ? n : cut;
}

/* Format into text[size]; what does not fit ends in "...". Returns the length. */
__attribute__((format(printf, 3, 0))) static size_t format_cut(char *text, size_t size, const char *fmt,
                                                               va_list ap)
{
    int n = vsnprintf(text, size, fmt, ap);
    if (n < 0) {
        text[0] = '\0';
        return 0;
    }
    if ((size_t)n < size)
        return (size_t)n;
    size_t cut = utf8_boundary(text, size - 4);
    memcpy(text + cut, "...", 4);
    return cut + 3;
}

int32_t dr_fail(struct dr_err *err, int32_t rc, const char *fmt, ...)
{
    if (!err)
        return rc;
    int saved = errno;
    char text[MSG_SIZE];
    va_list ap;
    va_start(ap, fmt);
    size_t n = format_cut(text, sizeof(text), fmt, ap);
    va_end(ap);
    err->rc = rc;
    err->sys = 0;
    memcpy(err->msg, text, n + 1);
    errno = saved;
    return rc;
}

int32_t dr_fail_sys(struct dr_err *err, const char *fmt, ...)
{
    if (!err)
        return DR_ESYS;
    int saved = errno;
    char reason_buf[96];
    const char *reason = strerror_r(saved, reason_buf, sizeof(reason_buf));
    size_t reason_n = strnlen(reason, sizeof(reason_buf));
    /* The reason is worth more than the end of a long path: it always fits. */
    char text[MSG_SIZE];
    va_list ap;
    va_start(ap, fmt);
    size_t n = format_cut(text, sizeof(text) - reason_n - 2, fmt, ap);
    va_end(ap);
    err->rc = DR_ESYS;
    err->sys = saved;
    memcpy(err->msg, text, n);
    memcpy(err->msg + n, ": ", 2);
    memcpy(err->msg + n + 2, reason, reason_n);
    err->msg[n + 2 + reason_n] = '\0';
    errno = saved;
    return DR_ESYS;
}

__attribute__((format(printf, 3, 4))) static size_t format_cut_args(char *text, size_t size, const char *fmt,
                                                                    ...)
{
    va_list ap;
    va_start(ap, fmt);
    size_t n = format_cut(text, size, fmt, ap);
    va_end(ap);
    return n;
}

int32_t dr_err_prefix(struct dr_err *err, const char *fmt, ...)
{
    if (!err || !err->rc)
        return DR_EBUG;
    int saved = errno;
    char context[MSG_SIZE], text[MSG_SIZE];
    va_list ap;
    va_start(ap, fmt);
    format_cut(context, sizeof(context), fmt, ap);
    va_end(ap);
    size_t n = format_cut_args(text, sizeof(text), "%s: %s", context, err->msg);
    memcpy(err->msg, text, n + 1);
    errno = saved;
    return err->rc;
}

const char *dr_rc_name(int32_t rc)
{
    static const char *const names[] = {
        [DR_OK] = "ok",           [DR_EINPUT] = "input",
        [DR_EDEF] = "definition", [DR_ENOTFOUND] = "not found",
        [DR_ESYS] = "system",     [DR_EDB] = "database",
        [DR_EPLUGIN] = "plugin",  [DR_ELIMIT] = "limit",
        [DR_EBUSY] = "busy",      [DR_ECANCEL] = "cancelled",
        [DR_EBUG] = "bug",
    };
    if (rc < 0 || (size_t)rc >= sizeof(names) / sizeof(names[0]))
        return "unknown";
    return names[rc];
}

_Noreturn void dr_die_oom(size_t bytes)
{
    fprintf(stderr, "dagrun: out of memory (%zu bytes wanted)\n", bytes);
    abort();
}
