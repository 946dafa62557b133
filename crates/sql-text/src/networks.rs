//! Networks as regular expressions over the text of addresses, for engines that know no networks or
//! fail on texts that are no addresses.

use std::net::{IpAddr, Ipv4Addr};

use sigma::Network;

/// A number from 0 to 255 as addresses spell it.
const ANY_PART: &str = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";

/// An expression for the whole text of an address of an IPv4 network, in lower case and without
/// space around: with dots, also as the end of an IPv4-mapped IPv6 address in its usual spelling.
/// `None` for IPv6 networks, whose addresses have too many spellings.
pub(crate) fn expression(network: &Network) -> Option<String> {
    let IpAddr::V4(first) = network.address() else { return None };
    let mask = u32::MAX.checked_shl(32 - u32::from(network.bits())).unwrap_or(0);
    let low = first.to_bits() & mask;
    let parts = |bits: u32| Ipv4Addr::from_bits(bits).octets();
    let (low, high) = (parts(low), parts(low | !mask));
    let each: Vec<String> = low.iter().zip(high).map(|(low, high)| part(*low, high)).collect();
    Some(format!(r"^(::ffff:)?{}$", each.join(r"\.")))
}

/// A number between two others.
fn part(low: u8, high: u8) -> String {
    if (low, high) == (0, 255) {
        return ANY_PART.to_owned();
    }
    if low == high {
        return low.to_string();
    }
    // At most 128 numbers: a list is short enough and plainly right.
    let numbers: Vec<String> = (low..=high).map(|number| number.to_string()).collect();
    format!("({})", numbers.join("|"))
}

/// An expression for the whole text of any IPv6 address without dots, in lower case.
pub(crate) fn any_ipv6() -> String {
    let group = "[0-9a-f]{1,4}";
    let mut forms = vec![format!("({group}:){{7}}{group}")];
    for left in 0..=7_usize {
        let before = match left {
            0 => String::new(),
            left => format!("({group}:){{{}}}{group}", left - 1),
        };
        let after = match 7 - left {
            0 => String::new(),
            right => format!("({group}(:{group}){{0,{}}})?", right - 1),
        };
        forms.push(format!("{before}::{after}"));
    }
    format!("^({})$", forms.join("|"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_expression_means_its_network(
            base in any::<u32>(), bits in 0_u8..=32, other in any::<u32>(), near in any::<bool>(),
        ) {
            let base = Ipv4Addr::from_bits(base);
            let network = Network::parse(&format!("{base}/{bits}")).unwrap();
            let shift = u32::from(bits.saturating_sub(3));
            let other = if near {
                base.to_bits() ^ other.checked_shr(shift).unwrap_or(0)
            } else {
                other
            };
            let other = Ipv4Addr::from_bits(other);
            let regex = regex::Regex::new(&expression(&network).unwrap()).unwrap();
            let wanted = network.contains(IpAddr::V4(other));
            prop_assert_eq!(regex.is_match(&other.to_string()), wanted);
            prop_assert_eq!(regex.is_match(&other.to_ipv6_mapped().to_string()), wanted);
            let longer = format!("x{other}");
            prop_assert!(!regex.is_match(&longer));
        }

        #[test]
        fn every_ipv6_address_is_known(bits in any::<u128>(), zeros in any::<u128>()) {
            let regex = regex::Regex::new(&any_ipv6()).unwrap();
            for bits in [bits, bits & zeros, bits & 0xffff, bits << 112] {
                let text = std::net::Ipv6Addr::from_bits(bits).to_string();
                prop_assert!(regex.is_match(&text) || text.contains('.'), "{}", text);
            }
        }

        #[test]
        fn what_is_known_as_ipv6_is(text in "[0-9a-f:]{0,20}|([0-9a-f]{0,2}:){0,9}[0-9a-f]?") {
            let regex = regex::Regex::new(&any_ipv6()).unwrap();
            prop_assert_eq!(regex.is_match(&text), text.parse::<std::net::Ipv6Addr>().is_ok());
        }
    }
}
