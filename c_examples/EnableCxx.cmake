# Enables C++ where there is a compiler for it, and sets CMAKE_CXX_COMPILER, or leaves it false.

# For another machine CMake would find this one's: a toolchain file has to name it.
if(NOT CMAKE_CROSSCOMPILING OR CMAKE_CXX_COMPILER)
  include(CheckLanguage)
  check_language(CXX)
  if(CMAKE_CXX_COMPILER)
    enable_language(CXX)
  endif()
endif()
