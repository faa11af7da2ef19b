/* pages.h - large blocks of memory, kept for the next who asks. Layer: data.
 *
 * Clearing fresh pages costs more than most kernels do with them, so blocks that
 * are given back stay mapped, up to a bound, and are lent again. */
#ifndef DR_PAGES_H
#define DR_PAGES_H
#include <stddef.h>

#define DR_HUGE_PAGE ((size_t)2 * 1024 * 1024)

/* In huge pages the processor finds addresses faster, which pays where memory is used in no order. */
enum dr_pages_size { DR_PAGES_USUAL, DR_PAGES_HUGE };
/* At least n bytes, of undefined contents, aligned for huge pages where these are wished for (what
 * is lent again may lie in either). *ret_room is what dr_pages_put must be told. Out of memory ends the
 * process. */
void *dr_pages_get(size_t n, enum dr_pages_size size, size_t *ret_room);
void dr_pages_put(void *p, size_t room);
/* Give back to the system what is kept. */
void dr_pages_drop(void);
/* Give back to the system what is kept beyond that many bytes, now and from now on. */
void dr_pages_keep(size_t bytes);
#endif
