# The library within other projects, which share what cargo has built here.

foreach(how add_subdirectory FetchContent)
  add_test(NAME subproject.${how}
           COMMAND ${CMAKE_COMMAND}
                   -D how=${how}
                   -D root=${root}
                   -D scratch=${CMAKE_CURRENT_BINARY_DIR}/subproject.${how}
                   -D build_type=${CMAKE_BUILD_TYPE}
                   -D cargo_target_dir=${IOT_COAP_CARGO_TARGET_DIR}
                   -D libdir=${CMAKE_INSTALL_LIBDIR}
                   -D cloud=${cloud}
                   -P ${here}/check_subproject.cmake)
  # Cargo builds one at a time.
  set_tests_properties(subproject.${how} PROPERTIES RESOURCE_LOCK cargo TIMEOUT 300)
endforeach()
