// SPDX-License-Identifier: Apache-2.0
// The kernel as a whole: the geometry of its zones, the making of a segment, and what it does for recovery.
#pragma once

#include "ipc/objects.hpp"

namespace portolan::ipc {

// A domain of the usual size: tens of thousands of tasks' worth of address space, sparse.
Geometry default_geometry();
// Small enough that a copy of the whole is cheap: for unit tests and for the proof.
Geometry small_geometry();

class UserMemory;

// What the layers above do for this one: recovery, and the answers of kernel objects.
struct TaskHooks {
  bool (*reap_step)(Thread& self, uint32_t item) = nullptr;  // a Task, or a bootstrap object, on a work list
  void (*finish_hold)(Thread& self,
                      Hold& hold) = nullptr;  // kHoldTask, kHoldEmbryo, and what lies beyond kHoldLast
  void (*finish_thread)(Thread& self, ThreadSlot& victim) = nullptr;
  // A message to a kernel object, in the sender's hand: does what it asks for and sends the reply. What is
  // left in the message is destroyed afterwards. No lock is held; `user` is the sender's memory.
  void (*serve)(Thread& self, Handle<Kmsg> request, UserMemory& user) = nullptr;
};
struct Layers : UpperLayers {
  TaskHooks tasks;
};
// This kernel with what stands above it; hooked into a view of a segment, which then points to it.
Layers make_layers(const TaskHooks& tasks);
void install(Segment& segment, const Layers& layers);

// The objects that every domain has, made once in a freshly formatted segment by its first thread: the host
// ports. (The bootstrap namespace makes its own root.) KERN_SUCCESS or KERN_RESOURCE_SHORTAGE.
kern_return_t make_roots(Thread& self);

// At the end of a trap, when Thread::left_in_hand says so: destroys the naked rights that a failed call left
// in hand because there was no memory for telling somebody of their end. What cannot be destroyed now either
// is tried again at the end of the next trap; if the thread dies, recovery does it.
void put_away(Thread& self);

}  // namespace portolan::ipc
