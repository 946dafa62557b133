//! Internet addresses and URLs.

use std::net::{IpAddr, Ipv4Addr};

use rows::{Dict, Value};
use url::Url;
use vql_plugin::{Catalog, Failure, Function, Scope, plugin_args};

pub(crate) fn catalog() -> Catalog {
    Catalog::new().function(Ip).function(UrlFunction).function(CidrContains)
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

plugin_args! {
    /// Reads a URL into its parts, or writes one from its parts; either way a dict whose member
    /// `String` is the whole.
    pub struct UrlArgs for "url" {
        /// The scheme, such as `https`.
        scheme: String = "",
        /// The host, with a port if need be.
        host: String = "",
        /// The path.
        path: String = "",
        /// What follows `#`.
        fragment: String = "",
        /// The query: a dict, or text.
        query: Option<Value>,
        /// A URL to read.
        parse: Option<String>,
    }
}

struct UrlFunction;

impl Function for UrlFunction {
    type Args = UrlArgs;

    fn call(&self, args: UrlArgs, scope: &Scope) -> Result<Value, Failure> {
        let text = match &args.parse {
            Some(text) => text.clone(),
            None => written(&args, scope)?,
        };
        let url = Url::parse(&text).map_err(|error| {
            Failure::new(format!("`{text}` is not a URL such as https://host/path: {error}"))
        })?;
        Ok(Value::Dict(parts(&url)))
    }
}

fn written(args: &UrlArgs, scope: &Scope) -> Result<String, Failure> {
    let scheme = if args.scheme.is_empty() { "https" } else { &args.scheme };
    let base = format!("{scheme}://{}/", args.host);
    let mut url = Url::parse(&base)
        .map_err(|error| Failure::new(format!("`{base}` is not the start of a URL: {error}")))?;
    url.set_path(&args.path);
    url.set_fragment((!args.fragment.is_empty()).then_some(args.fragment.as_str()));
    match scope.materialise(&args.query.clone().unwrap_or_default()) {
        Value::Dict(query) => {
            let mut pairs = url.query_pairs_mut();
            for (key, value) in query.iter() {
                let values = match value {
                    Value::Array(values) => values.to_vec(),
                    one => vec![one.clone()],
                };
                for value in values {
                    pairs.append_pair(key, &value.to_text().to_str_lossy());
                }
            }
        }
        Value::Null => {}
        text => url.set_query(Some(&text.to_text().to_str_lossy())),
    }
    Ok(url.to_string())
}

fn parts(url: &Url) -> Dict {
    let mut query = Dict::new();
    for (key, value) in url.query_pairs() {
        let mut values = match query.get(&key) {
            Some(Value::Array(values)) => values.to_vec(),
            _ => Vec::new(),
        };
        values.push(Value::text(value.as_ref()));
        query.update(key, values);
    }
    let host = match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    };
    Dict::new()
        .with("Scheme", url.scheme())
        .with("User", url.username())
        .with("Host", host)
        .with("Path", url.path())
        .with("RawQuery", url.query().unwrap_or_default())
        .with("Query", query)
        .with("Fragment", url.fragment().unwrap_or_default())
        .with("String", url.as_str())
}
