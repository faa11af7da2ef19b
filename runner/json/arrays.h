/* arrays.h - the arrays of a JSON text, item by item, wherever objects lead to them. Layer: json.
 *
 * Only the outermost ones: what lies within an item is the item's. */
#ifndef DR_JSON_ARRAYS_H
#define DR_JSON_ARRAYS_H
#include "json/doc.h"

enum { DR_JSON_PATH_MAX = 512 };

struct dr_json_arrays;
struct dr_json_arrays *dr_json_arrays_new(void);
void dr_json_arrays_free(struct dr_json_arrays *a); /* NULL is fine */
/* The text is copied; one that is not JSON has no arrays. `under` is put before each path. */
void dr_json_arrays_begin(struct dr_json_arrays *a, struct dr_str text, struct dr_str under);
/* The next item, or the next array that has none; false at the end. Arrays come in the order of the
 * text. What follows is valid until then. */
bool dr_json_arrays_next(struct dr_json_arrays *a);
/* Of the array, as columns name theirs (plan.h). One of more than DR_JSON_PATH_MAX bytes is cut, and ends
 * in '~' and a hash of the whole, so that different paths stay different. */
struct dr_str dr_json_arrays_path(const struct dr_json_arrays *a);
/* From 0 in its array, going on where a member of the same object has the same name;
 * -1: the array is empty. */
int64_t dr_json_arrays_position(const struct dr_json_arrays *a);
struct dr_json_value dr_json_arrays_item(const struct dr_json_arrays *a); /* absent where it is empty */
#endif
