/* html.h - an HTML5 page, element by element. Layer: report.
 *
 * Texts and values of attributes are escaped where they are written, so nothing that is
 * shown can become markup. On its way in every text is made harmless to look at too: control characters,
 * invalid UTF-8 and bidirectional overrides become visible escapes, and a text longer than DR_HTML_TEXT_MAX
 * code points is cut with a note of its length.
 *
 * Elements are opened and closed in turn; their names and those of attributes are literals.
 * A page that becomes too large is told once, by dr_html_put. */
#ifndef DR_HTML_H
#define DR_HTML_H
#include "base/str.h"

enum { DR_HTML_TEXT_MAX = 4000, DR_HTML_CELL_MAX = 160, DR_HTML_ATTR_MAX = 1000 };

struct dr_html;
/* An empty <html lang="en">, which is open. */
struct dr_html *dr_html_new(void);
void dr_html_free(struct dr_html *h); /* NULL is fine */

/* Open an element; then pairs of attribute name and value, ended by NULL. A NULL
 * value leaves that attribute out. */
void dr_html_open(struct dr_html *h, const char *element, ...) __attribute__((sentinel));
/* Close the innermost open element, which must be this one. */
void dr_html_close(struct dr_html *h, const char *element);
/* Open, text, close. text may be NULL. */
void dr_html_leaf(struct dr_html *h, const char *element, const char *text, ...) __attribute__((sentinel));
/* One more attribute of the innermost open element, to which nothing was added yet. */
void dr_html_attrf(struct dr_html *h, const char *name, const char *fmt, ...) DR_PRINTF(3, 4);

void dr_html_text(struct dr_html *h, const char *text); /* NULL is fine */
void dr_html_textf(struct dr_html *h, const char *fmt, ...) DR_PRINTF(2, 3);
/* At most max code points of data, then "..." and how long it is. */
void dr_html_data(struct dr_html *h, struct dr_str text, size_t max);
/* Keeps line ends and tabs; for <pre>. */
void dr_html_lines(struct dr_html *h, struct dr_str text);
/* Text of ours, as it is: for <style> and <script>. */
void dr_html_raw(struct dr_html *h, const char *text);

/* Append the page as UTF-8, once; every element must be closed but <html>. */
int32_t dr_html_put(struct dr_html *h, struct dr_buf *out, struct dr_err *err);
#endif
