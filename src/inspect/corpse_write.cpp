// SPDX-License-Identifier: Apache-2.0
// Writing corpses. Plain string building: launchd needs no JSON library for it.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "inspect/corpse.hpp"
#include "segment/segment.hpp"

namespace portolan::inspect {

namespace {

class Writer {
 public:
  std::string text;

  Writer& key(const char* name) {
    comma();
    string(name);
    text += ':';
    fresh_ = true;
    return *this;
  }
  Writer& open(char bracket) {
    comma();
    text += bracket;
    fresh_ = true;
    return *this;
  }
  Writer& close(char bracket) {
    text += bracket;
    fresh_ = false;
    return *this;
  }
  template <class Number>
  Writer& number(Number value) {
    comma();
    text += std::to_string(value);
    return *this;
  }
  Writer& flag(bool value) { return number(value ? 1 : 0); }
  Writer& words(const std::string& value) {
    comma();
    string(value);
    return *this;
  }

 private:
  void comma() {
    if (!fresh_) text += ',';
    fresh_ = false;
  }
  // Names and paths are bytes: what is not ASCII is written as if it were Latin-1, so that any bytes make
  // valid JSON.
  void string(const std::string& value) {
    text += '"';
    for (const char c : value) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '"' || c == '\\') {
        text += '\\';
        text += c;
      } else if (byte < 0x20 || byte >= 0x7f) {
        char escape[8];
        snprintf(escape, sizeof escape, "\\u%04x", byte);
        text += escape;
      } else {
        text += c;
      }
    }
    text += '"';
  }
  bool fresh_ = true;
};

// Rows are arrays, in the order in which corpse_read.cpp reads them.
void write_name(Writer& out, const NameInfo& name) {
  out.open('[')
      .number(name.name)
      .number(name.type)
      .number(name.urefs)
      .number(name.port)
      .number(name.requests);
  out.number(name.was_kobject).number(name.was_pid).number(name.died_ns).open('[');
  for (const Acquired& a : name.acquired) {
    out.open('[').number(a.site).number(a.thread).number(a.count).number(a.acquired).number(a.message_id);
    out.number(a.sender_pid).number(a.when_ns).close(']');
  }
  out.close(']').close(']');
}

void write_port(Writer& out, const PortInfo& port) {
  out.open('[')
      .number(port.identity)
      .number(port.index)
      .flag(port.is_set)
      .flag(port.active)
      .flag(port.in_transit);
  out.number(port.receiver_task).number(port.receiver_name).number(port.kobject).number(port.kobject_pid);
  out.number(port.kobject_tid)
      .number(port.flags)
      .number(port.srights)
      .number(port.sorights)
      .number(port.mscount);
  out.number(port.seqno)
      .number(port.messages)
      .number(port.limit)
      .flag(port.no_senders)
      .flag(port.port_destroyed)
      .flag(port.waiting);
  out.number(port.context).number(port.kernel_sends).words(port.service).open('[');
  for (uint64_t member : port.members) out.number(member);
  out.close(']').close(']');
}

void write_task(Writer& out, const TaskInfo& task) {
  out.open('{');
  out.key("index").number(task.index).key("pid").number(task.pid).key("uid").number(task.uid);
  out.key("program").words(task.program).key("dead").flag(task.dead).key("slots").number(task.slots);
  out.key("limit").number(task.limit).key("peak").number(task.peak).key("joined_ns").number(task.joined_ns);
  out.key("threads").open('[');
  for (uint32_t tid : task.threads) out.number(tid);
  out.close(']').key("names").open('[');
  for (const NameInfo& name : task.names) write_name(out, name);
  out.close(']').close('}');
}

bool write_all(int file, const std::string& text) {
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = write(file, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += static_cast<size_t>(n);
  }
  return true;
}

}  // namespace

std::string corpse_name(uint32_t pid, uint32_t task_index) {
  return kCorpsePrefix + std::to_string(pid) + "-" + std::to_string(task_index) + kCorpseSuffix;
}

std::string corpse_text(const Snapshot& snapshot, uint32_t task_index) {
  Writer out;
  out.open('{');
  out.key("schema").words("portolan.corpse/1");
  out.key("boot").words(snapshot.boot).key("taken_ns").number(snapshot.taken_ns);
  out.key("flags").number(snapshot.flags).key("layout").number(snapshot.layout);
  out.key("task").number(task_index);
  out.key("tasks").open('[');
  for (const TaskInfo& task : snapshot.tasks) write_task(out, task);
  out.close(']').key("ports").open('[');
  for (const auto& [identity, port] : snapshot.ports) write_port(out, port);
  out.close(']').key("sites").open('[');
  for (const auto& [index, site] : snapshot.sites) {
    out.open('[').number(index).flag(site.cut).number(site.acquired).open('[');
    for (uint64_t frame : site.frames) out.number(frame);
    out.close(']').close(']');
  }
  out.close(']').key("modules").open('[');
  for (const auto& [index, module] : snapshot.modules)
    out.open('[').number(index).words(module.path).words(module.build_id).close(']');
  out.close(']').close('}');
  out.text += '\n';
  return std::move(out.text);
}

bool write_corpse(const Segment& segment, uint32_t task_index, const char* path) noexcept {
  try {
    Wanted wanted;
    wanted.only_task = task_index;
    const std::string text = corpse_text(snapshot(segment, wanted), task_index);
    const std::string temporary = std::string(path) + ".part";
    const int file = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0) return false;
    const bool written = write_all(file, text);
    const int problem = errno;
    close(file);
    if (written && rename(temporary.c_str(), path) == 0) return true;
    if (!written) errno = problem;
    const int kept = errno;
    unlink(temporary.c_str());
    errno = kept;
    return false;
  } catch (...) {
    errno = ENOMEM;
    return false;
  }
}

}  // namespace portolan::inspect
