/* gather.h - results worked out once for each distinct value, then spread over
 * the rows by code. Layer: data. */
#ifndef DR_GATHER_H
#define DR_GATHER_H
#include "data/kernel.h"

/* Array of n rows whose row i is row codes[i] of `values`; -1 is null. */
struct dr_array *dr_array_gather(const struct dr_array *values, const int32_t *codes, int64_t n);
/* A bitmap of the codes that some row of a DICT column uses; dict->n bits, malloc. */
uint8_t *dr_column_used_codes(const struct dr_column *c);
/* A DICT array of every value of the dictionary in order; those not in `used` are null. */
struct dr_array *dr_dict_as_array(struct dr_dict *dict, const uint8_t *used);
#endif
