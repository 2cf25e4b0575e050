# Which libiot_coap.a a package for an RTOS links: the packages of ESP-IDF and Zephyr include
# this file.

# What a package is a part of: an unpacked archive of a release, or the repository.
get_filename_component(IOT_COAP_ROOT ${CMAKE_CURRENT_LIST_DIR} DIRECTORY)

# What ELF calls a machine, in hexadecimal digits and as it lies in a file.
set(_iot_coap_machines ARM=2800 ARM64=b700 RISC-V=f300 Xtensa=5e00 x86=0300 x86-64=3e00)

# iot_coap_archive(RESULT
#   NAMED what the project names: an unpacked archive of a release, or a libiot_coap.a; or nothing
#   BY the setting by which it does
#   BASE the folder that NAMED is relative to
#   CONFIGURATION one of the folders in lib/
#   MACHINE one of those above, if it is known which one the firmware is for
#   NO_ATOMICS if that machine is a RISC-V without atomic instructions
#   REMEDY how to get one for this machine)
#
# Sets RESULT to the library's path, and ends with a sentence where there is none, or one for
# another machine.
function(iot_coap_archive result)
  cmake_parse_arguments(PARSE_ARGV 1 arg "NO_ATOMICS"
    "NAMED;BY;BASE;CONFIGURATION;MACHINE;REMEDY" "")
  if(arg_NAMED)
    get_filename_component(archive "${arg_NAMED}" ABSOLUTE BASE_DIR "${arg_BASE}")
  else()
    set(archive ${IOT_COAP_ROOT})
  endif()
  if(IS_DIRECTORY "${archive}")
    set(archive "${archive}/lib/${arg_CONFIGURATION}/libiot_coap.a")
  endif()
  if(NOT EXISTS "${archive}")
    message(FATAL_ERROR "iot-coap: there is no ${archive}; set ${arg_BY} to an unpacked "
      "archive of a release, or to a libiot_coap.a: ${arg_REMEDY}")
  endif()
  _iot_coap_machine_of(machine "${archive}")
  if(NOT machine)
    message(FATAL_ERROR "iot-coap: ${archive} is no archive of objects; set ${arg_BY} to an "
      "unpacked archive of a release, or to a libiot_coap.a: ${arg_REMEDY}")
  endif()
  if(arg_MACHINE AND NOT machine STREQUAL arg_MACHINE)
    message(FATAL_ERROR "iot-coap: ${archive} is for ${machine}, and this firmware for "
      "${arg_MACHINE}; ${arg_REMEDY}")
  endif()
  if(arg_NO_ATOMICS)
    # What the linker would not mind.
    file(STRINGS "${archive}" isa REGEX "rv32i[0-9a-z_]*_a[0-9]" LIMIT_COUNT 1)
    if(isa)
      message(FATAL_ERROR "iot-coap: ${archive} has atomic instructions, which this processor "
        "lacks; ${arg_REMEDY}")
    endif()
  endif()
  set(${result} ${archive} PARENT_SCOPE)
endfunction()

# _iot_coap_machine_of(RESULT ARCHIVE): the machine of an archive's first object.
function(_iot_coap_machine_of result archive)
  set(${result} "" PARENT_SCOPE)
  file(SIZE "${archive}" size)
  file(READ "${archive}" magic LIMIT 8 HEX)
  if(NOT magic STREQUAL "213c617263683e0a") # !<arch>
    return()
  endif()
  # Each member has a header of 60 bytes, in which its size stands, and begins at an even place.
  set(at 8)
  while(at LESS size)
    math(EXPR begin "${at} + 60")
    math(EXPR at "${at} + 48")
    file(READ "${archive}" length OFFSET ${at} LIMIT 10)
    string(STRIP "${length}" length)
    if(NOT length MATCHES "^[0-9]+$")
      return()
    endif()
    file(READ "${archive}" head OFFSET ${begin} LIMIT 20 HEX)
    if(head MATCHES "^7f454c46") # ELF
      string(SUBSTRING ${head} 36 4 code)
      set(${result} "a machine that is ${code} in ELF" PARENT_SCOPE)
      foreach(each IN LISTS _iot_coap_machines)
        if(each MATCHES "^(.*)=${code}$")
          set(${result} ${CMAKE_MATCH_1} PARENT_SCOPE)
        endif()
      endforeach()
      return()
    endif()
    math(EXPR at "${begin} + ${length} + (${length} & 1)")
  endwhile()
endfunction()
