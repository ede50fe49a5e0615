// SPDX-License-Identifier: Apache-2.0
// Starting a transaction's body again from the middle of it. The compiler's own setjmp saves three words and
// costs a nanosecond or two, where libc's costs ten; sanitizers know only libc's.
#pragma once

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PORTOLAN_LIBC_JUMP 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define PORTOLAN_LIBC_JUMP 1
#endif
#endif
#if !defined(__x86_64__)
#define PORTOLAN_LIBC_JUMP 1
#endif

#if defined(PORTOLAN_LIBC_JUMP)
#include <setjmp.h>
namespace portolan {
using JumpBuffer = jmp_buf;
}
#define PORTOLAN_MARK(buffer) _setjmp(buffer)
#define PORTOLAN_JUMP(buffer) longjmp(buffer, 1)
#else
namespace portolan {
using JumpBuffer = void* [5];
}
#define PORTOLAN_MARK(buffer) __builtin_setjmp(buffer)
#define PORTOLAN_JUMP(buffer) __builtin_longjmp(buffer, 1)
#endif
