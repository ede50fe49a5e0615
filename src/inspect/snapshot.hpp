// SPDX-License-Identifier: Apache-2.0
// A segment as plain data. snapshot() reads without locks and delays nobody: what changes under its eyes is
// read again a few times and then taken as it is, so that each name is right by itself, while two names may
// be a moment apart. Nothing that is read is believed before it was checked: damage yields odd figures, never
// a crash.
//
// Everything below this file works on Snapshots alone: whether they came from a living domain, from a copied
// segment or from the corpse of a task makes no difference.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "segment/guard_kind.hpp"

namespace portolan {
class Segment;
}

namespace portolan::inspect {

// References that a name got at one site in one thread.
struct Acquired {
  uint32_t site = 0;  // 0: not recorded
  uint32_t thread = 0;
  uint32_t count = 0;     // still held
  uint32_t acquired = 0;  // ever, while this name lived
  int32_t message_id = 0;
  uint32_t sender_pid = 0;  // 0: in no message
  uint64_t when_ns = 0;     // the latest
};

// The kind of a bootstrap namespace's port (bootstrap/namespace.hpp), which Darwin has no number for.
inline constexpr uint32_t kKobjectBootstrap = 0x80;

enum Requests : uint32_t { kDeadNameRequest = 1, kSendPossibleRequest = 2 };

struct NameInfo {
  uint32_t name = 0;
  uint32_t type = 0;   // MACH_PORT_TYPE_* of rights
  uint32_t urefs = 0;  // of a send right or a dead name; 1 for send-once, 0 for what has none
  uint64_t port = 0;   // identity of port or set; 0: a dead name
  uint32_t requests = 0;
  uint32_t was_kobject = 0;  // dead names: what it was, where known …
  uint32_t was_pid = 0;      // … and whose (24 bits)
  uint64_t died_ns = 0;      // … and when; 0: unknown
  std::vector<Acquired> acquired;

  bool has(uint32_t bits) const { return (type & bits) != 0; }
};

struct PortInfo {
  uint64_t identity = 0;
  uint32_t index = 0;  // its element
  bool is_set = false;
  bool active = false;
  bool in_transit = false;
  uint32_t receiver_task = 0;  // index in Snapshot::tasks' `index`; 0: the kernel, a message, nobody
  uint32_t receiver_name = 0;
  uint32_t kobject = 0;      // kind of kernel object, 0: an ordinary port
  uint32_t kobject_pid = 0;  // the task behind a task or thread port
  uint32_t kobject_tid = 0;
  uint32_t flags = 0;  // ipc::PortFlags
  uint32_t srights = 0, sorights = 0, mscount = 0, seqno = 0;
  uint32_t messages = 0, limit = 0;
  bool no_senders = false, port_destroyed = false;
  bool waiting = false;  // somebody waits to receive
  uint64_t context = 0;
  std::vector<uint64_t> members;  // of a set
  std::string service;            // name in the bootstrap namespace
  uint32_t kernel_sends = 0;      // send rights held by namespace, special, registered and exception ports
};

struct TaskInfo {
  uint32_t index = 0;
  uint32_t pid = 0;
  uint32_t uid = 0;
  std::string program;
  bool dead = false;  // dying or gone
  Guard guard = Guard::keys;
  uint32_t slots = 0;  // of its table
  uint32_t limit = 0;
  uint32_t peak = 0;
  uint64_t joined_ns = 0;
  std::vector<uint32_t> threads;
  std::vector<NameInfo> names;  // by index of the table
};

struct SiteInfo {
  bool cut = false;
  uint64_t acquired = 0;         // references ever acquired here, by all tasks; 0: not counted
  std::vector<uint64_t> frames;  // module << 48 | return address in its file; [0]: the library call
};

struct ModuleInfo {
  std::string path;
  std::string build_id;  // in hexadecimal
};

struct Snapshot {
  std::string boot;
  uint64_t taken_ns = 0;  // CLOCK_MONOTONIC
  uint32_t flags = 0;     // DomainFlag
  uint32_t layout = 0;
  uint32_t launchd_pid = 0;
  uint32_t quarantined = 0, recovered = 0;
  bool lost = false;
  uint64_t messages = 0;  // in queues
  uint64_t ports_live = 0;
  std::vector<TaskInfo> tasks;
  std::unordered_map<uint64_t, PortInfo> ports;  // by identity; sets too
  std::map<uint32_t, SiteInfo> sites;
  std::map<uint32_t, ModuleInfo> modules;

  const TaskInfo* task(uint32_t index) const;
  const TaskInfo* task_of_pid(uint32_t pid) const;
  const PortInfo* port(uint64_t identity) const;
};

struct Wanted {
  bool stacks = true;      // sites, modules and acquisitions
  uint32_t only_task = 0;  // names of this task only, and of the others those that share a port with it
};

Snapshot snapshot(const Segment& segment, const Wanted& wanted = {});

}  // namespace portolan::inspect
