// SPDX-License-Identifier: Apache-2.0
// mach_msg with arbitrary buffers, sizes, options and names, on the kernel and on the model. Before it comes
// a prelude that makes one name of each kind, 0x103 to 0xa03 or so, and fills a queue; the arena with the
// buffer lies at kArenaAddress, so that addresses of memory can be right.
//
// Input, again and again: u8 send (odd) or receive, u32 option, u16 size, u32 name, u8 length, that many
// bytes.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mach/notify.h>

#include "random/runner.hpp"

using namespace portolan::random;

namespace {

constexpr uint32_t kMessagesMost = 24;
constexpr uint32_t kTrailersAndGuards = 0x0f00108f;  // option bits that say something here

struct Input {
  const uint8_t* data;
  size_t left;

  template <class T>
  T take() {
    T value{};
    const size_t n = left < sizeof value ? left : sizeof value;
    if (n != 0) memcpy(&value, data, n);
    data += n;
    left -= n;
    return value;
  }
};

class Play {
 public:
  void prelude() {
    call(Verb::construct, 0, 0, MPO_INSERT_SEND_RIGHT);                         // 0x103
    call(Verb::construct, 0, 0, MPO_INSERT_SEND_RIGHT | MPO_QLIMIT);            // 0x203, always full
    call(Verb::allocate, 0, 0, MACH_PORT_RIGHT_RECEIVE);                        // 0x303
    call(Verb::allocate, 0, 0, MACH_PORT_RIGHT_PORT_SET);                       // 0x403
    call(Verb::allocate, 0, 0, MACH_PORT_RIGHT_DEAD_NAME);                      // 0x503
    call(Verb::extract_right, 0x103, 0, MACH_MSG_TYPE_MAKE_SEND_ONCE);          // 0x603
    call(Verb::construct, 0, 0, MPO_CONTEXT_AS_GUARD | MPO_INSERT_SEND_RIGHT);  // 0x703, guarded by 0
    call(Verb::insert_member, 0x103, 0x403, 0);
    call(Verb::request_notification, 0x203, 0x303, MACH_NOTIFY_SEND_POSSIBLE);
    call(Verb::request_notification, 0x103, 0x303, MACH_NOTIFY_NO_SENDERS);
  }

  void message(Input& in) {
    Call c;
    const bool sends = (in.take<uint8_t>() & 1) != 0;
    c.verb = sends ? Verb::send : Verb::receive;
    c.option = in.take<uint32_t>() & kTrailersAndGuards & ~uint32_t{MACH_SEND_MSG | MACH_RCV_MSG};
    const uint16_t size = in.take<uint16_t>();
    const uint32_t name = in.take<uint32_t>();
    const uint8_t length = in.take<uint8_t>();
    for (unsigned i = 0; i < length; i++) c.message.raw.push_back(in.take<uint8_t>());
    if (sends && c.message.raw.empty()) c.message.raw.resize(24);
    c.message.data = c.right = size % kBufferSize;
    c.name = Operand::literal(name);
    step(c);
  }

  void end() {
    if (auto wrong = runner_.finish()) fail(*wrong);
  }

 private:
  void call(Verb verb, Name name, Name name2, uint32_t right) {
    Call c;
    c.verb = verb;
    c.name = Operand::literal(name);
    c.name2 = Operand::literal(name2);
    c.right = right;
    c.value2 = MACH_MSG_TYPE_MAKE_SEND_ONCE;
    step(c);
  }

  void step(Call& c) {
    c.id = ++id_;
    if (auto wrong = runner_.step(c)) fail(*wrong);
  }

  static void fail(const std::string& what) {
    fprintf(stderr, "%s\n", what.c_str());
    abort();
  }

  Runner runner_{1};
  uint32_t id_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Play play;
  play.prelude();
  Input in{data, size};
  for (uint32_t i = 0; i < kMessagesMost && in.left != 0; i++) play.message(in);
  play.end();
  return 0;
}
