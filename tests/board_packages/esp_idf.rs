//! The component of ESP-IDF.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use iot_coap_test_library::{root, run, succeed};

use crate::layout::{archive_for, archive_with, folder, unpacked};
use crate::tools::{self, has, not_run, python, tool};

/// ELF's numbers of machines.
const ARM: u8 = 40;
const RISC_V: u8 = 243;

/// Flags of RISC-V in ELF.
const RVC: u8 = 1;
const SINGLE_FLOAT: u8 = 2;

const IMAFC: &str = "rv32i2p1_m2p0_a2p1_f2p2_c2p0";
const IMAC: &str = "rv32i2p1_m2p0_a2p1_c2p0";
const IMC: &str = "rv32i2p1_m2p0_c2p0";

fn component(root: &Path) -> PathBuf {
    root.join("ports/esp-idf/iot_coap")
}

/// Configures by the component's Kconfig, into `build`.
fn configured(component: &Path, build: &Path, settings: &[&str]) {
    let mut python = python().expect("the caller has asked for it");
    python.arg(tools::folder().join("kconfig.py"));
    succeed(python.args([component.join("Kconfig"), build.join("sdkconfig")]).args(settings));
}

/// Has CMake read the component.
fn cmake(component: &Path, build: &Path, target: &str, early: bool) -> Output {
    let stand_in = tools::folder().join("esp-idf");
    let mut cmake = Command::new("cmake");
    cmake.arg("-S").arg(&stand_in).arg("-B").arg(build);
    cmake.arg(format!("-DCMAKE_TOOLCHAIN_FILE={}", stand_in.join("toolchain.cmake").display()));
    cmake.arg(format!("-DCOMPONENT={}", component.display())).arg("-DCMAKE_BUILD_TYPE=Debug");
    cmake.arg(format!("-DCONFIG={}", build.join("sdkconfig").display()));
    cmake.arg(format!("-DIDF_TARGET={target}")).arg(format!("-DEARLY={}", u8::from(early)));
    run(&mut cmake)
}

fn said(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether this machine has what a test needs besides what all need.
fn is_equipped() -> bool {
    if !has("arm-none-eabi-gcc") {
        not_run("which needs gcc-arm-none-eabi");
        return false;
    }
    python().is_some()
}

/// In the place of the library, for a processor that CMake does not know of.
fn library(build: &Path) -> PathBuf {
    let object = build.join("library.o");
    let mut cc = Command::new("arm-none-eabi-gcc");
    cc.args(["-mcpu=cortex-m3", "-mthumb", "-c", "-I"]).arg(root().join("include"));
    succeed(cc.arg("-o").arg(&object).arg(tools::folder().join("esp-idf/library.c")));
    let library = build.join("libiot_coap.a");
    succeed(Command::new("arm-none-eabi-ar").arg("rcs").args([&library, &object]));
    library
}

/// Builds it, and looks for the port behind the library.
fn builds(component: &Path, build: &Path) {
    let output = cmake(component, build, "another", false);
    assert!(output.status.success(), "{}", said(&output));
    succeed(Command::new("cmake").arg("--build").arg(build));
    let application = build.join("application");
    let symbols = succeed(Command::new("arm-none-eabi-nm").arg(application));
    for function in ["HAL_Malloc", "HAL_MutexLock", "HAL_UDP_create", "HAL_UTC_Get"] {
        let is_there = symbols.lines().any(|line| line.ends_with(&format!(" T {function}")));
        assert!(is_there, "{function} is not linked:\n{symbols}");
    }
    // Nothing is linked of ESP-IDF: its clock is called, and FreeRTOS's is not.
    let port = build.join("iot_coap/lib__idf_iot_coap.a");
    let called = succeed(Command::new("arm-none-eabi-nm").arg("-u").arg(port));
    let calls =
        |function: &str| called.lines().any(|line| line.ends_with(&format!(" U {function}")));
    assert!(calls("esp_timer_get_time") && !calls("vTaskSetTimeOutState"), "{called}");
}

/// Configures it all the same, so that there is a menuconfig, and has the build of `what` fail.
fn fails(component: &Path, build: &Path, target: &str, what: &str, sentence: &str) {
    let output = cmake(component, build, target, false);
    assert!(output.status.success(), "{}", said(&output));
    let output = run(Command::new("cmake").arg("--build").arg(build).args(["--target", what]));
    let printed = String::from_utf8_lossy(&output.stdout);
    let printed = printed.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(!output.status.success() && printed.contains(sentence), "{sentence}\n{printed}");
}

#[test]
fn it_is_built_from_both_layouts_and_packed() {
    if !is_equipped() {
        return;
    }
    let build = folder("esp-idf-repository");
    let library = library(&build);
    configured(&component(root()), &build, &[&format!("IOT_COAP_LIBRARY={}", library.display())]);
    builds(&component(root()), &build);

    let unpacked = unpacked("esp-idf-unpacked", &library);
    let build = folder("esp-idf-of-unpacked");
    configured(&component(&unpacked), &build, &["IOT_COAP_KIND_FULL=y"]);
    builds(&component(&unpacked), &build);

    // Packed, it lies elsewhere.
    let packed = folder("esp-idf-packed");
    succeed(Command::new("cp").arg("-r").arg(component(&unpacked)).arg(packed.join("iot_coap")));
    let mut compote = tool("compote");
    compote.args(["component", "pack", "--name", "iot_coap", "--dest-dir"]).arg(&packed);
    succeed(compote.current_dir(packed.join("iot_coap")));
    let version = env!("CARGO_PKG_VERSION");
    let tar = packed.join(format!("iot_coap_{version}.tgz"));
    let elsewhere = folder("esp-idf-elsewhere");
    succeed(Command::new("tar").arg("-xf").arg(&tar).arg("-C").arg(&elsewhere));
    let license = |folder: &Path| fs::read_to_string(folder.join("LICENSE")).expect("it is there");
    assert_eq!(license(&elsewhere), license(root()));
    let read_me = fs::read_to_string(elsewhere.join("README.md")).expect("it is packed");
    assert!(read_me.contains("CONFIG_IOT_COAP_LIBRARY"), "{read_me}");
    let build = folder("esp-idf-of-packed");
    configured(&elsewhere, &build, &[]);
    let sentence = "ports set CONFIG_IOT_COAP_LIBRARY to an unpacked archive of a release";
    fails(&elsewhere, &build, "esp32c6", "all", sentence);
    let named = format!("IOT_COAP_LIBRARY={}", unpacked.display());
    configured(&elsewhere, &build, &[&named, "IOT_COAP_KIND_FULL=y"]);
    builds(&elsewhere, &build);
}

#[test]
fn it_says_what_it_requires_before_it_is_configured() {
    if !is_equipped() {
        return;
    }
    let output = cmake(&component(root()), &folder("esp-idf-early"), "esp32c6", true);
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        printed.contains("requires:  esp_hw_support;esp_timer;freertos;heap;lwip"),
        "{printed}"
    );
}

