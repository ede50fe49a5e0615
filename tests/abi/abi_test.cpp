// SPDX-License-Identifier: Apache-2.0
// The public headers say what Darwin's say. Most of it is asserted while this directory is compiled, in C11
// and in C++17; here is what has to run: bit-fields, pointers, macros, and that nothing is left out
// unnoticed.
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "abi_assert.h"
#include "all_headers.h"

namespace {

// How many constants of Darwin are known, each of which is asserted or explained.
constexpr unsigned kKnownConstants = 2441;

std::string directory() { return PORTOLAN_SOURCE_DIR "/tests/abi/"; }

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream in(path);
  EXPECT_TRUE(in.is_open()) << path;
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// The names of a list of constants, for this machine or not: "PORTOLAN_ABI(name, value)".
std::multiset<std::string> names_in(const std::string& list) {
  std::multiset<std::string> names;
  for (const std::string& line : lines_of(directory() + list)) {
    if (line.rfind("PORTOLAN_ABI", 0) != 0) continue;
    std::size_t open = line.find('('), comma = line.find(',');
    EXPECT_TRUE(open < comma && comma != std::string::npos) << line;
    names.insert(line.substr(open + 1, comma - open - 1));
  }
  return names;
}

struct Explained {
  std::string header, reason;
};

std::map<std::string, Explained> not_declared() {
  std::map<std::string, Explained> names;
  Explained current;
  for (const std::string& line : lines_of(directory() + "not_declared.txt")) {
    if (line.empty() || line[0] == '#') continue;
    if (line[0] == '<') {
      std::size_t end = line.find(">: ");
      EXPECT_NE(end, std::string::npos) << line;
      current = {line.substr(1, end - 1), line.substr(end + 3)};
      EXPECT_FALSE(current.reason.empty()) << line;
    } else if (line.rfind("  ", 0) == 0) {
      EXPECT_FALSE(current.header.empty()) << line;
      EXPECT_TRUE(names.emplace(line.substr(2), current).second) << line << " twice";
    } else {
      EXPECT_NE(line.find(">: "), std::string::npos) << line;  // a structure or a type, with its reason
    }
  }
  return names;
}

TEST(Abi, AssertedInBothLanguages) {
  const abi_report c = abi_constants_c11(), cxx = abi_constants_cxx17();
  const abi_report cs = abi_structs_c11(), cxxs = abi_structs_cxx17();
  const abi_report x86c = abi_x86_c11(), x86cxx = abi_x86_cxx17();
  const abi_report armc = abi_arm_c11(), armcxx = abi_arm_cxx17();
  const unsigned constants = c.constants + c.pointers + x86c.constants + armc.constants;
  const unsigned structures = cs.structures + x86c.structures + armc.structures;
  const unsigned members = cs.members + cs.bit_fields + x86c.members + armc.members;
  EXPECT_EQ(constants, cxx.constants + cxx.pointers + x86cxx.constants + armcxx.constants);
  EXPECT_EQ(structures, cxxs.structures + x86cxx.structures + armcxx.structures);
  EXPECT_EQ(members, cxxs.members + cxxs.bit_fields + x86cxx.members + armcxx.members);
  EXPECT_GT(constants, 0u);
  EXPECT_GT(structures, 0u);
  std::printf(
      "abi: asserted in C11 and in C++17: %u constants, %u structures with %u members, %u types, %u calls\n",
      constants, structures, members, c.types, c.calls);
  std::printf("abi: %zu constants are not declared, each with its reason\n", not_declared().size());
}

TEST(Abi, BitFields) {
  EXPECT_GT(abi_structs_c11().bit_fields, 0u);
  EXPECT_EQ(0u, abi_structs_c11().wrong_bit_fields);
  EXPECT_EQ(0u, abi_structs_cxx17().wrong_bit_fields);
}

TEST(Abi, Pointers) {
  EXPECT_GT(abi_constants_c11().pointers, 0u);
  EXPECT_EQ(0u, abi_constants_c11().wrong_pointers);
  EXPECT_EQ(0u, abi_constants_cxx17().wrong_pointers);
}

TEST(Abi, NoConstantIsMissing) {
  std::multiset<std::string> asserted;
  for (const char* list : {"constants.inc", "constants_x86.inc", "constants_arm.inc", "pointers.inc"})
    asserted.merge(names_in(list));
  const auto explained = not_declared();
  EXPECT_EQ(kKnownConstants, asserted.size() + explained.size());
  for (const auto& [name, why] : explained)
    EXPECT_EQ(0u, asserted.count(name)) << name << " <" << why.header << "> is declared and explained away";
}

TEST(Abi, EveryHeaderIsTested) {
  const std::string root = PORTOLAN_SOURCE_DIR "/include";
  std::set<std::string> included;
  for (const char* file : {"all_headers.h", "x86.h", "arm.h"})
    for (const std::string& line : lines_of(directory() + file))
      if (line.rfind("#include <", 0) == 0) included.insert(line.substr(10, line.find('>') - 10));
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (entry.path().extension() != ".h") continue;
    const std::string header = std::filesystem::relative(entry.path(), root).string();
    if (header.rfind("portolan/", 0) == 0) continue;
    EXPECT_EQ(1u, included.count(header)) << header;
  }
}

