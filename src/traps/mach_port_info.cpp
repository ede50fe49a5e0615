// SPDX-License-Identifier: Apache-2.0
// The mach_port calls that look and that set attributes. Results that are arrays come in memory of their own,
// which the caller gives back with vm_deallocate.
#include <mach/mach_port.h>

#include "kobject/tables.hpp"
#include "traps/port_call.hpp"

using portolan::NoTask;
using portolan::PortCall;
using portolan::Strength;
using portolan::ipc::Name;
using portolan::vm::OutArray;
namespace ipc = portolan::ipc;
namespace kobject = portolan::kobject;

namespace {

// The kind of object behind a name. Its address is nobody's business: 0 (ports 7.22).
kern_return_t store_kobject(PortCall& call, mach_port_name_t name, natural_t* type) {
  if (call.code() != KERN_SUCCESS) return call.code();
  natural_t kind = 0;
  return call.store(ipc::port_kobject(call.thread(), call.space(), Name{name}, kind), type, kind);
}

}  // namespace

extern "C" {

kern_return_t mach_port_names(ipc_space_t task, mach_port_name_array_t* names,
                              mach_msg_type_number_t* names_count, mach_port_type_array_t* types,
                              mach_msg_type_number_t* types_count) {
  PortCall call(task);
  if (call.code() != KERN_SUCCESS) return call.code();
  OutArray<mach_port_name_t> name_list;
  OutArray<mach_port_type_t> type_list;
  uint32_t used = 0;
  kern_return_t code = kobject::space_names(call.thread(), call.space(), name_list, type_list, used);
  if (code != KERN_SUCCESS) return code;
  code = call.store(KERN_SUCCESS, names_count, used);
  code = call.store(code, types_count, used);
  code = call.store(code, names, name_list.take(used));
  return call.store(code, types, type_list.take(used));
}

kern_return_t mach_port_space_info(ipc_space_read_t task, ipc_info_space_t* info,
                                   ipc_info_name_array_t* table, mach_msg_type_number_t* table_count,
                                   ipc_info_tree_name_array_t* tree, mach_msg_type_number_t* tree_count) {
  PortCall call(task, NoTask::invalid_argument, Strength::read);
  if (call.code() != KERN_SUCCESS) return call.code();
  OutArray<ipc_info_name_t> list;
  ipc_info_space_t summary;
  kern_return_t code = kobject::space_table(call.thread(), call.space(), list, summary);
  if (code != KERN_SUCCESS) return code;
  const ipc_info_tree_name_array_t no_tree = nullptr;
  const mach_msg_type_number_t none = 0;
  code = call.store(KERN_SUCCESS, info, summary);
  code = call.store(code, table_count, summary.iis_table_size);
  if (code == KERN_SUCCESS && tree != nullptr) code = call.store(code, tree, no_tree);
  if (code == KERN_SUCCESS && tree_count != nullptr) code = call.store(code, tree_count, none);
  return call.store(code, table, list.take(summary.iis_table_size));
}

kern_return_t mach_port_space_basic_info(ipc_space_inspect_t task, ipc_info_space_basic_t* info) {
  PortCall call(task, NoTask::invalid_task, Strength::inspect);
  if (call.code() != KERN_SUCCESS) return call.code();
  ipc_info_space_basic_t basic;
  return call.store(ipc::space_basic_info(call.thread(), call.space(), basic), info, basic);
}

kern_return_t mach_port_type(ipc_space_t task, mach_port_name_t name, mach_port_type_t* type) {
  PortCall call(task);
  if (call.code() != KERN_SUCCESS) return call.code();
  mach_port_type_t found = 0;
  return call.store(ipc::port_type(call.thread(), call.space(), Name{name}, found), type, found);
}

kern_return_t mach_port_get_refs(ipc_space_t task, mach_port_name_t name, mach_port_right_t right,
                                 mach_port_urefs_t* refs) {
  PortCall call(task);
  if (call.code() != KERN_SUCCESS) return call.code();
  mach_port_urefs_t found = 0;
  return call.store(ipc::port_get_refs(call.thread(), call.space(), Name{name}, right, found), refs, found);
}

kern_return_t mach_port_kobject(ipc_space_read_t task, mach_port_name_t name, natural_t* type,
                                mach_vm_address_t* address) {
  PortCall call(task, NoTask::invalid_argument, Strength::read);
  const kern_return_t code = store_kobject(call, name, type);
  return call.store(code, address, mach_vm_address_t{0});
}

kern_return_t mach_port_kobject_description(ipc_space_read_t task, mach_port_name_t name, natural_t* type,
                                            mach_vm_address_t* address, kobject_description_t description) {
  PortCall call(task, NoTask::invalid_argument, Strength::read);
  kern_return_t code = store_kobject(call, name, type);
  code = call.store(code, address, mach_vm_address_t{0});
  return call.store(code, description, '\0');  // none of the kinds that there are has one (ports 7.22)
}

kern_return_t mach_port_kernel_object(ipc_space_read_t task, mach_port_name_t name, unsigned int* type,
                                      unsigned int* address) {
  PortCall call(task, NoTask::invalid_argument, Strength::read);
  const kern_return_t code = store_kobject(call, name, type);
  return call.store(code, address, 0u);
}

kern_return_t mach_port_get_srights(ipc_space_t task, mach_port_name_t name, mach_port_rights_t* srights) {
  PortCall call(task);
  if (call.code() != KERN_SUCCESS) return call.code();
  mach_port_rights_t found = 0;
  return call.store(ipc::port_get_srights(call.thread(), call.space(), Name{name}, found), srights, found);
}

kern_return_t mach_port_dnrequest_info(ipc_space_t task, mach_port_name_t name, unsigned int* total,
                                       unsigned int* used) {
  PortCall call(task);
  if (call.code() != KERN_SUCCESS) return call.code();
  unsigned int slots = 0, live = 0;
  kern_return_t code = ipc::port_dnrequest_info(call.thread(), call.space(), Name{name}, slots, live);
  code = call.store(code, total, slots);
  return call.store(code, used, live);
}

kern_return_t mach_port_get_set_status(ipc_space_read_t task, mach_port_name_t name,
                                       mach_port_name_array_t* members, mach_msg_type_number_t* count) {
  PortCall call(task, NoTask::invalid_argument, Strength::read);
  if (call.code() != KERN_SUCCESS) return call.code();
  OutArray<mach_port_name_t> list;
  uint32_t found = 0;
  kern_return_t code = kobject::set_members(call.thread(), call.space(), Name{name}, list, found);
  if (code != KERN_SUCCESS) return code;
  code = call.store(KERN_SUCCESS, count, found);
  return call.store(code, members, found == 0 ? nullptr : list.take(found));
}

kern_return_t mach_port_peek(ipc_space_t task, mach_port_name_t name, mach_msg_trailer_type_t trailer_type,
                             mach_port_seqno_t* seqno, mach_msg_size_t* size, mach_msg_id_t* id,
                             mach_msg_trailer_info_t trailer_info, mach_msg_type_number_t* trailer_count) {
  PortCall call(task);
  if (call.code() != KERN_SUCCESS) return call.code();
  mach_msg_type_number_t room = 0;
  mach_port_seqno_t from = 0;
  if (!call.load(room, trailer_count) || !call.load(from, seqno)) return KERN_INVALID_ADDRESS;
  ipc::Peeked peeked;
  mach_msg_audit_trailer_t trailer;
  kern_return_t code = ipc::port_peek_trailer(call.thread(), call.space(), Name{name}, trailer_type, from,
                                              peeked, trailer, room);
  code = call.store(code, seqno, peeked.seqno);
  code = call.store(code, size, peeked.size);
  code = call.store(code, id, peeked.id);
  code = call.store(code, trailer_count, room);
  if (code != KERN_SUCCESS) return code;
  const bool copied = call.memory().copy_out(reinterpret_cast<uint64_t>(trailer_info), &trailer, room);
  return copied ? KERN_SUCCESS : KERN_INVALID_ADDRESS;
}

kern_return_t mach_port_set_mscount(ipc_space_t task, mach_port_name_t name, mach_port_mscount_t mscount) {
  PortCall call(task);
  if (call.code() != KERN_SUCCESS) return call.code();
  return ipc::port_set_mscount(call.thread(), call.space(), Name{name}, mscount);
}

kern_return_t mach_port_set_seqno(ipc_space_t task, mach_port_name_t name, mach_port_seqno_t seqno) {
  PortCall call(task);
  if (call.code() != KERN_SUCCESS) return call.code();
  return ipc::port_set_seqno(call.thread(), call.space(), Name{name}, seqno);
}

kern_return_t mach_port_get_attributes(ipc_space_read_t task, mach_port_name_t name,
                                       mach_port_flavor_t flavor, mach_port_info_t info,
                                       mach_msg_type_number_t* count) {
  PortCall call(task, NoTask::invalid_argument, Strength::read);
  if (call.code() != KERN_SUCCESS) return call.code();
  mach_msg_type_number_t words = 0;
  if (!call.load(words, count)) return KERN_INVALID_ADDRESS;
  integer_t found[MACH_PORT_INFO_EXT_COUNT] = {};
  kern_return_t code =
      ipc::port_get_attributes(call.thread(), call.space(), Name{name}, flavor, found, words);
  code = call.store(code, count, words);
  if (code != KERN_SUCCESS) return code;
  const size_t bytes = words * sizeof(integer_t);
  return call.memory().copy_out(reinterpret_cast<uint64_t>(info), found, bytes) ? KERN_SUCCESS
                                                                                : KERN_INVALID_ADDRESS;
}

kern_return_t mach_port_set_attributes(ipc_space_t task, mach_port_name_t name, mach_port_flavor_t flavor,
                                       mach_port_info_t info, mach_msg_type_number_t count) {
  PortCall call(task);
  if (call.code() != KERN_SUCCESS) return call.code();
  integer_t words[1] = {};
  if (count >= 1 && info != nullptr && !call.load(words[0], info)) return KERN_INVALID_ADDRESS;
  return ipc::port_set_attributes(call.thread(), call.space(), Name{name}, flavor, words, count);
}

kern_return_t mach_port_assert_attributes(ipc_space_t task, mach_port_name_t name, mach_port_flavor_t flavor,
                                          mach_port_info_t info, mach_msg_type_number_t count) {
  PortCall call(task);
  if (call.code() != KERN_SUCCESS) return call.code();
  uint64_t guard = 0;
  if (count >= MACH_PORT_GUARD_INFO_COUNT && info != nullptr && !call.load(guard, info))
    return KERN_INVALID_ADDRESS;
  return ipc::port_assert_attributes(call.thread(), call.space(), Name{name}, flavor, guard, count);
}

kern_return_t mach_port_get_context(ipc_space_read_t task, mach_port_name_t name,
                                    mach_port_context_t* context) {
  PortCall call(task, NoTask::invalid_argument, Strength::read);
  if (call.code() != KERN_SUCCESS) return call.code();
  uint64_t found = 0;
  const kern_return_t code = ipc::port_get_context(call.thread(), call.space(), Name{name}, found);
  return call.store(code, context, static_cast<mach_port_context_t>(found));
}

kern_return_t mach_port_set_context(ipc_space_t task, mach_port_name_t name, mach_port_context_t context) {
  PortCall call(task);
  if (call.code() != KERN_SUCCESS) return call.code();
  return ipc::port_set_context(call.thread(), call.space(), Name{name}, context);
}

kern_return_t mach_port_guard(ipc_space_t task, mach_port_name_t name, mach_port_context_t guard,
                              boolean_t strict) {
  return mach_port_guard_with_flags(task, name, guard, strict ? MPG_STRICT : 0);
}

kern_return_t mach_port_guard_with_flags(ipc_space_t task, mach_port_name_t name, mach_port_context_t guard,
                                         uint64_t flags) {
  PortCall call(task);
  if (call.code() != KERN_SUCCESS) return call.code();
  return ipc::port_guard(call.thread(), call.space(), Name{name}, guard, flags);
}

kern_return_t mach_port_unguard(ipc_space_t task, mach_port_name_t name, mach_port_context_t guard) {
  PortCall call(task);
  if (call.code() != KERN_SUCCESS) return call.code();
  return ipc::port_unguard(call.thread(), call.space(), Name{name}, guard);
}

kern_return_t mach_port_swap_guard(ipc_space_t task, mach_port_name_t name, mach_port_context_t old_guard,
                                   mach_port_context_t new_guard) {
  PortCall call(task);
  if (call.code() != KERN_SUCCESS) return call.code();
  return ipc::port_swap_guard(call.thread(), call.space(), Name{name}, old_guard, new_guard);
}

// There are no service ports and no filters, as on a Darwin that was built without (ports 7.23).
kern_return_t mach_port_is_connection_for_service(ipc_space_t task, mach_port_name_t connection,
                                                  mach_port_name_t service, uint64_t* policy) {
  (void)policy;
  const PortCall call(task);
  if (call.code() != KERN_SUCCESS) return call.code();
  return Name{connection}.valid() && Name{service}.valid() ? KERN_NOT_SUPPORTED : KERN_INVALID_NAME;
}

kern_return_t mach_port_get_service_port_info(ipc_space_read_t task, mach_port_name_t name,
                                              mach_service_port_info_t info) {
  (void)name;
  (void)info;
  const PortCall call(task, NoTask::invalid_task, Strength::read);
  return call.code() != KERN_SUCCESS ? call.code() : KERN_NOT_SUPPORTED;
}

kern_return_t task_set_port_space(ipc_space_t task, int table_entries) {
  (void)table_entries;
  return PortCall(task).code();
}

}  // extern "C"
