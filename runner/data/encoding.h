/* encoding.h - text in UTF-8, UTF-16, Latin-1 or Windows-1252 turned into UTF-8,
 * piece by piece. Layer: data. */
#ifndef DR_ENCODING_H
#define DR_ENCODING_H
#include "base/str.h"

enum dr_encoding {
    DR_ENCODING_AUTO, /* UTF-8, or UTF-16 where a byte order mark says so */
    DR_ENCODING_UTF8,
    DR_ENCODING_UTF16, /* the byte order mark tells which */
    DR_ENCODING_UTF16LE,
    DR_ENCODING_UTF16BE,
    DR_ENCODING_LATIN1, /* ISO 8859-1 exactly: byte N is U+00N */
    DR_ENCODING_WINDOWS1252
};
/* NULL is AUTO; upper case, "utf8", "latin1", "iso-8859-1" and "cp1252" are fine too.
 * An unknown name is DR_EDEF and lists the known ones. */
int32_t dr_encoding_parse(const char *name, enum dr_encoding *ret, struct dr_err *err);
const char *dr_encoding_name(enum dr_encoding e);
/* Look at the first bytes of the text (4 are enough): decide what AUTO and
 * UTF16 stand for, and how many bytes the byte order mark takes. UTF16
 * without a mark is DR_EINPUT, since guessing could be silently wrong. */
int32_t dr_encoding_detect(enum dr_encoding named, struct dr_str start, enum dr_encoding *ret,
                           size_t *ret_mark, struct dr_err *err);

/* An unfinished conversion. What is not text in the source encoding comes out
 * as bytes that are not UTF-8 (an unpaired surrogate as its three-byte form, a
 * lone last byte and a byte without a character as 0xFF), so that whoever validates finds it in its place. */
struct dr_decoder {
    enum dr_encoding from;
    uint8_t half; /* first byte of a code unit */
    bool has_half;
    uint16_t high; /* a high surrogate that waits for its low one; 0: none */
};
/* Convert n bytes; `last` says that the text ends with them. out has room for
 * 3 * n + 8 bytes. Returns how many were written. */
size_t dr_decode(struct dr_decoder *d, const char *p, size_t n, bool last, char *out);
#endif
