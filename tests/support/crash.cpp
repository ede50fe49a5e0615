// SPDX-License-Identifier: Apache-2.0
#include "support/crash.hpp"

#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "segment/futex.hpp"

namespace portolan::test {

namespace {

constexpr size_t kLine = Line::kBytes;
constexpr uint64_t kTick = 20'000'000;  // how often a step that does not end is looked at

// Far from where mmap puts things by itself: the bodies' own mappings come to the same addresses in each
// child.
std::byte* map_memory(uint64_t size) {
  static uintptr_t next = 0x100000000000;
  void* hint = reinterpret_cast<void*>(next);
  next += (size + 0xffffff) / 0x1000000 * 0x1000000;
  void* memory = mmap(hint, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    perror("crash: no memory for an image");
    _exit(2);
  }
  return static_cast<std::byte*>(memory);
}

// The parts of a segment that hold anything: offset and length.
template <class Each>
void each_part(const Segment& segment, Each&& each) {
  const Header& header = segment.header();
  const uint64_t slots = std::min(header.threads_high.load(), header.max_threads);
  each(uint64_t{0}, sizeof(Header));
  each(header.life_base, slots * sizeof(LifeWord));
  each(header.slots_base, slots * sizeof(ThreadSlot));
  for (const ZoneState& zone : header.zones) {
    if (zone.element_size == 0) continue;
    const uint64_t carved = std::min<uint64_t>(zone.carved, zone.capacity);
    each(zone.base, carved * zone.element_size);
    if (&zone == &header.zones[header.arena_zone]) each(header.arena_base, carved * header.arena_size);
  }
}

uint64_t mix(uint64_t value) {
  value = (value ^ value >> 33) * 0xff51afd7ed558ccdull;
  value = (value ^ value >> 33) * 0xc4ceb9fe1a85ec53ull;
  return value ^ value >> 33;
}

// 0 for a line of zeros, so that memory that nobody ever used counts for nothing.
uint64_t hash_line(uint32_t number, const std::byte* bytes) {
  uint64_t words[kLine / 8], any = 0, hash = 0;
  memcpy(words, bytes, kLine);
  for (uint64_t word : words) any |= word;
  if (any == 0) return 0;
  for (uint64_t word : words) hash = mix(hash + word + 0x9e3779b97f4a7c15ull);
  return mix(hash ^ uint64_t{number} << 32);
}

uintptr_t instruction_pointer(int pid) {
  user_regs_struct registers{};
  iovec vector{&registers, sizeof registers};
  if (ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &vector) != 0) return 0;
#if defined(__x86_64__)
  return registers.rip;
#else
  return registers.pc;
#endif
}

// Asleep in a system call, as Linux says?
bool asleep_now(int pid) {
  char path[32], text[256];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  FILE* file = fopen(path, "r");
  if (file == nullptr) return false;
  const size_t length = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[length] = 0;
  const char* after = strrchr(text, ')');
  return after != nullptr && after[1] == ' ' && after[2] == 'S';
}

// While it lives, a waitpid that takes long is interrupted every kTick.
class Ticker {
 public:
  Ticker() {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    sigaction(SIGALRM, &action, &old_);
    set(kTick / 1000);
  }
  ~Ticker() {
    set(0);
    sigaction(SIGALRM, &old_, nullptr);
  }
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;

 private:
  static void set(uint64_t us) {
    const timeval every{0, static_cast<suseconds_t>(us)};
    const itimerval timer{every, every};
    setitimer(ITIMER_REAL, &timer, nullptr);
  }
  struct sigaction old_ {};
};

}  // namespace

// -------------------------------------------------------------------------------------------------------
// images

Image::Image(const Segment& segment) : bytes_(map_memory(segment.size())), size_(segment.size()) {
  for (uint64_t at = 0; at < size_; at += kLine) {
    const auto number = static_cast<uint32_t>(at / kLine);
    if (hash_line(number, segment.base() + at) != 0) take(number, segment.base() + at);
  }
  view_.view(bytes_, size_);
}

Image::~Image() { munmap(bytes_, size_); }

