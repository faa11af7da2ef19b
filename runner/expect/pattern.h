/* pattern.h - regular expressions that are a fixed sequence of characters, such as
 * ^P\d{7}$, matched without an engine. Layer: expect.
 *
 * Codes and identifiers are mostly checked with such patterns, and millions of them at
 * a time. What is not plainly of this kind is left to PCRE2, and so is a text that
 * does not match and is not ASCII, since \d means Unicode's digits too. */
#ifndef DR_PATTERN_H
#define DR_PATTERN_H
#include "base/str.h"

enum { DR_PATTERN_MAX = 64 };
struct dr_pattern {
    int32_t n;                    /* characters */
    bool from_start, to_end;      /* ^, $ */
    uint8_t kind[DR_PATTERN_MAX]; /* of each character: a bit of members */
    uint8_t members[256];         /* kinds that a byte belongs to */
    /* Where each character is of one range, such as 0-9, and there are 4 to 16 of them: the ranges,
     * less 1 and up to 0x7F, of the first four or eight and of the last. */
    bool ranges;
    uint64_t low[2], high[2];
};
/* Whether the pattern is of this kind; *ret is its meaning then. */
bool dr_pattern_parse(const char *pattern, struct dr_pattern *ret);
/* Whether text begins so (Python's re.match): 1, 0, or -1 where an engine must tell. */
int dr_pattern_match(const struct dr_pattern *p, struct dr_str text);
/* The same of texts 0 to n - 1, n <= 64, text i being bytes[offsets[i], offsets[i + 1]): a bit for each that
 * does. *ret_unsure: those that must be asked one by one. */
uint64_t dr_pattern_match_run(const struct dr_pattern *p, const char *bytes, const int64_t *offsets, int n,
                              uint64_t *ret_unsure);
#endif
