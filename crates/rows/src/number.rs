//! How floating point numbers print: two forms, both with the fewest digits that read back the same.

/// The general form: `1`, `0.5`, `1e+10`. Used wherever a number becomes text.
pub fn go_float(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    with_exponent_outside(number, -4, GENERAL_EXPONENT_MAX, 2)
}

/// In text, numbers from this power of ten on are written with an exponent.
const GENERAL_EXPONENT_MAX: i32 = 6;

/// The JSON form: `4`, `0.5`, `1e+21`; `None` for what JSON cannot hold.
pub fn json_float(number: f64) -> Option<String> {
    number.is_finite().then(|| with_exponent_outside(number, -6, 21, 1))
}

fn with_exponent_outside(number: f64, low: i32, high: i32, exponent_digits: usize) -> String {
    let scientific = format!("{number:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if number == 0.0 || (low..high).contains(&exponent) {
        return format!("{number}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:0exponent_digits$}", exponent.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_uses_an_exponent_from_a_million_on() {
        let shown = [1.0, 0.5, 1e10, 123456.0, 1234567.0, 1e-5, -2.5].map(go_float);
        assert_eq!(shown, ["1", "0.5", "1e+10", "123456", "1.234567e+06", "1e-05", "-2.5"]);
    }

    #[test]
    fn json_uses_an_exponent_only_for_extremes() {
        let shown = [4.0, 1e20, 1e21, 1e-7, 0.000_001].map(|n| json_float(n).unwrap());
        assert_eq!(shown, ["4", "100000000000000000000", "1e+21", "1e-7", "0.000001"]);
        assert_eq!(json_float(f64::INFINITY), None);
    }
}
