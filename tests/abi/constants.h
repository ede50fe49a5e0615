// SPDX-License-Identifier: Apache-2.0
// Every constant, type, call and variable of the public headers: the body of constants_c11.c and
// constants_cxx17.cpp.
#include "abi_assert.h"
#include "all_headers.h"

#define PORTOLAN_ABI(name, value)                   ABI_CONSTANT(name, value, #name);
#define PORTOLAN_ABI_TYPE(type, same)               ABI_ASSERT(ABI_SAME_TYPE(type, same), #type " is another type");
#define PORTOLAN_ABI_SIZE(type, bytes)              ABI_ASSERT(sizeof(type) == (bytes), #type " has another size");
#define PORTOLAN_ABI_FUNCTION(name, result, params) ABI_ASSERT(ABI_IS_FUNCTION(name, result, params), #name);
#define PORTOLAN_ABI_VARIABLE(name, type)           ABI_ASSERT(ABI_IS_VARIABLE(name, type), #name);
#include "constants.inc"
#include "functions.inc"
#include "types.inc"
#undef PORTOLAN_ABI
#undef PORTOLAN_ABI_TYPE
#undef PORTOLAN_ABI_SIZE
#undef PORTOLAN_ABI_FUNCTION
#undef PORTOLAN_ABI_VARIABLE

struct abi_report ABI_REPORT_CONSTANTS(void) {
  struct abi_report report;
  memset(&report, 0, sizeof report);
#define PORTOLAN_ABI(name, value) ++report.constants;
#include "constants.inc"
#define PORTOLAN_ABI_TYPE(type, same)  ++report.types;
#define PORTOLAN_ABI_SIZE(type, bytes) ++report.types;
#include "types.inc"
#define PORTOLAN_ABI_FUNCTION(name, result, params) ++report.calls;
#define PORTOLAN_ABI_VARIABLE(name, type)           ++report.calls;
#include "functions.inc"
#define PORTOLAN_ABI_POINTER(name, value) \
  ++report.pointers;                      \
  report.wrong_pointers += (uintptr_t)(name) == (value) ? 0u : 1u;
#include "pointers.inc"
  return report;
}
