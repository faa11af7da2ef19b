/* yaml_problem.h - syntax errors of YAML, in words. Layer: model. */
#ifndef DR_YAML_PROBLEM_H
#define DR_YAML_PROBLEM_H
#include "model/diag.h"

/* The line and column of a byte of the text. */
struct dr_mark dr_yaml_mark_of_byte(const char *file, struct dr_str text, size_t offset);
/* Record libyaml's `problem` at mark; context is where that began which could not be
 * finished, or mark itself. */
void dr_yaml_add_problem(struct dr_diags *d, struct dr_str text, struct dr_mark mark, struct dr_mark context,
                         const char *problem);
#endif
