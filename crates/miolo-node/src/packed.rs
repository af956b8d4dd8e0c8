//! Addresses as they stand in the arenas, in front of a datagram's bytes.
//!
//! A multiple of 8 bytes, of which the first word is the family (0: none, 1: Unix, 4 and 6: IP) and, above 16 bits,
//! the port or the length of the name. Then, in words: the IP address as an integer (four for IPv6, then the flow
//! information and the scope); or the name's bytes (none: unnamed; beginning with NUL: abstract).

use std::ffi::OsStr;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::unix::ffi::OsStrExt;

use napi::Result;
use napi::bindgen_prelude::{Env, Unknown};
use napi_derive::napi;
use socket2::SockAddr;

use crate::address::{AddressTuple, address_from, tuple_from};
use crate::bytes;

const NONE: u32 = 0;
const UNIX: u32 = 1;
const V4: u32 = 4;
const V6: u32 = 6;

/// No packed address is longer: a name has 108 bytes at most.
pub const LONGEST: usize = 112;

/// A packed address.
#[derive(Debug, Clone, Copy)]
pub struct Packed {
    bytes: [u8; LONGEST],
    len: usize,
}

impl Packed {
    const fn empty(len: usize) -> Self {
        Self { bytes: [0; LONGEST], len }
    }

    fn word(&mut self, index: usize, value: u32) {
        self.bytes[index * 4..][..4].copy_from_slice(&value.to_ne_bytes());
    }

    fn name(name: &[u8]) -> Self {
        let len = name.len().min(LONGEST - 4);
        let mut packed = Self::empty((4 + len).next_multiple_of(8));
        #[expect(clippy::cast_possible_truncation, reason = "at most 108")]
        packed.word(0, UNIX | ((len as u32) << 16));
        packed.bytes[4..4 + len].copy_from_slice(&name[..len]);
        packed
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Packs an address.
pub fn pack(address: &SockAddr) -> Packed {
    match address.as_socket() {
        Some(SocketAddr::V4(v4)) => {
            let mut packed = Packed::empty(8);
            packed.word(0, V4 | (u32::from(v4.port()) << 16));
            packed.word(1, v4.ip().to_bits());
            packed
        }
        Some(SocketAddr::V6(v6)) => {
            let mut packed = Packed::empty(32);
            packed.word(0, V6 | (u32::from(v6.port()) << 16));
            let bits = v6.ip().to_bits();
            for (index, shift) in [96, 64, 32, 0].into_iter().enumerate() {
                #[expect(clippy::cast_possible_truncation, reason = "a word of it")]
                packed.word(1 + index, (bits >> shift) as u32);
            }
            packed.word(5, v6.flowinfo());
            packed.word(6, v6.scope_id());
            packed
        }
        None => {
            if let Some(path) = address.as_pathname() {
                return Packed::name(path.as_os_str().as_bytes());
            }
            match address.as_abstract_namespace() {
                Some(name) => Packed::name(&[b"\0", name].concat()),
                None => Packed::empty(8),
            }
        }
    }
}

/// The packed address that `bytes` begin with, and its length. Nothing for what is none.
pub fn unpack(bytes: &[u8]) -> Option<(Option<SockAddr>, usize)> {
    let word = |index: usize| {
        let part = bytes.get(index * 4..index * 4 + 4)?;
        Some(u32::from_ne_bytes(part.try_into().ok()?))
    };
    let first = word(0)?;
    let high = (first >> 16) as u16;
    let (address, len) = match first & 0xffff {
        NONE => (None, 8),
        V4 => {
            let address = SocketAddrV4::new(Ipv4Addr::from_bits(word(1)?), high);
            (Some(SockAddr::from(address)), 8)
        }
        V6 => {
            let mut bits = 0_u128;
            for index in 1..5 {
                bits = (bits << 32) | u128::from(word(index)?);
            }
            let address = SocketAddrV6::new(Ipv6Addr::from_bits(bits), high, word(5)?, word(6)?);
            (Some(SockAddr::from(address)), 32)
        }
        UNIX => {
            let name = bytes.get(4..4 + usize::from(high))?;
            let address = SockAddr::unix(OsStr::from_bytes(name)).ok()?;
            (Some(address), (4 + name.len()).next_multiple_of(8))
        }
        _ => return None,
    };
    (len <= bytes.len()).then_some((address, len))
}

/// Packs an address into `target`. Returns the number of bytes; 0 for what is no address.
#[napi]
pub fn pack_address(env: Env, address: AddressTuple, target: Unknown<'_>) -> Result<u32> {
    let (host, port, flow, scope) = address;
    let target = bytes::write(env, &target)?;
    let Some(packed) = address_from(&host, port, flow, scope).map(|address| pack(&address)) else {
        return Ok(0);
    };
    let packed = packed.as_bytes();
    let Some(place) = target.get_mut(..packed.len()) else {
        return Ok(0);
    };
    place.copy_from_slice(packed);
    Ok(u32::try_from(packed.len()).unwrap_or(0))
}

/// The address that packed `source` begins with.
#[napi]
pub fn unpack_address(env: Env, source: Unknown<'_>) -> Result<Option<AddressTuple>> {
    let address = unpack(bytes::read(env, &source)?).and_then(|(address, _)| address);
    Ok(address.as_ref().and_then(tuple_from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_out_again() {
        let internet = ["127.0.0.1:80", "255.1.2.3:65535", "[::1]:53", "[fe80::1:2]:9"];
        let mut addresses: Vec<SockAddr> =
            internet.iter().map(|text| text.parse::<SocketAddr>().unwrap().into()).collect();
        addresses.push(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 1, 7, 8).into());
        for name in ["/tmp/a", "\0abstract", &format!("/{}", "x".repeat(106))] {
            addresses.push(SockAddr::unix(name).unwrap());
        }
        for address in addresses {
            let packed = pack(&address);
            assert_eq!(packed.as_bytes().len() % 8, 0);
            let (back, len) = unpack(packed.as_bytes()).unwrap();
            assert_eq!(len, packed.as_bytes().len());
            let back = back.unwrap();
            assert_eq!(back.as_socket(), address.as_socket());
            assert_eq!(back.as_pathname(), address.as_pathname());
            assert_eq!(back.as_abstract_namespace(), address.as_abstract_namespace());
        }
    }

    #[test]
    fn what_is_no_packed_address_is_refused() {
        let [four, six] = [V4, V6].map(u32::to_ne_bytes);
        let unix = (UNIX | (200 << 16)).to_ne_bytes();
        for bytes in [&[][..], &[0; 3], &four, &[six, six].concat(), &[unix, unix].concat(), &[9; 8]] {
            assert!(unpack(bytes).is_none(), "{bytes:?}");
        }
        let long = [&unix[..], &[b'x'; 220]].concat();
        assert!(unpack(&long).is_none());
    }
}
