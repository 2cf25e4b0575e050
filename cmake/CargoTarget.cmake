# What cargo builds for: the machine itself, or the one of a toolchain file, by Rust's name
# for it.
#
# Sets IOT_COAP_CARGO_TARGET, which is empty for the machine itself, and target_environment,
# which tells cargo the toolchain's compiler.

# iot_coap_cargo_target(variable system processor machine hard_float): Rust's name for what a
# toolchain file describes: CMAKE_SYSTEM_NAME and CMAKE_SYSTEM_PROCESSOR, the compiler's
# name for its machine, which tells the C library, and whether calls pass floating-point
# numbers in registers, which matters for ARM. Empty for what has no name here.
function(iot_coap_cargo_target variable system processor machine hard_float)
  set(${variable} "" PARENT_SCOPE)
  string(TOLOWER "${processor}" processor)
  set(libc gnu)
  if(machine MATCHES "musl")
    set(libc musl)
  endif()
  set(abi "")
  if(processor MATCHES "^(x86_64|amd64)$")
    set(cpu x86_64)
  elseif(processor MATCHES "^(i686|i[34]86|x86)$")
    set(cpu i686)
  elseif(processor STREQUAL i586)
    set(cpu i586)
  elseif(processor MATCHES "^(aarch64|arm64)$")
    set(cpu aarch64)
  elseif(processor MATCHES "^(arm|armhf|armel|armv[5-8].*)$")
    set(abi eabi)
    if(hard_float)
      set(abi eabihf)
    endif()
    # Rust's arm is ARMv6, which an unspecific arm may be.
    set(cpu arm)
    if(processor MATCHES "^armv[78]")
      set(cpu armv7)
    elseif(processor MATCHES "^armv5" AND NOT hard_float)
      set(cpu armv5te)
    endif()
  elseif(processor STREQUAL riscv64)
    set(cpu riscv64gc)
  elseif(processor STREQUAL loongarch64)
    set(cpu loongarch64)
  elseif(processor MATCHES "^(ppc64le|powerpc64le)$")
    set(cpu powerpc64le)
  elseif(processor STREQUAL s390x)
    set(cpu s390x)
  else()
    return()
  endif()
  if(system STREQUAL Linux)
    set(${variable} ${cpu}-unknown-linux-${libc}${abi} PARENT_SCOPE)
  endif()
endfunction()

# iot_coap_processors(variable name): which processors a compiler's machine, or
# CMAKE_SYSTEM_PROCESSOR, is of.
function(iot_coap_processors variable name)
  string(TOLOWER "${name}" processor)
  string(REGEX REPLACE "-.*" "" processor "${processor}")
  if(processor MATCHES "^(x86_64|amd64|x86|i[3-6]86)$")
    set(processor x86)
  elseif(processor MATCHES "^(aarch64|arm64)")
    set(processor aarch64)
  elseif(processor MATCHES "^arm")
    set(processor arm)
  elseif(processor STREQUAL ppc64le)
    set(processor powerpc64le)
  endif()
  set(${variable} ${processor} PARENT_SCOPE)
endfunction()

