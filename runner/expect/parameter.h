/* parameter.h - evaluation parameters: {"$PARAMETER": "..."} in the arguments
 * of an expectation. Layer: expect.
 *
 * The text is the name of a parameter (of the caller, else of the suite), or an
 * expression: numbers, names, + - * / ^ and parentheses, abs round trunc sgn
 * sin cos tan exp hypot, now(), datetime(2024, 1, 31, 12, 0) and
 * timedelta(weeks=, days=, hours=, minutes=, seconds=). A time becomes text in
 * ISO 8601; now() is UTC. */
#ifndef DR_PARAMETER_H
#define DR_PARAMETER_H
#include "base/node.h"

struct dr_parameters {
    const struct dr_node *given; /* MAP or NULL; wins */
    const struct dr_node *suite; /* MAP or NULL */
    int64_t now_us;              /* what now() is */
};
/* args with every {"$PARAMETER": ...} replaced, at any depth; args itself where
 * there is none. */
int32_t dr_parameters_resolve(struct dr_arena *a, const struct dr_parameters *p, const struct dr_node *args,
                              const struct dr_node **ret, struct dr_err *err);
#endif
