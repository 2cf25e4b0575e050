//! `IOT_CoAP_InitWithOptions`.

use core::ptr::NonNull;

use super::options::iotx_coap_options_t;
use crate::configuration::{Configuration, Options};
use crate::context::Context;
use crate::enter::enter_and_open;
use crate::log::{connect_port, log};
use crate::types::{iotx_coap_config_t, iotx_coap_context_t};

/// Makes a client like `IOT_CoAP_Init`, but with options.
///
/// @param config the configuration, as for `IOT_CoAP_Init`
/// @param options the options; NULL for the defaults
/// @return the client, or NULL with the reason logged: as for `IOT_CoAP_Init`, or an option
///     is out of range
/// @note Blocks as long as `IOT_CoAP_Init`. Any thread may call.
///
/// # Safety
///
/// As for `IOT_CoAP_Init`; `options` is NULL or points to `size` bytes, and its
/// `trust_root_pem` is NULL or a string.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn IOT_CoAP_InitWithOptions(
    config: *mut iotx_coap_config_t,
    options: *const iotx_coap_options_t,
) -> *mut iotx_coap_context_t {
    const NAME: &str = "IOT_CoAP_InitWithOptions";
    // SAFETY: both are valid by the contract; pointers need no dropping, and this is the
    // library's first frame.
    unsafe { enter_and_open(NAME, || make(NAME, config, options, |_| ())) }
}

/// Makes a context with this configuration and these options, which `adapt` changes first.
/// If that fails, returns `None`, with a line in the log that begins with `name`.
///
/// # Safety
///
/// As `IOT_CoAP_InitWithOptions`.
pub(super) unsafe fn make(
    name: &str,
    config: *mut iotx_coap_config_t,
    options: *const iotx_coap_options_t,
    adapt: impl FnOnce(&mut Options),
) -> Option<NonNull<Context>> {
    connect_port();
    // SAFETY: the configuration is valid by the contract.
    let read = unsafe { Configuration::read(config) }
        // SAFETY: the options are valid by the contract.
        .and_then(|configuration| Ok((configuration, unsafe { Options::read(options) }?)));
    match read {
        Ok((configuration, mut options)) => {
            adapt(&mut options);
            Context::new(configuration, options)
        }
        Err(error) => {
            log!(Error, "{name}: {error}");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use core::ffi::c_void;

    use crate::configuration::tests::Handed;
    use crate::exports::*;
    use crate::extension::*;
    use crate::notices::iotx_coap_notice_kind_t::IOTX_COAP_NOTICE_SIGN_IN_FAILED;
    use crate::notices::iotx_coap_notice_t;
    use crate::types::iotx_coap_config_t;

    #[test]
    fn a_context_lives_from_its_making_to_its_end() {
        /// Counts the notice, and calls the library.
        unsafe extern "C-unwind" fn count(
            data: *mut c_void,
            context: *mut c_void,
            notice: *const iotx_coap_notice_t,
        ) {
            // SAFETY: the library passes a valid context and the data that is set below.
            unsafe {
                assert_eq!((*notice).kind, IOTX_COAP_NOTICE_SIGN_IN_FAILED);
                *data.cast::<u32>() += 1;
                let mut own = context;
                IOT_CoAP_Deinit(&raw mut own);
                assert_eq!(own, context, "refused");
                IOT_CoAP_Yield(context);
            }
        }

        let mut failed = 0_u32;
        let mut options = iotx_coap_options_t {
            size: size_of::<iotx_coap_options_t>() as u32,
            on_notice: Some(count),
            notice_data: (&raw mut failed).cast(),
            ..iotx_coap_options_t::DEFAULT
        };
        let init = |config: *mut iotx_coap_config_t| {
            // SAFETY: `hand_over` passes a valid configuration; the options have the size
            // that they state.
            unsafe { IOT_CoAP_InitWithOptions(config, &raw mut options) }
        };
        let mut context = Handed::new("coap://127.0.0.1:9").hand_over(init);
        assert!(!context.is_null());
        let mut statistics = iotx_coap_statistics_t::default();
        // SAFETY: the context lives until Deinit, and everything else is in this frame.
        unsafe {
            assert_eq!(IOT_CoAP_StartSignIn(context, 1), 0);
            assert_eq!(IOT_CoAP_Flush(context, 10), 0);
            for _ in 0..10 {
                assert_eq!(IOT_CoAP_Yield(context), 0);
            }
            let size = size_of::<iotx_coap_statistics_t>() as u32;
            assert_eq!(IOT_CoAP_GetStatistics(context, &raw mut statistics, size), 0);
            assert_ne!(statistics.bytes_sent, 0);
            assert_ne!(IOT_CoAP_GetCurToken(context), 0);
            assert!(IOT_CoAP_GetTimeoutMs(context) >= -1);
            IOT_CoAP_Deinit(&raw mut context);
        }
        assert!(context.is_null());
        assert_eq!(failed, 1);
    }
}
