// SPDX-License-Identifier: Apache-2.0
// The browser process. Requests arrive on eight threads; what takes longer goes to short-lived ones; sixteen
// more see to housekeeping, and one paints for each renderer. All of them log.
#include "browser/browser.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <utility>

#include "base/logging.h"
#include "base/thread_id.h"
#include "net/socket.h"

namespace browser {

namespace {

using std::chrono::milliseconds;

constexpr unsigned kLoopThreads = 8;
constexpr const char* kHelpers[] = {"history",   "bookmarks", "cookies", "cache",  "spelling", "updates",
                                    "downloads", "sync",      "prefs",   "plugin", "audio",    "print",
                                    "safety",    "metrics",   "themes",  "fonts"};

}  // namespace

Browser::Browser(const Options& options) : options_(options), loop_(service_) { AddHandlers(); }

Browser::~Browser() = default;

int Browser::Run(const std::string& program) {
  const auto started = std::chrono::steady_clock::now();
  const std::string service = "com.example.browser." + std::to_string(getpid());
  service_.add(portolan::bootstrap::check_in(service.c_str()).value()).value();
  LOG() << "serving " << service;
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
  return failed == 0 ? 0 : 1;
}

void Browser::AddHandlers() {
  service_.on([this](ipc::Connect& request, portolan::reply_to<ipc::Connected> reply) {
    OnConnect(request, std::move(reply));
  });
  service_.on([this](const ipc::Load& request, portolan::reply_to<ipc::Loaded> reply) {
    OnLoad(request, std::move(reply));
  });
  service_.on([this](ipc::Subscribe& request) { OnSubscribe(request); });
  service_.on([](ipc::Log& line) {
    line.payload.text[sizeof line.payload.text - 1] = '\0';
    LOG() << line.payload.text;
  });
  service_.on_no_senders(
      [](mach_port_t channel) { LOG() << "channel " << channel << " has no users any more"; });
  service_.on_error([](const portolan::error& failed, const portolan::envelope& from) {
    LOG() << "a message of " << from.pid() << " makes no sense: " << failed.text();
  });
}

// A renderer introduces itself, and gets a channel of its own.
void Browser::OnConnect(ipc::Connect& request, portolan::reply_to<ipc::Connected> reply) {
  if (request.part<0>().size() != ipc::kRendererPorts) return reply.drop();
  const int32_t pid = request.payload.pid;
  auto client = std::make_unique<Client>(request.payload, std::move(request.part<0>()));
  service_.watch_senders(client->channel()).value();
  service_.serve(client->channel()).value();
  if (!reply.answer(make_send_of(client->channel()))) LOG() << "a renderer left at once";
  LOG() << "renderer " << pid << " has channel " << client->channel().get();

  const std::lock_guard<std::mutex> guard(lock_);
  client->StartPainting();
  clients_.push_back(std::move(client));
}

void Browser::OnLoad(const ipc::Load& request, portolan::reply_to<ipc::Loaded> reply) {
  if (request.payload.bytes == 0 || request.payload.bytes > 1u << 20) return reply.drop();
  loads_++;
  auto socket = std::make_shared<net::Socket>(request.payload, std::move(reply));
  pool_.Start([socket] { socket->Run(); });
}

void Browser::OnSubscribe(ipc::Subscribe& request) {
  auto sink = std::make_shared<portolan::send_right>(std::move(request.part<0>()));
  pool_.Start([sink, events = request.payload.count] { net::SendEvents(*sink, events); });
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
