/* suite_load.h - how suite.c (the file) and suite_entry.c (its expectations)
 * share the work. Layer: model. */
#ifndef DR_SUITE_LOAD_H
#define DR_SUITE_LOAD_H
#include "model/suite.h"
#include "model/read.h"

/* By their enums' values; NULL ends them. */
extern const char *const dr_severity_names[], *const dr_on_failure_names[];
/* One entry of `expectations`, in either form. False, with the error recorded,
 * where its type cannot be told. The id is NULL unless it is given. */
bool dr_suite_read_entry(struct dr_reader *r, const struct dr_node *n, struct dr_expectation *ret);
/* Give an id to every expectation that has none, and refuse one given twice. */
void dr_suite_give_ids(struct dr_reader *r, struct dr_suite *suite);
#endif
