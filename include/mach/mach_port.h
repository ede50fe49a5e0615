// SPDX-License-Identifier: Apache-2.0
// The calls on a task's names and rights.
//
// `task` is a send right to the task whose names are meant, usually mach_task_self(). It is used, not
// consumed. If it is no live send right the calls return MACH_SEND_INVALID_DEST. If it is a port of
// something else, or the task is dead, they return KERN_INVALID_TASK, and those that take an
// ipc_space_read_t KERN_INVALID_ARGUMENT (ports 6.1). These codes are not repeated below. An output that
// cannot be written gives KERN_INVALID_ADDRESS. None of the calls blocks. A right that a failing call was
// given to keep is destroyed (ports 6.4).
#ifndef PORTOLAN_MACH_MACH_PORT_H_
#define PORTOLAN_MACH_MACH_PORT_H_

#include <mach/kern_return.h>
#include <mach/mach_types.h>
#include <mach/message.h>
#include <mach/port.h>
#include <mach_debug/mach_debug_types.h>
#include <portolan/export.h>
#include <stdint.h>

PORTOLAN_BEGIN_DECLS

// Lists all names and what each denotes, in the order of their index (ports 7.1). Touches no rights;
// produces two arrays of one length, out of line, for the caller to vm_deallocate.
// Returns KERN_SUCCESS or KERN_RESOURCE_SHORTAGE.
PORTOLAN_EXPORT kern_return_t mach_port_names(ipc_space_t task, mach_port_name_array_t* names,
                                              mach_msg_type_number_t* namesCnt, mach_port_type_array_t* types,
                                              mach_msg_type_number_t* typesCnt);

// What a name denotes: MACH_PORT_TYPE_* bits (ports 7.2). Touches no rights.
// Returns KERN_SUCCESS or KERN_INVALID_NAME. MACH_PORT_DEAD counts as a dead name.
PORTOLAN_EXPORT kern_return_t mach_port_type(ipc_space_t task, mach_port_name_t name,
                                             mach_port_type_t* ptype);

// Nothing can be renamed: returns MIG_BAD_ID (ports 7.3).
PORTOLAN_EXPORT kern_return_t mach_port_rename(ipc_space_t task, mach_port_name_t old_name,
                                               mach_port_name_t new_name);

// Makes a receive right, a port set or a dead name under a name of the caller's choice; the choice is
// ignored for a dead name (ports 5.3, 7.4). Produces that right.
// Returns KERN_SUCCESS, KERN_INVALID_VALUE, KERN_NAME_EXISTS, KERN_FAILURE, KERN_NO_SPACE or
// KERN_RESOURCE_SHORTAGE.
PORTOLAN_EXPORT kern_return_t mach_port_allocate_name(ipc_space_t task, mach_port_right_t right,
                                                      mach_port_name_t name);

// Makes a receive right, a port set or a dead name (ports 7.4). Produces that right in *name: a receive
// right without a send right, an empty set, or a dead name with one user reference.
// Returns KERN_SUCCESS, KERN_INVALID_VALUE, KERN_NO_SPACE or KERN_RESOURCE_SHORTAGE.
PORTOLAN_EXPORT kern_return_t mach_port_allocate(ipc_space_t task, mach_port_right_t right,
                                                 mach_port_name_t* name);

// Gives up every right and every user reference under a name (ports 7.5). A null or dead name is no error.
// Returns KERN_SUCCESS, KERN_INVALID_NAME, or KERN_INVALID_RIGHT if the port is guarded.
PORTOLAN_EXPORT kern_return_t mach_port_destroy(ipc_space_t task, mach_port_name_t name);

// Gives up one user reference of a send right, a send-once right or a dead name; destroys a port set
// (ports 7.6). A null or dead name is no error.
// Returns KERN_SUCCESS, KERN_INVALID_NAME, or KERN_INVALID_RIGHT if there is only a receive right.
PORTOLAN_EXPORT kern_return_t mach_port_deallocate(ipc_space_t task, mach_port_name_t name);

// The user references of one kind of right under a name, 0 if the name denotes other kinds (ports 7.7).
// Touches no rights.
// Returns KERN_SUCCESS, KERN_INVALID_VALUE or KERN_INVALID_NAME.
PORTOLAN_EXPORT kern_return_t mach_port_get_refs(ipc_space_t task, mach_port_name_t name,
                                                 mach_port_right_t right, mach_port_urefs_t* refs);

