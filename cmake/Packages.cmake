# Debian packages, made by cpack from the components of Install.cmake: libiot-coap1,
# libiot-coap-dev and iot-coap-cloud. scripts/packages does all of it.

set(revision 1)
set(debian_version ${PROJECT_VERSION}-${revision})
set(runtime_package libiot-coap${IOT_COAP_ABI})
set(IOT_COAP_MAINTAINER "The iot-coap developers <developers@iot-coap.invalid>" CACHE STRING
  "Who the packages say maintains them")
set(IOT_COAP_HOMEPAGE "" CACHE STRING "Where the packages say the project is at home, if it is")
set(IOT_COAP_NOTICES ${CMAKE_CURRENT_BINARY_DIR}/notices CACHE PATH
  "The folder of the notices of the Rust libraries within: the files library and cloud")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_VENDOR iot-coap)
set(CPACK_PACKAGE_CONTACT ${IOT_COAP_MAINTAINER})
# Or it would be the first line of each package's description.
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")
if(IOT_COAP_HOMEPAGE)
  set(CPACK_DEBIAN_PACKAGE_HOMEPAGE ${IOT_COAP_HOMEPAGE})
endif()
set(CPACK_PACKAGING_INSTALL_PREFIX ${CMAKE_INSTALL_PREFIX})
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL runtime development cloud)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SOURCE iot-coap)
set(CPACK_DEBIAN_PACKAGE_RELEASE ${revision})
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")

# package(component name section summary description): what cpack is told of it, and
# its folder of documents.
function(package component name section summary description notices)
  string(TOUPPER ${component} upper)
  foreach(setting "PACKAGE_NAME;${name}" "PACKAGE_SECTION;${section}")
    list(GET setting 0 variable)
    list(GET setting 1 value)
    set(CPACK_DEBIAN_${upper}_${variable} ${value} PARENT_SCOPE)
  endforeach()
  set(CPACK_DEBIAN_${upper}_DESCRIPTION "${summary}\n${description}" PARENT_SCOPE)

  set(folder ${CMAKE_CURRENT_BINARY_DIR}/documents/${name})
  configure_file(cmake/debian/changelog.in ${folder}/changelog.Debian @ONLY)
  configure_file(cmake/debian/copyright.in ${folder}/copyright @ONLY)
  configure_file(CHANGELOG.md ${folder}/changelog COPYONLY)
  foreach(document changelog.Debian changelog)
    execute_process(COMMAND gzip -9nf ${folder}/${document} COMMAND_ERROR_IS_FATAL ANY)
  endforeach()
  install(FILES ${folder}/changelog.Debian.gz ${folder}/changelog.gz ${folder}/copyright
          DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${name} COMPONENT ${component})
  configure_file(cmake/debian/lintian-overrides.in ${folder}/lintian-overrides @ONLY)
  install(FILES ${folder}/lintian-overrides RENAME ${name}
          DESTINATION ${CMAKE_INSTALL_DATADIR}/lintian/overrides COMPONENT ${component})
  install(FILES ${IOT_COAP_NOTICES}/${notices} RENAME third-party-notices
          DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${name} COMPONENT ${component})
endfunction()

# finish(component file command...): what Debian does to a file, once it is in place.
function(finish component file)
  list(JOIN ARGN " " command)
  install(CODE "execute_process(COMMAND ${command}
    \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${file}\" COMMAND_ERROR_IS_FATAL ANY)"
    COMPONENT ${component})
endfunction()

# A changelog has a date: that of the sources.
if(DEFINED ENV{SOURCE_DATE_EPOCH})
  set(epoch $ENV{SOURCE_DATE_EPOCH})
else()
  execute_process(COMMAND git -C ${CMAKE_CURRENT_SOURCE_DIR} log -1 --format=%ct
                  OUTPUT_VARIABLE epoch OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
if(NOT epoch)
  message(FATAL_ERROR "The packages' changelog needs a date: set SOURCE_DATE_EPOCH")
endif()
set(ENV{SOURCE_DATE_EPOCH} ${epoch})
string(TIMESTAMP year "%Y" UTC)
string(TIMESTAMP changelog_date "%a, %d %b %Y %H:%M:%S +0000" UTC)

# Lines of Debian's width.
set(about "It signs devices in and posts to topics, as the CoAP client of the cloud's C
SDK does and by the same functions, over UDP, DTLS 1.2 and the cloud's
symmetric mode.")

package(runtime ${runtime_package} libs "CoAP client for Alibaba Cloud IoT - shared library"
  "${about}" library)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA ${CMAKE_CURRENT_SOURCE_DIR}/cmake/debian/triggers)

package(development libiot-coap-dev libdevel "CoAP client for Alibaba Cloud IoT - development files"
  "${about}
.
This package has the headers, the static library, the CMake package IotCoap,
the pkg-config file iot-coap, and local_root.c, by which a program trusts the
local cloud." library)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
  "${runtime_package} (= ${debian_version}), libc6-dev | libc-dev")
finish(development ${CMAKE_INSTALL_LIBDIR}/libiot_coap.a
  ${CMAKE_STRIP} --strip-debug --enable-deterministic-archives)

package(cloud iot-coap-cloud net "local stand-in of Alibaba Cloud's CoAP endpoint"
  "For development and tests: devices sign in and publish over UDP, DTLS 1.2
and the symmetric mode, with faults on request. It can run a program against
itself." cloud)
set(CPACK_DEBIAN_CLOUD_PACKAGE_SHLIBDEPS ON)
# A service, which nobody is forced to run, and its user.
set(CPACK_DEBIAN_CLOUD_PACKAGE_DEPENDS adduser)
set(CPACK_DEBIAN_CLOUD_PACKAGE_CONTROL_EXTRA
  ${CMAKE_CURRENT_SOURCE_DIR}/cmake/debian/cloud/postinst
  ${CMAKE_CURRENT_SOURCE_DIR}/cmake/debian/cloud/prerm
  ${CMAKE_CURRENT_SOURCE_DIR}/cmake/debian/cloud/postrm)
install(FILES cmake/systemd/iot-coap-cloud.service DESTINATION lib/systemd/system COMPONENT cloud)
install(DIRECTORY DESTINATION /etc/iot-coap-cloud COMPONENT cloud)
finish(cloud ${CMAKE_INSTALL_BINDIR}/iot-coap-cloud ${CMAKE_STRIP} --strip-unneeded)
finish(cloud ${CMAKE_INSTALL_MANDIR}/man1/iot-coap-cloud.1 gzip -9nf)

include(CPack)
