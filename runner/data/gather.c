/* gather.c - spreading the results of distinct values over rows. */
#include "data/gather.h"

static inline void gather_fixed(const struct dr_array *values, const int32_t *codes, int64_t n, char *out,
                                size_t width)
{
    const char *from = values->values;
    for (int64_t i = 0; i < n; i++)
        if (codes[i] >= 0)
            memcpy(out + (size_t)i * width, from + (size_t)codes[i] * width, width);
}

static void gather_bits(const struct dr_array *values, const int32_t *codes, int64_t n, uint8_t *out)
{
    for (int64_t i = 0; i < n; i++)
        if (codes[i] >= 0 && dr_bit(values->values, codes[i]))
            dr_bit_set(out, i);
}

static void gather_text(const struct dr_array *values, const int32_t *codes, int64_t n, struct dr_array *to)
{
    const int64_t *from = values->values;
    int64_t *offsets = to->mem[1]->p;
    for (int64_t i = 0; i < n; i++)
        offsets[i + 1] = offsets[i] + (codes[i] < 0 ? 0 : from[codes[i] + 1] - from[codes[i]]);
    char *bytes = dr_array_make_bytes(to, (size_t)offsets[n]);
    for (int64_t i = 0; i < n; i++)
        if (offsets[i + 1] > offsets[i])
            memcpy(bytes + offsets[i], values->bytes + from[codes[i]], (size_t)(offsets[i + 1] - offsets[i]));
}

struct dr_array *dr_array_gather(const struct dr_array *values, const int32_t *codes, int64_t n)
{
    struct dr_array *to = dr_array_new(values->type, n, values->dict);
    to->scale = values->scale;
    to->zoned = values->zoned;
    if (values->type != DR_TYPE_NULL) {
        uint8_t *valid = dr_array_make_validity(to);
        for (int64_t i = 0; i < n; i++)
            if (codes[i] >= 0 && dr_array_valid(values, codes[i]))
                dr_bit_set(valid, i);
    }
    switch (dr_type_width(values->type)) {
    case 4:
        gather_fixed(values, codes, n, to->mem[1]->p, 4);
        break;
    case 8:
        gather_fixed(values, codes, n, to->mem[1]->p, 8);
        break;
    case 16:
        gather_fixed(values, codes, n, to->mem[1]->p, 16);
        break;
    default:
        if (values->type == DR_TYPE_BOOL)
            gather_bits(values, codes, n, to->mem[1]->p);
        else if (values->type == DR_TYPE_STRING)
            gather_text(values, codes, n, to);
    }
    return dr_array_seal(to);
}

uint8_t *dr_column_used_codes(const struct dr_column *c)
{
    uint8_t *used = dr_calloc((size_t)c->dict->n / 8 + 1, 1);
    for (int32_t k = 0; k < c->n; k++) {
        const struct dr_array *a = c->chunk[k];
        const int32_t *codes = a->values;
        for (int64_t i = 0; i < a->n; i++)
            if (dr_array_valid(a, i))
                dr_bit_set(used, codes[i]);
    }
    return used;
}

struct dr_array *dr_dict_as_array(struct dr_dict *dict, const uint8_t *used)
{
    struct dr_array *a = dr_array_new(DR_TYPE_DICT, dict->n, dict);
    int32_t *codes = a->mem[1]->p;
    uint8_t *valid = dr_array_make_validity(a);
    for (int32_t code = 0; code < dict->n; code++) {
        if (!dr_bit(used, code))
            continue;
        codes[code] = code;
        dr_bit_set(valid, code);
    }
    return dr_array_seal(a);
}
