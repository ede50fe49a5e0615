// SPDX-License-Identifier: Apache-2.0
// The messages between the browser and its renderers. A reply has its request's id plus 100.
#ifndef BROWSER_IPC_MESSAGES_H_
#define BROWSER_IPC_MESSAGES_H_

#include <cstdint>
#include <portolan/portolan.hpp>
#include <span>
#include <vector>

namespace ipc {

// A renderer's ports, as Connect lists them: one for commands, the others for paint requests.
constexpr uint32_t kCommandPort = 0;
constexpr uint32_t kFirstPaintPort = 1;
constexpr uint32_t kPaintPorts = 4;
constexpr uint32_t kRendererPorts = kFirstPaintPort + kPaintPorts;

struct RendererInfo {
  int32_t pid;
  uint32_t index;
};
struct ResourceInfo {
  uint32_t resource;
  uint32_t bytes;
};
struct ContentInfo {
  uint32_t resource;
  uint32_t checksum;
};
struct FrameInfo {
  uint32_t frame;
};
struct PaintedInfo {
  uint32_t frame;
  uint32_t checksum;
};
struct Line {
  char text[96];
};
struct Count {
  uint32_t count;
};

// Renderer to service: here I am, these are my ports. Reply: your channel.
using Connect = portolan::message<2000, RendererInfo, std::vector<portolan::send_right>>;
using Connected = portolan::message<2100, portolan::none, portolan::send_right>;
// Renderer to channel: a resource, please. Reply: its bytes.
using Load = portolan::message<2001, ResourceInfo>;
using Loaded = portolan::message<2101, ContentInfo, portolan::ool_memory>;
// Renderer to channel: send so many events to this port.
using Subscribe = portolan::message<2002, Count, portolan::send_right>;
// Browser to a port that was subscribed: number so many.
using Event = portolan::message<2005, Count>;
// Browser to renderer: a display list. Reply: its checksum.
using Paint = portolan::message<2003, FrameInfo, portolan::ool_memory>;
using Painted = portolan::message<2103, PaintedInfo>;
// Renderer to channel: a line for the log.
using Log = portolan::message<2004, Line>;
// Browser to renderer: come to an end.
using Quit = portolan::message<2006>;

// Of what goes out of line: the sender computes it, the receiver compares.
uint32_t Checksum(std::span<const std::byte> data);

}  // namespace ipc

#endif  // BROWSER_IPC_MESSAGES_H_
