// SPDX-License-Identifier: Apache-2.0
// How the segment's objects name each other: never by pointer, for every task maps the segment elsewhere.
//
// A Handle is an index into the zone of its type, good while a counted reference keeps the element allocated.
// A Ref also carries the element's generation, so that it can be kept without a reference and checked later.
#pragma once

#include <cstdint>

#include "segment/cell.hpp"

namespace portolan {

template <class T>
struct Handle {
  uint32_t index = 0;  // 0: none

  constexpr explicit operator bool() const { return index != 0; }
  friend constexpr bool operator==(Handle, Handle) = default;
};

template <class T>
struct alignas(8) Ref {
  uint32_t index = 0;
  uint32_t generation = 0;

  constexpr explicit operator bool() const { return index != 0; }
  friend constexpr bool operator==(Ref, Ref) = default;
};

// The object of another task that a call is about: it may end, and its element be taken by another, before
// the call's first lock; so its generation goes with it. An object that cannot go away meanwhile, such as the
// caller's own, is a Target by its Handle alone, and nothing is compared.
template <class T>
struct Target {
  Handle<T> handle;
  uint32_t generation = 0;  // 0: cannot go away

  constexpr Target() = default;
  constexpr Target(Handle<T> lasting) : handle(lasting) {}
  constexpr explicit Target(Ref<T> ref) : handle{ref.index}, generation(ref.generation) {}
  constexpr explicit operator bool() const { return static_cast<bool>(handle); }
};

// What every zone element begins with.
//   E1: `generation` is odd exactly while the element is allocated.
//   E2: a free element is on exactly one free list: a depot shard, a magazine, or a slot's pending frees.
struct Element {
  LockWord lock;              // initialised once, with the page: elements are type-stable
  Cell<uint32_t> generation;  // +1 at each allocation and each release
  Cell<uint32_t> link;        // free: next on the free list; live: the owner's to use
  Cell<uint32_t> work;        // next on a thread's work list

  bool allocated() const { return (generation.get() & 1) != 0; }
};
static_assert(sizeof(Element) == 16);

// Which zone a type lives in; specialised beside each type.
template <class T>
struct ZoneOf;

}  // namespace portolan