#[test]
fn a_library_that_cannot_be_is_said() {
    if !is_equipped() {
        return;
    }
    let build = folder("esp-idf-wrong");
    let wrong = build.join("wrong/libiot_coap.a");
    let named = format!("IOT_COAP_LIBRARY={}", wrong.display());
    configured(&component(root()), &build, &[&named]);
    let says = |target: &str, sentence: &str| {
        fails(&component(root()), &build, target, "iot_coap_library", sentence);
    };
    let takes = |target: &str| {
        let output = cmake(&component(root()), &build, target, false);
        assert!(output.status.success(), "{target}: {}", said(&output));
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(!printed.contains("fails at build time"), "{target}: {printed}");
    };
    says(
        "esp32c6",
        "libiot_coap.a set CONFIG_IOT_COAP_LIBRARY to an unpacked archive of a release",
    );
    archive_for(&wrong, ARM, "");
    says(
        "esp32c3",
        "libiot_coap.a is for ARM, and this firmware for RISC-V the one that fits is \
         iot-coap-VERSION-riscv32imc-unknown-none-elf.tar.gz of a release \
         TARGET_CC=riscv32-esp-elf-gcc scripts/bare riscv32imc-unknown-none-elf FEATURES libiot_coap.a makes one",
    );
    for floating in ["esp32p4", "esp32s31"] {
        says(
            floating,
            "for RISC-V TARGET_CC=riscv32-esp-elf-gcc scripts/bare riscv32imafc-unknown",
        );
    }
    archive_for(&wrong, RISC_V, IMAC);
    says(
        "esp32c3",
        "has atomic instructions, which this processor lacks the one that fits is iot-",
    );
    says("esp32s3", "is for RISC-V, and this firmware for Xtensa Rust itself knows no esp32s3 ");
    takes("esp32c6");
    takes("esp32h2");
    takes("esp32c61");
    says("esp32p4", "libiot_coap.a passes arguments by the ABI ilp32, and this firmware by ilp32f");
    archive_with(&wrong, RISC_V, RVC | SINGLE_FLOAT, IMAFC);
    takes("esp32p4");
    takes("esp32s31");
    says("esp32c6", "libiot_coap.a passes arguments by the ABI ilp32f, and this firmware by ilp32");
    archive_for(&wrong, RISC_V, IMC);
    takes("esp32c3");
    takes("esp32c2");
}

#[test]
fn its_own_tools_take_its_kconfig() {
    let Some(mut check) = python() else { return };
    // It writes beside what it checks.
    let copy = folder("esp-idf-kconfig").join("Kconfig");
    fs::copy(component(root()).join("Kconfig"), &copy).expect("the target folder can be written");
    succeed(check.args(["-m", "kconfcheck"]).arg(&copy));
    let mut configure = python().expect("there is python");
    configure.args([
        "-c",
        "import sys, esp_kconfiglib as k\n\
         print(k.Kconfig(sys.argv[1]).syms['IOT_COAP_CONFIGURATION'].str_value)",
    ]);
    assert_eq!(succeed(configure.arg(&copy)).lines().last(), Some("dtls-rsa"));
}
