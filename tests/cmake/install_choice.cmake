# Builds and installs the library with another choice of IOT_COAP_DTLS; where that is
# none, with the layout of v3.0.1.
#
#     cmake -D root=… -D build=… -D prefix=… -D choice=… -D cargo_target_dir=…
#           -D compiler=… -D libdir=… -P this

include(${CMAKE_CURRENT_LIST_DIR}/run.cmake)

if(choice STREQUAL none)
  set(layout v3.0.1)
else()
  set(layout usual)
endif()

run(${CMAKE_COMMAND} -S ${root} -B ${build} -DCMAKE_BUILD_TYPE=Debug -DIOT_COAP_DTLS=${choice}
    -DIOT_COAP_LAYOUT=${layout} -DIOT_COAP_CLOUD=OFF -DBUILD_TESTING=OFF -DIOT_COAP_EXAMPLES=OFF -DCMAKE_C_COMPILER=${compiler}
    -DIOT_COAP_CARGO_TARGET_DIR=${cargo_target_dir} -DCMAKE_INSTALL_LIBDIR=${libdir})
run(${CMAKE_COMMAND} --build ${build})
run(${CMAKE_COMMAND} --install ${build} --prefix ${prefix})
