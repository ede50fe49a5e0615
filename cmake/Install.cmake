# SPDX-License-Identifier: Apache-2.0
# What is installed besides the targets: headers, package files, manual pages, completions.

include(CMakePackageConfigHelpers)
set(PORTOLAN_INCLUDEDIR ${CMAKE_INSTALL_INCLUDEDIR}/portolan-1)

# Below a directory of their own: <mach/mach.h> must not appear to programs that did not ask for it.
if(EXISTS ${PROJECT_SOURCE_DIR}/include)
  install(DIRECTORY include/ DESTINATION ${PORTOLAN_INCLUDEDIR} FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp"
          PATTERN "*.defs")
endif()

if(TARGET portolan)
  # A prefix that the dynamic linker does not search needs a run path.
  set(PORTOLAN_PC_RPATH "-Wl,-rpath,\${libdir} ")
  if(CMAKE_INSTALL_FULL_LIBDIR MATCHES "^(/usr)?/lib(/[^/]*-linux-gnu)?$")
    set(PORTOLAN_PC_RPATH)
  endif()
  # As a rule below ${prefix}, so that pkg-config can be told another (--define-variable, --define-prefix).
  foreach(dir LIBDIR INCLUDEDIR)
    set(PORTOLAN_PC_${dir} "\${prefix}/${CMAKE_INSTALL_${dir}}")
    if(IS_ABSOLUTE "${CMAKE_INSTALL_${dir}}")
      set(PORTOLAN_PC_${dir} "${CMAKE_INSTALL_${dir}}")
    endif()
  endforeach()
  foreach(package portolan portolan-darwin-poll)
    configure_file(${package}.pc.in ${PROJECT_BINARY_DIR}/${package}.pc @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/${package}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
  endforeach()

  set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/Portolan)
  configure_package_config_file(cmake/PortolanConfig.cmake.in ${PROJECT_BINARY_DIR}/PortolanConfig.cmake
                                INSTALL_DESTINATION ${package_dir})
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/PortolanConfigVersion.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${PROJECT_BINARY_DIR}/PortolanConfig.cmake ${PROJECT_BINARY_DIR}/PortolanConfigVersion.cmake
          DESTINATION ${package_dir})
  install(EXPORT PortolanTargets NAMESPACE Portolan:: DESTINATION ${package_dir})
endif()

foreach(section RANGE 1 9)
  file(GLOB pages CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/man/*.${section})
  if(pages)
    install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
  endif()
endforeach()

# completions/portolan.bash, completions/_portolan (zsh), completions/portolan.fish; or one directory for each shell.
function(portolan_completion shell name destination)
  file(GLOB files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/completions/*.${shell}
       ${PROJECT_SOURCE_DIR}/completions/${shell}/*)
  if(shell STREQUAL "zsh")
    file(GLOB more CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/completions/_*)
    list(APPEND files ${more})
  endif()
  list(LENGTH files count)
  if(count EQUAL 1)
    install(FILES ${files} DESTINATION ${CMAKE_INSTALL_DATADIR}/${destination} RENAME ${name})
  elseif(count GREATER 1)
    install(FILES ${files} DESTINATION ${CMAKE_INSTALL_DATADIR}/${destination})
  endif()
endfunction()
portolan_completion(bash portolan bash-completion/completions)
portolan_completion(zsh _portolan zsh/site-functions)
portolan_completion(fish portolan.fish fish/vendor_completions.d)

install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/portolan)
