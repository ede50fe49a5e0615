// SPDX-License-Identifier: Apache-2.0
// Dying at every instruction. A body runs in a child process on a shared segment, one machine instruction at
// a time, and each time the segment's contents have changed they are kept. A death after instruction k is the
// segment as it stands after instruction k, so to recover every kept state is to have died at every k
// (KERNEL.md 6).
//
// Images and moments are plain copies: nothing here knows what the kernel's objects mean, beyond where they
// lie.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <unordered_set>
#include <vector>

#include "segment/segment.hpp"

namespace portolan::test {

// Sixty-four bytes of a segment as they are from some moment on.
struct Line {
  static constexpr size_t kBytes = 64;
  uint32_t number;  // offset / kBytes
  std::byte bytes[kBytes];
};

// A copy of a segment that can follow it, cheaply: only what is in use is compared (header, life words,
// thread slots ever used, carved elements, backed tables).
class Image {
 public:
  explicit Image(const Segment& segment);
  ~Image();
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;

  // Takes over what is different in the segment; false: nothing is. The new lines are appended to `changed`.
  bool follow(const Segment& segment, std::vector<Line>* changed);
  void apply(const Line& line);
  // The lines by which the segment is different from this image, anywhere.
  void differences(const Segment& segment, std::vector<Line>& lines) const;
  void become(const Image& other);
  // Makes the segment what the image is. Assumes that the segment differs only where one of the two is in
  // use.
  void restore(const Segment& segment) const;
  // Everything, whether in use or not: for the start, and to see that nobody wrote where nothing is.
  void restore_all(const Segment& segment) const;
  bool same_everywhere(const Segment& segment) const;

  uint64_t hash() const { return hash_; }  // of the whole contents

 private:
  void take(uint32_t number, const std::byte* bytes);

  std::byte* bytes_;
  uint64_t size_;
  uint64_t hash_ = 0;
  Segment view_;
};

// One change of the segment's contents.
struct Moment {
  uint64_t step;          // how many instructions of the body had run
  uintptr_t instruction;  // the last of them; 0: a peer's doing, while the body slept
  size_t first, end;      // its lines
  uint64_t hash;
  bool seen;  // the contents have been the same before
};

// What a stepped pass left: the base is where the segment was at its start.
struct Course {
  uint64_t steps = 0;
  std::vector<Moment> moments;
  std::vector<Line> lines;
  std::unordered_set<uint64_t> states;  // hashes, the base's included
  std::string failure;                  // why the pass is no proof; empty: it is
};

// How a body that was killed ended.
enum class Phase : uint32_t { before, during, after };
struct Killed {
  Phase phase = Phase::before;
  uint64_t steps = 0;
  std::string failure;
};

// Tampers with the segment of a body that is being stepped; called after each step, with the child stopped.
using Tamper = std::function<void()>;

class Stepper {
 public:
  // `body` runs in the child. `asleep` is called here once the body sleeps for good: it does what ends the
  // sleep. Without one, a body that sleeps must wake by itself.
  Stepper(const Segment& segment, std::function<void()> body, std::function<void()> asleep = nullptr);
  ~Stepper();
  Stepper(const Stepper&) = delete;
  Stepper& operator=(const Stepper&) = delete;

  // How long a body may sleep.
  uint64_t patience_ns = 10'000'000'000;
  // Told of each instruction of a stepped body, and whether the segment is another after it.
  void (*passed)(uintptr_t instruction, bool changed) = nullptr;
  // Steps through the whole body; the segment is left as the body left it.
  Course pass(const Image& base, const Tamper& tamper = nullptr);
  // A fresh child that gets a real SIGKILL after so many steps, or about so many nanoseconds after its start;
  // the segment is left as it was then.
  Killed kill_after_steps(uint64_t steps);
  Killed kill_after_time(uint64_t ns);
  // How long the body takes unharmed, in nanoseconds; 0 when it takes longer than `limit`.
  uint64_t duration(uint64_t limit_ns);

 private:
  struct Shared;
  enum class Stop { stepped, slept, ended, failed };
  int start(bool traced);
  void finish(int pid);
  Stop step(int pid, bool& slept, std::string& failure);

  const Segment& segment_;
  std::function<void()> body_, asleep_;
  Shared* shared_;
};

// Gives this process, and its children to come, a segment of their own at the same address, with the image's
// contents.
void branch_off(const Segment& segment, const Image& image);

}  // namespace portolan::test
