/* scan.h - where the tokens of a JSON text start. Layer: json.
 *
 * The scan looks at 64 bytes at a time and knows only quotes, backslashes,
 * brackets, ':' and ',', white space and the rest. It gives the offset of
 *   - each bracket, ':' and ',' outside strings;
 *   - the first byte of each number or name (of each run of other bytes);
 *   - each quote that opens or closes a string;
 *   - the backslash of each escape inside a string;
 *   - where `lines` is set, each LF.
 * The grammar is the caller's to check. What the scan refuses on its own is a
 * control character inside a string and bytes that are not UTF-8. It works
 * window by window, so that offsets are used while they are in the cache. */
#ifndef DR_JSON_SCAN_H
#define DR_JSON_SCAN_H
#include "base/str.h"

enum { DR_JSON_PADDING = 64 }; /* bytes that are readable past a text */
#define DR_JSON_TEXT_MAX ((size_t)UINT32_MAX - 4096)

enum dr_json_isa { DR_JSON_SCALAR, DR_JSON_SSSE3, DR_JSON_AVX2 };
enum dr_json_isa dr_json_best_isa(void); /* what this machine can do */

enum dr_json_refused { DR_JSON_FINE, DR_JSON_CONTROL, DR_JSON_NOT_UTF8 };

struct dr_json_scan {
    const char *text; /* borrowed */
    size_t n;
    enum dr_json_isa isa;
    bool lines;
    uint32_t *at; /* owned: offsets found in the last window */
    size_t count, cap;
    enum dr_json_refused refused; /* then nothing at or after refused_at is given */
    size_t refused_at;
    /* Between windows: */
    size_t scanned, checked; /* bytes; those known to be UTF-8 */
    size_t window;
    uint64_t escaped; /* 1: the next byte is escaped */
    uint64_t inside;  /* all ones: the next byte is inside a string */
    uint64_t scalar;  /* 1: the byte before belongs to a number or name */
};
/* A zeroed struct is ready for begin, which keeps the memory of an earlier use.
 * DR_JSON_PADDING bytes past text + n are readable; n <= DR_JSON_TEXT_MAX. */
void dr_json_scan_begin(struct dr_json_scan *s, enum dr_json_isa isa, const char *text, size_t n);
/* As begin, from an offset that lies outside strings and tokens. */
void dr_json_scan_restart(struct dr_json_scan *s, size_t at);
/* Scan until something is found. False at the end of the text, or of what is fine in it. */
bool dr_json_scan_more(struct dr_json_scan *s);
void dr_json_scan_done(struct dr_json_scan *s);
#endif
