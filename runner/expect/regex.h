/* regex.h - regular expressions, over PCRE2 (the only module that includes it).
 * Layer: expect.
 *
 * Patterns mean what they mean in Python's re: UTF-8 text, \d \w \s and word
 * boundaries by Unicode, (?P<name>...), `$` also before a final newline. What
 * Python lacks and PCRE2 has (recursion, possessive quantifiers, \Q..\E) works
 * too. A match that needs more than a fixed number of steps is an error, so
 * that a hostile pattern ends rather than hangs. */
#ifndef DR_REGEX_H
#define DR_REGEX_H
#include "base/str.h"

struct dr_pattern;
struct dr_regex; /* threads may match it at the same time */

int32_t dr_regex_new(const char *pattern, struct dr_regex **ret, struct dr_err *err);
void dr_regex_free(struct dr_regex *r); /* NULL is fine */
/* Whether the pattern is found anywhere in text (Python's re.search): 1 or 0,
 * or -1 with err where the text is not UTF-8 or a limit was reached. */
int dr_regex_search(struct dr_regex *r, struct dr_str text, struct dr_err *err);
/* Of a pattern that is one from its start, so that dr_pattern_match tells what dr_regex_search would;
 * else NULL. Borrowed. */
const struct dr_pattern *dr_regex_pattern(const struct dr_regex *r);
/* The same for a match that starts at the first byte (Python's re.match). */
int dr_regex_match(struct dr_regex *r, struct dr_str text, struct dr_err *err);

/* SQL's LIKE as SQLite has it: % any text, _ one character, ASCII letters of
 * either case alike, nothing else special. */
bool dr_like(struct dr_str pattern, struct dr_str text);
#endif
