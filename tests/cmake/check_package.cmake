# What find_package says of an installed library: its version, its components, and a project
# that cannot compile C.
#
#     cmake -D build=… -D examples=… -D scratch=… -D version=… -D cloud=… -P this
cmake_minimum_required(VERSION 3.18)
include(${CMAKE_CURRENT_LIST_DIR}/run.cmake)

set(prefix ${scratch}/prefix)
file(REMOVE_RECURSE ${scratch})
run(${CMAKE_COMMAND} --install ${build} --prefix ${prefix})

# asks(name languages arguments...): a project in `name` that looks for the package so.
function(asks name languages)
  list(JOIN ARGN " " arguments)
  file(WRITE ${scratch}/${name}/CMakeLists.txt "cmake_minimum_required(VERSION 3.18)
project(${name} ${languages})
find_package(IotCoap ${arguments})
if(NOT IotCoap_FOUND)
  message(FATAL_ERROR \"The project goes on without it: ${name}.\")
endif()
")
endfunction()
set(configure ${CMAKE_COMMAND} -DCMAKE_PREFIX_PATH=${prefix} -S)

# A version that this one does not keep the promises of is not found.
asks(version C ${version} REQUIRED)
run(${configure} ${scratch}/version -B ${scratch}/version/build)
asks(other_version C 99.0 REQUIRED)
refuses("compatible with requested version \"99.0\""
        ${configure} ${scratch}/other_version -B ${scratch}/other_version/build)

# Nor is it with a component that it has not.
asks(components C ${version} REQUIRED COMPONENTS static shared local_root OPTIONAL_COMPONENTS nonsense)
run(${configure} ${scratch}/components -B ${scratch}/components/build)
asks(nonsense C REQUIRED COMPONENTS static nonsense)
refuses("IotCoap has no component nonsense; name some of static, shared, local_root, or none."
        ${configure} ${scratch}/nonsense -B ${scratch}/nonsense/build)
asks(goes_on C COMPONENTS nonsense)
refuses("The project goes on without it: goes_on."
        ${configure} ${scratch}/goes_on -B ${scratch}/goes_on/build)

# In a project of C++ alone, which cannot compile local_root.c.
find_program(CXX c++)
if(CXX)
  asks(cxx CXX REQUIRED)
  file(APPEND ${scratch}/cxx/CMakeLists.txt "add_executable(app ${examples}/raii.cpp)
set_target_properties(app PROPERTIES CXX_STANDARD 11)
target_link_libraries(app PRIVATE IotCoap::local_root IotCoap::shared)
")
  run(${configure} ${scratch}/cxx -B ${scratch}/cxx/build)
  if(NOT printed MATCHES "has not enabled C")
    message(FATAL_ERROR "not a word about C sources that are left out:\n${printed}")
  endif()
  run(${CMAKE_COMMAND} --build ${scratch}/cxx/build)
  run(${cloud} --state ${scratch}/cloud -- ${scratch}/cxx/build/app {coaps})
  message(STATUS "works: local_root in a project of C++")
endif()
