//! The module of Zephyr.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use iot_coap_test_library::{root, run, succeed};

use crate::arm::{self, Float, PROCESSORS};
use crate::layout::{archive_for, archive_with, folder, library, unpacked};
use crate::runs;
use crate::tools::{self, has, not_run, python, tool};

/// What `scripts/zephyr_module.py` of Zephyr takes of a `module.yml`, in part.
const SCHEMA: &str = "
type: map
mapping:
  name: {required: false, type: str}
  build:
    required: false
    type: map
    mapping:
      cmake: {required: false, type: str}
      kconfig: {required: false, type: str}
      cmake-ext: {required: false, type: bool}
      kconfig-ext: {required: false, type: bool}
      depends: {required: false, type: seq, sequence: [{type: str}]}
";

/// A board of Zephyr with a network and random numbers.
const BOARD: [&str; 4] = ["NETWORKING=y", "NET_IPV4=y", "ENTROPY_HAS_DRIVER=y", "IOT_COAP=y"];

/// Configures by the Kconfig of the module in `module`.
fn configured(module: &Path, build: &Path, settings: &[&str]) -> Option<Output> {
    let mut python = python()?;
    python.arg(tools::folder().join("kconfig.py"));
    python.env("ZEPHYR_IOT_COAP_KCONFIG", module.join("ports/zephyr/Kconfig"));
    python.args([tools::folder().join("zephyr/Kconfig"), build.join(".config")]);
    Some(run(python.args(settings)))
}

/// Has CMake read the module, to build these sources of `tests`.
fn cmake(module: &Path, build: &Path, sources: &[&str]) -> Output {
    let sources: Vec<_> = sources.iter().map(|each| root().join("tests").join(each)).collect();
    let sources: Vec<_> = sources.iter().map(|each| each.display().to_string()).collect();
    let mut cmake = Command::new("cmake");
    cmake.arg("-S").arg(tools::folder().join("zephyr")).arg("-B").arg(build);
    cmake.arg(format!("-DMODULE={}", module.display())).arg("-DCMAKE_BUILD_TYPE=Debug");
    cmake.arg(format!("-DCONFIG={}", build.join(".config").display()));
    cmake.arg(format!("-DSOURCES={}", sources.join(";")));
    cmake.arg("-DCMAKE_C_FLAGS=-D_GNU_SOURCE -pthread -fsanitize=address,undefined");
    run(&mut cmake)
}

