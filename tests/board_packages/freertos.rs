//! The port over FreeRTOS and lwIP (`ports/freertos-lwip`), against their own headers: what it
//! asks of their configuration. `scripts/freertos` runs it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use iot_coap_test_library::{root, run, succeed};

use crate::layout::folder;
use crate::tools::{self, has, not_run};

fn port() -> PathBuf {
    root().join("ports/freertos-lwip/port")
}

fn headers() -> PathBuf {
    tools::folder().join("freertos")
}

/// The folders of headers for a Cortex-M3, and that of FreeRTOS.
fn sources() -> (Vec<PathBuf>, PathBuf) {
    let printed = succeed(Command::new("cmake").arg("-P").arg(headers().join("sources.cmake")));
    let mut lines = printed.lines();
    let includes = lines.next().expect("it prints them").split(';').map(PathBuf::from).collect();
    (includes, Path::new(lines.next().expect("and that one")).to_owned())
}

/// Compiles a source in the oldest C that ports are for, with the headers of FreeRTOS and lwIP.
pub(crate) fn compiled(source: &Path, definitions: &[&str]) -> Output {
    let (includes, _) = sources();
    let mut cc = Command::new("arm-none-eabi-gcc");
    cc.args(["-mcpu=cortex-m3", "-mthumb", "-std=gnu99", "-fsyntax-only"]);
    cc.args(["-Wall", "-Wextra", "-Werror"]).args(definitions);
    let own = [headers(), root().join("ports/freertos-lwip/board"), root().join("include")];
    for folder in own.iter().chain(&includes) {
        cc.arg("-I").arg(folder);
    }
    run(cc.arg(source))
}

#[test]
fn it_says_what_it_asks_of_the_kernel() {
    if !has("arm-none-eabi-gcc") {
        return not_run("which needs gcc-arm-none-eabi");
    }
    let takes = |part: &str, definitions: &[&str]| {
        let output = compiled(&port().join(part), definitions);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let refuses = |part: &str, definition: &str, sentence: &str| {
        let output = compiled(&port().join(part), &[definition]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(sentence), "{sentence}\n{said}");
    };
    // Rates with a cast, as most projects have it, and without.
    for rate in ["((TickType_t)1000)", "((TickType_t)100)", "1000"] {
        let rate = format!("-DTICKS_IN_A_SECOND={rate}");
        takes("system.c", &[&rate]);
        takes("udp.c", &[&rate]);
    }
    for rate in ["((TickType_t)1024)", "1024"] {
        let rate = format!("-DTICKS_IN_A_SECOND={rate}");
        refuses("udp.c", &rate, "set configTICK_RATE_HZ to 1000 or less");
    }
    refuses("udp.c", "-DDATAGRAMS=1", "set DEFAULT_UDP_RECVMBOX_SIZE to 6");
    takes("udp.c", &["-DDATAGRAMS=1", "-DIOT_COAP_WITHOUT_DTLS"]);
    refuses("udp.c", "-DWITHOUT_TIMEOUTS", "set LWIP_SO_RCVTIMEO to 1");
    refuses("udp.c", "-DWITHOUT_CORE_LOCKING", "set LWIP_TCPIP_CORE_LOCKING to 1");
    let narrow = "-DWIDTH_OF_TICKS=TICK_TYPE_WIDTH_16_BITS";
    refuses("system.c", narrow, "set configTICK_TYPE_WIDTH_IN_BITS to TICK_TYPE_WIDTH_32_BITS");
    refuses("system.c", "-DALIGNMENT=4", "memory aligned to 8 bytes");
}

/// Ticks of 64 bits go on where 32 bits end.
#[test]
fn its_clock_has_all_bits_of_wide_ticks() {
    if cfg!(not(target_pointer_width = "64")) {
        return not_run("which needs a kernel of 64 bits");
    }
    let (_, freertos) = sources();
    let program = folder("freertos-ticks").join("wide_ticks");
    let mut cc = Command::new("cc");
    cc.args(["-std=gnu99", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined"]);
    let posix = freertos.join("portable/ThirdParty/GCC/Posix");
    for folder in [headers(), freertos.join("include"), posix, port(), root().join("include")] {
        cc.arg("-I").arg(folder);
    }
    cc.args([headers().join("wide_ticks.c"), port().join("system.c")]);
    succeed(cc.arg("-o").arg(&program));
    assert_eq!(succeed(&mut Command::new(program)), "4294967295\n4294967296\n");
}
