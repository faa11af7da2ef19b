/* pool.h - a parallel for over the process's threads. Layer: data.
 *
 * The pool belongs to a worker process: the runner, which forks, never starts
 * one. Without dr_pool_init everything runs on the calling thread. */
#ifndef DR_POOL_H
#define DR_POOL_H
#include <stdint.h>

/* Use that many threads, the caller's included (fewer where the system refuses
 * more). Replaces an earlier setting; not while work runs. */
void dr_pool_init(int32_t threads);
void dr_pool_done(void); /* ends the threads; safe without init */
int32_t dr_pool_threads(void);
/* Call fn(ctx, i) once for each i in [0, n), in any order and on any thread;
 * returns when all are done. From within fn it runs on the calling thread. */
void dr_pool_run(int64_t n, void (*fn)(void *ctx, int64_t i), void *ctx);
#endif
