// SPDX-License-Identifier: Apache-2.0
// Servers that a program makes with bootstrap_create_server (bootstrap 5.2), as launchd runs them.
#include <signal.h>
#include <unistd.h>

#include "checks/bootstrap_words.hpp"
#include "checks/jobs.hpp"

namespace checks {
namespace {

using jobs::await;
using jobs::Bench;

mach_port_t server(const std::string& command, bool on_demand) {
  mach_port_t port = MACH_PORT_NULL;
  cmd_t text = {};
  command.copy(text, sizeof text - 1);
  EXPECT_CODE(BOOTSTRAP_SUCCESS, bootstrap_create_server(bootstrap_port, text, getuid(), on_demand, &port));
  return port;
}

// What the list says of the first of them.
std::string line_of_server(const Bench& bench) {
  const std::string list = bench.ctl({"list"}).out;
  const size_t at = list.find(".mach_init.");
  if (at == std::string::npos) return {};
  const size_t begin = list.rfind('\n', at) + 1;
  return list.substr(begin, list.find('\n', at) - begin);
}

CHECK(Servers, RunsWhenItsPortIsReleased) {
  Bench bench(getenv("PORTOLAN_DOMAIN"));
  const mach_port_t port = server("/bin/sh -c \"echo $$ > " + bench.path("ran") + "; while [ ! -e " +
                                      bench.path("go") + " ]; do sleep 0.05; done\"",
                                  false);
  await([&] { return !line_of_server(bench).empty(); });
  usleep(300000);
  EXPECT_TRUE(bench.read("ran").empty());  // somebody can still say what it serves
  drop_send(port);
  await([&] { return !bench.read("ran").empty(); });
  // It ends without having checked anything in: that was all.
  bench.write("go", "");
  await([&] { return line_of_server(bench).empty(); });
  EXPECT_EQ(1u, bench.lines("ran").size());
}

CHECK(Servers, OnDemandItWaitsForAMessage) {
  Bench bench(getenv("PORTOLAN_DOMAIN"));
  const mach_port_t port = server("/bin/sh -c \"echo x >> " + bench.path("ran") + "; sleep 600\"", true);
  drop_receive(check_in("com.example.legacy", port));  // declares it: the right goes home
  const mach_port_t service = look_up("com.example.legacy");
  drop_send(port);
  await([&] { return line_of_server(bench).rfind("-\t", 0) == 0; });
  usleep(300000);
  EXPECT_TRUE(bench.read("ran").empty());
  EXPECT_CODE(MACH_MSG_SUCCESS, send_empty(service, MACH_MSG_TYPE_COPY_SEND, 1));
  await([&] { return bench.lines("ran").size() == 1; });
  const std::string line = line_of_server(bench);
  EXPECT_NE('-', line[0]) << line;
  kill(std::atoi(line.c_str()), SIGKILL);
  // It never checked in.
  await([&] { return line_of_server(bench).empty(); });
  await([&] { return look_up_code("com.example.legacy") == BOOTSTRAP_UNKNOWN_SERVICE; });
  drop_send(service);
}

CHECK(Servers, WithoutAServiceItIsForgotten) {
  Bench bench(getenv("PORTOLAN_DOMAIN"));
  const mach_port_t port = server("/bin/sh -c \"echo x > " + bench.path("ran") + "\"", true);
  await([&] { return !line_of_server(bench).empty(); });
  drop_send(port);
  await([&] { return line_of_server(bench).empty(); });
  EXPECT_TRUE(bench.read("ran").empty());
}

CHECK(Servers, ItsLaunchdIsKilled) {
  Bench bench(getenv("PORTOLAN_DOMAIN"));
  const mach_port_t port = server("/bin/sh -c \"echo x >> " + bench.path("ran") + "; sleep 600\"", false);
  drop_send(port);
  await([&] { return bench.lines("ran").size() == 1; });
  const std::string before = line_of_server(bench);
  kill(std::atoi(bench.ctl({"managerpid"}).out.c_str()), SIGKILL);
  await([&] { return line_of_server(bench) == before; });
  EXPECT_EQ(1u, bench.lines("ran").size());
}

}  // namespace
}  // namespace checks
