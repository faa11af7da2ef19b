/* infer.h - which type a column's values may be read as without losing
 * anything, and why no other. Layer: csv.
 *
 * A type is inferred only where each value would be written the same again, but
 * for zeros at the end of a fraction: 00501 and +44 are codes, not numbers. */
#ifndef DR_CSV_INFER_H
#define DR_CSV_INFER_H
#include "csv/spell.h"

/* What a text may be inferred to be, best first. */
enum dr_csv_candidate {
    DR_CSV_MAY_BOOL = 1, /* true, false */
    DR_CSV_MAY_INT64 = 2,
    DR_CSV_MAY_FLOAT64 = 4,
    DR_CSV_MAY_DATE = 8,
    DR_CSV_MAY_LOCAL = 16, /* a timestamp without an offset */
    DR_CSV_MAY_ZONED = 32, /* one with an offset */
    DR_CSV_MAY_ALL = 63
};
uint32_t dr_csv_candidates(struct dr_str s);
/* The candidate that an inferred kind stands for. */
uint32_t dr_csv_candidate(const struct dr_csv_kind *kind);

/* Whether a text that a fast function of spell.h took for a number is
 * certainly written as the number would be. */
static inline bool dr_csv_is_canonical(struct dr_str s)
{
    bool minus = dr_csv_take_minus(&s);
    bool zero = s.p[0] == '0' && (s.n > 1 ? s.p[1] != '.' : minus);
    return !zero && s.p[s.n - 1] != '.';
}

/* What the values of one column, met in file order, leave possible. */
struct dr_csv_evidence {
    uint32_t left; /* enum dr_csv_candidate, or-ed */
    bool any;      /* there was a value */
    /* The start of each value (owned) that ruled out the best candidate so far,
     * and what was left before it. */
    uint32_t against_n;
    char *against[2];
    uint32_t before[2];
};
void dr_csv_evidence_init(struct dr_csv_evidence *e);
void dr_csv_evidence_done(struct dr_csv_evidence *e);
void dr_csv_evidence_add(struct dr_csv_evidence *e, struct dr_str value);
/* The kind that the evidence speaks for; DICT where it must stay text. */
struct dr_csv_kind dr_csv_evidence_kind(const struct dr_csv_evidence *e);
/* Why; hide: without quoting values. */
void dr_csv_evidence_reason(const struct dr_csv_evidence *e, bool hide, struct dr_buf *out);
#endif
