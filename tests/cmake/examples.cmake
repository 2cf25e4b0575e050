# Each example against the local cloud, which starts for it and ends with it.

set(device a1RP1qZfrEi,example1,fPloaszb6saUFJte4EhyuBHQpR9SuKHb)

# add_example_test(name [CLOUD option...] RUN program argument...)
# Arguments may name the cloud's addresses: {coap} {coaps} {coap-psk} {root}.
function(add_example_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "CLOUD;RUN")
  if(NOT arg_CLOUD)
    set(arg_CLOUD --device ${device})
  endif()
  # A state folder of its own: tests may run side by side.
  add_test(NAME example.${name}
           COMMAND ${cloud} --state ${CMAKE_CURRENT_BINARY_DIR}/cloud/${name} ${arg_CLOUD}
                   -- ${arg_RUN})
  # The sample device's identity, whatever the developer's environment says. And
  # whatever happens, nothing prints the secret.
  set_tests_properties(example.${name} PROPERTIES
                       ENVIRONMENT "IOT_COAP_PRODUCT_KEY=" TIMEOUT 120
                       FAIL_REGULAR_EXPRESSION "fPloaszb6saUFJte4EhyuBHQpR9SuKHb")
endfunction()

foreach(kind static shared)
  if(kind STREQUAL static)
    set(suffix "")
  else()
    set(suffix -shared)
  endif()
  set(coap_example $<TARGET_FILE:coap-example${suffix}>)
  add_example_test(coap-example.coap.${kind} RUN ${coap_example} -u {coap} -n 3)
  add_example_test(coap-example.coap-psk.${kind} RUN ${coap_example} -u {coap-psk} -n 3)
  add_example_test(minimal.coap.${kind} RUN $<TARGET_FILE:minimal${suffix}> {coap})
  add_example_test(two_threads.coap.${kind} RUN $<TARGET_FILE:two_threads${suffix}> {coap} 20)

  if(NOT IOT_COAP_DTLS STREQUAL none)
    add_example_test(coap-example.coaps.${kind}
                     RUN ${coap_example} -u {coaps} -c {root} -n 3 -r)
    foreach(example minimal two_threads)
      add_executable(${example}-local-root${suffix}
                     ${root}/c_examples/${example}.c root_from_environment.c)
      target_link_libraries(${example}-local-root${suffix} PRIVATE IotCoap::${kind} pthread)
      add_example_test(${example}.coaps.${kind}
                       RUN $<TARGET_FILE:${example}-local-root${suffix}> {coaps})
    endforeach()
  endif()
endforeach()

add_example_test(two_threads.bad-network
                 CLOUD --device ${device} --faults drop=0.1,duplicate=0.1,reorder=0.1,seed=1
                 RUN $<TARGET_FILE:two_threads> {coap} 10)

# What must fail, with a status that says so: 1, not that of a crash.
set(fails sh ${here}/ends_with_1.sh)

add_example_test(fails.wrong-secret
                 CLOUD --device a1RP1qZfrEi,example1,another
                 RUN ${fails} $<TARGET_FILE:coap-example> -u {coap})
add_example_test(fails.wrong-option RUN ${fails} $<TARGET_FILE:coap-example> -x)
add_example_test(fails.no-such-endpoint
                 RUN ${fails} $<TARGET_FILE:coap-example> -e online -s nosec)
if(NOT IOT_COAP_DTLS STREQUAL none)
  add_example_test(fails.unknown-root RUN ${fails} $<TARGET_FILE:coap-example> -u {coaps})
endif()
