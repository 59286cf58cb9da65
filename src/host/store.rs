//! The gateway's shared data, used only where it is known to be there.
//!
//! Kong's host traps on every shared-data call while no zone is declared, on a value that the zone
//! cannot hold, and on a full zone that evicts nothing (D4, K6). So the zone's declaration is read
//! first (Q1).

use super::gateway::Gateway;
use super::kong::zone::Zone;
use super::note::HostNote;
use super::raw;
use super::status::Status;
use crate::cache::shared::{SharedStore, Slot, Version, WriteResult};
use crate::policy::SharedData;

/// Kong's declaration of the zone for keys without a prefix, as its operator wrote it.
const ZONE: &[&str] = &["kong", "configuration", "nginx_wasm_shm_kv"];

/// Shared data that can be used, or none.
#[derive(Clone, Copy)]
pub(super) struct Store {
    is_usable: bool,
}

impl Store {
    /// Finds out what the gateway has, and what the operator should know of it where some is wanted. Only in
    /// callbacks of a request.
    pub(super) fn detect(gateway: Gateway, wanted: SharedData, slots: u32) -> (Store, Option<HostNote>) {
        match (wanted, gateway) {
            (SharedData::Off, _) => (Store { is_usable: false }, None),
            // Always there, and never full (E4).
            (_, Gateway::Envoy) => (Store { is_usable: true }, None),
            (_, Gateway::Kong) => match Zone::parse(raw::property(ZONE).ok().as_deref()) {
                Ok(zone) => {
                    let needed = zone.too_small_for(slots);
                    let note = needed.map(|needed| HostNote::SharedZoneSmall { slots, needed });
                    (Store { is_usable: true }, note)
                }
                Err(fault) => {
                    let required = wanted == SharedData::On;
                    (Store { is_usable: false }, Some(HostNote::SharedCacheDisabled { fault, required }))
                }
            },
        }
    }
}

impl SharedStore for Store {
    fn get(&mut self, slot: Slot) -> (Option<Vec<u8>>, Version) {
        if !self.is_usable {
            return (None, Version(0));
        }
        match raw::shared_data(&slot.name()) {
            Ok((bytes, version)) => (Some(bytes), Version(version)),
            Err(_) => (None, Version(0)),
        }
    }

    /// Overwrites, and never deletes (S6, Q6, E4).
    fn put(&mut self, slot: Slot, version: Version, entry: &[u8]) -> WriteResult {
        if !self.is_usable {
            return WriteResult::Refused;
        }
        match raw::set_shared_data(&slot.name(), entry, version.0) {
            Ok(()) => WriteResult::Done,
            Err(Status::CAS_MISMATCH) => WriteResult::Lost,
            Err(_) => WriteResult::Refused,
        }
    }
}
