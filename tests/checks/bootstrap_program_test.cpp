// SPDX-License-Identifier: Apache-2.0
// Namespaces that a program serves on a port of its own (bootstrap 5.21).
#include <mach/mig_errors.h>
#include <servers/bootstrap_server.h>
#include <servers/bootstrap_wire.h>
#include <string.h>
#include <unistd.h>

#include <map>

#include "checks/bootstrap_words.hpp"

namespace checks {
namespace {

// Keeps what is registered, hands out what is asked for, and lets some names through to its own namespace.
class Doorman {
 public:
  Doorman() : port_(new_port_with_sends(1)) {
    thread_ = std::thread([this] { code_ = bootstrap_serve(port_, &kRoutines, this); });
  }
  ~Doorman() {
    mach_port_mod_refs(mach_task_self(), port_, MACH_PORT_RIGHT_RECEIVE, -1);
    thread_.join();
    EXPECT_TRUE(code_ == MACH_RCV_PORT_DIED || code_ == MACH_RCV_INVALID_NAME || code_ == MACH_RCV_PORT_CHANGED)
        << code_;
  }
  mach_port_t port() const { return port_; }
  uint32_t last_pid() const { return last_pid_; }

 private:
  void see(const audit_token_t* caller) { last_pid_ = caller->val[5]; }
  static Doorman& of(void* context) { return *static_cast<Doorman*>(context); }

  static kern_return_t check_in(void* context, const audit_token_t* caller, const char* name, uint64_t,
                                mach_port_t* port) {
    Doorman& self = of(context);
    self.see(caller);
    if (self.names_.count(name) != 0) return BOOTSTRAP_SERVICE_ACTIVE;
    *port = new_port_with_sends(1);
    self.names_[name] = *port;
    // The send right stays here, under the same name, when the receive right goes.
    return KERN_SUCCESS;
  }
  static kern_return_t look_up(void* context, const audit_token_t* caller, const char* name, pid_t, uint64_t,
                               mach_port_t* port) {
    Doorman& self = of(context);
    self.see(caller);
    if (strncmp(name, "outside.", 8) == 0) return bootstrap_look_up(bootstrap_port, name, port);
    const auto known = self.names_.find(name);
    if (known == self.names_.end()) return BOOTSTRAP_UNKNOWN_SERVICE;
    *port = known->second;
    return mach_port_mod_refs(mach_task_self(), *port, MACH_PORT_RIGHT_SEND, 1);
  }
  static kern_return_t register_port(void* context, const audit_token_t*, const char* name, uint64_t,
                                     mach_port_t port) {
    if (strcmp(name, "forbidden") == 0) return BOOTSTRAP_NOT_PRIVILEGED;
    of(context).names_[name] = port;
    return KERN_SUCCESS;
  }
  static kern_return_t parent(void*, const audit_token_t*, mach_port_t* port) {
    *port = bootstrap_port;
    return mach_port_mod_refs(mach_task_self(), *port, MACH_PORT_RIGHT_SEND, 1);
  }
  static constexpr bootstrap_routines_t kRoutines = {check_in, look_up, register_port, nullptr, parent, nullptr};

