//! The gateway's shared data, used only where it is known to be there.
//!
//! Kong's host traps on every shared-data call while no zone is declared, on a value that the zone
//! cannot hold, and on a full zone that evicts nothing (D4, K6). So the zone's declaration is read
//! first (Q1).

use super::gateway::Gateway;
use super::kong::zone::Zone;
use super::note::ZoneFault;
use super::raw;
use super::status::Status;
use crate::cache::shared::{SharedStore, Slot, Version, WriteResult};
use crate::policy::SharedData;

/// Kong's declaration of the zone for keys without a prefix, as its operator wrote it.
const ZONE: &[&str] = &["kong", "configuration", "nginx_wasm_shm_kv"];

/// No entry is longer, whatever the zone holds.
const MAX_ENTRY_BYTES: usize = 65_536;

/// Shared data that can be used, or none.
#[derive(Clone, Copy)]
pub(super) struct Store {
    /// The longest entry that is written; 0 where nothing may be read or written.
    max_entry_bytes: usize,
}

impl Store {
    /// No shared data.
    const NONE: Store = Store { max_entry_bytes: 0 };

    /// Finds out what the gateway has, and why it has none where some is wanted. Only in callbacks
    /// of a request.
    pub(super) fn detect(gateway: Gateway, wanted: SharedData) -> (Store, Option<ZoneFault>) {
        let zone = match (wanted, gateway) {
            (SharedData::Off, _) => return (Store::NONE, None),
            // Always there, and never full (E4).
            (_, Gateway::Envoy) => Ok(MAX_ENTRY_BYTES),
            (_, Gateway::Kong) => Zone::parse(raw::property(ZONE).ok().as_deref()).map(Zone::max_entry_bytes),
        };
        match zone {
            Ok(bytes) => (Store { max_entry_bytes: bytes.min(MAX_ENTRY_BYTES) }, None),
            Err(fault) => (Store::NONE, Some(fault)),
        }
    }
}

impl SharedStore for Store {
    fn get(&mut self, slot: Slot) -> (Option<Vec<u8>>, Version) {
        if self.max_entry_bytes == 0 {
            return (None, Version(0));
        }
        match raw::shared_data(&slot.name()) {
            Ok((bytes, version)) => (Some(bytes), Version(version)),
            Err(_) => (None, Version(0)),
        }
    }

    /// Overwrites, and never deletes (S6, Q6, E4).
    fn put(&mut self, slot: Slot, version: Version, entry: &[u8]) -> WriteResult {
        if entry.len() > self.max_entry_bytes {
            return WriteResult::Refused;
        }
        match raw::set_shared_data(&slot.name(), entry, version.0) {
            Ok(()) => WriteResult::Done,
            Err(Status::CAS_MISMATCH) => WriteResult::Lost,
            Err(_) => WriteResult::Refused,
        }
    }
}
