# Each example against the local cloud, which starts for it and ends with it.

set(stores ${CMAKE_CURRENT_BINARY_DIR}/stores)
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
  # The sample device's identity, whatever the developer's environment says, and a
  # store of its own. And whatever happens, nothing prints the secret.
  set_tests_properties(example.${name} PROPERTIES
                       ENVIRONMENT "IOT_COAP_PRODUCT_KEY=;IOT_COAP_KV_DIR=${stores}/${name}"
                       TIMEOUT 120
                       FAIL_REGULAR_EXPRESSION "fPloaszb6saUFJte4EhyuBHQpR9SuKHb")
endfunction()

# add_gateway_test(name gateway devices seconds URL [CLOUD option...])
function(add_gateway_test name gateway devices seconds url)
  add_test(NAME example.gateway.${name}
           COMMAND sh ${here}/gateway.sh ${gateway} ${devices} ${seconds} ${url}
                   ${CMAKE_CURRENT_BINARY_DIR}/gateway.${name} ${cloud} ${ARGN})
  set_tests_properties(example.gateway.${name} PROPERTIES TIMEOUT 120)
endfunction()

# Those that any of the transports serves, with the URL as their first argument.
set(simple_examples minimal.c two_threads.c sensor.c)
if(CMAKE_CXX_COMPILER)
  list(APPEND simple_examples raii.cpp)
endif()

foreach(kind static shared)
  if(kind STREQUAL static)
    set(suffix "")
  else()
    set(suffix -shared)
  endif()
  set(coap_example $<TARGET_FILE:coap-example${suffix}>)
  add_example_test(coap-example.coap.${kind} RUN ${coap_example} -u {coap} -n 3)
  add_example_test(coap-example.coap-psk.${kind} RUN ${coap_example} -u {coap-psk} -n 3)
  foreach(source IN LISTS simple_examples)
    get_filename_component(example ${source} NAME_WE)
    add_example_test(${example}.coap.${kind} RUN $<TARGET_FILE:${example}${suffix}> {coap})
  endforeach()
  add_gateway_test(coap.${kind} $<TARGET_FILE:gateway${suffix}> 1000 3 {coap})

  if(IOT_COAP_DTLS STREQUAL builtin)
    add_example_test(coap-example.coaps.${kind}
                     RUN ${coap_example} -u {coaps} -c {root} -n 3 -r)
    foreach(source IN LISTS simple_examples ITEMS gateway.c)
      get_filename_component(example ${source} NAME_WE)
      add_executable(${example}-local-root${suffix}
                     ${root}/c_examples/${source} ${root}/c_examples/local_root.c)
      set_target_properties(${example}-local-root${suffix} PROPERTIES CXX_STANDARD 11)
      target_link_libraries(${example}-local-root${suffix} PRIVATE IotCoap::${kind} pthread)
      if(NOT example STREQUAL gateway)
        add_example_test(${example}.coaps.${kind}
                         RUN $<TARGET_FILE:${example}-local-root${suffix}> {coaps})
      endif()
    endforeach()
    add_gateway_test(coaps.${kind} $<TARGET_FILE:gateway-local-root${suffix}> 200 3 {coaps})
  endif()
endforeach()

add_example_test(two_threads.bad-network
                 CLOUD --device ${device} --faults drop=0.1,duplicate=0.1,reorder=0.1,seed=1
                 RUN $<TARGET_FILE:two_threads> {coap} 10)

add_example_test(sensor.bad-network
                 CLOUD --device ${device} --faults drop=0.1,duplicate=0.1,seed=1
                 RUN $<TARGET_FILE:sensor> {coap} 5 0)
add_gateway_test(bad-network $<TARGET_FILE:gateway> 300 3 {coap}
                 --faults drop=0.02,duplicate=0.1,separate=0.1,seed=1)

# Readings that were given up go out with a later waking.
add_example_test(sensor.outage
                 CLOUD --device ${device} --log ${CMAKE_CURRENT_BINARY_DIR}/sensor.outage.log
                 RUN sh ${here}/sensor_outage.sh $<TARGET_FILE:sensor> {coap}
                     ${CMAKE_CURRENT_BINARY_DIR}/sensor.outage.log)
# Most of a minute: first, where several run side by side.
set_tests_properties(example.sensor.outage PROPERTIES COST 1000)

# What must fail, with a status that says so: 1, not that of a crash.
set(fails sh ${here}/ends_with_1.sh)

add_example_test(fails.wrong-secret
                 CLOUD --device a1RP1qZfrEi,example1,another
                 RUN ${fails} $<TARGET_FILE:coap-example> -u {coap})
if(CMAKE_CXX_COMPILER)
  add_example_test(fails.wrong-secret.raii
                   CLOUD --device a1RP1qZfrEi,example1,another
                   RUN ${fails} $<TARGET_FILE:raii> {coap})
endif()
add_example_test(fails.silent-cloud
                 CLOUD --device ${device} --faults drop=1
                 RUN ${fails} $<TARGET_FILE:sensor> {coap} 1)
add_example_test(fails.wrong-option RUN ${fails} $<TARGET_FILE:coap-example> -x)
add_example_test(fails.no-such-endpoint
                 RUN ${fails} $<TARGET_FILE:coap-example> -e online -s nosec)
if(IOT_COAP_DTLS STREQUAL builtin)
  add_example_test(fails.unknown-root RUN ${fails} $<TARGET_FILE:coap-example> -u {coaps})
endif()
