//! The device's identity: kept in memory only, wiped when replaced, never logged and never
//! written to a file. If a field was not set, the environment provides it.

use core::ffi::{CStr, c_char, c_int};

use zeroize::Zeroize;

use crate::log::{Level, log};
use crate::sync::Lock;
use crate::text::{borrow, with_environment};

/// Length of the longest field, `IOTX_DEVICE_SECRET_LEN`.
const MAX_FIELD_LEN: usize = 64;

struct Description {
    longest: usize,
    variable: &'static CStr,
}

/// The fields, in the order of the enumeration in `c/hal.c`.
static FIELDS: [Description; 4] = [
    Description { longest: 20, variable: c"IOT_COAP_PRODUCT_KEY" },
    Description { longest: 32, variable: c"IOT_COAP_DEVICE_NAME" },
    Description { longest: MAX_FIELD_LEN, variable: c"IOT_COAP_DEVICE_SECRET" },
    Description { longest: MAX_FIELD_LEN, variable: c"IOT_COAP_PRODUCT_SECRET" },
];

/// One value; `len` is `None` until it is set.
struct Value {
    bytes: [u8; MAX_FIELD_LEN],
    len: Option<usize>,
}

impl Value {
    const UNSET: Self = Self { bytes: [0; MAX_FIELD_LEN], len: None };
}

static VALUES: Lock<[Value; 4]> = Lock::new([Value::UNSET; 4]);

fn number(field: c_int) -> Option<(usize, &'static Description)> {
    let number = usize::try_from(field).ok()?;
    Some((number, FIELDS.get(number)?))
}

fn as_c_int(len: usize) -> c_int {
    c_int::try_from(len).unwrap_or(-1)
}

/// Sets a field. Returns its length, or -1 if it is NULL, too long or unknown.
///
/// # Safety
/// `value` is NULL or a NUL-terminated string.
#[unsafe(no_mangle)]
unsafe extern "C" fn iotx_linux_identity_set(field: c_int, value: *const c_char) -> c_int {
    let Some((number, description)) = number(field) else {
        return -1;
    };
    // SAFETY: NULL or a string, by the contract; it is not kept beyond this call.
    let Some(value) = (unsafe { borrow(value) }) else {
        return -1;
    };
    let value = value.to_bytes();
    if value.len() > description.longest {
        return -1;
    }
    let mut values = VALUES.lock();
    let Some(slot) = values.get_mut(number) else {
        return -1;
    };
    slot.bytes.zeroize();
    for (to, from) in slot.bytes.iter_mut().zip(value) {
        *to = *from;
    }
    slot.len = Some(value.len());
    as_c_int(value.len())
}

/// Writes a field and a NUL to `out`. Returns the length, 0 if there is no value, or -1 if
/// `out` is NULL or the field is unknown.
///
/// # Safety
/// `out` is NULL or has room for the field's length and a NUL.
#[unsafe(no_mangle)]
unsafe extern "C" fn iotx_linux_identity_get(field: c_int, out: *mut c_char) -> c_int {
    let Some((number, description)) = number(field) else {
        return -1;
    };
    if out.is_null() {
        return -1;
    }
    let give = |value: &[u8]| {
        // SAFETY: `value` is not longer than the field may be, and by the contract `out` has
        // room for that and a NUL. `out` is not part of our own storage.
        unsafe {
            core::ptr::copy_nonoverlapping(value.as_ptr(), out.cast::<u8>(), value.len());
            out.add(value.len()).write(0);
        }
        as_c_int(value.len())
    };
    {
        let values = VALUES.lock();
        if let Some(value) = values.get(number)
            && let Some(set) = value.len.and_then(|len| value.bytes.get(..len))
        {
            return give(set);
        }
    }
    with_environment(description.variable, |value| {
        let value = value.to_bytes();
        if value.len() > description.longest {
            log(
                Level::Warning,
                format_args!("{:?} is too long and is not used", description.variable),
            );
            return give(b"");
        }
        give(value)
    })
    .unwrap_or_else(|| give(b""))
}
