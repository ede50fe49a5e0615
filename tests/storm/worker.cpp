// SPDX-License-Identifier: Apache-2.0
#include "storm/worker.hpp"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <map>
#include <random>
#include <string>

#include "segment/futex.hpp"
#include "storm/calls.hpp"
#include "storm/packets.hpp"

namespace portolan::storm {

namespace {

constexpr unsigned kServer = 0, kClient = 1;

struct Self {
  Ledger& ledger;
  unsigned place;
  uint32_t life;
  Calls calls;
  mach_port_t service = MACH_PORT_NULL;

  Place& here() const { return ledger.place[place]; }
};

// While it lives, this thread is in a call that must come back.
class Doing {
 public:
  Doing(const Self& self, unsigned thread, const char* what) : doing_(self.here().doing[thread]) {
    doing_.what = what;
    doing_.since = monotonic_ns();
  }
  ~Doing() { doing_.since = 0; }
  Doing(const Doing&) = delete;
  Doing& operator=(const Doing&) = delete;

 private:
  Place::Doing& doing_;
};

// One thread's way to the next place of the ring.
struct Link {
  uint32_t life = 0;  // 0: none
  mach_port_t right = MACH_PORT_NULL;
  uint32_t counter = 0;
};

class Actor {
 public:
  Actor(Self& self, unsigned thread)
      : self_(self), calls_(self.calls), thread_(thread), random_(self.life * kThreads + thread + 1) {}

 protected:
  enum class Sending { sent, dead, no_room };

  bool expect(kern_return_t code, const char* call, std::initializer_list<kern_return_t> allowed = {}) {
    if (code == KERN_SUCCESS) return true;
    for (kern_return_t other : allowed)
      if (code == other) return false;
    note_odd(self_.ledger, call, code);
    return false;
  }
  unsigned pick(unsigned below) { return static_cast<unsigned>(random_() % below); }

  bool number(Note& note) {
    note.sequence = self_.ledger.next_message.fetch_add(1) + 1;
    return note.sequence < kMessagesMost;
  }
  // A line in the ledger. False: it is full, and the storm is over for this thread.
  bool announce(Note& note, uint32_t to) {
    if (note.sequence == 0 && !number(note)) return false;
    note.from = self_.life * kThreads + thread_;
    Message& line = self_.ledger.message[note.sequence];
    line.to = to;
    line.marks = kAnnounced;
    return true;
  }
  void settle(const Note& note, bool sent) {
    self_.ledger.message[note.sequence].marks.fetch_or(sent ? kSent : kRefused);
  }

  // The next living one of the ring. Looks its service up when that is another one than before.
  bool find_next() {
    const unsigned places = self_.ledger.places;
    const Place& next = self_.ledger.place[(self_.place + 1) % places];
    const uint32_t life = next.life;
    if (link_.life == life && life != 0) return true;
    drop_link();
    if (life == 0 || next.ready == 0) return false;
    char name[64];
    service_name(name, life);
    Doing doing(self_, thread_, "bootstrap_look_up");
    mach_port_t right = MACH_PORT_NULL;
    const kern_return_t code = calls_.bootstrap_look_up(calls_.bootstrap, name, &right);
    if (!expect(code, "bootstrap_look_up", {BOOTSTRAP_UNKNOWN_SERVICE}) || !MACH_PORT_VALID(right))
      return false;
    link_ = {life, right, 0};
    linked();
    return true;
  }
  static void service_name(char (&name)[64], uint32_t life) {
    snprintf(name, sizeof name, "storm.life.%u", life);
  }

  virtual void linked() {}
  virtual void unlinking() {}
  void drop_link() {
    if (link_.life == 0) return;
    unlinking();
    expect(calls_.mach_port_deallocate(calls_.task, link_.right), "mach_port_deallocate");
    link_ = {};
  }

