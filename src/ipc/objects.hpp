// SPDX-License-Identifier: Apache-2.0
// The objects of the kernel as they lie in the segment. What may be done with each is in the file of its
// name; here are only layout, the lock that each cell belongs to, and the invariants that fsck checks under
// the same numbers.
//
// Ownership: a task owns its space and its threads; a space's entries, the rights in messages and the
// kernel's own holders each count one reference on their port; a port owns its queue, its set memberships and
// its requests.
#pragma once

#include <mach/kern_return.h>
#include <mach/message.h>
#include <mach/port.h>

#include "segment/txn.hpp"

namespace portolan::ipc {

enum Zone : unsigned {
  kZoneTask = 1,
  kZoneSpace,
  kZonePort,
  kZonePset,
  kZoneLink,
  kZoneKmsg,
  kZoneData,
  kZoneService,
  kZoneSubset,
  kZoneSite,
  kZoneAcquisition,
  kZoneModule,
  kZoneRequest,
  kZoneJob,
  kZoneWatch,
  kZoneActions,
};

struct Task;
struct Space;
struct Port;
struct Pset;
struct Link;
struct Kmsg;
struct Data;
struct Request;
struct Service;
struct Subset;
struct Job;
struct Watch;
struct Actions;

struct Name {
  mach_port_name_t value = MACH_PORT_NULL;
  constexpr uint32_t index() const { return value >> 8; }
  constexpr uint32_t generation() const { return value & 0xff; }
  constexpr bool valid() const { return value != MACH_PORT_NULL && value != MACH_PORT_DEAD; }
  friend constexpr bool operator==(Name, Name) = default;
};
constexpr Name make_name(uint32_t index, uint32_t generation) { return {index << 8 | generation}; }

// -------------------------------------------------------------------------------------------------------
// entries

// What an entry's type bits look like to users (ports 1.2): the kernel keeps them in the same place.
enum TypeBits : uint32_t {
  kTypeSend = MACH_PORT_TYPE_SEND,
  kTypeReceive = MACH_PORT_TYPE_RECEIVE,
  kTypeSendOnce = MACH_PORT_TYPE_SEND_ONCE,
  kTypePset = MACH_PORT_TYPE_PORT_SET,
  kTypeDead = MACH_PORT_TYPE_DEAD_NAME,
  kTypeMask = 0x001f0000,
};

// One slot of a space's table. Everything belongs to the space's lock.
//   N1: a used entry has one of the combinations of ports 4.1, and urefs in its range.
//   N2: a free entry is on the space's free list, or was never used.
//   N3: `object` is a live element that counts this entry among its references.
struct Entry {
  Cell<uint32_t> bits;   // type bits | generation; generation 0: never used
  Cell<uint32_t> urefs;  // user references; low 16 bits
  Cell<uint32_t>
      object;  // port or set; of a dead name: what it was (kobject type << 24 | 24 bits of its pid)
  Cell<uint32_t> request;   // Request, 0: none. Free: previous free entry
  Cell<uint32_t> next;      // pure send: next of the reverse hash's chain. Free: next free entry
  Cell<uint32_t> acquired;  // newest Acquisition, when sites are recorded
  Cell<uint32_t> rollover;  // which generation is the last (ports 2.3)
  uint32_t pad;

