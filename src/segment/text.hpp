// SPDX-License-Identifier: Apache-2.0
// Lines of text in a caller's buffer, without stdio: for paths and for what people are told. Cuts what does
// not fit.
#pragma once

#include <cstddef>
#include <cstdint>

namespace portolan {

class Text {
 public:
  template <size_t N>
  explicit Text(char (&buffer)[N]) : at_(buffer), end_(buffer + N - 1) {
    *at_ = 0;
  }

  Text& operator<<(const char* text) {
    while (*text != 0) put(*text++);
    return *this;
  }
  Text& operator<<(uint64_t number) {
    char digits[20];
    unsigned n = 0;
    do digits[n++] = static_cast<char>('0' + number % 10);
    while ((number /= 10) != 0);
    while (n != 0) put(digits[--n]);
    return *this;
  }
  Text& hex(uint64_t number) {
    for (int shift = 60; shift >= 0; shift -= 4) put("0123456789abcdef"[number >> shift & 15]);
    return *this;
  }
  bool cut() const { return cut_; }

 private:
  void put(char c) {
    if (at_ == end_) {
      cut_ = true;
      return;
    }
    *at_++ = c;
    *at_ = 0;
  }
  char* at_;
  char* end_;
  bool cut_ = false;
};

}  // namespace portolan
