// SPDX-License-Identifier: Apache-2.0
// What each descriptor number of the process means to kernel queues: it is one, or it is watched by some.
#pragma once

namespace portolan::kq {

class Kqueue;

// Registers a new queue under its descriptor; the table keeps the reference that its maker has. False: no
// memory.
bool descriptor_opened(Kqueue* kqueue);
// The queue behind a descriptor, or behind a duplicate of one, with a reference; null: it is none.
Kqueue* kqueue_of(int fd);

// One more queue watches the descriptor, or one fewer. False: no memory. These two take no lock.
bool descriptor_watched(int fd);
void descriptor_unwatched(int fd);

// The error of a socket, which Linux tells once and Darwin for as long as the program has not asked: what a
// filter has read is kept for the others, and for the program's own getsockopt.
void descriptor_keep_error(int fd, int error);
int descriptor_kept_error(int fd);
int descriptor_take_error(int fd);

// The program is about to close the number, or to have another file take its place.
void descriptor_closing(int fd);
// … a range of them, both ends included.
void descriptors_closing(unsigned first, unsigned last);
// `copy` is now another number for what `fd` is.
void descriptor_copied(int fd, int copy);

// close(2) itself, for descriptors of our own; leaves errno alone.
void close_quietly(int fd);

}  // namespace portolan::kq
