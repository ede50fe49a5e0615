// SPDX-License-Identifier: Apache-2.0
#define ABI_REPORT_CONSTANTS abi_constants_c11
#include "constants.h"
