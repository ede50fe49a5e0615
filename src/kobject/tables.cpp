// SPDX-License-Identifier: Apache-2.0
#include "kobject/tables.hpp"

#include <algorithm>

#include "task/task.hpp"

namespace portolan::kobject {

namespace {

using ipc::NameInfo;

// Reads a whole table, a few entries at a time; `each` gets every entry with its index. The table may grow
// meanwhile: what lies beyond `room` is left out, as if it had come after.
template <class Each>
kern_return_t read_table(Thread& self, Target<Space> space, uint32_t room, bool notice_deaths, Each&& each) {
  NameInfo batch[16];
  for (uint32_t first = 0; first < room;) {
    uint32_t filled = 0, size = 0;
    const kern_return_t code = ipc::space_scan(
        self, space, first, batch, std::min<uint32_t>(16, room - first), filled, size, notice_deaths);
    if (code != KERN_SUCCESS) return code;
    if (filled == 0) return KERN_SUCCESS;
    for (uint32_t i = 0; i < filled; i++) each(first + i, batch[i]);
    first += filled;
  }
  return KERN_SUCCESS;
}

}  // namespace

kern_return_t space_names(Thread& self, Target<Space> space, vm::OutArray<mach_port_name_t>& names,
                          vm::OutArray<mach_port_type_t>& types, uint32_t& count) {
  ipc_info_space_basic_t basic;
  const kern_return_t code = ipc::space_basic_info(self, space, basic);
  if (code != KERN_SUCCESS) return code;
  if (!names.make_room(basic.iisb_table_size) || !types.make_room(basic.iisb_table_size))
    return KERN_RESOURCE_SHORTAGE;
  count = 0;
  return read_table(self, space, basic.iisb_table_size, true, [&](uint32_t, const NameInfo& info) {
    if (info.type == 0) return;
    names[count] = info.name.value;
    types[count++] = info.type;
  });
}

kern_return_t space_table(Thread& self, Target<Space> space, vm::OutArray<ipc_info_name_t>& table,
                          ipc_info_space_t& summary) {
  ipc_info_space_basic_t basic;
  const kern_return_t code = ipc::space_basic_info(self, space, basic);
  if (code != KERN_SUCCESS) return code;
  if (!table.make_room(basic.iisb_table_size)) return KERN_RESOURCE_SHORTAGE;
  summary = {};
  summary.iis_genno_mask = 0xff;
  summary.iis_table_size = basic.iisb_table_size;
  return read_table(self, space, basic.iisb_table_size, false, [&](uint32_t index, const NameInfo& entry) {
    ipc_info_name_t& out = table[index];
    out = {};
    out.iin_name = entry.name.value;
    out.iin_type = entry.type;
    out.iin_urefs = entry.urefs;
    out.iin_object = entry.object;
    out.iin_next = entry.request != 0 ? entry.request : entry.next;
  });
}

kern_return_t set_members(Thread& self, Target<Space> space, Name set,
                          vm::OutArray<mach_port_name_t>& members, uint32_t& count) {
  uint32_t room = 0;
  count = 0;
  kern_return_t code = ipc::set_scan(self, space, set, nullptr, 0, room);
  while (code == KERN_SUCCESS && room != 0) {
    if (!members.make_room(room)) return KERN_RESOURCE_SHORTAGE;
    code = ipc::set_scan(self, space, set, members.begin(), room, count);
    if (count <= room) break;
    room = count;  // it grew meanwhile
  }
  if (code == KERN_SUCCESS) std::sort(members.begin(), members.begin() + count);
  return code;
}

kern_return_t task_thread_names(Thread& self, Target<ipc::Task> task, Handle<Space> to,
                                vm::OutArray<mach_port_name_t>& names, uint32_t& count) {
  Segment& segment = self.segment();
  count = 0;
  if (segment.at(task.handle).state != ipc::kTaskLive) return KERN_FAILURE;
  const uint32_t room = segment.at(task.handle).threads + 8;  // some may come meanwhile
  if (!names.make_room(room)) return KERN_RESOURCE_SHORTAGE;
  kern_return_t code = KERN_SUCCESS;
  for (uint32_t i = 1; i < segment.threads_high() && count < room && code == KERN_SUCCESS;
       i++) {
    const ThreadSlot& slot = segment.slot(i);
    if (slot.task != task.handle.index || slot.state.load() != kSlotLive || segment.is_dead(i)) continue;
    const Handle<ipc::Port> port = thread_port(self, i);
    if (segment.is_gone(task)) code = KERN_FAILURE;  // then this may be another task's thread
    if (!port || code != KERN_SUCCESS) continue;
    mach_port_name_t name = MACH_PORT_NULL;
    code = kernel_port_copyout(self, segment.ref_of(segment.at(port)), to, name);
    if (code == KERN_SUCCESS && name != MACH_PORT_DEAD) names[count++] = name;
    if (code == KERN_INVALID_CAPABILITY) code = KERN_SUCCESS;  // it has just ended
  }
  if (code == KERN_SUCCESS) return code;
  while (count != 0) ipc::port_deallocate(self, to, Name{names[--count]});
  return code;
}

}  // namespace portolan::kobject
