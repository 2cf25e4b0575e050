# What cargo builds: the static library and the local cloud.
#
# Sets IOT_COAP_ARCHIVE, IOT_COAP_NATIVE_LIBRARIES (what a program needs besides
# the archive), IOT_COAP_PRINTED_LIBRARIES (a file in which rustc says the same) and
# IOT_COAP_LAYOUT_DEFINITION (what programs define for the layout, if anything).
# Targets: iot_coap_archive, iot_coap_cloud (property PROGRAM).

set(features std)
# Besides the compiler's own, which it adds as it links: libgcc_s, or libgcc_eh for -static.
set(IOT_COAP_NATIVE_LIBRARIES util rt pthread m dl c)
if(IOT_COAP_PORT_LINUX)
  list(APPEND features port-linux)
endif()
if(IOT_COAP_DTLS STREQUAL builtin)
  list(APPEND features dtls)
elseif(IOT_COAP_DTLS STREQUAL port)
  list(APPEND features port-dtls)
elseif(NOT IOT_COAP_DTLS STREQUAL none)
  message(FATAL_ERROR "IOT_COAP_DTLS is builtin, port or none, not ${IOT_COAP_DTLS}")
endif()
if(IOT_COAP_LAYOUT STREQUAL v3.0.1)
  list(APPEND features layout-v3-0-1)
  set(IOT_COAP_LAYOUT_DEFINITION IOT_COAP_LAYOUT_V3_0_1)
elseif(IOT_COAP_LAYOUT STREQUAL V2.00)
  list(APPEND features layout-v2-00)
  set(IOT_COAP_LAYOUT_DEFINITION IOT_COAP_LAYOUT_V2_00)
elseif(NOT IOT_COAP_LAYOUT STREQUAL usual)
  message(FATAL_ERROR "IOT_COAP_LAYOUT is usual, v3.0.1 or V2.00, not ${IOT_COAP_LAYOUT}")
endif()
list(JOIN features "," features)

if(CMAKE_BUILD_TYPE STREQUAL Debug)
  set(profile dev)
  set(profile_folder debug)
  set(cloud_profile dev)
elseif(CMAKE_BUILD_TYPE STREQUAL MinSizeRel)
  set(profile small)
  set(profile_folder small)
else()
  set(profile release)
  set(profile_folder release)
endif()
set(cloud_profile_folder debug)
if(NOT DEFINED cloud_profile)
  set(cloud_profile cloud)
  set(cloud_profile_folder cloud)
endif()

# The user's environment decides where cargo works, as it does for cargo itself.
if(DEFINED ENV{CARGO_TARGET_DIR})
  set(default_target_dir $ENV{CARGO_TARGET_DIR})
else()
  set(default_target_dir ${CMAKE_CURRENT_BINARY_DIR}/cargo)
endif()
set(IOT_COAP_CARGO_TARGET_DIR ${default_target_dir} CACHE PATH "Where cargo builds")

set(cargo_environment CARGO_TARGET_DIR=${IOT_COAP_CARGO_TARGET_DIR})
set(building_for "")
set(for_target "")
set(cargo_output ${IOT_COAP_CARGO_TARGET_DIR}/${profile_folder})
if(IOT_COAP_CARGO_TARGET)
  set(building_for ", ${IOT_COAP_CARGO_TARGET}")
  set(for_target --target ${IOT_COAP_CARGO_TARGET})
  set(cargo_output ${IOT_COAP_CARGO_TARGET_DIR}/${IOT_COAP_CARGO_TARGET}/${profile_folder})
  list(APPEND cargo_environment ${target_environment})
endif()
set(IOT_COAP_PRINTED_LIBRARIES ${cargo_output}/iot_coap-native-libraries.txt)
set(cargo ${CMAKE_COMMAND} -E env ${cargo_environment} ${IOT_COAP_CARGO})

# cargo knows what is out of date, so it is always asked; the copy keeps CMake
# from linking anew when nothing changed, and the build folder from following a
# `cargo build` that shares the target folder. Asked for the archive alone, cargo
# can optimise across all of its crates, which it does not for `cargo build`,
# where the same crate is a Rust library too.
set(IOT_COAP_ARCHIVE ${CMAKE_CURRENT_BINARY_DIR}/libiot_coap.a)

# Bitcode is left out: compilers with -flto would read it, and know only that of their own
# version. What Rust's own library defines is made weak, since a second Rust library in a
# program defines it too. Not in a Debug build, where one object refers to what another
# defines: the reference would become weak too, and stay unresolved.
if(NOT profile STREQUAL dev)
  set(weaken --wildcard --weaken-symbol=rust_eh_personality --weaken-symbol=_R*_3std*)
endif()
if(CMAKE_OBJCOPY)
  set(edited ${cargo_output}/libiot_coap-edited.a)
  set(edit_archive ${CMAKE_OBJCOPY} -D ${weaken}
      --remove-section=.llvmbc --remove-section=.llvmcmd
      ${cargo_output}/libiot_coap.a ${edited})
else()
  message(WARNING "no objcopy: libiot_coap.a cannot be linked beside a second Rust library")
  set(edited ${cargo_output}/libiot_coap.a)
  set(edit_archive ${CMAKE_COMMAND} -E true)
endif()
add_custom_target(iot_coap_archive ${in_all}
  COMMAND ${cargo} rustc --manifest-path ${CMAKE_CURRENT_SOURCE_DIR}/Cargo.toml
          --package iot-coap --lib --crate-type staticlib --profile ${profile} ${for_target}
          --no-default-features --features ${features}
          -- --print native-static-libs=${IOT_COAP_PRINTED_LIBRARIES}
  COMMAND ${edit_archive}
  COMMAND ${CMAKE_COMMAND} -E copy_if_different ${edited} ${IOT_COAP_ARCHIVE}
  BYPRODUCTS ${IOT_COAP_ARCHIVE}
  COMMENT "Building libiot_coap.a with cargo (${profile}${building_for}: ${features})"
  VERBATIM USES_TERMINAL)

if(IOT_COAP_CLOUD)
  # After the archive: two cargos in one target folder wait for each other.
  set(program ${IOT_COAP_CARGO_TARGET_DIR}/${cloud_profile_folder}/iot-coap-cloud)
  add_custom_target(iot_coap_cloud ${in_all}
    COMMAND ${cargo} build --manifest-path ${CMAKE_CURRENT_SOURCE_DIR}/Cargo.toml
            --package iot-coap-cloud --profile ${cloud_profile}
    COMMAND ${program} --manual-page > ${program}.1
    COMMAND ${program} --completions bash > ${program}.bash
    COMMAND ${program} --completions zsh > ${program}.zsh
    COMMAND ${program} --completions fish > ${program}.fish
    BYPRODUCTS ${program} ${program}.1 ${program}.bash ${program}.zsh ${program}.fish
    COMMENT "Building iot-coap-cloud with cargo (${cloud_profile})"
    VERBATIM USES_TERMINAL)
  add_dependencies(iot_coap_cloud iot_coap_archive)
  set_target_properties(iot_coap_cloud PROPERTIES PROGRAM ${program})
endif()
