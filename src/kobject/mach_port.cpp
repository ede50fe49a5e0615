// SPDX-License-Identifier: Apache-2.0
// The mach_port subsystem: ids from 3200 on (ports 1.4). Each routine is the call of that name (ports 7, 8),
// on the space of the task whose port was asked. Ids that are missing have no routine in the kernel, or no
// call yet.
#include <mach/mig_errors.h>
#include <string.h>

#include "kobject/call.hpp"
#include "kobject/tables.hpp"

namespace portolan::kobject {

namespace {

constexpr uint32_t kInfoWords = MACH_PORT_INFO_EXT_COUNT;

kern_return_t names(Call& c) {
  vm::OutArray<mach_port_name_t> names;
  vm::OutArray<mach_port_type_t> types;
  uint32_t used = 0;
  const kern_return_t code = space_names(c.self(), c.space(), names, types, used);
  if (code != KERN_SUCCESS) return code;
  c.move_memory(names.take(used), used * sizeof(mach_port_name_t));
  c.move_memory(types.take(used), used * sizeof(mach_port_type_t));
  c.out(used);
  c.out(used);
  return KERN_SUCCESS;
}

kern_return_t type(Call& c) {
  mach_port_type_t found = 0;
  const kern_return_t code = ipc::port_type(c.self(), c.space(), Name{c.in(0)}, found);
  c.out(found);
  return code;
}

kern_return_t allocate_name(Call& c) {
  Name name{c.in(1)};
  return ipc::port_allocate_name(c.self(), c.space(), c.in(0), name);
}

kern_return_t allocate(Call& c) {
  Name name;
  const kern_return_t code = ipc::port_allocate(c.self(), c.space(), c.in(0), name);
  c.out(name.value);
  return code;
}

kern_return_t destroy(Call& c) { return ipc::port_destroy_name(c.self(), c.space(), Name{c.in(0)}); }
kern_return_t deallocate(Call& c) { return ipc::port_deallocate(c.self(), c.space(), Name{c.in(0)}); }

kern_return_t get_refs(Call& c) {
  mach_port_urefs_t refs = 0;
  const kern_return_t code = ipc::port_get_refs(c.self(), c.space(), Name{c.in(0)}, c.in(1), refs);
  c.out(refs);
  return code;
}

kern_return_t mod_refs(Call& c) {
  return ipc::port_mod_refs(c.self(), c.space(), Name{c.in(0)}, c.in(1),
                            static_cast<mach_port_delta_t>(c.in(2)));
}

kern_return_t peek(Call& c) {
  ipc::Peeked peeked;
  mach_msg_audit_trailer_t trailer;
  uint32_t size = c.in(3);
  const kern_return_t code =
      ipc::port_peek_trailer(c.self(), c.space(), Name{c.in(0)}, c.in(1), c.in(2), peeked, trailer, size);
  if (code != KERN_SUCCESS) return code;
  c.out(peeked.seqno);
  c.out(peeked.size);
  c.out(static_cast<uint32_t>(peeked.id));
  c.out(size);
  memcpy(c.out_room(), &trailer, size);
  c.out_words(size / 4);
  return KERN_SUCCESS;
}

kern_return_t set_mscount(Call& c) {
  return ipc::port_set_mscount(c.self(), c.space(), Name{c.in(0)}, c.in(1));
}

kern_return_t get_set_status(Call& c) {
  vm::OutArray<mach_port_name_t> members;
  uint32_t count = 0;
  const kern_return_t code = set_members(c.self(), c.space(), Name{c.in(0)}, members, count);
  if (code != KERN_SUCCESS) return code;
  c.move_memory(members.take(count), count * sizeof(mach_port_name_t));
  c.out(count);
  return KERN_SUCCESS;
}

kern_return_t move_member(Call& c) {
  return ipc::port_move_member(c.self(), c.space(), Name{c.in(0)}, Name{c.in(1)});
}

kern_return_t request_notification(Call& c) {
  const RightInHand notify = c.right_in(0);
  const bool null = notify.right.port == ipc::kRightNull;
  if (!null && notify.right.disposition != MACH_MSG_TYPE_PORT_SEND_ONCE) return MIG_TYPE_ERROR;
  uint32_t previous = ipc::kRightNull;
  const kern_return_t code = ipc::port_request_notification_naked(
      c.self(), c.space(), Name{c.in(0)}, static_cast<mach_msg_id_t>(c.in(1)), c.in(2), notify, previous);
  if (code != KERN_SUCCESS) return code;
  transact(c.self(), Needs{}, [&](Txn& txn) {
    if (previous != ipc::kRightNull) txn.drop(*txn.find_hold(ipc::kHoldSendOnce, previous));
    c.put_right(txn, {previous, MACH_MSG_TYPE_PORT_SEND_ONCE});
    return 0;
  });
  return KERN_SUCCESS;
}

kern_return_t insert_right(Call& c) {
  return ipc::port_insert_naked(c.self(), c.space(), Name{c.in(0)}, c.right_in(0));
}

kern_return_t extract_right(Call& c) {
  if (!MACH_MSG_TYPE_PORT_ANY(c.in(1))) return KERN_INVALID_VALUE;
  const Name name{c.in(0)};
  if (!name.valid()) return KERN_INVALID_RIGHT;
  return c.copy_right(c.space(), name, c.in(1));
}

kern_return_t set_seqno(Call& c) { return ipc::port_set_seqno(c.self(), c.space(), Name{c.in(0)}, c.in(1)); }

kern_return_t get_attributes(Call& c) {
  integer_t info[kInfoWords] = {};
  mach_msg_type_number_t words = c.in(2) < kInfoWords ? c.in(2) : kInfoWords;
  const kern_return_t code = ipc::port_get_attributes(c.self(), c.space(), Name{c.in(0)},
                                                      static_cast<mach_port_flavor_t>(c.in(1)), info, words);
  if (code != KERN_SUCCESS) return code;
  c.out(words);
  memcpy(c.out_room(), info, words * sizeof(integer_t));
  c.out_words(words);
  return KERN_SUCCESS;
}

kern_return_t set_attributes(Call& c) {
  integer_t words[1] = {};
  if (c.more() != 0) words[0] = static_cast<integer_t>(c.in(3));
  return ipc::port_set_attributes(c.self(), c.space(), Name{c.in(0)},
                                  static_cast<mach_port_flavor_t>(c.in(1)), words, c.in(2));
}

mach_port_qos_t qos_in(const Call& c) {
  const uint32_t words[2] = {c.in(1), c.in(2)};
  mach_port_qos_t qos;
  static_assert(sizeof qos == sizeof words);
  memcpy(&qos, words, sizeof qos);
  return qos;
}

kern_return_t allocate_as(Call& c, mach_port_qos_t qos, Name name) {
  const kern_return_t code = ipc::port_allocate_full(c.self(), c.space(), c.in(0), qos, name);
  c.out_struct(qos);
  c.out(name.value);
  return code;
}

kern_return_t allocate_qos(Call& c) {
  const mach_port_qos_t qos = qos_in(c);
  return qos.name ? KERN_INVALID_ARGUMENT : allocate_as(c, qos, Name{});
}

kern_return_t allocate_full(Call& c) {
  if (c.right_in(0).right.port != ipc::kRightNull) return KERN_INVALID_VALUE;
  return allocate_as(c, qos_in(c), Name{c.in(3)});
}

kern_return_t set_port_space(Call&) { return KERN_SUCCESS; }

kern_return_t get_srights(Call& c) {
  mach_port_rights_t found = 0;
  const kern_return_t code = ipc::port_get_srights(c.self(), c.space(), Name{c.in(0)}, found);
  c.out(found);
  return code;
}

kern_return_t space_info(Call& c) {
  vm::OutArray<ipc_info_name_t> table;
  ipc_info_space_t summary;
  const kern_return_t code = space_table(c.self(), c.space(), table, summary);
  if (code != KERN_SUCCESS) return code;
  const uint32_t count = summary.iis_table_size;
  c.move_memory(table.take(count), uint64_t{count} * sizeof(ipc_info_name_t));
  c.move_memory(nullptr, 0);  // no tree
  c.out_struct(summary);
  c.out(count);
  c.out(0);
  return KERN_SUCCESS;
}

kern_return_t dnrequest_info(Call& c) {
  unsigned total = 0, used = 0;
  const kern_return_t code = ipc::port_dnrequest_info(c.self(), c.space(), Name{c.in(0)}, total, used);
  c.out(total);
  c.out(used);
  return code;
}

kern_return_t insert_member(Call& c) {
  return ipc::port_insert_member(c.self(), c.space(), Name{c.in(0)}, Name{c.in(1)});
}
kern_return_t extract_member(Call& c) {
  return ipc::port_extract_member(c.self(), c.space(), Name{c.in(0)}, Name{c.in(1)});
}

kern_return_t get_context(Call& c) {
  uint64_t context = 0;
  const kern_return_t code = ipc::port_get_context(c.self(), c.space(), Name{c.in(0)}, context);
  c.out64(context);
  return code;
}
kern_return_t set_context(Call& c) {
  return ipc::port_set_context(c.self(), c.space(), Name{c.in(0)}, c.in64(1));
}

kern_return_t kobject(Call& c) {
  natural_t type = 0;
  const kern_return_t code = ipc::port_kobject(c.self(), c.space(), Name{c.in(0)}, type);
  c.out(type);
  c.out64(0);
  return code;
}

kern_return_t construct(Call& c) {
  mach_port_options_t options;
  if (c.memory_size() != sizeof options) return MIG_TYPE_ERROR;
  c.memory_in(&options, sizeof options);
  Name name;
  const kern_return_t code = ipc::port_construct(c.self(), c.space(), options, c.in64(0), name);
  c.out(name.value);
  return code;
}

kern_return_t destruct(Call& c) {
  return ipc::port_destruct(c.self(), c.space(), Name{c.in(0)}, static_cast<mach_port_delta_t>(c.in(1)),
                            c.in64(2));
}

kern_return_t guard(Call& c) {
  return ipc::port_guard(c.self(), c.space(), Name{c.in(0)}, c.in64(1), c.in(3) != 0 ? MPG_STRICT : 0);
}
kern_return_t unguard(Call& c) { return ipc::port_unguard(c.self(), c.space(), Name{c.in(0)}, c.in64(1)); }

kern_return_t space_basic_info(Call& c) {
  ipc_info_space_basic_t info{};
  const kern_return_t code = ipc::space_basic_info(c.self(), c.space(), info);
  c.out_struct(info);
  return code;
}

kern_return_t guard_with_flags(Call& c) {
  return ipc::port_guard(c.self(), c.space(), Name{c.in(0)}, c.in64(1), c.in64(3));
}
kern_return_t swap_guard(Call& c) {
  return ipc::port_swap_guard(c.self(), c.space(), Name{c.in(0)}, c.in64(1), c.in64(3));
}

kern_return_t assert_attributes(Call& c) {
  const uint64_t value = c.more() >= MACH_PORT_GUARD_INFO_COUNT ? c.in64(3) : 0;
  return ipc::port_assert_attributes(c.self(), c.space(), Name{c.in(0)},
                                     static_cast<mach_port_flavor_t>(c.in(1)), value, c.in(2));
}

constexpr Layout words(uint8_t n) { return {.words = n}; }

constexpr Routine kRoutines[] = {
    {3200, {}, {.memory = 2, .words = 2}, names},
    {3201, words(1), words(1), type},
    {3203, words(2), {}, allocate_name},
    {3204, words(1), words(1), allocate},
    {3205, words(1), {}, destroy},
    {3206, words(1), {}, deallocate},
    {3207, words(2), words(1), get_refs},
    {3208, words(3), {}, mod_refs},
    {3209, words(4), {.words = 4, .more = 17}, peek},
    {3210, words(2), {}, set_mscount},
    {3211, words(1), {.memory = 1, .words = 1}, get_set_status, Strength::read},
    {3212, words(2), {}, move_member},
    {3213, {.rights = 1, .words = 3}, {.rights = 1}, request_notification},
    {3214, {.rights = 1, .words = 1}, {}, insert_right},
    {3215, words(2), {.rights = 1}, extract_right},
    {3216, words(2), {}, set_seqno},
    {3217, words(3), {.words = 1, .more = kInfoWords}, get_attributes, Strength::read},
    {3218, {.words = 3, .more = kInfoWords}, {}, set_attributes},
    {3219, words(3), words(3), allocate_qos},
    {3220, {.rights = 1, .words = 4}, words(3), allocate_full},
    {3221, words(1), {}, set_port_space},
    {3222, words(1), words(1), get_srights},
    {3223, {}, {.memory = 2, .words = 8}, space_info, Strength::read},
    {3224, words(1), words(2), dnrequest_info},
    {3226, words(2), {}, insert_member},
    {3227, words(2), {}, extract_member},
    {3228, words(1), words(2), get_context, Strength::read},
    {3229, words(3), {}, set_context},
    {3230, words(1), words(3), kobject, Strength::read},
    {3231, {.memory = 1, .words = 2}, words(1), construct},
    {3232, words(4), {}, destruct},
    {3233, words(4), {}, guard},
    {3234, words(3), {}, unguard},
    {3235, {}, words(6), space_basic_info, Strength::inspect},
    {3237, words(5), {}, guard_with_flags},
    {3238, words(5), {}, swap_guard},
    {3242, {.words = 3, .more = kInfoWords}, {}, assert_attributes},
};

}  // namespace

constinit const Subsystem kMachPort = {Object::task, KERN_INVALID_TASK, KERN_INVALID_ARGUMENT, kRoutines};

}  // namespace portolan::kobject