// Adds delta to the user references of one kind of right; at none the right is gone (ports 4.3, 7.8). A
// count of 65535 stays where it is.
// Returns KERN_SUCCESS, KERN_INVALID_NAME, KERN_INVALID_VALUE if the right or the resulting count cannot
// be, or KERN_INVALID_RIGHT if the name does not denote such a right or the port is guarded.
PORTOLAN_EXPORT kern_return_t mach_port_mod_refs(ipc_space_t task, mach_port_name_t name,
                                                 mach_port_right_t right, mach_port_delta_t delta);

// Looks at a queued message without receiving it: the first, or the one that would get *request_seqnop
// (ports 7.9). Touches no rights. The trailer goes to trailer_infop.
// Returns KERN_SUCCESS, KERN_INVALID_NAME, KERN_INVALID_RIGHT, KERN_INVALID_VALUE if the trailer is too
// much to ask or does not fit, or KERN_FAILURE if there is no such message.
PORTOLAN_EXPORT kern_return_t mach_port_peek(ipc_space_t task, mach_port_name_t name,
                                             mach_msg_trailer_type_t trailer_type,
                                             mach_port_seqno_t* request_seqnop, mach_msg_size_t* msg_sizep,
                                             mach_msg_id_t* msg_idp, mach_msg_trailer_info_t trailer_infop,
                                             mach_msg_type_number_t* trailer_infopCnt);

// Sets the make-send count of a receive right (ports 7.10). Touches no rights.
// Returns KERN_SUCCESS, KERN_INVALID_NAME or KERN_INVALID_RIGHT.
PORTOLAN_EXPORT kern_return_t mach_port_set_mscount(ipc_space_t task, mach_port_name_t name,
                                                    mach_port_mscount_t mscount);

// The names of a port set's members, sorted (ports 7.11). Touches no rights; produces an array out of line
// for the caller to vm_deallocate, null if the set is empty.
// Returns KERN_SUCCESS, KERN_INVALID_NAME, KERN_INVALID_RIGHT or KERN_RESOURCE_SHORTAGE.
PORTOLAN_EXPORT kern_return_t mach_port_get_set_status(ipc_space_read_t task, mach_port_name_t name,
                                                       mach_port_name_array_t* members,
                                                       mach_msg_type_number_t* membersCnt);

// Puts a receive right into one set, out of all others; with `after` null, out of all sets (ports 7.12).
// Touches no rights.
// Returns KERN_SUCCESS, KERN_INVALID_NAME, KERN_INVALID_RIGHT, KERN_NOT_IN_SET or KERN_RESOURCE_SHORTAGE.
PORTOLAN_EXPORT kern_return_t mach_port_move_member(ipc_space_t task, mach_port_name_t member,
                                                    mach_port_name_t after);

// Asks for one notification, to be sent to `notify` (ports 8).
// Consumes a send-once right, made or moved as notifyPoly says, or nothing if notify is null, which
// cancels.
// Produces in *previous the send-once right of the request that was there before, or null.
// Returns KERN_SUCCESS, KERN_INVALID_NAME, KERN_INVALID_RIGHT, KERN_INVALID_VALUE, KERN_INVALID_ARGUMENT,
// KERN_INVALID_CAPABILITY if notify is dead, KERN_FAILURE if the port has a port-destroyed request,
// KERN_RESOURCE_SHORTAGE, MIG_TYPE_ERROR if notify is no send-once right, or MACH_SEND_INVALID_RIGHT if it is
// not the right that notifyPoly says and the request has to travel (ports 6.2). KERN_INVALID_CAPABILITY also
// when all went well, but the right of the request that was there before has died.
PORTOLAN_EXPORT kern_return_t mach_port_request_notification(ipc_space_t task, mach_port_name_t name,
                                                             mach_msg_id_t msgid, mach_port_mscount_t sync,
                                                             mach_port_t notify,
                                                             mach_msg_type_name_t notifyPoly,
                                                             mach_port_t* previous);

