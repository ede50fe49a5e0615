// SPDX-License-Identifier: Apache-2.0
// The browser process. Requests arrive on eight threads; what takes longer goes to short-lived ones; sixteen
// more see to housekeeping, and one paints for each renderer. All of them log.
#include "browser/browser.h"

#include <servers/bootstrap.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <utility>

#include "base/logging.h"
#include "base/thread_id.h"
#include "ipc/port.h"
#include "net/socket.h"

namespace browser {

namespace {

using std::chrono::milliseconds;

constexpr unsigned kLoopThreads = 8;
constexpr const char* kHelpers[] = {"history",   "bookmarks", "cookies", "cache",  "spelling", "updates",
                                    "downloads", "sync",      "prefs",   "plugin", "audio",    "print",
                                    "safety",    "metrics",   "themes",  "fonts"};

}  // namespace

Browser::Browser(const Options& options)
    : options_(options), loop_([this](mach_msg_header_t* message) { OnMessage(message); }) {}

Browser::~Browser() = default;

int Browser::Run(const std::string& program) {
  const auto started = std::chrono::steady_clock::now();
  const std::string service = "com.example.browser." + std::to_string(getpid());
  CHECK_KR(bootstrap_check_in(bootstrap_port, service.c_str(), &service_), service.c_str());
  LOG() << "serving " << service;
  loop_.Add(service_);
  loop_.Start(kLoopThreads);
  for (uint32_t i = 0; i < options_.renderers; i++) {
    std::vector<std::string> arguments = {"--service=" + service, "--index=" + std::to_string(i)};
    if (options_.unanswered) arguments.push_back("--unanswered");
    renderers_.emplace_back(Beside(program, "renderer"), arguments);
    LOG() << "renderer " << i << " is " << renderers_.back().pid();
  }
  StartHelpers();
  for (int i = 0; i < 5000 && !AllConnected(); i++) stop_.Wait(milliseconds(2));
  if (!AllConnected()) std::fprintf(stderr, "browser: not all renderers came up\n");

  stop_.Wait(milliseconds(static_cast<int64_t>(options_.seconds * 1000)));
  stop_.Set();
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - started;

  {
    const std::lock_guard<std::mutex> guard(lock_);
    for (auto& client : clients_) client->StopPainting();
    for (auto& client : clients_) client->Quit();
  }
  unsigned long failed = 0;
  for (Process& renderer : renderers_) failed += renderer.Wait(milliseconds(10000)) ? 0 : 1;
  StopHelpers();
  loop_.Stop();
  pool_.Finish();
  Report(taken.count(), failed);
  clients_.clear();
  ipc::DropReceive(service_);
  return failed == 0 ? 0 : 1;
}

void Browser::OnMessage(mach_msg_header_t* message) {
  const bool from_client = message->msgh_local_port != service_;
  const bool complex = MACH_MSGH_BITS_IS_COMPLEX(message->msgh_bits);
  const mach_msg_size_t size = message->msgh_size;
  if (message->msgh_id == ipc::kConnect && !from_client && complex && size == sizeof(ipc::ConnectRequest)) {
    OnConnect(reinterpret_cast<ipc::ConnectRequest*>(message));
  } else if (message->msgh_id == ipc::kLoad && from_client && size == sizeof(ipc::LoadRequest)) {
    OnLoad(reinterpret_cast<ipc::LoadRequest*>(message));
  } else if (message->msgh_id == ipc::kSubscribe && from_client && complex &&
             size == sizeof(ipc::SubscribeRequest)) {
    OnSubscribe(reinterpret_cast<ipc::SubscribeRequest*>(message));
  } else if (message->msgh_id == ipc::kLog && from_client && size == sizeof(ipc::LogLine)) {
    auto* line = reinterpret_cast<ipc::LogLine*>(message);
    line->text[sizeof line->text - 1] = '\0';
    LOG() << line->text;
  } else if (message->msgh_id == MACH_NOTIFY_NO_SENDERS) {
    LOG() << "channel " << message->msgh_local_port << " has no users any more";
  } else {
    LOG() << "message " << message->msgh_id << " makes no sense";
  }
}

// A renderer introduces itself, and gets a channel of its own.
void Browser::OnConnect(ipc::ConnectRequest* request) {
  if (request->ports.type != MACH_MSG_OOL_PORTS_DESCRIPTOR || request->ports.count != ipc::kRendererPorts)
    return;
  auto* names = static_cast<mach_port_t*>(request->ports.address);
  mach_port_t ports[ipc::kRendererPorts];
  for (uint32_t i = 0; i < ipc::kRendererPorts; i++) ports[i] = std::exchange(names[i], MACH_PORT_NULL);
  auto client = std::make_unique<Client>(request->pid, request->index, ports);
  client->WatchSenders();
  loop_.Add(client->channel());

  ipc::ConnectReply reply = {};
  reply.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND_ONCE, 0) | MACH_MSGH_BITS_COMPLEX;
  reply.header.msgh_remote_port = std::exchange(request->header.msgh_remote_port, MACH_PORT_NULL);
  reply.header.msgh_id = ipc::kConnect + ipc::kReply;
  reply.body.msgh_descriptor_count = 1;
  reply.channel = ipc::Right(client->channel(), MACH_MSG_TYPE_MAKE_SEND);
  if (ipc::Send(&reply.header, sizeof reply, 1000) != KERN_SUCCESS) LOG() << "a renderer left at once";
  LOG() << "renderer " << request->pid << " has channel " << client->channel();

