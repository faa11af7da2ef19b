/* flatbuf.c - see flatbuf.h.
 *
 * Layout: the buffer starts with a uint32 offset to the root table. A table
 * starts with an int32: table position minus vtable position. A vtable is
 * uint16s: its own bytes, the table's bytes, then for each slot the field's
 * offset within the table (0: absent). A reference is a uint32 distance from
 * where it is stored to what it means; a vector is a uint32 count and the
 * elements; a string is a vector of bytes with a NUL after it. Everything is
 * little-endian and, where a peer built it, aligned; we do not rely on that. */
#include "arrow/flatbuf.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "metadata is read in place");

/* ---- reading -------------------------------------------------------------- */

/* Copy n bytes at pos; false (and bad) where they are not all inside. */
static bool load(struct dr_fb *fb, size_t pos, void *ret, size_t n)
{
    if (fb->bad)
        return false;
    if (pos > fb->n || n > fb->n - pos) {
        fb->bad = "an offset in the metadata points outside of it";
        return false;
    }
    memcpy(ret, fb->p + pos, n);
    return true;
}

/* Follow the reference stored at pos. */
static bool follow(struct dr_fb *fb, size_t pos, size_t *ret)
{
    uint32_t distance;
    if (!load(fb, pos, &distance, sizeof distance))
        return false;
    if (distance > fb->n - pos) {
        fb->bad = "a reference in the metadata points outside of it";
        return false;
    }
    *ret = pos + distance;
    return true;
}

static struct dr_fb_table table_at(struct dr_fb *fb, size_t pos)
{
    struct dr_fb_table absent = { 0 }, t = { .fb = fb, .pos = pos };
    int32_t back;
    uint16_t sizes[2];
    if (!load(fb, pos, &back, sizeof back))
        return absent;
    int64_t vtable = (int64_t)pos - back;
    if (vtable < 0 || (uint64_t)vtable > fb->n) {
        fb->bad = "a table of the metadata has its vtable outside of it";
        return absent;
    }
    t.vtable = (size_t)vtable;
    if (!load(fb, t.vtable, sizes, sizeof sizes))
        return absent;
    t.vtable_size = sizes[0];
    t.size = sizes[1];
    if (t.vtable_size < 4 || t.vtable_size > fb->n - t.vtable || t.size < 4 || t.size > fb->n - pos) {
        fb->bad = "a table of the metadata is larger than the metadata";
        return absent;
    }
    return t;
}

struct dr_fb_table dr_fb_root(struct dr_fb *fb)
{
    size_t pos;
    if (!follow(fb, 0, &pos))
        return (struct dr_fb_table){ 0 };
    return table_at(fb, pos);
}

/* Where the field of a slot lies, if it is there and width bytes of it fit. */
static bool field_at(struct dr_fb_table t, int slot, size_t width, size_t *ret)
{
    if (!dr_fb_present(t))
        return false;
    size_t entry = 4 + 2 * (size_t)slot;
    uint16_t offset;
    if (entry + 2 > t.vtable_size || !load(t.fb, t.vtable + entry, &offset, sizeof offset) || offset == 0)
        return false;
    if (offset < 4 || offset + width > t.size) {
        t.fb->bad = "a field of the metadata lies outside of its table";
        return false;
    }
    *ret = t.pos + offset;
    return true;
}

#define DEFINE_SCALAR(name, type)                                                                            \
    type name(struct dr_fb_table t, int slot, type otherwise)                                                \
    {                                                                                                        \
        size_t pos;                                                                                          \
        type v;                                                                                              \
        if (!field_at(t, slot, sizeof v, &pos))                                                              \
            return otherwise;                                                                                \
        return load(t.fb, pos, &v, sizeof v) ? v : otherwise;                                                \
    }
DEFINE_SCALAR(dr_fb_i8, int8_t)
DEFINE_SCALAR(dr_fb_i16, int16_t)
DEFINE_SCALAR(dr_fb_i32, int32_t)
DEFINE_SCALAR(dr_fb_i64, int64_t)

struct dr_fb_table dr_fb_sub(struct dr_fb_table t, int slot)
{
    size_t pos, target;
    if (!field_at(t, slot, 4, &pos) || !follow(t.fb, pos, &target))
        return (struct dr_fb_table){ 0 };
    return table_at(t.fb, target);
}

struct dr_fb_vec dr_fb_list(struct dr_fb_table t, int slot, size_t width)
{
    struct dr_fb_vec absent = { .width = width };
    size_t pos, target;
    uint32_t count;
    if (!field_at(t, slot, 4, &pos) || !follow(t.fb, pos, &target) ||
        !load(t.fb, target, &count, sizeof count))
        return absent;
    if (count > (t.fb->n - target - 4) / width) {
        t.fb->bad = "a list in the metadata is longer than the metadata";
        return absent;
    }
    return (struct dr_fb_vec){ .fb = t.fb, .pos = target + 4, .n = count, .width = width };
}

struct dr_str dr_fb_text(struct dr_fb_table t, int slot)
{
    struct dr_fb_vec v = dr_fb_list(t, slot, 1);
    if (!v.fb)
        return (struct dr_str){ NULL, 0 };
    return (struct dr_str){ (const char *)v.fb->p + v.pos, v.n };
}

