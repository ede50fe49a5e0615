// SPDX-License-Identifier: Apache-2.0
// Bootstrap checks 47 to 61: namespaces inside namespaces.
#include <unistd.h>

#include <fstream>

#include "checks/bootstrap_words.hpp"

namespace checks {
namespace {

CHECK(Bootstrap, B047_NamesAboveAreSeen) {
  const mach_port_t subset = subset_of(new_port_with_sends(1));
  const mach_port_t port = check_in("name");
  EXPECT_EQ(port, look_up("name", subset));
}

CHECK(Bootstrap, B048_NamesBelowAreNot) {
  const mach_port_t subset = subset_of(new_port_with_sends(1));
  check_in("name", subset);
  EXPECT_CODE(BOOTSTRAP_UNKNOWN_SERVICE, look_up_code("name"));
}

CHECK(Bootstrap, B049_TheNearerNameWins) {
  const mach_port_t subset = subset_of(new_port_with_sends(1));
  const mach_port_t above = check_in("name"), below = check_in("name", subset);
  EXPECT_NE(above, below);
  EXPECT_EQ(below, look_up("name", subset));
  EXPECT_EQ(above, look_up("name"));
}

CHECK(Bootstrap, B050_Siblings) {
  const mach_port_t one = subset_of(new_port_with_sends(1)), two = subset_of(new_port_with_sends(1));
  check_in("name", one);
  EXPECT_CODE(BOOTSTRAP_UNKNOWN_SERVICE, look_up_code("name", two));
}

CHECK(Bootstrap, B051_ASubsetEndsWithItsRequestor) {
  const mach_port_t requestor = new_port_with_sends(1);
  const mach_port_t subset = subset_of(requestor);
  const mach_port_t port = check_in("name", subset);
  drop_receive(requestor);
  EXPECT_TRUE(eventually([&] { return type_of(subset) == MACH_PORT_TYPE_DEAD_NAME; }));
  EXPECT_CODE(MACH_SEND_INVALID_DEST, look_up_code("name", subset));
  EXPECT_EQ(MACH_PORT_TYPE_RECEIVE, type_of(port)) << "the port is its holder's";
}

CHECK(Bootstrap, B052_NestedOnesToo) {
  const mach_port_t requestor = new_port_with_sends(1);
  const mach_port_t outer = subset_of(requestor);
  const mach_port_t inner = subset_of(new_port_with_sends(1), outer);
  check_in("name");
  drop_receive(requestor);
  EXPECT_TRUE(eventually([&] { return type_of(inner) == MACH_PORT_TYPE_DEAD_NAME; }));
  EXPECT_CODE(BOOTSTRAP_SUCCESS, look_up_code("name"));
}

CHECK(Bootstrap, B053_AChildIsCutOff) {
  // The maker, and a child of its own that inherits the subset and outlives it.
  int out[2];
  ASSERT_EQ(0, pipe(out));
  const mach_port_t inbox = check_in("gone");
  Peer maker([&](const Line& line) {
    const mach_port_t subset = subset_of(mach_task_self());
    EXPECT_CODE(KERN_SUCCESS, task_set_bootstrap_port(mach_task_self(), subset));
    const pid_t child = fork();
    if (child == 0) {
      uint64_t answers[2] = {0, 0};
      mach_port_t port = MACH_PORT_NULL;
      for (int i = 0; i < 2000 && answers[0] != MACH_SEND_INVALID_DEST; i++) {
        usleep(5000);
        answers[0] = static_cast<uint64_t>(look_up_code("gone", bootstrap_port));
      }
      task_get_bootstrap_port(mach_task_self(), &port);
      answers[1] = port;
      (void)!write(out[1], answers, sizeof answers);
      _exit(0);
    }
    line.tell(1);
  });
  EXPECT_EQ(1u, maker.line().hear());
  maker.end();
  close(out[1]);
  uint64_t answers[2] = {};
  ASSERT_EQ(ssize_t{sizeof answers}, read(out[0], answers, sizeof answers));
  EXPECT_EQ(uint64_t{MACH_SEND_INVALID_DEST}, answers[0]);
  EXPECT_EQ(uint64_t{MACH_PORT_DEAD}, answers[1]);
  EXPECT_EQ(MACH_PORT_TYPE_RECEIVE, type_of(inbox));
}

// The namespaces right below: their names, and rights to them that are released again.
std::vector<std::string> children_of(mach_port_t bp, kern_return_t* code = nullptr) {
  mach_port_array_t ports = nullptr;
  name_array_t names = nullptr;
  bootstrap_property_array_t properties = nullptr;
  mach_msg_type_number_t n = 0;
  const kern_return_t answer = bootstrap_lookup_children(bp, &ports, &names, &properties, &n);
  if (code != nullptr) *code = answer;
  std::vector<std::string> found;
  for (mach_msg_type_number_t i = 0; answer == KERN_SUCCESS && i < n; i++) {
    EXPECT_EQ(unsigned{BOOTSTRAP_PROPERTY_EXPLICITSUBSET}, properties[i]);
    drop_send(ports[i]);
    found.emplace_back(names[i]);
  }
  return found;
}

CHECK(Bootstrap, B054_WithoutRightsToItItIsStillThere) {
  const mach_port_t requestor = new_port_with_sends(1);
  drop_send(subset_of(requestor));
  EXPECT_EQ(1u, children_of(bootstrap_port).size());
  drop_receive(requestor);
  EXPECT_TRUE(eventually([] { return children_of(bootstrap_port).empty(); }));
}

CHECK(Bootstrap, B055_NoRequestor) {
  mach_port_t subset = MACH_PORT_NULL;
  EXPECT_CODE(BOOTSTRAP_NOT_PRIVILEGED, bootstrap_subset(bootstrap_port, MACH_PORT_NULL, &subset));
  EXPECT_CODE(BOOTSTRAP_NO_MEMORY, bootstrap_subset(bootstrap_port, MACH_PORT_DEAD, &subset));
}

CHECK(Bootstrap, B056_HowDeep) {
  const mach_port_t requestor = new_port_with_sends(1);
  mach_port_t at = bootstrap_port, next = MACH_PORT_NULL;
  for (unsigned level = 1; level <= 101; level++, at = next)
    ASSERT_EQ(BOOTSTRAP_SUCCESS, bootstrap_subset(at, requestor, &next)) << level;
  EXPECT_CODE(BOOTSTRAP_NO_MEMORY, bootstrap_subset(at, requestor, &next));
}

CHECK(Bootstrap, B057_TwoOfOneRequestor) {
  const mach_port_t requestor = new_port_with_sends(1);
  const mach_port_t one = subset_of(requestor), two = subset_of(requestor);
  drop_receive(requestor);
  for (const mach_port_t subset : {one, two})
    EXPECT_TRUE(eventually([&] { return type_of(subset) == MACH_PORT_TYPE_DEAD_NAME; }));
}

CHECK(Bootstrap, B058_Parents) {
  const mach_port_t subset = subset_of(new_port_with_sends(1));
  mach_port_t parent = MACH_PORT_NULL, root = MACH_PORT_NULL;
  EXPECT_CODE(BOOTSTRAP_SUCCESS, bootstrap_parent(subset, &parent));
  EXPECT_EQ(bootstrap_port, parent);
  EXPECT_CODE(BOOTSTRAP_SUCCESS, bootstrap_parent(bootstrap_port, &root));
  EXPECT_EQ(bootstrap_port, root);
  EXPECT_CODE(BOOTSTRAP_SUCCESS, bootstrap_get_root(subset, &root));
  EXPECT_EQ(bootstrap_port, root);
}

CHECK(Bootstrap, B060_NoChildren) {
  kern_return_t code = KERN_SUCCESS;
  children_of(bootstrap_port, &code);
  EXPECT_CODE(BOOTSTRAP_NO_CHILDREN, code);
}

CHECK(Bootstrap, B061_ANameOfItsOwn) {
  subset_of(new_port_with_sends(1));
  const std::vector<std::string> found = children_of(bootstrap_port);
  ASSERT_EQ(1u, found.size());
  std::string program;
  std::ifstream("/proc/self/comm") >> program;
  const std::string start = program + "[" + std::to_string(getpid()) + "].subset.";
  ASSERT_EQ(start, found[0].substr(0, start.size()));
  EXPECT_EQ(std::string::npos, found[0].find_first_not_of("0123456789", start.size()));
  EXPECT_GT(found[0].size(), start.size());
}

}  // namespace
}  // namespace checks
