/* codec.h - compressed bytes: gzip and Zstandard as a stream, Zstandard and LZ4
 * frames at once. The one module that includes zlib.h, zstd.h and lz4frame.h.
 * Layer: data.
 *
 * Compressed data is not trusted: whatever it claims, no more is written than
 * there is room for, and a stream needs a window of at most 128 MiB. */
#ifndef DR_CODEC_H
#define DR_CODEC_H
#include "base/str.h"

enum dr_codec { DR_CODEC_NONE, DR_CODEC_GZIP, DR_CODEC_ZSTD };
/* What the first bytes of a file say, whatever it is called. */
enum dr_codec dr_codec_of(struct dr_str start);
const char *dr_codec_name(enum dr_codec codec);

struct dr_expander;
struct dr_expander *dr_expander_new(enum dr_codec codec); /* GZIP or ZSTD */
void dr_expander_free(struct dr_expander *x);             /* NULL is fine */
/* Expand bytes off the front of *from into to[0, room); *ret_n may be 0 while
 * more input is needed. end: nothing follows *from. Several members or frames
 * follow each other as one text. At the end of it all, *ret_n is 0, *from empty
 * and the result DR_OK; data that is damaged or cut off is DR_EINPUT. */
int32_t dr_expander_run(struct dr_expander *x, struct dr_str *from, bool end, char *to, size_t room,
                        size_t *ret_n, struct dr_err *err);

/* Whether one frame expands to exactly to_n bytes. */
bool dr_expand_zstd(struct dr_str frame, void *to, size_t to_n);
bool dr_expand_lz4(struct dr_str frame, void *to, size_t to_n);
#endif
