// SPDX-License-Identifier: Apache-2.0
// The terminal: how wide, how tall, with colours or not; and the page that is shown on it.
#pragma once

#include <string>

namespace portolan::cli {

// Columns that a text may take; 0: as many as it likes (a pipe, or -w).
unsigned width_of(int descriptor, bool wide);
bool colours_on(int descriptor);

enum class Ink { plain, guilty, strong, faint };
// `text` in a colour where `on`; never the only sign.
std::string inked(const std::string& text, Ink ink, bool on);

// Shows a text on standard output, through the pager when it is taller than the screen.
void show(const std::string& text, bool paged = true);
// Everything to standard error, whatever else writes there, in one piece.
void say(const std::string& text);

}  // namespace portolan::cli
