# The tests of the programs, in the emulator against the local cloud.
enable_testing()

# Not built yet: the linker is to refuse it.
add_test(NAME refuses_a_port_without_mutexes
  COMMAND ${CMAKE_COMMAND} --build ${CMAKE_CURRENT_BINARY_DIR} --target without_mutexes)
set_tests_properties(refuses_a_port_without_mutexes PROPERTIES TIMEOUT 120
  PASS_REGULAR_EXPRESSION "undefined reference to .HAL_MutexCreate'")

# The port alone, against a host that echoes.
add_test(NAME selftest COMMAND ${template}/echo
  -- ${firmware}/run $<TARGET_FILE:selftest> 127.0.0.1 {port})
set_tests_properties(selftest PROPERTIES TIMEOUT 120 PASS_REGULAR_EXPRESSION
  "HAL_MutexCreate, Lock.*HAL_UDP_create, close.*no fault was found")

# board_test(NAME PROGRAM SECONDS CLOUD_OPTIONS ARGUMENT...): runs a program.
function(board_test name program seconds cloud_options)
  add_test(NAME ${name}
    COMMAND ${IOT_COAP_CLOUD} --state ${CMAKE_CURRENT_BINARY_DIR}/cloud
      --log ${CMAKE_CURRENT_BINARY_DIR}/${name}.events ${cloud_options}
      -- ${firmware}/run $<TARGET_FILE:${program}> ${ARGN})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${seconds})
endfunction()

if(NOT IOT_COAP_CLOUD)
  return()
endif()

# The board knows the host by this address, and so must its certificate.
set(named --cert-names 10.0.2.2)
set(key board-1,not-a-secret-0123)
set(with_key "--psk;${key}")

# each(KIND PROGRAM SECONDS CLOUD_OPTIONS ARGUMENT...): a program over each transport, with
# what follows the URL.
function(each kind program seconds options)
  board_test(${kind}_udp ${program} ${seconds} "${options}" {coap} ${ARGN})
  board_test(${kind}_symmetric ${program} ${seconds} "${options}" {coap-psk} ${ARGN})
  board_test(${kind}_coaps ${program} ${seconds} "${named};${options}" {coaps} ${ARGN} {root})
  board_test(${kind}_coaps_psk ${program} ${seconds} "${with_key};${options}" {coaps} ${ARGN} ${key})
endfunction()

# The longest first. (A message that is lost five times is given up after half a minute.)
each(lost_packets tasks 280 "--faults;drop=0.15,seed=11" 3)
each(wrapping_clock tasks-wrapping 280 "--faults;drop=0.15,seed=5" 2)
# Each session made anew.
each(exhausted_heap exhausted_heap 280 "--no-resumption")
each(tasks tasks 60 "" 25)

board_test(example_udp coap-example 60 "" -u {coap} -n 3)
board_test(example_coaps coap-example 60 "${named}" -u {coaps} -c {root} -n 3 -r)
set_tests_properties(example_coaps PROPERTIES PASS_REGULAR_EXPRESSION "resumed.*APPL.: done")
