// SPDX-License-Identifier: Apache-2.0
// What a run loop is made of (run_loop.hpp): the kernel queue, the sources by their numbers, the batch of
// events that is being told, and what other threads have brought.
//
// Locks: one, over the tasks. All else is the loop's thread's, but for the queue itself and two atomics. A
// knote names its source by a number that is never used again: what is told of a source that has gone finds
// nobody.
#ifndef PORTOLAN_LOOP_CORE_HPP_
#define PORTOLAN_LOOP_CORE_HPP_

#include <mach/mach.h>
#include <sys/event.h>
#include <portolan/kernel_queue.hpp>
#include <portolan/listener.hpp>
#include <portolan/result.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace portolan::detail {

class loop_core;

// What a source is to its loop.
class loop_node {
 public:
  virtual ~loop_node() = default;
  // False if nobody was called.
  virtual bool happened(loop_core& core, const struct kevent64_s& event) = 0;

  struct kevent64_s knote = {};  // as it was registered; filter 0: not at all
  bool cancelled = false;
};

// The loop as its sources and other threads hold it. It outlives the loop, and does nothing then.
class loop_core {
 public:
  using clock = std::chrono::steady_clock;
  using deadline = std::optional<clock::time_point>;

  loop_core() {
    result<kernel_queue> made = kernel_queue::make();
    if (made) queue_ = *std::move(made);
    const result<void> ready =
        made ? queue_.apply(queue_change(kControl, EVFILT_USER, EV_ADD | EV_CLEAR)) : made.error();
    if (!ready) broken_ = ready.error();
  }
  loop_core(const loop_core&) = delete;
  loop_core& operator=(const loop_core&) = delete;

  int fd() const noexcept { return queue_.fd(); }

  // --- the loop's thread: sources

  result<uint64_t> add(std::shared_ptr<loop_node> node, struct kevent64_s knote) {
    check_thread();
    if (broken_) return *broken_;
    knote.udata = ++last_id_;
    if (knote.filter == EVFILT_USER || knote.filter == EVFILT_TIMER) knote.ident = knote.udata;
    knote.flags |= EV_ADD | EV_UDATA_SPECIFIC;
    node->knote = knote;
    nodes_.emplace(knote.udata, std::move(node));
    if (knote.filter == 0) {
      idle_.push_back(knote.udata);
      return last_id_;
    }
    const result<void> added = queue_.apply(knote);
    if (added) return knote.udata;
    nodes_.erase(knote.udata);
    return added.error();
  }

  void cancel(uint64_t id) noexcept {
    const auto found = nodes_.find(id);
    if (found == nodes_.end()) return;  // the loop has ended before
    if (queue_.is_here()) check_thread();
    const std::shared_ptr<loop_node> node = std::move(found->second);
    nodes_.erase(found);
    node->cancelled = true;
    std::erase(idle_, id);
    // One that has happened for the only time, or whose object is gone, is not there any more.
    if (node->knote.filter != 0)
      static_cast<void>(queue_.apply(
          queue_change(node->knote.ident, node->knote.filter, EV_DELETE | EV_UDATA_SPECIFIC, 0, 0, id)));
  }

  // Changes a source's knote; what has happened to it before is forgotten. KERN_INVALID_ARGUMENT if the loop
  // has ended, or if change(knote) says no.
  template <class Change>
  result<void> change(uint64_t id, Change&& change) {
    check_thread();
    const auto found = nodes_.find(id);
    if (found == nodes_.end()) return error(KERN_INVALID_ARGUMENT, "loop_source");
    struct kevent64_s knote = found->second->knote;
    if (!change(knote)) return error(KERN_INVALID_ARGUMENT, "loop_source");
    for (std::size_t i = next_; i < count_; i++)
      if (batch_[i].udata == id) batch_[i].udata = kNobody;
    return queue_.apply(knote);
  }

  // The end of the loop: handlers, and what was to be performed, are destroyed. They may hold sources.
  void close() noexcept {
    if (runner_.load() != nullptr && queue_.is_here()) misuse("a run loop is destroyed while it runs");
    while (!nodes_.empty()) cancel(nodes_.begin()->first);
    std::deque<listener<>> tasks;
    const std::lock_guard<std::mutex> guard(lock_);
    tasks.swap(tasks_);
  }

  // --- any thread

  void perform(listener<> task) {
    bool first;
    {
      const std::lock_guard<std::mutex> guard(lock_);
      first = tasks_.empty();
      tasks_.push_back(std::move(task));
    }
    if (first) wake();
  }
  void stop() noexcept {
    stopping_.store(true);
    wake();
  }
  bool stopping() const noexcept { return stopping_.load(); }
  void trigger(uint64_t id) const noexcept {
    static_cast<void>(queue_.apply(queue_change(id, EVFILT_USER, EV_UDATA_SPECIFIC, NOTE_TRIGGER, 0, id)));
  }

