# SPDX-License-Identifier: Apache-2.0
# Writes generated/portolan_config.h.

set(PORTOLAN_GENERATED_DIR ${PROJECT_BINARY_DIR}/generated)
set(PORTOLAN_LIBEXEC ${CMAKE_INSTALL_FULL_LIBEXECDIR}/portolan)
# The way from the library, and from bin/, to libexec/portolan; the build tree has the same shape.
file(RELATIVE_PATH PORTOLAN_LIBEXEC_FROM_LIB ${CMAKE_INSTALL_FULL_LIBDIR} ${PORTOLAN_LIBEXEC})
file(RELATIVE_PATH PORTOLAN_LIBEXEC_FROM_BIN ${CMAKE_INSTALL_FULL_BINDIR} ${PORTOLAN_LIBEXEC})
file(RELATIVE_PATH PORTOLAN_LIB_FROM_BIN ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
configure_file(${CMAKE_CURRENT_LIST_DIR}/portolan_config.h.in ${PORTOLAN_GENERATED_DIR}/portolan_config.h @ONLY)

file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/libexec/portolan)
file(CREATE_LINK ../../bin/portolan-launchd ${PROJECT_BINARY_DIR}/libexec/portolan/portolan-launchd SYMBOLIC)
file(CREATE_LINK ../../examples ${PROJECT_BINARY_DIR}/libexec/portolan/examples SYMBOLIC)
