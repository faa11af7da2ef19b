/* word_stream.h - order statistics of more words than memory has room for. Layer: rollup.
 *
 * The words lie where they can be read again and again, in pieces. What is looked for is
 * narrowed down: a pass counts words by their leading bits, the next looks only at those that
 * matter, until these fit into the room. Results are exact. */
#ifndef DR_WORD_STREAM_H
#define DR_WORD_STREAM_H
#include "base/err.h"
#include "data/quantile.h"

typedef void (*dr_words_fn)(void *ctx, const uint64_t *words, int64_t n);
struct dr_word_stream {
    /* Call fn with all words, piece by piece: at each call the same ones, in any order. */
    int32_t (*each)(void *source, dr_words_fn fn, void *ctx, struct dr_err *err);
    void *source;
    int64_t n;      /* words in all, > 0 */
    uint64_t *room; /* borrowed: working memory */
    int64_t room_n; /* words in it, > 0 */
};
/* The words of some ranks, which ascend. */
DR_CHECK int32_t dr_stream_ranks(const struct dr_word_stream *s, struct dr_rank *ranks, int32_t n_ranks,
                                 struct dr_err *err);
/* How many different words there are. */
DR_CHECK int32_t dr_stream_distinct(const struct dr_word_stream *s, int64_t *ret, struct dr_err *err);
#endif
