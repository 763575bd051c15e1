//! What a store may be asked for on this machine: addresses, limits, times. Set by whoever runs
//! the agent, never by a manifest.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use crate::secret::Secret;

/// The administrator's rules for reaching stores.
#[derive(Debug, Clone)]
pub struct StorePolicy {
    /// Whose requests these are: a namespace gets at most half of an endpoint's requests in flight.
    pub namespace: String,
    /// Stores at `127.0.0.0/8` and `::1` may be reached. Off in a cluster, on on a laptop.
    pub allow_loopback: bool,
    /// Stores at `169.254.0.0/16`, `fe80::/10` and clouds' metadata addresses may be reached.
    pub allow_link_local: bool,
    /// `local://` may name only what is below one of these; `None` means anywhere.
    pub local_roots: Option<Vec<PathBuf>>,
    /// Options for mounts that name none, in the spellings of [`super::SPELLINGS`]: on a laptop the
    /// `AWS_…` variables of the user's shell. Empty in a cluster.
    pub ambient: BTreeMap<String, Secret>,
    /// A request that brings nothing (or drips, below [`StorePolicy::SLOWEST`]) for so long is given up.
    pub no_progress: Duration,
    /// How long a connection may take to open.
    pub connect: Duration,
    /// How often a request is tried in all before its error is reported.
    pub tries: u32,
    /// Requests in flight per endpoint, all namespaces together.
    pub in_flight: usize,
    /// A listing with more files than this is refused.
    pub max_files: usize,
}

impl StorePolicy {
    /// Bytes a second below which a transfer counts as hung. A 56k modem passes.
    pub const SLOWEST: u64 = 1024;

    /// For one person's machine: loopback stores allowed, local paths anywhere.
    #[must_use]
    pub fn laptop() -> Self {
        Self { allow_loopback: true, local_roots: None, ..Self::default() }
    }

    /// Why `address` may not be connected to, if so.
    #[must_use]
    pub fn refuses(&self, address: IpAddr) -> Option<&'static str> {
        let address = embedded_v4(address);
        if address.is_loopback() {
            return (!self.allow_loopback).then_some("it is a loopback address");
        }
        if is_link_local(address) {
            return (!self.allow_link_local).then_some("it is a link-local or metadata address");
        }
        if address.is_unspecified() || address.is_multicast() || is_broadcast(address) {
            return Some("it is not the address of one machine");
        }
        None
    }
}

impl Default for StorePolicy {
    /// For a cluster: neither loopback nor link-local, no local paths at all.
    fn default() -> Self {
        Self {
            namespace: String::new(),
            allow_loopback: false,
            allow_link_local: false,
            local_roots: Some(Vec::new()),
            ambient: BTreeMap::new(),
            no_progress: Duration::from_secs(10),
            connect: Duration::from_secs(5),
            tries: 4,
            in_flight: 64,
            max_files: 5_000_000,
        }
    }
}

/// An IPv6 address that carries an IPv4 one is judged as that one: mapped, NAT64, 6to4.
fn embedded_v4(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    if let Some(v4) = v6.to_ipv4_mapped() {
        return IpAddr::V4(v4);
    }
    let [a, b, c, d, e, f, g, h] = v6.segments();
    match (a, b) {
        (0x64, 0xff9b) if [c, d, e, f] == [0; 4] => IpAddr::V4(v4_of(g, h)),
        (0x2002, _) => IpAddr::V4(v4_of(b, c)),
        _ => address,
    }
}

fn v4_of(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))
}

/// Link-local ranges, and the metadata addresses that clouds put elsewhere.
fn is_link_local(address: IpAddr) -> bool {
    const ALIBABA_METADATA: Ipv4Addr = Ipv4Addr::new(100, 100, 100, 200);
    const AWS_METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4 == ALIBABA_METADATA,
        IpAddr::V6(v6) => v6.is_unicast_link_local() || v6 == AWS_METADATA,
    }
}

fn is_broadcast(address: IpAddr) -> bool {
    // 0.0.0.0/8 means "this machine" on Linux.
    matches!(address, IpAddr::V4(v4) if v4.is_broadcast() || v4.octets().first() == Some(&0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(policy: &StorePolicy, address: &str) -> bool {
        policy.refuses(address.parse().unwrap()).is_some()
    }

    #[test]
    fn private_and_public_addresses_pass_and_the_rest_does_not() {
        let policy = StorePolicy::default();
        for good in ["10.1.2.3", "192.168.0.4", "8.8.8.8", "2001:db8::1", "fd12::7", "::ffff:10.0.0.1"] {
            assert!(!refused(&policy, good), "{good}");
        }
        for bad in [
            "127.0.0.1",
            "127.9.9.9",
            "::1",
            "169.254.169.254",
            "fe80::1",
            "fd00:ec2::254",
            "100.100.100.200",
            "0.0.0.0",
            "0.1.2.3",
            "::",
            "224.0.0.1",
            "255.255.255.255",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "2002:a9fe:a9fe::1",
        ] {
            assert!(refused(&policy, bad), "{bad}");
        }
    }

    #[test]
    fn a_laptop_may_reach_itself_but_no_metadata_service() {
        let policy = StorePolicy::laptop();
        assert!(!refused(&policy, "127.0.0.1"));
        assert!(!refused(&policy, "::1"));
        assert!(refused(&policy, "169.254.169.254"));
    }
}