  uint32_t type() const { return bits & kTypeMask; }
  bool has(uint32_t type_bits) const { return (bits & type_bits) != 0; }
  uint32_t generation() const { return bits & 0xff; }
};
static_assert(sizeof(Entry) == 32);

inline constexpr uint32_t kTableMax = 305834;  // slots of the largest table (ports 3.1)
inline constexpr uint32_t kUrefsMax = 65535;   // sticky (ports 4.3)

// A range of entries that were never used, handed out by a random low or high walk.
struct Virgin {
  Cell<uint32_t> low, high;  // low <= high: slots left; high == 0: empty
  Cell<uint32_t> walk;       // 0: the next one is the lowest
};
inline constexpr unsigned kVirginBlocks = 8;

//   A1: `used` counts the entries in use; `sends` those that are pure send rights; the reverse hash finds
//   exactly those. A2: `free_head` leads through all entries that were used and freed, newest first.
struct Space : Element {
  Cell<uint32_t> state;       // SpaceState
  Cell<uint32_t> task;        // its Task
  Cell<uint32_t> table_size;  // slots, slot 0 included: what we report (ports 3.1)
  Cell<uint32_t> backed;      // slots whose pages are real; >= table_size
  Cell<uint32_t> used;
  Cell<uint32_t> sends;
  Cell<uint32_t> free_head;
  Virgin virgin[kVirginBlocks];
  Cell<uint32_t> buckets;      // of the reverse hash, grown one at a time
  Cell<uint32_t> cursor;       // next entry to tear down once dying
  Cell<uint32_t> random;       // state of the generator behind the walks
  Cell<uint32_t> table_limit;  // at most this many slots; kTableMax unless lowered
  Cell<uint32_t> at_maximum;   // growth failed at the maximum once (ports 3.2)
  Cell<uint32_t> peak;         // most entries ever in use
  // What a kernel queue of the task watches (watch.hpp). The port is made with the first watch and stays; all
  // else here belongs to its lock.
  Cell<uint32_t> watch_port;
  Cell<uint32_t> watches;                  // Watch, by `next`
  Cell<uint32_t> fired_head, fired_tail;   // Watch, by `fired_next`, in the order of firing
};
enum SpaceState : uint32_t { kSpaceFree, kSpaceActive, kSpaceDying };

// ---------------------------------------------------------------------------------------------------------
// ports

enum PortState : uint32_t { kPortActive = 0, kPortDying = 1, kPortDead = 2 };
enum PortFlags : uint32_t {
  kPortGuarded = 0x10,
  kPortStrict = 0x20,
  kPortImmovable = 0x40,
  kPortInTransit =
      0x80,  // the receive right is in a message; `receiver` is the port that message is queued on, or 0
  kPortWasRegistered = 0x100,
  kPortTempOwner = 0x200,
  kPortImpDonation = 0x400,
  kPortSpPending = 0x800,  // armed send-possible requests are being fired
  kPortAtHome = 0x1000,     // the receive right is the namespace's: a declared service that nobody holds
  kPortComesHome = 0x2000,  // whoever loses the receive right brings it home
  kPortWatched = 0x4000,    // it has a Watch
};

// Kernel object numbers of the bootstrap layer. Private: beyond Darwin's, where these are ordinary ports.
inline constexpr uint32_t kKobjectBootstrap = 0x80;  // its object is a Subset
inline constexpr uint32_t kKobjectJob = 0x81;        // stands for its Job, whoever uses it
inline constexpr uint32_t kKobjectWatch = 0x82;      // of a Space; nobody has a right to it, threads wait on it

//   P1: `refs` equals the holders: entries, rights in messages, requests that watch it from the kernel,
//   holds. P3: `srights` equals the naked send rights: entries with SEND, rights in messages, kernel holders.
//   P4: `sorights` equals the send-once rights, those registered for notifications included.
//   P5: `msgcount` is the queue's length plus the slots promised to woken senders.
//   P6: an active port's `receiver` holds RECEIVE under `receiver_name`, or it is in transit, or the
//   kernel's, or at home in a namespace. P7: a dead port has no queue, no waiters, no links, no requests.
// All cells belong to the port's lock. What every message changes is on the first line, what it reads on the
// second.
struct Port : Element {
  Cell<uint32_t> refs;
  Cell<uint32_t> state;     // PortState | PortFlags
  Cell<uint32_t> receiver;  // Space; 0: the kernel, or nobody. In transit: destination Port
  Cell<uint32_t> srights, sorights, mscount, seqno;
  Cell<uint32_t> msgcount;
  Cell<uint32_t> queue_head, queue_tail;        // Kmsg, by `link`
  Cell<uint32_t> receiver_head, receiver_tail;  // frames