struct dr_fb_table dr_fb_list_sub(struct dr_fb_vec v, size_t i)
{
    size_t target;
    if (!follow(v.fb, v.pos + i * v.width, &target))
        return (struct dr_fb_table){ 0 };
    return table_at(v.fb, target);
}

int64_t dr_fb_list_i64(struct dr_fb_vec v, size_t i, size_t offset)
{
    int64_t value = 0;
    load(v.fb, v.pos + i * v.width + offset, &value, sizeof value);
    return value;
}

int32_t dr_fb_list_i32(struct dr_fb_vec v, size_t i, size_t offset)
{
    int32_t value = 0;
    load(v.fb, v.pos + i * v.width + offset, &value, sizeof value);
    return value;
}

/* ---- building ------------------------------------------------------------- */

#define FIRST_CAP 1024

void dr_fbb_done(struct dr_fbb *b)
{
    free(b->p);
    *b = (struct dr_fbb){ 0 };
}

void dr_fbb_clear(struct dr_fbb *b)
{
    b->n = 0;
}

/* Put bytes before what is there. */
static void push(struct dr_fbb *b, const void *p, size_t n)
{
    if (n > b->cap - b->n) {
        size_t cap = b->cap ? b->cap : FIRST_CAP;
        while (cap - b->n < n)
            cap *= 2;
        uint8_t *grown = dr_malloc(cap);
        if (b->n)
            memcpy(grown + cap - b->n, b->p + b->cap - b->n, b->n);
        free(b->p);
        b->p = grown;
        b->cap = cap;
    }
    b->n += n;
    if (n)
        memcpy(b->p + b->cap - b->n, p, n);
}

/* Pad so that after `more` bytes the length is a multiple of align (at most 8). */
static void align_for(struct dr_fbb *b, size_t more, size_t align)
{
    static const uint8_t zeros[8];
    push(b, zeros, (align - (b->n + more) % align) % align);
}

static void push_u32(struct dr_fbb *b, size_t v)
{
    uint32_t word = (uint32_t)v;
    push(b, &word, sizeof word);
}

/* A reference stored in the next four bytes. */
static void push_ref(struct dr_fbb *b, dr_fb_ref ref)
{
    push_u32(b, b->n + 4 - ref);
}

dr_fb_ref dr_fbb_str(struct dr_fbb *b, struct dr_str s)
{
    align_for(b, s.n + 1, 4);
    push(b, "", 1);
    push(b, s.p, s.n);
    push_u32(b, s.n);
    return b->n;
}

dr_fb_ref dr_fbb_refs(struct dr_fbb *b, const dr_fb_ref *refs, size_t n)
{
    align_for(b, 0, 4);
    for (size_t i = n; i-- > 0;)
        push_ref(b, refs[i]);
    push_u32(b, n);
    return b->n;
}

dr_fb_ref dr_fbb_structs(struct dr_fbb *b, const void *p, size_t n, size_t width)
{
    align_for(b, 0, 8);
    push(b, p, n * width);
    push_u32(b, n);
    return b->n;
}

void dr_fbb_start(struct dr_fbb *b)
{
    memset(b->slot, 0, sizeof b->slot);
    b->table_end = b->n;
}

static void push_field(struct dr_fbb *b, int slot, const void *p, size_t n)
{
    align_for(b, n, n);
    push(b, p, n);
    b->slot[slot] = b->n;
}

void dr_fbb_i8(struct dr_fbb *b, int slot, int8_t v)
{
    push_field(b, slot, &v, sizeof v);
}

void dr_fbb_i16(struct dr_fbb *b, int slot, int16_t v)
{
    push_field(b, slot, &v, sizeof v);
}

void dr_fbb_i32(struct dr_fbb *b, int slot, int32_t v)
{
    push_field(b, slot, &v, sizeof v);
}

void dr_fbb_i64(struct dr_fbb *b, int slot, int64_t v)
{
    push_field(b, slot, &v, sizeof v);
}

void dr_fbb_ref(struct dr_fbb *b, int slot, dr_fb_ref ref)
{
    align_for(b, 4, 4);
    push_ref(b, ref);
    b->slot[slot] = b->n;
}

dr_fb_ref dr_fbb_end(struct dr_fbb *b)
{
    uint16_t vtable[2 + DR_FBB_SLOTS] = { 0 };
    size_t slots = 0;
    align_for(b, 4, 4);
    dr_fb_ref table = b->n + 4;
    for (size_t i = 0; i < DR_FBB_SLOTS; i++) {
        if (!b->slot[i])
            continue;
        vtable[2 + i] = (uint16_t)(table - b->slot[i]);
        slots = i + 1;
    }
    vtable[0] = (uint16_t)(4 + 2 * slots);
    vtable[1] = (uint16_t)(table - b->table_end);
    push_u32(b, vtable[0]); /* the vtable comes right before the table */
    push(b, vtable, vtable[0]);
    return table;
}

struct dr_str dr_fbb_finish(struct dr_fbb *b, dr_fb_ref root)
{
    align_for(b, 4, 8);
    push_ref(b, root);
    return (struct dr_str){ (const char *)b->p + b->cap - b->n, b->n };
}