  // Sends to the next one, with the link's next counter. `dead`: it is gone, and the message's rights are
  // where they were; `no_room`: they came back, and were destroyed.
  Sending send_next(mach_msg_header_t& header, Note& note, size_t size, mach_msg_timeout_t patience) {
    note.counter = link_.counter + 1;
    if (!announce(note, link_.life)) return Sending::dead;
    header.msgh_remote_port = link_.right;
    header.msgh_size = static_cast<mach_msg_size_t>(size);
    mach_msg_return_t code;
    {
      Doing doing(self_, thread_, "mach_msg, sending");
      code = calls_.mach_msg(&header, MACH_SEND_MSG | MACH_SEND_TIMEOUT, header.msgh_size, 0, MACH_PORT_NULL,
                             patience, MACH_PORT_NULL);
    }
    settle(note, code == MACH_MSG_SUCCESS);
    if (code == MACH_MSG_SUCCESS) {
      link_.counter++;
      return Sending::sent;
    }
    expect(code, "mach_msg, sending", {MACH_SEND_TIMED_OUT, MACH_SEND_INVALID_DEST});
    if (code != MACH_SEND_TIMED_OUT) return Sending::dead;
    Doing doing(self_, thread_, "mach_msg_destroy");
    calls_.mach_msg_destroy(&header);
    return Sending::no_room;
  }

  mach_msg_return_t receive(Buffer& buffer, mach_port_t from, mach_msg_option_t option,
                            mach_msg_timeout_t patience, const char* what) {
    Doing doing(self_, thread_, what);
    return calls_.mach_msg(&buffer.header, MACH_RCV_MSG | option, 0, sizeof buffer, from, patience,
                           MACH_PORT_NULL);
  }

  // Counted before anything is done with it.
  void received(const Note& note) {
    if (note.sequence == 0 || note.sequence >= kMessagesMost) {
      self_.ledger.spoiled++;
      return;
    }
    self_.ledger.message[note.sequence].marks.fetch_add(kReceivedOnce);
  }

  mach_port_t allocate(mach_port_right_t right = MACH_PORT_RIGHT_RECEIVE) {
    Doing doing(self_, thread_, "mach_port_allocate");
    mach_port_t name = MACH_PORT_NULL;
    expect(calls_.mach_port_allocate(calls_.task, right, &name), "mach_port_allocate");
    return name;
  }
  void destroy(mach_port_t name) {
    Doing doing(self_, thread_, "mach_port_destroy");
    expect(calls_.mach_port_destroy(calls_.task, name), "mach_port_destroy");
  }
  void deallocate(mach_port_t name) {
    if (!MACH_PORT_VALID(name)) return;
    Doing doing(self_, thread_, "mach_port_deallocate");
    expect(calls_.mach_port_deallocate(calls_.task, name), "mach_port_deallocate");
  }
  void ask(mach_port_t name, mach_msg_id_t id, mach_port_t notify) {
    Doing doing(self_, thread_, "mach_port_request_notification");
    mach_port_t previous = MACH_PORT_NULL;
    const kern_return_t code = calls_.mach_port_request_notification(calls_.task, name, id, 1, notify,
                                                                     MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous);
    if (expect(code, "mach_port_request_notification")) deallocate(previous);
  }

  // -- boxes: ports with messages in them, which travel

