/* process.h - a child process in a process group of its own, known by a pidfd.
 * Layer: exec.
 *
 * The caller must be single-threaded. The child dies with the thread that forked
 * it; whatever it started and left in its group is killed when it is reaped. */
#ifndef DR_PROCESS_H
#define DR_PROCESS_H
#include <sys/types.h>
#include "base/str.h"

struct dr_process {
    pid_t pid;           /* also its group's id */
    int pidfd;           /* owned; readable once the process has ended */
    int64_t start_ticks; /* as in /proc/PID/stat, to within one tick */
};
struct dr_process_spec {
    int (*run)(void *ctx); /* in the child, which ends with _exit(its return value) */
    void *ctx;
    int null_fd; /* becomes stdin; -1: stdin is kept */
    int keep_fd; /* the one descriptor above 2 that the child keeps; -1: none */
};
int32_t dr_process_fork(const struct dr_process_spec *spec, struct dr_process *ret, struct dr_err *err);
/* A child of ours that somebody else forked (CLONE_PARENT), by its pid and start time. */
int32_t dr_process_adopt(pid_t pid, int64_t start_ticks, struct dr_process *ret, struct dr_err *err);
/* Now, as start times are counted. */
int64_t dr_process_now_ticks(void);
/* In a child: an own group, and death with this parent. */
void dr_process_tie(pid_t parent);
/* In a child: read nothing and print nowhere. */
void dr_process_silence(void);
/* In a child: end it without the parent's exit handlers. */
_Noreturn void dr_process_exit(int code);
/* Send a signal to the whole group. */
void dr_process_signal(const struct dr_process *p, int signal);

struct dr_process_end {
    int32_t code;            /* exit code, or -1 */
    int32_t signal;          /* that killed it, or 0 */
    int64_t cpu_us, max_rss; /* user and system time; bytes */
};
/* Once the pidfd is readable (before that it waits): kill what is left of the
 * group, take the exit status, close the pidfd. */
int32_t dr_process_reap(struct dr_process *p, struct dr_process_end *ret, struct dr_err *err);

/* Start time of a process in clock ticks since boot; DR_ENOTFOUND where it is gone. */
int32_t dr_process_start_ticks(pid_t pid, int64_t *ret, struct dr_err *err);
/* The id of this boot of the machine; "" where the kernel does not say. */
void dr_boot_id(char ret[40]);
/* "SIGSEGV", or "signal 77". */
const char *dr_signal_name(int signal, char buf[24]);
#endif