// None of our headers may stand before one of the system's.
TEST(Abi, NoHeaderShadowsTheSystem) {
  const std::string root = PORTOLAN_SOURCE_DIR "/include";
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (!entry.is_regular_file()) continue;
    const std::string header = std::filesystem::relative(entry.path(), root).string();
    if (header.rfind("portolan/", 0) == 0 || header.rfind("mach", 0) == 0) continue;
    for (const char* system :
         {"/usr/include/", "/usr/include/x86_64-linux-gnu/", "/usr/include/aarch64-linux-gnu/"})
      EXPECT_FALSE(std::filesystem::exists(system + header)) << system << header;
  }
}

// --- Macros -----------------------------------------------------------------------------------------------

TEST(AbiMacros, MessageBits) {
  static_assert(MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE) == 0x1513u);
  static_assert(MACH_MSGH_BITS(0x113, 0) == 0x113u, "not masked");
  static_assert(MACH_MSGH_BITS_SET_PORTS(0x33, 0x35, 0x31) == 0x111513u, "masked");
  static_assert(MACH_MSGH_BITS_SET(19, 21, 17, MACH_MSGH_BITS_COMPLEX | 0x1f) == 0x80111513u);
  constexpr mach_msg_bits_t bits =
      MACH_MSGH_BITS_SET(19, 21, 17, MACH_MSGH_BITS_COMPLEX | MACH_MSGH_BITS_RAISEIMP);
  static_assert(MACH_MSGH_BITS_REMOTE(bits) == 19);
  static_assert(MACH_MSGH_BITS_LOCAL(bits) == 21);
  static_assert(MACH_MSGH_BITS_VOUCHER(bits) == 17);
  static_assert(MACH_MSGH_BITS_PORTS(bits) == 0x111513u);
  static_assert(MACH_MSGH_BITS_OTHER(bits) == 0xa0000000u);
  static_assert(MACH_MSGH_BITS_HAS_REMOTE(bits) && MACH_MSGH_BITS_HAS_LOCAL(bits) &&
                MACH_MSGH_BITS_HAS_VOUCHER(bits));
  static_assert(!MACH_MSGH_BITS_HAS_REMOTE(0u) && !MACH_MSGH_BITS_HAS_LOCAL(0u) &&
                !MACH_MSGH_BITS_HAS_VOUCHER(0u));
  static_assert(MACH_MSGH_BITS_IS_COMPLEX(bits) && !MACH_MSGH_BITS_IS_COMPLEX(19u));
  static_assert(MACH_MSGH_BITS_RAISED_IMPORTANCE(bits) && !MACH_MSGH_BITS_HOLDS_IMPORTANCE_ASSERTION(bits));
}

TEST(AbiMacros, Dispositions) {
  for (mach_msg_type_name_t x = 0; x < 40; ++x) {
    EXPECT_EQ(x >= 16 && x <= 21, MACH_MSG_TYPE_PORT_ANY(x)) << x;
    EXPECT_EQ(x >= 17 && x <= 21, MACH_MSG_TYPE_PORT_ANY_SEND(x)) << x;
    EXPECT_EQ(x == 18 || x == 21, MACH_MSG_TYPE_PORT_ANY_SEND_ONCE(x)) << x;
    EXPECT_EQ(x >= 16 && x <= 18, MACH_MSG_TYPE_PORT_ANY_RIGHT(x)) << x;
  }
}

