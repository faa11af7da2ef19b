/* banned.h - functions that have a safer way in this house; forced into every
 * file of the program by the Makefile (-include). */
#ifndef DR_BANNED_H
#define DR_BANNED_H
/* Being first in every file, this is also where the GNU interfaces are asked for. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#pragma GCC poison strcpy strcat sprintf vsprintf strncpy strncat strtok strtok_r
#pragma GCC poison atoi atol atoll atof gets gmtime localtime ctime asctime mktime
#pragma GCC poison strtol strtoul strtoll strtoull strtod strtof tmpnam mktemp tempnam
#endif