void Image::take(uint32_t number, const std::byte* bytes) {
  std::byte* mine = bytes_ + size_t{number} * kLine;
  hash_ ^= hash_line(number, mine);
  memcpy(mine, bytes, kLine);
  hash_ ^= hash_line(number, mine);
}

void Image::apply(const Line& line) { take(line.number, line.bytes); }

void Image::differences(const Segment& segment, std::vector<Line>& lines) const {
  for (uint64_t at = 0; at < size_; at += kLine) {
    if (memcmp(bytes_ + at, segment.base() + at, kLine) == 0) continue;
    Line line;
    line.number = static_cast<uint32_t>(at / kLine);
    memcpy(line.bytes, segment.base() + at, kLine);
    lines.push_back(line);
  }
}

void Image::become(const Image& other) {
  memcpy(bytes_, other.bytes_, size_);
  hash_ = other.hash_;
}

bool Image::follow(const Segment& segment, std::vector<Line>* changed) {
  bool any = false;
  each_part(segment, [&](uint64_t offset, uint64_t length) {
    if (memcmp(bytes_ + offset, segment.base() + offset, length) == 0) return;
    for (uint64_t at = offset / kLine * kLine; at < offset + length; at += kLine) {
      if (memcmp(bytes_ + at, segment.base() + at, kLine) == 0) continue;
      const auto number = static_cast<uint32_t>(at / kLine);
      take(number, segment.base() + at);
      any = true;
      if (changed == nullptr) continue;
      Line line;
      line.number = number;
      memcpy(line.bytes, segment.base() + at, kLine);
      changed->push_back(line);
    }
  });
  return any;
}

void Image::restore(const Segment& segment) const {
  // Collected first: copying changes the header that says where the parts are.
  std::vector<std::pair<uint64_t, uint64_t>> parts;
  auto collect = [&](uint64_t offset, uint64_t length) { parts.emplace_back(offset, length); };
  each_part(segment, collect);
  each_part(view_, collect);
  for (const auto& [offset, length] : parts) memcpy(segment.base() + offset, bytes_ + offset, length);
}

void Image::restore_all(const Segment& segment) const { memcpy(segment.base(), bytes_, size_); }

bool Image::same_everywhere(const Segment& segment) const {
  return memcmp(segment.base(), bytes_, size_) == 0;
}

void branch_off(const Segment& segment, const Image& image) {
  if (mmap(segment.base(), segment.size(), PROT_READ | PROT_WRITE,
           MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) == MAP_FAILED) {
    perror("crash: cannot branch off");
    _exit(2);
  }
  image.restore_all(segment);
}

// ------------------------------------------------------------------------------------------------------
// stepping

struct Stepper::Shared {
  std::atomic<uint32_t> phase;
  std::atomic<uint32_t> go;
  std::atomic<uint64_t> took;
};

Stepper::Stepper(const Segment& segment, std::function<void()> body, std::function<void()> asleep)
    : segment_(segment), body_(std::move(body)), asleep_(std::move(asleep)) {
  void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    perror("crash: no shared memory");
    _exit(2);
  }
  shared_ = new (memory) Shared{};
}

Stepper::~Stepper() { munmap(shared_, sizeof(Shared)); }

// Traced: stopped before the body. Otherwise: waiting for `go`.
int Stepper::start(bool traced) {
  shared_->phase = static_cast<uint32_t>(Phase::before);
  shared_->go = 0;
  const pid_t pid = fork();
  if (pid < 0) return -1;
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (traced) {
      if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(3);
      raise(SIGSTOP);
    } else {
      while (shared_->go == 0) {
      }
    }
    shared_->phase = static_cast<uint32_t>(Phase::during);
    body_();
    shared_->phase = static_cast<uint32_t>(Phase::after);
    for (;;) pause();
  }
  if (!traced) return pid;
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFSTOPPED(status)) return -1;
  ptrace(PTRACE_SETOPTIONS, pid, nullptr, PTRACE_O_EXITKILL);
  return pid;
}

