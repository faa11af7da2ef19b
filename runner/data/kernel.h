/* kernel.h - what the kernels share among themselves: arrays under
 * construction and moving rows in bulk. Layer: data. */
#ifndef DR_KERNEL_H
#define DR_KERNEL_H
#include "base/date.h"
#include "base/num.h"
#include "data/column.h"

/* References are counted through const pointers: the count is the one part of
 * a shared object that may change. */
#define DR_UNCONST(type, p) ((type *)(uintptr_t)(p))

/* An array of n rows whose values (offsets for STRING) are all 0 and writable
 * through mem[1]->p until the array is shared. dict is borrowed, may be NULL. */
struct dr_array *dr_array_new(int32_t type, int64_t n, struct dr_dict *dict);
/* Give a a bitmap in which every row is missing; returns it for writing. */
uint8_t *dr_array_make_validity(struct dr_array *a);
/* Give a STRING array n bytes of text; returns them for writing. */
char *dr_array_make_bytes(struct dr_array *a, size_t n);
/* Count the nulls and drop a bitmap without any; returns a. */
struct dr_array *dr_array_seal(struct dr_array *a);

/* A column of c's type, scale, zone and dictionary; takes over chunk[]. */
struct dr_column *dr_column_like(const struct dr_column *c, int32_t n, struct dr_array **chunk);
bool dr_column_is_text(const struct dr_column *c); /* STRING or DICT */

/* The chunk that holds a row, by binary search. */
int32_t dr_column_chunk_of(const struct dr_column *c, int64_t row);
/* Rows [from, from + n) as one array; shares the chunk where it is exactly one. */
struct dr_array *dr_column_range(const struct dr_column *c, int64_t from, int64_t n);
/* The same rows with chunks that start at start[0..n) and end at start[n]. */
struct dr_column *dr_column_rechunk(const struct dr_column *c, int32_t n, const int64_t *start);
/* rows[i] becomes row i; -1 gives a null. Chunks of DR_CHUNK_ROWS. */
struct dr_column *dr_column_take(const struct dr_column *c, int64_t n, const int64_t *rows);

/* A table that takes over the references in columns[]; all have equal rows and
 * chunks. Names are copied. */
struct dr_table *dr_table_adopt(int32_t n, const char *const *names, struct dr_column **columns);
/* The column of that name; DR_ENOTFOUND names it, `what` it is for and the nearest name. */
int32_t dr_table_need(const struct dr_table *t, const char *name, const char *what,
                      const struct dr_column **ret, struct dr_err *err);
/* The rows whose bit is 1, and the others: dr_table_filter twice, in one pass. */
void dr_table_split(const struct dr_table *t, const uint8_t *bitmap, struct dr_table **ret_in,
                    struct dr_table **ret_out);
struct dr_table *dr_table_take_rows(const struct dr_table *t, int64_t n, const int64_t *rows);
#endif
