/* resident.h - how much memory there is and the process has had, as the kernel counts it. Layer: base. */
#ifndef DR_RESIDENT_H
#define DR_RESIDENT_H
#include <stdint.h>

uint64_t dr_memory_available(void); /* bytes that the machine could still lend; 0: not known */
/* The most bytes that were in memory at once since dr_resident_start, or since the process began where
 * the kernel does not let it be counted anew; 0 where it does not tell. */
uint64_t dr_resident_peak(void);
void dr_resident_start(void);
#endif
