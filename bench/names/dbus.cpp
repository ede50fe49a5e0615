// SPDX-License-Identifier: Apache-2.0
#include "names/dbus.hpp"

#ifdef PORTOLAN_HAVE_DBUS

#include <dbus/dbus.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

namespace bench {

namespace {

// Like a session's, without its limits: the number of names is what is measured.
constexpr char kConfiguration[] = R"(<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=%s/socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow receive_sender="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
  <limit name="max_names_per_connection">1000000</limit>
  <limit name="max_match_rules_per_connection">1000000</limit>
</busconfig>
)";

std::string bus_name(unsigned number) { return "com.example.bench.name" + std::to_string(number); }

}  // namespace

Bus::Bus() {
  char pattern[] = "/tmp/portolan-bench-XXXXXX";
  if (mkdtemp(pattern) == nullptr) {
    missing_ = "no directory for its socket";
    return;
  }
  directory_ = pattern;
  const std::string file = directory_ + "/conf", address = "unix:path=" + directory_ + "/socket";
  FILE* out = fopen(file.c_str(), "w");
  if (out != nullptr) {
    fprintf(out, kConfiguration, directory_.c_str());
    fclose(out);
  }
  daemon_ = fork();
  if (daemon_ == 0) {
    const std::string option = "--config-file=" + file;
    const int null = open("/dev/null", O_WRONLY);  // it complains of limits that it may not raise
    if (null >= 0) dup2(null, 2);
    execlp("dbus-daemon", "dbus-daemon", "--nofork", "--nopidfile", option.c_str(),
           static_cast<char*>(nullptr));
    _exit(127);
  }
  DBusError error = DBUS_ERROR_INIT;
  for (int i = 0; i < 100 && connection_ == nullptr; i++) {
    usleep(20'000);
    dbus_error_free(&error);
    connection_ = dbus_connection_open_private(address.c_str(), &error);
  }
  if (connection_ == nullptr || dbus_bus_register(connection_, &error) == 0)
    missing_ = std::string("no dbus-daemon: ") + (dbus_error_is_set(&error) != 0 ? error.message : "it is not there");
  dbus_error_free(&error);
}

Bus::~Bus() {
  if (connection_ != nullptr) {
    dbus_connection_close(connection_);
    dbus_connection_unref(connection_);
  }
  if (daemon_ > 0) {
    kill(daemon_, SIGKILL);
    waitpid(daemon_, nullptr, 0);
  }
  for (const char* file : {"/conf", "/socket"}) unlink((directory_ + file).c_str());
  rmdir(directory_.c_str());
}

bool Bus::grow_to(unsigned names) {
  for (; names_ < names; names_++) {
    DBusError error = DBUS_ERROR_INIT;
    const int answer = dbus_bus_request_name(connection_, bus_name(names_).c_str(), 0, &error);
    dbus_error_free(&error);
    if (answer != DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER) return false;
    while (DBusMessage* message = dbus_connection_pop_message(connection_)) dbus_message_unref(message);
  }
  return true;
}

void Bus::look_up() {
  next_ = (next_ * 1103515245u + 12345u) & 0x7fffffff;
  const std::string name = bus_name(next_ % names_);
  const char* text = name.c_str();
  DBusMessage* call = dbus_message_new_method_call(DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS,
                                                   "GetNameOwner");
  dbus_message_append_args(call, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID);
  DBusError error = DBUS_ERROR_INIT;
  DBusMessage* reply = dbus_connection_send_with_reply_and_block(connection_, call, -1, &error);
  if (reply == nullptr) {
    fprintf(stderr, "portolan-bench-names: GetNameOwner: %s\n", error.message);
    exit(1);
  }
  dbus_message_unref(reply);
  dbus_message_unref(call);
}

}  // namespace bench

#else

namespace bench {

Bus::Bus() : missing_("libdbus-1-dev was not there when this was built") {}
Bus::~Bus() { (void)daemon_, (void)connection_, (void)next_; }
bool Bus::grow_to(unsigned names) { return names_ == names; }
void Bus::look_up() {}

}  // namespace bench

#endif
