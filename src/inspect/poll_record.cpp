// SPDX-License-Identifier: Apache-2.0
#include "inspect/poll_record.hpp"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <sstream>

#include "darwin_poll/profile.hpp"

namespace portolan::inspect {

using darwin_poll::Loss;
using darwin_poll::Record;

namespace {

std::string whole_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// A mapped record.
class Mapped {
 public:
  explicit Mapped(const std::string& path) {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return;
    struct stat status {};
    if (fstat(fd, &status) == 0 && status.st_size >= static_cast<off_t>(sizeof(Record))) {
      void* memory = mmap(nullptr, sizeof(Record), PROT_READ, MAP_SHARED, fd, 0);
      if (memory != MAP_FAILED) record_ = static_cast<const Record*>(memory);
    }
    close(fd);
  }
  ~Mapped() {
    if (record_ != nullptr) munmap(const_cast<Record*>(record_), sizeof(Record));
  }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;

  const Record* record() const {
    return record_ != nullptr && record_->magic == darwin_poll::kRecordMagic ? record_ : nullptr;
  }

 private:
  const Record* record_ = nullptr;
};

struct ProcessState {
  char state = '?';
  uint64_t started = 0;
};

ProcessState state_of(const std::string& directory) {
  ProcessState state;
  const std::string text = whole_file(directory + "/stat");
  const size_t bracket = text.rfind(')');
  if (bracket == std::string::npos) return state;
  std::istringstream fields(text.substr(bracket + 1));
  std::string field;
  for (int number = 3; fields >> field; number++) {
    if (number == 3) state.state = field[0];
    if (number == 22) state.started = std::stoull(field);
  }
  return state;
}

std::string text_of(const char* bytes, size_t room) { return {bytes, ::strnlen(bytes, room)}; }

// False: it is written just now, or was overwritten meanwhile.
bool copy_loss(const Loss& from, PollLoss& to) {
  const uint64_t version = from.version.load(std::memory_order_acquire);
  to.ticket = from.ticket;
  if (version % 2 != 0 || to.ticket == 0) return false;
  to.kind = static_cast<darwin_poll::LossKind>(from.kind);
  to.tid = from.tid;
  to.fd = from.fd;
  to.events = from.events;
  to.peer = from.peer;
  to.timeout = from.timeout;
  to.fired = from.fired;
  to.count = from.count;
  to.times = from.times;
  to.called = from.called;
  to.lost = from.lost;
  to.hung_up = from.hung_up;
  to.ended = from.ended;
  to.result = from.result;
  to.offset = from.offset;
  to.module = text_of(from.module, sizeof from.module);
  to.object = text_of(from.object, sizeof from.object);
  for (unsigned i = 0; i < darwin_poll::kEntriesKept && i < to.count; i++)
    to.entries.push_back({from.entries[i].fd, from.entries[i].events});
  std::atomic_thread_fence(std::memory_order_acquire);
  return from.version.load(std::memory_order_relaxed) == version;
}

std::string variable_of(const std::string& environment, const std::string& name) {
  for (size_t at = 0; at < environment.size(); at = environment.find('\0', at) + 1) {
    const std::string entry = environment.c_str() + at;
    if (entry.rfind(name + "=", 0) == 0) return entry.substr(name.size() + 1);
    if (environment.find('\0', at) == std::string::npos) break;
  }
  return {};
}

}  // namespace

bool PollLoss::never_watched() const {
  return kind == darwin_poll::kUnwatched &&
         (object.rfind("socket:", 0) == 0 || object.rfind("pipe:", 0) == 0 || object.rfind("/dev/", 0) == 0);
}

std::optional<PollRecord> read_poll_record(const std::string& file) {
  const Mapped mapped(file);
  const Record* from = mapped.record();
  if (from == nullptr) return std::nullopt;
  PollRecord record;
  record.pid = from->pid;
  record.program = text_of(from->program, sizeof from->program);
  record.old = from->profile == PORTOLAN_POLL_DARWIN_OLD;
  record.calls = from->calls;
  const std::string directory = "/proc/" + std::to_string(record.pid);
  const ProcessState state = state_of(directory);
  record.alive = state.started == from->started && state.state != 'Z' && state.state != 'X';
  const uint64_t next = from->next;
  record.overwritten = next > darwin_poll::kLosses ? next - darwin_poll::kLosses : 0;
  for (const Loss& slot : from->losses) {
    PollLoss loss;
    if (!copy_loss(slot, loss)) continue;
    loss.asleep = loss.stuck() && record.alive &&
                  access((directory + "/task/" + std::to_string(loss.tid)).c_str(), F_OK) == 0;
    record.losses.push_back(std::move(loss));
  }
  return record;
}

std::optional<std::string> poll_record_of(int pid) {
  const std::string directory = "/proc/" + std::to_string(pid);
  struct stat status {};
  if (stat(directory.c_str(), &status) != 0) return std::nullopt;
  const std::string environment = whole_file(directory + "/environ");
  if (whole_file(directory + "/maps").find("libportolan-darwin-poll") == std::string::npos)
    return std::nullopt;
  if (variable_of(environment, darwin_poll::kProfileVariable).empty()) return std::nullopt;
  std::string where = variable_of(environment, darwin_poll::kRecordVariable);
  if (where.empty()) where = "/dev/shm/portolan-poll-" + std::to_string(status.st_uid);
  return where + "/" + std::to_string(pid);
}

std::string poll_bits_text(int events) {
  static constexpr struct {
    int bit;
    const char* name;
  } kNames[] = {{POLLIN, "POLLIN"},         {POLLPRI, "POLLPRI"},       {POLLOUT, "POLLOUT"},
                {POLLERR, "POLLERR"},       {POLLHUP, "POLLHUP"},       {POLLNVAL, "POLLNVAL"},
                {POLLRDNORM, "POLLRDNORM"}, {POLLRDBAND, "POLLRDBAND"}, {POLLWRNORM, "POLLWRNORM"},
                {POLLWRBAND, "POLLWRBAND"}, {POLLRDHUP, "POLLRDHUP"}};
  std::string text;
  for (const auto& [bit, name] : kNames)
    if ((events & bit) != 0) text += (text.empty() ? "" : "|") + std::string(name);
  return text.empty() ? "0" : text;
}

std::string poll_call_text(const PollLoss& loss) {
  std::string text = "poll(";
  for (const PollEntry& entry : loss.entries)
    text += "{" + std::to_string(entry.fd) + " " + poll_bits_text(entry.events) + "}, ";
  if (loss.count > loss.entries.size())
    text += "and " + std::to_string(loss.count - loss.entries.size()) + " more, ";
  return text + std::to_string(loss.timeout) + ")";
}

}  // namespace portolan::inspect
