// SPDX-License-Identifier: Apache-2.0
// A clock that ticks, counts, and tells whoever asks. One thread waits for four things: the time, questions
// at a port, lines on the standard input, and the signal to end.
//   ticker [MILLISECONDS]
#include <signal.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <portolan/portolan.hpp>
#include <string>

#include "ticker.hpp"

namespace {

using std::chrono::milliseconds;

class Ticker {
 public:
  Ticker(portolan::run_loop& loop, milliseconds interval) : loop_(loop) {
    timer_ = loop.every(interval, [this](int64_t passed) { ticks_ += passed; }).value();
  }

  // A question at the port.
  std::optional<std::string> answer(int32_t question, const portolan::port_data& data) {
    if (question == ticker::kInterval) set_interval(data.text());
    if (question != ticker::kTicks) return std::nullopt;
    asked_++;
    return std::to_string(ticks_) + " ticks";
  }

  // A line of somebody who sits here.
  void command(std::string_view line) {
    if (line == "quit") return loop_.stop();
    if (line == "ticks") {
      std::printf("%lld ticks\n", static_cast<long long>(ticks_));
      std::fflush(stdout);
    } else {
      set_interval(line);
    }
  }

  void set_interval(std::string_view text) {
    int number = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failed == std::errc() && number > 0) timer_.restart(milliseconds(number)).value();
  }

  int asked() const { return asked_; }

 private:
  portolan::run_loop& loop_;
  portolan::timer_source timer_;
  int64_t ticks_ = 0;
  int asked_ = 0;
};

// Reads what is there, and calls `line` for each that is complete. False at the end of the file.
template <class F>
bool read_lines(int fd, std::string& rest, F line) {
  char bytes[256];
  const ssize_t count = read(fd, bytes, sizeof bytes);
  if (count <= 0) return false;
  rest.append(bytes, static_cast<size_t>(count));
  for (size_t end; (end = rest.find('\n')) != std::string::npos; rest.erase(0, end + 1))
    line(std::string_view(rest).substr(0, end));
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  portolan::run_loop loop;
  Ticker ticker(loop, milliseconds(argc > 1 ? std::atoi(argv[1]) : 1000));

  const auto port = portolan::local_message_port::check_in(
      loop, ticker::kService,
      [&](int32_t question, const portolan::port_data& data) { return ticker.answer(question, data); },
      [&] { loop.stop(); });
  if (!port) {
    std::fprintf(stderr, "ticker: %s: %s\n", ticker::kService, port.error().text());
    return 1;
  }

  // A file cannot be watched, and ends the lines.
  std::string rest;
  portolan::descriptor_source input;
  if (auto watched = loop.readable(STDIN_FILENO, [&] {
        if (!read_lines(STDIN_FILENO, rest, [&](std::string_view line) { ticker.command(line); }))
          input.cancel();
      }))
    input = std::move(*watched);

  ::signal(SIGTERM, SIG_IGN);  // not to die of it, but to be told
  const auto end = loop.signal(SIGTERM, [&] { loop.stop(); }).value();

  loop.run().value();
  std::printf("ticker: %d questions answered\n", ticker.asked());
}
