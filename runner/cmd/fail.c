/* Errors as people and scripts see them: one line on standard error, one exit code. */
#include "cmd/cmd.h"
#include <stdarg.h>

int dr_exit_of(int32_t rc)
{
    switch (rc) {
    case DR_OK:
        return DR_EXIT_OK;
    case DR_EDEF:
        return DR_EXIT_DEFINITION;
    case DR_ENOTFOUND:
        return DR_EXIT_NOT_FOUND;
    case DR_EBUSY:
        return DR_EXIT_BUSY;
    case DR_ESYS:
    case DR_EDB:
        return DR_EXIT_SYSTEM;
    case DR_ECANCEL:
        return DR_EXIT_CANCELLED;
    case DR_EBUG:
        return DR_EXIT_BUG;
    default:
        return DR_EXIT_FAILED;
    }
}

int dr_cmd_fail(const struct dr_err *err)
{
    DR_AUTO_BUF text = { 0 };
    struct dr_str rest = dr_str_of(err->msg), line;
    /* A message may have lines of its own; each is made harmless to show. */
    for (bool first = true; dr_str_split(&rest, '\n', &line); first = false) {
        (void)dr_buf_puts(&text, first ? "dagrun: " : "\n  ");
        dr_buf_put_visible(&text, line, 0);
    }
    fprintf(stderr, "%s\n", dr_buf_cstr(&text));
    return dr_exit_of(err->rc);
}

int dr_cmd_usage(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("dagrun: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    return DR_EXIT_USAGE;
}

void dr_cmd_diags(struct dr_cmd *c, const struct dr_diags *d)
{
    DR_AUTO_BUF text = { 0 };
    if (c->args.json) {
        dr_diags_put_json(d, &text);
        puts(dr_buf_cstr(&text));
        return;
    }
    dr_diags_put_text(d, &text);
    fputs(dr_buf_cstr(&text), stderr);
}
