/* reader.h - the JSON reader from within: what read.c, settle.c and
 * table.c share, and the sizes that tests choose. Layer: json. */
#ifndef DR_JSON_READER_H
#define DR_JSON_READER_H
#include "data/input.h"
#include "json/piece.h"
#include "data/stream.h"

struct dr_json_tuning {
    enum dr_json_isa isa;
    size_t piece;  /* bytes read and parsed at a time */
    int32_t round; /* pieces that the pool's threads read at once where not all rows are held */
    int32_t block; /* rows turned into columns at a time; 0: what suits their number */
};
struct dr_json_tuning dr_json_tuning_default(void);

struct dr_json_reader {
    struct dr_reader base;
    struct dr_input in;
    struct dr_json_options opts; /* what it points to is borrowed */
    struct dr_json_tuning tuning;
    struct dr_json_plan plan;
    struct dr_rejects *rejects; /* borrowed, may be NULL */
    bool hold;                  /* one batch of all rows, so that reading may start again */
    bool sure;                  /* a value that does not fit ends the reading */
    bool lines;                 /* one record on each line */
    struct dr_json_place_in place;

    char *buf; /* owned: text in sequence; what is not yet used lies in [at, have) */
    size_t cap, at, have;
    int64_t first;  /* where the text starts in a seekable input */
    int64_t source; /* how far a seekable input was read */
    int64_t offset; /* of buf[at] in the text; of the next piece in rounds */
    int32_t round;  /* pieces of the next round */
    bool ended;

    struct dr_json_worker *workers; /* owned; the first also reads in sequence */
    int32_t workers_n;
    struct dr_dict ***dicts;     /* owned: of each DICT column of each table */
    uint8_t **zones;             /* owned: enum dr_json_zone of each column of each table */
    struct dr_json_unit **queue; /* owned: settled, not yet given out */
    int32_t queue_n, queue_cap;
    int64_t queue_rows;
    int64_t rows, lines_before; /* of all units settled */
    /* Owned: which times of a first reading had an offset, by table and column. */
    struct dr_json_zone_known {
        int32_t table, column;
        uint8_t zone;
    } * known;
    int32_t known_n;
    size_t infer;             /* bytes that are looked at to find columns */
    struct dr_err window_err; /* where the look at the window ended */
    bool drained, given;
    struct dr_err failed; /* what ended the reading; again for whoever asks again */
};

enum dr_json_mode { DR_JSON_HOLD, DR_JSON_STREAM, DR_JSON_SURE };
/* read.c: takes over the input, also where it fails. opts is copied, what it
 * points to must live as long as the reader. */
DR_CHECK int32_t dr_json_open_input(struct dr_input *in, const struct dr_json_options *opts,
                                    const struct dr_json_tuning *tuning, enum dr_json_mode mode,
                                    struct dr_rejects *rejects, struct dr_json_reader **ret,
                                    struct dr_err *err);
/* dr_table_read_json from an input. */
DR_CHECK int32_t dr_json_read_input(struct dr_input *in, const struct dr_json_options *opts,
                                    const struct dr_json_tuning *tuning, struct dr_table **ret,
                                    struct dr_json_extras *ret_extras, struct dr_err *err);

/* settle.c: what depends on the order of units. Take over a unit that
 * follows all before it. DR_ECANCEL: it holds a surprise,
 * read again. */
DR_CHECK int32_t dr_json_accept(struct dr_json_reader *r, struct dr_json_unit *u, struct dr_err *err);
int32_t dr_json_unit_error(const struct dr_json_reader *r, const struct dr_json_unit *u, struct dr_err *err);
void dr_json_settle_init(struct dr_json_reader *r);
void dr_json_settle_done(struct dr_json_reader *r);
/* The first n units of the queue as a table of records; and as child table t. */
struct dr_table *dr_json_make_table(struct dr_json_reader *r, int32_t units);
DR_CHECK int32_t dr_json_make_child(struct dr_json_reader *r, int32_t t, const struct dr_table *records,
                                    struct dr_table **ret, struct dr_err *err);
#endif
