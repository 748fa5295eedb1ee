/* SPDX-License-Identifier: MIT */
/* In front of the allocator of glibc, which keeps its own names for this. */
#ifndef _GNU_SOURCE
# define _GNU_SOURCE
#endif

#include "allocations.h"

#include <errno.h>
#include <link.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *memory);

static fault_plan *volatile watched;

/* ---- Who asks ------------------------------------------------------------ */

enum { MOST_SPARED = 64 };

static struct {
    uintptr_t begin, end;
} spared[MOST_SPARED];
static size_t spared_count;

/* Is one of the words of @p list in @p name? */
static bool has_word_of(const char *name, const char *list)
{
    char word[64];
    while (*list) {
        size_t length = strcspn(list, " ");
        if (length > 0 && length < sizeof word) {
            memcpy(word, list, length);
            word[length] = '\0';
            if (strstr(name, word))
                return true;
        }
        list += length + (list[length] == ' ');
    }
    return false;
}

static int note_spared(struct dl_phdr_info *object, size_t size, void *list)
{
    (void)size;
    if (!has_word_of(object->dlpi_name, list))
        return 0;
    for (int i = 0; i < object->dlpi_phnum && spared_count < MOST_SPARED; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || !(part->p_flags & PF_X))
            continue;
        spared[spared_count].begin = object->dlpi_addr + part->p_vaddr;
        spared[spared_count].end =
            object->dlpi_addr + part->p_vaddr + part->p_memsz;
        spared_count++;
    }
    return 0;
}

static bool is_spared(const void *caller)
{
    uintptr_t at = (uintptr_t)caller;
    for (size_t i = 0; i < spared_count; i++)
        if (at >= spared[i].begin && at < spared[i].end)
            return true;
    return false;
}

/* ---- What is not freed --------------------------------------------------- */

enum { TABLE_BITS = 18, TABLE_SIZE = 1 << TABLE_BITS };

/* Addresses, by their hash or in the next free places behind it. */
static uintptr_t table[TABLE_SIZE];
static uint32_t live;
static atomic_flag busy = ATOMIC_FLAG_INIT;

static void lock(void)
{
    while (atomic_flag_test_and_set_explicit(&busy, memory_order_acquire))
        continue;
}

static void unlock(void)
{
    atomic_flag_clear_explicit(&busy, memory_order_release);
}

static size_t place_of(uintptr_t address)
{
    return (size_t)(address * UINT64_C(0x9E3779B97F4A7C15) >>
                    (64 - TABLE_BITS));
}

/* Where it is, or the free place where it would be. */
static size_t look_up(uintptr_t address)
{
    size_t at = place_of(address);
    while (table[at] && table[at] != address)
        at = (at + 1) % TABLE_SIZE;
    return at;
}

static void keep(void *memory)
{
    lock();
    if (live >= TABLE_SIZE / 2)
        abort();
    table[look_up((uintptr_t)memory)] = (uintptr_t)memory;
    live++;
    unlock();
}

/* Those behind it move up, so that they are still found. */
static void close_gap(size_t gap)
{
    for (size_t at = (gap + 1) % TABLE_SIZE; table[at];
         at = (at + 1) % TABLE_SIZE) {
        size_t home = place_of(table[at]);
        if ((at - home) % TABLE_SIZE < (at - gap) % TABLE_SIZE)
            continue;
        table[gap] = table[at];
        gap = at;
    }
    table[gap] = 0;
}

static void drop(void *memory)
{
    lock();
    size_t at = look_up((uintptr_t)memory);
    if (table[at]) {
        close_gap(at);
        live--;
    }
    unlock();
}

uint32_t allocations_live(void)
{
    return live;
}

void allocations_forget(void)
{
    lock();
    memset(table, 0, sizeof table);
    live = 0;
    unlock();
}

/* ---- Failing ------------------------------------------------------------- */

void allocations_watch(fault_plan *plan)
{
    watched = NULL;
    spared_count = 0;
    if (plan && plan->spared[0])
        dl_iterate_phdr(note_spared, plan->spared);
    watched = plan;
}

/* Count one more. @return whether it has to fail. */
static bool fails(const void *caller)
{
    fault_plan *plan = watched;
    if (!plan || is_spared(caller))
        return false;
    uint32_t number =
        __atomic_add_fetch(&plan->allocations, 1, __ATOMIC_RELAXED);
    uint32_t first = plan->fail_allocation;
    if (!first || number < first || (number > first && !plan->and_all_after))
        return false;
    __atomic_add_fetch(&plan->allocations_failed, 1, __ATOMIC_RELAXED);
    errno = ENOMEM;
    return true;
}

static void *watch(void *memory)
{
    if (memory && watched)
        keep(memory);
    return memory;
}

/* ---- In place of the C library's ----------------------------------------- */

#define EXPORT __attribute__((visibility("default")))
#define CALLER __builtin_return_address(0)

EXPORT void *malloc(size_t size)
{
    return fails(CALLER) ? NULL : watch(__libc_malloc(size));
}

EXPORT void *calloc(size_t count, size_t size)
{
    return fails(CALLER) ? NULL : watch(__libc_calloc(count, size));
}

EXPORT void *realloc(void *memory, size_t size)
{
    if (fails(CALLER))
        return NULL;
    if (memory)
        drop(memory);
    void *moved = __libc_realloc(memory, size);
    if (!moved && memory && size > 0)
        return watch(memory), NULL;
    return watch(moved);
}

EXPORT void *reallocarray(void *memory, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    if (fails(CALLER))
        return NULL;
    if (memory)
        drop(memory);
    return watch(__libc_realloc(memory, bytes));
}

EXPORT void *memalign(size_t alignment, size_t size)
{
    return fails(CALLER) ? NULL : watch(__libc_memalign(alignment, size));
}

EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
    return fails(CALLER) ? NULL : watch(__libc_memalign(alignment, size));
}

EXPORT int posix_memalign(void **memory, size_t alignment, size_t size)
{
    *memory = fails(CALLER) ? NULL : watch(__libc_memalign(alignment, size));
    return *memory ? 0 : ENOMEM;
}

EXPORT void free(void *memory)
{
    if (memory)
        drop(memory);
    __libc_free(memory);
}
