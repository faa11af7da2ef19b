/* tape.h - the tape of a JSON document: what parse.c writes and
 * doc.c reads. Layer: json.
 *
 * An entry is 64 bits: tag (4), length (28), offset in the text (32).
 *   null, true, false, number   one entry
 *   string                      one entry; offset of the quote, length between the quotes
 *   string that has escapes or is too long for that   three entries:
 *       LONG, offset of the quote
 *       offset past the closing quote (32) | where its bytes start (32, high)
 *       how many bytes (32) | whether they are in `strings` rather than in the text
 *   array, object   its tag, offset of the bracket
 *       how many items or members (32) | index past its END (32, high)
 *       its items, or a string and a value for each member
 *       END, offset of the closing bracket */
#ifndef DR_JSON_TAPE_H
#define DR_JSON_TAPE_H
#include "json/doc.h"
#include "json/token.h"

enum { DR_TAPE_LONG = 8, DR_TAPE_END = 9 }; /* tags beyond enum dr_json_kind */
#define DR_TAPE_LENGTH_MAX ((UINT32_C(1) << 28) - 1)
#define DR_TAPE_UNESCAPED (UINT64_C(1) << 63)

static inline uint64_t dr_tape_entry(uint32_t tag, uint32_t length, uint32_t offset)
{
    return (uint64_t)tag << 60 | (uint64_t)length << 32 | offset;
}
static inline uint32_t dr_tape_tag(uint64_t e)
{
    return (uint32_t)(e >> 60);
}
static inline uint32_t dr_tape_length(uint64_t e)
{
    return (uint32_t)(e >> 32) & DR_TAPE_LENGTH_MAX;
}
static inline uint32_t dr_tape_offset(uint64_t e)
{
    return (uint32_t)e;
}

struct dr_json_doc {
    enum dr_json_isa isa;
    struct dr_json_tokens tokens;
    const char *text; /* borrowed */
    uint64_t *tape;   /* owned */
    size_t n, cap;
    char *strings; /* owned: unescaped strings */
    size_t strings_n, strings_cap;
};
#endif
