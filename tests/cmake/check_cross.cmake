# What a toolchain file makes cargo build for.
#
#     cmake -D root=… -D scratch=… -D compiler=… -D cargo_target_dir=… -P this
cmake_minimum_required(VERSION 3.18)
include(${CMAKE_CURRENT_LIST_DIR}/run.cmake)
include(${root}/cmake/CargoTarget.cmake)
file(REMOVE_RECURSE ${scratch})

# --- Rust's names ---------------------------------------------------------------------

# System, processor, the compiler's machine, floating-point numbers in registers, and
# Rust's name.
foreach(line
    "Linux x86_64 x86_64-linux-gnu OFF x86_64-unknown-linux-gnu"
    "Linux AMD64 x86_64-linux-musl OFF x86_64-unknown-linux-musl"
    "Linux i686 i686-linux-gnu OFF i686-unknown-linux-gnu"
    "Linux i586 i586-linux-gnu OFF i586-unknown-linux-gnu"
    "Linux aarch64 aarch64-linux-gnu OFF aarch64-unknown-linux-gnu"
    "Linux arm64 aarch64-openwrt-linux-musl OFF aarch64-unknown-linux-musl"
    "Linux arm arm-linux-gnueabihf ON arm-unknown-linux-gnueabihf"
    "Linux armhf arm-linux-gnueabihf ON arm-unknown-linux-gnueabihf"
    "Linux arm arm-linux-gnueabi OFF arm-unknown-linux-gnueabi"
    "Linux armv6 arm-linux-musleabihf ON arm-unknown-linux-musleabihf"
    "Linux armv7-a arm-poky-linux-gnueabi ON armv7-unknown-linux-gnueabihf"
    "Linux armv7l arm-linux-gnueabi OFF armv7-unknown-linux-gnueabi"
    "Linux armv8l arm-linux-gnueabihf ON armv7-unknown-linux-gnueabihf"
    "Linux armv5te arm-linux-gnueabi OFF armv5te-unknown-linux-gnueabi"
    "Linux riscv64 riscv64-linux-gnu OFF riscv64gc-unknown-linux-gnu"
    "Linux loongarch64 loongarch64-linux-gnu OFF loongarch64-unknown-linux-gnu"
    "Linux ppc64le powerpc64le-linux-gnu OFF powerpc64le-unknown-linux-gnu"
    "Linux s390x s390x-linux-gnu OFF s390x-unknown-linux-gnu"
    "Linux mips mips-linux-gnu OFF -"
    "Generic arm arm-none-eabi OFF -")
  string(REPLACE " " ";" fields "${line}")
  list(POP_BACK fields expected)
  iot_coap_cargo_target(found ${fields})
  if(expected STREQUAL "-")
    set(expected "")
  endif()
  if(NOT found STREQUAL expected)
    message(FATAL_ERROR "${line}: found '${found}'")
  endif()
  if(expected)
    list(APPEND names ${expected})
  endif()
endforeach()
# A compiler for other processors is found.
foreach(line
    "x86_64-linux-gnu AMD64 ON" "i686-linux-gnu x86_64 ON" "aarch64-openwrt-linux-musl arm64 ON"
    "arm-poky-linux-gnueabi armv7-a ON" "powerpc64le-linux-gnu ppc64le ON"
    "riscv64-linux-gnu riscv64 ON" "x86_64-linux-gnu aarch64 OFF" "aarch64-linux-gnu armv7l OFF")
  string(REPLACE " " ";" fields "${line}")
  list(GET fields 0 machine)
  list(GET fields 1 processor)
  list(GET fields 2 expected)
  iot_coap_processors(of_machine ${machine})
  iot_coap_processors(of_processor ${processor})
  set(found OFF)
  if(of_machine STREQUAL of_processor)
    set(found ON)
  endif()
  if(NOT found STREQUAL expected)
    message(FATAL_ERROR "${line}: ${of_machine}, ${of_processor}")
  endif()
endforeach()
# rustc knows each.
find_program(rustc rustc HINTS $ENV{HOME}/.cargo/bin REQUIRED)
run(${rustc} --print target-list)
string(REPLACE "\n" ";" known "${printed}")
foreach(name IN LISTS names)
  if(NOT name IN_LIST known)
    message(FATAL_ERROR "rustc knows no target ${name}")
  endif()
endforeach()

# --- what a toolchain file that does not fit gets --------------------------------------

