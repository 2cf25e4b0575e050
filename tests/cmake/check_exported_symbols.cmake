# Compares what a shared library exports, and in which versions, with the list of what it
# should.
#
#     cmake -D readelf=… -D library=… -D list=… -D with_port=ON|OFF -P this
#
# By readelf: nm may go through a compiler's plugin and print nothing.
cmake_policy(SET CMP0057 NEW) # if(... IN_LIST ...)
include(${CMAKE_CURRENT_LIST_DIR}/../../cmake/ExportedSymbols.cmake)

iot_coap_read_exported_symbols(expected ${list} ${with_port})
execute_process(COMMAND ${readelf} -sW --dyn-syms ${library}
                OUTPUT_VARIABLE table RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${readelf} ended with ${status}")
endif()

# Num: Value Size Type Bind Vis Ndx Name
string(REGEX REPLACE ".*'\\.dynsym'" "" dynamic "${table}")
string(REGEX REPLACE "Symbol table '\\.symtab'.*" "" dynamic "${dynamic}")
string(REGEX MATCHALL "(GLOBAL|WEAK) +DEFAULT +[0-9]+ [A-Za-z_0-9]+[^ \n]*" lines "${dynamic}")
list(TRANSFORM lines REPLACE ".* " "" OUTPUT_VARIABLE exported)
# The versions themselves are symbols, too.
list(FILTER exported EXCLUDE REGEX "^IOT_COAP_[0-9.]+(@@IOT_COAP_[0-9.]+)?$")

set(wrong "")
foreach(symbol IN LISTS exported)
  if(NOT symbol IN_LIST expected)
    string(APPEND wrong "  exported, but not in the list: ${symbol}\n")
  endif()
endforeach()
foreach(symbol IN LISTS expected)
  if(NOT symbol IN_LIST exported)
    string(APPEND wrong "  in the list, but not exported: ${symbol}\n")
  endif()
endforeach()
list(LENGTH exported count)
if(wrong)
  message(FATAL_ERROR "${library} and ${list} disagree:\n${wrong}")
endif()

# Of several versions, the later ones contain the earlier ones.
iot_coap_make_version_script(script one@@V_0.1 two@@V_0.1 three@@V_0.2 four@@V_0.3)
string(REGEX REPLACE "[ \n]+" " " script "${script}")
set(expected_script "V_0.1 { global: one; two; local: *; }; V_0.2 { global: three; } V_0.1; \
V_0.3 { global: four; } V_0.2; ")
if(NOT script STREQUAL expected_script)
  message(FATAL_ERROR "the version script of three versions is: ${script}")
endif()
message(STATUS "${count} symbols exported, as listed")
