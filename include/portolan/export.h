// SPDX-License-Identifier: Apache-2.0
// How Portolan's public functions are declared: C linkage, default visibility.
#ifndef PORTOLAN_PORTOLAN_EXPORT_H_
#define PORTOLAN_PORTOLAN_EXPORT_H_

#define PORTOLAN_EXPORT __attribute__((visibility("default")))

#ifdef __cplusplus
#define PORTOLAN_BEGIN_DECLS extern "C" {
#define PORTOLAN_END_DECLS   }
#else
#define PORTOLAN_BEGIN_DECLS
#define PORTOLAN_END_DECLS
#endif

#endif  // PORTOLAN_PORTOLAN_EXPORT_H_
