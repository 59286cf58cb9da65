//! The gateway's functions (proxy-wasm ABI 0.2.1), each with the status it returns.
//!
//! The only place with `unsafe`. The SDK has the same calls, but its own unwrap what a client or a
//! server chose, or panic on a status they did not expect (M1). None of these can.
//!
//! Some of them trap on a host where they are called in the wrong phase or with arguments it does
//! not take (D4). What must hold is said at each; [`super::outgoing`] checks what can be checked.

#![allow(unsafe_code)]

use super::pairs::{self, Pairs};
use super::status::Status;
use crate::report::Level;
use crate::time::UnixTime;
use std::time::Duration;

mod abi {
    #[link(wasm_import_module = "env")]
    unsafe extern "C" {
        pub(super) fn proxy_log(level: u32, data: *const u8, size: usize) -> u32;
        pub(super) fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
        pub(super) fn proxy_get_property(
            path: *const u8,
            path_size: usize,
            data: *mut *mut u8,
            size: *mut usize,
        ) -> u32;
        pub(super) fn proxy_set_property(
            path: *const u8,
            path_size: usize,
            data: *const u8,
            size: usize,
        ) -> u32;
        pub(super) fn proxy_get_buffer_bytes(
            buffer: u32,
            start: usize,
            length: usize,
            data: *mut *mut u8,
            size: *mut usize,
        ) -> u32;
        pub(super) fn proxy_set_buffer_bytes(
            buffer: u32,
            start: usize,
            length: usize,
            data: *const u8,
            size: usize,
        ) -> u32;
        pub(super) fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32;
        pub(super) fn proxy_set_header_map_pairs(map: u32, data: *const u8, size: usize) -> u32;
        pub(super) fn proxy_replace_header_map_value(
            map: u32,
            name: *const u8,
            name_size: usize,
            value: *const u8,
            value_size: usize,
        ) -> u32;
        pub(super) fn proxy_remove_header_map_value(map: u32, name: *const u8, name_size: usize) -> u32;
        pub(super) fn proxy_send_local_response(
            status: u32,
            details: *const u8,
            details_size: usize,
            body: *const u8,
            body_size: usize,
            headers: *const u8,
            headers_size: usize,
            grpc_status: i32,
        ) -> u32;
        pub(super) fn proxy_continue_stream(stream: u32) -> u32;
        pub(super) fn proxy_set_effective_context(context: u32) -> u32;
        pub(super) fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
        pub(super) fn proxy_get_shared_data(
            key: *const u8,
            key_size: usize,
            value: *mut *mut u8,
            value_size: *mut usize,
            version: *mut u32,
        ) -> u32;
        pub(super) fn proxy_set_shared_data(
            key: *const u8,
            key_size: usize,
            value: *const u8,
            value_size: usize,
            version: u32,
        ) -> u32;
    }
}

mod sdk {
    // The SDK's own callback for the gateway, in this module like ours.
    unsafe extern "C" {
        pub(super) safe fn proxy_on_queue_ready(context: u32, queue: u32);
    }
}

fn check(code: u32) -> Result<(), Status> {
    if code == 0 { Ok(()) } else { Err(Status(code)) }
}

/// A list of header fields the gateway keeps.
#[derive(Clone, Copy)]
pub(super) enum Map {
    /// The client's request. Edited before the response begins; later a host may trap.
    Request,
    /// The trailers of the client's request. Read and edited in their callback only.
    RequestTrailers,
    /// The response to the client. Edited in the response header callback.
    Response,
    /// The answer to a callout. Read in its callback only.
    CallResponse,
}

impl Map {
    fn code(self) -> u32 {
        match self {
            Map::Request => 0,
            Map::RequestTrailers => 1,
            Map::Response => 2,
            Map::CallResponse => 6,
        }
    }
}

/// Where the gateway writes an allocation it hands over.
struct Handed {
    data: *mut u8,
    size: usize,
}

impl Handed {
    fn nothing() -> Handed {
        Handed { data: std::ptr::null_mut(), size: 0 }
    }

    /// Takes the allocation over. Call it only after a call that returned Ok.
    fn take(self) -> Vec<u8> {
        if self.data.is_null() {
            return Vec::new();
        }
        // SAFETY: the host got `data` from `proxy_on_memory_allocate(size)`, which gives away a
        // boxed slice of exactly `size` bytes from this allocator, filled it, and keeps no copy of
        // the pointer. `self` is consumed, so the bytes have this one owner.
        unsafe { Vec::from_raw_parts(self.data, self.size, self.size) }
    }
}