  // --- the loop's thread: running

  // True: stop() was called; false: it is too late, or, with `once`, something was handled.
  result<bool> run(deadline until, bool once, bool& handled) {
    const Running running(*this);
    if (broken_) return *broken_;
    while (!stopping_.exchange(false)) {
      if (next_ == count_) {
        const result<bool> fetched = fetch(until);
        if (!fetched) return fetched.error();
        if (!*fetched && !stopping_.load()) return false;
      }
      while (next_ < count_ && !stopping_.load()) {
        const struct kevent64_s event = batch_[next_++];
        if (dispatch(event)) handled = true;
      }
      if (once && handled && !stopping_.load()) return false;
    }
    return true;
  }

 private:
  static constexpr uint64_t kControl = 0;          // wakes the loop: tasks, or its stop
  static constexpr uint64_t kNobody = UINT64_MAX;  // what is forgotten has happened to

  // A mark of this thread that costs nothing to look up.
  static const void* this_thread() noexcept {
    static thread_local const char mark = 0;
    return &mark;
  }
  void check_thread() const noexcept {
    const void* const runner = runner_.load();
    if (runner != nullptr && runner != this_thread())
      misuse("a source of a run loop is made or cancelled by another thread than the one that runs it");
  }

  class Running {
   public:
    explicit Running(loop_core& core) noexcept : core_(core) {
      if (core.runner_.exchange(this_thread()) != nullptr)
        misuse("a run loop runs in a handler of its own, or in two threads");
    }
    ~Running() { core_.runner_.store(nullptr); }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

   private:
    loop_core& core_;
  };

  void wake() const noexcept {
    static_cast<void>(queue_.apply(queue_change(kControl, EVFILT_USER, 0, NOTE_TRIGGER)));
  }

  // Waits for the next batch. False: it is too late.
  result<bool> fetch(deadline until) {
    static constexpr struct timespec now = {0, 0};
    next_ = count_ = 0;
    if (!idle_.empty()) {
      const result<int> found = queue_.wait(batch_.data(), kBatch, &now);
      if (!found) return found.error();
      count_ = static_cast<std::size_t>(*found);
      if (count_ > 0) return true;
      call_idle();
      if (stopping_.load()) return true;
    }
    const struct timespec left = until ? time_left(*until) : now;
    const result<int> found = queue_.wait(batch_.data(), kBatch, until ? &left : nullptr);
    if (!found) return found.error();
    count_ = static_cast<std::size_t>(*found);
    return count_ > 0 || !until || clock::now() < *until;
  }

  static struct timespec time_left(clock::time_point until) noexcept {
    const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(until - clock::now()).count();
    if (left <= 0) return {0, 0};
    return {static_cast<time_t>(left / 1'000'000'000), static_cast<long>(left % 1'000'000'000)};
  }

  void call_idle() {
    const std::vector<uint64_t> ids = idle_;
    for (const uint64_t id : ids)
      if (!stopping_.load()) call(id, {});
  }

  bool dispatch(const struct kevent64_s& event) {
    return event.udata == kControl ? perform_tasks() : call(event.udata, event);
  }

  bool call(uint64_t id, const struct kevent64_s& event) {
    const auto found = nodes_.find(id);
    if (found == nodes_.end()) return false;  // cancelled since
    const std::shared_ptr<loop_node> node = found->second;
    return node->happened(*this, event);
  }

  // Those that are there now: what they ask for in their turn comes after other sources.
  bool perform_tasks() {
    struct Again {  // also when an exception passes
      loop_core& core;
      ~Again() {
        if (core.task_count() > 0) core.wake();
      }
    } const again{*this};
    const std::size_t count = task_count();
    for (std::size_t i = 0; i < count && !stopping_.load(); i++) next_task()();
    return count > 0;
  }
  std::size_t task_count() {
    const std::lock_guard<std::mutex> guard(lock_);
    return tasks_.size();
  }
  listener<> next_task() {
    const std::lock_guard<std::mutex> guard(lock_);
    listener<> task = std::move(tasks_.front());
    tasks_.pop_front();
    return task;
  }

  static constexpr int kBatch = 16;

  kernel_queue queue_;
  std::optional<error> broken_;
  std::atomic<const void*> runner_{nullptr};
  std::atomic<bool> stopping_{false};

  // The loop's thread's.
  uint64_t last_id_ = kControl;
  std::unordered_map<uint64_t, std::shared_ptr<loop_node>> nodes_;
  std::vector<uint64_t> idle_;
  std::array<struct kevent64_s, kBatch> batch_ = {};
  std::size_t next_ = 0, count_ = 0;  // what of the batch is still to be told

  std::mutex lock_;
  std::deque<listener<>> tasks_;  // under the lock
};

}  // namespace portolan::detail

#endif  // PORTOLAN_LOOP_CORE_HPP_
