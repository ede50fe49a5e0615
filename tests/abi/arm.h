// SPDX-License-Identifier: Apache-2.0
// The headers about ARM threads, on whatever machine: the body of arm_c11.c and arm_cxx17.cpp.
#include <mach/arm/exception.h>
#include <mach/arm/thread_state.h>
#include <mach/arm/thread_status.h>

#include "abi_assert.h"

#define PORTOLAN_ABI(name, value)                      ABI_CONSTANT(name, value, #name);
#define PORTOLAN_ABI_STRUCT(type, size, alignment)     ABI_STRUCT(type, size, alignment);
#define PORTOLAN_ABI_FIELD(type, member, offset, size) ABI_FIELD(type, member, offset, size);
#include "constants_arm.inc"
#include "structs_arm.inc"
#undef PORTOLAN_ABI
#undef PORTOLAN_ABI_STRUCT
#undef PORTOLAN_ABI_FIELD

struct abi_report ABI_REPORT_MACHINE(void) {
  struct abi_report report;
  memset(&report, 0, sizeof report);
#define PORTOLAN_ABI(name, value)                      ++report.constants;
#define PORTOLAN_ABI_STRUCT(type, size, alignment)     ++report.structures;
#define PORTOLAN_ABI_FIELD(type, member, offset, size) ++report.members;
#include "constants_arm.inc"
#include "structs_arm.inc"
  return report;
}