TEST(AbiMacros, Trailers) {
  static_assert(round_msg(24) == 24 && round_msg(25) == 28 && round_msg(27) == 28 && round_msg(28) == 28);
  const unsigned sizes[16] = {8, 12, 20, 52, 60, 68, 68, 68, 68, 68, 68, 68, 68, 68, 68, 68};
  for (int element = 0; element < 16; ++element) {
    const mach_msg_option_t option =
        MACH_RCV_MSG | MACH_RCV_TRAILER_TYPE(9) | MACH_RCV_TRAILER_ELEMENTS(element);
    EXPECT_EQ(static_cast<unsigned>(element), GET_RCV_ELEMENTS(option));
    EXPECT_EQ(sizes[element], REQUESTED_TRAILER_SIZE(option)) << element;
    EXPECT_EQ(sizes[element], REQUESTED_TRAILER_SIZE_NATIVE(option)) << element;
  }
  static_assert(static_cast<unsigned>(MACH_RCV_TRAILER_TYPE(0xf)) == 0xf0000000u);
  const audit_token_t invalid = INVALID_AUDIT_TOKEN_VALUE;
  for (unsigned word : invalid.val) EXPECT_EQ(0xffffffffu, word);
}

TEST(AbiMacros, PortNames) {
  static_assert(!MACH_PORT_VALID(MACH_PORT_NULL) && !MACH_PORT_VALID(MACH_PORT_DEAD) &&
                MACH_PORT_VALID(0x103u));
  static_assert(MACH_PORT_INDEX(0x12345607u) == 0x123456u);
  static_assert(MACH_PORT_GEN(0x12345607u) == 0x07000000u);
  for (unsigned name : {0u, 1u, 0x103u, 0x12345607u, 0x80000003u, 0xfffffffeu, 0xffffffffu})
    EXPECT_EQ(name, MACH_PORT_MAKE(MACH_PORT_INDEX(name), MACH_PORT_GEN(name)));
  static_assert(MACH_PORT_TYPE(MACH_PORT_RIGHT_DEAD_NAME) == 0x100000u);
}

TEST(AbiMacros, Errors) {
  static_assert(err_get_system(MACH_RCV_TOO_LARGE) == 4 && err_get_sub(MACH_RCV_TOO_LARGE) == 1 &&
                err_get_code(MACH_RCV_TOO_LARGE) == 4);
  static_assert(err_get_system(err_local) == 0x3e);
  static_assert((err_system(0x3f) | err_sub(0xfff) | 0x3fff) == -1);
  static_assert(unix_err(2) == 0xc002);
}

TEST(AbiMacros, Memory) {
  int flags = VM_FLAGS_ANYWHERE | VM_MAKE_TAG(VM_MEMORY_APPLICATION_SPECIFIC_16);
  int tag = 0;
  VM_GET_FLAGS_ALIAS(flags, tag);
  EXPECT_EQ(255, tag);
  VM_SET_FLAGS_ALIAS(flags, VM_MEMORY_MACH_MSG);
  EXPECT_EQ(VM_FLAGS_ANYWHERE | VM_MAKE_TAG(20), flags);
  unsigned entry = MAP_MEM_NAMED_CREATE | VM_PROT_DEFAULT;
  SET_MAP_MEM(MAP_MEM_WCOMB, entry);
  EXPECT_EQ(0x04020003u, entry);
  EXPECT_EQ(4u, GET_MAP_MEM(entry));
}

TEST(AbiMacros, Time) {
  time_value_t time = {1, 999999};
  time_value_add_usec(&time, 2);
  EXPECT_EQ(2, time.seconds);
  EXPECT_EQ(1, time.microseconds);
  const time_value_t more = {3, 999999};
  time_value_add(&time, &more);
  EXPECT_EQ(6, time.seconds);
  EXPECT_EQ(0, time.microseconds);

  mach_timespec_t a = {5, 999999999}, b = {1, 2};
  EXPECT_LT(0, CMP_MACH_TIMESPEC(&a, &b));
  EXPECT_GT(0, CMP_MACH_TIMESPEC(&b, &a));
  ADD_MACH_TIMESPEC(&a, &b);
  EXPECT_EQ(7u, a.tv_sec);
  EXPECT_EQ(1, a.tv_nsec);
  SUB_MACH_TIMESPEC(&a, &b);
  EXPECT_EQ(5u, a.tv_sec);
  EXPECT_EQ(999999999, a.tv_nsec);
  EXPECT_EQ(0, CMP_MACH_TIMESPEC(&a, &a));
  EXPECT_FALSE(BAD_MACH_TIMESPEC(&a));
  a.tv_nsec = 1000000000;
  EXPECT_TRUE(BAD_MACH_TIMESPEC(&a));
  a.tv_nsec = -1;
  EXPECT_TRUE(BAD_MACH_TIMESPEC(&a));
  EXPECT_FALSE(BAD_ALRMTYPE(TIME_RELATIVE));
  EXPECT_TRUE(BAD_ALRMTYPE(2));
}

