/* cpu.h - which vector instructions the machine has. Layer: base.
 *
 * Code for them is compiled function by function and chosen at run time, so one program
 * runs everywhere. Tests choose lesser ones than the machine's. */
#ifndef DR_CPU_H
#define DR_CPU_H
#include <stdbool.h>
#include <stdint.h>

enum dr_isa { DR_ISA_SCALAR, DR_ISA_SSE2, DR_ISA_AVX2, DR_ISA_AVX512 };
/* Compile a function for DR_ISA_AVX2, with the bit instructions of the same generation. */
#if defined(__x86_64__)
#define DR_AVX2_CODE __attribute__((target("avx2,bmi,bmi2,popcnt,pclmul")))
/* For DR_ISA_AVX512, which compresses bytes by a mask (VBMI2). */
#define DR_AVX512_CODE                                                                                       \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi2,avx2,bmi,bmi2,popcnt,pclmul")))
#else
#define DR_AVX2_CODE
#endif
enum dr_isa dr_best_isa(void); /* what this machine can do */

/* Whether it runs what DR_AVX2_CODE makes, for those who ask once for each few rows. */
static inline bool dr_has_avx2(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
           __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt") &&
           __builtin_cpu_supports("pclmul");
#else
    return false;
#endif
}

/* Bit i is the exclusive-or of bits 0 to i: of quotes, whether a byte lies between two. */
static inline uint64_t dr_running_parity(uint64_t x)
{
    x ^= x << 1;
    x ^= x << 2;
    x ^= x << 4;
    x ^= x << 8;
    x ^= x << 16;
    return x ^ x << 32;
}
#endif
