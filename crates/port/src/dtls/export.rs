//! The C edge of the sessions as symbols, for `c/dtls.c` to call: a macro, since
//! the types are known only where a port is.

/// Exports `iotx_dtls_create` and the others for `c/dtls.c`: of the port `$port`,
/// by the engine `$engine`. Once in a program.
#[macro_export]
macro_rules! export_dtls_sessions {
    ($port:ty, $engine:ty) => {
        const _: () = {
            use ::core::ffi::{c_uint, c_void};
            use $crate::dtls::edge::{self, KeepOptions, Options};

            #[unsafe(no_mangle)]
            unsafe extern "C" fn iotx_dtls_create(options: *const Options) -> *mut c_void {
                // SAFETY: the caller's promise is the same.
                unsafe { edge::create::<$port, $engine>(options) }
            }

            #[unsafe(no_mangle)]
            unsafe extern "C" fn iotx_dtls_write(
                session: *mut c_void,
                data: *const u8,
                len: *mut c_uint,
            ) -> c_uint {
                // SAFETY: the caller's promise is the same.
                unsafe { edge::write::<$port, $engine>(session, data, len) }
            }

            #[unsafe(no_mangle)]
            unsafe extern "C" fn iotx_dtls_read(
                session: *mut c_void,
                data: *mut u8,
                len: *mut c_uint,
                ms: c_uint,
            ) -> c_uint {
                // SAFETY: the caller's promise is the same.
                unsafe { edge::read::<$port, $engine>(session, data, len, ms) }
            }

            #[unsafe(no_mangle)]
            unsafe extern "C" fn iotx_dtls_save(
                session: *mut c_void,
                keep: *const KeepOptions,
                blob: *mut u8,
                len: *mut c_uint,
            ) -> c_uint {
                // SAFETY: the caller's promise is the same.
                unsafe { edge::save::<$port, $engine>(session, keep, blob, len) }
            }

            #[unsafe(no_mangle)]
            unsafe extern "C" fn iotx_dtls_saved(session: *mut c_void) -> c_uint {
                // SAFETY: the caller's promise is the same.
                unsafe { edge::saved::<$port, $engine>(session) }
            }

            #[unsafe(no_mangle)]
            unsafe extern "C" fn iotx_dtls_restore(
                options: *const Options,
                keep: *const KeepOptions,
                blob: *const u8,
                len: c_uint,
            ) -> *mut c_void {
                // SAFETY: the caller's promise is the same.
                unsafe { edge::restore::<$port, $engine>(options, keep, blob, len) }
            }

            #[unsafe(no_mangle)]
            unsafe extern "C" fn iotx_dtls_free(session: *mut c_void) -> c_uint {
                // SAFETY: the caller's promise is the same.
                unsafe { edge::free::<$port, $engine>(session) }
            }
        };
    };
}