  // Puts some messages in; returns the new counter.
  uint32_t fill_box(mach_port_t box, uint32_t in, unsigned most) {
    for (unsigned i = pick(most + 1); i != 0; i--) {
      Plain message{};
      message.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND, 0);
      message.header.msgh_remote_port = box;
      message.header.msgh_id = kBoxed;
      message.note.counter = in + 1;
      if (!announce(message.note, 0)) return in;
      Doing doing(self_, thread_, "mach_msg, into a box");
      const mach_msg_return_t code = calls_.mach_msg(&message.header, MACH_SEND_MSG | MACH_SEND_TIMEOUT,
                                                     sizeof message, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
      settle(message.note, code == MACH_MSG_SUCCESS);
      if (!expect(code, "mach_msg, into a box", {MACH_SEND_TIMED_OUT})) {
        if (code == MACH_SEND_TIMED_OUT) calls_.mach_msg_destroy(&message.header);
        return in;
      }
      in++;
    }
    return in;
  }
  // Takes everything out, and compares; returns the new counter.
  uint32_t empty_box(mach_port_t box, uint32_t in, uint32_t out) {
    for (;;) {
      Buffer buffer;
      const mach_msg_return_t code = receive(buffer, box, MACH_RCV_TIMEOUT, 0, "mach_msg, out of a box");
      if (!expect(code, "mach_msg, out of a box", {MACH_RCV_TIMED_OUT})) break;
      received(buffer.plain.note);
      if (buffer.header.msgh_id != kBoxed || buffer.plain.note.counter != out + 1) self_.ledger.gaps++;
      out = buffer.plain.note.counter;
    }
    if (in != out) self_.ledger.gaps++;
    return out;
  }
  void send_box(mach_port_t box, uint32_t in, uint32_t out, uint32_t hops) {
    WithPort message{};
    message.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0) | MACH_MSGH_BITS_COMPLEX;
    message.header.msgh_id = kBox;
    message.body.msgh_descriptor_count = 1;
    message.port.name = box;
    message.port.disposition = MACH_MSG_TYPE_MOVE_RECEIVE;
    message.port.type = MACH_MSG_PORT_DESCRIPTOR;
    message.note.hops = hops;
    message.note.in = in;
    message.note.out = out;
    if (!find_next() || send_next(message.header, message.note, sizeof message, 20) == Sending::dead) {
      destroy(box);
      drop_link();
    }
  }
  void send_token(mach_port_t name, mach_msg_type_name_t disposition, uint32_t hops) {
    WithPort message{};
    message.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0) | MACH_MSGH_BITS_COMPLEX;
    message.header.msgh_id = kToken;
    message.body.msgh_descriptor_count = 1;
    message.port.name = name;
    message.port.disposition = static_cast<uint8_t>(disposition);
    message.port.type = MACH_MSG_PORT_DESCRIPTOR;
    message.note.hops = hops;
    if (!find_next() || send_next(message.header, message.note, sizeof message, 20) == Sending::dead) {
      if (disposition == MACH_MSG_TYPE_MOVE_SEND)
        deallocate(name);
      else
        destroy(name);
      drop_link();
    }
  }

  Self& self_;
  Calls& calls_;
  const unsigned thread_;
  std::mt19937_64 random_;
  Link link_;
};

// -------------------------------------------------------------------------------------------------------
// server

class Server : public Actor {
 public:
  explicit Server(Self& self) : Actor(self, kServer) {}

  void run() {
    mach_port_t from = self_.service;
    if (pick(2) == 0) {
      from = allocate(MACH_PORT_RIGHT_PORT_SET);
      Doing doing(self_, thread_, "mach_port_insert_member");
      expect(calls_.mach_port_insert_member(calls_.task, self_.service, from), "mach_port_insert_member");
    }
    for (;;) {
      const bool last = self_.ledger.stage == kLeave;
      Buffer buffer;
      const mach_msg_return_t code = receive(buffer, from, MACH_RCV_TIMEOUT, 200, "mach_msg, serving");
      if (expect(code, "mach_msg, serving", {MACH_RCV_TIMED_OUT})) {
        serve(buffer);
        continue;
      }
      self_.here().idles++;
      if (last) return;
    }
  }

 private:
  // Messages of one sender come in the order in which they were sent, none left out and none twice.
  void in_order(const Note& note) {
    uint32_t& latest = latest_[note.from];
    if (note.counter == latest + 1 || latest == 0) {
      // The first one may be any: others of this sender may have been for our predecessor's port.
      if (latest == 0 && note.counter != 1) self_.ledger.gaps++;
      latest = note.counter;
    } else if (note.counter <= latest) {
      self_.ledger.repeats++;
    } else {
      self_.ledger.gaps += note.counter - latest - 1;
      latest = note.counter;
    }
  }

