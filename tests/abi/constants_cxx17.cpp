// SPDX-License-Identifier: Apache-2.0
#define ABI_REPORT_CONSTANTS abi_constants_cxx17
#include "constants.h"
