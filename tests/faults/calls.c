/* SPDX-License-Identifier: MIT */
/* Linux. Our own calls carry a mark as their sixth argument, which none of those
 * that are trapped has, and pass the filter. */
#ifndef _GNU_SOURCE
# define _GNU_SOURCE
#endif

#include "calls.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define MARK UINT32_C(0x666d6763)

static fault_plan *volatile watched;

/* ---- Registers ----------------------------------------------------------- */

enum { ARGUMENTS = 5 };

#if defined(__x86_64__)
# define ARCHITECTURE AUDIT_ARCH_X86_64
static const int places[ARGUMENTS] = {REG_RDI, REG_RSI, REG_RDX, REG_R10,
                                      REG_R8};

static long argument(const ucontext_t *at, int which)
{
    return (long)at->uc_mcontext.gregs[places[which]];
}

static void set_result(ucontext_t *at, long value)
{
    at->uc_mcontext.gregs[REG_RAX] = value;
}
#elif defined(__aarch64__)
# define ARCHITECTURE AUDIT_ARCH_AARCH64

static long argument(const ucontext_t *at, int which)
{
    return (long)at->uc_mcontext.regs[which];
}

static void set_result(ucontext_t *at, long value)
{
    at->uc_mcontext.regs[0] = (unsigned long)value;
}
#else
# error "registers of this machine are not known"
#endif

/* ---- Which calls --------------------------------------------------------- */

/* Those by which files are read, written and put in place, and children are
 * made and waited for. */
static const int trapped[] = {
#ifdef __NR_open
    __NR_open,       __NR_stat,       __NR_lstat,      __NR_rename,
    __NR_unlink,     __NR_mkdir,      __NR_readlink,   __NR_dup2,
    __NR_pipe,       __NR_poll,       __NR_fork,
#endif
    __NR_openat,     __NR_newfstatat, __NR_fstat,      __NR_renameat,
    __NR_renameat2,  __NR_unlinkat,   __NR_mkdirat,    __NR_readlinkat,
    __NR_read,       __NR_pread64,    __NR_write,      __NR_writev,
    __NR_pwrite64,   __NR_lseek,      __NR_fsync,      __NR_close,
    __NR_fchmod,     __NR_faccessat,  __NR_faccessat2, __NR_dup,
    __NR_dup3,       __NR_pipe2,      __NR_ppoll,      __NR_flock,
    __NR_getdents64, __NR_wait4,      __NR_clone,      __NR_statx,
};

enum { TRAPPED = sizeof trapped / sizeof *trapped };

static bool is_write(long number)
{
    return number == __NR_write || number == __NR_writev ||
           number == __NR_pwrite64;
}

static bool can_be_short(long number)
{
    return number == __NR_read || number == __NR_pread64 ||
           number == __NR_write || number == __NR_pwrite64;
}

/* Threads and what looks like them have a stack of their own. */
static bool counts(const fault_plan *plan, long number, const ucontext_t *at)
{
    if (plan->whose_calls != CALLS_OF_ALL &&
        (plan->whose_calls == CALLS_OF_FIRST) !=
            (getpid() == plan->first_process))
        return false;
    if (number == __NR_clone)
        return argument(at, 1) == 0;
    return !is_write(number) || argument(at, 0) != STDERR_FILENO;
}

/* ---- Disturbing ---------------------------------------------------------- */

static long carry_out(long number, const ucontext_t *at, long third)
{
    long result = syscall(number, argument(at, 0), argument(at, 1), third,
                          argument(at, 3), argument(at, 4), (long)MARK);
    return result < 0 ? -errno : result;
}

/* Linux has closed the descriptor, whatever close() says. */
static long fail_call(long number, const ucontext_t *at, long code)
{
    if (number == __NR_close)
        carry_out(number, at, argument(at, 2));
    return -code;
}

/* With time for another thread to take it, if this one holds it back. */
static void send_signal(uint32_t number)
{
    const struct timespec a_moment = {0, 2000000};
    kill(getpid(), (int)number);
    nanosleep(&a_moment, NULL);
}

static long disturb(const fault_plan *plan, long number, const ucontext_t *at)
{
    long third = argument(at, 2);
    if (plan->kind == FAULT_ERROR)
        return fail_call(number, at, plan->detail);
    if (plan->kind == FAULT_SIGNAL_BEFORE)
        send_signal(plan->detail);
    if (plan->kind == FAULT_SHORT && can_be_short(number) && third > 1)
        third = 1;
    const long result = carry_out(number, at, third);
    if (plan->kind == FAULT_SIGNAL_AFTER)
        send_signal(plan->detail);
    return result;
}

/* Count one more. @return whether it is to be disturbed. */
static bool note(fault_plan *plan, long number, const ucontext_t *at)
{
    uint32_t now = __atomic_add_fetch(&plan->calls, 1, __ATOMIC_RELAXED);
    if (now <= FAULT_CALLS_KEPT)
        plan->seen[now - 1] =
            (fault_call){(int32_t)number, (int32_t)argument(at, 0)};
    uint32_t first = plan->fault_at;
    if (!first || now < first || first > FAULT_CALLS_KEPT)
        return false;
    return now == first ||
           (plan->and_same_after && plan->seen[first - 1].number == number);
}

static void on_call(int signal_number, siginfo_t *what, void *context)
{
    const int number_before = errno;
    ucontext_t *at = context;
    fault_plan *plan = watched;
    const long number = what->si_syscall;
    (void)signal_number;
    long result;
    if (plan && counts(plan, number, at) && note(plan, number, at)) {
        __atomic_add_fetch(&plan->calls_faulted, 1, __ATOMIC_RELAXED);
        result = disturb(plan, number, at);
    } else {
        result = carry_out(number, at, argument(at, 2));
    }
    set_result(at, result);
    errno = number_before;
}

/* ---- The filter ---------------------------------------------------------- */

static struct sock_filter load_word(size_t offset)
{
    return (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                        (uint32_t)offset);
}

static struct sock_filter answer(uint32_t value)
{
    return (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, value);
}

static struct sock_filter jump_if(uint32_t value, size_t then, size_t otherwise)
{
    return (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value,
                                        (uint8_t)then, (uint8_t)otherwise);
}

static bool install_filter(void)
{
    struct sock_filter filter[TRAPPED + 7];
    size_t at = 0;
    filter[at++] = load_word(offsetof(struct seccomp_data, arch));
    filter[at++] = jump_if(ARCHITECTURE, 0, TRAPPED + 3);
    filter[at++] = load_word(offsetof(struct seccomp_data, args[5]));
    filter[at++] = jump_if(MARK, TRAPPED + 1, 0);
    filter[at++] = load_word(offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < TRAPPED; i++)
        filter[at++] = jump_if((uint32_t)trapped[i], TRAPPED - i, 0);
    filter[at++] = answer(SECCOMP_RET_ALLOW);
    filter[at++] = answer(SECCOMP_RET_TRAP);
    struct sock_fprog program = {(unsigned short)at, filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

bool calls_trap(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_call;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigemptyset(&action.sa_mask);
    return sigaction(SIGSYS, &action, NULL) == 0 && install_filter();
}

void calls_watch(fault_plan *plan)
{
    watched = plan;
}