  void serve(Buffer& buffer) {
    switch (buffer.header.msgh_id) {
      case kPlain:
        take(buffer.plain.note);
        break;
      case kRequest:
        take(buffer.plain.note);
        answer(buffer);
        break;
      case kToken: {
        take(buffer.port.note);
        const mach_port_t name = buffer.port.port.name;
        if (!MACH_PORT_VALID(name)) break;
        if (buffer.port.note.hops == 0 || ending())
          deallocate(name);
        else
          send_token(name, MACH_MSG_TYPE_MOVE_SEND, buffer.port.note.hops - 1);
        break;
      }
      case kBox: {
        take(buffer.port.note);
        const Note& note = buffer.port.note;
        const mach_port_t box = buffer.port.port.name;
        if (!MACH_PORT_VALID(box)) break;
        self_.ledger.boxes++;
        const uint32_t out = empty_box(box, note.in, note.out);
        if (note.hops == 0 || ending())
          destroy(box);
        else
          send_box(box, fill_box(box, out, 4), out, note.hops - 1);
        break;
      }
      case kMemory: {
        take(buffer.memory.note);
        const auto* bytes = static_cast<const unsigned char*>(buffer.memory.memory.address);
        bool right = buffer.memory.memory.size == kMemorySize;
        for (size_t i = 0; right && i < kMemorySize; i++)
          right = bytes[i] == memory_byte(buffer.memory.note.sequence, i);
        if (!right) self_.ledger.spoiled++;
        Doing doing(self_, thread_, "vm_deallocate");
        expect(calls_.vm_deallocate(calls_.task, reinterpret_cast<vm_address_t>(bytes),
                                    buffer.memory.memory.size),
               "vm_deallocate");
        break;
      }
      default:
        self_.ledger.spoiled++;
        break;
    }
  }
  bool ending() const { return self_.ledger.stage != kRunning; }
  void take(const Note& note) {
    received(note);
    in_order(note);
  }

  void answer(const Buffer& request) {
    Plain message{};
    message.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND_ONCE, 0);
    message.header.msgh_remote_port = request.header.msgh_remote_port;
    message.header.msgh_id = kAnswer;
    message.note.in = static_cast<uint32_t>(request.plain.note.sequence);
    if (!MACH_PORT_VALID(request.header.msgh_remote_port)) return;  // who asked has died meanwhile
    if (!announce(message.note, request.plain.note.from / kThreads)) {
      deallocate(request.header.msgh_remote_port);
      return;
    }
    Doing doing(self_, thread_, "mach_msg, answering");
    const mach_msg_return_t code = calls_.mach_msg(&message.header, MACH_SEND_MSG | MACH_SEND_TIMEOUT,
                                                   sizeof message, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
    settle(message.note, code == MACH_MSG_SUCCESS);
    if (expect(code, "mach_msg, answering", {MACH_SEND_INVALID_DEST})) return;
    calls_.mach_port_deallocate(calls_.task, message.header.msgh_remote_port);  // a dead name by now
  }

  std::map<uint32_t, uint32_t> latest_;
};

// -------------------------------------------------------------------------------------------------------
// client

class Client : public Actor {
 public:
  explicit Client(Self& self) : Actor(self, kClient) {}

  void run() {
    reply_ = allocate();
    gone_ = allocate();
    no_senders_ = allocate();
    while (self_.ledger.stage == kRunning) {
      if (!find_next()) {
        usleep(300);
        continue;
      }
      switch (pick(8)) {
        case 0:
        case 1:
          plain();
          break;
        case 2:
        case 3:
          call();
          break;
        case 4:
          token();
          break;
        case 5:
          box();
          break;
        case 6:
          memory();
          break;
        default:
          churn();
          break;
      }
    }
    drop_link();
    end_tokens();
  }

 private:
  // Whoever is next is watched: we want to hear of its death.
  void linked() override { ask(link_.right, MACH_NOTIFY_DEAD_NAME, gone_); }
  void unlinking() override {
    mach_port_type_t type = 0;
    if (!expect(calls_.mach_port_type(calls_.task, link_.right, &type), "mach_port_type")) return;
    if ((type & MACH_PORT_TYPE_DEAD_NAME) == 0) {
      // It lives, for all we know: take the request back.
      mach_port_t previous = MACH_PORT_NULL;
      const kern_return_t code =
          calls_.mach_port_request_notification(calls_.task, link_.right, MACH_NOTIFY_DEAD_NAME, 0,
                                                MACH_PORT_NULL, MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous);
      if (code == KERN_SUCCESS && previous != MACH_PORT_NULL) {
        deallocate(previous);
        await(gone_, MACH_NOTIFY_SEND_ONCE, "mach_msg, awaiting the end of a request");
        return;
      }
      expect(code, "mach_port_request_notification, cancelling");
    }
    await(gone_, MACH_NOTIFY_DEAD_NAME, "mach_msg, awaiting a dead name");
    self_.ledger.deaths++;
    deallocate(link_.right);  // the reference that came with the notification
  }