/// A program of these sources.
fn built(module: &Path, build: &Path, settings: &[&str], sources: &[&str]) -> PathBuf {
    let output = configured(module, build, settings).expect("the caller has asked for it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let output = cmake(module, build, sources);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    succeed(Command::new("cmake").arg("--build").arg(build));
    build.join("zephyr")
}

const SELFTEST: [&str; 5] = [
    "c/selftest_main.c",
    "../ports/template/selftest.c",
    "../ports/template/selftest_random.c",
    "../ports/template/selftest_memory.c",
    "../ports/template/selftest_udp.c",
];

#[test]
fn it_is_built_from_the_repository_and_runs() {
    if python().is_none() {
        return;
    }
    let named = format!("IOT_COAP_LIBRARY={}", library().display());
    let settings = [&BOARD[..], &[named.as_str()]].concat();
    let build = |name: &str, sources: &[&str]| {
        built(root(), &folder(&format!("zephyr-{name}")), &settings, sources)
    };
    runs(&build("selftest", &SELFTEST), &build("device", &["c/modem_cloud.c"]));
}

#[test]
fn it_is_built_from_an_unpacked_archive() {
    if python().is_none() {
        return;
    }
    let module = unpacked("zephyr-unpacked", library());
    let settings = [&BOARD[..], &["IOT_COAP_KIND_FULL=y"]].concat();
    built(&module, &folder("zephyr-of-unpacked"), &settings, &["c/modem_cloud.c"]);
}

#[test]
fn a_library_that_cannot_be_is_said() {
    if python().is_none() {
        return;
    }
    let build = folder("zephyr-wrong");
    let wrong = build.join("wrong/libiot_coap.a");
    let says = |settings: &[&str], sentence: &str| {
        let named = format!("IOT_COAP_LIBRARY={}", wrong.display());
        let settings = [&BOARD[..], &[named.as_str()], settings].concat();
        let output = configured(root(), &build, &settings).expect("there is python");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let output = cmake(root(), &build, &["c/modem_cloud.c"]);
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(!output.status.success() && said.contains(sentence), "{sentence}\n{said}");
    };
    says(&[], "libiot_coap.a; set CONFIG_IOT_COAP_LIBRARY to an unpacked archive of a release, or");
    archive_for(&wrong, 243, "rv32i2p1_m2p0_a2p1_c2p0");
    says(&["ARM=y"], "libiot_coap.a is for RISC-V, and this firmware for ARM; scripts/bare TARGET");
    says(&["RISCV=y"], "libiot_coap.a has atomic instructions, which this processor lacks");
    let without_atomics = ["RISCV=y", "RISCV_ISA_EXT_M=y", "RISCV_ISA_EXT_C=y"];
    let fits = "lacks; the one that fits is iot-coap-VERSION-riscv32imc-unknown-none-elf.tar.gz";
    says(&without_atomics, fits);
    let float = ["RISCV=y", "RISCV_ISA_EXT_A=y", "FLOAT_HARD=y"];
    says(&float, "passes arguments by the ABI ilp32, and this firmware by ilp32f; scripts/bare");
    let double = [&float[..], &["CPU_HAS_FPU_DOUBLE_PRECISION=y"]].concat();
    says(&double, "passes arguments by the ABI ilp32, and this firmware by ilp32d; scripts/bare");
    archive_with(&wrong, 243, 4, "");
    says(&float, "passes arguments by the ABI ilp32d, and this firmware by ilp32f; scripts/bare");
    fs::write(&wrong, "no archive").expect("the target folder can be written");
    says(&[], "libiot_coap.a is no archive of objects");
    // A folder has nothing for this configuration.
    fs::remove_file(&wrong).expect("it was written");
    fs::create_dir(&wrong).expect("the target folder can be written");
    says(&["IOT_COAP_KIND_DTLS_PSK=y"], "libiot_coap.a/lib/dtls-psk/libiot_coap.a; set");
    archive_for(&wrong.join("lib/udp/libiot_coap.a"), 62, "");
    archive_for(&wrong.join("lib/full/libiot_coap.a"), 62, "");
    let others = "lib/dtls-psk/libiot_coap.a; there are libraries for full, udp: choose one of \
                  them, or set CONFIG_IOT_COAP_LIBRARY to";
    says(&["IOT_COAP_KIND_DTLS_PSK=y"], others);
    let list = format!("IOT_COAP_LIBRARY={}/a;b", build.display());
    says(&[&list], "a[semicolon]b for a list; move it to a path without a semicolon");
}

/// Each library of a release for an ARM, on each processor.
#[test]
fn an_arm_takes_the_libraries_that_it_can_run() {
    if !has("arm-none-eabi-gcc") {
        return not_run("which needs gcc-arm-none-eabi");
    }
    if python().is_none() {
        return;
    }
    let build = folder("zephyr-arm");
    let libraries = arm::libraries(&build);
    let library = build.join("libiot_coap.a");
    let named = format!("IOT_COAP_LIBRARY={}", library.display());
    for processor in PROCESSORS {
        let cpu = processor.gcc.to_uppercase().replace("CORTEX-", "CPU_CORTEX_");
        let (cpu, has_dsp) = cpu.strip_suffix("+NODSP").map_or((&*cpu, true), |cpu| (cpu, false));
        let mut settings = BOARD.map(str::to_owned).to_vec();
        settings.extend([named.clone(), "ARM=y".to_owned(), format!("{cpu}=y")]);
        settings.extend(has_dsp.then(|| "ARMV8_M_DSP=y".to_owned()));
        settings.extend((processor.float == Float::Hard).then(|| "FP_HARDABI=y".to_owned()));
        let settings: Vec<_> = settings.iter().map(String::as_str).collect();
        let output = configured(root(), &build, &settings).expect("there is python");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        for (target, made) in &libraries {
            fs::copy(made, &library).expect("the target folder can be written");
            let output = cmake(root(), &build, &["c/modem_cloud.c"]);
            let said = String::from_utf8_lossy(&output.stderr);
            processor.judges(target, output.status.success(), &said);
        }
    }
    fs::copy(&libraries[0].1, &library).expect("the target folder can be written");
    let cortex_a = [&BOARD[..], &[&named, "ARM=y", "CPU_AARCH32_CORTEX_A=y"]].concat();
    configured(root(), &build, &cortex_a).expect("there is python");
    let output = cmake(root(), &build, &["c/modem_cloud.c"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("for a Cortex-A or Cortex-R"), "{said}");
}

#[test]
fn dtls_needs_random_numbers() {
    let build = folder("zephyr-random");
    let settings = ["NETWORKING=y", "NET_IPV4=y", "IOT_COAP=y", "IOT_COAP_KIND_DTLS_RSA=y"];
    let Some(output) = configured(root(), &build, &settings) else { return };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("IOT_COAP_KIND_DTLS_RSA is n, and cannot be y"), "{said}");
    let output = configured(root(), &build, &settings[..3]).expect("there is python");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let config = fs::read_to_string(build.join(".config")).expect("it was written");
    assert!(config.contains("CONFIG_IOT_COAP_CONFIGURATION=\"udp\"\n"), "{config}");
    assert!(config.contains("CONFIG_HEAP_MEM_POOL_ADD_SIZE_IOT_COAP=4096\n"), "{config}");
}

/// Compiles a part of the port with these headers.
fn compiled(part: &str, version: &str, headers: &[&Path]) {
    let mut cc = Command::new("cc");
    cc.args(["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]);
    cc.arg(format!("-DZEPHYR_VERSION_CODE={version}")).arg("-I").arg(root().join("include"));
    cc.args(headers.iter().flat_map(|each| [Path::new("-I"), each]));
    succeed(cc.arg(root().join("ports/zephyr").join(part)));
}

/// The port with the names that sockets have since Zephyr 4.4.
#[test]
fn it_compiles_with_either_names_of_sockets() {
    for version in ["0x30700", "0x40400"] {
        compiled("udp.c", version, &[&tools::folder().join("zephyr")]);
    }
}

/// Zephyr 3.6 has `version.h` in another folder.
#[test]
fn it_compiles_with_the_headers_of_older_releases() {
    let older = folder("zephyr-older");
    let headers = tools::folder().join("zephyr/zephyr");
    succeed(Command::new("cp").arg("-r").arg(headers).arg(&older));
    fs::rename(older.join("zephyr/version.h"), older.join("version.h")).expect("it was copied");
    compiled("udp.c", "0x30600", &[&older]);
}

/// Longer than the kernel takes at once.
#[test]
fn it_sleeps_for_weeks() {
    let program = folder("zephyr-sleep").join("long_sleep");
    let source = tools::folder().join("zephyr/long_sleep.c");
    let mut cc = Command::new("cc");
    cc.args([
        "-std=c11",
        "-D_GNU_SOURCE",
        "-DCONFIG_CSPRNG_ENABLED",
        "-Wall",
        "-Wextra",
        "-Werror",
    ]);
    cc.args(["-Wno-unused-function", "-DZEPHYR_VERSION_CODE=0x40400", "-I"]);
    cc.arg(tools::folder().join("zephyr")).arg("-I").arg(root().join("include"));
    succeed(cc.arg(source).arg("-o").arg(&program));
    assert_eq!(succeed(&mut Command::new(program)), "4294967295 1\n");
}

/// What the kernel has a list of must not be in it once its memory is free.
#[test]
fn its_mutexes_leave_the_kernels_list() {
    if python().is_none() {
        return;
    }
    let named = format!("IOT_COAP_LIBRARY={}", library().display());
    let settings = [&BOARD[..], &[named.as_str(), "OBJ_CORE_MUTEX=y"]].concat();
    let sources = ["board_packages/zephyr/mutexes.c"];
    succeed(&mut Command::new(built(root(), &folder("zephyr-mutexes"), &settings, &sources)));
}

#[test]
fn zephyr_and_west_take_its_files() {
    let Some(mut check) = python() else { return };
    let build = folder("zephyr-west");
    let schema = build.join("schema.yml");
    fs::write(&schema, SCHEMA).expect("the target folder can be written");
    let module = root().join("zephyr/module.yml");
    check.args([
        "-c",
        "import sys, pykwalify.core as core\n\
         core.Core(source_file=sys.argv[1], schema_files=[sys.argv[2]]).validate()",
    ]);
    succeed(check.args([&module, &schema]));
    let text = fs::read_to_string(module).expect("it is part of the repository");
    for key in ["cmake: ", "kconfig: "] {
        let (_, place) = text.split_once(key).expect("it says where that is");
        assert!(root().join(place.lines().next().expect("a path")).exists(), "{key}{place}");
    }

    // The manifest that its README has.
    let read_me = fs::read_to_string(root().join("ports/zephyr/README.md")).expect("it is there");
    let (_, manifest) = read_me.split_once("```yaml\n").expect("it has a manifest");
    let (manifest, _) = manifest.split_once("```").expect("that ends");
    let application = build.join("application");
    fs::create_dir_all(&application).expect("the target folder can be written");
    fs::write(application.join("west.yml"), manifest).expect("it can be written");
    if !tools::has("git") {
        return not_run("which needs git for west");
    }
    succeed(tool("west").current_dir(&build).args(["init", "-l", "application"]));
    let listed = succeed(tool("west").current_dir(&build).args(["list", "-f", "{name} {path}"]));
    assert!(listed.lines().any(|line| line == "iot-coap modules/lib/iot-coap"), "{listed}");
}
