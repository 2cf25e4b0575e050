//! The structure layouts that existing object files rely on, and a hint for the log if they
//! may not fit: nothing shows at run time which release's headers a file was compiled with.

use core::mem::offset_of;

use crate::types::{
    IOTX_DEVICE_ID_LEN, IOTX_DEVICE_NAME_LEN, IOTX_DEVICE_SECRET_LEN, IOTX_PRODUCT_KEY_LEN,
    iotx_coap_config_t, iotx_coap_resp_code_t, iotx_content_type_t, iotx_deviceinfo_t,
    iotx_message_t, iotx_msg_type_t,
};

/// The hint for a user whose device is refused, or whose device info is missing.
pub(crate) const QUESTION: &str = if cfg!(feature = "layout-v2-00") {
    "this library has the layout of V2.00: were all files compiled with the headers of V2.00, \
     or with -DIOT_COAP_LAYOUT_V2_00? If not, build it without the feature layout-v2-00"
} else if cfg!(feature = "layout-v3-0-1") {
    "this library has the layout of v3.0.1: were all files compiled with the headers of v3.0.1, \
     or with -DIOT_COAP_LAYOUT_V3_0_1? If not, build it without the feature layout-v3-0-1"
} else {
    "was a file compiled with the headers of v3.0.1 or V2.00? Then build this library with the \
     feature layout-v3-0-1 or layout-v2-00 (CMake: IOT_COAP_LAYOUT=v3.0.1 or V2.00)"
};

/// The offsets of the fields of the device info, and its size.
const DEVICE_INFO: [usize; 5] = if cfg!(feature = "layout-v2-00") {
    [0, 12, 33, 98, 131]
} else if cfg!(feature = "layout-v3-0-1") {
    [0, 21, 54, 108, 173]
} else {
    [0, 21, 54, 119, 184]
};

/// 1 if the configuration has a `wait_time_ms`, which takes the room of a pointer;
/// otherwise 0.
const WAIT_TIME: usize = if cfg!(feature = "layout-v2-00") { 0 } else { 1 };

const POINTER: usize = size_of::<*const u8>();
const ENUM: usize = size_of::<iotx_msg_type_t>();

const fn aligned(offset: usize, to: usize) -> usize {
    offset.div_ceil(to) * to
}

#[cfg(not(feature = "layout-v2-00"))]
const _: () = assert!(offset_of!(iotx_coap_config_t, wait_time_ms) == POINTER);

const _: () = {
    assert!(size_of::<iotx_content_type_t>() == ENUM);
    assert!(size_of::<iotx_coap_resp_code_t>() == ENUM);
    assert!(ENUM == 4 || ENUM == 1);

    assert!(size_of::<iotx_deviceinfo_t>() == DEVICE_INFO[4]);
    assert!(offset_of!(iotx_deviceinfo_t, product_key) == DEVICE_INFO[0]);
    assert!(offset_of!(iotx_deviceinfo_t, device_name) == DEVICE_INFO[1]);
    assert!(offset_of!(iotx_deviceinfo_t, device_id) == DEVICE_INFO[2]);
    assert!(offset_of!(iotx_deviceinfo_t, device_secret) == DEVICE_INFO[3]);
    assert!(IOTX_PRODUCT_KEY_LEN + 1 == DEVICE_INFO[1] - DEVICE_INFO[0]);
    assert!(IOTX_DEVICE_NAME_LEN + 1 == DEVICE_INFO[2] - DEVICE_INFO[1]);
    assert!(IOTX_DEVICE_ID_LEN + 1 == DEVICE_INFO[3] - DEVICE_INFO[2]);
    assert!(IOTX_DEVICE_SECRET_LEN + 1 == DEVICE_INFO[4] - DEVICE_INFO[3]);

    assert!(offset_of!(iotx_coap_config_t, p_url) == 0);
    assert!(offset_of!(iotx_coap_config_t, p_devinfo) == (1 + WAIT_TIME) * POINTER);
    assert!(offset_of!(iotx_coap_config_t, event_handle) == (2 + WAIT_TIME) * POINTER);
    assert!(size_of::<iotx_coap_config_t>() == (3 + WAIT_TIME) * POINTER);

    assert!(offset_of!(iotx_message_t, p_payload) == 0);
    assert!(offset_of!(iotx_message_t, payload_len) == POINTER);
    let content_type = aligned(POINTER + 2, ENUM);
    assert!(offset_of!(iotx_message_t, content_type) == content_type);
    assert!(offset_of!(iotx_message_t, msg_type) == content_type + ENUM);
    let user_data = aligned(content_type + 2 * ENUM, POINTER);
    assert!(offset_of!(iotx_message_t, user_data) == user_data);
    assert!(offset_of!(iotx_message_t, resp_callback) == user_data + POINTER);
    assert!(size_of::<iotx_message_t>() == user_data + 2 * POINTER);
    assert!(align_of::<iotx_message_t>() == POINTER);
};

/// Checks the offsets that object files of 64-bit machines use.
#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<iotx_coap_config_t>() == 24 + 8 * WAIT_TIME);
    assert!(size_of::<iotx_message_t>() == 40);
    assert!(offset_of!(iotx_message_t, content_type) == 12);
    assert!(offset_of!(iotx_message_t, msg_type) == 16);
    assert!(offset_of!(iotx_message_t, user_data) == 24);
};
