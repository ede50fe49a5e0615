// SPDX-License-Identifier: Apache-2.0
// What the benchmark and its peers have agreed on.
//
// A subject is measured between two processes, `portolan-bench-peer server …` and `portolan-bench-peer client
// …`. The benchmark writes a Command to the client, which answers with a Done and leaves its samples in
// Shared.
#pragma once

#include <atomic>
#include <cstdint>

namespace bench {

// Descriptors that a peer is started with.
inline constexpr int kControl = 3;  // the client's commands; a stream socket
inline constexpr int kMemory = 4;   // a Shared
inline constexpr int kSocket = 5;   // one end of a SEQPACKET pair between the two peers

inline constexpr uint32_t kSamplesMost = 4096;
inline constexpr uint32_t kMessage = 64;         // bytes, headers included
inline constexpr uint32_t kMegabyte = 1u << 20;  // bytes
inline constexpr uint32_t kBurst = 2000;         // messages of one iteration of the one-way measure

struct Shared {
  alignas(64) std::atomic<uint32_t> to_server;
  alignas(64) std::atomic<uint32_t> to_client;
  alignas(64) unsigned char request[kMessage];
  unsigned char reply[kMessage];
  alignas(64) double samples[kSamplesMost];  // nanoseconds, of one message or round trip each
};
static_assert(std::atomic<uint32_t>::is_always_lock_free && sizeof(std::atomic<uint32_t>) == 4);

struct Command {
  uint32_t warm_up;     // iterations that are not measured
  uint32_t iterations;  // at most kSamplesMost
};

// Count 0 is sent once, when the client is ready.
struct Done {
  uint32_t samples;
};

}  // namespace bench
