/* str.h - byte views, growing buffers, UTF-8 and edit distance. Layer: base.
 *
 * A dr_str is borrowed bytes that may hold anything and need no NUL; it lives
 * as long as its source. A dr_buf owns its bytes, keeps a NUL after them and
 * has a declared maximum, past which an append fails with DR_ELIMIT and leaves
 * the buffer as it was; the failure sticks (dr_buf_ok) so that a run of appends
 * may be checked once at its end. */
#ifndef DR_STR_H
#define DR_STR_H
#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "base/mem.h"

struct dr_str {
    const char *p;
    size_t n;
};
#define DR_LIT(s) ((struct dr_str){ "" s, sizeof(s) - 1 })
static inline struct dr_str dr_str_of(const char *s)
{
    return (struct dr_str){ s, s ? strlen(s) : 0 };
}
static inline bool dr_str_eq(struct dr_str a, struct dr_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
static inline bool dr_streq(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}
bool dr_str_starts(struct dr_str s, struct dr_str prefix);
bool dr_str_ends(struct dr_str s, struct dr_str suffix);
struct dr_str dr_str_trim(struct dr_str s);       /* ASCII white space at both ends */
int dr_str_cmp(struct dr_str a, struct dr_str b); /* by bytes */
/* Pass over c where *s starts with it. */
bool dr_str_take(struct dr_str *s, char c);
/* Cut the piece before the next sep off *rest; false when *rest is used up. */
bool dr_str_split(struct dr_str *rest, char sep, struct dr_str *ret);

struct dr_buf {
    char *p; /* owned; NULL or NUL-terminated */
    size_t n, cap;
    size_t max;  /* 0: DR_BUF_MAX */
    bool failed; /* an append was refused */
};
#define DR_BUF_MAX ((size_t)1 << 30)
/* A zeroed dr_buf is empty. */
void dr_buf_done(struct dr_buf *b);
void dr_buf_clear(struct dr_buf *b); /* keeps memory, forgets a failure */
int32_t dr_buf_append(struct dr_buf *b, const void *p, size_t n);
int32_t dr_buf_puts(struct dr_buf *b, const char *s);
int32_t dr_buf_putc(struct dr_buf *b, char c);
int32_t dr_buf_printf(struct dr_buf *b, const char *fmt, ...) DR_PRINTF(2, 3);
int32_t dr_buf_vprintf(struct dr_buf *b, const char *fmt, va_list ap);
/* Room for n more bytes at the end, uninitialised and not yet counted; NULL on the limit. */
char *dr_buf_reserve(struct dr_buf *b, size_t n);
static inline bool dr_buf_ok(const struct dr_buf *b)
{
    return !b->failed;
}
static inline struct dr_str dr_buf_str(const struct dr_buf *b)
{
    return (struct dr_str){ b->p ? b->p : "", b->n };
}
/* The bytes, NUL-terminated, "" when empty; borrowed. */
static inline const char *dr_buf_cstr(const struct dr_buf *b)
{
    return b->p ? b->p : "";
}
void dr_cleanup_buf(struct dr_buf *b);
#define DR_AUTO_BUF __attribute__((cleanup(dr_cleanup_buf))) struct dr_buf

/* UTF-8 as of Unicode 15, section 3.9: no surrogates, no overlong forms. */
size_t dr_utf8_valid_prefix(struct dr_str s); /* s.n where all is valid */
static inline bool dr_utf8_valid(struct dr_str s)
{
    return dr_utf8_valid_prefix(s) == s.n;
}
int64_t dr_utf8_length(struct dr_str s); /* code points; an invalid byte counts as one */
/* The code point at s.p (U+FFFD for an invalid byte); *ret_n bytes were read. s.n > 0. */
uint32_t dr_utf8_next(struct dr_str s, size_t *ret_n);
/* Append s made harmless to show on one line of a terminal or log: controls,
 * invalid bytes and bidirectional overrides become \xNN or \u{NNNN}; cut after max code
 * points with "..." (0: no cut). */
void dr_buf_put_visible(struct dr_buf *b, struct dr_str s, size_t max);

/* The candidate nearest to word (optimal string alignment distance, at most a
 * third of its length, at least 1), or NULL: for "did you mean". */
const char *dr_nearest(const char *word, const char *const *candidates, size_t n);
int dr_edit_distance(struct dr_str a, struct dr_str b, int max); /* max + 1 where larger */
/* Shell-like pattern: * ? and [...]; for name filters. */
bool dr_glob(const char *pattern, const char *text);
#endif
