# Whose DTLS a program gets, by IOT_COAP_DTLS and by what it is linked with, and with
# which linkers and options it is linked: programs that are linked against an installed
# library, and run. The other two choices are built and installed here too;
# the last has the layout of v3.0.1 besides.

set(linking ${CMAKE_CURRENT_BINARY_DIR}/linking)
find_program(rustc rustc HINTS $ENV{HOME}/.cargo/bin REQUIRED)

# add_linking_tests(choice case...): an installed library of a choice, and its tests.
function(add_linking_tests choice)
  if(choice STREQUAL IOT_COAP_DTLS)
    add_test(NAME linking.${choice}.install
             COMMAND ${CMAKE_COMMAND} --install ${PROJECT_BINARY_DIR} --prefix ${linking}/${choice})
  else()
    add_test(NAME linking.${choice}.install
             COMMAND ${CMAKE_COMMAND}
                     -D root=${root}
                     -D build=${linking}/${choice}-build
                     -D prefix=${linking}/${choice}
                     -D choice=${choice}
                     -D cargo_target_dir=${IOT_COAP_CARGO_TARGET_DIR}/linking
                     -D compiler=${CMAKE_C_COMPILER}
                     -D libdir=${CMAKE_INSTALL_LIBDIR}
                     -P ${here}/install_choice.cmake)
  endif()
  # Cargo builds one at a time.
  set_tests_properties(linking.${choice}.install PROPERTIES
                       FIXTURES_SETUP linking.${choice} RESOURCE_LOCK cargo TIMEOUT 900)
  list(JOIN IOT_COAP_NATIVE_LIBRARIES "," native_libraries)
  foreach(case IN LISTS ARGN)
    add_test(NAME linking.${choice}.${case}
             COMMAND ${CMAKE_COMMAND}
                     -D case=${choice}.${case}
                     -D scratch=${linking}/${choice}.${case}
                     -D prefix=${linking}/${choice}
                     -D libdir=${CMAKE_INSTALL_LIBDIR}
                     -D sources=${root}/tests
                     -D compiler=${CMAKE_C_COMPILER}
                     -D ar=${CMAKE_AR}
                     -D rustc=${rustc}
                     -D native_libraries=${native_libraries}
                     -D cloud=${cloud}
                     -P ${here}/check_linking.cmake)
    set_tests_properties(linking.${choice}.${case} PROPERTIES
                         FIXTURES_REQUIRED linking.${choice} TIMEOUT 60
                         SKIP_REGULAR_EXPRESSION "Not run: ")
  endforeach()
endfunction()

add_linking_tests(builtin nothing object archive asked-for-archive three-of-four
                  shared-nothing shared-object shared-three-of-four
                  linked-statically static-pie flto gold clang clang-flto
                  second-rust-library second-optimised-rust-library
                  second-rust-library-of-another-rustc)
add_linking_tests(port nothing object archive shared-nothing shared-object shared-archive)
add_linking_tests(none object shared-object layout shared-layout)
