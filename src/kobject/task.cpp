// SPDX-License-Identifier: Apache-2.0
// The task subsystem: ids from 3400 on (tasks 1.10). Ids that are missing have no call yet.
#include <mach/mig_errors.h>
#include <string.h>

#include "ipc/semaphore.hpp"
#include "kobject/exception_ports.hpp"
#include "kobject/tables.hpp"
#include "task/info.hpp"

namespace portolan::kobject {

namespace {

using ipc::kRegisteredPorts;
using ipc::kRightNull;

bool send_or_none(const RightInHand& in_hand) {
  return in_hand.right.port == kRightNull || in_hand.right.port == ipc::kRightDead ||
         in_hand.right.disposition == MACH_MSG_TYPE_PORT_SEND;
}

// The new rights and the old ones change places: what is in the request afterwards is released with it.
kern_return_t ports_register(Call& c) {
  RightInHand rights[kRegisteredPorts];
  for (uint32_t i = 0; i < kRegisteredPorts; i++) {
    rights[i] = c.right_in(i);
    if (!send_or_none(rights[i])) return MIG_TYPE_ERROR;
  }
  return transact(c.self(), Needs{}, [&](Txn& txn) -> int {
    Locked<Task> task = txn.lock(c.task());
    if (task->state != ipc::kTaskLive) return KERN_INVALID_ARGUMENT;
    for (uint32_t i = 0; i < kRegisteredPorts; i++) {
      txn.set(*rights[i].word, task->registered[i].get());
      txn.set(task->registered[i], rights[i].right.port);
    }
    return KERN_SUCCESS;
  });
}

kern_return_t ports_lookup(Call& c) {
  return transact(c.self(), kSpecialNeeds, [&](Txn& txn) -> int {
    Locked<Task> task = txn.lock(c.task());
    if (task->state != ipc::kTaskLive) return KERN_INVALID_ARGUMENT;
    for (unsigned i = 0; i < kRegisteredPorts; i++) c.put_right(txn, registered_copy(txn, task, i));
    return KERN_SUCCESS;
  });
}

kern_return_t terminate(Call& c) { return task_kill(c.segment(), c.task()); }

kern_return_t threads(Call& c) {
  vm::OutArray<mach_port_name_t> names;
  uint32_t count = 0;
  const kern_return_t code = task_thread_names(c.self(), c.task(), c.own_space(), names, count);
  if (code != KERN_SUCCESS) return code;
  c.move_rights(names.take(count), count);
  c.out(count);
  return KERN_SUCCESS;
}

kern_return_t info(Call& c) {
  integer_t words[kTaskInfoWords];
  mach_msg_type_number_t count = c.in(1);
  const kern_return_t code = task_describe(c.segment(), c.task(), c.in(0), words, count);
  if (code != KERN_SUCCESS) return code;
  c.out(count);
  memcpy(c.out_room(), words, count * sizeof words[0]);
  c.out_words(count);
  return KERN_SUCCESS;
}

kern_return_t set_info(Call&) { return KERN_INVALID_ARGUMENT; }

kern_return_t get_special_port(Call& c) {
  return transact(c.self(), kSpecialNeeds, [&](Txn& txn) -> int {
    Locked<Task> task = txn.lock(c.task());
    ipc::NakedRight right;
    const kern_return_t code = special_copy(txn, task, static_cast<int>(c.in(0)), right);
    if (code == KERN_SUCCESS) c.put_right(txn, right);
    return code;
  });
}

kern_return_t set_special_port(Call& c) {
  const RightInHand port = c.right_in(0);
  if (!send_or_none(port)) return MIG_TYPE_ERROR;
  return transact(c.self(), kSpecialNeeds, [&](Txn& txn) -> int {
    Locked<Task> task = txn.lock(c.task());
    ipc::NakedRight old;
    const kern_return_t code = special_store(txn, task, static_cast<int>(c.in(0)), port.right, old);
    if (code == KERN_SUCCESS) txn.set(*port.word, old.port);
    return code;
  });
}

kern_return_t semaphore_create(Call& c) {
  return transact(c.self(), ipc::kSemaphoreNeeds, [&](Txn& txn) -> int {
    ipc::NakedRight right;
    const kern_return_t code =
        ipc::semaphore_make(txn, c.task(), static_cast<int>(c.in(0)), static_cast<int>(c.in(1)), right);
    if (code == KERN_SUCCESS) c.put_right(txn, right);
    return code;
  });
}

// The right is the message's, and ends with it.
kern_return_t semaphore_destroy(Call& c) {
  return ipc::semaphore_end(c.self(), c.task(), c.right_in(0).right);
}

constexpr Routine kRoutines[] = {
    {3401, {}, {}, terminate},
    {3402, {}, {.memory = 1, .words = 1}, threads, Strength::inspect},
    {3403, {.rights = kRegisteredPorts}, {}, ports_register},
    {3404, {}, {.rights = kRegisteredPorts}, ports_lookup},
    {3405, {.words = 2}, {.words = 1, .more = kTaskInfoWords}, info, Strength::name},
    {3406, {.words = 2, .more = 94}, {}, set_info},
    {3409, {.words = 1}, {.rights = 1}, get_special_port, Strength::inspect},
    {3410, {.rights = 1, .words = 1}, {}, set_special_port},
    {3413, kActionRequest, {}, set_exception_ports},
    {3414, {.words = 1}, kActionList, get_exception_ports},
    {3415, kActionRequest, kActionList, swap_exception_ports},
    {3418, {.words = 2}, {.rights = 1}, semaphore_create},
    {3419, {.rights = 1}, {}, semaphore_destroy},
    {3460, {.words = 1}, kActionInfo, get_exception_ports_info, Strength::read},
};

}  // namespace

constinit const Subsystem kTask = {Object::task, KERN_INVALID_ARGUMENT, KERN_INVALID_ARGUMENT, kRoutines};

}  // namespace portolan::kobject
