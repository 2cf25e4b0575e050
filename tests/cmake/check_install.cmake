# Installs to a scratch folder, moves it elsewhere (the package finds itself
# wherever it is), and builds and runs the examples against it: by find_package and
# by pkg-config, with the static and with the shared library.
#
#     cmake -D build=… -D examples=… -D scratch=… -D libdir=… -D version=…
#           -D compiler=… -D cloud=… -P this
cmake_minimum_required(VERSION 3.18)
include(${CMAKE_CURRENT_LIST_DIR}/run.cmake)

set(prefix ${scratch}/moved)
file(REMOVE_RECURSE ${scratch})
file(MAKE_DIRECTORY ${scratch})

# Runs an example that is given the cloud's URL.
function(try program)
  run(${cloud} --state ${scratch}/cloud -- ${ARGN} ${program} {coap})
  message(STATUS "works: ${program}")
endfunction()

run(${CMAKE_COMMAND} --install ${build} --prefix ${scratch}/installed)
file(RENAME ${scratch}/installed ${prefix})

# The folder that all libraries share has none of the headers; the libraries' targets and
# pkg-config name the one that has them.
file(GLOB shared_folder RELATIVE ${prefix}/include ${prefix}/include/*)
if(NOT shared_folder STREQUAL "iot-coap" OR NOT EXISTS ${prefix}/include/iot-coap/iot_export.h)
  message(FATAL_ERROR "the headers are not in include/iot-coap, which is beside: ${shared_folder}")
endif()

# --- pkg-config -----------------------------------------------------------------
find_program(PKG_CONFIG pkg-config)
if(PKG_CONFIG)
  function(ask variable)
    execute_process(
      COMMAND ${CMAKE_COMMAND} -E env PKG_CONFIG_PATH=${prefix}/${libdir}/pkgconfig
              ${PKG_CONFIG} ${ARGN} iot-coap
      OUTPUT_VARIABLE flags OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE status)
    if(NOT status EQUAL 0)
      message(FATAL_ERROR "pkg-config ended with ${status}")
    endif()
    separate_arguments(flags UNIX_COMMAND "${flags}")
    set(${variable} ${flags} PARENT_SCOPE)
  endfunction()

  ask(found --modversion)
  if(NOT found STREQUAL version)
    message(FATAL_ERROR "pkg-config says version ${found}, not ${version}")
  endif()

  ask(shared_flags --cflags --libs)
  run(${compiler} -std=c99 ${examples}/minimal.c ${shared_flags} -o ${scratch}/pc-shared)
  try(${scratch}/pc-shared ${CMAKE_COMMAND} -E env LD_LIBRARY_PATH=${prefix}/${libdir})

  ask(static_flags --cflags --static --libs)
  run(${compiler} -std=c99 ${examples}/minimal.c ${static_flags} -o ${scratch}/pc-static)
  # Without the folder of the shared library.
  try(${scratch}/pc-static)
  run(${compiler} -static -std=c99 ${examples}/minimal.c ${static_flags} -o ${scratch}/pc-all-static)
  try(${scratch}/pc-all-static)

  # The commands of documents.
  foreach(document docs/linux.md c_examples/README.md)
    run(${CMAKE_COMMAND} -E env PKG_CONFIG_PATH=${prefix}/${libdir}/pkgconfig
        CMAKE_PREFIX_PATH=${prefix} LD_LIBRARY_PATH=${prefix}/${libdir} IOT_COAP_CLOUD=${cloud}
        ${CMAKE_CURRENT_LIST_DIR}/../documents/run ${document} "sh installed"
        tests/documents/app.c ${scratch}/reader)
  endforeach()
else()
  message(STATUS "left out: no pkg-config")
endif()

# --- find_package ---------------------------------------------------------------
run(${CMAKE_COMMAND} -S ${examples} -B ${scratch}/examples -DCMAKE_PREFIX_PATH=${prefix}
    -DCMAKE_C_COMPILER=${compiler} -DCMAKE_C_FLAGS=-Werror -DCMAKE_CXX_FLAGS=-Werror)
run(${CMAKE_COMMAND} --build ${scratch}/examples)
foreach(example minimal two_threads sensor raii)
  foreach(program ${scratch}/examples/${example} ${scratch}/examples/${example}-shared)
    if(EXISTS ${program})
      try(${program} ${CMAKE_COMMAND} -E env IOT_COAP_KV_DIR=${scratch}/store)
    elseif(NOT example STREQUAL raii)
      message(FATAL_ERROR "not built: ${program}")
    endif()
  endforeach()
endforeach()
run(sh ${CMAKE_CURRENT_LIST_DIR}/gateway.sh ${scratch}/examples/gateway-shared 1000 2 {coap}
    ${scratch}/gateway ${cloud})
message(STATUS "works: ${scratch}/examples/gateway-shared")
