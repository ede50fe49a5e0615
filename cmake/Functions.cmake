# SPDX-License-Identifier: Apache-2.0

# portolan_glob(VAR dir...): the C, C++ and assembler sources below the directories, found again at each build.
# A directory that does not exist (yet) has none.
function(portolan_glob var)
  set(found)
  foreach(dir IN LISTS ARGN)
    get_filename_component(dir ${dir} ABSOLUTE)
    file(GLOB_RECURSE files CONFIGURE_DEPENDS ${dir}/*.c ${dir}/*.cc ${dir}/*.cpp ${dir}/*.S)
    list(APPEND found ${files})
  endforeach()
  list(SORT found)
  set(${var} ${found} PARENT_SCOPE)
endfunction()

# portolan_install(target argument...): install(TARGETS target argument...), and `make install` builds it.
function(portolan_install target)
  install(TARGETS ${target} ${ARGN})
  set_property(GLOBAL APPEND PROPERTY portolan_installables ${target})
endfunction()