  alignas(
      64) Cell<uint32_t> receiver_name;  // once dying: the pid of whose it was, which explains the dead names
  Cell<uint32_t> qlimit;
  Cell<uint32_t> sender_head, sender_tail;      // frames of blocked senders
  Cell<uint32_t> links;                         // Link: set memberships, in the order of joining
  Cell<uint32_t> armed;                         // send-possible requests that fire at the next receive
  Cell<uint32_t> kobject_type;                  // ports 12; 0: an ordinary port
  Cell<uint32_t> kobject;  // element of the object behind it; of an ordinary port: the first Service it has
  Cell<uint32_t> requests, requests_tail;       // Request: armed ones, then the others, oldest first
  Cell<uint32_t> request_count, request_slots;  // live now; slots of the table as reported (ports 7.15)
  Cell<uint32_t> no_senders, port_destroyed;    // Kmsg kept for the notification, its `local` the notify port
  Cell<uint64_t> context;

  Cell<uint64_t> identity;  // never repeats in a domain
  Cell<uint32_t> watch;     // Watch, if flagged

  uint32_t life() const { return state & 3; }
  bool active() const { return life() == kPortActive; }
  bool is(uint32_t flag) const { return (state & flag) != 0; }
};
static_assert(sizeof(Port) == 192);

//   Q1: every member has exactly one Link to the set; ready members are on the ring.
struct Pset : Element {
  Cell<uint32_t> refs;
  Cell<uint32_t> state;  // PortState
  Cell<uint32_t> space;  // holder
  Cell<uint32_t> name;
  Cell<uint32_t> members;                       // Link, by `set_next`
  Cell<uint32_t> ready_head, ready_tail;        // Link, by `ready_next`
  Cell<uint32_t> receiver_head, receiver_tail;  // frames
  Cell<uint32_t> count;
  Cell<uint32_t> watch;  // Watch, 0: none
  Cell<uint64_t> identity;

  bool active() const { return (state & 3) == kPortActive; }
};

// One membership. `port_*` belong to the port's lock, `set_*` and `ready*` to the set's; made and unmade
// under both.
struct Link : Element {
  Cell<uint32_t> port, pset;
  Cell<uint32_t> port_next, port_prev;
  Cell<uint32_t> set_next, set_prev;
  Cell<uint32_t> ready;  // on the ring
  Cell<uint32_t> ready_next, ready_prev;
  uint32_t pad;
};

// A port or set of which a kernel queue of its holder wants to hear: src/ipc/watch.hpp. One at the most for an
// object, for a receive right and a set are in one space only.
//   W1: a watch and its object name each other, or it has lost its object and names none. W2: every watch is in
//   its space's chain; those that have fired, and no others, on its ring. W3: nothing is queued where the watch
//   is armed.
// All belongs to the lock of the space's watch port. An object, its loss and the step from armed to fired also
// take the object's: so whoever has that lock knows whether the watch is armed.
struct Watch : Element {
  Cell<uint32_t> state;  // WatchState
  Cell<uint32_t> space;
  Cell<uint32_t> port, pset;  // one of them; neither: it moved or died
  Cell<uint32_t> name;        // what the space calls it
  Cell<uint32_t> users;       // knotes
  Cell<uint32_t> next, prev;
  Cell<uint32_t> fired_next, fired_prev;
};
enum WatchState : uint32_t {
  kWatchResting,  // was told, and nobody has found its object empty since
  kWatchArmed,    // fires with the next message
  kWatchEdge,     // the same, whatever is queued already
  kWatchFired,    // on the ring
};

// ------------------------------------------------------------------------------------------------------
// messages

enum KmsgKind : uint32_t {
  kKmsgMessage = 1,    // a message: in hand, queued, granted, or on a work list
  kKmsgReserved,       // kept by a Request for the message that it will send
  kKmsgNoSenders,      // registered on a port: `local` is the notify port, one send-once right
  kKmsgPortDestroyed,  // the same; on a work list it carries `remote`'s receive right
};

// The three rights that a header can carry besides the body's. PORT_NULL and PORT_DEAD travel as such.
inline constexpr uint32_t kRightNull = 0;
inline constexpr uint32_t kRightDead = 0xffffffff;

inline constexpr uint32_t kKmsgInline = 128;

struct Sender {
  Cell<uint32_t> uid, gid, ruid, rgid, pid, pid_version;
};

// A message. Requests keep one for the notification that they will send: that is why it never lacks memory.
//   M1: a message in a queue, a grant or a work list is in exactly one of them, or in one hold.
//   M2: descriptors in [converted_out, converted_in) carry rights in kernel form; the others are names as
//   copied.
// A queued message belongs to its port's lock, a kept one to the lock of the port watched; anything else is
// in hand. What every message needs comes first, so that a short one touches two lines; the cells of the
// others lie on the last.
struct Kmsg : Element {
  Cell<uint32_t> kind;  // KmsgKind
  Cell<uint32_t> bits;  // msgh_bits, dispositions as received
  Cell<uint32_t> size;  // header + body, without trailer
  Cell<int32_t> id;
  Cell<uint32_t> voucher;    // opaque
  Cell<uint32_t> remote;     // destination Port, one right of kind `bits & 0x1f`
  Cell<uint32_t> local;      // reply Port, or kRightNull, kRightDead; see KmsgKind for kept ones
  Cell<uint32_t> seqno;      // given when it leaves the queue
  Cell<uint32_t> flags;      // KmsgFlags
  Cell<uint32_t> body_head;  // first Data chunk of a body that exceeds `inline_body`, by `link`
  Sender sender;
  alignas(8) uint8_t inline_body[kKmsgInline];

