/* cpu.c - see cpu.h. */
#include <stdbool.h>
#include "base/cpu.h"

enum dr_isa dr_best_isa(void)
{
#if defined(__x86_64__)
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
                __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt") &&
                __builtin_cpu_supports("pclmul");
    bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi2");
    return avx2 && avx512 ? DR_ISA_AVX512 : avx2 ? DR_ISA_AVX2 : DR_ISA_SSE2;
#else
    return DR_ISA_SCALAR;
#endif
}
