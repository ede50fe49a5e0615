// SPDX-License-Identifier: Apache-2.0
// fsck: messages wherever they are, and what they carry. Bodies are read by a reader of their own, which
// stops at the end of what is there.
#include <algorithm>

#include "ipc/fsck_walk.hpp"
#include "ipc/kmsg.hpp"

namespace portolan::ipc {

namespace {

// Words of a body, or of an array out of line.
struct Words {
  const uint8_t* bytes = nullptr;  // inline
  uint32_t length = 0;
  std::vector<const Data*> chunks;

  bool read(uint64_t offset, uint32_t& word) const {
    if (offset % 4 != 0) return false;
    if (chunks.empty()) {
      if (bytes == nullptr || offset + 4 > length) return false;
      word = reinterpret_cast<const Cell<uint32_t>*>(bytes + offset)->get();
      return true;
    }
    if (offset / kDataPayload >= chunks.size()) return false;
    word =
        reinterpret_cast<const Cell<uint32_t>*>(chunks[offset / kDataPayload]->bytes + offset % kDataPayload)
            ->get();
    return true;
  }
};

}  // namespace

// The chain of Data behind `head`, each belonging to this message alone.
uint32_t Walk::walk_chain(uint32_t head, uint32_t kmsg, std::vector<const Data*>& chunks) {
  uint32_t length = 0;
  for (uint32_t walk = head; walk != 0; walk = at<Data>(walk).link, length++) {
    if (!reach<Data>(walk, "M2", "message", kmsg)) break;
    chunks.push_back(&at<Data>(walk));
  }
  return length;
}

void Walk::walk_message(uint32_t index, const char* from, uint32_t owner) {
  if (!reach<Kmsg>(index, "M1", from, owner)) return;
  const Kmsg& kmsg = at<Kmsg>(index);
  const Holder holder{Holder::kMessage, index};
  if (kmsg.kind == kKmsgPortDestroyed) {
    // On a work list, on its way to become a message.
    if (kmsg.remote == kRightNull)
      report_.add("M1", "message ", index, " is to carry a receive right, but has none");
    add_receive(kmsg.remote, holder);
    add_send_once(kmsg.local, holder);
    return;
  }
  if (kmsg.kind != kKmsgMessage) {
    report_.add("M1", "message ", index, " at ", from, " ", owner, " is of kind ", kmsg.kind.get());
    return;
  }
  if ((kmsg.flags & kKmsgHeaderTaken) != 0) {
    if ((kmsg.flags & kKmsgDestRight) == 0) add_right(kmsg.remote, MACH_MSGH_BITS_REMOTE(kmsg.bits), holder);
    add_right(kmsg.local, MACH_MSGH_BITS_LOCAL(kmsg.bits), holder);
  }
  walk_body(index);
}

// A notification that is kept until it is needed, or the memory for one.
void Walk::walk_kept(uint32_t index, uint32_t kind, uint32_t port, const char* id) {
  if (!reach<Kmsg>(index, "M1", "a notification of port", port)) return;
  const Kmsg& kmsg = at<Kmsg>(index);
  if (kmsg.kind != kind)
    report_.add(id, port_text(port), " keeps message ", index, " of kind ", kmsg.kind.get());
  if (kind != kKmsgReserved) add_send_once(kmsg.local, {Holder::kKept, port});
}

void Walk::walk_body(uint32_t index) {
  const Kmsg& kmsg = at<Kmsg>(index);
  const Holder holder{Holder::kMessage, index};
  if (kmsg.size < kHeaderSize) {
    report_.add("M2", "message ", index, " has ", kmsg.size.get(), " bytes");
    return;
  }
  Words body;
  body.bytes = kmsg.inline_body;
  body.length = std::min(kmsg.size - kHeaderSize, kKmsgInline);
  if (kmsg.body_head != 0) walk_chain(kmsg.body_head, index, body.chunks);
  if ((kmsg.bits & MACH_MSGH_BITS_COMPLEX) == 0) return;
  const uint32_t in = kmsg.converted_in, out = kmsg.converted_out, open = kmsg.array_in;
  if (out > in || in > kmsg.descriptors || kmsg.descriptors > kmsg.size / 12) {
    report_.add("M2", "message ", index, ": ", out, " given out, ", in, " taken in, of ",
                kmsg.descriptors.get());
    return;
  }
  uint64_t offset = kmsg.edge_out;
  // Between the edges, and then the one that is half taken in.
  for (uint32_t n = out; n < in + (open != 0 ? 1 : 0); n++) {
    const bool half = n == in;
    uint32_t first = 0, third = 0, fourth = 0;
    if (half && offset != kmsg.edge_in) break;
    if (!body.read(offset, first) || !body.read(offset + 8, third)) {
      report_.add("M2", "message ", index, ": descriptor ", n, " lies outside");
      return;
    }
    const uint32_t type = third >> 24, disposition = third >> 16 & 0xff;
    const uint32_t length = type == MACH_MSG_PORT_DESCRIPTOR ? 12 : 16;
    if (type > MACH_MSG_GUARDED_PORT_DESCRIPTOR || (length == 16 && !body.read(offset + 12, fourth))) {
      report_.add("M2", "message ", index, ": descriptor ", n, " of type ", type);
      return;
    }
    if (type == MACH_MSG_PORT_DESCRIPTOR) {
      add_right(first, disposition, holder);
    } else if (type == MACH_MSG_GUARDED_PORT_DESCRIPTOR) {
      add_right(fourth, MACH_MSG_TYPE_PORT_RECEIVE, holder);
    } else {
      Words array;
      walk_chain(first, index, array.chunks);
      const uint32_t begin = n == out ? kmsg.array_out.get() : 0;
      const uint32_t end = type != MACH_MSG_OOL_PORTS_DESCRIPTOR ? 0 : half ? open - 1 : fourth;
      const uint32_t kind =
          MACH_MSG_TYPE_PORT_RECEIVE <= disposition && disposition <= MACH_MSG_TYPE_PORT_SEND_ONCE
              ? disposition
              : received_disposition(disposition);
      for (uint32_t i = begin; i < end; i++) {
        uint32_t port = 0;
        if (!array.read(uint64_t{i} * 4, port)) {
          report_.add("M2", "message ", index, ": an array of ", end, " rights lacks the one at ", i);
          break;
        }
        add_right(port, kind, holder);
      }
    }
    if (!half) offset += length;
  }
  if (offset != kmsg.edge_in)
    report_.add("M2", "message ", index, ": its descriptors end at ", offset, ", not at ",
                kmsg.edge_in.get());
}

}  // namespace portolan::ipc
