// SPDX-License-Identifier: Apache-2.0
// A service on demand that is killed again and again while messages flow: each request is answered, once, or its
// reply right ends and the sender is told; none vanishes. And the example of such a service.
#include <signal.h>
#include <unistd.h>

#include <set>

#include "checks/bootstrap_words.hpp"
#include "checks/jobs.hpp"

namespace checks {
namespace {

using jobs::await;
using jobs::key;

constexpr int kRequests = 1000, kKills = 100;
constexpr char kService[] = "com.example.echo", kLabel[] = "com.example.echo-job";
constexpr mach_msg_id_t kFirst = 10'000;

// What came back.
class Fates {
 public:
  explicit Fates(mach_port_t replies) : replies_(replies) {}

  // Everything that is there now, or comes soon.
  void gather(mach_msg_timeout_t patience = 0) {
    Received message;
    while (receive(message, replies_, patience) == MACH_MSG_SUCCESS) {
      if (message.header.msgh_id == MACH_NOTIFY_SEND_ONCE)
        told_++;
      else
        EXPECT_TRUE(answered_.insert(message.header.msgh_id).second) << "answered twice";
    }
  }
  size_t answered() const { return answered_.size(); }
  size_t told() const { return told_; }
  size_t all() const { return answered_.size() + told_; }

 private:
  mach_port_t replies_;
  std::set<mach_msg_id_t> answered_;
  size_t told_ = 0;
};

void ask(mach_port_t service, mach_port_t replies, mach_msg_id_t id) {
  mach_msg_header_t request{};
  request.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE);
  request.msgh_size = sizeof request;
  request.msgh_remote_port = service;
  request.msgh_local_port = replies;
  request.msgh_id = id;
  EXPECT_CODE(MACH_MSG_SUCCESS, mach_msg(&request, MACH_SEND_MSG | MACH_SEND_TIMEOUT, sizeof request, 0,
                                         MACH_PORT_NULL, kPatience, MACH_PORT_NULL));
}

CHECK(OnDemand, AThousandRequestsAndAHundredKills) {
  jobs::Bench bench(getenv("PORTOLAN_DOMAIN"));
  bench.load(kLabel, std::string("exec " PORTOLAN_TEST_PROGRAMS_DIR "/bootstrap_echo ") + kService,
             key("MachServices", "<dict>" + key(kService, "<true/>") + "</dict>") +
                 key("ThrottleInterval", "<integer>0</integer>"));
  const mach_port_t service = look_up(kService), replies = new_port();
  set_queue_limit(replies, MACH_PORT_QLIMIT_MAX);
  Fates fates(replies);
  int sent = 0, kills = 0;
  size_t starts = 0;
  for (; kills < kKills; kills++) {
    const int before = kRequests * (2 * kills + 1) / (2 * kKills), after = kRequests * (kills + 1) / kKills;
    for (; sent < before; sent++) ask(service, replies, kFirst + sent);
    ASSERT_TRUE(await([&] { return bench.lines("starts").size() > starts; })) << "after kill " << kills;
    const std::vector<std::string> pids = bench.lines("starts");
    starts = pids.size();
    EXPECT_EQ(0, kill(atoi(pids.back().c_str()), SIGKILL));
    for (; sent < after; sent++) ask(service, replies, kFirst + sent);
    fates.gather();
  }
  EXPECT_EQ(kRequests, sent);
  EXPECT_TRUE(await([&] {
    fates.gather(10);
    return fates.all() >= kRequests;
  }));
  fates.gather(200);
  EXPECT_EQ(size_t{kRequests}, fates.all());
  printf("%d requests, %d kills: %zu answered, %zu told that nobody will\n", sent, kills, fates.answered(),
         fates.told());
}

CHECK(OnDemand, TheExampleGoesWhenIdleAndComesBack) {
  jobs::Bench bench(getenv("PORTOLAN_DOMAIN"));
  bench.load(kLabel, "exec " PORTOLAN_EXAMPLES_DIR "/on_demand_service 0.3",
             key("MachServices", "<dict>" + key("com.example.on-demand-echo", "<true/>") + "</dict>") +
                 key("ThrottleInterval", "<integer>0</integer>"));
  const std::string client = PORTOLAN_EXAMPLES_DIR "/on_demand_client";
  EXPECT_EQ(0, bench.pid(kLabel));
  EXPECT_EQ(0, system((client + " 20").c_str()));
  EXPECT_TRUE(await([&] { return bench.pid(kLabel) == 0; })) << "it goes when it is idle";
  EXPECT_EQ(0, system((client + " 20").c_str()));
}

}  // namespace
}  // namespace checks
