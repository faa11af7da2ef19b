/* page.h - the parts of a report's page, and the small pieces that they share.
 * Layer: report.
 *
 * Each section is one file, which adds one <section> to the page from the facts.
 * They stand in the order in which a reader needs them. */
#ifndef DR_PAGE_H
#define DR_PAGE_H
#include "report/exports.h"
#include "report/html.h"

/* What colours and icons mean, everywhere on the page. */
enum dr_tone { DR_TONE_GOOD, DR_TONE_NOTE, DR_TONE_WARN, DR_TONE_BAD, DR_TONE_ODD, DR_TONE_IDLE, DR_TONES };

struct dr_page {
    struct dr_html *h;
    const struct dr_facts *f;
    const char *dir;            /* the report's folder while it is written, absolute */
    const char *to_home;        /* from the report's folder to the home: "../../.." */
    struct dr_exports *exports; /* the files beside the page */
};

/* ---- pieces (pieces.c) ---- */
/* <head> with title, style and script, then <body> with a skip link; both stay open. */
void dr_page_begin(struct dr_html *h, const char *title);
void dr_page_end(struct dr_html *h);
/* A section with its heading, left open; an id is its place in the navigation. */
void dr_page_section(struct dr_html *h, const char *id, const char *title, const char *lead);
/* Icon and word in a tone. */
void dr_page_badge(struct dr_html *h, enum dr_tone tone, const char *word);
const char *dr_tone_class(enum dr_tone t);
const char *dr_tone_icon(enum dr_tone t);
enum dr_tone dr_tone_of_task(enum dr_task_state s);
enum dr_tone dr_tone_of_run(enum dr_run_state s);
enum dr_tone dr_tone_of_severity(int32_t severity);
enum dr_tone dr_tone_of_check(const struct dr_fact_check *c);
const char *dr_word_of_check(const struct dr_fact_check *c);
const char *dr_word_of_task(enum dr_task_state s);
/* A table in a box that scrolls sideways; caption may be hidden from sight. Head
 * cells: names, "#NAME" for a column of numbers, ended by NULL. The body stays open. */
void dr_page_table(struct dr_html *h, const char *caption, const char *class, ...) __attribute__((sentinel));
void dr_page_table_end(struct dr_html *h);
/* An <svg>, left open, with its title and what it shows in words. */
void dr_page_svg(struct dr_html *h, int width, int height, const char *title, const char *desc);
/* One that a narrow screen scrolls rather than shrinks below min_width. */
void dr_page_wide_svg(struct dr_html *h, int width, int height, int min_width, const char *title,
                      const char *desc);
/* anchor: "start", "middle", "end" or NULL; class may be NULL. */
void dr_page_svg_text(struct dr_html *h, double x, double y, const char *class, const char *anchor,
                      const char *text);
void dr_page_rect(struct dr_html *h, const char *class, double x, double y, double width, double height);
void dr_page_number(struct dr_html *h, int64_t v);      /* <td class=n> with thousands */
void dr_page_count_cell(struct dr_page *p, int64_t v);  /* as dr_page_number; a dash where v < 0 */
void dr_page_cell(struct dr_html *h, const char *text); /* <td>; data, cut */
/* "a,b" as "a, b", so that it breaks between them; NULL is fine. */
void dr_page_columns(struct dr_html *h, const char *columns);
void dr_page_fact(struct dr_html *h, const char *name, const char *fmt, ...) DR_PRINTF(3, 4); /* <dt><dd> */
/* Texts in the arena. */
const char *dr_words_count(struct dr_arena *a, int64_t v);
const char *dr_words_duration(struct dr_arena *a, int64_t from_us, int64_t to_us); /* "-" where one is 0 */
const char *dr_words_time(struct dr_arena *a, int64_t us); /* "2024-03-01 02:30:00 UTC"; "-" for 0 */
const char *dr_words_count_of(struct dr_arena *a, int64_t n, const char *one, const char *many);

/* A percentage with as many digits as it needs: "0.7 %"; "" where whole is not positive. */
const char *dr_words_percent(struct dr_arena *a, double part, double whole);

/* ---- charts that several sections draw ---- */
/* The last runs of one check as bars (strip.c). */
void dr_strip(struct dr_page *p, const struct dr_fact_check *c);
void dr_strip_table(struct dr_page *p, const struct dr_fact_check *c);

/* ---- sections ---- */
/* The checks that did not pass, worst first; their number. The first ones have a
 * card of their own in the section of failures. */
int32_t dr_failures_sorted(const struct dr_facts *f, const struct dr_fact_check ***ret);
bool dr_failure_has_card(int32_t place);
void dr_section_verdict(struct dr_page *p);
void dr_section_failures(struct dr_page *p);
void dr_section_rows(struct dr_page *p);
bool dr_has_rows_apart(const struct dr_page *p);
void dr_section_history(struct dr_page *p);
void dr_section_decisions(struct dr_page *p);
bool dr_has_decisions(const struct dr_page *p);
void dr_section_monthly(struct dr_page *p);
void dr_section_checks(struct dr_page *p);
void dr_section_run(struct dr_page *p);
void dr_section_provenance(struct dr_page *p);

/* The verdict in a sentence, and how good it is. */
enum dr_tone dr_verdict(const struct dr_facts *f, struct dr_buf *sentence);

/* reports/index.html (index.c). */
int32_t dr_index_write(struct dr_state *s, const struct dr_home *h, struct dr_err *err);

extern const char *const dr_page_style[]; /* pieces of CSS; NULL ends */
extern const char *const dr_page_script[];
#endif