void Stepper::finish(int pid) {
  kill(pid, SIGKILL);
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

// One instruction. `slept`: a peer has acted meanwhile, because the body slept.
Stepper::Stop Stepper::step(int pid, bool& slept, std::string& failure) {
  slept = false;
  if (ptrace(PTRACE_SINGLESTEP, pid, nullptr, nullptr) != 0) {
    failure = "cannot step: " + std::string(strerror(errno));
    return Stop::failed;
  }
  int status = 0;
  uint64_t since = 0;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return Stop::failed;
    const uint64_t now = monotonic_ns();
    if (since == 0) since = now;
    if (now - since < kTick || !asleep_now(pid)) continue;
    if (asleep_ && !slept) {
      asleep_();
      slept = true;
      since = monotonic_ns();
    } else if (now - since > patience_ns) {
      failure = "the body sleeps and nobody wakes it";
      return Stop::failed;
    }
  }
  if (WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP) return Stop::stepped;
  if (WIFSTOPPED(status))
    failure = std::string("the body got ") + strsignal(WSTOPSIG(status));
  else
    failure = "the body ended by itself";
  return Stop::failed;
}

Course Stepper::pass(const Image& base, const Tamper& tamper) {
  Course course;
  Ticker ticker;
  Image image(segment_);
  course.states.insert(image.hash());
  if (image.hash() != base.hash()) course.failure = "the segment is not where the pass should begin";
  const int pid = start(true);
  if (pid < 0) course.failure = "the body cannot be traced: is ptrace allowed here?";
  bool slept = false;
  while (course.failure.empty() && shared_->phase != static_cast<uint32_t>(Phase::during))
    step(pid, slept, course.failure);
  while (course.failure.empty() && shared_->phase == static_cast<uint32_t>(Phase::during)) {
    const uintptr_t instruction = instruction_pointer(pid);
    if (step(pid, slept, course.failure) != Stop::stepped) break;
    if (tamper) tamper();
    course.steps++;
    const size_t first = course.lines.size();
    const bool changed = image.follow(segment_, &course.lines);
    if (passed != nullptr) passed(instruction, changed && !slept);
    if (!changed) continue;
    const bool fresh = course.states.insert(image.hash()).second;
    course.moments.push_back(
        {course.steps, slept ? 0 : instruction, first, course.lines.size(), image.hash(), !fresh});
  }
  if (pid > 0) finish(pid);
  if (course.failure.empty() && !image.same_everywhere(segment_))
    course.failure = "the body wrote where nothing of the segment is in use";
  return course;
}

Killed Stepper::kill_after_steps(uint64_t steps) {
  Killed killed;
  Ticker ticker;
  const int pid = start(true);
  if (pid < 0) {
    killed.failure = "the body cannot be traced";
    return killed;
  }
  bool slept = false;
  while (killed.failure.empty() && shared_->phase != static_cast<uint32_t>(Phase::during))
    step(pid, slept, killed.failure);
  for (; killed.failure.empty() && killed.steps < steps; killed.steps++) {
    if (shared_->phase != static_cast<uint32_t>(Phase::during)) break;
    step(pid, slept, killed.failure);
  }
  finish(pid);
  killed.phase = static_cast<Phase>(shared_->phase.load());
  return killed;
}

Killed Stepper::kill_after_time(uint64_t ns) {
  Killed killed;
  const int pid = start(false);
  if (pid < 0) {
    killed.failure = "no process for the body";
    return killed;
  }
  shared_->go = 1;
  while (shared_->phase == static_cast<uint32_t>(Phase::before)) cpu_relax();
  const uint64_t until = monotonic_ns() + ns;
  while (monotonic_ns() < until) cpu_relax();
  finish(pid);
  killed.phase = static_cast<Phase>(shared_->phase.load());
  return killed;
}

uint64_t Stepper::duration(uint64_t limit_ns) {
  const int pid = start(false);
  if (pid < 0) return 0;
  shared_->go = 1;
  while (shared_->phase == static_cast<uint32_t>(Phase::before)) cpu_relax();
  const uint64_t begin = monotonic_ns();
  uint64_t took = 0;
  while (took <= limit_ns && shared_->phase == static_cast<uint32_t>(Phase::during))
    took = monotonic_ns() - begin;
  finish(pid);
  return took <= limit_ns ? took : 0;
}

}  // namespace portolan::test
