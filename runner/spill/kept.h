/* kept.h - columns that lie in a temporary file rather than in memory: written batch by batch, then
 * mapped, of which only what is being looked at need be in memory (dr_column_let_go). Layer: spill. */
#ifndef DR_KEPT_H
#define DR_KEPT_H
#include "data/stream.h"

struct dr_kept {
    int fd;                   /* owned; -1: there is none */
    struct dr_writer *writer; /* owned; NULL: all is written */
};
/* folder: NULL for TMPDIR, or /tmp. The file has no name; dr_kept_done in any case. */
DR_CHECK int32_t dr_kept_open(struct dr_kept *k, const char *folder, struct dr_err *err);
DR_CHECK int32_t dr_kept_add(struct dr_kept *k, const struct dr_table *batch, struct dr_err *err);
DR_CHECK int32_t dr_kept_end(struct dr_kept *k, struct dr_err *err); /* all has been added */
/* The table, as often as it is wanted, after that. */
DR_CHECK int32_t dr_kept_map(const struct dr_kept *k, struct dr_table **ret, struct dr_err *err);
/* The batches that were added, one by one, likewise. */
DR_CHECK int32_t dr_kept_read(const struct dr_kept *k, struct dr_reader **ret, struct dr_err *err);
void dr_kept_done(struct dr_kept *k);
#endif