  Cell<uint32_t> body_tail;  // last chunk
  Cell<uint32_t> descriptors;
  Cell<uint32_t> converted_in, converted_out;  // how many descriptors were taken in and given out
  Cell<uint32_t> array_in, array_out;          // the same inside the out-of-line port array at the edge
  Cell<uint32_t> edge_in, edge_out;            // body offsets of the descriptors at the two edges
  Cell<uint32_t> aux;                          // bytes of auxiliary data, behind the body's own
};
enum KmsgFlags : uint32_t {
  kKmsgFromKernel = 1,  // security token {0, 1}, audit token zero
  kKmsgCircular = 2,
  kKmsgGuarded = 4,      // carries guarded descriptors
  kKmsgHeaderTaken = 8,  // remote and local hold rights
  kKmsgExempt = 16,      // MACH_SEND_NOTIFY found room: may exceed the limit
  kKmsgDeferred = 32,    // on a work list to be sent, not destroyed
  kKmsgDestRight = 64,   // on a work list: its destination right was given up already
};
static_assert(sizeof(Kmsg) <= 256);

// A piece of a long body, of out-of-line memory or of an array of rights.
inline constexpr uint32_t kDataPayload = 4096 - sizeof(Element) - 16;
struct Data : Element {
  Cell<uint32_t> used;  // bytes
  uint32_t pad[3];
  alignas(8) uint8_t bytes[kDataPayload];
};
static_assert(sizeof(Data) == 4096);

// A dead-name or send-possible request: what a name's holder wants to be told (ports 8.3, 8.4). One entry
// names it, also after it has fired: the shell decides how many user references the dead name gets. All
// belongs to the port's lock.
//   R1: on the list of `port` exactly while the port has not fired it; live or delayed: `kmsg` and `notify`
//   are set. R2: the armed ones are first on that list.
enum RequestState : uint32_t {
  kRequestDeadName = 1,  // fires when the port dies
  kRequestArmed,         // send-possible: fires at the next receive, or when the port dies
  kRequestDelayed,       // send-possible, sync 0: armed by a MACH_SEND_NOTIFY that finds the queue full
  kRequestFired,         // send-possible that has fired: the name gets no extra reference when the port dies
  kRequestFiredDead,     // fired by the port's death: the dead name has one more reference
};
struct Request : Element {
  Cell<uint32_t> state;
  Cell<uint32_t> port, space, name;
  Cell<uint32_t> notify;  // Port, one send-once right
  Cell<uint32_t> kmsg;    // kept for the notification
  Cell<uint32_t> next, prev;
  Cell<uint32_t> orphan;  // the name is gone or dead: whoever fires it frees it
  uint32_t pad;

