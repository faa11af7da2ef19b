/* json_text.h - JSON in a cell, as Python's json.loads takes it. Layer: expect.
 *
 * RFC 8259, and beside it what Great Expectations therefore accepts too: NaN,
 * Infinity and -Infinity, an object's key given twice (the last counts), integers
 * of any size (read as floats where they do not fit) and lone surrogates (read
 * as U+FFFD). At most 500 levels
 * deep, and 20,000 keys in an object that is built. */
#ifndef DR_JSON_TEXT_H
#define DR_JSON_TEXT_H
#include "base/node.h"

/* Whether text is one JSON value. The value is built in a where a is not NULL. */
bool dr_json_text_read(struct dr_arena *a, struct dr_str text, struct dr_node **ret);
#endif
