// SPDX-License-Identifier: Apache-2.0
// The server thread of a process: receives whatever comes, answers, and passes on what is to travel.
#pragma once

#include <map>

#include "storm/actor.hpp"

namespace portolan::storm {

class Server : public Actor {
 public:
  explicit Server(Self& self) : Actor(self, kServer) {}
  void run();

 private:
  void serve(Buffer& buffer);
  void take(const Note& note);
  void in_order(const Note& note);
  void count_holdings();

  void answer(const Buffer& request);           // talk.cpp
  void take_token(const WithPort& message);     // tokens.cpp
  void take_array(const WithArray& message);    // arrays.cpp
  void take_box(const WithPort& message);       // boxes.cpp
  void take_memory(const WithMemory& message);  // memory.cpp
  void take_signals(const WithPort& message);   // semaphores.cpp

  void free_memory(const void* address, size_t size);

  std::map<uint32_t, uint32_t> latest_;  // of each sender
};

}  // namespace portolan::storm