# toolchain(name system processor compiler): a toolchain file of this machine's compiler,
# which says that it is another's; sets `configure`.
function(toolchain name system processor compiler)
  file(WRITE ${scratch}/${name}.cmake "set(CMAKE_SYSTEM_NAME ${system})
set(CMAKE_SYSTEM_PROCESSOR ${processor})
set(CMAKE_C_COMPILER ${compiler})
set(CMAKE_C_FLAGS_INIT \"-DOF_THE_TOOLCHAIN -fstack-protector-strong\")
")
  set(configure ${CMAKE_COMMAND} -S ${root} -B ${scratch}/${name}
      -DCMAKE_TOOLCHAIN_FILE=${scratch}/${name}.cmake
      -DCMAKE_BUILD_TYPE=Debug -DIOT_COAP_DTLS=none
      -DIOT_COAP_CARGO_TARGET_DIR=${cargo_target_dir} PARENT_SCOPE)
endfunction()

toolchain(unknown Linux pdp11 ${compiler})
refuses("No Rust target is known for CMAKE_SYSTEM_NAME Linux and CMAKE_SYSTEM_PROCESSOR 'pdp11': set IOT_COAP_CARGO_TARGET to a name of `rustc --print target-list`."
        ${configure})
refuses("rustc knows no target pdp11-unknown-linux-gnu: set IOT_COAP_CARGO_TARGET"
        ${configure} -DIOT_COAP_CARGO_TARGET=pdp11-unknown-linux-gnu)
run(${rustc} --print target-libdir --target s390x-unknown-linux-gnu)
string(STRIP "${printed}" folder)
if(NOT EXISTS ${folder})
  toolchain(absent Linux s390x ${compiler})
  list(APPEND configure -DIOT_COAP_CARGO_TARGET=s390x-unknown-linux-gnu)
  refuses("Rust's library for s390x-unknown-linux-gnu is not installed. Run: rustup target add s390x-unknown-linux-gnu"
          ${configure})
endif()
toolchain(foreign Linux s390x ${compiler})
refuses("not for s390x: name one in the toolchain file, by CMAKE_C_COMPILER" ${configure})

# --- and what one that fits gets -------------------------------------------------------

# By a compiler of its own, which notes what it was asked to do.
run(${rustc} --version --verbose)
string(REGEX MATCH "host: ([^ \n]+)" host "${printed}")
set(host ${CMAKE_MATCH_1})
string(REGEX MATCH "^[^-]+" processor ${host})
file(WRITE ${scratch}/noting-cc "#!/bin/sh\necho \"$@\" >>${scratch}/asked\nexec ${compiler} \"$@\"\n")
file(CHMOD ${scratch}/noting-cc PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
toolchain(fits Linux ${processor} ${scratch}/noting-cc)
# Compiled for certain: cargo does not compile anew what it has.
file(REMOVE_RECURSE ${cargo_target_dir}/${host}/debug/build)
run(${configure})
run(${CMAKE_COMMAND} --build ${scratch}/fits)
if(NOT EXISTS ${scratch}/fits/libiot_coap.a OR NOT EXISTS ${cargo_target_dir}/${host}/debug/libiot_coap.a)
  message(FATAL_ERROR "cargo did not build for ${host}")
endif()
# The examples are of the toolchain as well; C++ it has not.
if(NOT EXISTS ${scratch}/fits/c_examples/minimal OR EXISTS ${scratch}/fits/c_examples/raii)
  message(FATAL_ERROR "the examples were built by compilers that the toolchain file does not name")
endif()
file(STRINGS ${scratch}/asked asked REGEX "src/c/edges\\.c")
if(NOT asked MATCHES "-DOF_THE_TOOLCHAIN -fstack-protector-strong")
  message(FATAL_ERROR "the library's C was not compiled as the toolchain file says: ${asked}")
endif()
file(READ ${scratch}/fits/CMakeCache.txt cache)
foreach(line IOT_COAP_CARGO_TARGET:STRING=${host} IOT_COAP_CLOUD:BOOL=OFF)
  string(FIND "${cache}" "\n${line}\n" at)
  if(at EQUAL -1)
    message(FATAL_ERROR "not in the cache: ${line}")
  endif()
endforeach()
refuses("the cloud runs on the machine that builds" ${configure} -DIOT_COAP_CLOUD=ON)
message(STATUS "cargo built for ${host}")
