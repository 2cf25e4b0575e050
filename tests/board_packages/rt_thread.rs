//! The package of RT-Thread.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use iot_coap_test_library::{root, run, succeed};

use crate::arm::{self, Float, PROCESSORS};
use crate::freertos::compiled;
use crate::layout::{archive_for, archive_with, folder, library, unpacked};
use crate::tools::{self, has, not_run, python};
use crate::{echo, runs};

/// A board of RT-Thread with sockets.
const BOARD: [&str; 2] = ["RT_USING_SAL=y", "PKG_USING_IOT_COAP=y"];

/// Configures by the package's Kconfig, into the BSP in `bsp`.
fn configured(package: &Path, bsp: &Path, settings: &[&str]) -> Output {
    configured_by(&package.join("ports/rt-thread/Kconfig"), bsp, settings)
}

fn configured_by(kconfig: &Path, bsp: &Path, settings: &[&str]) -> Output {
    let mut python = python().expect("the caller has asked for it");
    python.current_dir(bsp).arg(tools::folder().join("kconfig.py"));
    python.env("IOT_COAP_KCONFIG", kconfig);
    python.args([tools::folder().join("rt-thread/Kconfig"), bsp.join(".config")]);
    let output = run(python.args(BOARD).args(settings));
    fs::write(bsp.join("rtconfig.h"), &output.stdout).expect("the target folder can be written");
    output
}

/// Has SCons build the BSP in `bsp`, whose `rtconfig.py` is this, of these sources of `tests`.
fn scons(package: &Path, bsp: &Path, rtconfig: &str, sources: &[&str]) -> Output {
    run(scons_command(package, bsp, rtconfig).arg(format!("SOURCES={}", paths_of(sources))))
}

/// Has SCons read the package, without building anything.
fn read(bsp: &Path, rtconfig: &str) -> Output {
    let sources = format!("SOURCES={}", paths_of(&["c/modem_cloud.c"]));
    run(scons_command(root(), bsp, rtconfig).args(["--dry-run", &sources]))
}

fn scons_command(package: &Path, bsp: &Path, rtconfig: &str) -> Command {
    let stand_in = tools::folder().join("rt-thread");
    fs::copy(stand_in.join("SConstruct"), bsp.join("SConstruct")).expect("it can be written");
    fs::write(bsp.join("rtconfig.py"), rtconfig).expect("it can be written");
    let mut scons = Command::new("scons");
    scons.current_dir(bsp).env("PYTHONDONTWRITEBYTECODE", "1").arg("-Q");
    scons.arg(format!("PACKAGE={}", package.display()));
    scons.arg(format!("STAND_IN={}", stand_in.display()));
    scons
}

fn paths_of(sources: &[&str]) -> String {
    let paths = sources.iter().map(|each| root().join("tests").join(each).display().to_string());
    paths.collect::<Vec<_>>().join(";")
}

/// A program of these sources.
fn built(package: &Path, bsp: &Path, settings: &[&str], sources: &[&str]) -> PathBuf {
    let output = configured(package, bsp, settings);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    links(package, bsp, sources)
}

/// A program of a BSP that is configured.
fn links(package: &Path, bsp: &Path, sources: &[&str]) -> PathBuf {
    let output = scons(package, bsp, "", sources);
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
    bsp.join("rtthread")
}

fn is_equipped() -> bool {
    if !has("scons") {
        not_run("which needs scons");
        return false;
    }
    python().is_some()
}

const RANDOM: &str = "board_packages/rt-thread/random.c";
const SELFTEST: [&str; 6] = [
    "c/selftest_main.c",
    "../ports/template/selftest.c",
    "../ports/template/selftest_random.c",
    "../ports/template/selftest_memory.c",
    "../ports/template/selftest_udp.c",
    RANDOM,
];

#[test]
fn it_is_built_from_the_repository_and_runs() {
    if !is_equipped() {
        return;
    }
    let named = format!("PKG_IOT_COAP_LIBRARY={}", library().display());
    // Once as coarse as boards are, and once with all that a board may have.
    let poor = [named.as_str(), "RT_ALIGN_SIZE=4", "RT_TICK_PER_SECOND=100"];
    let rich = [named.as_str(), "RT_USING_RTC=y", "RT_HWCRYPTO_USING_RNG=y"];
    let selftest = built(root(), &folder("rt-thread-selftest"), &poor, &SELFTEST);
    let device = built(root(), &folder("rt-thread-device"), &rich, &["c/modem_cloud.c"]);
    runs(&selftest, &device);
}

