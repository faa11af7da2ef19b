/* options.c - the command line of the generators that write a folder. */
#include "generate.h"
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBERS_MAX = 4, SEED = NUMBERS_MAX, DIRT, OUT, OPTIONS };

static bool set_option(struct generate_options *o, int option, const char *value)
{
    char *end = NULL;
    errno = 0;
    if (option == OUT) {
        o->out = value;
        return true;
    }
    uint64_t most = option == SEED || option == DIRT ? UINT64_MAX : o->numbers[option].most, number = 0;
    if (option == DIRT)
        o->dirt = strtod(value, &end);
    else
        number = strtoull(value, &end, 10);
    if (option != DIRT)
        *(option == SEED ? &o->seed : &o->numbers[option].value) = number;
    return end != value && !*end && value[0] != '-' && !errno && number <= most && o->dirt >= 0 &&
           o->dirt <= 1;
}

int generate_read_options(struct generate_options *o, int argc, char **argv)
{
    struct option options[OPTIONS + 1] = { { 0 } };
    int n = 0;
    for (int i = 0; i < NUMBERS_MAX && o->numbers[i].name; i++)
        options[n++] = (struct option){ o->numbers[i].name, 1, NULL, i };
    options[n++] = (struct option){ "seed", 1, NULL, SEED };
    options[n++] = (struct option){ "dirt", 1, NULL, DIRT };
    options[n] = (struct option){ "out", 1, NULL, OUT };
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(o->usage, stdout);
        return 0;
    }
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;)
        if (option == '?' || !set_option(o, option, optarg)) {
            fprintf(stderr, "see dagrun-generate %s --help\n", o->kind);
            return 2;
        }
    if (optind < argc || !o->out) {
        fprintf(stderr, "dagrun-generate: give --out FOLDER; see dagrun-generate %s --help\n", o->kind);
        return 2;
    }
    return -1;
}
