// SPDX-License-Identifier: Apache-2.0
// Machine states of threads on ARM.
#ifndef PORTOLAN_MACH_ARM_THREAD_STATUS_H_
#define PORTOLAN_MACH_ARM_THREAD_STATUS_H_

#include <mach/machine/vm_types.h>
#include <stdint.h>

// Flavors.
#define ARM_THREAD_STATE         1
#define ARM_UNIFIED_THREAD_STATE 1
#define ARM_VFP_STATE            2
#define ARM_EXCEPTION_STATE      3
#define ARM_DEBUG_STATE          4
#define ARM_THREAD_STATE64       6
#define ARM_EXCEPTION_STATE64    7
#define ARM_THREAD_STATE32       9
#define ARM_EXCEPTION_STATE64_V2 10
#define ARM_DEBUG_STATE32        14
#define ARM_DEBUG_STATE64        15
#define ARM_NEON_STATE           16
#define ARM_NEON_STATE64         17
#define ARM_CPMU_STATE64         18
#define ARM_PAGEIN_STATE         27
#define ARM_SME_STATE            28
#define ARM_SVE_Z_STATE1         29
#define ARM_SVE_Z_STATE2         30
#define ARM_SVE_P_STATE          31
#define ARM_SME_ZA_STATE1        32
#define ARM_SME_ZA_STATE2        33
#define ARM_SME2_STATE           48
#define THREAD_STATE_NONE        5

// Lengths in words.
#define ARM_THREAD_STATE_COUNT         17
#define ARM_THREAD_STATE32_COUNT       17
#define ARM_THREAD_STATE64_COUNT       68
#define ARM_UNIFIED_THREAD_STATE_COUNT 70
#define ARM_VFP_STATE_COUNT            65
#define ARM_EXCEPTION_STATE_COUNT      3
#define ARM_EXCEPTION_STATE64_COUNT    4
#define ARM_EXCEPTION_STATE64_V2_COUNT 4
#define ARM_DEBUG_STATE_COUNT          64
#define ARM_DEBUG_STATE32_COUNT        66
#define ARM_PAGEIN_STATE_COUNT         1
#define ARM_DEBUG_STATE64_COUNT        130
#define ARM_NEON_STATE_COUNT           68
#define ARM_NEON_STATE64_COUNT         132
#define ARM_SME_STATE_COUNT            6
#define ARM_SVE_Z_STATE_COUNT          1024
#define ARM_SVE_P_STATE_COUNT          128
#define ARM_SME_ZA_STATE_COUNT         1024
#define ARM_SME2_STATE_COUNT           16
#define MACHINE_THREAD_STATE_COUNT     70
#define THREAD_MACHINE_STATE_MAX       1296

#define ARM_SME_ZA_STATE3    34
#define ARM_SME_ZA_STATE4    35
#define ARM_SME_ZA_STATE5    36
#define ARM_SME_ZA_STATE6    37
#define ARM_SME_ZA_STATE7    38
#define ARM_SME_ZA_STATE8    39
#define ARM_SME_ZA_STATE9    40
#define ARM_SME_ZA_STATE10   41
#define ARM_SME_ZA_STATE11   42
#define ARM_SME_ZA_STATE12   42
#define ARM_SME_ZA_STATE13   44
#define ARM_SME_ZA_STATE14   45
#define ARM_SME_ZA_STATE15   46
#define ARM_SME_ZA_STATE16   47
#define THREAD_STATE_FLAVORS 50
#define MACHINE_THREAD_STATE 1

// Says which state follows, and how long it is.
struct arm_state_hdr {
  uint32_t flavor;
  uint32_t count;
};
typedef struct arm_state_hdr arm_state_hdr_t;

// Registers of a 32-bit program, which this system has none of: 17 words.
typedef struct {
  uint32_t word[17];
} arm_thread_state32_t;

struct arm_thread_state64 {
  uint64_t __x[29];
  uint64_t __fp;
  uint64_t __lr;
  uint64_t __sp;
  uint64_t __pc;
  uint32_t __cpsr;
  uint32_t __pad;
};
typedef struct arm_thread_state64 arm_thread_state64_t;

struct arm_exception_state64 {
  uint64_t __far;
  uint32_t __esr;
  uint32_t __exception;
};
typedef struct arm_exception_state64 arm_exception_state64_t;

struct arm_unified_thread_state {
  arm_state_hdr_t ash;
  union {
    arm_thread_state32_t ts_32;
    arm_thread_state64_t ts_64;
  } uts;
};
typedef struct arm_unified_thread_state arm_unified_thread_state_t;

#endif  // PORTOLAN_MACH_ARM_THREAD_STATUS_H_
