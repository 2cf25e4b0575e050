//! Hazards of the identity: a value longer than its field, a value of one field
//! in another, and where it comes from when nobody set it.

mod common;

use std::ffi::{CStr, c_char, c_int};
use std::ptr::{null, null_mut};

use common::hal::{
    HAL_GetDeviceID, HAL_GetDeviceName, HAL_GetDeviceSecret, HAL_GetModuleID, HAL_GetPartnerID,
    HAL_GetProductKey, HAL_GetProductSecret, HAL_SetDeviceName, HAL_SetDeviceSecret,
    HAL_SetProductKey, HAL_SetProductSecret, c,
};
use iot_coap_test_support::processes::in_child;

type Getter = unsafe extern "C" fn(*mut c_char) -> c_int;
type Setter = unsafe extern "C" fn(*const c_char) -> c_int;

const FIELDS: [(Setter, Getter, usize); 4] = [
    (HAL_SetProductKey, HAL_GetProductKey, 20),
    (HAL_SetDeviceName, HAL_GetDeviceName, 32),
    (HAL_SetDeviceSecret, HAL_GetDeviceSecret, 64),
    (HAL_SetProductSecret, HAL_GetProductSecret, 64),
];

fn get(getter: Getter) -> String {
    let mut out = [0x55; 80];
    // SAFETY: room for every field.
    let len = unsafe { getter(out.as_mut_ptr()) };
    // SAFETY: the getter ends it with NUL, or the filler runs into the last.
    let text = unsafe { CStr::from_ptr(out.as_ptr()) }.to_str().unwrap().to_owned();
    assert_eq!(usize::try_from(len), Ok(text.len()));
    assert!(out[text.len() + 1..].iter().all(|byte| *byte == 0x55), "written past the NUL");
    text
}

fn set(setter: Setter, value: &str) -> c_int {
    // SAFETY: a NUL-terminated string.
    unsafe { setter(c(value).as_ptr()) }
}

// One test, since the identity belongs to the whole process.
#[test]
fn fields_are_bounded_and_apart() {
    for (setter, getter, longest) in FIELDS {
        let full = "x".repeat(longest);
        assert_eq!(usize::try_from(set(setter, &full)), Ok(longest));
        assert_eq!(get(getter), full);
        assert_eq!(set(setter, &"y".repeat(longest + 1)), -1);
        assert_eq!(get(getter), full, "a refused value changes nothing");
        // SAFETY: null pointers are what the port must refuse.
        unsafe {
            assert_eq!(setter(null()), -1);
            assert_eq!(getter(null_mut()), -1);
        }
        assert_eq!(set(setter, ""), 0);
        assert_eq!(get(getter), "");
    }
    assert_eq!(get(HAL_GetDeviceID), "");
    for (index, (setter, ..)) in FIELDS.into_iter().enumerate() {
        assert_eq!(set(setter, &format!("value{index}")), 6);
    }
    for (index, (_, getter, _)) in FIELDS.into_iter().enumerate() {
        assert_eq!(get(getter), format!("value{index}"));
    }
    assert_eq!(get(HAL_GetDeviceID), "value0.value1");
    assert_eq!(get(HAL_GetPartnerID), "");
    assert_eq!(get(HAL_GetModuleID), "");
    // SAFETY: null pointers are what the port must refuse.
    unsafe {
        assert_eq!(HAL_GetDeviceID(null_mut()), -1);
        assert_eq!(HAL_GetPartnerID(null_mut()), -1);
    }
}

#[test]
#[ignore = "run in a process of its own"]
fn child_has_an_environment() {
    assert_eq!(get(HAL_GetProductKey), "a1EnvKey");
    assert_eq!(get(HAL_GetDeviceName), "device");
    assert_eq!(get(HAL_GetDeviceID), "a1EnvKey.device");
    assert_eq!(get(HAL_GetDeviceSecret), "s".repeat(64));
    assert_eq!(get(HAL_GetProductSecret), "", "too long to be one");
    assert_eq!(set(HAL_SetDeviceName, "set"), 3);
    assert_eq!(get(HAL_GetDeviceName), "set", "what is set wins");
    assert_eq!(set(HAL_SetDeviceName, ""), 0);
    assert_eq!(get(HAL_GetDeviceName), "", "also when it is empty");
}

#[test]
#[ignore = "run in a process of its own"]
fn child_has_nothing() {
    for (_, getter, _) in FIELDS {
        assert_eq!(get(getter), "");
    }
    assert_eq!(get(HAL_GetDeviceID), "");
}

#[test]
fn the_environment_stands_in() {
    in_child(
        "child_has_an_environment",
        &[
            ("IOT_COAP_PRODUCT_KEY", "a1EnvKey"),
            ("IOT_COAP_DEVICE_NAME", "device"),
            ("IOT_COAP_DEVICE_SECRET", &"s".repeat(64)),
            ("IOT_COAP_PRODUCT_SECRET", &"p".repeat(65)),
        ],
    );
    in_child("child_has_nothing", &[]);
}