# iot_coap_ask_for_target(): sets `derived` by what the toolchain file and the compiler say, and
# `machine` to what the compiler says.
function(iot_coap_ask_for_target)
  if(CMAKE_C_COMPILER_TARGET)
    set(machine ${CMAKE_C_COMPILER_TARGET})
  else()
    execute_process(COMMAND ${CMAKE_C_COMPILER} -dumpmachine
                    OUTPUT_VARIABLE machine OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  endif()
  set(hard_float OFF)
  string(TOLOWER "${CMAKE_SYSTEM_PROCESSOR}" processor)
  if(processor MATCHES "^arm" AND NOT processor STREQUAL arm64)
    include(CheckCSourceCompiles)
    # Nothing has to link.
    set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
    check_c_source_compiles("#ifndef __ARM_PCS_VFP\n#error\n#endif\nint passed;" IOT_COAP_HARD_FLOAT)
    set(hard_float ${IOT_COAP_HARD_FLOAT})
  endif()
  iot_coap_cargo_target(target "${CMAKE_SYSTEM_NAME}" "${CMAKE_SYSTEM_PROCESSOR}" "${machine}"
                        "${hard_float}")
  set(derived "${target}" PARENT_SCOPE)
  set(machine "${machine}" PARENT_SCOPE)
endfunction()

# iot_coap_check_rust_library(target): Rust's own library for the target is there, since cargo
# would only say that it "can't find crate for `core`", after a while.
function(iot_coap_check_rust_library target)
  # Then cargo builds it, too.
  if(DEFINED ENV{CARGO_UNSTABLE_BUILD_STD})
    return()
  endif()
  if(DEFINED ENV{RUSTC})
    set(rustc $ENV{RUSTC})
  else()
    get_filename_component(folder ${IOT_COAP_CARGO} DIRECTORY)
    find_program(IOT_COAP_RUSTC rustc HINTS ${folder} NO_CMAKE_FIND_ROOT_PATH REQUIRED)
    set(rustc ${IOT_COAP_RUSTC})
  endif()
  execute_process(COMMAND ${rustc} --print target-libdir --target ${target}
                  # Where cargo runs: rustup chooses the toolchain by the folder.
                  WORKING_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}
                  RESULT_VARIABLE status OUTPUT_VARIABLE folder ERROR_VARIABLE said
                  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_STRIP_TRAILING_WHITESPACE)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "rustc knows no target ${target}: set IOT_COAP_CARGO_TARGET to a name "
                        "of `rustc --print target-list`. It said: ${said}")
  endif()
  file(GLOB library ${folder}/libstd-*.rlib)
  if(NOT library)
    message(FATAL_ERROR "Rust's library for ${target} is not installed. Run: "
                        "rustup target add ${target}")
  endif()
endfunction()

if(CMAKE_CROSSCOMPILING AND NOT IOT_COAP_CARGO_TARGET)
  iot_coap_ask_for_target()
  if(NOT derived)
    message(FATAL_ERROR "No Rust target is known for CMAKE_SYSTEM_NAME ${CMAKE_SYSTEM_NAME} and "
      "CMAKE_SYSTEM_PROCESSOR '${CMAKE_SYSTEM_PROCESSOR}': set IOT_COAP_CARGO_TARGET to a name of "
      "`rustc --print target-list`. Without an operating system, build by scripts/bare.")
  endif()
  # In a project of C++ alone, the toolchain file may name no C compiler.
  iot_coap_processors(compiled "${machine}")
  iot_coap_processors(wanted "${CMAKE_SYSTEM_PROCESSOR}")
  if(machine AND NOT compiled STREQUAL wanted)
    message(FATAL_ERROR "The C compiler ${CMAKE_C_COMPILER} is for ${machine}, not for "
      "${CMAKE_SYSTEM_PROCESSOR}: name one in the toolchain file, by CMAKE_C_COMPILER (with clang "
      "by CMAKE_C_COMPILER_TARGET besides)")
  endif()
  message(STATUS "iot-coap: cargo builds for ${derived}")
  set(IOT_COAP_CARGO_TARGET "${derived}" CACHE STRING "" FORCE)
endif()
set(IOT_COAP_CARGO_TARGET "" CACHE STRING
  "Rust's name for the machine to build for; empty for this one")
if(IOT_COAP_CARGO_TARGET)
  iot_coap_check_rust_library(${IOT_COAP_CARGO_TARGET})
  # For the few lines of C, which have to follow the same conventions as the program's own.
  set(flags ${CMAKE_C_COMPILER_ARG1} ${CMAKE_C_FLAGS})
  if(CMAKE_SYSROOT)
    list(APPEND flags --sysroot=${CMAKE_SYSROOT})
  endif()
  if(CMAKE_C_COMPILER_TARGET)
    list(APPEND flags --target=${CMAKE_C_COMPILER_TARGET})
  endif()
  list(JOIN flags " " flags)
  string(REPLACE "-" "_" target ${IOT_COAP_CARGO_TARGET})
  string(TOUPPER ${target} upper)
  set(target_environment CC_${target}=${CMAKE_C_COMPILER} AR_${target}=${CMAKE_AR}
      "CFLAGS_${target}=${flags}" CARGO_TARGET_${upper}_LINKER=${CMAKE_C_COMPILER})
endif()
