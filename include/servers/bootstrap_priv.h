// SPDX-License-Identifier: Apache-2.0
// Flags of the extended bootstrap calls, which come later.
#ifndef PORTOLAN_SERVERS_BOOTSTRAP_PRIV_H_
#define PORTOLAN_SERVERS_BOOTSTRAP_PRIV_H_

#include <servers/bootstrap.h>
#include <stdint.h>

#define BOOTSTRAP_PER_PID_SERVICE   (1ull << 0)  // a name of the process itself
#define BOOTSTRAP_ALLOW_LOOKUP      (1ull << 1)
#define BOOTSTRAP_DENY_JOB_CREATION (1ull << 2)
#define BOOTSTRAP_PRIVILEGED_SERVER (1ull << 3)  // only if the server runs as root
#define BOOTSTRAP_FORCE_LOCAL       (1ull << 4)  // list this namespace only
#define BOOTSTRAP_SPECIFIC_INSTANCE (1ull << 5)
#define BOOTSTRAP_STRICT_CHECKIN    (1ull << 6)  // only names that are declared
#define BOOTSTRAP_STRICT_LOOKUP     (1ull << 7)  // do not ask further out

// Properties of a namespace, in a list of children.
#define BOOTSTRAP_PROPERTY_EXPLICITSUBSET (1u << 0)
#define BOOTSTRAP_PROPERTY_IMPLICITSUBSET (1u << 1)
#define BOOTSTRAP_PROPERTY_MOVEDSUBSET    (1u << 2)
#define BOOTSTRAP_PROPERTY_PERUSER        (1u << 3)
#define BOOTSTRAP_PROPERTY_XPC_DOMAIN     (1u << 4)
#define BOOTSTRAP_PROPERTY_XPC_SINGLETON  (1u << 5)

#endif  // PORTOLAN_SERVERS_BOOTSTRAP_PRIV_H_
