/* xml_scan.h - what libxml2 must not be given, found in the bytes before it sees them.
 *
 * libxml2 compares each attribute of an element, and each that a document type declares,
 * with all before it: a tag of a few megabytes makes that last for minutes. So they are
 * counted here. To know which bytes are a tag the scan must read the same characters as
 * libxml2 does; so the encodings are few: UTF-8, UTF-16, ASCII and what extends it byte by
 * byte (ISO-8859, windows). */
#ifndef XML_SCAN_H
#define XML_SCAN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { XML_ATTRIBUTES_MAX = 10000, XML_DECLARATIONS_MAX = 65536 /* characters */ };

/* Zeroed: before the first byte. */
struct xml_scan {
    enum {
        XML_IN_START, /* of the document: the encoding is not known yet */
        XML_IN_TEXT,
        XML_IN_TAG,
        XML_IN_DECLARATION,
        XML_IN_COMMENT,
        XML_IN_CDATA,
        XML_IN_INSTRUCTION
    } in;
    int width;         /* bytes of a character: 1, or 2 for UTF-16 */
    bool little;       /* UTF-16: the low byte comes first */
    unsigned char odd; /* UTF-16: the first byte of a character that is cut */
    bool has_odd;
    uint64_t last;    /* the eight characters before, the newest lowest */
    int since_open;   /* characters after <, up to 8 */
    char quote;       /* in a tag: the quotation mark that is open, or 0 */
    bool equals;      /* in a tag: = stands before, but for blanks */
    int attributes;   /* of the tag */
    int declarations; /* characters of declarations */
    char start[256];  /* the first bytes, until the encoding is known */
    size_t start_n;
};
/* Goes on with n bytes. NULL, or what is wrong with them (static text). A document shorter
 * than `start` has no room for what is looked for, and is not judged. */
const char *xml_scan(struct xml_scan *s, const char *p, size_t n);
#endif
