// SPDX-License-Identifier: Apache-2.0
#include "storm/server.hpp"

namespace portolan::storm {

void Server::run() {
  mach_port_t from = self_.service;
  if (pick(2) == 0) {
    from = allocate(MACH_PORT_RIGHT_PORT_SET);
    self_.holdings[from] = MACH_PORT_TYPE_PORT_SET;
    Doing doing(self_, thread_, "mach_port_insert_member");
    expect(calls_.mach_port_insert_member(calls_.task, self_.service, from), "mach_port_insert_member");
  }
  for (;;) {
    const bool last = self_.ledger.stage == kLeave;
    Buffer buffer;
    const mach_msg_return_t code = receive(buffer, from, MACH_RCV_TIMEOUT, 200, "mach_msg, serving");
    if (expect(code, "mach_msg, serving", {MACH_RCV_TIMED_OUT})) {
      serve(buffer);
      continue;
    }
    self_.here().idles++;
    if (!last) continue;
    drop_link();
    count_holdings();
    return;
  }
}

void Server::serve(Buffer& buffer) {
  switch (buffer.header.msgh_id) {
    case kPlain:
      take(buffer.plain.note);
      return;
    case kRequest:
      take(buffer.plain.note);
      return answer(buffer);
    case kToken:
      take(buffer.port.note);
      return take_token(buffer.port);
    case kArray:
      take(buffer.array.note);
      return take_array(buffer.array);
    case kBox:
      take(buffer.port.note);
      return take_box(buffer.port);
    case kMemory:
      take(buffer.memory.note);
      return take_memory(buffer.memory);
    case kSignals:
      take(buffer.port.note);
      return take_signals(buffer.port);
    default:
      strange(self_.ledger.spoiled, "of no known kind", buffer.plain.note);
  }
}

void Server::take(const Note& note) {
  received(note);
  in_order(note);
}

// Messages of one sender come in the order in which they were sent, none left out and none twice.
void Server::in_order(const Note& note) {
  uint32_t& latest = latest_[note.from];
  if (note.counter <= latest) return strange(self_.ledger.repeats, "again", note);
  if (note.counter > latest + 1)
    strange(self_.ledger.gaps, "before others of its sender", note, note.counter - latest - 1);
  latest = note.counter;
}

// Nothing is under way: a name for each thing that this process knows of, with one reference, and no other.
void Server::count_holdings() {
  Doing doing(self_, thread_, "mach_port_names");
  mach_port_name_array_t names = nullptr;
  mach_port_type_array_t types = nullptr;
  mach_msg_type_number_t n = 0, same = 0;
  if (!expect(calls_.mach_port_names(calls_.task, &names, &n, &types, &same), "mach_port_names")) return;
  std::map<mach_port_t, mach_port_type_t> missing = self_.holdings;
  for (mach_msg_type_number_t i = 0; i < n; i++) {
    const auto known = missing.find(names[i]);
    if (known != missing.end() && known->second == (types[i] & MACH_PORT_TYPE_ALL_RIGHTS)) {
      missing.erase(known);
      continue;
    }
    self_.ledger.astray++;
    note_odd(self_.ledger, "a right that nobody has a reason to hold, of type",
             static_cast<int32_t>(types[i]));
  }
  for (const auto& [name, type] : missing) {
    self_.ledger.astray++;
    note_odd(self_.ledger, "a right that is missing, of type", static_cast<int32_t>(type));
  }
  free_memory(names, n * sizeof *names);
  free_memory(types, same * sizeof *types);
}

void Server::free_memory(const void* address, size_t size) {
  if (size == 0) return;
  Doing doing(self_, thread_, "vm_deallocate");
  expect(calls_.vm_deallocate(calls_.task, reinterpret_cast<vm_address_t>(address), size), "vm_deallocate");
}

}  // namespace portolan::storm
