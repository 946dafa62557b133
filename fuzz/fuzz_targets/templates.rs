//! Text templates, notes of the recycle bin, certificates: the first byte chooses.
#![no_main]

use libfuzzer_sys::fuzz_target;
use parsers::template::{Escape, Template};
use rows::{Dict, Value};

fuzz_target!(|data: &[u8]| {
    let Some((kind, bytes)) = data.split_first() else { return };
    match kind % 3 {
        0 => {
            let items = Value::array([Value::Int(1), Value::text("a")]);
            let data = Value::Dict(Dict::new().with("A", items).with("B", "text"));
            if let Ok(template) = Template::parse(&String::from_utf8_lossy(bytes)) {
                let _ = template.fill(&data, Escape::Html);
            }
        }
        1 => drop(parsers::recycle_bin::parse(bytes)),
        _ => drop(parsers::x509::parse(bytes)),
    }
});
