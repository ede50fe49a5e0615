// SPDX-License-Identifier: Apache-2.0
#define ABI_REPORT_MACHINE abi_x86_c11
#include "x86.h"
