# The headers are clean C89 and C++98, serve both generations of sources, and
# lay out what existing object files rely on. Compiling is the test.

set(c_sources ${root}/tests/c)
set(strict -pedantic -Wall -Wextra -Werror -fsyntax-only -I${root}/include)

# A source as C89, and as C++98 where there is a C++ compiler.
function(add_header_test name source)
  add_test(NAME headers.${name}.c COMMAND ${CMAKE_C_COMPILER} -std=c89 ${strict} ${ARGN} ${source})
  if(CMAKE_CXX_COMPILER)
    add_test(NAME headers.${name}.c++
             COMMAND ${CMAKE_CXX_COMPILER} -x c++ -std=c++98 ${strict} ${ARGN} ${source})
  endif()
endfunction()

file(GLOB_RECURSE headers RELATIVE ${root}/include ${root}/include/*.h)
foreach(header IN LISTS headers)
  add_header_test(${header} ${c_sources}/headers_alone.c "-DHEADER=\"${header}\"")
endforeach()
add_header_test(v2 ${c_sources}/headers_v2.c)
add_header_test(v3 ${c_sources}/headers_v3.c)
add_header_test(both ${c_sources}/headers_both.c)
add_header_test(port ${c_sources}/headers_port.c)
add_header_test(port-of-pointers ${c_sources}/headers_port.c -DIOTX_HAL_UDP_POINTER)

function(add_layout_test name enum_size)
  add_test(NAME layout.${name}
           COMMAND ${CMAKE_C_COMPILER} -std=c11 -DENUM_SIZE=${enum_size} ${strict} ${ARGN}
                   ${c_sources}/layout.c)
endfunction()

add_layout_test(native 4)
add_layout_test(short-enums 1 -fshort-enums)
add_layout_test(v2.00 4 -DIOT_COAP_LAYOUT_V2_00)
add_layout_test(v3.0.1 4 -DIOT_COAP_LAYOUT_V3_0_1)

# 32 bits: freestanding, so that no C library of that width is needed.
include(CheckCSourceCompiles)
set(CMAKE_REQUIRED_FLAGS "-m32 -ffreestanding")
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
check_c_source_compiles("#include <stdint.h>\nuint32_t number;" IOT_COAP_COMPILES_FOR_32_BITS)
unset(CMAKE_REQUIRED_FLAGS)
unset(CMAKE_TRY_COMPILE_TARGET_TYPE)
if(IOT_COAP_COMPILES_FOR_32_BITS)
  add_layout_test(32-bits 4 -m32 -ffreestanding)
  add_layout_test(32-bits-short-enums 1 -m32 -ffreestanding -fshort-enums)
endif()
