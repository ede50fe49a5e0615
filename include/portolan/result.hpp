// SPDX-License-Identifier: Apache-2.0
// What a call gives back: a value, or the error that kept it from having one. The names are those of
// std::expected (C++23); there are no exceptions, so value() of a result without one names the error on the
// standard error stream and ends the program.
#ifndef PORTOLAN_RESULT_HPP_
#define PORTOLAN_RESULT_HPP_

#include <mach/error.h>
#include <mach/mach_error.h>
#include <mach/message.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <type_traits>
#include <utility>

namespace portolan {

// Which call failed, and with what code.
class error {
 public:
  // `call` is a string that stays, such as a literal.
  constexpr error(kern_return_t code, const char* call) noexcept : code_(code), call_(call) {}

  // As the call returned it: codes of messages may carry bits of MACH_MSG_MASK.
  constexpr kern_return_t code() const noexcept { return code_; }
  constexpr const char* call() const noexcept { return call_; }
  // mach_error_string, or strerror of a unix_err: never null, not to be freed.
  const char* text() const noexcept {
    const bool is_errno = (code_ & (system_emask | sub_emask)) == unix_err(0);
    return is_errno ? std::strerror(err_get_code(code_)) : mach_error_string(code_);
  }

  // Codes compare without the bits of MACH_MSG_MASK.
  friend constexpr bool operator==(const error& failed, kern_return_t code) noexcept {
    return failed.bare() == code;
  }

 private:
  constexpr kern_return_t bare() const noexcept {
    constexpr kern_return_t message_codes = 0x10000000;
    return code_ >= message_codes ? code_ & ~MACH_MSG_MASK : code_;
  }

  kern_return_t code_;
  const char* call_;
};

namespace detail {

// The program is wrong, and going on would release what is another's: says so and ends it.
[[noreturn]] inline void misuse(const char* what) noexcept {
  std::fprintf(stderr, "portolan: misuse: %s\n", what);
  std::abort();
}

[[noreturn]] inline void no_value(const error& failed, const char* file, int line) noexcept {
  if (file != nullptr) std::fprintf(stderr, "%s:%d: ", file, line);
  if (file == nullptr) std::fputs("portolan: misuse: there is no value: ", stderr);
  std::fprintf(stderr, "%s: 0x%x %s\n", failed.call(), static_cast<unsigned>(failed.code()), failed.text());
  std::abort();
}

}  // namespace detail

template <class T>
class [[nodiscard]] result {
 public:
  using value_type = T;
  using error_type = portolan::error;

  result(T value) noexcept : value_(std::in_place, std::move(value)), error_(KERN_SUCCESS, "") {}
  result(const portolan::error& failed) noexcept : error_(failed) {}

  bool has_value() const noexcept { return value_.has_value(); }
  explicit operator bool() const noexcept { return has_value(); }

  // The value; without one, the program ends, saying where it was asked for.
  T& value(const char* file = __builtin_FILE(), int line = __builtin_LINE()) & noexcept {
    need(file, line);
    return *value_;
  }
  const T& value(const char* file = __builtin_FILE(), int line = __builtin_LINE()) const& noexcept {
    need(file, line);
    return *value_;
  }
  T value(const char* file = __builtin_FILE(), int line = __builtin_LINE()) && noexcept {
    need(file, line);
    return std::move(*value_);
  }

  // For where it is known that there is one: says only which call failed, otherwise.
  T& operator*() & noexcept { return value(nullptr, 0); }
  const T& operator*() const& noexcept { return value(nullptr, 0); }
  T operator*() && noexcept { return std::move(*this).value(nullptr, 0); }
  T* operator->() noexcept { return &value(nullptr, 0); }
  const T* operator->() const noexcept { return &value(nullptr, 0); }

  // Only when there is no value.
  const portolan::error& error() const noexcept {
    if (has_value()) detail::misuse("error() of a result that has a value");
    return error_;
  }

  template <class U>
  T value_or(U&& otherwise) && noexcept {
    return has_value() ? std::move(*value_) : static_cast<T>(std::forward<U>(otherwise));
  }

  // `next`: T -> result<U>.
  template <class F>
  auto and_then(F&& next) && {
    using next_result = std::invoke_result_t<F, T>;
    if (!has_value()) return next_result(error_);
    return std::forward<F>(next)(std::move(*value_));
  }

  // `change`: T -> U, which becomes result<U>.
  template <class F>
  auto transform(F&& change) && {
    using changed = std::invoke_result_t<F, T>;
    if (!has_value()) return result<changed>(error_);
    if constexpr (std::is_void_v<changed>) {
      std::forward<F>(change)(std::move(*value_));
      return result<changed>();
    } else {
      return result<changed>(std::forward<F>(change)(std::move(*value_)));
    }
  }

  // `mend`: error -> result<T>.
  template <class F>
  result or_else(F&& mend) && {
    if (has_value()) return std::move(*this);
    return std::forward<F>(mend)(error_);
  }

 private:
  void need(const char* file, int line) const noexcept {
    if (!has_value()) detail::no_value(error_, file, line);
  }

  std::optional<T> value_;
  portolan::error error_;
};

template <>
class [[nodiscard]] result<void> {
 public:
  using value_type = void;
  using error_type = portolan::error;

  result() noexcept : error_(KERN_SUCCESS, "") {}
  result(const portolan::error& failed) noexcept : error_(failed), failed_(true) {}

  bool has_value() const noexcept { return !failed_; }
  explicit operator bool() const noexcept { return has_value(); }
  void value(const char* file = __builtin_FILE(), int line = __builtin_LINE()) const noexcept {
    if (failed_) detail::no_value(error_, file, line);
  }
  const portolan::error& error() const noexcept {
    if (!failed_) detail::misuse("error() of a result that has a value");
    return error_;
  }

  template <class F>
  auto and_then(F&& next) const {
    using next_result = std::invoke_result_t<F>;
    if (failed_) return next_result(error_);
    return std::forward<F>(next)();
  }
  template <class F>
  auto transform(F&& change) const {
    using changed = std::invoke_result_t<F>;
    if (failed_) return result<changed>(error_);
    if constexpr (std::is_void_v<changed>) {
      std::forward<F>(change)();
      return result<changed>();
    } else {
      return result<changed>(std::forward<F>(change)());
    }
  }
  template <class F>
  result or_else(F&& mend) const {
    if (!failed_) return *this;
    return std::forward<F>(mend)(error_);
  }

 private:
  portolan::error error_;
  bool failed_ = false;
};

namespace detail {

// KERN_SUCCESS, or the error of `call`.
inline result<void> outcome(kern_return_t code, const char* call) noexcept {
  if (code == KERN_SUCCESS) return {};
  return error(code, call);
}

}  // namespace detail

}  // namespace portolan

#endif  // PORTOLAN_RESULT_HPP_
