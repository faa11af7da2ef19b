/* account.h - the account of rows of a run, summed by dataset and group: where
 * each row that came in has gone. Layer: report. */
#ifndef DR_ACCOUNT_H
#define DR_ACCOUNT_H
#include "report/report.h"

enum dr_stage { DR_STAGE_RAW, DR_STAGE_CLEAN, DR_STAGE_QUARANTINED, DR_STAGE_DUPLICATES, DR_STAGES };
struct dr_account_group {
    const char *name;
    int64_t rows[DR_STAGES];
    bool has[DR_STAGES]; /* the stage was told of, even with 0 rows */
};
struct dr_account {
    const char *dataset;
    struct dr_account_group total;
    struct dr_account_group *groups; /* by name; those in brackets last */
    int32_t n_groups;
    int64_t ungrouped; /* rows of any stage that were told without a group */
    bool running;      /* a task that told of it still runs, and may tell more */
};
/* In order of first mention; in the arena. */
void dr_account_sum(struct dr_arena *a, const struct dr_account_row *rows, int32_t n, struct dr_account **ret,
                    int32_t *ret_n);
/* raw - clean - quarantined - duplicates: 0 where it adds up. */
int64_t dr_account_missing(const struct dr_account_group *g);
/* The dataset went all the way: it has a raw and a clean stage, and whoever told of them has ended. */
bool dr_account_complete(const struct dr_account *d);
/* Whether adding up can be asked of this group (or of d's total) at all. */
bool dr_account_comparable(const struct dr_account *d, const struct dr_account_group *g);
#endif
