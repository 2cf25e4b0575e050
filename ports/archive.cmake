# Which libiot_coap.a a package for an RTOS links: the packages of ESP-IDF and Zephyr include
# this file.

# What a package is a part of: an unpacked archive of a release, or the repository.
get_filename_component(IOT_COAP_ROOT "${CMAKE_CURRENT_LIST_DIR}" DIRECTORY)

include(${CMAKE_CURRENT_LIST_DIR}/arm.cmake)

# What ELF calls a machine, in hexadecimal digits and as it lies in a file.
set(_iot_coap_machines ARM=2800 ARM64=b700 RISC-V=f300 Xtensa=5e00 x86=0300 x86-64=3e00)
# In which registers a RISC-V passes floating-point numbers, by the number in ELF's flags.
set(_iot_coap_riscv_floats soft f d q)

# iot_coap_archive(RESULT ERROR
#   NAMED what the project names: an unpacked archive of a release, or a libiot_coap.a; or nothing
#   BY the setting by which it does
#   BASE the folder that NAMED is relative to
#   CONFIGURATION one of the folders in lib/
#   MACHINE one of those above, if it is known which one the firmware is for
#   CPU GCC's name of the processor, if it is an ARM of 32 bits and known; with "+nodsp" if it lacks
#     the DSP extension
#   ABI how that passes arguments, if it is a RISC-V of 32 bits: ilp32, ilp32f, ilp32d or ilp32e; or
#     if it is an ARM with CPU: hard or soft
#   TARGET the target of the archive of a release that fits, if there is one
#   NO_ATOMICS if that machine is a RISC-V without atomic instructions
#   REMEDY how to get one for this machine)
#
# Sets RESULT to the library's path; or where there is none, or one for another machine, ERROR to
# a sentence with parts between semicolons.
function(iot_coap_archive result error)
  cmake_parse_arguments(PARSE_ARGV 2 arg "NO_ATOMICS"
    "NAMED;BY;BASE;CONFIGURATION;MACHINE;CPU;ABI;TARGET;REMEDY" "")
  set(${result} "" PARENT_SCOPE)
  set(${error} "" PARENT_SCOPE)
  if(arg_NAMED)
    get_filename_component(archive "${arg_NAMED}" ABSOLUTE BASE_DIR "${arg_BASE}")
  else()
    set(archive "${IOT_COAP_ROOT}")
  endif()
  if(arg_TARGET)
    string(CONCAT arg_REMEDY "the one that fits is iot-coap-VERSION-${arg_TARGET}.tar.gz of a "
      "release; ${arg_REMEDY}")
  endif()
  string(CONCAT remedy "set ${arg_BY} to an unpacked archive of a release, or to a "
    "libiot_coap.a: ${arg_REMEDY}")
  if(archive MATCHES ";")
    string(REPLACE ";" "[semicolon]" archive "${archive}")
    set(${error} "iot-coap: CMake takes ${archive} for a list; move it to a path without a semicolon"
      PARENT_SCOPE)
    return()
  endif()
  if(IS_DIRECTORY "${archive}")
    file(GLOB others RELATIVE "${archive}/lib" "${archive}/lib/*/libiot_coap.a")
    if(others)
      string(REPLACE "/libiot_coap.a" "" others "${others}")
      string(REPLACE ";" ", " others "${others}")
      set(remedy "there are libraries for ${others}: choose one of them, or ${remedy}")
    endif()
    set(archive "${archive}/lib/${arg_CONFIGURATION}/libiot_coap.a")
  endif()
  if(NOT EXISTS "${archive}")
    set(${error} "iot-coap: there is no ${archive}; ${remedy}" PARENT_SCOPE)
    return()
  endif()
  _iot_coap_objects(objects "${archive}")
  _iot_coap_machine_of(machine abi "${archive}" ${objects})
  if(NOT machine)
    set(${error} "iot-coap: ${archive} is no archive of objects; ${remedy}" PARENT_SCOPE)
    return()
  endif()
  if(arg_MACHINE AND NOT machine STREQUAL arg_MACHINE)
    string(CONCAT sentence "iot-coap: ${archive} is for ${machine}, and this firmware for "
      "${arg_MACHINE}; ${arg_REMEDY}")
    set(${error} "${sentence}" PARENT_SCOPE)
    return()
  endif()
  if(machine STREQUAL "ARM" AND arg_CPU)
    _iot_coap_arm_fault(fault "${archive}" "${objects}" "${arg_CPU}" "${arg_ABI}")
    if(fault)
      set(${error} "iot-coap: ${archive} ${fault}; ${arg_REMEDY}" PARENT_SCOPE)
      return()
    endif()
  elseif(arg_ABI AND NOT abi STREQUAL arg_ABI)
    string(CONCAT sentence "iot-coap: ${archive} passes arguments by the ABI ${abi}, and this "
      "firmware by ${arg_ABI}; ${arg_REMEDY}")
    set(${error} "${sentence}" PARENT_SCOPE)
    return()
  endif()
  if(arg_NO_ATOMICS)
    # What the linker would not mind.
    file(STRINGS "${archive}" isa REGEX "rv32i[0-9a-z_]*_a[0-9]" LIMIT_COUNT 1)
    if(isa)
      string(CONCAT sentence "iot-coap: ${archive} has atomic instructions, which this processor "
        "lacks; ${arg_REMEDY}")
      set(${error} "${sentence}" PARENT_SCOPE)
      return()
    endif()
  endif()
  set(${result} "${archive}" PARENT_SCOPE)
