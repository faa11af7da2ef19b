/* json.h - JSON text in (over jansson, the only module that includes it) and
 * out. For settings, results and messages, not for bulk data. Layer: base. */
#ifndef DR_JSON_H
#define DR_JSON_H
#include "base/node.h"

/* Parse one JSON value. With `lenient`, bare NaN, Infinity and -Infinity are
 * taken as floats (peers write them). Depth and size are limited; err names
 * line and column. Duplicate keys are refused. */
int32_t dr_json_parse(struct dr_arena *a, struct dr_str text, const char *file, bool lenient,
                      struct dr_node **ret, struct dr_err *err);
/* Append a node as JSON; indent 0 is one line. */
void dr_json_put_node(struct dr_buf *b, const struct dr_node *n, int indent);

/* A writer that keeps commas and nesting right. Strings are escaped here and
 * nowhere else; invalid UTF-8 becomes U+FFFD; NaN and infinities become null
 * unless `bare_nan`. */
struct dr_json {
    struct dr_buf *out; /* borrowed */
    int indent;         /* 0: one line */
    int depth;
    bool first, after_key, bare_nan;
};
void dr_json_object(struct dr_json *j); /* { ... dr_json_end */
void dr_json_array(struct dr_json *j);
void dr_json_end_object(struct dr_json *j);
void dr_json_end_array(struct dr_json *j);
void dr_json_key(struct dr_json *j, const char *key);
void dr_json_str(struct dr_json *j, struct dr_str s);
void dr_json_cstr(struct dr_json *j, const char *s); /* NULL gives null */
void dr_json_int(struct dr_json *j, int64_t v);
void dr_json_float(struct dr_json *j, double v);
void dr_json_bool(struct dr_json *j, bool v);
void dr_json_null(struct dr_json *j);
void dr_json_node(struct dr_json *j, const struct dr_node *n);
#endif
