//! The package of RT-Thread.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use iot_coap_test_library::{root, run, succeed};

use crate::freertos::compiled;
use crate::layout::{archive_for, folder, library, unpacked};
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

/// Has SCons build the BSP in `bsp`, which is for `arch`, of these sources of `tests`.
fn scons(package: &Path, bsp: &Path, arch: &str, sources: &[&str]) -> Output {
    let stand_in = tools::folder().join("rt-thread");
    fs::copy(stand_in.join("SConstruct"), bsp.join("SConstruct")).expect("it can be written");
    fs::write(bsp.join("rtconfig.py"), format!("ARCH = '{arch}'\n")).expect("it can be written");
    let sources: Vec<_> = sources.iter().map(|each| root().join("tests").join(each)).collect();
    let sources: Vec<_> = sources.iter().map(|each| each.display().to_string()).collect();
    let mut scons = Command::new("scons");
    scons.current_dir(bsp).env("PYTHONDONTWRITEBYTECODE", "1").arg("-Q");
    scons.arg(format!("PACKAGE={}", package.display()));
    scons.arg(format!("STAND_IN={}", stand_in.display()));
    run(scons.arg(format!("SOURCES={}", sources.join(";"))))
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
    let says = |named: &Path, arch: &str, sentence: &str| {
        // A path that is not absolute begins at the BSP.
        let named = named.strip_prefix(&bsp).expect("it lies there").display();
        let output = configured(root(), &bsp, &[&format!("PKG_IOT_COAP_LIBRARY={named}")]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let output = scons(root(), &bsp, arch, &["c/modem_cloud.c"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(sentence), "{sentence}\n{said}");
        let lines = said.lines().filter(|line| line.starts_with("iot-coap: ")).count();
        assert_eq!(lines, 1, "{said}");
    };
    let arm = "arm";
    says(
        &wrong,
        arm,
        "libiot_coap.a; set PKG_IOT_COAP_LIBRARY to an unpacked archive of a release",
    );
    archive_for(&wrong, 243, "");
    says(&wrong, arm, "libiot_coap.a is for another machine than arm (it is 243 in ELF); set PKG_");
    let other = bsp.join("wrong/coap.lib");
    fs::copy(&wrong, &other).expect("the target folder can be written");
    says(&other, "risc-v", "coap.lib cannot be linked; call it libiot_coap.a");
    fs::write(&wrong, "no archive").expect("the target folder can be written");
    says(&wrong, arm, "libiot_coap.a is no archive of objects; set PKG_IOT_COAP_LIBRARY");
    says(&bsp.join("wrong"), arm, "wrong/lib/dtls-rsa/libiot_coap.a; set PKG_IOT_COAP_LIBRARY to");
    archive_for(&bsp.join("wrong/lib/udp/libiot_coap.a"), 40, "");
    archive_for(&bsp.join("wrong/lib/full/libiot_coap.a"), 40, "");
    let others = "wrong/lib/dtls-rsa/libiot_coap.a; there are libraries for full, udp: choose one \
                  of them, or set PKG_IOT_COAP_LIBRARY to";
    says(&bsp.join("wrong"), arm, others);
}
