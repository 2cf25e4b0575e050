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
  list(TRANSFORM static_flags REPLACE "^-liot_coap$" "-l:libiot_coap.a")
  run(${compiler} -std=c99 ${examples}/minimal.c ${static_flags} -o ${scratch}/pc-static)
  try(${scratch}/pc-static)

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

# A version that this one does not keep the promises of is not found.
file(WRITE ${scratch}/version/CMakeLists.txt
     "cmake_minimum_required(VERSION 3.18)\nproject(version C)\n"
     "find_package(IotCoap \${asked} REQUIRED)\n")
run(${CMAKE_COMMAND} -S ${scratch}/version -B ${scratch}/version/same
    -DCMAKE_PREFIX_PATH=${prefix} -Dasked=${version})
execute_process(COMMAND ${CMAKE_COMMAND} -S ${scratch}/version -B ${scratch}/version/other
                        -DCMAKE_PREFIX_PATH=${prefix} -Dasked=99.0
                RESULT_VARIABLE status OUTPUT_QUIET ERROR_QUIET)
if(status EQUAL 0)
  message(FATAL_ERROR "find_package took version ${version} for 99.0")
endif()
