//! The function `cidr_contains`: whether an IP address lies in one of several networks.

use std::net::IpAddr;

use rows::Value;
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::function(CidrContains)
}

plugin_args! {
    /// Whether an IP address lies in one of several networks.
    pub struct CidrContainsArgs for "cidr_contains" {
        /// The address.
        ip: String,
        /// Networks such as `10.0.0.0/8`.
        ranges: Vec<String>,
    }
}

struct CidrContains;

impl Function for CidrContains {
    type Args = CidrContainsArgs;

    fn call(&self, args: CidrContainsArgs, _scope: &Scope) -> Result<Value, Failure> {
        let bits = |address: IpAddr| match address {
            IpAddr::V4(four) => (u128::from(u32::from(four)) << 96, 32),
            IpAddr::V6(six) => (u128::from(six), 128),
        };
        let bad = |text: &str| Failure::new(format!("`{text}` is not an IP address or network"));
        let address: IpAddr = args.ip.trim().parse().map_err(|_| bad(&args.ip))?;
        for range in &args.ranges {
            let (network, length) = range.split_once('/').ok_or_else(|| bad(range))?;
            let network: IpAddr = network.trim().parse().map_err(|_| bad(range))?;
            let length: u32 = length.trim().parse().map_err(|_| bad(range))?;
            let ((inside, size), (network_bits, network_size)) = (bits(address), bits(network));
            if length > network_size {
                return Err(bad(range));
            }
            let same = length == 0 || (inside ^ network_bits) >> (128 - length) == 0;
            if size == network_size && same {
                return Ok(Value::Bool(true));
            }
        }
        Ok(Value::Bool(false))
    }
}