// Gives the task a right of the caller's under a chosen name (ports 5.3, 7.13). Consumes of poly what
// polyPoly says.
// Returns KERN_SUCCESS, KERN_INVALID_NAME, KERN_INVALID_RIGHT, KERN_INVALID_VALUE, KERN_INVALID_CAPABILITY,
// KERN_NAME_EXISTS, KERN_RIGHT_EXISTS, KERN_FAILURE, KERN_NO_SPACE or KERN_RESOURCE_SHORTAGE; for another
// task, which gets it as a request, MACH_SEND_INVALID_RIGHT if poly is no such right.
PORTOLAN_EXPORT kern_return_t mach_port_insert_right(ipc_space_t task, mach_port_name_t name,
                                                     mach_port_t poly, mach_msg_type_name_t polyPoly);

// Takes from the task what the disposition msgt_name says, and gives it to the caller (ports 5.1, 7.14).
// Produces the right in *poly, its kind in *polyPoly.
// Returns KERN_SUCCESS, KERN_INVALID_NAME, KERN_INVALID_RIGHT or KERN_INVALID_VALUE.
PORTOLAN_EXPORT kern_return_t mach_port_extract_right(ipc_space_t task, mach_port_name_t name,
                                                      mach_msg_type_name_t msgt_name, mach_port_t* poly,
                                                      mach_msg_type_name_t* polyPoly);

// Sets the sequence number that a receive right's next message will get (ports 7.10). Touches no rights.
// Returns KERN_SUCCESS, KERN_INVALID_NAME or KERN_INVALID_RIGHT.
PORTOLAN_EXPORT kern_return_t mach_port_set_seqno(ipc_space_t task, mach_port_name_t name,
                                                  mach_port_seqno_t seqno);

// Reads attributes of a receive right (ports 7.15). Touches no rights. *port_info_outCnt counts words, and
// must be at least the flavor's.
// Returns KERN_SUCCESS, KERN_INVALID_NAME, KERN_INVALID_RIGHT, KERN_INVALID_ARGUMENT for an unknown flavor,
// KERN_FAILURE if there are too few words, or KERN_INVALID_CAPABILITY if a service port is needed.
PORTOLAN_EXPORT kern_return_t mach_port_get_attributes(ipc_space_read_t task, mach_port_name_t name,
                                                       mach_port_flavor_t flavor,
                                                       mach_port_info_t port_info_out,
                                                       mach_msg_type_number_t* port_info_outCnt);

// Changes attributes of a receive right, first of all the queue limit (ports 7.16). Touches no rights.
// Raising the limit lets blocked senders go on.
// Returns KERN_SUCCESS, KERN_INVALID_NAME, KERN_INVALID_RIGHT, KERN_INVALID_VALUE, KERN_INVALID_ARGUMENT,
// KERN_FAILURE if there are too few words, or KERN_INVALID_CAPABILITY if a service port is needed.
PORTOLAN_EXPORT kern_return_t mach_port_set_attributes(ipc_space_t task, mach_port_name_t name,
                                                       mach_port_flavor_t flavor, mach_port_info_t port_info,
                                                       mach_msg_type_number_t port_infoCnt);

// mach_port_allocate with a quality of service, which must not ask for a chosen name (ports 7.4). Produces
// the right in *name.
// Returns KERN_INVALID_ARGUMENT if it does, otherwise as mach_port_allocate_full.
PORTOLAN_EXPORT kern_return_t mach_port_allocate_qos(ipc_space_t task, mach_port_right_t right,
                                                     mach_port_qos_t* qos, mach_port_name_t* name);

// The whole of allocation: with qos->name the name is *name, otherwise the kernel's choice (ports 7.4).
// Produces the right in *name. proto must be null.
// Returns KERN_SUCCESS, KERN_INVALID_VALUE, KERN_NAME_EXISTS, KERN_FAILURE, KERN_NO_SPACE or
// KERN_RESOURCE_SHORTAGE.
PORTOLAN_EXPORT kern_return_t mach_port_allocate_full(ipc_space_t task, mach_port_right_t right,
                                                      mach_port_t proto, mach_port_qos_t* qos,
                                                      mach_port_name_t* name);

// How many send rights to a receive right exist anywhere, user references not counted (ports 4.4, 7.10).
// Touches no rights.
// Returns KERN_SUCCESS, KERN_INVALID_NAME or KERN_INVALID_RIGHT.
PORTOLAN_EXPORT kern_return_t mach_port_get_srights(ipc_space_t task, mach_port_name_t name,
                                                    mach_port_rights_t* srights);

