// SPDX-License-Identifier: Apache-2.0
// Machine states of threads on x86.
#ifndef PORTOLAN_MACH_I386_THREAD_STATUS_H_
#define PORTOLAN_MACH_I386_THREAD_STATUS_H_

#include <mach/machine/vm_types.h>
#include <stdint.h>

// Flavors.
#define i386_THREAD_STATE       1
#define i386_FLOAT_STATE        2
#define i386_EXCEPTION_STATE    3
#define x86_THREAD_STATE32      1
#define x86_FLOAT_STATE32       2
#define x86_EXCEPTION_STATE32   3
#define x86_THREAD_STATE64      4
#define x86_FLOAT_STATE64       5
#define x86_EXCEPTION_STATE64   6
#define x86_THREAD_STATE        7
#define x86_FLOAT_STATE         8
#define x86_EXCEPTION_STATE     9
#define x86_DEBUG_STATE32       10
#define x86_DEBUG_STATE64       11
#define x86_DEBUG_STATE         12
#define x86_AVX_STATE32         16
#define x86_AVX_STATE64         17
#define x86_AVX_STATE           18
#define x86_AVX512_STATE32      19
#define x86_AVX512_STATE64      20
#define x86_AVX512_STATE        21
#define x86_PAGEIN_STATE        22
#define x86_THREAD_FULL_STATE64 23
#define x86_INSTRUCTION_STATE   24
#define x86_LAST_BRANCH_STATE   25
#define THREAD_STATE_NONE       13
#define THREAD_STATE_FLAVORS    26

// Segment selectors.
#define USER_CODE_SELECTOR 0x17
#define USER_DATA_SELECTOR 0x1f
#define KERN_CODE_SELECTOR 0x8
#define KERN_DATA_SELECTOR 0x10

// Lengths in words.
#define i386_THREAD_STATE_COUNT       16
#define x86_THREAD_STATE32_COUNT      16
#define i386_FLOAT_STATE_COUNT        131
#define x86_FLOAT_STATE32_COUNT       131
#define x86_AVX_STATE32_COUNT         179
#define x86_AVX512_STATE32_COUNT      259
#define i386_EXCEPTION_STATE_COUNT    3
#define x86_EXCEPTION_STATE32_COUNT   3
#define I386_EXCEPTION_STATE_COUNT    3
#define x86_DEBUG_STATE32_COUNT       8
#define X86_DEBUG_STATE32_COUNT       8
#define x86_THREAD_STATE64_COUNT      42
#define x86_THREAD_FULL_STATE64_COUNT 50
#define x86_FLOAT_STATE64_COUNT       131
#define x86_AVX_STATE64_COUNT         211
#define x86_AVX512_STATE64_COUNT      611
#define x86_EXCEPTION_STATE64_COUNT   4
#define X86_EXCEPTION_STATE64_COUNT   4
#define x86_DEBUG_STATE64_COUNT       16
#define X86_DEBUG_STATE64_COUNT       16
#define x86_PAGEIN_STATE_COUNT        1
#define X86_PAGEIN_STATE_COUNT        1
#define x86_INSTRUCTION_STATE_COUNT   614
#define X86_INSTRUCTION_STATE_COUNT   614
#define x86_LAST_BRANCH_STATE_COUNT   194
#define X86_LAST_BRANCH_STATE_COUNT   194
#define x86_THREAD_STATE_COUNT        44
#define x86_FLOAT_STATE_COUNT         133
#define x86_EXCEPTION_STATE_COUNT     6
#define x86_DEBUG_STATE_COUNT         18
#define x86_AVX_STATE_COUNT           213
#define x86_AVX512_STATE_COUNT        613
#define MACHINE_THREAD_STATE_COUNT    44
#define THREAD_MACHINE_STATE_MAX      1296

#define MACHINE_THREAD_STATE 7

// Says which state follows, and how long it is.
struct x86_state_hdr {
  uint32_t flavor;
  uint32_t count;
};
typedef struct x86_state_hdr x86_state_hdr_t;

// Registers of a 32-bit program, which this system has none of: 16 words.
typedef struct {
  uint32_t word[16];
} x86_thread_state32_t;

struct x86_thread_state64 {
  uint64_t __rax;
  uint64_t __rbx;
  uint64_t __rcx;
  uint64_t __rdx;
  uint64_t __rdi;
  uint64_t __rsi;
  uint64_t __rbp;
  uint64_t __rsp;
  uint64_t __r8;
  uint64_t __r9;
  uint64_t __r10;
  uint64_t __r11;
  uint64_t __r12;
  uint64_t __r13;
  uint64_t __r14;
  uint64_t __r15;
  uint64_t __rip;
  uint64_t __rflags;
  uint64_t __cs;
  uint64_t __fs;
  uint64_t __gs;
};
typedef struct x86_thread_state64 x86_thread_state64_t;

struct x86_exception_state64 {
  uint16_t __trapno;
  uint16_t __cpu;
  uint32_t __err;
  uint64_t __faultvaddr;
};
typedef struct x86_exception_state64 x86_exception_state64_t;

struct x86_thread_state {
  x86_state_hdr_t tsh;
  union {
    x86_thread_state32_t ts32;
    x86_thread_state64_t ts64;
  } uts;
};
typedef struct x86_thread_state x86_thread_state_t;

#endif  // PORTOLAN_MACH_I386_THREAD_STATUS_H_
