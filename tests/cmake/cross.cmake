# Toolchain files. In the cargo folder of the linking tests, one target more.

add_test(NAME cross
         COMMAND ${CMAKE_COMMAND}
                 -D root=${root}
                 -D scratch=${CMAKE_CURRENT_BINARY_DIR}/cross
                 -D compiler=${CMAKE_C_COMPILER}
                 -D cargo_target_dir=${IOT_COAP_CARGO_TARGET_DIR}/linking
                 -P ${here}/check_cross.cmake)
set_tests_properties(cross PROPERTIES RESOURCE_LOCK cargo TIMEOUT 600)
