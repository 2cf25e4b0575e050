//! The port's UDP sockets.

use core::ffi::{CStr, c_char, c_int, c_uchar, c_uint, c_ushort, c_void};

use super::IoError;

unsafe extern "C" {
    fn HAL_UDP_create(host: *mut c_char, port: c_ushort) -> *mut c_void;
    #[cfg_attr(not(feature = "port-linux"), link_name = "iotx_port_udp_close")]
    fn HAL_UDP_close(handle: *mut c_void);
    /// In `c/edges.c`: whether the port has a function that closes a socket.
    #[cfg(not(feature = "port-linux"))]
    safe fn iotx_port_udp_closes() -> c_int;
    fn HAL_UDP_write(handle: *mut c_void, data: *const c_uchar, len: c_uint) -> c_int;
    /// In `c/edges.c`: `HAL_UDP_expect`, if there is one.
    safe static iotx_port_udp_expect: Option<unsafe extern "C" fn(*mut c_void, c_int)>;
}

// A thread may be cancelled in this function, which unwinds.
unsafe extern "C-unwind" {
    fn HAL_UDP_readTimeout(
        handle: *mut c_void,
        data: *mut c_uchar,
        len: c_uint,
        ms: c_uint,
    ) -> c_int;
}

/// A socket, and how many addresses its host has, as far as is known.
pub(crate) struct Connected {
    pub(crate) socket: Udp,
    pub(crate) addresses: u8,
}

impl Connected {
    /// Connects to a host, which may wait for a name server. With our own port, its
    /// addresses are tried from the one numbered `first`.
    pub(crate) fn to(host: &CStr, port: u16, first: u8) -> Option<Self> {
        #[cfg(feature = "port-linux")]
        if iot_coap_port_linux::opens_sockets() {
            return iot_coap_port_linux::open(host, port, first).map(Self::from);
        }
        let _ = first;
        Udp::connect(host, port).map(|socket| Self { socket, addresses: 1 })
    }
}

#[cfg(feature = "port-linux")]
impl From<iot_coap_port_linux::Opened> for Connected {
    fn from(opened: iot_coap_port_linux::Opened) -> Self {
        Self { socket: Udp(opened.handle), addresses: opened.addresses }
    }
}

/// How many datagrams are expected back after one that is sent, for a modem that may
/// release its connection (Release Assistance).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replies {
    None,
    One,
    Several,
}

/// The port's `HAL_UDP_expect`.
#[inline]
fn expect() -> Option<unsafe extern "C" fn(*mut c_void, c_int)> {
    // Miri knows no foreign data.
    if cfg!(miri) { None } else { iotx_port_udp_expect }
}

impl From<usize> for Replies {
    fn from(count: usize) -> Self {
        match count {
            0 => Self::None,
            1 => Self::One,
            _ => Self::Several,
        }
    }
}

impl Replies {
    /// Whether the port wants to know.
    pub(crate) fn are_announced() -> bool {
        expect().is_some()
    }
}

/// A connected socket. Copied freely; its owner closes it.
#[derive(Clone, Copy)]
pub(crate) struct Udp(*mut c_void);

// SAFETY: callers of the original pass handles between threads as well; which calls
// may run at the same time is decided in `link`.
unsafe impl Send for Udp {}

impl Udp {
    /// Connects to a host, which may wait for a name server.
    fn connect(host: &CStr, port: u16) -> Option<Self> {
        // SAFETY: `host` ends with NUL; ports read it and keep no pointer.
        let handle = unsafe { HAL_UDP_create(host.as_ptr().cast_mut(), port) };
        // NULL may be a handle: descriptor 0. -1 is none.
        if handle as isize == -1 { None } else { Some(Self(handle)) }
    }

    /// Whether sockets can be closed at all.
    pub(crate) fn can_be_closed() -> bool {
        #[cfg(feature = "port-linux")]
        return true;
        #[cfg(not(feature = "port-linux"))]
        return iotx_port_udp_closes() != 0;
    }

    pub(crate) fn close(self) {
        // SAFETY: made by HAL_UDP_create; the owner closes it once.
        unsafe { HAL_UDP_close(self.0) }
    }

    pub(crate) fn write(self, datagram: &[u8], replies: Replies) -> Result<(), IoError> {
        if let Some(expect) = expect() {
            // SAFETY: the socket is open, and the rest is a number.
            unsafe { expect(self.0, replies as c_int) };
        }
        // SAFETY: the pointer and the length are of one slice.
        let written = unsafe { HAL_UDP_write(self.0, datagram.as_ptr(), datagram.len() as c_uint) };
        if written < 0 { Err(IoError(written.into())) } else { Ok(()) }
    }

    /// The socket's descriptor; `None` with a firmware's port, whose handles may be
    /// anything.
    #[cfg(feature = "extension")]
    pub(crate) fn descriptor(self) -> Option<c_int> {
        #[cfg(feature = "port-linux")]
        return iot_coap_port_linux::udp_descriptor(self.0);
        #[cfg(not(feature = "port-linux"))]
        {
            let _ = self;
            None
        }
    }

    /// Ends the read of another thread, and every later one, if the port can do that.
    pub(crate) fn stop_reading(self) {
        #[cfg(feature = "port-linux")]
        iot_coap_port_linux::stop_reading(self.0);
    }

    /// Whether [`stop_reading`](Self::stop_reading) has an effect.
    #[allow(clippy::unused_self, reason = "as with our port")]
    pub(crate) fn can_stop_reading(self) -> bool {
        #[cfg(feature = "port-linux")]
        return iot_coap_port_linux::udp_descriptor(self.0).is_some();
        #[cfg(not(feature = "port-linux"))]
        false
    }

    /// Whether [`await_either`](Self::await_either) can wait for both.
    #[cfg(feature = "port-linux")]
    pub(crate) fn can_be_awaited_with(self, other: Self) -> bool {
        [self, other].iter().all(|udp| iot_coap_port_linux::udp_descriptor(udp.0).is_some())
    }

    /// Waits up to `ms` until there is something to read here or there.
    #[cfg(feature = "port-linux")]
    pub(crate) fn await_either(self, other: Self, ms: u32) {
        iot_coap_port_linux::await_either([self.0, other.0], ms);
    }

    /// Waits up to `ms` for a datagram, and returns its length, 0 for none. With 0, takes
    /// only what has arrived. A firmware's port is asked to wait a millisecond, since 0
    /// means for ever in many.
    ///
    /// # Safety
    ///
    /// `buffer` is valid for writes of `len` bytes.
    pub(crate) unsafe fn read(
        self,
        buffer: *mut u8,
        len: usize,
        ms: u32,
    ) -> Result<usize, IoError> {
        #[cfg(feature = "port-linux")]
        if ms == 0 {
            // SAFETY: `buffer` is valid for writes of `len` bytes, by the contract; the
            // bytes need not be initialised.
            let buffer = unsafe { core::slice::from_raw_parts_mut(buffer.cast(), len) };
            if let Some(read) = iot_coap_port_linux::receive_now(self.0, buffer) {
                return usize::try_from(read).map_err(|_| IoError(read.into()));
            }
        }
        // SAFETY: `buffer` is valid for writes of `len` bytes, by the contract.
        let read = unsafe { HAL_UDP_readTimeout(self.0, buffer, len as c_uint, ms.max(1)) };
        match usize::try_from(read) {
            Ok(read) if read <= len => Ok(read),
            // -2 timed out, -3 interrupted.
            Err(_) if matches!(read, -2 | -3) => Ok(0),
            _ => Err(IoError(read.into())),
        }
    }
}
