/* flatbuf.h - FlatBuffers, as far as Arrow's metadata needs them: a reader that
 * trusts nothing and a builder. Layer: arrow.
 *
 * A table is a position with a vtable that says where its fields lie; fields
 * are numbered by slot, in the order of the schema. All offsets point forward
 * except the one from a table to its vtable, so no structure can be cyclic. */
#ifndef DR_FLATBUF_H
#define DR_FLATBUF_H
#include "base/str.h"

/* ---- reading -------------------------------------------------------------- */

/* One buffer being read. Every access is checked against its bounds; the first
 * that leaves them sets `bad`, and from then on everything reads as absent. So
 * read what you need and look at `bad` before you use it. */
struct dr_fb {
    const uint8_t *p; /* borrowed */
    size_t n;
    const char *bad; /* what was wrong, or NULL */
};
/* A table, or an absent one (fb NULL), all of whose fields are absent. */
struct dr_fb_table {
    struct dr_fb *fb; /* borrowed */
    size_t pos;
    size_t size; /* of the table's inline part */
    size_t vtable, vtable_size;
};
/* A vector; n is 0 where it is absent. */
struct dr_fb_vec {
    struct dr_fb *fb; /* borrowed */
    size_t pos;       /* of element 0 */
    size_t n, width;  /* elements, bytes of each */
};
struct dr_fb_table dr_fb_root(struct dr_fb *fb);
static inline bool dr_fb_present(struct dr_fb_table t)
{
    return t.fb && !t.fb->bad;
}
/* A scalar field, or `otherwise` where it is absent. */
int8_t dr_fb_i8(struct dr_fb_table t, int slot, int8_t otherwise);
int16_t dr_fb_i16(struct dr_fb_table t, int slot, int16_t otherwise);
int32_t dr_fb_i32(struct dr_fb_table t, int slot, int32_t otherwise);
int64_t dr_fb_i64(struct dr_fb_table t, int slot, int64_t otherwise);
struct dr_fb_table dr_fb_sub(struct dr_fb_table t, int slot);
/* A vector of elements of width bytes: scalars, structs, or 4 for tables. */
struct dr_fb_vec dr_fb_list(struct dr_fb_table t, int slot, size_t width);
/* A string's bytes; p is NULL where it is absent. */
struct dr_str dr_fb_text(struct dr_fb_table t, int slot);
struct dr_fb_table dr_fb_list_sub(struct dr_fb_vec v, size_t i);     /* i < v.n; tables */
int64_t dr_fb_list_i64(struct dr_fb_vec v, size_t i, size_t offset); /* i < v.n; offset + 8 <= width */
int32_t dr_fb_list_i32(struct dr_fb_vec v, size_t i, size_t offset);

/* ---- building ------------------------------------------------------------- */

#define DR_FBB_SLOTS 8 /* the most fields a table of ours has */

/* Where something built lies: its distance from the buffer's end. */
typedef size_t dr_fb_ref;
/* A buffer that grows from its end towards its start, so that what a table
 * refers to is built before it. A zeroed one is empty. */
struct dr_fbb {
    uint8_t *p; /* owned; the bytes are p + cap - n .. p + cap */
    size_t cap, n;
    size_t slot[DR_FBB_SLOTS]; /* of the table being built: where each field lies, 0 absent */
    size_t table_end;
};
void dr_fbb_done(struct dr_fbb *b);
void dr_fbb_clear(struct dr_fbb *b); /* keeps memory */
dr_fb_ref dr_fbb_str(struct dr_fbb *b, struct dr_str s);
dr_fb_ref dr_fbb_refs(struct dr_fbb *b, const dr_fb_ref *refs, size_t n);
/* n structs of width bytes (a multiple of 8), aligned to 8. */
dr_fb_ref dr_fbb_structs(struct dr_fbb *b, const void *p, size_t n, size_t width);
/* A table: start, its fields in any order, end. Do not nest. */
void dr_fbb_start(struct dr_fbb *b);
void dr_fbb_i8(struct dr_fbb *b, int slot, int8_t v);
void dr_fbb_i16(struct dr_fbb *b, int slot, int16_t v);
void dr_fbb_i32(struct dr_fbb *b, int slot, int32_t v);
void dr_fbb_i64(struct dr_fbb *b, int slot, int64_t v);
void dr_fbb_ref(struct dr_fbb *b, int slot, dr_fb_ref ref);
dr_fb_ref dr_fbb_end(struct dr_fbb *b);
/* The whole buffer, a multiple of 8 bytes; borrowed until the next change. */
struct dr_str dr_fbb_finish(struct dr_fbb *b, dr_fb_ref root);
#endif
