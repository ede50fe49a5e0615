// SPDX-License-Identifier: Apache-2.0
// Tasks and threads: made, ended, and their special ports. Behaviour: docs/rules/tasks.md 1.
//
// Locks: the task's, then a space's, then a port's. Functions that take a Thread& open transactions of their
// own and may be called with none open; what dies half-way is finished by recovery from a hold, a work list,
// or the task's state:
//
//   free -> embryo -> live      made by a parent for a child that claims it
//   free -> live                a process that joins by itself
//   live -> dying -> free       terminated: on somebody's work list from `dying` on
//
// Who may call: traps and launchd, for any task. The acting thread need not belong to the task.
#pragma once

#include "ipc/objects.hpp"
#include "ipc/right.hpp"
#include "ipc/space.hpp"

namespace portolan {

// What Linux says about a process; read by the layer above, outside transactions.
struct ProcessFacts {
  uint32_t pid = 0;
  uint32_t uid = 0, gid = 0, ruid = 0, rgid = 0;
  uint64_t start_time = 0;  // clock ticks since boot, /proc/PID/stat field 22
  char program[64] = {};
};

// Where a task's special and registered ports come from: an embryo that is claimed, else a parent, else
// nowhere.
struct Inheritance {
  Handle<ipc::Task> embryo;
  uint64_t nonce = 0;
  Target<ipc::Task> parent;
};

// -- birth (birth.cpp)

// A live task for a process, with a space and a control port. An embryo that is not there, or has another
// nonce, is passed over for the parent. KERN_SUCCESS or KERN_RESOURCE_SHORTAGE.
kern_return_t task_create(Thread& self, const ProcessFacts& facts, const Inheritance& from,
                          Handle<ipc::Task>& task);

// A task for a child that has yet to claim it: holds copies of what `parent` hands on. `child_pid` 0: unknown
// yet; then it lasts kEmbryoPatience at the most. KERN_SUCCESS or KERN_RESOURCE_SHORTAGE.
kern_return_t embryo_make(Thread& self, Handle<ipc::Task> parent, uint64_t nonce, uint32_t child_pid,
                          Handle<ipc::Task>& embryo);
void embryo_set_pid(Thread& self, Handle<ipc::Task> embryo, uint64_t nonce, uint32_t child_pid);
// Frees it unless it was claimed. `nonce` 0: whichever it is.
void embryo_free(Thread& self, Handle<ipc::Task> embryo, uint64_t nonce);
inline constexpr uint64_t kEmbryoPatience = 10'000'000'000;

// The live task of a process; empty: there is none. Linear in the number of tasks.
Target<ipc::Task> task_of_pid(const Segment& segment, uint32_t pid);

// -- threads (thread_port.cpp)

// The calling thread belongs to this task from here on. False: the task is ending.
bool task_thread_attach(Thread& self, Handle<ipc::Task> task);
// The calling thread leaves its task, before Thread::detach.
inline void task_thread_gone(Thread& self, ThreadSlot& victim);
// UpperLayers::finish_thread: the thread's port dies, its task has one thread fewer. Repeatable.
void task_finish_thread(Thread& self, ThreadSlot& victim);
// The thread's port, made at the first call; kobject type 1, object: the slot. Empty: no memory.
Handle<ipc::Port> thread_port(Thread& self, uint32_t slot_index);

// -- death (death.cpp). Who decides that a task is over: reaper.hpp

// The task ends: its space dies, its special ports are released, its control port dies last. Returns once it
// is on the caller's work list; settle() does the rest. Nothing happens to a task that is not live.
void task_terminate(Thread& self, Ref<ipc::Task> task);
inline void task_terminate(Thread& self, Handle<ipc::Task> task) {
  task_terminate(self, self.segment().ref_of(self.segment().at(task)));
}
// One bounded step of a dying task at the head of the work list. False: cannot go on now.
bool task_reap_step(Thread& self, Handle<ipc::Task> task);

// Sets or clears TaskFlags. kTaskExecing: the program is about to be replaced, so that once its threads are
// dead the task is over.
void task_flag(Thread& self, Handle<ipc::Task> task, uint32_t flags, bool on);
// Besides ipc::TaskFlags: a sandboxed task, which leaves starting launchd to others.
inline constexpr uint32_t kTaskRestricted = 16;
// Whatever else is a task of this pid belongs to an earlier image, or to an earlier process: its threads are
// dead.
void task_bury_previous(Thread& self, uint32_t pid);
// All threads of a task whose process is known to be gone are dead, whatever their life words say.
void task_threads_dead(Thread& self, Ref<ipc::Task> task);

// -- ports of a task (special.cpp). The codes are those of docs/rules/tasks.md 1.6 and 1.7; names go to the
// space `to`.

kern_return_t task_get_special_port(Thread& self, Target<ipc::Task> task, int which, Handle<ipc::Space> to,
                                    mach_port_name_t& name);
// `from` holds a send right called `name`, which is copied; null takes the port away.
kern_return_t task_set_special_port(Thread& self, Target<ipc::Task> task, int which, Handle<ipc::Space> from,
                                    mach_port_name_t name);
kern_return_t task_ports_register(Thread& self, Target<ipc::Task> task, Handle<ipc::Space> from,
                                  const mach_port_name_t* names, unsigned count);
// Always ipc::kRegisteredPorts names.
kern_return_t task_ports_lookup(Thread& self, Target<ipc::Task> task, Handle<ipc::Space> to,
                                mach_port_name_t* names);

// The same with naked rights instead of names, inside the transaction of who has or wants them (kernel
// messages, the bootstrap layer). Taking copies a send right; what is stored is consumed on success, and
// `old` is the caller's then. Needs: kSpecialNeeds.
kern_return_t special_copy(Txn& txn, Locked<ipc::Task>& task, int which, ipc::NakedRight& right);
kern_return_t special_store(Txn& txn, Locked<ipc::Task>& task, int which, ipc::NakedRight right,
                            ipc::NakedRight& old);
ipc::NakedRight registered_copy(Txn& txn, Locked<ipc::Task>& task, unsigned slot);
inline constexpr Needs kSpecialNeeds = Needs{}.with<ipc::Port>(1);

// -- oneself (self.cpp): a new user reference on the same name each time. MACH_PORT_NULL on any failure.

mach_port_name_t task_self(Thread& self, Handle<ipc::Task> task, Handle<ipc::Space> to);
mach_port_name_t thread_self(Thread& self, Handle<ipc::Space> to);
mach_port_name_t host_self(Thread& self, Handle<ipc::Task> task, Handle<ipc::Space> to);
// A send right to any port of the kernel, for a space. KERN_SUCCESS, KERN_NO_SPACE, KERN_RESOURCE_SHORTAGE,
// KERN_INVALID_TASK; KERN_INVALID_CAPABILITY with MACH_PORT_DEAD when the port is dying.
kern_return_t kernel_port_copyout(Thread& self, Ref<ipc::Port> port, Handle<ipc::Space> to,
                                  mach_port_name_t& name);

// -- what a name stands for (convert.cpp)

enum class Strength : uint8_t { control, read, inspect, name };
// Is a port of this type a task's, and at least as strong as asked (tasks 1.3)?
bool task_port_is(uint32_t kobject_type, Strength least);

// The task whose port `name` denotes in `space`, at least as strong as asked. Empty: none, or it is ending.
Target<ipc::Task> task_of_name(Thread& self, Handle<ipc::Space> space, ipc::Name name, Strength least);
// The space of a task; empty when the task is ending, or gone.
Target<ipc::Space> space_of_task(Thread& self, Target<ipc::Task> task);
// The thread slot whose port `name` denotes; 0: none.
uint32_t thread_of_name(Thread& self, Handle<ipc::Space> space, ipc::Name name);
// The name under which `space` holds a send right to a port, without a new reference; null: none.
mach_port_name_t name_of_port(Thread& self, Handle<ipc::Space> space, Handle<ipc::Port> port);

inline void task_thread_gone(Thread& self, ThreadSlot& victim) { task_finish_thread(self, victim); }

}  // namespace portolan