endfunction()

# _iot_coap_objects(RESULT ARCHIVE): where its objects lie, as FIRST:LENGTH each.
function(_iot_coap_objects result archive)
  set(objects "")
  file(SIZE "${archive}" size)
  file(READ "${archive}" magic LIMIT 8 HEX)
  set(at 8)
  if(NOT magic STREQUAL "213c617263683e0a") # !<arch>
    set(at ${size})
  endif()
  # Each member has a header of 60 bytes, in which its size stands, and begins at an even place.
  while(at LESS size)
    math(EXPR begin "${at} + 60")
    math(EXPR at "${at} + 48")
    file(READ "${archive}" length OFFSET ${at} LIMIT 10)
    string(STRIP "${length}" length)
    if(NOT length MATCHES "^[0-9]+$")
      break()
    endif()
    file(READ "${archive}" head OFFSET ${begin} LIMIT 4 HEX)
    if(head STREQUAL "7f454c46") # ELF
      list(APPEND objects ${begin}:${length})
    endif()
    math(EXPR at "${begin} + ${length} + (${length} & 1)")
  endwhile()
  set(${result} "${objects}" PARENT_SCOPE)
endfunction()

# _iot_coap_machine_of(RESULT ABI ARCHIVE [OBJECT...]): the machine of the first of these objects,
# and if that is a RISC-V its ABI.
function(_iot_coap_machine_of result abi archive)
  set(${result} "" PARENT_SCOPE)
  set(${abi} "" PARENT_SCOPE)
  if(NOT ARGN)
    return()
  endif()
  list(GET ARGN 0 begin)
  string(REGEX REPLACE ":.*" "" begin ${begin})
  file(READ "${archive}" head OFFSET ${begin} LIMIT 40 HEX)
  string(SUBSTRING ${head} 36 4 code)
  set(machine "a machine that is ${code} in ELF")
  foreach(each IN LISTS _iot_coap_machines)
    if(each MATCHES "^(.*)=${code}$")
      set(machine ${CMAKE_MATCH_1})
    endif()
  endforeach()
  set(${result} ${machine} PARENT_SCOPE)
  if(machine STREQUAL "RISC-V")
    _iot_coap_riscv_abi(name ${head})
    set(${abi} ${name} PARENT_SCOPE)
  endif()
endfunction()

# _iot_coap_riscv_abi(RESULT HEAD): what the head of an object for a RISC-V says of its ABI.
function(_iot_coap_riscv_abi result head)
  if(NOT head MATCHES "^7f454c4601") # 32 bits
    set(${result} lp64 PARENT_SCOPE)
    return()
  endif()
  string(SUBSTRING ${head} 72 2 flags)
  math(EXPR float "0x${flags} >> 1 & 3")
  math(EXPR is_embedded "0x${flags} >> 3 & 1")
  list(GET _iot_coap_riscv_floats ${float} suffix)
  if(is_embedded)
    set(suffix e)
  endif()
  string(REPLACE "soft" "" suffix ${suffix})
  set(${result} ilp32${suffix} PARENT_SCOPE)
endfunction()
