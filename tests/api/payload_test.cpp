// SPDX-License-Identifier: Apache-2.0
// What may be a payload: found out by the compiler, so this compiles or does not.
#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "api/api.hpp"

namespace api {
namespace {

enum class Colour : uint8_t { red };
struct Scalars {
  int number;
  char text[64];
  Colour colour;
  double fraction;
  bool truth;
};
struct Nested {
  Scalars scalars;
  std::array<Scalars, 2> more;
  uint64_t last;
};
struct Bits {
  unsigned low : 3;
  unsigned high : 5;
  int after;
};
struct Derived : Scalars {
  int after;
};
struct Grid {
  char cells[3][5];
  std::byte bytes[7];
};
struct Big {
  char bytes[2000];
};
static_assert(is_payload<int>);
static_assert(is_payload<Colour>);
static_assert(is_payload<none>);
static_assert(is_payload<Scalars>);
static_assert(is_payload<Nested>);
static_assert(is_payload<Bits>);
static_assert(is_payload<Derived>);
static_assert(is_payload<Grid>);
static_assert(is_payload<Big>);
static_assert(is_payload<std::array<float, 3>>);
static_assert(is_payload<NDR_record_t>);

struct WithPointer {
  int number;
  void* pointer;
};
struct WithPointerInside {
  Scalars scalars;
  WithPointer inside[2];
};
struct WithPointerLast {
  char bytes[2000];
  int* last;
};
struct WithFunction {
  int number;
  int (*function)();
};
struct WithMember {
  int Scalars::*member;
};
struct WithReference {
  int& reference;
};
struct WithView {
  int number;
  std::string_view view;
};
struct WithSpan {
  std::span<int> span;
};
class Private {
 public:
  int number() const { return number_; }

 private:
  int number_ = 0;
};
struct WithPrivate {
  int number;
  Private inside;
};
static_assert(!is_payload<void*>);
static_assert(!is_payload<std::nullptr_t>);
static_assert(!is_payload<WithPointer>);
static_assert(!is_payload<WithPointerInside>);
static_assert(!is_payload<WithPointerLast>);
static_assert(!is_payload<WithFunction>);
static_assert(!is_payload<WithMember>);
static_assert(!is_payload<WithReference>);
static_assert(!is_payload<WithView>);
static_assert(!is_payload<WithSpan>);
static_assert(!is_payload<WithPrivate>);
static_assert(!is_payload<std::string>);
static_assert(!is_payload<std::unique_ptr<int>>);
static_assert(!is_payload<send_right>);
static_assert(!is_payload<const int>);

// Said by hand, of a type that the compiler cannot see into.
class Celsius {
 public:
  Celsius() = default;
  explicit Celsius(double degrees) : degrees_(degrees) {}
  double degrees() const { return degrees_; }

 private:
  double degrees_ = 0;
};

}  // namespace
}  // namespace api

template <>
inline constexpr bool portolan::is_payload<api::Celsius> = true;

namespace api {
namespace {

class Payload : public Api {};

TEST_F(Payload, OpaqueTypesTravelWhereTheProgramSaysSo) {
  using weather = message<102, Celsius>;
  const receive_right port = receive_right::allocate().value();
  ASSERT_TRUE(send(port, weather{Celsius(21.5)}));
  EXPECT_EQ(21.5, receive<weather>(port, kPatience).value().payload.degrees());
}

TEST_F(Payload, NumbersAndLargeStructuresTravel) {
  using number = message<103, int>;
  using large = message<104, Big>;
  const receive_right port = receive_right::allocate().value();
  ASSERT_TRUE(send(port, number{-7}));
  EXPECT_EQ(-7, receive<number>(port, kPatience)->payload);
  large out{};
  out.payload.bytes[1999] = 'x';
  ASSERT_TRUE(send(port, out));
  EXPECT_EQ('x', receive<large>(port, kPatience)->payload.bytes[1999]);
}

// Sizes of messages are multiples of four (messages 5.1).
TEST_F(Payload, OddSizesArePadded) {
  using three = message<105, std::array<char, 3>>;
  static_assert(detail::wire<three>::size == sizeof(mach_msg_header_t) + 4);
  const receive_right port = receive_right::allocate().value();
  ASSERT_TRUE(send(port, three{{{'a', 'b', 'c'}}}));
  EXPECT_EQ('c', receive<three>(port, kPatience)->payload[2]);
}

}  // namespace
}  // namespace api
