/* file.h - files and folders. Every descriptor is close-on-exec. Layer: base. */
#ifndef DR_FILE_H
#define DR_FILE_H
#include <sys/types.h>
#include "base/str.h"

/* dir/name, in the arena; an absolute name wins. */
char *dr_path_join(struct dr_arena *a, const char *dir, const char *name);
const char *dr_path_base(const char *path);
/* True for "a-z A-Z 0-9 _ . -", 1 to 200 bytes, not starting with '.' or '-':
 * what may become a file name (dag, task, dataset, suite ids). */
bool dr_name_ok(const char *name);
bool dr_path_exists(const char *path);
bool dr_path_is_dir(const char *path);
int32_t dr_mkdirs(const char *path, struct dr_err *err); /* mode 0777 & ~umask; present is fine */
/* Remove a file or a tree, never following links; absent is fine. */
int32_t dr_remove_tree(const char *path, struct dr_err *err);
/* The whole file, NUL-terminated, in the arena; more than max is DR_ELIMIT. */
int32_t dr_read_file(struct dr_arena *a, const char *path, size_t max, struct dr_str *ret,
                     struct dr_err *err);
/* The whole file or none of it, however the process ends (there is no fsync):
 * a temporary beside path, renamed over it. */
int32_t dr_write_file(const char *path, struct dr_str bytes, struct dr_err *err);
int32_t dr_write_all(int fd, const void *p, size_t n,
                     struct dr_err *err); /* retries EINTR and short writes */
/* Make link point to target (relative text) by rename, so that readers never
 * see it missing. */
int32_t dr_symlink_swap(const char *target, const char *link, struct dr_err *err);
/* Names in a folder that end in suffix (NULL: all but . and ..), sorted by bytes. */
int32_t dr_list_dir(struct dr_arena *a, const char *path, const char *suffix, char ***ret, size_t *ret_n,
                    struct dr_err *err);

/* A file being written under a temporary name; commit renames it into place. */
struct dr_out {
    int fd;
    char *tmp, *path; /* owned; tmp is NULL where there is nothing to rename */
};
int32_t dr_out_open(struct dr_out *o, const char *path, struct dr_err *err);
/* A file that is open already and has no name to come to; takes fd over. name is for messages. */
void dr_out_take(struct dr_out *o, int fd, const char *name);
int32_t dr_out_commit(struct dr_out *o, struct dr_err *err); /* closes, renames, frees */
void dr_out_abort(struct dr_out *o);                         /* closes, removes, frees; safe on a done one */

/* An exclusive advisory lock (flock) on a file, made where absent; holds until the
 * fd is closed, here and in every child that inherited it, or the process ends. DR_EBUSY where somebody else
 * has it; the holder's note (pid and so on, written by dr_lock_note) goes into ret_holder (may be NULL). */
int32_t dr_lock_file(const char *path, int *ret_fd, char *ret_holder, size_t holder_size, struct dr_err *err);
int32_t dr_lock_note(int fd, const char *note, struct dr_err *err);
#endif
