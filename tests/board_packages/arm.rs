//! Which library of a release runs on which ARM: what the packages of Zephyr and RT-Thread must
//! say of each.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use iot_coap_test_library::succeed;

/// In which registers floating-point numbers are passed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Float {
    Soft,
    Hard,
}
use Float::{Hard, Soft};

/// A processor, by GCC's name.
pub(crate) struct Processor {
    pub(crate) gcc: &'static str,
    pub(crate) float: Float,
    /// The libraries that it runs; the last is the one that fits best.
    runs: &'static [&'static str],
}

const V6_M: &str = "thumbv6m-none-eabi";
const V7_M: &str = "thumbv7m-none-eabi";
const V7E_M: &str = "thumbv7em-none-eabi";
const V7E_M_HARD: &str = "thumbv7em-none-eabihf";
const V8_M: &str = "thumbv8m.main-none-eabi";
const V8_M_HARD: &str = "thumbv8m.main-none-eabihf";

const fn processor(gcc: &'static str, float: Float, runs: &'static [&'static str]) -> Processor {
    Processor { gcc, float, runs }
}

pub(crate) const PROCESSORS: [Processor; 10] = [
    processor("cortex-m0plus", Soft, &[V6_M]),
    processor("cortex-m3", Soft, &[V6_M, V7_M]),
    processor("cortex-m4", Soft, &[V6_M, V7_M, V7E_M]),
    processor("cortex-m4", Hard, &[V7E_M_HARD]),
    processor("cortex-m7", Hard, &[V7E_M_HARD]),
    processor("cortex-m23", Soft, &[V6_M]),
    processor("cortex-m33", Soft, &[V6_M, V7_M, V7E_M, V8_M]),
    processor("cortex-m33", Hard, &[V7E_M_HARD, V8_M_HARD]),
    processor("cortex-m33+nodsp", Soft, &[V6_M, V7_M, V8_M]),
    processor("cortex-m55", Hard, &[V7E_M_HARD, V8_M_HARD]),
];

/// What makes GCC's objects say of themselves what Rust's say in the archives of a release.
const LIBRARIES: [(&str, &[&str]); 7] = [
    (V6_M, &["-mcpu=cortex-m0"]),
    (V7_M, &["-mcpu=cortex-m3"]),
    (V7E_M, &["-mcpu=cortex-m4"]),
    (V7E_M_HARD, &["-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"]),
    (V8_M, &["-march=armv8-m.main"]),
    (V8_M_HARD, &["-march=armv8-m.main+fp", "-mfloat-abi=hard"]),
    ("armv7-unknown-linux-gnueabihf", &["-march=armv7-a", "-mfpu=vfpv3-d16", "-mfloat-abi=hard"]),
];

/// Makes a library in place of each that a release has for an ARM, in `folder`: its target, and
/// where it is. Without floating-point registers its second object alone is for that: any may be.
pub(crate) fn libraries(folder: &Path) -> Vec<(&'static str, PathBuf)> {
    let source = folder.join("library.c");
    fs::write(&source, "float half(float number) { return number / 2; }\n").expect("written");
    let object_for = |name: &str, flags: &[&str]| {
        let object = folder.join(format!("{name}.o"));
        let mut cc = Command::new("arm-none-eabi-gcc");
        // Many sections, among which that of the attributes is to be found.
        cc.args(["-mthumb", "-g", "-ffunction-sections", "-c"]).args(flags).arg(&source);
        succeed(cc.arg("-o").arg(&object));
        object
    };
    let made = LIBRARIES.iter().map(|(target, flags)| {
        let is_soft = !flags.contains(&"-mfloat-abi=hard");
        let least: &[&str] = if is_soft { &["-mcpu=cortex-m0"] } else { flags };
        let first = object_for("first", least);
        let library = folder.join(format!("{target}.a"));
        let object = object_for(target, flags);
        succeed(Command::new("arm-none-eabi-ar").arg("rcs").args([&library, &first, &object]));
        (*target, library)
    });
    made.collect()
}

impl Processor {
    /// A package took a library, or did not and said why.
    pub(crate) fn judges(&self, target: &str, took: bool, said: &str) {
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let (gcc, float) = (self.gcc, self.float);
        assert_eq!(took, self.runs.contains(&target), "{target} on {gcc}, {float:?}: {said}");
        if !took {
            let fits = self.runs.last().expect("there is one");
            let fits = format!("the one that fits is iot-coap-VERSION-{fits}.tar.gz of a release");
            assert!(said.contains(&fits), "{target} on {gcc}, {float:?}: {said}");
        }
    }
}
