# A program names the version of the symbols that it was linked with. One that was linked
# before the library had versions runs with the library of today, and takes the place of
# its weak symbols as before.
#
#     cmake -D compiler=… -D readelf=… -D archive=… -D library=… -D soname=…
#           -D native_libraries=a,b,c -D include=… -D source=… -D scratch=… -P this
cmake_minimum_required(VERSION 3.18)
include(${CMAKE_CURRENT_LIST_DIR}/run.cmake)
file(REMOVE_RECURSE ${scratch})
file(MAKE_DIRECTORY ${scratch}/before)
string(REPLACE "," ";" native_libraries "${native_libraries}")
list(TRANSFORM native_libraries PREPEND -l)
get_filename_component(folder ${library} DIRECTORY)

set(before ${scratch}/before/${soname})
run(${compiler} -shared -Wl,-soname,${soname} -Wl,--whole-archive ${archive} -Wl,--no-whole-archive
    ${native_libraries} -o ${before})
foreach(program before now)
  if(program STREQUAL before)
    set(linked ${before})
  else()
    set(linked ${library})
  endif()
  run(${compiler} -I${include} ${source} ${linked} -o ${scratch}/program-${program})
  run(${readelf} --version-info ${scratch}/program-${program})
  if((program STREQUAL before AND printed MATCHES "IOT_COAP_") OR
     (program STREQUAL now AND NOT printed MATCHES "Name: IOT_COAP_0\\.1 "))
    message(FATAL_ERROR "the program that was linked ${program} needs: ${printed}")
  endif()
  run(${CMAKE_COMMAND} -E env LD_LIBRARY_PATH=${folder} ${scratch}/program-${program})
  if(printed)
    message(FATAL_ERROR "the program that was linked ${program} says: ${printed}")
  endif()
endforeach()
message(STATUS "both run with ${library}")
