// SPDX-License-Identifier: Apache-2.0
// Vouchers, which this system carries in messages but does not make.
#ifndef PORTOLAN_MACH_MACH_VOUCHER_TYPES_H_
#define PORTOLAN_MACH_MACH_VOUCHER_TYPES_H_

#include <mach/mach_types.h>
#include <mach/machine/vm_types.h>
#include <mach/port.h>
#include <stdint.h>

typedef mach_port_t mach_voucher_t;
typedef mach_port_name_t mach_voucher_name_t;
typedef mach_voucher_name_t* mach_voucher_name_array_t;
typedef mach_voucher_t ipc_voucher_t;
typedef mach_port_t mach_voucher_attr_manager_t;
typedef mach_port_t mach_voucher_attr_control_t;
typedef mach_port_t ipc_voucher_attr_manager_t;
typedef mach_port_t ipc_voucher_attr_control_t;

#define MACH_VOUCHER_NULL              ((mach_voucher_t)0)
#define MACH_VOUCHER_NAME_NULL         ((mach_voucher_name_t)0)
#define MACH_VOUCHER_NAME_ARRAY_NULL   ((mach_voucher_name_array_t)0)
#define IPC_VOUCHER_NULL               ((ipc_voucher_t)0)
#define MACH_VOUCHER_ATTR_MANAGER_NULL ((mach_voucher_attr_manager_t)0)
#define MACH_VOUCHER_ATTR_CONTROL_NULL ((mach_voucher_attr_control_t)0)
#define IPC_VOUCHER_ATTR_MANAGER_NULL  ((ipc_voucher_attr_manager_t)0)
#define IPC_VOUCHER_ATTR_CONTROL_NULL  ((ipc_voucher_attr_control_t)0)

typedef natural_t mach_voucher_selector_t;
typedef uint32_t mach_voucher_attr_key_t;
typedef mach_voucher_attr_key_t* mach_voucher_attr_key_array_t;
typedef uint32_t mach_voucher_attr_command_t;
typedef uint32_t mach_voucher_attr_recipe_command_t;
typedef uint32_t mach_voucher_attr_content_size_t;
typedef unsigned long long mach_voucher_attr_value_handle_t;
typedef uint32_t mach_voucher_attr_importance_refs;
typedef uint8_t* mach_voucher_attr_raw_recipe_t;
typedef mach_voucher_attr_raw_recipe_t mach_voucher_attr_raw_recipe_array_t;

#define MACH_VOUCHER_SELECTOR_CURRENT   ((mach_voucher_selector_t)0)
#define MACH_VOUCHER_SELECTOR_EFFECTIVE ((mach_voucher_selector_t)1)

#define MACH_VOUCHER_ATTR_KEY_ALL            ((mach_voucher_attr_key_t)0xffffffff)
#define MACH_VOUCHER_ATTR_KEY_NONE           ((mach_voucher_attr_key_t)0)
#define MACH_VOUCHER_ATTR_KEY_ATM            ((mach_voucher_attr_key_t)1)
#define MACH_VOUCHER_ATTR_KEY_IMPORTANCE     ((mach_voucher_attr_key_t)2)
#define MACH_VOUCHER_ATTR_KEY_BANK           ((mach_voucher_attr_key_t)3)
#define MACH_VOUCHER_ATTR_KEY_PTHPRIORITY    ((mach_voucher_attr_key_t)4)
#define MACH_VOUCHER_ATTR_KEY_USER_DATA      ((mach_voucher_attr_key_t)7)
#define MACH_VOUCHER_ATTR_KEY_BITS           ((mach_voucher_attr_key_t)7)
#define MACH_VOUCHER_ATTR_KEY_TEST           ((mach_voucher_attr_key_t)8)
#define MACH_VOUCHER_ATTR_KEY_NUM_WELL_KNOWN ((mach_voucher_attr_key_t)8)

#define MACH_VOUCHER_ATTR_NOOP             0
#define MACH_VOUCHER_ATTR_COPY             1
#define MACH_VOUCHER_ATTR_REMOVE           2
#define MACH_VOUCHER_ATTR_SET_VALUE_HANDLE 3
#define MACH_VOUCHER_ATTR_AUTO_REDEEM      4
#define MACH_VOUCHER_ATTR_SEND_PREPROCESS  5
#define MACH_VOUCHER_ATTR_REDEEM           10
#define MACH_VOUCHER_ATTR_IMPORTANCE_SELF  200
#define MACH_VOUCHER_ATTR_USER_DATA_STORE  211
#define MACH_VOUCHER_ATTR_BITS_STORE       211
#define MACH_VOUCHER_ATTR_TEST_STORE       211

#define MACH_VOUCHER_ATTR_MAX_RAW_RECIPE_ARRAY_SIZE 5120
#define MACH_VOUCHER_TRAP_STACK_LIMIT               256
#define MACH_VOUCHER_ATTR_VALUE_MAX_NESTED          4
#define MACH_VOUCHER_ATTR_VALUE_FLAGS_NONE          0
#define MACH_VOUCHER_ATTR_VALUE_FLAGS_PERSIST       1
#define MACH_VOUCHER_ATTR_CONTROL_FLAGS_NONE        0
#define MACH_VOUCHER_IMPORTANCE_ATTR_ADD_EXTERNAL   1
#define MACH_VOUCHER_IMPORTANCE_ATTR_DROP_EXTERNAL  2
#define MACH_ACTIVITY_ID_COUNT_MAX                  16

#endif  // PORTOLAN_MACH_MACH_VOUCHER_TYPES_H_
