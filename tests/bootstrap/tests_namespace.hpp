// SPDX-License-Identifier: Apache-2.0
// A domain with a namespace and two tasks, for tests of names and jobs.
#pragma once

#include "bootstrap/namespace.hpp"

#include <gtest/gtest.h>

#include <string>

#include "ipc/fsck.hpp"
#include "support/domain.hpp"
#include "support/namespace.hpp"
#include "task/task.hpp"

namespace portolan::test {

using bootstrap::ServiceName;
using ipc::Subset;

inline bool reap_in_namespace(Thread& self, uint32_t item) {
  if (work_zone(item) == ipc::kZoneTask) return task_reap_step(self, Handle<ipc::Task>{work_index(item)});
  return bootstrap::reap_step(self, item);
}

class Namespace : public testing::Test {
 public:
  // A send right to the root, as every task gets one.
  static mach_port_name_t root_of(TestTask& task) {
    ipc::Name name;
    transact(task.thread(), ipc::kCopyoutNeeds, [&](Txn& txn) {
      const Handle<Subset> root{txn.segment().header().roots[ipc::kRootBootstrap]};
      Locked<ipc::Space> space = txn.lock(task.space());
      Locked<ipc::Port> port = txn.lock(Handle<ipc::Port>{txn.segment().at(root).port});
      ipc::send_right_make(txn, port);
      return ipc::right_copyout(txn, space, {port.handle().index, MACH_MSG_TYPE_PORT_SEND}, name);
    });
    return name.value;
  }

 protected:
  Namespace() : a(domain.task()), b(domain.task()) {
    static const bootstrap::Layers layers =
        bootstrap::make_layers(ipc::make_layers({reap_in_namespace, nullptr, task_finish_thread}));
    ipc::install(domain.segment(), layers);
    EXPECT_EQ(KERN_SUCCESS, bootstrap::make_root(domain.launchd()));
    root_a = root_of(a);
    root_b = root_of(b);
  }
  ~Namespace() override {
    EXPECT_EQ("", domain.fsck());
    close_namespace(domain.launchd());
  }

  static bootstrap::Caller caller(TestTask& task) { return {task.handle(), task.space()}; }

  kern_return_t check_in(TestTask& task, mach_port_name_t bp, const char* name,
                         mach_port_name_t* sp = nullptr) {
    ipc::Name out;
    const kern_return_t code = bootstrap::check_in(task.thread(), caller(task), {bp}, ServiceName(name), 0, out);
    if (sp != nullptr) *sp = out.value;
    settle(task.thread());
    return code;
  }
  kern_return_t look_up(TestTask& task, mach_port_name_t bp, const char* name,
                        mach_port_name_t* sp = nullptr) {
    ipc::Name out;
    const kern_return_t code = bootstrap::look_up(task.thread(), caller(task), {bp}, ServiceName(name), 0, 0, out);
    if (sp != nullptr) *sp = out.value;
    return code;
  }
  kern_return_t register_port(TestTask& task, mach_port_name_t bp, const char* name, mach_port_name_t port) {
    return bootstrap::register_(task.thread(), caller(task), {bp}, ServiceName(name), {port}, 0);
  }
  kern_return_t make_subset(TestTask& task, mach_port_name_t bp, mach_port_name_t requestor,
                            mach_port_name_t* subset = nullptr) {
    ipc::Name out;
    const kern_return_t code = bootstrap::subset(task.thread(), caller(task), {bp}, {requestor}, out);
    if (subset != nullptr) *subset = out.value;
    return code;
  }
  kern_return_t parent(TestTask& task, mach_port_name_t bp, mach_port_name_t* port) {
    ipc::Name out;
    const kern_return_t code = bootstrap::parent(task.thread(), caller(task), {bp}, out);
    *port = out.value;
    return code;
  }
  kern_return_t status(TestTask& task, mach_port_name_t bp, const char* name, bootstrap_status_t* out) {
    return bootstrap::status(task.thread(), caller(task), {bp}, ServiceName(name), *out);
  }
  uint32_t services() { return domain.in_use(ipc::kZoneService); }

  TestDomain domain;
  TestTask& a;
  TestTask& b;
  mach_port_name_t root_a = 0, root_b = 0;
};

}  // namespace portolan::test
