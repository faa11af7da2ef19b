/* slab.c - one block of pages for the values of a column. */
#include "data/slab.h"
#include "data/pages.h"

#define LARGE (DR_HUGE_PAGE * 3 / 2) /* from here on a slab pays */
#define SLACK ((size_t)64)           /* readable past the end */

static void give_back(struct dr_mem *m)
{
    dr_pages_put(m->p, m->n);
}

void dr_slab_init(struct dr_slab *s, int32_t type, int64_t n)
{
    size_t width = dr_type_width(type), bytes = (size_t)n * width + SLACK;
    *s = (struct dr_slab){ .width = width };
    if (!width || bytes < LARGE)
        return;
    s->mem = dr_malloc(sizeof *s->mem);
    atomic_init(&s->mem->refs, 1);
    s->mem->p = dr_pages_get(bytes, &s->mem->n);
    s->mem->release = give_back;
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
        a->mem[1] = s->mem ? dr_mem_ref(s->mem) : dr_mem_new((size_t)n * s->width);
        a->values = (const char *)a->mem[1]->p + (s->mem ? (size_t)k * DR_CHUNK_ROWS * s->width : 0);
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
