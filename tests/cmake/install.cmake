# The installed package: the examples, built against it as a user would, and what CMake's
# find_package says.

add_test(NAME install
         COMMAND ${CMAKE_COMMAND}
                 -D build=${PROJECT_BINARY_DIR}
                 -D examples=${root}/c_examples
                 -D scratch=${CMAKE_CURRENT_BINARY_DIR}/install
                 -D libdir=${CMAKE_INSTALL_LIBDIR}
                 -D version=${PROJECT_VERSION}
                 -D compiler=${CMAKE_C_COMPILER}
                 -D cloud=${cloud}
                 -P ${here}/check_install.cmake)
set_tests_properties(install PROPERTIES TIMEOUT 300)

add_test(NAME package
         COMMAND ${CMAKE_COMMAND}
                 -D build=${PROJECT_BINARY_DIR}
                 -D examples=${root}/c_examples
                 -D scratch=${CMAKE_CURRENT_BINARY_DIR}/package
                 -D version=${PROJECT_VERSION}
                 -D cloud=${cloud}
                 -P ${here}/check_package.cmake)
set_tests_properties(package PROPERTIES TIMEOUT 120)
