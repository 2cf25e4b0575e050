# Compares the native libraries that the packages name with those that rustc
# says the archive needs, but for libgcc_s, which the compiler adds itself, or
# libgcc_eh in its place. The order and repetitions do not matter: these are shared
# libraries.
#
#     cmake -D said=a,b,c -D printed=FILE -P this

file(READ ${printed} line)
string(REGEX MATCHALL "-l[^ \n]+" needed "${line}")
list(TRANSFORM needed REPLACE "^-l" "")
list(REMOVE_ITEM needed gcc_s)
string(REPLACE "," ";" said "${said}")
foreach(libraries needed said)
  list(SORT ${libraries})
  list(REMOVE_DUPLICATES ${libraries})
endforeach()
if(NOT needed STREQUAL said)
  message(FATAL_ERROR "rustc says: ${needed}\ncmake/Cargo.cmake says: ${said}")
endif()
message(STATUS "${needed}, as rustc says")
