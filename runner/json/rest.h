/* rest.h - what is left of a record where no column and no child table took it. Layer: json. */
#ifndef DR_JSON_REST_H
#define DR_JSON_REST_H
#include "json/doc.h"
#include "json/plan.h"

/* Append to out the members of a value that no place below n takes, as JSON with the values as
 * written; all of it where it is not what the places are for. False, and nothing appended, where
 * nothing is left: missing values are not, and objects without anything left in them. */
bool dr_json_put_rest(const struct dr_json_node *n, struct dr_json_value v, struct dr_buf *out);
#endif