  bool live() const {
    return state == kRequestDeadName || state == kRequestArmed || state == kRequestDelayed;
  }
};

// ---------------------------------------------------------------------------------------------------------
// tasks

inline constexpr unsigned kSpecialPorts = 12;  // tasks 1.6
inline constexpr unsigned kRegisteredPorts = 3;
inline constexpr unsigned kExceptionTypes = 14;  // type 0 is none

// What is to be done with each type of exception (tasks 4.2), by type. Made when the first is set; the
// host's, with the domain. Belongs to the lock of its task, or of its thread's task; the host's to its own.
// One on a work list holds rights that were in another, to be released.
//   T3: an array has one owner: a task, a thread, the host or a work list. Each action counts one send right.
struct Actions : Element {
  struct Action {
    Cell<uint32_t> port;  // kRightNull: unset
    Cell<uint32_t> behavior;
    Cell<uint32_t> flavor;
  };
  Action of[kExceptionTypes];
};

enum TaskState : uint32_t { kTaskFree, kTaskEmbryo, kTaskLive, kTaskDying };

// All cells belong to the task's lock.
//   T1: special and registered ports each count one send right.
//   E1: `semaphores` counts the ports of semaphores that it owns.
struct Task : Element {
  Cell<uint32_t> state;  // TaskState
  Cell<uint32_t> space;
  Cell<uint32_t> port;       // the control port; receiver: the kernel
  Cell<uint32_t> name_port;  // TASK_NAME_PORT, made when asked for
  Cell<uint32_t> parent;     // Task index, for inheritance; 0: unknown
  Cell<uint32_t> threads;    // attached
  Cell<uint32_t> embryo_next;
  Cell<uint32_t> flags;                   // TaskFlags
  Cell<uint32_t> special[kSpecialPorts];  // Port with one send right each, 0: unset
  Cell<uint32_t> registered[kRegisteredPorts];
  Sender credentials;         // stamped into every message it sends
  Cell<uint64_t> start_time;  // of the process, from /proc
  Cell<uint64_t> nonce;       // an embryo is claimed with it
  Cell<uint64_t> joined_ns;   // CLOCK_MONOTONIC
  Hint<uint32_t> sleeping_pad;
  Cell<uint32_t> semaphores;  // that it owns
  Cell<uint32_t> job;         // Job whose process it was at birth, 0: none
  Cell<uint32_t> actions;     // Actions, 0: none was ever set
  char program[64];           // for people; written before the task is live
};
enum TaskFlags : uint32_t {
  kTaskExecing = 1,
  kTaskLeaving = 2,
  kTaskNoFaultHandler = 4,
  kTaskUnguarded = 8,          // neither of the memory guards …
  kTaskGuardedByMapping = 32,  // … or the one by mprotect; neither flag: by protection keys
};

// ------------------------------------------------------------------------------------------------- bootstrap

inline constexpr uint32_t kServiceNameMax = 128;
inline constexpr unsigned kServiceFanBits = 3, kServiceFan = 1 << kServiceFanBits;

// A name bound in one namespace. The owner's chain belongs to the lock of its Job or of the table of owners,
// the port's chain to its port's; all else to the lock of its Subset. What a look-up passes by reads the first
// line only.
struct alignas(64) Service : Element {
  Cell<uint64_t> hash;
  Cell<uint32_t> below[kServiceFan];  // subtrees, by the next bits of the hash
  Cell<uint32_t> subset;
  Cell<uint32_t> port;                // one send right held by the namespace
  Cell<uint32_t> port_next;           // next service of the same ordinary port
  Cell<uint32_t> owner;               // Task index …
  Cell<uint32_t> owner_pid;           // … and pid; 0 for a job's own
  Cell<uint32_t> job;                 // Job of the process that bound it, 0: none
  Cell<uint32_t> owner_next, owner_prev;
  Cell<uint32_t> flags;        // ServiceFlags
  char name[kServiceNameMax];  // written before the service is bound
};

inline constexpr unsigned kNameBuckets = 256;
// Which way down goes from a service that stands so many levels below its bucket.
constexpr unsigned service_branch(uint64_t hash, unsigned depth) {
  const unsigned shift = 8 + kServiceFanBits * depth;
  return shift < 64 ? static_cast<unsigned>(hash >> shift & (kServiceFan - 1)) : 0;
}
enum ServiceFlags : uint32_t {
  kServiceDeclared = 1,    // the job's own, and active unless its port is at home
  kServiceRegistered = 2,  // bound by register
  kServiceHides = 4,       // not to be found while at home (HideUntilCheckIn)
  kServiceResets = 8,      // its port dies with its holder and is made anew (ResetAtClose)
  kServicePerPid = 16,     // private to its process (PER_PID_SERVICE)
  kServiceDrainsOne = 32,  // a crash costs it a message, …
  kServiceDrainsAll = 64,  // … or all of them (DrainMessagesOnCrash)
};

inline constexpr unsigned kSubsetNameMax = 128;

// One namespace: the root or a subset.
struct Subset : Element {
  Cell<uint32_t> state;   // PortState
  Cell<uint32_t> port;    // its bootstrap port, receive right the kernel's
  Cell<uint32_t> parent;  // Subset, 0: the root
  Cell<uint32_t> depth;
  Cell<uint32_t> requestor;  // Port, one send right
  Cell<uint32_t> children, sibling;
  Cell<uint32_t> creator_pid;
  Cell<uint32_t> services;               // count
  Cell<uint32_t> buckets[kNameBuckets];  // trees of services
  char name[kSubsetNameMax];             // written before it is linked
};

inline constexpr unsigned kJobLabelMax = 256, kJobCommandMax = 512;

// A program that launchd runs, as an owner of services: src/bootstrap/job.hpp. Found by its state, as tasks
// are.
struct Job : Element {
  Cell<uint32_t> state;     // JobState
  Cell<uint32_t> flags;     // JobFlags
  Cell<uint32_t> subset;    // where its services are; 0: that fell
  Cell<uint32_t> services;  // first of its chain
  Cell<uint32_t> pid;       // 0: not running
  Cell<uint32_t> status;    // of the last run, as wait(2) has it
  Cell<uint32_t> runs;
  Cell<uint32_t> port;  // its server port, receive right the kernel's; 0: none
  Cell<uint32_t> uid;   // asked for by who made it
  uint32_t pad;
  Cell<uint64_t> process_start;  // of `pid`, from /proc
  Cell<uint64_t> started_ns;     // CLOCK_MONOTONIC; 0: never
  char label[kJobLabelMax];      // both written before it is live
  char command[kJobCommandMax];  // of a legacy server
};
enum JobState : uint32_t { kJobFree, kJobLive, kJobRemoving };
enum JobFlags : uint32_t {
  kJobKeepAlive = 1,  // not on demand: its idle services are inactive
  kJobServer = 2,     // made by create_server
  kJobCheckedIn = 4,  // its process has checked in since it was started
};

// ------------------------------------------------------------------------------------------------------
// sites

inline constexpr unsigned kSiteFrames = 24;

// A call stack, kept once a domain and never freed. Found by hash from header root kRootSites.
struct Site : Element {
  Cell<uint64_t> hash;
  Cell<uint32_t> next;
  Cell<uint32_t> depth;
  uint64_t frames[kSiteFrames];  // module << 48 | offset in it; written before the site is linked
};

// References that a name got at one site and still holds. Belongs to the space's lock.
struct Acquisition : Element {  // `link`: next older one of the same entry
  Cell<uint32_t> site;
  Cell<uint32_t> thread;  // tid
  Cell<uint32_t> count;
  Cell<uint32_t> acquired;    // ever, at this site by this thread under this name
  Cell<int32_t> message_id;   // of the message it came in, with …
  Cell<uint32_t> sender_pid;  // … its sender; 0: in no message
  Cell<uint64_t> when_ns;
};

// A loaded file that stacks point into.
struct Module : Element {
  Cell<uint32_t> next;
  uint32_t build_id_length;
  uint8_t build_id[24];
  char path[208];
};

// --------------------------------------------------------------------------------------------- well-known
// objects

enum Root : unsigned {
  kRootKernelTask = 0,  // reserved
  kRootHostPort,
  kRootHostPrivPort,
  kRootBootstrap,   // Subset
  kRootSites,       // Data chunk used as a hash table of Site
  kRootModules,     // first Module
  kRootModuleLock,  // unused element that lends its lock
  kRootOwners,      // Data chunk used as a hash table of Service, by the owner's pid
  kRootHostActions,
};

// What a frame waits for, or was granted and has not yet taken.
enum WaitState : uint32_t {
  kWaitNone,
  kWaitPort,      // on a port's list of receivers
  kWaitPset,      // on a set's
  kWaitSend,      // on a port's list of blocked senders
  kGrantMessage,  // `grant` is a Kmsg; `result` MACH_MSG_SUCCESS or MACH_RCV_TOO_LARGE
  kGrantSlot,     // a slot of the queue of port `object`, counted in its msgcount
  kGrantCode,     // nothing but `result`; for TOO_LARGE `grant` is the size needed
};

// What a thread may have in hand, and how recovery finishes it.
enum HoldKind : uint32_t {
  kHoldNone,
  kHoldKmsg,        // a message: destroyed
  kHoldPort,        // a reference on a port: dropped
  kHoldPortSettle,  // a reference on a port with requests to fire or sets to tell: finished, then dropped
  kHoldTask,        // a task that is being made: freed
  kHoldEmbryo,      // a task made for a child that has not claimed it: freed
  kHoldSendRight,   // a naked send right on a port: released
  kHoldReceive,     // a receive right taken out of a space: the port dies
  kHoldSendOnce,    // a naked send-once right: its port is told
  kHoldLast = kHoldSendOnce,
};

}  // namespace portolan::ipc

namespace portolan {
#define PORTOLAN_ZONE(Type, Id)             \
  template <>                               \
  struct ZoneOf<ipc::Type> {                \
    static constexpr unsigned id = ipc::Id; \
  }
PORTOLAN_ZONE(Task, kZoneTask);
PORTOLAN_ZONE(Space, kZoneSpace);
PORTOLAN_ZONE(Port, kZonePort);
PORTOLAN_ZONE(Pset, kZonePset);
PORTOLAN_ZONE(Link, kZoneLink);
PORTOLAN_ZONE(Kmsg, kZoneKmsg);
PORTOLAN_ZONE(Data, kZoneData);
PORTOLAN_ZONE(Service, kZoneService);
PORTOLAN_ZONE(Subset, kZoneSubset);
PORTOLAN_ZONE(Site, kZoneSite);
PORTOLAN_ZONE(Acquisition, kZoneAcquisition);
PORTOLAN_ZONE(Module, kZoneModule);
PORTOLAN_ZONE(Request, kZoneRequest);
PORTOLAN_ZONE(Job, kZoneJob);
PORTOLAN_ZONE(Watch, kZoneWatch);
PORTOLAN_ZONE(Actions, kZoneActions);
#undef PORTOLAN_ZONE
}  // namespace portolan
