// SPDX-License-Identifier: Apache-2.0
#define ABI_REPORT_MACHINE abi_arm_cxx17
#include "arm.h"
