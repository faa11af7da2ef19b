/* sketch.h - about how many different hashes there are, in 4 KiB. Layer: rollup.
 *
 * HyperLogLog (Flajolet, Fusy, Gandouet and Meunier, 2007) with 4096 registers: off by 2 % mostly. Few are
 * told from the registers that none fell to, as the authors advise. */
#ifndef DR_ROLLUP_SKETCH_H
#define DR_ROLLUP_SKETCH_H
#include <math.h>
#include <stdint.h>

enum { DR_SKETCH_BITS = 12, DR_SKETCH_REGISTERS = 1 << DR_SKETCH_BITS };
struct dr_sketch {
    uint8_t most[DR_SKETCH_REGISTERS]; /* leading zeros, and one */
};

/* The hash may be weak: it is mixed (the finish of MurmurHash3). */
static inline void dr_sketch_add(struct dr_sketch *s, uint64_t hash)
{
    hash = (hash ^ hash >> 33) * UINT64_C(0xFF51AFD7ED558CCD);
    hash = (hash ^ hash >> 33) * UINT64_C(0xC4CEB9FE1A85EC53);
    hash ^= hash >> 33;
    uint8_t *most = &s->most[hash & (DR_SKETCH_REGISTERS - 1)];
    uint8_t zeros = (uint8_t)(__builtin_clzll(hash | DR_SKETCH_REGISTERS) + 1);
    *most = zeros > *most ? zeros : *most;
}

static inline double dr_sketch_count(const struct dr_sketch *s)
{
    const double n = DR_SKETCH_REGISTERS;
    double sum = 0, empty = 0;
    for (int32_t i = 0; i < DR_SKETCH_REGISTERS; i++) {
        sum += ldexp(1, -s->most[i]);
        empty += s->most[i] == 0;
    }
    double count = 0.7213 / (1 + 1.079 / n) * n * n / sum;
    return count < 2.5 * n && empty > 0 ? n * log(n / empty) : count;
}
#endif
