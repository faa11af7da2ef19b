/* slab.c - one block of pages for the values of a column. */
#include "data/slab.h"

void dr_slab_init(struct dr_slab *s, int32_t type, int64_t n)
{
    size_t width = dr_type_width(type);
    *s = (struct dr_slab){ .width = width, .mem = width ? dr_mem_new_large((size_t)n * width) : NULL };
}

void dr_slab_done(struct dr_slab *s)
{
    dr_mem_unref(s->mem);
    s->mem = NULL;
}

struct dr_array *dr_slab_array(const struct dr_slab *s, const struct dr_column *c, int64_t k, int64_t n)
{
    struct dr_array *a;
    if (s->width) {
        a = dr_calloc(1, sizeof *a);
        atomic_init(&a->refs, 1);
        a->type = c->type;
        a->n = n;
        a->dict = c->dict ? dr_dict_ref(c->dict) : NULL;
        a->mem[1] = dr_mem_ref(s->mem);
        a->values = (const char *)s->mem->p + (size_t)k * DR_CHUNK_ROWS * s->width;
    } else {
        a = dr_array_new(c->type, n, c->dict);
    }
    a->scale = c->scale;
    a->zoned = c->zoned;
    return a;
}

void *dr_array_writable(struct dr_array *a)
{
    return DR_UNCONST(void, a->values);
}
