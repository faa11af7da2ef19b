/* front.h - the few values that a column is made of, found eight rows at a time.
 * Layer: csv.
 *
 * Most text columns of a table hold less than twenty values: units, wards, codes.
 * Those fit into registers of AVX-512, in a table of 32 places where each has one of
 * its own. Whatever is not among them is for dr_csv_values. */
#ifndef DR_CSV_FRONT_H
#define DR_CSV_FRONT_H
#include "csv/wide.h"

enum { DR_CSV_FRONT_TEXT = 32 /* bytes of the longest value */ };

struct dr_csv_front;
struct dr_csv_front *dr_csv_front_new(void);
void dr_csv_front_free(struct dr_csv_front *f); /* NULL is fine */
/* s, of which DR_CSV_FRONT_TEXT bytes are readable, has this code from now on. False where it
 * finds no place: it is empty, too long, or there are too many, as is said from then on. */
bool dr_csv_front_put(struct dr_csv_front *f, struct dr_str s, int32_t code);
/* The code of a value that is there has changed. */
void dr_csv_front_set(struct dr_csv_front *f, struct dr_str s, int32_t code);

/* Find the strip's fields, where the machine has DR_ISA_AVX512: bit k of found[g] says
 * whether codes[8 * g + k] is set. An empty field is found to be missing, but a quoted one
 * not where keep_empty. Returns all codes found, or-ed. */
int32_t dr_csv_front_find(const struct dr_csv_front *f, const struct dr_csv_strip *strip, bool keep_empty,
                          int32_t *codes, uint8_t *found);
/* The same for n texts of p, whole groups, told as dr_csv_wide_tagged_floats has them: those with
 * another tag, and empty ones, are not found. */
int32_t dr_csv_front_find_tagged(const struct dr_csv_front *f, const char *p, const uint32_t *texts,
                                 int64_t n, uint32_t tag, int32_t *codes, uint8_t *found);
#endif
