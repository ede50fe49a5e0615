#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prints the C++ blocks of a page, so that they can be compiled; complaints of the compiler name the page's lines.
#   doc_examples.sh PAGE
exec awk -v page="$1" '
  /^```cpp$/ { inside = 1; printf "#line %d \"%s\"\n", NR + 1, page; next }
  /^```$/    { inside = 0 }
  inside     { print }' "$1"
