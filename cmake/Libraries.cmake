# The two libraries, as IotCoap::static and IotCoap::shared, and IotCoap::local_root, which
# lets a program trust the local cloud.
#
# rustc gives a shared library of its own no SONAME and, with most linkers, hides what C
# defines (the weak and the variadic symbols, see build.rs): so it is linked from the
# archive, here.
include(cmake/ExportedSymbols.cmake)

set(symbols_file ${CMAKE_CURRENT_SOURCE_DIR}/cmake/exported-symbols.txt)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS Cargo.toml ${symbols_file})
iot_coap_read_exported_symbols(symbols ${symbols_file} ${IOT_COAP_PORT_LINUX})
iot_coap_make_version_script(script ${symbols})
set(version_script ${CMAKE_CURRENT_BINARY_DIR}/exported-symbols.map)
file(CONFIGURE OUTPUT ${version_script} CONTENT "@script@" @ONLY)

# CMake wants a source file; all there is comes from the archive.
set(no_source ${CMAKE_CURRENT_BINARY_DIR}/no_source.c)
file(CONFIGURE OUTPUT ${no_source} CONTENT "typedef int no_source;\n" @ONLY)

set(include_folders
  $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/iot-coap>)

# Otherwise the program defines the HAL_* that are missing, with either library.
if(IOT_COAP_SELF_CONTAINED)
  set(nothing_undefined -Wl,-z,defs)
endif()

add_library(iot_coap_shared SHARED ${exclude_from_all} ${no_source})
add_library(IotCoap::shared ALIAS iot_coap_shared)
add_dependencies(iot_coap_shared iot_coap_archive)
target_include_directories(iot_coap_shared INTERFACE ${include_folders})
target_compile_definitions(iot_coap_shared INTERFACE ${IOT_COAP_LAYOUT_DEFINITION})
target_link_libraries(iot_coap_shared PRIVATE
  "-Wl,--whole-archive,${IOT_COAP_ARCHIVE},--no-whole-archive"
  "-Wl,--version-script=${version_script}" -Wl,--gc-sections -Wl,-z,relro,-z,now
  ${nothing_undefined}
  ${IOT_COAP_NATIVE_LIBRARIES})
set_target_properties(iot_coap_shared PROPERTIES
  OUTPUT_NAME iot_coap
  EXPORT_NAME shared
  VERSION ${IOT_COAP_ABI}.${PROJECT_VERSION}
  SOVERSION ${IOT_COAP_ABI}
  LINK_DEPENDS "${IOT_COAP_ARCHIVE};${version_script}")

add_library(iot_coap_static INTERFACE)
add_library(IotCoap::static ALIAS iot_coap_static)
add_dependencies(iot_coap_static iot_coap_archive)
target_include_directories(iot_coap_static INTERFACE ${include_folders})
target_compile_definitions(iot_coap_static INTERFACE ${IOT_COAP_LAYOUT_DEFINITION})
target_link_libraries(iot_coap_static INTERFACE
  $<BUILD_INTERFACE:${IOT_COAP_ARCHIVE}>
  $<INSTALL_INTERFACE:$<INSTALL_PREFIX>/${CMAKE_INSTALL_LIBDIR}/libiot_coap.a>
  ${IOT_COAP_NATIVE_LIBRARIES})
set_target_properties(iot_coap_static PROPERTIES
  EXPORT_NAME static
  INTERFACE_LINK_DEPENDS $<BUILD_INTERFACE:${IOT_COAP_ARCHIVE}>)

# An object of its own, so that the linker takes it before the library's roots; and a target,
# since a project without C cannot compile the source.
add_library(iot_coap_local_root OBJECT ${exclude_from_all}
            ${CMAKE_CURRENT_SOURCE_DIR}/c_examples/local_root.c)
add_library(IotCoap::local_root ALIAS iot_coap_local_root)
target_include_directories(iot_coap_local_root PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/include)
set_target_properties(iot_coap_local_root PROPERTIES
  EXPORT_NAME local_root
  C_STANDARD 99
  POSITION_INDEPENDENT_CODE ON)
