/* generate.h - the kinds of data that dagrun-generate makes beside hospital files. */
#ifndef BENCH_GENERATE_H
#define BENCH_GENERATE_H

/* `dagrun-generate appointments OPTION...`; the exit code. */
int generate_appointments(int argc, char **argv);
/* `dagrun-generate patients OPTION...`; the exit code. */
int generate_patients(int argc, char **argv);
/* `dagrun-generate medical OPTION...`; the exit code. */
int generate_medical(int argc, char **argv);
#endif
