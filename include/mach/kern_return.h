// SPDX-License-Identifier: Apache-2.0
// Result codes of the kernel's calls. Zero is success; message codes (mach/message.h), MIG codes
// (mach/mig_errors.h) and bootstrap codes (servers/bootstrap.h) share the type.
#ifndef PORTOLAN_MACH_KERN_RETURN_H_
#define PORTOLAN_MACH_KERN_RETURN_H_

#include <mach/machine/kern_return.h>

#define KERN_SUCCESS                  0
#define KERN_INVALID_ADDRESS          1  // no memory at this address
#define KERN_PROTECTION_FAILURE       2  // there is memory, but not with this access
#define KERN_NO_SPACE                 3  // no gap in the address space, or no free name
#define KERN_INVALID_ARGUMENT         4
#define KERN_FAILURE                  5   // nothing more precise to say
#define KERN_RESOURCE_SHORTAGE        6   // no memory left in the kernel
#define KERN_NOT_RECEIVER             7   // legacy
#define KERN_NO_ACCESS                8   // this caller may not change it
#define KERN_MEMORY_FAILURE           9   // the page is lost for good
#define KERN_MEMORY_ERROR             10  // the page could not be had this time
#define KERN_ALREADY_IN_SET           11  // the receive right is in that port set already
#define KERN_NOT_IN_SET               12  // the receive right is not in that port set
#define KERN_NAME_EXISTS              13  // the name is taken
#define KERN_ABORTED                  14  // a wait was cut short
#define KERN_INVALID_NAME             15  // the name denotes nothing
#define KERN_INVALID_TASK             16  // no such task, or it is dead
#define KERN_INVALID_RIGHT            17  // the name denotes another kind of right
#define KERN_INVALID_VALUE            18  // out of the range that this right or flavor allows
#define KERN_UREFS_OVERFLOW           19  // older kernels: too many user references (today they peg)
#define KERN_INVALID_CAPABILITY       20  // the right that was handed over does not fit
#define KERN_RIGHT_EXISTS             21  // the task has this port under another name
#define KERN_INVALID_HOST             22  // not a host port
#define KERN_MEMORY_PRESENT           23  // pagers, obsolete
#define KERN_MEMORY_DATA_MOVED        24  // pagers, obsolete
#define KERN_MEMORY_RESTART_COPY      25  // pagers, obsolete
#define KERN_INVALID_PROCESSOR_SET    26  // not a processor set port
#define KERN_POLICY_LIMIT             27  // beyond what the scheduling policy permits
#define KERN_INVALID_POLICY           28  // unknown scheduling policy
#define KERN_INVALID_OBJECT           29  // the port stands for another kind of object
#define KERN_ALREADY_WAITING          30  // somebody waits already
#define KERN_DEFAULT_SET              31  // the default processor set stays
#define KERN_EXCEPTION_PROTECTED      32  // the exception port is protected
#define KERN_INVALID_LEDGER           33  // not a ledger
#define KERN_INVALID_MEMORY_CONTROL   34  // not a memory control port
#define KERN_INVALID_SECURITY         35  // host security privilege needed
#define KERN_NOT_DEPRESSED            36  // the thread's priority was not depressed
#define KERN_TERMINATED               37  // the object is gone
#define KERN_LOCK_SET_DESTROYED       38  // lock sets, obsolete
#define KERN_LOCK_UNSTABLE            39  // lock sets, obsolete
#define KERN_LOCK_OWNED               40  // lock sets, obsolete
#define KERN_LOCK_OWNED_SELF          41  // lock sets, obsolete
#define KERN_SEMAPHORE_DESTROYED      42  // historical: waits end with KERN_TERMINATED
#define KERN_RPC_SERVER_TERMINATED    43  // RPC, obsolete
#define KERN_RPC_TERMINATE_ORPHAN     44  // RPC, obsolete
#define KERN_RPC_CONTINUE_ORPHAN      45  // RPC, obsolete
#define KERN_NOT_SUPPORTED            46
#define KERN_NODE_DOWN                47  // distributed IPC, obsolete
#define KERN_NOT_WAITING              48  // nobody was waiting
#define KERN_OPERATION_TIMED_OUT      49
#define KERN_CODESIGN_ERROR           50
#define KERN_POLICY_STATIC            51  // the thread's policy is fixed
#define KERN_INSUFFICIENT_BUFFER_SIZE 52
#define KERN_DENIED                   53  // refused by policy
#define KERN_MISSING_KC               54  // kernel collections
#define KERN_INVALID_KC               55  // kernel collections
#define KERN_NOT_FOUND                56

#define KERN_RETURN_MAX 0x100  // no kernel code is above it

#endif  // PORTOLAN_MACH_KERN_RETURN_H_
