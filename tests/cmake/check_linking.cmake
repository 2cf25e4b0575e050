# Links tests/c/whose_dtls.c as a case says, runs it against the local cloud, and looks
# at whose DTLS it used.
#
#     cmake -D case=… -D scratch=… -D prefix=… -D libdir=… -D sources=… -D compiler=…
#           -D ar=… -D native_libraries=a,b,c -D cloud=… -D rustc=… -P this

file(REMOVE_RECURSE ${scratch})
file(MAKE_DIRECTORY ${scratch})

include(${CMAKE_CURRENT_LIST_DIR}/run.cmake)

# What the installed library says that programs define for its layout.
file(STRINGS ${prefix}/${libdir}/pkgconfig/iot-coap.pc flags REGEX "^Cflags: ")
string(REGEX MATCHALL "-D[A-Z0-9_]+" layout "${flags}")

# Options of the compiler that a case is about.
set(options "")
if(case STREQUAL builtin.linked-statically)
  set(options -static)
elseif(case STREQUAL builtin.static-pie)
  set(options -static-pie -fPIE)
elseif(case MATCHES "flto$")
  set(options -flto -O2)
elseif(case STREQUAL builtin.gold)
  set(options -fuse-ld=gold)
endif()
if(case MATCHES "^builtin\\.clang")
  set(compiler clang)
endif()

# What a case takes, and a machine may lack.
foreach(needed "clang;clang;clang" "gold;ld.gold;binutils")
  list(GET needed 0 for)
  list(GET needed 1 program)
  list(GET needed 2 package)
  find_program(found_${for} ${program})
  if(case MATCHES "${for}" AND NOT found_${for})
    message(FATAL_ERROR "Not run: no ${program} (Debian's package ${package})")
  endif()
endforeach()

# compile(object source option...)
function(compile object source)
  run(${compiler} -std=c99 -Wall -Wextra -Werror -I${prefix}/include/iot-coap ${layout} ${options}
      ${ARGN}
      -c ${sources}/${source} -o ${scratch}/${object})
endfunction()

compile(program.o c/whose_dtls.c)
compile(roots.o ../c_examples/local_root.c)
compile(dtls.o c/plain_dtls.c)
compile(three_of_four.o c/plain_dtls.c -DWITHOUT_READ)
run(${ar} rcs ${scratch}/libdtls.a ${scratch}/dtls.o)

set(own_objects ${scratch}/program.o ${scratch}/roots.o)
set(static ${prefix}/${libdir}/libiot_coap.a)
set(shared -L${prefix}/${libdir} -liot_coap -Wl,-rpath,${prefix}/${libdir})
string(REPLACE "," ";" native_libraries "${native_libraries}")
list(TRANSFORM native_libraries PREPEND -l)

# linked(result what...): links the program; sets `result` to what the linker says, or
# to nothing.
function(linked result)
  execute_process(COMMAND ${compiler} ${options} ${own_objects} ${ARGN} ${native_libraries}
                          -o ${scratch}/program
                  RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(status EQUAL 0)
    set(output "")
  elseif(output STREQUAL "")
    set(output "status ${status}")
  endif()
  set(${result} "${output}" PARENT_SCOPE)
endfunction()

# says(url status LINES line... NEVER line... WITH what...): links the program with
# `what`, runs it, and compares its exit status and what it prints.
function(says url expected)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "LINES;NEVER;WITH")
  linked(refused ${arg_WITH})
  if(refused)
    message(FATAL_ERROR "not linked:\n${refused}")
  endif()
  execute_process(COMMAND ${cloud} --state ${scratch}/cloud -- ${scratch}/program ${url}
                  RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL expected)
    message(FATAL_ERROR "ended with ${status}, not ${expected}:\n${output}")
  endif()
  foreach(line IN LISTS arg_LINES)
    string(FIND "${output}" "${line}" at)
    if(at EQUAL -1)
      message(FATAL_ERROR "not said: ${line}\n${output}")
    endif()
  endforeach()
  foreach(line IN LISTS arg_NEVER)
    string(FIND "${output}" "${line}" at)
    if(NOT at EQUAL -1)
      message(FATAL_ERROR "said: ${line}\n${output}")
    endif()
  endforeach()
  message(STATUS "${case}: as it should be")
endfunction()

function(uses_the_engine)
  says({coaps} 0 LINES "coaps:// is spoken by this library" answered
       NEVER "plain_dtls.c connects" WITH ${ARGN})
endfunction()

function(uses_the_programs_own)
  says({coap} 0 LINES "coaps:// is spoken by the program's own HAL_DTLSSession_*"
       "plain_dtls.c connects" answered WITH ${ARGN})
endfunction()

function(refuses reason)
  says({coap} 3 LINES "coaps:// cannot be used: ${reason}" NEVER "plain_dtls.c connects" WITH ${ARGN})
endfunction()

