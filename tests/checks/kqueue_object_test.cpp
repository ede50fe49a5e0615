// SPDX-License-Identifier: Apache-2.0
// Kqueue checks 1 to 36: the object, the calls, knotes.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/wait.h>

#include "checks/kqueue_words.hpp"

namespace checks {
namespace {

CHECK(Kqueue, K001_ClosedOnExec) {
  const int kq = new_queue();
  EXPECT_EQ(FD_CLOEXEC, fcntl(kq, F_GETFD));
}

CHECK(Kqueue, K003_AForkChildHasNone) {
  const int kq = new_queue();
  const pid_t child = fork();
  if (child == 0) {
    const struct timespec now = {0, 0};
    Event event;
    _exit(kevent(kq, nullptr, 0, &event, 1, &now) == -1 && errno == EBADF ? 0 : 1);
  }
  int status = -1;
  EXPECT_EQ(child, waitpid(child, &status, 0));
  EXPECT_EQ(0, status);
  EXPECT_TRUE(silent(kq));
}

CHECK(Kqueue, K005_OnlyQueuesAreQueues) {
  const Pair pipe = new_pipe();
  Event event;
  const struct timespec now = {0, 0};
  EXPECT_EQ(-1, kevent(pipe[0], nullptr, 0, &event, 1, &now));
  EXPECT_EQ(EBADF, errno);
  close(pipe[0]);
  EXPECT_EQ(-1, kevent(pipe[0], nullptr, 0, &event, 1, &now));
  EXPECT_EQ(EBADF, errno);
}

CHECK(Kqueue, K006_AQueueHasOneFamily) {
  const int kq = new_queue();
  struct kevent64_s wide;
  EXPECT_EQ(0, kevent64(kq, nullptr, 0, &wide, 1, KEVENT_FLAG_IMMEDIATE, nullptr));
  EXPECT_EQ(EINVAL, apply(kq, 1, EVFILT_USER, EV_ADD));
  struct kevent_qos_s widest;
  EXPECT_EQ(0, kevent_qos(kq, nullptr, 0, &widest, 1, nullptr, nullptr, KEVENT_FLAG_IMMEDIATE));
}

CHECK(Kqueue, K007_CloseEndsTheWait) {
  const int kq = new_queue();
  Blocked waits([kq] {
    Event event;
    return kevent(kq, nullptr, 0, &event, 1, nullptr) == -1 ? errno : 0;
  });
  EXPECT_EQ(0, close(kq));
  EXPECT_EQ(EBADF, waits.code());
}

CHECK(Kqueue, K008_ADuplicateIsTheSameQueue) {
  const int kq = new_queue();
  EXPECT_EQ(0, apply(kq, 7, EVFILT_USER, EV_ADD, NOTE_TRIGGER));
  const int copy = dup(kq), another = fcntl(kq, F_DUPFD_CLOEXEC, 50);
  EXPECT_EQ(7u, only_event(copy).ident);
  EXPECT_EQ(7u, only_event(another).ident);
  close(kq);
  EXPECT_EQ(7u, only_event(copy).ident);
}

CHECK(Kqueue, K009_AReadyQueueIsReadable) {
  const int kq = new_queue(), above = new_queue();
  EXPECT_EQ(0, apply(above, static_cast<uint64_t>(kq), EVFILT_READ, EV_ADD));
  struct pollfd entry = {kq, POLLIN, 0};
  EXPECT_EQ(0, poll(&entry, 1, 0));
  EXPECT_TRUE(silent(above));
  const Pair pipe = new_pipe();
  EXPECT_EQ(0, apply(kq, static_cast<uint64_t>(pipe[0]), EVFILT_READ, EV_ADD));
  EXPECT_EQ(0, apply(kq, 1, EVFILT_USER, EV_ADD, NOTE_TRIGGER));
  put(pipe[1], "x");
  EXPECT_EQ(1, poll(&entry, 1, 0));
  fd_set set;
  FD_ZERO(&set);
  FD_SET(kq, &set);
  struct timeval now = {0, 0};
  EXPECT_EQ(1, select(kq + 1, &set, nullptr, nullptr, &now));
  EXPECT_EQ(2, only_event(above).data);
  EXPECT_EQ(EINVAL, apply(above, static_cast<uint64_t>(kq), EVFILT_WRITE, EV_ADD));
}

CHECK(Kqueue, K010_NoCycles) {
  const int a = new_queue(), b = new_queue();
  EXPECT_EQ(EINVAL, apply(a, static_cast<uint64_t>(a), EVFILT_READ, EV_ADD));
  EXPECT_EQ(0, apply(b, static_cast<uint64_t>(a), EVFILT_READ, EV_ADD));
  EXPECT_EQ(EINVAL, apply(a, static_cast<uint64_t>(b), EVFILT_READ, EV_ADD));
}

CHECK(Kqueue, K013_WithoutRoomNobodyWaits) {
  const int kq = new_queue();
  const Event add = change(1, EVFILT_USER, EV_ADD);
  EXPECT_EQ(0, kevent(kq, &add, 1, nullptr, 0, nullptr));
  EXPECT_EQ(0, apply(kq, 1, EVFILT_USER, 0, NOTE_TRIGGER));
  EXPECT_EQ(1u, only_event(kq).ident);
}

CHECK(Kqueue, K014_NegativeCountsAreNone) {
  const int kq = new_queue();
  EXPECT_EQ(0, kevent(kq, nullptr, -1, nullptr, -1, nullptr));
}

CHECK(Kqueue, K015_TimeoutsAreLookedAtFirst) {
  Event event;
  struct timespec timeout = {-1, 0};
  EXPECT_EQ(-1, kevent(-1, nullptr, 0, &event, 1, &timeout));
  EXPECT_EQ(EINVAL, errno);
  const int kq = new_queue();
  timeout = {0, 1'000'000'001};
  EXPECT_EQ(-1, kevent(kq, nullptr, 0, &event, 1, &timeout));
  EXPECT_EQ(EINVAL, errno);
  timeout = {0, 1'000'000'000};
  EXPECT_EQ(0, kevent(kq, nullptr, 0, nullptr, 0, &timeout));
}

CHECK(Kqueue, K016_ImmediateReadsNoTimeout) {
  const int kq = new_queue();
  struct kevent64_s event;
  EXPECT_EQ(0, kevent64(kq, nullptr, 0, &event, 1, KEVENT_FLAG_IMMEDIATE,
                        reinterpret_cast<const struct timespec*>(8)));
}

CHECK(Kqueue, K017_AFailureWithRoomIsAnEvent) {
  const int kq = new_queue();
  const Event changes[2] = {change(9, EVFILT_USER, EV_DELETE), change(1, EVFILT_USER, EV_ADD)};
  Event out[4];
  ASSERT_EQ(1, kevent(kq, changes, 2, out, 4, nullptr));
  EXPECT_EQ(9u, out[0].ident);
  EXPECT_EQ(EV_DELETE | EV_ERROR, out[0].flags);
  EXPECT_EQ(ENOENT, out[0].data);
  EXPECT_EQ(0, apply(kq, 1, EVFILT_USER, EV_DELETE));
}

CHECK(Kqueue, K018_AFailureWithoutRoomEndsTheCall) {
  const int kq = new_queue();
  const Event changes[3] = {change(1, EVFILT_USER, EV_ADD), change(9, EVFILT_USER, EV_DELETE),
                            change(2, EVFILT_USER, EV_ADD)};
  EXPECT_EQ(-1, kevent(kq, changes, 3, nullptr, 0, nullptr));
  EXPECT_EQ(ENOENT, errno);
  EXPECT_EQ(0, apply(kq, 1, EVFILT_USER, EV_DELETE));
  EXPECT_EQ(ENOENT, apply(kq, 2, EVFILT_USER, EV_DELETE));
}

CHECK(Kqueue, K019_ReceiptsAndNothingElse) {
  const int kq = new_queue();
  Event all[3];
  for (unsigned i = 0; i < 3; i++) all[i] = change(i, EVFILT_USER, EV_ADD | EV_RECEIPT, NOTE_TRIGGER);
  Event out[3];
  ASSERT_EQ(3, kevent(kq, all, 3, out, 3, nullptr));
  for (unsigned i = 0; i < 3; i++) {
    EXPECT_EQ(i, out[i].ident);
    EXPECT_NE(0, out[i].flags & EV_ERROR);
    EXPECT_EQ(0, out[i].data);
  }
  EXPECT_EQ(3u, events(kq).size());
}

CHECK(Kqueue, K020_AReceiptWithoutRoomIsNone) {
  const int kq = new_queue();
  EXPECT_EQ(0, apply(kq, 1, EVFILT_USER, EV_ADD | EV_RECEIPT));
}

CHECK(Kqueue, K021_AnErrorKeepsEventsForLater) {
  const int kq = new_queue();
  EXPECT_EQ(0, apply(kq, 1, EVFILT_USER, EV_ADD, NOTE_TRIGGER));
  const Event bad = change(9, EVFILT_USER, EV_DELETE);
  Event out[8];
  EXPECT_EQ(1, kevent(kq, &bad, 1, out, 8, nullptr));
  EXPECT_NE(0, out[0].flags & EV_ERROR);
}

CHECK(Kqueue, K022_ErrorEventsOnly) {
  const int kq = new_queue();
  struct kevent64_s add, out;
  EV_SET64(&add, 1, EVFILT_USER, EV_ADD, NOTE_TRIGGER, 0, 0, 0, 0);
  EXPECT_EQ(0, kevent64(kq, &add, 1, &out, 1, KEVENT_FLAG_ERROR_EVENTS, nullptr));
  EXPECT_EQ(1, kevent64(kq, nullptr, 0, &out, 1, 0, nullptr));
}

CHECK(Kqueue, K023_OneArrayForBoth) {
  const int kq = new_queue();
  Event list[3];
  for (unsigned i = 0; i < 3; i++) list[i] = change(i + 1, EVFILT_USER, EV_ADD | EV_RECEIPT);
  ASSERT_EQ(3, kevent(kq, list, 3, list, 3, nullptr));
  for (unsigned i = 0; i < 3; i++) EXPECT_EQ(i + 1, list[i].ident);
}

CHECK(Kqueue, K024_ASignalEndsTheWait) {
  const int kq = new_queue();
  struct sigaction action {};
  action.sa_handler = [](int) {};
  action.sa_flags = SA_RESTART;
  sigaction(SIGUSR1, &action, nullptr);
  std::atomic<pthread_t> thread{};
  Blocked waits([&] {
    thread = pthread_self();
    const Event add = change(1, EVFILT_USER, EV_ADD);
    Event event;
    return kevent(kq, &add, 1, &event, 1, nullptr) == -1 ? errno : 0;
  });
  pthread_kill(thread, SIGUSR1);
  EXPECT_EQ(EINTR, waits.code());
  EXPECT_EQ(0, apply(kq, 1, EVFILT_USER, EV_DELETE));
}

CHECK(Kqueue, K025_TheTimeoutIsNoEvent) { EXPECT_TRUE(events(new_queue(), 5).empty()); }

CHECK(Kqueue, K026_AddedTwiceItIsOne) {
  const int kq = new_queue();
  int first, second;
  EXPECT_EQ(0, apply(kq, 1, EVFILT_USER, EV_ADD, 0, 0, &first));
  EXPECT_EQ(0, apply(kq, 1, EVFILT_USER, EV_ADD, NOTE_TRIGGER, 0, &second));
  EXPECT_EQ(&second, only_event(kq).udata);
}

CHECK(Kqueue, K027_UdataTellsKnotesApart) {
  const int kq = new_queue();
  const Pair pipe = new_pipe();
  int a, b;
  const auto fd = static_cast<uint64_t>(pipe[0]);
  EXPECT_EQ(0, apply(kq, fd, EVFILT_READ, EV_ADD | EV_UDATA_SPECIFIC, 0, 0, &a));
  EXPECT_EQ(0, apply(kq, fd, EVFILT_READ, EV_ADD | EV_UDATA_SPECIFIC, 0, 0, &b));
  put(pipe[1], "x");
  EXPECT_EQ(2u, events(kq).size());
  EXPECT_EQ(0, apply(kq, fd, EVFILT_READ, EV_ADD));
  EXPECT_EQ(3u, events(kq).size());
}

CHECK(Kqueue, K028_APlainDeleteFindsNoSpecificKnote) {
  const int kq = new_queue();
  int a;
  EXPECT_EQ(0, apply(kq, 1, EVFILT_USER, EV_ADD | EV_UDATA_SPECIFIC, 0, 0, &a));
  EXPECT_EQ(ENOENT, apply(kq, 1, EVFILT_USER, EV_DELETE));
  EXPECT_EQ(0, apply(kq, 1, EVFILT_USER, EV_DELETE | EV_UDATA_SPECIFIC, 0, 0, &a));
}

CHECK(Kqueue, K029_AddDoesNotEnable) {
  const int kq = new_queue();
  const Pair pipe = new_pipe();
  const auto fd = static_cast<uint64_t>(pipe[0]);
  put(pipe[1], "x");
  EXPECT_EQ(0, apply(kq, fd, EVFILT_READ, EV_ADD | EV_DISABLE));
  EXPECT_EQ(0, apply(kq, fd, EVFILT_READ, EV_ADD));
  EXPECT_TRUE(silent(kq));
  EXPECT_EQ(0, apply(kq, fd, EVFILT_READ, EV_ENABLE));
  EXPECT_EQ(1, only_event(kq).data);
}

CHECK(Kqueue, K030_BehaviourIsFixedAtTheStart) {
  const int kq = new_queue();
  const Pair pipe = new_pipe();
  const auto fd = static_cast<uint64_t>(pipe[0]);
  put(pipe[1], "x");
  EXPECT_EQ(0, apply(kq, fd, EVFILT_READ, EV_ADD));
  EXPECT_EQ(0, apply(kq, fd, EVFILT_READ, EV_ADD | EV_ONESHOT));
  only_event(kq);
  only_event(kq);
}

CHECK(Kqueue, K031_WhatIsNotThere) {
  const int kq = new_queue();
  EXPECT_EQ(ENOENT, apply(kq, 1, EVFILT_USER, EV_ADD | EV_DELETE));
  EXPECT_EQ(ENOENT, apply(kq, 1, EVFILT_USER, EV_ENABLE));
  EXPECT_EQ(ENOENT, apply(kq, 900, EVFILT_READ, EV_DELETE));
  EXPECT_EQ(EBADF, apply(kq, 900, EVFILT_READ, EV_ADD));
}

CHECK(Kqueue, K032_DisableWins) {
  const int kq = new_queue();
  EXPECT_EQ(0, apply(kq, 1, EVFILT_USER, EV_ADD));
  EXPECT_EQ(0, apply(kq, 1, EVFILT_USER, EV_ENABLE | EV_DISABLE, NOTE_TRIGGER));
  EXPECT_TRUE(silent(kq));
}

CHECK(Kqueue, K033_UnknownFilters) {
  const int kq = new_queue();
  for (const int filter : {-19, 0, 1}) EXPECT_EQ(EINVAL, apply(kq, 1, filter, EV_ADD)) << filter;
  EXPECT_EQ(ENOTSUP, apply(kq, 1, EVFILT_AIO, EV_ADD));
  EXPECT_EQ(ENOTSUP, apply(kq, 1, EVFILT_VM, EV_ADD));
}

CHECK(Kqueue, K034_VanishedNeedsItsCompany) {
  const int kq = new_queue();
  EXPECT_EQ(EINVAL, apply(kq, 1, EVFILT_USER, EV_ADD | EV_VANISHED));
  EXPECT_EQ(EINVAL, apply(kq, 1, EVFILT_USER, EV_DISPATCH2 | EV_VANISHED));
}

CHECK(Kqueue, K035_AClosedDescriptorTakesItsKnotes) {
  const int kq = new_queue();
  const Pair pipe = new_pipe();
  const int copy = dup(pipe[0]);
  EXPECT_EQ(0, apply(kq, static_cast<uint64_t>(pipe[0]), EVFILT_READ, EV_ADD));
  EXPECT_EQ(0, apply(kq, static_cast<uint64_t>(copy), EVFILT_READ, EV_ADD));
  close(pipe[0]);
  put(pipe[1], "x");
  EXPECT_EQ(static_cast<uint64_t>(copy), only_event(kq).ident);
  EXPECT_EQ(ENOENT, apply(kq, static_cast<uint64_t>(pipe[0]), EVFILT_READ, EV_DELETE));
}

CHECK(Kqueue, K036_FlagsComeBack) {
  const int kq = new_queue();
  EXPECT_EQ(0, apply(kq, 1, EVFILT_USER, EV_ADD | EV_ENABLE | EV_CLEAR, NOTE_TRIGGER));
  EXPECT_EQ(EV_ADD | EV_ENABLE | EV_CLEAR, only_event(kq).flags);
}

}  // namespace
}  // namespace checks
