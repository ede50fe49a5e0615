# SPDX-License-Identifier: Apache-2.0
# Language level, warnings and sanitizers. Everything here applies to every target of the project;
# `portolan_warnings(target)` adds the strict warnings to the targets that are ours.

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

include(CheckPIESupported)
check_pie_supported(LANGUAGES C CXX)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

# Assertions stay in the release build: a broken invariant must name itself there too. Hence no -DNDEBUG.
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Build type" FORCE)
endif()
foreach(lang C CXX ASM)
  set(CMAKE_${lang}_FLAGS_RELWITHDEBINFO "-O2 -g")
  set(CMAKE_${lang}_FLAGS_DEBUG "-O0 -g")
endforeach()
add_compile_definitions($<$<CONFIG:Debug>:_GLIBCXX_ASSERTIONS>)

# Bound eagerly: a lazy binding inside a kernel section would run the dynamic linker under a lock (KERNEL.md 6).
add_link_options(-Wl,-z,now -Wl,-z,relro -Wl,-z,noexecstack)

if(PORTOLAN_SANITIZE STREQUAL "address")
  set(_sanitize -fsanitize=address,undefined -fno-sanitize-recover=all)
elseif(PORTOLAN_SANITIZE STREQUAL "thread")
  set(_sanitize -fsanitize=thread)
elseif(PORTOLAN_SANITIZE STREQUAL "fuzz")
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "PORTOLAN_SANITIZE=fuzz needs Clang: use the preset `fuzz`")
  endif()
  set(_sanitize -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all)
elseif(PORTOLAN_SANITIZE)
  message(FATAL_ERROR "PORTOLAN_SANITIZE is \"${PORTOLAN_SANITIZE}\": must be empty, address, thread or fuzz")
endif()
if(PORTOLAN_SANITIZE)
  # Instrumented code takes GCC twice as long to optimize fully.
  if(NOT PORTOLAN_SANITIZE STREQUAL "fuzz")
    set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O1 -g")
    set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -g")
  endif()
  add_compile_options("$<$<COMPILE_LANGUAGE:C,CXX>:${_sanitize};-fno-omit-frame-pointer>")
  # vptr checks need RTTI, which the kernel is compiled without.
  if(NOT PORTOLAN_SANITIZE STREQUAL "thread")
    add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fno-sanitize=vptr>)
  endif()
  # GCC warns about every fence: TSan does not model them. Ours are signal fences and are paired with atomics.
  if(PORTOLAN_SANITIZE STREQUAL "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-tsan>)
  endif()
  # Instrumented libstdc++ code (std::regex above all) makes GCC see uninitialized uses that are none.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-maybe-uninitialized>)
  endif()
  add_link_options(${_sanitize})
  add_compile_definitions(PORTOLAN_SANITIZED=1)
endif()

set(_warnings -Wall -Wextra -Wpedantic -Wconversion -Wshadow)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  list(APPEND _warnings -Wthread-safety)
endif()
if(PORTOLAN_WERROR)
  list(APPEND _warnings -Werror)
endif()
set(PORTOLAN_WARNINGS ${_warnings})

function(portolan_warnings)
  foreach(target IN LISTS ARGN)
    target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:C,CXX>:${PORTOLAN_WARNINGS}>")
  endforeach()
endfunction()