// Lists the whole table, free slots too (ports 7.21). Touches no rights; produces an array out of line for
// the caller to vm_deallocate, and an empty one.
// Returns KERN_SUCCESS or KERN_RESOURCE_SHORTAGE.
PORTOLAN_EXPORT kern_return_t mach_port_space_info(ipc_space_read_t space, ipc_info_space_t* space_info,
                                                   ipc_info_name_array_t* table_info,
                                                   mach_msg_type_number_t* table_infoCnt,
                                                   ipc_info_tree_name_array_t* tree_info,
                                                   mach_msg_type_number_t* tree_infoCnt);

// How many requests for dead-name and send-possible notifications hang on a receive right's port, and how
// many there is room for (ports 7.10). Touches no rights.
// Returns KERN_SUCCESS, KERN_INVALID_NAME or KERN_INVALID_RIGHT.
PORTOLAN_EXPORT kern_return_t mach_port_dnrequest_info(ipc_space_t task, mach_port_name_t name,
                                                       unsigned int* dnr_total, unsigned int* dnr_used);

// Puts a receive right into one more set (ports 7.12). Touches no rights.
// Returns KERN_SUCCESS, KERN_INVALID_NAME, KERN_INVALID_RIGHT, KERN_ALREADY_IN_SET or
// KERN_RESOURCE_SHORTAGE.
PORTOLAN_EXPORT kern_return_t mach_port_insert_member(ipc_space_t task, mach_port_name_t name,
                                                      mach_port_name_t pset);

// Takes a receive right out of one set (ports 7.12). Touches no rights.
// Returns KERN_SUCCESS, KERN_INVALID_NAME, KERN_INVALID_RIGHT or KERN_NOT_IN_SET.
PORTOLAN_EXPORT kern_return_t mach_port_extract_member(ipc_space_t task, mach_port_name_t name,
                                                       mach_port_name_t pset);

// The context of a receive right, 0 if a strict guard hides it (ports 7.10). Touches no rights.
// Returns KERN_SUCCESS, KERN_INVALID_NAME or KERN_INVALID_RIGHT.
PORTOLAN_EXPORT kern_return_t mach_port_get_context(ipc_space_read_t task, mach_port_name_t name,
                                                    mach_port_context_t* context);

// Sets the context of a receive right (ports 7.10). Touches no rights.
// Returns KERN_SUCCESS, KERN_INVALID_NAME, KERN_INVALID_RIGHT, or KERN_INVALID_ARGUMENT under a strict
// guard.
PORTOLAN_EXPORT kern_return_t mach_port_set_context(ipc_space_t task, mach_port_name_t name,
                                                    mach_port_context_t context);

// What kind of kernel object a send or receive right stands for: IKOT_* of kern/ipc_kobject.h, 0 for an
// ordinary port (ports 7.22). Touches no rights. The address is 0.
// Returns KERN_SUCCESS, KERN_INVALID_NAME or KERN_INVALID_RIGHT.
PORTOLAN_EXPORT kern_return_t mach_port_kobject(ipc_space_read_t task, mach_port_name_t name,
                                                natural_t* object_type, mach_vm_address_t* object_addr);

// Makes a port as the options say (ports 7.19). Produces a receive right in *name, with
// MPO_INSERT_SEND_RIGHT a send right under the same name.
// Returns KERN_SUCCESS, KERN_INVALID_ARGUMENT, KERN_INVALID_VALUE, KERN_DENIED, KERN_MEMORY_ERROR,
// KERN_NO_SPACE or KERN_RESOURCE_SHORTAGE.
PORTOLAN_EXPORT kern_return_t mach_port_construct(ipc_space_t task, mach_port_options_ptr_t options,
                                                  mach_port_context_t context, mach_port_name_t* name);

// Gives up a receive right and -srdelta user references of the send right with it (ports 7.20). srdelta is
// not positive.
// Returns KERN_SUCCESS, KERN_INVALID_NAME, KERN_INVALID_RIGHT, KERN_INVALID_VALUE, or KERN_INVALID_ARGUMENT
// if the port is guarded by another value.
PORTOLAN_EXPORT kern_return_t mach_port_destruct(ipc_space_t task, mach_port_name_t name,
                                                 mach_port_delta_t srdelta, mach_port_context_t guard);

// Guards a receive right: whoever wants to destroy it needs the value (ports 7.18). Touches no rights.
// Returns KERN_SUCCESS, KERN_INVALID_NAME, KERN_INVALID_RIGHT, or KERN_INVALID_ARGUMENT if there is a
// context.
PORTOLAN_EXPORT kern_return_t mach_port_guard(ipc_space_t task, mach_port_name_t name,
                                              mach_port_context_t guard, boolean_t strict);

