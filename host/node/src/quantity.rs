//! Kubernetes quantities (`512Mi`, `1.5G`, `2e9`) as bytes.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use millrace_crds::Reason;

use crate::failure::Failure;

/// Suffixes, longest first.
const SUFFIXES: &[(&str, u128)] = &[
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
    ("Ti", 1 << 40),
    ("Pi", 1 << 50),
    ("Ei", 1 << 60),
    ("k", 1_000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
    ("T", 1_000_000_000_000),
    ("P", 1_000_000_000_000_000),
    ("E", 1_000_000_000_000_000_000),
];

/// The bytes of `quantity`, parts of a byte rounded up as Kubernetes does.
///
/// # Errors
/// It is no quantity of bytes; the message names `field`.
pub(crate) fn bytes(quantity: &Quantity, field: &str) -> Result<u64, Failure> {
    parse(quantity.0.trim()).ok_or_else(|| {
        let message =
            format!("{field}: `{}` is no number of bytes; write it as 512Mi, 2Gi or 1000000", quantity.0);
        Failure::user(Reason::InvalidSpec, message)
    })
}

fn parse(text: &str) -> Option<u64> {
    let suffixed = SUFFIXES.iter().find_map(|(suffix, unit)| Some((text.strip_suffix(suffix)?, *unit)));
    let (number, unit) = match (suffixed, text.split_once(['e', 'E'])) {
        (Some(found), _) => found,
        (None, Some((number, exponent))) => (number, 10_u128.checked_pow(exponent.parse().ok()?)?),
        (None, None) => (text, 1),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let scale = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let bytes = digits.parse::<u128>().ok()?.checked_mul(unit)?.div_ceil(scale);
    u64::try_from(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_read_as_kubernetes_reads_them() {
        for (text, expected) in [
            ("0", Some(0)),
            ("512Mi", Some(512 << 20)),
            ("1.5Gi", Some(3 << 29)),
            ("2G", Some(2_000_000_000)),
            ("1e3", Some(1000)),
            ("0.5", Some(1)),
            ("16Ei", None),
            ("", None),
            ("Mi", None),
            ("-1", None),
            ("12 Mi", None),
            ("1.2.3", None),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}