/// Writes a line to the gateway's log (S10). A gateway that cannot is no reason to fail a request.
pub(super) fn log(level: Level, line: &str) {
    let level = match level {
        Level::Debug => 1,
        Level::Info => 2,
        Level::Warn => 3,
        Level::Error => 4,
        Level::Critical => 5,
    };
    // SAFETY: pointer and length are those of a live string that the host only reads.
    unsafe { abi::proxy_log(level, line.as_ptr(), line.len()) };
}

/// The gateway's clock (S10).
pub(super) fn now() -> Result<UnixTime, Status> {
    let mut nanoseconds = 0_u64;
    // SAFETY: the host writes one u64 to a live, aligned u64.
    check(unsafe { abi::proxy_get_current_time_nanoseconds(&raw mut nanoseconds) })?;
    Ok(UnixTime::from_milliseconds(nanoseconds / 1_000_000))
}

/// Reads a property (S11). Only in callbacks of a request: on a root context one host logs an error
/// for each read and dies of some (Q2). Reading a name that host knows to trap on in this phase traps.
pub(super) fn property(path: &[&str]) -> Result<Vec<u8>, Status> {
    let path = path.join("\0");
    let mut handed = Handed::nothing();
    // SAFETY: the path is a live string that the host only reads; the other two point to live,
    // aligned fields which the host sets to an allocation it hands over.
    check(unsafe {
        abi::proxy_get_property(path.as_ptr(), path.len(), &raw mut handed.data, &raw mut handed.size)
    })?;
    Ok(handed.take())
}

/// Writes a property. As for [`property`]; an unknown name of the gateway's own space may trap.
pub(super) fn set_property(path: &[&str], value: &[u8]) -> Result<(), Status> {
    let path = path.join("\0");
    // SAFETY: both slices are live and only read.
    check(unsafe { abi::proxy_set_property(path.as_ptr(), path.len(), value.as_ptr(), value.len()) })
}

fn buffer(code: u32, length: usize) -> Result<Vec<u8>, Status> {
    let mut handed = Handed::nothing();
    // SAFETY: both pointers are to live, aligned fields which the host sets to an allocation it
    // hands over.
    check(unsafe {
        abi::proxy_get_buffer_bytes(code, 0, length, &raw mut handed.data, &raw mut handed.size)
    })?;
    Ok(handed.take())
}

/// The body of the request, at most `length` bytes. Only in its own callbacks, or on Envoy while it is
/// held back: elsewhere a host traps (Q3). The caller compares what came with what was announced.
pub(super) fn request_body(length: usize) -> Result<Vec<u8>, Status> {
    buffer(0, length)
}

/// The body of a callout's answer, at most `length` bytes. Only in the callout's callback. The
/// caller compares what came with what was announced.
pub(super) fn call_response_body(length: usize) -> Result<Vec<u8>, Status> {
    buffer(4, length)
}

/// The plugin's configuration (K8, E1), at most `length` bytes. Only in `on_configure`.
pub(super) fn plugin_configuration(length: usize) -> Result<Vec<u8>, Status> {
    buffer(7, length)
}

/// Puts `text` in place of the first `length` bytes of this piece of the response's body. Only in
/// the response body callback; elsewhere a host traps.
pub(super) fn replace_response_body(length: usize, text: &[u8]) -> Result<(), Status> {
    // SAFETY: the slice is live and only read.
    check(unsafe { abi::proxy_set_buffer_bytes(1, 0, length, text.as_ptr(), text.len()) })
}

/// A value of the shared data and its version. Only where a zone is known to exist: without one a
/// host traps (K6).
pub(super) fn shared_data(key: &str) -> Result<(Vec<u8>, u32), Status> {
    let mut handed = Handed::nothing();
    let mut version = 0_u32;
    // SAFETY: the key is a live string that the host only reads; the other pointers are to live,
    // aligned fields, of which the host sets the first two to an allocation it hands over.
    check(unsafe {
        abi::proxy_get_shared_data(
            key.as_ptr(),
            key.len(),
            &raw mut handed.data,
            &raw mut handed.size,
            &raw mut version,
        )
    })?;
    Ok((handed.take(), version))
}

