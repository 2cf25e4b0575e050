# Each preset of CMakePresets.json can be configured, and is what its name says.
#
#     cmake -D root=… -D scratch=… -D compiler=… -D cargo_target_dir=… -P this
if(CMAKE_VERSION VERSION_LESS 3.21)
  message(FATAL_ERROR "Not run: CMake ${CMAKE_VERSION} cannot read CMakePresets.json, 3.21 can")
endif()
cmake_minimum_required(VERSION 3.21)
include(${CMAKE_CURRENT_LIST_DIR}/run.cmake)
file(REMOVE_RECURSE ${scratch})

set(expected_default CMAKE_BUILD_TYPE:STRING=Release IOT_COAP_CLOUD:BOOL=ON)
set(expected_small CMAKE_BUILD_TYPE:STRING=MinSizeRel IOT_COAP_CLOUD:BOOL=OFF IOT_COAP_EXAMPLES:BOOL=OFF)
set(expected_sanitized CMAKE_BUILD_TYPE:STRING=Debug
    "CMAKE_C_FLAGS:STRING=-fsanitize=address,undefined -fno-sanitize-recover=all")

file(READ ${root}/CMakePresets.json presets)
string(JSON count LENGTH ${presets} configurePresets)
math(EXPR last "${count} - 1")
foreach(number RANGE ${last})
  string(JSON name GET ${presets} configurePresets ${number} name)
  if(NOT DEFINED expected_${name})
    message(FATAL_ERROR "say what there is to expect of the preset ${name}")
  endif()
  run(${CMAKE_COMMAND} -E chdir ${root} ${CMAKE_COMMAND} --preset ${name} -B ${scratch}/${name}
      -DCMAKE_C_COMPILER=${compiler} -DIOT_COAP_CARGO_TARGET_DIR=${cargo_target_dir})
  file(READ ${scratch}/${name}/CMakeCache.txt cache)
  foreach(line IN LISTS expected_${name})
    string(FIND "${cache}" "\n${line}\n" at)
    if(at EQUAL -1)
      message(FATAL_ERROR "the preset ${name} has not ${line}")
    endif()
  endforeach()
  message(STATUS "configured: ${name}")
endforeach()
