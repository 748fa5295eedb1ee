/* SPDX-License-Identifier: MIT */
/* Batches by a runner on threads of POSIX. */
#include "bench.h"

#include "arrays.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* Waking a thread takes as long as some pictures do: a batch has many. */
enum { CLASSES = 5, PICTURES = 512, MOST_THREADS = 2 };

/* ---- The runner ---------------------------------------------------------- */

/* Threads wait for rounds of tasks; worker 0 is the thread that calls. */
struct pool {
    pthread_mutex_t lock;
    pthread_cond_t begin, end;
    uint64_t round;
    uint32_t workers, busy;
    bool quits;
    fmgcam_task_fn task;
    void *job;
    uint32_t count;
    atomic_uint next;
    struct thread {
        struct pool *pool;
        pthread_t id;
        uint32_t worker;
    } threads[MOST_THREADS];
};

static void take_tasks(struct pool *pool, uint32_t worker)
{
    uint32_t i;
    while ((i = atomic_fetch_add(&pool->next, 1)) < pool->count)
        pool->task(pool->job, i, worker);
}

static void *work_rounds(void *opaque)
{
    const struct thread *thread = opaque;
    struct pool *pool = thread->pool;
    uint64_t seen = 0;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (pool->round == seen && !pool->quits)
            pthread_cond_wait(&pool->begin, &pool->lock);
        if (pool->quits)
            break;
        seen = pool->round;
        pthread_mutex_unlock(&pool->lock);
        take_tasks(pool, thread->worker);
        pthread_mutex_lock(&pool->lock);
        if (--pool->busy == 0)
            pthread_cond_signal(&pool->end);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static void pool_init(struct pool *pool, uint32_t workers)
{
    *pool = (struct pool){.workers = workers};
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->begin, NULL);
    pthread_cond_init(&pool->end, NULL);
    for (uint32_t i = 1; i < workers; i++) {
        struct thread *thread = &pool->threads[i];
        thread->pool = pool;
        thread->worker = i;
        if (pthread_create(&thread->id, NULL, work_rounds, thread))
            die("no thread");
    }
}

static void pool_free(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->quits = true;
    pthread_cond_broadcast(&pool->begin);
    pthread_mutex_unlock(&pool->lock);
    for (uint32_t i = 1; i < pool->workers; i++)
        pthread_join(pool->threads[i].id, NULL);
    pthread_cond_destroy(&pool->begin);
    pthread_cond_destroy(&pool->end);
    pthread_mutex_destroy(&pool->lock);
}

static int32_t run_pool(void *opaque, fmgcam_task_fn task, void *job,
                        uint32_t count)
{
    struct pool *pool = opaque;
    pthread_mutex_lock(&pool->lock);
    pool->task = task;
    pool->job = job;
    pool->count = count;
    pool->busy = pool->workers - 1;
    atomic_store(&pool->next, 0);
    pool->round++;
    pthread_cond_broadcast(&pool->begin);
    pthread_mutex_unlock(&pool->lock);
    take_tasks(pool, 0);
    pthread_mutex_lock(&pool->lock);
    while (pool->busy > 0)
        pthread_cond_wait(&pool->end, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
    return 0;
}

/* ---- The batch ----------------------------------------------------------- */

struct batch {
    fmgcam_context *context;
    struct pool pool;
    size_t count;
    const fmgcam_inputs **inputs; /* [count] */
    fmgcam_outputs *outputs, **output_pointers;
    float *maps; /* [count, CLASSES, cells] */
};

static void explain_batch(void *job)
{
    struct batch *b = job;
    must(b->context,
         fmgcam_explain_batch(b->context, b->inputs, b->output_pointers,
                              (uint32_t)b->count, NULL));
}

static void batch_init(struct batch *b, const struct picture *pictures,
                       size_t different, struct shape shape, uint32_t threads)
{
    size_t count = different > PICTURES ? different : PICTURES;
    size_t floats = CLASSES * cells_of(shape);
    *b = (struct batch){
        .context = make_context((fmgcam_options){0}),
        .count = count,
        .inputs = make_array(count, sizeof *b->inputs),
        .outputs = make_array(count, sizeof *b->outputs),
        .output_pointers = make_array(count, sizeof *b->output_pointers),
        .maps = make_floats(count * floats),
    };
    for (size_t i = 0; i < count; i++) {
        b->inputs[i] = &pictures[i % different].inputs;
        b->outputs[i] = (fmgcam_outputs){
            .struct_size = sizeof *b->outputs,
            .signed_maps = {b->maps + i * floats, floats * sizeof *b->maps}};
        b->output_pointers[i] = &b->outputs[i];
    }
    pool_init(&b->pool, threads);
    if (threads > 1)
        must(b->context,
             fmgcam_set_runner(b->context, run_pool, &b->pool, threads));
}

static void batch_free(struct batch *b)
{
    fmgcam_destroy(b->context);
    pool_free(&b->pool);
    free(b->inputs);
    free(b->outputs);
    free(b->output_pointers);
    free(b->maps);
}

static void check(struct batch *b, const struct picture *pictures,
                  size_t different, struct shape shape)
{
    size_t floats = CLASSES * cells_of(shape);
    explain_batch(b);
    for (size_t i = 0; i < b->count; i += b->count - 1)
        check_grad_cam(&pictures[i % different], shape, CLASSES,
                       b->maps + i * floats, false);
}

static void time_batch(struct bench *bench, struct shape shape,
                       const char *mode, size_t different)
{
    struct picture *pictures = make_array(different, sizeof *pictures);
    struct batch batches[MOST_THREADS];
    struct rival rivals[MOST_THREADS];
    for (size_t i = 0; i < different; i++)
        picture_init(bench, &pictures[i], shape, CLASSES, i);
    for (uint32_t i = 0; i < MOST_THREADS; i++) {
        batch_init(&batches[i], pictures, different, shape, i + 1);
        check(&batches[i], pictures, different, shape);
        rivals[i] = (struct rival){.work = explain_batch, .job = &batches[i]};
    }
    time_rivals(bench, rivals, MOST_THREADS, (double)batches[0].count);
    for (uint32_t i = 0; i < MOST_THREADS; i++) {
        double rate = 1e9 / rivals[i].ns;
        double speedup = paired_ratio(bench, &rivals[0], &rivals[i]);
        report(bench,
               json_pack("{s:s, s:s, s:i, s:s, s:i, s:f, s:f}", "name", "batch",
                         "shape", shape_text(shape), "classes", CLASSES, "mode",
                         mode, "threads", (int)i + 1, "pictures_per_second",
                         rate, "speedup", speedup),
               "%-10s K %d %-8s %u thread%s %9.0f pictures a second  %5.2f x",
               shape_text(shape), CLASSES, mode, i + 1, i ? "s" : " ", rate,
               speedup);
    }
    free_rivals(rivals, MOST_THREADS);
    for (size_t i = 0; i < MOST_THREADS; i++)
        batch_free(&batches[i]);
    free(pictures);
}

void bench_batch(struct bench *bench)
{
    static const struct shape shapes[] = {{2048, 7, 7}, {1280, 7, 7}};

    headline(bench, "A batch, spread over threads: beside one thread");
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        time_batch(bench, shapes[i], "cached", 1);
        time_batch(bench, shapes[i], "streamed",
                   count_streamed(bench, shapes[i], CLASSES));
    }
}
