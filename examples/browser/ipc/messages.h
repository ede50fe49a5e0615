// SPDX-License-Identifier: Apache-2.0
// The messages between the browser and its renderers. A reply has its request's id plus 100.
#ifndef BROWSER_IPC_MESSAGES_H_
#define BROWSER_IPC_MESSAGES_H_

#include <mach/mach.h>

#include <cstdint>

namespace ipc {

enum MessageId : mach_msg_id_t {
  kConnect = 2000,    // renderer to service: here I am, these are my ports. Reply: your channel
  kLoad = 2001,       // renderer to channel: a resource, please. Reply: its bytes, out of line
  kSubscribe = 2002,  // renderer to channel: send so many events to this port. No reply
  kPaint = 2003,      // browser to renderer: a display list, out of line. Reply: its checksum
  kLog = 2004,        // renderer to channel: a line for the log. No reply
  kEvent = 2005,      // browser to a port that was subscribed. No reply
  kQuit = 2006,       // browser to renderer: come to an end. No reply
  kStop = 2099,       // a loop to itself
  kReply = 100,       // what a reply's id is greater by
};

// A renderer's ports, as kConnect lists them: one for commands, the others for paint requests.
constexpr uint32_t kCommandPort = 0;
constexpr uint32_t kFirstPaintPort = 1;
constexpr uint32_t kPaintPorts = 4;
constexpr uint32_t kRendererPorts = kFirstPaintPort + kPaintPorts;

struct ConnectRequest {
  mach_msg_header_t header;
  mach_msg_body_t body;
  mach_msg_ool_ports_descriptor_t ports;  // kRendererPorts send rights
  int32_t pid;
  uint32_t index;
};

struct ConnectReply {
  mach_msg_header_t header;
  mach_msg_body_t body;
  mach_msg_port_descriptor_t channel;  // a send right
};

struct LoadRequest {
  mach_msg_header_t header;
  uint32_t resource;
  uint32_t bytes;
};

struct LoadReply {
  mach_msg_header_t header;
  mach_msg_body_t body;
  mach_msg_ool_descriptor_t content;
  uint32_t resource;
  uint32_t checksum;
};

struct SubscribeRequest {
  mach_msg_header_t header;
  mach_msg_body_t body;
  mach_msg_port_descriptor_t sink;  // a send right
  uint32_t events;
};

struct PaintRequest {
  mach_msg_header_t header;
  mach_msg_body_t body;
  mach_msg_ool_descriptor_t display_list;
  uint32_t frame;
};

struct PaintReply {
  mach_msg_header_t header;
  uint32_t frame;
  uint32_t checksum;
};

struct LogLine {
  mach_msg_header_t header;
  char text[96];
};

struct Event {
  mach_msg_header_t header;
  uint32_t number;
};

// Room for any of them, or for a notification, with the trailer.
union Buffer {
  mach_msg_header_t header;
  ConnectRequest connect;
  ConnectReply connect_reply;
  LoadRequest load;
  LoadReply load_reply;
  SubscribeRequest subscribe;
  PaintRequest paint;
  PaintReply paint_reply;
  LogLine log;
  Event event;
  mach_no_senders_notification_t no_senders;
  mach_dead_name_notification_t dead_name;
  char bytes[512];
};

// Of what goes out of line: the sender computes it, the receiver compares.
uint32_t Checksum(const void* data, uint32_t bytes);

}  // namespace ipc

#endif  // BROWSER_IPC_MESSAGES_H_
