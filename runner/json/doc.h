/* doc.h - a JSON text as a document: parsed at once into a flat tape, read
 * through small handles. Layer: json.
 *
 * RFC 8259, strictly, with these limits: one value per text, UTF-8 (a byte order
 * mark is passed over), nesting of at most DR_JSON_DEPTH, at most
 * DR_JSON_TEXT_MAX bytes, numbers of at most DR_JSON_NUMBER_MAX. Lone surrogates
 * (\ud800 alone) are refused, \u0000 is taken. Numbers stay text. Repeated keys
 * are all kept, and get finds the first.
 *
 * A document is reusable: a loop over files allocates for the largest of them
 * once. One that is parsed may be read by several threads. */
#ifndef DR_JSON_DOC_H
#define DR_JSON_DOC_H
#include "json/scan.h"

enum { DR_JSON_DEPTH = 512, DR_JSON_NUMBER_MAX = 1 << 20 };

enum dr_json_kind {
    DR_JSON_ABSENT,
    DR_JSON_NULL,
    DR_JSON_FALSE,
    DR_JSON_TRUE,
    DR_JSON_NUMBER,
    DR_JSON_STRING,
    DR_JSON_ARRAY,
    DR_JSON_OBJECT
};
const char *dr_json_kind_name(enum dr_json_kind k); /* "an array", "null", ... */

struct dr_json_doc;
/* Passed by value. Valid until its document is parsed again or freed. doc NULL: absent. */
struct dr_json_value {
    const struct dr_json_doc *doc;
    uint32_t at;
};

struct dr_json_doc *dr_json_doc_new(void);
void dr_json_doc_free(struct dr_json_doc *d); /* NULL is fine */
/* text is borrowed for as long as the document's values are used, and followed
 * by DR_JSON_PADDING readable bytes. err names path:line:column (in bytes, from
 * 1) and what was expected; on failure the document is empty (its root absent). */
DR_CHECK int32_t dr_json_doc_parse(struct dr_json_doc *d, const char *path, const char *text, size_t n,
                                   struct dr_err *err);
void dr_json_doc_set_isa(struct dr_json_doc *d, enum dr_json_isa isa); /* for tests; else the best */

struct dr_json_value dr_json_root(const struct dr_json_doc *d);
enum dr_json_kind dr_json_kind(struct dr_json_value v);
/* STRING: its unescaped bytes; NUMBER, true, false, null: as written; else empty.
 * (Not dr_json_str: that is base/json.h's writer of strings.) */
struct dr_str dr_json_text(struct dr_json_value v);
int64_t dr_json_size(struct dr_json_value v); /* ARRAY: items, OBJECT: members; else 0 */
/* The first member of that name; absent where v is no object or has none. */
struct dr_json_value dr_json_get(struct dr_json_value object, const char *key, size_t key_n);

/* for (struct dr_json_iter it = dr_json_iter(v); dr_json_iter_next(&it);) ... goes
 * over the items of an array or the members of an object; of all else there are none. */
struct dr_json_iter {
    struct dr_json_value value;
    struct dr_str key; /* objects only */
    uint32_t at, end;
    bool members;
};
struct dr_json_iter dr_json_iter(struct dr_json_value container);
bool dr_json_iter_next(struct dr_json_iter *it);

/* text[offset, end) is the value as written. */
size_t dr_json_offset(struct dr_json_value v);
size_t dr_json_end(struct dr_json_value v);
struct dr_str dr_json_source(struct dr_json_value v); /* those bytes; empty where absent */
/* Where an offset of a text lies: line and column (in bytes), from 1. */
void dr_json_place(const char *text, size_t offset, int64_t *ret_line, int64_t *ret_column);
#endif
