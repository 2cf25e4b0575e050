# The library within another project, by `how`: add_subdirectory in a project of C, or
# FetchContent in one of C++ alone. It brings its library and nothing else, until
# IOT_COAP_INSTALL asks for more.
#
#     cmake -D how=… -D root=… -D scratch=… -D build_type=… -D cargo_target_dir=…
#           -D libdir=… -D cloud=… -P this
cmake_minimum_required(VERSION 3.18)
include(${CMAKE_CURRENT_LIST_DIR}/run.cmake)

if(how STREQUAL add_subdirectory)
  set(language C)
  set(extension c)
  set(brings "add_subdirectory(${root} library)")
else()
  set(language CXX)
  set(extension cpp)
  set(brings "include(FetchContent)
FetchContent_Declare(iot-coap SOURCE_DIR ${root})
FetchContent_MakeAvailable(iot-coap)")
endif()

set(build ${scratch}/build)
file(REMOVE_RECURSE ${scratch})
# C that is C++, too.
file(WRITE ${scratch}/app.${extension} [[
#include <stdio.h>
#include <string.h>
#include "iot_export.h"

static int answers;

static void answered(void *argument, void *response)
{
    iotx_coap_resp_code_t code = IOTX_COAP_RESP_CODE_BAD_REQUEST;
    (void)argument;
    IOT_CoAP_GetMessageCode(response, &code);
    answers += code == IOTX_COAP_RESP_CODE_CONTENT;
}

int main(int count, char **arguments)
{
    char path[] = "/topic/a1RP1qZfrEi/example1/update", payload[] = "{}";
    iotx_deviceinfo_t device;
    iotx_coap_config_t config;
    iotx_message_t message;
    iotx_coap_context_t *client;

    if (count != 2)
        return 2;
    memset(&device, 0, sizeof(device));
    strcpy(device.product_key, "a1RP1qZfrEi");
    strcpy(device.device_name, "example1");
    strcpy(device.device_secret, "fPloaszb6saUFJte4EhyuBHQpR9SuKHb");
    memset(&config, 0, sizeof(config));
    config.p_url = arguments[1];
    config.p_devinfo = &device;
    memset(&message, 0, sizeof(message));
    message.p_payload = (unsigned char *)payload;
    message.payload_len = 2;
    message.resp_callback = answered;
    client = IOT_CoAP_Init(&config);
    if (IOT_CoAP_DeviceNameAuth(client) == IOTX_SUCCESS
        && IOT_CoAP_SendMessage(client, path, &message) == IOTX_SUCCESS)
        IOT_CoAP_Yield(client);
    IOT_CoAP_Deinit(&client);
    return answers == 1 ? 0 : 1;
}
]])
file(WRITE ${scratch}/CMakeLists.txt "cmake_minimum_required(VERSION 3.18)
project(parent ${language})
${brings}
foreach(kind static shared)
  add_executable(app-\${kind} app.${extension})
  target_link_libraries(app-\${kind} PRIVATE IotCoap::local_root IotCoap::\${kind})
endforeach()
install(TARGETS app-static DESTINATION bin)
")

# --- nothing but the library ----------------------------------------------------------

set(settings -DCMAKE_BUILD_TYPE=${build_type} -DIOT_COAP_CARGO_TARGET_DIR=${cargo_target_dir}
    -DCMAKE_INSTALL_LIBDIR=${libdir} -DCMAKE_INSTALL_PREFIX=${scratch}/prefix)
run(${CMAKE_COMMAND} -G "Unix Makefiles" -S ${scratch} -B ${build} ${settings})
string(FIND "${printed}" "the project has not enabled C" at)
if((language STREQUAL C AND NOT at EQUAL -1) OR (language STREQUAL CXX AND at EQUAL -1))
  message(FATAL_ERROR "a word about C, if the project has not enabled it:\n${printed}")
endif()
run(${CMAKE_COMMAND} --build ${build})

run(${CMAKE_COMMAND} --build ${build} --target help)
string(REGEX MATCHALL "\n\\.\\.\\. [^ \n]+" targets "${printed}")
list(TRANSFORM targets REPLACE "\n\\.\\.\\. " "")
# Those of CMake itself, and single files.
list(FILTER targets EXCLUDE REGEX "^(all|clean|depend|edit_cache|rebuild_cache|list_install_components|install(/.*)?|.*\\.(o|i|s))$")
list(SORT targets)
set(expected app-shared app-static iot_coap_archive iot_coap_local_root iot_coap_shared)
if(NOT targets STREQUAL expected)
  message(FATAL_ERROR "the targets are ${targets}, not ${expected}")
endif()
run(${CMAKE_CTEST_COMMAND} --test-dir ${build} -N)
if(NOT printed MATCHES "Total Tests: 0\n")
  message(FATAL_ERROR "it brings tests:\n${printed}")
endif()
file(READ ${build}/CMakeCache.txt cache)
if(cache MATCHES "\nBUILD_TESTING:")
  message(FATAL_ERROR "it chooses the project's BUILD_TESTING")
endif()

# --- which works ----------------------------------------------------------------------

foreach(kind static shared)
  foreach(url {coap} {coaps})
    run(${cloud} --state ${scratch}/cloud -- ${build}/app-${kind} ${url})
    message(STATUS "works: app-${kind} ${url}")
  endforeach()
endforeach()

# --- and is installed if asked for ----------------------------------------------------

# installed(list): what the project installs.
function(installed list)
  file(REMOVE_RECURSE ${scratch}/prefix)
  run(${CMAKE_COMMAND} --install ${build})
  file(GLOB_RECURSE files RELATIVE ${scratch}/prefix ${scratch}/prefix/*)
  set(${list} "${files}" PARENT_SCOPE)
endfunction()

installed(files)
if(NOT files STREQUAL "bin/app-static")
  message(FATAL_ERROR "it installs along with the project: ${files}")
endif()
run(${CMAKE_COMMAND} -S ${scratch} -B ${build} -DIOT_COAP_INSTALL=ON)
run(${CMAKE_COMMAND} --build ${build})
installed(files)
foreach(file ${libdir}/libiot_coap.a ${libdir}/libiot_coap.so ${libdir}/pkgconfig/iot-coap.pc)
  if(NOT file IN_LIST files)
    message(FATAL_ERROR "not installed: ${file}, but ${files}")
  endif()
endforeach()
