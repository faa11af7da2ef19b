/* random.h - random numbers for the generators: the same for the same seed, everywhere. */
#ifndef BENCH_RANDOM_H
#define BENCH_RANDOM_H
#include <stdint.h>

/* xoshiro256** (Blackman and Vigna, 2018), seeded by splitmix64. */

struct rng {
    uint64_t s[4];
};

static inline uint64_t splitmix(uint64_t *x)
{
    uint64_t z = (*x += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static inline void rng_init(struct rng *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        r->s[i] = splitmix(&seed);
}

static inline uint64_t rotate(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

static inline uint64_t rng_next(struct rng *r)
{
    uint64_t *s = r->s, result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

/* 0 .. n - 1; the bias is below 2^-32 * n. */
static inline uint32_t below(struct rng *r, uint32_t n)
{
    return (uint32_t)(((rng_next(r) >> 32) * (uint64_t)n) >> 32);
}

/* Roughly normal, mean 0, deviation 1: the sum of four uniforms. Integer steps keep it the same on every
 * machine. */
static inline double normal(struct rng *r)
{
    uint64_t x = rng_next(r);
    int64_t sum = (int64_t)(x & 0xffff) + (int64_t)(x >> 16 & 0xffff) + (int64_t)(x >> 32 & 0xffff) +
                  (int64_t)(x >> 48) - 131070;
    return (double)sum * (1.0 / 37837.0);
}
#endif