// Takes a guard away (ports 7.18). Touches no rights.
// Returns KERN_SUCCESS, KERN_INVALID_NAME, KERN_INVALID_RIGHT, or KERN_INVALID_ARGUMENT if there is none or
// another.
PORTOLAN_EXPORT kern_return_t mach_port_unguard(ipc_space_t task, mach_port_name_t name,
                                                mach_port_context_t guard);

// A table's size and use (ports 7.21). Touches no rights. Returns KERN_SUCCESS.
PORTOLAN_EXPORT kern_return_t mach_port_space_basic_info(ipc_space_inspect_t task,
                                                         ipc_info_space_basic_t* basic_info);

// mach_port_guard with MPG_* flags (ports 7.18). Touches no rights.
// Returns KERN_SUCCESS, KERN_INVALID_NAME, KERN_INVALID_RIGHT, or KERN_INVALID_ARGUMENT if there is a
// context.
PORTOLAN_EXPORT kern_return_t mach_port_guard_with_flags(ipc_space_t task, mach_port_name_t name,
                                                         mach_port_context_t guard, uint64_t flags);

// Puts another guard in the place of one that is not strict (ports 7.18). Touches no rights.
// Returns KERN_SUCCESS, KERN_INVALID_NAME, KERN_INVALID_RIGHT, or KERN_INVALID_ARGUMENT if the old one does
// not fit.
PORTOLAN_EXPORT kern_return_t mach_port_swap_guard(ipc_space_t task, mach_port_name_t name,
                                                   mach_port_context_t old_guard,
                                                   mach_port_context_t new_guard);

// mach_port_kobject with a text about the object, of up to 512 bytes (ports 7.22). It is empty: none of the
// kinds that there are has one. Touches no rights.
// Returns KERN_SUCCESS, KERN_INVALID_NAME or KERN_INVALID_RIGHT.
PORTOLAN_EXPORT kern_return_t mach_port_kobject_description(ipc_space_read_t task, mach_port_name_t name,
                                                            natural_t* object_type,
                                                            mach_vm_address_t* object_addr,
                                                            kobject_description_t description);

// mach_port_kobject with the address cut to 32 bits (ports 7.22). Touches no rights.
// Returns KERN_SUCCESS, KERN_INVALID_NAME or KERN_INVALID_RIGHT.
PORTOLAN_EXPORT kern_return_t mach_port_kernel_object(ipc_space_read_t task, mach_port_name_t name,
                                                      unsigned int* object_type, unsigned int* object_addr);

// Makes sure of a receive right's guard: the flavor is MACH_PORT_GUARD_INFO, the guard strict and of this
// value (ports 7.16). Touches no rights. Returns KERN_SUCCESS, KERN_INVALID_NAME, KERN_INVALID_RIGHT,
// KERN_FAILURE if there are too few words, or KERN_INVALID_ARGUMENT if it is not so, or for another flavor.
PORTOLAN_EXPORT kern_return_t mach_port_assert_attributes(ipc_space_t task, mach_port_name_t name,
                                                          mach_port_flavor_t flavor, mach_port_info_t info,
                                                          mach_msg_type_number_t infoCnt);

// Whether a port is a connection to a service (ports 7.23). Touches no rights.
// Returns KERN_INVALID_NAME if a name is null or dead, otherwise KERN_NOT_SUPPORTED: there are no filters.
PORTOLAN_EXPORT kern_return_t mach_port_is_connection_for_service(ipc_space_t task,
                                                                  mach_port_name_t connection_port,
                                                                  mach_port_name_t service_port,
                                                                  uint64_t* filter_policy_id);

// What a service port was made for (ports 7.23). Touches no rights. Returns KERN_NOT_SUPPORTED.
PORTOLAN_EXPORT kern_return_t mach_port_get_service_port_info(ipc_space_read_t task, mach_port_name_t name,
                                                              mach_service_port_info_data_t* sp_info_out);

// Once set the size of the table of names; has no effect (ports 7.4). Returns KERN_SUCCESS.
PORTOLAN_EXPORT kern_return_t task_set_port_space(ipc_space_t task, int table_entries);

PORTOLAN_END_DECLS

#endif  // PORTOLAN_MACH_MACH_PORT_H_
