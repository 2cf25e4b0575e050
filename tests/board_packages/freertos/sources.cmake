# Prints, as lists of CMake, the folders of FreeRTOS's headers for a Cortex-M3 and of lwIP's, and
# the folder of FreeRTOS.
include(${CMAKE_CURRENT_LIST_DIR}/../../../ports/freertos-lwip/sources.cmake)
execute_process(COMMAND ${CMAKE_COMMAND} -E echo "${freertos_includes};${lwip_includes}")
execute_process(COMMAND ${CMAKE_COMMAND} -E echo "${FREERTOS_DIR}")
