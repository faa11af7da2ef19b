/* cpu.c - see cpu.h. */
#include "base/cpu.h"

enum dr_isa dr_best_isa(void)
{
#if defined(__x86_64__)
    bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi2");
    return !dr_has_avx2() ? DR_ISA_SSE2 : avx512 ? DR_ISA_AVX512 : DR_ISA_AVX2;
#else
    return DR_ISA_SCALAR;
#endif
}