TEST(AbiMacros, ResourceAndGuardCodes) {
  constexpr uint64_t full = 0xc40000000004aaaaull;  // a full space: ports, space full, 305834 names
  static_assert(EXC_RESOURCE_DECODE_RESOURCE_TYPE(full) == RESOURCE_TYPE_PORTS);
  static_assert(EXC_RESOURCE_DECODE_FLAVOR(full) == FLAVOR_PORT_SPACE_FULL);
  static_assert(EXC_RESOURCE_THREADS_DECODE_PORTS(full) == 305834);
  constexpr uint64_t cpu = 1ull << 61 | 1ull << 58 | 180ull << 7 | 50;
  static_assert(EXC_RESOURCE_CPUMONITOR_DECODE_INTERVAL(cpu) == 180);
  static_assert(EXC_RESOURCE_CPUMONITOR_DECODE_PERCENTAGE(cpu) == 50);
  constexpr uint64_t wakeups = 2ull << 61 | 1ull << 58 | 300ull << 20 | 150;
  static_assert(EXC_RESOURCE_CPUMONITOR_DECODE_OBSERVATION_INTERVAL(wakeups) ==
                300 + (1ull << 58 >> 20 & 0xfffff));
  static_assert(EXC_RESOURCE_CPUMONITOR_DECODE_WAKEUPS_PERMITTED(wakeups) == 150);
  constexpr uint64_t writes = 4ull << 61 | 2ull << 58 | 86400ull << 15 | 512;
  static_assert(EXC_RESOURCE_IO_DECODE_INTERVAL(writes) == 86400);
  static_assert(EXC_RESOURCE_IO_DECODE_LIMIT(writes) == 512);

  constexpr uint64_t guard = 2305845208236959491ull;  // a port that was not there: name 0x2703
  static_assert(EXC_GUARD_DECODE_GUARD_TYPE(guard) == GUARD_TYPE_MACH_PORT);
  static_assert(EXC_GUARD_DECODE_GUARD_FLAVOR(guard) == kGUARD_EXC_INVALID_NAME);
  static_assert(EXC_GUARD_DECODE_GUARD_TARGET(guard) == 0x2703);

  uint64_t code = 0;
  ENCODE_OSR_NAMESPACE_TO_MACH_EXCEPTION_CODE(code, OS_REASON_PORT_SPACE);
  ENCODE_OSR_CODE_TO_MACH_EXCEPTION_CODE(code, full);
  EXPECT_EQ(30ull << 32 | 0x4aaaa, code);
}

TEST(AbiMacros, Others) {
  static_assert(CPU_SUBTYPE_INTEL(6, 1) == 22 && CPU_SUBTYPE_INTEL_FAMILY(22) == 6 &&
                CPU_SUBTYPE_INTEL_MODEL(22) == 1);
  static_assert(CPU_SUBTYPE_ARM64_PTR_AUTH_VERSION(0x03000002) == 3);
  constexpr uint64_t wait = encode_eventlink_count_and_error(77, KERN_OPERATION_TIMED_OUT);
  static_assert(decode_eventlink_count_from_retval(wait) == 77);
  static_assert(decode_eventlink_error_from_retval(wait) == KERN_OPERATION_TIMED_OUT);
  struct kevent event;
  EV_SET(&event, 7, EVFILT_MACHPORT, EV_ADD | EV_ENABLE, 0, 3, nullptr);
  EXPECT_EQ(7u, event.ident);
  EXPECT_EQ(-8, event.filter);
  EXPECT_EQ(3, event.data);
  struct kevent64_s event64;
  EV_SET64(&event64, 7, EVFILT_MACHPORT, EV_ADD, 0, 0, 5, 6, 9);
  EXPECT_EQ(5u, event64.udata);
  EXPECT_EQ(9u, event64.ext[1]);
}

}  // namespace
