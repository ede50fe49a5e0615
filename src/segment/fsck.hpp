// SPDX-License-Identifier: Apache-2.0
// Checking a segment: which numbered invariants hold. Reads only, so a copy or a read-only view will do; believes
// nothing that it reads, and never loops for ever on damaged memory. Not on any path: it may use memory of its own.
//
// Takes no locks. What it says is certain about a segment that nobody is changing: a copy, or one whose tasks sleep.
#pragma once

#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "segment/segment.hpp"

namespace portolan {

struct Invariant {
  const char* id;
  const char* text;
};

class Report {
 public:
  struct Broken {
    const char* id;
    std::string text;
  };

  // `what` are pieces of text and numbers, said one after the other.
  template <class... Pieces>
  void broken(const char* id, const Pieces&... what) {
    if (broken_.size() >= kMost) {
      more_++;
      return;
    }
    std::string text;
    (append(text, what), ...);
    broken_.push_back({id, std::move(text)});
  }

  bool clean() const { return broken_.empty(); }
  bool names(const char* id) const;
  const std::vector<Broken>& list() const { return broken_; }
  size_t untold() const { return more_; }  // found after the list was full
  std::string text() const;                // a line for each

 private:
  static constexpr size_t kMost = 1000;

  template <class Piece>
  static void append(std::string& text, const Piece& piece) {
    if constexpr (std::is_arithmetic_v<Piece>)
      text += std::to_string(piece);
    else
      text += piece;
  }

  std::vector<Broken> broken_;
  size_t more_ = 0;
};

struct FsckOptions {
  bool quiescent = true;  // nobody is inside a transaction: then S1 and L1 must hold too
};

// What is checked here, for those who count and explain.
std::span<const Invariant> segment_invariants();

// False: so damaged that the layers above cannot be checked.
bool fsck_segment(const Segment& segment, const FsckOptions& options, Report& report);

}  // namespace portolan
