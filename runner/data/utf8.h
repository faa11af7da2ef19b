/* utf8.h - whether many bytes are UTF-8, which base/str.h asks of few. Layer: data. */
#ifndef DR_UTF8_H
#define DR_UTF8_H
#include "base/str.h"

/* Whether p[0, n) is UTF-8 (Unicode 15, section 3.9). avx2: this machine has it. */
bool dr_utf8_valid_wide(bool avx2, const char *p, size_t n);
#endif
