// SPDX-License-Identifier: Apache-2.0
// The client thread of a process: sends messages, calls the next one and waits for the answer however long,
// hands out rights and waits until it is told that they are gone.
#pragma once

#include "storm/actor.hpp"

namespace portolan::storm {

class Client : public Actor {
 public:
  explicit Client(Self& self) : Actor(self, kClient) {}
  void run();

 private:
  void something();
  void finish();

  void plain();          // talk.cpp
  void call();           // talk.cpp
  void token();          // tokens.cpp
  void array();          // arrays.cpp
  void box();            // boxes.cpp
  void memory();         // memory.cpp
  void names();          // names.cpp
  void service();        // services.cpp
  void subset();         // services.cpp
  void semaphore();      // semaphores.cpp
  void send_possible();  // notices.cpp

  // The death of the next one is watched (notices.cpp).
  void linked() override;
  void unlinking() override;

  // Send rights that are out, each to a port of its own, and the no-senders notifications owed for them
  // (tokens.cpp).
  void hand_out(mach_port_t port, Sending sending);
  void end_tokens();
  static constexpr unsigned kTokens = 4;
  mach_port_t token_[kTokens] = {};
  unsigned tokens_ = 0, told_ = 0, withdrawn_ = 0;

  // Receive rights that are out and will come back (boxes.cpp).
  void end_boxes();
  static constexpr unsigned kBoxes = 4;
  unsigned boxes_ = 0;

  mach_port_t reply_ = MACH_PORT_NULL, gone_ = MACH_PORT_NULL, no_senders_ = MACH_PORT_NULL,
              returns_ = MACH_PORT_NULL;
};

}  // namespace portolan::storm
