# CMakePresets.json.

add_test(NAME presets
         COMMAND ${CMAKE_COMMAND}
                 -D root=${root}
                 -D scratch=${CMAKE_CURRENT_BINARY_DIR}/presets
                 -D compiler=${CMAKE_C_COMPILER}
                 -D cargo_target_dir=${IOT_COAP_CARGO_TARGET_DIR}
                 -P ${here}/check_presets.cmake)
set_tests_properties(presets PROPERTIES TIMEOUT 120 SKIP_REGULAR_EXPRESSION "Not run: ")
