// SPDX-License-Identifier: Apache-2.0
#define ABI_REPORT_MACHINE abi_arm_c11
#include "arm.h"
