// SPDX-License-Identifier: Apache-2.0
#define ABI_REPORT_STRUCTS abi_structs_c11
#include "structs.h"
