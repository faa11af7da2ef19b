/* sample.h - the values behind a failure, as the result of the check has them.
 * Layer: report. */
#ifndef DR_SAMPLE_H
#define DR_SAMPLE_H
#include "report/page.h"

/* An opened-up part of the check's card: failing rows by their key with the cell
 * in question marked, how often each value occurs, the file with all of them,
 * and the check's last runs. result: the GX result (MAP) or NULL. */
void dr_sample(struct dr_page *p, const struct dr_fact_check *c, const struct dr_node *result);
/* Rows of the check that its task set apart, as a table; how many were shown. */
int32_t dr_sample_apart(struct dr_page *p, const struct dr_fact_check *c);
/* A cell's text; what cannot be seen is named. */
void dr_sample_text(struct dr_page *p, struct dr_str text);
/* A column's name as readers know it: "line" for "_line". */
const char *dr_sample_column(const char *name);
/* Whether the check is about this column ("a, b" is about both). */
bool dr_check_is_about(const struct dr_fact_check *c, const char *column);
#endif
