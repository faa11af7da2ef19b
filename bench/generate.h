/* generate.h - the kinds of data that dagrun-generate makes beside hospital files. */
#ifndef BENCH_GENERATE_H
#define BENCH_GENERATE_H
#include <stdint.h>

/* Options of a kind of data: numbers of its own (the first without a name ends them), and those of all. The
 * values are defaults at first. */
struct generate_number {
    const char *name;
    uint64_t value, most;
};
struct generate_options {
    const char *kind, *usage;
    struct generate_number numbers[4];
    uint64_t seed;
    double dirt;
    const char *out;
};
/* -1: go on; else the exit code, and all has been said. */
int generate_read_options(struct generate_options *o, int argc, char **argv);

/* `dagrun-generate appointments OPTION...`; the exit code. */
int generate_appointments(int argc, char **argv);
/* `dagrun-generate patients OPTION...`; the exit code. */
int generate_patients(int argc, char **argv);
/* `dagrun-generate medical OPTION...`; the exit code. */
int generate_medical(int argc, char **argv);
#endif
