// SPDX-License-Identifier: Apache-2.0
// NDR_record_t: how the data of a MIG message is represented.
#ifndef PORTOLAN_MACH_NDR_H_
#define PORTOLAN_MACH_NDR_H_

#include <portolan/export.h>

typedef struct {
  unsigned char mig_vers;
  unsigned char if_vers;
  unsigned char reserved1;
  unsigned char mig_encoding;
  unsigned char int_rep;
  unsigned char char_rep;
  unsigned char float_rep;
  unsigned char reserved2;
} NDR_record_t;

#define NDR_PROTOCOL_2_0 0  // mig_encoding

#define NDR_INT_BIG_ENDIAN    0  // int_rep
#define NDR_INT_LITTLE_ENDIAN 1
#define NDR_FLOAT_IEEE        0  // float_rep
#define NDR_FLOAT_VAX         1
#define NDR_FLOAT_CRAY        2
#define NDR_FLOAT_IBM         3
#define NDR_CHAR_ASCII        0  // char_rep
#define NDR_CHAR_EBCDIC       1

PORTOLAN_BEGIN_DECLS

// The representation of this machine: bytes 0 0 0 0 1 0 0 0 (messages 11.2). Read only.
extern PORTOLAN_EXPORT NDR_record_t NDR_record;

PORTOLAN_END_DECLS

#endif  // PORTOLAN_MACH_NDR_H_