/// As the README says it, in a BSP that has nothing of Env.
#[test]
fn it_is_built_from_an_unpacked_archive() {
    if !is_equipped() {
        return;
    }
    let bsp = folder("rt-thread-of-unpacked");
    let packages = bsp.join("packages");
    fs::create_dir(&packages).expect("the target folder can be written");
    let unpacked = unpacked("rt-thread-unpacked", library());
    let name = "iot-coap-0.1.0-thumbv7em-none-eabihf";
    fs::rename(unpacked, packages.join(name)).expect("it is in the same file system");
    let read_me = fs::read_to_string(root().join("ports/rt-thread/README.md")).expect("is there");
    let block = |language: &str, first: &str| {
        let (_, block) = read_me.split_once(&format!("```{language}\n   {first}")).expect(first);
        let (block, _) = block.split_once("   ```\n").expect("that ends");
        format!("{first}{block}").replace("\n   ", "\n")
    };
    fs::write(packages.join("SConscript"), block("python", "from building")).expect("written");
    fs::write(bsp.join("Kconfig"), block("text", "source ")).expect("written");
    let kconfig = bsp.join("Kconfig");
    let output = configured_by(&kconfig, &bsp, &["PKG_IOT_COAP_FULL=y"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    links(&packages, &bsp, &["c/modem_cloud.c", RANDOM]);
}

#[test]
fn its_sockets_fail_while_the_network_is_down() {
    if !is_equipped() {
        return;
    }
    let named = format!("PKG_IOT_COAP_LIBRARY={}", library().display());
    let sources = ["board_packages/rt-thread/sockets.c"];
    let program = built(root(), &folder("rt-thread-sockets"), &[&named], &sources);
    succeed(Command::new(program).arg(echo().to_string()));
}

/// Longer than the kernel takes at once.
#[test]
fn it_sleeps_for_weeks() {
    let scratch = folder("rt-thread-sleep");
    let rtconfig = "#define RT_ALIGN_SIZE 8\n#define RT_TICK_PER_SECOND 1000\n";
    fs::write(scratch.join("rtconfig.h"), rtconfig).expect("the target folder can be written");
    let program = scratch.join("long_sleep");
    let stand_in = tools::folder().join("rt-thread");
    let mut cc = Command::new("cc");
    cc.args(["-std=gnu99", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-pthread"]);
    cc.arg("-Wno-unused-function");
    let port = root().join("ports/rt-thread/port");
    for folder in [&scratch, &stand_in, &port, &root().join("include")] {
        cc.arg("-I").arg(folder);
    }
    cc.args([stand_in.join("long_sleep.c"), stand_in.join("random.c")]);
    succeed(cc.arg("-o").arg(&program));
    assert_eq!(succeed(&mut Command::new(program)), "4294967296 1\n");
}

/// An IP stack that would lose datagrams, or mix them up.
#[test]
fn a_stack_that_cannot_be_is_said() {
    if !is_equipped() {
        return;
    }
    let bsp = folder("rt-thread-stack");
    let named = format!("PKG_IOT_COAP_LIBRARY={}", library().display());
    let output_of = |settings: &[&str]| {
        let output = configured(root(), &bsp, &[&[named.as_str()], settings].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        scons(root(), &bsp, "", &["c/modem_cloud.c", RANDOM])
    };
    let says = |settings: &[&str], sentence: &str| {
        let output = output_of(settings);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(sentence), "{sentence}\n{said}");
    };
    says(&["SAL_USING_LWIP=n", "SAL_USING_AT=y"], "AT sockets join and split datagrams");
    says(&["LWIP_TCPIP_CORE_LOCKING=0"], "take lwIP 2, or set LWIP_TCPIP_CORE_LOCKING to 1");
    says(&["LWIP_SO_RCVTIMEO=0"], "set LWIP_SO_RCVTIMEO to 1");
    let small = "DEFAULT_UDP_RECVMBOX_SIZE=1";
    says(&[small, "PKG_IOT_COAP_DTLS_PSK=y"], "set DEFAULT_UDP_RECVMBOX_SIZE to 6");
    says(&[small, "PKG_IOT_COAP_FULL=y"], "set DEFAULT_UDP_RECVMBOX_SIZE to 6");
    let iotkit = "PKG_USING_ALI_IOTKIT=y";
    says(&[iotkit, "LWIP_TCPIP_CORE_LOCKING=0"], "set LWIP_TCPIP_CORE_LOCKING to 1");
    // Without DTLS, RT-Thread's own number does.
    let output = output_of(&[small, "PKG_IOT_COAP_UDP=y", "SAL_USING_AT=y"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The names that it looks at are lwIP's, and what lwIP sets itself is seen.
#[test]
fn what_it_asks_of_the_stack_are_settings_of_lwip() {
    if !has("arm-none-eabi-gcc") {
        return not_run("which needs gcc-arm-none-eabi");
    }
    let scratch = folder("rt-thread-lwip");
    let rtconfig = "#define SAL_USING_LWIP\n#define PKG_IOT_COAP_DTLS_RSA\n";
    fs::write(scratch.join("rtconfig.h"), rtconfig).expect("the target folder can be written");
    let source = scratch.join("stack.c");
    let port = root().join("ports/rt-thread/port/iot_coap_stack.h");
    let text = format!("#include \"{}\"\n", port.display());
    fs::write(&source, text).expect("the target folder can be written");
    let config = format!("-I{}", scratch.display());
    let output = compiled(&source, &[&config]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for (definition, sentence) in [
        ("-DDATAGRAMS=1", "set DEFAULT_UDP_RECVMBOX_SIZE to 6"),
        ("-DWITHOUT_TIMEOUTS", "set LWIP_SO_RCVTIMEO to 1"),
        ("-DWITHOUT_CORE_LOCKING", "set LWIP_TCPIP_CORE_LOCKING to 1"),
    ] {
        let output = compiled(&source, &[&config, definition]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(sentence), "{sentence}\n{said}");
    }
}

/// The rest of `HAL_*` is that of ali-iotkit.
#[test]
fn it_is_built_beside_ali_iotkit() {
    if !is_equipped() {
        return;
    }
    let bsp = folder("rt-thread-ali-iotkit");
    let named = format!("PKG_IOT_COAP_LIBRARY={}", library().display());
    let settings = [named.as_str(), "PKG_USING_ALI_IOTKIT=y", "RT_USING_RTC=y"];
    let port = "board_packages/rt-thread/ali_iotkit.c";
    let sources = ["c/modem_cloud.c", port, "../ports/rt-thread/port/udp.c", RANDOM];
    let program = built(root(), &bsp, &settings, &sources);
    let symbols = succeed(Command::new("nm").arg(program));
    for function in ["HAL_ThreadSelf", "HAL_UTC_Get"] {
        assert!(symbols.contains(&format!(" T {function}\n")), "{function}\n{symbols}");
    }
    let output = configured(root(), &bsp, &["PKG_USING_ALI_IOTKIT=y", "PKG_IOT_COAP_DTLS_RSA=y"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("PKG_IOT_COAP_DTLS_RSA is n, and cannot be y"), "{said}");
    configured(root(), &bsp, &[&named, "PKG_USING_ALI_IOTKIT=y", "RT_ALIGN_SIZE=4"]);
    let output = scons(root(), &bsp, "", &sources);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("set RT_ALIGN_SIZE to 8"), "{said}");
}

#[test]
fn a_library_that_cannot_be_is_said() {
    if !is_equipped() {
        return;
    }
    let bsp = folder("rt-thread-wrong");
    let wrong = bsp.join("wrong/libiot_coap.a");
    let says = |named: &Path, rtconfig: &str, sentence: &str| {
        // A path that is not absolute begins at the BSP.
        let named = named.strip_prefix(&bsp).expect("it lies there").display();
        let output = configured(root(), &bsp, &[&format!("PKG_IOT_COAP_LIBRARY={named}")]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let output = scons(root(), &bsp, rtconfig, &["c/modem_cloud.c"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(sentence), "{sentence}\n{said}");
        let lines = said.lines().filter(|line| line.starts_with("iot-coap: ")).count();
        assert_eq!(lines, 1, "{said}");
    };
    let arm = "ARCH = 'arm'\n";
    says(
        &wrong,
        arm,
        "libiot_coap.a; set PKG_IOT_COAP_LIBRARY to an unpacked archive of a release",
    );
    archive_for(&wrong, 243, "");
    says(&wrong, arm, "libiot_coap.a is for another machine than arm (it is 243 in ELF); set PKG_");
    let other = bsp.join("wrong/coap.lib");
    fs::copy(&wrong, &other).expect("the target folder can be written");
    let risc_v = |flags: &str| format!("ARCH = 'risc-v'\nCFLAGS = '{flags}'\n");
    says(&other, &risc_v(""), "coap.lib cannot be linked; call it libiot_coap.a");
    let with_float = risc_v("-march=rv32imafc -mabi=ilp32f");
    says(
        &wrong,
        &with_float,
        "passes arguments by the ABI ilp32, and this firmware by ilp32f; set",
    );
    archive_with(&wrong, 243, 2, "");
    let without = risc_v("-march=rv32imac_zicsr -mabi=ilp32");
    says(
        &wrong,
        &without,
        "by the ABI ilp32f, and this firmware by ilp32; the one that fits is \
                            iot-coap-VERSION-riscv32imac-unknown-none-elf.tar.gz of a release; set",
    );
    archive_for(&wrong, 243, "rv32i2p1_m2p0_a2p1_c2p0");
    let without_atomics = risc_v("-march=rv32imcxthead -mabi=ilp32");
    says(
        &wrong,
        &without_atomics,
        "libiot_coap.a has atomic instructions, which this processor \
                                    lacks; the one that fits is \
                                    iot-coap-VERSION-riscv32imc-unknown-none-elf.tar.gz of a",
    );
    let output = read(&bsp, &without);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for platform in ["armcc", "armclang", "iar", "iccarm"] {
        let rtconfig = format!("{arm}PLATFORM = '{platform}'\n");
        let sentence = format!("linked by GCC, and this BSP by {platform}; set RTT_CC=gcc");
        says(&wrong, &rtconfig, &sentence);
    }
    fs::write(&wrong, "no archive").expect("the target folder can be written");
    says(&wrong, arm, "libiot_coap.a is no archive of objects; set PKG_IOT_COAP_LIBRARY");
    says(&bsp.join("wrong"), arm, "wrong/lib/dtls-rsa/libiot_coap.a; set PKG_IOT_COAP_LIBRARY to");
    archive_for(&bsp.join("wrong/lib/udp/libiot_coap.a"), 40, "");
    archive_for(&bsp.join("wrong/lib/full/libiot_coap.a"), 40, "");
    let others = "wrong/lib/dtls-rsa/libiot_coap.a; there are libraries for full, udp: choose one \
                  of them, or set PKG_IOT_COAP_LIBRARY to";
    says(&bsp.join("wrong"), arm, others);
}

/// Each library of a release for an ARM, on each processor.
#[test]
fn an_arm_takes_the_libraries_that_it_can_run() {
    if !has("arm-none-eabi-gcc") {
        return not_run("which needs gcc-arm-none-eabi");
    }
    if !is_equipped() {
        return;
    }
    let bsp = folder("rt-thread-arm");
    let libraries = arm::libraries(&bsp);
    let library = bsp.join("libiot_coap.a");
    let output = configured(root(), &bsp, &["PKG_IOT_COAP_LIBRARY=libiot_coap.a"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for processor in PROCESSORS {
        let float = match processor.float {
            Float::Soft => "",
            Float::Hard => "-mfpu=auto -mfloat-abi=hard",
        };
        // As most BSPs say it; and as those do that share a name with another processor.
        let by_name = format!("CPU = '{}'\nCFLAGS = ' -mthumb {float}'\n", processor.gcc);
        let by_flag = format!("CPU = 'other'\nDEVICE = ' -mcpu={} {float}'\n", processor.gcc);
        let rtconfigs =
            [by_name, by_flag].map(|each| format!("PLATFORM = 'gcc'\nARCH = 'arm'\n{each}"));
        for ((target, made), rtconfig) in libraries.iter().zip(rtconfigs.iter().cycle()) {
            fs::copy(made, &library).expect("the target folder can be written");
            let output = read(&bsp, rtconfig);
            let said = String::from_utf8_lossy(&output.stderr);
            processor.judges(target, output.status.success(), &said);
        }
    }
    // What it does not know it says, and takes the library.
    let output = read(&bsp, "ARCH = 'arm'\nCPU = 'arm926'\n");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("does not know the processor arm926"),
        "{said}"
    );
}