  const std::lock_guard<std::mutex> guard(lock_);
  client->StartPainting();
  clients_.push_back(std::move(client));
}

void Browser::OnLoad(ipc::LoadRequest* request) {
  if (request->bytes == 0 || request->bytes > 1u << 20) return;
  loads_++;
  const mach_port_t reply = std::exchange(request->header.msgh_remote_port, MACH_PORT_NULL);
  pool_.Start([resource = request->resource, bytes = request->bytes, reply] {
    net::Socket(resource, bytes, reply).Run();
  });
}

void Browser::OnSubscribe(ipc::SubscribeRequest* request) {
  if (request->sink.type != MACH_MSG_PORT_DESCRIPTOR || !MACH_PORT_VALID(request->sink.name)) return;
  const mach_port_t sink = std::exchange(request->sink.name, MACH_PORT_NULL);
  pool_.Start([sink, events = request->events] { net::SendEvents(sink, events); });
}

void Browser::StartHelpers() {
  for (const char* name : kHelpers) {
    helpers_.push_back(std::make_unique<base::Thread>([this, name] {
      LOG() << name << ": at work";
      for (unsigned round = 1; !stop_.Wait(milliseconds(40)); round++) LOG() << name << ": round " << round;
    }));
  }
}

void Browser::StopHelpers() {
  for (auto& helper : helpers_) helper->Join();
  helpers_.clear();
}

bool Browser::AllConnected() {
  const std::lock_guard<std::mutex> guard(lock_);
  return clients_.size() == options_.renderers;
}

void Browser::Report(double seconds, unsigned long failed) {
  uint64_t painted = 0;
  uint64_t missed = 0;
  for (const auto& client : clients_) {
    painted += client->painted();
    missed += client->missed();
  }
  const unsigned long threads = kLoopThreads + std::size(kHelpers) + clients_.size() + 1;
  const base::Leaked leaked = base::LeakedThreadPorts();
  std::printf(
      "browser: %u renderers, %lu threads and %lu short ones, %.1f s: %lu loads, %lu frames (%lu missed)\n",
      options_.renderers, threads, static_cast<unsigned long>(pool_.Started()), seconds,
      static_cast<unsigned long>(loads_.load()), static_cast<unsigned long>(painted),
      static_cast<unsigned long>(missed));
  if (failed != 0) std::printf("browser: %lu renderers failed\n", failed);
  std::printf("browser: leaked %lu thread port references in %lu names\n",
              static_cast<unsigned long>(leaked.references), static_cast<unsigned long>(leaked.names));
  std::fflush(stdout);
}

}  // namespace browser
