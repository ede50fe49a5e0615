// SPDX-License-Identifier: Apache-2.0
// The layout of every structure of the public headers: the body of structs_c11.c and structs_cxx17.cpp.
#include "abi_assert.h"
#include "all_headers.h"

#include <poll.h>

#define PORTOLAN_ABI_STRUCT(type, size, alignment)     ABI_STRUCT(type, size, alignment);
#define PORTOLAN_ABI_OFFSET(type, member, offset)      ABI_OFFSET(type, member, offset);
#define PORTOLAN_ABI_FIELD(type, member, offset, size) ABI_FIELD(type, member, offset, size);
#include "structs.inc"
#undef PORTOLAN_ABI_STRUCT
#undef PORTOLAN_ABI_OFFSET
#undef PORTOLAN_ABI_FIELD

struct abi_report ABI_REPORT_STRUCTS(void) {
  struct abi_report report;
  memset(&report, 0, sizeof report);
#define PORTOLAN_ABI_STRUCT(type, size, alignment)     ++report.structures;
#define PORTOLAN_ABI_OFFSET(type, member, offset)      ++report.members;
#define PORTOLAN_ABI_FIELD(type, member, offset, size) ++report.members;
#include "structs.inc"
#define PORTOLAN_ABI_BITS(type, member, first, width) \
  ++report.bit_fields;                                \
  ABI_BITS(report.wrong_bit_fields, type, member, first, width);
#include "bits.inc"
  return report;
}
