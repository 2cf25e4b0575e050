# What `cmake --install` puts where: headers, both libraries, the CMake package,
# the pkg-config file and the local cloud.
include(CMakePackageConfigHelpers)

# `folder` under `prefix`, unless it is absolute.
function(iot_coap_join_folder variable prefix folder)
  if(NOT IS_ABSOLUTE ${folder})
    set(folder ${prefix}/${folder})
  endif()
  set(${variable} ${folder} PARENT_SCOPE)
endfunction()

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/IotCoap)
# For what no linker shall find without being told.
set(own_folder ${CMAKE_INSTALL_LIBDIR}/iot-coap)

# Each belongs to a component, which cmake/Packages.cmake makes a package of.
# Some of the original's headers have names that another library's may have as well.
install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/iot-coap COMPONENT development
        FILES_MATCHING PATTERN "*.h")
install(FILES c_examples/local_root.c DESTINATION ${CMAKE_INSTALL_DATADIR}/iot-coap
        COMPONENT development)
install(FILES ${IOT_COAP_ARCHIVE} DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
install(TARGETS iot_coap_static iot_coap_shared iot_coap_local_root EXPORT IotCoap
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
        COMPONENT runtime NAMELINK_COMPONENT development
        OBJECTS DESTINATION ${own_folder} COMPONENT development)
install(EXPORT IotCoap NAMESPACE IotCoap:: FILE IotCoapTargets.cmake
        DESTINATION ${package_folder} COMPONENT development)
if(IOT_COAP_CLOUD)
  get_target_property(program iot_coap_cloud PROGRAM)
  install(PROGRAMS ${program} DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT cloud)
  install(FILES ${program}.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT cloud)
  # Where each shell looks for them.
  install(FILES ${program}.bash RENAME iot-coap-cloud
          DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT cloud)
  install(FILES ${program}.zsh RENAME _iot-coap-cloud
          DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions COMPONENT cloud)
  install(FILES ${program}.fish RENAME iot-coap-cloud.fish
          DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d COMPONENT cloud)
endif()

# Before 1.0 a minor version may break what the one before it promised.
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/IotCoapConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
configure_package_config_file(cmake/IotCoapConfig.cmake.in
                              ${CMAKE_CURRENT_BINARY_DIR}/IotCoapConfig.cmake
                              INSTALL_DESTINATION ${package_folder}
                              NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/IotCoapConfig.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/IotCoapConfigVersion.cmake
        DESTINATION ${package_folder} COMPONENT development)

list(TRANSFORM IOT_COAP_NATIVE_LIBRARIES PREPEND -l OUTPUT_VARIABLE private_libraries)
list(JOIN private_libraries " " private_libraries)

# The pkg-config file finds the rest from where it is, so that `cmake --install
# --prefix` and packages may put it anywhere.
if(IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR})
  set(pc_prefix ${CMAKE_INSTALL_PREFIX})
else()
  file(RELATIVE_PATH up /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
  string(REGEX REPLACE "/$" "" up ${up})
  set(pc_prefix "\${pcfiledir}/${up}")
endif()
iot_coap_join_folder(pc_libdir "\${prefix}" ${CMAKE_INSTALL_LIBDIR})
iot_coap_join_folder(pc_includedir "\${prefix}" ${CMAKE_INSTALL_INCLUDEDIR})
iot_coap_join_folder(pc_datadir "\${prefix}" ${CMAKE_INSTALL_DATADIR})
set(pc_cflags -I\${includedir}/iot-coap)
if(IOT_COAP_LAYOUT_DEFINITION)
  string(APPEND pc_cflags " -D${IOT_COAP_LAYOUT_DEFINITION}")
endif()
foreach(pc iot-coap iot-coap-library)
  configure_file(cmake/${pc}.pc.in ${pc}.pc @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${pc}.pc
          DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
endforeach()

# A folder with the static library alone: `pkg-config --static` has the linker look there
# before it finds the shared one. A relative link, which leads to the archive here and there.
set(static_alone ${CMAKE_CURRENT_BINARY_DIR}/static/libiot_coap.a)
file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/static)
file(CREATE_LINK ../libiot_coap.a ${static_alone} SYMBOLIC)
install(FILES ${static_alone} DESTINATION ${own_folder} COMPONENT development)