/// Writes a value of the shared data, if `version` is still its last write. Only where a zone is
/// known to exist and the value fits it with room to spare: a host traps on one it cannot hold.
pub(super) fn set_shared_data(key: &str, value: &[u8], version: u32) -> Result<(), Status> {
    // SAFETY: both slices are live and only read.
    check(unsafe {
        abi::proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), version)
    })
}

/// Every pair of a map, in order, as bytes.
pub(super) fn header_pairs(map: Map) -> Result<Pairs, Status> {
    let mut handed = Handed::nothing();
    // SAFETY: both pointers are to live, aligned fields which the host sets to an allocation it
    // hands over.
    check(unsafe {
        abi::proxy_get_header_map_pairs(map.code(), &raw mut handed.data, &raw mut handed.size)
    })?;
    pairs::parse(&handed.take()).ok_or(Status::PARSE_FAILURE)
}

/// Leaves only these fields. Of a request one host sends the others all the same (D7).
pub(super) fn replace_all_headers(map: Map, fields: &[(&[u8], &[u8])]) -> Result<(), Status> {
    let pairs = pairs::serialize(fields).ok_or(Status::PARSE_FAILURE)?;
    // SAFETY: the slice is live and only read.
    check(unsafe { abi::proxy_set_header_map_pairs(map.code(), pairs.as_ptr(), pairs.len()) })
}

/// Leaves exactly one line of `name`, with `value`; of several lines of a request one host changes the
/// first, and sends the others (D8). The caller has checked both with
/// [`super::outgoing::is_field`].
pub(super) fn replace_header(map: Map, name: &[u8], value: &[u8]) -> Result<(), Status> {
    // SAFETY: both slices are live and only read.
    check(unsafe {
        abi::proxy_replace_header_map_value(
            map.code(),
            name.as_ptr(),
            name.len(),
            value.as_ptr(),
            value.len(),
        )
    })
}

/// Removes every line of `name` (E9); of a request one host sends them all the same (D7). For the
/// response map never `connection`: a host crashes (T2).
pub(super) fn remove_header(map: Map, name: &[u8]) -> Result<(), Status> {
    // SAFETY: the slice is live and only read.
    check(unsafe { abi::proxy_remove_header_map_value(map.code(), name.as_ptr(), name.len()) })
}

/// Answers the request. At most once for each, and never after its response began: a host traps.
/// `headers` is what [`pairs::serialize`] makes of fields that [`super::outgoing`] has checked.
pub(super) fn send_local_response(status: u16, headers: &[u8], body: &[u8]) -> Result<(), Status> {
    const NO_GRPC_STATUS: i32 = -1;
    // SAFETY: all slices are live and only read; the details are empty.
    check(unsafe {
        abi::proxy_send_local_response(
            u32::from(status),
            std::ptr::null(),
            0,
            body.as_ptr(),
            body.len(),
            headers.as_ptr(),
            headers.len(),
            NO_GRPC_STATUS,
        )
    })
}

/// Lets a paused request go on. Only from callbacks of that request: from a root context a host
/// crashes.
pub(super) fn continue_request() -> Result<(), Status> {
    // SAFETY: no pointer is passed.
    check(unsafe { abi::proxy_continue_stream(0) })
}

/// Makes another context the one that the gateway's functions are about, until this callback ends
/// (E3). It must be of this instance. Kong's host takes no notice (S4).
///
/// # Errors
/// There is no such context any more.
pub(super) fn set_effective_context(context: u32) -> Result<(), Status> {
    // SAFETY: no pointer is passed.
    check(unsafe { abi::proxy_set_effective_context(context) })
}

/// Has the SDK enter the root's `on_queue_ready`, as if the gateway had called it. Only in a
/// request's callbacks, and for a root that exists: the SDK keeps its roots borrowed in their own
/// callbacks, and panics on a number it does not know. What the root sends there the SDK files under
/// the root.
pub(super) fn call_root(root: u32) {
    const NO_QUEUE: u32 = 0;
    sdk::proxy_on_queue_ready(root, NO_QUEUE);
}

/// Has the gateway call the root's tick again and again; zero ends that. With the root effective, or
/// a request of it, and in the tick itself only to end it.
pub(super) fn set_tick_period(period: Duration) -> Result<(), Status> {
    let milliseconds = u32::try_from(period.as_millis()).unwrap_or(u32::MAX);
    // SAFETY: no pointer is passed.
    check(unsafe { abi::proxy_set_tick_period_milliseconds(milliseconds) })
}
