/* err.h - how every fallible function of dagrun fails.
 *
 * It returns a code of enum dr_rc (0 is success) and fills the caller's
 * struct dr_err with what failed, on which name, and why. Both types are part
 * of the public ABI, so a message crosses layers and plugins unchanged.
 * Nobody below cmd/ and the worker's entry prints or exits. Layer: base. */
#ifndef DR_ERR_H
#define DR_ERR_H
#include <dagrun/table.h>
#include <stddef.h>

#ifndef DR_TRY
#define DR_TRY(call)                                                                                         \
    do {                                                                                                     \
        int32_t dr_rc_ = (int32_t)(call);                                                                    \
        if (dr_rc_)                                                                                          \
            return dr_rc_;                                                                                   \
    } while (0)
#endif

/* Record a failure and return rc. err may be NULL; errno is kept. A message
 * longer than the field is cut on a UTF-8 boundary and ends in "...". */
int32_t dr_fail(struct dr_err *err, int32_t rc, const char *fmt, ...) DR_PRINTF(3, 4);
/* As dr_fail with DR_ESYS; appends ": " and the text of errno, which a long
 * message never pushes out. */
int32_t dr_fail_sys(struct dr_err *err, const char *fmt, ...) DR_PRINTF(2, 3);
/* Put "context: " before a recorded message; returns err->rc (or DR_EBUG where
 * err is NULL or holds none). */
int32_t dr_err_prefix(struct dr_err *err, const char *fmt, ...) DR_PRINTF(2, 3);
/* "input", "definition", ... */
const char *dr_rc_name(int32_t rc);
/* Out of memory: one line on stderr, then abort. Never returns. */
_Noreturn void dr_die_oom(size_t bytes);
#endif