  // A notification that is owed: it must come, however long that takes.
  void await(mach_port_t port, mach_msg_id_t id, const char* what) {
    Buffer buffer;
    if (!expect(receive(buffer, port, 0, 0, what), what)) return;
    if (buffer.header.msgh_id != id) note_odd(self_.ledger, what, buffer.header.msgh_id);
  }

  void plain() {
    for (unsigned i = pick(8) + 1; i != 0; i--) {
      Plain message{};
      message.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0);
      message.header.msgh_id = kPlain;
      const Sending sending = send_next(message.header, message.note, sizeof message, pick(2) == 0 ? 0 : 20);
      if (sending == Sending::dead) drop_link();
      if (sending != Sending::sent) return;
    }
  }

  void call() {
    Buffer buffer;
    Plain& request = buffer.plain;
    memset(&request, 0, sizeof request);
    request.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE);
    request.header.msgh_local_port = reply_;
    request.header.msgh_id = kRequest;
    const Sending sending = send_next(request.header, request.note, sizeof request, 50);
    if (sending == Sending::dead) {
      drop_link();
      return;
    }
    const auto sequence = static_cast<uint32_t>(request.note.sequence);
    // The answer, or word that it will never come: for this there is no time-out.
    if (!expect(receive(buffer, reply_, 0, 0, "mach_msg, awaiting an answer"),
                "mach_msg, awaiting an answer"))
      return;
    if (buffer.header.msgh_id == kAnswer) {
      received(buffer.plain.note);
      if (buffer.plain.note.in != sequence || sending != Sending::sent) self_.ledger.spoiled++;
      self_.ledger.answers++;
    } else if (buffer.header.msgh_id == MACH_NOTIFY_SEND_ONCE) {
      self_.ledger.ends++;
    } else {
      note_odd(self_.ledger, "an answer", buffer.header.msgh_id);
    }
    self_.ledger.requests++;
  }

  // A send right that wanders round and is lost somewhere: we hear of it.
  void token() {
    if (tokens_ == kTokens) end_tokens();
    const mach_port_t port = allocate();
    ask(port, MACH_NOTIFY_NO_SENDERS, no_senders_);
    WithPort message{};
    message.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0) | MACH_MSGH_BITS_COMPLEX;
    message.header.msgh_id = kToken;
    message.body.msgh_descriptor_count = 1;
    message.port.name = port;
    message.port.disposition = MACH_MSG_TYPE_MAKE_SEND;
    message.port.type = MACH_MSG_PORT_DESCRIPTOR;
    message.note.hops = hops();
    if (send_next(message.header, message.note, sizeof message, 20) == Sending::dead) {
      destroy(port);
      withdrawn_++;
      drop_link();
      return;
    }
    token_[tokens_++] = port;
  }
  // Waits for what is owed: one message for each token, whichever comes first, and one for each request that
  // ended with its port.
  void end_tokens() {
    while (told_ < tokens_ || withdrawn_ != 0) {
      Buffer buffer;
      if (!expect(receive(buffer, no_senders_, 0, 0, "mach_msg, awaiting no senders"),
                  "mach_msg, awaiting no senders"))
        return;
      if (buffer.header.msgh_id == MACH_NOTIFY_NO_SENDERS && told_ < tokens_)
        told_++;
      else if (buffer.header.msgh_id == MACH_NOTIFY_SEND_ONCE && withdrawn_ != 0)
        withdrawn_--;
      else
        note_odd(self_.ledger, "a notification without a reason", buffer.header.msgh_id);
    }
    self_.ledger.tokens += tokens_;
    while (tokens_ != 0) destroy(token_[--tokens_]);
    told_ = 0;
  }

  void box() {
    const mach_port_t port = allocate();
    send_box(port, fill_box(port, 0, 4), 0, hops());
  }

  void memory() {
    static unsigned char bytes[kMemorySize];
    WithMemory message{};
    message.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0) | MACH_MSGH_BITS_COMPLEX;
    message.header.msgh_id = kMemory;
    message.body.msgh_descriptor_count = 1;
    message.memory.address = bytes;
    message.memory.size = kMemorySize;
    message.memory.copy = MACH_MSG_VIRTUAL_COPY;
    message.memory.type = MACH_MSG_OOL_DESCRIPTOR;
    if (!number(message.note)) return;
    for (size_t i = 0; i < kMemorySize; i++) bytes[i] = memory_byte(message.note.sequence, i);
    self_.ledger.memories++;
    if (send_next(message.header, message.note, sizeof message, 20) == Sending::dead) drop_link();
  }

  // Nothing comes round to where it began.
  unsigned hops() { return pick(std::min(4u, self_.ledger.places - 1)); }

  // Names come and go, sets too.
  void churn() {
    mach_port_t ports[12];
    const unsigned n = pick(12) + 1;
    for (unsigned i = 0; i < n; i++) ports[i] = allocate();
    const mach_port_t set = allocate(MACH_PORT_RIGHT_PORT_SET);
    for (unsigned i = 0; i < n; i += 2) {
      Doing doing(self_, thread_, "mach_port_insert_member");
      expect(calls_.mach_port_insert_member(calls_.task, ports[i], set), "mach_port_insert_member");
      expect(calls_.mach_port_insert_right(calls_.task, ports[i], ports[i], MACH_MSG_TYPE_MAKE_SEND),
             "mach_port_insert_right");
    }
    if (pick(2) == 0) destroy(set);
    for (unsigned i = 0; i < n; i++) {
      Doing doing(self_, thread_, "mach_port_mod_refs");
      if (pick(2) == 0)
        destroy(ports[i]);
      else if (expect(calls_.mach_port_mod_refs(calls_.task, ports[i], MACH_PORT_RIGHT_RECEIVE, -1),
                      "mach_port_mod_refs") &&
               i % 2 == 0)
        deallocate(ports[i]);
    }
    mach_port_type_t type = 0;
    if (calls_.mach_port_type(calls_.task, set, &type) == KERN_SUCCESS) destroy(set);
  }

  mach_port_t reply_ = MACH_PORT_NULL, gone_ = MACH_PORT_NULL, no_senders_ = MACH_PORT_NULL;
  static constexpr unsigned kTokens = 4;
  mach_port_t token_[kTokens] = {};
  unsigned tokens_ = 0, told_ = 0, withdrawn_ = 0;
};

