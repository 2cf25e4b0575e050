# The sources of FreeRTOS and lwIP, as packages of Rust's registry have them: see
# sources/Cargo.toml. Sets FREERTOS_DIR and LWIP_DIR, unless they are set.
set(FREERTOS_DIR "" CACHE PATH "The kernel of FreeRTOS; empty: from a package")
set(LWIP_DIR "" CACHE PATH "lwIP, with its contrib; empty: from a package")

if(NOT FREERTOS_DIR OR NOT LWIP_DIR)
  set(cargo cargo --quiet)
  set(of --locked --manifest-path ${CMAKE_CURRENT_LIST_DIR}/sources/Cargo.toml)
  # For a board alone: half of what would be fetched is for other systems.
  execute_process(COMMAND ${cargo} fetch ${of} --target thumbv7m-none-eabi
    COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND ${cargo} metadata ${of} --offline --format-version 1
      --filter-platform thumbv7m-none-eabi
    OUTPUT_VARIABLE packages COMMAND_ERROR_IS_FATAL ANY)
  if(NOT packages MATCHES "\"manifest_path\":\"([^\"]*/freertos-next-[0-9.]+)/Cargo.toml\"")
    message(FATAL_ERROR "cargo does not say where the sources of FreeRTOS are")
  endif()
  set(FREERTOS_DIR ${CMAKE_MATCH_1}/FreeRTOS-Kernel)
  if(NOT packages MATCHES "\"manifest_path\":\"([^\"]*/lwip-[0-9.]+)/Cargo.toml\"")
    message(FATAL_ERROR "cargo does not say where the sources of lwIP are")
  endif()
  set(LWIP_DIR ${CMAKE_MATCH_1})
endif()

set(freertos_sources
  ${FREERTOS_DIR}/tasks.c ${FREERTOS_DIR}/queue.c ${FREERTOS_DIR}/list.c
  ${FREERTOS_DIR}/portable/GCC/ARM_CM3/port.c ${FREERTOS_DIR}/portable/MemMang/heap_4.c)
set(freertos_includes ${FREERTOS_DIR}/include ${FREERTOS_DIR}/portable/GCC/ARM_CM3)

# All that sockets of UDP over IPv4 and Ethernet need.
set(lwip_sources ${LWIP_DIR}/contrib/ports/freertos/sys_arch.c ${LWIP_DIR}/src/netif/ethernet.c)
foreach(name def dns inet_chksum init ip mem memp netif pbuf stats sys timeouts udp
    ipv4/acd ipv4/etharp ipv4/icmp ipv4/ip4 ipv4/ip4_addr ipv4/ip4_frag)
  list(APPEND lwip_sources ${LWIP_DIR}/src/core/${name}.c)
endforeach()
foreach(name api_lib api_msg err if_api netbuf netdb netifapi sockets tcpip)
  list(APPEND lwip_sources ${LWIP_DIR}/src/api/${name}.c)
endforeach()
set(lwip_includes ${LWIP_DIR}/src/include ${LWIP_DIR}/contrib/ports/freertos/include)
