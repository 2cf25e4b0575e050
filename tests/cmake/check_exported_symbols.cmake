# Compares what a shared library exports with the list of what it should.
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
string(REGEX MATCHALL "(GLOBAL|WEAK) +DEFAULT +[0-9]+ [A-Za-z_0-9]+" lines "${dynamic}")
list(TRANSFORM lines REPLACE ".* " "" OUTPUT_VARIABLE exported)

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
message(STATUS "${count} symbols exported, as listed")