void* run_client(void* argument) {
  Self& self = *static_cast<Self*>(argument);
  Client(self).run();
  self.here().client = 0;
  return nullptr;
}

// The name of the place itself goes from one life to the next: the one before is gone within a second.
void take_place(Self& self) {
  char name[64];
  snprintf(name, sizeof name, "storm.place.%u", self.place);
  Doing doing(self, kServer, "bootstrap_check_in, the place");
  for (;;) {
    mach_port_t port = MACH_PORT_NULL;
    const kern_return_t code = self.calls.bootstrap_check_in(self.calls.bootstrap, name, &port);
    if (code == KERN_SUCCESS) return;
    if (code != BOOTSTRAP_NOT_PRIVILEGED && code != BOOTSTRAP_SERVICE_ACTIVE) {
      note_odd(self.ledger, "bootstrap_check_in, the place", code);
      return;
    }
    usleep(200);
  }
}

}  // namespace

void work(Ledger& ledger, unsigned place, uint32_t life) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  Self& self = *new Self{ledger, place, life, {}, MACH_PORT_NULL};
  {
    Doing doing(self, kServer, "joining");
    if (const char* wrong = load(self.calls)) {
      fprintf(stderr, "storm: %s\n", wrong);
      note_odd(ledger, "joining", -1);
      _exit(1);
    }
    char name[64];
    snprintf(name, sizeof name, "storm.life.%u", life);
    const kern_return_t code = self.calls.bootstrap_check_in(self.calls.bootstrap, name, &self.service);
    if (code != KERN_SUCCESS) {
      note_odd(ledger, "bootstrap_check_in", code);
      _exit(1);
    }
  }
  self.here().ready = 1;
  take_place(self);
  self.here().client = 1;
  pthread_t client;
  if (pthread_create(&client, nullptr, run_client, &self) != 0) _exit(1);
  Server(self).run();
  pthread_join(client, nullptr);
  ledger.fate[life] = Fate::finished;
  _exit(0);
}

}  // namespace portolan::storm
