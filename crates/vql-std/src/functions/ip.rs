//! The function `ip`: writes or inspects an IP address. Give one of the arguments.

use std::net::{IpAddr, Ipv4Addr};

use rows::{Dict, Value};
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::function(Ip)
}

plugin_args! {
    /// Writes or inspects an IP address. Give one of the arguments.
    pub struct IpArgs for "ip" {
        /// An address as text: gives a dict of what is known about it.
        parse: Option<String>,
        /// A number in little endian: gives the address as text.
        netaddr4_le: Option<i64>,
        /// A number in big endian: gives the address as text.
        netaddr4_be: Option<i64>,
    }
}

struct Ip;

impl Function for Ip {
    type Args = IpArgs;

    fn call(&self, args: IpArgs, _scope: &Scope) -> Result<Value, Failure> {
        let four = |number: i64| (number & 0xffff_ffff) as u32;
        if let Some(number) = args.netaddr4_le {
            return Ok(Value::text(Ipv4Addr::from(four(number).swap_bytes()).to_string()));
        }
        if let Some(number) = args.netaddr4_be {
            return Ok(Value::text(Ipv4Addr::from(four(number)).to_string()));
        }
        let text = args.parse.ok_or("one of parse, netaddr4_le and netaddr4_be must be given")?;
        let address: IpAddr = text
            .trim()
            .parse()
            .map_err(|_| Failure::new(format!("`{text}` is not an IP address")))?;
        Ok(Value::Dict(inspect(address)))
    }
}

fn inspect(address: IpAddr) -> Dict {
    let (private, link_local) = match address {
        IpAddr::V4(four) => (four.is_private(), four.is_link_local()),
        IpAddr::V6(six) => (six.is_unique_local(), six.is_unicast_link_local()),
    };
    let special = private || link_local || address.is_loopback() || address.is_unspecified();
    Dict::new()
        .with("IP", address.to_string())
        .with("IsGlobalUnicast", !special && !address.is_multicast())
        .with("IsLinkLocalUnicast", link_local)
        .with("IsLoopback", address.is_loopback())
        .with("IsMulticast", address.is_multicast())
        .with("IsPrivate", private)
        .with("IsUnspecified", address.is_unspecified())
        .with("IsIPv6", address.is_ipv6())
}