  mach_port_t port_;
  std::thread thread_;
  mach_msg_return_t code_ = 0;
  std::map<std::string, mach_port_t> names_;
  std::atomic<uint32_t> last_pid_ = 0;
};

CHECK(BootstrapProgram, AChildAsksItInsteadOfTheKernel) {
  Doorman doorman;
  const mach_port_t outside = check_in("outside.name");
  check_in("hidden");
  EXPECT_CODE(KERN_SUCCESS, task_set_bootstrap_port(mach_task_self(), doorman.port()));
  Peer child([](const Line& line) {
    line.tell(static_cast<uint64_t>(look_up_code("hidden")));
    line.tell(static_cast<uint64_t>(look_up_code("outside.name")));
    send_id(look_up("outside.name"), 7, MACH_MSG_TYPE_COPY_SEND);
    mach_port_t mine = MACH_PORT_NULL;
    line.tell(static_cast<uint64_t>(bootstrap_check_in(bootstrap_port, "mine", &mine)));
    line.tell(type_of(mine) & MACH_PORT_TYPE_RECEIVE);
    line.tell(static_cast<uint64_t>(check_in_code("mine")));
    send_id(look_up("mine"), 8, MACH_MSG_TYPE_COPY_SEND);
    line.tell(static_cast<uint64_t>(await_id(mine)));
    line.wait();
  });
  EXPECT_EQ(1102u, child.line().hear());
  EXPECT_EQ(0u, child.line().hear());
  EXPECT_EQ(0u, child.line().hear());
  EXPECT_EQ(uint64_t{MACH_PORT_TYPE_RECEIVE}, child.line().hear());
  EXPECT_EQ(1103u, child.line().hear());
  EXPECT_EQ(8u, child.line().hear());
  EXPECT_EQ(7, await_id(outside));
  EXPECT_EQ(static_cast<uint32_t>(child.pid()), doorman.last_pid());
}

CHECK(BootstrapProgram, RegisteringAndTheRest) {
  Doorman doorman;
  const mach_port_t port = new_port_with_sends(1), bp = doorman.port();
  EXPECT_CODE(BOOTSTRAP_SUCCESS, register_code("name", port, bp));
  EXPECT_EQ(port, look_up("name", bp));
  const mach_port_urefs_t before = refs_of(port);
  EXPECT_CODE(BOOTSTRAP_NOT_PRIVILEGED, register_code("forbidden", port, bp));
  EXPECT_EQ(before, refs_of(port)) << "what was refused is given back";
  bootstrap_status_t status = -1;
  EXPECT_CODE(BOOTSTRAP_SUCCESS, bootstrap_status(bp, const_cast<char*>("name"), &status));
  EXPECT_EQ(BOOTSTRAP_STATUS_ACTIVE, status);
  EXPECT_CODE(BOOTSTRAP_UNKNOWN_SERVICE, bootstrap_status(bp, const_cast<char*>("nothing"), &status));
  mach_port_t parent = MACH_PORT_NULL;
  EXPECT_CODE(BOOTSTRAP_SUCCESS, bootstrap_parent(bp, &parent));
  EXPECT_EQ(bootstrap_port, parent);
  EXPECT_CODE(MIG_BAD_ID, bootstrap_get_root(bp, &parent)) << "it has no such routine";
  EXPECT_CODE(MIG_BAD_ID, bootstrap_subset(bp, port, &parent));
  EXPECT_CODE(KERN_NOT_SUPPORTED, bootstrap_create_server(bp, const_cast<char*>("true"), 0, 1, &parent));
}

// What is no call, or no whole one, harms nobody.
CHECK(BootstrapProgram, OtherMessages) {
  Doorman doorman;
  send_id(doorman.port(), 4711, MACH_MSG_TYPE_COPY_SEND);
  send_id(doorman.port(), BOOTSTRAP_ID_LOOK_UP, MACH_MSG_TYPE_COPY_SEND);
  EXPECT_CODE(MACH_MSG_SUCCESS,
              send_rights(doorman.port(), MACH_MSG_TYPE_COPY_SEND, BOOTSTRAP_ID_REGISTER,
                          {{new_port(), MACH_MSG_TYPE_MAKE_SEND}, {new_port(), MACH_MSG_TYPE_MAKE_SEND}}));
  struct {
    mach_msg_header_t header;
    char bytes[4096];
  } large{};
  large.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0);
  large.header.msgh_size = sizeof large;
  large.header.msgh_remote_port = doorman.port();
  EXPECT_CODE(MACH_MSG_SUCCESS, mach_msg(&large.header, MACH_SEND_MSG, sizeof large, 0, MACH_PORT_NULL, 0, 0));
  EXPECT_CODE(BOOTSTRAP_UNKNOWN_SERVICE, look_up_code("name", doorman.port()));
}

CHECK(BootstrapProgram, AServerThatDies) {
  const mach_port_t inbox = check_in("inbox");
  Peer server([](const Line& line) {
    const mach_port_t port = new_port();
    send_rights(look_up("inbox"), MACH_MSG_TYPE_COPY_SEND, 1, {{port, MACH_MSG_TYPE_MAKE_SEND}});
    Received request;
    receive(request, port, MACH_MSG_TIMEOUT_NONE);
    line.tell(1);
    line.wait();
  });
  Received message;
  EXPECT_CODE(MACH_MSG_SUCCESS, receive(message, inbox));
  const mach_port_t bp = message.rights.port.name;
  Blocked client([bp] { return look_up_code("name", bp); });
  EXPECT_EQ(1u, server.line().hear());
  server.kill_hard();
  EXPECT_CODE(MIG_SERVER_DIED, client.code());
  EXPECT_CODE(MACH_SEND_INVALID_DEST, look_up_code("name", bp));
}

}  // namespace
}  // namespace checks
