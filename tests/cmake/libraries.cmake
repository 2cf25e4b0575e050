# The libraries: what they export, what they need, that a program can take the place
# of a weak symbol, and that one keeps running that was linked before symbols had versions.

add_test(NAME library.exported-symbols
         COMMAND ${CMAKE_COMMAND}
                 -D readelf=${CMAKE_READELF}
                 -D library=$<TARGET_FILE:iot_coap_shared>
                 -D list=${symbols_file}
                 -D with_port=${IOT_COAP_PORT_LINUX}
                 -P ${here}/check_exported_symbols.cmake)

add_test(NAME library.soname
         COMMAND ${CMAKE_READELF} -d $<TARGET_FILE:iot_coap_shared>)
set_property(TEST library.soname PROPERTY
             PASS_REGULAR_EXPRESSION "soname: .libiot_coap\\.so\\.${IOT_COAP_ABI}\\]")

list(JOIN IOT_COAP_NATIVE_LIBRARIES "," native_libraries)
add_test(NAME library.native-libraries
         COMMAND ${CMAKE_COMMAND}
                 -D said=${native_libraries}
                 -D printed=${IOT_COAP_PRINTED_LIBRARIES}
                 -P ${here}/check_native_libraries.cmake)

if(IOT_COAP_SELF_CONTAINED)
  foreach(kind static shared)
    add_executable(override-product-key-${kind} override_product_key.c)
    target_link_libraries(override-product-key-${kind} PRIVATE IotCoap::${kind})
    add_test(NAME library.override-product-key.${kind} COMMAND override-product-key-${kind})
  endforeach()

  add_test(NAME library.symbol-versions
           COMMAND ${CMAKE_COMMAND}
                   -D compiler=${CMAKE_C_COMPILER}
                   -D readelf=${CMAKE_READELF}
                   -D archive=${IOT_COAP_ARCHIVE}
                   -D library=$<TARGET_FILE:iot_coap_shared>
                   -D soname=$<TARGET_SONAME_FILE_NAME:iot_coap_shared>
                   -D native_libraries=${native_libraries}
                   -D include=${root}/include
                   -D source=${here}/override_product_key.c
                   -D scratch=${CMAKE_CURRENT_BINARY_DIR}/symbol-versions
                   -P ${here}/check_symbol_versions.cmake)
endif()
