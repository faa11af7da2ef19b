/* stretch.h - what the values of the last records had in common: strings of one length, and
 * stretches of the text where such members come one after the other. Layer: json. */
#ifndef DR_JSON_STRETCH_H
#define DR_JSON_STRETCH_H
#include "json/place.h"
#include "json/walk.h"

enum { DR_JSON_STRETCH_BLOCKS = 8, DR_JSON_STRETCH_MEMBERS = 16 };

/* Two members or more, from the key of the first to the quote that closes the last one's string.
 * All but the bytes of the strings is the same each time. */
struct dr_json_stretch {
    uint32_t n, blocks; /* bytes, and how many blocks they fill */
    int32_t members;
    struct {
        char text[DR_JSON_BLOCK];
        char same[DR_JSON_BLOCK];  /* all ones: the byte must be that of the text */
        char value[DR_JSON_BLOCK]; /* all ones: it is one of a string; past the end neither */
    } block[DR_JSON_STRETCH_BLOCKS];
    struct {
        size_t offset; /* as the place has it */
        uint64_t cell; /* a cell as it lies in memory, where the stretch starts at 0 */
    } cell[DR_JSON_STRETCH_MEMBERS];
};
/* Look at a few of the last rows, of as many at least, to say how the members below o are best read
 * from now on. What that needs is in the arena. */
enum { DR_JSON_STRETCH_SAMPLE = 16 };
void dr_json_stretch_find(struct dr_arena *a, struct dr_json_place *o, const struct dr_json_rows *rows,
                          const char *text);
#endif
