// SPDX-License-Identifier: Apache-2.0
// What the lists (*.inc) turn into: assertions at compile time, the same in C11 and in C++17.
#ifndef PORTOLAN_TESTS_ABI_ABI_ASSERT_H_
#define PORTOLAN_TESTS_ABI_ABI_ASSERT_H_

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
#include <type_traits>
#define ABI_ASSERT(condition, text)      static_assert(condition, text)
#define ABI_ALIGNOF(type)                alignof(type)
#define ABI_SAME_TYPE(type, same)        std::is_same<type, same>::value
#define ABI_IS_FUNCTION(name, ret, args) std::is_same<decltype(&name), ret(*) args>::value
#define ABI_IS_VARIABLE(name, type)      std::is_same<decltype(name), type>::value
#else
#define ABI_ASSERT(condition, text)      _Static_assert(condition, text)
#define ABI_ALIGNOF(type)                _Alignof(type)
#define ABI_SAME_TYPE(type, same)        _Generic((type*)0, same * : 1, default : 0)
#define ABI_IS_FUNCTION(name, ret, args) _Generic(&name, ret(*) args : 1, default : 0)
#define ABI_IS_VARIABLE(name, type)      _Generic(&name, type * : 1, default : 0)
#endif

// The lists say ...LL for what is negative, ...ULL for what is not: a constant of the wrong sign differs.
#define ABI_CONSTANT(name, value, text) \
  ABI_ASSERT((unsigned long long)(name) == (unsigned long long)(value), text " has another value")

#define ABI_STRUCT(type, size, alignment)                        \
  ABI_ASSERT(sizeof(type) == (size), #type " has another size"); \
  ABI_ASSERT(ABI_ALIGNOF(type) == (alignment), #type " has another alignment")
#define ABI_OFFSET(type, member, offset) \
  ABI_ASSERT(offsetof(type, member) == (offset), #type "." #member " is elsewhere")
#define ABI_FIELD(type, member, offset, size) \
  ABI_OFFSET(type, member, offset);           \
  ABI_ASSERT(sizeof(((type*)0)->member) == (size), #type "." #member " has another size")

// Bit-fields have no offset that a compiler would tell: set all bits of one and look where they are.
static inline unsigned abi_wrong_bits(const void* object, size_t size, unsigned first, unsigned width) {
  const unsigned char* bytes = (const unsigned char*)object;
  for (unsigned bit = 0; bit < size * 8; ++bit) {
    unsigned is = (bytes[bit / 8] >> (bit % 8)) & 1u;
    unsigned should = bit >= first && bit < first + width ? 1u : 0u;
    if (is != should) return 1;
  }
  return 0;
}
#define ABI_BITS(wrong, type, member, first, width)                      \
  do {                                                                   \
    type object;                                                         \
    memset(&object, 0, sizeof object);                                   \
    --object.member;                                                     \
    (wrong) += abi_wrong_bits(&object, sizeof object, (first), (width)); \
  } while (0)

// What each language found: how much it asserted, and what is wrong that only running can tell.
struct abi_report {
  unsigned constants, structures, members, types, calls;
  unsigned bit_fields, wrong_bit_fields, pointers, wrong_pointers;
};

#ifdef __cplusplus
extern "C" {
#endif
struct abi_report abi_constants_c11(void), abi_constants_cxx17(void);
struct abi_report abi_structs_c11(void), abi_structs_cxx17(void);
struct abi_report abi_x86_c11(void), abi_x86_cxx17(void);
struct abi_report abi_arm_c11(void), abi_arm_cxx17(void);
#ifdef __cplusplus
}
#endif

#endif  // PORTOLAN_TESTS_ABI_ABI_ASSERT_H_
