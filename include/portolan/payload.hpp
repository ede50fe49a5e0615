// SPDX-License-Identifier: Apache-2.0
// What may travel inside a message as it is: numbers, and structures and arrays of numbers. A pointer means
// nothing to the task that receives it, so a structure with one, at any depth, is refused by the compiler.
#ifndef PORTOLAN_PAYLOAD_HPP_
#define PORTOLAN_PAYLOAD_HPP_

#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

namespace portolan {

// No payload.
struct none {};

namespace detail {

template <class T>
concept number = std::is_arithmetic_v<T> || std::is_enum_v<T>;

// Converts to any number and to nothing else. In an aggregate's initialiser it therefore stands for one
// number at any depth: nested structures and arrays are filled by brace elision.
struct any_number {
  template <number T>
  constexpr operator T() const noexcept {
    return T();
  }
};

// Converts to whatever is there.
struct anything {
  template <class T>
  operator T() const noexcept;
};

template <std::size_t>
using number_at = any_number;

template <class T, class Numbers, class... Last>
inline constexpr bool initialises = false;
template <class T, std::size_t... I, class... Last>
inline constexpr bool initialises<T, std::index_sequence<I...>, Last...> = requires {
  T{number_at<I>{}..., Last{}...};
};

// How many numbers T begins with: `works` do, `fails` do not.
template <class T, std::size_t works, std::size_t fails>
constexpr std::size_t leading_numbers() noexcept {
  if constexpr (fails - works <= 1) {
    return works;
  } else {
    constexpr std::size_t middle = works + (fails - works) / 2;
    if constexpr (initialises<T, std::make_index_sequence<middle>>) {
      return leading_numbers<T, middle, fails>();
    } else {
      return leading_numbers<T, works, middle>();
    }
  }
}

// Nothing but numbers? True if, after as many numbers as it takes, there is no room for anything else.
template <class T>
constexpr bool numbers_only() noexcept {
  if constexpr (number<T> || std::is_same_v<T, none>) {
    return true;
  } else if constexpr (std::is_array_v<T>) {
    return numbers_only<std::remove_all_extents_t<T>>();
  } else if constexpr (!std::is_aggregate_v<T>) {
    return false;
  } else {
    constexpr std::size_t count = leading_numbers<T, 0, sizeof(T) + 1>();
    return !initialises<T, std::make_index_sequence<count>, anything>;
  }
}

}  // namespace detail

// To be specialised for a trivially copyable type whose insides the compiler cannot see (one with private
// members, or an empty member), but which holds no pointers all the same. Of a union only the first member is
// seen.
template <class T>
inline constexpr bool is_payload = std::is_trivially_copyable_v<T>&& std::is_default_constructible_v<T> &&
                                   !std::is_const_v<T> && detail::numbers_only<T>();

template <class T>
concept payload_type = std::is_object_v<T> && is_payload<T>;

namespace detail {

// A contiguous range, of known length, of what may be a payload.
template <class Range>
concept lendable_range = requires(const Range& range) {
  std::span(range);
  requires is_payload<std::remove_cv_t<typename decltype(std::span(range))::element_type>>;
};

}  // namespace detail

}  // namespace portolan

#endif  // PORTOLAN_PAYLOAD_HPP_