function(signs_in_with_the_layout_of_v3_0_1)
  if(NOT layout STREQUAL "-DIOT_COAP_LAYOUT_V3_0_1")
    message(FATAL_ERROR "programs are not told of the layout, but: ${flags}")
  endif()
  says({coap-psk} 0 LINES answered WITH ${ARGN})
endfunction()

function(does_not_link)
  linked(refused ${ARGN})
  if(NOT refused MATCHES "undefined reference to .HAL_DTLSSession_create")
    message(FATAL_ERROR "the linker does not miss HAL_DTLSSession_create:\n${refused}")
  endif()
  message(STATUS "${case}: the linker misses HAL_DTLSSession_create")
endfunction()

# second_library(rustc's option...): a Rust library that has nothing to do with ours, in
# libsecond.a, and a program that calls both.
function(second_library)
  file(WRITE ${scratch}/second.rs "#[unsafe(no_mangle)]\npub extern \"C\" fn second() -> usize {\n"
       "    std::panic::catch_unwind(|| format!(\"{}\", 12).len()).unwrap_or(0)\n}\n")
  file(WRITE ${scratch}/calls_second.c "#include <stddef.h>\nsize_t second(void);\n"
       "__attribute__((constructor)) static void check(void)\n"
       "{\n    if (second() != 2) {\n        __builtin_trap();\n    }\n}\n")
  run(${compiler} -c ${scratch}/calls_second.c -o ${scratch}/calls_second.o)
  run(${rustc} --edition 2024 --crate-type staticlib ${ARGN} ${scratch}/second.rs
      -o ${scratch}/libsecond.a)
endfunction()

set(one_is_missing "the program defines some of HAL_DTLSSession_*, but not HAL_DTLSSession_read")
set(no_dtls "this build has no DTLS")

if(case STREQUAL builtin.nothing)
  uses_the_engine(${static})
elseif(case STREQUAL builtin.object)
  uses_the_programs_own(${scratch}/dtls.o ${static})
elseif(case STREQUAL builtin.archive)
  # A linker does not search archives for what may stay undefined.
  uses_the_engine(${static} ${scratch}/libdtls.a)
elseif(case STREQUAL builtin.asked-for-archive)
  uses_the_programs_own(-Wl,-u,HAL_DTLSSession_create ${static} ${scratch}/libdtls.a)
elseif(case STREQUAL builtin.three-of-four)
  refuses(${one_is_missing} ${scratch}/three_of_four.o ${static})
elseif(case STREQUAL builtin.shared-nothing)
  uses_the_engine(${shared})
elseif(case STREQUAL builtin.shared-object)
  # Without -rdynamic.
  uses_the_programs_own(${scratch}/dtls.o ${shared})
elseif(case STREQUAL builtin.shared-three-of-four)
  refuses(${one_is_missing} ${scratch}/three_of_four.o ${shared})
elseif(case MATCHES "^builtin\\.(linked-statically|static-pie|flto|gold|clang|clang-flto)$")
  uses_the_engine(${static})
elseif(case MATCHES "^builtin\\.second-(optimised-)?rust-library")
  if(case MATCHES "optimised")
    second_library(-O -C lto=fat)
  elseif(case MATCHES "another-rustc")
    execute_process(COMMAND ${rustc} +nightly --version RESULT_VARIABLE status OUTPUT_QUIET ERROR_QUIET)
    if(NOT status EQUAL 0)
      message(FATAL_ERROR "Not run: no other rustc (rustup toolchain install nightly)")
    endif()
    set(rustc ${rustc} +nightly)
    second_library()
  else()
    second_library()
  endif()
  # In either order.
  set(second ${scratch}/calls_second.o ${scratch}/libsecond.a)
  uses_the_engine(${static} ${second})
  uses_the_engine(${second} ${static})
  uses_the_engine(${shared} ${second})
elseif(case STREQUAL port.nothing)
  does_not_link(${static})
elseif(case STREQUAL port.object)
  uses_the_programs_own(${scratch}/dtls.o ${static})
elseif(case STREQUAL port.archive)
  uses_the_programs_own(${static} ${scratch}/libdtls.a)
elseif(case STREQUAL port.shared-nothing)
  does_not_link(${shared})
elseif(case STREQUAL port.shared-object)
  uses_the_programs_own(${scratch}/dtls.o ${shared})
elseif(case STREQUAL port.shared-archive)
  uses_the_programs_own(${shared} ${scratch}/libdtls.a)
elseif(case STREQUAL none.object)
  refuses(${no_dtls} ${scratch}/dtls.o ${static})
elseif(case STREQUAL none.shared-object)
  refuses(${no_dtls} ${scratch}/dtls.o ${shared})
elseif(case STREQUAL none.layout)
  signs_in_with_the_layout_of_v3_0_1(${static})
elseif(case STREQUAL none.shared-layout)
  signs_in_with_the_layout_of_v3_0_1(${shared})
else()
  message(FATAL_ERROR "no such case: ${case}")
endif()
